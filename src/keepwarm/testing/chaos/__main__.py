"""`python -m keepwarm.testing.chaos`: one run, or with --matrix all of them.

Exit code 0 if every promise was kept, 1 if S1, S4, S5, S6 or S8 was found (or S3 with
--writing), or a worker hung or ended by itself, 2 if it could not be run.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from keepwarm.testing.chaos import report
from keepwarm.testing.chaos.cells import Cell, Result, run
from keepwarm.testing.chaos.injectors import INJECTORS
from keepwarm.testing.chaos.matrix import Extent, cells, servers_here
from keepwarm.testing.chaos.stage import Cast
from keepwarm.testing.chaos.worker import Mutant


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    if options.list:
        for injector in INJECTORS.values():
            missing = injector.missing(options.server or "valkey")
            print(f"{injector.name:<16} {injector.about}" + (f" [{missing}]" * bool(missing)))
        return 0
    chosen = _cells(options)
    began, start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    print(report.heading(), flush=True)
    results = asyncio.run(_run(chosen))
    print(report.total(results))
    took_s = time.monotonic() - start
    if options.json:
        said = report.as_json(results, began=began, took_s=took_s)
        options.json.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    if options.page:
        block = report.page_block(results, began=began, took_s=took_s)
        report.rewrite(options.page, block)
    if not any(not result.not_run for result in results):
        return 2
    return 0 if all(result.is_kept or result.not_run for result in results) else 1


async def _run(chosen: Sequence[Cell]) -> list[Result]:
    results = []
    for cell in chosen:
        result = await run(cell)
        results.append(result)
        print(report.told(result), flush=True)
    return results


def _cells(options: argparse.Namespace) -> list[Cell]:
    cast = Cast(
        processes=options.processes,
        seed=options.seed,
        database=options.database,
        mutant=Mutant(options.mutant),
        is_writing=options.writing,
        has_journal=options.journal,
    )
    coherences = options.coherence.split(",")
    if options.matrix:
        extent = Extent(
            seeds=tuple(map(int, options.seeds.split(","))),
            coherences=coherences,
            pairs=options.pairs,
            seconds=options.seconds or 6.0,
            cast=cast,
            servers=(options.server,) if options.server else servers_here(),
        )
        return list(cells(extent))
    cast = replace(cast, server=options.server or "valkey", coherence=coherences[0])
    return [Cell(cast, options.faults, options.seconds or 60.0)]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m keepwarm.testing.chaos",
        description=(__doc__ or "").partition("\n")[0],
    )
    add = parser.add_argument
    add("--processes", type=int, default=4, help="worker processes (4)")
    add("--seconds", type=float, help="of load and faults in a run (60; in the matrix 6)")
    add("--seed", type=int, default=1)
    add("--coherence", default="", help="strict (default), validate, bounded; the matrix: a list")
    add("--server", choices=("valkey", "redis"), help="valkey; the matrix: both in turn")
    add("--database", choices=("sqlite", "postgresql"), default="sqlite")
    add("--faults", type=_faults, default=(), help="all, none, or names joined by +; see --list")
    add("--writing", action="store_true", help="announce commits with cache.writing()")
    add("--journal", action="store_true", help="Cache(journal=...)")
    add("--mutant", choices=[m.value for m in Mutant], default="none", help="must be caught")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--list", action="store_true", help="the faults, and why one cannot be run here")
    add("--matrix", action="store_true", help="each fault alone for each seed, then pairs")
    add("--seeds", default="1,2,3", help="of the matrix")
    add("--pairs", type=int, default=40, metavar="N", help="pairs of faults in the matrix (40)")
    add("--page", type=Path, metavar="FILE", help="put the matrix's table into this page")
    options = parser.parse_args(arguments)
    options.coherence = options.coherence or (
        "strict,validate,bounded" if options.matrix else "strict"
    )
    unknown = set(options.coherence.split(",")) - {"strict", "validate", "bounded"}
    if unknown:
        parser.error(f"unknown coherence: {', '.join(sorted(unknown))}")
    return options


def _faults(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    if text == "all":
        return tuple(name for name, injector in INJECTORS.items() if not injector.missing("valkey"))
    names = tuple(text.split("+"))
    unknown = [name for name in names if name not in INJECTORS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; see --list")
    return names


if __name__ == "__main__":
    sys.exit(main())
