"""What belongs to one user: theirs at once, and never anybody else's."""

import pytest

PREFERENCES = {
    "sort": "newest",
    "favourite_species": "orc",
    "tag_weights": {"magic": 5},
    "hidden_tags": ["music"],
}


async def test_preferences_change_what_is_featured_at_once_for_one(site):
    one, other = await site.visitor("u1"), await site.visitor("u2")
    before = await one.read("/api/featured")
    await one.read("/api/characters", mode="featured")
    others = await other.read("/api/featured")

    changed = await one.put("/api/preferences", json=PREFERENCES)

    assert changed.status_code == 200
    assert changed.headers["Cache-Invalidation"] == "done"
    assert changed.json()["favourite_species"] == "orc"
    now = await one.read("/api/featured")
    assert now["is_personal"]
    assert now["items"] != before["items"]
    assert all("music" not in card["tags"] for card in now["items"])
    listed = await one.read("/api/characters", mode="featured", page_size=24)
    assert [c["id"] for c in listed["items"]] == [c["id"] for c in now["items"]]
    assert await other.cached("/api/featured") == "HIT"
    assert await other.read("/api/featured") == others


async def test_featured_for_strangers_is_one_for_all_of_them(site):
    one, other = await site.visitor(), await site.visitor()
    assert not (await one.read("/api/featured"))["is_personal"]
    assert await other.cached("/api/featured") == "HIT"


@pytest.mark.parametrize("mode", ["featured", "discover"])
async def test_personal_lists_are_kept_apart(site, mode):
    one, other, stranger = await site.visitor("u1"), await site.visitor("u2"), await site.visitor()
    await one.put("/api/preferences", json=PREFERENCES)
    answers = []
    for visitor in (one, other, stranger):
        assert await visitor.cached("/api/characters", mode=mode) == "MISS"
        answers.append(await visitor.read("/api/characters", mode=mode))
    assert answers[0] != answers[1] != answers[2] != answers[0]
    for visitor, answer in zip((one, other, stranger), answers, strict=True):
        assert await visitor.cached("/api/characters", mode=mode) == "HIT"
        assert await visitor.read("/api/characters", mode=mode) == answer


@pytest.mark.parametrize("mode", ["newest", "trending", "all"])
async def test_lists_that_are_the_same_for_all_are_kept_once(site, mode):
    one, stranger = await site.visitor("u1"), await site.visitor()
    assert await one.cached("/api/characters", mode=mode) == "MISS"
    assert await stranger.cached("/api/characters", mode=mode) == "HIT"


async def test_preferences_are_ones_own(site):
    one, other = await site.visitor("u1"), await site.visitor("u2")
    others = await other.read("/api/preferences")
    await one.put("/api/preferences", json=PREFERENCES)
    assert (await one.read("/api/preferences"))["sort"] == "newest"
    assert await other.read("/api/preferences") == others


async def test_what_is_left_out_returns_to_its_default(site):
    visitor = await site.visitor("u1")
    await visitor.put("/api/preferences", json=PREFERENCES)
    answer = await visitor.put("/api/preferences", json={})
    assert answer.json() == {
        "tag_weights": {},
        "hidden_tags": [],
        "favourite_species": None,
        "sort": "featured",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"sort": "best"},
        {"tag_weights": {"magic": 6}},
        {"tag_weights": {"magic": -1}},
        {"hidden_tags": ["x" * 41]},
        {"hidden_tags": ["x"] * 61},
        {"favourite_species": ""},
        {"user_id": 2},
    ],
    ids=str,
)
async def test_preferences_out_of_range_are_refused(site, changed):
    visitor = await site.visitor("u1")
    assert (await visitor.put("/api/preferences", json=changed)).status_code == 422


async def test_signed_out_reader_gets_nothing_personal_from_the_cache(site):
    visitor = await site.visitor("u1")
    made = await visitor.own_character()
    path = f"/api/characters/{made['id']}"
    await visitor.post(f"{path}/like")
    assert (await visitor.read(path))["can_edit"]
    await visitor.read("/api/preferences")
    await visitor.post("/api/auth/logout")

    again = await visitor.read(path)
    assert (again["liked"], again["can_edit"]) == (None, False)
    assert (await visitor.get("/api/preferences")).status_code == 401
    assert not (await visitor.read("/api/featured"))["is_personal"]


async def test_private_answers_stay_with_the_reader(site):
    visitor = await site.visitor("u1")
    for path in ("/api/preferences", "/api/featured", "/api/characters/1"):
        answer = await visitor.get(path)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert "Cookie" in answer.headers["Vary"]
    assert (await visitor.get("/api/auth/me")).headers["Cache-Control"] == "no-store"


async def test_no_answer_of_the_cache_names_a_key_or_a_user(site):
    visitor = await site.visitor("u1")
    for path in ("/api/preferences", "/api/featured", "/api/characters/1"):
        await visitor.get(path)
        told = (await visitor.get(path)).headers
        for name in ("Cache-Status", "Server-Timing", "X-Cache"):
            assert "u1" not in told[name]
            assert "characters" not in told[name]
            assert "preferences:" not in told[name]
