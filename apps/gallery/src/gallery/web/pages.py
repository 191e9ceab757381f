"""The pages themselves: the first screen's HTML and data, and the front end that takes over.

A page is made of cached parts at each request and is not cached as a whole: it differs by
reader, and putting it together costs about a millisecond. What is in it is as current as any
API answer, and it says so in the same fields. While too much is being computed the page comes
without its first screen, and the front end asks the API until it is there.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from gallery.data.values import Filters, Mode, PreferencesInfo, UserInfo
from gallery.web import markup, shell
from gallery.web.characters import in_full
from gallery.web.context import Parts, Reach, whoever_asks
from gallery.web.forms import LARGEST_ID, LAST_PAGE
from gallery.web.frontend import Frontend
from gallery.web.guards import page_policy
from gallery.web.markup import Asked, Written
from gallery.web.markup_character import character_page
from gallery.web.media import IMMUTABLE
from gallery.web.problems import not_found
from gallery.web.shell import Page
from gallery.web.views import ImagesView, card_views, image_view
from keepwarm import FillTimeout, Overloaded, collect

STATIC = Path(__file__).parent.parent / "static"
#: Where the live channel's middleware says what its fields would, of some outcomes.
LIVE = "keepwarm.live"
THEME_COOKIE = "gallery_theme"

router = APIRouter(include_in_schema=False)

#: Checked with the server each time: the page is small, and never older than the API.
_RECHECK = {"Cache-Control": "no-cache"}
_json = msgspec.json.Encoder()


@router.get("/")
async def home(request: Request, parts: Reach) -> Response:
    """A page of a list; without a word in the address the one its reader opens with."""
    user = await whoever_asks(request, parts)
    try:
        return await _home(request, parts, user)
    except (Overloaded, FillTimeout):
        return await _plain(request, parts, user, "Gallery", status=503)


async def _home(request: Request, parts: Parts, user: UserInfo | None) -> Response:
    preferences = await parts.reads.preferences(user.id) if user else None
    opens_with = preferences.sort if preferences else Mode.TRENDING
    if opens_with is Mode.FEATURED and not request.url.query:
        return await _featured(request, parts, user, preferences)
    asked = asked_of(query_of(request.url.query), opens_with)
    filters = Filters(**asked.narrowed)
    stamps = Stamps(request)
    with stamps.of("list"):
        listing = await parts.reads.listing(
            asked.mode, asked.page, markup.PAGE_SIZE, filters, user.id if user else None
        )
        cards = await _written(parts, listing.ids)
    with stamps.of("facets"):
        facets = await parts.reads.facets()
    first = {
        "stamps": stamps.found,
        "list": {
            "mode": asked.mode,
            "page": asked.page,
            "page_size": markup.PAGE_SIZE,
            "total": listing.total,
            "has_more": listing.has_more,
            "as_of": listing.as_of,
            "items": [msgspec.Raw(card.data.encode()) for card in cards],
        },
        "facets": facets,
    }
    page = Page(
        title=markup.title_of(asked),
        user=user,
        address=_address(request),
        here=asked.mode,
        main=markup.wall_page(asked, listing.total, cards, facets),
        first=_first(first, user, preferences, is_written=True),
        q=asked.narrowed.get("q", ""),
        theme=request.cookies.get(THEME_COOKIE),
    )
    return await _answer(request, page)


@router.get("/featured")
async def featured(request: Request, parts: Reach) -> Response:
    user = await whoever_asks(request, parts)
    try:
        preferences = await parts.reads.preferences(user.id) if user else None
        return await _featured(request, parts, user, preferences)
    except (Overloaded, FillTimeout):
        return await _plain(request, parts, user, "Featured", status=503)


async def _featured(
    request: Request, parts: Parts, user: UserInfo | None, preferences: PreferencesInfo | None
) -> Response:
    stamps = Stamps(request)
    with stamps.of("featured"):
        listing = await parts.reads.featured(user.id if user else None)
        cards = await _written(parts, listing.ids)
    first = {
        "stamps": stamps.found,
        "featured": {
            "is_personal": user is not None,
            "as_of": listing.as_of,
            "items": [msgspec.Raw(card.data.encode()) for card in cards],
        },
    }
    page = Page(
        title="Featured for you" if user else "Featured",
        user=user,
        address=_address(request),
        here=Mode.FEATURED,
        main=markup.featured_page(user, cards),
        first=_first(first, user, preferences, is_written=True),
        theme=request.cookies.get(THEME_COOKIE),
    )
    return await _answer(request, page)


@router.get("/characters/{character_id:int}")
async def character(character_id: int, request: Request, parts: Reach) -> Response:
    """A character in full, with its images and those like it."""
    user = await whoever_asks(request, parts)
    try:
        return await _character(character_id, request, parts, user)
    except (Overloaded, FillTimeout):
        return await _plain(request, parts, user, "Gallery", status=503)


async def _character(
    character_id: int, request: Request, parts: Parts, user: UserInfo | None
) -> Response:
    stamps = Stamps(request)
    with stamps.of("character"):
        found = await parts.reads.character(character_id) if character_id <= LARGEST_ID else None
        view = await in_full(parts, found, user) if found else None
    if found is None or view is None:
        return await _plain(request, parts, user, "Not in the gallery", status=404)
    with stamps.of("images"):
        images = await parts.reads.character_images(found.id)
    with stamps.of("similar"):
        similar = await parts.reads.similar(found.id)
        cards = await card_views(similar, parts.reads, parts.studio)
    shown = [image_view(each, parts.studio) for each in images]
    preferences = await parts.reads.preferences(user.id) if user else None
    first = {
        "stamps": stamps.found,
        "character": view,
        "similar": {"items": cards},
        "images": ImagesView(shown),
    }
    scripts = _frontend(request).needed("src/pages/character.tsx")
    page = Page(
        title=found.name,
        user=user,
        address=_address(request),
        here=None,
        main=character_page(view, user, shown, cards),
        first=_first(first, user, preferences, is_written=True),
        theme=request.cookies.get(THEME_COOKIE),
        # After the portrait, which the markup names.
        hints=[f'<link rel="modulepreload" href="{each}" fetchpriority="low">' for each in scripts],
    )
    return await _answer(request, page)


@router.get("/characters/{character_id:int}/edit")
@router.get("/new")
@router.get("/mine")
@router.get("/paint")
@router.get("/preferences")
@router.get("/sign-in")
async def by_script(request: Request, parts: Reach) -> Response:
    """A page that the front end makes by itself."""
    return await _plain(request, parts, await whoever_asks(request, parts), "Gallery")


@router.get("/docs")
async def docs() -> FileResponse:
    return FileResponse(STATIC / "docs.html", headers=_RECHECK)


@router.get("/favicon.ico")
async def icon() -> FileResponse:
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml", headers=_RECHECK)


@router.get("/assets/{name}")
async def asset(name: str, request: Request) -> Response:
    """A file of the built front end, in the smallest form that its reader takes."""
    found = _frontend(request).assets.get(name)
    if found is None:
        raise not_found("such file")
    coding, data = found.for_client(request.headers.get("accept-encoding", ""))
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    if coding:
        headers["Content-Encoding"] = coding
    return Response(data, media_type=found.media_type, headers=headers)


def install_pages(app: FastAPI, frontend: Frontend) -> None:
    app.state.frontend = frontend
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


class Stamps:
    """For each part of a page where it was read and what it depends on, as browsers are told.

    Empty where no live channel says so: the page then starts no stream.
    """

    def __init__(self, request: Request) -> None:
        self._told = request.scope.get(LIVE)
        self.found: dict[str, dict[str, str]] = {}

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """What is read inside makes up `part`."""
        with collect() as outcomes:
            yield
        told = self._told(outcomes) if self._told else None
        if told is not None:
            position, tags = told
            self.found[part] = {"position": position, "tags": tags}


def query_of(text: str) -> dict[str, str]:
    """The parts of a query; of one that comes twice the first, as in the browser."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, value)
    return found


def asked_of(query: Mapping[str, str], opens_with: Mode) -> Asked:
    """What a wall's query asks for; what cannot be is left out, as the front end does."""
    try:
        mode = Mode(query.get("mode", opens_with))
    except ValueError:
        mode = opens_with
    page = query.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 0
    narrowed = {name: query.get(name, "").strip() for name in markup.NARROWING}
    return Asked(
        mode=mode,
        page=number if number <= LAST_PAGE else 0,
        narrowed={name: value for name, value in narrowed.items() if value},
        query=dict(query),
    )


async def _written(parts: Parts, ids: list[int]) -> list[Written]:
    """The cards of `ids` in order; one removed since the list was made is left out."""
    found = await parts.reads.written(ids) if ids else {}
    return [found[id] for id in ids if id in found]


async def _plain(
    request: Request,
    parts: Parts,
    user: UserInfo | None,
    title: str,
    *,
    status: int = 200,
) -> Response:
    preferences = await parts.reads.preferences(user.id) if user else None
    page = Page(
        title=title,
        user=user,
        address=_address(request),
        here=None,
        main=None,
        first=_first({}, user, preferences, is_written=False),
        theme=request.cookies.get(THEME_COOKIE),
    )
    return await _answer(request, page, status)


def _first(
    parts: dict[str, Any],
    user: UserInfo | None,
    preferences: PreferencesInfo | None,
    *,
    is_written: bool,
) -> str:
    """The page's data as JSON that no name or story can end early: without any `<`."""
    told = {"me": {"user": user}, "is_written": is_written, **parts}
    if preferences:
        told["preferences"] = preferences
    return _json.encode(told).decode().replace("<", "\\u003c")


def _address(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _frontend(request: Request) -> Frontend:
    frontend: Frontend = request.app.state.frontend
    return frontend


async def _answer(request: Request, page: Page, status: int = 200) -> Response:
    frontend = _frontend(request)
    body = shell.document(page, frontend).encode()
    headers = {
        "Cache-Control": "private, no-cache",
        "Vary": "Cookie, Accept-Encoding",
        "Content-Security-Policy": page_policy(
            styles=[frontend.sheet_hash] if frontend.sheet else [],
            scripts=[frontend.starter_hash] if frontend.script else [],
        ),
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        # No secret is in a page, so its length tells nobody one (BREACH).
        body = gzip.compress(body, compresslevel=5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers, media_type="text/html")
