"""Crowns, hoods, hats and helms, in head space."""

import math
from collections.abc import Callable

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Point, Sheet, at, circle, ellipse, leaf, polygon, smooth
from gallery.pictures.traits import Headwear


def hair_room(kind: Headwear, body: Anatomy) -> str | None:
    """Where hair may show under a headwear; None where it is free."""
    if kind == "hood":
        return _opening(body)
    lines: dict[Headwear, float] = {"hat": -84, "helm": -70, "turban": -78, "tricorn": -80}
    if kind not in lines:
        return None
    return f"M-400,{lines[kind]:.0f}H400V700H-400Z"


def headwear_behind(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    """The part of a headwear that is behind the head."""
    if look.headwear == "hood":
        w, top = body.width, body.top
        path = smooth([(0, -top - 50), (w * 0.8, -top - 8), (w + 34, -30), (w + 36, 80), (w + 10, 170),
                       (-w - 10, 170), (-w - 36, 80), (-w - 34, -30), (-w * 0.8, -top - 8)])  # fmt: skip
        sheet.shape(path, palette.dark(palette.lining, 0.9).lit(-0.12))


def headwear(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """The part of a headwear that is before the head."""
    if look.headwear != "none":
        KINDS[look.headwear](sheet, palette, look, body, Dice(seed, "headwear"))


def _metal(sheet: Sheet, palette: Palette, half: float, light: int, tone: Colour) -> str:
    return sheet.linear((-light * half, 0), (light * half, 0), (0.0, palette.dark(tone, 0.55)),
                        (0.5, tone), (0.72, palette.bright(tone, 0.85)), (1.0, tone))  # fmt: skip


def _gem(sheet: Sheet, palette: Palette, x: float, y: float, size: float, tone: Colour) -> None:
    sheet.shape(polygon([(x, y - size * 1.25), (x + size, y), (x, y + size * 1.25), (x - size, y)]), tone.lit(-0.1))
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
    back = f"M{at((-w, y - 18))}Q{at((0, y - 46), (w, y - 18))}L{at((w, y))}Q{at((0, y - 20), (-w, y))}Z"
    sheet.shape(back, palette.dark(gold, 0.85))
    body_path = low + "".join(f"L{at(point)}" for point in reversed(top)) + "Z"
    sheet.shape(body_path, palette.ink, opacity=0.3, move=(0, 7))
    sheet.shape(body_path, _metal(sheet, palette, w, look.light, gold))
    sheet.shape(f"M{at((-w, y - 18))}Q{at((0, y + curve * 2 - 18), (w, y - 18))}", stroke=palette.dark(gold, 0.6), width=2.4)
    sheet.shape(f"M{at((-w, y - 2))}Q{at((0, y + curve * 2 - 2), (w, y - 2))}", stroke=palette.bright(gold, 0.7), width=3)
    for k, (x, peak) in enumerate(top[::2]):
        if style == "fleur":
            sheet.shape(leaf((x, peak + 16), (x - 15, peak + 2), (x - 9, peak - 9), 5) + leaf((x, peak + 16), (x + 15, peak + 2), (x + 9, peak - 9), 5)
                        + leaf((x, peak + 18), (x, peak), (x, peak - 20), 8), gold)  # fmt: skip
        elif style == "arch":
            sheet.shape(circle(x, peak - 3, 6.5), palette.eyewhite)
            sheet.shape(circle(x - 2, peak - 5, 2.2), "#ffffff")
        else:
            sheet.shape(circle(x, peak, 4.6), palette.bright(gold, 0.5))
        sag = curve * (1 - (x / w) ** 2 * 0.85)
        if abs(x) < w:
            _gem(sheet, palette, x, y + sag - 9, 6.5 if k % 2 else 8, palette.gem if k % 2 == 0 else palette.gem.turned(140))


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
        scrolls.append(leaf((x - 12, foot), (x - 10, foot - high * 0.6), (x, foot - high), 3)
                       + leaf((x + 12, foot), (x + 10, foot - high * 0.6), (x, foot - high), 3))  # fmt: skip
    sheet.shape("".join(scrolls), _metal(sheet, palette, w, look.light, metal))
    sheet.shape(band, stroke=palette.dark(metal, 0.5), width=7)
    sheet.shape(band, stroke=palette.bright(metal, 0.4), width=4)
    for k in range(-3, 4):
        x = k * w * 0.24
        foot = y + 1 - 17 * (x / w) ** 2
        high = tall * (1 - abs(k) * 0.2)
        sheet.shape(circle(x, foot - high - 3, 3.6), palette.eyewhite)
    _gem(sheet, palette, 0, y - tall * 0.36, 8.5, palette.gem)


def circlet(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, y = body.width * 0.97, -body.top * 0.54
    band = f"M{at((-w, y - 10))}Q{at((0, y + 16), (w, y - 10))}"
    sheet.shape(band, stroke=palette.ink, width=6, opacity=0.35, move=(0, 5))
    sheet.shape(band, stroke=palette.dark(palette.metal, 0.4), width=6)
    sheet.shape(band, stroke=palette.bright(palette.metal, 0.5), width=3)
    drop = dice.pick(("gem", "moon", "leaf"))
    if drop == "gem":
        _gem(sheet, palette, 0, y + 9, 8, palette.gem)
    elif drop == "moon":
        sheet.shape(f"M-13,{y - 4:.1f}A14 14 0 1 0 13,{y - 4:.1f}A11 11 0 1 1 -13,{y - 4:.1f}Z", palette.bright(palette.metal, 0.6))
    else:
        for side in (-1, 1):
            sheet.shape(leaf((0, y + 10), (side * 14, y - 8), (side * 32, y - 8), 7), palette.bright(palette.metal, 0.4))
        _gem(sheet, palette, 0, y + 6, 6, palette.gem)


def _opening(body: Anatomy) -> str:
    w, top = body.width, body.top
    return smooth([(0, -top - 4), (w * 0.72, -top + 22), (w + 5, -30), (w + 4, 50), (w * 0.72, 122), (0, 160),
                   (-w * 0.72, 122), (-w - 4, 50), (-w - 5, -30), (-w * 0.72, -top + 22)])  # fmt: skip


def hood(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, shine = body.width, body.top, look.light
    tone = palette.cloth
    peak = dice.between(34, 60)
    outer = [(0, -top - peak), (w * 0.66, -top - peak * 0.5), (w + 40, -50), (w + 46, 60), (w + 40, 150), (w * 0.6, 196),
             (0, 204), (-w * 0.6, 196), (-w - 40, 150), (-w - 46, 60), (-w - 40, -50), (-w * 0.66, -top - peak * 0.5)]  # fmt: skip
    inner = [(0, -top - 2), (-w * 0.72, -top + 24), (-w - 2, -30), (-w - 1, 50), (-w * 0.72, 120), (0, 158),
             (w * 0.72, 120), (w + 1, 50), (w + 2, -30), (w * 0.72, -top + 24)]  # fmt: skip
    # The cloth's shadow on brow and cheeks.
    with sheet.within(body.outline):
        shade = smooth([(x * 1.3, y * 1.3) for x, y in outer]) + smooth([(x * 0.9, y * 0.82 + 12) for x, y in inner])
        sheet.shape(shade, palette.skin_deep, opacity=0.55, move=(-shine * 6, 6))
    ring = smooth(outer) + smooth(inner)
    sheet.shape(ring, sheet.linear((shine * (w + 40), -60), (-shine * (w + 40), 60),
                (0.0, palette.bright(tone, 0.5)), (0.4, tone), (1.0, palette.dark(tone, 0.65))))  # fmt: skip
    with sheet.within(ring):
        for side in (-1, 1):
            for k in range(4):
                start = (side * (6 + k * 14), -top - peak + 14 + k * 8)
                end = (side * (w + 30 - k * 16), 190 - k * 8)
                fold = leaf(start, (side * (w + 56 - k * 9), -40 + k * 20), end, 3 + k)
                sheet.shape(fold, palette.dark(tone, 0.8) if k % 2 else palette.bright(tone, 0.5), opacity=0.5)
        sheet.shape(smooth(inner), stroke=palette.dark(tone, 0.9), width=18, opacity=0.5)
    sheet.shape(smooth(inner), stroke=palette.metal if dice.chance(0.6) else palette.lining, width=4.5)
    if dice.chance(0.35):
        sheet.shape(smooth([(x * 1.07, y * 1.06 + 1) for x, y in inner]), stroke=palette.metal, width=3, dash="0.1 12")


def hat(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A mage's: broad brim, tall bent point."""
    w, shine = body.width, look.light
    y, lean = -body.top * 0.66, dice.side()
    tone = palette.cloth if dice.chance(0.6) else palette.dark(palette.cloth, 0.4)
    brim, tall = w + dice.between(52, 78), dice.between(112, 128)
    sheet.shape(ellipse(0, y + 8, brim, 30), palette.dark(tone, 1.0).lit(-0.05))
    tip = (lean * dice.between(30, 70), y - tall - 30)
    cone = (
        f"M{at((-w * 0.96, y))}C{at((-w * 0.86, y - 50), (-w * 0.5 + lean * 4, y - tall * 0.8), (tip[0] - lean * 30, tip[1] + 22))}"
        f"Q{at((tip[0] - lean * 6, tip[1] - 6), tip)}"
        f"C{at((tip[0] - lean * 4, tip[1] + 40), (w * 0.86, y - 40), (w * 0.96, y))}Q{at((0, y + 30), (-w * 0.96, y))}Z"
    )
    if lean < 0:
        cone = (
            f"M{at((w * 0.96, y))}C{at((w * 0.86, y - 50), (w * 0.5 - 4, y - tall * 0.8), (tip[0] + 30, tip[1] + 22))}"
            f"Q{at((tip[0] + 6, tip[1] - 6), tip)}"
            f"C{at((tip[0] + 4, tip[1] + 40), (-w * 0.86, y - 40), (-w * 0.96, y))}Q{at((0, y + 30), (w * 0.96, y))}Z"
        )
    fabric = sheet.linear((shine * w, 0), (-shine * w, 30), (0.0, palette.bright(tone, 0.5)), (0.45, tone),
                          (1.0, palette.dark(tone, 0.7)))  # fmt: skip
    sheet.shape(cone, fabric)
    with sheet.within(cone):
        for k in range(4):
            fold = leaf((lean * (10 + k * 8), y - tall + 10 + k * 22), (lean * 40, y - 50 + k * 6), (-lean * (50 - k * 34), y + 10), 5)
            sheet.shape(fold, palette.dark(tone, 0.7), opacity=0.55)
        band = f"M{at((-w, y - 12))}Q{at((0, y + 22), (w, y - 12))}"
        sheet.shape(band, stroke=palette.lining, width=22)
        sheet.shape(band, stroke=palette.metal, width=3, move=(0, -12))
    front = (
        f"M{at((-brim, y + 6))}C{at((-brim * 0.7, y - 6), (-w, y - 2), (-w * 0.96, y - 2))}Q{at((0, y + 34), (w * 0.96, y - 2))}"
        f"C{at((w, y - 2), (brim * 0.7, y - 6), (brim, y + 6))}C{at((brim * 0.8, y + 46), (-brim * 0.8, y + 46), (-brim, y + 6))}Z"
    )
    sheet.shape(front, palette.ink, opacity=0.3, move=(0, 10))
    sheet.shape(front, fabric)
    sheet.shape(f"M{at((-brim, y + 6))}C{at((-brim * 0.8, y + 46), (brim * 0.8, y + 46), (brim, y + 6))}",
                stroke=palette.bright(tone, 0.5), width=2.6, opacity=0.8)  # fmt: skip
    with sheet.placed((lean * -w * 0.45, y + 1), turn=lean * 8):
        sheet.shape("M-13,-14H13V14H-13ZM-7,-8H7V8H-7Z", palette.metal)


def helm(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, shine = body.width + 9, body.top + 20, look.light
    steel = Colour(0.66, 0, -0.012).mix(palette.shade, palette.scheme.dim + 0.06).mix(palette.cloth, 0.1)
    dome = (
        f"M{at((-w, 10))}C{at((-w - 4, -60), (-w * 0.86, -top), (0, -top - 4))}C{at((w * 0.86, -top), (w + 4, -60), (w, 10))}"
        f"L{at((w + 2, 74))}C{at((w - 4, 88), (body.jaw + 8, 92), (body.jaw - 6, 98))}"
        f"C{at((w - 18, 60), (w - 16, 20), (w - 14, -14))}Q{at((w * 0.66, -60), (0, -56))}"
        f"Q{at((-w * 0.66, -60), (-w + 14, -14))}C{at((-w + 16, 20), (-w + 18, 60), (-body.jaw + 6, 98))}"
        f"C{at((-body.jaw - 8, 92), (-w + 4, 88), (-w - 2, 74))}Z"
    )
    crest = dice.pick(("plume", "wings", "ridge", "ridge"))
    if crest == "plume":
        tone = palette.cloth.vivid(1.15)
        for k in range(8):
            end = (-shine * (40 + k * 19), -top - 52 + k * 20 + dice.centred(8))
            sheet.shape(leaf((0, -top + 4), (-shine * (6 + k * 14), -top - 76 + k * 9), end, 16, root=10),
                        palette.bright(tone, 0.4) if k % 2 else palette.dark(tone, 0.25))  # fmt: skip
    with sheet.within(body.outline):
        sheet.shape(dome, palette.skin_deep, opacity=0.55, move=(-shine * 5, 10))
    sheet.shape(dome, sheet.linear((shine * w, -60), (-shine * w, 40), (0.0, palette.bright(steel, 0.5)), (0.25, palette.bright(steel, 0.9)),
                (0.5, steel), (1.0, palette.dark(steel, 0.8))))  # fmt: skip
    with sheet.within(dome):
        sheet.shape(leaf((shine * 20, -top + 6), (shine * w * 0.72, -top * 0.8), (shine * w * 0.86, -30), 6), "#ffffff", opacity=0.5)
        sheet.shape(polygon([(0, -top - 10), (-shine * 24, -50), (-shine * 200, -40), (-shine * 200, -top)]), palette.dark(steel, 0.8), opacity=0.35)
    edge = f"M{at((-body.jaw + 6, 98))}C{at((-w + 18, 60), (-w + 16, 20), (-w + 14, -14))}Q{at((-w * 0.66, -60), (0, -56))}Q{at((w * 0.66, -60), (w - 14, -14))}C{at((w - 16, 20), (w - 18, 60), (body.jaw - 6, 98))}"  # noqa: E501
    sheet.shape(edge, stroke=palette.dark(palette.metal, 0.5), width=9)
    sheet.shape(edge, stroke=palette.metal, width=6)
    ridge = f"M{at((-8, -56), (-6, -top), (0, -top - 10), (6, -top), (8, -56), (0, -40))}Z"
    sheet.shape(ridge, _metal(sheet, palette, 10, shine, palette.metal))
    for side in (-1, 1):
        for y in (-2, 34, 66):
            sheet.shape(circle(side * (w - 5), y, 3), palette.bright(palette.metal, 0.3))
    if crest == "wings":
        for side in (-1, 1):
            for k in range(4):
                sheet.shape(leaf((side * (w - 8), -24 + k * 6), (side * (w + 34 - k * 4), -50 + k * 6), (side * (w + 50 - k * 12), -132 + k * 30), 11, root=8),
                            palette.bright(palette.eyewhite, 0.2) if k % 2 else palette.dark(palette.eyewhite, 0.25))  # fmt: skip
            sheet.shape(circle(side * (w - 4), -18, 10), palette.metal)
    _gem(sheet, palette, 0, -62, 7, palette.gem)


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
        sheet.shape("".join(leaves), palette.dark(green, 0.5) if row == 0 else palette.bright(green, 0.2))
    if flowers:
        petal = palette.gem.mix(palette.eyewhite, 0.45)
        for k, share in enumerate((-0.85, -0.5, -0.18, 0.14, 0.48, 0.82)):
            x, base = w * math.sin(share * 1.5), y + 16 - 36 * share * share
            size, tone = dice.between(9, 15), petal if k % 2 else petal.turned(50)
            for turn in range(5):
                a = turn * math.tau / 5 + k
                sheet.shape(circle(x + math.cos(a) * size * 0.62, base + math.sin(a) * size * 0.62, size * 0.5), tone)
            sheet.shape(circle(x, base, size * 0.36), palette.metal)


def headband(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, y = body.width + 3, -body.top * 0.58
    band = f"M{at((-w, y - 16))}Q{at((0, y + 6), (w, y - 16))}L{at((w + 1, y + 8))}Q{at((0, y + 30), (-w - 1, y + 8))}Z"
    tone, away = palette.cloth.vivid(1.1), -look.light
    for k in range(2):
        sheet.shape(leaf((away * w, y), (away * (w + 26), y + 20 + k * 26), (away * (w + 20 + k * 22), y + 100 - k * 22), 9, root=8),
                    palette.dark(tone, 0.35 + k * 0.2))  # fmt: skip
    sheet.shape(band, palette.ink, opacity=0.3, move=(0, 5))
    sheet.shape(band, sheet.linear((look.light * w, 0), (-look.light * w, 0), (0.0, palette.bright(tone, 0.4)), (1.0, palette.dark(tone, 0.5))))
    for k in range(3):
        sheet.shape(leaf((-w + 8, y - 6 + k * 7), (0, y + 12 + k * 6), (w - 8, y - 6 + k * 7), 1.6), palette.dark(tone, 0.7), opacity=0.6)
    if dice.chance(0.4):
        sheet.shape(circle(0, y + 7, 9), palette.metal)
        sheet.shape(circle(0, y + 7, 5), palette.dark(palette.metal, 0.6))


def turban(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, tone = body.width + 16, body.top + 34, palette.cloth
    y = -body.top * 0.5
    dome = smooth([(-w, y - 12), (-w * 0.92, -top + 26), (0, -top - 8), (w * 0.92, -top + 26), (w, y - 12), (w * 0.5, y - 12), (0, y - 26), (-w * 0.5, y - 12)])
    sheet.shape(dome, palette.ink, opacity=0.3, move=(0, 7))
    sheet.shape(dome, sheet.linear((look.light * w, 0), (-look.light * w, 20), (0.0, palette.bright(tone, 0.5)), (0.5, tone), (1.0, palette.dark(tone, 0.6))))
    with sheet.within(dome):
        for k in range(7):
            way = 1 if k % 2 else -1
            fold = leaf((way * w, y - k * 13), (0, y - 60 - k * 12), (-way * w * 0.9, -top + 40 - k * 6), 6)
            sheet.shape(fold, palette.dark(tone, 0.7) if k % 3 else palette.bright(tone, 0.6), opacity=0.5)
    sheet.shape(leaf((0, y - 28), (-look.light * 16, -top - 8), (look.light * 14, -top - 58), 12), palette.lining)
    sheet.shape(circle(0, y - 30, 14), palette.metal)
    _gem(sheet, palette, 0, y - 30, 8, palette.gem)


def tricorn(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, shine = body.width, body.top, look.light
    y = -top * 0.62
    felt = palette.dark(palette.cloth.mix(Colour(0.25, 0, 0), 0.55), 0.2)
    if dice.chance(0.6):
        for k in range(5):
            sheet.shape(leaf((shine * w * 0.5, y - 30), (shine * (w + 20 + k * 10), -top - 70 + k * 12), (shine * (w + 62 - k * 6), -top + 6 + k * 20), 13, root=8),
                        palette.lining.lit(0.04 * (k % 2)))  # fmt: skip
    sheet.shape(smooth([(-w * 0.9, y), (-w * 0.74, -top - 20), (0, -top - 34), (w * 0.74, -top - 20), (w * 0.9, y)]), felt)
    brim = (f"M{at((-w - 62, y - 46))}C{at((-w * 0.6, y - 40), (-30, y - 74), (0, y - 86))}C{at((30, y - 74), (w * 0.6, y - 40), (w + 62, y - 46))}"
            f"C{at((w + 30, y + 8), (w * 0.5, y + 18), (0, y + 22))}C{at((-w * 0.5, y + 18), (-w - 30, y + 8), (-w - 62, y - 46))}Z")  # fmt: skip
    sheet.shape(brim, palette.ink, opacity=0.35, move=(0, 9))
    sheet.shape(brim, sheet.linear((shine * w, y - 80), (-shine * w, y), (0.0, palette.bright(felt, 0.4)), (0.5, felt), (1.0, palette.dark(felt, 0.6))))
    sheet.shape(f"M{at((-w - 62, y - 46))}C{at((-w * 0.6, y - 40), (-30, y - 74), (0, y - 86))}C{at((30, y - 74), (w * 0.6, y - 40), (w + 62, y - 46))}",
                stroke=palette.metal, width=5)  # fmt: skip
    sheet.shape(circle(-shine * w * 0.3, y - 28, 11), palette.metal)
    sheet.shape(circle(-shine * w * 0.3, y - 28, 5), palette.gem)


Draw = Callable[[Sheet, Palette, Look, Anatomy, Dice], None]
KINDS: dict[Headwear, Draw] = {
    "crown": crown, "tiara": tiara, "circlet": circlet, "hood": hood, "hat": hat, "helm": helm,
    "wreath": wreath, "headband": headband, "turban": turban, "tricorn": tricorn,
}  # fmt: skip
