"""Who and what a load is about, as the database has them, and sessions for who signs in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from gallery.data import models as m
from gallery.data import writes
from gallery.data.database import Database
from gallery.data.values import Role
from gallery.painting import PaintingGenerator, Studio
from gallery.pictures.render import RenderPool
from gallery.web.sessions import SESSION_LASTS, new_session_token, session_digest


@dataclass(frozen=True, slots=True)
class Known:
    """A character; `picture` is the digest in its portrait's address."""

    id: int
    version: int
    picture: str


@dataclass(frozen=True, slots=True)
class Member:
    id: int
    username: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Characters by popularity, users by number, and the words of this world."""

    characters: tuple[Known, ...]
    users: tuple[Member, ...]
    admin: Member
    tags: tuple[str, ...]
    species: tuple[str, ...]


async def find_cast(database: Database, *, characters: int, users: int) -> Cast:
    """The most popular `characters` and the first `users` of a seeded database."""
    c, u = m.Character, m.User
    studio = Studio(RenderPool(), PaintingGenerator())  # asked for names of pictures only
    popular = (
        select(c.id, c.version, c.seed, c.attributes)
        .order_by((c.like_count * 4 + c.view_count).desc(), c.id)
        .limit(characters)
    )
    people = select(u.id, u.username).where(u.role == Role.USER.value).order_by(u.id).limit(users)
    chief = select(u.id, u.username).where(u.role == Role.ADMIN.value).order_by(u.id).limit(1)
    async with database.session() as session:
        known = tuple(
            Known(row.id, row.version, studio.portrait_digest(row.seed, row.attributes))
            for row in await session.execute(popular)
        )
        members = tuple(Member(row.id, row.username) for row in await session.execute(people))
        admin = (await session.execute(chief)).one()
        tags = sorted((await session.scalars(select(m.Tag.name))).all())
        species = sorted((await session.scalars(select(c.species).distinct())).all())
    return Cast(known, members, Member(admin.id, admin.username), tuple(tags), tuple(species))


async def sign_in(database: Database, cast: Cast) -> dict[int, str]:
    """A session token for each user of the cast, by user id.

    Written as signing in would have, without checking passwords: that costs tens of ms
    of processor time each, on purpose, and is not what a load measures.
    """
    tokens = {member.id: new_session_token() for member in (*cast.users, cast.admin)}
    now = datetime.now(UTC)
    async with database.transaction() as session:
        for user_id, token in tokens.items():
            await writes.create_session(
                session,
                user_id=user_id,
                token_digest=session_digest(token),
                now=now,
                expires_at=now + SESSION_LASTS,
            )
    return tokens
