"""One common factor of a set of items by maximum likelihood, and the omega that follows from it.

Joreskog KG (1967). Some contributions to maximum likelihood factor analysis. Psychometrika
32:443-482, doi 10.1007/BF02289658: for given uniquenesses the best loadings are known in closed
form, so only the uniquenesses are searched, as R's factanal does.
McDonald RP (1999). Test theory: a unified treatment. Erlbaum, ch. 6: omega.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from orchestration.measures.arrays import Floats, MeasureUndefined

FEWEST_ITEMS = 3
"""With two items the loadings are not determined."""
_LEAST_UNIQUENESS = 0.005
"""Of a standardised item; factanal's. A solution that lies here has left the model."""


@dataclass(frozen=True)
class OneFactor:
    """One entry per item: `loadings` in the item's points, `uniquenesses` in points squared."""

    loadings: Floats
    uniquenesses: Floats

    @property
    def omega(self) -> float:
        """Share of the sum's variance that is the factor's: (sum l)^2 / ((sum l)^2 + sum u)."""
        common = float(self.loadings.sum()) ** 2
        return common / (common + float(self.uniquenesses.sum()))


def one_factor(covariance: Floats) -> OneFactor:
    """The factor behind `covariance`, items by items; the fit does not depend on their scales.

    Raises MeasureUndefined for fewer than three items, a covariance that is not positive definite
    (an item that follows from others, too few persons), a uniqueness at zero (Heywood case) or a
    search that does not end.
    """
    n_items = covariance.shape[0]
    if n_items < FEWEST_ITEMS:
        raise MeasureUndefined(f"a factor needs {FEWEST_ITEMS} items that vary, found {n_items}")
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    if np.linalg.eigvalsh(correlation)[0] < 1e-8:
        raise MeasureUndefined("an item follows from the others, or there are too few persons")
    start = (1 - 0.5 / n_items) / np.diag(np.linalg.inv(correlation))
    search = minimize(
        _misfit,
        np.clip(start, _LEAST_UNIQUENESS, 1.0),
        args=(correlation,),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LEAST_UNIQUENESS, 1.0)] * n_items,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    unique = np.asarray(search.x, dtype=np.float64)
    _, slope = _misfit(unique, correlation)
    # The search may stop for want of digits; what counts is that nothing is left to gain.
    inside = (unique > _LEAST_UNIQUENESS * 1.01) & (unique < 1.0)
    if np.abs(slope[inside]).max(initial=0.0) > 1e-4:
        raise MeasureUndefined("the search for the factor did not end")
    if unique.min() < _LEAST_UNIQUENESS * 1.01:
        raise MeasureUndefined("an item's own variance came out as zero (Heywood case)")
    loadings = _loadings(unique, correlation)
    return OneFactor(loadings * scale, unique * scale**2)


def _scaled(unique: Floats, correlation: Floats) -> tuple[Floats, Floats]:
    root = np.sqrt(unique)
    values, vectors = np.linalg.eigh(correlation / np.outer(root, root))
    return values, vectors


def _loadings(unique: Floats, correlation: Floats) -> Floats:
    """The best loadings for these uniquenesses; their sum is not negative."""
    values, vectors = _scaled(unique, correlation)
    found = np.sqrt(unique) * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0))
    return np.asarray(found if found.sum() >= 0 else -found, dtype=np.float64)


def _misfit(unique: Floats, correlation: Floats) -> tuple[float, Floats]:
    """Minus the likelihood, up to constants, and its slope in the uniquenesses."""
    rest = _scaled(unique, correlation)[0][:-1]
    loadings = _loadings(unique, correlation)
    residual = loadings**2 + unique - np.diag(correlation)
    return float((rest - np.log(rest) - 1).sum()), residual / unique**2
