"""Two announced writers, two fills, one stamp: marks, trials, evictions, new epochs, kill -9.

Each rule is a method, so that a mutant can replace one; what stands for what:

- `enter`, `inside`, `leave`: the scripts ENTER, INSIDE, LEAVE; `MemoryStore._enter` …
- `change`: CHANGE, somebody else's invalidation, which keeps the marks
- `capture`: CAPTURE, which creates what is missing and replaces what is due or of an earlier epoch
- `trial`, `note`: `trial` and `notes` of all scripts; `MemoryStore._trial`, `MemoryStore._notes`
- `is_due`, `is_settled`: `Stamp.is_due` and `MemoryStore._is_due`, `Stamp.is_settled`
- `is_taken`: `core.mirror.told_apart`
- a fill: `core.fill`, which captures or takes what a read has shown, asks the origin, stores;
  any time between them
- `MIRROR`, `NEAR`: one near tier. What is announced reaches it in the same move, since `enter`
  and `invalidate` wait for that: the model `near` is about it
- `tick`: half of D; what is set for D lasts two

Nonces never repeat, so all that can be said of one is whether it is the present one: a token
is *live* or dead for good. (That they must not repeat is what `tests/worlds` shows.)

Assumed, as `docs/coherence.md` says: who has set or checked his marks commits within D, or is
dead. (Who did not check did not learn that a mark was gone; he is promised no less.)
Promised: nothing that is served is older than what is *committed*, even by a writer who was
killed (G4); only if his mark was evicted after he had checked it, it may be for D after his
commit; never older than what is acknowledged (G1).
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from keepwarm.testing.model.search import Reads

State: TypeAlias = tuple[int, ...]
Draft: TypeAlias = list[int]
"""A state that is being changed."""

(
    STAMP,  # 0 missing, 1 there
    TRIAL,  # ticks left of its trial, 0 settled, OVER
    MARK, _MARK_2,  # of each writer: 0 none, 1 lapsed, else ticks left + 1
    EARLIER,  # 1 if it was born in an earlier epoch, at a position not reached yet
    NOTES,  # the notes of marks: 0 not there, else what is left of D since they began + 1
    NOTED,  # what is left of the latest mark that they know for the stamp
    AFRESH,  # what is left of D since the epoch began
    ENTRY,  # version + 1 of the live entry in the store, 0 none
    MIRROR,  # 0 nothing, LIVE the present nonce, OLD one that ended unannounced
    NEAR,  # version + 1 of what the near tier serves by itself, 0 nothing
    WRITER, _WRITER_2,  # OUT … DEAD
    WITHIN, _WITHIN_2,  # what is left of D since the marks were checked
    WROTE, _WROTE_2,  # the version that each has committed
    FILL, _FILL_2,  # IDLE, CAPTURED, ASKED
    TOKEN, _TOKEN_2,  # LIVE, or OLD: as the near tier's mirror
    READ, _READ_2,  # the version that the origin said
    COMMITTED,
    ACKED,
    EXCUSED,  # what is left of D since somebody committed whose mark had been evicted
    FAULTS,  # how many evictions, new epochs and restarts may still come
    CHANGES,  # how many invalidations by others
) = range(28)  # fmt: skip

D = 2
OVER = 9
OUT, INSIDE, CHECKED, COMMITS, GONE = range(5)
IDLE, CAPTURED, ASKED = range(3)
LIVE, OLD = 1, 2

_TOLD = {
    what: (f"writer 1 {what}", f"writer 2 {what}")
    for what in (
        "enters, and near tiers have obeyed",
        "checks his mark",
        "finds his mark gone and writes nothing",
        "commits",
        "commits without having checked",
        "leaves and is acknowledged",
        "prolongs his mark",
        "is killed",
    )
} | {
    what: (f"fill 1 {what}", f"fill 2 {what}")
    for what in (
        "captures",
        "takes the stamp that is there",
        "finds a writer inside",
        "asks the origin",
        "stores what it was told",
    )
}


class Writers:
    """The model. `faults` evictions and restarts, `changes` invalidations by a third.

    Both starts are of a store that has been there for longer than D, and has lost nothing.
    """

    name = "announced writers"

    def __init__(self, faults: int = 2, changes: int = 1) -> None:
        self._faults, self._changes = faults, changes

    def start(self) -> Sequence[tuple[str, State]]:
        cold = [0] * 28
        cold[FAULTS], cold[CHANGES] = self._faults, self._changes
        cold[NOTES] = 1
        warm = cold.copy()
        warm[STAMP] = warm[ENTRY] = warm[MIRROR] = warm[NEAR] = 1
        return (("nothing is stored", tuple(cold)), ("all tiers are warm", tuple(warm)))

    # What can happen.

    def moves(self, s: State) -> Iterator[tuple[str, State]]:
        for i in (0, 1):
            yield from self._writing(s, i)
            yield from self._filling(s, i)
        if s[CHANGES]:
            n = list(s)
            n[CHANGES] -= 1
            self.change(n)
            yield "somebody else invalidates the tag", tuple(n)
        if self.is_taken(s) and self.is_settled(s):
            n = list(s)
            self._mirror(n)
            yield "a near tier reads and mirrors the stamp", tuple(n)
        if s[EARLIER]:
            n = list(s)
            n[EARLIER] = 0
            yield "the new epoch has come to where the stamp was born", tuple(n)
        if s[FAULTS]:
            yield from self._faulty(s)
        if all(s[WRITER + i] != CHECKED or s[WITHIN + i] > 1 for i in (0, 1)):
            yield "half of D passes", self.tick(s)

    def _writing(self, s: State, i: int) -> Iterator[tuple[str, State]]:
        phase = s[WRITER + i]
        if phase == GONE:
            return
        n = list(s)
        if phase == OUT:
            self.enter(n, i)
            n[WRITER + i], n[WITHIN + i] = INSIDE, D
            yield _TOLD["enters, and near tiers have obeyed"][i], tuple(n)
            return
        if phase == INSIDE:
            if self.inside(n, i):
                n[WRITER + i], n[WITHIN + i] = CHECKED, D
                yield _TOLD["checks his mark"][i], tuple(n)
            else:
                n[WRITER + i], n[WITHIN + i] = GONE, 0
                yield _TOLD["finds his mark gone and writes nothing"][i], tuple(n)
            if s[WITHIN + i]:
                n = list(s)
                self._commit(n, i)
                yield _TOLD["commits without having checked"][i], tuple(n)
        elif phase == CHECKED:
            self._commit(n, i)
            yield _TOLD["commits"][i], tuple(n)
            n = list(s)
            if self.inside(n, i):
                yield _TOLD["prolongs his mark"][i], tuple(n)
        else:
            self.leave(n, i)
            n[WRITER + i] = GONE
            n[ACKED] = max(n[ACKED], n[WROTE + i])
            yield _TOLD["leaves and is acknowledged"][i], tuple(n)
        n = list(s)
        n[WRITER + i], n[WITHIN + i] = GONE, 0
        yield _TOLD["is killed"][i], tuple(n)

    def _commit(self, n: Draft, i: int) -> None:
        n[COMMITTED] += 1
        if n[MARK + i] < 2:
            n[EXCUSED] = D
        n[WRITER + i], n[WITHIN + i], n[WROTE + i] = COMMITS, 0, n[COMMITTED]

    def _filling(self, s: State, i: int) -> Iterator[tuple[str, State]]:
        n = list(s)
        if s[FILL + i] == IDLE:
            self.capture(n)
            if n[MARK] or n[_MARK_2]:
                yield _TOLD["finds a writer inside"][i], tuple(n)
            elif not n[ENTRY]:
                n[FILL + i], n[TOKEN + i] = CAPTURED, LIVE
                yield _TOLD["captures"][i], tuple(n)
            if self.is_taken(s) and not s[ENTRY]:
                n = list(s)
                n[FILL + i], n[TOKEN + i] = CAPTURED, LIVE
                yield _TOLD["takes the stamp that is there"][i], tuple(n)
        elif s[FILL + i] == CAPTURED:
            n[FILL + i], n[READ + i] = ASKED, s[COMMITTED]
            yield _TOLD["asks the origin"][i], tuple(n)
        else:
            is_live = s[TOKEN + i] == LIVE
            n[ENTRY] = s[READ + i] + 1 if is_live else 0
            if s[TOKEN + i] == s[MIRROR]:
                n[NEAR] = s[READ + i] + 1
            self._end_fill(n, i)
            yield _TOLD["stores what it was told"][i], tuple(n)

    def _faulty(self, s: State) -> Iterator[tuple[str, State]]:
        def fewer() -> Draft:
            n = list(s)
            n[FAULTS] -= 1
            return n

        if s[STAMP]:
            n = fewer()
            self._renonce(n, is_told=False)
            n[STAMP] = n[TRIAL] = n[MARK] = n[_MARK_2] = n[EARLIER] = 0
            yield "the stamp is evicted", tuple(n)
        if s[NOTES]:
            n = fewer()
            n[NOTES] = n[NOTED] = 0
            yield "the notes of marks are evicted", tuple(n)
        n = fewer()
        self._new_epoch(n)
        yield "a new epoch begins", tuple(n)
        n = fewer()
        self._new_epoch(n)
        n[TRIAL] = n[MARK] = n[_MARK_2] = n[NOTED] = 0
        n[STAMP] = n[EARLIER] = 1
        yield "the store dies and restarts from an old snapshot", tuple(n)
        n[STAMP] = n[EARLIER] = n[NOTES] = 0
        yield "the store dies and restarts with nothing", tuple(n)

    def _new_epoch(self, n: Draft) -> None:
        self._renonce(n, is_told=True)  # the next renewal of its lease tells it
        n[EARLIER], n[AFRESH] = n[STAMP], D

    def tick(self, s: State) -> State:
        n = list(s)
        if n[TRIAL] not in (0, OVER):
            n[TRIAL] = n[TRIAL] - 1 or OVER
        for i in (0, 1):
            if n[MARK + i] > 1:
                n[MARK + i] -= 1
            if n[WITHIN + i]:
                n[WITHIN + i] -= 1
        n[NOTES] -= n[NOTES] > 1
        for at in (NOTED, AFRESH, EXCUSED):
            n[at] -= n[at] > 0
        return tuple(n)

    # The rules.

    def is_due(self, s: Sequence[int]) -> bool:
        """Whether the store would replace the stamp; a living writer's mark keeps it."""
        if s[MARK] or s[_MARK_2]:
            return s[MARK] < 2 and s[_MARK_2] < 2
        return s[TRIAL] == OVER or s[TRIAL] < s[AFRESH]

    def is_taken(self, s: Sequence[int]) -> bool:
        """Whether a plain read shows the stamp, with nobody inside."""
        return bool(s[STAMP]) and not (s[MARK] or s[_MARK_2] or self.is_due(s))

    def is_settled(self, s: Sequence[int]) -> bool:
        return not (s[MARK] or s[_MARK_2] or s[TRIAL])

    def capture(self, n: Draft) -> None:
        is_dirty = n[MARK] or n[_MARK_2]
        if not n[STAMP] or self.is_due(n) or (n[EARLIER] and not is_dirty):
            self._anew(n, self.trial(n), keeps=(0, 0), is_told=False)

    def trial(self, n: Draft) -> int:
        """What is left of the trial of the stamp that comes now.

        One that replaces another goes on with its trial. One that comes from nothing is on
        trial for as long as a mark may live that was lost with the one before it.
        """
        if n[STAMP]:
            return max(n[AFRESH], 0 if n[TRIAL] == OVER else n[TRIAL])
        self.note(n)
        return max(n[AFRESH], n[NOTED], n[NOTES] - 1)

    def note(self, n: Draft) -> None:
        """Notes that are not there begin: of marks that are older they know nothing."""
        n[NOTES] = n[NOTES] or D + 1

    def change(self, n: Draft) -> None:
        self._anew(n, self.trial(n), keeps=_living(n), is_told=True)

    def enter(self, n: Draft, i: int) -> None:
        self._anew(n, self.trial(n), keeps=_living(n), is_told=True)
        self._mark(n, i)

    def inside(self, n: Draft, i: int) -> bool:
        """Whether the mark lives; it is prolonged."""
        if n[MARK + i] < 2:
            return False
        n[MARK], n[_MARK_2] = _living(n)
        self._mark(n, i)
        return True

    def leave(self, n: Draft, i: int) -> None:
        """Without the mark readers may have stored, and near tiers hold, what was before."""
        is_lost = n[MARK + i] < 2
        self._anew(n, D if is_lost else self.trial(n), keeps=_living(n), is_told=is_lost)
        n[MARK + i] = 0

    def _mark(self, n: Draft, i: int) -> None:
        n[MARK + i] = D + 1
        self.note(n)
        n[NOTED] = D

    def _anew(self, n: Draft, trial: int, *, keeps: tuple[int, int], is_told: bool) -> None:
        """A new nonce."""
        self._renonce(n, is_told=is_told)
        n[STAMP], n[EARLIER], n[TRIAL] = 1, 0, trial
        n[MARK], n[_MARK_2] = keeps

    def _renonce(self, n: Draft, *, is_told: bool) -> None:
        """What carries the present nonce is dead; a mirror knows it only if it is told."""
        n[ENTRY] = 0
        if is_told:
            n[MIRROR] = n[NEAR] = 0
        becomes_old = n[MIRROR] == LIVE
        if becomes_old:
            n[MIRROR] = OLD
        for i in (0, 1):
            if n[TOKEN + i] == LIVE and becomes_old:
                n[TOKEN + i] = OLD
            elif n[TOKEN + i] == LIVE or not n[MIRROR]:
                self._end_fill(n, i)

    def _mirror(self, n: Draft) -> None:
        n[MIRROR], n[NEAR] = LIVE, n[ENTRY]
        for i in (0, 1):
            if n[TOKEN + i] == OLD:
                self._end_fill(n, i)

    def _end_fill(self, n: Draft, i: int) -> None:
        """It has stored, or its token is dead for good, so that what it stores is never served."""
        n[FILL + i] = n[TOKEN + i] = n[READ + i] = 0

    # What is promised.

    def reads(self, s: State) -> Reads:
        least = s[ACKED] if s[EXCUSED] else s[COMMITTED]
        is_clean = s[STAMP] and not (s[MARK] or s[_MARK_2]) and s[TRIAL] != OVER
        shared = s[ENTRY] if is_clean else 0
        count = (shared > 0) + (s[NEAR] > 0)
        if not count:
            return _NONE
        overlapping = count if _is_written(s[WRITER]) or _is_written(s[_WRITER_2]) else 0
        for where, found in (("the store", shared), ("a near tier", s[NEAR])):
            if found and found - 1 < least:
                word = "acknowledged" if found - 1 < s[ACKED] else "committed"
                broken = f"{where} serves version {found - 1} though {least} is {word}"
                return Reads(count, overlapping, broken)
        return Reads(count, overlapping)


_NONE = Reads(0)


def _living(s: Sequence[int]) -> tuple[int, int]:
    """The marks that have not lapsed."""
    return (s[MARK] if s[MARK] > 1 else 0, s[_MARK_2] if s[_MARK_2] > 1 else 0)


def _is_written(phase: int) -> bool:
    return INSIDE <= phase <= COMMITS
