"""What both engines answer alike: clock, dice, near tier, decoding, and a store that is away."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from keepwarm.core.entry import Seen, names_of
from keepwarm.core.steps import (
    Away,
    Confirm,
    Decode,
    DeleteShared,
    Dice,
    DropNear,
    Held,
    Instant,
    Now,
    Owe,
    ReadNear,
    ReadShared,
    ReplaceShared,
    Step,
    WriteNear,
    WriteShared,
)
from keepwarm.engine.call import Call
from keepwarm.engine.guard import Guard
from keepwarm.engine.hints import Hints
from keepwarm.ports import Clock, NearStore, Observer, StoreAway
from keepwarm.stores.memory import MemoryStore


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        return time.time()

    def mono(self) -> float:
        return time.monotonic()


def default_fills() -> int:
    """Twice the cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return 2 * (len(affinity(0)) if affinity else os.cpu_count() or 1)


@dataclass(slots=True)
class Parts:
    """What the two engines of one cache share.

    `local` is the shared store where it lies in this process; otherwise there is a
    `guard` before the one outside.
    """

    observer: Observer
    clock: Clock
    guard: Guard
    near: NearStore | None = None
    local: MemoryStore | None = None
    dice: Callable[[], float] = random.random
    fills: int = 0

    def __post_init__(self) -> None:
        if not self.fills:
            self.fills = default_fills()


class Answers:
    """The steps that need no waiting, by type; the drivers add the others."""

    def __init__(self, parts: Parts, hints: Hints) -> None:
        self._parts = parts
        self._hints = hints
        self.table: dict[type, Callable[[Any, Call], Any]] = {
            Now: self._now,
            Dice: lambda _step, _call: parts.dice(),
            Decode: lambda step, call: call.decode(step.payload),
            ReadNear: self._read_near,
            WriteNear: self._write_near,
            DropNear: self._drop_near,
            Owe: lambda step, _call: parts.guard.owe(step.debt),
        }

    def _now(self, _step: Now, _call: Call) -> Instant:
        return Instant(self._parts.clock.wall(), self._parts.clock.mono())

    def _read_near(self, step: ReadNear, _call: Call) -> Held | None:
        near, subject = self._parts.near, step.subject
        held = near.read(subject.name) if near is not None else None
        if held is None:
            return None
        debt = self._parts.guard.debt
        if debt and debt.covers(subject.logical, names_of(held.stored.terms)):
            return None
        return held

    def _write_near(self, step: WriteNear, _call: Call) -> None:
        self._hints.note(step.name, step.stored)
        if self._parts.near is not None:
            self._parts.near.write(step.name, step.stored, step.proven_at, logical=step.logical)

    def _drop_near(self, step: DropNear, _call: Call) -> None:
        if self._parts.near is not None:
            self._parts.near.drop(step)

    # The shared tier.

    def here(self, step: Step[Any]) -> Any:
        """The answer of a store that lies in this process."""
        local = self._parts.local
        assert local is not None
        self.counted(step)
        return local.answer(step)

    def away(self, step: Step[Any], error: StoreAway) -> Any:
        """The reply to `step` when the store gave none."""
        self._parts.observer.counted("errors")
        self._parts.guard.failed(error)
        return self.unasked(step, error.why)

    def unasked(self, step: Step[Any], why: str) -> Any:
        """The reply to `step` while the store is known to be away."""
        if isinstance(step, WriteShared | ReplaceShared):
            return False
        if isinstance(step, DeleteShared):
            return None
        return Away(why, self._parts.guard.debt)

    def came(self, step: Step[Any], reply: Any) -> Any:
        """The reply to `step` as the store gave it, and what this process knows beside."""
        self._parts.guard.succeeded()
        self.counted(step)
        if isinstance(reply, Seen) and reply.foreign:
            self._parts.observer.counted("foreign", reply.foreign)
        debt = self._parts.guard.debt
        if debt and isinstance(reply, Seen):
            return replace(reply, debt=debt)
        if debt and isinstance(step, Confirm) and not debt.stamps.isdisjoint(step.late):
            return None
        return reply

    def counted(self, step: Step[Any]) -> None:
        if isinstance(step, WriteShared):
            self._parts.observer.counted("writes", len(step.entries))
        elif isinstance(step, ReadShared):
            self._parts.observer.counted("reads_shared")
