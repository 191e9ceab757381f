"""The recipes of invalidating: replace what entries are compared with, then tidy up.

Nothing has to be found or deleted: a new nonce makes every entry that carries the old
one unservable, wherever it lies, including those whose fill is still running.
"""

from dataclasses import dataclass

from keepwarm.core.entry import Debt
from keepwarm.core.globs import Glob
from keepwarm.core.stamps import stamp_of_key
from keepwarm.core.steps import (
    AddPattern,
    Away,
    Changed,
    ChangeStamps,
    DeleteShared,
    DropNear,
    NewEpoch,
    Owe,
    Recipe,
    Settle,
    ask,
)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """The store did not answer: the invalidation must be presumed not done.

    `durable`: it is owed on disk, too.
    """

    why: str
    durable: bool = False


Verdict = Changed | Unconfirmed


def settle(changed: Changed | Away, debt: Debt, drop: DropNear) -> Recipe[Verdict]:
    """Wait until nobody serves what `changed` ended; what is not confirmed is owed."""
    durable = False
    if isinstance(changed, Away):
        durable = yield from ask(Owe(debt))
    yield from ask(drop)
    if isinstance(changed, Away):
        return Unconfirmed(changed.why, durable)
    away = yield from ask(Settle(changed))
    if away is None:
        return changed
    durable = yield from ask(Owe(debt))
    return Unconfirmed(away.why, durable)


def invalidate(stamps: tuple[str, ...], *, is_soft: bool = False) -> Recipe[Verdict]:
    """Make every entry that depends on one of `stamps` unservable (or only stale)."""
    changed = yield from ask(ChangeStamps(stamps, is_soft))
    if not is_soft:
        debt = Debt(stamps=frozenset(stamps))
        return (yield from settle(changed, debt, DropNear(stamps=stamps)))
    yield from ask(DropNear(stamps=stamps))
    return Unconfirmed(changed.why) if isinstance(changed, Away) else changed


def invalidate_keys(logical: tuple[str, ...], names: tuple[str, ...]) -> Recipe[Verdict]:
    """Make the entries of these logical keys unservable, and free `names`."""
    verdict = yield from invalidate(tuple(dict.fromkeys(map(stamp_of_key, logical))))
    yield from ask(DropNear(names=names))
    if isinstance(verdict, Changed) and names:
        yield from ask(DeleteShared(names))
    return verdict


def invalidate_pattern(glob: Glob) -> Recipe[Verdict]:
    """Make every entry unservable whose logical key matches, by one small write."""
    changed = yield from ask(AddPattern(glob))
    return (yield from settle(changed, Debt(globs=(glob,)), DropNear(glob=glob)))


def clear() -> Recipe[Verdict]:
    """Make every entry of the namespace unservable."""
    changed = yield from ask(NewEpoch())
    return (yield from settle(changed, Debt(everything=True), DropNear(everything=True)))
