"""A cached function that reads through a session stores only what is no older than its token.

Each way to share a session gives the right answer, or one that is not stored.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.orm import Session

from frameworks.desks import Desk, Diary, Thing
from keepwarm import Cache
from keepwarm.frameworks.sqlalchemy import snapshots

POSTGRESQL = pytest.mark.parametrize("kind", ["async-postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def unwarned() -> None:
    snapshots._warned.clear()


class Reader:
    """A cached function of a thing's name that reads it by `read`, given a session to use."""

    def __init__(self, cache: Cache, desk: Desk, read: Callable[[Session], str]) -> None:
        self.calls = 0
        self._read = read
        if desk.is_async:
            self.name = cache("plain", key="name", tags=["thing:1"], ignore=["session"])(self._aio)
        else:
            blocking = cache("plain", key="name", tags=["thing:1"], ignore=["session"])(self._plain)
            self._blocking = blocking
            self.name = self._in_thread

    def _plain(self, session: object) -> str:
        self.calls += 1
        return self._read(session)  # type: ignore[arg-type]

    async def _aio(self, session: object) -> str:
        self.calls += 1
        return await session.run_sync(self._read)  # type: ignore[attr-defined]

    async def _in_thread(self, session: object) -> str:
        return self._blocking(session)  # a plain session is used in one thread


@pytest.fixture
async def sessions(desk: Desk, cache: Cache) -> Any:

    def seed(session: Session) -> None:
        session.add(Thing(id=1, owner="ann", name="old"))
        session.commit()

    await desk.run(desk.sessions(), seed)
    made = desk.sessions(expire_on_commit=False)
    desk.bind(cache, made)
    return made


async def renamed(desk: Desk, sessions: Any) -> None:
    def rename(session: Session) -> None:
        session.get(Thing, 1).name = "new"
        session.commit()

    await desk.run(sessions, rename)


class Open:
    """A session that stays open over several awaits, whichever kind it is."""

    def __init__(self, desk: Desk, sessions: Any) -> None:
        self._desk = desk
        self.session = sessions()

    async def __aenter__(self) -> "Open":
        return self

    async def __aexit__(self, *_: object) -> None:
        closed = self.session.close()
        if self._desk.is_async:
            await closed

    async def do(self, work: Callable[[Session], Any]) -> Any:
        return await self.session.run_sync(work) if self._desk.is_async else work(self.session)


def by_get(session: Session) -> str:
    return session.get(Thing, 1).name


def by_select(session: Session) -> str:
    return session.scalars(select(Thing).where(Thing.id == 1)).one().name


def by_column(session: Session) -> str:
    return session.scalars(select(Thing.name).where(Thing.id == 1)).one()


READS = pytest.mark.parametrize("read", [by_get, by_select, by_column], ids=lambda r: r.__name__)


@READS
async def test_a_session_opened_for_the_call_is_stored(
    desk: Desk, cache: Cache, sessions: Any, read: Any
) -> None:
    """Opened before the call is fine, too, as long as it has read nothing."""
    reader = Reader(cache, desk, read)
    for _ in range(2):
        async with Open(desk, sessions) as it:
            assert await reader.name(it.session) == "old"
    assert reader.calls == 1
    await renamed(desk, sessions)
    async with Open(desk, sessions) as it:
        assert await reader.name(it.session) == "new"


@READS
async def test_rows_in_the_identity_map(
    desk: Desk, cache: Cache, sessions: Any, read: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """1 of 6: the session has read the row before the call, and another one changed it."""
    reader = Reader(cache, desk, read)
    async with Open(desk, sessions) as it:
        thing = await it.do(lambda s: s.get(Thing, 1))
        await renamed(desk, sessions)
        with caplog.at_level(logging.WARNING, "keepwarm"):
            for _ in range(2):
                await reader.name(it.session)
        assert thing.name == "old"
    assert reader.calls == 2, "it was stored"
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    async with Open(desk, sessions) as it:
        assert await reader.name(it.session) == "new"


@POSTGRESQL
async def test_a_snapshot_that_is_older_than_the_call(
    desk: Desk, cache: Cache, sessions: Any
) -> None:
    """2 of 6: REPEATABLE READ reads what was when its transaction began."""
    reader = Reader(cache, desk, by_column)
    async with sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        await session.execute(text("SELECT 1"))
        await renamed(desk, sessions)
        assert await reader.name(session) == "old"
    async with sessions() as session:
        assert await reader.name(session) == "new"
    assert reader.calls == 2


@pytest.mark.parametrize("is_flushed", [True, False])
async def test_uncommitted_writes(
    desk: Desk, cache: Cache, sessions: Any, is_flushed: bool
) -> None:
    """3 of 6: the session has changed the row, and will roll back."""
    reader = Reader(cache, desk, by_get)

    def change(session: Session) -> None:
        session.get(Thing, 1).name = "never"
        if is_flushed:
            session.flush()

    async with Open(desk, sessions) as it:
        await it.do(change)
        assert await reader.name(it.session) == "never"
        await it.do(lambda s: s.rollback())
    async with Open(desk, sessions) as it:
        assert await reader.name(it.session) == "old"


@pytest.mark.parametrize(
    "write",
    [
        lambda s: s.add(Thing(id=7, owner="x")),
        lambda s: s.execute(insert(Diary).values(text="x")),
        lambda s: s.execute(text("UPDATE things SET name = 'x'")),
    ],
    ids=["row", "statement", "text"],
)
async def test_writes_inside_the_function(
    desk: Desk, cache: Cache, sessions: Any, write: Any
) -> None:
    def read(session: Session) -> str:
        write(session)
        session.flush()
        return "what it saw"

    reader = Reader(cache, desk, read)
    for _ in range(2):
        async with Open(desk, sessions) as it:
            await reader.name(it.session)
            await it.do(lambda s: s.rollback())
    assert reader.calls == 2


@READS
async def test_rows_that_stayed_over_a_commit(
    desk: Desk, cache: Cache, sessions: Any, read: Any
) -> None:
    """4 of 6: with expire_on_commit=False, a new transaction on an old identity map."""
    reader = Reader(cache, desk, read)
    async with Open(desk, sessions) as it:
        kept = await it.do(lambda s: (s.get(Thing, 1), s.commit())[0])
        await renamed(desk, sessions)
        await reader.name(it.session)
        await reader.name(it.session)
        assert kept.name == "old"
    assert reader.calls == 2
    async with Open(desk, sessions) as it:
        assert await reader.name(it.session) == "new"


async def test_rows_that_were_expired_are_read_anew(
    desk: Desk, cache: Cache, sessions: Any
) -> None:
    """With expire_on_commit they cannot deceive, so the value is stored."""
    expiring = desk.sessions()
    desk.bind(cache, expiring)
    reader = Reader(cache, desk, by_get)
    async with Open(desk, expiring) as it:
        kept = await it.do(lambda s: (s.get(Thing, 1), s.commit())[0])
        await renamed(desk, sessions)
        assert await reader.name(it.session) == "new"
        await it.do(lambda s: s.commit())
        assert await reader.name(it.session) == "new"
        assert kept is not None
    assert reader.calls == 1


async def test_a_session_passed_as_an_ignored_argument_and_used_again(
    desk: Desk, cache: Cache, sessions: Any
) -> None:
    """5 of 6: one session for a whole request. What it reads after its first fill is older
    than the second fill's token."""
    reader = Reader(cache, desk, by_get)
    async with Open(desk, sessions) as it:
        assert await reader.name(it.session) == "old"
        await renamed(desk, sessions)
        await reader.name(it.session)
        await reader.name(it.session)
    assert reader.calls == 3
    async with Open(desk, sessions) as it:
        assert await reader.name(it.session) == "new"


async def test_a_connection_without_a_session(desk: Desk, cache: Cache, sessions: Any) -> None:
    """6 of 6: opened inside the function it is stored; one that was open before is not."""
    calls: list[str] = []

    def names(connection: Connection) -> str:
        return connection.scalars(select(Thing.name)).one()

    async def read(held: Any = None) -> str:
        calls.append("call")
        if not desk.is_async:
            if held is not None:
                return names(held)
            with desk.engine.connect() as connection:
                return names(connection)
        if held is not None:
            return await held.run_sync(names)
        options = {"isolation_level": "AUTOCOMMIT"}
        async with desk.engine.connect() as connection:
            await connection.execution_options(**options)
            return await connection.run_sync(names)

    cached = cache("plain", key="name", tags=["thing:1"], ignore=["held"])(read)
    assert [await cached(), await cached(), len(calls)] == ["old", "old", 1]
    await renamed(desk, sessions)
    assert [await cached(), len(calls)] == ["new", 2]
    await cache.invalidate("thing:1")
    calls.clear()
    if desk.is_async:
        async with desk.engine.connect() as held:
            await held.run_sync(names)
            assert [await cached(held), await cached(held)] == ["new", "new"]
    else:
        with desk.engine.connect() as held:
            names(held)
            assert [await cached(held), await cached(held)] == ["new", "new"]
    assert len(calls) == 2


async def test_a_session_that_is_not_bound(
    desk: Desk, cache: Cache, sessions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(cache, desk, by_column)
    with caplog.at_level(logging.WARNING, "keepwarm"):
        for _ in range(3):
            async with Open(desk, desk.sessions()) as it:
                assert await reader.name(it.session) == "old"
    assert reader.calls == 3
    assert ["not bound" in r.getMessage() for r in caplog.records] == [True]


async def test_after_the_last_binding_is_closed_any_session_is_stored(
    desk: Desk, cache: Cache, sessions: Any
) -> None:
    """An app without bindings has said nothing about its sessions, and is not judged."""
    reader = Reader(cache, desk, by_column)
    for binding in desk.bindings:
        await binding.aclose()
        await binding.aclose()  # once more changes nothing
    for _ in range(3):
        async with Open(desk, desk.sessions()) as it:
            assert await reader.name(it.session) == "old"
    assert reader.calls == 1


async def test_an_unstored_value_makes_the_one_around_it_unstored(
    desk: Desk, cache: Cache, sessions: Any
) -> None:
    reader = Reader(cache, desk, by_get)
    calls: list[int] = []

    @cache("plain", key="outer", ignore=["session"])
    async def outer(session: object) -> str:
        calls.append(1)
        return await reader.name(session)

    async with Open(desk, sessions) as it:
        await it.do(by_get)
        for _ in range(2):
            await outer(it.session)
    assert len(calls) == 2


@pytest.mark.parametrize("kind", ["async-sqlite", "async-postgresql"], indirect=True)
async def test_fills_at_the_same_time_do_not_take_each_others_sessions(
    desk: Desk, cache: Cache, sessions: Any
) -> None:
    stored = []

    @cache("plain", key="thing:{n}", tags=["thing:1"])
    async def name(n: int) -> str:
        stored.append(n)
        async with sessions() as session:
            found = (await session.execute(select(Thing.name).where(Thing.id == 1))).scalar_one()
            await asyncio.sleep(0)
            return found

    for _ in range(2):
        await asyncio.gather(*(name(n) for n in range(5)))
    assert sorted(stored) == [0, 1, 2, 3, 4]
