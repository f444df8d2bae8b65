"""Unplanned endings by how the alliance stood, over all shown sites of a network.

Of the network alone: a site has too few unplanned endings for a life table by state. The sites'
own crude shares are metrics of their own (unplanned_ending_after_<state>).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.units import FORM, SIZES, Row, Units, counted
from orchestration.measures.dropout_hazard import (
    FEWEST_ENDINGS,
    REFERENCE_STATE,
    STATES,
    DropoutHazard,
    dropout_hazard,
)

COLUMNS = (
    *FORM,
    "period",
    "figure",
    "alliance_state",
    "session_no",
    "n_sites",
    *SIZES,
    "n_at_risk",
    "n_ended",
    "n_clients_ended",
    "n_clients_not_ended",
    "value",
    "standard_error",
    "lower95",
    "upper95",
    "minimum",
    "null_reason",
)
HAZARD, ODDS_RATIO = "hazard", "odds_ratio"
TOO_FEW_ENDINGS, NOT_ESTIMABLE = "too_few_endings", "not_estimable"


def dropout_hazards_table(periods: Units, thresholds: Thresholds) -> pd.DataFrame:
    """One row per network x state x figure, and for the hazard one per session number besides
    (null: all of them together); columns COLUMNS.

    `periods.rows`: one a session at risk of which is known how it went on, with `session_no`,
    `state_no` (place in STATES) and `is_ended`. A hazard is the probability of an unplanned ending
    before the next session; an odds ratio is against the state `middle` at the same session number.
    """
    rows = [
        {**names, "period": "all", **row}
        for names, units in periods.of_shown_sites(thresholds).by_network(FORM)
        for row in _network_rows(units)
    ]
    counts = [name for name in COLUMNS if name.startswith("n_")]
    types: dict[str, str] = dict.fromkeys(COLUMNS, "float64")
    types |= dict.fromkeys((*counts, "session_no", "minimum"), "Int64")
    words = (*FORM, "period", "figure", "alliance_state", "null_reason")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types | dict.fromkeys(words, "str"))


def _network_rows(units: Units) -> Iterator[Row]:
    found = dropout_hazard(
        units.rows["session_no"].to_numpy(dtype=np.int64),
        np.array(STATES)[units.rows["state_no"].to_numpy()],
        units.rows["is_ended"].to_numpy(dtype=np.bool_),
    )
    for row in _counts(units, ["state_no"]).reset_index().to_dict("records"):
        state = STATES[int(row.pop("state_no"))]
        row["alliance_state"] = state
        hazard = row["n_ended"] / row["n_at_risk"]
        yield row | {"figure": HAZARD, "value": hazard, "minimum": 1}
        if state != REFERENCE_STATE:
            yield row | _odds_ratio(found, state)
    for row in _counts(units, ["state_no", "session_no"]).reset_index().to_dict("records"):
        state = STATES[int(row.pop("state_no"))]
        period = found.life_tables[state][int(row["session_no"]) - 1]
        yield row | {
            "alliance_state": state,
            "figure": HAZARD,
            "value": period.hazard,
            "standard_error": period.standard_error,
            "minimum": 1,
        }


def _counts(units: Units, by: list[str]) -> pd.DataFrame:
    """Who was at risk and who ended, by the columns `by` of the rows."""
    found = counted(units, by)
    rows = units.rows
    found["n_at_risk"] = rows.groupby(by).size()
    found["n_ended"] = rows.groupby(by)["is_ended"].sum()
    for name, is_one in (
        ("n_clients_ended", rows["is_ended"]),
        ("n_clients_not_ended", ~rows["is_ended"]),
    ):
        found[name] = rows.loc[is_one].groupby(by)["client_no"].nunique()
    return found.fillna({"n_clients_ended": 0, "n_clients_not_ended": 0})


def _odds_ratio(found: DropoutHazard, state: str) -> Row:
    row: Row = {"figure": ODDS_RATIO, "minimum": FEWEST_ENDINGS}
    for ratio in found.odds_ratios:
        if ratio.state == state:
            return row | {
                "value": ratio.ratio,
                "standard_error": ratio.log_standard_error,
                "lower95": ratio.lower95,
                "upper95": ratio.upper95,
            }
    is_few = found.n_ended < FEWEST_ENDINGS
    return row | {"null_reason": TOO_FEW_ENDINGS if is_few else NOT_ESTIMABLE}
