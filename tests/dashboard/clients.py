"""An app with the admin endpoints mounted, and clients that reach it from here and there."""

import httpx
from starlette.applications import Starlette

import keepwarm
from keepwarm import Cache

TOKEN = "an-operators-token"


def mounted(cache: Cache, token: str | None) -> Starlette:
    app = Starlette()
    app.mount("/api/cache", keepwarm.admin(cache, token))
    return app


def visitor(
    app: Starlette, *, peer: str = "203.0.113.9", host: str = "app.test", token: str | None = None
) -> httpx.AsyncClient:
    """A client as the server sees it: by default from far away, without a token."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(peer, 40_000)),
        base_url=f"http://{host}/api/cache",
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
