"""While the store is away every call is answered, at once and right; then hits come back."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from degradation.conftest import POLICIES, TIMEOUT_S, promptly, until
from fairness import now_s
from keepwarm import Cache, NotAcknowledged, collect
from keepwarm.core.outcome import Reason, Tier
from keepwarm.stores.redis.server import EmbeddedServer, free_port
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey

Make = Callable[..., Cache]
Lines = Callable[[], list[str]]


class Row:
    """An origin with one value that changes."""

    def __init__(self) -> None:
        self.version = 0
        self.loads = 0

    def load(self) -> int:
        self.loads += 1
        return self.version


def fault(proxy: FaultProxy, name: str) -> None:
    """Make the store behind `proxy` fail in one of the ways of a network."""
    {
        "refused": proxy.refuse,
        "black hole": proxy.black_hole,
        "frozen": proxy.freeze,
        "resets": proxy.reset,
        "lost replies": proxy.lose_replies,
        "cut replies": lambda: proxy.cut_reply_after(7),
        "slow": lambda: proxy.delay(TIMEOUT_S * 3),
    }[name]()


FAULTS = ["refused", "black hole", "frozen", "resets", "lost replies", "cut replies", "slow"]


@pytest.mark.parametrize("name", FAULTS)
async def test_async_calls_live_through_it(
    make: Make, proxy: FaultProxy, lines: Lines, name: str
) -> None:
    """Answers from the origin, no error, no wait; nothing at all once the breaker is open."""
    row = Row()
    async with make(proxy.url) as cache:

        async def read() -> int:
            answer: int = await cache.get_or_set("k", row.load, "p", tags=["row"])
            return answer

        assert [await read(), await read()] == [0, 0]
        assert (await cache.health()).status == "healthy"
        fault(proxy, name)
        row.version = 1
        while cache.stats().breaker == "closed":
            with promptly(2):  # a read, then the attempt to store what the origin said
                await read()
        sent, errors = proxy.bytes_up, cache.stats().errors
        with promptly(0), collect() as outcomes:
            assert [await read() for _ in range(20)] == [1] * 20
        assert {o.reason for o in outcomes} == {Reason.STORE_AWAY}
        assert cache.stats().errors == errors, "a request asked the store"
        health = await cache.health()
        assert (health.status, health.latency_ms) == ("degraded", None)
        assert "away" in health.notes[0]
        await until(lambda: len(lines()) == 1)
        assert "away" in lines()[0]

        proxy.pass_through()
        await until(lambda: cache.stats().breaker == "closed")
        row.version = 2
        await cache.invalidate("row")
        assert await read() == 2
        with collect() as outcomes:
            assert await read() == 2
        assert outcomes[0].hit
        assert (await cache.health()).status == "healthy"
        assert "back" in lines()[1]
        assert len(lines()) == 2, lines()
        assert sent >= 0


@pytest.mark.parametrize("name", FAULTS)
def test_blocking_calls_live_through_it(
    make: Make, proxy: FaultProxy, lines: Lines, name: str
) -> None:
    row = Row()
    owner = make(proxy.url)
    with owner.blocking() as cache:

        def read() -> int:
            answer: int = cache.get_or_set("k", row.load, "p", tags=["row"])
            return answer

        assert [read(), read()] == [0, 0]
        fault(proxy, name)
        row.version = 1
        while owner.stats().breaker == "closed":
            with promptly(3):
                read()
        errors = owner.stats().errors
        with promptly(0):
            assert [read() for _ in range(20)] == [1] * 20
        assert owner.stats().errors == errors, "a request asked the store"
        while not lines():  # the breaker is open: each turn is quick
            read()

        proxy.pass_through()
        recovered = threading.Event()

        def watch() -> None:
            while owner.stats().breaker == "open":
                recovered.wait(0.005)
            recovered.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        watcher.join(5)
        assert recovered.is_set()
        row.version = 2
        cache.invalidate("row")
        with collect() as outcomes:
            assert [read(), read()] == [2, 2]
        assert outcomes[1].hit
        assert len(lines()) == 2, lines()


async def test_there_is_no_server(make: Make, lines: Lines) -> None:
    async with make(f"redis://127.0.0.1:{free_port()}") as cache:
        row = Row()
        for _ in range(10):
            with promptly():
                assert await cache.get_or_set("k", row.load, "p") == 0
        assert row.loads == 10
        assert await cache.set("k", 1, "p") is False
        assert await cache.get("k", "default") == "default"
        assert await cache.get_many(["a", "b"]) == {}
        assert await cache.touch("k", "p") is False
        assert (await cache.health()).notes[0] == "shared store away (unreachable)"
        assert len(lines()) == 1


async def test_a_wrong_password_is_named_but_never_shown(
    make: Make, healthy: EmbeddedServer, server: EmbeddedServer, lines: Lines
) -> None:
    for right in (healthy, server):
        url = right.url.replace(right.password, "wr0ng-s3cret")
        async with make(url) as cache:
            row = Row()
            for _ in range(5):
                assert await cache.get_or_set("k", row.load, "p") == 0
            health = await cache.health()
            assert health.notes[0] == "shared store away (auth)"
            assert "wr0ng-s3cret" not in repr(health) + repr(cache) + "".join(lines())
            blocking = make(url)
            with blocking.blocking() as threads:
                for _ in range(3):
                    assert threads.get_or_set("k", row.load, "p") == 0
            assert blocking.stats().breaker == "open"


async def test_a_near_copy_is_served_unproven_only_where_the_policy_says_so(
    make: Make, proxy: FaultProxy
) -> None:
    row = Row()
    async with make(proxy.url) as cache:
        for policy in POLICIES:
            await cache.get_or_set(policy, row.load, policy, tags=["row"])
            await cache.get_or_set(policy, row.load, policy, tags=["row"])
        proxy.refuse()
        row.version = 1
        with collect() as outcomes:
            assert await cache.get_or_set("trusting", row.load, "trusting", tags=["row"]) == 0
            assert await cache.get_or_set("p", row.load, "p", tags=["row"]) == 1
        assert outcomes[0].tier is Tier.NEAR
        assert outcomes[0].stale
        assert outcomes[0].reason is Reason.UNPROVEN
        assert outcomes[1].reason is Reason.STORE_AWAY
        with pytest.raises(NotAcknowledged):
            await cache.invalidate("row")
        assert await cache.get_or_set("trusting", row.load, "trusting", tags=["row"]) == 1


async def test_kill_9_under_load_and_a_restart(
    make: Make, server: EmbeddedServer, lines: Lines
) -> None:
    """Two hundred callers in flight: none sees an error, hits are back without a restart."""
    row = Row()
    async with make(server.url) as cache:
        stop = False
        errors: list[BaseException] = []
        calls = 0

        async def user(n: int) -> None:
            nonlocal calls
            while not stop:
                try:
                    assert await cache.get_or_set(f"k{n % 50}", row.load, "p", tags=["row"]) == 0
                except BaseException as error:
                    errors.append(error)
                    raise
                calls += 1
                await asyncio.sleep(0.002)

        users = [asyncio.ensure_future(user(n)) for n in range(200)]
        await until(lambda: calls > 400)
        await asyncio.to_thread(server.kill)
        await until(lambda: cache.stats().breaker == "open")
        so_far = calls
        await until(lambda: calls > so_far + 400)
        await asyncio.to_thread(server.start)
        await until(lambda: cache.stats().breaker == "closed")
        hits = cache.stats().hits
        await until(lambda: cache.stats().hits > hits + 200)
        stop = True
        await asyncio.gather(*users, return_exceptions=True)
        assert errors == []
        assert len(lines()) == 2, lines()


async def test_a_frozen_server_delays_nobody_twice(make: Make, server: EmbeddedServer) -> None:
    """SIGSTOP: two hundred at once wait one timeout together, later ones not at all."""
    row = Row()
    async with make(server.url, policies={"p": POLICIES["p"]}) as cache:
        await cache.get_or_set("k0", row.load, "p")
        server.freeze()
        try:
            with promptly(2):
                await asyncio.gather(
                    *(cache.get_or_set(f"k{n}", row.load, "p") for n in range(200))
                )
            assert cache.stats().breaker == "open"
            with promptly(0):
                for n in range(50):
                    await cache.get_or_set(f"k{n}", row.load, "p")
        finally:
            server.thaw()
        await until(lambda: cache.stats().breaker == "closed")
        await cache.get_or_set("k0", row.load, "p")
        with collect() as outcomes:
            await cache.get_or_set("k0", row.load, "p")
        assert outcomes[0].hit


async def test_an_outage_of_the_store_is_none_of_the_database(
    make: Make, proxy: FaultProxy
) -> None:
    """Two hundred callers of fifty keys: at no time more origin calls than `max_fills`."""
    running = most = 0

    async def load() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return 1

    async with make(proxy.url) as cache:
        proxy.black_hole()
        for _ in range(2):
            answers = await asyncio.gather(
                *(cache.get_or_set(f"k{n % 50}", load, "p") for n in range(200))
            )
            assert answers == [1] * 200
    assert 1 < most <= 4


async def test_recovery_takes_less_than_a_second(make: Make, proxy: FaultProxy) -> None:
    """However many requests failed when it went away, the probe comes soon."""
    async with make(proxy.url) as cache:
        proxy.black_hole()
        await asyncio.gather(*(cache.get(f"k{n}") for n in range(200)))
        assert cache.stats().breaker == "open"
        proxy.pass_through()
        await until(lambda: cache.stats().breaker == "closed", within_s=1 + TIMEOUT_S)


@pytest.mark.parametrize("state", ["read-only", "out-of-memory"])
async def test_a_server_that_answers_but_will_not_write(
    make: Make, server: EmbeddedServer, state: str
) -> None:
    """An invalidation it refuses raises; this process obeys it all the same, and retries."""
    row = Row()
    with redis.Redis.from_url(server.url) as admin:
        async with make(server.url) as cache:

            async def read(key: str = "k") -> Any:
                return await cache.get_or_set(key, row.load, "p", tags=["row"])

            assert [await read(), await read()] == [0, 0]
            if state == "read-only":
                admin.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
            else:
                admin.config_set("maxmemory-policy", "noeviction")
                admin.config_set("maxmemory", "1")
            row.version = 1
            with pytest.raises(NotAcknowledged) as caught:
                await cache.invalidate("row")
            assert caught.value.why == state
            for n in range(5):
                with promptly(2):
                    assert await read() == 1, "this process knows of the invalidation"
                    assert await read(f"new{n}") == 1
            assert cache.stats().pending_invalidations == 1
            if state == "read-only":
                admin.execute_command("REPLICAOF", "NO", "ONE")
            else:
                admin.config_set("maxmemory", "100mb")
            await until(lambda: cache.stats().pending_invalidations == 0)
            await until(lambda: cache.stats().breaker == "closed")
            assert await read() == 1
            with collect() as outcomes:
                assert await read() == 1
            assert outcomes[0].hit


async def test_a_server_that_is_loading(make: Make) -> None:
    """It answers -LOADING to everything for a while: the origin answers, hits come back."""
    row = Row()
    slowly = ("--key-load-delay", "4000", "--loading-process-events-interval-bytes", "2048")
    with valkey(arguments=slowly) as server:
        async with make(server.url) as cache:
            assert await cache.get_or_set("k", row.load, "p") == 0
            with redis.Redis.from_url(server.url) as admin:
                admin.mset({f"filler{n}": "x" * 2000 for n in range(200)})
                admin.save()
            await asyncio.to_thread(server.kill)
            loading = asyncio.ensure_future(asyncio.to_thread(server.start))
            words: set[str] = set()
            while not loading.done():
                assert await cache.get_or_set("k", row.load, "p") == 0
                words.update((await cache.health()).notes)
                await asyncio.sleep(0.01)
            await loading
            assert "shared store away (loading)" in words
            await until(lambda: cache.stats().breaker == "closed")
            await cache.get_or_set("k", row.load, "p")
            with collect() as outcomes:
                await cache.get_or_set("k", row.load, "p")
            assert outcomes[0].hit


@pytest.mark.parametrize("what", ["health", "invalidate"])
async def test_asking_again_and_again_does_not_keep_the_store_away(
    make: Make, server: EmbeddedServer, what: str
) -> None:
    """Without a pause between: the refusals that come at once leave the loop a turn, too.

    1. The store stops answering, so that the connection is given up after timeouts.
    2. It is back.  3. Somebody asks in a loop that waits for nothing else.
    """
    async with make(server.url) as cache:
        await cache.set("k", 1, "p")
        server.freeze()
        try:
            async with asyncio.timeout(20):
                while not cache._wiring.parts.guard.is_open:
                    with contextlib.suppress(NotAcknowledged):
                        await cache.invalidate("row")
        finally:
            server.thaw()
        end = now_s() + 10
        while True:
            assert now_s() < end, "nobody else had a turn of the loop"
            if what == "health" and (await cache.health()).status == "healthy":
                return
            if what == "invalidate":
                with contextlib.suppress(NotAcknowledged):
                    await cache.invalidate("row")
                    return
