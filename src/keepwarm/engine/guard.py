"""Stands before the shared store: breaker, debt, and the thread that mends both.

While the store is away nobody waits for it: an open breaker answers `Away` at once. A
thread of its own probes and, when the store is back, first repeats the invalidations
that were not confirmed and only then lets requests through, so that nothing filled
before them is served after the return.
"""

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Protocol

from keepwarm.core.breaker import CLOSED, Breaker
from keepwarm.core.entry import NO_DEBT, Debt
from keepwarm.core.globs import Glob
from keepwarm.core.steps import AddPattern, ChangeStamps, NewEpoch, Ping
from keepwarm.engine.journal import Journal
from keepwarm.forking import on_fork
from keepwarm.ports import BlockingShared, Clock, StoreAway

log = logging.getLogger("keepwarm")

MOST_GLOBS, MOST_STAMPS = 200, 65_536  # beyond it, everything is owed: bounded, and sound
_CONNECTED_WITHIN_S = 1.0  # a link tries every tenth of a second
_BATCH = 1_000  # stamps a repeated invalidation carries: a script of about a millisecond


class Connected(Protocol):
    """A store of which the guard knows."""

    @property
    def is_up(self) -> bool: ...


class Gate:
    """Whether calls may take the quickest way: the cache is on, and nothing is owed."""

    __slots__ = ("_is_clear", "_is_enabled", "is_open")

    def __init__(self, *, is_clear: bool) -> None:
        self._is_enabled, self._is_clear = True, is_clear
        self.is_open = is_clear

    def enable(self, is_enabled: bool) -> None:
        self._is_enabled = is_enabled
        self.is_open = self._is_enabled and self._is_clear

    def clear(self, is_clear: bool) -> None:
        self._is_clear = is_clear
        self.is_open = self._is_enabled and self._is_clear


class Guard:
    """One per cache and process; all methods are safe from any thread.

    `connect` makes the blocking store that the mending thread uses.
    """

    def __init__(
        self,
        connect: Callable[[], BlockingShared],
        clock: Clock,
        journal: Journal | None = None,
    ) -> None:
        self._connect = connect
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._breaker: Breaker = CLOSED
        self._owed_stamps: dict[str, int] = {}
        self._owed_globs: dict[Glob, int] = {}
        self._owed_all = 0
        self._serial = 0
        self._why = ""
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closed = False
        self._is_suspected = False
        self._heard_at = -1.0
        self._debt: Debt = NO_DEBT
        self._settling = threading.Lock()
        self._is_settled = journal is None
        self.gate = Gate(is_clear=self._is_settled)
        """Closed while anything is owed, or may be by what the journal says."""
        self._watched: weakref.WeakSet[Connected] = weakref.WeakSet()
        on_fork(self)

    @property
    def debt(self) -> Debt:
        """What is owed. Whoever asks first, also in a forked child, finds what is on disk, too.

        Nothing is served or stored without asking this, so nothing is before that.
        """
        if not self._is_settled:
            self._settle()
        return self._debt

    @property
    def is_open(self) -> bool:
        return self._breaker.is_open

    @property
    def why(self) -> str:
        """In a word, why the store is away; empty while it is not."""
        return self._why if self.is_open else ""

    @property
    def pending(self) -> int:
        """How many unconfirmed invalidations are being retried."""
        if not self._is_settled:
            self._settle()
        with self._lock:
            return len(self._owed_stamps) + len(self._owed_globs) + bool(self._owed_all)

    def succeeded(self) -> None:
        self._heard_at = self._clock.mono()
        if self._breaker.faults and not self._breaker.is_open:
            with self._lock:
                if not self._breaker.is_open:
                    self._breaker = self._breaker.succeeded()

    def failed(self, away: StoreAway, sent_at: float) -> None:
        """An operation sent at `sent_at` failed.

        It says nothing if the store has answered somebody since: then this request was
        lost in a crowd, not in an outage.
        """
        if not away.is_fault or sent_at < self._heard_at:
            return
        with self._lock:
            if self._breaker.is_open:
                return  # sent before it opened: only the probe's own failures count now
            self._breaker = self._breaker.failed(self._clock.mono())
            self._why = away.why
            if not self._breaker.is_open:
                return
            # Timeouts may be this process's own doing: a loop too busy to read its replies.
            self._is_suspected = away.why == "timeout"
            is_certain = not self._is_suspected
        if is_certain:
            _tell_away(away.why)
        self._mend()

    def owe(self, debt: Debt) -> bool:
        """Remember an unconfirmed invalidation and retry it until it is confirmed.

        True if it is in the journal, too.
        """
        news = self._remember(debt)
        is_durable = self._journal is not None and self._journal.append(news)
        self._mend()
        return is_durable

    def _settle(self) -> None:
        with self._settling:
            if self._is_settled:
                return
            # The debts of the living, too: who started a moment ago may have adopted one and
            # not repaid it yet, and what it covers must not be served here meanwhile.
            self._adopt(with_living=True)
            self._is_settled = True
            with self._lock:
                self._publish()
        if self.is_open or self._debt:
            self._mend()

    def _adopt(self, *, with_living: bool = False) -> None:
        """Owe what processes that have died owed."""
        if self._journal is None:
            return
        debt = self._journal.adopt(with_living=with_living)
        if debt:
            log.warning("found unconfirmed invalidations in the journal: repeating them")
            self._remember(debt)

    def _remember(self, debt: Debt) -> Debt:
        """What is owed in addition: `debt`, or everything where that became too much."""
        with self._lock:
            self._serial += 1
            self._owed_stamps |= dict.fromkeys(debt.stamps, self._serial)
            self._owed_globs |= dict.fromkeys(debt.globs, self._serial)
            is_too_much = len(self._owed_globs) > MOST_GLOBS or len(self._owed_stamps) > MOST_STAMPS
            if debt.everything or is_too_much:
                self._owed_all = self._serial
                self._owed_stamps.clear()
                self._owed_globs.clear()
                debt = Debt(everything=True)
            self._publish()
            return debt

    def close(self) -> None:
        """Stop mending. What is still owed stays owed: say so."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(timeout=5)
        if self._journal is not None:
            self._close_journal(self._journal)
        elif self.pending:
            log.error(
                "closed with %d unconfirmed invalidations: entries filled before them may be "
                "served by other processes until their ttl",
                self.pending,
            )

    def _close_journal(self, journal: Journal) -> None:
        with self._lock:
            if not self._debt:
                journal.clear()
                return
            journal.close()
        log.warning("closed with unconfirmed invalidations: the next process repeats them")

    def _publish(self) -> None:
        self._debt = Debt(
            frozenset(self._owed_stamps), tuple(self._owed_globs), bool(self._owed_all)
        )
        self.gate.clear(self._is_settled and not self._debt)

    def _mend(self) -> None:
        with self._lock:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._mending, name="keepwarm-mend", daemon=True)
            self._thread.start()

    def after_fork(self) -> None:
        """In a forked child: the thread that mends was the parent's; what it owed is owed here.

        Mending begins again with the first use: see `debt`.
        """
        self._lock, self._wake, self._thread = threading.Lock(), threading.Event(), None
        self._settling, self._is_settled = threading.Lock(), False
        self._watched = weakref.WeakSet()
        self._publish()

    def _mending(self) -> None:
        store: BlockingShared | None = None
        began = self._clock.mono()
        was_surprised = False
        # A store that answers, but not this once or not for him who was cancelled, needs no pause.
        must_pause = self._breaker.is_open
        try:
            while True:
                if must_pause and not self._is_suspected:
                    self._wake.wait(self._breaker.probe_after_s)
                must_pause = True
                if self._closed:
                    return
                try:
                    store = store or self._connect()
                    store.answer(Ping())
                    self._adopt()  # who died while the store was away has nobody else
                    self._repay(store)
                    self._await_connections()
                except StoreAway as away:
                    self._still_away(away.why)
                    continue
                except Exception:
                    # Ending here would leave the breaker open, or the debt unpaid, for ever.
                    if not was_surprised:
                        log.exception("probing the shared store failed in an unexpected way")
                    was_surprised = True
                    self._still_away("protocol")
                    continue
                with self._lock:
                    was_open = self._breaker.is_open and not self._is_suspected
                    if self._debt:
                        must_pause = False
                        continue  # more came while it was repaid
                    self._is_suspected = False
                    self._breaker = CLOSED
                    self._thread = None
                if was_open:
                    log.warning("shared store back after %.1f s", self._clock.mono() - began)
                return
        finally:
            if store is not None:
                store.close()

    def watch(self, store: "Connected") -> None:
        """Let requests through again only when this store, too, has its connection back."""
        self._watched.add(store)

    def _await_connections(self) -> None:
        until = self._clock.mono() + _CONNECTED_WITHIN_S
        while not all(store.is_up for store in tuple(self._watched)):
            if self._closed or self._clock.mono() > until:
                return
            self._wake.wait(0.01)

    def _still_away(self, why: str) -> None:
        with self._lock:
            was_suspected, self._is_suspected = self._is_suspected, False
            self._why = why
            if self._breaker.is_open:
                self._breaker = self._breaker.failed(self._clock.mono())
        if was_suspected:
            _tell_away(why)

    def _repay(self, store: BlockingShared) -> None:
        """Repeat what is owed; what was owed again meanwhile stays owed."""
        with self._lock:
            everything = self._owed_all
            globs = dict(self._owed_globs)
            stamps = dict(self._owed_stamps)
        if everything:
            store.answer(NewEpoch())
            with self._lock:
                if self._owed_all == everything:
                    self._owed_all = 0
        for glob, serial in globs.items():
            store.answer(AddPattern(glob))
            with self._lock:
                if self._owed_globs.get(glob) == serial:
                    del self._owed_globs[glob]
        names = tuple(stamps)
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            store.answer(ChangeStamps(batch))
            with self._lock:
                for name in batch:
                    if self._owed_stamps.get(name) == stamps[name]:
                        del self._owed_stamps[name]
        with self._lock:
            self._publish()
            if self._journal is not None and not self._debt:
                self._journal.clear()


def _tell_away(why: str) -> None:
    log.warning("shared store away (%s): answering from the near tier and the origin", why)
