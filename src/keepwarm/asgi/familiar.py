"""What Starlette and FastAPI do with credentials before a handler has asked for any.

FastAPI asks for `request.cookies` on every request, whether or not a parameter is one; so for
a watched request that property gives a jar which is empty until somebody looks into it, and
notes for which cookie. SessionMiddleware looks for its cookie on every request and leaves a
session in the scope; that look is not counted, the session's use is. Whatever is not exactly
as it is known here (another version, a copied scope, a session kind that does not tell) is
counted as a use of the credentials.
"""

import sys
from collections.abc import Callable
from typing import Any

WATCHED = "keepwarm.watched"
"""In the scope of a watched request: the scope itself."""

Note = Callable[[str], None]
_ALL = "cookie"
_SESSIONS = "starlette.middleware.sessions"
_OF_THE_URL = frozenset({("starlette.requests", "base_url")})  # a copy that only a URL is made of
_OF_THE_SESSION = _OF_THE_URL | {("starlette.requests", "session"), (_SESSIONS, "send_wrapper")}


class WatchedScope(dict[str, Any]):
    """A scope that tells when its session is taken out of it."""

    def __init__(self, scope: dict[str, Any], note: Note) -> None:
        super().__init__(scope)
        self.note = note
        self.session_cookie: str | None = None
        """The cookie that SessionMiddleware loaded the session from."""
        self.jar: _Jar | None = None
        dict.__setitem__(self, WATCHED, self)

    def note_session(self) -> None:
        """Note the session if somebody has used it."""
        if self.session_cookie is None:
            return
        if getattr(dict.get(self, "session"), "accessed", True):
            self.note(f"cookie:{self.session_cookie}")

    def __getitem__(self, key: str) -> Any:
        if key == "session":
            self._taken(_OF_THE_SESSION)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        if key == "session":
            self._taken(_OF_THE_SESSION)
        return super().get(key, default)

    def __iter__(self) -> Any:
        self._taken(_OF_THE_URL)
        return super().__iter__()

    def _taken(self, but_by: frozenset[tuple[str, str]]) -> None:
        """Note the session, unless it is taken by who tells of its use himself."""
        if self.session_cookie is not None and _who(3) not in but_by:
            self.note(f"cookie:{self.session_cookie}")


def _copying(name: str) -> Any:
    plain = getattr(dict, name)

    def method(self: WatchedScope, *args: Any, **kwargs: Any) -> Any:
        self._taken(_OF_THE_URL)
        return plain(self, *args, **kwargs)

    return method


for _name in ("keys", "values", "items", "copy", "pop", "popitem", "setdefault", "__or__"):
    setattr(WatchedScope, _name, _copying(_name))
for _name in ("__ror__", "__reversed__", "__eq__", "__ne__", "__repr__"):
    setattr(WatchedScope, _name, _copying(_name))


class _Jar(dict[str, str]):
    """The cookies of a watched request: parsed when somebody looks into it."""

    def __init__(self, scope: WatchedScope, parse: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._scope = scope
        self._parse: Callable[[], dict[str, str]] | None = parse

    def look(self, name: object) -> None:
        """Note that this cookie is looked at, or all of them where it is None."""
        scope = self._scope
        if self._parse is not None:
            parse, self._parse = self._parse, None
            dict.update(self, parse())
        if isinstance(name, str) and _who(3) == (_SESSIONS, "__call__"):
            scope.session_cookie = name
        else:
            scope.note(f"cookie:{name}" if isinstance(name, str) else _ALL)

    def __getitem__(self, name: str) -> str:
        self.look(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.look(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.look(name)
        return super().get(name, default)


def _looking(name: str) -> Any:
    plain = getattr(dict, name)

    def method(self: _Jar, *args: Any, **kwargs: Any) -> Any:
        self.look(None)
        return plain(self, *args, **kwargs)

    return method


for _name in ("__iter__", "__len__", "keys", "values", "items", "copy", "__or__", "__ror__"):
    setattr(_Jar, _name, _looking(_name))
for _name in ("__eq__", "__ne__", "__repr__", "__reversed__", "__ior__", "__setitem__"):
    setattr(_Jar, _name, _looking(_name))
for _name in ("__delitem__", "pop", "popitem", "setdefault", "update", "clear"):
    setattr(_Jar, _name, _looking(_name))


def _who(frames: int) -> tuple[str, str]:
    """The module and the function that called a watched object's method."""
    frame = sys._getframe(frames)
    return str(frame.f_globals.get("__name__")), frame.f_code.co_name


_prepared: set[type] = set()


def prepare() -> None:
    """Have Starlette, if the app uses it, parse the cookies of watched requests late.

    Without it they are parsed before each handler, which counts as a look at them all.
    """
    requests = sys.modules.get("starlette.requests")
    connection = getattr(requests, "HTTPConnection", None)
    plain = getattr(connection, "cookies", None)
    if connection is None or connection in _prepared or not isinstance(plain, property):
        return
    _prepared.add(connection)
    connection.cookies = property(lambda self: _cookies(self, plain))


def _cookies(request: Any, plain: property) -> Any:
    scope = request.scope.get(WATCHED)
    # A copied scope would not show what a session in it is used for.
    if scope is None or scope is not request.scope:
        return plain.__get__(request)
    if scope.jar is None:
        scope.jar = _Jar(scope, lambda: _parsed(scope, plain))
    return scope.jar


def _parsed(scope: WatchedScope, plain: property) -> dict[str, str]:
    """The cookies, parsed by Starlette itself, from fields that nobody watches."""
    from starlette.requests import HTTPConnection

    fields = [getattr(field, "plain", field) for field in scope["headers"]]
    found: dict[str, str] = plain.__get__(HTTPConnection({"type": "http", "headers": fields}))
    return found
