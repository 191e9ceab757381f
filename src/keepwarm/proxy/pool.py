"""Connections to one upstream: kept while they are clean, never used again otherwise."""

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass

from keepwarm.errors import ConfigurationError
from keepwarm.proxy.connection import Connection

MAX_CONNECTIONS = 512  # beyond it requests wait: an origin is to be spared, not stormed
MAX_IDLE = 64
# A server closes an idle connection just when a request is on its way, and that request must
# not be sent twice. So we are the first to close: sooner than gunicorn (2 s), or a second
# before the end that the server announces (Node and others: `Keep-Alive: timeout=5`).
IDLE_S = 1.5
IDLE_MARGIN_S = 1.0
LONGEST_IDLE_S = 60.0

_URL = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?")
_TIMEOUT = re.compile(rb"(?:^|[,;\s])timeout\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go: a host and a port, over plain HTTP/1.1."""

    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Upstream":
        """The upstream of `url`, http://HOST[:PORT]. Raises ConfigurationError."""
        if url.startswith("https://"):
            raise ConfigurationError("an https:// upstream is not offered yet: use http://")
        found = _URL.fullmatch(url)
        if found is None or not 1 <= int(found[2] or 80) <= 65_535:
            raise ConfigurationError(
                "an upstream is written http://HOST[:PORT], without path, user or query"
            )
        return cls(found[1].strip("[]"), int(found[2] or 80))

    @property
    def authority(self) -> str:
        """As a Host field has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


class Pool:
    """Lends connections; at most `most` at a time. Belongs to one event loop."""

    def __init__(self, upstream: Upstream, most: int = MAX_CONNECTIONS) -> None:
        self.upstream = upstream
        self._idle: deque[tuple[Connection, float]] = deque()
        self._slots = asyncio.Semaphore(most)

    async def take(self) -> Connection:
        """A connection that nothing unasked-for came on; the newest idle one, or a new one.

        Give each one back. Raises OSError.
        """
        await self._slots.acquire()
        try:
            return self._reusable() or await self._connect()
        except BaseException:
            self._slots.release()
            raise

    def give_back(self, connection: Connection, *, reusable: bool, keep_alive: bytes = b"") -> None:
        """Take `connection` back; `keep_alive` is what the server said of its patience."""
        self._slots.release()
        if not reusable or not connection.is_quiet or len(self._idle) >= MAX_IDLE:
            connection.abort()
            return
        self._idle.append((connection, time.monotonic() + patience_s(keep_alive)))

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop()[0].abort()

    def _reusable(self) -> Connection | None:
        now = time.monotonic()
        while self._idle:
            connection, until = self._idle.pop()
            if now < until and connection.is_quiet:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            Connection, self.upstream.host, self.upstream.port
        )
        return connection


def patience_s(keep_alive: bytes) -> float:
    """How long an idle connection may be used, by the server's Keep-Alive field or without."""
    found = _TIMEOUT.search(keep_alive)
    if found is None:
        return IDLE_S
    return min(max(int(found[1]) - IDLE_MARGIN_S, 0.0), LONGEST_IDLE_S)
