"""The order in which entries leave: small queue, main queue, ghosts."""

import random
from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwarm.core.eviction import ENDED, LEFT_MAIN, LEFT_SMALL, Eviction, Ghosts, Resident


class Shelf:
    """Room for `entries` residents of size one, run by an Eviction."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.here: dict[str, Resident] = {}
        self.order = Eviction(lambda resident: resident.value)

    def ask(self, name: str) -> bool:
        resident = self.here.get(name)
        if resident is not None:
            resident.uses += 1
            return True
        while len(self.here) >= self.entries:
            left = self.order.evict()
            assert left is not None
            del self.here[left.name]
        self.here[name] = resident = Resident(name, 1)
        self.order.admit(resident)
        return False


def test_what_is_asked_for_again_outlives_what_is_not() -> None:
    """A thousand names that nobody asks for twice leave ten popular ones where they are."""
    shelf = Shelf(20)
    popular = [f"p{n}" for n in range(10)]
    for name in popular * 3:
        shelf.ask(name)
    for n in range(1_000):
        shelf.ask(f"scan{n}")
        shelf.ask(popular[n % 10])

    assert set(popular) <= shelf.here.keys()


def test_what_left_too_early_is_let_into_the_main_queue() -> None:
    shelf = Shelf(10)
    shelf.ask("early")
    for n in range(10):
        shelf.ask(f"n{n}")
    assert "early" not in shelf.here
    shelf.ask("early")  # back, and never used again
    for n in range(30):
        shelf.ask(f"m{n}")

    assert "early" in shelf.here


def test_what_ended_in_demand_comes_back_to_its_place() -> None:
    """A popular entry whose ttl ends is not a newcomer when it is filled again."""
    shelf = Shelf(10)
    shelf.ask("hot")
    shelf.ask("hot")
    for n in range(9):
        shelf.ask(f"n{n}")
    shelf.order.end(shelf.here.pop("hot"))
    shelf.ask("hot")
    for n in range(30):
        shelf.ask(f"m{n}")

    assert "hot" in shelf.here


def test_the_small_queue_grows_where_only_the_recent_counts_and_shrinks_where_fame_lasts() -> None:
    recent, famous = Shelf(100), Shelf(100)
    dice = random.Random(1)
    for n in range(30_000):
        recent.ask(f"k{n // 3 - dice.randrange(60)}")
        famous.ask(f"k{int(dice.paretovariate(0.6))}")

    assert recent.order.small_share > 0.5
    assert famous.order.small_share < 0.2


def test_one_eviction_ends_even_if_everybody_was_used() -> None:
    """Nobody waits for a walk over all: after some laps the next one leaves, used or not."""
    order = Eviction(lambda _resident: 1)
    residents = [Resident(f"k{n}", 1) for n in range(1_000)]
    for resident in residents:
        order.admit(resident)
    for resident in residents:
        resident.uses = 9
    for _ in range(990):  # now nearly all are in the main queue
        order.evict()
    assert len(order) == 10


@pytest.mark.parametrize("why", [LEFT_SMALL, LEFT_MAIN, ENDED])
def test_a_ghost_is_told_once(why: int) -> None:
    ghosts = Ghosts(100)
    ghosts.add("a", why)

    assert [ghosts.take("b"), ghosts.take("a"), ghosts.take("a")] == [0, why, 0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), max_size=300), st.integers(0, 60))
def test_ghosts_count_what_they_hold(steps: list[tuple[int, int]], most: int) -> None:
    ghosts = Ghosts(most)
    for n, why in steps:
        if n % 4:
            ghosts.add(f"k{n}", why)
        else:
            ghosts.take(f"k{n // 2}")

    held = [0, 0, 0, 0]
    for n in range(41):
        while why := ghosts.take(f"k{n}"):
            held[why] += 1
    assert sum(held) <= ghosts.most
    assert ghosts.kept == [0, 0, 0, 0]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "use", "evict", "end", "sweep", "resize"]), st.integers(0, 15)
    ),
    max_size=200,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_size_and_count_are_those_of_who_is_here(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order; and everybody who is here can be turned out."""
    order = Eviction(lambda resident: resident.value)
    here: dict[str, Resident] = {}
    for what, n in steps:
        name = f"k{n}"
        match what:
            case "admit" if name not in here:
                here[name] = Resident(name, n + 1)
                order.admit(here[name])
            case "use" if name in here:
                here[name].uses += 1
            case "evict":
                left = order.evict()
                assert (left is None) == (not here)
                if left is not None:
                    del here[left.name]
            case "end" if name in here:
                order.end(here.pop(name))
            case "sweep":
                for over in order.sweep(n, lambda resident: resident.value % 2 == 0):
                    order.end(here.pop(over.name))
            case "resize" if name in here:
                here[name].value += 3
                order.resized(here[name], 3)
        assert order.size == sum(resident.value for resident in here.values())
        assert len(order) == len(here)
    while (left := order.evict()) is not None:
        del here[left.name]
    assert not here
    assert order.size == 0


class Plain:
    """S3-FIFO as one would write it down first: lists, exact ghosts, the same small queue."""

    def __init__(self, entries: int, ghosts: int) -> None:
        self.entries, self.most = entries, ghosts
        self.small: list[str] = []
        self.main: list[str] = []
        self.uses: dict[str, int] = {}
        self.ghosts: OrderedDict[str, int] = OrderedDict()

    def ask(self, name: str, share: float) -> bool:
        if name in self.uses:
            self.uses[name] += 1
            return True
        while len(self.uses) >= self.entries:
            self._evict(share)
        (self.main if self.ghosts.pop(name, 0) else self.small).append(name)
        self.uses[name] = 0
        return False

    def _evict(self, share: float) -> None:
        while True:
            if len(self.small) >= share * len(self.uses) or not self.main:
                name, why = self.small.pop(0), LEFT_SMALL
                if self.uses[name]:
                    self.main.append(name)
                    self.uses[name] = 0
                    continue
            else:
                name, why = self.main.pop(0), LEFT_MAIN
                if self.uses[name]:
                    self.uses[name] = min(self.uses[name], 2) - 1
                    self.main.append(name)
                    continue
            del self.uses[name]
            self.ghosts[name] = why
            if len(self.ghosts) > self.most:
                self.ghosts.popitem(last=False)
            return


@pytest.mark.parametrize("seed", range(5))
def test_it_is_s3_fifo_but_for_the_ghosts_that_a_bucket_forgets(seed: int) -> None:
    """Beside a plain one, given the same share: hits differ by less than two points."""
    dice = random.Random(seed)
    shelf, plain = Shelf(100), Plain(100, 70)
    hits = [0, 0]
    for _ in range(20_000):
        name = f"k{int(dice.paretovariate(0.5))}"
        hits[1] += plain.ask(name, shelf.order.small_share)
        hits[0] += shelf.ask(name)
        assert len(shelf.here) <= 100

    assert abs(hits[0] - hits[1]) / 20_000 < 0.02
