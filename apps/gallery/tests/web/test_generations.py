"""Painting on request: queued, painted in the background, kept over restarts, private."""

import asyncio

import pytest

from gallery.generation import Picture
from gallery.painting import PaintingGenerator

WISH = {"prompt": "An old elf queen by the winter sea", "seed": 7}


async def asked(visitor, **changed):
    answer = await visitor.post("/api/generations", json={**WISH, **changed})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == answer.json()["status_url"]
    return answer.json()


async def ended(visitor, job):
    """The job once it has ended; the test's own time limit ends a wait in vain."""
    while True:
        now = await visitor.read(job["status_url"])
        if now["status"] in ("done", "failed"):
            return now
        await asyncio.sleep(0.01)


class Gate:
    """A generator that paints only when told, or fails as told."""

    def __init__(self, error=None):
        self.open = asyncio.Event()
        self.began = asyncio.Event()
        self.error = error
        self.painted = 0

    async def generate(self, prompt: str, seed: int) -> Picture:
        self.began.set()
        await self.open.wait()
        if self.error:
            raise self.error
        self.painted += 1
        return await PaintingGenerator().generate(prompt, seed)


async def test_picture_is_painted_and_found_in_the_gallery(site):
    visitor = await site.visitor("u1")
    await visitor.read("/api/users/u1/images")
    job = await asked(visitor, character_id=5)
    assert (await ended(visitor, job))["status"] == "done"

    result = await visitor.read(job["result_url"])

    image = result["image"]
    assert (image["kind"], image["owner"], image["character_id"]) == ("generated", "u1", 5)
    shown = await visitor.get(image["url_160"])
    assert shown.headers["Content-Type"] == "image/webp"
    for path in ("/api/users/u1/images", "/api/characters/5/images"):
        assert (await visitor.read(path))["items"][0]["id"] == image["id"]


async def test_same_words_and_seed_paint_the_same_picture(site):
    one, other = await site.visitor("u1"), await site.visitor("u2")
    pictures = []
    for visitor, wish in ((one, {}), (other, {}), (one, {"seed": 8})):
        job = await asked(visitor, **wish)
        await ended(visitor, job)
        image = (await visitor.read(job["result_url"]))["image"]
        pictures.append((await visitor.get(image["url_160"])).content)
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]


async def test_each_state_is_seen_at_once(open_site):
    gate = Gate()
    async with open_site(generator=gate) as site:
        visitor = await site.visitor("u1")
        job = await asked(visitor)
        await gate.began.wait()
        assert (await visitor.read(job["status_url"]))["status"] == "running"
        assert await visitor.cached(job["status_url"]) == "HIT"
        early = await visitor.get(job["result_url"])
        assert early.status_code == 409
        assert early.json()["error"]["code"] == "not_ready"
        gate.open.set()
        assert (await ended(visitor, job))["status"] == "done"


async def test_job_survives_a_restart(open_site):
    gate = Gate()
    async with open_site(generator=gate) as site:
        visitor = await site.visitor("u1")
        job, waiting = await asked(visitor), await asked(visitor, seed=8)
        await gate.began.wait()
    assert gate.painted == 0

    async with open_site() as site:
        visitor = await site.visitor("u1")
        for each in (job, waiting):
            assert (await ended(visitor, each))["status"] == "done"


async def test_job_of_a_process_that_died_is_painted_by_the_next(open_site):
    from gallery.data import writes

    async with open_site(workers=0) as site:
        visitor = await site.visitor("u1")
        job = await asked(visitor)
        async with site.database.transaction() as session:
            await writes.claim_job(session, now=site.now)

    async with open_site() as site:
        visitor = await site.visitor("u1")
        assert (await ended(visitor, job))["status"] == "done"


@pytest.mark.filterwarnings("default")
async def test_failed_job_says_why_and_the_next_is_painted(open_site):
    gate = Gate(error=RuntimeError("out of paint"))
    gate.open.set()
    async with open_site(generator=gate) as site:
        visitor = await site.visitor("u1")
        job = await asked(visitor)
        assert (await ended(visitor, job))["error"] == "out of paint"
        answer = await visitor.get(job["result_url"])
        assert answer.status_code == 409
        assert "out of paint" in answer.json()["error"]["message"]
        gate.error = None
        assert (await ended(visitor, await asked(visitor)))["status"] == "done"


async def test_jobs_are_nobody_elses_business(site):
    one, other, admin = [await site.visitor(name) for name in ("u1", "u2", "admin")]
    job = await asked(one)
    await ended(one, job)
    await one.read(job["result_url"])
    for path in (job["status_url"], job["result_url"]):
        assert (await other.get(path)).status_code == 404
        assert (await admin.get(path)).status_code == 200


async def test_removed_picture_is_no_longer_a_result(site):
    visitor = await site.visitor("u1")
    job = await asked(visitor)
    await ended(visitor, job)
    for _ in range(3):
        image = (await visitor.read(job["result_url"]))["image"]
    await visitor.delete(f"/api/users/u1/images/{image['id']}")
    assert (await visitor.get(job["result_url"])).status_code == 404


@pytest.mark.parametrize(
    "wish",
    [{"prompt": ""}, {"prompt": "x" * 501}, {"seed": -1}, {"seed": 2**31}, {"seed": 1.5}],
    ids=str,
)
async def test_wish_out_of_range_is_refused(site, wish):
    visitor = await site.visitor("u1")
    assert (await visitor.post("/api/generations", json={**WISH, **wish})).status_code == 422


async def test_picture_of_an_unknown_character_is_refused(site):
    visitor = await site.visitor("u1")
    answer = await visitor.post("/api/generations", json={**WISH, "character_id": 999_999})
    assert answer.status_code == 404


@pytest.mark.parametrize("turns", range(5))
async def test_closing_ends_the_painters_also_just_after_a_wish(open_site, turns):
    """However many turns of the loop after they were told."""
    async with asyncio.timeout(20), open_site() as site:
        workshop = site.app.state.parts.workshop
        await asyncio.sleep(0.1)  # they wait
        workshop.ring()
        for _ in range(turns):
            await asyncio.sleep(0)
