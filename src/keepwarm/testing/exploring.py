"""Plays the schedules of a world: all of them depth first, or seeded random ones.

A schedule is the list of choices made where several actors could go on. Each one is
played from the beginning in a new world, so a failure is replayed from its list alone,
and prints as a numbered story.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keepwarm.testing.worlds import Read, Rules, World


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule in which a read was stale after an acknowledgement."""

    read: Read
    schedule: tuple[int, ...]
    story: tuple[str, ...]

    def __str__(self) -> str:
        lines = "\n".join(f"{n:3}. {line}" for n, line in enumerate(self.story, 1))
        return (
            f"{self.read.who} returned version {self.read.version} of {self.read.key!r} though "
            f"version {self.read.at_least} was acknowledged before it began:\n{lines}\n"
            f"replay: {list(self.schedule)}"
        )


@dataclass(frozen=True, slots=True)
class Exploration:
    """How many schedules were played, and which failed."""

    schedules: int
    reads: int
    failures: tuple[Failure, ...]
    is_complete: bool

    def __str__(self) -> str:
        extent = "all" if self.is_complete else "some"
        return (
            f"{self.schedules} schedules ({extent} there are), {self.reads} reads, "
            f"{len(self.failures)} failures"
        )


def explore(
    build: Callable[[World], None],
    *,
    rules: Rules | None = None,
    limit: int = 200_000,
    stop_at_first: bool = True,
) -> Exploration:
    """Play every schedule of a scenario, depth first, up to `limit`."""
    schedules = reads = 0
    failures: list[Failure] = []
    prefix: list[int] = []
    while schedules < limit:
        world, taken, widths = _play(build, rules, _following(prefix))
        schedules += 1
        reads += len(world.reads)
        failures += _failures(world, taken)
        if failures and stop_at_first:
            return Exploration(schedules, reads, tuple(failures), is_complete=False)
        while taken and taken[-1] + 1 >= widths[len(taken) - 1]:
            taken.pop()
        if not taken:
            return Exploration(schedules, reads, tuple(failures), is_complete=True)
        taken[-1] += 1
        prefix = taken
    return Exploration(schedules, reads, tuple(failures), is_complete=False)


def sample(
    build: Callable[[World], None],
    *,
    seed: int,
    schedules: int,
    rules: Rules | None = None,
    stop_at_first: bool = True,
) -> Exploration:
    """Play up to `schedules` random schedules, the same for the same seed."""
    dice = random.Random(seed)
    reads = 0
    failures: list[Failure] = []
    for played in range(1, schedules + 1):
        world, taken, _ = _play(build, rules, lambda n, at: dice.randrange(n))
        reads += len(world.reads)
        failures += _failures(world, taken)
        if failures and stop_at_first:
            return Exploration(played, reads, tuple(failures), is_complete=False)
    return Exploration(schedules, reads, tuple(failures), is_complete=False)


def replay(
    build: Callable[[World], None], schedule: Sequence[int], *, rules: Rules | None = None
) -> tuple[str, ...]:
    """The story of one schedule, as a failure prints it."""
    world, _, _ = _play(build, rules, _following(schedule))
    return tuple(world.story)


def _following(schedule: Sequence[int]) -> Callable[[int, int], int]:
    """Choose as `schedule` says, and after its end always the first who can go on."""
    return lambda n, at: schedule[at] if at < len(schedule) else 0


def _play(
    build: Callable[[World], None],
    rules: Rules | None,
    choose: Callable[[int, int], int],
) -> tuple[World, list[int], list[int]]:
    world = World(rules)
    build(world)
    taken: list[int] = []
    widths: list[int] = []
    while ready := world.runnable():
        choice = choose(len(ready), len(taken))
        taken.append(choice)
        widths.append(len(ready))
        world.advance(ready[choice])
    stuck = [actor.name for actor in world.actors if not actor.is_done]
    assert not stuck, f"nobody can go on, but {stuck} have not finished: {world.story}"
    return world, taken, widths


def _failures(world: World, taken: Sequence[int]) -> list[Failure]:
    return [
        Failure(read, tuple(taken), tuple(world.story))
        for read in world.reads
        if read.version < read.at_least
    ]
