"""Items of a form around its mean, and the fits that give forms a wanted mean, SD and alpha.

Fits depend on a handful of numbers and are remembered: a study over many seeds pays for them once.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

from orchestration.simulation.arrays import Floats, Ints

_ALPHA_FORMS = 6_000


@dataclass(frozen=True)
class Cut:
    """A normal variable cut off at 0 and `top`: a form's mean, in points."""

    location: float
    scale: float
    top: int

    def draw(self, eta: Floats) -> Floats:
        """Values for standard normal `eta`."""
        return np.clip(self.location + self.scale * eta, 0, self.top)


def cut_mean(mean: Floats, sd: float, top: float) -> Floats:
    """Mean of a normal variable cut off at 0 and `top` (Tobin 1958, two limits)."""
    low, high = -mean / sd, (top - mean) / sd
    density = (np.exp(-(low**2) / 2) - np.exp(-(high**2) / 2)) / np.sqrt(2 * np.pi)
    inside = ndtr(high) - ndtr(low)
    return np.asarray(mean * inside + sd * density + top * (1 - ndtr(high)), dtype=np.float64)


def cut_sd(mean: float, sd: float, top: float) -> float:
    """SD of a normal variable cut off at 0 and `top`, by quadrature."""
    z = np.linspace(-8, 8, 4001)
    weight = np.exp(-(z**2) / 2)
    value = np.clip(mean + sd * z, 0, top)
    centre = (value * weight).sum() / weight.sum()
    return float(np.sqrt(((value - centre) ** 2 * weight).sum() / weight.sum()))


@lru_cache(maxsize=256)
def fitted_cut(mean: float, sd: float, top: int) -> Cut:
    """The cut normal variable with that mean and SD."""

    def misfit(guess: Floats) -> Floats:
        scale = float(np.exp(guess[1]))
        found = cut_mean(np.array([guess[0]]), scale, top)[0], cut_sd(float(guess[0]), scale, top)
        return np.array([found[0] - mean, found[1] - sd])

    location, log_scale = least_squares(misfit, np.array([mean, np.log(sd)])).x
    return Cut(float(location), float(np.exp(log_scale)), top)


@lru_cache(maxsize=256)
def fitted_spread(cut: Cut, offsets: tuple[float, ...], alpha: float) -> float:
    """The spread of items that gives Cronbach's alpha, by bisection on one fixed sample."""
    means = cut.draw(np.random.default_rng(7).standard_normal(_ALPHA_FORMS))
    low, high = 0.0, float(cut.top)
    for _ in range(18):
        middle = (low + high) / 2
        trial = draw_items(means, middle, np.array(offsets), cut.top, np.random.default_rng(8))
        low, high = (middle, high) if cronbach_alpha(trial) > alpha else (low, middle)
    return (low + high) / 2


def cronbach_alpha(points: Ints) -> float:
    """Alpha of complete forms, one row a form (Cronbach 1951)."""
    k = points.shape[1]
    items = points.var(axis=0, ddof=1).sum()
    return float(k / (k - 1) * (1 - items / points.sum(axis=1).var(ddof=1)))


def draw_items(
    mean: Floats, spread: float, offsets: Floats, top: int, rng: np.random.Generator
) -> Ints:
    """Whole points of forms with the means given: one row a form, one column an item, each in
    0..top; a row's sum is off its mean by less than a point and unbiased."""
    n, k = len(mean), len(offsets)
    middle = mean[:, None]
    apart = spread * rng.standard_normal((n, k)) + offsets
    items = np.clip(middle + apart, 0, top)
    # What the ends cut off is given back in proportion to the room each item has: the sum is that
    # of the form again and no item passes an end.
    lacking = (middle - items.mean(axis=1, keepdims=True)) * k
    above = top - items
    raised = items + above * _ratio(lacking, above.sum(axis=1, keepdims=True))
    lowered = items + items * _ratio(lacking, items.sum(axis=1, keepdims=True))
    # Nine decimals, or a sum of tenths could fall short of the whole number it is.
    level = np.round(np.where(lacking > 0, raised, lowered), 9)
    # Systematic rounding: the sum of a row is off by less than one point and unbiased, and so is
    # each item.
    reached = np.floor(np.cumsum(level, axis=1) + rng.random((n, 1)))
    points = np.diff(reached, axis=1, prepend=0.0)
    return np.clip(points, 0, top).astype(np.int64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
