"""The log of one process: every call's start and end, in a file that survives kill -9.

Each record is written with one system call to a file opened for appending: what was
written is the kernel's and outlives the process, and threads need no lock. Instants are
nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share.
"""

import json
import os
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.testing.chaos.values import Kind

_HEAD = struct.Struct("<BH")
_READ = struct.Struct("<BBBBqq")
_PAIR = struct.Struct("<Hi")
_TIERS: tuple[Tier | None, ...] = (None, Tier.SHARED, Tier.NEAR)
_REASONS = tuple(Reason)
_TIER_OF = {tier: n for n, tier in enumerate(_TIERS)}
_REASON_OF = {reason: n for n, reason in enumerate(_REASONS)}
_UNKNOWN = 255
_IS_READ, _IS_OTHER = 1, 2
_FINAL = 1

now_ns = time.monotonic_ns


@dataclass(frozen=True, slots=True)
class Read:
    """A read that returned: the (row, version)s of its value, and from where it came."""

    kind: Kind
    start: int
    end: int
    rows: tuple[tuple[int, int], ...]
    tier: Tier | None = None
    reason: Reason | None = None
    is_final: bool = False
    """Made after all faults had ended and every process had settled."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A transaction has written these versions and is about to commit."""

    rows: tuple[tuple[int, int], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Commit:
    rows: tuple[tuple[int, int], ...]
    start: int
    end: int


ACKED, UNACKED, CANCELLED = "acked", "unacked", "cancelled"
REFUSED = "refused"  # by `writing()` before the commit: nothing was written


@dataclass(frozen=True, slots=True)
class Invalidation:
    """One call that invalidates; no `rows` means all of them."""

    rows: tuple[int, ...]
    how: str
    start: int
    end: int
    outcome: str
    why: str = ""
    is_durable: bool = False


RAISED, CORRUPT, FOREIGN, UNSETTLED = "raised", "corrupt", "foreign cancellation", "unsettled"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a caller must never see; `what` is RAISED, CORRUPT, FOREIGN or UNSETTLED."""

    what: str
    at: int
    where: str
    text: str


@dataclass(slots=True)
class Log:
    """Everything one process logged. `is_alive`: it lived until the end and was asked then."""

    name: str
    reads: list[Read] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    invalidations: list[Invalidation] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    own_cancellations: int = 0
    is_alive: bool = False

    @classmethod
    def load(cls, path: Path) -> Self:
        """A torn record at the end, as kill -9 may leave, is left out."""
        log = cls(path.stem)
        data = path.read_bytes()
        at = 0
        while at + _HEAD.size <= len(data):
            what, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            if at + length > len(data):
                break
            body = data[at : at + length]
            at += length
            if what == _IS_READ:
                log.reads.append(_unpacked(body))
            else:
                log._add(json.loads(body))
        return log

    def _add(self, said: dict[str, Any]) -> None:
        what = said.pop("t")
        if "rows" in said:
            rows = said["rows"]
            said["rows"] = tuple(tuple(r) if isinstance(r, list) else r for r in rows)
        if what == "intent":
            self.intents.append(Intent(**said))
        elif what == "commit":
            self.commits.append(Commit(**said))
        elif what == "invalidation":
            self.invalidations.append(Invalidation(**said))
        elif what == "trouble":
            self.troubles.append(Trouble(**said))
        elif what == "cancelled":
            self.own_cancellations += 1
        elif what == "alive":
            self.is_alive = True


class LogFile:
    """Writes a log; safe from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)

    def close(self) -> None:
        os.close(self._file)

    def read(
        self,
        kind: Kind,
        start: int,
        end: int,
        rows: Sequence[tuple[int, int]],
        outcomes: Sequence[Outcome] = (),
        *,
        is_final: bool = False,
    ) -> None:
        tier = reason = _UNKNOWN
        if outcomes:
            # Of a batch, the worst: it is a hit where all of it is.
            tier = min(_TIER_OF[outcome.tier] for outcome in outcomes)
            reason = _REASON_OF[outcomes[-1].reason]
        flags = _FINAL if is_final else 0
        body = _READ.pack(kind, tier, reason, flags, start, end) + b"".join(
            _PAIR.pack(row, version) for row, version in rows
        )
        os.write(self._file, _HEAD.pack(_IS_READ, len(body)) + body)

    def intent(self, rows: Iterable[tuple[int, int]]) -> None:
        self._say("intent", rows=tuple(rows), at=now_ns())

    def commit(self, rows: Iterable[tuple[int, int]], start: int) -> None:
        self._say("commit", rows=tuple(rows), start=start, end=now_ns())

    def invalidation(
        self,
        rows: Iterable[int],
        how: str,
        start: int,
        outcome: str,
        why: str = "",
        *,
        is_durable: bool = False,
    ) -> None:
        end = now_ns()
        self._say(
            "invalidation",
            rows=tuple(rows),
            how=how,
            start=start,
            end=end,
            outcome=outcome,
            why=why,
            is_durable=is_durable,
        )

    def trouble(self, what: str, where: str, text: str) -> None:
        self._say("trouble", what=what, at=now_ns(), where=where, text=text[:500])

    def cancelled(self) -> None:
        """A call that we cancelled ourselves ended."""
        self._say("cancelled")

    def alive(self) -> None:
        """This process lived to the end: what it owes, it repays."""
        self._say("alive")

    def _say(self, record: str, /, **fields: object) -> None:
        body = json.dumps({"t": record, **fields}, separators=(",", ":")).encode()
        os.write(self._file, _HEAD.pack(_IS_OTHER, len(body)) + body)


def _unpacked(body: bytes) -> Read:
    kind, tier, reason, flags, start, end = _READ.unpack_from(body)
    return Read(
        Kind(kind),
        start,
        end,
        tuple(_PAIR.iter_unpack(body[_READ.size :])),
        None if tier == _UNKNOWN else _TIERS[tier],
        None if reason == _UNKNOWN else _REASONS[reason],
        bool(flags & _FINAL),
    )
