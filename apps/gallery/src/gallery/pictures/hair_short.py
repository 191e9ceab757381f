"""Hair cut short, tied up, or shaved."""

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.dice import Dice
from gallery.pictures.strands import Hair, braid, cap, crop, drape, gathered, strands, wisps
from gallery.pictures.svg import ellipse, leaf, smooth


def short(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Short back and sides with a side parting."""
    away = dice.side()
    part = away * dice.between(24, 44)
    lift = dice.between(17, 25)
    crop(hair, body, dice, lift=lift * 0.8, puff=6, forehead=84, low=12, part=part)
    w, top = body.width, body.top
    quiff = [
        (part + away * 6, -top - lift * 0.6),
        (part - away * 18, -top - lift - 8),
        (-away * w * 0.4, -top - lift - 2),
        (-away * w * 0.86, -top * 0.86),
        (-away * (w * 0.96), -66),
        (-away * w * 0.74, -78),
        (-away * w * 0.2, -82),
        (part, -92),
    ]
    hair.mass.append(smooth(quiff))
    for k in range(6):
        hair.locks.append(
            (
                leaf(
                    (part, -top - 6 + k * 4),
                    (-away * w * 0.2, -top - lift + 4 + k * 7),
                    (-away * w * 0.84, -top * 0.8 + k * 5),
                    4,
                ),
                ("lit", "dark")[k % 2],
            )
        )


def tousled(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Short, in locks that fall as they like."""
    w, top = body.width, body.top
    crop(hair, body, dice, lift=18, puff=9, forehead=80, low=24, part=dice.centred(10))
    way = dice.side()
    for k in range(13):
        share = k / 12 * 2 - 1
        start = (share * w * 0.75, -top - 10 + abs(share) * 34)
        end = (
            share * w * 0.92 + way * dice.between(4, 22),
            -66 + dice.centred(18) + abs(share) * 18,
        )
        bend = ((start[0] + end[0]) / 2 - way * 12, (start[1] + end[1]) / 2 - 10)
        hair.mass.append(leaf(start, bend, end, dice.between(13, 19), root=26))
        hair.locks.append((leaf(start, bend, end, 4), ("lit", "dark")[k % 2]))
    for k in range(9):
        share = k / 8 * 2 - 1
        start = (share * w * 0.7, -top + 2 + abs(share) * 30)
        end = (share * (w + 24) + dice.centred(10), -top - 26 + abs(share) * 62 + dice.centred(8))
        hair.mass.append(leaf(start, (start[0] + share * 8, start[1] - 24), end, 12, root=34))


def slick(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Combed straight back from the forehead."""
    w, top = body.width, body.top
    long = dice.chance(0.5)
    if long:
        hair.behind.append(
            (drape(body, dice, puff=2, reach=dice.between(120, 190), flare=10, wave=3), "dark")
        )
    peak = dice.between(-6, 6)
    mass = [
        (0, -top - 20),
        (w * 0.6, -top - 10),
        (w * 0.98, -top * 0.55),
        (w + 6, -8),
        (w + 2, 24),
        (w - 8, 6),
        (w * 0.86, -48),
        (w * 0.60, -88),
        (w * 0.25, -97),
        (peak, -86),
        (-w * 0.25, -97),
        (-w * 0.60, -88),
        (-w * 0.86, -48),
        (-w + 8, 6),
        (-w - 2, 24),
        (-w - 6, -8),
        (-w * 0.98, -top * 0.55),
        (-w * 0.6, -top - 10),
    ]
    hair.mass.append(smooth(mass))
    for k in range(13):
        share = k / 12 * 2 - 1
        start = (share * w * 0.72, -88 + share * share * 30)
        hair.locks.append(
            (
                leaf(start, (share * w * 0.7, -top - 2), (share * w * 0.35, -top - 20), 3.5),
                ("lit", "dark")[k % 2],
            )
        )


def undercut(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Shaved sides, and a long top thrown to one side."""
    w, top, away = body.width, body.top, dice.side()
    hair.behind.append(
        (
            smooth(
                [
                    (w * 0.5, -top + 6),
                    (w + 3, -60),
                    (w + 2, 6),
                    (-w - 2, 6),
                    (-w - 3, -60),
                    (-w * 0.5, -top + 6),
                ]
            ),
            "dark",
        )
    )
    for side in (-1, 1):
        hair.loose.append(
            (
                smooth(
                    [
                        (side * w * 0.8, -86),
                        (side * (w + 1), -40),
                        (side * (w + 1), 14),
                        (side * (w - 9), 4),
                        (side * (w - 9), -40),
                    ]
                ),
                "stubble",
            )
        )
    reach = dice.between(-20, 66)
    hair.mass.append(
        smooth(
            [
                (-away * w * 0.66, -92),
                (-away * w * 0.66, -top - 6),
                (0, -top - 30),
                (away * w * 0.72, -top - 16),
                (away * (w + 16), -66),
                (away * (w + 12), reach),
                (away * (w - 8), reach - 24),
                (away * w * 0.7, -62),
                (away * w * 0.1, -82),
            ]
        )
    )
    for k in range(9):
        share = k / 8
        hair.locks.append(
            (
                leaf(
                    (-away * w * (0.6 - share * 0.3), -94 - share * 40),
                    (away * w * 0.3, -top - 24 + share * 36),
                    (away * (w + 8 - share * 26), reach - 16 - share * 24),
                    4,
                ),
                ("lit", "dark")[k % 2],
            )
        )


def mohawk(hair: Hair, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    hair.loose.append(
        (
            smooth(
                [
                    (0, -top),
                    (w * 0.6, -top + 4),
                    (w * 0.96, -70),
                    (w + 1, -10),
                    (w - 6, 6),
                    (w * 0.86, -50),
                    (w * 0.5, -94),
                    (0, -98),
                    (-w * 0.5, -94),
                    (-w * 0.86, -50),
                    (-w + 6, 6),
                    (-w - 1, -10),
                    (-w * 0.96, -70),
                    (-w * 0.6, -top + 4),
                ]
            ),
            "stubble",
        )
    )
    tall = dice.between(46, 78)
    for k in range(11):
        share = k / 10 * 2 - 1
        start = (share * 24, -88 - (1 - share * share) * 26)
        end = (
            share * 44 + dice.centred(9),
            -top - tall * (1 - abs(share) * 0.42) + dice.centred(9),
        )
        hair.mass.append(
            leaf(start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end, 13, root=26)
        )
        hair.locks.append(
            (leaf(start, (start[0] * 1.3, (start[1] + end[1]) / 2), end, 4), ("lit", "dark")[k % 2])
        )


def braids(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Two braids before the shoulders."""
    w, part = body.width, dice.centred(10)
    hair.behind.append(
        (
            smooth(
                [
                    (0, -body.top),
                    (w + 10, -40),
                    (w + 8, 50),
                    (w * 0.5, 90),
                    (-w * 0.5, 90),
                    (-w - 8, 50),
                    (-w - 10, -40),
                ]
            ),
            "dark",
        )
    )
    for side in (-1, 1):
        hair.mass.append(
            smooth(cap(body, side, part, lift=18, puff=14, forehead=82, low=64, sweep=0.6))
        )
        strands(hair, dice, side, body, part, lift=18, end_y=60, count=8)
        braid(
            hair,
            dice,
            (side * (w + 2), 56),
            (side * (w - 2 + dice.between(0, 12)), dice.between(190, 260)),
            dice.between(15, 20),
        )
    if dice.chance(0.5):
        wisps(hair, body, dice)


def topknot(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Drawn up into a knot."""
    top, size = body.top, dice.between(26, 38)
    y = -top - 16 - size * 0.6
    hair.behind.append((ellipse(0, y, size * 1.1, size), "dark"))
    hair.behind.append((ellipse(-2, y - 2, size, size * 0.9), "base"))
    for k in range(3):
        hair.behind.append(
            (
                leaf(
                    (-size * 0.8, y + 8 - k * 9),
                    (0, y - size * 0.9 + k * 10),
                    (size * 0.8, y + 4 - k * 6),
                    3,
                ),
                "lit",
            )
        )
    gathered(hair, body, dice, (0.0, -top - 20))


def ponytail(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """High at the back, its tail over one shoulder."""
    w, top, away = body.width, body.top, dice.side()
    reach = dice.between(110, 220)
    tail = smooth(
        [
            (away * 20, -top - 26),
            (away * (w * 0.9), -top - 34),
            (away * (w + 50), -70),
            (away * (w + 54), 20),
            (away * (w + 36), reach),
            (away * (w + 16), reach - 26),
            (away * (w + 14), 30),
            (away * (w - 10), -60),
            (away * 24, -top),
        ]
    )
    hair.behind.append((tail, "base"))
    for k in range(4):
        hair.behind.append(
            (
                leaf(
                    (away * 30, -top - 18),
                    (away * (w + 70 - k * 12), -100 + k * 12),
                    (away * (w + 40 - k * 6), reach - 40 - k * 14),
                    5,
                ),
                ("lit", "shade")[k % 2],
            )
        )
    gathered(hair, body, dice, (away * 20.0, -top - 16.0))


def spiky(hair: Hair, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    crop(hair, body, dice, lift=12, puff=5, forehead=82, low=16, part=0.0)
    for k in range(15):
        share = k / 14 * 2 - 1
        start = (share * w * 0.82, -top + 20 + share * share * 40)
        long = dice.between(34, 62) * (1 - abs(share) * 0.25)
        end = (start[0] + share * 46 + dice.centred(12), start[1] - long - 8)
        hair.mass.append(
            leaf(start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end, 14, root=30)
        )
        hair.locks.append(
            (leaf(start, (start[0] + 4, start[1] - long * 0.4), end, 4), ("lit", "dark")[k % 2])
        )
    for k in range(6):
        x = (k / 5 * 2 - 1) * w * 0.7
        hair.mass.append(
            leaf(
                (x * 0.9, -100),
                (x, -80),
                (x + dice.centred(14), -52 + dice.centred(12)),
                10,
                root=24,
            )
        )


def buzz(hair: Hair, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    line = [
        (0, -top - 3),
        (w * 0.6, -top + 3),
        (w * 0.97, -70),
        (w + 1, -16),
        (w - 5, 10),
        (w * 0.87, -44),
        (w * 0.62, -84),
        (w * 0.25, -94),
        (0, -90),
    ]
    hair.loose.append((smooth([*line, *((-x, y) for x, y in reversed(line[1:-1]))]), "stubble"))
    dice.side()


def bald(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Nothing, or a tattoo's worth of stubble at the temples."""
    w = body.width
    if dice.chance(0.4):
        for side in (-1, 1):
            hair.loose.append(
                (
                    smooth(
                        [
                            (side * (w + 3), -44),
                            (side * (w + 7), -10),
                            (side * (w + 2), 28),
                            (side * (w - 8), 8),
                            (side * (w - 7), -30),
                        ]
                    ),
                    "base",
                )
            )
