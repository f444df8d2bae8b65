"""What the definitions of the marked-drop rules imply, worked out apart from the product.

Written from the definitions alone (metrics reference; Gumz et al. 2012; Shewhart), form by form and
the slow way: no code is shared with the SQL or with orchestration/measures/expected_drops.py. Where
an integral or a recursion gives the figure without drawing anything, it stands here too.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import ncx2

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RULES = ("fixed", "sd1", "sd2", "chart")
FEWEST = {"fixed": 3, "sd1": 5, "sd2": 5, "chart": 8}
_TIE = 1e-9


def marked_forms(forms: Floats, width: float, network_sd: float) -> dict[str, Bools]:
    """Which forms are marked drops, by rule; rows are whole series of one length.

    A rule whose minimum the series are below has no entry.
    """
    n_series, n_forms = forms.shape
    fall = np.full_like(forms, -np.inf)
    fall[:, 1:] = forms[:, :-1] - forms[:, 1:]
    marked: dict[str, Bools] = {}
    if n_forms >= FEWEST["fixed"]:
        marked["fixed"] = fall >= width / 6 - _TIE
    if n_forms >= FEWEST["sd1"]:
        stricter = np.maximum(forms.std(axis=1, ddof=1, keepdims=True), network_sd)
        marked["sd1"] = fall >= stricter - _TIE
        marked["sd2"] = fall >= 2 * stricter - _TIE
    if n_forms >= FEWEST["chart"]:
        marked["chart"] = np.zeros((n_series, n_forms), dtype=bool)
        for place in range(n_forms):
            others = np.delete(forms, place, axis=1)
            ranges = np.abs(np.diff(others, axis=1)).mean(axis=1)
            limit = others.mean(axis=1) - 2.66 * ranges
            marked["chart"][:, place] = (ranges > _TIE) & (forms[:, place] < limit - _TIE)
    return marked


def fixed_found(levels: Floats, size: float, within_sd: float, width: float, step: float) -> float:
    """P(a fall of `size` is marked by the fixed rule), averaged over clients' levels.

    Forms are normal around the level, rounded to the step and cut off at 0 and `width`: both
    forms' probabilities on the grid, summed over the pairs that lie a point apart. All in scale
    points; nothing is drawn.
    """
    before = _on_grid(levels, within_sd, width, step)
    after = _on_grid(levels - size, within_sd, width, step)
    least = _least_steps(width, step)
    at_least = np.cumsum(before[:, ::-1], axis=1)[:, ::-1]
    return float((after[:, :-least] * at_least[:, least:]).sum(axis=1).mean())


def fixed_by_chance(
    levels: Floats, n_forms: int, within_sd: float, width: float, step: float
) -> float:
    """P(any of `n_forms` forms of a client who never changes is marked by the fixed rule).

    The chance of having got to a form at y without a mark is passed on from form to form:
    g(y) = p(y) · sum of the g(x) before it with x - y below a point. Nothing is drawn.
    """
    p = _on_grid(levels, within_sd, width, step)
    least = _least_steps(width, step)
    unmarked = p.copy()
    for _ in range(n_forms - 1):
        reached = np.cumsum(unmarked, axis=1)
        below = np.minimum(np.arange(p.shape[1]) + least - 1, p.shape[1] - 1)
        unmarked = p * reached[:, below]
    return float(1 - unmarked.sum(axis=1).mean())


def sd_found(
    means: Floats, place: int, factor: float, within_sd: float, network_sd: float, step: float
) -> float:
    """P(the form at `place` is marked by the SD rule), forms normal around `means` and uncut.

    With d the fall to the form, the client's sum of squares is d²/2 + R, and R is independent of d:
    within_sd² times a noncentral chi-squared of n - 2 degrees of freedom, its noncentrality what is
    left of the means' own squares. The fall counts where d >= factor · network SD and (d²/2 + R) /
    (n - 1) <= (d / factor)²; integrated over d. Totals are rounded: d begins half a step below the
    first one that reaches, and rounding adds its variance (step²/12 a form).
    """
    n = means.size
    planted = float(means[place - 1] - means[place])
    spread = float(np.sqrt(2 * (within_sd**2 + step**2 / 12)))
    left = float(((means - means.mean()) ** 2).sum()) - planted**2 / 2
    least = (np.ceil(factor * network_sd / step - _TIE) - 0.5) * step
    d = np.linspace(least, max(planted, least) + 8 * spread, 601)
    density = np.exp(-(((d - planted) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
    most = d**2 * ((n - 1) / factor**2 - 0.5)
    fits = ncx2.cdf(most / within_sd**2, n - 2, max(left, 0.0) / within_sd**2)
    return float(np.trapezoid(density * fits, d))


def _least_steps(width: float, step: float) -> int:
    return int(np.ceil(width / 6 / step - _TIE))


def _on_grid(levels: Floats, within_sd: float, width: float, step: float) -> Floats:
    """Probability of each total from 0 to `width`, one row a level."""
    upper = (np.arange(round(width / step)) + 0.5) * step
    below = ndtr((upper - levels[:, np.newaxis]) / within_sd)
    edges = np.column_stack([np.zeros(levels.size), below, np.ones(levels.size)])
    return np.diff(edges, axis=1)
