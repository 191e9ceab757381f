"""What is read and written: rows, the kinds of values made of them, and what makes one right.

A row has a number and a version that each write raises by one. A value carries the rows and
versions it was made of, the key it was made for and a checksum over all of it, so that a
value that reached the wrong caller, or was put together from two, cannot pass for right.
"""

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

TAGGED = range(64)
"""Rows whose writes invalidate the tag `row:{row}`."""
KEYED = range(64, 76)
"""Rows whose writes invalidate the keys `keyed:{row}`."""
MATCHED = range(76, 88)
"""Rows whose writes invalidate the pattern `matched:{row}:*`."""
FLICKERING = range(88, 96)
"""Rows that exist in even versions only; as TAGGED otherwise."""
ROWS = 96

BATCH = 4
PAGES = (range(20), range(14, 44), range(24, 64))
ABSENT = -1
"""The version in which a read reports that there was no row."""


class Kind(IntEnum):
    """How a cached function depends on its rows."""

    ONE = 0
    LATE = 1
    PAGE = 2
    NESTED = 3
    BATCH = 4
    BY_HAND = 5
    KEYED = 6
    KEYED_OUTER = 7
    MATCHED = 8
    MATCHED_OUTER = 9
    FLICKER = 10


_WEIGHTS = {
    Kind.ONE: 8,
    Kind.LATE: 5,
    Kind.PAGE: 3,
    Kind.NESTED: 4,
    Kind.BATCH: 3,
    Kind.BY_HAND: 3,
    Kind.KEYED: 2,
    Kind.KEYED_OUTER: 2,
    Kind.MATCHED: 2,
    Kind.MATCHED_OUTER: 2,
    Kind.FLICKER: 3,
}
_KINDS, _SHARES = tuple(_WEIGHTS), tuple(_WEIGHTS.values())
_SKEW = 10.0  # rows: most reads and writes meet on the first dozen


@dataclass(frozen=True, slots=True)
class Value:
    """What a cached function returns."""

    key: str
    rows: tuple[tuple[int, int], ...]
    text: str
    sum: int


def seal(key: str, rows: Iterable[tuple[int, int]]) -> Value:
    """The one right value of `key` made of these (row, version)s."""
    rows = tuple(rows)
    text = _filling(key, rows)
    return Value(key, rows, text, _sum(key, rows, text))


def problem(value: object, key: str, rows: tuple[int, ...]) -> str:
    """What is wrong with a value got for `key`; empty if nothing is."""
    if not isinstance(value, Value):
        return f"a {type(value).__name__} instead of a value"
    if value.key != key:
        return f"the value of {value.key!r} for {key!r}"
    if tuple(row for row, _ in value.rows) != rows:
        return f"rows {[row for row, _ in value.rows]} instead of {list(rows)}"
    if value.sum != _sum(value.key, value.rows, value.text):
        return "a wrong checksum"
    return ""


def rows_of(kind: Kind, number: int) -> tuple[int, ...]:
    """The rows that a value of `kind` is made of, in its order."""
    if kind is Kind.PAGE:
        return tuple(PAGES[number])
    if kind is Kind.NESTED:
        return (number, beside(number))
    if kind is Kind.BATCH:
        return tuple((number + n) % len(TAGGED) for n in range(BATCH))
    return (number,)


def key_of(kind: Kind, number: int) -> str:
    """The logical key; a batch has one for each of its rows, those of ONE."""
    if kind is Kind.MATCHED:
        return f"matched:{number}:only"
    word = Kind.ONE if kind is Kind.BATCH else kind
    return f"{word.name.lower()}:{number}"


def beside(number: int) -> int:
    """The second row of NESTED; never the first, as 6n + 3 is odd."""
    return (7 * number + 3) % len(TAGGED)


def numbers_of(kind: Kind) -> range:
    """All arguments that a function of `kind` is called with."""
    if kind is Kind.PAGE:
        return range(len(PAGES))
    if kind in (Kind.KEYED, Kind.KEYED_OUTER):
        return KEYED
    if kind in (Kind.MATCHED, Kind.MATCHED_OUTER):
        return MATCHED
    return FLICKERING if kind is Kind.FLICKER else TAGGED


def everything(dice: random.Random) -> list[tuple[Kind, int]]:
    """Every read there is, in any order; each row once in a batch."""
    found = [(kind, n) for kind in Kind for n in numbers_of(kind)]
    found = [(kind, n) for kind, n in found if kind is not Kind.BATCH or n % BATCH == 0]
    dice.shuffle(found)
    return found


def choose(dice: random.Random) -> tuple[Kind, int]:
    """What to read next."""
    kind = dice.choices(_KINDS, _SHARES)[0]
    return kind, _skewed(dice, numbers_of(kind))


def choose_rows(dice: random.Random) -> tuple[int, ...]:
    """What to write next: one row, or two that are invalidated together."""
    family = dice.choices((TAGGED, KEYED, MATCHED, FLICKERING), (6, 2, 2, 2))[0]
    first = _skewed(dice, family)
    if family is TAGGED and dice.random() < 0.2:
        return tuple(sorted({first, dice.choice(TAGGED)}))
    return (first,)


def is_there(row: int, version: int) -> bool:
    return row not in FLICKERING or version % 2 == 0


def _skewed(dice: random.Random, numbers: range) -> int:
    return numbers[int(dice.expovariate(1 / _SKEW)) % len(numbers)]


def _sum(key: str, rows: tuple[tuple[int, int], ...], text: str) -> int:
    return zlib.crc32(f"{key}|{rows}|{text}".encode())


def _filling(key: str, rows: tuple[tuple[int, int], ...]) -> str:
    """Of a length that differs from version to version, up to 6 kB."""
    mark = zlib.crc32(f"{key}{rows}".encode())
    return f"{mark:08x}" * (mark % 8 if mark % 97 else 800)
