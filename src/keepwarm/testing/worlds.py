"""Every interleaving of a few recipes, played without a clock, a loop or a server.

A world is a shared store, a database and some nodes (processes with a near tier). Its
actors run the real recipes: at each step that touches something shared, `explore` (in
`keepwarm.testing.exploring`) decides who goes next and looks at each finished read: one
that began after an invalidation was acknowledged must not return data from before it.

    def race(world):
        world.reader("a", "k")
        world.writer("k")
        world.reader("b", "k", after="writer")

    found = explore(race)
    assert not found.failures, found.failures[0]
    print(found)                      # 210 schedules, 0 failures
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

from keepwarm.core import fetch as fetching
from keepwarm.core import fetch_many as fetching_many
from keepwarm.core import fill as filling
from keepwarm.core import invalidate as invalidating
from keepwarm.core.entry import Debt
from keepwarm.core.fetch import Answer
from keepwarm.core.globs import Glob
from keepwarm.core.policy import Policy
from keepwarm.core.stamps import stamp_of_tag, stamps_of
from keepwarm.core.steps import (
    AddPattern,
    Away,
    CallOrigin,
    Capture,
    Changed,
    ChangeStamps,
    CloseFlight,
    Confirm,
    Decode,
    Decoded,
    DeleteShared,
    Dice,
    DropNear,
    Elect,
    Fill,
    Filled,
    FillMany,
    Instant,
    NewEpoch,
    Now,
    Owe,
    Produced,
    Raised,
    ReadMirror,
    ReadNear,
    ReadPatterns,
    ReadShared,
    Recipe,
    Refresh,
    Release,
    Settle,
    Step,
    Subject,
    WriteNear,
    WriteShared,
)
from keepwarm.stores.memory import MemoryStore
from keepwarm.stores.near import NearTier

Actions: TypeAlias = Generator[str, None, None]
"""An actor: yields what it is about to do, does it when it is resumed."""

_NEAR_BYTES = 1 << 20
_WALL, _MONO = 1_700_000_000.0, 1_000.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The recipes under test; a mutant replaces one to show that the check can fail."""

    fetch: Callable[[Subject], Recipe[Any]] = fetching.fetch
    fill: Callable[[Any], Recipe[Any]] = filling.fill
    invalidate: Callable[[tuple[str, ...]], Recipe[Any]] = invalidating.invalidate


@dataclass(slots=True)
class Read:
    """One finished read: which version it returned, and the least it had to."""

    who: str
    key: str
    version: int
    at_least: int


@dataclass(slots=True, eq=False)
class _Flight:
    subject: Subject
    token: Any
    result: Any = None
    is_done: bool = False
    is_joined: bool = False
    is_started: bool = False


@dataclass(slots=True)
class _Node:
    near: NearTier = field(default_factory=lambda: NearTier(_NEAR_BYTES))
    flights: dict[Any, _Flight] = field(default_factory=dict)
    debt: Debt = field(default_factory=Debt)


@dataclass(slots=True)
class _Actor:
    name: str
    make: Callable[[], Actions]
    after: str | None
    actions: Actions | None = None
    doing: str = ""
    is_done: bool = False
    waits_for: _Flight | None = None


class World:
    """What the actors share. Made anew for each schedule, always in the same state."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        nonces = count(1)
        self.store = MemoryStore(_NEAR_BYTES, lambda: f"n{next(nonces)}")
        self.is_away = False
        self.clock_s = 0.0
        self.policy = Policy(ttl="5m", jitter=0)
        self.versions: dict[str, int] = {}
        self.acked: dict[str, int] = {}
        self.reads: list[Read] = []
        self.story: list[str] = []
        self.actors: list[_Actor] = []
        self._nodes: dict[str, _Node] = {}
        self._flights = count(1)

    # What a scenario is made of.

    def reader(
        self,
        node: str,
        key: str,
        *,
        tags: Sequence[str] = (),
        late: Sequence[str] = (),
        after: str | None = None,
        name: str = "",
        times: int = 1,
        batch: bool = False,
    ) -> None:
        """Reads `key` on `node`, depending on `tags`; `late` are named only by the fill.

        As a `batch` it is read together with another key.
        """
        name = name or f"reader {node}"
        subject = self._subject(key, tuple(tags) or (f"tag:{key}",))

        def actions() -> Actions:
            for _ in range(times):
                at_least = self.acked.get(key, 0)
                recipe = (
                    fetching_many.fetch_many((subject, self._subject(f"{key}:other", ("other",))))
                    if batch
                    else self.rules.fetch(subject)
                )
                run = self._run(name, node, recipe, tuple(late))
                yield from run
                result = run.result[subject.name] if batch else run.result
                assert isinstance(result, Answer), result
                version = int(result.value)
                self.story.append(f"{name}: got version {version}")
                self.reads.append(Read(name, key, version, at_least))

        self._add(name, actions, after)

    def writer(
        self,
        key: str,
        *,
        tags: Sequence[str] = (),
        node: str = "w",
        after: str | None = None,
        name: str = "writer",
        glob: str | None = None,
        clear: bool = False,
        is_key: bool = False,
    ) -> None:
        """Commits a new version of `key`, then invalidates its tags (or glob, key, all)."""
        stamps = tuple(stamp_of_tag(tag) for tag in (tuple(tags) or (f"tag:{key}",)))

        def actions() -> Actions:
            yield "commits"
            self.versions[key] = version = self.versions.get(key, 0) + 1
            recipe: Recipe[Any]
            if clear:
                recipe = invalidating.clear()
            elif glob is not None:
                recipe = invalidating.invalidate_pattern(Glob(glob))
            elif is_key:
                recipe = invalidating.invalidate_keys((key,), (f"w:{key}",))
            else:
                recipe = self.rules.invalidate(stamps)
            run = self._run(name, node, recipe, ())
            yield from run
            if isinstance(run.result, Changed):
                self.acked[key] = max(version, self.acked.get(key, 0))
                self.story.append(f"{name}: is acknowledged for version {version}")

        self._add(name, actions, after)

    def event(self, name: str, act: Callable[["World"], None], *, after: str | None = None) -> None:
        """Something that happens once, at any moment: an eviction, a flush, time passing."""

        def actions() -> Actions:
            yield "happens"
            act(self)

        self._add(name, actions, after)

    def evict_stamps(self, *names: str) -> None:
        """Lose the stamps of these tags or keys, as under memory pressure."""
        for name in names:
            for stamp in (stamp_of_tag(name), *stamps_of(name, ())):
                self.store.evict(stamp)

    # Running it.

    def runnable(self) -> list[_Actor]:
        done = {actor.name for actor in self.actors if actor.is_done}
        known = {actor.name for actor in self.actors}
        return [
            actor
            for actor in self.actors
            if not actor.is_done
            and (actor.waits_for is None or actor.waits_for.is_done)
            and (actor.after is None or actor.after in done or actor.after not in known)
        ]

    def advance(self, actor: _Actor) -> None:
        """Let one actor do the step it is at, and go on to its next."""
        if actor.actions is None:
            actor.actions = actor.make()
            self._step(actor)
        self.story.append(f"{actor.name}: {actor.doing}")
        self._step(actor)

    def _step(self, actor: _Actor) -> None:
        assert actor.actions is not None
        actor.waits_for = None
        try:
            doing = next(actor.actions)
        except StopIteration:
            actor.is_done = True
            return
        actor.doing = str(doing)
        if isinstance(doing, _Waiting):
            actor.waits_for = doing.flight

    def _add(self, name: str, make: Callable[[], Actions], after: str | None) -> None:
        if any(actor.name == name for actor in self.actors):
            name = f"{name} {1 + sum(a.name.startswith(name) for a in self.actors)}"
        self.actors.append(_Actor(name, make, after))

    def _subject(self, key: str, tags: tuple[str, ...]) -> Subject:
        stamps = stamps_of(key, tags)
        return Subject(f"w:{key}", key, "p", self.policy, tags, stamps, stamps)

    def _run(self, who: str, node: str, recipe: Recipe[Any], late: tuple[str, ...]) -> "_Run":
        return _Run(self, who, self._nodes.setdefault(node, _Node()), recipe, late)

    def start_flight(self, node: _Node, flight: _Flight, late: tuple[str, ...]) -> None:
        """A new actor for a fill."""
        name = f"fill {next(self._flights)}"

        def actions() -> Actions:
            recipe = self.rules.fill(((flight.subject, flight.token),))
            run = _Run(self, name, node, recipe, late, flight)
            yield from run
            node.flights = {k: f for k, f in node.flights.items() if f is not flight}
            flight.result, flight.is_done = run.result, True

        self.actors.append(_Actor(name, actions, None))


class _Waiting(str):
    """Says that an actor is waiting for a flight."""

    flight: _Flight

    def __new__(cls, flight: _Flight) -> "_Waiting":
        made = super().__new__(cls, "has its fill's result")
        made.flight = flight
        return made


@dataclass(slots=True)
class _Run:
    """Runs a recipe as actions, one scheduling point per step that touches what is shared."""

    world: World
    who: str
    node: _Node
    recipe: Recipe[Any]
    late: tuple[str, ...]
    flight: _Flight | None = None
    result: Any = None

    def __iter__(self) -> Iterator[str]:
        reply: Any = None
        try:
            while True:
                step = self.recipe.send(reply)
                if isinstance(step, Fill):
                    flight, was_joined = self._fill(step)
                    yield _Waiting(flight)
                    reply = self._filled(flight, was_joined)
                elif isinstance(step, FillMany):
                    flown = [
                        (subject.name, *self._fill(Fill(subject, token, False, step.alone)))
                        for subject, token in step.wanted
                    ]
                    replies = {}
                    for name, flight, was_joined in flown:
                        yield _Waiting(flight)
                        replies[name] = self._filled(flight, was_joined)
                    reply = replies
                elif type(step) in _LOCAL:
                    reply = self._local(step)
                else:
                    yield _told(step)
                    reply = self._shared(step)
                    if isinstance(step, CallOrigin):
                        yield "the origin returns"  # it takes time after it has read
        except StopIteration as stop:
            self.result = stop.value

    def _local(self, step: Step[Any]) -> Any:
        match step:
            case Now():
                return Instant(_WALL + self.world.clock_s, _MONO + self.world.clock_s)
            case Dice():
                return 0.0
            case Decode():
                return Decoded(step.payload.decode())
            case ReadNear():
                return self.node.near.read(step.subject.name)
            case Owe():
                old = self.node.debt
                self.node.debt = Debt(
                    old.stamps | step.debt.stamps,
                    old.globs + step.debt.globs,
                    old.everything or step.debt.everything,
                )
            case DropNear():
                self.node.near.drop(step)
            case WriteNear():
                self.node.near.write(step.name, step.stored, step.proven_at, logical=step.logical)
            case CloseFlight():
                return self._close()
            case Elect():
                return (None,) * len(step.leases)
            case _:
                assert isinstance(step, Refresh | ReadMirror | Settle | Release)
        return None

    def _shared(self, step: Step[Any]) -> Any:
        if isinstance(step, CallOrigin):
            assert self.flight is not None
            subject = self.flight.subject
            version = str(self.world.versions.get(subject.logical, 0))
            self.world.story.append(f"{self.who}: the origin says version {version}")
            made = Produced(version.encode(), version, "p", subject.policy, 0.0, tags=self.late)
            return {subject.name: made}
        if self.world.is_away:
            return False if isinstance(step, WriteShared) else Away("away", self.node.debt)
        return self.world.store.answer(step)

    def _fill(self, step: Fill) -> tuple[_Flight, bool]:
        key = (step.subject.name, step.token.join_key if step.token else None)
        flights = self.node.flights
        found = None if step.alone else flights.get(key)
        if found is not None:
            found.is_joined = True
            return found, True
        flight = _Flight(step.subject, step.token)
        if not step.alone and step.token is not None:
            flights[key] = flight
        self.world.start_flight(self.node, flight, self.late)
        return flight, False

    def _filled(self, flight: _Flight, was_joined: bool) -> Any:
        reply = flight.result[flight.subject.name]
        if isinstance(reply, Raised) or not was_joined:
            return reply
        return Filled(reply.made, reply.stored, reply.reason, reply.is_joinable, was_joined=True)

    def _close(self) -> bool:
        assert self.flight is not None
        flight = self.flight
        self.node.flights = {k: f for k, f in self.node.flights.items() if f is not flight}
        return flight.is_joined


_LOCAL = frozenset(
    {Now, Dice, Decode, ReadNear, WriteNear, DropNear, Owe, CloseFlight, Refresh}
    | {ReadMirror, Settle, Elect, Release}
)
_TOLD: dict[type, str] = {
    ReadShared: "reads the store",
    ReadPatterns: "reads the patterns",
    Capture: "captures stamps, creating what is missing",
    Confirm: "confirms that late tags were quiet",
    WriteShared: "stores the entry",
    ChangeStamps: "changes stamps",
    AddPattern: "adds a pattern",
    NewEpoch: "begins a new epoch",
    DeleteShared: "frees the entry",
    CallOrigin: "asks the origin",
}


def _told(step: Step[Any]) -> str:
    return _TOLD.get(type(step), type(step).__name__)
