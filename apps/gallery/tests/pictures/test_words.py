"""Prompts become traits: by words, by coloured nouns, by what is denied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.pictures.painter import paint
from gallery.pictures.traits import Traits
from gallery.pictures.words import traits_from_prompt


@pytest.mark.parametrize(
    ("prompt", "traits"),
    [
        ("", Traits()),
        ("an elf", Traits(species="elf")),
        ("Elf, at NIGHT; in a forest!", Traits(species="elf", time="night", setting="forest")),
        ("a queen", Traits(archetype="ruler", build="feminine")),
        ("old and smiling", Traits(age="old", mood="smiling")),
        ("red hair", Traits(hair_hue="red")),
        ("long red hair", Traits(hair_hue="red")),
        ("red hood", Traits(headwear="hood", cloth_hue="red")),
        ("red-haired, green-eyed", Traits(hair_hue="red", eye_hue="green")),
        ("black hair and blue eyes", Traits(hair_hue="black", eye_hue="blue")),
        ("a dwarf with a braided beard", Traits(species="dwarf", beard="braided")),
        ("no beard", Traits(beard="none")),
        ("a knight without a helmet", Traits(archetype="warrior", headwear="none")),
        ("without hair", Traits(hair="bald")),
        ("élf", Traits(species="elf")),
    ],
)
def test_words_ask_for_traits(prompt: str, traits: Traits) -> None:
    assert traits == traits_from_prompt(prompt, 1)


def test_contradictions_are_settled_by_the_seed() -> None:
    chosen = {traits_from_prompt("an elf or an orc", seed).species for seed in range(40)}
    assert {"elf", "orc"} == chosen
    first = traits_from_prompt("an elf or an orc", 3)
    assert first == traits_from_prompt("an elf or an orc", 3)


def test_unknown_words_still_change_the_picture() -> None:
    one, other = traits_from_prompt("an elf zorblax", 1), traits_from_prompt("an elf quuxly", 1)
    assert one.species == other.species == "elf"
    assert one.variation != other.variation
    assert paint(1, one) != paint(1, other)


@given(st.text(max_size=200), st.integers())
def test_any_prompt_is_understood_somehow_and_never_painted_as_text(prompt: str, seed: int) -> None:
    traits = traits_from_prompt(prompt, seed)
    assert traits == traits_from_prompt(prompt, seed)


def test_markup_in_a_prompt_stays_out_of_the_picture() -> None:
    traits = traits_from_prompt('<script>alert("elf")</script> xlink:href="file:///etc"', 1)
    svg = paint(1, traits)
    assert traits.species == "elf"
    assert "script" not in svg
    assert "etc" not in svg
