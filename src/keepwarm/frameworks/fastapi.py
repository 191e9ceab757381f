"""FastAPI and Starlette: `install(app, cache)` and the app's responses tell of the cache."""

import math
from typing import Any

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
except ImportError as error:
    raise ImportError("this needs an extra: pip install 'keepwarm[http]'") from error

from keepwarm.asgi.report import CacheReport
from keepwarm.dashboard.api import admin
from keepwarm.engine.cache import BaseCache
from keepwarm.errors import FillAbandoned, FillTimeout, NotAcknowledged, Overloaded

ADMIN_PATH = "/api/cache"


def install(
    app: Starlette,
    cache: BaseCache,
    *,
    admin_token: str | None = None,
    admin_path: str = ADMIN_PATH,
) -> None:
    """Make `app` report what its cache did, and answer for it when it could not.

    - Each response carries X-Cache, Cache-Status and Server-Timing (`CacheReport`).
    - Overloaded and FillAbandoned become 503 with Retry-After, FillTimeout 504, and a
      NotAcknowledged that nobody caught 503.
    - `keepwarm.admin(cache, admin_token)` is mounted at `admin_path`.

    Call it before the app starts. It does not start or close the cache.
    """
    app.add_middleware(CacheReport)
    app.add_exception_handler(Overloaded, overloaded)
    app.add_exception_handler(FillAbandoned, abandoned)
    app.add_exception_handler(FillTimeout, timed_out)
    app.add_exception_handler(NotAcknowledged, not_acknowledged)
    app.mount(admin_path, admin(cache, admin_token))


def overloaded(_: Request, error: Exception) -> JSONResponse:
    """503: every fill slot was busy. Retry-After says when to come back."""
    assert isinstance(error, Overloaded)
    return _answer(
        503,
        "overloaded",
        "Too many answers are being computed at once. Try again shortly.",
        retry_after_s=error.retry_after_s,
    )


def abandoned(_: Request, _error: Exception) -> JSONResponse:
    """503: the fill this request waited for was cancelled, as at shutdown."""
    return _answer(
        503,
        "abandoned",
        "The computation of this answer was cancelled. Try again shortly.",
        retry_after_s=1,
    )


def timed_out(_: Request, _error: Exception) -> JSONResponse:
    """504: the origin took longer than the policy's hard timeout; it goes on."""
    return _answer(504, "origin_timeout", "The answer took too long to compute.")


def not_acknowledged(_: Request, _error: Exception) -> JSONResponse:
    """503 without Retry-After: repeating the request could repeat a write that was done."""
    return _answer(
        503,
        "invalidation_pending",
        "The change may have been saved, but it could not be confirmed that every cache "
        "has dropped what it replaces. That is being retried; until then others may see "
        "the old state. Read it back before you send the change again.",
    )


def _answer(
    status: int, code: str, message: str, *, retry_after_s: float | None = None
) -> JSONResponse:
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    body: dict[str, Any] = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status, headers)
