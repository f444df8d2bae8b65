"""Intraclass correlations: the paper's table, and where nothing can be said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.measures.agreement import intraclass_correlations
from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.reliability import cronbach_alpha
from tests.unit.measures.published import JUDGED, Floats


def test_shrout_and_fleiss_table_4() -> None:
    found = intraclass_correlations(JUDGED)
    single = (found.one_way_single, found.two_way_random_single, found.two_way_fixed_single)
    mean = (found.one_way_mean, found.two_way_random_mean, found.two_way_fixed_mean)
    assert single == pytest.approx((0.17, 0.29, 0.71), abs=0.005)
    assert mean == pytest.approx((0.44, 0.62, 0.91), abs=0.005)
    assert (found.n_subjects, found.n_judges) == (6, 4)


def test_consistency_of_the_mean_is_alpha() -> None:
    # Shrout & Fleiss 1979, p. 422: ICC(3,k) is Cronbach's alpha over the judges.
    alpha = cronbach_alpha(np.cov(JUDGED, rowvar=False))
    assert intraclass_correlations(JUDGED).two_way_fixed_mean == pytest.approx(alpha)


def test_a_subject_without_every_rating_is_left_out() -> None:
    gap = np.vstack([JUDGED, [3.0, np.nan, 9.0, 1.0]])
    assert intraclass_correlations(gap) == intraclass_correlations(JUDGED)


@pytest.mark.parametrize("ratings", [np.full((5, 3), 4.0), np.full((5, 3), 1e9), np.zeros((2, 2))])
def test_equal_ratings_have_no_agreement_to_measure(ratings: Floats) -> None:
    found = intraclass_correlations(ratings)
    assert found.one_way_single is None
    assert found.two_way_random_mean is None
    assert found.two_way_fixed_single is None


@pytest.mark.parametrize("ratings", [np.ones((1, 4)), np.ones((6, 1)), np.full((6, 4), np.nan)])
def test_one_subject_or_one_judge_is_refused(ratings: Floats) -> None:
    with pytest.raises(MeasureUndefined, match="2 subjects"):
        intraclass_correlations(ratings)


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(6)), st.permutations(range(4)), st.floats(0.1, 9), st.floats(-9, 9))
def test_order_unit_and_origin_change_nothing(
    subjects: list[int], judges: list[int], factor: float, shift: float
) -> None:
    moved = intraclass_correlations(JUDGED[subjects][:, judges] * factor + shift)
    found = intraclass_correlations(JUDGED)
    assert list(vars(moved).values()) == pytest.approx(list(vars(found).values()))
