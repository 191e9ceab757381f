"""Field lines as lists of members (RFC 9110 section 5).

Fields are (lower-case name, value) in bytes, as ASGI has them, in their order.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Field: TypeAlias = tuple[bytes, bytes]
Fields: TypeAlias = Sequence[Field]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def values(fields: Fields, name: bytes) -> list[str]:
    """The values of all lines of `name`, in their order."""
    return [value.decode("latin-1") for other, value in fields if other == name]


def first(fields: Fields, name: bytes) -> bytes | None:
    """The first line of `name`."""
    for other, value in fields:
        if other == name:
            return value
    return None


def has(fields: Fields, name: bytes) -> bool:
    return any(other == name for other, _ in fields)


def combined(fields: Fields, name: bytes) -> str | None:
    """All lines of `name` as one, by commas; None where there is none, "" where it is empty."""
    found = values(fields, name)
    return ", ".join(found) if found else None


def without(fields: Fields, names: frozenset[bytes] | set[bytes]) -> list[Field]:
    return [field for field in fields if field[0] not in names]


def replaced(fields: Fields, name: bytes, value: bytes) -> list[Field]:
    """`fields` with exactly one line of `name`."""
    return [*without(fields, {name}), (name, value)]


def members(text: str) -> list[str]:
    """The members of a list, stripped, without empty ones; commas in quotes do not part them.

    A quote that is never closed is no quote: or `a="b, no-store` would hide what follows.
    """
    if '"' not in text:
        return [part for part in (raw.strip(" \t") for raw in text.split(",")) if part]
    found: list[str] = []
    start = at = 0
    while at < len(text):
        char = text[at]
        if char == ",":
            found.append(text[start:at])
            start = at + 1
        elif char == '"':
            end = closing_quote(text, at)
            if end is not None:
                at = end
        at += 1
    found.append(text[start:])
    return [part for part in (raw.strip(" \t") for raw in found) if part]


def closing_quote(text: str, opened_at: int) -> int | None:
    """Where the quoted string ends that begins at `opened_at`."""
    at = opened_at + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            return at
        at += 1
    return None


def unquoted(text: str) -> str | None:
    """What a quoted string says, or `text` itself if it is a token; None if it is neither."""
    if len(text) >= 2 and text[0] == '"' and closing_quote(text, 0) == len(text) - 1:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text if _TOKEN.fullmatch(text) else None


def names(text: str) -> list[str]:
    """Field names in a comma-separated list, in lower case."""
    return [member.lower() for member in members(text)]


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def listed(fields: Fields, name: bytes) -> Iterable[str]:
    """The members of all lines of `name`."""
    text = combined(fields, name)
    return members(text) if text else ()
