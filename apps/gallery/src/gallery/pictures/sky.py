"""The sky behind everyone: gradients, discs, stars, clouds, aurora."""

import math

from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.palette import Palette
from gallery.pictures.svg import Point, Sheet, circle, ellipse, polygon, smooth

WHOLE = "M0,0H640V640H0Z"


def sky(sheet: Sheet, palette: Palette, *, horizon: float = 520) -> None:
    zenith, middle, low = palette.sky
    stops = ((0.0, zenith), (0.55, middle), (1.0, low))
    sheet.shape(WHOLE, sheet.linear((0, 0), (0, horizon), *stops))


def disc(sheet: Sheet, palette: Palette, centre: Point, radius: float) -> None:
    """A sun or moon with its glow."""
    x, y = centre
    glow = sheet.radial(
        centre,
        radius * 3.6,
        (0.0, palette.disc, 0.55),
        (0.35, palette.disc, 0.2),
        (1.0, palette.disc, 0.0),
    )
    sheet.shape(circle(x, y, radius * 3.6), glow)
    face = sheet.linear(
        (x, y - radius),
        (x, y + radius),
        (0.0, palette.disc),
        (1.0, palette.disc.mix(palette.sky[2], 0.45)),
    )
    sheet.shape(circle(x, y, radius), face)


def craters(sheet: Sheet, palette: Palette, dice: Dice, centre: Point, radius: float) -> None:
    tone = palette.disc.mix(palette.sky[1], 0.35)
    with sheet.within(circle(*centre, radius)):
        for _ in range(9):
            angle, away = dice.between(0, 6.28), radius * dice.between(0.1, 0.95)
            size = radius * dice.between(0.06, 0.26)
            x, y = centre[0] + away * math.cos(angle), centre[1] + away * math.sin(angle)
            sheet.shape(ellipse(x, y, size, size * 0.9), tone, opacity=0.3)


def stars(sheet: Sheet, palette: Palette, dice: Dice, count: int = 70) -> None:
    tone = palette.disc.mix(Colour(1, 0, 0), 0.4)
    small: list[str] = []
    for _ in range(count):
        x, y = dice.between(0, 640), 640 * dice.between(0, 0.82) ** 1.5
        small.append(circle(x, y, dice.between(0.7, 1.9)))
    sheet.shape("".join(small), tone, opacity=0.75)
    for _ in range(5):
        x, y, arm = dice.between(20, 620), dice.between(15, 250), dice.between(5, 11)
        waist = arm * 0.14
        points: list[Point] = []
        for step in range(8):
            reach = arm if step % 2 == 0 else waist
            angle = step * math.pi / 4
            points.append((x + reach * math.sin(angle), y - reach * math.cos(angle)))
        sheet.shape(polygon(points), tone, opacity=0.9)


def clouds(sheet: Sheet, palette: Palette, dice: Dice, count: int = 4, low: float = 330) -> None:
    """Flat-bottomed banks of cloud, lit from above."""
    for _ in range(count):
        x, y = dice.between(-60, 560), dice.between(40, low)
        width = dice.between(140, 280)
        puffs = dice.whole(4, 6)
        top: list[Point] = [(x, y)]
        for puff in range(puffs):
            share = (puff + 0.5) / puffs
            rise = math.sin(share * math.pi) * dice.between(22, 46)
            top.append((x + width * share, y - rise))
        top.append((x + width, y))
        light = palette.sky[2].mix(palette.disc, 0.5)
        paint = sheet.linear((0, y - 45), (0, y + 4), (0.0, light, 0.85), (1.0, light, 0.12))
        path = smooth([*top, (x + width * 0.5, y + 5)])
        sheet.shape(path, paint)


def veils(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    """Aurora: curtains of light that fade upwards."""
    tones = (palette.key, palette.sky[2].vivid(1.6).lit(0.15), palette.key.turned(75))
    for index in range(4):
        base = dice.between(170, 330) - index * 22
        phase, swing = dice.between(0, 6.28), dice.between(25, 60)
        height = dice.between(130, 230)
        lower = [
            (x, base + swing * math.sin(phase + x / dice.between(95, 105)) - x * 0.08)
            for x in range(-40, 721, 76)
        ]
        upper = [(x + 30, y - height) for x, y in reversed(lower)]
        paint = sheet.linear(
            (0, base + swing),
            (0, base - height),
            (0.0, tones[index % 3], 0.0),
            (0.14, tones[index % 3], 0.6),
            (0.4, tones[index % 3], 0.28),
            (1.0, tones[index % 3], 0.0),
        )
        left = smooth(lower, closed=False)
        right = smooth(upper, closed=False).replace("M", "L", 1)
        sheet.shape(left + right + "Z", paint)


def haze(sheet: Sheet, palette: Palette, y: float, depth: float = 130, much: float = 0.5) -> None:
    """Mist lying at `y`: what makes a farther ridge look farther."""
    tone = palette.sky[2]
    paint = sheet.linear(
        (0, y - depth), (0, y + depth * 0.4), (0.0, tone, 0.0), (0.75, tone, much), (1.0, tone, 0.0)
    )
    sheet.shape(f"M0,{y - depth:.0f}H640V{y + depth * 0.4:.0f}H0Z", paint)


def motes(sheet: Sheet, palette: Palette, dice: Dice, count: int, tone: Colour) -> None:
    """Fireflies, embers or dust hanging in the light, each with its own glow."""
    for _ in range(count):
        x, y, size = dice.between(10, 630), dice.between(60, 630), dice.between(1.4, 3.4)
        glow = sheet.radial((0, 0), size * 4, (0.0, tone, 0.55), (1.0, tone, 0.0))
        with sheet.placed((x, y)):
            sheet.shape(circle(0, 0, size * 4), glow)
            sheet.shape(circle(0, 0, size), tone.mix(Colour(1, 0, 0), 0.5), opacity=0.9)


def snowfall(sheet: Sheet, dice: Dice, count: int = 60, *, big: float = 3.4) -> None:
    flakes = "".join(
        circle(dice.between(0, 640), dice.between(0, 640), dice.between(1, big))
        for _ in range(count)
    )
    sheet.shape(flakes, "#ffffff", opacity=0.75)
