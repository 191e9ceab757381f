"""The async driver: runs recipes on an event loop and flies their fills."""

import asyncio
import inspect
import time
from collections.abc import Coroutine, Mapping
from contextvars import Context
from typing import Any, TypeVar, cast

from keepwarm.core.entry import NO_DEBT, Seen
from keepwarm.core.fill import fill, leases_of
from keepwarm.core.heard import Heard
from keepwarm.core.outcome import Reason
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
    ReadShared,
    Recipe,
    Refresh,
    Slow,
    Step,
    Subject,
    must_ask_again,
)
from keepwarm.engine.answers import Answers, Parts
from keepwarm.engine.call import Call
from keepwarm.engine.context import current_fill, enter_fill, rides
from keepwarm.engine.flights import (
    Flight,
    NotFound,
    Results,
    Slots,
    Table,
    Wanted,
    all_of,
    reply_of,
    slots_of,
)
from keepwarm.engine.hints import Hints
from keepwarm.engine.straight import Asking, Glanced, Straight
from keepwarm.errors import FillAbandoned, FillTimeout, Overloaded
from keepwarm.ports import AsyncShared, StoreAway

R = TypeVar("R")

_LINGER_S = 0.2  # who read before a flight ended asks for it within an operation's timeout
_GRACE_S = 5.0  # how long closing waits for fills before it cancels them


class AsyncDriver:
    """Bound to one event loop. Ends cleanly: `aclose` waits for fills, then cancels them."""

    def __init__(self, parts: Parts, hints: Hints, shared: AsyncShared | None) -> None:
        self._parts = parts
        self._shared = shared
        self.answers = Answers(parts, hints)
        if shared is not None:
            self.answers.mirror = lambda: shared.mirror
            parts.guard.watch(shared)
        self.straight = Straight(parts, self.answers)
        self._table = Table()
        self._slots: dict[str, Slots] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def fills_running(self) -> int:
        return len(self._tasks)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is off with the store, in words."""
        return self._shared.notes if self._shared is not None else ()

    @property
    def heard(self) -> Heard:
        """Every change announced so far, by whatever process."""
        if self._shared is not None:
            return self._shared.heard
        assert self._parts.local is not None
        return self._parts.local.heard

    async def glance(self, asking: Asking) -> Seen | Away:
        """The reply to the first step of a read."""
        step, guard = asking.step, self._parts.guard
        if self._parts.local is not None:
            return cast("Seen", self.answers.here(step))
        if guard.is_open:
            return cast("Away", await self._unasked(step))
        assert self._shared is not None
        try:
            seen = cast("Seen", await self._shared.answer(step))
        except StoreAway as away:
            return cast("Away", self.answers.away(step, away, asking.sent_at))
        if seen.foreign or not guard.gate.is_open:
            return cast("Seen", self.answers.came(step, seen, NO_DEBT))
        guard.succeeded()
        return seen

    async def ask_shared(self, step: ReadShared) -> Seen | None:
        """The answer to one read that belongs to no call; None while the store is away."""
        local = self._parts.local
        reply = self.answers.here(step) if local is not None else await self.ask(step)
        return reply if isinstance(reply, Seen) else None

    async def run(
        self,
        recipe: Recipe[R],
        call: Call,
        flight: Flight | None = None,
        glanced: Glanced | None = None,
    ) -> R:
        """Answer the recipe's steps until it returns.

        `glanced` is a step that was asked for this recipe before it began, and its reply.
        """
        reply: Any = None
        quick = self.answers.table
        local = self._parts.local
        try:
            while True:
                step = recipe.send(reply)
                answer = quick.get(type(step))
                if answer is not None:
                    reply = answer(step, call)
                elif glanced is not None and step == glanced[0]:
                    reply, glanced = glanced[1], None
                elif isinstance(step, Fill):
                    reply = await self._fill(step, call)
                elif isinstance(step, FillMany):
                    reply = await self._fill_many(step, call)
                elif isinstance(step, Refresh):
                    self._refresh(step, call)
                    reply = None
                elif isinstance(step, CallOrigin):
                    assert flight is not None
                    reply = await self._origin(flight, step.subjects)
                elif isinstance(step, CloseFlight):
                    assert flight is not None
                    if not flight.is_plain:
                        self._table.remove(flight)
                    reply = flight.is_joined
                elif local is not None:
                    reply = self.answers.here(step)
                else:
                    reply = await self.ask(step)
        except StopIteration as stop:
            result: R = stop.value
            return result

    async def ask(self, step: Step[Any]) -> Any:
        """The shared store's answer to one step, or what it means that there was none."""
        guard = self._parts.guard
        known = self.answers.known(step)
        if known is not None:
            return known
        if self.answers.is_barred(step):
            return await self._unasked(step)
        assert self._shared is not None
        debt, sent_at = guard.debt, self._parts.clock.mono()
        try:
            reply = await self._shared.answer(step)
        except StoreAway as away:
            return self.answers.away(step, away, sent_at)
        except asyncio.CancelledError:
            self.answers.cut_short(step)
            raise
        return self.answers.came(step, reply, debt)

    async def _unasked(self, step: Step[Any]) -> Any:
        """What it means that the store is not asked while it is away.

        It costs a turn of the loop: who asks again and again, waiting for nothing, would
        otherwise keep it from connecting, and so the store away for ever.
        """
        reply = self.answers.unasked(step, self._parts.guard.why)
        await asyncio.sleep(0)
        return reply

    # Fills.

    async def _fill(self, step: Fill, call: Call) -> FillReply:
        subject = step.subject
        flight = None if step.alone else self._table.get(subject, step.token, call)
        is_joining = flight is not None
        if flight is None:
            flight = self._launch(
                ((subject, step.token),), call, listed=not step.alone, queue=not step.may_be_stale
            )
            if flight is None:
                return Busy()
        else:
            self._board(flight)
        soft_s = subject.policy.soft_timeout_s if step.may_be_stale else None
        return await self._wait(flight, subject, soft_s, is_joining)

    async def _fill_many(self, step: FillMany, call: Call) -> Mapping[str, FillReply]:
        waits: list[tuple[Flight, Subject, bool]] = []
        own: list[Any] = []
        for subject, token in step.wanted:
            flight = None if step.alone else self._table.get(subject, token, call)
            if flight is None:
                own.append((subject, token))
            else:
                self._board(flight)
                waits.append((flight, subject, True))
        if own:
            flight = self._launch(tuple(own), call, listed=not step.alone, queue=True)
            assert flight is not None
            waits += [(flight, subject, False) for subject, _ in own]
        for flight, _, _ in waits:
            flight.waiters += 1
        replies: dict[str, FillReply] = {}
        began = asyncio.get_running_loop().time()
        try:
            for flight, subject, is_joining in waits:
                waited_s = asyncio.get_running_loop().time() - began
                reply = await self._wait(flight, subject, None, is_joining, waited_s)
                if must_ask_again(reply) or not _is_not_found(reply):
                    replies[subject.name] = reply
        finally:
            for flight, _, _ in waits:
                flight.waiters -= 1
                self._forget_abandoned(flight)
        return replies

    def _refresh(self, step: Refresh, call: Call) -> None:
        if call.origin is None:
            return
        wanted = tuple(
            (subject, token)
            for subject, token in step.wanted
            if self._table.get(subject, token, call) is None
        )
        if wanted:
            self._launch(wanted, call, listed=True, queue=False, unwaited=True)

    def _launch(
        self, wanted: Wanted, call: Call, *, listed: bool, queue: bool, unwaited: bool = False
    ) -> Flight | None:
        """A new flight, started if there is a slot, else queued, or None without `queue`.

        A fill inside a fill rides on the outer one's slot, or the two could wait for each
        other for ever.
        """
        policy_name, policy = wanted[0][0].policy_name, wanted[0][0].policy
        flight = Flight(wanted, call, asyncio.get_running_loop().create_future())
        flight.is_unwaited = unwaited
        flight.is_alone = not listed
        if not rides():
            name = slots_of(policy_name, call.what)
            slots = self._slots.get(name)
            if slots is None:
                limit = policy.max_fills or self._parts.fills
                slots = self._slots[name] = Slots(limit)
            flight.slots = slots
            if not slots.take():
                if not queue:
                    return None
                if listed:
                    self._table.add(flight)
                slots.queue.append(flight)
                return flight
        if listed:
            self._table.add(flight)
        self._start(flight)
        return flight

    def _board(self, flight: Flight) -> None:
        """Join `flight`; from within a fill, not one that waits for the slot held by that fill.

        1. fill A of the policy's only slot runs   2. a caller of B queues
        3. A's origin calls B: it would wait for B, and B for A's slot
        """
        flight.is_joined = True
        if not rides() or flight.is_started or flight.slots is None:
            return
        flight.slots.queue.remove(flight)
        flight.slots = None
        self._start(flight)

    def _start(self, flight: Flight) -> None:
        flight.is_started = True
        if any(token is None for _, token in flight.wanted):
            # Its origin may already have read what a later caller must not be given.
            self._table.remove(flight)
        self._spawn(self._fly(flight), flight.context)

    def _spawn(self, work: Coroutine[Any, Any, None], context: Context) -> None:
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fly(self, flight: Flight) -> None:
        policy_name = flight.wanted[0][0].policy_name
        results: Results = all_of(flight.wanted, FillAbandoned(policy_name))
        try:
            with enter_fill():
                results = await self.run(
                    fill(flight.wanted, is_alone=flight.is_alone), flight.call, flight
                )
        except asyncio.CancelledError:
            self._forget(flight)  # by closing: its callers are told that it was abandoned
        except Exception as error:  # noqa: BLE001 - whatever it is, its callers are told
            self._forget(flight)
            results = all_of(flight.wanted, error)
        finally:
            self._ended(flight, results)

    def _forget(self, flight: Flight) -> None:
        """Lead no more what this flight led: nobody is to wait for it beyond its lease."""
        if self._shared is not None:
            self._shared.forget_leases(leases_of(flight.wanted))

    def _ended(self, flight: Flight, results: Results) -> None:
        """Tell the callers, and give the slot to the next flight, however this one ended."""
        if flight.is_plain:
            flight.ended_at = self._parts.clock.mono()
            asyncio.get_running_loop().call_later(_LINGER_S, self._table.remove, flight)
        else:
            self._table.remove(flight)
        if not flight.done.done():
            flight.done.set_result(results)
        if flight.slots is not None:
            following = flight.slots.next()
            if following is not None:
                self._start(following)

    async def _origin(
        self, flight: Flight, wanted: tuple[Subject, ...] | None
    ) -> Mapping[str, Produced | Raised]:
        call = flight.call
        subjects = wanted or tuple(subject for subject, _ in flight.wanted)
        current = current_fill()
        assert current is not None
        assert call.origin is not None
        began = time.perf_counter()
        try:
            try:
                values = call.origin(subjects)
                if inspect.isawaitable(values):
                    values = await values
            finally:
                flight.is_plain = self.answers.is_plain(call, current)
                cost_s = time.perf_counter() - began
                self._parts.observer.ran(subjects[0].policy_name, cost_s)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The origin cancelled itself; nobody who waits for it was cancelled.
            return {s.name: Raised(FillAbandoned(s.policy_name)) for s in subjects}
        except Exception as error:  # noqa: BLE001 - raised again in each caller
            return {s.name: Raised(error) for s in subjects}
        by_name = {subject.name: subject for subject in subjects}
        return {
            name: call.produced(by_name[name], value, current, cost_s)
            for name, value in values.items()
        }

    async def _wait(
        self,
        flight: Flight,
        subject: Subject,
        soft_s: float | None,
        is_joining: bool,
        waited_s: float = 0.0,
    ) -> FillReply:
        hard_s = subject.policy.hard_timeout_s
        flight.waiters += 1
        try:
            if soft_s is not None and soft_s < hard_s:
                await asyncio.wait((flight.done,), timeout=soft_s)
                if not flight.done.done():
                    flight.is_unwaited = True  # the caller goes, the refresh is still wanted
                    return Slow()
            await asyncio.wait((flight.done,), timeout=max(0.0, hard_s - waited_s))
        finally:
            flight.waiters -= 1
            self._forget_abandoned(flight)
            if not is_joining and not flight.done.done():
                flight.is_orphan = True  # what its origin was lent may be closed under it
        if not flight.done.done():
            if flight.is_started:
                return Raised(FillTimeout(subject.policy_name, hard_s), Reason.ORIGIN_SLOW)
            return Raised(Overloaded(subject.policy_name, hard_s), Reason.OVERLOADED)
        return reply_of(
            flight.done.result(), subject, is_joining=is_joining, is_plain=flight.may_share_failure
        )

    def _forget_abandoned(self, flight: Flight) -> None:
        """Nobody may join a flight that will never start because nobody waited."""
        if flight.is_abandoned and not flight.is_started:
            self._table.remove(flight)

    def abandon(self) -> None:
        """Let go of what a closed event loop left behind."""
        if self._shared is not None:
            self._shared.abandon()

    async def aclose(self) -> None:
        """Let running fills finish for a while, cancel the rest, release the store."""
        for slots in self._slots.values():
            while slots.queue:
                flight = slots.queue.popleft()
                if not flight.done.done():
                    policy_name = flight.wanted[0][0].policy_name
                    flight.done.set_result(all_of(flight.wanted, FillAbandoned(policy_name)))
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=_GRACE_S)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:  # an origin may ignore it: it is not waited for any longer
            await asyncio.wait(tuple(self._tasks), timeout=_GRACE_S)
        if self._shared is not None:
            await self._shared.aclose()


def _is_not_found(reply: FillReply) -> bool:
    return isinstance(reply, Raised) and isinstance(reply.error, NotFound)
