"""A process of the site, as a server serves it. argv: store URL, file of the table, port or 0.

The table is a file, so that processes share it. Prints its port when it serves.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

import keepwarm
from keepwarm import Cache, HTTPCache, LiveHeaders, Policy, Shared, Who

SECRET = "a secret of the tests"


def make(cache: Cache, rows: Path) -> Any:
    app = FastAPI()

    @cache("row", key="row:{number}", tags=["row:{number}"])
    async def row(number: int) -> int:
        found: int = json.loads(rows.read_text())[str(number)]
        return found

    @app.get("/rows/{number}")
    async def get(number: int) -> int:
        return await row(number)

    @app.put("/rows/{number}/{value}")
    async def put(number: int, value: int) -> int:
        async with cache.writing(f"row:{number}") as writing:
            await writing.check()
            rows.write_text(json.dumps({**json.loads(rows.read_text()), str(number): value}))
        return value

    def allow(scope: Any) -> Who | None:
        cookies = dict(scope["headers"]).get(b"cookie", b"")
        return None if cookies == b"session=over" else Who("ann")

    app.mount("/live", keepwarm.live(cache, secret=SECRET, allow=allow, beat="200ms"))
    app.add_middleware(HTTPCache, cache=cache, routes={"GET /rows/{number}": Shared(ttl="5m")})
    app.add_middleware(LiveHeaders, cache=cache, secret=SECRET)
    return app


async def main(url: str, rows: str, port: str) -> None:
    async with Cache(
        url, namespace="served", policies={"row": Policy(ttl="5m")}, operation_timeout="2s"
    ) as cache:
        config = uvicorn.Config(
            make(cache, Path(rows)),
            port=int(port),
            log_level="warning",
            ws="wsproto",
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
