"""Announced writes: nobody serves or stores what is about to change, whoever dies, wherever."""

import asyncio
import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from engine.conftest import POLICIES
from keepwarm import Cache, ConfigurationError, NotAcknowledged, WriteNotAnnounced
from keepwarm.core import invalidate as invalidating
from keepwarm.core import write as announcing
from keepwarm.core.invalidate import Unconfirmed
from keepwarm.core.stamps import parse_stamp, stamp_of_tag
from keepwarm.core.steps import Changed
from keepwarm.core.times import TIMES
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.exploring import explore, sample
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.worlds import World

TERMS: dict[str, Any] = {"policies": POLICIES, "operation_timeout": "2s"}


class Shelf:
    """One value and a cached function over it; counts the calls that reach it."""

    def __init__(self, cache: Cache) -> None:
        self.value = 1
        self.calls = 0
        self.read = cache("plain", key="shelf", tags=["shelf:1"])(self._read)

    async def _read(self) -> int:
        self.calls += 1
        return self.value


def marks_of(server: EmbeddedServer, namespace: str, tag: str) -> str:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        stamp = parse_stamp(client.get("{" + namespace + "}:" + stamp_of_tag(tag)))
    return stamp.writers if stamp is not None else "-"


def lose_mark(server: EmbeddedServer, namespace: str, tag: str) -> None:
    """As by eviction."""
    with redis.Redis.from_url(server.url) as client:
        assert client.delete("{" + namespace + "}:" + stamp_of_tag(tag))


async def duties_done(cache: Cache) -> None:
    await cache._duties.aclose()


# What a block does.


async def test_inside_values_are_computed_and_not_stored(cache: Cache) -> None:
    shelf = Shelf(cache)
    assert [await shelf.read(), await shelf.read()] == [1, 1]
    assert shelf.calls == 1
    async with cache.writing("shelf:1") as w:
        assert [await shelf.read(), await shelf.read()] == [1, 1]
        assert shelf.calls == 3
        await w.check()
        shelf.value = 2
        assert await shelf.read() == 2
    assert w.ack is not None
    assert w.ack.what == ("shelf:1",)
    assert [await shelf.read(), await shelf.read(), shelf.calls] == [2, 2, 5]


async def test_what_has_other_tags_is_served_all_the_while(cache: Cache) -> None:
    shelf = Shelf(cache)
    await shelf.read()
    async with cache.writing("shelf:2", "shelves"):
        await shelf.read()
    await shelf.read()
    assert shelf.calls == 1


async def test_other_processes_stop_answering_from_their_near_tier(
    server: EmbeddedServer, namespace: str
) -> None:
    async with (
        Cache(server.url, namespace=namespace, **TERMS) as mine,
        Cache(server.url, namespace=namespace, **TERMS) as other,
    ):
        shelf = Shelf(other)
        for _ in range(3):
            await shelf.read()
        assert shelf.calls == 1
        async with mine.writing("shelf:1"):
            shelf.value = 2  # committed; nothing is invalidated yet
            assert await shelf.read() == 2
        assert await shelf.read() == 2


async def test_a_fill_that_read_before_the_commit_is_not_stored(cache: Cache) -> None:
    shelf = Shelf(cache)
    begun, gate = asyncio.Event(), asyncio.Event()

    @cache("plain", key="slow", tags=["shelf:1"])
    async def slow() -> int:
        value = shelf.value
        begun.set()
        await gate.wait()
        return value

    async with cache.writing("shelf:1"):
        reading = asyncio.ensure_future(slow())
        await begun.wait()
        shelf.value = 2
    gate.set()
    assert await reading == 1
    assert await slow() == 2


async def test_an_error_inside_is_raised_and_leaves_no_mark(cache: Cache) -> None:
    shelf = Shelf(cache)
    with pytest.raises(ZeroDivisionError):
        async with cache.writing("shelf:1"):
            raise ZeroDivisionError
    assert [await shelf.read(), await shelf.read(), shelf.calls] == [1, 1, 1]


async def test_blocks_of_one_task_may_overlap(cache: Cache) -> None:
    shelf = Shelf(cache)
    async with cache.writing("shelf:1", "shelves") as outer:
        async with cache.writing("shelf:1", "shelf:2") as inner:
            await inner.check()
        await outer.check()
        await shelf.read()
        await shelf.read()
        assert shelf.calls == 2, "the inner block took the outer one's mark away"
    await shelf.read()
    await shelf.read()
    assert shelf.calls == 3


def test_a_write_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="tags"):
        Cache().writing()


def test_threads_announce_their_writes_too(make: Callable[..., Cache]) -> None:
    owner, calls = make(), []
    with owner.blocking() as cache:

        @cache("plain", key="shelf", tags=["shelf:1"])
        def read() -> int:
            calls.append(1)
            return len(calls)

        read()
        with cache.writing("shelf:1") as w:
            read()
            read()
            w.check()
            assert len(calls) == 3
        assert w.ack is not None
        read()
        read()
        assert len(calls) == 4
        with pytest.raises(ZeroDivisionError), cache.writing("shelf:1"):
            raise ZeroDivisionError
        read()
        read()
        assert len(calls) == 5
    owner.end()


# What it does when the store is away or forgets.


@pytest.fixture
def faulty(server: EmbeddedServer):
    with EmbeddedServer(tcp=True) as other, FaultProxy(other.url) as proxy:
        yield proxy


async def test_a_write_that_cannot_be_announced_is_not_begun(
    faulty: FaultProxy, namespace: str
) -> None:
    async with Cache(faulty.url, namespace=namespace, policies=POLICIES) as cache:
        faulty.refuse()
        with pytest.raises(WriteNotAnnounced, match="nothing was committed"):
            async with cache.writing("shelf:1"):
                pytest.fail("the block must not run")
        assert not cache.owed(), "nothing was written, so nothing is owed"


async def test_a_mark_that_was_lost_is_found_before_the_commit(
    server: EmbeddedServer, namespace: str
) -> None:
    async with Cache(server.url, namespace=namespace, **TERMS) as cache:

        async def write() -> None:
            async with cache.writing("shelf:1") as w:
                lose_mark(server, namespace, "shelf:1")
                await w.check()

        with pytest.raises(WriteNotAnnounced, match="lost"):
            await write()


async def test_a_mark_that_was_lost_after_the_check_leaves_nothing_stale(
    server: EmbeddedServer, namespace: str
) -> None:
    """The near tier of another process took up what was before; leaving makes it let go."""
    async with (
        Cache(server.url, namespace=namespace, **TERMS) as mine,
        Cache(server.url, namespace=namespace, **TERMS) as other,
    ):
        shelf = Shelf(other)
        async with mine.writing("shelf:1") as w:
            await w.check()
            lose_mark(server, namespace, "shelf:1")
            assert [await shelf.read(), await shelf.read(), shelf.calls] == [1, 1, 1]
            shelf.value = 2
        assert await shelf.read() == 2


async def test_leaving_unconfirmed_is_told_and_made_good(
    faulty: FaultProxy, namespace: str
) -> None:
    async with (
        Cache(faulty.url, namespace=namespace, policies=POLICIES) as cache,
        Cache(faulty.url, namespace=namespace, policies=POLICIES) as other,
    ):
        shelf, seen = Shelf(cache), Shelf(other)
        await shelf.read()

        async def write() -> None:
            async with cache.writing("shelf:1"):
                shelf.value = seen.value = 2
                faulty.refuse()

        with pytest.raises(NotAcknowledged):
            await write()
        assert cache.owed()
        assert await shelf.read() == 2
        faulty.pass_through()
        while cache.owed():
            await asyncio.sleep(0.01)
        assert [await shelf.read(), await seen.read()] == [2, 2]


async def test_the_error_inside_is_not_hidden_by_a_lost_store(
    faulty: FaultProxy, namespace: str
) -> None:
    async with Cache(faulty.url, namespace=namespace, policies=POLICIES) as cache:

        async def write() -> None:
            async with cache.writing("shelf:1"):
                faulty.refuse()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await write()
        assert cache.owed()


# Nobody leaves a mark behind.


async def test_cancelled_at_any_moment_it_leaves_no_mark(
    server: EmbeddedServer, namespace: str
) -> None:
    """A task is cancelled after 0, 1, 2 … turns of the loop, until it is too late to."""
    async with Cache(server.url, namespace=namespace, **TERMS) as cache:
        await cache.invalidate("warm")
        was_too_late, inside = False, 0

        async def write() -> None:
            nonlocal inside
            async with cache.writing("shelf:1") as w:
                inside += 1
                await w.check()

        cut_short = 0
        for turns in range(2_000):
            task = asyncio.ensure_future(write())
            for _ in range(turns):
                await asyncio.sleep(0)
                if task.done():
                    break
            was_too_late = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            cut_short += task.cancelled()
            await duties_done(cache)
            assert marks_of(server, namespace, "shelf:1") == "-", f"after {turns} turns"
            if was_too_late:
                break
        assert was_too_late
        assert cut_short > 5
        assert inside > 1, "some were cancelled inside or on their way out"
        assert cache._driver._shared._operations.writing == {}


async def test_a_block_that_is_forgotten_leaves_no_mark(
    server: EmbeddedServer, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Cache(server.url, namespace=namespace, **TERMS) as cache:
        await cache.writing("shelf:1").__aenter__()
        gc.collect()
        await asyncio.sleep(0)
        await duties_done(cache)
        assert marks_of(server, namespace, "shelf:1") == "-"
        assert "never ended" in caplog.text


def test_a_thread_interrupted_on_its_way_in_leaves_no_mark(
    server: EmbeddedServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Cache(server.url, namespace=namespace, **TERMS)
    with owner.blocking() as cache:
        cache.invalidate("warm")
        run = cache._driver.run

        def interrupted(recipe: Any, call: Any) -> Any:
            result = run(recipe, call)
            monkeypatch.undo()
            raise KeyboardInterrupt(result)

        monkeypatch.setattr(cache._driver, "run", interrupted)
        with pytest.raises(KeyboardInterrupt), cache.writing("shelf:1"):
            pytest.fail("the block must not run")
        assert marks_of(server, namespace, "shelf:1") == "-"
        block = cache.writing("shelf:1")
        block.__enter__()
        assert marks_of(server, namespace, "shelf:1") != "-"
        del block
        gc.collect()
        turn = threading.Event()
        while marks_of(server, namespace, "shelf:1") != "-":
            turn.wait(0.01)
    owner.end()


async def test_a_process_killed_inside_is_not_believed(
    server: EmbeddedServer, namespace: str
) -> None:
    """After its death everybody computes; nobody stores, until its mark lapses."""
    script = f"""
import asyncio, sys
from keepwarm import Cache
async def main():
    async with Cache({server.url!r}, namespace={namespace!r}, operation_timeout="5s") as cache:
        async with cache.writing("shelf:1"):
            print("inside", flush=True)
            await asyncio.Event().wait()
asyncio.run(main())
"""
    async with Cache(server.url, namespace=namespace, **TERMS) as cache:
        shelf = Shelf(cache)
        assert [await shelf.read(), await shelf.read(), shelf.calls] == [1, 1, 1]
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            assert await asyncio.to_thread(child.stdout.readline) == "inside\n"
            shelf.value = 2
            assert await shelf.read() == 2
            child.send_signal(signal.SIGKILL)
        assert [await shelf.read(), await shelf.read(), shelf.calls] == [2, 2, 4]
        assert marks_of(server, namespace, "shelf:1") != "-"


# Every interleaving.


def announced(
    world: World,
    *,
    dies_after: str = "",
    is_announced: bool = True,
    after: str | None = None,
    name: str = "writer",
    tags: tuple[str, ...] = ("tag:k",),
) -> None:
    """A writer of "k"; from the commit on, a read that begins must see what he wrote.

    He `dies_after` "enter" or "commit", or does not. One that is not announced only
    invalidates: the mutant.
    """
    stamps = tuple(map(stamp_of_tag, tags))

    def actions():
        if is_announced:
            run = world.run(name, "w", announcing.enter(name, stamps))
            yield from run
            if isinstance(run.result, Unconfirmed):
                return
            if dies_after == "enter":
                return
            run = world.run(name, "w", announcing.check(name, stamps))
            yield from run
            if run.result is not None:
                run = world.run(name, "w", announcing.leave(name, stamps))
                yield from run
                return
        yield "commits"
        world.versions["k"] = world.versions.get("k", 0) + 1
        if dies_after == "commit":
            world.acked["k"] = world.versions["k"]
            return
        recipe = announcing.leave(name, stamps) if is_announced else invalidating.invalidate(stamps)
        run = world.run(name, "w", recipe)
        yield from run
        assert isinstance(run.result, Changed)
        world.acked["k"] = world.versions["k"]

    world._add(name, actions, after)


def time_passes(world: World) -> None:
    """Long enough for a mark, and for a trial, to be over."""
    world.clock_s += TIMES.writer_s + 1


def living(world: World) -> None:
    world.reader("a", "k", name="first")
    announced(world, after="first")
    world.reader("a", "k", after="first", name="same node")
    world.reader("b", "k", after="writer", name="then")


def killed_after_commit(world: World) -> None:
    world.reader("a", "k", name="first")
    announced(world, dies_after="commit", after="first")
    world.reader("a", "k", after="first", name="same node")
    world.reader("b", "k", after="writer", name="then")


def killed_and_lapsed(world: World) -> None:
    world.reader("a", "k", name="first")
    announced(world, dies_after="commit", after="first")
    world.event("time passes", time_passes, after="writer")
    world.reader("b", "k", after="first", name="other", times=2)


def killed_before_commit(world: World) -> None:
    """And another one after him, while his mark is still there or has lapsed."""
    announced(world, dies_after="enter", name="dead")
    announced(world, after="dead")
    world.event("time passes", time_passes, after="dead")
    world.reader("a", "k", after="dead", name="one")


def two_writers(world: World) -> None:
    announced(world, name="writer")
    announced(world, name="other writer")
    world.reader("a", "k", name="one")


def late_tags(world: World) -> None:
    """The tag that is written comes up only while the fill runs."""
    for reader, after in (("one", None), ("two", "one")):
        world.reader("a", "k", tags=["list"], late=["item:1"], name=reader, after=after)
    announced(world, tags=("item:1",), dies_after="commit", after="two")
    world.reader("b", "k", tags=["list"], late=["item:1"], after="two", name="three")


def evicted_and_lapsed(world: World) -> None:
    """The mark is lost and its writer dies: stale at most until a trial is over."""

    def over(world: World) -> None:
        time_passes(world)
        world.acked["k"] = world.versions.get("k", 0)

    world.reader("a", "k", name="first")
    announced(world, after="first")
    world.actors[-1].make = _unpromised(world.actors[-1].make, world)
    world.event("eviction", lambda w: w.evict_stamps("tag:k", "k"), after="first")
    world.event("D passes", over, after="writer")
    world.reader("b", "k", after="eviction", name="other")
    world.reader("b", "k", after="D passes", name="then")


def _unpromised(make, world: World):
    """The same writer, dying at his commit, of whom nothing is promised until later."""

    def actions():
        for doing in make():
            if doing.startswith("leaves"):
                return
            yield doing

    return actions


SCENARIOS = [
    living,
    killed_after_commit,
    killed_and_lapsed,
    killed_before_commit,
    two_writers,
    late_tags,
    pytest.param(evicted_and_lapsed, marks=pytest.mark.more),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_no_schedule_of_announced_writers_serves_what_was_before(scenario) -> None:
    found = explore(scenario, limit=4_000)
    assert not found.failures, found.failures[0]
    assert found.reads >= found.schedules
    if not found.is_complete:
        more = sample(scenario, seed=3, schedules=1_000)
        assert not more.failures, more.failures[0]


def test_a_writer_who_only_invalidates_is_found_out_when_he_dies() -> None:
    """So that the schedules above mean something."""

    def unannounced(world: World) -> None:
        world.reader("a", "k", name="first")
        announced(world, is_announced=False, dies_after="commit", after="first")
        world.reader("a", "k", after="writer", name="then")

    assert explore(unannounced).failures
