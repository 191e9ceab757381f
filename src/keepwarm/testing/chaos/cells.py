"""One run: a stage, a load, its faults for some seconds, then peace, then the verdict."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

from redis import RedisError

from keepwarm.stores.redis.binary import NoServer
from keepwarm.testing.chaos.checker import History, Terms, Verdict, check
from keepwarm.testing.chaos.crew import Hung
from keepwarm.testing.chaos.injectors import INJECTORS, Injector, keep_injecting
from keepwarm.testing.chaos.records import Log
from keepwarm.testing.chaos.stage import Cast, Need, Stage
from keepwarm.testing.chaos.values import ROWS
from keepwarm.testing.chaos.worker import BOUND_S, Order

END_S = 30.0  # what was begun may still meet every timeout there is
SETTLE_S = 40.0  # longer than a worker itself waits before it says that it cannot
READ_ALL_S = 60.0
CLOSE_S = 30.0
_MOST_AT_ONCE = 2  # of the faults of a run that has many


@dataclass(frozen=True, slots=True)
class Cell:
    """A cast, its faults, and for how long they are injected."""

    cast: Cast
    faults: tuple[str, ...] = ()
    seconds: float = 6.0

    @property
    def name(self) -> str:
        return "+".join(self.faults) or "none"

    @property
    def missing(self) -> str:
        """Why it cannot be run here; empty if it can."""
        reasons = (INJECTORS[fault].missing(self.cast.server) for fault in self.faults)
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a cell. `not_run` and `broken` say why there is no verdict."""

    cell: Cell
    verdict: Verdict = field(default_factory=Verdict)
    injected: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    took_s: float = 0.0
    not_run: str = ""
    broken: str = ""
    """A worker that hung or ended by itself, or a stage that failed: no better than a broken
    promise."""

    @property
    def is_kept(self) -> bool:
        """Whether it was run and every promise was kept."""
        return not self.not_run and not self.broken and self.verdict.is_kept


async def run(cell: Cell) -> Result:
    """Run a cell, unless something that it needs is missing."""
    if cell.missing:
        return Result(cell, not_run=cell.missing)
    began = time.monotonic()
    injectors = tuple(INJECTORS[fault] for fault in cell.faults)
    needs = reduce(or_, (injector.needs for injector in injectors), Need.NOTHING)
    stage = Stage(replace(cell.cast, needs=needs))
    verdict, broken = Verdict(), ""
    try:
        async with stage:
            try:
                await _play(stage, injectors, cell.seconds)
            except Hung as error:
                broken = str(error)
            verdict = await asyncio.to_thread(_judge, stage)
    except (NoServer, OSError, RedisError) as error:
        broken = f"the stage failed: {type(error).__name__}: {error}"
    return Result(
        cell,
        verdict,
        dict(stage.injected),
        dict(stage.failed),
        time.monotonic() - began,
        broken=broken,
    )


async def _play(stage: Stage, injectors: tuple[Injector, ...], seconds: float) -> None:
    dice = random.Random(f"{stage.cast.seed} {[injector.name for injector in injectors]}")
    until = time.monotonic() + seconds
    if len(injectors) > _MOST_AT_ONCE:
        turns = (_in_turn(injectors, stage, dice, until) for _ in range(_MOST_AT_ONCE))
        await asyncio.gather(*turns)
    else:
        await asyncio.gather(*(keep_injecting(each, stage, dice, until) for each in injectors))
    await asyncio.sleep(max(0.0, until - time.monotonic()))
    await stage.crew.all(Order.END, END_S)
    await stage.crew.all(Order.SETTLE, SETTLE_S)
    await asyncio.sleep(BOUND_S + 0.1)  # bounded near copies may be served until then
    await stage.crew.all(Order.READ_ALL, READ_ALL_S)
    await stage.crew.all(Order.CLOSE, CLOSE_S)


async def _in_turn(
    injectors: tuple[Injector, ...], stage: Stage, dice: random.Random, until: float
) -> None:
    """One fault after another, in an order of its own, each for a while."""
    while time.monotonic() < until:
        for injector in dice.sample(injectors, len(injectors)):
            turn_ends = min(until, time.monotonic() + dice.uniform(1, 3))
            await keep_injecting(injector, stage, dice, turn_ends)


def _judge(stage: Stage) -> Verdict:
    cast = stage.cast
    logs = [Log.load(path) for path in sorted(stage.directory.glob("*.log"))]
    history = History(logs, dict(stage.rows.read(range(ROWS))), tuple(stage.spans))
    bound_s = BOUND_S if cast.coherence == "bounded" else None
    return check(history, Terms(bound_s, cast.is_writing))
