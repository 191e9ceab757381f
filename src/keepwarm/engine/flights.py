"""Flights of the async engine: one origin call for all who may share it, in bounded numbers.

A flight runs in a task of its own with a copy of its first caller's context, so a caller
that is cancelled or out of patience harms nobody. It is joined only by callers whose
token equals its own (see `core.fetch`), or, without a token, before it has started.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace

from keepwarm.core.stamps import Token
from keepwarm.core.steps import Filled, FillReply, Raised, Subject
from keepwarm.engine.call import INLINE, Call

Key = tuple[str, object, str]
Wanted = tuple[tuple[Subject, Token | None], ...]
Results = Mapping[str, Filled | Raised]


def key_of(subject: Subject, token: Token | None, what: str) -> Key:
    """What two callers must share to share a flight.

    `what` is their function: a batch that finds nothing and a function that raises
    mean the same by different answers.
    """
    return (subject.name, token.join_key if token is not None else None, what)


def slots_of(policy_name: str, what: str) -> str:
    """Which slots a fill takes: its policy's, or its function's where the policy has no name."""
    return policy_name if policy_name != INLINE else f"{INLINE} {what}"


class NotFound(Exception):
    """A batch origin had nothing under this name."""


def reply_of(results: Results, subject: Subject, *, is_joining: bool, is_plain: bool) -> FillReply:
    """What one of the callers of a flight gets of its results.

    A failure, or nothing found, is shared only if what it depends on is known: had the
    fill named tags or used cached values, who joined late could have missed a change.
    """
    reply = results.get(subject.name) or Raised(NotFound())
    if not is_joining:
        return reply
    if isinstance(reply, Filled):
        return replace(reply, was_joined=True)
    return replace(reply, was_joined=True, is_joinable=is_plain)


def all_of(wanted: Wanted, error: BaseException) -> Results:
    """The same failure for every subject."""
    return {subject.name: Raised(error) for subject, _ in wanted}


@dataclass(eq=False, slots=True)
class Flight:
    """One origin call. `waiters` of a flight that nobody waits for but that runs is 0."""

    wanted: Wanted
    call: Call
    done: "asyncio.Future[Results]"
    context: Context = field(default_factory=copy_context)
    is_started: bool = False
    is_joined: bool = False
    is_unwaited: bool = False
    waiters: int = 0
    slots: "Slots | None" = None
    is_plain: bool = False
    """Its value depends on nothing but the token, so an equal token may join to the end."""
    ended_at: float | None = None
    is_alone: bool = False
    """Neither joined nor led by another process: its caller wants this very call."""
    is_orphan: bool = False
    """Its first caller left before it ended; a failure may be of his making alone."""

    @property
    def may_share_failure(self) -> bool:
        return self.is_plain and not self.is_orphan

    @property
    def is_abandoned(self) -> bool:
        return self.waiters == 0 and not self.is_unwaited


class Slots:
    """How many fills of one policy run at once; the others queue in order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self.queue: deque[Flight] = deque()

    def take(self) -> bool:
        if self.taken >= self.limit:
            return False
        self.taken += 1
        return True

    def next(self) -> Flight | None:
        """Give one slot back, or to the next flight that somebody still waits for."""
        while self.queue:
            flight = self.queue.popleft()
            if not flight.is_abandoned:
                return flight
        self.taken -= 1
        return None


class Table:
    """The flights that may be joined."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Flight] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, subject: Subject, token: Token | None, call: Call) -> Flight | None:
        """The flight this caller may join.

        One that has ended is joined by whoever read the store before that: he missed an
        entry that was on its way.
        """
        flight = self._by_key.get(key_of(subject, token, call.what))
        if flight is None or flight.ended_at is None:
            return flight
        return flight if token is not None and token.captured_at < flight.ended_at else None

    def add(self, flight: Flight) -> None:
        for subject, token in flight.wanted:
            key = key_of(subject, token, flight.call.what)
            present = self._by_key.get(key)
            if present is None or present.ended_at is not None:
                self._by_key[key] = flight

    def remove(self, flight: Flight) -> None:
        for subject, token in flight.wanted:
            key = key_of(subject, token, flight.call.what)
            if self._by_key.get(key) is flight:
                del self._by_key[key]
