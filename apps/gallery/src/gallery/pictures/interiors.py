"""Places with a roof, and the ornamental panel that is no place at all."""

import math

from gallery.pictures.colour import Colour, colour
from gallery.pictures.dice import Dice
from gallery.pictures.palette import Palette
from gallery.pictures.sky import WHOLE, motes, sky
from gallery.pictures.svg import Point, Sheet, at, circle, polygon


def dungeon(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    """A vaulted passage with torches; the light comes from its far end."""
    wall, dark = palette.land[1], palette.land[2]
    sheet.shape(WHOLE, sheet.linear((0, 0), (0, 640), (0.0, dark), (1.0, wall)))
    _stones(sheet, dice, wall.lit(0.035))
    glow = palette.sky[2]
    for depth, (half, top) in enumerate(((190, 70), (158, 112), (128, 150))):
        tone = wall.mix(palette.land[0], 0.3 * depth + 0.1)
        sheet.shape(_arch(half + 20, top - 20), tone.mix(glow, 0.12 * depth))
        sheet.shape(_arch(half, top), tone.mix(dark, 0.75 - 0.2 * depth))
    sheet.shape(
        _arch(106, 180),
        sheet.linear(
            (0, 180), (0, 640), (0.0, glow.mix(palette.disc, 0.35)), (1.0, palette.sky[1])
        ),
    )
    halo_paint = sheet.radial((320, 330), 330, (0.0, palette.disc, 0.45), (1.0, palette.disc, 0.0))
    sheet.shape(WHOLE, halo_paint)
    for side in (-1, 1):
        _torch(sheet, palette, 320 + side * dice.between(222, 250), dice.between(215, 265))
    motes(sheet, palette, dice, 14, palette.disc)


def _arch(half: float, top: float) -> str:
    left, right = 320 - half, 320 + half
    spring = top + half * 0.95
    return (
        f"M{at((left, 660), (left, spring))}Q{at((left, top + half * 0.2), (320, top))}"
        f"Q{at((right, top + half * 0.2), (right, spring))}V660Z"
    )


def _stones(sheet: Sheet, dice: Dice, tone: Colour) -> None:
    path = []
    for row in range(14):
        y, x = row * 48.0, -dice.between(0, 90)
        while x < 640:
            wide = dice.between(58, 104)
            if dice.chance(0.62):
                path.append(f"M{at((x + 3, y + 3))}h{wide - 6:.0f}v42h{6 - wide:.0f}Z")
            x += wide
    sheet.shape("".join(path), tone, opacity=0.6)


def _torch(sheet: Sheet, palette: Palette, x: float, y: float) -> None:
    fire, hot = palette.disc, palette.disc.mix(Colour(1, 0, 0.02), 0.6)
    ember = palette.sky[2]
    glow = sheet.radial((x, y - 26), 170, (0.0, fire, 0.6), (0.4, ember, 0.22), (1.0, ember, 0.0))
    sheet.shape(circle(x, y - 26, 170), glow)
    with sheet.placed((x, y)):
        sheet.shape("M-7,0L-4,92H4L7,0Z", palette.land[2])
        sheet.shape("M-13,-6H13L8,14H-8Z", palette.land[2].lit(0.06))
        sheet.shape(
            "M0,-66Q22,-34 14,-12Q8,0 0,0Q-10,0 -15,-12Q-20,-28 -8,-40Q-8,-30 -3,-28Q4,-44 0,-66Z",
            ember.mix(fire, 0.35),
        )
        sheet.shape("M2,-40Q14,-22 8,-8Q4,0 0,0Q-8,-2 -8,-12Q-6,-24 2,-40Z", hot)


def library(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    """Shelves to the ceiling, an arched window, and candles."""
    wood, dark = palette.land[1], palette.land[2]
    sheet.shape(WHOLE, sheet.linear((0, 0), (0, 640), (0.0, dark), (1.0, wood)))
    spines = [
        palette.cloth,
        palette.lining.mix(dark, 0.3),
        palette.sky[1],
        palette.land[0],
        palette.metal.mix(dark, 0.35),
        colour("#7a2f35").mix(dark, 0.2),
    ]
    for row in range(6):
        top = row * 112 - 20
        x = -8.0
        while x < 640:
            wide = dice.between(13, 32)
            tall = dice.between(62, 92)
            tone = dice.pick(spines).mix(dark, 0.42 + dice.centred(0.12))
            y = top + 98 - tall
            lean = dice.pick((0, 0, 0, 0, 6))
            sheet.shape(
                polygon([(x + lean, y), (x + wide + lean, y), (x + wide, top + 98), (x, top + 98)]),
                tone,
            )
            if dice.chance(0.5):
                sheet.shape(
                    f"M{at((x + 3, y + 14))}h{wide - 6:.0f}v4h{6 - wide:.0f}Z",
                    palette.metal,
                    opacity=0.4,
                )
            x += wide + 1
        sheet.shape(f"M0,{top + 98}H640v12H0Z", wood.lit(0.03))
        sheet.shape(f"M0,{top + 110}H640v10H0Z", dark, opacity=0.6)
    sheet.shape(_arch(150, 40), dark.lit(0.02))
    pane = sheet.linear(
        (0, 50), (0, 640), (0.0, palette.sky[1]), (0.45, palette.sky[2]), (1.0, palette.disc)
    )
    sheet.shape(_arch(134, 58), pane)
    bars = "M317,50h6v590h-6ZM180,300h280v5h-280ZM180,420h280v5h-280ZM180,180h280v5h-280Z"
    with sheet.within(_arch(134, 58)):
        sheet.shape(bars, dark)
        sheet.shape("M250,50h4v590h-4ZM386,50h4v590h-4Z", dark)
    glow = sheet.radial((320, 280), 380, (0.0, palette.disc, 0.42), (1.0, palette.disc, 0.0))
    sheet.shape(WHOLE, glow)
    motes(sheet, palette, dice, 14, palette.disc)


def crystals(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    """A cavern whose walls have grown glowing crystals."""
    sky(sheet, palette, horizon=700)
    glow = sheet.radial((320, 300), 400, (0.0, palette.sky[2], 0.75), (1.0, palette.sky[0], 0.0))
    sheet.shape(WHOLE, glow)
    for ring, share in enumerate((0.15, 0.55, 0.9)):
        tone = palette.land[0].mix(palette.land[2], share)
        points: list[Point] = []
        for step in range(30):
            angle = step * math.tau / 30
            reach = (250 + ring * 42) * dice.between(0.86, 1.12)
            points.append((320 + reach * 1.1 * math.cos(angle), 300 + reach * math.sin(angle)))
        sheet.shape("M-20,-20H660V660H-20Z" + polygon(points[::-1]), tone, opacity=0.92)
        for _ in range(7):
            angle = dice.pick((dice.between(2.2, 4.6), dice.between(-1.4, 0.9)))
            reach = 268 + ring * 40
            foot = (320 + reach * 1.1 * math.cos(angle), 300 + reach * math.sin(angle))
            _crystal(sheet, palette, dice, foot, angle + math.pi + dice.centred(0.5), ring)
    motes(sheet, palette, dice, 16, palette.key)


def _crystal(
    sheet: Sheet, palette: Palette, dice: Dice, foot: Point, angle: float, ring: int
) -> None:
    long, wide = dice.between(50, 105) * (0.75 + ring * 0.2), dice.between(11, 19)
    tone = dice.pick((palette.sky[2], palette.key, palette.sky[1].lit(0.18))).mix(
        palette.sky[0], 0.22
    )
    with sheet.placed(foot, turn=math.degrees(angle)):
        sheet.shape(
            polygon(
                [(-30, -wide), (long * 0.78, -wide), (long, 0), (long * 0.78, wide), (-30, wide)]
            ),
            tone,
        )
        sheet.shape(
            polygon(
                [
                    (-30, wide * 0.2),
                    (long * 0.72, wide * 0.2),
                    (long, 0),
                    (long * 0.78, wide),
                    (-30, wide),
                ]
            ),
            palette.sky[0],
            opacity=0.4,
        )
        sheet.shape(
            polygon(
                [
                    (-20, -wide * 0.7),
                    (long * 0.74, -wide * 0.7),
                    (long * 0.7, -wide * 0.4),
                    (-20, -wide * 0.4),
                ]
            ),
            "#ffffff",
            opacity=0.5,
        )


def halo(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    """An ornamental panel: a ring with rays or petals, as on old posters."""
    ground, ring = palette.land[1], palette.metal
    sheet.shape(
        WHOLE,
        sheet.radial(
            (320, 270), 470, (0.0, palette.sky[1]), (0.65, ground), (1.0, palette.land[2])
        ),
    )
    rays = dice.pick((16, 20, 24))
    spokes = []
    for ray in range(rays):
        angle, half = ray * math.tau / rays, math.pi / rays * 0.5
        far = [
            (320 + 620 * math.cos(angle + d), 275 + 620 * math.sin(angle + d))
            for d in (-half, half)
        ]
        spokes.append(polygon([(320, 275), *far]))
    sheet.shape("".join(spokes), palette.sky[2], opacity=0.14)
    radius = dice.between(216, 238)
    sheet.shape(circle(320, 275, radius + 16), ring)
    sheet.shape(circle(320, 275, radius + 10), ground.lit(-0.03))
    _beads(sheet, dice, ring, radius)
    sheet.shape(circle(320, 275, radius - 14), ring)
    inner = sheet.radial(
        (320, 250), radius, (0.0, palette.disc), (0.6, palette.sky[2]), (1.0, palette.sky[1])
    )
    sheet.shape(circle(320, 275, radius - 19), inner)
    petals = dice.pick((12, 16, 18))
    leaves = []
    for petal in range(petals):
        angle = petal * math.tau / petals
        near, tip_at, wide = radius * 0.5, radius - 30, 0.16
        tip = (320 + tip_at * math.cos(angle), 275 + tip_at * math.sin(angle))
        foot = (320 + near * math.cos(angle), 275 + near * math.sin(angle))
        bend = [
            (
                320 + (near + tip_at) / 2 * math.cos(angle + d),
                275 + (near + tip_at) / 2 * math.sin(angle + d),
            )
            for d in (-wide, wide)
        ]
        leaves.append(f"M{at(foot)}Q{at(bend[0], tip)}Q{at(bend[1], foot)}Z")
    sheet.shape("".join(leaves), palette.sky[1], opacity=0.35)
    corner = "M0,0H120Q60,14 44,44Q14,60 0,120Z"
    for x, y, turn in ((0, 0, 0), (640, 0, 90), (640, 640, 180), (0, 640, 270)):
        with sheet.placed((x, y), turn=turn):
            sheet.shape(corner, ring, opacity=0.85)
            sheet.shape("M0,0H84Q44,10 32,32Q10,44 0,84Z", palette.land[2])
            sheet.shape(circle(62, 62, 6), ring)
    sheet.shape("M12,12H628V628H12Z", stroke=ring, width=3, opacity=0.7)


def _beads(sheet: Sheet, dice: Dice, ring: Colour, radius: float) -> None:
    count, big = dice.pick((36, 48, 60)), []
    for bead in range(count):
        angle = bead * math.tau / count
        size = 5.0 if bead % 3 == 0 else 2.4
        big.append(
            circle(320 + (radius - 2) * math.cos(angle), 275 + (radius - 2) * math.sin(angle), size)
        )
    sheet.shape("".join(big), ring)
