"""Values as bytes and back, by their declared type; bytes never choose what they become.

Whoever can write to the store can write anything. So decoding builds the declared type
or fails, runs no code that the bytes name (there is no pickle), and fails in one way:
`Undecodable`, which the cache counts and treats as a miss.

Encoding proves itself: what was written is read back and compared before anybody can
be served it, so that a value of another type than declared, or one that loses something
on the way (a subclass with more fields, a tuple in a list[Any]), is returned unstored.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from functools import lru_cache
from types import UnionType
from typing import Any, Protocol, Union, get_args, get_origin
from uuid import UUID

import msgspec

from keepwarm.errors import ConfigurationError
from keepwarm.stores.schema import Schema, schema_of

VERSION = 1  # part of every fingerprint: a change of format begins with an empty cache

_SHAPE = re.compile(r"Expected `[^`]*`, got `[^`]*`(?: - at `[^`]*`)?")


class Undecodable(Exception):
    """Stored bytes that are not a value of the declared type. `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unencodable(Exception):
    """A value that would not come back as it is. `reason` names types, never contents."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Plain:
    """Stands for the type of values set by hand without one.

    None, bool, int (64 bits), float, str, bytes, and lists and dicts of these.
    """


class Codec(Protocol):
    """Writes and reads values of one declared type."""

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that change with the type's shape."""

    @property
    def is_shareable(self) -> bool:
        """Whether no caller could change a decoded value, so that one object may serve all."""

    def encode(self, value: Any) -> bytes:
        """Raises Unencodable."""

    def decode(self, data: bytes) -> Any:
        """A fresh object. Raises Undecodable, and nothing else."""


@dataclass(frozen=True, slots=True)
class _Typed:
    fingerprint: str
    is_shareable: bool
    _write: Callable[[Any], bytes] = field(repr=False)
    _read: Callable[[bytes], Any] = field(repr=False)
    _is_exact: bool = field(repr=False)  # no declared list could excuse a tuple

    def encode(self, value: Any) -> bytes:
        try:
            data = self._write(value)
            again = self._read(data)
            is_same = _equal(value, again, self._is_exact)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is that outcome
            raise Unencodable(_why_not(error, value)) from None  # its text may quote the value
        if not is_same:
            raise Unencodable(
                f"a {type(value).__qualname__} would not come back as it is: something in it is "
                "not of its declared type"
            )
        return data

    def decode(self, data: bytes) -> Any:
        # A type may have code of its own (__post_init__, validators), so any error can come.
        try:
            return self._read(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is that outcome
            raise Undecodable(_why_undecodable(error)) from None


def codec_for(hint: Any) -> Codec:
    """The codec of a declared type, `Plain` for values by hand.

    Raises ConfigurationError for a type whose values cannot be decoded.
    """
    try:
        return _cached(hint)
    except TypeError:  # an unhashable hint: Annotated[int, []]
        return _make(hint)


def fingerprint(hint: Any) -> str:
    """Eight hexadecimal digits that change with the shape of `hint`, and only with it."""
    return codec_for(hint).fingerprint


def _make(hint: Any) -> Codec:
    if hint is Plain:
        schema = Schema(description="plain")
        decoder = msgspec.msgpack.Decoder(ext_hook=_no_extension)
        write = msgspec.msgpack.Encoder().encode
        return _Typed(
            schema.fingerprint(f"plain/{VERSION}"),
            False,
            write,
            lambda data: _plain(decoder, data),
            True,
        )
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if all(part in (Any, object, None, type(None)) for part in parts):
        raise ConfigurationError(
            f"values declared as {getattr(hint, '__name__', hint)} cannot be decoded into anything "
            "definite: annotate the function's return type (-> Character, -> list[int], ...)"
        )
    schema = schema_of(hint)
    if schema.has_pydantic:
        return _pydantic(hint, schema)
    try:
        if schema.has_any:
            # JSON: MessagePack lets foreign bytes put instants where any plain value may stand.
            form = "json"
            write = msgspec.json.Encoder(decimal_format="string").encode
            read: Callable[[bytes], Any] = msgspec.json.Decoder(hint, strict=True).decode
        else:
            form = "msgpack"
            write = msgspec.msgpack.Encoder(decimal_format="string").encode
            read = msgspec.msgpack.Decoder(hint, strict=True).decode
            if schema.has_instants:
                form, write = "msgpack, texts", _with_instants_as_text(write)
    except TypeError as error:
        raise ConfigurationError(f"values of type {hint} cannot be decoded: {error}") from error
    form = f"{form}/{VERSION}"
    return _Typed(schema.fingerprint(form), schema.is_immutable, write, read, schema.has_any)


_cached = lru_cache(maxsize=1024)(_make)

_KEPT = (bytes, bytearray, memoryview, Decimal, UUID)


def _with_instants_as_text(write: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """MessagePack's own instants lose their offset; as text, which is what JSON does, they don't.

    A fifth smaller than JSON, and quicker to read.
    """
    return lambda value: write(msgspec.to_builtins(value, builtin_types=_KEPT))


def _pydantic(hint: Any, schema: Schema) -> Codec:
    import pydantic

    try:
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(hint)
    except (pydantic.PydanticUserError, TypeError) as error:
        raise ConfigurationError(
            f"values of type {hint} cannot be decoded by pydantic: {str(error).splitlines()[0]}"
        ) from error

    # By field name, not alias: a model may read one alias and write another.
    def write(value: Any) -> bytes:
        return adapter.dump_json(value, by_alias=False, round_trip=True, warnings="error")

    def read(data: bytes) -> Any:
        return adapter.validate_json(data, strict=True, by_alias=False, by_name=True)

    form = f"pydantic/{VERSION}"
    return _Typed(schema.fingerprint(form), schema.is_immutable, write, read, schema.has_any)


# --- plain values --------------------------------------------------------------------

# Every first byte of an extension (timestamps are one). They also occur inside text and
# numbers, so finding one only means that the value has to be looked through.
_EXTENSION = re.compile(rb"[\xc7-\xc9\xd4-\xd8]")
_SCALARS = (type(None), bool, int, float, str, bytes)


def _no_extension(code: int, data: memoryview) -> Any:
    raise ValueError("an extension type")


def _plain(decoder: "msgspec.msgpack.Decoder[Any]", data: bytes) -> Any:
    value = decoder.decode(data)
    if _EXTENSION.search(data):
        _check_plain(value)
    return value


def _check_plain(value: Any) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is list:
        for item in value:
            _check_plain(item)
    elif kind is dict:
        for key, item in value.items():
            _check_plain(key)
            _check_plain(item)
    else:
        raise ValueError("not a plain value")


# --- did it come back as it was? -----------------------------------------------------


def _equal(value: Any, again: Any, is_exact: bool) -> bool:
    try:
        is_equal = bool(value == again)
    except Exception:  # noqa: BLE001 - a type's own comparison, which may be anything
        is_equal = False
    return is_equal or _alike(value, again, is_exact)


def _alike(value: Any, again: Any, is_exact: bool) -> bool:
    """Whether two values that `==` tells apart are the same, part by part.

    It does so for NaN, for classes without a comparison, and for a tuple where a list
    was declared; the last is refused if `is_exact`.
    """
    if isinstance(value, (list, tuple)) and isinstance(again, (list, tuple)):
        if is_exact and type(value) is not type(again):
            return False
        return len(value) == len(again) and all(
            _equal(left, right, is_exact) for left, right in zip(value, again, strict=True)
        )
    if isinstance(value, dict) and isinstance(again, dict):
        return value.keys() == again.keys() and all(
            _equal(value[key], again[key], is_exact) for key in value
        )
    if isinstance(value, float) and isinstance(again, float):
        return math.isnan(value) and math.isnan(again)
    if type(value) is type(again) and (names := _names(type(value))):
        return all(_equal(getattr(value, n), getattr(again, n), is_exact) for n in names)
    return False


def _names(kind: type) -> tuple[str, ...]:
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    if is_dataclass(kind):
        return tuple(f.name for f in fields(kind))
    return ()


def _why_not(error: Exception, value: object) -> str:
    found = _SHAPE.fullmatch(str(error))
    if isinstance(error, msgspec.ValidationError) and found is not None:
        return f"not of its declared type: {found[0]}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return f"a {type(value).__qualname__} does not fit its declared type ({type(error).__name__})"


def _why_undecodable(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "too-deep"
    if isinstance(error, msgspec.ValidationError):
        return "other-shape"
    return "malformed" if isinstance(error, msgspec.DecodeError) else "refused-by-type"
