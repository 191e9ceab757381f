"""A second connection, for entries so large that everybody would wait behind them.

It carries bytes of entries and nothing else: no stamps, no announcements, no scripts. So
it matters to nobody's proof which server it leads to, or when it was made.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from keepwarm.ports import StoreAway
from keepwarm.stores.redis.dialing import dial
from keepwarm.stores.redis.failures import Refused, as_away
from keepwarm.stores.redis.settings import Address
from keepwarm.stores.redis.wire import Wire


class Bulk:
    """Bound to one event loop; connected when first needed, and again after it was lost."""

    def __init__(self, address: Callable[[], Address]) -> None:
        self._address = address
        self._wire: Wire | None = None
        self._dialing: asyncio.Task[Wire] | None = None
        self._tasks: set[asyncio.Task[list[Any]]] = set()

    def get(self, names: tuple[str, ...], deadline: float) -> "asyncio.Task[list[Any]]":
        """The bytes under each of `names`. Fails with StoreAway."""
        return self._spawn(self._exchange([("GET", name) for name in names], deadline))

    async def set(self, commands: Sequence[Sequence[Any]], deadline: float) -> list[Any]:
        """The replies to commands that write entries."""
        return await self._exchange(commands, deadline)

    def _spawn(self, work: Any) -> "asyncio.Task[list[Any]]":
        task: asyncio.Task[list[Any]] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _exchange(self, commands: Sequence[Sequence[Any]], deadline: float) -> list[Any]:
        wire = self._wire
        if wire is None or not wire.is_open:
            wire = await self._connected(deadline)
        replies: list[Any] = await wire.exchange(commands, deadline)
        for n, reply in enumerate(replies):
            if isinstance(reply, Refused):
                if reply.code != "WRONGTYPE":
                    raise as_away(reply)
                replies[n] = None  # of another kind: as good as missing
        return replies

    async def _connected(self, deadline: float) -> Wire:
        if self._dialing is None or self._dialing.done():
            self._dialing = asyncio.get_running_loop().create_task(self._dial(deadline))
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(self._dialing)
        except TimeoutError:
            raise StoreAway("timeout") from None
        except OSError as error:
            raise as_away(error) from error

    async def _dial(self, deadline: float) -> Wire:
        address = self._address()
        wire = await dial(address, lambda: Wire(lambda _push: None, self._lost))
        replies = await wire.exchange(address.handshake(), deadline)
        for reply in replies:
            if isinstance(reply, Refused):
                wire.close()
                raise as_away(reply)
        self._wire = wire
        return wire

    def _lost(self, wire: Wire, _why: str) -> None:
        if wire is self._wire:
            self._wire = None

    async def aclose(self) -> None:
        tasks: list[Awaitable[Any]] = list(self._tasks)
        if self._dialing is not None:
            self._dialing.cancel()
            tasks.append(self._dialing)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._wire is not None:
            self._wire.close()

    def abandon(self) -> None:
        """Let go of the socket of an event loop that has been closed."""
        if self._wire is not None:
            self._wire.abandon()
