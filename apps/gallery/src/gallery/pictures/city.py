"""A fantasy city: towers with lit windows."""

from gallery.pictures.dice import Dice
from gallery.pictures.palette import Palette
from gallery.pictures.sky import clouds, craters, disc, haze, sky, stars
from gallery.pictures.svg import Sheet, at, polygon

DARK = 0.42  # a zenith below this lightness shows stars


def heaven(sheet: Sheet, palette: Palette, dice: Dice, *, horizon: float = 500) -> None:
    sky(sheet, palette, horizon=horizon)
    dark = palette.sky[0].lightness < DARK
    if dark:
        stars(sheet, palette, dice)
    centre = (320 + dice.side() * dice.between(60, 190), dice.between(110, 230))
    radius = dice.between(46, 88)
    disc(sheet, palette, centre, radius)
    if dark:
        craters(sheet, palette, dice, centre, radius)
    else:
        clouds(sheet, palette, dice, dice.whole(2, 5))


def city(sheet: Sheet, palette: Palette, dice: Dice) -> None:
    heaven(sheet, palette, dice)
    windows: list[str] = []
    for layer, (base, tall) in enumerate(((520, 250), (560, 200), (610, 150))):
        tone = palette.land[layer]
        path, x = [], -20.0
        while x < 660:
            wide = dice.between(30, 64)
            top = base - tall * dice.between(0.35, 1.0)
            path.append(_tower(dice, x, wide, top))
            rows = int((base - top) / 34)
            for row in range(rows):
                if dice.chance(0.42):
                    y = top + 18 + row * 32
                    wx = x + wide * dice.pick((0.3, 0.5, 0.7))
                    windows.append(f"M{at((wx - 3, y + 12))}v-8q3,-6 6,0v8Z")
            x += wide * dice.between(0.85, 1.4)
        sheet.shape(
            "".join(path),
            sheet.linear(
                (0, base - tall), (0, base), (0.0, tone), (1.0, tone.mix(palette.sky[2], 0.25))
            ),
        )
        sheet.shape("".join(windows), palette.disc, opacity=0.85 if layer else 0.5)
        windows.clear()
        haze(sheet, palette, base - 20, much=0.3)


def _tower(dice: Dice, x: float, wide: float, top: float) -> str:
    body = f"M{at((x, 660), (x, top), (x + wide, top), (x + wide, 660))}Z"
    roof = dice.pick(("spire", "spire", "battlement", "dome"))
    middle, over = x + wide / 2, 5
    if roof == "spire":
        tall = wide * dice.between(0.9, 1.7)
        return body + polygon([(x - over, top), (middle, top - tall), (x + wide + over, top)])
    if roof == "dome":
        r = wide / 2
        return body + (
            f"M{at((x, top))}A{r:.1f} {r:.1f} 0 0 1 {at((x + wide, top))}Z"
            + polygon([(middle - 2, top - r), (middle, top - r - 24), (middle + 2, top - r)])
        )
    tooth = wide / 5
    merlons = "".join(f"M{at((x + tooth * 2 * k, top))}v-9h{tooth:.1f}v9Z" for k in range(3))
    return body + merlons
