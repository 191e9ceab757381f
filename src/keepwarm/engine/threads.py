"""The cache for threads: the blocking twin of `engine.cache`, over the same plans."""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self, TypeVar

from keepwarm.core import fetch as fetching
from keepwarm.core.outcome import Outcome
from keepwarm.core.policy import Policy
from keepwarm.engine.blocking import BlockingDriver
from keepwarm.engine.call import Plan
from keepwarm.engine.context import build_on_nothing
from keepwarm.engine.declaring import AsyncOwner, Decorators
from keepwarm.engine.guard import Gate
from keepwarm.engine.hints import Hints
from keepwarm.engine.plans import Ack
from keepwarm.engine.reading import BlockingReading
from keepwarm.engine.straight import Glanced, Prepared
from keepwarm.engine.wiring import Wiring, begin, finish
from keepwarm.engine.writing import BlockingWriting
from keepwarm.errors import ConfigurationError
from keepwarm.forking import on_fork

T = TypeVar("T")


class Owner(AsyncOwner, Protocol):
    """What the twin needs of the cache it belongs to."""

    @property
    def is_closed(self) -> bool: ...

    def end(self) -> None:
        """Release everything; the cache may not be used after."""

    def after(self, token: str | None) -> AbstractContextManager[None]: ...


class BlockingCache(Decorators):
    """The cache for threads: the same operations, the same entries."""

    def __init__(self, owner: Owner, wiring: Wiring, hints: Hints) -> None:
        self._async, self._blocking = owner, self
        self._owner = owner
        self._wiring = wiring
        self._hints = hints
        self._driver: BlockingDriver | None = None
        self._making = threading.Lock()
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: flights, slots and connections were the parent's."""
        self._making, self._driver = threading.Lock(), None

    @property
    def enabled(self) -> bool:
        return self._owner.enabled

    @property
    def gate(self) -> Gate:
        return self._owner.gate

    @property
    def is_quick(self) -> bool:
        return self._owner.is_quick

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the cache running: it belongs to its owner, who closes it."""

    def close(self) -> None:
        """Close a cache that is used from threads only."""
        self._owner.end()

    def release(self) -> None:
        with self._making:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _running(self) -> BlockingDriver:
        if (driver := self._driver) is not None:
            return driver
        with self._making:  # two would be two tables of flights: two origin calls
            if self._owner.is_closed:
                raise ConfigurationError("this cache was closed: make a new one")
            if self._driver is None:
                connect = self._wiring.connect_blocking
                shared = connect() if connect is not None else None
                self._driver = BlockingDriver(self._wiring.parts, self._hints, shared)
            return self._driver

    def fetch(self, prepared: Prepared) -> Any:
        """As Cache.fetch."""
        driver = self._running()
        prepared.hinted(self._hints.get(prepared.subject.name))
        glanced: Glanced | None = None
        try:
            straight = driver.straight
            near = straight.near(prepared)
            if near is not None:
                return near[0]
            asking = straight.asking(prepared)
            if asking is not None:
                seen = driver.glance(asking)
                found = straight.found(prepared, asking, seen)
                if found is not None:
                    return found[0]
                glanced = asking.step, seen
            result = driver.run(fetching.fetch(prepared.subject), prepared.call, glanced=glanced)
        except BaseException:
            build_on_nothing()
            raise
        return finish(self._owner.plans.fetched, result, self._wiring.counters)

    def do(self, plan: Plan[T]) -> T:
        """Run a plan, and tell who listens how it went."""
        driver = self._running()
        begin(plan, self._wiring.counters)
        try:
            result = driver.run(plan.recipe, plan.call)
        except BaseException:
            build_on_nothing()  # as in the async twin
            raise
        return finish(plan.finish, result, self._wiring.counters)

    def passed(self, outcome: Outcome) -> None:
        """As Cache.passed."""
        self._owner.passed(outcome)

    def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """As Cache.get."""
        if not self.enabled:
            return default
        return self.do(self._owner.plans.get(key, type, default))

    def get_many(self, keys: Iterable[str], *, type: Any = None) -> dict[str, Any]:
        """As Cache.get_many."""
        return self.do(self._owner.plans.get_many(keys, type)) if self.enabled else {}

    def set(
        self,
        key: str,
        value: Any,
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> bool:
        """As Cache.set."""
        return self.set_many({key: value}, policy, tags=tags, type=type)

    def set_many(
        self,
        values: Mapping[str, Any],
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> bool:
        """As Cache.set_many."""
        plan = self._owner.plans.set_many(values, policy, tags, type)
        return self.do(plan if self.enabled else self._owner.plans.discard(*values))

    def get_or_set(
        self,
        key: str,
        factory: Callable[[], Any],
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> Any:
        """As Cache.get_or_set."""
        if not self.enabled:
            return factory()
        return self.fetch(Prepared(*self._owner.plans.get_or_set(key, factory, policy, tags, type)))

    def reading(
        self, key: str, *tags: str, policy: str | Policy, type: Any = None
    ) -> BlockingReading:
        """As Cache.reading."""
        return BlockingReading(self, self._owner.plans.reading(key, tags, policy, type))

    def after(self, token: str | None) -> AbstractContextManager[None]:
        """As Cache.after."""
        return self._owner.after(token)

    def touch(self, key: str, policy: str | Policy, *, type: Any = None) -> bool:
        """As Cache.touch."""
        return self.enabled and self.do(self._owner.plans.touch(key, policy, type))

    def delete(self, *keys: str, type: Any = None) -> Ack:
        """As Cache.delete."""
        return self.do(self._owner.plans.delete(keys, type))

    def invalidate(self, *tags: str, then: str | None = None) -> Ack:
        """As Cache.invalidate."""
        return self.do(self._owner.plans.invalidate(tags, then))

    def invalidate_key(self, *keys: str) -> Ack:
        """As Cache.invalidate_key."""
        return self.do(self._owner.plans.invalidate_keys(keys, ()))

    def invalidate_pattern(self, pattern: str, *, dry_run: bool = False) -> Ack:
        """As Cache.invalidate_pattern."""
        if dry_run:
            return self.do(self._owner.plans.preview(pattern))
        return self.do(self._owner.plans.invalidate_pattern(pattern))

    def clear(self) -> Ack:
        """As Cache.clear."""
        return self.do(self._owner.plans.clear())

    def writing(self, *tags: str) -> BlockingWriting:
        """As Cache.writing: `with c.writing("character:5") as w: …; w.check(); …commit…`."""
        return BlockingWriting(self, self._owner.plans.writing(tags))
