"""What the admin endpoints answer and do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from dashboard.clients import TOKEN, mounted, visitor
from keepwarm import Cache, NotAcknowledged, Overloaded, Policy
from keepwarm.stores.redis.server import EmbeddedServer

POLICIES = {"plain": Policy(ttl="1h"), "one": Policy(ttl="1h", max_fills=1, hard_timeout="50ms")}


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


async def look(app: Starlette, path: str) -> Any:
    async with visitor(app, token=TOKEN) as client:
        answer = await client.get(path)
        return answer.json() | {"httpStatus": answer.status_code}


async def test_the_specifications_figures(cache: Cache, app: Starlette) -> None:
    """Two hits and one miss, with the write that followed it, are four operations and 67 %."""

    @cache("plain", key="character:{number}")
    async def character(number: int) -> int:
        return number

    for _ in range(3):
        await character(5)

    assert (await look(app, "/metrics"))["cache"] == {
        "hits": 2,
        "misses": 1,
        "operations": 4,
        "errors": 0,
        "hitRate": 67,
        "isEnabled": True,
    }


async def test_an_idle_cache_has_a_hit_rate_of_zero(app: Starlette) -> None:
    assert (await look(app, "/metrics"))["cache"] == {
        "hits": 0,
        "misses": 0,
        "operations": 0,
        "errors": 0,
        "hitRate": 0,
        "isEnabled": True,
    }


async def test_each_kind_of_operation_counts(cache: Cache, app: Starlette) -> None:
    @cache("plain", key="number:{number}")
    async def cached(number: int) -> int:
        return number

    await cached(1)  # a read and a write
    await cached.invalidate(1)  # an invalidation, as are the next three
    await cache.invalidate("a", "b")
    await cache.invalidate_pattern("number:*")
    await cache.clear()
    await cache.invalidate_pattern("number:*", dry_run=True)  # changes nothing
    await cache.delete("x", "y")  # two deletes
    await cache.set("z", 1, "plain")  # a write
    with cache.blocking() as blocking:
        blocking.delete("z")  # a delete

    figures = await look(app, "/metrics")
    assert figures["writes"] == 2
    assert figures["deletes"] == 3
    assert figures["invalidations"] == 4
    assert figures["cache"]["operations"] == 1 + 2 + 3 + 4


async def test_figures_by_tier_and_policy(server: EmbeddedServer) -> None:
    async with Cache(server.url, policies=POLICIES) as cache:

        @cache("plain", key="number:{number}")
        async def cached(number: int) -> int:
            return number

        await cached(1)
        await cached(1)
        figures = await look(mounted(cache, TOKEN), "/metrics")

    assert figures["tiers"] == {"near": 1, "shared": 0, "origin": 1}
    assert figures["reasons"] == {"fresh": 1, "uri-miss": 1}
    plain = figures["policies"]["plain"]
    assert (plain["hits"], plain["misses"], plain["stale"], plain["hitRate"]) == (1, 1, 0, 50)
    assert 0 < figures["memory"]["used"] < figures["memory"]["limit"] == 512 * 2**20
    assert figures["near"]["entries"] == 1
    assert 0 < figures["near"]["used"] < figures["near"]["limit"] == 64 * 2**20
    assert figures["breaker"] == "closed"
    assert figures["pendingInvalidations"] == 0


async def test_prometheus_reads_the_same_figures(cache: Cache, app: Starlette) -> None:
    @cache("plain", key="number:{number}")
    async def cached(number: int) -> int:
        return number

    for _ in range(3):
        await cached(1)
    async with visitor(app, token=TOKEN) as client:
        answer = await client.get("/metrics/prometheus")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["keepwarm_reads_total", "plain", "hit"] == 2
    assert samples["keepwarm_reads_total", "plain", "miss"] == 1
    assert samples["keepwarm_hits_total", "shared"] == 2
    assert samples["keepwarm_writes_total",] == 1
    assert samples["keepwarm_enabled",] == 1
    assert samples["keepwarm_breaker_open",] == 0
    assert samples["keepwarm_store_entries",] == 1


async def test_health_is_for_anyone(app: Starlette) -> None:
    async with visitor(app) as client:
        answer = await client.get("/health")

    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"cache", "timestamp"}
    assert body["cache"].keys() == {"status", "latency"}
    assert body["cache"]["status"] == "healthy"
    assert body["cache"]["latency"] >= 0
    said = datetime.fromisoformat(body["timestamp"])
    assert abs(datetime.now(UTC) - said) < timedelta(minutes=1)


async def test_health_while_the_store_is_away(server: EmbeddedServer) -> None:
    """Degraded answers 200, for the app works; only shedding requests makes it unhealthy."""
    async with Cache(server.url, policies=POLICIES) as cache:
        app = mounted(cache, TOKEN)
        assert (await look(app, "/health"))["cache"]["status"] == "healthy"
        server.kill()

        degraded = await look(app, "/health")
        assert degraded["cache"] == {"status": "degraded", "latency": None}
        assert degraded["httpStatus"] == 200
        assert any("shared store away" in note for note in degraded["notes"])
        async with visitor(app) as client:
            assert "notes" not in (await client.get("/health")).json()

        await shed_one(cache)
        for _ in range(2):  # a look does not hide it from the next one
            unhealthy = await look(app, "/health")
            assert unhealthy["cache"] == {"status": "unhealthy", "latency": None}
            assert unhealthy["httpStatus"] == 503


async def shed_one(cache: Cache) -> None:
    """Have the only slot taken for longer than a second caller may wait."""
    import asyncio

    taken, release = asyncio.Event(), asyncio.Event()

    @cache("one", key="slow:{number}")
    async def slow(number: int) -> int:
        taken.set()
        await release.wait()
        return number

    first = asyncio.ensure_future(slow(1))
    await taken.wait()
    with pytest.raises(Overloaded):
        await slow(2)
    release.set()
    await asyncio.gather(first, return_exceptions=True)


async def test_invalidation_by_tag_key_pattern_and_altogether(cache: Cache, app: Starlette) -> None:
    calls = 0

    @cache("plain", key="characters:detail:{number}", tags=["character:{number}"])
    async def character(number: int) -> int:
        nonlocal calls
        calls += 1
        return number

    await character(5)
    async with visitor(app, token=TOKEN) as client:
        for path, body in (
            ("/invalidate", {"tags": ["character:5"]}),
            ("/invalidate-keys", {"keys": ["characters:detail:5"]}),
            ("/invalidate-pattern", {"pattern": "characters:*"}),
            ("/clear", {}),
        ):
            before = calls
            answer = await client.post(path, json=body)
            assert answer.status_code == 200
            ack = answer.json()
            assert ack["acknowledged"] is True
            assert ack["level"] == "hard"
            assert ack["count"] == 1
            await character(5)
            assert calls == before + 1, path


async def test_a_dry_run_lists_and_leaves(cache: Cache, app: Starlette) -> None:
    @cache("plain", key="characters:detail:{number}")
    async def character(number: int) -> int:
        return number

    for number in (1, 2):
        await character(number)
    async with visitor(app, token=TOKEN) as client:
        answer = await client.post(
            "/invalidate-pattern", json={"pattern": "characters:detail:1*", "dryRun": True}
        )

    assert answer.json() == {
        "dryRun": True,
        "matched": ["characters:detail:1"],
        "isComplete": True,
    }
    assert await character.peek(1) == 1


async def test_the_switch(cache: Cache, app: Starlette) -> None:
    async with visitor(app, token=TOKEN) as client:
        off = await client.post("/enabled", json={"enabled": False})
        assert off.json() == {"enabled": False}
        assert not cache.enabled
        assert (await client.get("/metrics")).json()["cache"]["isEnabled"] is False
        await client.post("/enabled", json={"enabled": True})
        assert cache.enabled


async def test_an_unconfirmed_invalidation_says_that_it_is_queued(server: EmbeddedServer) -> None:
    async with Cache(server.url, policies=POLICIES) as cache:
        app = mounted(cache, TOKEN)
        server.kill()
        async with visitor(app, token=TOKEN) as client:
            answer = await client.post("/invalidate", json={"tags": ["character:5"]})
            assert answer.status_code == 503
            assert answer.json()["queued"] is True
            assert answer.json()["error"]["code"] == "not_acknowledged"
            assert "character:5" not in answer.text
            figures = (await client.get("/metrics")).json()
            assert figures["pendingInvalidations"] == 1
            assert figures["unacknowledged"] == 1
            assert figures["memory"] == {"used": None, "limit": None}

            preview = await client.post(
                "/invalidate-pattern", json={"pattern": "*", "dryRun": True}
            )
            assert preview.status_code == 503
            assert "queued" not in preview.json()
        with pytest.raises(NotAcknowledged):
            await cache.invalidate("another")
        server.start()  # or closing would log what is owed
