"""How good a case-mix model is: what it explains, and whether what it expects comes true.

Everything within sites is in deviations from the site's mean: between sites the model is not meant
to explain anything but case mix.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.benchmarking.case_mix import FEWEST_CLIENTS_PER_COLUMN, CaseMixModel
from orchestration.benchmarking.case_mix_covariates import Clients, columns_of
from orchestration.benchmarking.variance import Codes, Floats
from orchestration.benchmarking.within_sites import expected_of
from orchestration.measures.arrays import Estimate

N_GROUPS = 10
_Z_95 = 1.959964


@dataclass(frozen=True)
class Decile:
    """Clients by what is expected of them, lowest first; means in units of the value, as deviations
    from the clients' own sites."""

    n_clients: int
    expected: float
    observed: float


@dataclass(frozen=True)
class Quality:
    """`r2_within`: share of the variance of clients of a site that the covariates explain.
    `r2_between`: the same of the variance of the sites' means, sites weighted by clients: 1 - that
    of the adjusted means over that of the raw ones, below 0 where adjusting widens the differences.

    `slope`: of observed on expected where the expectation comes from the other half of the sites; 1
    when it is as good there, below 1 when the model claims too much. None where half of the sites
    carry no model. The intercept is 0 by construction, sites being fixed.
    """

    r2_within: float
    r2_between: float
    slope: Estimate | None
    deciles: tuple[Decile, ...]
    n_clients: int


def model_quality(model: CaseMixModel, clients: Clients) -> Quality:
    """Of the clients that the model was fitted on."""
    site, n_sites = clients.site, clients.n_sites
    matrix = columns_of(model.coding, clients)
    expected = expected_of(model.within, matrix, site, n_sites, is_error_removed=True)
    away = expected.values - expected.site_means[site]
    n = np.maximum(np.bincount(site, minlength=n_sites), 1)
    raw = np.bincount(site, weights=clients.value, minlength=n_sites) / n
    observed = clients.value - raw[site]
    predicted = away @ model.coefficients
    whole = float(observed @ observed)
    between = expected.site_means @ model.coefficients
    return Quality(
        r2_within=1 - float(((observed - predicted) ** 2).sum()) / whole if whole else float("nan"),
        r2_between=_explained(raw, between, np.bincount(site, minlength=n_sites)),
        slope=_slope(clients.site, away[:, ~model.is_dropped], observed),
        deciles=_deciles(predicted, observed),
        n_clients=int(site.size),
    )


def _deciles(predicted: Floats, observed: Floats) -> tuple[Decile, ...]:
    """Groups as equal as the order of the expectations allows."""
    order = np.argsort(predicted, kind="stable")
    return tuple(
        Decile(int(part.size), float(predicted[part].mean()), float(observed[part].mean()))
        for part in np.array_split(order, min(N_GROUPS, max(order.size, 1)))
        if part.size
    )


def _slope(site: Codes, away: Floats, observed: Floats) -> Estimate | None:
    """Cross-fitted: coefficients of every second site, tried on the others; sandwich over sites.

    Least squares within sites: therapists would make the coefficients a little surer, no other.
    """
    is_first = np.isin(site, np.unique(site)[::2])
    predicted = np.empty(observed.size)
    for part in (is_first, ~is_first):
        x, y = away[~part], observed[~part]
        if len(x) - np.unique(site[~part]).size < FEWEST_CLIENTS_PER_COLUMN * away.shape[1]:
            return None
        coefficients = np.linalg.lstsq(x.T @ x, x.T @ y, rcond=1e-10)[0]
        predicted[part] = away[part] @ coefficients
    spread = float(predicted @ predicted)
    if spread <= 1e-12 * float(observed @ observed):
        return None
    value = float(predicted @ observed) / spread
    pull = np.bincount(site, weights=predicted * (observed - value * predicted))
    error = float(np.sqrt((pull**2).sum())) / spread
    return Estimate(value, error, value - _Z_95 * error, value + _Z_95 * error)


def _explained(raw: Floats, expected: Floats, n: Codes) -> float:
    """Share of the variance of `raw` that goes when `expected` is taken off."""
    weight = n / n.sum()
    adjusted = raw - expected
    before, after = (float(weight @ (each - weight @ each) ** 2) for each in (raw, adjusted))
    return 1 - after / before if before > 0 else float("nan")
