"""Who may share a fill with whom: failures, batches, queued fills that nobody waits for."""

import asyncio
import contextvars
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from keepwarm import Cache, Policy, fill


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache(policies={"p": Policy("5m"), "one": Policy("5m", max_fills=1)}) as made:
        yield made


async def test_a_failure_from_before_an_invalidation_reaches_nobody_after_it(cache: Cache) -> None:
    """The fill named its tag, then failed; who began after the acknowledgement asks anew."""
    rows: dict[str, str] = {}
    has_read, go = asyncio.Event(), asyncio.Event()

    @cache("p", key="by-name:{name}")
    async def by_name(name: str) -> str:
        fill.tag(f"user:{name}")
        row = rows.get(name)
        has_read.set()
        await go.wait()
        if row is None:
            raise LookupError(name)
        return row

    before = asyncio.create_task(by_name("ann"))
    await has_read.wait()
    rows["ann"] = "Ann"
    await cache.invalidate("user:ann")
    after = asyncio.create_task(by_name("ann"))
    await asyncio.sleep(0)
    go.set()

    with pytest.raises(LookupError):
        await before
    assert await after == "Ann"


async def test_nothing_found_before_an_invalidation_is_not_the_answer_after_it(
    cache: Cache,
) -> None:
    rows: dict[str, str] = {}
    has_read, go = asyncio.Event(), asyncio.Event()

    @cache.batch("p", key="row:{id}")
    async def found(ids: list[str]) -> dict[str, str]:
        fill.tag("rows:1")
        seen = {id: rows[id] for id in ids if id in rows}
        has_read.set()
        await go.wait()
        return seen

    before = asyncio.create_task(found(["bob"]))
    await has_read.wait()
    rows["bob"] = "Bob"
    await cache.invalidate("rows:1")
    after = asyncio.create_task(found(["bob"]))
    await asyncio.sleep(0)
    go.set()

    assert await before == {}
    assert await after == {"bob": "Bob"}


async def test_a_function_and_its_batch_share_entries_but_not_each_others_answers(
    cache: Cache,
) -> None:
    """What the batch does not find the function answers itself, and the other way round."""

    @cache.batch("p", key="item:{id}")
    async def items(ids: list[int]) -> dict[int, str]:
        await asyncio.sleep(0.01)
        return {id: str(id) for id in ids if id != 2}

    @cache("p", key="item:{id}")
    async def item(id: int) -> str | None:
        await asyncio.sleep(0.01)
        if id == 9:
            raise LookupError(id)
        return None if id == 2 else str(id)

    assert await asyncio.gather(items([1, 2]), item(2)) == [{1: "1"}, None]
    several, one = await asyncio.gather(items([8, 9]), item(9), return_exceptions=True)
    assert several == {8: "8", 9: "9"}
    assert isinstance(one, LookupError)


async def test_a_queued_batch_that_nobody_waits_for_holds_up_nobody(cache: Cache) -> None:
    go = asyncio.Event()

    @cache("one", key="slow:{i}")
    async def slow(i: int) -> int:
        await go.wait()
        return i

    @cache.batch("one", key="item:{id}")
    async def items(ids: list[int]) -> dict[int, int]:
        return {id: id for id in ids}

    running = asyncio.create_task(slow(1))
    await asyncio.sleep(0)
    queued = asyncio.create_task(items([7]))
    await asyncio.sleep(0.01)
    queued.cancel()
    await asyncio.gather(queued, return_exceptions=True)
    go.set()
    await running

    assert await asyncio.wait_for(items([7]), 2) == {7: 7}


async def test_an_outer_value_dies_with_a_pattern_that_hits_what_it_was_made_of(
    cache: Cache,
) -> None:
    version = 0

    @cache("p", key="inner:{i}")
    async def inner(i: int) -> int:
        return version

    @cache("p", key="outer:{i}")
    async def outer(i: int) -> int:
        return await inner(i)

    assert await outer(1) == 0
    version = 1
    await cache.invalidate_pattern("other:*")
    assert await outer(1) == 0
    await cache.invalidate_pattern("inner:*")
    assert await outer(1) == 1


@pytest.fixture
def eager_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_inside_one_fill_lose_none_of_its_dependencies(eager_threads: None) -> None:
    cache = Cache(policies={"p": Policy("5m")})
    versions = [0] * 8

    @cache("p", key="part:{i}", tags=["part:{i}"])
    def part(i: int) -> int:
        return versions[i]

    with ThreadPoolExecutor(8) as pool:

        @cache("p", key="whole:{r}")
        def whole(r: int) -> list[int]:
            futures = [
                pool.submit(contextvars.copy_context().run, part, i) for i in range(len(versions))
            ]
            return [future.result() for future in futures]

        for r in range(40):
            whole(r)
            for i in range(len(versions)):
                versions[i] += 1
                with cache.blocking() as threads:
                    threads.invalidate(f"part:{i}")
                assert whole(r)[i] == versions[i]
    with cache.blocking() as threads:
        threads.close()
