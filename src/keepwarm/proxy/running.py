"""Runs a proxy in this process until it is told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable

from keepwarm.asgi.middleware import HTTPCache
from keepwarm.asgi.report import App
from keepwarm.proxy.failures import ResponseCut
from keepwarm.proxy.front import Front
from keepwarm.proxy.passthrough import PassThrough
from keepwarm.proxy.servers import GRACE_S, SERVERS
from keepwarm.proxy.settings import ProxySettings
from keepwarm.setup import Cache

log = logging.getLogger("keepwarm")

_LOGGERS = ("uvicorn.error", "hypercorn.error", "_granian", "asyncio")


def assemble(settings: ProxySettings, cache: Cache) -> App:
    """The proxy as an ASGI app: front, cache, pass-through."""
    cached = HTTPCache(
        PassThrough(settings.upstream, settings.patience),
        cache,
        declared_only=False,  # an origin's fields are all that a proxy knows of it
        cdn=settings.cdn,
        stale_on_error=settings.stale_on_error,
        max_body=settings.max_body,
        share_cookies=settings.share_cookies,
    )
    return Front(cached)


def run(settings: ProxySettings, cache: Cache, ready: Callable[[socket.socket], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once connections are accepted.

    Raises ConfigurationError if the address cannot be had.
    """
    sock = settings.listen.socket()
    with contextlib.closing(sock), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, cache, sock, ready))


async def _serve(
    settings: ProxySettings,
    cache: Cache,
    sock: socket.socket,
    ready: Callable[[socket.socket], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_told)
    async with cache:
        serving = asyncio.create_task(
            SERVERS[settings.server](assemble(settings, cache), sock, stop)
        )
        stopping = asyncio.create_task(stop.wait())
        ready(sock)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        # A server may wait for ever for a client that never reads.
        await asyncio.wait({serving}, timeout=2 * GRACE_S)
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _is_told(record: logging.LogRecord) -> bool:
    """Tell in a line, not in a traceback, that an upstream cut a response short."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ResponseCut):
        log.warning("a response was cut short: %s", error)
        return False
    return True
