"""`python -m gallery.load.server`: Gallery as `make run` serves it, with a count of queries.

A process of its own, so that it can be measured from outside. Settings come from the
environment as always. `GET /load/figures` tells what no public address does: how many
statements the database was sent, and the processor time this process has used.
"""

from __future__ import annotations

import logging
import sys
import time

import uvicorn
from fastapi import FastAPI

from gallery.app import create_app
from gallery.settings import Settings

FIGURES = "/load/figures"
#: Longer than pauses within a load, so that connections last as long as it.
KEEP_ALIVE_S = 120


def with_figures(app: FastAPI) -> FastAPI:
    """`app`, telling its figures as well."""

    @app.get(FIGURES, include_in_schema=False)
    async def figures() -> dict[str, object]:
        return {
            "queries": app.state.parts.database.queries,
            "processor_s": time.process_time(),
        }

    return app


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=3,
        ws_per_message_deflate=False,
        backlog=4096,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    settings = Settings.from_env()
    serve(with_figures(create_app(settings)), settings)
