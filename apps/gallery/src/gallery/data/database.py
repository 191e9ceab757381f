"""A database to talk to: engine, sessions, migrations and a count of queries."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

import gallery.migrations

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_WRITING = "gallery_writing"  # execution option: take SQLite's write lock when beginning
_MIGRATION_LOCK = 7_305_201  # any number; one per purpose in a PostgreSQL database

_WAL = "PRAGMA journal_mode = WAL"  # readers go on while one writes
_PRAGMAS = (
    "PRAGMA synchronous = NORMAL",  # safe with WAL; a power cut may undo the last commits
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32768",  # 32 MiB for each connection
    "PRAGMA mmap_size = 268435456",
    "PRAGMA temp_store = MEMORY",
)


class DatabaseError(ValueError):
    """A database that cannot be used; the message says why, without its password."""


class Database:
    """`url` names SQLite or PostgreSQL (`sqlite:///path`, `postgresql://…`); no driver needed.

    `queries` counts the statements sent since the start, an executemany as one. On SQLite
    a writer waits for another one for at most `busy_s`. Raises DatabaseError for another `url`.
    """

    def __init__(self, url: str, *, pool_size: int = 8, busy_s: float = 10.0) -> None:
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:
            raise DatabaseError(
                "DATABASE_URL must be like sqlite:///folder/gallery.db or "
                "postgresql://user:password@host/database."
            ) from error
        backend = parsed.get_backend_name()
        if backend not in _DRIVERS:
            raise DatabaseError(f"DATABASE_URL must be sqlite or postgresql, not {backend!r}.")
        if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
            raise DatabaseError(
                "DATABASE_URL must name a file, as in sqlite:///folder/gallery.db: "
                "every connection would see its own :memory:."
            )
        self.url = parsed.set(drivername=_DRIVERS[backend])
        self.backend = backend
        self.queries = 0
        self._busy_s = busy_s
        try:
            if backend == "sqlite":
                Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            self.engine: AsyncEngine = create_async_engine(
                self.url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=30
            )
        except (OSError, TypeError, ValueError, ArgumentError) as error:
            raise DatabaseError(f"The database {self._where} cannot be used: {error}") from error
        sync = self.engine.sync_engine
        event.listen(sync, "before_cursor_execute", self._count)
        if backend == "sqlite":
            event.listen(sync, "connect", self._configure_sqlite)
            event.listen(sync, "begin", _begin_sqlite)
        self._reading = async_sessionmaker(self.engine, expire_on_commit=False)
        self._writing = async_sessionmaker(
            self.engine.execution_options(**{_WRITING: True}), expire_on_commit=False
        )

    def __repr__(self) -> str:
        return f"Database({self._where!r})"

    @property
    def _where(self) -> str:
        """Its URL without what may be secret: the password, and values in the query."""
        masked = self.url.set(query=dict.fromkeys(self.url.query, "***"))
        return masked.render_as_string(hide_password=True)

    async def reach(self) -> None:
        """Connect once. Raises DatabaseError where that cannot be done."""
        try:
            async with self.engine.connect():
                pass
        except Exception as error:  # each driver has failures of its own
            raise DatabaseError(f"The database {self._where} cannot be reached: {error}") from error

    @property
    def makers(self) -> tuple[async_sessionmaker[AsyncSession], ...]:
        """What makes every session, for whoever listens to them."""
        return self._reading, self._writing

    def session(self) -> AsyncSession:
        """A session for reading: `async with database.session() as session`."""
        return self._reading()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session for writing: commits at the end of the block, rolls back on an error.

        On SQLite it takes the write lock at once, so that what it read cannot have
        changed by the time it writes (a deferred one would fail with "database is locked").
        """
        async with self._writing() as session, session.begin():
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """A session whose reads all see the database as it was at the first of them."""
        async with self._reading() as session:
            if self.backend == "postgresql":
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session  # a transaction of SQLite is a snapshot anyway

    async def migrate(self) -> None:
        """Bring the schema to head. Several processes may do so at once."""
        async with self.engine.execution_options(**{_WRITING: True}).begin() as connection:
            if self.backend == "postgresql":
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
                )
            await connection.run_sync(_upgrade)

    async def dispose(self) -> None:
        # Cancelled disposal would leave SQLite's connection threads running.
        await asyncio.shield(self.engine.dispose())

    def _configure_sqlite(self, connection: Any, _: object) -> None:
        # The driver must not begin transactions by itself: `_begin_sqlite` does.
        connection.isolation_level = None
        connection.run_async(lambda driver: _set_up(driver, self._busy_s))

    def _count(self, _c: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):  # SQLite's is sent by us, not a query
            self.queries += 1


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for our migrations on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(gallery.migrations.__path__[0])))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")


async def _set_up(connection: aiosqlite.Connection, busy_s: float) -> None:
    await connection.execute(f"PRAGMA busy_timeout = {busy_s * 1000:.0f}")
    deadline = time.monotonic() + busy_s
    while True:
        try:
            await connection.execute(_WAL)
            break
        except sqlite3.OperationalError as error:
            # The first switch of a file fails at once, whatever the timeout, while another
            # process that has not switched yet is about to write.
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)
    for pragma in _PRAGMAS:
        await connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(_WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
