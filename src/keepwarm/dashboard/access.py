"""Who may look at the cache and who may change it.

Figures are for whoever sends the token, or sits on the machine itself. Changes need the
token: being on the machine is no proof of intent, as any page in a browser there may
send requests to it.
"""

import ipaddress
import secrets
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from keepwarm.errors import ConfigurationError

SHORTEST_TOKEN = 16  # characters; a shorter one could be guessed over a fast network

# Any of these says that somebody stands between the peer and the client. Servers such as
# uvicorn also take the client's address from the first two: it may then be anybody's word.
_PROXIED = (
    "x-forwarded-for",
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "via",
)


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides by request; `token` is what operators send as `Authorization: Bearer`.

    Raises ConfigurationError for a token that is too short to keep anybody out.
    """

    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise ConfigurationError(
                f"the admin token must have at least {SHORTEST_TOKEN} characters "
                "(None switches everything off that needs one)"
            )

    def may_look(self, request: Request) -> bool:
        return self.knows_token(request) or is_local(request)

    def knows_token(self, request: Request) -> bool:
        if self.token is None:
            return False
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        # Starlette decodes headers as latin-1: back to the bytes that were sent.
        return secrets.compare_digest(sent.strip().encode("latin-1"), self.token.encode())

    def check_look(self, request: Request) -> None:
        """Raises HTTPException: 401, or 404 where no token would help."""
        if not self.may_look(request):
            self._refuse()

    def check_change(self, request: Request) -> None:
        """Raises HTTPException: 401 without the token, 403 from another site's page."""
        if not self.knows_token(request):
            self._refuse()
        if is_from_another_site(request.headers):
            raise HTTPException(403, "This request was made by another site's page.")

    def _refuse(self) -> None:
        if self.token is None:
            raise HTTPException(404, "Not found.")
        raise HTTPException(401, "This needs the admin token.", {"WWW-Authenticate": "Bearer"})


def is_local(request: Request) -> bool:
    """Whether the request comes from this machine, through no proxy, and asks for it by name.

    The last is for browsers: a foreign name that resolves to 127.0.0.1 (DNS rebinding)
    makes a page of that name's owner "same-origin" with us.
    """
    client = request.client
    if client is None or not _is_loopback(client.host):
        return False
    if any(name in request.headers for name in _PROXIED):
        return False
    host = _host_of(request.headers.get("host", ""))
    return host == "localhost" or _is_loopback(host)


def is_from_another_site(headers: Headers) -> bool:
    """Whether a browser says so. What is no browser sends neither field."""
    fetched_from = headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    # The scheme is left out: behind a TLS proxy ours is http and the page's is https.
    return origin.partition("://")[2] != headers.get("host", "")


def _host_of(authority: str) -> str:
    """`authority` without its port and brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].lower()


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
