"""The ASGI servers that the proxy runs on, each made to add nothing of its own.

One listening socket is bound here, whichever server takes it over: a taken port is then
told in one way (granian would share it silently), and `:0` is known before it serves.
Each runs in this process and on this loop until `stop` is set; requests under way then have
GRACE_S to end.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from keepwarm.asgi.report import App
from keepwarm.errors import ConfigurationError

GRACE_S = 3  # a supervisor that asks to stop usually waits 10 s before it kills
KEEP_ALIVE_S = 65  # longer than clients keep idle connections: they close, and never race us
MAX_HEAD = 64 * 1024  # what the largest browsers and load balancers send, several times over
BACKLOG = 2048

Serve = Callable[[App, socket.socket, asyncio.Event], Coroutine[Any, Any, None]]


async def _uvicorn(app: App, sock: socket.socket, stop: asyncio.Event) -> None:
    import uvicorn

    from keepwarm.proxy.uvicorn_protocol import Protocol

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # signals are ours

    server = Server(
        uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            backlog=BACKLOG,
        )
    )

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve(sockets=[sock])
    finally:
        ending.cancel()


async def _hypercorn(app: App, sock: socket.socket, stop: asyncio.Event) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_date_header = False
    config.include_server_header = False
    config.h11_max_incomplete_size = MAX_HEAD
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.keep_alive_max_requests = 2**62  # no reason to close a connection that works
    config.graceful_timeout = GRACE_S
    config.backlog = BACKLOG
    application: Any = app
    await serve(application, config, shutdown_trigger=stop.wait, mode="asgi")


async def _granian(app: App, sock: socket.socket, stop: asyncio.Event) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server import embed

    net: Any = import_module("granian.net")  # its stubs and its constructor differ
    server: Any

    class Bound(embed.Server):
        def _init_shared_socket(self: Any) -> None:
            self._ssp = None
            self._sfd = sock.detach()  # which it closes when it ends
            self._shd = net.SocketHolder(self._sfd, False, BACKLOG)

    host, port = sock.getsockname()[:2]
    server = Bound(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEAD),
        websockets=False,
        backlog=BACKLOG,
        log_enabled=False,
    )
    server.workers_kill_timeout = GRACE_S

    async def end() -> None:
        await stop.wait()
        server.stop()

    ending = asyncio.create_task(end())
    try:
        await server.serve()
    except TimeoutError:
        pass  # a request outlived the grace
    finally:
        ending.cancel()


SERVERS: dict[str, Serve] = {"uvicorn": _uvicorn, "hypercorn": _hypercorn, "granian": _granian}

_PACKAGES = {"uvicorn": ("uvicorn", "httptools")}


def check_server(name: str) -> None:
    """Raise ConfigurationError unless `name` is a server that is known and installed."""
    if name not in SERVERS:
        raise ConfigurationError(f"server={name!r} is not one of {', '.join(SERVERS)}")
    for package in _PACKAGES.get(name, (name,)):
        if find_spec(package) is None:
            raise ConfigurationError(
                f"{name} needs {package}, which is not installed: pip install 'keepwarm[proxy]'"
            )
