"""A site's own line through time: which of its moves are more than its usual to and fro.

Individual values and moving ranges (XmR; Shewhart 1931, Wheeler & Chambers 1992) with the four
rules of NHS England's Making Data Count programme ("Strengthening your decisions", 2019), as the
package NHSRplotthedots works them out:

- outside: a value beyond mean ± 2.66 x the mean moving range (2.66 = 3 / 1.128);
- shift: seven values in a row on one side of the mean, all of them marked;
- trend: seven values in a row each above, or each below, the one before, all of them marked;
- two in three: two of three values in a row in the outer third of the limits, the three on one side
  of the mean; those in the outer third are marked.

Moving ranges from 3.267 times their mean on are left out of it once, lest a single jump hide itself
in limits it has widened; where that would leave only ranges of nothing, they stay (ours: limits
without width would mark every value). A rule says that something moved, never why.

A period without a value is a gap (ours; the package draws as if the two values beside it were
neighbours). Values on either side of a gap are no moving range and are not in a row: a move over
two periods is wider than one over one, and what lay between them nobody knows. So a gap costs a
range, which a further value has to make up for before there are limits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.benchmarking.scales import Floats
from orchestration.measures.arrays import Bools

RANGES = 2.66
"""Mean moving ranges from the mean to a limit."""
LONGEST_RANGE = 3.267
"""Mean moving ranges from which on a moving range is left out of their mean."""
RUN = 7
"""Values in a row that make a shift or a trend."""
FEWEST_POINTS = 12
"""Points below which limits are too uncertain to be shown (Making Data Count: 12 to 15). Ours."""
RULES = ("outside", "shift", "trend", "two_in_three")
TOO_FEW_POINTS, GAPS = "too_few_points", "gaps"

_EQUAL = 1e-9
"""Share of a line's largest value below which a distance from its mean is the computer's."""


@dataclass(frozen=True)
class ProcessCharts:
    """Lines' own means and limits, in the value's unit, one entry a line.

    `null_reason` says why a line has neither (NaN), and marks nothing: `too_few_points` where it
    does not reach over `fewest_points` periods, `gaps` where it does, and is None elsewhere.
    `rules` holds, by rule, which points it marks, line by period.
    """

    mean: Floats
    lower: Floats
    upper: Floats
    null_reason: NDArray[np.object_]
    rules: dict[str, Bools]

    @property
    def is_marked(self) -> Bools:
        """Points that any rule marks."""
        return np.asarray(np.any(list(self.rules.values()), axis=0))


def process_charts(values: Floats, *, fewest_points: int = FEWEST_POINTS) -> ProcessCharts:
    """Means, limits and marked points of lines, a row each, in columns of successive periods.

    NaN is a period without a value. Limits need `fewest_points` values and one moving range fewer.
    A line that changed on purpose comes as two rows: what is usual after it is held against itself.

    Raises ValueError for values that are infinite, or no table of lines by periods.
    """
    if values.ndim != 2 or np.isinf(values).any():
        raise ValueError("lines need finite values, a row a line in columns of periods")
    has = ~np.isnan(values)
    n_points = has.sum(axis=1)
    ranges = np.abs(np.diff(values, axis=1))
    n_ranges = (~np.isnan(ranges)).sum(axis=1)
    is_short = (n_points < max(fewest_points, 2)) | (n_ranges < max(fewest_points - 1, 1))
    reason = np.where(_n_periods(has) < fewest_points, TOO_FEW_POINTS, GAPS).astype(object)
    reason[~is_short] = None
    mean = np.where(is_short, np.nan, _mean(values))
    width = RANGES * np.where(is_short, np.nan, _usual_range(ranges))
    rules = _marked(values, mean[:, np.newaxis], width[:, np.newaxis])
    return ProcessCharts(mean, mean - width, mean + width, reason, rules)


def _n_periods(has: Bools) -> NDArray[np.intp]:
    """From the first value to the last, gaps included."""
    n_columns = has.shape[1]
    if n_columns == 0:
        return np.zeros(has.shape[0], dtype=np.intp)
    first, last = has.argmax(axis=1), n_columns - 1 - has[:, ::-1].argmax(axis=1)
    return np.where(has.any(axis=1), last - first + 1, 0)


def _mean(values: Floats) -> Floats:
    """Of each line's values; NaN where it has none."""
    counted = (~np.isnan(values)).sum(axis=1)
    return np.where(counted > 0, np.nansum(values, axis=1) / np.maximum(counted, 1), np.nan)


def _usual_range(ranges: Floats) -> Floats:
    """Mean moving range of each line, once without those far above it."""
    mean = _mean(ranges)
    screened = _mean(np.where(ranges < LONGEST_RANGE * mean[:, np.newaxis], ranges, np.nan))
    return np.where(screened > 0, screened, mean)


def _marked(values: Floats, mean: Floats, width: Floats) -> dict[str, Bools]:
    """By rule, the points it marks. What is NaN compares as false, and so ends every row."""
    largest = np.max(np.abs(values), axis=1, keepdims=True, initial=0.0, where=~np.isnan(values))
    away = values - mean
    away[np.abs(away) <= _EQUAL * largest] = 0.0
    outside = np.abs(away) > width
    near_limit = ~outside & (np.abs(away) > width * 2 / 3)
    step = np.where(np.isnan(mean), np.nan, np.diff(values, axis=1, prepend=np.nan))
    shift, trend, two_in_three = (np.zeros(values.shape, dtype=bool) for _ in range(3))
    for sign in (1.0, -1.0):
        side = away * sign > 0
        shift |= _points(_ends(side, RUN), RUN)
        # A step leads to the point it stands at, so that one fewer of them joins seven points.
        trend |= _points(_ends(step * sign > 0, RUN - 1), RUN)
        n_near = np.sum([_moved(near_limit, by) for by in range(3)], axis=0)
        two_in_three |= near_limit & _points(_ends(side, 3) & (n_near >= 2), 3)
    return dict(zip(RULES, (outside, shift, trend, two_in_three), strict=True))


def _ends(flags: Bools, length: int) -> Bools:
    """Where `length` flags in a row end."""
    return np.asarray(np.logical_and.reduce([_moved(flags, by) for by in range(length)]))


def _points(ends: Bools, length: int) -> Bools:
    """The points of every stretch of `length` that ends at one of `ends`."""
    return np.asarray(np.logical_or.reduce([_moved(ends, -by) for by in range(length)]))


def _moved(flags: Bools, by: int) -> Bools:
    """Each line's flags `by` periods later, false where they come from outside."""
    moved = np.zeros_like(flags)
    n_kept = max(flags.shape[1] - abs(by), 0)
    if by >= 0:
        moved[:, by:] = flags[:, :n_kept]
    else:
        moved[:, :n_kept] = flags[:, -by:]
    return moved
