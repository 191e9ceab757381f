"""Health: whether the cache does its work, for load balancers and people."""

from dataclasses import dataclass
from typing import Literal

from keepwarm.core.steps import Facts
from keepwarm.observe.counters import Counters, Watched

SHEDDING_S = 10.0
"""How long one shed request makes unhealthy. A time, not "since the last look": anybody may
look, and must not hide it from the load balancer."""

Status = Literal["healthy", "degraded", "unhealthy"]


@dataclass(frozen=True, slots=True)
class Health:
    """`healthy`: all tiers work. `degraded`: the store is away and the app answers without
    it. `unhealthy`: the store is away and requests were shed within the last ten seconds.

    `latency_ms` is that of one round trip, None while the store is away. `notes` say
    what is off, in words.
    """

    status: Status
    latency_ms: float | None
    pending_invalidations: int
    notes: tuple[str, ...] = ()


def health_of(
    watched: Watched, counters: Counters, latency_ms: float | None, facts: Facts
) -> Health:
    """The health that counters and a round trip just made amount to."""
    is_shedding = counters.was_counted("overloaded", within_s=SHEDDING_S)
    pending = watched.guard.pending
    notes = list(facts.notes)
    if pending:
        notes.append(f"{pending} unconfirmed invalidation(s) are being retried")
    if latency_ms is not None:
        return Health("healthy", latency_ms, pending, tuple(notes))
    notes.insert(0, f"shared store away ({watched.guard.why or 'no answer'})")
    if is_shedding:
        notes.append(f"requests were shed within the last {SHEDDING_S:.0f} s")
    return Health("unhealthy" if is_shedding else "degraded", None, pending, tuple(notes))
