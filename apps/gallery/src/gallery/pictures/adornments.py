"""Ears, horns, beards, and what people wear on a face: glasses, scars, jewels."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Point, Sheet, at, circle, leaf, polygon, smooth


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
                f"M{at((side * (w - 10), 40))}"
                f"C{at((side * (w + 12), 40), (side * (w + 17), 12), (side * (w + 20), 2))}"
                f"Q{at((side * (w + reach * 0.62), -6), tip)}"
                f"Q{at((side * (w + 12), -36), (side * (w - 10), -14))}Z"
            )
            inner = leaf(
                (side * (w - 2), 22),
                (side * (w + 14), -12),
                (side * (w + reach * 0.74), -20 - reach * 0.3),
                6,
            )
        else:
            path = (
                f"M{at((side * (w - 10), -16))}"
                f"C{at((side * (w + 14), -30), (side * (w + 22), -4), (side * (w + 14), 14))}"
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
    sheet.shape(
        polygon(points),
        sheet.linear((side * w, 0), (side * (w + 74), 0), (0.0, palette.skin_dark), (1.0, fin)),
    )
    lines = "".join(f"M{at((side * (w - 8), 6), (side * (w + x * 0.86), y))}" for x, y in rays)
    sheet.shape(lines, stroke=palette.skin_deep, width=2.6, opacity=0.8)


def cat_ears(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    w, top = body.width, body.top
    for side in (-1, 1):
        tone = palette.skin if side == look.light else palette.skin_dark
        sheet.shape(
            f"M{at((side * w * 0.28, -top - 6))}"
            f"Q{at((side * w * 0.52, -top - 60), (side * w * 0.94, -top - 74))}"
            f"Q{at((side * (w + 14), -top - 10), (side * w * 0.98, -top * 0.55))}Z",
            tone,
        )
        sheet.shape(
            f"M{at((side * w * 0.46, -top - 6))}"
            f"Q{at((side * w * 0.62, -top - 42), (side * w * 0.88, -top - 56))}"
            f"Q{at((side * (w + 2), -top), (side * w * 0.9, -top * 0.66))}Z",
            palette.blush.mix(palette.skin_deep, 0.5),
        )
        for k in range(3):
            sheet.shape(
                leaf(
                    (side * w * 0.5, -top + 8),
                    (side * (w * 0.58), -top - 20),
                    (side * w * (0.6 + k * 0.1), -top - 38 + k * 10),
                    3,
                ),
                palette.eyewhite,
                opacity=0.7,
            )


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
        path = leaf(
            (side * body.width * 0.8, 22),
            (side * body.width * 0.5, 40),
            (side * body.width * 0.22, 62),
            3,
        )
    pale = palette.skin_lit.mix(palette.blush, 0.35)
    sheet.shape(path, palette.skin_deep, opacity=0.6, move=(1.5, 1))
    sheet.shape(path, pale)


def _patch(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    side = -look.light
    x, w = side * body.eye_x, body.width
    leather = palette.ink.mix(palette.cloth, 0.15)
    sheet.shape(
        f"M{at((-side * w, -66), (x - side * 20, -22))}"
        f"M{at((x + side * 24, -16), (side * w, -26))}",
        stroke=leather,
        width=5,
    )
    path = (
        f"M{at((x - 29, -22))}"
        f"Q{at((x, -32), (x + 29, -22))}"
        f"Q{at((x + 30, 14), (x, 25))}"
        f"Q{at((x - 30, 14), (x - 29, -22))}Z"
    )
    sheet.shape(path, palette.skin_deep, opacity=0.5, move=(0, 5))
    sheet.shape(path, leather)
    sheet.shape(
        leaf((x - 22, -18), (x, -24), (x + 22, -18), 2), palette.bright(leather, 0.6), opacity=0.7
    )


def _glasses(sheet: Sheet, palette: Palette, body: Anatomy, dice: Dice) -> None:
    round_ = dice.chance(0.6)
    frame = palette.metal if dice.chance(0.6) else palette.ink
    y = 2.0
    for side in (-1, 1):
        x = side * (body.eye_x + 1)
        lens = (
            circle(x, y, 31)
            if round_
            else smooth(
                [
                    (x - 33, y - 19),
                    (x + 33, y - 19),
                    (x + 29, y + 17),
                    (x, y + 24),
                    (x - 29, y + 17),
                ],
                tension=0.8,
            )
        )
        sheet.shape(lens, palette.skin_deep, opacity=0.18, move=(0, 4))
        sheet.shape(lens, palette.sky[2].mix(palette.disc, 0.5), opacity=0.16)
        with sheet.within(lens):
            sheet.shape(
                polygon([(x - 22, y + 34), (x + 8, y - 36), (x + 20, y - 36), (x - 8, y + 34)]),
                "#ffffff",
                opacity=0.2,
            )
        sheet.shape(lens, stroke=palette.dark(frame, 0.3), width=4.6)
        sheet.shape(lens, stroke=frame, width=2.6)
        sheet.shape(
            f"M{at((side * (body.eye_x + 31), y - 5), (side * (body.width + 4), y - 9))}",
            stroke=frame,
            width=3.4,
        )
    sheet.shape(
        f"M{at((-body.eye_x + 29, y - 4))}Q{at((0, y - 16), (body.eye_x - 29, y - 4))}",
        stroke=frame,
        width=3.8,
    )
