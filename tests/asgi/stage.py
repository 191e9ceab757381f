"""A stage for the HTTP cache: a scripted origin, a client, and a clock that only we move."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from keepwarm import Cache
from keepwarm.asgi.middleware import HTTPCache
from keepwarm.rfc9111.dates import format_date

BEGAN = 1_800_000_000.0
FieldLike = tuple[str, str]


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = BEGAN

    def wall(self) -> float:
        return self.now

    def mono(self) -> float:
        return self.now - BEGAN + 1_000

    def advance(self, seconds: float) -> None:
        self.now += seconds


def date(offset: float = 0) -> str:
    """An HTTP date, seconds from when the stage's clock began."""
    return format_date(BEGAN + offset).decode()


@dataclass
class Reply:
    """What the origin says next. A body that is None is `body N`, N the number of the call."""

    status: int = 200
    fields: Sequence[FieldLike] = ()
    body: bytes | None = None
    fails: bool = False
    """Raise before a word is said."""
    chunks: Sequence[bytes] | None = None
    breaks_after: int | None = None
    """Raise after so many chunks."""


@dataclass
class Seen:
    """A request as the origin got it."""

    method: str
    path: str
    fields: list[FieldLike]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        found = [v for n, v in self.fields if n == name]
        return ", ".join(found) if found else None


@dataclass
class Answer:
    """A response as the client got it."""

    status: int
    fields: list[FieldLike]
    body: bytes
    messages: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def get(self, name: str) -> str | None:
        found = [v for n, v in self.fields if n == name]
        return ", ".join(found) if found else None

    @property
    def told(self) -> str:
        return self.get("cache-status") or ""

    @property
    def is_hit(self) -> bool:
        return "; hit" in self.told


class Broken(Exception):
    """The origin failed."""


class Origin:
    """An ASGI app that says what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.replies: list[Reply] = []
        self.default = Reply()
        self.gate: asyncio.Event | None = None
        self.before: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await send({"type": f"{scope['type']}.untouched"})
            return
        fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        body = b""
        if scope["method"] in ("POST", "PUT", "QUERY"):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
        self.seen.append(Seen(scope["method"], scope["path"], fields, body))
        number = len(self.seen)
        reply = self.replies.pop(0) if self.replies else self.default
        if self.before is not None:
            await self.before()
        if self.gate is not None:
            await self.gate.wait()
        if reply.fails:
            raise Broken
        headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in reply.fields]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        chunks = reply.chunks
        if chunks is None:
            text = b"body %d" % number if reply.body is None else reply.body
            chunks = [b"" if scope["method"] == "HEAD" or reply.status == 304 else text]
        for index, chunk in enumerate(chunks):
            if reply.breaks_after == index:
                raise Broken
            is_last = index == len(chunks) - 1
            await send({"type": "http.response.body", "body": chunk, "more_body": not is_last})


class Stage:
    """One middleware before one origin."""

    def __init__(
        self, cache: Cache | None = None, clock: Clock | None = None, **settings: Any
    ) -> None:
        self.clock = clock or Clock()
        self.origin = Origin()
        settings.setdefault("declared_only", False)
        self.cache = cache or Cache(clock=self.clock)
        self.front = HTTPCache(self.origin, self.cache, clock=self.clock, **settings)

    @property
    def calls(self) -> int:
        return len(self.origin.seen)

    async def ask(
        self,
        path: str = "/page",
        fields: Sequence[FieldLike] = (),
        *,
        method: str = "GET",
        body: bytes = b"",
        reply: Reply | None = None,
        host: str = "site.test",
        extensions: dict[str, Any] | None = None,
    ) -> Answer:
        """One request; `reply` is what the origin says if it is asked."""
        if reply is not None:
            self.origin.replies = [reply]
        return await ask(
            self.front, path, fields, method=method, body=body, host=host, extensions=extensions
        )

    async def settle(self) -> None:
        """Wait for what runs in the background."""
        while self.front.desk._refreshing:
            await asyncio.gather(*self.front.desk._refreshing.values(), return_exceptions=True)
            await asyncio.sleep(0)


async def ask(
    app: Any,
    path: str = "/page",
    fields: Sequence[FieldLike] = (),
    *,
    method: str = "GET",
    body: bytes = b"",
    host: str = "site.test",
    extensions: dict[str, Any] | None = None,
) -> Answer:
    raw, _, query = path.partition("?")
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    given = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(given, {"type": "http.disconnect"})

    headers = [(b"host", host.encode("latin-1"))] if host else []
    headers += [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in fields]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "method": method,
        "path": raw,
        "raw_path": raw.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "scheme": "http",
        "headers": headers,
        "extensions": extensions,
    }
    await app(scope, receive, send)
    starts = [m for m in messages if m["type"] == "http.response.start"]
    assert len(starts) == 1, messages
    pieces = [m for m in messages if m["type"] == "http.response.body"]
    assert not pieces[-1].get("more_body", False)
    return Answer(
        starts[0]["status"],
        [(n.decode("latin-1"), v.decode("latin-1")) for n, v in starts[0]["headers"]],
        b"".join(m.get("body", b"") for m in pieces),
        messages,
    )
