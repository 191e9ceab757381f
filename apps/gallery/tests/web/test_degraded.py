"""The store away: reads answered, writes made, invalidations pending and then done."""

import asyncio

import pytest

from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy


@pytest.fixture
def faulty():
    """A Valkey behind a proxy that breaks the connection on command."""
    server = EmbeddedServer(tcp=True)
    server.start()
    try:
        with FaultProxy(server.url) as proxy:
            yield proxy
    finally:
        server.stop()


async def until(holds):
    """Wait for a condition; the test's own time limit ends a wait in vain."""
    while not await holds():
        await asyncio.sleep(0.02)


async def test_two_processes_see_each_others_changes_at_once(open_site, faulty):
    async with open_site(cache_url=faulty.url) as one, open_site(cache_url=faulty.url) as two:
        writer, reader = await one.visitor("u1"), await two.visitor()
        made = await writer.own_character(name="First")
        path = f"/api/characters/{made['id']}"
        await reader.read(path)
        assert await reader.cached(path) == "HIT"
        for version in range(1, 6):
            await writer.patch(path, json={"version": version, "name": f"Name {version}"})
            assert (await reader.read(path))["name"] == f"Name {version}"


async def test_write_stands_and_its_invalidation_is_told_as_pending(open_site, faulty):
    async with open_site(cache_url=faulty.url) as site:
        visitor = await site.visitor("u1")
        made = await visitor.own_character(name="First")
        path = f"/api/characters/{made['id']}"
        await visitor.read(path)
        await visitor.read(path)

        faulty.refuse()
        changed = await visitor.patch(path, json={"version": 1, "name": "Second"})

        assert changed.status_code == 200
        assert changed.headers["Cache-Invalidation"] == "pending"
        assert changed.json()["name"] == "Second"
        assert (await visitor.read(path))["name"] == "Second"
        health = await visitor.read("/api/cache/health")
        assert health["cache"]["status"] == "degraded"

        faulty.pass_through()

        async def settled():
            return (await site.cache.health()).pending_invalidations == 0

        await until(settled)
        assert (await visitor.read(path))["name"] == "Second"
        again = await visitor.patch(path, json={"version": 2, "name": "Third"})
        assert again.headers["Cache-Invalidation"] == "done"
        assert (await visitor.read(path))["name"] == "Third"


@pytest.mark.parametrize("fault", ["refuse", "freeze", "black_hole"])
async def test_every_page_is_answered_without_a_store(open_site, faulty, fault):
    async with open_site(cache_url=faulty.url) as site:
        visitor = await site.visitor("u1")
        getattr(faulty, fault)()
        for path in (
            "/api/characters?mode=trending",
            "/api/characters?mode=featured",
            "/api/characters/1",
            "/api/characters/1/similar",
            "/api/featured",
            "/api/preferences",
            "/api/users/u1/images",
        ):
            assert (await visitor.get(path)).status_code == 200
        assert (await visitor.get("/api/characters/999999")).status_code == 404
        made = await visitor.own_character()
        assert (await visitor.read(f"/api/characters/{made['id']}"))["name"] == made["name"]


async def test_private_answers_are_never_served_unproven(open_site, faulty):
    """Of two processes one changes preferences while the other has lost the store."""
    async with open_site() as one, open_site(cache_url=faulty.url) as two:
        writer, reader = await one.visitor("u1"), await two.visitor("u1")
        await reader.read("/api/preferences")
        await reader.read("/api/characters", mode="featured")
        faulty.refuse()
        await writer.put(
            "/api/preferences", json={"sort": "newest", "hidden_tags": ["music", "magic"]}
        )
        assert (await reader.read("/api/preferences"))["sort"] == "newest"
        featured = await reader.read("/api/characters", mode="featured")
        assert all(not {"music", "magic"} & set(card["tags"]) for card in featured["items"])


async def test_app_starts_without_a_store(open_site, faulty):
    faulty.refuse()
    async with open_site(cache_url=faulty.url) as site:
        visitor = await site.visitor()
        assert (await visitor.get("/api/characters")).status_code == 200
        health = await visitor.get("/api/cache/health")
        assert health.status_code == 200
        assert health.json()["cache"]["latency"] is None
