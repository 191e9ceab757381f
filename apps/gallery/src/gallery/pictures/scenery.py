"""Places to stand in front of: far to near, paler to darker."""

import math
from collections.abc import Callable

from gallery.pictures.city import DARK, city, heaven
from gallery.pictures.dice import Dice
from gallery.pictures.interiors import crystals, dungeon, halo, library
from gallery.pictures.palette import Palette
from gallery.pictures.sky import (
    clouds,
    craters,
    disc,
    haze,
    motes,
    sky,
    snowfall,
    stars,
    veils,
)
from gallery.pictures.svg import Point, Sheet, at, leaf, polygon, smooth
from gallery.pictures.traits import Setting

Scene = Callable[[Sheet, Palette, Dice], None]


def backdrop(sheet: Sheet, palette: Palette, setting: Setting, dice: Dice) -> None:
    """The whole background of a picture."""
    SCENES[setting](sheet, palette, dice)


def _peaks(dice: Dice, base: float, height: float, count: int) -> list[Point]:
    """A jagged skyline: (x, y) of valleys and summits from left to right."""
    points: list[Point] = []
    step = 760 / count
    x = -60 - dice.between(0, step)
    while x < 700:
        points.append((x, base + dice.between(-0.1, 0.25) * height))
        points.append((x + step * dice.between(0.4, 0.6), base - height * dice.between(0.45, 1)))
        x += step * dice.between(0.8, 1.15)
    return points


def _under(points: list[Point]) -> str:
    return polygon([*points, (points[-1][0] + 80, 660), (points[0][0] - 80, 660)])


def mountains(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    heaven(sheet, palette, dice)
    snow = palette.sky[2].mix(palette.disc, 0.6)
    layers = ((330, 190, 3.4, 0), (420, 150, 4.5, 1), (520, 110, 6.0, 2))
    for base, height, count, layer in layers:
        points = _peaks(dice, base, height, round(count))
        tone = palette.land[layer]
        sheet.shape(
            _under(points),
            sheet.linear(
                (0, base - height),
                (0, base + 90),
                (0.0, tone),
                (1.0, tone.mix(palette.sky[2], 0.4)),
            ),
        )
        for before, top, after in zip(points[::2], points[1::2], points[2::2], strict=False):
            _facet(sheet, palette, dice, before, top, after, layer)
            if layer < 2:
                _snowcap(sheet, dice, before, top, after, snow.mix(tone, 0.25 * layer).hex)
        haze(sheet, palette, base + 60, much=0.45 - 0.12 * layer)


def _facet(
    sheet: Sheet, palette: Palette, dice: Dice, before: Point, top: Point, after: Point, layer: int
) -> None:
    """The side of a mountain that is turned from the light."""
    tone = palette.land[layer].lit(-0.05).mix(palette.shade, 0.25)
    foot = after[0] - (after[0] - before[0]) * 0.35
    middle = (top[0] + (foot - top[0]) * 0.3, (top[1] + after[1]) / 2)
    kink = (middle[0] - dice.between(6, 22), middle[1] + dice.between(4, 20))
    sheet.shape(polygon([top, after, (foot, after[1] + 90), kink, middle]), tone, opacity=0.55)


def _snowcap(sheet: Sheet, dice: Dice, before: Point, top: Point, after: Point, tone: str) -> None:
    share = dice.between(0.24, 0.38)
    left = (top[0] + (before[0] - top[0]) * share, top[1] + (before[1] - top[1]) * share)
    right = (top[0] + (after[0] - top[0]) * share, top[1] + (after[1] - top[1]) * share)
    drop = max(left[1], right[1]) - top[1]
    teeth: list[Point] = []
    for step in range(1, 5):
        x = right[0] + (left[0] - right[0]) * step / 5
        y = right[1] + (left[1] - right[1]) * step / 5
        teeth.append((x, y + (drop * 0.35 if step % 2 else -drop * 0.22)))
    sheet.shape(polygon([top, right, *teeth, left]), tone, opacity=0.85)


def forest(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    heaven(sheet, palette, dice, horizon=560)
    conifers = dice.chance(0.5)
    for layer, (base, size) in enumerate(((400, 170), (470, 230))):
        tone = palette.land[layer].mix(palette.sky[2], 0.25 - 0.2 * layer)
        path = []
        x = -30.0
        while x < 680:
            tall = size * dice.between(0.7, 1.15)
            path.append(_conifer(x, base, tall) if conifers else _broadleaf(dice, x, base, tall))
            x += size * dice.between(0.16, 0.3)
        sheet.shape("".join(path) + f"M-10,{base - 4}H650V660H-10Z", tone)
        haze(sheet, palette, base + 30, much=0.5 - 0.2 * layer)
    shaft = sheet.linear((0, 0), (0, 520), (0.0, palette.key, 0.34), (1.0, palette.key, 0.0))
    for _ in range(3):
        x, wide = dice.between(60, 520), dice.between(24, 60)
        sheet.shape(
            polygon([(x, -10), (x + wide, -10), (x + wide * 2.4 - 110, 540), (x - 150, 540)]), shaft
        )
    for side in (-1, 1):
        _trunk(sheet, palette, dice, side)
    motes(sheet, palette, dice, 12, palette.key)


def _conifer(x: float, base: float, tall: float) -> str:
    points: list[Point] = [(x, base - tall)]
    tiers = 5
    for side in (1, -1):
        rows = range(1, tiers + 1) if side > 0 else range(tiers, 0, -1)
        for row in rows:
            y, wide = base - tall + tall * row / tiers, tall * 0.055 * row
            edge, notch = (x + side * wide, y), (x + side * wide * 0.5, y - tall * 0.02)
            points += [edge, notch] if side > 0 else [notch, edge]
    return polygon(points)


def _broadleaf(dice: Dice, x: float, base: float, tall: float) -> str:
    crown = [
        (
            x + math.cos(turn * 0.785) * tall * 0.24 * dice.between(0.8, 1.15),
            base - tall * 0.68 + math.sin(turn * 0.785) * tall * 0.3 * dice.between(0.85, 1.1),
        )
        for turn in range(8)
    ]
    trunk = polygon(
        [(x - 4, base - tall * 0.6), (x + 4, base - tall * 0.6), (x + 7, base), (x - 7, base)]
    )
    return smooth(crown) + trunk


def _trunk(sheet: Sheet, palette: Palette, dice: Dice, side: int) -> None:
    """A near tree that frames the picture, with a branch across the top."""
    edge = 320 + side * dice.between(285, 345)
    wide, tone = dice.between(30, 50), palette.land[2]
    lean = side * dice.between(-26, 10)
    inner, outer = edge - side * wide * 0.5, edge + side * wide
    sheet.shape(
        f"M{at((inner + lean, -10))}"
        f"C{at((inner + side * 6, 200), (inner + side * 10, 420), (inner - side * 34, 660))}"
        f"L{at((outer + side * 40, 660))}"
        f"C{at((outer, 420), (outer + side * 8, 200), (outer + lean, -10))}Z",
        tone,
    )
    for k in range(4):
        x = inner + side * (wide * (0.3 + k * 0.3))
        sheet.shape(
            leaf(
                (x + lean * 0.8, 20 + k * 40),
                (x + side * 6, 260),
                (x - side * 8, 470 + k * 40),
                2.4,
            ),
            tone.lit(0.05),
            opacity=0.8,
        )
    y = dice.between(60, 160)
    tip = (edge - side * dice.between(110, 170), y - dice.between(10, 60))
    sheet.shape(
        f"M{at((edge, y + 26))}Q{at((edge - side * 60, y - 8), tip)}"
        f"Q{at((edge - side * 60, y - 22), (edge, y - 10))}Z",
        tone,
    )
    leaves = []
    for _ in range(16):
        share = dice.between(0.1, 1.05)
        x = edge + (tip[0] - edge) * share + dice.centred(20)
        top = y + (tip[1] - y) * share - 8 + dice.centred(26)
        long = dice.between(12, 24)
        leaves.append(
            f"M{at((x, top))}q{at((long * 0.6, -long * 0.4), (long, long * 0.5))}"
            f"q{at((-long * 0.7, long * 0.2), (-long, -long * 0.5))}Z"
        )
    sheet.shape("".join(leaves), tone.mix(palette.land[1], 0.4))


def moon(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    sky(sheet, palette, horizon=620)
    stars(sheet, palette, dice, 100)
    centre, radius = (320 + dice.centred(90), 235 + dice.centred(30)), dice.between(175, 215)
    disc(sheet, palette, centre, radius)
    craters(sheet, palette, dice, centre, radius)
    clouds(sheet, palette, dice, 3, 430)
    hills(sheet, palette, dice, (480, 540, 590))


def hills(
    sheet: Sheet, palette: Palette, dice: Dice, bases: tuple[float, ...], rough: float = 26
) -> None:
    for layer, base in enumerate(bases):
        line = [(x, base + dice.centred(rough)) for x in range(-60, 701, 95)]
        tone = palette.land[layer]
        paint = sheet.linear(
            (0, base - rough),
            (0, base + 110),
            (0.0, tone),
            (1.0, tone.mix(palette.land[min(2, layer + 1)], 0.7)),
        )
        sheet.shape(smooth(line, closed=False) + "L760,660L-120,660Z", paint)


def sea(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    horizon = 400 + dice.centred(25)
    sky(sheet, palette, horizon=horizon)
    if palette.sky[0].lightness < DARK:
        stars(sheet, palette, dice)
    centre = (320 + dice.side() * dice.between(90, 200), horizon - dice.between(30, 170))
    disc(sheet, palette, centre, dice.between(44, 74))
    clouds(sheet, palette, dice, 4, horizon - 90)
    water = palette.land
    sheet.shape(
        f"M0,{horizon:.0f}H640V640H0Z",
        sheet.linear(
            (0, horizon),
            (0, 640),
            (0.0, palette.sky[2].mix(water[0], 0.55)),
            (0.3, water[0].mix(water[1], 0.6)),
            (1.0, water[2]),
        ),
    )
    glints = []
    for row in range(26):
        y = horizon + 4 + row * row * 0.36
        wide = dice.between(8, 26) + row * 2.4
        x = centre[0] + dice.centred(10 + row * 3)
        glints.append(
            f"M{at((x - wide, y))}q{at((wide, -2.6), (wide * 2, 0))}"
            f"q{at((-wide, 2.6), (-wide * 2, 0))}Z"
        )
    sheet.shape("".join(glints), palette.disc, opacity=0.62)
    if dice.chance(0.6):
        _sail(sheet, palette, dice, 320 - (centre[0] - 320) * dice.between(0.9, 1.2), horizon)
    for layer in range(3):
        y = horizon + 70 + layer * 62
        crest = [
            (x, y + (8 if k % 2 else -8) + dice.centred(8))
            for k, x in enumerate(range(-60, 721, 70))
        ]
        tone = water[1].mix(water[2], 0.25 + layer * 0.3)
        sheet.shape(smooth(crest, closed=False) + "L760,660L-120,660Z", tone, opacity=0.75)


def _sail(sheet: Sheet, palette: Palette, dice: Dice, x: float, horizon: float) -> None:
    hull, cloth = palette.land[2], palette.sky[2].mix(palette.disc, 0.5)
    with sheet.placed((x, horizon + 6), scale=dice.between(0.9, 1.35)):
        sheet.shape("M-2,-70h3v66h-3Z", hull)
        sheet.shape("M4,-68Q38,-40 30,-12L4,-10ZM-6,-60Q-28,-36 -26,-12L-6,-10Z", cloth)
        sheet.shape("M-34,-6H40Q34,10 22,12H-20Q-30,8 -34,-6Z", hull)


def aurora(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    sky(sheet, palette, horizon=560)
    stars(sheet, palette, dice, 90)
    veils(sheet, palette, dice)
    for base, height, layer in ((430, 110, 0), (520, 80, 1)):
        points = _peaks(dice, base, height, 5)
        sheet.shape(_under(points), palette.land[layer])
        for before, top, after in zip(points[::2], points[1::2], points[2::2], strict=False):
            _facet(sheet, palette, dice, before, top, after, layer)
    trees = "".join(_conifer(dice.between(-10, 650), 600, dice.between(70, 150)) for _ in range(26))
    sheet.shape(trees + "M-10,590H650V650H-10Z", palette.land[2])


def desert(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    heaven(sheet, palette, dice)
    for _ in range(dice.whole(1, 3)):
        x, wide, top = dice.between(-40, 600), dice.between(70, 150), dice.between(300, 370)
        mesa = [
            (x, 480),
            (x + 14, top + 40),
            (x + 26, top),
            (x + wide, top - 6),
            (x + wide + 10, top + 50),
            (x + wide + 30, 480),
        ]
        sheet.shape(polygon(mesa), palette.land[0].mix(palette.sky[2], 0.25))
        sheet.shape(
            polygon([mesa[3], mesa[4], mesa[5], (x + wide * 0.7, 480)]),
            palette.land[1],
            opacity=0.35,
        )
    for layer, base in enumerate((430, 490, 560)):
        crest, swing = 320 + dice.centred(300), dice.between(40, 75)
        tone, dark = palette.land[layer], palette.land[min(2, layer + 1)]
        ridge = f"M-20,{base + swing:.0f}Q{at((crest - 160, base), (crest, base - swing * 0.5))}"
        sheet.shape(ridge + f"Q{at((crest + 190, base + 6), (660, base + swing))}V660H-20Z", tone)
        sheet.shape(
            f"M{at((crest, base - swing * 0.5))}Q{at((crest + 190, base + 6), (660, base + swing))}"
            f"V660H{crest - 60:.0f}Q{at((crest + 50, base + 90), (crest, base - swing * 0.5))}Z",
            dark,
            opacity=0.5,
        )


def snow(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    heaven(sheet, palette, dice)
    points = _peaks(dice, 380, 150, 4)
    sheet.shape(_under(points), palette.land[0])
    for before, top, after in zip(points[::2], points[1::2], points[2::2], strict=False):
        _facet(sheet, palette, dice, before, top, after, 0)
        _snowcap(sheet, dice, before, top, after, palette.sky[2].mix(palette.disc, 0.35).hex)
    haze(sheet, palette, 440)
    for base, tall, layer in ((500, 130, 1), (560, 170, 2)):
        wood = "".join(
            _conifer(dice.between(-10, 650), base + dice.centred(14), tall * dice.between(0.6, 1.1))
            for _ in range(20)
        )
        sheet.shape(wood, palette.land[layer].mix(palette.sky[2], 0.2 - 0.1 * (layer - 1)))
    white = palette.sky[2].mix(palette.disc, 0.5)
    drift = [(x, 560 + dice.centred(20)) for x in range(-60, 701, 120)]
    sheet.shape(
        smooth(drift, closed=False) + "L760,660L-120,660Z",
        sheet.linear((0, 540), (0, 640), (0.0, white), (1.0, white.mix(palette.land[1], 0.6))),
    )
    snowfall(sheet, dice, 50)


SCENES: dict[Setting, Scene] = {
    "mountains": mountains,
    "forest": forest,
    "moon": moon,
    "city": city,
    "sea": sea,
    "aurora": aurora,
    "dungeon": dungeon,
    "desert": desert,
    "library": library,
    "snow": snow,
    "crystals": crystals,
    "halo": halo,
}
