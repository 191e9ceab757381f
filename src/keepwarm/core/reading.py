"""The recipes of a fenced set by hand: capture first, then read, then store if nothing changed.

It is a fill whose origin is the caller's own code between the two.
"""

from keepwarm.core.fill import store
from keepwarm.core.judge import capture
from keepwarm.core.outcome import Reason
from keepwarm.core.stamps import Token
from keepwarm.core.steps import (
    Away,
    Confirm,
    Filled,
    Now,
    Produced,
    ReadShared,
    Recipe,
    Subject,
    ask,
)


def begin(subject: Subject) -> Recipe[Token | None]:
    """The token of a value that is about to be read; None where it could not be stored."""
    now = yield from ask(Now())
    seen = yield from ask(ReadShared((), subject.stamps))
    if isinstance(seen, Away):
        return None
    return (yield from capture((subject,), seen, now.mono))[subject.name]


def end(subject: Subject, token: Token | None, made: Produced) -> Recipe[Filled]:
    """Store what was read, if none of the names it depends on was invalidated since."""
    if token is not None:
        # A fill would be stored all the same, dead on arrival; here somebody is told.
        quiet = yield from ask(Confirm(token.epoch, token.position, (), token.stamps))
        if quiet is None or isinstance(quiet, Away):
            return Filled(made, None, Reason.RACED)
    results = yield from store(((subject, token),), {subject.name: made}, was_joined=False)
    done = results[subject.name]
    return done if isinstance(done, Filled) else Filled(made, None, Reason.STORE_AWAY)
