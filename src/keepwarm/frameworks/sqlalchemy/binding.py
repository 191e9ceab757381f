"""A binding: what a session writes is announced before its COMMIT and ended after it.

How to think of it: the collector notes in a `Unit` what one transaction touches. Then, in
order:

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
from typing import Any, Literal, TypeAlias

from sqlalchemy import Engine, Table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from keepwarm.core.keys import check_tag
from keepwarm.engine.cache import BaseCache
from keepwarm.errors import ConfigurationError, NotAcknowledged, WriteNotAnnounced
from keepwarm.frameworks.sqlalchemy.collector import Collector
from keepwarm.frameworks.sqlalchemy.hands import AsyncHands, BlockingHands, Hands
from keepwarm.frameworks.sqlalchemy.mapping import Rules, Touched
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
        self._engine = engine
        self._hands: Hands = AsyncHands(cache) if is_async else BlockingHands(cache)
        self._outbox = Outbox(table, cache.namespace) if table is not None else None
        self._ledger = Ledger()
        self._sweeper: AsyncSweeper | BlockingSweeper | None = None
        if self._outbox is not None:
            make = AsyncSweeper if is_async else BlockingSweeper
            self._sweeper = make(cache, self._outbox, self._ledger, self._known_engine)
        self._warned: set[str] = set()
        self._collector = Collector(kinds, rules, self)
        for kind in kinds:
            self._collector.on(kind, "before_commit", self._before_commit)
            self._collector.on(kind, "after_commit", self._committed)
            self._collector.on(kind, "after_transaction_end", self._ended)
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
        if not isinstance(plain, self._collector.kinds):
            raise ConfigurationError("this session is not bound: give its sessionmaker to bind()")
        if not plain.in_transaction():
            plain.begin()
        unit = self._collector.unit(plain)
        unit.is_declared = True
        self._collector.touch(plain, Touched(frozenset(map(check_tag, tags))))
        return unit.receipt

    def receipt(self, session: AnySession) -> Receipt:
        """How far the session's present transaction got, to be looked at after its end."""
        return self._collector.unit(_plain(session)).receipt

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
        self._collector.close()

    # What becomes of it.

    def _before_commit(self, session: Session) -> None:
        if session.get_nested_transaction() is not None:
            return
        session.flush()
        unit = self._collector.unit(session)
        self._announce(session, unit)
        unit.is_ready = True

    def vague(self, why: str) -> None:
        """Something's tags cannot be named: strict refuses it, else everything is ended."""
        if self.mode == "strict":
            # No mark covers everything, so a crash after the commit would leave it stale.
            raise WriteNotAnnounced(("*",), _refused(why))
        if why not in self._warned:
            self._warned.add(why)
            log.warning("%s: the whole cache is cleared. %s", why, _ADVICE)

    def late(self, session: Session, unit: Unit) -> None:
        """Another listener of `before_commit` wrote after us."""
        self._announce(session, unit)

    def _announce(self, session: Session, unit: Unit) -> None:
        touched = unit.touched
        if self._collector.rules.is_by_hand and unit.has_written and not unit.is_declared:
            why = "a transaction wrote and declared nothing"
            self.vague(why)
            touched |= Touched(everything=why)
        fresh = Touched(
            touched.tags - unit.announced.tags,
            "" if unit.announced.everything else touched.everything,
        )
        if not fresh:
            return
        if self._outbox is not None:
            connection = unit.connection or session.connection()
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
        unit = self._collector.get(session)
        if unit is None:
            return
        savepoint = session.get_nested_transaction()
        if savepoint is not None:
            unit.release(savepoint)
        else:
            unit.is_committed = True

    def _ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is not None:
            return
        unit = self._collector.pop(session)
        if unit is None:
            return
        if not unit.is_committed:
            self._ledger.confirmed(unit.erased)
        if not unit.announced and not unit.writings:
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
        engine = self._engine or self._collector.engine
        if engine is None:
            raise ConfigurationError("bind() found no engine: give it engine=")
        return engine


_ADVICE = (
    "Name its tags: bind(…, {Entity: Tags(…, bulk=[…])}), binding.declare(session, …), or the "
    'statement\'s execution_options={"keepwarm_tags": [...]} ([] if nothing cached depends on it)'
)


def _refused(why: str) -> str:
    return f"{why}, and mode='strict' must be told which tags that ends. {_ADVICE}"


def _plain(session: AnySession) -> Session:
    return session.sync_session if isinstance(session, AsyncSession) else session
