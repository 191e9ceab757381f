"""The recipes of a shelf: bytes that a layer above makes and judges, under the same proofs.

It is `fetch` taken apart at the origin. The layer above decides itself whether what is
found is good enough, and runs its own origin between `find` and `put`; the token that
`find` captured fences what it then stores, exactly as for a cached function.
"""

from dataclasses import dataclass

from keepwarm.core.entry import Life, Stored, Terms, names_of
from keepwarm.core.fetch import Blind, look_up
from keepwarm.core.fill import store
from keepwarm.core.judge import capture, judge
from keepwarm.core.outcome import Reason, Tier
from keepwarm.core.stamps import Token
from keepwarm.core.steps import (
    Away,
    Filled,
    Held,
    Instant,
    Now,
    Produced,
    ReadMirror,
    ReadNear,
    ReadShared,
    Recipe,
    Subject,
    WriteNear,
    WriteShared,
    ask,
)


@dataclass(frozen=True, slots=True)
class Shelved:
    """What was found, and the token of whatever is made instead.

    `is_current` is False for what was softly invalidated, or outlived a cached value that
    it was made of: stale, but not dead. Without a token nothing may be stored. `as_of` is
    the position at which what was found was compared, where the store was asked.
    """

    stored: Stored | None = None
    is_current: bool = True
    tier: Tier = Tier.SHARED
    token: Token | None = None
    was_dead: bool = False
    as_of: int = 0


def find(subject: Subject, *, wants_token: bool) -> Recipe[Shelved]:
    """What lies under `subject`'s name and may be served, from the nearest tier.

    With `wants_token` a token comes with what is not there or not current; without one it
    is only looked for.
    """
    now = yield from ask(Now())
    held = yield from ask(ReadNear(subject))
    if held is not None and now.wall >= held.stored.terms.fresh_until:
        held = None  # another process may have a newer one
    if held is not None and (yield from _holds(subject, held, now)):
        return Shelved(held.stored, tier=Tier.NEAR)
    look = yield from look_up(subject, held, now)
    if isinstance(look, Blind):
        return Shelved()
    token = None
    if wants_token:
        token = (yield from capture((subject,), look.seen, now.mono))[subject.name]
    return Shelved(look.stored, look.is_fresh, look.tier, token, look.was_dead, look.as_of)


def _holds(subject: Subject, held: Held, now: Instant) -> Recipe[bool]:
    """Whether a near copy is proven without asking, and not softly invalidated."""
    if held.proven_at <= now.mono < held.proven_at + subject.bound_s:
        return True
    seen = yield from ask(ReadMirror(names_of(held.stored.terms)))
    if seen is None:
        return False
    return (yield from judge(subject, held.stored, seen, now)) is Life.FRESH


def token_of(subject: Subject) -> Recipe[Token | None]:
    """What fences a value whose origin runs from now on."""
    now = yield from ask(Now())
    seen = yield from ask(ReadShared((), subject.stamps))
    if isinstance(seen, Away):
        return None
    return (yield from capture((subject,), seen, now.mono))[subject.name]


def put(subject: Subject, token: Token | None, made: Produced) -> Recipe[Filled]:
    """Store what was made since `token` was captured, if nothing it depends on was ended."""
    results = yield from store(((subject, token),), {subject.name: made}, was_joined=False)
    done = results[subject.name]
    return done if isinstance(done, Filled) else Filled(made, None, Reason.STORE_AWAY)


def put_piece(name: str, logical: str, terms: Terms, payload: bytes) -> Recipe[bool]:
    """Store a piece of something under a name that nobody will ever use again.

    It is found only through the entry that names it, which is proven by itself; so a piece
    is never judged.
    """
    now = yield from ask(Now())
    stored = Stored(terms, payload)
    is_stored = yield from ask(WriteShared(((name, stored),), now.wall))
    if is_stored:
        yield from ask(WriteNear(name, logical, stored, now.mono))
    return is_stored


def get_piece(subject: Subject) -> Recipe[bytes | None]:
    """The piece of that name, as long as it was kept."""
    held = yield from ask(ReadNear(subject))
    if held is not None:
        return held.stored.payload
    seen = yield from ask(ReadShared((subject.name,), ()))
    if isinstance(seen, Away) or (stored := seen.entries[0]) is None:
        return None
    now = yield from ask(Now())
    yield from ask(WriteNear(subject.name, subject.logical, stored, now.mono))
    return stored.payload
