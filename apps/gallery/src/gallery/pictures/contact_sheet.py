"""Many portraits on one page, for people to look at."""

from collections.abc import Sequence

import pyvips

from gallery.pictures.painter import paint
from gallery.pictures.traits import Traits


def contact_sheet(
    seeds: Sequence[int], *, across: int = 6, width: int = 320, traits: Traits | None = None
) -> bytes:
    """A PNG with one portrait for each seed, `across` in a row, each `width` px wide."""
    pictures = [
        pyvips.Image.svgload_buffer(paint(seed, traits).encode(), scale=width / 640).flatten()
        for seed in seeds
    ]
    return bytes(pyvips.Image.arrayjoin(pictures, across=across).pngsave_buffer(compression=6))
