"""A user's own preferences, which change what is featured for them at once."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gallery.caching import preferences_changed
from gallery.data import writes
from gallery.data.values import PreferencesInfo
from gallery.web.answers import answer, answer_for_reader, answers
from gallery.web.context import Reach, SignedIn
from gallery.web.forms import PreferencesForm

router = APIRouter(prefix="/api/preferences", tags=["preferences"])


@router.get("", responses=answers(PreferencesInfo, 401), summary="Your preferences")
async def preferences(parts: Reach, user: SignedIn) -> Response:
    return answer_for_reader(await parts.reads.preferences(user.id))


@router.put("", responses=answers(PreferencesInfo, 401, 403), summary="Replace your preferences")
async def replace(form: PreferencesForm, parts: Reach, user: SignedIn) -> Response:
    wanted = PreferencesInfo(
        tag_weights=dict(form.tag_weights),
        hidden_tags=list(form.hidden_tags),
        favourite_species=form.favourite_species,
        sort=form.sort,
    )
    async with parts.writes.transaction() as write:
        changed = await writes.set_preferences(write.session, user.id, wanted, now=parts.clock())
        write.ends(*preferences_changed(changed))
    return answer(await parts.reads.preferences(user.id), headers=write.headers)
