"""What both engines answer alike: clock, dice, near tier, decoding, and a store that is away."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from keepwarm.core.entry import Debt, Patterns, Seen, Stored
from keepwarm.core.mirror import Mirror
from keepwarm.core.stamps import Epoch
from keepwarm.core.steps import (
    AddPattern,
    AwaitLeader,
    Away,
    ChangeStamps,
    Confirm,
    Decode,
    DeleteShared,
    Dice,
    DropNear,
    Elect,
    Enter,
    Handed,
    Held,
    Instant,
    Leave,
    NewEpoch,
    Now,
    Owe,
    ReadMirror,
    ReadNear,
    ReadPatterns,
    Release,
    ReplaceShared,
    Settle,
    Step,
    Strike,
    WriteNear,
    WriteShared,
)
from keepwarm.dice import DICE
from keepwarm.engine.call import Call
from keepwarm.engine.context import RunningFill
from keepwarm.engine.guard import Guard
from keepwarm.engine.hints import Hints
from keepwarm.observe.marks import Marks
from keepwarm.ports import Clock, NearStore, Observer, StoreAway
from keepwarm.stores.memory import MemoryStore

# Counts the time that the machine slept, too: a near copy must not outlive its bound.
SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        return time.time()

    def mono(self) -> float:
        return boot_s()


def boot_s() -> float:
    """Seconds on the clock that leases are measured with."""
    return time.clock_gettime(SINCE_BOOT)


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
    dice: Callable[[], float] = DICE.random
    dropped_at: float = -math.inf
    """When this process last dropped near copies because of an invalidation of its own."""
    fills: int = 0
    marks: Marks = field(default_factory=Marks)

    def __post_init__(self) -> None:
        if not self.fills:
            self.fills = default_fills()


_BETWEEN_PROCESSES = (Settle, Strike, Elect, AwaitLeader, Release)


class Answers:
    """The steps that need no waiting, by type; the drivers add the others."""

    def __init__(self, parts: Parts, hints: Hints) -> None:
        self._parts = parts
        self._hints = hints
        self._dynamic: set[str] = set()
        self._patterns: Patterns | None = None
        self.mirror: Callable[[], Mirror | None] = lambda: None
        """That of the driver's store, where it has one (strict)."""
        self.table: dict[type, Callable[[Any, Call], Any]] = {
            Now: self._now,
            Dice: lambda _step, _call: parts.dice(),
            Decode: lambda step, call: call.decode(step.payload),
            ReadNear: self._read_near,
            ReadMirror: self._read_mirror,
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
        if debt and debt.hits(subject.logical, held.stored.terms):
            return None
        return held

    def _read_mirror(self, step: ReadMirror, _call: Call) -> Seen | None:
        mirror = self.mirror()
        # The instant first: what is found was there at some time after it.
        return mirror.seen(step.stamps, boot_s()) if mirror is not None else None

    def _write_near(self, step: WriteNear, _call: Call) -> None:
        self.keep_near(step.name, step.logical, step.stored, step.proven_at)

    def keep_near(self, name: str, logical: str, stored: Stored, proven_at: float) -> None:
        """Keep a copy of an entry whose stamps were proven by a read sent at `proven_at`."""
        self._hints.note(name, stored)
        if self._parts.near is not None:
            # What was read before this process's own invalidation must not be served unasked.
            is_later = proven_at > self._parts.dropped_at
            self._parts.near.write(
                name, stored, proven_at if is_later else -math.inf, logical=logical
            )

    def _drop_near(self, step: DropNear, _call: Call) -> None:
        if self._parts.near is not None:
            if step.stamps or step.glob is not None or step.everything:
                self._parts.dropped_at = self._parts.clock.mono()
            self._parts.near.drop(step)

    def is_plain(self, call: Call, current: RunningFill) -> bool:
        """Whether a fill that has just ended depends on nothing but what its token shows.

        A function that once named tags while it ran may have failed before it did so now.
        """
        if not current.is_plain:
            self._dynamic.add(call.what)
        return call.what not in self._dynamic

    def known(self, step: Step[Any]) -> Patterns | None:
        """The patterns, if those read last are all that `step` asks about."""
        return self.known_patterns(step.epoch) if isinstance(step, ReadPatterns) else None

    def known_patterns(self, epoch: Epoch) -> Patterns | None:
        """The patterns read last, if they are all that `epoch` tells of."""
        found = self._patterns
        if found is None:
            return None
        is_enough = found.epoch == epoch.nonce and found.newest >= epoch.pattern_position
        return found if is_enough else None

    # The shared tier.

    def is_barred(self, step: Step[Any]) -> bool:
        """Whether `step` is not to be sent, the store being known to be away.

        What was changed before it went away is settled all the same: by waiting.
        """
        return self._parts.guard.is_open and not isinstance(step, Settle)

    def here(self, step: Step[Any]) -> Any:
        """The answer of a store that lies in this process."""
        local = self._parts.local
        assert local is not None
        if isinstance(step, _BETWEEN_PROCESSES):
            return self._alone(step)
        self.counted(step)
        return local.answer(step)

    @staticmethod
    def _alone(step: Step[Any]) -> Any:
        """The reply to a step for other processes where there is none to speak to."""
        if isinstance(step, Elect):
            return (None,) * len(step.leases)
        return Handed.LAPSED if isinstance(step, AwaitLeader) else None

    def away(self, step: Step[Any], error: StoreAway, sent_at: float) -> Any:
        """The reply to `step`, sent at `sent_at`, when the store gave none."""
        self._parts.observer.counted("errors")
        self._parts.guard.failed(error, sent_at)
        return self.unasked(step, error.why)

    def unasked(self, step: Step[Any], why: str) -> Any:
        """The reply to `step` while the store is known to be away."""
        if isinstance(step, WriteShared | ReplaceShared):
            return False
        if isinstance(step, DeleteShared):
            return None
        if isinstance(step, _BETWEEN_PROCESSES) and not isinstance(step, Settle):
            return self._alone(step)
        return Away(why, self._parts.guard.debt)

    def cut_short(self, step: Step[Any]) -> None:
        """`step` was cancelled on its way: whether the store carried it out is unknown.

        A cancelled invalidation has nobody left who could try again, but what it was for
        has happened: it is owed, and repeated (G2).
        """
        if isinstance(step, Enter | Leave) or (isinstance(step, ChangeStamps) and not step.is_soft):
            self._parts.guard.owe(Debt(stamps=frozenset(step.stamps)))
        elif isinstance(step, AddPattern):
            self._parts.guard.owe(Debt(globs=(step.glob,)))
        elif isinstance(step, NewEpoch):
            self._parts.guard.owe(Debt(everything=True))

    def came(self, step: Step[Any], reply: Any, before: Debt) -> Any:
        """The reply to `step` as the store gave it, and what this process knows beside.

        `before` is what was owed when the step was sent: a reply may be older than a
        repayment that overtook it, so both debts count.
        """
        if not isinstance(step, Settle | AwaitLeader):  # they may end without a word
            self._parts.guard.succeeded()
        self.counted(step)
        if isinstance(reply, Seen) and reply.foreign:
            self._parts.observer.counted("foreign", reply.foreign)
        if isinstance(reply, Patterns):
            self._patterns = reply
        debt = before.plus(self._parts.guard.debt)
        if debt and isinstance(reply, Seen):
            return reply.but(debt=debt)
        if debt and isinstance(step, Confirm) and not debt.stamps.isdisjoint(step.late):
            return None
        return reply

    def counted(self, step: Step[Any]) -> None:
        if isinstance(step, WriteShared):
            self._parts.observer.counted("writes", len(step.entries))
