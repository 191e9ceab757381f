"""Neck, shoulders and what they wear."""

from collections.abc import Callable

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.armour import leather, plate
from gallery.pictures.cloth import FLOOR
from gallery.pictures.dice import Dice
from gallery.pictures.garments import cloak, coat, fur, gown, robe, tunic
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, leaf
from gallery.pictures.traits import Garment


def neck(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    """Bare neck and shoulders, with the shadow the head throws on them."""
    n, shine = body.neck, look.light
    path = (
        f"M{at((-n, 60))}C{at((-n, 120), (-n - 2, 146), (-n - 18, 166))}"
        f"C{at((-n - 50, 192), (-body.shoulder * 0.8, 196), (-body.shoulder, 246))}"
        f"L{at((-body.shoulder, FLOOR), (body.shoulder, FLOOR))}"
        f"L{at((body.shoulder, 246))}"
        f"C{at((body.shoulder * 0.8, 196), (n + 50, 192), (n + 18, 166))}"
        f"C{at((n + 2, 146), (n, 120), (n, 60))}Z"
    )
    paint = sheet.linear(
        (shine * body.shoulder * 0.6, 0),
        (-shine * body.shoulder * 0.6, 60),
        (0.0, palette.skin),
        (0.5, palette.skin.mix(palette.skin_dark, 0.35)),
        (1.0, palette.skin_dark),
    )
    sheet.shape(path, paint)
    with sheet.within(path):
        sheet.shape(
            body.outline, palette.skin_deep, opacity=0.8, move=(-shine * 12 + body.turn, 30)
        )
        sheet.shape(
            f"M{at((-n - 60, 205))}Q{at((-n * 0.4, 196), (-7, 214))}M{at((n + 60, 205))}"
            f"Q{at((n * 0.4, 196), (7, 214))}",
            stroke=palette.skin_dark,
            width=5,
            opacity=0.8,
        )
        for side in (-1, 1):
            sheet.shape(
                leaf((side * (n - 8), 110), (side * n * 0.6, 165), (side * 9, 208), 5),
                palette.skin_dark,
                opacity=0.7,
            )
        sheet.shape(f"M{at((0, 207))}q-7,10 0,18q7,-8 0,-18Z", palette.skin_dark, opacity=0.6)


def clothes(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """The garment over the shoulders, down to the picture's lower edge."""
    GARMENTS[look.garment](sheet, palette, look, body, Dice(seed, "garment"))


Draw = Callable[[Sheet, Palette, Look, Anatomy, Dice], None]
GARMENTS: dict[Garment, Draw] = {
    "robe": robe,
    "plate": plate,
    "leather": leather,
    "coat": coat,
    "fur": fur,
    "tunic": tunic,
    "gown": gown,
    "cloak": cloak,
}
