"""Colours that mix the way eyes expect (OKLab, Ottosson 2020)."""

import math
from functools import lru_cache
from typing import NamedTuple


class Colour(NamedTuple):
    """A colour in OKLab: lightness 0 to 1, and two opponent axes around 0."""

    lightness: float
    a: float
    b: float

    @property
    def chroma(self) -> float:
        return math.hypot(self.a, self.b)

    @property
    def hex(self) -> str:
        """`#rrggbb`, clipped into sRGB."""
        return _hex(self)

    def mix(self, other: "Colour", share: float) -> "Colour":
        """`share` (0 to 1) of `other`, the rest of this."""
        keep = 1 - share
        return Colour(
            self.lightness * keep + other.lightness * share,
            self.a * keep + other.a * share,
            self.b * keep + other.b * share,
        )

    def lit(self, change: float) -> "Colour":
        """Lighter (or, below zero, darker) by an amount of lightness."""
        return Colour(min(1.0, max(0.0, self.lightness + change)), self.a, self.b)

    def vivid(self, factor: float) -> "Colour":
        return Colour(self.lightness, self.a * factor, self.b * factor)

    def turned(self, degrees: float) -> "Colour":
        """The same lightness and chroma at another hue."""
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        return Colour(self.lightness, self.a * cos - self.b * sin, self.a * sin + self.b * cos)

    def distance(self, other: "Colour") -> float:
        return math.dist(self, other)


@lru_cache(maxsize=512)
def colour(code: str) -> Colour:
    """The colour that `#rrggbb` names."""
    r, g, b = (_linear(int(code[i : i + 2], 16) / 255) for i in (1, 3, 5))
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return Colour(
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@lru_cache(maxsize=8192)
def _hex(tone: Colour) -> str:
    lightness, a, b = tone
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return f"#{_byte(red):02x}{_byte(green):02x}{_byte(blue):02x}"


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _byte(part: float) -> int:
    if part <= 0:
        return 0
    encoded = 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
    return min(255, round(encoded * 255))
