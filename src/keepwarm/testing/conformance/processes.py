"""Rules between processes: acknowledgements that wait, near tiers that obey, fills handed over.

A store that lies in one process has none of this and leaves the group out.
"""

import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from keepwarm.core.entry import Seen
from keepwarm.core.steps import Changed, Handed
from keepwarm.core.times import Times
from keepwarm.engine.answers import boot_s
from keepwarm.testing.conformance.client import Client
from keepwarm.testing.conformance.rig import Rig, until
from keepwarm.testing.conformance.rules import Connect, Rules, connecting, lose
from keepwarm.testing.conformance.stamps import A, B


class ProcessRules(Rules):
    """Settle, AwaitLeader, and what a client that `is_near` may answer by itself."""

    long: ClassVar[Times] = Times(operation_s=2.0, lease_s=2.0, renew_s=0.1, writer_s=0.15)
    """Leases that nobody outwaits by accident; marks and trials that end soon."""

    @pytest.fixture
    def long_rig(self) -> Iterator[Rig]:
        with self.make(self.long) as rig:
            yield rig

    @pytest.fixture
    def connect_long(self, long_rig: Rig) -> Iterator[Connect]:
        yield from connecting(long_rig)

    @pytest.fixture
    def near(self, connect_long: Connect, long_rig: Rig) -> Client:
        """A client whose mirror knows A and B, settled, under a lease."""
        near = connect_long(is_near=True)
        learn(near, long_rig, A, B)
        return near

    @pytest.fixture
    def writer(self, connect_long: Connect, near: Client) -> Client:
        """Somebody else, in a registry that names everybody."""
        writer = connect_long()
        vouch(writer)
        return writer

    # The mirror.

    def test_a_mirror_answers_by_itself_what_a_read_would(
        self, near: Client, writer: Client
    ) -> None:
        """A near hit asks nobody: it must see what it would have been told."""
        mirrored = near.mirror.seen((A, B), boot_s())

        assert mirrored is not None
        assert mirrored.stamps == writer.read(A, B).stamps
        assert mirrored.epoch == writer.epoch()

    def test_a_mirror_answers_for_all_or_not_at_all(self, near: Client) -> None:
        assert near.mirror.seen((A, "slot:ffff"), boot_s()) is None

    @pytest.mark.parametrize("how", ["change", "soft", "enter", "pattern", "epoch", "lost leave"])
    def test_nothing_that_ended_is_mirrored_once_settled(
        self, near: Client, writer: Client, how: str
    ) -> None:
        """G1 and G3: settled within a round trip, long before the lease ends."""
        before = near.mirror.seen((A,), boot_s())
        began = time.monotonic()

        writer.settle(end(writer, how))

        took_s = time.monotonic() - began
        after = near.mirror.seen((A,), boot_s())
        assert after is None or differs(before, after)
        assert took_s < self.long.lease_s, "it was confirmed, not waited out"
        assert near.read(A).stamps == writer.read(A).stamps

    def test_a_writers_own_mirror_obeys_his_change(self, near: Client) -> None:
        vouch(near)
        before = near.mirror.seen((A,), boot_s())

        took_s = timed(near, near.change(A))

        after = near.mirror.seen((A,), boot_s())
        assert after is None or differs(before, after)
        assert took_s < self.long.lease_s, "he need not wait for himself"

    def test_a_mirror_learns_again_what_was_changed(self, near: Client, writer: Client) -> None:
        writer.settle(writer.change(A))

        near.read(A)

        found = near.mirror.seen((A,), boot_s())
        assert found is not None
        assert found.stamps == writer.read(A).stamps

    def test_a_stamp_on_trial_is_not_mirrored(
        self, near: Client, writer: Client, long_rig: Rig
    ) -> None:
        """Nobody announces that its trial is over."""
        lose(long_rig, "marks")
        lose(long_rig, "stamp", A)
        writer.settle(writer.change(A))

        near.read(A)
        near.capture(A)

        assert near.mirror.seen((A,), boot_s()) is None

    def test_a_dirty_stamp_is_not_mirrored(self, near: Client, writer: Client) -> None:
        """What is filled under it is not stored, so it need not be told of the end."""
        writer.settle(writer.enter("w", A))

        near.read(A)
        near.capture(A)

        assert near.mirror.seen((A,), boot_s()) is None

    def test_a_lost_epoch_empties_the_mirror_with_the_next_change(
        self, near: Client, writer: Client, long_rig: Rig
    ) -> None:
        """The change is of a new epoch, whose numbers begin again."""
        before = near.mirror.seen((A,), boot_s())
        lose(long_rig, "position")

        writer.settle(writer.change(B))

        after = near.mirror.seen((A,), boot_s())
        assert after is None or differs(before, after)

    def test_a_mirror_survives_what_does_not_concern_it(self, near: Client, writer: Client) -> None:
        """Or each write anywhere would send every near hit to the store."""
        for n in range(20):
            writer.settle(writer.change(f"slot:1{n:03x}"))

        assert near.mirror.seen((A, B), boot_s()) is not None

    # Settle.

    def test_a_change_names_who_may_answer_by_himself(self, near: Client, writer: Client) -> None:
        changed = writer.change(A)

        assert [holder.incarnation for holder in changed.holders] == [near.mirror.incarnation]

    def test_who_stays_silent_is_waited_out_and_struck(self, client: Client, rig: Rig) -> None:
        """A paused process may serve until its lease ends: not before is it acknowledged."""
        vouch(client)
        client.renew("ghost", "", "one")
        changed = client.change(A)

        took_s = timed(client, changed)

        assert took_s >= rig.times.wait_s - 0.02
        until(lambda: client.change(A).holders == (), "the ghost was struck off")
        assert timed(client, client.change(A)) < rig.times.lease_s

    def test_an_incomplete_registry_is_waited_out(self, client: Client, rig: Rig) -> None:
        """Nobody can name those who were in the registry that was lost."""
        vouch(client)
        lose(rig, "registry")
        changed = client.change(A)
        assert not changed.is_complete

        assert timed(client, changed) >= rig.times.wait_s - 0.02

    def test_the_registry_is_complete_again_after_a_lease(self, client: Client, rig: Rig) -> None:
        lose(rig, "registry")
        client.settle(client.change(A))

        until(lambda: client.change(A).is_complete, "the registry is complete")

    def test_with_nobody_to_wait_for_it_is_settled_at_once(self, client: Client, rig: Rig) -> None:
        vouch(client)

        assert timed(client, client.change(A)) < rig.times.lease_s

    def test_who_disconnects_in_good_order_is_not_waited_for(
        self, connect_long: Connect, near: Client, writer: Client
    ) -> None:
        near.store.close()

        changed = writer.change(A)

        assert changed.holders == ()
        assert timed(writer, changed) < self.long.lease_s

    # Leaders and those who wait for them.

    @pytest.mark.parametrize("is_stored", [True, False])
    def test_who_waits_is_told_how_the_fill_ended(
        self, connect_long: Connect, is_stored: bool
    ) -> None:
        """G5: by a push, not by asking again and again."""
        leader, waiter = connect_long(), connect_long()
        leader.elect("lease:a")
        assert waiter.elect("lease:a") != (None,)
        found: list[Handed] = []
        thread = threading.Thread(target=lambda: found.append(waiter.await_leader("lease:a", 20.0)))
        thread.start()

        leader.release("lease:a", is_stored=is_stored)

        thread.join(10.0)
        assert found == [Handed.STORED if is_stored else Handed.UNSTORED]

    def test_what_ended_before_he_waits_is_not_missed(self, connect_long: Connect) -> None:
        """1. B is not elected  2. A stores and releases  3. B begins to wait."""
        leader, waiter = connect_long(), connect_long()
        leader.elect("lease:a")
        waiter.elect("lease:a")
        leader.release("lease:a")
        leader.read()
        waiter.read()

        assert waiter.await_leader("lease:a", 5.0) is Handed.STORED

    def test_a_silent_leader_is_given_up(self, connect: Connect) -> None:
        leader, waiter = connect(), connect()
        leader.elect("lease:a")
        waiter.elect("lease:a")

        assert waiter.await_leader("lease:a", 0.05) is Handed.LAPSED

    def test_a_living_leader_keeps_his_lease(self, connect_hasty: Connect, brief_rig: Rig) -> None:
        """A slow origin is no reason to ask it a second time."""
        leader, other = connect_hasty(), connect_hasty()
        leader.elect("lease:a")
        for _ in range(4):
            brief_rig.wait(brief_rig.times.leader_s / 2)
            assert other.elect("lease:a") != (None,)

    def test_a_dead_leaders_lease_ends(self, connect_hasty: Connect, brief_rig: Rig) -> None:
        """One more origin call, after its lease (G5)."""
        leader, other = connect_hasty(), connect_hasty()
        leader.elect("lease:a")
        leader.store.close()
        (left,) = other.elect("lease:a")
        assert left is not None
        brief_rig.wait(left + 0.02)

        assert other.elect("lease:a") == (None,)

    def test_a_forgotten_lease_ends(self, connect_hasty: Connect, brief_rig: Rig) -> None:
        """Its fill was cancelled: the process lives, but nobody leads."""
        leader, other = connect_hasty(), connect_hasty()
        leader.elect("lease:a")
        leader.store.forget_leases(("lease:a",))
        brief_rig.wait(brief_rig.times.leader_s * 1.5)

        assert other.elect("lease:a") == (None,)

    def test_only_the_leader_ends_his_lease(self, connect_long: Connect) -> None:
        """Who lost it unawares must not end his successor's."""
        leader, other, third = connect_long(), connect_long(), connect_long()
        leader.elect("lease:a")
        other.elect("lease:a")

        other.release("lease:a")
        other.read()

        assert third.elect("lease:a") != (None,)


def learn(near: Client, rig: Rig, *names: str) -> None:
    """Have the mirror know `names`: captured, their trial over, read under a lease."""

    def knows() -> bool:
        near.capture(*names)
        return near.mirror.seen(names, boot_s()) is not None

    near.capture(*names)
    rig.wait(rig.times.writer_s + 0.02)
    until(knows, "the mirror knows the stamps")


def vouch(client: Client) -> None:
    """Have the registry be complete, as it is after a lease's time."""
    client.strike(registry=client.renew("").registry, is_whole=True)
    until(lambda: client.renew("").is_complete, "the registry is complete")


def end(client: Client, how: str) -> Changed:
    """A change that ends what A's entries are, of the kind that `how` names."""
    if how == "pattern":
        return client.add_pattern("*")
    if how == "epoch":
        return client.new_epoch()
    if how == "enter":
        return client.enter("w", A)
    if how == "lost leave":
        return client.leave("w", A)
    return client.change(A, is_soft=how == "soft")


def differs(before: Seen | None, after: Seen) -> bool:
    assert before is not None
    return before.epoch != after.epoch or before.stamps != after.stamps


def timed(client: Client, changed: Changed) -> float:
    """How long it took to settle, in seconds."""
    began = time.monotonic()
    client.settle(changed)
    return time.monotonic() - began
