"""Plays a sequence of requests at their times and writes down what came back.

Reads go out when they are due, whatever the earlier ones do (an open loop: a slow
server meets the same arrivals as a quick one). Writes wait for each other, so that the
data have versions: version 7 is what the database holds after the seventh write. Each
exchange knows which versions were possible while it lasted.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from gallery.load.cast import Cast
from gallery.load.client import Answer, Connections, ProtocolError
from gallery.load.requests import READ_BACK, Kind, Planned, Request
from gallery.web.sessions import CSRF_HEADER, SESSION_COOKIE, csrf_token

#: A list may wait for the hard timeout of its ids and then of its cards, 10 s each: who
#: waits longer hangs.
REQUEST_TIMEOUT_S = 30.0
_PLACE = re.compile(r"\{(created|uploaded|picture):(\d+)\}")


@dataclass(slots=True)
class Exchange:
    """A request as it was sent and what became of it; times are seconds of the load.

    `status` 0 means no answer, and `error` says why. The answer reflects at least the
    first `writes_done` writes (answered before this was sent) and at most the first
    `writes_sent` (sent before this was answered).
    """

    number: int
    request: Request
    path: str
    due_at: float
    sent_at: float
    wall_sent: float  # as time.time()
    status: int = 0
    error: str = ""
    received_at: float = 0.0
    x_cache: str = ""
    invalidation: str = ""
    digest: str = ""
    body: bytes = b""  # of JSON answers
    writes_done: int = 0
    writes_sent: int = 0
    is_over: bool = False

    @property
    def took_s(self) -> float:
        return self.received_at - self.sent_at

    @property
    def is_shed(self) -> bool:
        """Refused, or given up in bounded time: the server is well and said so."""
        return self.status in (429, 503, 504)

    @property
    def is_done(self) -> bool:
        """Whether a write was made: also one whose reading back the cache then refused."""
        refused = self.status in (503, 504) and self.request.kind in READ_BACK
        return refused or 200 <= self.status < 300

    @property
    def is_failed(self) -> bool:
        """No answer, or one that says the server could not."""
        return self.status == 0 or self.status >= 500

    @property
    def is_hung(self) -> bool:
        return self.status == 0 and self.error == "timeout"


@dataclass(frozen=True, slots=True)
class Event:
    """Something done to the servers at a time of the load."""

    at: float
    name: str
    act: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Played:
    """A load that was played. `writes` are the writes in the order they were sent."""

    exchanges: list[Exchange]
    writes: list[Exchange]
    took_s: float
    events: list[tuple[float, str]] = field(default_factory=list)


Watcher = Callable[[Exchange], None]


class Player:
    """Plays sequences against one server with the sessions of a cast."""

    def __init__(
        self, connections: Connections, cast: Cast, tokens: Mapping[int, str],
        *, watch: Watcher = lambda exchange: None,
    ) -> None:  # fmt: skip
        self._connections = connections
        self._watch = watch
        self._headers = {
            user_id: {
                "Cookie": f"{SESSION_COOKIE}={token}",
                CSRF_HEADER: csrf_token(token),
            }
            for user_id, token in tokens.items()
        }
        self._pictures = {str(one.id): one.picture for one in cast.characters}
        self._made: dict[str, list[str]] = {"created": [], "uploaded": []}
        self._done = self._sent = 0
        self._began = 0.0

    async def play(self, planned: Sequence[Planned], events: Sequence[Event] = ()) -> Played:
        """Play all of it; returns when every request has ended, one way or the other."""
        self._began = time.monotonic()
        played = Played([], [], 0.0)
        lane: asyncio.Queue[Planned | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(lane, played))
            for event in events:
                group.create_task(self._happen(event, played))
            for one in planned:
                await self._until(one.at)
                if one.request.is_write:
                    lane.put_nowait(one)
                else:
                    group.create_task(self._send(one, played))
            lane.put_nowait(None)
        played.took_s = self._now()
        played.exchanges.sort(key=lambda exchange: exchange.number)
        return played

    def _now(self) -> float:
        return time.monotonic() - self._began

    async def _until(self, at: float) -> None:
        if (wait_s := at - self._now()) > 0:
            await asyncio.sleep(wait_s)

    async def _happen(self, event: Event, played: Played) -> None:
        await self._until(event.at)
        await event.act()
        played.events.append((self._now(), event.name))

    async def _write(self, lane: asyncio.Queue[Planned | None], played: Played) -> None:
        while (one := await lane.get()) is not None:
            await self._send(one, played)

    async def _send(self, one: Planned, played: Played) -> None:
        request = one.request
        exchange = Exchange(
            number=len(played.exchanges),
            request=request,
            path=self._resolved(request.path),
            due_at=one.at,
            sent_at=self._now(),
            wall_sent=time.time(),
        )
        played.exchanges.append(exchange)
        exchange.writes_done = self._done
        if request.is_write:
            self._sent += 1
            played.writes.append(exchange)
        headers = dict(self._headers[request.user_id]) if request.user_id is not None else {}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        try:
            answer = await self._connections.send(
                request.method,
                exchange.path,
                headers=headers,
                body=request.body,
                timeout_s=REQUEST_TIMEOUT_S,
            )
        except TimeoutError:
            exchange.error = "timeout"
        except (OSError, ProtocolError) as error:
            exchange.error = f"{type(error).__name__}: {error}"
        else:
            self._note(exchange, answer)
        exchange.received_at = self._now()
        exchange.writes_sent = self._sent
        if request.is_write:
            self._done = self._sent
        exchange.is_over = True
        self._watch(exchange)

    def _note(self, exchange: Exchange, answer: Answer) -> None:
        exchange.status = answer.status
        exchange.x_cache = answer.headers.get("x-cache", "")
        exchange.invalidation = answer.headers.get("cache-invalidation", "")
        exchange.digest = hashlib.sha256(answer.body).hexdigest()
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return
        exchange.body = answer.body
        kind = exchange.request.kind
        if answer.status == 201 and kind in (Kind.CREATE, Kind.UPLOAD):
            made = msgspec.json.decode(answer.body, type=_Made)
            self._made["created" if kind is Kind.CREATE else "uploaded"].append(str(made.id))
        elif answer.status == 200:
            # As a page would: the next picture is asked for at the address last seen.
            found = msgspec.json.decode(answer.body, type=_Seen)
            for id, picture in (
                (found.id, found.picture),
                *((i.id, i.picture) for i in found.items),
            ):
                if picture:
                    self._pictures[str(id)] = picture

    def _resolved(self, path: str) -> str:
        def known(place: re.Match[str]) -> str:
            what, which = place.groups()
            if what == "picture":
                return self._pictures[which]
            made = self._made[what]
            # What a failed write did not make gets an id that nothing has.
            return made[int(which)] if int(which) < len(made) else str(2**62)

        return _PLACE.sub(known, path)


class _Made(msgspec.Struct):
    id: int


class _SeenItem(msgspec.Struct):
    id: int = 0
    picture: str = ""


class _Seen(msgspec.Struct):
    id: int | str = 0
    picture: str = ""
    items: list[_SeenItem] = []
