"""Users, sessions, preferences, images and generation jobs."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from databases import REFERENCE

from gallery.data import queries, writes
from gallery.data.database import Database
from gallery.data.errors import NameTaken, NotFound, Unusable
from gallery.data.values import (
    Changed,
    ImageBytes,
    ImageKind,
    JobInfo,
    JobStatus,
    Mode,
    PreferencesInfo,
    Role,
)

HOUR = timedelta(hours=1)


# ── users and sessions ───────────────────────────────────────────────────────────


async def test_names_that_look_the_same_are_the_same(database: Database) -> None:
    async with database.transaction() as session:
        made = await writes.create_user(
            session, username="Élodie ", password_hash="h", now=REFERENCE
        )
        with pytest.raises(NameTaken):
            await writes.create_user(
                session, username="e\u0301LODIE", password_hash="h", now=REFERENCE
            )
        # The session goes on after a refusal.
        await writes.create_user(session, username="other", password_hash="h", now=REFERENCE)
    assert (made.username, made.role) == ("élodie", Role.USER)
    async with database.session() as session:
        assert await queries.user(session, "ÉLODIE") == made
        assert await queries.user(session, "other") is not None
        assert await queries.user(session, "nobody") is None
        assert await queries.credentials(session, "nobody") is None


async def test_of_many_who_want_a_name_at_once_one_gets_it(database: Database) -> None:
    async def create() -> bool:
        try:
            async with database.transaction() as session:
                await writes.create_user(
                    session, username="wanted", password_hash="h", now=REFERENCE
                )
        except NameTaken:
            return False
        return True

    assert sorted(await asyncio.gather(*(create() for _ in range(5)))) == [False] * 4 + [True]


async def start(database: Database, digest: str, user_id: int = 2) -> None:
    async with database.transaction() as session:
        await writes.create_session(
            session,
            user_id=user_id,
            token_digest=digest,
            now=REFERENCE,
            expires_at=REFERENCE + HOUR,
        )


async def test_a_session_lasts_until_it_expires(database: Database) -> None:
    await start(database, "d1")
    async with database.session() as session:
        late = REFERENCE + HOUR - timedelta(microseconds=1)
        found = await queries.find_session(session, "d1", late)
        assert found is not None
        assert (found.user.username, found.expires_at) == ("u1", REFERENCE + HOUR)
        assert await queries.find_session(session, "d1", REFERENCE + HOUR) is None
        assert await queries.find_session(session, "d2", REFERENCE) is None


async def test_sessions_end_one_by_one_all_of_a_user_or_when_old(database: Database) -> None:
    for digest, user in [("a", 2), ("b", 2), ("c", 2), ("d", 3)]:
        await start(database, digest, user)

    async def alive() -> str:
        async with database.session() as session:
            return "".join([d for d in "abcd" if await queries.find_session(session, d, REFERENCE)])

    async with database.transaction() as session:
        await writes.delete_session(session, "a")
    assert await alive() == "bcd"
    async with database.transaction() as session:
        await writes.delete_sessions_of(session, 2)
    assert await alive() == "d"
    async with database.transaction() as session:
        assert await writes.purge_sessions(session, REFERENCE + HOUR) == 1
    assert await alive() == ""


async def test_a_new_hash_replaces_the_old_one(database: Database) -> None:
    async with database.transaction() as session:
        await writes.set_password_hash(session, 2, "another")
    async with database.session() as session:
        found = await queries.credentials(session, "u1")
    assert found is not None
    assert found.password_hash == "another"


# ── preferences ──────────────────────────────────────────────────────────────────


async def test_preferences_are_replaced_whole(database: Database) -> None:
    wishes = [
        PreferencesInfo(tag_weights={"magic": 2.0}, hidden_tags=["ghosts"], sort=Mode.NEWEST),
        PreferencesInfo(favourite_species="elf"),
        PreferencesInfo(),
    ]
    for wish in wishes:
        async with database.transaction() as session:
            changed = await writes.set_preferences(session, 2, wish, now=REFERENCE)
        assert changed == Changed(user_ids=(2,))
        async with database.session() as session:
            assert await queries.preferences(session, 2) == wish


async def test_without_preferences_there_are_defaults(database: Database) -> None:
    async with database.session() as session:
        assert await queries.preferences(session, 31) == PreferencesInfo()


async def test_preferences_are_normalised(database: Database) -> None:
    wish = PreferencesInfo(
        tag_weights={" Magic": 1}, hidden_tags=["B", "a", "b", ""], favourite_species=" ELF "
    )
    async with database.transaction() as session:
        await writes.set_preferences(session, 2, wish, now=REFERENCE)
    async with database.session() as session:
        found = await queries.preferences(session, 2)
    assert found == PreferencesInfo(
        tag_weights={"magic": 1.0}, hidden_tags=["a", "b"], favourite_species="elf"
    )


@pytest.mark.parametrize(
    "wish",
    [
        PreferencesInfo(tag_weights={"magic": 5.1}),
        PreferencesInfo(tag_weights={"magic": -1}),
        PreferencesInfo(tag_weights={"magic": float("nan")}),
        PreferencesInfo(hidden_tags=["x" * 41]),
        PreferencesInfo(favourite_species="x" * 41),
    ],
)
async def test_unusable_preferences_are_refused(database: Database, wish: PreferencesInfo) -> None:
    async with database.transaction() as session:
        with pytest.raises(Unusable):
            await writes.set_preferences(session, 2, wish, now=REFERENCE)


# ── images ───────────────────────────────────────────────────────────────────────


async def add(database: Database, owner_id: int = 2, **given: Any) -> Changed:
    wanted: dict[str, Any] = {
        "kind": ImageKind.UPLOAD, "digest": "f" * 64, "width": 3, "height": 4,
        "media_type": "image/webp", "data": b"bytes\x00", "now": REFERENCE,
    }  # fmt: skip
    async with database.transaction() as session:
        return await writes.add_image(session, owner_id=owner_id, **(wanted | given))


async def test_an_upload_is_listed_and_its_bytes_are_served(database: Database) -> None:
    changed = await add(database, character_id=7)
    assert changed.character_ids == (7,)
    assert changed.usernames == ("u1",)
    (id,) = changed.image_ids
    async with database.session() as session:
        info = await queries.image(session, id)
        assert info is not None
        assert (info.owner, info.character_id, info.width, info.height) == ("u1", 7, 3, 4)
        assert (info.kind, info.created_at) == (ImageKind.UPLOAD, REFERENCE)
        assert (await queries.user_images(session, "u1"))[0] == info
        assert await queries.user_images(session, "u1", 7) == [info]
        assert info in await queries.character_images(session, 7)
        assert info not in await queries.character_images(session, 8)
        assert await queries.image_bytes(session, "f" * 64) == ImageBytes(
            "image/webp", b"bytes\x00"
        )
        assert await queries.image_bytes(session, "e" * 64) is None


async def test_a_deleted_image_is_gone_with_its_bytes(database: Database) -> None:
    (id,) = (await add(database)).image_ids
    async with database.transaction() as session:
        changed = await writes.delete_image(session, id)
    assert changed == Changed(usernames=("u1",), image_ids=(id,))
    async with database.session() as session:
        assert await queries.image(session, id) is None
        assert await queries.image_bytes(session, "f" * 64) is None
    async with database.transaction() as session:
        with pytest.raises(NotFound):
            await writes.delete_image(session, id)


async def test_one_bytes_in_two_images_outlive_the_first(database: Database) -> None:
    (id,) = (await add(database)).image_ids
    await add(database, owner_id=3)
    async with database.transaction() as session:
        await writes.delete_image(session, id)
    async with database.session() as session:
        assert await queries.image_bytes(session, "f" * 64) is not None


@pytest.mark.parametrize(
    "given, error",
    [
        ({"data": None}, Unusable),
        ({"media_type": None}, Unusable),
        ({"kind": ImageKind.GENERATED}, Unusable),
        ({"owner_id": 999}, NotFound),
        ({"character_id": 999_999}, NotFound),
    ],
)
async def test_images_that_cannot_be_are_refused(
    database: Database, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await add(database, **given)


async def test_images_come_newest_first(database: Database) -> None:
    async with database.session() as session:
        for user in range(5):
            images = await queries.user_images(session, f"u{user}")
            keys = [(image.created_at, image.id) for image in images]
            assert keys == sorted(keys, reverse=True)
        assert await queries.user_images(session, "nobody") == []


# ── jobs ─────────────────────────────────────────────────────────────────────────


async def queue(database: Database, job_id: str, minutes: int = 0) -> JobInfo:
    async with database.transaction() as session:
        return await writes.create_job(
            session, job_id=job_id, user_id=2, prompt="a fox\x00", seed=7,
            now=REFERENCE + timedelta(minutes=minutes),
        )  # fmt: skip


async def claim(database: Database) -> JobInfo | None:
    async with database.transaction() as session:
        return await writes.claim_job(session, now=REFERENCE + HOUR)


async def test_a_job_goes_from_queued_to_done(database: Database) -> None:
    queued = await queue(database, "one")
    assert (queued.status, queued.prompt, queued.username) == (JobStatus.QUEUED, "a fox", "u1")
    running = await claim(database)
    assert running is not None
    assert (running.status, running.started_at) == (JobStatus.RUNNING, REFERENCE + HOUR)
    (image,) = (
        await add(database, kind=ImageKind.GENERATED, data=None, media_type=None, seed=7)
    ).image_ids
    async with database.transaction() as session:
        changed = await writes.finish_job(session, "one", image_id=image, now=REFERENCE + 2 * HOUR)
    assert changed == Changed(usernames=("u1",), job_ids=("one",))
    async with database.session() as session:
        done = await queries.job(session, "one")
        assert done is not None
        assert (done.status, done.image_id) == (JobStatus.DONE, image)
        assert done.finished_at == REFERENCE + 2 * HOUR
        assert await queries.job(session, "two") is None


async def test_a_job_may_fail_and_cannot_end_twice(database: Database) -> None:
    await queue(database, "one")
    await claim(database)
    async with database.transaction() as session:
        await writes.fail_job(session, "one", error="no paint", now=REFERENCE)
        with pytest.raises(NotFound):
            await writes.finish_job(session, "one", image_id=1, now=REFERENCE)
    async with database.session() as session:
        failed = await queries.job(session, "one")
    assert failed is not None
    assert (failed.status, failed.error, failed.image_id) == (JobStatus.FAILED, "no paint", None)


async def test_jobs_are_claimed_oldest_first_and_each_once(database: Database) -> None:
    for minutes, job_id in enumerate("cab"):
        await queue(database, job_id, minutes)
    assert [claimed.id for _ in range(3) if (claimed := await claim(database))] == ["c", "a", "b"]
    assert await claim(database) is None


async def test_no_two_workers_get_the_same_job(database: Database) -> None:
    for job_id in "abcd":
        await queue(database, job_id)
    claimed = await asyncio.gather(*(claim(database) for _ in range(8)))
    got = [job.id for job in claimed if job]
    assert len(got) == len(set(got))
    # On PostgreSQL a worker may look while others hold every row, and come back later.
    while job := await claim(database):
        got.append(job.id)
    assert sorted(got) == ["a", "b", "c", "d"]


async def test_a_crashed_workers_job_is_queued_again(database: Database) -> None:
    await queue(database, "one")
    await claim(database)
    for started_before, job_ids in [(REFERENCE + HOUR, ()), (REFERENCE + 2 * HOUR, ("one",))]:
        async with database.transaction() as session:
            changed = await writes.requeue_jobs(session, started_before=started_before)
        assert changed == Changed(job_ids=job_ids)
    again = await claim(database)
    assert again is not None
    assert again.id == "one"
