"""Which entry leaves when there is no room: S3-FIFO, with a small queue that finds its size.

How to think of it: most of what is stored is never asked for again. So a newcomer waits
in a *small* queue; if it was asked for before its turn came it moves to the *main* one,
otherwise it leaves after having taken little room. In the main queue whoever was used
gets another lap, at most two in a row. What left is remembered for a while by a
fingerprint, as a *ghost*: if it comes back it was turned out too early, and goes to the
main queue at once.

Ghosts also say how large the small queue should be. One that had left the small queue
means that newcomers need more time to prove themselves: it grows. One that had left the
main queue means that it needs the room: the small queue shrinks. Where popularity lasts
this settles at a tenth (scans pass by), where only the recent is asked for at nine
tenths, which is nearly LRU. What expired or was invalidated while it was in demand is
remembered too, for its refill belongs where it was, but says nothing of sizes.

A use is one addition to one number, in no order and under no lock: nothing is moved by
reading. All else happens when something is stored, a few steps at a time, so that no
single call does work for many entries.
"""

from array import array
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

GONE, SMALL, MAIN = range(3)
"""Where a resident is."""

_LAPS = 2  # uses that count; more would keep yesterday's favourites for days
_LEAST, _START, _MOST = 0.1, 0.25, 0.9  # the small queue's share of the room
# Per live entry. With twice as many, loops that cannot fit are remembered, too, and the main
# queue is given up for them: up to 8 points under LRU.
_GHOSTS = 0.7
_MOST_LAPS = 128  # given out in one eviction: had everybody been used, it would walk over all
_WAYS = 8
_BITS = 30  # of a fingerprint; two more say why it left

LEFT_SMALL, LEFT_MAIN, ENDED = range(1, 4)
"""Why something left; ENDED: in demand, but expired or invalidated."""


class Resident(msgspec.Struct, gc=False):
    """A name and what is kept under it. Its memory is the fixed cost of every entry.

    Not seen by the garbage collector, whose passes would otherwise walk over each of a
    hundred thousand: `value` must never lead back here.
    """

    name: str
    value: Any
    uses: int = 0
    place: int = SMALL


class Queue:
    """First in, first out. Those who left from its middle stay as GONE until swept up.

    A sweep moves residents from `_rest` to `_swept`, whose order is the older one: some
    steps at a time, it looks at each of them once per round.
    """

    __slots__ = ("_rest", "_swept")

    def __init__(self) -> None:
        self._swept: deque[Resident] = deque()
        self._rest: deque[Resident] = deque()

    def __len__(self) -> int:
        return len(self._swept) + len(self._rest)

    def append(self, resident: Resident) -> None:
        self._rest.append(resident)

    def pop(self) -> Resident | None:
        """The oldest who is still here."""
        for part in (self._swept, self._rest):
            while part:
                resident = part.popleft()
                if resident.place:
                    return resident
        return None

    def sweep(self, steps: int, is_over: Callable[[Resident], bool]) -> list[Resident]:
        """Those among the next `steps` residents of whom `is_over` is true; they stay in line."""
        over = []
        for _ in range(min(steps, len(self))):
            if not self._rest:
                self._rest, self._swept = self._swept, self._rest
            resident = self._rest.popleft()
            if resident.place:
                self._swept.append(resident)
                if is_over(resident):
                    over.append(resident)
            elif not self._rest and not self._swept:
                break
        return over

    def parts(self) -> tuple[deque[Resident], ...]:
        return self._swept, self._rest


class Ghosts:
    """The fingerprints of what left lately: four bytes each, the oldest of a bucket first out."""

    __slots__ = ("_buckets", "_cells", "kept")

    def __init__(self, most: int) -> None:
        self._buckets = most // _WAYS + 1
        self._cells = array("I", bytes(4 * _WAYS * self._buckets))
        self.kept = [0, 0, 0, 0]
        """How many there are, by why they left."""

    @property
    def most(self) -> int:
        return self._buckets * _WAYS

    def add(self, name: str, why: int) -> None:
        first, mark = self._find(name)
        cells = self._cells
        oldest = cells[first + _WAYS - 1]
        if oldest:
            self.kept[oldest & 3] -= 1
        cells[first + 1 : first + _WAYS] = cells[first : first + _WAYS - 1]
        cells[first] = mark << 2 | why
        self.kept[why] += 1

    def take(self, name: str) -> int:
        """Why `name` left, once; 0 if that is not known."""
        first, mark = self._find(name)
        cells = self._cells
        for at in range(first, first + _WAYS):
            if cells[at] >> 2 == mark and cells[at]:
                why = cells[at] & 3
                last = first + _WAYS - 1
                cells[at:last] = cells[at + 1 : first + _WAYS]
                cells[last] = 0
                self.kept[why] -= 1
                return why
        return 0

    def _find(self, name: str) -> tuple[int, int]:
        # hash() is keyed anew in each process: nobody outside can aim at a bucket.
        mark = hash(name) & ((1 << _BITS) - 1)
        return mark % self._buckets * _WAYS, mark


class Eviction:
    """The order in which residents leave. `size_of` says what one takes, in any unit."""

    def __init__(self, size_of: Callable[[Resident], int]) -> None:
        self._size_of = size_of
        self._small, self._main = Queue(), Queue()
        self._small_size = 0
        self._size = 0
        self._count = 0
        self._ghosts = Ghosts(0)
        self.small_share = _START

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """Of all residents together."""
        return self._size

    def admit(self, resident: Resident) -> None:
        """Take a newcomer in; its ghost, if there is one, says where."""
        size = self._size_of(resident)
        why = self._ghosts.take(resident.name)
        if why:
            self._learn(why, size)
            resident.place = MAIN
            self._main.append(resident)
        else:
            resident.place = SMALL
            self._small.append(resident)
            self._small_size += size
        self._size += size
        self._count += 1

    def resized(self, resident: Resident, by: int) -> None:
        """A resident got another value, larger by this."""
        self._size += by
        if resident.place == SMALL:
            self._small_size += by

    def evict(self) -> Resident | None:
        """Turn out whose turn it is; None where nobody is left."""
        laps = 0
        while True:
            is_small = self._small_size >= self.small_share * self._size or not len(self._main)
            resident = (self._small if is_small else self._main).pop()
            if resident is None:
                # Nobody but those who had left already: the other queue has the rest.
                resident = (self._main if is_small else self._small).pop()
                if resident is None:
                    return None
            if resident.place == SMALL:
                if not resident.uses or laps >= _MOST_LAPS:
                    return self._leave(resident, LEFT_SMALL)
                self._small_size -= self._size_of(resident)
                resident.place, resident.uses = MAIN, 0
            elif not resident.uses or laps >= _MOST_LAPS:
                return self._leave(resident, LEFT_MAIN)
            else:
                resident.uses = min(resident.uses, _LAPS) - 1
            self._main.append(resident)
            laps += 1

    def end(self, resident: Resident) -> None:
        """Let go of a resident who expired or was invalidated."""
        was_wanted = resident.place == MAIN or resident.uses > 0
        self._leave(resident, ENDED if was_wanted else 0)

    def sweep(self, steps: int, is_over: Callable[[Resident], bool]) -> list[Resident]:
        """Those of whom `is_over` is true among the next `steps` residents, round and round."""
        small = steps * len(self._small) // (len(self._small) + len(self._main) + 1)
        over = self._small.sweep(small + 1, is_over)
        return over + self._main.sweep(steps - small, is_over)

    def clear(self) -> list[deque[Resident]]:
        """Forget everybody. What held them, to be let go of in pieces: that takes time."""
        held = [*self._small.parts(), *self._main.parts()]
        self._small, self._main = Queue(), Queue()
        self._small_size = self._size = self._count = 0
        return held

    def _leave(self, resident: Resident, why: int) -> Resident:
        size = self._size_of(resident)
        if resident.place == SMALL:
            self._small_size -= size
        self._size -= size
        self._count -= 1
        resident.place = GONE
        if why:
            wanted = int(_GHOSTS * (self._count + 1))
            # Sized anew, and forgotten, only while the number of entries itself changes.
            if not wanted // 2 <= self._ghosts.most <= 3 * wanted + 2 * _WAYS:
                self._ghosts = Ghosts(wanted)
            self._ghosts.add(resident.name, why)
        return resident

    def _learn(self, why: int, size: int) -> None:
        """Size the queues by who came back: the rarer such ghosts are, the more each says."""
        small, main = self._ghosts.kept[LEFT_SMALL], self._ghosts.kept[LEFT_MAIN]
        step = size / max(self._size, size)
        if why == LEFT_SMALL:
            step *= max(1.0, main / max(1, small))
            self.small_share = min(_MOST, self.small_share + step)
        elif why == LEFT_MAIN:
            step *= max(1.0, small / max(1, main))
            self.small_share = max(_LEAST, self.small_share - step)
