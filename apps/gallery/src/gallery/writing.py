"""Every write of Gallery: its transaction, what it ends, and how far that got.

    async with parts.writes.transaction() as write:
        changed = await writes.update_character(write.session, …)
        write.ends(*caching.character_edited(changed))
    return answer(…, headers=write.headers)

What a write ends is announced before its COMMIT and ended after it, so that a process
that dies in between leaves nothing stale. With `mode="outbox"` it is also written down in
the same transaction: a write succeeds while the store is away, and somebody ends what it
ended when the store is back. With `mode="strict"` such a write is refused instead
(WriteNotAnnounced, answered with 503), and nothing is changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from gallery.data import models as m
from gallery.data.database import Database
from keepwarm import Cache, NotAcknowledged
from keepwarm.frameworks.sqlalchemy import Binding, Mode, bind


class Write:
    """One transaction. `headers` tell its caller how far it got: look after the block."""

    def __init__(self, session: AsyncSession, binding: Binding) -> None:
        self.session = session
        self._binding = binding
        self._receipt = binding.receipt(session)
        self._is_pending = False

    def ends(self, *tags: str) -> None:
        """What depends on `tags` is ended with this transaction; without any, nothing is."""
        self._binding.declare(self.session, *tags)

    def unconfirmed(self) -> None:
        """It was committed, and its invalidation is not confirmed."""
        self._is_pending = True

    @property
    def headers(self) -> dict[str, str]:
        """`done`, or `pending` while somebody may be served what was before, or `not-needed`."""
        if self._is_pending or self._receipt.is_pending:
            state = "pending"
        else:
            state = "done" if self._receipt.tags else "not-needed"
        return {"Cache-Invalidation": state}


class Writes:
    """The writes of one app. Must be started before anything is read through the cache."""

    def __init__(self, database: Database, cache: Cache, mode: Mode) -> None:
        self._database = database
        self._cache = cache
        self._mode: Mode = mode
        self._binding: Binding | None = None

    async def start(self) -> None:
        """Finish what earlier processes committed and could not finish."""
        self._binding = bind(
            self._cache,
            self._database.makers,
            None,  # each write says itself what it ends
            outbox=m.OUTBOX if self._mode == "outbox" else None,
            mode=self._mode,
            engine=self._database.engine,
        )
        await self._binding.start()

    async def aclose(self) -> None:
        """What is still pending stays in the outbox."""
        if self._binding is not None:
            await self._binding.aclose()
            self._binding = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Write]:
        """Commits at the end of the block, rolls back on an error.

        Each block that writes must say what it `ends`. Raises WriteNotAnnounced (strict).
        """
        assert self._binding is not None, "start() comes first"
        write: Write | None = None
        try:
            async with self._database.transaction() as session:
                write = Write(session, self._binding)
                yield write
        except NotAcknowledged:
            # Strict: it is committed, and nothing is served until its marks have lapsed.
            if write is None:
                raise
            write.unconfirmed()
