"""The admin endpoints: health for anyone, figures for operators, changes by token."""

from collections.abc import Awaitable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keepwarm.asgi.auditing import reported
from keepwarm.dashboard.access import Gate
from keepwarm.dashboard.bodies import Everything, Keys, Pattern, Switch, Tags, read
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.plans import PREVIEW, Ack
from keepwarm.errors import KeyArgumentError, NotAcknowledged
from keepwarm.observe.metrics import figures

_NO_STORE = {"Cache-Control": "no-store"}
_CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
    422: "invalid",
}


def admin(cache: BaseCache, token: str | None = None) -> Starlette:
    """An ASGI app for operators; mount it, for instance at /api/cache.

    GET /health is for anyone. GET /metrics, /metrics/prometheus and /audit are for whoever sends
    `Authorization: Bearer <token>`, or comes from this machine and not through a proxy.
    POST /invalidate, /invalidate-keys, /invalidate-pattern, /clear and /enabled need the
    token, and do not exist where none is given. Figures and the switch are those of the
    process that answers; invalidations reach every process.

    Raises ConfigurationError for a token of fewer than 16 characters.
    """
    endpoints = _Endpoints(cache, Gate(token))
    routes = [
        Route("/health", endpoints.health),
        Route("/metrics", endpoints.metrics),
        Route("/metrics/prometheus", endpoints.prometheus),
        Route("/audit", endpoints.audit),
    ]
    if token is not None:
        routes += [
            Route("/invalidate", endpoints.invalidate, methods=["POST"]),
            Route("/invalidate-keys", endpoints.invalidate_keys, methods=["POST"]),
            Route("/invalidate-pattern", endpoints.invalidate_pattern, methods=["POST"]),
            Route("/clear", endpoints.clear, methods=["POST"]),
            Route("/enabled", endpoints.enabled, methods=["POST"]),
        ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused})


class _Endpoints:
    def __init__(self, cache: BaseCache, gate: Gate) -> None:
        self._cache = cache
        self._gate = gate

    # Looking.

    async def health(self, request: Request) -> Response:
        found = await self._cache.health()
        latency = None if found.latency_ms is None else round(found.latency_ms, 2)
        body: dict[str, Any] = {
            "cache": {"status": found.status, "latency": latency},
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        if self._gate.may_look(request):
            body["notes"] = list(found.notes)
        return _json(body, 503 if found.status == "unhealthy" else 200)

    async def metrics(self, request: Request) -> Response:
        self._gate.check_look(request)
        return _json(figures(self._cache.stats(), await self._cache.facts()))

    async def prometheus(self, request: Request) -> Response:
        self._gate.check_look(request)
        from keepwarm.observe.prometheus import CONTENT_TYPE, exposition

        body = exposition(self._cache.stats(), await self._cache.facts())
        return Response(body, headers={**_NO_STORE, "Content-Type": CONTENT_TYPE})

    async def audit(self, request: Request) -> Response:
        self._gate.check_look(request)
        found = reported(self._cache)
        if found is None:
            return _error(404, "no_http_cache", "This process has no HTTPCache.")
        return _json(asdict(found))

    # Changing.

    async def invalidate(self, request: Request) -> Response:
        self._gate.check_change(request)
        wanted = await read(request, Tags)
        return await _acknowledged(self._cache.invalidate(*wanted.tags))

    async def invalidate_keys(self, request: Request) -> Response:
        self._gate.check_change(request)
        wanted = await read(request, Keys)
        return await _acknowledged(self._cache.invalidate_key(*wanted.keys))

    async def invalidate_pattern(self, request: Request) -> Response:
        self._gate.check_change(request)
        wanted = await read(request, Pattern)
        try:
            if wanted.dry_run:
                return await self._preview(wanted.pattern)
            return await _acknowledged(self._cache.invalidate_pattern(wanted.pattern))
        except KeyArgumentError:
            raise HTTPException(
                422, "In a pattern only * and ? are special: no [, ] or backslash."
            ) from None

    async def _preview(self, pattern: str) -> Response:
        try:
            ack = await self._cache.invalidate_pattern(pattern, dry_run=True)
        except NotAcknowledged:
            return _error(503, "store_away", "The store could not be searched.")
        matched = list(ack.matched)
        return _json({"dryRun": True, "matched": matched, "isComplete": len(matched) < PREVIEW})

    async def clear(self, request: Request) -> Response:
        self._gate.check_change(request)
        await read(request, Everything)
        return await _acknowledged(self._cache.clear())

    async def enabled(self, request: Request) -> Response:
        self._gate.check_change(request)
        self._cache.enabled = (await read(request, Switch)).enabled
        return _json({"enabled": self._cache.enabled})


async def _acknowledged(work: Awaitable[Ack]) -> Response:
    try:
        ack = await work
    except NotAcknowledged:
        return _error(
            503,
            "not_acknowledged",
            "The store did not confirm it: presume it was not done. This process retries it "
            "while it lives, and serves nothing it covers until then.",
            queued=True,
        )
    return _json(
        {
            "acknowledged": True,
            "level": ack.level,
            "count": len(ack.what),
            "epoch": ack.epoch,
            "position": ack.position,
        }
    )


def _json(body: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, _NO_STORE)


def _error(status: int, code: str, message: str, **more: Any) -> JSONResponse:
    return _json({"error": {"code": code, "message": message}, **more}, status)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _error(error.status_code, _CODES.get(error.status_code, "error"), error.detail)
    answer.headers.update(error.headers or {})
    return answer
