"""Picture bytes under addresses that never change meaning, painted when first asked for."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import APIRouter, Path, Response

from gallery.origin import PictureFormat, PictureKind
from gallery.web.context import Reach
from gallery.web.problems import not_found

router = APIRouter(tags=["media"])

IMMUTABLE = "public, max-age=31536000, immutable"
_NAME = re.compile(r"(portrait|image)-([1-9][0-9]{0,17})-(160|320|640)\.(webp|avif)")

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="Of what is painted.")]
Name = Annotated[
    str, Path(max_length=40, description="{kind}-{id}-{width}.{format}, as answers give it.")
]


@router.get(
    "/media/{digest}/{name}",
    response_class=Response,
    responses={
        200: {"description": "The picture.", "content": {"image/webp": {}, "image/avif": {}}},
        404: {"description": "There is no such picture (any more)."},
    },
    summary="A picture's bytes",
)
async def media(digest: Digest, name: Name, parts: Reach) -> Response:
    """160, 320 or 640 pixels wide, WebP or AVIF. Another picture has another address."""
    parsed = _NAME.fullmatch(name)
    if parsed is None:
        raise not_found("picture of that name")
    kind, id, width, format = parsed.groups()
    data = await parts.reads.media(
        cast("PictureKind", kind), int(id), digest, int(width), cast("PictureFormat", format)
    )
    if data is None:
        raise not_found("such picture any more")
    return Response(data, media_type=f"image/{format}", headers={"Cache-Control": IMMUTABLE})
