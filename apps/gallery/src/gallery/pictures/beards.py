"""Beards and moustaches, around the mouth that is already there."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Sheet, at, ellipse, leaf, smooth


def beard(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, seed: int) -> None:
    """Beard and moustache, around the mouth that is already there."""
    kind, dice = look.beard, Dice(seed, "beard")
    if kind == "none":
        return
    tone = palette.hair.lit(-0.03)
    jaw, chin_y, y, w = body.jaw, body.chin_y, body.mouth_y, body.mouth_w
    if kind == "stubble":
        with sheet.within(body.outline):
            path = smooth(
                [
                    (-body.width - 4, 26),
                    (-jaw * 0.74, 62),
                    (-w - 12, y - 14),
                    (0, y - 19),
                    (w + 12, y - 14),
                    (jaw * 0.74, 62),
                    (body.width + 4, 26),
                    (jaw + 8, 120),
                    (0, chin_y + 20),
                    (-jaw - 8, 120),
                ]
            )
            hole = ellipse(0, y + 1, w * 0.86, 9.5)
            sheet.shape(path, palette.hair.mix(palette.skin_deep, 0.5), opacity=0.42)
            sheet.shape(hole, palette.skin, opacity=0.25)
        return
    drop = {"full": 26, "long": 120, "braided": 70, "goatee": 30, "moustache": 0}[kind]
    if kind in ("full", "long", "braided"):
        end = chin_y + drop
        right = [
            (body.width - 1, 0),
            (body.width + 2, 40),
            (jaw + 12, 86),
            (jaw * (0.9 if drop < 60 else 0.95), chin_y + 12 + drop * 0.35),
            (jaw * 0.42, end - 10),
        ]
        lip = [(w, y - 12), (w + 15, y - 2), (jaw * 0.82, 50), (body.width - 10, 8)]
        outline = smooth(
            [
                *right,
                (0, end + 10),
                *((-x, yy) for x, yy in reversed(right)),
                *((-x, yy) for x, yy in reversed(lip)),
                (-w + 2, y + 9),
                (0, y + 15 + body.lips * 3),
                (w - 2, y + 9),
                *lip,
            ],
            tension=0.85,
        )
        sheet.shape(outline, palette.ink, opacity=0.28, move=(0, 9))
        sheet.shape(
            outline,
            sheet.linear(
                (look.light * jaw, 20),
                (-look.light * jaw, end),
                (0.0, palette.bright(tone, 0.3)),
                (0.4, tone),
                (1.0, palette.dark(tone, 0.6)),
            ),
        )
        with sheet.within(outline):
            for k in range(15):
                share = k / 14 * 2 - 1
                start = (share * (body.width - 4), 6 + (1 - abs(share)) * (y + 10))
                finish = (share * jaw * 0.42 + dice.centred(6), end + 10 - abs(share) * drop * 0.4)
                sheet.shape(
                    leaf(
                        start,
                        (share * (jaw + 8), (start[1] + finish[1]) * 0.55),
                        finish,
                        dice.between(2.5, 5.5),
                    ),
                    palette.bright(tone, 0.6) if k % 3 == 0 else palette.dark(tone, 0.7),
                    opacity=0.55,
                )
        if kind == "braided":
            for x in (-20, 20) if dice.chance(0.6) else (0,):
                for k in range(6):
                    yy = end - 14 + k * 14
                    for way in (-1, 1):
                        sheet.shape(
                            leaf(
                                (x + way * 13, yy),
                                (x + way * 8, yy + 13),
                                (x - way * 4, yy + 19),
                                8,
                                root=7,
                            ),
                            tone if way > 0 else palette.dark(tone, 0.35),
                        )
                sheet.shape(ellipse(x, end + 68, 12, 7), palette.metal)
                sheet.shape(
                    leaf((x, end + 70), (x + 2, end + 82), (x, end + 104), 9, root=12),
                    palette.dark(tone, 0.3),
                )
    if kind == "goatee":
        path = smooth(
            [
                (-15, y + 17),
                (0, y + 15),
                (15, y + 17),
                (20, chin_y - 4),
                (9, chin_y + drop - 6),
                (0, chin_y + drop + 6),
                (-9, chin_y + drop - 6),
                (-20, chin_y - 4),
            ]
        )
        sheet.shape(path, palette.ink, opacity=0.25, move=(0, 6))
        sheet.shape(path, tone)
        for k in (-1, 0, 1):
            sheet.shape(
                leaf((k * 9, y + 20), (k * 12, chin_y), (k * 3, chin_y + drop), 2.5),
                palette.bright(tone, 0.5),
                opacity=0.6,
            )
    _moustache(sheet, palette, look, body, tone, dice)


def _moustache(
    sheet: Sheet, palette: Palette, look: Look, body: Anatomy, tone: Colour, dice: Dice
) -> None:
    y, w = body.mouth_y, body.mouth_w
    lift, reach = dice.pick((-8, 2, 12)), w + dice.between(10, 20)
    x0 = body.turn * 1.2
    for side in (-1, 1):
        path = (
            f"M{at((x0, y - 17))}"
            f"C{at((x0 + side * 10, y - 26), (x0 + side * w * 0.8, y - 14))} "
            f"{at((x0 + side * reach, y + lift))}"
            f"C{at((x0 + side * w * 0.8, y + 3), (x0 + side * w * 0.3, y + 1), (x0, y - 6))}Z"
        )
        sheet.shape(path, palette.ink, opacity=0.25, move=(0, 4))
        sheet.shape(
            path, palette.bright(tone, 0.15) if side == look.light else palette.dark(tone, 0.35)
        )
        sheet.shape(
            leaf(
                (x0 + side * 4, y - 14),
                (x0 + side * w * 0.6, y - 13),
                (x0 + side * (reach - 5), y + lift - 1),
                1.8,
            ),
            palette.bright(tone, 0.6),
            opacity=0.7,
        )
