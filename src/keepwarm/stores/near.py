"""The near tier: entries in this process, bounded in bytes and entries.

A copy here is never believed because it is here: the recipes compare its stamps with
those read or mirrored now, or, under `Bounded` coherence, only use it for that long after
it was last proven. So dropping copies that an invalidation has ended is housekeeping, and
may be left to whoever reads them; only under `Bounded`, where a copy is used unasked, is
there an index by stamp to find them at once.

Copies lie packed (`stores.packing`): a few bytes of terms before the encoded value. The few
that are being read are kept unpacked beside it. Values stay encoded in both, so that no
caller can change what others get.

Threads: a read takes no lock. It is one lookup, one addition and one load of an
immutable copy; whatever changes the tier does so under the lock, and by single
assignments. Without a GIL that still holds, save that of two uses at the same instant
one may not be counted.
"""

import math
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from keepwarm.core.entry import Stored, names_of
from keepwarm.core.eviction import Resident
from keepwarm.core.steps import DropNear, Held
from keepwarm.forking import on_fork
from keepwarm.stores.bounded import Bounded
from keepwarm.stores.packing import (
    Misfit,
    Packer,
    count_stamps,
    instants,
    logical_in,
    stamps_in,
)

MAX_ENTRIES = 1_000_000
# Measured: dict slot 38, resident 48, its place in line 9, ghosts 4, the heads of the name
# and the bytes 82, rounding 8.
_OVERHEAD_BYTES = 190
_INDEXED_BYTES = 120  # for each stamp in the index, about: its name, and a slot of a dict or set
# Copies that are unpacked, too: each takes a kilobyte more than it is counted for, and its
# payload again; so there are few, also for the collector, which looks at each.
_FEWEST_WARM, _MOST_WARM = 64, 16_384
_ROOM_FOR_WARM = 16 * 1_024  # bytes of the tier's room for each
# In one call: less than 2 ms each.
_LOOKED_AT = 2_000
_DROPPED = 100

_packer = Packer()


def weight(name: str, stored: Stored) -> int:
    """What an entry costs in this process, in bytes, about, where there is an index."""
    stamps = _INDEXED_BYTES * len(stored.terms.stamps)
    return _OVERHEAD_BYTES + len(name) + len(_packer.pack(name, name, stored, 0.0)) + stamps


class Proof:
    """Void once this process has invalidated anything since: then nothing is taken on trust."""

    __slots__ = ("is_void",)

    def __init__(self) -> None:
        self.is_void = False


class Warm(Held):
    """An unpacked copy. The same object is the same copy: what depends on it may be kept."""

    __slots__ = ("_proof", "_proven_at", "logical", "memo", "packed")
    __setattr__ = object.__setattr__

    def __init__(
        self, stored: Stored, proven_at: float, proof: Proof, logical: str, packed: bytes
    ) -> None:
        object.__setattr__(self, "stored", stored)
        self._proven_at = proven_at
        self._proof = proof
        self.logical = logical
        self.packed = packed
        """What takes its place when it is no longer read; its proof may be an older one."""
        self.memo: Any = None
        """For whoever reads it: what he worked out, such as the decoded value."""

    @property
    def proven_at(self) -> float:
        return -math.inf if self._proof.is_void else self._proven_at


class NearTier:
    """Thread-safe. `wall` is the clock by which copies expire; without one they do not.

    One that `is_indexed` finds copies by their stamps and drops them at once. Where stamps
    are compared at each use it need not be, and each entry takes a hundred bytes per stamp less:
    those that an invalidation ended are then no longer taken on trust, and leave when they
    are read or make room. One that `keeps_stale` has no other tier behind it: a copy past
    its freshness is then as good as any, while it may be served.
    """

    def __init__(
        self,
        max_bytes: int,
        max_entries: int = MAX_ENTRIES,
        *,
        wall: Callable[[], float] | None = None,
        is_indexed: bool = True,
        keeps_stale: bool = False,
    ) -> None:
        self._settings = (max_bytes, max_entries, wall, is_indexed, keeps_stale)
        self._wall = wall or (lambda: -math.inf)
        self._lock = threading.Lock()
        self._packer = Packer()
        self._by_stamp: dict[str, str | set[str]] | None = {} if is_indexed else None
        self._items: Bounded[bytes | Warm] = Bounded(
            max_bytes,
            max_entries,
            self._size,
            instants_of=_last_instants if keeps_stale else _instants,
            forgotten=self._unlink if is_indexed else _nobody_minds,
        )
        self._warm: deque[Resident] = deque()
        self._most_warm = max(_FEWEST_WARM, min(_MOST_WARM, max_bytes // _ROOM_FOR_WARM))
        self._proof = Proof()
        self._latest = self._void_until = -math.inf
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: empty, as another thread may have been in the middle of a change."""
        max_bytes, max_entries, wall, is_indexed, keeps_stale = self._settings
        NearTier.__init__(
            self, max_bytes, max_entries, wall=wall, is_indexed=is_indexed, keeps_stale=keeps_stale
        )

    def __len__(self) -> int:
        return len(self._items)

    @property
    def used_bytes(self) -> int:
        return self._items.used_bytes

    @property
    def max_bytes(self) -> int:
        return self._items.max_bytes

    @property
    def evictions(self) -> int:
        return self._items.evictions

    @property
    def expired(self) -> int:
        """How many left because their time was over."""
        return self._items.expired

    def read(self, name: str) -> Held | None:
        resident = self._items.residents.get(name)
        if resident is None:
            return None
        resident.uses += 1
        value: Any = resident.value
        if value.__class__ is Warm:
            found: Warm = value
            return found
        return self._warmed(resident)

    def resident_of(self, name: str) -> Resident | None:
        """Who holds the copy: for who answers from it again and again, and notes each use."""
        return self._items.residents.get(name)

    def opened(self, name: str, copy: bytes | Warm) -> Stored:
        """A copy that a resident holds, unpacked; it is not kept so."""
        if isinstance(copy, Warm):
            return copy.stored
        return self._packer.unpack(name, copy)[1].stored

    def write(self, name: str, stored: Stored, proven_at: float, *, logical: str) -> None:
        self.keep(name, stored, proven_at, logical=logical)

    def names(self) -> tuple[str, ...]:
        return tuple(self._items)

    def keep(self, name: str, stored: Stored, proven_at: float, *, logical: str) -> bool:
        """As `write`; False where it was refused."""
        with self._lock:
            self._latest = max(self._latest, proven_at)
            resident = self._items.residents.get(name)
            if resident is not None:
                old = resident.value
                if old.__class__ is Warm and old.stored is stored:  # proven again
                    resident.value = Warm(stored, proven_at, self._proof, logical, old.packed)
                    return True
            try:
                packed = self._packer.pack(name, logical, stored, proven_at)
            except Misfit:
                self._items.pop(name)  # better none than the one before
                return False
            is_kept = self._items.put(name, packed, self._wall())
            if is_kept and self._by_stamp is not None:
                self._link(name, stored)
            return is_kept

    def drop(self, step: DropNear) -> None:
        with self._lock:
            if step.everything:
                self._clear()
            for name in step.names:
                self._items.pop(name)
            if not step.stamps and step.glob is None:
                return
            # Nobody serves on trust what may have been ended by what he knows himself.
            self._proof.is_void, self._proof = True, Proof()
            self._void_until = self._latest
            if self._by_stamp is None:
                return
            ended: set[str] = set()
            for stamp in step.stamps:
                names = self._by_stamp.get(stamp, ())
                if isinstance(names, str):
                    ended.add(names)
                elif len(ended) <= _DROPPED:
                    ended.update(islice(names, _DROPPED + 1))
            if step.glob is not None and len(self._items) <= _LOOKED_AT:
                ended |= {
                    name
                    for name, resident in self._items.residents.items()
                    if step.glob.matches(_logical(name, resident.value))
                }
            elif step.glob is not None or len(ended) > _DROPPED:
                # To look at each would keep an event loop waiting; these are only copies.
                self._clear()
                return
            for name in ended:
                self._items.pop(name)

    def clear(self) -> None:
        self.drop(DropNear(everything=True))

    def _clear(self) -> None:
        self._items.clear()
        self._warm.clear()
        if self._by_stamp is not None:
            self._items.let_go(self._by_stamp)
            self._by_stamp = {}

    def _warmed(self, resident: Resident) -> Warm | None:
        """Unpack a copy, and no longer keep so the one that was unpacked the longest ago."""
        with self._lock:
            value = resident.value
            if value is None:
                return None  # it has just left
            if value.__class__ is Warm:
                return value
            logical, held = self._packer.unpack(resident.name, value)
            proven_at = held.proven_at if held.proven_at > self._void_until else -math.inf
            warm = Warm(held.stored, proven_at, self._proof, logical, value)
            resident.value = warm
            self._warm.append(resident)
            if len(self._warm) > self._most_warm:
                oldest = self._warm.popleft()
                if oldest.value.__class__ is Warm:
                    oldest.value = oldest.value.packed
            return warm

    def _size(self, name: str, value: bytes | Warm) -> int:
        if isinstance(value, Warm):
            value = value.packed
        size = _OVERHEAD_BYTES + len(name) + len(value)
        if self._by_stamp is not None:
            size += _INDEXED_BYTES * count_stamps(value)
        return size

    def _link(self, name: str, stored: Stored) -> None:
        """Note the stamps of a copy; most guard but one, so a set is made for the second."""
        assert self._by_stamp is not None
        for stamp in names_of(stored.terms):
            names = self._by_stamp.setdefault(stamp, name)
            if isinstance(names, set):
                names.add(name)
            elif names != name:
                self._by_stamp[stamp] = {names, name}

    def _unlink(self, name: str, value: bytes | Warm) -> None:
        assert self._by_stamp is not None
        for stamp in _stamp_names(value):
            names = self._by_stamp.get(stamp)
            if isinstance(names, set):
                names.discard(name)
            if not names or names == name:
                self._by_stamp.pop(stamp, None)


def packed_in(copy: bytes | Warm) -> bytes:
    """The bytes of a copy; the same object for as long as it is the same copy."""
    return copy.packed if isinstance(copy, Warm) else copy


def _logical(name: str, value: bytes | Warm) -> str:
    return value.logical if isinstance(value, Warm) else logical_in(name, value)


def _stamp_names(value: bytes | Warm) -> tuple[str, ...]:
    if isinstance(value, Warm):
        return names_of(value.stored.terms)
    return stamps_in(value)


def _nobody_minds(_name: str, _value: bytes | Warm) -> None:
    pass


def _last_instants(name: str, value: bytes | Warm) -> tuple[float, float]:
    """Of what does not lapse before it is over."""
    _, kept_until = _instants(name, value)
    return kept_until, kept_until


def _instants(_name: str, value: bytes | Warm) -> tuple[float, float]:
    if isinstance(value, Warm):
        terms = value.stored.terms
        return terms.fresh_until, terms.kept_until
    return instants(value)
