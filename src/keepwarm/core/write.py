"""The recipes of announced writes: mark what will change, check, commit, take the mark away.

How to think of it: an invalidation after a commit can be lost with the process that owed
it. So the writer says beforehand what he will change. While his mark is in a stamp nobody
stores or serves anything that depends on it, in any tier; whoever asks, computes.

    1. ENTER: new nonce and mark; then wait until no near tier answers by itself
    2. the writer checks that every mark lives, and commits
    3. he dies                                      -> nobody was ever served what was before
    4. his mark lapses: the next reader draws a new nonce, and only then stores

Leaving draws a new nonce, too, so that a fill which began while the mark was there and
read before the commit cannot be stored after it.
"""

from keepwarm.core.entry import Debt
from keepwarm.core.invalidate import Unconfirmed, Verdict, settle
from keepwarm.core.steps import (
    Away,
    Changed,
    DropNear,
    Enter,
    Inside,
    Leave,
    Recipe,
    Settle,
    ask,
)


def enter(writer: str, stamps: tuple[str, ...]) -> Recipe[Verdict]:
    """Mark `stamps`; when this returns Changed, no tier serves anything of them."""
    changed = yield from ask(Enter(writer, stamps))
    if isinstance(changed, Away):
        return Unconfirmed(changed.why)
    yield from ask(DropNear(stamps=stamps))
    away = yield from ask(Settle(changed))
    return changed if away is None else Unconfirmed(away.why)


def check(writer: str, stamps: tuple[str, ...]) -> Recipe[Unconfirmed | None]:
    """None if every mark of `writer` was there just now; to be asked right before the commit."""
    is_inside = yield from ask(Inside(writer, stamps))
    if isinstance(is_inside, Away):
        return Unconfirmed(is_inside.why)
    return None if is_inside else Unconfirmed("a mark was lost")


def leave(writer: str, stamps: tuple[str, ...]) -> Recipe[Verdict]:
    """Take the marks away, whatever became of the write.

    Where that is not confirmed the marks lapse by themselves, which is as good; but if
    the store lost them meanwhile nobody knows it, so the invalidation is owed.
    """
    changed = yield from ask(Leave(writer, stamps))
    drop = DropNear(stamps=stamps)
    if isinstance(changed, Away) or changed.is_lost:
        # Readers may have stored, and near tiers may serve, what they read before the commit.
        return (yield from settle(changed, Debt(stamps=frozenset(stamps)), drop))
    yield from ask(drop)
    return changed


def withdraw(writer: str, stamps: tuple[str, ...]) -> Recipe[bool]:
    """Take back marks of which nobody knows whether they were set; nothing was written."""
    changed = yield from ask(Leave(writer, stamps))
    return isinstance(changed, Changed)
