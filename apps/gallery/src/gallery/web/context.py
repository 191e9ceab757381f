"""What a request can reach: the app's parts, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import HTTPConnection, Request

from gallery.caching import OWN, CachedReads
from gallery.data import accounts
from gallery.data.database import Database
from gallery.data.values import Role, UserInfo
from gallery.generation import Workshop
from gallery.origin import Clock
from gallery.painting import Studio
from gallery.settings import Settings
from gallery.web.forms import LARGEST_ID
from gallery.web.passwords import Passwords
from gallery.web.problems import Problem
from gallery.web.sessions import session_digest, session_token
from gallery.web.throttle import Throttle
from gallery.writing import Writes
from keepwarm import fill


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one running app."""

    settings: Settings
    database: Database
    reads: CachedReads
    writes: Writes
    studio: Studio
    workshop: Workshop
    passwords: Passwords
    throttle: Throttle
    clock: Clock
    keeps_responses: bool


# Dependencies are `async` even where they wait for nothing: FastAPI runs any other in a
# thread, and the hops there and back cost more than a cache hit.


async def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def whoever_asks(connection: HTTPConnection, parts: Parts) -> UserInfo | None:
    """Who is signed in, asked of the database each time: rights are never cached."""
    token = session_token(connection)
    if token is None:
        return None
    digest, now = session_digest(token), parts.clock()
    # First, so that a response made for a session that ends meanwhile is ended with it.
    if parts.keeps_responses:
        await parts.reads.session_mark(digest)
    async with parts.database.session() as session:
        found = await accounts.find_session(session, digest, now)
    if found is None:
        return None
    if found.expires_at - now < OWN:
        fill.skip()  # the response that this is for, which would be kept for longer
    return found.user


async def reader(request: Request) -> UserInfo | None:
    return await whoever_asks(request, await parts_of(request))


async def signed_in(user: Annotated[UserInfo | None, Depends(reader)]) -> UserInfo:
    if user is None:
        raise Problem(
            401, "sign_in", "Nobody is signed in.", hint="Sign in with POST /api/auth/login."
        )
    return user


def may_change(user: UserInfo, owner_id: int) -> bool:
    return user.id == owner_id or user.role is Role.ADMIN


Reach = Annotated[Parts, Depends(parts_of)]
MaybeUser = Annotated[UserInfo | None, Depends(reader)]
SignedIn = Annotated[UserInfo, Depends(signed_in)]
CharacterId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A character's id.")]
ImageId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="An image's id.")]
