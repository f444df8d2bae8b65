"""The counting and the exact figures of the newer studies, by hand."""

from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tests.studies.coverage import coverages
from tests.studies.drop_rules import fixed_by_chance, fixed_found, marked_forms, sd_found
from tests.studies.drops_table import Share


def test_marks_by_hand() -> None:
    # Falls 1, -1, 5, ... of totals 0 to 40: 5 is under a point of seven, 6.667. SD of the eight:
    # mean 35.25, squares 4 * .75² + 3 * .25² + 4.25² = 20.5 -> sqrt(20.5 / 7) = 1.711. Without the
    # fourth form 249 / 7 = 35.571, ranges 1, 1, 0, 1, 1, 1: 35.571 - 2.66 * 5 / 6 = 33.355 > 31.
    found = marked_forms(np.array([[36.0, 35, 36, 31, 36, 35, 36, 35]]), 40, 0)
    assert {rule: np.flatnonzero(marks).tolist() for rule, marks in found.items()} == {
        "fixed": [],
        "sd1": [3],
        "sd2": [3],
        "chart": [3],
    }
    # Against an SD of 3 the fall of 5 is one SD and not two.
    found = marked_forms(np.array([[36.0, 35, 36, 31, 36]]), 40, 3)
    assert {rule: np.flatnonzero(marks).tolist() for rule, marks in found.items()} == {
        "fixed": [],
        "sd1": [3],
        "sd2": [],
    }


def test_exact_figures_are_the_normal_s_far_from_the_ends() -> None:
    # A fall is N(5, 2 * 2²), rounded totals reach 40 / 6 from 6.65 on.
    spread = sqrt(2 * (4 + 0.01 / 12))
    level = np.array([20.0])
    assert fixed_found(level, 5.0, 2.0, 40, 0.1) == pytest.approx(norm.sf(1.65 / spread), abs=3e-5)
    once = norm.sf(6.65 / spread)
    assert fixed_by_chance(level, 2, 2.0, 40, 0.1) == pytest.approx(once, abs=1e-5)
    assert fixed_by_chance(level, 3, 2.0, 40, 0.1) == pytest.approx(2 * once, rel=0.01)
    # At the ceiling, two SDs above it: both forms must leave it to fall so far, hence rarer.
    assert fixed_by_chance(np.array([44.0]), 2, 2.0, 40, 0.1) < once / 10
    # So strict a network that the client's own SD never decides.
    means = np.array([20.0, 20, 20, 15, 15, 20])
    assert sd_found(means, 3, 1, 2.0, 8.0, 0.1) == pytest.approx(norm.sf(2.95 / spread), abs=2e-4)


def test_how_far_off_a_share_is() -> None:
    # 60 of 100 against 1/2: 10 over sqrt(25) = 2 SDs.
    assert Share(0.6, 100, 0.5).z == pytest.approx(2, abs=0.02)
    assert Share(0.5, 100, 0.5).z == pytest.approx(0, abs=1e-9)
    # Known from as many draws only: 2 / sqrt(2).
    assert Share(0.6, 100, 0.5, 100).z == pytest.approx(sqrt(2), abs=0.03)
    # None of many against none of many more is nothing.
    assert abs(Share(0.0, 2_000, 0.0, 100_000).z) < 0.1


def test_coverage_by_hand() -> None:
    one = pd.DataFrame(
        {
            "figure": ["a", "a", "a", "b", "b"],
            "value": [1.0, 2.0, 3.0, 0.0, 0.0],
            "lower95": [0.0, 1.0, 2.0, -1.0, np.nan],
            "upper95": [2.0, 3.0, 4.0, 1.0, np.nan],
            "truth": [2.0, 3.5, 3.0, 0.5, 0.5],
        }
    )
    a, b = coverages([one])
    assert (a.figure, a.n) == ("a", 3)
    assert (a.covered, a.bias, a.width) == pytest.approx((2 / 3, -2.5 / 3, 2))
    assert (b.n, b.covered) == (1, 1)
    # Of 100 intervals at 95 %, 86 to 100 are held in all but one study of a thousand.
    many = coverages([pd.concat([one.iloc[[0]]] * 85 + [one.iloc[[1]]] * 15)])[0]
    assert many.covered == pytest.approx(0.85)
    assert not many.is_nominal
    assert coverages([pd.concat([one.iloc[[0]]] * 93 + [one.iloc[[1]]] * 7)])[0].is_nominal
