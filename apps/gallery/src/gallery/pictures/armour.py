"""Plate and leather."""

import math

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.cloth import FLOOR, brooch, cloth, mantle, stand_collar, trim
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, circle, leaf, polygon


def plate(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """Breastplate, gorget and pauldrons."""
    n, s, shine = body.neck, body.shoulder, look.light
    steel = palette.cloth.mix(palette.key, 0.12) if dice.chance(0.35) else Colour(0.62, 0, -0.012)
    steel = steel.mix(palette.shade, palette.scheme.dim + 0.08).mix(palette.sky[1], 0.12)
    chest = mantle(body, neck_y=172, gap=n + 12, dip=30)
    sheet.shape(chest, palette.dark(steel, 0.8))
    plate_path = (
        f"M{at((-n - 40, 196))}"
        f"Q{at((0, 250), (n + 40, 196))}"
        f"L{at((s * 0.86, 260), (s * 0.8, FLOOR), (-s * 0.8, FLOOR), (-s * 0.86, 260))}Z"
    )
    sheet.shape(
        plate_path,
        sheet.linear(
            (shine * 150, 190),
            (-shine * 150, 300),
            (0.0, palette.bright(steel, 0.75)),
            (0.35, steel),
            (1.0, palette.dark(steel, 0.75)),
        ),
    )
    with sheet.within(plate_path):
        sheet.shape(
            polygon([(0, 220), (-shine * 200, 200), (-shine * 200, 420), (0, 420)]),
            palette.dark(steel, 0.8),
            opacity=0.45,
        )
        sheet.shape(
            leaf((shine * 54, 225), (shine * 70, 290), (shine * 40, 400), 9),
            "#ffffff",
            opacity=0.35,
        )
    trim(
        sheet,
        f"M{at((-n - 38, 200))}Q{at((0, 254), (n + 38, 200))}",
        palette.metal,
        5,
        palette.shade,
    )
    crest = dice.pick(("star", "gem", "wing", "none"))
    if crest == "gem":
        brooch(sheet, palette, 0, 276, 17)
    elif crest == "star":
        points = [
            (_radius(k) * math.sin(k * math.pi / 4), 280 - _radius(k) * math.cos(k * math.pi / 4))
            for k in range(8)
        ]
        sheet.shape(polygon(points), palette.metal)
    elif crest == "wing":
        for side in (-1, 1):
            for k in range(3):
                sheet.shape(
                    leaf(
                        (side * 5, 292 - k * 3),
                        (side * 32, 284 - k * 12),
                        (side * (62 - k * 10), 262 - k * 12),
                        5,
                    ),
                    palette.metal,
                )
    gorget = (
        f"M{at((-n - 6, 118))}Q{at((0, 156), (n + 6, 118))}L{at((n + 22, 182))}"
        f"Q{at((0, 246), (-n - 22, 182))}Z"
    )
    sheet.shape(gorget, palette.shade, opacity=0.4, move=(0, 8))
    sheet.shape(
        gorget,
        sheet.linear(
            (shine * 60, 0),
            (-shine * 60, 20),
            (0.0, palette.bright(steel, 0.6)),
            (0.5, steel),
            (1.0, palette.dark(steel, 0.7)),
        ),
    )
    trim(
        sheet, f"M{at((-n - 6, 119))}Q{at((0, 157), (n + 6, 119))}", palette.metal, 4, palette.shade
    )
    sheet.shape(
        f"M{at((0, 138), (0, 212))}", stroke=palette.dark(steel, 0.8), width=2.4, opacity=0.8
    )
    for side in (-1, 1):
        tone = steel if side == shine else palette.dark(steel, 0.45)
        for layer in (2, 1, 0):
            drop, wide = layer * 30, 26 - layer * 6
            outer, inner = side * (s + wide), side * s * 0.46
            pauldron = (
                f"M{at((inner, 190 + drop * 0.5))}"
                f"C{at((side * s * 0.60, 158 + drop), (side * s * 0.96, 158 + drop))} "
                f"{at((outer, 216 + drop))}"
                f"L{at((outer - side * 4, 240 + drop))}"
                f"C{at((side * s * 0.98, 218 + drop), (side * s * 0.70, 222 + drop))} "
                f"{at((inner + side * 10, 238 + drop * 0.8))}Z"
            )
            sheet.shape(pauldron, palette.shade, opacity=0.45, move=(0, 7))
            sheet.shape(
                pauldron,
                sheet.linear(
                    (0, 165 + drop),
                    (0, 240 + drop),
                    (0.0, palette.bright(tone, 0.7)),
                    (0.4, tone),
                    (1.0, palette.dark(tone, 0.8)),
                ),
            )
            sheet.shape(
                f"M{at((outer - side * 4, 240 + drop))}"
                f"C{at((side * s * 0.98, 218 + drop), (side * s * 0.70, 222 + drop))} "
                f"{at((inner + side * 10, 238 + drop * 0.8))}",
                stroke=palette.metal,
                width=3.2,
            )
        sheet.shape(circle(side * s * 0.62, 200, 6), palette.metal)


def _radius(corner: int) -> float:
    return 22.0 if corner % 2 == 0 else 7.0


def leather(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A shirt, a jerkin laced over it, and a strap."""
    n = body.neck
    hide = palette.cloth.mix(Colour(0.42, 0.04, 0.05), 0.55)
    shirt = mantle(body, neck_y=160, gap=n + 10, dip=62)
    cloth(sheet, palette, look, shirt, palette.lining, dice, folds=5)
    s = body.shoulder
    jerkin = (
        f"M{at((-n - 44, 178))}L{at((-14, 300), (-10, FLOOR), (-s - 30, FLOOR), (-s - 14, 240))}"
        f"C{at((-s * 0.9, 205), (-s * 0.6, 190), (-n - 44, 178))}Z"
        f"M{at((n + 44, 178))}L{at((14, 300), (10, FLOOR), (s + 30, FLOOR), (s + 14, 240))}"
        f"C{at((s * 0.9, 205), (s * 0.6, 190), (n + 44, 178))}Z"
    )
    sheet.shape(jerkin, palette.shade, opacity=0.4, move=(0, 6))
    cloth(sheet, palette, look, jerkin, hide, dice, folds=4)
    for side in (-1, 1):
        seam = f"M{at((side * (n + 40), 188), (side * 22, 302), (side * 18, 390))}"
        sheet.shape(seam, stroke=palette.bright(hide, 0.55), width=2.4, dash="7 6")
    laces = "".join(
        f"M{at((-17, y), (17, y + 17))}M{at((17, y), (-17, y + 17))}" for y in (300, 324, 348)
    )
    sheet.shape(laces, stroke=palette.bright(palette.lining, 0.3), width=3.4)
    side = look.light
    strap = polygon(
        [(side * (n + 62), 176), (side * (n + 94), 186), (-side * 96, 400), (-side * 136, 400)]
    )
    sheet.shape(strap, palette.shade, opacity=0.4, move=(0, 8))
    dark = palette.dark(hide, 0.65)
    sheet.shape(strap, dark)
    sheet.shape(
        f"M{at((side * (n + 67), 182), (-side * 128, 400))}"
        f"M{at((side * (n + 88), 188), (-side * 102, 400))}",
        stroke=palette.bright(hide, 0.3),
        width=1.8,
        dash="5 5",
    )
    with sheet.placed((side * (n - 8), 278), turn=side * 46):
        sheet.shape("M-22,-15H22V15H-22ZM-14,-8H14V8H-14Z", palette.metal)
        sheet.shape("M-2,-3H18V3H-2Z", palette.bright(palette.metal, 0.4))
    stand_collar(sheet, palette, look, body, hide)
