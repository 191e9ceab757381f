"""No page goes on showing what was written over, however the write and the fetch cross.

The page comes from one process of Gallery, the writes go to another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from gallery.data.seeding import DEMO_PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from stage import Stage, Visit

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

WRITES = 20
#: What is shown for as long as this after everything has settled is stale.
PATIENCE_MS = 5_000


class Writer:
    """Somebody who renames one character, on the other process."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        answer = client.post(
            "/api/auth/login", json={"username": "u6", "password": DEMO_PASSWORD}
        ).json()
        client.headers["X-CSRF-Token"] = answer["csrf_token"]
        wanted = {"name": "Name 0", "description": "Written often.", "tags": ["testing"]}
        wanted["attributes"] = {"species": "elf"}
        made = client.post("/api/characters", json=wanted)
        assert made.status_code == 201, made.text
        self._found = made.json()
        self._count = 0

    @property
    def id(self) -> int:
        return int(self._found["id"])

    def writes(self) -> str:
        """A new name, acknowledged."""
        self._count += 1
        name = f"Name {self._count}"
        answer = self._client.patch(
            f"/api/characters/{self.id}", json={"name": name, "version": self._found["version"]}
        )
        assert answer.status_code == 200, answer.text
        self._found = answer.json()
        return name


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    from stage import Stage

    with Stage(Path(tmp_path_factory.mktemp("gallery")), with_far=True) as ready:
        yield ready


@pytest.fixture
def writer(two: Stage) -> Iterator[Writer]:
    with two.api(two.far) as client:
        yield Writer(client)


@pytest.fixture
def visit(two: Stage) -> Iterator[Visit]:
    with two.visit() as visit:
        yield visit


def comes_to_show(page: Page, selector: str, text: str) -> bool:
    """Whether the page shows `text` soon, and without being asked."""
    try:
        page.wait_for_function(
            "([where, text]) => document.querySelector(where)?.textContent === text",
            arg=[selector, text],
            timeout=PATIENCE_MS,
        )
    except Exception as error:
        if "Timeout" in type(error).__name__:
            return False
        raise
    return True


def is_open(page: Page) -> None:
    """Return once the page hears of changes."""
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').length >= 0 && "
        "document.documentElement.dataset.live === 'open'"
    )


def test_write_during_the_first_load(visit: Visit, writer: Writer) -> None:
    stale = 0
    for _ in range(WRITES):
        visit.page.goto(f"/characters/{writer.id}", wait_until="commit")
        name = writer.writes()
        stale += not comes_to_show(visit.page, "main h1", name)
    assert stale == 0


def test_write_during_the_fetch_of_a_hovered_card(visit: Visit, writer: Writer) -> None:
    page = visit.page
    stale = 0
    for _ in range(WRITES):
        visit.goes("/?mode=newest")
        visit.is_ready()
        page.locator("main li h2 a").first.hover()
        page.wait_for_timeout(70)  # not for a condition: any moment of the fetch will do
        name = writer.writes()
        page.locator(f"main li a[href='/characters/{writer.id}']").click()
        stale += not comes_to_show(page, "main h1", name)
    assert stale == 0


def test_write_during_a_fetch_in_the_background(visit: Visit, writer: Writer) -> None:
    page = visit.page
    visit.goes(f"/characters/{writer.id}")
    is_open(page)
    stale = 0
    for _ in range(WRITES):
        writer.writes()  # what it hears of begins a fetch
        name = writer.writes()  # which this crosses
        stale += not comes_to_show(page, "main h1", name)
    assert stale == 0


def test_write_while_the_browser_is_offline(visit: Visit, writer: Writer) -> None:
    page = visit.page
    visit.goes(f"/characters/{writer.id}")
    is_open(page)
    stale = 0
    for _ in range(WRITES):
        visit.context.set_offline(True)
        name = writer.writes()
        visit.context.set_offline(False)
        stale += not comes_to_show(page, "main h1", name)
    assert stale == 0


def test_write_after_the_store_came_back(two: Stage, visit: Visit, writer: Writer) -> None:
    page = visit.page
    visit.goes(f"/characters/{writer.id}")
    is_open(page)
    stale = 0
    for _ in range(WRITES):
        two.network.drop_connections()
        name = writer.writes()
        stale += not comes_to_show(page, "main h1", name)
    assert stale == 0


def test_wall_follows_an_edit_at_once(visit: Visit, writer: Writer) -> None:
    """Two windows side by side: what is written in one is seen in the other."""
    page = visit.page
    visit.goes("/?mode=newest")
    is_open(page)
    took = []
    for _ in range(WRITES):
        began = time.monotonic()
        name = writer.writes()
        assert comes_to_show(page, f"main li a[href='/characters/{writer.id}']", name)
        took.append(1000 * (time.monotonic() - began))
    print(f"write to wall: median {sorted(took)[len(took) // 2]:.0f} ms")


def test_what_has_nothing_to_do_with_it_is_not_fetched(visit: Visit, writer: Writer) -> None:
    page = visit.page
    visit.goes(f"/characters/{writer.id}")
    is_open(page)
    page.wait_for_load_state("networkidle")
    visit.requests.clear()
    name = writer.writes()
    assert comes_to_show(page, "main h1", name)
    page.wait_for_load_state("networkidle")
    asked = {each.rpartition("/api/")[2] for each in visit.asked("/api/")}
    assert "facets" not in asked
    assert f"characters/{writer.id}/images" not in asked
