"""The rig of the store in memory: the shortest example of one."""

import time

from keepwarm.core.times import Times
from keepwarm.ports import BlockingShared
from keepwarm.stores.memory import MemoryStore
from keepwarm.testing.conformance.rig import Part, Rig


class _View(MemoryStore):
    """A client of somebody else's store: closing it ends nothing."""

    def __init__(self, store: MemoryStore) -> None:
        self.__dict__ = store.__dict__

    def close(self) -> None:
        """Leaves the store as it is."""


class MemoryRig(Rig):
    """One MemoryStore; its clock is moved instead of waited for."""

    def __init__(self, times: Times) -> None:
        super().__init__(times)
        self._ahead_s = 0.0
        self._store = MemoryStore(times=times, clock=lambda: time.time() + self._ahead_s)

    def connect(self, *, is_near: bool = False) -> BlockingShared:
        assert not is_near, "a store in this process has no near tier before it"
        return _View(self._store)

    def lose(self, part: Part, name: str = "") -> bool:
        if part in ("stamp", "entry"):
            self._store.evict(name)
        elif part == "registry":
            self._store.evict_holders()
        elif part == "epoch":
            self._store.evict_epoch()
        elif part == "marks":
            self._store.evict_notes()
        elif part == "all":
            self._store.flush()
        else:
            return False
        return True

    def wait(self, seconds: float) -> None:
        self._ahead_s += seconds
