"""Names in a store: namespace, readable or digested key, fingerprint; and globs over keys."""

import fnmatch
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwarm.core.globs import Glob, escape
from keepwarm.core.keys import check_key, check_namespace, check_tag, encode_part, physical
from keepwarm.core.parts import safe_text
from keepwarm.errors import ConfigurationError, KeyArgumentError

anything = st.text(st.characters(), min_size=1)
namespaces = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=64)


@pytest.mark.parametrize("namespace", ["gallery", "a", "A.b-c_1", "x" * 64])
def test_a_namespace_is_a_plain_word(namespace: str) -> None:
    assert namespace == check_namespace(namespace)


@pytest.mark.parametrize(
    "namespace", ["", "a:b", "{a}", "a b", "ä", "a\n", "x" * 65, "a*", "a@b", None, b"a", 5]
)
def test_anything_else_is_no_namespace(namespace: object) -> None:
    with pytest.raises(ConfigurationError, match="namespace="):
        check_namespace(namespace)


@pytest.mark.parametrize("check", [check_key, check_tag])
def test_a_key_or_tag_written_by_hand_is_any_text_but_the_empty(check: object) -> None:
    assert callable(check)
    assert check("user:{*}\0\ud800") == "user:{*}\0\ud800"
    for bad in ("", None, 5, b"key"):
        with pytest.raises(KeyArgumentError):
            check(bad)


def test_an_ordinary_name_reads_as_written() -> None:
    assert (
        physical("gallery", "characters:list:all:0:7", "1f2e3d4c")
        == "gallery:characters:list:all:0:7@1f2e3d4c"
    )


def test_a_long_key_is_cut_and_digested() -> None:
    name = physical("gallery", "characters:list:" + "x" * 500, "1f2e3d4c")
    assert re.fullmatch(r"gallery:characters:list:x{104}!h\.[0-9a-f]{40}@1f2e3d4c", name)


def test_a_megabyte_key_has_a_short_name_of_its_own() -> None:
    key = "x" * 2**20
    names = {physical("g", key + end, "f") for end in ("", "x", "y")}
    assert len(names) == 3
    assert max(map(len, names)) < 200


def test_a_short_key_cannot_be_written_to_look_digested() -> None:
    long_key = "x" * 300
    digested = physical("g", long_key, "f").removeprefix("g:").removesuffix("@f")
    assert physical("g", digested, "f") != physical("g", long_key, "f")


@given(
    st.tuples(namespaces, anything, st.sampled_from(["1f2e3d4c", "00000000"])),
    st.tuples(namespaces, anything, st.sampled_from(["1f2e3d4c", "00000000"])),
)
def test_names_are_equal_only_for_equal_entries(
    left: tuple[str, str, str], right: tuple[str, str, str]
) -> None:
    assert (physical(*left) == physical(*right)) == (left == right)


@given(namespaces, anything)
def test_a_name_is_printable_bounded_and_never_a_name_of_metadata(ns: str, logical: str) -> None:
    name = physical(ns, logical, "1f2e3d4c")
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set("{}*?[]\\ \"'")
    assert not name.startswith("{")
    assert len(name) <= 64 + 1 + 200 + 9


@given(st.lists(st.text(st.characters(), max_size=5), min_size=2, max_size=2, unique=True))
def test_escaping_a_key_written_by_hand_loses_nothing(texts: list[str]) -> None:
    assert safe_text(texts[0]) != safe_text(texts[1])
    assert safe_text(texts[0] + texts[1]) == safe_text(texts[0]) + safe_text(texts[1])


# --- globs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("characters:list:*", ["characters:list:", "characters:list:all:0"], ["characters:lis"]),
        ("a:?:c", ["a:b:c", "a:::c"], ["a::c", "a:bb:c"]),
        ("a", ["a"], ["aa", "b", "A", "a\n"]),
        ("*", ["", "a", "a\nb"], []),
        ("*a*b*", ["ab", "xaxbx", "aab"], ["ba"]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("a*?", ["ab", "abc", "a\n"], ["a"]),
        ("*.+(a|b)$", ["x.+(a|b)$"], ["xa"]),
        ("a**b", ["ab", "axb"], ["a"]),
    ],
)
def test_a_glob_matches_whole_keys(pattern: str, matching: list[str], other: list[str]) -> None:
    glob = Glob(pattern)
    assert all(glob.matches(key) for key in matching)
    assert not any(glob.matches(key) for key in other)


@pytest.mark.parametrize("pattern", ["", "a[b]", "a[", "]", "a\\*", "x" * 1025])
def test_a_pattern_that_means_something_else_elsewhere_is_refused(pattern: str) -> None:
    with pytest.raises(KeyArgumentError, match="pattern"):
        Glob(pattern)


@given(st.text("ab:*?", min_size=1, max_size=12), st.text("ab:", max_size=12))
def test_globs_agree_with_the_shells(pattern: str, text: str) -> None:
    assert fnmatch.fnmatchcase(text, pattern) == Glob(pattern).matches(text)


def test_a_hostile_pattern_and_key_take_no_time() -> None:
    """Backtracking would take longer than the universe has."""
    assert not Glob("*a" * 500 + "b").matches("a" * 100_000)


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20))
def test_an_escaped_value_in_a_pattern_matches_only_itself(wanted: str, other: str) -> None:
    glob = Glob(f"user:{escape(wanted)}:*")
    assert glob.matches(f"user:{encode_part(wanted)}:x")
    assert (wanted == other) == glob.matches(f"user:{encode_part(other)}:x")


def _redis_match(pattern: str, name: str) -> bool:
    """Redis's own rules, for the patterns that can occur: no classes, no escapes."""
    assert not set(pattern) & set("[]\\")
    return fnmatch.fnmatchcase(name, pattern)


@given(st.text("ab:*?é! \0%~h.@", min_size=1, max_size=10), st.text("ab:é! *?\0%~h.@", min_size=1))
def test_the_servers_pattern_misses_nothing_that_is_readable(pattern: str, logical: str) -> None:
    glob = Glob(pattern)
    name = physical("ns", logical, "1f2e3d4c")
    if glob.matches(logical) and "!h." not in name:
        assert _redis_match(glob.redis("ns"), name)


def test_the_servers_pattern_stays_in_its_namespace() -> None:
    assert Glob("*").redis("ns") == "ns:*@*"
    assert not _redis_match(Glob("*").redis("ns"), "ns2:a@f")
