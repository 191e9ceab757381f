"""Middleware that tells on each response whether a cache made it, and how long that took."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from keepwarm.asgi.summary import cache_status, server_timing, x_cache
from keepwarm.core.outcome import Outcome
from keepwarm.engine.context import collect

# ASGI's own types, spelled out: the middleware serves any ASGI app, without Starlette.
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class CacheReport:
    """Adds X-Cache, Cache-Status and Server-Timing to HTTP responses of `app`.

    They sum up the cached calls made before the response starts, in the endpoint, its
    dependencies and the threads they run in. A response made without one gets only the
    total time. Bodies, WebSockets and lifespan pass untouched.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with collect() as outcomes:
            await self._app(scope, receive, _Responder(send, outcomes))


class _Responder:
    """The `send` of one request."""

    def __init__(self, send: Send, outcomes: list[Outcome]) -> None:
        self._send = send
        self._outcomes = outcomes
        self._began = time.perf_counter()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *self._fields()]}
        await self._send(message)

    def _fields(self) -> list[tuple[bytes, bytes]]:
        outcomes = tuple(self._outcomes)
        timing = server_timing(outcomes, time.perf_counter() - self._began)
        fields = [(b"server-timing", timing.encode("ascii"))]
        if outcomes:
            fields += [
                (b"x-cache", x_cache(outcomes).encode("ascii")),
                (b"cache-status", cache_status(outcomes).encode("ascii")),
            ]
        return fields
