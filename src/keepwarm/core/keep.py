"""The recipes of keeping by hand: a bare set, a touch."""

from dataclasses import dataclass

from msgspec import structs

from keepwarm.core.entry import Life, Stored, Terms, names_of
from keepwarm.core.judge import judge
from keepwarm.core.stamps import carried
from keepwarm.core.steps import (
    Away,
    Capture,
    ChangeStamps,
    Dice,
    Now,
    ReadShared,
    Recipe,
    ReplaceShared,
    Settle,
    Subject,
    WriteNear,
    WriteShared,
    ask,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether a value was stored, and if not, why. `unfenced`: nobody knows how old it was."""

    stored: bool
    why: str = "unfenced"


def keep(items: tuple[tuple[Subject, bytes], ...]) -> Recipe[Kept]:
    """Store values that the caller got he alone knows when.

    Each key gets a new stamp first, so that every earlier fill of it is dead; the tags'
    stamps are what they are *now*. An invalidation between the caller's own read and
    this call is therefore not seen: outside the promise, and reported as `unfenced`.
    """
    keys = tuple(dict.fromkeys(subject.stamps[0] for subject, _ in items))
    changed = yield from ask(ChangeStamps(keys))
    if isinstance(changed, Away):
        return Kept(False, changed.why)
    away = yield from ask(Settle(changed))  # whoever reads after this call finds the new value
    if away is not None:
        return Kept(False, away.why)
    began = yield from ask(Now())
    names = tuple(dict.fromkeys(name for subject, _ in items for name in subject.stamps))
    seen = yield from ask(Capture(names))
    if isinstance(seen, Away):
        return Kept(False, seen.why)
    if seen.epoch is None or seen.position is None:
        return Kept(False, "store-away")
    dice = yield from ask(Dice())
    entries: list[tuple[Subject, Stored]] = []
    for subject, payload in items:
        stamps = carried(subject.stamps, seen.stamps)
        if stamps is None or seen.debt.covers(subject.logical, subject.stamps):
            return Kept(False, "invalidation-pending")
        lives = subject.policy.lifetimes(began.wall, dice)
        terms = Terms(
            filled_at=began.wall,
            fresh_until=lives.fresh_until,
            stale_until=lives.stale_until,
            error_until=lives.error_until,
            kept_until=lives.kept_until,
            cost_s=0.0,
            epoch=seen.epoch.nonce,
            position=seen.position,
            stamps=stamps,
            tags=subject.tags,
            filler=subject.filler,
            is_fenced=False,
            own_position=seen.position,
        )
        entries.append((subject, Stored(terms, payload)))
    named = tuple((subject.name, stored) for subject, stored in entries)
    if not (yield from ask(WriteShared(named, began.wall))):
        return Kept(False, "store-away")
    for subject, stored in entries:
        yield from ask(WriteNear(subject.name, subject.logical, stored, began.mono))
    return Kept(True)


def touch(subject: Subject) -> Recipe[bool]:
    """Start the entry's lifetime anew without changing what it proves.

    True if a living entry was there and still the same when its terms were replaced.
    """
    now = yield from ask(Now())
    seen = yield from ask(ReadShared((subject.name,), subject.hint))
    if isinstance(seen, Away) or (old := seen.entries[0]) is None:
        return False
    names = names_of(old.terms)
    if not seen.stamps.keys() >= set(names):
        more = yield from ask(ReadShared((), names))
        if isinstance(more, Away):
            return False
        seen = more
    if (yield from judge(subject, old, seen, now)) is Life.DEAD:
        return False
    dice = yield from ask(Dice())
    lives = subject.policy.lifetimes(now.wall, dice)
    terms = structs.replace(
        old.terms,
        fresh_until=lives.fresh_until,
        stale_until=lives.stale_until,
        error_until=lives.error_until,
        kept_until=lives.kept_until,
    )
    new = Stored(terms, old.payload)
    replaced = yield from ask(ReplaceShared(subject.name, old, new, now.wall))
    if replaced:
        yield from ask(WriteNear(subject.name, subject.logical, new, now.mono))
    return replaced
