"""Figures of a load that was played: how many, how quick, how many refused or hanging."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gallery.load.player import Exchange


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 … 1) of `values` do not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Summary:
    """Latencies are in ms, from sending to the last byte, of answers that were given."""

    requests: int
    answered: int
    shed: int  # refused at once or after the hard timeout: 429, 503, 504
    failed: int  # other 5xx, and no answer at all; hung ones included
    hung: int
    median_ms: float
    p99_ms: float
    slowest_ms: float
    hit_ms: float  # median of answers from the cache
    x_cache: dict[str, int]

    @property
    def errors(self) -> int:
        return self.shed + self.failed


def summary(exchanges: Iterable[Exchange]) -> Summary:
    seen = list(exchanges)
    answered = [one for one in seen if not one.is_failed and not one.is_shed]
    took = [one.took_s * 1000 for one in answered]
    hits = [one.took_s * 1000 for one in answered if one.x_cache == "HIT"]
    shed = sum(1 for one in seen if one.is_shed)
    return Summary(
        requests=len(seen),
        answered=len(answered),
        shed=shed,
        failed=len(seen) - len(answered) - shed,
        hung=sum(1 for one in seen if one.is_hung),
        median_ms=percentile(took, 0.5),
        p99_ms=percentile(took, 0.99),
        slowest_ms=max(took, default=0.0),
        hit_ms=percentile(hits, 0.5),
        x_cache=dict(Counter(one.x_cache for one in answered if one.x_cache)),
    )
