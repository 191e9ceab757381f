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
from typing import Any, NamedTuple, TypeAlias

import msgspec

from keepwarm.core.entry import Life, Seen, Stored, Terms, life, names_of
from keepwarm.core.eviction import Resident
from keepwarm.core.judge import by_age, compared_at, served
from keepwarm.core.mirror import Pulse
from keepwarm.core.outcome import Reason, Tier
from keepwarm.core.steps import Away, Held, Instant, ReadShared, Subject
from keepwarm.engine.answers import Answers, Parts, boot_s
from keepwarm.engine.call import Call
from keepwarm.engine.context import is_listening, report
from keepwarm.ports import NearStore, Observer, Plain, Watch
from keepwarm.stores.codecs import Undecodable
from keepwarm.stores.memory import MemoryStore
from keepwarm.stores.near import Warm, packed_in

Glanced: TypeAlias = tuple[ReadShared, Seen | Away]
"""What was asked for a recipe before it ran, and the reply."""


class Asking(NamedTuple):
    """The first read of a call; `held` is the near copy that it is to prove, if there is one."""

    step: ReadShared
    held: Held | None
    sent_at: float


@dataclass(slots=True, eq=False)
class Line:
    """What all ready copies of one function have in common.

    They are looked up in `store` and compared with `watch`, whose `pulse` says when that
    has to be done again.
    """

    store: NearStore | MemoryStore
    watch: Watch
    count: Plain
    decode: Callable[[bytes], Any]
    is_current: "Callable[[Ready], bool]"
    """Compares again, after something changed."""
    is_shareable: bool
    pulse: Pulse = field(init=False)

    def __post_init__(self) -> None:
        self.pulse = self.watch.pulse


class Ready(msgspec.Struct, gc=False):
    """A copy that was current under `version` of its line's watch, and how to answer from it.

    `until` is the instant, on the clock of leases, at which its lifetime ends. There are as
    many as there are copies in use, so it is small, is not looked at by the garbage
    collector, and keeps nothing alive but the packed bytes.
    """

    line: Line
    pulse: Pulse
    count: Plain
    resident: Resident
    """Who holds the copy: each use is noted there, and when another takes its place."""
    packed: bytes
    """The very copy: the tier holds this object for as long as it holds that copy."""
    begins: int
    """Where the payload begins in it."""
    until: float
    version: int = -1
    shape: Any = None
    """The exact types of the arguments it answers: 1, 1.0 and True are equal, not the same."""

    def decoded(self, copy: Any) -> Any:
        """The value in what the resident holds; one that all may share is kept beside it."""
        if copy.__class__ is bytes:
            return self.line.decode(copy[self.begins :])
        value = self.line.decode(copy.stored.payload)
        if self.line.is_shareable:
            copy.memo = value
        return value


class Proof(NamedTuple):
    """That an entry of these `terms` was current with what was seen: epoch and stamps.

    What a read saw is mostly what the last one saw, the very same objects: then it need not
    be compared again, save with the clock.
    """

    terms: Terms
    names: tuple[str, ...]
    seen: tuple[Any, ...]

    def still(self, terms: Terms, seen: Seen) -> bool:
        return self.terms is terms and self.seen == _seen_of(self.names, seen)


def _seen_of(names: tuple[str, ...], seen: Seen) -> tuple[Any, ...]:
    return (seen.epoch, *map(seen.stamps.get, names))


Keep: TypeAlias = Callable[[Ready], None]
"""Takes a copy that is ready."""


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
    proof: Proof | None = None
    line: Line | None = None
    is_shareable: bool = False
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
    """Whether the very copy is still in its tier."""
    copy = ready.resident.value
    return copy is not None and packed_in(copy) is ready.packed


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
        subject = prepared.subject
        if local is not None:
            stored, resident = local.peek(subject.name), local.resident_of(subject.name)
            return self._watched(prepared, local, local, stored, resident, Tier.SHARED)
        assert near is not None
        held = near.read(subject.name)
        if held is None:
            return None
        if held.proven_at <= parts.clock.mono() < held.proven_at + subject.bound_s:
            return self._bounded(subject, prepared.call, held.stored)
        watch, resident = self._answers.mirror(), near.resident_of(subject.name)
        return self._watched(prepared, near, watch, held.stored, resident, Tier.NEAR)

    def _watched(
        self,
        prepared: Prepared,
        store: NearStore | MemoryStore,
        watch: Watch | None,
        stored: Stored | None,
        resident: Resident | None,
        tier: Tier,
    ) -> tuple[Any] | None:
        if stored is None or watch is None or resident is None:
            return None
        now, version = boot_s(), watch.pulse.version  # before what it stands for is compared
        until = now + stored.terms.fresh_until - self._parts.clock.wall()
        subject, keep, copy = prepared.subject, prepared.keep, resident.value
        seen = watch.seen(names_of(stored.terms), now)
        if now >= until or seen is None or not self._is_fresh(subject, stored, seen):
            return None
        try:
            value = prepared.call.codec.decode(stored.payload)
        except Undecodable:
            return None
        count = prepared.counted(self._counters, tier)
        self._count(subject, stored, count, seen)
        if keep is not None and copy is not None and store.opened(resident.name, copy) is stored:
            line = prepared.line
            if line is None or line.watch is not watch:
                decode = prepared.call.codec.decode
                line = Line(store, watch, count, decode, self._is_current, prepared.is_shareable)
            packed = packed_in(copy)
            begins = len(packed) - len(stored.payload)
            if prepared.is_shareable and isinstance(copy, Warm):
                copy.memo = value
            keep(Ready(line, line.pulse, line.count, resident, packed, begins, until, version))
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
        """Compare again: the version changed, as it does with anything that is invalidated.

        False also where it is not plain: then the ordinary way tells.
        """
        line = ready.line
        version = line.pulse.version  # before what it stands for is compared
        stored = line.store.opened(ready.resident.name, ready.packed)
        seen = line.watch.seen(names_of(stored.terms), boot_s())
        if seen is None or seen.debt:
            return False
        if life(stored.terms, seen, self._parts.clock.wall()) is not Life.FRESH:
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
        if stored is None:
            return None
        terms, proof = stored.terms, prepared.proof
        if proof is None or not proof.still(terms, seen):
            if not self._is_fresh(subject, stored, seen):
                return None
            names = names_of(terms)
            proof = prepared.proof = Proof(terms, names, _seen_of(names, seen))
        elif seen.debt or self._parts.clock.wall() >= terms.fresh_until:
            return None
        tier = Tier.NEAR if held is not None else Tier.SHARED
        try:
            value = call.codec.decode(stored.payload)
        except Undecodable:
            return None
        if self._parts.near is not None or proof.names != subject.hint:
            self._answers.keep_near(subject.name, subject.logical, stored, asking.sent_at)
        count = prepared.counted(self._counters, tier)
        self._count(subject, stored, count, seen)
        return (value,)

    def _count(
        self, subject: Subject, stored: Stored, count: Plain, seen: Seen | None = None
    ) -> None:
        count.hits += 1
        if is_listening():
            now = Instant(self._parts.clock.wall(), 0.0)
            as_of = compared_at(stored, seen) if seen is not None else 0
            report(served(subject, stored, count.tier, Reason.FRESH, now, as_of=as_of))
