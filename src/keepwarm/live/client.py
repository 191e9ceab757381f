"""The browser's side as one ES module, if this package carries it.

It is built from web/live: by `make client` in a checkout, and into each wheel. A checkout in
which nobody built it has none.
"""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from keepwarm.rfc9111.conditionals import matches_any

BUILT = Path(__file__).with_name("client.js")


@lru_cache(maxsize=1)
def module() -> tuple[bytes, bytes] | None:
    """(its text, its entity tag), or None."""
    try:
        text = BUILT.read_bytes()
    except FileNotFoundError:
        return None
    return text, b'"' + blake2b(text, digest_size=8).hexdigest().encode() + b'"'


def answer(asked: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """(status, fields, body); `asked` is the request's If-None-Match."""
    found = module()
    if found is None:
        return 404, [(b"content-type", b"text/plain; charset=utf-8")], MISSING
    text, tag = found
    fields = [*_FIELDS, (b"etag", tag)]
    return (304, fields, b"") if matches_any(asked, tag) else (200, fields, text)


_FIELDS = [
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"cache-control", b"public, max-age=300, stale-while-revalidate=86400"),
    (b"x-content-type-options", b"nosniff"),
]
MISSING = (
    b"this installation carries no client: `make client` in a checkout of keepwarm builds it, "
    b"and its wheels contain it"
)
