"""The rule that a store answers as the reference does: random steps, played on both.

Nonces are random, so transcripts are compared up to renaming: the first one seen of each
kind is called 0, the second 1. Whatever else differs (a position, a missing stamp, who is
named as a holder) is a difference.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeAlias

import pytest

from keepwarm.core.entry import Patterns, Seen, Stored
from keepwarm.core.stamps import Stamp
from keepwarm.core.steps import Changed, DeleteShared, Renewed, ReplaceShared
from keepwarm.core.times import Times
from keepwarm.testing.conformance.client import NOW, Client, entry, epoch_of, position_of
from keepwarm.testing.conformance.memory import MemoryRig
from keepwarm.testing.conformance.rig import Rig
from keepwarm.testing.conformance.rules import Rules, connecting

Op: TypeAlias = tuple[Any, ...]

NAMES = ("slot:0000", "slot:0001", "slot:0002", "plain:0003")
WRITERS = ("w", "w2", "x")
HOLDERS = ("h1", "h2")
KEYS = ("a", "b")
STEPS = 80
SEEDS = 25


class ReferenceRules(Rules):
    """For every store but the reference itself."""

    times: ClassVar[Times] = Times(
        operation_s=5.0, lease_s=300.0, renew_s=75.0, writer_s=300.0, leader_s=300.0
    )
    """Nothing lapses: time is compared by the rules that are about it."""

    @pytest.mark.parametrize("seed", range(SEEDS))
    def test_random_steps_are_answered_as_by_the_reference(
        self, rig: Rig, client: Client, seed: int
    ) -> None:
        """What no rule thought of: both play the same steps and must tell the same story."""
        with MemoryRig(self.times) as reference:
            for connect in connecting(reference):
                expected, found = Player(reference, connect()), Player(rig, client)
                told: list[str] = []
                for number, op in enumerate(programme(seed)):
                    told.append(f"{number:3} {op}")
                    one, two = expected.play(op), found.play(op)
                    assert one == two, "\n".join(
                        ["", *told, f"reference: {one}", f"this one:  {two}"]
                    )


def programme(seed: int, steps: int = STEPS) -> Iterator[Op]:
    """Steps as plain tuples; numbers in them point at earlier tokens and changes."""
    dice = random.Random(seed)

    def some() -> tuple[str, ...]:
        return tuple(dice.sample(NAMES, dice.randint(1, 3)))

    def point() -> int:
        return dice.randrange(1_000)

    make: list[tuple[int, Callable[[], Op]]] = [
        (8, lambda: ("capture", some())),
        (8, lambda: ("read", some())),
        (8, lambda: ("change", some(), False)),
        (3, lambda: ("change", some(), True)),
        (8, lambda: ("confirm", point(), some(), some())),
        (5, lambda: ("enter", dice.choice(WRITERS), some())),
        (4, lambda: ("inside", dice.choice(WRITERS), some())),
        (6, lambda: ("leave", dice.choice(WRITERS), some())),
        (4, lambda: ("write", dice.choice(KEYS), point())),
        (2, lambda: ("replace", dice.choice(KEYS), point(), point())),
        (1, lambda: ("delete", dice.choice(KEYS))),
        (3, lambda: ("pattern", dice.choice(("a*", "b*", "*")))),
        (3, lambda: ("patterns",)),
        (1, lambda: ("epoch",)),
        (4, lambda: ("renew", dice.choice(HOLDERS), dice.choice(("one", "two")))),
        (1, lambda: ("renew", "", "")),
        (2, lambda: ("strike", point(), dice.random() < 0.5)),
        (3, lambda: ("elect", dice.choice(("lease:a", "lease:b")))),
        (2, lambda: ("release", dice.choice(("lease:a", "lease:b")))),
        (5, lambda: ("lose", "stamp", dice.choice(NAMES))),
        (1, lambda: ("lose", "entry", dice.choice(KEYS))),
        (1, lambda: ("lose", "registry", "")),
        (1, lambda: ("lose", "marks", "")),
        (1, lambda: ("lose", "epoch", "")),
        (1, lambda: ("lose", "all", "")),
    ]
    weights = [weight for weight, _ in make]
    yield ("capture", ())
    for _ in range(steps):
        ((_, op),) = dice.choices(make, weights)
        yield op()


class Player:
    """Plays a programme on one store and tells what it answered, nonces renamed."""

    def __init__(self, rig: Rig, client: Client) -> None:
        self._rig = rig
        self._client = client
        self._tokens: list[Seen] = []
        self._changes: list[Changed] = []
        self._written: list[Stored] = []
        self._named: dict[tuple[str, str], int] = {}
        self._play: dict[str, Callable[..., Any]] = {
            "capture": self._capture,
            "read": lambda names: self._seen(client.read(*names, entries=self._entries())),
            "change": lambda names, is_soft: self._changed(client.change(*names, is_soft=is_soft)),
            "confirm": self._confirm,
            "enter": lambda writer, names: self._changed(client.enter(writer, *names)),
            "inside": lambda writer, names: client.inside(writer, *names),
            "leave": lambda writer, names: self._changed(client.leave(writer, *names)),
            "write": self._write,
            "replace": self._replace,
            "delete": lambda key: client.store.answer(DeleteShared((rig.named(key),))),
            "pattern": lambda pattern: self._changed(client.add_pattern(pattern)),
            "patterns": lambda: self._patterns(client.patterns()),
            "epoch": self._new_epoch,
            "renew": self._renew,
            "strike": self._strike,
            "elect": lambda lease: [left is None for left in client.elect(lease)],
            "release": lambda lease: client.release(lease),
            "lose": self._lose,
        }

    def play(self, op: Op) -> Any:
        return self._play[op[0]](*op[1:])

    def _entries(self) -> tuple[str, ...]:
        return tuple(map(self._rig.named, KEYS))

    def _name(self, kind: str, nonce: str) -> int:
        return self._named.setdefault((kind, nonce), len([k for k, _ in self._named if k == kind]))

    def _capture(self, names: tuple[str, ...]) -> Any:
        seen = self._client.capture(*names)
        self._tokens.append(seen)
        return self._seen(seen)

    def _confirm(self, at: int, late: tuple[str, ...], unchanged: tuple[str, ...]) -> Any:
        token = self._token(at)
        carried = tuple(
            (name, stamp.nonce, stamp.soft)
            for name in unchanged
            if (stamp := token.stamps.get(name)) is not None and name not in late
        )
        found = self._client.confirm(token, late, carried)
        return None if found is None else self._stamps(found)

    def _write(self, key: str, at: int) -> bool:
        self._written.append(self._stored(at))
        return self._client.write(self._rig.named(key), self._written[-1])

    def _replace(self, key: str, at: int, new: int) -> Any:
        if not self._written:
            return None
        old = self._written[at % len(self._written)]
        self._written.append(self._stored(new))
        step = ReplaceShared(self._rig.named(key), old, self._written[-1], NOW)
        return self._client.store.answer(step)

    def _stored(self, at: int) -> Stored:
        """An entry nobody wrote before, of an earlier token."""
        return entry(self._token(at), payload=b"%d" % len(self._written))

    def _token(self, at: int) -> Seen:
        return self._tokens[at % len(self._tokens)]

    def _renew(self, holder: str, incarnation: str) -> Any:
        renewed = self._client.renew(holder, incarnation, incarnation)
        return self._renewed(renewed)

    def _strike(self, at: int, is_whole: bool) -> None:
        if self._changes:
            changed = self._changes[at % len(self._changes)]
            self._client.strike(*changed.holders, registry=changed.registry, is_whole=is_whole)

    def _new_epoch(self) -> Any:
        self._part_in_time()
        return self._changed(self._client.new_epoch())

    def _part_in_time(self) -> None:
        """A trial from before an epoch is shorter, by the millisecond, than those in it."""
        self._rig.wait(0.003)

    def _lose(self, part: Any, name: str) -> Any:
        if part in ("all", "epoch"):
            self._part_in_time()
        assert self._rig.lose(part, self._rig.named(name) if part == "entry" else name)
        if part in ("all", "epoch"):
            return self._seen(self._client.capture())  # whoever comes first begins anew
        return None

    # What was answered, without what is random in it.

    def _seen(self, seen: Seen) -> Any:
        epoch = epoch_of(seen)
        entries = [stored and stored.payload for stored in seen.entries]
        where = (self._name("epoch", epoch.nonce), epoch.pattern_position, position_of(seen))
        return (*where, self._stamps(seen.stamps), entries, seen.foreign)

    def _stamps(self, stamps: dict[str, Stamp] | dict[str, Stamp | None]) -> Any:
        return {name: self._stamp(name, stamp) for name, stamp in stamps.items()}

    def _stamp(self, name: str, stamp: Stamp | None) -> Any:
        if stamp is None:
            return None
        nonce, soft = self._name(name, stamp.nonce), self._name("soft " + name, stamp.soft)
        marks = sorted(mark.partition("@")[0] for mark in stamp.writers.split(","))
        return nonce, soft, stamp.born, stamp.provisional_until > 0, marks

    def _changed(self, changed: Changed) -> Any:
        self._changes.append(changed)
        holders = sorted((h.name, h.incarnation, h.count) for h in changed.holders)
        # Where it is told (not by a leave that ended nothing) the registry has a name.
        has_registry = len(changed.registry) > 1
        return (
            self._name("epoch", changed.epoch),
            changed.position,
            holders,
            changed.is_complete,
            self._name("registry", changed.registry) if has_registry else "-",
            changed.is_lost,
        )

    def _renewed(self, renewed: Renewed) -> Any:
        return (
            self._name("epoch", renewed.epoch.nonce),
            renewed.epoch.pattern_position,
            renewed.position,
            renewed.told,
            renewed.continued,
            self._name("registry", renewed.registry),
            renewed.is_complete,
        )

    def _patterns(self, patterns: Patterns) -> Any:
        now = self._client.epoch()
        if now.pattern_position == 0:
            return "none"  # nobody asks for them then
        listed = [(item.position, item.glob.pattern) for item in patterns.items]
        return self._name("epoch", patterns.epoch), patterns.floor, patterns.newest, listed
