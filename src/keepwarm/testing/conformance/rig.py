"""What the suite needs of a store's author: fresh stores, and hands on what lies in them."""

import asyncio
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar

from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Mirror
from keepwarm.core.steps import Step
from keepwarm.core.times import Times
from keepwarm.ports import AsyncShared, BlockingShared

R = TypeVar("R")

Part: TypeAlias = Literal[
    "stamp", "entry", "epoch", "position", "patterns", "registry", "marks", "all"
]
"""What a store may lose or find replaced; stamps and entries go by name."""

_PATIENCE_S = 30.0  # of a store's event loop; a test's own timeout is what ends a hang


class Rig(ABC):
    """One fresh, empty store, made for one test, with all its clients in one `namespace`.

    `times` are those the clients must use.
    An author writes `connect` and `lose`, and the others where his store can do them: a rule
    about something that a store cannot suffer is skipped, and says so.
    """

    def __init__(self, times: Times) -> None:
        self.times = times
        self.namespace = f"suite-{secrets.token_hex(6)}"

    @abstractmethod
    def connect(self, *, is_near: bool = False) -> BlockingShared:
        """Another client of this store; `is_near`: with a mirror, so that it holds leases.

        An AsyncShared goes into `OnLoop`. The suite closes what it got.
        """

    @abstractmethod
    def lose(self, part: Part, name: str = "") -> bool:
        """Lose it, as by eviction; False where this store never loses that by itself."""

    def plant(self, part: Part, raw: bytes | None, name: str = "") -> bool:
        """Put `raw` in its place (None: a value of another kind); False if that cannot be."""
        return False

    def named(self, key: str) -> str:
        """The physical name of an entry of this store."""
        return f"{self.namespace}:{key}@suite"

    def wait(self, seconds: float) -> None:
        """Return when the store's own clock, and ours, have advanced by that much."""
        time.sleep(seconds)

    def close(self) -> None:  # noqa: B027 - there may be nothing to forget
        """Forget this store."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class OnLoop:
    """An async store on an event loop of its own, as a BlockingShared for the suite."""

    def __init__(self, make: Callable[[], AsyncShared]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="store", daemon=True)
        self._thread.start()
        self.store: AsyncShared = self._run(self._make(make))

    def answer(self, step: Step[R]) -> R:
        return self._run(self._answered(step))

    async def _answered(self, step: Step[R]) -> R:
        return await self.store.answer(step)  # asked on the loop that it belongs to

    @property
    def mirror(self) -> Mirror | None:
        return self.store.mirror

    @property
    def heard(self) -> Heard:
        return self.store.heard

    @property
    def is_up(self) -> bool:
        return self.store.is_up

    @property
    def notes(self) -> tuple[str, ...]:
        return self.store.notes

    def forget_leases(self, leases: tuple[str, ...]) -> None:
        self._loop.call_soon_threadsafe(self.store.forget_leases, leases)

    def stall(self, seconds: float) -> None:
        """Stop the loop for that long, as a paused process does; returns at once."""
        self._loop.call_soon_threadsafe(time.sleep, seconds)

    def close(self) -> None:
        if self._thread.is_alive():
            self._run(self.store.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE_S)
            self._loop.close()

    async def _make(self, make: Callable[[], AsyncShared]) -> AsyncShared:
        return make()

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)


def until(is_true: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    """Return as soon as it holds; fail after `within_s`, saying `what` never came."""
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, f"within {within_s:g} s never: {what}"
        time.sleep(0.002)
