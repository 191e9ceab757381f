"""`keepwarm proxy`: the HTTP cache before any origin."""

import logging
import socket
from typing import Annotated

import typer

from keepwarm.cli.output import Output
from keepwarm.proxy.running import run
from keepwarm.proxy.settings import ProxySettings
from keepwarm.setup import Cache, read_environment

DEFAULT_LISTEN = "127.0.0.1:8080"


def proxy(
    upstream: Annotated[
        str, typer.Option("--upstream", help="Where requests go: http://HOST[:PORT].")
    ],
    listen: Annotated[
        str,
        typer.Option("--listen", help="HOST:PORT; :PORT is on loopback, port 0 any free one."),
    ] = DEFAULT_LISTEN,
    server: Annotated[
        str, typer.Option("--server", help="uvicorn, hypercorn or granian.")
    ] = "uvicorn",
    cdn: Annotated[
        bool,
        typer.Option(
            "--cdn/--no-cdn", help="Obey CDN-Cache-Control and keep it (RFC 9213), or pass it on."
        ),
    ] = True,
    stale_on_error: Annotated[
        bool,
        typer.Option(
            "--stale-on-error/--no-stale-on-error",
            help="Answer with what is stale where the upstream fails.",
        ),
    ] = True,
    share_cookie: Annotated[
        list[str] | None,
        typer.Option(
            "--share-cookie",
            help="A cookie that stored responses may set for everybody ('*': any); may be "
            "repeated. Others reach only the client who caused the response.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option("--store", help="The shared tier's URL; else REDIS_URL …, else memory."),
    ] = None,
    near: Annotated[
        str | None, typer.Option("--near", help="Bound of what is kept in this process: 64MiB.")
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Else CACHE_NAMESPACE, else keepwarm."),
    ] = None,
    max_body: Annotated[
        str, typer.Option("--max-body", help="Larger bodies pass, and are not kept.")
    ] = "64MiB",
    connect_timeout: Annotated[
        str, typer.Option("--connect-timeout", help="How long to wait for a connection.")
    ] = "5s",
    timeout: Annotated[
        str, typer.Option("--timeout", help="How long the upstream may say nothing.")
    ] = "60s",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Cache in front of any HTTP origin, in any language. Ctrl-C stops it."""
    out = Output(as_json=as_json)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    with out.ending():
        settings = ProxySettings.checked(
            listen=listen,
            upstream=upstream,
            server=server,
            cdn=cdn,
            stale_on_error=stale_on_error,
            max_body=max_body,
            connect_timeout=connect_timeout,
            timeout=timeout,
            share_cookies=share_cookie or (),
        )
        chosen = {"url": store, "near": near, "namespace": namespace}
        told = {name: value for name, value in chosen.items() if value is not None}
        cache = Cache(**(read_environment() | told))
        run(settings, cache, lambda sock: _tell(out, settings, sock))
    out.say("stopped", "dim")


def _tell(out: Output, settings: ProxySettings, sock: socket.socket) -> None:
    host, port = sock.getsockname()[:2]
    place = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    target = f"http://{settings.upstream.authority}"
    out.data({"listening": place, "upstream": target, "server": settings.server})
    out.say(f"listening on {place} ({settings.server}), forwarding to {target}")
    out.flush()
