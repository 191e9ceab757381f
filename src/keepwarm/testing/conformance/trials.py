"""Rules about trials: how long a stamp that comes from nothing may stand where a mark was lost.

A trial costs: what is filled under it ends with it, and meanwhile nobody mirrors it. So a
store notes until when the latest mark of each stamp may live, and puts on trial only what may
have lost one: see decisions/0021-notes-of-marks.md.
"""

from typing import Literal, TypeAlias

import pytest

from keepwarm.core.stamps import Stamp
from keepwarm.testing.conformance.client import Client, stamp_of
from keepwarm.testing.conformance.rig import Part, Rig
from keepwarm.testing.conformance.rules import Connect, Rules, lose, outlast
from keepwarm.testing.conformance.stamps import A, B, C
from keepwarm.testing.conformance.writers import died_inside, marks

Way: TypeAlias = Literal["capture", "change", "enter and leave"]
WAYS: tuple[Way, ...] = ("capture", "change", "enter and leave")
D_MS = int(Rules.brief.writer_s * 1000)


def create(client: Client, way: Way, name: str) -> Stamp:
    """Have the stamp of `name` made, or made anew, in one of the ways that there are."""
    if way == "change":
        client.change(name)
    elif way == "enter and leave":
        client.enter("passing", name)
        assert not client.leave("passing", name).is_lost
    return stamp_of(client.capture(name), name)


class TrialRules(Rules):
    """A trial is as long as it has to be, and no longer."""

    @pytest.fixture
    def known(self, hasty: Client, brief_rig: Rig) -> Client:
        """A client of a store that has been there for longer than D."""
        hasty.capture(B)
        outlast(brief_rig)
        return hasty

    @pytest.mark.parametrize("way", WAYS)
    def test_what_comes_from_nothing_is_settled_where_no_mark_was(
        self, known: Client, way: Way
    ) -> None:
        """Or in an empty store everything would be computed twice."""
        assert create(known, way, A).is_settled

    @pytest.mark.parametrize("way", WAYS)
    def test_what_is_lost_and_had_no_mark_comes_back_settled(
        self, known: Client, brief_rig: Rig, way: Way
    ) -> None:
        known.capture(A)
        known.change(A)
        lose(brief_rig, "stamp", A)

        assert create(known, way, A).is_settled

    @pytest.mark.parametrize("way", WAYS)
    def test_what_had_a_mark_is_on_trial_until_the_mark_lapses(
        self, known: Client, connect_hasty: Connect, brief_rig: Rig, way: Way
    ) -> None:
        """1. a writer enters, checks his mark   2. it is evicted   3. a reader captures, reads
        the old row   4. the writer commits and is killed: what 3. stores must end."""
        died_inside(connect_hasty, "dead", A)
        deadline = marks(known.stamp(A))["dead"]
        lose(brief_rig, "stamp", A)

        ends_at(deadline, create(known, way, A), known)

    def test_a_lost_stamp_is_on_trial_each_time_it_is_lost(
        self, known: Client, connect_hasty: Connect, brief_rig: Rig
    ) -> None:
        """Who made it anew, and left it, has said nothing about the mark that was lost first."""
        died_inside(connect_hasty, "dead", A)
        deadline = marks(known.stamp(A))["dead"]
        for way in WAYS:
            lose(brief_rig, "stamp", A)
            stamp = create(known, way, A)

        # The mark of who passed by may live a moment longer than the dead one's.
        assert stamp.provisional_until >= deadline or is_over(deadline, known)

    def test_a_mark_that_was_prolonged_is_on_trial_for_as_long(
        self, known: Client, brief_rig: Rig
    ) -> None:
        """Also where the notes of it were lost, and have begun anew since."""
        known.enter("w", A)
        lose(brief_rig, "marks")
        known.capture(C)  # from here on marks are noted again
        for _ in range(5):
            brief_rig.wait(0.3 * brief_rig.times.writer_s)
            assert known.inside("w", A)
        deadline = marks(known.stamp(A))["w"]
        lose(brief_rig, "stamp", A)

        ends_at(deadline, stamp_of(known.capture(A), A), known)

    @pytest.mark.parametrize("way", WAYS)
    def test_without_the_notes_all_that_comes_from_nothing_is_on_trial(
        self, known: Client, brief_rig: Rig, way: Way
    ) -> None:
        """An evicted stamp, and what was known of its marks evicted, too."""
        lose(brief_rig, "marks")
        before = known.renew("").server_ms

        stamp = create(known, way, A)

        assert stamp.provisional_until >= before + D_MS or is_over(before + D_MS, known)

    def test_notes_that_were_lost_are_trusted_again_after_d(
        self, known: Client, brief_rig: Rig
    ) -> None:
        """Whoever had set a mark before they began has committed or lapsed by then."""
        lose(brief_rig, "marks")
        known.capture(A)
        outlast(brief_rig)

        assert stamp_of(known.capture(C), C).is_settled

    def test_notes_that_were_lost_leave_stamps_that_are_there_alone(
        self, known: Client, brief_rig: Rig
    ) -> None:
        """A stamp carries its marks itself."""
        before = stamp_of(known.capture(A), A)
        lose(brief_rig, "marks")

        assert stamp_of(known.capture(A, C), A) == before

    # A store that may have gone back in time.

    def test_a_lost_epoch_puts_on_trial_what_is_there(self, known: Client, brief_rig: Rig) -> None:
        """An older snapshot holds the stamps of before a mark, and may hold no epoch.

        1. a writer enters and checks his mark   2. the server dies, and restarts from a
        snapshot of before 1.   3. a reader captures, reads the old row and stores it
        4. the writer commits and is killed
        """
        for way in WAYS:
            before = create(known, "capture", A)
            assert before.is_settled
            lose(brief_rig, "epoch")
            since = known.renew("").server_ms

            after = create(known, way, A)

            assert after.nonce != before.nonce, way
            is_long = after.provisional_until >= since + D_MS - 50
            assert is_long or is_over(since + D_MS, known), way
            outlast(brief_rig)

    def test_what_has_not_been_replaced_since_is_shown_to_nobody(
        self, client: Client, rig: Rig
    ) -> None:
        """Who reads it takes it for captured, and fills under it."""
        client.capture(A, B)
        rig.wait(0.01)
        lose(rig, "epoch")
        client.renew("")
        client.capture(B)

        assert client.read(A, B).stamps == {A: None, B: client.stamp(B)}

    def test_what_has_not_been_replaced_since_is_confirmed_to_nobody(
        self, client: Client, rig: Rig
    ) -> None:
        """A tag that a fill names late is as doubtful as one that it names at once."""
        client.capture(A, B)
        rig.wait(0.01)  # within one millisecond their trials are those of the new epoch
        lose(rig, "epoch")
        for _ in range(3):
            client.change(C)  # the new epoch has come to where A and B were born
        token = client.capture()

        assert client.confirm(token, late=[A]) is None
        client.capture(A)
        assert client.confirm(client.capture(), late=[A]) is not None

    def test_it_is_replaced_once(self, known: Client, brief_rig: Rig) -> None:
        known.capture(A)
        lose(brief_rig, "epoch")
        first = known.capture(A)
        again = known.capture(A)

        is_same = again.stamps == first.stamps
        assert is_same or is_over(stamp_of(first, A).provisional_until, known)

    @pytest.mark.parametrize("part", ["epoch", "position", "all"])
    def test_d_later_stamps_are_settled_again(
        self, known: Client, brief_rig: Rig, part: Part
    ) -> None:
        lose(brief_rig, part)
        known.capture(A)
        outlast(brief_rig)

        assert stamp_of(known.capture(A), A).is_settled
        assert stamp_of(known.capture(C), C).is_settled

    def test_an_epoch_that_was_asked_for_is_trusted_no_earlier(self, known: Client) -> None:
        """`clear` is the advice to whoever has put keys back by hand: no mark is left then."""
        known.capture(A)
        known.new_epoch()
        after = known.renew("").server_ms

        for name in (A, C):
            stamp = stamp_of(known.capture(name), name)
            assert not stamp.is_settled or is_over(after + D_MS, known)


def ends_at(deadline: int, stamp: Stamp, client: Client) -> None:
    """Assert that `stamp`, just made, is on trial until `deadline`, or that this is past.

    Or a little longer: somebody else's mark may have been in it for a moment.
    """
    assert stamp.provisional_until >= deadline or is_over(deadline, client), (
        "a lost mark was overlooked"
    )
    assert stamp.provisional_until <= deadline + 250


def is_over(instant_ms: int, client: Client) -> bool:
    """Whether that instant of the store's clock is past, as on a machine that was held up."""
    return client.renew("").server_ms >= instant_ms
