"""What a run says: a line for each cell while it goes on, JSON and a page at the end."""

import platform
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from keepwarm.testing.chaos.cells import Result

BEGIN, END = "<!-- chaos:begin -->", "<!-- chaos:end -->"
_COUNTS = ("reads", "acks", "unacked", "overlaps", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8")
_WIDTH = 34


class MarkersMissing(Exception):
    """A page without the two comments between which the table goes."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: a cell, or the same cell over several seeds."""

    name: str
    counts: tuple[int, ...]
    injected: int
    hits: int
    longest_read_s: float
    state: str
    """ "kept", "BROKEN" or why it was not run."""

    def cells(self) -> tuple[str, ...]:
        if self.state not in ("kept", "BROKEN"):
            return (self.name, f"not run: {self.state}")
        reads = self.counts[0]
        return (
            self.name,
            f"{self.injected}",
            *(f"{count:,}" for count in self.counts),
            f"{100 * self.hits / reads:.0f}" if reads else "-",
            f"{1000 * self.longest_read_s:.0f}",
            self.state,
        )


HEADINGS = (
    "fault", "times", "reads", "acks", "unacked", "overlaps",
    "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "hit %", "longest read ms", "",
)  # fmt: skip


def name_of(result: Result) -> str:
    """The fault, and in what it differs from the default cast."""
    cast = result.cell.cast
    marks = [cast.coherence]
    marks += ["writing"] if cast.is_writing else []
    marks += ["journal"] if cast.has_journal else []
    marks += [cast.mutant.value] if cast.mutant.value != "none" else []
    return f"{result.cell.name} ({', '.join(marks)})"


def summed(results: Iterable[Result]) -> list[Line]:
    """One line for each name, over its seeds."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[name_of(result)].append(result)
    return [line_of(name, group) for name, group in groups.items()]


def line_of(name: str, results: Sequence[Result]) -> Line:
    run = [result for result in results if not result.not_run]
    verdicts = [result.verdict for result in run]
    if not run:
        state = results[0].not_run
    else:
        state = "kept" if all(result.is_kept for result in run) else "BROKEN"
    return Line(
        name,
        tuple(sum(getattr(verdict, count) for verdict in verdicts) for count in _COUNTS),
        sum(sum(result.injected.values()) for result in run),
        sum(verdict.hits for verdict in verdicts),
        max((verdict.longest_read_s for verdict in verdicts), default=0.0),
        state,
    )


def heading() -> str:
    return _row(HEADINGS)


def told(result: Result) -> str:
    """The line of one cell, and below it what was wrong."""
    cast = result.cell.cast
    line = line_of(f"{name_of(result)} {cast.server} seed {cast.seed}", [result])
    wrong = [] if result.is_kept else [f"    {story}" for story in result.verdict.stories]
    wrong += [f"    {result.broken}"] if result.broken else []
    return "\n".join([_row(line.cells()), *wrong])


def total(results: Sequence[Result]) -> str:
    run = [result for result in results if not result.not_run]
    verdicts = [result.verdict for result in run]
    broken = sum(not result.is_kept for result in run)
    left_out = sorted({r.cell.name for r in results if r.not_run})
    return (
        f"{sum(v.reads for v in verdicts):,} reads, {sum(v.acks for v in verdicts):,} acks, "
        f"{sum(v.unacked for v in verdicts):,} not acknowledged, "
        f"{sum(v.overlaps for v in verdicts):,} reads during an invalidation of their row, "
        f"{len(run)} cells, {broken} broken"
        + (f"; not run: {', '.join(left_out)}" if left_out else "")
    )


def as_json(results: Sequence[Result], *, began: str, took_s: float) -> dict[str, Any]:
    return {
        "began": began,
        "took_s": round(took_s),
        "machine": {
            "processors": _processors(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "total": total(results),
        "cells": [_cell(result) for result in results],
    }


def _cell(result: Result) -> dict[str, Any]:
    cast = result.cell.cast
    found: dict[str, Any] = {
        "faults": list(result.cell.faults),
        "coherence": cast.coherence,
        "server": cast.server,
        "database": cast.database,
        "processes": cast.processes,
        "seed": cast.seed,
        "seconds": result.cell.seconds,
        "mutant": cast.mutant.value,
        "writing": cast.is_writing,
        "journal": cast.has_journal,
    }
    if result.not_run:
        return found | {"not_run": result.not_run}
    values = {f.name: getattr(result.verdict, f.name) for f in fields(result.verdict)}
    verdict = {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in values.items()
        if name != "is_writing"
    }
    return found | {
        "kept": result.is_kept,
        "injected": result.injected,
        "could_not_inject": result.failed,
        "took_s": round(result.took_s, 1),
        "broken": result.broken,
        **verdict,
    }


def page_block(results: Sequence[Result], *, began: str, took_s: float) -> str:
    """The generated part of docs/chaos.md."""
    casts = [result.cell.cast for result in results]
    ages = [r.verdict.s2_longest_s for r in results if r.cell.cast.coherence != "bounded"]
    acks = [r.verdict.median_ack_s for r in results if r.cell.name == "none"]
    lines = [
        f"Measured {began[:10]} in {took_s / 60:.0f} minutes on {_processors()} processors, "
        f"{platform.python_implementation()} {platform.python_version()}; "
        f"{casts[0].processes} processes, seeds {sorted({c.seed for c in casts})}, servers: "
        f"{', '.join(sorted({c.server for c in casts}))}; database: "
        f"{', '.join(sorted({c.database for c in casts}))}.",
        "",
        f"**{total(results)}.** Without faults an acknowledgement took "
        f"{1000 * max(acks, default=0.0):.0f} ms (median). The oldest value that anybody was "
        f"served between a commit and its acknowledgement was {max(ages, default=0.0):.2f} s "
        "behind the database (S2).",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
    ]
    for line in summed(results):
        cells = line.cells()
        cells += ("",) * (len(HEADINGS) - len(cells))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def rewrite(path: Path, block: str) -> None:
    """Put `block` between the markers of the page."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise MarkersMissing(f"{path} lacks {BEGIN} or {END}")
    path.write_text(f"{before}{BEGIN}\n{block}\n{END}{after}", encoding="utf-8")


def _row(cells: Sequence[str]) -> str:
    first, *rest = cells
    if len(rest) == 1:
        return f"{first:<{_WIDTH}} {rest[0]}"
    return f"{first:<{_WIDTH}} " + " ".join(
        f"{cell:>{max(len(heading), 7 if 1 < n < 6 else 4)}}"
        for n, (cell, heading) in enumerate(zip(rest, HEADINGS[1:], strict=True), 1)
    )


def _processors() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
