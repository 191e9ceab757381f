"""A shared store in this process: the same promises and the same layout, no server.

`memory://` uses it, and so do the interleaving tests: it is the reference of what the
scripts in `stores/redis` do, small enough to be read beside them.
"""

import os
import re
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, TypeVar, cast

from keepwarm.core.entry import Pattern, Patterns, Seen, Stored
from keepwarm.core.stamps import Epoch, Stamp
from keepwarm.core.steps import (
    AddPattern,
    Capture,
    Changed,
    ChangeStamps,
    Confirm,
    DeleteShared,
    Describe,
    Facts,
    NewEpoch,
    Ping,
    ReadPatterns,
    ReadShared,
    ReplaceShared,
    Scan,
    Step,
    WriteShared,
)
from keepwarm.stores.bounded import Bounded
from keepwarm.stores.near import weight

R = TypeVar("R")

PATTERNS_KEPT = 200  # about 10 KB; older entries than the oldest kept are misses
_DEFAULT_BYTES = 64 * 1024 * 1024


def new_nonce() -> str:
    """128 random bits from the operating system: forked workers must not draw equal ones."""
    return urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()


def _redis_match(pattern: str) -> Callable[[str], object]:
    """A matcher for what SCAN's MATCH understands, as far as `Glob.redis` uses it."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    regex = "".join(wild.get(p) or re.escape(p[-1]) for p in parts)
    return re.compile(regex, re.DOTALL).fullmatch


class MemoryStore:
    """Thread-safe. Bounded in bytes; what is evicted is a miss, never a wrong answer."""

    def __init__(
        self, max_bytes: int = _DEFAULT_BYTES, nonce: Callable[[], str] = new_nonce
    ) -> None:
        self._nonce = nonce
        self._lock = threading.RLock()
        self._entries: Bounded[Stored] = Bounded(max_bytes, 1_000_000)
        self._stamps: dict[str, Stamp] = {}
        self._epoch = Epoch(nonce())
        self._position = 0
        self._floor = 0
        self._patterns: tuple[Pattern, ...] = ()
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
        }

    def answer(self, step: Step[R]) -> R:
        with self._lock:
            return cast("R", self._answers[type(step)](step))

    def close(self) -> None:
        with self._lock:
            self._entries.clear()
            self._stamps.clear()

    # What can happen to any store; the interleaving tests make it happen.

    def evict(self, name: str) -> None:
        """Lose one entry or stamp, as under memory pressure."""
        with self._lock:
            self._entries.pop(name)
            self._stamps.pop(name, None)

    def flush(self) -> None:
        """Lose everything, the epoch included."""
        with self._lock:
            self._entries.clear()
            self._stamps.clear()
            self._new_epoch(NewEpoch())

    def _read(self, step: ReadShared) -> Seen:
        return Seen(
            self._epoch,
            self._position,
            {name: self._stamps.get(name) for name in step.stamps},
            tuple(self._entries.get(name) for name in step.names),
        )

    def _read_patterns(self, step: ReadPatterns) -> Patterns:
        return Patterns(
            self._epoch.nonce, self._floor, self._epoch.pattern_position, self._patterns
        )

    def _capture(self, step: Capture) -> Seen:
        nonce = ""
        for name in step.stamps:
            old = self._stamps.get(name)
            # One born after the present position is of an earlier epoch: see CAPTURE.
            if old is None or (old.born > self._position and not old.is_dirty):
                if not nonce:
                    nonce = self._nonce()
                    self._position += 1
                self._stamps[name] = Stamp(nonce, nonce, self._position)
        return self._read(ReadShared((), step.stamps))

    def _confirm(self, step: Confirm) -> dict[str, Stamp] | None:
        if step.epoch != self._epoch.nonce:
            return None
        for name, nonce, _ in step.unchanged:
            now = self._stamps.get(name)
            if now is None or now.nonce != nonce or now.is_dirty:
                return None
        found: dict[str, Stamp] = {}
        for name in step.late:
            stamp = self._stamps.get(name)
            if stamp is None or stamp.is_dirty or stamp.born > step.position:
                return None
            found[name] = stamp
        return found

    def _write(self, step: WriteShared) -> bool:
        for name, stored in step.entries:
            self._entries.put(name, stored, weight(name, stored))
        return True

    def _replace(self, step: ReplaceShared) -> bool:
        if self._entries.get(step.name) != step.old:
            return False
        return self._entries.put(step.name, step.new, weight(step.name, step.new))

    def _delete(self, step: DeleteShared) -> None:
        for name in step.names:
            self._entries.pop(name)

    def _change(self, step: ChangeStamps) -> Changed:
        nonce = self._nonce()
        self._position += 1
        for name in step.stamps:
            old = self._stamps.get(name)
            if not step.is_soft:
                writers = old.writers if old else "-"
                self._stamps[name] = Stamp(nonce, nonce, self._position, 0, writers)
            elif old is not None:
                self._stamps[name] = Stamp(
                    old.nonce, nonce, self._position, old.provisional_until, old.writers
                )
        return Changed(self._epoch.nonce, self._position)

    def _add_pattern(self, step: AddPattern) -> Changed:
        self._position += 1
        kept = (*self._patterns, Pattern(self._position, step.glob))
        if len(kept) > PATTERNS_KEPT:
            self._floor = kept[-PATTERNS_KEPT - 1].position
            kept = kept[-PATTERNS_KEPT:]
        self._patterns = kept
        self._epoch = Epoch(self._epoch.nonce, self._position)
        return Changed(self._epoch.nonce, self._position)

    def _new_epoch(self, step: NewEpoch) -> Changed:
        self._epoch = Epoch(self._nonce())
        self._position, self._floor, self._patterns = 0, 0, ()
        return Changed(self._epoch.nonce, 0)

    def _scan(self, step: Scan) -> tuple[str, ...]:
        matches = _redis_match(step.match)
        found = [name for name in self._entries if matches(name)]
        return tuple(found[: step.limit])

    def _describe(self, step: Describe) -> Facts:
        return Facts(self._entries.used_bytes, self._entries.max_bytes, len(self._entries))
