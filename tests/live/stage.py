"""A stage for the browsers' channel: an app with one table, and browsers that hold floors.

A browser does what the contract asks of a client, and no more: it keeps what responses and
messages said, and knows by that alone which of the responses it holds may be out of date.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

import keepwarm
from asgi.stage import Answer, ask
from keepwarm import Cache, LiveHeaders, Policy
from keepwarm.live.app import LABEL_KEY, Live
from keepwarm.live.channel import Channel
from keepwarm.live.signs import Signs

SECRET = "a secret of the tests"
HOST = "site.test"
POLICIES = {
    "plain": Policy(ttl="5m", jitter=0),
    "patient": Policy(ttl="5m", stale_while_revalidate="1h", jitter=0),
}


def signs_of(cache: Cache, secret: str = SECRET) -> Signs:
    return Signs(keepwarm.live(cache, secret=secret)._hearing.key(LABEL_KEY, secret), "test")


def position(text: str) -> tuple[str, int]:
    """(incarnation, n) as a client parses it."""
    incarnation, n, _ = text.split(".")
    return incarnation, int(n)


@dataclass
class Held:
    """A response that a browser shows."""

    value: Any
    incarnation: str
    n: int
    labels: frozenset[str]
    path: str = ""


@dataclass
class Browser:
    """What one browser knows: floors of labels, of one incarnation."""

    incarnation: str = ""
    floors: dict[str, int] = field(default_factory=dict)
    floor: int = 0
    highest: int = 0

    def heard(self, message: dict[str, Any]) -> None:
        incarnation, n = position(message["seq"])
        if incarnation != self.incarnation:
            self.incarnation, self.floors, self.floor, self.highest = incarnation, {}, 0, 0
        if message.get("reset"):
            self.floor = self.highest = max(self.floor, n)
        for label in message.get("tags", ()):
            self.floors[label] = max(self.floors.get(label, 0), n)
            self.highest = max(self.highest, n)

    def is_stale(self, held: Held) -> bool:
        if held.incarnation != self.incarnation or held.n < self.floor:
            return True
        if "*" in held.labels:
            return held.n < self.highest
        return any(held.n < self.floors.get(label, 0) for label in held.labels)


def held(answer: Answer, path: str = "") -> Held:
    """What a browser holds after a response that takes part."""
    said, labels = answer.get("keepwarm-position"), answer.get("keepwarm-tags")
    assert said is not None, answer
    assert labels is not None, answer
    value = json.loads(answer.body) if answer.body else None
    return Held(value, *position(said), frozenset(labels.split()), path)


class Table:
    """What the app's functions read, and writes that are announced as they should be."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.rows: dict[int, int] = dict.fromkeys(range(10), 0)
        self.reads = 0
        self.before_read: Callable[[], Awaitable[None]] | None = None
        self.after_read: Callable[[], Awaitable[None]] | None = None

    async def read(self, number: int) -> int:
        self.reads += 1
        if self.before_read is not None:
            await self.before_read()
        found = self.rows[number]
        if self.after_read is not None:
            await self.after_read()
        return found

    async def write(self, number: int, value: int) -> keepwarm.Ack:
        self.rows[number] = value
        return await self.cache.invalidate(f"row:{number}")


class Site:
    """The smallest app with a channel: rows, and pages made of several."""

    def __init__(self, cache: Cache, *, table: Table | None = None, **settings: Any) -> None:
        self.cache, self.table = cache, table or Table(cache)
        self.app = FastAPI()
        self.channel_app: Live = keepwarm.live(cache, secret=SECRET, **settings)
        table = self.table

        @cache("patient", key="row:{number}", tags=["row:{number}"])
        async def row(number: int) -> int:
            return await table.read(number)

        @cache("patient", key="page:{first}:{last}")
        async def page(first: int, last: int) -> list[int]:
            found = []
            for number in range(first, last):
                keepwarm.fill.tag(f"row:{number}")
                found.append(await table.read(number))
            return found

        @cache("patient", key="sum:{first}:{last}")
        async def total(first: int, last: int) -> int:
            return sum([await row(number) for number in range(first, last)])

        @self.app.get("/rows/{number}")
        async def get_row(number: int) -> int:
            return await row(number)

        @self.app.get("/pages/{first}/{last}")
        async def get_page(first: int, last: int) -> list[int]:
            return await page(first, last)

        @self.app.get("/sums/{first}/{last}")
        async def get_sum(first: int, last: int) -> int:
            return await total(first, last)

        @self.app.get("/static")
        async def static() -> int:
            return 1

        @self.app.put("/rows/{number}/{value}")
        async def put_row(number: int, value: int) -> int:
            await table.write(number, value)
            return value

        self.row, self.page, self.total = row, page, total
        self.app.mount("/live", self.channel_app)
        self.front: Any = LiveHeaders(self.app, cache, secret=SECRET)

    @property
    def channel(self) -> Channel:
        return self.channel_app.channel

    async def get(self, path: str, **fields: str) -> Answer:
        named = [(name.replace("_", "-"), value) for name, value in fields.items()]
        return await ask(self.front, path, named)

    async def hold(self, path: str) -> Held:
        return held(await self.get(path), path)

    async def put(self, path: str) -> Answer:
        return await ask(self.front, path, method="PUT")


@asynccontextmanager
async def opened(url: str = "memory://", **settings: Any) -> AsyncIterator[Site]:
    """A site on a cache of its own."""
    usual: dict[str, Any] = {"policies": POLICIES, "namespace": "test"}
    if not url.startswith("memory:"):
        usual["operation_timeout"] = "10s"
    site_settings = settings.pop("site", {})
    async with Cache(url, **(usual | settings)) as cache:
        yield Site(cache, **site_settings)


def _json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


class Socket:
    """One connection to an ASGI app: what it sends is queued, what it is sent is ours to say."""

    def __init__(self, app: Any, scope: dict[str, Any]) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.given: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.takes = asyncio.Event()
        self.takes.set()
        self.task = asyncio.ensure_future(app(scope, self.given.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        await self.takes.wait()
        self.sent.put_nowait(message)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return await self.sent.get()

    async def message(self) -> dict[str, Any]:
        """The next of the channel's messages, over whichever of the three ways."""
        while True:
            said = await self.next()
            if said["type"] == "websocket.send":
                return _json(said["text"])
            if said["type"] == "http.response.body":
                lines = said["body"].decode().splitlines()
                data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
                return _json(data[0])
            assert said["type"] in ("websocket.accept", "http.response.start"), said

    async def ended(self) -> None:
        async with asyncio.timeout(20):
            await self.task

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def scope_of(kind: str, path: str, *, after: str | None = None, **fields: str) -> dict[str, Any]:
    """What a server makes of a request for `path`, from a page of ours unless told otherwise."""
    headers = {"host": HOST, "origin": f"http://{HOST}"} | fields
    return {
        "type": kind,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"" if after is None else b"after=" + after.encode(),
        "scheme": "ws" if kind == "websocket" else "http",
        "headers": [
            (n.replace("_", "-").encode(), v.encode("latin-1")) for n, v in headers.items() if v
        ],
        "client": ("127.0.0.1", 50_000),
        "subprotocols": [],
    }


def websocket(app: Any, *, after: str | None = None, **fields: str) -> Socket:
    socket = Socket(app, scope_of("websocket", "/ws", after=after, **fields))
    socket.given.put_nowait({"type": "websocket.connect"})
    return socket


def events(app: Any, *, after: str | None = None, **fields: str) -> Socket:
    socket = Socket(app, scope_of("http", "/events", after=after, **fields))
    socket.given.put_nowait({"type": "http.request", "body": b""})
    return socket
