"""Whether a store can do what the cache needs of it, and what to do where it cannot."""

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from redis.exceptions import RedisError

from keepwarm.cli.output import span, volume
from keepwarm.cli.store import Target
from keepwarm.core.stamps import parse_epoch
from keepwarm.stores.redis.failures import as_away
from keepwarm.stores.redis.settings import OPERATION_TIMEOUT_S

PINGS = 20
OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
_MOST_DRIFT_S = 1.0  # an entry's ages are counted on the clock of the host that filled it

Grade = Literal["ok", "note", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` says what to do about it, empty where nothing is."""

    name: str
    grade: Grade
    found: str
    advice: str = ""


def examine(target: Target, client: Any) -> Iterator[Finding]:
    """Findings in the order of looking. Raises redis' errors if the store is away."""
    yield _answers(target, client)
    info = _Info(client)
    yield _version(info)
    is_node = info("cluster").get("cluster_enabled") and not target.address.is_cluster
    if is_node:
        found = "this is a node of a cluster: it holds only some of the keys"
        yield Finding("role", "wrong", found, "write the URL as redis+cluster://")
        return
    if info("replication").get("role") == "slave":
        advice = "use the primary's address: a replica neither stores nor invalidates"
        yield Finding("role", "wrong", "this is a replica", advice)
        return
    yield from _memory(info)
    yield from _permissions(target, client)
    yield _announcements(target, client)
    yield _epoch(target, client, info)
    yield from _clock(client)
    yield _protection(target)


class _Info:
    """The sections of INFO that the server tells; empty where it refuses."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, section: str) -> dict[str, Any]:
        found = _permitted(lambda: self._client.info(section))
        if not isinstance(found, dict):
            return {}
        # A cluster's client answers for each node: they are alike in what is asked here.
        first = next(iter(found.values()), None)
        return first if isinstance(first, dict) else found


def _answers(target: Target, client: Any) -> Finding:
    times_ms = []
    for _ in range(PINGS):
        began = time.perf_counter()
        client.ping()
        times_ms.append((time.perf_counter() - began) * 1000)
    typical, slowest = statistics.median(times_ms), max(times_ms[1:])
    found = f"{target.where} answers in {typical:.2f} ms, {slowest:.2f} ms at most"
    if typical > OPERATION_TIMEOUT_S * 1000 / 4:
        advice = "raise operation_timeout, or move the app and the store closer together"
        return Finding("connection", "warning", found, advice)
    return Finding("connection", "ok", found)


def _version(info: _Info) -> Finding:
    server = info("server")
    kind = "valkey" if "valkey_version" in server else "redis"
    text = server.get("valkey_version") or server.get("redis_version")
    if not text:
        return Finding("version", "note", "unknown: INFO is not permitted")
    name = f"{kind.capitalize()} {text}"
    version = tuple(int(part) for part in str(text).split(".")[:2] if part.isdigit())
    if version < OLDEST[kind]:
        oldest = ".".join(map(str, OLDEST[kind]))
        return Finding("version", "wrong", name, f"upgrade to {oldest} or later")
    return Finding("version", "ok", name)


def _memory(info: _Info) -> Iterator[Finding]:
    memory = info("memory")
    if "used_memory" not in memory:
        yield Finding("memory", "note", "unknown: INFO is not permitted")
        return
    limit, policy = memory.get("maxmemory") or 0, memory.get("maxmemory_policy", "unknown")
    used = volume(memory["used_memory"])
    if limit:
        yield Finding("memory", "ok", f"{used} of {volume(limit)} in use")
    else:
        advice = "set maxmemory: without it the server grows until the machine ends it"
        yield Finding("memory", "warning", f"{used} in use, no limit", advice)
    if policy == "noeviction":
        advice = "set maxmemory-policy allkeys-lru or allkeys-lfu"
        found = "noeviction: once it is full, nothing is stored and invalidations fail"
        yield Finding("eviction", "wrong" if limit else "warning", found, advice)
    elif policy.startswith("allkeys-l"):
        yield Finding("eviction", "ok", policy)
    else:
        advice = "allkeys-lru or allkeys-lfu keep what is asked for most"
        yield Finding("eviction", "note", policy, advice)


def _permissions(target: Target, client: Any) -> Iterator[Finding]:
    """Do once, under names of its own, all that the cache does."""
    namespace = target.namespace
    mark = secrets.token_hex(8)
    entry = f"{namespace}:doctor.{mark}@00000000"
    stamp = f"{{{namespace}}}:doctor.{mark}"
    script = "redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000) return redis.call('DEL', KEYS[1])"
    notes = (  # what makes something comes last
        "redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, 1) redis.call('ZSCORE', KEYS[1], ARGV[1]) "
        "redis.call('ZADD', KEYS[1], 1, ARGV[1]) return redis.call('DEL', KEYS[1])"
    )
    tries: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("SET on entries", lambda: client.set(entry, b"x", px=1000)),
        ("GET and MGET on entries", lambda: client.execute_command("MGET", entry)),
        ("UNLINK on entries", lambda: client.execute_command("UNLINK", entry)),
        ("EVAL, SET and DEL on metadata", lambda: client.eval(script, 1, stamp, "x")),
        (
            "ZADD, ZSCORE and ZREMRANGEBYSCORE on metadata",
            lambda: client.eval(notes, 1, stamp + ".notes", "x"),
        ),
        ("MGET on metadata", lambda: client.execute_command("MGET", stamp)),
        ("SCAN", lambda: next(client.scan_iter(f"{namespace}:doctor.{mark}*"), None)),
    )
    refused = [what for what, attempt in tries if _permitted(attempt) is _REFUSED]
    if refused:
        advice = f"allow this user: ~{namespace}:* ~{{{namespace}}}:* +@read +@write +@scripting"
        yield Finding("permissions", "wrong", f"refused: {', '.join(refused)}", advice)
    else:
        yield Finding("permissions", "ok", "may do all that the cache needs")


def _announcements(target: Target, client: Any) -> Finding:
    """Whether near tiers can be told of changes, and so answer without asking (strict)."""
    channel = f"{{{target.namespace}}}:doctor.{secrets.token_hex(8)}"

    def hear() -> None:
        listening = client.pubsub()
        try:
            listening.ssubscribe(channel)
            client.execute_command("SPUBLISH", channel, "x")
            listening.get_sharded_message(timeout=1.0) if target.address.is_cluster else (
                listening.get_message(timeout=1.0)
            )
        finally:
            listening.close()

    if _permitted(hear) is _REFUSED:
        advice = f"allow this user: +ssubscribe +spublish &{{{target.namespace}}}:*"
        found = "may not subscribe: near hits ask the store each time"
        return Finding("near tier", "warning", found, advice)
    return Finding("near tier", "ok", "is told of every change")


def _epoch(target: Target, client: Any, info: _Info) -> Finding:
    namespace = target.namespace
    raw = _permitted(lambda: client.get(f"{{{namespace}}}:epoch"))
    if raw is _REFUSED:
        return Finding("epoch", "wrong", "this user may not read it", "see permissions")
    if raw is None:
        found = f"no app has used the namespace {namespace!r} here yet"
        return Finding("epoch", "note", found, "check --namespace if one should have")
    epoch = parse_epoch(raw.decode("ascii", "replace")) if isinstance(raw, bytes) else None
    if epoch is None:
        advice = "run `keepwarm clear`: something else wrote to the cache's own keys"
        return Finding("epoch", "wrong", f"the epoch of {namespace!r} is not readable", advice)
    if not epoch.identity:
        advice = "after a failover or a restore from a snapshot run `keepwarm clear`"
        found = "in use; the server does not tell its run id, so its restarts go unnoticed"
        return Finding("epoch", "note", found, advice)
    here = f"{info('server').get('run_id')}/{info('replication').get('master_replid')}"
    # In a cluster the epoch names the node that holds it, and INFO may be another's.
    if epoch.identity != here and not target.address.is_cluster:
        found = "begun on another server or before a restart: the next connection begins anew"
        return Finding("epoch", "note", found)
    return Finding("epoch", "ok", f"namespace {namespace!r} is in use")


def _clock(client: Any) -> Iterator[Finding]:
    told = _permitted(client.time)
    if not isinstance(told, tuple):
        return
    drift_s = told[0] + told[1] / 1e6 - time.time()
    if abs(drift_s) > _MOST_DRIFT_S:
        found = f"the store's clock differs from this machine's by {span(drift_s)}"
        advice = "run NTP on both; freshness does not depend on it, lifetimes do"
        yield Finding("clock", "warning", found, advice)


def _protection(target: Target) -> Finding:
    if target.address.password:
        return Finding("password", "ok", "needed and known")
    if target.address.path:
        return Finding("password", "note", "none; the socket's permissions are all there is")
    advice = "set requirepass or an ACL user: who can reach it can read and write all values"
    return Finding("password", "warning", "none is needed", advice)


_REFUSED = object()


def _permitted(attempt: Callable[[], Any]) -> Any:
    """What `attempt` returns, or _REFUSED. Raises if the store went away meanwhile."""
    try:
        return attempt()
    except RedisError as error:
        if as_away(error).is_fault:
            raise
        return _REFUSED
