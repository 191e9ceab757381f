"""Painting on request: a port where a real model would go, and the workers behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gallery.caching import jobs_changed
from gallery.data import writes
from gallery.data.errors import NotFound
from gallery.data.values import Changed, ImageKind, JobInfo
from gallery.origin import Clock
from gallery.writing import Writes

log = logging.getLogger("gallery.generation")

#: A bell that rang in another process is heard this late.
LOOKS_EVERY_S = 2.0
#: After an unexpected error, so that a database that is away is not asked in a tight loop.
PAUSE_AFTER_ERROR_S = 1.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A square picture as SVG; `digest` names it: equal pictures, equal digests."""

    svg: str
    digest: str
    side: int


class Generator(Protocol):
    """Makes pictures from words. Equal prompt and seed must give an equal picture.

    May raise anything; the job then fails with the error's text.
    """

    async def generate(self, prompt: str, seed: int) -> Picture: ...


class Workshop:
    """Workers that take queued jobs one by one, until closed.

    A job is claimed and finished in transactions of its own. One that was being painted
    when the process died is still marked as running; it is queued again at the next start.
    """

    def __init__(
        self,
        kept: Writes,
        generator: Generator,
        clock: Clock,
        *,
        workers: int,
    ) -> None:
        self._writes = kept
        self._generator = generator
        self._clock = clock
        self._workers = workers
        self._bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def ring(self) -> None:
        """There is a new job."""
        self._bell.set()

    async def start(self) -> None:
        await self._requeue()
        self._tasks = [
            asyncio.create_task(self._work(), name=f"painter-{number}")
            for number in range(self._workers)
        ]

    async def aclose(self) -> None:
        """Stop at once; what was being painted goes back into the queue."""
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        with contextlib.suppress(OSError):
            await self._requeue()

    async def _requeue(self) -> None:
        # Up to now and including it. A job that another process is painting is taken
        # from it too: painted twice, the second to finish finds it done and stops.
        before = self._clock() + timedelta(microseconds=1)
        async with self._writes.transaction() as write:
            changed = await writes.requeue_jobs(write.session, started_before=before)
            write.ends(*jobs_changed(changed))

    async def _work(self) -> None:
        while True:
            self._bell.clear()
            try:
                if await self._take_one():
                    continue
            except Exception:
                log.exception("a painter stumbled; it goes on in %.0f s", PAUSE_AFTER_ERROR_S)
                await asyncio.sleep(PAUSE_AFTER_ERROR_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_EVERY_S):
                    await self._bell.wait()

    async def _take_one(self) -> bool:
        async with self._writes.transaction() as write:
            job = await writes.claim_job(write.session, now=self._clock())
            if job is not None:
                write.ends(*jobs_changed(Changed(job_ids=(job.id,))))
        if job is None:
            return False
        try:
            picture = await self._generator.generate(job.prompt, job.seed)
        except Exception as error:
            log.exception("job %s failed", job.id)
            async with self._writes.transaction() as write:
                words = str(error) or type(error).__name__
                failed = await writes.fail_job(
                    write.session, job.id, error=words, now=self._clock()
                )
                write.ends(*jobs_changed(failed))
        else:
            await self._finish(job, picture)
        return True

    async def _finish(self, job: JobInfo, picture: Picture) -> None:
        try:
            async with self._writes.transaction() as write:
                added = await writes.add_image(
                    write.session,
                    owner_id=job.user_id,
                    kind=ImageKind.GENERATED,
                    digest=picture.digest,
                    width=picture.side,
                    height=picture.side,
                    character_id=job.character_id,
                    seed=job.seed,
                    prompt=job.prompt,
                    now=self._clock(),
                )
                done = await writes.finish_job(
                    write.session, job.id, image_id=added.image_ids[0], now=self._clock()
                )
                write.ends(*jobs_changed(done, added))
        except NotFound:
            # Another process took the job over, or its user or character is gone.
            log.info("job %s was no longer there to finish", job.id)
