"""Whether a hit costs the same among a thousand entries and a million, and among processes."""

import asyncio
import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

from keepwarm import Cache, Policy

ENTRIES = (1_000, 10_000, 100_000, 1_000_000)
PROCESSES = (1, 2, 4, 8)
_AT_ONCE = 2_000
_HITS = 30_000
_POLICY = Policy(ttl="1d")


async def by_entries() -> dict[int, dict[str, float]]:
    """Microseconds of a hit on a random one of so many entries.

    Beside it a coroutine that looks into a dict: memory itself is slower where it is larger.
    """
    found = {}
    async with Cache(near="2GiB", policies={"p": _POLICY}) as cache:
        values: dict[int, str] = {}

        async def character(n: int) -> str:
            return values[n]

        async def characters(ns: list[int]) -> dict[int, str]:
            return {n: values[n] for n in ns}

        cached = cache("p", key="c:{n}", tags=["c:{n}"])(character)
        batch = cache.batch("p", key="c:{n}", tags=["c:{n}"])(characters)
        for entries in ENTRIES:
            for first in range(len(values), entries, _AT_ONCE):
                numbers = range(first, min(first + _AT_ONCE, entries))
                values.update((n, f"character {n}") for n in numbers)
                await batch(numbers)
            dice = random.Random(entries)
            asked = [dice.randrange(entries) for _ in range(_HITS)]
            found[entries] = {
                "hit_us": await _fastest(cached, asked),
                "dict_us": await _fastest(character, asked),
            }
    return found


async def _fastest(call: Callable[[int], Awaitable[str]], asked: list[int]) -> float:
    took = []
    for _ in range(6):  # the first makes ready
        began = time.process_time()
        for n in asked:
            await call(n)
        took.append((time.process_time() - began) / len(asked) * 1e6)
    return min(took[1:])


@contextlib.contextmanager
def _others(url: str, namespace: str, count: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.holder", url, namespace]
    holders = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for each in holders:
            assert each.stdout is not None
            each.stdout.readline()
        yield
    finally:
        for each in holders:
            each.communicate("go\n", timeout=20)


async def by_processes(url: str) -> dict[int, dict[str, float]]:
    """Microseconds of a near hit, and milliseconds of an acknowledgement, among so many."""
    found = {}
    for processes in PROCESSES:
        namespace = f"grown-{processes}"
        with _others(url, namespace, processes - 1):
            async with Cache(url, namespace=namespace, policies={"p": _POLICY}) as cache:

                async def character(n: int) -> str:
                    return f"character {n}"

                cached = cache("p", key="c:{n}", tags=["c:{n}"])(character)
                for _ in range(110):  # until the stamps are trusted
                    for n in range(64):
                        await cached(n)
                    await asyncio.sleep(0.1)
                took = []
                for _ in range(7):
                    began = time.process_time()
                    for n in range(_HITS):
                        await cached(n % 64)
                    took.append((time.process_time() - began) / _HITS * 1e6)
                    await asyncio.sleep(0.05)
                acks = []
                for n in range(50):
                    began = time.perf_counter()
                    await cache.invalidate(f"c:{n}")
                    acks.append(time.perf_counter() - began)
                found[processes] = {
                    "hit_us": sorted(took)[len(took) // 2],
                    "ack_ms": sorted(acks)[len(acks) // 2] * 1e3,
                }
    return found
