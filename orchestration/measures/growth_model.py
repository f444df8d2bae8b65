"""Straight lines or parabolas over time, one a client, about a line of their site: REML.

Model of client c of site s: y = phi(t)'(beta_s + b_c) + e, phi = (1, t, ...), b_c ~ N(0, Sigma), e
~ N(0, sigma2). Sites are fixed: what lies between them is the question, and each has its own mean
line whatever the others do. Sigma and sigma2 are the network's. It is lme4's `y ~ site*t + (t |
client)`; with one site `y ~ t + (t | client)`.

Bates et al. 2015, J Stat Softw 67(1): Sigma = sigma2 Lambda Lambda', the criterion profiled over
all but Lambda. A client enters by its cross products alone (phi phi', phi y), every client's few
columns are eliminated at once, and then every site's: a thousand sites' own coefficients never meet
in one matrix, as they would in a general program.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Floats, Ints, MeasureUndefined
from orchestration.measures.variance_search import lowest_point


@dataclass(frozen=True)
class GrowthModel:
    """Coefficients are of 1, t, t2 ... with t counted from `origin`.

    `between` is the clients' covariance matrix, `residual` the variance of a form about its
    client's line; `sites` the codes given, ascending, `fixed` their coefficients (sites by columns)
    and `fixed_covariance` those coefficients' covariance. `is_singular`: some combination of the
    clients' coefficients has no variance.
    """

    sites: Ints
    fixed: Floats
    fixed_covariance: Floats
    between: Floats
    residual: float
    criterion: float
    is_singular: bool


def fit_growth(
    site: Ints, client: Ints, time: Floats, value: Floats, *, degree: int, origin: float
) -> GrowthModel:
    """One entry per form, none missing; a client code at two sites is a client at each.

    `degree` 1 is a line, 2 a parabola. Raises MeasureUndefined when forms are too few, times too
    alike, or the values leave nothing for the residual.
    """
    products = _Products(site, client, time, value, degree)
    is_deviation = np.array(
        [row == column for row in range(degree + 1) for column in range(row + 1)], dtype=np.bool_
    )
    best = lowest_point(products.criterion, is_deviation, products.gradient)
    return products.model(best.theta, origin)


@dataclass(frozen=True)
class _Profile:
    """`within` is Z'V^-1 Z of each client and `left` Z'V^-1 (y - X beta), V over sigma2."""

    criterion: float
    residual: float
    fixed: Floats
    information: Floats
    factor: Floats
    within: Floats
    left: Floats


class _Products:
    """Cross products of every client, of times and values made comparable in size."""

    def __init__(self, site: Ints, client: Ints, time: Floats, value: Floats, degree: int) -> None:
        self.sites, at_site = np.unique(site, return_inverse=True)
        _, at_client = np.unique(client, return_inverse=True)
        units, unit = np.unique(
            at_site * (int(at_client.max(initial=0)) + 1) + at_client, return_inverse=True
        )
        n, n_sites, width = value.size, self.sites.size, degree + 1
        self._freedom = n - width * n_sites
        spread = float(time.std()) if n else 0.0
        if self._freedom <= 0 or spread == 0:
            raise MeasureUndefined(f"{n} forms at {n_sites} sites are too few for lines over time")
        self._mean, self._spread = float(time.mean()), spread
        self._middle = float(value.mean())
        self._scale = float(value.std())
        if self._scale == 0:
            raise MeasureUndefined("all forms have the same value")
        powers = np.vander((time - self._mean) / spread, width, increasing=True)
        scores = (value - self._middle) / self._scale
        # Units are numbered by site first, so that a site's are side by side.
        owner = np.zeros(units.size, dtype=np.int64)
        owner[unit] = at_site
        self._site = owner
        self._first = np.flatnonzero(np.diff(owner, prepend=-1))
        self._square = np.empty((units.size, width, width))
        for row in range(width):
            for column in range(row + 1):
                sums = np.bincount(unit, powers[:, row] * powers[:, column])
                self._square[:, row, column] = self._square[:, column, row] = sums
        self._along = np.column_stack(
            [np.bincount(unit, powers[:, row] * scores) for row in range(width)]
        )
        self._total = float(scores @ scores)
        if np.linalg.cond(np.add.reduceat(self._square, self._first)).max() > 1e12:
            raise MeasureUndefined("a site's forms stand at too few different times for its line")

    def criterion(self, theta: Floats) -> float:
        """Minus twice the restricted log likelihood, up to the units of time and value."""
        return self._profile(theta).criterion

    def _profile(self, theta: Floats) -> _Profile:
        width = self._along.shape[1]
        factor = np.zeros((width, width))
        factor[np.tril_indices(width)] = theta
        inner = factor.T @ self._square @ factor + np.eye(width)
        root = np.linalg.cholesky(inner)
        spread = factor @ np.linalg.solve(inner, np.broadcast_to(factor.T, inner.shape))
        pull = self._square @ spread
        within = self._square - pull @ self._square
        information = np.add.reduceat(within, self._first)
        drawn = np.einsum("cij,cj->ci", spread, self._along)
        own = self._along - np.einsum("cij,cj->ci", self._square, drawn)
        along = np.add.reduceat(own, self._first)
        fixed = np.linalg.solve(information, along[:, :, None])[:, :, 0]
        rest = self._total - float(np.sum(self._along * drawn)) - float(np.sum(along * fixed))
        residual = max(rest, 1e-300) / self._freedom
        height = (
            2.0 * np.sum(np.log(np.diagonal(root, axis1=1, axis2=2)))
            + np.sum(np.linalg.slogdet(information)[1])
            + self._freedom * (1.0 + np.log(2.0 * np.pi * residual))
        )
        left = own - np.einsum("cij,cj->ci", within, fixed[self._site])
        return _Profile(float(height), residual, fixed, information, factor, within, left)

    def gradient(self, theta: Floats) -> Floats:
        """Of the criterion, by theta.

        d = tr(P dV) - y'P dV P y / sigma2 with dV = Z (dL L' + L dL') Z' and X = Z at every client
        (Searle, Casella & McCulloch 1992, Variance components, section 6.6).
        """
        profile = self._profile(theta)
        inverse = np.linalg.inv(profile.information)
        spent = np.einsum(
            "cij,cjk,ckl->il", profile.within, inverse[self._site], profile.within, optimize=True
        )
        traced = profile.within.sum(axis=0) - spent
        squared = profile.left.T @ profile.left / profile.residual
        whole = 2.0 * (traced - squared) @ profile.factor
        return np.asarray(whole[np.tril_indices(whole.shape[0])])

    def model(self, theta: Floats, origin: float) -> GrowthModel:
        """The fit at `theta`, in the units of time and value that were given."""
        profile = self._profile(theta)
        width = self._along.shape[1]
        # (1, t - origin, ...) is this matrix times (1, scaled t, ...).
        shift = (self._mean - origin) / self._spread
        forward = np.zeros((width, width))
        for power in range(width):
            line = np.polynomial.polynomial.polypow([shift, 1.0], power)
            forward[power, : line.size] = line * self._spread**power
        back = np.linalg.inv(forward).T
        factor = np.zeros((width, width))
        factor[np.tril_indices(width)] = theta
        residual = profile.residual * self._scale**2
        fixed = self._scale * profile.fixed @ back.T
        fixed[:, 0] += self._middle
        covariance = residual * back @ np.linalg.inv(profile.information) @ back.T
        units = 2.0 * self.sites.size * np.log(np.linalg.det(forward))
        units += 2.0 * self._freedom * np.log(self._scale)
        return GrowthModel(
            sites=self.sites,
            fixed=fixed,
            fixed_covariance=np.asarray(covariance),
            between=np.asarray(residual * back @ factor @ factor.T @ back.T),
            residual=residual,
            criterion=float(profile.criterion + units),
            is_singular=bool((np.diag(factor) == 0).any()),
        )
