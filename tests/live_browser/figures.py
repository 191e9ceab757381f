"""What the browser tests measured: a row for each promise."""

import statistics
from collections.abc import Sequence


class Figures:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def take(self, what: str, measured: str, promised: str) -> None:
        self.rows.append((what, measured, promised))
        print(f"\n{what}: {measured} (promised: {promised})")


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
