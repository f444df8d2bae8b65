"""The funnel: what is drawn is what the release says, and no state hangs on colour alone."""

from typing import Any

import pytest

from dashboards import charts
from dashboards.release import ReferenceBand, SiteResult
from tests.unit.dashboards.rows import ALLIANCE, NO_LIMITS, named, suppressed

LIMITS = ("target", "lower95", "upper95", "lower998", "upper998")
ROWS = [
    named("Abbey Lane", standard_error=0.4, raw=36.1, lower95=34.6, upper95=36.2),
    named("Castle Hill", standard_error=0.8, raw=37.4, flag="above_95", upper998=38.5),
    named("Dockside", standard_error=0.5, raw=33.1, flag="below_998", lower998=33.5),
    named("Orchard", standard_error=0.6, raw=35.0, comparability="therapist_unknown", **NO_LIMITS),
    named("Lighthouse", standard_error=None),
    suppressed(),
]


def _spec(rows: list[SiteResult], chosen: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = charts.funnel(
        charts.funnel_frame(rows, ALLIANCE), ALLIANCE, chosen
    ).to_dict()
    return spec


def _data(spec: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = spec["datasets"][layer["data"]["name"]]
    return rows


def _sites_layer(spec: dict[str, Any]) -> dict[str, Any]:
    [layer] = [layer for layer in spec["layer"] if "shape" in layer["encoding"]]
    return dict(layer)


def test_every_mark_stands_where_the_release_puts_the_site() -> None:
    spec = _spec(ROWS)
    layer = _sites_layer(spec)
    assert layer["encoding"]["x"]["field"] == "precision"
    assert layer["encoding"]["y"]["field"] == "raw"
    drawn = {mark["site"]: mark for mark in _data(spec, layer)}
    assert sorted(drawn) == ["Abbey Lane", "Castle Hill", "Dockside", "Orchard"]
    for row in ROWS[:4]:
        mark = drawn[row.site_label]
        assert mark["raw"] == row.raw
        assert mark["n_clients"] == row.n_clients
        assert row.standard_error is not None
        assert mark["precision"] == pytest.approx(1 / row.standard_error)
        assert [mark[name] for name in LIMITS] == [getattr(row, name) for name in LIMITS]


def test_the_bands_are_the_sites_own_limits_joined_in_order_of_precision() -> None:
    spec = _spec(ROWS)
    areas = [layer for layer in spec["layer"] if layer["mark"]["type"] == "area"]
    fields = [(area["encoding"]["y"]["field"], area["encoding"]["y2"]["field"]) for area in areas]
    assert fields == [("lower998", "upper998"), ("lower95", "upper95")]
    points = _data(spec, areas[0])
    # Castle Hill, Dockside, Abbey Lane; then the surest site's limits up to the plot's edge.
    assert [point["precision"] for point in points[:3]] == pytest.approx([1.25, 2.0, 2.5])
    expected = [[getattr(ROWS[place], name) for name in LIMITS] for place in (1, 2, 0, 0)]
    assert [[point[name] for name in LIMITS] for point in points] == expected
    assert points[3]["precision"] == spec["layer"][0]["encoding"]["x"]["scale"]["domain"][1]


def test_each_state_has_a_shape_and_a_word_beside_its_colour() -> None:
    encoding = _sites_layer(_spec(ROWS))["encoding"]
    words = encoding["shape"]["scale"]["domain"]
    assert words == [
        "Above the 95 % limit",
        "Within the expected range",
        "Below the 99.8 % limit",
        "No flag",
    ]
    shapes = encoding["shape"]["scale"]["range"]
    assert len(set(shapes)) == len(shapes)
    assert encoding["fill"]["scale"]["domain"] == words
    assert encoding["stroke"]["scale"]["domain"] == words


def test_the_tooltip_names_site_counts_value_interval_and_flag() -> None:
    fields = [item["field"] for item in _sites_layer(_spec(ROWS))["encoding"]["tooltip"]]
    assert {"site", "n_clients", "n_therapists", "mean", "interval", "flag"} <= set(fields)


def test_site_names_are_written_on_the_chart() -> None:
    spec = _spec(ROWS)
    named_layers = [
        layer for layer in spec["layer"] if layer["encoding"].get("text", {}).get("field") == "site"
    ]
    written = [row["site"] for layer in named_layers for row in _data(spec, layer)]
    assert sorted(written) == ["Abbey Lane", "Castle Hill", "Dockside", "Orchard"]


def test_the_chosen_site_is_ringed_and_no_other() -> None:
    spec = _spec(ROWS, "Dockside")
    [ring] = [layer for layer in spec["layer"] if layer["mark"].get("filled") is False]
    assert [row["site"] for row in _data(spec, ring)] == ["Dockside"]
    [ring] = [layer for layer in _spec(ROWS)["layer"] if layer["mark"].get("filled") is False]
    assert _data(_spec(ROWS), ring) == []


def test_one_site_alone_has_a_band_from_edge_to_edge() -> None:
    spec = _spec(ROWS[:1])
    [area, _] = [layer for layer in spec["layer"] if layer["mark"]["type"] == "area"]
    low, high = area["encoding"]["x"]["scale"]["domain"]
    assert [point["precision"] for point in _data(spec, area)] == pytest.approx([low, 2.5, high])


def test_sites_without_limits_are_drawn_without_a_band() -> None:
    spec = _spec([ROWS[3]])
    assert {layer["mark"]["type"] for layer in spec["layer"]} == {"point", "text"}


def test_there_is_no_chart_of_nothing() -> None:
    frame = charts.funnel_frame([ROWS[4], ROWS[5]], ALLIANCE)
    assert frame.empty
    with pytest.raises(ValueError, match="at least one site"):
        charts.funnel(frame, ALLIANCE)


def test_the_spec_loads_nothing_and_is_drawn_as_svg() -> None:
    spec = _spec(ROWS)
    assert spec["usermeta"]["embedOptions"]["renderer"] == "svg"
    assert "url" not in str(spec["layer"])


def test_the_description_names_the_sites_outside() -> None:
    text = charts.funnel_description(charts.funnel_frame(ROWS, ALLIANCE), ALLIANCE)
    assert "4 sites" in text
    assert "Castle Hill: above the 95 % limit" in text
    assert "Dockside: below the 99.8 % limit" in text
    inside = charts.funnel_description(charts.funnel_frame(ROWS[:1], ALLIANCE), ALLIANCE)
    assert "Outside the expected range: no site" in inside


def test_a_reference_nearby_is_a_line_with_its_name_and_one_far_away_is_not() -> None:
    near = ReferenceBand("this network", "2025", None, 500, 36.9, 5.0, *[None] * 5)
    far = ReferenceBand("Far away 2001", "adults", None, 90, 12.0, 5.0, *[None] * 5)
    frame = charts.funnel_frame(ROWS, ALLIANCE)
    spec: dict[str, Any] = charts.funnel(frame, ALLIANCE, None, [near, far]).to_dict()
    [line] = [layer for layer in spec["layer"] if layer["mark"]["type"] == "rule"]
    assert line["encoding"]["y"]["field"] == "centre"
    assert [(row["centre"], row["words"]) for row in _data(spec, line)] == [
        (36.9, "Our own reference 36.9")
    ]
