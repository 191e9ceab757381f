"""The cache for threads: the same answers, one load for many, bounded fills, no deadlock."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from engine.conftest import StillClock
from keepwarm import Cache, FillTimeout, Overloaded, collect, fill
from keepwarm.core.outcome import Reason
from keepwarm.engine.threads import BlockingCache


@pytest.fixture
def threads(make: Callable[..., Cache]) -> Iterator[BlockingCache]:
    owner = make()
    with owner.blocking() as cache:
        yield cache
    owner.end()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


class Origin:
    """Answers with its version once the gate is open; counts calls and their overlap."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.calls = self.running = self.most = self.version = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.calls += 1
            self.running += 1
            self.most = max(self.most, self.running)
        read = self.version
        self.begun.set()
        assert self.gate.wait(10)
        with self._lock:
            self.running -= 1
        return read


def waiting(threads: BlockingCache, count: int) -> None:
    """Return once `count` callers have joined flights or wait for slots."""
    pause = threading.Event()
    while True:
        with threads._running()._lock:
            flights = set(threads._running()._by_key.values())
            joined = sum(len(f.done._waiters) for f in flights)  # type: ignore[attr-defined]
        if joined >= count:
            return
        pause.wait(0.001)


def test_decorated_functions_and_calls_by_hand(threads: BlockingCache, clock: StillClock) -> None:
    calls: list[int] = []

    @threads("plain", key="row:{row}", tags=["row:{row}"], none="absent")
    def row(row: int) -> str | None:
        calls.append(row)
        return f"row {row}" if row < 9 else None

    @threads.batch("plain", key="row:{row}", tags=["row:{row}"], none="absent")
    def rows(row: list[int]) -> dict[int, str]:
        calls.extend(row)
        return {r: f"row {r}" for r in row if r < 9}

    assert [row(1), row(1)] == ["row 1"] * 2
    assert rows([1, 2, 99]) == {1: "row 1", 2: "row 2"}
    assert row(99) is None
    assert calls == [1, 2, 99]
    assert row.peek(2) == "row 2"
    assert row.refresh(2) == "row 2"
    assert row.put("put", 2)
    assert row(2) == "put"
    row.invalidate(2)
    assert row.peek(2) is None
    assert "row:1 current" in row.explain(1)
    assert threads.set("k", [1, 2], "plain", tags=["t"])
    assert threads.get_many(["k", "none"]) == {"k": [1, 2]}
    clock.advance(200)
    assert threads.touch("k", "plain")
    clock.advance(200)
    assert threads.get("k") == [1, 2]
    threads.invalidate("t")
    assert threads.get("k", "default") == "default"
    assert threads.invalidate_pattern("row:*", dry_run=True).level == "preview"
    threads.delete("row:1")
    threads.clear()
    assert rows([1]) == {1: "row 1"}


def test_many_threads_cost_one_load(threads: BlockingCache, pool: ThreadPoolExecutor) -> None:
    origin = Origin()
    callers = [pool.submit(threads.get_or_set, "k", origin, "plain") for _ in range(30)]
    waiting(threads, 29)
    origin.gate.set()

    assert [c.result(10) for c in callers] == [0] * 30
    assert origin.calls == 1


def test_callers_after_an_invalidation_do_not_join_the_flight_before_it(
    threads: BlockingCache, pool: ThreadPoolExecutor
) -> None:
    origin = Origin()
    before = pool.submit(threads.get_or_set, "k", origin, "plain", tags=["t"])
    assert origin.begun.wait(5)
    origin.version = 1
    threads.invalidate("t")
    origin.begun.clear()
    after = pool.submit(threads.get_or_set, "k", origin, "plain", tags=["t"])
    assert origin.begun.wait(5)
    origin.gate.set()

    assert (before.result(10), after.result(10)) == (0, 1)
    assert threads.get_or_set("k", lambda: 1, "plain", tags=["t"]) == 1, "the old value was stored"


def test_exceptions_reach_every_waiter_and_are_not_cached(
    threads: BlockingCache, pool: ThreadPoolExecutor
) -> None:
    origin = Origin()

    def fails() -> int:
        origin()
        raise LookupError("no such row")

    callers = [pool.submit(threads.get_or_set, "k", fails, "plain") for _ in range(5)]
    waiting(threads, 4)
    origin.gate.set()
    assert [type(c.exception(10)) for c in callers] == [LookupError] * 5
    assert threads.get_or_set("k", lambda: 3, "plain") == 3


def test_a_waiter_waits_no_longer_than_the_hard_timeout(
    threads: BlockingCache, pool: ThreadPoolExecutor
) -> None:
    """The leader runs the origin in its own thread, and stays with it."""
    origin = Origin()
    leader = pool.submit(threads.get_or_set, "k", origin, "hard")
    assert origin.begun.wait(5)
    with pytest.raises(FillTimeout):
        threads.get_or_set("k", origin, "hard")
    origin.gate.set()
    assert leader.result(10) == 0


def test_fills_are_bounded_and_overload_is_told(
    threads: BlockingCache, pool: ThreadPoolExecutor
) -> None:
    origin = Origin()
    first = pool.submit(threads.get_or_set, "k0", origin, "one-impatient")
    assert origin.begun.wait(5)
    with pytest.raises(Overloaded):
        threads.get_or_set("k1", origin, "one-impatient")
    origin.gate.set()
    first.result(10)
    more: list[Future[int]] = [
        pool.submit(threads.get_or_set, f"k{n}", origin, "one") for n in range(10)
    ]
    for one in more:
        one.result(10)
    assert origin.most == 1
    assert origin.calls == 10


def test_beyond_the_slots_a_stale_value_is_served(
    threads: BlockingCache, pool: ThreadPoolExecutor, clock: StillClock
) -> None:
    threads.get_or_set("k", lambda: 5, "one-stale")
    clock.advance(61)
    origin = Origin()
    busy = pool.submit(threads.get_or_set, "other", origin, "one-stale")
    assert origin.begun.wait(5)
    with collect() as outcomes:
        assert threads.get_or_set("k", lambda: 6, "one-stale") == 5
    assert outcomes[0].reason is Reason.OVERLOADED
    origin.gate.set()
    busy.result(10)
    assert threads.get_or_set("k", lambda: 6, "one-stale") == 6


def test_revalidation_runs_in_the_background_once(
    threads: BlockingCache, clock: StillClock
) -> None:
    threads.get_or_set("k", lambda: 5, "revalidate")
    clock.advance(61)
    origin = Origin()
    origin.version = 6
    with collect() as outcomes:
        assert [threads.get_or_set("k", origin, "revalidate") for _ in range(5)] == [5] * 5
    assert {o.reason for o in outcomes} == {Reason.REVALIDATING}
    origin.gate.set()
    pause = threading.Event()
    while threads.get("k") != 6:  # asks for nothing
        pause.wait(0.001)
    assert origin.calls == 1


def test_a_slow_origin_is_bridged_by_the_stale_value(
    threads: BlockingCache, clock: StillClock
) -> None:
    threads.get_or_set("k", lambda: 5, "soft")
    clock.advance(61)
    origin = Origin()
    origin.version = 6
    assert threads.get_or_set("k", origin, "soft") == 5
    origin.gate.set()
    pause = threading.Event()
    while threads.get("k") is None:
        pause.wait(0.001)
    assert threads.get("k") == 6


def test_a_fill_does_not_wait_for_one_that_waits_for_its_slot(
    threads: BlockingCache, pool: ThreadPoolExecutor
) -> None:
    """A runs in the only slot, B queues in another thread, then A asks for B."""
    go, begun = threading.Event(), threading.Event()

    def outer() -> int:
        begun.set()
        assert go.wait(5)
        inner: int = threads.get_or_set("inner", lambda: 1, "one")
        return 10 + inner

    first = pool.submit(threads.get_or_set, "outer", outer, "one")
    assert begun.wait(5)
    queued = pool.submit(threads.get_or_set, "inner", lambda: 1, "one")
    pause = threading.Event()
    while len(threads._running()._by_key) < 2:
        pause.wait(0.001)
    go.set()

    assert first.result(3) == 11
    assert queued.result(3) == 1


def test_nested_values_carry_their_tags_outward(threads: BlockingCache) -> None:
    calls: list[str] = []

    @threads("plain", key="inner", tags=["inner"])
    def inner() -> int:
        calls.append("inner")
        fill.tag("late")
        return 1

    @threads("plain", key="outer")
    def outer() -> int:
        calls.append("outer")
        return inner()

    for _ in range(4):
        outer()
    so_far = calls.count("outer")
    outer()
    assert calls.count("outer") == so_far, "never stored"
    threads.invalidate("inner")
    outer()
    assert calls.count("outer") == so_far + 1


def test_first_use_by_many_threads_at_once_makes_one_engine(
    make: Callable[..., Cache], pool: ThreadPoolExecutor
) -> None:
    """Two engines would be two tables of flights, and the loser's connections leaked."""
    for _ in range(20):
        owner = make()
        barrier = threading.Barrier(8)

        def use(owner: Cache = owner, barrier: threading.Barrier = barrier) -> object:
            barrier.wait()
            return owner.blocking().__enter__()._running()

        drivers = {f.result(10) for f in [pool.submit(use) for _ in range(8)]}
        assert len(drivers) == 1
        owner.end()


def test_a_closed_cache_is_not_revived(threads: BlockingCache) -> None:
    threads.close()
    with pytest.raises(ValueError, match="closed"):
        threads.get("k")


# --- event loops -----------------------------------------------------------------------


def test_one_cache_serves_two_event_loops_one_after_the_other(make: Callable[..., Cache]) -> None:
    """As with two asyncio.run() in one script; the first loop's connections are let go."""
    owner = make()
    loads = []

    async def use() -> int:
        answer: int = await owner.get_or_set("k", lambda: loads.append(1) or 7, "plain")
        return answer

    assert [asyncio.run(use()) for _ in range(3)] == [7] * 3
    assert len(loads) == 1

    async def end() -> None:
        await use()
        await owner.aclose()

    asyncio.run(end())


def test_two_event_loops_at_once_are_refused(make: Callable[..., Cache]) -> None:
    owner = make()

    async def use() -> None:
        await owner.get("k")

        def elsewhere() -> None:
            with pytest.raises(ValueError, match="another event loop"):
                asyncio.run(owner.get("k"))

        await asyncio.to_thread(elsewhere)
        await owner.aclose()

    asyncio.run(use())
