"""The one place where parts are joined: settings and the environment → a running cache."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from keepwarm.core.keys import check_namespace
from keepwarm.core.policy import Duration, Policy
from keepwarm.core.units import seconds, size
from keepwarm.engine.answers import Parts, SystemClock
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.guard import Guard
from keepwarm.engine.wiring import Wiring
from keepwarm.errors import ConfigurationError
from keepwarm.observe.counters import Counters
from keepwarm.ports import AsyncShared, BlockingShared, Clock
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.memory import MemoryStore
from keepwarm.stores.near import NearTier

log = logging.getLogger("keepwarm")

DEFAULT_NEAR = "64MiB"


@dataclass(frozen=True, slots=True, init=False)
class Bounded:
    """Coherence that lets a near copy be served unasked for less than `within`.

    After an invalidation is acknowledged, other processes may answer from their near
    tier for that long.
    """

    within_s: float

    def __init__(self, within: Duration) -> None:
        object.__setattr__(self, "within_s", seconds(within, name="Bounded"))


class Cache(BaseCache):
    """A cache: near tier in this process, shared tier in Redis or Valkey or in memory.

    `url`: memory:// (the default), redis:// rediss:// valkey:// valkeys:// unix://
    redis+cluster://, or embedded:// for a Valkey of its own that ends with the process.
    `near` bounds the near tier; it is unused with memory://, whose entries are in this
    process anyway, and `near` then bounds those. `coherence`: "validate" (the default)
    compares every near hit with the store, in one round trip; Bounded("250ms") does not
    ask again for that long. `secrets` authenticate stored values, `encryption_keys`
    encrypt them; the first of each writes, all read.

    Raises ConfigurationError, naming what is wrong. Connects only at `start()` or first
    use, and not even then raises if the store is away.
    """

    def __init__(
        self,
        url: str = "memory://",
        *,
        namespace: str = "keepwarm",
        near: str | int = DEFAULT_NEAR,
        coherence: str | Bounded = "validate",
        policies: Mapping[str, Policy] | None = None,
        enabled: bool = True,
        fills: int | None = None,
        operation_timeout: Duration | None = None,
        secrets: tuple[bytes | str, ...] = (),
        encryption_keys: tuple[bytes, ...] = (),
        max_value: str | int = "64MiB",
        clock: Clock | None = None,
    ) -> None:
        check_namespace(namespace)
        if fills is not None and fills < 1:
            raise ConfigurationError(f"fills={fills} must be at least 1")
        near_bytes = size(near, name="near")
        sealing = _sealing(secrets, encryption_keys, size(max_value, name="max_value"))
        ticking = clock or SystemClock()
        counters = Counters(ticking.mono)
        closed: Callable[[], None] = lambda: None  # noqa: E731 - a no-op needs no name
        local: MemoryStore | None = None
        connect: Callable[[], AsyncShared] | None = None
        connect_blocking: Callable[[], BlockingShared] | None = None
        if url.startswith("embedded://"):
            url, closed = _embedded()
        if url.startswith("memory://"):
            local = MemoryStore(near_bytes)
        else:
            connect, connect_blocking = _redis(url, namespace, sealing, operation_timeout)
        guard = Guard(connect_blocking or _local(local), ticking)
        parts = Parts(
            observer=counters,
            clock=ticking,
            guard=guard,
            near=None if local is not None else NearTier(near_bytes),
            local=local,
            fills=fills or 0,
        )
        wiring = Wiring(
            namespace,
            dict(policies or {}),
            _bound_s(coherence),
            parts,
            counters,
            connect,
            connect_blocking,
            closed,
        )
        super().__init__(wiring, enabled=enabled)
        self.is_local = local is not None

    @classmethod
    def from_url(cls, url: str, **settings: Any) -> Self:
        """As the constructor."""
        return cls(url, **settings)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **settings: Any) -> Self:
        """A cache as the environment says; see `read_environment` for the variables."""
        return cls(**{**read_environment(environ), **settings})


def read_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What the environment says about the cache, as arguments of Cache.

    REDIS_URL, or REDIS_HOST with REDIS_PORT, REDIS_PASSWORD, REDIS_USERNAME, REDIS_DB;
    CACHE_ENABLED (0/1); CACHE_NAMESPACE; CACHE_NEAR ("64MiB"); CACHE_COHERENCE
    ("validate", or a duration such as "250ms"); CACHE_SECRETS (comma-separated). What is
    not set is left out. Raises ConfigurationError, naming the variable, never its value.
    """
    from urllib.parse import quote

    found: dict[str, Any] = {}
    if environ.get("REDIS_URL"):
        found["url"] = environ["REDIS_URL"]
    elif environ.get("REDIS_HOST"):
        user = quote(environ.get("REDIS_USERNAME", ""), safe="")
        password = quote(environ.get("REDIS_PASSWORD", ""), safe="")
        login = f"{user}:{password}@" if user or password else ""
        port, db = environ.get("REDIS_PORT", "6379"), environ.get("REDIS_DB", "0")
        if not port.isdigit():
            raise ConfigurationError("REDIS_PORT must be a number")
        found["url"] = f"redis://{login}{environ['REDIS_HOST']}:{port}/{db}"
    if "CACHE_ENABLED" in environ:
        word = environ["CACHE_ENABLED"].strip().lower()
        if word not in ("0", "1", "true", "false", "yes", "no", "on", "off"):
            raise ConfigurationError("CACHE_ENABLED must be 1 or 0")
        found["enabled"] = word in ("1", "true", "yes", "on")
    if environ.get("CACHE_NAMESPACE"):
        found["namespace"] = environ["CACHE_NAMESPACE"]
    if environ.get("CACHE_NEAR"):
        found["near"] = environ["CACHE_NEAR"]
    if environ.get("CACHE_COHERENCE"):
        word = environ["CACHE_COHERENCE"]
        found["coherence"] = word if word == "validate" else Bounded(word)
    if environ.get("CACHE_SECRETS"):
        found["secrets"] = tuple(environ["CACHE_SECRETS"].split(","))
    return found


def _bound_s(coherence: str | Bounded) -> float:
    if isinstance(coherence, Bounded):
        return coherence.within_s
    if coherence == "validate":
        return 0.0
    raise ConfigurationError(
        f"coherence={coherence!r} is not offered: use 'validate' (nothing stale after an "
        "acknowledgement, one round trip per read) or Bounded('250ms')"
    )


def _sealing(secrets: tuple[bytes | str, ...], keys: tuple[bytes, ...], max_bytes: int) -> Sealing:
    raw = tuple(s.encode() if isinstance(s, str) else s for s in secrets)
    return Sealing(secrets=raw, encryption_keys=keys, max_bytes=max_bytes)


def _local(local: MemoryStore | None) -> Callable[[], BlockingShared]:
    assert local is not None
    return lambda: local


def _redis(
    url: str, namespace: str, sealing: Sealing, timeout: Duration | None
) -> tuple[Callable[[], AsyncShared], Callable[[], BlockingShared]]:
    try:
        from keepwarm.stores.redis.aio import AsyncRedis
        from keepwarm.stores.redis.blocking import BlockingRedis
        from keepwarm.stores.redis.settings import OPERATION_TIMEOUT_S, parse_address
    except ImportError as error:
        raise ConfigurationError(
            "a Redis or Valkey store needs an extra: pip install 'keepwarm[redis]'"
        ) from error
    timeout_s = (
        seconds(timeout, name="operation_timeout") if timeout is not None else OPERATION_TIMEOUT_S
    )
    address = parse_address(url)
    return (
        lambda: AsyncRedis(address, namespace, sealing, timeout_s),
        lambda: BlockingRedis(address, namespace, sealing, timeout_s),
    )


def _embedded() -> tuple[str, Callable[[], None]]:
    """Start a server of our own; without one, memory, and a line that says so."""
    from keepwarm.stores.redis.server import EmbeddedServer, NoServer

    server = EmbeddedServer()
    try:
        server.start()
    except NoServer as error:
        log.warning("no server to embed (%s): the shared tier is in this process only", error)
        return "memory://", lambda: None
    return server.url, server.stop
