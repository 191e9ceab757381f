"""Request fields by which apps know their users, and those by which nobody does.

There is no end to the first kind: every proxy that signs users in has names of its own. So what
is in neither list is not trusted either; `watching` tells whether a handler looked at it.
"""

API_KEYS = frozenset(
    {
        *(b"x-api-key", b"api-key", b"apikey", b"x-apikey", b"x-key", b"x-token", b"token"),
        *(b"x-auth-token", b"x-access-token", b"x-api-token", b"x-session-token", b"x-session-id"),
        *(
            b"x-session",
            b"x-user-token",
            b"x-id-token",
            b"x-jwt",
            b"x-jwt-assertion",
            b"auth-token",
        ),
        *(b"x-authorization", b"x-auth", b"access-token", b"session-id", b"session-token"),
        # What proxies say after they have signed somebody in.
        *(
            b"x-user",
            b"x-user-id",
            b"x-user-email",
            b"x-username",
            b"remote-user",
            b"x-remote-user",
        ),
        *(b"x-forwarded-user", b"x-forwarded-email", b"x-forwarded-groups", b"x-webauth-user"),
        *(b"x-forwarded-preferred-username", b"x-forwarded-access-token", b"x-forwarded-login"),
        *(b"x-auth-request-user", b"x-auth-request-email", b"x-auth-request-groups"),
        *(b"x-auth-request-preferred-username", b"x-auth-request-access-token"),
        *(b"x-authenticated-user", b"x-authenticated-userid", b"x-consumer-id"),
        *(b"x-consumer-username", b"x-credential-identifier", b"x-authentik-username"),
        *(b"x-authentik-uid", b"x-authentik-email", b"remote-groups", b"remote-email"),
        *(b"cf-access-jwt-assertion", b"cf-access-authenticated-user-email"),
        *(b"x-amzn-oidc-data", b"x-amzn-oidc-identity", b"x-amzn-oidc-accesstoken"),
        *(b"x-amz-security-token", b"x-goog-iap-jwt-assertion", b"x-serverless-authorization"),
        *(b"x-goog-authenticated-user-email", b"x-goog-authenticated-user-id"),
        *(b"x-ms-client-principal", b"x-ms-client-principal-id", b"x-ms-client-principal-name"),
        *(b"x-ms-token-aad-access-token", b"x-ms-token-aad-id-token", b"x-pomerium-jwt-assertion"),
        *(b"tailscale-user-login", b"tailscale-user-name", b"x-forwarded-client-cert"),
        *(b"x-client-cert", b"client-cert", b"x-ssl-client-cert", b"x-ssl-client-s-dn"),
        *(b"ssl-client-cert", b"x-ssl-client-verify", b"x-ssl-client-dn"),
    }
)
"""Fields by which apps know their users beside the registered ones."""
CREDENTIALS = frozenset({b"authorization", b"cookie", b"proxy-authorization"}) | API_KEYS

_HARMLESS = frozenset(
    {
        *(b"host", b"user-agent", b"referer", b"dnt", b"priority", b"via", b"prefer", b"date"),
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"expect"),
        *(b"upgrade-insecure-requests", b"save-data", b"device-memory", b"dpr", b"width"),
        *(b"viewport-width", b"rtt", b"downlink", b"ect", b"purpose", b"x-purpose", b"x-moz"),
        *(b"cache-control", b"pragma", b"range", b"if-range", b"if-match", b"if-none-match"),
        *(b"if-modified-since", b"if-unmodified-since", b"max-forwards", b"early-data"),
        *(b"content-length", b"content-type", b"content-encoding", b"content-language"),
        *(b"available-dictionary", b"dictionary-id", b"x-requested-with", b"x-forwarded-for"),
        *(b"x-real-ip", b"true-client-ip", b"x-client-ip", b"x-cluster-client-ip"),
        *(b"cf-connecting-ip", b"cf-ipcountry", b"cf-ray", b"cf-visitor", b"cdn-loop"),
        *(b"x-request-id", b"x-correlation-id", b"traceparent", b"tracestate", b"baggage", b"b3"),
        *(b"x-amzn-trace-id", b"x-amz-cf-id", b"x-cloud-trace-context", b"x-request-start"),
        *(b"x-queue-start", b"x-datadog-trace-id", b"x-datadog-parent-id", b"sentry-trace"),
        b"x-datadog-sampling-priority",
    }
)
_HARMLESS_BEGINNINGS = (b"accept", b"sec-", b"x-b3-", b"x-envoy-", b"hx-", b"turbo-", b"x-inertia")


def as_read(name: bytes) -> bytes:
    """A field's name as the apps have it that cannot tell `_` from `-`: all behind WSGI."""
    return name.replace(b"_", b"-") if b"_" in name else name


def is_harmless(name: bytes) -> bool:
    """Whether a field that apps may look at tells no users apart, as far as anybody knows."""
    return name in _HARMLESS or name.startswith(_HARMLESS_BEGINNINGS)
