"""What the twins of "Compare sites" hold: the rows of their charts, and the reasons."""

from dataclasses import replace
from datetime import date
from typing import Any

from dashboards import comparison_twins, twins
from dashboards.release import (
    CalibrationTenth,
    Coefficient,
    Deciles,
    Gap,
    Intervention,
    ReferenceBand,
    TrendPoint,
)
from dashboards.sentences_reasons import covariates
from dashboards.twins import Twin
from tests.unit.dashboards.rows import ALLIANCE, adjusted, named, suppressed


def _cells(twin: Twin) -> list[list[str]]:
    return [
        [twins.cell(row, column, twin.decimals) for column in twin.columns] for row in twin.rows
    ]


def test_raw_and_adjusted_as_they_are_and_pulled() -> None:
    """35.2 ± 1.959964 x 0.5 = 34.22 to 36.18; 35.0 ± 1.959964 x 0.52 = 33.98 to 36.02."""
    pulled: dict[str, Any] = {"shrunken": 35.31, "shrunken_lower95": 34.6, "shrunken_upper95": 36.0}
    rows = [
        named("Abbey Lane", **pulled, reliability=0.265),
        named("Elm Court"),
        suppressed(),
    ]
    own = adjusted("Abbey Lane", **pulled)
    alike = adjusted(
        "Elm Court",
        adjusted=None,
        flag=None,
        null_reason="covariate_not_identifiable",
        not_identifiable="delivery_mode",
    )
    found = {(item.practice_id, item.site_id): item for item in (own, alike)}
    twin = comparison_twins.caterpillar_twin(rows, found, ALLIANCE)
    first, second, hidden = _cells(twin)
    assert first == [
        "Abbey Lane",
        "35.2",
        "34.2 to 36.2",
        "35.3",
        "34.6 to 36.0",
        "35.0",
        "34.0 to 36.0",
        "35.3",
        "34.6 to 36.0",
        "34.2 to 36.4",
        "Within the expected range",
        "0.27",
    ]
    assert second[5] == "–"
    assert second[10] == f"Not adjusted: clients all alike in {covariates('delivery_mode')}"
    assert set(hidden[1:]) == {"–"}
    assert twin.rows[2] == {"site": "West End", twins.INSTEAD: "Not shown: could give someone away"}


GAP = Gap("harbour", "mill_road", 1.2, 0.7, -0.3, None, 0.8, "phq_9", 0.07, 0.02, 0.12, None)


def test_the_parts_of_a_gap_and_the_whole() -> None:
    assert _cells(comparison_twins.gap_twin(GAP, ALLIANCE)) == [
        ["Case mix", "+0.7"],
        ["Who answered", "−0.3"],
        ["A few therapists", "–"],
        ["The rest", "+0.8"],
        ["Whole gap", "+1.2"],
    ]
    empty = replace(GAP, gap=None, outcome_of_gap=None, null_reason="no_case_mix_model")
    assert not comparison_twins.gap_twin(empty, ALLIANCE).rows
    assert not comparison_twins.outcome_twin(empty, None).rows


def test_what_a_gap_has_meant_for_outcome() -> None:
    [named_row] = _cells(comparison_twins.outcome_twin(GAP, "Health form"))
    assert named_row == ["Health form", "0.07", "0.02 to 0.12"]
    [[code, *_]] = _cells(comparison_twins.outcome_twin(GAP, None))
    assert code == "phq 9"


def test_a_line_has_a_row_a_period_with_its_reading_its_change_and_the_deciles() -> None:
    def point(month: int, **changes: Any) -> TrendPoint:
        on = date(2026, month, 1)
        numbers = {"phase": 1, "mean": 35.1, "lower_limit": 34.0, "upper_limit": 36.2}
        known: dict[str, Any] = {**numbers, "signals": None, "null_reason": None, **changes}
        return TrendPoint("harbour", "mill_road", f"{on:%Y-%m}", on, 35.0 + month / 10, **known)

    points = [point(1), point(2, signals="outside,shift"), point(4)]
    tenths = [33.1 + place / 10 for place in range(9)]
    deciles = [Deciles("2026-02", date(2026, 2, 1), 12, *tenths)]
    changes = [
        Intervention(date(2026, 2, 15), None, None, "A new welcome"),
        Intervention(date(2020, 1, 1), None, None, "Long before"),
    ]
    twin = comparison_twins.trend_twin(points, deciles, changes, ALLIANCE)
    newest, middle, oldest = _cells(twin)
    assert [row[0] for row in (newest, middle, oldest)] == [
        "April 2026",
        "February 2026",
        "January 2026",
    ]
    assert middle[1:5] == ["35.2", "35.1", "34.0 to 36.2", "1"]
    assert middle[5].startswith("Outside its limits, Seven or more")
    assert middle[6] == "A new welcome (15 February 2026)"
    assert middle[7:] == ["12", *(f"{value:.1f}" for value in tenths)]
    assert newest[5:] == ["–"] * 12
    assert "Long before" not in str(twin.rows)


def test_the_model_names_what_it_left_out_and_why() -> None:
    coefficients = [
        Coefficient("baseline_severity", None, -0.052, -0.07, -0.03, 0.1, 0.86, None),
        Coefficient("service_type", None, None, None, None, 0.0, None, "one_value"),
    ]
    kept, left_out = _cells(comparison_twins.coefficients_twin(coefficients, ALLIANCE))
    assert kept == ["Severity at the start", "−0.05", "−0.07 to −0.03", "10 %", "0.86", "–"]
    assert left_out == ["Kind of treatment", "–", "–", "0 %", "–", "the same for all clients"]
    tenths = [CalibrationTenth(2, 34.4, 34.1), CalibrationTenth(1, 33.9, 34.0)]
    assert _cells(comparison_twins.calibration_twin(tenths, ALLIANCE)) == [
        ["1", "33.9", "34.0"],
        ["2", "34.4", "34.1"],
    ]


def test_a_reference_says_whose_it_is_and_how_many_people_stand_behind_it() -> None:
    frozen = date(2026, 1, 2)
    bands = [
        ReferenceBand("this network", "2025", frozen, 4210, None, None, 28.6, 32.5, 36.2, 38.4, 39),
        ReferenceBand("A study 2019", "adults", None, 812, 34.1, 5.2, *[None] * 5),
    ]
    own, published = _cells(comparison_twins.reference_twin(bands, ALLIANCE))
    assert own[:6] == ["Our own reference", "2025", "2 January 2026", "4,210", "–", "–"]
    assert own[6:] == ["28.6", "32.5", "36.2", "38.4", "39.0"]
    assert published == ["A study 2019", "adults", "–", "812", "34.1", "5.2", *["–"] * 5]
