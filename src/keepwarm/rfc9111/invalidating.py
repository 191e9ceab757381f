"""What an unsafe request makes outdated (RFC 9111 section 4.4)."""

from urllib.parse import urljoin, urlsplit

from keepwarm.rfc9111.fields import Fields, first

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "REPORT", "SEARCH"})
"""RFC 9110 section 9.2.1, RFC 10008 and those of WebDAV; whoever is not known is unsafe."""


def is_unsafe(method: str) -> bool:
    return method not in SAFE


def outdated(url: str, status: int, fields: Fields) -> tuple[str, ...]:
    """The URLs whose stored responses an unsafe request to `url` made outdated.

    Its own, Location and Content-Location if they are of the same origin: whoever may
    answer for one site must not reach another's. A request that failed changes nothing.
    """
    if not 200 <= status < 400:
        return ()
    found = [url]
    try:
        origin = _origin(url)
    except ValueError:
        return ()  # nothing can be stored of what is no URL
    for name in (b"location", b"content-location"):
        raw = first(fields, name)
        if raw is None:
            continue
        try:
            other = urljoin(url, raw.decode("latin-1").strip(" \t")).partition("#")[0]
            if _origin(other) == origin and other not in found:
                found.append(other)
        except ValueError:
            continue
    return tuple(found)


def is_content_of(url: str, fields: Fields) -> bool:
    """Whether a response says that it holds what a GET of `url` would (RFC 9110 9.3.3)."""
    raw = first(fields, b"content-location")
    if raw is None:
        return False
    try:
        return urljoin(url, raw.decode("latin-1").strip(" \t")) == url
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port
