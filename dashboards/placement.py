"""Where the names of sites go on a chart so that none covers another. PURE, in pixels.

Vega-Lite has no label placement of its own. Greedy: marks that matter are placed first, each at the
first free one of a few spots around it; a name that fits nowhere is left out (the tooltip and the
table still give it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_CHARACTER, _LINE, _MARK, _ARROW = 6.4, 14.0, 8.0, 14.0
"""Width of a character and height of a line at 12 px, half the width of a mark, and how far an
arrow at a mark reaches beyond it, in pixels."""


@dataclass(frozen=True)
class Frame:
    """The plot area: data domains and the size they are drawn at, in pixels."""

    x_domain: tuple[float, float]
    y_domain: tuple[float, float]
    width: float
    height: float
    lines: tuple[float, ...] = ()
    """Heights, on the y scale, of lines across the plot that no name may stand on."""


@dataclass(frozen=True)
class Mark:
    """A mark at data coordinates whose key is to be written beside it."""

    key: str
    x: float
    y: float
    is_first: bool = False
    arrow: int = 0
    """1 where an arrow stands above it, -1 where one stands below it."""


@dataclass(frozen=True, order=True)
class Spot:
    """Where a name stands relative to its mark, in pixels."""

    align: Literal["center", "left", "right"]
    dx: float
    dy: float


_SPOTS = (
    Spot("left", 12, 0),
    Spot("right", -12, 0),
    Spot("center", 0, -17),
    Spot("center", 0, 17),
    Spot("left", 9, -13),
    Spot("left", 9, 13),
    Spot("right", -9, -13),
    Spot("right", -9, 13),
)

_Box = tuple[float, float, float, float]


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _box(x: float, y: float, spot: Spot, width: float) -> _Box:
    start = x + spot.dx - {"left": 0.0, "center": width / 2, "right": width}[spot.align]
    middle = y + spot.dy
    return start, middle - _LINE / 2, start + width, middle + _LINE / 2


def _mark_box(x: float, y: float, arrow: int) -> _Box:
    above, below = (_MARK + (_ARROW if arrow == way else 0) for way in (1, -1))
    return x - _MARK, y - above, x + _MARK, y + below


def place_labels(marks: Sequence[Mark], frame: Frame) -> dict[str, Spot]:
    """The spot of each key that fits; keys without a free spot are absent."""
    (x_low, x_high), (y_low, y_high) = frame.x_domain, frame.y_domain
    centres = {
        mark.key: (
            (mark.x - x_low) / (x_high - x_low) * frame.width,
            (y_high - mark.y) / (y_high - y_low) * frame.height,
        )
        for mark in marks
    }
    taken: list[_Box] = [_mark_box(*centres[mark.key], mark.arrow) for mark in marks]
    for line in frame.lines:
        height = (y_high - line) / (y_high - y_low) * frame.height
        taken.append((0, height - 1, frame.width, height + 1))
    spots: dict[str, Spot] = {}
    for mark in sorted(marks, key=lambda mark: (not mark.is_first, mark.key)):
        x, y = centres[mark.key]
        for spot in _SPOTS:
            box = _box(x, y, spot, _CHARACTER * len(mark.key))
            inside = (
                box[0] >= 0 and box[2] <= frame.width and box[1] >= 0 and box[3] <= frame.height
            )
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                spots[mark.key] = spot
                break
    return spots
