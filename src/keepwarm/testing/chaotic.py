"""A shared store that fails by seeded dice, around any other: to test what is built on it.

    store = Chaotic(AsyncRedis(...), seed=7, faults={"away": 0.01, "lost_reply": 0.01})

Four faults, each with the share of steps it befalls:

- `away`: StoreAway before the step was carried out
- `lost_reply`: StoreAway after it was carried out, so its outcome is unknown
- `late`: the step, or its reply, comes up to `late_s` later; others overtake it
- `cancelled`: the step is cancelled on its way, as by a timeout, and the outcome unknown
  (async stores only)

The fate of the n-th step of a kind depends on the seed, the kind and n alone, so a seed
means the same whichever tasks run first. `story` lists what happened; given back as
`story=` it happens again, and nothing else.
"""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Mirror
from keepwarm.core.policy import Policy
from keepwarm.core.steps import Step
from keepwarm.engine.answers import Parts, SystemClock
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.guard import Guard
from keepwarm.engine.wiring import Wiring
from keepwarm.errors import ConfigurationError
from keepwarm.observe.counters import Counters
from keepwarm.ports import AsyncShared, BlockingShared, StoreAway
from keepwarm.stores.near import NearTier

R = TypeVar("R")

LATE_S = 0.02  # as long as a few round trips, and shorter than any operation's timeout
_MOST_TURNS = 6  # of the loop, before a cancelled step is cancelled: at each of its awaits


class Fault(Enum):
    AWAY = "away"
    LOST_REPLY = "lost_reply"
    LATE = "late"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls the `number`-th step of a kind; `weight` in [0, 1) says how much of it."""

    kind: str
    number: int
    fault: Fault
    weight: float

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {self.fault.value} {self.weight:.4f}"


class Fates:
    """Deals them out, and remembers which came true. Safe from any thread."""

    def __init__(
        self, seed: int, faults: Mapping[str, float], spare: Collection[type[Step[Any]]], story: str
    ) -> None:
        self.seed = seed
        self._shares = {Fault(name): share for name, share in faults.items()}
        if sum(self._shares.values()) > 1 or any(share < 0 for share in self._shares.values()):
            raise ConfigurationError("the shares of all faults together are between 0 and 1")
        self._spare = tuple(spare)
        self._told = {(fate.kind, fate.number): fate for fate in map(_fate, story.splitlines())}
        self._is_replay = bool(story)
        self._counts: Counter[str] = Counter()
        self._met: list[Fate] = []
        self._lock = threading.Lock()

    @property
    def story(self) -> str:
        """What happened so far, a line each; empty if nothing did."""
        with self._lock:
            return "\n".join(map(str, self._met))

    def next(self, step: Step[Any]) -> Fate | None:
        """The fate of this step, or None if nothing befalls it."""
        kind = type(step).__name__
        if isinstance(step, self._spare):
            return None
        with self._lock:
            self._counts[kind] += 1
            number = self._counts[kind]
            fate = self._told.get((kind, number)) if self._is_replay else self._dice(kind, number)
            if fate is not None:
                self._met.append(fate)
            return fate

    def _dice(self, kind: str, number: int) -> Fate | None:
        dice = random.Random(f"{self.seed} {kind} {number}")
        drawn = dice.random()
        for fault, share in self._shares.items():
            if drawn < share:
                return Fate(kind, number, fault, dice.random())
            drawn -= share
        return None


class _Chaos:
    """What both wrappers share: fates, the switch, and what needs no waiting."""

    def __init__(
        self,
        store: AsyncShared | BlockingShared,
        seed: int,
        faults: Mapping[str, float],
        late_s: float,
        spare: Collection[type[Step[Any]]],
        story: str,
    ) -> None:
        self._fates = Fates(seed, faults, spare, story)
        self._late_s = late_s
        self._downs = 0
        self._inner = store

    def __repr__(self) -> str:
        return f"<{type(self).__name__} seed={self._fates.seed} around {self._inner!r}>"

    @property
    def story(self) -> str:
        """What happened so far; `story=` makes it happen again."""
        return self._fates.story

    @contextmanager
    def down(self) -> Iterator[None]:
        """Inside, every step is refused before it is carried out."""
        self._downs += 1
        try:
            yield
        finally:
            self._downs -= 1

    @property
    def mirror(self) -> Mirror | None:
        return self._inner.mirror

    @property
    def heard(self) -> Heard:
        return self._inner.heard

    @property
    def is_up(self) -> bool:
        return not self._downs and self._inner.is_up

    @property
    def notes(self) -> tuple[str, ...]:
        return self._inner.notes

    def forget_leases(self, leases: tuple[str, ...]) -> None:
        self._inner.forget_leases(leases)

    def _fate(self, step: Step[Any]) -> Fate | None:
        if self._downs:
            raise StoreAway("unreachable")
        fate = self._fates.next(step)
        if fate is not None and fate.fault is Fault.AWAY:
            raise StoreAway("unreachable")
        return fate

    def _pauses(self, fate: Fate | None) -> tuple[float, float]:
        """Seconds to wait before the step and after it."""
        if fate is None or fate.fault is not Fault.LATE:
            return 0.0, 0.0
        weight = fate.weight * 2  # the first half of them come late, the others' replies do
        return (weight * self._late_s, 0.0) if weight < 1 else (0.0, (weight - 1) * self._late_s)


class Chaotic(_Chaos):
    """Around an AsyncShared. Steps of the kinds in `spare` are left alone."""

    def __init__(
        self,
        store: AsyncShared,
        *,
        seed: int = 0,
        faults: Mapping[str, float] | None = None,
        late_s: float = LATE_S,
        spare: Collection[type[Step[Any]]] = (),
        story: str = "",
    ) -> None:
        super().__init__(store, seed, faults or {}, late_s, spare, story)
        self._store = store

    async def answer(self, step: Step[R]) -> R:
        fate = self._fate(step)
        if fate is not None and fate.fault is Fault.CANCELLED:
            return await self._cancelled(step, int(fate.weight * _MOST_TURNS))
        before_s, after_s = self._pauses(fate)
        if before_s:
            await asyncio.sleep(before_s)
        reply = await self._store.answer(step)
        if after_s:
            await asyncio.sleep(after_s)
        if fate is not None and fate.fault is Fault.LOST_REPLY:
            raise StoreAway("timeout")
        return reply

    async def aclose(self) -> None:
        await self._store.aclose()

    def abandon(self) -> None:
        self._store.abandon()

    async def _cancelled(self, step: Step[R], turns: int) -> R:
        task = asyncio.ensure_future(self._store.answer(step))
        for _ in range(turns):
            if task.done():
                break
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        if task.cancelled():
            raise StoreAway("timeout")
        return task.result()


class BlockingChaotic(_Chaos):
    """Around a BlockingShared: as Chaotic, but nothing can be cancelled there."""

    def __init__(
        self,
        store: BlockingShared,
        *,
        seed: int = 0,
        faults: Mapping[str, float] | None = None,
        late_s: float = LATE_S,
        spare: Collection[type[Step[Any]]] = (),
        story: str = "",
    ) -> None:
        super().__init__(store, seed, faults or {}, late_s, spare, story)
        if (faults or {}).get(Fault.CANCELLED.value):
            raise ConfigurationError("a blocking step cannot be cancelled")
        self._store = store

    def answer(self, step: Step[R]) -> R:
        fate = self._fate(step)
        before_s, after_s = self._pauses(fate)
        if before_s:
            time.sleep(before_s)
        reply = self._store.answer(step)
        if after_s:
            time.sleep(after_s)
        if fate is not None and fate.fault is Fault.LOST_REPLY:
            raise StoreAway("timeout")
        return reply

    def close(self) -> None:
        self._store.close()


def cache_on(
    connect: Callable[[], AsyncShared],
    connect_blocking: Callable[[], BlockingShared],
    *,
    namespace: str,
    policies: Mapping[str, Policy],
    near_bytes: int = 64 * 1024 * 1024,
    bound_s: float = 0.0,
) -> BaseCache:
    """A cache on stores of one's own, chaotic or not.

    `connect` is called on the event loop that the cache is first used on, `connect_blocking`
    for threads and by the thread that repeats unconfirmed invalidations.
    """
    clock = SystemClock()
    counters = Counters(clock.mono)
    parts = Parts(
        observer=counters,
        clock=clock,
        guard=Guard(connect_blocking, clock),
        near=NearTier(near_bytes),
    )
    wiring = Wiring(namespace, dict(policies), bound_s, parts, counters, connect, connect_blocking)
    return BaseCache(wiring)


def _fate(line: str) -> Fate:
    try:
        kind, number, fault, weight = line.split()
        return Fate(kind, int(number), Fault(fault), float(weight))
    except ValueError:
        raise ConfigurationError(f"not a line of a chaotic store's story: {line!r}") from None
