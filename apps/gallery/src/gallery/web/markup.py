"""What the server writes of a page, exactly as React would (web/gallery/src).

The browser takes these elements over as they stand, so that the first screen is there
before any script. `Written` is one card: its markup and its data, made once and cached under
`character:{id}`; a page is put together from them. Whoever changes a component changes this,
and tests/web/test_markup.py and the browser tests hold the two together.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import blake2b
from html import escape
from urllib.parse import urlencode

import msgspec

from gallery.data.values import Mode, UserInfo
from gallery.origin import Facets, PictureFormat, PictureKind
from gallery.web.views import WIDTHS, CardView, media_path

PAGE_SIZE = 24
FIRST_ROW = 4
FIRST_SCREENS = 12
WALL_SIZES = (
    "(min-width: 84rem) 19.4rem, (min-width: 60rem) calc((100vw - 6.25rem) / 4), "
    "(min-width: 40rem) calc((100vw - 5rem) / 3), calc((100vw - 2.9rem) / 2)"
)
ROW_SIZES = "(min-width: 40rem) 12rem, calc((100vw - 3rem) / 2)"
LARGE_SIZES = "(min-width: 60rem) 36rem, calc(100vw - 2rem)"

_LAZY = 'loading="lazy" decoding="async" fetchpriority="auto"'
_EAGER = 'loading="eager" decoding="auto" fetchpriority="high"'

COLLECTIONS = (
    (Mode.TRENDING, "Trending", "/?mode=trending"),
    (Mode.FEATURED, "Featured", "/featured"),
    (Mode.DISCOVER, "Discover", "/?mode=discover"),
    (Mode.NEWEST, "Newest", "/?mode=newest"),
    (Mode.ALL, "All", "/?mode=all"),
)
UNRESERVED = "!~*'()"  # what JavaScript's encodeURIComponent leaves as it is
TITLES = {mode: title for mode, title, _ in COLLECTIONS}
NARROWING = ("species", "tag", "creator", "q")


@dataclass(frozen=True, slots=True)
class Written:
    """One card, ready for any page: its markup in three parts, and its JSON.

    The picture is apart, because it depends on the place: in the first row it comes at
    once, and far below the first screen the script adds it when it is scrolled near.
    """

    before: str
    picture: str
    after: str
    data: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a wall's address asks for, as its reader wrote it."""

    mode: Mode
    page: int
    narrowed: dict[str, str]
    query: dict[str, str]

    def address(self, **changes: str | int | None) -> str:
        """The wall's address with `changes` applied; None takes a part away."""
        parts: dict[str, str] = dict(self.query)
        for name, value in changes.items():
            if value is None or value == "" or (name == "page" and value == 0):
                parts.pop(name, None)
            else:
                parts[name] = str(value)
        # As URLSearchParams writes it, which leaves other characters alone than Python does.
        text = urlencode(parts, safe="*").replace("~", "%7E")
        return f"/?{text}" if text else "/"


def count(number: int) -> str:
    """999, then 1.2K, 34K, 1.2M: cut, not rounded."""
    if number < 1000:
        return str(number)
    unit, letter = (1000, "K") if number < 1_000_000 else (1_000_000, "M")
    tenths = number * 10 // unit
    is_short = tenths >= 100 or tenths % 10 == 0
    return f"{tenths // 10}{letter}" if is_short else f"{tenths / 10:.1f}{letter}"


# A GIF of 8 x 8 pixels, a figure before a backdrop: what comes before its palette and after it.
_GIF = bytes.fromhex("47494638396108000800910000")
_FIGURE = bytes.fromhex("2c0000000008000800000211848f79c18121845b719e98861e676f5000003b")


def placeholder(tones: tuple[str, ...]) -> str:
    """The figure in the picture's own colours (rrggbb), as a data URI."""
    gif = _GIF + bytes.fromhex("".join(tones)) + _FIGURE
    return f"data:image/gif;base64,{b64encode(gif).decode()}"


def srcset(id: int, digest: str, format: PictureFormat, kind: PictureKind = "portrait") -> str:
    return ", ".join(f"{media_path(kind, id, digest, width, format)} {width}w" for width in WIDTHS)


def picture(
    kind: PictureKind, id: int, digest: str, sizes: str, alt: str, *, tones: tuple[str, ...] = ()
) -> str:
    """A picture that is fetched when it comes near, and what stands for it until then."""
    tiny = (
        f'<img class="portrait-tiny" src="{placeholder(tones)}" alt="" width="8" height="8">'
        if tones
        else ""
    )
    return (
        f"{tiny}<picture>"
        f'<source type="image/avif" srcset="{srcset(id, digest, "avif", kind)}" sizes="{sizes}">'
        f'<img class="portrait-picture" width="320" height="320" alt="{escape(alt)}" {_LAZY}'
        f' sizes="{sizes}" srcset="{srcset(id, digest, "webp", kind)}"'
        f' src="{media_path(kind, id, digest, 320)}"></picture>'
    )


def at_once(picture: str) -> str:
    """The same, asked for before all others."""
    return picture.replace(_LAZY, _EAGER, 1)


def portrait(
    kind: PictureKind,
    id: int,
    digest: str,
    sizes: str,
    alt: str,
    tones: tuple[str, ...] = (),
    *,
    is_first: bool = False,
) -> str:
    """A picture in its frame."""
    shown = picture(kind, id, digest, sizes, alt, tones=tones)
    return f'<span class="portrait-frame">{at_once(shown) if is_first else shown}</span>'


def likes_word(number: int) -> str:
    return "like" if number == 1 else "likes"


def written(card: CardView, *, sizes: str = WALL_SIZES, heading: str = "h2") -> Written:
    return Written(
        before='<li class="cards-card"><span class="portrait-frame">',
        picture=picture("portrait", card.id, card.picture, sizes, "", tones=card.tones),
        after=(
            f'</span><{heading} class="cards-name"><a href="/characters/{card.id}">'
            f"{escape(card.name)}</a></{heading}>"
            f'<p class="cards-caption"><span class="cards-creator">{escape(card.creator)}</span>'
            f'<span class="cards-likes">{count(card.like_count)}'
            f'<span class="unseen"> {likes_word(card.like_count)}</span></span></p></li>'
        ),
        data=msgspec.json.encode(card).decode(),
    )


def card_of_row(card: CardView, at: int) -> str:
    """A card in a row below the page's subject; `at` is its place."""
    made = written(card, sizes=ROW_SIZES, heading="h3")
    return "".join((made.before, "" if at >= FIRST_SCREENS else made.picture, made.after))


def _sample() -> str:
    """Changes with the markup, so that copies of an older one are never put into a page."""
    card = msgspec.convert(
        {
            "id": 1,
            "name": "a",
            "creator": "b",
            "blurb": "",
            "attributes": {},
            "tags": [],
            "picture": "c",
            "tones": ["111111", "222222", "333333", "444444"],
            "version": 1,
            "like_count": 1,
            "view_count": 1,
            "created_at": "2026-01-01T00:00:00Z",
        },
        CardView,
    )
    return blake2b(repr(written(card)).encode(), digest_size=6).hexdigest()


MARKUP_VERSION = _sample()


def wall(cards: list[Written]) -> str:
    """A list's cards; the first are asked for at once and before all others."""
    parts: list[str] = []
    for at, card in enumerate(cards):
        picture = "" if at >= FIRST_SCREENS else card.picture
        if at < FIRST_ROW:
            picture = at_once(picture)
        parts += (card.before, picture, card.after)
    return f'<ul class="cards-wall">{"".join(parts)}</ul>'


def title_of(asked: Asked) -> str:
    q = asked.narrowed.get("q")
    return f"“{q}”" if q else TITLES[asked.mode]


def wall_page(asked: Asked, total: int, cards: list[Written], facets: Facets) -> str:
    """What <main> holds for a page of a list."""
    found = wall(cards) if cards else _nobody(asked)
    return (
        f'<div class="wall-bar"><h1>{escape(title_of(asked))}</h1>'
        f'<p class="wall-total">{total:,} character{"" if total == 1 else "s"}</p>'
        f"{_narrowed(asked)}"
        f'<div class="wall-filters">{_select(asked, "species", "Any species", facets.species)}'
        f"{_select(asked, 'tag', 'Any tag', facets.tags)}{_clear(asked)}</div></div>"
        f'<div class="wall-found" aria-busy="false">{found}{_pages(asked, total)}</div>'
    )


def featured_page(user: UserInfo | None, cards: list[Written]) -> str:
    """What <main> holds for what is featured."""
    if user:
        title, told = "Featured for you", "From what you liked, and from "
        link = '<a href="/preferences">your preferences</a>'
    else:
        title, told = "Featured", "What many like just now. "
        link = '<a href="/sign-in?next=%2Ffeatured">Sign in to see it by your taste</a>'
    nothing = (
        '<div class="states-state"><h2>Nothing to feature yet</h2><div>'
        "<p>It takes a few likes. Look around and come back.</p></div></div>"
    )
    return (
        f'<div class="wall-bar"><h1>{title}</h1><p class="wall-total">{told}{link}</p></div>'
        f"{wall(cards) if cards else nothing}"
    )


def _narrowed(asked: Asked) -> str:
    words, creator = asked.narrowed.get("q"), asked.narrowed.get("creator")
    is_part = words and asked.mode is not Mode.ALL
    parts = [
        ("q", words and f"“{words}”", None),
        ("mode", is_part and f"Only in {TITLES[asked.mode]}", "all"),
        ("creator", creator and f"By {creator}", None),
    ]
    return "".join(
        f'<a class="button" href="{escape(asked.address(**{name: without, "page": None}))}"'
        f' aria-label="{escape(label)}: show without">{escape(label)} ×</a>'
        for name, label, without in parts
        if label
    )


def _select(asked: Asked, name: str, any: str, known: list[str]) -> str:
    chosen = asked.narrowed.get(name, "")
    options = known if not chosen or chosen in known else [chosen, *known]
    listed = "".join(
        f'<option value="{escape(each)}"{" selected" if each == chosen else ""}>'
        f"{escape(each)}</option>"
        for each in options
    )
    selected = "" if chosen else " selected"
    return (
        f'<select name="{name}" aria-label="{any}">'
        f'<option value=""{selected}>{any}</option>{listed}</select>'
    )


def _clear(asked: Asked) -> str:
    if not (asked.narrowed.get("species") or asked.narrowed.get("tag")):
        return ""
    href = escape(asked.address(species=None, tag=None, page=None))
    return f'<a class="button quiet" href="{href}">Clear</a>'


def _nobody(asked: Asked) -> str:
    if asked.page > 0:
        title, told = "The list ends before this page", "Somebody may have been removed."
        href, way = asked.address(page=None), "To the first page"
    else:
        title, told = "Nobody by that description", "Try fewer words or filters."
        href, way = f"/?mode={asked.mode}", "Show everybody"
    return (
        f'<div class="states-state"><h2>{title}</h2><div><p>{told}</p>'
        f'<p><a class="button" href="{escape(href)}">{way}</a></p></div></div>'
    )


def _pages(asked: Asked, total: int) -> str:
    pages = -(-total // PAGE_SIZE)
    if pages <= 1:
        return ""

    def turn(label: str, to: int, rel: str) -> str:
        if 0 <= to < pages:
            href = escape(asked.address(page=to))
            return f'<a class="button" rel="{rel}" href="{href}">{label}</a>'
        return f'<span class="wall-noPage" aria-hidden="true">{label}</span>'

    return (
        '<nav class="wall-pages" aria-label="Pages">'
        f"{turn('Previous', asked.page - 1, 'prev')}"
        f"<span>Page {asked.page + 1:,} of {pages:,}</span>"
        f"{turn('Next', asked.page + 1, 'next')}</nav>"
    )
