"""The quickest way answers what the ordinary one would, and nothing that was ended."""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from keepwarm import Cache, ConfigurationError, Policy, collect, fill
from keepwarm.engine.quick import Table
from keepwarm.engine.straight import is_held

POLICIES = {"p": Policy(ttl="1h")}


async def test_equal_arguments_of_other_types_are_other_calls() -> None:
    """1, True and 1.0 find one place in a table, and are not the same argument."""
    async with Cache(policies=POLICIES) as cache:

        @cache("p", key="k:{n}")
        async def told(n: int) -> str:
            return repr(n)

        for _ in range(4):
            assert [await told(1), await told(True), await told(n=1)] == ["1", "True", "1"]


async def test_a_quick_hit_ends_with_what_it_is_made_of_and_with_the_switch() -> None:
    async with Cache(policies=POLICIES) as cache:
        version = 0

        @cache("p", key="k:{n}", tags=["t:{n}"])
        async def row(n: int) -> int:
            return version

        for version in range(1, 5):
            await cache.invalidate("t:1")
            assert [await row(1) for _ in range(4)] == [version] * 4
        version = 9
        cache.enabled = False
        assert await row(1) == 9


async def test_who_listens_hears_of_quick_hits_too_and_all_are_counted() -> None:
    async with Cache(policies=POLICIES) as cache:

        @cache("p", key="k:{n}")
        async def row(n: int) -> str:
            return "x"

        for _ in range(10):
            await row(1)
        with collect() as outcomes:
            await row(1)
        assert len(outcomes) == 1
        assert cache.stats().hits == 10


async def test_a_value_that_can_be_changed_is_each_callers_own() -> None:
    async with Cache(policies=POLICIES) as cache:

        @cache("p", key="k:{n}")
        async def row(n: int) -> list[int]:
            return [n]

        for _ in range(4):
            (await row(1)).append(2)
        assert await row(1) == [1]


async def test_what_was_evicted_does_not_stay_in_the_table() -> None:
    """Ten times as many arguments as the near tier holds: the table is no second one."""
    async with Cache(policies=POLICIES, near="64KiB") as cache:

        @cache("p", key="k:{n}")
        async def row(n: int) -> str:
            return "x" * 200

        most = 64 * 1024 // 200
        for n in range(10 * most):
            await row(n)
            await row(n)
        table = row.peek.__self__._table  # type: ignore[attr-defined]
        held = sum(is_held(ready) for ready in table.ready.values())
        assert 0 < held <= most
        assert len(table.ready) <= 2 * most


async def test_a_hit_by_name_and_one_by_place_are_one() -> None:
    async with Cache(policies=POLICIES) as cache:
        calls = 0

        @cache("p", key="k:{a}:{b}")
        async def row(a: int, b: int = 2) -> int:
            nonlocal calls
            calls += 1
            return a + b

        for _ in range(3):
            assert await row(1) == await row(1, 2) == await row(b=2, a=1) == 3
        assert calls == 1


async def test_a_lifetime_ends_on_the_quickest_way_too() -> None:
    """By the machine's clocks, of which `until` is worked out when a copy becomes ready."""
    async with Cache(policies={"p": Policy(ttl="250ms", jitter=0)}) as cache:
        version = 0

        @cache("p", key="k:{n}")
        async def row(n: int) -> int:
            return version

        began = time.monotonic()
        assert await row(1) == 0
        version = 1
        while (seen := await row(1)) == 0:
            assert time.monotonic() - began < 5
            await asyncio.sleep(0.005)
        assert seen == 1
        assert time.monotonic() - began >= 0.25


async def test_a_refreshed_value_is_the_next_ones_answer() -> None:
    """Its stamps are those of the one before, so only its place tells them apart.

    What it depends on beside, and so where its payload begins, is another matter.
    """
    async with Cache(policies=POLICIES) as cache:
        version = 0

        @cache("p", key="k:{n}")
        async def row(n: int) -> int:
            fill.tag(*(f"late:{each}" for each in range(version)))
            return version

        @cache("p", key="pair:{a}:{b}")
        async def pair(a: int, b: int) -> int:
            fill.tag(*(f"late:{each}" for each in range(version)))
            return version

        @cache.blocking()("p", key="thread:{n}")
        def from_thread(n: int) -> int:
            fill.tag(*(f"late:{each}" for each in range(version)))
            return version

        await cache.invalidate(*(f"late:{each}" for each in range(4)))  # their stamps exist
        for version in range(4):
            assert await row.refresh(1) == version
            assert await pair.refresh(1, 2) == version
            assert from_thread.refresh(1) == version
            assert [await row(1) for _ in range(4)] == [version] * 4
            assert [await pair(1, 2) for _ in range(4)] == [version] * 4
            assert [from_thread(1) for _ in range(4)] == [version] * 4


async def test_a_refreshed_value_may_live_shorter_than_the_one_before() -> None:
    policies = POLICIES | {"short": Policy(ttl="200ms", jitter=0)}
    async with Cache(policies=policies) as cache:
        version = 0

        async def row(*_: int) -> int:
            if version:
                fill.policy("short")
            return version

        async def one(n: int) -> int:
            return await row(n)

        async def two(a: int, b: int) -> int:
            return await row(a, b)

        for made, arguments in ((one, (1,)), (two, (1, 2))):
            version = 0
            cached = cache("p")(made)
            for _ in range(4):
                assert await cached(*arguments) == 0
            version = 1
            began = time.monotonic()
            assert await cached.refresh(*arguments) == 1
            version = 2
            while (seen := await cached(*arguments)) == 1:
                assert time.monotonic() - began < 5
                await asyncio.sleep(0.005)
            assert seen == 2


async def test_a_copy_that_was_packed_again_still_answers_and_lets_its_value_go() -> None:
    async with Cache(policies=POLICIES, near="1MiB") as cache:  # 64 unpacked ones
        calls = 0

        @cache("p", key="k:{n}")
        async def row(n: int) -> str:
            nonlocal calls
            calls += 1
            return f"row {n}"

        for _ in range(3):
            for n in range(500):
                assert await row(n) == f"row {n}"
        assert calls == 500
        table = row.peek.__self__._table  # type: ignore[attr-defined]
        assert len(table.ready) == 500
        held = [ready.resident.value for ready in table.ready.values()]
        shared = [copy for copy in held if getattr(copy, "memo", None) is not None]
        assert 0 < len(shared) <= 64
        await cache.invalidate_pattern("k:*")
        assert await row(7) == "row 7"
        assert calls == 501


async def test_long_arguments_are_not_kept() -> None:
    async with Cache(policies=POLICIES, near="1MiB") as cache:

        @cache("p", key="k:{text}")
        async def length(text: str) -> int:
            return len(text)

        for n in range(50):
            for _ in range(3):
                assert await length(f"{n} " * 1_000) == len(f"{n} " * 1_000)
        table = length.peek.__self__._table  # type: ignore[attr-defined]
        assert (len(table.ready), len(table.prepared), len(table._order)) == (0, 0, 0)


async def test_a_value_that_its_type_refuses_by_now_is_made_anew() -> None:
    refused: set[int] = set()

    @dataclass(frozen=True)
    class Row:
        n: int

        def __post_init__(self) -> None:
            if self.n in refused:
                raise ValueError("no more")

    async with Cache(policies=POLICIES) as cache:
        n = 1

        async def row(which: int) -> Row:
            return Row(n)

        row.__annotations__["return"] = Row
        cached = cache("p", key="k:{which}")(row)
        for _ in range(3):
            assert (await cached(1)).n == 1
        table = cached.peek.__self__._table
        table.ready[1].resident.value.memo = None  # as after it was packed and unpacked again
        refused.add(1)
        n = 2
        assert (await cached(1)).n == 2


async def test_after_clear_nothing_of_what_was_held_stays() -> None:
    async with Cache(policies=POLICIES) as cache:

        @cache("p", key="k:{n}")
        async def row(n: int) -> str:
            return "x" * 500

        table = row.peek.__self__._table  # type: ignore[attr-defined]
        for round_ in range(6):
            for n in range(300):
                await row(round_ * 1_000 + n)
                await row(round_ * 1_000 + n)
            cache._wiring.parts.local._entries.clear()  # type: ignore[union-attr]
        for n in range(2_000):  # the writes and additions that follow
            await row(100_000 + n)
            await row(100_000 + n)
        assert min(table.ready) >= 100_000


async def test_a_closed_cache_answers_nothing_any_more() -> None:
    cache = Cache(policies=POLICIES)

    @cache("p", key="k:{n}")
    async def row(n: int) -> int:
        return n

    for _ in range(3):
        assert await row(1) == 1
    await cache.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        await row(1)


def test_threads_may_take_from_the_table_at_once() -> None:
    table = Table()
    table.line = None

    class Gone:
        resident = SimpleNamespace(value=None)

    def add() -> None:
        for _ in range(20_000):
            table.add(1, Gone())  # type: ignore[arg-type]

    was = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as pool:
            for each in [pool.submit(add) for _ in range(3)]:
                each.result()
    finally:
        sys.setswitchinterval(was)
