"""The same answer behind other caches; imports nothing of ours, runs where they are installed."""

from typing import Any

BODY = b"x" * 2048


async def bare(scope: Any, receive: Any, send: Any) -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", b"2048"),
        (b"cache-control", b"public, max-age=3600"),
        (b"etag", b'"1"'),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def hishel() -> Any:
    import tempfile

    from hishel import AsyncSqliteStorage
    from hishel.asgi import ASGICacheMiddleware

    where = tempfile.mkdtemp(prefix="bench-") + "/cache.db"
    return ASGICacheMiddleware(bare, storage=AsyncSqliteStorage(database_path=where))


def fastapi_cache2() -> Any:
    from fastapi import FastAPI
    from fastapi_cache import FastAPICache
    from fastapi_cache.backends.inmemory import InMemoryBackend
    from fastapi_cache.decorator import cache

    FastAPICache.init(InMemoryBackend(), prefix="benchmark")
    app = FastAPI()

    @app.get("/page")
    @cache(expire=3600)
    async def page() -> str:
        return "x" * 2046

    return app
