"""A shared store in this process: the same promises and the same layout, no server.

`memory://` uses it, and so do the interleaving tests: it is the reference of what the
scripts in `stores/redis` do, small enough to be read beside them.
"""

import math
import os
import re
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar, cast

from keepwarm.core.entry import Pattern, Patterns, Seen, Stored, Terms
from keepwarm.core.eviction import Resident
from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Pulse, Told, told_apart
from keepwarm.core.stamps import Epoch, Stamp, living
from keepwarm.core.steps import (
    AddPattern,
    Capture,
    Changed,
    ChangeStamps,
    Confirm,
    DeleteShared,
    Describe,
    DropNear,
    Elect,
    Enter,
    Facts,
    Holder,
    Inside,
    Leave,
    NewEpoch,
    Ping,
    ReadPatterns,
    ReadShared,
    Release,
    Renew,
    Renewed,
    ReplaceShared,
    Scan,
    Step,
    Strike,
    WriteShared,
)
from keepwarm.core.times import TIMES, Times
from keepwarm.forking import on_fork
from keepwarm.stores.near import NearTier, Warm

R = TypeVar("R")

PATTERNS_KEPT = 200  # about 10 KB; older entries than the oldest kept are misses
_DAY_S = 86_400.0
_NEVER = float("-inf")  # nobody takes what lies here on trust
_DEFAULT_BYTES = 64 * 1024 * 1024
_CHANGES = (ChangeStamps, AddPattern, NewEpoch, Enter, Leave)


def new_nonce() -> str:
    """128 random bits from the operating system: forked workers must not draw equal ones."""
    return urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()


def _writer(mark: str) -> str:
    return mark.rpartition("@")[0]


def _redis_match(pattern: str) -> Callable[[str], object]:
    """A matcher for what SCAN's MATCH understands, as far as `Glob.redis` uses it."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    regex = "".join(wild.get(p) or re.escape(p[-1]) for p in parts)
    return re.compile(regex, re.DOTALL).fullmatch


class MemoryStore:
    """Thread-safe. Bounded in bytes; what is evicted is a miss, never a wrong answer.

    One that `is_lossy` may lose stamps (the tests see to that), so those made from nothing
    are on trial, as in a store outside. In any other one a stamp that is missing has never
    been changed, and is born at position 0 when somebody asks for it.
    """

    def __init__(
        self,
        max_bytes: int = _DEFAULT_BYTES,
        nonce: Callable[[], str] = new_nonce,
        *,
        clock: Callable[[], float] = time.time,
        times: Times = TIMES,
        is_lossy: bool = True,
    ) -> None:
        self._nonce = nonce
        self._is_lossy = is_lossy
        self._clock = clock
        self._times = times
        self._told = 0
        self._registry = (nonce(), False)
        self._holders: dict[str, Holder] = {}
        self._leases: dict[str, tuple[float, list[str]]] = {}
        self.announce: Callable[[Told], None] = lambda _told: None
        """Called with each change that near tiers must obey, inside the change itself."""
        self.hand: Callable[[str, str, bool], None] = lambda _waiter, _lease, _is_stored: None
        """Called with who waits, the lease and whether a value was stored, when it ends."""
        self.heard = Heard()
        """Every change so far: what the browsers' channel is fed from."""
        self.pulse = Pulse(math.inf)
        self._lock = threading.RLock()
        self._written_at = 0.0
        self._entries = NearTier(
            max_bytes, wall=lambda: self._written_at, is_indexed=False, keeps_stale=True
        )
        self._stamps: dict[str, Stamp] = {}
        self._noted: dict[str, int] = {}
        self._noted_since: int | None = None
        self._epoch = Epoch(nonce(), since_ms=self._now_ms)
        self._position = 0
        self._floor = 0
        self._patterns: tuple[Pattern, ...] = ()
        self.heard.renewed(self._epoch.nonce, 0, 0)
        on_fork(self)
        self._answers: dict[type, Callable[[Any], Any]] = {
            ReadShared: self._read,
            ReadPatterns: self._read_patterns,
            Capture: self._capture,
            Confirm: self._confirm,
            WriteShared: self._write,
            ReplaceShared: self._replace,
            DeleteShared: self._delete,
            ChangeStamps: self._change,
            AddPattern: self._add_pattern,
            NewEpoch: self._new_epoch,
            Scan: self._scan,
            Describe: self._describe,
            Ping: lambda _step: None,
            Renew: self._renew,
            Strike: self._strike,
            Enter: self._enter,
            Inside: self._inside,
            Leave: self._leave,
            Elect: self._elect,
            Release: self._release,
        }

    def after_fork(self) -> None:
        """In a forked child: empty, as another thread may have been in the middle of a change."""
        self._lock = threading.RLock()
        self._entries.after_fork()
        self._stamps, self._leases, self._holders = {}, {}, {}
        self._begin()

    def answer(self, step: Step[R]) -> R:
        with self._lock:
            reply = cast("R", self._answers[type(step)](step))
            if isinstance(step, _CHANGES):
                self.pulse.version += 1
            return reply

    # As a mirror of itself: what a near hit is compared with where there is no other store.

    def seen(self, stamps: Iterable[str], _now: float) -> Seen | None:
        """As Mirror.seen: None unless all are there, and nobody writes what they guard."""
        found: dict[str, Stamp | None] = {}
        with self._lock:
            for name in stamps:
                stamp = self._stamps.get(name)
                if stamp is None or not stamp.is_settled:
                    return None
                found[name] = stamp
            return Seen(self._epoch, self._position, found)

    def peek(self, name: str) -> Stored | None:
        """The entry of `name`, whatever its stamps say."""
        return self._entry(name)

    def resident_of(self, name: str) -> Resident | None:
        """As NearTier.resident_of."""
        return self._entries.resident_of(name)

    def opened(self, name: str, copy: bytes | Warm) -> Stored:
        """As NearTier.opened."""
        return self._entries.opened(name, copy)

    def holds(self, terms: Terms) -> bool:
        """Whether an entry of those terms is alive beyond doubt; no lock, nothing made."""
        epoch, stamps = self._epoch, self._stamps
        if epoch.nonce != terms.epoch or terms.position < epoch.pattern_position:
            return False
        for name, nonce, soft in terms.stamps:
            stamp = stamps.get(name)
            if stamp is None or stamp.nonce != nonce or stamp.soft != soft or not stamp.is_settled:
                return False
        return True

    @property
    def max_bytes(self) -> int:
        return self._entries.max_bytes

    mirror = None
    is_up = True
    notes = ()

    def forget_leases(self, leases: tuple[str, ...]) -> None:
        """Let nobody wait for these any longer."""
        with self._lock:
            for lease in leases:
                self._leases.pop(lease, None)

    def close(self) -> None:
        with self._lock:
            self._entries.clear()
            self._stamps.clear()

    # What can happen to any store; the interleaving tests make it happen.

    def evict(self, name: str) -> None:
        """Lose one entry or stamp, as under memory pressure."""
        with self._lock:
            self._forget(name)
            self._stamps.pop(name, None)
            self.pulse.version += 1

    def evict_holders(self) -> None:
        """Lose the registry of who may answer from a near tier."""
        with self._lock:
            self._registry, self._holders = (self._nonce(), False), {}

    def evict_notes(self) -> None:
        """Lose what is known of the marks that stamps have carried."""
        with self._lock:
            self._noted, self._noted_since = {}, None

    def flush(self) -> None:
        """Lose everything, the epoch included."""
        with self._lock:
            self._entries.clear()
            self._stamps.clear()
            self._leases.clear()
            self.evict_notes()
            self._begin()
            self.evict_holders()

    def evict_epoch(self) -> None:
        """Lose the epoch alone; the first who asks begins another one."""
        with self._lock:
            self._begin()
            self.evict_holders()

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    @property
    def _d_ms(self) -> int:
        # A store that cannot outlive its writers has nobody to give up on.
        return int((self._times.writer_s if self._is_lossy else _DAY_S) * 1000)

    @property
    def _mark_until(self) -> int:
        return self._now_ms + self._d_ms

    @property
    def _lost_until(self) -> int:
        """Of a stamp that a writer leaves who does not find his mark in it."""
        return self._now_ms + self._trial_ms if self._is_lossy else 0

    def _read(self, step: ReadShared) -> Seen:
        seen = Seen(
            self._epoch,
            self._position,
            {name: self._stamps.get(name) for name in step.stamps},
            tuple(map(self._entry, step.names)),
        )
        return told_apart(seen, self._now_ms, self._trial_ms)

    def _read_patterns(self, step: ReadPatterns) -> Patterns:
        return Patterns(
            self._epoch.nonce, self._floor, self._epoch.pattern_position, self._patterns
        )

    def _capture(self, step: Capture) -> Seen:
        nonce = ""
        for name in step.stamps:
            old = self._stamps.get(name)
            if old is None and not self._is_lossy:
                self._never_changed(name)
                continue
            # One born after the present position is of an earlier epoch: see CAPTURE.
            if old is None or self._is_due(old) or (old.born > self._position and not old.is_dirty):
                if not nonce:
                    nonce = self._nonce()
                    self._position += 1
                self._stamps[name] = self._anew(nonce, self._trial(name, old), ())
        return self._read(ReadShared((), step.stamps))

    def _confirm(self, step: Confirm) -> dict[str, Stamp] | None:
        if step.epoch != self._epoch.nonce:
            return None
        for name, nonce, _ in step.unchanged:
            now = self._stamps.get(name)
            if now is None or now.nonce != nonce or now.is_dirty or self._is_due(now):
                return None
        found: dict[str, Stamp] = {}
        for name in step.late:
            stamp = self._stamps.get(name)
            if stamp is None and not self._is_lossy:
                stamp = self._never_changed(name)
            if stamp is None or stamp.is_dirty or self._is_due(stamp):
                return None
            if stamp.born > step.position:
                return None
            found[name] = stamp
        return found

    def _never_changed(self, name: str) -> Stamp:
        """The stamp of a name that is missing in a store that loses none."""
        nonce = self._nonce()
        made = self._stamps[name] = Stamp(nonce, nonce, 0)
        return made

    def _write(self, step: WriteShared) -> bool:
        self._written_at = step.now
        for name, stored in step.entries:
            self._entries.keep(name, stored, _NEVER, logical=name)
        return True

    def _replace(self, step: ReplaceShared) -> bool:
        if self._entry(step.name) != step.old:
            return False
        self._written_at = step.now
        return self._entries.keep(step.name, step.new, _NEVER, logical=step.name)

    def _entry(self, name: str) -> Stored | None:
        held = self._entries.read(name)
        return held.stored if held is not None else None

    def _forget(self, *names: str) -> None:
        self._entries.drop(DropNear(names=names))

    def _delete(self, step: DeleteShared) -> None:
        self._forget(*step.names)

    def _change(self, step: ChangeStamps) -> Changed:
        nonce = self._nonce()
        self._position += 1
        for name in step.stamps:
            old = self._stamps.get(name)
            if not step.is_soft or (old is None and not self._is_lossy):
                marks = living(old.writers, self._now_ms) if old else ()
                self._stamps[name] = self._anew(nonce, self._trial(name, old), marks)
            elif old is not None:
                self._stamps[name] = Stamp(
                    old.nonce, nonce, self._position, old.provisional_until, old.writers
                )
        return self._announced(nonce, stamps=step.stamps)

    def _anew(self, nonce: str, trial: int, marks: tuple[str, ...]) -> Stamp:
        return Stamp(nonce, nonce, self._position, trial, ",".join(marks) or "-")

    # Trials. See decisions/0021-notes-of-marks.md.

    @property
    def _trial_ms(self) -> int:
        """The longest trial: as long as the mark of a writer may be missing."""
        return self._d_ms if self._is_lossy else 0

    def _is_due(self, stamp: Stamp) -> bool:
        """Whether the next capture replaces it."""
        now_ms, until = self._now_ms, stamp.provisional_until
        if stamp.is_dirty or stamp.is_due(now_ms):
            return stamp.is_due(now_ms)
        afresh_until = self._epoch.since_ms + self._trial_ms
        return until > now_ms + self._trial_ms or now_ms < afresh_until > until

    def _trial(self, name: str, old: Stamp | None) -> int:
        """Until when the stamp that comes now is on trial, 0: not at all."""
        now_ms, longest = self._now_ms, self._trial_ms
        until = self._epoch.since_ms + longest
        if old is not None:
            until = max(until, min(old.provisional_until, now_ms + longest))
        else:
            mark = min(self._noted.get(name, 0), now_ms + longest)
            until = max(until, self._notes() + longest, mark)
        return until if until > now_ms else 0

    def _notes(self) -> int:
        """Since when marks are noted; an instant to come is of another clock."""
        if self._noted_since is None or self._noted_since > self._now_ms:
            self._noted, self._noted_since = {}, self._now_ms
        return self._noted_since

    def _note(self, names: Iterable[str]) -> None:
        if not self._is_lossy:
            return  # no mark of his can be lost
        self._notes()
        now_ms, until = self._now_ms, self._mark_until
        for name in [name for name, ends in self._noted.items() if ends <= now_ms]:
            del self._noted[name]
        self._noted |= dict.fromkeys(names, until)

    def _announced(
        self,
        change: str,
        *,
        stamps: tuple[str, ...] = (),
        patterns: bool = False,
        everything: bool = False,
        is_lost: bool = False,
        writer: str = "",
        is_entry: bool = False,
        is_numbered: bool = True,
    ) -> Changed:
        self._told += is_numbered
        told = Told(
            self._epoch.nonce,
            self._told,
            change,
            "",
            stamps,
            patterns,
            everything,
            self._position,
            writer,
            is_entry,
            is_numbered,
        )
        if is_numbered:
            self.announce(told)
        self.heard.told(told)
        registry, is_complete = self._registry
        return Changed(
            self._epoch.nonce,
            self._position,
            id=change,
            holders=tuple(self._holders.values()),
            is_complete=is_complete,
            registry=registry,
            is_lost=is_lost,
        )

    def _add_pattern(self, step: AddPattern) -> Changed:
        self._position += 1
        kept = (*self._patterns, Pattern(self._position, step.glob))
        if len(kept) > PATTERNS_KEPT:
            self._floor = kept[-PATTERNS_KEPT - 1].position
            kept = kept[-PATTERNS_KEPT:]
        self._patterns = kept
        self._epoch = replace(self._epoch, pattern_position=self._position)
        return self._announced(self._nonce(), patterns=True)

    def _begin(self) -> None:
        self._epoch = Epoch(self._nonce(), since_ms=self._now_ms)
        self._position, self._floor, self._patterns, self._told = 0, 0, (), 0
        self.pulse.version += 1
        self.heard.renewed(self._epoch.nonce, 0, 0)

    def _new_epoch(self, step: NewEpoch) -> Changed:
        self._begin()
        return self._announced(self._epoch.nonce, everything=True)

    # Announced writes.

    def _enter(self, step: Enter) -> Changed:
        nonce = self._nonce()
        self._position += 1
        mark = f"{step.writer}@{self._mark_until}"
        for name in step.stamps:
            old = self._stamps.get(name)
            marks = living(old.writers, self._now_ms) if old else ()
            self._stamps[name] = self._anew(nonce, self._trial(name, old), (*marks, mark))
        self._note(step.stamps)
        return self._announced(nonce, stamps=step.stamps, writer=step.writer, is_entry=True)

    def _inside(self, step: Inside) -> bool:
        found: dict[str, Stamp] = {}
        mark = f"{step.writer}@{self._mark_until}"
        for name in step.stamps:
            old = self._stamps.get(name)
            marks = living(old.writers, self._now_ms) if old else ()
            if old is None or not any(_writer(m) == step.writer for m in marks):
                return False
            kept = (mark if _writer(m) == step.writer else m for m in marks)
            found[name] = replace(old, writers=",".join(kept))
        self._stamps |= found
        self._note(step.stamps)
        return True

    def _leave(self, step: Leave) -> Changed:
        nonce = self._nonce()
        self._position += 1
        is_lost = False
        for name in step.stamps:
            old = self._stamps.get(name)
            marks = living(old.writers, self._now_ms) if old else ()
            others = tuple(m for m in marks if _writer(m) != step.writer)
            is_lost |= others == marks
            until = self._lost_until if others == marks else self._trial(name, old)
            self._stamps[name] = self._anew(nonce, until, others)
        changed = self._announced(
            nonce,
            stamps=step.stamps,
            is_lost=is_lost,
            writer=step.writer,
            is_numbered=is_lost,
        )
        if is_lost:
            return changed
        return Changed(self._epoch.nonce, self._position, id=nonce)

    # Near tiers and leaders.

    def _renew(self, step: Renew) -> Renewed:
        old = self._holders.get(step.holder)
        continued = old is not None and old.incarnation == step.incarnation
        if step.holder:
            count = old.count + 1 if old is not None and continued else 1
            incarnation = step.incarnation if continued else step.next_incarnation
            self._holders[step.holder] = Holder(step.holder, incarnation, count)
        registry, is_complete = self._registry
        return Renewed(
            self._epoch,
            self._position,
            self._told,
            continued,
            registry,
            is_complete,
            self._now_ms,
        )

    def _strike(self, step: Strike) -> None:
        if step.registry != self._registry[0]:
            return
        if step.is_whole:
            self._registry = (step.registry, True)
        for silent in step.holders:
            if self._holders.get(silent.name) == silent:
                del self._holders[silent.name]

    def _elect(self, step: Elect) -> tuple[float | None, ...]:
        found: list[float | None] = []
        now = self._clock()
        for lease in step.leases:
            until, waiting = self._leases.get(lease, (0.0, []))
            if until > now:
                waiting.append("")
                found.append(until - now)
            else:
                self._leases[lease] = (now + self._times.leader_s, [])
                found.append(None)
        return tuple(found)

    def _release(self, step: Release) -> None:
        for lease, is_stored in step.leases:
            _, waiting = self._leases.pop(lease, (0.0, []))
            for waiter in waiting:
                self.hand(waiter, lease, is_stored)

    def _scan(self, step: Scan) -> tuple[str, ...]:
        matches = _redis_match(step.match)
        found = [name for name in self._entries.names() if matches(name)]
        return tuple(found[: step.limit])

    def _describe(self, step: Describe) -> Facts:
        return Facts(self._entries.used_bytes, self._entries.max_bytes, len(self._entries))
