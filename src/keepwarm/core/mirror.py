"""The mirror: stamps of which this process would be told if they changed.

How to think of it: a near copy may be served without asking while its stamps are known
to be the present ones. They are known because each change is announced on the very
connection on which they were read, and because nobody's invalidation is acknowledged
before we confirmed the announcement or our lease is over. So a mirrored stamp is as good
as one just read, as long as three things hold *at the time of use*:

- the lease lives. It counts from the moment its renewal was *sent*, on our own clock:

      1. renewal sent at 0, reply at 90 ms: the lease ends at 250, not at 340
      2. a writer's script runs at 5 ms, after the store saw the renewal
      3. he waits for us until 5 + 250 at least: over when our lease is

- no announcement was missed. They are numbered; a renewal's reply carries the number of
  the last one, which the same connection must have delivered before. If it did not, all
  is forgotten, before the lease is prolonged.
- it was read on this connection, after the lease was granted.

A stamp is learnt from a reply only if nothing about it was announced since the request
was sent (the *ticket*). Dirty and provisional stamps are never learnt. There is no flag
on entries that says "valid", so there is none to race with.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from keepwarm.core.entry import Seen, Terms
from keepwarm.core.stamps import Epoch, Stamp
from keepwarm.core.steps import Renew, Renewed

MOST_STAMPS = 131_072  # as many as there are slots: about 30 MB at worst
_LATE_MS = 1_000  # what is known of the store's clock may be as late as an answer was
_REMEMBERED = 64  # announcements within one round trip; beyond it a reply teaches nothing


@dataclass(frozen=True, slots=True)
class Told:
    """One announced change: number `number` of its epoch, to be confirmed to `reply_to`.

    `position` is where it stands in the namespace's history. `writer` has just entered
    (`is_entry`) or left; it is empty for a plain invalidation. What ends nothing in a near
    tier, a writer's leaving, is not numbered: `number` is that of the last change before it.
    """

    epoch: str
    number: int
    id: str
    reply_to: str
    stamps: tuple[str, ...] = ()
    patterns: bool = False
    everything: bool = False
    position: int = 0
    writer: str = ""
    is_entry: bool = False
    is_numbered: bool = True


class Pulse:
    """What has to be looked at each time a near copy is used.

    `version` is another one whenever a stamp that was known is so no more. Who found an
    entry's stamps known need not compare them again under the same version, before
    `lease_until`, if he reads the lease first: it is prolonged only after the version
    was changed.
    """

    __slots__ = ("lease_until", "version")

    def __init__(self, lease_until: float = float("-inf")) -> None:
        self.lease_until = lease_until
        """On the holder's clock; what is known counts only before it."""
        self.version = 0


class Mirror:
    """Belongs to one connection. Changed only by the thread that reads it; read by any."""

    def __init__(self, lease_s: float, most: int = MOST_STAMPS) -> None:
        self._lease_s = lease_s
        self._most = most
        self._epoch: Epoch | None = None
        self._position = 0
        self._stamps: dict[str, Stamp] = {}
        self.pulse = Pulse()
        self._sent_at: float | None = None
        self._number: int | None = None
        self._owner = ""
        self._generation = 0
        self._floor = 0
        self._recent: deque[tuple[int, frozenset[str] | None]] = deque(maxlen=_REMEMBERED)
        self.incarnation = ""
        self.gaps = 0
        """How often an announcement had not arrived: each emptied the mirror."""

    def __len__(self) -> int:
        return len(self._stamps)

    # Reading it.

    def seen(self, stamps: Iterable[str], now: float) -> Seen | None:
        """What a read of `stamps` would see now; None unless all are mirrored, under a lease."""
        # The lease first, and what it covers only then: another thread may renew it meanwhile,
        # but not without having replaced what had been read under the one before.
        if now >= self.pulse.lease_until:
            return None
        epoch, mirrored = self._epoch, self._stamps
        if epoch is None:
            return None
        found: dict[str, Stamp | None] = {}
        for name in stamps:
            stamp = mirrored.get(name)
            if stamp is None:
                return None
            found[name] = stamp
        return Seen(epoch, self._position, found)

    def holds(self, terms: Terms, now: float) -> bool:
        """Whether every stamp of an entry is mirrored, unchanged, under a live lease.

        As `seen` and `life` together would say, without making anything: it is asked for
        each response that comes from the near tier.
        """
        if now >= self.pulse.lease_until:
            return False
        epoch, mirrored = self._epoch, self._stamps
        if epoch is None or epoch.nonce != terms.epoch or terms.position < epoch.pattern_position:
            return False
        for name, nonce, soft in terms.stamps:
            stamp = mirrored.get(name)
            if stamp is None or stamp.nonce != nonce or stamp.soft != soft:
                return False
        return True

    def is_live(self, now: float) -> bool:
        return now < self.pulse.lease_until

    # Learning.

    def ticket(self) -> int:
        """To be taken before a request is sent, and handed to `learn` with its reply."""
        return self._generation

    def learn(self, ticket: int, seen: Seen) -> None:
        """Remember the stamps of a reply, as far as nothing was announced about them since."""
        epoch = seen.epoch
        if self.pulse.lease_until == float("-inf") or epoch is None or ticket < self._floor:
            return
        told: set[str] = set()
        for generation, names in self._recent:
            if generation <= ticket:
                continue
            if names is None:
                return
            told |= names
        if epoch.nonce != self._owner:
            return  # its announcements are numbered anew: the next renewal tells
        has_changed = self._epoch != epoch
        self._epoch, self._position = epoch, max(self._position, seen.position or 0)
        mirrored = self._stamps
        for name, stamp in seen.stamps.items():
            known = mirrored.get(name)
            if stamp is None or not stamp.is_settled or name in told:
                if known is not None:
                    has_changed = True
                    del mirrored[name]
            elif known is not stamp:
                has_changed = has_changed or known is not None
                mirrored[name] = stamp
        while len(mirrored) > self._most:
            has_changed = True
            mirrored.pop(next(iter(mirrored)))
        if has_changed:
            self.pulse.version += 1

    # Hearing.

    def told(self, told: Told) -> None:
        """Drop from the mirror, raise the generation; to be confirmed only after this."""
        self._generation += 1
        if told.everything or told.epoch != self._owner:
            self._forget_stamps()
        elif told.patterns:
            self._epoch = None  # it says which patterns there are
            self._recent.append((self._generation, None))
        else:
            for name in told.stamps:
                self._stamps.pop(name, None)
            self._recent.append((self._generation, frozenset(told.stamps)))
        if len(self._recent) == _REMEMBERED:
            self._floor = max(self._floor, self._recent[0][0])
        if told.epoch == self._owner and self._number is not None:
            is_next = told.number == self._number + 1
            self._number = max(self._number, told.number)
            if not is_next:
                self._missed()
        self.pulse.version += (
            1  # last: who compares under the new version must not find the old stamps
        )

    def forget(self) -> None:
        """The connection is another one, or nobody knows what it lost: begin anew."""
        self.pulse.lease_until = float("-inf")
        self._sent_at = None
        self._number = None
        self._owner = ""
        self.incarnation = ""
        self._forget_stamps()

    # The lease.

    def renewing(self, holder: str, incarnation: str, now: float) -> Renew:
        """What to ask; `incarnation` is a fresh name for the case that a new one begins."""
        if now >= self.pulse.lease_until:
            # Lapsed: who gave up on us may have been told that we are gone.
            self._lapse()
        self._sent_at = now
        return Renew(holder, self.incarnation, incarnation)

    def renewed(self, step: Renew, reply: Renewed, now: float) -> None:
        """Prolong the lease from when its renewal was sent, unless something was missed."""
        sent_at = self._sent_at
        if sent_at is None:
            return  # forgotten meanwhile
        is_same = reply.continued and self.incarnation == step.incarnation
        if not is_same or reply.epoch.nonce != self._owner or now >= self.pulse.lease_until:
            self._lapse()
            self._owner, self._number = reply.epoch.nonce, reply.told
            self.incarnation = step.incarnation if reply.continued else step.next_incarnation
        elif self._number != reply.told:
            self._missed()
            self._number = reply.told
        self.pulse.lease_until = sent_at + self._lease_s

    def _missed(self) -> None:
        self.gaps += 1
        self._forget_stamps()

    def _lapse(self) -> None:
        self.pulse.lease_until = float("-inf")
        self._forget_stamps()

    def _forget_stamps(self) -> None:
        self._generation += 1
        self._floor = self._generation
        self._recent.clear()
        self._epoch, self._stamps, self._position = None, {}, 0
        self.pulse.version += 1


def told_apart(seen: Seen, now_ms: int, trial_ms: int, *, are_settled: bool = False) -> Seen:
    """`seen` without the stamps that the store would replace now: they prove nothing.

    `are_settled` says that all of them are, as is known of most.
    `now_ms` is no later than it is by the store's clock, and at most `_LATE_MS` earlier.
    For `trial_ms` after an epoch began that is each which is not on trial for as long.
    """
    latest = now_ms + trial_ms + _LATE_MS
    afresh_until = seen.epoch.since_ms + trial_ms if seen.epoch is not None else 0
    is_afresh = now_ms < afresh_until
    if are_settled and not is_afresh:
        return seen
    troubled = [
        name
        for name, stamp in seen.stamps.items()
        if stamp is not None
        # As `is_due` says of most of them: nobody is inside.
        and (
            ((until := stamp.provisional_until) and (until <= now_ms or until > latest))
            or (is_afresh and until < afresh_until)
            if stamp.writers == "-"
            else stamp.is_due(now_ms)
        )
    ]
    if not troubled:
        return seen
    return seen.but(stamps=seen.stamps | dict.fromkeys(troubled))
