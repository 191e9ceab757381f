"""What one call is lent, breaks or leaves behind reaches no other call."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from keepwarm import Bounded, Cache, FillAbandoned, Policy, collect, fill
from keepwarm.stores.redis.server import EmbeddedServer

POLICIES = {
    "p": Policy("5m"),
    "one": Policy("5m", max_fills=1, hard_timeout="2s"),
    "unproven": Policy("1m", stale_if_unproven="6h", max_fills=1, hard_timeout="2s"),
}


class Moved:
    """A clock that stands still until it is moved."""

    now = 1_000_000.0

    def wall(self) -> float:
        return self.now

    def mono(self) -> float:
        return self.now


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache(policies=POLICIES, fills=4) as made:
        yield made


class Stop(BaseException):
    """Not an Exception, as KeyboardInterrupt is not."""


async def test_an_origin_that_raises_a_base_exception_keeps_no_slot(cache: Cache) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    calls = 0

    @cache("one", key="k:{i}")
    async def stopping(i: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Stop
        return i

    with pytest.raises(FillAbandoned):
        await stopping(1)
    assert [await stopping(1), await stopping(2)] == [1, 2]


async def test_a_leader_who_leaves_takes_his_session_but_fails_nobody(cache: Cache) -> None:
    """A client disconnects, its request's session is closed, and another waits for the same."""
    started = asyncio.Event()

    class Session:
        is_closed = False

        async def get(self) -> int:
            started.set()
            await asyncio.sleep(0.02)
            if self.is_closed:
                raise RuntimeError("session is closed")
            return 1

    @cache("p", key="k:{i}", ignore=["session"])
    async def load(i: int, session: Session) -> int:
        return await session.get()

    async def request() -> int:
        session = Session()
        try:
            return await load(1, session)
        finally:
            session.is_closed = True

    leader = asyncio.create_task(request())
    await started.wait()
    joiner = asyncio.create_task(request())
    await asyncio.sleep(0)
    leader.cancel()

    assert await joiner == 1


async def test_policies_declared_at_their_functions_do_not_share_slots(cache: Cache) -> None:
    go, running, most = asyncio.Event(), 0, 0

    @cache(ttl="5m", key="user:{i}")
    async def user(i: int) -> int:
        return i

    @cache(ttl="5m", max_fills=1, key="report:{i}")
    async def report(i: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        return i

    reports = [asyncio.create_task(report(i)) for i in range(3)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(user(1), 2) == 1
    go.set()
    assert await asyncio.gather(*reports) == [0, 1, 2]
    assert most == 1


async def test_a_task_that_outlives_its_request_adds_to_no_list(cache: Cache) -> None:
    @cache("p", key="k:{i}")
    async def load(i: int) -> int:
        return i

    async def later(go: asyncio.Event) -> None:
        await go.wait()
        await load(1)

    go = asyncio.Event()
    with collect() as outcomes:
        task = asyncio.create_task(later(go))
        await load(1)
    go.set()
    await task

    assert len(outcomes) == 1


async def test_a_task_that_outlives_its_fill_takes_slots_like_anybody(cache: Cache) -> None:
    running, most, tasks = 0, 0, []

    @cache("one", key="heavy:{i}")
    async def heavy(i: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return i

    async def work(over: asyncio.Event) -> None:
        await over.wait()
        await asyncio.gather(*(heavy(i) for i in range(20)))

    over = asyncio.Event()

    @cache("one", key="starts")
    async def starts() -> int:
        tasks.append(asyncio.create_task(work(over)))
        return 1

    await starts()
    over.set()
    await asyncio.gather(*tasks)
    assert most == 1


async def test_a_default_made_after_a_timeout_is_not_kept(cache: Cache) -> None:
    """Nothing would tell the outer value when the inner one has recovered."""
    is_slow = asyncio.Event()

    @cache("p", key="inner:{i}", tags=["t:{i}"])
    async def inner(i: int) -> str:
        await is_slow.wait()
        return "data"

    @cache("p", key="outer:{i}")
    async def outer(i: int) -> str:
        try:
            async with asyncio.timeout(0.01):
                return await inner(i)
        except TimeoutError:
            return "default"

    assert await outer(1) == "default"
    is_slow.set()
    await inner(1)
    assert await outer(1) == "data"


async def test_a_soft_invalidation_opens_no_window_that_the_policy_has_not(cache: Cache) -> None:
    version = 1

    @cache("p", key="k", tags=["t"])
    async def load() -> int:
        return version

    await load()
    version = 2
    await cache.invalidate("t", then="stale")

    assert await load() == 2


async def test_a_window_for_outages_of_the_store_is_none_for_overload() -> None:
    clock = Moved()
    async with Cache(policies=POLICIES, clock=clock) as cache:
        go = asyncio.Event()

        @cache("unproven", key="k:{i}")
        async def load(i: int) -> float:
            if i == 2:
                await go.wait()
            return clock.now

        await load(1)
        clock.now += 5 * 3600
        busy = asyncio.create_task(load(2))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(load(1))
        await asyncio.sleep(0)
        go.set()

        assert await waiting == clock.now
        await busy


async def test_bounded_serves_nothing_from_before_this_processes_own_acknowledgement() -> None:
    with EmbeddedServer() as server:
        async with Cache(server.url, policies=POLICIES, coherence=Bounded("1m")) as cache:
            version, has_read, go = 1, asyncio.Event(), asyncio.Event()

            @cache("p", key="k:{i}", tags=["t:{i}"])
            async def load(i: int) -> int:
                seen = version
                has_read.set()
                await go.wait()
                return seen

            filling = asyncio.create_task(load(1))
            await has_read.wait()
            version = 2
            await cache.invalidate("t:1")
            go.set()
            assert await filling == 1

            assert await load(1) == 2


async def test_a_batch_that_must_ask_again_does_so_with_one_call(cache: Cache) -> None:
    has_read, go, calls = asyncio.Event(), asyncio.Event(), []

    @cache.batch("p", key="user:{id}")
    async def users(ids: list[int]) -> dict[int, int]:
        calls.append(ids)
        fill.tag("late:1")
        has_read.set()
        await go.wait()
        return {id: id for id in ids}

    go.set()
    await users([99])  # creates the late tag's stamp
    go.clear()
    has_read.clear()
    before = asyncio.create_task(users([1, 2, 3]))
    await has_read.wait()
    await cache.invalidate("late:1")
    with collect() as outcomes:
        after = asyncio.create_task(users([1, 2, 3]))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(before, after)

    assert calls[1:] == [[1, 2, 3], [1, 2, 3]]
    assert {outcome.reason.value for outcome in outcomes} <= {"uri-miss", "raced-an-invalidation"}
