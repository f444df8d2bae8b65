"""The caterpillar: raw and adjusted together, each as it is and pulled to the group."""

from typing import Any

import pytest

from dashboards import charts_caterpillar as charts
from dashboards.release import Adjustment, ReferenceBand
from tests.unit.dashboards.rows import ALLIANCE, NO_LIMITS, adjusted, named, suppressed
from tests.unit.dashboards.specs import field, layers, loads_nothing, rows_of, spec_of

PULLED: dict[str, Any] = {"shrunken": 35.3, "shrunken_lower95": 34.6, "shrunken_upper95": 36.1}
ROWS = [
    named("Abbey Lane", raw=36.0, standard_error=0.5, **PULLED),
    named("Castle Hill", raw=34.0, response_rate=None, **PULLED),
    named("Lighthouse", raw=35.1, **PULLED),
    named("Orchard", raw=35.0, standard_error=None, **NO_LIMITS),
    suppressed(),
]
NOTHING: dict[str, Any] = dict.fromkeys(
    ("adjusted", "standard_error", "target", "shrunken", "shrunken_lower95", "shrunken_upper95")
)
SITES = {
    "Abbey Lane": adjusted("Abbey Lane", adjusted=35.5, standard_error=0.6, **PULLED),
    "Castle Hill": adjusted("Castle Hill", adjusted=34.4),
    "Lighthouse": adjusted(
        "Lighthouse",
        **NOTHING,
        null_reason="covariate_not_identifiable",
        not_identifiable="age_band",
    ),
}
ADJUSTMENTS = {(item.practice_id, item.site_id): item for item in SITES.values()}
BANDS = [
    ReferenceBand("this network", "2025", None, 500, None, None, 28.0, 32.0, 35.6, 38.4, 39.0),
    ReferenceBand("Far away 2001", "adults", None, 90, 12.0, 5.0, *[None] * 5),
]


def _frame(adjustments: dict[tuple[str, str], Adjustment] = ADJUSTMENTS) -> Any:
    return charts.caterpillar_frame(ROWS, adjustments, ALLIANCE)


def _spec(chosen: str | None = None, bands: list[ReferenceBand] = BANDS) -> dict[str, Any]:
    means = charts.targets(ROWS, ADJUSTMENTS)
    return spec_of(charts.caterpillar(_frame(), ALLIANCE, means, chosen, bands))


def test_each_known_value_is_a_row_with_its_interval() -> None:
    frame = _frame()
    found = {(row.site, row.series): row for row in frame.itertuples()}
    assert list(found) == [
        ("Abbey Lane", charts.RAW),
        ("Abbey Lane", charts.PULLED),
        ("Abbey Lane", charts.ADJUSTED),
        ("Abbey Lane", charts.ADJUSTED_PULLED),
        ("Castle Hill", charts.RAW),
        ("Castle Hill", charts.PULLED),
        ("Castle Hill", charts.ADJUSTED),
        ("Lighthouse", charts.RAW),
        ("Lighthouse", charts.PULLED),
        ("Orchard", charts.RAW),
    ]
    # 36.0 ± 1.959964 x 0.5 and 35.5 ± 1.959964 x 0.6
    raw, own = found["Abbey Lane", charts.RAW], found["Abbey Lane", charts.ADJUSTED]
    assert (raw.value, raw.lower, raw.upper) == pytest.approx((36.0, 35.020018, 36.979982))
    assert (own.value, own.lower, own.upper) == pytest.approx((35.5, 34.3240216, 36.6759784))
    pulled = found["Abbey Lane", charts.ADJUSTED_PULLED]
    assert (pulled.value, pulled.lower, pulled.upper) == (35.3, 34.6, 36.1)
    assert pulled.interval == "34.6 to 36.1"
    assert found["Orchard", charts.RAW].interval == "not known"
    assert found["Castle Hill", charts.RAW].returned == "–"


def test_marks_stand_at_their_values_hollow_as_they_are_and_solid_when_pulled() -> None:
    spec = _spec()
    [points] = layers(spec, "point")
    assert field(points, "x") == "value"
    assert field(points, "y") == "site"
    assert field(points, "yOffset") == "lane"
    drawn = {(row["site"], row["series"]): row["value"] for row in rows_of(spec, points)}
    assert drawn["Abbey Lane", charts.RAW] == 36.0
    assert drawn["Castle Hill", charts.ADJUSTED] == 34.4
    assert len(drawn) == 10
    encoding = points["encoding"]
    words = encoding["shape"]["scale"]["domain"]
    assert words == [charts.RAW, charts.PULLED, charts.ADJUSTED, charts.ADJUSTED_PULLED]
    assert encoding["shape"]["scale"]["range"] == ["circle", "circle", "diamond", "diamond"]
    fills = encoding["fill"]["scale"]["range"]
    assert [fill == "var(--paper)" for fill in fills] == [True, False, True, False]


def test_intervals_run_from_end_to_end_and_only_where_they_are_known() -> None:
    spec = _spec()
    rules = layers(spec, "rule", lambda layer: field(layer, "x2") == "upper")
    drawn = {(row["site"], row["series"]) for rule in rules for row in rows_of(spec, rule)}
    assert len(drawn) == 9
    assert ("Orchard", charts.RAW) not in drawn
    assert all(field(rule, "x") == "lower" for rule in rules)


def test_sites_are_in_the_order_given_and_hidden_ones_are_not_there() -> None:
    spec = _spec()
    [points] = layers(spec, "point")
    order = ["Abbey Lane", "Castle Hill", "Lighthouse", "Orchard"]
    assert points["encoding"]["y"]["sort"] == order
    assert "West End" not in str(spec)


def test_the_groups_means_are_lines_with_names_on_the_sides_they_look_to() -> None:
    assert charts.targets(ROWS, ADJUSTMENTS) == {"raw": 35.4, "adjusted": 35.3}
    spec = _spec()
    names = {
        layer["mark"]["text"]: layer["mark"]["align"]
        for layer in layers(spec, "text")
        if isinstance(layer["mark"].get("text"), str)
    }
    assert names == {"Group mean 35.4": "left", "Adjusted 35.3": "right"}


def test_without_anything_adjusted_there_is_one_lane() -> None:
    frame = _frame({})
    assert set(frame["lane"]) == {"raw"}
    spec = spec_of(charts.caterpillar(frame, ALLIANCE, charts.targets(ROWS, {})))
    [points] = layers(spec, "point")
    assert points["encoding"]["yOffset"]["scale"]["domain"] == ["raw"]
    assert points["encoding"]["shape"]["scale"]["domain"] == [charts.RAW, charts.PULLED]


def test_a_reference_nearby_is_a_line_and_its_middle_half_is_shaded_within_the_plot() -> None:
    spec = _spec()
    [shade] = layers(spec, "rect")
    [points] = layers(spec, "point")
    low, high = points["encoding"]["x"]["scale"]["domain"]
    [band] = rows_of(spec, shade)
    assert band["p25"] == pytest.approx(max(32.0, low))
    assert band["p75"] == pytest.approx(min(38.4, high))
    lines = layers(spec, "rule", lambda layer: field(layer, "x") == "centre")
    assert [row["words"] for line in lines for row in rows_of(spec, line)] == [
        "Our own reference 35.6"
    ]
    assert "Far away" not in str(spec), "one far away would press the sites into a corner"
    assert not layers(_spec(bands=[]), "rect")


def test_response_and_ceiling_stand_beside() -> None:
    spec = _spec()
    first = [row for row in rows_of(spec, layers(spec, "point")[0]) if row["site"] == "Abbey Lane"]
    assert (first[0]["returned"], first[0]["at_best"]) == ("72 %", "24 %")
    texts = [str(layer["mark"].get("text")) for layer in layers(spec, "text")]
    assert any("datum.returned" in text for text in texts)
    assert any("datum.at_best" in text for text in texts)


def test_the_chosen_site_lies_on_a_band() -> None:
    [band] = layers(_spec("Castle Hill"), "bar")
    spec = _spec("Castle Hill")
    assert [row["site"] for row in rows_of(spec, band)] == ["Castle Hill"]
    assert not layers(_spec(), "bar")


def test_there_is_no_chart_of_nothing() -> None:
    frame = charts.caterpillar_frame([suppressed()], {}, ALLIANCE)
    with pytest.raises(ValueError, match="at least one site"):
        charts.caterpillar(frame, ALLIANCE, {})


def test_it_loads_nothing_and_says_what_it_is() -> None:
    assert loads_nothing(_spec())
    said = charts.caterpillar_description(_frame(), ALLIANCE)
    assert "4 sites in alphabetical order" in said
    assert "2 of them also adjusted" in said
