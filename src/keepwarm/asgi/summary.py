"""One request's cached calls in three response fields: X-Cache, Cache-Status, Server-Timing.

Pure. A request may make many cached calls; the answer is only as good as the worst of
them, so that is what the fields tell: a miss before a stale hit before a hit. None of
them carries a key, a tag or a policy: whoever sends a request may read them.
"""

import math
from collections.abc import Iterable, Sequence

from keepwarm.core.outcome import Outcome, Reason, Tier

CACHE_NAME = "keepwarm"
_SHORTEST_S = 0.00005  # what would be shown as 0.0 ms

# RFC 9211 section 2.2. An entry that was found but could not be used is "stale" there,
# whether by its age or by an invalidation; "miss" is for causes the RFC has no word for.
_FORWARDED = {
    Reason.EXPIRED: "stale",
    Reason.INVALIDATED: "stale",
    Reason.DISABLED: "bypass",
    Reason.CONDITION: "bypass",
    Reason.STORE_AWAY: "miss",
    Reason.IN_DEBT: "miss",
    Reason.UNDECODABLE: "miss",
}


def x_cache(outcomes: Sequence[Outcome]) -> str:
    """HIT, STALE or MISS: the worst of `outcomes`, of which there is at least one."""
    if any(not outcome.hit for outcome in outcomes):
        return "MISS"
    return "STALE" if any(outcome.stale for outcome in outcomes) else "HIT"


def cache_status(outcomes: Sequence[Outcome]) -> str:
    """One member of a Cache-Status list (RFC 9211) that sums up at least one outcome."""
    missed = [outcome for outcome in outcomes if not outcome.hit]
    return "; ".join((CACHE_NAME, *(_forwarded(missed) if missed else _hit(outcomes))))


def server_timing(outcomes: Sequence[Outcome], total_s: float) -> str:
    """Metrics of a Server-Timing field; `total_s` is the time up to the response's start.

    `origin` is what the answer would have cost without a cache, at least: it is there for
    hits too, from the fill that made the entry.
    """
    metrics = []
    if outcomes:
        metrics.append(f'cache;desc="{_words(outcomes)}"')
        origin_s = origin_cost_s(outcomes)
        if origin_s >= _SHORTEST_S:
            metrics.append(f"origin;dur={origin_s * 1000:.1f}")
    metrics.append(f"total;dur={total_s * 1000:.1f}")
    return ", ".join(metrics)


def origin_cost_s(outcomes: Iterable[Outcome]) -> float:
    """A lower bound of what the origin took to make what `outcomes` answered.

    The longest fill of each policy, summed: the items of one batch each carry the cost of
    the call that made them all, which must not count once for each.
    """
    longest: dict[str, float] = {}
    for outcome in outcomes:
        longest[outcome.policy] = max(longest.get(outcome.policy, 0.0), outcome.cost_s)
    return sum(longest.values())


def _hit(outcomes: Sequence[Outcome]) -> list[str]:
    stale = [outcome for outcome in outcomes if outcome.stale]
    if stale:
        # A soft invalidation makes stale what has lifetime left: never claim freshness.
        ttl = min(0, *(_whole(outcome.ttl_s) for outcome in stale))
        return ["hit", f"ttl={ttl}", f"detail={stale[0].reason}"]
    ttl = min(_whole(outcome.ttl_s) for outcome in outcomes)
    return ["hit", f"ttl={ttl}", f"detail={_farthest(outcomes)}"]


def _forwarded(missed: Sequence[Outcome]) -> list[str]:
    reason = missed[0].reason
    told = [f"fwd={_FORWARDED.get(reason, 'uri-miss')}"]
    if all(outcome.stored for outcome in missed):
        told.append(f"ttl={min(_whole(outcome.ttl_s) for outcome in missed)}")
        told.append("stored")
    if all(outcome.collapsed for outcome in missed):
        told.append("collapsed")
    if reason not in (Reason.FILLED, Reason.EXPIRED):
        told.append(f"detail={reason}")
    return told


def _words(outcomes: Sequence[Outcome]) -> str:
    match x_cache(outcomes):
        case "MISS":
            return "miss"
        case "STALE":
            return f"{_farthest(outcomes)} stale"
        case _:
            return f"{_farthest(outcomes)} hit"


def _farthest(outcomes: Iterable[Outcome]) -> Tier:
    return Tier.NEAR if all(o.tier is Tier.NEAR for o in outcomes) else Tier.SHARED


def _whole(seconds: float) -> int:
    """Whole seconds, rounded down, within what a structured integer may be (RFC 9651)."""
    return math.floor(max(-1e14, min(seconds, 1e14)))
