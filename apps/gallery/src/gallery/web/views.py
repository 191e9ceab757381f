"""What answers hold: the data layer's values with the addresses of their pictures."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from gallery.data.values import (
    Card,
    CharacterDetail,
    ImageInfo,
    ImageKind,
    JobInfo,
    JobStatus,
    Mode,
    UserInfo,
)
from gallery.origin import Listing, Painter, PictureFormat, PictureKind

if TYPE_CHECKING:  # it writes cards, and for that needs their views
    from gallery.caching import CachedReads

WIDTHS = (160, 320, 640)


def media_path(
    kind: PictureKind, id: int, digest: str, width: int, format: PictureFormat = "webp"
) -> str:
    """Where the bytes are; the digest in it makes the address immutable."""
    return f"/media/{digest}/{kind}-{id}-{width}.{format}"


class CardView(msgspec.Struct, frozen=True):
    """A character as lists show it; `picture` is the digest in its portrait's address.

    `tones` are the portrait's main colours (backdrop, hair, skin, cloth; `rrggbb`).
    """

    id: int
    name: str
    creator: str
    blurb: str
    attributes: dict[str, str]
    tags: list[str]
    picture: str
    tones: tuple[str, ...]
    version: int
    like_count: int
    view_count: int
    created_at: datetime


class PageView(msgspec.Struct, frozen=True):
    """One page of a list, computed for the ten minutes that began at `as_of`."""

    mode: Mode
    page: int
    page_size: int
    total: int
    has_more: bool
    as_of: datetime
    items: list[CardView]


class CardsView(msgspec.Struct, frozen=True):
    """Characters, best first."""

    items: list[CardView]


class FeaturedView(msgspec.Struct, frozen=True):
    """What is featured for the reader, or for everybody where nobody is signed in."""

    is_personal: bool
    as_of: datetime
    items: list[CardView]


class CharacterView(msgspec.Struct, frozen=True):
    """A character in full. `version` is what a PATCH must name; `liked` is null for strangers."""

    id: int
    creator_id: int
    creator: str
    name: str
    description: str
    attributes: dict[str, str]
    tags: list[str]
    picture: str
    tones: tuple[str, ...]
    version: int
    like_count: int
    view_count: int
    created_at: datetime
    updated_at: datetime
    liked: bool | None
    can_edit: bool


class LikeView(msgspec.Struct, frozen=True):
    """Whether the reader likes it now, and how many do."""

    liked: bool
    like_count: int


class FacetsView(msgspec.Struct, frozen=True):
    """What lists can be narrowed to."""

    species: list[str]
    tags: list[str]


class WordsView(msgspec.Struct, frozen=True):
    """The attributes that shape a portrait, with the words for each."""

    attributes: dict[str, list[str]]


class ImageView(msgspec.Struct, frozen=True):
    """An image with the addresses of its sizes."""

    id: int
    owner_id: int
    owner: str
    character_id: int | None
    kind: ImageKind
    digest: str
    seed: int | None
    prompt: str | None
    width: int
    height: int
    created_at: datetime
    url_160: str
    url_320: str
    url_640: str


class ImagesView(msgspec.Struct, frozen=True):
    """Images, newest first."""

    items: list[ImageView]


class JobView(msgspec.Struct, frozen=True):
    """A generation job; its result can be had when `status` is done."""

    id: str
    character_id: int | None
    prompt: str
    seed: int
    status: JobStatus
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    status_url: str
    result_url: str


class ResultView(msgspec.Struct, frozen=True):
    """What a job painted."""

    job: JobView
    image: ImageView


class MeView(msgspec.Struct, frozen=True):
    """Who is signed in, and the token that their writes must carry as X-CSRF-Token."""

    user: UserInfo | None
    csrf_token: str | None


def card_view(card: Card, painter: Painter) -> CardView:
    return CardView(
        id=card.id,
        name=card.name,
        creator=card.creator,
        blurb=card.blurb,
        attributes=card.attributes,
        tags=card.tags,
        picture=painter.portrait_digest(card.seed, card.attributes),
        tones=card.tones,
        version=card.version,
        like_count=card.like_count,
        view_count=card.view_count,
        created_at=card.created_at,
    )


async def card_views(ids: list[int], reads: CachedReads, painter: Painter) -> list[CardView]:
    """The cards of `ids` in order; one removed since the list was made is left out."""
    found = await reads.cards(ids) if ids else {}
    return [card_view(found[id], painter) for id in ids if id in found]


async def page_view(
    mode: Mode, page: int, page_size: int, found: Listing, reads: CachedReads, painter: Painter
) -> PageView:
    return PageView(
        mode=mode,
        page=page,
        page_size=page_size,
        total=found.total,
        has_more=found.has_more,
        as_of=found.as_of,
        items=await card_views(found.ids, reads, painter),
    )


def character_view(
    found: CharacterDetail, painter: Painter, *, liked: bool | None, can_edit: bool
) -> CharacterView:
    return CharacterView(
        id=found.id,
        creator_id=found.creator_id,
        creator=found.creator,
        name=found.name,
        description=found.description,
        attributes=found.attributes,
        tags=found.tags,
        picture=painter.portrait_digest(found.seed, found.attributes),
        tones=found.tones,
        version=found.version,
        like_count=found.like_count,
        view_count=found.view_count,
        created_at=found.created_at,
        updated_at=found.updated_at,
        liked=liked,
        can_edit=can_edit,
    )


def image_view(info: ImageInfo, painter: Painter) -> ImageView:
    digest = painter.image_digest(info)
    return ImageView(
        id=info.id,
        owner_id=info.owner_id,
        owner=info.owner,
        character_id=info.character_id,
        kind=info.kind,
        digest=digest,
        seed=info.seed,
        prompt=info.prompt,
        width=info.width,
        height=info.height,
        created_at=info.created_at,
        url_160=media_path("image", info.id, digest, 160),
        url_320=media_path("image", info.id, digest, 320),
        url_640=media_path("image", info.id, digest, 640),
    )


def job_view(job: JobInfo) -> JobView:
    return JobView(
        id=job.id,
        character_id=job.character_id,
        prompt=job.prompt,
        seed=job.seed,
        status=job.status,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        status_url=f"/api/generations/{job.id}",
        result_url=f"/api/generations/{job.id}/result",
    )
