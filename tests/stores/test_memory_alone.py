"""A memory store that loses nothing, as a cache of one process has it: late tags at first use."""

import pytest

from keepwarm.core.steps import Capture, ChangeStamps, Confirm, Enter, NewEpoch, ReadShared
from keepwarm.stores.memory import MemoryStore

LATE = ("tag:late",)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(is_lossy=False)


def test_a_stamp_that_is_missing_has_never_been_changed(store: MemoryStore) -> None:
    store.answer(ChangeStamps(("tag:other",)))
    token = store.answer(Capture(("key",)))
    store.answer(ChangeStamps(("tag:other",)))

    found = store.answer(Confirm(token.epoch.nonce, token.position, LATE, ()))

    assert found == store.answer(ReadShared((), LATE)).stamps
    assert store.answer(Capture(LATE)).stamps == found


def test_whoever_asks_for_it_first_makes_it_no_younger(store: MemoryStore) -> None:
    store.answer(ChangeStamps(("tag:other",)))
    token = store.answer(Capture(("key",)))
    store.answer(Capture(LATE))  # another fill, which knew it in time

    assert store.answer(Confirm(token.epoch.nonce, token.position, LATE, ()))


@pytest.mark.parametrize(
    "change",
    [ChangeStamps(LATE), ChangeStamps(LATE, is_soft=True), Enter("writer", LATE), NewEpoch()],
    ids=["hard", "soft", "a writer inside", "new epoch"],
)
def test_what_changed_it_meanwhile_is_seen(store: MemoryStore, change: object) -> None:
    token = store.answer(Capture(("key",)))
    store.answer(change)

    assert store.answer(Confirm(token.epoch.nonce, token.position, LATE, ())) is None
