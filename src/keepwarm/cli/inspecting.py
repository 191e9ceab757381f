"""One key as it lies in the store: its terms, and whether what it depends on still holds."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from keepwarm.core.entry import Life, Seen, Terms, life, names_of
from keepwarm.core.keys import physical
from keepwarm.core.stamps import Carried, stamp_of_key, stamp_of_tag
from keepwarm.core.steps import Away, ReadPatterns, ReadShared, Scan, Step
from keepwarm.stores.redis.blocking import BlockingRedis

R = TypeVar("R")

_ESCAPE = re.compile(rb"!([0-9A-F]{2})")
_GLOB = re.compile(r"[*?\[\]\\]")
_MOST_SHAPES = 100  # one per release that changed the value's type


@dataclass(frozen=True, slots=True)
class Dependency:
    """A name an entry depends on; `state` is current, changed, missing, dirty or stale."""

    kind: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Found:
    """One physical key under a logical one. `terms` is None where it is not our entry."""

    name: str
    size: int
    expires_in_s: float | None
    verdict: str
    terms: Terms | None = None
    dependencies: tuple[Dependency, ...] = ()
    value: Any = None


def find(store: BlockingRedis, client: Any, namespace: str, key: str, now: float) -> list[Found]:
    """What lies under the logical key `key`, one for each shape of its value."""
    names = _names(store, namespace, key)
    return [_found(store, client, name, key, now) for name in names]


def _names(store: BlockingRedis, namespace: str, key: str) -> list[str]:
    bodies = {physical(namespace, key, "")}
    if "!" in key:  # as `keepwarm keys` lists it: with escapes, or cut and ending in a digest
        bodies |= {physical(namespace, _unescaped(key), ""), f"{namespace}:{key}@"}
    found: list[str] = []
    for body in sorted(bodies):
        if not _GLOB.search(body):
            scanned = store.answer(Scan(f"{body}*", _MOST_SHAPES))
            found += scanned
    return sorted({name for name in found if name.rpartition("@")[0] + "@" in bodies})


def _unescaped(text: str) -> str:
    """The logical key that `safe_text` wrote as `text`."""
    raw = _ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), text.encode("utf-8", "surrogatepass"))
    return raw.decode("utf-8", "replace")


def _found(store: BlockingRedis, client: Any, name: str, key: str, now: float) -> Found:
    is_text = client.type(name) == b"string"
    size = client.strlen(name) if is_text else 0
    left_ms = client.pttl(name)
    expires_in_s = left_ms / 1000 if left_ms >= 0 else None
    stored = _answered(store, ReadShared((name,), ())).entries[0]
    if stored is None:
        return Found(name, size, expires_in_s, "not an entry of ours, or sealed with other keys")
    terms = stored.terms
    seen = _answered(store, ReadShared((), names_of(terms)))
    readable = name.partition(":")[2].rpartition("@")[0]
    logical = key if physical("n", key, "") == f"n:{readable}@" else _unescaped(readable)
    return Found(
        name,
        size,
        expires_in_s,
        _verdict(store, terms, seen, logical, now),
        terms,
        tuple(_dependencies(terms, seen, logical)),
        _value(stored.payload),
    )


def _answered(store: BlockingRedis, step: Step[R | Away]) -> R:
    reply = store.answer(step)
    assert not isinstance(reply, Away)  # that is the guard's word; a store raises
    return reply


def _verdict(store: BlockingRedis, terms: Terms, seen: Seen, logical: str, now: float) -> str:
    state = life(terms, seen, now)
    if seen.epoch is None or terms.epoch != seen.epoch.nonce:
        return "dead: everything was cleared since, or the store was restarted or replaced"
    if state is Life.UNSURE:
        patterns = _answered(store, ReadPatterns(seen.epoch))
        if patterns.kill(logical, terms, seen.epoch):
            return "dead: a pattern was invalidated since that matches it, or may"
        state = Life.FRESH if now < terms.fresh_until else Life.STALE
    if state is Life.DEAD:
        return "dead: something it depends on was invalidated since"
    if state is Life.FRESH:
        return "fresh"
    if now < terms.stale_until:
        return "stale, served while it is refreshed"
    if now < terms.error_until:
        return "stale, served only if the origin fails"
    return "expired"


def _dependencies(terms: Terms, seen: Seen, logical: str) -> Iterable[Dependency]:
    names = {stamp_of_key(logical): ("key", logical)}
    names |= {stamp_of_tag(tag): ("tag", tag) for tag in terms.tags}
    for carried in terms.stamps:
        # What a nested value brought along has only the name of its stamp.
        kind, name = names.get(carried[0], ("nested", carried[0]))
        yield Dependency(kind, name, _state(carried, seen))


def _state(carried: Carried, seen: Seen) -> str:
    name, nonce, soft = carried
    stamp = seen.stamps.get(name)
    if stamp is None:
        return "missing"
    if stamp.nonce != nonce:
        return "changed"
    if stamp.is_dirty:
        return "dirty"
    return "current" if stamp.soft == soft else "stale"


def _value(payload: bytes) -> Any:
    """The value without its type, for looking at: MessagePack or JSON, as the codec chose."""
    for decode in (msgspec.msgpack.decode, msgspec.json.decode):
        try:
            return msgspec.to_builtins(decode(payload), str_keys=True)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, TypeError):
            continue
    return f"{len(payload)} bytes of an unknown form"
