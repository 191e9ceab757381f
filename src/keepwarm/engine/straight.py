"""The straight way: a hit on which nothing is unusual, without running a recipe.

How to think of it: `core.fetch` says how every call is answered. Most calls end in its
first lines: there is a copy, and every stamp it carries is the present one. Those lines
are here once more as two plain functions. Whatever else is the case (no copy, a stamp
that differs, a debt, an entry past its lifetime) they answer None, and the recipe runs,
with what was read for it.

A copy that was found to be current is `Ready`: as long as its watch (the mirror, or a
store in this process) has the same version and a live lease, nothing it depends on has
changed, and it need not be compared again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from keepwarm.core.entry import Life, Seen, Stored, life, names_of
from keepwarm.core.eviction import GONE, Resident
from keepwarm.core.judge import by_age, compared_at, served
from keepwarm.core.outcome import Reason, Tier
from keepwarm.core.steps import Away, Held, Instant, ReadShared, Subject
from keepwarm.engine.answers import Answers, Parts, boot_s
from keepwarm.engine.call import Call
from keepwarm.engine.context import is_listening, report
from keepwarm.ports import Observer, Plain, Watch
from keepwarm.stores.codecs import Undecodable

Glanced: TypeAlias = tuple[ReadShared, Seen | Away]
"""What was asked for a recipe before it ran, and the reply."""


class Asking(NamedTuple):
    """The first read of a call; `held` is the near copy that it is to prove, if there is one."""

    step: ReadShared
    held: Held | None
    sent_at: float


class Ready:
    """A copy that was current under `version` of its `watch`, and how to answer from it.

    `until` is the instant, on the clock of leases, at which its lifetime ends.
    """

    __slots__ = (
        "count",
        "decoded",
        "is_current",
        "names",
        "pulse",
        "resident",
        "shape",
        "stored",
        "subject",
        "until",
        "value",
        "version",
        "watch",
    )

    def __init__(
        self,
        subject: Subject,
        stored: Stored,
        count: Plain,
        watch: Watch,
        until: float,
        is_current: "Callable[[Ready], bool]",
        decode: Callable[[bytes], Any],
        resident: Resident,
    ) -> None:
        self.resident = resident
        """Who holds the copy: each use is noted there, and when it leaves."""
        self.subject, self.stored = subject, stored
        self.names = names_of(stored.terms)
        self.count, self.until = count, until
        self.watch, self.pulse = watch, watch.pulse
        self.version = -1
        self.is_current = is_current
        """Compares again, after something changed."""
        self.shape: Any = None
        """The exact types of the arguments it answers: 1, 1.0 and True are equal, not the same."""
        self.value: Any = None
        """The decoded value where all may share it."""
        self.decoded: Callable[[], Any] = partial(decode, stored.payload)
        """A value for one caller alone."""


Keep: TypeAlias = Callable[[Ready, Any], None]
"""Takes a copy that is ready, and its decoded value."""


@dataclass(slots=True, eq=False)
class Prepared:
    """What a call is about, worked out once: it may be made again and again.

    `shape` is as that of Ready. `step` is the read to begin with, for as long as `hint` is
    what is known of the entry's stamps.
    """

    subject: Subject
    call: Call
    keep: Keep | None = None
    shape: Any = None
    step: ReadShared = field(init=False)
    counts: dict[Tier, Plain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.step = ReadShared((self.subject.name,), self.subject.hint)

    def hinted(self, hint: tuple[str, ...] | None) -> None:
        """Ask for these stamps from now on."""
        if hint is not None and hint is not self.subject.hint:
            self.subject = replace(self.subject, hint=hint)
            self.step = ReadShared((self.subject.name,), hint)

    def counted(self, counters: Observer, tier: Tier) -> Plain:
        """Where its fresh hits from `tier` are counted."""
        count = self.counts.get(tier)
        if count is None:
            count = self.counts[tier] = counters.plain(self.subject.policy_name, tier)
        return count


def is_held(ready: Ready) -> bool:
    """Whether the copy is still in its tier, unpacked: what was evicted is to cost nothing."""
    resident = ready.resident
    value = resident.value
    return resident.place != GONE and getattr(value, "stored", value) is ready.stored


class Straight:
    """Of one driver: the parts it shares with the other, and its own mirror."""

    def __init__(self, parts: Parts, answers: Answers) -> None:
        self._parts = parts
        self._answers = answers
        self._counters = parts.observer

    def near(self, prepared: Prepared) -> tuple[Any] | None:
        """The value of a copy in this process that needs nobody asked.

        `prepared.keep` gets what it takes to answer so again, where that can be known.
        """
        parts = self._parts
        local, near = parts.local, parts.near
        if (local is None and near is None) or not parts.guard.gate.is_open:
            return None
        subject, call, keep = prepared.subject, prepared.call, prepared.keep
        if local is not None:
            stored, resident = local.peek(subject.name), local.resident_of(subject.name)
            return self._watched(subject, call, keep, local, stored, resident, Tier.SHARED)
        assert near is not None
        held = near.read(subject.name)
        if held is None:
            return None
        if held.proven_at <= parts.clock.mono() < held.proven_at + subject.bound_s:
            return self._bounded(subject, call, held.stored)
        watch, resident = self._answers.mirror(), near.resident_of(subject.name)
        return self._watched(subject, call, keep, watch, held.stored, resident, Tier.NEAR)

    def _watched(
        self,
        subject: Subject,
        call: Call,
        keep: Keep | None,
        watch: Watch | None,
        stored: Stored | None,
        resident: Resident | None,
        tier: Tier,
    ) -> tuple[Any] | None:
        if stored is None or watch is None or resident is None:
            return None
        now = boot_s()
        count = self._counters.plain(subject.policy_name, tier)
        until = now + stored.terms.fresh_until - self._parts.clock.wall()
        ready = Ready(
            subject,
            stored,
            count,
            watch,
            until,
            self._is_current,
            call.codec.decode,
            resident,
        )
        if now >= until or not self._is_current(ready):
            return None
        try:
            value = ready.decoded()
        except Undecodable:
            return None
        self.account(ready)
        if keep is not None:
            keep(ready, value)
        return (value,)

    def _bounded(self, subject: Subject, call: Call, stored: Stored) -> tuple[Any] | None:
        """A copy that was proven so lately that its bound allows it."""
        if self._parts.clock.wall() >= stored.terms.fresh_until:
            return None
        try:
            value = call.codec.decode(stored.payload)
        except Undecodable:
            return None
        self._count(subject, stored, self._counters.plain(subject.policy_name, Tier.NEAR))
        return (value,)

    def _is_current(self, ready: Ready) -> bool:
        """Compare again: the version changed, as it does with anything that is invalidated."""
        watch = ready.watch
        version = watch.pulse.version  # before what it stands for is compared
        seen = watch.seen(ready.names, boot_s())
        if seen is None or not self._is_fresh(ready.subject, ready.stored, seen):
            return False
        ready.version = version
        return True

    def _is_fresh(self, subject: Subject, stored: Stored, seen: Seen) -> bool:
        if seen.debt:
            return False
        wall = self._parts.clock.wall()
        found = life(stored.terms, seen, wall)
        if found is Life.FRESH:
            return True
        if found is not Life.UNSURE:
            return False
        assert seen.epoch is not None  # an entry of no epoch is dead
        patterns = self._answers.known_patterns(seen.epoch)
        if patterns is None or patterns.kill(subject.logical, stored.terms, seen.epoch):
            return False
        return by_age(stored, seen, wall) is Life.FRESH

    def asking(self, prepared: Prepared) -> Asking | None:
        """What to ask first, and the near copy that it would prove; None while a debt is owed."""
        if not self._parts.guard.gate.is_open:
            return None
        near = self._parts.near
        held = near.read(prepared.subject.name) if near is not None else None
        step = prepared.step if held is None else ReadShared((), names_of(held.stored.terms))
        return Asking(step, held, self._parts.clock.mono())

    def found(self, prepared: Prepared, asking: Asking, seen: Seen | Away) -> tuple[Any] | None:
        """The value of an entry whose stamps were read for this call, if it is plainly fresh."""
        subject, call = prepared.subject, prepared.call
        if isinstance(seen, Away):
            return None
        held = asking.held
        stored = held.stored if held is not None else seen.entries[0]
        if stored is None or not self._is_fresh(subject, stored, seen):
            return None
        tier = Tier.NEAR if held is not None else Tier.SHARED
        try:
            value = call.codec.decode(stored.payload)
        except Undecodable:
            return None
        names = tuple([stamp[0] for stamp in stored.terms.stamps])
        if self._parts.near is not None or names != subject.hint:
            self._answers.keep_near(subject.name, subject.logical, stored, asking.sent_at)
        count = prepared.counted(self._counters, tier)
        self._count(subject, stored, count, seen)
        return (value,)

    def account(self, ready: Ready) -> None:
        """Count a hit, and tell who listens."""
        self._count(ready.subject, ready.stored, ready.count)

    def _count(
        self, subject: Subject, stored: Stored, count: Plain, seen: Seen | None = None
    ) -> None:
        count.hits += 1
        if is_listening():
            now = Instant(self._parts.clock.wall(), 0.0)
            as_of = compared_at(stored, seen) if seen is not None else 0
            report(served(subject, stored, count.tier, Reason.FRESH, now, as_of=as_of))
