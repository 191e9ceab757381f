"""What the demo shows: progress while it works, a table after each part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from gallery.load.player import Exchange
from gallery.load.run import Ran

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Promise:
    """Something the demo claims, whether it held, and the figure that says so."""

    claim: str
    held: bool
    figure: str


def progress(console: Console) -> Progress:
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
    )


def heading(console: Console, number: int, text: str) -> None:
    console.print(f"\n[bold]{number}. {text}[/bold]")


class Tally:
    """Counts of a load while it is played, in one line."""

    def __init__(self) -> None:
        self.x_cache: Counter[str] = Counter()
        self.shed = self.failed = self.answered = 0

    def saw(self, exchange: Exchange) -> None:
        if exchange.is_shed:
            self.shed += 1
        elif exchange.is_failed:
            self.failed += 1
        else:
            self.answered += 1
        if exchange.x_cache:
            self.x_cache[exchange.x_cache] += 1

    def line(self, store: str, used_bytes: int | None) -> str:
        memory = "" if used_bytes is None else f" {used_bytes / MIB:.1f} MB"
        colour = "green" if store in ("up", "restarted", "thawed") else "red"
        hits, stale = self.x_cache["HIT"], self.x_cache["STALE"]
        return (
            f"store [{colour}]{store}[/{colour}]{memory} · {hits} hit, {stale} stale, "
            f"{self.x_cache['MISS']} missed · {self.shed} shed, {self.failed} failed"
        )


def modes_table(rows: Sequence[tuple[str, float, float]]) -> Table:
    """Rows of mode, uncached ms and cached ms."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2))
    table.add_column("page of a list")
    for name in ("without cache", "from the cache", "gain"):
        table.add_column(name, justify="right")
    for mode, uncached, cached in rows:
        table.add_row(
            mode, f"{uncached:,.1f} ms", f"{cached:,.1f} ms", f"{uncached / cached:,.0f} ×"
        )
    return table


def load_table(ran: Ran, uncached_per_s: float) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 2))
    found, store = ran.summary, ran.store
    table.add_row("requests", f"{found.requests:,} in {ran.played.took_s:.0f} s")
    table.add_row("latency", f"median {found.median_ms:.1f} ms, hits {found.hit_ms:.1f} ms")
    table.add_row(
        "hit ratio until the store was killed",
        f"{ran.hit_ratio:.1%} of {ran.calls.hits + ran.calls.misses:,} cached calls; an unlimited "
        f"cache would have hit {ran.ideal.ratio:.1%}",
    )
    per_s = ran.calls.queries / max(ran.played.events[0][0] if ran.played.events else 1.0, 0.1)
    table.add_row(
        "database queries per second",
        f"{per_s:.1f} with the cache, {uncached_per_s:.1f} without",
    )
    if store is not None:
        table.add_row(
            "store memory",
            f"at most {ran.peak_bytes / MIB:.1f} MB of {store.limit_bytes / MIB:.0f} MB, "
            f"{store.evicted:,} evicted",
        )
    return table


def promises_table(promises: Sequence[Promise]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 2))
    for promise in promises:
        mark = "[green]held[/green]" if promise.held else "[red]BROKEN[/red]"
        table.add_row(mark, promise.claim, promise.figure)
    return table
