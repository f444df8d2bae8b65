"""Names on a chart: none on another, none outside, the ones that matter first."""

import itertools
import random

from dashboards.placement import _CHARACTER, _LINE, Frame, Mark, Spot, place_labels

FRAME = Frame(x_domain=(0, 1), y_domain=(0, 1), width=800, height=400, lines=(0.5,))


def _box(mark: Mark, spot: Spot) -> tuple[float, float, float, float]:
    width = _CHARACTER * len(mark.key)
    left = mark.x * FRAME.width + spot.dx
    left -= {"left": 0.0, "center": width / 2, "right": width}[spot.align]
    middle = (1 - mark.y) * FRAME.height + spot.dy
    return left, middle - _LINE / 2, left + width, middle + _LINE / 2


def test_no_name_covers_another_or_leaves_the_plot_or_stands_on_a_line() -> None:
    chance = random.Random(7)
    marks = [Mark(f"Site number {i}", chance.random(), chance.random()) for i in range(40)]
    spots = place_labels(marks, FRAME)
    assert len(spots) > 20
    boxes = [_box(mark, spots[mark.key]) for mark in marks if mark.key in spots]
    for one, other in itertools.combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert right <= FRAME.width
        assert top >= 0
        assert bottom <= FRAME.height
        assert bottom <= 199 or top >= 201


def test_where_there_is_room_for_few_the_marks_that_matter_are_named() -> None:
    marks = [Mark(f"A common site {i:02}", 0.5, 0.8) for i in range(30)]
    spots = place_labels([*marks, Mark("Zebra House", 0.5, 0.8, is_first=True)], FRAME)
    assert "Zebra House" in spots
    assert len(spots) < 31


def test_a_lone_mark_is_named_at_its_right() -> None:
    assert place_labels([Mark("Mill Road", 0.5, 0.8)], FRAME)["Mill Road"].align == "left"
