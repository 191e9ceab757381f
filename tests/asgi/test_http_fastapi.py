"""The HTTP cache before a real framework: threads, dependencies, files, reports inside."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.middleware.gzip import GZipMiddleware

from keepwarm import Cache, HTTPCache, Immutable, PerUser, Policy, Shared
from keepwarm.asgi.report import CacheReport
from keepwarm.asgi.reported import cost_ms, of_hit, of_run


def visitor(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.test")


def cache() -> Cache:
    return Cache("memory://", policies={"plain": Policy(ttl="1h")})


def hit(response: httpx.Response) -> bool:
    return "keepwarm; hit" in response.headers["cache-status"].rpartition(",")[2]


async def test_cached_calls_in_threads_end_the_response() -> None:
    kept, app = cache(), FastAPI()
    app.add_middleware(CacheReport)
    app.add_middleware(HTTPCache, cache=kept, routes={"GET /{n}": Shared(ttl="5m")})

    @kept("plain", key="character:{n}", tags=["character:{n}"])
    def character(n: int) -> str:
        return f"character {n}"

    @app.get("/{n}")
    def page(n: int) -> str:
        return character(n)

    async with visitor(app) as client:
        answers = [await client.get("/5") for _ in range(3)]
        assert [hit(a) for a in answers] == [False, True, True]
        assert [a.headers["x-cache"] for a in answers] == ["MISS", "HIT", "HIT"]
        await kept.invalidate("character:6")
        assert hit(await client.get("/5"))
        await kept.invalidate("character:5")
        assert not hit(await client.get("/5"))


async def test_conditions_are_answered_for_an_app_that_knows_none() -> None:
    app, calls = FastAPI(), 0
    app.add_middleware(HTTPCache, cache=cache(), routes={"GET /": Shared(ttl="5m")})

    @app.get("/")
    async def page() -> dict[str, int]:
        nonlocal calls
        calls += 1
        return {"a": 1}

    async with visitor(app) as client:
        etag = (await client.get("/")).headers["etag"]
        again = await client.get("/", headers={"if-none-match": etag})
        part = await client.get("/", headers={"range": "bytes=0-3"})

    assert (again.status_code, again.content) == (304, b"")
    assert (part.status_code, part.content) == (206, b'{"a"')
    assert calls == 1


async def test_files_and_streams_are_stored(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(bytes(range(256)) * 2_000)
    app = FastAPI()
    routes = {"GET /file": Immutable(), "GET /stream": Shared(ttl="5m")}
    app.add_middleware(HTTPCache, cache=cache(), routes=routes)

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(tmp_path / "picture")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a" * 50_000] * 10))

    async with visitor(app) as client:
        for path, size in (("/file", 512_000), ("/stream", 500_000)):
            answers = [await client.get(path) for _ in range(2)]
            assert [hit(a) for a in answers] == [False, True]
            assert answers[0].content == answers[1].content
            assert len(answers[1].content) == size


async def test_compressed_variants_are_kept_apart() -> None:
    app = FastAPI()
    app.add_middleware(GZipMiddleware)
    app.add_middleware(HTTPCache, cache=cache(), routes={"GET /": Shared(ttl="5m")})

    @app.get("/")
    async def page() -> str:
        return "x" * 5_000

    async with visitor(app) as client:
        for coding in ("gzip", "identity", "gzip", "identity"):
            answer = await client.get("/", headers={"accept-encoding": coding})
            assert answer.headers.get("content-encoding", "identity") == coding
            assert answer.json() == "x" * 5_000
        assert hit(answer)


async def test_users_get_their_own_and_background_tasks_run() -> None:
    app, done = FastAPI(), []
    app.add_middleware(HTTPCache, cache=cache(), routes={"GET /me": PerUser(ttl="5m")})

    @app.get("/me")
    async def me(request: Request, tasks: BackgroundTasks) -> str:
        tasks.add_task(done.append, request.cookies.get("user"))
        return request.cookies.get("user", "nobody")

    async with visitor(app) as client:
        for _ in range(2):
            for name in ("ann", "bob"):
                answer = await client.get("/me", headers={"cookie": f"user={name}"})
                assert answer.json() == name

    assert done == ["ann", "bob"]


async def test_an_app_that_raises_is_covered_by_what_is_stored() -> None:
    app, fails = FastAPI(), False
    terms = Shared(ttl="1s", stale_if_error="1h")
    kept = cache()
    app.add_middleware(HTTPCache, cache=kept, routes={"GET /": terms})

    @app.get("/")
    async def page() -> str:
        if fails:
            raise RuntimeError
        return "fine"

    async with visitor(app) as client:
        await client.get("/")
        fails = True
        answer = await client.get("/", headers={"cache-control": "max-age=0"})

    assert answer.json() == "fine"
    assert "detail=stale-if-error" in answer.headers["cache-status"]


async def test_a_hit_tells_that_it_is_one_and_what_it_spared() -> None:
    """In place of what the run that made it said of itself, which is no hit's to say."""
    kept, app = cache(), FastAPI()
    app.add_middleware(CacheReport)
    routes = {"GET /{n}": Shared(ttl="1s", stale_while_revalidate="1h")}
    app.add_middleware(HTTPCache, cache=kept, routes=routes)

    @kept("plain", key="character:{n}", tags=["character:{n}"])
    async def character(n: int) -> str:
        return f"character {n}"

    @app.get("/{n}")
    async def page(n: int) -> str:
        return await character(n)

    async with visitor(app) as client:
        made, fresh = await client.get("/5"), await client.get("/5")
        confirmed = await client.get("/5", headers={"Cache-Control": "no-cache"})
        await kept.invalidate("character:5", then="stale")
        stale = await client.get("/5")

    assert [a.headers["x-cache"] for a in (made, fresh, confirmed, stale)] == [
        *("MISS", "HIT", "HIT", "STALE")
    ]
    assert [len(a.headers.get_list("x-cache")) for a in (made, fresh, confirmed, stale)] == [1] * 4
    spared = re.findall(r"origin;dur=([0-9.]+)", made.headers["server-timing"])
    cost = "".join(f", origin;dur={ms}" for ms in spared)  # nothing where it was next to nothing
    assert fresh.headers["server-timing"] == f'cache;desc="response hit"{cost}'
    assert stale.headers["server-timing"].startswith('cache;desc="response stale"')
    assert "total;dur=" in confirmed.headers["server-timing"]


async def test_what_an_origin_reports_of_itself_is_kept() -> None:
    app = FastAPI()
    app.add_middleware(HTTPCache, declared_only=False)
    own = {"X-Cache": "HIT from cdn", "Server-Timing": "db;dur=5", "Cache-Status": "cdn; hit"}

    @app.get("/")
    async def page(response: Response) -> str:
        response.headers.update({"Cache-Control": "max-age=60", **own})
        return "page"

    async with visitor(app) as client:
        await client.get("/")
        answer = await client.get("/")

    assert hit(answer)
    assert [answer.headers[name] for name in own][:2] == ["HIT from cdn", "db;dur=5"]
    assert answer.headers["cache-status"].startswith("cdn; hit, keepwarm; hit")


@pytest.mark.parametrize(
    ("timing", "cost"),
    [
        (b'cache;desc="shared hit", origin;dur=84.1, total;dur=3.2', 84.1),
        (b"total;dur=3.2", 0.0),
        (b"db;dur=5", None),
        (b"origin;dur=84.1", None),
    ],
)
def test_what_a_run_cost_is_read_from_our_own_line_alone(timing: bytes, cost: float | None) -> None:
    fields = [(b"server-timing", timing)]

    assert cost_ms(fields) == cost
    assert of_run(fields) == ([] if cost is None else fields)


def test_what_a_hit_says() -> None:
    assert of_hit(84.14, is_stale=False) == [
        (b"x-cache", b"HIT"),
        (b"server-timing", b'cache;desc="response hit", origin;dur=84.1'),
    ]
