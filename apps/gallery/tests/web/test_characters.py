"""Characters over HTTP: every change is seen at once, and costs no more than it must."""

import pytest

from gallery.data.values import Mode


@pytest.mark.parametrize("mode", list(Mode))
async def test_list_is_computed_once(site, mode):
    visitor = await site.visitor()
    assert await visitor.cached("/api/characters", mode=mode, page_size=5) == "MISS"
    assert await visitor.cached("/api/characters", mode=mode, page_size=5) == "HIT"


@pytest.mark.parametrize(
    "path",
    [
        "/api/characters/1",
        "/api/characters/1/similar",
        "/api/characters/1/images",
        "/api/featured",
        "/api/facets",
        "/api/users/u1/images",
    ],
)
async def test_answer_says_how_it_was_made(site, path):
    visitor = await site.visitor()
    first, second = await visitor.get(path), await visitor.get(path)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert second.headers["Cache-Status"].startswith("keepwarm; hit")
    assert "origin;dur=" in second.headers["Server-Timing"]
    assert first.content == second.content
    assert "private" in second.headers["Cache-Control"]


async def test_pages_follow_each_other(site):
    visitor = await site.visitor()
    whole = await visitor.read("/api/characters", mode="newest", page_size=10)
    first = await visitor.read("/api/characters", mode="newest", page_size=5)
    second = await visitor.read("/api/characters", mode="newest", page_size=5, page=1)
    assert [c["id"] for c in whole["items"]] == [c["id"] for c in first["items"] + second["items"]]
    assert first["has_more"]
    assert first["total"] == 300


async def test_page_size_is_capped(site):
    visitor = await site.visitor()
    page = await visitor.read("/api/characters", page_size=1_000_000)
    assert page["page_size"] == 60
    assert len(page["items"]) == 60


@pytest.mark.parametrize(
    "query",
    [
        {"page": -1},
        {"page": 10_001},
        {"page_size": 0},
        {"mode": "best"},
        {"q": "x" * 101},
        {"species": "x" * 101},
        {"page": "many"},
    ],
    ids=str,
)
async def test_question_out_of_range_is_refused(site, query):
    answer = await (await site.visitor()).get("/api/characters", params=query)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == next(iter(query))


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "x" * 121},
        {"description": "x" * 4001},
        {"tags": ["x"] * 13},
        {"tags": ["x" * 41]},
        {"attributes": {"species": "x" * 81}},
        {"attributes": {}},
        {"unknown": 1},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_character_out_of_range_is_refused(site, changed):
    visitor = await site.visitor("u1")
    wish = {"name": "A", "description": "B.", "attributes": {"species": "elf"}, **changed}
    answer = await visitor.post("/api/characters", json=wish)
    assert answer.status_code == 422
    assert next(iter(changed)) in answer.json()["error"]["fields"][0]["field"]


async def test_created_character_is_seen_at_once_even_where_it_was_missed(site):
    visitor = await site.visitor("u1")
    assert (await visitor.get("/api/characters/301")).status_code == 404
    newest = await visitor.read("/api/characters", mode="newest")

    made = await visitor.own_character()

    assert made["id"] == 301
    assert (await visitor.get("/api/characters/301")).status_code == 200
    now = await visitor.read("/api/characters", mode="newest")
    assert now["items"][0]["id"] == 301
    assert now["total"] == newest["total"] + 1


async def test_what_does_not_exist_is_asked_of_the_database_once(site):
    visitor = await site.visitor()
    await visitor.get("/api/characters/999999")
    asked = site.database.queries
    again = await visitor.get("/api/characters/999999")
    assert again.status_code == 404
    assert again.headers["X-Cache"] == "HIT"
    assert site.database.queries == asked


async def test_edit_is_seen_at_once_in_detail_cards_and_searches(site):
    owner, stranger = await site.visitor("u1"), await site.visitor()
    made = await owner.own_character(name="Zqold")
    path = f"/api/characters/{made['id']}"
    for query in ({"mode": "newest"}, {"q": "zqold"}, {"q": "zqnew"}):
        await stranger.read("/api/characters", **query)
    await stranger.read(path)

    changed = await owner.patch(path, json={"version": made["version"], "name": "Zqnew"})

    assert changed.status_code == 200
    assert changed.headers["Cache-Invalidation"] == "done"
    assert changed.json()["version"] == made["version"] + 1
    assert (await stranger.read(path))["name"] == "Zqnew"
    newest = await stranger.read("/api/characters", mode="newest")
    assert newest["items"][0]["name"] == "Zqnew"
    assert (await stranger.read("/api/characters", q="zqold"))["total"] == 0
    assert (await stranger.read("/api/characters", q="zqnew"))["total"] == 1


async def test_edit_costs_no_list_that_does_not_look_inside_characters(site):
    owner, stranger = await site.visitor("u1"), await site.visitor()
    made = await owner.own_character()
    for mode in ("newest", "all", "trending"):
        await stranger.read("/api/characters", mode=mode)
    await stranger.read("/api/characters/1")
    await owner.patch(f"/api/characters/{made['id']}", json={"version": 1, "name": "Other"})

    asked = site.database.queries
    for mode in ("all", "trending"):
        assert await stranger.cached("/api/characters", mode=mode) == "HIT"
    assert await stranger.cached("/api/characters/1") == "HIT"
    assert site.database.queries == asked
    await stranger.read("/api/characters", mode="newest")  # one card of it is new
    assert site.database.queries - asked <= 4


async def test_stale_edit_is_told_and_changes_nothing(site):
    owner = await site.visitor("u1")
    made = await owner.own_character()
    path = f"/api/characters/{made['id']}"
    await owner.patch(path, json={"version": 1, "name": "First"})
    late = await owner.patch(path, json={"version": 1, "name": "Second"})
    assert late.status_code == 409
    assert late.json()["error"]["code"] == "version_conflict"
    assert (await owner.read(path))["name"] == "First"


async def test_edit_keeps_what_it_does_not_name(site):
    owner = await site.visitor("u1")
    made = await owner.own_character()
    changed = await owner.patch(f"/api/characters/{made['id']}", json={"version": 1, "tags": []})
    now = changed.json()
    assert now["tags"] == []
    assert (now["name"], now["attributes"]) == (made["name"], made["attributes"])


async def test_deleted_character_is_gone_at_once_with_its_picture(site):
    owner, stranger = await site.visitor("u1"), await site.visitor()
    made = await owner.own_character()
    path = f"/api/characters/{made['id']}"
    picture = f"/media/{made['picture']}/portrait-{made['id']}-160.webp"
    await stranger.read("/api/characters", mode="newest")
    await stranger.read(path)
    assert (await stranger.get(picture)).status_code == 200

    gone = await owner.delete(path)

    assert gone.status_code == 204
    assert gone.headers["Cache-Invalidation"] == "done"
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get(picture)).status_code == 404
    newest = await stranger.read("/api/characters", mode="newest")
    assert made["id"] not in [card["id"] for card in newest["items"]]


@pytest.mark.parametrize(
    ("wrong", "field", "told"),
    [
        ({"name": None}, "name", "It is required."),
        ({"name": " \t "}, "name", "It is empty. Spaces do not count."),
        ({"description": "\n"}, "description", "It is empty. Spaces do not count."),
        ({"name": "n" * 121}, "name", "It is longer than 120 characters."),
        ({"tags": [f"t{n}" for n in range(13)]}, "tags", "There are more than 12."),
        ({"tags": ["fine", ""]}, "tags.1", "It is empty. Spaces do not count."),
        (
            {"attributes": {f"a{n}": "b" for n in range(21)}},
            "attributes",
            "There are more than 20.",
        ),
    ],
)
async def test_what_a_form_lacks_is_told_in_words_for_who_filled_it_in(site, wrong, field, told):
    visitor = await site.visitor("u1")
    form = {"name": "Wren", "description": "Wren waited.", **wrong}
    form = {name: value for name, value in form.items() if value is not None}
    answer = await visitor.post("/api/characters", json=form)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == [{"field": field, "message": told}]


async def test_views_are_counted_but_end_nothing(site):
    visitor = await site.visitor()
    before = await visitor.read("/api/characters/1")
    counted = await visitor.post("/api/characters/1/view")
    assert counted.status_code == 204
    assert counted.headers["Cache-Invalidation"] == "not-needed"
    assert await visitor.cached("/api/characters/1") == "HIT"

    await site.cache.invalidate("character:1")
    after = await visitor.read("/api/characters/1")
    assert after["view_count"] == before["view_count"] + 1


async def test_like_moves_the_number_in_every_list(site):
    one, stranger = await site.visitor("u1"), await site.visitor()
    lists = ["/api/characters", "/api/characters?mode=newest", "/api/featured"]
    first = (await stranger.read(lists[0]))["items"][0]["id"]
    similar = f"/api/characters/{first}/similar"
    shown = (await stranger.read(similar))["items"][0]["id"]

    async def told(path: str, id: int) -> int | None:
        items = (await stranger.read(path))["items"]
        return {card["id"]: card["like_count"] for card in items}.get(id)

    for id, paths in ((first, lists), (shown, [similar])):
        await one.delete(f"/api/characters/{id}/like")
        before = [await told(path, id) for path in paths]
        made = await one.post(f"/api/characters/{id}/like")
        assert made.json()["like_count"] == before[0] + 1
        after = [await told(path, id) for path in paths]
        assert after == [None if count is None else count + 1 for count in before]


async def test_like_costs_no_list_and_nothing_similar(site):
    one, stranger = await site.visitor("u1"), await site.visitor()

    async def misses() -> dict[str, int]:
        for path in ("/api/characters", "/api/characters/5/similar", "/api/characters/5"):
            await stranger.read(path)
        counted = site.cache.stats().policies
        return {name: counted[name].misses for name in ("character-list", "character-detail")}

    before = await misses()
    await one.post("/api/characters/5/like")
    after = await misses()
    assert after["character-list"] == before["character-list"]
    assert after["character-detail"] == before["character-detail"] + 1


async def test_ones_own_like_shows_at_once_and_to_nobody_else(site):
    one, other, stranger = await site.visitor("u1"), await site.visitor("u2"), await site.visitor()
    made = await other.own_character()
    path = f"/api/characters/{made['id']}"
    assert (await one.read(path))["liked"] is False
    assert (await other.read(path))["liked"] is False
    assert (await stranger.read(path))["liked"] is None

    assert (await one.post(f"{path}/like")).json()["liked"] is True
    assert (await one.read(path))["liked"] is True
    assert (await other.read(path))["liked"] is False
    assert await other.cached(path) == "HIT"

    assert (await one.delete(f"{path}/like")).json()["liked"] is False
    assert (await one.read(path))["liked"] is False


async def test_edit_of_one_leaves_other_users_answers_alone(site):
    one, other = await site.visitor("u1"), await site.visitor("u2")
    await other.read("/api/preferences")
    await other.read("/api/users/u2/images")
    await other.read("/api/characters/7")
    made = await one.own_character()
    await one.patch(f"/api/characters/{made['id']}", json={"version": 1, "name": "Other"})
    await one.put("/api/preferences", json={"sort": "newest"})
    for path in ("/api/preferences", "/api/users/u2/images", "/api/characters/7"):
        assert await other.cached(path) == "HIT"


@pytest.mark.parametrize("path", ["/api/characters/999999/similar", "/api/characters/0", "/api/no"])
async def test_what_is_not_there_is_said_in_json(site, path):
    answer = await (await site.visitor()).get(path)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["message"]


async def test_body_beyond_the_limit_is_refused(site):
    visitor = await site.visitor("u1")
    announced = await visitor.post("/api/characters", content=b"x" * 70_000)
    assert announced.status_code == 413

    async def chunks():
        for _ in range(80):
            yield b" " * 1024

    told_nothing = await visitor.post("/api/characters", content=chunks())
    assert told_nothing.status_code == 413
    assert told_nothing.json()["error"]["code"] == "too_large"
