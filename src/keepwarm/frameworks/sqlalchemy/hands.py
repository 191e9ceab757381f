"""How a binding speaks to its cache from within SQLAlchemy's events, which are never async.

An AsyncSession runs its session in a greenlet, from which `await_only` gets back to the
event loop; a plain session uses the cache's twin for threads.
"""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from keepwarm.engine.cache import BaseCache
from keepwarm.engine.plans import Ack
from keepwarm.engine.threads import BlockingCache
from keepwarm.engine.writing import BlockingWriting, Writing
from keepwarm.errors import NotAcknowledged
from keepwarm.frameworks.sqlalchemy.mapping import Touched


class Hands(Protocol):
    """What a binding needs of a cache; raises WriteNotAnnounced and NotAcknowledged."""

    def announce(self, tags: Iterable[str]) -> Writing | BlockingWriting: ...

    def leave(self, writing: Writing | BlockingWriting) -> Ack | None: ...

    def end(self, touched: Touched) -> Ack:
        """Invalidate it."""
        ...


class BlockingHands:
    def __init__(self, cache: BaseCache) -> None:
        with cache.blocking() as threads:  # leaving it leaves the cache running
            self._cache: BlockingCache = threads

    def announce(self, tags: Iterable[str]) -> BlockingWriting:
        writing = self._cache.writing(*sorted(tags)).__enter__()
        try:
            writing.check()
        except BaseException:
            writing.abandon()
            raise
        return writing

    def leave(self, writing: Writing | BlockingWriting) -> Ack | None:
        assert isinstance(writing, BlockingWriting)
        writing.__exit__(None, None, None)
        return writing.ack

    def end(self, touched: Touched) -> Ack:
        if touched.everything:
            return self._cache.clear()
        return self._cache.invalidate(*sorted(touched.tags))


# Somebody ended a session behind the back of its AsyncSession: nobody can wait for a reply.
_ALONE = "the session was ended outside of a greenlet"


class AsyncHands:
    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache

    def announce(self, tags: Iterable[str]) -> Writing:
        return await_only(self._announce(sorted(tags)))

    def leave(self, writing: Writing | BlockingWriting) -> Ack | None:
        assert isinstance(writing, Writing)
        if not in_greenlet():
            writing.abandon()
            raise NotAcknowledged(writing.tags, _ALONE)
        await_only(writing.__aexit__(None, None, None))
        return writing.ack

    def end(self, touched: Touched) -> Ack:
        if not in_greenlet():
            raise NotAcknowledged(tuple(sorted(touched.tags)), _ALONE, retried=False)
        if touched.everything:
            return await_only(self._cache.clear())
        return await_only(self._cache.invalidate(*sorted(touched.tags)))

    async def _announce(self, tags: list[str]) -> Writing:
        writing = await self._cache.writing(*tags).__aenter__()
        try:
            await writing.check()
        except BaseException:
            writing.abandon()
            raise
        return writing
