"""The cache: what an application holds, async here and blocking in its twin."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Self, TypeVar

from keepwarm.core import fetch as fetching
from keepwarm.core.breaker import FAULTS_TO_OPEN
from keepwarm.core.entry import Debt
from keepwarm.core.outcome import Outcome
from keepwarm.core.policy import Policy
from keepwarm.core.steps import Describe, Facts, Ping, ask
from keepwarm.engine.answers import SystemClock
from keepwarm.engine.call import Call, Plan
from keepwarm.engine.context import asking_first, build_on_nothing, report
from keepwarm.engine.declaring import Decorators
from keepwarm.engine.driver import AsyncDriver
from keepwarm.engine.hints import Hints
from keepwarm.engine.plans import Ack, Plans
from keepwarm.engine.reading import AsyncReading
from keepwarm.engine.straight import Glanced, Prepared
from keepwarm.engine.threads import BlockingCache
from keepwarm.engine.wiring import Wiring, begin, finish
from keepwarm.engine.writing import Duties, Writing
from keepwarm.errors import ConfigurationError
from keepwarm.forking import on_fork
from keepwarm.observe.counters import Stats
from keepwarm.observe.health import Health, health_of
from keepwarm.observe.marks import too_busy
from keepwarm.stores.codecs import Plain, codec_for

T = TypeVar("T")


class BaseCache(Decorators):
    """A cache made from its parts; applications use `keepwarm.Cache`."""

    def __init__(self, wiring: Wiring, *, enabled: bool = True) -> None:
        self._wiring = wiring
        self.gate = wiring.parts.guard.gate
        self.enabled = enabled
        hints = Hints()
        self.tokens = wiring.tokens
        self.plans = Plans(
            wiring.namespace,
            wiring.policies,
            wiring.bound_s,
            hints,
            tokens=wiring.tokens,
            strict_set=wiring.strict_set,
            marks=wiring.parts.marks,
            mono=wiring.parts.clock.mono,
        )
        self._hints = hints
        self._driver: AsyncDriver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._async = self
        self._threads = BlockingCache(self, wiring, hints)
        self._blocking = self._threads
        self._call = Call(codec_for(Plain), wiring.policies)
        self._duties = Duties()
        self._queued: list[Callable[[], int]] = []
        self._closed = False
        on_fork(self)

    def after_fork(self) -> None:
        """In a forked child: the loop, its flights and its connection were the parent's."""
        driver, self._driver, self._loop = self._driver, None, None
        if driver is not None:
            driver.abandon()

    @property
    def enabled(self) -> bool:
        """The switch: while it is off every call goes to the origin and nothing is stored.

        Invalidations are still carried out, so that nothing stale waits for its return.
        """
        return self._enabled

    @enabled.setter
    def enabled(self, is_enabled: bool) -> None:
        self._enabled = is_enabled
        self.gate.enable(is_enabled)

    @property
    def is_quick(self) -> bool:
        """Whether lifetimes are by the machine's clocks: the quickest way reads no other."""
        return isinstance(self._wiring.parts.clock, SystemClock)

    @property
    def namespace(self) -> str:
        return self._wiring.namespace

    @property
    def policies(self) -> Mapping[str, Policy]:
        return self._wiring.policies

    # Life.

    async def start(self) -> Self:
        """Connect, and say in the log if the store is away. Never raises for that."""
        self._running()
        for _ in range(FAULTS_TO_OPEN):  # so many faults in a row are an outage, and logged as one
            if await self._ask_ping():
                break
        return self

    async def aclose(self) -> None:
        """Let running fills end, stop retrying, disconnect. The cache may not be used after."""
        if self._closed:
            return
        await self._duties.aclose()
        self._closed = True
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.aclose()
        await asyncio.to_thread(self.end)

    @property
    def is_closed(self) -> bool:
        return self._closed

    def end(self) -> None:
        """Release all but the event loop's part; of a cache used from threads, that is all."""
        self._closed = True
        self.gate.clear(False)
        self._wiring.parts.guard.close()
        self._threads.release()
        self._wiring.closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def blocking(self) -> AbstractContextManager["BlockingCache"]:
        """The same cache for threads: `with cache.blocking() as c: c.get(...)`."""
        return self._threads

    def _running(self) -> AsyncDriver:
        loop = asyncio.get_running_loop()
        if self._driver is not None and self._loop is loop:
            return self._driver
        if self._closed:
            raise ConfigurationError("this cache was closed: make a new one")
        if self._loop is not None and not self._loop.is_closed():
            raise ConfigurationError(
                "this cache runs on another event loop: use one cache per loop, "
                "or cache.blocking() from other threads"
            )
        if self._driver is not None:
            self._driver.abandon()  # its loop is gone
        connect = self._wiring.connect
        shared = connect() if connect is not None else None
        self._driver, self._loop = AsyncDriver(self._wiring.parts, self._hints, shared), loop
        return self._driver

    async def fetch(self, prepared: Prepared) -> Any:
        """The value a call is about, from the nearest tier that may answer, else the origin."""
        driver = self._running()
        prepared.hinted(self._hints.get(prepared.subject.name))
        glanced: Glanced | None = None
        try:
            straight = driver.straight
            near = straight.near(prepared)
            if near is not None:
                return near[0]
            asking = straight.asking(prepared)
            if asking is not None:
                seen = await driver.glance(asking)
                found = straight.found(prepared, asking, seen)
                if found is not None:
                    return found[0]
                glanced = asking.step, seen
            result = await driver.run(
                fetching.fetch(prepared.subject), prepared.call, glanced=glanced
            )
        except BaseException:
            build_on_nothing()  # as below
            raise
        return finish(self.plans.fetched, result, self._wiring.counters)

    async def do(self, plan: Plan[T]) -> T:
        """Run a plan, and tell who listens how it went."""
        driver = self._running()
        begin(plan, self._wiring.counters)
        try:
            result = await driver.run(plan.recipe, plan.call)
        except BaseException:
            # Cancelled, as by a timeout around it: whatever the caller makes of that, an
            # enclosing fill does not know what it would depend on.
            build_on_nothing()
            raise
        return finish(plan.finish, result, self._wiring.counters)

    def passed(self, outcome: Outcome) -> None:
        """Count and tell of a call that went past the cache."""
        self._wiring.counters.bypassed(outcome)
        report(outcome)

    # By hand.

    async def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """The value stored under `key`, or `default`; decoded as `type` if one is given."""
        if not self.enabled:
            return default
        return await self.do(self.plans.get(key, type, default))

    async def peek(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """As `get`."""
        return await self.get(key, default, type=type)

    async def get_many(self, keys: Iterable[str], *, type: Any = None) -> dict[str, Any]:
        """The values of those `keys` that are stored, in one read."""
        if not self.enabled:
            return {}
        return await self.do(self.plans.get_many(keys, type))

    async def set(
        self,
        key: str,
        value: Any,
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> bool:
        """Store `value`, read nobody knows when: `unfenced`, outside the promise of freshness.

        False where it was not stored (the store is away, or the cache is off). Raises
        TypeError for a value that would not come back as it is.
        """
        return await self.set_many({key: value}, policy, tags=tags, type=type)

    async def set_many(
        self,
        values: Mapping[str, Any],
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> bool:
        """As `set`, for several keys with the same policy and tags."""
        plan = self.plans.set_many(values, policy, tags, type)
        return await self.do(plan if self.enabled else self.plans.discard(*values))

    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], Awaitable[Any]] | Callable[[], Any],
        policy: str | Policy,
        *,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> Any:
        """The value of `key`, by `factory()` if there is none; fenced, one call for all."""
        if not self.enabled:
            value = factory()
            return await value if inspect.isawaitable(value) else value
        return await self.fetch(Prepared(*self.plans.get_or_set(key, factory, policy, tags, type)))

    def reading(self, key: str, *tags: str, policy: str | Policy, type: Any = None) -> AsyncReading:
        """A fenced set by hand: `async with cache.reading(k, t, policy="p") as r: r.set(...)`.

        What is set is stored only if none of the names it depends on was invalidated since
        the block began; `r.is_stored` and `r.reason` say so afterwards.
        """
        return AsyncReading(self, self.plans.reading(key, tags, policy, type))

    def after(self, token: str | None) -> AbstractContextManager[None]:
        """Inside, nothing is older than the acknowledgement that `token` (`ack.token`) is of.

        For `Bounded`: a user who has just written reads his own write on any process. It
        forbids near copies that would be served unasked, and never waits. None, or a token
        of more than a minute ago, changes nothing; one that cannot be read is obeyed.
        """
        return asking_first(self.tokens.is_recent(token))

    async def touch(self, key: str, policy: str | Policy, *, type: Any = None) -> bool:
        """Start the entry's lifetime anew; False if there is none."""
        return self.enabled and await self.do(self.plans.touch(key, policy, type))

    async def delete(self, *keys: str, type: Any = None) -> Ack:
        """Make exactly these keys unservable everywhere and free them.

        Raises NotAcknowledged if that could not be confirmed.
        """
        return await self.do(self.plans.delete(keys, type))

    # Invalidation.

    async def invalidate(self, *tags: str, then: str | None = None) -> Ack:
        """Make every entry carrying any of `tags` unservable, in every process.

        Returns once no process can serve a value loaded before this call. One round
        trip, however many entries carry the tags. With `then="stale"` they may be served
        while they refresh, as far as their policy's stale windows go.

        Raises NotAcknowledged if it could not be confirmed; it then goes on being retried
        while this process lives, which meanwhile serves none of them.
        """
        return await self.do(self.plans.invalidate(tags, then))

    async def invalidate_key(self, *keys: str) -> Ack:
        """Make the entries of these logical keys unservable, whatever their type."""
        return await self.do(self.plans.invalidate_keys(keys, ()))

    async def invalidate_pattern(self, pattern: str, *, dry_run: bool = False) -> Ack:
        """Make every entry unservable whose logical key matches; `*` and `?` are special.

        With `dry_run` only say which stored keys it would hit (`ack.matched`).
        """
        if dry_run:
            return await self.do(self.plans.preview(pattern))
        return await self.do(self.plans.invalidate_pattern(pattern))

    async def clear(self) -> Ack:
        """Make everything in the namespace unservable."""
        return await self.do(self.plans.clear())

    def writing(self, *tags: str) -> Writing:
        """A block in which something is changed on which entries with `tags` depend.

        Nothing of them is served from or stored in any tier while the block runs, so that a
        process that dies between its commit and its invalidation leaves nothing stale.
        Entering raises WriteNotAnnounced if that could not be arranged, and so does
        `await w.check()`, to be called right before the commit. Leaving invalidates, also
        after an error, and raises NotAcknowledged as `invalidate` does.

            async with cache.writing("character:5") as w:
                ...                # the change
                await w.check()
                await session.commit()
        """
        return Writing(self, self._duties, self.plans.writing(tags))

    # Looking at it.

    async def health(self) -> Health:
        """Whether the cache can do its work, and how long the store takes to answer."""
        began = time.perf_counter()
        answered = await self._ask_ping()
        latency_ms = (time.perf_counter() - began) * 1000 if answered else None
        facts = await self.facts() if answered else Facts()
        notes = self._running().notes if answered else ()
        queued = self._count_queued()
        if queued:
            notes = (*notes, f"{queued} committed write(s) wait in an outbox to be invalidated")
        busiest = self._wiring.parts.marks.busiest(self._wiring.parts.clock.mono())
        if busiest:
            notes = (*notes, too_busy(busiest))
        facts = replace(facts, notes=(*facts.notes, *notes))
        found = health_of(self._wiring.parts, self._wiring.counters, latency_ms, facts)
        return replace(found, pending_invalidations=found.pending_invalidations + queued)

    def watch_pending(self, count: Callable[[], int]) -> None:
        """Have health and figures add `count()`: committed writes that wait in an outbox."""
        self._queued.append(count)

    def _count_queued(self) -> int:
        return sum(count() for count in self._queued)

    async def facts(self) -> Facts:
        """What the shared store says of itself: memory, limit, what it would not say."""
        reply: Any = await self._running().run(ask(Describe()), self._call)
        return reply if isinstance(reply, Facts) else Facts()

    def stats(self) -> Stats:
        """Counts since start-up, by tier and policy; no keys, no values."""
        found = self._wiring.counters.stats(self._wiring.parts, enabled=self.enabled)
        queued = self._count_queued()
        if not queued:
            return found
        return replace(found, pending_invalidations=found.pending_invalidations + queued)

    def owed(self) -> Debt:
        """The invalidations that are still unconfirmed and being retried."""
        return self._wiring.parts.guard.debt

    async def _ask_ping(self) -> bool:
        reply: Any = await self._running().run(ask(Ping()), self._call)
        return reply is None

    def __repr__(self) -> str:
        return f"<Cache {self.namespace!r}, {len(self.policies)} policies>"
