"""Characters: shown, found by text, made, changed and deleted."""

import asyncio
import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from databases import REFERENCE
from sqlalchemy import func, select

from gallery.data import models as m
from gallery.data import queries, writes
from gallery.data.database import Database
from gallery.data.errors import NotFound, Unusable, VersionConflict
from gallery.data.values import Changed, CharacterDetail, Filters, ImageKind, Kind, Mode

LATER = REFERENCE + timedelta(minutes=1)


async def create(database: Database, **given: Any) -> int:
    wanted: dict[str, Any] = {
        "creator_id": 1,
        "name": "Zed",
        "description": "One. Two.",
        "attributes": {"species": "elf", "mood": "sly"},
        "tags": ["magic", "brand-new"],
        "now": LATER,
    }
    async with database.transaction() as session:
        return (await writes.create_character(session, **(wanted | given))).character_ids[0]


async def detail(database: Database, id: int) -> CharacterDetail | None:
    async with database.session() as session:
        return await queries.detail(session, id)


async def found(database: Database, q: str) -> list[int]:
    async with database.session() as session:
        page = await queries.list_ids(
            session, mode=Mode.NEWEST, page=0, page_size=500, now=LATER, filters=Filters(q=q)
        )
    return page.ids


async def count(database: Database, model: type[m.Base], **where: int) -> int:
    async with database.session() as session:
        statement = select(func.count()).select_from(model).filter_by(**where)
        return (await session.scalar(statement)) or 0


# ── reading ──────────────────────────────────────────────────────────────────────


async def test_cards_come_in_the_order_asked_and_skip_the_missing(reading: Database) -> None:
    async with reading.session() as session:
        cards = await queries.cards(session, [7, 999_999, 3, 7, 250])
        assert list(cards) == [7, 3, 250]
        assert await queries.cards(session, []) == {}


async def test_a_page_of_cards_is_two_queries(reading: Database) -> None:
    async with reading.session() as session:
        before = reading.queries
        assert len(await queries.cards(session, range(1, 101))) == 100
        assert reading.queries - before == 2


async def test_a_card_agrees_with_the_detail(reading: Database) -> None:
    for id in range(1, 301, 23):
        one = await detail(reading, id)
        async with reading.session() as session:
            card = (await queries.cards(session, [id]))[id]
        assert one is not None
        assert one.description.startswith(card.blurb)
        assert card.blurb.count(".") == 1
        for name in ("name", "creator", "attributes", "tags", "seed", "version", "like_count",
                     "view_count", "created_at"):  # fmt: skip
            assert getattr(one, name) == getattr(card, name)
        assert list(card.attributes) == sorted(card.attributes)
        assert card.tags == sorted(card.tags)


async def test_there_is_no_detail_of_nobody(reading: Database) -> None:
    assert await detail(reading, 999_999) is None


async def test_similar_shares_tags_and_species(reading: Database) -> None:
    async with reading.session() as session:
        everyone = await queries.cards(session, range(1, 301))
        for id in (1, 50, 200):
            me = everyone[id]

            def likeness(other: int, me: Any = me) -> tuple[int, int, int]:
                card = everyone[other]
                shared = 2 * len(set(me.tags) & set(card.tags))
                same = 3 * (me.attributes["species"] == card.attributes["species"])
                return (-(shared + same), -card.like_count, other)

            related = [
                other
                for other in everyone
                if other != id and set(me.tags) & set(everyone[other].tags)
            ]
            expected = sorted(related, key=likeness)[:12]
            assert await queries.similar(session, id) == expected
        assert await queries.similar(session, 999_999) == []


# ── searching ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
async def test_accents_are_found_however_they_are_encoded(
    database: Database, stored: str, form: str
) -> None:
    id = await create(database, name=unicodedata.normalize(stored, "Élodie Ångström"))
    assert await found(database, unicodedata.normalize(form, "ÉLODIE ångström")) == [id]
    one = await detail(database, id)
    assert one is not None
    assert one.name == unicodedata.normalize("NFC", "Élodie Ångström")


@pytest.mark.parametrize(
    "name, q",
    [
        ("Straße", "STRASSE"), ("ﬁnnick", "FIN"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("Ｗｉｄｅ", "wide"),
        ("İstan", "i̇stan"), ("A  B", "b a"), ("tab\tbed", "tab bed"),
    ],
)  # fmt: skip
async def test_what_looks_alike_is_found(database: Database, name: str, q: str) -> None:
    assert await create(database, name=name) in await found(database, q)


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", '"', "\\%", "%%", "[", "*", ";--"])
async def test_signs_are_searched_literally(database: Database, sign: str) -> None:
    assert await found(database, f"x{sign}y") == []
    id = await create(database, name=f"x{sign}y")
    assert await found(database, f"x{sign}y") == [id]
    assert id in await found(database, sign)
    assert len(await found(database, sign)) < 100
    assert await found(database, f"x{sign}{sign}y") == []


async def test_every_word_must_occur_somewhere(database: Database) -> None:
    id = await create(database, name="Quxley", tags=["brand-new"])
    assert await found(database, "quxley") == [id]
    assert await found(database, "new quxley") == [id]
    assert await found(database, "sly QUXLEY") == [id]
    assert await found(database, "quxley absent") == []


@pytest.mark.parametrize("q", ["\x00", "\ud800", "a\x00", "x" * 100_000])
async def test_odd_searches_are_harmless(reading: Database, q: str) -> None:
    assert isinstance(await found(reading, q), list)


# ── making and changing ──────────────────────────────────────────────────────────


async def test_a_new_character_is_newest_and_complete(database: Database) -> None:
    async with database.transaction() as session:
        changed = await writes.create_character(
            session,
            creator_id=3,
            name="  Zed \x00 the\nLast ",
            description="First. Second.",
            attributes={"Species": "Elf"},
            tags=["Magic", " magic", "brand-new", ""],
            now=LATER,
        )
    (id,) = changed.character_ids
    assert changed == Changed(character_ids=(id,), usernames=("u2",), lists=True)
    one = await detail(database, id)
    assert one is not None
    assert (one.name, one.creator, one.creator_id) == ("Zed the Last", "u2", 3)
    assert (one.attributes, one.tags) == ({"species": "elf"}, ["brand-new", "magic"])
    assert (one.version, one.like_count, one.view_count) == (1, 0, 0)
    assert one.created_at == one.updated_at == LATER
    assert 0 <= one.seed < 2**31
    assert (await found(database, "zed last"))[0] == id


@pytest.mark.parametrize(
    "given, field",
    [
        ({"name": " \x00 "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"description": "x" * 10_001}, "description"),
        ({"attributes": {}}, "attributes"),
        ({"attributes": {"species": "elf", "mood": "x" * 201}}, "attributes"),
        ({"tags": ["x" * 41]}, "tags"),
        ({"tags": [f"t{n}" for n in range(13)]}, "tags"),
    ],
)
async def test_what_cannot_be_stored_is_refused(
    database: Database, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(Unusable) as refused:
        await create(database, **given)
    assert refused.value.field == field
    assert await count(database, m.Character) == 300


async def test_a_character_needs_a_creator(database: Database) -> None:
    with pytest.raises(NotFound):
        await create(database, creator_id=999)


async def test_an_update_raises_the_version_and_is_found_by_its_new_text(
    database: Database,
) -> None:
    before = await detail(database, 5)
    assert before is not None
    async with database.transaction() as session:
        changed = await writes.update_character(
            session, 5, expected_version=1, name="Quxley", tags=["brand-new"], now=LATER
        )
    assert changed == Changed(character_ids=(5,), lists=True)
    after = await detail(database, 5)
    assert after is not None
    assert (after.name, after.tags, after.version) == ("Quxley", ["brand-new"], 2)
    assert after.updated_at == LATER
    for name in ("description", "attributes", "seed", "like_count", "created_at", "creator"):
        assert getattr(after, name) == getattr(before, name)
    assert await found(database, "quxley brand") == [5]
    assert 5 not in await found(database, before.name)


async def test_what_is_not_given_stays(database: Database) -> None:
    before = await detail(database, 5)
    async with database.transaction() as session:
        await writes.update_character(session, 5, expected_version=1, seed=77, now=LATER)
    after = await detail(database, 5)
    assert before is not None
    assert after is not None
    assert (after.seed, after.tags, after.name) == (77, before.tags, before.name)
    assert 5 in await found(database, before.name)


async def test_an_update_of_an_old_version_is_refused(database: Database) -> None:
    async with database.transaction() as session:
        await writes.update_character(session, 5, expected_version=1, name="First", now=LATER)
    async with database.transaction() as session:
        with pytest.raises(VersionConflict) as refused:
            await writes.update_character(session, 5, expected_version=1, name="Second", now=LATER)
    assert refused.value.current == 2
    after = await detail(database, 5)
    assert after is not None
    assert after.name == "First"


async def test_of_many_updates_at_once_one_wins(database: Database) -> None:
    async def update(name: str) -> str | None:
        try:
            async with database.transaction() as session:
                await writes.update_character(
                    session, 5, expected_version=1, name=name, tags=[name], now=LATER
                )
        except VersionConflict:
            return None
        return name

    won = [name for name in await asyncio.gather(*map(update, "abcdef")) if name]
    after = await detail(database, 5)
    assert after is not None
    assert ([after.name], after.tags, after.version) == (won, won, 2)


async def test_new_tags_named_by_several_at_once_are_one_tag(database: Database) -> None:
    await asyncio.gather(*(create(database, tags=["zzz", "yyy", f"x{n}"]) for n in range(6)))
    async with database.session() as session:
        names = await queries.tag_names(session)
        page = await queries.list_ids(
            session, mode=Mode.NEWEST, page=0, page_size=50, now=LATER, filters=Filters(tag="zzz")
        )
    assert names.count("zzz") == 1
    assert page.total == 6


async def test_deleting_takes_all_that_belongs_to_it(database: Database) -> None:
    async with database.transaction() as session:
        image = await writes.add_image(
            session, owner_id=9, kind=ImageKind.GENERATED, digest="d", width=1, height=1,
            character_id=5, seed=1, now=LATER,
        )  # fmt: skip
    one = await detail(database, 5)
    assert one is not None
    async with database.transaction() as session:
        changed = await writes.delete_character(session, 5)
    assert changed.character_ids == (5,)
    assert changed.lists
    assert {"u8", one.creator} <= set(changed.usernames)
    assert image.image_ids[0] in changed.image_ids
    assert await detail(database, 5) is None
    for model in (m.CharacterTag, m.Interaction, m.Image):
        assert await count(database, model, character_id=5) == 0


async def test_ids_are_never_used_again(database: Database) -> None:
    first = await create(database)
    async with database.transaction() as session:
        await writes.delete_character(session, first)
    assert await create(database) > first


@pytest.mark.parametrize("write", ["update", "delete", "like", "unlike", "view"])
async def test_writing_to_nobody_is_refused(database: Database, write: str) -> None:
    async with database.transaction() as session:
        calls = {
            "update": writes.update_character(session, 999_999, expected_version=1, now=LATER),
            "delete": writes.delete_character(session, 999_999),
            "like": writes.like(session, 999_999, user_id=1, now=LATER),
            "unlike": writes.unlike(session, 999_999, user_id=1),
            "view": writes.view(session, 999_999, user_id=1, now=LATER),
        }
        chosen = calls.pop(write)
        for other in calls.values():
            other.close()
        with pytest.raises(NotFound):
            await chosen


# ── likes and views ──────────────────────────────────────────────────────────────


async def test_liking_twice_counts_once_and_can_be_taken_back(database: Database) -> None:
    id = await create(database)
    for changed in (Changed(character_ids=(id,), user_ids=(2,)), Changed()):
        async with database.transaction() as session:
            assert await writes.like(session, id, user_id=2, now=LATER) == changed
    one = await detail(database, id)
    assert one is not None
    assert one.like_count == 1
    async with database.session() as session:
        assert await queries.has_liked(session, 2, id)
        assert not await queries.has_liked(session, 3, id)
    for changed in (Changed(character_ids=(id,), user_ids=(2,)), Changed()):
        async with database.transaction() as session:
            assert await writes.unlike(session, id, user_id=2) == changed
    one = await detail(database, id)
    assert one is not None
    assert (one.like_count, one.version) == (0, 1)
    assert await count(database, m.Interaction, character_id=id) == 0


async def test_likes_at_once_by_one_user_count_once(database: Database) -> None:
    id = await create(database)

    async def like() -> None:
        async with database.transaction() as session:
            await writes.like(session, id, user_id=2, now=LATER)

    await asyncio.gather(*(like() for _ in range(8)))
    one = await detail(database, id)
    assert one is not None
    assert one.like_count == 1 == await count(database, m.Interaction, character_id=id)


async def test_views_at_once_are_all_counted(database: Database) -> None:
    """A stranger's view is counted only; one by a user is remembered as well."""
    id = await create(database)

    async def view(user_id: int | None) -> None:
        async with database.transaction() as session:
            await writes.view(session, id, user_id=user_id, now=LATER)

    await asyncio.gather(*(view(None if n % 2 else 4) for n in range(12)))
    one = await detail(database, id)
    assert one is not None
    assert one.view_count == 12
    assert await count(database, m.Interaction, character_id=id, kind=Kind.VIEW.value) == 6
