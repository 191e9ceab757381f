"""Connections of one event loop, lent to one request at a time.

redis-py's own pool is not used, for three reasons that cost answers or slots:

- giving a connection back awaits a lock, so a cancellation in that moment loses its slot
  for good: after a storm of disconnecting clients the pool is empty;
- with RESP3 it no longer looks whether an idle connection holds unread bytes or is
  closed, so after a restart of the server each idle connection fails one request;
- sending goes through `asyncio.wait_for`, which before Python 3.12 may swallow a
  cancellation.

Here taking may wait, giving back never does, and a connection whose request did not get
its whole answer is closed before anybody else can have it: no reply ever reaches the
wrong request (G7).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from keepwarm.ports import StoreAway
from keepwarm.stores.redis.failures import as_away


class Connections:
    """At most `most` connections; `make` makes an unconnected redis-py one."""

    def __init__(self, make: Callable[[], Any], most: int) -> None:
        self._make = make
        self._most = most
        self._all: list[Any] = []
        self._idle: list[Any] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._outdated: set[int] = set()

    @property
    def in_use(self) -> int:
        return len(self._all) - len(self._idle)

    async def ask(self, commands: Sequence[Sequence[Any]], deadline: float) -> list[Any]:
        """The replies to `commands`, sent in one go; an error reply is an item of the list.

        `deadline` is an instant of the loop's clock. Raises StoreAway if no connection
        came free until then, TimeoutError if no reply did, or what redis-py raises.
        """
        connection = await self._take(deadline)
        try:
            async with asyncio.timeout_at(deadline):
                return await _exchange(connection, commands)
        except BaseException:
            await _drop(connection)
            raise
        finally:
            if id(connection) in self._outdated:
                self._outdated.discard(id(connection))
                await _drop(connection)
            self._give(connection)

    async def renew(self) -> None:
        """Have every connection greet the server anew before its next request."""
        self._outdated = {id(c) for c in self._all if c not in self._idle}
        for connection in tuple(self._idle):
            await _drop(connection)

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        for connection in self._all:
            await _drop(connection)

    def abandon(self) -> None:
        """Close the sockets of a loop that is gone and can no longer close them."""
        for connection in self._all:
            writer = getattr(connection, "_writer", None)
            if writer is None:
                continue
            # asyncio's transport has no loop left to say goodbye on, so its socket is closed
            # under it; another loop's transports, without these fields, end by themselves.
            with contextlib.suppress(AttributeError):
                writer.transport._sock.close()
                writer.transport._sock = None
                writer.transport._closing = True
            connection._reader = connection._writer = None

    async def _take(self, deadline: float) -> Any:
        if self._idle:
            return self._idle.pop()
        if len(self._all) < self._most:
            connection = self._make()
            self._all.append(connection)
            return connection
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(mine)
        alarm = loop.call_at(deadline, _expire, mine)
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self._give(mine.result())  # it was handed over in the moment of cancelling
            raise
        finally:
            alarm.cancel()

    def _give(self, connection: Any) -> None:
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(connection)
                return
        self._idle.append(connection)


def _expire(waiting: asyncio.Future[Any]) -> None:
    if not waiting.done():
        # Our own crowd, not the store's fault: the breaker stays as it is.
        waiting.set_exception(StoreAway("connections-exhausted", is_fault=False))


async def _exchange(connection: Any, commands: Sequence[Sequence[Any]]) -> list[Any]:
    if connection.is_connected and await connection.can_read():
        await _drop(connection)  # closed by the server, or holds what nobody asked for
    try:
        await connection.connect()
    except ResponseError as error:
        # The greeting was refused: this server serves nobody, whatever the word.
        raise StoreAway(as_away(error).why) from error
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies: list[Any] = []
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except ResponseError as error:
            replies.append(error)
    return replies


async def _drop(connection: Any) -> None:
    """Close without waiting for anything: nothing in here suspends."""
    await connection.disconnect(nowait=True)
