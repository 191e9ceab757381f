"""What a response says of itself: what it depends on, and how new it is. Schedules of races.

The promise, in each of them: of a response that shows what was there before a change, the
browser that has heard of the change knows it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from asgi.stage import ask
from keepwarm import Cache, ConfigurationError, HTTPCache, LiveHeaders, Shared, fill
from keepwarm.asgi.report import CacheReport
from keepwarm.live.signs import MOST_LABELS
from keepwarm.stores.redis.server import EmbeddedServer
from live.stage import SECRET, Browser, Held, Site, Table, held, opened, position, websocket


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened() as site:
        yield site


async def told(site: Site, act: Callable[[], Any]) -> Browser:
    """A browser that listens while `act` goes on, and has heard one message of it."""
    socket = websocket(site.channel_app)
    browser = Browser()
    browser.heard(await socket.message())
    await act()
    browser.heard(await socket.message())
    await socket.close()
    return browser


async def test_a_response_is_out_of_date_once_its_row_is_invalidated(site: Site) -> None:
    before = await site.hold("/rows/5")
    browser = await told(site, lambda: site.table.write(5, 1))
    after = await site.hold("/rows/5")

    assert (before.value, browser.is_stale(before)) == (0, True)
    assert (after.value, browser.is_stale(after)) == (1, False)


async def test_an_unrelated_row_ends_nothing(site: Site) -> None:
    one = await site.hold("/rows/5")
    browser = await told(site, lambda: site.table.write(6, 1))

    assert not browser.is_stale(one)


async def test_a_hit_is_as_new_as_the_moment_it_is_answered(site: Site) -> None:
    """Else, after a reset, all that is cached would look out of date while it lives."""
    filled = await site.hold("/rows/5")
    await site.table.write(6, 1)
    hit = await site.hold("/rows/5")
    browser = await told(site, lambda: site.cache.invalidate_pattern("nothing:*"))

    assert filled.n < hit.n
    assert browser.is_stale(hit)
    assert not browser.is_stale(await site.hold("/rows/5"))
    assert site.table.reads == 1


async def test_a_row_that_a_pattern_ended_is_out_of_date(site: Site) -> None:
    before = await site.hold("/rows/5")
    site.table.rows[5] = 1
    browser = await told(site, lambda: site.cache.invalidate_pattern("row:*"))
    after = await site.hold("/rows/5")

    assert browser.is_stale(before)
    assert (after.value, browser.is_stale(after)) == (1, False)


async def test_a_key_is_a_dependency_too(site: Site) -> None:
    before = await site.hold("/rows/5")
    site.table.rows[5] = 1
    browser = await told(site, lambda: site.row.invalidate(5))

    assert browser.is_stale(before)
    assert not browser.is_stale(await site.hold("/rows/5"))


async def test_an_invalidation_between_the_read_and_the_response(site: Site) -> None:
    """1. origin reads 0   2. write of 1, acknowledged   3. the response begins"""
    writes: list[Browser] = []

    async def write() -> None:
        site.table.after_read = None
        writes.append(await told(site, lambda: site.table.write(5, 1)))

    site.table.after_read = write
    old = await site.hold("/rows/5")

    assert (old.value, writes[0].is_stale(old)) == (0, True)


async def test_a_response_held_back_after_its_hit_claims_no_more(site: Site) -> None:
    """1. a hit   2. the row is invalidated   3. only then the response begins"""
    await site.hold("/rows/5")
    browsers: list[Browser] = []

    @site.app.get("/slow/{number}")
    async def slow(number: int) -> int:
        found = await site.row(number)
        browsers.append(await told(site, lambda: site.table.write(number, 1)))
        return found

    old = await site.hold("/slow/5")

    assert (old.value, browsers[0].is_stale(old)) == (0, True)


async def test_who_joins_a_flight_claims_no_more_than_it(site: Site) -> None:
    """1. A fills, reads 0   2. B joins   3. write of 1   4. both get 0, and know it"""
    reading, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reading.set()
        await go.wait()

    site.table.after_read = wait
    first = asyncio.ensure_future(site.hold("/rows/5"))
    await reading.wait()
    second = asyncio.ensure_future(site.hold("/rows/5"))
    for _ in range(50):
        await asyncio.sleep(0)
    site.table.after_read = None
    browser = await told(site, lambda: site.table.write(5, 1))
    go.set()

    for old in (await first, await second):
        assert (old.value, browser.is_stale(old)) == (0, True)
    assert not browser.is_stale(await site.hold("/rows/5"))


async def test_tags_named_only_during_the_fill_count(site: Site) -> None:
    page = await site.hold("/pages/0/5")
    again = await site.hold("/pages/0/5")
    browser = await told(site, lambda: site.table.write(3, 1))

    assert browser.is_stale(page)
    assert browser.is_stale(again)
    assert not browser.is_stale(await site.hold("/pages/0/5"))


async def test_a_late_tag_that_was_invalidated_meanwhile(site: Site) -> None:
    """1. capture   2. row 3 is read   3. it is written   4. the fill is not stored, but told"""
    browsers: list[Browser] = []

    async def write() -> None:
        if site.table.reads == 4:
            site.table.after_read = None
            browsers.append(await told(site, lambda: site.table.write(3, 1)))

    await site.hold("/rows/3")
    site.table.reads = 0
    site.table.after_read = write
    old = await site.hold("/pages/0/5")

    assert (old.value[3], browsers[0].is_stale(old)) == (0, True)
    new = await site.hold("/pages/0/5")
    assert (new.value[3], browsers[0].is_stale(new)) == (1, False)


async def test_what_a_value_is_made_of_counts(site: Site) -> None:
    for _ in range(2):  # filled, then a hit
        total = await site.hold("/sums/0/4")
        browser = await told(site, lambda: site.table.write(2, site.table.rows[2] + 1))
        assert browser.is_stale(total)


async def test_what_an_unstorable_value_is_made_of_counts(site: Site) -> None:
    @site.cache("plain", key="skipped:{number}")
    async def skipped(number: int) -> int:
        found = await site.row(number)
        fill.skip()
        return found

    @site.cache("plain", key="around:{number}")
    async def around(number: int) -> int:
        return await skipped(number)

    @site.app.get("/around/{number}")
    async def get(number: int) -> int:
        return await around(number)

    old = await site.hold("/around/5")
    browser = await told(site, lambda: site.table.write(5, 1))
    new = await site.hold("/around/5")

    assert browser.is_stale(old)
    assert (new.value, browser.is_stale(new)) == (1, False)


async def test_a_value_served_while_it_is_refreshed_stays_out_of_date(site: Site) -> None:
    """A soft invalidation: what is served stale claims less, what is refreshed does not."""
    await site.hold("/rows/5")
    site.table.rows[5] = 1
    browser = await told(site, lambda: site.cache.invalidate("row:5", then="stale"))
    stale = await site.hold("/rows/5")
    while (fresh := await site.hold("/rows/5")).value == 0:
        assert browser.is_stale(fresh)
        await asyncio.sleep(0)

    assert (stale.value, browser.is_stale(stale)) == (0, True)
    assert not browser.is_stale(fresh)


async def test_what_is_read_beside_a_writer_is_told_when_he_leaves(site: Site) -> None:
    """1. enter   2. a page loads the old row, unproven   3. commit   4. leave: it is told"""
    async with site.cache.writing("row:5"):
        beside = await site.hold("/rows/5")
        site.table.rows[5] = 1
    browser = await told(site, lambda: site.table.write(9, 1))
    late = websocket(site.channel_app, after=_cursor(site, beside))
    browser.heard(await late.message())
    await late.close()

    assert (beside.value, browser.is_stale(beside)) == (0, True)
    after = await site.hold("/rows/5")
    assert (after.value, browser.is_stale(after)) == (1, False)


async def test_entering_is_not_told_and_leaving_is(site: Site) -> None:
    """A client that was told at the entry would fetch the old row, and hear no more."""
    before = await site.hold("/rows/5")
    socket = websocket(site.channel_app)
    browser = Browser()
    browser.heard(await socket.message())
    async with site.cache.writing("row:5"):
        site.table.rows[5] = 1
    browser.heard(await socket.message())
    await socket.close()

    assert browser.is_stale(before)
    assert not browser.is_stale(await site.hold("/rows/5"))


async def test_a_disabled_cache_depends_on_whatever_there_is(site: Site) -> None:
    site.cache.enabled = False
    old = await site.hold("/rows/5")
    browser = await told(site, lambda: site.table.write(5, 1))

    assert old.labels == {"*"}
    assert browser.is_stale(old)


async def test_a_long_list_is_said_to_depend_on_everything(site: Site) -> None:
    @site.app.get("/many")
    async def many() -> int:
        found = await site.cache.get_or_set(
            "many", lambda: 1, "plain", tags=[f"each:{n}" for n in range(MOST_LABELS + 1)]
        )
        assert isinstance(found, int)
        return found

    old = await site.hold("/many")
    browser = await told(site, lambda: site.cache.invalidate("each:7"))

    assert old.labels == {"*"}
    assert browser.is_stale(old)


async def test_a_response_without_cached_calls_takes_no_part(site: Site) -> None:
    answer = await site.get("/static")

    assert answer.get("keepwarm-position") is answer.get("keepwarm-tags") is None


async def test_a_collector_between_hides_nothing(site: Site) -> None:
    """`CacheReport` stands inside: what it is told, we must know when the response starts."""
    site.front = LiveHeaders(CacheReport(site.app), site.cache, secret=SECRET)
    one = await site.hold("/rows/5")
    browser = await told(site, lambda: site.table.write(5, 1))

    assert browser.is_stale(one)


async def test_what_an_app_says_itself_in_our_fields_is_dropped(site: Site) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        fields = [(b"Keepwarm-Position", b"x.9.y"), (b"keepwarm-tags", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"1"})

    answer = await ask(LiveHeaders(app, site.cache, secret=SECRET))

    assert answer.fields == []


# Writes.


async def test_a_write_says_what_it_invalidated_and_where(site: Site) -> None:
    before = await site.hold("/rows/5")
    answer = await site.put("/rows/5/1")
    said = held(answer)
    browser = Browser(said.incarnation, dict.fromkeys(said.labels, said.n))

    assert answer.get("keepwarm-invalidated") == "1"
    assert browser.is_stale(before)
    assert not browser.is_stale(await site.hold("/rows/5"))


async def test_a_write_that_invalidates_by_pattern_says_everything(site: Site) -> None:
    @site.app.put("/all")
    async def all_() -> int:
        await site.cache.invalidate("row:1")
        await site.cache.invalidate_pattern("row:*")
        return 1

    assert held(await site.put("/all")).labels == {"*"}


async def test_the_announced_write_of_a_request_is_said(site: Site) -> None:
    """It is left in a task of its own, which no cancellation takes along."""

    @site.app.put("/announced")
    async def announced() -> int:
        async with site.cache.writing("row:5"):
            site.table.rows[5] = 1
        return 1

    before = await site.hold("/rows/5")
    said = held(await site.put("/announced"))

    assert said.labels <= before.labels
    assert before.n < said.n


async def test_the_token_of_a_write_is_obeyed_when_it_comes_back(site: Site) -> None:
    seen: list[bool] = []

    @site.app.get("/asks")
    async def asks() -> int:
        from keepwarm.engine.context import must_ask

        seen.append(must_ask())
        return 1

    token = (await site.put("/rows/5/1")).get("keepwarm-token")
    await site.get("/asks")
    await site.get("/asks", keepwarm_after=token or "")

    assert seen == [False, True]


# The HTTP cache.


@pytest.fixture
async def fronted() -> AsyncIterator[Site]:
    """A site whose responses are kept, too."""
    async with opened() as site:
        kept = HTTPCache(
            site.app,
            site.cache,
            routes={
                "GET /rows/{number}": Shared(ttl="5m"),
                "GET /declared": Shared(ttl="5m", tags=["row:5"]),
            },
        )
        site.front = LiveHeaders(kept, site.cache, secret=SECRET)
        yield site


async def test_a_kept_response_depends_on_what_it_was_made_of(fronted: Site) -> None:
    filled, hit = await fronted.hold("/rows/5"), await fronted.hold("/rows/5")
    assert "; hit" in (await fronted.get("/rows/5")).told
    browser = await told(fronted, lambda: fronted.table.write(5, 1))
    new = await fronted.hold("/rows/5")

    assert filled.labels <= hit.labels
    assert browser.is_stale(filled)
    assert browser.is_stale(hit)
    assert (new.value, browser.is_stale(new)) == (1, False)


async def test_a_kept_response_is_as_new_as_the_moment_it_is_answered(fronted: Site) -> None:
    await fronted.hold("/rows/5")
    browser = await told(fronted, lambda: fronted.cache.invalidate_pattern("nothing:*"))
    answer = await fronted.get("/rows/5")

    assert answer.is_hit
    assert not browser.is_stale(held(answer))


async def test_a_kept_response_depends_on_the_tags_of_its_route(fronted: Site) -> None:
    @fronted.app.get("/declared")
    async def declared() -> int:
        return 1

    filled, hit = await fronted.hold("/declared"), await fronted.hold("/declared")
    browser = await told(fronted, lambda: fronted.table.write(5, 1))

    assert browser.is_stale(filled)
    assert browser.is_stale(hit)


async def test_a_revalidated_response_is_as_new_as_a_whole_one(fronted: Site) -> None:
    """A 304 updates what the browser holds, so it must say no less."""
    first = await fronted.get("/rows/5")
    hit = await fronted.get("/rows/5")
    tag = hit.get("etag") or first.get("etag")
    assert tag is not None
    await fronted.table.write(6, 1)
    same = await fronted.get("/rows/5", if_none_match=tag)

    assert same.status == 304
    assert held(first).n < position(same.get("keepwarm-position") or "")[1]
    assert same.get("keepwarm-tags") == hit.get("keepwarm-tags")


# Where the store is outside, and away.


async def test_a_row_read_while_the_store_is_away_is_known_to_be_unproven() -> None:
    """What it shows may be old, and it says so: any later word makes it out of date."""
    with EmbeddedServer() as server:
        async with opened(server.url, operation_timeout="200ms") as site:
            await site.hold("/rows/5")
            await _heard(site)
            server.stop()
            beside = await site.hold("/rows/5")
            assert beside.value == 0
            assert beside.labels >= {site.channel._signs.label(n) for n in _stamps(5)}
            browser = Browser(beside.incarnation, {next(iter(beside.labels)): beside.n + 2})
            assert browser.is_stale(beside)


def test_a_shared_cache_without_a_secret_is_refused() -> None:
    """Labels made by one process would mean nothing to what another tells."""
    cache = Cache("redis://127.0.0.1:1/0")

    with pytest.raises(ConfigurationError, match="secret"):
        LiveHeaders(lambda *_: None, cache)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigurationError, match="at least 16"):
        LiveHeaders(lambda *_: None, cache, secret="short")  # type: ignore[arg-type, return-value]


async def _heard(site: Site) -> None:
    while not site.channel._heard.epoch:
        await asyncio.sleep(0.01)


def _stamps(number: int) -> tuple[str, ...]:
    from keepwarm.core.stamps import stamp_of_key, stamp_of_tag

    return stamp_of_key(f"row:{number}"), stamp_of_tag(f"row:{number}")


def _cursor(site: Site, held: Held) -> str:
    """A cursor at what `held` claims, as its response gave it."""
    return site.channel._signs.position(site.channel.epoch, held.n)


__all__ = ["Table"]
