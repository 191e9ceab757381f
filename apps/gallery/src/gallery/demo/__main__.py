"""`python -m gallery.demo`: what `make demo` shows. Exit code 1 if a promise did not hold.

It serves copies of the database of `make run` (which it seeds if there is none yet), so
nothing it does is seen there.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from gallery.__main__ import _seed as seed_once
from gallery.data.values import Mode
from gallery.demo import screen
from gallery.demo.screen import Promise, Tally
from gallery.load.modes import timed, timing
from gallery.load.plan import DEFAULT_FILE, Plan, PlanError
from gallery.load.player import Exchange
from gallery.load.replay import Diverged
from gallery.load.run import (
    Fault,
    Ground,
    Ran,
    Run,
    faults,
    judged,
    prepare,
    prepare_again,
    slower,
)
from gallery.load.stage import ServerProcess, Stage, StageError, sqlite_path, stage
from gallery.settings import Settings, SettingsError
from keepwarm.stores.redis.server import NoServer

UNCACHED_RUNS, CACHED_RUNS = 3, 30
SAMPLE, SAMPLE_PER_S = 40, 4.0  # requests without cache, at a rate that can be borne
GAIN = 100  # what the expensive modes are to gain at least
EXPENSIVE = (Mode.ALL, Mode.TRENDING)
RUSH, RUSH_S = 3.0, 15.0  # how much more than the load's rate, and for how long


@dataclass(slots=True)
class Demo:
    """One showing, on a console."""

    console: Console
    stage: Stage
    source: Path
    plan: Plan
    promises: list[Promise] = field(default_factory=list)

    async def show(self) -> None:
        self._say(1, "The same list, without and with the cache")
        without = await self._modes()
        self._say(
            2,
            f"{self.plan.users.count} users, {self.plan.requests_per_s:.0f} requests a second; "
            "the store is killed half way, brought back, frozen and thawed",
        )
        ground = await prepare(self.stage, self.source, self.plan, "live")
        await asyncio.to_thread(self.stage.store.restart)
        server = await self.stage.server(ground.live)
        ran = await self._load(server, ground)
        self.console.print(screen.load_table(ran, without * self.plan.requests_per_s))
        self._say(3, f"{RUSH:.0f} times as many requests, the store killed half way")
        again = await prepare_again(self.stage, ground.live, self.plan, "rush")
        # The rush writes too: the load is judged by the data it left, which are the rush's before.
        ground = replace(ground, live=again.snapshot)
        await self._rush(server, again)
        await server.stop()
        self._say(4, "Each answer of the load compared with an uncached app on the same data")
        await self._judge(ground, ran)
        self._say(5, "Promises")
        self.console.print(screen.promises_table(self.promises))

    def _say(self, number: int, text: str) -> None:
        screen.heading(self.console, number, text)

    def _promise(self, claim: str, held: bool, figure: str) -> None:
        self.promises.append(Promise(claim, held, figure))

    async def _modes(self) -> float:
        """Time each mode both ways; database queries per request without the cache."""
        ground = await prepare(self.stage, self.source, self.plan, "modes")
        plain = await self.stage.server(ground.live, cached=False)
        cached = await self.stage.server(ground.live)
        rows = []
        with screen.progress(self.console) as bar:
            total = len(Mode) * (UNCACHED_RUNS + CACHED_RUNS + 1)
            task = bar.add_task("asking", total=total, said="")

            def tell() -> None:
                bar.advance(task)

            for mode in Mode:
                bar.update(task, description=f"{mode.value:<9}")
                slow = await timed(plain.connections, mode, count=UNCACHED_RUNS, tell=tell)
                await timed(cached.connections, mode, count=1, tell=tell)
                quick = await timed(cached.connections, mode, count=CACHED_RUNS, tell=tell)
                rows.append((mode, timing(slow).median_ms, timing(quick).median_ms))
        self.console.print(screen.modes_table([(m.value, slow, quick) for m, slow, quick in rows]))
        for mode, slow_ms, quick_ms in rows:
            if mode in EXPENSIVE:
                gain = slow_ms / quick_ms
                self._promise(
                    f"a page of '{mode.value}' is at least {GAIN} times as quick",
                    gain >= GAIN,
                    f"{gain:,.0f} ×",
                )
        await cached.stop()
        per_request = await self._sample(plain, ground)
        await plain.stop()
        return per_request

    async def _sample(self, plain: ServerProcess, ground: Ground) -> float:
        """Database queries per request of the load when nothing is cached."""
        plan = slower(self.plan, SAMPLE, SAMPLE_PER_S)
        with screen.progress(self.console) as bar:
            task = bar.add_task("a slow sample of the load, uncached", total=None, said="")
            run = Run(plain, self.stage.store, plan, ground, watch=lambda _: bar.advance(task))
            ran = await run.play()
            bar.update(task, total=ran.summary.requests)
        return ran.queries / max(1, ran.summary.requests)

    async def _load(self, server: ServerProcess, ground: Ground) -> Ran:
        run = Run(
            server, self.stage.store, self.plan, ground, faults=faults(self.stage.store, self.plan)
        )
        ran = await self._shown(run, "playing")
        found = ran.summary
        self._promise(
            f"no request fails at {self.plan.requests_per_s:.0f} a second, "
            "with the store killed and frozen",
            found.errors == 0,
            f"{found.errors} of {found.requests:,}",
        )
        self._promise(
            "the store stays under its limit",
            ran.peak_bytes <= ran.limit_bytes,
            f"{ran.peak_bytes / screen.MIB:.1f} of {ran.limit_bytes / screen.MIB:.0f} MB",
        )
        return ran

    async def _rush(self, server: ServerProcess, ground: Ground) -> None:
        plan = self.plan.but(
            seed=self.plan.seed + 1,
            requests_per_s=self.plan.requests_per_s * RUSH,
            seconds=min(RUSH_S, self.plan.seconds),
        )
        store = self.stage.store
        loss = (Fault(0.5, "killed", store.kill), Fault(0.75, "restarted", store.start))
        found = (await self._shown(Run(server, store, plan, ground, loss), "rushing")).summary
        self.console.print(
            f"  {found.requests:,} requests: {found.answered:,} answered "
            f"(median {found.median_ms:.1f} ms, slowest {found.slowest_ms / 1000:.1f} s), "
            f"{found.shed:,} shed, {found.failed:,} failed, {found.hung:,} hanging"
        )
        self._promise(
            f"at {RUSH:.0f} times that rate every request ends: answered or refused",
            found.failed == 0,
            f"{found.shed:,} shed, {found.hung:,} hanging, {found.failed - found.hung:,} other",
        )

    async def _shown(self, run: Run, what: str) -> Ran:
        tally = Tally()
        expected = round(run.plan.seconds * run.plan.requests_per_s)
        with screen.progress(self.console) as bar:
            task = bar.add_task(what, total=expected, said="")

            def watch(exchange: Exchange) -> None:
                tally.saw(exchange)
                used = run.latest.used_bytes if run.latest else None
                bar.update(task, advance=1, said=tally.line(run.state, used))

            run.watch = watch
            ran = await run.play()
            bar.update(task, total=ran.summary.requests)
        return ran

    async def _judge(self, ground: Ground, ran: Ran) -> None:
        with screen.progress(self.console) as bar:
            task = bar.add_task("recomputing", total=100, said="")
            try:
                verdict = await judged(
                    ground, ran.played, lambda done: bar.update(task, completed=int(done * 100))
                )
            except Diverged as error:
                self._promise("each answer can be judged", False, str(error))
                return
            bar.update(task, completed=100)
        self.console.print(
            f"  {verdict.judged:,} answers, {verdict.versions:,} versions of the data, "
            f"{verdict.recomputed:,} answers recomputed: {len(verdict.wrong)} wrong"
        )
        for wrong in verdict.wrong[:5]:
            self.console.print(f"    {wrong.exchange.path}: {wrong.why}", highlight=False)
        self._promise(
            "no answer is wrong", not verdict.wrong, f"{len(verdict.wrong)} of {verdict.judged:,}"
        )


async def main(arguments: argparse.Namespace, console: Console) -> int:
    settings = Settings.from_env()
    source = sqlite_path(settings.database_url)
    plan = Plan.read(arguments.load)
    await seed_once(settings)
    with tempfile.TemporaryDirectory(prefix="gallery-demo-") as directory:
        async with stage(Path(directory) / "stage") as found:
            demo = Demo(console, found, source, plan)
            await demo.show()
    return 0 if all(promise.held for promise in demo.promises) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gallery.demo", description=__doc__)
    parser.add_argument(
        "--load", type=Path, default=DEFAULT_FILE, metavar="FILE", help="another load file"
    )
    return parser.parse_args()


if __name__ == "__main__":
    for talkative in ("alembic", "httpx", "pyvips", "keepwarm"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    console = Console(highlight=False)
    try:
        code = asyncio.run(main(parse(), console))
    except (SettingsError, PlanError, StageError, NoServer) as error:
        print(error, file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
