"""HTTP, resources: what clients can make the cache keep or do is bounded."""

import asyncio
from typing import Any

import pytest

from asgi.stage import Reply, Stage, ask
from keepwarm import Cache
from keepwarm.asgi.middleware import HTTPCache
from keepwarm.asgi.record import MOST_VARIANTS

security = pytest.mark.security

PAGE = [("Cache-Control", "public, max-age=3600")]
MiB = 1024 * 1024


@security("HTTP: resources, variants")
async def test_variants_of_a_url_are_bounded() -> None:
    """A thousand languages that nobody speaks leave room for the one that everybody does."""
    stage = Stage(declared_only=False)
    stage.origin.default = Reply(200, [*PAGE, ("Vary", "X-Any")])
    for number in range(1_000):
        await stage.ask(fields=[("X-Any", str(number))])

    calls = stage.calls
    for number in range(1_000):
        await stage.ask(fields=[("X-Any", str(number))])

    assert stage.calls - calls >= 1_000 - MOST_VARIANTS


@security("HTTP: resources, variants")
async def test_a_vary_that_changes_each_time_breaks_nothing() -> None:
    stage = Stage(declared_only=False)

    for number in range(300):
        reply = Reply(200, [*PAGE, ("Vary", f"X-{number}")])
        answer = await stage.ask(fields=[("Cache-Control", "no-cache")], reply=reply)
        assert answer.body == b"body %d" % (number + 1)


@security("HTTP: resources, keys")
@pytest.mark.parametrize(
    "flood, between",
    [
        (10_000, 5),
        pytest.param(200_000, 50, marks=[pytest.mark.more, pytest.mark.timeout(1_200)]),
        pytest.param(1_000_000, 50, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)]),
    ],
)
async def test_random_queries_leave_the_hot_set_where_it_is(flood: int, between: int) -> None:
    """100 hot pages in a small cache, among made-up queries that outnumber them, stay hits."""
    cache = Cache(near=2 * MiB)
    stage = Stage(cache, declared_only=False)
    stage.origin.default = Reply(200, PAGE, body=b"x" * 2_000)
    hot = [f"/hot/{number}" for number in range(100)]
    for path in hot:
        await stage.ask(path)
    hits = asked = 0

    for number in range(flood):
        await stage.ask(f"/search?q={number}")
        if number % between == 0:
            asked += 1
            hits += (await stage.ask(hot[asked % 100])).is_hit

    assert hits / asked > 0.95


@security("HTTP: resources, bodies")
async def test_a_body_beyond_the_cap_passes_and_is_not_kept() -> None:
    stage = Stage(declared_only=False, max_body="64KiB")
    chunks = [b"x" * 8_192] * 9

    answers = [await stage.ask(reply=Reply(200, PAGE, chunks=chunks)) for _ in range(2)]

    assert [len(answer.body) for answer in answers] == [73_728] * 2
    assert stage.calls == 2


@security("HTTP: resources, bodies")
@pytest.mark.parametrize("max_body", ["64KiB", "64MiB"], ids=["not-kept", "kept"])
async def test_64_mb_stream_through(max_body: str) -> None:
    """The client has each piece before the app makes the one after the next."""
    sent = received = 0
    furthest = 0
    piece = b"x" * 65_536

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent, furthest
        headers = [(b"cache-control", b"public, max-age=3600")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number in range(1_024):
            sent += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": number < 1_023})
            furthest = max(furthest, sent - received)

    async def client(message: dict[str, Any]) -> None:
        nonlocal received
        received += len(message.get("body", b""))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    cached = HTTPCache(app, Cache(near="128MiB"), declared_only=False, max_body=max_body)
    headers = [(b"host", b"site.test")]
    scope = {"type": "http", "method": "GET", "path": "/big", "raw_path": b"/big"}
    scope |= {"query_string": b"", "scheme": "http", "headers": headers}
    await cached(scope, receive, client)

    assert received == 1_024 * 65_536
    assert furthest <= 4 * MiB


@security("HTTP: resources, fills")
async def test_a_thousand_requests_for_one_cold_url_are_one_fill() -> None:
    stage = Stage(declared_only=False)
    stage.origin.default = Reply(200, PAGE)
    stage.origin.gate = asyncio.Event()
    asking = [asyncio.create_task(stage.ask()) for _ in range(1_000)]
    for _ in range(20):
        await asyncio.sleep(0)

    assert stage.calls == 1
    stage.origin.gate.set()
    answers = await asyncio.gather(*asking)
    assert {answer.body for answer in answers} == {b"body 1"}
    assert stage.calls == 1


@security("HTTP: resources, fills")
async def test_refreshes_that_nobody_waits_for_are_bounded() -> None:
    stage = Stage(declared_only=False)
    window = [("Cache-Control", "public, max-age=1, stale-while-revalidate=3600")]
    stage.origin.default = Reply(200, window)
    for number in range(500):
        await stage.ask(f"/{number}")
    stage.clock.advance(10)
    stage.origin.gate = asyncio.Event()
    calls = stage.calls

    for number in range(500):
        assert (await stage.ask(f"/{number}")).status == 200
    for _ in range(10):
        await asyncio.sleep(0)

    assert 0 < stage.calls - calls <= 64
    stage.origin.gate.set()
    await stage.settle()


@security("HTTP: resources, urls")
async def test_a_url_of_a_megabyte_passes_and_is_not_kept() -> None:
    stage = Stage(declared_only=False)
    stage.origin.default = Reply(200, PAGE)

    answers = [await ask(stage.front, "/" + "a" * MiB) for _ in range(2)]

    assert [answer.body for answer in answers] == [b"body 1", b"body 2"]
