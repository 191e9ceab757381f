"""Values that callers may share are those that nobody can change, however deep."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from keepwarm.stores.immutable import is_immutable


class Colour(enum.Enum):
    RED = "red"


class Frozen(msgspec.Struct, frozen=True):
    names: tuple[str, ...]
    parent: "Frozen | None" = None


class FrozenAroundAList(msgspec.Struct, frozen=True):
    names: list[str]


class Loose(msgspec.Struct):
    name: str


@dataclass(frozen=True)
class Point:
    x: float
    at: datetime


@dataclass(frozen=True)
class PointWithLoose:
    inner: Loose


@dataclass
class Open:
    x: int


class Row(TypedDict):
    x: int


class Pair(NamedTuple):
    x: int
    names: list[str]


class Model(pydantic.BaseModel, frozen=True):
    x: int


@pytest.mark.parametrize(
    "hint",
    [
        int,
        str,
        bytes,
        None,
        bool,
        UUID,
        Colour,
        Literal["a", "b"],
        int | None,
        Optional[str],  # noqa: UP045 - as people write it
        Annotated[str, "a note"],
        tuple[int, ...],
        tuple[str, Point],
        frozenset[int],
        Frozen,
        Point,
        tuple[Frozen, ...] | None,
    ],
)
def test_what_nobody_can_change_is_shared(hint: Any) -> None:
    assert is_immutable(hint)


@pytest.mark.parametrize(
    "hint",
    [
        list[int],
        dict[str, int],
        set[int],
        bytearray,
        Mapping[str, int],
        tuple,  # of whatever
        frozenset,
        tuple[list[int], ...],
        int | list[int],
        Annotated[list[int], "a note"],
        FrozenAroundAList,
        Loose,
        PointWithLoose,
        Open,
        Row,
        Pair,
        Model,  # its fields may hold what can be changed, and its private ones can
        Any,
        object,
        "Frozen",
    ],
)
def test_whatever_could_be_changed_is_decoded_for_each(hint: Any) -> None:
    assert not is_immutable(hint)
