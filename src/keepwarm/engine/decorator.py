"""Cached functions: the function is the handle to everything the cache can do with it."""

import copy
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, cast

from keepwarm.core.outcome import Outcome, Reason
from keepwarm.engine.call import Plan
from keepwarm.engine.guard import Gate
from keepwarm.engine.plans import Ack
from keepwarm.engine.quick import Table, make
from keepwarm.engine.spec import Spec
from keepwarm.engine.straight import Prepared, Ready

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class AsyncRunner(Protocol):
    """What a handle needs of the async cache."""

    enabled: bool
    gate: Gate

    @property
    def is_quick(self) -> bool:
        """Whether its lifetimes are by the machine's clocks, which the quickest way reads."""
        ...

    async def fetch(self, prepared: Prepared) -> Any: ...

    async def do(self, plan: Plan[T]) -> T: ...

    def passed(self, outcome: Outcome) -> None: ...


class BlockingRunner(Protocol):
    """What a handle needs of the blocking cache."""

    @property
    def enabled(self) -> bool: ...

    @property
    def gate(self) -> Gate: ...

    @property
    def is_quick(self) -> bool: ...

    def fetch(self, prepared: Prepared) -> Any: ...

    def do(self, plan: Plan[T]) -> T: ...

    def passed(self, outcome: Outcome) -> None: ...


class _Handle:
    """What the handles share: the plans of a function's calls."""

    _spec: Spec
    _before: tuple[Any, ...] = ()
    _table: Table | None = None

    def _key(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        return self._spec.logical(self._spec.bind(self._before + args, kwargs))

    def _prepared(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Prepared:
        """What the call is about; kept for the next one where arguments can be compared."""
        args = self._before + args
        arguments = self._spec.bind(args, kwargs)
        subject, call = self._spec.subject(arguments), self._spec.call(args, kwargs)
        table = self._table
        key = table.key_of(args, kwargs) if table is not None else None
        if table is None or key is None:
            return Prepared(subject, call)

        def keep(ready: Ready) -> None:
            table.line = ready.line
            ready.shape = key[1]
            table.add(key[0], ready)

        prepared = Prepared(subject, call, keep, key[1])
        prepared.line, prepared.is_shareable = table.line, self._spec.is_shareable
        if subject.bound_s == 0:  # else it depends on where the call is made
            table.prepare(key[0], prepared)
        return prepared

    def _refill(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan[Any]:
        args = self._before + args
        subject = self._spec.subject(self._spec.bind(args, kwargs))
        return self._spec.plans.refill(subject, self._spec.call(args, kwargs))

    def _peek(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan[Any]:
        args = self._before + args
        subject = self._spec.subject(self._spec.bind(args, kwargs))
        return self._spec.plans.peek(subject, self._spec.call(args, kwargs))

    def _explain(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan[str]:
        args = self._before + args
        subject = self._spec.subject(self._spec.bind(args, kwargs))
        return self._spec.plans.explain(subject, self._spec.call(args, kwargs))

    def _invalidate(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan[Ack]:
        return self._spec.plans.invalidate_keys((self._key(args, kwargs),), ())

    def _put(
        self, enabled: bool, value: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Plan[bool]:
        if not enabled:
            return self._spec.plans.discard(self._key(args, kwargs))
        subject = self._spec.subject(self._spec.bind(self._before + args, kwargs))
        return self._spec.plans.keep(subject, self._spec.codec, value)

    def _is_off(
        self, enabled: bool, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Reason | None:
        if not enabled:
            return Reason.DISABLED
        if not self._spec.is_on(self._before + args, kwargs):
            return Reason.CONDITION
        if self._spec.lacks_part(self._before + args, kwargs):
            return Reason.NO_TENANT
        return None

    def _bypass(self, reason: Reason) -> Outcome:
        return Outcome(self._spec.policy_name, None, False, reason)

    def __repr__(self) -> str:
        return f"<cached {self._spec.what}>"


class _Cached(_Handle):
    """A handle that is called as its function is.

    Calling an instance costs about as much as a whole hit, so what the decorator returns is
    a function made for the signature, on which these methods lie (`as_function`). Functions
    in a class body stay instances: they are bound, and so are their methods.
    """

    def __init__(self, spec: Spec, cache: Any) -> None:
        self._spec, self._cache = spec, cache
        functools.update_wrapper(cast("Callable[..., Any]", self), spec.function)

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        if instance is None:
            return self
        bound = copy.copy(self)
        bound._before = (instance, *self._before)
        return bound

    def as_function(self, *, is_async: bool) -> Any:
        """The same handle as a function; itself where that cannot be."""
        spec = self._spec
        place, _, _ = spec.function.__qualname__.rpartition(".")
        is_in_class = bool(place) and not place.endswith("<locals>")
        if not spec.is_quick or not self._cache.is_quick or is_in_class:
            return self
        self._table = Table()
        slowly = cast("Callable[..., Any]", self)
        made = make(
            spec.signature,
            self._cache.gate,
            self._table,
            self._cache.fetch,
            slowly,
            is_async=is_async,
        )
        functools.update_wrapper(made, spec.function)
        for name in _METHODS:
            setattr(made, name, getattr(self, name))
        return made


_METHODS = ("key", "peek", "refresh", "invalidate", "uncached", "put", "explain")


class AsyncCached(_Cached, Generic[P, T]):
    """A cached `async def`. Each method takes the function's own arguments."""

    _cache: AsyncRunner

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        off = self._is_off(self._cache.enabled, args, kwargs)
        if off is not None:
            value = await self.uncached(*args, **kwargs)
            self._cache.passed(self._bypass(off))
            return value
        return cast("T", await self._cache.fetch(self._prepared(args, kwargs)))

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The logical key of these arguments."""
        return self._key(args, kwargs)

    async def peek(self, *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The stored value, or None; the function is not called."""
        if not self._cache.enabled:
            return None
        return cast("T | None", await self._cache.do(self._peek(args, kwargs)))

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function whatever is stored, and store what it returns."""
        if not self._cache.enabled:
            return await self.uncached(*args, **kwargs)
        return cast("T", await self._cache.do(self._refill(args, kwargs)))

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> Ack:
        """Make this one entry unservable everywhere. Raises NotAcknowledged."""
        return await self._cache.do(self._invalidate(args, kwargs))

    async def uncached(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function as if there were no cache."""
        function = cast("Callable[..., Awaitable[T]]", self._spec.function)
        return await function(*self._before, *args, **kwargs)

    async def put(self, value: T, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Store `value`, read nobody knows when: `unfenced`. False where it was not stored."""
        return await self._cache.do(self._put(self._cache.enabled, value, args, kwargs))

    async def explain(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """A sentence on what a call would be answered from."""
        return await self._cache.do(self._explain(args, kwargs))


class BlockingCached(_Cached, Generic[P, T]):
    """A cached `def`. Each method takes the function's own arguments."""

    _cache: BlockingRunner

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        off = self._is_off(self._cache.enabled, args, kwargs)
        if off is not None:
            value = self.uncached(*args, **kwargs)
            self._cache.passed(self._bypass(off))
            return value
        return cast("T", self._cache.fetch(self._prepared(args, kwargs)))

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The logical key of these arguments."""
        return self._key(args, kwargs)

    def peek(self, *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The stored value, or None; the function is not called."""
        if not self._cache.enabled:
            return None
        return cast("T | None", self._cache.do(self._peek(args, kwargs)))

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function whatever is stored, and store what it returns."""
        if not self._cache.enabled:
            return self.uncached(*args, **kwargs)
        return cast("T", self._cache.do(self._refill(args, kwargs)))

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> Ack:
        """Make this one entry unservable everywhere. Raises NotAcknowledged."""
        return self._cache.do(self._invalidate(args, kwargs))

    def uncached(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function as if there were no cache."""
        function = cast("Callable[..., T]", self._spec.function)
        return function(*self._before, *args, **kwargs)

    def put(self, value: T, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Store `value`, read nobody knows when: `unfenced`. False where it was not stored."""
        return self._cache.do(self._put(self._cache.enabled, value, args, kwargs))

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """A sentence on what a call would be answered from."""
        return self._cache.do(self._explain(args, kwargs))


class AsyncBatch(_Cached, Generic[P, K, V]):
    """A cached `async def` from a list of items to a dict of those that exist."""

    _cache: AsyncRunner

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> dict[K, V]:
        off = self._is_off(self._cache.enabled, args, kwargs)
        if off is not None:
            found = await self.uncached(*args, **kwargs)
            self._cache.passed(self._bypass(off))
            return found
        items, subjects, call = self._spec.batch(self._before + args, kwargs)
        if not subjects:
            return {}
        values = await self._cache.do(self._spec.plans.fetch_many(subjects, call))
        return in_order(items, values)

    async def uncached(self, *args: P.args, **kwargs: P.kwargs) -> dict[K, V]:
        """Call the function as if there were no cache."""
        function = cast("Callable[..., Awaitable[dict[K, V]]]", self._spec.function)
        return await function(*self._before, *args, **kwargs)


class BlockingBatch(_Cached, Generic[P, K, V]):
    """A cached `def` from a list of items to a dict of those that exist."""

    _cache: BlockingRunner

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> dict[K, V]:
        off = self._is_off(self._cache.enabled, args, kwargs)
        if off is not None:
            found = self.uncached(*args, **kwargs)
            self._cache.passed(self._bypass(off))
            return found
        items, subjects, call = self._spec.batch(self._before + args, kwargs)
        if not subjects:
            return {}
        values = self._cache.do(self._spec.plans.fetch_many(subjects, call))
        return in_order(items, values)

    def uncached(self, *args: P.args, **kwargs: P.kwargs) -> dict[K, V]:
        """Call the function as if there were no cache."""
        function = cast("Callable[..., dict[K, V]]", self._spec.function)
        return function(*self._before, *args, **kwargs)


def in_order(items: Mapping[str, Any], values: Mapping[str, Any]) -> dict[Any, Any]:
    """Values by item, as they were asked; those that do not exist are left out."""
    found = ((item, values.get(name)) for name, item in items.items())
    return {item: value for item, value in found if value is not None}
