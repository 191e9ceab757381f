"""The measurements: modes with and without the cache, and three runs of the same load."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from gallery.data.values import Mode
from gallery.load import requests as rq
from gallery.load.modes import Timing, timed, timing
from gallery.load.oracle import Verdict
from gallery.load.plan import Plan
from gallery.load.player import Exchange, Player
from gallery.load.requests import Planned
from gallery.load.run import Ground, Ran, Run, faults, judged, prepare
from gallery.load.stage import ServerProcess, Stage, stage, store_figures

Tell = Callable[[str, float], None]
"""Called with what is being measured and how far that is (0 … 1)."""

CRAWL_SIZE = 60  # cards on a page, the most there are
CRAWL_PER_S = 25.0
CRAWL_CHUNK = 50  # pages between two looks at the store


@dataclass(frozen=True, slots=True)
class Effort:
    """How often each thing is measured. `rounds` alternate without and with the cache."""

    rounds: int = 2
    uncached: int = 5
    cached: int = 200
    crowd: int = 20
    uncached_crowd: int = 20
    cached_crowd: int = 1_000
    small_store: str = "32mb"
    crawl_pages: int = 800


QUICK = Effort(
    rounds=2, uncached=1, cached=5, crowd=4, uncached_crowd=4, cached_crowd=20,
    small_store="2500kb", crawl_pages=5,
)  # fmt: skip


@dataclass(slots=True)
class ModeFigures:
    mode: str
    uncached: Timing
    cached: Timing
    uncached_crowd: Timing
    cached_crowd: Timing
    refused: int  # of the crowd without a cache: it asks for more than can be computed

    @property
    def gain(self) -> float:
        return self.uncached.median_ms / self.cached.median_ms


@dataclass(slots=True)
class LoadFigures:
    """One run of the load."""

    name: str
    maxmemory: str
    ran: Ran
    verdict: Verdict
    notes: list[str] = field(default_factory=list)


async def measure_modes(
    directory: Path, source: Path, plan: Plan, effort: Effort, tell: Tell
) -> tuple[list[ModeFigures], str]:
    """Each mode without and with the cache, A B A B; and which store it was."""
    found = []
    async with stage(directory) as here:
        ground = await prepare(here, source, plan, "modes")
        plain = await here.server(ground.live, cached=False)
        cached = await here.server(ground.live)
        store = await asyncio.to_thread(_store_name, here.store.url)
        for number, mode in enumerate(Mode):
            tell(f"modes: {mode.value}", number / len(Mode))
            found.append(await _mode(plain, cached, mode, effort))
        tell("modes", 1.0)
    return found, store


async def _mode(
    plain: ServerProcess, cached: ServerProcess, mode: Mode, effort: Effort
) -> ModeFigures:
    took: dict[str, list[float]] = {"a": [], "b": [], "A": [], "B": []}
    refused = [0]
    await timed(cached.connections, mode, count=1)  # the fill
    for _ in range(effort.rounds):
        took["a"] += await timed(plain.connections, mode, count=effort.uncached)
        took["b"] += await timed(cached.connections, mode, count=effort.cached)
    for _ in range(effort.rounds):
        took["A"] += await timed(
            plain.connections, mode, count=effort.uncached_crowd, clients=effort.crowd,
            refused=refused,
        )  # fmt: skip
        took["B"] += await timed(
            cached.connections, mode, count=effort.cached_crowd, clients=effort.crowd
        )
    a, b, crowd_a, crowd_b = (timing(took[name]) for name in "abAB")
    return ModeFigures(mode.value, a, b, crowd_a, crowd_b, refused[0])


async def measure_load(
    directory: Path,
    source: Path,
    plan: Plan,
    tell: Tell,
    *,
    name: str,
    maxmemory: str = "512mb",
    crawl_pages: int = 0,
    is_disturbed: bool = False,
) -> LoadFigures:
    """The load on a cold cache, or after a crawl that fills the store; and its verdict."""
    async with stage(directory, maxmemory=maxmemory) as here:
        ground = await prepare(here, source, plan, "load")
        server = await here.server(ground.live)
        before = await _crawl(here, server, ground, crawl_pages, tell) if crawl_pages else []
        expected = plan.seconds * plan.requests_per_s
        done = 0

        def watch(exchange: Exchange) -> None:
            nonlocal done
            done += 1
            tell(f"{name}: playing", min(1.0, done / expected))

        run = Run(
            server, here.store, plan, ground,
            faults=faults(here.store, plan) if is_disturbed else (),
            before=before, watch=watch,
        )  # fmt: skip
        ran = await run.play()
        await server.stop()
        verdict = await judged(ground, ran.played, lambda done: tell(f"{name}: judging", done))
        notes = [f"crawled {len(before)} pages of {CRAWL_SIZE} first"] if before else []
    return LoadFigures(name, maxmemory, ran, verdict, notes)


async def _crawl(
    here: Stage, server: ServerProcess, ground: Ground, pages: int, tell: Tell
) -> list[Exchange]:
    """Read pages of the newest characters until the store begins to evict."""
    seen: list[Exchange] = []
    player = Player(server.connections, ground.cast, ground.tokens)
    for first in range(0, pages, CRAWL_CHUNK):
        tell("filling the store", first / pages)
        chunk = [
            Planned(number / CRAWL_PER_S, rq.listing(Mode.NEWEST, first + number, CRAWL_SIZE, None))
            for number in range(min(CRAWL_CHUNK, pages - first))
        ]
        seen += (await player.play(chunk)).exchanges
        figures = await store_figures(here.store)
        if figures is not None and figures.evicted > 0:
            break
    return seen


def _store_name(url: str) -> str:
    client = Redis.from_url(url)
    try:
        told = client.info("server")
    finally:
        client.close()
    name = told.get("server_name", "redis")
    return f"{name} {told.get('valkey_version') or told['redis_version']}"
