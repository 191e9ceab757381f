"""The outbox: what a transaction ends, written down in that transaction.

A row is there if and only if the write was committed, so whoever finds one can finish
what its writer began. Its id is random: a number that a database gives out anew would let
one process delete another one's row.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
)

from keepwarm.core.keys import check_tag
from keepwarm.errors import KeyArgumentError
from keepwarm.frameworks.sqlalchemy.mapping import OWN, Touched

NAME = "keepwarm_outbox"
MOST_ROWS = 500  # a look at the table takes
_EVERYTHING = "*"


def outbox_table(metadata: MetaData | None = None, name: str = NAME) -> Table:
    """The table; give your models' `metadata`, so that migrations make it with the others.

    `tags` is a JSON list of them, or the JSON string "*" for everything. `created_at` is
    for people: no clock decides anything.
    """
    return Table(
        name,
        metadata if metadata is not None else MetaData(),
        Column("id", String(32), primary_key=True),
        Column("namespace", String(64), nullable=False),
        Column("tags", JSON, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One committed write whose invalidation nobody has confirmed yet, as far as is known."""

    id: str
    touched: Touched


class Outbox:
    """The statements on the outbox of one namespace; each runs on a given connection."""

    def __init__(self, table: Table, namespace: str) -> None:
        self.table = table
        self._namespace = namespace

    def put(self, connection: Connection, touched: Touched) -> str:
        """Write down what the transaction of `connection` ends; returns the row's id."""
        id_ = uuid.uuid4().hex
        values = {
            "id": id_,
            "namespace": self._namespace,
            "tags": _EVERYTHING if touched.everything else sorted(touched.tags),
        }
        connection.execute(insert(self.table), values, execution_options={OWN: True})
        return id_

    def rows(self, connection: Connection) -> list[Row]:
        """What is there, in no order, at most MOST_ROWS.

        Read without locks: each process must know what is pending, to serve none of it.
        """
        table = self.table
        found = connection.execute(
            select(table.c.id, table.c.tags)
            .where(table.c.namespace == self._namespace)
            .limit(MOST_ROWS)
        )
        return [Row(id_, _touched(tags)) for id_, tags in found]

    def erase(self, connection: Connection, ids: Iterable[str]) -> None:
        """Delete rows; those that somebody else is deleting in this moment are left to him."""
        table = self.table
        wanted = table.c.id.in_(sorted(ids))
        if connection.dialect.name in _SKIPS_LOCKED:
            free = select(table.c.id).where(wanted).with_for_update(skip_locked=True)
            wanted = table.c.id.in_(free)
        connection.execute(delete(table).where(wanted), execution_options={OWN: True})


_SKIPS_LOCKED = frozenset({"postgresql", "cockroachdb"})


def _touched(tags: object) -> Touched:
    """What a row says; one that nobody can read ends everything."""
    if isinstance(tags, list):
        try:
            return Touched(frozenset(map(check_tag, tags)))
        except KeyArgumentError:
            pass
    return Touched(everything="the outbox says so")
