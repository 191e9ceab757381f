"""What the server writes of a page: the same as React makes, from cards cached one by one."""

import json
import re

import pytest
import written

from gallery.data.values import Mode
from gallery.web import markup, pages
from gallery.web.frontend import Frontend
from keepwarm import Overloaded


def test_written_pages_are_those_that_the_front_end_is_held_to():
    """web/gallery/tests/written.test.tsx compares React's pages with the same file."""
    told = json.loads(written.FILE.read_text())
    assert written.cases() == told, "run python apps/gallery/tests/written.py, if meant"


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0"),
        (999, "999"),
        (1000, "1K"),
        (1099, "1K"),
        (1100, "1.1K"),
        (9999, "9.9K"),
        (10_999, "10K"),
        (999_999, "999K"),
        (1_000_000, "1M"),
        (1_290_000, "1.2M"),
    ],
)
def test_counts_are_cut_and_never_larger_than_they_are(number, text):
    assert markup.count(number) == text


def test_what_no_list_can_be_asked_is_left_out():
    asked = pages.asked_of(
        {"mode": "best", "page": "-1", "q": "  ", "species": " elf "}, Mode.NEWEST
    )
    assert (asked.mode, asked.page, asked.narrowed) == (Mode.NEWEST, 0, {"species": "elf"})


async def first_of(visitor, address):
    """The data in a page."""
    page = await visitor.get(address)
    assert page.status_code == 200
    found = re.search(r'<script type="application/json" id="first">(.*?)</script>', page.text)
    assert found is not None
    return json.loads(found[1])


async def test_page_brings_the_list_that_the_api_gives(site):
    visitor = await site.visitor()
    first = await first_of(visitor, "/?mode=newest&page=1")
    told = await visitor.read("/api/characters", mode="newest", page=1)
    assert first["list"] == told
    assert first["facets"] == await visitor.read("/api/facets")
    assert first["me"] == {"user": None}


async def test_page_of_a_character_brings_all_that_it_shows(site):
    visitor = await site.visitor("u1")
    first = await first_of(visitor, "/characters/5")
    assert first["character"] == await visitor.read("/api/characters/5")
    assert first["similar"] == await visitor.read("/api/characters/5/similar")
    assert first["images"] == await visitor.read("/api/characters/5/images")
    assert first["me"]["user"]["username"] == "u1"


@pytest.mark.parametrize(
    "address, part",
    [("/", "listing"), ("/featured", "featured"), ("/characters/5", "character")],
)
async def test_while_too_much_is_computed_the_page_comes_without_its_first_screen(
    site, address, part, monkeypatch
):
    """The front end then asks the API, and says what it is told, until it is there."""
    visitor = await site.visitor()

    async def crowded(*_):
        raise Overloaded("list", 1.0)

    monkeypatch.setattr(site.app.state.parts.reads, part, crowded)
    page = await visitor.get(address)

    assert page.status_code == 503
    assert '<div id="root"></div>' in page.text
    found = re.search(r'<script type="application/json" id="first">(.*?)</script>', page.text)
    assert json.loads(found[1]) == {"me": {"user": None}, "is_written": False}
    monkeypatch.undo()
    assert (await visitor.get(address)).status_code == 200


async def test_edited_card_is_written_anew_and_the_others_stay(site):
    """One tag ends one card: a page costs the one that changed, not all of its cards."""
    visitor = await site.visitor("u1")
    made = await visitor.own_character(name="Before")
    page = "/?mode=newest"
    assert "Before" in (await visitor.get(page)).text
    filled = []
    reads = site.app.state.parts.reads
    origin = reads._origin
    cards = origin.cards

    async def counted(ids):
        filled.extend(ids)
        return await cards(ids)

    origin.cards = counted
    await visitor.patch(
        f"/api/characters/{made['id']}", json={"version": made["version"], "name": "After"}
    )
    html = (await visitor.get(page)).text
    assert "After" in html
    assert "Before" not in html
    assert filled == [made["id"]]


async def test_names_cannot_be_markup_nor_end_the_data(site):
    visitor = await site.visitor("u1")
    name = "</script><script>alert(1)</script>"
    made = await visitor.own_character(name=name, description="<b>Bold.</b> As ever.")
    for address in ("/?mode=newest", f"/characters/{made['id']}"):
        page = await visitor.get(address)
        assert "<script>alert" not in page.text
        assert "<b>Bold" not in page.text
    assert (await first_of(visitor, "/?mode=newest"))["list"]["items"][0]["name"] == name


async def test_page_is_for_its_reader_alone(site):
    visitor = await site.visitor("u1")
    page = await visitor.get("/?mode=trending")
    assert page.headers["Cache-Control"] == "private, no-cache"
    assert "u1" in page.text
    assert (
        ">u1<"
        not in (await (await site.visitor()).get("/?mode=trending")).text.partition("<main")[0]
    )


async def test_preferred_list_is_what_a_reader_opens_with(site):
    visitor = await site.visitor("u1")
    await visitor.put("/api/preferences", json={"sort": "newest"})
    assert (await first_of(visitor, "/"))["list"]["mode"] == "newest"
    await visitor.put("/api/preferences", json={"sort": "featured"})
    assert (await first_of(visitor, "/"))["featured"]["is_personal"] is True


async def test_missing_character_is_not_found_as_a_page(site):
    visitor = await site.visitor()
    for address in ("/characters/999999", f"/characters/{10**30}"):
        page = await visitor.get(address)
        assert page.status_code == 404
        assert page.headers["Content-Type"].startswith("text/html")


async def test_chosen_theme_is_in_the_page(site):
    visitor = await site.visitor()
    for told, written_as in (("dark", ' data-theme="dark"'), ('"><b>', "")):
        page = await visitor.get("/", headers={"Cookie": f"gallery_theme={told}"})
        assert page.text.startswith(f'<!doctype html><html lang="en"{written_as}>')


BUILT = {
    "manifest.json": json.dumps(
        {
            "src/main.tsx": {"file": "main-1.js", "isEntry": True},
            "src/pages/character.tsx": {
                "file": "character-1.js",
                "imports": ["src/main.tsx", "_images"],
            },
            "_images": {"file": "images-1.js"},
            "style.css": {"file": "style-1.css"},
        }
    ),
    "main-1.js": "main",
    "main-1.js.br": "brotli",
    "main-1.js.gz": "gzip",
    "character-1.js": "character",
    "images-1.js": "images",
    "style-1.css": "body{color:red}",
}


@pytest.fixture
def built(tmp_path):
    folder = tmp_path / "built"
    folder.mkdir()
    for name, text in BUILT.items():
        (folder / name).write_text(text)
    return Frontend.load(folder)


def test_front_end_is_what_the_manifest_says(built):
    assert built.script == "/assets/main-1.js"
    assert built.sheet == "body{color:red}"
    assert built.needed("src/pages/character.tsx") == [
        "/assets/character-1.js",
        "/assets/images-1.js",
    ]


@pytest.mark.parametrize(
    "accepted, coding, data",
    [
        ("gzip, deflate, br", "br", b"brotli"),
        ("gzip;q=0.5", "gzip", b"gzip"),
        ("identity", None, b"main"),
        ("", None, b"main"),
    ],
)
def test_assets_come_in_the_smallest_form_that_is_taken(built, accepted, coding, data):
    assert built.assets["main-1.js"].for_client(accepted) == (coding, data)


async def test_page_with_a_front_end_names_its_script_and_allows_its_sheet(site, built):
    site.app.state.frontend = built
    visitor = await site.visitor()
    page = await visitor.get("/")
    assert 'import("/assets/main-1.js")' in page.text
    assert built.starter_hash in page.headers["Content-Security-Policy"]
    plain = await visitor.get("/sign-in")
    assert '<script type="module" src="/assets/main-1.js"></script>' in plain.text
    assert "<style>body{color:red}</style>" in page.text
    assert built.sheet_hash in page.headers["Content-Security-Policy"]
    script = await visitor.get("/assets/main-1.js", headers={"Accept-Encoding": "br"})
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Encoding"] == "br"
    assert (await visitor.get("/assets/none.js")).status_code == 404


async def test_page_without_a_front_end_can_be_read(site):
    site.app.state.frontend = Frontend(None, "", {}, {})
    page = await (await site.visitor()).get("/?mode=newest")
    assert "make web" in page.text
    assert page.text.count("<li class=") == 24
