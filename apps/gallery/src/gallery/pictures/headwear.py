"""Crowns, hoods, hats and helms, in head space."""

from collections.abc import Callable

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.crowns import circlet, crown, jewel, tiara, wreath
from gallery.pictures.dice import Dice
from gallery.pictures.helms import helm
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, circle, ellipse, leaf, smooth
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
        path = smooth(
            [
                (0, -top - 26),
                (w * 0.8, -top - 8),
                (w + 34, -30),
                (w + 36, 80),
                (w + 10, 170),
                (-w - 10, 170),
                (-w - 36, 80),
                (-w - 34, -30),
                (-w * 0.8, -top - 8),
            ]
        )
        sheet.shape(path, palette.dark(palette.cloth, 1.0).lit(-0.1))


def headwear(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """The part of a headwear that is before the head."""
    if look.headwear != "none":
        KINDS[look.headwear](sheet, palette, look, body, Dice(seed, "headwear"))


def _opening(body: Anatomy) -> str:
    w, top = body.width, body.top
    return smooth(
        [
            (0, -top - 4),
            (w * 0.72, -top + 22),
            (w + 5, -30),
            (w + 4, 50),
            (w * 0.72, 122),
            (0, 160),
            (-w * 0.72, 122),
            (-w - 4, 50),
            (-w - 5, -30),
            (-w * 0.72, -top + 22),
        ]
    )


def hood(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, shine = body.width, body.top, look.light
    tone = palette.cloth
    peak = dice.between(34, 60)
    outer = [
        (0, -top - peak),
        (w * 0.66, -top - peak * 0.5),
        (w + 40, -50),
        (w + 46, 60),
        (w + 40, 150),
        (w * 0.6, 196),
        (0, 204),
        (-w * 0.6, 196),
        (-w - 40, 150),
        (-w - 46, 60),
        (-w - 40, -50),
        (-w * 0.66, -top - peak * 0.5),
    ]
    inner = [
        (0, -top - 2),
        (-w * 0.72, -top + 24),
        (-w - 2, -30),
        (-w - 1, 50),
        (-w * 0.72, 120),
        (0, 158),
        (w * 0.72, 120),
        (w + 1, 50),
        (w + 2, -30),
        (w * 0.72, -top + 24),
    ]
    # The cloth's shadow on brow and cheeks.
    with sheet.within(body.outline):
        shade = smooth([(x * 1.3, y * 1.3) for x, y in outer]) + smooth(
            [(x * 0.9, y * 0.82 + 12) for x, y in inner]
        )
        sheet.shape(shade, palette.skin_deep, opacity=0.55, move=(-shine * 6, 6))
    ring = smooth(outer) + smooth(inner)
    sheet.shape(
        ring,
        sheet.linear(
            (shine * (w + 40), -60),
            (-shine * (w + 40), 60),
            (0.0, palette.bright(tone, 0.5)),
            (0.4, tone),
            (1.0, palette.dark(tone, 0.65)),
        ),
    )
    with sheet.within(ring):
        for side in (-1, 1):
            for k in range(4):
                start = (side * (6 + k * 14), -top - peak + 14 + k * 8)
                end = (side * (w + 30 - k * 16), 190 - k * 8)
                fold = leaf(start, (side * (w + 56 - k * 9), -40 + k * 20), end, 3 + k)
                sheet.shape(
                    fold,
                    palette.dark(tone, 0.8) if k % 2 else palette.bright(tone, 0.5),
                    opacity=0.5,
                )
        sheet.shape(smooth(inner), stroke=palette.dark(tone, 0.9), width=18, opacity=0.5)
    sheet.shape(
        smooth(inner), stroke=palette.metal if dice.chance(0.6) else palette.lining, width=4.5
    )
    if dice.chance(0.35):
        sheet.shape(
            smooth([(x * 1.07, y * 1.06 + 1) for x, y in inner]),
            stroke=palette.metal,
            width=3,
            dash="0.1 12",
        )


def hat(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    """A mage's: broad brim, tall bent point."""
    w, shine = body.width, look.light
    y, lean = -body.top * 0.66, dice.side()
    tone = palette.cloth if dice.chance(0.6) else palette.dark(palette.cloth, 0.4)
    brim, tall = w + dice.between(52, 78), dice.between(112, 128)
    sheet.shape(ellipse(0, y + 8, brim, 30), palette.dark(tone, 1.0).lit(-0.05))
    tip = (lean * dice.between(30, 70), y - tall - 30)
    cone = (
        f"M{at((-w * 0.96, y))}"
        f"C{at((-w * 0.86, y - 50), (-w * 0.5 + lean * 4, y - tall * 0.8))} "
        f"{at((tip[0] - lean * 30, tip[1] + 22))}"
        f"Q{at((tip[0] - lean * 6, tip[1] - 6), tip)}"
        f"C{at((tip[0] - lean * 4, tip[1] + 40), (w * 0.86, y - 40), (w * 0.96, y))}"
        f"Q{at((0, y + 30), (-w * 0.96, y))}Z"
    )
    if lean < 0:
        cone = (
            f"M{at((w * 0.96, y))}"
            f"C{at((w * 0.86, y - 50), (w * 0.5 - 4, y - tall * 0.8), (tip[0] + 30, tip[1] + 22))}"
            f"Q{at((tip[0] + 6, tip[1] - 6), tip)}"
            f"C{at((tip[0] + 4, tip[1] + 40), (-w * 0.86, y - 40), (-w * 0.96, y))}"
            f"Q{at((0, y + 30), (w * 0.96, y))}Z"
        )
    fabric = sheet.linear(
        (shine * w, 0),
        (-shine * w, 30),
        (0.0, palette.bright(tone, 0.5)),
        (0.45, tone),
        (1.0, palette.dark(tone, 0.7)),
    )
    sheet.shape(cone, fabric)
    with sheet.within(cone):
        for k in range(4):
            fold = leaf(
                (lean * (10 + k * 8), y - tall + 10 + k * 22),
                (lean * 40, y - 50 + k * 6),
                (-lean * (50 - k * 34), y + 10),
                5,
            )
            sheet.shape(fold, palette.dark(tone, 0.7), opacity=0.55)
        band = f"M{at((-w, y - 12))}Q{at((0, y + 22), (w, y - 12))}"
        sheet.shape(band, stroke=palette.lining, width=22)
        sheet.shape(band, stroke=palette.metal, width=3, move=(0, -12))
    front = (
        f"M{at((-brim, y + 6))}"
        f"C{at((-brim * 0.7, y - 6), (-w, y - 2), (-w * 0.96, y - 2))}"
        f"Q{at((0, y + 34), (w * 0.96, y - 2))}"
        f"C{at((w, y - 2), (brim * 0.7, y - 6), (brim, y + 6))}"
        f"C{at((brim * 0.8, y + 46), (-brim * 0.8, y + 46), (-brim, y + 6))}Z"
    )
    sheet.shape(front, palette.ink, opacity=0.3, move=(0, 10))
    sheet.shape(front, fabric)
    sheet.shape(
        f"M{at((-brim, y + 6))}C{at((-brim * 0.8, y + 46), (brim * 0.8, y + 46), (brim, y + 6))}",
        stroke=palette.bright(tone, 0.5),
        width=2.6,
        opacity=0.8,
    )
    with sheet.placed((lean * -w * 0.45, y + 1), turn=lean * 8):
        sheet.shape("M-13,-14H13V14H-13ZM-7,-8H7V8H-7Z", palette.metal)


def headband(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, y = body.width + 3, -body.top * 0.58
    band = (
        f"M{at((-w, y - 16))}"
        f"Q{at((0, y + 6), (w, y - 16))}"
        f"L{at((w + 1, y + 8))}"
        f"Q{at((0, y + 30), (-w - 1, y + 8))}Z"
    )
    tone, away = palette.cloth.vivid(1.1), -look.light
    for k in range(2):
        sheet.shape(
            leaf(
                (away * w, y),
                (away * (w + 26), y + 20 + k * 26),
                (away * (w + 20 + k * 22), y + 100 - k * 22),
                9,
                root=8,
            ),
            palette.dark(tone, 0.35 + k * 0.2),
        )
    sheet.shape(band, palette.ink, opacity=0.3, move=(0, 5))
    sheet.shape(
        band,
        sheet.linear(
            (look.light * w, 0),
            (-look.light * w, 0),
            (0.0, palette.bright(tone, 0.4)),
            (1.0, palette.dark(tone, 0.5)),
        ),
    )
    for k in range(3):
        sheet.shape(
            leaf((-w + 8, y - 6 + k * 7), (0, y + 12 + k * 6), (w - 8, y - 6 + k * 7), 1.6),
            palette.dark(tone, 0.7),
            opacity=0.6,
        )
    if dice.chance(0.4):
        sheet.shape(circle(0, y + 7, 9), palette.metal)
        sheet.shape(circle(0, y + 7, 5), palette.dark(palette.metal, 0.6))


def turban(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, tone = body.width + 16, body.top + 34, palette.cloth
    y = -body.top * 0.5
    dome = smooth(
        [
            (-w, y - 12),
            (-w * 0.92, -top + 26),
            (0, -top - 8),
            (w * 0.92, -top + 26),
            (w, y - 12),
            (w * 0.5, y - 12),
            (0, y - 26),
            (-w * 0.5, y - 12),
        ]
    )
    sheet.shape(dome, palette.ink, opacity=0.3, move=(0, 7))
    sheet.shape(
        dome,
        sheet.linear(
            (look.light * w, 0),
            (-look.light * w, 20),
            (0.0, palette.bright(tone, 0.5)),
            (0.5, tone),
            (1.0, palette.dark(tone, 0.6)),
        ),
    )
    with sheet.within(dome):
        for k in range(7):
            way = 1 if k % 2 else -1
            fold = leaf(
                (way * w, y - k * 13), (0, y - 60 - k * 12), (-way * w * 0.9, -top + 40 - k * 6), 6
            )
            sheet.shape(
                fold, palette.dark(tone, 0.7) if k % 3 else palette.bright(tone, 0.6), opacity=0.5
            )
    sheet.shape(
        leaf((0, y - 28), (-look.light * 16, -top - 8), (look.light * 14, -top - 58), 12),
        palette.lining,
    )
    sheet.shape(circle(0, y - 30, 14), palette.metal)
    jewel(sheet, palette, 0, y - 30, 8, palette.gem)


def tricorn(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, dice: Dice) -> None:
    w, top, shine = body.width, body.top, look.light
    y = -top * 0.62
    felt = palette.dark(palette.cloth.mix(Colour(0.25, 0, 0), 0.55), 0.2)
    if dice.chance(0.6):
        for k in range(5):
            sheet.shape(
                leaf(
                    (shine * w * 0.5, y - 30),
                    (shine * (w + 20 + k * 10), -top - 70 + k * 12),
                    (shine * (w + 62 - k * 6), -top + 6 + k * 20),
                    13,
                    root=8,
                ),
                palette.lining.lit(0.04 * (k % 2)),
            )
    sheet.shape(
        smooth(
            [
                (-w * 0.9, y),
                (-w * 0.74, -top - 20),
                (0, -top - 34),
                (w * 0.74, -top - 20),
                (w * 0.9, y),
            ]
        ),
        felt,
    )
    brim = (
        f"M{at((-w - 62, y - 46))}"
        f"C{at((-w * 0.6, y - 40), (-30, y - 74), (0, y - 86))}"
        f"C{at((30, y - 74), (w * 0.6, y - 40), (w + 62, y - 46))}"
        f"C{at((w + 30, y + 8), (w * 0.5, y + 18), (0, y + 22))}"
        f"C{at((-w * 0.5, y + 18), (-w - 30, y + 8), (-w - 62, y - 46))}Z"
    )
    sheet.shape(brim, palette.ink, opacity=0.35, move=(0, 9))
    sheet.shape(
        brim,
        sheet.linear(
            (shine * w, y - 80),
            (-shine * w, y),
            (0.0, palette.bright(felt, 0.4)),
            (0.5, felt),
            (1.0, palette.dark(felt, 0.6)),
        ),
    )
    sheet.shape(
        f"M{at((-w - 62, y - 46))}"
        f"C{at((-w * 0.6, y - 40), (-30, y - 74), (0, y - 86))}"
        f"C{at((30, y - 74), (w * 0.6, y - 40), (w + 62, y - 46))}",
        stroke=palette.metal,
        width=5,
    )
    sheet.shape(circle(-shine * w * 0.3, y - 28, 11), palette.metal)
    sheet.shape(circle(-shine * w * 0.3, y - 28, 5), palette.gem)


Draw = Callable[[Sheet, Palette, Look, Anatomy, Dice], None]
KINDS: dict[Headwear, Draw] = {
    "crown": crown,
    "tiara": tiara,
    "circlet": circlet,
    "hood": hood,
    "hat": hat,
    "helm": helm,
    "wreath": wreath,
    "headband": headband,
    "turban": turban,
    "tricorn": tricorn,
}
