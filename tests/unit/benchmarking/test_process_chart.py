"""The rules of a site's line through time, against a published line and by hand."""

import numpy as np
import pytest

from orchestration.benchmarking.process_chart import RULES, process_chart

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


def _marked(values: np.ndarray, rule: str) -> list[int]:
    return np.flatnonzero(process_chart(values).rules[rule]).tolist()


def test_mean_and_limits_of_a_published_line() -> None:
    chart = process_chart(PUBLISHED)
    assert chart.mean[0] == pytest.approx(0.142, abs=1e-3)
    assert chart.lower[0] == pytest.approx(-3.01, abs=0.01)
    assert chart.upper[0] == pytest.approx(3.29, abs=0.01)
    assert not chart.is_marked.any()


def test_a_value_beyond_the_limits() -> None:
    values = FLAT.copy()
    values[5] = 20.0
    # Mean (12 x 10 + 11 x 11 + 20) / 24 = 10.875. Moving ranges: 21 of 1, and 10 and 10; their
    # mean is 41/23 = 1.783, and 10 > 3.267 x 1.783 = 5.82 leaves the two out: 1 remains.
    chart = process_chart(values)
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
    values[11] = 9.6  # one step of none
    assert _marked(values, "trend") == []


def test_two_of_three_in_the_outer_third() -> None:
    values = FLAT.copy()
    values[[4, 6]] = 12.8
    values[5] = 11.0
    chart = process_chart(values)
    outer = chart.mean[0] + (chart.upper[0] - chart.mean[0]) * 2 / 3
    assert outer < 12.8 < chart.upper[0]
    assert _marked(values, "two_in_three") == [4, 6]
    values[5] = 9.5  # the third of them lies on the other side
    assert _marked(values, "two_in_three") == []


def test_each_stretch_is_held_against_itself() -> None:
    values = np.concatenate([FLAT, FLAT + 5.0])
    starts = np.arange(48) == 24
    chart = process_chart(values, starts)
    assert chart.mean[[0, 47]].tolist() == [10.5, 15.5]
    assert not chart.is_marked.any()
    assert _marked(values, "shift") == list(range(48))


def test_a_short_stretch_has_no_limits() -> None:
    chart = process_chart(FLAT[:11])
    assert np.isnan(chart.mean).all()
    assert not chart.is_marked.any()
    assert set(chart.rules) == set(RULES)
    assert process_chart(np.array([])).mean.size == 0


def test_a_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        process_chart(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="one entry a point"):
        process_chart(FLAT, np.array([True]))
