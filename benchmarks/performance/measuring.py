"""Measuring several contenders in turn: A B C A B C, by processor time, medians and spread.

The machines are shared and noisy. What is compared is therefore measured in the same
seconds, by the time that this process itself spent, and told as a median with its
quartiles, and as a ratio.
"""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

ROUNDS = 9


@dataclass(frozen=True, slots=True)
class Contender:
    """`run(n)` does the thing n times."""

    name: str
    run: Callable[[int], Awaitable[None]]
    times: int


@dataclass(frozen=True, slots=True)
class Figure:
    """Microseconds of processor time for one operation."""

    median_us: float
    low_us: float
    high_us: float

    def as_json(self) -> dict[str, float]:
        return {
            "median_us": round(self.median_us, 3),
            "low_us": round(self.low_us, 3),
            "high_us": round(self.high_us, 3),
        }


async def in_turn(contenders: list[Contender], rounds: int = ROUNDS) -> dict[str, Figure]:
    """A figure for each, measured round about; the first round warms up and is not counted."""
    found: dict[str, list[float]] = {each.name: [] for each in contenders}
    for number in range(rounds + 1):
        for each in contenders:
            gc.collect()
            began = time.process_time()
            await each.run(each.times)
            took = (time.process_time() - began) / each.times * 1e6
            if number:
                found[each.name].append(took)
    return {name: figure(values) for name, values in found.items()}


def figure(values: list[float]) -> Figure:
    low, median, high = statistics.quantiles(values, n=4)
    return Figure(median, low, high)


def ratios(figures: Mapping[str, Figure], of: str) -> dict[str, float]:
    """How many times as much the others take as `of`."""
    ours = figures[of].median_us
    return {name: each.median_us / ours for name, each in figures.items() if name != of}
