"""SQLAlchemy: `bind(cache, sessions, {Entity: [tags]})` and writes invalidate by themselves.

What a bound session writes is announced before its COMMIT and ended after it, so that a
process which dies in between leaves nothing stale; a fill that reads through a session is
stored only if what it read cannot be older than its token. See docs/writing.md.
"""

from typing import Any

try:
    from sqlalchemy import Engine, Table
    from sqlalchemy.ext.asyncio import (
        AsyncEngine,
        AsyncSession,
        async_scoped_session,
        async_sessionmaker,
    )
    from sqlalchemy.orm import Session, scoped_session, sessionmaker
except ImportError as error:
    raise ImportError("this needs an extra: pip install 'keepwarm[sqlalchemy]'") from error

from keepwarm.engine.cache import BaseCache
from keepwarm.errors import ConfigurationError
from keepwarm.frameworks.sqlalchemy.binding import Binding, Mode
from keepwarm.frameworks.sqlalchemy.mapping import TAGS_OPTION, Declared, Rules, Tags
from keepwarm.frameworks.sqlalchemy.outbox import NAME, outbox_table
from keepwarm.frameworks.sqlalchemy.sweeper import SWEEPING
from keepwarm.frameworks.sqlalchemy.unit import Receipt

__all__ = [
    "SWEEPING",
    "TAGS_OPTION",
    "Binding",
    "Mode",
    "Receipt",
    "Tags",
    "bind",
    "outbox_table",
]


def bind(
    cache: BaseCache,
    sessions: Any,
    entities: Declared,
    *,
    outbox: str | Table | None = NAME,
    mode: Mode | None = None,
    engine: Engine | AsyncEngine | None = None,
) -> Binding:
    """Have writes of `sessions` invalidate the tags of the rows they change.

        binding = bind(cache, Session, {Character: ["character:{id}", "characters"]})

    `sessions` is a sessionmaker, a subclass of Session, their async kin, or several of
    them; those through which cached functions read belong to them, too. Placeholders are
    columns; of a row that moves, old and new values count. Without entities (None) each
    transaction that writes says what it ends: `binding.declare(session, *tags)`.

    With an `outbox` (its table, or the name of it) a write is committed whether or not the
    store can be reached, and what it ends is written down in the same transaction;
    `mode="strict"` has no outbox and raises WriteNotAnnounced before the COMMIT instead.
    `engine` is the outbox's, where the sessions do not say it.

    Raises ConfigurationError, KeyTemplateError for a tag that names no column.
    """
    if mode is None:
        mode = "outbox" if outbox is not None else "strict"
    if mode not in ("strict", "outbox"):
        raise ConfigurationError(f"mode={mode!r} must be 'strict' or 'outbox'")
    if mode == "outbox" and outbox is None:
        raise ConfigurationError("mode='outbox' needs an outbox: its table, or a name for it")
    table = None
    if mode == "outbox" and outbox is not None:
        table = outbox if isinstance(outbox, Table) else outbox_table(name=outbox)
    rules = Rules(entities)
    given = tuple(sessions) if isinstance(sessions, (tuple, list)) else (sessions,)
    if len({_is_async(each) for each in given}) != 1:
        raise ConfigurationError("bind() async and plain sessions apart, each with a binding")
    engines = (engine, *(_engine_of(each) for each in given))
    return Binding(
        cache,
        tuple(dict.fromkeys(map(_kind_of, given))),
        rules,
        table,
        is_async=_is_async(given[0]),
        engine=next((_plain(each) for each in engines if each is not None), None),
    )


def _is_async(sessions: Any) -> bool:
    sessions = _maker(sessions)
    if isinstance(sessions, async_sessionmaker):
        return True
    return isinstance(sessions, type) and issubclass(sessions, AsyncSession)


def _maker(sessions: Any) -> Any:
    if isinstance(sessions, (scoped_session, async_scoped_session)):
        return sessions.session_factory
    return sessions


def _kind_of(sessions: Any) -> type[Session]:
    """The class whose sessions these are, and no others."""
    sessions = _maker(sessions)
    if isinstance(sessions, sessionmaker):
        return sessions.class_  # each sessionmaker has one of its own
    if isinstance(sessions, async_sessionmaker):
        base = sessions.kw.get("sync_session_class") or sessions.class_.sync_session_class
        kind = _subclass(base)
        sessions.configure(sync_session_class=kind)
        return kind
    if isinstance(sessions, type) and sessions not in (Session, AsyncSession):
        if issubclass(sessions, Session):
            return sessions
        if issubclass(sessions, AsyncSession):
            sessions.sync_session_class = _subclass(sessions.sync_session_class)
            return sessions.sync_session_class
    raise ConfigurationError(
        f"bind() takes a sessionmaker or a subclass of Session of your own, not {sessions!r}"
    )


def _subclass(base: type[Session]) -> type[Session]:
    return type(base.__name__, (base,), {})


def _engine_of(sessions: Any) -> Any:
    return getattr(_maker(sessions), "kw", {}).get("bind")


def _plain(engine: Any) -> Any:
    """A plain engine, also of an async one, or of a connection."""
    found = getattr(engine, "sync_engine", engine)
    return found if isinstance(found, Engine) else getattr(found, "engine", None)
