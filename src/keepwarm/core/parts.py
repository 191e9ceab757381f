"""How one argument is written in a key: readable where it can be, never ambiguous.

    5 → 5        "trending" → trending      "5" → ~s5       None → ~none
    "a:b" → a%3Ab     True → ~true     b"1" → ~b31     (1, "x") → ~(1,x)

Equal text means equal value of an equal type. That rests on two rules: a string's
letters, digits, `_`, `.` and `-` stand for themselves and all else is %-escaped, byte
by byte, so no string contains a separator, a glob or a brace; and whatever is not a
plain string or int begins with `~`, which no string does.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, ReprEnum
from typing import Any
from uuid import UUID

from keepwarm.errors import KeyArgumentError

DEEPEST = 16  # nesting of an argument; a list that contains itself has to end somewhere

_PLAIN = re.compile(r"(?!-?[0-9]+\Z)[A-Za-z0-9_.-]+")
_INT_LIKE = re.compile(r"-?[0-9]+")
_READABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_PERCENT = tuple(chr(b) if b in _READABLE else f"%{b:02X}" for b in range(256))

# A physical name may also hold what rendered keys are made of. `!` escapes the rest.
_SAFE = frozenset(chr(c) for c in range(0x21, 0x7F)) - frozenset("!*?[]\\{}\"'")
_UNSAFE = re.compile(f"[^{re.escape(''.join(sorted(_SAFE)))}]")


def encode_part(value: object) -> str:
    """`value` as a key part: ASCII, without `:`, and different for different values.

    Takes None, bool, int, float, str, bytes, Enum, UUID, dates and times, Decimal;
    tuples, lists and sets of these; named tuples, frozen dataclasses, msgspec Structs
    and pydantic models, field by field; and an object with `__cache_key__() -> str`.
    Raises KeyArgumentError for anything else.
    """
    if type(value) is str and _PLAIN.fullmatch(value):
        return value
    return _encode(value, 0)


def safe_text(text: str) -> str:
    """`text` with all but printable ASCII, and braces and globs, as `!XX` per byte.

    Rendered keys come out unchanged. Injective, and character by character, so that
    patterns can be translated the same way.
    """
    return _UNSAFE.sub(
        lambda m: "".join(f"!{b:02X}" for b in m[0].encode("utf-8", "surrogatepass")), text
    )


def _quote(text: str) -> str:
    # surrogatepass: a lone surrogate (from a badly decoded URL) has bytes of its own.
    return "".join([_PERCENT[b] for b in text.encode("utf-8", "surrogatepass")])


def _text(value: str) -> str:
    if not value or _INT_LIKE.fullmatch(value):
        return f"~s{value}"
    return _quote(value)


def _whole(value: int) -> str:
    # Beyond 128 bits in hex: Python refuses to write very long decimals.
    if value.bit_length() <= 128:
        return int.__repr__(value)
    return f"~x{'-' if value < 0 else ''}{abs(int(value)):x}"


def _encode(value: object, depth: int) -> str:
    if depth > DEEPEST:
        raise KeyArgumentError(
            f"an argument nested more than {DEEPEST} deep cannot be part of a key"
        )
    kind = type(value)
    write = _EXACT.get(kind)
    if write is not None:
        return write(value)
    open_ = _GROUPS.get(kind)
    if open_ is not None:
        parts: Iterable[str] = (_encode(v, depth + 1) for v in value)  # type: ignore[attr-defined]
        if kind in (set, frozenset):
            parts = sorted(parts)
        return f"{open_}({','.join(parts)})"
    if callable(getattr(kind, "__cache_key__", None)):
        text = value.__cache_key__()  # type: ignore[attr-defined]
        if not isinstance(text, str):
            raise KeyArgumentError(f"{kind.__qualname__}.__cache_key__() must return a str")
        return f"~k{_quote(_name(kind))}({_text(str.__str__(text))})"
    if isinstance(value, Enum):
        return _enum(value, depth)
    members = fields_of(kind)
    if members is not None:
        inner = ",".join(
            f"{_quote(name)}={_encode(getattr(value, name), depth + 1)}"
            for name in (*members, *_extra(value))
        )
        return f"~o{_quote(_name(kind))}({inner})"
    for base, write in _EXACT.items():
        if isinstance(value, base):  # a subclass of str, int, date … equals its plain value
            return write(value)
    raise KeyArgumentError(
        f"a {_name(kind)} has no stable form in a key: pass a plain value (an id, str, int, UUID, "
        "date, tuple, frozen dataclass), give the class a `__cache_key__() -> str`, or name the "
        "argument in ignore= if the answer does not depend on it"
    )


def _enum(value: Enum, depth: int) -> str:
    kind = type(value)
    if isinstance(value, Flag):
        return f"~e{_quote(_name(kind))}({_encode(value.value, depth + 1)})"
    if issubclass(kind, (str, int)):
        return _encode(value.value, depth + 1)  # equals its plain value, so is written as it
    return f"~e{_quote(_name(kind))}.{_quote(value.name)}"


def fields_of(kind: type) -> tuple[str, ...] | None:
    """The fields that make up a value of `kind`, or None where it is not made of fields."""
    if issubclass(kind, tuple):
        return tuple(getattr(kind, "_fields", ())) or None
    for attribute in ("__struct_fields__", "__pydantic_fields__"):
        found = getattr(kind, attribute, None)
        if found is not None:
            return tuple(found)
    if is_dataclass(kind) and kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return tuple(f.name for f in fields(kind))
    return None


def _extra(value: object) -> tuple[str, ...]:
    extra = getattr(value, "__pydantic_extra__", None)  # of a model with extra="allow"
    return tuple(sorted(extra)) if isinstance(extra, dict) else ()


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _instant(value: datetime) -> str:
    # Same wall clock, other zone or other side of the hour that a clock change repeats.
    zone = getattr(value.tzinfo, "key", None)
    text = _quote(value.isoformat())
    text = f"~t{text}" if not value.fold else f"~tf{text}"
    return f"{text}~{_quote(zone)}" if isinstance(zone, str) else text


def _clock(value: time) -> str:
    return f"~c{'f' if value.fold else ''}{_quote(value.isoformat())}"


def _span(value: timedelta) -> str:
    return f"~p{value.days}.{value.seconds}.{value.microseconds}"


# Order matters for subclasses: bool before int, datetime before date.
_EXACT: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "~none",
    bool: lambda v: "~true" if v else "~false",
    int: _whole,
    str: lambda v: _text(str.__str__(v)),
    float: lambda v: f"~f{float.__repr__(v)}",
    bytes: lambda v: f"~b{v.hex()}",
    UUID: lambda v: f"~u{v.hex}",
    datetime: _instant,
    date: lambda v: f"~d{date.isoformat(v)}",
    time: _clock,
    timedelta: _span,
    Decimal: lambda v: f"~n{_quote(str(v))}",
}
_GROUPS: dict[type, str] = {tuple: "~", list: "~l", set: "~g", frozenset: "~g"}


def tag_part(value: object) -> str:
    """`value` as an f-string writes it, for the types where that is beyond doubt.

    Takes str, int, bool, UUID, date, None, and enums whose text is their value
    (StrEnum, IntEnum). Raises KeyArgumentError for anything else: a tag that is
    spelled in two ways would invalidate too little.
    """
    if type(value) is str or type(value) is int:
        return f"{value}"
    if isinstance(value, Enum):
        if not is_textual(type(value)):
            raise KeyArgumentError(
                f"the text of a {type(value).__qualname__} is not its value; derive it from "
                "StrEnum or IntEnum, or name the tag in the function: fill.tag(...)"
            )
    elif isinstance(value, datetime) or not isinstance(value, (*TAG_TYPES, type(None))):
        raise KeyArgumentError(
            f"a {_name(type(value))} can be spelled in more than one way, so it cannot be part of "
            "a tag; pass a str, int, UUID or date, or name the tag in the function: fill.tag(...)"
        )
    return f"{value}"


TAG_TYPES: tuple[type, ...] = (str, int, UUID, date)


def is_textual(kind: type[Enum]) -> bool:
    """Whether an f-string writes the members of this enum as their values."""
    return issubclass(kind, ReprEnum) and issubclass(kind, (str, int))
