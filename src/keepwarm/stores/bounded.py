"""A mapping bounded in bytes and entries, that forgets what it expects to be asked for least.

Which entry leaves is `core.eviction`'s to say; here is the room, and what keeps every
call short: whatever concerns many entries (expiry, letting go of what was cleared) is
done a few at a time, by the writes that follow.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from keepwarm.core.eviction import Eviction, Resident

V = TypeVar("V")

_SWEPT = 8  # residents looked at by each write: all of them in an eighth as many writes
_RELEASED = 32  # by each write, of what was cleared
# One that takes more than this share of the room, and more than a few others, costs more
# hits than it can give: on web logs refusing it gave 15 points of hits over byte-LRU,
# keeping it next to nothing.
_LARGEST_SHARE = 0.02
_LARGEST_OF_MEAN = 4
_CROWDED = 7 / 8  # of the room: from here on what has lapsed makes way


def never(_name: str, _value: object) -> tuple[float, float]:
    """The instants of what does not expire."""
    return float("inf"), float("inf")


class Bounded(Generic[V]):
    """Not thread-safe but for `get`, `residents` and `len`: the owner holds the lock.

    `size_of` says what a name and its value take; it must say the same of the same. A value
    larger than all the room is refused, one that is too large a part of it where others
    would have to leave. `instants_of` says when a value lapses (it then leaves if there is
    little room) and when it is over (it leaves); `forgotten` is called with each name and
    value that leaves, whatever the cause, save `clear`.
    """

    def __init__(
        self,
        max_bytes: int,
        max_entries: int,
        size_of: Callable[[str, V], int],
        *,
        instants_of: Callable[[str, V], tuple[float, float]] = never,
        forgotten: Callable[[str, V], None] = lambda _name, _value: None,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.evictions = 0
        self.expired = 0
        self.residents: dict[str, Resident] = {}
        """For reading on the shortest way: `get` is no more than this and one use."""
        self._size_of = size_of
        self._instants_of = instants_of
        self._forgotten = forgotten
        self._eviction = Eviction(lambda resident: size_of(resident.name, resident.value))
        self._cleared: list[dict[Any, Any] | deque[Any]] = []

    def __len__(self) -> int:
        return len(self.residents)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.residents))

    @property
    def used_bytes(self) -> int:
        return self._eviction.size

    def get(self, name: str) -> V | None:
        resident = self.residents.get(name)
        if resident is None:
            return None
        resident.uses += 1
        value: V | None = resident.value  # None where it has just left
        return value

    def put(self, name: str, value: V, now: float = 0.0) -> bool:
        """Keep `value`, in the place of an older one; False where it is refused."""
        if self._cleared:
            self._release()
        size = self._size_of(name, value)
        resident = self.residents.get(name)
        if self._is_too_large(size):
            if resident is not None:
                self._end(resident)
            return False
        if resident is not None:
            self._replace(resident, value, size)
        else:
            self._make_room(size, 1)
            resident = Resident(name, value)
            self.residents[name] = resident
            self._eviction.admit(resident)
        self._make_room(0, 0)
        self._expire(now)
        return resident.place != 0

    def pop(self, name: str) -> V | None:
        resident = self.residents.get(name)
        if resident is None:
            return None
        value: V = resident.value
        self._end(resident)
        return value

    def clear(self) -> None:
        """Forget all at once; the memory is given back by the writes that follow.

        Freeing a hundred thousand entries takes longer than an event loop may stand still.
        """
        self.let_go(self.residents, *self._eviction.clear())
        self.residents = {}

    def let_go(self, *held: dict[Any, Any] | deque[Any]) -> None:
        """Have these emptied a little at a time, by the writes that follow."""
        self._cleared += held

    def _is_too_large(self, size: int) -> bool:
        if size <= _LARGEST_SHARE * self.max_bytes:
            return False
        if size > self.max_bytes:
            return True
        used, count = self._eviction.size, len(self.residents)
        return used + size > self.max_bytes and size * count > _LARGEST_OF_MEAN * used

    def _replace(self, resident: Resident, value: V, size: int) -> None:
        old: V = resident.value
        by = size - self._size_of(resident.name, old)
        # One assignment: who reads sees the one or the other, whole.
        resident.value = value
        resident.uses += 1
        self._eviction.resized(resident, by)
        self._forgotten(resident.name, old)

    def _make_room(self, size: int, count: int) -> None:
        while (
            self._eviction.size + size > self.max_bytes
            or len(self.residents) + count > self.max_entries
        ):
            resident = self._eviction.evict()
            if resident is None:
                return
            self._remove(resident)
            self.evictions += 1

    def _expire(self, now: float) -> None:
        is_crowded = (
            self._eviction.size > _CROWDED * self.max_bytes
            or len(self.residents) > _CROWDED * self.max_entries
        )
        which = 0 if is_crowded else 1

        def is_over(resident: Resident) -> bool:
            return self._instants_of(resident.name, resident.value)[which] <= now

        for resident in self._eviction.sweep(_SWEPT, is_over):
            self._end(resident)
            self.expired += 1

    def _end(self, resident: Resident) -> None:
        self._eviction.end(resident)
        self._remove(resident)

    def _remove(self, resident: Resident) -> None:
        del self.residents[resident.name]
        value: V = resident.value
        self._forgotten(resident.name, value)
        # It stays in its queue for a while; what it held need not.
        resident.value = None

    def _release(self) -> None:
        held = self._cleared[-1]
        for _ in range(min(_RELEASED, len(held))):
            gone = held.popitem()[1] if isinstance(held, dict) else held.pop()
            if isinstance(gone, Resident):
                gone.value = None  # for whoever still asks him
        if not held:
            self._cleared.pop()
