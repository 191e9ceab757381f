"""What may be asked of a portrait; everything left out is for the seed to decide."""

from dataclasses import dataclass
from typing import Literal

Species = Literal[
    "human", "elf", "dwarf", "orc", "tiefling", "fey", "catfolk", "merfolk", "dragonkin", "undead"
]
Archetype = Literal[
    "ruler", "mage", "warrior", "rogue", "ranger", "noble", "priest", "bard", "pirate", "scholar"
]
Build = Literal["feminine", "masculine", "androgynous"]
Age = Literal["young", "adult", "old"]
Mood = Literal["serene", "smiling", "stern", "sad", "angry", "sly", "surprised"]
Time = Literal["dawn", "day", "dusk", "night"]
Setting = Literal[
    "mountains", "forest", "moon", "city", "sea", "aurora", "dungeon", "desert",
    "library", "snow", "crystals", "halo",
]  # fmt: skip
Hue = Literal[
    "black", "brown", "auburn", "red", "blond", "white", "grey", "blue", "green", "purple",
    "pink", "teal",
]  # fmt: skip
HairStyle = Literal[
    "curtain", "swept", "wavy", "bob", "fringe", "short", "tousled", "slick", "undercut", "mohawk",
    "curls", "braids", "topknot", "ponytail", "spiky", "mane", "locs", "buzz", "bald",
]  # fmt: skip
Headwear = Literal[
    "none", "crown", "tiara", "circlet", "hood", "hat", "helm", "wreath", "headband", "turban",
    "tricorn",
]  # fmt: skip
Beard = Literal["none", "stubble", "moustache", "goatee", "full", "long", "braided"]
Garment = Literal["robe", "plate", "leather", "coat", "fur", "tunic", "gown", "cloak"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A wish for a portrait. None leaves that part to the seed.

    `variation` stands for whatever a prompt says that the painter has no word
    for: another value gives another picture with the same traits.
    """

    species: Species | None = None
    archetype: Archetype | None = None
    build: Build | None = None
    age: Age | None = None
    mood: Mood | None = None
    time: Time | None = None
    setting: Setting | None = None
    hair: HairStyle | None = None
    hair_hue: Hue | None = None
    eye_hue: Hue | None = None
    cloth_hue: Hue | None = None
    headwear: Headwear | None = None
    beard: Beard | None = None
    garment: Garment | None = None
    horns: bool | None = None
    glasses: bool | None = None
    scar: bool | None = None
    jewels: bool | None = None
    eyepatch: bool | None = None
    markings: bool | None = None
    variation: int = 0
