"""The link of one event loop to the server that holds the metadata: one connection, kept up.

How to think of it: all requests of the loop share one connection (`Wire`). It greets the
server before anything else may use it, is kept alive by heartbeats, and when it is lost it
is made again in the background. Requests wait for it only where that is quick: when it is
first made, or was closed by the other side. After a timeout they are told at once that the
store is away, so that a frozen server costs whoever meets it first one timeout and nobody
after him anything (G6).

On this connection, too, the near tier hears what others change (`core.mirror`), and this
process hears who has confirmed its own changes, and whose fills have ended.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import hiredis

from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Mirror
from keepwarm.core.steps import Changed, Handed, Holder, Renewed, Strike
from keepwarm.core.times import Times
from keepwarm.dice import DICE
from keepwarm.ports import StoreAway
from keepwarm.stores.memory import new_nonce
from keepwarm.stores.redis.dialing import dial
from keepwarm.stores.redis.failures import GONE, Refused, as_away
from keepwarm.stores.redis.operations import Call, Operation, Operations
from keepwarm.stores.redis.replies import parse_told
from keepwarm.stores.redis.settings import Address
from keepwarm.stores.redis.wire import Reader, Wire

_DONE = b"keepwarm-greeted"
_KEPT_S = 2.0  # confirmations of a change nobody waits for any more
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_s() -> float:
    """Seconds on the clock that leases are measured with: it counts sleep, and never jumps."""
    return time.clock_gettime(_SINCE_BOOT)


class Link:
    """Bound to one event loop.

    `mirror` is given where the near tier is to answer by itself (strict). `locate` is asked
    before each connection where the metadata lies, as it may move in a
    cluster; it is told whether the last connection was lost or did not come about.
    """

    def __init__(
        self,
        address: Address,
        operations: Operations,
        me: str,
        times: Times,
        *,
        mirror: Mirror | None = None,
        is_quiet: bool = False,
        locate: Callable[[bool], Awaitable[Address]] | None = None,
    ) -> None:
        self._address = address
        self._locate = locate
        self._has_failed = False
        self.mirror = mirror
        self.why = ""
        """Why the link is down, in a word; empty while it is up or was never needed."""
        self.heard = Heard()
        """Every change announced so far: what the browsers' channel is fed from."""
        self.hears = False
        """Whether announcements reach us: without, the near tier must ask each time."""
        self.is_mute = False
        """Whether ours reach nobody: each invalidation then waits for a whole lease."""
        self._operations = operations
        self._me = me
        self._times = times
        self._is_quiet = is_quiet
        self._wire: Wire | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[Wire]] = set()
        self._hurry = asyncio.Event()
        self._is_closed = False
        self._ahead_ms = 0
        self._stayed_at = 0.0
        self._confirmed: dict[str, set[tuple[str, str]]] = {}
        self._settling: dict[str, tuple[set[tuple[str, str]], asyncio.Future[None]]] = {}
        self._handed: dict[str, asyncio.Future[Handed]] = {}
        self._incomplete: tuple[str, float] = ("", 0.0)
        operations.now_ms = self._server_ms

    @property
    def wire(self) -> Wire | None:
        """The connection, greeted and open; None while there is none."""
        return self._wire

    @property
    def address(self) -> Address:
        """Where it leads, as last looked up."""
        return self._address

    @property
    def is_reconnecting(self) -> bool:
        return self._keeping is not None and not self._keeping.done()

    # Asking.

    async def ask(
        self, commands: Sequence[Sequence[Any]], deadline: float, read: Reader | None = None
    ) -> Any:
        """As Wire.exchange, over whichever connection there is."""
        wire = self._wire
        if wire is None:
            wire = await self._connected(deadline)
        return await wire.exchange(commands, deadline, read)

    async def script(self, call: Call, deadline: float, read: Reader) -> Any:
        """Run a script by its hash, or by its text where the server does not know it yet."""
        arguments = (len(call.keys), *call.keys, *call.args)

        def first(replies: list[Any]) -> Any:
            error = replies[0]
            if isinstance(error, Refused) and error.code == "NOSCRIPT":
                return error
            return read(replies)

        reply = await self.ask([("EVALSHA", call.script.sha, *arguments)], deadline, first)
        if isinstance(reply, Refused):
            reply = await self.ask([("EVAL", call.script.text, *arguments)], deadline, read)
        return reply

    async def _connected(self, deadline: float) -> Wire:
        if self._is_closed:
            raise StoreAway("closed", is_fault=False)
        if self.why == "timeout":
            raise StoreAway(self.why)
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.get_running_loop().create_task(self._keep())
        self._hurry.set()
        future: asyncio.Future[Wire] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout_at(deadline):
                return await future
        except TimeoutError:
            raise StoreAway("timeout") from None
        finally:
            self._waiting.discard(future)

    # Keeping it up.

    async def _keep(self) -> None:
        """Connect, and try again until it works or the link is closed."""
        while not self._is_closed:
            self._hurry.clear()
            try:
                wire = await self._connect()
            except StoreAway as away:
                self._down(away.why)
            except Exception as error:  # noqa: BLE001 - whatever it is, there is no connection
                self._down(as_away(error).why)
            else:
                if wire.is_open:
                    self._up(wire)
                    return
                self._down("unreachable")
            pause_s = self._times.reconnect_s * DICE.uniform(0.5, 1.5)
            try:
                async with asyncio.timeout(pause_s):
                    await self._hurry.wait()
            except TimeoutError:
                continue

    async def _connect(self) -> Wire:
        loop = asyncio.get_running_loop()
        # After a timeout whoever asks is refused at once, so an attempt may take its time.
        was_slow = self.why == "timeout"
        times = self._times
        patience_s = max(times.patient_s, times.operation_s) if was_slow else times.operation_s
        deadline = loop.time() + patience_s
        wires: list[Wire] = []

        def make() -> Wire:
            wires.append(Wire(self._heard, self._lost))
            return wires[-1]

        greeted = False
        try:
            async with asyncio.timeout_at(deadline):
                if self._locate is not None:
                    self._address = await self._locate(self._has_failed)
                self._has_failed = True
                await dial(self._address, make)
                await self._greet(wires[-1], deadline)
            greeted = True
            self._has_failed = False
        except TimeoutError as error:
            raise StoreAway("timeout") from error
        finally:
            if not greeted:
                for wire in wires:
                    wire.close("timeout")
        return wires[-1]

    async def _greet(self, wire: Wire, deadline: float) -> None:
        """Everything a connection begins with, in one trip; nobody else may use it before."""
        if self.mirror is not None:
            self.mirror.forget()
        commands: list[Sequence[Any]] = [*self._address.handshake(), self._operations.greeting()]
        channels = () if self._is_quiet else self._operations.channels
        listening: list[tuple[Any, ...]] = [("SSUBSCRIBE", channel) for channel in channels]
        listening.append(("SPUBLISH", self._operations.channels[1], ""))  # whether we may
        self.hears = not self._is_quiet
        # A subscription answers with a push, or with an error where it is not permitted: how
        # many replies come is known only from the one that is always there.
        packed = b"".join(hiredis.pack_command(command) for command in listening)
        loop = asyncio.get_running_loop()
        greeting = loop.create_task(wire.exchange(commands, deadline))
        hearing = loop.create_task(wire.until(packed, ("ECHO", _DONE), _DONE, deadline))
        try:
            replies = await greeting
            for reply in replies:
                if isinstance(reply, Refused):
                    # This server serves nobody, whatever the word.
                    raise StoreAway(as_away(reply).why)
            self._ahead_ms = int(replies[-1][-1]) - int(boot_s() * 1000)
            *refusals, published = await hearing
        finally:
            for task in (greeting, hearing):
                task.cancel()
            await asyncio.gather(greeting, hearing, return_exceptions=True)
        if refusals:
            self.hears = False
        self.is_mute = isinstance(published, Refused)

    def _up(self, wire: Wire) -> None:
        self._wire, self.why = wire, ""
        for future in self._waiting:
            if not future.done():
                future.set_result(wire)
        if not self._is_quiet and (self._beating is None or self._beating.done()):
            self._beating = asyncio.get_running_loop().create_task(self._beat())

    def _down(self, why: str) -> None:
        self.why = why
        for future in self._waiting:
            if not future.done():
                future.set_exception(StoreAway(why))

    def _lost(self, wire: Wire, why: str) -> None:
        if wire is not self._wire:
            return
        self._wire, self._has_failed = None, True
        self.heard.lost()
        if self.mirror is not None:
            self.mirror.forget()
        self._operations.leading.clear()
        for _, future in self._settling.values():
            if not future.done():
                future.set_result(None)  # no confirmation can come here any more
        self._settling.clear()
        for handed in self._handed.values():
            if not handed.done():
                handed.set_result(Handed.LAPSED)  # nor that a leader is done
        if self._is_closed:
            return
        if why == "timeout":
            self.why = why
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.get_running_loop().create_task(self._keep())

    def renew(self, why: str) -> None:
        """Have the next request greet the server anew: it may have become another one."""
        if self._wire is not None:
            self._wire.close(why)

    # Heartbeats.

    async def _beat(self) -> None:
        times = self._times
        while not self._is_closed:
            wire = self._wire
            if wire is not None:
                try:
                    await self._renew(wire)
                except StoreAway as away:
                    if away.why in GONE:
                        wire.close(away.why)
                    # Else there is no lease for a while, and near copies are asked about.
            has_lease = self.mirror is not None and self.hears
            await asyncio.sleep(times.renew_s if has_lease else times.beat_s)

    async def _renew(self, wire: Wire) -> None:
        mirror = self.mirror if self.hears else None
        step = Operations.heartbeat()
        if mirror is not None:
            step = mirror.renewing(self._me, new_nonce(), boot_s())
        operation = self._operations.of(step)
        call = operation.metadata[0]
        assert isinstance(call, Call)

        def read(replies: list[Any]) -> Renewed | Refused:
            if isinstance(replies[0], Refused):
                return replies[0]
            renewed = operation.read(replies)
            self._ahead_ms = renewed.server_ms - math.ceil(boot_s() * 1000)
            if mirror is not None:
                mirror.renewed(step, renewed, boot_s())
            self.heard.renewed(renewed.epoch.nonce, renewed.position, renewed.told)
            return renewed

        deadline = asyncio.get_running_loop().time() + self._times.operation_s
        arguments = (len(call.keys), *call.keys, *call.args)
        reply = await wire.exchange([("EVALSHA", call.script.sha, *arguments)], deadline, read)
        if isinstance(reply, Refused) and reply.code == "NOSCRIPT":
            reply = await wire.exchange([("EVAL", call.script.text, *arguments)], deadline, read)
        if isinstance(reply, Refused):
            raise as_away(reply)
        self._complete(reply)
        prolonging = self._operations.prolong()
        if prolonging is not None:
            self._tell(prolonging)
        if boot_s() - self._stayed_at > self._times.writer_s / 8:
            self._stayed_at = boot_s()
            for staying in self._operations.stay():
                self._tell(staying)

    def _complete(self, renewed: Renewed) -> None:
        """A registry that is a lease old names everybody: who was there before is gone."""
        if renewed.is_complete:
            return
        name, since = self._incomplete
        if name != renewed.registry:
            self._incomplete = (renewed.registry, boot_s())
        elif boot_s() - since > self._times.wait_s:
            step = Strike((), renewed.registry, is_whole=True)
            self._tell(self._operations.of(step))

    def tell(self, call: Call) -> None:
        """Run a script whose reply nobody needs; if the link is down, not at all."""
        wire = self._wire
        if wire is None:
            return
        arguments = (len(call.keys), *call.keys, *call.args)

        def again(replies: list[Any]) -> None:
            error = replies[0]
            if isinstance(error, Refused) and error.code == "NOSCRIPT":
                wire.tell(("EVAL", call.script.text, *arguments))

        wire.tell(("EVALSHA", call.script.sha, *arguments), again)

    def _tell(self, operation: Operation[Any]) -> None:
        call = operation.metadata[0]
        assert isinstance(call, Call)
        self.tell(call)

    def _server_ms(self) -> int:
        return int(boot_s() * 1000) + self._ahead_ms if self._ahead_ms else 0

    # Hearing.

    def _heard(self, push: list[Any]) -> None:
        if len(push) < 3 or push[0] != b"smessage":
            if push and push[0] == b"sunsubscribe" and self._wire is not None:
                self._wire.close("resharding")
            return
        channel, message = push[1], push[2]
        if channel == self._operations.channels[0].encode():
            self._told(message)
            return
        kind, _, rest = message.decode("ascii", "replace").partition(" ")
        words = rest.split(" ")
        if kind == "c" and len(words) == 3:
            self._confirm(words[0], (words[1], words[2]))
        elif kind == "l" and len(words) == 2:
            future = self._handed.get(words[0])  # who waits for it may come yet
            if future is not None and not future.done():
                future.set_result(Handed.STORED if words[1] == "1" else Handed.UNSTORED)

    def _told(self, message: bytes) -> None:
        told, mirror = parse_told(message), self.mirror
        if told is None:
            return
        if mirror is not None and told.is_numbered:
            mirror.told(told)  # obeyed first, told and confirmed only then
        self.heard.told(told)
        if mirror is None:
            return
        if told.reply_to == self._me:
            self._confirm(told.id, (self._me, mirror.incarnation))
        elif told.reply_to != "-" and mirror.incarnation and self._wire is not None:
            self._wire.tell(self._operations.confirmation(told, self._me, mirror.incarnation))

    def _confirm(self, change: str, who: tuple[str, str]) -> None:
        settling = self._settling.get(change)
        if settling is None:
            if change in self._confirmed:
                self._confirmed[change].add(who)
            return
        missing, future = settling
        missing.discard(who)
        if not missing and not future.done():
            future.set_result(None)

    # Waiting for others.

    def expect(self, change: str) -> None:
        """Keep confirmations of a change that is about to be asked for."""
        if change not in self._confirmed:
            self._confirmed[change] = set()
            asyncio.get_running_loop().call_later(_KEPT_S, self._confirmed.pop, change, None)

    async def settle(self, changed: Changed) -> None:
        """Return when no near tier can serve what `changed` ended, at most one lease later."""
        early = self._confirmed.pop(changed.id, set())
        missing = {(h.name, h.incarnation) for h in changed.holders} - early
        if changed.is_complete and not missing:
            return
        loop = asyncio.get_running_loop()
        until_s = changed.heard_at + self._times.wait_s - boot_s()
        future: asyncio.Future[None] = loop.create_future()
        if changed.is_complete and self._wire is not None:
            self._settling[changed.id] = (missing, future)
        # Else nobody can tell that all have confirmed: the longest lease has to pass.
        try:
            async with asyncio.timeout(max(0.0, until_s)):
                await future
                if not missing:
                    return
                await asyncio.sleep(changed.heard_at + self._times.wait_s - boot_s())
        except TimeoutError:
            pass
        finally:
            self._settling.pop(changed.id, None)
        silent = tuple(h for h in changed.holders if (h.name, h.incarnation) in missing)
        self._strike(Strike(silent, changed.registry, is_whole=not changed.is_complete))

    def _strike(self, step: Strike) -> None:
        self._tell(self._operations.of(step))

    def watch(self, leases: Sequence[str]) -> None:
        """Keep what is heard of fills that this process may have to wait for."""
        for lease in leases:
            if lease not in self._handed:
                self._handed[lease] = asyncio.get_running_loop().create_future()

    def unwatch(self, lease: str) -> None:
        self._handed.pop(lease, None)

    async def await_leader(self, lease: str, within_s: float) -> Handed:
        future = self._handed.get(lease)
        if future is None:
            return Handed.LAPSED
        done: set[asyncio.Future[Handed]] = set()
        if self._wire is not None or future.done():  # else nobody could tell us
            done, _ = await asyncio.wait((future,), timeout=within_s)
        self._handed.pop(lease, None)
        return future.result() if done else Handed.LAPSED

    # Ending.

    async def aclose(self) -> None:
        """Leave the registry, so that nobody waits for us, and disconnect."""
        self._is_closed = True
        wire = self._wire
        if self.mirror is not None:
            incarnation = self.mirror.incarnation
            self.mirror.forget()  # before anybody is told that we are gone
            if wire is not None and incarnation:
                call = self._operations.retire(self._me).metadata[0]
                assert isinstance(call, Call)
                arguments = (len(call.keys), *call.keys, *call.args)
                deadline = asyncio.get_running_loop().time() + self._times.renew_s
                with contextlib.suppress(StoreAway):  # else the others find out, a lease later
                    await wire.exchange([("EVAL", call.script.text, *arguments)], deadline)
        for task in (self._keeping, self._beating):
            if task is not None:
                task.cancel()
        await asyncio.gather(
            *(t for t in (self._keeping, self._beating) if t is not None), return_exceptions=True
        )
        if wire is not None:
            wire.close()

    def abandon(self) -> None:
        """Let go of the socket of an event loop that has been closed."""
        self._is_closed = True
        if self._wire is not None:
            self._wire.abandon()


def heard(changed: Changed) -> Changed:
    """With the instant at which its reply arrived: now."""
    return replace(changed, heard_at=boot_s())


__all__ = ["Holder", "Link", "boot_s", "heard"]
