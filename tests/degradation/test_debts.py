"""Invalidations that meet an outage: raised, obeyed here, repeated, then true for everybody."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from degradation.conftest import TIMEOUT_S, promptly, until
from keepwarm import Cache, NotAcknowledged, collect
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import ManagedServer

Make = Callable[..., Cache]


class Row:
    """An origin with one value that changes."""

    def __init__(self) -> None:
        self.version = 0

    async def load(self) -> int:
        return self.version


KINDS = ["tag", "key", "pattern", "clear"]


async def invalidate(cache: Cache, kind: str) -> None:
    if kind == "tag":
        await cache.invalidate("row")
    elif kind == "key":
        await cache.invalidate_key("k")
    elif kind == "pattern":
        await cache.invalidate_pattern("k*")
    else:
        await cache.clear()


@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_freeze_no_process_serves_what_was_invalidated_meanwhile(
    make: Make, server: EmbeddedServer, kind: str
) -> None:
    """The data survive SIGSTOP, so only the repeated invalidation keeps the other process right."""
    row = Row()
    async with make(server.url) as mine, make(server.url) as other:

        async def read(cache: Cache) -> int:
            answer: int = await cache.get_or_set("k", row.load, "p", tags=["row"])
            return answer

        assert [await read(mine), await read(other), await read(other)] == [0, 0, 0]
        server.freeze()
        try:
            row.version = 1
            with promptly(), pytest.raises(NotAcknowledged) as caught:
                await invalidate(mine, kind)
            assert caught.value.durable is False
            assert mine.stats().pending_invalidations == 1
            assert (await mine.health()).pending_invalidations == 1
            assert await read(mine) == 1
        finally:
            server.thaw()
        await until(lambda: mine.stats().pending_invalidations == 0)
        assert await read(other) == 1
        assert await read(mine) == 1
        async with asyncio.timeout(5):  # the debt may be paid before this loop's own link is back
            while (await mine.health()).status != "healthy":
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", KINDS)
async def test_meanwhile_this_process_neither_serves_nor_stores_it(
    make: Make, proxy: FaultProxy, kind: str
) -> None:
    """Also where only the invalidation failed and every read works."""
    row = Row()
    async with make(proxy.url) as cache:

        async def read() -> int:
            answer: int = await cache.get_or_set("k", row.load, "trusting", tags=["row"])
            return answer

        await read()
        await read()
        proxy.black_hole()
        row.version = 1
        with pytest.raises(NotAcknowledged):
            await invalidate(cache, kind)
        guard = cache._wiring.parts.guard
        assert not guard.is_open, "one failure is not an outage"
        # The mending thread must not be quicker than this test.
        proxy.pass_through()
        while guard.debt:
            with collect() as outcomes:
                assert await read() == 1
            assert guard.debt == guard.debt
            if guard.debt and outcomes[0].tier is not None:
                pytest.fail("served from a tier while the invalidation is owed")
        assert await read() == 1


async def test_a_cancelled_invalidation_is_carried_out_all_the_same(
    make: Make, server: EmbeddedServer
) -> None:
    """The client went away after the commit: what it changed must not stay cached."""
    row = Row()
    async with make(server.url) as mine, make(server.url) as other:

        async def read(cache: Cache) -> int:
            answer: int = await cache.get_or_set("k", row.load, "p", tags=["row"])
            return answer

        assert [await read(mine), await read(other)] == [0, 0]
        server.freeze()
        try:
            row.version = 1
            task = asyncio.ensure_future(mine.invalidate("row"))
            await asyncio.sleep(TIMEOUT_S / 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert mine.stats().pending_invalidations == 1
        finally:
            server.thaw()
        await until(lambda: mine.stats().pending_invalidations == 0)
        assert [await read(mine), await read(other)] == [1, 1]


async def test_an_invalidation_owed_again_while_it_is_repaid_stays_owed(
    make: Make, proxy: FaultProxy
) -> None:
    row = Row()
    async with make(proxy.url) as mine, make(proxy.url) as other:

        async def read(cache: Cache) -> int:
            answer: int = await cache.get_or_set("k", row.load, "p", tags=["row"])
            return answer

        assert [await read(mine), await read(other)] == [0, 0]
        for _ in range(3):
            proxy.lose_replies()
            row.version += 1
            with pytest.raises(NotAcknowledged):
                await mine.invalidate("row", "other")
            proxy.pass_through()
            await read(mine)
        await until(lambda: mine.stats().pending_invalidations == 0)
        assert [await read(mine), await read(other)] == [3, 3]


async def test_closing_in_debt_says_so(
    make: Make, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, logger="keepwarm")
    async with make(proxy.url) as cache:
        proxy.black_hole()
        with pytest.raises(NotAcknowledged):
            await cache.invalidate("a", "b")
    assert "2 unconfirmed invalidations" in caplog.text


async def test_threads_owe_too(make: Make, proxy: FaultProxy) -> None:
    owner = make(proxy.url)
    with owner.blocking() as cache:
        version = 0
        assert cache.get_or_set("k", lambda: version, "p", tags=["row"]) == 0
        proxy.black_hole()
        version = 1
        with promptly(), pytest.raises(NotAcknowledged):
            cache.invalidate("row")
        assert cache.get_or_set("k", lambda: version, "p", tags=["row"]) == 1
        proxy.pass_through()
        await until(lambda: owner.stats().pending_invalidations == 0)
        assert cache.get_or_set("k", lambda: version, "p", tags=["row"]) == 1


# --- a managed server ------------------------------------------------------------------


async def test_a_managed_server_works_and_health_says_what_is_off(make: Make) -> None:
    """Neither CONFIG nor INFO nor CLIENT TRACKING: everything but the figures is there."""
    row = Row()
    with ManagedServer() as server:
        async with make(server.url, operation_timeout="2s") as cache:
            assert await cache.get_or_set("k", row.load, "p", tags=["row"]) == 0
            with collect() as outcomes:
                await cache.get_or_set("k", row.load, "p", tags=["row"])
            assert outcomes[0].hit
            row.version = 1
            await cache.invalidate("row")
            assert await cache.get_or_set("k", row.load, "p", tags=["row"]) == 1
            assert (await cache.invalidate_pattern("k*", dry_run=True)).matched == ("k",)
            await cache.invalidate_pattern("k*")
            await cache.clear()
            health = await cache.health()
            assert health.status == "healthy"
            assert any("INFO is not permitted" in note for note in health.notes)
            assert any("run id" in note for note in health.notes)
            assert cache.stats().errors == 0


async def test_a_user_who_may_not_even_run_scripts_gets_answers(make: Make) -> None:
    """Each connection's greeting is refused: the store counts as away, the origin answers."""
    row = Row()
    with ManagedServer(withheld=("eval", "evalsha")) as server:
        async with make(server.url, operation_timeout="2s") as cache:
            for _ in range(5):
                assert await cache.get_or_set("k", row.load, "p") == 0
            assert (await cache.health()).notes[0] == "shared store away (not-permitted)"
            with pytest.raises(NotAcknowledged):
                await cache.invalidate("row")
