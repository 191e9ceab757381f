"""What hair styles are made of: caps, panels, strands, braids and ropes."""

import math
from dataclasses import dataclass, field

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.dice import Dice
from gallery.pictures.svg import Point, ellipse, leaf, smooth

Tone = str  # "base", "dark", "lit", "shade", "stubble" or "tie"


@dataclass(slots=True)
class Hair:
    """Paths in head space. `mass` is what throws a shadow on the face."""

    behind: list[tuple[str, Tone]] = field(default_factory=list)
    mass: list[str] = field(default_factory=list)
    locks: list[tuple[str, Tone]] = field(default_factory=list)  # cut to the mass
    loose: list[tuple[str, Tone]] = field(default_factory=list)  # over it, uncut


def cap(
    body: Anatomy,
    side: int,
    part: float,
    *,
    lift: float,
    puff: float,
    forehead: float,
    low: float,
    sweep: float = 0.0,
) -> list[Point]:
    """One half of the hair on the skull, from the parting round to below the temple."""
    w, top = body.width, body.top
    return [
        (part - side * 9, -top - lift),
        (side * w * 0.52, -top - lift * 0.82),
        (side * (w * 0.92 + puff * 0.6), -top * 0.62 - lift * 0.5),
        (side * (w + puff), -20),
        (side * (w + puff * 0.7), low * 0.6),
        (side * (w + 1), low),
        (side * (w - 9), low * 0.45),
        (side * (w - 8), -30),
        (side * w * (0.74 + sweep * 0.1), -forehead * 0.80),
        (side * w * 0.42 + part * 0.3, -forehead - sweep * 6),
        (part - side * 7, -forehead - 12),
    ]


def strands(
    hair: Hair,
    dice: Dice,
    side: int,
    body: Anatomy,
    part: float,
    *,
    lift: float,
    end_y: float,
    count: int = 7,
) -> None:
    """Locks that run from the parting over the skull and down."""
    w, top = body.width, body.top
    for k in range(count):
        share = (k + dice.between(0.1, 0.9)) / count
        start = (part + side * share * 14, -top - lift * (1 - share * 0.3) + share * 14)
        bend = (side * w * (0.62 + 0.5 * (1 - share)), -top * (0.95 - 0.3 * share))
        end = (side * (w + 10 - share * 24), end_y * dice.between(0.5, 1.0) - share * 30)
        tone = ("dark", "lit", "dark")[k % 3]
        hair.locks.append((leaf(start, bend, end, dice.between(2.5, 6)), tone))


def panel(
    body: Anatomy,
    dice: Dice,
    side: int,
    part: float,
    *,
    lift: float,
    puff: float,
    forehead: float,
    reach: float,
    flare: float,
    wave: float,
    inner: float = 0.0,
) -> str:
    """A curtain of hair from the parting down one side of the face to `reach`."""
    w, top = body.width, body.top
    phase = dice.between(0, 6.28)

    def sway(y: float) -> float:
        return wave * math.sin(phase + y / 24)

    outer: list[Point] = [
        (part - side * 9, -top - lift),
        (side * w * 0.55, -top - lift * 0.85),
        (side * (w * 0.95 + puff * 0.6), -top * 0.6 - lift * 0.4),
        (side * (w + puff), -15),
    ]
    steps = max(3, int(reach / 34))
    for k in range(1, steps + 1):
        y = -15 + (reach + 15) * k / steps
        share = k / steps
        outer.append((side * (w + puff + flare * math.sin(share * 2.2)) + sway(y), y))
    near, far = w - 16 - inner * 0.1 + flare * 0.3, w + puff + flare * 0.8
    tips: list[Point] = []
    for k in range(5):
        x = side * (far + (near - far) * (k + 0.5) / 5) + sway(reach)
        tips.append((x, reach + (dice.between(10, 24) if k % 2 == 0 else -4)))
    back: list[Point] = []
    for k in range(steps, 0, -1):
        share = k / steps
        y = -15 + (reach + 15) * share * 0.94
        back.append(
            (
                side * (w - 16 - inner * math.sin(share * 3.1) + flare * 0.3 * share)
                + sway(y) * 0.8,
                y,
            )
        )
    hairline: list[Point] = [
        (side * (w - 10), -26),
        (side * w * 0.80, -forehead * 0.72),
        (side * w * 0.46 + part * 0.3, -forehead),
        (part - side * 7, -forehead - 12),
    ]
    return smooth([*outer, *tips, *back, *hairline], tension=0.9)


def flow(
    hair: Hair,
    dice: Dice,
    side: int,
    body: Anatomy,
    part: float,
    *,
    lift: float,
    puff: float,
    reach: float,
    wave: float,
    count: int = 8,
) -> None:
    """Long strands inside a panel."""
    w, top = body.width, body.top
    for k in range(count):
        share = (k + dice.between(0.2, 0.8)) / count
        x0 = side * (w + puff - share * (puff + 20))
        points = [
            (part + side * (4 + share * 16), -top - lift * 0.7 + share * 16),
            (side * w * (0.5 + 0.25 * (1 - share)), -top * (0.98 - 0.22 * share) - lift * 0.4),
            (x0, -24 + share * 10),
        ]
        phase, depth = dice.between(0, 6.28), reach * dice.between(0.6, 0.98)
        for step in range(1, 4):
            y = -20 + (depth + 20) * step / 3
            points.append((x0 + wave * math.sin(phase + y / 24), y))
        width = dice.between(2, 5.5)
        ribbon = points + [
            (x + side * width * (1 - i / 6), y)
            for i, (x, y) in reversed(list(enumerate(points[:-1])))
        ]
        hair.locks.append((smooth(ribbon), ("dark", "lit", "dark")[k % 3]))


def drape(
    body: Anatomy, dice: Dice, *, puff: float, reach: float, flare: float, wave: float
) -> str:
    """The mass behind neck and shoulders."""
    w, top = body.width, body.top
    right: list[Point] = [(0, -top - 8), (w * 0.7, -top + 8), (w + puff, -30)]
    phase = dice.between(0, 6.28)
    for k in range(1, 5):
        y = -30 + (reach + 30) * k / 4
        right.append(
            (w + puff + flare * math.sin(k / 4 * 1.9) + wave * math.sin(phase + y / 24), y)
        )
    left = [(-x + wave * dice.centred(0.6), y) for x, y in reversed(right[1:])]
    ends = [(k * (w + flare) / 6, reach + 14 + dice.between(-8, 12)) for k in range(5, -6, -2)]
    return smooth([*right, *ends, *left])


def bangs(hair: Hair, body: Anatomy, dice: Dice, lift: float, low: float = -36) -> None:
    w, top = body.width, body.top
    teeth: list[Point] = []
    for k in range(9):
        x = w * 0.84 - k * w * 0.21
        teeth.append((x, low + (5 if k % 2 else -3) + dice.centred(5) - abs(x) * 0.05))
    hair.mass.append(
        smooth(
            [
                (0, -top - lift + 4),
                (w * 0.66, -top * 0.9),
                (w * 0.95, -60),
                *teeth,
                (-w * 0.95, -60),
                (-w * 0.66, -top * 0.9),
            ],
            tension=0.7,
        )
    )
    for k in range(10):
        x = -w * 0.8 + k * w * 0.178
        hair.locks.append(
            (
                leaf((x * 0.4, -top - lift + 10), (x * 0.9, -84), (x, low - 4), 3.4),
                ("lit", "dark", "dark")[k % 3],
            )
        )


def crop(
    hair: Hair,
    body: Anatomy,
    dice: Dice,
    *,
    lift: float,
    puff: float,
    forehead: float,
    low: float,
    part: float,
) -> None:
    for side in (-1, 1):
        hair.mass.append(
            smooth(cap(body, side, part, lift=lift, puff=puff, forehead=forehead, low=low))
        )
        strands(hair, dice, side, body, part, lift=lift, end_y=low)


def braid(hair: Hair, dice: Dice, start: Point, end: Point, thick: float) -> None:
    count = max(5, int(abs(end[1] - start[1]) / (thick * 0.8)))
    for k in range(count):
        share = k / count
        x, y = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
        t = thick * (1 - share * 0.35)
        for way in (-1, 1):
            path = leaf(
                (x + way * t * 0.9, y - t * 0.3),
                (x + way * t * 0.55, y + t * 0.75),
                (x - way * t * 0.25, y + t * 1.15),
                t * 0.52,
                root=t * 0.5,
            )
            hair.loose.append((path, "base" if way > 0 else "shade"))
            hair.loose.append(
                (
                    leaf((x + way * t * 0.8, y), (x + way * t * 0.5, y + t * 0.6), (x, y + t), 1.6),
                    "lit",
                )
            )
    x, y = end
    hair.loose.append((ellipse(x, y, thick * 0.62, 5), "tie"))
    for k in (-1, 0, 1):
        hair.loose.append(
            (leaf((x, y), (x + k * 6, y + 16), (x + k * 7, y + 34), 5, root=8), "base")
        )


def wisps(hair: Hair, body: Anatomy, dice: Dice) -> None:
    for side in (-1, 1):
        x = side * body.width * 0.62
        hair.loose.append(
            (
                leaf(
                    (x * 0.6, -88),
                    (x * 1.5, -60),
                    (side * (body.width - 6), dice.between(0, 50)),
                    5,
                    root=5,
                ),
                "base",
            )
        )


def gathered(hair: Hair, body: Anatomy, dice: Dice, knot: Point) -> None:
    w, top = body.width, body.top
    for side in (-1, 1):
        hair.mass.append(
            smooth(
                [
                    (0, -top - 18),
                    (side * w * 0.56, -top - 10),
                    (side * w * 0.97, -top * 0.55),
                    (side * (w + 7), -8),
                    (side * (w + 1), 30),
                    (side * (w - 9), 4),
                    (side * w * 0.86, -46),
                    (side * w * 0.58, -80),
                    (0, -92),
                ]
            )
        )
        for k in range(8):
            share = k / 7
            start = (side * (w * 0.95 - share * w * 0.85), -16 - share * 74)
            hair.locks.append(
                (
                    leaf(
                        start,
                        (side * w * (0.8 - share * 0.6), -top * (0.72 + share * 0.2)),
                        knot,
                        3.6,
                    ),
                    ("lit", "dark")[k % 2],
                )
            )
    wisps(hair, body, dice)


def rope(
    into: list[tuple[str, Tone]],
    dice: Dice,
    start: Point,
    end: Point,
    tone: Tone,
    bend: float | None = None,
) -> None:
    middle = (
        bend if bend is not None else (start[0] + end[0]) / 2 + dice.centred(20),
        start[1] * 0.75,
    )
    spine = [along(start, middle, end, k / 6) for k in range(7)]
    half = 6.8
    right = [(x + half, y) for x, y in spine]
    left = [(x - half, y) for x, y in reversed(spine)]
    into.append((smooth([*right, (end[0], end[1] + 9), *left]), tone))
    for k in range(12):
        x, y = along(start, middle, end, (k + 0.5) / 12)
        into.append(
            (
                leaf((x - 5, y - 3), (x, y + 2), (x + 5, y + 1), 1.1),
                "dark" if tone != "dark" else "shade",
            )
        )
    into.append(
        (
            smooth(
                [(x - 3.4, y) for x, y in spine[:5]]
                + [(x - 1.4, y) for x, y in reversed(spine[:5])]
            ),
            "lit",
        )
    )
    if dice.chance(0.45):
        x, y = along(start, middle, end, 0.68)
        into.append((ellipse(x, y, 8, 5), "tie"))


def along(start: Point, bend: Point, end: Point, t: float) -> Point:
    """A point of the quadratic curve from `start` to `end`."""
    u = 1 - t
    return (
        u * u * start[0] + 2 * u * t * bend[0] + t * t * end[0],
        u * u * start[1] + 2 * u * t * bend[1] + t * t * end[1],
    )
