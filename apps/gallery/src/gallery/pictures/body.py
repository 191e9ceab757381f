"""Neck, shoulders and what they wear."""

import math
from collections.abc import Callable

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, circle, leaf, polygon
from gallery.pictures.traits import Garment

FLOOR = 400.0  # below the picture's lower edge


def neck(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    """Bare neck and shoulders, with the shadow the head throws on them."""
    n, shine = body.neck, look.light
    path = (
        f"M{at((-n, 60))}C{at((-n, 120), (-n - 2, 146), (-n - 18, 166))}"
        f"C{at((-n - 50, 192), (-body.shoulder * 0.8, 196), (-body.shoulder, 246))}L{at((-body.shoulder, FLOOR), (body.shoulder, FLOOR))}"  # noqa: E501
        f"L{at((body.shoulder, 246))}C{at((body.shoulder * 0.8, 196), (n + 50, 192), (n + 18, 166))}"
        f"C{at((n + 2, 146), (n, 120), (n, 60))}Z"
    )
    paint = sheet.linear((shine * body.shoulder * 0.6, 0), (-shine * body.shoulder * 0.6, 60),
                         (0.0, palette.skin), (0.5, palette.skin.mix(palette.skin_dark, 0.35)),
                         (1.0, palette.skin_dark))  # fmt: skip
    sheet.shape(path, paint)
    with sheet.within(path):
        sheet.shape(body.outline, palette.skin_deep, opacity=0.8, move=(-shine * 12 + body.turn, 30))
        sheet.shape(f"M{at((-n - 60, 205))}Q{at((-n * 0.4, 196), (-7, 214))}M{at((n + 60, 205))}"
                    f"Q{at((n * 0.4, 196), (7, 214))}", stroke=palette.skin_dark, width=5,
                    opacity=0.8)  # fmt: skip
        for side in (-1, 1):
            sheet.shape(leaf((side * (n - 8), 110), (side * n * 0.6, 165), (side * 9, 208), 5),
                        palette.skin_dark, opacity=0.7)  # fmt: skip
        sheet.shape(f"M{at((0, 207))}q-7,10 0,18q7,-8 0,-18Z", palette.skin_dark, opacity=0.6)


def clothes(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """The garment over the shoulders, down to the picture's lower edge."""
    GARMENTS[look.garment](sheet, palette, look, body, Dice(seed, "garment"))


def mantle(body: Anatomy, *, neck_y: float, gap: float, puff: float = 0.0, dip: float = 0.0) -> str:
    """A garment's outline: open at the neck from ±`gap` at `neck_y` down to `dip` below it."""
    s = body.shoulder + 10 + puff
    return (
        f"M{at((-gap, neck_y))}C{at((-gap - 30, neck_y + 22), (-s * 0.72, 184 - puff), (-s, 236 - puff * 0.4))}"  # noqa: E501
        f"C{at((-s - 16, 262), (-s - 26, 330), (-s - 34, FLOOR))}L{at((s + 34, FLOOR))}"
        f"C{at((s + 26, 330), (s + 16, 262), (s, 236 - puff * 0.4))}"
        f"C{at((s * 0.72, 184 - puff), (gap + 30, neck_y + 22), (gap, neck_y))}"
        f"C{at((gap * 0.7, neck_y + dip * 0.8), (gap * 0.3, neck_y + dip), (0, neck_y + dip))}"
        f"C{at((-gap * 0.3, neck_y + dip), (-gap * 0.7, neck_y + dip * 0.8), (-gap, neck_y))}Z"
    )


def _cloth(sheet: Sheet, palette: Palette, look: Look, path: str, tone: Colour, dice: Dice,
           *, folds: int = 7) -> None:  # fmt: skip
    """A cloth surface: light from one side, folds, and darkness towards the floor."""
    shine = look.light
    sheet.shape(path, sheet.linear((shine * 200, 150), (-shine * 200, 330),
                (0.0, palette.bright(tone, 0.35)), (0.4, tone), (1.0, palette.dark(tone, 0.6))))  # fmt: skip
    with sheet.within(path):
        for fold in range(folds):
            x = -220 + 440 * (fold + dice.between(0.2, 0.8)) / folds
            start = (x * 0.55, 175 + abs(x) * 0.2)
            dark = palette.dark(tone, 0.55) if fold % 2 else palette.bright(tone, 0.3)
            sheet.shape(leaf(start, (x * 0.8, 280), (x * 1.15, 420), dice.between(5, 13)), dark,
                        opacity=0.5)  # fmt: skip
        floor = sheet.linear((0, 220), (0, 360), (0.0, palette.shade, 0.0), (1.0, palette.shade, 0.4))
        sheet.shape(f"M-400,200H400V{FLOOR:.0f}H-400Z", floor)


def _trim(sheet: Sheet, path: str, tone: Colour, width: float, under: Colour) -> None:
    sheet.shape(path, stroke=under, width=width + 4, opacity=0.55)
    sheet.shape(path, stroke=tone, width=width)


def brooch(sheet: Sheet, palette: Palette, x: float, y: float, size: float) -> None:
    metal = palette.metal
    sheet.shape(circle(x, y + 2, size + 1), palette.shade, opacity=0.5)
    sheet.shape(circle(x, y, size), sheet.linear((x - size, y - size), (x + size, y + size),
                (0.0, palette.bright(metal, 0.6)), (1.0, palette.dark(metal, 0.5))))  # fmt: skip
    sheet.shape(circle(x, y, size * 0.62), palette.gem.lit(-0.12))
    sheet.shape(circle(x, y - size * 0.08, size * 0.5), palette.gem)
    sheet.shape(circle(x - size * 0.18, y - size * 0.22, size * 0.16), "#ffffff", opacity=0.85)


def robe(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """Crossed over the breast, with broad bands."""
    n = body.neck
    inner = f"M{at((-n - 26, 168), (0, 262), (n + 26, 168), (n + 40, 300), (-n - 40, 300))}Z"
    sheet.shape(inner, palette.lining)
    sheet.shape(f"M{at((-n - 12, 166), (0, 236), (n + 12, 166))}", stroke=palette.dark(palette.lining),
                width=5)  # fmt: skip
    path = mantle(body, neck_y=156, gap=n + 16, dip=150)
    _cloth(sheet, palette, look, path, palette.cloth, dice)
    front = -1 if look.light > 0 else 1
    for side in (-front, front):
        band = polygon([(side * (n + 8), 150), (side * (n + 34), 164), (-side * 16, 350),
                        (-side * 44, 350)])  # fmt: skip
        tone = palette.lining if side == front else palette.dark(palette.lining, 0.5)
        sheet.shape(band, palette.shade, opacity=0.35, move=(side * 6, 5))
        sheet.shape(band, tone)
        line = f"M{at((side * (n + 29), 164), (-side * 21, 350))}"
        sheet.shape(line, stroke=palette.metal, width=2.6, opacity=0.9)
        if dice.chance(0.6):
            sheet.shape(f"M{at((side * (n + 20), 160), (-side * 30, 350))}", stroke=palette.metal,
                        width=5, dash="0.1 12")  # fmt: skip
    if look.jewels:
        brooch(sheet, palette, -front * 2, 262, 13)


def plate(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """Breastplate, gorget and pauldrons."""
    n, s, shine = body.neck, body.shoulder, look.light
    steel = palette.cloth.mix(palette.key, 0.12) if dice.chance(0.35) else Colour(0.62, 0, -0.012)
    steel = steel.mix(palette.shade, palette.scheme.dim + 0.08).mix(palette.sky[1], 0.12)
    chest = mantle(body, neck_y=172, gap=n + 12, dip=30)
    sheet.shape(chest, palette.dark(steel, 0.8))
    plate_path = (
        f"M{at((-n - 40, 196))}Q{at((0, 250), (n + 40, 196))}L{at((s * 0.86, 260), (s * 0.8, FLOOR), (-s * 0.8, FLOOR), (-s * 0.86, 260))}Z"  # noqa: E501
    )
    sheet.shape(plate_path, sheet.linear((shine * 150, 190), (-shine * 150, 300),
                (0.0, palette.bright(steel, 0.75)), (0.35, steel), (1.0, palette.dark(steel, 0.75))))  # fmt: skip
    with sheet.within(plate_path):
        sheet.shape(polygon([(0, 220), (-shine * 200, 200), (-shine * 200, 420), (0, 420)]),
                    palette.dark(steel, 0.8), opacity=0.45)  # fmt: skip
        sheet.shape(leaf((shine * 54, 225), (shine * 70, 290), (shine * 40, 400), 9), "#ffffff", opacity=0.35)
    _trim(sheet, f"M{at((-n - 38, 200))}Q{at((0, 254), (n + 38, 200))}", palette.metal, 5, palette.shade)
    crest = dice.pick(("star", "gem", "wing", "none"))
    if crest == "gem":
        brooch(sheet, palette, 0, 276, 17)
    elif crest == "star":
        points = [(_radius(k) * math.sin(k * math.pi / 4), 280 - _radius(k) * math.cos(k * math.pi / 4))
                  for k in range(8)]  # fmt: skip
        sheet.shape(polygon(points), palette.metal)
    elif crest == "wing":
        for side in (-1, 1):
            for k in range(3):
                sheet.shape(leaf((side * 5, 292 - k * 3), (side * 32, 284 - k * 12), (side * (62 - k * 10), 262 - k * 12), 5),
                            palette.metal)  # fmt: skip
    gorget = (f"M{at((-n - 6, 118))}Q{at((0, 156), (n + 6, 118))}L{at((n + 22, 182))}"
              f"Q{at((0, 246), (-n - 22, 182))}Z")  # fmt: skip
    sheet.shape(gorget, palette.shade, opacity=0.4, move=(0, 8))
    sheet.shape(gorget, sheet.linear((shine * 60, 0), (-shine * 60, 20), (0.0, palette.bright(steel, 0.6)),
                (0.5, steel), (1.0, palette.dark(steel, 0.7))))  # fmt: skip
    _trim(sheet, f"M{at((-n - 6, 119))}Q{at((0, 157), (n + 6, 119))}", palette.metal, 4, palette.shade)
    sheet.shape(f"M{at((0, 138), (0, 212))}", stroke=palette.dark(steel, 0.8), width=2.4, opacity=0.8)
    for side in (-1, 1):
        tone = steel if side == shine else palette.dark(steel, 0.45)
        for layer in (2, 1, 0):
            drop, wide = layer * 30, 26 - layer * 6
            outer, inner = side * (s + wide), side * s * 0.46
            pauldron = (
                f"M{at((inner, 190 + drop * 0.5))}C{at((side * s * 0.60, 158 + drop), (side * s * 0.96, 158 + drop), (outer, 216 + drop))}"
                f"L{at((outer - side * 4, 240 + drop))}C{at((side * s * 0.98, 218 + drop), (side * s * 0.70, 222 + drop), (inner + side * 10, 238 + drop * 0.8))}Z"
            )
            sheet.shape(pauldron, palette.shade, opacity=0.45, move=(0, 7))
            sheet.shape(pauldron, sheet.linear((0, 165 + drop), (0, 240 + drop), (0.0, palette.bright(tone, 0.7)),
                        (0.4, tone), (1.0, palette.dark(tone, 0.8))))  # fmt: skip
            sheet.shape(f"M{at((outer - side * 4, 240 + drop))}C{at((side * s * 0.98, 218 + drop), (side * s * 0.70, 222 + drop), (inner + side * 10, 238 + drop * 0.8))}",
                        stroke=palette.metal, width=3.2)  # fmt: skip
        sheet.shape(circle(side * s * 0.62, 200, 6), palette.metal)


def _radius(corner: int) -> float:
    return 22.0 if corner % 2 == 0 else 7.0


def leather(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A shirt, a jerkin laced over it, and a strap."""
    n = body.neck
    hide = palette.cloth.mix(Colour(0.42, 0.04, 0.05), 0.55)
    shirt = mantle(body, neck_y=160, gap=n + 10, dip=62)
    _cloth(sheet, palette, look, shirt, palette.lining, dice, folds=5)
    s = body.shoulder
    jerkin = (
        f"M{at((-n - 44, 178))}L{at((-14, 300), (-10, FLOOR), (-s - 30, FLOOR), (-s - 14, 240))}"
        f"C{at((-s * 0.9, 205), (-s * 0.6, 190), (-n - 44, 178))}Z"
        f"M{at((n + 44, 178))}L{at((14, 300), (10, FLOOR), (s + 30, FLOOR), (s + 14, 240))}"
        f"C{at((s * 0.9, 205), (s * 0.6, 190), (n + 44, 178))}Z"
    )
    sheet.shape(jerkin, palette.shade, opacity=0.4, move=(0, 6))
    _cloth(sheet, palette, look, jerkin, hide, dice, folds=4)
    for side in (-1, 1):
        seam = f"M{at((side * (n + 40), 188), (side * 22, 302), (side * 18, 390))}"
        sheet.shape(seam, stroke=palette.bright(hide, 0.55), width=2.4, dash="7 6")
    laces = "".join(f"M{at((-17, y), (17, y + 17))}M{at((17, y), (-17, y + 17))}" for y in (300, 324, 348))
    sheet.shape(laces, stroke=palette.bright(palette.lining, 0.3), width=3.4)
    side = look.light
    strap = polygon([(side * (n + 62), 176), (side * (n + 94), 186), (-side * 96, 400), (-side * 136, 400)])
    sheet.shape(strap, palette.shade, opacity=0.4, move=(0, 8))
    dark = palette.dark(hide, 0.65)
    sheet.shape(strap, dark)
    sheet.shape(f"M{at((side * (n + 67), 182), (-side * 128, 400))}M{at((side * (n + 88), 188), (-side * 102, 400))}",  # noqa: E501
                stroke=palette.bright(hide, 0.3), width=1.8, dash="5 5")  # fmt: skip
    with sheet.placed((side * (n - 8), 278), turn=side * 46):
        sheet.shape("M-22,-15H22V15H-22ZM-14,-8H14V8H-14Z", palette.metal)
        sheet.shape("M-2,-3H18V3H-2Z", palette.bright(palette.metal, 0.4))
    _stand_collar(sheet, palette, look, body, hide)


def _stand_collar(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, tone: Colour,
                  tall: float = 46) -> None:  # fmt: skip
    """Two leaves of a collar that stand up beside the neck."""
    n = body.neck
    for side in (-1, 1):
        lit = palette.bright(tone, 0.3) if side == look.light else palette.dark(tone, 0.45)
        path = (
            f"M{at((side * (n + 4), 168 - tall))}C{at((side * (n + 18), 164 - tall), (side * (n + 42), 158), (side * (n + 60), 184))}"  # noqa: E501
            f"L{at((side * 20, 240))}C{at((side * (n - 8), 206), (side * (n + 2), 176), (side * (n + 4), 168 - tall))}Z"
        )
        sheet.shape(path, palette.shade, opacity=0.45, move=(0, 7))
        sheet.shape(path, lit)
        sheet.shape(f"M{at((side * (n + 4), 168 - tall))}C{at((side * (n + 2), 176), (side * (n - 8), 206), (side * 20, 240))}",  # noqa: E501
                    stroke=palette.bright(lit, 0.4), width=2.5)  # fmt: skip


def coat(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A court coat: lapels, braid, buttons, a cravat or a bare throat."""
    n, tone = body.neck, palette.cloth
    inner = mantle(body, neck_y=150, gap=n + 6, dip=26)
    sheet.shape(inner, palette.dark(palette.lining, 0.2))
    frills = dice.chance(0.55)
    sheet.shape(polygon([(-n - 20, 172), (0, 330), (n + 20, 172), (0, 196)]), palette.lining)
    if frills:
        for row in range(4):
            y, w = 178 + row * 32, 40 - row * 5
            sheet.shape(f"M{at((-w * 0.5, y - 10))}Q{at((-w * 1.3, y + 12), (-w * 0.8, y + 34))}"
                        f"Q{at((-w * 0.4, y + 24), (0, y + 36))}Q{at((w * 0.4, y + 24), (w * 0.8, y + 34))}"
                        f"Q{at((w * 1.3, y + 12), (w * 0.5, y - 10))}Z",
                        palette.bright(palette.lining, 0.35 - row * 0.12),
                        stroke=palette.dark(palette.lining, 0.5), width=1.5)  # fmt: skip
        brooch(sheet, palette, 0, 178, 12)
    path = mantle(body, neck_y=160, gap=n + 30, puff=6, dip=0)
    left = f"M{at((-n - 26, 168))}L{at((-4, 360), (-4, FLOOR), (-400, FLOOR), (-400, 100), (-n - 26, 100))}Z"
    right = f"M{at((n + 26, 168))}L{at((4, 360), (4, FLOOR), (400, FLOOR), (400, 100), (n + 26, 100))}Z"
    with sheet.within(left + right):
        _cloth(sheet, palette, look, path, tone, dice, folds=6)
    _stand_collar(sheet, palette, look, body, palette.dark(tone, 0.2), tall=58)
    for side in (-1, 1):
        lapel = polygon([(side * (n + 38), 176), (side * (n + 92), 226), (side * (n + 60), 244),
                         (side * (n + 66), 268), (side * 6, 362)])  # fmt: skip
        sheet.shape(lapel, palette.shade, opacity=0.4, move=(side * 4, 6))
        sheet.shape(lapel, palette.bright(tone, 0.16) if side == look.light else palette.dark(tone, 0.4))
        _trim(sheet, f"M{at((side * (n + 38), 176), (side * (n + 92), 226), (side * (n + 60), 244), (side * (n + 66), 268), (side * 6, 362))}",  # noqa: E501
              palette.metal, 3.2, palette.shade)  # fmt: skip
        s = body.shoulder
        if dice.chance(0.6):
            sheet.shape(f"M{at((side * s * 0.72, 206))}Q{at((side * s * 0.98, 208), (side * (s + 18), 244))}"
                        f"L{at((side * s * 0.84, 250))}Q{at((side * s * 0.8, 226), (side * s * 0.72, 206))}Z",
                        palette.metal)  # fmt: skip
            fringe = "".join(f"M{at((side * (s * 0.84 + k * 7), 248))}v{18 + k * 1.5:.0f}" for k in range(6))
            sheet.shape(fringe, stroke=palette.dark(palette.metal, 0.3), width=4)


def fur(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A mantle with a deep collar of fur."""
    tunic = mantle(body, neck_y=160, gap=body.neck + 14, dip=44)
    _cloth(sheet, palette, look, tunic, palette.lining, dice, folds=5)
    sheet.shape(f"M{at((-body.neck - 8, 166))}Q{at((0, 236), (body.neck + 8, 166))}", stroke=palette.metal,
                width=6)  # fmt: skip
    n, s = body.neck, body.shoulder
    left = f"M-400,100H{-n - 20:.0f}L-60,{FLOOR:.0f}H-400Z"
    right = f"M400,100H{n + 20:.0f}L60,{FLOOR:.0f}H400Z"
    with sheet.within(left + right):
        _cloth(sheet, palette, look, mantle(body, neck_y=150, gap=n + 10, puff=14), palette.cloth, dice)
    pelt = Colour(*dice.pick(((0.86, 0.004, 0.02), (0.42, 0.02, 0.035), (0.3, 0.01, 0.0),
                              (0.62, 0.03, 0.06)))).mix(palette.shade, palette.scheme.dim)  # fmt: skip
    for row, (drop, reach) in enumerate(((46, 1.0), (26, 0.82), (6, 0.62))):
        tone = palette.dark(pelt, 0.55 - row * 0.25)
        tufts = []
        for side in (-1, 1):
            for k in range(15):
                share = k / 14
                x = side * (n + 2 + (s * reach - n) * share)
                y = 148 + 62 * share**1.5 + (1 - reach) * 20
                end = (x + side * (14 + 22 * share) + dice.centred(7), y + drop + dice.between(14, 30))
                tufts.append(leaf((x, y), (x + side * 6, y + drop * 0.7), end, 10, root=22))
            for k in range(8):
                y = 160 + k * 22
                x = side * (n + 12 - k * 1.5)
                tufts.append(leaf((x + side * 22, y), (x, y + 10), (x - side * 8 + dice.centred(6), y + drop * 0.6 + 16),  # noqa: E501
                                  9, root=26))  # fmt: skip
        sheet.shape("".join(tufts), tone)
    if look.jewels or look.archetype == "ruler":
        chain = f"M{at((-n - 26, 240))}Q{at((0, 300), (n + 26, 240))}"
        sheet.shape(chain, stroke=palette.dark(palette.metal, 0.5), width=9)
        sheet.shape(chain, stroke=palette.metal, width=7, dash="9 6")
        brooch(sheet, palette, 0, 276, 15)


def tunic(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A linen tunic, open at the throat and laced, with an embroidered edge."""
    n = body.neck
    path = mantle(body, neck_y=158, gap=n + 16, dip=36)
    _cloth(sheet, palette, look, path, palette.cloth, dice, folds=8)
    slit = f"M{at((-20, 190), (0, 272), (20, 190))}Z"
    sheet.shape(slit, palette.skin_dark)
    edge = f"M{at((-n - 16, 158))}C{at((-n * 0.8, 186), (-30, 192), (-20, 193))}L{at((0, 274), (20, 193))}C{at((30, 192), (n * 0.8, 186), (n + 16, 158))}"  # noqa: E501
    sheet.shape(edge, stroke=palette.shade, width=17, opacity=0.4, move=(0, 4))
    sheet.shape(edge, stroke=palette.lining, width=14)
    sheet.shape(edge, stroke=palette.metal, width=4, dash=dice.pick(("0.1 9", "8 6", "3 7")))
    laces = "".join(f"M{at((-13 + k * 4, 206 + k * 18), (13 - k * 4, 214 + k * 18))}" for k in range(3))
    sheet.shape(laces, stroke=palette.lining, width=3)
    if dice.chance(0.5):
        _scarf(sheet, palette, look, body)


def _scarf(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    n, tone, side = body.neck, palette.lining.mix(palette.gem, 0.45), look.light
    tail = f"M{at((side * 20, 190))}Q{at((side * 60, 250), (side * 42, 345))}L{at((side * 88, 338))}Q{at((side * 96, 240), (side * 54, 176))}Z"  # noqa: E501
    wrap = f"M{at((-n - 14, 128))}Q{at((0, 182), (n + 14, 128))}Q{at((n + 44, 160), (n + 22, 190))}Q{at((0, 248), (-n - 22, 190))}Q{at((-n - 44, 160), (-n - 14, 128))}Z"  # noqa: E501
    for path in (tail, wrap):
        sheet.shape(path, palette.shade, opacity=0.4, move=(0, 7))
        sheet.shape(path, sheet.linear((side * 80, 0), (-side * 80, 40), (0.0, palette.bright(tone, 0.4)),
                    (1.0, palette.dark(tone, 0.5))))  # fmt: skip
    for k in range(3):
        y = 150 + k * 18
        sheet.shape(leaf((-n - 10, y), (0, y + 46), (n + 14, y + 4), 4), palette.dark(tone, 0.6), opacity=0.7)


def gown(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """Bare shoulders, a shaped neckline, embroidery."""
    s, tone = body.shoulder, palette.cloth
    path = (
        f"M{at((-s - 8, 262))}C{at((-s * 0.7, 252), (-s * 0.46, 262), (-56, 266))}"
        f"Q{at((-26, 262), (0, 290))}Q{at((26, 262), (56, 266))}"
        f"C{at((s * 0.46, 262), (s * 0.7, 252), (s + 8, 262))}C{at((s + 34, 300), (s + 30, 350), (s + 30, FLOOR))}"
        f"L{at((-s - 30, FLOOR))}C{at((-s - 30, 350), (-s - 34, 300), (-s - 8, 262))}Z"
    )
    sheet.shape(path, palette.skin_deep, opacity=0.5, move=(0, -6))
    _cloth(sheet, palette, look, path, tone, dice, folds=9)
    edge = path.split("L", 1)[0].rsplit("C", 1)[0]
    sheet.shape(edge, stroke=palette.metal, width=7)
    sheet.shape(edge, stroke=palette.bright(palette.metal, 0.7), width=2.4, dash="0.1 8")
    for side in (-1, 1):
        for k in range(4):
            foot = (side * (18 + k * 22), 300 + k * 6)
            sheet.shape(leaf(foot, (side * (34 + k * 22), 306), (side * (30 + k * 24), 334 + k * 4), 5),
                        palette.metal, opacity=0.8)  # fmt: skip
    _necklace(sheet, palette, body)


def _necklace(sheet: Sheet, palette: Palette, body: Anatomy) -> None:
    n = body.neck
    chain = f"M{at((-n - 10, 164))}C{at((-n, 210), (-24, 228), (0, 230))}C{at((24, 228), (n, 210), (n + 10, 164))}"
    sheet.shape(chain, stroke=palette.skin_deep, width=5, opacity=0.4, move=(0, 4))
    sheet.shape(chain, stroke=palette.metal, width=3)
    sheet.shape(chain, stroke=palette.bright(palette.metal, 0.8), width=5, dash="0.1 11")
    sheet.shape("M0,226L13,244L0,266L-13,244Z", palette.metal)
    sheet.shape("M0,232L8,245L0,260L-8,245Z", palette.gem)
    sheet.shape("M0,232L-8,245L0,247Z", "#ffffff", opacity=0.5)


def cloak(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A travelling cloak clasped at one shoulder or at the throat."""
    n, s = body.neck, body.shoulder
    under = mantle(body, neck_y=160, gap=n + 12, dip=40)
    _cloth(sheet, palette, look, under, palette.lining, dice, folds=5)
    sheet.shape(f"M{at((-n - 10, 164))}Q{at((0, 232), (n + 10, 164))}", stroke=palette.dark(palette.lining, 0.7),
                width=6)  # fmt: skip
    clasp = dice.pick((0.0, 0.0, 46.0 * look.light))
    for side in (-look.light, look.light):
        path = (
            f"M{at((side * (n + 2), 132))}C{at((side * (n + 40), 140), (side * s * 0.8, 170), (side * (s + 22), 236))}"
            f"L{at((side * (s + 60), FLOOR), (side * 108, FLOOR))}"
            f"C{at((side * 96, 320), (clasp + side * 30, 270), (clasp, 236))}"
            f"C{at((side * n * 0.8, 214), (side * (n + 8), 180), (side * (n + 2), 132))}Z"
        )
        sheet.shape(path, palette.shade, opacity=0.45, move=(-side * 7, 9))
        tone = palette.cloth if side == look.light else palette.dark(palette.cloth, 0.25)
        _cloth(sheet, palette, look, path, tone, dice, folds=7)
        sheet.shape(f"M{at((side * 108, FLOOR))}C{at((side * 96, 320), (clasp + side * 30, 270), (clasp, 236))}",
                    stroke=palette.metal, width=3.4, opacity=0.9)  # fmt: skip
        for k in range(3):
            sheet.shape(leaf((side * (n + 8 + k * 14), 140 + k * 4), (side * (n + 22 + k * 9), 205), (clasp + side * 8, 236), 4),
                        palette.dark(tone, 0.6), opacity=0.6)  # fmt: skip
    brooch(sheet, palette, clasp, 238, 16)


Draw = Callable[[Sheet, Palette, Look, Anatomy, Dice], None]
GARMENTS: dict[Garment, Draw] = {
    "robe": robe, "plate": plate, "leather": leather, "coat": coat, "fur": fur, "tunic": tunic,
    "gown": gown, "cloak": cloak,
}  # fmt: skip
