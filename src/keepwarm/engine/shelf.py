"""A shelf: what a layer above keeps in a cache, as bytes, with a lifetime for each.

The HTTP cache keeps its responses on one. They are entries like any other: in both tiers,
under stamps, ended by `invalidate`. What is left to the layer above is what the bytes mean
and whether they may answer.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from msgspec import structs

from keepwarm.core import shelving
from keepwarm.core.entry import Life, Stored, Terms, life
from keepwarm.core.judge import served
from keepwarm.core.keep import keep
from keepwarm.core.keys import physical
from keepwarm.core.mirror import Pulse
from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.core.policy import Policy
from keepwarm.core.shelving import Shelved
from keepwarm.core.stamps import Token
from keepwarm.core.steps import (
    Away,
    DeleteShared,
    DropNear,
    Instant,
    ReadShared,
    Recipe,
    Subject,
    ask,
)
from keepwarm.engine.answers import SINCE_BOOT, boot_s
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.call import Call, Plan
from keepwarm.engine.context import RunningFill, ears, is_listening, must_ask, report
from keepwarm.engine.guard import Gate
from keepwarm.engine.straight import Asking
from keepwarm.ports import Clock

R = TypeVar("R")

_SLACK_S = 1.0  # the layer above is the judge of freshness: an entry outlives its verdict
_PART = "\x1f"  # parts a logical key from what tells entries of one key apart


class _Raw:
    """Bytes as they are."""

    fingerprint = "raw00001"

    def encode(self, value: Any) -> bytes:
        return bytes(value)

    def decode(self, data: bytes) -> bytes:
        return data


_RAW = _Raw()
_UNLIMITED = 1 << 40


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long something is good for: `fresh_s` by itself, `kept_s` at all."""

    fresh_s: float
    kept_s: float

    def policy(self) -> Policy:
        fresh = timedelta(seconds=min(self.fresh_s, self.kept_s) + _SLACK_S)
        beyond = timedelta(seconds=max(0.0, self.kept_s - self.fresh_s))
        return Policy(fresh, stale_while_revalidate=beyond, jitter=0, max_bytes=_UNLIMITED)


_ANY = Lasting(60.0, 60.0).policy()


@dataclass(frozen=True, slots=True)
class Held:
    """Under which version an entry's stamps were compared.

    As `core.mirror.Pulse` says, they need not be compared again while it is the same. A
    connection that is lost, closed or left behind by a fork ends its lease.
    """

    pulse: Pulse
    version: int
    gate: Gate

    def stands(self) -> bool:
        """Whether they still are as they were: asked at each hit, and all that a hit asks."""
        pulse = self.pulse
        return (
            time.clock_gettime(SINCE_BOOT) < pulse.lease_until  # first: see Pulse
            and self.version == pulse.version
            and self.gate.is_open
        )


class Shelf:
    """One per layer and cache; belongs to the cache's event loop."""

    def __init__(self, cache: BaseCache, what: str) -> None:
        self._cache = cache
        self._what = what
        wiring = cache._wiring
        self._parts = wiring.parts
        self._guard, self._local = wiring.parts.guard, wiring.parts.local
        self._bound_s = wiring.bound_s
        self._strict_set = wiring.strict_set
        self._call = Call(_RAW, wiring.policies, what=what)
        near, local = self._parts.near, self._parts.local
        sized = near if near is not None else local
        self.near_bytes = sized.max_bytes if sized is not None else 0

    @property
    def is_on(self) -> bool:
        return self._cache.enabled

    @property
    def clock(self) -> Clock:
        return self._parts.clock

    def subject(self, logical: str, variant: str = "", tags: Iterable[str] = ()) -> Subject:
        """What lies under `logical`, whose stamp all its variants share."""
        plain = self._cache.plans.subject_of(logical, _RAW, self._what, _ANY, tuple(tags))
        if not variant:
            return plain
        name = physical(self._cache.namespace, logical + _PART + variant, _RAW.fingerprint)
        hint = self._cache._hints.get(name) or plain.stamps
        return replace(plain, name=name, hint=hint)

    def hold(self, logical: str, stored: Stored) -> Held | None:
        """Proof that an entry read earlier is current, if that is known without asking anybody."""
        if not self._may_use(logical, stored):
            return None
        local, driver = self._local, self._cache._driver
        if local is not None:
            pulse, version = local.pulse, local.pulse.version  # before what it stands for
            is_current = local.holds(stored.terms)
        else:
            mirror = driver.answers.mirror() if driver is not None and not self._bound_s else None
            if mirror is None:
                return None
            pulse, version = mirror.pulse, mirror.pulse.version
            is_current = mirror.holds(stored.terms, boot_s())
        return Held(pulse, version, self._guard.gate) if is_current else None

    def is_within_bound(self, logical: str, stored: Stored, proven_at: float) -> bool:
        """Whether an entry was read so lately that a `Bounded` near tier may serve it.

        `proven_at` is the monotonic instant before it was read.
        """
        if not self._bound_s or self._local is not None or not self._may_use(logical, stored):
            return False
        parts, now = self._parts, self.clock.mono()
        is_recent = parts.dropped_at < proven_at <= now < proven_at + self._bound_s
        return is_recent and not must_ask()

    def _may_use(self, logical: str, stored: Stored) -> bool:
        debt = self._guard.debt
        return self._cache.enabled and not (debt and debt.hits(logical, stored.terms))

    def tell(self, subject: Subject, stored: Stored, as_of: int) -> None:
        """Tell who listens that an entry was answered with; if nobody does, that costs nothing.

        `as_of` is the position at which it was last compared.
        """
        if ears.count and is_listening():
            now = Instant(self.clock.wall(), 0.0)
            report(served(subject, stored, Tier.NEAR, Reason.FRESH, now, as_of=as_of))

    def tell_of_fetch(self, subject: Subject, token: Token | None) -> None:
        """Tell who listens that what `subject` names is being made, with the tags it declares."""
        if subject.tags and ears.count and is_listening():
            outcome = Outcome(self._what, None, False, Reason.FILLED, names=subject.stamps)
            if token is not None:
                outcome = structs.replace(outcome, epoch=token.epoch, as_of=token.position)
            report(outcome)

    async def read(self, subject: Subject, began: float) -> tuple[Stored, int] | None:
        """What lies under `subject`'s name, if one look at the store proves it current, and where.

        The short way to the most frequent answer of `find`; None where anything else came
        of it, which then is for `find` to tell. `began` is the monotonic instant of the call.
        """
        if not self._parts.guard.gate.is_open:
            return None
        driver = self._cache._running()
        step = ReadShared((subject.name,), self._cache._hints.get(subject.name) or subject.stamps)
        seen = await driver.glance(Asking(step, None, began))
        if isinstance(seen, Away) or (stored := seen.entries[0]) is None or seen.debt:
            return None
        if life(stored.terms, seen, self.clock.wall()) is not Life.FRESH:
            return None
        driver.answers.keep_near(subject.name, subject.logical, stored, began)
        return stored, seen.position or 0  # as `compared_at` of an entry that is fresh

    async def find(self, subject: Subject, *, wants_token: bool) -> Shelved:
        if not self.is_on:
            return Shelved()
        return await self._do(shelving.find(subject, wants_token=wants_token))

    async def token(self, subject: Subject) -> Token | None:
        """What fences a value that is about to be made; None where it could not be stored."""
        return await self._do(shelving.token_of(subject)) if self.is_on else None

    async def put(
        self,
        subject: Subject,
        token: Token | None,
        payload: bytes,
        lasting: Lasting,
        running: RunningFill | None = None,
    ) -> tuple[Stored | None, Reason]:
        """Store `payload`, made since `token` was captured, with all that `running` depended on."""
        if not self.is_on or token is None:
            return None, Reason.DISABLED if not self.is_on else Reason.STORE_AWAY
        fill = running or RunningFill()
        timed = replace(subject, policy=lasting.policy())
        made = self._call.produced(timed, payload, fill, 0.0)
        made = replace(made, tags=tuple(dict.fromkeys((*made.tags, *fill.absorbed_tags))))
        done = await self._do(shelving.put(timed, token, made))
        return done.stored, done.reason

    async def put_unfenced(self, subject: Subject, payload: bytes, lasting: Lasting) -> bool:
        """Store what a writer said is so now: ends what was there, everywhere, first."""
        if not self.is_on or self._strict_set:
            return False
        timed = replace(subject, policy=lasting.policy())
        return (await self._do(keep(((timed, payload),)))).stored

    async def put_piece(self, name: Subject, token: Token, payload: bytes, kept_s: float) -> bool:
        """Store a piece of what is being made; the entry that names it comes last."""
        now = self.clock.wall()
        until = now + kept_s
        terms = Terms(
            now, until, until, until, until, 0.0, token.epoch, token.position, (), (),
            own_position=token.position,
        )  # fmt: skip
        return await self._do(shelving.put_piece(name.name, name.logical, terms, payload))

    async def get_piece(self, name: Subject) -> bytes | None:
        return await self._do(shelving.get_piece(name))

    async def forget(self, *subjects: Subject) -> None:
        """Free these; housekeeping, nothing depends on it."""
        names = tuple(subject.name for subject in subjects)
        await self._do(_forget(names))

    async def _do(self, recipe: Recipe[R]) -> R:
        return await self._cache.do(Plan(recipe, self._call, lambda result: (result, ())))


def _forget(names: tuple[str, ...]) -> Recipe[None]:
    yield from ask(DropNear(names=names))
    yield from ask(DeleteShared(names))
