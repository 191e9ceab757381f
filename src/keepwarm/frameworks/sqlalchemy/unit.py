"""What one transaction has touched so far, savepoint by savepoint, and what became of it."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import InstanceState, Session, SessionTransaction

from keepwarm.engine.plans import Ack
from keepwarm.frameworks.sqlalchemy.mapping import NOTHING, Touched


@dataclass(slots=True)
class Receipt:
    """What a transaction ended and how far that got: filled in when the transaction ends.

    `ack` is the store's confirmation. `is_pending` says that the write was committed and its
    invalidation waits in the outbox. Neither is set for what was rolled back, or touched
    nothing that is cached.
    """

    tags: tuple[str, ...] = ()
    ack: Ack | None = None
    is_pending: bool = False


@dataclass(slots=True, eq=False)
class Unit:
    """The root transaction of one session.

    `announced` is what the marks and outbox rows of this transaction name already.
    """

    receipt: Receipt = field(default_factory=Receipt)
    announced: Touched = NOTHING
    has_written: bool = False
    connection: Connection | None = None
    """The one that it wrote through: with several databases, the one for its outbox row."""
    is_declared: bool = False
    """Somebody said what this transaction ends, if only that it is nothing."""
    is_ready: bool = False
    """All that was touched is announced, and COMMIT may have been sent."""
    is_committed: bool = False
    writings: list[Any] = field(default_factory=list)
    outbox_ids: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    """Rows of earlier, confirmed writes that this transaction deletes."""
    updating: set[InstanceState[Any]] = field(default_factory=set)
    _frames: list[tuple[SessionTransaction | None, Touched]] = field(
        default_factory=lambda: [(None, NOTHING)]
    )

    @property
    def touched(self) -> Touched:
        """All of it, as if every open savepoint were released."""
        found = NOTHING
        for _, touched in self._frames:
            found |= touched
        return found

    def touch(self, session: Session, touched: Touched) -> None:
        """Note it for the innermost savepoint."""
        savepoint = session.get_nested_transaction()
        last, before = self._frames[-1]
        if last is savepoint:
            self._frames[-1] = (last, before | touched)
        else:
            self._frames.append((savepoint, touched))

    def release(self, savepoint: SessionTransaction) -> None:
        """What a savepoint touched is now what the one around it did."""
        around = savepoint.parent
        while around is not None and not around.nested:
            around = around.parent
        found, frames = NOTHING, []
        for transaction, touched in self._frames:
            if transaction is savepoint:
                found |= touched
            else:
                frames.append((transaction, touched))
        self._frames = frames
        if not found:
            return
        for at, (transaction, touched) in enumerate(frames):
            if transaction is around:
                frames[at] = (transaction, touched | found)
                return
        frames.append((around, found))

    def undo(self, savepoint: SessionTransaction) -> None:
        """What a savepoint touched did not happen."""
        self._frames = [frame for frame in self._frames if frame[0] is not savepoint]
