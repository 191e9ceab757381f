"""The portrait painter: a seed and a few wishes in, an SVG picture out."""

from gallery.pictures.adornments import cat_ears, ears, on_face
from gallery.pictures.anatomy import Anatomy, measure
from gallery.pictures.beards import beard
from gallery.pictures.body import clothes, neck
from gallery.pictures.colour import Colour
from gallery.pictures.dice import Dice
from gallery.pictures.faces import face
from gallery.pictures.hair import dress
from gallery.pictures.headwear import hair_room, headwear, headwear_behind
from gallery.pictures.horns import horns
from gallery.pictures.look import Look, settle
from gallery.pictures.palette import Palette, choose
from gallery.pictures.scenery import backdrop
from gallery.pictures.sky import WHOLE, motes, snowfall
from gallery.pictures.strands import Hair
from gallery.pictures.svg import Paint, Sheet
from gallery.pictures.traits import Traits

# Part of every picture's address. Raise it whenever any seed's picture changes, or the
# settings of render.encode: addresses are immutable, and browsers keep what they have.
PAINTER_VERSION = 1

EYES = (320.0, 296.0)  # where the point between the eyes is
GROWN = 1.12  # how much larger than its anatomy a figure is painted
NAPE = 118.0  # how far below it the head turns


def paint(seed: int, traits: Traits | None = None) -> str:
    """A portrait as SVG text, 640 by 640; equal arguments paint equal text on any machine."""
    traits = traits or Traits()
    look = settle(traits, seed)
    dice_seed = seed if not traits.variation else seed ^ (traits.variation << 1)
    palette, body = choose(look, dice_seed), measure(look, dice_seed)
    hair = dress(look.hair, body, dice_seed)
    sheet = Sheet()
    backdrop(sheet, palette, look.setting, Dice(dice_seed, "scenery"))
    _stage(sheet, palette)
    _figure(sheet, palette, look, body, hair, dice_seed)
    _air(sheet, palette, look, Dice(dice_seed, "air"))
    return str(sheet)


def _stage(sheet: Sheet, palette: Palette) -> None:
    """Light behind the head, dusk at the foot: the figure stands out from any place."""
    x, y = EYES
    glow = sheet.radial(
        (x, y - 20),
        300,
        (0.0, palette.disc, 0.34),
        (0.5, palette.disc, 0.14),
        (1.0, palette.disc, 0.0),
    )
    sheet.shape(WHOLE, glow)
    floor = sheet.linear((0, 420), (0, 640), (0.0, palette.shade, 0.0), (1.0, palette.shade, 0.6))
    sheet.shape("M0,420H640V640H0Z", floor)


def _figure(
    sheet: Sheet, palette: Palette, look: Look, body: Anatomy, hair: Hair, seed: int
) -> None:
    room = hair_room(look.headwear, body)
    hooded = look.headwear == "hood"

    def headed() -> "_Head":
        return _Head(sheet, body)

    with headed():
        headwear_behind(sheet, palette, look, body)
        if not hooded:
            _paths(sheet, palette, look, hair.behind, room)
    with sheet.placed(EYES, scale=GROWN):
        neck(sheet, palette, look, body)
        clothes(sheet, palette, look, body, seed)
    with headed():
        if not hooded:
            ears(sheet, palette, look, body, seed)
        face(sheet, palette, look, body, seed)
        _hair_shadow(sheet, palette, look, body, hair)
        beard(sheet, palette, look, body, seed)
        on_face(sheet, palette, look, body, seed)
        _hair_front(sheet, palette, look, hair, room)
        if look.species == "catfolk" and look.headwear not in (
            "hood",
            "hat",
            "helm",
            "turban",
            "tricorn",
        ):
            cat_ears(sheet, palette, look, body)
        if look.horns and look.headwear in (
            "none",
            "circlet",
            "tiara",
            "headband",
            "wreath",
            "crown",
        ):
            horns(sheet, palette, look, body, seed)
        headwear(sheet, palette, look, body, seed)


class _Head:
    """Head space: its origin between the eyes, tilted around the nape."""

    def __init__(self, sheet: Sheet, body: Anatomy) -> None:
        x, y = EYES
        self._outer = sheet.placed((x, y + NAPE * GROWN), turn=body.tilt, scale=GROWN)
        self._inner = sheet.placed((0, -NAPE))

    def __enter__(self) -> None:
        self._outer.__enter__()
        self._inner.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._inner.__exit__(None, None, None)
        self._outer.__exit__(None, None, None)


def _hair_tones(palette: Palette) -> dict[str, Colour]:
    tone = palette.hair
    return {
        "base": tone,
        "lit": palette.bright(tone, 0.42).lit(0.03),
        "dark": palette.dark(tone, 0.62).lit(-0.03),
        "shade": palette.dark(tone, 0.3),
        "stubble": tone.mix(palette.skin_deep, 0.45),
        "tie": palette.metal,
    }


def _paths(
    sheet: Sheet, palette: Palette, look: Look, paths: list[tuple[str, str]], room: str | None
) -> None:
    tones = _hair_tones(palette)

    def lay() -> None:
        for path, tone in paths:
            sheet.shape(path, tones[tone], opacity=0.72 if tone == "stubble" else 1.0)

    if room is None:
        lay()
    else:
        with sheet.within(room):
            lay()


def _hair_shadow(sheet: Sheet, palette: Palette, look: Look, body: Anatomy, hair: Hair) -> None:
    if hair.mass:
        with sheet.within(body.outline), sheet.placed((-look.light * 5, 9), opacity=0.55):
            for path in hair.mass:
                sheet.shape(path, palette.skin_deep)


def _hair_front(sheet: Sheet, palette: Palette, look: Look, hair: Hair, room: str | None) -> None:
    tones, shine = _hair_tones(palette), look.light
    fill: Paint = sheet.linear(
        (shine * 110, -130),
        (-shine * 110, 90),
        (0.0, palette.bright(palette.hair, 0.34)),
        (0.4, palette.hair),
        (1.0, tones["dark"]),
    )

    def lay() -> None:
        if hair.mass:
            for path in hair.mass:
                sheet.shape(path, fill)
            with sheet.within(*hair.mass):
                for path, tone in hair.locks:
                    sheet.shape(path, tones[tone], opacity=0.5 if tone != "base" else 0.9)
        _paths(sheet, palette, look, hair.loose, None)

    if room is None:
        lay()
    else:
        with sheet.within(room):
            lay()


def _air(sheet: Sheet, palette: Palette, look: Look, dice: Dice) -> None:
    """What hangs between the figure and us, and the darkening of the corners."""
    if look.setting == "snow":
        snowfall(sheet, dice, 26, big=5.0)
    elif dice.chance(0.5):
        motes(sheet, palette, dice, dice.whole(4, 9), palette.key)
    corners = sheet.radial(
        (320, 290),
        470,
        (0.0, palette.shade, 0.0),
        (0.62, palette.shade, 0.0),
        (1.0, palette.shade.lit(-0.08), 0.62),
    )
    sheet.shape(WHOLE, corners)
