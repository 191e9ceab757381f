"""No schedule of readers, writers and accidents makes a read stale after an acknowledgement."""

from collections.abc import Callable

import pytest

from keepwarm.testing import World, explore, replay, sample


def race(world: World) -> None:
    """The basic race: a fill that read before a commit stores after the invalidation."""
    world.reader("a", "k")
    world.writer("k")
    world.reader("b", "k", after="writer")


def warm(world: World) -> None:
    """The entry is in both tiers before the writer comes."""
    world.reader("a", "k", name="first")
    world.writer("k", after="first")
    world.reader("a", "k", after="first", name="same node")
    world.reader("b", "k", after="first", name="other node")


def joined(world: World) -> None:
    """Two callers of one node share a fill while a writer comes between them."""
    world.reader("a", "k")
    world.writer("k")
    world.reader("a", "k", after="writer", name="late")


def late_tags(world: World) -> None:
    """The fill learns only while it runs what its value depends on."""
    world.reader("a", "k", tags=["list"], late=["item:1"])
    world.writer("k", tags=["item:1"])
    world.reader("a", "k", tags=["list"], late=["item:1"], after="writer", name="late")


def late_tags_warm(world: World) -> None:
    """As before, with all stamps there already, so that the value can be stored."""
    world.evict_stamps()  # nothing; the first two readers create what is missing
    world.reader("a", "k", tags=["list"], late=["item:1"], name="one")
    world.reader("a", "k", tags=["list"], late=["item:1"], name="two", after="one")
    world.writer("k", tags=["item:1"], after="one")
    world.reader("b", "k", tags=["list"], late=["item:1"], after="writer", name="three")


def late_over_older(world: World) -> None:
    """The fill uses a cached value that is older than what its late tag was last given."""
    late = ("item:1",)
    world.reader("a", "inner", name="warms")
    world.writer("k", tags=late, name="earlier", after="warms")
    world.reader("a", "k", tags=["list"], late=late, inner="inner", after="earlier", name="one")
    world.writer("k", tags=late, after="earlier")
    world.reader("b", "k", tags=["list"], late=late, inner="inner", after="writer", name="then")


def evicted_stamp(world: World) -> None:
    """The tag's stamp is lost at any moment, and created anew by whoever needs it."""
    world.reader("a", "k", name="first")
    world.event("eviction", lambda w: w.evict_stamps("tag:k", "k"), after="first")
    world.writer("k", after="first")
    world.reader("b", "k", after="writer")


def flushed(world: World) -> None:
    """Everything is lost at any moment, the epoch included."""
    world.reader("a", "k")
    world.event("flush", lambda w: w.store.flush())
    world.writer("k")
    world.reader("a", "k", after="writer", name="then")


def pattern(world: World) -> None:
    world.reader("a", "k:1", name="first")
    world.writer("k:1", glob="k:*", after="first")
    world.reader("a", "k:1", name="same", after="first")
    world.reader("a", "k:1", name="then", after="writer")


def cleared(world: World) -> None:
    world.reader("a", "k")
    world.writer("k", clear=True)
    world.reader("a", "k", name="then", after="writer")


def by_key(world: World) -> None:
    world.reader("a", "k")
    world.writer("k", is_key=True)
    world.reader("b", "k", name="then", after="writer")


def two_writers(world: World) -> None:
    world.reader("a", "k")
    world.writer("k", name="writer")
    world.writer("k", name="writer 2", node="v")
    world.reader("a", "k", after="writer", name="then")


def batches(world: World) -> None:
    """A batch and a single call share an entry and a fill while a writer comes."""
    world.reader("a", "k", batch=True)
    world.writer("k")
    world.reader("a", "k", after="writer", batch=True, name="late")


def warm_batches(world: World) -> None:
    """A batch finds near copies that die, and shared entries with tags it did not know."""
    world.reader("a", "k", late=["item:1"], name="one")
    world.reader("a", "k", late=["item:1"], name="two", after="one")
    world.writer("k", tags=["item:1"], after="two")
    world.reader("a", "k", after="two", batch=True, name="same node")
    world.reader("b", "k", after="writer", batch=True, name="other node")


SCENARIOS: list[Callable[[World], None]] = [
    race,
    warm,
    joined,
    late_tags,
    late_tags_warm,
    late_over_older,
    evicted_stamp,
    flushed,
    pattern,
    cleared,
    by_key,
    two_writers,
    batches,
    warm_batches,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_no_schedule_is_stale_after_ack(scenario: Callable[[World], None]) -> None:
    found = explore(scenario, limit=1_500)
    print(f"{scenario.__name__}: {found}")

    assert not found.failures, found.failures[0]
    assert found.reads > found.schedules


@pytest.mark.more
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_no_schedule_of_many_more_is_stale_after_ack(scenario: Callable[[World], None]) -> None:
    found = explore(scenario, limit=12_000)
    print(f"{scenario.__name__}: {found}")

    assert not found.failures, found.failures[0]


def test_a_late_tag_over_an_older_value_is_stored() -> None:
    """Or nothing that uses the older value could be, for as long as that lives."""

    def alone(world: World) -> None:
        world.reader("a", "inner", name="warms")
        world.writer("other", tags=["item:1"], after="warms")
        world.reader("a", "k", late=["item:1"], inner="inner", after="writer", name="fills")
        world.reader("b", "k", late=["item:1"], inner="inner", after="fills", name="hits")

    story = replay(alone, [])

    assert story[-1] == "hits: got version 0"
    assert "fill 2: stores the entry" in story
    assert not any(line.startswith("fill 3") for line in story)


def fleet(world: World) -> None:
    """Six readers on three nodes, two writers, an eviction and a flush, all at once."""
    for node in ("a", "b", "c"):
        world.reader(node, "k", name=f"{node} 1", times=2)
        world.reader(node, "k", name=f"{node} 2", tags=["tag:k", "x:1"], late=["y:1"])
    world.writer("k", name="writer", tags=["tag:k", "y:1", "x:1"])
    world.writer("k", name="pattern writer", glob="k*", node="v")
    world.event("eviction", lambda w: w.evict_stamps("tag:k", "k", "y:1"))
    world.event("flush", lambda w: w.store.flush())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_random_fleet_is_stale_after_ack(seed: int) -> None:
    found = sample(fleet, seed=seed, schedules=100)
    print(f"fleet, seed {seed}: {found}")

    assert not found.failures, found.failures[0]


def test_the_basic_race_is_played_to_the_end() -> None:
    found = explore(race)

    assert found.is_complete
    assert found.schedules > 100


def test_a_schedule_replays_to_the_same_story() -> None:
    assert replay(race, [1, 0, 0, 1]) == replay(race, [1, 0, 0, 1])
    assert replay(race, [0]) != replay(race, [1, 1, 1])
