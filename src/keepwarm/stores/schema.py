"""What a declared type says about its stored values: whether they can be decoded, and as what.

The type is walked once, at declaration. Its description lists every class it reaches,
field by field, in an order that depends on nothing but the text of the program; the
fingerprint in an entry's name is a digest of it, so that two releases with different
shapes never read each other's values.
"""

import collections.abc
import dataclasses
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

import msgspec

from keepwarm.errors import ConfigurationError

_FIXED: dict[Any, str] = {
    NoneType: "none", bool: "bool", int: "int", float: "float", str: "str", bytes: "bytes",
    UUID: "uuid", Decimal: "decimal", timedelta: "timedelta", date: "date",
}  # fmt: skip
_INSTANTS: dict[Any, str] = {datetime: "datetime", time: "time"}
_GROUPS: dict[Any, str] = {
    tuple: "tuple",
    frozenset: "frozenset",
    list: "list",
    set: "set",
    dict: "dict",
    collections.abc.Collection: "list",
    collections.abc.Sequence: "list",
    collections.abc.MutableSequence: "list",
    collections.abc.Set: "set",
    collections.abc.MutableSet: "set",
    collections.abc.Mapping: "dict",
    collections.abc.MutableMapping: "dict",
}
_LAZY = (
    collections.abc.Iterator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.Awaitable,
)


@dataclasses.dataclass(slots=True)
class Schema:
    """What was found on the way through a type."""

    description: str = ""
    has_any: bool = False
    """Somewhere inside, any plain value may stand."""
    has_instants: bool = False
    has_pydantic: bool = False
    is_immutable: bool = True
    """No part of a decoded value can be changed, so one object may serve all callers."""

    def fingerprint(self, form: str) -> str:
        """Eight hexadecimal digits for this shape, written in `form`."""
        data = f"{form}\n{self.description}".encode("utf-8", "surrogatepass")
        return blake2b(data, digest_size=4, person=b"keepwarm.schema").hexdigest()


def schema_of(hint: Any) -> Schema:
    """The schema of `hint`. Raises ConfigurationError where its values cannot be decoded."""
    walk = _Walk()
    top = walk.describe(hint, "the value")
    walk.schema.description = "\n".join([top, *sorted(set(walk.classes.values()))])
    return walk.schema


class _Walk:
    def __init__(self) -> None:
        self.schema = Schema()
        self.classes: dict[Any, str] = {}
        self._is_lenient = False  # inside a pydantic model, pydantic is the judge of types

    def describe(self, hint: Any, where: str) -> str:
        if isinstance(hint, NewType):
            return self.describe(hint.__supertype__, where)
        if type(hint).__name__ == "TypeAliasType":  # `type X = ...`, Python 3.12
            if hint not in self.classes:
                self.classes[hint] = ""
                self.classes[hint] = f"{hint.__name__}={self.describe(hint.__value__, where)}"
            return f"#{hint.__name__}"
        if hint is None:
            hint = NoneType
        if hint in (Any, object) or isinstance(hint, TypeVar):
            self.schema.has_any = True
            self.schema.is_immutable = False
            return "any"
        if isinstance(hint, str):
            raise ConfigurationError(f"{where}: the type {hint!r} cannot be found at run time")
        origin, args = get_origin(hint), get_args(hint)
        if origin in (Annotated, Required, NotRequired):
            return self.describe(args[0], where)
        if origin is Literal:
            return f"literal[{','.join(sorted(f'{type(a).__name__}:{a!r}' for a in args))}]"
        if origin in (Union, UnionType):
            return "|".join(sorted({self.describe(a, where) for a in args}))
        kind = origin or hint
        if kind in _FIXED:
            return _FIXED[kind]
        if kind in _INSTANTS:
            self.schema.has_instants = True
            return _INSTANTS[kind]
        if kind in _GROUPS:
            return self._group(kind, args, where, is_bare=not args and hint != tuple[()])
        if isinstance(kind, type):
            return self._class(kind, args, where)
        raise ConfigurationError(f"{where}: values of type {hint} cannot be decoded; {_ADVICE}")

    def _group(self, kind: Any, args: tuple[Any, ...], where: str, *, is_bare: bool) -> str:
        if kind not in (tuple, frozenset):
            self.schema.is_immutable = False
        if is_bare:
            args = {"dict": (Any, Any), "tuple": (Any, Ellipsis)}.get(_GROUPS[kind], (Any,))
        inner = ["..." if a is Ellipsis else self.describe(a, where) for a in args]
        return f"{_GROUPS[kind]}[{','.join(inner)}]"

    def _class(self, kind: type, args: tuple[Any, ...], where: str) -> str:
        name = kind.__qualname__
        if kind not in self.classes:
            self.classes[kind] = ""  # a type that contains itself ends here
            self.classes[kind] = f"{name}{self._body(kind, where)}"
        inner = [self.describe(a, where) for a in args]
        return f"#{name}[{','.join(inner)}]" if inner else f"#{name}"

    def _body(self, kind: type, where: str) -> str:
        if issubclass(kind, Enum):
            members = kind.__members__.items()
            return f"={','.join(sorted(f'{n}:{m.value!r}' for n, m in members))}"
        if hasattr(kind, "__mapper__") or hasattr(kind, "_sa_class_manager"):
            raise ConfigurationError(
                f"{where}: {kind.__qualname__} is a mapped database class, tied to its session; "
                "return a dataclass, Struct, pydantic model or TypedDict made from it"
            )
        if hasattr(kind, "__pydantic_fields__"):
            return self._pydantic(kind)
        if issubclass(kind, msgspec.Struct):
            return self._struct(kind)
        if dataclasses.is_dataclass(kind):
            if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
                self.schema.is_immutable = False
            return self._fields(kind, dict.fromkeys(f.name for f in dataclasses.fields(kind)))
        if is_typeddict(kind):
            self.schema.is_immutable = False
            needed = ",".join(sorted(kind.__required_keys__))  # type: ignore[attr-defined]
            return f"{self._fields(kind)}!{needed}"
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._fields(kind, dict.fromkeys(kind._fields))
        if self._is_lenient:
            self.schema.is_immutable = False
            return ""
        why = " runs once and cannot be stored" if issubclass(kind, _LAZY) else " cannot be decoded"
        raise ConfigurationError(
            f"{where}: a {kind.__module__}.{kind.__qualname__}{why}; {_ADVICE}"
        )

    def _struct(self, kind: type[msgspec.Struct]) -> str:
        config = kind.__struct_config__
        self.schema.is_immutable &= config.frozen
        text = self._fields(kind) + ":".join(kind.__struct_encode_fields__)
        if config.tag is not None:
            text += f"!tag:{config.tag_field}={config.tag!r}"
        if config.array_like:
            text += "!array"
        if config.omit_defaults:  # what is not written is read back as the default
            text += f"!defaults:{_defaults(kind)}"
        return text

    def _pydantic(self, kind: type) -> str:
        self.schema.has_pydantic = True
        config = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None)
        params = getattr(kind, "__dataclass_params__", None)
        if not ((config or {}).get("frozen") or getattr(params, "frozen", False)):
            self.schema.is_immutable = False
        if not getattr(kind, "__pydantic_complete__", True):
            kind.model_rebuild()  # type: ignore[attr-defined]
        was_lenient, self._is_lenient = self._is_lenient, True
        fields = kind.__pydantic_fields__  # type: ignore[attr-defined]
        parts = [
            f"{name}:{self.describe(field.annotation, f'{kind.__qualname__}.{name}')}"
            for name, field in fields.items()
        ]
        self._is_lenient = was_lenient
        return f"{{{','.join(parts)}}}"

    def _fields(self, kind: type, names: collections.abc.Iterable[str] | None = None) -> str:
        try:
            hints = get_type_hints(kind, include_extras=True)
        except (NameError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{kind.__qualname__}: its annotations cannot be resolved at run time ({error}); "
                "import what they name outside `if TYPE_CHECKING:`"
            ) from error
        parts = [
            f"{name}:{self.describe(hints.get(name, Any), f'{kind.__qualname__}.{name}')}"
            for name in (hints if names is None else names)
        ]
        return f"{{{','.join(parts)}}}"


def _defaults(kind: type[msgspec.Struct]) -> str:
    texts = []
    for info in msgspec.structs.fields(kind):
        if info.default is not msgspec.NODEFAULT:
            texts.append(f"{info.name}={msgspec.msgpack.encode(info.default).hex()}")
        elif info.default_factory is not msgspec.NODEFAULT:
            texts.append(f"{info.name}={getattr(info.default_factory, '__qualname__', '?')}()")
    return ",".join(texts)


_ADVICE = (
    "declare the return type as str, bytes, numbers, a dataclass, msgspec Struct, pydantic "
    "model or TypedDict, or containers of these"
)
