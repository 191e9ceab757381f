"""Lists: order recomputed by hand, pages without gaps, filters, personal modes."""

import math
from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from databases import REFERENCE
from sqlalchemy import select

from gallery.data import models as m
from gallery.data import queries, writes
from gallery.data.database import Database
from gallery.data.rankings import SCALE, featured
from gallery.data.values import (
    PERSONAL_MODES,
    Candidate,
    Filters,
    IdPage,
    Kind,
    Mode,
    PreferencesInfo,
    Scores,
    Tastes,
)

NOBODY = None
READER = 5


async def listed(
    database: Database,
    mode: Mode,
    *,
    page: int = 0,
    page_size: int = 1000,
    now: datetime = REFERENCE,
    user_id: int | None = NOBODY,
    scores: Scores | None = None,
    **filters: str,
) -> IdPage:
    async with database.session() as session:
        return await queries.list_ids(
            session,
            mode=mode,
            page=page,
            page_size=page_size,
            now=now,
            user_id=user_id,
            filters=Filters(**filters),
            scores=scores,
        )


async def interactions(database: Database) -> list[tuple[int, int, int, datetime]]:
    """(user, character, kind, at) of every interaction."""
    i = m.Interaction
    async with database.session() as session:
        rows = await session.execute(select(i.user_id, i.character_id, i.kind, i.at))
        return [tuple(row) for row in rows.all()]


async def characters(database: Database) -> list[m.Character]:
    async with database.session() as session:
        return list((await session.scalars(select(m.Character).order_by(m.Character.id))).all())


async def recomputed_trending(database: Database, now: datetime) -> list[int]:
    scores: dict[int, int] = defaultdict(int)
    for _, character, kind, at in await interactions(database):
        if now - timedelta(days=30) < at <= now:
            weight = 4 if kind == Kind.LIKE else 1
            half_lives = (now - at) / timedelta(days=3)
            scores[character] += math.floor(weight * SCALE * math.exp(-math.log(2) * half_lives))
    return sorted(scores, key=lambda id: (-scores[id], id))


@pytest.mark.parametrize("back", [timedelta(0), timedelta(days=10), timedelta(days=45)])
async def test_trending_is_the_decayed_sum_of_a_month(reading: Database, back: timedelta) -> None:
    now = REFERENCE - back
    expected = await recomputed_trending(reading, now)
    found = await listed(reading, Mode.TRENDING, now=now)
    assert found.ids == expected
    assert found.total == len(expected)
    assert len(expected) > 100


async def test_trending_forgets_after_a_month(reading: Database) -> None:
    found = await listed(reading, Mode.TRENDING, now=REFERENCE + timedelta(days=31))
    assert found == IdPage([], 0, has_more=False)


async def test_popularity_counts_people_not_clicks(reading: Database) -> None:
    best: dict[tuple[int, int], int] = {}
    for user, character, kind, _ in await interactions(reading):
        best[character, user] = max(best.get((character, user), 0), kind)
    scores = {one.id: 0 for one in await characters(reading)}
    for (character, _), kind in best.items():
        scores[character] += 4 if kind == Kind.LIKE else 1
    expected = sorted(scores, key=lambda id: (-scores[id], id))

    found = await listed(reading, Mode.ALL)

    assert found.ids == expected
    assert found.total == 300


async def test_a_second_view_by_the_same_person_does_not_make_popular(database: Database) -> None:
    before = await listed(database, Mode.ALL)
    reader = (await interactions(database))[0]
    async with database.transaction() as session:
        for _ in range(50):
            await writes.view(session, reader[1], user_id=reader[0], now=REFERENCE)
    assert await listed(database, Mode.ALL) == before


@pytest.mark.parametrize("mode", [Mode.ALL, Mode.TRENDING, Mode.FEATURED])
async def test_what_happens_after_the_clock_does_not_count(database: Database, mode: Mode) -> None:
    before = await listed(database, mode)
    async with database.transaction() as session:
        for user in range(1, 30):
            await writes.view(
                session, before.ids[-1], user_id=user, now=REFERENCE + timedelta(seconds=1)
            )
    assert await listed(database, mode) == before
    assert await listed(database, mode, now=REFERENCE + timedelta(minutes=10)) != before


async def test_newest_is_by_creation_then_id(reading: Database) -> None:
    everyone = await characters(reading)
    expected = sorted(everyone, key=lambda one: (one.created_at, one.id), reverse=True)
    assert (await listed(reading, Mode.NEWEST)).ids == [one.id for one in expected]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("user_id", [NOBODY, READER])
async def test_pages_join_up_without_gap_or_repetition(
    reading: Database, mode: Mode, user_id: int | None
) -> None:
    whole = await listed(reading, mode, user_id=user_id)
    joined: list[int] = []
    for page in range(1000):
        part = await listed(reading, mode, page=page, page_size=7, user_id=user_id)
        assert part.total == whole.total
        joined += part.ids
        assert part.has_more == (len(joined) < whole.total)
        if not part.has_more:
            break
    assert joined == whole.ids
    assert len(set(joined)) == len(joined) == whole.total > 100


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_page_past_the_end_is_empty_and_knows_the_total(
    reading: Database, mode: Mode
) -> None:
    whole = await listed(reading, mode)
    past = await listed(reading, mode, page=99, page_size=50)
    assert past == IdPage([], whole.total, has_more=False)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("user_id", [NOBODY, READER])
@pytest.mark.parametrize(
    "filters", [{"species": "Elf"}, {"tag": "adventure"}, {"creator": "u1"}, {"q": "of the"}]
)
async def test_filters_keep_the_order_and_leave_the_matching(
    reading: Database, mode: Mode, user_id: int | None, filters: dict[str, str]
) -> None:
    whole = await listed(reading, mode, user_id=user_id)
    async with reading.session() as session:
        cards = await queries.cards(session, whole.ids)
    texts = {one.id: f"{one.name} {one.description}".lower() for one in await characters(reading)}
    matching = {
        id
        for id, card in cards.items()
        if filters.get("species", "").lower() in ("", card.attributes["species"])
        and filters.get("tag") in (None, *card.tags)
        and filters.get("creator") in (None, card.creator)
        and all(word in texts[id] for word in filters.get("q", "").split())
    }
    found = await listed(reading, mode, user_id=user_id, **filters)
    assert found.ids == [id for id in whole.ids if id in matching]
    assert 0 < len(found.ids) < whole.total
    assert found.total == len(found.ids)


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in PERSONAL_MODES])
async def test_impersonal_modes_ignore_the_reader(reading: Database, mode: Mode) -> None:
    assert await listed(reading, mode, user_id=READER) == await listed(reading, mode)


async def test_discover_shows_what_the_reader_has_not_met(reading: Database) -> None:
    met = {c for user, c, _, _ in await interactions(reading) if user == READER}
    made = {one.id for one in await characters(reading) if one.creator_id == READER}
    found = await listed(reading, Mode.DISCOVER, user_id=READER)
    assert set(found.ids) == set(range(1, 301)) - met - made
    assert met
    assert made


async def test_discover_hides_hidden_tags(database: Database) -> None:
    async with database.transaction() as session:
        wish = PreferencesInfo(hidden_tags=["adventure"])
        await writes.set_preferences(session, READER, wish, now=REFERENCE)
    found = await listed(database, Mode.DISCOVER, user_id=READER)
    async with database.session() as session:
        cards = await queries.cards(session, found.ids)
    assert found.ids
    assert not any("adventure" in card.tags for card in cards.values())


async def test_discover_is_reshuffled_by_day_and_reader_not_by_minute(reading: Database) -> None:
    today = await listed(reading, Mode.DISCOVER)
    soon = await listed(reading, Mode.DISCOVER, now=REFERENCE + timedelta(minutes=10))
    tomorrow = await listed(reading, Mode.DISCOVER, now=REFERENCE + timedelta(days=1))
    another = await listed(reading, Mode.DISCOVER, user_id=READER)
    assert soon == today
    assert sorted(tomorrow.ids) == sorted(today.ids)
    assert tomorrow.ids != today.ids != sorted(today.ids)
    assert another.ids != [id for id in today.ids if id in another.ids]


# ── featuring ────────────────────────────────────────────────────────────────────


async def test_global_scores_are_the_trending_ones(reading: Database) -> None:
    async with reading.session() as session:
        scores = await queries.global_scores(session, REFERENCE)
    trending = await listed(reading, Mode.TRENDING)
    assert [one.id for one in scores.candidates] == trending.ids
    assert scores.at == REFERENCE
    ordered = [one.score for one in scores.candidates]
    assert ordered == sorted(ordered, reverse=True)
    assert all(isinstance(score, int) for score in ordered)


async def test_featured_without_tastes_is_trending(reading: Database) -> None:
    featured_page = await listed(reading, Mode.FEATURED)
    assert featured_page == await listed(reading, Mode.TRENDING)


async def test_cached_scores_give_the_same_featured_list(reading: Database) -> None:
    async with reading.session() as session:
        scores = await queries.global_scores(session, REFERENCE)
    fresh = await listed(reading, Mode.FEATURED, user_id=READER)
    assert await listed(reading, Mode.FEATURED, user_id=READER, scores=scores) == fresh


def test_tastes_lift_and_hidden_tags_drop() -> None:
    scores = Scores(
        at=REFERENCE,
        candidates=[
            Candidate(1, 900, "elf", ["magic"]),
            Candidate(2, 400, "orc", ["blades"]),
            Candidate(3, 400, "elf", ["ghosts"]),
            Candidate(4, 100, "elf", ["music"]),
        ],
    )
    assert featured(scores, Tastes()) == [1, 2, 3, 4]
    assert featured(scores, Tastes(tags={"blades": 0.6})) == [2, 1, 3, 4]
    assert featured(scores, Tastes(species={"orc": 0.6})) == [2, 1, 3, 4]
    assert featured(scores, Tastes(tags={"blades": 9.0}, hidden_tags=["blades"])) == [1, 3, 4]
    assert featured(scores, Tastes(), 2) == [1, 2]


async def test_tastes_are_shares_of_likes_plus_preferences(database: Database) -> None:
    rows = await interactions(database)
    liked = [c for user, c, kind, _ in rows if user == READER and kind == Kind.LIKE]
    assert 5 < len(liked) < 200
    async with database.transaction() as session:
        wish = PreferencesInfo(
            tag_weights={"adventure": 2.0}, favourite_species="elf", hidden_tags=["ghosts"]
        )
        await writes.set_preferences(session, READER, wish, now=REFERENCE)
    async with database.session() as session:
        found = await queries.tastes(session, READER)
        cards = await queries.cards(session, liked)
    for tag in ("adventure", "magic", "forest"):
        share = Fraction(sum(tag in card.tags for card in cards.values()), len(liked))
        expected = float(share) + (2.0 if tag == "adventure" else 0.0)
        assert found.tags.get(tag, 0.0) == pytest.approx(expected, abs=1e-4)
    elves = sum(card.attributes["species"] == "elf" for card in cards.values())
    assert found.species["elf"] == pytest.approx(elves / len(liked) + 1.0, abs=1e-4)
    assert found.hidden_tags == ["ghosts"]


async def test_a_stranger_and_a_newcomer_have_no_tastes(reading: Database) -> None:
    async with reading.session() as session:
        assert await queries.tastes(session, None) == Tastes()
        assert await queries.tastes(session, 31) == Tastes()  # admin, who liked nothing
