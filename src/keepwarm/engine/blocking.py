"""The blocking driver: the same recipes for threads.

A fill runs in the thread of its first caller, which keeps thread-bound sessions usable;
only one that its caller may leave behind (a refresh, a soft timeout) runs in a pool.
"""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from keepwarm.core.entry import Seen
from keepwarm.core.fill import fill, leases_of
from keepwarm.core.outcome import Reason
from keepwarm.core.stamps import Token
from keepwarm.core.steps import (
    Away,
    Busy,
    CallOrigin,
    CloseFlight,
    Fill,
    FillMany,
    FillReply,
    Produced,
    Raised,
    Recipe,
    Refresh,
    Slow,
    Step,
    Subject,
    must_ask_again,
)
from keepwarm.engine.answers import Answers, Parts
from keepwarm.engine.call import Call, Values
from keepwarm.engine.context import current_fill, enter_fill, rides
from keepwarm.engine.flights import (
    Key,
    NotFound,
    Results,
    Wanted,
    all_of,
    key_of,
    reply_of,
    slots_of,
)
from keepwarm.engine.hints import Hints
from keepwarm.engine.straight import Asking, Glanced, Straight
from keepwarm.errors import FillAbandoned, FillTimeout, Overloaded
from keepwarm.ports import BlockingShared, StoreAway

R = TypeVar("R")


@dataclass(eq=False, slots=True)
class _Flight:
    wanted: Wanted
    call: Call
    done: "Future[Results]" = field(default_factory=Future)
    is_started: bool = False
    is_joined: bool = False
    is_plain: bool = False
    is_alone: bool = False
    is_riding: bool = field(default_factory=rides)
    """It began inside another fill and rides on that one's slot."""


class BlockingDriver:
    """Safe to use from any number of threads."""

    def __init__(self, parts: Parts, hints: Hints, shared: BlockingShared | None) -> None:
        self._parts = parts
        self._shared = shared
        self.answers = Answers(parts, hints)
        if shared is not None:
            self.answers.mirror = lambda: shared.mirror
            parts.guard.watch(shared)
        self.straight = Straight(parts, self.answers)
        self._lock = threading.Lock()
        self._by_key: dict[Key, _Flight] = {}
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._pool: ThreadPoolExecutor | None = None

    def glance(self, asking: Asking) -> Seen | Away:
        """The reply to the first step of a read."""
        local = self._parts.local
        step = asking.step
        return cast(
            "Seen | Away", self.answers.here(step) if local is not None else self._ask(step)
        )

    def run(
        self,
        recipe: Recipe[R],
        call: Call,
        flight: _Flight | None = None,
        glanced: Glanced | None = None,
    ) -> R:
        """Answer the recipe's steps until it returns; `glanced` as for the async driver."""
        reply: Any = None
        quick = self.answers.table
        try:
            while True:
                step = recipe.send(reply)
                answer = quick.get(type(step))
                if answer is not None:
                    reply = answer(step, call)
                elif glanced is not None and step == glanced[0]:
                    reply, glanced = glanced[1], None
                elif isinstance(step, Fill):
                    reply = self._fill(step, call)
                elif isinstance(step, FillMany):
                    reply = self._fill_many(step, call)
                elif isinstance(step, Refresh):
                    self._refresh(step, call)
                    reply = None
                elif isinstance(step, CallOrigin):
                    assert flight is not None
                    reply = self._origin(flight, step.subjects)
                elif isinstance(step, CloseFlight):
                    assert flight is not None
                    with self._lock:
                        if not flight.is_plain:
                            self._unlist(flight)
                        reply = flight.is_joined
                elif self._parts.local is not None:
                    reply = self.answers.here(step)
                else:
                    reply = self._ask(step)
        except StopIteration as stop:
            result: R = stop.value
            return result

    def _ask(self, step: Step[Any]) -> Any:
        guard = self._parts.guard
        known = self.answers.known(step)
        if known is not None:
            return known
        if self.answers.is_barred(step):
            return self.answers.unasked(step, guard.why)
        assert self._shared is not None
        debt, sent_at = guard.debt, self._parts.clock.mono()
        try:
            reply = self._shared.answer(step)
        except StoreAway as away:
            return self.answers.away(step, away, sent_at)
        return self.answers.came(step, reply, debt)

    # Fills.

    def _fill(self, step: Fill, call: Call) -> FillReply:
        subject, has_slot = step.subject, False
        if step.may_be_stale and (step.alone or not self._can_join(subject, step.token, call)):
            # Before the flight is listed: nobody must join one that gives up at once.
            has_slot = self._take(subject, call.what, 0)
            if not has_slot:
                return Busy()
        flight, is_joining = self._join(((subject, step.token),), call, listed=not step.alone)
        if is_joining:
            if has_slot and not rides():
                self._release(subject, call.what)
            return self._wait(flight, subject, step.may_be_stale, is_joining=True)
        if not has_slot:
            self._lead(flight)
        elif subject.policy.soft_timeout_s is not None:
            self._in_pool(flight)
            return self._wait(flight, subject, may_be_stale=True, is_joining=False)
        else:
            self._fly(flight)
        return _reply(flight, subject, is_joining=False)

    def _fill_many(self, step: FillMany, call: Call) -> Mapping[str, FillReply]:
        waits: list[tuple[_Flight, Subject]] = []
        own: list[Any] = []
        with self._lock:
            for subject, token in step.wanted:
                flight = None if step.alone else self._joinable(subject, token, call)
                if flight is None:
                    own.append((subject, token))
                else:
                    flight.is_joined = True
                    waits.append((flight, subject))
        replies: dict[str, FillReply] = {}
        if own:
            flight = _Flight(tuple(own), call, is_alone=step.alone)
            if not step.alone:
                with self._lock:
                    self._list(flight)
            self._lead(flight)
            for subject, _ in own:
                replies[subject.name] = _reply(flight, subject, is_joining=False)
        for flight, subject in waits:
            replies[subject.name] = self._wait(flight, subject, False, is_joining=True)
        return {
            name: reply
            for name, reply in replies.items()
            if must_ask_again(reply)
            or not (isinstance(reply, Raised) and isinstance(reply.error, NotFound))
        }

    def _refresh(self, step: Refresh, call: Call) -> None:
        if call.origin is None:
            return
        subject = step.wanted[0][0]
        if not self._take(subject, call.what, 0):
            return
        with self._lock:
            wanted = tuple(w for w in step.wanted if key_of(*w, call.what) not in self._by_key)
            flight = _Flight(wanted, call)
            self._list(flight)
        if wanted:
            self._in_pool(flight)
        elif not flight.is_riding:
            self._release(subject, call.what)

    def _can_join(self, subject: Subject, token: Token | None, call: Call) -> bool:
        with self._lock:
            return self._joinable(subject, token, call) is not None

    def _joinable(self, subject: Subject, token: Token | None, call: Call) -> _Flight | None:
        """The flight to join, under the lock.

        From within a fill, not one that waits for a slot: it may be the slot of this fill.
        """
        found = self._by_key.get(key_of(subject, token, call.what))
        return found if found is None or found.is_started or not rides() else None

    def _join(self, wanted: Wanted, call: Call, *, listed: bool) -> tuple[_Flight, bool]:
        """The flight that may be joined for the one thing wanted, else a new one."""
        with self._lock:
            found = self._joinable(*wanted[0], call) if listed else None
            if found is not None:
                found.is_joined = True
                return found, True
            flight = _Flight(wanted, call, is_alone=not listed)
            if listed:
                self._list(flight)
            return flight, False

    def _lead(self, flight: _Flight) -> None:
        """Fly it in this thread, as soon as there is a slot."""
        subject = flight.wanted[0][0]
        hard_s = subject.policy.hard_timeout_s
        if self._take(subject, flight.call.what, hard_s):
            self._fly(flight)
        else:
            self._give_up(flight, Overloaded(subject.policy_name, hard_s))

    def _take(self, subject: Subject, what: str, timeout_s: float) -> bool:
        if rides():
            return True  # rides on the slot of the fill around it
        with self._lock:
            name = slots_of(subject.policy_name, what)
            slots = self._slots.get(name)
            if slots is None:
                limit = subject.policy.max_fills or self._parts.fills
                slots = self._slots[name] = threading.BoundedSemaphore(limit)
        return slots.acquire(timeout=timeout_s) if timeout_s else slots.acquire(blocking=False)

    def _release(self, subject: Subject, what: str) -> None:
        self._slots[slots_of(subject.policy_name, what)].release()

    def _in_pool(self, flight: _Flight) -> None:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(thread_name_prefix="keepwarm-fill")
            pool = self._pool
        pool.submit(copy_context().run, self._fly, flight)

    def _fly(self, flight: _Flight) -> None:
        with self._lock:
            flight.is_started = True
            if any(token is None for _, token in flight.wanted):
                # Its origin may already have read what a later caller must not be given.
                self._unlist(flight)
        policy_name = flight.wanted[0][0].policy_name
        results: Results = all_of(flight.wanted, FillAbandoned(policy_name))
        try:
            results = copy_context().run(self._run_fill, flight)
        except Exception as error:  # noqa: BLE001 - whatever it is, its callers are told
            if self._shared is not None:
                self._shared.forget_leases(leases_of(flight.wanted))
            results = all_of(flight.wanted, error)
        finally:
            with self._lock:
                self._unlist(flight)
            flight.done.set_result(results)
            if not flight.is_riding:
                self._release(flight.wanted[0][0], flight.call.what)

    def _run_fill(self, flight: _Flight) -> Results:
        with enter_fill():
            return self.run(fill(flight.wanted, is_alone=flight.is_alone), flight.call, flight)

    def _give_up(self, flight: _Flight, error: Exception) -> None:
        with self._lock:
            self._unlist(flight)
        results = {subject.name: Raised(error, Reason.OVERLOADED) for subject, _ in flight.wanted}
        flight.done.set_result(results)

    def _origin(
        self, flight: _Flight, wanted: tuple[Subject, ...] | None
    ) -> Mapping[str, Produced | Raised]:
        call = flight.call
        subjects = wanted or tuple(subject for subject, _ in flight.wanted)
        current = current_fill()
        assert current is not None
        assert call.origin is not None
        began = time.perf_counter()
        try:
            try:
                values = cast("Values", call.origin(subjects))
            finally:
                flight.is_plain = self.answers.is_plain(call, current)
                cost_s = time.perf_counter() - began
                self._parts.observer.ran(subjects[0].policy_name, cost_s)
        except Exception as error:  # noqa: BLE001 - raised again in each caller
            return {s.name: Raised(error) for s in subjects}
        by_name = {subject.name: subject for subject in subjects}
        return {
            name: call.produced(by_name[name], value, current, cost_s)
            for name, value in values.items()
        }

    def _wait(
        self, flight: _Flight, subject: Subject, may_be_stale: bool, *, is_joining: bool
    ) -> FillReply:
        hard_s = subject.policy.hard_timeout_s
        soft_s = subject.policy.soft_timeout_s if may_be_stale else None
        if soft_s is not None and not wait((flight.done,), timeout=soft_s).done:
            return Slow()
        if not wait((flight.done,), timeout=hard_s).done:
            if flight.is_started:
                return Raised(FillTimeout(subject.policy_name, hard_s), Reason.ORIGIN_SLOW)
            return Raised(Overloaded(subject.policy_name, hard_s), Reason.OVERLOADED)
        return _reply(flight, subject, is_joining=is_joining)

    def _list(self, flight: _Flight) -> None:
        for subject, token in flight.wanted:
            self._by_key.setdefault(key_of(subject, token, flight.call.what), flight)

    def _unlist(self, flight: _Flight) -> None:
        for subject, token in flight.wanted:
            key = key_of(subject, token, flight.call.what)
            if self._by_key.get(key) is flight:
                del self._by_key[key]

    def close(self) -> None:
        """Wait for fills in the pool, then release the store."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        if self._shared is not None:
            self._shared.close()


def _reply(flight: _Flight, subject: Subject, *, is_joining: bool) -> FillReply:
    results = flight.done.result()
    return reply_of(results, subject, is_joining=is_joining, is_plain=flight.is_plain)
