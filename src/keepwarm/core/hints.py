"""Which declared types of arguments can have a stable form in a key or a tag."""

import collections.abc
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NewType,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

from keepwarm.core.parts import TAG_TYPES, fields_of, is_textual

_SCALARS = (
    NoneType, bool, int, float, str, bytes, UUID, datetime, date, time, timedelta, Decimal
)  # fmt: skip
_GROUPS: tuple[object, ...] = (
    tuple,
    list,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Collection,
    collections.abc.Set,
)
_ADVICE = (
    "has no stable form in a key: pass a plain value (an id, str, int, UUID, date, tuple, frozen "
    "dataclass), give the class a `__cache_key__() -> str`, or name the argument in ignore= if "
    "the answer does not depend on it"
)
_TAG_ADVICE = (
    "can be spelled in more than one way, so it cannot be part of a tag; declare it as str, int, "
    "UUID, date or StrEnum, or name the tag in the function: fill.tag(...)"
)


def why_unstable(hint: Any, *, for_tag: bool) -> str | None:
    """Why an argument declared as `hint` cannot be rendered, or None.

    What cannot be told from the type (Any, object, a type variable) is left to the call.
    """
    bad = _unstable(hint, for_tag, frozenset())
    if bad is None:
        return None
    return f"is declared as {_named(bad)}, which {_TAG_ADVICE if for_tag else _ADVICE}"


def _unstable(hint: Any, for_tag: bool, seen: frozenset[int]) -> Any | None:
    """The part of `hint` that has no stable form, or None."""
    if id(hint) in seen:
        return None
    seen |= {id(hint)}
    if isinstance(hint, NewType):
        return _unstable(hint.__supertype__, for_tag, seen)
    if type(hint).__name__ == "TypeAliasType":  # `type X = ...`, Python 3.12
        return _unstable(hint.__value__, for_tag, seen)
    if hint is None or hint is Any or hint is object:
        return None
    if isinstance(hint, (str, ForwardRef, TypeVar)):
        return None
    origin = get_origin(hint)
    if origin is Annotated:
        return _unstable(get_args(hint)[0], for_tag, seen)
    if origin is Literal:
        return None
    if origin is Union or origin is UnionType:
        return _first(get_args(hint), for_tag, seen)
    kind = origin or hint
    if kind in _GROUPS and not for_tag:
        return _first((a for a in get_args(hint) if a is not Ellipsis), for_tag, seen)
    if isinstance(kind, type) and _is_stable(kind, for_tag):
        return None
    return hint


def _first(hints: collections.abc.Iterable[Any], for_tag: bool, seen: frozenset[int]) -> Any | None:
    for hint in hints:
        bad = _unstable(hint, for_tag, seen)
        if bad is not None:
            return bad
    return None


def _is_stable(kind: type, for_tag: bool) -> bool:
    if for_tag:
        if issubclass(kind, Enum):
            return is_textual(kind)
        return issubclass(kind, (*TAG_TYPES, NoneType)) and not issubclass(kind, datetime)
    if callable(getattr(kind, "__cache_key__", None)):
        return True
    return issubclass(kind, (Enum, *_SCALARS)) or fields_of(kind) is not None


def _named(hint: Any) -> str:
    if isinstance(hint, type):
        return f"{hint.__module__}.{hint.__qualname__}".removeprefix("builtins.")
    return str(hint)
