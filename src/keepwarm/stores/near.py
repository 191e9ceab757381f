"""The near tier: entries in this process, bounded in bytes and entries.

A copy here is never believed because it is here: the recipes compare its stamps with
stamps just read, or, under `Bounded` coherence, only use it for that long after it was
last proven. Values are kept encoded, so that no caller can change what others get.
"""

import threading

from keepwarm.core.entry import Stored
from keepwarm.core.steps import DropNear, Held
from keepwarm.forking import on_fork
from keepwarm.stores.bounded import Bounded

MAX_ENTRIES = 1_000_000
_OVERHEAD_BYTES = 700  # measured: dict slot, Held, Stored, Terms and its floats
_STAMP_BYTES = 260  # measured: three strings, their tuple, the index


def weight(name: str, stored: Stored) -> int:
    """What an entry costs in this process, in bytes, about."""
    return (
        _OVERHEAD_BYTES + len(name) + len(stored.payload) + _STAMP_BYTES * len(stored.terms.stamps)
    )


class NearTier:
    """Thread-safe; every method is a few dictionary operations under one lock."""

    def __init__(self, max_bytes: int, max_entries: int = MAX_ENTRIES) -> None:
        self._lock = threading.Lock()
        self._by_stamp: dict[str, set[str]] = {}
        self._items: Bounded[tuple[Held, str]] = Bounded(max_bytes, max_entries, self._unlink)
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: empty, as another thread may have been in the middle of a change."""
        NearTier.__init__(self, self._items.max_bytes, self._items.max_entries)

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

    def read(self, name: str) -> Held | None:
        with self._lock:
            found = self._items.get(name)
        return found[0] if found is not None else None

    def write(self, name: str, stored: Stored, proven_at: float, *, logical: str) -> None:
        with self._lock:
            if self._items.put(name, (Held(stored, proven_at), logical), weight(name, stored)):
                for stamp in stored.terms.stamps:
                    self._by_stamp.setdefault(stamp[0], set()).add(name)

    def drop(self, step: DropNear) -> None:
        with self._lock:
            if step.everything:
                self._items.clear()
            for name in step.names:
                self._items.pop(name)
            for stamp in step.stamps:
                for name in tuple(self._by_stamp.get(stamp, ())):
                    self._items.pop(name)
            if step.glob is not None:
                for name in self._items:
                    found = self._items.get(name)
                    if found is not None and step.glob.matches(found[1]):
                        self._items.pop(name)

    def clear(self) -> None:
        self.drop(DropNear(everything=True))

    def _unlink(self, name: str, value: tuple[Held, str]) -> None:
        for stamp in value[0].stored.terms.stamps:
            names = self._by_stamp.get(stamp[0])
            if names is not None:
                names.discard(name)
                if not names:
                    del self._by_stamp[stamp[0]]
