"""What an app looked at of a request's credentials.

A route of which nothing is declared may be shared only if its response says so and its
handler did not use what tells users apart; of a declared one, `keepwarm audit` tells if it
did. How to think of it: the fields that carry credentials, and those of which nobody knows what
they carry, are handed to the app as pairs and bytes that note when anybody takes them apart,
decodes, compares or searches them. That one is there is a look at it, too: a name notes when it
is found equal, or read. Known are Starlette's header look-ups, which compare names until one is
equal; whoever else takes a field apart is taken to have looked at it. How many fields there are
is not noted.

Two habits of frameworks would spoil that: FastAPI parses all cookies before each handler, and
Starlette's SessionMiddleware loads the session before anybody asks for it. For both there is
`asgi.familiar`: cookies count when one is looked at, and a session counts when it is used.
"""

import sys
from typing import Any

from keepwarm.asgi import familiar
from keepwarm.asgi.asked import KEYED
from keepwarm.asgi.credentials import as_read, is_harmless
from keepwarm.asgi.report import Scope
from keepwarm.asgi.routes import PerUser, RoutePolicy
from keepwarm.rfc9111.fields import Field, Fields
from keepwarm.rfc9111.selecting import vary_names

_LOOKS_AT_NAMES = "starlette.datastructures"


class Watch:
    """What one request's app did.

    `reads` are names: fields, `cookie:name` of one cookie, or what middleware before this
    cache left in the scope (`user`). `credentials` are the fields that carry them.
    """

    __slots__ = ("_credentials", "_inherited", "_reads", "_scope")

    def __init__(
        self, credentials: frozenset[bytes], inherited: frozenset[str] = frozenset()
    ) -> None:
        self._credentials = {name.decode("latin-1") for name in credentials}
        self._inherited = inherited
        self._reads: set[str] = set()
        self._scope: familiar.WatchedScope | None = None

    def over(self, scope: Scope) -> Scope:
        """`scope`, watched."""
        familiar.prepare()
        fields = [
            _Pair(n, v, self) if is_watched(n.lower()) else (n, v) for n, v in scope["headers"]
        ]
        inner = {**scope, "headers": fields}
        self._scope = familiar.WatchedScope(inner, self.note, self._inherited)
        return self._scope

    def note(self, what: str) -> None:
        self._reads.add(what)

    @property
    def reads(self) -> set[str]:
        if self._scope is not None:
            self._scope.note_unseen()
        return self._reads

    def is_personal(self, policy: RoutePolicy | None, fields: Fields) -> bool:
        """Whether what was looked at may have made a response one user's, untold.

        `fields` are the response's. Declared as shared, it is not, whatever was looked at.
        A copy for each user is one for each value of known credentials only; unknown fields
        may be told apart by Vary.
        """
        if policy is not None and not isinstance(policy, PerUser):
            return False
        unknown = {read for read in self.reads if not self._is_credential(read)}
        varied = {*(vary_names(fields) or ()), *(policy.vary if policy is not None else ())}
        if unknown - {name.decode("latin-1") for name in varied}:
            return True
        return policy is None and unknown != self.reads

    def _is_credential(self, read: str) -> bool:
        return read.partition(":")[0] in self._credentials or read in self._inherited


def is_watched(name: bytes) -> bool:
    """Whether a look at a field (lower case) may make an answer one user's."""
    name = as_read(name)
    return not (is_harmless(name) or name in KEYED)


class _Pair(tuple[bytes, bytes]):
    """A field that tells when it is taken apart by whoever is not known to want its name only."""

    _watch: Watch
    plain: Field
    """The same, unwatched."""

    def __new__(cls, name: bytes, value: bytes, watch: Watch) -> "_Pair":
        made = super().__new__(cls, (_Name(name, watch), _Value(name, value, watch)))
        made._watch = watch
        made.plain = (name, value)
        return made

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        if not (type(found) is _Name or _caller() == _LOOKS_AT_NAMES):
            self._note()
        return found

    def __iter__(self) -> Any:
        if _caller() != _LOOKS_AT_NAMES:
            self._note()
        return super().__iter__()

    def _note(self) -> None:
        self._watch.note(_read(self.plain[0]))


class _Bytes(bytes):
    """Bytes that tell when they are used."""

    _watch: Watch
    _name: str


class _Name(_Bytes):
    """A field's name. That it is not some other one tells nothing about who asks."""

    def __new__(cls, name: bytes, watch: Watch) -> "_Name":
        made = super().__new__(cls, name)
        made._watch = watch
        made._name = _read(name)
        return made

    def __eq__(self, other: object) -> bool:
        is_equal = bytes.__eq__(self, other) is True
        if is_equal:
            self._watch.note(self._name)
        return is_equal

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        self._watch.note(self._name)
        return bytes.__hash__(self)


class _Value(_Bytes):
    """A field's value."""

    def __new__(cls, name: bytes, value: bytes, watch: Watch) -> "_Value":
        made = super().__new__(cls, value)
        made._watch = watch
        made._name = _read(name)
        return made


def _read(name: bytes) -> str:
    return as_read(name.lower()).decode("latin-1")


def _caller() -> str:
    """The module of whoever called the method that asks."""
    return str(sys._getframe(2).f_globals.get("__name__"))


def _noting(kind: type, name: str) -> Any:
    plain = getattr(kind, name)

    def of_bytes(self: _Bytes, *args: Any, **kwargs: Any) -> Any:
        self._watch.note(self._name)
        return plain(self, *args, **kwargs)

    def of_pair(self: _Pair, *args: Any, **kwargs: Any) -> Any:
        self._note()
        return plain(self, *args, **kwargs)

    return of_bytes if kind is bytes else of_pair


_LEFT = frozenset(
    {
        *("__new__", "__init__", "__class__", "__getattribute__", "__getnewargs__", "__setattr__"),
        *("__delattr__", "__subclasshook__", "__init_subclass__", "__class_getitem__", "__doc__"),
        *("__dir__", "__sizeof__", "__len__", "fromhex", "maketrans"),
    }
)
for _kind, _watched in ((bytes, _Name), (bytes, _Value), (tuple, _Pair)):
    for _name in dir(_kind):
        if _name not in _LEFT and _name not in vars(_watched) and callable(getattr(_kind, _name)):
            setattr(_watched, _name, _noting(_kind, _name))
