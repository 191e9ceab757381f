"""Single flight, cancellation, nesting and bounded fills: one load for many, nobody harmed."""

import asyncio
import contextlib
import random
from collections.abc import Callable

import pytest

from engine.conftest import StillClock, waiting
from keepwarm import Cache, Overloaded, collect, fill
from keepwarm.core.outcome import Reason


class Origin:
    """Answers with its version once the gate is open; counts calls and their overlap."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.calls = 0
        self.running = 0
        self.most = 0
        self.version = 0

    async def __call__(self) -> int:
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        read = self.version
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return read


async def test_fifty_callers_of_a_cold_key_cost_one_load(cache: Cache) -> None:
    origin = Origin()
    callers = [asyncio.ensure_future(cache.get_or_set("k", origin, "plain")) for _ in range(50)]
    await waiting(cache, 50)
    origin.gate.set()

    assert await asyncio.gather(*callers) == [0] * 50
    assert origin.calls == 1


async def test_fifty_callers_that_arrive_in_any_order_cost_one_load(cache: Cache) -> None:
    """Also those that read the store while the first one's entry was on its way."""
    origin = Origin()
    origin.gate.set()
    answers = await asyncio.gather(
        *(cache.get_or_set("k", origin, "plain", tags=["t"]) for _ in range(50))
    )
    assert answers == [0] * 50
    assert origin.calls == 1


async def test_callers_after_an_acknowledged_invalidation_get_what_is_read_after_it(
    cache: Cache,
) -> None:
    """They must not join the flight that read before it; nor may it be stored."""
    origin = Origin()

    def call() -> "asyncio.Future[int]":
        return asyncio.ensure_future(cache.get_or_set("k", origin, "plain", tags=["t"]))

    before = [call() for _ in range(25)]
    await waiting(cache, 25)
    while not origin.calls:
        await asyncio.sleep(0)
    origin.version = 1
    await cache.invalidate("t")
    after = [call() for _ in range(25)]
    await waiting(cache, 50)
    origin.gate.set()

    assert await asyncio.gather(*before) == [0] * 25
    assert await asyncio.gather(*after) == [1] * 25
    assert origin.calls == 2
    assert await call() == 1


async def test_a_late_tag_invalidated_during_the_fill_is_not_stored(cache: Cache) -> None:
    gate, calls = asyncio.Event(), []

    @cache("plain", key="k")
    async def value() -> int:
        calls.append(1)
        fill.tag("late")
        if len(calls) == 2:
            await gate.wait()
        return len(calls)

    await value()  # creates the tag's stamp
    await cache.invalidate_key("k")
    second = asyncio.ensure_future(value())
    await waiting(cache, 1)
    await cache.invalidate("late")
    third = asyncio.ensure_future(value())  # joins: its token shows nothing of the tag
    await waiting(cache, 2)
    gate.set()
    with collect() as outcomes:
        assert await second == 2
        assert await third == 3
        await value()
    assert outcomes[-1].tier is not None or len(calls) == 4


@pytest.mark.parametrize("victim", ["leader", "waiter", "all"])
async def test_a_cancelled_caller_harms_nobody(cache: Cache, victim: str) -> None:
    """The others get the value; the fill completes and is stored."""
    origin = Origin()
    callers = [asyncio.ensure_future(cache.get_or_set("k", origin, "plain")) for _ in range(10)]
    await waiting(cache, 10)
    victims = {"leader": callers[:1], "waiter": callers[4:6], "all": callers}[victim]
    for one in victims:
        one.cancel()
    answers = await asyncio.gather(*victims, return_exceptions=True)
    assert all(isinstance(a, asyncio.CancelledError) for a in answers)
    origin.gate.set()

    assert await asyncio.gather(*(c for c in callers if c not in victims)) == [0] * (
        10 - len(victims)
    )
    while await cache.get("k") is None:
        await asyncio.sleep(0.001)
    assert origin.calls == 1


async def test_a_storm_of_cancellations_mixes_no_replies_and_loses_no_connection(
    make: Callable[..., Cache],
) -> None:
    """Every answer belongs to its key, and afterwards the cache works as before."""
    dice = random.Random(5)
    async with make() as cache:

        async def call(n: int) -> None:
            key = f"k{n % 20}"
            answer = await cache.get_or_set(key, lambda: key * 50, "plain", tags=[f"t:{n % 7}"])
            assert answer == key * 50, "a reply reached the wrong request"

        for _ in range(10):
            tasks = [asyncio.ensure_future(call(n)) for n in range(150)]
            for _ in range(dice.randrange(1, 12)):
                await asyncio.sleep(0)
            for task in dice.sample(tasks, 110):
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(r) for r in results} <= {type(None), asyncio.CancelledError}
            await cache.invalidate(f"t:{dice.randrange(7)}")
        for n in range(40):
            await call(n)
        shared = cache._running()._shared
        if shared is not None:
            assert shared._link._wire.in_flight == 0  # type: ignore[attr-defined]
        assert cache.stats().breaker == "closed"


async def test_an_origin_that_cancels_itself_cancels_no_caller(cache: Cache) -> None:
    from keepwarm.errors import FillAbandoned

    async def origin() -> int:
        raise asyncio.CancelledError

    with pytest.raises(FillAbandoned):
        await cache.get_or_set("k", origin, "plain")


# --- nesting ---------------------------------------------------------------------------


async def test_what_a_value_was_made_of_invalidates_it_also_from_hits(
    cache: Cache, clock: StillClock
) -> None:
    """Tags and the shortest lifetime flow outward, from fills and from hits alike."""
    calls: list[str] = []

    @cache("absent", key="inner", tags=["inner"])
    async def inner() -> int:
        calls.append("inner")
        return 1

    @cache("plain", key="outer", tags=["outer"])
    async def outer() -> int:
        calls.append("outer")
        return await inner() + 1

    for warm in (False, True):
        if warm:
            await inner()
        await outer()
        await outer()
        assert calls.count("outer") == 1
        await cache.invalidate("inner")
        await outer()
        assert calls.count("outer") == 2
        clock.advance(21)  # the inner one's lifetime, not the outer's
        await outer()
        assert calls.count("outer") == 3
        await cache.clear()
        calls.clear()


@pytest.mark.parametrize("why", ["skip", "put", "raised", "absent", "off", "peeked"])
async def test_what_was_made_of_an_unstored_value_is_not_stored(cache: Cache, why: str) -> None:
    """Nothing would tell the outer value when what it was made of changes."""
    calls = []

    @cache("plain", key="inner:{n}", when=lambda n: why != "off")
    async def inner(n: int) -> int:
        if why == "raised":
            raise LookupError
        if why == "skip":
            fill.skip()
        return n

    @cache.batch("plain", key="many:{n}")
    async def many(n: list[int]) -> dict[int, int]:
        return {}

    @cache("plain", key="outer")
    async def outer() -> int:
        calls.append(1)
        if why == "absent":
            return len(await many([1]))
        if why == "peeked":
            return 0 if await cache.get("nothing") is None else 1
        try:
            return await inner(1)
        except LookupError:
            return -1

    if why == "put":
        await inner.put(5, 1)
    await outer()
    await outer()
    assert len(calls) == 2


async def test_a_change_between_two_inner_reads_leaves_the_whole_unstored(cache: Cache) -> None:
    calls = []

    @cache("plain", key="inner", tags=["t"])
    async def inner() -> int:
        return 1

    @cache("plain", key="outer")
    async def outer() -> int:
        calls.append(1)
        first = await inner()
        if len(calls) == 1:
            await cache.invalidate("t")
        return first + await inner()

    with collect() as outcomes:
        await outer()
        await outer()
        await outer()
    assert len(calls) == 2
    assert not outcomes[0].stored


# --- bounded fills ---------------------------------------------------------------------


async def test_no_more_fills_than_allowed_run_at_once(cache: Cache) -> None:
    origin = Origin()
    callers = [asyncio.ensure_future(cache.get_or_set(f"k{n}", origin, "one")) for n in range(20)]
    await waiting(cache, 20)
    origin.gate.set()
    await asyncio.gather(*callers)

    assert origin.calls == 20
    assert origin.most == 1


async def test_beyond_the_slots_a_permitted_stale_value_is_served_at_once(
    cache: Cache, clock: StillClock
) -> None:
    await cache.get_or_set("k", lambda: "old", "one-stale")
    clock.advance(61)
    origin = Origin()
    busy = asyncio.ensure_future(cache.get_or_set("other", origin, "one-stale"))
    await waiting(cache, 1)
    with collect() as outcomes:
        assert await cache.get_or_set("k", lambda: "new", "one-stale") == "old"
    assert outcomes[0].reason is Reason.OVERLOADED
    origin.gate.set()
    await busy
    assert await cache.get_or_set("k", lambda: "new", "one-stale") == "new"


async def test_else_a_caller_waits_and_is_then_told_of_the_overload(cache: Cache) -> None:
    """And the fill it gave up on never runs."""
    origin, never = Origin(), Origin()
    busy = asyncio.ensure_future(cache.get_or_set("k", origin, "one-impatient"))
    await waiting(cache, 1)

    with pytest.raises(Overloaded) as caught:
        await cache.get_or_set("k2", never, "one-impatient")

    assert caught.value.retry_after_s >= 1
    assert cache.stats().overloaded == 1
    origin.gate.set()
    await asyncio.gather(busy, return_exceptions=True)
    assert await cache.get_or_set("k3", lambda: 1, "one-impatient") == 1
    assert never.calls == 0


async def test_a_refresh_takes_no_slot_that_callers_need(cache: Cache, clock: StillClock) -> None:
    """Background work is left out, not queued, while slots are short."""
    await cache.get_or_set("k", lambda: "old", "one-revalidate")
    clock.advance(61)
    origin, refresh = Origin(), Origin()
    busy = asyncio.ensure_future(cache.get_or_set("other", origin, "one-revalidate"))
    await waiting(cache, 1)
    assert await cache.get_or_set("k", refresh, "one-revalidate") == "old"
    origin.gate.set()
    await busy
    assert refresh.calls == 0
    refresh.gate.set()
    refresh.version = 5
    while await cache.get_or_set("k", refresh, "one-revalidate") == "old":
        await asyncio.sleep(0.001)
    assert refresh.calls == 1


async def test_a_fill_within_a_fill_needs_no_second_slot(cache: Cache) -> None:
    async def inner() -> int:
        return 1

    async def outer() -> int:
        return 1 + await cache.get_or_set("inner", inner, "one")

    assert await asyncio.wait_for(cache.get_or_set("outer", outer, "one"), 2) == 2


async def test_a_fill_does_not_wait_for_one_that_waits_for_its_slot(cache: Cache) -> None:
    """A runs in the only slot, B queues, then A asks for B."""
    go = asyncio.Event()
    inner = Origin()
    inner.gate.set()

    async def outer() -> int:
        await go.wait()
        return 10 + await cache.get_or_set("inner", inner, "one")

    first = asyncio.ensure_future(cache.get_or_set("outer", outer, "one"))
    await waiting(cache, 1)
    queued = asyncio.ensure_future(cache.get_or_set("inner", inner, "one"))
    await waiting(cache, 2)
    go.set()

    assert await asyncio.wait_for(asyncio.gather(first, queued), 2) == [10, 0]
    assert inner.calls == 1
    assert await asyncio.wait_for(cache.get_or_set("again", lambda: 1, "one"), 2) == 1


# --- the end ---------------------------------------------------------------------------


async def test_closing_lets_running_fills_end(make: Callable[..., Cache]) -> None:
    cache = await make().start()
    origin = Origin()
    caller = asyncio.ensure_future(cache.get_or_set("k", origin, "plain"))
    await waiting(cache, 1)
    closing = asyncio.ensure_future(cache.aclose())
    await asyncio.sleep(0)
    origin.gate.set()
    await closing
    assert await caller == 0


async def test_closing_cancels_what_does_not_end_and_tells_its_callers(
    make: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a pending task nor an unclosed connection is left: warnings are errors here."""
    from keepwarm.engine import driver
    from keepwarm.errors import FillAbandoned

    monkeypatch.setattr(driver, "_GRACE_S", 0.02)
    cache = await make().start()
    origin = Origin()
    callers = [asyncio.ensure_future(cache.get_or_set(f"k{n}", origin, "one")) for n in range(5)]
    await waiting(cache, 5)
    await cache.aclose()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(a) for a in answers] == [FillAbandoned] * 5
    with pytest.raises(ValueError, match="closed"):
        await cache.get("k")
    await cache.aclose()


async def test_closing_does_not_wait_for_an_origin_that_ignores_it(
    make: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    from keepwarm.engine import driver

    monkeypatch.setattr(driver, "_GRACE_S", 0.02)
    cache = await make().start()
    began, gate = asyncio.Event(), asyncio.Event()

    async def stubborn() -> str:
        began.set()
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()
        return "done"

    caller = asyncio.ensure_future(cache.get_or_set("k", stubborn, "plain"))
    await began.wait()
    async with asyncio.timeout(10):
        await cache.aclose()
    assert not caller.done()
    gate.set()
    assert await caller == "done"


# --- what is counted -------------------------------------------------------------------


async def test_an_origin_that_ran_once_is_counted_once(make: Callable[..., Cache]) -> None:
    """Not for each key of a batch, nor for each caller who waited."""
    async with make() as cache:

        @cache.batch("plain", key="n:{n}")
        async def squares(ns: list[int]) -> dict[int, int]:
            await asyncio.sleep(0.02)
            return {n: n * n for n in ns}

        await asyncio.gather(*(squares(list(range(100))) for _ in range(10)))
        seconds = cache.stats().policies["plain"].origin_s
        assert 0.02 <= seconds < 1.0  # 100 keys, 10 callers


async def test_the_time_of_an_origin_that_fails_is_counted(make: Callable[..., Cache]) -> None:
    async with make() as cache:

        async def fails() -> int:
            await asyncio.sleep(0.02)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await cache.get_or_set("k", fails, "plain")
        assert cache.stats().policies["plain"].origin_s >= 0.02
