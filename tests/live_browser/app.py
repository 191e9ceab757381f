"""`python app.py`: one process of a small app, whose items are cached and live.

Settings in the environment: STORE, DATABASE, PAGE (a folder of built pages), MODULE (the
client as one file), PORT. A request
with `?hold=1` reads at once and answers when the test lets it go, so that an invalidation can
overtake the answer: `GET /held/{id}` returns once such a request has read, `POST
/release/{id}` lets it go.
"""

import asyncio
import os
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import keepwarm
from keepwarm import Cache, NotAcknowledged

# The labels that browsers see are made with the secret: all processes must have the same.
cache = Cache(os.environ["STORE"], namespace="standin", secrets=("not a secret at all",))
database = sqlite3.connect(os.environ["DATABASE"], isolation_level=None, timeout=10)


@cache(ttl="10m", key="items:{item_id}", tags=["item:{item_id}"])
async def value_of(item_id: str) -> int:
    row = database.execute("SELECT value FROM items WHERE id = ?", (item_id,)).fetchone()
    return int(row[0]) if row else 0


class Hold:
    """One held request: whether it has read, and whether it may go."""

    def __init__(self) -> None:
        self.has_read = asyncio.Event()
        self.may_go = asyncio.Event()


holds: defaultdict[str, Hold] = defaultdict(Hold)


async def read(request: Request) -> Response:
    item_id = request.path_params["item_id"]
    value = await value_of(item_id)
    if "hold" in request.query_params:
        hold = holds[item_id]
        hold.has_read.set()
        await hold.may_go.wait()
        del holds[item_id]
    return JSONResponse({"id": item_id, "value": value})


async def write(request: Request) -> Response:
    item_id = request.path_params["item_id"]
    value = int(await request.body())
    database.execute("INSERT OR REPLACE INTO items VALUES (?, ?)", (item_id, value))
    try:
        await cache.invalidate(f"item:{item_id}")
    except NotAcknowledged:
        return JSONResponse({"id": item_id, "value": value}, status_code=202)  # goes on trying
    return JSONResponse({"id": item_id, "value": value})


async def held(request: Request) -> Response:
    await holds[request.path_params["item_id"]].has_read.wait()
    return Response()


async def release(request: Request) -> Response:
    holds[request.path_params["item_id"]].may_go.set()
    return Response()


PLAIN = """<!doctype html><title>Plain</title><output data-item="{item_id}"></output>
<script type="module">
  import {{ Live }} from "/live.js";
  const live = new Live("/live");
  live.watch(async (signal) => {{
    const {{ value }} = await (await live.fetch("/api/items/{item_id}", {{ signal }})).json();
    document.querySelector("output").textContent = value;
  }});
</script>"""


async def plain(request: Request) -> Response:
    """A page without a framework or a bundler."""
    return HTMLResponse(PLAIN.format(item_id=request.path_params["item_id"]))


async def module(request: Request) -> Response:
    return FileResponse(os.environ["MODULE"], media_type="text/javascript")


def who(scope: MutableMapping[str, Any]) -> keepwarm.Who | None:
    """Anybody, for as long as their cookie `until` says, if they have one."""
    until = HTTPConnection(scope).cookies.get("until")
    return keepwarm.Who("anybody", until=float(until) if until else None)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    async with cache:
        yield


def make() -> Starlette:
    page = Path(os.environ["PAGE"])
    app = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/api/items/{item_id}", read),
            Route("/api/items/{item_id}", write, methods=["PUT"]),
            Route("/held/{item_id}", held),
            Route("/release/{item_id}", release, methods=["POST"]),
            Route("/plain/{item_id}", plain),
            Route("/live.js", module),
            Mount("/live", keepwarm.live(cache, allow=who, most_per_user=1_000)),
            Mount("/page", StaticFiles(directory=page, html=True)),
        ],
    )
    app.add_middleware(keepwarm.LiveHeaders, cache=cache)
    return app


if __name__ == "__main__":
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE IF NOT EXISTS items (id TEXT PRIMARY KEY, value INTEGER)")
    uvicorn.run(make(), host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
