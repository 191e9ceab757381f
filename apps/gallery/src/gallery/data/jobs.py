"""Generation jobs: queued by a request, claimed by one worker, finished or failed.

Writes do not commit: they belong in `Database.transaction()`.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.errors import NotFound
from gallery.data.text import storable
from gallery.data.values import Changed, JobInfo, JobStatus


async def job(session: AsyncSession, job_id: str) -> JobInfo | None:
    statement = (
        select(m.GenerationJob, m.User.username)
        .join(m.User, m.User.id == m.GenerationJob.user_id)
        .where(m.GenerationJob.id == job_id)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else _info(row[0], row[1])


def _info(row: m.GenerationJob, username: str) -> JobInfo:
    return JobInfo(
        id=row.id,
        user_id=row.user_id,
        username=username,
        character_id=row.character_id,
        prompt=row.prompt,
        seed=row.seed,
        status=JobStatus(row.status),
        image_id=row.image_id,
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


async def create_job(
    session: AsyncSession,
    *,
    job_id: str,
    user_id: int,
    prompt: str,
    seed: int,
    now: datetime,
    character_id: int | None = None,
) -> JobInfo:
    """A queued job. Raises NotFound without such a user or character."""
    if await session.get(m.User, user_id) is None:
        raise NotFound("user", user_id)
    if character_id is not None and await session.get(m.Character, character_id) is None:
        raise NotFound("character", character_id)
    session.add(
        m.GenerationJob(
            id=job_id,
            user_id=user_id,
            character_id=character_id,
            prompt=storable(prompt),
            seed=seed,
            status=JobStatus.QUEUED.value,
            created_at=now,
        )
    )
    await session.flush()
    return await _existing(session, job_id)


async def claim_job(session: AsyncSession, *, now: datetime) -> JobInfo | None:
    """The oldest queued job, now running; None if none waits. No two workers get the same."""
    oldest = (
        select(m.GenerationJob.id)
        .where(m.GenerationJob.status == JobStatus.QUEUED.value)
        .order_by(m.GenerationJob.created_at, m.GenerationJob.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite's transaction holds its write lock instead
    )
    job_id = await session.scalar(oldest)
    if job_id is None:
        return None
    await session.execute(
        update(m.GenerationJob)
        .where(m.GenerationJob.id == job_id)
        .values(status=JobStatus.RUNNING.value, started_at=now)
    )
    return await _existing(session, job_id)


async def finish_job(
    session: AsyncSession, job_id: str, *, image_id: int, now: datetime
) -> Changed:
    """A running job is done, with its image (see `writes.add_image`). Raises NotFound."""
    return await _end(session, job_id, JobStatus.DONE, now, image_id=image_id)


async def fail_job(session: AsyncSession, job_id: str, *, error: str, now: datetime) -> Changed:
    """A running job has failed for good. Raises NotFound."""
    return await _end(session, job_id, JobStatus.FAILED, now, error=storable(error)[:1000])


async def requeue_jobs(session: AsyncSession, *, started_before: datetime) -> Changed:
    """Queue again what was claimed before then and never ended, as after a crash."""
    done = await session.execute(
        update(m.GenerationJob)
        .where(
            m.GenerationJob.status == JobStatus.RUNNING.value,
            m.GenerationJob.started_at < started_before,
        )
        .values(status=JobStatus.QUEUED.value, started_at=None)
        .returning(m.GenerationJob.id)
        .execution_options(synchronize_session=False)
    )
    return Changed(job_ids=tuple(sorted(done.scalars())))


async def _end(
    session: AsyncSession,
    job_id: str,
    status: JobStatus,
    now: datetime,
    *,
    image_id: int | None = None,
    error: str | None = None,
) -> Changed:
    done = await session.execute(
        update(m.GenerationJob)
        .where(m.GenerationJob.id == job_id, m.GenerationJob.status == JobStatus.RUNNING.value)
        .values(status=status.value, image_id=image_id, error=error, finished_at=now)
        .returning(m.GenerationJob.user_id)
        .execution_options(synchronize_session=False)
    )
    if done.one_or_none() is None:
        raise NotFound("running job", job_id)
    ended = await _existing(session, job_id)
    return Changed(usernames=(ended.username,), job_ids=(job_id,))


async def _existing(session: AsyncSession, job_id: str) -> JobInfo:
    found = await job(session, job_id)
    if found is None:
        raise NotFound("job", job_id)
    return found
