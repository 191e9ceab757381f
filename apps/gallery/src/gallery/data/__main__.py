"""`python -m gallery.data`: bring a database to head, seed it, explain its queries."""

import argparse
import asyncio
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gallery.data.database import Database
from gallery.data.explaining import examples, explain
from gallery.data.seeding import DEMO_PASSWORD, SeedReport, seed, seeding
from gallery.data.world import SIZES
from gallery.settings import Settings


async def seed_with_progress(
    database: Database, size: str, number: int, reference: datetime
) -> SeedReport:
    """Migrate and seed, drawing a progress bar on standard error."""
    await database.migrate()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("Seeding", total=1.0)

        def report(stage: str, done: float) -> None:
            bar.update(task, description=stage, completed=done)

        return await seed(database, SIZES[size], reference=reference, seed=number, progress=report)


async def main(arguments: argparse.Namespace) -> None:
    database = Database(arguments.database)
    console = Console(stderr=True)
    try:
        if arguments.verb == "migrate":
            await database.migrate()
            return
        if arguments.verb == "explain":
            await print_plans(database)
            return
        reference = arguments.reference or datetime.now(UTC)
        rounded = reference.replace(minute=reference.minute // 10 * 10, second=0, microsecond=0)
        done = await seed_with_progress(database, arguments.size, arguments.seed, rounded)
    finally:
        await database.dispose()
    if not done.seeded:
        console.print(f"Already seeded ({done.size}): nothing to do.")
        return
    console.print(f"Seeded ({done.size}) in {done.took_s:.1f} s.")
    console.print(f"Sign in as u0, u1, … with {DEMO_PASSWORD!r}", highlight=False)
    console.print(f"or as admin with {done.admin_password!r}.", highlight=False)


async def print_plans(database: Database) -> None:
    """Every query's time and plans on a seeded database, as Markdown on standard output."""
    async with database.session() as session:
        marker = await seeding(session)
    if marker is None:
        raise SystemExit("Not seeded: run `python -m gallery.data seed` first.")
    print("| query | ms (median of 5) | statements |\n|---|---:|---:|")
    found = []
    calls = examples(marker.reference, user_id=5, character_id=1_000, username="u3")
    for name, query in calls.items():
        found.append(await explain(database, query, name))
        print(f"| {name} | {found[-1].median_ms:,.1f} | {len(found[-1].plans)} |", flush=True)
    for one in found:
        print(f"\n### {one.name}\n")
        for plan in one.plans:
            print("".join(f"    {line}\n" for line in plan))


def _aware(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gallery.data", description=__doc__)
    parser.add_argument("verb", choices=["migrate", "seed", "explain"])
    parser.add_argument("--size", choices=sorted(SIZES), default="default")
    parser.add_argument("--seed", type=int, default=1, help="another number, another world")
    parser.add_argument(
        "--database", default=Settings.from_env().database_url, help="default: DATABASE_URL"
    )
    parser.add_argument(
        "--reference", type=_aware, help="when the last interaction was (default: now)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
