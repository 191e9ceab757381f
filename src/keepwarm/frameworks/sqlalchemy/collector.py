"""The collector: what the transactions of bound sessions touch.

Rows that the unit of work writes are met one by one, after everything that decides about
them (orphans, foreign keys of relationships). Everything else is met as a statement on its
way to the driver, the one place that nothing but a raw cursor gets past.
"""

import logging
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.orm import InstanceState, Mapper, Session, SessionTransaction, object_session

from keepwarm.engine.context import current_fill
from keepwarm.frameworks.sqlalchemy import snapshots
from keepwarm.frameworks.sqlalchemy.mapping import Entity, Rules, Touched
from keepwarm.frameworks.sqlalchemy.unit import Unit

log = logging.getLogger("keepwarm")


class Listener(Protocol):
    """Told at once of what cannot wait."""

    def vague(self, why: str) -> None:
        """Something's tags cannot be named; may raise to prevent it."""

    def late(self, session: Session, unit: Unit) -> None:
        """Something was written or touched after all had been announced."""


class Collector:
    """Listens to the sessions of `kinds` until it is closed."""

    def __init__(self, kinds: tuple[type[Session], ...], rules: Rules, listener: Listener) -> None:
        self.kinds = kinds
        self.rules = rules
        self.engine: Engine | None = None
        """The one that was met first."""
        self._listener = listener
        self._units: weakref.WeakKeyDictionary[Session, Unit] = weakref.WeakKeyDictionary()
        self._sessions: weakref.WeakKeyDictionary[Connection, weakref.ref[Session]]
        self._sessions = weakref.WeakKeyDictionary()
        self._strangers: set[str] = set()
        self._listening: list[tuple[Any, str, Callable[..., Any]]] = []
        for kind in kinds:
            snapshots.watch(kind)
            self.on(kind, "after_begin", self._began)
            self.on(kind, "after_soft_rollback", self._undone)
            _watch_bulk(kind, self)
        self.on(Engine, "before_cursor_execute", self._executing)
        for name in ("insert", "update", "delete"):
            self.on(Mapper, f"before_{name}", getattr(self, f"_before_{name}"))
        self.on(Mapper, "after_insert", self._after_insert)
        self.on(Mapper, "after_update", self._after_update)

    def on(self, target: Any, name: str, act: Callable[..., Any]) -> None:
        event.listen(target, name, act)
        self._listening.append((target, name, act))

    @property
    def is_listening(self) -> bool:
        return bool(self._listening)

    def close(self) -> None:
        for listening in self._listening:
            event.remove(*listening)
        if self._listening:
            for kind in self.kinds:
                snapshots.unwatch(kind)
        self._listening.clear()

    # What was touched so far.

    def get(self, session: Session) -> Unit | None:
        """What the session's transaction touched, if anything."""
        return self._units.get(session)

    def unit(self, session: Session) -> Unit:
        unit = self._units.get(session)
        if unit is None:
            unit = self._units[session] = Unit()
        return unit

    def pop(self, session: Session) -> Unit | None:
        return self._units.pop(session, None)

    def touch(self, session: Session, touched: Touched) -> None:
        if not touched:
            return
        if touched.everything:
            self._listener.vague(touched.everything)
        unit = self.unit(session)
        unit.touch(session, touched)
        if unit.is_ready:
            self._listener.late(session, unit)

    def touch_bulk(self, session: Session, mappers: set[Mapper[Any]]) -> None:
        """Rows of `mappers` are about to be written by Session.bulk_…, past the unit of work."""
        if self.is_listening and isinstance(session, self.kinds):
            self._wrote(session, None)
            for mapper in mappers:
                self.touch(session, self.rules.of_bulk(mapper))

    def _wrote(self, session: Session, connection: Connection | None) -> None:
        snapshots.refuse(current_fill(), snapshots.WROTE)
        unit = self.unit(session)
        unit.has_written = True
        unit.connection = connection or unit.connection
        if unit.is_ready:
            self._listener.late(session, unit)

    # Savepoints.

    def _undone(self, session: Session, transaction: SessionTransaction) -> None:
        unit = self._units.get(session)
        if unit is not None and transaction.nested:
            unit.undo(transaction)

    # Rows.

    def _mine(self, mapper: Mapper[Any], row: object) -> Session | None:
        """The bound session that writes `row`."""
        session = object_session(row)
        if isinstance(session, self.kinds):
            return session
        if session is not None and self.rules.of(mapper) and not snapshots.is_bound(session):
            name = mapper.class_.__name__
            if name not in self._strangers:
                self._strangers.add(name)
                log.warning("a session that is not bound writes %s: nothing is invalidated", name)
        return None

    def _before_insert(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is not None:
            self._wrote(session, connection)

    def _after_insert(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is None:
            return
        for entity in self.rules.of(mapper):
            identity = tuple(mapper.primary_key_from_instance(row))
            self.touch(session, _now(entity, connection, inspect(row), identity))

    def _before_update(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is None or not session.is_modified(row):
            return
        self._wrote(session, connection)
        state = inspect(row)
        self.unit(session).updating.add(state)
        for entity in self.rules.of(mapper):
            self.touch(session, _before(entity, connection, state))

    def _after_update(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session, state = self._mine(mapper, row), inspect(row)
        unit = self._units.get(session) if session is not None else None
        if session is None or unit is None or state not in unit.updating:
            return
        unit.updating.discard(state)
        for entity in self.rules.of(mapper):
            identity = tuple(mapper.primary_key_from_instance(row))
            self.touch(session, _now(entity, connection, state, identity))

    def _before_delete(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is None:
            return
        self._wrote(session, connection)
        for entity in self.rules.of(mapper):
            self.touch(session, _before(entity, connection, inspect(row)))
        self.touch(session, self.rules.of_deleted(mapper))

    # Statements.

    def _began(self, session: Session, _: SessionTransaction, connection: Connection) -> None:
        self._sessions[connection] = weakref.ref(session)
        if self.engine is None:
            self.engine = connection.engine

    def _executing(
        self, connection: Connection, _: Any, statement: str, __: Any, context: Any, ___: bool
    ) -> None:
        found = self._sessions.get(connection)
        session = found() if found is not None else None
        if session is None or session._flushing or not session.in_transaction():
            return  # a flush names its rows one by one
        touched = self.rules.of_statement(context, statement)
        if touched is not None:
            self._wrote(session, connection)
            self.touch(session, touched)


def _before(entity: Entity, connection: Connection, state: InstanceState[Any]) -> Touched:
    """The tags that a row has until now, whatever this session believes.

    1. this session reads row 5 in list A   2. another one moves it to list B and commits
    3. this one renames it                   -> list B shows the old name, not list A
    """
    identity = state.identity
    assert identity is not None  # only persistent rows are updated or deleted
    values = dict(zip(entity.key, identity, strict=True))
    if entity.needs_row:
        row = entity.row(connection, identity, lock=True)
        if row is None:
            return Touched(entity.plain)
        values |= row
    return entity.tags_of(values)


def _now(
    entity: Entity, connection: Connection, state: InstanceState[Any], identity: tuple[Any, ...]
) -> Touched:
    """The tags that a row has from now on."""
    values = {key: state.dict[key] for key in entity.columns if key in state.dict}
    if len(values) < len(entity.columns):  # set by the database, or never loaded
        row = entity.row(connection, identity, lock=False)
        if row is None:
            return Touched(entity.plain)
        values |= row
    return entity.tags_of(values)


def _watch_bulk(kind: type[Session], collector: Collector) -> None:
    """The legacy bulk methods tell no listener anything."""
    by = weakref.ref(collector)

    def watched(name: str, mappers: Callable[[Any], set[Mapper[Any]]]) -> None:
        original = getattr(kind, name)

        def method(self: Session, what: Any, *args: Any, **options: Any) -> Any:
            bound = by()
            if bound is not None:
                what = list(what) if name == "bulk_save_objects" else what
                bound.touch_bulk(self, mappers(what))
            return original(self, what, *args, **options)

        method.__name__, method.__doc__ = name, original.__doc__
        setattr(kind, name, method)

    watched("bulk_save_objects", lambda rows: {inspect(row).mapper for row in rows})
    watched("bulk_insert_mappings", lambda entity: {inspect(entity)})
    watched("bulk_update_mappings", lambda entity: {inspect(entity)})
