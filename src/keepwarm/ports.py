"""What the outside must offer to the engine."""

from collections.abc import Awaitable, Iterable
from typing import Any, Protocol, TypeVar

from keepwarm.core.entry import Seen, Stored
from keepwarm.core.eviction import Resident
from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Mirror, Pulse
from keepwarm.core.outcome import Outcome, Tier
from keepwarm.core.steps import DropNear, Held, Step

R = TypeVar("R")


class StoreAway(Exception):
    """The shared store gave no usable answer.

    `why` is one of a few fixed words ("timeout", "refused", "auth", "read-only", ...), never
    an address or a value. `is_fault` says whether it counts against the connection (the
    breaker) or was an answer, though not a usable one.
    """

    def __init__(self, why: str, *, is_fault: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.is_fault = is_fault


class AsyncShared(Protocol):
    """A shared store for the async engine: answers the shared steps of `core.steps`.

    Steps: ReadShared, ReadPatterns, Capture, Confirm, WriteShared, ReplaceShared,
    DeleteShared, ChangeStamps, AddPattern, NewEpoch, Settle, Strike, Enter, Inside, Leave,
    Elect, AwaitLeader, Release, Scan, Describe, Ping. Raises StoreAway and nothing else; a
    value that is not an entry of ours is a None.
    """

    def answer(self, step: Step[R]) -> Awaitable[R]: ...

    @property
    def mirror(self) -> Mirror | None:
        """What the near tier may answer from by itself; None where it has to ask."""

    @property
    def heard(self) -> Heard:
        """Every change announced so far, by whatever process."""
        ...

    @property
    def is_up(self) -> bool:
        """False while a connection that was lost is being made again."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is off, in words."""
        ...

    def forget_leases(self, leases: tuple[str, ...]) -> None:
        """Prolong these no more: their fill ended without a word."""
        ...

    async def aclose(self) -> None: ...

    def abandon(self) -> None:
        """Let go of the sockets of an event loop that has been closed."""
        ...


class BlockingShared(Protocol):
    """The same for the blocking engine; safe to use from several threads."""

    def answer(self, step: Step[R]) -> R: ...

    @property
    def mirror(self) -> Mirror | None: ...

    @property
    def heard(self) -> Heard: ...

    @property
    def is_up(self) -> bool: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def forget_leases(self, leases: tuple[str, ...]) -> None: ...

    def close(self) -> None: ...


class Watch(Protocol):
    """Stamps that are known to be the present ones, under a lease: a mirror, or a local store."""

    @property
    def pulse(self) -> Pulse: ...

    def seen(self, stamps: Iterable[str], now: float) -> Seen | None: ...


class NearStore(Protocol):
    """Entries in this process, bounded; safe to use from several threads."""

    def read(self, name: str) -> Held | None: ...

    def resident_of(self, name: str) -> Resident | None:
        """Who holds the copy of that name: uses are counted there."""
        ...

    def opened(self, name: str, copy: Any) -> Stored:
        """The copy that a resident of that name holds, or held."""
        ...

    def write(self, name: str, stored: Stored, proven_at: float, *, logical: str) -> None: ...

    def drop(self, step: DropNear) -> None: ...

    def clear(self) -> None: ...

    @property
    def used_bytes(self) -> int: ...

    @property
    def max_bytes(self) -> int: ...

    def __len__(self) -> int: ...


class Clock(Protocol):
    """Wall time for lifetimes, monotonic time for intervals; both in seconds."""

    def wall(self) -> float: ...

    def mono(self) -> float: ...


class Observer(Protocol):
    """Listens to what became of calls; decides nothing."""

    def saw(self, outcome: Outcome) -> None: ...

    def counted(self, what: str, by: int = 1) -> None: ...

    def ran(self, policy: str, seconds: float) -> None:
        """The origin of `policy` ran so long, for however many keys and callers."""
        ...

    def plain(self, policy: str, tier: Tier) -> "Plain":
        """Where the fresh hits of `policy` from `tier` are counted."""
        ...


class Plain(Protocol):
    """A count to which whoever answers a fresh hit adds one."""

    hits: int
    tier: Tier


class Codec(Protocol):
    """Values of one declared type to bytes and back."""

    @property
    def fingerprint(self) -> str: ...

    def encode(self, value: Any) -> bytes: ...

    def decode(self, data: bytes) -> Any: ...
