"""One common factor of a set of items by maximum likelihood, and the omega that follows from it.

Joreskog KG (1967). Some contributions to maximum likelihood factor analysis. Psychometrika
32:443-482, doi 10.1007/BF02289658: for given uniquenesses the best loadings are known in closed
form, so only the uniquenesses are searched, as R's factanal does.
McDonald RP (1999). Test theory: a unified treatment. Erlbaum, ch. 6: omega.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

from orchestration.measures.arrays import Floats, MeasureUndefined

FEWEST_ITEMS = 3
"""With two items the loadings are not determined."""
_MOST_STEPS = 30
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

    def omega_interval(self, n_persons: int, level: float = 0.95) -> tuple[float, float]:
        """Limits of omega for `n_persons` who are independent: delta method, on the logit of omega.

        Raykov T (2002). Analytic estimation of standard error and confidence interval for scale
        reliability. Multivariate Behav Res 37:89-103; the logit keeps the limits within 0 and 1
        (Kelley K, Pornprasertmanit S (2016). Psychol Methods 21:69-92). The covariance of loadings
        and uniquenesses is the inverse of the normal likelihood's expected information; with coarse
        answers it is an approximation.

        Raises MeasureUndefined for an omega of 0 or 1, or information that has no inverse.
        """
        omega = self.omega
        if not 0 < omega < 1:
            raise MeasureUndefined("omega lies at its end")
        total, own = float(self.loadings.sum()), float(self.uniquenesses.sum())
        slope = (
            np.concatenate(
                [
                    np.full(self.loadings.size, 2 * total * own),
                    np.full(self.loadings.size, -(total**2)),
                ]
            )
            / (total**2 + own) ** 2
        )
        try:
            variance = float(slope @ np.linalg.solve(self._information(), slope)) / n_persons
        except np.linalg.LinAlgError:
            raise MeasureUndefined("the factor is not determined") from None
        logit = float(np.log(omega / (1 - omega)))
        margin = float(norm.ppf((1 + level) / 2)) * variance**0.5 / (omega * (1 - omega))
        return float(expit(logit - margin)), float(expit(logit + margin))

    def _information(self) -> Floats:
        """Of one person, loadings first: half the trace of the inverse's products with the slopes
        of the model's covariance, S = l l' + U."""
        inverse = np.linalg.inv(np.outer(self.loadings, self.loadings) + np.diag(self.uniquenesses))
        along = inverse @ self.loadings
        of_loadings = float(self.loadings @ along) * inverse + np.outer(along, along)
        both = inverse * along[:, np.newaxis]
        return np.block([[of_loadings, both.T], [both, inverse**2 / 2]])


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
        _scored(np.clip(start, _LEAST_UNIQUENESS, 1.0), correlation),
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


def _scored(unique: Floats, correlation: Floats) -> Floats:
    """Joreskog's own steps from a start, for as long as they gain: near the end each doubles the
    digits, where a search by slopes alone would take hundreds of steps for a long questionnaire.

    The second derivatives are taken as the squares of P - P l l' P / (l' P l), P the inverse of the
    uniquenesses (Lawley DN, Maxwell AE (1971). Factor analysis as a statistical method, ch. 4).
    """
    misfit, slope = _misfit(unique, correlation)
    for _ in range(_MOST_STEPS):
        if np.abs(slope).max() < 1e-10:
            break
        loadings = _loadings(unique, correlation)
        scaled = loadings / unique
        within = float(loadings @ scaled)
        if within <= 0:
            break
        curvature = (np.diag(1 / unique) - np.outer(scaled, scaled) / within) ** 2
        try:
            step = np.linalg.solve(curvature, slope)
        except np.linalg.LinAlgError:
            break
        moved = np.clip(unique - step, _LEAST_UNIQUENESS, 1.0)
        found, its_slope = _misfit(moved, correlation)
        if not found < misfit + 1e-14:
            break
        unique, misfit, slope = moved, found, its_slope
    return unique


def _scaled(unique: Floats, correlation: Floats) -> tuple[Floats, Floats]:
    root = np.sqrt(unique)
    values, vectors = np.linalg.eigh(correlation / np.outer(root, root))
    return values, vectors


def _loadings(unique: Floats, correlation: Floats) -> Floats:
    """The best loadings for these uniquenesses; their sum is not negative."""
    return _signed_loadings(unique, *_scaled(unique, correlation))


def _signed_loadings(unique: Floats, values: Floats, vectors: Floats) -> Floats:
    found = np.sqrt(unique) * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0))
    return np.asarray(found if found.sum() >= 0 else -found, dtype=np.float64)


def _misfit(unique: Floats, correlation: Floats) -> tuple[float, Floats]:
    """Minus the likelihood, up to constants, and its slope in the uniquenesses."""
    values, vectors = _scaled(unique, correlation)
    rest = values[:-1]
    loadings = _signed_loadings(unique, values, vectors)
    residual = loadings**2 + unique - np.diag(correlation)
    return float((rest - np.log(rest) - 1).sum()), residual / unique**2
