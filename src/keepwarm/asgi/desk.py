"""What all requests of one middleware share: its settings, its shelf, and what it has learnt."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from keepwarm.asgi.asked import Asked
from keepwarm.asgi.auditing import Audit
from keepwarm.asgi.flights import Flights
from keepwarm.asgi.flooding import Doorkeeper
from keepwarm.asgi.judging import Rules
from keepwarm.asgi.library import Library
from keepwarm.asgi.ready import Ready
from keepwarm.asgi.report import App
from keepwarm.asgi.routes import Bypass, PerUser, Routes
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.shelf import Shelf
from keepwarm.errors import NotAcknowledged
from keepwarm.ports import Clock
from keepwarm.rfc9111.fields import Fields
from keepwarm.rfc9111.no_vary_search import Search, search

log = logging.getLogger("keepwarm")

MOST_REFRESHES = 64  # that nobody waits for, at once
MOST_LEARNT = 10_000  # paths or URLs of which something is remembered
MOST_HINTS = 16
_READY_FRACTION = 4  # of the near tier; responses ready to be sent come on top of it
_READY_MOST = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """The middleware's arguments, checked."""

    is_shared: bool
    declared_only: bool
    targets: tuple[bytes, ...]
    stale_on_error: bool
    max_body: int
    share_cookies: frozenset[str]


class Desk:
    """Belongs to one event loop, as its cache does."""

    def __init__(
        self, app: App, cache: BaseCache, routes: Routes, settings: Settings, clock: Clock | None
    ) -> None:
        self.app = app
        self.cache = cache
        self.routes = routes
        self.settings = settings
        self.shelf = Shelf(cache, "http")
        self.clock = clock or self.shelf.clock
        self.ready = Ready(min(self.shelf.near_bytes // _READY_FRACTION, _READY_MOST))
        self.library = Library(self.shelf, self.ready, settings.targets)
        self.flights = Flights()
        self.doorkeeper = Doorkeeper()
        self.unstorable: OrderedDict[str, None] = OrderedDict()
        self.storable: OrderedDict[str, None] = OrderedDict()
        self.audit = Audit(routes.declared, cache)
        self._searches: OrderedDict[str, Search] = OrderedDict()
        self._hints: OrderedDict[str, tuple[bytes, ...]] = OrderedDict()
        self._refreshing: dict[str, asyncio.Task[None]] = {}

    def rules_for(self, asked: Asked) -> Rules:
        """By what the responses of a request's route are judged."""
        policy = asked.match.policy if asked.match is not None else None
        settings = self.settings
        return Rules(
            policy=None if isinstance(policy, Bypass) else policy,
            is_private=isinstance(policy, PerUser) or not settings.is_shared,
            declared_only=settings.declared_only,
            targets=settings.targets,
            max_body=settings.max_body,
            share_cookies=settings.share_cookies,
        )

    # What is learnt from responses.

    def search_of(self, url: str) -> Search | None:
        return self._searches.get(url.partition("?")[0]) if self._searches else None

    def learn(self, asked: Asked, fields: Fields) -> None:
        """Take from a response what it says about others of its path."""
        path = asked.url.partition("?")[0]
        found = search(fields)
        if found is not None:
            _note(self._searches, path, found)
        elif path in self._searches:
            del self._searches[path]
        links = tuple(link for name, link in fields if name == b"link" and _is_hint(link))
        if links:
            _note(self._hints, path, links[:MOST_HINTS])
        elif path in self._hints:
            del self._hints[path]

    def hints(self, asked: Asked) -> tuple[bytes, ...]:
        """Links that the last response of this path asked to load early."""
        return self._hints.get(asked.url.partition("?")[0], ()) if self._hints else ()

    def note_storable(self, name: str, *, is_storable: bool) -> None:
        """Remember whether waiting for another request's answer to this URL is of any use."""
        if is_storable:
            self.unstorable.pop(name, None)
            _note(self.storable, name, None)
        else:
            self.storable.pop(name, None)
            _note(self.unstorable, name, None)

    # What is done beside requests.

    def refresh(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `work` run in the background, once for `name`."""
        if name in self._refreshing or len(self._refreshing) >= MOST_REFRESHES:
            return
        task = asyncio.get_running_loop().create_task(work())
        self._refreshing[name] = task
        task.add_done_callback(lambda done: self._refreshed(name, done))

    def _refreshed(self, name: str, task: "asyncio.Task[None]") -> None:
        self._refreshing.pop(name, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a background refresh failed: %s", type(error).__name__)

    async def end(self) -> None:
        """Cancel what still runs in the background."""
        tasks = tuple(self._refreshing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def invalidate(self, keys: Iterable[str], tags: Iterable[str]) -> None:
        """End what is stored under `keys` or with `tags`, in every process.

        If that cannot be confirmed it is retried, and logged: the request that caused it
        has happened all the same, and its client must be told so.
        """
        try:
            if keys := tuple(keys):
                await self.cache.invalidate_key(*keys)
            if tags := tuple(tags):
                await self.cache.invalidate(*tags)
        except NotAcknowledged as error:
            log.warning("what an unsafe request outdated was not confirmed: %s", error.why)


def _note(learnt: OrderedDict[str, Any], name: str, value: Any) -> None:
    learnt[name] = value
    learnt.move_to_end(name)
    if len(learnt) > MOST_LEARNT:
        learnt.popitem(last=False)


def _is_hint(link: bytes) -> bool:
    relations = link.lower().replace(b'"', b"")
    return b"rel=preload" in relations or b"rel=preconnect" in relations
