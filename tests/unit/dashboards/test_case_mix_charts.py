"""The model of the case mix: what is drawn is what the release says."""

import pytest

from dashboards import charts_case_mix as charts
from dashboards.release import CalibrationTenth, Coefficient
from tests.unit.dashboards.rows import ALLIANCE
from tests.unit.dashboards.specs import field, layers, loads_nothing, rows_of, spec_of

COEFFICIENTS = [
    Coefficient("baseline_severity", None, -0.052, -0.07, -0.03, 0.1, 0.86, None),
    Coefficient("age_band", "18-25", 0.4, -0.1, 0.9, 0.05, None, None),
    Coefficient("service_type", None, None, None, None, 0.0, None, "one_value"),
]
TENTHS = [CalibrationTenth(2, 34.4, 34.1), CalibrationTenth(1, 33.9, 34.0)]


def test_coefficients_are_points_with_their_intervals_and_zero_is_a_line() -> None:
    frame = charts.coefficients_frame(COEFFICIENTS, ALLIANCE)
    assert frame["name"].tolist() == ["Severity at the start", "Age group: 18-25"]
    # One digit more than a score has.
    assert frame["interval"].tolist() == ["−0.07 to −0.03", "−0.10 to +0.90"]
    spec = spec_of(charts.coefficients_chart(frame, ALLIANCE))
    [points] = layers(spec, "point")
    drawn = {row["name"]: row["estimate"] for row in rows_of(spec, points)}
    assert drawn == {"Severity at the start": -0.052, "Age group: 18-25": 0.4}
    [interval] = layers(spec, "rule", lambda layer: field(layer, "x2") == "upper95")
    assert [row["lower95"] for row in rows_of(spec, interval)] == [-0.07, -0.1]
    low, high = points["encoding"]["x"]["scale"]["domain"]
    assert low < -0.1 < 0 < 0.9 < high
    assert loads_nothing(spec)
    assert "2 coefficients" in charts.coefficients_description(frame)


def test_calibration_holds_observed_against_expected() -> None:
    frame = charts.calibration_frame(TENTHS)
    assert frame["tenth"].tolist() == [1, 2]
    spec = spec_of(charts.calibration_chart(frame, ALLIANCE))
    [points] = layers(spec, "point")
    drawn = [(row["expected"], row["observed"]) for row in rows_of(spec, points)]
    assert drawn == [(33.9, 34.0), (34.4, 34.1)]
    encoding = points["encoding"]
    assert encoding["x"]["scale"]["domain"] == encoding["y"]["scale"]["domain"]
    [same] = layers(spec, "line")
    assert all(row["expected"] == row["observed"] for row in rows_of(spec, same))
    assert loads_nothing(spec)
    assert "2 tenths" in charts.calibration_description(frame)


def test_nothing_is_no_chart() -> None:
    with pytest.raises(ValueError, match="no chart"):
        charts.coefficients_chart(charts.coefficients_frame([], ALLIANCE), ALLIANCE)
    with pytest.raises(ValueError, match="no chart"):
        charts.calibration_chart(charts.calibration_frame([]), ALLIANCE)
