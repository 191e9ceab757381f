"""Counts of what became of calls, by tier, policy and reason."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.forking import on_fork

if TYPE_CHECKING:
    from keepwarm.ports import NearStore


_DATED = frozenset({"overloaded"})  # whose latest time anybody asks for


class Watched(Protocol):
    """What stats read beside the counts."""

    @property
    def near(self) -> "NearStore | None": ...

    @property
    def guard(self) -> "Guarded": ...


class Guarded(Protocol):
    """What is asked of the guard before the shared store."""

    @property
    def is_open(self) -> bool: ...

    @property
    def why(self) -> str: ...

    @property
    def pending(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PolicyStats:
    """The calls under one policy. `origin_s` is the total time its origin ran.

    A run counts once, however many keys and callers it served, and also if it failed.
    """

    hits: int = 0
    stale: int = 0
    misses: int = 0
    origin_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since start-up.

    `operations` are reads, writes, deletes and invalidations; `hit_rate` is whole per
    cent of hits among reads, 0 before the first. `breaker` is closed or open. `foreign`
    are stored bytes that were not ours, whole and in their place: each was a miss.
    """

    hits: int
    misses: int
    operations: int
    errors: int
    hit_rate: int
    is_enabled: bool
    writes: int
    deletes: int
    invalidations: int
    unacknowledged: int
    overloaded: int
    pending_invalidations: int
    foreign: int
    breaker: str
    tiers: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    policies: dict[str, PolicyStats] = field(default_factory=dict)
    near_bytes: int = 0
    near_limit_bytes: int = 0
    near_entries: int = 0


def whole_per_cent(part: int, whole: int) -> int:
    """`part` of `whole` in whole per cent; 0 of nothing is 0."""
    return round(100 * part / whole) if whole else 0


class Plain:
    """Fresh hits of one policy from one tier, counted by whoever answers them.

    `counted.hits += 1` is one bytecode after another without a call in between, and so
    whole under the interpreter's lock; without one, threads may lose a few.
    """

    __slots__ = ("hits", "policy", "tier")

    def __init__(self, policy: str, tier: Tier) -> None:
        self.policy, self.tier, self.hits = policy, tier, 0


class Counters:
    """Thread-safe; one addition under a lock per event, save for plain hits."""

    def __init__(self, mono: Callable[[], float] = time.monotonic) -> None:
        self._mono = mono
        self._lock = threading.Lock()
        self._events: Counter[str] = Counter()
        self._latest: dict[str, float] = {}
        self._tiers: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._policies: dict[str, list[float]] = {}
        self._plain: dict[tuple[str, Tier], Plain] = {}
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: what the parent counted is not this process's."""
        plain = self._plain
        Counters.__init__(self, self._mono)
        self._plain = plain
        for row in plain.values():
            row.hits = 0

    def plain(self, policy: str, tier: Tier) -> Plain:
        """Where to count the fresh hits of `policy` from `tier`."""
        row = self._plain.get((policy, tier))
        if row is None:
            with self._lock:
                row = self._plain.setdefault((policy, tier), Plain(policy, tier))
        return row

    def saw(self, outcome: Outcome) -> None:
        with self._lock:
            row = self._row(outcome.policy)
            if outcome.tier is None:
                self._events["misses"] += 1
                row[2] += 1
            else:
                self._events["hits"] += 1
                self._tiers[outcome.tier] += 1
                row[0] += 1
                row[1] += outcome.stale
            self._reasons[outcome.reason] += 1

    def bypassed(self, outcome: Outcome) -> None:
        """A call that did not use the cache: counted by its reason, in no rate."""
        with self._lock:
            self._reasons[outcome.reason] += 1

    def ran(self, policy: str, seconds: float) -> None:
        with self._lock:
            self._row(policy)[3] += seconds

    def _row(self, policy: str) -> list[float]:
        return self._policies.setdefault(policy, [0, 0, 0, 0.0])

    def counted(self, what: str, by: int = 1) -> None:
        with self._lock:
            self._events[what] += by
            if what in _DATED:
                self._latest[what] = self._mono()

    def was_counted(self, what: str, *, within_s: float) -> bool:
        """Whether `what` happened in the last `within_s` seconds."""
        with self._lock:
            latest = self._latest.get(what)
        return latest is not None and self._mono() - latest < within_s

    def stats(self, watched: Watched, *, enabled: bool) -> Stats:
        near, guard = watched.near, watched.guard
        with self._lock:
            n = self._events.copy()
            policies = {
                name: PolicyStats(int(row[0]), int(row[1]), int(row[2]), row[3])
                for name, row in self._policies.items()
            }
            tiers, reasons = self._tiers.copy(), self._reasons.copy()
            plain = tuple(self._plain.values())
        for row in plain:
            hits = row.hits
            if hits:
                n["hits"] += hits
                tiers[row.tier] += hits
                reasons[Reason.FRESH] += hits
                known = policies.get(row.policy, PolicyStats())
                policies[row.policy] = replace(known, hits=known.hits + hits)
        reads = n["hits"] + n["misses"]
        return Stats(
            hits=n["hits"],
            misses=n["misses"],
            operations=reads + n["writes"] + n["deletes"] + n["invalidations"],
            errors=n["errors"],
            hit_rate=whole_per_cent(n["hits"], reads),
            is_enabled=enabled,
            writes=n["writes"],
            deletes=n["deletes"],
            invalidations=n["invalidations"],
            unacknowledged=n["unacknowledged"],
            overloaded=n["overloaded"],
            pending_invalidations=guard.pending,
            foreign=n["foreign"],
            breaker="open" if guard.is_open else "closed",
            tiers=dict(tiers),
            reasons=dict(reasons),
            policies=policies,
            near_bytes=near.used_bytes if near is not None else 0,
            near_limit_bytes=near.max_bytes if near is not None else 0,
            near_entries=len(near) if near is not None else 0,
        )
