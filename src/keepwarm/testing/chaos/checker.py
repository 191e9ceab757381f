"""The judge: what the logs of all processes say about each promise. Pure.

How to think of it: an acknowledgement covers, for each of its rows, the newest version that
was committed before its invalidation began, whoever committed it. A read that starts after
the acknowledgement ended must not return less. Everything is compared by instants of one
clock, and each instant is noted so that lateness can only excuse: a read's start before the
call, an acknowledgement's end after it.

S1 stale after ack · S2 older than committed (allowed; its age is reported) · S3 a process saw
a row go back (allowed without `writing()`; with it, judged for rows so written) · S4 never
committed · S5 corrupt or another's value · S6 cancelled by somebody else · S7 errors surfaced ·
S8 stale after all was over
"""

import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from keepwarm.testing.chaos.records import (
    ACKED,
    CANCELLED,
    CORRUPT,
    FOREIGN,
    RAISED,
    UNACKED,
    UNSETTLED,
    Invalidation,
    Log,
    Read,
)
from keepwarm.testing.chaos.values import ABSENT, FLICKERING, ROWS, TAGGED, is_there

BOUND_SLACK_S = 0.05  # what a bound may be exceeded by on a busy machine
_STORIES = 5  # of each kind; the rest is counted
_NS = 1_000_000_000
_ANNOUNCED = frozenset((*TAGGED, *FLICKERING))
"""The rows of which `writing()` announces the commits: it takes tags."""


@dataclass(frozen=True, slots=True)
class Span:
    """A fault that was in force from `start` to `end`."""

    fault: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class History:
    """All there is to judge. `final` is each row's version in the database at the end."""

    logs: Sequence[Log]
    final: Mapping[int, int]
    faults: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What was promised: `bound_s` is None unless near copies may be served unasked."""

    bound_s: float | None = None
    is_writing: bool = False
    """Commits were announced with `cache.writing()`."""

    @property
    def slack_ns(self) -> int:
        return 0 if self.bound_s is None else int((self.bound_s + BOUND_SLACK_S) * _NS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of one history, and stories of what was wrong."""

    reads: int = 0
    hits: int = 0
    near_hits: int = 0
    acks: int = 0
    unacked: int = 0
    own_cancellations: int = 0
    overlaps: int = 0
    """Reads during which one of their rows was being invalidated."""
    s1: int = 0
    s2: int = 0
    s3: int = 0
    s4: int = 0
    s5: int = 0
    s6: int = 0
    s7: int = 0
    s8: int = 0
    s2_longest_s: float = 0.0
    s2_median_s: float = 0.0
    longest_read_s: float = 0.0
    longest_ack_s: float = 0.0
    median_ack_s: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)
    unacked_why: Mapping[str, int] = field(default_factory=dict)
    stories: tuple[str, ...] = ()
    is_writing: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether every promise was: S2 and S7 are reported, S3 is judged with `writing()`."""
        broken = self.s1 or self.s4 or self.s5 or self.s6 or self.s8
        return not (broken or (self.is_writing and self.s3))


def check(history: History, terms: Terms) -> Verdict:
    """Judge a history."""
    return _Judging(history, terms).verdict()


@dataclass(slots=True)
class _Row:
    """What happened to one row, in the order of time; `newest[n]` is over the first n."""

    committed_at: dict[int, int] = field(default_factory=dict)
    intended_at: dict[int, int] = field(default_factory=dict)
    commit_ends: list[int] = field(default_factory=list)
    newest_commit: list[int] = field(default_factory=lambda: [0])
    ack_ends: list[int] = field(default_factory=list)
    newest_ack: list[int] = field(default_factory=lambda: [0])
    acks: list[tuple[int, int, str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    latest_end: list[int] = field(default_factory=lambda: [0])
    owed: int = 0
    """What a settled system must show at least."""

    def committed_before(self, instant: int) -> int:
        return self.newest_commit[bisect_right(self.commit_ends, instant)]

    def acked_before(self, instant: int) -> int:
        return self.newest_ack[bisect_left(self.ack_ends, instant)]

    def is_overlapped(self, read: Read) -> bool:
        return self.latest_end[bisect_left(self.starts, read.end)] > read.start


class _Judging:
    def __init__(self, history: History, terms: Terms) -> None:
        self._history = history
        self._terms = terms
        self._rows = {row: _Row() for row in range(ROWS)}
        self._stories: dict[str, list[str]] = {}
        self._zero = min((read.start for log in history.logs for read in log.reads[:1]), default=0)
        self._note_commits()
        self._note_invalidations()

    # What was written.

    def _note_commits(self) -> None:
        commits = sorted(
            (commit for log in self._history.logs for commit in log.commits), key=lambda c: c.end
        )
        for commit in commits:
            for number, version in commit.rows:
                row = self._rows[number]
                row.committed_at[version] = commit.end
                row.commit_ends.append(commit.end)
                row.newest_commit.append(max(row.newest_commit[-1], version))
        for log in self._history.logs:
            for intent in log.intents:
                for number, version in intent.rows:
                    intended = self._rows[number].intended_at
                    intended[version] = min(intent.at, intended.get(version, intent.at))

    def _note_invalidations(self) -> None:
        calls = [(log, call) for log in self._history.logs for call in log.invalidations]
        for log, call in sorted(calls, key=lambda each: each[1].end):
            for number in call.rows or range(ROWS):
                row = self._rows[number]
                covered = row.committed_before(call.start)
                if call.outcome == ACKED:
                    row.ack_ends.append(call.end)
                    row.newest_ack.append(max(row.newest_ack[-1], covered))
                    row.acks.append((call.end, covered, f"{log.name} ({call.how})"))
                if _is_kept_up(log, call):
                    row.owed = max(row.owed, covered)
        for _, call in sorted(calls, key=lambda each: each[1].start):
            for number in call.rows or range(ROWS):
                row = self._rows[number]
                row.starts.append(call.start)
                row.latest_end.append(max(row.latest_end[-1], call.end))
        if self._terms.is_writing:
            for number in _ANNOUNCED:
                self._rows[number].owed = self._history.final.get(number, 0)

    # What was read.

    def verdict(self) -> Verdict:
        logs = self._history.logs
        reads = [(log, read) for log in logs for read in log.reads]
        s1 = s4 = s8 = overlaps = 0
        ages: list[float] = []
        for log, read in reads:
            overlaps += any(self._rows[number].is_overlapped(read) for number, _ in read.rows)
            s1 += self._is_any(self._stale_after_ack(log, read))
            s4 += self._is_any(self._never_committed(log, read))
            if read.is_final:
                s8 += self._is_any(self._stale_for_ever(log, read))
            ages += self._ages(read)
        troubles = [(log, trouble) for log in logs for trouble in log.troubles]
        for log, trouble in troubles:
            where = f"{log.name} at {self._at(trouble.at)} in {trouble.where}"
            self._tell(trouble.what, f"{where}: {trouble.text}", trouble.at)
        kinds = Counter(trouble.what for _, trouble in troubles)
        calls = [call for log in logs for call in log.invalidations]
        acks_s = [(call.end - call.start) / _NS for call in calls if call.outcome == ACKED]
        return Verdict(
            reads=len(reads),
            hits=sum(read.tier is not None for _, read in reads),
            near_hits=sum(read.tier == "near" for _, read in reads),
            acks=len(acks_s),
            unacked=sum(call.outcome == UNACKED for call in calls),
            own_cancellations=sum(log.own_cancellations for log in logs),
            overlaps=overlaps,
            s1=s1,
            s2=len(ages),
            s3=sum(self._backwards(log) for log in logs),
            s4=s4,
            s5=kinds[CORRUPT],
            s6=kinds[FOREIGN],
            s7=kinds[RAISED],
            s8=s8 + kinds[UNSETTLED],
            s2_longest_s=max(ages, default=0.0),
            s2_median_s=statistics.median(ages) if ages else 0.0,
            longest_read_s=max(((r.end - r.start) / _NS for _, r in reads), default=0.0),
            longest_ack_s=max(acks_s, default=0.0),
            median_ack_s=statistics.median(acks_s) if acks_s else 0.0,
            errors=Counter(t.text.partition(":")[0] for _, t in troubles if t.what == RAISED),
            unacked_why=Counter(call.why for call in calls if call.outcome == UNACKED),
            is_writing=self._terms.is_writing,
            stories=tuple(line for lines in self._stories.values() for line in lines),
        )

    def _stale_after_ack(self, log: Log, read: Read) -> Iterator[None]:
        for number, version in read.rows:
            row = self._rows[number]
            least = row.acked_before(read.start - self._terms.slack_ns)
            if self._is_older(read, number, version, least):
                end, _, who = next(ack for ack in row.acks if ack[1] >= least)
                self._tell(
                    "S1 stale after ack",
                    f"{self._read(log, read, number, version)}, though version {least} was "
                    f"acknowledged to {who} at {self._at(end)}, "
                    f"{(read.start - end) / 1e6:.1f} ms before",
                    read.start,
                )
                yield

    def _stale_for_ever(self, log: Log, read: Read) -> Iterator[None]:
        for number, version in read.rows:
            least = self._rows[number].owed
            if self._is_older(read, number, version, least):
                self._tell(
                    "S8 stale for ever",
                    f"{self._read(log, read, number, version)} when all was over, though "
                    f"version {least} was acknowledged, or owed by a process that lives",
                    read.start,
                )
                yield

    def _is_older(self, read: Read, number: int, version: int, least: int) -> bool:
        if version != ABSENT:
            return version < least
        # It said that there is no row: so there was none in some version that it may have seen.
        row = self._rows[number]
        return not any(not is_there(number, v) for v in self._seeable(row, number, read, least))

    def _seeable(self, row: _Row, number: int, read: Read, least: int) -> Iterator[int]:
        """The versions from `least` on that may have been committed when `read` ended."""
        yield least
        for version in range(least + 1, self._history.final.get(number, 0) + 1):
            if row.intended_at.get(version, 0) > read.end:
                return
            yield version

    def _never_committed(self, log: Log, read: Read) -> Iterator[None]:
        for number, version in read.rows:
            if version == ABSENT:
                continue
            last = self._history.final.get(number, 0)
            early = self._rows[number].intended_at.get(version, 0) > read.end
            if not 0 <= version <= last or early or not is_there(number, version):
                told = self._read(log, read, number, version)
                why = "before anybody wrote it" if early else f"of {last} there ever were"
                self._tell("S4 never committed", f"{told} {why}", read.start)
                yield

    def _ages(self, read: Read) -> Iterator[float]:
        for number, version in read.rows:
            row = self._rows[number]
            if version == ABSENT or version >= row.committed_before(read.start):
                continue
            newer = (row.committed_at.get(v) for v in range(version + 1, row.newest_commit[-1] + 1))
            first = next((end for end in newer if end is not None), read.start)
            yield max(0, read.start - first) / _NS

    def _backwards(self, log: Log) -> int:
        """Reads of one process that returned less than one that had ended before."""
        ended = sorted(log.reads, key=lambda read: read.end)
        judged = _ANNOUNCED if self._terms.is_writing else frozenset(range(ROWS))
        newest: dict[int, int] = {}
        at = found = 0
        for read in sorted(log.reads, key=lambda read: read.start):
            while ended[at].end < read.start:
                for number, version in ended[at].rows:
                    newest[number] = max(newest.get(number, 0), version)
                at += 1
            back = [
                (number, version)
                for number, version in read.rows
                if version != ABSENT and version < newest.get(number, 0) and number in judged
            ]
            if back and self._terms.is_writing:
                told = self._read(log, read, *back[0])
                self._tell("S3 went back", f"{told} after version {newest[back[0][0]]}", read.start)
            found += bool(back)
        return found

    # Telling.

    @staticmethod
    def _is_any(found: Iterable[None]) -> bool:
        return bool(sum(1 for _ in found))

    def _read(self, log: Log, read: Read, number: int, version: int) -> str:
        what = "no row" if version == ABSENT else f"version {version}"
        tier, reason = read.tier or "origin", read.reason or "unknown"
        return (
            f"{log.name} read {what} of row {number} as {read.kind.name} from {tier} ({reason}) "
            f"from {self._at(read.start)} to {self._at(read.end)}"
        )

    def _tell(self, what: str, text: str, instant: int) -> None:
        told = self._stories.setdefault(what, [])
        if len(told) < _STORIES:
            about = [
                f"{span.fault} {self._at(span.start)}-{self._at(span.end)}"
                for span in self._history.faults
                if span.start <= instant <= span.end + 2 * _NS
            ]
            told.append(f"{what}: {text}; faults: {', '.join(about) or 'none'}")

    def _at(self, instant: int) -> str:
        return f"{(instant - self._zero) / _NS:.4f} s"


def _is_kept_up(log: Log, call: Invalidation) -> bool:
    """Whether a system that has settled must obey `call`."""
    if call.outcome == ACKED:
        return True
    return call.outcome in (UNACKED, CANCELLED) and (log.is_alive or call.is_durable)
