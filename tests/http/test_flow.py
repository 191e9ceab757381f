"""Streams, bodies, collapsing, and what is stored when: the middleware as a whole."""

import asyncio
from typing import Any

import pytest

from asgi.stage import Broken, Reply, Stage, ask
from keepwarm import Cache, Policy, fill
from keepwarm.asgi.middleware import HTTPCache
from keepwarm.asgi.record import INLINE_BYTES, PIECE_BYTES
from keepwarm.asgi.routes import Shared

FRESH = [("Cache-Control", "max-age=600")]


def body_of(size: int) -> bytes:
    return bytes(n % 251 for n in range(size))


def chunked(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)] or [b""]


# Bodies.


@pytest.mark.parametrize(
    "size", [0, 1, INLINE_BYTES, INLINE_BYTES + 1, PIECE_BYTES, 3 * PIECE_BYTES + 7]
)
@pytest.mark.parametrize("chunk", [10_000_000, 60_000])
async def test_a_body_comes_back_as_it_was(size: int, chunk: int) -> None:
    body, stage = body_of(size), Stage()
    reply = Reply(200, FRESH, chunks=chunked(body, chunk))

    first, second = await stage.ask(reply=reply), await stage.ask()

    assert (first.body, second.body) == (body, body)
    assert second.is_hit
    assert second.get("content-length") == str(size)
    assert (second.get("etag") or "").startswith('"kw-')


async def test_a_range_of_a_large_body() -> None:
    body, stage = body_of(3 * PIECE_BYTES), Stage()
    await stage.ask(reply=Reply(200, FRESH, body))

    part = await stage.ask(fields=[("Range", f"bytes={PIECE_BYTES - 2}-{PIECE_BYTES + 1}")])

    assert part.status == 206
    assert part.body == body[PIECE_BYTES - 2 : PIECE_BYTES + 2]
    assert stage.calls == 1


async def test_a_large_body_is_confirmed_without_being_sent() -> None:
    body, stage = body_of(2 * PIECE_BYTES), Stage()
    await stage.ask(reply=Reply(200, [("Cache-Control", "max-age=2"), ("ETag", '"a"')], body))
    stage.clock.advance(3)

    again = await stage.ask(reply=Reply(304, FRESH))

    assert again.body == body
    assert (await stage.ask()).is_hit


async def test_a_piece_that_is_gone_is_a_miss() -> None:
    body, stage = body_of(2 * PIECE_BYTES), Stage()
    await stage.ask(reply=Reply(200, FRESH, body))
    store = stage.cache._wiring.parts.local
    assert store is not None
    for name in store._entries.names():
        found = store.peek(name)
        if found is not None and len(found.payload) >= PIECE_BYTES:
            store.evict(name)

    assert (await stage.ask(reply=Reply(200, FRESH, body))).body == body
    assert stage.calls == 2


async def test_a_body_over_the_cap_passes_unstored() -> None:
    for reply in (Reply(200, FRESH, b"x" * 101), Reply(200, FRESH, chunks=[b"x" * 60, b"x" * 41])):
        stage = Stage(max_body=100)

        assert (await stage.ask(reply=reply)).body == b"x" * 101
        assert not (await stage.ask()).is_hit


async def test_a_large_body_is_passed_on_while_it_is_stored() -> None:
    """64 MB are never in memory at once: each chunk goes out before the next one comes."""
    stage, order = Stage(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"cache-control", b"max-age=600")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for n in range(40):
            order.append(f"made {n}")
            await send({"type": "http.response.body", "body": b"x" * 50_000, "more_body": n < 39})

    front = HTTPCache(app, stage.cache, declared_only=False)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        order.append("sent")
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"a")],
    }
    await front(scope, None, send)  # type: ignore[arg-type]

    assert order[:5] == ["made 0", "sent", "sent", "made 1", "sent"]
    assert (await ask(front, "/", host="a")).body == b"x" * 2_000_000


async def test_what_breaks_off_is_never_stored() -> None:
    stage = Stage()
    with pytest.raises(Broken):
        await stage.ask(reply=Reply(200, FRESH, chunks=[b"a", b"b"], breaks_after=1))
    stage.origin.default = Reply(200, FRESH, b"ab")

    assert (await stage.ask()).body == b"ab"
    assert stage.calls == 2


@pytest.mark.parametrize("chunks", [[b"abc"], [b"a", b"bc"]])
async def test_what_is_shorter_than_it_says_is_never_stored(chunks: list[bytes]) -> None:
    stage = Stage()
    await stage.ask(reply=Reply(200, [*FRESH, ("Content-Length", "5")], chunks=chunks))

    assert not (await stage.ask()).is_hit


async def test_it_is_stored_before_the_last_byte_is_out() -> None:
    stage = Stage()
    stage.origin.replies = [Reply(200, FRESH, chunks=[b"a", b"b"])]
    found: list[bool] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and not message["more_body"]:
            found.append((await stage.ask()).is_hit)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/page",
        "raw_path": b"/page",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"site.test")],
    }
    await stage.front(scope, None, send)  # type: ignore[arg-type]

    assert found == [True]


# What passes untouched.


async def test_server_sent_events_pass_as_they_come() -> None:
    stage = Stage()
    reply = Reply(
        200, [*FRESH, ("Content-Type", "text/event-stream")], chunks=[b"data: 1\n\n", b""]
    )

    answers = [await stage.ask(reply=reply) for _ in range(2)]

    assert stage.calls == 2
    assert [m.get("body") for m in answers[0].messages] == [None, b"data: 1\n\n", b""]


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "something-new"])
async def test_other_protocols_are_none_of_its_business(kind: str) -> None:
    stage, sent = Stage(), []

    async def send(message: Any) -> None:
        sent.append(message)

    await stage.front({"type": kind}, None, send)  # type: ignore[arg-type]

    assert sent == [{"type": f"{kind}.untouched"}]


async def test_trailers_and_unknown_messages_pass() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"cache-control", b"max-age=600")]
        await send(
            {"type": "http.response.start", "status": 200, "headers": headers, "trailers": True}
        )
        await send({"type": "http.response.body", "body": b"x"})
        await send({"type": "http.response.trailers", "headers": [(b"a", b"b")]})

    front, messages = HTTPCache(app, declared_only=False), []

    async def send(message: Any) -> None:
        messages.append(message["type"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"a")],
    }
    for _ in range(2):
        await front(scope, None, send)  # type: ignore[arg-type]

    assert messages == ["http.response.start", "http.response.body", "http.response.trailers"] * 2


async def test_a_body_by_path_is_left_to_the_server_unless_it_is_to_be_stored() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["extensions"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    front = HTTPCache(app, declared_only=False)
    offered = {"http.response.pathsend": {}, "tls": {}}
    for _ in range(2):  # the second time it is known that there is nothing to store
        await ask(front, extensions=offered)

    assert seen == [{"tls": {}}, offered]


async def test_links_to_load_early_are_sent_early_on_the_next_miss() -> None:
    stage = Stage()
    link = "</app.css>; rel=preload; as=style"
    offered = {"http.response.early_hint": {}}
    await stage.ask(reply=Reply(200, [("Cache-Control", "max-age=2"), ("Link", link)]))
    stage.clock.advance(3)

    answer = await stage.ask(extensions=offered)

    assert answer.messages[0] == {"type": "http.response.early_hint", "links": [link.encode()]}
    assert answer.status == 200


# Collapsing.


async def crowd(stage: Stage, count: int, **more: Any) -> list[Any]:
    stage.origin.gate = asyncio.Event()
    tasks = [asyncio.create_task(stage.ask(**more)) for _ in range(count)]
    while not stage.calls:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    stage.origin.gate.set()
    return await asyncio.gather(*tasks)


async def test_fifty_requests_for_a_cold_url_cost_one_call() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, FRESH)

    answers = await crowd(stage, 50)

    assert stage.calls == 1
    assert {a.body for a in answers} == {b"body 1"}
    assert sum("collapsed" in a.told or a.is_hit for a in answers) == 49


async def test_what_may_not_be_stored_is_not_fetched_one_by_one() -> None:
    """All who waited ask at once, and the next ones do not wait at all."""
    stage = Stage()
    stage.origin.default = Reply(200, [("Cache-Control", "no-store")])
    await crowd(stage, 10)
    assert stage.calls == 10
    stage.origin.gate = asyncio.Event()

    tasks = [asyncio.create_task(stage.ask()) for _ in range(10)]
    while stage.calls < 20:
        await asyncio.sleep(0)

    stage.origin.gate.set()
    bodies = {a.body for a in await asyncio.gather(*tasks)}
    assert len(bodies) == 10


async def test_what_must_be_validated_each_time_is_not_fetched_one_by_one() -> None:
    stage, most, running = Stage(), 0, 0
    stage.origin.default = Reply(200, [("Cache-Control", "no-cache"), ("ETag", '"a"')])

    async def before() -> None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        for _ in range(20):
            await asyncio.sleep(0)
        running -= 1

    stage.origin.before = before
    await asyncio.gather(*(stage.ask() for _ in range(10)))

    assert stage.calls == 10
    assert most >= 9


async def test_one_who_goes_away_takes_nobody_with_him() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, FRESH)
    stage.origin.gate = asyncio.Event()
    first = asyncio.create_task(stage.ask())
    while not stage.calls:
        await asyncio.sleep(0)
    others = [asyncio.create_task(stage.ask()) for _ in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)

    first.cancel()
    stage.origin.gate.set()

    assert {a.body for a in await asyncio.gather(*others)} == {b"body 2"}
    assert stage.calls == 2


async def test_variants_are_not_handed_to_each_other() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, [*FRESH, ("Vary", "Foo")])
    stage.origin.gate = asyncio.Event()
    tasks = [asyncio.create_task(stage.ask(fields=[("Foo", str(n % 2))])) for n in range(10)]
    for _ in range(50):
        await asyncio.sleep(0)
    stage.origin.gate.set()
    answers = await asyncio.gather(*tasks)

    assert {a.body for a in answers[::2]}.isdisjoint({a.body for a in answers[1::2]})


async def test_a_request_that_began_after_an_invalidation_gets_nothing_older() -> None:
    """
    1. a fill reads old data, and is not done    2. a writer invalidates, acknowledged
    3. a request begins, and waits for the fill  4. the fill ends: it may not answer 3
    """
    stage = Stage(declared_only=True, routes={"GET /page": Shared(ttl="5m", tags=["a"])})
    stage.origin.gate = asyncio.Event()
    old = asyncio.create_task(stage.ask())
    while not stage.calls:
        await asyncio.sleep(0)
    await stage.cache.invalidate("a")
    new = asyncio.create_task(stage.ask())
    for _ in range(20):
        await asyncio.sleep(0)

    stage.origin.gate.set()

    assert (await old).body == b"body 1"
    assert (await new).body == b"body 2"
    assert (await stage.ask()).body == b"body 2"


# Tags of what handlers use.


def tagged(cache: Cache) -> tuple[HTTPCache, list[int]]:
    calls: list[int] = []

    @cache("plain", key="character:{n}", tags=["character:{n}"])
    async def character(n: int) -> str:
        calls.append(n)
        return f"{n}:{len(calls)}"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await character(5)).encode()
        fill.tag("page:home")
        headers = [(b"cache-control", b"public, max-age=600")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return HTTPCache(app, cache), calls


async def test_what_ends_a_value_ends_the_response_made_of_it() -> None:
    cache = Cache(policies={"plain": Policy(ttl="1h")})
    front, _ = tagged(cache)
    await cache.get_or_set("other", lambda: 1, "plain", tags=["page:home"])
    await ask(front)
    assert (await ask(front)).is_hit
    await cache.invalidate("character:5")

    answer = await ask(front)

    assert not answer.is_hit
    assert answer.body == b"5:2"
    assert (await ask(front)).is_hit
    await cache.invalidate("page:home")
    assert not (await ask(front)).is_hit


async def test_a_tag_younger_than_the_values_used_keeps_nothing_out_for_long() -> None:
    """The handler's value is from before its tag was first set, and then set anew."""
    cache = Cache(policies={"plain": Policy(ttl="1h")})
    front, calls = tagged(cache)

    assert [(await ask(front)).is_hit for _ in range(2)] == [False, True]
    await cache.invalidate("page:home")
    assert [(await ask(front)).is_hit for _ in range(2)] == [False, True]
    assert calls == [5]


async def test_a_response_is_no_fresher_than_what_it_is_made_of() -> None:
    stage = Stage()
    cache = Cache(clock=stage.clock, policies={"plain": Policy(ttl="30s", jitter=0)})
    front, _ = tagged(cache)
    await cache.get_or_set("other", lambda: 1, "plain", tags=["page:home"])
    await ask(front)
    assert (await ask(front)).is_hit
    stage.clock.advance(31)

    assert not (await ask(front)).is_hit


async def test_a_soft_invalidation_lets_it_be_served_while_it_is_refreshed() -> None:
    stage = Stage(
        declared_only=True,
        routes={"GET /page": Shared(ttl="5m", stale_while_revalidate="5m", tags=["a"])},
    )
    await stage.ask()
    await stage.cache.invalidate("a", then="stale")

    assert (await stage.ask()).body == b"body 1"
    await stage.settle()
    assert (await stage.ask()).body == b"body 2"


async def test_a_cache_that_is_off_stores_nothing() -> None:
    stage = Stage(cache=Cache(enabled=False))
    stage.origin.default = Reply(200, FRESH)

    assert [(await stage.ask()).is_hit for _ in range(2)] == [False, False]


async def test_a_query_can_be_read_by_the_app_after_us() -> None:
    stage = Stage()
    await stage.ask(method="QUERY", body=b"select")

    assert stage.origin.seen[0].body == b"select"


# Bounds.


async def test_variants_of_a_url_are_bounded() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, [*FRESH, ("Vary", "Foo")])
    for n in range(100):
        await stage.ask(fields=[("Foo", str(n))])

    hits = [(await stage.ask(fields=[("Foo", str(n))])).is_hit for n in range(90, 100)]

    assert all(hits)
    store = stage.cache._wiring.parts.local
    assert store is not None
    assert len(store._entries) <= 34


async def test_a_flood_of_queries_does_not_push_out_what_is_asked_again() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, FRESH)
    await stage.ask("/hot")
    for n in range(5_000):
        await stage.ask(f"/search?q={n}")

    assert (await stage.ask("/hot")).is_hit
    assert len(stage.front.desk.ready) < 2_100
    assert [(await stage.ask("/search?q=4999")).is_hit for _ in range(2)] == [False, True]


async def test_an_overlong_url_is_passed_on() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, FRESH)

    assert [(await stage.ask("/" + "x" * 9_000)).is_hit for _ in range(2)] == [False, False]


# Cache-Status.


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([Reply(200, FRESH)], "keepwarm; fwd=uri-miss; ttl=600; stored"),
        ([Reply(200, FRESH), None], "keepwarm; hit; ttl=590"),
        ([Reply(200, [("Cache-Control", "no-store")])], "keepwarm; fwd=uri-miss; detail=no-store"),
        ([Reply(200, [("Cache-Control", "max-age=5"), ("ETag", '"a"')]), Reply(304)], "keepwarm; fwd=stale; fwd-status=304; ttl=5; stored"),
        ([Reply(200, [("Cache-Control", "max-age=5")]), Reply(503)], "keepwarm; fwd=stale; fwd-status=503; ttl=-5; detail=stale-if-error"),
        ([Reply(200, [("Cache-Control", "max-age=5, stale-while-revalidate=9")]), Reply()], "keepwarm; hit; ttl=-5; detail=stale-while-revalidate"),
    ],
)  # fmt: skip
async def test_every_answer_says_what_became_of_it(steps: list[Reply | None], told: str) -> None:
    stage, answer = Stage(), None
    for number, reply in enumerate(steps):
        stage.clock.advance(10 if number else 0)
        answer = await stage.ask(reply=reply)
    await stage.settle()

    assert answer is not None
    assert answer.told == told


async def test_what_other_caches_said_stays_before_our_word() -> None:
    stage = Stage()
    answers = [
        await stage.ask(reply=Reply(200, [*FRESH, ("Cache-Status", "far; hit")])) for _ in "ab"
    ]

    assert answers[0].told == "far; hit, keepwarm; fwd=uri-miss; ttl=600; stored"
    assert answers[1].told == "far; hit, keepwarm; hit; ttl=600"


# What is ready must not outlive what it was.


@pytest.mark.parametrize(
    "later",
    [
        [("Cache-Control", "max-age=600, no-cache"), ("ETag", '"b"')],
        [("Cache-Control", "max-age=600, no-store")],
    ],
)
async def test_what_was_ready_once_is_not_once_it_must_be_asked_about(later: Any) -> None:
    stage = Stage()
    await stage.ask(reply=Reply(200, [("Cache-Control", "max-age=5"), ("ETag", '"a"')]))
    assert [(await stage.ask()).is_hit for _ in range(2)] == [True, True]
    stage.clock.advance(6)
    await stage.ask(reply=Reply(200, later))

    await stage.ask(reply=Reply(200, later))
    assert stage.calls == 3


async def test_a_part_never_answers_a_target_that_was_ready() -> None:
    stage = Stage()
    await stage.ask(reply=Reply(200, [("Cache-Control", "max-age=5")]))
    assert [(await stage.ask()).is_hit for _ in range(2)] == [True, True]
    await stage.cache.clear()
    part = Reply(206, [*FRESH, ("Content-Range", "bytes 0-1/9"), ("ETag", 'W/"a"')], b"ab")
    await stage.ask(fields=[("Range", "bytes=0-1")], reply=part)

    assert (await stage.ask()).status == 200


async def test_a_reload_replaces_what_is_ready() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, FRESH)
    for _ in range(3):
        await stage.ask()
    await stage.ask(fields=[("Cache-Control", "no-cache")])

    assert (await stage.ask()).body == b"body 2"


async def test_what_is_ready_is_not_sent_while_the_cache_is_off() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, FRESH)
    for _ in range(3):
        await stage.ask()
    stage.cache.enabled = False

    assert not (await stage.ask()).is_hit


async def test_a_flood_of_unkeyed_input_is_bounded() -> None:
    stage = Stage()
    stage.origin.default = Reply(200, FRESH)
    await stage.ask()
    for n in range(3_000):
        await stage.ask(fields=[("X-Forwarded-Host", f"h{n}.test")])

    assert (await stage.ask()).is_hit
    store = stage.cache._wiring.parts.local
    assert store is not None
    assert len(store._entries) < 2_100
