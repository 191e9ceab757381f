"""Cloth and its fittings: surfaces with folds, edges, collars, brooches."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, circle, leaf

FLOOR = 400.0  # below the lower edge of the picture


def mantle(body: Anatomy, *, neck_y: float, gap: float, puff: float = 0.0, dip: float = 0.0) -> str:
    """A garment's outline: open at the neck from ±`gap` at `neck_y` down to `dip` below it."""
    s = body.shoulder + 10 + puff
    return (
        f"M{at((-gap, neck_y))}"
        f"C{at((-gap - 30, neck_y + 22), (-s * 0.72, 184 - puff), (-s, 236 - puff * 0.4))}"
        f"C{at((-s - 16, 262), (-s - 26, 330), (-s - 34, FLOOR))}L{at((s + 34, FLOOR))}"
        f"C{at((s + 26, 330), (s + 16, 262), (s, 236 - puff * 0.4))}"
        f"C{at((s * 0.72, 184 - puff), (gap + 30, neck_y + 22), (gap, neck_y))}"
        f"C{at((gap * 0.7, neck_y + dip * 0.8), (gap * 0.3, neck_y + dip), (0, neck_y + dip))}"
        f"C{at((-gap * 0.3, neck_y + dip), (-gap * 0.7, neck_y + dip * 0.8), (-gap, neck_y))}Z"
    )


def cloth(
    sheet: Sheet,
    palette: Palette,
    look: Look,
    path: str,
    tone: Colour,
    dice: Dice,
    *,
    folds: int = 7,
) -> None:
    """A cloth surface: light from one side, folds, and darkness towards the floor."""
    shine = look.light
    sheet.shape(
        path,
        sheet.linear(
            (shine * 200, 150),
            (-shine * 200, 330),
            (0.0, palette.bright(tone, 0.35)),
            (0.4, tone),
            (1.0, palette.dark(tone, 0.6)),
        ),
    )
    with sheet.within(path):
        for fold in range(folds):
            x = -220 + 440 * (fold + dice.between(0.2, 0.8)) / folds
            start = (x * 0.55, 175 + abs(x) * 0.2)
            dark = palette.dark(tone, 0.55) if fold % 2 else palette.bright(tone, 0.3)
            sheet.shape(
                leaf(start, (x * 0.8, 280), (x * 1.15, 420), dice.between(5, 13)), dark, opacity=0.5
            )
        floor = sheet.linear(
            (0, 220), (0, 360), (0.0, palette.shade, 0.0), (1.0, palette.shade, 0.4)
        )
        sheet.shape(f"M-400,200H400V{FLOOR:.0f}H-400Z", floor)


def trim(sheet: Sheet, path: str, tone: Colour, width: float, under: Colour) -> None:
    sheet.shape(path, stroke=under, width=width + 4, opacity=0.55)
    sheet.shape(path, stroke=tone, width=width)


def brooch(sheet: Sheet, palette: Palette, x: float, y: float, size: float) -> None:
    metal = palette.metal
    sheet.shape(circle(x, y + 2, size + 1), palette.shade, opacity=0.5)
    sheet.shape(
        circle(x, y, size),
        sheet.linear(
            (x - size, y - size),
            (x + size, y + size),
            (0.0, palette.bright(metal, 0.6)),
            (1.0, palette.dark(metal, 0.5)),
        ),
    )
    sheet.shape(circle(x, y, size * 0.62), palette.gem.lit(-0.12))
    sheet.shape(circle(x, y - size * 0.08, size * 0.5), palette.gem)
    sheet.shape(circle(x - size * 0.18, y - size * 0.22, size * 0.16), "#ffffff", opacity=0.85)


def stand_collar(
    sheet: Sheet, palette: Palette, look: Look, body: Anatomy, tone: Colour, tall: float = 46
) -> None:
    """Two leaves of a collar that stand up beside the neck."""
    n = body.neck
    for side in (-1, 1):
        lit = palette.bright(tone, 0.3) if side == look.light else palette.dark(tone, 0.45)
        path = (
            f"M{at((side * (n + 4), 168 - tall))}"
            f"C{at((side * (n + 18), 164 - tall), (side * (n + 42), 158), (side * (n + 60), 184))}"
            f"L{at((side * 20, 240))}"
            f"C{at((side * (n - 8), 206), (side * (n + 2), 176), (side * (n + 4), 168 - tall))}Z"
        )
        sheet.shape(path, palette.shade, opacity=0.45, move=(0, 7))
        sheet.shape(path, lit)
        sheet.shape(
            f"M{at((side * (n + 4), 168 - tall))}"
            f"C{at((side * (n + 2), 176), (side * (n - 8), 206), (side * 20, 240))}",
            stroke=palette.bright(lit, 0.4),
            width=2.5,
        )
