"""Which cells the whole matrix has: every fault alone for each seed, then pairs."""

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from keepwarm.testing.chaos.cells import Cell
from keepwarm.testing.chaos.injectors import INJECTORS
from keepwarm.testing.chaos.stage import Cast

WRITING_FAULTS = ("kill-worker", "pause-worker", "kill-server", "evict", "failover", "cancel")
"""What `writing()` is there for, and what could take its marks away."""
WRITING_S = 10.0  # a dead writer's mark lives for three seconds of it


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of it is run. The first coherence gets the pairs and `writing()`, too."""

    seeds: Sequence[int] = (1, 2, 3)
    coherences: Sequence[str] = ("strict", "validate", "bounded")
    pairs: int = 40
    seconds: float = 6.0
    cast: Cast = field(default_factory=Cast)
    servers: Sequence[str] = ("valkey",)


def cells(extent: Extent) -> Iterator[Cell]:
    """In an order that a run which is cut short has seen every fault once.

    What one kind of server cannot play is played on the other.
    """
    for cell in _cells(extent):
        yield replace(cell, cast=replace(cell.cast, server="valkey")) if cell.missing else cell


def _cells(extent: Extent) -> Iterator[Cell]:
    for seed, server in _seeded(extent):
        for coherence in extent.coherences:
            if coherence == "bounded" and seed != extent.seeds[0]:
                continue  # nothing distinguishes it from validate but how long it does not ask
            cast = replace(extent.cast, seed=seed, coherence=coherence, server=server)
            for faults in ((), *((name,) for name in INJECTORS)):
                yield Cell(cast, faults, extent.seconds)
    yield from _announced(extent)
    yield from _pairs(extent)


def _announced(extent: Extent) -> Iterator[Cell]:
    for seed, server in _seeded(extent):
        cast = replace(
            extent.cast, seed=seed, coherence=extent.coherences[0], server=server, is_writing=True
        )
        for name in WRITING_FAULTS:
            yield Cell(cast, (name,), max(extent.seconds, WRITING_S))


def _pairs(extent: Extent) -> Iterator[Cell]:
    possible = [name for name, injector in INJECTORS.items() if not injector.missing("valkey")]
    pairs = list(combinations(possible, 2))
    dice = random.Random(str(extent.seeds))
    chosen = dice.sample(pairs, min(extent.pairs, len(pairs)))
    seeded = list(_seeded(extent))
    for number, pair in enumerate(chosen):
        seed, server = seeded[number % len(seeded)]
        coherence = extent.coherences[number % min(2, len(extent.coherences))]
        cast = replace(extent.cast, seed=seed, coherence=coherence, server=server)
        yield Cell(cast, pair, extent.seconds)


def _seeded(extent: Extent) -> Iterator[tuple[int, str]]:
    for number, seed in enumerate(extent.seeds):
        yield seed, extent.servers[number % len(extent.servers)]


def servers_here() -> tuple[str, ...]:
    """Valkey from the wheel, and Redis where it is installed."""
    return ("valkey", "redis") if shutil.which("redis-server") else ("valkey",)
