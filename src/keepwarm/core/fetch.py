"""The recipe of reading: near tier, shared tier, origin, in that order, never stale.

Every way to an answer that comes from a tier passes `judge`, which compares the entry's
stamps with stamps read *after this call began*. An answer that comes from the origin
does so through a flight whose token equals stamps this call read, so that nobody is
handed the result of an origin call that started before an invalidation he may know of:

    1. fill F captures its token and asks the origin         (old data)
    2. a writer commits, invalidates, is acknowledged
    3. caller C begins, misses, wants to join F               -> must not

C's token differs from F's. Where F names tags only while it runs, the token can't show
it: such a flight is confirmed at its end, or those who joined it try again alone.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

from keepwarm.core.entry import Debt, Life, Seen, Stored, names_of
from keepwarm.core.judge import (
    capture,
    compared_at,
    judge,
    may_cover_error,
    may_fall_back,
    may_revalidate,
    served,
)
from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.core.stamps import Token, stamp_of_tag
from keepwarm.core.steps import (
    Away,
    Busy,
    Decode,
    Decoded,
    DropNear,
    Fill,
    Filled,
    FillReply,
    Garbled,
    Held,
    Instant,
    Now,
    Produced,
    Raised,
    ReadMirror,
    ReadNear,
    ReadShared,
    Recipe,
    Refresh,
    Slow,
    Subject,
    WriteNear,
    ask,
    must_ask_again,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A value for the caller's own use, and how it was come by."""

    value: Any
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Absent:
    """No entry that may be served, and no origin asked."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Found:
    """What looking into the tiers gave: an entry that is alive, or none."""

    seen: Seen
    stored: Stored | None
    tier: Tier
    is_fresh: bool
    was_dead: bool = False

    @property
    def as_of(self) -> int:
        """The position at which what was found was compared."""
        return compared_at(self.stored, self.seen) if self.stored is not None else 0


@dataclass(frozen=True, slots=True)
class Blind:
    """The shared store was away; `held` is a near copy whose stamps nobody could read."""

    held: Held | None
    why: str
    debt: Debt


Look: TypeAlias = Found | Blind


def fetch(subject: Subject) -> Recipe[Answer | Raised]:
    """The value of `subject`, from the nearest tier that may answer, else the origin."""
    now = yield from ask(Now())
    held = yield from ask(ReadNear(subject))
    quick = yield from at_once(subject, held, now)
    if quick is not None:
        return quick
    look = yield from look_up(subject, held, now)
    if isinstance(look, Blind):
        return (yield from _without_store(subject, look, now))
    return (yield from _from_found(subject, look, now))


def peek(subject: Subject) -> Recipe[Answer | Absent]:
    """As `fetch`, but never asks the origin."""
    now = yield from ask(Now())
    held = yield from ask(ReadNear(subject))
    quick = yield from at_once(subject, held, now)
    if quick is not None:
        return quick
    look = yield from look_up(subject, held, now)
    if isinstance(look, Blind):
        answer = yield from _unproven(subject, look, now)
        return answer or Absent(Reason.STORE_AWAY)
    if look.stored is None:
        return Absent(Reason.INVALIDATED if look.was_dead else Reason.FILLED)
    if not look.is_fresh and not may_revalidate(look.stored.terms, now.wall):
        return Absent(Reason.EXPIRED)
    reason = Reason.FRESH if look.is_fresh else Reason.REVALIDATING
    answer = yield from serve(subject, look.stored, look.tier, reason, now, as_of=look.as_of)
    return answer or Absent(Reason.UNDECODABLE)


def refill(subject: Subject) -> Recipe[Answer | Raised]:
    """Ask the origin whatever is stored, and store what it says."""
    now = yield from ask(Now())
    look = yield from ask(ReadShared((), subject.stamps))
    if isinstance(look, Away):
        reply = yield from ask(Fill(subject, None, may_be_stale=False))
    else:
        tokens = yield from capture((subject,), look, now.mono)
        reply = yield from ask(Fill(subject, tokens[subject.name], may_be_stale=False, alone=True))
    return (yield from filled(subject, reply, Reason.FILLED))


# --- the parts, also used by the batch recipe ------------------------------------------


def at_once(subject: Subject, held: Held | None, now: Instant) -> Recipe[Answer | None]:
    """A near hit that needs nobody asked.

    Either every stamp of the copy is mirrored, unchanged, under a live lease (strict), or
    it was proven so lately that its bound allows it (`Bounded`).
    """
    if held is None or now.wall >= held.stored.terms.fresh_until:
        return None
    if not held.proven_at <= now.mono < held.proven_at + subject.bound_s:
        seen = yield from ask(ReadMirror(names_of(held.stored.terms)))
        if seen is None or (yield from judge(subject, held.stored, seen, now)) is not Life.FRESH:
            return None
    return (yield from serve(subject, held.stored, Tier.NEAR, Reason.FRESH, now))


def look_up(subject: Subject, held: Held | None, now: Instant) -> Recipe[Look]:
    """Find a living entry: the near copy if its stamps hold, else the shared one."""
    if held is not None:
        seen = yield from ask(ReadShared((), names_of(held.stored.terms)))
        if isinstance(seen, Away):
            return Blind(held, seen.why, seen.debt)
        life = yield from judge(subject, held.stored, seen, now)
        if life is Life.FRESH:
            yield from ask(WriteNear(subject.name, subject.logical, held.stored, now.mono))
            return Found(seen, held.stored, Tier.NEAR, is_fresh=True)
        # Dead or stale here; another process may have filled it since.
    seen = yield from ask(ReadShared((subject.name,), subject.hint))
    if isinstance(seen, Away):
        return Blind(None, seen.why, seen.debt)
    stored = seen.entries[0]
    if stored is None:
        if held is not None:
            yield from ask(DropNear(names=(subject.name,)))
        return Found(seen, None, Tier.SHARED, False, was_dead=held is not None)
    names = names_of(stored.terms)
    if not seen.stamps.keys() >= set(names):
        # The hint was not the entry's list of tags: never judge by a subset.
        more = yield from ask(ReadShared((), names))
        if isinstance(more, Away):
            return Blind(None, more.why, more.debt)
        seen = more
    life = yield from judge(subject, stored, seen, now)
    if life is Life.DEAD:
        yield from ask(DropNear(names=(subject.name,)))
        return Found(seen, None, Tier.SHARED, False, was_dead=True)
    yield from ask(WriteNear(subject.name, subject.logical, stored, now.mono))
    return Found(seen, stored, Tier.SHARED, life is Life.FRESH)


def serve(
    subject: Subject,
    stored: Stored,
    tier: Tier,
    reason: Reason,
    now: Instant,
    *,
    is_proven: bool = True,
    as_of: int = 0,
) -> Recipe[Answer | None]:
    """The decoded entry, or None if its bytes are not a value of the declared type."""
    decoded = yield from ask(Decode(stored.payload))
    if isinstance(decoded, Garbled):
        yield from ask(DropNear(names=(subject.name,)))
        return None
    outcome = served(subject, stored, tier, reason, now, is_proven=is_proven, as_of=as_of)
    return Answer(decoded.value, outcome)


def _from_found(subject: Subject, look: Found, now: Instant) -> Recipe[Answer | Raised]:
    stored = look.stored
    miss = Reason.INVALIDATED if look.was_dead else Reason.FILLED
    if stored is not None and look.is_fresh:
        answer = yield from serve(subject, stored, look.tier, Reason.FRESH, now, as_of=look.as_of)
        if answer is not None:
            return answer
        stored, miss = None, Reason.UNDECODABLE
    tokens = yield from capture((subject,), look.seen, now.mono)
    token = tokens[subject.name]
    if stored is not None and may_revalidate(stored.terms, now.wall):
        answer = yield from serve(
            subject, stored, look.tier, Reason.REVALIDATING, now, as_of=look.as_of
        )
        if answer is not None:
            if token is not None:
                yield from ask(Refresh(((subject, token),)))
            return answer
        stored, miss = None, Reason.UNDECODABLE
    if stored is not None:
        miss = Reason.EXPIRED
    may_be_stale = stored is not None and may_fall_back(stored.terms, subject.policy, now.wall)
    reply = yield from ask(Fill(subject, token, may_be_stale))
    if may_be_stale and stored is not None and not isinstance(reply, Filled):
        answer = yield from _instead(subject, stored, look.tier, reply, now)
        if answer is not None:
            return answer
        if isinstance(reply, Busy | Slow):  # there is nothing to fall back on after all
            reply = yield from ask(Fill(subject, token, may_be_stale=False))
    return (yield from _filled_or_again(subject, reply, miss))


def _instead(
    subject: Subject, stored: Stored, tier: Tier, reply: FillReply, now: Instant
) -> Recipe[Answer | None]:
    """The stale entry in place of a fill that failed, was slow or found no slot."""
    if isinstance(reply, Raised):
        if not may_cover_error(stored.terms, now.wall):
            return None
        reason = reply.reason
    else:
        reason = Reason.OVERLOADED if isinstance(reply, Busy) else Reason.ORIGIN_SLOW
    return (yield from serve(subject, stored, tier, reason, now))


def _filled_or_again(subject: Subject, reply: FillReply, miss: Reason) -> Recipe[Answer | Raised]:
    for last in (False, False, True):
        if not must_ask_again(reply):
            break
        now = yield from ask(Now())
        look = yield from ask(ReadShared((), subject.stamps))
        token: Token | None = None
        if not isinstance(look, Away):
            token = (yield from capture((subject,), look, now.mono))[subject.name]
        reply = yield from ask(Fill(subject, token, may_be_stale=False, alone=last))
    return (yield from filled(subject, reply, miss))


def _without_store(subject: Subject, blind: Blind, now: Instant) -> Recipe[Answer | Raised]:
    answer = yield from _unproven(subject, blind, now)
    if answer is not None:
        return answer
    reply = yield from ask(Fill(subject, None, may_be_stale=False))
    return (yield from filled(subject, reply, Reason.STORE_AWAY))


def _unproven(subject: Subject, blind: Blind, now: Instant) -> Recipe[Answer | None]:
    """A near copy on trust, only as long as the policy's `stale_if_unproven` says."""
    allowed_s = subject.policy.stale_if_unproven_s
    held = blind.held
    if held is None or not held.proven_at <= now.mono < held.proven_at + allowed_s:
        return None
    if blind.debt.hits(subject.logical, held.stored.terms):
        return None
    return (
        yield from serve(subject, held.stored, Tier.NEAR, Reason.UNPROVEN, now, is_proven=False)
    )


def filled(subject: Subject, reply: FillReply, miss: Reason) -> Recipe[Answer | Raised]:
    """The answer that a finished fill gives one of its callers."""
    if isinstance(reply, Raised):
        return reply
    assert isinstance(reply, Filled)  # Busy and Slow are only for callers with a stale value
    made, stored = reply.made, reply.stored
    reason = miss if stored is not None else reply.reason
    value = made.raw
    if made.payload is not None:
        decoded = yield from ask(Decode(made.payload))
        if isinstance(decoded, Decoded):
            value = decoded.value
        else:
            reason = Reason.UNDECODABLE
    terms = stored.terms if stored is not None else None
    return Answer(
        value,
        Outcome(
            policy=made.policy_name,
            tier=None,
            stale=False,
            reason=reason,
            ttl_s=terms.fresh_until - terms.filled_at if terms else 0.0,
            cost_s=made.cost_s,
            stored=stored is not None,
            collapsed=reply.was_joined or reply.was_elsewhere,
            tags=terms.tags if terms else (*subject.tags, *made.tags),
            epoch=terms.epoch if terms else reply.epoch,
            position=terms.position if terms else 0,
            keys=((subject.logical, terms.own_position), *terms.keys) if terms else (),
            stamps=terms.stamps if terms and terms.is_fenced else None,
            fresh_until=terms.fresh_until if terms else 0.0,
            names=names_of(terms) if terms else _used(subject, made),
            as_of=max(terms.position, reply.as_of) if terms else reply.as_of,
        ),
    )


def _used(subject: Subject, made: Produced) -> tuple[str, ...] | None:
    """The stamps on which a value depends that was not stored."""
    if made.used is None:
        return None
    return tuple(dict.fromkeys((*subject.stamps, *map(stamp_of_tag, made.tags), *made.used)))
