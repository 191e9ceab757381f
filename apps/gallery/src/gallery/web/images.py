"""Images of users and of characters: seeing, uploading and removing them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, Response, UploadFile
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.caching import images_changed
from gallery.data import accounts, queries, writes
from gallery.data.text import normalise
from gallery.data.values import ImageInfo, ImageKind, UserInfo
from gallery.pictures.upload import UploadError
from gallery.web.answers import answer, answer_for_all, answers
from gallery.web.characters import existing
from gallery.web.context import CharacterId, ImageId, Parts, Reach, SignedIn, may_change
from gallery.web.forms import LARGEST_ID
from gallery.web.problems import Problem, forbidden, not_found
from gallery.web.views import ImagesView, ImageView, image_view

router = APIRouter(prefix="/api", tags=["images"])

Username = Annotated[str, Path(min_length=1, max_length=64, description="Whose images.")]
Upload = Annotated[UploadFile, File(description="A JPEG, PNG or WebP picture of at most 10 MiB.")]
OfCharacter = Annotated[
    int | None, Query(ge=1, le=LARGEST_ID, description="Only images of this character.")
]

_GONE: dict[int | str, dict[str, Any]] = {204: {"description": "Gone."}}


@router.get("/users/{username}/images", responses=answers(ImagesView), summary="A user's images")
async def of_user(username: Username, parts: Reach, character_id: OfCharacter = None) -> Response:
    found = await parts.reads.user_images(normalise(username), character_id)
    return answer_for_all(ImagesView([image_view(each, parts.studio) for each in found]))


@router.post(
    "/users/{username}/images",
    status_code=201,
    responses=answers(ImageView, 401, 403, 404, 413, 415, status=201, says="Kept."),
    summary="Add an image to a user's gallery",
)
async def add_to_user(
    username: Username,
    parts: Reach,
    user: SignedIn,
    file: Upload,
    character_id: OfCharacter = None,
) -> Response:
    """One's own gallery, or as an admin anybody's."""
    async with parts.database.session() as session:
        owner = await accounts.user(session, username)
    if owner is None:
        raise not_found(f"user {username}")
    if not may_change(user, owner.id):
        raise forbidden("Images can be added to one's own gallery only.")
    return await _keep(parts, owner, character_id, file)


@router.delete(
    "/users/{username}/images/{image_id}",
    status_code=204,
    responses={**answers(ImageView, 401, 403, 404), **_GONE},
    summary="Remove an image of a user",
)
async def remove_from_user(
    username: Username, image_id: ImageId, parts: Reach, user: SignedIn
) -> Response:
    async with parts.writes.transaction() as write:
        image = await _changeable(write.session, image_id, user)
        if image.owner != normalise(username):
            raise not_found(f"image {image_id} of {username}")
        changed = await writes.delete_image(write.session, image_id)
        write.ends(*images_changed(changed))
    return Response(status_code=204, headers=write.headers)


@router.get(
    "/characters/{character_id}/images",
    responses=answers(ImagesView, 404),
    summary="Everybody's images of a character",
)
async def of_character(character_id: CharacterId, parts: Reach) -> Response:
    await existing(parts, character_id)
    found = await parts.reads.character_images(character_id)
    return answer_for_all(ImagesView([image_view(each, parts.studio) for each in found]))


@router.post(
    "/characters/{character_id}/images",
    status_code=201,
    responses=answers(ImageView, 401, 403, 404, 413, 415, status=201, says="Kept."),
    summary="Add an image of a character",
)
async def add_to_character(
    character_id: CharacterId, parts: Reach, user: SignedIn, file: Upload
) -> Response:
    """It belongs to whoever adds it, and is in their gallery too."""
    return await _keep(parts, user, character_id, file)


@router.delete(
    "/characters/{character_id}/images/{image_id}",
    status_code=204,
    responses={**answers(ImageView, 401, 403, 404), **_GONE},
    summary="Remove an image of a character",
)
async def remove_from_character(
    character_id: CharacterId, image_id: ImageId, parts: Reach, user: SignedIn
) -> Response:
    """By its owner or an admin."""
    async with parts.writes.transaction() as write:
        image = await _changeable(write.session, image_id, user)
        if image.character_id != character_id:
            raise not_found(f"image {image_id} of character {character_id}")
        changed = await writes.delete_image(write.session, image_id)
        write.ends(*images_changed(changed))
    return Response(status_code=204, headers=write.headers)


async def _changeable(session: AsyncSession, image_id: int, user: UserInfo) -> ImageInfo:
    """The image, if the user may change it. Raises Problem 404 or 403."""
    found = await queries.image(session, image_id)
    if found is None:
        raise not_found(f"image {image_id}")
    if not may_change(user, found.owner_id):
        raise forbidden(f"Only {found.owner} or an admin may remove this image.")
    return found


async def _keep(
    parts: Parts, owner: UserInfo, character_id: int | None, file: UploadFile
) -> Response:
    data = await file.read()
    try:
        picture = await parts.studio.accept(data)
    except UploadError as error:
        raise Problem(415, "unusable_picture", str(error), hint="Send another picture.") from error
    async with parts.writes.transaction() as write:
        changed = await writes.add_image(
            write.session,
            owner_id=owner.id,
            kind=ImageKind.UPLOAD,
            digest=picture.digest,
            width=picture.width,
            height=picture.height,
            character_id=character_id,
            media_type="image/webp",
            data=picture.picture,
            now=parts.clock(),
        )
        write.ends(*images_changed(changed))
        made = await queries.image(write.session, changed.image_ids[0])
    if made is None:
        raise not_found("image any more; it was removed at once")
    return answer(image_view(made, parts.studio), 201, write.headers)
