"""Which tags a write ends: of rows the ORM writes one by one, and of statements.

How to think of it: a row's tags are its columns put into templates, so they can be named
for a row that the unit of work writes. A statement (`update(Character).where(…)`) changes
rows that nobody has looked at. Its tags are then those without a placeholder, if there are
no others, or those declared as `bulk`; else they cannot be named, and what cannot be named
ends everything.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, TypeAlias

from sqlalchemy import Connection, ForeignKeyConstraint, Select, Table, inspect, select
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.orm import MANYTOONE, Mapper
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateSequence, CreateTable
from sqlalchemy.sql.dml import Delete, UpdateBase
from sqlalchemy.sql.expression import TableClause

from keepwarm.core.keys import check_tag
from keepwarm.core.templates import Template
from keepwarm.errors import ConfigurationError

TAGS_OPTION = "keepwarm_tags"
"""Execution option of a statement that names its tags itself; `()` for none."""
OWN = "keepwarm_own"
"""Execution option of a statement of ours, which is no write of the application's."""


@dataclass(frozen=True, slots=True, init=False)
class Tags:
    """The tags of an entity's rows: templates over its columns, and those of bulk statements.

    `bulk` must be carried by every cached function that carries one of the templates.
    """

    templates: tuple[str, ...]
    bulk: tuple[str, ...] | None

    def __init__(self, *templates: str, bulk: Iterable[str] | None = None) -> None:
        object.__setattr__(self, "templates", templates)
        object.__setattr__(self, "bulk", None if bulk is None else _listed(bulk))


Declared: TypeAlias = Mapping[Any, Tags | Iterable[str]] | None
"""Entities (or tables without one) and the tags of their rows; None: all is said by hand."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a write ends; `everything` says why its tags cannot be named, or is empty."""

    tags: frozenset[str] = frozenset()
    everything: str = ""

    def __or__(self, other: "Touched") -> "Touched":
        return Touched(self.tags | other.tags, self.everything or other.everything)

    def __bool__(self) -> bool:
        return bool(self.tags or self.everything)


NOTHING = Touched()

_TableName: TypeAlias = tuple[str | None, str]


class Entity:
    """A mapped class and the tags of its rows."""

    def __init__(self, kind: type[Any], tags: Tags) -> None:
        self.kind = kind
        self.mapper: Mapper[Any] = inspect(kind)
        columns = {attribute.key: attribute for attribute in self.mapper.column_attrs}
        parameters = [Parameter(key, Parameter.KEYWORD_ONLY) for key in columns]
        hints = {key: _python_type(each.columns[0].type) for key, each in columns.items()}
        what = f"bind() of {kind.__name__}, whose columns are its arguments"
        templates = [
            Template.parse_tag(text, Signature(parameters), hints, what=what)
            for text in tags.templates
        ]
        self._templates = tuple(t for t in templates if t.fields)
        self.plain = frozenset(t.text for t in templates if not t.fields)
        self.columns = tuple(dict.fromkeys(f for t in self._templates for f in t.fields))
        self.key = tuple(
            self.mapper.get_property_by_column(column).key for column in self.mapper.primary_key
        )
        self.needs_row = not set(self.columns) <= set(self.key)
        """Whether tags depend on more than the primary key, so on what the row says now."""
        self.bulk = self._bulk(tags)

    def tags_of(self, values: Mapping[str, Any]) -> Touched:
        """The tags of a row with these values of `columns`."""
        return Touched(self.plain | {t.render(values) for t in self._templates})

    def row(
        self, connection: Connection, identity: tuple[Any, ...], *, lock: bool
    ) -> dict[str, Any] | None:
        """What the database says of `columns` now; locked, it can say nothing else till the end."""
        found: Select[Any] = select(*(getattr(self.kind, key) for key in self.columns))
        for key, value in zip(self.key, identity, strict=True):
            found = found.where(getattr(self.kind, key) == value)
        if lock:
            found = found.with_for_update()
        row = connection.execute(found).first()
        return None if row is None else dict(zip(self.columns, row, strict=True))

    def _bulk(self, tags: Tags) -> Touched:
        if tags.bulk is not None:
            return Touched(self.plain | set(tags.bulk))
        if not self._templates:
            return Touched(self.plain)
        why = f"rows of {self.kind.__name__} were changed by a statement or a cascade"
        return Touched(self.plain, why)


class Rules:
    """What bound entities' writes end, whichever way they are made."""

    def __init__(self, declared: Declared) -> None:
        self.is_by_hand = declared is None
        """Each transaction that writes says itself what it ends, if only that it is nothing."""
        self.entities: list[Entity] = []
        self._tables: dict[_TableName, Touched] = {}
        self._by_mapper: dict[Mapper[Any], tuple[Entity, ...]] = {}
        self._deletes: dict[Mapper[Any], Touched] = {}
        for kind, given in (declared or {}).items():
            tags = given if isinstance(given, Tags) else Tags(*_listed(given))
            if isinstance(kind, TableClause):
                self._bind(kind, _of_table(kind, tags))
                continue
            entity = Entity(kind, tags)
            self.entities.append(entity)
            for mapper in (*entity.mapper.iterate_to_root(), *entity.mapper.self_and_descendants):
                for table in mapper.tables:
                    self._bind(table, entity.bulk)

    def of(self, mapper: Mapper[Any]) -> tuple[Entity, ...]:
        """The bound entities that a row of `mapper` is one of."""
        found = self._by_mapper.get(mapper)
        if found is None:
            found = tuple(each for each in self.entities if mapper.isa(each.mapper))
            self._by_mapper[mapper] = found
        return found

    def of_deleted(self, mapper: Mapper[Any]) -> Touched:
        """What else the database deletes or changes with a row of `mapper`, unseen by the ORM."""
        found = self._deletes.get(mapper)
        if found is None:
            found = NOTHING
            for table in mapper.tables:
                found |= self._reached(table, _followed(mapper))
            self._deletes[mapper] = found
        return found

    def of_bulk(self, mapper: Mapper[Any]) -> Touched:
        """What the rows of `mapper` may be, of which nobody says which."""
        found = NOTHING
        for table in mapper.tables:
            found |= self._tables.get(_name(table), NOTHING)
        return found

    def of_statement(self, context: ExecutionContext, statement: str) -> Touched | None:
        """What a statement ends that did not come from the unit of work; None if it only reads."""
        if context.execution_options.get(OWN):
            return None
        named = context.execution_options.get(TAGS_OPTION)
        if named is not None:
            return Touched(frozenset(map(check_tag, _listed(named))))
        compiled: Any = context.compiled
        if compiled is None or getattr(context, "is_text", False):
            return None if only_reads(statement) else self._unless_by_hand("text SQL was executed")
        if getattr(context, "isddl", False):
            is_new = isinstance(compiled.statement, _MAKES_NEW)
            return NOTHING if is_new else self._unless_by_hand("the schema was changed")
        found = None
        for element in (compiled.statement, *(cte.element for cte in compiled.ctes or ())):
            if isinstance(element, UpdateBase):
                found = (found or NOTHING) | self._of_dml(element)
        return found

    def _of_dml(self, statement: UpdateBase) -> Touched:
        if self.is_by_hand:
            return NOTHING
        table: Any = statement.table
        if not isinstance(table, TableClause):
            return Touched(everything="one statement changed several tables")
        found = self._tables.get(_name(table))
        if found is None:
            if not self._is_mapped(table):
                return Touched(everything=f"table {table.name} was changed, which is no entity's")
            found = NOTHING
        if isinstance(statement, Delete):
            found |= self._reached(table, frozenset())
        return found

    def _unless_by_hand(self, why: str) -> Touched:
        return NOTHING if self.is_by_hand else Touched(everything=why)

    def _is_mapped(self, table: TableClause) -> bool:
        name = _name(table)
        return any(
            name == _name(mapped)
            for registry in {entity.mapper.registry for entity in self.entities}
            for mapper in registry.mappers
            for mapped in mapper.tables
        )

    def _bind(self, table: Any, touched: Touched) -> None:
        name = _name(table)
        self._tables[name] = self._tables.get(name, NOTHING) | touched

    def _reached(self, table: Any, followed: frozenset[Any]) -> Touched:
        """What deleting rows of `table` ends by ON DELETE in other tables, bound ones."""
        found, name = NOTHING, _name(table)
        seen, deleted = {name}, [name]
        while deleted:
            parent = deleted.pop()
            for child, key in self._foreign_keys():
                if key in followed or _name(key.referred_table) != parent:
                    continue
                action = (key.ondelete or "").upper()
                if action not in ("CASCADE", "SET NULL", "SET DEFAULT"):
                    continue
                found |= self._tables.get(child, NOTHING)
                if action == "CASCADE" and child not in seen:
                    seen.add(child)
                    deleted.append(child)
        return found

    def _foreign_keys(self) -> Iterator[tuple[_TableName, ForeignKeyConstraint]]:
        for metadata in {entity.mapper.registry.metadata for entity in self.entities}:
            for table in metadata.tables.values():
                for key in table.foreign_key_constraints:
                    yield _name(table), key


def _followed(mapper: Mapper[Any]) -> frozenset[Any]:
    """The foreign keys whose rows the ORM itself loads and changes before it deletes a parent."""
    return frozenset(
        key
        for relationship in mapper.relationships
        if not relationship.passive_deletes and not relationship.viewonly
        if relationship.direction is not MANYTOONE
        for table in relationship.mapper.tables
        if isinstance(table, Table)
        for key in table.foreign_key_constraints
        if {remote for _, remote in relationship.local_remote_pairs or ()} & set(key.columns)
    )


def _of_table(table: TableClause, tags: Tags) -> Touched:
    if any("{" in text for text in tags.templates):
        raise ConfigurationError(
            f"bind(): table {table.name!r} has no entity, so its tags can have no placeholder"
        )
    return Touched(frozenset(map(check_tag, (*tags.templates, *(tags.bulk or ())))))


def _name(table: Any) -> _TableName:
    return (getattr(table, "schema", None), table.name)


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ConfigurationError(f"write a list: [{names!r}], not {names!r}")
    return tuple(names)


def _python_type(column_type: Any) -> Any:
    try:
        return column_type.python_type
    except NotImplementedError:
        return Any


_MAKES_NEW = (CreateTable, CreateIndex, CreateSequence, CreateSchema)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS = re.compile(
    r"[\s(]*(select|values|with|show|explain|pragma|set|reset|begin|start|commit|rollback|"
    r"savepoint|release|lock|listen|unlisten|notify|fetch|declare|close|discard|deallocate)\b",
    re.IGNORECASE,
)
_LOCKS = re.compile(r"\bfor\s+(no\s+key\s+)?update\b", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|replace\s+into|truncate|copy|call|into)\b", re.IGNORECASE
)


def only_reads(statement: str) -> bool:
    """Whether text SQL is certain to change no row; a function it calls is trusted."""
    text = _LOCKS.sub(" ", _COMMENT.sub(" ", statement))
    return _READS.match(text) is not None and _WRITES.search(text) is None
