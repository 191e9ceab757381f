"""Templates: checked against their function when declared, injective when rendered."""

import enum
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NewType, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwarm.core.keys import Template
from keepwarm.errors import KeyArgumentError, KeyTemplateError

UserId = NewType("UserId", int)
T = TypeVar("T")


class Mode(enum.StrEnum):
    ALL = "all"


class Old(str, enum.Enum):  # noqa: UP042 - people have these
    ALL = "all"


class Session:
    """Stands for a request, a session, a connection."""


class Keyed:
    def __cache_key__(self) -> str:
        return "me"


@dataclass(frozen=True)
class Filter:
    name: str


async def listed(mode: Mode, page: int, user_id: int | None = None) -> None: ...


async def detail(character_id: int, session: Session) -> None: ...


def parse(function: Callable[..., Any], template: str, **more: Any) -> Template:
    hints = typing.get_type_hints(function, include_extras=True)
    return Template.parse(template, inspect.signature(function), hints, what="f", **more)


def parse_tag(function: Callable[..., Any], template: str) -> Template:
    hints = typing.get_type_hints(function, include_extras=True)
    return Template.parse_tag(template, inspect.signature(function), hints, what="f")


SPECIFIED = "characters:list:{mode}:{page}:{user_id?}"


@pytest.mark.parametrize(
    ("user_id", "key"), [(None, "characters:list:all:0"), (7, "characters:list:all:0:7")]
)
def test_the_specifications_key_reads_as_specified(user_id: int | None, key: str) -> None:
    template = parse(listed, SPECIFIED)
    assert key == template.render({"mode": Mode.ALL, "page": 0, "user_id": user_id})


def test_a_template_knows_what_it_names() -> None:
    assert parse(listed, SPECIFIED).fields == ("mode", "page", "user_id")


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("", "non-empty"),
        ("a:{nobody}:{mode}:{page}:{user_id}", "names 'nobody', which is no argument"),
        ("a:{mode}:{page}", r"'user_id' is in neither key nor ignore=; add \{user_id\}"),
        ("a:{mode}{page}:{user_id}", r"put a colon between \{mode\} and \{page\}"),
        ("a:{mode}-{page}:{user_id}", r"put a colon between"),
        ("a:{mode}.{page}:{user_id}", r"put a colon between"),
        ("a:{mode!r}:{page}:{user_id}", "is not a placeholder"),
        ("a:{mode:>5}:{page}:{user_id}", "is not a placeholder"),
        ("a:{mode.value}:{page}:{user_id}", "is not a placeholder"),
        ("a:{}:{mode}:{page}:{user_id}", "is not a placeholder"),
        ("a:{mode", "contains '{'"),
        ("a:}{mode}", "contains '}'"),
        ("a:{{mode}}", "contains '{'"),
        ("a:*:{mode}:{page}:{user_id}", r"contains '\*'"),
        ("a:%41:{mode}:{page}:{user_id}", "contains '%'"),
        ("a~:{mode}:{page}:{user_id}", "contains '~'"),
        ("a b:{mode}:{page}:{user_id}", "contains ' '"),
        ("ä:{mode}:{page}:{user_id}", "contains 'ä'"),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_declared(
    template: str, complaint: str
) -> None:
    with pytest.raises(KeyTemplateError, match=complaint):
        parse(listed, template)


def test_an_argument_the_answer_does_not_depend_on_is_named_in_ignore() -> None:
    template = parse(detail, "d:{character_id}", ignore=["session"])
    assert template.render({"character_id": 5, "session": Session()}) == "d:5"


@pytest.mark.parametrize(
    ("template", "ignore", "complaint"),
    [
        ("d:{character_id}", [], "'session' is declared as .*Session, which has no stable form"),
        ("d:{character_id}:{session}", [], "'session' is declared as .*Session"),
        ("d:{character_id}", ["sesion"], "'sesion', which is no argument"),
        ("d:{character_id}", ["session", "character_id"], "both in the key and in ignore="),
        ("d:{character_id}", "session", "must be a list"),
    ],
)
def test_ignore_is_checked_too(template: str, ignore: Any, complaint: str) -> None:
    with pytest.raises(KeyTemplateError, match=complaint):
        parse(detail, template, ignore=ignore)


class Service:
    async def one(self, character_id: int) -> None: ...

    @classmethod
    async def all_of(cls, kind: str) -> None: ...


def test_self_is_never_part_of_a_key_by_its_address() -> None:
    with pytest.raises(KeyTemplateError, match="decorate the bound method"):
        parse(Service.one, "c:{character_id}")
    assert (
        parse(Service.one, "c:{character_id}", ignore=["self"]).render(
            {"self": Service(), "character_id": 5}
        )
        == "c:5"
    )


def test_a_bound_method_has_no_self_to_name() -> None:
    assert parse(Service().one, "c:{character_id}").render({"character_id": 5}) == "c:5"
    assert parse(Service.all_of, "c:{kind}").render({"kind": "x"}) == "c:x"


def test_a_self_that_says_its_key_may_be_part_of_one() -> None:
    def method(self: Keyed, n: int) -> None: ...

    key = parse(method, "c:{self}:{n}").render({"self": Keyed(), "n": 1})
    assert "Keyed(me):1" in key


def test_more_positional_arguments_are_one_part() -> None:
    def function(*ids: int) -> None: ...

    template = parse(function, "c:{ids}")
    assert template.render({"ids": (1, 2)}) == "c:~(1,2)"
    with pytest.raises(KeyTemplateError, match="'ids' is in neither"):
        parse(function, "c")


def test_open_keyword_arguments_are_refused() -> None:
    def function(**options: int) -> None: ...

    with pytest.raises(KeyTemplateError, match="declare the arguments one by one"):
        parse(function, "c")
    with pytest.raises(KeyTemplateError, match="declare the arguments one by one"):
        parse(function, "c:{options}")
    assert parse(function, "c", ignore=["options"]).render({"options": {}}) == "c"


@pytest.mark.parametrize(
    "hint",
    [
        int, str, bytes, bool, float, None, int | None, Mode, Old, UserId, Filter, Keyed, datetime,
        Any, object, T, Literal["a", 1], Annotated[int, "x"], tuple[int, ...], list[str],
        frozenset[int], typing.Sequence[int], tuple[()], "Unknown", UserId | None,
    ],
)  # fmt: skip
def test_a_declared_type_that_may_have_a_stable_form_is_taken(hint: Any) -> None:
    signature = inspect.signature(lambda x: None)
    assert Template.parse("k:{x}", signature, {"x": hint}, what="f").fields == ("x",)


@pytest.mark.parametrize(
    "hint",
    [
        Session, Session | None, list[Session], tuple[int, Session], Annotated[Session, "Depends"],
        dict, dict[str, int], Callable[[], int], Iterator[int], AsyncIterator[int], type, slice,
        type[int], memoryview,
    ],
)  # fmt: skip
def test_a_declared_type_without_a_stable_form_is_refused_when_declared(hint: Any) -> None:
    signature = inspect.signature(lambda x: None)
    with pytest.raises(KeyTemplateError, match=r"f: .*'x' is declared as .*ignore="):
        Template.parse("k:{x}", signature, {"x": hint}, what="f")


def test_an_undeclared_type_is_judged_at_the_call() -> None:
    template = parse(lambda x: None, "k:{x}")
    assert template.render({"x": 5}) == "k:5"
    with pytest.raises(KeyArgumentError, match=r"f: argument 'x': a .*Session has no stable form"):
        template.render({"x": Session()})


@pytest.mark.parametrize(
    ("template", "arguments", "key"),
    [
        ("k:{a?}:{b?}", (None, None), "k"),
        ("k:{a?}:{b?}", (1, None), "k:1"),
        ("k:{a?}:{b?}", (None, 2), "k:~none:2"),
        ("k:{a?}:{b?}", (1, 2), "k:1:2"),
        ("k:{a?}:{b}", (None, 2), "k:~none:2"),
        ("k:{a?}:{b}", (None, None), "k:~none:~none"),
        ("k:{a}:of:{b?}", (1, None), "k:1:of"),
        ("k:{a}:of:{b?}", (1, "of"), "k:1:of:of"),
        ("k:{a?}:of:{b?}", (None, None), "k:~none:of"),
        ("k:{a}/{b?}", (1, None), "k:1/~none"),
        ("{a?}:{b?}", (None, None), "~none"),
        ("k:{a}:{b?}:end", (1, None), "k:1:~none:end"),
    ],
)
def test_only_parts_at_the_end_vanish(template: str, arguments: tuple[Any, Any], key: str) -> None:
    made = parse(lambda a, b: None, template)
    assert key == made.render(dict(zip("ab", arguments, strict=True)))


part = (
    st.none()
    | st.integers(0, 3)
    | st.sampled_from(["", "1", "a", ":", "a:b", "~none", "of", "-", "/", "end", "*"])
    | st.text(max_size=3)
)
SHAPES = [
    "k:{a}:{b}:{c}",
    "k:{a?}:{b?}:{c?}",
    "{a?}:{b?}:{c?}",
    "{a}:of:{b?}:{c?}",
    "a{a}-:-{b}/{c?}",
    "{a}|{b}x:x{c}end",
    "k:{a?}:of:{b?}:{c?}",
]


@given(st.sampled_from(SHAPES), st.tuples(part, part, part), st.tuples(part, part, part))
def test_equal_keys_mean_equal_arguments(
    shape: str, left: tuple[Any, ...], right: tuple[Any, ...]
) -> None:
    template = parse(lambda a, b, c: None, shape)
    keys = [template.render(dict(zip("abc", args, strict=True))) for args in (left, right)]
    assert (keys[0] == keys[1]) == ([*map(_typed, left)] == [*map(_typed, right)])
    assert all(template.pattern().matches(key) for key in keys)
    assert all(keys)


def _typed(value: object) -> tuple[type, object]:
    return (type(value), value)


def test_a_function_without_a_template_is_keyed_by_its_name_and_all_arguments() -> None:
    hints = typing.get_type_hints(listed)
    made = Template.derive("app.<locals>.listed", inspect.signature(listed), hints, what="f")
    assert (
        made.render({"mode": Mode.ALL, "page": 0, "user_id": None})
        == "app.-locals-.listed:all:0:~none"
    )


@pytest.mark.parametrize(
    ("template", "tag"),
    [
        ("characters", "characters"),
        ("mode:{mode}", "mode:all"),
        ("page:{page}", "page:0"),
        ("user:{user_id?}", "user"),
        ("user:{user_id}", "user:None"),
        ("{mode}{page}", "all0"),
    ],
)
def test_a_tag_may_name_some_arguments_or_none(template: str, tag: str) -> None:
    made = parse_tag(listed, template)
    assert tag == made.render({"mode": Mode.ALL, "page": 0, "user_id": None})


@given(st.text(min_size=1), st.integers())
def test_a_rendered_tag_is_the_one_written_by_hand(name: str, number: int) -> None:
    made = parse_tag(lambda name, number: None, "user:{name}:{number}")
    assert f"user:{name}:{number}" == made.render({"name": name, "number": number})


@pytest.mark.parametrize("hint", [float, bytes, Old, datetime, tuple[int, ...], Session, Filter])
def test_a_type_spelled_in_more_than_one_way_is_refused_in_a_tag(hint: Any) -> None:
    with pytest.raises(KeyTemplateError, match=r"fill\.tag"):
        Template.parse_tag("t:{x}", inspect.signature(lambda x: None), {"x": hint}, what="f")


def test_a_tag_template_names_only_arguments() -> None:
    with pytest.raises(KeyTemplateError, match="which is no argument"):
        parse_tag(listed, "user:{user}")
