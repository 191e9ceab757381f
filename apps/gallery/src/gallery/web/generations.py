"""Asking for a picture, and having it once it is painted."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Response

from gallery.data import writes
from gallery.data.values import JobStatus, UserInfo
from gallery.origin import Generation
from gallery.web.answers import answer, answers
from gallery.web.context import Parts, Reach, SignedIn, may_change
from gallery.web.forms import GenerationForm
from gallery.web.problems import Problem, not_found
from gallery.web.views import JobView, ResultView, image_view, job_view

router = APIRouter(prefix="/api/generations", tags=["generations"])

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A job's id.")]


@router.post(
    "",
    status_code=202,
    responses=answers(JobView, 401, 403, 404, status=202, says="Queued; look at Location."),
    summary="Have a picture painted",
)
async def ask(form: GenerationForm, parts: Reach, user: SignedIn) -> Response:
    """The same prompt and seed give the same picture."""
    async with parts.writes.transaction() as write:
        job = await writes.create_job(
            write.session,
            job_id=secrets.token_urlsafe(16),
            user_id=user.id,
            prompt=form.prompt,
            seed=form.seed,
            character_id=form.character_id,
            now=parts.clock(),
        )
        write.ends()  # nobody can have asked for its id before
    parts.workshop.ring()
    view = job_view(job)
    return answer(view, 202, {**write.headers, "Location": view.status_url})


@router.get("/{job_id}", responses=answers(JobView, 401, 404), summary="How far a job is")
async def status(job_id: JobId, parts: Reach, user: SignedIn) -> Response:
    return answer(job_view((await _own(parts, job_id, user)).job))


@router.get(
    "/{job_id}/result", responses=answers(ResultView, 401, 404, 409), summary="What was painted"
)
async def result(job_id: JobId, parts: Reach, user: SignedIn) -> Response:
    found = await _own(parts, job_id, user)
    if found.image is not None:
        return answer(ResultView(job_view(found.job), image_view(found.image, parts.studio)))
    if found.job.status is JobStatus.FAILED:
        raise Problem(
            409, "failed", f"It could not be painted: {found.job.error}", hint="Ask once more."
        )
    if found.job.status is JobStatus.DONE:
        raise not_found("picture of this job any more; it was removed")
    raise Problem(
        409,
        "not_ready",
        f"The picture is {found.job.status}.",
        hint="Ask for the status until it is done.",
        headers={"Retry-After": "1"},
    )


async def _own(parts: Parts, job_id: str, user: UserInfo) -> Generation:
    """The job if it is the user's (or the user an admin). Raises Problem 404 for others':
    that somebody else's job exists is nobody's business."""
    found = await parts.reads.generation(job_id)
    if found is None or not may_change(user, found.job.user_id):
        raise not_found("such job of yours")
    return found
