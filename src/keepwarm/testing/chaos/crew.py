"""The worker processes of a run: hired, stopped, killed and replaced, and told what to do."""

import asyncio
import multiprocessing
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from keepwarm.testing.chaos.worker import Employment, Order, work

_MODULE = "keepwarm.testing.chaos.worker"


class Hung(Exception):
    """A worker did not do what it was told, or ended by itself; says where it stood."""


@dataclass(slots=True, eq=False)
class Worker:
    """One slot of the crew; `lock` is held by who stops, kills or replaces its process."""

    employment: Employment
    process: ForkServerProcess
    orders: Connection
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    generation: int = 0


class Crew:
    """`employ(slot, generation)` says what a worker is told when it starts."""

    def __init__(self, size: int, employ: Callable[[int, int], Employment]) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_MODULE])
        self._employ = employ
        self.workers = [self._hire(employ(slot, 0)) for slot in range(size)]

    def _hire(self, employment: Employment) -> Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(employment, theirs), name=employment.name, daemon=True
        )
        process.start()
        theirs.close()
        return Worker(employment, process, ours)

    @asynccontextmanager
    async def one(self, dice: random.Random) -> AsyncIterator[Worker]:
        """A worker that nobody else troubles meanwhile."""
        worker = dice.choice(self.workers)
        async with worker.lock:
            yield worker

    async def replace(self, worker: Worker) -> None:
        """kill -9, and a new process in its place. Its lock is held by the caller."""
        worker.process.kill()
        await asyncio.to_thread(worker.process.join)
        worker.orders.close()
        worker.generation += 1
        new = self._hire(self._employ(self.workers.index(worker), worker.generation))
        worker.employment, worker.process, worker.orders = (
            new.employment,
            new.process,
            new.orders,
        )

    def tell(self, worker: Worker, order: Order, argument: Any = None) -> None:
        try:
            worker.orders.send((order, argument))
        except OSError:
            raise Hung(self._last_words(worker, "ended by itself")) from None

    async def all(self, order: Order, within_s: float) -> None:
        """Tell everybody, and return when all have done it. Raises Hung."""
        for worker in self.workers:
            self.tell(worker, order)
        await asyncio.gather(*(self._done(worker, order, within_s) for worker in self.workers))

    async def _done(self, worker: Worker, order: Order, within_s: float) -> None:
        try:
            if await asyncio.to_thread(worker.orders.poll, within_s):
                assert worker.orders.recv() == (order, worker.employment.name)
                return
        except (EOFError, OSError):
            raise Hung(self._last_words(worker, "ended by itself")) from None
        os.kill(self._pid(worker), signal.SIGUSR1)
        await asyncio.sleep(0.5)
        why = f"did not {order.value!r} within {within_s:g} s"
        raise Hung(self._last_words(worker, why))

    def stop(self, worker: Worker) -> None:
        os.kill(self._pid(worker), signal.SIGSTOP)

    def go_on(self, worker: Worker) -> None:
        os.kill(self._pid(worker), signal.SIGCONT)

    def dismiss(self) -> None:
        """End whoever is still there."""
        for worker in self.workers:
            worker.process.kill()
            worker.process.join()
            worker.orders.close()
            worker.process.close()

    @staticmethod
    def _pid(worker: Worker) -> int:
        pid = worker.process.pid
        assert pid is not None
        return pid

    @staticmethod
    def _last_words(worker: Worker, why: str) -> str:
        employment = worker.employment
        path = employment.directory / f"{employment.name}.err"
        said = path.read_text(errors="replace")[-6_000:] if path.exists() else ""
        return f"worker {employment.name} {why}; its stderr ends:\n{said}"
