"""The load of one event loop: readers, a writer, and cancellations at random awaits."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from keepwarm import NotAcknowledged, collect
from keepwarm.errors import WriteNotAnnounced
from keepwarm.testing.chaos.cached import Corrupt, how_to, tags_of
from keepwarm.testing.chaos.records import (
    ACKED,
    CANCELLED,
    CORRUPT,
    FOREIGN,
    RAISED,
    REFUSED,
    UNACKED,
    UNSETTLED,
    now_ns,
)
from keepwarm.testing.chaos.rows import Versions
from keepwarm.testing.chaos.values import Kind, choose, choose_rows, everything
from keepwarm.testing.chaos.work import SETTLE_S, Work

_MOST_HOPS = 30  # turns of the loop that a call gets before it is cancelled: a fill takes 10-25


class Kinds(Protocol):
    """What is under test: cached reads, and the invalidation of what is made of rows."""

    async def read(self, kind: Kind, number: int) -> Versions: ...

    async def invalidate(self, rows: tuple[int, ...]) -> None: ...


class TaskLoad:
    """Runs on one loop until `work.has_ended`."""

    def __init__(self, work: Work, kinds: Kinds, *, readers: int = 4) -> None:
        self._work = work
        self._kinds = kinds
        self._readers = readers
        self._cut: set[asyncio.Task[None]] = set()
        """Tasks that we may cancel: nobody else may."""

    async def run(self) -> None:
        await asyncio.gather(self._write(), *(self._read() for _ in range(self._readers)))

    async def _read(self) -> None:
        work = self._work
        while not work.has_ended:
            kind, number = choose(work.dice)
            await self._perhaps_cut(self.read(kind, number))
            await asyncio.sleep(work.between_reads_s())

    async def _write(self) -> None:
        work = self._work
        while not work.has_ended:
            await asyncio.sleep(work.between_writes_s())
            rows = choose_rows(work.dice)
            if work.is_clearing():
                await self._perhaps_cut(self.invalidate(()))
            elif work.is_writing and how_to(rows)[0] == "tags":
                await self._write_announced(rows)
            else:
                await asyncio.to_thread(work.commit, rows)
                await asyncio.sleep(work.after_commit_s())
                await self._perhaps_cut(self.invalidate(rows))

    async def _write_announced(self, rows: tuple[int, ...]) -> None:
        """As above with `cache.writing`; whoever dies on the way leaves nothing stale."""
        work, start = self._work, 0
        loop = asyncio.get_running_loop()
        try:
            async with work.cache.writing(*tags_of(rows)) as writing:

                def check() -> None:
                    asyncio.run_coroutine_threadsafe(writing.check(), loop).result()

                await asyncio.to_thread(work.commit, rows, check)
                start = now_ns()
                await asyncio.sleep(work.after_commit_s())
            work.invalidated(rows, start, ACKED)
        except WriteNotAnnounced as error:
            work.invalidated(rows, now_ns(), REFUSED, error.why)
        except NotAcknowledged as error:
            work.invalidated(rows, start, UNACKED, error.why, error.durable)
        except Exception as error:  # noqa: BLE001 - it is what we look for
            work.log.trouble(RAISED, f"writing {rows}", f"{type(error).__name__}: {error}")

    async def read(self, kind: Kind, number: int, *, is_final: bool = False) -> None:
        """One read, logged however it ends."""
        log, start = self._work.log, now_ns()
        where = f"a read of {kind.name} {number}"
        with collect() as outcomes:
            try:
                versions = await self._kinds.read(kind, number)
            except asyncio.CancelledError:
                self._was_cancelled(where)
                raise
            except Corrupt as error:
                log.trouble(CORRUPT, where, str(error))
            except Exception as error:  # noqa: BLE001 - it is what we look for
                log.trouble(RAISED, where, f"{type(error).__name__}: {error}")
            else:
                log.read(kind, start, now_ns(), versions, outcomes, is_final=is_final)

    async def invalidate(self, rows: tuple[int, ...]) -> None:
        """One invalidation, logged however it ends."""
        work, start = self._work, now_ns()
        try:
            await self._kinds.invalidate(rows)
        except NotAcknowledged as error:
            outcome = ACKED if work.swallows else UNACKED
            work.invalidated(rows, start, outcome, error.why, error.durable)
        except asyncio.CancelledError:
            work.invalidated(rows, start, CANCELLED)
            self._was_cancelled(f"an invalidation of {rows}")
            raise
        except Exception as error:  # noqa: BLE001 - it is what we look for
            work.log.trouble(RAISED, f"invalidating {rows}", f"{type(error).__name__}: {error}")
        else:
            work.invalidated(rows, start, ACKED)

    async def settle(self) -> None:
        """Return when this process owes nothing and can invalidate."""
        work = self._work
        try:
            async with asyncio.timeout(SETTLE_S):
                while True:
                    if await self._has_settled():
                        break
                    await asyncio.sleep(0.05)
        except TimeoutError:
            work.log.trouble(UNSETTLED, "settling", f"owes {work.cache.owed()}")
        work.log.alive()

    async def _has_settled(self) -> bool:
        try:
            await self._work.cache.invalidate("settled")
        except NotAcknowledged:
            return False
        return not self._work.cache.owed()

    async def read_all(self) -> None:
        """Every row in every way, once all is over."""
        todo = everything(self._work.dice)

        async def read() -> None:
            while todo:
                await self.read(*todo.pop(), is_final=True)

        await asyncio.gather(*(read() for _ in range(self._readers)))

    async def _perhaps_cut(self, call: Coroutine[Any, Any, None]) -> None:
        """Make the call, and while cancelling is on, end some at one await or another."""
        dice = self._work.dice
        if not self._work.is_cancelling or dice.random() < 0.4:
            try:
                await call
            except asyncio.CancelledError:
                return  # foreign, and logged: this task was never cancelled
            return
        task = asyncio.get_running_loop().create_task(call)
        self._cut.add(task)
        try:
            if dice.random() < 0.6:
                for _ in range(dice.randrange(_MOST_HOPS)):
                    await asyncio.sleep(0)
            else:
                await asyncio.wait((task,), timeout=dice.expovariate(1 / 0.01))
            task.cancel()
            await asyncio.wait((task,))
        finally:
            self._cut.discard(task)

    def _was_cancelled(self, where: str) -> None:
        task = asyncio.current_task()
        if task in self._cut and task.cancelling():
            self._work.log.cancelled()
        else:
            self._work.log.trouble(FOREIGN, where, "CancelledError though nobody cancelled it")
