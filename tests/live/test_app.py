"""The three ways to listen, and who may not. ASGI as it is: no server, no waiting for sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

import keepwarm
from asgi.stage import ask
from keepwarm import ConfigurationError, Who
from keepwarm.live.app import MOST_FRAME_BYTES, MOST_FRAMES, Live
from live.stage import (
    HOST,
    SECRET,
    Browser,
    Site,
    Socket,
    events,
    held,
    opened,
    scope_of,
    websocket,
)

WAYS = pytest.mark.parametrize("way", [websocket, events], ids=["websocket", "events"])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened() as site:
        yield site


def live(site: Site, **settings: Any) -> Live:
    return keepwarm.live(site.cache, secret=SECRET, **settings)


async def end_of(socket: Socket) -> tuple[int, str]:
    """(code, why) at the end of a stream that the server ends."""
    while True:
        said = await socket.next()
        if said["type"] == "websocket.close":
            await socket.ended()
            return said["code"], said["reason"]
        if said["type"] == "http.response.body" and said["body"].startswith(b"event: end"):
            assert said["more_body"] is False
            await socket.ended()
            data = json.loads(said["body"].decode().splitlines()[1].removeprefix("data: "))
            return data["code"], data["why"]


# Listening.


@WAYS
async def test_a_stream_begins_with_the_present_and_goes_on(site: Site, way: Any) -> None:
    socket = way(site.channel_app)
    first = await socket.message()
    await site.cache.invalidate("row:1")
    second = await socket.message()
    await socket.close()

    assert "beat" in first
    assert len(second["tags"]) == 1


@WAYS
async def test_a_stream_resumes(site: Site, way: Any) -> None:
    socket = way(site.channel_app)
    at = (await socket.message())["seq"]
    await site.cache.invalidate("row:1")
    await socket.message()
    await socket.close()
    again = way(site.channel_app, after=at)

    assert len((await again.message())["tags"]) == 1
    await again.close()


async def test_events_carry_their_cursor_and_resume_by_it(site: Site) -> None:
    """As EventSource does by itself."""
    socket = events(site.channel_app)
    start, first = await socket.next(), await socket.next()
    await socket.close()
    fields = dict(start["headers"])
    seq = json.loads(first["body"].split(b"data: ")[1])["seq"]
    await site.cache.invalidate("row:1")
    await site.channel.news(5.0)
    again = events(site.channel_app, last_event_id=seq)

    assert fields[b"content-type"].startswith(b"text/event-stream")
    assert (fields[b"cache-control"], fields[b"x-accel-buffering"]) == (
        b"no-store, no-transform",
        b"no",
    )
    assert first["body"].startswith(b"id: " + seq.encode() + b"\ndata: ")
    assert "tags" in await again.message()
    await again.close()


async def test_a_poll_answers_at_once_or_as_soon_as_there_is_something(site: Site) -> None:
    first = json.loads((await ask(site.channel_app, "/poll")).body)["messages"][0]
    scope = scope_of("http", "/poll", after=first["seq"])
    waiting = Socket(site.channel_app, scope)
    for _ in range(20):
        await asyncio.sleep(0)
    assert waiting.sent.empty()
    await site.cache.invalidate("row:1")
    start, body = await waiting.next(), await waiting.next()
    found = json.loads(body["body"])["messages"]
    missed = json.loads((await ask(site.channel_app, f"/poll?after={first['seq']}")).body)

    assert "beat" in first
    assert (start["status"], dict(start["headers"])[b"cache-control"]) == (200, b"no-store")
    assert [len(message["tags"]) for message in found] == [1]
    assert missed["messages"] == found


async def test_who_leaves_a_poll_gives_his_place_back(site: Site) -> None:
    app = live(site)
    first = json.loads((await ask(app, "/poll")).body)["messages"][0]
    waiting = Socket(app, scope_of("http", "/poll", after=first["seq"]))
    while app.listening == 0:
        await asyncio.sleep(0)
    waiting.given.put_nowait({"type": "http.disconnect"})
    await waiting.ended()

    assert app.listening == 0


@WAYS
async def test_who_goes_gives_his_place_back(site: Site, way: Any) -> None:
    app = live(site)
    socket = way(app)
    await socket.message()
    assert app.listening == 1
    kind = "websocket" if way is websocket else "http"
    socket.given.put_nowait({"type": f"{kind}.disconnect"})
    await socket.ended()

    assert app.listening == 0


@WAYS
async def test_a_quiet_stream_beats(site: Site, way: Any) -> None:
    socket = way(live(site, beat="10ms"))

    assert all(["beat" in await socket.message() for _ in range(3)])
    await socket.close()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nothing", "GET", 404), ("/ws", "GET", 404), ("/events", "POST", 405)],
)
async def test_other_requests_are_told_so(site: Site, path: str, method: str, status: int) -> None:
    assert (await ask(site.channel_app, path, method=method)).status == status


async def test_it_may_be_mounted_anywhere(site: Site) -> None:
    answer = await ask(site.app, "/live/poll")

    assert "beat" in json.loads(answer.body)["messages"][0]


async def test_two_processes_tell_each_others_changes_and_resume_each_others_streams(
    site: Site,
) -> None:
    """Labels and cursors are the same in every app that has the secret."""
    other = live(site)
    at = (await (one := websocket(site.channel_app)).message())["seq"]
    two = websocket(other)
    await two.message()
    before = await site.hold("/rows/5")
    await site.cache.invalidate("row:5")
    message = await two.message()
    again = websocket(other, after=at)
    browser = Browser()
    browser.heard(message)

    assert browser.is_stale(before)
    assert (await again.message()) == message
    for socket in (one, two, again):
        await socket.close()


# Who may not.

FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.test"},
    {"origin": "null"},
    {"origin": f"http://{HOST}.evil.test"},
    {"origin": f"http://evil.test/{HOST}"},
    {"origin": f"http://{HOST}:8443"},
    {"origin": "", "sec_fetch_site": "cross-site"},
    {"origin": "", "sec_fetch_site": "same-site"},
    {"origin": HOST},
    {"host": ""},
]


@WAYS
@pytest.mark.parametrize("fields", FOREIGN, ids=lambda f: " ".join(f.values()) or "no-host")
@pytest.mark.security("Admin: live, origins")
async def test_another_sites_page_is_refused(site: Site, way: Any, fields: Any) -> None:
    asked: list[Any] = []
    app = live(site, allow=lambda scope: asked.append(scope))
    socket = way(app, **fields)
    said = await socket.next()
    await socket.ended()

    # Closed before it was accepted: servers make a 403 of that.
    assert said["type"] in ("websocket.close", "http.response.start")
    assert said.get("status", 403) == 403
    assert asked == []


@WAYS
@pytest.mark.security("Admin: live, origins")
async def test_pages_that_are_ours_are_let_in(site: Site, way: Any) -> None:
    app = live(site, origins=["https://app.example"])
    for fields in (
        {"origin": f"https://{HOST}"},
        {"origin": f"HTTP://{HOST.upper()}"},
        {"origin": "https://app.example"},
        {"origin": ""},
        {"origin": "", "sec_fetch_site": "same-origin"},
    ):
        socket = way(app, **fields)
        assert "beat" in await socket.message()
        await socket.close()


@WAYS
@pytest.mark.security("Admin: live, sessions")
async def test_who_may_not_listen_is_refused(site: Site, way: Any) -> None:
    async def allow(scope: Any) -> Who | None:
        await asyncio.sleep(0)
        return None

    socket = way(live(site, allow=allow))
    said = await socket.next()
    await socket.ended()

    assert said["type"] in ("websocket.close", "http.response.start")
    assert said.get("status", 401) == 401


@WAYS
@pytest.mark.security("Admin: live, sessions")
async def test_a_stream_ends_with_its_session(site: Site, way: Any) -> None:
    now = [1_000.0]
    app = live(site, allow=lambda _: Who("ann", until=1_000.2), clock=lambda: now[0])
    socket = way(app)
    assert "beat" in await socket.message()
    now[0] = 1_001.0
    await site.cache.invalidate("row:1")

    assert await end_of(socket) == (4401, "session over")
    late = way(app)
    said = await late.next()
    assert said.get("status", 401) == 401
    await late.ended()


@WAYS
@pytest.mark.security("Admin: live, sessions")
async def test_a_quiet_stream_ends_with_its_session_too(site: Site, way: Any) -> None:
    """Without a message: at the time the session ends, not at the next heartbeat."""
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.1
    app = live(site, allow=lambda _: Who("ann", until=until), clock=loop.time)

    assert await end_of(way(app)) == (4401, "session over")


@WAYS
@pytest.mark.security("Admin: live, sessions")
async def test_who_signs_out_is_found_out(site: Site, way: Any) -> None:
    signed_in = ["ann"]
    allow = lambda _: Who("ann") if signed_in else None  # noqa: E731 - said where it is used
    app = live(site, allow=allow, ask_again="1ms", beat="10ms")
    socket = way(app)
    await socket.message()
    signed_in.clear()

    assert await end_of(socket) == (4401, "session over")


@WAYS
@pytest.mark.security("Admin: live, crowds")
async def test_streams_are_bounded_for_each_user(site: Site, way: Any) -> None:
    users = iter(["ann", "ann", "bob"])
    app = live(site, allow=lambda _: Who(next(users)), most_per_user=1)
    one = way(app)
    await one.message()
    two = way(app)
    said = await two.next()
    if said["type"] == "websocket.accept":
        assert (await end_of(two))[0] == 4429
    else:
        assert said["status"] == 429
    three = way(app)

    assert "beat" in await three.message()
    for socket in (one, two, three):
        await socket.close()
    assert app.listening == 0


async def test_visitors_of_one_address_may_be_many(site: Site) -> None:
    """They may all come through one proxy; somebody known is one person."""
    app = live(site, most_per_user=1)
    sockets = [websocket(app) for _ in range(3)]
    for socket in sockets:
        assert "beat" in await socket.message()
    for socket in sockets:
        await socket.close()


@WAYS
@pytest.mark.security("Admin: live, crowds")
async def test_streams_are_bounded_in_all(site: Site, way: Any) -> None:
    users = iter(range(9))
    app = live(site, allow=lambda _: Who(f"user {next(users)}"), most=2)
    sockets = [way(app) for _ in range(3)]
    for socket in sockets[:2]:
        await socket.message()
    said = await sockets[2].next()
    if said["type"] == "websocket.accept":
        assert (await end_of(sockets[2]))[0] == 4429
    else:
        assert said["status"] == 429
    for socket in sockets:
        await socket.close()


@WAYS
@pytest.mark.security("Admin: live, slow consumers")
async def test_a_client_that_takes_nothing_is_dropped(site: Site, way: Any) -> None:
    app = live(site, send_timeout="50ms", beat="10ms")
    slow, other = way(app), way(app)
    await slow.message()
    await other.message()
    slow.takes.clear()
    await slow.ended()
    await site.cache.invalidate("row:1")
    while "tags" not in await other.message():
        pass

    assert app.listening == 1
    await other.close()


@pytest.mark.security("Admin: live, slow consumers")
async def test_what_a_slow_client_misses_waits_for_it_in_one_message(site: Site) -> None:
    """It has no queue: it costs its place in the log, however much happens meanwhile."""
    slow = websocket(site.channel_app)
    await slow.message()
    slow.takes.clear()
    for n in range(3):
        await site.cache.invalidate(f"row:{n}")
        await site.channel.news(5.0)
    slow.takes.set()
    first, second = await slow.message(), await slow.message()
    await slow.close()

    assert (len(first["tags"]), len(second["tags"])) == (1, 2)


@pytest.mark.parametrize(
    "frames",
    [["ping"] * (MOST_FRAMES + 1), ["x" * (MOST_FRAME_BYTES + 1)]],
    ids=["many", "large"],
)
@pytest.mark.security("Admin: live, floods")
async def test_a_client_that_talks_is_cut_off(site: Site, frames: list[str]) -> None:
    socket = websocket(site.channel_app)
    await socket.message()
    for frame in frames:
        socket.given.put_nowait({"type": "websocket.receive", "text": frame})

    assert await end_of(socket) == (1008, "flood")


async def test_a_client_may_ping_now_and_then(site: Site) -> None:
    socket = websocket(site.channel_app)
    await socket.message()
    for _ in range(MOST_FRAMES):
        socket.given.put_nowait({"type": "websocket.receive", "bytes": b"ping"})
    await site.cache.invalidate("row:1")

    assert "tags" in await socket.message()
    await socket.close()


@pytest.mark.security("Admin: live, labels")
async def test_no_tag_or_key_is_ever_said(site: Site) -> None:
    """Nor the epoch, from which nothing follows, but which is nobody's business either."""
    socket = websocket(site.channel_app)
    await socket.message()
    answers = [await site.get("/rows/5"), await site.put("/rows/5/1")]
    message = await socket.message()
    await socket.close()
    said = json.dumps([message, *(a.get("keepwarm-tags") for a in answers)])

    assert "row" not in said
    assert site.channel.epoch not in said


@pytest.mark.security("Admin: live, labels")
async def test_labels_tell_nothing_without_the_secret(site: Site) -> None:
    """Who knows every tag's name cannot find his neighbour's label, nor ask for it."""
    ours = held(await site.get("/rows/5"))
    other = keepwarm.LiveHeaders(site.app, site.cache, secret="another secret of ours")
    theirs = held(await ask(other, "/rows/5"))

    assert ours.labels.isdisjoint(theirs.labels)
    assert ours.incarnation != theirs.incarnation
    assert all(len(label) == 9 for label in ours.labels)


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/"])
def test_an_origin_is_checked_when_it_is_given(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="origins"):
        keepwarm.live(keepwarm.Cache(), origins=[origin])
