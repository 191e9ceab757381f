"""Reads of one turn of the event loop, in one MGET.

How to think of it: whoever wants entries and stamps puts their names on this turn's list
and gets a future. When the turn ends, the list leaves as one command in which each key
stands once; when the reply is there, each future gets what it asked for. So fifty readers
cost one command, one reply and one timer, and a reader who is cancelled costs nothing and
harms nobody: his future is passed over (G7).

All that one reader sees was read by one command that was sent after he asked, which is
what a hit needs. He sees the others' stamps, too, which does no harm: a hit compares the
stamps that its entry names.

Entries that were large when last seen are asked for on a connection of their own, or
everybody would wait behind them. What proves them, the stamps, is always read here.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from keepwarm.core.entry import Seen, Stored
from keepwarm.core.mirror import Mirror
from keepwarm.ports import StoreAway
from keepwarm.stores.redis.bulk import Bulk
from keepwarm.stores.redis.link import Link
from keepwarm.stores.redis.operations import Operations
from keepwarm.stores.redis.settings import LARGE_BYTES

MOST_KEYS = 1_024  # of one MGET: about half a millisecond of the server
_LARGE_KEPT = 10_000  # names; forgetting one costs the others one wait behind it

_Waiting: TypeAlias = list[tuple["asyncio.Future[Any]", tuple[str, ...] | str]]
"""Who waits, and for which entries; one name alone: for its bytes, whatever they are."""


class _Turn:
    """What is asked for in one turn, each name once, and who waits for it."""

    __slots__ = ("deadline", "loop", "names", "stamps", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        self.loop = loop
        self.deadline = deadline
        self.names: dict[str, None] = {}
        self.stamps: dict[str, None] = {}
        self.waiting: _Waiting = []


class _Told:
    """Waits, as far as the wire knows, for all who read in one turn."""

    __slots__ = ("set_exception",)

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self.set_exception = failed

    def done(self) -> bool:
        return False  # each of those who wait is looked at when there is something for him

    def set_result(self, result: None, /) -> None:
        """Each has what he asked for already."""


class Reads:
    """Bound to the link of one event loop."""

    def __init__(
        self,
        link: Link,
        operations: Operations,
        bulk: Bulk,
        mirror: Mirror | None,
        away: Callable[[BaseException], StoreAway],
    ) -> None:
        self._away = away
        self._link = link
        self._operations = operations
        self._bulk = bulk
        self._mirror = mirror
        self._turn: _Turn | None = None
        self._large: dict[str, None] = {}

    def is_large(self, name: str) -> bool:
        """Whether the entry was large when it was last seen."""
        return name in self._large

    def ask(
        self, names: tuple[str, ...], stamps: tuple[str, ...], timeout_s: float
    ) -> "asyncio.Future[Seen]":
        """Entries of `names` and all of `stamps`, read after now; while the link is up."""
        turn = self._turn
        if turn is None or len(turn.names) + len(turn.stamps) >= MOST_KEYS:
            turn = self._begin(timeout_s)
        if turn.stamps:
            for name in stamps:
                turn.stamps[name] = None
        else:
            turn.stamps = dict.fromkeys(stamps)
        for name in names:
            turn.names[name] = None
        future: asyncio.Future[Seen] = asyncio.Future(loop=turn.loop)
        turn.waiting.append((future, names))
        return future

    def get(self, name: str, timeout_s: float) -> "asyncio.Future[bytes | None]":
        """What lies under `name`, unopened; while the link is up."""
        turn = self._turn
        if turn is None or len(turn.names) + len(turn.stamps) >= MOST_KEYS:
            turn = self._begin(timeout_s)
        turn.names[name] = None
        future: asyncio.Future[bytes | None] = asyncio.Future(loop=turn.loop)
        turn.waiting.append((future, name))
        return future

    def _begin(self, timeout_s: float) -> _Turn:
        if self._turn is not None:
            self._send(self._turn)
        loop = asyncio.get_running_loop()
        turn = self._turn = _Turn(loop, loop.time() + timeout_s)
        loop.call_soon(self._send, turn)
        return turn

    def _send(self, turn: _Turn) -> None:
        if turn.waiting and self._turn is turn:
            self._turn = None
        waiting, turn.waiting = turn.waiting, []
        if not waiting:
            return  # sent already, as it was full
        try:
            self._ask(turn, waiting)
        except Exception as error:  # noqa: BLE001 - nobody else would tell those who wait
            self._fail(waiting, error)

    def _ask(self, turn: _Turn, waiting: _Waiting) -> None:
        wire = self._link.wire
        if wire is None:
            self._fail(waiting, StoreAway(self._link.why or "unreachable"))
            return
        large = [name for name in turn.names if name in self._large] if self._large else []
        for name in large:
            del turn.names[name]
        names, stamps = tuple(turn.names), tuple(turn.stamps)
        ticket = self._mirror.ticket() if self._mirror is not None else 0
        apart = self._bulk.get(tuple(large), turn.deadline) if large else None
        apart_from = frozenset(large)

        def read(replies: list[Any]) -> None:
            if isinstance(replies[0], Exception):
                raise replies[0]
            seen, raw = self._operations.seen(stamps, replies[0])
            if self._mirror is not None:
                self._mirror.learn(ticket, seen)
            found = dict(zip(names, raw, strict=True))
            if apart is None:
                self._hand(waiting, seen, found)
                return
            quick: _Waiting = []
            slow: _Waiting = []
            for each in waiting:
                wanted = (each[1],) if isinstance(each[1], str) else each[1]
                (quick if apart_from.isdisjoint(wanted) else slow).append(each)
            self._hand(quick, seen, found)
            apart.add_done_callback(lambda _: self._join(apart, slow, seen, found, large))

        def failed(error: BaseException) -> None:
            if apart is not None:
                apart.cancel()
            self._fail(waiting, error)

        packed = self._operations.read_packed(stamps, names)
        try:
            wire.begin_now(packed, turn.deadline, read, _Told(failed))
        except StoreAway as away:  # so much waits to be sent that this may not
            failed(away)

    def _join(
        self,
        apart: "asyncio.Future[list[Any]]",
        waiting: _Waiting,
        seen: Seen,
        found: dict[str, Any],
        large: list[str],
    ) -> None:
        """The large entries have come, on their own connection, or have not."""
        error = StoreAway("unreachable") if apart.cancelled() else apart.exception()
        try:
            if error is not None:
                raise error
            self._hand(waiting, seen, found | dict(zip(large, apart.result(), strict=True)))
        except BaseException as raised:  # noqa: BLE001 - nobody else would tell those who wait
            self._fail(waiting, raised)

    def _hand(self, waiting: _Waiting, seen: Seen, found: dict[str, Any]) -> None:
        """To each what it asked for; an entry is opened once, however many asked."""
        epoch, position, stamps = seen.epoch, seen.position, seen.stamps
        opened: dict[str, tuple[Stored | None]] = {}
        for future, names in waiting:
            if future.done():
                continue  # cancelled: nobody waits
            if isinstance(names, str):
                future.set_result(found[names])
                continue
            if not names:
                future.set_result(seen)
                continue
            if len(names) == 1:
                (name,) = names
                entries = opened.get(name) or self._open(name, found[name], opened)
                foreign = int(entries[0] is None and found[name] is not None)
                future.set_result(Seen(epoch, position, stamps, entries, foreign))
                continue
            each = [(opened.get(n) or self._open(n, found[n], opened))[0] for n in names]
            foreign = each.count(None) - [found[n] for n in names].count(None)
            future.set_result(Seen(epoch, position, stamps, tuple(each), foreign))

    def _open(
        self, name: str, data: Any, opened: dict[str, tuple[Stored | None]]
    ) -> tuple[Stored | None]:
        """The entry in `data`; noted whether it is large, and, in `opened`, what it is."""
        if isinstance(data, bytes) and len(data) >= LARGE_BYTES:
            if len(self._large) >= _LARGE_KEPT:
                self._large.clear()
            self._large[name] = None
        elif self._large:
            self._large.pop(name, None)
        entry = opened[name] = (self._operations.open(name, data) if data is not None else None,)
        return entry

    def _fail(self, waiting: _Waiting, error: BaseException) -> None:
        away = self._away(error)
        for future, _ in waiting:
            if not future.done():
                future.set_exception(StoreAway(away.why, is_fault=away.is_fault))
