"""The database: a table of rows and versions, in SQLite (WAL) or PostgreSQL.

A write raises the versions of its rows by one in a transaction and tells which before it
commits. So all versions up to the last were committed, whoever died meanwhile.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from keepwarm.testing.chaos.values import ROWS

R = TypeVar("R")
Versions: TypeAlias = tuple[tuple[int, int], ...]

LOCK_TIMEOUT_S = 60.0  # a writer that was stopped in its transaction holds the others up
_TABLE = "CREATE TABLE rows (id INTEGER PRIMARY KEY, version INTEGER NOT NULL)"
_FILL = f"INSERT INTO rows SELECT n, 0 FROM generate_series(0, {ROWS - 1}) AS g(n)"  # noqa: S608


class Rows(Protocol):
    """Safe from several threads, and in forked children."""

    def read(self, numbers: Sequence[int]) -> Versions:
        """The rows' present versions, in the order asked for."""
        ...

    def commit(self, numbers: Sequence[int], written: Callable[[Versions], None]) -> Versions:
        """Raise the rows' versions; `written` is called just before the COMMIT."""
        ...

    def close(self) -> None: ...


class SqliteRows:
    """A connection for each thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []

    @classmethod
    def create(cls, path: Path) -> "SqliteRows":
        rows = cls(path)
        connection = rows._connection()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(_TABLE)
        connection.executemany("INSERT INTO rows VALUES (?, 0)", ((n,) for n in range(ROWS)))
        return rows

    def _connection(self) -> sqlite3.Connection:
        found: tuple[int, sqlite3.Connection] | None = getattr(self._local, "opened", None)
        if found is not None and found[0] == os.getpid():
            return found[1]  # a forked child must not touch its parent's
        connection = sqlite3.connect(
            self._path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = OFF")
        self._local.opened = (os.getpid(), connection)
        self._all.append(connection)
        return connection

    def read(self, numbers: Sequence[int]) -> Versions:
        marks = ",".join("?" * len(numbers))
        sql = f"SELECT id, version FROM rows WHERE id IN ({marks})"  # noqa: S608 - only marks
        return _ordered(numbers, self._connection().execute(sql, tuple(numbers)))

    def commit(self, numbers: Sequence[int], written: Callable[[Versions], None]) -> Versions:
        connection = self._connection()
        marks = ",".join("?" * len(numbers))
        sql = (
            "UPDATE rows SET version = version + 1 "  # noqa: S608 - only marks
            f"WHERE id IN ({marks}) RETURNING id, version"
        )
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = _ordered(numbers, connection.execute(sql, tuple(numbers)).fetchall())
            written(found)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return found

    def close(self) -> None:
        for connection in self._all:
            connection.close()


class PostgresRows:
    """A pool on a loop in a thread of its own, made anew in a forked child."""

    def __init__(self, url: str, *, most: int = 8) -> None:
        self._url = url
        self._most = most
        self._lock = threading.Lock()
        self._owner = 0
        self._loop = asyncio.new_event_loop()
        self._pool: Any = None

    @classmethod
    def create(cls, url: str) -> "PostgresRows":
        rows = cls(url)
        rows._run(rows._create())
        return rows

    async def _create(self) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute("DROP TABLE IF EXISTS rows")
            await connection.execute(_TABLE)
            await connection.execute(_FILL)

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        with self._lock:
            if self._owner != os.getpid():
                self._start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _start(self) -> None:
        import asyncpg

        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="rows", daemon=True).start()

        async def open_pool() -> Any:
            return await asyncpg.create_pool(self._url, min_size=1, max_size=self._most)

        self._pool = asyncio.run_coroutine_threadsafe(open_pool(), self._loop).result()
        self._owner = os.getpid()

    def read(self, numbers: Sequence[int]) -> Versions:
        return self._run(self._read(list(numbers)))

    async def _read(self, numbers: list[int]) -> Versions:
        sql = "SELECT id, version FROM rows WHERE id = ANY($1)"
        async with self._pool.acquire() as connection:
            return _ordered(numbers, await connection.fetch(sql, numbers))

    def commit(self, numbers: Sequence[int], written: Callable[[Versions], None]) -> Versions:
        return self._run(self._commit(sorted(numbers), written))

    async def _commit(self, numbers: list[int], written: Callable[[Versions], None]) -> Versions:
        lock = "SELECT id FROM rows WHERE id = ANY($1) ORDER BY id FOR UPDATE"
        sql = "UPDATE rows SET version = version + 1 WHERE id = ANY($1) RETURNING id, version"
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(lock, numbers)  # in one order, or two writers deadlock
            found = _ordered(numbers, await connection.fetch(sql, numbers))
            written(found)
        return found

    def close(self) -> None:
        if self._owner != os.getpid():
            return
        self._run(self._pool.close())
        self._loop.call_soon_threadsafe(self._loop.stop)


def open_rows(where: str) -> Rows:
    """By URL: postgresql://… or the path of an SQLite file."""
    return PostgresRows(where) if where.startswith("postgresql:") else SqliteRows(Path(where))


def _ordered(numbers: Sequence[int], found: Iterable[Any]) -> Versions:
    versions = dict(found)
    return tuple((number, versions[number]) for number in numbers)
