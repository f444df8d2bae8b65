"""Variance between therapists and between clients, and the standard error of a site's mean.

Clients of one therapist resemble each other, so a site's mean is less certain than its number of
clients says. Model of one client's value y of therapist j in site i: y = site_i + b_j + e with
b_j ~ N(0, variance_therapist), e ~ N(0, variance_client); sites are fixed effects, because what
is between sites is the question and must not be shrunk away. It is fitted by restricted maximum
likelihood (Patterson & Thompson 1971, Biometrika 58:545) from each therapist's n, mean and sum of
squares, which are sufficient: no client's value is needed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

Separation = Literal["estimated", "zero", "not_separable"]
"""`estimated`: both variances positive or rightly 0. `zero`: the likelihood is highest with no
variance between therapists (the boundary, lme4's singular fit). `not_separable`: the data cannot
tell the two apart (no site with two therapists, or one client for every therapist)."""

# Intraclass correlations of the first look: a profile can have two peaks, and the bracket of the
# search must hold the higher one.
_GRID = np.concatenate([[0.0], np.geomspace(1e-6, 0.5, 16), 1.0 - np.geomspace(0.4, 1e-6, 8)])


@dataclass(frozen=True)
class VarianceComponents:
    """Result of the fit. Variances are in squared units of the value.

    `reml_criterion` is minus twice the restricted log likelihood, constants as in lme4; NaN when
    the client variance is 0. `sentence` says in plain words what the fit found.
    """

    variance_therapist: float
    variance_client: float
    n_sites: int
    n_therapists: int
    n_clients: int
    separation: Separation
    reml_criterion: float

    @property
    def sentence(self) -> str:
        """What the fit found, for someone who reads no likelihoods."""
        if self.separation == "not_separable":
            return (
                "Differences between therapists cannot be told from differences between clients "
                "here: all variation is counted as variation between clients."
            )
        if self.separation == "zero":
            return (
                "No variation between therapists was found beyond what their clients' differences "
                "explain; it was set to zero, which does not show that there is none."
            )
        return "Variation between therapists and between clients was estimated from the data."


def estimate_variances(
    site: Codes, n_clients: Floats, means: Floats, sums_of_squares: Floats
) -> VarianceComponents:
    """Restricted maximum likelihood of therapist-within-site and client variance.

    One entry per therapist: `site` any integer code, `n_clients` >= 1, mean and sum of squared
    deviations from it over that therapist's clients. With lambda = variance_therapist /
    variance_client the site means are weighted by n/(1 + lambda n) and the criterion is profiled
    over everything but lambda (Bates et al. 2015, J Stat Softw 67(1), section 3.4, in closed form
    for one nested grouping).

    Raises ValueError when there are not more clients than sites.
    """
    codes, site_index = np.unique(site, return_inverse=True)
    n_sites, n_therapists = codes.size, n_clients.size
    n_total = float(n_clients.sum())
    if n_total <= n_sites:
        raise ValueError("variances need more clients than sites")
    profile = _Profile(site_index, n_sites, n_clients, means, sums_of_squares)

    def components(
        therapist: float, client: float, separation: Separation, criterion: float
    ) -> VarianceComponents:
        n = int(n_total)
        return VarianceComponents(
            therapist, client, n_sites, n_therapists, n, separation, criterion
        )

    plain = profile.client_variance(0.0)
    if n_therapists == n_sites or bool(np.all(n_clients == 1)):
        return components(0.0, plain, "not_separable", profile.criterion(0.0))
    # Tested against the whole spread, not against 0: sums of squares carry rounding errors.
    if plain <= 0.0 or float(sums_of_squares.sum()) <= 1e-12 * plain * n_total:
        between = profile.between_therapists() / (n_therapists - n_sites)
        return components(between, 0.0, "zero" if between == 0.0 else "estimated", float("nan"))
    icc = _lowest(profile)
    ratio = icc / (1.0 - icc)
    client = profile.client_variance(ratio)
    separation: Separation = "zero" if icc == 0.0 else "estimated"
    return components(ratio * client, client, separation, profile.criterion(ratio))


def effective_therapists(site: Codes, n_clients: Floats, n_sites: int) -> Floats:
    """J_eff = (sum n_j)2 / sum n_j2 for each site code 0..n_sites-1; NaN for a site without rows.

    The number of equally busy therapists whose clients' mean would be as uncertain.
    """
    totals = np.bincount(site, weights=n_clients, minlength=n_sites)
    squares = np.bincount(site, weights=n_clients**2, minlength=n_sites)
    with np.errstate(invalid="ignore"):
        return np.asarray(totals**2 / squares, dtype=np.float64)


def clustered_standard_error(
    components: VarianceComponents, therapists_effective: Floats, n_clients: Floats
) -> Floats:
    """Standard error of each site's mean of client means, in the unit of the value.

    s2 = variance_therapist / J_eff + variance_client / n, exact for a mean that weights every
    client alike.
    """
    return np.asarray(
        np.sqrt(
            components.variance_therapist / therapists_effective
            + components.variance_client / n_clients
        ),
        dtype=np.float64,
    )


def design_effects(
    components: VarianceComponents, site: Codes, n_clients: Floats, n_sites: int
) -> Floats:
    """By how much clustering in therapists multiplies the variance of each site's mean.

    1 + icc (sum n_j2 / sum n_j - 1), icc = variance_therapist over both variances: the clustered
    s2 divided by (variance_therapist + variance_client)/n (Kish 1965, Survey Sampling, 5.4, with
    unequal clusters). 1 when there is no variance at all; NaN for a site without rows.
    """
    both = components.variance_therapist + components.variance_client
    icc = components.variance_therapist / both if both > 0.0 else 0.0
    totals = np.bincount(site, weights=n_clients, minlength=n_sites)
    per_therapist = totals / effective_therapists(site, n_clients, n_sites)
    return np.asarray(1.0 + icc * (per_therapist - 1.0), dtype=np.float64)


def independent_standard_error(n_clients: Floats, sums_of_squares: Floats) -> Floats:
    """SD/sqrt(n) of each site: the client rule, for sites whose therapists are unknown.

    It takes clients for independent and is therefore too small (with therapists at 4 % of the
    variance a 95 % interval from it covers about 76 %): whatever carries it is marked, never
    flagged. NaN below two clients.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(sums_of_squares / (n_clients - 1) / n_clients), dtype=np.float64)


class _Profile:
    """The restricted likelihood as a function of lambda alone."""

    def __init__(
        self,
        site: Codes,
        n_sites: int,
        n_clients: Floats,
        means: Floats,
        squares: Floats,
    ) -> None:
        self._site = site
        self._n_sites = n_sites
        self._n = n_clients
        self._means = means - self._site_means(site, n_sites, n_clients, means)
        self._within = float(squares.sum())
        self._freedom = float(n_clients.sum()) - n_sites

    @staticmethod
    def _site_means(site: Codes, n_sites: int, weights: Floats, values: Floats) -> Floats:
        totals = np.bincount(site, weights=weights * values, minlength=n_sites)
        return np.asarray(
            (totals / np.bincount(site, weights=weights, minlength=n_sites))[site],
            dtype=np.float64,
        )

    def _squares(self, weights: Floats) -> float:
        centres = self._site_means(self._site, self._n_sites, weights, self._means)
        return float(np.sum(weights * (self._means - centres) ** 2))

    def client_variance(self, ratio: float) -> float:
        """The client variance that is best given lambda."""
        weights = self._n / (1.0 + ratio * self._n)
        return (self._within + self._squares(weights)) / self._freedom

    def criterion(self, ratio: float) -> float:
        """Minus twice the restricted log likelihood, up to nothing (as lme4 prints it)."""
        spread = 1.0 + ratio * self._n
        information = np.bincount(self._site, weights=self._n / spread, minlength=self._n_sites)
        return float(
            np.sum(np.log(spread))
            + np.sum(np.log(information))
            + self._freedom * (1.0 + np.log(2.0 * np.pi * self.client_variance(ratio)))
        )

    def between_therapists(self) -> float:
        """Squares of therapist means about their site's, each therapist counting once."""
        return self._squares(np.ones_like(self._n))


def _lowest(profile: _Profile) -> float:
    """Intraclass correlation lambda/(1+lambda) in [0, 1) with the lowest criterion."""

    def height(icc: float) -> float:
        return profile.criterion(icc / (1.0 - icc))

    best = int(np.argmin([height(float(icc)) for icc in _GRID]))
    if best == 0:
        return 0.0
    low, high = float(_GRID[best - 1]), float(_GRID[min(best + 1, _GRID.size - 1)])
    found = minimize_scalar(height, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    return float(found.x)
