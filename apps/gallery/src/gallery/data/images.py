"""Images of users and characters: reading, adding and deleting them.

Writes do not commit: they belong in `Database.transaction()`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.accounts import existing_user
from gallery.data.characters import version_of
from gallery.data.errors import NotFound, Unusable
from gallery.data.values import Changed, ImageBytes, ImageInfo, ImageKind

_IMAGE = (
    select(
        m.Image.id, m.Image.owner_id, m.User.username, m.Image.character_id, m.Image.kind,
        m.Image.digest, m.Image.seed, m.Image.prompt, m.Image.width, m.Image.height,
        m.Image.media_type, m.Image.created_at,
    )
    .join(m.User, m.User.id == m.Image.owner_id)
)  # fmt: skip


def _images(rows: Iterable[Any]) -> list[ImageInfo]:
    return [
        ImageInfo(
            id=row.id,
            owner_id=row.owner_id,
            owner=row.username,
            character_id=row.character_id,
            kind=ImageKind(row.kind),
            digest=row.digest,
            seed=row.seed,
            prompt=row.prompt,
            width=row.width,
            height=row.height,
            media_type=row.media_type,
            created_at=row.created_at,
        )
        for row in rows
    ]


async def user_images(
    session: AsyncSession, username: str, character_id: int | None = None, limit: int = 500
) -> list[ImageInfo]:
    """A user's images, newest first; of one character if it is named."""
    statement = _IMAGE.where(m.User.username == username)
    if character_id is not None:
        statement = statement.where(m.Image.character_id == character_id)
    statement = statement.order_by(m.Image.created_at.desc(), m.Image.id.desc()).limit(limit)
    return _images(await session.execute(statement))


async def character_images(
    session: AsyncSession, character_id: int, limit: int = 500
) -> list[ImageInfo]:
    """Everybody's images of a character, newest first."""
    statement = _IMAGE.where(m.Image.character_id == character_id)
    statement = statement.order_by(m.Image.created_at.desc(), m.Image.id.desc()).limit(limit)
    return _images(await session.execute(statement))


async def image(session: AsyncSession, image_id: int) -> ImageInfo | None:
    found = _images(await session.execute(_IMAGE.where(m.Image.id == image_id)))
    return found[0] if found else None


async def image_bytes(session: AsyncSession, digest: str) -> ImageBytes | None:
    """The bytes of the upload with this digest; None for painted images too."""
    statement = (
        select(m.Image.media_type, m.Image.data)
        .where(m.Image.digest == digest, m.Image.data.is_not(None))
        .limit(1)
    )
    row = (await session.execute(statement)).first()
    return None if row is None else ImageBytes(row.media_type, row.data)


async def add_image(
    session: AsyncSession,
    *,
    owner_id: int,
    kind: ImageKind,
    digest: str,
    width: int,
    height: int,
    now: datetime,
    character_id: int | None = None,
    seed: int | None = None,
    prompt: str | None = None,
    media_type: str | None = None,
    data: bytes | None = None,
) -> Changed:
    """A new image, whose id is `Changed.image_ids[0]`; uploads bring `data` and `media_type`.

    Raises NotFound without such an owner or character.
    """
    owner = await existing_user(session, owner_id)
    if character_id is not None:
        await version_of(session, character_id)
    if (kind is ImageKind.UPLOAD) != (data is not None and media_type is not None):
        raise Unusable("data", "an upload has bytes and a media type, a painted image neither")
    row = m.Image(
        owner_id=owner_id,
        character_id=character_id,
        kind=kind.value,
        digest=digest,
        seed=seed,
        prompt=prompt,
        width=width,
        height=height,
        media_type=media_type,
        created_at=now,
        data=data,
    )
    session.add(row)
    await session.flush()
    touched = () if character_id is None else (character_id,)
    return Changed(character_ids=touched, usernames=(owner.username,), image_ids=(row.id,))


async def delete_image(session: AsyncSession, image_id: int) -> Changed:
    """Delete an image with its bytes. Raises NotFound."""
    done = await session.execute(
        delete(m.Image)
        .where(m.Image.id == image_id)
        .returning(m.Image.owner_id, m.Image.character_id)
    )
    row = done.one_or_none()
    if row is None:
        raise NotFound("image", image_id)
    owner = await existing_user(session, row.owner_id)
    touched = () if row.character_id is None else (row.character_id,)
    return Changed(character_ids=touched, usernames=(owner.username,), image_ids=(image_id,))
