"""Adjusted values as benchmarks: a funnel and shrunken values of their own, and the parts of every
site's distance from the network with what such a distance has meant for outcome.

Case mix gives the adjusted values and their standard errors (case_mix_networks.py); here they are
held against each other as the raw ones are (site_benchmarks.py), by the same rules: the members of
a network are cells with known therapists, a flag is withheld for the reasons that withhold the raw
one's. The network is that of the adjusted cells, so its target is not the raw one.

A cell that stands as an earlier release showed it keeps its whole row: coefficients are estimated
anew each night, and an adjusted value that moves beside a raw one that stands would tell of the
clients who came since. What it is held against the others with is the value it keeps.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.associations import OUTCOME, RANDOM
from orchestration.benchmarking.case_mix_networks import CaseMixTables
from orchestration.benchmarking.cells import CELL_COLUMNS, NETWORK_COLUMNS, is_small
from orchestration.benchmarking.comparability import WITHHOLDS_FLAG
from orchestration.benchmarking.decomposition import outcome_of_gap
from orchestration.benchmarking.funnel import mean_funnel
from orchestration.benchmarking.network import MINIMUM_SITES
from orchestration.benchmarking.scales import scaled_means
from orchestration.benchmarking.shrinkage import MINIMUM_UNITS, shrink
from orchestration.benchmarking.units import FORM
from orchestration.measures.alliance_outcome import Pooled

_FUNNEL = ("target", "z", "lower95", "upper95", "lower998", "upper998")
_SHRUNKEN = ("shrunken", "shrunken_lower95", "shrunken_upper95")
_OUTCOME = ("outcome_of_gap", "outcome_lower95", "outcome_upper95")
_OF_CASE_MIX = ("not_identifiable", "null_reason")
ADJUSTMENTS = (
    *CELL_COLUMNS,
    "n_clients",
    "expected",
    "adjusted",
    "standard_error",
    *_FUNNEL,
    "flag",
    *_SHRUNKEN,
    "largest_share_missing",
    *_OF_CASE_MIX,
)
GAPS = (
    *CELL_COLUMNS,
    "n_clients",
    "gap",
    "gap_case_mix",
    "gap_response",
    "gap_therapists",
    "gap_rest",
    "outcome_instrument_code",
    *_OUTCOME,
    "null_reason",
)
OUTCOME_STAGES = ("all", "developing")
"""Early alliance is of sessions 3 to 5: what went along with it is not said of other stages."""
_NOT_IN_FUNNEL = ("therapist_unknown", "therapists_not_separable")
_WORDS = (*CELL_COLUMNS, "flag", "outcome_instrument_code", *_OF_CASE_MIX)


def site_adjustment_tables(
    case_mix: CaseMixTables,
    cells: pd.DataFrame,
    outcomes: pd.DataFrame,
    thresholds: Thresholds,
    before: Mapping[str, pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """`site_adjustments` and `site_gaps`, one row a shown cell that is a year or longer.

    `cells`: CELL_COLUMNS, `raw`, `comparability`, `is_suppressed` and `is_kept` of
    benchmark.site_benchmarks; `outcomes`: benchmark.alliance_outcomes; `before`: both tables as the
    release in force has them, where it does.
    Columns ADJUSTMENTS and GAPS, values in scale points and not rounded, the outcome of a gap in
    standard deviations of the outcome.
    """
    shown = cells.loc[~cells["is_suppressed"]]
    kept = shown.loc[shown["is_kept"], list(CELL_COLUMNS)]
    found = case_mix.cells.rename(
        columns={"reason": "null_reason", "adjusted_standard_error": "standard_error"}
    )
    found = _of_shown_means(found, shown)
    adjustments = _standing(found, before.get("site_adjustments"), kept, ADJUSTMENTS)
    reasons = shown[[*CELL_COLUMNS, "comparability"]]
    adjustments = adjustments.merge(reasons, how="left", on=list(CELL_COLUMNS))
    adjustments = _with_funnels(adjustments, thresholds.winsorise_share)
    gaps = _standing(found, before.get("site_gaps"), kept, GAPS)
    return {
        "site_adjustments": _typed(adjustments, ADJUSTMENTS),
        "site_gaps": _typed(_with_outcomes(gaps, outcomes, thresholds), GAPS),
    }


def _of_shown_means(found: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """`found` as it would be if every cell's mean were the one that is shown.

    That one is rounded, and coded near an end of the scale: an adjusted value made of the true mean
    would give it away again, for what it is adjusted by stands beside it.
    """
    cell = list(CELL_COLUMNS)
    means = found[cell].merge(shown[[*cell, "raw"]], how="left", on=cell)["raw"]
    moved = means.to_numpy(dtype=np.float64) - found["raw"].to_numpy(dtype=np.float64)
    return found.assign(**{name: found[name] + moved for name in ("adjusted", "gap", "gap_rest")})


def _standing(
    fresh: pd.DataFrame, before: pd.DataFrame | None, kept: pd.DataFrame, columns: tuple[str, ...]
) -> pd.DataFrame:
    """`fresh`, but for the `kept` cells that had a row: they have that one, and `is_kept`."""
    fresh = _typed(fresh, columns).assign(is_kept=False)
    if before is None:
        return fresh
    cell = list(CELL_COLUMNS)
    old = _typed(before, columns).merge(kept, on=cell).assign(is_kept=True)
    if old.empty:
        return fresh
    matched = fresh[cell].merge(old[cell], how="left", on=cell, indicator=True)
    is_new = (matched["_merge"] == "left_only").to_numpy()
    return pd.concat([fresh.loc[is_new], old], ignore_index=True)


def _with_funnels(cells: pd.DataFrame, winsorise_share: float) -> pd.DataFrame:
    """`cells` in their order with funnel, flag and shrunken value; kept rows as they are."""
    cells = cells.sort_values(list(CELL_COLUMNS), ignore_index=True)
    values, errors = (
        cells[name].to_numpy(dtype=np.float64) for name in ("adjusted", "standard_error")
    )
    reasons = cells["comparability"].fillna("").astype(str).str.split(",")
    is_member = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    is_member &= ~_has_any(reasons, _NOT_IN_FUNNEL)
    is_flagged = ~_has_any(reasons, WITHHOLDS_FLAG)
    numbers = {name: np.full(len(cells), np.nan) for name in (*_FUNNEL, *_SHRUNKEN)}
    flags = np.full(len(cells), None, dtype=object)
    members = np.flatnonzero(is_member)
    networks = cells.iloc[members].groupby(list(NETWORK_COLUMNS), dropna=False, sort=True)
    for places in networks.indices.values():
        at = members[places]
        if at.size < MINIMUM_SITES:
            continue
        found = mean_funnel(values[at], errors[at], winsorise_share)
        limits = found.overdispersed
        numbers["target"][at], numbers["z"][at] = found.target, found.z
        for name in ("lower95", "upper95", "lower998", "upper998"):
            numbers[name][at] = getattr(limits, name)
        flags[at[is_flagged[at]]] = limits.flag[is_flagged[at]]
        if at.size >= MINIMUM_UNITS:
            shrunken = shrink(scaled_means(values[at], errors[at]))
            numbers["shrunken"][at] = shrunken.values
            numbers["shrunken_lower95"][at] = shrunken.lower95
            numbers["shrunken_upper95"][at] = shrunken.upper95
    is_kept = cells["is_kept"].to_numpy(dtype=np.bool_)
    for name, new in (*numbers.items(), ("flag", flags)):
        cells[name] = np.where(is_kept, cells[name].astype("object"), new)
    return cells


def _has_any(reasons: "pd.Series[list[str]]", names: tuple[str, ...]) -> np.ndarray:
    wanted = set(names)
    return np.array([not wanted.isdisjoint(each) for each in reasons], dtype=np.bool_)


def _with_outcomes(
    gaps: pd.DataFrame, outcomes: pd.DataFrame, thresholds: Thresholds
) -> pd.DataFrame:
    """`gaps` in their order with what went along with them, by one outcome questionnaire a form:
    that of most clients, at even numbers the first by name."""
    gaps = gaps.sort_values(list(CELL_COLUMNS), ignore_index=True)
    of_people = outcomes.rename(columns={"top_therapist_share": "top_therapist_form_share"})
    is_usable = (outcomes["pooling"] == RANDOM) & outcomes["value"].notna()
    is_usable &= (outcomes["alliance_sd"] > 0) & ~is_small(of_people, thresholds).fillna(True)
    chosen = (
        outcomes.loc[is_usable]
        .sort_values(["n_clients", *OUTCOME], ascending=[False, *(True for _ in OUTCOME)])
        .drop_duplicates(list(FORM))
    )
    can_have = ~gaps["is_kept"] & gaps["gap"].notna() & gaps["stage"].isin(OUTCOME_STAGES)
    for one in chosen.to_dict("records"):
        of_form = (gaps[list(FORM)] == [one[name] for name in FORM]).all(axis=1) & can_have
        association = Pooled(
            one["value"], one["lower95"], one["upper95"],
            float(np.arctanh(one["value"])), one["standard_error"],
        )  # fmt: skip
        gap = gaps.loc[of_form, "gap"].to_numpy(dtype=np.float64)
        found = outcome_of_gap(gap, association, one["alliance_sd"])
        for name, values in zip(_OUTCOME, (found.value, found.lower95, found.upper95), strict=True):
            gaps.loc[of_form, name] = values
        gaps.loc[of_form, "outcome_instrument_code"] = one["outcome_instrument_code"]
    return gaps


def _typed(frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    types: dict[str, str] = dict.fromkeys(columns, "float64")
    types |= {name: "str" for name in _WORDS if name in columns} | {"n_clients": "Int64"}
    return frame.reindex(columns=list(columns)).astype(types)
