"""`python -m benchmarks`: measure everything in one run and write down what it gave.

Exit code 0 if every goal was met, 1 if not, 2 if it could not be measured.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import pages
from benchmarks.goals import Goal, goals, load_result, mode_result
from benchmarks.machine import machine
from benchmarks.measuring import QUICK, Effort, Tell, measure_load, measure_modes
from gallery.__main__ import _seed as seed_once
from gallery.data.database import Database
from gallery.data.seeding import seed
from gallery.data.world import SMALL
from gallery.load.plan import DEFAULT_FILE, Plan, PlanError
from gallery.load.replay import Diverged
from gallery.load.stage import StageError, sqlite_path
from gallery.origin import rounded, utc_now
from gallery.settings import Settings, SettingsError

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
QUICK_S, QUICK_PER_S = 4.0, 25.0


async def measure(
    source: Path, plan: Plan, effort: Effort, tell: Tell, directory: Path
) -> tuple[dict[str, object], str, str, list[Goal]]:
    """(results, page, block of the README, goals)."""
    began = datetime.now(UTC)
    modes, store = await measure_modes(directory / "modes", source, plan, effort, tell)
    about = machine(store)
    loads = [
        await measure_load(directory / "load", source, plan, tell, name="load"),
        await measure_load(
            directory / "eviction", source, plan, tell, name="eviction",
            maxmemory=effort.small_store, crawl_pages=effort.crawl_pages,
        ),
        await measure_load(
            directory / "outage", source, plan, tell, name="outage", is_disturbed=True
        ),
    ]  # fmt: skip
    found = goals(modes, loads)
    results: dict[str, object] = {
        "measured_at": began.isoformat(timespec="seconds"),
        "took_s": round((datetime.now(UTC) - began).total_seconds()),
        "machine": about,
        "modes": [mode_result(each) for each in modes],
        "loads": [load_result(each) for each in loads],
        "goals": [{"goal": g.goal, "figure": g.figure, "met": g.met} for g in found],
    }
    text = pages.page(about, modes, loads, found)
    return results, text, pages.readme_block(about, modes, loads), found


async def run(arguments: argparse.Namespace, console: Console) -> int:
    plan = Plan.read(arguments.load)
    effort = QUICK if arguments.quick else Effort()
    columns = (TextColumn("  {task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="gallery-bench-") as temporary:
        directory = Path(temporary)
        if arguments.quick:
            plan = plan.but(seconds=QUICK_S, requests_per_s=QUICK_PER_S)
            source = directory / "small.db"
            await _small(source)
        else:
            settings = Settings.from_env()
            source = sqlite_path(settings.database_url)
            await seed_once(settings)
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("beginning", total=1.0)

            def tell(what: str, done: float) -> None:
                bar.update(task, description=what, completed=done)

            results, text, block, found = await measure(source, plan, effort, tell, directory)
    for goal in found:
        mark = "[green]met[/green]   " if goal.met else "[red]missed[/red]"
        console.print(f"  {mark} {goal.goal}: {goal.figure}", soft_wrap=True)
    if arguments.quick:
        console.print("  A quick run measures nothing worth keeping: nothing was written.")
        return 0 if all(g.met for g in found if "wrong" in g.goal or "fails" in g.goal) else 1
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "gallery.json").write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(text, encoding="utf-8")
    console.print(f"  Written: {RESULTS / 'gallery.json'}, {PAGE}")
    try:
        pages.rewrite_block(README, block)
    except pages.MarkersMissing as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all(goal.met for goal in found) else 1


async def _small(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    try:
        await database.migrate()
        await seed(database, SMALL, reference=rounded(utc_now()))
    finally:
        await database.dispose()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test on a small database")
    parser.add_argument(
        "--load", type=Path, default=DEFAULT_FILE, metavar="FILE", help="another load file"
    )
    return parser.parse_args()


if __name__ == "__main__":
    for talkative in ("alembic", "httpx", "pyvips", "keepwarm"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    try:
        code = asyncio.run(run(parse(), Console(highlight=False)))
    except (SettingsError, PlanError, StageError, Diverged) as error:
        print(error, file=sys.stderr)
        code = 2
    sys.exit(code)
