"""What noise alone would show beside what was seen: counts by hand, shares by the plain rule."""

import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations.registry import load_registry
from orchestration.benchmarking.marked_drops import (
    COLUMNS,
    drop_rules,
    marked_drops_table,
    total_step,
)
from orchestration.benchmarking.units import FORM, SITE, Units
from orchestration.dbt_runner import variables
from orchestration.measures.expected_drops import RULES, DropRules, expected_drops
from tests.unit.benchmarking.measured_units import SRS, Found, found_in, units

SCALE = {
    "is_better_higher": True,
    "total_minimum": 0.0,
    "total_maximum": 40.0,
    "reliable_change": 5.0,
    "within_sd": 2.5,
    "network_sd": 4.0,
}
STEPS = {("srs", "3"): 0.1}
N_FORMS, MEANS = [2, 4, 6, 9, 12], [30.0, 35.0, 38.0, 36.0, 39.5]


def _series(means: list[float] = MEANS, **scale: float | bool) -> Units:
    rows = {
        "cell_no": [0] * 5,
        "client_no": range(5),
        "therapist_no": [0] * 5,
        "n_forms": N_FORMS,
        "series_mean": means,
    }
    return units("a", rows, **{**SCALE, **scale})


def _observed(**values: float | None) -> pd.DataFrame:
    names = dict(zip((*SITE, *FORM), ("p", "a", *SRS), strict=True))
    return pd.DataFrame(
        [
            {**names, "metric": f"marked_drop_{rule}", "value": value}
            for rule, value in values.items()
        ],
        columns=[*SITE, *FORM, "metric", "value"],
    )


def _table(series: Units, **observed: float | None) -> dict[str, Found]:
    table = marked_drops_table(series, _observed(**observed), STEPS, variables())
    assert tuple(table.columns) == COLUMNS
    return {row["rule"]: row for row in found_in(table)}


def _all(table: dict[str, Found], column: str) -> dict[str, Any]:
    return {rule: row[column] for rule, row in table.items()}


def test_expected_stands_beside_observed_with_who_was_eligible() -> None:
    table = _table(_series(), fixed=0.4, sd1=0.5)
    # Three forms: 4 of 5 series; five forms: 3; eight forms: 2.
    assert _all(table, "n_eligible") == {"fixed": 4, "sd1": 3, "sd2": 3, "chart": 2}
    assert _all(table, "eligible_share") == pytest.approx(
        {"fixed": 0.8, "sd1": 0.6, "sd2": 0.6, "chart": 0.4}
    )
    assert table["fixed"]["observed_share"] == 0.4
    assert table["chart"]["observed_share"] is None
    seed = zlib.crc32("\x1f".join(("p", "a", *SRS)).encode())
    plain = expected_drops(
        np.array(N_FORMS),
        np.array(MEANS),
        within_sd=2.5,
        network_sd=4.0,
        minimum=0,
        maximum=40,
        step=0.1,
        seed=seed,
        rules=DropRules(reliable_change=5),
        n_repeats=8_000,
    )
    for one in plain:
        assert one.share is not None
        assert one.judged_share is not None
        expected = one.share / one.judged_share
        assert table[one.rule]["expected_share"] == pytest.approx(expected)
    # Near the ceiling a chart says nothing of some series: those are not counted, as in SQL.
    assert plain[3].judged_share is not None
    assert plain[3].judged_share < 1


def test_a_scale_where_lower_is_better_is_turned_round() -> None:
    upwards = _table(_series())
    turned = _table(_series([40 - mean for mean in MEANS], is_better_higher=False))
    assert _all(turned, "expected_share") == _all(upwards, "expected_share")


def test_below_the_minimum_there_is_a_reason_and_no_share() -> None:
    series = _series()
    short = Units(series.cells, series.rows.iloc[:2])
    assert _all(_table(short), "null_reason") == {
        "fixed": None,
        "sd1": "too_few_forms",
        "sd2": "too_few_forms",
        "chart": "too_few_forms",
    }
    unknown = _table(_series(within_sd=np.nan))
    assert {row["expected_share"] for row in unknown.values()} == {None}
    assert {row["null_reason"] for row in unknown.values()} == {"no_spread"}
    still = _table(_series(within_sd=0.0, network_sd=0.0))
    assert still["chart"]["null_reason"] == "no_variation"
    assert still["fixed"]["expected_share"] == 0


def test_rules_are_the_projects_settings() -> None:
    assert drop_rules(variables(), None) == DropRules()
    stricter = drop_rules({**variables(), "marked_drop_points": 2}, 3.0)
    assert (stricter.points, stricter.reliable_change) == (2, 3)
    assert set(RULES) == {"fixed", "sd1", "sd2", "chart"}


def test_steps_of_totals_are_the_instruments() -> None:
    known = {code: one for (code, _), one in load_registry().instruments.items()}
    # Lines read to the millimetre; twelve whole answers added up.
    assert total_step(known["srs"]) == 0.1
    assert total_step(known["wai_sr"]) == 1
    averaged = next(one for one in known.values() if one.total.method == "mean")
    step = (averaged.item_step or 0.1) * averaged.total.factor
    assert total_step(averaged) == pytest.approx(step / len(averaged.total.items))
