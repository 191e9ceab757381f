"""`keepwarm audit`: which routes are shared more widely than what their handlers read allows."""

import asyncio
import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

import msgspec
import typer

from keepwarm.asgi.auditing import Report, reported
from keepwarm.asgi.report import App, Message
from keepwarm.cli.options import AsJson
from keepwarm.cli.output import Exit, Output, shown
from keepwarm.errors import ConfigurationError

_VARIABLE = "CACHE_ADMIN_TOKEN"
ADMIN_PATH = "/api/cache"
LONGEST_ANSWER_S = 10.0

# Made up, so that handlers have something to look at; a refusal shows what they read as well.
_CREDENTIALS = [
    (b"authorization", b"Bearer audit"),
    (b"cookie", b"session=audit"),
    (b"x-api-key", b"audit"),
    (b"cache-control", b"no-cache"),
]


def audit(
    target: Annotated[
        str,
        typer.Argument(
            help="A running app's URL (with the path of its admin, else /api/cache), or "
            "module:app, or module:factory()."
        ),
    ],
    path: Annotated[
        list[str] | None,
        typer.Option("--path", help="Also ask module:app for this; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List routes that are shared more widely than what their handlers were seen to read.

    Of a running app: what it has seen since it started, by requests that carried credentials
    (CACHE_ADMIN_TOKEN, if it is not on this machine). Of module:app: it is started here, and
    asked for each of its GET routes that has no parameters, and for each --path.

    Exit codes: 0 none is; 1 some are; 2 wrong usage; 3 the app was not reached.
    """
    out = Output(as_json=as_json)
    with out.ending():
        if "://" in target:
            if path:
                raise ConfigurationError(
                    "--path is for module:app: a running app is only listened to"
                )
            report = _of_running(out, target)
        else:
            report = asyncio.run(_of_loaded(loaded(target), path or ()))
    out.data({"ok": not report.findings, **asdict(report)})
    for found in report.findings:
        out.say(f"✗ {shown(found.route)}  {found.policy}", "red")
        out.say(f"    its handler read {shown(', '.join(found.read))}")
    for route in report.unseen:
        out.say(f"· {shown(route)}  no request with credentials was seen", "dim")
    clean = len(set(report.seen) - {found.route for found in report.findings})
    out.say(f"{clean} route(s) as wide as they may be, {len(report.findings)} wider")
    raise typer.Exit(Exit.FAILED if report.findings else Exit.DONE)


def _of_running(out: Output, url: str) -> Report:
    """What a running app has observed. Raises typer.Exit if it cannot be asked."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("an app's URL is written http://HOST[:PORT][/PATH]")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=LONGEST_ANSWER_S)
    token = os.environ.get(_VARIABLE)
    try:
        path = f"{parts.path.rstrip('/') or ADMIN_PATH}/audit"
        connection.request(
            "GET", path, headers={"Authorization": f"Bearer {token}"} if token else {}
        )
        answer = connection.getresponse()
        if answer.status == 200:
            return msgspec.json.decode(answer.read(), type=Report)
        why = f"answered {answer.status}: is its admin there, and {_VARIABLE} right?"
    except (OSError, HTTPException, msgspec.DecodeError) as error:
        why = f"gave no audit: {error}"
    finally:
        connection.close()
    raise out.fail(Exit.UNREACHABLE, "unreachable", f"{url} {why}")


def loaded(target: str) -> App:
    """The ASGI app that `target` names. Raises ConfigurationError."""
    module, _, name = target.partition(":")
    is_factory = name.endswith("()")
    if not module or not name:
        raise ConfigurationError("name a URL, module:app or module:factory()")
    sys.path.insert(0, os.getcwd())  # as servers find an app
    try:
        found: Any = importlib.import_module(module)
        for part in name.removesuffix("()").split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{target!r} is not there: {error}") from None
    finally:
        sys.path.pop(0)
    return cast("App", found() if is_factory else found)


async def _of_loaded(app: App, paths: Iterable[str]) -> Report:
    """Start the app, ask it for what it has, and tell what it read."""
    async with asyncio.timeout(60):
        events: asyncio.Queue[Message] = asyncio.Queue()
        told: asyncio.Queue[Message] = asyncio.Queue()
        events.put_nowait({"type": "lifespan.startup"})
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        living = asyncio.create_task(_live(app, scope, events, told))
        await _hear(living, told)
        for path in dict.fromkeys((*_paths_of(app), *paths)):
            await _ask(app, path)
        events.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait({living})
    report = reported()
    if report is None:
        raise ConfigurationError("this app has no HTTPCache, or was not asked for anything")
    return report


async def _live(
    app: App,
    scope: dict[str, Any],
    events: "asyncio.Queue[Message]",
    told: "asyncio.Queue[Message]",
) -> None:
    try:
        await app(scope, events.get, told.put)
    except Exception:  # noqa: BLE001 - it knows no lifespan, which is allowed; or _ask will tell
        return


async def _hear(living: "asyncio.Task[None]", told: "asyncio.Queue[Message]") -> None:
    hearing = asyncio.ensure_future(told.get())
    await asyncio.wait({living, hearing}, return_when=asyncio.FIRST_COMPLETED)
    if hearing.done() and hearing.result()["type"] == "lifespan.startup.failed":
        raise ConfigurationError(f"the app did not start: {hearing.result().get('message', '')}")
    hearing.cancel()


def _paths_of(app: Any) -> list[str]:
    """The paths of GET routes without parameters, where the app tells them as Starlette does."""
    found = []
    for route in getattr(app, "routes", ()):
        path, methods = getattr(route, "path", ""), getattr(route, "methods", None) or ()
        if "GET" in methods and "{" not in path:
            found.append(path)
    return found


async def _ask(app: App, path: str) -> None:
    """One GET with credentials; what it is answered does not matter."""
    bare, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost"), *_CREDENTIALS],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "state": {},
    }
    is_sent = False

    async def receive() -> Message:
        nonlocal is_sent
        if is_sent:
            await asyncio.Event().wait()
        is_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        return None

    try:
        async with asyncio.timeout(LONGEST_ANSWER_S):
            await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - what it read before it failed counts
        typer.echo(f"{shown(path)}: {type(error).__name__}", err=True)
