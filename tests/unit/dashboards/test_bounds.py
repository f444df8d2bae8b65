"""A number that stands for "this or beyond" is shown as such wherever it is shown."""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest

from dashboards import (
    bounds,
    charts,
    charts_caterpillar,
    charts_trend,
    comparison_twins,
    table,
    twins,
)
from dashboards.placement import Frame, Mark, place_labels
from dashboards.release import Deciles, TrendPoint
from tests.unit.dashboards.rows import ADJUSTED, ALLIANCE, row
from tests.unit.dashboards.specs import Spec, layers, rows_of, spec_of

LOW = row(raw_bound="at_most", ceiling_share_bound="at_least", standard_error_bound="at_most")
PLAIN = row(site_id="dockside", site_label="Dockside", raw=36.0)
ADJUSTMENTS = {("harbour", "mill_road"): ADJUSTED}


@pytest.mark.parametrize(
    ("bound", "words", "sign", "way"),
    [
        (None, "5.0", "5.0", 0),
        ("at_most", "5.0 or less", "≤ 5.0", -1),
        ("at_least", "5.0 or more", "≥ 5.0", 1),
        ("any", "5.0 or any other", "5.0 or any other", 0),
        ("half_way", "5.0 (half way)", "5.0 (half way)", 0),
    ],
)
def test_each_code_has_words(bound: str | None, words: str, sign: str, way: int) -> None:
    assert bounds.worded("5.0", bound) == words
    assert bounds.signed("5.0", bound) == sign
    assert bounds.direction(bound) == way


def test_the_table_has_signs_and_the_download_codes() -> None:
    cells = table.html_table([LOW, PLAIN], ALLIANCE, "Caption")
    assert cells.count("≤ 35.2 ± ≤ 1.0") == 1
    assert "≥ 24 %" in cells
    assert "36.0 ± 1.0" in cells
    text = table.csv_text([LOW, PLAIN], ALLIANCE, {"release_id": "r"})
    low, plain = csv.DictReader(io.StringIO(text))
    names = ("raw", "raw_bound", "margin_bound", "ceiling_share_bound")
    assert [low[name] for name in names] == ["35.2", "at_most", "at_most", "at_least"]
    assert [plain[name] for name in names[1:]] == ["", "", ""]


def test_the_twin_of_the_caterpillar_has_both() -> None:
    twin = comparison_twins.caterpillar_twin([LOW, PLAIN], ADJUSTMENTS, ALLIANCE)
    assert [twins.cell(each, twin.columns[1], 1) for each in twin.rows] == ["≤ 35.2", "36.0"]
    low, plain = csv.DictReader(io.StringIO(twins.csv_text(twin, {})))
    assert (low["raw"], low["raw_bound"], plain["raw_bound"]) == ("35.2", "at_most", "")
    assert low["adjusted"] == "35.0"


def _arrows(spec: Spec) -> dict[str, list[str]]:
    """Sites by the arrow beside their mark."""
    drawn = layers(spec, "text", lambda layer: layer["mark"].get("text") in list("↑↓←→"))
    return {
        layer["mark"]["text"]: [str(one.get("site", one.get("period")))
                                for one in rows_of(spec, layer)]
        for layer in drawn
    }  # fmt: skip


def test_the_funnel_points_where_the_true_mean_may_lie() -> None:
    frame = charts.funnel_frame([LOW, PLAIN], ALLIANCE)
    assert dict(zip(frame["site"], frame["mean"], strict=True)) == {
        "Mill Road": "35.2 or less",
        "Dockside": "36.0",
    }
    spec = spec_of(charts.funnel(frame, ALLIANCE))
    assert _arrows(spec) == {"↓": ["Mill Road"]}
    (arrow,) = layers(spec, "text", lambda layer: layer["mark"].get("text") == "↓")
    assert arrow["mark"]["dy"] > 0, "below the mark"
    assert "Near an end of the scale: Mill Road: 35.2 or less." in charts.funnel_description(
        frame, ALLIANCE
    )
    plain = charts.funnel_frame([PLAIN], ALLIANCE)
    assert _arrows(spec_of(charts.funnel(plain, ALLIANCE))) == {}
    assert "Near an end" not in charts.funnel_description(plain, ALLIANCE)


def test_the_caterpillar_points_at_the_raw_mean_alone() -> None:
    high = replace(LOW, raw_bound="at_least", shrunken=35.3)
    frame = charts_caterpillar.caterpillar_frame([high, PLAIN], ADJUSTMENTS, ALLIANCE)
    told = frame[frame["site"] == "Mill Road"].set_index("series")["words"].to_dict()
    assert told["Raw mean"] == "35.2 or more"
    assert told["Adjusted mean"] == "35.0"
    assert told["Raw, pulled to the group"] == "35.3"
    assert set(frame["at_best"]) == {"≥ 24 %", "24 %"}
    spec = spec_of(charts_caterpillar.caterpillar(frame, ALLIANCE, {}))
    assert _arrows(spec) == {"→": ["Mill Road"]}
    (arrow,) = layers(spec, "text", lambda layer: layer["mark"].get("text") == "→")
    assert arrow["mark"]["dx"] > 0, "right of the mark"


def test_the_line_through_time_points_at_coded_periods() -> None:
    points = [
        TrendPoint(
            "harbour", "mill_road", f"2026-0{month}", date(2026, month, 1), 39.0, 1,
            None, None, None, None, "too_few_points", bound,
        )
        for month, bound in ((1, None), (2, "at_least"))
    ]  # fmt: skip
    frame = charts_trend.trend_frame(points, ALLIANCE)
    assert frame["words"].tolist() == ["39.0", "39.0 or more"]
    none: list[Deciles] = []
    changes = charts_trend.interventions_frame([], frame["on"].min(), frame["on"].max())
    spread = charts_trend.deciles_frame(none)
    spec = spec_of(charts_trend.trend_chart(frame, spread, changes, ALLIANCE))
    assert _arrows(spec) == {"↑": ["February 2026"]}
    twin = comparison_twins.trend_twin(points, none, [], ALLIANCE)
    assert [twins.cell(each, twin.columns[1], 1) for each in twin.rows] == ["≥ 39.0", "39.0"]


def test_no_name_stands_on_an_arrow() -> None:
    frame = Frame((0, 1), (0, 1), 100, 100)
    # Too long for either side: above the mark, or, where an arrow stands there, below it.
    name = "a long name"
    above = place_labels([Mark(name, 0.5, 0.5)], frame)[name]
    beside = place_labels([Mark(name, 0.5, 0.5, arrow=1)], frame)
    assert (above.align, above.dy) == ("center", -17)
    assert beside[name].dy == 17
