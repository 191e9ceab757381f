"""Invents characters: names that sound like a people, and a few sentences of a life.

Everything comes from one `random.Random`, of which only `random()` is used, so the
same seed gives the same characters on every Python.
"""

import random
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from gallery.data import words as w

T = TypeVar("T")
Dice = Callable[[], float]  # a number in [0, 1)


class Weighted(Generic[T]):
    """Some values and how common each is; draws one."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._values = list(weights)
        self._bounds = list(accumulate(weights.values()))

    def __call__(self, dice: Dice) -> T:
        return self._values[bisect(self._bounds, dice() * self._bounds[-1])]


def pick(dice: Dice, values: Sequence[T]) -> T:
    return values[int(dice() * len(values))]


def pick_early(dice: Dice, values: Sequence[T]) -> T:
    """One of the values, the first ones much more often."""
    return values[int(dice() ** 2 * len(values))]


@dataclass(frozen=True, slots=True)
class Invented:
    """A character as the grammar tells it."""

    name: str
    description: str
    attributes: dict[str, str]
    tags: list[str]
    seed: int  # of its portrait, 0 … 2³¹ − 1


_SPECIES = Weighted(w.SPECIES)
_ARCHETYPE = Weighted(w.ARCHETYPES)
_MOOD = Weighted(w.MOODS)
_BUILD = Weighted(w.BUILDS)
_AGE = Weighted(w.AGES)
_ELEMENT = Weighted(w.ELEMENTS)
_PLACE = Weighted(w.PLACES)
_SOUNDS = {people: tuple(part.split() for part in parts) for people, parts in w.SOUNDS.items()}
_ARCHETYPE_TAGS = {name: tags.split() for name, tags in w.ARCHETYPE_TAGS.items()}
_SETTING_TAGS = {name: tags.split() for name, tags in w.SETTING_TAGS.items()}
_PRONOUNS = {
    "feminine": ("she", "her", "her"),
    "masculine": ("he", "him", "his"),
    "androgynous": ("they", "them", "their"),
}
TAGS = sorted(
    {
        *(tag for tags in _ARCHETYPE_TAGS.values() for tag in tags),
        *(tag for tags in _SETTING_TAGS.values() for tag in tags),
        *w.ELEMENTS,
        *w.FREE_TAGS,
    }
)
"""Every tag the grammar gives."""


def names(seed: int, count: int, people: str | None = None) -> list[str]:
    """`count` full names, of one people or of all as they are common."""
    dice = random.Random(seed).random
    return [name(dice, people or _SPECIES(dice), _BUILD(dice))[0] for _ in range(count)]


def characters(seed: int, count: int) -> list[Invented]:
    dice = random.Random(seed).random
    return [character(dice) for _ in range(count)]


def name(dice: Dice, people: str, build: str) -> tuple[str, str]:
    """A full name, and the given name in it."""
    heads, middles, feminine, masculine = _SOUNDS[people]
    if build == "androgynous":
        build = "feminine" if dice() < 0.5 else "masculine"
    tails = feminine if build == "feminine" else masculine
    middle = pick(dice, middles) if dice() < 0.55 else ""
    given = _euphonious(pick(dice, heads), middle, pick(dice, tails))
    kind = dice()
    if kind < 0.64:
        head, tail = pick(dice, w.BYNAME_HEADS), pick(dice, w.BYNAME_TAILS)
        while head.lower().endswith(tail) or head[-1] == tail[0]:
            tail = pick(dice, w.BYNAME_TAILS)
        return f"{given} {head}{tail}", given
    if kind < 0.84:
        return f"{given} of {pick(dice, w.REALMS)}", given
    return f"{given} the {pick(dice, w.EPITHETS)}", given


def _euphonious(*parts: str) -> str:
    """The parts run together without a vowel or a consonant three times in a row."""
    joined = parts[0]
    for part in parts[1:]:
        if part and joined[-1].lower() == part[0]:
            part = part[1:]
        if part and joined[-1] in "aeiouy" and part[0] in "aeiouy":
            joined = joined[:-1] if len(joined) > 2 else joined
        joined += part
    return joined


def character(dice: Dice) -> Invented:
    species, archetype, mood = _SPECIES(dice), _ARCHETYPE(dice), _MOOD(dice)
    build, age, element = _BUILD(dice), _AGE(dice), _ELEMENT(dice)
    time, setting = _PLACE(dice)
    full_name, given = name(dice, species, build)
    attributes = {
        "species": species,
        "archetype": archetype,
        "element": element,
        "mood": mood,
        "build": build,
        "age": age,
        "time": time,
        "setting": setting,
    }
    tags = {
        pick_early(dice, _ARCHETYPE_TAGS[archetype]),
        pick_early(dice, _SETTING_TAGS[setting]),
        pick_early(dice, w.FREE_TAGS),
    }
    if dice() < 0.5:
        tags.add(element)
    if dice() < 0.5:
        tags.add(pick_early(dice, w.FREE_TAGS))
    return Invented(
        name=full_name,
        description=_description(dice, given, attributes),
        attributes=attributes,
        tags=sorted(tags),
        seed=int(dice() * 2**31),
    )


def _description(dice: Dice, given: str, attributes: Mapping[str, str]) -> str:
    they, them, their = _PRONOUNS[attributes["build"]]
    origin = pick(dice, w.ORIGINS[attributes["setting"]]).format(realm=pick(dice, w.REALMS))
    calling = pick(dice, w.CALLINGS[attributes["archetype"]])
    species = attributes["species"]
    # Nobody is "a fey" or "an undead".
    folk = {"fey": "one of the fey", "merfolk": "born to the merfolk", "undead": "long dead"}
    who = folk.get(species, f"{'an' if species[0] in 'aeiou' else 'a'} {species}")
    archetype = attributes["archetype"]
    kind = dice()
    if kind < 0.34:
        told = [f"{given}, {who} from {origin}, {calling}."]
        if species == "undead":
            told = [f"{given}, {who} and still of {origin}, once {calling}."]
    elif kind < 0.67:
        told = [f"From {origin} came {given}, who {calling}."]
    else:
        told = [f"They say that {given} the {archetype} {calling}."]
        told.append(f"The story set out from {origin}.")
    belonging, aim = pick(dice, w.BELONGINGS), pick(dice, w.AIMS)
    if dice() < 0.5:
        told.append(f"Now {they} travelled with {belonging}, hoping {aim}.")
    else:
        told.append(f"{they.capitalize()} owned {belonging} and wanted only {aim}.")
    lines = []
    if len(told) == 2 or dice() < 0.4:
        lines.append(pick(dice, w.MOOD_LINES[attributes["mood"]]))
    if len(told) + len(lines) < 4 and dice() < 0.5:
        lines.append(pick(dice, w.ELEMENT_LINES[attributes["element"]]))
    for line in lines:
        told.append(
            line.format(
                they=they, them=them, their=their, They=they.capitalize(), Their=their.capitalize()
            )
        )
    return " ".join(told)
