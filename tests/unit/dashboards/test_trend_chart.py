"""The line through time: gaps break it, phases have limits of their own, marks have words."""

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest

from dashboards import charts_trend as charts
from dashboards.release import Deciles, Intervention, TrendPoint
from tests.unit.dashboards.rows import ALLIANCE
from tests.unit.dashboards.specs import field, layers, loads_nothing, rows_of, spec_of

POINT = TrendPoint(
    practice_id="harbour",
    site_id="mill_road",
    period="2026-01",
    period_on=date(2026, 1, 1),
    value=35.0,
    phase=1,
    mean=35.2,
    lower_limit=34.0,
    upper_limit=36.4,
    signals=None,
    null_reason=None,
)


def _point(year: int, month: int, value: float, **changes: Any) -> TrendPoint:
    on = date(year, month, 1)
    return replace(POINT, period=f"{on:%Y-%m}", period_on=on, value=value, **changes)


LATER: dict[str, Any] = {"phase": 2, "mean": 37.0, "lower_limit": 36.0, "upper_limit": 38.0}
LINE = [
    _point(2025, 11, 35.1),
    _point(2025, 12, 32.9, signals="outside"),
    _point(2026, 1, 35.4),
    # February is not there: too few people.
    _point(2026, 3, 37.2, **LATER),
    _point(2026, 4, 36.1, **LATER, signals="two_in_three,shift"),
]
SPREAD = [
    Deciles(f"{on:%Y-%m}", on, 12, 33.6, 34.0, 34.4, 34.8, 35.2, 35.6, 36.0, 36.4, 36.8)
    for on in (date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1))
]
CHANGES = [
    Intervention(date(2026, 3, 1), "harbour", None, "A new welcome"),
    Intervention(date(2019, 3, 1), None, None, "Long before"),
]
NO_LIMITS: dict[str, Any] = dict.fromkeys(("mean", "lower_limit", "upper_limit"))


def _spec(
    line: list[TrendPoint] = LINE,
    spread: list[Deciles] = SPREAD,
    changes: list[Intervention] = CHANGES,
) -> dict[str, Any]:
    frame = charts.trend_frame(line, ALLIANCE)
    marked = charts.interventions_frame(changes, frame["on"].min(), frame["on"].max())
    return spec_of(charts.trend_chart(frame, charts.deciles_frame(spread), marked, ALLIANCE))


def test_a_line_breaks_where_a_period_is_missing_and_nowhere_else() -> None:
    months = [point.period_on for point in LINE]
    assert charts.stretches(months) == [0, 0, 0, 1, 1]
    quarters = [date(2025, 1, 1), date(2025, 4, 1), date(2025, 7, 1), date(2026, 1, 1)]
    assert charts.stretches(quarters) == [0, 0, 0, 1]
    assert charts.stretches(months[:1]) == [0]
    assert charts.stretches([]) == []


def test_points_stand_where_the_release_puts_them_in_the_order_of_time() -> None:
    spec = _spec(LINE[::-1])
    [points] = layers(spec, "point")
    assert (field(points, "x"), field(points, "y")) == ("on", "value")
    drawn = [(row["on"], row["period"], row["value"]) for row in rows_of(spec, points)]
    assert drawn[0] == ("2025-11-01T00:00:00", "November 2025", 35.1)
    assert [value for *_, value in drawn] == [35.1, 32.9, 35.4, 37.2, 36.1]
    [line] = layers(spec, "line", lambda layer: field(layer, "y") == "value")
    assert field(line, "detail") == "stretch"


def test_each_phase_has_its_own_mean_and_limits() -> None:
    spec = _spec()
    limits = {
        field(layer, "y"): layer
        for layer in layers(spec, "line", lambda layer: field(layer, "detail") == "phase")
    }
    assert sorted(limits) == ["lower", "mean", "upper"]
    lows = [(row["phase"], row["lower"]) for row in rows_of(spec, limits["lower"])]
    assert lows == [(1, 34.0), (1, 34.0), (1, 34.0), (2, 36.0), (2, 36.0)]


def test_a_marked_point_has_a_shape_and_the_words_of_its_rules() -> None:
    spec = _spec()
    [points] = layers(spec, "point")
    rows = {row["period"]: row for row in rows_of(spec, points)}
    assert rows["December 2025"]["mark"] == "Outside its limits"
    # Two rules mark it: drawn by the first of them, said in full.
    assert rows["April 2026"]["mark"] == "Seven or more in a row on one side of the mean"
    assert rows["April 2026"]["rules"].endswith("side of the mean, Two of three close to a limit")
    assert rows["January 2026"]["mark"] == "No rule marks it"
    shapes = points["encoding"]["shape"]["scale"]
    assert shapes["domain"] == [
        "Outside its limits",
        "Seven or more in a row on one side of the mean",
        "No rule marks it",
    ]
    assert shapes["range"] == ["diamond", "square", "circle"]


def test_a_rule_of_a_later_version_is_shown_under_its_own_words() -> None:
    spec = _spec([*LINE, _point(2026, 5, 36.6, **LATER, signals="new_rule")])
    [points] = layers(spec, "point")
    assert "New rule" in points["encoding"]["shape"]["scale"]["domain"]


def test_the_deciles_are_bands_behind_the_line() -> None:
    spec = _spec()
    bands = layers(spec, "area")
    pairs = [(field(band, "y"), field(band, "y2")) for band in bands]
    assert pairs == [("p10", "p90"), ("p20", "p80"), ("p30", "p70"), ("p40", "p60")]
    row = rows_of(spec, bands[0])[0]
    assert [row[f"p{tenth}0"] for tenth in range(1, 10)] == [
        33.6, 34.0, 34.4, 34.8, 35.2, 35.6, 36.0, 36.4, 36.8,
    ]  # fmt: skip
    assert spec["layer"].index(bands[-1]) < spec["layer"].index(layers(spec, "point")[0])
    assert not layers(_spec(spread=[]), "area")


def test_only_changes_within_the_time_shown_are_on_the_line() -> None:
    spec = _spec()
    [rule] = layers(spec, "rule")
    [row] = rows_of(spec, rule)
    assert (row["name"], row["day"]) == ("A new welcome", "1 March 2026")
    [words] = layers(spec, "text", lambda layer: field(layer, "text") == "name")
    assert words["mark"]["limit"] > 0
    assert not layers(_spec(changes=CHANGES[1:]), "rule")


def test_too_few_points_are_a_line_without_limits() -> None:
    short = [replace(point, **NO_LIMITS, null_reason="too_few_points") for point in LINE]
    spec = _spec(short)
    assert not layers(spec, "line", lambda layer: field(layer, "detail") == "phase")
    [points] = layers(spec, "point")
    assert {row["mean"] for row in rows_of(spec, points)} == {None}


def test_nothing_is_no_line() -> None:
    with pytest.raises(ValueError, match="at least one period"):
        charts.trend_chart(
            charts.trend_frame([], ALLIANCE),
            charts.deciles_frame([]),
            charts.interventions_frame([], pd.Timestamp(2026, 1, 1), pd.Timestamp(2026, 2, 1)),
            ALLIANCE,
        )


def test_it_loads_nothing_and_says_which_points_are_marked() -> None:
    assert loads_nothing(_spec())
    frame = charts.trend_frame(LINE, ALLIANCE)
    marked = charts.interventions_frame(CHANGES, frame["on"].min(), frame["on"].max())
    said = charts.trend_description(frame, marked, "Mill Road")
    assert "December 2025: Outside its limits" in said
    assert "A new welcome from 1 March 2026" in said
    assert "Long before" not in said
