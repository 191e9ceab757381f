"""The few colours that stand for a portrait before it has been painted or fetched."""

from __future__ import annotations

from gallery.pictures.look import settle
from gallery.pictures.palette import choose
from gallery.pictures.traits import Traits

Tones = tuple[str, str, str, str]


def tones(seed: int, traits: Traits | None = None) -> Tones:
    """Backdrop, hair, skin and cloth of the portrait of `seed`, each as `rrggbb`.

    Mixed, not painted: a fraction of a millisecond where a picture takes tens.
    """
    traits = traits or Traits()
    palette = choose(
        settle(traits, seed), seed if not traits.variation else seed ^ (traits.variation << 1)
    )
    backdrop = palette.sky[1].mix(palette.land[1], 0.35)
    return (
        backdrop.hex.removeprefix("#"),
        palette.hair.hex.removeprefix("#"),
        palette.skin.hex.removeprefix("#"),
        palette.cloth.hex.removeprefix("#"),
    )
