"""Fingerprints: equal for equal shapes everywhere, different when a shape changes."""

import enum
import re
import subprocess
import sys
import textwrap
from dataclasses import field, make_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Optional, Union

import msgspec
import pydantic
import pytest

from keepwarm.stores.codecs import Plain, codec_for, fingerprint


def shape(name: str = "Item", **fields: Any) -> Any:
    return make_dataclass(name, fields.items())


inner = shape("Inner", a=int)
other_inner = shape("Inner", a=str)

CHANGES: list[tuple[str, Any, Any]] = [
    ("a field more", shape(a=int), shape(a=int, b=int)),
    ("a field renamed", shape(a=int), shape(b=int)),
    ("a field retyped", shape(a=int), shape(a=float)),
    ("a field made optional", shape(a=int), shape(a=int | None)),
    ("another class", shape("Cat", a=int), shape("Dog", a=int)),
    ("inside a list", list[inner], list[other_inner]),
    ("inside a field", shape(i=inner), shape(i=other_inner)),
    ("inside a union", inner | None, other_inner | None),
    ("inside a dict", dict[str, inner], dict[str, other_inner]),
    ("another container", list[int], set[int]),
    ("key and value", dict[str, int], dict[int, str]),
    ("tuple and its length", tuple[int, ...], tuple[int]),
    ("a literal", Literal["a"], Literal["a", "b"]),
    ("a literal's type", Literal["1"], Literal[1]),
    ("an enum's members", enum.Enum("E", {"A": 1}), enum.Enum("E", {"A": 1, "B": 2})),
    ("an enum's values", enum.Enum("E", {"A": 1}), enum.Enum("E", {"A": 2})),
    ("a kind of instant", datetime, str),
    ("plain and typed", Plain, dict[str, Any]),
    (
        "a struct's name on the wire",
        msgspec.defstruct("S", [("a_b", int)]),
        msgspec.defstruct("S", [("a_b", int)], rename="camel"),
    ),
    (
        "a struct as an array",
        msgspec.defstruct("S", [("a", int)]),
        msgspec.defstruct("S", [("a", int)], array_like=True),
    ),
    (
        "a struct's tag",
        msgspec.defstruct("S", [("a", int)], tag="x"),
        msgspec.defstruct("S", [("a", int)], tag="y"),
    ),
    (
        "a default that is not written",
        msgspec.defstruct("S", [("a", int, 1)], omit_defaults=True),
        msgspec.defstruct("S", [("a", int, 2)], omit_defaults=True),
    ),
    (
        "a pydantic field",
        pydantic.create_model("M", a=(int, ...)),
        pydantic.create_model("M", a=(str, ...)),
    ),
    (
        "a pydantic field's own model",
        pydantic.create_model("M", a=(pydantic.create_model("N", x=(int, ...)), ...)),
        pydantic.create_model("M", a=(pydantic.create_model("N", y=(int, ...)), ...)),
    ),
    (
        "a dataclass in a pydantic model",
        pydantic.create_model("M", a=(inner, ...)),
        pydantic.create_model("M", a=(other_inner, ...)),
    ),
]


@pytest.mark.parametrize(("before", "after"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_changed_shape_has_another_fingerprint(before: Any, after: Any) -> None:
    assert fingerprint(before) != fingerprint(after)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (shape(a=int), shape(a=int)),
        (Optional[int], int | None),  # noqa: UP045 - both spellings are the point
        (Union[int, str], str | int),  # noqa: UP007
        (list[int], list[int]),
        (Literal["a", "b"], Literal["b", "a"]),
        (
            make_dataclass("D", [("a", int)]),
            make_dataclass("D", [("a", int, field(default=5))]),
        ),
    ],
)
def test_another_spelling_of_a_shape_has_the_same(left: Any, right: Any) -> None:
    assert fingerprint(left) == fingerprint(right)


def test_a_fingerprint_is_eight_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{8}", fingerprint(list[int]))
    assert fingerprint(list[int]) == codec_for(list[int]).fingerprint


def test_a_type_that_contains_itself_has_one() -> None:
    class Node(msgspec.Struct):
        left: "Node | None" = None

    Node.__annotations__["left"] = Node | None
    assert re.fullmatch("[0-9a-f]{8}", fingerprint(Node))


PROGRAM = """
    import enum
    from dataclasses import dataclass, field
    from typing import NotRequired, TypedDict, Any
    import msgspec, pydantic
    from keepwarm.stores.codecs import Plain, codec_for

    class Mode(enum.StrEnum):
        ALL = "all"
        NEW = "new"

    class Row(TypedDict):
        id: int
        note: NotRequired[str]

    @dataclass
    class Tree:
        name: str
        modes: set[Mode]
        row: Row | None
        children: "list[Tree]" = field(default_factory=list)

    class Card(msgspec.Struct, omit_defaults=True):
        id: int
        extra: dict[str, Any] = {}

    class Model(pydantic.BaseModel):
        card: int | str | None
        inner: "list[Model]" = []

    values = [
        (Tree, Tree("a", {Mode.ALL}, {"id": 1}, [Tree("b", set(), None)])),
        (Card, Card(1, {"z": 1, "a": [None]})),
        (Model, Model(card="x", inner=[Model(card=None)])),
        (dict[str, int], {str(n): n for n in range(20)}),
        (Plain, {"b": 1, "a": [1.5]}),
    ]
    for hint, value in values:
        codec = codec_for(hint)
        print(codec.fingerprint, codec.encode(value).hex())
"""


@pytest.mark.security("Values: ETags equal across processes")
def test_every_process_makes_the_same_fingerprints_and_bytes(tmp_path: Path) -> None:
    """Names in the store and whatever is derived from stored bytes agree between workers."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    outputs = {
        subprocess.run(
            [sys.executable, str(program)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "77")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 5
