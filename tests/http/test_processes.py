"""Stored responses in a real store: seen by every process, ended in every process."""

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest

from asgi.stage import Answer, Origin, Reply, ask
from keepwarm import Bounded, Cache, HTTPCache, Policy, Shared
from keepwarm.asgi import library, middleware
from keepwarm.asgi.record import PIECE_BYTES, Head, Record, pack, replaced_head
from keepwarm.asgi.record import record as record_of
from keepwarm.core.entry import Stored, Terms
from keepwarm.core.steps import Subject
from keepwarm.core.times import Times
from keepwarm.engine.answers import boot_s
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import valkey

FRESH = Reply(200, [("Cache-Control", "max-age=600")])


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with valkey() as server:
        yield server


Node = tuple[HTTPCache, Origin, Cache]


@pytest.fixture
async def nodes(
    server: EmbeddedServer, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Node, Node]]:
    """Two processes' worth of middleware on one namespace."""
    namespace = f"test-{os.urandom(6).hex()}"
    settings: dict[str, Any] = {
        "namespace": namespace,
        "coherence": getattr(request, "param", "strict"),
    }
    made: list[Node] = []
    for _ in range(2):
        cache, origin = Cache(server.url, **settings), Origin()
        origin.default = FRESH
        await cache.start()
        made.append((HTTPCache(origin, cache, declared_only=False), origin, cache))
    yield made[0], made[1]
    for _, _, cache in made:
        await cache.aclose()


ALL = pytest.mark.parametrize("nodes", ["strict", "validate", Bounded("50ms")], indirect=True)


@ALL
async def test_one_process_fills_another_answers(nodes: tuple[Node, Node]) -> None:
    (one, first, _), (two, second, _) = nodes
    filled = await ask(one)
    found = await ask(two)

    assert found.is_hit
    assert (found.body, len(first.seen), len(second.seen)) == (filled.body, 1, 0)


@pytest.mark.parametrize("nodes", ["strict", "validate"], indirect=True)
@pytest.mark.parametrize("how", ["POST", "key", "pattern", "clear"])
async def test_what_one_process_ends_no_other_serves(nodes: tuple[Node, Node], how: str) -> None:
    (one, _, cache), (two, second, _) = nodes
    for front in (one, two, one, two):
        await ask(front)
    match how:
        case "POST":
            await ask(one, method="POST")
        case "key":
            await cache.invalidate_key("uri:http://site.test/page")
        case "pattern":
            await cache.invalidate_pattern("uri:http://site.test/*")
        case _:
            await cache.clear()

    assert not (await ask(two)).is_hit
    assert len(second.seen) == 1


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await check():
            await asyncio.sleep(0.01)


@pytest.fixture
async def ready(server: EmbeddedServer) -> AsyncIterator[tuple[HTTPCache, Cache, Cache, Record]]:
    """A front that answers without asking anybody, its cache, another's, and what it answers."""
    times = Times(writer_s=0.2)
    namespace = f"test-{os.urandom(6).hex()}"
    one, two = (Cache(server.url, namespace=namespace, times=times) for _ in range(2))
    origin = Origin()
    origin.default = FRESH
    front = HTTPCache(origin, one, declared_only=False)
    found: list[Record] = []

    async def is_ready() -> bool:
        await ask(front)
        slots = [target.slot for target in front.desk.ready._targets.values()]
        found[:] = [s.record for s in slots if s.record and front.desk.library.holds(s.record)]
        return bool(found)

    try:
        await until(is_ready)
        assert found[0].held is not None
        yield front, one, two, found[0]
    finally:
        await one.aclose()
        await two.aclose()


async def test_what_is_ready_is_ended_as_well(
    ready: tuple[HTTPCache, Cache, Cache, Record],
) -> None:
    """A hit that nobody is asked about, on a connection that is told of every change."""
    front, _, two, record = ready
    origin = front.desk.app
    before = len(origin.seen)
    await ask(front)
    assert len(origin.seen) == before

    await two.invalidate_key("uri:http://site.test/page")

    assert not record.held.stands()
    await ask(front)
    assert len(origin.seen) == before + 1


async def test_another_change_costs_a_comparison_and_no_question(
    ready: tuple[HTTPCache, Cache, Cache, Record],
) -> None:
    front, _, two, record = ready
    held, before = record.held, len(front.desk.app.seen)
    await two.invalidate("another")
    assert not held.stands()

    await ask(front)

    assert len(front.desk.app.seen) == before
    assert record.held is not held
    assert record.held.stands()


async def test_what_was_renewed_is_proven_anew(
    ready: tuple[HTTPCache, Cache, Cache, Record],
) -> None:
    """It may depend on more than what it was proven by."""
    record = ready[3]
    await ask(ready[0])
    assert record.shown_until > 0
    record.keep_as(record.stored)
    assert (record.held, record.shown_until) == (None, -math.inf)


class Looked(Exception):
    """More was asked than a hit needs."""


@pytest.mark.parametrize("what", ["nothing", "lease", "version", "gate", "second", "proof"])
async def test_what_a_hit_looks_at(
    ready: tuple[HTTPCache, Cache, Cache, Record], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Each by itself makes it look further."""
    front, _, _, record = ready

    async def look(*_: object) -> None:
        raise Looked

    await ask(front)
    monkeypatch.setattr(HTTPCache, "_look", look)
    held, now = record.held, boot_s()
    assert held is not None
    # From here on no other task runs.
    held.pulse.lease_until = now - 0.001 if what == "lease" else now + 5
    record.shown_until = now - 0.001 if what == "second" else now + 5
    held.pulse.version += what == "version"
    held.gate.is_open = what != "gate"
    if what == "proof":
        record.held = None

    with nullcontext() if what == "nothing" else pytest.raises(Looked):
        assert (await ask(front)).is_hit
    held.gate.is_open = True


def test_what_is_shown_is_shown_no_longer_than_it_is_fresh_and_of_that_age() -> None:
    head = Head(200, [(b"cache-control", b"max-age=60")], 1000.25, 1000.25, 0, [])
    subject = Subject("n", "l", "p", Policy("1m"), (), (), ())
    made = record_of(head, b"", subject, None, 0.0, ())
    assert made.ready_until == 1060.25

    for now, left in ((1000.25, 1.0), (1002.0, 0.25), (1059.5, 0.75)):
        made.show(now, 50.0)
        assert made.shown_until == pytest.approx(50.0 + left)
        assert (b"age", str(int(now - 1000.25)).encode()) in made.shown
    for now in (998.0, 998.75, 999.5):  # by a clock that is behind the one that filled it
        other = record_of(head, b"", subject, None, 0.0, ())
        other.show(now, 50.0)
        assert (b"age", b"0") in other.shown
    made.ready_until = 1059.75
    made.show(1059.5, 50.0)
    assert made.shown_until == pytest.approx(50.25)
    made.keep_as(None)
    made.show(1059.5, None)
    assert made.shown_until == -math.inf


async def test_a_pause_between_the_clocks_lengthens_nothing(
    ready: tuple[HTTPCache, Cache, Cache, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes pass after each look at either."""
    front, _, _, record = ready
    clock, now = front.desk.clock, 0.0

    def passing() -> float:
        nonlocal now
        now += 600
        return now - 600

    monkeypatch.setattr(middleware, "boot_s", passing)
    monkeypatch.setattr(type(clock), "wall", lambda _: record.ready_until - 660 + passing())
    front.desk.library.holds(record)

    assert await front._look(record) is record
    assert record.shown_until < 60  # its lifetime ends at 660 on that clock


@pytest.mark.parametrize("instant", [math.inf, -math.inf, math.nan])
def test_instants_that_are_none_are_not_ours(instant: float) -> None:
    head = Head(200, [], 1000.0, 1000.0, 0, [])
    subject = Subject("n", "l", "p", Policy("1m"), (), (), ())
    terms = Terms(0.0, 1e9, 1e9, 1e9, 1e9, 0.0, "e", 0, (), ())

    def read(head: Head) -> object:
        return library.unpack(pack(head), subject, Stored(terms, b""), 0.0, ())

    assert isinstance(read(head), Record)
    assert read(replaced_head(head, came_at=instant)) is None
    assert read(replaced_head(head, asked_at=instant)) is None


async def test_what_is_ready_grows_older_and_ends(
    ready: tuple[HTTPCache, Cache, Cache, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the machine's clocks, of which a hit asks one; the other is looked at once a second."""
    front, one, _, _ = ready
    origin = front.desk.app
    looks: list[float] = []
    look = HTTPCache._look

    async def counted(self: HTTPCache, found: Any) -> Record | None:
        looks.append(time.monotonic())
        return await look(self, found)

    monkeypatch.setattr(HTTPCache, "_look", counted)
    origin.default = Reply(200, [("Cache-Control", "max-age=4")])
    await one.invalidate_key("uri:http://site.test/page")
    began = time.monotonic()
    await ask(front)
    filled, calls = time.monotonic(), len(origin.seen)
    ages: list[tuple[float, int, float]] = []
    while len(origin.seen) == calls and time.monotonic() < began + 20:
        before = time.monotonic()
        answer = await ask(front)
        if answer.is_hit:
            ages.append((before - filled, int(answer.get("age") or -1), time.monotonic() - began))
        await asyncio.sleep(0.01)

    assert time.monotonic() - began > 3.95
    assert {age for _, age, _ in ages} == {0, 1, 2, 3}
    for at_least, age, at_most in ages:
        assert at_least - 1.05 < age < at_most + 0.05  # whole seconds, rounded down
    assert len([at for at in looks if began + 2.5 < at < began + 3.5]) <= 3


async def test_what_many_ask_for_in_one_turn_is_unpacked_once(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[object] = []
    unpack = library.unpack

    def counted(*arguments: Any) -> Any:
        unpacked.append(arguments)
        return unpack(*arguments)

    monkeypatch.setattr(library, "unpack", counted)
    namespace = f"test-{os.urandom(6).hex()}"
    async with Cache(server.url, namespace=namespace, near=0) as cache:
        origin = Origin()
        origin.default = FRESH
        front = HTTPCache(origin, cache, declared_only=False)
        for _ in range(3):
            await ask(front)
        unpacked.clear()

        answers = await asyncio.gather(*(ask(front) for _ in range(20)))

        assert {answer.body for answer in answers} == {b"body 1"}
        assert len(unpacked) == 1


async def test_what_is_owed_or_turned_off_is_not_answered_from_what_is_ready(
    ready: tuple[HTTPCache, Cache, Cache, Record],
) -> None:
    front, one, _, record = ready
    one.enabled = False
    assert not record.held.stands()
    assert not (await ask(front)).is_hit
    one.enabled = True
    assert (await ask(front)).is_hit
    one._wiring.parts.guard.gate.clear(False)
    assert not record.held.stands()


async def test_a_loop_that_stood_still_serves_nothing_that_was_ended_meanwhile(
    ready: tuple[HTTPCache, Cache, Cache, Record], server: EmbeddedServer
) -> None:
    """It has heard nothing; whoever ended it waited until what it knew had lapsed."""
    front, one, _, record = ready
    before = len(front.desk.app.seen)

    def end() -> None:
        with Cache(server.url, namespace=one.namespace).blocking() as another:
            another.invalidate_key("uri:http://site.test/page")

    with ThreadPoolExecutor(1) as thread:
        thread.submit(end).result()  # this loop stands still until it is done

    assert not record.held.stands()
    await ask(front)
    assert len(front.desk.app.seen) == before + 1


async def test_a_forked_child_does_not_answer_from_what_its_parent_knew(
    ready: tuple[HTTPCache, Cache, Cache, Record],
) -> None:
    """Nobody tells it of changes."""
    _, _, _, record = ready
    assert record.held.stands()
    child = os.fork()
    if child == 0:
        os._exit(7 if record.held.stands() else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@ALL
async def test_variants_and_parts_are_found_by_others(nodes: tuple[Node, Node]) -> None:
    (one, first, _), (two, second, _) = nodes
    first.default = Reply(200, [*FRESH.fields, ("Vary", "Foo")])
    english, german = [("Foo", "en")], [("Foo", "de")]
    for fields in (english, german):
        await ask(one, fields=fields)

    answers = [await ask(two, fields=fields) for fields in (english, german)]

    assert [a.body for a in answers] == [b"body 1", b"body 2"]
    assert not second.seen


async def test_a_large_body_is_found_piece_by_piece(nodes: tuple[Node, Node]) -> None:
    (one, first, _), (two, second, _) = nodes
    body = os.urandom(3 * PIECE_BYTES + 5)
    first.default = Reply(200, FRESH.fields, chunks=[body[:100_000], body[100_000:]])
    await ask(one)

    found = await ask(two)
    part = await ask(two, fields=[("Range", f"bytes={2 * PIECE_BYTES}-")])

    assert (found.body, part.body) == (body, body[2 * PIECE_BYTES :])
    assert not second.seen


async def test_without_the_store_every_request_goes_to_the_app() -> None:
    cache, origin = Cache("redis://127.0.0.1:1"), Origin()
    origin.default = FRESH
    front = HTTPCache(origin, cache, declared_only=False)
    try:
        answers: list[Answer] = [await ask(front) for _ in range(3)]
        post = await ask(front, method="POST")
    finally:
        await cache.aclose()

    assert [a.status for a in (*answers, post)] == [200] * 4
    assert len(origin.seen) == 4


async def test_tags_of_a_declared_route_reach_every_process(server: EmbeddedServer) -> None:
    namespace = f"test-{os.urandom(6).hex()}"
    routes = {"GET /characters/{n}": Shared(ttl="5m", tags=["character:{n}"])}
    one, two = (Cache(server.url, namespace=namespace) for _ in range(2))
    origin = Origin()
    fronts = [HTTPCache(origin, cache, routes=routes) for cache in (one, two)]
    try:
        for front in fronts * 2:
            await ask(front, "/characters/5")
        assert len(origin.seen) == 1
        await one.invalidate("character:5")
        assert not (await ask(fronts[1], "/characters/5")).is_hit
    finally:
        await one.aclose()
        await two.aclose()


@ALL
async def test_variants_are_found_again_after_they_were_ended(nodes: tuple[Node, Node]) -> None:
    """The index of a URL's variants ends with them, and must be written anew with the next.

    1. One stores a variant, and the index that lists it.   2. Two ends both.
    3. One stores the variant again; the index it has at hand lists it, the store has none.
    """
    (one, first, _), (two, second, other) = nodes
    first.default = Reply(fields=[*FRESH.fields, ("Vary", "Accept")])
    second.default = first.default
    await ask(one)
    assert (await ask(one)).is_hit
    assert (await ask(two)).is_hit
    await other.invalidate_key("uri:http://site.test/page")
    assert not (await ask(one)).is_hit
    for front in (one, two):  # HEAD is never answered from what is ready by its raw target
        assert (await ask(front, method="HEAD")).is_hit
