"""Hair: each style is a mass behind the head, a mass before it, and locks that catch light."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.dice import Dice
from gallery.pictures.svg import Point, ellipse, leaf, smooth
from gallery.pictures.traits import HairStyle

Tone = str  # "base", "dark", "lit"


@dataclass(slots=True)
class Hair:
    """Paths in head space. `mass` is what throws a shadow on the face."""

    behind: list[tuple[str, Tone]] = field(default_factory=list)
    mass: list[str] = field(default_factory=list)
    locks: list[tuple[str, Tone]] = field(default_factory=list)  # cut to the mass
    loose: list[tuple[str, Tone]] = field(default_factory=list)  # over it, uncut


def dress(style: HairStyle, body: Anatomy, seed: int) -> Hair:
    """The paths of a style on a head."""
    hair = Hair()
    STYLES[style](hair, body, Dice(seed, f"hair-{style}"))
    return hair


def _cap(body: Anatomy, side: int, part: float, *, lift: float, puff: float, forehead: float,
         low: float, sweep: float = 0.0) -> list[Point]:  # fmt: skip
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


def _strands(hair: Hair, dice: Dice, side: int, body: Anatomy, part: float, *, lift: float,
             end_y: float, count: int = 7) -> None:  # fmt: skip
    """Locks that run from the parting over the skull and down."""
    w, top = body.width, body.top
    for k in range(count):
        share = (k + dice.between(0.1, 0.9)) / count
        start = (part + side * share * 14, -top - lift * (1 - share * 0.3) + share * 14)
        bend = (side * w * (0.62 + 0.5 * (1 - share)), -top * (0.95 - 0.3 * share))
        end = (side * (w + 10 - share * 24), end_y * dice.between(0.5, 1.0) - share * 30)
        tone = ("dark", "lit", "dark")[k % 3]
        hair.locks.append((leaf(start, bend, end, dice.between(2.5, 6)), tone))


def _panel(body: Anatomy, dice: Dice, side: int, part: float, *, lift: float, puff: float,
           forehead: float, reach: float, flare: float, wave: float, inner: float = 0.0) -> str:  # fmt: skip
    """A curtain of hair from the parting down one side of the face to `reach`."""
    w, top = body.width, body.top
    phase = dice.between(0, 6.28)

    def sway(y: float) -> float:
        return wave * math.sin(phase + y / 24)

    outer: list[Point] = [
        (part - side * 9, -top - lift), (side * w * 0.55, -top - lift * 0.85),
        (side * (w * 0.95 + puff * 0.6), -top * 0.6 - lift * 0.4), (side * (w + puff), -15),
    ]  # fmt: skip
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
        back.append((side * (w - 16 - inner * math.sin(share * 3.1) + flare * 0.3 * share) + sway(y) * 0.8, y))  # noqa: E501
    hairline: list[Point] = [
        (side * (w - 10), -26), (side * w * 0.80, -forehead * 0.72), (side * w * 0.46 + part * 0.3, -forehead),
        (part - side * 7, -forehead - 12),
    ]  # fmt: skip
    return smooth([*outer, *tips, *back, *hairline], tension=0.9)


def _flow(hair: Hair, dice: Dice, side: int, body: Anatomy, part: float, *, lift: float,
          puff: float, reach: float, wave: float, count: int = 8) -> None:  # fmt: skip
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
        ribbon = points + [(x + side * width * (1 - i / 6), y) for i, (x, y) in reversed(list(enumerate(points[:-1])))]  # noqa: E501
        hair.locks.append((smooth(ribbon), ("dark", "lit", "dark")[k % 3]))


def _drape(body: Anatomy, dice: Dice, *, puff: float, reach: float, flare: float, wave: float) -> str:
    """The mass behind neck and shoulders."""
    w, top = body.width, body.top
    right: list[Point] = [(0, -top - 8), (w * 0.7, -top + 8), (w + puff, -30)]
    phase = dice.between(0, 6.28)
    for k in range(1, 5):
        y = -30 + (reach + 30) * k / 4
        right.append((w + puff + flare * math.sin(k / 4 * 1.9) + wave * math.sin(phase + y / 24), y))
    left = [(-x + wave * dice.centred(0.6), y) for x, y in reversed(right[1:])]
    ends: list[Point] = []
    for k in range(5, -6, -2):
        ends.append((k * (w + flare) / 6, reach + 14 + dice.between(-8, 12)))
    return smooth([*right, *ends, *left])


def curtain(hair: Hair, body: Anatomy, dice: Dice, *, wave: float = 0.0, part: float | None = None,
            forehead: float | None = None) -> None:  # fmt: skip
    """Long and parted, falling on both sides of the face."""
    part = dice.centred(8) if part is None else part
    forehead = forehead if forehead is not None else dice.between(76, 90)
    reach, flare = dice.between(150, 250), dice.between(6, 26)
    lift, puff = dice.between(16, 24), dice.between(13, 20)
    hair.behind.append((_drape(body, dice, puff=puff, reach=reach * 0.98, flare=flare + 8, wave=wave), "dark"))
    for side in (-1, 1):
        hair.mass.append(_panel(body, dice, side, part, lift=lift, puff=puff, forehead=forehead,
                                reach=reach + dice.centred(20), flare=flare, wave=wave,
                                inner=dice.between(0, 9)))  # fmt: skip
        _flow(hair, dice, side, body, part, lift=lift, puff=puff, reach=reach, wave=wave)


def wavy(hair: Hair, body: Anatomy, dice: Dice) -> None:
    curtain(hair, body, dice, wave=dice.between(6, 11), part=dice.side() * dice.between(16, 40))


def swept(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Parted far to one side, sweeping across the forehead, all over one shoulder."""
    away = dice.side()
    part, reach = -away * dice.between(36, 52), dice.between(150, 235)
    w, top, lift = body.width, body.top, dice.between(20, 28)
    wave = dice.between(0, 8)
    hair.behind.append((_drape(body, dice, puff=14, reach=reach * 0.9, flare=16, wave=wave), "dark"))
    hair.mass.append(_panel(body, dice, away, part, lift=lift, puff=20, forehead=70, reach=reach,
                            flare=24, wave=wave, inner=8))  # fmt: skip
    sweep = smooth([
        (part, -top - lift), (away * 20, -top - lift * 0.9), (away * w * 0.9, -top * 0.7),
        (away * (w + 12), -30), (away * (w + 4), 20), (away * (w - 12), -8),
        (away * w * 0.55, -52), (away * 8, -74), (part + away * 4, -88),
    ])  # fmt: skip
    hair.mass.append(sweep)
    hair.mass.append(smooth(_cap(body, -away, part, lift=lift - 3, puff=12, forehead=78, low=34)))
    for side in (-1, 1):
        _flow(hair, dice, side, body, part, lift=lift, puff=18, reach=reach if side == away else 40,
              wave=wave, count=7)  # fmt: skip
    for k in range(5):
        hair.locks.append((leaf((part + away * k * 3, -top - lift + 8 + k * 5), (away * w * 0.42, -top * 0.8 + k * 6),
                                (away * (w - 6), -26 + k * 6), 4), ("lit", "dark")[k % 2]))  # fmt: skip


def bob(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """To the jaw, turned in at the ends."""
    part, reach = dice.centred(30), dice.between(70, 104)
    w, lift, puff = body.width, dice.between(18, 24), dice.between(18, 26)
    hair.behind.append((smooth([(0, -body.top), (w + puff - 4, -40), (w + puff, reach * 0.6),
                                (w * 0.7, reach + 10), (-w * 0.7, reach + 10), (-w - puff, reach * 0.6),
                                (-w - puff + 4, -40)]), "dark"))  # fmt: skip
    fringed = dice.chance(0.45)
    for side in (-1, 1):
        hair.mass.append(_panel(body, dice, side, part, lift=lift, puff=puff, forehead=82, reach=reach,
                                flare=-4, wave=0, inner=-10))  # fmt: skip
        _flow(hair, dice, side, body, part, lift=lift, puff=puff, reach=reach, wave=2)
    if fringed:
        _bangs(hair, body, dice, lift)


def _bangs(hair: Hair, body: Anatomy, dice: Dice, lift: float, low: float = -36) -> None:
    w, top = body.width, body.top
    teeth: list[Point] = []
    for k in range(9):
        x = w * 0.84 - k * w * 0.21
        teeth.append((x, low + (5 if k % 2 else -3) + dice.centred(5) - abs(x) * 0.05))
    hair.mass.append(smooth([(0, -top - lift + 4), (w * 0.66, -top * 0.9), (w * 0.95, -60), *teeth,
                             (-w * 0.95, -60), (-w * 0.66, -top * 0.9)], tension=0.7))  # fmt: skip
    for k in range(10):
        x = -w * 0.8 + k * w * 0.178
        hair.locks.append((leaf((x * 0.4, -top - lift + 10), (x * 0.9, -84), (x, low - 4), 3.4),
                           ("lit", "dark", "dark")[k % 3]))  # fmt: skip


def fringe(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Long and straight with a cut fringe."""
    curtain(hair, body, dice, part=0.0, forehead=92)
    _bangs(hair, body, dice, 18)


def _crop(hair: Hair, body: Anatomy, dice: Dice, *, lift: float, puff: float, forehead: float,
          low: float, part: float) -> None:  # fmt: skip
    for side in (-1, 1):
        hair.mass.append(smooth(_cap(body, side, part, lift=lift, puff=puff, forehead=forehead, low=low)))
        _strands(hair, dice, side, body, part, lift=lift, end_y=low)


def short(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Short back and sides with a side parting."""
    away = dice.side()
    part = away * dice.between(24, 44)
    lift = dice.between(17, 25)
    _crop(hair, body, dice, lift=lift * 0.8, puff=6, forehead=84, low=12, part=part)
    w, top = body.width, body.top
    quiff = [
        (part + away * 6, -top - lift * 0.6), (part - away * 18, -top - lift - 8), (-away * w * 0.4, -top - lift - 2),
        (-away * w * 0.86, -top * 0.86), (-away * (w * 0.96), -66), (-away * w * 0.74, -78), (-away * w * 0.2, -82),
        (part, -92),
    ]  # fmt: skip
    hair.mass.append(smooth(quiff))
    for k in range(6):
        hair.locks.append((leaf((part, -top - 6 + k * 4), (-away * w * 0.2, -top - lift + 4 + k * 7),
                                (-away * w * 0.84, -top * 0.8 + k * 5), 4), ("lit", "dark")[k % 2]))  # fmt: skip


def tousled(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Short, in locks that fall as they like."""
    w, top = body.width, body.top
    _crop(hair, body, dice, lift=18, puff=9, forehead=80, low=24, part=dice.centred(10))
    way = dice.side()
    for k in range(13):
        share = k / 12 * 2 - 1
        start = (share * w * 0.75, -top - 10 + abs(share) * 34)
        end = (share * w * 0.92 + way * dice.between(4, 22), -66 + dice.centred(18) + abs(share) * 18)
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
        hair.behind.append((_drape(body, dice, puff=2, reach=dice.between(120, 190), flare=10, wave=3), "dark"))
    peak = dice.between(-6, 6)
    mass = [
        (0, -top - 20), (w * 0.6, -top - 10), (w * 0.98, -top * 0.55), (w + 6, -8), (w + 2, 24), (w - 8, 6),
        (w * 0.86, -48), (w * 0.60, -88), (w * 0.25, -97), (peak, -86), (-w * 0.25, -97), (-w * 0.60, -88),
        (-w * 0.86, -48), (-w + 8, 6), (-w - 2, 24), (-w - 6, -8), (-w * 0.98, -top * 0.55), (-w * 0.6, -top - 10),
    ]  # fmt: skip
    hair.mass.append(smooth(mass))
    for k in range(13):
        share = k / 12 * 2 - 1
        start = (share * w * 0.72, -88 + share * share * 30)
        hair.locks.append((leaf(start, (share * w * 0.7, -top - 2), (share * w * 0.35, -top - 20), 3.5),
                           ("lit", "dark")[k % 2]))  # fmt: skip


def undercut(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Shaved sides, and a long top thrown to one side."""
    w, top, away = body.width, body.top, dice.side()
    hair.behind.append((smooth([(w * 0.5, -top + 6), (w + 3, -60), (w + 2, 6), (-w - 2, 6), (-w - 3, -60), (-w * 0.5, -top + 6)]), "dark"))  # noqa: E501
    for side in (-1, 1):
        hair.loose.append((smooth([(side * w * 0.8, -86), (side * (w + 1), -40), (side * (w + 1), 14), (side * (w - 9), 4),  # noqa: E501
                                   (side * (w - 9), -40)]), "stubble"))  # fmt: skip
    reach = dice.between(-20, 66)
    hair.mass.append(smooth([
        (-away * w * 0.66, -92), (-away * w * 0.66, -top - 6), (0, -top - 30), (away * w * 0.72, -top - 16),
        (away * (w + 16), -66), (away * (w + 12), reach), (away * (w - 8), reach - 24), (away * w * 0.7, -62),
        (away * w * 0.1, -82),
    ]))  # fmt: skip
    for k in range(9):
        share = k / 8
        hair.locks.append((leaf((-away * w * (0.6 - share * 0.3), -94 - share * 40), (away * w * 0.3, -top - 24 + share * 36),
                                (away * (w + 8 - share * 26), reach - 16 - share * 24), 4), ("lit", "dark")[k % 2]))  # fmt: skip


def mohawk(hair: Hair, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    hair.loose.append((smooth([(0, -top), (w * 0.6, -top + 4), (w * 0.96, -70), (w + 1, -10), (w - 6, 6), (w * 0.86, -50),
                               (w * 0.5, -94), (0, -98), (-w * 0.5, -94), (-w * 0.86, -50), (-w + 6, 6), (-w - 1, -10),
                               (-w * 0.96, -70), (-w * 0.6, -top + 4)]), "stubble"))  # fmt: skip
    tall = dice.between(46, 78)
    for k in range(11):
        share = k / 10 * 2 - 1
        start = (share * 24, -88 - (1 - share * share) * 26)
        end = (share * 44 + dice.centred(9), -top - tall * (1 - abs(share) * 0.42) + dice.centred(9))
        hair.mass.append(leaf(start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end, 13, root=26))
        hair.locks.append((leaf(start, (start[0] * 1.3, (start[1] + end[1]) / 2), end, 4), ("lit", "dark")[k % 2]))  # noqa: E501


def curls(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """A cloud of curls."""
    w, top = body.width, body.top
    big = dice.between(0.85, 1.25)
    low = dice.between(30, 110)
    for ring, (reach, count, tone) in enumerate(((46, 17, "dark"), (34, 16, "dark"))):
        for k in range(count):
            angle = math.pi * (0.5 + (k + 0.5) / count * 2 - 1) - math.pi / 2
            x = math.sin(angle) * (w + reach * big * 0.75)
            y = -28 - math.cos(angle) * (top - 24 + reach * big)
            if y < low:
                r = dice.between(24, 34) * big
                hair.behind.append((ellipse(x, y, r, r), tone if ring == 0 else "base"))
    for k in range(13):
        share = k / 12 * 2 - 1
        x, y = share * (w + 8), -104 + abs(share) ** 2.2 * 96
        r = dice.between(17, 25) * (0.8 + big * 0.2)
        hair.mass.append(ellipse(x, y - 6, r, r))
        hair.locks.append((ellipse(x - 4, y - 10, r * 0.6, r * 0.6), "lit"))
        hair.locks.append((ellipse(x - 2, y - 5, r * 0.56, r * 0.58), "base"))
    for k in range(8):
        share = k / 7 * 2 - 1
        hair.mass.append(ellipse(share * w * 0.82, -top - 8 + abs(share) * 30, 29 * big, 29 * big))
        hair.locks.append((ellipse(share * w * 0.82 + 4, -top - 14 + abs(share) * 30, 15, 15), "lit"))
        hair.locks.append((ellipse(share * w * 0.82 + 6, -top - 10 + abs(share) * 30, 14, 14), "base"))


def _braid(hair: Hair, dice: Dice, start: Point, end: Point, thick: float) -> None:
    count = max(5, int(abs(end[1] - start[1]) / (thick * 0.8)))
    for k in range(count):
        share = k / count
        x, y = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
        t = thick * (1 - share * 0.35)
        for way in (-1, 1):
            path = leaf((x + way * t * 0.9, y - t * 0.3), (x + way * t * 0.55, y + t * 0.75), (x - way * t * 0.25, y + t * 1.15), t * 0.52, root=t * 0.5)  # noqa: E501
            hair.loose.append((path, "base" if way > 0 else "shade"))
            hair.loose.append((leaf((x + way * t * 0.8, y), (x + way * t * 0.5, y + t * 0.6), (x, y + t), 1.6), "lit"))
    x, y = end
    hair.loose.append((ellipse(x, y, thick * 0.62, 5), "tie"))
    for k in (-1, 0, 1):
        hair.loose.append((leaf((x, y), (x + k * 6, y + 16), (x + k * 7, y + 34), 5, root=8), "base"))


def braids(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Two braids before the shoulders."""
    w, part = body.width, dice.centred(10)
    hair.behind.append((smooth([(0, -body.top), (w + 10, -40), (w + 8, 50), (w * 0.5, 90), (-w * 0.5, 90), (-w - 8, 50), (-w - 10, -40)]), "dark"))  # noqa: E501
    for side in (-1, 1):
        hair.mass.append(smooth(_cap(body, side, part, lift=18, puff=14, forehead=82, low=64, sweep=0.6)))
        _strands(hair, dice, side, body, part, lift=18, end_y=60, count=8)
        _braid(hair, dice, (side * (w + 2), 56), (side * (w - 2 + dice.between(0, 12)), dice.between(190, 260)), dice.between(15, 20))  # noqa: E501
    if dice.chance(0.5):
        _wisps(hair, body, dice)


def _wisps(hair: Hair, body: Anatomy, dice: Dice) -> None:
    for side in (-1, 1):
        x = side * body.width * 0.62
        hair.loose.append((leaf((x * 0.6, -88), (x * 1.5, -60), (side * (body.width - 6), dice.between(0, 50)), 5, root=5), "base"))  # noqa: E501


def topknot(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Drawn up into a knot."""
    top, size = body.top, dice.between(26, 38)
    y = -top - 16 - size * 0.6
    hair.behind.append((ellipse(0, y, size * 1.1, size), "dark"))
    hair.behind.append((ellipse(-2, y - 2, size, size * 0.9), "base"))
    for k in range(3):
        hair.behind.append((leaf((-size * 0.8, y + 8 - k * 9), (0, y - size * 0.9 + k * 10), (size * 0.8, y + 4 - k * 6), 3), "lit"))  # noqa: E501
    _gathered(hair, body, dice, (0.0, -top - 20))


def _gathered(hair: Hair, body: Anatomy, dice: Dice, knot: Point) -> None:
    w, top = body.width, body.top
    for side in (-1, 1):
        hair.mass.append(smooth([
            (0, -top - 18), (side * w * 0.56, -top - 10), (side * w * 0.97, -top * 0.55), (side * (w + 7), -8),
            (side * (w + 1), 30), (side * (w - 9), 4), (side * w * 0.86, -46), (side * w * 0.58, -80), (0, -92),
        ]))  # fmt: skip
        for k in range(8):
            share = k / 7
            start = (side * (w * 0.95 - share * w * 0.85), -16 - share * 74)
            hair.locks.append((leaf(start, (side * w * (0.8 - share * 0.6), -top * (0.72 + share * 0.2)), knot, 3.6), ("lit", "dark")[k % 2]))  # noqa: E501
    _wisps(hair, body, dice)


def ponytail(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """High at the back, its tail over one shoulder."""
    w, top, away = body.width, body.top, dice.side()
    reach = dice.between(110, 220)
    tail = smooth([
        (away * 20, -top - 26), (away * (w * 0.9), -top - 34), (away * (w + 50), -70), (away * (w + 54), 20), (away * (w + 36), reach),  # noqa: E501
        (away * (w + 16), reach - 26), (away * (w + 14), 30), (away * (w - 10), -60), (away * 24, -top),
    ])  # fmt: skip
    hair.behind.append((tail, "base"))
    for k in range(4):
        hair.behind.append((leaf((away * 30, -top - 18), (away * (w + 70 - k * 12), -100 + k * 12), (away * (w + 40 - k * 6), reach - 40 - k * 14), 5), ("lit", "shade")[k % 2]))  # noqa: E501
    _gathered(hair, body, dice, (away * 20.0, -top - 16.0))


def spiky(hair: Hair, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    _crop(hair, body, dice, lift=12, puff=5, forehead=82, low=16, part=0.0)
    for k in range(15):
        share = k / 14 * 2 - 1
        start = (share * w * 0.82, -top + 20 + share * share * 40)
        long = dice.between(34, 62) * (1 - abs(share) * 0.25)
        end = (start[0] + share * 46 + dice.centred(12), start[1] - long - 8)
        hair.mass.append(leaf(start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end, 14, root=30))
        hair.locks.append((leaf(start, (start[0] + 4, start[1] - long * 0.4), end, 4), ("lit", "dark")[k % 2]))
    for k in range(6):
        x = (k / 5 * 2 - 1) * w * 0.7
        hair.mass.append(leaf((x * 0.9, -100), (x, -80), (x + dice.centred(14), -52 + dice.centred(12)), 10, root=24))


def mane(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Wild and long, in tapering locks to all sides."""
    w, top = body.width, body.top
    for k in range(21):
        angle = math.pi * (k / 20 * 1.5 - 0.75)
        start = (math.sin(angle) * w * 0.85, -40 - math.cos(angle) * (top - 50))
        long = dice.between(58, 96) + (70 if abs(angle) > 1.4 else 0)
        end = (start[0] + math.sin(angle) * long * 0.72 + dice.centred(14), start[1] - math.cos(angle) * long * 0.5 + long * 0.42)  # noqa: E501
        bend = ((start[0] + end[0]) / 2 + dice.centred(14), (start[1] + end[1]) / 2 - 16)
        hair.behind.append((leaf(start, bend, end, dice.between(20, 30), root=50), "dark" if k % 2 else "base"))
    part = dice.centred(24)
    for side in (-1, 1):
        hair.mass.append(smooth(_cap(body, side, part, lift=24, puff=20, forehead=76, low=70)))
        _strands(hair, dice, side, body, part, lift=24, end_y=70, count=9)
        for k in range(4):
            y = -70 + k * 30
            hair.mass.append(leaf((side * w * 0.94, y - 16), (side * (w + 24), y + 30), (side * (w + 6 + k * 8), y + 92 + k * 16), 13, root=26))  # noqa: E501


def locs(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Ropes of hair, some with rings."""
    w, top = body.width, body.top
    for k in range(9):
        share = k / 8 * 2 - 1
        _rope(hair.behind, dice, (share * w * 0.9, -60), (share * (w + 34), dice.between(120, 220)), "dark")
    for side in (-1, 1):
        hair.mass.append(smooth(_cap(body, side, 0.0, lift=18, puff=10, forehead=86, low=10)))
        for k in range(5):
            start = (side * (8 + k * 17), -top - 10 + k * k * 3.4)
            end = (side * (w + 4 + k * 7), dice.between(60, 190))
            _rope(hair.loose, dice, start, end, "base" if k % 2 else "shade", bend=side * (w * 0.72 + k * 16))


def _rope(into: list[tuple[str, Tone]], dice: Dice, start: Point, end: Point, tone: Tone,
          bend: float | None = None) -> None:  # fmt: skip
    middle = (bend if bend is not None else (start[0] + end[0]) / 2 + dice.centred(20), start[1] * 0.75)
    spine = [_along(start, middle, end, k / 6) for k in range(7)]
    half = 6.8
    right = [(x + half, y) for x, y in spine]
    left = [(x - half, y) for x, y in reversed(spine)]
    into.append((smooth([*right, (end[0], end[1] + 9), *left]), tone))
    for k in range(12):
        x, y = _along(start, middle, end, (k + 0.5) / 12)
        into.append((leaf((x - 5, y - 3), (x, y + 2), (x + 5, y + 1), 1.1), "dark" if tone != "dark" else "shade"))
    into.append((smooth([(x - 3.4, y) for x, y in spine[:5]] + [(x - 1.4, y) for x, y in reversed(spine[:5])]), "lit"))
    if dice.chance(0.45):
        x, y = _along(start, middle, end, 0.68)
        into.append((ellipse(x, y, 8, 5), "tie"))


def _along(start: Point, bend: Point, end: Point, t: float) -> Point:
    """A point of the quadratic curve from `start` to `end`."""
    u = 1 - t
    return (u * u * start[0] + 2 * u * t * bend[0] + t * t * end[0],
            u * u * start[1] + 2 * u * t * bend[1] + t * t * end[1])  # fmt: skip


def buzz(hair: Hair, body: Anatomy, dice: Dice) -> None:
    w, top = body.width, body.top
    line = [(0, -top - 3), (w * 0.6, -top + 3), (w * 0.97, -70), (w + 1, -16), (w - 5, 10), (w * 0.87, -44), (w * 0.62, -84),
            (w * 0.25, -94), (0, -90)]  # fmt: skip
    hair.loose.append((smooth([*line, *((-x, y) for x, y in reversed(line[1:-1]))]), "stubble"))
    dice.side()


def bald(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Nothing, or a tattoo's worth of stubble at the temples."""
    w = body.width
    if dice.chance(0.4):
        for side in (-1, 1):
            hair.loose.append((smooth([(side * (w + 3), -44), (side * (w + 7), -10), (side * (w + 2), 28), (side * (w - 8), 8), (side * (w - 7), -30)]), "base"))  # noqa: E501


STYLES: dict[HairStyle, Callable[[Hair, Anatomy, Dice], None]] = {
    "curtain": curtain, "swept": swept, "wavy": wavy, "bob": bob, "fringe": fringe, "short": short,
    "tousled": tousled, "slick": slick, "undercut": undercut, "mohawk": mohawk, "curls": curls,
    "braids": braids, "topknot": topknot, "ponytail": ponytail, "spiky": spiky, "mane": mane,
    "locs": locs, "buzz": buzz, "bald": bald,
}  # fmt: skip
