"""A real server under a real load, its store killed: nothing fails, and nothing is wrong."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gallery.data.database import Database
from gallery.data.seeding import seed
from gallery.data.world import SMALL
from gallery.load.oracle import Verdict
from gallery.load.plan import Plan
from gallery.load.run import Ran, Run, faults, judged, prepare
from gallery.load.stage import SERVER, Stage, stage
from gallery.origin import rounded, utc_now

PLAN = Plan.read().but(seconds=4.0, requests_per_s=30.0)
DISTURBED = PLAN.but(seconds=6.0)
BROKEN = (sys.executable, str(Path(__file__).with_name("broken.py")))
BARE = (sys.executable, str(Path(__file__).with_name("bare.py")))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small seeded database; loads are played on copies of it."""
    path = tmp_path_factory.mktemp("load") / "source.db"
    asyncio.run(seeded(path))
    return path


async def seeded(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    await seed(database, SMALL, reference=rounded(utc_now()))
    await database.dispose()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path / "stage") as found:
        yield found


async def played(
    here: Stage, source: Path, *, command: Sequence[str] = SERVER, is_disturbed: bool = False
) -> tuple[Ran, Verdict]:
    plan = DISTURBED if is_disturbed else PLAN
    ground = await prepare(here, source, plan, "live")
    server = await here.server(ground.live, command=command)
    disturbances = faults(here.store, plan) if is_disturbed else ()
    ran = await Run(server, here.store, plan, ground, disturbances).play()
    await server.stop()
    return ran, await judged(ground, ran.played)


def told(verdict: Verdict) -> list[str]:
    return [
        f"{one.exchange.request.kind} {one.exchange.path} at {one.exchange.sent_at:.2f}: {one.why}"
        for one in verdict.wrong
    ]


async def test_nothing_fails_and_nothing_is_wrong_while_the_store_is_killed_and_frozen(
    here: Stage, source: Path
) -> None:
    ran, verdict = await played(here, source, is_disturbed=True)

    failed = [(one.path, one.status, one.error) for one in ran.played.exchanges if one.is_failed]
    assert failed == []
    assert told(verdict) == []
    assert verdict.judged > 100
    assert [name for _, name in ran.played.events] == ["killed", "restarted", "frozen", "thawed"]
    assert ran.peak_bytes < ran.limit_bytes


async def test_a_cache_that_forgets_to_invalidate_is_found_out(here: Stage, source: Path) -> None:
    ran, verdict = await played(here, source, command=BROKEN)

    assert ran.summary.errors == 0
    assert verdict.wrong


async def test_the_unlimited_cache_is_asked_exactly_what_the_server_was(
    here: Stage, source: Path
) -> None:
    """What the ideal says each request touches is what the app calls."""
    ran, verdict = await played(here, source, command=BARE)

    assert told(verdict) == []
    assert ran.ideal.calls == pytest.approx(ran.calls.hits + ran.calls.misses, rel=0.02)
    assert ran.ideal.hits >= ran.calls.hits > 0
    assert ran.calls.computed == ran.calls.misses
    assert ran.hit_ratio == pytest.approx(1 - ran.calls.misses / ran.ideal.calls)
    assert ran.ideal.ratio >= ran.on_trial.ratio > 0
