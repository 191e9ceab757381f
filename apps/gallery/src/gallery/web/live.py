"""The channel on which pages hear of changes: who may listen, and its secret."""

from __future__ import annotations

import os
import secrets

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import Scope

import keepwarm
from gallery.data import accounts
from gallery.settings import Settings
from gallery.web.context import Parts
from gallery.web.sessions import session_digest, session_token

SECRET_BYTES = 32
MOST_VISITORS = 1_000  # from one address: all who come through one proxy


def install_live(app: FastAPI, cache: keepwarm.Cache, secret: str) -> None:
    """Mount it at /live. Visitors may listen, too: what is told are labels."""

    async def allow(scope: Scope) -> keepwarm.Who | None:
        """The user, for as long as his session lasts; nobody with one that has ended."""
        parts: Parts = app.state.parts
        token = session_token(HTTPConnection(scope))
        if token is None:
            client = scope.get("client")
            address = client[0] if client else "nowhere"
            return keepwarm.Who(f"visitor at {address}", most=MOST_VISITORS)
        async with parts.database.session() as session:
            found = await accounts.find_session(session, session_digest(token), parts.clock())
        if found is None:
            return None
        return keepwarm.Who(f"user {found.user.id}", until=found.expires_at.timestamp())

    clock = app.state.parts.clock
    app.mount(
        "/live",
        keepwarm.live(cache, allow=allow, secret=secret, clock=lambda: clock().timestamp()),
        name="live",
    )


def live_secret(settings: Settings) -> str:
    """Drawn once, and kept where only this user, and Gallery's other processes, can read it."""
    path = settings.data / "live-secret"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        drawn = secrets.token_urlsafe(SECRET_BYTES)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Whole before it has its name: another process may look for it in this moment.
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(drawn + "\n")
    try:
        os.link(fresh, path)
    except FileExistsError:
        return path.read_text().strip()
    finally:
        fresh.unlink()
    return drawn
