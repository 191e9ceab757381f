"""Declaring what is cached: `@cache(...)` and `@cache.batch(...)`."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from keepwarm.core.policy import Duration, Policy
from keepwarm.engine.decorator import (
    AsyncBatch,
    AsyncCached,
    AsyncRunner,
    BlockingBatch,
    BlockingCached,
    BlockingRunner,
)
from keepwarm.engine.plans import Plans
from keepwarm.engine.spec import Declared, Spec
from keepwarm.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class AsyncOwner(AsyncRunner, Protocol):
    """What declaring needs of the async cache."""

    plans: Plans


class Decorators:
    """`@cache(...)` and `@cache.batch(...)`, for `async def` and `def` alike."""

    _async: "AsyncOwner"
    _blocking: BlockingRunner

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
            return AsyncCached[Any, Any](spec, self._owner._async).as_function(is_async=True)
        return BlockingCached[Any, Any](spec, self._owner._blocking).as_function(is_async=False)


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
