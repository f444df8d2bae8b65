"""The rules of a site's line through time, against a published line and by hand."""

import numpy as np
import pytest

from orchestration.benchmarking.process_chart import RULES, ProcessCharts, process_charts

# Twenty normal numbers, their mean and limits: the package NHSRplotthedots 0.1.0 (tests/testthat/
# _snaps/ptd_spc_standard.md), which prints three digits of each.
PUBLISHED = np.array(
    [
        [-0.560, -0.230, 1.56, 0.0705, 0.129, 1.72, 0.461, -1.27, -0.687, -0.446],
        [1.22, 0.360, 0.401, 0.111, -0.556, 1.79, 0.498, -1.97, 0.701, -0.473],
    ]
).ravel()
FLAT = np.array([10.0, 11.0] * 12)
"""Mean 10.5, moving ranges of 1: limits 10.5 ± 2.66, outer third beyond 10.5 ± 1.7733."""
GAP = np.nan


def _chart(*lines: np.ndarray) -> ProcessCharts:
    return process_charts(np.stack(lines))


def _marked(values: np.ndarray, rule: str) -> list[int]:
    return np.flatnonzero(_chart(values).rules[rule][0]).tolist()


def test_mean_and_limits_of_a_published_line() -> None:
    chart = _chart(PUBLISHED)
    assert chart.mean[0] == pytest.approx(0.142, abs=1e-3)
    assert chart.lower[0] == pytest.approx(-3.01, abs=0.01)
    assert chart.upper[0] == pytest.approx(3.29, abs=0.01)
    assert not chart.is_marked.any()
    assert chart.null_reason.tolist() == [None]


def test_a_value_beyond_the_limits() -> None:
    values = FLAT.copy()
    values[5] = 20.0
    # Mean (12 x 10 + 11 x 11 + 20) / 24 = 10.875. Moving ranges: 21 of 1, and 10 and 10; their
    # mean is 41/23 = 1.783, and 10 > 3.267 x 1.783 = 5.82 leaves the two out: 1 remains.
    chart = _chart(values)
    assert (chart.mean[0], chart.upper[0]) == pytest.approx((10.875, 10.875 + 2.66))
    assert _marked(values, "outside") == [5]


def test_seven_on_one_side_and_not_six() -> None:
    values = FLAT.copy()
    values[:7] = [11.0, 11.1, 11.0, 11.1, 11.0, 11.1, 11.0]
    values[7] = 10.0
    assert _marked(values, "shift") == list(range(7))
    values[6] = 10.0
    assert _marked(values, "shift") == []


def test_seven_rising_and_not_six() -> None:
    values = FLAT.copy()
    values[8:15] = [9.0, 9.3, 9.6, 10.4, 10.7, 11.0, 11.3]
    assert _marked(values, "trend") == list(range(8, 15))
    assert _marked(-values, "trend") == list(range(8, 15))
    values[11] = 9.6  # one step of none
    assert _marked(values, "trend") == []


def test_two_of_three_in_the_outer_third() -> None:
    values = FLAT.copy()
    values[[4, 6]] = 12.8
    values[5] = 11.0
    chart = _chart(values)
    outer = chart.mean[0] + (chart.upper[0] - chart.mean[0]) * 2 / 3
    assert outer < 12.8 < chart.upper[0]
    assert _marked(values, "two_in_three") == [4, 6]
    values[5] = 9.5  # the third of them lies on the other side
    assert _marked(values, "two_in_three") == []


def test_runs_are_found_at_both_ends_of_a_line() -> None:
    values = FLAT.copy()
    values[-7:] = [11.0, 11.1, 11.0, 11.1, 11.0, 11.1, 11.2]
    assert _marked(values, "shift") == list(range(17, 24))
    values = FLAT.copy()
    values[:7] = [9.0, 9.3, 9.6, 10.4, 10.7, 11.0, 11.3]
    assert _marked(values, "trend") == list(range(7))


def test_lines_do_not_touch_each_other() -> None:
    other = FLAT + 5.0
    other[5] = 25.0
    chart = _chart(FLAT, other)
    assert chart.mean.tolist() == pytest.approx([10.5, 15.875])
    assert np.argwhere(chart.is_marked).tolist() == [[1, 5]]


def test_a_short_line_has_no_limits() -> None:
    chart = _chart(FLAT[:11])
    assert np.isnan([chart.mean, chart.lower, chart.upper]).all()
    assert not chart.is_marked.any()
    assert set(chart.rules) == set(RULES)
    assert chart.null_reason.tolist() == ["too_few_points"]
    assert process_charts(np.empty((0, 0))).mean.size == 0
    rising = np.arange(11.0)
    assert not _chart(rising).is_marked.any()


def test_values_beside_a_gap_are_no_moving_range() -> None:
    """10 11 10 11 10 11 _ 20 21 20 21 20 21 20: six ranges of 1 on the right, five on the left; the
    nine from 11 to 20 is none. Mean (63 + 143) / 13 = 15.846, limits ± 2.66."""
    values = np.array([10, 11, 10, 11, 10, 11, GAP, 20, 21, 20, 21, 20, 21, 20])
    chart = _chart(values)
    assert chart.mean[0] == pytest.approx(206 / 13)
    assert chart.upper[0] - chart.mean[0] == pytest.approx(2.66)


def test_a_gap_costs_a_range_that_a_further_value_makes_up_for() -> None:
    line = FLAT.copy()
    line[5] = GAP
    twelve, thirteen = line.copy(), line.copy()
    twelve[13:] = GAP
    thirteen[14:] = GAP
    chart = _chart(twelve, thirteen)
    assert chart.null_reason.tolist() == ["gaps", None]
    assert np.isnan(chart.mean).tolist() == [True, False]
    every_other = np.where(np.arange(24) % 2, FLAT, GAP)
    eleven = np.where(np.arange(24) == 1, GAP, every_other)
    late = np.where(np.arange(24) < 13, GAP, FLAT)
    found = _chart(every_other, eleven, late, np.full(24, GAP)).null_reason
    assert found.tolist() == ["gaps", "gaps", "too_few_points", "too_few_points"]


def test_a_gap_ends_every_run() -> None:
    shift = FLAT.copy()
    shift[:7] = [11.0, 11.1, 11.0, GAP, 11.0, 11.1, 11.0]
    shift[7] = 11.1
    assert _marked(shift, "shift") == []
    trend = FLAT.copy()
    trend[8:15] = [9.0, 9.3, 9.6, GAP, 10.7, 11.0, 11.3]
    assert _marked(trend, "trend") == []
    near = FLAT.copy()
    near[4:7] = [12.8, GAP, 12.8]
    assert _marked(near, "two_in_three") == []


def test_a_line_that_hardly_moves_marks_nothing_for_that() -> None:
    # 0.1 has no exact sum: the mean of twelve is not 0.1 to the last bit.
    still = _chart(np.full(12, 0.1))
    assert (still.lower[0], still.upper[0]) == pytest.approx((0.1, 0.1))
    assert not still.is_marked.any()
    # All ranges but two are 0; those two would be left out, and every value lie beyond limits
    # without width. They stay: 2 x 5 / 11 = 0.909, limits 10.417 ± 2.418.
    once = np.full(12, 10.0)
    once[4] = 15.0
    chart = _chart(once)
    assert chart.upper[0] == pytest.approx(125 / 12 + 2.66 * 10 / 11)
    assert np.flatnonzero(chart.rules["outside"][0]).tolist() == [4]


def test_what_is_no_table_of_finite_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        process_charts(np.array([[1.0, np.inf]]))
    with pytest.raises(ValueError, match="a row a line"):
        process_charts(FLAT)


def test_chance_alone_marks_about_one_line_of_24_periods_in_five() -> None:
    """As expectations/metrics/trends.yml says; 40,000 lines gave 18.7 %."""
    chance = process_charts(np.random.default_rng(5).normal(size=(8000, 24)))
    assert chance.is_marked.any(axis=1).mean() == pytest.approx(0.187, abs=0.015)
