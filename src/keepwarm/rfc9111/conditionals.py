"""A client's own conditions, answered from a stored response (RFC 9111 section 4.3.2)."""

from keepwarm.rfc9111.dates import date_of, parse_date
from keepwarm.rfc9111.fields import Field, Fields, combined, first, members, values, without

# RFC 9110 section 15.4.5: a 304 says nothing about a body it does not carry.
_OF_THE_BODY = frozenset(
    {b"content-length", b"content-type", b"content-encoding", b"content-language", b"content-range"}
)


def is_unmodified(request: Fields, stored: Fields, came_at: float, now: float) -> bool:
    """Whether the client has what is stored already, so that a 304 will do.

    If-None-Match decides alone where it is given (RFC 9110 section 13.2.2).
    """
    tags = combined(request, b"if-none-match")
    if tags is not None:
        return matches_any(tags, first(stored, b"etag"))
    dates = values(request, b"if-modified-since")
    if len(dates) != 1:
        return False  # a list is no date (RFC 9110 section 13.1.3)
    since = parse_date(dates[0], now)
    if since is None:
        return False
    for name in (b"last-modified", b"date"):
        changed_at = date_of(stored, name, now)
        if changed_at is not None:
            return changed_at <= since
    return came_at <= since


def matches_any(tags: str, etag: bytes | None) -> bool:
    """Whether a list of entity tags, or `*`, names this one, by the weak comparison (8.8.3.2)."""
    if tags.strip(" \t") == "*":
        return True
    if etag is None:
        return False
    own = etag.decode("latin-1").removeprefix("W/")
    return any(tag.removeprefix("W/") == own for tag in members(tags))


def is_strong(etag: bytes | None) -> bool:
    return etag is not None and len(etag) >= 2 and etag[:1] == b'"' == etag[-1:]


def of_not_modified(fields: Fields) -> list[Field]:
    """The fields of a 304 made from those of a stored response."""
    return without(fields, _OF_THE_BODY)
