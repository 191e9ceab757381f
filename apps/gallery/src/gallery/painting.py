"""The studio: every picture's bytes, painted and rendered in a bounded pool."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import anyio
import anyio.to_thread

from gallery.data.values import ImageInfo, ImageKind
from gallery.generation import Generator, Picture
from gallery.origin import PictureFormat
from gallery.pictures import upload
from gallery.pictures.addresses import picture_hash, wish_digest
from gallery.pictures.painter import paint
from gallery.pictures.render import RenderPool
from gallery.pictures.tones import tones
from gallery.pictures.traits import Traits
from gallery.pictures.words import traits_from_prompt

SIDE = 640


def _known_words() -> dict[str, list[str]]:
    """The words the painter knows, by trait."""
    return {
        name: [word for part in get_args(hint) for word in get_args(part)]
        for name, hint in get_type_hints(Traits).items()
        if any(get_args(part) for part in get_args(hint))
    }


KNOWN_WORDS = _known_words()
_KNOWN = {name: frozenset(words) for name, words in KNOWN_WORDS.items()}


def traits_of(attributes: Mapping[str, str]) -> Traits:
    """What a character's attributes ask of its portrait; unknown words ask nothing."""
    asked: dict[str, Any] = {
        name: attributes[name] for name, words in _KNOWN.items() if attributes.get(name) in words
    }
    return Traits(**asked)


@lru_cache(maxsize=65_536)
def _portrait_digest(seed: int, attributes: tuple[tuple[str, str], ...]) -> str:
    return picture_hash("portrait", wish_digest(seed, traits_of(dict(attributes))))


class PaintingGenerator:
    """The generator that needs no model: a prompt's words become the traits of a portrait."""

    async def generate(self, prompt: str, seed: int) -> Picture:
        traits = traits_from_prompt(prompt, seed)
        svg = await anyio.to_thread.run_sync(paint, seed, traits)
        return Picture(svg=svg, digest=hashlib.sha256(svg.encode()).hexdigest(), side=SIDE)


class Studio:
    """Makes the bytes of every picture: tens of ms of processor time each."""

    def __init__(self, pool: RenderPool, generator: Generator) -> None:
        self._pool = pool
        self._generator = generator

    def portrait_digest(self, seed: int, attributes: Mapping[str, str]) -> str:
        """Changes exactly when the portrait does, and names it in its address."""
        return _portrait_digest(seed, tuple(attributes.items()))

    def tones(self, seed: int, attributes: Mapping[str, str]) -> tuple[str, ...]:
        """The portrait's main colours, to show while it loads."""
        return tones(seed, traits_of(attributes))

    def image_digest(self, info: ImageInfo) -> str:
        return picture_hash("upload" if info.kind is ImageKind.UPLOAD else "portrait", info.digest)

    async def accept(self, data: bytes) -> upload.Upload:
        """Somebody's picture, checked and encoded anew. Raises UploadError, RenderBusy."""
        return await self._pool.run(lambda: upload.accept(data))

    # Each raises RenderBusy when too many pictures wait already.

    async def portrait(
        self, seed: int, attributes: Mapping[str, str], width: int, format: PictureFormat
    ) -> bytes:
        return await self._pool.portrait(seed, traits_of(attributes), width, format)

    async def image(
        self, info: ImageInfo, data: bytes | None, width: int, format: PictureFormat
    ) -> bytes:
        """An upload in that size; a painted image from its seed, and its prompt if it has one."""
        if data is not None:
            return await self._pool.run(lambda: upload.variant(data, width, format))
        seed = info.seed or 0
        if info.prompt is None:
            return await self._pool.portrait(seed, None, width, format)
        picture = await self._generator.generate(info.prompt, seed)
        return await self._pool.render(picture.svg, width, format)
