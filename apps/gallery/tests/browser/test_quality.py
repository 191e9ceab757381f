"""What every page must be: usable by everybody, quiet on the console, still while it loads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from stage import Stage

pytestmark = [pytest.mark.more, pytest.mark.timeout(400)]

#: A path, and whether its reader is signed in.
PAGES = [
    ("/", False),
    ("/?mode=newest&species=elf", False),
    ("/?q=nobodyatall", False),
    ("/characters/3", False),
    ("/sign-in", False),
    ("/docs", False),
    ("/featured", True),
    ("/characters/3", True),
    ("/mine", True),
    ("/new", True),
    ("/paint", True),
    ("/preferences", True),
]
SIZES = {"desktop": (1280, 800), "phone": (412, 823)}

MOST_SHIFT = 0.02
MOST_IMAGES = 15

WATCH_SHIFTS = """
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
            if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
AXE = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
    (each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join("; ")}`)"""


@pytest.fixture(scope="module")
def axe_source() -> str:
    from stage import axe

    return axe()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_are_usable_by_everybody(
    stage: Stage, axe_source: str, size: str, scheme: str
) -> None:
    """0 violations of axe on each page; nothing wider than the screen; no word on the console."""
    width, height = SIZES[size]
    found: list[str] = []
    with stage.visit(size={"width": width, "height": height}, scheme=scheme) as visit:
        visit.context.add_init_script(WATCH_SHIFTS)
        is_in = False
        for path, signed_in in PAGES:
            if signed_in and not is_in:
                visit.signs_in("u5")
                is_in = True
            visit.goes(path)
            visit.page.wait_for_load_state("networkidle")
            settled(visit.page)
            picture(visit.page, f"{size}-{scheme}{path}{'-in' if signed_in else ''}")
            visit.page.evaluate(axe_source)
            found += [f"{path}: {each}" for each in visit.page.evaluate(AXE)]
            if (over := visit.page.evaluate("document.documentElement.scrollWidth")) > width:
                found.append(f"{path}: {over} px wide")
            if (shift := visit.page.evaluate("window.shift")) > MOST_SHIFT:
                found.append(f"{path}: shifts by {shift:.3f}")
        found += visit.complaints
    assert not found, "\n".join(found)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", ["/", "/?mode=all&page=1", "/featured"])
def test_first_screen_asks_for_few_pictures(stage: Stage, size: str, path: str) -> None:
    width, height = SIZES[size]
    with stage.visit(size={"width": width, "height": height}) as visit:
        visit.goes(path)
        visit.is_ready()
        visit.page.wait_for_load_state("networkidle")
        asked = visit.asked("/media/")
        assert 0 < len(asked) <= MOST_IMAGES
        assert all(each.endswith(".avif") for each in asked)
        # And the others come when they are scrolled near.
        last = visit.page.locator("main li").last
        assert last.locator("picture").count() == 0
        last.scroll_into_view_if_needed()
        last.locator("picture img").wait_for()


@pytest.mark.parametrize("density, width", [(1, 320), (2, 640)])
def test_pictures_come_as_large_as_they_are_shown(stage: Stage, density: int, width: int) -> None:
    with stage.visit(device_scale_factor=density) as visit:
        visit.goes("/")
        visit.page.wait_for_load_state("networkidle")
        assert {each.rpartition("-")[2] for each in visit.asked("/media/")} == {f"{width}.avif"}


def test_first_row_comes_before_the_rest(stage: Stage) -> None:
    with stage.visit() as visit:
        visit.goes("/")
        images = visit.page.locator("main picture img")
        told = [
            (images.nth(at).get_attribute("loading"), images.nth(at).get_attribute("fetchpriority"))
            for at in range(6)
        ]
        assert told == [("eager", "high")] * 4 + [("lazy", "auto")] * 2


def settled(page: Page) -> None:
    """Every picture on the screen is there."""
    page.wait_for_function(
        """() => [...document.images].every((image) =>
            image.complete || image.getBoundingClientRect().top > innerHeight + 200)"""
    )


def picture(page: Page, name: str) -> None:
    """A screenshot for people to look at, if GALLERY_SCREENSHOTS names a folder."""
    if folder := os.environ.get("GALLERY_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        safe = "".join(c if c.isalnum() or c == "-" else "_" for c in name)
        page.screenshot(path=f"{folder}/{safe}.png")
