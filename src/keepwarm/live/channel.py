"""The channel of one process: what was announced lately, for any number of clients.

How to think of it: there is one log of what changed, and each client is a place in it. A
client has no queue of its own, so a slow one costs nothing but what its socket holds, and
what it missed meanwhile comes to it as one message. Changes are gathered for 50 ms after
the first of a run, so a burst of writes is one message for everybody, encoded once.

Where the log does not reach back to a client's place, or something was missed, the client is
told to reset: all that it holds may be out of date. It is told within two seconds, at a
moment of its own, so that a thousand browsers do not come back at once.

A writer who enters has changed nothing yet. When he leaves, that is a change; if he never
leaves (his process was killed, after the commit perhaps), his mark lapses in the store and
the change is told then:

    1. writer enters         2. a page is loaded: old values, unproven
    3. he commits and dies   4. his mark lapses after D     5. the page is told
"""

import asyncio
import json
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from keepwarm.core.mirror import Told
from keepwarm.core.times import TIMES
from keepwarm.dice import DICE
from keepwarm.engine.hearing import Hearing
from keepwarm.live.signs import Signs

GATHER_S = 0.05  # a person does not see it, and a burst of writes becomes one message
SPREAD_S = 2.0  # a reset makes a browser ask for all that it shows
MOST_KEPT = 50_000  # labels in the log: about 5 MB; as many changes back a client may resume
MOST_TOLD = 500  # labels in a message; who missed more had better ask for everything
MOST_WRITERS = 10_000


@dataclass(frozen=True, slots=True)
class Message:
    """What a client is told: `seq` is where it is then; `text` the JSON object."""

    seq: str
    text: str
    is_beat: bool = False


@dataclass(frozen=True, slots=True)
class _Batch:
    """What changed since the batch before, up to position `n`.

    With `is_late` also what was no change when it was made: a mark that lapsed. Who has been
    told everything else up to `n` may not have been told that.
    """

    n: int
    labels: tuple[str, ...]
    is_late: bool = False


@dataclass(slots=True)
class _Gathering:
    labels: dict[str, None] = field(default_factory=dict)
    n: int = 0
    is_late: bool = False
    timer: asyncio.TimerHandle | None = None


class Channel:
    """Belongs to one event loop; hears of changes from whatever thread makes them."""

    def __init__(
        self,
        hearing: Hearing,
        signs: Signs,
        *,
        gather_s: float = GATHER_S,
        spread_s: float = SPREAD_S,
        lapse_s: float = TIMES.writer_s * 1.1,
        dice: Callable[[], float] = DICE.random,
    ) -> None:
        self._hearing, self._signs = hearing, signs
        self._gather_s, self._spread_s, self._lapse_s = gather_s, spread_s, lapse_s
        self._dice = dice
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._log: deque[_Batch] = deque()
        self._kept = 0
        self.count = 0
        """Of all batches there have been: a client's place is the number it has been told."""
        self._gathering = _Gathering()
        self._writers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = hearing.heard
        self._last: tuple[tuple[int, int], Message] | None = None
        self._begin()
        self.resets = 0
        """How often everything had to be presumed changed."""
        self._bell: asyncio.Future[None] = self.loop.create_future()
        self._stop = self._heard.listen(self)
        self._start(hearing.connect())

    def _begin(self) -> None:
        self.epoch = self._heard.epoch
        self.n = self._began = self._heard.last
        self._log.clear()
        self._kept = 0
        self._last = None

    def close(self) -> None:
        """Listen no more."""
        self._stop()
        for timer in (*self._writers.values(), self._gathering.timer):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()

    # Hearing.

    def changed(self, told: Told) -> None:
        """As Listener."""
        if threading.get_ident() == self._thread:
            self._changed(told)
        else:
            self.loop.call_soon_threadsafe(self._changed, told)

    def missed(self) -> None:
        """As Listener."""
        if threading.get_ident() == self._thread:
            self._missed()
        else:
            self.loop.call_soon_threadsafe(self._missed)

    def _changed(self, told: Told) -> None:
        if told.is_entry:
            self._enter(told.writer, told.stamps)
            return
        timer = self._writers.pop(told.writer, None) if told.writer else None
        if timer is not None:
            timer.cancel()
        self._add(told.stamps, told.position)

    def _add(self, stamps: tuple[str, ...], n: int, *, is_late: bool = False) -> None:
        gathering = self._gathering
        gathering.n = max(gathering.n, n)
        gathering.is_late = gathering.is_late or is_late
        gathering.labels |= dict.fromkeys(map(self._signs.label, stamps))
        if gathering.timer is None:
            gathering.timer = self.loop.call_later(self._gather_s, self._flush)

    def _flush(self) -> None:
        gathered, self._gathering = self._gathering, _Gathering()
        self.n = max(self.n, gathered.n)
        batch = _Batch(self.n, tuple(gathered.labels), gathered.is_late)
        self._log.append(batch)
        self.count += 1
        self._kept += len(batch.labels)
        while self._kept > MOST_KEPT:
            dropped = self._log.popleft()
            self._kept -= len(dropped.labels)
            self._began = dropped.n
        self._ring()

    def _missed(self) -> None:
        if self._gathering.timer is not None:
            self._gathering.timer.cancel()
        self._gathering = _Gathering()
        self._begin()
        self.resets += 1
        self._ring()

    def _ring(self) -> None:
        bell, self._bell = self._bell, self.loop.create_future()
        bell.set_result(None)

    # Writers.

    def _enter(self, writer: str, stamps: tuple[str, ...]) -> None:
        if len(self._writers) >= MOST_WRITERS:
            self._missed()
            return
        self._writers[writer] = self.loop.call_later(self._lapse_s, self._look, writer, stamps)

    def _look(self, writer: str, stamps: tuple[str, ...]) -> None:
        self._start(self._looked(writer, stamps))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _looked(self, writer: str, stamps: tuple[str, ...]) -> None:
        is_inside = await self._hearing.is_inside(writer, stamps)
        if writer not in self._writers:
            return  # he left meanwhile
        if is_inside:
            self._writers[writer] = self.loop.call_later(self._lapse_s, self._look, writer, stamps)
        else:
            del self._writers[writer]
            # What was read beside his mark claims less than where we were then.
            self._add(stamps, self._heard.position, is_late=True)

    # Telling.

    async def ready(self, within_s: float) -> None:
        """Wait for the store's first word, so that a first client begins somewhere."""
        if not self.epoch:
            await asyncio.wait((self._bell,), timeout=within_s)

    def client(self, cursor: str | None) -> "Client":
        """A client that was last told `cursor`; without one it begins at the present."""
        if cursor is None:
            return Client(self, self.count)
        place = self._signs.read(cursor)
        is_known = place is not None and place[0] == self._signs.incarnation(self.epoch)
        return Client(self, self._place(place[1]) if place is not None and is_known else None)

    def _place(self, n: int) -> int | None:
        """How many batches a client has been told that was told everything up to `n`."""
        if n < self._began or not self.epoch:
            return None
        first = bisect_right(self._log, n, key=lambda batch: batch.n)
        while first and self._log[first - 1].is_late and self._log[first - 1].n == n:
            first -= 1
        return self.count - len(self._log) + first

    def since(self, place: int) -> Message | None:
        """What changed after `place`; None where the log does not reach back so far."""
        if self._last is not None and self._last[0] == (place, self.count):
            return self._last[1]
        first = place - self.count + len(self._log)
        if first < 0:
            return None
        labels: dict[str, None] = {}
        for index in range(first, len(self._log)):
            labels |= dict.fromkeys(self._log[index].labels)
            if len(labels) > MOST_TOLD:
                return None
        made = self.message(tags=list(labels))
        self._last = (place, self.count), made
        return made

    def message(self, **what: object) -> Message:
        seq = self._signs.position(self.epoch, self.n)
        text = json.dumps({"seq": seq, **what}, separators=(",", ":"))
        return Message(seq, text, is_beat="beat" in what)

    async def news(self, within_s: float) -> None:
        """Wait for the next message to anybody, at most so long."""
        await asyncio.wait((self._bell,), timeout=within_s)

    async def spread(self) -> None:
        """Wait until it is a client's turn to reset."""
        await asyncio.sleep(self._spread_s * self._dice())


class Client:
    """A place in the channel's log, or None where what it holds cannot be told from there."""

    def __init__(self, channel: Channel, place: int | None) -> None:
        self._channel = channel
        self._place = place
        self._resets = channel.resets
        self._is_new = True

    async def next(self, within_s: float) -> Message:
        """The next message; a heartbeat if there is none within `within_s`."""
        channel = self._channel
        was_new, self._is_new = self._is_new, False
        message = self._ready()
        if message is None and not was_new:
            await channel.news(within_s)
            if self._resets != channel.resets:
                await channel.spread()
            message = self._ready()
        return message or channel.message(beat=True)

    def _ready(self) -> Message | None:
        channel = self._channel
        is_lost = self._place is None or self._resets != channel.resets
        if not is_lost and self._place == channel.count:
            return None
        found = channel.since(self._place) if self._place is not None and not is_lost else None
        self._place, self._resets = channel.count, channel.resets
        return found or channel.message(reset=True)
