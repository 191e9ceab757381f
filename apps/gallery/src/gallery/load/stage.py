"""Real processes for a load: a store that can be killed, a server, and a copy of the data.

The store is started here and its address given to the server as REDIS_URL, so that
whoever plays a load can kill, freeze and restart it (`Stage.store`), as no app could
do to a store it had started itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url

from gallery.load.client import Connections, ProtocolError
from gallery.load.ideal import COUNTED
from gallery.load.server import FIGURES
from keepwarm.stores.redis.server import EmbeddedServer, free_port

SERVER = (sys.executable, "-m", "gallery.load.server")
READY_WITHIN_S = 30.0
STOPS_WITHIN_S = 15.0


class StageError(Exception):
    """A server did not do its part; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the server since its start; differences of two are those of a load."""

    queries: int
    processor_s: float
    hits: int
    misses: int
    computed: int
    """Misses of the functions that `ideal.COUNTED` says; those of stored responses are none."""
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """Of the store, in bytes; `evicted` since its start."""

    used_bytes: int
    limit_bytes: int
    evicted: int
    keys: int


class _Server(msgspec.Struct):
    queries: int
    processor_s: float


class _Counted(msgspec.Struct):
    hits: int
    misses: int


class _Metrics(msgspec.Struct):
    cache: _Counted
    policies: dict[str, _Counted]


class ServerProcess:
    """Gallery in a process of its own, on a free port of this machine."""

    def __init__(
        self, database: Path, *, redis_url: str | None, command: Sequence[str] = SERVER
    ) -> None:
        """Without `redis_url` the cache is off."""
        self.port = free_port()
        self._log = database.with_name(f"server-{self.port}.log")
        self._command = command
        self._environment = {
            **os.environ,
            "GALLERY_DATA": str(database.parent),
            "DATABASE_URL": f"sqlite:///{database}",
            "REDIS_URL": redis_url or "memory://",
            "CACHE_ENABLED": "0" if redis_url is None else "1",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.connections = Connections("127.0.0.1", self.port)

    async def start(self) -> None:
        """Return once the server answers. Raises StageError."""
        self._process = self._spawn()
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError, TimeoutError, ProtocolError):
                answer = await self.connections.send("GET", FIGURES, timeout_s=2.0)
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)
        await self.stop()
        raise StageError(f"the server did not start; its log ends:\n{self.log_tail()}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own module, no shell
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def stop(self) -> None:
        await self.connections.aclose()
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def log_tail(self, lines: int = 15) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def figures(self) -> Figures:
        server = await self.connections.send("GET", FIGURES)
        metrics = await self.connections.send("GET", "/api/cache/metrics")
        told = msgspec.json.decode(server.body, type=_Server)
        found = msgspec.json.decode(metrics.body, type=_Metrics)
        computed = sum(each.misses for name, each in found.policies.items() if name in COUNTED)
        return Figures(
            told.queries, told.processor_s, found.cache.hits, found.cache.misses, computed
        )


async def store_figures(store: EmbeddedServer) -> StoreFigures | None:
    """What the store says of itself; None while it does not answer."""
    return await asyncio.to_thread(_store_figures, store.url)


def _store_figures(url: str) -> StoreFigures | None:
    client = Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
    try:
        told = client.info()
        keys = client.dbsize()
    except (RedisError, OSError):
        return None
    finally:
        client.close()
    return StoreFigures(
        int(told["used_memory"]), int(told["maxmemory"]), int(told["evicted_keys"]), int(keys)
    )


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite file, also while it is in use."""
    with (
        contextlib.closing(sqlite3.connect(source)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def sqlite_path(url: str) -> Path:
    """The file of a SQLite URL. Raises StageError for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise StageError("loads are played on copies of a SQLite database; unset DATABASE_URL")
    return Path(parsed.database)


@dataclass(slots=True)
class Stage:
    """A store and a directory for servers and copies of the data, all gone at the end."""

    store: EmbeddedServer
    directory: Path
    _servers: list[ServerProcess] = field(default_factory=list)

    async def server(
        self, database: Path, *, cached: bool = True, command: Sequence[str] = SERVER
    ) -> ServerProcess:
        """A running server on `database`. Raises StageError."""
        url = self.store.url if cached else None
        server = ServerProcess(database, redis_url=url, command=command)
        self._servers.append(server)
        await server.start()
        return server

    async def close(self) -> None:
        for server in self._servers:
            await server.stop()


@asynccontextmanager
async def stage(directory: Path, *, maxmemory: str = "512mb") -> AsyncIterator[Stage]:
    """Start a store of `maxmemory`; at the end stop everything and remove `directory`."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    async with EmbeddedServer(maxmemory=maxmemory) as store:
        found = Stage(store, directory)
        try:
            yield found
        finally:
            await found.close()
            shutil.rmtree(directory, ignore_errors=True)
