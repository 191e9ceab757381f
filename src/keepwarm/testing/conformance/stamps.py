"""Rules about stamps: what is read, captured, changed and confirmed."""

import pytest

from keepwarm.core.entry import Life, life
from keepwarm.testing.conformance.client import (
    NOW,
    Client,
    entry,
    epoch_of,
    held,
    position_of,
    stamp_of,
)
from keepwarm.testing.conformance.rig import Rig
from keepwarm.testing.conformance.rules import Connect, Rules, lose, outlast, plant

A, B, C = "slot:000a", "slot:000b", "plain:000c"

FOREIGN = [
    pytest.param(b"", id="empty"),
    pytest.param(b"not ours at all", id="words"),
    pytest.param(bytes(range(256)), id="binary"),
    pytest.param(b"x x 1 0", id="short"),
    pytest.param(b"x x one 0 -", id="no-number"),
    pytest.param(b"x x " + b"9" * 5_000 + b" 0 -", id="huge"),
    pytest.param(None, id="another-kind"),
]


class StampRules(Rules):
    """Reading, Capture, ChangeStamps, Confirm."""

    def test_a_missing_stamp_is_none(self, client: Client) -> None:
        """Missing proves nothing: a store that made something up would revive what was evicted."""
        client.capture(A)

        assert client.read(A, B).stamps == {A: client.stamp(A), B: None}

    def test_a_read_creates_nothing(self, client: Client) -> None:
        """Only who is about to fill may create stamps, on trial."""
        client.capture()
        before = client.position()
        client.read(A)

        assert client.read(A).stamps == {A: None}
        assert client.position() == before

    def test_capture_creates_what_is_missing_and_raises_the_position(self, client: Client) -> None:
        """What was created must look changed to every fill that is under way."""
        before = position_of(client.capture())

        seen = client.capture(A, B)

        assert position_of(seen) == before + 1
        assert [stamp_of(seen, name).born for name in (A, B)] == [before + 1] * 2
        assert client.read(A, B).stamps == seen.stamps

    def test_capture_keeps_what_is_there(self, client: Client) -> None:
        """Or each fill would kill the entries of the one before."""
        first = client.capture(A)

        again = client.capture(A, B)

        assert again.stamps[A] == first.stamps[A]
        assert client.capture(A, B) == again

    def test_clients_capture_the_same(self, client: Client, other: Client) -> None:
        """Stamps belong to the store: every process compares with the same ones."""
        assert client.capture(A) == other.capture(A)

    def test_what_was_lost_comes_back_with_a_nonce_never_seen_before(
        self, client: Client, rig: Rig
    ) -> None:
        """An entry of before the loss must not match what comes after it."""
        nonces = set()
        for _ in range(50):
            nonces.add(stamp_of(client.capture(A), A).nonce)
            lose(rig, "stamp", A)

        assert len(nonces) == 50
        assert min(map(len, nonces)) >= 11, "a nonce has at least 64 random bits"

    def test_what_comes_from_nothing_is_on_trial_until_d(self, client: Client) -> None:
        """It may stand where a writer's mark was: it must not be mirrored, and be replaced."""
        stamp = stamp_of(client.capture(A), A)

        assert stamp.provisional_until > 0
        assert not stamp.is_settled

    def test_a_stamp_whose_trial_is_over_is_replaced(self, hasty: Client, brief_rig: Rig) -> None:
        """Who was inside when the mark was lost has committed or lapsed by now (D)."""
        first = stamp_of(hasty.capture(A), A)
        outlast(brief_rig)

        second = stamp_of(hasty.capture(A), A)

        assert second.nonce != first.nonce
        assert second.is_settled
        outlast(brief_rig)
        assert hasty.capture(A).stamps[A] == second, "settled: not replaced again"

    def test_a_stamp_whose_trial_is_over_reads_as_missing(
        self, hasty: Client, brief_rig: Rig
    ) -> None:
        """What depends on it may be of before a commit that nobody announced."""
        hasty.capture(A)
        outlast(brief_rig)

        assert hasty.read(A).stamps == {A: None}
        assert hasty.read(A).stamps == {A: None}, "reading it does not mend it"

    def test_the_first_read_of_a_new_client_knows_a_trial_that_is_over(
        self, hasty: Client, brief_rig: Rig, connect_hasty: Connect
    ) -> None:
        """Whoever does not know the store's clock yet must not serve what it would replace."""
        hasty.capture(A)
        outlast(brief_rig)

        assert connect_hasty().read(A).stamps == {A: None}

    def test_a_change_gives_each_stamp_a_new_nonce_and_all_one_position(
        self, client: Client
    ) -> None:
        """One invalidation is one event: late stamps are compared with its position."""
        before = client.capture(A, B)

        changed = client.change(A, B)

        after = client.read(A, B)
        assert changed.position == position_of(after) == position_of(before) + 1
        assert changed.epoch == epoch_of(before).nonce
        for name in (A, B):
            old, new = stamp_of(before, name), stamp_of(after, name)
            assert new.nonce != old.nonce
            assert new.soft != old.soft, "what is dead must not look merely stale"
            assert new.born == changed.position

    def test_a_change_is_seen_by_all_clients_as_soon_as_it_is_answered(
        self, client: Client, other: Client
    ) -> None:
        """No replica, no cache in between: the acknowledgement is given right after."""
        client.capture(A)
        for _ in range(50):
            before = other.stamp(A).nonce
            client.change(A)
            assert other.stamp(A).nonce != before

    def test_a_change_leaves_other_stamps_alone(self, client: Client) -> None:
        before = client.capture(A, B)

        client.change(A)

        assert client.read(B).stamps[B] == before.stamps[B]

    def test_a_change_of_what_is_missing_creates_it_on_trial(self, client: Client) -> None:
        """Or a fill that is under way could not tell that its tag was invalidated."""
        token = client.capture(A)

        changed = client.change(B)

        assert client.stamp(B).born == changed.position
        assert not client.stamp(B).is_settled
        assert client.confirm(token, late=[B]) is None

    def test_a_change_keeps_a_trial_going(self, client: Client) -> None:
        """A new nonce says nothing about a mark that was lost before it."""
        until = stamp_of(client.capture(A), A).provisional_until

        client.change(A)

        assert client.stamp(A).provisional_until == until

    def test_no_two_changes_give_the_same_nonce(self, client: Client) -> None:
        """A counter would repeat after a loss; entries of before it would match again."""
        nonces = set()
        for _ in range(200):
            client.change(A)
            nonces.add(client.stamp(A).nonce)

        assert len(nonces) == 200

    def test_a_soft_change_keeps_the_hard_nonce_and_raises_born(self, client: Client) -> None:
        """Entries become stale, not dead; a fill that names the tag late must still notice."""
        before = client.capture(A)

        changed = client.change(A, is_soft=True)

        stamp = client.stamp(A)
        assert stamp.nonce == stamp_of(before, A).nonce
        assert stamp.soft != stamp_of(before, A).soft
        assert stamp.born == changed.position == position_of(before) + 1
        assert client.confirm(before, late=[A]) is None

    def test_a_soft_change_creates_nothing(self, client: Client) -> None:
        """There is nothing whose entries could be called stale."""
        client.capture()
        client.change(A, is_soft=True)

        assert client.read(A).stamps == {A: None}

    def test_a_soft_change_keeps_a_writers_mark(self, client: Client) -> None:
        """It must not declare clean what is being written."""
        client.enter("w", A)

        client.change(A, is_soft=True)

        assert client.stamp(A).is_dirty

    # Confirm: may a value that was just computed be stored with these tags?

    def test_late_stamps_quiet_since_the_position_are_confirmed(self, client: Client) -> None:
        """Born no later than the token: not invalidated since the origin began."""
        client.capture(B)
        token = client.capture(A)

        found = client.confirm(token, late=[B], unchanged=held(token, A))

        assert found == {B: client.stamp(B)}

    def test_nothing_to_confirm_is_confirmed(self, client: Client) -> None:
        assert client.confirm(client.capture(A)) == {}

    def test_a_late_stamp_changed_since_is_refused(self, client: Client) -> None:
        """The origin may have read what this invalidation is about before it was changed."""
        client.capture(B)
        token = client.capture(A)
        client.change(B)

        assert client.confirm(token, late=[B]) is None
        assert client.confirm(client.capture(A), late=[B]) is not None

    def test_a_missing_late_stamp_is_refused_and_not_created(self, client: Client) -> None:
        """Whether it was invalidated and then evicted nobody knows. A store creates no stamp
        when a value is stored: it would be a stamp of after the origin ran."""
        client.capture(B)
        token = client.capture(A)

        assert client.confirm(token, late=[B, C]) is None
        assert client.read(C).stamps == {C: None}

    def test_a_lost_late_stamp_is_refused(self, client: Client, rig: Rig) -> None:
        client.capture(B)
        token = client.capture(A)
        client.change(B)
        lose(rig, "stamp", B)

        assert client.confirm(token, late=[B]) is None
        client.capture(B)  # by another fill
        assert client.confirm(token, late=[B]) is None

    def test_a_dirty_late_stamp_is_refused(self, client: Client) -> None:
        """A writer is inside: the value may be of before his commit, or of after it."""
        client.enter("w", B)

        assert client.confirm(client.capture(A), late=[B]) is None

    def test_a_late_stamp_whose_trial_is_over_is_refused(
        self, hasty: Client, brief_rig: Rig
    ) -> None:
        hasty.capture(B)
        outlast(brief_rig)
        token = hasty.capture(A)

        assert hasty.confirm(token, late=[B]) is None

    def test_an_unchanged_stamp_that_changed_is_refused(self, client: Client) -> None:
        """A value built from a cached one is no fresher than that one."""
        token = client.capture(A)
        carried = held(token, A)
        client.change(A)

        assert client.confirm(token, unchanged=carried) is None

    def test_an_unchanged_stamp_that_is_dirty_is_refused(self, client: Client) -> None:
        client.capture(A)
        token = client.capture(A)
        client.enter("w", A)
        carried = ((A, client.stamp(A).nonce, client.stamp(A).soft),)

        assert client.confirm(token, unchanged=carried) is None

    def test_an_unchanged_stamp_that_was_lost_is_refused(self, client: Client, rig: Rig) -> None:
        token = client.capture(A)
        lose(rig, "stamp", A)

        assert client.confirm(token, unchanged=held(token, A)) is None
        client.capture(A)
        assert client.confirm(token, unchanged=held(token, A)) is None

    def test_an_unchanged_stamp_whose_trial_is_over_is_refused(
        self, hasty: Client, brief_rig: Rig
    ) -> None:
        """It reads as missing from now on: what carries it could never be served."""
        token = hasty.capture(A)
        outlast(brief_rig)

        assert hasty.confirm(token, unchanged=held(token, A)) is None

    def test_a_soft_change_does_not_refuse_an_unchanged_stamp(self, client: Client) -> None:
        token = client.capture(A)
        client.change(A, is_soft=True)

        assert client.confirm(token, unchanged=held(token, A)) == {}

    def test_a_token_of_another_epoch_is_refused(self, client: Client) -> None:
        """Positions of two epochs do not compare."""
        client.capture(B)
        token = client.capture(A)
        client.new_epoch()

        assert client.confirm(token, late=[B]) is None
        assert client.confirm(token) is None

    def test_a_position_lower_than_the_tokens_counts(self, client: Client) -> None:
        """A fill is as old as the oldest value that it is made of."""
        client.capture()
        at = client.change(B).position
        token = client.capture(A)

        assert client.confirm(token, late=[B], position=at) is not None
        assert client.confirm(token, late=[B], position=at - 1) is None

    # What is not a stamp of ours.

    @pytest.mark.parametrize("raw", FOREIGN)
    def test_foreign_bytes_are_a_missing_stamp(
        self, client: Client, rig: Rig, raw: bytes | None
    ) -> None:
        """G8: they are misses, never exceptions, and mended by the next capture."""
        token = client.capture(A, B)
        carried = held(token, A)
        plant(rig, "stamp", raw, A)

        assert client.read(A, B).stamps == {A: None, B: token.stamps[B]}
        assert client.confirm(token, late=[A]) is None
        assert client.confirm(token, unchanged=carried) is None
        assert client.inside("w", A) is False
        again = client.capture(A)
        assert stamp_of(again, A).nonce != stamp_of(token, A).nonce
        assert client.read(A).stamps == again.stamps

    @pytest.mark.parametrize("raw", FOREIGN)
    def test_changes_and_writers_write_over_foreign_bytes(
        self, client: Client, rig: Rig, raw: bytes | None
    ) -> None:
        client.capture()
        plant(rig, "stamp", raw, A)
        changed = client.change(A)
        assert client.stamp(A).born == changed.position
        plant(rig, "stamp", raw, A)
        client.enter("w", A)
        assert client.stamp(A).is_dirty
        plant(rig, "stamp", raw, A)
        left = client.leave("w", A)
        assert left.is_lost
        assert client.stamp(A).born == left.position

    def test_an_entry_that_was_filled_before_a_change_does_not_match_after_it(
        self, client: Client
    ) -> None:
        """The whole point: what an entry carries is compared with what is read now."""
        terms = entry(client.capture(A), A).terms
        assert life(terms, client.read(A), NOW) is Life.FRESH

        client.change(A)

        assert life(terms, client.read(A), NOW) is Life.DEAD
