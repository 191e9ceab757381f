"""A cache of this process alone, for a layer that is given none."""

from keepwarm.engine.answers import Parts, SystemClock
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.guard import Guard
from keepwarm.engine.wiring import Wiring
from keepwarm.observe.counters import Counters
from keepwarm.ports import Clock
from keepwarm.stores.memory import MemoryStore


def alone(namespace: str, max_bytes: int, clock: Clock | None = None) -> BaseCache:
    """Entries in this process, as `memory://` keeps them."""
    ticking = clock or SystemClock()
    local = MemoryStore(max_bytes, is_lossy=False)
    counters = Counters(ticking.mono)
    parts = Parts(
        observer=counters, clock=ticking, guard=Guard(lambda: local, ticking), local=local
    )
    return BaseCache(Wiring(namespace, {}, 0.0, parts, counters, None, None))
