"""The lowest point of a restricted likelihood, its boundary looked at for itself.

A relative standard deviation (theta of Bates et al. 2015, J Stat Softw 67(1), section 2.3: a
group's standard deviation over the residual's) cannot be below 0, and often the best one is exactly
0. The criterion is even in it, so its slope at 0 is always 0 and a search by slopes alone may stop
there wrongly, or never quite get there: 0 is therefore tried on its own. The criterion may have two
dips, so that the search begins at a grid's lowest points.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, minimize

from orchestration.measures.arrays import Bools, Floats, Ints, MeasureUndefined

Criterion = Callable[[Floats], float]
Gradient = Callable[[Floats], Floats]

LARGEST = 1e4
"""Beyond it the residual is nothing beside the groups (a share below 1e-8)."""
_GRID = (0.06, 0.25, 0.8, 2.5)
_FULL_GRID = 20
"""Points of the whole grid that are looked at; above, one parameter after the other."""
_NUDGES = (2e-3, 2e-2)
_STARTS = 2
_HOPELESS = 50.0
"""A second start this much higher than the first is on the same slope."""
_TOLERANCE = 1e-7
"""Of the criterion: what two sums over a million rows differ by through rounding alone."""


@dataclass(frozen=True)
class Lowest:
    """`theta` at the lowest `criterion`, exactly 0 where that is on the boundary."""

    theta: Floats
    criterion: float


def lowest_point(
    criterion: Criterion, is_deviation: Bools, gradient: Gradient | None = None
) -> Lowest:
    """Minimise `criterion` over theta; `is_deviation` marks those that may not be below 0.

    Raises MeasureUndefined when the best theta is beyond LARGEST: the groups then explain the
    values without any rest.
    """
    deviations = np.flatnonzero(is_deviation)
    starts = _starts(criterion, is_deviation, deviations)
    fits = [_descend(criterion, gradient, start, is_deviation) for start in starts]
    best = min(fits, key=lambda fit: fit.criterion)
    for place in deviations[best.theta[deviations] == 0]:
        best = _off_boundary(criterion, gradient, best, int(place), is_deviation)
    for place in deviations[np.argsort(best.theta[deviations])]:
        best = _on_boundary(criterion, gradient, best, int(place), is_deviation)
    if np.abs(best.theta).max() > 0.99 * LARGEST:
        raise MeasureUndefined(
            "the values do not differ within the groups: nothing is left for the residual"
        )
    return best


def _starts(criterion: Criterion, is_deviation: Bools, deviations: Ints) -> list[Floats]:
    """The lowest points of the grid that are no neighbours of each other."""
    n = deviations.size
    tried: list[tuple[float, Floats]] = []

    def look(values: tuple[float, ...]) -> float:
        theta = np.zeros(is_deviation.size)
        theta[deviations] = values
        height = criterion(theta)
        tried.append((height, theta))
        return height

    if len(_GRID) ** n <= _FULL_GRID:
        for values in itertools.product(_GRID, repeat=n):
            look(values)
    else:
        at = [_GRID[1]] * n
        for place in [*range(n), *range(n)]:
            moved = [(*at[:place], value, *at[place + 1 :]) for value in _GRID]
            at = list(moved[int(np.argmin([look(values) for values in moved]))])
    chosen: list[Floats] = []
    ranked = sorted(tried, key=lambda each: each[0])
    for height, theta in ranked:
        if height < ranked[0][0] + _HOPELESS and all(
            np.abs(np.log((theta + 1e-3) / (other + 1e-3))).max() > 1.6 for other in chosen
        ):
            chosen.append(theta)
        if len(chosen) == _STARTS:
            break
    return chosen


def _descend(
    criterion: Criterion, gradient: Gradient | None, start: Floats, is_deviation: Bools
) -> Lowest:
    """To the bottom from `start`, within bounds.

    Without a gradient COBYQA (Ragonneau & Zhang 2025; successor of lme4's BOBYQA), which asks for
    the fewest criteria of few parameters; with one L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995), which
    stays quick where the bottom is flat in some direction.
    """
    lower = np.where(is_deviation, 0.0, -LARGEST)
    if gradient is None:
        scale = np.ones(start.size)
        found = minimize(
            criterion,
            start,
            method="COBYQA",
            bounds=Bounds(lower, np.full(start.size, LARGEST)),
            options={"initial_tr_radius": 0.1, "final_tr_radius": 1e-6, "maxfev": 2000},
        )
    else:
        slope, level = gradient, criterion(start)
        scale = _scale(slope, start)

        def height(x: Floats) -> float:
            return criterion(scale * x) - level

        def fall(x: Floats) -> Floats:
            return scale * slope(scale * x)

        found = minimize(
            height,
            start / scale,
            jac=fall,
            method="L-BFGS-B",
            bounds=Bounds(lower / scale, LARGEST / scale),
            options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6, "maxcor": 20},
        )
    theta = np.maximum(scale * np.asarray(found.x, dtype=np.float64), lower)
    return Lowest(theta, criterion(theta))


def _scale(gradient: Gradient, start: Floats) -> Floats:
    """Each parameter's own size, by its curvature: slopes are estimated far better than levels."""
    steps = np.diag(1e-4 * (1.0 + np.abs(start)))
    curve = [
        (gradient(start + step)[place] - gradient(start - step)[place]) / (2 * step[place])
        for place, step in enumerate(steps)
    ]
    return np.asarray(1.0 / np.sqrt(np.clip(np.abs(curve), 1e-2, None)))


def _off_boundary(
    criterion: Criterion, gradient: Gradient | None, best: Lowest, place: int, is_deviation: Bools
) -> Lowest:
    """The fit with this deviation off 0, where a step away leads down: no slope would say so."""
    for nudge in _NUDGES:
        theta = best.theta.copy()
        theta[place] = nudge
        if criterion(theta) < best.criterion:
            fit = _descend(criterion, gradient, theta, is_deviation)
            best = min(best, fit, key=lambda each: each.criterion)
    return best


def _on_boundary(
    criterion: Criterion, gradient: Gradient | None, best: Lowest, place: int, is_deviation: Bools
) -> Lowest:
    """The fit with this deviation exactly 0, if it is no worse."""
    if best.theta[place] == 0.0:
        return best
    theta = best.theta.copy()
    theta[place] = 0.0
    if criterion(theta) > best.criterion + 10.0:
        return best  # the others cannot make up for that much
    others = np.arange(theta.size) != place

    def whole(some: Floats) -> Floats:
        filled = np.zeros(theta.size)
        filled[others] = some
        return filled

    if others.any():
        theta = whole(
            _descend(
                lambda some: criterion(whole(some)),
                None if gradient is None else lambda some: gradient(whole(some))[others],
                theta[others],
                is_deviation[others],
            ).theta
        )
    height = criterion(theta)
    return Lowest(theta, height) if height <= best.criterion + _TOLERANCE else best
