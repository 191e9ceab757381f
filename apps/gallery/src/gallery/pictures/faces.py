"""Faces: the skin and its light, eyes, brows, nose, mouth, and what age writes on them."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.dice import Dice
from gallery.pictures.eyes import brows, eyes
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Point, Sheet, at, circle, ellipse

Mouth = tuple[float, float, float]  # corners up, gap between the lips, lopsidedness

MOUTHS: dict[str, Mouth] = {
    "serene": (4.5, 0, 0),
    "smiling": (10, 0, 0),
    "stern": (0, 0, 0),
    "sad": (-4, 0, 0),
    "angry": (-3, 3, 0),
    "sly": (4.5, 0, 6),
    "surprised": (-1, 9, 0),
}


def face(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """The head with its features; hair and hats come over it."""
    dice = Dice(seed, "face")
    shine, dull = look.light, -look.light
    outline = body.outline
    skin = sheet.linear(
        (shine * body.width, -60),
        (dull * body.width, 70),
        (0.0, palette.skin_lit),
        (0.45, palette.skin),
        (1.0, palette.skin.mix(palette.skin_dark, 0.5)),
    )
    sheet.shape(outline, skin)
    with sheet.within(outline):
        _shadow(sheet, palette, body, dull)
        _blush(sheet, palette, look, body)
        if look.markings:
            _markings(sheet, palette, look, body, dice)
        if look.species == "catfolk":
            _muzzle(sheet, palette, body)
    with sheet.placed((body.turn, 0)):
        _sockets(sheet, palette, body)
        if look.age == "old":
            _wrinkles(sheet, palette, body)
        eyes(sheet, palette, look, body, dice)
        brows(sheet, palette, look, body)
    with sheet.placed((body.turn * 1.5, 0)):
        _nose(sheet, palette, look, body, dull)
    with sheet.placed((body.turn * 1.15, 0)):
        _mouth(sheet, palette, look, body, dice)


def _shadow(sheet: Sheet, palette: Palette, body: Anatomy, dull: int) -> None:
    """The plane turned from the light, with the edge a face gives it."""
    w = body.width
    edge = (
        f"M{at((dull * w * 0.62, -body.top - 10))}"
        f"C{at((dull * w * 0.80, -90), (dull * w * 0.74, -52), (dull * w * 0.70, -34))}"
        f"C{at((dull * w * 0.62, -16), (dull * w * 0.80, 0), (dull * w * 0.76, 18))}"
        f"C{at((dull * w * 0.72, 42), (dull * w * 0.50, 58), (dull * w * 0.44, 84))}"
        f"C{at((dull * w * 0.40, 104), (dull * w * 0.22, 112), (dull * w * 0.05, body.chin_y + 4))}"
        f"L{at((dull * 200, body.chin_y + 20), (dull * 200, -body.top - 10))}Z"
    )
    sheet.shape(edge, palette.skin_dark, opacity=0.6)
    glow = sheet.radial(
        (-dull * w * 0.42, 16),
        62,
        (0.0, palette.skin_lit.mix(palette.key, 0.4), 0.55),
        (1.0, palette.skin_lit, 0.0),
    )
    sheet.shape(circle(-dull * w * 0.42, 16, 62), glow)
    brow = sheet.radial(
        (-dull * w * 0.2, -78),
        70,
        (0.0, palette.skin_lit, 0.5),
        (1.0, palette.skin_lit, 0.0),
        squash=0.6,
    )
    sheet.shape(circle(-dull * w * 0.2, -78, 70), brow)
    rim = (
        f"M{at((dull * (w + 1), -30))}"
        f"C{at((dull * (w + 1), 26), (dull * (body.jaw + 8), body.jaw_y - 34))} "
        f"{at((dull * body.jaw, body.jaw_y + 2))}"
    )
    sheet.shape(rim, stroke=palette.sky[2], width=5, opacity=0.5)


def _blush(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    strength = 0.42 if look.build == "feminine" else 0.24
    if look.species == "undead":
        strength = 0.08
    for side in (-1, 1):
        x = side * body.width * 0.56 + body.turn
        paint = sheet.radial(
            (x, 38), 32, (0.0, palette.blush, strength), (1.0, palette.blush, 0.0), squash=0.65
        )
        sheet.shape(ellipse(x, 38, 32, 21), paint)
    tip = (body.turn * 1.5, body.nose_y - 6)
    paint = sheet.radial(tip, 20, (0.0, palette.blush, strength * 0.7), (1.0, palette.blush, 0.0))
    sheet.shape(circle(*tip, 20), paint)


def _sockets(sheet: Sheet, palette: Palette, body: Anatomy) -> None:
    for side in (-1, 1):
        x = side * (body.eye_x - 4)
        paint = sheet.radial(
            (x, -6),
            34,
            (0.0, palette.skin_dark, 0.6),
            (0.55, palette.skin_dark, 0.3),
            (1.0, palette.skin_dark, 0.0),
            squash=0.68,
        )
        sheet.shape(ellipse(x, -6, 34, 23), paint)


def _nose(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dull: int) -> None:
    w, y = body.nose_w, body.nose_y
    wide = 1.25 if look.species in ("orc", "catfolk") else 1.0
    w *= wide
    # One plane from the brow down the bridge to the wing, as a woodcut would cut it.
    plane = (
        f"M{at((dull * 15, -20))}C{at((dull * 7, -8), (dull * 5, 6), (dull * 6, y - 24))}"
        f"C{at((dull * 6.5, y - 14), (dull * 3, y - 4), (0, y + 1))}"
        f"C{at((dull * w * 0.5, y + 6), (dull * w * 0.9, y + 3), (dull * w, y - 4))}"
        f"C{at((dull * w * 1.05, y - 12), (dull * (w * 0.75), y - 17), (dull * 11, y - 22))}"
        f"C{at((dull * 13, 4), (dull * 16, -8), (dull * 24, -16))}Z"
    )
    sheet.shape(plane, palette.skin_dark, opacity=0.62)
    under = (
        f"M{at((-w, y - 4))}C{at((-w * 0.8, y + 4), (-w * 0.45, y - 1), (0, y + 3))}"
        f"C{at((w * 0.45, y - 1), (w * 0.8, y + 4), (w, y - 4))}"
        f"C{at((w * 0.9, y + 7), (w * 0.4, y + 6), (0, y + 8.5))}"
        f"C{at((-w * 0.4, y + 6), (-w * 0.9, y + 7), (-w, y - 4))}Z"
    )
    sheet.shape(under, palette.skin_deep, opacity=0.72)
    for side in (-1, 1):
        sheet.shape(ellipse(side * w * 0.46, y + 2.4, w * 0.2, 1.9), palette.ink, opacity=0.55)
    if look.species == "catfolk":
        sheet.shape(
            f"M{at((-w * 0.8, y - 6))}Q{at((0, y - 12), (w * 0.8, y - 6))}"
            f"Q{at((w * 0.4, y + 6), (0, y + 8))}Q{at((-w * 0.4, y + 6), (-w * 0.8, y - 6))}Z",
            palette.lips.mix(palette.ink, 0.35),
        )
    shine = sheet.linear(
        (0, 0),
        (0, y),
        (0.0, palette.skin_lit, 0.1),
        (0.8, palette.skin_lit, 0.95),
        (1.0, palette.skin_lit, 0.2),
    )
    sheet.shape(
        f"M{at((-dull * 2, 2))}Q{at((-dull * 5, y - 22), (-dull * 2, y - 5))}"
        f"Q{at((dull * 2, y - 22), (-dull * 2, 2))}Z",
        shine,
    )


def _mouth(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    up, gap, lopsided = MOUTHS[look.mood]
    w, y, full = body.mouth_w, body.mouth_y, body.lips
    if look.mood == "smiling":
        w *= 1.14
        gap = dice.pick((0.0, 0.0, 6.5, 8.0))
    if look.mood == "surprised":
        w *= 0.72
    side = look.light
    left: Point = (-w, y - up - (lopsided if side < 0 else 0))
    right: Point = (w, y - up - (lopsided if side > 0 else 0))
    bow, dip = 7.5 * full, 3.2 * full
    middle = y + up * 0.45
    lip = palette.lips
    if look.build == "feminine":
        lip = lip.mix(palette.blush, 0.25).vivid(1.15)
    else:
        lip = lip.mix(palette.skin, 0.45)
    upper = (
        f"M{at(left)}C{at((-w * 0.6, y - bow * 0.7), (-w * 0.3, y - bow - 1), (-6, y - bow))}"
        f"Q{at((0, y - bow + dip), (6, y - bow))}"
        f"C{at((w * 0.3, y - bow - 1), (w * 0.6, y - bow * 0.7), right)}"
        f"C{at((w * 0.5, middle + 1), (w * 0.2, middle), (0, middle + 1))}"
        f"C{at((-w * 0.2, middle), (-w * 0.5, middle + 1), left)}Z"
    )
    low = middle + gap
    floor = low + 11.5 * full
    lower = (
        f"M{at(left)}C{at((-w * 0.5, low + 1), (-w * 0.2, low), (0, low + 1))}"
        f"C{at((w * 0.2, low), (w * 0.5, low + 1), right)}"
        f"C{at((w * 0.62, floor - 1), (w * 0.3, floor + 1.5), (0, floor + 1.5))}"
        f"C{at((-w * 0.3, floor + 1.5), (-w * 0.62, floor - 1), left)}Z"
    )
    shadow = ellipse(0, floor + 8, w * 0.5, 4.5)
    sheet.shape(shadow, palette.skin_dark, opacity=0.6)
    if gap:
        inside = (
            f"M{at(left)}C{at((-w * 0.5, middle), (-w * 0.2, middle - 1), (0, middle))}"
            f"C{at((w * 0.2, middle - 1), (w * 0.5, middle), right)}"
            f"C{at((w * 0.5, low + 3), (w * 0.2, low + 3), (0, low + 3))}"
            f"C{at((-w * 0.2, low + 3), (-w * 0.5, low + 3), left)}Z"
        )
        sheet.shape(inside, palette.ink.mix(palette.lips, 0.35))
        if look.mood in ("smiling", "angry"):
            with sheet.within(inside):
                sheet.shape(
                    f"M{-w:.1f},{y - 14:.1f}h{2 * w:.1f}v{14 + up * 0.4 + gap * 0.62:.1f}"
                    f"h{-2 * w:.1f}Z",
                    palette.eyewhite,
                )
    sheet.shape(
        lower,
        sheet.linear(
            (0, low),
            (0, floor),
            (0.0, lip.lit(-0.02)),
            (1.0, lip.mix(palette.skin, 0.35).lit(0.03)),
        ),
    )
    sheet.shape(upper, lip.lit(-0.075).mix(palette.shade, 0.12))
    sheet.shape(
        ellipse(side * w * 0.16, low + 6.2 * full, w * 0.22, 1.9 * full),
        palette.skin_lit,
        opacity=0.5,
    )
    if not gap:
        line = (
            f"M{at(left)}C{at((-w * 0.5, middle + 1.5), (-w * 0.2, middle), (0, middle + 1))}"
            f"C{at((w * 0.2, middle), (w * 0.5, middle + 1.5), right)}"
        )
        sheet.shape(line, stroke=palette.ink.mix(palette.lips, 0.3), width=2.3, opacity=0.85)
    for corner, way in ((left, -1), (right, 1)):
        x, cy = corner
        sheet.shape(
            f"M{at((x, cy - 2))}q{at((way * 4, 1 - up * 0.3), (way * 4, 5 - up * 0.4))}",
            stroke=palette.skin_deep,
            width=2,
            opacity=0.5,
        )
    if look.species == "orc":
        for way in (-1, 1):
            x = way * w * 0.66
            sheet.shape(
                f"M{at((x - 5, low + 4))}Q{at((x - 3 + way * 2, y - 16), (x + way * 4, y - 21))}"
                f"Q{at((x + 6 + way, y - 8), (x + 5, low + 4))}Z",
                palette.eyewhite,
                stroke=palette.skin_deep,
                width=1,
            )
    if look.species == "undead" or (look.species == "tiefling" and gap):
        for way in (-1, 1):
            x = way * w * 0.42
            sheet.shape(
                f"M{at((x - 3, middle))}L{at((x, middle + 8), (x + 3, middle))}Z", palette.eyewhite
            )


def _wrinkles(sheet: Sheet, palette: Palette, body: Anatomy) -> None:
    lines = []
    for side in (-1, 1):
        x, w = side * body.eye_x, side * body.eye_w
        lines.append(f"M{at((x - w * 0.7, 15))}Q{at((x, 23), (x + w * 0.8, 14))}")
        lines.append(
            f"M{at((x + w * 1.25, -3))}l{at((side * 9, -5))}M{at((x + w * 1.25, 2))}"
            f"l{at((side * 10, 1))}M{at((x + w * 1.2, 7))}l{at((side * 8, 6))}"
        )
        nose = side * body.nose_w
        lines.append(
            f"M{at((nose * 1.25, body.nose_y - 4))}"
            f"Q{at((nose * 2.3, body.mouth_y - 20))} "
            f"{at((side * (body.mouth_w + 11), body.mouth_y + 6))}"
        )
    for row, half in ((-62, 34), (-75, 42), (-88, 32)):
        lines.append(f"M{at((-half, row))}Q{at((0, row - 6), (half, row))}")
    sheet.shape("".join(lines), stroke=palette.skin_deep, width=2, opacity=0.5)


def _markings(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    kind = dice.pick(("freckles", "warpaint", "runes", "stripe", "dots"))
    if look.species in ("dragonkin", "merfolk"):
        kind = "scales"
    w, tone = body.width, palette.gem.mix(palette.skin, 0.15)
    if kind == "freckles":
        spots = "".join(
            circle(dice.centred(w * 0.75) + body.turn, 34 + dice.centred(17), dice.between(0.9, 2))
            for _ in range(26)
        )
        sheet.shape(spots, palette.skin_deep, opacity=0.6)
    elif kind == "warpaint":
        for side in (-1, 1):
            x = side * w * 0.58
            sheet.shape(
                f"M{at((x - side * 22, 22))}"
                f"L{at((x + side * 30, 10), (x + side * 30, 22), (x - side * 16, 32))}Z"
                f"M{at((x - side * 14, 38))}"
                f"L{at((x + side * 30, 30), (x + side * 30, 41), (x - side * 8, 48))}Z",
                tone,
                opacity=0.8,
            )
    elif kind == "runes":
        x = body.turn
        sheet.shape(
            f"M{at((x, -96), (x, -62))}M{at((x - 10, -84), (x, -94), (x + 10, -84))}"
            f"M{at((x - 7, -70), (x, -63), (x + 7, -70))}",
            stroke=tone,
            width=3.4,
        )
        sheet.shape(circle(x - 17, -76, 2.6) + circle(x + 17, -76, 2.6), tone)
    elif kind == "stripe":
        sheet.shape(
            f"M{at((-w, -12))}Q{at((0, 2), (w, -12))}V22Q{at((0, 36), (-w, 22))}Z",
            tone,
            opacity=0.5,
        )
    elif kind == "dots":
        dots = "".join(
            circle(side * (26 + 12 * k) + body.turn, 26 - 3.5 * k, 3.1 - 0.5 * k)
            for side in (-1, 1)
            for k in range(4)
        )
        sheet.shape(dots + circle(body.turn, -60, 4) + circle(body.turn, -72, 2.6), tone)
    else:
        _scales(sheet, palette, body, dice)


def _scales(sheet: Sheet, palette: Palette, body: Anatomy, dice: Dice) -> None:
    path = []
    for side in (-1, 1):
        for row in range(7):
            for step in range(3):
                x = side * (body.width - 2 - step * 12 - (row % 2) * 6)
                y = -46 + row * 15
                if dice.chance(0.85 - step * 0.22):
                    path.append(f"M{at((x - 6, y))}q{at((0, 9), (6, 10))}q{at((6, -1), (6, -10))}")
    for row in range(3):
        for step in range(-2 + row // 2, 3 - row // 2):
            x, y = step * 13 + (row % 2) * 6.5, -98 + row * 12
            path.append(f"M{at((x - 6, y))}q{at((0, 9), (6, 10))}q{at((6, -1), (6, -10))}")
    sheet.shape("".join(path), palette.skin_dark, stroke=palette.skin_deep, width=1.2, opacity=0.65)


def _muzzle(sheet: Sheet, palette: Palette, body: Anatomy) -> None:
    """A cat's pale muzzle, stripes and whisker spots."""
    pale = palette.skin.lit(0.12).mix(palette.eyewhite, 0.4)
    x = body.turn * 1.3
    sheet.shape(ellipse(x, body.mouth_y - 4, 44, 36) + circle(x, -30, 9), pale, opacity=0.55)
    dark = palette.skin_deep
    stripes = []
    for side in (-1, 1):
        for k in range(3):
            y = 20 + k * 18
            stripes.append(
                f"M{at((side * (body.width + 2), y - 4))}"
                f"L{at((side * (body.width * 0.66), y + 2), (side * (body.width + 2), y + 6))}Z"
            )
        stripes.append(
            f"M{at((side * 8 + x, -body.top))}"
            f"L{at((side * 11 + x, -58), (side * 17 + x, -body.top))}Z"
        )
        stripes.append(
            f"M{at((side * 26 + x, -body.top))}"
            f"L{at((side * 25 + x, -70), (side * 36 + x, -body.top))}Z"
        )
    sheet.shape("".join(stripes), dark, opacity=0.6)
    spots = "".join(
        circle(x + side * (18 + 7 * k), body.mouth_y - 12 + 4 * (k % 2), 1.5)
        for side in (-1, 1)
        for k in range(3)
    )
    sheet.shape(spots, dark, opacity=0.8)
