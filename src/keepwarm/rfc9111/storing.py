"""Whether a response may be stored, and without which of its fields (RFC 9111 section 3)."""

from dataclasses import dataclass

from keepwarm.rfc9111.directives import RequestControl, ResponseControl
from keepwarm.rfc9111.fields import Field, Fields, has, listed, without
from keepwarm.rfc9111.freshness import HEURISTIC_STATUSES, Basis, Lifetime
from keepwarm.rfc9111.selecting import vary_names

UNDERSTOOD = frozenset(
    {
        *(200, 203, 204, 206, 300, 301, 302, 303, 304, 307, 308),
        *(400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417),
        *(421, 422, 425, 426, 451, 500, 501, 502, 503, 504, 505),
    }
)
"""Statuses whose caching requirements are implemented here (must-understand, 5.2.2.3)."""

NEVER_STORED = frozenset({428, 429, 431, 511})
"""RFC 6585: about one request, one client, or one network, whatever they say of a lifetime."""

UNSTORED_FIELDS = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"),
        *(b"transfer-encoding", b"proxy-authenticate", b"proxy-authentication-info"),
        b"proxy-authorization",
    }
)
"""Fields that are about one connection, or one proxy, and not about the response (3.1)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether, and in a word why."""

    may: bool
    reason: str

    def __bool__(self) -> bool:
        return self.may


_MAY = Verdict(True, "stored")


def storable(
    method: str,
    status: int,
    fields: Fields,
    control: ResponseControl,
    lifetime: Lifetime,
    asked: RequestControl,
    *,
    is_shared: bool = True,
    has_authorization: bool = False,
    is_declared: bool = False,
    may_set_cookie: bool = False,
) -> Verdict:
    """Whether a cache may store this response, and whether it could ever reuse it.

    `is_declared`: somebody vouched that it is the same for everybody, as s-maxage does.
    `may_set_cookie`: a response with Set-Cookie is stored if it has an explicit lifetime; what
    becomes of that field is another question (`shared_cookies`).
    """
    if not 200 <= status <= 599 or status == 304 or status in NEVER_STORED:
        return Verdict(False, "status")
    if asked.no_store:
        return Verdict(False, "request-no-store")
    if control.must_understand:
        if status not in UNDERSTOOD:
            return Verdict(False, "must-understand")
    elif control.no_store:
        return Verdict(False, "no-store")
    if is_shared and control.private:
        return Verdict(False, "private")
    if is_shared and has_authorization and not (is_declared or may_share_authorized(control)):
        return Verdict(False, "authorization")
    if vary_names(fields) is None:
        return Verdict(False, "vary-star")
    if has(fields, b"set-cookie") and not (may_set_cookie and lifetime.is_explicit):
        return Verdict(False, "set-cookie")
    if method == "POST" and not lifetime.is_explicit:
        return Verdict(False, "post-without-lifetime")
    is_cacheable = (
        lifetime.is_explicit
        or control.public
        or (control.private and not is_shared)
        or status in HEURISTIC_STATUSES
    )
    if not is_cacheable:
        return Verdict(False, "no-lifetime")
    if not _is_of_use(status, fields, control, lifetime):
        return Verdict(False, "no-lifetime" if lifetime.basis is Basis.NONE else "expired")
    return _MAY


def may_share_authorized(control: ResponseControl) -> bool:
    """Whether a response to a request with Authorization is for others, too (3.5)."""
    return control.public or control.must_revalidate or (control.s_maxage or 0) > 0


def _is_of_use(status: int, fields: Fields, control: ResponseControl, lifetime: Lifetime) -> bool:
    """Whether it could be reused: fresh, with a validator, or in a stale window."""
    if lifetime.seconds > 0 and not control.no_cache:
        return True
    if status in (200, 206) and (has(fields, b"etag") or has(fields, b"last-modified")):
        return True
    windows = (control.stale_while_revalidate or 0) + (control.stale_if_error or 0)
    return windows > 0 and lifetime.is_explicit and not control.no_cache


def to_store(fields: Fields, control: ResponseControl, *, is_shared: bool = True) -> list[Field]:
    """`fields` without those that must not be stored, or not be reused."""
    dropped = set(UNSTORED_FIELDS) | connection_fields(fields) | control.hidden
    if is_shared:
        dropped |= control.private_fields
    # Else a field that may not be shared would take with it what says so.
    return without(fields, dropped - {b"cache-control", b"vary", b"date"})


EVERY_COOKIE = "*"


def shared_cookies(fields: Fields, names: frozenset[str]) -> list[Field]:
    """`fields` without the cookies that are one client's.

    Section 7.3 leaves it to the origin to keep Set-Cookie out of shared caches, and many
    forget. As if it had said `private="set-cookie"`, a cookie is for whoever caused the
    response, unless its name is one of `names` (`*`: all).
    """
    if EVERY_COOKIE in names:
        return list(fields)
    return [f for f in fields if f[0] != b"set-cookie" or cookie_name(f[1]) in names]


def cookie_name(value: bytes) -> str:
    """The name of the cookie that a Set-Cookie line sets."""
    return value.partition(b";")[0].partition(b"=")[0].strip(b" \t").decode("latin-1")


def connection_fields(fields: Fields) -> set[bytes]:
    """Fields that Connection declares to be about this connection."""
    return {name.lower().encode("latin-1") for name in listed(fields, b"connection")}
