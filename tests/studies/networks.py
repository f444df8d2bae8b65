"""Networks drawn from the variance model itself, as the marts would describe them.

Quick and without files: what the inference does when its assumptions hold. The whole way from
export to release is studied in truth_recovered.py.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestration.benchmarking.cells import CELL_COLUMNS, NETWORK_COLUMNS

Floats = NDArray[np.float64]

NETWORK = dict(
    zip(
        NETWORK_COLUMNS,
        ("srs", "3.0", "en", "client", "paper", "mean_score", "all", "2026"),
        strict=True,
    )
)


@dataclass(frozen=True)
class NetworkModel:
    """Shares of the variance of one client's mean, and the network's size (simulation reference).

    `planted` shifts the first sites, in SD; the others vary with `site_share`.
    """

    n_sites: int = 14
    n_clients: int = 3000
    mean: float = 35.8
    standard_deviation: float = 4.0
    site_share: float = 0.01
    therapist_share: float = 0.04
    planted: tuple[float, ...] = ()


@dataclass(frozen=True)
class DrawnNetwork:
    """Frames like the marts', and the sites' true means in their order."""

    therapists: pd.DataFrame
    sites: pd.DataFrame
    response_rates: pd.DataFrame
    truth: Floats


def draw_network(rng: np.random.Generator, model: NetworkModel) -> DrawnNetwork:
    """One network: sites of 3-12 therapists (mean 6.4) with unequal caseloads.

    A site's truth is the mean its therapists' population would give, not that of the therapists
    who happen to work there: that difference is what the standard error has to carry.
    """
    n_therapists = 3 + rng.binomial(9, 0.38, size=model.n_sites)
    site = np.repeat(np.arange(model.n_sites), n_therapists)
    caseload = rng.gamma(2.0, size=site.size)
    n = np.maximum(1, rng.multinomial(model.n_clients, caseload / caseload.sum()))
    scale = model.standard_deviation
    truth = model.mean + scale * np.sqrt(model.site_share) * rng.normal(size=model.n_sites)
    for number, shift in enumerate(model.planted):
        truth[number] = model.mean + shift * scale
    effect = scale * np.sqrt(model.therapist_share) * rng.normal(size=site.size)
    therapist = np.repeat(np.arange(site.size), n)
    rest = 1.0 - model.site_share - model.therapist_share
    noise = scale * np.sqrt(rest) * rng.normal(size=therapist.size)
    values = truth[site][therapist] + effect[therapist] + noise
    return _as_marts(site, therapist, values, truth)


def _as_marts(
    site: NDArray[np.intp], therapist: NDArray[np.intp], values: Floats, truth: Floats
) -> DrawnNetwork:
    names = np.array([f"site_{number:02d}" for number in range(truth.size)], dtype=object)
    clients = pd.DataFrame({"therapist": therapist, "site": site[therapist], "value": values})
    therapists = _statistics(clients, "therapist")
    therapists["site_id"] = names[site]
    therapists["therapist_key"] = [f"{number:032x}" for number in range(site.size)]
    sites = _statistics(clients, "site").assign(
        site_id=names,
        n_therapists=np.bincount(site),
        ceiling_share=0.1,
        top_therapist_form_share=0.5,
        n_clients_therapist_unknown=0,
        is_data_complete=True,
        is_dated_by_year=False,
    )
    rates = pd.DataFrame({"site_id": names}).assign(
        practice_id="practice",
        **{name: NETWORK[name] for name in NETWORK if name in _RESPONSE},
        response_rate=0.7,
        n_therapists_due=10,
        n_therapists_taking_part=9,
    )
    return DrawnNetwork(_placed(therapists), _placed(sites), rates, truth)


_RESPONSE = ("instrument_code", "version", "informant", "stage", "period")


def _statistics(clients: pd.DataFrame, by: str) -> pd.DataFrame:
    values = clients.groupby(by)["value"]
    return pd.DataFrame(
        {
            "n_clients": values.size(),
            "n_forms": values.size() * 5,
            "mean_of_client_means": values.mean(),
            "sum_of_squares": values.var(ddof=0) * values.size(),
        }
    ).reset_index(drop=True)


def _placed(frame: pd.DataFrame) -> pd.DataFrame:
    placed = frame.assign(practice_id="practice", **NETWORK)
    return placed[[*CELL_COLUMNS, *(name for name in placed.columns if name not in CELL_COLUMNS)]]
