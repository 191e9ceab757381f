"""Robes, coats, furs, gowns, tunics and cloaks."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.cloth import FLOOR, brooch, cloth, mantle, stand_collar, trim
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, leaf, polygon


def robe(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """Crossed over the breast, with broad bands."""
    n = body.neck
    inner = f"M{at((-n - 26, 168), (0, 262), (n + 26, 168), (n + 40, 300), (-n - 40, 300))}Z"
    sheet.shape(inner, palette.lining)
    sheet.shape(
        f"M{at((-n - 12, 166), (0, 236), (n + 12, 166))}",
        stroke=palette.dark(palette.lining),
        width=5,
    )
    path = mantle(body, neck_y=156, gap=n + 16, dip=150)
    cloth(sheet, palette, look, path, palette.cloth, dice)
    front = -1 if look.light > 0 else 1
    for side in (-front, front):
        band = polygon(
            [(side * (n + 8), 150), (side * (n + 34), 164), (-side * 16, 350), (-side * 44, 350)]
        )
        tone = palette.lining if side == front else palette.dark(palette.lining, 0.5)
        sheet.shape(band, palette.shade, opacity=0.35, move=(side * 6, 5))
        sheet.shape(band, tone)
        line = f"M{at((side * (n + 29), 164), (-side * 21, 350))}"
        sheet.shape(line, stroke=palette.metal, width=2.6, opacity=0.9)
        if dice.chance(0.6):
            sheet.shape(
                f"M{at((side * (n + 20), 160), (-side * 30, 350))}",
                stroke=palette.metal,
                width=5,
                dash="0.1 12",
            )
    if look.jewels:
        brooch(sheet, palette, -front * 2, 262, 13)


def coat(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A court coat: lapels, braid, buttons, a cravat or a bare throat."""
    n, tone = body.neck, palette.cloth
    inner = mantle(body, neck_y=150, gap=n + 6, dip=26)
    sheet.shape(inner, palette.dark(palette.lining, 0.2))
    frills = dice.chance(0.55)
    sheet.shape(polygon([(-n - 20, 172), (0, 330), (n + 20, 172), (0, 196)]), palette.lining)
    if frills:
        for top, low, half in ((214, 322, 50), (172, 262, 44)):
            scallops = [(half - half * k / 3.5, low + (10 if k % 2 else -4)) for k in range(8)]
            fall = polygon([(-13, top), (13, top), (half, low - 16), *scallops, (-half, low - 16)])
            sheet.shape(fall, palette.shade, opacity=0.35, move=(0, 6))
            sheet.shape(
                fall,
                sheet.linear(
                    (0, top),
                    (0, low),
                    (0.0, palette.dark(palette.lining, 0.4)),
                    (1.0, palette.bright(palette.lining, 0.4)),
                ),
            )
            for k in range(1, 7):
                x = half - half * k / 3.5
                sheet.shape(
                    leaf((x * 0.25, top + 6), (x * 0.6, (top + low) / 2), (x, low), 1.7),
                    palette.dark(palette.lining, 0.7),
                    opacity=0.6,
                )
        brooch(sheet, palette, 0, 178, 12)
    path = mantle(body, neck_y=160, gap=n + 30, puff=6, dip=0)
    left = (
        f"M{at((-n - 26, 168))}"
        f"L{at((-4, 360), (-4, FLOOR), (-400, FLOOR), (-400, 100), (-n - 26, 100))}Z"
    )
    right = (
        f"M{at((n + 26, 168))}L{at((4, 360), (4, FLOOR), (400, FLOOR), (400, 100), (n + 26, 100))}Z"
    )
    with sheet.within(left + right):
        cloth(sheet, palette, look, path, tone, dice, folds=6)
    stand_collar(sheet, palette, look, body, palette.dark(tone, 0.2), tall=58)
    for side in (-1, 1):
        lapel = polygon(
            [
                (side * (n + 38), 176),
                (side * (n + 92), 226),
                (side * (n + 60), 244),
                (side * (n + 66), 268),
                (side * 6, 362),
            ]
        )
        sheet.shape(lapel, palette.shade, opacity=0.4, move=(side * 4, 6))
        sheet.shape(
            lapel, palette.bright(tone, 0.16) if side == look.light else palette.dark(tone, 0.4)
        )
        trim(
            sheet,
            f"M{at((side * (n + 38), 176), (side * (n + 92), 226), (side * (n + 60), 244))} "
            f"{at((side * (n + 66), 268), (side * 6, 362))}",
            palette.metal,
            3.2,
            palette.shade,
        )
        s = body.shoulder
        if dice.chance(0.6):
            sheet.shape(
                f"M{at((side * s * 0.72, 206))}"
                f"Q{at((side * s * 0.98, 208), (side * (s + 18), 244))}"
                f"L{at((side * s * 0.84, 250))}"
                f"Q{at((side * s * 0.8, 226), (side * s * 0.72, 206))}Z",
                palette.metal,
            )
            fringe = "".join(
                f"M{at((side * (s * 0.84 + k * 7), 248))}v{18 + k * 1.5:.0f}" for k in range(6)
            )
            sheet.shape(fringe, stroke=palette.dark(palette.metal, 0.3), width=4)


def fur(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A mantle with a deep collar of fur."""
    tunic = mantle(body, neck_y=160, gap=body.neck + 14, dip=44)
    cloth(sheet, palette, look, tunic, palette.lining, dice, folds=5)
    sheet.shape(
        f"M{at((-body.neck - 8, 166))}Q{at((0, 236), (body.neck + 8, 166))}",
        stroke=palette.metal,
        width=6,
    )
    n, s = body.neck, body.shoulder
    left = f"M-400,100H{-n - 20:.0f}L-60,{FLOOR:.0f}H-400Z"
    right = f"M400,100H{n + 20:.0f}L60,{FLOOR:.0f}H400Z"
    with sheet.within(left + right):
        cloth(
            sheet, palette, look, mantle(body, neck_y=150, gap=n + 10, puff=14), palette.cloth, dice
        )
    pelt = Colour(
        *dice.pick(((0.86, 0.004, 0.02), (0.42, 0.02, 0.035), (0.3, 0.01, 0.0), (0.62, 0.03, 0.06)))
    ).mix(palette.shade, palette.scheme.dim)
    for row, (drop, reach) in enumerate(((46, 1.0), (26, 0.82), (6, 0.62))):
        tone = palette.dark(pelt, 0.55 - row * 0.25)
        tufts = []
        for side in (-1, 1):
            for k in range(15):
                share = k / 14
                x = side * (n + 2 + (s * reach - n) * share)
                y = 148 + 62 * share**1.5 + (1 - reach) * 20
                end = (
                    x + side * (14 + 22 * share) + dice.centred(7),
                    y + drop + dice.between(14, 30),
                )
                tufts.append(leaf((x, y), (x + side * 6, y + drop * 0.7), end, 10, root=22))
            for k in range(8):
                y = 160 + k * 22
                x = side * (n + 12 - k * 1.5)
                tufts.append(
                    leaf(
                        (x + side * 22, y),
                        (x, y + 10),
                        (x - side * 8 + dice.centred(6), y + drop * 0.6 + 16),
                        9,
                        root=26,
                    )
                )
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
    cloth(sheet, palette, look, path, palette.cloth, dice, folds=8)
    slit = f"M{at((-20, 190), (0, 272), (20, 190))}Z"
    sheet.shape(slit, palette.skin_dark)
    edge = (
        f"M{at((-n - 16, 158))}"
        f"C{at((-n * 0.8, 186), (-30, 192), (-20, 193))}"
        f"L{at((0, 274), (20, 193))}"
        f"C{at((30, 192), (n * 0.8, 186), (n + 16, 158))}"
    )
    sheet.shape(edge, stroke=palette.shade, width=17, opacity=0.4, move=(0, 4))
    sheet.shape(edge, stroke=palette.lining, width=14)
    sheet.shape(edge, stroke=palette.metal, width=4, dash=dice.pick(("0.1 9", "8 6", "3 7")))
    laces = "".join(
        f"M{at((-13 + k * 4, 206 + k * 18), (13 - k * 4, 214 + k * 18))}" for k in range(3)
    )
    sheet.shape(laces, stroke=palette.lining, width=3)
    if dice.chance(0.5):
        _scarf(sheet, palette, look, body)


def _scarf(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    n, tone, side = body.neck, palette.lining.mix(palette.gem, 0.45), look.light
    tail = (
        f"M{at((side * 20, 190))}"
        f"Q{at((side * 60, 250), (side * 42, 345))}"
        f"L{at((side * 88, 338))}"
        f"Q{at((side * 96, 240), (side * 54, 176))}Z"
    )
    wrap = (
        f"M{at((-n - 14, 128))}"
        f"Q{at((0, 182), (n + 14, 128))}"
        f"Q{at((n + 44, 160), (n + 22, 190))}"
        f"Q{at((0, 248), (-n - 22, 190))}"
        f"Q{at((-n - 44, 160), (-n - 14, 128))}Z"
    )
    for path in (tail, wrap):
        sheet.shape(path, palette.shade, opacity=0.4, move=(0, 7))
        sheet.shape(
            path,
            sheet.linear(
                (side * 80, 0),
                (-side * 80, 40),
                (0.0, palette.bright(tone, 0.4)),
                (1.0, palette.dark(tone, 0.5)),
            ),
        )
    for k in range(3):
        y = 150 + k * 18
        sheet.shape(
            leaf((-n - 10, y), (0, y + 46), (n + 14, y + 4), 4),
            palette.dark(tone, 0.6),
            opacity=0.7,
        )


def gown(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """Bare shoulders, a shaped neckline, embroidery."""
    s, tone = body.shoulder, palette.cloth
    path = (
        f"M{at((-s - 8, 262))}C{at((-s * 0.7, 252), (-s * 0.46, 262), (-56, 266))}"
        f"Q{at((-26, 262), (0, 290))}Q{at((26, 262), (56, 266))}"
        f"C{at((s * 0.46, 262), (s * 0.7, 252), (s + 8, 262))}"
        f"C{at((s + 34, 300), (s + 30, 350), (s + 30, FLOOR))}"
        f"L{at((-s - 30, FLOOR))}C{at((-s - 30, 350), (-s - 34, 300), (-s - 8, 262))}Z"
    )
    sheet.shape(path, palette.skin_deep, opacity=0.5, move=(0, -6))
    cloth(sheet, palette, look, path, tone, dice, folds=9)
    edge = path.split("L", 1)[0].rsplit("C", 1)[0]
    sheet.shape(edge, stroke=palette.metal, width=7)
    sheet.shape(edge, stroke=palette.bright(palette.metal, 0.7), width=2.4, dash="0.1 8")
    for side in (-1, 1):
        for k in range(4):
            foot = (side * (18 + k * 22), 300 + k * 6)
            sheet.shape(
                leaf(foot, (side * (34 + k * 22), 306), (side * (30 + k * 24), 334 + k * 4), 5),
                palette.metal,
                opacity=0.8,
            )
    _necklace(sheet, palette, body)


def _necklace(sheet: Sheet, palette: Palette, body: Anatomy) -> None:
    n = body.neck
    chain = (
        f"M{at((-n - 10, 164))}"
        f"C{at((-n, 210), (-24, 228), (0, 230))}"
        f"C{at((24, 228), (n, 210), (n + 10, 164))}"
    )
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
    cloth(sheet, palette, look, under, palette.lining, dice, folds=5)
    sheet.shape(
        f"M{at((-n - 10, 164))}Q{at((0, 232), (n + 10, 164))}",
        stroke=palette.dark(palette.lining, 0.7),
        width=6,
    )
    clasp = dice.pick((0.0, 0.0, 46.0 * look.light))
    for side in (-look.light, look.light):
        path = (
            f"M{at((side * (n + 2), 132))}"
            f"C{at((side * (n + 40), 140), (side * s * 0.8, 170), (side * (s + 22), 236))}"
            f"L{at((side * (s + 60), FLOOR), (side * 108, FLOOR))}"
            f"C{at((side * 96, 320), (clasp + side * 30, 270), (clasp, 236))}"
            f"C{at((side * n * 0.8, 214), (side * (n + 8), 180), (side * (n + 2), 132))}Z"
        )
        sheet.shape(path, palette.shade, opacity=0.45, move=(-side * 7, 9))
        tone = palette.cloth if side == look.light else palette.dark(palette.cloth, 0.25)
        cloth(sheet, palette, look, path, tone, dice, folds=7)
        sheet.shape(
            f"M{at((side * 108, FLOOR))}"
            f"C{at((side * 96, 320), (clasp + side * 30, 270), (clasp, 236))}",
            stroke=palette.metal,
            width=3.4,
            opacity=0.9,
        )
        for k in range(3):
            sheet.shape(
                leaf(
                    (side * (n + 8 + k * 14), 140 + k * 4),
                    (side * (n + 22 + k * 9), 205),
                    (clasp + side * 8, 236),
                    4,
                ),
                palette.dark(tone, 0.6),
                opacity=0.6,
            )
    brooch(sheet, palette, clasp, 238, 16)
