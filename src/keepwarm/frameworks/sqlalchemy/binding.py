"""A binding: what a session writes is announced before its COMMIT and ended after it.

How to think of it: `Unit` gathers what one transaction touches, from what the unit of work
writes row by row and from what is executed beside it. Then, in order:

    before COMMIT   flush; the outbox row (mode "outbox"); marks in the store, waited for
                    and checked (without them: mode "strict" raises, "outbox" goes on)
    COMMIT
    afterwards      the marks are taken away, or the tags invalidated; the outbox row goes
                    when that was confirmed, else it stays for a sweeper

"Afterwards" is when the transaction has ended and its connection is back in the pool:
raising there harms no session, and waiting there holds no lock. A transaction that was
rolled back before it came to COMMIT has announced nothing and costs nothing.
"""

import logging
import weakref
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Engine, Table, event, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper, Session, SessionTransaction, object_session

from keepwarm.core.keys import check_tag
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.context import current_fill
from keepwarm.errors import ConfigurationError, NotAcknowledged, WriteNotAnnounced
from keepwarm.frameworks.sqlalchemy import snapshots
from keepwarm.frameworks.sqlalchemy.hands import AsyncHands, BlockingHands, Hands
from keepwarm.frameworks.sqlalchemy.mapping import Entity, Rules, Touched
from keepwarm.frameworks.sqlalchemy.outbox import Outbox
from keepwarm.frameworks.sqlalchemy.sweeper import AsyncSweeper, BlockingSweeper, Ledger
from keepwarm.frameworks.sqlalchemy.unit import Receipt, Unit

log = logging.getLogger("keepwarm")

Mode: TypeAlias = Literal["strict", "outbox"]
AnySession: TypeAlias = Session | AsyncSession


class Binding:
    """Made by `bind`. Listens until it is closed."""

    def __init__(
        self,
        cache: BaseCache,
        kinds: tuple[type[Session], ...],
        rules: Rules,
        table: Table | None,
        *,
        is_async: bool,
        engine: Engine | None,
    ) -> None:
        self.mode: Mode = "strict" if table is None else "outbox"
        self._kinds = kinds
        self._rules = rules
        self._engine = engine
        self._is_async = is_async
        self._hands: Hands = AsyncHands(cache) if is_async else BlockingHands(cache)
        self._outbox = Outbox(table, cache.namespace) if table is not None else None
        self._ledger = Ledger()
        self._sweeper: AsyncSweeper | BlockingSweeper | None = None
        if self._outbox is not None:
            make = AsyncSweeper if is_async else BlockingSweeper
            self._sweeper = make(cache, self._outbox, self._ledger, self._known_engine)
        self._units: weakref.WeakKeyDictionary[Session, Unit] = weakref.WeakKeyDictionary()
        self._sessions: weakref.WeakKeyDictionary[Connection, weakref.ref[Session]]
        self._sessions = weakref.WeakKeyDictionary()
        self._warned: set[str] = set()
        self._listening: list[tuple[Any, str, Callable[..., Any]]] = []
        self._listen()
        cache.watch_pending(self.pending)

    # For applications.

    @property
    def table(self) -> Table:
        """The outbox's table: `binding.table.create(engine)`, or see `outbox_table`."""
        if self._outbox is None:
            raise ConfigurationError("mode='strict' has no outbox")
        return self._outbox.table

    def declare(self, session: AnySession, *tags: str) -> Receipt:
        """Say that the session's transaction changes what has these tags.

        For writes that the mapping does not describe; without a mapping every transaction
        that writes must say so, if only `declare(session)`: it ends nothing. Returns the
        transaction's receipt.
        """
        plain = _plain(session)
        if not isinstance(plain, self._kinds):
            raise ConfigurationError("this session is not bound: give its sessionmaker to bind()")
        if not plain.in_transaction():
            plain.begin()
        unit = self._unit(plain)
        unit.is_declared = True
        self._touch(plain, Touched(frozenset(map(check_tag, tags))))
        return unit.receipt

    def receipt(self, session: AnySession) -> Receipt:
        """How far the session's present transaction got, to be looked at after its end."""
        return self._unit(_plain(session)).receipt

    def pending(self) -> int:
        """How many committed writes wait in the outbox, as this process knows; no query."""
        return self._ledger.pending

    async def start(self) -> None:
        """Finish whatever lies in the outbox, and look at it from now on.

        Call it before serving, so that what a process left that was killed is not served.
        Raises what the database raises, as where the table is missing.
        """
        if isinstance(self._sweeper, AsyncSweeper):
            await self._sweeper.sweep(at_once=True)
            self._sweeper.start()
        else:
            self.start_blocking()

    def start_blocking(self) -> None:
        """As `start`, for plain sessions."""
        if isinstance(self._sweeper, AsyncSweeper):
            raise ConfigurationError("the sessions are async: await binding.start()")
        if self._sweeper is not None:
            self._sweeper.sweep(at_once=True)
            self._sweeper.start()

    async def aclose(self) -> None:
        """Stop listening and looking. Rows in the outbox stay for others."""
        if isinstance(self._sweeper, AsyncSweeper):
            await self._sweeper.aclose()
        self.close()

    def close(self) -> None:
        """As `aclose`, for plain sessions."""
        if isinstance(self._sweeper, BlockingSweeper):
            self._sweeper.close()
        for listening in self._listening:
            event.remove(*listening)
        self._listening.clear()

    # What is touched.

    def _listen(self) -> None:
        for kind in self._kinds:
            snapshots.watch(kind)
            self._on(kind, "after_begin", self._began)
            self._on(kind, "after_flush", self._flushed)
            self._on(kind, "before_commit", self._before_commit)
            self._on(kind, "after_commit", self._committed)
            self._on(kind, "after_soft_rollback", self._undone)
            self._on(kind, "after_transaction_end", self._ended)
            _watch_bulk(kind, self)
        self._on(Engine, "before_cursor_execute", self._executing)
        for name in ("insert", "update", "delete"):
            self._on(Mapper, f"before_{name}", getattr(self, f"_before_{name}"))
        self._on(Mapper, "after_insert", self._after_insert)
        self._on(Mapper, "after_update", self._after_update)

    def _on(self, target: Any, name: str, act: Callable[..., Any]) -> None:
        event.listen(target, name, act)
        self._listening.append((target, name, act))

    def _unit(self, session: Session) -> Unit:
        unit = self._units.get(session)
        if unit is None:
            unit = self._units[session] = Unit()
        return unit

    def _touch(self, session: Session, touched: Touched) -> None:
        if not touched:
            return
        if touched.everything:
            if self.mode == "strict":
                # No mark covers everything, so a crash after the commit would leave it stale.
                raise WriteNotAnnounced(("*",), _refused(touched.everything))
            if touched.everything not in self._warned:
                self._warned.add(touched.everything)
                log.warning("%s: the whole cache is cleared. %s", touched.everything, _ADVICE)
        self._unit(session).touch(session, touched)

    def _mine(self, mapper: Mapper[Any], row: object) -> Session | None:
        """The bound session that writes `row`."""
        session = object_session(row)
        if isinstance(session, self._kinds):
            return session
        if session is not None and self._rules.of(mapper) and not snapshots.is_bound(session):
            name = mapper.class_.__name__
            if name not in self._warned:
                self._warned.add(name)
                log.warning("a session that is not bound writes %s: nothing is invalidated", name)
        return None

    def _wrote(self, session: Session) -> None:
        snapshots.refuse(current_fill(), snapshots.WROTE)
        self._unit(session).has_written = True

    def _before_insert(self, mapper: Mapper[Any], _: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is not None:
            self._wrote(session)

    def _after_insert(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is None:
            return
        for entity in self._rules.of(mapper):
            identity = tuple(mapper.primary_key_from_instance(row))
            self._touch(session, _now(entity, connection, inspect(row), identity))

    def _before_update(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is None or not session.is_modified(row):
            return
        self._wrote(session)
        state = inspect(row)
        self._unit(session).updating.add(state)
        for entity in self._rules.of(mapper):
            self._touch(session, _before(entity, connection, state))

    def _after_update(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session, state = self._mine(mapper, row), inspect(row)
        if session is None or state not in self._unit(session).updating:
            return
        self._unit(session).updating.discard(state)
        for entity in self._rules.of(mapper):
            identity = tuple(mapper.primary_key_from_instance(row))
            self._touch(session, _now(entity, connection, state, identity))

    def _before_delete(self, mapper: Mapper[Any], connection: Connection, row: Any) -> None:
        session = self._mine(mapper, row)
        if session is None:
            return
        self._wrote(session)
        for entity in self._rules.of(mapper):
            self._touch(session, _before(entity, connection, inspect(row)))
        self._touch(session, self._rules.of_deleted(mapper))

    def _began(self, session: Session, _: SessionTransaction, connection: Connection) -> None:
        self._sessions[connection] = weakref.ref(session)
        if self._engine is None:
            self._engine = connection.engine

    def _executing(
        self, connection: Connection, _: Any, statement: str, __: Any, context: Any, ___: bool
    ) -> None:
        found = self._sessions.get(connection)
        session = found() if found is not None else None
        if session is None or session._flushing or not session.in_transaction():
            return  # a flush names its rows one by one
        touched = self._rules.of_statement(context, statement)
        if touched is not None:
            self._wrote(session)
            self._touch(session, touched)

    def touch_bulk(self, session: Session, mappers: set[Mapper[Any]]) -> None:
        """Rows of `mappers` are about to be written by Session.bulk_…, past the unit of work."""
        if self._listening and isinstance(session, self._kinds):
            self._wrote(session)
            for mapper in mappers:
                self._touch(session, self._rules.of_bulk(mapper))

    # What becomes of it.

    def _before_commit(self, session: Session) -> None:
        if session.get_nested_transaction() is not None:
            return
        session.flush()
        unit = self._units.get(session)
        if unit is None:
            return
        if self._rules.is_by_hand and unit.has_written and not unit.is_declared:
            self._touch(session, Touched(everything="a transaction wrote and declared nothing"))
        self._announce(session, unit)
        unit.is_ready = bool(unit.announced)

    def _flushed(self, session: Session, _: Any) -> None:
        unit = self._units.get(session)
        if unit is not None and unit.is_ready:  # a listener after us changed something more
            self._announce(session, unit)

    def _announce(self, session: Session, unit: Unit) -> None:
        touched = unit.touched
        fresh = Touched(
            touched.tags - unit.announced.tags,
            "" if unit.announced.everything else touched.everything,
        )
        if not fresh:
            return
        if self._outbox is not None:
            connection = session.connection()
            unit.outbox_ids.append(self._outbox.put(connection, fresh))
            # What earlier writes left there goes with this one: no transaction of its own.
            done = self._ledger.take_done()
            if done:
                unit.erased += done
                self._outbox.erase(connection, done)
        if fresh.tags:
            try:
                unit.writings.append(self._hands.announce(fresh.tags))
            except WriteNotAnnounced:
                if self.mode == "strict":
                    raise
        unit.announced |= fresh

    def _committed(self, session: Session) -> None:
        unit = self._units.get(session)
        if unit is None:
            return
        savepoint = session.get_nested_transaction()
        if savepoint is not None:
            unit.release(savepoint)
        else:
            unit.is_committed = True

    def _undone(self, session: Session, transaction: SessionTransaction) -> None:
        unit = self._units.get(session)
        if unit is not None and transaction.nested:
            unit.undo(transaction)

    def _ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is not None:
            return
        unit = self._units.pop(session, None)
        if unit is None:
            return
        if not unit.is_committed:
            self._ledger.confirmed(unit.erased)
        if not (unit.is_ready or unit.writings):
            return
        receipt, failure = unit.receipt, None
        try:
            receipt.ack = self._end(unit)
        except NotAcknowledged as error:
            failure = error
        if not unit.is_committed:
            receipt.ack = None
            return
        receipt.tags = tuple(sorted(unit.announced.tags))
        if self._sweeper is not None:
            if failure is None:
                self._ledger.confirmed(unit.outbox_ids)
            else:
                self._ledger.failed(unit.outbox_ids)
                receipt.is_pending = True
            self._sweeper.wake()
        elif failure is not None:
            raise failure

    def _end(self, unit: Unit) -> Any:
        """Take the marks away; what was not marked is invalidated, if it may be committed."""
        ack, failure, marked = None, None, set[str]()
        for writing in unit.writings:
            marked.update(writing.tags)
            try:
                ack = self._hands.leave(writing)
            except NotAcknowledged as error:
                failure = error
        rest = Touched(unit.announced.tags - marked, unit.announced.everything)
        if rest and unit.is_ready:
            ack = self._hands.end(rest)
        if failure is not None:
            raise failure
        return ack

    def _known_engine(self) -> Engine:
        if self._engine is None:
            raise ConfigurationError("bind() found no engine: give it engine=")
        return self._engine


_ADVICE = (
    "Name its tags: bind(…, {Entity: Tags(…, bulk=[…])}), binding.declare(session, …), or the "
    'statement\'s execution_options={"keepwarm_tags": [...]} ([] if nothing cached depends on it)'
)


def _refused(why: str) -> str:
    return f"{why}, and mode='strict' must be told which tags that ends. {_ADVICE}"


def _plain(session: AnySession) -> Session:
    return session.sync_session if isinstance(session, AsyncSession) else session


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


def _watch_bulk(kind: type[Session], binding: Binding) -> None:
    """The legacy bulk methods tell no listener anything."""
    by = weakref.ref(binding)

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
