"""Explores a model state by state, and tells how it got to a state that breaks a promise.

A model says where it may start, what can happen next in each state, and what a read that
began in a state would return. The search goes breadth first, so a story is as short as
any. Of states that were visited only a 64-bit hash is kept (about 90 bytes each instead of
a kilobyte): for 5 million states the odds that two share one, and that the second is
therefore not looked into, are about one in a million. A story is found by searching again
with a note of where each state came from.
"""

import gc
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Reads:
    """What reads that began now would return: how many, and the first that breaks a promise.

    `overlapping` of them began while an invalidation was under way: if that were 0, it
    would mean nothing that none broke a promise.
    """

    count: int
    overlapping: int = 0
    broken: str = ""


class Model(Protocol[S]):
    """A protocol, abstracted to states that can be compared and hashed."""

    @property
    def name(self) -> str: ...

    def start(self) -> Sequence[tuple[str, S]]:
        """Where it may begin, each with a sentence."""
        ...

    def moves(self, state: S) -> Iterable[tuple[str, S]]:
        """What can happen next: a sentence, and the state it leads to."""
        ...

    def reads(self, state: S) -> Reads: ...


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that is broken, and the moves that led there."""

    model: str
    broken: str
    moves: tuple[str, ...]

    def __str__(self) -> str:
        story = "\n".join(f"{n:3}. {move}" for n, move in enumerate(self.moves, 1))
        return f"{self.model}: {self.broken}\n{story}\nreplay: {list(self.moves)!r}"


@dataclass(frozen=True, slots=True)
class Search:
    """How far a search went and what it met."""

    model: str
    states: int
    transitions: int
    reads: int
    overlapping: int
    depth: int
    """Every story of so many moves was played."""
    is_complete: bool
    violation: Violation | None = None

    def __str__(self) -> str:
        extent = "all there are" if self.is_complete else "the nearest"
        return (
            f"{self.model}: {self.states:,} states ({extent}, {self.depth} moves deep), "
            f"{self.transitions:,} transitions, "
            f"{self.reads:,} reads, {self.overlapping:,} of them during an invalidation: "
            + ("a promise is broken" if self.violation else "no promise is broken")
        )


def search(model: Model[S], states: int) -> Search:
    """Look into up to `states` states, nearest first; ends at the first broken promise."""
    with _uncollected():
        return _search(model, states)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: millions of tuples, no cycles, and half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _search(model: Model[S], states: int) -> Search:
    seen: set[int] = set()
    frontier = [state for _, state in model.start()]
    seen.update(map(hash, frontier))
    transitions = reads = overlapping = depth = 0
    while frontier:
        following: list[S] = []
        for state in frontier:
            found = model.reads(state)
            reads += found.count
            overlapping += found.overlapping
            if found.broken:
                violation = _traced(model)
                return Search(
                    model.name, len(seen), transitions, reads, overlapping, depth, False, violation
                )
            for _, after in model.moves(state):
                transitions += 1
                if len(seen) < states:
                    key = hash(after)
                    if key not in seen:
                        seen.add(key)
                        following.append(after)
        frontier = following
        depth += len(seen) < states and bool(following)
    is_complete = len(seen) < states
    return Search(model.name, len(seen), transitions, reads, overlapping, depth, is_complete)


def _traced(model: Model[S]) -> Violation:
    """The shortest story of the promise that a search has found broken."""
    came: dict[S, tuple[S | None, str]] = {s: (None, told) for told, s in model.start()}
    frontier = list(came)
    while frontier:
        following: list[S] = []
        for state in frontier:
            broken = model.reads(state).broken
            if broken:
                return Violation(model.name, broken, _story(came, state))
            for told, after in model.moves(state):
                if after not in came:
                    came[after] = (state, told)
                    following.append(after)
        frontier = following
    raise AssertionError("the same search found nothing: a model whose moves are not determined")


def _story(came: dict[S, tuple[S | None, str]], state: S) -> tuple[str, ...]:
    told: list[str] = []
    at: S | None = state
    while at is not None:
        at, how = came[at]
        told.append(how)
    return tuple(reversed(told))


def replay(model: Model[S], moves: Sequence[str]) -> tuple[S, Reads]:
    """The state to which these moves lead, and what reads would return there."""
    state = dict(model.start())[moves[0]]
    for told in moves[1:]:
        state = dict(model.moves(state))[told]
    return state, model.reads(state)
