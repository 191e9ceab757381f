"""The colours that stand for a portrait are its own."""

import re

import pyvips

from gallery.pictures.painter import paint
from gallery.pictures.tones import tones
from gallery.pictures.traits import Traits


def test_tones_are_four_colours_and_the_same_each_time():
    found = tones(7, Traits(species="orc"))
    assert all(re.fullmatch(r"[0-9a-f]{6}", each) for each in found)
    assert found == tones(7, Traits(species="orc"))
    assert found != tones(8, Traits(species="orc"))


def test_skin_is_where_the_face_is():
    """What is shown before the picture differs little from it there."""
    near = 0
    for seed in range(20):
        traits = Traits(headwear="none", beard="none", markings=False)
        image = pyvips.Image.svgload_buffer(paint(seed, traits).encode(), scale=0.1).flatten()
        painted = image.extract_area(29, 36, 6, 3).resize(1 / 3)(0, 0)[:3]  # a cheek
        skin = tones(seed, traits)[2]
        told = [int(skin[i : i + 2], 16) for i in (0, 2, 4)]
        near += max(abs(a - b) for a, b in zip(painted, told, strict=True)) < 70
    assert near >= 16
