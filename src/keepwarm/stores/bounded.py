"""A mapping bounded in bytes and entries that forgets what was used longest ago."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


class Bounded(Generic[V]):
    """Least recently used goes first. Not thread-safe: the owner holds the lock.

    A value larger than the whole budget is refused. `forgotten` is called with each name
    and value that leaves, whatever the cause.
    """

    def __init__(
        self,
        max_bytes: int,
        max_entries: int,
        forgotten: Callable[[str, V], None] = lambda _name, _value: None,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.used_bytes = 0
        self.evictions = 0
        self._items: OrderedDict[str, tuple[V, int]] = OrderedDict()
        self._forgotten = forgotten

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._items))

    def get(self, name: str) -> V | None:
        item = self._items.get(name)
        if item is None:
            return None
        self._items.move_to_end(name)
        return item[0]

    def put(self, name: str, value: V, size: int) -> bool:
        self.pop(name)
        if size > self.max_bytes:
            return False
        self._items[name] = (value, size)
        self.used_bytes += size
        while self.used_bytes > self.max_bytes or len(self._items) > self.max_entries:
            self.pop(next(iter(self._items)))
            self.evictions += 1
        return True

    def pop(self, name: str) -> V | None:
        item = self._items.pop(name, None)
        if item is None:
            return None
        self.used_bytes -= item[1]
        self._forgotten(name, item[0])
        return item[0]

    def clear(self) -> None:
        for name in self:
            self.pop(name)
