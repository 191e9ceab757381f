"""The recipe of reading many: the same judgement as `fetch`, one trip and one origin call."""

from collections.abc import Mapping

from keepwarm.core.entry import Life, Seen, Stored, names_of
from keepwarm.core.fetch import Answer, at_once, filled, serve
from keepwarm.core.judge import capture, compared_at, judge, may_cover_error, may_revalidate
from keepwarm.core.outcome import Reason, Tier
from keepwarm.core.stamps import Token
from keepwarm.core.steps import (
    Away,
    DropNear,
    FillMany,
    FillReply,
    Held,
    Instant,
    Now,
    Raised,
    ReadNear,
    ReadShared,
    Recipe,
    Refresh,
    Subject,
    WriteNear,
    ask,
    must_ask_again,
)

Subjects = tuple[Subject, ...]
Alive = dict[str, tuple[Stored, Tier, Life, int]]
"""With the position at which each was compared."""


def fetch_many(subjects: Subjects) -> Recipe[Mapping[str, Answer | Raised]]:
    """Answers by physical name; a name that the origin did not answer is missing."""
    now = yield from ask(Now())
    held: dict[str, Held] = {}
    answers: dict[str, Answer | Raised] = {}
    for subject in subjects:
        near = yield from ask(ReadNear(subject))
        if near is None:
            continue
        held[subject.name] = near
        answer = yield from at_once(subject, near, now)
        if answer is not None:
            answers[subject.name] = answer
    asked = tuple(s for s in subjects if s.name not in answers)
    if not asked:
        return answers
    looked = yield from _look_up(asked, held, now)
    if isinstance(looked, Away):
        answers |= yield from _without_store(asked, held, looked, now)
        return answers
    seen, alive = looked
    answers |= yield from _answer(asked, seen, alive, now)
    return answers


def peek_many(subjects: Subjects) -> Recipe[Mapping[str, Answer]]:
    """Those of `subjects` that a tier can answer, by physical name; no origin is asked."""
    now = yield from ask(Now())
    held = {}
    for subject in subjects:
        if (near := (yield from ask(ReadNear(subject)))) is not None:
            held[subject.name] = near
    looked = yield from _look_up(subjects, held, now)
    found: dict[str, Answer] = {}
    if isinstance(looked, Away):
        return (yield from _unproven(subjects, held, looked, now))
    for subject in subjects:
        if subject.name not in looked[1]:
            continue
        stored, tier, life, as_of = looked[1][subject.name]
        if life is Life.STALE and not may_revalidate(stored.terms, now.wall):
            continue
        reason = Reason.FRESH if life is Life.FRESH else Reason.REVALIDATING
        answer = yield from serve(subject, stored, tier, reason, now, as_of=as_of)
        if answer is not None:
            found[subject.name] = answer
    return found


def _look_up(
    subjects: Subjects, held: Mapping[str, Held], now: Instant
) -> Recipe[tuple[Seen, Alive] | Away]:
    """The living entries of `subjects`, and all stamps that were read on the way."""
    alive: Alive = {}
    wanted = {n for s in subjects for n in s.hint}
    wanted.update(n for h in held.values() for n in names_of(h.stored.terms))
    to_read = tuple(s for s in subjects if s.name not in held)
    seen = yield from ask(ReadShared(tuple(s.name for s in to_read), tuple(wanted)))
    if isinstance(seen, Away):
        return seen
    for subject in subjects:
        near = held.get(subject.name)
        if near is None:
            continue
        life = yield from judge(subject, near.stored, seen, now)
        if life is Life.FRESH:
            yield from ask(WriteNear(subject.name, subject.logical, near.stored, now.mono))
            alive[subject.name] = (near.stored, Tier.NEAR, life, compared_at(near.stored, seen))
    entries = dict(zip((s.name for s in to_read), seen.entries, strict=True))
    again = tuple(s for s in subjects if s.name in held and s.name not in alive)
    missing = {
        name for stored in entries.values() if stored is not None for name in names_of(stored.terms)
    } - seen.stamps.keys()
    if again or missing:
        # A near copy that is dead or stale, or a hint that was not the entry's whole list
        # of tags. All stamps are read again, so that one later reading judges everything.
        more = yield from ask(
            ReadShared(tuple(s.name for s in again), (*seen.stamps.keys(), *missing))
        )
        if isinstance(more, Away):
            return more
        seen = more
        entries |= dict(zip((s.name for s in again), more.entries, strict=True))
    for subject in subjects:
        stored = entries.get(subject.name)
        if stored is None:
            continue
        life = yield from judge(subject, stored, seen, now)
        if life is Life.DEAD:
            yield from ask(DropNear(names=(subject.name,)))
            continue
        yield from ask(WriteNear(subject.name, subject.logical, stored, now.mono))
        alive[subject.name] = (stored, Tier.SHARED, life, compared_at(stored, seen))
    return seen, alive


def _answer(
    subjects: Subjects, seen: Seen, alive: Alive, now: Instant
) -> Recipe[dict[str, Answer | Raised]]:
    answers: dict[str, Answer | Raised] = {}
    stale: list[Subject] = []
    absent: list[Subject] = []
    for subject in subjects:
        if subject.name not in alive:
            absent.append(subject)
            continue
        stored, tier, life, as_of = alive[subject.name]
        if life is not Life.FRESH and not may_revalidate(stored.terms, now.wall):
            absent.append(subject)
            continue
        reason = Reason.FRESH if life is Life.FRESH else Reason.REVALIDATING
        answer = yield from serve(subject, stored, tier, reason, now, as_of=as_of)
        if answer is None:
            del alive[subject.name]
            absent.append(subject)
            continue
        answers[subject.name] = answer
        if life is not Life.FRESH:
            stale.append(subject)
    if stale:
        tokens = yield from capture(stale, seen, now.mono)
        wanted = tuple((s, t) for s in stale if (t := tokens[s.name]) is not None)
        if wanted:
            yield from ask(Refresh(wanted))
    if absent:
        tokens = yield from capture(absent, seen, now.mono)
        replies = yield from ask(FillMany(tuple((s, tokens[s.name]) for s in absent)))
        late = tuple(s for s in absent if (r := replies.get(s.name)) and must_ask_again(r))
        if late:
            replies = {**replies, **(yield from _again(late))}
            known = {s.name for s in late}
            replies = {n: r for n, r in replies.items() if n not in known or not must_ask_again(r)}
        for subject in absent:
            reply = replies.get(subject.name)
            if reply is not None:
                answers[subject.name] = yield from _settled(subject, reply, alive, now)
    return answers


def _again(subjects: Subjects) -> Recipe[Mapping[str, FillReply]]:
    """The fills of those who joined one too late to trust it: one call of their own."""
    now = yield from ask(Now())
    names = tuple(dict.fromkeys(name for s in subjects for name in s.stamps))
    seen = yield from ask(ReadShared((), names))
    tokens: dict[str, Token | None] = dict.fromkeys(s.name for s in subjects)
    if not isinstance(seen, Away):
        tokens = yield from capture(subjects, seen, now.mono)
    return (yield from ask(FillMany(tuple((s, tokens[s.name]) for s in subjects), alone=True)))


def _settled(
    subject: Subject, reply: FillReply, alive: Alive, now: Instant
) -> Recipe[Answer | Raised]:
    if isinstance(reply, Raised) and subject.name in alive:
        stored, tier, *_ = alive[subject.name]
        if may_cover_error(stored.terms, now.wall):
            answer = yield from serve(subject, stored, tier, reply.reason, now)
            if answer is not None:
                return answer
    return (yield from filled(subject, reply, Reason.FILLED))


def _without_store(
    subjects: Subjects, held: Mapping[str, Held], away: Away, now: Instant
) -> Recipe[dict[str, Answer | Raised]]:
    answers: dict[str, Answer | Raised] = dict((yield from _unproven(subjects, held, away, now)))
    absent = tuple((s, None) for s in subjects if s.name not in answers)
    if absent:
        replies = yield from ask(FillMany(absent))
        for subject, _ in absent:
            reply = replies.get(subject.name)
            if reply is not None:
                answers[subject.name] = yield from filled(subject, reply, Reason.STORE_AWAY)
    return answers


def _unproven(
    subjects: Subjects, held: Mapping[str, Held], away: Away, now: Instant
) -> Recipe[dict[str, Answer]]:
    answers: dict[str, Answer] = {}
    for subject in subjects:
        near = held.get(subject.name)
        if near is None:
            continue
        if away.debt.hits(subject.logical, near.stored.terms):
            continue
        if not near.proven_at <= now.mono < near.proven_at + subject.policy.stale_if_unproven_s:
            continue
        answer = yield from serve(
            subject, near.stored, Tier.NEAR, Reason.UNPROVEN, now, is_proven=False
        )
        if answer is not None:
            answers[subject.name] = answer
    return answers
