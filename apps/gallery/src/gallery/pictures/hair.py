"""Hair: each style is a mass behind the head, a mass before it, and locks that catch light."""

from collections.abc import Callable

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.dice import Dice
from gallery.pictures.hair_long import bob, curls, curtain, fringe, locs, mane, swept, wavy
from gallery.pictures.hair_short import (
    bald,
    braids,
    buzz,
    mohawk,
    ponytail,
    short,
    slick,
    spiky,
    topknot,
    tousled,
    undercut,
)
from gallery.pictures.strands import Hair
from gallery.pictures.traits import HairStyle


def dress(style: HairStyle, body: Anatomy, seed: int) -> Hair:
    """The paths of a style on a head."""
    hair = Hair()
    STYLES[style](hair, body, Dice(seed, f"hair-{style}"))
    return hair


STYLES: dict[HairStyle, Callable[[Hair, Anatomy, Dice], None]] = {
    "curtain": curtain,
    "swept": swept,
    "wavy": wavy,
    "bob": bob,
    "fringe": fringe,
    "short": short,
    "tousled": tousled,
    "slick": slick,
    "undercut": undercut,
    "mohawk": mohawk,
    "curls": curls,
    "braids": braids,
    "topknot": topknot,
    "ponytail": ponytail,
    "spiky": spiky,
    "mane": mane,
    "locs": locs,
    "buzz": buzz,
    "bald": bald,
}
