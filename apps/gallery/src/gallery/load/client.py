"""A lean HTTP/1.1 client on keep-alive connections to one server of this machine.

The client shares two cores with what it measures, so it does no more than it must:
answers must have a Content-Length, which all of Gallery's have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CONNECTIONS = 256  # more at once would measure the kernel's queue
LARGEST_BODY = 16 * 1024 * 1024


class ProtocolError(Exception):
    """What came back was not an HTTP answer that this client reads."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connections:
    """Connections to `host`:`port`, made when needed, kept alive, at most `limit`."""

    def __init__(self, host: str, port: int, *, limit: int = CONNECTIONS) -> None:
        self._host, self._port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(limit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        for _, writer in idle:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for _, w in idle), return_exceptions=True)

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = 20.0,
    ) -> Answer:
        """One request's answer. Raises TimeoutError, OSError or ProtocolError."""
        head = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        head += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body or method not in ("GET", "HEAD"):
            head.append(f"Content-Length: {len(body)}")
        raw = "\r\n".join(head).encode() + b"\r\n\r\n" + body
        async with self._room, asyncio.timeout(timeout_s):
            while True:
                was_idle = bool(self._idle)
                reader, writer = self._idle.pop() if was_idle else await self._connect()
                try:
                    answer = await _exchange(reader, writer, raw)
                except (asyncio.IncompleteReadError, ConnectionError) as error:
                    writer.close()
                    # A server may close an idle connection just as it is used again; then
                    # it has not begun to answer, and nothing was done.
                    untouched = isinstance(error, ConnectionError) or not error.partial
                    if was_idle and untouched:
                        continue
                    raise ProtocolError("the connection ended before the answer did") from error
                except BaseException:
                    writer.close()
                    raise
                if answer.headers.get("connection", "").lower() == "close":
                    writer.close()
                else:
                    self._idle.append((reader, writer))
                return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes
) -> Answer:
    writer.write(raw)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head[:-4].split("\r\n")
    version, _, rest = status_line.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise ProtocolError(f"not an HTTP answer: {status_line[:80]!r}")
    status = int(rest[:3])
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if status in (204, 304):
        return Answer(status, headers, b"")
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        raise ProtocolError(f"an answer without a usable length ({length!r})")
    return Answer(status, headers, await reader.readexactly(int(length)))
