"""Whether an app looked at a request's credentials.

A route of which nothing is declared may be shared only if its response says so and its
handler did not use what tells users apart. Values of those fields are handed to the app as
bytes that note when they are decoded, compared or searched, as every framework does with a
field that it reads.
"""

from collections.abc import Iterable
from typing import Any

from keepwarm.rfc9111.fields import Field

CREDENTIALS = frozenset({b"authorization", b"cookie", b"proxy-authorization"})


class Watch:
    """What one request's app did."""

    __slots__ = ("saw_credentials",)

    def __init__(self) -> None:
        self.saw_credentials = False

    def over(self, fields: Iterable[Field]) -> list[Field]:
        """`fields` with the credentials among them watched."""
        return [(n, _Watched(v, self) if n.lower() in CREDENTIALS else v) for n, v in fields]


class _Watched(bytes):
    """A value that tells when it is used."""

    _watch: Watch

    def __new__(cls, value: bytes, watch: Watch) -> "_Watched":
        made = super().__new__(cls, value)
        made._watch = watch
        return made


def _noting(name: str) -> Any:
    plain = getattr(bytes, name)

    def method(self: _Watched, *args: Any, **kwargs: Any) -> Any:
        self._watch.saw_credentials = True
        return plain(self, *args, **kwargs)

    return method


for _name in (
    *("decode", "split", "partition", "rpartition", "startswith", "find", "index", "strip"),
    *("lower", "upper", "replace", "hex", "__getitem__", "__iter__", "__contains__", "__eq__"),
    *("__ne__", "__add__", "__radd__", "__str__", "__repr__", "__bytes__", "removeprefix"),
):
    if hasattr(bytes, _name):
        setattr(_Watched, _name, _noting(_name))
_Watched.__hash__ = _noting("__hash__")  # type: ignore[method-assign]
