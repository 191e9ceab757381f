"""The measured figures as text: docs/benchmarks.md whole, and one block of the README."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.goals import MIB, Goal
from benchmarks.measuring import LoadFigures, ModeFigures

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


class MarkersMissing(Exception):
    """The README has no place for the figures; the message says what to add."""


def rewrite_block(path: Path, block: str) -> None:
    """Put `block` between the markers of the file at `path`. Raises MarkersMissing."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise MarkersMissing(
            f"{path} was left as it is: it needs one line {BEGIN} and after it one line {END}, "
            "between which the figures go"
        )
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n{block.strip()}\n{END}{after}", encoding="utf-8")


def readme_block(
    machine: dict[str, Any], modes: Sequence[ModeFigures], loads: Sequence[LoadFigures]
) -> str:
    by_name = {load.name: load for load in loads}
    plain, small, outage = by_name["load"], by_name["eviction"], by_name["outage"]
    lines = [
        "| page of 50,000 characters | without cache | from the cache | gain | p99 from the cache "
        "| 20 clients, cached |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.mode} | {_ms(each.uncached.median_ms)} | {_ms(each.cached.median_ms)} "
        f"| {each.gain:,.0f} × | {_ms(each.cached.p99_ms)} | {_ms(each.cached_crowd.median_ms)} |"
        for each in modes
    ]
    evicted = small.ran.store.evicted if small.ran.store else 0
    verdicts = [load.verdict for load in loads]
    errors = sum(load.ran.summary.errors for load in loads)
    requests = sum(load.ran.summary.requests for load in loads)
    lines += [
        "",
        f"Medians over HTTP on {machine['cores']} cores shared by client, server and store "
        "(the specification: 2–3 s → 22 ms).",
        "",
        f"- **Hit ratio** of the simulated users, from cold: {plain.ran.hit_ratio:.1%} of cached "
        f"calls, {plain.ran.of_ideal:.3f} of what an unlimited cache gets on the same sequence "
        f"(the specification: 67 → 80 %); in a store of 32 MB that evicted {evicted:,} keys "
        f"{small.ran.hit_ratio:.1%}, {small.ran.of_ideal:.3f} of the ideal.",
        f"- **Memory**: at most {small.ran.peak_bytes / MIB:.1f} MiB of "
        f"{small.ran.limit_bytes / MIB:.0f} MiB.",
        f"- **Errors**: {errors} of {requests:,} requests, also with the store killed, restarted, "
        f"frozen and thawed in mid-load ({outage.ran.summary.requests:,} of them).",
        f"- **Wrong answers**: {sum(len(each.wrong) for each in verdicts)} of "
        f"{sum(each.judged for each in verdicts):,}, each compared with an uncached app on the "
        "same version of the data.",
        "",
        "[How this is measured](docs/benchmarks.md); `make bench` does it again.",
    ]
    return "\n".join(lines)


def page(
    machine: dict[str, Any],
    modes: Sequence[ModeFigures],
    loads: Sequence[LoadFigures],
    goals: Sequence[Goal],
) -> str:
    """docs/benchmarks.md."""
    parts = [_INTRODUCTION, _machine(machine), _modes(modes), _loads(loads), _goals(goals), _METHOD]
    return "\n".join(part.strip() + "\n" for part in parts)


def _ms(value: float) -> str:
    return f"{value / 1000:,.2f} s" if value >= 1000 else f"{value:.1f} ms"


def _machine(machine: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return f"""
## The machine

{machine["processor"]}, {machine["cores"]} cores, {machine["memory_gib"]} GiB,
{machine["system"]}, Python {machine["python"]}, {machine["store"]}, SQLite;
{packages}. Commit {machine["commit"]}. Load average when it began:
{", ".join(str(each) for each in machine["load_average"])}.
"""


def _modes(modes: Sequence[ModeFigures]) -> str:
    rows = [
        "## One page of a list",
        "",
        "24 cards over HTTP; median / p99. Without the cache a crowd asks for more than can be",
        "computed, so some are refused.",
        "",
        "| mode | without, 1 client | cached, 1 client | gain | without, 20 clients | refused "
        "| cached, 20 clients |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in modes:
        a, b, many_a, many_b = (
            f"{_ms(t.median_ms)} / {_ms(t.p99_ms)}"
            for t in (each.uncached, each.cached, each.uncached_crowd, each.cached_crowd)
        )
        rows.append(
            f"| {each.mode} | {a} | {b} | {each.gain:,.0f} × "
            f"| {many_a} | {each.refused} | {many_b} |"
        )
    counts = modes[0]
    rows += [
        "",
        f"Requests per figure: {counts.uncached.count} and {counts.cached.count} by one client, "
        f"{counts.uncached_crowd.count + counts.refused} and {counts.cached_crowd.count} by 20.",
    ]
    return "\n".join(rows)


def _loads(loads: Sequence[LoadFigures]) -> str:
    def row(name: str, *cells: str) -> str:
        return f"| {name} | " + " | ".join(cells) + " |"

    rows = [
        "## Simulated users",
        "",
        row("", *(load.name for load in loads)),
        "|---|" + "---:|" * len(loads),
        row("store", *(load.maxmemory for load in loads)),
        row("requests", *(f"{load.ran.summary.requests:,}" for load in loads)),
        row("failed or shed", *(str(load.ran.summary.errors) for load in loads)),
        row("hanging", *(str(load.ran.summary.hung) for load in loads)),
        row("median", *(_ms(load.ran.summary.median_ms) for load in loads)),
        row("median of hits", *(_ms(load.ran.summary.hit_ms) for load in loads)),
        row("p99", *(_ms(load.ran.summary.p99_ms) for load in loads)),
        row("hit ratio of cached calls", *(f"{load.ran.hit_ratio:.1%}" for load in loads)),
        row("of an unlimited cache", *(f"{load.ran.ideal.ratio:.1%}" for load in loads)),
        row(
            "… that trusts a new store as late as ours",
            *(f"{load.ran.on_trial.ratio:.1%}" for load in loads),
        ),
        row("ratio to the unlimited one", *(f"{load.ran.of_ideal:.3f}" for load in loads)),
        row("database queries per second", *(f"{load.ran.queries_per_s:.1f}" for load in loads)),
        row("store memory, at most", *(f"{x.ran.peak_bytes / MIB:.1f} MiB" for x in loads)),
        row("its limit", *(f"{x.ran.limit_bytes / MIB:.1f} MiB" for x in loads)),
        row("evicted", *(f"{x.ran.store.evicted if x.ran.store else 0:,}" for x in loads)),
        row("answers judged", *(f"{load.verdict.judged:,}" for load in loads)),
        row("versions of the data", *(f"{load.verdict.versions:,}" for load in loads)),
        row("answers recomputed", *(f"{load.verdict.recomputed:,}" for load in loads)),
        row("wrong", *(str(len(load.verdict.wrong)) for load in loads)),
    ]
    for load in loads:
        if load.ran.played.events:
            told = ", ".join(f"{name} at {at:.0f} s" for at, name in load.ran.played.events)
            rows += ["", f"*{load.name}*: the store was {told}; its hit ratio is until then."]
        if load.notes:
            rows += ["", f"*{load.name}*: {'; '.join(load.notes)}."]
    return "\n".join(rows)


def _goals(goals: Sequence[Goal]) -> str:
    rows = ["## Goals", "", "| goal | measured | met |", "|---|---|---|"]
    rows += [f"| {g.goal} | {g.figure} | {'yes' if g.met else '**no**'} |" for g in goals]
    return "\n".join(rows)


_INTRODUCTION = """
# Benchmarks

Written by `make bench`, in one run; the raw figures are in `benchmarks/results/`.
"""

_METHOD = """
## How it is measured

**Processes.** Client, server (uvicorn, one process) and store (Valkey) are three processes
on one machine and share its cores; the client speaks HTTP over keep-alive connections of
the loopback device. The database is a copy of the seeded default: 50,000 characters,
1.2 million interactions. Nothing is slowed down, and every index a reviewer would ask for
exists (docs/gallery-queries.md).

**Modes.** Measurements without and with the cache alternate (A B A B), on two servers that
differ in `CACHE_ENABLED` only.

**The load** is `apps/gallery/src/gallery/load/default.toml`: users, rates, mix, Zipf
exponents, share of writes and the seed. File, seed and database decide every request.
Reads go out when they are due, whatever the earlier ones do. Writes wait for each other,
so that the data have numbered versions. The cache is cold at the beginning.

**The unlimited cache** (`gallery.load.ideal`) has the same keys, lifetimes and
invalidations, never evicts and fills in no time. It is given the same requests; the ratio
compares cached calls, of which a page of 24 cards makes 25. A call hit if nothing was computed
for it, whichever layer answered: a stored response answers for all the calls of its handler.

**A new store.** The store is started for the load, and empty. One that has just begun, or has
lost everything, may lack the mark of a writer who is about to commit and die, so for ten seconds
whatever is filled ends with these, and is computed once more after them (decisions/0021). The
row about a new store says what that alone costs an unlimited cache. It is paid once for each
start of a store, not for each start of an app.

**The oracle** (`gallery.load.oracle`) plays the writes again on a copy of the database
from before the load, and asks an app with its cache switched off what each request had
been answered at each version that was current between its sending and its arrival. An
answer that equals none of them is wrong. Only two things may be older, within what a
policy allows: counts of views (which must then have been the counter's value at one
moment), and orders that likes and views move (which must be right after some prefix of
them). Rankings are recomputed for the ten minutes that the answer names.
At the end the replayed database must equal the one that the load left. A test drops the
invalidations, and the oracle finds it out.

**Killing the store.** `gallery.load.stage` starts the store itself and gives the server
its address (`REDIS_URL`), so it can kill, freeze, thaw and restart it while the load runs.
"""
