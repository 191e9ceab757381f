"""The shared store for threads: the async one, on an event loop in a thread of its own.

One loop thread serves all blocking stores of a process, so the protocol exists once:
connection, heartbeats, lease and mirror are those of `stores.redis.link`. A near hit
does not come here at all; anything else costs two hops between threads beside its round
trip.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future
from typing import Any, TypeVar

from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Mirror
from keepwarm.core.steps import AwaitLeader, Scan, Settle, Step
from keepwarm.core.times import TIMES, Times
from keepwarm.forking import on_fork
from keepwarm.ports import StoreAway
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.settings import OPERATION_TIMEOUT_S, Address

R = TypeVar("R")
_PATIENCE_S = 1.0  # beyond an operation's own timeout, for a loop thread that gets no turn


class LoopThread:
    """An event loop that runs in a daemon thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: the thread was the parent's."""
        self._lock, self._loop = threading.Lock(), None

    def submit(self, work: Coroutine[Any, Any, R]) -> "Future[R]":
        return asyncio.run_coroutine_threadsafe(work, self.loop())

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="keepwarm-io", daemon=True
                ).start()
            return self._loop


_thread = LoopThread()


class BlockingRedis:
    """As AsyncRedis, for threads."""

    def __init__(
        self,
        address: Address,
        namespace: str,
        sealing: Sealing,
        timeout_s: float = OPERATION_TIMEOUT_S,
        *,
        times: Times = TIMES,
        is_strict: bool = False,
        is_quiet: bool = False,
    ) -> None:
        self._timeout_s = timeout_s
        self._times = times
        self._make: Callable[[], AsyncRedis] = lambda: AsyncRedis(
            address,
            namespace,
            sealing,
            timeout_s,
            times=times,
            is_strict=is_strict,
            is_quiet=is_quiet,
        )
        self._making = threading.Lock()
        self._store: AsyncRedis | None = None
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: connection, lease and mirror were the parent's."""
        store, self._store = self._store, None
        self._making = threading.Lock()
        if store is not None:
            store.abandon()

    @property
    def mirror(self) -> Mirror | None:
        return self._store.mirror if self._store is not None else None

    @property
    def heard(self) -> Heard:
        """As AsyncRedis.heard; changed on a thread of its own."""
        return self._store.heard if self._store is not None else Heard()

    @property
    def is_up(self) -> bool:
        return self._store is None or self._store.is_up

    @property
    def notes(self) -> tuple[str, ...]:
        return self._store.notes if self._store is not None else ()

    def answer(self, step: Step[R]) -> R:
        if isinstance(step, AwaitLeader):
            patience_s: float | None = step.within_s + _PATIENCE_S
        elif isinstance(step, Settle):
            patience_s = self._times.wait_s + _PATIENCE_S
        else:
            # A walk is many operations, each of which has its own deadline.
            patience_s = None if isinstance(step, Scan) else self._timeout_s + _PATIENCE_S
        future = _thread.submit(self._answer(step))
        try:
            return future.result(patience_s)
        except TimeoutError:
            future.cancel()
            raise StoreAway("loop-stalled", is_fault=False) from None
        except FutureCancelled:
            raise StoreAway("closed", is_fault=False) from None

    def forget_leases(self, leases: tuple[str, ...]) -> None:
        """As AsyncRedis.forget_leases."""
        if self._store is not None:
            self._store.forget_leases(leases)

    def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            with contextlib.suppress(TimeoutError):
                _thread.submit(store.aclose()).result(_PATIENCE_S)

    async def _answer(self, step: Step[R]) -> R:
        store = self._store
        if store is None:
            with self._making:  # a link belongs to its loop, so it is made in here
                store = self._store = self._store or self._make()
        return await store.answer(step)
