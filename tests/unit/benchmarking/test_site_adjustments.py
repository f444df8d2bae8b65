"""Adjusted funnel, flags and shrunken values by hand; rows that stand; the outcome of a gap."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expectations.model import Thresholds
from orchestration.benchmarking.associations import CORRELATIONS, OUTCOME
from orchestration.benchmarking.case_mix_networks import (
    CALIBRATION,
    CELLS,
    COEFFICIENTS,
    MODELS,
    CaseMixTables,
)
from orchestration.benchmarking.cells import CELL_COLUMNS
from orchestration.benchmarking.scales import scaled_means
from orchestration.benchmarking.shrinkage import shrink
from orchestration.benchmarking.site_adjustments import (
    ADJUSTMENTS,
    GAPS,
    site_adjustment_tables,
)
from orchestration.benchmarking.units import FORM
from tests.unit.benchmarking.measured_units import Found, one_of

SRS = dict(zip(FORM, ("srs", "3", "en", "client"), strict=True))
PHQ = dict(zip(OUTCOME, ("phq_9", "1", "en", "client"), strict=True))
Tables = Mapping[str, pd.DataFrame]


def _cell(site: str, **changed: Any) -> Found:
    named = {"practice_id": "p", "site_id": site, **SRS, "collection_mode": "paper"}
    return {**named, "metric": "mean_score", "stage": "all", "period": "2025", **changed}


def _adjusted(site: str, adjusted: float | None, error: float = 1.0, **changed: Any) -> Found:
    """A cell of case mix; its gap is the adjusted value above 11."""
    row = {
        "n_clients": 40,
        "raw": 12.0,
        "adjusted": adjusted,
        "adjusted_standard_error": None if adjusted is None else error,
        "gap": None if adjusted is None else adjusted - 11,
        "reason": "covariate_not_identifiable" if adjusted is None else None,
    }
    return _cell(site) | row | changed


FOUR = (_adjusted("a", 10), _adjusted("b", 10), _adjusted("c", 13), _adjusted("d", 11, 2))


def _cells(rows: tuple[Found, ...], **by_site: Found) -> pd.DataFrame:
    """Those cells as site_benchmarks has them, with what is changed by site."""
    usual = {"raw": 12.0, "comparability": None, "is_suppressed": False, "is_kept": False}
    return pd.DataFrame(
        [
            {name: row[name] for name in CELL_COLUMNS} | usual | by_site.get(row["site_id"], {})
            for row in rows
        ]
    )


def _outcomes(*rows: Found) -> pd.DataFrame:
    usual = {
        **SRS, **PHQ, "period": "all", "pooling": "random", "n_clients": 80, "n_therapists": 9,
        "top_therapist_share": 0.2, "value": 0.25, "standard_error": 0.05, "lower95": 0.1,
        "upper95": 0.4, "alliance_sd": 4.0,
    }  # fmt: skip
    return pd.DataFrame([usual | row for row in rows], columns=list(CORRELATIONS))


def _tables(
    rows: tuple[Found, ...],
    cells: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
    before: Tables | None = None,
) -> dict[str, pd.DataFrame]:
    empty = [pd.DataFrame(columns=list(each)) for each in (MODELS, COEFFICIENTS, CALIBRATION)]
    return site_adjustment_tables(
        CaseMixTables(pd.DataFrame(list(rows), columns=list(CELLS)), *empty),
        _cells(rows) if cells is None else cells,
        _outcomes() if outcomes is None else outcomes,
        Thresholds(),
        before or {},
    )


def test_the_adjusted_funnel_by_hand() -> None:
    found = _tables(FOUR)["site_adjustments"]
    assert tuple(found.columns) == ADJUSTMENTS
    # Weights 1, 1, 1, 1/4: (10 + 10 + 13 + 11 / 4) / 3.25 = 11. z -1, -1, 2, 0; winsorised at the
    # 90th percentile 0 + .7 x 2: -1, -1, 1.4, 0. 3.96 less 3, over 3.25 - 3.0625 / 3.25, is tau2.
    assert found["target"].tolist() == pytest.approx([11] * 4)
    assert found["z"].tolist() == pytest.approx([-1, -1, 2, 0])
    tau2 = 0.96 / (3.25 - 3.0625 / 3.25)
    for name, z in (("upper95", 1.959964), ("upper998", 3.090232)):
        wanted = [11 + z * np.sqrt(s**2 + tau2) for s in (1, 1, 1, 2)]
        assert found[name].tolist() == pytest.approx(wanted)
    assert found["flag"].tolist() == ["within"] * 4
    shrunken = shrink(scaled_means(np.array([10.0, 10, 13, 11]), np.array([1.0, 1, 1, 2])))
    assert found["shrunken"].tolist() == pytest.approx(shrunken.values.tolist())
    assert found["shrunken_upper95"].tolist() == pytest.approx(shrunken.upper95.tolist())


def test_a_mean_shown_at_its_scales_end_is_the_one_that_is_adjusted() -> None:
    # Shown 11.4 for a true 12: all that is made of the mean lies .6 lower, its parts as before.
    rows = (*FOUR[:3], _adjusted("d", 11, 2, gap_case_mix=0.5, gap_rest=-0.5))
    found = _tables(rows, _cells(rows, d={"raw": 11.4}))
    d = one_of(found["site_adjustments"], site_id="d")
    assert d["adjusted"] == pytest.approx(10.4)
    gap = one_of(found["site_gaps"], site_id="d")
    wanted = {"gap": -0.6, "gap_case_mix": 0.5, "gap_rest": -1.1}
    assert {name: gap[name] for name in wanted} == pytest.approx(wanted)
    assert one_of(found["site_adjustments"], site_id="c")["adjusted"] == 13


def test_what_lies_beyond_is_flagged() -> None:
    rows = tuple(_adjusted(f"s{n:02d}", 10 + 0.1 * (n % 3)) for n in range(19))
    found = _tables((*rows, _adjusted("z", 20)))["site_adjustments"]
    assert found["flag"].tolist() == ["within"] * 19 + ["above_998"]
    # The raw value may not be flagged either; the site stays in the network.
    cells = _cells(
        (*rows, _adjusted("z", 20)), z={"comparability": "dates_by_year,too_few_clients"}
    )
    few = _tables((*rows, _adjusted("z", 20)), cells)["site_adjustments"]
    assert one_of(few, site_id="z")["flag"] is None
    pd.testing.assert_series_equal(few["target"], found["target"])
    cells = _cells((*rows, _adjusted("z", 20)), z={"comparability": "response_rate_low"})
    low = _tables((*rows, _adjusted("z", 20)), cells)["site_adjustments"]
    assert one_of(low, site_id="z")["flag"] == "above_998"


def test_without_known_therapists_a_site_is_no_member() -> None:
    rows = (*FOUR, _adjusted("e", 30))
    cells = _cells(rows, e={"comparability": "therapist_unknown"})
    found = _tables(rows, cells)["site_adjustments"]
    last = one_of(found, site_id="e")
    assert (last["adjusted"], last["target"], last["flag"]) == (30, None, None)
    assert found["target"].tolist()[:4] == pytest.approx([11] * 4)


def test_fewer_than_three_make_no_network_and_three_no_shrinkage() -> None:
    two = _tables(FOUR[:2])["site_adjustments"]
    assert two[["target", "lower95", "flag", "shrunken"]].isna().all(axis=None)
    three = _tables(FOUR[:3])["site_adjustments"]
    assert three["target"].notna().all()
    assert three["shrunken"].isna().all()
    # Networks are apart in all that names one.
    others = tuple(row | {"period": "2024"} for row in FOUR[2:])
    assert _tables((*FOUR[:2], *others))["site_adjustments"]["target"].isna().all()


def test_what_is_not_adjusted_has_its_reason_in_both() -> None:
    found = _tables((*FOUR, _adjusted("e", None, not_identifiable="age_band")))
    one = one_of(found["site_adjustments"], site_id="e")
    assert (one["null_reason"], one["not_identifiable"]) == (
        "covariate_not_identifiable",
        "age_band",
    )
    assert one_of(found["site_gaps"], site_id="e")["null_reason"] == "covariate_not_identifiable"
    assert one["target"] is None


def test_a_cell_that_stands_keeps_its_rows_and_is_what_others_are_held_against() -> None:
    before = _tables((_adjusted("a", 9), *FOUR[1:]), outcomes=_outcomes({}))
    now = (_adjusted("a", 20), FOUR[1], _adjusted("c", 14), FOUR[3])
    cells = _cells(now, a={"is_kept": True}, b={"is_kept": True})
    found = _tables(now, cells, outcomes=_outcomes({}), before=before)
    for name, table in found.items():
        kept = table["site_id"] == "a"
        pd.testing.assert_frame_equal(table.loc[kept], before[name].loc[kept])
    # The others' target is made of the 9, not of the 20: (9 + 10 + 14 + 11 / 4) / 3.25.
    targets = found["site_adjustments"].set_index("site_id")["target"]
    assert targets["c"] == pytest.approx(35.75 / 3.25)
    assert targets["a"] == pytest.approx(34.75 / 3.25)
    # One that was not there has a row of its own.
    later = _tables(now, cells, before={name: t.iloc[1:] for name, t in before.items()})
    assert one_of(later["site_adjustments"], site_id="a")["adjusted"] == 20
    # And one that case mix has no client of any more keeps what it had.
    gone = _tables(now[1:], cells, before=before)
    assert one_of(gone["site_adjustments"], site_id="a")["adjusted"] == 9


def test_a_kept_row_goes_with_its_cell() -> None:
    before = _tables(FOUR)
    cells = _cells(FOUR, a={"is_kept": True, "is_suppressed": True})
    found = _tables(FOUR[1:], cells, before=before)
    assert all("a" not in set(table["site_id"]) for table in found.values())


def test_the_outcome_of_a_gap_is_by_the_questionnaire_of_most() -> None:
    others = ({"outcome_instrument_code": "ors"}, {"outcome_instrument_code": "core", "value": 0.9})
    small = {"outcome_instrument_code": "big", "n_clients": 500, "top_therapist_share": 0.9}
    fixed = {"outcome_instrument_code": "fix", "n_clients": 500, "pooling": "fixed"}
    rows = (*FOUR, _adjusted("e", 15, stage="ending"), _adjusted("f", 15, stage="developing"))
    outcomes = _outcomes({"n_clients": 90}, *others, small, fixed)
    gaps = _tables(rows, outcomes=outcomes)["site_gaps"]
    assert tuple(gaps.columns) == GAPS
    # 2 points above; .25, .1 and .4 of 2 / 4.
    one = one_of(gaps, site_id="c")
    assert one["outcome_instrument_code"] == "phq_9"
    named = [one[name] for name in ("outcome_of_gap", "outcome_lower95", "outcome_upper95")]
    assert named == pytest.approx([0.125, 0.05, 0.2])
    assert one_of(gaps, site_id="a")["outcome_lower95"] == pytest.approx(-0.1)
    # Early alliance says nothing of the last sessions.
    assert one_of(gaps, site_id="e")["outcome_of_gap"] is None
    assert one_of(gaps, site_id="f")["outcome_of_gap"] == pytest.approx(0.25)
    # At even numbers the first by name; of another form nothing.
    even = _tables(FOUR, outcomes=_outcomes({}, {"outcome_instrument_code": "ors"}))["site_gaps"]
    assert set(even["outcome_instrument_code"]) == {"ors"}
    nothing = _tables(FOUR, outcomes=_outcomes({"language": "nl"}))["site_gaps"]
    assert nothing["outcome_of_gap"].isna().all()


def test_of_nothing_there_is_nothing() -> None:
    found = _tables((), pd.DataFrame(_cells(FOUR)).iloc[:0].astype({"is_suppressed": bool}))
    assert {name: len(table) for name, table in found.items()} == {
        "site_adjustments": 0,
        "site_gaps": 0,
    }
    assert found["site_adjustments"]["adjusted"].dtype == np.float64
