"""What travels with a call through context variables: the running fill, the collector."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwarm.core.entry import ANY_KEY
from keepwarm.core.outcome import Outcome
from keepwarm.core.stamps import Carried, merge
from keepwarm.forking import on_fork

MOST_KEYS = 200  # a page of cards twice over; a value made of more dies with any pattern


@dataclass(slots=True)
class RunningFill:
    """What an origin says about its value while it runs, and which cached values it used.

    `absorbed` turns None for good once one of those must not be built upon: unstored,
    unproven or unfenced, or two of them saw one name with two stamps. `has_slot` is False
    for a request that a layer above stores the answer of: fills inside it queue like any.
    """

    tags: list[str] = field(default_factory=list)
    policy: str | None = None
    is_skipped: bool = False
    absorbed: tuple[Carried, ...] | None = ()
    position: int | None = None
    epochs: set[str] = field(default_factory=set)
    fresh_until: float | None = None
    keys: dict[tuple[str, int], None] = field(default_factory=dict)
    absorbed_tags: dict[str, None] = field(default_factory=dict)
    used: dict[str, None] | None = field(default_factory=dict)
    """The stamps of every cached value that was used, storable or not; None: unknown ones."""
    used_as_of: int | None = None
    has_slot: bool = True
    is_closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_plain(self) -> bool:
        """Whether the value depends on nothing but what its token shows."""
        return self.absorbed == () and not self.tags

    def absorb(self, outcome: Outcome) -> None:
        """Make this fill depend on everything that a cached value it used depends on.

        Several threads of one fill may use cached values at once.
        """
        with self._lock:
            self._absorb(outcome)

    def _absorb(self, outcome: Outcome) -> None:
        self._use(outcome)
        if outcome.stamps is None or self.absorbed is None:
            self.absorbed = None
            return
        if len(self.keys) < MOST_KEYS:
            self.keys |= dict.fromkeys(outcome.keys)
        else:
            self.keys = dict.fromkeys((*list(self.keys)[:MOST_KEYS], (ANY_KEY, 0)))
        if len(self.absorbed_tags) < MOST_KEYS:
            self.absorbed_tags |= dict.fromkeys(outcome.tags)
        self.absorbed = merge(self.absorbed, outcome.stamps)
        self.epochs.add(outcome.epoch)
        self.position = (
            outcome.position if self.position is None else min(self.position, outcome.position)
        )
        self.fresh_until = (
            outcome.fresh_until
            if self.fresh_until is None
            else min(self.fresh_until, outcome.fresh_until)
        )

    def _use(self, outcome: Outcome) -> None:
        """Note what browsers have to know of a value that may be unstorable."""
        names = outcome.depends
        if names is None or self.used is None:
            self.used = None
        else:
            self.used |= dict.fromkeys(names)
        oldest = outcome.as_of if self.used_as_of is None else self.used_as_of
        self.used_as_of = min(oldest, outcome.as_of) if outcome.epoch else 0


_running: ContextVar[RunningFill | None] = ContextVar("keepwarm_running_fill", default=None)
_listening: ContextVar[bool] = ContextVar("keepwarm_listening", default=False)
"""Whether anybody in this context wants to know of a cached call: a fill that runs, a
collector, a block that forbids unasked copies. If not, a plain hit is only counted."""


class Ears:
    """How many listen in this process, in whatever context: none, most of the time."""

    __slots__ = ("__weakref__", "_lock", "count")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: the lock may have been another thread's."""
        self._lock = threading.Lock()

    def more(self) -> None:
        with self._lock:
            self.count += 1

    def fewer(self) -> None:
        with self._lock:
            self.count -= 1


ears = Ears()


@contextmanager
def _an_ear() -> Iterator[None]:
    ears.more()
    token = _listening.set(True)
    try:
        yield
    finally:
        _listening.reset(token)
        ears.fewer()


_collector: ContextVar["_Collected | None"] = ContextVar("keepwarm_collector", default=None)


@dataclass(slots=True)
class _Collected:
    """Outcomes, until the collector ends: a task that outlives it adds no more."""

    around: "_Collected | None" = None
    outcomes: list[Outcome] = field(default_factory=list)
    is_closed: bool = False


def current_fill() -> RunningFill | None:
    """The fill this code runs in; None too in a task that outlived the fill it was born in."""
    found = _running.get()
    return found if found is not None and not found.is_closed else None


def rides() -> bool:
    """Whether this code runs in a fill that holds a slot, on which fills inside it ride."""
    current = current_fill()
    return current is not None and current.has_slot


class Fill:
    """Speak to the fill that is running; called outside of one, each method does nothing.

    A cached function can so be called uncached, in a test or by `.uncached()`.
    """

    def tag(self, *tags: str) -> None:
        """Make the value depend on `tags`, known only now."""
        current = current_fill()
        if current is not None:
            current.tags.extend(tags)

    def policy(self, name: str) -> None:
        """Store the value under another of the cache's policies."""
        current = current_fill()
        if current is not None:
            current.policy = name

    def skip(self) -> None:
        """Return the value to those who wait, but do not store it."""
        current = current_fill()
        if current is not None:
            current.is_skipped = True


fill = Fill()


@contextmanager
def collect() -> Iterator[list[Outcome]]:
    """The outcomes of all cached calls made inside, in the order in which they ended.

    A collector around this one gets them too, at once: it may have to say what it knows of
    them when a response starts.
    """
    collected = _Collected(_collector.get())
    token = _collector.set(collected)
    try:
        with _an_ear():
            yield collected.outcomes
    finally:
        _collector.reset(token)
        collected.is_closed = True


@dataclass(frozen=True, slots=True)
class Written:
    """An acknowledged invalidation: of which stamps (None: of everything), and where it stands."""

    epoch: str
    position: int
    stamps: tuple[str, ...] | None
    token: str


_written: ContextVar["list[Written] | None"] = ContextVar("keepwarm_written", default=None)


@contextmanager
def collect_written() -> Iterator[list[Written]]:
    """The invalidations acknowledged inside, and in tasks that were started there."""
    found: list[Written] = []
    token = _written.set(found)
    try:
        yield found
    finally:
        _written.reset(token)


def acknowledged(written: Written) -> None:
    """Tell who collects, if anybody does."""
    found = _written.get()
    if found is not None:
        found.append(written)


_after: ContextVar[bool] = ContextVar("keepwarm_after", default=False)


@contextmanager
def asking_first(is_needed: bool) -> Iterator[None]:
    """Inside, near copies are served only if they are proven at that moment."""
    token = _after.set(is_needed or _after.get())
    try:
        if is_needed:
            with _an_ear():
                yield
        else:
            yield
    finally:
        _after.reset(token)


def must_ask() -> bool:
    """Whether a near copy's bound must not be relied upon here.

    Nor in a fill: what it makes may be served for a bound of its own from now on.
    """
    return _after.get() or current_fill() is not None


def build_on_nothing() -> None:
    """A cached call failed: what it depended on is unknown, so the enclosing fill is not stored.

    It may answer all the same, with a default; but nothing would tell it when the cause
    of the failure has gone.
    """
    current = current_fill()
    if current is not None:
        current.absorbed = current.used = None


is_listening = _listening.get
"""Whether `report` would tell anybody; the variable's own method, for the quickest path."""


def report(outcome: Outcome) -> None:
    """Tell the enclosing fill and collector, if there are any, how a call was answered."""
    current = current_fill()
    if current is not None:
        current.absorb(outcome)
    collected = _collector.get()
    while collected is not None:
        if not collected.is_closed:
            collected.outcomes.append(outcome)
        collected = collected.around


Entered: TypeAlias = tuple[Token["RunningFill | None"], Token[bool]]


def enter_block(fill: RunningFill) -> Entered:
    """Run what follows in this context as part of `fill`, until `leave_block`."""
    ears.more()
    return _running.set(fill), _listening.set(True)


def leave_block(fill: RunningFill, entered: Entered) -> None:
    """What follows belongs to whatever fill was running before."""
    fill.is_closed = True
    _running.reset(entered[0])
    _listening.reset(entered[1])
    ears.fewer()


@contextmanager
def enter_fill() -> Iterator[RunningFill]:
    """Run a fill in this context, which must be a copy of its own."""
    fill = RunningFill()
    _running.set(fill)
    _collector.set(None)
    try:
        with _an_ear():
            yield fill
    finally:
        fill.is_closed = True
