"""What each shared step is on the wire: commands, and how their replies are read.

Pure: nothing here sends. Metadata of a namespace has the hash tag `{namespace}` and so
lies in one slot of a cluster; entries lie anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import hiredis
import msgspec

from keepwarm.core.entry import Patterns, Seen, Stored, Terms
from keepwarm.core.mirror import Told, told_apart
from keepwarm.core.stamps import Stamp, parse_epoch, parse_position, parse_stamp
from keepwarm.core.steps import (
    AddPattern,
    Capture,
    Changed,
    ChangeStamps,
    Confirm,
    DeleteShared,
    Elect,
    Enter,
    Inside,
    Leave,
    NewEpoch,
    Ping,
    ReadPatterns,
    ReadShared,
    Release,
    Renew,
    Renewed,
    ReplaceShared,
    Step,
    Strike,
    WriteShared,
)
from keepwarm.core.times import TIMES, Times
from keepwarm.stores.envelope import Foreign, Sealing, open_, seal
from keepwarm.stores.memory import PATTERNS_KEPT, new_nonce
from keepwarm.stores.redis import scripts
from keepwarm.stores.redis.replies import (
    MOST_TOGETHER,
    parse_changed,
    parse_patterns,
    parse_place,
    parse_stamps,
    parse_terms,
    text,
)
from keepwarm.stores.redis.scripts import Script
from keepwarm.stores.redis.settings import LARGE_BYTES

R = TypeVar("R")
Command = tuple[str | bytes | int, ...]

_encode_terms = msgspec.msgpack.Encoder().encode
_READS_KEPT = 4_096  # lists of stamps whose command is kept ready
_PACKED_KEPT = 1_024  # of at most 3 KB
_MGET = b"\r\n$4\r\nMGET\r\n"
_MIN_TTL_MS = 1_000  # a store's clock and ours differ: never ask for an expiry in its past


@dataclass(frozen=True, slots=True)
class Call:
    """A script, its keys and arguments."""

    script: Script
    keys: tuple[str, ...]
    args: tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True)
class Operation(Generic[R]):
    """Commands to send in one trip and the reading of their replies.

    `metadata` go to the namespace's slot, `entries` to wherever their key lies; `read`
    gets the replies of both in that order.
    """

    metadata: tuple[Command | Call, ...]
    entries: tuple[Command | Call, ...]
    read: Callable[[list[Any]], R]
    is_change: bool = False
    """Whether near tiers must obey it: who asks is told of their confirmations."""
    is_large: bool = False
    """Whether its entries would keep others waiting: they travel on their own connection."""


class Operations:
    """The operations of one namespace, asked by one link.

    `me` names the link: what it is told of confirmations and finished fills comes on the
    channel of that name. `leading` holds the word by which it leads each lease, `writing`
    the stamps that each of its writers has marked.
    """

    def __init__(
        self, namespace: str, sealing: Sealing, *, me: str = "", times: Times = TIMES
    ) -> None:
        self._prefix = "{" + namespace + "}:"
        self._sealing = sealing
        self._me = me or "-"
        self._trial_ms = int(times.writer_s * 1000)
        self._leader_ms = int(times.leader_s * 1000)
        self.leading: dict[str, str] = {}
        self.writing: dict[str, tuple[str, ...]] = {}
        self._reads: dict[tuple[str, ...], Command] = {}
        self._packed: dict[tuple[str, ...], bytes] = {}
        self.now_ms: Callable[[], int] = lambda: 0
        """The server's clock, as far as the link knows it; 0: not at all."""
        self.channels = (self._prefix + "told", self._prefix + "to:" + self._me)
        self.epoch_key = self._prefix + "epoch"
        self._position_key = self._prefix + "pos"
        self._holders_key = self._prefix + "holders"
        self._marks_key = self._prefix + "marks"
        self._patterns_key = self._prefix + "patterns"
        self._table: dict[type, Callable[[Any], Operation[Any]]] = {
            ReadShared: self._read,
            ReadPatterns: self._read_patterns,
            Capture: self._capture,
            Confirm: self._confirm,
            WriteShared: self._write,
            DeleteShared: self._delete,
            ChangeStamps: self._change,
            AddPattern: self._add_pattern,
            NewEpoch: self._new_epoch,
            Ping: self._ping,
            Renew: self._renew,
            Strike: self._strike,
            Enter: self._enter,
            Inside: self._inside,
            Leave: self._leave,
            Elect: self._elect,
            Release: self._release,
        }

    def of(self, step: Step[R]) -> Operation[R]:
        return self._table[type(step)](step)

    @staticmethod
    def heartbeat() -> Renew:
        """A renewal of nothing: a write, and a look whether this still is the same server."""
        return Renew()

    def greeting(self) -> Command:
        """A heartbeat as one command that needs no script cache: every connection's first."""
        call = self._call(scripts.RENEW, args=("", "", ""))
        return ("EVAL", call.script.text, len(call.keys), *call.keys, *call.args)

    def retire(self, holder: str) -> Operation[None]:
        """Take a holder that leaves off the registry, so that nobody waits for it."""
        return Operation((self._call(scripts.RETIRE, args=(holder,)),), (), lambda replies: None)

    def prolong(self) -> Operation[None] | None:
        """Go on leading what this link leads, or None if that is nothing."""
        if not self.leading:
            return None
        leases = tuple(self.leading)
        args: tuple[str | bytes | int, ...] = (self._leader_ms,)
        args += tuple(self.leading[lease] for lease in leases)
        call = self._call(scripts.PROLONG, self._names(leases), args)
        return Operation((call,), (), lambda replies: None)

    def stay(self) -> tuple[Operation[bool], ...]:
        """Prolong the marks of every writer that is inside."""
        return tuple(self._inside(Inside(*each)) for each in self.writing.items())

    def confirmation(self, told: Told, holder: str, incarnation: str) -> Command:
        """What says to the author of a change that `holder` has obeyed it."""
        word = f"c {told.id} {holder} {incarnation}"
        return ("SPUBLISH", self._prefix + "to:" + told.reply_to, word)

    def _call(
        self, script: Script, keys: tuple[str, ...] = (), args: tuple[str | bytes | int, ...] = ()
    ) -> Call:
        fixed = (self.epoch_key, self._position_key, self._holders_key, self._marks_key)
        return Call(script, (*fixed, *keys), (new_nonce(), *args))

    def _names(self, stamps: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._prefix + name for name in stamps)

    def _read(self, step: ReadShared) -> Operation[Seen]:
        asked = self._reads.get(step.stamps)
        if asked is None:
            if len(self._reads) >= _READS_KEPT:
                self._reads.clear()
            keys = (self.epoch_key, self._position_key, *self._names(step.stamps))
            asked = self._reads[step.stamps] = ("MGET", *keys)

        def read(replies: list[Any]) -> Seen:
            seen, _ = self.seen(step.stamps, replies[0])
            opened, foreign = self.opened(step.names, replies[1] if step.names else [])
            return seen.but(entries=opened, foreign=foreign)

        entries: tuple[Command, ...] = (("MGET", *step.names),) if step.names else ()
        return Operation((asked,), entries, read)

    def read_packed(self, stamps: tuple[str, ...], names: tuple[str, ...]) -> bytes:
        """What asks for epoch, position, `stamps` and the entries of `names` at once, packed."""
        asked = self._packed.get(stamps)
        if asked is None:
            asked = _pieces((self.epoch_key, self._position_key, *self._names(stamps)))
            if len(stamps) <= MOST_TOGETHER:
                if len(self._packed) >= _PACKED_KEPT:
                    self._packed.clear()
                self._packed[stamps] = asked
        count = 3 + len(stamps) + len(names)
        return b"*%d%b%b%b" % (count, _MGET, asked, _pieces(names))

    def seen(self, stamps: tuple[str, ...], values: list[Any]) -> tuple[Seen, list[Any]]:
        """What the reply to a read says of `stamps`, and the rest of it: entries, unopened."""
        end = 2 + len(stamps)
        found, are_settled = parse_stamps(stamps, tuple(values[2:end]))
        epoch, position = parse_place(values[0], values[1])
        seen, now_ms = Seen(epoch, position, found), self.now_ms()
        return told_apart(seen, now_ms, self._trial_ms, are_settled=are_settled), values[end:]

    def opened(
        self, names: tuple[str, ...], raw: list[Any]
    ) -> tuple[tuple[Stored | None, ...], int]:
        """Entries as they lie in the store, opened, and how many of them were not ours."""
        found = tuple(map(self.open, names, raw))
        return found, found.count(None) - raw.count(None)

    def _read_patterns(self, step: ReadPatterns) -> Operation[Patterns]:
        def read(replies: list[Any]) -> Patterns:
            return parse_patterns(text(replies[0]))

        return Operation((("GET", self._patterns_key),), (), read)

    def _capture(self, step: Capture) -> Operation[Seen]:
        def read(replies: list[Any]) -> Seen:
            raw = [text(r) for r in replies[0]]
            epoch = parse_epoch(raw[0])
            stamps = zip(step.stamps, map(parse_stamp, raw[2:]), strict=True)
            return Seen(epoch, parse_position(raw[1], epoch), dict(stamps))

        call = self._call(scripts.CAPTURE, self._names(step.stamps), (self._trial_ms,))
        return Operation((call,), (), read)

    def _confirm(self, step: Confirm) -> Operation[dict[str, Stamp] | None]:
        unchanged = tuple(stamp[0] for stamp in step.unchanged)
        keys = self._names((*step.late, *unchanged))
        args: tuple[str | bytes | int, ...] = (self._trial_ms,)
        args += (step.epoch, step.position, len(step.late))
        args += tuple(stamp[1] for stamp in step.unchanged)

        def read(replies: list[Any]) -> dict[str, Stamp] | None:
            if replies[0] is None:
                return None
            stamps = [parse_stamp(text(raw)) for raw in replies[0]]
            found = {n: s for n, s in zip(step.late, stamps, strict=True) if s is not None}
            return found if len(found) == len(step.late) else None

        return Operation((self._call(scripts.CONFIRM, keys, args),), (), read)

    def _write(self, step: WriteShared) -> Operation[bool]:
        sealed = [(name, self._seal(name, stored), stored) for name, stored in step.entries]
        commands = tuple(
            ("SET", name, data, "PX", _ttl_ms(stored, step.now)) for name, data, stored in sealed
        )
        is_large = any(len(data) >= LARGE_BYTES for _, data, _ in sealed)
        return Operation((), commands, lambda replies: True, is_large=is_large)

    def fetch_raw(self, name: str) -> Operation[bytes | None]:
        """An entry's bytes as they lie in the store."""
        return Operation((), (("GET", name),), lambda replies: replies[0])

    def swap(self, step: ReplaceShared, raw: bytes | None) -> Operation[bool] | None:
        """Swap `raw` for the new entry, or None if `raw` is not the old one any more."""
        if raw is None or self.open(step.name, raw) != step.old:
            return None
        new = self._seal(step.name, step.new)
        call = Call(scripts.REPLACE, (step.name,), ("", raw, new, _ttl_ms(step.new, step.now)))
        return Operation((), (call,), lambda replies: bool(replies[0]))

    def _delete(self, step: DeleteShared) -> Operation[None]:
        commands = tuple(("UNLINK", name) for name in step.names)
        return Operation((), commands, lambda replies: None)

    def _change(self, step: ChangeStamps) -> Operation[Changed]:
        args = (self._trial_ms, "soft" if step.is_soft else "hard", self._me)
        call = self._call(scripts.CHANGE, self._names(step.stamps), args)
        return Operation((call,), (), parse_changed(str(call.args[0])), is_change=True)

    def _add_pattern(self, step: AddPattern) -> Operation[Changed]:
        glob = step.glob.pattern.encode("utf-8", "surrogatepass").hex()
        args = (glob, PATTERNS_KEPT, self._me)
        call = self._call(scripts.ADD_PATTERN, (self._patterns_key,), args)
        return Operation((call,), (), parse_changed(str(call.args[0])), is_change=True)

    def _new_epoch(self, step: NewEpoch) -> Operation[Changed]:
        call = self._call(scripts.NEW_EPOCH, args=(self._me,))
        return Operation((call,), (), parse_changed(str(call.args[0])), is_change=True)

    def _enter(self, step: Enter) -> Operation[Changed]:
        args = (self._trial_ms, step.writer, self._me)
        call = self._call(scripts.ENTER, self._names(step.stamps), args)
        read = parse_changed(str(call.args[0]))

        def entered(replies: list[Any]) -> Changed:
            changed = read(replies)
            self.writing[step.writer] = step.stamps
            return changed

        return Operation((call,), (), entered, is_change=True)

    def _inside(self, step: Inside) -> Operation[bool]:
        args = (self._trial_ms, step.writer)
        call = self._call(scripts.INSIDE, self._names(step.stamps), args)
        return Operation((call,), (), lambda replies: replies[0] == 1)

    def _leave(self, step: Leave) -> Operation[Changed]:
        self.writing.pop(step.writer, None)
        args = (self._trial_ms, step.writer, self._me)
        call = self._call(scripts.LEAVE, self._names(step.stamps), args)
        return Operation((call,), (), parse_changed(str(call.args[0])), is_change=True)

    def _renew(self, step: Renew) -> Operation[Renewed]:
        args = (step.holder, step.incarnation, step.next_incarnation)

        def read(replies: list[Any]) -> Renewed:
            raw_epoch, raw_position, continued, registry, server_ms = replies[0]
            epoch = parse_epoch(text(raw_epoch))
            _, n, told = (text(raw_position) or "").split(" ")
            name, _, is_complete = (text(registry) or "").partition(" ")
            assert epoch is not None  # the script wrote it
            return Renewed(
                epoch,
                int(n),
                int(told),
                continued == 1,
                name,
                is_complete == "1",
                int(server_ms),
            )

        return Operation((self._call(scripts.RENEW, args=args),), (), read)

    def _strike(self, step: Strike) -> Operation[None]:
        silent = (x for h in step.holders for x in (h.name, h.incarnation, h.count))
        args = (step.registry, "1" if step.is_whole else "0", *silent)
        return Operation((self._call(scripts.STRIKE, args=args),), (), lambda replies: None)

    def _elect(self, step: Elect) -> Operation[tuple[float | None, ...]]:
        call = self._call(scripts.ELECT, self._names(step.leases), (self._me, self._leader_ms))

        def read(replies: list[Any]) -> tuple[float | None, ...]:
            for lease, left in zip(step.leases, replies[0], strict=True):
                if left < 0:
                    self.leading[lease] = str(call.args[0])
            return tuple(None if left < 0 else left / 1000 for left in replies[0])

        return Operation((call,), (), read)

    def _release(self, step: Release) -> Operation[None]:
        words = (
            word
            for lease, is_stored in step.leases
            for word in (self.leading.pop(lease, "-"), "1" if is_stored else "0")
        )
        names = self._names(tuple(lease for lease, _ in step.leases))
        call = self._call(scripts.RELEASE, names, tuple(words))
        return Operation((call,), (), lambda replies: None)

    def _ping(self, step: Ping) -> Operation[None]:
        return Operation((("PING",),), (), lambda replies: None)

    def _seal(self, name: str, stored: Stored) -> bytes:
        header = _encode_header(stored.terms)
        return seal(header, stored.payload, name=name, settings=self._sealing)

    def open(self, name: str, raw: object) -> Stored | None:
        """The entry in `raw`, or None: whatever is not ours and whole is a miss (G8)."""
        if not isinstance(raw, bytes):
            return None
        try:
            header, payload = open_(raw, name=name, settings=self._sealing)
            return Stored(parse_terms(header), payload)
        except (Foreign, msgspec.DecodeError, ValueError, RecursionError):
            return None  # ValueError: text in the header that is no UTF-8


def _pieces(keys: tuple[Any, ...]) -> bytes:
    """`keys` as they stand in a command."""
    packed: bytes = hiredis.pack_command(("MGET", *keys))
    return packed[packed.index(_MGET) + len(_MGET) :]


def _encode_header(terms: Terms) -> bytes:
    try:
        return _encode_terms(terms)
    except UnicodeEncodeError:
        # A tag with a lone surrogate. Tags are there to be shown; stamps decide.
        shown = tuple(tag.encode("utf-8", "backslashreplace").decode() for tag in terms.tags)
        return _encode_terms(msgspec.structs.replace(terms, tags=shown))


def _ttl_ms(stored: Stored, now: float) -> int:
    return max(_MIN_TTL_MS, int((stored.terms.kept_until - now) * 1000))
