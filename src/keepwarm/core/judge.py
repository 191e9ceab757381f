"""What the recipes of reading have in common: judging an entry, capturing a token."""

from collections.abc import Iterable

from keepwarm.core.entry import Life, Seen, Stored, Terms, life, names_of
from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.core.policy import Policy
from keepwarm.core.stamps import Token, carried
from keepwarm.core.steps import (
    Away,
    Capture,
    Instant,
    ReadPatterns,
    Recipe,
    Subject,
    ask,
)


def judge(subject: Subject, stored: Stored, seen: Seen, now: Instant) -> Recipe[Life]:
    """Fresh, stale or dead; patterns are asked for only where they can matter."""
    terms = stored.terms
    if seen.debt and seen.debt.hits(subject.logical, terms):
        return Life.DEAD
    state = life(terms, seen, now.wall)
    if state is not Life.UNSURE:
        return state
    assert seen.epoch is not None  # an entry of no epoch is dead
    patterns = yield from ask(ReadPatterns(seen.epoch))
    if isinstance(patterns, Away) or patterns.kill(subject.logical, terms, seen.epoch):
        return Life.DEAD
    return by_age(stored, seen, now.wall)


def by_age(stored: Stored, seen: Seen, wall: float) -> Life:
    """Fresh or stale: what an entry is that nothing has ended."""
    is_soft_same = all(
        (stamp := seen.stamps.get(name)) is not None and stamp.soft == soft
        for name, _, soft in stored.terms.stamps
    )
    return Life.FRESH if wall < stored.terms.fresh_until and is_soft_same else Life.STALE


def capture(
    subjects: Iterable[Subject], seen: Seen, sent_at: float
) -> Recipe[dict[str, Token | None]]:
    """A token for each subject (by name), None where nothing may be stored.

    What was seen already is used; stamps that were missing are created by one script,
    and then the token is what *that* saw, later than the read but before the origin.
    """
    subjects = tuple(subjects)
    names = tuple(dict.fromkeys(name for s in subjects for name in s.stamps))
    is_complete = (
        seen.epoch is not None
        and seen.position is not None
        and all(seen.stamps.get(name) is not None for name in names)
    )
    if not is_complete:
        captured = yield from ask(Capture(names))
        if isinstance(captured, Away):
            return {s.name: None for s in subjects}
        seen = captured
    return {s.name: _token(s, seen, sent_at) for s in subjects}


def _token(subject: Subject, seen: Seen, sent_at: float) -> Token | None:
    if seen.epoch is None or seen.position is None:
        return None
    if seen.debt and seen.debt.covers(subject.logical, subject.stamps):
        return None
    stamps = carried(subject.stamps, seen.stamps)
    if stamps is None:
        return None
    return Token(seen.epoch.nonce, seen.epoch.pattern_position, seen.position, stamps, sent_at)


def may_revalidate(terms: Terms, now: float) -> bool:
    """Whether a stale entry may be served while it is refreshed (RFC 5861 section 3).

    An entry that was softly invalidated while fresh is stale at once: its window must
    exist, not only lie in the future.
    """
    return now < terms.stale_until and terms.stale_until > terms.fresh_until


def may_cover_error(terms: Terms, now: float) -> bool:
    """Whether a stale entry may stand in for a failed origin (RFC 5861 section 4)."""
    return now < terms.error_until and terms.error_until > terms.fresh_until


def may_fall_back(terms: Terms, policy: Policy, now: float) -> bool:
    """Whether a stale entry may be served at all, when its fill is slow, fails or must wait.

    With a soft timeout that is one more ttl where no window is longer.
    """
    if may_revalidate(terms, now) or may_cover_error(terms, now):
        return True
    return policy.soft_timeout_s is not None and now < terms.fresh_until + policy.ttl_s


def served(
    subject: Subject,
    stored: Stored,
    tier: Tier,
    reason: Reason,
    now: Instant,
    *,
    is_proven: bool = True,
    as_of: int = 0,
) -> Outcome:
    """The outcome of answering from an entry, whose stamps were compared at position `as_of`.

    An unproven one carries no stamps, so that no enclosing fill is stored on its word.
    """
    terms = stored.terms
    return Outcome(
        policy=subject.policy_name,
        tier=tier,
        stale=reason is not Reason.FRESH,
        reason=reason,
        age_s=max(0.0, now.wall - terms.filled_at),
        ttl_s=terms.fresh_until - now.wall,
        cost_s=terms.cost_s,
        stored=True,
        tags=terms.tags,
        epoch=terms.epoch,
        position=terms.position,
        keys=((subject.logical, terms.own_position), *terms.keys),
        stamps=terms.stamps if is_proven and terms.is_fenced else None,
        fresh_until=terms.fresh_until,
        filler=terms.filler,
        names=None if is_proven and terms.is_fenced else names_of(terms),
        as_of=max(terms.position, as_of),
    )


def compared_at(stored: Stored, seen: Seen) -> int:
    """The position at which an entry that is alive was found unchanged by a read of the store.

    0 for one that was softly invalidated: it is served all the same, but has not seen that.
    """
    is_same = all(
        (stamp := seen.stamps.get(name)) is not None and stamp.soft == soft
        for name, _, soft in stored.terms.stamps
    )
    return seen.position or 0 if is_same else 0
