"""Each server around the pass-through, without a cache, and a scripted origin behind it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from keepwarm.asgi.report import App
from keepwarm.proxy.front import Front
from keepwarm.proxy.passthrough import PassThrough, Patience
from keepwarm.proxy.pool import Upstream
from keepwarm.proxy.servers import SERVERS

from .origins import Origin

PATIENT = Patience(connect_s=20.0, answer_s=20.0)  # nothing here takes so long
HASTY = Patience(connect_s=5.0, answer_s=0.5)  # for tests that wait for its end


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy on a thread of its own."""

    name: str
    port: int
    origin: Origin


def serve(name: str, app: App, ready: Callable[[int, Callable[[], None]], None]) -> None:
    """Run `app` on the server called `name`; tell `ready` its port and how to stop it."""

    async def main() -> None:
        sock = socket.create_server(("127.0.0.1", 0), backlog=256)
        sock.setblocking(False)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ready(sock.getsockname()[1], lambda: loop.call_soon_threadsafe(stop.set) and None)
        await SERVERS[name](app, sock, stop)

    asyncio.run(main())


def running(name: str, app: App) -> Iterator[int]:
    """The port of `app` behind the server called `name`, for as long as this is not resumed."""
    found: list[tuple[int, Callable[[], None]]] = []
    is_ready = threading.Event()

    def ready(port: int, stop: Callable[[], None]) -> None:
        found.append((port, stop))
        is_ready.set()

    thread = threading.Thread(target=serve, args=(name, app, ready), daemon=True)
    thread.start()
    assert is_ready.wait(10)
    port, stop = found[0]
    yield port
    stop()
    thread.join(15)


def before(name: str, patience: Patience) -> Iterator[Running]:
    """A proxy on the server called `name`, with an origin of its own."""
    with Origin() as origin:
        app = Front(PassThrough(Upstream("127.0.0.1", origin.port), patience))
        for port in running(name, app):
            yield Running(name, port, origin)
        assert origin.errors == []


# Each server plays everything; the ordinary suite plays it on the first one only.
SERVED = [
    name if number == 0 else pytest.param(name, marks=pytest.mark.more)
    for number, name in enumerate(SERVERS)
]


@pytest.fixture(scope="session", params=SERVED)
def proxy(request: pytest.FixtureRequest) -> Iterator[Running]:
    yield from before(request.param, PATIENT)


@pytest.fixture(scope="module", params=SERVED)
def hasty(request: pytest.FixtureRequest) -> Iterator[Running]:
    """One that soon gives an upstream up."""
    yield from before(request.param, HASTY)
