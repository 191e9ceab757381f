"""Text is compared in one normal form, and searched literally."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.data.text import like_pattern, normalise, storable
from gallery.data.values import Filters


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_composed_and_decomposed_text_are_the_same(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    assert normalise(decomposed) == normalise(unicodedata.normalize("NFC", text))


@given(st.text())
def test_what_is_storable_has_no_control_characters_and_can_be_encoded(text: str) -> None:
    stored = storable(text)
    stored.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", stored)


@pytest.mark.parametrize(
    "word, pattern",
    [("ash", "%ash%"), ("50%", r"%50\%%"), ("a_b", r"%a\_b%"), ("c\\d", r"%c\\d%")],
)
def test_wildcards_in_a_word_are_literal(word: str, pattern: str) -> None:
    assert like_pattern(word) == pattern


def test_equal_filters_are_equal_values() -> None:
    """Case, spacing, order and repetition of words make no second cache key."""
    one = Filters(q="  Ash ÉLAN ash", species="Elf", tag=" MAGIC ")
    other = Filters(q="e\u0301lan ash", species="elf", tag="magic")
    assert one == other
    assert hash(one) == hash(other)


def test_empty_filters_are_no_filters() -> None:
    assert Filters(q="  ", species="", tag="\x00") == Filters()
    assert not Filters()
    assert Filters(q="a")


def test_long_searches_are_cut() -> None:
    assert len(Filters(q="x" * 10_000).q or "") == 100
