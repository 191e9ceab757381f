"""Writes: what they end is announced, survives a killed process, and may be demanded."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gallery.data import models as m
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy

CHARACTER = "/api/characters/1"
HERE = Path(__file__).parent


@pytest.fixture
def faulty() -> Iterator[FaultProxy]:
    """A Valkey behind a proxy that breaks the connection on command."""
    with EmbeddedServer(tcp=True) as server, FaultProxy(server.url) as proxy:
        yield proxy


async def rows(site) -> int:
    async with site.database.session() as session:
        return await session.scalar(select(func.count()).select_from(m.OUTBOX))


async def warm(visitor) -> None:
    while await visitor.cached(CHARACTER) != "HIT":
        await asyncio.sleep(0.01)


class Doomed:
    """A process that writes when told, and dies of it."""

    def __init__(self, *args: str) -> None:
        self._args = args

    async def __aenter__(self) -> "Doomed":
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(HERE / "killed.py"), *self._args),
            cwd=HERE,
            env={"PYTHONPATH": f"{HERE}:{HERE.parent}", "PATH": ""},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert await self._process.stdout.readline() == b"ready\n"
        return self

    async def write(self) -> None:
        self._process.stdin.write(b"\n")
        assert await self._process.wait() == -signal.SIGKILL

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def test_a_killed_writer_leaves_nothing_stale(open_site, faulty, database_url, tmp_path):
    """The store being up: its mark outlives it, and whoever reads computes."""
    async with (
        open_site(cache_url=faulty.url) as site,
        Doomed(database_url, str(tmp_path), faulty.url, "Renamed") as doomed,
    ):
        visitor = await site.visitor()
        await warm(visitor)
        await doomed.write()
        assert (await visitor.read(CHARACTER))["name"] == "Renamed"

        async def swept() -> bool:
            assert (await visitor.read(CHARACTER))["name"] == "Renamed"
            return await rows(site) == 0

        while not await swept():
            await asyncio.sleep(0.02)
        await warm(visitor)
        assert (await visitor.read(CHARACTER))["name"] == "Renamed"


async def test_a_writer_killed_while_the_store_is_away_is_made_up_for_before_the_next_read(
    open_site, faulty, database_url, tmp_path
):
    """Nobody lives to remember it: the next start finds it in the database."""
    async with Doomed(database_url, str(tmp_path), faulty.url, "Renamed") as doomed:
        async with open_site(cache_url=faulty.url) as site:
            await warm(await site.visitor())
        faulty.refuse()
        await doomed.write()
    faulty.pass_through()
    async with open_site(cache_url=faulty.url) as site:
        assert (await (await site.visitor()).read(CHARACTER))["name"] == "Renamed"
        assert await rows(site) == 0


async def test_pending_writes_are_counted_by_health_until_they_are_done(open_site, faulty):
    async with open_site(cache_url=faulty.url) as site:
        admin = await site.visitor("admin")
        before = await admin.read(CHARACTER)
        faulty.refuse()
        changed = await admin.patch(
            CHARACTER, json={"version": before["version"], "name": "Second"}
        )
        assert (changed.status_code, changed.headers["Cache-Invalidation"]) == (200, "pending")
        health = await site.cache.health()
        assert any("1 committed write(s) wait" in note for note in health.notes)
        assert await rows(site) == 1
        faulty.pass_through()
        while await rows(site) or (await site.cache.health()).pending_invalidations:
            await asyncio.sleep(0.02)
        assert (await admin.read(CHARACTER))["name"] == "Second"


async def test_strict_refuses_writes_that_it_cannot_announce(open_site, faulty):
    async with open_site(cache_url=faulty.url, writes="strict") as site:
        admin = await site.visitor("admin")
        before = await admin.read(CHARACTER)
        wanted = {"version": before["version"], "name": "Second"}
        faulty.refuse()
        refused = await admin.patch(CHARACTER, json=wanted)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["error"]["code"] == "writes_paused"
        assert (await admin.read(CHARACTER))["name"] == before["name"], "nothing was changed"
        assert (await admin.post(f"{CHARACTER}/view")).status_code == 204, "ends nothing"

        faulty.pass_through()
        while (answer := await admin.patch(CHARACTER, json=wanted)).status_code == 503:
            await asyncio.sleep(0.02)
        assert (answer.status_code, answer.headers["Cache-Invalidation"]) == (200, "done")
        assert (await admin.read(CHARACTER))["name"] == "Second"


async def test_each_write_says_what_it_ends(open_site, caplog):
    """One that forgot would clear the whole cache, and be warned of."""
    async with open_site() as site:
        visitor, admin = await site.visitor("u1"), await site.visitor("admin")
        made = await visitor.own_character()
        path = f"/api/characters/{made['id']}"
        await visitor.patch(path, json={"version": 1, "name": "Second"})
        await visitor.post(f"{path}/like")
        await visitor.delete(f"{path}/like")
        await visitor.post(f"{path}/view")
        await visitor.put("/api/preferences", json={"sort": "newest"})
        await admin.post(
            "/api/auth/register", json={"username": "somebody-new", "password": "long enough 1"}
        )
        await visitor.post("/api/generations", json={"prompt": "an elf", "seed": 1})
        await visitor.delete(path)
        await visitor.post("/api/auth/logout")
    assert "cleared" not in caplog.text
