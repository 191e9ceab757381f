"""`python -m benchmarks.near_memory`: what an entry of the near tier costs, and what stalls.

Bytes are those that `tracemalloc` counts, less the key and the value as the objects they
are. Each cache keeps the same number of values of the same size under names of its own.
A stall is how long a single call holds up an event loop, in time of its processor.
"""

import asyncio
import gc
import json
import os
import sys
import time
import tracemalloc
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from keepwarm.core.entry import Stored, Terms
from keepwarm.core.globs import Glob
from keepwarm.core.stamps import stamp_of_key, stamp_of_tag
from keepwarm.core.steps import DropNear
from keepwarm.stores.near import NearTier

ENTRIES = 100_000
PAYLOAD = 500
MOST_BYTES = 160
MOST_STALL_MS = 2.0
# Writes that make a dict grow take as long as any dict of that size takes, and the collector
# comes when it likes; both are measured, but are not what the tier does to itself.
NO_HOUSEKEEPING = {"write", "read", "collector", "write, indexed", "write after clear, indexed"}
EPOCH = urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()


def entries(count: int, tags: int) -> Iterator[tuple[str, str, Stored]]:
    """(name, logical key, entry) as fills make them, each with tags of its own."""
    for n in range(count):
        logical = f"characters:detail:{n}"
        its_tags = tuple(f"character:{n + each}" for each in range(tags))
        names = (stamp_of_key(logical), *map(stamp_of_tag, its_tags))
        nonces = [urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode() for _ in names]
        stamps = tuple((name, nonce, nonce) for name, nonce in zip(names, nonces, strict=True))
        now = time.time()
        until = now + 300 + n / 1000
        terms = Terms(
            now, until, until, until, until, 0.084, EPOCH, n, stamps, its_tags, "web-3", True, n
        )
        yield f"gallery:{logical}@1f2e3d4c", logical, Stored(terms, os.urandom(PAYLOAD))


def _made(count: int, tags: int) -> list[tuple[str, str, Stored]]:
    gc.disable()  # it would look at each of them, again and again
    try:
        return list(entries(count, tags))
    finally:
        gc.freeze()  # what this benchmark itself holds is no part of anybody's stalls
        gc.enable()


def _grown(fill: Callable[[], tuple[object, int]]) -> float:
    """Bytes per entry beyond keys and values: `fill` returns what to keep and their bytes."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept, own = fill()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del kept
    return (grown - own) / ENTRIES


def near_bytes(tags: int, *, is_indexed: bool = False, is_read: bool = False) -> float:
    made = _made(ENTRIES, tags)  # before the counting: keys are then not counted at all

    def fill() -> tuple[object, int]:
        near = NearTier(2**27, wall=time.time, is_indexed=is_indexed)
        own = 0
        for name, logical, stored in made:
            own += sys.getsizeof(stored.payload)
            near.write(name, stored, 1.0, logical=logical)
            if is_read:
                near.read(name)
        return near, own

    return _grown(fill)


def _peer(put: Callable[[str, bytes], object], keep: object) -> float:
    made = [(name, stored.payload) for name, _, stored in _made(ENTRIES, 0)]

    def fill() -> tuple[object, int]:
        for name, payload in made:
            put(name, payload)
        return keep, 0  # it keeps the very objects

    return _grown(fill)


def peer_bytes() -> dict[str, float]:
    """Those that are installed and keep Python objects; moka's own memory is not traced."""
    found: dict[str, float] = {}
    makers: dict[str, Callable[[Any], tuple[Callable[[str, bytes], object], object]]] = {
        "cachetools": lambda m: ((c := m.TTLCache(2 * ENTRIES, 300)).__setitem__, c),
        "theine": lambda m: ((c := m.Cache(2 * ENTRIES)).set, c),
    }
    for name, make in makers.items():
        try:
            module = import_module(name)
        except ImportError:
            continue
        put, keep = make(module)
        found[name] = round(_peer(put, keep))
        del put, keep
    try:
        from cashews.backends.memory import Memory
    except ImportError:
        return found

    async def cashews() -> float:
        memory = Memory(size=2 * ENTRIES)
        made = [(f"gallery:characters:detail:{n}@1f2e3d4c", n) for n in range(ENTRIES)]
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        own = 0
        for key, _ in made:
            value = os.urandom(PAYLOAD)
            own += sys.getsizeof(value)
            await memory.set(key, value, expire=300)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return (grown - own) / ENTRIES

    found["cashews"] = round(asyncio.run(cashews()))
    return found


def _rounds(read: Callable[[str], object], names: list[str]) -> float:
    """Nanoseconds of one read, in the best of several rounds."""
    best = float("inf")
    for _ in range(5):
        began = time.thread_time()
        for name in names:
            read(name)
        best = min(best, (time.thread_time() - began) / len(names))
    return round(best * 1e9)


class Stalls:
    """The longest single call of each kind, in milliseconds."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    def timed(self, what: str, call: Callable[..., object], *args: object, **named: object) -> None:
        began = time.thread_time()
        call(*args, **named)
        took = (time.thread_time() - began) * 1000
        self.found[what] = max(self.found.get(what, 0.0), round(took, 3))

    def write(self, what: str, near: NearTier, made: list[tuple[str, str, Stored]]) -> None:
        for name, logical, stored in made:
            self.timed(what, near.write, name, stored, 1.0, logical=logical)


def stalls_ms() -> dict[str, float]:
    """With ENTRIES entries."""
    stalls = Stalls()
    made = _made(ENTRIES, 1)
    more = _made(ENTRIES + 2_000, 1)[-2_000:]
    tagged = [
        (name, logical, Stored(Terms(*_with_tag(stored.terms, "characters")), stored.payload))
        for name, logical, stored in more
    ]
    near = NearTier(2**27, ENTRIES, wall=time.time, is_indexed=False)
    stalls.write("write", near, made)
    for name, _, _ in made:
        stalls.timed("read", near.read, name)
    stalls.write("write that evicts", near, more)
    stalls.timed("collector", gc.collect)
    stalls.timed("drop by stamp", near.drop, DropNear(stamps=("plain:0001",)))
    stalls.timed("drop by pattern", near.drop, DropNear(glob=Glob("characters:*")))
    stalls.timed("clear", near.clear)
    stalls.write("write after clear", near, more)
    del near
    later = time.time() + 3_600
    stale = NearTier(2**27, 2 * ENTRIES, wall=lambda: later, is_indexed=False)
    stalls.write("write", stale, made)
    stalls.write("write that expires", stale, more)
    del stale
    indexed = NearTier(2**28, 2 * ENTRIES, wall=time.time, is_indexed=True)
    stalls.write("write, indexed", indexed, made)
    stalls.write("write, indexed", indexed, tagged[:100])
    tag = DropNear(stamps=(stamp_of_tag("characters"),))
    stalls.timed("drop 100 by stamp, indexed", indexed.drop, tag)
    stalls.write("write, indexed", indexed, tagged)
    stalls.timed("drop 2,000 by stamp, indexed", indexed.drop, tag)
    stalls.write("write after clear, indexed", indexed, made)
    stalls.timed("drop by pattern, indexed", indexed.drop, DropNear(glob=Glob("c:*")))
    gc.unfreeze()
    return stalls.found


def _with_tag(terms: Terms, tag: str) -> tuple[Any, ...]:
    stamp = (stamp_of_tag(tag), EPOCH, EPOCH)
    return (
        terms.filled_at, terms.fresh_until, terms.stale_until, terms.error_until,
        terms.kept_until, terms.cost_s, terms.epoch, terms.position, (*terms.stamps, stamp),
        (*terms.tags, tag), terms.filler, True, terms.position,
    )  # fmt: skip


def read_ns() -> dict[str, float]:
    """One read: of a copy being read, of one for the first time, of nothing."""
    near = NearTier(2**31, wall=time.time, is_indexed=False)
    made = list(entries(10_000, 1))
    for name, logical, stored in made:
        near.write(name, stored, 1.0, logical=logical)
    began = time.thread_time()
    for name, _, _ in made:
        near.read(name)
    first = (time.thread_time() - began) / len(made) * 1e9
    return {
        "hit": _rounds(near.read, [made[0][0]] * 10_000),
        "first hit": round(first),
        "miss": _rounds(near.read, ["none"] * 10_000),
    }


def measure() -> dict[str, Any]:
    overhead = {
        "own key only": near_bytes(0),
        "and 1 tag": near_bytes(1),
        "and 4 tags": near_bytes(4),
        "own key only, indexed by stamp": near_bytes(0, is_indexed=True),
        "and 1 tag, each read": near_bytes(1, is_read=True),
    }
    stalls = stalls_ms()
    return {
        "entries": ENTRIES,
        "payload": PAYLOAD,
        "overhead_bytes": {what: round(each) for what, each in overhead.items()},
        "peers_overhead_bytes": peer_bytes(),
        "stalls_ms": stalls,
        "not_counted": sorted(NO_HOUSEKEEPING),
        "read_ns": read_ns(),
        "goals": {
            f"at most {MOST_BYTES} bytes beyond key and value": (
                overhead["own key only"] <= MOST_BYTES
            ),
            f"housekeeping never longer than {MOST_STALL_MS} ms": (
                max(ms for what, ms in stalls.items() if what not in NO_HOUSEKEEPING)
                < MOST_STALL_MS
            ),
        },
    }


def main() -> int:
    found = measure()
    print(json.dumps(found, indent=1))
    return 0 if all(found["goals"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
