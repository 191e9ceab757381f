"""Stamps: the random nonces that prove an entry is no older than the last invalidation.

How to think of it: every name a value depends on (its tags, its own logical key)
has a stamp in the store. An invalidation replaces the stamp's nonce. A fill reads
the stamps *before* it asks the origin, and the entry carries what it read. An entry
may be served iff every one of its stamps is, now, the one it carries:

    entry's stamps = stamps now  ⇒  no invalidation since they were captured
                                 ⇒  the origin ran after the last invalidation.

No clock takes part. A stamp that is missing (evicted, flushed) proves nothing and
counts as *changed*. Names, not entries, are invalidated: a million entries may carry
a tag and the invalidation is still one small write.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SLOTS = 65_536  # decisions/0002-stamps.md: bounded at about 7 MB, however many tags there are
_MAX_DIGITS = 15  # beyond 2**53 a script counts on in vain

Carried = tuple[str, str, str]
"""(stamp name, hard nonce, soft nonce) as an entry or a token carries it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the store holds for one name.

    `born` is the position of the script that last set it; `writers` is not "-" while
    announced writers are inside (the stamp is then *dirty*): `id@deadline`, by comma.
    `provisional_until` is 0 for a stamp that is settled: one that was created from
    nothing may have taken the place of one that had a writer's mark, unless the store
    knows better. Both instants are milliseconds of the store's own clock.
    """

    nonce: str
    soft: str
    born: int
    provisional_until: int = 0
    writers: str = "-"

    @property
    def is_dirty(self) -> bool:
        return self.writers != "-"

    @property
    def is_settled(self) -> bool:
        """Whether it may be mirrored: no writer inside, and none overlooked."""
        return self.writers == "-" and self.provisional_until == 0

    def is_due(self, now_ms: int) -> bool:
        """Whether the store would replace it now: its marks, or else its trial, are over.

        Not at the end of a trial while a writer is inside: that would take his mark away.
        """
        if self.is_dirty:
            return not living(self.writers, now_ms)
        return 0 < self.provisional_until <= now_ms

    def format(self) -> str:
        return f"{self.nonce} {self.soft} {self.born} {self.provisional_until} {self.writers}"


def parse_stamp(raw: str | None) -> Stamp | None:
    """The stamp in `raw`, or None where it is missing or not ours."""
    if raw is None:
        return None
    parts = raw.split(" ")
    if len(parts) != 5 or not is_number(parts[2]) or not is_number(parts[3]):
        return None
    return Stamp(parts[0], parts[1], int(parts[2]), int(parts[3]), parts[4])


@dataclass(frozen=True, slots=True)
class Epoch:
    """Stamp number 0, on which every entry of the namespace depends.

    `pattern_position` is the position of the newest pattern invalidation (0: none);
    `identity` names the server that holds it, or is empty where the server won't say;
    `since_ms` is when it began, by the store's clock: what the store held then may be of
    an earlier state (an older snapshot, a replica that lagged), and lack the mark of a
    writer who relies on it.
    """

    nonce: str
    pattern_position: int = 0
    identity: str = ""
    since_ms: int = 0

    def format(self) -> str:
        return f"{self.nonce} {self.pattern_position} {self.identity or '-'} {self.since_ms}"


def parse_epoch(raw: str | None) -> Epoch | None:
    if raw is None:
        return None
    parts = raw.split(" ")
    if len(parts) != 4 or not is_number(parts[1]) or not is_number(parts[3]):
        return None
    identity = "" if parts[2] == "-" else parts[2]
    return Epoch(parts[0], int(parts[1]), identity, int(parts[3]))


def parse_position(raw: str | None, epoch: Epoch | None) -> int | None:
    """n of `incarnation n told`, or None where it is missing or of another epoch.

    `told` counts the changes that were announced to the near tiers.
    """
    if raw is None or epoch is None:
        return None
    parts = raw.split(" ")
    if len(parts) != 3 or parts[0] != epoch.nonce or not is_number(parts[1]):
        return None
    return int(parts[1])


def living(writers: str, now_ms: int) -> tuple[str, ...]:
    """The marks in `writers`, as `id@deadline`, whose deadline has not passed."""
    if writers == "-":
        return ()
    marks = (mark for mark in writers.split(",") if is_number(mark.rpartition("@")[2]))
    return tuple(mark for mark in marks if int(mark.rpartition("@")[2]) > now_ms)


def is_number(text: str) -> bool:
    """Whether `text` is a position; more digits than any has would make `int` raise."""
    return text.isdigit() and len(text) <= _MAX_DIGITS


@dataclass(frozen=True, slots=True)
class Token:
    """What a fill saw before its origin ran; the entry it makes is only as good as this.

    `patterns` is the position of the newest pattern invalidation then, and
    `captured_at` the monotonic instant at which the read was sent.
    """

    epoch: str
    patterns: int
    position: int
    stamps: tuple[Carried, ...]
    captured_at: float

    @property
    def join_key(self) -> tuple[object, ...]:
        """Equal for two captures between which nothing they depend on was invalidated."""
        return (self.epoch, self.patterns, self.stamps)


def stamp_of_tag(tag: str) -> str:
    """The name of the stamp that guards `tag`.

    A tag with a colon names one of many (`character:5`) and shares one of the slots with
    others and with keys. A plain one (`characters`) has a range of its own, or its
    frequent writes would keep a slot's innocent neighbours dirty; plain tags are few, so
    there two hardly ever meet. Sharing over-invalidates, which is sound.
    """
    return _slot("tag\0" + tag) if ":" in tag else _slot("tag\0" + tag, "plain")


def stamp_of_key(logical: str) -> str:
    """The name of the stamp that guards one logical key."""
    return _slot("key\0" + logical)


def _slot(name: str, group: str = "slot") -> str:
    return f"{group}:{zlib.crc32(name.encode('utf-8', 'surrogatepass')) % SLOTS:04x}"


def stamps_of(logical: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Every stamp an entry of `logical` with `tags` depends on, own key first, no repeats."""
    return tuple(dict.fromkeys((stamp_of_key(logical), *map(stamp_of_tag, tags))))


def carried(names: Iterable[str], seen: Mapping[str, Stamp | None]) -> tuple[Carried, ...] | None:
    """`names` with the nonces seen, or None if one is missing or dirty: nothing may be stored."""
    found: list[Carried] = []
    for name in names:
        stamp = seen.get(name)
        if stamp is None or stamp.is_dirty:
            return None
        found.append((name, stamp.nonce, stamp.soft))
    return tuple(found)


def merge(*groups: Iterable[Carried]) -> tuple[Carried, ...] | None:
    """All of `groups` together, or None where one name was seen with two nonces.

    Two nonces of one name mean that it was invalidated between the reads, so the
    whole may be made of old and new: it must not be stored.
    """
    together: dict[str, Carried] = {}
    for group in groups:
        for stamp in group:
            if together.setdefault(stamp[0], stamp) != stamp:
                return None
    return tuple(together.values())
