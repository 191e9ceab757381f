"""Users and their sessions: finding, making and ending them.

Writes do not commit: they belong in `Database.transaction()`.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.errors import NameTaken, NotFound
from gallery.data.text import normalise
from gallery.data.values import Credentials, Role, SessionInfo, UserInfo


def _info(row: m.User) -> UserInfo:
    return UserInfo(row.id, row.username, Role(row.role), row.created_at)


async def user(session: AsyncSession, username: str) -> UserInfo | None:
    row = await session.scalar(select(m.User).where(m.User.username == normalise(username)))
    return None if row is None else _info(row)


async def credentials(session: AsyncSession, username: str) -> Credentials | None:
    """The user of that name with their password hash."""
    row = await session.scalar(select(m.User).where(m.User.username == normalise(username)))
    return None if row is None else Credentials(_info(row), row.password_hash)


async def create_user(
    session: AsyncSession,
    *,
    username: str,
    password_hash: str,
    now: datetime,
    role: Role = Role.USER,
) -> UserInfo:
    """A new user; the name is kept normalised, so that no two look the same.

    Raises NameTaken if somebody has it.
    """
    row = m.User(
        username=normalise(username),
        password_hash=password_hash,
        role=role.value,
        created_at=now,
    )
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise NameTaken(row.username) from None
    return _info(row)


async def set_password_hash(session: AsyncSession, user_id: int, password_hash: str) -> None:
    """Replace a hash, as when a password is checked against one made with old settings."""
    row = await session.get(m.User, user_id)
    if row is not None:
        row.password_hash = password_hash


async def create_session(
    session: AsyncSession,
    *,
    user_id: int,
    token_digest: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Remember a session by the digest of its token; the token itself is never stored."""
    session.add(
        m.UserSession(
            token_digest=token_digest,
            user_id=user_id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await session.flush()


async def find_session(
    session: AsyncSession, token_digest: str, now: datetime
) -> SessionInfo | None:
    """The session of that token unless it has ended."""
    statement = (
        select(m.UserSession, m.User)
        .join(m.User, m.User.id == m.UserSession.user_id)
        .where(m.UserSession.token_digest == token_digest, m.UserSession.expires_at > now)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return None
    found, owner = row
    return SessionInfo(user=_info(owner), expires_at=found.expires_at)


async def delete_session(session: AsyncSession, token_digest: str) -> None:
    await session.execute(delete(m.UserSession).where(m.UserSession.token_digest == token_digest))


async def delete_sessions_of(session: AsyncSession, user_id: int) -> None:
    """End every session of a user."""
    await session.execute(delete(m.UserSession).where(m.UserSession.user_id == user_id))


async def purge_sessions(session: AsyncSession, now: datetime) -> int:
    """Delete the sessions that have ended; returns how many."""
    gone = await session.execute(
        delete(m.UserSession)
        .where(m.UserSession.expires_at <= now)
        .returning(m.UserSession.token_digest)
    )
    return len(gone.all())


async def existing_user(session: AsyncSession, user_id: int) -> UserInfo:
    """The user with that id. Raises NotFound."""
    row = await session.get(m.User, user_id)
    if row is None:
        raise NotFound("user", user_id)
    return _info(row)
