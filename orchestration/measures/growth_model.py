"""Straight lines or parabolas over time, one a client, about a line of their site: REML.

Model of client c of therapist j in site s: y = phi(t)'(beta_s + b_c) + a_j + e, phi = (1, t, ...),
b_c ~ N(0, Sigma), a_j ~ N(0, sigma2_a), e ~ N(0, sigma2). Sites are fixed: what lies between them
is the question, and each has its own mean line whatever the others do. The variances are the
network's. It is lme4's `y ~ site*t + (t | client) + (1 | therapist)`; without therapists and with
one site `y ~ t + (t | client)`.

Bates et al. 2015, J Stat Softw 67(1): Sigma = sigma2 Lambda Lambda', sigma2_a = sigma2 lambda2, the
criterion profiled over all but Lambda and lambda. A client enters by its cross products alone (phi
phi', phi y); every client's few columns are eliminated at once, then every therapist's one, and
then every site's: a thousand sites' own coefficients never meet in one matrix, as they would in a
general program.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Floats, Ints, MeasureUndefined
from orchestration.measures.variance_search import lowest_point


@dataclass(frozen=True)
class GrowthModel:
    """Coefficients are of 1, t, t2 ... with t counted from `origin`.

    `between` is the clients' covariance matrix, `between_therapists` the variance of their levels,
    `residual` the variance of a form about its client's line; `sites` the codes given, ascending,
    `fixed` their coefficients (sites by columns) and `fixed_covariance` those coefficients'
    covariance. `is_singular`: some combination of the clients' coefficients has no variance.

    `n_therapists` counts those of all sites, a client without a known one for one; it is None where
    therapists cannot be told from clients (each has one) or were not given, and their variance is
    then 0 and stands in the clients'. `is_alone`: no site has two therapists, so that how much they
    differ cannot be told and the level's error lacks it.
    """

    sites: Ints
    fixed: Floats
    fixed_covariance: Floats
    between: Floats
    between_therapists: float
    n_therapists: int | None
    is_alone: bool
    residual: float
    criterion: float
    is_singular: bool


def fit_growth(
    site: Ints,
    client: Ints,
    time: Floats,
    value: Floats,
    *,
    degree: int,
    origin: float,
    therapist: Ints | None = None,
) -> GrowthModel:
    """One entry per form, none missing; a client or therapist code at two sites is one at each.

    `degree` 1 is a line, 2 a parabola. `therapist` is a code per form, below 0 where unknown: a
    client belongs to the known one of most of the client's forms (the lowest code of several), and
    without a known one stands alone. Without `therapist` clients are taken for independent.

    Raises MeasureUndefined when forms are too few, times too alike, or the values leave nothing for
    the residual.
    """
    products = _Products(site, client, time, value, degree, therapist)
    own = [row == column for row in range(degree + 1) for column in range(row + 1)]
    is_deviation = np.array([*own, True] if products.has_therapists else own, dtype=np.bool_)
    best = lowest_point(products.criterion, is_deviation, products.gradient)
    return products.model(best.theta, origin)


def main_therapists(unit: Ints, therapist: Ints, n_units: int) -> Ints:
    """The therapist of each of the units 0 to n_units - 1: the known one (a code from 0) of most of
    its entries, of several the lowest code; -1 for a unit without a known one."""
    known = therapist >= 0
    pairs, counts = np.unique(
        np.column_stack([unit[known], therapist[known]]), axis=0, return_counts=True
    )
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    owners, first = np.unique(pairs[order, 0], return_index=True)
    found = np.full(n_units, -1, dtype=np.int64)
    found[owners] = pairs[order[first], 1]
    return found


@dataclass(frozen=True)
class _Profile:
    """`within` is Z'A^-1 Z of each client, A being V over sigma2 without therapists, and `left`
    Z'A^-1 (y - X beta); `of_therapist` sums the former up, and `growth` is 1 + lambda2 1'A^-1 1."""

    criterion: float
    residual: float
    fixed: Floats
    information: Floats
    factor: Floats
    ratio: float
    within: Floats
    left: Floats
    of_therapist: Floats
    growth: Floats


class _Products:
    """Cross products of every client, of times and values made comparable in size."""

    def __init__(
        self,
        site: Ints,
        client: Ints,
        time: Floats,
        value: Floats,
        degree: int,
        therapist: Ints | None,
    ) -> None:
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
        owner = np.zeros(units.size, dtype=np.int64)
        owner[unit] = at_site
        unit = self._placed(unit, owner, therapist)
        self._square = np.empty((units.size, width, width))
        for row in range(width):
            for column in range(row + 1):
                sums = np.bincount(unit, powers[:, row] * powers[:, column])
                self._square[:, row, column] = self._square[:, column, row] = sums
        self._along = np.column_stack(
            [np.bincount(unit, powers[:, row] * scores) for row in range(width)]
        )
        self._total = float(scores @ scores)
        of_site = self._by_site(np.add.reduceat(self._square, self._first))
        if np.linalg.cond(of_site).max() > 1e12:
            raise MeasureUndefined("a site's forms stand at too few different times for its line")

    def _placed(self, unit: Ints, owner: Ints, therapist: Ints | None) -> Ints:
        """Clients numbered by site and therapist, so that a therapist's are side by side, and a
        site's; where therapists do not count, every client stands alone."""
        alone = np.arange(owner.size)
        group = alone
        if therapist is not None:
            found = main_therapists(unit, therapist, owner.size)
            group = np.where(found >= 0, found, int(found.max()) + 1 + alone)
        together = np.unique(np.column_stack([owner, group]), axis=0).shape[0]
        n_sites = self.sites.size
        self.is_alone = therapist is not None and together == n_sites
        self.has_therapists = n_sites < together < owner.size
        self._n_therapists = together if self.has_therapists else None
        if not self.has_therapists:
            group = alone
        order = np.lexsort((group, owner))
        self._site = owner[order]
        is_new = np.diff(group[order], prepend=-1) != 0
        is_new |= np.diff(self._site, prepend=-1) != 0
        self._first = np.flatnonzero(is_new)
        self._therapist = np.cumsum(is_new) - 1
        self._first_of_site = np.flatnonzero(np.diff(self._site[self._first], prepend=-1))
        place = np.empty(owner.size, dtype=np.int64)
        place[order] = alone
        return place[unit]

    def _by_site(self, of_therapist: Floats) -> Floats:
        return np.asarray(np.add.reduceat(of_therapist, self._first_of_site))

    def criterion(self, theta: Floats) -> float:
        """Minus twice the restricted log likelihood, up to the units of time and value."""
        return self._profile(theta).criterion

    def _profile(self, theta: Floats) -> _Profile:
        width = self._along.shape[1]
        factor = self._factor(theta)
        ratio = float(theta[-1] ** 2) if self.has_therapists else 0.0
        inner = factor.T @ self._square @ factor + np.eye(width)
        root = np.linalg.cholesky(inner)
        spread = factor @ np.linalg.solve(inner, np.broadcast_to(factor.T, inner.shape))
        pull = self._square @ spread
        within = self._square - pull @ self._square
        drawn = np.einsum("cij,cj->ci", spread, self._along)
        own = self._along - np.einsum("cij,cj->ci", self._square, drawn)
        # A therapist's column is the first of every client's: 1.
        of_therapist = np.add.reduceat(within, self._first)
        level = of_therapist[:, :, 0]
        growth = 1.0 + ratio * level[:, 0]
        shrunk = ratio / growth
        towards = np.add.reduceat(own, self._first)
        information = self._by_site(
            of_therapist - shrunk[:, None, None] * level[:, :, None] * level[:, None, :]
        )
        along = self._by_site(towards - (shrunk * towards[:, 0])[:, None] * level)
        fixed = np.linalg.solve(information, along[:, :, None])[:, :, 0]
        rest = (
            self._total
            - float(np.sum(self._along * drawn))
            - float(np.sum(shrunk * towards[:, 0] ** 2))
            - float(np.sum(along * fixed))
        )
        residual = max(rest, 1e-300) / self._freedom
        height = (
            2.0 * np.sum(np.log(np.diagonal(root, axis1=1, axis2=2)))
            + np.sum(np.log(growth))
            + np.sum(np.linalg.slogdet(information)[1])
            + self._freedom * (1.0 + np.log(2.0 * np.pi * residual))
        )
        left = own - np.einsum("cij,cj->ci", within, fixed[self._site])
        return _Profile(
            criterion=float(height),
            residual=residual,
            fixed=np.asarray(fixed, dtype=np.float64),
            information=information,
            factor=factor,
            ratio=ratio,
            within=within,
            left=left,
            of_therapist=of_therapist,
            growth=growth,
        )

    def _factor(self, theta: Floats) -> Floats:
        """Lambda, lower triangular; behind it theta holds lambda."""
        width = self._along.shape[1]
        factor = np.zeros((width, width))
        factor[np.tril_indices(width)] = theta[: width * (width + 1) // 2]
        return factor

    def gradient(self, theta: Floats) -> Floats:
        """Of the criterion, by theta.

        d = tr(P dV) - y'P dV P y / sigma2 with dV = Z (dL L' + L dL') Z' of the clients and
        2 lambda dlambda 1 1' of the therapists, X = Z at every client (Searle, Casella & McCulloch
        1992, Variance components, section 6.6).
        """
        profile = self._profile(theta)
        inverse = np.linalg.inv(profile.information)
        level = profile.of_therapist[:, :, 0]
        shrunk = profile.ratio / profile.growth
        left_of = np.add.reduceat(profile.left[:, 0], self._first)
        own_level = profile.within[:, :, 0]
        # Z'V^-1 X, Z'V^-1 Z summed, and Z'V^-1 (y - X beta) of the clients.
        drawn = own_level * shrunk[self._therapist][:, None]
        crossed = profile.within - drawn[:, :, None] * level[self._therapist][:, None, :]
        squares = profile.within.sum(axis=0) - drawn.T @ own_level
        left = profile.left - drawn * left_of[self._therapist][:, None]
        spent = np.einsum("cij,cjk,clk->il", crossed, inverse[self._site], crossed, optimize=True)
        whole = 2.0 * (squares - spent - left.T @ left / profile.residual) @ profile.factor
        own = np.asarray(whole[np.tril_indices(whole.shape[0])])
        if not self.has_therapists:
            return own
        shared = level / profile.growth[:, None]
        at_site = inverse[self._site[self._first]]
        traced = shared[:, 0].sum() - np.einsum("ji,jik,jk->", shared, at_site, shared)
        pulled = np.sum((left_of / profile.growth) ** 2) / profile.residual
        return np.append(own, 2.0 * theta[-1] * (traced - pulled))

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
        factor = profile.factor
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
            between_therapists=residual * profile.ratio,
            n_therapists=self._n_therapists,
            is_alone=self.is_alone,
            residual=residual,
            criterion=float(profile.criterion + units),
            is_singular=bool((np.diag(factor) == 0).any()),
        )
