"""Invented names and descriptions are many, various and well formed."""

import re

from gallery.data import grammar
from gallery.data.words import SPECIES


def test_ten_thousand_names_are_nearly_all_different() -> None:
    assert len(set(grammar.names(1, 10_000))) >= 9_900


def test_the_same_seed_gives_the_same_characters() -> None:
    assert grammar.characters(7, 50) == grammar.characters(7, 50)
    assert grammar.characters(7, 50) != grammar.characters(8, 50)


def test_more_characters_begin_with_the_same_ones() -> None:
    assert grammar.characters(7, 80)[:50] == grammar.characters(7, 50)


def test_names_are_pronounceable_and_short() -> None:
    for name in grammar.names(2, 5_000):
        assert re.fullmatch(r"[A-Z][a-z]+( of| the)? [A-Z][A-Za-z-]+", name), name
        assert len(name) <= 40
        assert not re.search(r"(.)\1\1", name.lower()), name


def test_descriptions_are_two_to_four_sentences_without_holes() -> None:
    for one in grammar.characters(3, 3_000):
        sentences = re.findall(r"[A-Z][^.]*\.", one.description)
        assert 2 <= len(sentences) <= 4, one.description
        assert "".join(sentences).replace(" ", "") == one.description.replace(" ", "")
        assert not re.search(r"[{}]|  | ,|\ba [aeio]", one.description), one.description


def test_attributes_and_tags_come_from_the_vocabulary() -> None:
    made = grammar.characters(4, 3_000)
    assert {one.attributes["species"] for one in made} == set(SPECIES)
    assert {tag for one in made for tag in one.tags} == set(grammar.TAGS)
    for one in made:
        assert 2 <= len(one.tags) <= 5
        assert one.tags == sorted(set(one.tags))
        assert 0 <= one.seed < 2**31
