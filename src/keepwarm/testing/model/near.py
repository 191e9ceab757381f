"""The strict near tier of one or two processes, and one who changes what they hold.

Each rule is a method, so that a mutant can replace one; what stands for what:

- `told`, `renewed`, `renewing`, `learn`, `forget`: `core.mirror.Mirror`, under the same names;
  `untrust` is its tickets and its floor
- `renew`, `change`, `strike`: the scripts RENEW, CHANGE, STRIKE
- `lose_epoch`, `restart`: `now` of all scripts, and RENEW on another server
- `settles`, `confirms`: `Link.settle`, `Link._confirm`
- an inbox: the connection, with replies and announcements in the server's order
- learning is a move of its own: harsher than `Wire`, which teaches as a reply arrives
- a token: epoch and nonce; both must be equal, and neither ever comes again
- a tick: half of a lease; an acknowledgement waits as long as a lease, from its reply

A process is paused where it does not move while others do; its clock goes on. A connection
that is *cut* is dead, and its process does not know it yet. Promised: what a process serves
by itself, or from the store, is no older than what is acknowledged (G1, G3).
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from keepwarm.testing.model.search import Reads

State: TypeAlias = tuple[Any, ...]
Draft: TypeAlias = list[Any]

(
    # The store.
    EPOCH,
    STAMP,  # the token of now, 0 missing
    TRIAL,  # 1 while it may stand where a mark was
    TOLD,  # how many changes this epoch has announced
    ENTRY, ENTRY_VERSION,  # its token, and what the origin had said
    REGISTRY, IS_COMPLETE, REGISTRY_AGE,
    # The writer.
    PHASE,  # IDLE, COMMITTED, CHANGED (the reply is under way), SETTLING
    CHANGE,  # number of his change
    WAIT,  # ticks until any lease is over
    WAS_COMPLETE, OF_REGISTRY,
    STRIKE,  # () or (registry, incarnation of A, of B, whether it is whole): under way
    VERSION, ACKED,
    # Counters that bound the model.
    WRITES, OTHERS, FAULTS,
) = range(20)  # fmt: skip
_HOLDER = 20
(
    # A process with a near tier; add `_HOLDER + i * _WIDTH`.
    LINK,  # DOWN, CUT, UP
    LEASE,  # ticks left
    RENEWAL, AGE,  # NONE, SENT, REPLIED; ticks since it was sent
    INCARNATION, OWNER, NUMBER,
    MIRROR,  # the token that it mirrors, 0 none
    LEARNING,  # a token of a reply that is about to be mirrored
    COPY, COPY_VERSION,  # its near copy
    TOKEN, READ,  # of its fill: 0 none; version + 1 that the origin said, 0 not yet
    INBOX,
    # What the store and the writer know of it.
    REGISTERED,  # its incarnation in the registry
    HAS_RENEWED,  # since the last change
    MISSING,  # the incarnation that the change named
    HEARD,  # the incarnation in whose name a confirmation arrived
    CONFIRMATION,  # () or (change, incarnation): under way to the writer
) = range(19)  # fmt: skip
_WIDTH = 19

DELTA = 2
IDLE, COMMITTED, CHANGED, SETTLING = range(4)
DOWN, CUT, UP = range(3)
NONE, SENT, REPLIED = range(3)
OTHER = 99
"""The change of another tag, which the writer's process makes beside."""
_TELLS, _RENEWED, _SEEN = range(3)
_NAMES = ("A", "B")


class NearTier:
    """The model with one or two `holders`; `writes` of ours, `others` of another tag.

    What is made from nothing is on `trial`, or settled, as where no mark can have been lost.
    """

    def __init__(
        self,
        holders: int = 2,
        *,
        writes: int = 2,
        others: int = 1,
        faults: int = 2,
        trial: bool = False,
    ) -> None:
        self.name = f"near tier, {holders} process{'es' * (holders > 1)}, {writes} × written"
        self.name += ", trials" * trial
        self._trial = int(trial)
        self.at = tuple(_HOLDER + i * _WIDTH for i in range(holders))
        self._bounds = (writes, others, faults)

    def start(self) -> Sequence[tuple[str, State]]:
        """All cold, and all warm: each process with a lease that was just granted."""
        cold: Draft = [0] * (_HOLDER + len(self.at) * _WIDTH)
        cold[EPOCH], cold[STAMP], cold[REGISTRY], cold[IS_COMPLETE] = 1, 1, 1, 1
        cold[STRIKE] = ()
        cold[WRITES], cold[OTHERS], cold[FAULTS] = self._bounds
        for x in self.at:
            cold[x + LINK], cold[x + INBOX], cold[x + CONFIRMATION] = UP, (), ()
        warm = cold.copy()
        warm[ENTRY] = 1
        for x in self.at:
            warm[x + INCARNATION] = warm[x + REGISTERED] = warm[x + OWNER] = 1
            warm[x + LEASE], warm[x + MIRROR], warm[x + COPY] = DELTA, 1, 1
        return (("all is cold", self._made(cold)), ("every process holds a copy", self._made(warm)))

    def _made(self, n: Draft) -> State:
        """The state, without what can make no difference any more."""
        stamp = n[STAMP]
        if n[ENTRY] != stamp:
            n[ENTRY] = n[ENTRY_VERSION] = 0
        for x in self.at:
            for at in (COPY, TOKEN):
                token = n[x + at]
                if token and token != stamp and token not in self._tokens(n, x):
                    n[x + at] = n[x + at + 1] = 0
            if n[PHASE] < CHANGED:
                n[x + HAS_RENEWED] = 0
        return tuple(n)

    def _tokens(self, n: Draft, x: int) -> tuple[int, ...]:
        """Those that this process mirrors, or may yet."""
        seen = tuple(m[2] for m in n[x + INBOX] if m[0] == _SEEN)
        return (n[x + MIRROR], n[x + LEARNING], *seen)

    # What can happen.

    def moves(self, s: State) -> Iterator[tuple[str, State]]:
        for x, who in zip(self.at, _NAMES, strict=False):
            yield from self._holding(s, x, who)
            if s[x + CONFIRMATION]:
                n = list(s)
                self.confirms(n, x, s[x + CONFIRMATION])
                n[x + CONFIRMATION] = ()
                yield f"the writer hears {who}'s confirmation", self._made(n)
        yield from self._writing(s)
        yield from self._elsewhere(s)
        if s[FAULTS]:
            yield from self._faulty(s)
        yield "half a lease passes", self._tick(s)

    def _holding(self, s: State, x: int, who: str) -> Iterator[tuple[str, State]]:
        link, inbox = s[x + LINK], s[x + INBOX]
        if inbox:
            n = list(s)
            n[x + INBOX] = inbox[1:]
            yield self._deliver(n, x, who, inbox[0]), self._made(n)
        if s[x + LEARNING]:
            n = list(s)
            self.learn(n, x)
            yield f"{who} mirrors what it has read", self._made(n)
        if link == UP:
            if s[x + RENEWAL] == NONE and s[x + LEASE] < DELTA:
                n = list(s)
                self.renewing(n, x)
                yield f"{who} sends a renewal", self._made(n)
            elif s[x + RENEWAL] == SENT:
                n = list(s)
                self.renew(n, x)
                yield f"the store grants {who}'s renewal", self._made(n)
            if self._has_to_read(s, x):
                n = list(s)
                yield self._read(n, x, who), self._made(n)
        elif link == CUT:
            n = list(s)
            self.forget(n, x)
            n[x + LINK], n[x + INBOX] = DOWN, ()
            yield f"{who} notices that its connection is lost", self._made(n)
        else:
            n = list(s)
            n[x + LINK] = UP
            yield f"{who} connects again", self._made(n)
        if s[x + TOKEN]:
            n = list(s)
            if not s[x + READ]:
                n[x + READ] = s[VERSION] + 1
                yield f"{who} asks the origin", self._made(n)
            else:
                n[ENTRY] = n[x + COPY] = s[x + TOKEN]
                n[ENTRY_VERSION] = n[x + COPY_VERSION] = s[x + READ] - 1
                n[x + TOKEN] = n[x + READ] = 0
                yield f"{who} stores what it was told", self._made(n)

    def _has_to_read(self, s: State, x: int) -> bool:
        """Whether a read could teach it anything; one at a time."""
        if s[x + TOKEN] or s[x + LEARNING] or any(m[0] == _SEEN for m in s[x + INBOX]):
            return False
        return not s[STAMP] == s[ENTRY] == s[x + MIRROR] == s[x + COPY] != 0

    def _read(self, n: Draft, x: int, who: str) -> str:
        """The store's turn of a read: the reply may teach the mirror, and a miss captures."""
        has_entry = n[ENTRY] and n[ENTRY] == n[STAMP]
        if not has_entry:
            if not n[STAMP]:
                self._fresh_stamp(n, trial=self._trial)
            n[x + TOKEN] = n[STAMP]
        found = (n[ENTRY], n[ENTRY_VERSION]) if has_entry else (0, 0)
        can_teach = 0 if n[TRIAL] else 1
        n[x + INBOX] += ((_SEEN, n[EPOCH], n[STAMP], can_teach, *found),)
        return f"{who} reads the store" + (", misses and captures" if not has_entry else "")

    def _deliver(self, n: Draft, x: int, who: str, message: tuple[int, ...]) -> str:
        kind = message[0]
        if kind == _TELLS:
            _, epoch, number, change = message
            self.told(n, x, epoch, number, is_ours=change != OTHER)
            if n[x + INCARNATION]:
                n[x + CONFIRMATION] = (change, n[x + INCARNATION])
            return f"{who} hears of change {number}"
        if kind == _RENEWED:
            _, epoch, told, continued, incarnation = message
            self.renewed(n, x, epoch, told, bool(continued), incarnation)
            n[x + RENEWAL] = NONE
            return f"{who}'s renewal is answered"
        _, epoch, token, can_teach, entry, version = message
        if can_teach and n[x + INCARNATION] and epoch == n[x + OWNER]:
            n[x + LEARNING] = token
        if entry:
            n[x + COPY], n[x + COPY_VERSION] = entry, version
        return f"{who}'s read is answered"

    def _writing(self, s: State) -> Iterator[tuple[str, State]]:
        phase = s[PHASE]
        n = list(s)
        if phase == IDLE and s[WRITES]:
            n[PHASE], n[WRITES] = COMMITTED, s[WRITES] - 1
            n[VERSION] += 1
            yield "the writer commits", self._made(n)
        elif phase == COMMITTED:
            self.change(n)
            n[PHASE] = CHANGED
            yield "the store carries out the writer's change", self._made(n)
        elif phase == CHANGED:
            n[PHASE], n[WAIT] = SETTLING, DELTA
            yield "the writer has the reply to his change", self._made(n)
        elif phase == SETTLING and self.settles(s):
            self._acknowledge(n)
            yield "the writer is acknowledged", self._made(n)

    def _acknowledge(self, n: Draft) -> None:
        silent = [0, 0]
        for i, x in enumerate(self.at):
            if n[x + MISSING] != n[x + HEARD] and not n[x + HAS_RENEWED]:
                silent[i] = n[x + MISSING]
            n[x + MISSING] = n[x + HEARD] = 0
        if any(silent) or not n[WAS_COMPLETE]:
            n[STRIKE] = (n[OF_REGISTRY], *silent, not n[WAS_COMPLETE])
        n[ACKED], n[PHASE], n[WAIT] = n[VERSION], IDLE, 0
        n[WAS_COMPLETE] = n[OF_REGISTRY] = 0

    def _elsewhere(self, s: State) -> Iterator[tuple[str, State]]:
        if s[STRIKE]:
            n = list(s)
            self.strike(n)
            n[STRIKE] = ()
            yield "the store strikes who was silent", self._made(n)
        if not s[IS_COMPLETE] and s[REGISTRY_AGE] >= DELTA:
            n = list(s)
            n[IS_COMPLETE] = 1
            yield "a process vouches for the registry, a lease after it saw it", self._made(n)
        if s[OTHERS]:
            n = list(s)
            n[OTHERS] -= 1
            self._announce(n, OTHER)
            yield "the writer's process changes another tag, too", self._made(n)
        if s[TRIAL]:
            n = list(s)
            self._fresh_stamp(n, trial=0)
            yield "the trial of the stamp is over: it is replaced", self._made(n)

    def _faulty(self, s: State) -> Iterator[tuple[str, State]]:
        def fewer() -> Draft:
            n = list(s)
            n[FAULTS] -= 1
            return n

        for x, who in zip(self.at, _NAMES, strict=False):
            inbox = s[x + INBOX]
            for i, message in enumerate(inbox):
                if message[0] == _TELLS:
                    n = fewer()
                    n[x + INBOX] = inbox[:i] + inbox[i + 1 :]
                    yield f"what announced change {message[2]} to {who} is lost", self._made(n)
                    break
            if s[x + CONFIRMATION]:
                n = fewer()
                n[x + CONFIRMATION] = ()
                yield f"{who}'s confirmation is lost", self._made(n)
            if s[x + LINK] == UP:
                n = fewer()
                n[x + LINK] = CUT
                yield f"{who}'s connection is cut", self._made(n)
        n = fewer()
        self._new_registry(n)
        yield "the registry is evicted", self._made(n)
        if s[STAMP]:
            n = fewer()
            n[STAMP] = n[TRIAL] = 0
            yield "the stamp is evicted", self._made(n)
        n = fewer()
        self.lose_epoch(n)
        yield "the epoch is evicted, and a new one begins", self._made(n)
        n = fewer()
        self.restart(n)
        for x in self.at:
            n[x + LINK] = CUT if n[x + LINK] == UP else n[x + LINK]
        yield "the store dies and restarts from an old snapshot", self._made(n)

    def _tick(self, s: State) -> State:
        n = list(s)
        if n[WAIT]:
            n[WAIT] -= 1
        if not n[IS_COMPLETE] and n[REGISTRY_AGE] < DELTA:
            n[REGISTRY_AGE] += 1
        for x in self.at:
            if n[x + LEASE]:
                n[x + LEASE] -= 1
            if n[x + RENEWAL] and n[x + AGE] < DELTA:
                n[x + AGE] += 1
        return self._made(n)

    # The rules of the store.

    def renew(self, n: Draft, x: int) -> None:
        continued = n[x + INCARNATION] and n[x + REGISTERED] == n[x + INCARNATION]
        if not continued:
            reply = tuple(m[4] for m in n[x + INBOX] if m[0] == _RENEWED)
            used = (n[x + INCARNATION], n[x + MISSING], n[x + HEARD], *reply)
            struck = n[STRIKE][1 : 1 + len(self.at)] if n[STRIKE] else ()
            n[x + REGISTERED] = _unused(*used, *n[x + CONFIRMATION][1:], *struck)
        n[x + HAS_RENEWED] = 1
        if n[STRIKE]:  # it names him with a count that is no more
            at = 1 + self.at.index(x)
            n[STRIKE] = (*n[STRIKE][:at], 0, *n[STRIKE][at + 1 :])
        n[x + RENEWAL] = REPLIED
        reply = (_RENEWED, n[EPOCH], n[TOLD], int(bool(continued)), n[x + REGISTERED])
        n[x + INBOX] += (reply,)

    def change(self, n: Draft) -> None:
        n[CHANGE] += 1
        self._fresh_stamp(n, trial=n[TRIAL] if n[STAMP] else self._trial)
        self._announce(n, n[CHANGE])
        n[WAS_COMPLETE], n[OF_REGISTRY] = n[IS_COMPLETE], n[REGISTRY]
        for x in self.at:
            n[x + MISSING], n[x + HEARD], n[x + HAS_RENEWED] = n[x + REGISTERED], 0, 0

    def _announce(self, n: Draft, change: int) -> None:
        n[TOLD] += 1
        for x in self.at:
            if n[x + LINK] == UP:
                n[x + INBOX] += ((_TELLS, n[EPOCH], n[TOLD], change),)

    def strike(self, n: Draft) -> None:
        registry, one, two, is_whole = n[STRIKE]
        if registry != n[REGISTRY]:
            return
        if is_whole:
            n[IS_COMPLETE] = 1
        for x, silent in zip(self.at, (one, two), strict=False):
            if silent and n[x + REGISTERED] == silent:
                n[x + REGISTERED] = 0

    def _fresh_stamp(self, n: Draft, trial: int) -> None:
        used = [n[STAMP]]
        for x in self.at:
            used += (*self._tokens(n, x), n[x + COPY], n[x + TOKEN])
        n[STAMP], n[TRIAL] = _unused(*used), trial

    def _new_registry(self, n: Draft) -> None:
        n[REGISTRY] = _unused(n[REGISTRY], n[OF_REGISTRY], *n[STRIKE][:1])
        n[IS_COMPLETE] = n[REGISTRY_AGE] = 0
        for x in self.at:
            n[x + REGISTERED] = 0

    def _new_epoch(self, n: Draft) -> None:
        used = [n[EPOCH]]
        for x in self.at:
            used += (n[x + OWNER], *(m[1] for m in n[x + INBOX]))
        n[EPOCH], n[TOLD] = _unused(*used), 0
        if n[STAMP]:
            self._fresh_stamp(n, trial=n[TRIAL])  # its nonce in another epoch: another token

    def lose_epoch(self, n: Draft) -> None:
        self._new_epoch(n)
        self._new_registry(n)

    def restart(self, n: Draft) -> None:
        """The first who connects begins a new epoch: whatever the snapshot held is dead."""
        self.lose_epoch(n)

    # The rules of the mirror.

    def told(self, n: Draft, x: int, epoch: int, number: int, *, is_ours: bool) -> None:
        if epoch != n[x + OWNER]:
            self._drop(n, x)
            return
        if is_ours:
            self._drop(n, x)
        if number != n[x + NUMBER] + 1:
            self._drop(n, x)
        n[x + NUMBER] = max(number, n[x + NUMBER])

    def learn(self, n: Draft, x: int) -> None:
        n[x + MIRROR], n[x + LEARNING] = n[x + LEARNING], 0

    def renewing(self, n: Draft, x: int) -> None:
        if not n[x + LEASE]:
            self.lapse(n, x)
        n[x + RENEWAL], n[x + AGE] = SENT, 0

    def renewed(
        self, n: Draft, x: int, epoch: int, told: int, continued: bool, incarnation: int
    ) -> None:
        if not continued or epoch != n[x + OWNER] or not n[x + LEASE]:
            self.lapse(n, x)
            n[x + OWNER], n[x + INCARNATION] = epoch, incarnation
        elif n[x + NUMBER] != told:
            self._drop(n, x)
        n[x + NUMBER] = told
        n[x + LEASE] = self.lease(n, x)

    def lease(self, n: Draft, x: int) -> int:
        """Ticks that are left of a lease, counted from when its renewal was sent."""
        return DELTA - int(n[x + AGE])

    def lapse(self, n: Draft, x: int) -> None:
        n[x + LEASE] = 0
        self._drop(n, x)

    def forget(self, n: Draft, x: int) -> None:
        n[x + RENEWAL] = n[x + AGE] = n[x + OWNER] = n[x + NUMBER] = n[x + INCARNATION] = 0
        self.lapse(n, x)

    def _drop(self, n: Draft, x: int) -> None:
        n[x + MIRROR] = 0
        self.untrust(n, x)

    def untrust(self, n: Draft, x: int) -> None:
        """What was asked before this moment teaches nothing."""
        n[x + LEARNING] = 0
        if n[x + INBOX]:
            n[x + INBOX] = tuple((*m[:3], 0, *m[4:]) if m[0] == _SEEN else m for m in n[x + INBOX])

    # The rules of acknowledging.

    def confirms(self, n: Draft, x: int, confirmation: tuple[int, int]) -> None:
        change, incarnation = confirmation
        if change == n[CHANGE] and n[PHASE] in (CHANGED, SETTLING):
            n[x + HEARD] = incarnation

    def settles(self, s: State) -> bool:
        if not s[WAIT]:
            return True
        return bool(s[WAS_COMPLETE]) and all(s[x + MISSING] in (0, s[x + HEARD]) for x in self.at)

    # What is promised.

    def reads(self, s: State) -> Reads:
        acked = s[ACKED]
        count = 0
        broken = ""
        for x, who in zip(self.at, _NAMES, strict=False):
            if s[x + LEASE] and s[x + MIRROR] and s[x + COPY] == s[x + MIRROR]:
                count += 1
                if s[x + COPY_VERSION] < acked:
                    broken = (
                        f"{who} serves version {s[x + COPY_VERSION]} by itself "
                        f"though version {acked} is acknowledged"
                    )
        if s[STAMP] and s[ENTRY] == s[STAMP]:
            count += 1
            if s[ENTRY_VERSION] < acked:
                broken = (
                    f"the store serves version {s[ENTRY_VERSION]} "
                    f"though version {acked} is acknowledged"
                )
        return Reads(count, count if s[PHASE] else 0, broken)


def _unused(*used: int) -> int:
    """A name that is none of these: all that is asked of names is whether they are equal."""
    name = 1
    while name in used:
        name += 1
    return name
