"""The snapshot trap: a fill must not read through what was opened before its capture.

How to think of it: a fill's token says how things stood when it was captured; what the
origin reads must be no older. A session may be:

    1. a request opens a session and reads a row              (identity map, snapshot)
    2. somebody changes the row, commits, invalidates, is acknowledged
    3. the request calls a cached function with its session: the token is captured now,
       the row comes from the identity map, or from a REPEATABLE READ snapshot of step 1

Stored, that would be old data under a new token. So in a fill only what began inside that
very fill may be read: a transaction of its own, on a session that held no rows. Anything
else is answered and not stored. The listeners here are the process's, for every engine and
session: what is not bound can deceive a fill as well.
"""

import functools
import logging
import threading
import weakref
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.orm import Session, SessionTransaction

from keepwarm.engine.context import RunningFill, current_fill

log = logging.getLogger("keepwarm")

_ADVICE = "its value is returned and not stored; open a bound session inside the function"
OLDER = "read through a session or connection that was in use before it began"
UNBOUND = "read through a session that is not bound to a cache (keepwarm.frameworks.sqlalchemy)"
WROTE = "wrote to the database, and may have read what is not committed"

_CLEAN = "keepwarm.clean_since"
_lock = threading.Lock()
_is_watching = False
_warned: set[str] = set()
_bound: "weakref.WeakKeyDictionary[type[Session], int]" = weakref.WeakKeyDictionary()
_watched: "weakref.WeakSet[type[Session]]" = weakref.WeakSet()
_begun: "weakref.WeakKeyDictionary[Connection, RunningFill]" = weakref.WeakKeyDictionary()


def watch(kind: type[Session]) -> None:
    """Have fills that use a session look whether they may be stored; `kind` is bound."""
    global _is_watching
    with _lock:
        if not _is_watching:
            event.listen(Engine, "begin", _connection_began)
            event.listen(Engine, "before_cursor_execute", _executing)
            event.listen(Session, "after_begin", _session_began)
            _is_watching = True
        _bound[kind] = _bound.get(kind, 0) + 1
        if kind not in _watched:
            _watched.add(kind)
            _watch_get(kind)


def unwatch(kind: type[Session]) -> None:
    """A binding of `kind` is closed; after the last one fills read through what they like."""
    with _lock:
        _bound[kind] -= 1
        if not _bound[kind]:
            del _bound[kind]


def is_bound(session: Session) -> bool:
    return isinstance(session, tuple(_bound))


def refuse(fill: RunningFill | None, why: str) -> None:
    """Do not store what `fill` makes, if there is one; say so once."""
    if fill is None:
        return
    fill.is_skipped = True
    if why not in _warned:
        _warned.add(why)
        log.warning("a cached function %s: %s", why, _ADVICE)


def _watched_fill() -> RunningFill | None:
    return current_fill() if _bound else None


def _connection_began(connection: Connection) -> None:
    fill = current_fill()
    if fill is None:
        _begun.pop(connection, None)
    else:
        _begun[connection] = fill


def _executing(connection: Connection, *_: Any) -> None:
    fill = _watched_fill()
    if fill is not None and _begun.get(connection) is not fill:
        refuse(fill, OLDER)


def _session_began(session: Session, _: SessionTransaction, __: Connection) -> None:
    fill = _watched_fill()
    if fill is None:
        session.info.pop(_CLEAN, None)
    elif not is_bound(session):
        refuse(fill, UNBOUND)
    else:
        _look_at(session, fill)
        if not fill.is_skipped:
            session.info[_CLEAN] = fill


def _look_at(session: Session, fill: RunningFill) -> None:
    """Refuse if the identity map holds rows that were not read in this fill."""
    if session.info.get(_CLEAN) is fill:
        return
    if any(not inspect(row).expired for row in session.identity_map.values()):
        refuse(fill, OLDER)


def _watch_get(kind: type[Session]) -> None:
    """`session.get` may answer from the identity map, without a word to the database."""
    get = kind.get

    @functools.wraps(get)
    def watched(self: Session, *args: Any, **options: Any) -> Any:
        fill = _watched_fill()
        if fill is not None:
            _look_at(self, fill)
        return get(self, *args, **options)

    kind.get = watched  # type: ignore[method-assign]
