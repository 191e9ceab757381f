"""Each rule of announced writers, nested fills and values by hand is needed."""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from keepwarm.core import fetch as fetching
from keepwarm.core import fill as filling
from keepwarm.core import keep as keeping
from keepwarm.core.entry import Life
from keepwarm.core.policy import Policy
from keepwarm.core.stamps import Carried, Stamp
from keepwarm.core.steps import Changed, ChangeStamps, Leave
from keepwarm.stores.memory import MemoryStore, new_nonce
from keepwarm.testing import Rules, World, explore, replay, sample
from keepwarm.testing.model import Writers, search
from keepwarm.testing.model import writers as model
from worlds.test_mutants import must_fail
from worlds.test_near_schedules import (
    evicted_mark,
    invalidated_inside,
    nested,
    trial_ends,
)


def test_a_plain_change_must_not_clear_the_marks_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MemoryStore._change

    def clearing(store: MemoryStore, step: ChangeStamps) -> Changed:
        for name in step.stamps:
            store._stamps.pop(name, None)
        return real(store, step)

    monkeypatch.setattr(MemoryStore, "_change", clearing)
    must_fail(sample(invalidated_inside, seed=1, schedules=4_000))


class _Clean(Writers):
    """What an EXIT without its own mark makes is not on trial."""

    def leave(self, n: Any, i: int) -> None:
        is_lost = n[model.MARK + i] < 2
        super().leave(n, i)
        if is_lost:
            n[model.TRIAL] = 0


def test_leaving_without_a_mark_must_not_pass_for_clean() -> None:
    """Another writer's mark was lost with it: he commits, is killed, and nothing ends that."""
    bounds = {"faults": 1, "changes": 0}
    found = search(_Clean(**bounds), 60_000)

    assert found.violation is not None, f"the mutant was not caught in {found}"
    assert "the stamp is evicted" in found.violation.moves
    assert search(Writers(**bounds), 90_000).is_complete


class _Unnoted(Writers):
    """Who enters does not note his mark."""

    def enter(self, n: Any, i: int) -> None:
        kept = n[model.NOTED]
        super().enter(n, i)
        n[model.NOTED] = kept


class _NotedOnce(Writers):
    """Who checks or prolongs his mark does not note it again."""

    def inside(self, n: Any, i: int) -> bool:
        kept = n[model.NOTED]
        is_inside = super().inside(n, i)
        n[model.NOTED] = kept
        return is_inside


class _Whole(Writers):
    """Notes that were evicted pass for whole when they begin anew."""

    def note(self, n: Any) -> None:
        n[model.NOTES] = n[model.NOTES] or 1


class _Settled(Writers):
    """Nothing that comes from nothing is on trial."""

    def trial(self, n: Any) -> int:
        return super().trial(n) if n[model.STAMP] else 0


class _Trusting(Writers):
    """A store that may have gone back in time is trusted: what was first, and a real gap."""

    def tick(self, s: Any) -> Any:
        return super().tick((*s[: model.AFRESH], 0, *s[model.AFRESH + 1 :]))

    def is_due(self, s: Any) -> bool:
        return super().is_due((*s[: model.AFRESH], 0, *s[model.AFRESH + 1 :]))

    def trial(self, n: Any) -> int:
        n[model.AFRESH] = 0
        return super().trial(n)


class _Kept(Writers):
    """… only where it holds the stamp still: a capture leaves it as it is."""

    def is_due(self, s: Any) -> bool:
        return super().is_due((*s[: model.AFRESH], 0, *s[model.AFRESH + 1 :]))


class _Taken(Writers):
    """… only where it holds the stamp still: a fill takes it as it is."""

    def is_taken(self, s: Any) -> bool:
        return super().is_taken((*s[: model.AFRESH], 0, *s[model.AFRESH + 1 :]))


class _Passing(Writers):
    """… only by who replaces a stamp: a change, or a writer who comes and goes."""

    def trial(self, n: Any) -> int:
        if not n[model.STAMP]:
            return super().trial(n)
        return 0 if n[model.TRIAL] == model.OVER else n[model.TRIAL]


@pytest.mark.parametrize(
    ("mutant", "needs"),
    [
        (_Unnoted, "the stamp is evicted"),
        (_NotedOnce, "the stamp is evicted"),
        (_Whole, "the notes of marks are evicted"),
        (_Settled, "the stamp is evicted"),
        (_Trusting, "the store dies and restarts from an old snapshot"),
        (_Kept, "the store dies and restarts from an old snapshot"),
        (_Taken, "the store dies and restarts from an old snapshot"),
        (_Passing, "the store dies and restarts from an old snapshot"),
    ],
)
def test_each_rule_of_the_notes_of_marks_is_needed(mutant: type[Writers], needs: str) -> None:
    """A lost mark is overlooked, and its writer is killed after his commit."""
    bounds = {"faults": 2 if mutant is _Whole else 1, "changes": 1 if mutant is _Passing else 0}
    found = search(mutant(**bounds), 400_000)

    assert found.violation is not None, f"the mutant was not caught in {found}"
    assert needs in found.violation.moves
    assert any("commits" in move for move in found.violation.moves)


def test_who_left_without_his_mark_must_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paused writer's mark lapsed; a near tier has filled since, before his commit."""
    real = MemoryStore._leave

    def silent(store: MemoryStore, step: Leave) -> Changed:
        held = {name: store._stamps.get(name) for name in step.stamps}
        changed = real(store, step)
        if changed.is_lost:
            store._stamps |= {name: stamp for name, stamp in held.items() if stamp}
        return Changed(changed.epoch, changed.position)

    assert not sample(left_late, seed=1, schedules=300).failures
    monkeypatch.setattr(MemoryStore, "_leave", silent)
    must_fail(sample(left_late, seed=1, schedules=4_000))


def left_late(world: World) -> None:
    """His mark is evicted after he has checked it: readers store what is before his commit."""
    world.announced_writer("k", promises_from="leave")
    world.event("eviction", lambda w: w.evict_stamps("tag:k", "k"))
    world.reader("b", "k", after="eviction", name="fills")
    world.reader("b", "k", after=("writer", "fills"), name="then")


def test_a_trial_that_ends_must_not_take_a_mark_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it once did."""
    real = Stamp.is_due

    def forgetful(stamp: Stamp, now_ms: int) -> bool:
        return 0 < stamp.provisional_until <= now_ms or real(stamp, now_ms)

    monkeypatch.setattr(Stamp, "is_due", forgetful)
    must_fail(sample(trial_ends, seed=1, schedules=6_000))


def test_a_mark_must_be_heeded_by_who_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stamp, "is_dirty", property(lambda stamp: False))
    must_fail(sample(filled_inside, seed=1, schedules=3_000))


def filled_inside(world: World) -> None:
    """A reader fills while a writer is inside, before his commit; the writer never leaves."""
    world.announced_writer("k")
    world.reader("b", "k", name="fills")
    world.event("kill", lambda w: w.crash("w"), after="fills")
    world.reader("b", "k", after="kill", name="then")


def test_a_union_of_tags_must_not_overwrite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tag with two stamps: the value is made of old and new."""

    def overwriting(*groups: tuple[Carried, ...]) -> tuple[Carried, ...]:
        return tuple({carried[0]: carried for group in groups for carried in group}.values())

    monkeypatch.setattr(filling, "merge", overwriting)
    must_fail(sample(sharing_a_tag, seed=1, schedules=4_000))


def sharing_a_tag(world: World) -> None:
    """Outer and inner depend on one tag, which changes between the two reads."""
    world.reader("a", "outer", tags=["tag:k"], inner="k", name="first")
    world.writer("outer", tags=["tag:k"])
    world.reader("a", "outer", tags=["tag:k"], inner="k", after=("first", "writer"), name="then")


def test_the_nested_scenarios_hold() -> None:
    for scenario in (nested, sharing_a_tag, failing_origin, kept_by_hand, filled_inside):
        found = sample(scenario, seed=2, schedules=300)
        assert not found.failures, found.failures[0]


def test_stale_if_error_must_not_serve_the_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that was invalidated is no fallback, whatever its windows say."""
    real = fetching.judge

    def lenient(*about: Any) -> Any:
        found = yield from real(*about)
        return Life.STALE if found is Life.DEAD else found

    monkeypatch.setattr(fetching, "judge", lenient)
    must_fail(explore(failing_origin))


def failing_origin(world: World) -> None:
    world.policy = Policy(ttl="5m", jitter=0, stale_if_error="1d")
    world.reader("a", "k", name="first")
    world.writer("k", after="first")

    def fails(w: World) -> None:
        w.is_origin_down = True

    world.event("failure", fails, after="writer")
    world.reader("a", "k", after="failure", name="then")


def test_a_bare_set_must_not_count_as_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built upon it outlives it: it must be returned unstored."""
    real = keeping.Terms

    def fenced(**terms: Any) -> Any:
        return real(**{**terms, "is_fenced": True})

    monkeypatch.setattr(keeping, "Terms", fenced)
    must_fail(sample(kept_by_hand, seed=1, schedules=4_000))


def kept_by_hand(world: World) -> None:
    """A value read before a commit is set by hand after it; an outer fill uses it.

    What is set by hand is outside the promise, and so is what is computed from it while it
    is there. What was stored would be stale when it has gone.
    """
    world.keeper("b", "k")
    world.writer("k")
    world.reader("a", "outer", relays="k", after="keeper b", name="meanwhile", is_checked=False)
    world.event("eviction", lambda w: w.store.evict("w:k"), after=("meanwhile", "writer"))
    world.reader("c", "outer", relays="k", after="eviction", name="then")


# Randomness after fork.


def children_draw_alike(draw: Callable[[], Any]) -> bool:
    """Whether two children forked from here draw the same."""
    drawn = []
    for _ in range(2):
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(writing, str(draw()).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            drawn.append(pipe.read())
        os.waitpid(pid, 0)
    assert all(drawn)
    return drawn[0] == drawn[1]


def test_nonces_must_not_come_from_a_generator_in_the_process() -> None:
    """Forked workers go on from the same state: the invalidator draws what the filler drew."""
    generator = random.Random(7)

    assert children_draw_alike(lambda: generator.getrandbits(128))
    assert not children_draw_alike(new_nonce)

    def forked(world: World) -> None:
        world.reader("a", "k", name="first")
        world.writer("k", after="first")
        world.reader("a", "k", after="writer")

    def alike(_node: str, nth_of_node: int, _nth: int) -> str:
        return f"seed 7, number {nth_of_node}"

    assert not explore(forked).failures
    must_fail(explore(forked, rules=Rules(nonce=alike)))


def test_a_schedule_of_the_near_tier_replays() -> None:
    found = sample(evicted_mark, seed=3, schedules=1)

    assert found.schedules == 1
    assert replay(evicted_mark, [0, 1, 0]) == replay(evicted_mark, [0, 1, 0])
