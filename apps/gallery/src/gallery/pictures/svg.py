"""SVG written by hand: numbers, curves, and a sheet that collects gradients and clips."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from gallery.pictures.colour import Colour

Point = tuple[float, float]
Paint = Colour | str


def num(value: float) -> str:
    """A tenth of a pixel is as fine as any of our sizes can show."""
    return f"{value:.1f}".removesuffix(".0")


def at(*points: Point) -> str:
    return " ".join([f"{x:.1f},{y:.1f}" for x, y in points])


def polygon(points: Iterable[Point]) -> str:
    return f"M{at(*points)}Z"


def smooth(points: Sequence[Point], *, closed: bool = True, tension: float = 1.0) -> str:
    """A curve through every point (Catmull-Rom as cubic Béziers)."""
    count = len(points)
    parts = [f"M{at(points[0])}"]
    for i in range(count if closed else count - 1):
        if closed:
            before, start, end, after = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        else:
            before, start = points[max(0, i - 1)], points[i]
            end, after = points[i + 1], points[min(count - 1, i + 2)]
        pull = tension / 6
        first = (start[0] + (end[0] - before[0]) * pull, start[1] + (end[1] - before[1]) * pull)
        second = (end[0] - (after[0] - start[0]) * pull, end[1] - (after[1] - start[1]) * pull)
        parts.append(f"C{at(first, second, end)}")
    return "".join(parts) + ("Z" if closed else "")


def leaf(start: Point, bend: Point, end: Point, width: float, *, root: float = 0.0) -> str:
    """A lock: bends through `bend`, `width` px at its widest, `root` px where it starts."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    nx, ny = -dy / length, dx / length
    w, r = width, root / 2
    return (
        f"M{at((start[0] + nx * r, start[1] + ny * r))}"
        f"Q{at((bend[0] + nx * w, bend[1] + ny * w), end)}"
        f"Q{at((bend[0] - nx * w, bend[1] - ny * w), (start[0] - nx * r, start[1] - ny * r))}Z"
    )


def circle(x: float, y: float, radius: float) -> str:
    return ellipse(x, y, radius, radius)


def ellipse(x: float, y: float, rx: float, ry: float) -> str:
    r = f"{num(rx)} {num(ry)}"
    return f"M{at((x - rx, y))}A{r} 0 1 0 {at((x + rx, y))}A{r} 0 1 0 {at((x - rx, y))}Z"


def mirrored(points: Sequence[Point]) -> list[Point]:
    """A right half from top to bottom, closed by its mirror image."""
    return [*points, *((-x, y) for x, y in reversed(points) if abs(x) > 0.05)]


Stop = tuple[float, Paint] | tuple[float, Paint, float]


class Sheet:
    """The picture being painted: shapes in order, and the definitions they use."""

    def __init__(self, size: int = 640) -> None:
        self._size = size
        self._defs: list[str] = []
        self._known: dict[str, str] = {}
        self._body: list[str] = []

    def __str__(self) -> str:
        size = self._size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
            f'width="{size}" height="{size}"><defs>{"".join(self._defs)}</defs>'
            f"{''.join(self._body)}</svg>"
        )

    def shape(
        self,
        path: str,
        fill: Paint | None = None,
        *,
        opacity: float = 1.0,
        stroke: Paint | None = None,
        width: float = 0.0,
        move: Point | None = None,
        dash: str | None = None,
    ) -> None:
        """One path; strokes have round ends and joints."""
        parts = [f'<path d="{path}" fill="{_paint(fill)}"']
        if stroke is not None:
            parts.append(
                f' stroke="{_paint(stroke)}" stroke-width="{num(width)}"'
                ' stroke-linecap="round" stroke-linejoin="round"'
            )
        if dash is not None:
            parts.append(f' stroke-dasharray="{dash}"')
        if opacity < 1:
            # Plain `opacity` makes a renderer compose a layer as large as the picture.
            kind = (
                "fill-opacity"
                if stroke is None
                else "stroke-opacity"
                if fill is None
                else "opacity"
            )
            parts.append(f' {kind}="{opacity:.2f}"')
        if move is not None:
            parts.append(f' transform="translate({at(move)})"')
        self._body.append("".join(parts) + "/>")

    def linear(self, start: Point, end: Point, *stops: Stop) -> str:
        (x1, y1), (x2, y2) = start, end
        where = f'x1="{num(x1)}" y1="{num(y1)}" x2="{num(x2)}" y2="{num(y2)}"'
        return self._gradient("linearGradient", where, stops)

    def radial(self, centre: Point, radius: float, *stops: Stop, squash: float = 1.0) -> str:
        """A gradient around `centre`; `squash` below 1 flattens it."""
        x, y = centre
        where = f'cx="{num(x)}" cy="{num(y)}" r="{num(radius)}"'
        if squash != 1.0:
            shift = num(y * (1 - squash))
            where += f' gradientTransform="matrix(1 0 0 {squash:.2f} 0 {shift})"'
        return self._gradient("radialGradient", where, stops)

    def _gradient(self, kind: str, where: str, stops: Sequence[Stop]) -> str:
        inner = "".join(
            f'<stop offset="{stop[0]:.2f}" stop-color="{_paint(stop[1])}"'
            + (f' stop-opacity="{stop[2]:.2f}"' if len(stop) == 3 else "")
            + "/>"
            for stop in stops
        )
        name = self._define(kind, where + ' gradientUnits="userSpaceOnUse"', inner)
        return f"url(#{name})"

    def _define(self, kind: str, attributes: str, inner: str) -> str:
        text = f"{attributes}>{inner}</{kind}>"
        if text not in self._known:
            self._known[text] = f"d{len(self._known)}"
            self._defs.append(f'<{kind} id="{self._known[text]}" {text}')
        return self._known[text]

    @contextmanager
    def within(self, *paths: str) -> Iterator[None]:
        """Everything painted inside is cut to the union of `paths`."""
        name = self._define(
            "clipPath",
            'clipPathUnits="userSpaceOnUse"',
            "".join(f'<path d="{path}"/>' for path in paths),
        )
        self._body.append(f'<g clip-path="url(#{name})">')
        yield
        self._body.append("</g>")

    @contextmanager
    def placed(
        self, move: Point, *, turn: float = 0.0, scale: float = 1.0, opacity: float = 1.0
    ) -> Iterator[None]:
        """A group with its own origin, turned by degrees around it."""
        steps = f"translate({at(move)})"
        if turn:
            steps += f" rotate({num(turn)})"
        if scale != 1.0:
            steps += f" scale({scale:.3f})"
        fade = f' opacity="{opacity:.2f}"' if opacity < 1 else ""
        self._body.append(f'<g transform="{steps}"{fade}>')
        yield
        self._body.append("</g>")


def _paint(paint: Paint | None) -> str:
    if paint is None:
        return "none"
    return paint if isinstance(paint, str) else paint.hex
