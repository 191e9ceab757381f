"""What FastAPI answers when the cache could not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from keepwarm import Cache, FillAbandoned, FillTimeout, NotAcknowledged, Overloaded, Policy
from keepwarm.frameworks.fastapi import install

TOKEN = "an-operators-token"


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache("memory://", policies={"plain": Policy(ttl="1h")}) as cache:
        yield cache


async def get(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
        return await client.get(path)


@pytest.mark.parametrize(
    "error, status, code, retry_after",
    [
        (Overloaded("secret", 10.0, retry_after_s=3), 503, "overloaded", "3"),
        (FillAbandoned("secret"), 503, "abandoned", "1"),
        (FillTimeout("secret", 10.0), 504, "origin_timeout", None),
        (NotAcknowledged(("secret",), "timeout"), 503, "invalidation_pending", None),
    ],
)
async def test_errors_become_clear_answers(
    cache: Cache, error: Exception, status: int, code: str, retry_after: str | None
) -> None:
    app = FastAPI()
    install(app, cache)

    @app.get("/")
    async def page() -> None:
        raise error

    answer = await get(app, "/")

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers["cache-control"] == "no-store"
    assert "secret" not in answer.text


async def test_responses_tell_of_the_cache_and_operators_are_let_in(cache: Cache) -> None:
    app = FastAPI()
    install(app, cache, admin_token=TOKEN, admin_path="/ops")

    @app.get("/")
    @cache("plain", key="page")
    async def page() -> str:
        return "page"

    assert [(await get(app, "/")).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
    assert (await get(app, "/ops/health")).json()["cache"]["status"] == "healthy"
    assert (await get(app, "/ops/metrics")).status_code == 401


async def test_without_a_token_there_is_nothing_to_change(cache: Cache) -> None:
    app = FastAPI()
    install(app, cache)

    assert (await get(app, "/api/cache/health")).status_code == 200
    assert (await get(app, "/api/cache/metrics")).status_code == 404
