"""Alliance and outcome: early alliance with the change after it, and the two slopes.

A site's own correlation is no figure to look at (thirty episodes give anything from -.09 to .58 for
a true .28): it is kept in the warehouse for the pooling and never goes into a release.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.units import FORM, SITE, SIZES, Row, Units, counted_together
from orchestration.measures.alliance_outcome import (
    FEWEST_EPISODES,
    FEWEST_SITES,
    Pooled,
    SiteCorrelation,
    pooled_correlation,
    site_correlation,
)
from orchestration.measures.arrays import Estimate
from orchestration.measures.within_between import FEWEST_CLIENTS, within_between

OUTCOME = ("outcome_instrument_code", "outcome_version", "outcome_language", "outcome_informant")
CORRELATIONS = (
    *SITE,
    *FORM,
    *OUTCOME,
    "period",
    "pooling",
    "n_sites",
    *SIZES,
    "n_episodes",
    "value",
    "standard_error",
    "lower95",
    "upper95",
    "q",
    "q_p",
    "i2",
    "tau2",
    "alliance_sd",
    "minimum",
    "null_reason",
)
SLOPES = (
    *FORM,
    *OUTCOME,
    "period",
    "figure",
    "n_sites",
    *SIZES,
    "n_forms",
    "n_clients_short",
    "value",
    "standard_error",
    "lower95",
    "upper95",
    "minimum",
    "null_reason",
)
NO_POOLING, FIXED, RANDOM = "none", "fixed", "random"
TOO_FEW_EPISODES, TOO_FEW_SITES = "too_few_episodes", "too_few_sites"
TOO_FEW_CLIENTS, NO_VARIATION = "too_few_clients", "no_variation"
_WORDS = (*SITE, *FORM, *OUTCOME, "period", "pooling", "figure", "null_reason")
_WHOLE = ("n_sites", "n_clients", "n_therapists", "n_episodes", "n_forms", "n_clients_short")


def alliance_outcomes_table(episodes: Units, thresholds: Thresholds) -> pd.DataFrame:
    """One row per site (pooling `none`) and two per network (`fixed`, `random`), without site;
    columns CORRELATIONS.

    `episodes.rows`: one a closed episode with `early_total`, `outcome_at_form` and `outcome_last`
    (scale points, NaN where there is none) and `is_outcome_lower_better`; cells are sites x FORM x
    OUTCOME. Only sites that may be shown are pooled; `standard_error` is that of Fisher's z.
    `alliance_sd`, of networks alone: standard deviation of the early alliance within sites, the
    outcome at the form held constant, in its scale points: what one unit of the correlation's
    alliance is.
    """
    rows: list[Row] = []
    has_both = episodes.rows[["outcome_at_form", "outcome_last"]].notna().all(axis=1)
    shown = episodes.where(has_both).of_shown_sites(thresholds)
    for names, units in shown.by_network((*FORM, *OUTCOME)):
        found: list[SiteCorrelation] = []
        pooled_cells: list[int] = []
        for cell, of_site in units.by_cell():
            site = _correlation(of_site.rows)
            found.append(site)
            if site.z is not None:
                pooled_cells += [int(of_site.rows["cell_no"].iloc[0])]
            rows.append(cell[list(SITE)].to_dict() | names | _site_row(site, of_site))
        pooled = units.where(units.rows["cell_no"].isin(pooled_cells))
        rows += [names | row for row in _pooled_rows(found, pooled)]
    return _typed(rows, CORRELATIONS)


def _correlation(rows: pd.DataFrame) -> SiteCorrelation:
    alliance, at_form, last = (
        rows[name].to_numpy(dtype=np.float64)
        for name in ("early_total", "outcome_at_form", "outcome_last")
    )
    is_lower_better = bool(rows["is_outcome_lower_better"].iloc[0])
    return site_correlation(
        alliance, at_form, last, better="lower" if is_lower_better else "higher"
    )


def _site_row(found: SiteCorrelation, units: Units) -> Row:
    reason = None
    if found.correlation is None:
        reason = TOO_FEW_EPISODES if found.n < FEWEST_EPISODES else NO_VARIATION
    return {
        **counted_together(units),
        "period": "all",
        "pooling": NO_POOLING,
        "n_episodes": found.n,
        "value": found.correlation,
        "standard_error": found.z_standard_error,
        "lower95": found.lower95,
        "upper95": found.upper95,
        "minimum": FEWEST_EPISODES,
        "null_reason": reason,
    }


def _pooled_rows(sites: list[SiteCorrelation], pooled: Units) -> Iterator[Row]:
    """Both poolings, with the clients whose episodes went into them."""
    found = pooled_correlation(sites)
    common: Row = {
        **counted_together(pooled),
        "period": "all",
        "n_episodes": found.n,
        "minimum": FEWEST_SITES,
        "q": found.q,
        "q_p": found.p,
        "i2": found.i2,
        "tau2": found.tau2,
        "alliance_sd": _alliance_sd(pooled) if found.n_sites else None,
    }
    for pooling, one in ((FIXED, found.fixed), (RANDOM, found.random)):
        yield common | {"pooling": pooling} | _pooled(one)


def _alliance_sd(pooled: Units) -> float:
    """Each site's squares left over (a line, two parameters a site), added up."""
    squares, freedom = 0.0, 0
    for _, of_site in pooled.by_cell():
        complete = of_site.rows[["early_total", "outcome_at_form", "outcome_last"]].dropna()
        alliance, at_form = complete["early_total"], complete["outcome_at_form"]
        line = float(np.corrcoef(alliance, at_form)[0, 1])
        squares += float(((alliance - alliance.mean()) ** 2).sum()) * (1 - line**2)
        freedom += len(complete) - 2
    return float(np.sqrt(squares / freedom))


def _pooled(pooled: Pooled | None) -> Row:
    if pooled is None:
        return {"null_reason": TOO_FEW_SITES}
    return {
        "value": pooled.correlation,
        "standard_error": pooled.z_standard_error,
        "lower95": pooled.lower95,
        "upper95": pooled.upper95,
    }


def slopes_table(forms: Units, thresholds: Thresholds, fewest_forms: int) -> pd.DataFrame:
    """Two rows per network, `within` and `between`; columns SLOPES.

    `forms.rows`: one an alliance form with `total` and `next_outcome_upwards`, the outcome of the
    next session with higher as better; cells are sites x FORM x OUTCOME. Slopes are points of the
    outcome for a point of the alliance. A client needs `fewest_forms` of them.
    """
    rows: list[Row] = []
    for names, units in forms.of_shown_sites(thresholds).by_network((*FORM, *OUTCOME)):
        found = within_between(
            units.rows["total"].to_numpy(dtype=np.float64),
            units.rows["next_outcome_upwards"].to_numpy(dtype=np.float64),
            units.rows["client_no"].to_numpy(dtype=np.int64),
            fewest_forms=fewest_forms,
        )
        n_forms = units.rows.groupby("client_no")["client_no"].transform("size")
        common = {
            **counted_together(units.where(n_forms >= fewest_forms)),
            "period": "all",
            "n_forms": found.n_forms,
            "n_clients_short": found.n_clients_short,
            "minimum": FEWEST_CLIENTS,
        }
        is_few = found.n_clients < FEWEST_CLIENTS
        for figure, estimate in (("within", found.within), ("between", found.between)):
            reason = None
            if estimate is None:
                reason = TOO_FEW_CLIENTS if is_few else NO_VARIATION
            rows.append(
                names | common | {"figure": figure, "null_reason": reason} | estimated(estimate)
            )
    return _typed(rows, SLOPES)


def estimated(estimate: Estimate | None) -> Row:
    """The columns of an estimate; all null without one."""
    if estimate is None:
        return dict.fromkeys(("value", "standard_error", "lower95", "upper95"))
    return {
        "value": estimate.value,
        "standard_error": estimate.standard_error,
        "lower95": estimate.lower95,
        "upper95": estimate.upper95,
    }


def _typed(rows: list[Row], columns: tuple[str, ...]) -> pd.DataFrame:
    types: dict[str, str] = dict.fromkeys(columns, "float64")
    types |= {name: "Int64" for name in (*_WHOLE, "minimum") if name in columns}
    types |= {name: "str" for name in _WORDS if name in columns}
    return pd.DataFrame(rows, columns=list(columns)).astype(types)
