"""Connections for threads, lent to one request at a time, under one deadline per request.

The twin of `stores.redis.pool`: redis-py's own pool gives out connections without looking
whether they were closed or hold unread bytes, and grants every read its whole timeout.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import RedisError, ResponseError

from keepwarm.ports import StoreAway
from keepwarm.stores.redis.failures import as_away

_LEAST_S = 0.001  # a socket's timeout of 0 would mean: do not block


class ThreadConnections:
    """At most `most` connections; `make` makes an unconnected redis-py one."""

    def __init__(self, make: Callable[[], Any], most: int) -> None:
        self._make = make
        self._most = most
        self._freed = threading.Condition()
        self._all: list[Any] = []
        self._idle: list[Any] = []
        self._outdated: set[int] = set()
        self._owner = os.getpid()

    @property
    def in_use(self) -> int:
        with self._freed:
            return len(self._all) - len(self._idle)

    def ask(self, commands: Sequence[Sequence[Any]], deadline: float) -> list[Any]:
        """The replies to `commands`, sent in one go; an error reply is an item of the list.

        `deadline` is an instant of time.monotonic(). Raises StoreAway if no connection
        came free until then, or what redis-py raises.
        """
        connection = self._take(deadline)
        try:
            return _exchange(connection, commands, deadline)
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._give(connection)

    def renew(self) -> None:
        """Have every connection greet the server anew before its next request."""
        with self._freed:
            self._outdated = {id(c) for c in self._all}

    def close(self) -> None:
        with self._freed:
            for connection in self._all:
                connection.disconnect()

    def _take(self, deadline: float) -> Any:
        if self._owner != os.getpid():
            self._disown()
        with self._freed:
            while not self._idle and len(self._all) >= self._most:
                if not self._freed.wait(max(0.0, deadline - time.monotonic())):
                    # Our own crowd, not the store's fault: the breaker stays as it is.
                    raise StoreAway("connections-exhausted", is_fault=False)
            if self._idle:
                connection = self._idle.pop()
            else:
                connection = self._make()
                self._all.append(connection)
            is_outdated = id(connection) in self._outdated
            self._outdated.discard(id(connection))
        if is_outdated:
            connection.disconnect()
        return connection

    def _disown(self) -> None:
        """In a forked child: the sockets are the parent's, whose replies must not come here."""
        self._freed = threading.Condition()
        for connection in self._all:
            connection.disconnect()  # closes this process's copy and says nothing to the server
        self._all, self._idle, self._outdated = [], [], set()
        self._owner = os.getpid()

    def _give(self, connection: Any) -> None:
        with self._freed:
            self._idle.append(connection)
            self._freed.notify()


def _exchange(connection: Any, commands: Sequence[Sequence[Any]], deadline: float) -> list[Any]:
    if connection.is_connected and not _is_silent(connection):
        connection.disconnect()
    if not connection.is_connected:
        connection.socket_timeout = connection.socket_connect_timeout = _left_s(deadline)
        try:
            connection.connect()
        except ResponseError as error:
            # The greeting was refused: this server serves nobody, whatever the word.
            raise StoreAway(as_away(error).why) from error
    connection._sock.settimeout(_left_s(deadline))
    connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies: list[Any] = []
    for _ in commands:
        try:
            replies.append(connection.read_response(timeout=_left_s(deadline)))
        except ResponseError as error:
            replies.append(error)
    return replies


def _is_silent(connection: Any) -> bool:
    """Whether it neither was closed by the server nor holds what nobody asked for."""
    try:
        return not connection.can_read(timeout=0)
    except (RedisError, OSError):
        return False


def _left_s(deadline: float) -> float:
    return max(_LEAST_S, deadline - time.monotonic())
