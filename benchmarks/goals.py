"""The goals, each with the figure that says whether it was met."""

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.measuring import LoadFigures, ModeFigures

GAIN = 100.0  # of the two expensive modes
EXPENSIVE = ("all", "trending")
HIT_MS = 5.0  # median of a cached page through HTTP, one client
OF_IDEAL = 0.97
#: A store evicts before it runs a command, so what one command adds may lie above its limit.
ONE_COMMAND = 64 * 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Goal:
    goal: str
    figure: str
    met: bool


def goals(modes: list[ModeFigures], loads: list[LoadFigures]) -> list[Goal]:
    found = [
        Goal(f"'{each.mode}' at least {GAIN:.0f} times as quick", f"{each.gain:,.0f} ×",
             each.gain >= GAIN)
        for each in modes if each.mode in EXPENSIVE
    ]  # fmt: skip
    slowest = max(modes, key=lambda each: each.cached.median_ms)
    found.append(
        Goal(
            f"median of a cached page below {HIT_MS:.0f} ms, one client",
            f"{slowest.cached.median_ms:.1f} ms ({slowest.mode}, the slowest)",
            slowest.cached.median_ms < HIT_MS,
        )
    )
    for load in loads:
        ran, verdict, name = load.ran, load.verdict, load.name
        if load.name != "outage":
            found.append(
                Goal(
                    f"{name}: hit ratio at least {OF_IDEAL} of an unlimited cache's",
                    f"{ran.of_ideal:.3f} ({ran.hit_ratio:.1%} of {ran.ideal.ratio:.1%})",
                    ran.of_ideal >= OF_IDEAL,
                )
            )
        if load.name == "eviction":
            evicted = ran.store.evicted if ran.store else 0
            found.append(Goal(f"{name}: the store evicts", f"{evicted:,} keys", evicted > 0))
        found += [
            Goal(
                f"{name}: memory under its limit",
                f"{ran.peak_bytes / MIB:.1f} of {ran.limit_bytes / MIB:.1f} MiB",
                ran.peak_bytes <= ran.limit_bytes + ONE_COMMAND,
            ),
            Goal(
                f"{name}: no request fails",
                f"{ran.summary.errors} of {ran.summary.requests:,}",
                ran.summary.errors == 0,
            ),
            Goal(
                f"{name}: no answer is wrong",
                f"{len(verdict.wrong)} of {verdict.judged:,}",
                not verdict.wrong and verdict.judged > 0,
            ),
        ]
    return found


def mode_result(each: ModeFigures) -> dict[str, Any]:
    return {**asdict(each), "gain": round(each.gain, 1)}


def load_result(load: LoadFigures) -> dict[str, Any]:
    """One run of the load as it is kept in results/."""
    ran, verdict = load.ran, load.verdict
    return {
        "name": load.name,
        "maxmemory": load.maxmemory,
        "notes": load.notes,
        "seconds": round(ran.played.took_s, 1),
        "events": [(round(at, 1), name) for at, name in ran.played.events],
        "summary": asdict(ran.summary),
        "calls": {
            "hits": ran.calls.hits, "misses": ran.calls.misses, "computed": ran.calls.computed
        },
        "hit_ratio": round(ran.hit_ratio, 4),
        "ideal": {"hits": ran.ideal.hits, "misses": ran.ideal.misses},
        "ideal_on_trial": {"hits": ran.on_trial.hits, "misses": ran.on_trial.misses},
        "ideal_ratio": round(ran.ideal.ratio, 4),
        "of_ideal": round(ran.of_ideal, 4),
        "ideal_by_policy": ran.ideal.by_policy,
        "queries_per_s": round(ran.queries_per_s, 1),
        "store": asdict(ran.store) if ran.store else None,
        "peak_bytes": ran.peak_bytes,
        "limit_bytes": ran.limit_bytes,
        "errors": [
            {"path": one.path, "status": one.status, "error": one.error}
            for one in ran.played.exchanges if one.is_failed
        ][:50],
        "oracle": {
            "judged": verdict.judged,
            "wrong": len(verdict.wrong),
            "recomputed": verdict.recomputed,
            "versions": verdict.versions,
            "unjudged": verdict.unjudged,
            "examples": [(one.exchange.path, one.why) for one in verdict.wrong[:20]],
        },
    }  # fmt: skip
