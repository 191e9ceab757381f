"""One client of the store under test, with a method for each step and replies that are typed."""

from collections.abc import Iterable
from typing import TypeVar

from keepwarm.core.entry import Patterns, Seen, Stored, Terms
from keepwarm.core.globs import Glob
from keepwarm.core.mirror import Mirror
from keepwarm.core.stamps import Carried, Epoch, Stamp, carried
from keepwarm.core.steps import (
    AddPattern,
    AwaitLeader,
    Away,
    Capture,
    Changed,
    ChangeStamps,
    Confirm,
    Elect,
    Enter,
    Handed,
    Holder,
    Inside,
    Leave,
    NewEpoch,
    ReadPatterns,
    ReadShared,
    Release,
    Renew,
    Renewed,
    Settle,
    Strike,
    WriteShared,
)
from keepwarm.ports import BlockingShared

R = TypeVar("R")
NOW = 1_000.0  # wall time of the entries: no rule depends on it


class Client:
    """Asks one store. A store raises StoreAway; an `Away` is the engine's to make."""

    def __init__(self, store: BlockingShared) -> None:
        self.store = store

    @property
    def mirror(self) -> Mirror:
        mirror = self.store.mirror
        assert mirror is not None, "a client that was connected with is_near=True has no mirror"
        return mirror

    def capture(self, *names: str) -> Seen:
        return _no_away(self.store.answer(Capture(names)))

    def read(self, *names: str, entries: tuple[str, ...] = ()) -> Seen:
        return _no_away(self.store.answer(ReadShared(entries, names)))

    def confirm(
        self,
        token: Seen,
        late: Iterable[str] = (),
        unchanged: Iterable[Carried] = (),
        position: int | None = None,
    ) -> dict[str, Stamp] | None:
        at = position_of(token) if position is None else position
        step = Confirm(epoch_of(token).nonce, at, tuple(late), tuple(unchanged))
        return _no_away(self.store.answer(step))

    def change(self, *names: str, is_soft: bool = False) -> Changed:
        return _no_away(self.store.answer(ChangeStamps(names, is_soft)))

    def add_pattern(self, pattern: str) -> Changed:
        return _no_away(self.store.answer(AddPattern(Glob(pattern))))

    def patterns(self) -> Patterns:
        return _no_away(self.store.answer(ReadPatterns(self.epoch())))

    def epoch(self) -> Epoch:
        return epoch_of(self.read())

    def position(self) -> int:
        return position_of(self.read())

    def new_epoch(self) -> Changed:
        return _no_away(self.store.answer(NewEpoch()))

    def stamp(self, name: str) -> Stamp:
        """The stamp of `name`, which must be there."""
        return stamp_of(self.read(name), name)

    def enter(self, writer: str, *names: str) -> Changed:
        return _no_away(self.store.answer(Enter(writer, names)))

    def inside(self, writer: str, *names: str) -> bool:
        return _no_away(self.store.answer(Inside(writer, names)))

    def leave(self, writer: str, *names: str) -> Changed:
        return _no_away(self.store.answer(Leave(writer, names)))

    def write(self, name: str, stored: Stored) -> bool:
        return self.store.answer(WriteShared(((name, stored),), NOW))

    def entry(self, name: str) -> Stored | None:
        (found,) = self.read(entries=(name,)).entries
        return found

    def renew(self, holder: str, incarnation: str = "", following: str = "") -> Renewed:
        return self.store.answer(Renew(holder, incarnation, following))

    def strike(self, *holders: Holder, registry: str, is_whole: bool = False) -> None:
        self.store.answer(Strike(holders, registry, is_whole))

    def settle(self, changed: Changed) -> None:
        self.store.answer(Settle(changed))

    def elect(self, *leases: str) -> tuple[float | None, ...]:
        return self.store.answer(Elect(leases))

    def release(self, lease: str, *, is_stored: bool = True) -> None:
        self.store.answer(Release(((lease, is_stored),)))

    def await_leader(self, lease: str, within_s: float) -> Handed:
        return self.store.answer(AwaitLeader(lease, within_s))


def _no_away(reply: R | Away) -> R:
    assert not isinstance(reply, Away), "a store raises StoreAway; Away is the engine's word"
    return reply


def epoch_of(seen: Seen) -> Epoch:
    assert seen.epoch is not None, "the store had no epoch"
    return seen.epoch


def position_of(seen: Seen) -> int:
    assert seen.position is not None, "the store had no position"
    return seen.position


def stamp_of(seen: Seen, name: str) -> Stamp:
    stamp = seen.stamps[name]
    assert stamp is not None, f"the stamp of {name} is missing"
    return stamp


def held(seen: Seen, *names: str) -> tuple[Carried, ...]:
    """`names` as an entry filled under `seen` carries them."""
    found = carried(names, seen.stamps)
    assert found is not None, "one of them was missing or dirty"
    return found


def entry(seen: Seen, *names: str, payload: bytes = b"value") -> Stored:
    """An entry that was filled under `seen` and depends on `names`."""
    terms = Terms(
        filled_at=NOW,
        fresh_until=NOW + 10,
        stale_until=NOW + 20,
        error_until=NOW + 30,
        kept_until=NOW + 60,
        cost_s=0.1,
        epoch=epoch_of(seen).nonce,
        position=position_of(seen),
        stamps=held(seen, *names),
        tags=("a",),
        filler="suite",
        own_position=position_of(seen),
        keys=(("key", position_of(seen)),),
    )
    return Stored(terms, payload)
