"""What each shared step is on the wire: commands, and how their replies are read.

Pure: nothing here sends. Metadata of a namespace has the hash tag `{namespace}` and so
lies in one slot of a cluster; entries lie anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from keepwarm.core.entry import Pattern, Patterns, Seen, Stored, Terms
from keepwarm.core.globs import Glob
from keepwarm.core.stamps import Stamp, parse_epoch, parse_position, parse_stamp
from keepwarm.core.steps import (
    AddPattern,
    Capture,
    Changed,
    ChangeStamps,
    Confirm,
    DeleteShared,
    NewEpoch,
    Ping,
    ReadPatterns,
    ReadShared,
    ReplaceShared,
    Step,
    WriteShared,
)
from keepwarm.errors import KeyArgumentError
from keepwarm.stores.envelope import Foreign, Sealing, open_, seal
from keepwarm.stores.memory import PATTERNS_KEPT, new_nonce
from keepwarm.stores.redis import scripts
from keepwarm.stores.redis.scripts import Script

R = TypeVar("R")
Command = tuple[str | bytes | int, ...]

_encode_terms = msgspec.msgpack.Encoder().encode
_decode_terms = msgspec.msgpack.Decoder(Terms).decode
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


class Operations:
    """The operations of one namespace."""

    def __init__(self, namespace: str, sealing: Sealing) -> None:
        self._prefix = "{" + namespace + "}:"
        self._sealing = sealing
        self.epoch_key = self._prefix + "epoch"
        self._position_key = self._prefix + "pos"
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
        }

    def of(self, step: Step[R]) -> Operation[R]:
        return self._table[type(step)](step)

    def greet(self) -> Operation[bool]:
        """Make sure that the epoch was made on this server; True if a new one was begun."""
        call = self._call(scripts.GREET)
        return Operation((call,), (), lambda replies: bool(replies[0][1]))

    def greeting(self) -> Command:
        """`greet` as one command that needs no script cache."""
        call = self._call(scripts.GREET)
        return ("EVAL", call.script.text, len(call.keys), *call.keys, *call.args)

    def _call(
        self, script: Script, keys: tuple[str, ...] = (), args: tuple[str | bytes | int, ...] = ()
    ) -> Call:
        return Call(script, (self.epoch_key, self._position_key, *keys), (new_nonce(), *args))

    def _names(self, stamps: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._prefix + name for name in stamps)

    def _read(self, step: ReadShared) -> Operation[Seen]:
        keys = (self.epoch_key, self._position_key, *self._names(step.stamps))

        def read(replies: list[Any]) -> Seen:
            epoch = parse_epoch(_text(replies[0][0]))
            raw = replies[1] if step.names else []
            opened = tuple(map(self._open, step.names, raw))
            return Seen(
                epoch,
                parse_position(_text(replies[0][1]), epoch),
                {
                    name: parse_stamp(_text(stamp))
                    for name, stamp in zip(step.stamps, replies[0][2:], strict=True)
                },
                opened,
                foreign=opened.count(None) - raw.count(None),
            )

        entries: tuple[Command, ...] = (("MGET", *step.names),) if step.names else ()
        return Operation((("MGET", *keys),), entries, read)

    def _read_patterns(self, step: ReadPatterns) -> Operation[Patterns]:
        def read(replies: list[Any]) -> Patterns:
            return _parse_patterns(_text(replies[0]))

        return Operation((("GET", self._patterns_key),), (), read)

    def _capture(self, step: Capture) -> Operation[Seen]:
        def read(replies: list[Any]) -> Seen:
            raw = [_text(r) for r in replies[0]]
            epoch = parse_epoch(raw[0])
            stamps = zip(step.stamps, map(parse_stamp, raw[2:]), strict=True)
            return Seen(epoch, parse_position(raw[1], epoch), dict(stamps))

        return Operation((self._call(scripts.CAPTURE, self._names(step.stamps)),), (), read)

    def _confirm(self, step: Confirm) -> Operation[dict[str, Stamp] | None]:
        unchanged = tuple(stamp[0] for stamp in step.unchanged)
        keys = self._names((*step.late, *unchanged))
        args: tuple[str | bytes | int, ...] = (step.epoch, step.position, len(step.late))
        args += tuple(stamp[1] for stamp in step.unchanged)

        def read(replies: list[Any]) -> dict[str, Stamp] | None:
            if replies[0] is None:
                return None
            stamps = [parse_stamp(_text(raw)) for raw in replies[0]]
            found = {n: s for n, s in zip(step.late, stamps, strict=True) if s is not None}
            return found if len(found) == len(step.late) else None

        return Operation((self._call(scripts.CONFIRM, keys, args),), (), read)

    def _write(self, step: WriteShared) -> Operation[bool]:
        commands = tuple(
            ("SET", name, self._seal(name, stored), "PX", _ttl_ms(stored, step.now))
            for name, stored in step.entries
        )
        return Operation((), commands, lambda replies: True)

    def fetch_raw(self, name: str) -> Operation[bytes | None]:
        """An entry's bytes as they lie in the store."""
        return Operation((), (("GET", name),), lambda replies: replies[0])

    def replace(self, step: ReplaceShared, raw: bytes | None) -> Operation[bool] | None:
        """Swap `raw` for the new entry, or None if `raw` is not the old one any more."""
        if raw is None or self._open(step.name, raw) != step.old:
            return None
        new = self._seal(step.name, step.new)
        call = Call(scripts.REPLACE, (step.name,), ("", raw, new, _ttl_ms(step.new, step.now)))
        return Operation((), (call,), lambda replies: bool(replies[0]))

    def _delete(self, step: DeleteShared) -> Operation[None]:
        commands = tuple(("UNLINK", name) for name in step.names)
        return Operation((), commands, lambda replies: None)

    def _change(self, step: ChangeStamps) -> Operation[Changed]:
        kind = "soft" if step.is_soft else "hard"
        call = self._call(scripts.CHANGE, self._names(step.stamps), (kind,))
        return Operation((call,), (), _changed)

    def _add_pattern(self, step: AddPattern) -> Operation[Changed]:
        args = (step.glob.pattern.encode("utf-8", "surrogatepass").hex(), PATTERNS_KEPT)
        call = self._call(scripts.ADD_PATTERN, (self._patterns_key,), args)
        return Operation((call,), (), _changed)

    def _new_epoch(self, step: NewEpoch) -> Operation[Changed]:
        return Operation((self._call(scripts.NEW_EPOCH),), (), _changed)

    def _ping(self, step: Ping) -> Operation[None]:
        return Operation((("PING",),), (), lambda replies: None)

    def _seal(self, name: str, stored: Stored) -> bytes:
        header = _encode_header(stored.terms)
        return seal(header, stored.payload, name=name, settings=self._sealing)

    def _open(self, name: str, raw: object) -> Stored | None:
        """The entry in `raw`, or None: whatever is not ours and whole is a miss (G8)."""
        if not isinstance(raw, bytes):
            return None
        try:
            header, payload = open_(raw, name=name, settings=self._sealing)
            return Stored(_decode_terms(header), payload)
        except (Foreign, msgspec.DecodeError, RecursionError):
            return None


def _encode_header(terms: Terms) -> bytes:
    try:
        return _encode_terms(terms)
    except UnicodeEncodeError:
        # A tag with a lone surrogate. Tags are there to be shown; stamps decide.
        shown = tuple(tag.encode("utf-8", "backslashreplace").decode() for tag in terms.tags)
        return _encode_terms(msgspec.structs.replace(terms, tags=shown))


def _changed(replies: list[Any]) -> Changed:
    nonce, n = replies[0]
    return Changed(_text(nonce) or "", int(n))


def _text(raw: object) -> str | None:
    """ASCII metadata as text; anything else is not ours."""
    if not isinstance(raw, bytes):
        return None
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        return None


def _ttl_ms(stored: Stored, now: float) -> int:
    return max(_MIN_TTL_MS, int((stored.terms.kept_until - now) * 1000))


_NO_PATTERNS = Patterns("", 0, 0, ())


def _parse_patterns(raw: str | None) -> Patterns:
    """The list as ADD_PATTERN writes it; anything else proves nothing and kills all it could."""
    if raw is None:
        return _NO_PATTERNS
    try:
        epoch, floor, *lines = raw.split("\n")
        items = []
        for line in lines:
            n, _, glob = line.partition(" ")
            items.append(
                Pattern(int(n), Glob(bytes.fromhex(glob).decode("utf-8", "surrogatepass")))
            )
        return Patterns(epoch, int(floor), items[-1].position, tuple(items))
    except (ValueError, IndexError, KeyArgumentError):
        return _NO_PATTERNS
