"""`keepwarm.live(cache)`: an ASGI app that tells browsers what was invalidated.

    GET /ws?after=<cursor>       WebSocket
    GET /events?after=<cursor>   server-sent events; Last-Event-ID counts, too
    GET /poll?after=<cursor>     one answer, as soon as there is something to tell
    GET /client.js               the browser's side, an ES module

The first three tell the same messages, JSON objects with `seq`, the cursor to resume from, and
one of `tags`, `reset` and `beat`. See docs/live.md.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from keepwarm.core.policy import Duration
from keepwarm.core.units import seconds
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.hearing import Hearing
from keepwarm.errors import ConfigurationError
from keepwarm.live import asgi_types as asgi
from keepwarm.live import client
from keepwarm.live.channel import Channel, Client
from keepwarm.live.door import MOST, MOST_PER_USER, Allow, Door, Refused, Who, anybody
from keepwarm.live.signs import Signs

POLL_S = 25.0
FIRST_WORD_S = 1.0  # a store that is there says it within a heartbeat
MOST_FRAMES = 20  # a client has nothing to say; a few pings do no harm
MOST_FRAME_BYTES = 1_024
LABEL_KEY = b"keepwarm-live"

SESSION_OVER, SLOW, CROWDED, FLOOD = 4401, 4408, 4429, 1008
_WHY = {SESSION_OVER: "session over", SLOW: "slow", CROWDED: "too many", FLOOD: "flood"}
_EVENT_FIELDS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_JSON_FIELDS = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


Tell: TypeAlias = Callable[[str, str], Awaitable[None]]
"""Sends a message's text, of that seq, to one client."""


class Ended(Exception):
    """A stream is over, for one of the reasons that have a close code."""

    def __init__(self, code: int) -> None:
        super().__init__(_WHY[code])
        self.code = code


class Live:
    """The app. Streams belong to the event loop on which they were opened."""

    def __init__(
        self,
        hearing: Hearing,
        signs: Signs,
        door: Door,
        *,
        beat_s: float,
        send_s: float,
        ask_again_s: float,
    ) -> None:
        self._hearing, self._signs = hearing, signs
        self._door = door
        self._beat_s, self._send_s, self._ask_again_s = beat_s, send_s, ask_again_s
        self._channel: Channel | None = None

    @property
    def listening(self) -> int:
        """How many streams there are now, in this process."""
        return self._door.inside.total()

    @property
    def channel(self) -> Channel:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        if self._channel is None or self._channel.loop is not loop:
            if self._channel is not None:
                self._channel.close()
            self._channel = Channel(self._hearing, self._signs)
        return self._channel

    async def _client(self, cursor: str | None) -> Client:
        channel = self.channel
        await channel.ready(FIRST_WORD_S)
        return channel.client(cursor)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
        if kind == "websocket":
            await self._websocket(path, scope, receive, send)
        elif path not in ("/events", "/poll", "/client.js"):
            await _answer(send, 404, {"error": "not found"})
        elif scope["method"] != "GET":
            await _answer(send, 405, {"error": "GET only"})
        elif path == "/client.js":  # for anybody: it is no more than what the package holds
            status, fields, body = client.answer(asgi.field(scope, b"if-none-match") or "")
            await _send(send, status, fields, body)
        else:
            await self._http(path, scope, receive, send)

    # The three ways.

    async def _websocket(
        self, path: str, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        who = await self._door.look_at(scope) if path == "/ws" else Refused(404, "path")
        if isinstance(who, Refused):
            await send({"type": "websocket.close", "code": 4403})  # before accept: a 403
            return
        first = await receive()
        if first["type"] != "websocket.connect":
            return
        with self._door.place(who) as has_place:
            await send({"type": "websocket.accept"})
            client = await self._client(_cursor(scope))

            async def tell(text: str, _seq: str) -> None:
                await send({"type": "websocket.send", "text": text})

            try:
                if not has_place:
                    raise Ended(CROWDED)
                await self._stream(scope, who, client, tell, _until_gone(receive, most=MOST_FRAMES))
            except Ended as ended:
                with contextlib.suppress(Exception):  # it may be gone already
                    await self._within(
                        send({"type": "websocket.close", "code": ended.code, "reason": str(ended)})
                    )

    async def _http(
        self, path: str, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        who = await self._door.look_at(scope)
        if isinstance(who, Refused):
            await _answer(send, who.status, {"error": who.why})
            return
        with self._door.place(who) as has_place:
            if not has_place:
                await _answer(send, 429, {"error": "too many"})
            elif path == "/poll":
                await self._poll(scope, receive, send)
            else:
                await self._events(scope, who, receive, send)

    async def _events(
        self, scope: asgi.Scope, who: Who, receive: asgi.Receive, send: asgi.Send
    ) -> None:
        client = await self._client(asgi.field(scope, b"last-event-id") or _cursor(scope))
        await send({"type": "http.response.start", "status": 200, "headers": _EVENT_FIELDS})

        async def put(text: str, *, more: bool = True) -> None:
            body = text.encode()
            await send({"type": "http.response.body", "body": body, "more_body": more})

        async def tell(text: str, seq: str) -> None:
            await put(f"id: {seq}\ndata: {text}\n\n")

        try:
            await self._stream(scope, who, client, tell, _until_gone(receive))
        except Ended as ended:
            said = json.dumps({"why": str(ended), "code": ended.code})
            with contextlib.suppress(Exception):
                await self._within(put(f"event: end\ndata: {said}\n\n", more=False))

    async def _poll(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        client = await self._client(_cursor(scope))
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            message = await client.next(0.0)
            if message.is_beat and _cursor(scope) is not None:
                news = asyncio.ensure_future(client.next(POLL_S))
                await asyncio.wait((gone, news), return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    news.cancel()
                    return
                message = news.result()
        finally:
            gone.cancel()
        body = b'{"messages":[%b]}' % message.text.encode()
        await _answer(send, 200, body)

    async def _stream(
        self,
        scope: asgi.Scope,
        who: Who,
        client: Client,
        tell: Tell,
        gone: Coroutine[Any, Any, None],
    ) -> None:
        """Tell `client` until it has gone. Raises Ended."""
        loop = asyncio.get_running_loop()
        leaving = loop.create_task(gone)
        telling = loop.create_task(self._tell(scope, who, client, tell))
        try:
            await asyncio.wait((leaving, telling), return_when=asyncio.FIRST_COMPLETED)
            for task in (telling, leaving):
                if task.done():
                    task.result()
        finally:
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, scope: asgi.Scope, who: Who, client: Client, tell: Tell) -> None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        while True:
            wait_s = self._beat_s
            if who.until is not None:
                wait_s = min(wait_s, max(0.0, who.until - self._door.clock()))
            message = await client.next(wait_s)
            if loop.time() - asked_at > self._ask_again_s:
                asked_at = loop.time()
                who = await self._door.who(scope) or _nobody()
            if self._door.is_over(who):
                raise Ended(SESSION_OVER)
            await self._within(tell(message.text, message.seq))

    async def _within(self, sending: Awaitable[None]) -> None:
        """Raises Ended for a client that takes too long to take it."""
        try:
            async with asyncio.timeout(self._send_s):
                await sending
        except TimeoutError:
            raise Ended(SLOW) from None


def live(
    cache: BaseCache,
    *,
    allow: Allow | None = None,
    secret: bytes | str | None = None,
    origins: Iterable[str] = (),
    most: int = MOST,
    most_per_user: int = MOST_PER_USER,
    ask_again: Duration = "1m",
    beat: Duration = "15s",
    send_timeout: Duration = "10s",
    clock: Callable[[], float] = time.time,
) -> Live:
    """An ASGI app that tells browsers what was invalidated; mount it, for instance at /live.

    `allow` says of a connection's scope who it is, as a `Who`, or None for somebody who may
    not listen; it may be async, and is asked again every `ask_again`, as nobody tells us
    when somebody signs out. Without it everybody may: what is told are labels that mean
    something only to who was given them with a response.
    `secret` is what labels are made with, equal in all processes, and in `LiveHeaders`, too;
    by default the first of the cache's own. `origins` are pages of other hosts that may
    connect, as "https://app.example". A process has at most `most` streams, and one user
    `most_per_user` of them. `beat` is how long a stream is silent at most; a client that
    takes nothing for `send_timeout` is dropped.

    `clock` tells the time for sessions.

    Raises ConfigurationError where there is no secret and the store is shared.
    """
    for origin in origins:
        if "://" not in origin or origin.endswith("/"):
            raise ConfigurationError(f"origins: {origin!r} must be as 'https://app.example'")
    hearing = Hearing(cache)
    return Live(
        hearing,
        Signs(hearing.key(LABEL_KEY, secret), hearing.namespace),
        Door(allow or anybody, frozenset(origins), most, most_per_user, clock),
        ask_again_s=seconds(ask_again, name="ask_again"),
        beat_s=seconds(beat, name="beat"),
        send_s=seconds(send_timeout, name="send_timeout"),
    )


def _nobody() -> Who:
    return Who("", until=0.0)


def _cursor(scope: asgi.Scope) -> str | None:
    """What `after` says; an empty one is one that nobody knows."""
    query = parse_qs(
        scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True, max_num_fields=20
    )
    found = query.get("after")
    return found[-1] if found else None


async def _until_gone(receive: asgi.Receive, *, most: int | None = None) -> None:
    """Return when the other side has gone. Raises Ended for one that talks too much."""
    frames = 0
    while True:
        message = await receive()
        if message["type"] in ("http.disconnect", "websocket.disconnect"):
            return
        if most is None:
            continue
        frames += 1
        size = len(message.get("text") or message.get("bytes") or "")
        if frames > most or size > MOST_FRAME_BYTES:
            raise Ended(FLOOD)


async def _answer(send: asgi.Send, status: int, body: bytes | dict[str, str]) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    await _send(send, status, _JSON_FIELDS, data)


async def _send(
    send: asgi.Send, status: int, fields: list[tuple[bytes, bytes]], body: bytes
) -> None:
    if status != 304:
        fields = [*fields, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: asgi.Receive, send: asgi.Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
