"""One worker process: it loads the cache in its style until told to stop, and logs every call.

Workers are forked from a clean process in which nothing but imports has happened
(multiprocessing's forkserver), as gunicorn's are: quick to start, and equal dice, which
must do no harm.
"""

import asyncio
import faulthandler
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from keepwarm import Bounded, Cache
from keepwarm.core.times import TIMES
from keepwarm.testing.chaos import tasks, threads
from keepwarm.testing.chaos.bare import BareKinds
from keepwarm.testing.chaos.cached import POLICIES, AsyncKinds, BlockingKinds, Pace
from keepwarm.testing.chaos.records import LogFile
from keepwarm.testing.chaos.rows import open_rows
from keepwarm.testing.chaos.work import SteppingClock, Work

BOUND_S = 0.25
TRIAL_S, WRITING_TRIAL_S = 1.0, 3.0
"""For how long a stamp made from nothing is distrusted, and a dead writer's mark lives, in a
run of some seconds. With the library's 10 s, the near tier would have to ask throughout.
With `writing()` it must exceed what a run stops a process or the server for."""


class Style(StrEnum):
    """How a worker uses the cache."""

    TASKS = "tasks"
    THREADS = "threads"
    MIXED = "mixed"
    FORKS = "forks"


class Mutant(StrEnum):
    """A worker that must be caught."""

    NONE = "none"
    SWALLOW = "swallow"
    """A failed invalidation is taken for done."""
    BARE_DELETE = "bare-delete"
    """Cache-aside as in most applications: GET, SET, and DEL after a write."""


class Order(Enum):
    """What the stage may tell a worker; FORK, CANCEL and STEP at any time, the rest in order."""

    FORK = "fork"
    CANCEL = "cancel"
    STEP = "step"
    END = "end"
    SETTLE = "settle"
    READ_ALL = "read all"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Employment:
    """All that a worker is told when it starts."""

    name: str
    style: Style
    url: str
    namespace: str
    database: str
    directory: Path
    seed: int
    coherence: str
    mutant: Mutant = Mutant.NONE
    is_writing: bool = False
    has_journal: bool = False


def work(employment: Employment, orders: Connection) -> None:
    """The life of one process."""
    path = employment.directory / f"{employment.name}.err"
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 2)
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # the stage asks one that hangs
    # No setting: an application has no reason to change it.
    trial_s = WRITING_TRIAL_S if employment.is_writing else TRIAL_S
    object.__setattr__(TIMES, "writer_s", trial_s)
    _Worker(employment, orders).live()


class _Worker:
    def __init__(self, employment: Employment, orders: Connection) -> None:
        self._told = {order: threading.Event() for order in Order}
        self._orders = orders
        self._employment = employment
        self._clock = SteppingClock()
        dice = random.Random(employment.seed)
        self._work = Work(
            cache=_cache(employment, self._clock),
            rows=open_rows(employment.database),
            log=LogFile(employment.directory / f"{employment.name}.log"),
            dice=dice,
            pace=Pace(dice),
            database=employment.database,
            is_writing=employment.is_writing,
            swallows=employment.mutant is Mutant.SWALLOW,
            ended=self._told[Order.END],
        )
        self._forks: set[threading.Thread] = set()
        self._forked = 0
        self._is_mutant = employment.mutant is Mutant.BARE_DELETE

    def live(self) -> None:
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        if self._employment.style in (Style.TASKS, Style.MIXED):
            asyncio.run(self._on_a_loop())
        else:
            self._in_threads()
        self._say(Order.CLOSE)

    # What it is told.

    def _listen(self) -> None:
        while True:
            try:
                order, argument = self._orders.recv()
            except (EOFError, OSError):
                os._exit(3)  # the stage is gone
            if order is Order.CANCEL:
                self._work.is_cancelling = bool(argument)
            elif order is Order.STEP:
                self._clock.off_by_s += argument
            elif order is Order.FORK:
                self._fork()
            self._told[order].set()

    def _say(self, order: Order) -> None:
        self._orders.send((order, self._employment.name))

    def _phases(self) -> Iterator[Order]:
        """Each phase after END, once it is ordered; it is reported when the next one is asked."""
        for order in (Order.END, Order.SETTLE, Order.READ_ALL):
            if order is Order.END:
                for thread in tuple(self._forks):
                    thread.join()
                self._work.pace.is_idle = True
                self._work.is_cancelling = False
                self._clock.off_by_s = 0.0
            else:
                self._told[order].wait()
                yield order
            self._say(order)
        self._told[Order.CLOSE].wait()

    # What it does.

    async def _on_a_loop(self) -> None:
        work = self._work
        async with work.cache:
            kinds: tasks.Kinds = (
                BareKinds(self._employment.url, work.rows, work.pace)
                if self._is_mutant
                else AsyncKinds(work.cache, work.rows, work.pace)
            )
            load = tasks.TaskLoad(work, kinds)
            blocking = threads.ThreadLoad(
                work, BlockingKinds(work.cache, work.rows, work.pace), readers=2
            )
            is_mixed = self._employment.style is Style.MIXED
            running = [load.run()]
            if is_mixed:
                running.append(asyncio.to_thread(blocking.run))
            await asyncio.gather(*running)
            phases = self._phases()
            while (order := await asyncio.to_thread(next, phases, None)) is not None:
                if order is Order.SETTLE:
                    await load.settle()
                else:
                    await load.read_all()
                    if is_mixed:
                        await asyncio.to_thread(blocking.read_all)

    def _in_threads(self) -> None:
        work = self._work
        with work.cache.blocking() as cache:
            load = threads.ThreadLoad(work, BlockingKinds(work.cache, work.rows, work.pace))
            if self._employment.style is Style.FORKS:
                threading.Thread(target=self._keep_forking, name="forking", daemon=True).start()
            load.run()
            for order in self._phases():
                if order is Order.SETTLE:
                    load.settle()
                else:
                    load.read_all()
            cache.close()

    # Children.

    def _keep_forking(self) -> None:
        while not self._work.ended.wait(0.5 + self._work.dice.random()):
            self._fork()

    def _fork(self) -> None:
        if self._is_mutant or self._work.has_ended:
            return
        self._forked += 1
        thread = threading.Thread(
            target=threads.fork, args=(self._work, self._forked, _kinds_in), name="child"
        )
        self._forks.add(thread)
        thread.start()


def _kinds_in(work: Work) -> threads.Kinds:
    """In a forked child: the same functions, on its own connection to the database."""
    return BlockingKinds(work.cache, work.rows, work.pace)


def _cache(employment: Employment, clock: SteppingClock) -> Cache:
    settings: dict[str, Any] = {}
    if employment.has_journal:
        settings["journal"] = employment.directory / f"{employment.name.partition('.')[0]}.journal"
    return Cache(
        employment.url,
        namespace=employment.namespace,
        coherence=Bounded(f"{BOUND_S}s")
        if employment.coherence == "bounded"
        else employment.coherence,
        policies=POLICIES,
        clock=clock,
        **settings,
    )


if sys.platform == "win32":
    raise ImportError("chaos needs signals and forks")
