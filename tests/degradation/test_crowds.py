"""What looks like an outage and is none: a crowd, a loop that stands still, a fork."""

import asyncio
import os
import time
from collections.abc import Callable

import pytest
import redis

from degradation.conftest import POLICIES, TIMEOUT_S, until
from keepwarm import Cache, collect
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy

Make = Callable[..., Cache]


async def test_a_crowd_is_no_outage(
    make: Make, server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten times more requests at once than connections and cores can take."""
    async with make(server.url) as cache:
        for _ in range(3):
            await asyncio.gather(*(cache.get(f"k{n}") for n in range(3000)))
        assert cache.stats().breaker == "closed"
        assert "away" not in caplog.text
        with redis.Redis.from_url(server.url) as direct:
            assert direct.info("clients")["connected_clients"] <= 33
        assert await cache.set("k", 1, "p")
        assert await cache.get("k") == 1


async def test_a_loop_that_stood_still_is_no_outage(make: Make, server: EmbeddedServer) -> None:
    """Somebody's long computation on the loop: every timer is late, the store is not."""
    async with make(server.url) as cache:
        await cache.get_or_set("k", lambda: 1, "p")
        for _ in range(6):
            reads = [asyncio.ensure_future(cache.get("k")) for _ in range(10)]
            await asyncio.sleep(0)
            time.sleep(TIMEOUT_S + 0.1)
            await asyncio.gather(*reads)
        assert cache.stats().breaker == "closed"
        assert await cache.get("k") == 1


async def test_a_restart_costs_idle_connections_nothing(make: Make, server: EmbeddedServer) -> None:
    """Closed connections are noticed before they are used: not one error, no open breaker."""
    async with make(server.url, operation_timeout="2s") as cache:
        await asyncio.gather(*(cache.get(f"k{n}") for n in range(100)))
        owner = make(server.url, operation_timeout="2s")
        with owner.blocking() as threads:
            threads.get("k")
            await asyncio.to_thread(server.restart)
            assert threads.get("k") is None
            assert owner.stats().errors == 0
        await asyncio.gather(*(cache.get(f"k{n}") for n in range(100)))
        assert cache.stats().errors == 0


async def test_slow_but_working_is_used(make: Make, proxy: FaultProxy) -> None:
    """A store at a quarter of the timeout still answers, also on new connections."""
    async with make(proxy.url, operation_timeout="1s") as cache:
        await cache.get_or_set("k", lambda: 1, "p")
        proxy.delay(0.25)
        with collect() as outcomes:
            await asyncio.gather(*(cache.get_or_set("k", lambda: 1, "p") for _ in range(20)))
        assert all(o.hit for o in outcomes)
        assert cache.stats().breaker == "closed"


def test_a_child_forked_during_an_outage_recovers_too(make: Make, proxy: FaultProxy) -> None:
    """The thread that would notice the store's return does not exist in the child."""
    owner = make(proxy.url)
    with owner.blocking() as cache:
        proxy.refuse()
        for _ in range(4):
            cache.get_or_set("k", lambda: 1, "p")
        assert owner.stats().breaker == "open"
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            recovered = b"n"
            try:
                os.read(reading, 1)
                end = time.monotonic() + 5
                while time.monotonic() < end:
                    cache.get_or_set("k", lambda: 1, "p")
                    if owner.stats().breaker == "closed":
                        recovered = b"y"
                        break
                    time.sleep(0.01)
            finally:
                os._exit(0 if recovered == b"y" else 1)
        proxy.pass_through()
        os.write(writing, b"x")
        _, status = os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
        assert os.waitstatus_to_exitcode(status) == 0


async def test_the_mending_thread_outlives_its_own_surprises(
    make: Make, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a client library raises in it: a breaker must not stay open for ever."""
    from keepwarm.stores.redis.blocking import BlockingRedis

    async with make(proxy.url, policies=POLICIES) as cache:
        guard = cache._wiring.parts.guard
        connect, tries = guard._connect, []

        def surprising() -> BlockingRedis:
            tries.append(1)
            if len(tries) < 3:
                raise ZeroDivisionError("a bug in a library")
            return connect()  # type: ignore[return-value]

        monkeypatch.setattr(guard, "_connect", surprising)
        proxy.refuse()
        for n in range(4):
            await cache.get(f"k{n}")
        proxy.pass_through()
        await until(lambda: cache.stats().breaker == "closed")
        assert len(tries) == 3


def test_a_forked_child_shares_no_connection(make: Make, server: EmbeddedServer) -> None:
    """Parent and child ask at the same time; each gets its own answers."""
    owner = make(server.url, near="1B", operation_timeout="2s")
    with owner.blocking() as cache:
        for key in ("parent", "child"):
            cache.set(key, key * 100, "p")

        def all_mine(key: str) -> bool:
            answers = [cache.get(key) for _ in range(400)]
            return answers == [key * 100] * 400 and owner.stats().errors == 0

        def sockets() -> set[int]:
            link = cache._running()._shared._store._link  # type: ignore[union-attr]
            socket = link._wire._transport.get_extra_info("socket")
            return {os.fstat(socket.fileno()).st_ino}

        parents = sockets()
        child = os.fork()
        if child == 0:
            is_right = False
            try:
                is_right = all_mine("child") and not parents & sockets()
            finally:
                os._exit(0 if is_right else 1)
        is_right = all_mine("parent")
        _, status = os.waitpid(child, 0)
        assert is_right
        assert os.waitstatus_to_exitcode(status) == 0
