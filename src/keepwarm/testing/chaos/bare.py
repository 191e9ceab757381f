"""Cache-aside as most applications have it, as a mutant: the checker must find it stale.

1. a reader misses and reads the database   2. a writer commits and deletes the key
3. the reader stores what it had read       4. everybody reads that until the TTL
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from redis.asyncio import Redis

from keepwarm.testing.chaos.cached import Pace
from keepwarm.testing.chaos.rows import Rows, Versions
from keepwarm.testing.chaos.values import ABSENT, ROWS, Kind, is_there, numbers_of, rows_of

TTL_S = 300


class BareKinds:
    """As cached.AsyncKinds with GET, SET and DEL, without stamps."""

    def __init__(self, url: str, rows: Rows, pace: Pace) -> None:
        self._redis = Redis.from_url(url)
        self._rows = rows
        self._pace = pace
        self._keys = _keys_by_row()

    async def read(self, kind: Kind, number: int) -> Versions:
        key = f"bare:{kind.name}:{number}"
        found = await self._redis.get(key)
        if found is not None:
            return _shown(json.loads(found))
        await asyncio.sleep(self._pace.linger_s())
        versions = self._rows.read(rows_of(kind, number))
        await asyncio.sleep(self._pace.linger_s())
        await self._redis.set(key, json.dumps(versions), ex=TTL_S)
        return _shown(versions)

    async def invalidate(self, rows: tuple[int, ...]) -> None:
        for row in rows or range(ROWS):
            await self._redis.delete(*self._keys[row])


def _shown(versions: Iterable[tuple[int, int]]) -> Versions:
    return tuple((row, v if is_there(row, v) else ABSENT) for row, v in versions)


def _keys_by_row() -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for kind in Kind:
        for number in numbers_of(kind):
            for row in rows_of(kind, number):
                found[row].append(f"bare:{kind.name}:{number}")
    return found
