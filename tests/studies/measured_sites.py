"""Intervals around the sites' metrics of a warehouse: the marts' values, the product's intervals.

What a release does with one metric: clients and their therapists out of int_units_measured, their
intervals from orchestration/benchmarking/site_intervals.py. The value must be the mart's own.
"""

from typing import Any, Literal

import duckdb
import numpy as np
import pandas as pd

from orchestration.benchmarking.site_intervals import mean_intervals, share_intervals

_CLIENTS = """
select site_id, client_key, therapist_key, count(denominator) as n,
    sum(numerator) as numerator, sum(denominator) as denominator
from intermediate.int_units_measured
where metric = ? and practice_id like ? and denominator is not null
    and instrument_code is not distinct from ? and version is not distinct from ?
    and informant is not distinct from ? and month_on in (
        select month_on from intermediate.int_periods_closed where period = 'all'
    )
group by all
"""
_PUBLISHED = """
select site_id, value, n_clients, n_therapists
from marts.rpt_site_metrics
where metric = ? and practice_id like ?
    and instrument_code is not distinct from ? and version is not distinct from ?
    and informant is not distinct from ? and stratum_kind = 'all' and period = 'all'
    and value is not null
"""
FEWEST_CLIENTS, FEWEST_THERAPISTS = 11, 3
"""Smaller cells are never shown."""


def site_intervals(
    con: duckdb.DuckDBPyConnection,
    metric: str,
    kind: Literal["mean", "share"],
    form: tuple[str, str, str],
    practices: str = "%",
) -> pd.DataFrame:
    """One row a site that may be shown: site_id, value, lower95, upper95.

    `form` is instrument, version and informant; there may be one language of it. AssertionError
    where a value is not the mart's.
    """
    where: list[Any] = [metric, practices, *form]
    clients = con.execute(_CLIENTS, where).df()
    published = con.execute(_PUBLISHED, where).df()
    assert published["site_id"].is_unique, "more than one language"
    names = np.sort(clients["site_id"].unique())
    # A client of two therapists is one client, and goes with the one of more units.
    clients = clients.sort_values(["site_id", "client_key", "n", "therapist_key"])
    people = clients.groupby(["site_id", "client_key"], as_index=False).agg(
        numerator=("numerator", "sum"),
        denominator=("denominator", "sum"),
        therapist=("therapist_key", "last"),
    )
    site = np.searchsorted(names, people["site_id"].to_numpy())
    therapist = people["therapist"].astype(str).factorize()[0].astype(np.intp)
    numerator = people["numerator"].to_numpy(dtype=np.float64)
    denominator = people["denominator"].to_numpy(dtype=np.float64)
    if kind == "mean":
        found = mean_intervals(site, therapist, numerator / denominator, names.size)
    else:
        found = share_intervals(site, therapist, numerator, denominator, names.size)
    table = pd.DataFrame(
        {
            "site_id": names,
            "value": found.value,
            "lower95": found.lower95,
            "upper95": found.upper95,
        }
    ).merge(published, on="site_id", suffixes=("", "_published"), validate="one_to_one")
    np.testing.assert_allclose(table["value"], table["value_published"], atol=1e-6)
    shown = (table["n_clients"] >= FEWEST_CLIENTS) & (table["n_therapists"] >= FEWEST_THERAPISTS)
    return table.loc[shown, ["site_id", "value", "lower95", "upper95"]].reset_index(drop=True)
