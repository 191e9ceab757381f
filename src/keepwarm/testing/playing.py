"""Runs a recipe in a world: one scheduling point per step that touches what is shared.

It answers the steps as the engine's drivers do, over the real store in memory and the real
mirror. Where the engine waits (for a fill, for confirmations, for another process's
leader), the actor cannot go on until that has come or its deadline has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from keepwarm.core.entry import Debt, Seen
from keepwarm.core.fetch import Answer
from keepwarm.core.steps import (
    AddPattern,
    AwaitLeader,
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
    Enter,
    Fill,
    Filled,
    FillMany,
    Handed,
    Inside,
    Instant,
    Leave,
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
    Strike,
    WriteNear,
    WriteShared,
)
from keepwarm.core.times import TIMES
from keepwarm.testing.nodes import Flight, Node, Waiting

if TYPE_CHECKING:
    from keepwarm.testing.worlds import World

WALL, MONO = 1_700_000_000.0, 1_000.0


class OriginDown(Exception):
    """What an origin raises while the world's is down."""


@dataclass(slots=True)
class Run:
    """`late` are the tags that its origin names, `inner` the key it reads through the cache,
    `relays` one whose value is its own.
    """

    world: "World"
    who: str
    node: Node
    recipe: Recipe[Any]
    late: tuple[str, ...] = ()
    inner: str = ""
    relays: str = ""
    flight: Flight | None = None
    result: Any = None

    def __iter__(self) -> Iterator[str]:
        reply: Any = None
        try:
            while True:
                step = self.recipe.send(reply)
                if type(step) in _LOCAL and not self._is_shared(step):
                    reply = self._local(step)
                elif isinstance(step, Fill):
                    flight, was_joined = self._fill(step)
                    yield _result_of(flight)
                    reply = _filled(flight, was_joined)
                elif isinstance(step, FillMany):
                    flown = [
                        (subject.name, *self._fill(Fill(subject, token, False, step.alone)))
                        for subject, token in step.wanted
                    ]
                    replies = {}
                    for name, flight, was_joined in flown:
                        yield _result_of(flight)
                        replies[name] = _filled(flight, was_joined)
                    reply = replies
                elif isinstance(step, Settle):
                    yield from self._settle(step.changed)
                    reply = None
                elif isinstance(step, AwaitLeader):
                    reply = yield from self._await_leader(step)
                elif isinstance(step, CallOrigin):
                    yield "asks the origin"
                    reply = yield from self._origin()
                else:
                    yield _TOLD.get(type(step), type(step).__name__)
                    reply = yield from self._shared(step)
        except StopIteration as stop:
            self.result = stop.value

    def _is_shared(self, step: Step[Any]) -> bool:
        """Whether others may come between here, though the step is local elsewhere."""
        if isinstance(step, ReadMirror):
            return self.node.mirror is not None
        return isinstance(step, Elect | Release) and self.world.elects

    def _local(self, step: Step[Any]) -> Any:
        match step:
            case Now():
                clock_s = self.world.clock_s
                return Instant(WALL + clock_s, MONO + clock_s)
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
                assert isinstance(step, Refresh | ReadMirror | Release)
        return None

    def _shared(self, step: Step[Any]) -> Any:
        world, mirror = self.world, self.node.mirror
        if isinstance(step, ReadMirror):
            assert mirror is not None
            return mirror.seen(step.stamps, MONO + world.clock_s)
        if world.is_away:
            return False if isinstance(step, WriteShared) else Away("away", self.node.debt)
        ticket = mirror.ticket() if mirror is not None else 0
        reply = world.ask(self.node, step)
        if isinstance(reply, Seen) and mirror is not None and self.node.is_connected:
            yield "hears the reply"  # later than the wire would: announcements may come between
            mirror.learn(ticket, reply)
        if isinstance(reply, Changed):
            return replace(reply, heard_at=MONO + world.clock_s)
        return reply

    def _settle(self, changed: Changed) -> Iterator[str]:
        """As Link.settle: until each holder has confirmed, or any lease is over."""
        confirmed = self.world.confirmed.setdefault(changed.id, set())
        named = {(holder.name, holder.incarnation) for holder in changed.holders}
        until = changed.heard_at - MONO + TIMES.wait_s
        if named - confirmed or not changed.is_complete:
            yield Waiting(
                "has waited for all who may hold copies",
                lambda: changed.is_complete and named <= confirmed,
                until,
            )
        if self.world.clock_s >= until:
            silent = tuple(h for h in changed.holders if (h.name, h.incarnation) not in confirmed)
            is_whole = not changed.is_complete
            self.world.ask(self.node, Strike(silent, changed.registry, is_whole))

    def _await_leader(self, step: AwaitLeader) -> Any:
        world = self.world
        world.handed.pop(step.lease, None)
        until = world.clock_s + step.within_s
        yield Waiting("has waited for the leader", lambda: step.lease in world.handed, until)
        return world.handed.pop(step.lease, Handed.LAPSED)

    def _origin(self) -> Any:
        """It reads, then takes time; what it reads through the cache it reads after that."""
        world, flight = self.world, self.flight
        assert flight is not None
        subject = flight.subject
        if world.is_origin_down:
            return {subject.name: Raised(OriginDown())}
        version = str(world.versions.get(subject.logical, 0))
        world.origin_calls += 1
        made = Produced(version.encode(), version, "p", subject.policy, 0.0, tags=self.late)
        if not self.relays:
            world.story.append(f"{self.who}: the origin says version {version}")
        for key in filter(None, (self.inner, self.relays)):
            fetched = Run(world, self.who, self.node, world.rules.fetch(world.subject(key)))
            yield from fetched
            made = _absorbed(made, fetched.result)
            if key == self.relays and isinstance(fetched.result, Answer):
                value = fetched.result.value
                made = replace(made, raw=value, payload=value.encode())
        yield "the origin returns"
        return {subject.name: made}

    def _fill(self, step: Fill) -> tuple[Flight, bool]:
        key = (step.subject.name, step.token.join_key if step.token else None)
        flights = self.node.flights
        found = None if step.alone else flights.get(key)
        if found is not None:
            found.is_joined = True
            return found, True
        flight = Flight(step.subject, step.token)
        if not step.alone and step.token is not None:
            flights[key] = flight
        self.world.start_flight(flight, self)
        return flight, False

    def _close(self) -> bool:
        assert self.flight is not None
        flight = self.flight
        self.node.flights = {k: f for k, f in self.node.flights.items() if f is not flight}
        return flight.is_joined


def _result_of(flight: Flight) -> Waiting:
    return Waiting("has its fill's result", lambda: flight.is_done)


def _filled(flight: Flight, was_joined: bool) -> Any:
    reply = flight.result[flight.subject.name]
    if isinstance(reply, Raised) or not was_joined:
        return reply
    return Filled(reply.made, reply.stored, reply.reason, reply.is_joinable, was_joined=True)


def _absorbed(made: Produced, answer: Any) -> Produced:
    """As a running fill takes up the outcome of a cached call within it."""
    if not isinstance(answer, Answer) or answer.outcome.stamps is None:
        return replace(made, absorbed=None)
    outcome = answer.outcome
    return replace(
        made,
        absorbed=outcome.stamps,
        absorbed_position=outcome.position,
        absorbed_epochs=frozenset({outcome.epoch}),
        absorbed_keys=outcome.keys,
        fresh_until=outcome.fresh_until,
    )


_LOCAL = frozenset(
    {Now, Dice, Decode, ReadNear, WriteNear, DropNear, Owe, CloseFlight, Refresh}
    | {ReadMirror, Elect, Release}
)
_TOLD: dict[type, str] = {
    ReadMirror: "looks into its mirror",
    ReadShared: "reads the store",
    ReadPatterns: "reads the patterns",
    Capture: "captures stamps, creating what is missing",
    Confirm: "confirms that late tags were quiet",
    WriteShared: "stores the entry",
    ChangeStamps: "changes stamps",
    AddPattern: "adds a pattern",
    NewEpoch: "begins a new epoch",
    DeleteShared: "frees the entry",
    Enter: "enters",
    Inside: "checks its marks",
    Leave: "leaves",
    Elect: "stands for leader",
    Release: "leads no more",
}
