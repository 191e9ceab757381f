"""No schedule of announcements, leases and killed processes is stale after an acknowledgement."""

from collections.abc import Callable

import pytest

from keepwarm.core.times import TIMES
from keepwarm.testing import World, explore, replay, sample


def announced(world: World) -> None:
    """Another process holds a copy, and answers from it without asking."""
    world.near("a", holding=["k"])
    world.writer("k")
    world.reader("a", "k", name="meanwhile")
    world.reader("a", "k", after="writer", name="then")


def to_two(world: World) -> None:
    world.near("a", "b", holding=["k"])
    world.writer("k")
    world.reader("a", "k", after="writer", name="then a")
    world.reader("b", "k", after="writer", name="then b")


def of_its_own(world: World) -> None:
    """The writer's process holds a copy, too."""
    world.near("a", "w", holding=["k"])
    world.writer("k")
    world.reader("w", "k", name="meanwhile")
    world.reader("w", "k", after="writer", name="then")


def lost(world: World) -> None:
    """An announcement is lost while data goes on flowing, and the lease is renewed."""
    world.near("a", holding=["k"])
    world.writer("k")
    world.event("loss", lambda w: w.lose_announcement("a"))
    world.renewal("a")
    world.reader("a", "k", after="writer", name="then")


def lapsed(world: World) -> None:
    """The process is paused for longer than its lease, misses what is said, and renews."""
    world.near("a", holding=["k"])
    world.writer("k")
    world.event("loss", lambda w: w.lose_announcement("a"))
    world.renewal("a", after="writer")
    world.reader("a", "k", after="renewal a", name="then")


def answered_late(world: World) -> None:
    """A renewal is granted before the change; its answer takes most of a lease."""
    world.near("a", holding=["k"])
    world.renewal("a")
    world.writer("k")
    world.event("a while", lambda w: w.passes(0.8 * TIMES.lease_s))
    world.reader("a", "k", after="writer", name="then")


def learning(world: World) -> None:
    """A reply is mirrored while a change of what it says is being announced."""
    world.near("a", holding=["k"])
    world.near("a")  # connected anew: the copy is there, but nothing is mirrored
    world.reader("a", "k", name="learns")
    world.writer("k")
    world.reader("a", "k", after="writer", name="then")


def forgotten(world: World) -> None:
    """The registry is lost: nobody knows who holds copies."""
    world.near("a", holding=["k"])
    world.event("eviction", lambda w: w.store.evict_holders())
    world.writer("k")
    world.reader("a", "k", after="writer", name="then")


def cut_off(world: World) -> None:
    """The connection is lost, which is noticed sooner or later."""
    world.near("a", holding=["k"])
    world.event("cut", lambda w: w.cut("a"))
    world.event("reconnection", lambda w: w.reconnect("a"), after="cut")
    world.writer("k")
    world.reader("a", "k", after="writer", name="then")


def struck(world: World) -> None:
    """Who was silent is struck off, lives on, and renews: a second writer comes."""
    world.near("a", holding=["k"])
    world.event("cut", lambda w: w.cut("a"))
    world.writer("k")
    world.event("reconnection", lambda w: w.reconnect("a"), after="writer")
    world.renewal("a", after="reconnection")
    world.reader("a", "k", after="renewal a", name="learns")
    world.writer("k", name="writer 2", after="reconnection")
    world.reader("a", "k", after="writer 2", name="then")


def holder_killed(world: World) -> None:
    world.near("a", "b", holding=["k"])
    world.event("kill", lambda w: w.crash("a"))
    world.writer("k")
    world.reader("b", "k", after="writer", name="then")


def patterns(world: World) -> None:
    world.near("a", holding=["k"])
    world.writer("k", glob="k*")
    world.reader("a", "k", name="meanwhile")
    world.reader("a", "k", after="writer", name="then")


def cleared(world: World) -> None:
    world.near("a", holding=["k"])
    world.writer("k", clear=True)
    world.reader("a", "k", name="meanwhile")
    world.reader("a", "k", after="writer", name="then")


def flushed(world: World) -> None:
    """The store loses all, the registry and the epoch included."""
    world.near("a", holding=["k"])
    world.event("flush", lambda w: w.store.flush())
    world.writer("k")
    world.reader("a", "k", after="writer", name="then")


def killed_writer(world: World) -> None:
    """An announced writer is killed at any step: what he committed is what is read."""
    world.near("a", holding=["k"])
    world.announced_writer("k")
    world.event("kill", lambda w: w.crash("w"))
    world.reader("a", "k", name="meanwhile")
    world.reader("a", "k", after="kill", name="then")


def mark_lapses(world: World) -> None:
    """He is killed, and his mark lapses while others read and fill."""
    world.near("a", holding=["k"])
    world.announced_writer("k")
    world.event("kill", lambda w: w.crash("w"))
    world.event("lapse", lambda w: w.passes(TIMES.writer_s), after="kill")
    world.reader("b", "k", after="kill", name="fills")
    world.reader("a", "k", after="lapse", name="then")


def two_announced(world: World) -> None:
    world.near("a", holding=["k"])
    world.announced_writer("k", name="one", node="v")
    world.announced_writer("k", name="two", node="w")
    world.reader("a", "k", name="reads")


def trial_ends(world: World) -> None:
    """A cold tag's trial ends while a writer is inside."""
    world.reader("b", "k", name="first")
    world.event("part of D", lambda w: w.passes(0.9 * TIMES.writer_s), after="first")
    world.announced_writer("k", after="part of D")
    world.event("rest of D", lambda w: w.passes(0.2 * TIMES.writer_s), after="part of D")
    world.reader("b", "k", after="rest of D", name="fills")
    world.event("kill", lambda w: w.crash("w"), after="fills")
    world.reader("b", "k", after="kill", name="then")


def evicted_mark(world: World) -> None:
    """The mark is evicted after it was checked: acknowledged, if at all, is the new version."""
    world.near("a", holding=["k"])
    world.announced_writer("k", promises_from="leave")
    world.event("eviction", lambda w: w.evict_stamps("tag:k"))
    world.reader("b", "k", name="fills")
    world.reader("a", "k", after="writer", name="then")


def invalidated_inside(world: World) -> None:
    """Somebody else's invalidation does not take a writer's mark away."""
    world.announced_writer("k", node="v", name="inside")
    world.writer("j", tags=["tag:k"], name="other")
    world.reader("b", "k", after="other", name="fills")
    world.event("kill", lambda w: w.crash("v"), after="fills")
    world.reader("b", "k", after="kill", name="then")


def nested(world: World) -> None:
    """A fill reads another key through the cache: both depend on the same tag."""
    world.reader("a", "outer", tags=["tag:outer"], inner="k", name="first")
    world.writer("outer", tags=["tag:k", "tag:outer"])
    world.reader("a", "outer", tags=["tag:outer"], inner="k", after="writer", name="then")


def led(world: World) -> None:
    """One leader over two processes, who may be killed while the other waits for him."""
    world.elects = True
    world.reader("a", "k")
    world.reader("b", "k")
    world.writer("k")
    world.event("kill", lambda w: w.crash("a"))
    world.reader("b", "k", after="writer", name="then")


SCENARIOS: list[Callable[[World], None]] = [
    announced,
    to_two,
    of_its_own,
    lost,
    lapsed,
    answered_late,
    learning,
    forgotten,
    cut_off,
    struck,
    holder_killed,
    patterns,
    cleared,
    flushed,
    killed_writer,
    mark_lapses,
    two_announced,
    trial_ends,
    evicted_mark,
    invalidated_inside,
    nested,
    led,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_no_schedule_is_stale(scenario: Callable[[World], None]) -> None:
    found = sample(scenario, seed=1, schedules=150)
    print(f"{scenario.__name__}: {found}")

    assert not found.failures, found.failures[0]
    assert found.reads >= 100


@pytest.mark.more
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_no_schedule_of_many_more_is_stale(scenario: Callable[[World], None]) -> None:
    found = explore(scenario, limit=6_000)
    print(f"{scenario.__name__}: {found}")

    assert not found.failures, found.failures[0]


def test_the_schedules_of_one_announcement_are_played_to_the_end() -> None:
    def one(world: World) -> None:
        world.near("a", holding=["k"])
        world.writer("k")
        world.reader("a", "k", after="writer")

    found = explore(one, limit=5_000)
    print(found)

    assert not found.failures, found.failures[0]
    assert found.is_complete


def test_a_copy_is_served_without_asking() -> None:
    """Or all these schedules would be about nothing."""

    def alone(world: World) -> None:
        world.near("a", holding=["k"])
        world.reader("a", "k")

    assert replay(alone, []) == (
        "reader a: looks into its mirror",
        "reader a: got version 0",
    )


def test_who_is_silent_is_waited_for_until_his_lease_is_over() -> None:
    def silent(world: World) -> None:
        world.near("a", holding=["k"])
        world.event("cut", lambda w: w.cut("a"))
        world.writer("k", after="cut")

    found = explore(silent)

    assert found.is_complete
    assert replay(silent, [])[-3:] == (
        "time: passes, until somebody has waited long enough",
        "writer: has waited for all who may hold copies",
        "writer: is acknowledged for version 1",
    )


def near_fleet(world: World) -> None:
    """Everything at once: lost announcements, lapsed leases, evictions, killed processes."""
    world.near("a", "b", "c", holding=["k", "j"])
    for node in ("a", "b", "c"):
        world.reader(node, "k", name=f"{node} k", times=3)
        world.reader(node, "j", name=f"{node} j", times=2)
        world.renewal(node)
        world.renewal(node, after=f"renewal {node}", name=f"renewal again {node}")
    world.writer("k")
    world.writer("j", name="writer of j", node="v")
    world.announced_writer("k", name="announced", node="x", promises_from="leave")
    world.event("kill x", lambda w: w.crash("x"))
    world.event("kill a", lambda w: w.crash("a"))
    world.event("cut", lambda w: w.cut("b"))
    world.event("reconnection", lambda w: w.reconnect("b"), after="cut")
    world.event("loss", lambda w: w.lose_announcement("c"))
    world.event("registry", lambda w: w.store.evict_holders())
    world.event("stamps", lambda w: w.evict_stamps("tag:k", "k"))
    world.event("half a lease", lambda w: w.passes(TIMES.lease_s / 2))
    world.event("D", lambda w: w.passes(TIMES.writer_s))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_fleet_is_stale(seed: int) -> None:
    found = sample(near_fleet, seed=seed, schedules=40)
    print(f"fleet, seed {seed}: {found}")

    assert not found.failures, found.failures[0]


@pytest.mark.more
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10, 20))
def test_no_larger_number_of_fleets_is_stale(seed: int) -> None:
    found = sample(near_fleet, seed=seed, schedules=1_000)
    print(f"fleet, seed {seed}: {found}")

    assert not found.failures, found.failures[0]
