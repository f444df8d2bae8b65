"""Case mix: what alliance a site's clients would have in the network, and the site against that.

Model: a client's mean score = site + b covariates + therapist + rest, therapists random within
sites. Sites are fixed while b is estimated: with sites random, or left out, a site that is better
than others and has the easier clients would make the clients' ease look like the reason (Mundlak
1978, Econometrica 46:69; Raudenbush & Willms 1995, J Educ Behav Stat 20:307; for providers of care
Kalbfleisch & Wolfe 2013, Stat Biosci 5:286). The fit is the project's mixed model
(measures/crossed_intercepts.py) with the sites' variance held so large that nothing is shrunk.

Indirect standardisation, as in the English patient-reported outcome measures (Nuttall, Parkin &
Devlin 2015, Health Econ 24:41): adjusted = observed - expected + network mean, where expected =
network mean + b (the site's mean covariates - the network's). Differences between adjusted values
are differences between the sites' own parts; raw stands beside them, always.

Gaps and measurement error of covariates: within_sites.py. A covariate that does not vary within a
site cannot be told from the site there: no adjusted value, COVARIATE_NOT_IDENTIFIABLE.

What it cannot do: covariates nobody recorded; covariates that are part of what the site does (a
site that keeps its clients longer is adjusted for that); an effect that differs between sites.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.benchmarking.case_mix_covariates import (
    Clients,
    Coding,
    code_covariates,
    columns_of,
    is_constant,
    is_missing,
    share_missing,
)
from orchestration.benchmarking.variance import (
    Codes,
    Floats,
    VarianceComponents,
    clustered_standard_error,
    effective_therapists,
    estimate_variances,
)
from orchestration.benchmarking.within_sites import (
    Expected,
    WithinSites,
    estimate_within,
    expected_of,
)
from orchestration.measures.arrays import Bools, Estimate, MeasureUndefined
from orchestration.measures.crossed_intercepts import CrossedIntercepts
from orchestration.measures.fixed_design import independent_columns
from orchestration.measures.variance_search import lowest_point

FEWEST_SITES = 3
FEWEST_CLIENTS_PER_COLUMN = 10
"""Clients beyond the sites for every coefficient (Harrell 2015, Regression Modeling Strategies,
4.4: 10 to 20)."""
LEAST_RELIABILITY = 0.3
"""Of a noisy covariate among like clients: below it most of what is corrected for is a guess."""
COVARIATE_NOT_IDENTIFIABLE = "covariate_not_identifiable"

_FIXED = 1e3
"""A site's standard deviation over the residual's at which sites are as good as fixed: a mean of n
clients keeps all but 1e-6 / n of itself."""
_Z_95 = 1.959964


@dataclass(frozen=True)
class CaseMixModel:
    """`coefficients` belong to `coding.columns`, in units of the value for one of the column's;
    0 with no variance where `is_dropped` (the columns before it determine it within sites).

    Variances are squared units of the value: between therapists of a site, and of one client.
    """

    coding: Coding
    within: WithinSites
    coefficients: Floats
    covariance: Floats
    is_dropped: Bools
    variance_therapist: float
    variance_client: float
    n_sites: int
    n_therapists: int
    n_clients: int
    n_therapist_unknown: int

    def estimates(self) -> list[Estimate]:
        """Coefficients with normal 95 % intervals; those of filled gaps are a little narrow."""
        errors = np.sqrt(np.diag(self.covariance))
        return [
            Estimate(value, error, value - _Z_95 * error, value + _Z_95 * error)
            for value, error in zip(self.coefficients.tolist(), errors.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class Adjusted:
    """One entry a site, in units of the value; NaN where a site has no client.

    `expected`, `adjusted` and `adjusted_standard_error` are NaN for a site with a covariate that
    is not identifiable there (`not_identifiable`: sites by covariates). `network_mean` is that of
    the clients of the other sites. The standard error is the funnel's, sqrt(therapists / J_eff +
    clients / n), of the adjusted values, and that of the coefficients besides.

    `client_values`: each client's own adjusted value, whose mean over a site is `adjusted`;
    `client_expected` the client's expectation; NaN likewise.
    """

    raw: Floats
    expected: Floats
    adjusted: Floats
    adjusted_standard_error: Floats
    n_clients: Floats
    network_mean: float
    not_identifiable: Bools
    share_missing: Floats
    client_values: Floats
    client_expected: Floats
    components: VarianceComponents | None


def fit_case_mix(clients: Clients) -> CaseMixModel:
    """Coefficients of the covariates, within sites, therapists random.

    Clients without a known therapist give none. Raises MeasureUndefined when there are fewer than
    FEWEST_SITES sites with known therapists, no covariate, too few clients for the covariates, or a
    covariate's error leaves too little of it. Its words go out with a release: they hold no count.
    """
    coding = code_covariates(clients)
    if not coding.covariates:
        raise MeasureUndefined("no covariate is known and varies")
    matrix = columns_of(coding, clients)
    within = estimate_within(matrix, clients.site, clients.n_sites, coding.error_variance)
    noisy = coding.error_variance > 0
    if bool(np.any(within.reliability[noisy] < LEAST_RELIABILITY)):
        noisiest = int(np.flatnonzero(noisy & (within.reliability < LEAST_RELIABILITY))[0])
        name = coding.columns[noisiest]
        raise MeasureUndefined(f"{name}: its measurement error is most of what differs in it")
    expected = expected_of(within, matrix, clients.site, clients.n_sites, is_error_removed=True)
    return _fitted(coding, within, expected, clients)


def _fitted(
    coding: Coding, within: WithinSites, expected: Expected, clients: Clients
) -> CaseMixModel:
    used = clients.therapist >= 0
    away = expected.values - expected.site_means[clients.site]
    data = _Within.of(clients, away, used)
    best = data.lowest()
    coefficients, covariance, residual = data.solve(best)
    return CaseMixModel(
        coding,
        within,
        coefficients,
        covariance,
        ~data.kept,
        float(best[0] ** 2 * residual) if best.size == 2 else 0.0,
        residual,
        data.n_sites,
        data.n_therapists,
        int(used.sum()),
        int((~used).sum()),
    )


@dataclass(frozen=True)
class _Within:
    """The fit's data: `kept` columns vary within sites and are not determined by others."""

    model: CrossedIntercepts
    kept: Bools
    scale: Floats
    n_sites: int
    n_therapists: int
    is_of_sites_alone: bool

    @classmethod
    def of(cls, clients: Clients, away: Floats, used: Bools) -> "_Within":
        value, site, away = clients.value[used], clients.site[used], away[used]
        sites, place = np.unique(site, return_inverse=True)
        n, n_columns = away.shape
        if sites.size < FEWEST_SITES:
            raise MeasureUndefined("too few sites with known therapists")
        if n - sites.size < FEWEST_CLIENTS_PER_COLUMN * n_columns:
            raise MeasureUndefined("too few clients for the number of coefficients")
        _, therapist = _therapists_of_sites(site, clients.therapist[used])
        n_therapists = int(therapist.max()) + 1
        scale = np.sqrt((away**2).mean(axis=0))
        kept = scale > 1e-9
        kept[kept] = independent_columns(away[:, kept])
        if not kept.any():
            raise MeasureUndefined("no covariate varies within a site")
        x = np.column_stack([np.ones(n), away[:, kept] / scale[kept]])
        groups = [therapist.astype(np.int64), place.astype(np.int64)]
        # Therapists that cannot be told from sites or from clients: sites alone.
        alone = n_therapists in (sites.size, n)
        model = CrossedIntercepts(
            value, x, groups[1:] if alone else groups, n_fixed_labels=int(sites.size)
        )
        return cls(model, kept, scale, int(sites.size), n_therapists, alone)

    def lowest(self) -> Floats:
        """The best theta, therapists first, sites fixed."""
        if self.is_of_sites_alone:
            return np.array([_FIXED])
        best = lowest_point(
            lambda theta: self.model.criterion(np.array([theta[0], _FIXED])),
            np.ones(1, dtype=np.bool_),
        )
        return np.array([best.theta[0], _FIXED])

    def solve(self, theta: Floats) -> tuple[Floats, Floats, float]:
        """Coefficients of all columns, their covariance, and the residual's variance."""
        found = self.model.solve(theta)
        scale, n_columns = self.scale[self.kept], self.kept.size
        coefficients, covariance = np.zeros(n_columns), np.zeros((n_columns, n_columns))
        coefficients[self.kept] = found.fixed[1:] / scale
        spread = found.fixed_spread[1:, 1:] * found.residual / np.outer(scale, scale)
        covariance[np.ix_(self.kept, self.kept)] = spread
        return coefficients, covariance, found.residual


def _therapists_of_sites(site: Codes, therapist: Codes) -> tuple[Codes, Codes]:
    """Each therapist's site (one of two sites is two), and each client's therapist."""
    base = int(therapist.max()) + 1
    pairs, place = np.unique(
        site.astype(np.int64) * base + therapist.astype(np.int64), return_inverse=True
    )
    return (pairs // base).astype(np.intp), place.astype(np.intp)


def adjust(
    model: CaseMixModel, clients: Clients, not_identifiable: Bools | None = None
) -> Adjusted:
    """Raw and adjusted values of the sites of these clients, of the same network as the model's or
    of another period of it.

    `not_identifiable`: sites by covariates, as found in the longest period; without it these
    clients decide. A site that had one mode by chance for some months has more than one.
    """
    site, n_sites = clients.site, clients.n_sites
    matrix = columns_of(model.coding, clients)
    expected = expected_of(model.within, matrix, site, n_sites, is_error_removed=False)
    n = np.bincount(site, minlength=n_sites).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = np.bincount(site, weights=clients.value, minlength=n_sites) / n
    if not_identifiable is None:
        not_identifiable = is_constant(model.coding, matrix, site, n_sites)
    is_adjusted = ~not_identifiable.any(axis=1) & (n > 0)
    of_client = is_adjusted[site]
    network_mean = float(clients.value[of_client].mean()) if of_client.any() else float("nan")
    weight = np.where(is_adjusted, n, 0.0)
    middle = weight @ expected.site_means / max(weight.sum(), 1.0)
    distance = expected.site_means - middle
    of_site = np.where(is_adjusted, network_mean + distance @ model.coefficients, np.nan)
    own = network_mean + (expected.values - middle) @ model.coefficients
    values = np.where(of_client, clients.value - own + network_mean, np.nan)
    error, components = _errors(site, clients.therapist, values, n, of_client)
    uncertain = np.einsum("ij,jk,ik->i", distance, model.covariance, distance)
    return Adjusted(
        raw=raw,
        expected=of_site,
        adjusted=raw - of_site + network_mean,
        adjusted_standard_error=np.where(is_adjusted, np.sqrt(error**2 + uncertain), np.nan),
        n_clients=n,
        network_mean=network_mean,
        not_identifiable=not_identifiable & (n > 0)[:, None],
        share_missing=share_missing(is_missing(model.coding, matrix), site, n_sites),
        client_values=values,
        client_expected=np.where(of_client, own, np.nan),
        components=components,
    )


def _errors(
    site: Codes, therapist: Codes, values: Floats, n_clients: Floats, is_adjusted: Bools
) -> tuple[Floats, VarianceComponents | None]:
    """Standard errors of the sites' means as the funnel has them (network.py)."""
    n_sites = n_clients.size
    used = is_adjusted & (therapist >= 0)
    if int(used.sum()) <= np.unique(site[used]).size:
        return np.full(n_sites, np.nan), None
    of_therapist, group = _therapists_of_sites(site[used], therapist[used])
    n = np.bincount(group).astype(np.float64)
    means = np.bincount(group, weights=values[used]) / n
    squares = np.bincount(group, weights=(values[used] - means[group]) ** 2).astype(np.float64)
    components = estimate_variances(of_therapist, n, means, squares)
    effective = effective_therapists(of_therapist, n, n_sites)
    clients = np.where(n_clients > 0, n_clients, np.nan)
    return clustered_standard_error(components, effective, clients), components
