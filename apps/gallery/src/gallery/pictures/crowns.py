"""Crowns, tiaras, circlets and wreaths, in head space."""

import math

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Point, Sheet, at, circle, leaf, polygon


def sheen(sheet: Sheet, palette: Palette, half: float, light: int, tone: Colour) -> str:
    return sheet.linear(
        (-light * half, 0),
        (light * half, 0),
        (0.0, palette.dark(tone, 0.55)),
        (0.5, tone),
        (0.72, palette.bright(tone, 0.85)),
        (1.0, tone),
    )


def jewel(sheet: Sheet, palette: Palette, x: float, y: float, size: float, tone: Colour) -> None:
    sheet.shape(
        polygon([(x, y - size * 1.25), (x + size, y), (x, y + size * 1.25), (x - size, y)]),
        tone.lit(-0.1),
    )
    sheet.shape(polygon([(x, y - size * 1.25), (x + size, y), (x, y)]), tone)
    sheet.shape(polygon([(x, y - size * 1.25), (x - size, y), (x, y)]), tone.lit(0.17))


def crown(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, y = body.width * 0.93, -body.top * 0.66
    points, tall = dice.pick((5, 7)), dice.between(44, 72)
    style = dice.pick(("spike", "fleur", "arch"))
    gold = palette.metal
    top: list[Point] = []
    curve = 15.0  # a band seen a little from above bends down in the middle
    for k in range(points * 2 - 1):
        x = -w * 1.08 + 2.16 * w * k / (points * 2 - 2)
        sag = curve * (1 - (x / w) ** 2 * 0.85)
        rise = tall * (1.15 - 0.25 * abs(x / w)) if k % 2 == 0 else tall * 0.42
        top.append((x, y + sag - 20 - rise))
    low = f"M{at((-w, y))}Q{at((0, y + curve * 2), (w, y))}"
    back = (
        f"M{at((-w, y - 18))}"
        f"Q{at((0, y - 46), (w, y - 18))}"
        f"L{at((w, y))}"
        f"Q{at((0, y - 20), (-w, y))}Z"
    )
    sheet.shape(back, palette.dark(gold, 0.85))
    body_path = low + "".join(f"L{at(point)}" for point in reversed(top)) + "Z"
    sheet.shape(body_path, palette.ink, opacity=0.3, move=(0, 7))
    sheet.shape(body_path, sheen(sheet, palette, w, look.light, gold))
    sheet.shape(
        f"M{at((-w, y - 18))}Q{at((0, y + curve * 2 - 18), (w, y - 18))}",
        stroke=palette.dark(gold, 0.6),
        width=2.4,
    )
    sheet.shape(
        f"M{at((-w, y - 2))}Q{at((0, y + curve * 2 - 2), (w, y - 2))}",
        stroke=palette.bright(gold, 0.7),
        width=3,
    )
    for k, (x, peak) in enumerate(top[::2]):
        if style == "fleur":
            sheet.shape(
                leaf((x, peak + 16), (x - 15, peak + 2), (x - 9, peak - 9), 5)
                + leaf((x, peak + 16), (x + 15, peak + 2), (x + 9, peak - 9), 5)
                + leaf((x, peak + 18), (x, peak), (x, peak - 20), 8),
                gold,
            )
        elif style == "arch":
            sheet.shape(circle(x, peak - 3, 6.5), palette.eyewhite)
            sheet.shape(circle(x - 2, peak - 5, 2.2), "#ffffff")
        else:
            sheet.shape(circle(x, peak, 4.6), palette.bright(gold, 0.5))
        sag = curve * (1 - (x / w) ** 2 * 0.85)
        if abs(x) < w:
            jewel(
                sheet,
                palette,
                x,
                y + sag - 9,
                6.5 if k % 2 else 8,
                palette.gem if k % 2 == 0 else palette.gem.turned(140),
            )


def tiara(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, y = body.width * 0.86, -body.top * 0.60
    metal, tall = palette.metal, dice.between(26, 46)
    band = f"M{at((-w, y - 16))}Q{at((0, y + 18), (w, y - 16))}"
    sheet.shape(band, stroke=palette.ink, width=7, opacity=0.3, move=(0, 5))
    scrolls = []
    for k in range(-3, 4):
        x = k * w * 0.24
        foot = y + 1 - 17 * (x / w) ** 2
        high = tall * (1 - abs(k) * 0.2)
        scrolls.append(
            leaf((x - 12, foot), (x - 10, foot - high * 0.6), (x, foot - high), 3)
            + leaf((x + 12, foot), (x + 10, foot - high * 0.6), (x, foot - high), 3)
        )
    sheet.shape("".join(scrolls), sheen(sheet, palette, w, look.light, metal))
    sheet.shape(band, stroke=palette.dark(metal, 0.5), width=7)
    sheet.shape(band, stroke=palette.bright(metal, 0.4), width=4)
    for k in range(-3, 4):
        x = k * w * 0.24
        foot = y + 1 - 17 * (x / w) ** 2
        high = tall * (1 - abs(k) * 0.2)
        sheet.shape(circle(x, foot - high - 3, 3.6), palette.eyewhite)
    jewel(sheet, palette, 0, y - tall * 0.36, 8.5, palette.gem)


def circlet(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, y = body.width * 0.97, -body.top * 0.54
    band = f"M{at((-w, y - 10))}Q{at((0, y + 16), (w, y - 10))}"
    sheet.shape(band, stroke=palette.ink, width=6, opacity=0.35, move=(0, 5))
    sheet.shape(band, stroke=palette.dark(palette.metal, 0.4), width=6)
    sheet.shape(band, stroke=palette.bright(palette.metal, 0.5), width=3)
    drop = dice.pick(("gem", "moon", "leaf"))
    if drop == "gem":
        jewel(sheet, palette, 0, y + 9, 8, palette.gem)
    elif drop == "moon":
        sheet.shape(
            f"M-13,{y - 4:.1f}A14 14 0 1 0 13,{y - 4:.1f}A11 11 0 1 1 -13,{y - 4:.1f}Z",
            palette.bright(palette.metal, 0.6),
        )
    else:
        for side in (-1, 1):
            sheet.shape(
                leaf((0, y + 10), (side * 14, y - 8), (side * 32, y - 8), 7),
                palette.bright(palette.metal, 0.4),
            )
        jewel(sheet, palette, 0, y + 6, 6, palette.gem)


def wreath(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """Leaves, or flowers among leaves."""
    w, y = body.width + 4, -body.top * 0.64
    flowers = look.build != "masculine" or dice.chance(0.3)
    green = Colour(0.5, -0.075, 0.06).mix(palette.shade, palette.scheme.dim)
    if not flowers and dice.chance(0.5):
        green = palette.metal
    for row in range(2):
        leaves = []
        for k in range(-7, 8):
            share = k / 7
            x, base = w * math.sin(share * 1.5), y + 20 - 36 * share * share + row * 6
            way = 1 if k > 0 else -1
            end = (x + way * (16 + row * 5), base - 16 + row * 22)
            leaves.append(leaf((x - way * 6, base), (x + way * 6, base - 8 + row * 10), end, 8))
        sheet.shape(
            "".join(leaves), palette.dark(green, 0.5) if row == 0 else palette.bright(green, 0.2)
        )
    if flowers:
        petal = palette.gem.mix(palette.eyewhite, 0.45)
        for k, share in enumerate((-0.85, -0.5, -0.18, 0.14, 0.48, 0.82)):
            x, base = w * math.sin(share * 1.5), y + 16 - 36 * share * share
            size, tone = dice.between(9, 15), petal if k % 2 else petal.turned(50)
            for turn in range(5):
                a = turn * math.tau / 5 + k
                sheet.shape(
                    circle(
                        x + math.cos(a) * size * 0.62, base + math.sin(a) * size * 0.62, size * 0.5
                    ),
                    tone,
                )
            sheet.shape(circle(x, base, size * 0.36), palette.metal)
