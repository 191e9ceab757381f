"""A memory store that loses nothing, as a cache of one process has it: late tags at first use."""

from keepwarm.core.steps import Capture, ChangeStamps, Confirm, Enter, NewEpoch, ReadShared
from keepwarm.stores.memory import MemoryStore


def answered(store: MemoryStore, step: object) -> object:
    return store.answer(step)  # type: ignore[arg-type]


def test_a_stamp_that_is_missing_has_never_been_changed() -> None:
    store = MemoryStore(is_lossy=False)
    answered(store, ChangeStamps(("tag:other",)))
    token = answered(store, Capture(("key",)))
    answered(store, ChangeStamps(("tag:other",)))

    found = answered(store, Confirm(token.epoch.nonce, token.position, ("tag:late",), ()))

    assert found == answered(store, ReadShared((), ("tag:late",))).stamps
    assert answered(store, Capture(("tag:late",))).stamps == found


def test_whoever_asks_for_it_first_makes_it_no_younger() -> None:
    store = MemoryStore(is_lossy=False)
    answered(store, ChangeStamps(("tag:other",)))
    token = answered(store, Capture(("key",)))
    answered(store, Capture(("tag:late",)))  # another fill, which knew it in time

    assert answered(store, Confirm(token.epoch.nonce, token.position, ("tag:late",), ()))


def test_what_changed_it_meanwhile_is_seen() -> None:
    for change in (
        ChangeStamps(("tag:late",)),
        ChangeStamps(("tag:late",), is_soft=True),
        Enter("writer", ("tag:late",)),
        NewEpoch(),
    ):
        store = MemoryStore(is_lossy=False)
        token = answered(store, Capture(("key",)))
        answered(store, change)

        late = Confirm(token.epoch.nonce, token.position, ("tag:late",), ())
        assert answered(store, late) is None, change
