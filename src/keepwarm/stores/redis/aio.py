"""The shared store in Redis or Valkey for the async engine."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, TypeVar, cast

from keepwarm.core.entry import Seen
from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Mirror
from keepwarm.core.steps import (
    AwaitLeader,
    Changed,
    Describe,
    Elect,
    Facts,
    ReadShared,
    Release,
    ReplaceShared,
    Scan,
    Settle,
    Step,
)
from keepwarm.core.times import TIMES, Times
from keepwarm.ports import StoreAway
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.memory import new_nonce
from keepwarm.stores.redis.bulk import Bulk
from keepwarm.stores.redis.cluster import ClusterEntries, name_of
from keepwarm.stores.redis.failures import GONE, Refused, as_away
from keepwarm.stores.redis.link import Link, heard
from keepwarm.stores.redis.operations import Call, Operation, Operations
from keepwarm.stores.redis.reads import Reads
from keepwarm.stores.redis.reports import facts
from keepwarm.stores.redis.settings import OPERATION_TIMEOUT_S, Address

R = TypeVar("R")
SCAN_COUNT = 500  # keys a step of a walk looks at: well under a millisecond of the server


class AsyncRedis:
    """Answers the shared steps over one connection of one event loop.

    An operation takes at most `timeout_s`, connecting included. With `is_strict` the near
    tier may answer by itself while the mirror has a lease. A `is_quiet` one neither
    listens nor beats: for who comes, does a few operations and goes.
    """

    def __init__(
        self,
        address: Address,
        namespace: str,
        sealing: Sealing,
        timeout_s: float = OPERATION_TIMEOUT_S,
        *,
        times: Times = TIMES,
        is_strict: bool = False,
        is_quiet: bool = False,
    ) -> None:
        me = new_nonce()
        times = replace(times, operation_s=timeout_s)
        self.mirror = Mirror(times.lease_s) if is_strict else None
        self._timeout_s = timeout_s
        self._operations = Operations(namespace, sealing, me=me, times=times)
        # In a cluster the metadata lies on one node, the entries on all.
        self._entries = ClusterEntries(address, timeout_s) if address.is_cluster else None
        self._link = Link(
            address,
            self._operations,
            me,
            times,
            mirror=self.mirror,
            is_quiet=is_quiet,
            locate=self._locate if self._entries is not None else None,
        )

        self._bulk = Bulk(lambda: self._link.address)
        self._reads = Reads(self._link, self._operations, self._bulk, self.mirror, self._away)

    @property
    def heard(self) -> Heard:
        """Every change announced so far."""
        return self._link.heard

    @property
    def is_up(self) -> bool:
        """False while a connection that was lost, or never came about, is being made."""
        return not self._link.is_reconnecting

    @property
    def notes(self) -> tuple[str, ...]:
        """What keeps the near tier from answering by itself, in words."""
        if self._link.is_reconnecting:
            return ()
        notes = []
        if self.mirror is not None and not self._link.hears:
            notes.append("announcements are not permitted (SSUBSCRIBE): near copies are validated")
        if self._link.is_mute:
            notes.append(
                "announcing is not permitted (SPUBLISH): each invalidation waits for a whole lease"
            )
        return tuple(notes)

    def answer(self, step: Step[R]) -> Awaitable[R]:
        if isinstance(step, ReadShared):
            return cast("Awaitable[R]", self._read(step))
        return self._answer(step)

    async def _answer(self, step: Step[R]) -> R:
        if isinstance(step, Settle):
            return cast("R", await self._link.settle(step.changed))
        if isinstance(step, AwaitLeader):
            return cast("R", await self._link.await_leader(step.lease, step.within_s))
        if isinstance(step, Release):
            call = self._operations.of(step).metadata[0]
            assert isinstance(call, Call)
            return cast("R", self._link.tell(call))
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            return await self._carry_out(step, deadline)
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the store is away
            raise self._away(error) from None

    def _read(self, step: ReadShared) -> Awaitable[Seen]:
        """Together with whatever else is read in this turn of the loop."""
        if self._link.wire is not None and (self._entries is None or not step.names):
            return self._reads.ask(step.names, step.stamps, self._timeout_s)
        return self._read_slowly(step)

    async def _read_slowly(self, step: ReadShared) -> Seen:
        """Where there is no connection yet, or entries lie on other nodes."""
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            if self._entries is not None and step.names:
                return await self._read_apart(self._entries, step, deadline)
            operation: Operation[Any] = self._operations.of(step)
            return cast("Seen", await self._run(operation, deadline))
        except Exception as error:  # noqa: BLE001 - as above
            raise self._away(error) from None

    def _away(self, error: BaseException) -> StoreAway:
        away = as_away(error)
        if away.why in GONE:
            self._link.renew(away.why)
        return away

    async def _locate(self, has_failed: bool) -> Address:
        """Where the metadata lies now; `has_failed` distrusts what was known of it."""
        assert self._entries is not None
        if has_failed:
            self._entries.renew()
        return await self._entries.home(self._operations.epoch_key)

    def forget_leases(self, leases: tuple[str, ...]) -> None:
        """Prolong these no more: their fill ended without a word."""
        for lease in leases:
            self._operations.leading.pop(lease, None)

    async def aclose(self) -> None:
        await self._link.aclose()
        await self._bulk.aclose()
        if self._entries is not None:
            await self._entries.aclose()

    def abandon(self) -> None:
        """Let go of the sockets of an event loop that has been closed."""
        if self.mirror is not None:
            self.mirror.forget()  # nobody will tell it anything any more
        self._link.abandon()
        self._bulk.abandon()

    async def _carry_out(self, step: Step[R], deadline: float) -> R:
        if isinstance(step, Scan):
            return cast("R", await self._scan(step, deadline))
        if isinstance(step, Describe):
            return cast("R", await self._describe(deadline))
        if isinstance(step, ReplaceShared):
            raw = await self._raw(step.name, deadline)
            operation = self._operations.swap(step, raw)
            return cast("R", operation is not None and await self._run(operation, deadline))
        if isinstance(step, Elect):
            return cast("R", await self._elect(step, deadline))
        return await self._run(self._operations.of(step), deadline)

    async def _raw(self, name: str, deadline: float) -> bytes | None:
        """An entry as it lies in the store."""
        if self._link.wire is not None and self._entries is None:
            return await self._reads.get(name, self._timeout_s)
        return await self._run(self._operations.fetch_raw(name), deadline)

    async def _read_apart(self, entries: ClusterEntries, step: ReadShared, deadline: float) -> Seen:
        """Stamps from their node and entries from theirs, at once: they need not be atomic."""
        operation: Operation[Any] = self._operations.of(ReadShared((), step.stamps))
        seen, raw = await asyncio.gather(
            self._run(operation, deadline), entries.ask(("MGET", *step.names), deadline)
        )
        found, foreign = self._operations.opened(step.names, raw)
        return cast("Seen", seen).but(entries=found, foreign=foreign)

    async def _elect(self, step: Elect, deadline: float) -> tuple[float | None, ...]:
        self._link.watch(step.leases)
        led: tuple[str, ...] = step.leases
        try:
            found = await self._run(self._operations.of(step), deadline)
            led = tuple(x for x, left in zip(step.leases, found, strict=True) if left is None)
            return found
        finally:
            for lease in led:
                self._link.unwatch(lease)

    async def _run(self, operation: Operation[R], deadline: float) -> R:
        """Send it and read its replies, teaching the mirror in the moment they arrive."""
        mirror = self.mirror
        ticket = mirror.ticket() if mirror is not None else 0

        def read(replies: list[Any]) -> Any:
            for n, reply in enumerate(replies):
                if isinstance(reply, Refused) and reply.code == "WRONGTYPE":
                    replies[n] = None  # of another kind: as good as missing, as MGET says, too
                elif isinstance(reply, Exception):
                    raise reply
            result: Any = operation.read(replies)
            if isinstance(result, Seen) and mirror is not None:
                mirror.learn(ticket, result)
            return heard(result) if isinstance(result, Changed) else result

        if operation.entries and self._entries is not None:
            replies = [await self._entries.ask(c, deadline) for c in operation.entries]
            return cast("R", read(replies))
        commands = (*operation.metadata, *operation.entries)
        if not commands:
            return cast("R", read([]))
        if operation.is_large and self._entries is None:
            plain = [c for c in operation.entries if not isinstance(c, Call)]
            return cast("R", read(await self._bulk.set(plain, deadline)))
        first = commands[0]
        if isinstance(first, Call):  # scripts travel alone
            if operation.is_change:
                self._link.expect(str(first.args[0]))
            return cast("R", await self._link.script(first, deadline, read))
        plain = [c for c in commands if not isinstance(c, Call)]
        return cast("R", await self._link.ask(plain, deadline, read))

    async def _scan(self, step: Scan, deadline: float) -> tuple[str, ...]:
        if self._entries is not None:
            return await self._entries.scan(step)
        found: dict[str, None] = {}  # a walk may meet a key twice
        cursor: Any = 0
        while True:
            command = ("SCAN", cursor, "MATCH", step.match, "COUNT", SCAN_COUNT)
            (reply,) = await self._link.ask([command], self._later(deadline))
            if isinstance(reply, Refused):
                raise reply
            cursor, keys = reply
            found |= dict.fromkeys(map(name_of, keys))
            if int(cursor) == 0 or len(found) >= step.limit:
                return tuple(found)[: step.limit]

    def _later(self, deadline: float) -> float:
        """A walk is many operations: each has its own deadline."""
        return max(deadline, asyncio.get_running_loop().time() + self._timeout_s)

    async def _describe(self, deadline: float) -> Facts:
        commands = (("INFO", "memory"), ("DBSIZE",), ("GET", self._operations.epoch_key))
        replies = await self._link.ask(commands, deadline)
        for reply in replies:
            if isinstance(reply, Exception) and as_away(reply).is_fault:
                raise reply
        return facts(*replies)


__all__ = ["AsyncRedis", "StoreAway"]
