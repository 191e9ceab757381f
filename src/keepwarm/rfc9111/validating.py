"""Validation: asking the origin whether a stored response still holds (RFC 9111 section 4.3)."""

from keepwarm.rfc9111.dates import format_date
from keepwarm.rfc9111.fields import Field, Fields, first, has, without
from keepwarm.rfc9111.storing import UNSTORED_FIELDS, connection_fields

CONDITIONS = frozenset(
    {b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range"}
)

# 3.2: a stored body has the length it has; a part of one is the part it is.
_KEPT = frozenset({b"content-length", b"content-range"})


def conditions(stored: Fields) -> list[Field]:
    """The fields that ask whether `stored` is what the origin would send now (4.3.1)."""
    found: list[Field] = []
    etag = first(stored, b"etag")
    if etag:
        found.append((b"if-none-match", etag))
    modified = first(stored, b"last-modified")
    if modified:
        found.append((b"if-modified-since", modified))
    return found


def confirms(stored: Fields, answer: Fields) -> bool:
    """Whether a 304 is about the stored response (4.3.4).

    A strong validator must be the same; a weak one must match; none at all confirms the
    one response that was asked about.
    """
    etag, known = first(answer, b"etag"), first(stored, b"etag")
    if etag is not None:
        if etag.startswith(b"W/") or known is None or known.startswith(b"W/"):
            return known is None or _opaque(etag) == _opaque(known)
        return etag == known
    modified, before = first(answer, b"last-modified"), first(stored, b"last-modified")
    if modified is not None and before is not None and known is None:
        return modified == before
    return True


def updated(stored: Fields, answer: Fields, came_at: float) -> list[Field]:
    """The stored fields with those of a 304, or of a HEAD's 200, in their place (3.2).

    An answer without a Date was made when it came (RFC 9110 section 6.6.1): the old one
    would make it as old as what it renews.
    """
    if has(stored, b"date") and not has(answer, b"date"):
        answer = [*answer, (b"date", format_date(came_at))]
    dropped = _KEPT | UNSTORED_FIELDS | connection_fields(answer)
    new = without(answer, dropped)
    if not has(answer, b"age"):
        stored = without(stored, {b"age"})  # that one counted from the response it came with
    return [*without(stored, {name for name, _ in new}), *new]


def outdated_by_head(stored: Fields, answer: Fields) -> bool:
    """Whether a 200 to a HEAD is about something else than the stored response (4.3.5)."""
    return any(
        said is not None and has(stored, name) and said != first(stored, name)
        for name in (b"etag", b"last-modified", b"content-length")
        for said in (first(answer, name),)
    )


def freshened_by_head(stored: Fields, answer: Fields) -> bool:
    """Whether one that is not says that the stored response still holds.

    Only by a validator that both have: most pages of an app are as long as they were.
    """
    return any(has(stored, n) and has(answer, n) for n in (b"etag", b"last-modified"))


def _opaque(etag: bytes) -> bytes:
    return etag.removeprefix(b"W/")
