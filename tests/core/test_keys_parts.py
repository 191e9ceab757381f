"""One argument in a key: readable where it can be, different for different values."""

import enum
import math
from collections import UserString, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwarm.core.keys import encode_part
from keepwarm.core.parts import safe_text, tag_part
from keepwarm.errors import KeyArgumentError


class Mode(enum.StrEnum):
    TRENDING = "trending"


class Old(str, enum.Enum):  # noqa: UP042 - people have these
    TRENDING = "trending"


class Level(enum.IntEnum):
    HIGH = 3


class Colour(enum.Enum):
    RED = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Filter:
    name: str
    page: int = 0


@dataclass(frozen=True)
class OtherFilter:
    name: str
    page: int = 0


@dataclass
class Changing:
    name: str


class Query(msgspec.Struct, frozen=True):
    text: str


class Form(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    text: str


class Point(NamedTuple):
    x: int
    y: int


class Keyed:
    def __init__(self, key: object) -> None:
        self.key = key

    def __cache_key__(self) -> Any:
        return self.key


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (5, "5"),
        (-5, "-5"),
        (0, "0"),
        ("trending", "trending"),
        (Mode.TRENDING, "trending"),
        (Old.TRENDING, "trending"),
        (Level.HIGH, "3"),
        ("5", "~s5"),
        ("-5", "~s-5"),
        ("", "~s"),
        (None, "~none"),
        (True, "~true"),
        (1.0, "~f1.0"),
        (b"1", "~b31"),
        ("a:b", "a%3Ab"),
        ("100%", "100%25"),
        ("~none", "%7Enone"),
        ("{tag}", "%7Btag%7D"),
        ("*?[a-z]\\", "%2A%3F%5Ba-z%5D%5C"),
        ("é", "%C3%A9"),
        ("\ud800", "%ED%A0%80"),
        ("a b\r\n\0", "a%20b%0D%0A%00"),
        ((1, "x"), "~(1,x)"),
        ([1, "x"], "~l(1,x)"),
        ((), "~()"),
        (frozenset({"b", "a"}), "~g(a,b)"),
        (date(2026, 11, 22), "~d2026-11-22"),
        (UUID(int=1), "~u" + "0" * 31 + "1"),
        (Decimal("1.50"), "~n1.50"),
        (timedelta(days=1, microseconds=5), "~p1.0.5"),
    ],
)
def test_a_value_is_written_so(value: object, written: str) -> None:
    assert written == encode_part(value)


DIFFERENT: list[object] = [
    1, "1", None, "", b"1", True, 1.0, "None", "True", "1.0", False, 0, 0.0, -0.0, b"",
    math.nan, math.inf, -math.inf, 2**200, -(2**200), "~none", "~s1", "~", "%", "%25",
    (1,), [1], frozenset({1}), ("1",), (), [], frozenset(), (1, 2), ((1,), 2), (1, (2,)), ("1,2",),
    (None,), ((),), ([],), "a:b", ("a", "b"), "a", "A", "é", "e\u0301", "\ud800", "\udfff",
    "\ud83d\ude00", "\U0001f600", "\0", "\r", "\n", "\r\n", " ", "+", "*", "?", "[a-z]", "\\",
    Colour.RED, Right.READ, Right.WRITE, Right.READ | Right.WRITE, Right(0),
    Filter("a"), Filter("a", 1), OtherFilter("a"), Query("a"), Form(text="a"),
    Form(text="a", more=1), Point(1, 2), Keyed("a"), Keyed("b"), Keyed(""),
    date(2026, 1, 1), datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    datetime(2026, 1, 1, fold=1), "2026-01-01", time(1), time(1, fold=1), time(1, tzinfo=UTC),
    timedelta(1), timedelta(seconds=1), Decimal(1), Decimal("1.0"), Decimal("NaN"),
    UUID(int=1), str(UUID(int=1)), UUID(int=1).hex,
]  # fmt: skip


def test_values_of_different_types_or_contents_are_written_differently() -> None:
    written = [encode_part(value) for value in DIFFERENT]
    assert len(DIFFERENT) == len(set(written))


def test_a_subclass_that_equals_its_plain_value_is_written_as_it() -> None:
    class Name(str):
        def __str__(self) -> str:
            return "something else"

    class Id(int):
        def __repr__(self) -> str:
            return "something else"

    assert (encode_part(Name("bob")), encode_part(Id(7))) == ("bob", "7")


def test_every_nan_is_one_value() -> None:
    assert encode_part(math.nan) == encode_part(float("nan"))


def test_equal_sets_are_written_equally_in_any_order() -> None:
    words = [str(n) for n in range(50)]
    assert encode_part(set(words)) == encode_part(frozenset(reversed(words)))


def _cycle() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


def _deep() -> tuple[Any, ...]:
    deep: tuple[Any, ...] = ()
    for _ in range(100_000):
        deep = (deep,)
    return deep


@pytest.mark.parametrize(
    "make",
    [
        lambda: object(),
        lambda: object,
        lambda: {"a": 1},
        lambda: Changing("a"),
        lambda: len,
        lambda: (n for n in ()),
        lambda: bytearray(b"a"),
        lambda: memoryview(b"a"),
        lambda: UserString("a"),
        lambda: 1j,
        lambda: (1, object()),
        lambda: Keyed(5),
        lambda: type("MyList", (list,), {})(),
        lambda: namedtuple("Empty", ())(),
        _cycle,
        _deep,
    ],
)
def test_what_has_no_stable_form_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(KeyArgumentError) as caught:
        encode_part(make())
    assert " at 0x" not in str(caught.value)


def test_the_error_says_what_to_do() -> None:
    with pytest.raises(KeyArgumentError, match=r"pass a plain value .* or name the .* ignore="):
        encode_part(object())


def test_megabytes_are_written_too() -> None:
    left, right = "é" * 2**20, "é" * 2**20 + "x"
    assert encode_part(left) != encode_part(right)
    assert encode_part(10**5000) != encode_part(10**5000 + 1)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["1", "-1", "~none", "~s1", "a:b", "a,b", "(a)", "%41", "A", "a=b"])
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.tuples(v) | st.tuples(v, v), max_leaves=6
)


def _identity(value: Any) -> Any:
    """Equal for two values iff they are of equal types and contents throughout."""
    if isinstance(value, (list, tuple)):
        return (type(value), tuple(map(_identity, value)))
    if isinstance(value, (float, Decimal)):
        return (type(value), repr(value))
    if isinstance(value, datetime):
        return (datetime, value, value.fold)
    return (type(value), value)


@given(values, values)
def test_equal_text_means_equal_value(left: object, right: object) -> None:
    assert (encode_part(left) == encode_part(right)) == (_identity(left) == _identity(right))


@given(values)
def test_a_written_value_holds_nothing_special(value: object) -> None:
    written = encode_part(value)
    assert written
    assert written.isascii()
    assert written.isprintable()
    assert not set(written) & set(" :*?[]\\{}@!/\"'")
    assert written == safe_text(written)


@pytest.mark.parametrize(
    "value", [5, "5", "bob:x", "*", "", None, True, UUID(int=1), date(2026, 1, 1), Mode.TRENDING]
)
def test_a_tag_is_what_an_f_string_writes(value: object) -> None:
    """A tag written by hand must be the rendered one, or it would invalidate too little."""
    assert f"{value}" == tag_part(value)


@pytest.mark.parametrize(
    "value",
    [1.0, Decimal(1), b"1", (1,), Old.TRENDING, Colour.RED, datetime(2026, 1, 1), object()],
)
def test_a_value_that_is_spelled_in_two_ways_is_no_part_of_a_tag(value: object) -> None:
    with pytest.raises(KeyArgumentError, match=r"fill\.tag"):
        tag_part(value)
