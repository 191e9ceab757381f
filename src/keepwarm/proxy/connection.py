"""One connection to the upstream: bytes in both directions, with back pressure."""

import asyncio
import select
import socket
from typing import cast

from keepwarm.proxy.wire import MAX_HEAD, Malformed, check_so_far

# Enough for a fast upstream to be read while a client is written to; a slow client holds at
# most this much of each response in memory.
HIGH_WATER = 256 * 1024


class Cut(Exception):
    """The connection ended before what was expected of it."""


class Connection(asyncio.Protocol):
    """Reads into a bounded buffer. One reader and one writer at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._has_ended = False  # the peer's FIN
        self._error: Exception | None = None  # anything else that ended it
        self._is_paused = False
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    # What the loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by name

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._wire.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._has_ended = True
        self._wake()
        return True  # ours to close: an upstream may end its half while it reads

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._has_ended or exc is not None:
            self._error = exc or ConnectionAbortedError("closed by us")
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # What its user asks.

    @property
    def is_quiet(self) -> bool:
        """Whether nothing came that nobody asked for, not even an end: it may be used again.

        The kernel is asked too: the loop may not have come round to a FIN yet.
        """
        if self._buffer or self._has_ended or self._error or self._wire.is_closing():
            return False
        sock: socket.socket = self._wire.get_extra_info("socket")
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poll.poll(0)

    async def read_head(self) -> bytes:
        """A message's head, without the empty line that ends it.

        Raises Cut, and Malformed as soon as no head can come of what arrived.
        """
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            check_so_far(self._buffer)
            if self._has_ended or self._error:
                raise Cut(f"within a head, after {len(self._buffer)} bytes")
            await self._next_arrival()
        if end > MAX_HEAD:
            raise Malformed("head too large")
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return head

    def has_bytes(self) -> bool:
        """Whether `read` has something to return at once."""
        return bool(self._buffer)

    async def read(self) -> bytes:
        """What has come, at least a byte; b"" after the peer's orderly end. Raises Cut."""
        while not self._buffer:
            if self._error:
                raise Cut("connection lost") from self._error
            if self._has_ended:
                return b""
            await self._next_arrival()
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._is_paused:
            self._is_paused = False
            self._wire.resume_reading()
        return data

    def put_back(self, data: bytes) -> None:
        """Leave `data` for the next read."""
        self._buffer[:0] = data

    async def write(self, data: bytes) -> None:
        """Send `data`, waiting while the peer does not take it. Raises Cut."""
        if self._error or self._wire.is_closing():
            raise Cut("connection lost")
        self._wire.write(data)
        if self._room is not None:
            await asyncio.shield(self._room)

    def abort(self) -> None:
        """End it now; a reader raises Cut."""
        self._wire.abort()

    @property
    def _wire(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _wake(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    async def _next_arrival(self) -> None:
        self._arrival = self._loop.create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None
