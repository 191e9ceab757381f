"""Horns and antlers, in head space."""

import math

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Point, Sheet, at, circle, ellipse, smooth


def horns(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    dice = Dice(seed, "horns")
    if look.species == "fey":
        _antlers(sheet, palette, look, body, dice)
        return
    kind = dice.pick(("ram", "swept", "tall", "swept"))
    bone = Colour(*dice.pick(((0.28, 0.012, 0.0), (0.8, 0.012, 0.045), (0.45, 0.025, 0.035)))).mix(
        palette.shade, palette.scheme.dim
    )
    w, top = body.width, body.top
    spines: dict[str, list[Point]] = {
        "tall": [(0.50, -0.86), (0.70, -1.14), (0.84, -1.42), (0.72, -1.72), (0.56, -1.88)],
        "swept": [(0.52, -0.84), (0.86, -1.10), (1.24, -1.26), (1.56, -1.50), (1.62, -1.84)],
        "ram": [
            (0.56, -0.86),
            (1.00, -1.20),
            (1.48, -1.02),
            (1.58, -0.44),
            (1.18, -0.22),
            (1.10, -0.52),
        ],
    }
    spine = [(x * w, y * top) for x, y in spines[kind]]
    for side in (-1, 1):
        tone = palette.bright(bone, 0.2) if side == look.light else palette.dark(bone, 0.35)
        left, right = _tube([(side * x, y) for x, y in spine], 17 if kind != "ram" else 20)
        path = smooth([*left, *right[::-1]], tension=0.9)
        foot = spine[0]
        sheet.shape(ellipse(side * foot[0], foot[1] + 8, 22, 12), palette.skin_deep, opacity=0.4)
        sheet.shape(
            path,
            sheet.linear(
                (side * foot[0], foot[1]),
                (side * spine[-1][0], spine[-1][1]),
                (0.0, palette.dark(tone, 0.5)),
                (1.0, palette.bright(tone, 0.5)),
            ),
        )
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
        fine += [_between(before, start, end, after, step / 4) for step in range(4)]
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
        return 0.5 * (
            2 * b[i]
            + (c[i] - a[i]) * t
            + (2 * a[i] - 5 * b[i] + 4 * c[i] - d[i]) * t * t
            + (3 * b[i] - a[i] - 3 * c[i] + d[i]) * t**3
        )

    return one(0), one(1)


def _antlers(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    bark = Colour(0.45, 0.03, 0.055).mix(palette.shade, palette.scheme.dim)
    spread = dice.between(0.9, 1.2)
    for side in (-1, 1):
        tone = palette.bright(bark, 0.25) if side == look.light else palette.dark(bark, 0.2)
        main = [
            (side * w * 0.45, -top * 0.88),
            (side * w * 0.72 * spread, -top * 1.2),
            (side * w * 1.14 * spread, -top * 1.42),
            (side * w * 1.2 * spread, -top * 1.86),
        ]
        branches = [
            main,
            [
                (side * w * 0.7 * spread, -top * 1.18),
                (side * w * 0.58, -top * 1.42),
                (side * w * 0.64, -top * 1.7),
            ],
            [
                (side * w * 1.1 * spread, -top * 1.4),
                (side * w * 1.44 * spread, -top * 1.42),
                (side * w * 1.58 * spread, -top * 1.64),
            ],
        ]
        for k, branch in enumerate(branches):
            left, right = _tube(branch, 8.5 if k == 0 else 5.5)
            sheet.shape(smooth([*left, *right[::-1]]), tone)
        if look.jewels:
            sheet.shape(circle(side * w * 1.14 * spread, -top * 1.3, 4), palette.gem)
