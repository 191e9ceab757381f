"""`writing(...)`: a block in which something is changed that cached values depend on.

A mark outlives nobody for long: the store gives it up when it was not prolonged for ten
seconds, and the link prolongs it only while its process lives. What is left to do here is
that no way out of a block, cancellation included, forgets to take it away.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from keepwarm.engine.call import Plan
from keepwarm.errors import NotAcknowledged

if TYPE_CHECKING:
    from keepwarm.engine.plans import Ack

T = TypeVar("T")
log = logging.getLogger("keepwarm")


class AsyncRunner(Protocol):
    """What a block needs of the async cache."""

    async def do(self, plan: Plan[T]) -> T: ...


class BlockingRunner(Protocol):
    """What a block needs of the blocking cache."""

    def do(self, plan: Plan[T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Announcement:
    """One write's tags and its four plans."""

    what: tuple[str, ...]
    enter: Callable[[], Plan[None]]
    check: Callable[[], Plan[None]]
    leave: Callable[[], "Plan[Ack]"]
    withdraw: Callable[[], Plan[bool]]


class Duties:
    """Tasks that nobody who is cancelled takes with him, and that closing waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever still waits is told; if nobody does, it was counted

    async def aclose(self) -> None:
        loop = asyncio.get_running_loop()
        mine = [task for task in self._tasks if task.get_loop() is loop]
        await asyncio.gather(*mine, return_exceptions=True)


class Writing:
    """`async with cache.writing("character:5") as w: …; await w.check(); …commit…`.

    `ack` is set when the block was left and that was confirmed.
    """

    def __init__(self, cache: AsyncRunner, duties: Duties, announcement: Announcement) -> None:
        self._cache = cache
        self._duties = duties
        self._announcement = announcement
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_given_up = False
        self.ack: Ack | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        return self._announcement.what

    async def __aenter__(self) -> Self:
        entering = self._duties.start(self._enter())
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            self._is_given_up = True
            if entering.done() and not entering.cancelled() and entering.exception() is None:
                self._duties.start(self._withdraw())  # it was told in the same moment
            raise
        self._loop = asyncio.get_running_loop()
        return self

    async def check(self) -> None:
        """Return if every mark still lives; to be awaited right before the commit.

        Raises WriteNotAnnounced: then nothing may be committed.
        """
        await self._cache.do(self._announcement.check())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop = None
        leaving = self._duties.start(self._leave())
        try:
            await asyncio.shield(leaving)
        except NotAcknowledged:
            if error is None:
                raise

    def abandon(self) -> None:
        """Take the marks away without waiting for it, from any thread."""
        loop, self._loop = self._loop, None
        if loop is None or loop.is_closed():
            return
        cache, duties, leave = self._cache, self._duties, self._announcement.leave
        with contextlib.suppress(RuntimeError):  # closed in this moment: then the mark lapses
            loop.call_soon_threadsafe(lambda: duties.start(cache.do(leave())))

    def __del__(self) -> None:
        if self._loop is not None:
            log.warning("a write was announced and never ended; its marks are taken away")
            self.abandon()

    async def _enter(self) -> None:
        try:
            await self._cache.do(self._announcement.enter())
        except BaseException:
            # It may have been carried out all the same. Nobody waits for this.
            self._duties.start(self._withdraw())
            raise
        if self._is_given_up:
            await self._withdraw()

    async def _withdraw(self) -> None:
        await self._cache.do(self._announcement.withdraw())

    async def _leave(self) -> None:
        self.ack = await self._cache.do(self._announcement.leave())


class BlockingWriting:
    """`with c.writing("character:5") as w: …; w.check(); …commit…`."""

    def __init__(self, cache: BlockingRunner, announcement: Announcement) -> None:
        self._cache = cache
        self._announcement = announcement
        self._is_inside = False
        self.ack: Ack | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        return self._announcement.what

    def __enter__(self) -> Self:
        try:
            self._cache.do(self._announcement.enter())
        except BaseException:
            self._cache.do(self._announcement.withdraw())
            raise
        self._is_inside = True
        return self

    def check(self) -> None:
        """As Writing.check."""
        self._cache.do(self._announcement.check())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_inside = False
        try:
            self.ack = self._cache.do(self._announcement.leave())
        except NotAcknowledged:
            if error is None:
                raise

    def abandon(self) -> None:
        """Take the marks away without waiting for it."""
        if not self._is_inside:
            return
        self._is_inside = False
        cache, leave = self._cache, self._announcement.leave
        threading.Thread(target=lambda: _quietly(cache, leave()), daemon=True).start()

    def __del__(self) -> None:
        if self._is_inside:
            log.warning("a write was announced and never ended; its marks are taken away")
            self.abandon()


def _quietly(cache: BlockingRunner, plan: "Plan[Ack]") -> None:
    with contextlib.suppress(NotAcknowledged):  # owed, counted, and retried
        cache.do(plan)
