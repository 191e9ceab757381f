"""The store goes away, processes are killed: what was committed is ended all the same."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update
from sqlalchemy.orm import Session

from frameworks.desks import POLICIES, Desk, Thing, outbox
from keepwarm import Cache, NotAcknowledged, WriteNotAnnounced
from keepwarm.core.stamps import parse_stamp, stamp_of_tag
from keepwarm.frameworks.sqlalchemy.mapping import Touched
from keepwarm.frameworks.sqlalchemy.outbox import Row
from keepwarm.frameworks.sqlalchemy.sweeper import (
    RIPE_AFTER_S,
    Erase,
    Finish,
    Ledger,
    Look,
    sweep,
)
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with valkey(tcp=True) as server:
        yield server


@pytest.fixture
def proxy(server: EmbeddedServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as proxy:
        yield proxy


class Process:
    """What one process of an app has: a cache, bound sessions, a cached read of thing 1."""

    def __init__(self, desk: Desk, cache: Cache, mode: str) -> None:
        self.desk, self.cache = desk, cache
        self.sessions = desk.sessions()
        terms = {"mode": mode, "outbox": outbox if mode == "outbox" else None}
        self.binding = desk.bind(cache, self.sessions, **terms)
        self.calls = 0
        self.name = cache("plain", key="name", tags=["thing:1"])(self._name)

    async def _name(self) -> str:
        self.calls += 1
        return await self.desk.run(
            self.sessions, lambda s: s.scalars(select(Thing.name).where(Thing.id == 1)).one()
        )

    async def rename(self, name: str) -> Any:
        def work(session: Session) -> Any:
            receipt = self.binding.receipt(session)
            session.get(Thing, 1).name = name
            session.commit()
            return receipt

        return await self.desk.run(self.sessions, work)

    async def in_database(self) -> str:
        names = lambda s: s.scalars(select(Thing.name).where(Thing.id == 1)).one()  # noqa: E731
        return await self.desk.run(self.sessions, names)


@asynccontextmanager
async def process(desk: Desk, url: str, namespace: str, mode: str) -> AsyncIterator[Process]:
    async with Cache(url, namespace=namespace, policies=POLICIES) as cache:
        made = Process(desk, cache, mode)
        await desk.start(made.binding)
        yield made
        desk.bindings.remove(made.binding)
        await made.binding.aclose()


@pytest.fixture
def namespace() -> str:
    return f"test-{os.urandom(6).hex()}"


@pytest.fixture
async def seeded(desk: Desk) -> Desk:
    def seed(session: Session) -> None:
        session.add(Thing(id=1, owner="ann", name="old"))
        session.commit()

    await desk.run(desk.sessions(), seed)
    return desk


async def rows(desk: Desk) -> list[Any]:
    found = await desk.run(desk.sessions(), lambda s: s.execute(select(outbox.c.tags)).all())
    return [tags for (tags,) in found]


async def until(holds: Any) -> None:
    """Wait for a condition; the test's own time limit ends a wait in vain."""
    while not await holds():
        await asyncio.sleep(0.01)


async def warm(reader: Process) -> None:
    """Until it answers by itself."""
    while reader.calls < 1 or (before := reader.calls) != (await reader.name(), reader.calls)[1]:
        await reader.name()
    assert before == reader.calls


# Strict.


async def test_strict_commits_nothing_that_it_cannot_announce(
    seeded: Desk, proxy: FaultProxy, namespace: str
) -> None:
    async with process(seeded, proxy.url, namespace, "strict") as writer:
        assert await writer.name() == "old"
        proxy.refuse()
        with pytest.raises(WriteNotAnnounced, match="nothing was committed"):
            await writer.rename("new")
        assert await writer.in_database() == "old"
        assert not writer.cache.owed()
        proxy.pass_through()

        async def renamed() -> bool:
            try:
                return (await writer.rename("newer")).ack is not None
            except WriteNotAnnounced:  # it has not found the store again yet
                return False

        await until(renamed)
        assert await writer.name() == "newer"


async def test_strict_tells_of_what_it_could_not_end(
    seeded: Desk, proxy: FaultProxy, namespace: str
) -> None:
    """The store goes away between COMMIT and invalidation: raised, but the session is fine."""
    async with process(seeded, proxy.url, namespace, "strict") as writer:
        kind = writer.binding._collector.kinds[0]
        event.listen(kind, "after_commit", lambda _: proxy.refuse(), once=True)

        def work(session: Session) -> str:
            session.get(Thing, 1).name = "new"
            with pytest.raises(NotAcknowledged):
                session.commit()
            assert not session.in_transaction()
            return session.get(Thing, 1).name

        assert await seeded.run(writer.sessions, work) == "new"
        assert writer.cache.owed()
        assert await writer.name() == "new"


async def test_while_a_commit_is_under_way_everybody_asks_the_database(
    seeded: Desk, server: EmbeddedServer, namespace: str
) -> None:
    """Also before it: whoever reads then stores nothing, so nothing has to be found after it."""
    async with (
        process(seeded, server.url, namespace, "strict") as writer,
        process(seeded, server.url, namespace, "strict") as reader,
    ):
        await warm(reader)
        loop, seen = asyncio.get_running_loop(), []

        def look(_: object) -> None:  # the marks are there, COMMIT was not sent
            if seeded.is_async:
                from sqlalchemy.util import await_only

                seen.extend([await_only(reader.name()), await_only(reader.name()), reader.calls])
                return

            async def ask() -> None:
                seen.extend([await reader.name(), await reader.name(), reader.calls])

            asyncio.run_coroutine_threadsafe(ask(), loop).result(10)

        before = reader.calls
        event.listen(writer.binding._collector.kinds[0], "before_commit", look, once=True)
        await writer.rename("new")
        assert seen == ["old", "old", before + 2]
        assert await reader.name() == "new"


# Outbox.


async def test_what_is_confirmed_leaves_no_row(
    seeded: Desk, server: EmbeddedServer, namespace: str
) -> None:
    async with process(seeded, server.url, namespace, "outbox") as writer:
        for n in range(5):
            receipt = await writer.rename(f"name {n}")
            assert (receipt.is_pending, receipt.ack is not None) == (False, True)
            assert await writer.name() == f"name {n}"
            assert len(await rows(seeded)) <= 1
        await seeded.outbox_is_empty()
        assert writer.binding.pending() == 0


async def test_a_write_stands_and_is_ended_when_the_store_is_back(
    seeded: Desk, proxy: FaultProxy, server: EmbeddedServer, namespace: str
) -> None:
    async with (
        process(seeded, proxy.url, namespace, "outbox") as writer,
        process(seeded, server.url, namespace, "outbox") as other,
    ):
        await warm(other)
        proxy.refuse()
        receipt = await writer.rename("new")
        assert (receipt.is_pending, receipt.ack) == (True, None)
        assert receipt.tags == ("thing:1", "things", "things:of:ann")
        assert await rows(seeded) == [["thing:1", "things", "things:of:ann"]]
        assert writer.binding.pending() == 1
        health = await writer.cache.health()
        assert health.pending_invalidations >= 1
        assert any("1 committed write(s) wait" in note for note in health.notes)
        assert writer.cache.stats().pending_invalidations >= 1
        assert await writer.name() == "new", "its own process knows"
        # The other process reaches the store and the database: its sweeper does it for us.

        async def followed() -> bool:
            return await other.name() == "new"

        await until(followed)
        await seeded.outbox_is_empty()
        proxy.pass_through()

        async def settled() -> bool:
            return (await writer.cache.health()).pending_invalidations == 0

        await until(settled)
        assert [await writer.name(), await other.name()] == ["new", "new"]


async def test_the_marks_of_a_commit_that_fails_are_taken_away(
    seeded: Desk, server: EmbeddedServer, namespace: str
) -> None:
    async with process(seeded, server.url, namespace, "outbox") as writer:
        await warm(writer)

        def fail(_: object) -> None:
            raise ZeroDivisionError

        event.listen(writer.binding._collector.kinds[0], "before_commit", fail, once=True)
        with pytest.raises(ZeroDivisionError):
            await writer.rename("new")
        assert await writer.in_database() == "old"
        calls = writer.calls
        assert [await writer.name(), await writer.name()] == ["old", "old"]
        assert writer.calls == calls + 1, "a mark is still there"
        assert await rows(seeded) == []


@pytest.mark.parametrize("kind", ["async-sqlite", "async-postgresql"], indirect=True)
async def test_a_cancelled_commit_leaves_no_mark(
    seeded: Desk, server: EmbeddedServer, namespace: str
) -> None:
    """After 0, 1, 2 … turns of the loop; whatever came of it, everybody reads what is there."""
    async with process(seeded, server.url, namespace, "outbox") as writer:
        await warm(writer)
        outcomes = set()
        for turns in range(0, 200, 3):
            task = asyncio.ensure_future(writer.rename(f"name {turns}"))
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.done():
                task.result()
                break
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            outcomes.add(type(ended).__name__)
            await writer.cache._duties.aclose()
            assert await writer.name() == await writer.in_database()
            await seeded.outbox_is_empty()
            assert mark_of(server, namespace) == "-", f"after {turns} turns"
        assert "CancelledError" in outcomes


def mark_of(server: EmbeddedServer, namespace: str) -> str:
    import redis

    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        stamp = parse_stamp(client.get("{" + namespace + "}:" + stamp_of_tag("thing:1")))
    return stamp.writers if stamp is not None else "-"


# Rows that others left.


async def left_behind(desk: Desk, namespace: str, tags: Any) -> None:
    """As by a process that was killed right after its commit."""

    def work(session: Session) -> None:
        session.execute(update(Thing).values(name="new"))
        row = {"id": os.urandom(16).hex(), "namespace": namespace, "tags": tags}
        session.execute(insert(outbox).values(row))
        session.commit()

    await desk.run(desk.sessions(), work)


@pytest.mark.parametrize("tags", [["thing:1"], "*", 7, ["thing:1", None]], ids=str)
async def test_a_row_that_nobody_finishes_is_finished_by_whoever_sees_it(
    seeded: Desk, server: EmbeddedServer, namespace: str, tags: Any
) -> None:
    """Also "everything", and what nobody can read."""
    async with process(seeded, server.url, namespace, "outbox") as reader:
        await warm(reader)
        await left_behind(seeded, namespace, tags)
        await seeded.outbox_is_empty()
        assert await reader.name() == "new"


async def test_what_was_left_behind_is_finished_before_the_first_read_is_served(
    seeded: Desk, server: EmbeddedServer, namespace: str
) -> None:
    async with process(seeded, server.url, namespace, "outbox") as reader:
        await warm(reader)
    await left_behind(seeded, namespace, ["thing:1"])
    async with process(seeded, server.url, namespace, "outbox") as reader:
        assert await rows(seeded) == []
        assert await reader.name() == "new"


@pytest.mark.parametrize("turns", range(5))
async def test_closing_ends_the_sweeper_also_just_after_a_write(
    seeded: Desk, server: EmbeddedServer, namespace: str, turns: int
) -> None:
    """However many turns of the loop after it was woken."""
    async with process(seeded, server.url, namespace, "outbox") as writer:
        await asyncio.sleep(0.05)  # it waits
        assert writer.binding._sweeper is not None
        writer.binding._sweeper.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await writer.binding.aclose()


async def test_rows_of_another_namespace_are_not_ours(
    seeded: Desk, server: EmbeddedServer, namespace: str
) -> None:
    await left_behind(seeded, "another", ["thing:1"])
    async with process(seeded, server.url, namespace, "outbox") as reader:
        assert await rows(seeded) == [["thing:1"]]
        assert reader.binding.pending() == 0


async def test_a_missing_table_is_told_at_start(
    seeded: Desk, server: EmbeddedServer, namespace: str
) -> None:
    await seeded.run(seeded.sessions(), lambda s: outbox.drop(s.connection()) or s.commit())
    with pytest.raises(Exception, match="keepwarm_outbox"):
        async with process(seeded, server.url, namespace, "outbox"):
            pytest.fail("it must not start")


# Killed between COMMIT and invalidation.


async def killed(desk: Desk, url: str, namespace: str, mode: str, name: str) -> float:
    """Run a writer until it is killed; when that was."""
    database = desk.engine.url.render_as_string(hide_password=False)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "frameworks.killed",
        *(database, url, namespace, mode, name),
        cwd=TESTS,
    )
    assert await child.wait() == -signal.SIGKILL
    return time.monotonic()


class Hammer:
    """Reads without pause, and remembers when each read began and what it saw."""

    def __init__(self, reader: Process) -> None:
        self.reads: list[tuple[float, str]] = []
        self._reader = reader

    async def __aenter__(self) -> "Hammer":
        self._task = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            began = time.monotonic()
            self.reads.append((began, await self._reader.name()))
            await asyncio.sleep(0.001)

    def stale(self, since: float, expected: str) -> list[float]:
        """How long after `since` reads began that saw something else."""
        return [round(at - since, 3) for at, seen in self.reads if at >= since and seen != expected]

    def after(self, since: float) -> int:
        return sum(at >= since for at, _ in self.reads)


@pytest.mark.parametrize("mode", ["strict", "outbox"])
async def test_a_writer_killed_after_its_commit_leaves_nothing_stale(
    seeded: Desk, server: EmbeddedServer, namespace: str, mode: str
) -> None:
    """G4: with the store up, not for a moment, in any process, from any tier."""
    async with process(seeded, server.url, namespace, mode) as reader:
        await warm(reader)
        calls = reader.calls
        async with Hammer(reader) as hammer:
            await until(lambda: asyncio.sleep(0, len(hammer.reads) > 20))
            assert reader.calls == calls, "it answers by itself"
            died = await killed(seeded, server.url, namespace, mode, "new")
            await until(lambda: asyncio.sleep(0, hammer.after(died) > 50))
        assert hammer.stale(died, "new") == []
        assert mark_of(server, namespace) != "-", "it was killed before it could leave"
        assert reader.calls > calls + 20, "nobody stores while its mark is there"


@pytest.mark.parametrize("fault", ["refuse", "freeze"])
async def test_a_writer_killed_while_the_store_is_away_leaves_nothing_stale_after_its_return(
    seeded: Desk, proxy: FaultProxy, namespace: str, fault: str
) -> None:
    """The same server comes back with all its entries and stamps, and they look current.

    Every process that has looked at the outbox meanwhile knows better.
    """
    async with process(seeded, proxy.url, namespace, "outbox") as reader:
        await warm(reader)
        getattr(proxy, fault)()
        await killed(seeded, proxy.url, namespace, "outbox", "new")
        assert await rows(seeded) == [["thing:1", "things", "things:of:ann"]]

        async def knows() -> bool:
            await reader.name()  # a process without traffic does not notice an outage
            return reader.binding.pending() == 1 and bool(reader.cache.owed())

        await until(knows)
        async with Hammer(reader) as hammer:
            back = time.monotonic()
            proxy.pass_through()
            await seeded.outbox_is_empty()
            until_then = len(hammer.reads)
            await until(lambda: asyncio.sleep(0, len(hammer.reads) > until_then + 50))
        assert hammer.stale(back, "new") == []
        assert reader.binding.pending() == 0
        calls = reader.calls
        await warm(reader)
        assert reader.calls <= calls + 2, "it is cached again"


async def test_a_store_that_is_back_before_anybody_looked_is_stale_for_a_look_at_most(
    seeded: Desk, proxy: FaultProxy, namespace: str
) -> None:
    async with process(seeded, proxy.url, namespace, "outbox") as reader:
        await warm(reader)
        proxy.refuse()
        await killed(seeded, proxy.url, namespace, "outbox", "new")
        back = time.monotonic()
        proxy.pass_through()
        async with Hammer(reader) as hammer:
            await seeded.outbox_is_empty()
            until_then = len(hammer.reads)
            await until(lambda: asyncio.sleep(0, len(hammer.reads) > until_then + 20))
        stale = hammer.stale(back, "new")
        logging.getLogger("tests").info("stale for %s s", max(stale, default=0.0))
        assert max(stale, default=0.0) < RIPE_AFTER_S + 1.5


# The rules of sweeping.


def play(ledger: Ledger, there: list[Row], now: float, **terms: Any) -> list[Any]:
    """The steps of one sweep, with a store that confirms what `confirms` says."""
    confirms = terms.pop("confirms", True)
    steps = sweep(ledger, now, **({"is_away": False, "at_once": False, "looks": True} | terms))
    done: list[Any] = []
    reply: Any = None
    try:
        while True:
            step = steps.send(reply)
            done.append(step)
            reply = there if isinstance(step, Look) else confirms
    except StopIteration:
        return done[1:] if done and isinstance(done[0], Look) else done


ROW = Row("a", Touched(frozenset({"thing:1"})))


def test_a_young_row_is_left_to_its_writer() -> None:
    ledger = Ledger()
    assert play(ledger, [ROW], 100.0) == []
    assert ledger.pending == 0
    assert play(ledger, [ROW], 100.9) == []
    assert play(ledger, [ROW], 101.0) == [Finish(ROW.touched), Erase(("a",))]
    assert play(ledger, [], 102.0) == []


def test_a_row_that_was_gone_is_young_again() -> None:
    ledger = Ledger()
    play(ledger, [ROW], 100.0)
    play(ledger, [], 100.5)
    assert play(ledger, [ROW], 101.2) == []


def test_while_the_store_is_away_each_row_is_tried_once() -> None:
    ledger = Ledger()
    assert play(ledger, [ROW], 100.0, is_away=True, confirms=False) == [Finish(ROW.touched)]
    assert ledger.pending == 1
    assert play(ledger, [ROW], 100.5, is_away=True, confirms=False) == []
    assert ledger.pending == 1
    assert play(ledger, [ROW], 101.0) == [Finish(ROW.touched), Erase(("a",))]
    assert ledger.pending == 0


def test_own_rows_that_failed_are_pending_at_once_and_tried_first() -> None:
    ledger = Ledger()
    ledger.failed(["a"])
    assert ledger.pending == 1
    assert play(ledger, [ROW], 100.0) == [Finish(ROW.touched), Erase(("a",))]
    assert ledger.pending == 0


def test_what_others_finished_is_pending_no_more() -> None:
    ledger = Ledger()
    ledger.failed(["a"])
    play(ledger, [], 100.0)
    assert ledger.pending == 0


def test_a_row_that_failed_while_somebody_looked_stays_pending() -> None:
    ledger = Ledger()
    steps = sweep(ledger, 100.0, is_away=False, at_once=False, looks=True)
    assert isinstance(next(steps), Look)
    ledger.failed(["a"])
    with pytest.raises(StopIteration):
        steps.send([])
    assert ledger.pending == 1


def test_confirmed_rows_are_deleted_even_between_two_looks_and_given_back_on_failure() -> None:
    ledger = Ledger()
    ledger.confirmed(["a"])
    steps = sweep(ledger, 100.0, is_away=False, at_once=False, looks=False)
    assert next(steps) == Erase(("a",))
    with pytest.raises(OSError):
        steps.throw(OSError())
    assert play(ledger, [ROW], 100.0, looks=False) == [Erase(("a",))]
    assert play(ledger, [ROW], 100.0, looks=False) == []


def test_many_rows_are_finished_in_batches_and_one_failure_does_not_stop_the_others() -> None:
    ledger = Ledger()
    many = [Row(f"{n}", Touched(frozenset(f"t:{n}:{m}" for m in range(600)))) for n in range(4)]
    found = play(ledger, many, 100.0, at_once=True, confirms=False)
    assert [len(step.touched.tags) for step in found] == [1_200, 1_200]
    assert ledger.pending == 4
