"""A fenced set by hand, a cache that refuses the other kind, and reading one's own writes."""

from collections.abc import Callable

import pytest

from engine.conftest import POLICIES, StillClock
from keepwarm import Bounded, Cache, UnfencedSet, collect, fill
from keepwarm.core.outcome import Tier
from keepwarm.stores.redis.server import EmbeddedServer


async def test_what_is_read_in_a_block_is_stored(cache: Cache) -> None:
    async with cache.reading("k", "t", policy="plain") as r:
        r.set([1, 2])
    assert r.is_stored
    assert await cache.get("k") == [1, 2]
    await cache.invalidate("t")
    assert await cache.get("k") is None


async def test_what_an_invalidation_overtook_is_not_stored(cache: Cache) -> None:
    for how in ("tag", "key", "late tag", "pattern", "clear"):
        await cache.get_or_set("other", lambda: 1, "plain", tags=["late"])
        async with cache.reading("k", "t", policy="plain") as r:
            if how == "tag":
                await cache.invalidate("t")
            elif how == "key":
                await cache.invalidate_key("k")
            elif how == "late tag":
                r.tag("late")
                await cache.invalidate("late")
            elif how == "pattern":
                await cache.invalidate_pattern("k*")
            else:
                await cache.clear()
            r.set("old")
        assert await cache.get("k") is None, how


async def test_a_block_without_a_value_or_with_an_error_stores_nothing(cache: Cache) -> None:
    async with cache.reading("k", policy="plain") as r:
        pass
    assert not r.is_stored

    async def failing(value: object, error: Exception | None) -> None:
        async with cache.reading("k", policy="plain") as r:
            r.set(value)
            if error:
                raise error

    with pytest.raises(ZeroDivisionError):
        await failing(1, ZeroDivisionError())
    assert await cache.get("k") is None
    with pytest.raises(TypeError, match="cannot be stored"):
        await failing(object(), None)


async def test_cached_values_used_in_a_block_are_depended_on(cache: Cache) -> None:
    @cache("plain", key="inner", tags=["inner"])
    async def inner() -> int:
        return 7

    await cache.get_or_set("other", lambda: 1, "plain", tags=["named"])  # its stamp exists now
    async with cache.reading("k", policy="plain") as r:
        fill.tag("named")
        r.set(await inner() + 1)
    assert r.is_stored
    assert await cache.get("k") == 8
    await cache.invalidate("inner")
    assert await cache.get("k") is None


def test_threads_have_blocks_too(make: Callable[..., Cache]) -> None:
    owner = make()
    with owner.blocking() as cache:
        with cache.reading("k", "t", policy="plain") as r:
            r.set(5)
        assert r.is_stored
        assert cache.get("k") == 5
        with cache.reading("k", "t", policy="plain") as r:
            cache.invalidate("t")
            r.set(4)
        assert not r.is_stored
        assert cache.get("k") is None
        cache.close()


async def test_a_strict_cache_refuses_a_bare_set(make: Callable[..., Cache]) -> None:
    async with make(strict_set=True) as cache:

        @cache("plain", key="f:{n}")
        async def double(n: int) -> int:
            return 2 * n

        for attempt in (lambda: cache.set("k", 1, "plain"), lambda: double.put(1, 1)):
            with pytest.raises(UnfencedSet, match=r"cache\.reading"):
                await attempt()
        assert await double(2) == 4


async def test_a_user_reads_his_own_write_on_a_bounded_process(
    server: EmbeddedServer, namespace: str, clock: StillClock
) -> None:
    terms = {"namespace": namespace, "policies": POLICIES, "operation_timeout": "5s"}
    secret = "0123456789abcdef"
    bounded = {"coherence": Bounded("10s"), "clock": clock, "secrets": (secret,), **terms}
    async with Cache(server.url, **bounded) as here, Cache(server.url, **bounded) as there:
        assert await there.get_or_set("k", lambda: 1, "plain", tags=["t"]) == 1
        ack = await here.invalidate("t")
        with collect() as outcomes:
            assert await there.get_or_set("k", lambda: 2, "plain", tags=["t"]) == 1
        assert outcomes[0].tier is Tier.NEAR  # within its bound, and nobody said more

        async def asked(token: str | None) -> int:
            with there.after(token):
                return int(await there.get_or_set("k", lambda: 2, "plain", tags=["t"]))

        forged = ack.token[:-1] + ("a" if ack.token[-1] != "a" else "b")
        assert [there.tokens.is_recent(t) for t in (ack.token, forged, "?", "", None)] == [
            True,
            True,
            True,
            False,
            False,
        ]
        assert await asked(None) == 1
        assert await asked(ack.token) == 2
        clock.advance(61)
        assert not there.tokens.is_recent(ack.token)


async def test_a_set_while_the_cache_is_off_ends_what_was_there(cache: Cache) -> None:
    """Else the older value would come back with the cache."""

    @cache("plain", key="f:{n}")
    async def double(n: int) -> int:
        return 2 * n

    assert await cache.set("k", "older", "plain")
    assert await double(1) == 2
    cache.enabled = False
    assert not await cache.set("k", "newer", "plain")
    assert not await double.put(7, 1)
    cache.enabled = True
    assert await cache.get("k") is None
    assert await double.peek(1) is None
