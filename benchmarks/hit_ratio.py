"""`python -m benchmarks.hit_ratio`: how often the near tier has what is asked for.

Against LRU and the caches that Python has, on real logs and generated requests, at
several sizes; and on the web logs with a limit in bytes, against LRU with the same.
"""

import argparse
import json
import random
import sys
from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.traces import DATA, ROWS, Trace, generated, real
from keepwarm.core.entry import Stored, Terms
from keepwarm.stores.near import NearTier

ENTRIES = (100, 300, 1_000, 3_000, 10_000)
LARGEST_SHARE = 0.6  # of the distinct keys: beyond it every cache is right
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # of the bytes of all objects
PER_ENTRY = 400  # bytes beyond an object, in either cache
UNDER_LRU, OVER_LRU, OVER_BYTE_LRU = -0.6, 3.5, 10.0

Cache = Callable[[Trace, int], int]
"""Hits in a trace with room for so many entries."""


def lru(trace: Trace, entries: int) -> int:
    held: OrderedDict[str, float] = OrderedDict()
    ttls = trace.ttls
    hits = 0
    for at, key in enumerate(trace.keys):
        until = held.get(key)
        if until is not None and until > at:
            hits += 1
        else:
            held[key] = at + ttls[key] if ttls else float("inf")
            if len(held) > entries:
                held.popitem(last=False)
        held.move_to_end(key)
    return hits


def near(trace: Trace, entries: int) -> int:
    now = 0
    tier = NearTier(2**40, entries, wall=lambda: now, is_indexed=False)
    forever = Stored(Terms(0, 1e12, 1e12, 1e12, 1e12, 0, "e", 1, (), ()), b"")
    hits = 0
    for now, key in enumerate(trace.keys):
        held = tier.read(key)
        if held is not None and held.stored.terms.fresh_until > now:
            hits += 1
            continue
        stored = forever
        if trace.ttls:
            until = float(now + trace.ttls[key])
            stored = Stored(Terms(now, until, until, until, until, 0, "e", 1, (), ()), b"")
        tier.write(key, stored, 0.0, logical=key)
    return hits


def _mapping(make: Callable[[int], Any]) -> Cache:
    def run(trace: Trace, entries: int) -> int:
        held = make(entries)
        hits = 0
        for key in trace.keys:
            if held.get(key) is not None:
                hits += 1
            else:
                held[key] = True
        return hits

    return run


def _setting(make: Callable[[int], Any]) -> Cache:
    def run(trace: Trace, entries: int) -> int:
        held = make(entries)
        hits = 0
        for key in trace.keys:
            found = held.get(key)
            if found is True or (isinstance(found, tuple) and found[1]):
                hits += 1
            else:
                held.set(key, True)
        return hits

    return run


def peers() -> dict[str, Cache]:
    """Those that are installed here."""
    found: dict[str, Cache] = {}
    for name, make in (
        ("cachetools LRU", lambda m: _mapping(m.LRUCache)),
        ("cachetools LFU", lambda m: _mapping(m.LFUCache)),
        ("cachebox LRU", lambda m: _mapping(m.LRUCache)),
        ("cachebox LFU", lambda m: _mapping(m.LFUCache)),
        ("theine", lambda m: _setting(m.Cache)),
        ("moka_py", lambda m: _setting(m.Moka)),
    ):
        try:
            found[name] = make(import_module(name.split()[0]))
        except ImportError:
            continue
    return found


def byte_lru(trace: Trace, room: int) -> int:
    assert trace.sizes is not None
    held: OrderedDict[str, int] = OrderedDict()
    hits = used = 0
    for key in trace.keys:
        if key in held:
            held.move_to_end(key)
            hits += 1
            continue
        size = trace.sizes[key] + PER_ENTRY
        if size > room:
            continue
        held[key] = size
        used += size
        while used > room:
            used -= held.popitem(last=False)[1]
    return hits


def byte_near(trace: Trace, room: int) -> int:
    assert trace.sizes is not None
    tier = NearTier(room, is_indexed=False)
    terms = Terms(0, 1e12, 1e12, 1e12, 1e12, 0, "e", 1, (), ())
    bodies = {size: bytes(size) for size in set(trace.sizes.values()) if size <= room}
    hits = 0
    for key in trace.keys:
        if tier.read(key) is not None:
            hits += 1
        elif (body := bodies.get(trace.sizes[key])) is not None:
            tier.write(key, Stored(terms, body), 0.0, logical=key)
    return hits


def measure(seed: int, data: Path = DATA, rows: int = ROWS, tell: bool = False) -> dict[str, Any]:
    """Hit ratios in per cent by trace and room; `goals` says which of ours were met."""
    logs = real(data)
    others = peers()
    by_entries, by_bytes = [], []
    for trace in [*logs, *generated(seed, rows)]:
        for entries in ENTRIES:
            if entries > LARGEST_SHARE * trace.distinct:
                continue
            # A peer's clock is its own: where time matters there is only LRU to compare with.
            contest = {"lru": lru, "keepwarm": near, **({} if trace.ttls else others)}
            ratios = {
                name: round(100 * run(trace, entries) / len(trace.keys), 3)
                for name, run in contest.items()
            }
            by_entries.append({"trace": trace.name, "entries": entries, "hits": ratios})
            if tell:
                print(f"{trace.name:20} {entries:6} {ratios}", file=sys.stderr)
    for trace in logs:
        if trace.sizes is None:
            continue
        for share in SHARES:
            room = int(share * sum(size + PER_ENTRY for size in trace.sizes.values()))
            ratios = {
                "lru": round(100 * byte_lru(trace, room) / len(trace.keys), 3),
                "keepwarm": round(100 * byte_near(trace, room) / len(trace.keys), 3),
            }
            by_bytes.append({"trace": trace.name, "bytes": room, "share": share, "hits": ratios})
            if tell:
                print(f"{trace.name:20} {share:6} {ratios}", file=sys.stderr)
    return {
        "seed": seed,
        "by_entries": by_entries,
        "by_bytes": by_bytes,
        "summary": _summary(by_entries, by_bytes),
    }


def _summary(by_entries: list[dict[str, Any]], by_bytes: list[dict[str, Any]]) -> dict[str, Any]:
    over = [(r["hits"]["keepwarm"] - r["hits"]["lru"], r) for r in by_entries]
    worst, where = min(over, key=lambda pair: pair[0])
    common = [r["hits"] for r in by_entries if len(r["hits"]) > 2]
    means = {
        name: round(sum(hits[name] for hits in common) / len(common), 2)
        for name in (common[0] if common else ())
    }
    mean = sum(points for points, _ in over) / len(over)
    found: dict[str, Any] = {
        "mean_over_lru": round(mean, 2),
        "worst_against_lru": round(worst, 2),
        "worst_on": f"{where['trace']} at {where['entries']}",
        "means_beside_peers": means,
        "goals": {
            f"mean at least {OVER_LRU} over LRU": mean >= OVER_LRU,
            f"never below {UNDER_LRU} of LRU": worst >= UNDER_LRU,
        },
    }
    if means:
        best = max(ratio for name, ratio in means.items() if name != "keepwarm")
        found["goals"]["at least every peer on the mean"] = means["keepwarm"] >= best
    if by_bytes:
        gain = sum(r["hits"]["keepwarm"] - r["hits"]["lru"] for r in by_bytes) / len(by_bytes)
        found["bytes_mean_over_lru"] = round(gain, 2)
        found["goals"][f"limited in bytes, {OVER_BYTE_LRU} over LRU"] = gain >= OVER_BYTE_LRU
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hit_ratio", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the generated requests; else drawn")
    parser.add_argument("--data", type=Path, default=DATA, help="where the real logs lie")
    parser.add_argument("--rows", type=int, default=ROWS, help="of each generated trace")
    parser.add_argument("--verbose", action="store_true", help="tell each figure as it comes")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    found = measure(seed, options.data, options.rows, options.verbose)
    print(json.dumps(found, indent=1))
    return 0 if all(found["summary"]["goals"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
