"""An entry: a stored value and the terms under which it may be served."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from keepwarm.core.globs import Glob
from keepwarm.core.stamps import Carried, Epoch, Stamp

ANY_KEY = ""
"""Stands for more keys than are worth listing: every pattern matches it."""


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """All that is stored beside a value. Instants are Unix seconds of the filling host."""

    filled_at: float
    fresh_until: float
    stale_until: float
    """Stale-while-revalidate may serve it until then (RFC 5861 section 3)."""
    error_until: float
    """Stale-if-error may serve it until then (RFC 5861 section 4)."""
    kept_until: float
    cost_s: float
    epoch: str
    position: int
    stamps: tuple[Carried, ...]
    tags: tuple[str, ...]
    filler: str = ""
    is_fenced: bool = True
    """False for a bare `set`, whose value was read nobody knows when."""
    own_position: int = 0
    """The position of its own fill; `position` is the oldest of all that it is made of."""
    keys: tuple[tuple[str, int], ...] = ()
    """Logical keys and positions of the cached values it was made of, for patterns."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An entry as a store hands it out: the encoded value and its terms."""

    terms: Terms
    payload: bytes


class Life(Enum):
    """What an entry's clock and stamps say about serving it."""

    FRESH = "fresh"
    STALE = "stale"  # past fresh_until or softly invalidated; no invalidation missed
    DEAD = "dead"  # a stamp differs, is missing or dirty: never served
    UNSURE = "unsure"  # older than a pattern invalidation: match the patterns first


@dataclass(frozen=True, slots=True)
class Pattern:
    position: int
    glob: Glob


@dataclass(frozen=True, slots=True)
class Patterns:
    """The pattern invalidations later than `floor`; older ones were dropped from the list."""

    epoch: str
    floor: int
    newest: int
    items: tuple[Pattern, ...]

    def kill(self, logical: str, terms: Terms, epoch: Epoch) -> bool:
        """Whether one of them hits an entry of `logical`, or cannot be ruled out to."""
        return self.kill_any(((logical, terms.own_position), *terms.keys), terms.position, epoch)

    def kill_any(self, parts: Iterable[tuple[str, int]], oldest: int, epoch: Epoch) -> bool:
        """As `kill`, of what is made of `parts`, keys and positions, the least of them `oldest`."""
        if self.epoch != epoch.nonce or self.newest < epoch.pattern_position:
            return True
        if oldest < self.floor:
            return True
        return any(
            p.position > position and (key == ANY_KEY or p.glob.matches(key))
            for key, position in parts
            for p in self.items
        )


@dataclass(frozen=True, slots=True)
class Debt:
    """Invalidations this process could not confirm: it serves and stores none of them."""

    stamps: frozenset[str] = frozenset()
    globs: tuple[Glob, ...] = ()
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.stamps or self.globs or self.everything)

    def plus(self, other: "Debt") -> "Debt":
        """Both together."""
        if not other or other is self:
            return self
        if not self:
            return other
        return Debt(
            self.stamps | other.stamps,
            tuple(dict.fromkeys(self.globs + other.globs)),
            self.everything or other.everything,
        )

    def covers(self, logical: str, stamps: Iterable[str]) -> bool:
        """Whether it hits an entry of `logical` that depends on `stamps`."""
        return (
            self.everything
            or not self.stamps.isdisjoint(stamps)
            or any(glob.matches(logical) for glob in self.globs)
        )

    def hits(self, logical: str, terms: Terms) -> bool:
        """Whether it hits this entry, or a cached value that it was made of."""
        return self.covers(logical, names_of(terms)) or any(
            key == ANY_KEY or glob.matches(key) for key, _ in terms.keys for glob in self.globs
        )


NO_DEBT = Debt()


class Seen(msgspec.Struct, frozen=True):
    """What one read of the shared store saw, all of it after the read began."""

    epoch: Epoch | None
    position: int | None
    stamps: dict[str, Stamp | None]
    entries: tuple[Stored | None, ...] = ()
    foreign: int = 0
    """How many of the entries were there but not ours, whole and in their place."""
    debt: Debt = NO_DEBT

    def but(self, **changes: Any) -> "Seen":
        """The same with other values."""
        return msgspec.structs.replace(self, **changes)


def life(terms: Terms, seen: Seen, now: float) -> Life:
    """Whether an entry may be served, by what was `seen` and the clock alone."""
    epoch = seen.epoch
    if epoch is None or terms.epoch != epoch.nonce:
        return Life.DEAD
    is_soft_stale = False
    for name, nonce, soft in terms.stamps:
        stamp = seen.stamps.get(name)
        if stamp is None or stamp.nonce != nonce or stamp.is_dirty:
            return Life.DEAD
        if stamp.soft != soft:
            is_soft_stale = True
    if terms.position < epoch.pattern_position:
        return Life.UNSURE
    return Life.FRESH if now < terms.fresh_until and not is_soft_stale else Life.STALE


def names_of(terms: Terms) -> tuple[str, ...]:
    """The names of the stamps an entry depends on."""
    return tuple([stamp[0] for stamp in terms.stamps])  # a generator takes a third more
