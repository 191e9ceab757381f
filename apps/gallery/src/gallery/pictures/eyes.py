"""Eyes and brows: most of an expression."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, circle, ellipse

# How open the eyes are, how much the lower lid rises; brows: inner end, arch, outer end (down > 0).
LIDS: dict[str, tuple[float, float]] = {
    "serene": (0.86, 0.0),
    "smiling": (0.84, 2.6),
    "stern": (0.74, 1.0),
    "sad": (0.80, 0.0),
    "angry": (0.80, 1.5),
    "sly": (0.62, 1.6),
    "surprised": (1.22, 0.0),
}
BROWS: dict[str, tuple[float, float, float]] = {
    "serene": (0, -1, 0),
    "smiling": (-2, -4, 1),
    "stern": (5, -1, -3),
    "sad": (-7, 1, 5),
    "angry": (9, -2, -7),
    "sly": (3, -5, -4),
    "surprised": (-9, -10, -4),
}


def eyes(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    # Heads turned to a side show their farther eye a little narrower.
    closed = look.mood in ("serene", "smiling") and dice.chance(0.12)
    glance = dice.centred(5)
    far = 1 if body.turn > 0 else -1
    for side in (-1, 1):
        if look.eyepatch and side != look.light:
            continue
        narrow = 1 - abs(body.turn) * 0.012 if side == far else 1.0
        if closed:
            _closed(sheet, palette, look, body, side, narrow)
        else:
            _eye(sheet, palette, look, body, side, narrow, glance)


def _eye(
    sheet: Sheet,
    palette: Palette,
    look: Look,
    body: Anatomy,
    side: int,
    narrow: float,
    glance: float,
) -> None:
    opened, raised = LIDS[look.mood]
    x0, w = side * body.eye_x, body.eye_w * narrow
    top, low = body.eye_open * opened, 8.2 - raised
    tilt = body.eye_tilt

    def x(across: float) -> float:
        return x0 + side * w * across

    inner, outer = (x(-1), 4.0), (x(1), -tilt)
    upper = (
        f"C{at((x(-0.72), -top * 0.75), (x(-0.25), -top * 1.16), (x(0.15), -top))}"
        f"C{at((x(0.55), -top * 0.92), (x(0.82), -tilt - top * 0.3), outer)}"
    )
    lower = f"C{at((x(0.72), low * 0.85), (x(0.2), low * 1.12), (x(-0.25), low))}"
    lower += f"C{at((x(-0.6), low * 0.95), (x(-0.85), 6), inner)}"
    almond = f"M{at(inner)}{upper}{lower}Z"
    eerie = look.species in ("undead", "fey", "tiefling")
    white = palette.eyewhite
    if look.species in ("tiefling", "undead"):
        white = palette.ink.mix(palette.eyewhite, 0.12)
    sheet.shape(almond, white)
    with sheet.within(almond):
        radius = min(w * 0.56, 13.5)
        cx, cy = x0 + glance + side * 0.5, -top * 0.18 + 0.5
        if look.species == "catfolk":
            radius *= 1.2
        dark = palette.iris.lit(-0.2).mix(palette.ink, 0.45)
        ring = sheet.radial(
            (cx, cy + radius * 0.45),
            radius * 1.45,
            (0.0, palette.iris.lit(0.12 if not eerie else 0.2)),
            (0.45, palette.iris),
            (1.0, dark),
        )
        sheet.shape(circle(cx, cy, radius), ring)
        sheet.shape(circle(cx, cy, radius - 0.8), stroke=dark, width=1.8, opacity=0.9)
        if look.species in ("catfolk", "dragonkin"):
            sheet.shape(ellipse(cx, cy, radius * 0.2, radius * 0.86), palette.ink)
        else:
            sheet.shape(circle(cx, cy, radius * 0.44), palette.ink, opacity=0.6 if eerie else 1)
        # The lid's own shadow on the eyeball is what seats it in the head.
        sheet.shape(
            f"M{at(inner)}{upper}"
            f"L{at((x(1.1), 2))}"
            f"Q{at((x(0.1), -top * 0.72 + 3.5), (x(-1.1), 5))}Z",
            palette.shade,
            opacity=0.38,
        )
        sheet.shape(
            circle(cx + look.light * radius * 0.36, cy - radius * 0.4, radius * 0.27), "#ffffff"
        )
        sheet.shape(
            circle(cx - look.light * radius * 0.38, cy + radius * 0.5, radius * 0.14),
            "#ffffff",
            opacity=0.6,
        )
        sheet.shape(circle(x(-0.93), 4, 3.4), palette.blush, opacity=0.6)
    if eerie:
        glow = sheet.radial(
            (cx, cy), 30, (0.0, palette.iris.lit(0.1), 0.42), (1.0, palette.iris, 0.0)
        )
        sheet.shape(circle(cx, cy, 30), glow)
    fine = look.build == "feminine"
    thick = 4.8 if fine else 3.6
    wing = (x(1.34 if fine else 1.16), -tilt - (6.5 if fine else 3))
    lid = (
        f"M{at(inner)}{upper}L{at(wing)}"
        f"C{at((x(0.98), -tilt - top * 0.42 - thick * 0.7), (x(0.62), -top - thick))} "
        f"{at((x(0.15), -top - thick))}"
        f"C{at((x(-0.3), -top * 1.16 - thick * 0.8), (x(-0.75), -top * 0.8 - thick * 0.4), inner)}Z"
    )
    lash = palette.ink.mix(palette.hair, 0.1)
    sheet.shape(lid, lash)
    if fine:
        flick = "".join(
            f"M{at((x(a), y))}"
            f"q{at((side * 4, -2), (side * 8, -7))}"
            f"q{at((side * -3, 5.5), (side * -4, 8))}Z"
            for a, y in ((0.86, -tilt - top * 0.38), (0.62, -top * 0.86))
        )
        sheet.shape(flick, lash)
    crease = (
        f"M{at((x(-0.7), -top * 0.75 - 6.5))}"
        f"C{at((x(-0.3), -top - 9.5), (x(0.4), -top - 9), (x(1.02), -tilt - top * 0.42 - 5.5))}"
    )
    sheet.shape(crease, stroke=palette.skin_deep, width=2.1, opacity=0.75)
    sheet.shape(
        f"M{at((x(0.95), -tilt + 2))}"
        f"C{at((x(0.72), low * 0.9 + 1), (x(0.2), low * 1.12 + 1.2), (x(-0.25), low + 1.2))}",
        stroke=palette.skin_deep,
        width=1.9,
        opacity=0.8,
    )


def _closed(
    sheet: Sheet, palette: Palette, look: Look, body: Anatomy, side: int, narrow: float
) -> None:
    x0, w = side * body.eye_x, body.eye_w * narrow
    up = -9 if look.mood == "smiling" else 9
    inner, outer = (x0 - side * w, 2), (x0 + side * w * 1.1, -body.eye_tilt * 0.4)
    curve = f"M{at(inner)}Q{at((x0, 2 + up * 1.5), outer)}Q{at((x0, 6 + up * 1.6), inner)}Z"
    sheet.shape(curve, palette.ink, stroke=palette.ink, width=1.6)
    if look.build == "feminine":
        for reach in (0.5, 0.78, 1.05):
            start = (x0 + side * w * reach, 2 + up * (1.1 - reach) * 0.9)
            sheet.shape(
                f"M{at(start)}q{at((side * 4, 2), (side * 8, 1 if up > 0 else -4))}",
                stroke=palette.ink,
                width=2.2,
            )
    sheet.shape(
        f"M{at((x0 - side * w * 0.8, -9))}Q{at((x0, -17), (x0 + side * w, -10))}",
        stroke=palette.skin_deep,
        width=2,
        opacity=0.6,
    )


def brows(sheet: Sheet, palette: Palette, look: Look, body: Anatomy) -> None:
    inward, arch, outward = BROWS[look.mood]
    tone = palette.hair.lit(-0.10).mix(palette.ink, 0.42)
    if palette.hair.lightness > 0.8:
        tone = palette.hair.lit(-0.22).mix(colour("#6a5a52"), 0.3)
    for side in (-1, 1):
        raise_one = 5 if look.mood == "sly" and side == look.light else 0
        x0, w, y, thick = side * body.eye_x, body.eye_w, body.brow_y - raise_one, body.brow_thick

        def x(across: float, x0: float = x0, side: int = side, w: float = w) -> float:
            return x0 + side * w * across

        start, tail = y + inward + 2, y + outward + 1
        bend = y - 6 + arch
        path = (
            f"M{at((x(-1.06), start + thick * 0.45))}"
            f"C{at((x(-0.98), start - thick * 0.6), (x(-0.3), bend - thick * 0.5))} "
            f"{at((x(0.28), bend - thick * 0.35))}"
            f"C{at((x(0.7), bend), (x(1.0), tail - 4), (x(1.32), tail + 2))}"
            f"C{at((x(0.95), tail - 1), (x(0.62), bend + thick * 0.62))} "
            f"{at((x(0.25), bend + thick * 0.5))}"
            f"C{at((x(-0.3), bend + thick * 0.55), (x(-0.8), start + thick * 0.5))} "
            f"{at((x(-1.02), start + thick * 0.8))}Z"
        )
        sheet.shape(path, tone)
