"""Marked drops as they were observed beside what noise alone would have shown, by site and rule.

The observed shares are marts.rpt_site_metrics'; here is what stands beside them. The noise is the
network's: a site whose clients really fall would else be held against its own falls.
"""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from expectations.instrument import Instrument
from orchestration.benchmarking.units import FORM, SITE, Row, Units
from orchestration.measures.arrays import Floats
from orchestration.measures.expected_drops import DropRules, expected_drops

LINE_STEP = 0.1
"""A form filled in on lines of ten centimetres is read to the millimetre."""
COLUMNS = (
    *SITE,
    *FORM,
    "period",
    "rule",
    "n_series",
    "n_eligible",
    "eligible_share",
    "observed_share",
    "expected_share",
    "expected_standard_error",
    "minimum",
    "null_reason",
)
TOO_FEW_FORMS, NO_SPREAD, NO_VARIATION = "too_few_forms", "no_spread", "no_variation"
_SIMULATED = 40_000
"""Series simulated a cell: the simulation's own standard error stays below a quarter of a point."""


def drop_rules(variables: Mapping[str, Any], reliable_change: float | None) -> DropRules:
    """The rules as dbt's variables set them, with an instrument's least reliable change."""
    return DropRules(
        points=float(variables["marked_drop_points"]),
        fixed_forms=int(variables["marked_drop_fixed_forms"]),
        sd1_factor=float(variables["marked_drop_sd1_factor"]),
        sd2_factor=float(variables["marked_drop_sd2_factor"]),
        sd_forms=int(variables["marked_drop_sd_forms"]),
        ranges=float(variables["marked_drop_ranges"]),
        chart_forms=int(variables["marked_drop_chart_forms"]),
        reliable_change=reliable_change,
    )


def total_step(instrument: Instrument) -> float:
    """Distance between neighbouring totals of complete forms, scale points."""
    step = instrument.item_step or LINE_STEP
    total = instrument.total
    if instrument.totals_only:
        return 1.0
    if total.method == "mean":
        return float(total.factor * step / len(total.items))
    return float(step)


def marked_drops_table(
    series: Units,
    observed: pd.DataFrame,
    steps: Mapping[tuple[str, str], float],
    variables: Mapping[str, Any],
) -> pd.DataFrame:
    """One row per site x instrument x version x language x informant x rule; columns COLUMNS.

    `series.rows`: `n_forms` and `series_mean` (scale points) of every series of closed periods;
    `series.cells`: besides their names `is_better_higher`, `total_minimum`, `total_maximum`,
    `reliable_change`, `within_sd` and `network_sd` (NaN where there is none). `observed`:
    rpt_site_metrics' rows of the metrics marked_drop_<rule>, all strata together, period all.
    `steps`: total_step by instrument and version. `variables`: dbt's.
    """
    rows = [
        cell[[*SITE, *FORM]].to_dict() | {"period": "all"} | row
        for cell, units in series.by_cell()
        for row in _rows(cell, units.rows, steps, variables)
    ]
    found = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "observed_share"])
    seen = observed.assign(rule=observed["metric"].str.removeprefix("marked_drop_"))
    seen = seen[[*SITE, *FORM, "rule", "value"]].rename(columns={"value": "observed_share"})
    merged = found.merge(seen, how="left", on=[*SITE, *FORM, "rule"], validate="one_to_one")
    types: dict[str, str] = dict.fromkeys(COLUMNS, "float64")
    types |= dict.fromkeys((*SITE, *FORM, "period", "rule", "null_reason"), "str")
    types |= dict.fromkeys(("n_series", "n_eligible", "minimum"), "Int64")
    return merged[list(COLUMNS)].astype(types)


def _rows(
    cell: "pd.Series[Any]",
    units: pd.DataFrame,
    steps: Mapping[tuple[str, str], float],
    variables: Mapping[str, Any],
) -> Iterator[Row]:
    change = float(cell["reliable_change"])
    rules = drop_rules(variables, None if np.isnan(change) else change)
    n_forms = units["n_forms"].to_numpy(dtype=np.int64)
    fewest = {
        "fixed": rules.fixed_forms,
        "sd1": rules.sd_forms,
        "sd2": rules.sd_forms,
        "chart": rules.chart_forms,
    }
    common = {"n_series": len(units), "expected_share": None, "expected_standard_error": None}
    within_sd = float(cell["within_sd"])
    if np.isnan(within_sd):
        for rule, minimum in fewest.items():
            n_eligible = int((n_forms >= minimum).sum())
            yield (
                common
                | _eligible(rule, minimum, n_eligible, len(units))
                | {"null_reason": NO_SPREAD if n_eligible else TOO_FEW_FORMS}
            )
        return
    code, version = str(cell["instrument_code"]), str(cell["version"])
    found = expected_drops(
        n_forms,
        _upwards(units["series_mean"].to_numpy(dtype=np.float64), cell),
        within_sd=within_sd,
        network_sd=float(cell["network_sd"]),
        minimum=float(cell["total_minimum"]),
        maximum=float(cell["total_maximum"]),
        step=steps[code, version],
        seed=_seed(cell),
        rules=rules,
        n_repeats=max(2, _SIMULATED // len(units)),
    )
    for one in found:
        row = common | _eligible(one.rule, fewest[one.rule], one.n_eligible, len(units))
        share = one.share_of_judged
        if share is None:
            yield row | {"null_reason": NO_VARIATION if one.n_eligible else TOO_FEW_FORMS}
        else:
            yield row | {
                "expected_share": share,
                "expected_standard_error": one.standard_error,
                "null_reason": None,
            }


def _eligible(rule: str, minimum: int, n_eligible: int, n_series: int) -> Row:
    return {
        "rule": rule,
        "n_eligible": n_eligible,
        "eligible_share": n_eligible / n_series,
        "minimum": minimum,
    }


def _upwards(means: Floats, cell: "pd.Series[Any]") -> Floats:
    """Turned round within the scale where lower is better."""
    lowest, highest = float(cell["total_minimum"]), float(cell["total_maximum"])
    upwards = means if cell["is_better_higher"] else lowest + highest - means
    # A mean of equal totals may lie a rounding outside.
    return np.clip(upwards, lowest, highest)


def _seed(cell: "pd.Series[Any]") -> int:
    """Of the cell's name: its figure does not hang on which others there are."""
    return zlib.crc32("\x1f".join(str(cell[name]) for name in (*SITE, *FORM)).encode())
