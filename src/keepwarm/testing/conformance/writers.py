"""Rules about announced writes: Enter, Inside, Leave."""

from keepwarm.core.entry import Life, life
from keepwarm.core.stamps import Stamp
from keepwarm.testing.conformance.client import (
    NOW,
    Client,
    entry,
    held,
    position_of,
    stamp_of,
)
from keepwarm.testing.conformance.rig import Rig
from keepwarm.testing.conformance.rules import Connect, Rules, lose, outlast
from keepwarm.testing.conformance.stamps import A, B


def marks(stamp: Stamp) -> dict[str, int]:
    """Writer to deadline, as a stamp's `writers` say: `id@deadline`, by comma."""
    if not stamp.is_dirty:
        return {}
    pairs = (mark.rpartition("@") for mark in stamp.writers.split(","))
    return {writer: int(deadline) for writer, _, deadline in pairs}


class WriterRules(Rules):
    """While a writer is inside nothing of his tags is stored; when he leaves all is new."""

    def test_entering_makes_dirty_and_gives_a_new_nonce(self, client: Client) -> None:
        """Entries of before the commit die when the write begins, not only when it ends."""
        before = client.capture(A, B)
        terms = entry(before, A).terms

        changed = client.enter("w", A, B)

        after = client.read(A, B)
        assert changed.position == position_of(after) == position_of(before) + 1
        for name in (A, B):
            assert stamp_of(after, name).nonce != stamp_of(before, name).nonce
            assert stamp_of(after, name).born == changed.position
            assert set(marks(stamp_of(after, name))) == {"w"}
        assert life(terms, after, NOW) is Life.DEAD

    def test_a_dirty_stamp_is_captured_as_it_is(self, client: Client) -> None:
        """It tells who captures it that a writer is inside; it is not replaced by a clean one."""
        client.enter("w", A)
        before = client.stamp(A)

        assert stamp_of(client.capture(A), A) == before

    def test_leaving_takes_the_mark_away_and_gives_a_new_nonce(self, client: Client) -> None:
        """What was read while he was inside may be of before his commit."""
        client.enter("w", A)
        inside = client.stamp(A)

        left = client.leave("w", A)

        after = client.stamp(A)
        assert not after.is_dirty
        assert after.nonce != inside.nonce
        assert after.born == left.position
        assert not left.is_lost

    def test_two_writers_each_take_away_only_their_own_mark(self, client: Client) -> None:
        """The first to leave must not declare clean what the second is still writing."""
        client.enter("one", A)
        client.enter("two", A)
        assert set(marks(client.stamp(A))) == {"one", "two"}

        assert not client.leave("one", A).is_lost
        assert set(marks(client.stamp(A))) == {"two"}
        assert client.inside("two", A)
        assert not client.inside("one", A)
        assert not client.leave("two", A).is_lost
        assert not client.stamp(A).is_dirty

    def test_a_mark_outlives_the_trial_of_its_stamp(self, hasty: Client, brief_rig: Rig) -> None:
        """What was made from nothing is replaced when its trial ends; not while a writer is inside.

        1. a reader captures a cold tag: on trial until D   2. a writer enters, checks his mark
        3. the trial ends; a reader captures, reads the old row and stores it
        4. the writer commits and is killed: stale until the ttl
        """
        hasty.capture(A)
        brief_rig.wait(0.6 * brief_rig.times.writer_s)
        hasty.enter("w", A)
        brief_rig.wait(0.6 * brief_rig.times.writer_s)

        assert set(marks(stamp_of(hasty.capture(A), A))) == {"w"}
        assert hasty.inside("w", A)

    def test_who_left_after_the_trial_leaves_it_settled(
        self, hasty: Client, brief_rig: Rig
    ) -> None:
        """His new nonce is as good as the one that the end of the trial would have drawn."""
        hasty.capture(A)
        brief_rig.wait(0.6 * brief_rig.times.writer_s)
        hasty.enter("w", A)
        brief_rig.wait(0.6 * brief_rig.times.writer_s)

        assert not hasty.leave("w", A).is_lost
        assert hasty.stamp(A).is_settled

    def test_names_that_begin_alike_are_different_writers(self, client: Client) -> None:
        client.enter("w", A)
        client.enter("w2", A)

        client.leave("w", A)

        assert set(marks(client.stamp(A))) == {"w2"}

    def test_each_who_leaves_gives_a_new_nonce(self, client: Client) -> None:
        """Between two commits a reader may capture the state of one of them only."""
        client.enter("one", A)
        client.enter("two", A)
        nonces = {client.stamp(A).nonce}
        client.leave("one", A)
        nonces.add(client.stamp(A).nonce)
        client.leave("two", A)
        nonces.add(client.stamp(A).nonce)

        assert len(nonces) == 3

    def test_a_change_keeps_the_marks(self, client: Client) -> None:
        """Somebody else's invalidation does not end a write."""
        client.enter("w", A)
        before = client.stamp(A)

        client.change(A)

        assert client.stamp(A).nonce != before.nonce
        assert marks(client.stamp(A)) == marks(before)
        assert client.inside("w", A)

    def test_inside_says_whether_every_mark_is_there(self, client: Client) -> None:
        """Before COMMIT: if one was lost, readers may have stored what he is about to change."""
        client.enter("w", A)

        assert client.inside("w", A)
        assert not client.inside("w", A, B)
        assert not client.inside("other", A)

    def test_inside_changes_no_nonce_and_no_position(self, client: Client) -> None:
        client.enter("w", A)
        before = client.read(A)

        client.inside("w", A)

        after = client.read(A)
        assert stamp_of(after, A).nonce == stamp_of(before, A).nonce
        assert after.position == before.position

    def test_inside_creates_no_mark(self, client: Client, rig: Rig) -> None:
        """It would hide that there was a time without one."""
        client.enter("w", A)
        lose(rig, "stamp", A)

        assert not client.inside("w", A)
        assert client.read(A).stamps == {A: None}
        client.capture(A)
        assert not client.inside("w", A)
        assert not client.stamp(A).is_dirty

    def test_inside_prolongs_the_marks(self, client: Client, connect: Connect, rig: Rig) -> None:
        """A long transaction stays announced as long as its process lives."""
        died_inside(connect, "dead", A)
        client.enter("w", A)
        before = marks(client.stamp(A))
        rig.wait(0.05)

        assert client.inside("w", A)

        after = marks(client.stamp(A))
        assert after["w"] >= before["w"] + 50
        assert after["dead"] == before["dead"]

    def test_a_mark_lasts_as_long_as_d_by_the_stores_clock(self, client: Client) -> None:
        """Clocks of writers and readers need not agree: only the store's is used."""
        renewed = client.renew("")
        client.enter("w", A)

        lasts_ms = marks(client.stamp(A))["w"] - renewed.server_ms

        d_ms = self.times.writer_s * 1000
        assert d_ms <= lasts_ms <= d_ms + 30_000

    def test_a_dead_writers_mark_lapses(
        self, hasty: Client, connect_hasty: Connect, brief_rig: Rig
    ) -> None:
        """A writer that was killed must not keep his tags from being stored for ever."""
        hasty.capture(A)
        died_inside(connect_hasty, "w", A)
        outlast(brief_rig)

        assert hasty.read(A).stamps == {A: None}, "who reads must not take it for settled"
        after = stamp_of(hasty.capture(A), A)
        assert not after.is_dirty
        assert not hasty.inside("w", A)

    def test_a_lapsed_mark_is_not_kept_by_a_change(
        self, hasty: Client, connect_hasty: Connect, brief_rig: Rig
    ) -> None:
        died_inside(connect_hasty, "w", A)
        outlast(brief_rig)

        hasty.change(A)

        assert not hasty.stamp(A).is_dirty

    def test_a_lapsed_mark_is_not_inside(
        self, hasty: Client, connect_hasty: Connect, brief_rig: Rig
    ) -> None:
        """Even while nobody has replaced the stamp: readers were free to since it lapsed."""
        died_inside(connect_hasty, "w", A)
        outlast(brief_rig)

        assert not hasty.inside("w", A)

    def test_a_lapsed_mark_is_swept_when_another_enters(
        self, hasty: Client, connect_hasty: Connect, brief_rig: Rig
    ) -> None:
        died_inside(connect_hasty, "dead", A)
        outlast(brief_rig)

        hasty.enter("w", A)

        assert set(marks(hasty.stamp(A))) == {"w"}

    def test_leaving_after_the_mark_lapsed_is_lost(
        self, hasty: Client, connect_hasty: Connect, brief_rig: Rig
    ) -> None:
        """Meanwhile readers may have stored, and near tiers hold, what is of before the commit."""
        hasty.capture(A)
        died_inside(connect_hasty, "w", A)
        outlast(brief_rig)
        stored = entry(hasty.capture(A), A).terms

        left = hasty.leave("w", A)

        assert left.is_lost
        assert life(stored, hasty.read(A), NOW) is Life.DEAD
        assert not hasty.stamp(A).is_settled

    def test_leaving_without_a_mark_is_lost_and_on_trial(self, client: Client, rig: Rig) -> None:
        """Marks were evicted: who else was inside nobody knows, so it is not clean until D."""
        client.enter("one", A)
        client.enter("two", A)
        lose(rig, "stamp", A)

        left = client.leave("one", A)

        assert left.is_lost
        stamp = client.stamp(A)
        assert not stamp.is_dirty
        assert stamp.provisional_until > 0
        assert stamp.born == left.position

    def test_one_lost_mark_among_several_is_lost(self, client: Client, rig: Rig) -> None:
        client.enter("w", A, B)
        lose(rig, "stamp", B)

        assert client.leave("w", A, B).is_lost
        assert not client.stamp(B).is_settled

    def test_a_lost_mark_of_one_is_noticed_by_the_other(self, client: Client, rig: Rig) -> None:
        client.enter("one", A)
        lose(rig, "stamp", A)
        client.enter("two", A)

        assert not client.inside("one", A)
        assert client.inside("two", A)
        assert client.leave("one", A).is_lost
        assert set(marks(client.stamp(A))) == {"two"}, "his, who is still inside"

    def test_leaving_twice_is_harmless(self, client: Client) -> None:
        """A reply was lost and the writer tries again: at worst it is over-invalidated."""
        client.enter("w", A)
        client.leave("w", A)
        before = client.stamp(A)

        client.leave("w", A)

        assert client.stamp(A).nonce != before.nonce
        assert not client.stamp(A).is_dirty

    def test_nothing_captured_inside_can_be_stored_after(self, client: Client) -> None:
        """1. w enters  2. a reader captures, reads the old row  3. w commits and leaves."""
        client.capture(B)
        client.enter("w", A)
        token = client.capture(B)
        client.leave("w", A)

        assert client.confirm(token, late=[A]) is None
        assert client.confirm(client.capture(B), late=[A], unchanged=held(token, B)) is not None


def died_inside(connect: Connect, writer: str, *names: str) -> None:
    """A writer enters and is never heard of again: nobody prolongs his marks."""
    client = connect()
    client.enter(writer, *names)
    client.store.close()
