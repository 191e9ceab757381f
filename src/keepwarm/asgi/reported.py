"""What `CacheReport` says of the run that made a response, and what a stored one says instead.

Those fields are about one run and no other, so they are not stored. A hit had no such run: it
tells that it is one, and what the run had cost. Only lines that are exactly ours count; what an
origin reports of itself is stored like any field.
"""

import re

from keepwarm.asgi.summary import CACHE_NAME
from keepwarm.rfc9111.fields import Field, Fields, has

_TIMING = re.compile(
    rb'(?:cache;desc="[a-z ]+", )?(?:origin;dur=([0-9.]+), )?total;dur=[0-9.]+'
)  # fmt: skip


def of_run(fields: Fields) -> list[Field]:
    """The fields that are about the run that made a response."""
    is_reported = has(fields, b"x-cache")
    mine = any(n == b"cache-status" and _is_ours(v) for n, v in fields)
    return [
        (name, value)
        for name, value in fields
        if (name == b"server-timing" and _TIMING.fullmatch(value))
        or (mine and name == b"x-cache")
        or (is_reported and name == b"cache-status" and _is_ours(value))
    ]


def without_run(fields: list[Field]) -> list[Field]:
    """`fields` without those."""
    run = of_run(fields)
    return [field for field in fields if field not in run] if run else fields


def cost_ms(fields: Fields) -> float | None:
    """What the cached calls of that run had cost, at least; None where it does not report."""
    for name, value in fields:
        if name == b"server-timing" and (found := _TIMING.fullmatch(value)):
            return float(found[1]) if found[1] else 0.0
    return None


def of_hit(cost: float, *, is_stale: bool) -> list[Field]:
    """The same of a response that was stored; it has no run whose time could be told."""
    timing = f'cache;desc="response {"stale" if is_stale else "hit"}"'
    if cost:
        timing += f", origin;dur={cost:.1f}"
    return [
        (b"x-cache", b"STALE" if is_stale else b"HIT"),
        (b"server-timing", timing.encode("ascii")),
    ]


def _is_ours(value: bytes) -> bool:
    return value.startswith(CACHE_NAME.encode())
