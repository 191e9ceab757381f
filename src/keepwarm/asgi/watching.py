"""What an app looked at of a request's credentials.

A route of which nothing is declared may be shared only if its response says so and its
handler did not use what tells users apart; of a declared one, `keepwarm audit` tells if it
did. How to think of it: the fields that carry credentials are handed to the app as pairs and
bytes that note when anybody takes them apart, decodes, compares or searches them. Who is not
known to look only at names is taken to have looked at the value. Known are Starlette's
header look-ups, which take a field by its name and decode it only then.

Two habits of frameworks would spoil that: FastAPI parses all cookies before each handler, and
Starlette's SessionMiddleware loads the session before anybody asks for it. For both there is
`asgi.familiar`: cookies are parsed when one is looked at, and a session counts when it is used.
"""

import sys
from collections.abc import Iterable
from typing import Any

from keepwarm.asgi import familiar
from keepwarm.asgi.asked import CREDENTIALS
from keepwarm.asgi.report import Scope
from keepwarm.rfc9111.fields import Field

_LOOKS_AT_NAMES = "starlette.datastructures"


class Watch:
    """What one request's app did. `reads` are names: fields, or `cookie:name` of one cookie."""

    __slots__ = ("_scope", "reads")

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self._scope: familiar.WatchedScope | None = None

    def over(self, scope: Scope, fields: Iterable[Field]) -> Scope:
        """`scope` with `fields`, and the credentials among them watched."""
        watched = [_Pair(n, v, self) if n.lower() in CREDENTIALS else (n, v) for n, v in fields]
        familiar.prepare()
        self._scope = familiar.WatchedScope({**scope, "headers": watched}, self.note)
        return self._scope

    def note(self, what: str) -> None:
        self.reads.add(what)

    @property
    def saw_credentials(self) -> bool:
        if self._scope is not None:
            self._scope.note_session()
        return bool(self.reads)


class _Pair(tuple[bytes, bytes]):
    """A field that tells when it is taken apart by whoever is not known to want its name only."""

    _watch: Watch
    plain: Field
    """The same, unwatched."""

    def __new__(cls, name: bytes, value: bytes, watch: Watch) -> "_Pair":
        made = super().__new__(cls, (name, _Value(name, value, watch)))
        made._watch = watch
        made.plain = (name, value)
        return made

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        if not (type(found) is bytes or _caller() == _LOOKS_AT_NAMES):
            self._note()
        return found

    def __iter__(self) -> Any:
        if _caller() != _LOOKS_AT_NAMES:
            self._note()
        return super().__iter__()

    def _note(self) -> None:
        self._watch.note(super().__getitem__(0).decode("latin-1").lower())


class _Value(bytes):
    """A value that tells when it is used."""

    _watch: Watch
    _name: str

    def __new__(cls, name: bytes, value: bytes, watch: Watch) -> "_Value":
        made = super().__new__(cls, value)
        made._watch = watch
        made._name = name.decode("latin-1").lower()
        return made


def _caller() -> str:
    """The module of whoever called the method that asks."""
    return str(sys._getframe(2).f_globals.get("__name__"))


def _noting(kind: type, name: str) -> Any:
    plain = getattr(kind, name)

    def of_value(self: _Value, *args: Any, **kwargs: Any) -> Any:
        self._watch.note(self._name)
        return plain(self, *args, **kwargs)

    def of_pair(self: _Pair, *args: Any, **kwargs: Any) -> Any:
        self._note()
        return plain(self, *args, **kwargs)

    return of_value if kind is bytes else of_pair


_LEFT = frozenset(
    {
        *("__new__", "__init__", "__class__", "__getattribute__", "__getnewargs__", "__setattr__"),
        *("__delattr__", "__subclasshook__", "__init_subclass__", "__class_getitem__", "__doc__"),
        *("__dir__", "__sizeof__", "__len__", "fromhex", "maketrans"),
    }
)
for _kind, _watched in ((bytes, _Value), (tuple, _Pair)):
    for _name in dir(_kind):
        if _name not in _LEFT and _name not in vars(_watched) and callable(getattr(_kind, _name)):
            setattr(_watched, _name, _noting(_kind, _name))
