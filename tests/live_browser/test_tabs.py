"""One connection serves all tabs of a browser, and outlives each of them."""

import time

import pytest

from .figures import Figures
from .stage import Stage, Tabs, until
from .test_freshness import fresh_name

pytestmark = [pytest.mark.more, pytest.mark.timeout(120)]

TABS = 8
FAILOVER_S = 2.0


async def test_eight_tabs_hold_one_connection(stage: Stage, tabs: Tabs, figures: Figures) -> None:
    """And each of them shows what was written."""
    item = fresh_name()
    for _ in range(TABS):
        await tabs.tab(items=item)
    for tab in tabs.open:
        await tab.is_open()
        assert await tab.shows(item, 0)
    await stage.far.write(item, 7)
    for tab in tabs.open:
        assert await tab.shows(item, 7)
    count = len(tabs.connections())
    figures.take(f"connections of {TABS} tabs", str(count), "1")
    assert count == 1


async def test_another_tab_takes_over(stage: Stage, tabs: Tabs, figures: Figures) -> None:
    """When the tab that holds the connection is closed, time after time: nothing is missed."""
    item = fresh_name()
    for _ in range(TABS):
        await tabs.tab(items=item)
    for tab in tabs.open:
        await tab.is_open()
        assert await tab.shows(item, 0)
    took = []
    for value in range(1, TABS):
        [leader] = tabs.connections()
        tabs.open.remove(leader)
        began = time.monotonic()
        await leader.close()
        await stage.far.write(item, value)  # into the gap
        await until(lambda: any(tab.frames for tab in tabs.connections()))
        took.append(time.monotonic() - began)
        for tab in tabs.open:
            assert await tab.shows(item, value)
    figures.take("another tab takes over, slowest of 7", f"{max(took) * 1000:.0f} ms", "< 2 s")
    assert max(took) < FAILOVER_S


async def test_a_stuck_leader_is_deposed(stage: Stage, tabs: Tabs) -> None:
    """A tab whose scripts hang holds the lock, and says nothing to the others."""
    item = fresh_name()
    leader = await tabs.tab(silence_ms=1_500)
    await leader.is_open()
    follower = await tabs.tab(items=item, silence_ms=1_500)
    await follower.is_open()
    assert await follower.shows(item, 0)
    assert tabs.connections() == [leader]
    await leader.page.evaluate("setTimeout(() => { for (;;) {} })")
    await stage.far.write(item, 7)
    assert await follower.shows(item, 7, within_s=15)
    assert follower in tabs.connections()


async def test_a_tab_in_the_back_forward_cache_holds_nothing(stage: Stage, tabs: Tabs) -> None:
    """It lets the connection go, and catches up when it is shown again."""
    item = fresh_name()
    leader = await tabs.tab(items=item)
    await leader.is_open()
    follower = await tabs.tab(items=item)
    for tab in tabs.open:
        assert await tab.shows(item, 0)
    # Playwright's Chromium keeps no pages, so the events come without the cache.
    await leader.page.evaluate(EVENT, "pagehide")
    await until(lambda: tabs.connections() == [follower])
    await stage.far.write(item, 7)
    assert await follower.shows(item, 7)
    assert not await leader.shows(item, 7, within_s=0.3)
    await leader.page.evaluate(EVENT, "pageshow")
    assert await leader.shows(item, 7)
    assert tabs.connections() == [follower]


async def test_what_a_tab_writes_is_read_by_all(stage: Stage, tabs: Tabs) -> None:
    """Its own reads come after it on any instance: they carry the acknowledgement's token."""
    item = fresh_name()
    for _ in range(2):
        await tabs.tab(items=item)
    for tab in tabs.open:
        await tab.is_open()
        assert await tab.shows(item, 0)
    writer = tabs.open[0]
    await writer.page.evaluate("([item, value]) => window.write(item, value)", [item, 7])
    for tab in tabs.open:
        assert await tab.shows(item, 7)
    first, written, again = [r for r in writer.requests if f"/api/items/{item}" in r.url]
    assert [first.method, written.method, again.method] == ["GET", "PUT", "GET"]
    assert "keepwarm-after" not in await first.all_headers()
    assert "keepwarm-after" in await again.all_headers()


async def test_a_session_that_ends_ends_the_stream(stage: Stage, tabs: Tabs) -> None:
    """No page asks again before somebody has signed in; then all of them catch up."""
    item = fresh_name()
    cookie = {"name": "until", "url": f"http://127.0.0.1:{stage.network.port}"}
    for _ in range(2):
        await tabs.tab(items=item)
    for tab in tabs.open:
        await tab.is_open()
        assert await tab.shows(item, 0)
    await tabs.context.add_cookies([cookie | {"value": str(time.time() + 1)}])
    await tabs.open[0].page.evaluate("window.reconnect()")
    for tab in tabs.open:
        await tab.page.wait_for_function("window.state === 'over'")
    assert tabs.connections() == []
    await stage.far.write(item, 7)
    # Whoever comes now asks each way once, and is refused.
    late = await tabs.tab()
    await late.page.wait_for_function("window.state === 'over'")
    await tabs.context.clear_cookies()
    await late.page.evaluate("window.reconnect()")
    for tab in tabs.open:
        await tab.is_open()
    assert len(tabs.connections()) == 1
    for tab in tabs.open[:2]:
        assert await tab.shows(item, 7)


EVENT = "(name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))"

HIDE = """
    let hidden = true;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    window.show = () => { hidden = false; document.dispatchEvent(new Event("visibilitychange")); };
"""


async def test_a_hidden_tab_fetches_when_it_is_looked_at(stage: Stage, tabs: Tabs) -> None:
    """Headless tabs are never hidden, so the page is told that it is."""
    item = fresh_name()
    seen = await tabs.tab(items=item)
    hidden = await tabs.tab(items=item, prepare=lambda page: page.add_init_script(HIDE))
    for tab in tabs.open:
        await tab.is_open()
        assert await tab.shows(item, 0)
    for value in range(1, 4):
        await stage.far.write(item, value)
        assert await seen.shows(item, value)
    assert hidden.asked_for(item) == 1
    await hidden.page.evaluate("window.show()")
    assert await hidden.shows(item, 3)
    assert hidden.asked_for(item) == 2


@pytest.mark.parametrize(
    "blocked", [["ws"], ["ws", "events"]], ids=["server-sent events", "long poll"]
)
async def test_where_web_sockets_do_not_pass(stage: Stage, tabs: Tabs, blocked: list[str]) -> None:
    """The next way is taken, and the page follows writes all the same."""

    async def block(page: object) -> None:
        await page.route_web_socket("**/live/ws*", lambda socket: socket.close())  # type: ignore[attr-defined]
        if "events" in blocked:
            await page.route("**/live/events*", lambda route: route.abort())  # type: ignore[attr-defined]

    item = fresh_name()
    tab = await tabs.tab(items=item, prepare=block)
    await tab.is_open()
    assert await tab.shows(item, 0)
    for value in range(1, 6):
        await stage.far.write(item, value)
        assert await tab.shows(item, value)
    way = "poll" if "events" in blocked else "events"
    assert any(f"/live/{way}" in request.url for request in tab.requests)
