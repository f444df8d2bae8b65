"""The scale on which a kind of value is about normal with a known standard error, and the way back.

Means stay as they are; proportions go to asin(sqrt(p)), whose standard error 1/(2 sqrt(n)) does not
depend on p; ratios of observed to expected go to their logarithm (SHMI) or their square root (CQC).
Funnels and shrinkage both work on the result (Spiegelhalter 2005, Stat Med 24:1185, table I).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orchestration.measures.arrays import MeasureUndefined

Floats = NDArray[np.float64]
RatioScale = Literal["log", "sqrt"]


@dataclass(frozen=True)
class Scaled:
    """I units on their analysis scale.

    `raw` and `target` are in the unit of the value; `values`, `standard_errors` and `centre` (the
    target) on the analysis scale; `back` goes from there to the unit of the value and never falls.
    """

    raw: Floats
    values: Floats
    standard_errors: Floats
    target: float
    centre: float
    back: Callable[[Floats], Floats]


def pooled_mean(values: Floats, standard_errors: Floats) -> float:
    """Inverse-variance weighted mean of the units' values (the unit of the values)."""
    weights = standard_errors**-2.0
    return float(np.sum(weights * values) / np.sum(weights))


def scaled_means(means: Floats, standard_errors: Floats) -> Scaled:
    """Means with known standard errors: their own scale, target the inverse-variance mean.

    Raises ValueError when there is no unit, or a standard error is not a positive number.
    """
    _require_units(means, standard_errors)
    target = pooled_mean(means, standard_errors)
    return Scaled(means, means, standard_errors, target, target, lambda value: value)


def scaled_proportions(
    numerators: Floats, denominators: Floats, design_effects: Floats | None = None
) -> Scaled:
    """Proportions as y = asin(sqrt(p)) with s = sqrt(design effect)/(2 sqrt(n)), in radians.

    The target is the pooled proportion. `design_effects` is by how much clustering multiplies each
    unit's variance (`variance.design_effects`); 1 when the clients are independent.

    Raises ValueError when there is no unit, a denominator or design effect is not positive, or a
    numerator lies outside 0..denominator.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        standard_errors = np.asarray(0.5 / np.sqrt(denominators), dtype=np.float64)
    if design_effects is not None:
        standard_errors = standard_errors * np.sqrt(design_effects)
    _require_units(numerators, standard_errors)
    if bool(np.any((numerators < 0) | (numerators > denominators))):
        raise ValueError("every numerator must lie between 0 and its denominator")
    proportions = numerators / denominators
    pooled = float(np.sum(numerators) / np.sum(denominators))
    angles = np.asarray(np.arcsin(np.sqrt(proportions)), dtype=np.float64)
    centre = float(np.arcsin(np.sqrt(pooled)))
    return Scaled(proportions, angles, standard_errors, pooled, centre, _proportion_of)


def scaled_ratios(observed: Floats, expected: Floats, scale: RatioScale) -> Scaled:
    """Ratios O/E: log(O/E) with s = 1/sqrt(E), or sqrt(O/E) with s = 1/(2 sqrt(E)); target 1.

    On the log scale a unit that observed none stands at minus infinity: it still has limits, and
    is the lowest of all where ranks are taken.

    Raises ValueError when there is no unit, an expected count is not positive, or an observed one
    is negative.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        standard_errors = np.asarray(1.0 / np.sqrt(expected), dtype=np.float64)
    _require_units(observed, standard_errors)
    if bool(np.any(observed < 0)):
        raise ValueError("every observed count must be 0 or more")
    ratios = observed / expected
    if scale == "sqrt":
        roots = np.asarray(np.sqrt(ratios), dtype=np.float64)
        return Scaled(ratios, roots, 0.5 * standard_errors, 1.0, 1.0, _square_of)
    with np.errstate(divide="ignore"):
        logarithms = np.asarray(np.log(ratios), dtype=np.float64)
    return Scaled(ratios, logarithms, standard_errors, 1.0, 0.0, _exponential_of)


def _require_units(values: Floats, standard_errors: Floats) -> None:
    if values.size == 0 or values.shape != standard_errors.shape:
        raise ValueError("a funnel needs at least one unit and one standard error for each")
    usable = np.isfinite(values) & np.isfinite(standard_errors) & (standard_errors > 0)
    if not bool(np.all(usable)):
        raise MeasureUndefined("every unit needs a value and a positive standard error")


def _proportion_of(angle: Floats) -> Floats:
    # Beyond 0 or a right angle sin2 turns round, and a limit of 0 or 1 would come back inside.
    return np.asarray(np.sin(np.clip(angle, 0.0, np.pi / 2)) ** 2, dtype=np.float64)


def _exponential_of(logarithm: Floats) -> Floats:
    # Of next to no expected count a limit may lie beyond every number.
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(logarithm), dtype=np.float64)


def _square_of(root: Floats) -> Floats:
    # Below 0 the square would rise again.
    return np.asarray(np.maximum(root, 0.0) ** 2, dtype=np.float64)
