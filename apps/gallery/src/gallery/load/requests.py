"""What a simulated user may ask: values that become HTTP requests when they are sent.

A request may speak of what the load itself makes (the third character created, the
second image uploaded, a portrait at the address last seen), which only the player
knows: such places are written `{created:2}`, `{uploaded:1}`, `{picture:17}`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from PIL import Image as PillowImage

from gallery.data.values import Mode

BOUNDARY = "gallery-load"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
JSON = "application/json"


class Kind(StrEnum):
    LIST = "list"
    FEATURED = "featured"
    DETAIL = "detail"
    SIMILAR = "similar"
    PORTRAIT = "portrait"
    CHARACTER_IMAGES = "character_images"
    USER_IMAGES = "user_images"
    PREFERENCES = "preferences"
    FACETS = "facets"
    VIEW = "view"
    LIKE = "like"
    UNLIKE = "unlike"
    EDIT = "edit"
    SET_PREFERENCES = "set_preferences"
    UPLOAD = "upload"
    DELETE_IMAGE = "delete_image"
    CREATE = "create"
    DELETE = "delete"


INTERACTIONS = frozenset({Kind.VIEW, Kind.LIKE, Kind.UNLIKE})
"""Writes that are declared age-tolerant: rankings and counts may follow late."""

STRICT_WRITES = frozenset(
    {Kind.EDIT, Kind.SET_PREFERENCES, Kind.UPLOAD, Kind.DELETE_IMAGE, Kind.CREATE, Kind.DELETE}
)
WRITES = INTERACTIONS | STRICT_WRITES

READ_BACK = frozenset({Kind.EDIT, Kind.CREATE, Kind.SET_PREFERENCES})
"""Writes that are answered with what a cached read then says."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `user_id` is whose session it carries; `character_id` whom it is about."""

    kind: Kind
    method: str
    path: str
    user_id: int | None = None
    body: bytes = b""
    content_type: str = ""
    character_id: int = 0
    mode: Mode | None = None

    @property
    def is_write(self) -> bool:
        return self.kind in WRITES


@dataclass(frozen=True, slots=True)
class Planned:
    """A request and when it is due, in seconds since the load began."""

    at: float
    request: Request


def listing(mode: Mode, page: int, size: int, user_id: int | None) -> Request:
    path = f"/api/characters?mode={mode.value}&page={page}&page_size={size}"
    return Request(Kind.LIST, "GET", path, user_id, mode=mode)


def of_character(kind: Kind, character_id: int, user_id: int | None) -> Request:
    """A read about one character."""
    base = f"/api/characters/{character_id}"
    paths = {
        Kind.DETAIL: base,
        Kind.SIMILAR: f"{base}/similar",
        Kind.CHARACTER_IMAGES: f"{base}/images",
    }
    return Request(kind, "GET", paths[kind], user_id, character_id=character_id)


def portrait(character_id: int, width: int) -> Request:
    path = f"/media/{{picture:{character_id}}}/portrait-{character_id}-{width}.webp"
    return Request(Kind.PORTRAIT, "GET", path, character_id=character_id)


def interaction(kind: Kind, character_id: int, user_id: int | None) -> Request:
    what = "view" if kind is Kind.VIEW else "like"
    method = "DELETE" if kind is Kind.UNLIKE else "POST"
    path = f"/api/characters/{character_id}/{what}"
    return Request(kind, method, path, user_id, character_id=character_id)


def with_json(
    kind: Kind, method: str, path: str, body: object, user_id: int, character_id: int = 0
) -> Request:
    return Request(kind, method, path, user_id, msgspec.json.encode(body), JSON, character_id)


def upload(number: int, username: str, user_id: int, character_id: int) -> Request:
    """A small picture of its own colours for each `number`."""
    picture = PillowImage.new("RGB", (64, 64), (number * 37 % 256, number * 91 % 256, 120))
    picture.paste((250, 240, number * 53 % 256), (8, 8, 8 + number % 40 + 1, 48))
    bytes_ = io.BytesIO()
    picture.save(bytes_, "PNG")
    body = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="picture-{number}.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    body += bytes_.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()
    path = f"/api/users/{username}/images?character_id={character_id}"
    return Request(Kind.UPLOAD, "POST", path, user_id, body, MULTIPART, character_id)
