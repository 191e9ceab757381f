"""The counters as one JSON-ready dict, in the words that HTTP and the command line show."""

from typing import Any

from keepwarm.core.steps import Facts
from keepwarm.observe.counters import PolicyStats, Stats, whole_per_cent


def figures(stats: Stats, facts: Facts) -> dict[str, Any]:
    """Counts of this process since it started, and the store's memory.

    `cache` holds exactly six figures: `operations` are reads + writes + deletes +
    invalidations, `hitRate` is in whole per cent. Bytes are bytes; what the store does
    not know or may not say is None.
    """
    return {
        "cache": {
            "hits": stats.hits,
            "misses": stats.misses,
            "operations": stats.operations,
            "errors": stats.errors,
            "hitRate": stats.hit_rate,
            "isEnabled": stats.is_enabled,
        },
        "tiers": {
            "near": stats.tiers.get("near", 0),
            "shared": stats.tiers.get("shared", 0),
            "origin": stats.misses,
        },
        "policies": {name: _policy(found) for name, found in sorted(stats.policies.items())},
        "reasons": dict(sorted(stats.reasons.items())),
        "writes": stats.writes,
        "deletes": stats.deletes,
        "invalidations": stats.invalidations,
        "unacknowledged": stats.unacknowledged,
        "overloaded": stats.overloaded,
        "memory": {"used": facts.used_bytes, "limit": facts.limit_bytes},
        "near": {
            "used": stats.near_bytes,
            "limit": stats.near_limit_bytes,
            "entries": stats.near_entries,
        },
        "breaker": stats.breaker,
        "pendingInvalidations": stats.pending_invalidations,
    }


def _policy(found: PolicyStats) -> dict[str, Any]:
    return {
        "hits": found.hits,
        "stale": found.stale,
        "misses": found.misses,
        "hitRate": whole_per_cent(found.hits, found.hits + found.misses),
        "originSeconds": round(found.origin_s, 3),
    }
