"""Alpha, its interval, omega and the items: published figures, gaps, and items gone wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from orchestration.measures.arrays import MeasureUndefined, pairwise_covariance, reversed_items
from orchestration.measures.one_factor import one_factor
from orchestration.measures.reliability import feldt_interval, scale_reliability
from tests.unit.measures.published import ATTITUDE, JUDGED, Floats

NAN = np.nan


def test_attitude_as_psych_prints_it() -> None:
    # psych::alpha(attitude): raw_alpha, raw_alpha if an item is dropped; r.drop to two places.
    found = scale_reliability(ATTITUDE)
    assert found.alpha_pairwise == pytest.approx(0.843, abs=0.0005)
    assert found.alpha_complete == pytest.approx(found.alpha_pairwise)
    dropped = [item.alpha_if_dropped for item in found.items]
    assert dropped == pytest.approx([0.810, 0.797, 0.828, 0.803, 0.795, 0.864, 0.840], abs=0.0005)
    rest = [item.item_rest for item in found.items]
    assert rest == pytest.approx([0.67, 0.74, 0.56, 0.71, 0.79, 0.27, 0.46], abs=0.00501)
    assert (found.n, found.n_complete, found.reasons) == (30, 30, ())


def test_feldt_s_interval_is_that_of_the_consistency_of_four_judges() -> None:
    # Alpha is ICC(3,k), whose limits on Shrout & Fleiss' data psych::ICC gives as .676 and .99.
    alpha = scale_reliability(JUDGED).alpha_complete
    assert alpha is not None
    assert feldt_interval(alpha, 6, 4) == pytest.approx((0.676, 0.986), abs=0.0005)
    assert scale_reliability(JUDGED).alpha_interval == feldt_interval(alpha, 6, 4)


def test_item_rest_is_the_correlation_with_the_sum_of_the_others() -> None:
    for place, item in enumerate(scale_reliability(ATTITUDE).items):
        rest = np.delete(ATTITUDE, place, axis=1).sum(axis=1)
        assert item.item_rest == pytest.approx(np.corrcoef(ATTITUDE[:, place], rest)[0, 1])


def test_a_planted_factor_gives_its_omega() -> None:
    loadings, unique = np.array([0.9, 1.4, 0.5, 2.0, 1.1]), np.array([1.0, 0.6, 0.8, 2.5, 0.4])
    found = one_factor(np.outer(loadings, loadings) + np.diag(unique))
    assert found.loadings == pytest.approx(loadings, abs=1e-5)
    assert found.uniquenesses == pytest.approx(unique, abs=1e-5)
    # 5.9^2 / (5.9^2 + 5.3) = 34.81 / 40.11
    assert found.omega == pytest.approx(34.81 / 40.11, abs=1e-6)


def test_the_factor_is_the_one_a_plain_search_over_everything_finds() -> None:
    covariance = np.cov(ATTITUDE, rowvar=False)
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)

    def misfit(both: Floats) -> float:
        model = np.outer(both[:7], both[:7]) + np.diag(np.exp(both[7:]))
        _, logdet = np.linalg.slogdet(model)
        return float(logdet + np.trace(np.linalg.solve(model, correlation)))

    search = minimize(misfit, np.r_[np.full(7, 0.7), np.full(7, -0.7)], options={"gtol": 1e-8})
    loadings, unique = search.x[:7] * scale, np.exp(search.x[7:]) * scale**2
    omega = loadings.sum() ** 2 / (loadings.sum() ** 2 + unique.sum())
    assert scale_reliability(ATTITUDE).omega == pytest.approx(omega, abs=1e-5)


def test_items_with_equal_loadings_have_omega_equal_to_alpha() -> None:
    # Tau-equivalent: alpha is the reliability (Novick & Lewis 1967).
    rng = np.random.default_rng(7)
    spread = rng.normal(size=(60, 5))
    spread -= spread.mean(axis=0)
    wanted = np.linalg.cholesky(np.full((5, 5), 2.0) + np.diag([1.0, 2.0, 0.5, 1.5, 1.0]))
    exact = spread @ np.linalg.inv(np.linalg.cholesky(np.cov(spread, rowvar=False))).T @ wanted.T
    found = scale_reliability(exact)
    assert found.omega == pytest.approx(found.alpha_complete, abs=1e-6)
    assert found.alpha_complete == pytest.approx(50 / 56)


def test_pairwise_covariances_use_who_answered_both() -> None:
    gaps = ATTITUDE.copy()
    gaps[2, 0] = gaps[5, 1] = gaps[9, 1] = NAN
    found = pairwise_covariance(gaps)
    for one, other in ((0, 1), (1, 2), (0, 0)):
        both = ~np.isnan(gaps[:, [one, other]]).any(axis=1)
        expected = np.cov(gaps[both, one], gaps[both, other])[0, 1]
        assert found[one, other] == pytest.approx(expected)
    result = scale_reliability(gaps)
    assert (result.n, result.n_complete) == (30, 27)
    complete = scale_reliability(gaps[~np.isnan(gaps).any(axis=1)])
    assert result.alpha_complete == pytest.approx(complete.alpha_pairwise)
    assert result.alpha_interval == pytest.approx(complete.alpha_interval)
    assert result.alpha_pairwise != pytest.approx(result.alpha_complete, abs=1e-6)


def test_an_item_without_variance_is_named_and_left_out_of_the_others() -> None:
    with_constant = np.column_stack([ATTITUDE[:, :3], np.full(30, 4.0), ATTITUDE[:, 3:]])
    found, plain = scale_reliability(with_constant), scale_reliability(ATTITUDE)
    assert found.items[3].item_rest is None
    assert found.items[3].alpha_if_dropped is None
    assert [(reason.figure, reason.place) for reason in found.reasons] == [("item", 3)]
    assert found.alpha_pairwise == plain.alpha_pairwise
    assert found.omega == plain.omega


def test_an_item_that_points_the_other_way_raises_the_alarm() -> None:
    turned = ATTITUDE.copy()
    turned[:, 4] = 100 - turned[:, 4]
    found = scale_reliability(turned)
    assert found.items[4].item_rest is not None
    assert found.items[4].item_rest < 0
    alarms = [reason for reason in found.reasons if "reverse-key alarm" in reason.text]
    assert [alarm.place for alarm in alarms] == [4]


@pytest.mark.parametrize("answers", [ATTITUDE[:, :1], ATTITUDE[:, :0], np.full((5, 4), NAN)])
def test_fewer_than_two_items_have_nulls_and_reasons(answers: Floats) -> None:
    found = scale_reliability(answers)
    assert found.alpha_pairwise is None
    assert found.alpha_complete is None
    assert found.alpha_interval is None
    assert found.omega is None
    named = {reason.figure for reason in found.reasons}
    assert {"alpha_pairwise", "alpha_complete", "alpha_interval", "omega"} <= named


@pytest.mark.parametrize("n_items", [2, 3, 6, 7, 11])
def test_items_that_say_the_same_have_alpha_1_and_no_more(n_items: int) -> None:
    found = scale_reliability(np.tile(ATTITUDE[:, :1], n_items))
    assert (found.alpha_pairwise, found.alpha_complete) == (1.0, 1.0)
    assert found.alpha_interval == (1.0, 1.0)
    for item in found.items:
        assert item.item_rest is not None
        assert 1 - 1e-12 < item.item_rest <= 1


def test_two_items_have_alpha_but_no_omega() -> None:
    found = scale_reliability(ATTITUDE[:, :2])
    # 2 r-type: alpha = 4 cov / var(sum).
    both = ATTITUDE[:, :2]
    assert found.alpha_complete == pytest.approx(4 * np.cov(both.T)[0, 1] / both.sum(1).var(ddof=1))
    assert found.omega is None
    assert [item.alpha_if_dropped for item in found.items] == [None, None]
    assert {r.figure for r in found.reasons} == {"omega", "alpha_if_dropped"}


def test_nobody_complete_leaves_the_pairwise_figures() -> None:
    gaps = ATTITUDE.copy()
    gaps[np.arange(30), np.arange(30) % 7] = NAN
    found = scale_reliability(gaps)
    assert (found.n, found.n_complete) == (30, 0)
    assert found.alpha_pairwise is not None
    assert found.alpha_complete is None
    assert found.omega is None


@pytest.mark.parametrize(
    ("covariance", "says"),
    [
        (np.eye(2), "3 items"),
        (np.ones((3, 3)), "follows from"),
        # r12 r13 / r23 = .9 x .9 / .6 > 1: the first item's uniqueness would be negative.
        (np.array([[1, 0.9, 0.9], [0.9, 1, 0.65], [0.9, 0.65, 1]]), "Heywood"),
    ],
)
def test_no_factor_is_said_and_not_forced(covariance: Floats, says: str) -> None:
    with pytest.raises(MeasureUndefined, match=says):
        one_factor(covariance)


@settings(max_examples=10, deadline=None)
@given(
    st.permutations(range(30)),
    st.permutations(range(7)),
    st.lists(st.booleans(), min_size=7, max_size=7),
)
def test_order_changes_nothing_and_reversing_twice_is_nothing(
    persons: list[int], items: list[int], flags: list[bool]
) -> None:
    is_reversed = np.array(flags)
    once = reversed_items(ATTITUDE, is_reversed, 0, 100)
    assert np.array_equal(reversed_items(once, is_reversed, 0, 100), ATTITUDE)
    # Reversing every item leaves all coefficients; an all-missing form too.
    mixed = np.vstack([ATTITUDE[persons][:, items], np.full((1, 7), NAN)])
    turned = reversed_items(mixed, np.ones(7, dtype=np.bool_), 0, 100)
    found, plain = scale_reliability(turned), scale_reliability(ATTITUDE)
    assert found.alpha_pairwise == pytest.approx(plain.alpha_pairwise)
    assert found.alpha_interval == pytest.approx(plain.alpha_interval)
    assert found.omega == pytest.approx(plain.omega, abs=1e-6)
    assert (found.n, found.n_complete) == (30, 30)
    expected = [plain.items[item].item_rest for item in items]
    assert [item.item_rest for item in found.items] == pytest.approx(expected)
