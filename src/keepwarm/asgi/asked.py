"""A request as the cache sees it: its key, what it demands, and whether it is to be touched."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from urllib.parse import quote, urlsplit

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
    }
)
# What makes another request of it, so that no key would be the right one.
REWRITING = frozenset(
    {
        *(b"x-original-url", b"x-rewrite-url", b"x-http-method-override", b"x-http-method"),
        *(b"x-method-override", b"upgrade", b"expect"),
    }
)
API_KEYS = frozenset({b"x-api-key", b"api-key", b"x-auth-token", b"x-access-token"})
"""Fields by which apps know their users beside the registered ones."""
CREDENTIALS = frozenset({b"authorization", b"cookie", b"proxy-authorization"}) | API_KEYS

_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})
_ORIGIN_CONDITIONS = frozenset({b"if-match", b"if-unmodified-since"})
"""Those that only the origin can answer (RFC 9111 section 4.3.2)."""

_HOST = re.compile(r"(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_PORTS = {"http": ":80", "https": ":443"}


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
    has_authorization: bool = False
    has_cookie: bool = False
    has_api_key: bool = False
    has_conditions: bool = False
    wants_range: str | None = None
    content: bytes = b""
    raw: tuple[object, ...] = field(default_factory=tuple)

    @property
    def is_cacheable_method(self) -> bool:
        return self.method in ("GET", "QUERY")

    @property
    def has_credentials(self) -> bool:
        return self.has_authorization or self.has_cookie or self.has_api_key


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
) -> Asked:
    """The request in `scope`; `search` is what is known of its path's query."""
    fields = [(name.lower(), value) for name, value in scope["headers"]]
    names = {name for name, _ in fields}
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
        has_cookie=b"cookie" in names,
        has_api_key=not API_KEYS.isdisjoint(names),
        has_conditions=not _CONDITIONS.isdisjoint(names),
        content=content,
    )
    ranges = first(fields, b"range")
    if ranges is not None and method == "GET":
        asked.wants_range = ranges.decode("latin-1")
    asked.bypass = _bypass(asked, host, url, names)
    asked.variant = _variant(asked, names)
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
    for name in sorted(KEYED & names):
        found = [value for other, value in asked.fields if other == name]
        if name == b"forwarded":
            found = [_forwarded(value) for value in found]
        if any(found):
            parts.append((name, *found))
    if asked.match is not None and isinstance(asked.match.policy, PerUser):
        parts += _user(asked.fields, asked.match.policy)
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


def _user(fields: list[Field], policy: PerUser) -> list[tuple[bytes, ...]]:
    parts: list[tuple[bytes, ...]] = []
    parts.append((b"authorization", *(v for n, v in fields if n == b"authorization")))
    parts += sorted(field for field in fields if field[0] in API_KEYS)
    cookies = [value for name, value in fields if name == b"cookie"]
    if policy.cookies is not None:
        wanted = {name.encode("latin-1") for name in policy.cookies}
        pairs = (pair.strip() for value in cookies for pair in value.split(b";"))
        cookies = sorted(pair for pair in pairs if pair.partition(b"=")[0].strip() in wanted)
    return [*parts, (b"cookie", *cookies)]


def normal_host(scheme: str, host: str) -> str | None:
    """A Host field in its normal form; None for what is not one."""
    found = host.strip(" \t").lower()
    found = found.removesuffix(_PORTS.get(scheme, "\0"))
    return found if _HOST.fullmatch(found) else None


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
