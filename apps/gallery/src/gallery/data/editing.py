"""Making, changing and deleting characters.

Writes do not commit: they belong in `Database.transaction()`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.accounts import existing_user
from gallery.data.characters import tags_of, version_of
from gallery.data.errors import NotFound, Unusable, VersionConflict
from gallery.data.text import normalise, storable
from gallery.data.values import Changed

MAX_TAGS = 12
MAX_SEED = 2**31 - 1


async def create_character(
    session: AsyncSession,
    *,
    creator_id: int,
    name: str,
    description: str,
    attributes: Mapping[str, str],
    tags: Sequence[str] = (),
    seed: int | None = None,
    now: datetime,
) -> Changed:
    """A new character, whose id is `Changed.character_ids[0]`.

    `attributes` must have `species`. Without `seed`, one is drawn from the name, the
    creator and the time. Raises Unusable, or NotFound without such a creator.
    """
    creator = await existing_user(session, creator_id)
    text = _checked(name, description, attributes, tags)
    if seed is None:
        told = f"{text.name}\n{creator_id}\n{m.micros(now)}"
        seed = int.from_bytes(hashlib.sha256(told.encode()).digest()[:4], "big") & MAX_SEED
    row = m.Character(
        creator_id=creator_id,
        **text.columns(),
        seed=seed,
        version=1,
        like_count=0,
        view_count=0,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    await session.flush()
    await _set_tags(session, row.id, text.tags)
    return Changed(character_ids=(row.id,), usernames=(creator.username,), lists=True)


async def update_character(
    session: AsyncSession,
    character_id: int,
    *,
    expected_version: int,
    name: str | None = None,
    description: str | None = None,
    attributes: Mapping[str, str] | None = None,
    tags: Sequence[str] | None = None,
    seed: int | None = None,
    now: datetime,
) -> Changed:
    """Change what is given; `attributes` and `tags` replace the old ones whole.

    Raises NotFound, Unusable, or VersionConflict if the character is not at
    `expected_version`: then nothing is changed.
    """
    row = await session.get(m.Character, character_id, populate_existing=True)
    if row is None:
        raise NotFound("character", character_id)
    if row.version != expected_version:
        raise VersionConflict(character_id, expected_version, row.version)
    text = _checked(
        row.name if name is None else name,
        row.description if description is None else description,
        row.attributes if attributes is None else attributes,
        (await tags_of(session, [character_id])).get(character_id, []) if tags is None else tags,
    )
    # The version is compared once more where it is written: on PostgreSQL another
    # update may have committed since it was read.
    done = await session.execute(
        update(m.Character)
        .where(m.Character.id == character_id, m.Character.version == expected_version)
        .values(
            **text.columns(),
            seed=row.seed if seed is None else seed,
            version=expected_version + 1,
            updated_at=now,
        )
        .returning(m.Character.creator_id)
        .execution_options(synchronize_session=False)
    )
    if done.one_or_none() is None:
        raise VersionConflict(
            character_id, expected_version, await version_of(session, character_id)
        )
    session.expire(row)
    if tags is not None:
        await _set_tags(session, character_id, text.tags)
    return Changed(character_ids=(character_id,), lists=True)


async def delete_character(session: AsyncSession, character_id: int) -> Changed:
    """Delete a character with its tags, interactions and images. Raises NotFound."""
    owners = await session.execute(
        select(m.Image.id, m.User.username)
        .join(m.User, m.User.id == m.Image.owner_id)
        .where(m.Image.character_id == character_id)
    )
    images = owners.all()
    done = await session.execute(
        delete(m.Character).where(m.Character.id == character_id).returning(m.Character.creator_id)
    )
    creator_id = done.scalar_one_or_none()
    if creator_id is None:
        raise NotFound("character", character_id)
    creator = await existing_user(session, creator_id)
    return Changed(
        character_ids=(character_id,),
        usernames=_sorted({creator.username} | {row.username for row in images}),
        image_ids=tuple(sorted(row.id for row in images)),
        lists=True,
    )


class _Checked:
    """The text of a character, ready to store."""

    def __init__(
        self, name: str, description: str, attributes: Mapping[str, str], tags: Iterable[str]
    ) -> None:
        self.name = " ".join(storable(name).split())
        self.description = storable(description).strip()
        self.attributes = {normalise(k): normalise(v) for k, v in sorted(attributes.items())}
        self.tags = _sorted({normalise(tag) for tag in tags} - {""})

    def columns(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "species": self.attributes["species"],
            "attributes": self.attributes,
            "search": search_text(self.name, self.description, self.attributes, self.tags),
        }


def search_text(
    name: str, description: str, attributes: Mapping[str, str], tags: Iterable[str]
) -> str:
    """What a character is found by: everything a reader sees of it, normalised."""
    return normalise(" ".join((name, description, *attributes.values(), *tags)))


def _checked(
    name: str, description: str, attributes: Mapping[str, str], tags: Iterable[str]
) -> _Checked:
    text = _Checked(name, description, attributes, tags)
    if not 1 <= len(text.name) <= 120:
        raise Unusable("name", "must have 1 to 120 characters")
    if len(text.description) > 10_000:
        raise Unusable("description", "must have at most 10,000 characters")
    if not 1 <= len(text.attributes.get("species", "")) <= 40:
        raise Unusable("attributes", "species must have 1 to 40 characters")
    if len(text.attributes) > 20 or any(len(v) > 200 for v in text.attributes.values()):
        raise Unusable("attributes", "at most 20, each of at most 200 characters")
    if len(text.tags) > MAX_TAGS or any(len(tag) > 40 for tag in text.tags):
        raise Unusable("tags", f"at most {MAX_TAGS}, each of at most 40 characters")
    return text


async def _set_tags(session: AsyncSession, character_id: int, names: Sequence[str]) -> None:
    await session.execute(delete(m.CharacterTag).where(m.CharacterTag.character_id == character_id))
    if not names:
        return
    # Two writers may name a new tag at the same time: both must end up with the same one.
    await session.execute(
        _insert_or_ignore(session, m.Tag), [{"name": name} for name in sorted(names)]
    )
    ids = (await session.scalars(select(m.Tag.id).where(m.Tag.name.in_(names)))).all()
    rows = [{"character_id": character_id, "tag_id": id} for id in sorted(ids)]
    await session.execute(insert(m.CharacterTag), rows)


def _insert_or_ignore(session: AsyncSession, model: type[m.Base]) -> Executable:
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(model).on_conflict_do_nothing()
    return postgresql.insert(model).on_conflict_do_nothing()


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
