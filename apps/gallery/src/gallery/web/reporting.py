"""X-Cache and Server-Timing on responses that the HTTP cache answered, and HEAD for all routes.

`CacheReport` in the app tells of the run that made a response, and the HTTP cache does not
keep that: a hit has had no such run. So what the run cost is put into a field that is kept,
inside the cache (`KeepsCost`), and taken out again before the client, outside it
(`TellsHits`), where a hit gets fields of its own.
"""

from __future__ import annotations

import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COST = b"gallery-origin-ms"
_ORIGIN = re.compile(rb"(?:^|, )origin;dur=([0-9.]+)")
_HIT = b"keepwarm; hit"


class KeepsCost:
    """Inside the HTTP cache: notes what the response cost, and answers HEAD as GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                timing = dict(headers).get(b"server-timing", b"")
                if cost := _ORIGIN.search(timing):
                    headers.append((COST, cost[1]))
                message = {**message, "headers": headers}
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"} if is_head else scope, receive, noted)


class TellsHits:
    """Outside the HTTP cache: X-Cache and Server-Timing of what it answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _told(message["headers"], began)}
            await send(message)

        await self._app(scope, receive, told)


def _told(headers: list[tuple[bytes, bytes]], began: float) -> list[tuple[bytes, bytes]]:
    cost = status = b""
    kept = []
    for field in headers:
        if field[0] == COST:
            cost = field[1]
            continue
        if field[0] == b"cache-status":
            status = field[1]  # the last is the HTTP cache's
        kept.append(field)
    if not status.startswith(_HIT):
        return kept
    is_stale = b"; detail=" in status  # a fresh hit has nothing to explain
    timing = [b'cache;desc="response %b"' % (b"stale" if is_stale else b"hit")]
    if cost:
        timing.append(b"origin;dur=" + cost)
    timing.append(b"total;dur=%.1f" % ((time.perf_counter() - began) * 1000))
    return [
        *kept,
        (b"x-cache", b"STALE" if is_stale else b"HIT"),
        (b"server-timing", b", ".join(timing)),
    ]
