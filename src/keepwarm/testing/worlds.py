"""Every interleaving of a few recipes, played without a clock, a loop or a server.

A world is a shared store, a database and some nodes (processes with a near tier). Its
actors run the real recipes over the real store in memory and the real mirror: at each step
that touches something shared, `explore` (in `keepwarm.testing.exploring`) decides who goes
next and looks at each finished read: one that began after an invalidation was acknowledged
must not return data from before it.

    def race(world):
        world.reader("a", "k")
        world.writer("k")
        world.reader("b", "k", after="writer")

    found = explore(race)
    assert not found.failures, found.failures[0]
    print(found)                      # 2246 schedules, 0 failures

`world.near("a")` gives node a a mirror under a lease (strict). What is announced to it is
heard, lost, or overtaken by time as the schedule says; time passes only where an actor says
so, or where somebody waits for a deadline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keepwarm.core import fetch as fetching
from keepwarm.core import fetch_many as fetching_many
from keepwarm.core import fill as filling
from keepwarm.core import invalidate as invalidating
from keepwarm.core import keep as keeping
from keepwarm.core import write as writing
from keepwarm.core.fetch import Answer
from keepwarm.core.globs import Glob
from keepwarm.core.mirror import Mirror, Told
from keepwarm.core.policy import Policy
from keepwarm.core.stamps import stamp_of_tag, stamps_of
from keepwarm.core.steps import Capture, Changed, Handed, Recipe, Renew, Step, Strike, Subject
from keepwarm.core.times import TIMES
from keepwarm.stores.memory import MemoryStore
from keepwarm.testing.nodes import NEAR_BYTES, Actions, Actor, After, Flight, Message, Node, Waiting
from keepwarm.testing.playing import MONO, WALL, Run


def unlike(_node: str, _nth_of_node: int, nth: int) -> str:
    """A nonce that nobody has drawn before."""
    return f"n{nth}"


@dataclass(frozen=True, slots=True)
class Rules:
    """The recipes under test; a mutant replaces one to show that the check can fail.

    `nonce` is what a node draws as its n-th, the n-th of all.
    """

    fetch: Callable[[Subject], Recipe[Any]] = fetching.fetch
    fill: Callable[[Any], Recipe[Any]] = filling.fill
    invalidate: Callable[[tuple[str, ...]], Recipe[Any]] = invalidating.invalidate
    nonce: Callable[[str, int, int], str] = unlike


@dataclass(slots=True)
class Read:
    """One finished read: which version it returned, and the least it had to."""

    who: str
    key: str
    version: int
    at_least: int


class World:
    """What the actors share. Made anew for each schedule, always in the same state."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.clock_s = 0.0
        self.is_away = False
        self.is_origin_down = False
        self.elects = False
        """Whether fills elect one leader over all nodes."""
        self.policy = Policy(ttl="5m", jitter=0)
        self.versions: dict[str, int] = {}
        self.acked: dict[str, int] = {}
        self.origin_calls = 0
        self.reads: list[Read] = []
        self.story: list[str] = []
        self.actors: list[Actor] = []
        self.confirmed: dict[str, set[tuple[str, str]]] = {}
        self.handed: dict[str, Handed] = {}
        self._nodes: dict[str, Node] = {}
        self._asking = Node("")
        self._draws = self._flights = 0
        self._time = Actor("time", self._passing, ())
        self.store = MemoryStore(NEAR_BYTES, self._nonce, clock=lambda: WALL + self.clock_s)
        self.store.announce = self._announce
        self.store.hand = self._hand
        self._vouch()

    # What a scenario is made of.

    def reader(
        self,
        node: str,
        key: str,
        *,
        tags: Sequence[str] = (),
        late: Sequence[str] = (),
        inner: str = "",
        relays: str = "",
        after: After = None,
        name: str = "",
        times: int = 1,
        batch: bool = False,
        is_checked: bool = True,
    ) -> None:
        """Reads `key` on `node`, depending on `tags`; `late` are named only by the fill.

        `inner` is a key that its origin reads through the cache; if it `relays` one, that one's
        value is its own, and it is held to that one's acknowledgements. As a `batch` it is read
        together with another key.
        """
        name = name or f"reader {node}"
        subject = self.subject(key, tags)

        def actions() -> Actions:
            for _ in range(times):
                at_least = self.acked.get(relays or key, 0)
                recipe = (
                    fetching_many.fetch_many((subject, self.subject(f"{key}:other", ("other",))))
                    if batch
                    else self.rules.fetch(subject)
                )
                run = Run(self, name, self.node(node), recipe, tuple(late), inner, relays)
                yield from run
                result = run.result[subject.name] if batch else run.result
                if not isinstance(result, Answer):
                    assert self.is_origin_down, result
                    self.story.append(f"{name}: gets the origin's error")
                    continue
                version = int(result.value)
                self.story.append(f"{name}: got version {version}")
                if is_checked:
                    self.reads.append(Read(name, key, version, at_least))

        self._add(name, actions, after, node)

    def writer(
        self,
        key: str,
        *,
        tags: Sequence[str] = (),
        node: str = "w",
        after: After = None,
        name: str = "writer",
        glob: str | None = None,
        clear: bool = False,
        is_key: bool = False,
    ) -> None:
        """Commits a new version of `key`, then invalidates its tags (or glob, key, all)."""
        stamps = self._stamps(key, tags)

        def actions() -> Actions:
            yield "commits"
            version = self._commit(key)
            recipe: Recipe[Any]
            if clear:
                recipe = invalidating.clear()
            elif glob is not None:
                recipe = invalidating.invalidate_pattern(Glob(glob))
            elif is_key:
                recipe = invalidating.invalidate_keys((key,), (f"w:{key}",))
            else:
                recipe = self.rules.invalidate(stamps)
            run = self.run(name, node, recipe)
            yield from run
            if isinstance(run.result, Changed):
                self._acknowledge(name, key, version)

        self._add(name, actions, after, node)

    def announced_writer(
        self,
        key: str,
        *,
        tags: Sequence[str] = (),
        node: str = "w",
        after: After = None,
        name: str = "writer",
        promises_from: str = "commit",
    ) -> None:
        """As `cache.writing(tags)`: enters, checks his marks and commits, leaves.

        Reads are held to the new version from the `commit` on: kill him when you like. Where
        his marks can be evicted only from the `leave` on.
        """
        stamps = self._stamps(key, tags)

        def actions() -> Actions:
            entering = self.run(name, node, writing.enter(name, stamps))
            yield from entering
            if not isinstance(entering.result, Changed):
                return
            checking = self.run(name, node, writing.check(name, stamps))
            yield from checking
            if checking.result is not None:
                self.story.append(f"{name}: gives up, as {checking.result.why}")
                return
            within = self.clock_s + TIMES.writer_s
            yield "commits"
            if self.clock_s >= within:
                self.story.append(f"{name}: was too slow, which is assumed of the dead only")
                return
            version = self._commit(key)
            if promises_from == "commit":
                self._acknowledge(name, key, version)
            leaving = self.run(name, node, writing.leave(name, stamps))
            yield from leaving
            if isinstance(leaving.result, Changed):
                self._acknowledge(name, key, version)

        self._add(name, actions, after, node)

    def keeper(self, node: str, key: str, *, after: After = None, name: str = "") -> None:
        """Reads the database by hand, and later sets what it has read: `unfenced`."""
        name = name or f"keeper {node}"

        def actions() -> Actions:
            yield "reads the database by hand"
            payload = str(self.versions.get(key, 0)).encode()
            recipe = keeping.keep(((self.subject(key), payload),))
            yield from self.run(name, node, recipe)

        self._add(name, actions, after, node)

    def near(self, *nodes: str, holding: Sequence[str] = ()) -> None:
        """Give these nodes a mirror, under a lease that has just been granted.

        With copies of the keys `holding`, whose stamps are settled and mirrored.
        """
        names = tuple(name for key in holding for name in self.subject(key).stamps)
        self.ask(self._asking, Capture(names))
        self.clock_s += TIMES.writer_s  # their trials are over
        self.ask(self._asking, Capture(names))
        for name in nodes:
            node = self.node(name)
            node.mirror = Mirror(TIMES.lease_s)
            step = node.mirror.renewing(name, node.fresh_incarnation(), MONO + self.clock_s)
            node.mirror.renewed(step, self.store.answer(step), MONO + self.clock_s)
            for key in holding:
                self.reader(name, key)
        while ready := self.runnable():
            self.advance(ready[0])
        self.actors.clear()
        self.reads.clear()
        self.story.clear()

    def _vouch(self) -> None:
        """The registry is a lease old: whoever is not in it holds no lease."""
        self.store.answer(Strike((), self.store.answer(Renew()).registry, is_whole=True))

    def renewal(self, node: str, *, after: After = None, name: str = "") -> None:
        """Renews the lease of `node`; the answer comes when what is before it was heard."""

        def actions() -> Actions:
            home = self.node(node)
            mirror = home.mirror
            if mirror is None:
                return  # another process, since the one before was killed
            yield "sends a renewal"
            step = mirror.renewing(node, home.fresh_incarnation(), MONO + self.clock_s)
            yield "is granted by the store"
            if not home.is_connected:
                return
            renewed = self.ask(home, step)
            message = Message()
            home.inbox.append(message)
            yield home.turn_of(message, "is answered")
            if home.has(message):
                mirror.renewed(step, renewed, MONO + self.clock_s)

        self._add(name or f"renewal {node}", actions, after, node)

    def event(self, name: str, act: Callable[["World"], None], *, after: After = None) -> None:
        """Something that happens once, at any moment: an eviction, a flush, time passing."""

        def actions() -> Actions:
            yield "happens"
            act(self)

        self._add(name, actions, after)

    # What an event may do.

    def evict_stamps(self, *names: str) -> None:
        """Lose the stamps of these tags or keys, as under memory pressure."""
        for name in names:
            for stamp in (stamp_of_tag(name), *stamps_of(name, ())):
                self.store.evict(stamp)

    def lose_announcement(self, node: str) -> None:
        """Lose the first that `node` has not heard yet, while others go on arriving."""
        inbox = self.node(node).inbox
        for message in inbox:
            if message.is_announcement:
                inbox.remove(message)
                return

    def lose_next(self, node: str) -> None:
        """Lose the next that is announced to `node`."""
        self.node(node).to_lose += 1

    def cut(self, node: str) -> None:
        """Nothing reaches `node` any more, and it does not know that yet."""
        self.node(node).is_connected = False

    def reconnect(self, node: str) -> None:
        home = self.node(node)
        home.forget()
        home.is_connected = True

    def crash(self, node: str) -> None:
        """Kill the process: its actors are gone, and what it held."""
        for actor in self.actors:
            if actor.node == node and (actor.actions is not None or actor.is_inside):
                actor.is_done = True
        self.node(node).forget()
        del self._nodes[node]

    def passes(self, seconds: float) -> None:
        self.clock_s += seconds

    # Running it.

    def runnable(self) -> list[Actor]:
        done = {actor.name for actor in self.actors if actor.is_done}
        known = {actor.name for actor in self.actors}
        ready = [
            actor
            for actor in self.actors
            if not actor.is_done
            and (actor.waiting is None or self._is_over(actor.waiting))
            and all(name in done or name not in known for name in actor.after)
        ]
        return [*ready, self._time] if self._deadlines() else ready

    def advance(self, actor: Actor) -> None:
        """Let one actor do the step it is at, and go on to its next."""
        if actor.actions is None:
            actor.actions = actor.make()
            self._step(actor)
        self.story.append(f"{actor.name}: {actor.doing}")
        self._step(actor)

    def _step(self, actor: Actor) -> None:
        assert actor.actions is not None
        actor.waiting = None
        try:
            doing = next(actor.actions)
        except StopIteration:
            actor.is_done = True
            return
        actor.doing = str(doing)
        if isinstance(doing, Waiting):
            actor.waiting = doing

    def _is_over(self, waiting: Waiting) -> bool:
        return waiting.is_over() or (waiting.until is not None and self.clock_s >= waiting.until)

    def _deadlines(self) -> list[float]:
        waits = (actor.waiting for actor in self.actors if not actor.is_done)
        return [w.until for w in waits if w and w.until is not None and not self._is_over(w)]

    def _passing(self) -> Actions:
        while True:
            yield "passes, until somebody has waited long enough"
            self.clock_s = min(self._deadlines())

    def _add(self, name: str, make: Callable[[], Actions], after: After, node: str = "") -> None:
        if any(actor.name == name for actor in self.actors):
            name = f"{name} {1 + sum(a.name.startswith(name) for a in self.actors)}"
        names = (after,) if isinstance(after, str) else after or ()
        self.actors.append(Actor(name, make, names, node))

    def _commit(self, key: str) -> int:
        self.versions[key] = version = self.versions.get(key, 0) + 1
        return version

    def _acknowledge(self, name: str, key: str, version: int) -> None:
        if version > self.acked.get(key, 0):
            self.acked[key] = version
            self.story.append(f"{name}: is acknowledged for version {version}")

    # What the recipes' runs need.

    def node(self, name: str) -> Node:
        return self._nodes.setdefault(name, Node(name))

    def run(self, who: str, node: str, recipe: Recipe[Any]) -> Run:
        """A recipe for an actor of one's own to `yield from`; then it has a `result`."""
        return Run(self, who, self.node(node), recipe)

    def subject(self, key: str, tags: Sequence[str] = ()) -> Subject:
        tags = tuple(tags) or (f"tag:{key}",)
        stamps = stamps_of(key, tags)
        return Subject(f"w:{key}", key, "p", self.policy, tags, stamps, stamps)

    def _stamps(self, key: str, tags: Sequence[str]) -> tuple[str, ...]:
        return tuple(stamp_of_tag(tag) for tag in (tuple(tags) or (f"tag:{key}",)))

    def ask(self, node: Node, step: Step[Any]) -> Any:
        """Have the store answer, with nonces that `node` draws."""
        self._asking = node
        return self.store.answer(step)

    def _nonce(self) -> str:
        self._draws += 1
        self._asking.draws += 1
        return self.rules.nonce(self._asking.name, self._asking.draws, self._draws)

    def _hand(self, _waiter: str, lease: str, is_stored: bool) -> None:
        self.handed[lease] = Handed.STORED if is_stored else Handed.UNSTORED

    def _announce(self, told: Told) -> None:
        for node in self._nodes.values():
            if node.mirror is None or not node.is_connected:
                continue
            if node.to_lose:
                node.to_lose -= 1
            else:
                message = Message(is_announcement=True)
                node.inbox.append(message)
                self._deliver(node, message, told)

    def _deliver(self, node: Node, message: Message, told: Told) -> None:
        """A new actor: the node hears it, and confirms."""

        def actions() -> Actions:
            yield node.turn_of(message, f"hears of change {told.number}")
            if not node.has(message):
                return
            assert node.mirror is not None
            node.mirror.told(told)  # obeyed first, confirmed only then
            who = (node.name, node.mirror.incarnation)
            self.confirmed.setdefault(told.id, set()).add(who)

        self._add(f"node {node.name}", actions, None, node.name)
        hearing = self.actors[-1]
        hearing.actions, hearing.is_inside = actions(), True
        self._step(hearing)  # up to its waiting

    def start_flight(self, flight: Flight, run: Run) -> None:
        """A new actor, for a fill that `run` wants."""
        node = run.node
        self._flights += 1
        name = f"fill {self._flights}"

        def actions() -> Actions:
            recipe = self.rules.fill(((flight.subject, flight.token),))
            flying = Run(self, name, node, recipe, run.late, run.inner, run.relays, flight)
            yield from flying
            node.flights = {k: f for k, f in node.flights.items() if f is not flight}
            flight.result, flight.is_done = flying.result, True

        self.actors.append(Actor(name, actions, (), node.name, is_inside=True))
