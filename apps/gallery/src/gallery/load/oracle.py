"""Judges every answer of a load: right means equal to what an uncached app would have said.

An answer may reflect any version of the data that was current at some moment between
its request and its arrival. What may be older than that is listed here and nowhere
else: counts of views, because a view ends no cached copy, orders, because a like ends none of
a list (gallery.caching), and rankings, which follow a clock of ten minutes that each answer
names (`as_of`).

An answer made of parts (a list, and its cards) may have seen two versions that were
both possible: each part must then be right for one of them.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gallery.caching import POLICIES
from gallery.data.values import Mode
from gallery.load.player import Exchange, Played
from gallery.load.replay import Replay
from gallery.load.requests import WRITES, Kind
from gallery.origin import rounded

#: The counters in an answer. That of likes is of now; that of views may be as old as a policy
#: lets an entry become, and must hold what it held at some moment in that time.
COUNTS = ("like_count", "view_count")
#: Orders that likes and views move without ending the copies: they must be right after
#: some prefix of the interactions in that time.
MOVED_BY_INTERACTIONS = frozenset({Kind.SIMILAR, Kind.FEATURED})
MOVED_MODES = frozenset({Mode.FEATURED, Mode.DISCOVER})
#: Rankings count what was before their clock; but who takes a like back moves them at once.
MOVED_BY_UNLIKES = frozenset({Mode.ALL, Mode.TRENDING})

#: At the turn of the ranking clock, an interaction may have been on its way.
TURN = timedelta(seconds=3)
_POLICIES = {
    Kind.LIST: ("character-list", "personal-list", "character-card", "featured"),
    Kind.FEATURED: ("featured", "character-card"),
    Kind.SIMILAR: ("character-list", "character-card"),
    Kind.DETAIL: ("character-detail",),
}


def oldest_s(kind: Kind) -> float:
    """How old, in seconds, the age-tolerant parts of an answer may be."""
    ages = [0.0]
    for name in _POLICIES.get(kind, ()):
        policy = POLICIES[name]
        stale_s = max(policy.stale_while_revalidate_s, policy.stale_if_unproven_s)
        # A list may be served stale while its refresh runs into the hard timeout.
        ages.append(policy.ttl_s + stale_s + policy.hard_timeout_s)
    return sum(ages)  # a list's scores may be as old when the list is made


@dataclass(frozen=True, slots=True)
class Said:
    """An answer taken apart: what is common, the parts in order, and what may be older."""

    status: int
    common: str
    ids: tuple[int, ...] = ()
    parts: dict[int, str] = field(default_factory=dict)
    counts: tuple[tuple[int, tuple[int, int]], ...] = ()
    liked: bool | None = None
    as_of: datetime | None = None

    def is_same(self, other: Said) -> bool:
        """Whether they differ in nothing but what may be older."""
        return (self.status, self.common, self.ids, self.parts) == (
            other.status, other.common, other.ids, other.parts,
        )  # fmt: skip


def taken_apart(kind: Kind, status: int, body: bytes, digest: str) -> Said:
    """Errors say no more than their status; pictures no more than their digest."""
    if status != 200:
        return Said(status, "")
    if kind is Kind.PORTRAIT:
        return Said(status, digest)
    told: dict[str, Any] = msgspec.json.decode(body)
    as_of = told.get("as_of")
    items: list[dict[str, Any]] = []
    liked = None
    if kind in (Kind.LIST, Kind.FEATURED, Kind.SIMILAR):
        items = told.pop("items")
    elif kind is Kind.DETAIL:
        liked = told.pop("liked")
        items, told = [told], {}
    counts = tuple((one["id"], tuple(one.pop(name) for name in COUNTS)) for one in items)
    return Said(
        status,
        _text(told),
        tuple(one["id"] for one in items),
        {one["id"]: _text(one) for one in items},
        counts,
        liked,
        datetime.fromisoformat(as_of) if isinstance(as_of, str) else None,
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer that no version of the data allows."""

    exchange: Exchange
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`judged` answers, of which `wrong` were; `recomputed` answers were computed for it.

    `unjudged` got no answer or a refusal (5xx), which is an error, not a wrong answer.
    """

    judged: int
    wrong: tuple[Wrong, ...]
    recomputed: int
    versions: int
    unjudged: int
    took_s: float = 0.0


@dataclass(slots=True)
class _Case:
    """An answer with the versions that it may reflect."""

    exchange: Exchange
    said: Said
    first: int  # strict versions
    last: int
    first_tolerant: int  # interactions
    first_like: int
    last_like: int
    expected: dict[int, Said] = field(default_factory=dict)

    @property
    def is_moved(self) -> bool:
        """Whether likes and views move its order."""
        request = self.exchange.request
        return (
            request.kind in MOVED_BY_INTERACTIONS
            or request.mode in MOVED_MODES
            or request.mode in MOVED_BY_UNLIKES
        )


class Oracle:
    """Judges the answers of one load by its replay."""

    def __init__(self, replay: Replay, played: Played) -> None:
        self._replay = replay
        self._wrong: list[Wrong] = []
        self._known: dict[tuple[object, ...], Said] = {}
        self._cases: list[_Case] = []
        self._unjudged = self._judged = 0
        for exchange in played.exchanges:
            if exchange.is_failed:
                self._unjudged += 1
            elif exchange.request.kind not in WRITES:
                self._cases.append(self._case(exchange))
        #: Strict versions at which a character changed, for pictures, and ended.
        self._changes: dict[int, list[int]] = defaultdict(list)
        self._ended: dict[int, int] = {}
        for version, write in enumerate(replay.strict, 1):
            self._changes[write.request.character_id].append(version)
            if write.request.kind is Kind.DELETE:
                self._ended[int(write.path.rpartition("/")[2])] = version

    async def judge(self, watch: Callable[[float], None] = lambda done: None) -> Verdict:
        """Judge all of them, telling how far it is (0 … 1). Raises Diverged."""
        began = datetime.now(UTC)
        waiting = sorted(self._cases, key=lambda case: (case.first, case.last_like))
        open_cases: list[_Case] = []
        for version in range(len(self._replay.strict) + 1):
            if version:
                self._judge_write(await self._replay.advance())
            while waiting and waiting[0].first <= version:
                open_cases.append(waiting.pop(0))
            still: list[_Case] = []
            for case in open_cases:
                if not await self._settled(case, version):
                    still.append(case)
                else:
                    self._judged += 1
                    watch(min(1.0, self._judged / max(1, len(self._cases))))
            open_cases = still
        return Verdict(
            self._judged,
            tuple(self._wrong),
            self._replay.recomputed,
            len(self._replay.strict) + len(self._replay.effects.effects),
            self._unjudged,
            (datetime.now(UTC) - began).total_seconds(),
        )

    def _case(self, exchange: Exchange) -> _Case:
        replay, kind = self._replay, exchange.request.kind
        since = (exchange.wall_sent - oldest_s(kind)) * 1_000_000
        tolerant = sum(1 for effect in replay.effects.effects if effect.at < since)
        return _Case(
            exchange,
            taken_apart(kind, exchange.status, exchange.body, exchange.digest),
            replay.strict_of[exchange.writes_done],
            replay.strict_of[exchange.writes_sent],
            min(tolerant, replay.interactions_of[exchange.writes_done]),
            replay.interactions_of[exchange.writes_done],
            replay.interactions_of[exchange.writes_sent],
        )

    def _judge_write(self, body: bytes) -> None:
        """A write's own answer must show what it wrote."""
        exchange = self._replay.strict[self._replay.version - 1]
        if exchange.is_failed or not exchange.body:
            return
        is_character = exchange.request.kind in (Kind.EDIT, Kind.CREATE)
        kind = Kind.DETAIL if is_character else exchange.request.kind
        said = taken_apart(kind, 200, exchange.body, "")
        expected = taken_apart(kind, 200, body, "")
        self._judged += 1
        if not said.is_same(expected):
            self._wrong.append(Wrong(exchange, _difference(said, expected)))

    async def _settled(self, case: _Case, version: int) -> bool:
        """Whether the case needs no later version: right, or wrong for good."""
        if version == case.first and (why := self._odd(case)) is not None:
            self._wrong.append(Wrong(case.exchange, why))
            return True
        expected = case.expected[version] = await self._expected(case, case.last_like)
        if case.said.is_same(expected) or (case.is_moved and await self._moved(case)):
            return True
        if case.first < version and (self._is_mixed(case) or await self._is_crossed(case)):
            return True
        if version < case.last:
            return False
        self._wrong.append(Wrong(case.exchange, _difference(case.said, expected)))
        return True

    def _odd(self, case: _Case) -> str | None:
        """What is wrong whatever the version: counts, the reader's own like, the clock."""
        effects, said, exchange = self._replay.effects, case.said, case.exchange
        for id, counts in said.counts:
            likes = {one for one, _ in effects.counts(id, case.first_like, case.last_like)}
            views = {one for _, one in effects.counts(id, case.first_tolerant, case.last_like)}
            allowed = {(one, other) for one in likes for other in views}
            if counts not in allowed:
                return f"counts of {id} were {counts}, never allowed: {sorted(allowed)[:5]}"
        if said.liked is not None and exchange.request.user_id is not None:
            pair = (exchange.request.user_id, exchange.request.character_id)
            if said.liked not in effects.liked(*pair, case.first_like, case.last_like):
                return f"liked was {said.liked}"
        if said.as_of is not None:
            sent = datetime.fromtimestamp(exchange.wall_sent, UTC)
            latest = rounded(sent + timedelta(seconds=exchange.took_s))
            oldest = rounded(sent - timedelta(seconds=oldest_s(exchange.request.kind)))
            if not oldest <= said.as_of <= latest or rounded(said.as_of) != said.as_of:
                return f"as_of was {said.as_of}"
        return None

    async def _expected(self, case: _Case, interactions: int, scores_of: int | None = None) -> Said:
        """What the uncached app says at the replay's version after so many interactions."""
        exchange, said = case.exchange, case.said
        kind, version = exchange.request.kind, self._replay.version
        moved = interactions if case.is_moved else 0
        since = version
        if kind is Kind.PORTRAIT:
            changes = self._changes[exchange.request.character_id]
            since = sum(1 for change in changes if change <= version)
        if not case.is_moved:
            # Any number will do; the present one saves moving.
            interactions = self._replay.effects.applied
        if said.as_of is not None:
            interactions = max(interactions, self._before(said.as_of))
        key = (exchange.path, exchange.request.user_id, said.as_of, since, moved, scores_of)
        if key not in self._known:
            status, body = await self._replay.answer(
                exchange.path, exchange.request.user_id,
                as_of=said.as_of, interactions=interactions, scores_of=scores_of,
            )  # fmt: skip
            self._known[key] = taken_apart(kind, status, body, _digest(body))
        return self._known[key]

    def _before(self, as_of: datetime) -> int:
        """Interactions that a ranking of that clock counts, at least."""
        step = int((as_of - TURN).timestamp() * 1_000_000)
        effects = self._replay.effects.effects
        return sum(1 for effect in effects if effect.at < step)

    async def _moved(self, case: _Case) -> bool:
        """Whether an earlier number of interactions, that may be served, explains it."""
        for interactions in self._relevant(case):
            expected = await self._expected(case, interactions)
            if case.said.is_same(expected):
                return True
            if case.said.status == expected.status and self._is_right(case, expected):
                return True
        return False

    def _relevant(self, case: _Case) -> Iterator[int]:
        """Numbers of interactions after which its order may have been another, latest first."""
        request = case.exchange.request
        shown = {id for said in (case.said, *case.expected.values()) for id in said.ids}
        effects = self._replay.effects.effects
        for index in range(case.last_like - 1, case.first_tolerant - 1, -1):
            effect = effects[index]
            if request.mode in MOVED_BY_UNLIKES:
                if effect.is_unlike:
                    yield index
                continue
            is_theirs = request.user_id is not None and effect.user_id == request.user_id
            is_shown = request.kind is Kind.SIMILAR and effect.character_id in shown
            if is_theirs or is_shown:
                yield index

    def _is_mixed(self, case: _Case) -> bool:
        """Whether each part is right for a version that was possible."""
        return any(
            case.said.status == expected.status and self._is_right(case, expected)
            for expected in case.expected.values()
        )

    def _is_right(self, case: _Case, expected: Said) -> bool:
        """Whether its common part is that of `expected`, and its parts those of any version."""
        said, versions = case.said, list(case.expected.values())
        if said.common != expected.common:
            return False
        # A card may be missing from a list made just before its character went.
        last = self._replay.version
        gone = {id for id in expected.ids if case.first < self._ended.get(id, 0) <= last}
        if said.ids != tuple(id for id in expected.ids if id in said.parts or id not in gone):
            return False
        possible = [*versions, expected]
        return all(
            any(other.parts.get(id) == part for other in possible)
            for id, part in said.parts.items()
        )

    async def _is_crossed(self, case: _Case) -> bool:
        """Whether it took the shared scores of one possible version and tastes of another."""
        request = case.exchange.request
        if request.kind is not Kind.FEATURED and request.mode is not Mode.FEATURED:
            return False
        traits_at = self._replay.traits_at
        # Likes move tastes and end no copy, so each pair of old scores and tolerated tastes counts.
        tastes = [case.last_like, *self._relevant(case)]
        for traits in range(traits_at[case.first], traits_at[self._replay.version]):
            for interactions in tastes:
                try:
                    expected = await self._expected(case, interactions, traits)
                except KeyError:
                    break
                if expected.status == 200 and self._is_right(case, expected):
                    return True
        return False


def _difference(said: Said, expected: Said) -> str:
    if said.status != expected.status:
        return f"status {said.status}, expected {expected.status}"
    if said.ids != expected.ids:
        return f"ids {said.ids[:8]}…, expected {expected.ids[:8]}…"
    if said.common != expected.common:
        return f"said {said.common[:160]}, expected {expected.common[:160]}"
    for id, part in said.parts.items():
        if part != expected.parts[id]:
            return f"part {id}: {part[:160]}, expected {expected.parts[id][:160]}"
    return "it differs"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
