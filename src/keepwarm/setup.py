"""The one place where parts are joined: settings and the environment → a running cache."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from keepwarm.core.keys import check_namespace
from keepwarm.core.policy import Duration, Policy
from keepwarm.core.times import TIMES, Times
from keepwarm.core.units import seconds, size
from keepwarm.engine.answers import Parts, SystemClock
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.guard import Guard
from keepwarm.engine.journal import Journal
from keepwarm.engine.tokens import Tokens
from keepwarm.engine.wiring import Wiring
from keepwarm.errors import ConfigurationError
from keepwarm.observe.counters import Counters
from keepwarm.ports import AsyncShared, BlockingShared, Clock
from keepwarm.stores.compression import read_dictionary
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.memory import MemoryStore
from keepwarm.stores.near import NearTier

log = logging.getLogger("keepwarm")

DEFAULT_NEAR = "64MiB"

_Path = str | os.PathLike[str]


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
    process anyway, and `near` then bounds those. `coherence`: "strict" (the default) answers
    near hits without asking, and an invalidation waits until no process can answer with what
    it ended; "validate" compares every near hit with the store, in one round trip;
    Bounded("250ms") does not ask again for that long, and nobody waits. `strict_set` refuses
    bare sets, whose values nobody knows the age of. `journal` is a directory in which
    unconfirmed invalidations outlive the process. `secrets` authenticate stored values,
    `encryption_keys` encrypt them; the first of each writes, all read. `dictionary` is the path of
    one made by `keepwarm dictionary train`, or several, newest first, with which stored values
    are compressed.

    `clock` and `times` are for tests: all processes of a namespace must agree on the times.

    Raises ConfigurationError, naming what is wrong. Connects only at `start()` or first
    use, and not even then raises if the store is away.
    """

    def __init__(
        self,
        url: str = "memory://",
        *,
        namespace: str = "keepwarm",
        near: str | int = DEFAULT_NEAR,
        coherence: str | Bounded = "strict",
        policies: Mapping[str, Policy] | None = None,
        enabled: bool = True,
        fills: int | None = None,
        operation_timeout: Duration | None = None,
        secrets: tuple[bytes | str, ...] = (),
        encryption_keys: tuple[bytes, ...] = (),
        max_value: str | int = "64MiB",
        dictionary: _Path | Iterable[_Path] = (),
        strict_set: bool = False,
        journal: str | os.PathLike[str] | None = None,
        clock: Clock | None = None,
        times: Times = TIMES,
    ) -> None:
        check_namespace(namespace)
        if fills is not None and fills < 1:
            raise ConfigurationError(f"fills={fills} must be at least 1")
        has_near = near != 0 or url.startswith("memory://")
        near_bytes = size(near, name="near") if has_near else 0
        sealing = Sealing(
            secrets=_bytes(secrets),
            encryption_keys=encryption_keys,
            max_bytes=size(max_value, name="max_value"),
            dictionaries=_dictionaries(dictionary),
        )
        ticking = clock or SystemClock()
        counters = Counters(ticking.mono)
        closed: Callable[[], None] = lambda: None  # noqa: E731 - a no-op needs no name
        local: MemoryStore | None = None
        connect: Callable[[], AsyncShared] | None = None
        connect_blocking: Callable[[], BlockingShared] | None = None
        connect_quietly: Callable[[], BlockingShared] | None = None
        bound_s = _bound_s(coherence)
        if url.startswith("embedded://"):
            url, closed = _embedded()
        if url.startswith("memory://"):
            local = MemoryStore(near_bytes, is_lossy=False)
        else:
            connect, connect_blocking, connect_quietly = _redis(
                url,
                namespace,
                sealing,
                operation_timeout,
                is_strict=coherence == "strict" and near_bytes > 0,
                times=times,
            )
        kept = Journal(journal, namespace) if journal is not None and local is None else None
        guard = Guard(connect_quietly or _local(local), ticking, kept)
        parts = Parts(
            observer=counters,
            clock=ticking,
            guard=guard,
            near=NearTier(near_bytes, wall=ticking.wall, is_indexed=bound_s > 0)
            if local is None and near_bytes
            else None,
            local=local,
            fills=fills or 0,
        )
        wiring = Wiring(
            namespace,
            dict(policies or {}),
            bound_s,
            parts,
            counters,
            connect,
            connect_blocking,
            closed,
            tokens=Tokens(_bytes(secrets), ticking.wall),
            strict_set=strict_set,
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

    REDIS_URL, or REDIS_HOST with REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB,
    REDIS_TLS (0/1); CACHE_ENABLED (0/1); CACHE_NAMESPACE; CACHE_NEAR ("64MiB");
    CACHE_COHERENCE ("strict", "validate", or a duration such as "250ms"); CACHE_JOURNAL
    (a directory); CACHE_SECRETS (comma-separated, newest first); CACHE_DICTIONARY (a path, or
    several by comma, newest first). What is not set, or empty, is left out. Raises
    ConfigurationError, naming the variable, never its value.
    """
    given = {name: value for name, value in environ.items() if value.strip()}
    found: dict[str, Any] = {}
    url = _url(given)
    if url is not None:
        found["url"] = url
    if "CACHE_ENABLED" in given:
        found["enabled"] = _switch(given, "CACHE_ENABLED")
    if "CACHE_NAMESPACE" in given:
        with _naming("CACHE_NAMESPACE", "must be 1 to 64 of A-Z a-z 0-9 _ . -"):
            found["namespace"] = check_namespace(given["CACHE_NAMESPACE"])
    if "CACHE_NEAR" in given:
        with _naming("CACHE_NEAR", "must be a size such as 64MiB"):
            found["near"] = size(given["CACHE_NEAR"], name="CACHE_NEAR")
    if "CACHE_COHERENCE" in given:
        word = given["CACHE_COHERENCE"].strip()
        with _naming("CACHE_COHERENCE", "must be strict, validate, or a duration such as 250ms"):
            found["coherence"] = word if word in ("strict", "validate") else Bounded(word)
    if "CACHE_JOURNAL" in given:
        found["journal"] = given["CACHE_JOURNAL"].strip()
    if "CACHE_SECRETS" in given:
        secrets = tuple(part.strip() for part in given["CACHE_SECRETS"].split(","))
        with _naming("CACHE_SECRETS", "must be secrets of at least 16 characters, by comma"):
            Sealing(secrets=secrets)
            found["secrets"] = secrets
    if "CACHE_DICTIONARY" in given:
        paths = [part.strip() for part in given["CACHE_DICTIONARY"].split(",") if part.strip()]
        with _naming("CACHE_DICTIONARY", "must be files made by `keepwarm dictionary train`"):
            _dictionaries(paths)
            found["dictionary"] = paths
    return found


def _url(given: Mapping[str, str]) -> str | None:
    if "REDIS_URL" in given:
        return given["REDIS_URL"].strip()
    if "REDIS_HOST" not in given:
        # REDIS_PORT alone is no sign: Kubernetes sets it for any service of that name.
        if "REDIS_PASSWORD" in given:
            raise ConfigurationError(
                "REDIS_PASSWORD is set but neither REDIS_URL nor REDIS_HOST: without one the "
                "cache would be each process's own"
            )
        return None
    host = given["REDIS_HOST"].strip()
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    if not re.fullmatch(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", host):
        raise ConfigurationError("REDIS_HOST must be a host name or an address")
    user, password = (
        quote(given.get(name, ""), safe="") for name in ("REDIS_USERNAME", "REDIS_PASSWORD")
    )
    login = f"{user}:{password}@" if user or password else ""
    port, db = _number(given, "REDIS_PORT", 6379), _number(given, "REDIS_DB", 0)
    scheme = "rediss" if "REDIS_TLS" in given and _switch(given, "REDIS_TLS") else "redis"
    return f"{scheme}://{login}{host}:{port}/{db}"


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default)).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535):
        raise ConfigurationError(f"{name} must be a whole number up to 65535")
    return int(text)


def _switch(given: Mapping[str, str], name: str) -> bool:
    word = given[name].strip().lower()
    if word not in _ON | _OFF:
        raise ConfigurationError(f"{name} must be 1 or 0 (or true/false, yes/no, on/off)")
    return word in _ON


_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})


@contextmanager
def _naming(variable: str, rule: str) -> Iterator[None]:
    """Blame the variable, and do not repeat its value as the error inside may."""
    try:
        yield
    except ConfigurationError:
        raise ConfigurationError(f"{variable} {rule}") from None


def _bound_s(coherence: str | Bounded) -> float:
    if isinstance(coherence, Bounded):
        return coherence.within_s
    if coherence in ("strict", "validate"):
        return 0.0
    raise ConfigurationError(
        f"coherence={coherence!r} is not offered: use 'strict' (near hits ask nobody, an "
        "acknowledgement waits for every process), 'validate' (near hits ask for the stamps) "
        "or Bounded('250ms')"
    )


def _dictionaries(paths: _Path | Iterable[_Path]) -> list[bytes]:
    listed = (paths,) if isinstance(paths, str | os.PathLike) else paths
    return [read_dictionary(path) for path in listed]


def _bytes(secrets: tuple[bytes | str, ...]) -> tuple[bytes, ...]:
    return tuple(s.encode() if isinstance(s, str) else s for s in secrets)


def _local(local: MemoryStore | None) -> Callable[[], BlockingShared]:
    assert local is not None
    return lambda: local


def _redis(
    url: str,
    namespace: str,
    sealing: Sealing,
    timeout: Duration | None,
    *,
    is_strict: bool,
    times: Times,
) -> tuple[Callable[[], AsyncShared], Callable[[], BlockingShared], Callable[[], BlockingShared]]:
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
    settings = (address, namespace, sealing, timeout_s)
    patient = (address, namespace, sealing, max(timeout_s, times.patient_s))
    return (
        lambda: AsyncRedis(*settings, is_strict=is_strict, times=times),
        lambda: BlockingRedis(*settings, is_strict=is_strict, times=times),
        lambda: BlockingRedis(*patient, is_quiet=True, times=times),
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
