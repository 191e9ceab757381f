"""The sweeper: finishes what committed writers could not, their own process or another's.

Every process that has one looks at the outbox a few times a second. What it finds it
invalidates: if the store confirms, the row is deleted; if the store is away, this process
from then on owes the invalidation, and so neither serves nor stores what it covers until
it is repaid, which is before the first request is let through after the store's return.

The rules are a generator that does nothing itself (`sweep`); a task or a thread runs it.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from keepwarm.engine.cache import BaseCache
from keepwarm.errors import NotAcknowledged
from keepwarm.forking import on_fork
from keepwarm.frameworks.sqlalchemy.mapping import NOTHING, Touched
from keepwarm.frameworks.sqlalchemy.outbox import MOST_ROWS, Outbox, Row

log = logging.getLogger("keepwarm")

LOOKS_EVERY_S = 0.5  # one small SELECT on a table that is nearly always empty
RIPE_AFTER_S = 1.0  # a living writer is done with his row long before
GATHERS_S = 0.25  # rows of confirmed writes that the next write has not deleted by then
_MOST_TAGS = 1_000  # a script of about a millisecond
SWEEPING = "keepwarm_sweeping"
"""Execution option of the sweeper's connections, for who counts or logs statements."""


@dataclass(frozen=True, slots=True)
class Look:
    """Answered with the rows that are there."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Invalidate; answered with whether that was confirmed."""

    touched: Touched


@dataclass(frozen=True, slots=True)
class Erase:
    ids: tuple[str, ...]


Sweep: TypeAlias = Generator[Look | Finish | Erase, Any, None]


@dataclass(slots=True)
class Ledger:
    """What is known of outbox rows; safe from any thread. No clock but a monotonic one.

    A row is *ripe* when its own writer failed to finish it, or it has been seen for a
    second: its writer is gone, or cannot reach the store.
    """

    _done: set[str] = field(default_factory=set)
    _failed: set[str] = field(default_factory=set)
    _seen: dict[str, float] = field(default_factory=dict)
    _in_vain: set[str] = field(default_factory=set)
    _ripe: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pending(self) -> int:
        """How many committed writes are known whose invalidation is not confirmed."""
        with self._lock:
            return len(self._failed | self._ripe)

    @property
    def has_done(self) -> bool:
        return bool(self._done)

    def confirmed(self, ids: Iterable[str]) -> None:
        """Rows whose invalidation is done; to be deleted by whoever writes or sweeps next."""
        with self._lock:
            self._done.update(ids)

    def finished(self, ids: Iterable[str]) -> None:
        """Rows that are gone."""
        with self._lock:
            for known in (self._failed, self._in_vain, self._ripe):
                known.difference_update(ids)

    def failed(self, ids: Iterable[str]) -> None:
        """Rows that somebody tried to finish in vain."""
        with self._lock:
            self._failed.update(ids)
            self._in_vain.update(ids)

    def take_done(self) -> tuple[str, ...]:
        """Rows of confirmed writes; who takes them deletes them, or gives them back."""
        with self._lock:
            done, self._done = self._done, set()
            return tuple(done)

    def unfinished(self) -> frozenset[str]:
        """Rows that somebody tried to finish in vain; to be taken before a look."""
        with self._lock:
            return frozenset(self._failed | self._in_vain)

    def looked(
        self,
        rows: Sequence[Row],
        before: frozenset[str],
        now: float,
        *,
        is_away: bool,
        at_once: bool,
    ) -> list[Row]:
        """Those of `rows` to finish now; `before` are those unfinished before the look.

        While the store is away each is tried once, at first sight: what matters then is
        that this process knows of it.
        """
        with self._lock:
            if len(rows) < MOST_ROWS:
                gone = before.difference(row.id for row in rows)  # others finished them
                self._failed -= gone
                self._in_vain -= gone
            self._seen = {row.id: self._seen.get(row.id, now) for row in rows}
            fresh = [row for row in rows if row.id not in self._done]
            self._ripe = {
                row.id
                for row in fresh
                if at_once
                or is_away
                or row.id in self._failed
                or now - self._seen[row.id] >= RIPE_AFTER_S
            }
            tried = self._in_vain if is_away else set()
            return [row for row in fresh if row.id in self._ripe and row.id not in tried]

    def after_fork(self) -> None:
        self._lock = threading.Lock()


def sweep(ledger: Ledger, now: float, *, is_away: bool, at_once: bool, looks: bool) -> Sweep:
    """Delete what is confirmed; then look, if `looks`, and finish what is ripe."""
    done = ledger.take_done()
    if done:
        try:
            yield Erase(done)
        except Exception:
            ledger.confirmed(done)
            raise
    if not looks:
        return
    before = ledger.unfinished()
    rows: list[Row] = yield Look()
    for batch in _batches(ledger.looked(rows, before, now, is_away=is_away, at_once=at_once)):
        touched, ids = NOTHING, tuple(row.id for row in batch)
        for row in batch:
            touched |= row.touched
        is_confirmed: bool = yield Finish(touched)
        if not is_confirmed:
            ledger.failed(ids)
            continue  # the others must be owed, too
        yield Erase(ids)
        ledger.finished(ids)


def _batches(rows: Iterable[Row]) -> Iterable[list[Row]]:
    batch: list[Row] = []
    tags = 0
    for row in rows:
        batch.append(row)
        tags += len(row.touched.tags)
        if tags >= _MOST_TAGS:
            yield batch
            batch, tags = [], 0
    if batch:
        yield batch


class _Sweeper:
    """What task and thread have in common."""

    def __init__(self, cache: BaseCache, outbox: Outbox, ledger: Ledger) -> None:
        self._cache = cache
        self._outbox = outbox
        self._ledger = ledger
        self._looked_at = float("-inf")
        self._errors = 0
        self._was_troubled = False

    def _sweep(self, *, at_once: bool = False) -> Sweep:
        now, stats = time.monotonic(), self._cache.stats()
        is_away = stats.breaker == "open"
        looks = at_once or now - self._looked_at >= LOOKS_EVERY_S * 0.9
        if looks:
            # Where the store has been away since the last look, a row's writer met that, too.
            at_once = at_once or stats.errors > self._errors
            self._looked_at, self._errors = now, stats.errors
        return sweep(self._ledger, now, is_away=is_away, at_once=at_once, looks=looks)

    def _told(self, error: Exception) -> None:
        """The database is away, or the table missing: say so once, and go on trying."""
        if not self._was_troubled:
            log.warning("the outbox could not be read (%s); trying again", type(error).__name__)
        self._was_troubled = True


class AsyncSweeper(_Sweeper):
    """A task on the loop on which it is started."""

    def __init__(
        self, cache: BaseCache, outbox: Outbox, ledger: Ledger, engine: Callable[[], Engine]
    ) -> None:
        super().__init__(cache, outbox, ledger)
        self._engine = engine
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        task = self._task
        if task is None or task.done() or task.get_loop() is not loop:
            self._wake = asyncio.Event()
            self._task = loop.create_task(self._run(), name="keepwarm-sweeper")

    def wake(self) -> None:
        """There is a confirmed row to delete, or one to try again."""
        with contextlib.suppress(RuntimeError):  # no loop here: the next start finds it
            self.start()
            self._wake.set()

    async def sweep(self, *, at_once: bool = False) -> None:
        """Look once; `at_once` finishes whatever is there, however young."""
        engine = AsyncEngine(self._engine()).execution_options(**{SWEEPING: True})
        steps = self._sweep(at_once=at_once)
        reply: Any = None
        with contextlib.suppress(StopIteration):
            while True:
                step = steps.send(reply)
                try:
                    reply = await self._answer(engine, step)
                except Exception as error:  # noqa: BLE001 - raised again, by the rules
                    steps.throw(error)

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _answer(self, engine: AsyncEngine, step: Look | Finish | Erase) -> Any:
        if isinstance(step, Finish):
            try:
                if step.touched.everything:
                    await self._cache.clear()
                else:
                    await self._cache.invalidate(*sorted(step.touched.tags))
            except NotAcknowledged:
                return False
            return True
        async with engine.begin() as connection:
            if isinstance(step, Look):
                return await connection.run_sync(self._outbox.rows)
            return await connection.run_sync(self._outbox.erase, step.ids)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_EVERY_S):
                    await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(GATHERS_S)
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may do
                self._told(error)
            else:
                self._was_troubled = False


class BlockingSweeper(_Sweeper):
    """A daemon thread, started when there is something to do."""

    def __init__(
        self, cache: BaseCache, outbox: Outbox, ledger: Ledger, engine: Callable[[], Engine]
    ) -> None:
        super().__init__(cache, outbox, ledger)
        self._engine = engine
        self._after_fork()
        on_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def after_fork(self) -> None:
        """In a forked child: the thread was the parent's."""
        self._after_fork()
        self._ledger.after_fork()

    def start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._ending = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._ending,), name="keepwarm-sweeper", daemon=True
                )
                self._thread.start()

    def wake(self) -> None:
        """As AsyncSweeper.wake."""
        self.start()
        self._wake.set()

    def sweep(self, *, at_once: bool = False) -> None:
        """As AsyncSweeper.sweep."""
        engine = self._engine().execution_options(**{SWEEPING: True})
        steps = self._sweep(at_once=at_once)
        reply: Any = None
        with contextlib.suppress(StopIteration):
            while True:
                step = steps.send(reply)
                try:
                    reply = self._answer(engine, step)
                except Exception as error:  # noqa: BLE001 - raised again, by the rules
                    steps.throw(error)

    def close(self) -> None:
        with self._lock:
            thread, self._thread = self._thread, None
        self._ending.set()
        self._wake.set()
        if thread is not None:
            thread.join(timeout=5)

    def _answer(self, engine: Engine, step: Look | Finish | Erase) -> Any:
        if isinstance(step, Finish):
            with self._cache.blocking() as cache:
                try:
                    if step.touched.everything:
                        cache.clear()
                    else:
                        cache.invalidate(*sorted(step.touched.tags))
                except NotAcknowledged:
                    return False
                return True
        with engine.begin() as connection:
            if isinstance(step, Look):
                return self._outbox.rows(connection)
            return self._outbox.erase(connection, step.ids)

    def _run(self, ending: threading.Event) -> None:
        while not ending.is_set():
            if self._wake.wait(LOOKS_EVERY_S):
                self._wake.clear()
                ending.wait(GATHERS_S)
            if ending.is_set():
                return
            try:
                self.sweep()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may do
                self._told(error)
            else:
                self._was_troubled = False
