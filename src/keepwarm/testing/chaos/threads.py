"""The load of threads: blocking readers and a writer on one cache, and forked children."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError as FutureCancelled
from typing import Protocol

from keepwarm import NotAcknowledged, collect
from keepwarm.errors import WriteNotAnnounced
from keepwarm.testing.chaos.cached import Corrupt, how_to, tags_of
from keepwarm.testing.chaos.records import (
    ACKED,
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

_CHILD_S = 0.4  # what a forked child does its reads in
_CHILD_LIMIT_S = 10  # a child that lives longer hangs on what its parent's threads held


class Kinds(Protocol):
    """As tasks.Kinds, for threads."""

    def read(self, kind: Kind, number: int) -> Versions: ...

    def invalidate(self, rows: tuple[int, ...]) -> None: ...


class ThreadLoad:
    """`run` returns when `work.has_ended` and all its threads are done."""

    def __init__(self, work: Work, kinds: Kinds, *, readers: int = 3) -> None:
        self._work = work
        self._kinds = kinds
        self._readers = readers

    def run(self) -> None:
        threads = [threading.Thread(target=self._write, name="writer")]
        threads += [
            threading.Thread(target=self._read, name=f"reader-{n}") for n in range(self._readers)
        ]
        _all_of(threads)

    def _read(self) -> None:
        work = self._work
        while not work.has_ended:
            self.read(*choose(work.dice))
            time.sleep(work.between_reads_s())

    def _write(self) -> None:
        work = self._work
        while not work.has_ended:
            time.sleep(work.between_writes_s())
            self.write()

    def write(self) -> None:
        """Commit and invalidate once."""
        work = self._work
        rows = choose_rows(work.dice)
        if work.is_clearing():
            self.invalidate(())
        elif work.is_writing and how_to(rows)[0] == "tags":
            self._write_announced(rows)
        else:
            work.commit(rows)
            time.sleep(work.after_commit_s())
            self.invalidate(rows)

    def _write_announced(self, rows: tuple[int, ...]) -> None:
        work, start = self._work, 0
        try:
            with work.cache.blocking() as threads, threads.writing(*tags_of(rows)) as writing:
                work.commit(rows, writing.check)
                start = now_ns()
                time.sleep(work.after_commit_s())
            work.invalidated(rows, start, ACKED)
        except WriteNotAnnounced as error:
            work.invalidated(rows, now_ns(), REFUSED, error.why)
        except NotAcknowledged as error:
            work.invalidated(rows, start, UNACKED, error.why, error.durable)
        except Exception as error:  # noqa: BLE001 - it is what we look for
            work.log.trouble(RAISED, f"writing {rows}", f"{type(error).__name__}: {error}")

    def read(self, kind: Kind, number: int, *, is_final: bool = False) -> None:
        """One read, logged however it ends."""
        log, start = self._work.log, now_ns()
        where = f"a read of {kind.name} {number} in a thread"
        with collect() as outcomes:
            try:
                versions = self._kinds.read(kind, number)
            except (asyncio.CancelledError, FutureCancelled) as error:
                log.trouble(FOREIGN, where, f"{type(error).__name__} in a thread")
            except Corrupt as error:
                log.trouble(CORRUPT, where, str(error))
            except Exception as error:  # noqa: BLE001 - it is what we look for
                log.trouble(RAISED, where, f"{type(error).__name__}: {error}")
            else:
                log.read(kind, start, now_ns(), versions, outcomes, is_final=is_final)

    def invalidate(self, rows: tuple[int, ...]) -> None:
        """One invalidation, logged however it ends."""
        work, start = self._work, now_ns()
        where = f"invalidating {rows} in a thread"
        try:
            self._kinds.invalidate(rows)
        except NotAcknowledged as error:
            outcome = ACKED if work.swallows else UNACKED
            work.invalidated(rows, start, outcome, error.why, error.durable)
        except (asyncio.CancelledError, FutureCancelled) as error:
            work.log.trouble(FOREIGN, where, f"{type(error).__name__} in a thread")
        except Exception as error:  # noqa: BLE001 - it is what we look for
            work.log.trouble(RAISED, where, f"{type(error).__name__}: {error}")
        else:
            work.invalidated(rows, start, ACKED)

    def settle(self) -> None:
        """As TaskLoad.settle."""
        work = self._work
        deadline = time.monotonic() + SETTLE_S
        while not self._has_settled():
            if time.monotonic() > deadline:
                work.log.trouble(UNSETTLED, "settling", f"owes {work.cache.owed()}")
                break
            time.sleep(0.05)
        work.log.alive()

    def _has_settled(self) -> bool:
        try:
            with self._work.cache.blocking() as threads:
                threads.invalidate("settled")
        except NotAcknowledged:
            return False
        return not self._work.cache.owed()

    def read_all(self) -> None:
        """As TaskLoad.read_all."""
        todo = everything(self._work.dice)

        def read() -> None:
            while True:
                try:
                    kind, number = todo.pop()
                except IndexError:
                    return
                self.read(kind, number, is_final=True)

        _all_of(threading.Thread(target=read) for _ in range(self._readers))


def _all_of(threads: Iterable[threading.Thread]) -> None:
    running = tuple(threads)
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def fork(work: Work, number: int, kinds_in: Callable[[Work], Kinds]) -> None:
    """Fork a child that reads and writes through the inherited cache; wait for its end."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(_CHILD_LIMIT_S)  # kills it: no handler is installed
            _live(work.in_child(number), kinds_in)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if status:
        ended = os.waitstatus_to_exitcode(status)
        is_hung = ended == -signal.SIGALRM
        text = f"hung for {_CHILD_LIMIT_S} s" if is_hung else f"ended with {ended}"
        work.log.trouble(RAISED, "a forked child", f"ForkedChild: {text}")


def _live(work: Work, kinds_in: Callable[[Work], Kinds]) -> None:
    load = ThreadLoad(work, kinds_in(work))
    end = time.monotonic() + _CHILD_S
    while time.monotonic() < end:
        if work.dice.random() < 0.05:
            load.write()
        load.read(*choose(work.dice))
    if work.dice.random() < 0.5:
        with work.cache.blocking() as threads:
            threads.close()
