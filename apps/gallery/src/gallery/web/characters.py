"""Characters: lists, featured ones, details, and what may be done with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from gallery import caching
from gallery.data import queries, writes
from gallery.data.text import MAX_QUERY
from gallery.data.values import PERSONAL_MODES, CharacterDetail, Filters, Mode, UserInfo
from gallery.painting import KNOWN_WORDS
from gallery.web.answers import answer, answer_for_all, answer_for_reader, answers
from gallery.web.context import (
    CharacterId,
    MaybeUser,
    Parts,
    Reach,
    SignedIn,
    may_change,
    whoever_asks,
)
from gallery.web.forms import LARGEST_PAGE, LAST_PAGE, CharacterForm, CharacterPatch
from gallery.web.problems import forbidden, not_found
from gallery.web.views import (
    CardsView,
    CharacterView,
    FacetsView,
    FeaturedView,
    LikeView,
    PageView,
    WordsView,
    card_views,
    character_view,
    page_view,
)

router = APIRouter(prefix="/api", tags=["characters"])

Word = Annotated[str | None, Query(max_length=MAX_QUERY)]


async def narrowed(
    species: Word = None,
    tag: Word = None,
    creator: Word = None,
    q: Annotated[
        str | None,
        Query(max_length=MAX_QUERY, description="Words that must all occur, in any case or form."),
    ] = None,
) -> Filters:
    """The filters of a list in canonical form, so that equal questions share an entry."""
    return Filters(species=species, tag=tag, creator=creator, q=q)


async def existing(parts: Parts, character_id: int) -> CharacterDetail:
    """The character as cached. Raises Problem 404."""
    found = await parts.reads.character(character_id)
    if found is None:
        raise not_found(f"character {character_id}")
    return found


@router.get("/characters", responses=answers(PageView, 503, 504), summary="A page of a list")
async def list_characters(
    request: Request,
    parts: Reach,
    filters: Annotated[Filters, Depends(narrowed)],
    mode: Mode = Mode.ALL,
    page: Annotated[int, Query(ge=0, le=LAST_PAGE, description="Counted from 0.")] = 0,
    page_size: Annotated[
        int, Query(ge=1, description=f"At most {LARGEST_PAGE}; more is taken for that.")
    ] = 24,
) -> Response:
    """`featured` and `discover` depend on who asks; the other modes are the same for all."""
    size = min(page_size, LARGEST_PAGE)
    is_personal = mode in PERSONAL_MODES
    user = await whoever_asks(request, parts) if is_personal else None
    found = await parts.reads.listing(mode, page, size, filters, user.id if user else None)
    view = await page_view(mode, page, size, found, parts.reads, parts.studio)
    return answer_for_reader(view) if is_personal else answer_for_all(view)


@router.get("/featured", responses=answers(FeaturedView, 503, 504), summary="Featured characters")
async def featured(parts: Reach, user: MaybeUser) -> Response:
    """Global scores weighted by the reader's tastes; for strangers the global ones."""
    found = await parts.reads.featured(user.id if user else None)
    items = await card_views(found.ids, parts.reads, parts.studio)
    return answer_for_reader(FeaturedView(user is not None, found.as_of, items))


async def in_full(parts: Parts, found: CharacterDetail, user: UserInfo | None) -> CharacterView:
    """`found` as `user` sees it."""
    return character_view(
        found,
        parts.studio,
        liked=await parts.reads.likes(user.id, found.id) if user else None,
        can_edit=user is not None and may_change(user, found.creator_id),
    )


@router.get("/facets", responses=answers(FacetsView), summary="What lists can be narrowed to")
async def facets(parts: Reach) -> Response:
    found = await parts.reads.facets()
    return answer_for_all(FacetsView(found.species, found.tags))


@router.get("/words", responses=answers(WordsView), summary="What a portrait can be asked for")
async def words() -> Response:
    """Attributes that the painter understands. Others can be given, and only describe."""
    return answer_for_all(WordsView(KNOWN_WORDS))


@router.post(
    "/characters",
    status_code=201,
    responses=answers(CharacterView, 401, 403, status=201, says="Created."),
    summary="Create a character",
)
async def create(form: CharacterForm, parts: Reach, user: SignedIn) -> Response:
    async with parts.writes.transaction() as write:
        changed = await writes.create_character(
            write.session,
            creator_id=user.id,
            name=form.name,
            description=form.description,
            attributes=form.attributes,
            tags=form.tags,
            now=parts.clock(),
        )
        write.ends(*caching.character_created(changed))
    made = await existing(parts, changed.character_ids[0])
    headers = {**write.headers, "Location": f"/api/characters/{made.id}"}
    return answer(await in_full(parts, made, user), 201, headers)


@router.get(
    "/characters/{character_id}", responses=answers(CharacterView, 404), summary="One character"
)
async def detail(character_id: CharacterId, parts: Reach, user: MaybeUser) -> Response:
    found = await existing(parts, character_id)
    return answer_for_reader(await in_full(parts, found, user))


@router.patch(
    "/characters/{character_id}",
    responses=answers(CharacterView, 401, 403, 404, 409),
    summary="Change a character",
)
async def change(
    character_id: CharacterId, form: CharacterPatch, parts: Reach, user: SignedIn
) -> Response:
    """By its creator or an admin. Answers 409 if somebody else changed it since it was read."""
    async with parts.writes.transaction() as write:
        await _require_owner(write.session, character_id, user)
        changed = await writes.update_character(
            write.session,
            character_id,
            expected_version=form.version,
            name=form.name,
            description=form.description,
            attributes=form.attributes,
            tags=form.tags,
            now=parts.clock(),
        )
        write.ends(*caching.character_edited(changed))
    now = await existing(parts, character_id)
    return answer(await in_full(parts, now, user), headers=write.headers)


@router.delete(
    "/characters/{character_id}",
    status_code=204,
    responses={**answers(CharacterView, 401, 403, 404), 204: {"description": "Gone."}},
    summary="Remove a character",
)
async def remove(character_id: CharacterId, parts: Reach, user: SignedIn) -> Response:
    """By its creator or an admin; its images and likes go with it."""
    async with parts.writes.transaction() as write:
        await _require_owner(write.session, character_id, user)
        changed = await writes.delete_character(write.session, character_id)
        write.ends(*caching.character_deleted(changed))
    return Response(status_code=204, headers=write.headers)


async def _require_owner(session: AsyncSession, character_id: int, user: UserInfo) -> None:
    """Ask the database, in the write's own transaction: a cached owner would not do.

    Raises Problem 404 or 403.
    """
    found = await queries.detail(session, character_id)
    if found is None:
        raise not_found(f"character {character_id}")
    if not may_change(user, found.creator_id):
        raise forbidden(f"Only {found.creator} or an admin may change this character.")


@router.get(
    "/characters/{character_id}/similar",
    responses=answers(CardsView, 404, 503, 504),
    summary="Similar characters",
)
async def similar(character_id: CharacterId, parts: Reach) -> Response:
    await existing(parts, character_id)
    ids = await parts.reads.similar(character_id)
    return answer_for_all(CardsView(await card_views(ids, parts.reads, parts.studio)))


@router.post(
    "/characters/{character_id}/like",
    responses=answers(LikeView, 401, 403, 404),
    summary="Like a character",
)
async def like(character_id: CharacterId, parts: Reach, user: SignedIn) -> Response:
    """Liking twice is liking once."""
    async with parts.writes.transaction() as write:
        await writes.like(write.session, character_id, user_id=user.id, now=parts.clock())
        write.ends(*caching.like_changed(user.id, character_id))
        count = await queries.like_count(write.session, character_id)
    return answer(LikeView(True, count or 0), headers=write.headers)


@router.delete(
    "/characters/{character_id}/like",
    responses=answers(LikeView, 401, 403, 404),
    summary="Take a like back",
)
async def unlike(character_id: CharacterId, parts: Reach, user: SignedIn) -> Response:
    async with parts.writes.transaction() as write:
        await writes.unlike(write.session, character_id, user_id=user.id)
        write.ends(*caching.like_changed(user.id, character_id))
        count = await queries.like_count(write.session, character_id)
    return answer(LikeView(False, count or 0), headers=write.headers)


@router.post(
    "/characters/{character_id}/view",
    status_code=204,
    responses={**answers(CardsView, 403, 404), 204: {"description": "Counted."}},
    summary="Count a view",
)
async def view(character_id: CharacterId, parts: Reach, user: MaybeUser) -> Response:
    """Ends no cached copy: counts and rankings follow when those age out."""
    async with parts.writes.transaction() as write:
        await writes.view(
            write.session, character_id, user_id=user.id if user else None, now=parts.clock()
        )
        write.ends()
    return Response(status_code=204, headers=write.headers)
