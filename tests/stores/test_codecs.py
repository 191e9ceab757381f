"""Codecs: a value comes back as it was, of its declared type, or not at all."""

import enum
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from keepwarm.errors import ConfigurationError
from keepwarm.stores.codecs import Codec, Plain, Undecodable, Unencodable, codec_for

T = TypeVar("T")
UserId = NewType("UserId", int)


class Mode(enum.StrEnum):
    ALL = "all"
    NEW = "new"


@dataclass
class Character:
    id: int
    name: str
    tags: list[str] = field(default_factory=list)
    mode: Mode = Mode.ALL


@dataclass
class Loud(Character):
    def shout(self) -> str:
        return self.name.upper()


@dataclass
class Longer(Character):
    more: int = 0


@dataclass(frozen=True)
class Fixed:
    id: int
    parts: tuple[int, ...] = ()


@dataclass(eq=False)
class Unequal:
    id: int
    score: float


@dataclass
class Tree:
    name: str
    children: "list[Tree]" = field(default_factory=list)


@dataclass
class Page(Generic[T]):
    items: list[T]


class Card(msgspec.Struct, frozen=True):
    id: int
    made: datetime


class Row(TypedDict):
    id: int
    note: typing.NotRequired[str]


class Point(NamedTuple):
    x: int
    y: int


class Model(pydantic.BaseModel):
    id: int
    made: datetime | None = None
    inner: "list[Model]" = []
    scores: dict[int, float] = {}


class Aliased(pydantic.BaseModel):
    id: int = pydantic.Field(validation_alias="readId", serialization_alias="writeId")


class Restless(pydantic.BaseModel):
    """Changes on every validation, as one that hashes a password does."""

    text: str

    @pydantic.field_validator("text")
    @classmethod
    def grow(cls, text: str) -> str:
        return text + "!"


class Forgetful(pydantic.BaseModel):
    kept: int
    lost: int = pydantic.Field(default=0, exclude=True)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)


class MappedData(MappedAsDataclass, Base):
    __tablename__ = "mapped"
    id: Mapped[int] = mapped_column(primary_key=True)


BERLIN = datetime(2026, 7, 1, 12, 30, tzinfo=ZoneInfo("Europe/Berlin"))

COMING_BACK: list[tuple[Any, Any]] = [
    (int, 5),
    (int, -(2**63)),
    (str, "é\0"),
    (bytes, b"\xff\0"),
    (float, 1.5),
    (float, float("inf")),
    (bool, True),
    (int | None, None),
    (list[int], [1, 2]),
    (dict[str, list[int]], {"b": [1], "a": []}),
    (dict[int, str], {1: "a"}),
    (set[str], {"a", "b"}),
    (frozenset[int], frozenset({1})),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2)),
    (Sequence[int], [1]),
    (Mapping[str, int], {"a": 1}),
    (Literal["a", 1], 1),
    (UserId, 5),
    (Annotated[int, "x"], 5),
    (Mode, Mode.NEW),
    (Character, Character(1, "Zed", ["a"], Mode.NEW)),
    (Character | None, None),
    (list[Character], [Character(1, "a"), Character(2, "b")]),
    (Fixed, Fixed(1, (1, 2))),
    (Tree, Tree("a", [Tree("b", [Tree("c")])])),
    (Page[Character], Page([Character(1, "a")])),
    (Card, Card(1, datetime(2026, 1, 1, tzinfo=UTC))),
    (Row, {"id": 1}),
    (Row, {"id": 1, "note": "x"}),
    (Point, Point(1, 2)),
    (datetime, BERLIN),
    (datetime, datetime(2026, 1, 1, 1, 2, 3, 456789)),
    (datetime, datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))),
    (date, date(2026, 1, 1)),
    (time, time(1, 2, 3)),
    (timedelta, timedelta(days=1, microseconds=1)),
    (Decimal, Decimal("1.50")),
    (UUID, UUID(int=7)),
    (dict[str, Any], {"a": [1, {"b": None}], "c": "d"}),
    (list, [1, "a", None]),
    (dict, {"a": 1.5}),
    (Model, Model(id=1, made=BERLIN, inner=[Model(id=2)], scores={1: 2.0})),
    (list[Model] | None, [Model(id=1)]),
    (Aliased, Aliased(readId=5)),
    (dict[str, Model], {"a": Model(id=1)}),
    (Plain, {"a": [1, 2.5, None, True, b"\xff", "é"], 3: {"b": []}}),
    (Plain, "Հայերեն \u05d0"),  # its UTF-8 has the first bytes of extension types
]


def _told(value: Any) -> str:
    """A test id that is the same in every process: sets have no order and objects addresses."""
    if isinstance(value, (set, frozenset)):
        return f"set-of-{len(value)}"
    return str(value)[:40]


@pytest.mark.parametrize(("hint", "value"), COMING_BACK, ids=_told)
def test_a_value_comes_back_as_it_was(hint: Any, value: Any) -> None:
    codec = codec_for(hint)
    again = codec.decode(codec.encode(value))
    assert value == again
    assert type(value) is type(again)


def test_an_instant_keeps_its_offset() -> None:
    codec = codec_for(Card)
    card = codec.decode(codec.encode(Card(1, BERLIN)))
    assert BERLIN.isoformat() == card.made.isoformat()


def test_a_dict_keeps_its_order() -> None:
    codec = codec_for(dict[str, int])
    assert list("zay") == list(codec.decode(codec.encode({"z": 1, "a": 2, "y": 3})))


def test_each_decoding_gives_a_fresh_object() -> None:
    codec = codec_for(list[Character])
    data = codec.encode([Character(1, "a")])
    codec.decode(data)[0].tags.append("changed")
    assert codec.decode(data) == [Character(1, "a")]


def test_a_value_without_a_comparison_comes_back_too() -> None:
    codec = codec_for(list[Unequal])
    again = codec.decode(codec.encode([Unequal(1, float("nan"))]))
    assert again[0].id == 1


def test_a_whole_number_may_stand_for_a_float_and_a_tuple_for_a_list() -> None:
    assert codec_for(float).decode(codec_for(float).encode(0)) == 0.0
    assert codec_for(list[int]).decode(codec_for(list[int]).encode((1, 2))) == [1, 2]


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, "5"),
        (int, True),
        (str, None),
        (int, 2**64),
        (str, "\ud800"),
        (list[int], [1, "2"]),
        (Character, Loud(1, "a")),
        (Character, Longer(1, "a")),
        (list[Character], [Loud(1, "a")]),
        (Character, {"id": 1, "name": "a"}),
        (Character, Character("1", "a")),  # type: ignore[arg-type]
        (Character, None),
        (Character, User(id=1)),
        (Row, {"id": 1, "surplus": 2}),
        (dict[str, Any], {"a": (1, 2)}),
        (dict[str, Any], {"a": b"1"}),
        (dict[str, Any], {"a": float("nan")}),
        (dict[str, Any], {"a": datetime(2026, 1, 1)}),
        pytest.param(dict[str, Any], {"a": object()}, id="an-object-in-any"),
        (Card, Card("1", datetime(2026, 1, 1))),  # type: ignore[arg-type]
        (Model, Model.model_construct(id="x")),  # type: ignore[arg-type]
        (Model, Character(1, "a")),
        (Restless, Restless(text="a")),
        (Forgetful, Forgetful(kept=1, lost=2)),
        (Plain, (1, 2)),
        (Plain, {"a": {1}}),
        (Plain, datetime(2026, 1, 1, tzinfo=UTC)),
        (Plain, Character(1, "a")),
        (Plain, 2**70),
    ],
    ids=_told,
)
def test_what_would_not_come_back_is_not_encoded(hint: Any, value: Any) -> None:
    with pytest.raises(Unencodable):
        codec_for(hint).encode(value)


def test_the_reason_names_the_place_and_never_the_contents() -> None:
    with pytest.raises(Unencodable, match=r"got `str` - at `\$\[0\]\.id`") as caught:
        codec_for(list[Character]).encode([Character("s3cret", "s3cret")])  # type: ignore[arg-type]
    assert "s3cret" not in caught.value.reason
    with pytest.raises(Unencodable) as caught:
        codec_for(Model).encode(Model.model_construct(id="s3cret"))  # type: ignore[arg-type]
    assert "s3cret" not in caught.value.reason
    assert caught.value.__suppress_context__


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_nested_too_deeply_is_not_encoded() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (_nested(100_000), loop):
        with pytest.raises(Unencodable):
            codec_for(Plain).encode(value)


@pytest.mark.parametrize(
    ("hint", "advice"),
    [
        (Any, "annotate the function's return type"),
        (object, "annotate the function's return type"),
        (None, "annotate the function's return type"),
        (Any | None, "annotate the function's return type"),
        (User, "mapped database class"),
        (MappedData, "mapped database class"),
        (list[User], "mapped database class"),
        (Iterator[int], "runs once and cannot be stored"),
        (typing.AsyncIterator[int], "runs once and cannot be stored"),
        (typing.Awaitable[int], "runs once and cannot be stored"),
        (Callable[[], int], "cannot be decoded"),
        (type, "cannot be decoded"),
        (complex, "cannot be decoded"),
        (ZoneInfo, "cannot be decoded"),
        ("Missing", "cannot be found at run time"),
        (Character | Tree, "cannot be decoded"),
    ],
    ids=str,
)
def test_a_type_that_cannot_be_decoded_is_refused_when_declared(hint: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        codec_for(hint)


def test_the_refusal_names_the_field_at_fault() -> None:
    @dataclass
    class Holder:
        owner: User

    with pytest.raises(ConfigurationError, match=r"Holder\.owner: User is a mapped"):
        codec_for(Holder)


# --- decoding what somebody else wrote -----------------------------------------------

HINTS: list[Any] = [
    int, str, list[int], dict[str, list[str]], Character, Card, Tree, Row, Model, list[Model],
    dict[str, Any], Plain, set[int], tuple[int, ...], Mode, datetime, Page[int],
]  # fmt: skip


REASONS = {"too-deep", "other-shape", "malformed", "refused-by-type"}


def decode(codec: Codec, data: bytes) -> Any:
    """The value, or the reason in brackets; anything else fails the test."""
    try:
        return codec.decode(data)
    except Undecodable as error:
        return {error.reason} & REASONS or pytest.fail(f"unknown reason {error.reason}")


@given(
    st.sampled_from(HINTS),
    st.binary()
    | st.recursive(
        st.none() | st.integers(-(2**63), 2**63) | st.text() | st.floats(),
        lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=3), v, max_size=3),
    ).map(msgspec.msgpack.encode),
)
def test_decoding_raises_one_thing_only(hint: Any, data: bytes) -> None:
    decode(codec_for(hint), data)


@pytest.mark.parametrize("hint", HINTS, ids=str)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x91" * 100_000 + b"\xc0",
        b"\x81\xa1a" * 100_000 + b"\xc0",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"children":[' * 100_000,
        b"\x82\xa4name\xa1a\xa8children\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xc1",
        b"9" * 100_000,
        b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93.",
    ],
    ids=lambda data: repr(data[:12]),
)  # fmt: skip
def test_bombs_are_undecodable(hint: Any, data: bytes) -> None:
    assert decode(codec_for(hint), data) & REASONS


def test_an_instant_may_not_stand_in_for_a_plain_value() -> None:
    foreign = msgspec.msgpack.encode([datetime(2026, 1, 1, tzinfo=UTC)])
    for hint in (Plain, list[Any]):
        assert decode(codec_for(hint), foreign) & REASONS


def test_a_types_own_code_that_fails_is_a_miss() -> None:
    @dataclass
    class Grumpy:
        id: int

        def __post_init__(self) -> None:
            if self.id < 0:
                raise ZeroDivisionError

    with pytest.raises(Undecodable, match="refused-by-type"):
        codec_for(Grumpy).decode(msgspec.msgpack.encode({"id": -1}))


@pytest.mark.parametrize(
    ("hint", "is_shareable"),
    [
        (int, True), (str | None, True), (tuple[int, ...], True), (frozenset[str], True),
        (Fixed, True), (Card, True), (Point, True), (Mode, True), (datetime, True),
        (list[int], False), (dict[str, int], False), (set[int], False), (Character, False),
        (tuple[Character, ...], False), (Row, False), (Model, False), (Plain, False),
        (tuple[Any, ...], False), (Page[int], False),
    ],
)  # fmt: skip
def test_only_what_cannot_be_changed_may_be_shared(hint: Any, is_shareable: bool) -> None:
    assert is_shareable == codec_for(hint).is_shareable
