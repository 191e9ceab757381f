"""What the loads of one worker process share: cache, database, log, dice and what is going on."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from keepwarm import Cache
from keepwarm.engine.answers import SystemClock
from keepwarm.testing.chaos.cached import Pace, how_to
from keepwarm.testing.chaos.records import LogFile, now_ns
from keepwarm.testing.chaos.rows import Rows, Versions, open_rows

SETTLE_S = 20.0  # the breaker looks every few seconds at most; beyond this nothing mends it
_CLEARS = 0.004  # of the writes, so that some come to pass in every run
_IN_TRANSACTION = 0.1  # of the commits take a while: killed ones leave a transaction behind


class SteppingClock:
    """The machine's clocks, of which the wall clock is off by what it was stepped by."""

    def __init__(self) -> None:
        self._true = SystemClock()
        self.off_by_s = 0.0

    def wall(self) -> float:
        return self._true.wall() + self.off_by_s

    def mono(self) -> float:
        return self._true.mono()


@dataclass(slots=True)
class Work:
    """Written to by the control thread, read by all."""

    cache: Cache
    rows: Rows
    log: LogFile
    dice: random.Random
    pace: Pace
    database: str
    is_writing: bool = False
    swallows: bool = False
    """The mutant that takes a failed invalidation for done."""
    read_pause_s: float = 0.002
    write_pause_s: float = 0.08
    is_cancelling: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def has_ended(self) -> bool:
        return self.ended.is_set()

    def between_reads_s(self) -> float:
        return self.dice.expovariate(1 / self.read_pause_s)

    def between_writes_s(self) -> float:
        """Mostly one by one, sometimes one upon another."""
        return 0.0 if self.dice.random() < 0.2 else self.dice.expovariate(1 / self.write_pause_s)

    def is_clearing(self) -> bool:
        return self.dice.random() < _CLEARS

    def after_commit_s(self) -> float:
        """Now and then long enough to be killed between the commit and its invalidation."""
        return 0.0 if self.dice.random() < 0.9 else self.dice.expovariate(1 / 0.03)

    def commit(self, rows: tuple[int, ...], check: Callable[[], None] | None = None) -> None:
        """Raise the versions of `rows` in the database, and log it.

        `check` comes right before the COMMIT; if it raises, nothing is written.
        """
        start = now_ns()

        def written(versions: Versions) -> None:
            self.log.intent(versions)
            if self.dice.random() < _IN_TRANSACTION:
                time.sleep(self.dice.random() * 0.005)
            if check is not None:
                check()

        self.log.commit(self.rows.commit(rows, written), start)

    def invalidated(
        self,
        rows: Iterable[int],
        start: int,
        outcome: str,
        why: str = "",
        is_durable: bool = False,
    ) -> None:
        rows = tuple(rows)
        self.log.invalidation(rows, how_to(rows)[0], start, outcome, why, is_durable=is_durable)

    def in_child(self, number: int) -> Self:
        """The same for a forked child: the cache is inherited, all else is its own."""
        path = self.log.path.with_name(f"{self.log.path.stem}-child{number}.log")
        dice = random.Random(os.getpid())
        return replace(
            self,
            rows=open_rows(self.database),
            log=LogFile(path),
            dice=dice,
            pace=Pace(dice),
            ended=threading.Event(),
        )
