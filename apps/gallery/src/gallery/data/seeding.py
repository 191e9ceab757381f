"""Fills an empty database with the seeded world, once.

All rows, their indexes and the marker that says so are one transaction: a database
is seeded or untouched, whenever the seeding stopped.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy import ForeignKeyConstraint, Index, MetaData, Table, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.schema import AddConstraint, DropConstraint

from gallery.data import grammar
from gallery.data import models as m
from gallery.data.database import Database
from gallery.data.values import Role
from gallery.data.world import DEFAULT, Row, SeedSize, World

DEMO_PASSWORD = "demo-gallery"  # noqa: S105 - of the invented users only; the docs print it
_BATCH = 50_000  # rows between two reports of progress
_SEEDING_LOCK = 7_305_202

Progress = Callable[[str, float], None]
"""Called with what is being done, and how far all is (0 … 1)."""


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What `seed` did. `admin_password` is told once, here, if it was drawn at random."""

    seeded: bool  # false: there was nothing to do
    size: str
    reference: datetime
    took_s: float
    admin_password: str | None = None


async def seeding(session: AsyncSession) -> m.Seeding | None:
    """The marker of the finished seeding, if there was one."""
    return await session.scalar(select(m.Seeding).limit(1))


async def seed(
    database: Database,
    size: SeedSize = DEFAULT,
    *,
    reference: datetime,
    seed: int = 1,
    admin_password: str | None = None,
    progress: Progress = lambda stage, done: None,
) -> SeedReport:
    """Fill a migrated database; interactions end at `reference`. Does nothing if seeded.

    Users u0, u1, … all have DEMO_PASSWORD and share one hash of it, for hashing
    thousands would take minutes; they are invented people on a machine for showing.
    `admin` has `admin_password`, or one drawn at random.
    """
    began = time.monotonic()
    async with database.session() as session:
        done = await seeding(session)
    if done is not None:
        return SeedReport(False, done.size, done.reference, time.monotonic() - began)
    progress("Inventing characters and what people did", 0.0)
    drawn = None if admin_password else secrets.token_urlsafe(12)
    world = await asyncio.to_thread(World, size, seed=seed, reference=reference)
    hashes = await asyncio.to_thread(_hashes, DEMO_PASSWORD, admin_password or drawn or "")
    async with database.transaction() as session:
        if database.backend == "postgresql":
            await session.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEEDING_LOCK}
            )
        done = await seeding(session)
        if done is not None:  # another process was quicker
            return SeedReport(False, done.size, done.reference, time.monotonic() - began)
        load = _Load(await session.connection(), progress, _rows_of(size))
        await _fill(load, world, hashes)
        session.add(
            m.Seeding(size=size.name, seed=seed, reference=reference, finished_at=datetime.now(UTC))
        )
    progress("Tidying up", 0.97)
    await _tidy(database)
    progress("Seeded", 1.0)
    return SeedReport(True, size.name, reference, time.monotonic() - began, drawn)


def _hashes(*passwords: str) -> list[str]:
    hasher = PasswordHash.recommended()
    return [hasher.hash(password) for password in passwords]


def _rows_of(size: SeedSize) -> int:
    return size.characters * 6 + size.users * 2 + size.interactions + size.images


async def _fill(load: "_Load", world: World, hashes: list[str]) -> None:
    demo, admin = hashes
    since = world.users_since()
    users: list[Row] = [
        (at + 1, f"u{at}", demo, Role.USER.value, since) for at in range(world.size.users)
    ]
    users.append((world.size.users + 1, "admin", admin, Role.ADMIN.value, since))
    await load.rows(m.User, "Users", users)
    await load.rows(m.Tag, "Tags", list(enumerate(grammar.TAGS, 1)))
    await load.rows(m.Character, "Characters", world.characters())
    await load.rows(m.CharacterTag, "Tags of characters", world.character_tags())
    await load.rows(m.Preferences, "Preferences", world.preferences())
    await load.rows(m.Image, "Images", world.images())
    done = world.interactions
    columns = (done.user_id, done.character_id, done.kind, done.at)
    numbered = zip(
        range(1, len(done.at) + 1), *(column.tolist() for column in columns), strict=True
    )
    await load.bare(m.Interaction)
    await load.rows(m.Interaction, "Interactions", numbered)
    await load.dressed(m.Interaction)
    await load.finish()


class _Load:
    """Loads rows the fastest way each database has, inside the open transaction."""

    def __init__(self, connection: AsyncConnection, progress: Progress, expected: int) -> None:
        self._connection = connection
        self._progress = progress
        self._expected = expected
        self._loaded = 0
        self._is_sqlite = connection.dialect.name == "sqlite"

    async def rows(self, model: type[m.Base], stage: str, rows: Iterable[Row]) -> None:
        """Insert rows whose values are in the order of the table's columns."""
        table = m.Base.metadata.tables[model.__tablename__]
        names = [column.name for column in table.columns]
        raw: Any = (await self._connection.get_raw_connection()).driver_connection
        for batch in _batches(iter(rows)):
            if self._is_sqlite:
                marks = ", ".join("?" * len(names))
                sql = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
                await raw.executemany(sql, batch)
            else:
                await raw.copy_records_to_table(table.name, records=batch, columns=names)
            self._loaded += len(batch)
            # The rest is for building indexes and statistics.
            self._progress(stage, 0.1 + 0.6 * min(1.0, self._loaded / self._expected))

    async def bare(self, model: type[m.Base]) -> None:
        """Without indexes (and on PostgreSQL foreign keys): checked in one go afterwards."""
        for index in self._indexes(model):
            await self._connection.run_sync(index.drop)
        for key in self._foreign_keys(model):
            await self._connection.execute(DropConstraint(key))

    async def dressed(self, model: type[m.Base]) -> None:
        indexes = self._indexes(model)
        for done, index in enumerate(indexes):
            self._progress("Indexes", 0.7 + 0.2 * done / len(indexes))
            await self._connection.run_sync(index.create)
        for key in self._foreign_keys(model):
            await self._connection.execute(AddConstraint(key))

    async def finish(self) -> None:
        self._progress("Statistics", 0.92)
        if not self._is_sqlite:
            for table in ("users", "tags", "characters", "images", "interactions"):
                await self._connection.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id))"  # noqa: S608
                        f" FROM {table}"
                    )
                )
        await self._connection.execute(text("ANALYZE"))

    def _copy(self, model: type[m.Base]) -> Table:
        # A copy, because dropping a constraint changes what the metadata says of it.
        copied = MetaData(naming_convention=m.Base.metadata.naming_convention)
        for table in m.Base.metadata.tables.values():
            table.to_metadata(copied)
        return copied.tables[model.__tablename__]

    def _indexes(self, model: type[m.Base]) -> list[Index]:
        return sorted(self._copy(model).indexes, key=lambda index: str(index.name))

    def _foreign_keys(self, model: type[m.Base]) -> list[ForeignKeyConstraint]:
        if self._is_sqlite:
            return []
        keys = self._copy(model).foreign_key_constraints
        return sorted(keys, key=lambda key: str(key.name))


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


async def _tidy(database: Database) -> None:
    """Leave the files as they will be used: no long log, visibility known."""
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        if database.backend == "sqlite":
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            await connection.exec_driver_sql("VACUUM (ANALYZE)")
