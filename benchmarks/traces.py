"""Sequences of requests: real logs where they lie beside the checkout, and generated ones."""

import gzip
import lzma
import random
from array import array
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
ROWS = 100_000
ORM_ROWS = 1_000_000  # of five million: the rest says the same


@dataclass(frozen=True, slots=True)
class Trace:
    """Keys in the order in which they were asked for; what each takes, where that is known.

    `ttls` holds how many requests each key's value stays fresh for.
    """

    name: str
    keys: list[str]
    sizes: dict[str, int] | None = None
    ttls: dict[str, int] | None = None

    @property
    def distinct(self) -> int:
        return len(set(self.keys))


def real(directory: Path = DATA) -> list[Trace]:
    """Those in `directory`; none where it isn't there."""
    found = [
        _web_log(path) for path in sorted(directory.glob("*.tsv.gz"))
    ]  # fmt: skip
    for path in sorted(directory.glob("*.trace.xz")):
        ids = array("I", lzma.decompress(path.read_bytes()))
        ids.byteswap()
        found.append(Trace(path.name.split(".")[0], [f"k{n}" for n in ids[:ORM_ROWS]]))
    return found


def _web_log(path: Path) -> Trace:
    keys, sizes = [], {}
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        for line in file:
            parts = line.rstrip("\n").split("\t")
            if len(parts) < 6 or parts[2] != "GET" or parts[4] not in ("200", "304"):
                continue
            key = parts[3]
            keys.append(key)
            sizes[key] = max(sizes.get(key, 0), int(parts[5]) if parts[5].isdigit() else 0)
    return Trace(path.name.split(".")[0], keys, sizes)


def generated(seed: int, rows: int = ROWS) -> list[Trace]:
    """One of each kind that caches meet; the same for the same seed."""
    dice = random.Random(seed)
    made: dict[str, Iterable[int]] = {
        "zipf 0.7": _zipf(20_000, 0.7, dice),
        "zipf 0.9": _zipf(20_000, 0.9, dice),
        "zipf 1.1": _zipf(20_000, 1.1, dice),
        "scans": _scans(_zipf(20_000, 0.9, dice), dice),
        "loops": _loops(_zipf(10_000, 0.9, dice), dice),
        "shifts": _shifts(lambda: _zipf(10_000, 0.9, dice), rows // 10),
        "drift": _drift(dice),
        "news": (max(0, n // 10 - int(dice.expovariate(1 / 300))) for n in count()),
    }
    found = [Trace(name, _take(keys, rows)) for name, keys in made.items()]
    for name, lives in (("ttl short", (300, 1_000, 3_000)), ("ttl mixed", (500, 5_000, 50_000))):
        keys = _take(_zipf(10_000, 0.9, dice), rows)
        found.append(Trace(name, keys, ttls={key: dice.choice(lives) for key in set(keys)}))
    keys = _take(_scans(_zipf(5_000, 0.8, dice), dice), rows)
    ttls = {key: dice.choice((1_000, 10_000)) for key in set(keys)}
    return [*found, Trace("ttl scans", keys, ttls=ttls)]


def _take(keys: Iterable[int], rows: int) -> list[str]:
    names = iter(keys)
    return [f"k{next(names)}" for _ in range(rows)]


def _zipf(distinct: int, exponent: float, dice: random.Random) -> Iterator[int]:
    weights = list(accumulate(1 / (rank + 1) ** exponent for rank in range(distinct)))
    of_rank = list(range(distinct))
    dice.shuffle(of_rank)
    while True:
        yield of_rank[bisect(weights, dice.random() * weights[-1])]


def _scans(usual: Iterator[int], dice: random.Random) -> Iterator[int]:
    """A crawler now and then asks for what nobody else does."""
    fresh = count(1_000_000)
    while True:
        for _ in range(dice.randrange(2_000, 8_000)):
            yield next(usual)
        for _ in range(dice.randrange(500, 4_000)):
            yield next(fresh)


def _loops(usual: Iterator[int], dice: random.Random) -> Iterator[int]:
    """A quarter of the requests goes round in a circle."""
    length = dice.randrange(500, 5_000)
    for n in count():
        for _ in range(3):
            yield next(usual)
        yield 1_000_000 + n % length


def _shifts(usual: Callable[[], Iterator[int]], rows: int) -> Iterator[int]:
    """What is popular changes all at once."""
    while True:
        keys = usual()
        for _ in range(rows):
            yield next(keys)


def _drift(dice: random.Random) -> Iterator[int]:
    """What is popular moves on a little all the time."""
    weights = list(accumulate(1 / (rank + 1) for rank in range(5_000)))
    for n in count():
        yield (bisect(weights, dice.random() * weights[-1]) * 7_919 + n // 50) % 20_000
