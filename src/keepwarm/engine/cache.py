"""The cache: what an application holds, async here and blocking in its twin."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ParamSpec, Self, TypeVar, overload

from keepwarm.core.entry import Debt
from keepwarm.core.outcome import Outcome
from keepwarm.core.policy import Duration, Policy
from keepwarm.core.steps import Describe, Facts, Ping, ask
from keepwarm.engine.answers import Parts
from keepwarm.engine.blocking import BlockingDriver
from keepwarm.engine.call import Call, Plan
from keepwarm.engine.context import report
from keepwarm.engine.decorator import AsyncBatch, AsyncCached, BlockingBatch, BlockingCached
from keepwarm.engine.driver import AsyncDriver
from keepwarm.engine.hints import Hints
from keepwarm.engine.plans import Ack, Plans
from keepwarm.engine.spec import Declared, Spec
from keepwarm.errors import ConfigurationError, NotAcknowledged, Overloaded
from keepwarm.observe.counters import Counters, Stats
from keepwarm.observe.health import Health, health_of
from keepwarm.ports import AsyncShared, BlockingShared
from keepwarm.stores.codecs import Plain, codec_for

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts a cache is joined from; `setup` makes them.

    The two stores are made when first needed: an async one belongs to its event loop.
    """

    namespace: str
    policies: Mapping[str, Policy]
    bound_s: float
    parts: Parts
    counters: Counters
    connect: Callable[[], AsyncShared] | None
    connect_blocking: Callable[[], BlockingShared] | None
    closed: Callable[[], None] = lambda: None


class Decorators:
    """`@cache(...)` and `@cache.batch(...)`, for `async def` and `def` alike."""

    _async: "BaseCache"
    _blocking: "BlockingCache"

    def __call__(
        self,
        policy: str | Policy | None = None,
        *,
        ttl: Duration | None = None,
        key: str | None = None,
        tags: Iterable[str] = (),
        none: str | None = None,
        ignore: Iterable[str] = (),
        when: Callable[..., bool] | None = None,
        **terms: Any,
    ) -> "Decorator":
        """Cache what a function returns, by its arguments.

        `policy` names one of the cache's policies (or is one); or give `ttl` and the
        other terms of Policy here. `key` and `tags` are templates over the arguments;
        every argument is in the key or named in `ignore`. `none` is the policy of None
        answers. `when(...)`, given the arguments, says whether to cache this call.
        """
        chosen = _chosen(policy, ttl, terms)
        return Decorator(self, Declared(chosen, key, _listed(tags), none, _listed(ignore), when))

    def batch(
        self,
        policy: str | Policy | None = None,
        *,
        ttl: Duration | None = None,
        key: str | None = None,
        tags: Iterable[str] = (),
        none: str | None = None,
        ignore: Iterable[str] = (),
        when: Callable[..., bool] | None = None,
        **terms: Any,
    ) -> "BatchDecorator":
        """Cache what a function of a list returns, item by item.

        One read for all items and one call for those missing. Entries are shared with a
        function of one item that has the same key template and value type.
        """
        chosen = _chosen(policy, ttl, terms)
        return BatchDecorator(
            self, Declared(chosen, key, _listed(tags), none, _listed(ignore), when)
        )


class Decorator:
    """What `@cache(...)` returns: apply it to a function."""

    def __init__(self, owner: Decorators, declared: Declared) -> None:
        self._owner = owner
        self._declared = declared

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a coroutine function is async, first
        self, function: Callable[P, Awaitable[T]]
    ) -> AsyncCached[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, T]) -> BlockingCached[P, T]: ...
    def __call__(self, function: Callable[..., Any]) -> Any:
        spec = Spec(function, self._declared, self._owner._async.plans, is_batch=False)
        if _is_async(function):
            return AsyncCached[Any, Any](spec, self._owner._async)
        return BlockingCached[Any, Any](spec, self._owner._blocking)


class BatchDecorator:
    """What `@cache.batch(...)` returns: apply it to a function."""

    def __init__(self, owner: Decorators, declared: Declared) -> None:
        self._owner = owner
        self._declared = declared

    @overload
    def __call__(self, function: Callable[P, Awaitable[dict[K, V]]]) -> AsyncBatch[P, K, V]: ...
    @overload
    def __call__(self, function: Callable[P, dict[K, V]]) -> BlockingBatch[P, K, V]: ...
    def __call__(self, function: Callable[..., Any]) -> Any:
        spec = Spec(function, self._declared, self._owner._async.plans, is_batch=True)
        if _is_async(function):
            return AsyncBatch[Any, Any, Any](spec, self._owner._async)
        return BlockingBatch[Any, Any, Any](spec, self._owner._blocking)


class BaseCache(Decorators):
    """A cache made from its parts; applications use `keepwarm.Cache`."""

    def __init__(self, wiring: Wiring, *, enabled: bool = True) -> None:
        self.enabled = enabled
        """The switch: while it is off every call goes to the origin and nothing is stored.
        Invalidations are still carried out, so that nothing stale waits for its return."""
        self._wiring = wiring
        hints = Hints()
        self.plans = Plans(wiring.namespace, wiring.policies, wiring.bound_s, hints)
        self._hints = hints
        self._driver: AsyncDriver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._async = self
        self._blocking = BlockingCache(self, wiring, hints)
        self._call = Call(codec_for(Plain), wiring.policies)
        self._closed = False

    @property
    def namespace(self) -> str:
        return self._wiring.namespace

    @property
    def policies(self) -> Mapping[str, Policy]:
        return self._wiring.policies

    # Life.

    async def start(self) -> Self:
        """Connect, and say in the log if the store is away. Never raises for that."""
        self._running()
        await self._ask_ping()
        return self

    async def aclose(self) -> None:
        """Let running fills end, stop retrying, disconnect. The cache may not be used after."""
        if self._closed:
            return
        self._closed = True
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.aclose()
        await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self._wiring.parts.guard.close()
        self._blocking.release()
        self._wiring.closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def blocking(self) -> AbstractContextManager["BlockingCache"]:
        """The same cache for threads: `with cache.blocking() as c: c.get(...)`."""
        return self._blocking

    def _running(self) -> AsyncDriver:
        loop = asyncio.get_running_loop()
        if self._driver is not None and self._loop is loop:
            return self._driver
        if self._closed:
            raise ConfigurationError("this cache was closed: make a new one")
        if self._loop is not None and not self._loop.is_closed():
            raise ConfigurationError(
                "this cache runs on another event loop: use one cache per loop, "
                "or cache.blocking() from other threads"
            )
        connect = self._wiring.connect
        shared = connect() if connect is not None else None
        self._driver, self._loop = AsyncDriver(self._wiring.parts, self._hints, shared), loop
        return self._driver

    async def do(self, plan: Plan[T]) -> T:
        """Run a plan, and tell who listens how it went."""
        driver = self._running()
        _begin(plan, self._wiring.counters)
        result = await driver.run(plan.recipe, plan.call)
        return _finish(plan, result, self._wiring.counters)

    def passed(self, outcome: Outcome) -> None:
        """Count and tell of a call that went past the cache."""
        self._wiring.counters.bypassed(outcome)
        report(outcome)

    # By hand.

    async def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """The value stored under `key`, or `default`; decoded as `type` if one is given."""
        if not self.enabled:
            return default
        return await self.do(self.plans.get(key, type, default))

    async def peek(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """As `get`."""
        return await self.get(key, default, type=type)

    async def get_many(self, keys: Iterable[str], *, type: Any = None) -> dict[str, Any]:
        """The values of those `keys` that are stored, in one read."""
        if not self.enabled:
            return {}
        return await self.do(self.plans.get_many(keys, type))

    async def set(
        self,
        key: str,
        value: Any,
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> bool:
        """Store `value`, read nobody knows when: `unfenced`, outside the promise of freshness.

        False where it was not stored (the store is away, or the cache is off). Raises
        TypeError for a value that would not come back as it is.
        """
        return await self.set_many({key: value}, policy, tags=tags, type=type)

    async def set_many(
        self,
        values: Mapping[str, Any],
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> bool:
        """As `set`, for several keys with the same policy and tags."""
        plan = self.plans.set_many(values, policy, tags, type)
        return self.enabled and await self.do(plan)

    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], Awaitable[Any]] | Callable[[], Any],
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> Any:
        """The value of `key`, by `factory()` if there is none; fenced, one call for all."""
        if not self.enabled:
            value = factory()
            return await value if asyncio.iscoroutine(value) else value
        return await self.do(self.plans.get_or_set(key, factory, policy, tags, type))

    async def touch(self, key: str, policy: str | Policy, *, type: Any = None) -> bool:
        """Start the entry's lifetime anew; False if there is none."""
        return self.enabled and await self.do(self.plans.touch(key, policy, type))

    async def delete(self, *keys: str, type: Any = None) -> Ack:
        """Make exactly these keys unservable everywhere and free them.

        Raises NotAcknowledged if that could not be confirmed.
        """
        return await self.do(self.plans.delete(keys, type))

    # Invalidation.

    async def invalidate(self, *tags: str, then: str | None = None) -> Ack:
        """Make every entry carrying any of `tags` unservable, in every process.

        Returns once no process can serve a value loaded before this call. One round
        trip, however many entries carry the tags. With `then="stale"` they may be served
        while they refresh, as far as their policy's stale windows go.

        Raises NotAcknowledged if it could not be confirmed; it then goes on being retried
        while this process lives, which meanwhile serves none of them.
        """
        return await self.do(self.plans.invalidate(tags, then))

    async def invalidate_key(self, *keys: str) -> Ack:
        """Make the entries of these logical keys unservable, whatever their type."""
        return await self.do(self.plans.invalidate_keys(keys, ()))

    async def invalidate_pattern(self, pattern: str, *, dry_run: bool = False) -> Ack:
        """Make every entry unservable whose logical key matches; `*` and `?` are special.

        With `dry_run` only say which stored keys it would hit (`ack.matched`).
        """
        if dry_run:
            return await self.do(self.plans.preview(pattern))
        return await self.do(self.plans.invalidate_pattern(pattern))

    async def clear(self) -> Ack:
        """Make everything in the namespace unservable."""
        return await self.do(self.plans.clear())

    # Looking at it.

    async def health(self) -> Health:
        """Whether the cache can do its work, and how long the store takes to answer."""
        began = time.perf_counter()
        answered = await self._ask_ping()
        latency_ms = (time.perf_counter() - began) * 1000 if answered else None
        facts = await self.facts() if answered else Facts()
        return health_of(self._wiring.parts, self._wiring.counters, latency_ms, facts)

    async def facts(self) -> Facts:
        """What the shared store says of itself: memory, limit, what it would not say."""
        reply: Any = await self._running().run(ask(Describe()), self._call)
        return reply if isinstance(reply, Facts) else Facts()

    def stats(self) -> Stats:
        """Counts since start-up, by tier and policy; no keys, no values."""
        return self._wiring.counters.stats(self._wiring.parts, enabled=self.enabled)

    def owed(self) -> Debt:
        """The invalidations that are still unconfirmed and being retried."""
        return self._wiring.parts.guard.debt

    async def _ask_ping(self) -> bool:
        reply: Any = await self._running().run(ask(Ping()), self._call)
        return reply is None

    def __repr__(self) -> str:
        return f"<Cache {self.namespace!r}, {len(self.policies)} policies>"


class BlockingCache(Decorators):
    """The cache for threads: the same operations, the same entries."""

    def __init__(self, owner: BaseCache, wiring: Wiring, hints: Hints) -> None:
        self._async, self._blocking = owner, self
        self._owner = owner
        self._wiring = wiring
        self._hints = hints
        self._driver: BlockingDriver | None = None

    @property
    def enabled(self) -> bool:
        return self._owner.enabled

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the cache running: it belongs to its owner, who closes it."""

    def close(self) -> None:
        """Close a cache that is used from threads only."""
        self._owner._closed = True
        self._owner._release()

    def release(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _running(self) -> BlockingDriver:
        if self._driver is None:
            connect = self._wiring.connect_blocking
            shared = connect() if connect is not None else None
            self._driver = BlockingDriver(self._wiring.parts, self._hints, shared)
        return self._driver

    def do(self, plan: Plan[T]) -> T:
        """Run a plan, and tell who listens how it went."""
        driver = self._running()
        _begin(plan, self._wiring.counters)
        result = driver.run(plan.recipe, plan.call)
        return _finish(plan, result, self._wiring.counters)

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
        return self.enabled and self.do(plan)

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
        return self.do(self._owner.plans.get_or_set(key, factory, policy, tags, type))

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


def _begin(plan: Plan[T], counters: Counters) -> None:
    if plan.counts is not None:
        counters.counted(*plan.counts)


def _finish(plan: Plan[T], result: Any, counters: Counters) -> T:
    try:
        value, outcomes = plan.finish(result)
    except NotAcknowledged:
        counters.counted("unacknowledged")
        raise
    except Overloaded:
        counters.counted("overloaded")
        raise
    for outcome in outcomes:
        counters.saw(outcome)
        report(outcome)
    return value


def _chosen(
    policy: str | Policy | None, ttl: Duration | None, terms: Mapping[str, Any]
) -> str | Policy:
    if policy is None and ttl is not None:
        return Policy(ttl, **terms)
    if policy is None or ttl is not None or terms:
        raise ConfigurationError(
            'name a policy, or give its terms: @cache("character-detail") or @cache(ttl="5m")'
        )
    return policy


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ConfigurationError(f"write a list: [{names!r}], not {names!r}")
    return tuple(names)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function)
