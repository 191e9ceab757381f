"""One load from beginning to end: copy the data, sign in, serve, play, judge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gallery.data.database import Database
from gallery.load.cast import Cast, find_cast, sign_in
from gallery.load.ideal import Ideal, ideal
from gallery.load.oracle import Oracle, Verdict
from gallery.load.plan import Plan
from gallery.load.player import Event, Exchange, Played, Player
from gallery.load.replay import replay
from gallery.load.sequence import sequence
from gallery.load.stage import (
    Figures,
    ServerProcess,
    Stage,
    StoreFigures,
    copy_database,
    store_figures,
)
from gallery.load.summary import Summary, summary
from keepwarm.core.times import TIMES
from keepwarm.stores.redis.server import EmbeddedServer

Watch = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a load is played on: `live` is changed by it, `snapshot` is from before it."""

    live: Path
    snapshot: Path
    cast: Cast
    tokens: dict[int, str]


async def prepare(stage: Stage, source: Path, plan: Plan, name: str) -> Ground:
    """A copy of `source` with everybody signed in, and a copy of that."""
    live = stage.directory / f"{name}.db"
    await asyncio.to_thread(copy_database, source, live)
    return await prepare_again(stage, live, plan, name)


async def prepare_again(stage: Stage, live: Path, plan: Plan, name: str) -> Ground:
    """Ground for another load on a database that already is a copy, maybe being served."""
    database = Database(f"sqlite:///{live}")
    try:
        await database.migrate()
        cast = await find_cast(database, characters=plan.characters.count, users=plan.users.count)
        tokens = await sign_in(database, cast)
    finally:
        await database.dispose()
    snapshot = stage.directory / f"{name}-before.db"
    await asyncio.to_thread(copy_database, live, snapshot)
    return Ground(live, snapshot, cast, tokens)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done to the store, at a share of a load's duration."""

    share: float
    name: str
    act: Callable[[], object]


def faults(store: EmbeddedServer, plan: Plan) -> tuple[Fault, ...]:
    """The plan's: kill -9 and start again, empty; SIGSTOP and SIGCONT."""
    return (
        Fault(plan.faults.kill, "killed", store.kill),
        Fault(plan.faults.restart, "restarted", store.start),
        Fault(plan.faults.freeze, "frozen", store.freeze),
        Fault(plan.faults.thaw, "thawed", store.thaw),
    )


@dataclass(slots=True)
class Ran:
    """What a load came to. Figures are of the whole load unless they say otherwise."""

    played: Played
    summary: Summary
    ideal: Ideal  # until the first fault
    on_trial: Ideal  # the same, of one that distrusts what is filled at first, as ours must
    calls: Figures  # until the first fault; differences to the load's beginning
    queries: int
    store: StoreFigures | None
    peak_bytes: int = 0
    limit_bytes: int = 0

    @property
    def hit_ratio(self) -> float:
        """Of the cached calls that the requests until the first fault come to, as the ideal
        counts them: those for which nothing was computed, whichever layer answered. A stored
        response answers for all the calls of its handler, which then are not made.
        """
        calls = self.ideal.calls
        return max(0, calls - self.calls.computed) / calls if calls else 0.0

    @property
    def of_ideal(self) -> float:
        return self.hit_ratio / self.ideal.ratio if self.ideal.ratio else 0.0

    @property
    def queries_per_s(self) -> float:
        return self.queries / self.played.took_s


@dataclass(slots=True)
class Run:
    """A load being played on a server; watch `state` and `peak` while it runs."""

    server: ServerProcess
    store: EmbeddedServer
    plan: Plan
    ground: Ground
    faults: Sequence[Fault] = ()
    before: Sequence[Exchange] = ()  # what warmed the cache, for the ideal
    watch: Watch = lambda exchange: None
    state: str = "up"
    latest: StoreFigures | None = None
    _peak: int = 0
    _at_fault: Figures | None = None
    _events: list[Event] = field(default_factory=list)

    async def play(self) -> Ran:
        plan, server = self.plan, self.server
        planned = sequence(plan, self.ground.cast)
        events = [
            Event(plan.seconds * fault.share, fault.name, self._doing(fault))
            for fault in self.faults
        ]
        player = Player(server.connections, self.ground.cast, self.ground.tokens, watch=self.watch)
        began = await server.figures()
        looking = asyncio.create_task(self._look())
        try:
            played = await player.play(planned, events)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        ended = await server.figures()
        upto = self._at_fault or ended
        undisturbed = [
            one for one in played.exchanges
            if self._at_fault is None or one.received_at <= played.events[0][0]
        ]  # fmt: skip
        final = await store_figures(self.store)
        self._see(final)
        return Ran(
            played=played,
            summary=summary(played.exchanges),
            ideal=ideal(undisturbed, before=self.before),
            on_trial=ideal(undisturbed, before=self.before, trial_s=TIMES.writer_s),
            calls=Figures(
                upto.queries - began.queries,
                upto.processor_s - began.processor_s,
                upto.hits - began.hits,
                upto.misses - began.misses,
                upto.computed - began.computed,
            ),
            queries=ended.queries - began.queries,
            store=final,
            peak_bytes=self._peak,
            limit_bytes=final.limit_bytes if final else 0,
        )

    def _doing(self, fault: Fault) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            if self._at_fault is None:
                self._at_fault = await self.server.figures()
            await asyncio.to_thread(fault.act)
            self.state = fault.name

        return act

    async def _look(self) -> None:
        """Ask the store for its memory every half second; a frozen one does not answer."""
        while True:
            if self.state not in ("killed", "frozen"):
                self._see(await store_figures(self.store))
            await asyncio.sleep(0.5)

    def _see(self, figures: StoreFigures | None) -> None:
        if figures is not None:
            self.latest = figures
            self._peak = max(self._peak, figures.used_bytes)


async def judged(
    ground: Ground, played: Played, watch: Callable[[float], None] = lambda done: None
) -> Verdict:
    """The verdict on every answer. Raises Diverged if the writes could not be replayed."""
    async with replay(ground.snapshot, ground.live, played.writes, ground.tokens) as again:
        verdict = await Oracle(again, played).judge(watch)
        await again.finish()
    return verdict


def slower(plan: Plan, sample: int, per_s: float) -> Plan:
    """The plan at a rate that even an uncached server answers, for `sample` requests."""
    return plan.but(requests_per_s=per_s, seconds=sample / per_s)
