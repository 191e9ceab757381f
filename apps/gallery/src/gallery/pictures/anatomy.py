"""The measures of a head, in px around a point between the eyes; y grows downwards."""

from dataclasses import dataclass

from gallery.pictures.dice import Dice
from gallery.pictures.look import Look
from gallery.pictures.svg import at


@dataclass(frozen=True, slots=True)
class Anatomy:
    """One character's proportions. Widths are half widths."""

    width: float  # at the cheekbones
    top: float  # height of the skull above the eyes
    jaw: float
    jaw_y: float
    chin: float
    chin_y: float
    eye_x: float
    eye_w: float
    eye_open: float  # height of the upper lid's arch
    eye_tilt: float  # how far the outer corner is raised
    brow_y: float
    brow_thick: float
    nose_w: float
    nose_y: float
    mouth_w: float
    mouth_y: float
    lips: float  # fullness
    neck: float
    shoulder: float
    turn: float  # how far the features move to a side, as if the head turned
    tilt: float  # degrees

    @property
    def outline(self) -> str:
        """The head without ears and hair."""
        w, jaw, chin = self.width, self.jaw, self.chin
        right = (
            (w * 0.60, -self.top), (w, -self.top * 0.70), (w, -18),
            (w, 26), (jaw + 7, self.jaw_y - 34), (jaw, self.jaw_y),
            (jaw - 7, self.jaw_y + 24), (chin + 13, self.chin_y - 5), (chin * 0.55, self.chin_y),
        )  # fmt: skip
        path = f"M0,{-self.top:.1f}"
        for i in range(0, 9, 3):
            path += f"C{at(*right[i : i + 3])}"
        path += f"L{at((-right[8][0], right[8][1]))}"
        mirror = [(-x, y) for x, y in reversed(right[:-1])] + [(0.0, -self.top)]
        for i in range(0, 9, 3):
            path += f"C{at(*mirror[i : i + 3])}"
        return path + "Z"


def measure(look: Look, seed: int) -> Anatomy:
    """Proportions for a look."""
    dice = Dice(seed, "anatomy")
    male = {"feminine": 0.0, "androgynous": 0.45, "masculine": 1.0}[look.build]
    heavy = {"dwarf": 1.0, "orc": 0.9, "elf": -0.6, "fey": -0.5}.get(look.species, 0.0)
    sharp = {"elf": 0.8, "fey": 0.7, "tiefling": 0.4, "undead": 0.5}.get(look.species, 0.0)
    young = {"young": 1.0, "adult": 0.0, "old": -0.6}[look.age]
    jaw = 62 + 13 * male + 6 * heavy + dice.centred(10) - 3 * sharp
    eye_w = 25.5 - 2.8 * male + young * 1.5 + sharp * 1.2 + dice.centred(3)
    return Anatomy(
        width=88 + 4 * male + 5 * heavy + dice.centred(6),
        top=124 + dice.centred(5),
        jaw=jaw,
        jaw_y=74 + 4 * male + dice.centred(6),
        chin=21 + 15 * male + 8 * heavy + dice.centred(9) - 6 * sharp,
        chin_y=125 + 6 * male - 3 * young + 4 * sharp + dice.centred(9),
        eye_x=41 + dice.centred(3.5),
        eye_w=eye_w,
        eye_open=15.5 - 3.2 * male + 1.6 * young + dice.centred(3.4),
        eye_tilt=4 + 3.5 * sharp + dice.centred(5),
        brow_y=-29 + 4 * male + dice.centred(3),
        brow_thick=6.2 + 3.6 * male + dice.centred(2.4) + 1.2 * heavy,
        nose_w=13.5 + 4.5 * male + 4 * heavy - 2 * sharp + dice.centred(4),
        nose_y=47 + 4 * male + dice.centred(6),
        mouth_w=25 + 4 * male + 2 * heavy + dice.centred(5),
        mouth_y=81 + 5 * male + dice.centred(3),
        lips=1.14 - 0.40 * male + dice.centred(0.32),
        neck=36 + 15 * male + 8 * max(heavy, 0) + dice.centred(3),
        shoulder=168 + 40 * male + 16 * heavy + dice.centred(10),
        turn=dice.side() * dice.between(2, 13),
        tilt=dice.centred(9),
    )
