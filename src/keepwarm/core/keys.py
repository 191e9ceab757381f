"""Keys: which arguments name an entry, and what it is called in a store.

The *logical* key is a template with its arguments, `characters:detail:5`; people write
it, patterns match it, stamps guard it. The *physical* one is the name in the store,
`gallery:characters:detail:5@1f2e3d4c`: namespace, logical key, and the fingerprint of
the value's type, so that a new release never reads an old shape.

Both steps are injective: entries share a name only if they are the same. A template is
checked against its function once, when it is declared; what then comes from users are
values, and a value can write neither a separator, nor a glob, nor a brace.
"""

import re
from hashlib import blake2b

from keepwarm.core.parts import encode_part, safe_text
from keepwarm.core.templates import Template
from keepwarm.errors import ConfigurationError, KeyArgumentError

__all__ = ["Template", "check_key", "check_namespace", "check_tag", "encode_part", "physical"]

LONGEST_NAME = 200  # characters of a logical key that are stored readably
_READABLE_PREFIX = 120  # of a longer one; enough to recognise it in a listing
_DIGEST_BYTES = 20

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def check_namespace(namespace: object) -> str:
    """`namespace`, which may hold letters, digits, `_`, `.`, `-`, at most 64.

    No colon, so that namespace "a" with key "b:c" is not "a:b" with "c"; no brace, so
    that it cannot choose a cluster's slot. Raises ConfigurationError.
    """
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        raise ConfigurationError(
            f"namespace={namespace!r} must be 1 to 64 of the characters A-Z a-z 0-9 _ . -"
        )
    return namespace


def check_key(key: str) -> str:
    """`key`, a logical key written by hand: any text but the empty one.

    Raises KeyArgumentError.
    """
    return _check_text(key, "a key")


def check_tag(tag: str) -> str:
    """`tag`, written by hand: any text but the empty one. Raises KeyArgumentError."""
    return _check_text(tag, "a tag")


def _check_text(text: object, what: str) -> str:
    if not isinstance(text, str):
        raise KeyArgumentError(f"{what} must be a str, not {type(text).__name__}")
    if not text:
        raise KeyArgumentError(f"{what} must not be empty")
    return text


def physical(namespace: str, logical: str, fingerprint: str) -> str:
    """The name of an entry in a store; printable ASCII, bounded, without braces.

    The namespace ends at the first colon and the fingerprint begins after the last
    `@`. Metadata begins with `{`, which no namespace does. A long key is cut and ends
    in a digest of the whole; `!h` marks it, because `!` is otherwise followed by two
    hexadecimal digits.
    """
    safe = safe_text(logical)
    if len(safe) > LONGEST_NAME:
        data = logical.encode("utf-8", "surrogatepass")
        digest = blake2b(data, digest_size=_DIGEST_BYTES, person=b"keepwarm.key")
        safe = f"{safe[:_READABLE_PREFIX].partition('!')[0]}!h.{digest.hexdigest()}"
    return f"{namespace}:{safe}@{fingerprint}"
