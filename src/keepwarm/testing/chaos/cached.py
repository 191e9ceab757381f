"""Cached functions of every kind over the rows, async and blocking, on one cache.

Each takes a random while before and after it reads the database, so that a read of the
database may be as old as it can be when its value is stored.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from keepwarm import Cache, Policy, fill
from keepwarm.testing.chaos.rows import Rows, Versions
from keepwarm.testing.chaos.values import (
    ABSENT,
    KEYED,
    MATCHED,
    PAGES,
    Kind,
    Value,
    beside,
    is_there,
    key_of,
    problem,
    rows_of,
    seal,
)

POLICIES = {
    "row": Policy("5m", max_fills=16),
    "brief": Policy("1s", stale_while_revalidate="5m", stale_if_error="5m", max_fills=16),
    "page": Policy("5m", max_fills=16),
    "absent": Policy("1m"),
}


class Corrupt(Exception):
    """A cached function returned what is not its value."""


class Pace:
    """How long a fill takes: mostly nothing, sometimes longer than a lease."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.is_idle = False
        """Set when all is over: then fills take no time."""

    def linger_s(self) -> float:
        roll = self._dice.random()
        if self.is_idle or roll < 0.5:
            return 0.0
        if roll < 0.995:
            return self._dice.expovariate(1 / 0.004)
        return 0.3


def tag_of(row: int) -> str:
    return f"row:{row}"


def tags_of(rows: Iterable[int]) -> tuple[str, ...]:
    return tuple(map(tag_of, rows))


def how_to(rows: tuple[int, ...]) -> tuple[str, tuple[str, ...]]:
    """The way in which a write of `rows`, all of one family, invalidates, and what it names."""
    if not rows:
        return "clear", ()
    if rows[0] in KEYED:
        return "key", tuple(key_of(Kind.KEYED, row) for row in rows)
    if rows[0] in MATCHED:
        return "pattern", tuple(f"matched:{row}:*" for row in rows)
    return "tags", tags_of(rows)


def checked(kind: Kind, number: int, found: Any) -> Versions:
    """The versions in what a function of `kind` returned. Raises Corrupt."""
    rows = rows_of(kind, number)
    if kind is Kind.BATCH:
        values = found if isinstance(found, dict) else {}
        return tuple(
            pair for row in rows for pair in _checked(values.get(row), key_of(kind, row), (row,))
        )
    if kind is Kind.FLICKER and found is None:
        return ((number, ABSENT),)
    return _checked(found, key_of(kind, number), rows)


def _checked(value: object, key: str, rows: tuple[int, ...]) -> Versions:
    wrong = problem(value, key, rows)
    if wrong or not isinstance(value, Value):
        raise Corrupt(f"{key}: {wrong}")
    return value.rows


class AsyncKinds:
    """The functions for an event loop."""

    def __init__(self, cache: Cache, rows: Rows, pace: Pace) -> None:
        self._cache = cache
        self._rows = rows
        self._pace = pace
        load = self._load

        @cache("row", key="one:{row}", tags=["row:{row}"])
        async def one(row: int) -> Value:
            return seal(f"one:{row}", await load((row,)))

        @cache("brief", key="late:{row}")
        async def late(row: int) -> Value:
            versions = await load((row,))
            fill.tag(tag_of(row))
            return seal(f"late:{row}", versions)

        @cache("page", key="page:{number}")
        async def page(number: int) -> Value:
            versions = await load(PAGES[number])
            fill.tag(*tags_of(row for row, _ in versions))
            return seal(f"page:{number}", versions)

        @cache("row", key="nested:{row}")
        async def nested(row: int) -> Value:
            first = await one(row)
            await self._linger()
            second = await late(beside(row))
            return seal(f"nested:{row}", first.rows + second.rows)

        @cache.batch("row", key="one:{row}", tags=["row:{row}"])
        async def batch(rows: list[int]) -> dict[int, Value]:
            return {row: seal(f"one:{row}", ((row, v),)) for row, v in await load(tuple(rows))}

        @cache("row", key="keyed:{row}")
        async def keyed(row: int) -> Value:
            return seal(f"keyed:{row}", await load((row,)))

        @cache("row", key="keyed_outer:{row}")
        async def keyed_outer(row: int) -> Value:
            return seal(f"keyed_outer:{row}", (await keyed(row)).rows)

        @cache("row", key="matched:{row}:only")
        async def matched(row: int) -> Value:
            return seal(f"matched:{row}:only", await load((row,)))

        @cache("row", key="matched_outer:{row}")
        async def matched_outer(row: int) -> Value:
            return seal(f"matched_outer:{row}", (await matched(row)).rows)

        @cache("row", key="flicker:{row}", tags=["row:{row}"], none="absent")
        async def flicker(row: int) -> Value | None:
            versions = await load((row,))
            return seal(f"flicker:{row}", versions) if is_there(*versions[0]) else None

        self._by_kind: dict[Kind, Callable[[int], Awaitable[Any]]] = {
            Kind.ONE: one,
            Kind.LATE: late,
            Kind.PAGE: page,
            Kind.NESTED: nested,
            Kind.BATCH: lambda number: batch(list(rows_of(Kind.BATCH, number))),
            Kind.BY_HAND: self._by_hand,
            Kind.KEYED: keyed,
            Kind.KEYED_OUTER: keyed_outer,
            Kind.MATCHED: matched,
            Kind.MATCHED_OUTER: matched_outer,
            Kind.FLICKER: flicker,
        }

    async def read(self, kind: Kind, number: int) -> Versions:
        """Through the cache. Raises Corrupt."""
        return checked(kind, number, await self._by_kind[kind](number))

    async def invalidate(self, rows: tuple[int, ...]) -> None:
        """Everything made of these rows; of all, where there are none. Raises NotAcknowledged."""
        how, names = how_to(rows)
        if how == "clear":
            await self._cache.clear()
        elif how == "key":
            await self._cache.invalidate_key(*names)
        elif how == "pattern":
            for name in names:
                await self._cache.invalidate_pattern(name)
        else:
            await self._cache.invalidate(*names)

    async def _by_hand(self, row: int) -> Any:
        key = key_of(Kind.BY_HAND, row)

        async def factory() -> Value:
            return seal(key, await self._load((row,)))

        return await self._cache.get_or_set(key, factory, "row", tags=[tag_of(row)], type=Value)

    async def _load(self, rows: Iterable[int]) -> Versions:
        await self._linger()
        versions = self._rows.read(tuple(rows))
        await self._linger()
        return versions

    async def _linger(self) -> None:
        await asyncio.sleep(self._pace.linger_s())


class BlockingKinds:
    """The same functions for threads, on the same keys."""

    def __init__(self, cache: Cache, rows: Rows, pace: Pace) -> None:
        self._cache = cache
        self._rows = rows
        self._pace = pace
        load = self._load

        @cache("row", key="one:{row}", tags=["row:{row}"])
        def one(row: int) -> Value:
            return seal(f"one:{row}", load((row,)))

        @cache("brief", key="late:{row}")
        def late(row: int) -> Value:
            versions = load((row,))
            fill.tag(tag_of(row))
            return seal(f"late:{row}", versions)

        @cache("page", key="page:{number}")
        def page(number: int) -> Value:
            versions = load(PAGES[number])
            fill.tag(*tags_of(row for row, _ in versions))
            return seal(f"page:{number}", versions)

        @cache("row", key="nested:{row}")
        def nested(row: int) -> Value:
            first = one(row)
            self._linger()
            second = late(beside(row))
            return seal(f"nested:{row}", first.rows + second.rows)

        @cache.batch("row", key="one:{row}", tags=["row:{row}"])
        def batch(rows: list[int]) -> dict[int, Value]:
            return {row: seal(f"one:{row}", ((row, v),)) for row, v in load(tuple(rows))}

        @cache("row", key="keyed:{row}")
        def keyed(row: int) -> Value:
            return seal(f"keyed:{row}", load((row,)))

        @cache("row", key="keyed_outer:{row}")
        def keyed_outer(row: int) -> Value:
            return seal(f"keyed_outer:{row}", keyed(row).rows)

        @cache("row", key="matched:{row}:only")
        def matched(row: int) -> Value:
            return seal(f"matched:{row}:only", load((row,)))

        @cache("row", key="matched_outer:{row}")
        def matched_outer(row: int) -> Value:
            return seal(f"matched_outer:{row}", matched(row).rows)

        @cache("row", key="flicker:{row}", tags=["row:{row}"], none="absent")
        def flicker(row: int) -> Value | None:
            versions = load((row,))
            return seal(f"flicker:{row}", versions) if is_there(*versions[0]) else None

        self._by_kind: dict[Kind, Callable[[int], Any]] = {
            Kind.ONE: one,
            Kind.LATE: late,
            Kind.PAGE: page,
            Kind.NESTED: nested,
            Kind.BATCH: lambda number: batch(list(rows_of(Kind.BATCH, number))),
            Kind.BY_HAND: self._by_hand,
            Kind.KEYED: keyed,
            Kind.KEYED_OUTER: keyed_outer,
            Kind.MATCHED: matched,
            Kind.MATCHED_OUTER: matched_outer,
            Kind.FLICKER: flicker,
        }

    def read(self, kind: Kind, number: int) -> Versions:
        """As AsyncKinds.read."""
        return checked(kind, number, self._by_kind[kind](number))

    def invalidate(self, rows: tuple[int, ...]) -> None:
        """As AsyncKinds.invalidate."""
        how, names = how_to(rows)
        with self._cache.blocking() as threads:
            if how == "clear":
                threads.clear()
            elif how == "key":
                threads.invalidate_key(*names)
            elif how == "pattern":
                for name in names:
                    threads.invalidate_pattern(name)
            else:
                threads.invalidate(*names)

    def _by_hand(self, row: int) -> Any:
        key = key_of(Kind.BY_HAND, row)
        with self._cache.blocking() as threads:
            return threads.get_or_set(
                key,
                lambda: seal(key, self._load((row,))),
                "row",
                tags=[tag_of(row)],
                type=Value,
            )

    def _load(self, rows: Iterable[int]) -> Versions:
        self._linger()
        versions = self._rows.read(tuple(rows))
        self._linger()
        return versions

    def _linger(self) -> None:
        pause_s = self._pace.linger_s()
        if pause_s:
            time.sleep(pause_s)
