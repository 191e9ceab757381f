"""The schema: migrations and models agree, and cheap queries read along an index."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from databases import REFERENCE
from sqlalchemy import inspect, text

from gallery.data import queries
from gallery.data.database import Database, DatabaseError, _set_up, alembic_config
from gallery.data.explaining import examples, plan, recorded
from gallery.data.models import Base

EXPENSIVE = {"list trending", "list all", "list featured", "global_scores"}
# Every character must be looked at: shuffled anew, or searched for text.
SCANNING = {"list discover", "list newest found by text"}


async def test_migrations_make_what_the_models_say(empty_database: Database) -> None:
    async with empty_database.engine.connect() as connection:
        await connection.run_sync(lambda sync: command.check(alembic_config(sync)))


async def test_migrations_can_be_undone(empty_database: Database) -> None:
    async with empty_database.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(alembic_config(sync), "base"))
    async with empty_database.engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert tables == ["alembic_version"]


async def test_several_processes_may_migrate_at_once(blank_database_url: str) -> None:
    several = [Database(blank_database_url) for _ in range(3)]
    try:
        await asyncio.gather(*(database.migrate() for database in several))
        async with several[0].session() as session:
            assert await session.scalar(text("SELECT count(*) FROM characters")) == 0
    finally:
        for database in several:
            await database.dispose()


async def test_a_new_file_that_somebody_is_about_to_write_is_waited_for(tmp_path: Path) -> None:
    """As one of several workers does that begin with a new file; SQLite itself would not wait."""
    path = tmp_path / "new.db"
    database = Database(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        migrating = asyncio.create_task(database.migrate())
        await asyncio.sleep(0.1)
        assert not migrating.done()
        other.execute("ROLLBACK")
    try:
        await migrating
        async with database.session() as session:
            assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
    finally:
        await database.dispose()


async def test_a_file_that_may_not_be_written_is_said_at_once() -> None:
    """Only who is busy is waited for: nothing else becomes better by that."""

    class ReadOnly:
        async def execute(self, statement: str) -> None:
            if "WAL" in statement:
                error = sqlite3.OperationalError("attempt to write a readonly database")
                error.sqlite_errorcode = sqlite3.SQLITE_READONLY
                raise error

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await asyncio.wait_for(_set_up(ReadOnly(), 10.0), 5)  # type: ignore[arg-type]


def names() -> list[str]:
    return list(examples(REFERENCE, user_id=5, character_id=10, username="u3"))


def test_every_read_is_among_those_looked_at() -> None:
    said = {name.split()[0].rstrip(",") for name in names()}
    lists = {"list", "list_ids", "featured"}  # the last is no read: it ranks what two others gave
    assert said - lists == set(queries.__all__) - lists


@pytest.mark.parametrize("name", sorted(set(names()) - SCANNING))
async def test_queries_read_along_indexes(reading: Database, name: str) -> None:
    """No step reads a whole table of rows, except those that must."""
    query = examples(REFERENCE, user_id=5, character_id=10, username="u3")[name]
    async with recorded(reading) as sent, reading.session() as session:
        await query(session)
    statements = list(sent)
    assert statements
    async with reading.session() as session:
        if reading.backend == "postgresql":
            # Small tables are quicker read whole; what matters is whether an index would do.
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            await session.execute(text("SET LOCAL enable_bitmapscan = off"))
        steps = [step for one in statements for step in await plan(session, one)]
    whole = [step for step in steps if re.search(r"Seq Scan on|SCAN (?!\(|.*USING)", step)]
    if reading.backend == "sqlite":
        # Results of earlier steps, and the tags, of which there are fewer than a hundred.
        made = {"trending", "people", "popularity", "shared", "CONSTANT", "tags"}
        whole = [step for step in whole if step.split()[1] not in made]
    assert whole == []


@pytest.mark.parametrize(
    "name, index", [("list trending", "recent"), ("list all", "people"), ("tastes", "history")]
)
async def test_interactions_are_read_from_a_covering_index_alone(
    reading: Database, name: str, index: str
) -> None:
    query = examples(REFERENCE, user_id=5, character_id=10, username="u3")[name]
    async with recorded(reading) as sent, reading.session() as session:
        await query(session)
    statements = list(sent)
    async with reading.session() as session:
        if reading.backend == "postgresql":
            # Of so few rows any reading is quick; can it be done from the index alone?
            others = ["seqscan", "bitmapscan"]
            if name == "list all":
                others += ["hashagg", "sort"]  # in the order of its groups
            for other in others:
                await session.execute(text(f"SET LOCAL enable_{other} = off"))
        steps = "\n".join([s for one in statements for s in await plan(session, one)])
    alone = "USING COVERING INDEX" if reading.backend == "sqlite" else "Index Only Scan[a-zA-Z ]*"
    assert re.search(f"{alone} ix_interactions_{index}", steps)


async def test_every_foreign_key_has_an_index(empty_database: Database) -> None:
    """Deleting a user or a character must not read whole tables."""
    for table in Base.metadata.tables.values():
        leading = {next(iter(index.columns)).name for index in table.indexes}
        leading.add(next(iter(table.primary_key.columns)).name)
        for key in table.foreign_keys:
            assert key.parent.name in leading, key


async def test_queries_are_counted(reading: Database) -> None:
    before = reading.queries
    async with reading.session() as session:
        await session.execute(text("SELECT 1"))
        await session.execute(text("SELECT 2"))
    assert reading.queries - before == 2


async def test_a_snapshot_does_not_see_later_commits(database: Database) -> None:
    counting = text("SELECT view_count FROM characters WHERE id = 1")
    async with database.snapshot() as session:
        before = await session.scalar(counting)
        async with database.transaction() as writer:
            await writer.execute(text("UPDATE characters SET view_count = 999999 WHERE id = 1"))
        assert await session.scalar(counting) == before
    async with database.session() as session:
        assert await session.scalar(counting) == 999_999


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    async def fail_half_way() -> None:
        async with database.transaction() as session:
            await session.execute(text("DELETE FROM interactions"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_half_way()
    async with database.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM interactions")) == 6_000


@pytest.mark.parametrize(
    "url, why",
    [
        ("mysql://x/y", "must be sqlite or postgresql"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("postgres", "must be like sqlite:///"),
    ],
)
def test_databases_it_cannot_use_are_refused(url: str, why: str) -> None:
    with pytest.raises(DatabaseError, match=why):
        Database(url)


def test_passwords_do_not_show() -> None:
    assert "hush" not in repr(Database("postgresql://me:hush@127.0.0.1/gallery"))


async def test_sqlite_is_set_up_for_a_server(reading: Database) -> None:
    if reading.backend == "postgresql":
        return
    async with reading.engine.connect() as connection:
        for pragma, value in [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 1)]:
            found = await connection.exec_driver_sql(f"PRAGMA {pragma}")
            assert found.scalar() == value
