"""Pages as the server writes them, for the front end to compare with what React makes.

    python apps/gallery/tests/written.py

writes them anew into web/gallery/tests/written.json, after a change of the markup that was
made on both sides. Tests on both sides hold their own to that file.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from gallery.data.values import Mode, UserInfo
from gallery.origin import Facets
from gallery.web import markup, pages, shell
from gallery.web.frontend import Frontend
from gallery.web.markup_character import character_page
from gallery.web.shell import Page
from gallery.web.views import CardView, CharacterView, ImageView

FILE = Path(__file__).parents[3] / "web" / "gallery" / "tests" / "written.json"

FACETS = Facets(species=["elf", "orc"], tags=["magic", "<i>", 'a "b"'])
SIGNED_IN = {"id": 7, "username": "u7", "role": "user", "created_at": "2026-01-01T00:00:00Z"}

#: What each page is asked by, by whom, how many cards it has, and how many there are.
CASES: list[tuple[str, bool, int, int]] = [
    ("/", False, 24, 50_000),
    ("/", True, 3, 3),
    ("/?mode=newest&page=1", False, 14, 38),
    ("/?mode=all&species=elf&tag=gone&creator=u1&q=the+king", True, 1, 1),
    ("/?q=%3Cb%3Enobody%27s+%22name%22+%26", False, 0, 0),
    ("/?mode=newest&page=9", False, 0, 30),
    ("/featured", False, 5, 5),
    ("/featured", True, 0, 0),
]

#: Characters' pages: by whom, whether it is his, and how many images and similar ones there are.
CHARACTERS: list[tuple[bool, bool, int, int]] = [
    (False, False, 0, 0),
    (False, False, 2, 14),
    (True, False, 1, 3),
    (True, True, 3, 1),
]

NAMES = ["Wren", "Ada <script>", 'O\'Hara "the Bold" & Co', "Ünïcode ☂"]
LIKES = [0, 1, 999, 1000, 1249, 9999, 10_000, 34_567, 999_999, 1_000_000, 1_250_000]


def card(number: int) -> CardView:
    return msgspec.convert(
        {
            "id": number + 1,
            "name": NAMES[number % len(NAMES)],
            "creator": f"u{number}",
            "blurb": "Once.",
            "attributes": {"species": "elf"},
            "tags": ["magic"],
            "picture": f"{number:024x}",
            "tones": ["aabbcc", "112233", "ddeeff", "445566"],
            "version": 1,
            "like_count": LIKES[number % len(LIKES)],
            "view_count": 3,
            "created_at": "2026-01-01T00:00:00Z",
        },
        CardView,
    )


def case(address: str, is_signed_in: bool, count: int, total: int) -> dict[str, Any]:
    """One page: its address, its data, and what #root holds."""
    user = msgspec.convert(SIGNED_IN, UserInfo) if is_signed_in else None
    cards = [card(number) for number in range(count)]
    written = [markup.written(each) for each in cards]
    path, _, query = address.partition("?")
    first: dict[str, Any] = {"me": {"user": user}, "is_written": True}
    if path == "/featured":
        here, q = Mode.FEATURED, ""
        main = markup.featured_page(user, written)
        first["featured"] = {"is_personal": user is not None, "items": cards}
    else:
        asked = pages.asked_of(pages.query_of(query), Mode.TRENDING)
        here, q = asked.mode, asked.narrowed.get("q", "")
        main = markup.wall_page(asked, total, written, FACETS)
        first["facets"] = FACETS
        first["list"] = {
            "mode": asked.mode,
            "page": asked.page,
            "page_size": markup.PAGE_SIZE,
            "total": total,
            "has_more": False,
            "items": cards,
        }
    return told(address, user, here, main, q, first)


def told(
    address: str, user: UserInfo | None, here: Mode | None, main: str, q: str, first: dict[str, Any]
) -> dict[str, Any]:
    page = Page(
        title="", user=user, address=address, here=here, main=main, first="null", q=q, theme=None
    )
    found = re.search(
        r'<div id="root">(.*)</div><script type="application/json"',
        shell.document(page, Frontend(None, "", {}, {})),
        re.DOTALL,
    )
    assert found is not None
    return {"address": address, "first": json.loads(msgspec.json.encode(first)), "html": found[1]}


def character_case(
    is_signed_in: bool, is_own: bool, image_count: int, similar_count: int
) -> dict[str, Any]:
    """One character's page."""
    user = msgspec.convert(SIGNED_IN, UserInfo) if is_signed_in else None
    number = image_count  # so that names, likes and stories differ
    found = msgspec.convert(
        {
            "id": 5,
            "creator_id": 7 if is_own else 8,
            "creator": "u & 8",
            "name": NAMES[number % len(NAMES)],
            "description": "First <b>line</b>.\n\nSecond 'line'.",
            "attributes": {"species": "elf", "hair_colour": 'a "b" & c'} if number else {},
            "tags": ["magic", "<i>", "a/b c"][:number],
            "picture": "c" * 24,
            "tones": ["aabbcc", "112233", "ddeeff", "445566"],
            "version": 1,
            "like_count": LIKES[number + 1],
            "view_count": [1, 1234, 0, 2][number],
            "created_at": "2026-02-03T23:30:00Z",
            "updated_at": "2026-02-03T23:30:00Z",
            "liked": is_own if is_signed_in else None,
            "can_edit": is_own,
        },
        CharacterView,
    )
    images = [image(each) for each in range(image_count)]
    similar = [card(each) for each in range(similar_count)]
    first = {
        "me": {"user": user},
        "is_written": True,
        "character": found,
        "images": {"items": images},
        "similar": {"items": similar},
    }
    main = character_page(found, user, images, similar)
    return told("/characters/5", user, None, main, "", first)


def image(number: int) -> ImageView:
    return msgspec.convert(
        {
            "id": number + 1,
            "owner_id": 7 + number,
            "owner": f"u{number}",
            "character_id": 5,
            "kind": ["generated", "upload", "generated"][number],
            "digest": f"{number:024x}",
            "seed": None,
            "prompt": ["an 'old' <elf>", None, None][number],
            "width": 640,
            "height": 640,
            "created_at": "2026-01-01T00:00:00Z",
            "url_160": "a",
            "url_320": "b",
            "url_640": "c",
        },
        ImageView,
    )


def cases() -> list[dict[str, Any]]:
    return [*(case(*each) for each in CASES), *(character_case(*each) for each in CHARACTERS)]


if __name__ == "__main__":
    FILE.write_text(json.dumps(cases(), indent=1, ensure_ascii=False) + "\n")
