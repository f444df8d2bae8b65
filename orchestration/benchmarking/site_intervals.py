"""95 % intervals of a site's metrics, clients clustered in therapists.

marts.rpt_site_metrics gives a metric's value and its counts; how far it may be off depends on how
alike one therapist's clients are. That is estimated over all sites of one network (restricted
maximum likelihood, variance.py), because one site's three to twelve therapists say too little of
it, and put together as s² = σ²_therapist / J_eff + σ²_client / n.

- A mean of client means: a client's value is the client's mean.
- A share of units (numerators over denominators): a client's value is the residual numerator -
  share · denominator, in the linear approximation of a ratio (Cochran 1977, Sampling Techniques,
  section 6.3), divided by the site's mean denominator. Divided by sqrt(p (1 - p)) as well, so that
  sites with different shares can be pooled: what is estimated is one design effect (Kish 1965) for
  all of them. The interval is on the arcsine scale, where a share's error does not depend on it,
  and goes back to 0 to 1.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.benchmarking.funnel import Z_95
from orchestration.benchmarking.scales import Floats
from orchestration.benchmarking.variance import (
    Codes,
    VarianceComponents,
    clustered_standard_error,
    effective_therapists,
    estimate_variances,
)


@dataclass(frozen=True)
class SiteIntervals:
    """One entry a site, in the unit of the metric.

    NaN where a site has no client; standard error and bounds are NaN for every site where the
    network has not more clients than sites. A share of exactly 0 or 1 has a standard error of 0 and
    NaN bounds: the approximation ends there. `components` are those of the clients' values, for a
    share in units of the site's own p (1 - p); None where nothing could be estimated.
    """

    value: Floats
    standard_error: Floats
    lower95: Floats
    upper95: Floats
    components: VarianceComponents | None


def mean_intervals(site: Codes, therapist: Codes, values: Floats, n_sites: int) -> SiteIntervals:
    """Intervals of the sites' means: one entry a client, all of one network.

    `site` numbers sites from 0 to n_sites - 1, `therapist` is any code of the client's therapist; a
    therapist of two sites is two. Values have the metric's unit.

    Raises ValueError for arrays of different length, a value that is missing, or a site outside.
    """
    _require(site, therapist, values, n_sites)
    value, n_clients = _means(site, values, n_sites)
    error, components = _errors(site, therapist, values, n_clients)
    return SiteIntervals(value, error, value - Z_95 * error, value + Z_95 * error, components)


def share_intervals(
    site: Codes, therapist: Codes, numerators: Floats, denominators: Floats, n_sites: int
) -> SiteIntervals:
    """Intervals of the sites' shares, sum of numerators over sum of denominators (share, 0 to 1).

    One entry a client: of how many units (denominator, above 0) how many count (numerator).
    Otherwise as `mean_intervals`.

    Raises ValueError as `mean_intervals`, and for a numerator outside 0 to its denominator.
    """
    _require(site, therapist, numerators, n_sites)
    if denominators.shape != numerators.shape or not bool(np.all(denominators > 0)):
        raise ValueError("every client needs a denominator above 0")
    if bool(np.any((numerators < 0) | (numerators > denominators))):
        raise ValueError("a numerator lies outside 0 to its denominator")
    counted, n_clients = _means(site, numerators, n_sites)
    asked, _ = _means(site, denominators, n_sites)
    share = counted / asked
    spread = np.sqrt(share * (1 - share))
    varies = (spread > 0)[site]
    scale = np.where(varies, (spread * asked)[site], 1.0)
    residuals = (numerators - share[site] * denominators) / scale
    # Sites of 0 or 1 would say that clients do not differ at all.
    error, components = _errors(site[varies], therapist[varies], residuals[varies], n_clients)
    reach = Z_95 * error / 2
    angle = np.arcsin(np.sqrt(share))
    standard_error = np.where(spread == 0, 0.0, spread * error)
    lower = np.sin(np.clip(angle - reach, 0.0, np.pi / 2)) ** 2
    upper = np.sin(np.clip(angle + reach, 0.0, np.pi / 2)) ** 2
    return SiteIntervals(share, standard_error, lower, upper, components)


def _errors(
    site: Codes, therapist: Codes, values: Floats, n_clients: Floats
) -> tuple[Floats, VarianceComponents | None]:
    """Standard error of each site's mean; NaN for sites without an entry."""
    n_sites = n_clients.size
    if values.size <= np.unique(site).size:
        return np.full(n_sites, np.nan), None
    pairs, group = np.unique(np.column_stack([site, therapist]), axis=0, return_inverse=True)
    of_therapist = pairs[:, 0].astype(np.intp)
    means, n = _means(group.astype(np.intp), values, len(pairs))
    squares = np.bincount(group, weights=(values - means[group]) ** 2, minlength=len(pairs))
    components = estimate_variances(of_therapist, n, means, squares.astype(np.float64))
    effective = effective_therapists(of_therapist, n, n_sites)
    return clustered_standard_error(
        components, effective, np.where(n_clients > 0, n_clients, np.nan)
    ), components


def _means(group: Codes, values: Floats, n_groups: int) -> tuple[Floats, Floats]:
    n = np.bincount(group, minlength=n_groups).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.bincount(group, weights=values, minlength=n_groups) / n, n


def _require(site: Codes, therapist: Codes, values: Floats, n_sites: int) -> None:
    if not site.shape == therapist.shape == values.shape or site.ndim != 1:
        raise ValueError("a site, a therapist and a value per client are needed")
    if bool(np.isnan(values).any()):
        raise ValueError("a client without a value: leave out what is missing")
    if site.size and (int(site.min()) < 0 or int(site.max()) >= n_sites):
        raise ValueError(f"sites are numbered from 0 to {n_sites - 1}")
