"""How a character looks: wishes and dice settled into one consistent whole."""

from dataclasses import dataclass

from gallery.pictures.dice import Dice, T
from gallery.pictures.traits import (
    Age,
    Archetype,
    Beard,
    Build,
    Garment,
    HairStyle,
    Headwear,
    Hue,
    Mood,
    Setting,
    Species,
    Time,
    Traits,
)


@dataclass(frozen=True, slots=True)
class Look:
    """Everything the painter needs decided before the first stroke."""

    species: Species
    archetype: Archetype
    build: Build
    age: Age
    mood: Mood
    time: Time
    setting: Setting
    hair: HairStyle
    hair_hue: Hue
    eye_hue: Hue
    cloth_hue: Hue | None
    headwear: Headwear
    beard: Beard
    garment: Garment
    horns: bool
    glasses: bool
    scar: bool
    jewels: bool
    eyepatch: bool
    markings: bool
    light: int  # the side light comes from: 1 right, -1 left


SPECIES: dict[Species, float] = {
    "human": 34, "elf": 17, "dwarf": 7, "orc": 6, "tiefling": 9, "fey": 7, "catfolk": 6,
    "merfolk": 5, "dragonkin": 4, "undead": 4,
}  # fmt: skip

ARCHETYPES: dict[Archetype, float] = {
    "ruler": 9, "mage": 14, "warrior": 15, "rogue": 13, "ranger": 13, "noble": 10, "priest": 7,
    "bard": 8, "pirate": 5, "scholar": 6,
}  # fmt: skip

AGES: dict[Age, float] = {"young": 4, "adult": 5, "old": 1.3}

MOODS: dict[Mood, float] = {
    "serene": 30, "smiling": 22, "stern": 18, "sly": 14, "sad": 6, "angry": 5, "surprised": 3,
}  # fmt: skip

TIMES: dict[Time, float] = {"dawn": 18, "day": 28, "dusk": 26, "night": 28}

SETTINGS: dict[Time, dict[Setting, float]] = {
    "dawn": {"mountains": 5, "forest": 4, "sea": 4, "snow": 3, "halo": 3, "city": 3, "desert": 3},
    "day": {"mountains": 4, "forest": 5, "sea": 4, "desert": 4, "snow": 3, "halo": 4, "city": 3,
            "library": 2},
    "dusk": {"mountains": 4, "forest": 3, "sea": 4, "desert": 3, "city": 4, "halo": 3,
             "library": 3, "dungeon": 2},
    "night": {"moon": 5, "aurora": 5, "forest": 3, "city": 4, "dungeon": 3, "crystals": 4,
              "library": 2, "snow": 2, "sea": 2, "mountains": 2},
}  # fmt: skip

# Where a place without a time of day is at home.
AT_HOME: dict[Setting, Time] = {
    "moon": "night", "aurora": "night", "dungeon": "night", "crystals": "night",
}  # fmt: skip

HEADWEAR: dict[Archetype, dict[Headwear, float]] = {
    "ruler": {"crown": 6, "tiara": 3, "circlet": 1},
    "mage": {"none": 5, "hat": 2, "hood": 3, "circlet": 2},
    "warrior": {"none": 5, "helm": 4, "headband": 2},
    "rogue": {"none": 4, "hood": 5, "headband": 1},
    "ranger": {"none": 5, "hood": 3, "headband": 2, "wreath": 1},
    "noble": {"none": 5, "tiara": 2, "circlet": 2},
    "priest": {"none": 3, "hood": 2, "circlet": 2, "wreath": 2},
    "bard": {"none": 5, "wreath": 3, "headband": 1, "turban": 1},
    "pirate": {"tricorn": 4, "headband": 2, "turban": 1, "none": 1},
    "scholar": {"none": 6, "turban": 2},
}

GARMENTS: dict[Archetype, dict[Garment, float]] = {
    "ruler": {"coat": 3, "fur": 4, "gown": 3, "plate": 2},
    "mage": {"robe": 6, "cloak": 3, "coat": 1},
    "warrior": {"plate": 6, "leather": 2, "fur": 1},
    "rogue": {"leather": 4, "cloak": 4, "tunic": 1},
    "ranger": {"leather": 3, "cloak": 4, "tunic": 3, "fur": 1},
    "noble": {"coat": 4, "gown": 4, "fur": 1},
    "priest": {"robe": 5, "gown": 1, "cloak": 1},
    "bard": {"tunic": 4, "coat": 2, "cloak": 1},
    "pirate": {"coat": 4, "tunic": 3, "leather": 1},
    "scholar": {"robe": 4, "coat": 3, "tunic": 2},
}

FEMININE_HAIR: dict[HairStyle, float] = {
    "curtain": 6, "swept": 6, "wavy": 6, "bob": 5, "fringe": 5, "braids": 5, "topknot": 3,
    "ponytail": 4, "curls": 4, "mane": 2, "locs": 2, "undercut": 2, "tousled": 2, "short": 1,
}  # fmt: skip
MASCULINE_HAIR: dict[HairStyle, float] = {
    "short": 6, "tousled": 6, "slick": 4, "undercut": 4, "swept": 3, "curtain": 3, "spiky": 3,
    "mohawk": 2, "topknot": 2, "buzz": 2, "bald": 2, "mane": 3, "locs": 3, "curls": 2, "wavy": 1,
    "ponytail": 1,
}  # fmt: skip

HAIR_HUES: dict[Species, dict[Hue, float]] = {
    "human": {"black": 6, "brown": 7, "auburn": 4, "red": 3, "blond": 4, "white": 1},
    "elf": {"blond": 5, "white": 4, "black": 3, "auburn": 3, "teal": 1, "green": 1, "brown": 2},
    "dwarf": {"red": 5, "auburn": 4, "brown": 4, "blond": 2, "grey": 2, "black": 2},
    "orc": {"black": 6, "brown": 3, "grey": 1, "red": 1},
    "tiefling": {"black": 5, "purple": 3, "white": 3, "red": 2, "blue": 2, "pink": 1},
    "fey": {"pink": 4, "teal": 3, "green": 3, "purple": 3, "white": 2, "blond": 2, "red": 1},
    "catfolk": {"black": 3, "auburn": 4, "white": 3, "brown": 3, "grey": 2},
    "merfolk": {"teal": 4, "blue": 4, "green": 3, "purple": 2, "white": 2, "red": 2},
    "dragonkin": {"black": 3, "red": 3, "white": 3, "auburn": 1, "blue": 1},
    "undead": {"white": 4, "black": 4, "grey": 4, "green": 1},
}

BEARDED: dict[Species, float] = {"dwarf": 0.95, "human": 0.55, "orc": 0.3, "undead": 0.15}


def settle(traits: Traits, seed: int) -> Look:
    """The look that a seed gives to a wish; equal arguments give an equal look."""

    def dice(part: str) -> Dice:
        return Dice(seed, f"look-{part}-{traits.variation}")

    species = _wish(traits.species, dice("species"), SPECIES)
    archetype = _wish(traits.archetype, dice("archetype"), ARCHETYPES)
    build = _wish(traits.build, dice("build"), _builds(traits, species))
    age = _wish(traits.age, dice("age"), AGES)
    at_home = AT_HOME.get(traits.setting) if traits.setting else None
    time = _wish(traits.time or at_home, dice("time"), TIMES)
    setting = _wish(traits.setting, dice("setting"), SETTINGS[time])
    hair = _wish(traits.hair, dice("hair"), _hair(build, age))
    headwear = _wish(traits.headwear, dice("headwear"), _headwear(archetype, build, traits))
    beard = traits.beard or _beard(dice("beard"), species, build, age)
    extras = dice("extras")
    rolls = [extras.between(0, 1) for _ in range(6)]
    scholarly = archetype in ("scholar", "mage") or age == "old"
    fighting = archetype in ("warrior", "rogue", "pirate")
    return Look(
        species=species,
        archetype=archetype,
        build=build,
        age=age,
        mood=_wish(traits.mood, dice("mood"), MOODS),
        time=time,
        setting=setting,
        hair=hair,
        hair_hue=traits.hair_hue or _hair_hue(dice("hair-hue"), species, age),
        eye_hue=traits.eye_hue or _eye_hue(dice("eye-hue"), species),
        cloth_hue=traits.cloth_hue,
        headwear=headwear,
        beard=beard,
        garment=_wish(traits.garment, dice("garment"), _garments(archetype, build)),
        horns=_either(traits.horns, species == "tiefling" or rolls[0] < _horned(species)),
        glasses=_either(traits.glasses, rolls[1] < (0.28 if scholarly else 0.03)),
        scar=_either(traits.scar, rolls[2] < (0.3 if fighting else 0.04)),
        jewels=_either(traits.jewels, rolls[3] < (0.55 if build == "feminine" else 0.2)),
        eyepatch=_either(traits.eyepatch, rolls[4] < (0.25 if archetype == "pirate" else 0.01)),
        markings=_either(traits.markings, rolls[5] < _marked(species, archetype)),
        light=dice("light").side(),
    )


def _wish(wish: T | None, dice: Dice, weights: dict[T, float]) -> T:
    return dice.weigh(weights) if wish is None else wish


def _either(wish: bool | None, roll: bool) -> bool:
    return roll if wish is None else wish


def _builds(traits: Traits, species: Species) -> dict[Build, float]:
    if traits.beard not in (None, "none"):
        return {"masculine": 1}
    if species in ("dwarf", "orc"):
        return {"masculine": 6, "feminine": 4}
    return {"feminine": 52, "masculine": 40, "androgynous": 8}


def _hair(build: Build, age: Age) -> dict[HairStyle, float]:
    if build == "feminine":
        return FEMININE_HAIR
    if build == "masculine":
        return {**MASCULINE_HAIR, "bald": 8} if age == "old" else MASCULINE_HAIR
    shared = FEMININE_HAIR.keys() & MASCULINE_HAIR.keys()
    return {style: 1 for style in FEMININE_HAIR if style in shared}


def _headwear(archetype: Archetype, build: Build, traits: Traits) -> dict[Headwear, float]:
    weights = dict(HEADWEAR[archetype])
    if build == "masculine":
        weights.pop("tiara", None)
    if traits.hair is not None or traits.horns:
        # Whoever asks for hair or horns wants to see them.
        hiding: tuple[Headwear, ...] = ("hood", "hat", "helm", "turban", "tricorn")
        weights = {kind: weight for kind, weight in weights.items() if kind not in hiding}
    return weights or {"none": 1}


def _garments(archetype: Archetype, build: Build) -> dict[Garment, float]:
    weights = dict(GARMENTS[archetype])
    if build == "masculine":
        weights.pop("gown", None)
    return weights


def _beard(dice: Dice, species: Species, build: Build, age: Age) -> Beard:
    bearded = BEARDED.get(species, 0.12)
    if build != "masculine" or not dice.chance(bearded * (0.45 if age == "young" else 1.0)):
        return "none"
    if species == "dwarf":
        return dice.weigh({"long": 4, "braided": 5, "full": 2})
    if age == "old":
        return dice.weigh({"long": 4, "full": 4, "goatee": 1, "moustache": 1})
    return dice.weigh({"stubble": 4, "full": 4, "goatee": 3, "moustache": 2, "long": 0.6})


def _hair_hue(dice: Dice, species: Species, age: Age) -> Hue:
    if age == "old" and dice.chance(0.85):
        return dice.weigh({"white": 5, "grey": 5})
    return dice.weigh(HAIR_HUES[species])


def _eye_hue(dice: Dice, species: Species) -> Hue:
    if species in ("tiefling", "dragonkin", "undead", "fey", "catfolk"):
        return dice.weigh({"blond": 4, "red": 2, "purple": 2, "teal": 2, "green": 3, "white": 1})
    return dice.weigh({"brown": 5, "blue": 4, "green": 4, "grey": 2, "teal": 1, "auburn": 2})


def _horned(species: Species) -> float:
    return {"dragonkin": 0.9, "fey": 0.35, "orc": 0.05}.get(species, 0.0)


def _marked(species: Species, archetype: Archetype) -> float:
    if species in ("fey", "merfolk", "dragonkin"):
        return 0.7
    return 0.3 if archetype in ("ranger", "mage", "priest") else 0.1
