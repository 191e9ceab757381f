"""The counters in Prometheus' text format, from a registry of their own."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from keepwarm.core.steps import Facts
from keepwarm.observe.counters import Stats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(stats: Stats, facts: Facts) -> bytes:
    """One scrape. What the store does not know of itself is left out, never 0."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(stats, facts))
    return generate_latest(registry)


class _Snapshot(Collector):
    """Hands out figures taken already: a scrape never waits for a lock or a store."""

    def __init__(self, stats: Stats, facts: Facts) -> None:
        self._stats = stats
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        yield from self._reads()
        yield from self._counts()
        yield from self._gauges()

    def _reads(self) -> Iterator[Metric]:
        stats = self._stats
        reads = CounterMetricFamily(
            "keepwarm_reads",
            "Cached calls, by how they were answered.",
            labels=("policy", "result"),
        )
        origin = CounterMetricFamily(
            "keepwarm_origin_seconds", "Time that missed calls' origins took.", labels=("policy",)
        )
        for name, found in sorted(stats.policies.items()):
            reads.add_metric((name, "hit"), found.hits - found.stale)
            reads.add_metric((name, "stale"), found.stale)
            reads.add_metric((name, "miss"), found.misses)
            origin.add_metric((name,), found.origin_s)
        yield reads
        yield origin
        tiers = CounterMetricFamily("keepwarm_hits", "Hits, by tier.", labels=("tier",))
        for tier in ("near", "shared"):
            tiers.add_metric((tier,), stats.tiers.get(tier, 0))
        yield tiers
        reasons = CounterMetricFamily(
            "keepwarm_answers", "Cached calls, by the reason for their answer.", labels=("reason",)
        )
        for reason, count in sorted(stats.reasons.items()):
            reasons.add_metric((reason,), count)
        yield reasons

    def _counts(self) -> Iterator[Metric]:
        stats = self._stats
        for name, text, count in (
            ("writes", "Entries written to the shared store.", stats.writes),
            ("deletes", "Keys deleted.", stats.deletes),
            ("invalidations", "Invalidations asked for.", stats.invalidations),
            ("unacknowledged", "Invalidations not confirmed at once.", stats.unacknowledged),
            ("errors", "Store operations that failed.", stats.errors),
            ("overloaded", "Calls shed because every fill slot was busy.", stats.overloaded),
        ):
            yield CounterMetricFamily(f"keepwarm_{name}", text, value=count)

    def _gauges(self) -> Iterator[Metric]:
        stats, facts = self._stats, self._facts
        for name, text, value in (
            ("enabled", "1 while the cache is switched on.", int(stats.is_enabled)),
            ("breaker_open", "1 while the shared store is left alone.", stats.breaker == "open"),
            (
                "pending_invalidations",
                "Unconfirmed invalidations that are being retried.",
                stats.pending_invalidations,
            ),
            ("near_bytes", "Memory of the near tier in use.", stats.near_bytes),
            ("near_limit_bytes", "Memory the near tier may use.", stats.near_limit_bytes),
            ("near_entries", "Entries in the near tier.", stats.near_entries),
            ("store_used_bytes", "Memory the shared store uses.", facts.used_bytes),
            ("store_limit_bytes", "Memory the shared store may use.", facts.limit_bytes),
            ("store_entries", "Keys in the shared store's database.", facts.entries),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"keepwarm_{name}", text, value=float(value))
