"""Two fills with a late tag, one writer, two servers: epochs, positions, failover and back.

Each rule is a method, so that a mutant can replace one; what stands for what:

- `Data`: a namespace: the epoch with its server's identity, position, two stamps, an entry
- `capture`, `confirm`, `change`: CAPTURE, CONFIRM, CHANGE; `MemoryStore._capture` …
- `greet`: RENEW, with which every connection begins: another server is another epoch
- `judge`: `core.entry.life`: dead, stale (only the soft nonce differs) or fresh
- a fill: `core.fill`, which captures the tag it knows, asks the origin, confirms the late tag
- `REPLICA`: what the other server holds, as it was when it last caught up

After a failover nobody reaches the old server, and it comes back only as a replica of the new
one (both are what G1 is promised under). A crash with an old snapshot is a failover to a copy
that lags. Promised: what is fresh is no older than what is acknowledged, hard or soft; what
may be served stale is no older than what is acknowledged hard (G1).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from keepwarm.testing.model.search import Reads


class Stamp(NamedTuple):
    hard: int
    soft: int
    born: int


class Entry(NamedTuple):
    epoch: int
    known: Stamp
    late: Stamp
    version: int


class Data(NamedTuple):
    """`known` and `late` are the stamps by server, for the mutant that keeps them apart."""

    identity: int = 0
    epoch: int = 1
    position: int = 0
    known: tuple[Stamp | None, Stamp | None] = (None, None)
    late: tuple[Stamp | None, Stamp | None] = (None, None)
    entry: Entry | None = None


class Fill(NamedTuple):
    """Its token, and the version that the origin said (-1: not asked yet)."""

    epoch: int
    position: int
    known: Stamp
    version: int = -1


State: TypeAlias = tuple[Any, ...]
(SERVER, DATA, REPLICA, FRESH, FILLS, WRITER, COMMITTED, ACKED, SOFT_ACKED, WRITES, FAULTS) = range(
    11
)
_IDLE, _COMMITTED = 0, 1
NOTHING = Stamp(0, 0, 0)


class Fills:
    """The model. `writes` commits, `faults` evictions and failovers."""

    def __init__(self, *, writes: int = 2, faults: int = 2, fills: int = 2) -> None:
        self.name = f"epochs and failovers, {fills} fill{'s' * (fills > 1)}"
        self._writes, self._faults, self._fills = writes, faults, fills

    def start(self) -> Sequence[tuple[str, State]]:
        cold = Data()
        known, late = Stamp(2, 2, 1), Stamp(3, 3, 2)
        warm = Data(0, 1, 2, (known, None), (late, None), Entry(1, known, late, 0))
        rest = ((None,) * self._fills, _IDLE, 0, 0, 0, self._writes, self._faults)
        return (
            ("nothing is stored", (0, cold, cold, 4, *rest)),
            ("all is stored, and replicated", (0, warm, warm, 4, *rest)),
        )

    # What can happen.

    def moves(self, s: State) -> Iterator[tuple[str, State]]:
        for i, fill in enumerate(s[FILLS]):
            yield from self._filling(s, i, fill)
        yield from self._writing(s)
        if s[FAULTS]:
            yield from self._faulty(s)

    def _filling(self, s: State, i: int, fill: Fill | None) -> Iterator[tuple[str, State]]:
        who = f"fill {i + 1}"
        n = list(s)
        if fill is None:
            if self.judge(s) != "fresh":
                n[DATA], n[FRESH], known = self.capture(s, "known")
                assert known is not None
                fills = list(s[FILLS])
                fills[i] = Fill(n[DATA].epoch, n[DATA].position, known)
                n[FILLS] = tuple(fills)
                yield f"{who} captures", tuple(n)
        elif fill.version < 0:
            n[FILLS] = _put(s[FILLS], i, fill._replace(version=s[COMMITTED]))
            yield f"{who} asks the origin", tuple(n)
        else:
            n[FILLS] = _put(s[FILLS], i, None)
            late = self.confirm(s, fill)
            if late is not None:
                entry = Entry(fill.epoch, fill.known, late, fill.version)
                n[DATA] = s[DATA]._replace(entry=entry)
                yield f"{who} finds the late tag quiet, and stores", tuple(n)
            else:
                n[DATA], n[FRESH], _ = self.capture(s, "late")
                yield f"{who} returns its value unstored", tuple(n)

    def _writing(self, s: State) -> Iterator[tuple[str, State]]:
        n = list(s)
        if s[WRITER] == _IDLE and s[WRITES]:
            n[WRITER], n[WRITES], n[COMMITTED] = _COMMITTED, s[WRITES] - 1, s[COMMITTED] + 1
            yield "the writer commits", tuple(n)
        elif s[WRITER] == _COMMITTED:
            for tag in ("known", "late"):
                n = list(s)
                n[DATA], n[FRESH] = self.change(s, tag)
                n[WRITER], n[ACKED] = _IDLE, s[COMMITTED]
                yield f"the writer invalidates the {tag} tag, and is acknowledged", tuple(n)
            n = list(s)
            n[DATA], n[FRESH] = self.change(s, "known", is_soft=True)
            n[WRITER] = _IDLE
            # Of a stamp that is missing there is nothing that could be served stale.
            n[SOFT_ACKED] = s[COMMITTED]
            yield "the writer invalidates the known tag softly", tuple(n)

    def _faulty(self, s: State) -> Iterator[tuple[str, State]]:
        data: Data = s[DATA]
        n = list(s)
        n[FAULTS] -= 1
        at = self.place(s)
        if data.known[at] is not None:
            n[DATA] = data._replace(known=_put(data.known, at, None))
            yield "the known tag's stamp is evicted", tuple(n)
        if data.late[at] is not None:
            n[DATA] = data._replace(late=_put(data.late, at, None))
            yield "the late tag's stamp is evicted", tuple(n)
        n[DATA], n[FRESH] = self._new_epoch(data, s)
        yield "the epoch or the position is evicted", tuple(n)
        n = list(s)
        n[FAULTS] -= 1
        n[SERVER] = 1 - s[SERVER]
        n[DATA], n[FRESH] = self.greet(n, s[REPLICA])
        n[REPLICA] = n[DATA]  # which follows the new one, before it can be chosen again
        yield "a failover: the other server answers, as it was when it caught up", tuple(n)
        if s[REPLICA] != data:
            n = list(s)
            n[REPLICA] = data
            yield "the replica catches up", tuple(n)

    # The rules.

    def place(self, s: Sequence[Any]) -> int:
        """Where this server's stamps lie. A name contains nothing of the server: one place."""
        return 0

    def greet(self, n: Sequence[Any], data: Data) -> tuple[Data, int]:
        """What the first connection to `n[SERVER]` makes of its data."""
        if data.identity == n[SERVER]:
            return data, n[FRESH]
        return self._new_epoch(data, n)

    def _new_epoch(self, data: Data, s: Sequence[Any]) -> tuple[Data, int]:
        fresh = s[FRESH]
        return data._replace(identity=s[SERVER], epoch=fresh, position=0), fresh + 1

    def capture(self, s: Sequence[Any], tag: str) -> tuple[Data, int, Stamp | None]:
        data: Data = s[DATA]
        at = self.place(s)
        old: Stamp | None = getattr(data, tag)[at]
        if old is not None and old.born <= data.position:
            return data, s[FRESH], old
        changed, fresh = self.change(s, tag)
        return changed, fresh, getattr(changed, tag)[at]

    def confirm(self, s: Sequence[Any], fill: Fill) -> Stamp | None:
        """The late tag's stamp if it was quiet since the fill's position."""
        data: Data = s[DATA]
        late = data.late[self.place(s)]
        if late is None or data.epoch != fill.epoch or late.born > fill.position:
            return None
        return late

    def change(self, s: Sequence[Any], tag: str, *, is_soft: bool = False) -> tuple[Data, int]:
        data: Data = s[DATA]
        at, fresh, position = self.place(s), s[FRESH], data.position + 1
        old: Stamp | None = getattr(data, tag)[at]
        stamp: Stamp | None = Stamp(fresh, fresh, position)
        if is_soft:
            stamp = old and Stamp(old.hard, fresh, position)
        stamps = _put(getattr(data, tag), at, stamp)
        changed = data._replace(position=position)
        return changed._replace(**{tag: stamps}), fresh + 1

    def judge(self, s: Sequence[Any]) -> str:
        data: Data = s[DATA]
        entry, at = data.entry, self.place(s)
        known, late = data.known[at], data.late[at]
        if entry is None or known is None or late is None or entry.epoch != data.epoch:
            return "dead"
        if entry.known.hard != known.hard or entry.late.hard != late.hard:
            return "dead"
        if entry.known.soft != known.soft or entry.late.soft != late.soft:
            return "stale"
        return "fresh"

    # What is promised.

    def reads(self, s: State) -> Reads:
        life = self.judge(s)
        if life == "dead":
            return _NONE
        version = s[DATA].entry.version
        least = s[ACKED] if life == "stale" else max(s[ACKED], s[SOFT_ACKED])
        overlapping = 1 if s[WRITER] else 0
        if version < least:
            broken = f"version {version} is served {life} though {least} is acknowledged"
            return Reads(1, overlapping, broken)
        return Reads(1, overlapping)


_NONE = Reads(0)


def _put(items: tuple[Any, ...], at: int, item: Any) -> Any:
    return (*items[:at], item, *items[at + 1 :])
