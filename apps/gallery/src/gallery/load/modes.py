"""One page of a list, again and again: how long each mode takes with and without a cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gallery.data.values import Mode
from gallery.load.client import Connections
from gallery.load.stage import StageError
from gallery.load.summary import percentile

PAGE = "/api/characters?mode={mode}&page=0&page_size=24"


@dataclass(frozen=True, slots=True)
class Timing:
    """Latencies of one page in ms, as the client saw them."""

    count: int
    median_ms: float
    p99_ms: float


def timing(took_ms: Sequence[float]) -> Timing:
    return Timing(len(took_ms), percentile(took_ms, 0.5), percentile(took_ms, 0.99))


async def timed(
    connections: Connections,
    mode: Mode,
    *,
    count: int,
    clients: int = 1,
    refused: list[int] | None = None,
    tell: Callable[[], None] = lambda: None,
) -> list[float]:
    """How long `count` answers took, in ms, asked for by so many clients at once.

    Answers of 5xx are counted in `refused[0]` and not timed; without it, and for any other
    status but 200, raises StageError.
    """
    left = iter(range(count))
    took: list[float] = []

    async def client() -> None:
        for _ in left:
            began = time.perf_counter()
            answer = await connections.send("GET", PAGE.format(mode=mode.value), timeout_s=60.0)
            took_ms = (time.perf_counter() - began) * 1000
            tell()
            if answer.status == 200:
                took.append(took_ms)
            elif refused is not None and answer.status >= 500:
                refused[0] += 1
            else:
                raise StageError(f"{mode.value} answered {answer.status}: {answer.body[:200]!r}")

    await asyncio.gather(*(client() for _ in range(clients)))
    return took
