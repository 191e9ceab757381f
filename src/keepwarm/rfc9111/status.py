"""Cache-Status (RFC 9211): one member for this cache, at the end of the list."""

import math
from dataclasses import dataclass

from keepwarm.rfc9111.structured import string


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a request. `forward` is None for a hit, else why it went on."""

    forward: str | None = None
    ttl_s: float | None = None
    forward_status: int | None = None
    is_stored: bool = False
    is_collapsed: bool = False
    detail: str = ""
    key: str = ""
    is_new: bool = False
    """The origin has made it for this very request, so that it has no age of its own here."""


def member(name: str, told: Told) -> bytes:
    """The member as it stands in the field."""
    parts = [name]
    if told.forward is None:
        parts.append("hit")
    else:
        parts.append(f"fwd={told.forward}")
        if told.forward_status is not None:
            parts.append(f"fwd-status={told.forward_status}")
    if told.ttl_s is not None:
        parts.append(f"ttl={whole(told.ttl_s)}")
    if told.is_stored:
        parts.append("stored")
    if told.is_collapsed:
        parts.append("collapsed")
    if told.key:
        parts.append(f"key={string(told.key)}")
    if told.detail:
        parts.append(f"detail={told.detail}")
    return "; ".join(parts).encode("ascii")


def whole(seconds: float) -> int:
    """Rounded down, within what a structured integer may be."""
    return math.floor(max(-1e14, min(seconds, 1e14)))
