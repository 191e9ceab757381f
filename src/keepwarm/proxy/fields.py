"""Which header fields end at a proxy, and which a peer cannot make it drop."""

from collections.abc import Iterable
from typing import TypeAlias

Field: TypeAlias = tuple[bytes, bytes]

# RFC 9110 §7.6.1. Trailer too: trailer sections are not forwarded (ASGI servers over
# HTTP/1.1 cannot send them), so that nobody should be told to expect one.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# `Connection: Authorization` would make a private answer look like anybody's; `Connection:
# Vary` one variant like all. RFC 9110 §7.6.1 forbids listing fields meant for all
# recipients: such a wish is ignored, and the field goes on.
ALWAYS_KEPT = frozenset(
    b"""
    accept accept-charset accept-encoding accept-language age allow authorization cache-control
    cache-group-invalidation cache-groups cdn-cache-control clear-site-data content-encoding
    content-language content-length content-location content-range content-type cookie date etag
    expires forwarded from host if-match if-modified-since if-none-match if-range
    if-unmodified-since last-modified location no-vary-search origin pragma proxy-authenticate
    proxy-authorization range referer set-cookie surrogate-control user-agent vary via
    www-authenticate x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip
    """.split()
)


def end_to_end(fields: Iterable[Field]) -> list[Field]:
    """`fields` without those that end here, in order, with case and repetition kept."""
    found = list(fields)
    options = listed(found)
    dropped = HOP_BY_HOP | (options - ALWAYS_KEPT) if options else HOP_BY_HOP
    return [field for field in found if field[0].lower() not in dropped]


def listed(fields: Iterable[Field]) -> frozenset[bytes]:
    """The options of all Connection fields, in lower case."""
    return frozenset(
        option
        for name, value in fields
        if name.lower() == b"connection"
        for part in value.lower().split(b",")
        if (option := part.strip(b" \t"))
    )


def values(fields: Iterable[Field], name: bytes) -> list[bytes]:
    """The value of each `name` line (lower case), as it stands."""
    return [value for key, value in fields if key.lower() == name]
