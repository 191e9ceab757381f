"""Each rule of the near tier is needed: take one away, and some schedule is stale."""

from dataclasses import replace
from typing import Any

import pytest

from keepwarm.core.entry import Seen
from keepwarm.core.mirror import Mirror
from keepwarm.core.steps import Changed, Renew, Renewed
from keepwarm.core.times import TIMES
from keepwarm.stores.memory import MemoryStore
from keepwarm.testing import World, explore, sample
from keepwarm.testing.model import Fills, NearTier, search
from keepwarm.testing.model import fills as model_fills
from keepwarm.testing.model import near as model_near
from worlds.test_mutants import must_fail
from worlds.test_near_schedules import answered_late, forgotten, lapsed, learning, lost


def test_an_evicted_registry_must_not_be_believed_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MemoryStore._announced

    def trusting(store: MemoryStore, change: str, **what: Any) -> Changed:
        return replace(real(store, change, **what), is_complete=True)

    monkeypatch.setattr(MemoryStore, "_announced", trusting)
    must_fail(explore(forgotten, limit=5_000))


def test_a_lapsed_lease_must_not_keep_its_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    def keeping(mirror: Mirror) -> None:
        mirror.pulse.lease_until = float("-inf")

    monkeypatch.setattr(Mirror, "_lapse", keeping)
    must_fail(sample(lapsed, seed=1, schedules=2_000))


def test_a_lease_must_not_count_from_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Mirror.renewed

    def from_now(mirror: Mirror, step: Renew, reply: Renewed, now: float) -> None:
        mirror._sent_at = now
        real(mirror, step, reply, now)

    monkeypatch.setattr(Mirror, "renewed", from_now)
    must_fail(sample(answered_late, seed=1, schedules=3_000))


def test_a_lease_must_not_be_prolonged_before_what_was_announced_is_obeyed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer says up to which number was announced; taking it for heard is the mutant."""
    real = Mirror.renewed

    def hasty(mirror: Mirror, step: Renew, reply: Renewed, now: float) -> None:
        if mirror._number is not None and reply.epoch.nonce == mirror._owner:
            mirror._number = reply.told
        real(mirror, step, reply, now)

    assert not sample(renewed_late, seed=1, schedules=300).failures
    monkeypatch.setattr(Mirror, "renewed", hasty)
    must_fail(sample(renewed_late, seed=1, schedules=2_000))


def renewed_late(world: World) -> None:
    """What was announced is lost; then a lease that is almost over is renewed."""
    world.near("a", holding=["k"])
    world.lose_next("a")
    world.writer("k")
    world.event("a while", lambda w: w.passes(0.8 * TIMES.lease_s))
    world.renewal("a", after="a while")
    world.reader("a", "k", after=("writer", "renewal a"), name="then")


def test_a_reply_must_not_be_mirrored_without_looking_what_was_announced_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Check, then insert: between the two the change was heard, obeyed and confirmed."""
    real = Mirror.learn

    def unchecked(mirror: Mirror, ticket: int, seen: Seen) -> None:
        real(mirror, mirror.ticket(), seen)

    monkeypatch.setattr(Mirror, "learn", unchecked)
    must_fail(sample(learning, seed=1, schedules=3_000))


def test_a_change_must_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acknowledged without asking whether anybody holds a copy."""
    real = MemoryStore._announced

    def hasty(store: MemoryStore, change: str, **what: Any) -> Changed:
        return replace(real(store, change, **what), holders=())

    monkeypatch.setattr(MemoryStore, "_announced", hasty)
    must_fail(sample(lost, seed=1, schedules=500))


def test_waiting_less_than_a_lease_does_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    times = replace(TIMES, lease_s=TIMES.lease_s / 2)
    monkeypatch.setattr("keepwarm.testing.playing.TIMES", times)
    must_fail(sample(lost, seed=1, schedules=2_000))


# What the real code cannot be played with: mutants of the models.


class _OtherConnection(NearTier):
    """Any confirmation counts: one of another change, which came over another connection.

    There is no WAIT in this protocol; what would be the like of it is a confirmation that is
    not bound to the change it confirms.
    """

    def confirms(self, n: Any, x: int, confirmation: tuple[int, int]) -> None:
        n[x + model_near.HEARD] = confirmation[1]


def test_a_confirmation_of_another_change_must_not_count() -> None:
    bounds = {"writes": 1, "others": 1, "faults": 0}
    found = search(_OtherConnection(1, **bounds), 20_000)

    assert found.violation is not None, f"the mutant was not caught in {found}"
    assert "the writer hears A's confirmation" in found.violation.moves
    assert search(NearTier(1, **bounds), 20_000).violation is None


class _Prefix(Fills):
    """Names begin with the server's run id: on another server all is cold, and back is warm."""

    def place(self, s: Any) -> int:
        return int(s[model_fills.SERVER])

    def greet(self, n: Any, data: Any) -> Any:
        return data, n[model_fills.FRESH]


def test_a_run_id_must_not_be_a_prefix() -> None:
    """A failover and back revives what was invalidated in between."""
    bounds = {"writes": 1, "fills": 1}
    found = search(_Prefix(**bounds), 20_000)

    assert found.violation is not None, f"the mutant was not caught in {found}"
    assert sum("failover" in move for move in found.violation.moves) == 2
    assert search(Fills(**bounds), 20_000).violation is None


class _OldSnapshot(NearTier):
    """Where the epoch is gone nothing looks foreign: the snapshot's registry is believed."""

    def restart(self, n: Any) -> None:
        super().restart(n)
        n[model_near.IS_COMPLETE] = 1


def test_the_registry_of_an_old_snapshot_must_not_be_believed() -> None:
    bounds = {"writes": 1, "others": 0, "faults": 1}
    found = search(_OldSnapshot(1, **bounds), 60_000)

    assert found.violation is not None, f"the mutant was not caught in {found}"
    assert "the store dies and restarts from an old snapshot" in found.violation.moves
