"""A request as the cache sees it: its key, what it demands, and whether it is to be touched."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from urllib.parse import quote, urlsplit

from keepwarm.asgi.credentials import CREDENTIALS, as_read
from keepwarm.asgi.report import Scope
from keepwarm.asgi.routes import Match, PerUser
from keepwarm.rfc9111.directives import RequestControl, request_control
from keepwarm.rfc9111.fields import Field, first, values
from keepwarm.rfc9111.no_vary_search import Search

LONGEST_URL = 8_192  # servers' own limit, about; what is longer is passed on, not stored
MOST_QUERY_BYTES = 64 * 1024  # of a QUERY's content that is read to make its key

# What apps and frameworks let choose the answer though no Vary names it: told apart by value.
KEYED = frozenset(
    {
        *(b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-scheme", b"x-forwarded-port"),
        *(b"x-forwarded-prefix", b"x-forwarded-server", b"x-forwarded-ssl", b"x-forwarded-path"),
        *(b"x-original-host", b"x-host", b"x-http-host-override", b"front-end-https", b"x-scheme"),
        *(b"x-url-scheme", b"forwarded", b"origin", b"x-script-name", b"x-forwarded-uri"),
        b"x-forwarded-protocol",
    }
)
# What makes another request of it, so that no key would be the right one.
REWRITING = frozenset(
    {
        *(b"x-original-url", b"x-rewrite-url", b"x-http-method-override", b"x-http-method"),
        *(b"x-method-override", b"upgrade", b"expect"),
    }
)
_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})
_ORIGIN_CONDITIONS = frozenset({b"if-match", b"if-unmodified-since"})
"""Those that only the origin can answer (RFC 9111 section 4.3.2)."""

_HOST = re.compile(r"([a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::([0-9]{0,5}))?")
_COOKIE = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+="
    rb"(?:[\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]*|\"[\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]*\")|"
)
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535


@dataclass(slots=True)
class Asked:
    """One request. `bypass` says in a word why it is none of the cache's business, if so."""

    method: str
    fields: list[Field]
    control: RequestControl
    url: str
    logical: str
    variant: str
    path: str
    match: Match | None
    bypass: str = ""
    credentials: frozenset[bytes] = frozenset()
    """The names, as they are spelled, of the fields by which the app may know who asks."""
    has_authorization: bool = False
    has_conditions: bool = False
    wants_range: str | None = None
    content: bytes = b""
    raw: tuple[object, ...] = field(default_factory=tuple)

    @property
    def is_cacheable_method(self) -> bool:
        return self.method in ("GET", "QUERY")

    @property
    def has_credentials(self) -> bool:
        return bool(self.credentials)


def raw_path(scope: Scope) -> bytes:
    """The path as it was sent, without its query."""
    found = scope.get("raw_path")
    if not found:
        return quote(scope["path"], safe="/:@!$&'()*+,;=~").encode("ascii")
    path: bytes = found
    return path.partition(b"?")[0]


def asked_of(
    scope: Scope,
    match: Match | None,
    search: Search | None = None,
    content: bytes = b"",
    credentials: frozenset[bytes] = CREDENTIALS,
) -> Asked:
    """The request in `scope`; `search` is what is known of its path's query.

    `credentials` are the fields by which apps know their users.
    """
    fields = [(name.lower(), value) for name, value in scope["headers"]]
    spelled = {name for name, _ in fields}
    names = {as_read(name) for name in spelled}
    method = scope["method"]
    hosts = values(fields, b"host")
    scheme = scope.get("scheme") or "http"
    host = normal_host(scheme, hosts[0]) if len(set(hosts)) == 1 else None
    path = raw_path(scope).decode("latin-1")
    query = bytes(scope.get("query_string") or b"").decode("latin-1")
    url = f"{scheme}://{host or ''}{path}{'?' + query if query else ''}"
    asked = Asked(
        method=method,
        fields=fields,
        control=request_control(fields),
        url=url,
        logical=logical_of(url, search),
        variant="",
        path=path,
        match=match,
        has_authorization=b"authorization" in names,
        credentials=frozenset(name for name in spelled if as_read(name) in credentials),
        has_conditions=not _CONDITIONS.isdisjoint(names),
        content=content,
    )
    ranges = first(fields, b"range")
    if ranges is not None and method == "GET":
        asked.wants_range = ranges.decode("latin-1")
    asked.bypass = _bypass(asked, host, url, names)
    asked.variant = _variant(asked, spelled)
    return asked


def _bypass(asked: Asked, host: str | None, url: str, names: set[bytes]) -> str:
    if host is None:
        return "host"
    if len(url) > LONGEST_URL or _CONTROL.search(url):
        return "url"
    if not REWRITING.isdisjoint(names):
        return "rewritten"
    if not _ORIGIN_CONDITIONS.isdisjoint(names):
        return "precondition"
    if asked.method in ("GET", "HEAD") and has_content(asked.fields):
        return "content"  # of which no key could know what it changes
    if len(values(asked.fields, b"authorization")) > 1:
        return "authorization"
    return ""


def has_content(fields: Iterable[Field]) -> bool:
    """Whether a request comes with content, as far as its fields say."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0")
        for name, value in fields
    )


def _variant(asked: Asked, names: set[bytes]) -> str:
    """What tells entries of one URL apart beside Vary: unkeyed input, users, content."""
    parts: list[tuple[bytes, ...]] = []
    # With `_` in its name, a field may be read as any other, even one that Vary names.
    for name in sorted(name for name in names if name in KEYED or b"_" in name):
        found = [value for other, value in asked.fields if other == name]
        if name == b"forwarded":
            found = [_forwarded(value) for value in found]
        if any(found) or b"_" in name:
            parts.append((name, *found))
    if asked.match is not None and isinstance(asked.match.policy, PerUser):
        parts += _user(asked, asked.match.policy)
    if asked.method == "QUERY":
        about = [(n, v) for n, v in asked.fields if n in (b"content-type", b"content-encoding")]
        parts += [(b"\0query", asked.content), *about]
    if not parts:
        return ""
    return blake2b(repr(parts).encode(), digest_size=16, person=b"keepwarm.http").hexdigest()


def _forwarded(value: bytes) -> bytes:
    """Of Forwarded what can change a page; who it is for cannot, and differs each time."""
    pairs = (pair.strip().lower() for pair in re.split(rb"[;,]", value))
    return b";".join(pair for pair in pairs if pair.startswith((b"host", b"proto")))


def _user(asked: Asked, policy: PerUser) -> list[tuple[bytes, ...]]:
    keys = asked.credentials - {b"cookie"}
    parts: list[tuple[bytes, ...]] = sorted(field for field in asked.fields if field[0] in keys)
    cookies = [value for name, value in asked.fields if name == b"cookie"]
    if policy.cookies is not None:
        wanted = {name.encode("ascii") for name in policy.cookies}
        pairs = (pair.strip(b" \t") for value in cookies for pair in value.split(b";"))
        # Parsers agree on plain pairs only: what else is there may be any cookie to some of them.
        cookies = [p for p in pairs if p.partition(b"=")[0] in wanted or not _COOKIE.fullmatch(p)]
    return [*parts, (b"cookie", *cookies)]


def normal_host(scheme: str, host: str) -> str | None:
    """A Host field in its normal form (RFC 3986 section 6.2.3); None for what is not one."""
    found = _HOST.fullmatch(host.strip(" \t").lower())
    if found is None or int(found[2] or 0) > _LAST_PORT:
        return None
    if not found[2] or int(found[2]) == _PORTS.get(scheme):
        return found[1]
    return f"{found[1]}:{int(found[2])}"


def logical_of(url: str, search: Search | None = None) -> str:
    """The logical key of all that is stored for `url`, on which a pattern can be matched."""
    if search is None:
        return f"uri:{url}"
    before, has_query, query = url.partition("?")
    try:
        return f"uri:{before}{search.normal(query) if has_query else search.normal('')}"
    except ValueError:
        return f"uri:{url}"


def logical_of_other(url: str, search: Search | None = None) -> str:
    """The same for a URL from a response field, whose host is not in its normal form yet."""
    parts = urlsplit(url)
    host = normal_host(parts.scheme, parts.netloc) or parts.netloc
    query = f"?{parts.query}" if parts.query else ""
    return logical_of(f"{parts.scheme}://{host}{parts.path or '/'}{query}", search)
