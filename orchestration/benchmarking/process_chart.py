"""A site's own line through time: which of its moves are more than its usual to and fro.

Individual values and moving ranges (XmR; Shewhart 1931, Wheeler & Chambers 1992) with the four
rules of NHS England's Making Data Count programme ("Strengthening your decisions", 2019), as the
package NHSRplotthedots works them out:

- outside: a value beyond mean ± 2.66 x the mean moving range (2.66 = 3 / 1.128);
- shift: seven values in a row on one side of the mean, all of them marked;
- trend: seven values in a row each above, or each below, the one before, all of them marked;
- two in three: two of three values in a row in the outer third of the limits, the three on one side
  of the mean; those in the outer third are marked.

Moving ranges above 3.267 times their mean are left out of it once, lest a single jump hide itself
in limits it has widened. A rule says that something moved, never why.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.benchmarking.scales import Floats
from orchestration.measures.arrays import Bools, Ints

RANGES = 2.66
"""Mean moving ranges from the mean to a limit."""
LONGEST_RANGE = 3.267
"""Mean moving ranges beyond which a moving range is left out of their mean."""
RUN = 7
"""Values in a row that make a shift or a trend."""
FEWEST_POINTS = 12
"""Points below which limits are too uncertain to be shown (Making Data Count: 12 to 15). Ours."""
RULES = ("outside", "shift", "trend", "two_in_three")


@dataclass(frozen=True)
class ProcessChart:
    """A line's own mean and limits, one entry a point; all in the value's unit.

    `phase` numbers the stretches between interventions, each with a mean and limits of its own.
    `rules` holds, by rule, which points it marks. A stretch of fewer than `fewest_points` has NaN
    for mean and limits, and marks none of its points.
    """

    phase: Ints
    mean: Floats
    lower: Floats
    upper: Floats
    rules: dict[str, Bools]

    @property
    def is_marked(self) -> Bools:
        """Points that any rule marks."""
        return np.asarray(np.any(list(self.rules.values()), axis=0))


def process_chart(
    values: Floats, starts: Bools | None = None, *, fewest_points: int = FEWEST_POINTS
) -> ProcessChart:
    """Mean, limits and marked points of values in the order of time, without gaps (no NaN).

    `starts` is true where a new stretch begins, such as at an intervention: what is usual after it
    is held against itself.

    Raises ValueError for values that are not finite, or arrays of different length.
    """
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise ValueError("a line needs finite values in the order of time")
    begins = np.zeros(values.size, dtype=bool) if starts is None else starts
    if begins.shape != values.shape:
        raise ValueError("values and starts of stretches need one entry a point each")
    phase = np.cumsum(begins) - (int(begins[0]) if values.size else 0)
    mean, lower, upper = (np.full(values.size, np.nan) for _ in range(3))
    rules = {rule: np.zeros(values.size, dtype=bool) for rule in RULES}
    for stretch in np.unique(phase).tolist():
        points = np.flatnonzero(phase == stretch)
        if points.size < max(fewest_points, 2):
            continue
        some = values[points]
        centre, width = float(some.mean()), RANGES * _moving_range(some)
        mean[points], lower[points], upper[points] = centre, centre - width, centre + width
        for rule, marked in _marked(some, centre, width).items():
            rules[rule][points] = marked
    return ProcessChart(np.asarray(phase), mean, lower, upper, rules)


def _moving_range(values: Floats) -> float:
    """Mean moving range, once without those far above it."""
    ranges = np.abs(np.diff(values))
    usual = ranges < LONGEST_RANGE * ranges.mean()
    return float(ranges[usual].mean()) if usual.any() else 0.0


def _marked(values: Floats, centre: float, width: float) -> dict[str, Bools]:
    side = np.sign(values - centre).astype(np.intp)
    outside = np.abs(values - centre) > width
    near_limit = ~outside & (np.abs(values - centre) > width * 2 / 3)
    steps = np.sign(np.diff(values)).astype(np.intp)
    shift, trend, two_in_three = (np.zeros(values.size, dtype=bool) for _ in range(3))
    if values.size >= RUN:
        sides = np.lib.stride_tricks.sliding_window_view(side, RUN)
        shift = _any_window(np.abs(sides.sum(axis=1)) == RUN, RUN)
        moves = np.lib.stride_tricks.sliding_window_view(steps, RUN - 1)
        trend = _any_window(np.abs(moves.sum(axis=1)) == RUN - 1, RUN)
    if values.size >= 3:
        sides = np.lib.stride_tricks.sliding_window_view(side, 3)
        near = np.lib.stride_tricks.sliding_window_view(near_limit, 3)
        found = (np.abs(sides.sum(axis=1)) == 3) & (near.sum(axis=1) >= 2)
        two_in_three = near_limit & _any_window(found, 3)
    return dict(zip(RULES, (outside, shift, trend, two_in_three), strict=True))


def _any_window(found: Bools, length: int) -> Bools:
    """Points that lie in any window of `length` points that was found; `found` has one entry a
    window, by its first point."""
    return np.asarray(np.convolve(found, np.ones(length)) > 0.5)
