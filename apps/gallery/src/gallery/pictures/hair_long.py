"""Hair worn long and loose."""

import math

from gallery.pictures.anatomy import Anatomy
from gallery.pictures.dice import Dice
from gallery.pictures.strands import (
    Hair,
    bangs,
    cap,
    drape,
    flow,
    panel,
    rope,
    strands,
)
from gallery.pictures.svg import ellipse, leaf, smooth


def curtain(
    hair: Hair,
    body: Anatomy,
    dice: Dice,
    *,
    wave: float = 0.0,
    part: float | None = None,
    forehead: float | None = None,
) -> None:
    """Long and parted, falling on both sides of the face."""
    part = dice.centred(8) if part is None else part
    forehead = forehead if forehead is not None else dice.between(76, 90)
    reach, flare = dice.between(150, 250), dice.between(6, 26)
    lift, puff = dice.between(16, 24), dice.between(13, 20)
    hair.behind.append(
        (drape(body, dice, puff=puff, reach=reach * 0.98, flare=flare + 8, wave=wave), "dark")
    )
    for side in (-1, 1):
        hair.mass.append(
            panel(
                body,
                dice,
                side,
                part,
                lift=lift,
                puff=puff,
                forehead=forehead,
                reach=reach + dice.centred(20),
                flare=flare,
                wave=wave,
                inner=dice.between(0, 9),
            )
        )
        flow(hair, dice, side, body, part, lift=lift, puff=puff, reach=reach, wave=wave)


def wavy(hair: Hair, body: Anatomy, dice: Dice) -> None:
    curtain(hair, body, dice, wave=dice.between(6, 11), part=dice.side() * dice.between(16, 40))


def swept(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Parted far to one side, sweeping across the forehead, all over one shoulder."""
    away = dice.side()
    part, reach = -away * dice.between(36, 52), dice.between(150, 235)
    w, top, lift = body.width, body.top, dice.between(20, 28)
    wave = dice.between(0, 8)
    hair.behind.append((drape(body, dice, puff=14, reach=reach * 0.9, flare=16, wave=wave), "dark"))
    hair.mass.append(
        panel(
            body,
            dice,
            away,
            part,
            lift=lift,
            puff=20,
            forehead=70,
            reach=reach,
            flare=24,
            wave=wave,
            inner=8,
        )
    )
    sweep = smooth(
        [
            (part, -top - lift),
            (away * 20, -top - lift * 0.9),
            (away * w * 0.9, -top * 0.7),
            (away * (w + 12), -30),
            (away * (w + 4), 20),
            (away * (w - 12), -8),
            (away * w * 0.55, -52),
            (away * 8, -74),
            (part + away * 4, -88),
        ]
    )
    hair.mass.append(sweep)
    hair.mass.append(smooth(cap(body, -away, part, lift=lift - 3, puff=12, forehead=78, low=34)))
    for side in (-1, 1):
        flow(
            hair,
            dice,
            side,
            body,
            part,
            lift=lift,
            puff=18,
            reach=reach if side == away else 40,
            wave=wave,
            count=7,
        )
    for k in range(5):
        hair.locks.append(
            (
                leaf(
                    (part + away * k * 3, -top - lift + 8 + k * 5),
                    (away * w * 0.42, -top * 0.8 + k * 6),
                    (away * (w - 6), -26 + k * 6),
                    4,
                ),
                ("lit", "dark")[k % 2],
            )
        )


def bob(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """To the jaw, turned in at the ends."""
    part, reach = dice.centred(30), dice.between(70, 104)
    w, lift, puff = body.width, dice.between(18, 24), dice.between(18, 26)
    hair.behind.append(
        (
            smooth(
                [
                    (0, -body.top),
                    (w + puff - 4, -40),
                    (w + puff, reach * 0.6),
                    (w * 0.7, reach + 10),
                    (-w * 0.7, reach + 10),
                    (-w - puff, reach * 0.6),
                    (-w - puff + 4, -40),
                ]
            ),
            "dark",
        )
    )
    fringed = dice.chance(0.45)
    for side in (-1, 1):
        hair.mass.append(
            panel(
                body,
                dice,
                side,
                part,
                lift=lift,
                puff=puff,
                forehead=82,
                reach=reach,
                flare=-4,
                wave=0,
                inner=-10,
            )
        )
        flow(hair, dice, side, body, part, lift=lift, puff=puff, reach=reach, wave=2)
    if fringed:
        bangs(hair, body, dice, lift)


def fringe(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Long and straight with a cut fringe."""
    curtain(hair, body, dice, part=0.0, forehead=92)
    bangs(hair, body, dice, 18)


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
        hair.locks.append(
            (ellipse(share * w * 0.82 + 4, -top - 14 + abs(share) * 30, 15, 15), "lit")
        )
        hair.locks.append(
            (ellipse(share * w * 0.82 + 6, -top - 10 + abs(share) * 30, 14, 14), "base")
        )


def mane(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Wild and long, in tapering locks to all sides."""
    w, top = body.width, body.top
    for k in range(21):
        angle = math.pi * (k / 20 * 1.5 - 0.75)
        start = (math.sin(angle) * w * 0.85, -40 - math.cos(angle) * (top - 50))
        long = dice.between(58, 96) + (70 if abs(angle) > 1.4 else 0)
        end = (
            start[0] + math.sin(angle) * long * 0.72 + dice.centred(14),
            start[1] - math.cos(angle) * long * 0.5 + long * 0.42,
        )
        bend = ((start[0] + end[0]) / 2 + dice.centred(14), (start[1] + end[1]) / 2 - 16)
        hair.behind.append(
            (leaf(start, bend, end, dice.between(20, 30), root=50), "dark" if k % 2 else "base")
        )
    part = dice.centred(24)
    for side in (-1, 1):
        hair.mass.append(smooth(cap(body, side, part, lift=24, puff=20, forehead=76, low=70)))
        strands(hair, dice, side, body, part, lift=24, end_y=70, count=9)
        for k in range(4):
            y = -70 + k * 30
            hair.mass.append(
                leaf(
                    (side * w * 0.94, y - 16),
                    (side * (w + 24), y + 30),
                    (side * (w + 6 + k * 8), y + 92 + k * 16),
                    13,
                    root=26,
                )
            )


def locs(hair: Hair, body: Anatomy, dice: Dice) -> None:
    """Ropes of hair, some with rings."""
    w, top = body.width, body.top
    for k in range(9):
        share = k / 8 * 2 - 1
        rope(
            hair.behind,
            dice,
            (share * w * 0.9, -60),
            (share * (w + 34), dice.between(120, 220)),
            "dark",
        )
    for side in (-1, 1):
        hair.mass.append(smooth(cap(body, side, 0.0, lift=18, puff=10, forehead=86, low=10)))
        for k in range(5):
            start = (side * (8 + k * 17), -top - 10 + k * k * 3.4)
            end = (side * (w + 4 + k * 7), dice.between(60, 190))
            rope(
                hair.loose,
                dice,
                start,
                end,
                "base" if k % 2 else "shade",
                bend=side * (w * 0.72 + k * 16),
            )
