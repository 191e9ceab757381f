"""Strict coherence: near hits ask nobody, and an acknowledgement waits for who may hit."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import redis
import uvloop

from engine.conftest import POLICIES
from fairness import now_s
from keepwarm import Ack, Cache, collect
from keepwarm.core.outcome import Tier
from keepwarm.core.times import TIMES
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import ManagedServer

UntilNear = Callable[..., Awaitable[None]]
QUICK = replace(TIMES, writer_s=0.3)  # stamps are trusted, and so mirrored, after that long


@pytest.fixture
def make(server: EmbeddedServer, namespace: str) -> Callable[..., Cache]:
    def made(**settings: object) -> Cache:
        terms = {"policies": POLICIES, "operation_timeout": "5s", "times": QUICK}
        return Cache(server.url, namespace=namespace, **(terms | settings))  # type: ignore[arg-type]

    return made


async def read(cache: Cache, value: object = 1, key: str = "k") -> tuple[object, Tier | None]:
    with collect() as outcomes:
        got = await cache.get_or_set(key, lambda: value, "plain", tags=["t"])
    return got, outcomes[0].tier


@pytest.fixture
def until_near(server: EmbeddedServer) -> UntilNear:
    async def until_near(cache: Cache, key: str = "k") -> None:
        """Until the stamps of `key` are trusted and mirrored."""
        end = time.monotonic() + 10
        with redis.Redis.from_url(server.url) as direct:
            while time.monotonic() < end:
                before = mgets(direct)
                if (await read(cache, key=key))[1] is Tier.NEAR and mgets(direct) == before:
                    return
                await asyncio.sleep(0.02)
        raise AssertionError("near hits go on asking")

    return until_near


def mgets(direct: "redis.Redis") -> int:
    return int(direct.info("commandstats").get("cmdstat_mget", {}).get("calls", 0))


async def test_near_hits_ask_nobody(
    make: Callable[..., Cache], until_near: UntilNear, server: EmbeddedServer
) -> None:
    async with make() as cache:
        await until_near(cache)
        with redis.Redis.from_url(server.url) as direct:
            before = mgets(direct)
            for _ in range(200):
                assert await read(cache) == (1, Tier.NEAR)
                await asyncio.sleep(0)
            assert mgets(direct) == before


@pytest.mark.parametrize("how", ["tag", "key", "pattern", "clear", "set", "delete"])
async def test_no_near_copy_outlives_an_acknowledgement(
    make: Callable[..., Cache], until_near: UntilNear, how: str
) -> None:
    """In another process it is gone when the call returns, whatever the call was."""
    async with make() as here, make() as there:
        for round_ in range(5):
            await until_near(there)
            ack: Ack | bool
            if how == "tag":
                ack = await here.invalidate("t")
            elif how == "key":
                ack = await here.invalidate_key("k")
            elif how == "pattern":
                ack = await here.invalidate_pattern("k*")
            elif how == "clear":
                ack = await here.clear()
            elif how == "set":
                ack = await here.set("k", 1, "plain", tags=["t"])
            else:
                ack = await here.delete("k")
            assert ack
            _, tier = await read(there, 1)
            assert tier is not Tier.NEAR, (how, round_)


async def test_an_acknowledgement_counts_and_waits_for_the_others(
    make: Callable[..., Cache],
    until_near: UntilNear,
) -> None:
    async with make() as here, make() as there, make(coherence="validate") as other:
        await until_near(there)
        began = now_s()
        ack = await other.invalidate("t")
        assert now_s() - began < QUICK.lease_s
        assert ack.processes == 2  # here and there; one that validates has nothing to confirm
        assert (await read(here, 2))[0] == 2
        assert (await read(there, 2))[0] == 2


async def test_a_process_that_leaves_keeps_nobody_waiting(
    make: Callable[..., Cache], until_near: UntilNear
) -> None:
    async with make() as here:
        async with make() as there:
            await until_near(there)
        ack = await here.invalidate("t")
        assert ack.processes == 1


def test_a_paused_process_costs_a_lease_once_and_serves_nothing_old(
    make: Callable[..., Cache],
    until_near: UntilNear,
) -> None:
    """It sleeps through the acknowledgement, and asks before it serves again."""
    told, tell = os.pipe()
    go, start = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:

            async def life() -> bool:
                async with make() as cache:
                    await until_near(cache)
                    os.write(tell, b"n")
                    await asyncio.to_thread(os.read, go, 1)  # stopped in here
                    return (await read(cache, "new"))[0] == "new"

            status = 0 if asyncio.run(life()) else 1
        finally:
            os._exit(status)
    os.read(told, 1)
    os.kill(child, signal.SIGSTOP)

    async def writer() -> tuple[float, float]:
        async with make(coherence="validate") as cache:
            began = time.monotonic()
            await cache.invalidate("t")
            first_s, began = time.monotonic() - began, now_s()
            await cache.invalidate("t")
            return first_s, now_s() - began

    first_s, second_s = asyncio.run(writer())
    os.kill(child, signal.SIGCONT)
    os.write(start, b"g")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert first_s >= QUICK.lease_s
    assert second_s < QUICK.lease_s, "it was struck off"


async def test_threads_have_near_hits_too_and_obey(
    make: Callable[..., Cache], until_near: UntilNear
) -> None:
    """A thread's mirror is its loop thread's; an invalidation on the loop reaches both."""
    owner = make()
    threads = owner.blocking().__enter__()

    def in_thread(value: int) -> tuple[object, Tier | None]:
        with collect() as outcomes:
            got = threads.get_or_set("k", lambda: value, "plain", tags=["t"])
        return got, outcomes[0].tier

    async with owner:
        await until_near(owner)
        end = time.monotonic() + 5
        while await asyncio.to_thread(in_thread, 1) != (1, Tier.NEAR):
            assert time.monotonic() < end
        for n in range(2, 30):
            await owner.invalidate("t")
            assert (await asyncio.to_thread(in_thread, n))[0] == n
            assert (await read(owner, -1))[0] == n
            await asyncio.to_thread(threads.invalidate, "t")
            assert (await read(owner, n))[0] == n


async def test_a_loop_that_stands_still_serves_nothing_old_afterwards(
    make: Callable[..., Cache],
    until_near: UntilNear,
) -> None:
    """Its lease runs out while somebody computes on it; then it asks first."""
    async with make() as there:
        await until_near(there)
        done = threading.Event()

        def write() -> None:
            async def writer() -> None:
                async with make(coherence="validate") as here:
                    await here.invalidate("t")

            asyncio.run(writer())
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        done.wait(10)  # blocks this loop: the writer has to wait the lease out
        assert done.is_set()
        assert (await read(there, 2))[0] == 2
        thread.join()


async def test_where_subscribing_is_forbidden_near_hits_ask_and_health_says_so(
    namespace: str,
) -> None:
    with ManagedServer(withheld=("ssubscribe",)) as server:
        terms = {"policies": POLICIES, "times": QUICK, "namespace": namespace}
        async with Cache(server.url, **terms) as here, Cache(server.url, **terms) as there:  # type: ignore[arg-type]
            assert await read(there) == (1, None)
            assert await read(there) == (1, Tier.NEAR)
            ack = await here.invalidate("t")
            assert ack.processes == 0
            assert (await read(there, 2))[0] == 2
            health = await there.health()
            assert any("SSUBSCRIBE" in note for note in health.notes)


def test_it_works_on_uvloop(make: Callable[..., Cache], until_near: UntilNear) -> None:
    """Whose transports are none by class, and whose timers and sockets are others."""

    async def life() -> None:
        async with make() as here, make() as there:
            await until_near(there)
            for n in range(20):
                await here.invalidate("t")
                assert (await read(there, n))[0] == n
                assert (await read(here, -1))[0] == n

    uvloop.run(life())


# Without a near tier.


async def test_without_a_near_tier_each_read_asks_and_nobody_waits_for_it(
    make: Callable[..., Cache], server: EmbeddedServer, namespace: str
) -> None:
    async with make(near=0) as reader, make(near=0) as writer:
        await read(reader, 1)
        for _ in range(3):
            assert await read(reader, 2) == (1, Tier.SHARED)
        with redis.Redis.from_url(server.url) as direct:
            holders = direct.hkeys("{" + namespace + "}:holders")
            assert [each for each in holders if each.startswith(b"h:")] == []  # to be waited for
        await writer.invalidate("t")
        assert (await read(reader, 2))[0] == 2


def test_without_a_near_tier_threads_ask_as_well(
    make: Callable[..., Cache], server: EmbeddedServer
) -> None:
    cache = make(near=0)
    with cache.blocking() as blocking:
        assert blocking.get_or_set("k", lambda: 1, "plain", tags=["t"]) == 1
        with collect() as outcomes:
            assert blocking.get_or_set("k", lambda: 2, "plain", tags=["t"]) == 1
        assert outcomes[0].tier is Tier.SHARED
        blocking.invalidate("t")
        assert blocking.get_or_set("k", lambda: 2, "plain", tags=["t"]) == 2
        blocking.close()
