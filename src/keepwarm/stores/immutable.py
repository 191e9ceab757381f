"""Whether all values of a declared type can be shared: nobody who gets one can change it.

Answers False for whatever it does not know, and then each caller gets a value decoded
for him alone.
"""

import enum
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

_ATOMS = frozenset(
    {str, bytes, int, float, bool, complex, NoneType, type(None), Decimal, UUID}
    | {date, datetime, time, timedelta, timezone}
)


def is_immutable(hint: Any) -> bool:
    """Whether a value decoded as `hint` cannot be changed, however deep."""
    return _is_immutable(hint, ())


def _is_immutable(hint: Any, around: tuple[Any, ...]) -> bool:
    if hint is None or hint in _ATOMS or hint in around:
        return True
    origin = get_origin(hint)
    if origin is Literal:
        return True
    if origin is Annotated:
        return _is_immutable(get_args(hint)[0], around)
    if origin in (Union, UnionType):
        return all(_is_immutable(arm, around) for arm in get_args(hint))
    if origin in (tuple, frozenset):
        arguments = [each for each in get_args(hint) if each is not Ellipsis]
        return bool(arguments) and all(_is_immutable(each, around) for each in arguments)
    if not isinstance(hint, type) or origin is not None:
        return False
    if issubclass(hint, enum.Enum):
        return True
    members = _members(hint)
    if members is None:
        return False
    return all(_is_immutable(each, (*around, hint)) for each in members.values())


def _members(kind: type) -> Mapping[str, Any] | None:
    """The types of the fields of a frozen kind, or None."""
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):
        return None
    config = getattr(kind, "__struct_config__", None)
    if config is not None:
        return {n: hints[n] for n in kind.__struct_fields__} if config.frozen else None  # type: ignore[attr-defined]
    if is_dataclass(kind):
        is_frozen = kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
        return {f.name: hints[f.name] for f in fields(kind)} if is_frozen else None
    return None
