"""One connection: commands go out in order, replies come back in order, pushes in between.

How to think of it: `exchange` puts commands into the stream and an entry at the end of a
queue; whatever comes in is a push (announcements, confirmations) or belongs to the entry
at the head. A caller who is cancelled or out of time leaves his entry where it is: its
replies are counted and thrown away, so no reply ever reaches the wrong request (G7) and
nothing has to be reconnected.

Replies and pushes are handled at once, inside `data_received`, in the order in which the
server sent them: the mirror depends on it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, cast

import hiredis

from keepwarm.core.units import MiB
from keepwarm.ports import StoreAway
from keepwarm.stores.redis.failures import Refused

Reader: TypeAlias = Callable[[list[Any]], Any]
_NOTHING = object()
MOST_PENDING = 16 * MiB
"""Bytes that wait for a server which does not read; beyond it requests are refused at once."""
_GRACE_S = 0.05  # a timer that fires this late says that our own loop stood still


class Waiter(Protocol):
    """Who is told what became of a request: a future, or whoever answers for several."""

    def done(self) -> bool: ...

    def set_result(self, result: Any, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


class _Entry:
    """A request that is under way: how many replies it awaits, and who waits for them."""

    __slots__ = (
        "asked_at",
        "awaited",
        "deadline",
        "ends_with",
        "future",
        "read",
        "replies",
        "sent_at",
    )

    def __init__(
        self,
        awaited: int,
        read: Reader | None,
        future: Waiter | None,
        asked_at: float,
    ) -> None:
        self.awaited = awaited
        self.read = read
        self.future = future
        self.asked_at = asked_at
        self.sent_at = asked_at
        self.deadline = math.inf
        self.replies: list[Any] = []
        self.ends_with: Any = None


class Wire(asyncio.Protocol):
    """A RESP3 connection on the running loop. `pushed` gets each push, `lost` the end of it."""

    def __init__(
        self, pushed: Callable[[list[Any]], None], lost: Callable[["Wire", str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(
            replyError=Refused, protocolError=ValueError, notEnoughData=_NOTHING
        )
        self._pushed = pushed
        self._lost = lost
        self._entries: deque[_Entry] = deque()
        self._out: list[bytes] = []
        self._unsent: list[_Entry] = []
        self._transport: asyncio.Transport | None = None
        self._why = ""
        self._heard_at = self._loop.time()
        self._is_paused = False
        self._pending = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf

    @property
    def is_open(self) -> bool:
        return not self._why

    @property
    def in_flight(self) -> int:
        """Requests whose replies have not all come."""
        return len(self._entries)

    # Asking.

    async def exchange(
        self, commands: Sequence[Sequence[Any]], deadline: float, read: Reader | None = None
    ) -> Any:
        """What `read` makes of the replies (the list of them without it); errors are items.

        `deadline` is an instant of the loop's clock. `read` runs as soon as the last reply
        is there, unless nobody waits any more. Raises StoreAway.
        """
        if not commands:
            return [] if read is None else read([])
        return await self.begin(commands, deadline, read)

    def begin(
        self, commands: Sequence[Sequence[Any]], deadline: float, read: Reader | None = None
    ) -> "asyncio.Future[Any]":
        """As `exchange`, for who has something else to do meanwhile."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._bound(self._send(commands, read, future), deadline)
        return future

    def begin_now(self, packed: bytes, deadline: float, read: Reader, waiter: Waiter) -> None:
        """Send one command, and all that has gathered; `waiter` is told how it ended."""
        self._bound(self._enqueue([packed], read, waiter), deadline)
        self.flush()

    async def until(
        self, packed: bytes, last: Sequence[Any], answer: Any, deadline: float
    ) -> list[Any]:
        """All replies to what is `packed`, however many, up to the `answer` to `last`."""
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        entry = self._send((last,), None, future)
        self._out.insert(-1, packed)
        entry.ends_with = answer
        self._bound(entry, deadline)
        return await future

    def tell(self, command: Sequence[Any], read: Reader | None = None) -> None:
        """Send a command and wait for nothing; `read` gets its reply."""
        if self.is_open:
            self._send((command,), read, None)

    def _send(
        self,
        commands: Sequence[Sequence[Any]],
        read: Reader | None,
        future: Waiter | None,
    ) -> _Entry:
        if not self._out and not self._is_paused:
            self._loop.call_soon(self.flush)
        packed = [hiredis.pack_command(tuple(command)) for command in commands]
        return self._enqueue(packed, read, future)

    def _enqueue(self, packed: list[bytes], read: Reader | None, future: Waiter | None) -> _Entry:
        if self._why:
            raise StoreAway(self._why)
        if self._is_paused:
            self._pending += sum(map(len, packed))
            if self._pending > MOST_PENDING:
                raise StoreAway("crowded", is_fault=False)
        self._out += packed
        entry = _Entry(len(packed), read, future, self._loop.time())
        self._entries.append(entry)
        self._unsent.append(entry)
        return entry

    def flush(self) -> None:
        """Write what has gathered: by itself at the end of the loop's turn, or now."""
        if self._is_paused:
            return
        now = self._loop.time()
        for entry in self._unsent:
            entry.sent_at = now
        self._unsent.clear()
        out, self._out = self._out, []
        if self._transport is not None and out:
            self._transport.write(b"".join(out))

    def _bound(self, entry: _Entry, deadline: float) -> None:
        """Have `entry` fail at `deadline`. One timer serves all: most are answered long before."""
        entry.deadline = deadline
        if deadline < self._alarm_at:
            self._arm(deadline)

    def _arm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_at(at, self._expire) if at < math.inf else None

    def _expire(self) -> None:
        """Time is up for some request, or was; if nothing came at all since it left, for all."""
        now = self._loop.time()
        self._alarm, self._alarm_at = None, math.inf
        following, is_silent = math.inf, False
        for entry in tuple(self._entries):
            future = entry.future
            if future is None or future.done():
                continue
            if entry.deadline <= now and not self._is_our_fault(entry, now):
                future.set_exception(StoreAway("timeout"))
                is_silent = is_silent or self._heard_at <= entry.sent_at
            else:
                following = min(following, entry.deadline)
        if is_silent:
            self.close("timeout")  # nobody is there any more
        elif following < math.inf:
            self._arm(following)

    def _is_our_fault(self, entry: _Entry, now: float) -> bool:
        """Whether to wait longer: our own loop stood still, or had a crowd to send.

        Replies may be waiting to be read. What counts is the time since the request left.
        """
        queued_s = entry.sent_at - entry.asked_at
        if now - entry.deadline <= _GRACE_S and queued_s <= _GRACE_S:
            return False
        entry.asked_at = entry.sent_at
        entry.deadline = max(now + _GRACE_S, entry.deadline + queued_s)
        return True

    # Being answered.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._parser.feed(data)
        try:
            while (reply := self._parser.gets()) is not _NOTHING:
                if isinstance(reply, hiredis.PushNotification):
                    self._pushed(reply)
                else:
                    self._replied(reply)
        except ValueError:
            self.close("protocol")

    def _replied(self, reply: Any) -> None:
        if not self._entries:
            self.close("protocol")
            return
        entry = self._entries[0]
        if entry.ends_with is None:
            entry.replies.append(reply)
            if len(entry.replies) < entry.awaited:
                return
        elif reply != entry.ends_with:
            entry.replies.append(reply)
            return
        self._entries.popleft()
        future = entry.future
        if future is None:
            if entry.read is not None:
                entry.read(entry.replies)
            return
        if future.done():
            return
        try:
            result = entry.replies if entry.read is None else entry.read(entry.replies)
        except Exception as error:  # noqa: BLE001 - it is the caller's, not the connection's
            future.set_exception(error)
        else:
            future.set_result(result)

    def pause_writing(self) -> None:
        """The other side reads more slowly than we write: gather, up to a bound."""
        self._is_paused, self._pending = True, 0

    def resume_writing(self) -> None:
        self._is_paused = False
        self.flush()

    def eof_received(self) -> None:
        self.close("unreachable")

    def connection_lost(self, error: Exception | None) -> None:
        self.close("unreachable")

    # Ending.

    def close(self, why: str = "unreachable") -> None:
        """End at once; whoever waits is told `why`."""
        if self._why:
            return
        self._why = why
        if self._transport is not None:
            self._transport.abort()
        if self._alarm is not None:
            self._alarm.cancel()
        for entry in self._entries:
            if entry.future is not None and not entry.future.done():
                entry.future.set_exception(StoreAway(why))
        self._entries.clear()
        self._unsent.clear()
        self._out.clear()
        self._lost(self, why)

    def abandon(self) -> None:
        """Close the socket of a loop that is gone and can no longer do it."""
        transport: Any = self._transport
        self._why = self._why or "unreachable"
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        # asyncio's transport has no loop left to say goodbye on, so its socket is closed
        # under it; another loop's transports end by themselves.
        if getattr(transport, "_sock", None) is not None:
            transport._sock.close()
            transport._sock = None
            transport._closing = True
        elif sock is not None and hasattr(sock, "close"):
            sock.close()
