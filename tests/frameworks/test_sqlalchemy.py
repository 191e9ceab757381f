"""What a bound session writes ends exactly what depends on it, when it is committed."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from frameworks.desks import (
    ENTITIES,
    Desk,
    Diary,
    Room,
    Shop,
    Stock,
    Thing,
    labels,
)
from keepwarm import (
    Cache,
    ConfigurationError,
    KeyTemplateError,
    WriteNotAnnounced,
)
from keepwarm.core.steps import ChangeStamps, Enter, NewEpoch
from keepwarm.frameworks.sqlalchemy import Tags, bind

TAGS = ("thing:1", "thing:2", "things:of:ann", "things:of:bob", "things", "room:1", "rooms:any")


class Shelf:
    """An entry for each tag, and which of them a write ended; counts what the store was asked."""

    def __init__(self, cache: Cache, *tags: str) -> None:
        self._cache = cache
        self._tags = tags or (*TAGS, "stock")
        self.asked: list[str] = []
        local = cache._wiring.parts.local
        answer = local.answer

        def counted(step: Any) -> Any:
            if isinstance(step, Enter | ChangeStamps | NewEpoch):
                self.asked.append(type(step).__name__)
            return answer(step)

        local.answer = counted

    async def fill(self) -> None:
        for tag in self._tags:
            await self._cache.get_or_set(f"entry of {tag}", lambda: 1, "plain", tags=[tag])
        assert await self.ended() == set()
        self.asked.clear()

    async def ended(self) -> set[str]:
        found = await self._cache.get_many([f"entry of {tag}" for tag in self._tags])
        return {tag for tag in self._tags if f"entry of {tag}" not in found}


@pytest.fixture
def shelf(cache: Cache) -> Shelf:
    return Shelf(cache)


@pytest.fixture
async def sessions(desk: Desk, cache: Cache) -> Any:
    """Bound, in outbox mode, with two things, a shop, its room and stock in the database."""

    def seed(session: Session) -> None:
        session.add_all([Thing(id=1, owner="ann"), Thing(id=2, owner="bob"), Shop(id=1)])
        session.flush()
        session.add_all([Room(id=1, shop_id=1), Stock(id=1, shop_id=1), Diary()])
        session.commit()

    await desk.run(desk.sessions(), seed)
    made = desk.sessions()
    desk.bind(cache, made)
    return made


Write = Callable[[Desk, Any, Callable[[Session], Any]], Any]


async def ends(desk: Desk, sessions: Any, shelf: Shelf, work: Callable[[Session], Any]) -> set[str]:
    """The tags whose entries `work` ends, run in a transaction of its own."""

    def committed(session: Session) -> None:
        work(session)
        session.commit()

    await shelf.fill()
    await desk.run(sessions, committed)
    return await shelf.ended()


# Rows.


async def test_an_insert_names_its_tags_too(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    """Also for a row that gets its key from the database: "there is none" may be cached."""
    assert await ends(desk, sessions, shelf, lambda s: s.add(Thing(id=3, owner="ann"))) == {
        "things:of:ann",
        "things",
    }

    def generated(session: Session) -> None:
        session.execute(delete(Thing), execution_options={"keepwarm_tags": ()})
        thing = Thing(owner="bob")
        session.add(thing)
        session.flush()
        keys.append(f"thing:{thing.id}")

    keys: list[str] = []
    shelf._tags = (*shelf._tags, *(f"thing:{n}" for n in range(3, 9)))
    ended = await ends(desk, sessions, shelf, generated)
    assert ended == {"things:of:bob", "things", *keys}


async def test_an_update_of_another_column(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    def rename(session: Session) -> None:
        session.get(Thing, 1).name = "new"

    assert await ends(desk, sessions, shelf, rename) == {"thing:1", "things:of:ann", "things"}


async def test_a_row_that_moves_ends_where_it_was_and_where_it_is(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    def move(session: Session) -> None:
        session.get(Thing, 1).owner = "bob"

    both = {"thing:1", "things:of:ann", "things:of:bob", "things"}
    assert await ends(desk, sessions, shelf, move) == both


async def test_a_row_that_was_never_loaded_moves(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    """`merge` without loading knows nothing of the old owner; the database does."""

    def move(session: Session) -> None:
        thing = session.get(Thing, 1)
        session.expire(thing)
        thing.owner = "bob"

    both = {"thing:1", "things:of:ann", "things:of:bob", "things"}
    assert await ends(desk, sessions, shelf, move) == both


POSTGRESQL = pytest.mark.parametrize("kind", ["async-postgresql"], indirect=True)


@POSTGRESQL
async def test_a_row_that_others_moved_meanwhile(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    """This session still believes in the old owner. (SQLite's snapshot refuses such a write.)"""
    other = desk.sessions()
    async with sessions() as mine, other() as theirs:
        thing = await mine.get(Thing, 1)
        (await theirs.get(Thing, 1)).owner = "bob"
        await theirs.commit()
        await shelf.fill()
        thing.name = "renamed"
        await mine.commit()
    assert await shelf.ended() >= {"thing:1", "things:of:bob", "things"}


async def test_a_changed_primary_key(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    def rename(session: Session) -> None:
        session.execute(delete(Thing).where(Thing.id == 2), execution_options={"keepwarm_tags": ()})
        session.get(Thing, 1).id = 2

    assert await ends(desk, sessions, shelf, rename) >= {"thing:1", "thing:2"}


async def test_a_delete(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    gone = await ends(desk, sessions, shelf, lambda s: s.delete(s.get(Thing, 1)))
    assert gone == {"thing:1", "things:of:ann", "things"}


async def test_an_orphan_that_the_orm_deletes(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    def drop(session: Session) -> None:
        shop = session.get(Shop, 1)
        shop.rooms.clear()
        session.flush()

    assert await ends(desk, sessions, shelf, drop) == {"room:1"}


async def test_what_the_database_deletes_along(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    """Rooms are followed by the ORM, which names them; stock goes by ON DELETE CASCADE."""
    gone = await ends(desk, sessions, shelf, lambda s: s.delete(s.get(Shop, 1)))
    assert gone == {"room:1", "stock"}


async def test_several_flushes_make_one_announcement(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    def write(session: Session) -> None:
        for id_ in (1, 2):
            session.get(Thing, id_).name = "new"
            session.flush()

    assert await ends(desk, sessions, shelf, write) >= {"thing:1", "thing:2"}
    assert shelf.asked == ["Enter"]


async def test_an_entity_that_is_not_bound(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    def note(session: Session) -> None:
        session.add(Diary(text="today"))
        session.execute(update(Diary).values(text="every day"))

    assert await ends(desk, sessions, shelf, note) == set()
    assert shelf.asked == []


# When nothing is committed.


async def test_a_rollback_ends_nothing_and_asks_nobody(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    def write(session: Session) -> None:
        session.get(Thing, 1).name = "new"
        session.flush()
        session.rollback()

    await shelf.fill()
    await desk.run(sessions, write)
    assert await shelf.ended() == set()
    assert shelf.asked == []


async def test_reading_and_changing_nothing_asks_nobody(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    def read(session: Session) -> None:
        thing = session.get(Thing, 1)
        thing.owner = "ann"  # as it was
        session.execute(select(Thing).with_for_update())
        session.execute(text("SELECT id FROM things"))

    assert await ends(desk, sessions, shelf, read) == set()
    assert shelf.asked == []


async def test_a_savepoint_that_is_rolled_back(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    def write(session: Session) -> None:
        session.get(Thing, 1).name = "kept"
        inner = session.begin_nested()
        session.get(Thing, 2).name = "lost"
        session.flush()
        inner.rollback()

    assert await ends(desk, sessions, shelf, write) == {"thing:1", "things:of:ann", "things"}


async def test_savepoints_in_savepoints(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    """What an inner one released goes with the outer one; what a later one released stays."""

    def write(session: Session) -> None:
        outer = session.begin_nested()
        with session.begin_nested():
            session.get(Thing, 1).name = "lost with it"
        outer.rollback()
        with session.begin_nested():
            session.get(Thing, 2).name = "kept"

    assert await ends(desk, sessions, shelf, write) == {"thing:2", "things:of:bob", "things"}


async def test_a_failed_flush_in_a_savepoint(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    def write(session: Session) -> None:
        session.get(Thing, 1).name = "kept"
        try:
            with session.begin_nested():
                session.add(Thing(id=2, owner="cid"))
        except Exception:
            pass

    assert await ends(desk, sessions, shelf, write) == {"thing:1", "things:of:ann", "things"}


async def test_a_session_goes_on_after_each_kind_of_end(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    def write(session: Session) -> None:
        session.get(Thing, 1).name = "undone"
        session.flush()
        session.rollback()
        session.get(Thing, 2).name = "kept"
        session.commit()

    assert await ends(desk, sessions, shelf, write) == {"thing:2", "things:of:bob", "things"}


@pytest.mark.parametrize("writes_before", [True, False])
@pytest.mark.parametrize(
    "meddle",
    [
        lambda s: setattr(s.get(Thing, 2), "name", "meddled"),
        lambda s: s.execute(update(Room).values(shop_id=1)),
    ],
    ids=["row", "statement"],
)
async def test_what_a_listener_changes_while_committing(
    desk: Desk, sessions: Any, shelf: Shelf, meddle: Any, writes_before: bool
) -> None:
    def write(session: Session) -> None:
        event.listen(session, "before_commit", meddle)
        if writes_before:
            session.get(Thing, 1).name = "new"

    ended = await ends(desk, sessions, shelf, write)
    assert bool(ended & {"thing:2", "rooms:any"})
    assert ("thing:1" in ended) is writes_before


# Statements.


@pytest.mark.parametrize(
    "statement",
    [
        update(Room).where(Room.id == 1).values(shop_id=1),
        delete(Room).where(Room.id == 1),
        insert(Room).values(id=7, shop_id=1),
        update(Room.__table__).values(shop_id=1),
    ],
    ids=["update", "delete", "insert", "core"],
)
async def test_a_bulk_statement_ends_the_declared_tags(
    desk: Desk, sessions: Any, shelf: Shelf, statement: Any
) -> None:
    assert await ends(desk, sessions, shelf, lambda s: s.execute(statement)) == {"rooms:any"}


async def test_a_bulk_statement_of_plain_tags_ends_those(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    statement = update(Stock).values(shop_id=1)
    assert await ends(desk, sessions, shelf, lambda s: s.execute(statement)) == {"stock"}


CANNOT_BE_NAMED: dict[str, Callable[[Session], Any]] = {
    "bulk update": lambda s: s.execute(update(Thing).values(name="x")),
    "bulk insert": lambda s: s.execute(insert(Thing), [{"id": 8, "owner": "x", "name": ""}]),
    "text": lambda s: s.execute(text("UPDATE things SET name = 'x'")),
    "driver": lambda s: s.connection().exec_driver_sql("DELETE FROM things WHERE id = 9"),
    "connection": lambda s: s.connection().execute(update(Thing.__table__).values(name="x")),
    "table of no entity": lambda s: s.execute(insert(labels).values(thing_id=1, name="x")),
    "legacy bulk": lambda s: s.bulk_insert_mappings(Thing, [{"id": 8, "owner": "x", "name": ""}]),
    "legacy objects": lambda s: s.bulk_save_objects([Thing(id=8, owner="x", name="")]),
    "comment": lambda s: s.execute(text("/* SELECT */ DELETE FROM things WHERE id = 9")),
}


@pytest.mark.parametrize("what", CANNOT_BE_NAMED)
async def test_what_cannot_be_named_ends_everything(
    desk: Desk, sessions: Any, shelf: Shelf, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "keepwarm"):
        ended = await ends(desk, sessions, shelf, CANNOT_BE_NAMED[what])
        assert ended == set(shelf._tags)
        await desk.run(sessions, lambda s: (CANNOT_BE_NAMED["text"](s), s.rollback()))
        await desk.run(sessions, lambda s: (CANNOT_BE_NAMED["text"](s), s.rollback()))
    said = [r.getMessage() for r in caplog.records if "the whole cache is cleared" in r.message]
    assert len(said) == len(set(said)) <= 2, "each reason is told once"


@pytest.mark.parametrize("what", CANNOT_BE_NAMED)
async def test_strict_refuses_what_cannot_be_named_before_it_is_executed(
    desk: Desk, sessions: Any, cache: Cache, what: str
) -> None:
    strict = desk.sessions()
    desk.bind(cache, strict, mode="strict", outbox=None)
    with pytest.raises(WriteNotAnnounced, match="keepwarm_tags"):
        await desk.run(strict, CANNOT_BE_NAMED[what])
    found = await desk.run(desk.sessions(), lambda s: s.scalars(select(Thing.name)).all())
    assert found == ["", ""]


async def test_a_statement_may_name_its_tags_itself(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    def write(session: Session) -> None:
        session.execute(
            text("UPDATE things SET name = 'x' WHERE id = 1"),
            execution_options={"keepwarm_tags": ["thing:1"]},
        )
        session.execute(update(Thing).values(name="y"), execution_options={"keepwarm_tags": ()})

    assert await ends(desk, sessions, shelf, write) == {"thing:1"}


@POSTGRESQL
async def test_a_cte_that_writes_is_a_write(desk: Desk, sessions: Any, shelf: Shelf) -> None:
    def write(session: Session) -> None:
        gone = delete(Room).where(Room.id == 1).returning(Room.id).cte()
        session.execute(select(gone.c.id))

    assert await ends(desk, sessions, shelf, write) == {"rooms:any"}


async def test_a_bulk_delete_of_a_parent_reaches_what_is_bound(
    desk: Desk, sessions: Any, shelf: Shelf
) -> None:
    statement = delete(Shop).where(Shop.id == 1)
    assert await ends(desk, sessions, shelf, lambda s: s.execute(statement)) == {
        "rooms:any",
        "stock",
    }


# By hand.


async def test_declared_tags_are_ended_with_the_transaction(
    desk: Desk, cache: Cache, shelf: Shelf
) -> None:
    sessions = desk.sessions()
    binding = desk.bind(cache, sessions, entities=None)
    receipts = []

    def write(session: Session) -> None:
        receipts.append(binding.declare(session, "thing:1", "things"))
        session.add(Diary(text="x"))
        session.execute(insert(Diary).values(text="x"))
        session.execute(text("UPDATE diary SET text = 'y'"))

    assert await ends(desk, sessions, shelf, write) == {"thing:1", "things"}
    assert receipts[0].ack is not None
    assert receipts[0].tags == ("thing:1", "things")
    assert not receipts[0].is_pending
    await shelf.fill()
    await desk.run(sessions, lambda s: (write(s), s.rollback()))
    assert (receipts[1].ack, receipts[1].tags, await shelf.ended()) == (None, (), set())


async def test_without_a_mapping_a_write_that_declares_nothing_ends_everything(
    desk: Desk, cache: Cache, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """Forgotten is not the same as "nothing", which has to be said."""
    sessions = desk.sessions()
    binding = desk.bind(cache, sessions, entities=None)
    writes = (
        lambda s: s.add(Diary(text="x")),
        lambda s: s.execute(insert(Diary).values(text="x")),
        lambda s: s.execute(text("UPDATE diary SET text = 'y'")),
    )
    for write in writes:
        assert await ends(desk, sessions, shelf, write) == set(shelf._tags)
        assert (
            await ends(desk, sessions, shelf, lambda s, w=write: (binding.declare(s), w(s)))
            == set()
        )
    assert await ends(desk, sessions, shelf, lambda s: s.execute(text("SELECT 1"))) == set()
    strict = desk.sessions()
    desk.bind(cache, strict, entities=None, mode="strict", outbox=None)
    with pytest.raises(WriteNotAnnounced, match="declared nothing"):
        await ends(desk, strict, shelf, writes[0])


async def test_a_session_that_is_not_bound_cannot_declare(desk: Desk, cache: Cache) -> None:
    binding = desk.bind(cache, desk.sessions())
    with pytest.raises(ConfigurationError, match="not bound"):
        await desk.run(desk.sessions(), lambda s: binding.declare(s, "thing:1"))


async def test_a_bound_row_written_past_the_binding_is_told(
    desk: Desk, sessions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def write(session: Session) -> None:
        session.get(Thing, 1).name = "new"
        session.commit()

    with caplog.at_level(logging.WARNING, "keepwarm"):
        for _ in range(2):
            await desk.run(desk.sessions(), write)
    assert ["not bound writes Thing" in r.getMessage() for r in caplog.records] == [True]


# What may be bound.


def test_mistakes_are_found_when_binding() -> None:
    cache = Cache()
    with pytest.raises(KeyTemplateError, match="owmer"):
        bind(cache, sessionmaker(), {Thing: ["things:of:{owmer}"]})
    with pytest.raises(ConfigurationError, match="list"):
        bind(cache, sessionmaker(), {Thing: "things"})
    with pytest.raises(ConfigurationError, match="placeholder"):
        bind(cache, sessionmaker(), {labels: ["label:{name}"]})
    for unusable in (Session, AsyncSession, object(), Session()):
        with pytest.raises(ConfigurationError, match="of your own"):
            bind(cache, unusable, ENTITIES)
    with pytest.raises(ConfigurationError, match="apart"):
        bind(cache, (sessionmaker(), async_sessionmaker()), ENTITIES)
    with pytest.raises(ConfigurationError, match="needs an outbox"):
        bind(cache, sessionmaker(), ENTITIES, mode="outbox", outbox=None)


def test_every_kind_of_session_can_be_bound() -> None:
    class Plain(Session):
        pass

    class Async(AsyncSession):
        pass

    cache = Cache()
    for sessions in (
        Plain,
        Async,
        sessionmaker(),
        async_sessionmaker(),
        sessionmaker(class_=Plain),
    ):
        bind(cache, sessions, ENTITIES).close()
    bind(cache, scoped_session(sessionmaker()), ENTITIES).close()
    assert Async.sync_session_class is not Session
    assert AsyncSession.sync_session_class is Session


async def test_a_table_without_an_entity_has_plain_tags(
    desk: Desk, cache: Cache, shelf: Shelf
) -> None:
    sessions = desk.sessions()
    desk.bind(cache, sessions, entities={labels: ["things"], Thing: Tags("thing:{id}", bulk=[])})

    def write(session: Session) -> None:
        session.add(Thing(id=1, owner="ann"))
        session.flush()
        session.execute(insert(labels).values(thing_id=1, name="x"))

    assert await ends(desk, sessions, shelf, write) == {"thing:1", "things"}


async def test_a_closed_binding_listens_no_more(desk: Desk, cache: Cache, shelf: Shelf) -> None:
    sessions = desk.sessions()
    binding = desk.bind(cache, sessions)
    await binding.aclose()
    assert await ends(desk, sessions, shelf, lambda s: s.add(Thing(id=1, owner="ann"))) == set()
