"""The browser's side as one ES module, if this package carries it.

It is built from web/live: by `make client` in a checkout, and into each wheel. A checkout in
which nobody built it has none.
"""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

BUILT = Path(__file__).with_name("client.js")


@lru_cache(maxsize=1)
def module() -> tuple[bytes, bytes] | None:
    """(its text, its entity tag), or None."""
    try:
        text = BUILT.read_bytes()
    except FileNotFoundError:
        return None
    return text, b'"' + blake2b(text, digest_size=8).hexdigest().encode() + b'"'


FIELDS = [
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"cache-control", b"public, max-age=300, stale-while-revalidate=86400"),
    (b"x-content-type-options", b"nosniff"),
]
MISSING = (
    "this installation carries no client: `make client` in a checkout of keepwarm builds it, "
    "and its wheels contain it"
)
