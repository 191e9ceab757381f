"""The chaos wrapper, and a cache on chaotic stores: nothing stale, no error reaches a reader."""

import asyncio
import random
import threading
import time
from collections import Counter
from typing import Any

import pytest

from keepwarm import NotAcknowledged, Policy, collect
from keepwarm.core.steps import Capture, ChangeStamps, Ping, ReadShared, Settle
from keepwarm.core.times import TIMES
from keepwarm.errors import ConfigurationError
from keepwarm.ports import StoreAway
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.memory import MemoryStore
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.blocking import BlockingRedis
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.stores.redis.settings import parse_address
from keepwarm.testing.chaotic import BlockingChaotic, Chaotic, cache_on

A = "slot:000a"
POLICIES = {"p": Policy(ttl="5m", jitter=0)}
ALL = {"away": 0.02, "lost_reply": 0.02, "late": 0.05, "cancelled": 0.02}
BLOCKING = {"away": 0.02, "lost_reply": 0.02, "late": 0.05}


class Async:
    """MemoryStore with an `await` in each step, so that there is something to cancel."""

    mirror, is_up, notes = None, True, ()

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.begun: Counter[type] = Counter()
        self.done: Counter[type] = Counter()

    async def answer(self, step: Any) -> Any:
        self.begun[type(step)] += 1
        await asyncio.sleep(0.001)
        reply = self.store.answer(step)
        self.done[type(step)] += 1
        return reply

    def forget_leases(self, leases: tuple[str, ...]) -> None:
        self.store.forget_leases(leases)

    async def aclose(self) -> None:
        self.store.close()

    def abandon(self) -> None: ...


async def play(store: Chaotic, steps: int = 200) -> list[str]:
    found = []
    for n in range(steps):
        step = ChangeStamps((A,)) if n % 3 == 0 else ReadShared((), (A,))
        try:
            await store.answer(step)
            found.append("ok")
        except StoreAway as away:
            found.append(away.why)
    return found


async def test_a_seed_tells_the_same_story_whatever_runs_first() -> None:
    stories = []
    for width in (1, 4):
        store = Chaotic(Async(), seed=5, faults=ALL)
        await asyncio.gather(*(play(store, 240 // width) for _ in range(width)))
        stories.append(sorted(store.story.splitlines()))

    assert stories[0] == stories[1]
    assert len(stories[0]) > 15
    assert stories[0] != sorted((await told(6)).splitlines())


async def told(seed: int) -> str:
    store = Chaotic(Async(), seed=seed, faults=ALL)
    await play(store, 240)
    return store.story


async def test_a_story_happens_again_and_nothing_else() -> None:
    first = Chaotic(Async(), seed=5, faults=ALL)
    found = await play(first)

    again = Chaotic(Async(), seed=99, faults=ALL, story=first.story)

    assert await play(again) == found
    assert again.story == first.story


async def test_away_is_before_the_step_and_a_lost_reply_after_it() -> None:
    inner = Async()
    with pytest.raises(StoreAway, match="unreachable"):
        await Chaotic(inner, faults={"away": 1.0}).answer(Capture((A,)))
    assert inner.begun[Capture] == 0
    with pytest.raises(StoreAway, match="timeout"):
        await Chaotic(inner, faults={"lost_reply": 1.0}).answer(Capture((A,)))
    assert inner.done[Capture] == 1


async def test_a_cancelled_step_is_cancelled_in_the_store() -> None:
    inner = Async()
    with pytest.raises(StoreAway, match="timeout"):
        await Chaotic(inner, faults={"cancelled": 1.0}).answer(Capture((A,)))
    assert inner.done[Capture] == 0


async def test_late_steps_are_carried_out_all_the_same() -> None:
    inner = Async()
    store = Chaotic(inner, faults={"late": 1.0}, late_s=0.03)
    began = time.monotonic()
    await asyncio.gather(*(store.answer(Ping()) for _ in range(40)))

    assert time.monotonic() - began > 0.015
    assert inner.done[Ping] == 40
    assert len(store.story.splitlines()) == 40


async def test_some_kinds_can_be_spared() -> None:
    store = Chaotic(Async(), faults={"away": 1.0}, spare=(ReadShared,))

    await store.answer(ReadShared((), (A,)))
    with pytest.raises(StoreAway):
        await store.answer(Ping())


async def test_down_refuses_everything_until_it_is_over() -> None:
    store = Chaotic(Async())
    with store.down():
        assert not store.is_up
        with pytest.raises(StoreAway, match="unreachable"):
            await store.answer(Ping())
    assert store.is_up
    await store.answer(Ping())
    assert store.story == ""


def test_the_blocking_wrapper_does_the_same() -> None:
    inner = MemoryStore()
    store = BlockingChaotic(inner, seed=3, faults=BLOCKING)
    found: Counter[str] = Counter()
    for _ in range(200):
        try:
            store.answer(Capture((A,)))
            found["ok"] += 1
        except StoreAway as away:
            found[away.why] += 1

    assert set(found) == {"ok", "unreachable", "timeout"}
    with store.down(), pytest.raises(StoreAway):
        store.answer(Ping())


def test_mistakes_are_told_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Chaotic(Async(), faults={"frozen": 0.1})
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        Chaotic(Async(), faults={"away": 0.6, "late": 0.6})
    with pytest.raises(ConfigurationError, match="cancelled"):
        BlockingChaotic(MemoryStore(), faults={"cancelled": 0.1})
    with pytest.raises(ConfigurationError, match="story"):
        Chaotic(Async(), story="once upon a time")


# A cache on it.


class Stores:
    """Chaotic stores of one process on a server, and their stories."""

    def __init__(
        self, server: EmbeddedServer, namespace: str, seed: int, spare: tuple[Any, ...] = ()
    ) -> None:
        self._address, self._namespace = parse_address(server.url), namespace
        self._seed, self._spare = seed, spare
        self.made: list[Chaotic | BlockingChaotic] = []
        self.cache = cache_on(
            self.connect, self.connect_blocking, namespace=namespace, policies=POLICIES
        )

    def connect(self) -> Chaotic:
        store = AsyncRedis(self._address, self._namespace, Sealing(), 2.0, is_strict=True)
        chaotic = Chaotic(store, seed=self._seed, faults=ALL, late_s=0.005, spare=self._spare)
        self.made.append(chaotic)
        return chaotic

    def connect_blocking(self) -> BlockingChaotic:
        store = BlockingRedis(self._address, self._namespace, Sealing(), 2.0, is_strict=True)
        chaotic = BlockingChaotic(
            store, seed=self._seed, faults=BLOCKING, late_s=0.005, spare=self._spare
        )
        self.made.append(chaotic)
        return chaotic

    @property
    def story(self) -> str:
        return "\n--\n".join(store.story for store in self.made)


@pytest.mark.parametrize("seed", range(4))
async def test_a_cache_on_chaotic_stores_serves_nothing_stale_and_no_error(
    server: EmbeddedServer, namespace: str, seed: int
) -> None:
    """Two strict caches, tasks and threads, faults in every step: 0 stale after an ack.

    An invalidation that raised NotAcknowledged promises nothing. Settle is spared: see below.
    """
    one, two = (Stores(server, namespace, 10 * seed + n, (Settle,)) for n in range(2))
    committed, acknowledged = [0] * 4, [0] * 4
    dice, done = random.Random(seed), threading.Event()
    stale: list[str] = []
    errors: list[BaseException] = []
    counts: Counter[str] = Counter()

    async def load(row: int) -> int:
        for _ in range(dice.randrange(3)):
            await asyncio.sleep(0)
        version = committed[row]
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        return version

    def judge(row: int, least: int, got: int, how: Any) -> None:
        counts["reads"] += 1
        if got < least:
            stale.append(f"row {row}: got {got}, acknowledged {least}, {how}")

    async def read(cache: Any) -> None:
        while not done.is_set():
            row = dice.randrange(4)
            least = acknowledged[row]
            with collect() as outcomes:
                got = await cache.get_or_set(
                    f"row:{row}", lambda row=row: load(row), "p", tags=[f"row:{row}"]
                )
            counts["hits"] += outcomes[-1].hit
            judge(row, least, got, outcomes)
            await asyncio.sleep(0)

    def read_in_thread(cache: Any) -> None:
        own = random.Random(seed)
        with cache.blocking() as blocking:
            while not done.is_set():
                row = own.randrange(4)
                least = acknowledged[row]
                got = blocking.get_or_set(
                    f"row:{row}", lambda row=row: committed[row], "p", tags=[f"row:{row}"]
                )
                judge(row, least, got, "in a thread")
                time.sleep(0.0005)

    async def write(cache: Any) -> None:
        for _ in range(60):
            row = dice.randrange(4)
            committed[row] += 1
            version = committed[row]
            try:
                await cache.invalidate(f"row:{row}")
            except NotAcknowledged:
                counts["unacknowledged"] += 1
            else:
                counts["acknowledged"] += 1
                acknowledged[row] = max(acknowledged[row], version)
            await asyncio.sleep(0.002 * dice.random())

    def failed(task: "asyncio.Future[Any]") -> None:
        if not task.cancelled() and task.exception() is not None:
            errors.append(task.exception())  # type: ignore[arg-type]

    async with one.cache as a, two.cache as b:
        readers: list[asyncio.Future[Any]] = [
            *(asyncio.ensure_future(read(cache)) for cache in (a, b) for _ in range(3)),
            *(asyncio.ensure_future(asyncio.to_thread(read_in_thread, cache)) for cache in (a, b)),
        ]
        for reader in readers:
            reader.add_done_callback(failed)
        await asyncio.gather(write(a), write(b))
        done.set()
        await asyncio.gather(*readers, return_exceptions=True)

    story = f"seed {seed}, {dict(counts)}\n{one.story}\n==\n{two.story}"
    assert not errors, story
    assert not stale, f"{stale[0]}\n{story}"
    assert counts["reads"] > 200
    assert counts["hits"] > counts["reads"] / 20
    assert counts["acknowledged"] > 60
    assert counts["unacknowledged"] >= 1


async def test_an_acknowledgement_whose_waiting_failed_is_none(
    server: EmbeddedServer, namespace: str
) -> None:
    """Settle raises StoreAway: who may still answer from a near tier nobody knows.

    So it raises, or it has at least waited for the longest lease.
    """

    class Unsettled(Chaotic):
        async def answer(self, step: Any) -> Any:
            if isinstance(step, Settle):
                raise StoreAway("timeout")
            return await super().answer(step)

    stores = Stores(server, namespace, 0)
    address = parse_address(server.url)
    cache = cache_on(
        lambda: Unsettled(AsyncRedis(address, namespace, Sealing(), 2.0)),
        stores.connect_blocking,
        namespace=namespace,
        policies=POLICIES,
    )
    async with cache:
        began = time.monotonic()
        try:
            await cache.invalidate("row:1")
        except NotAcknowledged:
            return
        assert time.monotonic() - began >= TIMES.lease_s


async def test_a_breaker_that_opens_meanwhile_acknowledges_nothing(
    server: EmbeddedServer, namespace: str
) -> None:
    """1. ChangeStamps is sent  2. three others time out, the breaker opens  3. its reply comes.

    The registry is new, so anybody may have a near copy: a whole lease has to pass.
    """
    stores = Stores(server, namespace, 0)
    address = parse_address(server.url)

    class Opening(Chaotic):
        async def answer(self, step: Any) -> Any:
            reply = await super().answer(step)
            if isinstance(step, ChangeStamps):
                guard = cache._wiring.parts.guard
                while not guard.is_open:  # as the others' timeouts do, sent after the last reply
                    guard.failed(StoreAway("timeout"), guard._clock.mono())
            return reply

    cache = cache_on(
        lambda: Opening(AsyncRedis(address, namespace, Sealing(), 2.0)),
        stores.connect_blocking,
        namespace=namespace,
        policies=POLICIES,
    )
    async with cache:
        began = time.monotonic()
        try:
            await cache.invalidate("row:1")
        except NotAcknowledged:
            return
        assert time.monotonic() - began >= TIMES.lease_s
