"""Rules about what the whole namespace depends on: epoch, position and patterns."""

import pytest

from keepwarm.core.entry import Life, life
from keepwarm.stores.memory import PATTERNS_KEPT
from keepwarm.testing.conformance.client import (
    NOW,
    Client,
    entry,
    epoch_of,
    position_of,
    stamp_of,
)
from keepwarm.testing.conformance.rig import Part, Rig
from keepwarm.testing.conformance.rules import Rules, lose, plant
from keepwarm.testing.conformance.stamps import FOREIGN, A, B


class EpochRules(Rules):
    """NewEpoch, and what the loss of epoch or position does."""

    def test_the_epoch_is_one_for_all_clients_and_lasts(
        self, client: Client, other: Client
    ) -> None:
        """It is stamp number 0: whatever it becomes, everything depends on it."""
        first = epoch_of(client.capture(A))
        client.change(A)
        client.enter("w", A)
        client.leave("w", A)

        assert other.epoch().nonce == epoch_of(other.capture(B)).nonce == first.nonce

    def test_the_position_rises_with_everything_that_sets_a_stamp(self, client: Client) -> None:
        """Fills compare with it what they learn of late: nothing may go unnumbered."""
        at = [position_of(client.capture())]
        at.append(position_of(client.capture(A)))
        at.append(client.change(A).position)
        at.append(client.change(A, is_soft=True).position)
        at.append(client.enter("w", A).position)
        at.append(client.leave("w", A).position)
        at.append(client.add_pattern("x:*").position)
        at.append(client.leave("nobody", A).position)

        assert at == sorted(set(at))
        assert client.position() == at[-1]

    def test_a_new_epoch_kills_every_entry_and_forgets_patterns(self, client: Client) -> None:
        """`clear()`: one write, however many entries there are."""
        before = client.capture(A)
        terms = entry(before, A).terms
        client.add_pattern("*")

        changed = client.new_epoch()

        now = client.read(A)
        assert changed.epoch == epoch_of(now).nonce != epoch_of(before).nonce
        assert changed.position == position_of(now)
        assert epoch_of(now).pattern_position == 0
        assert life(terms, now, NOW) is Life.DEAD

    def test_no_two_epochs_are_the_same(self, client: Client) -> None:
        nonces = {client.new_epoch().epoch for _ in range(50)}

        assert len(nonces) == 50
        assert min(map(len, nonces)) >= 11, "a nonce has at least 64 random bits"

    @pytest.mark.parametrize("part", ["epoch", "position", "all"])
    def test_a_lost_epoch_or_position_is_a_new_epoch(
        self, client: Client, rig: Rig, part: Part
    ) -> None:
        """Neither can be told apart from a store that lost everything, so all is cold."""
        before = client.capture(A)
        terms = entry(before, A).terms
        client.change(B)
        lose(rig, part)

        after = client.capture(A)

        assert epoch_of(after).nonce != epoch_of(before).nonce
        assert life(terms, client.read(A), NOW) is Life.DEAD
        assert client.confirm(before, late=[A]) is None

    @pytest.mark.parametrize("part", ["epoch", "position", "all"])
    @pytest.mark.parametrize("how", ["change", "enter", "leave", "pattern"])
    def test_every_change_begins_the_new_epoch(
        self, client: Client, rig: Rig, part: Part, how: str
    ) -> None:
        """An acknowledged change must not be undone by a position that starts again."""
        before = epoch_of(client.capture(A))
        lose(rig, part)
        does = {
            "change": lambda: client.change(A),
            "enter": lambda: client.enter("w", A),
            "leave": lambda: client.leave("w", A),
            "pattern": lambda: client.add_pattern("*"),
        }

        changed = does[how]()

        assert changed.epoch == client.epoch().nonce != before.nonce
        assert changed.position == client.position() > 0

    @pytest.mark.parametrize("part", ["epoch", "position", "all"])
    def test_who_holds_a_lease_is_unknown_after_that(
        self, client: Client, rig: Rig, part: Part
    ) -> None:
        """The epoch tells a restart from an old snapshot, whose registry lacks who came later.

        1. a snapshot without an epoch, with a complete registry   2. B begins to hold a lease
        3. the server dies and restarts from the snapshot          4. A's change names all but B
        """
        registry = client.renew("h1", "", "one").registry
        client.strike(registry=registry, is_whole=True)
        assert client.change(A).is_complete
        lose(rig, part)

        assert not client.change(A).is_complete

    @pytest.mark.parametrize("raw", FOREIGN)
    @pytest.mark.parametrize("part", ["epoch", "position"])
    def test_foreign_bytes_there_are_a_new_epoch(
        self, client: Client, rig: Rig, part: Part, raw: bytes | None
    ) -> None:
        """G8: a miss for everything, never an exception."""
        before = client.capture(A)
        plant(rig, part, raw)

        client.read(A)
        assert client.confirm(before) in (None, {})
        after = client.capture(A)

        assert epoch_of(after).nonce != epoch_of(before).nonce
        assert client.read(A).position == position_of(after)

    def test_numbers_no_store_can_count_on_are_a_new_epoch(self, client: Client, rig: Rig) -> None:
        """Past 2**53 a script's n + 1 is n: positions would stand still and prove anything."""
        before = epoch_of(client.capture(A)).nonce
        plant(rig, "position", f"{before} {10**17} 0".encode())

        first, second = client.change(A), client.change(A)

        assert (first.epoch, first.position) != (second.epoch, second.position)

    def test_stamps_of_an_earlier_epoch_do_not_bar_late_tags(
        self, client: Client, rig: Rig
    ) -> None:
        """They were born at positions that the new epoch takes long to reach."""
        for _ in range(5):
            client.change(B)
        client.new_epoch()
        client.capture(B)  # as a fill does that could not store

        assert client.confirm(client.capture(A), late=[B]) is not None

    def test_a_stamp_of_an_earlier_epoch_keeps_its_trial(self, client: Client) -> None:
        """Made from nothing a moment ago, it still may stand where a writer's mark was."""
        client.capture(A)
        client.new_epoch()

        assert not stamp_of(client.capture(A), A).is_settled

    def test_a_stamp_of_an_earlier_epoch_keeps_its_writer(self, client: Client) -> None:
        """The mark is what is promised; a new epoch ends entries, not writers."""
        client.enter("w", A)
        client.new_epoch()

        client.capture(A)

        assert client.stamp(A).is_dirty
        assert client.inside("w", A)


class PatternRules(Rules):
    """AddPattern and ReadPatterns."""

    def test_patterns_are_listed_in_order_with_their_positions(self, client: Client) -> None:
        """An entry matches its key against the patterns that are later than its fill."""
        client.capture(A)
        one, two = client.add_pattern("a:*"), client.add_pattern("ü?:*")

        found = client.patterns()

        assert [(p.position, p.glob.pattern) for p in found.items] == [
            (one.position, "a:*"),
            (two.position, "ü?:*"),
        ]
        assert (found.epoch, found.newest) == (one.epoch, two.position)
        assert client.epoch().pattern_position == client.position() == two.position

    def test_a_pattern_kills_what_matches_and_is_older(self, client: Client) -> None:
        old = entry(client.capture(A), A).terms
        client.add_pattern("list:*")
        new = entry(client.capture(A), A).terms
        now, patterns = client.epoch(), client.patterns()

        assert patterns.kill("list:1", old, now)
        assert not patterns.kill("other:1", old, now)
        assert not patterns.kill("list:1", new, now)

    def test_reading_patterns_of_a_namespace_without_any(self, client: Client) -> None:
        """Nothing was invalidated by pattern: nothing is dead of it."""
        terms = entry(client.capture(A), A).terms
        client.patterns()

        assert life(terms, client.read(A), NOW) is Life.FRESH

    def test_the_list_is_capped_and_its_floor_kills_what_is_older(self, client: Client) -> None:
        """What the list forgot cannot be ruled out: memory stays bounded, by misses."""
        old = entry(client.capture(A), A).terms
        for n in range(PATTERNS_KEPT):
            client.add_pattern(f"other:{n}")
        assert not client.patterns().kill("mine", old, client.epoch())

        for n in range(2):
            client.add_pattern(f"more:{n}")

        patterns, now = client.patterns(), client.epoch()
        assert len(patterns.items) == PATTERNS_KEPT
        assert patterns.floor > old.position
        assert patterns.kill("mine", old, now)
        assert not patterns.kill("mine", entry(client.capture(A), A).terms, now)

    def test_a_lost_list_kills_what_it_could_have_hit(self, client: Client, rig: Rig) -> None:
        """The epoch says how far the patterns go; a list that ends before it proves nothing."""
        old = entry(client.capture(A), A).terms
        client.add_pattern("other:*")
        lose(rig, "patterns")

        assert client.patterns().kill("mine", old, client.epoch())
        client.add_pattern("another:*")
        assert client.patterns().kill("mine", old, client.epoch()), "still unknown what was lost"
        assert not client.patterns().kill("mine", entry(client.capture(A), A).terms, client.epoch())

    @pytest.mark.parametrize("raw", FOREIGN)
    def test_foreign_bytes_are_a_lost_list(
        self, client: Client, rig: Rig, raw: bytes | None
    ) -> None:
        old = entry(client.capture(A), A).terms
        client.add_pattern("other:*")
        plant(rig, "patterns", raw)

        assert client.patterns().kill("mine", old, client.epoch())
        client.add_pattern("another:*")
        assert client.patterns().kill("mine", old, client.epoch())

    def test_a_pattern_of_an_earlier_epoch_is_not_listed(self, client: Client) -> None:
        client.capture(A)
        client.add_pattern("old:*")
        client.new_epoch()
        changed = client.add_pattern("new:*")

        found = client.patterns()

        assert [p.glob.pattern for p in found.items] == ["new:*"]
        assert (found.epoch, found.newest) == (changed.epoch, changed.position)

    def test_a_pattern_leaves_stamps_alone(self, client: Client) -> None:
        """It is one small write beside them, not one for each entry."""
        before = client.capture(A)

        client.add_pattern("*")

        assert stamp_of(client.read(A), A) == stamp_of(before, A)
