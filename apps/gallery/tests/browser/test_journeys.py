"""What people come for, in a real browser: find, make, change, take away.

Each journey must hold while the store is away, too; none may leave a word on the console.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stage import Stage, Visit

pytestmark = [pytest.mark.more, pytest.mark.timeout(300)]


def test_first_screen_asks_the_api_for_nothing(visit: Visit) -> None:
    visit.goes("/")
    visit.is_ready()
    visit.page.wait_for_load_state("networkidle")
    first = [each for each in visit.asked("/api/") if "page=1" not in each]  # the next page
    assert first == []
    assert visit.page.locator("main li h2").count() == 24


def test_pages_are_found_by_search_filters_and_turning(visitor: Visit) -> None:
    page = visitor.page
    visitor.goes("/")
    visitor.is_ready()
    name = page.locator("main li h2").nth(2).inner_text()
    page.get_by_role("searchbox", name="Search characters").fill(name)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name=name).wait_for()
    page.locator("main li h2", has_text=name).wait_for()
    assert "q=" in page.url

    page.get_by_role("link", name=re.compile("”: show without")).click()
    page.get_by_role("combobox", name="Any species").select_option("elf")
    page.wait_for_url("**species=elf**")
    page.get_by_role("link", name="All", exact=True).click()
    page.get_by_role("heading", level=1, name="All").wait_for()
    visitor.settles()
    before = page.locator("main li h2").first.inner_text()
    page.get_by_role("link", name="Next").click()
    page.get_by_text(re.compile("^Page 2 of")).wait_for()
    visitor.settles()
    assert page.locator("main li h2").first.inner_text() != before
    page.go_back()
    page.get_by_text(re.compile("^Page 1 of")).wait_for()
    visitor.settles()
    assert page.locator("main li h2").first.inner_text() == before


def test_nobody_is_found_by_nonsense_and_there_is_a_way_out(visit: Visit) -> None:
    visit.goes("/?q=xyzzy%2541%22%3C")
    visit.is_ready()
    assert visit.heading() == '“xyzzy%41"<”'
    visit.page.get_by_role("link", name="Show everybody").click()
    visit.page.locator("main li h2").first.wait_for()


def test_keyboard_finds_opens_and_signs_out_in_sight(visit: Visit) -> None:
    page = visit.page
    keys = page.keyboard
    visit.signs_in()
    visit.goes("/")
    focused = "document.activeElement"
    arrived = """() => document.activeElement.id === 'main'
        && [...document.querySelectorAll('main h1')]
            .some((heading) => getComputedStyle(heading).outlineStyle === 'solid')"""
    page.get_by_label("Search characters").focus()
    keys.type("moon")
    keys.press("Enter")
    page.wait_for_url("**mode=all**")
    page.wait_for_function(arrived)
    page.locator("main li a").first.wait_for()
    visit.settles()
    for _ in range(6):
        keys.press("Tab")
        if page.evaluate(f"{focused}.matches('main li a')"):
            break
    keys.press("Enter")
    page.wait_for_url("**/characters/*")
    page.wait_for_function(arrived)

    page.get_by_role("button", name="u7", exact=True).focus()
    keys.press("Enter")
    heights = [page.evaluate("scrollY")]
    named = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp"):
        keys.press(key)
        named.append(page.evaluate(f"{focused}.innerText"))
        heights.append(page.evaluate("scrollY"))
    assert named == ["My gallery", "Create a character", "My gallery", "Sign out"]
    assert len(set(heights)) == 1, "the page behind the menu moved"
    keys.press("Enter")
    page.get_by_role("status").get_by_text("Signed out.").wait_for()


def test_bar_of_figures_tells_of_the_page_on_show_and_of_no_other(visit: Visit) -> None:
    page = visit.page
    visit.goes("/?mode=newest")
    bar = page.locator("footer summary")
    bar.wait_for()
    visit.settles()  # the next page has been fetched ahead, which is slower
    first = bar.inner_text()
    assert "ms" in first
    page.locator("main li a").nth(3).focus()  # fetches that character ahead
    visit.settles()
    assert bar.inner_text() == first
    bar.click()
    told = page.locator("footer details").inner_text()
    assert "Answered from" in told
    assert bar.bounding_box()["y"] + bar.bounding_box()["height"] <= 800
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Sign in").wait_for()
    assert bar.count() == 0, "that page asked for nothing"


def test_new_character_without_what_it_needs_is_not_sent(visit: Visit) -> None:
    page = visit.page
    visit.signs_in()
    visit.goes("/new")
    assert page.get_by_text("required", exact=True).count() == 3
    page.get_by_label("Name").fill("   ")
    page.get_by_label("Story").fill(" \n ")
    page.get_by_label("Species").select_option("elf")
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.method))
    create = page.get_by_role("button", name="Create", exact=True)
    create.click()
    for label in ("Name", "Story"):
        field = page.get_by_label(label)
        told = field.evaluate("field => field.validationMessage")
        assert told == "Spaces alone say nothing."
        field.fill("Somebody")
    assert "POST" not in sent
    create.click()
    page.get_by_role("heading", level=1, name="Somebody").wait_for()


def test_search_says_what_it_is_limited_to_and_how_to_widen_it(visit: Visit) -> None:
    page = visit.page
    visit.goes("/?mode=trending&q=moon&species=elf&tag=lanterns")
    for chip in ("“moon”", "Only in Trending"):
        page.get_by_role("link", name=f"{chip}: show without").wait_for()
    clear = page.get_by_role("link", name="Clear")
    clear.click()
    clear.wait_for(state="detached")
    assert [page.get_by_label(f"Any {what}").input_value() for what in ("tag", "species")] == [
        ""
    ] * 2
    page.get_by_role("link", name="Only in Trending: show without").click()
    page.wait_for_url("**/?mode=all&q=moon")
    assert page.get_by_role("link", name=re.compile("^Only in")).count() == 0


def test_character_is_made_changed_and_deleted(visitor: Visit) -> None:
    page = visitor.page
    visitor.signs_in()
    page.get_by_role("link", name="Create").click()
    page.get_by_label("Name").fill("Wren of the Browser")
    page.get_by_label("Story").fill("Wren waited. Then Wren was read.")
    page.get_by_label("Tags").fill("testing, magic")
    page.get_by_label("Species").select_option("elf")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("heading", level=1, name="Wren of the Browser").wait_for()
    says = page.get_by_role("status")
    says.get_by_text("Created Wren of the Browser.").wait_for()

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name").fill("Wren Renamed")
    assert page.get_by_label("Species").input_value() == "elf"
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", level=1, name="Wren Renamed").wait_for()
    says.get_by_text("Saved Wren Renamed.").wait_for()
    page.get_by_role("link", name="Newest", exact=True).click()
    page.locator("main li h2", has_text="Wren Renamed").click()

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    page.get_by_role("heading", level=1, name="My gallery").wait_for()
    says.get_by_text("Deleted Wren Renamed.").wait_for()
    page.get_by_role("link", name="Newest", exact=True).click()
    page.get_by_role("heading", level=1, name="Newest").wait_for()
    visitor.settles()
    assert page.locator("main li h2", has_text="Wren Renamed").count() == 0


def has_made(visit: Visit, name: str, story: str) -> None:
    """Somebody signed in has created a character, and looks at it."""
    page = visit.page
    visit.signs_in()
    visit.goes("/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Story").fill(story)
    page.get_by_label("Species").select_option("orc")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("heading", level=1, name=name).wait_for()


def test_edit_of_what_somebody_else_changed_is_not_lost(stage: Stage, visit: Visit) -> None:
    page = visit.page
    has_made(visit, "Both", "Ours.")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Story").fill("Mine.")
    with stage.visit() as other:
        other.signs_in()
        other.goes(page.url)
        other.page.get_by_label("Story").fill("Theirs.")
        other.page.get_by_role("button", name="Save").click()
        other.page.get_by_text("Theirs.").wait_for()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Somebody else changed this character").wait_for()
    page.get_by_role("button", name="Save mine over it").click()
    page.get_by_role("heading", level=1, name="Both").wait_for()
    page.get_by_text("Mine.").wait_for()
    visit.complaints[:] = [each for each in visit.complaints if "409" not in each]


def test_edit_in_one_window_is_seen_in_the_other(stage: Stage, visit: Visit) -> None:
    page = visit.page
    has_made(visit, "Two Windows", "Once.")
    with stage.visit() as wall, stage.visit() as detail:
        wall.goes("/?mode=newest")
        detail.goes(page.url)
        for other in (wall, detail):
            other.page.wait_for_function("() => document.documentElement.dataset.live === 'open'")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Name").fill("Seen in Both")
        page.get_by_role("button", name="Save", exact=True).click()
        wall.page.locator("main li h2", has_text="Seen in Both").wait_for()
        detail.page.get_by_role("heading", level=1, name="Seen in Both").wait_for()

        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
        gone = wall.page.locator("main li h2", has_text="Seen in Both")
        gone.wait_for(state="detached")
        detail.page.get_by_role("heading", name="Not in the gallery").wait_for()
        assert wall.complaints == []
        # The browser itself notes the 404 of what is no more.
        assert [each for each in detail.complaints if "404" not in each] == []


def test_image_is_uploaded_and_deleted(visitor: Visit) -> None:
    from stage import a_picture

    page = visitor.page
    visitor.signs_in("u9")
    visitor.goes("/mine")
    page.locator("section", has_text="Upload an image").wait_for()
    images = page.get_by_role("button", name=re.compile("^Delete: "))
    page.wait_for_load_state("networkidle")
    before = images.count()
    with page.expect_response("**/images") as answer:
        page.locator("main input[type=file]").set_input_files(a_picture())
    assert answer.value.status == 201
    page.wait_for_function(
        "n => document.querySelectorAll('[aria-label^=\"Delete: \"]').length === n", arg=before + 1
    )
    images.first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    page.wait_for_function(
        "n => document.querySelectorAll('[aria-label^=\"Delete: \"]').length === n", arg=before
    )


def test_what_is_no_picture_is_refused_in_a_sentence(visit: Visit, tmp_path) -> None:
    page = visit.page
    visit.signs_in("u9")
    visit.goes("/mine")
    (tmp_path / "x.png").write_text("no picture")
    page.locator("main input[type=file]").set_input_files(tmp_path / "x.png")
    page.get_by_role("alert").get_by_text("This is not a JPEG, PNG or WebP picture.").wait_for()
    visit.complaints[:] = [each for each in visit.complaints if "415" not in each]


def test_picture_is_painted_while_one_watches(visitor: Visit) -> None:
    page = visitor.page
    visitor.signs_in("u10")
    visitor.goes("/paint")
    page.get_by_label("What should be in it?").fill("An old elf queen by the winter sea")
    page.get_by_role("button", name="Paint", exact=True).click()
    page.get_by_role("img", name="An old elf queen by the winter sea").wait_for()
    page.get_by_role("link", name="See it in your gallery").click()
    page.get_by_role("img", name="An old elf queen by the winter sea").first.wait_for()


def test_preferences_change_what_gallery_opens_with(visitor: Visit) -> None:
    page = visitor.page
    visitor.signs_in("u11")
    visitor.goes("/preferences")
    page.get_by_label("Open Gallery with").select_option("newest")
    page.get_by_label("Find a tag").fill("magic")
    page.locator("select[name='tag:magic']").select_option("much more")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Saved").wait_for()
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.get_by_role("heading", level=1, name="Newest").wait_for()
    page.get_by_role("link", name="Featured", exact=True).click()
    page.get_by_role("heading", level=1, name="Featured for you").wait_for()
    page.locator("main li h2").first.wait_for()


def test_newcomer_makes_an_account_and_leaves(visitor: Visit) -> None:
    page = visitor.page
    name = f"new-{time.monotonic_ns()}"
    visitor.goes("/mine")
    page.wait_for_url("**/sign-in?next=%2Fmine&for=page")
    page.get_by_role("button", name="New here? Make an account").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("a long enough one")
    page.get_by_role("main").get_by_role("button", name="Make an account").click()
    page.get_by_role("heading", level=1, name="My gallery").wait_for()
    page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()
    page.goto("/mine")
    page.wait_for_url("**/sign-in?next=%2Fmine&for=page")


def test_wrong_password_says_what_to_do(visit: Visit) -> None:
    page = visit.page
    visit.goes("/sign-in")
    page.get_by_label("Name").fill("u12")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("The name or the password is wrong.").wait_for()
    visit.complaints[:] = [each for each in visit.complaints if "401" not in each]


def test_everything_on_the_way_to_a_like_works_by_keyboard(visit: Visit) -> None:
    page = visit.page
    visit.signs_in("u13")
    visit.goes("/?mode=newest")
    visit.is_ready()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # past the skip link, in the page: the first filter
    assert page.evaluate("document.activeElement.name") == "species"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name=focused).wait_for()
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-pressed')"):
            break
    was = page.evaluate("document.activeElement.getAttribute('aria-pressed')")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "was => document.activeElement.getAttribute('aria-pressed') !== was", arg=was
    )


def test_focused_card_brings_its_page_before_it_is_asked_for(visit: Visit) -> None:
    page = visit.page
    visit.goes("/?mode=newest")
    visit.is_ready()
    card = page.locator("main li").nth(1)
    number = card.locator("a").get_attribute("href").split("/")[-1]
    with page.expect_response(f"**/api/characters/{number}"):
        card.hover()
    page.wait_for_load_state("networkidle")
    assert any(f"portrait-{number}-" in each for each in visit.asked("/media/"))
    visit.requests.clear()
    card.locator("a").click()
    page.locator("main article h1").wait_for()
    assert [each for each in visit.asked("/api/characters/") if not each.endswith("/view")] == []


def test_being_offline_is_told_and_what_is_there_stays(visit: Visit) -> None:
    page = visit.page
    visit.goes("/?mode=newest")
    visit.is_ready()
    visit.context.set_offline(True)
    page.get_by_text("You are offline.").wait_for()
    assert page.locator("main li h2").count() == 24
    visit.context.set_offline(False)
    page.get_by_text("You are offline.").wait_for(state="detached")
    visit.complaints.clear()  # the browser's own, of the requests it could not make


def test_how_fast_it_was_is_told_with_where_it_came_from(visit: Visit) -> None:
    visit.goes("/?mode=newest")
    visit.goes("/?mode=newest")
    told = visit.page.locator("footer details summary")
    told.wait_for()
    assert re.search(r"\d ms", told.inner_text())
    told.click()
    visit.page.get_by_text("Answered from").wait_for()


def test_chosen_theme_stays(visit: Visit) -> None:
    page = visit.page
    visit.goes("/")
    visit.is_ready()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    visit.goes("/characters/3")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_missing_character_is_told_and_not_only_to_people(visit: Visit) -> None:
    answer = visit.page.goto("/characters/999999")
    assert answer is not None
    assert answer.status == 404
    visit.page.get_by_role("heading", name="Not in the gallery").wait_for()
    visit.complaints[:] = [each for each in visit.complaints if "404" not in each]
