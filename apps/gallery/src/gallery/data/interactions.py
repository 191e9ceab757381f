"""Likes and views: the row that remembers one and the counter that shows it.

Writes do not commit: they belong in `Database.transaction()`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.accounts import existing_user
from gallery.data.errors import NotFound
from gallery.data.values import Changed, Kind


async def view(
    session: AsyncSession, character_id: int, *, user_id: int | None, now: datetime
) -> Changed:
    """Count a view; one by somebody signed in is also remembered. Raises NotFound."""
    await _count(session, character_id, views=1)
    if user_id is not None:
        await _interact(session, user_id, character_id, Kind.VIEW, now)
    return Changed(character_ids=(character_id,))


async def like(session: AsyncSession, character_id: int, *, user_id: int, now: datetime) -> Changed:
    """Like a character; a second like changes nothing. Raises NotFound."""
    # Holding the character's row first makes two likes by one user wait for each other.
    await _count(session, character_id)
    if await has_liked(session, user_id, character_id):
        return Changed()
    await _count(session, character_id, likes=1)
    await _interact(session, user_id, character_id, Kind.LIKE, now)
    return Changed(character_ids=(character_id,), user_ids=(user_id,))


async def unlike(session: AsyncSession, character_id: int, *, user_id: int) -> Changed:
    """Take a like back; without one, changes nothing. Raises NotFound."""
    await _count(session, character_id)
    gone = await session.execute(
        delete(m.Interaction)
        .where(*_liked(user_id, character_id))
        .returning(m.Interaction.id)
        .execution_options(synchronize_session=False)
    )
    if gone.first() is None:
        return Changed()
    await _count(session, character_id, likes=-1)
    return Changed(character_ids=(character_id,), user_ids=(user_id,))


async def has_liked(session: AsyncSession, user_id: int, character_id: int) -> bool:
    return bool(await session.scalar(select(exists().where(*_liked(user_id, character_id)))))


async def like_count(session: AsyncSession, character_id: int) -> int | None:
    """By how many a character is liked; None if there is no such character."""
    found = select(m.Character.like_count).where(m.Character.id == character_id)
    return await session.scalar(found)


def _liked(user_id: int, character_id: int) -> tuple[Any, ...]:
    i = m.Interaction
    return (i.user_id == user_id, i.character_id == character_id, i.kind == Kind.LIKE)


async def _count(
    session: AsyncSession, character_id: int, *, likes: int = 0, views: int = 0
) -> None:
    """Move the counters, and so hold the character's row until the transaction ends."""
    counted = await session.execute(
        update(m.Character)
        .where(m.Character.id == character_id)
        .values(
            like_count=m.Character.like_count + likes, view_count=m.Character.view_count + views
        )
        .returning(m.Character.id)
        .execution_options(synchronize_session=False)
    )
    if counted.first() is None:
        raise NotFound("character", character_id)


async def _interact(
    session: AsyncSession, user_id: int, character_id: int, kind: Kind, now: datetime
) -> None:
    await existing_user(session, user_id)
    row = {"user_id": user_id, "character_id": character_id, "kind": kind.value, "at": now}
    await session.execute(insert(m.Interaction), [row])
