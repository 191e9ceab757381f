"""`python -m gallery`: seed once, then serve; what `make run` calls."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import logging
import os
import secrets
import socket
import sys
import time
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gallery.app import create_app
from gallery.data import seeding
from gallery.data.database import Database, DatabaseError
from gallery.data.world import SIZES
from gallery.origin import rounded, utc_now
from gallery.settings import DEFAULT_DATA, WRITES, Settings, SettingsError, masked_url
from keepwarm import ConfigurationError

EXIT_USAGE = 2
GRACE_S = 3
EXIT_INTERRUPTED = 130  # as shells have it; seeding leaves nothing half done
console = Console(highlight=False)
_SETTINGS = f"""\
settings, from the environment:
  PORT, HOST         where it listens (8000 on 127.0.0.1)
  GALLERY_DATA       folder for what it keeps ({DEFAULT_DATA})
  DATABASE_URL       another database than SQLite in that folder
  REDIS_URL          another store than a Valkey of its own; docs/configuration.md has more
  CACHE_ENABLED      false: without the cache
  CACHE_ADMIN_TOKEN  who sends it may read metrics and invalidate from afar
  GALLERY_WRITES     {" or ".join(WRITES)}: what a write does while the store is away
  GALLERY_SIZE       {" or ".join(SIZES)}
"""


def main() -> int:
    """Exit code: 0 after serving, 2 when a setting or the port cannot be used."""
    argparse.ArgumentParser(
        prog="python -m gallery",
        description="Seed the database once, then serve Gallery until Ctrl-C.",
        epilog=_SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        return _refuse(str(error))
    try:
        listener = _listen(settings.host, settings.port)
    except OSError as error:
        return _refuse(_why_not(error, settings))
    with listener:
        logging.basicConfig(
            level=logging.INFO,
            format="%(message)s",
            handlers=[RichHandler(console=console, show_path=False, rich_tracebacks=False)],
        )
        for talkative in ("alembic", "pyvips", "httpx"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
        try:
            asyncio.run(_seed(settings))
        except DatabaseError as error:
            return _refuse(str(error))
        try:
            app = create_app(settings)
        except ConfigurationError as error:
            return _refuse(f"The cache cannot be set up: {error}")
        _tell(settings, listener.getsockname()[1])
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,  # streams to browsers end with it only
                ws_per_message_deflate=False,  # 300 KB a browser, for messages of 100 bytes
            )
        )
        # Uvicorn ends cleanly at Ctrl-C, and then raises it once more.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """Take the port first: before seconds of seeding, and with no gap for others to take it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _why_not(error: OSError, settings: Settings) -> str:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} is taken: something else serves on {where}.\n"
            f"Stop it, or choose another port: PORT={settings.port % 65535 + 1} make run"
        )
    if error.errno == errno.EACCES:
        return f"This user may not serve on {where}. Choose a port above 1023: PORT=8000 make run"
    return f"Cannot serve on {where}: {error.strerror}."


async def _seed(settings: Settings) -> None:
    """Migrate, and fill an empty database once, with a progress bar."""
    # Who begins with the same empty database waits until it is filled, and finds it so.
    database = Database(settings.database_url, busy_s=600.0)
    columns = (
        TextColumn("  {task.description:<42}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    try:
        await database.reach()
        await database.migrate()
        with Progress(*columns, console=console, transient=True) as progress:
            shown = progress.add_task("Looking at the database", total=1.0)

            def told(stage: str, done: float) -> None:
                progress.update(shown, description=stage, completed=done)

            report = await seeding.seed(
                database,
                SIZES[settings.size],
                reference=rounded(utc_now()),
                admin_password=_admin_password(settings),
                progress=told,
            )
    finally:
        await database.dispose()
    if report.seeded:
        console.print(f"  Seeded in {report.took_s:.0f} s; the next start is quick.")


def _admin_password(settings: Settings) -> str:
    """Drawn once and kept where only this user can read it.

    Who begins at the same time takes what the other draws. Raises DatabaseError where the
    file stays empty.
    """
    path = _password_file(settings)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            if drawn := path.read_text().strip():
                return drawn
        with contextlib.suppress(FileExistsError):
            password = secrets.token_urlsafe(12)
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "w") as file:
                file.write(password + "\n")
            return password
        time.sleep(0.01)
    raise DatabaseError(f"{path} is empty: delete it, and a password will be drawn.")


def _password_file(settings: Settings) -> Path:
    return settings.data / "admin-password"


def _tell(settings: Settings, port: int) -> None:
    address = f"http://{settings.host}:{port}"
    is_on = settings.cache.get("enabled", True)
    lines = (
        ("Gallery", address),
        ("API", f"{address}/docs"),
        ("Cache health", f"{address}/api/cache/health"),
        ("Cache metrics", f"{address}/api/cache/metrics"),
        ("Sign in", f"u0 … u1999, password {seeding.DEMO_PASSWORD}"),
        ("Administrator", f"admin, password in {_password_file(settings)}"),
        ("Database", masked_url(settings.database_url)),
        (
            "Cache",
            masked_url(settings.cache["url"]) if is_on else "off",
        ),
    )
    console.print()
    for label, value in lines:
        console.print(f"  {label:<14} {value}", soft_wrap=True)
    console.print("  Ctrl-C ends it.\n")


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return EXIT_USAGE


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
