"""The models of the near tier and of the writers do what the real parts do.

A random walk through a model is made by a real `MemoryStore` (and `Mirror`), too, move for
move. After each they must agree: whether the lease lives, whether the process would serve its
copy by itself, whether the writer is acknowledged; what a stamp is, whose marks live in it,
whether the entry in the store would be served.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keepwarm.core.mirror import Mirror, Told
from keepwarm.core.stamps import Stamp
from keepwarm.core.steps import (
    Capture,
    Changed,
    ChangeStamps,
    Enter,
    Inside,
    Leave,
    NewEpoch,
    ReadShared,
    Renew,
    Strike,
)
from keepwarm.core.times import TIMES
from keepwarm.stores.memory import MemoryStore
from keepwarm.testing.model import NearTier, Writers
from keepwarm.testing.model import near as model
from keepwarm.testing.model import writers as w

OURS, OTHERS, ME = "slot:ours", "slot:others", "A"
LEASE_S, START_S = 1.0, 1_000.0

# What the store in memory cannot do by itself, or only when its trials are over.
ABSENT = (
    "the epoch is evicted, and a new one begins",
    "the store dies and restarts from an old snapshot",
    "the stamp is evicted",
)


class Real:
    """One process and its store, moved by the sentences of the model."""

    def __init__(self) -> None:
        self.now = START_S
        times = replace(TIMES, lease_s=LEASE_S)
        # Without trials: the model's stamp is settled, and so has to be this one.
        self.store = MemoryStore(clock=lambda: self.now, times=times, is_lossy=False)
        self.store.announce = self.announced
        self.mirror = Mirror(LEASE_S)
        self.inbox: list[Callable[[], None]] = []
        self.told: list[Callable[[], None]] = []
        self.is_connected = True
        self.sent: Renew | None = None
        self.learning: Callable[[], None] | None = None
        self.copy: tuple[str, str] | None = None
        self.entry: tuple[str, str] | None = None
        self.token: tuple[str, str] | None = None
        self.changed: Changed | None = None
        self.is_settling = False
        self.until = 0.0
        self.confirmed: set[tuple[str, tuple[str, str]]] = set()
        self.confirming: tuple[str, tuple[str, str]] | None = None
        self.striking: Strike | None = None
        self.incarnations = 0
        self.store.answer(ChangeStamps((OURS, OTHERS)))
        self.inbox.clear()
        self.vouch()

    def vouch(self) -> None:
        registry = self.store.answer(Renew()).registry
        self.store.answer(Strike((), registry, is_whole=True))

    def announced(self, told: Told) -> None:
        if not self.is_connected:
            return

        def hear() -> None:
            self.mirror.told(told)
            if self.mirror.incarnation:
                self.confirming = (told.id, (ME, self.mirror.incarnation))

        self.inbox.append(hear)
        self.told.append(hear)

    # What the model's sentences mean here.

    def sends(self) -> None:
        self.incarnations += 1
        self.sent = self.mirror.renewing(ME, f"i{self.incarnations}", self.now)

    def grants(self) -> None:
        step = self.sent
        assert step is not None
        reply = self.store.answer(step)
        self.inbox.append(lambda: self.mirror.renewed(step, reply, self.now))

    def deliver(self) -> None:
        self.inbox.pop(0)()

    def read(self) -> None:
        ticket = self.mirror.ticket()
        seen = self.store.answer(ReadShared((), (OURS,)))
        stamp = seen.stamps[OURS]
        assert stamp is not None
        assert seen.epoch is not None
        token = (seen.epoch.nonce, stamp.nonce)
        found = self.entry if self.entry == token else None
        if found is None:
            self.token = token

        def answered() -> None:
            self.learning = lambda: self.mirror.learn(ticket, seen)
            if found is not None:
                self.copy = found

        self.inbox.append(answered)

    def learn(self) -> None:
        if self.learning is not None:
            self.learning()
        self.learning = None

    def ask(self) -> None:
        """The origin's answer is the model's business."""

    def store_it(self) -> None:
        self.entry = self.copy = self.token

    def change(self) -> None:
        self.changed = self.store.answer(ChangeStamps((OURS,)))

    def change_other(self) -> None:
        self.store.answer(ChangeStamps((OTHERS,)))

    def reply(self) -> None:
        self.is_settling, self.until = True, self.now + LEASE_S

    def hears_confirmation(self) -> None:
        assert self.confirming is not None
        self.confirmed.add(self.confirming)

    def acknowledge(self) -> None:
        changed = self.changed
        assert changed is not None
        silent = tuple(
            h for h in changed.holders
            if (changed.id, (h.name, h.incarnation)) not in self.confirmed
        )  # fmt: skip
        self.is_settling = False
        self.striking = Strike(silent, changed.registry, is_whole=not changed.is_complete)

    def strike(self) -> None:
        assert self.striking is not None
        self.store.answer(self.striking)

    def lose(self) -> None:
        lost = next(told for told in self.told if told in self.inbox)
        self.inbox.remove(lost)

    def lose_confirmation(self) -> None:
        self.confirming = None

    def cut(self) -> None:
        self.is_connected = False

    def notice(self) -> None:
        self.mirror.forget()
        self.inbox.clear()

    def connect(self) -> None:
        self.is_connected = True

    def evict_registry(self) -> None:
        self.store.evict_holders()

    def tick(self) -> None:
        self.now += LEASE_S / model.DELTA

    # What is compared.

    @property
    def serves(self) -> bool:
        seen = self.mirror.seen((OURS,), self.now)
        if seen is None or self.copy is None or seen.epoch is None:
            return False
        stamp = seen.stamps[OURS]
        return stamp is not None and (seen.epoch.nonce, stamp.nonce) == self.copy

    @property
    def is_acknowledged(self) -> bool:
        changed = self.changed
        assert changed is not None
        named = {(changed.id, (h.name, h.incarnation)) for h in changed.holders}
        return self.now >= self.until or (changed.is_complete and named <= self.confirmed)


DOES: dict[str, Callable[[Real], None]] = {
    "every process holds a copy": lambda real: None,
    "A sends a renewal": Real.sends,
    "the store grants A's renewal": Real.grants,
    "A's renewal is answered": Real.deliver,
    "A hears of change": Real.deliver,
    "A's read is answered": Real.deliver,
    "A mirrors what it has read": Real.learn,
    "A reads the store": Real.read,
    "A asks the origin": Real.ask,
    "A stores what it was told": Real.store_it,
    "A notices that its connection is lost": Real.notice,
    "A connects again": Real.connect,
    "the writer commits": Real.ask,
    "the store carries out the writer's change": Real.change,
    "the writer has the reply to his change": Real.reply,
    "the writer hears A's confirmation": Real.hears_confirmation,
    "the writer is acknowledged": Real.acknowledge,
    "the store strikes who was silent": Real.strike,
    "a process vouches for the registry": Real.vouch,
    "the writer's process changes another tag": Real.change_other,
    "what announced change": Real.lose,
    "A's confirmation is lost": Real.lose_confirmation,
    "A's connection is cut": Real.cut,
    "the registry is evicted": Real.evict_registry,
    "half a lease passes": Real.tick,
}


def does(told: str) -> Callable[[Real], None]:
    (found,) = {name for name in DOES if told.startswith(name)}
    return DOES[found]


@pytest.mark.parametrize("seed", range(4))
def test_a_walk_through_the_model_is_a_walk_of_the_real_parts(seed: int) -> None:
    dice = random.Random(seed)
    met: Counter[str] = Counter()
    for _ in range(150):
        walk(dice, met)

    assert met["serves"] > 100
    assert met["acknowledged early"] > 10
    assert met["the registry is evicted"] > 10
    assert met["A mirrors what it has read"] > 10


def walk(dice: random.Random, met: Counter[str], length: int = 60) -> None:
    near = NearTier(1, writes=3, others=2, faults=3)
    (x,) = near.at
    (_, state) = near.start()[1]
    real = Real()
    for move in (Real.sends, Real.grants, Real.deliver, Real.read, Real.deliver, Real.learn):
        move(real)
    real.store_it()
    told = ["every process holds a copy"]
    for _ in range(length):
        moves = [move for move in near.moves(state) if move[0] not in ABSENT]
        # Ticks are always possible, and would be most of a walk.
        weights = [1 if move[0] == "half a lease passes" else 4 for move in moves]
        ((sentence, state),) = dice.choices(moves, weights)
        told.append(sentence)
        does(sentence)(real)
        if not state[x + model.LEARNING]:
            real.learn()  # what the model has distrusted the mirror must refuse
        met[sentence] += 1
        check(near, x, state, real, told, met)


def check(near: NearTier, x: int, s: Any, real: Real, told: list[str], met: Counter[str]) -> None:
    story = "\n".join(f"{n:3}. {line}" for n, line in enumerate(told, 1))
    serves = bool(s[x + model.LEASE] and s[x + model.MIRROR] and s[x + model.COPY]) and (
        s[x + model.COPY] == s[x + model.MIRROR]
    )
    assert bool(s[x + model.LEASE]) == real.mirror.is_live(real.now), f"the lease:\n{story}"
    assert serves == real.serves, f"serving by itself ({serves} in the model):\n{story}"
    if s[model.PHASE] == model.SETTLING:
        assert near.settles(s) == real.is_acknowledged, f"the acknowledgement:\n{story}"
        met["acknowledged early"] += near.settles(s) and s[model.WAIT] > 0
    met["serves"] += serves


class Written:
    """One stamp and its writers, moved by the sentences of the writers' model."""

    def __init__(self) -> None:
        self.now = START_S
        self.store = MemoryStore(clock=lambda: self.now)
        self.tokens: dict[int, tuple[str, str]] = {}
        self.entry: tuple[str, str] | None = None
        self.store.answer(Capture((OTHERS,)))
        self.now += TIMES.writer_s  # as in the model it has been there for longer than D

    def does(self, told: str) -> None:
        what, who = told, told.removeprefix("writer ").removeprefix("fill ")[:1]
        writer = f"w{who}"
        if what.startswith("writer"):
            what = what[len("writer 1 ") :]
        elif what.startswith("fill"):
            what = "fill " + what[len("fill 1 ") :]
        answer = self.store.answer
        match what:
            case "enters, and near tiers have obeyed":
                answer(Enter(writer, (OURS,)))
            case "checks his mark" | "prolongs his mark":
                assert answer(Inside(writer, (OURS,))), told
            case "finds his mark gone and writes nothing":
                assert not answer(Inside(writer, (OURS,))), told
            case "leaves and is acknowledged":
                answer(Leave(writer, (OURS,)))
            case "fill captures" | "fill finds a writer inside":
                seen = answer(Capture((OURS,)))
                stamp = seen.stamps[OURS]
                assert stamp is not None
                assert seen.epoch is not None
                assert stamp.is_dirty == (what != "fill captures"), told
                self.tokens[int(who)] = (seen.epoch.nonce, stamp.nonce)
            case "fill takes the stamp that is there":
                seen = answer(ReadShared((), (OURS,)))
                stamp = seen.stamps[OURS]
                assert stamp is not None, told
                assert not stamp.is_dirty
                assert seen.epoch is not None
                self.tokens[int(who)] = (seen.epoch.nonce, stamp.nonce)
            case "fill stores what it was told":
                self.entry = self.tokens[int(who)]
            case "somebody else invalidates the tag":
                answer(ChangeStamps((OURS,)))
            case "the stamp is evicted":
                self.store.evict(OURS)
            case "the notes of marks are evicted":
                self.store.evict_notes()
            case "a new epoch begins":
                answer(NewEpoch())
            case "the new epoch has come to where the stamp was born":
                while self.store._position < self.store._stamps[OURS].born:
                    answer(ChangeStamps((OTHERS,)))
            case "the store dies and restarts from an old snapshot":
                self.store._stamps[OURS] = Stamp("of old", "of old", 1)
                self.store._noted.clear()
                self.store.evict_epoch()
            case "the store dies and restarts with nothing":
                self.store.flush()
            case "half of D passes":
                self.now += TIMES.writer_s / w.D
            case _:
                assert what in (
                    "commits",
                    "commits without having checked",
                    "is killed",
                    "fill asks the origin",
                    "a near tier reads and mirrors the stamp",
                ), what

    def told(self) -> tuple[Any, ...]:
        """What the store has: trial, marks, whether it would be replaced, what is served."""
        stamp = self.store._stamps.get(OURS)
        if stamp is None:
            return ("missing",)
        now_ms = int(self.now * 1000)
        trial = "none"
        if stamp.provisional_until:
            trial = "over" if stamp.provisional_until <= now_ms else "on"
        left = [0, 0]
        for mark in stamp.writers.split(",") if stamp.is_dirty else ():
            writer, _, until = mark.partition("@")
            left[int(writer[1]) - 1] = max(1, 1 + round((int(until) - now_ms) / HALF_D_MS))
        seen = self.store.answer(ReadShared((), (OURS,)))
        found = seen.stamps[OURS]
        assert seen.epoch is not None
        is_served = (
            found is not None
            and not found.is_dirty
            and (seen.epoch.nonce, found.nonce) == self.entry
        )
        return ("there", trial, *left, self.store._is_due(stamp), is_served)


HALF_D_MS = TIMES.writer_s * 1000 / w.D


def told_by(writers: Writers, s: Any) -> tuple[Any, ...]:
    if not s[w.STAMP]:
        return ("missing",)
    trial = {0: "none", w.OVER: "over"}.get(s[w.TRIAL], "on")
    marks = (s[w.MARK], s[w.MARK + 1])
    is_served = s[w.ENTRY] > 0 and not any(marks) and trial != "over"
    return ("there", trial, *marks, writers.is_due(s), is_served)


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_through_the_writers_model_is_a_walk_of_the_real_store(seed: int) -> None:
    dice = random.Random(seed)
    met: Counter[str] = Counter()
    writers = Writers(faults=3, changes=2)
    for _ in range(150):
        real, told = Written(), ["nothing is stored"]
        (_, state), _ = writers.start()
        for _ in range(50):
            moves = list(writers.moves(state))
            weights = [1 if "is killed" in move[0] else 4 for move in moves]
            ((sentence, state),) = dice.choices(moves, weights)
            told.append(sentence)
            real.does(sentence)
            expected = told_by(writers, state)
            story = "\n".join(f"{n:3}. {line}" for n, line in enumerate(told, 1))
            assert real.told() == expected, story
            met["served"] += expected[-1] is True
            met[f"trial {expected[1:2]}"] += 1

    assert met["served"] > 100
    assert min(met.values()) > 50, met
