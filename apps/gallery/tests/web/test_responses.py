"""Stored responses: whole answers kept in front of the app, for whom, and until when."""

import asyncio
from datetime import timedelta

import pytest
from photographs import IMMUTABLE, photograph, portrait_address

from gallery.caching import ROUTES
from gallery.web.sessions import SESSION_LASTS
from keepwarm import PerUser, Shared
from keepwarm.asgi.auditing import reported
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy

SHARED_PATHS = [
    "/api/characters?mode=newest",
    "/api/characters?mode=trending&page=1&page_size=5",
    "/api/characters?q=the&species=elf",
    "/api/characters/1/similar",
    "/api/characters/1/images",
    "/api/users/u1/images",
    "/api/facets",
]
OWN_PATHS = ["/api/characters/1", "/api/featured"]


@pytest.fixture
def store():
    """The address of a Valkey of this test's own."""
    server = EmbeddedServer(tcp=True)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def from_stored(answer):
    """Whether the HTTP cache answered by itself, and says so in every field."""
    is_stored = (
        answer.headers["Cache-Status"].rpartition(",")[2].strip().startswith("keepwarm; hit")
    )
    if is_stored:
        assert answer.headers["X-Cache"] == "HIT"
        assert 'cache;desc="response hit"' in answer.headers["Server-Timing"]
        assert answer.headers["Age"].isdigit()
    return is_stored


async def get_until_stored(visitor, path):
    """The first of a few answers that came from a stored response."""
    for _ in range(4):
        answer = await visitor.get(path)
        if from_stored(answer):
            return answer
    raise AssertionError(f"no response of {path} is stored: {answer.headers}")


@pytest.mark.parametrize("path", [*SHARED_PATHS, *OWN_PATHS])
async def test_second_answer_is_the_stored_response(site, path):
    visitor = await site.visitor()
    first = await visitor.get(path)
    second = await visitor.get(path)

    assert (first.status_code, from_stored(first)) == (200, False)
    assert "stored" in first.headers["Cache-Status"]
    assert from_stored(second)
    assert second.content == first.content
    assert "origin;dur=" in second.headers["Server-Timing"]


@pytest.mark.parametrize("path", [*SHARED_PATHS, *OWN_PATHS])
async def test_stored_response_has_every_rule_of_the_first(site, path):
    visitor = await site.visitor()
    first, second = await visitor.get(path), await visitor.get(path)
    own = {"x-cache", "server-timing", "cache-status", "age", "etag", "date"}
    own |= {"keepwarm-position", "keepwarm-tags"}  # of each answer, at its own moment
    told = [{n: v for n, v in a.headers.items() if n not in own} for a in (first, second)]
    assert told[0] == told[1]
    assert first.headers["ETag"] == second.headers["ETag"]
    assert second.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Security-Policy" in second.headers
    assert "keepwarm-tags" in second.headers


@pytest.mark.parametrize("path", ["/api/characters?mode=newest", "/api/facets", *OWN_PATHS])
async def test_answers_name_nothing_that_is_for_the_server_alone(site, path):
    visitor = await site.visitor()
    for _ in range(2):
        answer = await visitor.get(path)
        assert "Keepwarm-CDN-Cache-Control" not in answer.headers
        assert "Gallery-Origin-Ms" not in answer.headers


@pytest.mark.parametrize("path", [*SHARED_PATHS, *OWN_PATHS])
async def test_browser_that_has_it_is_told_so(site, path):
    visitor = await site.visitor()
    etag = (await visitor.get(path)).headers["ETag"]
    again = await visitor.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    assert from_stored(again)
    assert (await visitor.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_shared_responses_are_kept_once_for_all(site):
    one, other, stranger = await site.visitor("u1"), await site.visitor("u2"), await site.visitor()
    for path in SHARED_PATHS:
        first = await one.get(path)
        for visitor in (other, stranger):
            answer = await visitor.get(path)
            assert from_stored(answer)
            assert answer.content == first.content


async def test_own_responses_are_kept_apart_by_reader(site):
    readers = [await site.visitor(name) for name in ("u1", "u2", None)]
    made = await readers[0].own_character()
    path = f"/api/characters/{made['id']}"
    await readers[0].post(f"{path}/like")
    expected = [(True, True), (False, False), (None, False)]
    for _ in range(4):
        for reader, told in zip(readers, expected, strict=True):
            found = await reader.read(path)
            assert (found["liked"], found["can_edit"]) == told
    for reader in readers:
        assert from_stored(await reader.get(path))


@pytest.mark.parametrize("mode", ["featured", "discover"])
async def test_personal_modes_are_no_stored_responses(site, mode):
    one, stranger = await site.visitor("u1"), await site.visitor()
    for visitor in (one, stranger, one, stranger):
        answer = await visitor.get("/api/characters", params={"mode": mode})
        assert not from_stored(answer)
        assert "Cookie" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/cache/health", "/", "/docs"])
async def test_what_is_not_declared_is_never_stored(site, path):
    visitor = await site.visitor("u1")
    for _ in range(3):
        answer = await visitor.get(path)
        assert answer.status_code == 200
        assert not from_stored(answer)


async def test_writes_end_the_readers_own_stored_responses(site):
    visitor = await site.visitor("u1")
    detail = "/api/characters/1"
    for path in (detail, "/api/featured", "/api/preferences"):
        await get_until_stored(visitor, path)

    await visitor.post(f"{detail}/like")
    assert (await visitor.read(detail))["liked"]
    await get_until_stored(visitor, detail)
    await visitor.delete(f"{detail}/like")
    assert not (await visitor.read(detail))["liked"]

    await visitor.put("/api/preferences", json={"sort": "newest", "hidden_tags": ["music"]})
    assert (await visitor.read("/api/preferences"))["sort"] == "newest"
    featured = await visitor.read("/api/featured")
    assert all("music" not in card["tags"] for card in featured["items"])


async def test_like_is_counted_at_once_for_everybody_who_looks_at_the_character(site):
    one, other, stranger = await site.visitor("u1"), await site.visitor("u2"), await site.visitor()
    everybody = (one, other, stranger)
    made = await other.own_character()
    path = f"/api/characters/{made['id']}"
    for count, (reader, write) in enumerate(
        ((one, "post"), (other, "post"), (one, "post"), (other, "delete"))
    ):
        expected = (1, 2, 2, 1)[count]
        for each in everybody:
            await get_until_stored(each, path)
        told = await getattr(reader, write)(f"{path}/like")
        assert told.json() == {"liked": write == "post", "like_count": expected}
        for each in everybody:
            assert (await each.read(path))["like_count"] == expected


async def test_signing_out_ends_what_was_stored_for_the_session(site):
    visitor = await site.visitor("u1")
    kept = dict(visitor.cookies)
    for path in ("/api/preferences", "/api/featured", "/api/characters/1"):
        await get_until_stored(visitor, path)
    await visitor.post("/api/auth/logout")

    thief = await site.visitor()
    thief.cookies.update(kept)
    assert (await thief.get("/api/preferences")).status_code == 401
    assert not (await thief.read("/api/featured"))["is_personal"]
    assert (await thief.read("/api/characters/1"))["liked"] is None


async def test_nothing_is_stored_for_a_session_that_is_about_to_end(site):
    visitor = await site.visitor("u1")
    ends = site.now + SESSION_LASTS
    site.now = ends - timedelta(minutes=1)
    for _ in range(3):
        answer = await visitor.get("/api/preferences")
        assert answer.status_code == 200
        assert not from_stored(answer)
    site.now = ends
    assert (await visitor.get("/api/preferences")).status_code == 401


async def test_every_write_is_seen_at_once_through_stored_responses_of_two_apps(open_site, store):
    async with open_site(cache_url=store) as one, open_site(cache_url=store) as two:
        writer = await one.visitor("u1")
        readers = [await one.visitor(), await two.visitor()]
        made = await writer.own_character(name="First", tags=["zqtag"])
        path = f"/api/characters/{made['id']}"
        newest = "/api/characters?mode=newest&page_size=5"
        searched = "/api/characters?q=zqword"

        async def both(path):
            """What both apps answer, from stored responses by the time this returns."""
            found = [await reader.read(path) for reader in readers]
            for reader in readers:
                await get_until_stored(reader, path)
            assert found[0] == found[1]
            return found[0]

        assert (await both(path))["name"] == "First"
        assert (await both(newest))["items"][0]["name"] == "First"
        assert (await both(searched))["total"] == 0
        etag = (await readers[1].get(path)).headers["ETag"]

        for version, name in enumerate(("Zqword one", "Zqword two", "Zqword three"), 1):
            changed = await writer.patch(path, json={"version": version, "name": name})
            assert changed.headers["Cache-Invalidation"] == "done"
            assert (await both(path))["name"] == name
            assert (await both(newest))["items"][0]["name"] == name
            assert (await both(searched))["total"] == 1
        stale = await readers[1].get(path, headers={"If-None-Match": etag})
        assert stale.status_code == 200

        images = f"{path}/images"
        assert (await both(images))["items"] == []
        added = await writer.post(images, files=photograph())
        assert added.status_code == 201
        assert [each["id"] for each in (await both(images))["items"]] == [added.json()["id"]]
        pictures = [await get_until_stored(r, added.json()["url_160"]) for r in readers]
        assert pictures[0].content == pictures[1].content

        assert (await writer.delete(f"{images}/{added.json()['id']}")).status_code == 204
        assert (await both(images))["items"] == []
        for reader in readers:
            assert (await reader.get(added.json()["url_160"])).status_code == 404

        assert (await writer.delete(path)).status_code == 204
        for reader in readers:
            assert (await reader.get(path)).status_code == 404
        assert made["id"] not in [each["id"] for each in (await both(newest))["items"]]


async def test_stored_response_of_one_app_answers_in_the_other(open_site, store):
    async with open_site(cache_url=store) as one, open_site(cache_url=store) as two:
        first, second = await one.visitor(), await two.visitor()
        for path in [*SHARED_PATHS, *OWN_PATHS, await portrait_address(first)]:
            await get_until_stored(first, path)
            assert from_stored(await second.get(path))


async def test_picture_is_served_whole_in_part_and_by_its_head(site):
    visitor = await site.visitor()
    address = await portrait_address(visitor)
    before = await visitor.head(address)
    first, second = await visitor.get(address), await visitor.get(address)
    data = first.content

    assert before.status_code == first.status_code == 200
    assert from_stored(second)
    assert second.content == data
    assert second.headers["Cache-Control"] == IMMUTABLE
    part = await visitor.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    last = await visitor.get(address, headers={"Range": "bytes=-5"})
    assert (last.status_code, last.content) == (206, data[-5:])
    beyond = await visitor.get(address, headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416
    head = await visitor.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(data))
    for answer in (part, last, head):
        assert from_stored(answer)
    unchanged = await visitor.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.parametrize("path", ["/api/characters/1", "/", "/docs", "/static/icon.svg"])
async def test_head_is_get_without_its_content(site, path):
    visitor = await site.visitor()
    await visitor.get(path)  # so that a page says the same position twice
    head, got = await visitor.head(path), await visitor.get(path)
    assert (head.status_code, head.content) == (200, b"")
    # A page is sent compressed, so its length is not that of what it unpacks to.
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert (await visitor.head("/api/characters/999999")).status_code == 404


@pytest.mark.parametrize("fault", ["refuse", "freeze"])
async def test_stored_responses_are_not_served_unproven(open_site, store, fault):
    """A store that goes away leaves two apps answering, and what one writes is what it reads."""
    with FaultProxy(store) as faulty:
        async with open_site(cache_url=faulty.url) as site:
            visitor, stranger = await site.visitor("u1"), await site.visitor()
            made = await visitor.own_character(name="First")
            path = f"/api/characters/{made['id']}"
            for reader in (visitor, stranger):
                await get_until_stored(reader, path)
            address = await portrait_address(stranger)
            await get_until_stored(stranger, address)
            getattr(faulty, fault)()

            changed = await visitor.patch(path, json={"version": 1, "name": "Second"})
            assert changed.headers["Cache-Invalidation"] == "pending"
            for reader in (visitor, stranger):
                assert (await reader.read(path))["name"] == "Second"
            for each in [*SHARED_PATHS, *OWN_PATHS, "/api/preferences", address]:
                assert (await visitor.get(each)).status_code == 200


async def test_apps_converge_once_the_store_is_back(open_site, store):
    """Written while the store was away, by way of the outbox: ended in the other app, too.

    1. Both apps have the response stored.   2. One loses the store and commits a change.
    3. The store is back; the outbox ends it. 4. The other must not answer with the old one.
    """
    with FaultProxy(store) as faulty:
        async with open_site(cache_url=faulty.url) as one, open_site(cache_url=store) as two:
            writer, reader = await one.visitor("u1"), await two.visitor()
            made = await writer.own_character(name="First")
            path = f"/api/characters/{made['id']}"
            await get_until_stored(reader, path)
            faulty.refuse()
            changed = await writer.patch(path, json={"version": 1, "name": "Second"})
            assert changed.headers["Cache-Invalidation"] == "pending"
            faulty.pass_through()
            while (await one.cache.health()).pending_invalidations:
                await asyncio.sleep(0.01)
            assert (await reader.read(path))["name"] == "Second"


async def test_routes_declared_are_routes_of_the_app(site):
    """A pattern that matches no route of the app would keep nothing, silently."""
    served = {
        f"GET {path}" for path, methods in site.app.openapi()["paths"].items() if "get" in methods
    }
    assert served >= ROUTES.keys()


async def test_no_route_declared_shared_reads_who_asks(site):
    """What is stored for all is the same with a reader's cookies as without."""
    visitor, stranger = await site.visitor("u1"), await site.visitor()
    for path in SHARED_PATHS:
        await site.cache.clear()
        mine = await visitor.get(path)
        await site.cache.clear()
        assert mine.content == (await stranger.get(path)).content
        assert "Cookie" not in mine.headers.get("Vary", "")
    shared = [p for p, policy in ROUTES.items() if isinstance(policy, Shared)]
    assert len(shared) == 5
    assert all(policy.cookies for policy in ROUTES.values() if isinstance(policy, PerUser))


async def test_no_route_is_shared_more_widely_than_its_handler_reads(site):
    """Of what is declared, and of what says `public` without being declared."""
    visitor = await site.visitor("u1")
    mine = (await visitor.own_character())["id"]
    for path in [
        *SHARED_PATHS,
        *OWN_PATHS,
        f"/api/characters/{mine}",
        "/api/preferences",
        await portrait_address(visitor),
    ]:
        await visitor.get(path, headers={"Cache-Control": "no-cache"})

    report = reported(site.cache)

    assert report.findings == ()
    assert report.unseen == ()
