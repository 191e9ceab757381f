"""Responses ready to be sent, found by the request's raw bytes before anything is parsed.

How to think of it: `Ready` says which record a raw target got last; whether that may still
be sent is asked anew each time, of its lifetime and of its stamps. So nothing here has to
be told when something is invalidated, and there is no flag to race with.
"""

from collections import OrderedDict
from typing import Any

from keepwarm.asgi.record import Index, Record
from keepwarm.asgi.report import Scope
from keepwarm.core.steps import Subject

MOST_TARGETS = 50_000
_INDEX_BYTES = 1_000
MOST_RAW_VALUES = 64  # spellings of the fields that one URL varies on

# Fields of a request that never decide which answer it gets, unless a Vary names them; any
# other has to be thought about.
_PLAIN = frozenset(
    {
        *(b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"connection"),
        *(b"referer", b"dnt", b"sec-fetch-site", b"sec-fetch-mode", b"priority"),
        *(b"sec-fetch-dest", b"sec-fetch-user", b"sec-ch-ua", b"sec-ch-ua-mobile", b"te"),
        *(b"sec-ch-ua-platform", b"upgrade-insecure-requests", b"x-forwarded-for", b"x-real-ip"),
        *(b"x-request-id", b"traceparent", b"tracestate", b"keep-alive", b"save-data", b"via"),
    }
)


class Slot:
    """What one URL got last: a record, or records by the values of the fields it varies on."""

    __slots__ = ("by_values", "index", "logical", "names", "record")

    def __init__(self, logical: str) -> None:
        self.logical = logical
        self.record: Record | None = None
        self.index: Index | None = None
        self.names: frozenset[bytes] = frozenset()
        self.by_values: dict[tuple[Any, ...], Slot] = {}


class Target:
    """A raw target: where its record is, and under which name it lies in the store."""

    __slots__ = ("is_declared", "slot", "subject")

    def __init__(self, slot: Slot, subject: Subject | None, is_declared: bool) -> None:
        self.slot = slot
        self.subject = subject
        self.is_declared = is_declared


class Ready:
    """Bounded in bytes. What was used since it was last looked at is not the first to go."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = 0
        self._slots: OrderedDict[str, Slot] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._targets: dict[tuple[Any, ...], Target] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def used_bytes(self) -> int:
        return self._used_bytes

    def quick(self, scope: Scope) -> Record | Subject | None:
        """The record that a plain GET of this very target got last, or where that lies."""
        host, has_cookie = b"", False
        for name, value in scope["headers"]:
            if name in _PLAIN:
                continue
            if name == b"host" and not host:
                host = value
            elif name == b"cookie":
                has_cookie = True
            else:
                return None
        try:
            target = self._targets[scope["raw_path"], host, scope["query_string"], scope["scheme"]]
        except KeyError:
            return None
        if has_cookie and not target.is_declared:
            return None
        slot = target.slot
        if names := slot.names:
            found = slot.by_values.get(tuple(f for f in scope["headers"] if f[0] in names))
            return found.record if found is not None else None
        subject = target.subject
        if slot.record is None and subject is not None:
            # It was let go, and may be back.
            target.slot = slot = self._slots.get(subject.name, slot)
        return slot.record or subject

    def learn(self, scope: Scope, slot: Slot, found: Slot, record: Record) -> None:
        """Remember that the target in `scope` got `found`, itself or through `slot`'s variants."""
        if record.head.is_private or record.body is None or record.part is not None:
            return
        if not scope.get("raw_path"):
            return  # without it targets of one host are not told apart
        headers = scope["headers"]
        named = sorted(name for name, _ in headers if name not in _PLAIN)
        if named not in ([b"host"], [b"cookie", b"host"]):
            return
        host = next(value for name, value in headers if name == b"host")
        if len(self._targets) >= MOST_TARGETS:
            self._targets.clear()
        key = (scope.get("raw_path"), host, scope.get("query_string"), scope.get("scheme"))
        is_single = slot is found
        self._targets[key] = Target(
            slot, record.subject if is_single else None, record.head.is_declared
        )
        if is_single:
            slot.names = frozenset()
            return
        names = frozenset(record.head.names)
        if names != slot.names or len(slot.by_values) >= MOST_RAW_VALUES:
            slot.by_values.clear()
        slot.names = names
        slot.by_values[tuple(f for f in headers if f[0] in names)] = found

    def slot(self, name: str) -> Slot | None:
        return self._slots.get(name)

    def put(self, name: str, record: Record) -> None:
        """Keep `record` as what is under `name` now."""
        if not self._max_bytes:
            return
        weight = record.weight
        if weight > self._max_bytes:
            self.drop(name)
            return
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = Slot(record.subject.logical)
        self._used_bytes += weight - self._weights.get(name, 0)
        self._weights[name] = weight
        slot.record, slot.index = record, None
        slot.names, slot.by_values = frozenset(), {}
        record.was_used = True
        self._make_room(name)

    def put_index(self, name: str, logical: str, index: Index) -> Slot:
        """What is under `name` is told apart by Vary."""
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = Slot(logical)
            self._used_bytes += _INDEX_BYTES
            self._weights[name] = _INDEX_BYTES
        if slot.index != index:
            # Another set of names may be the newest now.
            slot.names, slot.by_values = frozenset(), {}
        slot.record, slot.index = None, index
        self._make_room(name)
        return slot

    def drop(self, name: str) -> None:
        slot = self._slots.pop(name, None)
        if slot is not None:
            slot.record = slot.index = None
            slot.by_values = {}
            self._used_bytes -= self._weights.pop(name)

    def _make_room(self, newest: str) -> None:
        spared = 0
        while self._used_bytes > self._max_bytes and self._slots:
            name, slot = next(iter(self._slots.items()))
            record = slot.record
            if record is not None and record.was_used and spared < 64 and name != newest:
                record.was_used = False
                self._slots.move_to_end(name)
                spared += 1
                continue
            self.drop(name)
