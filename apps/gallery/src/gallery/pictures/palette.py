"""Which colours a picture is made of: one scheme of light, and everything tinted by it."""

from dataclasses import dataclass

from gallery.pictures.colour import Colour, colour
from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.traits import Hue, Setting, Species, Time


@dataclass(frozen=True, slots=True)
class Scheme:
    """Hand-picked tones of one place at one hour, as `#rrggbb`."""

    times: tuple[Time, ...]
    settings: tuple[Setting, ...]  # at home here; others may borrow it when none is
    sky: tuple[str, str, str]  # zenith, middle, horizon
    disc: str
    land: tuple[str, str, str]  # far, middle, near
    key: str  # the light
    shade: str  # what shadows drift towards
    dim: float  # how much the figure takes on of the shade


SCHEMES = (
    Scheme(("dusk",), ("mountains", "sea", "city", "halo", "library"),
           ("#2b1d4f", "#8c3f7a", "#f59c7c"), "#ffe3b3",
           ("#8a4f88", "#512f6c", "#261a45"), "#ffc49a", "#3a2361", 0.16),
    Scheme(("night",), ("moon", "mountains", "sea", "city", "forest"),
           ("#0b1030", "#1f2b66", "#5870b8"), "#f2efd8",
           ("#34468f", "#1d2860", "#0c1233"), "#c9d4ff", "#141a48", 0.26),
    Scheme(("dawn",), ("mountains", "sea", "city", "halo"),
           ("#6fa3c8", "#f3c9a8", "#ffe9cf"), "#fff6dc",
           ("#b99fbc", "#8474a3", "#4c4a78"), "#fff0d2", "#5b4f86", 0.08),
    Scheme(("day",), ("mountains", "city", "sea", "halo"),
           ("#2f7fb8", "#86c5dd", "#e6f3e4"), "#ffffff",
           ("#8fbccb", "#5c93a3", "#2d6472"), "#fffbe6", "#2c5a78", 0.03),
    Scheme(("day", "dawn"), ("forest",),
           ("#0f4a48", "#3c8f6c", "#d9e9a8"), "#fbf9cf",
           ("#5aa07c", "#276b55", "#0d3833"), "#f4f7c2", "#0f3f45", 0.10),
    Scheme(("dusk", "day", "dawn"), ("forest", "mountains", "halo"),
           ("#5a2a2e", "#c2653a", "#f7cf7f"), "#fff1c1",
           ("#b8693f", "#7c4034", "#3f2228"), "#ffe3a6", "#4d2238", 0.12),
    Scheme(("night",), ("aurora", "snow"),
           ("#0a1230", "#123a55", "#2f8f8a"), "#d9fff0",
           ("#1f5068", "#123349", "#081a2e"), "#b5ffe4", "#0d2140", 0.24),
    Scheme(("night", "dusk"), ("dungeon", "library"),
           ("#170f16", "#41201f", "#b3552a"), "#ffcf6b",
           ("#5a2f28", "#371d1f", "#180e14"), "#ffbf73", "#1d1020", 0.20),
    Scheme(("night",), ("crystals", "aurora", "moon"),
           ("#1a0f3c", "#4c2a91", "#c77be0"), "#f7dcff",
           ("#5f3aa5", "#3a2374", "#1b1145"), "#edc6ff", "#22134f", 0.22),
    Scheme(("day", "dawn"), ("snow",),
           ("#7d97b8", "#b9cbdc", "#eff3f6"), "#ffffff",
           ("#a8bbd0", "#7b92ae", "#4b6285"), "#ffffff", "#4a6088", 0.06),
    Scheme(("day", "dawn"), ("sea", "halo"),
           ("#0e5a73", "#36a3ad", "#d6f0dc"), "#fffbe0",
           ("#5fa9ae", "#2c7484", "#0f4257"), "#faffe6", "#0d4257", 0.07),
    Scheme(("night", "dusk"), ("moon", "city", "dungeon", "mountains"),
           ("#1c0b1e", "#5a1533", "#c6443f"), "#ff9d72",
           ("#6e2038", "#3f1229", "#1a0818"), "#ffb092", "#2a0e2b", 0.18),
    Scheme(("day", "dawn", "dusk"), ("desert",),
           ("#d9824a", "#f0b76c", "#fbe6b0"), "#fffbe6",
           ("#d98e56", "#b0613f", "#6f3634"), "#fff1c4", "#703a45", 0.07),
    Scheme(("dusk", "night"), ("desert",),
           ("#1d2150", "#74477f", "#f0936b"), "#ffe1ae",
           ("#97577a", "#5b3765", "#2a1c44"), "#ffca9d", "#34205a", 0.16),
    Scheme(("day", "dawn", "dusk"), ("halo", "library"),
           ("#17343c", "#2d5f63", "#7fae93"), "#f3dca2",
           ("#3d7470", "#21494d", "#10282f"), "#fff0c4", "#173640", 0.09),
    Scheme(("day", "dusk", "night"), ("library", "halo"),
           ("#2a1a1f", "#6b3b33", "#d69a5b"), "#ffe2a3",
           ("#7a4a39", "#4a2b2a", "#24161b"), "#ffdca0", "#34182a", 0.12),
    Scheme(("dusk", "dawn"), ("snow", "mountains"),
           ("#4a4f8f", "#a986b8", "#f8cdc6"), "#fff0e6",
           ("#a99bc9", "#7a73ab", "#454675"), "#ffe2d8", "#4a4580", 0.12),
    Scheme(("night", "dusk"), ("crystals", "dungeon"),
           ("#08131f", "#0f3a4a", "#27a0a5"), "#c9fff6",
           ("#1b5f70", "#103c4d", "#071b28"), "#b8fff4", "#0a2036", 0.22),
)  # fmt: skip

HAIR: dict[Hue, str] = {
    "black": "#2a2530", "brown": "#5a3826", "auburn": "#8a3f24", "red": "#c4502a",
    "blond": "#e2b866", "white": "#ece6e4", "grey": "#9a98a4", "blue": "#3f67b8",
    "green": "#4d8f62", "purple": "#7a4fa8", "pink": "#e58aae", "teal": "#2f9c9c",
}  # fmt: skip
IRIS: dict[Hue, str] = {
    "black": "#2b2530", "brown": "#7a4a26", "auburn": "#a8612a", "red": "#d5342f",
    "blond": "#f2b632", "white": "#dfe8f2", "grey": "#7f8f9d", "blue": "#3b86cf",
    "green": "#4f9a52", "purple": "#9357cf", "pink": "#e0679b", "teal": "#22a9a4",
}  # fmt: skip
CLOTH: dict[Hue, str] = {
    "black": "#2d2b36", "brown": "#6a4633", "auburn": "#8a4a2c", "red": "#a52c37",
    "blond": "#c9982f", "white": "#e6dfd2", "grey": "#6d727e", "blue": "#2f4f92",
    "green": "#2f6b4c", "purple": "#5b3a86", "pink": "#b8557d", "teal": "#1f6f75",
}  # fmt: skip
# Which cloths go together: outer, inner.
MATCHES: tuple[tuple[Hue, str], ...] = (
    ("red", "#e9dcc3"), ("red", "#3a2430"), ("blue", "#e8e2d4"), ("blue", "#8c2f3d"),
    ("green", "#d9c79a"), ("green", "#5a3a2a"), ("purple", "#e3d3e8"), ("purple", "#2f2a4a"),
    ("teal", "#f0e0bd"), ("teal", "#27343f"), ("black", "#8f2b35"), ("black", "#4a5a78"),
    ("white", "#3d5a80"), ("white", "#9a7a4a"), ("brown", "#d8c7a5"), ("brown", "#3f5a4a"),
    ("auburn", "#ead9b6"), ("pink", "#f2dfdc"), ("grey", "#24304a"), ("blond", "#6b2f35"),
)  # fmt: skip
METALS = ("#e3b24a", "#e8c66f", "#cfd5df", "#c98a55")

SKINS: dict[Species, tuple[str, ...]] = {
    "human": ("#f6d3b8", "#efc09c", "#e3aa80", "#cf8f62", "#b0714a", "#8f5637", "#6e3f2a",
              "#553024"),
    "elf": ("#f8dcc6", "#f0c8a8", "#d9a27a", "#a9714e", "#7b4a38", "#b7a3c4"),
    "dwarf": ("#f0bd98", "#e2a57e", "#c98a62", "#9c6242"),
    "orc": ("#7f9a5a", "#6a8a5e", "#8b9a74", "#5f7a6a"),
    "tiefling": ("#c0504f", "#a8476a", "#8a5aa8", "#6b6fb0", "#d98a7a", "#e8c3c0"),
    "fey": ("#f3d3d0", "#d9cdea", "#c5e0c8", "#f0d2a8", "#a97b6a"),
    "catfolk": ("#e0a46a", "#c98a58", "#8c8794", "#e6d6c4", "#5d5260"),
    "merfolk": ("#7fbfb5", "#6aa8c4", "#9cc9b0", "#8a9ad0", "#4f8f9a"),
    "dragonkin": ("#a8503c", "#5f8a5a", "#4a7a94", "#b08a48", "#6a5a86"),
    "undead": ("#c9cdbf", "#b5c2c0", "#a9a6b8", "#d5cbc0"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour a picture may use, already in its light."""

    scheme: Scheme
    sky: tuple[Colour, Colour, Colour]
    disc: Colour
    land: tuple[Colour, Colour, Colour]
    key: Colour
    shade: Colour
    skin: Colour
    skin_dark: Colour
    skin_deep: Colour
    skin_lit: Colour
    lips: Colour
    blush: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    lining: Colour
    metal: Colour
    gem: Colour
    ink: Colour
    eyewhite: Colour

    def dark(self, tone: Colour, amount: float = 0.35) -> Colour:
        """`tone` where the light does not reach."""
        return tone.lit(-0.2 * amount).mix(self.shade, amount * 0.55)

    def bright(self, tone: Colour, amount: float = 0.35) -> Colour:
        """`tone` where the light falls full on it."""
        return tone.lit(0.05 * amount).mix(self.key, amount)


def choose(look: Look, seed: int) -> Palette:
    """The palette of a look; the same seed always mixes the same."""
    dice = Dice(seed, "palette")
    scheme = dice.pick(_fitting(look))
    turn = dice.centred(14)
    sky, land = (
        (tones[0].turned(turn), tones[1].turned(turn), tones[2].turned(turn * 0.6))
        for tones in (tuple(map(colour, scheme.sky)), tuple(map(colour, scheme.land)))
    )
    key, shade = colour(scheme.key), colour(scheme.shade).turned(turn)

    def tint(code: str, strength: float = 1.0) -> Colour:
        tone = colour(code)
        return tone.mix(shade, scheme.dim * strength).mix(key, 0.06)

    skin = tint(dice.pick(SKINS[look.species])).turned(dice.centred(6))
    warm = skin.mix(colour("#b8323c"), 0.32)
    hair = tint(HAIR[look.hair_hue]).turned(dice.centred(10)).lit(dice.centred(0.05))
    outer, lining = _cloths(dice, look, sky, land)
    return Palette(
        scheme=scheme,
        sky=sky,
        disc=colour(scheme.disc),
        land=land,
        key=key,
        shade=shade,
        skin=skin,
        skin_dark=skin.lit(-0.11).mix(shade, 0.26).vivid(1.12),
        skin_deep=skin.lit(-0.2).mix(shade, 0.42),
        skin_lit=skin.lit(0.05).mix(key, 0.3),
        lips=warm.lit(-0.03),
        blush=skin.mix(colour("#e2485a"), 0.5),
        hair=hair,
        iris=colour(IRIS[look.eye_hue]),
        cloth=tint(outer, 0.5),
        lining=tint(lining, 0.5),
        metal=tint(dice.pick(METALS), 0.6),
        gem=colour(dice.pick(("#e0344f", "#2fa8e0", "#38b27a", "#a45be0", "#f2a93a"))),
        ink=shade.mix(colour("#1a1018"), 0.6).mix(hair, 0.12),
        eyewhite=tint("#f7f1ea", 0.6),
    )


def _fitting(look: Look) -> list[Scheme]:
    """Schemes for the place at that hour, else of the hour, else of the place."""
    here = [s for s in SCHEMES if look.setting in s.settings]
    now = [s for s in SCHEMES if look.time in s.times]
    return [s for s in here if s in now] or now or here


def _cloths(
    dice: Dice, look: Look, sky: tuple[Colour, ...], land: tuple[Colour, ...]
) -> tuple[str, str]:
    """Outer and inner cloth, kept apart from what is painted behind the shoulders."""
    if look.cloth_hue is not None:
        wished = [match for match in MATCHES if match[0] == look.cloth_hue]
        return CLOTH[look.cloth_hue], dice.pick(wished)[1]
    behind = land[1].mix(sky[2], 0.3)
    ranked = sorted(MATCHES, key=lambda match: -colour(CLOTH[match[0]]).distance(behind))
    hue, lining = dice.pick(ranked[:13])
    return CLOTH[hue], lining
