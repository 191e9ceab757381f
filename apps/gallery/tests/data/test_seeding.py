"""The seeded world: the same on both databases, all or nothing, and lifelike."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from databases import ADMIN_PASSWORD, REFERENCE, Postgres, Sqlite
from pwdlib import PasswordHash
from sqlalchemy import func, select, text

from gallery.data import models as m
from gallery.data import queries
from gallery.data.database import Database
from gallery.data.seeding import DEMO_PASSWORD, seed
from gallery.data.values import Filters, Kind, Mode, Role
from gallery.data.world import SMALL, SeedSize, World

TABLES = [
    m.User, m.Tag, m.Character, m.CharacterTag, m.Preferences, m.Image, m.Interaction,
]  # fmt: skip


async def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every seeded table, except password hashes, whose salts differ."""
    database = Database(url)
    found = {}
    async with database.session() as session:
        for model in TABLES:
            table = m.Base.metadata.tables[model.__tablename__]
            columns = [column for column in table.columns if column.name != "password_hash"]
            rows = await session.execute(select(*columns).order_by(*table.primary_key.columns))
            found[table.name] = [tuple(row) for row in rows]
    await database.dispose()
    return found


async def test_both_databases_hold_the_same_rows(
    sqlite_server: Sqlite, postgres_server: Postgres
) -> None:
    urls = sqlite_server.copy("seeded"), postgres_server.copy("seeded")
    one, other = [await contents(url) for url in urls]
    sqlite_server.drop(urls[0])
    postgres_server.drop(urls[1])
    assert one == other
    assert [len(one[name]) for name in ("users", "characters", "interactions", "images")] == [
        31, 300, 6_000, 60,
    ]  # fmt: skip


async def test_both_databases_give_the_same_lists(
    sqlite_server: Sqlite, postgres_server: Postgres
) -> None:
    urls = sqlite_server.copy("seeded"), postgres_server.copy("seeded")
    found = []
    for url in urls:
        database = Database(url)
        async with database.session() as session:
            lists = [
                await queries.list_ids(
                    session, mode=mode, page=page, page_size=24, now=REFERENCE, user_id=user,
                    filters=filters,
                )
                for mode in Mode for page in (0, 3) for user in (None, 3)
                for filters in (Filters(), Filters(species="human"), Filters(q="the song"))
            ]  # fmt: skip
            scores = await queries.global_scores(session, REFERENCE)
            similar = [await queries.similar(session, id) for id in range(1, 40)]
            cards = await queries.cards(session, list(range(300, 0, -1)))
            found.append((lists, scores, similar, list(cards.items())))
        await database.dispose()
    sqlite_server.drop(urls[0])
    postgres_server.drop(urls[1])
    assert found[0] == found[1]


def test_another_seed_is_another_world() -> None:
    def interactions(number: int) -> list[int]:
        return World(SMALL, seed=number, reference=REFERENCE).interactions.character_id.tolist()

    assert interactions(1) == interactions(1)
    assert interactions(1) != interactions(2)


async def test_seeding_again_does_nothing(database: Database) -> None:
    before = await contents(str(database.url.render_as_string(hide_password=False)))
    report = await seed(database, SMALL, reference=REFERENCE + timedelta(days=1), seed=2)
    assert not report.seeded
    assert report.reference == REFERENCE
    assert report.admin_password is None
    assert await contents(str(database.url.render_as_string(hide_password=False))) == before


class Interrupted(Exception):
    pass


def interrupt_at(stage: str) -> Callable[[str, float], None]:
    def report(now: str, done: float) -> None:
        if now == stage:
            raise Interrupted

    return report


@pytest.mark.parametrize("stage", ["Users", "Characters", "Interactions", "Indexes", "Statistics"])
async def test_an_interrupted_seeding_leaves_nothing_and_can_be_repeated(
    empty_database: Database, stage: str
) -> None:
    with pytest.raises(Interrupted):
        await seed(empty_database, SMALL, reference=REFERENCE, progress=interrupt_at(stage))
    async with empty_database.session() as session:
        for model in (*TABLES, m.Seeding):
            assert await session.scalar(select(func.count()).select_from(model)) == 0
        await session.rollback()
    report = await seed(empty_database, SMALL, reference=REFERENCE)
    assert report.seeded


async def test_indexes_and_keys_are_back_after_seeding(database: Database) -> None:
    from alembic import command

    from gallery.data.database import alembic_config

    async with database.engine.connect() as connection:
        await connection.run_sync(lambda sync: command.check(alembic_config(sync)))


async def test_new_rows_get_new_ids_after_seeding(database: Database) -> None:
    async with database.transaction() as session:
        row = m.Tag(name="brand-new")
        session.add(row)
        await session.flush()
        total = await session.scalar(select(func.count()).select_from(m.Tag))
        assert row.id == total


async def test_progress_goes_from_nothing_to_all(empty_database: Database) -> None:
    seen: list[float] = []
    await seed(
        empty_database, SMALL, reference=REFERENCE, progress=lambda stage, done: seen.append(done)
    )
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


async def test_counters_are_the_interactions(database: Database) -> None:
    async with database.session() as session:
        for kind, counter in [("2", "like_count"), ("1", "view_count")]:
            wrong = await session.scalar(
                text(
                    f"SELECT count(*) FROM characters c WHERE {counter} != (SELECT count(*)"
                    f" FROM interactions i WHERE i.character_id = c.id AND kind = {kind})"
                )
            )
            assert wrong == 0


async def test_demo_users_and_admin_can_sign_in(database: Database) -> None:
    hasher = PasswordHash.recommended()
    async with database.session() as session:
        first = await queries.credentials(session, "u0")
        last = await queries.credentials(session, "U29")
        admin = await queries.credentials(session, "admin")
    assert first is not None
    assert last is not None
    assert admin is not None
    assert first.password_hash == last.password_hash
    assert hasher.verify(DEMO_PASSWORD, first.password_hash)
    assert hasher.verify(ADMIN_PASSWORD, admin.password_hash)
    assert (first.user.role, admin.user.role) == (Role.USER, Role.ADMIN)


async def test_admin_gets_a_password_of_its_own(empty_database: Database) -> None:
    report = await seed(empty_database, SMALL, reference=REFERENCE)
    async with empty_database.session() as session:
        admin = await queries.credentials(session, "admin")
    assert admin is not None
    assert report.admin_password is not None
    assert len(report.admin_password) >= 16
    assert PasswordHash.recommended().verify(report.admin_password, admin.password_hash)


# ── lifelike ─────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def world() -> World:
    size = SeedSize("middling", characters=5_000, users=300, interactions=150_000, images=10)
    return World(size, seed=1, reference=REFERENCE)


def test_popularity_is_like_zipf(world: World) -> None:
    counts = np.sort(np.bincount(world.interactions.character_id))[::-1]
    ranks = np.arange(3, 300)
    slope = np.polyfit(np.log(ranks), np.log(counts[ranks]), 1)[0]
    assert -1.2 < slope < -0.8


def test_users_like_what_fits_their_tastes(world: World) -> None:
    done = world.interactions
    likes = done.kind == int(Kind.LIKE)
    fitting = np.array([
        any(tag in world.invented[c - 1].tags for tag in world.tags_liked_by(u))
        for u, c in zip(done.user_id[:20_000], done.character_id[:20_000], strict=True)
    ])  # fmt: skip
    assert likes[:20_000][fitting].mean() > 1.5 * likes[:20_000][~fitting].mean()


def test_nobody_likes_a_character_twice(world: World) -> None:
    done = world.interactions
    likes = done.kind == int(Kind.LIKE)
    pairs = done.user_id[likes] * 10_000 + done.character_id[likes]
    assert len(np.unique(pairs)) == len(pairs) > 10_000


def test_nothing_happens_before_a_character_exists_or_after_the_reference(world: World) -> None:
    done = world.interactions
    assert (done.at >= world.created[done.character_id - 1] * 1_000_000).all()
    assert (done.at <= REFERENCE.timestamp() * 1_000_000).all()
    assert (done.at >= (REFERENCE - timedelta(days=60)).timestamp() * 1_000_000).all()
    assert (np.diff(done.at) >= 0).all()
