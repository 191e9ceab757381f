"""Likes in a real browser: at once, true everywhere, and taken back when refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from stage import Stage, Visit

pytestmark = [pytest.mark.more, pytest.mark.timeout(300)]


def number_in(shown: Locator) -> int:
    found = re.search(r"\d+", shown.inner_text())
    assert found, "no number is shown"
    return int(found[0])


def test_stranger_is_asked_to_sign_in_for_a_like_and_comes_back(visitor: Visit) -> None:
    page = visitor.page
    visitor.goes("/characters/9")
    visitor.is_ready()
    page.get_by_role("link", name=re.compile("Like")).click()
    page.get_by_text("Each person’s like counts once").wait_for()
    page.get_by_label("Name").fill("u8")
    page.get_by_label("Password").fill("demo-gallery")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/characters/9")
    like = page.get_by_role("button", name=re.compile("Like"))
    was = like.get_attribute("aria-pressed")
    with page.expect_response("**/like") as answer:
        like.click()
    assert answer.value.ok
    assert like.get_attribute("aria-pressed") != was
    page.reload()
    assert like.get_attribute("aria-pressed") != was
    page.go_back()
    assert not page.url.endswith("/characters/9"), "it is twice in the history"


def test_like_moves_the_number_beside_it_and_in_every_window(stage: Stage, visit: Visit) -> None:
    """It must not come back with what was counted before, as it did: not live, not on reload."""
    page = visit.page
    visit.signs_in()
    path = "/characters/13"
    visit.goes(path)
    like = page.get_by_role("button", name=re.compile("Like"))
    like.wait_for()
    if like.get_attribute("aria-pressed") == "true":
        like.click()
        page.wait_for_selector("[aria-pressed=false]")
        visit.settles()
    with stage.visit() as other:
        other.goes(path)
        other.page.wait_for_function("() => document.documentElement.dataset.live === 'open'")
        theirs = other.page.get_by_role("link", name=re.compile("Like"))
        before = number_in(theirs)
        assert before == number_in(like)
        assert before < 999, "small enough to be written out"
        like.click()
        other.page.wait_for_function(
            "n => [...document.querySelectorAll('a.button')]"
            ".some(a => a.innerText.includes('Like') && a.innerText.includes(n))",
            arg=str(before + 1),
        )
    for _ in range(3):
        visit.settles()
        page.wait_for_timeout(300)
        assert number_in(like) == before + 1
        page.reload()
    like.click()
    page.wait_for_selector("[aria-pressed=false]")
    visit.settles()
    assert number_in(like) == before


def test_what_is_read_meanwhile_does_not_undo_a_like_on_its_way(stage: Stage, visit: Visit) -> None:
    """1. Our like is on its way.  2. Another's makes this page read the character, and what it
    is told is from before ours.  3. Ours arrives."""
    page = visit.page
    visit.signs_in()
    visit.goes("/characters/15")
    like = page.get_by_role("button", name=re.compile("Like"))
    like.wait_for()
    page.wait_for_function("() => document.documentElement.dataset.live === 'open'")
    was = like.get_attribute("aria-pressed")
    held: list[Any] = []
    page.route("**/like", lambda route: held.append(route))
    like.click()
    with stage.visit() as other:
        other.signs_in("u11")
        other.goes("/characters/15")
        with page.expect_response("**/api/characters/15"):
            other.page.get_by_role("button", name=re.compile("Like")).click()
    for _ in range(10):
        page.wait_for_timeout(25)
        assert like.get_attribute("aria-pressed") != was
    with page.expect_response("**/like"):
        held[0].continue_()
    for _ in range(10):
        page.wait_for_timeout(25)
        assert like.get_attribute("aria-pressed") != was


def test_like_is_counted_in_the_list_that_one_goes_back_to(visit: Visit) -> None:
    page = visit.page
    visit.signs_in()
    visit.goes("/?mode=newest")
    card = page.locator("main li").nth(2)
    name = card.locator("h2").inner_text()

    def told() -> int:
        found = page.locator("main li", has=page.get_by_role("heading", name=name, exact=True))
        return number_in(found.locator(".cards-likes"))

    before = told()
    card.locator("a").first.click()
    like = page.get_by_role("button", name=re.compile("Like"))
    like.wait_for()
    by = -1 if like.get_attribute("aria-pressed") == "true" else 1
    with page.expect_response("**/like"):
        like.click()
    page.go_back()
    page.get_by_role("heading", level=1, name="Newest").wait_for()
    assert told() == before + by
    for _ in range(2):
        visit.settles()
        assert told() == before + by
        page.reload()


def test_like_shows_at_once_and_is_taken_back_when_refused(visit: Visit) -> None:
    page = visit.page
    visit.signs_in()
    visit.goes("/characters/11")
    like = page.get_by_role("button", name=re.compile("Like"))
    like.wait_for()
    before = like.inner_text()
    page.route("**/like", lambda route: held.append(route))
    held: list = []
    like.click()
    page.wait_for_function(
        "b => document.querySelector('[aria-pressed]').innerText !== b", arg=before
    )
    assert like.inner_text() != before, "it shows before any answer"
    while not held:
        page.wait_for_timeout(20)
    held[0].fulfill(
        status=503,
        json={"error": {"code": "busy", "message": "Too busy.", "hint": "Try again shortly."}},
    )
    page.get_by_role("alert").get_by_text("Too busy. Try again shortly.").wait_for()
    assert like.inner_text() == before
    # The browser itself notes every 503; that one was ours.
    visit.complaints[:] = [each for each in visit.complaints if "503" not in each]
