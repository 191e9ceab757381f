"""What the cache stands before: every read of Gallery, each in a session of its own.

A read runs inside the fill of a cached function, and its session must not be older
than that: one whose transaction began before would read a snapshot older than the
stamps the fill has captured, and be stored as fresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, TypeVar

from gallery.data import queries
from gallery.data.database import Database
from gallery.data.values import (
    Card,
    CharacterDetail,
    Filters,
    ImageInfo,
    ImageKind,
    JobInfo,
    Mode,
    PreferencesInfo,
    Scores,
)
from keepwarm import fill

CLOCK_STEP = timedelta(minutes=10)
FEATURED_SHOWN = 24
SIMILAR_SHOWN = 12

PictureKind = Literal["portrait", "image"]
"""A character's portrait (by the character's id) or an image (by its own)."""
PictureFormat = Literal["webp", "avif"]

Clock = Callable[[], datetime]

Toned = TypeVar("Toned", Card, CharacterDetail)


def utc_now() -> datetime:
    return datetime.now(UTC)


def rounded(now: datetime) -> datetime:
    """`now` as rankings see it: down to the last full ten minutes."""
    return now - (now - datetime.min.replace(tzinfo=UTC)) % CLOCK_STEP


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of ids, for the ten minutes that began at `as_of`."""

    ids: list[int]
    total: int
    has_more: bool
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Facets:
    """What lists can be narrowed to."""

    species: list[str]
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Generation:
    """A job, and its image once there is one."""

    job: JobInfo
    image: ImageInfo | None


class Painter(Protocol):
    """Makes the bytes of pictures, from what is known of them."""

    def portrait_digest(self, seed: int, attributes: Mapping[str, str]) -> str: ...

    def tones(self, seed: int, attributes: Mapping[str, str]) -> tuple[str, ...]: ...

    async def portrait(
        self, seed: int, attributes: Mapping[str, str], width: int, format: PictureFormat
    ) -> bytes: ...

    def image_digest(self, info: ImageInfo) -> str: ...

    async def image(
        self, info: ImageInfo, data: bytes | None, width: int, format: PictureFormat
    ) -> bytes: ...


class Origin:
    """Gallery's reads, uncached."""

    def __init__(self, database: Database, painter: Painter, clock: Clock) -> None:
        self._database = database
        self._painter = painter
        self._clock = clock

    async def listing(
        self,
        mode: Mode,
        page: int,
        page_size: int,
        filters: Filters,
        user_id: int | None,
        scores: Scores | None,
    ) -> Listing:
        as_of = rounded(self._clock()) if scores is None else scores.at
        async with self._database.session() as session:
            found = await queries.list_ids(
                session,
                mode=mode,
                page=page,
                page_size=page_size,
                now=as_of,
                user_id=user_id,
                filters=filters,
                scores=scores,
            )
        return Listing(found.ids, found.total, found.has_more, as_of)

    async def scores(self) -> Scores:
        async with self._database.session() as session:
            return await queries.global_scores(session, rounded(self._clock()))

    async def cards(self, character_ids: list[int]) -> dict[int, Card]:
        async with self._database.session() as session:
            found = await queries.cards(session, character_ids)
        return {id: self._toned(card) for id, card in found.items()}

    async def character(self, character_id: int) -> CharacterDetail | None:
        async with self._database.session() as session:
            found = await queries.detail(session, character_id)
        return found and self._toned(found)

    def _toned(self, found: Toned) -> Toned:
        """Mixed here, where it is paid for once per fill and kept with the value."""
        return replace(found, tones=self._painter.tones(found.seed, found.attributes))

    async def similar(self, character_id: int) -> list[int]:
        async with self._database.session() as session:
            return await queries.similar(session, character_id, SIMILAR_SHOWN)

    async def facets(self) -> Facets:
        async with self._database.session() as session:
            return Facets(await queries.species(session), await queries.tag_names(session))

    async def user_images(self, username: str, character_id: int | None = None) -> list[ImageInfo]:
        async with self._database.session() as session:
            return await queries.user_images(session, username, character_id)

    async def character_images(self, character_id: int) -> list[ImageInfo]:
        async with self._database.session() as session:
            return await queries.character_images(session, character_id)

    async def generation(self, job_id: str) -> Generation | None:
        async with self._database.session() as session:
            job = await queries.job(session, job_id)
            if job is None:
                return None
            if job.image_id is None:
                return Generation(job, None)
            fill.tag(f"picture:image:{job.image_id}")  # removing the image ends this too
            return Generation(job, await queries.image(session, job.image_id))

    async def preferences(self, user_id: int) -> PreferencesInfo:
        async with self._database.session() as session:
            return await queries.preferences(session, user_id)

    async def likes(self, user_id: int, character_id: int) -> bool:
        async with self._database.session() as session:
            return await queries.has_liked(session, user_id, character_id)

    async def media(
        self, kind: PictureKind, id: int, digest: str, width: int, format: PictureFormat
    ) -> bytes | None:
        """The bytes of a picture; None unless `digest` is what it has now."""
        if kind == "portrait":
            return await self._portrait(id, digest, width, format)
        return await self._image(id, digest, width, format)

    # Both close their session before painting, which takes longer than a connection
    # to the database should be held.

    async def _portrait(
        self, character_id: int, digest: str, width: int, format: PictureFormat
    ) -> bytes | None:
        found = await self.character(character_id)
        if found is None or self._painter.portrait_digest(found.seed, found.attributes) != digest:
            return None
        return await self._painter.portrait(found.seed, found.attributes, width, format)

    async def _image(
        self, image_id: int, digest: str, width: int, format: PictureFormat
    ) -> bytes | None:
        stored = None
        async with self._database.session() as session:
            info = await queries.image(session, image_id)
            if info is None or self._painter.image_digest(info) != digest:
                return None
            if info.kind is ImageKind.UPLOAD:
                stored = await queries.image_bytes(session, info.digest)
        return await self._painter.image(info, stored.data if stored else None, width, format)

    async def featured(self, user_id: int | None, scores: Scores) -> Listing:
        async with self._database.session() as session:
            tastes = await queries.tastes(session, user_id)
        ranked = queries.featured(scores, tastes)
        shown = ranked[:FEATURED_SHOWN]
        return Listing(shown, len(ranked), len(ranked) > len(shown), scores.at)
