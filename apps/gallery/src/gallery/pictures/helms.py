"""Helms, in head space."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.crowns import jewel, sheen
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, circle, leaf, polygon


def helm(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, shine = body.width + 9, body.top + 20, look.light
    steel = (
        Colour(0.66, 0, -0.012)
        .mix(palette.shade, palette.scheme.dim + 0.06)
        .mix(palette.cloth, 0.1)
    )
    dome = (
        f"M{at((-w, 10))}"
        f"C{at((-w - 4, -60), (-w * 0.86, -top), (0, -top - 4))}"
        f"C{at((w * 0.86, -top), (w + 4, -60), (w, 10))}"
        f"L{at((w + 2, 74))}C{at((w - 4, 88), (body.jaw + 8, 92), (body.jaw - 6, 98))}"
        f"C{at((w - 18, 60), (w - 16, 20), (w - 14, -14))}Q{at((w * 0.66, -60), (0, -56))}"
        f"Q{at((-w * 0.66, -60), (-w + 14, -14))}"
        f"C{at((-w + 16, 20), (-w + 18, 60), (-body.jaw + 6, 98))}"
        f"C{at((-body.jaw - 8, 92), (-w + 4, 88), (-w - 2, 74))}Z"
    )
    crest = dice.pick(("plume", "wings", "ridge", "ridge"))
    if crest == "plume":
        tone = palette.cloth.vivid(1.15)
        for k in range(8):
            end = (-shine * (40 + k * 19), -top - 52 + k * 20 + dice.centred(8))
            sheet.shape(
                leaf((0, -top + 4), (-shine * (6 + k * 14), -top - 76 + k * 9), end, 16, root=10),
                palette.bright(tone, 0.4) if k % 2 else palette.dark(tone, 0.25),
            )
    with sheet.within(body.outline):
        sheet.shape(dome, palette.skin_deep, opacity=0.55, move=(-shine * 5, 10))
    sheet.shape(
        dome,
        sheet.linear(
            (shine * w, -60),
            (-shine * w, 40),
            (0.0, palette.bright(steel, 0.5)),
            (0.25, palette.bright(steel, 0.9)),
            (0.5, steel),
            (1.0, palette.dark(steel, 0.8)),
        ),
    )
    with sheet.within(dome):
        sheet.shape(
            leaf(
                (shine * 20, -top + 6), (shine * w * 0.72, -top * 0.8), (shine * w * 0.86, -30), 6
            ),
            "#ffffff",
            opacity=0.5,
        )
        sheet.shape(
            polygon(
                [(0, -top - 10), (-shine * 24, -50), (-shine * 200, -40), (-shine * 200, -top)]
            ),
            palette.dark(steel, 0.8),
            opacity=0.35,
        )
    edge = (
        f"M{at((-body.jaw + 6, 98))}"
        f"C{at((-w + 18, 60), (-w + 16, 20), (-w + 14, -14))}"
        f"Q{at((-w * 0.66, -60), (0, -56))}"
        f"Q{at((w * 0.66, -60), (w - 14, -14))}"
        f"C{at((w - 16, 20), (w - 18, 60), (body.jaw - 6, 98))}"
    )
    sheet.shape(edge, stroke=palette.dark(palette.metal, 0.5), width=9)
    sheet.shape(edge, stroke=palette.metal, width=6)
    ridge = f"M{at((-8, -56), (-6, -top), (0, -top - 10), (6, -top), (8, -56), (0, -40))}Z"
    sheet.shape(ridge, sheen(sheet, palette, 10, shine, palette.metal))
    for side in (-1, 1):
        for y in (-2, 34, 66):
            sheet.shape(circle(side * (w - 5), y, 3), palette.bright(palette.metal, 0.3))
    if crest == "wings":
        for side in (-1, 1):
            for k in range(4):
                sheet.shape(
                    leaf(
                        (side * (w - 8), -24 + k * 6),
                        (side * (w + 34 - k * 4), -50 + k * 6),
                        (side * (w + 50 - k * 12), -132 + k * 30),
                        11,
                        root=8,
                    ),
                    palette.bright(palette.eyewhite, 0.2)
                    if k % 2
                    else palette.dark(palette.eyewhite, 0.25),
                )
            sheet.shape(circle(side * (w - 4), -18, 10), palette.metal)
    jewel(sheet, palette, 0, -62, 7, palette.gem)
