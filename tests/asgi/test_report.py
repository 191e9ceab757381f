"""The reporting middleware, before the smallest app that shows each behaviour."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.responses import StreamingResponse

from keepwarm import Cache, Policy, collect
from keepwarm.asgi.report import CacheReport, Message


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache("memory://", policies={"plain": Policy(ttl="1h")}) as cache:
        yield cache


def visitor(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.test")


def reporting() -> FastAPI:
    app = FastAPI()
    app.add_middleware(CacheReport)
    return app


async def test_a_miss_then_a_hit(cache: Cache) -> None:
    app = reporting()

    @app.get("/{number}")
    @cache("plain", key="square:{number}")
    async def square(number: int) -> int:
        await asyncio.sleep(0)
        return number * number

    async with visitor(app) as client:
        first, second = await client.get("/3"), await client.get("/3")

    assert [first.headers["x-cache"], second.headers["x-cache"]] == ["MISS", "HIT"]
    assert first.headers["cache-status"].startswith("keepwarm; fwd=uri-miss; ttl=")
    assert first.headers["cache-status"].endswith("; stored")
    assert second.headers["cache-status"].startswith("keepwarm; hit; ttl=")
    assert 'cache;desc="shared hit"' in second.headers["server-timing"]
    assert first.text == second.text == "9"


async def test_calls_in_threads_and_dependencies_are_seen(cache: Cache) -> None:
    app = reporting()

    @cache("plain", key="thread:{number}")
    def blocking(number: int) -> int:
        return number

    @cache("plain", key="loop:{number}")
    async def waiting(number: int) -> int:
        return number

    def in_a_thread(number: int) -> int:
        return blocking(number)

    async def on_the_loop(number: int) -> int:
        return await waiting(number)

    @app.get("/endpoint/{number}")
    def endpoint(number: int) -> int:
        return blocking(number)

    @app.get("/thread/{number}")
    def thread(found: Annotated[int, Depends(in_a_thread)]) -> int:
        return found

    @app.get("/loop/{number}")
    async def loop(found: Annotated[int, Depends(on_the_loop)]) -> int:
        return found

    async with visitor(app) as client:
        for path in ("/endpoint/1", "/thread/2", "/loop/3"):
            seen = [(await client.get(path)).headers.get("x-cache") for _ in range(2)]
            assert seen == ["MISS", "HIT"], path


async def test_an_invalidated_entry_without_a_stale_window_is_a_miss(cache: Cache) -> None:
    app = reporting()

    @app.get("/")
    @cache("plain", key="page", tags=["page"])
    async def page() -> str:
        return "page"

    async with visitor(app) as client:
        await client.get("/")
        await cache.invalidate("page")
        answer = await client.get("/")

    assert answer.headers["x-cache"] == "MISS"
    assert "fwd=stale" in answer.headers["cache-status"]


async def test_stale_while_revalidate_is_told(cache: Cache) -> None:
    app = reporting()

    @app.get("/")
    @cache(Policy(ttl="1h", stale_while_revalidate="1h"), key="soft", tags=["soft"])
    async def page() -> str:
        return "page"

    async with visitor(app) as client:
        await client.get("/")
        await cache.invalidate("soft", then="stale")
        answer = await client.get("/")

    assert answer.headers["x-cache"] == "STALE"
    assert answer.headers["cache-status"] == "keepwarm; hit; ttl=0; detail=stale-while-revalidate"


async def test_without_a_cached_call_nothing_is_claimed() -> None:
    app = reporting()

    @app.get("/")
    async def page() -> str:
        return "page"

    async with visitor(app) as client:
        answer = await client.get("/")

    assert not {"x-cache", "cache-status"} & answer.headers.keys()
    assert answer.headers["server-timing"].startswith("total;dur=")


async def test_requests_do_not_see_each_others_calls(cache: Cache) -> None:
    app = reporting()
    both_inside = asyncio.Barrier(2)

    @cache("plain", key="mine")
    async def mine() -> str:
        return "mine"

    @app.get("/cached")
    async def cached() -> str:
        await both_inside.wait()
        found = await mine()
        await both_inside.wait()
        return found

    @app.get("/plain")
    async def plain() -> str:
        await both_inside.wait()
        await both_inside.wait()
        return "plain"

    async with visitor(app) as client:
        first, second = await asyncio.gather(client.get("/cached"), client.get("/plain"))

    assert first.headers["x-cache"] == "MISS"
    assert "x-cache" not in second.headers


async def test_a_stream_is_passed_on_piece_by_piece(cache: Cache) -> None:
    """The first piece is out before the second exists."""
    told: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        told.append("making first")
        yield b"first"
        told.append("making second")
        yield b"second"

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            told.append(f"sent {message['body'].decode()}")

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    app: Any = CacheReport(StreamingResponse(pieces()))  # type: ignore[arg-type]
    await app({"type": "http", "method": "GET", "headers": []}, receive, send)

    assert told == ["making first", "sent first", "making second", "sent second"]


async def test_fields_of_the_app_stay_and_come_first(cache: Cache) -> None:
    """RFC 9211 section 2: a cache appends; the first member is nearest to the origin."""

    @cache("plain", key="inner")
    async def inner() -> str:
        return "x"

    async def app(scope: Any, receive: Any, send: Callable[[Message], Any]) -> None:
        await inner()
        headers = [(b"cache-status", b"upstream; hit"), (b"server-timing", b"db;dur=1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(CacheReport(app)), base_url="http://app.test"
    ) as client:
        answer = await client.get("/")

    status = answer.headers.get_list("cache-status")
    assert status[0] == "upstream; hit"
    assert status[1].startswith("keepwarm; fwd=uri-miss")
    assert answer.headers.get_list("server-timing")[0] == "db;dur=1"


async def test_a_websocket_talks_through_it(cache: Cache) -> None:
    app = reporting()

    @cache("plain", key="greeting")
    async def greeting() -> str:
        return "hello"

    @app.websocket("/")
    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{await greeting()}, {await socket.receive_text()}")
        await socket.close()

    coming = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "world"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return dict(next(coming))

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/",
        "headers": [],
        "query_string": b"",
        "subprotocols": [],
    }
    await app(scope, receive, send)

    assert [m["type"] for m in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert sent[1]["text"] == "hello, world"


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_what_is_not_http_gets_the_very_same_callables(kind: str) -> None:
    given: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.extend((scope, receive, send))

    scope, receive, send = {"type": kind}, object(), object()
    await CacheReport(app)(scope, receive, send)  # type: ignore[arg-type]

    assert [scope, receive, send] == given


@pytest.mark.security("Admin: nothing confidential in reports")
async def test_no_field_carries_a_key_a_tag_or_a_value(cache: Cache) -> None:
    app = reporting()

    @app.get("/{name}")
    @cache("plain", key="secret-key:{name}", tags=["secret-tag:{name}"])
    async def page(name: str) -> str:
        return "secret-value"

    async with visitor(app) as client:
        answers = [await client.get("/secret-name") for _ in range(2)]

    for answer in answers:
        assert "secret" not in str(answer.headers)


async def test_a_collector_in_the_endpoint_hides_nothing(cache: Cache) -> None:
    app = reporting()

    @cache("plain", key="one")
    async def one() -> int:
        return 1

    @app.get("/")
    async def page() -> int:
        with collect() as outcomes:
            await one()
        return len(outcomes)

    async with visitor(app) as client:
        answer = await client.get("/")

    assert answer.text == "1"
    assert answer.headers["x-cache"] == "MISS"
