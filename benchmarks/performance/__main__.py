"""`python -m benchmarks.performance`: keepwarm beside its peers, in one run.

`--quick` leaves out hit ratios, memory, stored sizes, HTTP, and how a hit's cost grows with
entries and processes.

Writes benchmarks/results/performance.json and the tables of docs/performance.md. With
`--check` it writes nothing and compares the ratios with those stored: exit code 1 if one
has become worse by more than a third. Exit code 0 otherwise, whether or not goals are met:
the page says which.
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import codecs, hit_ratio, http, near_memory
from benchmarks.machine import machine
from benchmarks.pages import rewrite_block
from benchmarks.performance import growth, near, page, shared
from benchmarks.performance.measuring import Figure
from keepwarm.testing.servers import valkey

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
WORSE = 4 / 3
"""The machines are noisy: a ratio of two things measured in turn may differ by a quarter."""


def _say(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def _plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: each.as_json() for name, each in figures.items()}


async def measure(*, is_quick: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds")}
    with valkey(tcp=True) as server:
        url = server.url
        _say("hits in this process")
        hits = await near.measure(url)
        found["near"] = _plain(hits["async"])
        found["blocking"] = _plain(hits["blocking"])
        _say("shared hits")
        found["shared"] = _plain(await shared.measure_hits(url))
        found["detail"] = _plain(await shared.measure_hits(url, shared.Detail))
        found["least"] = _plain(await shared.measure_least())
        _say("raw reads")
        found["gets"] = _plain(await shared.measure_gets(url))
        _say("a storm of cancellations")
        found["storm"] = {name: asdict(each) for name, each in (await shared.storm(url)).items()}
        if not is_quick:
            _say("growth")
            for name, figures in (
                ("by_entries", await growth.by_entries()),
                ("by_processes", await growth.by_processes(url)),
            ):
                found[name] = {str(n): each for n, each in figures.items()}
        found["machine"] = machine("valkey")
    return found


def measure_rest(found: dict[str, Any]) -> None:
    """What runs no event loop of ours."""
    seed = random.SystemRandom().randrange(2**31)
    _say("how often the near tier has what is asked for")
    found["hit_ratio"] = hit_ratio.measure(seed)
    _say("what an entry costs, what stalls")
    found["near_memory"] = near_memory.measure()
    _say("stored sizes")
    found["codecs"] = codecs.measure(seed)
    _say("hits of the HTTP cache")
    found["http"] = http.measure(http.REQUESTS, http.ROUNDS, sys.executable)


def worse(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """The ratios to a peer, or to the bare thing, that have become worse."""
    found = []
    for section, ours in (
        ("near", "keepwarm"),
        ("shared", "keepwarm"),
        ("detail", "keepwarm"),
        ("gets", "keepwarm"),
    ):
        for name in now[section]:
            if name == ours or name not in before.get(section, {}):
                continue
            then = _ratio(before[section], ours, name)
            today = _ratio(now[section], ours, name)
            if today > then * WORSE:
                found.append(f"{section}: {today:.3f} of {name}'s time, was {then:.3f}")
    return found


def _ratio(section: Mapping[str, Any], ours: str, other: str) -> float:
    return float(section[ours]["median_us"]) / float(section[other]["median_us"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.performance", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="single calls only")
    parser.add_argument("--check", action="store_true", help="compare with the stored figures")
    options = parser.parse_args()
    is_quick = options.quick or options.check
    found = asyncio.run(measure(is_quick=is_quick))
    if not is_quick:
        measure_rest(found)
    if options.check:
        stored = json.loads(RESULTS.read_text(encoding="utf-8"))
        complaints = worse(found, stored)
        print("\n".join(complaints) or "no ratio has become worse by more than a third")
        return 1 if complaints else 0
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    rewrite_block(PAGE, page.tables(found))
    print(page.tables(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
