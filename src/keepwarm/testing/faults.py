"""A TCP proxy that fails on command: refuse, freeze, black hole, reset, cut, lose, delay, drip.

How to think of it: clients connect to `proxy.port` on loopback, the proxy to `target`;
between them every byte passes under the present mode. It runs on a thread and loop of its
own, so that a test whose loop is blocked still has its faults, and plain `def` tests can
use it too. A mode is in force when the call that sets it returns.

TCP never loses the middle of a stream. A connection on which bytes were swallowed
(`black_hole`, `lose_replies`, `cut_reply_after`) is therefore reset, not continued, when
the mode changes: otherwise the next reply would answer the wrong request, a fault that no
network has.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self

from keepwarm.testing.frames import PUSH, Frames
from keepwarm.testing.sockets import Target, abort, address, arrived, bound, connect, through

__all__ = ["Fault", "FaultProxy", "Mode", "through"]

CHUNK = 65_536
SETTLE_S = 10.0  # a proxy's loop that does not answer for this long is a bug in it


class Fault(Enum):
    NONE = "pass"
    REFUSE = "refuse"
    BLACK_HOLE = "black_hole"
    FREEZE = "freeze"
    DELAY = "delay"
    RESET = "reset"
    CUT_REPLY = "cut_reply_after"
    LOSE_REPLIES = "lose_replies"
    DRIP = "drip"
    DROP_PUSHES = "drop_pushes"


@dataclass(frozen=True, slots=True)
class Mode:
    """A fault and its measure: seconds for DELAY and DRIP, bytes for CUT_REPLY."""

    fault: Fault = Fault.NONE
    amount: float = 0


@dataclass(slots=True, eq=False)
class _Connection:
    reader: asyncio.StreamReader
    client: asyncio.StreamWriter
    task: asyncio.Task[None] = field(init=False)
    target: asyncio.StreamWriter | None = None
    replied: int = 0  # bytes of replies passed on since the mode was set
    is_broken: bool = False  # bytes of it were swallowed
    frames: Frames | None = None

    def reset(self) -> None:
        """RST to the client, not FIN: pending bytes are thrown away on both sides."""
        for writer in (self.client, self.target):
            if writer is not None:
                abort(writer)


class FaultProxy:
    """Stands before `target`: a server's URL, a unix socket's path or (host, port).

    With `resp3` it knows where the server's messages end, and can lose pushes alone.
    Counters: `connections` accepted, `open` now, `bytes_up` sent to the target,
    `bytes_down` sent to clients, `pushes_dropped`.
    """

    def __init__(self, target: Target, *, resp3: bool = False) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.connections = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.pushes_dropped = 0
        self._resp3 = resp3
        self._target = address(target)
        self._url = target if isinstance(target, str) else ""
        self._mode = Mode()
        self._live: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._moving = asyncio.Event()  # unset while frozen
        self._holder: socket.socket | None = None
        self._listener: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"<FaultProxy {self.host}:{self.port} {self._mode.fault.value}>"

    @property
    def url(self) -> str:
        """The target's URL, with this proxy in the place of its host; has its password."""
        if not self._url:
            raise ValueError("this proxy was made for an address, not for a URL")
        return through(self._url, self.host, self.port)

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def open(self) -> int:
        return len(self._live)

    # -- modes ------------------------------------------------------------------

    def pass_through(self) -> None:
        """Behave; what was frozen goes on, in order."""
        self._set(Mode())

    def refuse(self) -> None:
        """Nobody listens, and those connected are reset: like a server that was killed."""
        self._set(Mode(Fault.REFUSE))

    def black_hole(self) -> None:
        """Accept and swallow: nothing reaches the target, nothing comes back."""
        self._set(Mode(Fault.BLACK_HOLE))

    def freeze(self) -> None:
        """Forward nothing but lose nothing: connections stay, new ones are accepted."""
        self._set(Mode(Fault.FREEZE))

    def delay(self, seconds: float) -> None:
        """Each reply arrives this much later; replies under way do not wait for each other."""
        self._set(Mode(Fault.DELAY, seconds))

    def reset(self) -> None:
        """RST to every connection, and to each new one as soon as it is accepted."""
        self._set(Mode(Fault.RESET))

    def cut_reply_after(self, count: int) -> None:
        """RST a connection once it was sent `count` more bytes: a reply torn in two."""
        self._set(Mode(Fault.CUT_REPLY, count))

    def lose_replies(self) -> None:
        """Requests reach the target and are carried out; their replies vanish."""
        self._set(Mode(Fault.LOSE_REPLIES))

    def drip(self, seconds_per_byte: float) -> None:
        """Replies arrive one byte at a time, this far apart."""
        self._set(Mode(Fault.DRIP, seconds_per_byte))

    def drop_pushes(self) -> None:
        """Replies arrive, what the server says unasked does not: nobody sees a gap."""
        if not self._resp3:
            raise ValueError("only a proxy made with resp3=True can tell pushes from replies")
        self._set(Mode(Fault.DROP_PUSHES))

    def retarget(self, target: Target) -> None:
        """Stand before another server: RST to all, and new connections go there."""
        self._target = address(target)
        self._url = target if isinstance(target, str) else ""
        self.drop_connections()

    def drop_connections(self) -> None:
        """RST every connection once; new ones are served in the present mode."""
        self._run(self._reset(tuple(self._live)))

    # -- life -------------------------------------------------------------------

    def start(self) -> Self:
        # A bound socket that does not listen keeps the port ours while we refuse; a
        # connection to it is refused, as the kernel only asks listening sockets.
        self._holder = bound(self.host, 0)
        self.port = self._holder.getsockname()[1]
        self._thread.start()
        self._moving.set()
        self._run(self._listen())
        return self

    def close(self) -> None:
        """Reset everything and end the thread."""
        if self._thread.is_alive():
            self._run(self._shut())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(SETTLE_S)
        if self._holder is not None:
            self._holder.close()
        if not self._loop.is_closed():
            self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- on the proxy's own loop ------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(SETTLE_S)

    def _set(self, mode: Mode) -> None:
        self._run(self._change(mode))

    async def _change(self, mode: Mode) -> None:
        self._mode = mode
        for connection in self._live:
            connection.replied = 0
        if mode.fault is Fault.FREEZE:
            self._moving.clear()
        else:
            self._moving.set()
        if mode.fault is Fault.REFUSE:
            await self._unlisten()
        elif self._listener is None:
            await self._listen()
        everyone = mode.fault in (Fault.REFUSE, Fault.RESET)
        await self._reset(tuple(c for c in self._live if everyone or c.is_broken))

    async def _listen(self) -> None:
        sock = bound(self.host, self.port)
        self._listener = await asyncio.start_server(self._accepted, sock=sock, backlog=1024)

    async def _unlisten(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        # asyncio leaves a socket open whose server is closed between accept and attach: accept
        # no more, then let those that were accepted take that step.
        for sock in listener.sockets:
            self._loop.remove_reader(sock.fileno())
        await asyncio.sleep(0)
        listener.close()  # not wait_closed(): it waits for connections too

    async def _reset(self, connections: Iterable[_Connection]) -> None:
        for connection in connections:
            connection.reset()
        if ending := [c.task for c in connections]:
            await asyncio.wait(ending)

    async def _shut(self) -> None:
        await self._unlisten()
        self._moving.set()
        me = asyncio.current_task()
        # Also those that are being accepted just now, which nobody has been told of yet.
        while others := {task for task in asyncio.all_tasks() if task is not me}:
            live = tuple(self._live)
            for connection in live:
                connection.task.cancel()
            await self._reset(live)
            await asyncio.wait(others, timeout=0.01)
        await asyncio.sleep(0)  # what was aborted is closed on the next turn

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.transport.set_write_buffer_limits(high=0)  # drain() means: the kernel has it
        connection = _Connection(reader, writer, frames=Frames() if self._resp3 else None)
        self._live.add(connection)
        connection.task = self._loop.create_task(self._serve(connection))

    async def _serve(self, connection: _Connection) -> None:
        reader = connection.reader
        try:
            if self._mode.fault in (Fault.RESET, Fault.REFUSE):
                return
            while self._mode.fault is Fault.BLACK_HOLE:
                # It stays with the hole: only _change, by a reset, ends it.
                connection.is_broken = True
                if not await reader.read(CHUNK):
                    return
            await self._moving.wait()
            replies, connection.target = await connect(self._target)
            up = asyncio.create_task(self._requests(connection, reader))
            down = asyncio.create_task(self._replies(connection, replies))
            try:
                await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            finally:
                up.cancel()
                down.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
        except OSError:
            pass  # the target is away, or either end went: the client sees a reset
        finally:
            connection.reset()
            self._live.discard(connection)

    async def _requests(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK):
            await self._moving.wait()
            if self._mode.fault is Fault.BLACK_HOLE:
                connection.is_broken = True
                continue
            assert connection.target is not None
            self.bytes_up += len(chunk)  # first: the receiver may look as soon as it has it
            connection.target.write(chunk)
            await connection.target.drain()

    async def _replies(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sender = asyncio.create_task(self._send(connection, under_way))
        try:
            while chunk := await reader.read(CHUNK):
                chunk = self._messages(connection, chunk)
                wait = self._mode.amount if self._mode.fault is Fault.DELAY else 0.0
                under_way.put_nowait((self._loop.time() + wait, chunk))
            await under_way.join()  # what the target said last still arrives
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send(
        self, connection: _Connection, under_way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._moving.wait()
            mode = self._mode
            if mode.fault in (Fault.BLACK_HOLE, Fault.LOSE_REPLIES):
                connection.is_broken = True
            elif mode.fault is Fault.CUT_REPLY:
                self._down(connection, chunk[: int(mode.amount) - connection.replied])
                if connection.replied >= mode.amount:
                    connection.is_broken = True
                    await arrived(connection.client)  # a reset discards what is under way
                    connection.reset()
                    return
            elif mode.fault is Fault.DRIP:
                await self._drip(connection, chunk)
            else:
                self._down(connection, chunk)
                await connection.client.drain()
            under_way.task_done()

    def _messages(self, connection: _Connection, chunk: bytes) -> bytes:
        """What of `chunk` goes on: whole messages, where the proxy knows them."""
        if connection.frames is None:
            return chunk
        is_dropping = self._mode.fault is Fault.DROP_PUSHES
        passed = bytearray()
        for message in connection.frames.feed(chunk):
            if is_dropping and message[0] == PUSH:
                self.pushes_dropped += 1
            else:
                passed += message
        return bytes(passed)

    async def _drip(self, connection: _Connection, chunk: bytes) -> None:
        for at in range(len(chunk)):
            mode = self._mode
            if mode.fault is not Fault.DRIP:
                self._down(connection, chunk[at:])
                break
            self._down(connection, chunk[at : at + 1])
            await connection.client.drain()
            await asyncio.sleep(mode.amount)

    def _down(self, connection: _Connection, chunk: bytes) -> None:
        connection.replied += len(chunk)
        self.bytes_down += len(chunk)
        connection.client.write(chunk)
