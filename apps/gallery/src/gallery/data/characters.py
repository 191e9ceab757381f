"""Characters as they are shown: cards, details, and what is like what."""

from collections.abc import Sequence

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from gallery.data import models as m
from gallery.data.errors import NotFound
from gallery.data.values import Card, CharacterDetail


async def cards(session: AsyncSession, ids: Sequence[int]) -> dict[int, Card]:
    """The cards of those `ids` that exist, in that order. Two queries, however many ids."""
    if not ids:
        return {}
    c = m.Character
    statement = select(
        c.id, c.name, c.description, c.attributes, c.seed, c.version,
        c.like_count, c.view_count, c.created_at, m.User.username,
    ).join(m.User, m.User.id == c.creator_id).where(c.id.in_(ids))  # fmt: skip
    found = {row.id: row for row in (await session.execute(statement)).all()}
    rows = [found[id] for id in dict.fromkeys(ids) if id in found]
    tags = await tags_of(session, list(found))
    return {
        row.id: Card(
            id=row.id,
            name=row.name,
            creator=row.username,
            blurb=first_sentence(row.description),
            attributes=dict(sorted(row.attributes.items())),
            tags=tags.get(row.id, []),
            seed=row.seed,
            version=row.version,
            like_count=row.like_count,
            view_count=row.view_count,
            created_at=row.created_at,
        )
        for row in rows
    }


async def detail(session: AsyncSession, character_id: int) -> CharacterDetail | None:
    statement = (
        select(m.Character, m.User.username)
        .join(m.User, m.User.id == m.Character.creator_id)
        .where(m.Character.id == character_id)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return None
    character, username = row
    tags = await tags_of(session, [character_id])
    return CharacterDetail(
        id=character.id,
        creator_id=character.creator_id,
        creator=username,
        name=character.name,
        description=character.description,
        attributes=dict(sorted(character.attributes.items())),
        tags=tags.get(character_id, []),
        seed=character.seed,
        version=character.version,
        like_count=character.like_count,
        view_count=character.view_count,
        created_at=character.created_at,
        updated_at=character.updated_at,
    )


async def similar(session: AsyncSession, character_id: int, limit: int = 12) -> list[int]:
    """Ids most like a character: shared tags (2 each) and species (3), then the most liked."""
    mine = aliased(m.CharacterTag)
    species = select(m.Character.species).where(m.Character.id == character_id).scalar_subquery()
    shared = (
        select(m.CharacterTag.character_id, func.count().label("tags"))
        .join(mine, mine.tag_id == m.CharacterTag.tag_id)
        .where(mine.character_id == character_id, m.CharacterTag.character_id != character_id)
        .group_by(m.CharacterTag.character_id)
        .subquery("shared")
    )
    alike = shared.c.tags * 2 + case((m.Character.species == species, 3), else_=0)
    statement = (
        select(m.Character.id)
        .join(shared, shared.c.character_id == m.Character.id)
        .order_by(alike.desc(), m.Character.like_count.desc(), m.Character.id)
        .limit(limit)
    )
    return list((await session.scalars(statement)).all())


async def tags_of(session: AsyncSession, ids: Sequence[int]) -> dict[int, list[str]]:
    """The tag names of characters, each in alphabetical order (by code point)."""
    found: dict[int, list[str]] = {}
    if ids:
        statement = (
            select(m.CharacterTag.character_id, m.Tag.name)
            .join(m.Tag, m.Tag.id == m.CharacterTag.tag_id)
            .where(m.CharacterTag.character_id.in_(ids))
        )
        for id, name in (await session.execute(statement)).all():
            found.setdefault(id, []).append(name)
    for names in found.values():
        names.sort()  # here, because databases disagree about alphabets
    return found


async def tag_names(session: AsyncSession) -> list[str]:
    """Every tag, in alphabetical order."""
    return sorted((await session.scalars(select(m.Tag.name))).all())


async def species(session: AsyncSession) -> list[str]:
    """Every species there is a character of, in alphabetical order."""
    return sorted((await session.scalars(select(m.Character.species).distinct())).all())


def first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + "." if dot else text


async def version_of(session: AsyncSession, character_id: int) -> int:
    """The version a character has now. Raises NotFound."""
    version = await session.scalar(
        select(m.Character.version).where(m.Character.id == character_id)
    )
    if version is None:
        raise NotFound("character", character_id)
    return version
