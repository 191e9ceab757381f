"""The data of a load at each of its versions, and uncached answers from them.

A copy of the database from before the load goes through its writes again: strict ones
(edits, creations, …) one by one through the app itself, forwards only; likes and views
freely forwards and backwards (effects.py). The app that answers has its cache switched
off and a clock that is set by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from gallery.app import create_app
from gallery.caching import POLICIES, CachedReads
from gallery.data.models import instant
from gallery.data.values import Filters, Mode, Scores
from gallery.load.effects import Effects
from gallery.load.player import Exchange
from gallery.load.requests import INTERACTIONS, Kind
from gallery.origin import Listing, Origin, rounded
from gallery.settings import Settings
from gallery.web.sessions import CSRF_HEADER, SESSION_COOKIE, csrf_token
from keepwarm import Cache

#: Rankings are recomputed to this depth once per version, and pages cut from them.
DEPTH = 1_000
_CHANGES_LISTS = frozenset({Kind.CREATE, Kind.DELETE})
_CHANGES_TRAITS = _CHANGES_LISTS | {Kind.EDIT}


class Diverged(Exception):
    """Writing again did not give what it gave the first time: nothing can be judged by it."""


class _SteppedClock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class _RecomputingOrigin(Origin):
    """The app's own reads, but the two expensive ones are computed once per version."""

    def __init__(self, app_origin: Origin) -> None:
        super().__init__(app_origin._database, app_origin._painter, app_origin._clock)
        self.lists = self.traits = 0  # how many writes changed them
        self.scores_of: int | None = None  # another `traits` to take scores from
        self.past_clock = 0  # how many interactions lie before the clock's step
        self.unlikes = 0  # how many took a like back, whenever that was given
        self._rankings: dict[tuple[Mode, datetime, int, int, int], Listing] = {}
        self._scores: dict[tuple[datetime, int, int], Scores] = {}

    async def scores(self) -> Scores:
        traits = self.traits if self.scores_of is None else self.scores_of
        key = (rounded(self._clock()), traits, self.past_clock)
        if key not in self._scores:
            if traits != self.traits:
                raise KeyError(traits)
            self._scores[key] = await super().scores()
        return self._scores[key]

    async def listing(
        self,
        mode: Mode,
        page: int,
        page_size: int,
        filters: Filters,
        user_id: int | None,
        scores: Scores | None,
    ) -> Listing:
        start = page * page_size
        if mode not in (Mode.ALL, Mode.TRENDING) or filters or start + page_size > DEPTH:
            return await super().listing(mode, page, page_size, filters, user_id, scores)
        key = (mode, rounded(self._clock()), self.lists, self.past_clock, self.unlikes)
        if key not in self._rankings:
            self._rankings[key] = await super().listing(mode, 0, DEPTH, filters, None, None)
        whole = self._rankings[key]
        ids = whole.ids[start : start + page_size]
        return Listing(ids, whole.total, bool(ids) and start + len(ids) < whole.total, whole.as_of)


class Replay:
    """The copy at `path`, at strict version 0 to begin with."""

    def __init__(
        self,
        path: Path,
        live: Path,
        client: httpx.AsyncClient,
        clock: _SteppedClock,
        origin: _RecomputingOrigin,
        writes: Sequence[Exchange],
        tokens: dict[int, str],
    ) -> None:
        done = [write for write in writes if write.is_done]
        self.strict = [write for write in done if write.request.kind not in INTERACTIONS]
        interactions = [write for write in done if write.request.kind in INTERACTIONS]
        self.effects = Effects(path, interactions)
        self.version = 0
        self.recomputed = 0
        self._path = path
        self._live = live
        self._client = client
        self._clock = clock
        self._origin = origin
        self._tokens = tokens
        #: How many strict writes, and interactions, are among the first n writes.
        self.strict_of, self.interactions_of = [0], [0]
        for write in writes:
            is_done = write.is_done
            is_interaction = write.request.kind in INTERACTIONS
            self.strict_of.append(self.strict_of[-1] + (is_done and not is_interaction))
            self.interactions_of.append(self.interactions_of[-1] + (is_done and is_interaction))
        #: After each strict write, how many so far changed what characters are like.
        self.traits_at = [0]
        for write in self.strict:
            changes = write.request.kind in _CHANGES_TRAITS
            self.traits_at.append(self.traits_at[-1] + changes)
        self._natural = [0]  # interactions before each strict write
        for number, write in enumerate(writes):
            if write.is_done and write.request.kind not in INTERACTIONS:
                self._natural.append(self.interactions_of[number])

    async def advance(self) -> bytes:
        """Apply the next strict write; the body that it is answered with. Raises Diverged."""
        write = self.strict[self.version]
        await asyncio.to_thread(self.effects.move, self._natural[self.version + 1])
        self._clock.now = _written_at(write, self._live)
        answer = await self._send(
            write.request.method,
            write.path,
            write.request.user_id,
            body=write.request.body,
            content_type=write.request.content_type,
        )
        if answer.status_code != write.status and not write.is_failed:
            raise Diverged(f"{write.request.kind} gave {answer.status_code}, not {write.status}")
        self.version += 1
        self._origin.lists += write.request.kind in _CHANGES_LISTS
        self._origin.traits = self.traits_at[self.version]
        return answer.content

    async def answer(
        self,
        path: str,
        user_id: int | None,
        *,
        as_of: datetime | None,
        interactions: int,
        scores_of: int | None = None,
    ) -> tuple[int, bytes]:
        """Status and body at this strict version after so many interactions.

        `as_of` sets the clock; `scores_of` takes scores from an earlier `traits`
        (KeyError if they were not computed then).
        """
        # In a thread: the replayed app may hold the database, and needs the loop to let go of it.
        await asyncio.to_thread(self.effects.move, interactions)
        if as_of is not None:
            self._clock.now = as_of + timedelta(seconds=1)
        step = int(rounded(self._clock()).timestamp() * 1_000_000)
        applied = self.effects.effects[:interactions]
        self._origin.past_clock = sum(1 for effect in applied if effect.at <= step)
        self._origin.unlikes = sum(1 for effect in applied if effect.is_unlike)
        self._origin.scores_of = scores_of
        self.recomputed += 1
        answer = await self._send("GET", path, user_id)
        return answer.status_code, answer.content

    async def _send(
        self,
        method: str,
        path: str,
        user_id: int | None,
        *,
        body: bytes = b"",
        content_type: str = "",
    ) -> httpx.Response:
        headers = {}
        if user_id is not None:
            token = self._tokens[user_id]
            headers["Cookie"] = f"{SESSION_COOKIE}={token}"
            headers[CSRF_HEADER] = csrf_token(token)
        if content_type:
            headers["Content-Type"] = content_type
        return await self._client.request(method, path, headers=headers, content=body or None)

    async def finish(self) -> None:
        """Apply what is left and compare with the database the load left. Raises Diverged."""
        while self.version < len(self.strict):
            await self.advance()
        await asyncio.to_thread(self.effects.move, len(self.effects.effects))
        for table, columns in _COMPARED.items():
            query = f"SELECT {columns} FROM {table} ORDER BY {columns}"  # noqa: S608 - constants
            if _rows(self._path, query) != _rows(self._live, query):
                raise Diverged(f"the replayed {table} differ from those the load left")


_COMPARED = {
    "characters": "id, creator_id, name, description, attributes, seed, version,"
    " like_count, view_count",
    "character_tags": "character_id, tag_id",
    "images": "id, owner_id, character_id, kind, digest, seed, prompt",
    "preferences": "user_id, tag_weights, hidden_tags, favourite_species",
}
"""Without times: where no answer told when a write was made, the replay's is another."""


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


class _Stamped(msgspec.Struct):
    created_at: datetime | None = None
    updated_at: datetime | None = None


def _written_at(write: Exchange, live: Path) -> datetime:
    """When the server says it was, so that what is made again is the same to the microsecond."""
    sent = datetime.fromtimestamp(write.wall_sent, UTC)
    if write.is_failed:
        return _noted_at(write, live) or sent
    if not write.body:
        return sent
    told = msgspec.json.decode(write.body, type=_Stamped)
    at = told.updated_at or told.created_at or sent
    # An answer that came stale from a cache tells of an earlier write.
    return at if abs((at - sent).total_seconds()) <= write.took_s + 1.0 else sent


def _noted_at(write: Exchange, live: Path) -> datetime | None:
    """What the database the load left says of a write that was made but answered badly."""
    since = int(write.wall_sent * 1_000_000)
    until = since + int((write.took_s + 1.0) * 1_000_000)
    within = "updated_at BETWEEN ? AND ? ORDER BY updated_at LIMIT 1"
    query = "SELECT updated_at FROM characters WHERE (id = ? OR ?) AND " + within  # noqa: S608
    is_new = write.request.kind is Kind.CREATE
    with contextlib.closing(sqlite3.connect(live)) as database:
        found = database.execute(
            query, (write.request.character_id, is_new, since, until)
        ).fetchone()
    return instant(found[0]) if found else None


@asynccontextmanager
async def replay(
    snapshot: Path, live: Path, writes: Sequence[Exchange], tokens: dict[int, str]
) -> AsyncIterator[Replay]:
    """Replay `writes` on the copy `snapshot`, which is changed; they left the data at `live`."""
    settings = Settings(
        database_url=f"sqlite:///{snapshot}",
        data=snapshot.parent,
        generation_workers=0,
    )
    clock = _SteppedClock()
    cache = Cache("memory://", namespace="replay", policies=POLICIES, enabled=False)
    app = create_app(settings, cache=cache, clock=clock)
    async with app.router.lifespan_context(app):
        parts = app.state.parts
        origin = _RecomputingOrigin(Origin(parts.database, parts.studio, clock))
        app.state.parts = replace(parts, reads=CachedReads(cache, origin, parts.studio))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            found = Replay(snapshot, live, client, clock, origin, writes, tokens)
            try:
                yield found
            finally:
                found.effects.close()
