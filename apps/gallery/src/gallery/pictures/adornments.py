"""Ears, horns, beards, and what people wear on a face: glasses, scars, jewels."""

import math

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Point, Sheet, at, circle, ellipse, leaf, polygon, smooth


def ears(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    dice = Dice(seed, "ears")
    long = dice.between(42, 78)
    for side in (-1, 1):
        tone = palette.skin if side == look.light else palette.skin_dark
        if look.species == "merfolk":
            _fin(sheet, palette, body, side)
            continue
        if look.species == "catfolk":
            continue
        w = body.width
        if look.species in ("elf", "fey", "tiefling", "orc", "undead"):
            reach = long if look.species in ("elf", "fey") else 30
            tip = (side * (w + reach), -22 - reach * 0.42)
            path = (
                f"M{at((side * (w - 10), 40))}C{at((side * (w + 12), 40), (side * (w + 17), 12), (side * (w + 20), 2))}"
                f"Q{at((side * (w + reach * 0.62), -6), tip)}Q{at((side * (w + 12), -36), (side * (w - 10), -14))}Z"
            )
            inner = leaf((side * (w - 2), 22), (side * (w + 14), -12), (side * (w + reach * 0.74), -20 - reach * 0.3), 6)
        else:
            path = (
                f"M{at((side * (w - 10), -16))}C{at((side * (w + 14), -30), (side * (w + 22), -4), (side * (w + 14), 14))}"
                f"C{at((side * (w + 12), 26), (side * (w + 8), 42), (side * (w - 8), 40))}Z"
            )
            inner = leaf((side * (w + 2), -10), (side * (w + 13), 2), (side * (w + 2), 26), 4)
        sheet.shape(path, tone)
        sheet.shape(inner, palette.skin_deep, opacity=0.7)
        if look.jewels:
            _earring(sheet, palette, side * (w + 5), 44)


def _earring(sheet: Sheet, palette: Palette, x: float, y: float) -> None:
    sheet.shape(circle(x, y, 4), palette.metal)
    sheet.shape(f"M{at((x, y + 3))}v7", stroke=palette.metal, width=2)
    sheet.shape(polygon([(x, y + 9), (x + 6, y + 19), (x, y + 33), (x - 6, y + 19)]), palette.gem)
    sheet.shape(polygon([(x, y + 9), (x - 6, y + 19), (x, y + 20)]), palette.gem.lit(0.2))


def _fin(sheet: Sheet, palette: Palette, body: Anatomy, side: int) -> None:
    w = body.width
    rays = [(74, -58), (82, -16), (70, 22), (48, 50)]
    points: list[Point] = [(side * (w - 10), -30)]
    for k, (x, y) in enumerate(rays):
        points.append((side * (w + x * 0.9), y))
        if k < 3:
            points.append((side * (w + x * 0.66), y + 22))
    points.append((side * (w - 10), 48))
    fin = palette.skin.turned(40).vivid(1.5)
    sheet.shape(polygon(points), sheet.linear((side * w, 0), (side * (w + 74), 0), (0.0, palette.skin_dark), (1.0, fin)))
    lines = "".join(f"M{at((side * (w - 8), 6), (side * (w + x * 0.86), y))}" for x, y in rays)
    sheet.shape(lines, stroke=palette.skin_deep, width=2.6, opacity=0.8)


def cat_ears(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    w, top = body.width, body.top
    for side in (-1, 1):
        tone = palette.skin if side == look.light else palette.skin_dark
        sheet.shape(f"M{at((side * w * 0.28, -top - 6))}Q{at((side * w * 0.52, -top - 60), (side * w * 0.94, -top - 74))}"
                    f"Q{at((side * (w + 14), -top - 10), (side * w * 0.98, -top * 0.55))}Z", tone)  # fmt: skip
        sheet.shape(f"M{at((side * w * 0.46, -top - 6))}Q{at((side * w * 0.62, -top - 42), (side * w * 0.88, -top - 56))}"
                    f"Q{at((side * (w + 2), -top), (side * w * 0.9, -top * 0.66))}Z", palette.blush.mix(palette.skin_deep, 0.5))  # fmt: skip
        for k in range(3):
            sheet.shape(leaf((side * w * 0.5, -top + 8), (side * (w * 0.58), -top - 20), (side * w * (0.6 + k * 0.1), -top - 38 + k * 10), 3),
                        palette.eyewhite, opacity=0.7)  # fmt: skip


def horns(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    dice = Dice(seed, "horns")
    if look.species == "fey":
        _antlers(sheet, palette, look, body, dice)
        return
    kind = dice.pick(("ram", "swept", "tall", "swept"))
    bone = Colour(*dice.pick(((0.28, 0.012, 0.0), (0.8, 0.012, 0.045), (0.45, 0.025, 0.035)))).mix(palette.shade, palette.scheme.dim)
    w, top = body.width, body.top
    spines: dict[str, list[Point]] = {
        "tall": [(0.50, -0.86), (0.70, -1.14), (0.84, -1.42), (0.72, -1.72), (0.56, -1.88)],
        "swept": [(0.52, -0.84), (0.86, -1.10), (1.24, -1.26), (1.56, -1.50), (1.62, -1.84)],
        "ram": [(0.56, -0.86), (1.00, -1.20), (1.48, -1.02), (1.58, -0.44), (1.18, -0.22), (1.10, -0.52)],
    }  # fmt: skip
    spine = [(x * w, y * top) for x, y in spines[kind]]
    for side in (-1, 1):
        tone = palette.bright(bone, 0.2) if side == look.light else palette.dark(bone, 0.35)
        left, right = _tube([(side * x, y) for x, y in spine], 17 if kind != "ram" else 20)
        path = smooth([*left, *right[::-1]], tension=0.9)
        foot = spine[0]
        sheet.shape(ellipse(side * foot[0], foot[1] + 8, 22, 12), palette.skin_deep, opacity=0.4)
        sheet.shape(path, sheet.linear((side * foot[0], foot[1]), (side * spine[-1][0], spine[-1][1]), (0.0, palette.dark(tone, 0.5)), (1.0, palette.bright(tone, 0.5))))
        ridges = "".join(
            f"M{at(a)}Q{at(((a[0] + b[0]) / 2 + side * 4, (a[1] + b[1]) / 2 + 7), b)}"
            for a, b in zip(left[1:-3], right[1:-3], strict=True)
        )
        sheet.shape(ridges, stroke=palette.dark(tone, 0.9), width=2.6, opacity=0.6)
        if look.jewels:
            a, b = left[4], right[4]
            sheet.shape(f"M{at(a, b)}", stroke=palette.metal, width=7)


def _tube(spine: list[Point], thick: float) -> tuple[list[Point], list[Point]]:
    """Both edges of a tapering tube along a spine, finely sampled."""
    fine: list[Point] = []
    for k in range(len(spine) - 1):
        before, start = spine[max(0, k - 1)], spine[k]
        end, after = spine[k + 1], spine[min(len(spine) - 1, k + 2)]
        for step in range(4):
            fine.append(_between(before, start, end, after, step / 4))
    fine.append(spine[-1])
    left: list[Point] = []
    right: list[Point] = []
    for k, (x, y) in enumerate(fine):
        x0, y0 = fine[max(0, k - 1)]
        x1, y1 = fine[min(len(fine) - 1, k + 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = -(y1 - y0) / length, (x1 - x0) / length
        half = thick * (1 - k / (len(fine) - 1)) ** 0.75
        left.append((x + nx * half, y + ny * half))
        right.append((x - nx * half, y - ny * half))
    return left, right


def _between(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    """Catmull-Rom between `b` and `c`."""
    def one(i: int) -> float:
        return 0.5 * (2 * b[i] + (c[i] - a[i]) * t + (2 * a[i] - 5 * b[i] + 4 * c[i] - d[i]) * t * t
                      + (3 * b[i] - a[i] - 3 * c[i] + d[i]) * t**3)  # fmt: skip
    return one(0), one(1)


def _antlers(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    bark = Colour(0.45, 0.03, 0.055).mix(palette.shade, palette.scheme.dim)
    spread = dice.between(0.9, 1.2)
    for side in (-1, 1):
        tone = palette.bright(bark, 0.25) if side == look.light else palette.dark(bark, 0.2)
        main = [(side * w * 0.45, -top * 0.88), (side * w * 0.72 * spread, -top * 1.2), (side * w * 1.14 * spread, -top * 1.42), (side * w * 1.2 * spread, -top * 1.86)]
        branches = [main,
                    [(side * w * 0.7 * spread, -top * 1.18), (side * w * 0.58, -top * 1.42), (side * w * 0.64, -top * 1.7)],
                    [(side * w * 1.1 * spread, -top * 1.4), (side * w * 1.44 * spread, -top * 1.42), (side * w * 1.58 * spread, -top * 1.64)]]  # fmt: skip
        for k, branch in enumerate(branches):
            left, right = _tube(branch, 8.5 if k == 0 else 5.5)
            sheet.shape(smooth([*left, *right[::-1]]), tone)
        if look.jewels:
            sheet.shape(circle(side * w * 1.14 * spread, -top * 1.3, 4), palette.gem)


def beard(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """Beard and moustache, around the mouth that is already there."""
    kind, dice = look.beard, Dice(seed, "beard")
    if kind == "none":
        return
    tone = palette.hair.lit(-0.03)
    jaw, chin_y, y, w = body.jaw, body.chin_y, body.mouth_y, body.mouth_w
    if kind == "stubble":
        with sheet.within(body.outline):
            path = smooth([(-body.width - 4, 26), (-jaw * 0.74, 62), (-w - 12, y - 14), (0, y - 19), (w + 12, y - 14), (jaw * 0.74, 62), (body.width + 4, 26),
                           (jaw + 8, 120), (0, chin_y + 20), (-jaw - 8, 120)])  # fmt: skip
            hole = ellipse(0, y + 1, w * 0.86, 9.5)
            sheet.shape(path, palette.hair.mix(palette.skin_deep, 0.5), opacity=0.42)
            sheet.shape(hole, palette.skin, opacity=0.25)
        return
    drop = {"full": 26, "long": 120, "braided": 70, "goatee": 30, "moustache": 0}[kind]
    if kind in ("full", "long", "braided"):
        end = chin_y + drop
        right = [(body.width - 1, 0), (body.width + 2, 40), (jaw + 12, 86), (jaw * (0.9 if drop < 60 else 0.95), chin_y + 12 + drop * 0.35), (jaw * 0.42, end - 10)]
        lip = [(w, y - 12), (w + 15, y - 2), (jaw * 0.82, 50), (body.width - 10, 8)]
        outline = smooth([*right, (0, end + 10), *((-x, yy) for x, yy in reversed(right)),
                          *((-x, yy) for x, yy in reversed(lip)), (-w + 2, y + 9), (0, y + 15 + body.lips * 3), (w - 2, y + 9), *lip], tension=0.85)  # fmt: skip
        sheet.shape(outline, palette.ink, opacity=0.28, move=(0, 9))
        sheet.shape(outline, sheet.linear((look.light * jaw, 20), (-look.light * jaw, end), (0.0, palette.bright(tone, 0.3)), (0.4, tone), (1.0, palette.dark(tone, 0.6))))
        with sheet.within(outline):
            for k in range(15):
                share = k / 14 * 2 - 1
                start = (share * (body.width - 4), 6 + (1 - abs(share)) * (y + 10))
                finish = (share * jaw * 0.42 + dice.centred(6), end + 10 - abs(share) * drop * 0.4)
                sheet.shape(leaf(start, (share * (jaw + 8), (start[1] + finish[1]) * 0.55), finish, dice.between(2.5, 5.5)),
                            palette.bright(tone, 0.6) if k % 3 == 0 else palette.dark(tone, 0.7), opacity=0.55)  # fmt: skip
        if kind == "braided":
            for x in (-20, 20) if dice.chance(0.6) else (0,):
                for k in range(6):
                    yy = end - 14 + k * 14
                    for way in (-1, 1):
                        sheet.shape(leaf((x + way * 13, yy), (x + way * 8, yy + 13), (x - way * 4, yy + 19), 8, root=7), tone if way > 0 else palette.dark(tone, 0.35))
                sheet.shape(ellipse(x, end + 68, 12, 7), palette.metal)
                sheet.shape(leaf((x, end + 70), (x + 2, end + 82), (x, end + 104), 9, root=12), palette.dark(tone, 0.3))
    if kind == "goatee":
        path = smooth([(-15, y + 17), (0, y + 15), (15, y + 17), (20, chin_y - 4), (9, chin_y + drop - 6), (0, chin_y + drop + 6), (-9, chin_y + drop - 6), (-20, chin_y - 4)])
        sheet.shape(path, palette.ink, opacity=0.25, move=(0, 6))
        sheet.shape(path, tone)
        for k in (-1, 0, 1):
            sheet.shape(leaf((k * 9, y + 20), (k * 12, chin_y), (k * 3, chin_y + drop), 2.5), palette.bright(tone, 0.5), opacity=0.6)
    _moustache(sheet, palette, look, body, tone, dice)


def _moustache(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, tone: Colour, dice: Dice) -> None:
    y, w = body.mouth_y, body.mouth_w
    lift, reach = dice.pick((-8, 2, 12)), w + dice.between(10, 20)
    x0 = body.turn * 1.2
    for side in (-1, 1):
        path = (
            f"M{at((x0, y - 17))}C{at((x0 + side * 10, y - 26), (x0 + side * w * 0.8, y - 14), (x0 + side * reach, y + lift))}"
            f"C{at((x0 + side * w * 0.8, y + 3), (x0 + side * w * 0.3, y + 1), (x0, y - 6))}Z"
        )
        sheet.shape(path, palette.ink, opacity=0.25, move=(0, 4))
        sheet.shape(path, palette.bright(tone, 0.15) if side == look.light else palette.dark(tone, 0.35))
        sheet.shape(leaf((x0 + side * 4, y - 14), (x0 + side * w * 0.6, y - 13), (x0 + side * (reach - 5), y + lift - 1), 1.8), palette.bright(tone, 0.6), opacity=0.7)


def on_face(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """Scars, a patch, glasses."""
    dice = Dice(seed, "on-face")
    if look.scar:
        _scar(sheet, palette, look, body, dice)
    with sheet.placed((body.turn, 0)):
        if look.eyepatch:
            _patch(sheet, palette, look, body)
        elif look.glasses:
            _glasses(sheet, palette, body, dice)


def _scar(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    side = dice.side()
    x = side * body.eye_x + body.turn
    if dice.chance(0.6):
        path = leaf((x - 7, -64), (x + 5, -10), (x + 3, 50), 3.2)
    else:
        path = leaf((side * body.width * 0.8, 22), (side * body.width * 0.5, 40), (side * body.width * 0.22, 62), 3)
    pale = palette.skin_lit.mix(palette.blush, 0.35)
    sheet.shape(path, palette.skin_deep, opacity=0.6, move=(1.5, 1))
    sheet.shape(path, pale)


def _patch(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    side = -look.light
    x, w = side * body.eye_x, body.width
    leather = palette.ink.mix(palette.cloth, 0.15)
    sheet.shape(f"M{at((-side * w, -66), (x - side * 20, -22))}M{at((x + side * 24, -16), (side * w, -26))}", stroke=leather, width=5)
    path = f"M{at((x - 29, -22))}Q{at((x, -32), (x + 29, -22))}Q{at((x + 30, 14), (x, 25))}Q{at((x - 30, 14), (x - 29, -22))}Z"
    sheet.shape(path, palette.skin_deep, opacity=0.5, move=(0, 5))
    sheet.shape(path, leather)
    sheet.shape(leaf((x - 22, -18), (x, -24), (x + 22, -18), 2), palette.bright(leather, 0.6), opacity=0.7)


def _glasses(sheet: Sheet, palette: Palette, body: Anatomy, dice: Dice) -> None:
    round_ = dice.chance(0.6)
    frame = palette.metal if dice.chance(0.6) else palette.ink
    y = 2.0
    for side in (-1, 1):
        x = side * (body.eye_x + 1)
        lens = circle(x, y, 31) if round_ else smooth([(x - 33, y - 19), (x + 33, y - 19), (x + 29, y + 17), (x, y + 24), (x - 29, y + 17)], tension=0.8)
        sheet.shape(lens, palette.skin_deep, opacity=0.18, move=(0, 4))
        sheet.shape(lens, palette.sky[2].mix(palette.disc, 0.5), opacity=0.16)
        with sheet.within(lens):
            sheet.shape(polygon([(x - 22, y + 34), (x + 8, y - 36), (x + 20, y - 36), (x - 8, y + 34)]), "#ffffff", opacity=0.2)
        sheet.shape(lens, stroke=palette.dark(frame, 0.3), width=4.6)
        sheet.shape(lens, stroke=frame, width=2.6)
        sheet.shape(f"M{at((side * (body.eye_x + 31), y - 5), (side * (body.width + 4), y - 9))}", stroke=frame, width=3.4)
    sheet.shape(f"M{at((-body.eye_x + 29, y - 4))}Q{at((0, y - 16), (body.eye_x - 29, y - 4))}", stroke=frame, width=3.8)
