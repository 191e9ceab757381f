"""Two caches on one server, as two processes are: nothing is stale after an acknowledgement."""

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from engine.conftest import POLICIES, StillClock
from keepwarm import Bounded, Cache, collect, fill
from keepwarm.core.outcome import Tier
from keepwarm.stores.redis.server import EmbeddedServer


class Table:
    """Rows with versions; a load takes a while and reads at a random moment of it."""

    def __init__(self, rows: int, seed: int) -> None:
        self.committed = [0] * rows
        self.acknowledged = [0] * rows
        self.dice = random.Random(seed)

    async def load(self, row: int) -> int:
        for _ in range(self.dice.randrange(3)):
            await asyncio.sleep(0)
        version = self.committed[row]
        for _ in range(self.dice.randrange(6)):
            await asyncio.sleep(0)
        return version


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", ["tag", "late tag", "key", "pattern", "batch", "nested"])
async def test_no_read_is_stale_after_an_acknowledgement(
    server: EmbeddedServer, namespace: str, how: str, seed: int
) -> None:
    """Random readers and writers on two caches, near tiers included: 0 stale, and many hits."""
    table = Table(4, seed)
    dice = random.Random(seed)
    stale: list[str] = []
    hits = reads = 0

    def cached(cache: Cache) -> Callable[[int], object]:
        @cache("plain", key="row:{row}", tags=[] if how == "late tag" else ["row:{row}"])
        async def one(row: int) -> int:
            if how == "late tag":
                fill.tag(f"late:{row}")
            return await table.load(row)

        @cache.batch("plain", key="row:{row}", tags=["row:{row}"])
        async def many(row: list[int]) -> dict[int, int]:
            return {r: await table.load(r) for r in row}

        @cache("plain", key="sum:{row}")
        async def nested(row: int) -> int:
            return await one(row)

        if how == "batch":

            async def of_batch(row: int) -> int:
                return (await many([row, (row + 1) % 4]))[row]

            return of_batch
        return nested if how == "nested" else one

    terms = {"namespace": namespace, "policies": POLICIES, "operation_timeout": "5s"}
    async with Cache(server.url, **terms) as a, Cache(server.url, **terms) as b:
        caches = [(a, cached(a)), (b, cached(b))]
        done = False

        async def read() -> None:
            nonlocal hits, reads
            while not done:
                _, one = dice.choice(caches)
                row = dice.randrange(4)
                least = table.acknowledged[row]
                with collect() as outcomes:
                    got = await one(row)  # type: ignore[misc]
                reads += 1
                hits += outcomes[-1].hit
                if got < least:
                    stale.append(f"row {row}: got {got}, acknowledged {least}, {outcomes}")

        async def write() -> None:
            for _ in range(60):
                cache, _ = dice.choice(caches)
                row = dice.randrange(4)
                table.committed[row] += 1
                version = table.committed[row]
                if how == "key":
                    await cache.invalidate_key(f"row:{row}")
                elif how == "pattern":
                    await cache.invalidate_pattern(f"*:{row}")
                elif how == "late tag":
                    await cache.invalidate(f"late:{row}")
                else:
                    await cache.invalidate(f"row:{row}")
                table.acknowledged[row] = max(table.acknowledged[row], version)
                await asyncio.sleep(0.002 * dice.random())

        readers = [asyncio.ensure_future(read()) for _ in range(8)]
        await write()
        done = True
        await asyncio.gather(*readers)
    assert not stale, stale[0]
    assert reads > 100
    assert hits > reads / 10


PROCESS = Path(__file__).with_name("hammer.py")


@pytest.mark.parametrize("faults", [False, True], ids=["calm", "flushed and evicted"])
def test_no_process_reads_stale_after_an_acknowledgement(
    server: EmbeddedServer, namespace: str, tmp_path: Path, faults: bool
) -> None:
    """Three processes over one file of versions: each checks every read it makes."""
    rows = tmp_path / "rows"
    rows.write_bytes(bytes(8 * 2 * 8))
    command = [sys.executable, str(PROCESS), server.url, namespace, str(rows)]
    processes = [
        subprocess.Popen(
            [*command, str(seed), "2.0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(3)
    ]
    if faults:
        dice = random.Random(7)
        with redis.Redis.from_url(server.url) as direct:
            while any(p.poll() is None for p in processes):
                keys = list(direct.scan_iter(match=f"*{namespace}*", count=1000))
                if keys and dice.random() < 0.9:
                    direct.delete(dice.choice(keys))
                else:
                    direct.flushall()
                time.sleep(0.01)
    ends = [p.communicate(timeout=60) for p in processes]
    assert [p.returncode for p in processes] == [0, 0, 0], [end[1] for end in ends]
    said = [json.loads(end[0]) for end in ends]

    assert [s["stale"] for s in said] == [[], [], []]
    assert all(s["reads"] > 50 for s in said)
    assert all(s["writes"] > 5 for s in said)
    assert sum(s["hits"] for s in said) > sum(s["reads"] for s in said) / (50 if faults else 10)


async def test_bounded_near_copies_are_served_unasked_but_never_beyond_the_bound(
    server: EmbeddedServer, namespace: str
) -> None:
    """Another process may be behind by less than the bound (+ 50 ms for two busy cores)."""
    published, oldest = [0.0], 0.0
    near_hits, table = 0, Table(1, 0)
    terms = {"namespace": namespace, "policies": POLICIES, "operation_timeout": "5s"}
    async with (
        Cache(server.url, coherence=Bounded("100ms"), **terms) as reader,
        Cache(server.url, coherence=Bounded("100ms"), **terms) as writer,
    ):
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            if time.monotonic() - published[-1] > 0.25:
                table.committed[0] += 1
                await writer.invalidate("row")
                published.append(time.monotonic())
            began = time.monotonic()
            with collect() as outcomes:
                got = await reader.get_or_set("k", lambda: table.load(0), "plain", tags=["row"])
            near_hits += outcomes[0].tier is Tier.NEAR
            if got < len(published) - 1:
                oldest = max(oldest, began - published[got + 1])
            await asyncio.sleep(0)
        reads = reader.stats()
    assert 0 < oldest < 0.150
    assert near_hits > 100
    assert reads.misses <= table.committed[0] + 1


async def test_within_the_bound_the_store_is_not_asked(
    server: EmbeddedServer, namespace: str, clock: StillClock
) -> None:
    terms = {"namespace": namespace, "policies": POLICIES, "operation_timeout": "5s"}
    with redis.Redis.from_url(server.url) as direct:

        def asked() -> int:
            return int(direct.info("commandstats").get("cmdstat_mget", {}).get("calls", 0))

        async with Cache(server.url, coherence=Bounded("10s"), clock=clock, **terms) as cache:
            await cache.get_or_set("k", lambda: 1, "plain")
            before = asked()
            for _ in range(20):
                assert await cache.get_or_set("k", lambda: 2, "plain") == 1
            assert asked() == before
            clock.advance(11)
            assert await cache.get_or_set("k", lambda: 2, "plain") == 1
            assert asked() == before + 1
            await cache.invalidate_key("k")  # this process obeys its own at once
            assert await cache.get_or_set("k", lambda: 2, "plain") == 2


async def test_threads_and_tasks_on_one_cache_agree(server: EmbeddedServer, namespace: str) -> None:
    """Readers in threads and on the loop, a writer in either: 0 stale."""
    table = Table(2, 1)
    stale: list[tuple[int, int]] = []
    done = threading.Event()
    terms = {"namespace": namespace, "policies": POLICIES, "operation_timeout": "5s"}
    async with Cache(server.url, **terms) as cache:
        reads = 0

        def in_thread() -> None:
            nonlocal reads
            with cache.blocking() as threads:
                while not done.is_set():
                    least = table.acknowledged[0]
                    got = threads.get_or_set("k", lambda: table.committed[0], "plain", tags=["row"])
                    reads += 1
                    if got < least:
                        stale.append((got, least))

        async def on_loop() -> None:
            while not done.is_set():
                least = table.acknowledged[0]
                got = await cache.get_or_set("k", lambda: table.load(0), "plain", tags=["row"])
                if got < least:
                    stale.append((got, least))

        threads = [asyncio.ensure_future(asyncio.to_thread(in_thread)) for _ in range(2)]
        tasks = [asyncio.ensure_future(on_loop()) for _ in range(2)]
        for n in range(40):
            table.committed[0] += 1
            if n % 2:
                await cache.invalidate("row")
            else:
                await asyncio.to_thread(cache.blocking().__enter__().invalidate, "row")
            table.acknowledged[0] = table.committed[0]
            await asyncio.sleep(0.003)
        done.set()
        await asyncio.gather(*threads, *tasks)
    assert stale == []
    assert reads > 20


async def test_a_bound_holds_for_values_made_of_cached_values_too(
    server: EmbeddedServer, namespace: str, clock: StillClock
) -> None:
    """Else each level would add a bound: the outer copy is proven when its fill began."""
    terms = {"namespace": namespace, "policies": POLICIES, "operation_timeout": "5s"}
    name = "old"
    async with (
        Cache(server.url, coherence=Bounded("10s"), clock=clock, **terms) as reader,
        Cache(server.url, **terms) as writer,
    ):

        async def outer() -> str:
            return await reader.get_or_set("inner", lambda: name, "plain", tags=["t"])

        assert await outer() == "old"
        name = "new"
        await writer.invalidate("t")
        clock.advance(8)
        assert await outer() == "old", "within its bound"
        await reader.get_or_set("outer", outer, "plain")
        clock.advance(4)
        assert await reader.get_or_set("outer", outer, "plain") == "new"
