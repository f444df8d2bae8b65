"""Reliability out of moments: the published figures again, intervals, sums that add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from orchestration.measures.arrays import Ints, pairwise_covariance
from orchestration.measures.item_moments import THOUSANDTHS, ItemMoments
from orchestration.measures.one_factor import OneFactor, one_factor
from orchestration.measures.reliability import scale_reliability
from orchestration.measures.site_reliability import (
    DOES_NOT_VARY,
    NO_FACTOR,
    TOO_FEW_CLIENTS,
    TOO_FEW_FORMS,
    TOO_FEW_ITEMS,
    SiteReliability,
    congruence,
    congruences_with_the_others,
    fisher_interval,
    site_reliability,
)
from tests.unit.measures.published import ATTITUDE, JUDGED, Floats

NAN = np.nan


def _moments(answers: Floats) -> ItemMoments:
    return ItemMoments.of(answers * THOUSANDTHS, np.zeros(len(answers), np.int64), 1)


def _reliability(answers: Floats, n_clients: int | None = None) -> SiteReliability:
    n_complete = int((~np.isnan(answers).any(axis=1)).sum())
    clients = n_complete if n_clients is None else n_clients
    return site_reliability(_moments(answers), 0, clients, minimum_forms=2)


def test_attitude_as_psych_prints_it() -> None:
    # psych::alpha(attitude): raw_alpha, raw_alpha if an item is dropped; r.drop to two places.
    found = _reliability(ATTITUDE)
    assert found.alpha_pairwise == pytest.approx(0.843, abs=0.0005)
    assert found.alpha_complete == pytest.approx(found.alpha_pairwise)
    dropped = [item.alpha_if_dropped for item in found.items]
    assert dropped == pytest.approx([0.810, 0.797, 0.828, 0.803, 0.795, 0.864, 0.840], abs=0.0005)
    rest = [item.item_rest for item in found.items]
    assert rest == pytest.approx([0.67, 0.74, 0.56, 0.71, 0.79, 0.27, 0.46], abs=0.00501)
    assert found.null_reason is None


def test_feldt_s_interval_of_four_judges() -> None:
    # psych::ICC on Shrout & Fleiss' data prints .676 and .99 for ICC(3,k), which is alpha.
    found = _reliability(JUDGED)
    assert found.alpha_interval == pytest.approx((0.676, 0.986), abs=0.0005)


def test_moments_give_what_the_answers_give_gaps_or_none() -> None:
    gaps = ATTITUDE.copy()
    gaps[2, 0] = gaps[5, 1] = gaps[9, 1] = NAN
    for answers in (ATTITUDE, gaps):
        found, whole = _reliability(answers), scale_reliability(answers)
        assert _moments(answers).covariance(0) == pytest.approx(pairwise_covariance(answers))
        assert found.alpha_pairwise == pytest.approx(whole.alpha_pairwise)
        assert found.alpha_complete == pytest.approx(whole.alpha_complete)
        assert found.alpha_interval == pytest.approx(whole.alpha_interval)
        assert found.omega == pytest.approx(whole.omega)
        assert [i.item_rest for i in found.items] == pytest.approx(
            [i.item_rest for i in whole.items]
        )


def test_three_forms_by_hand() -> None:
    # Forms (1, 2), (2, 4), (3, none): both items on two. First item: 1, 2, 3, variance 1; on the
    # pair 1 and 2 against 2 and 4: (1.5 - 1)(3 - 2) x 2 = 1 over 1.
    moments = _moments(np.array([[1, 2], [2, 4], [3, NAN]]))
    assert moments.n_both[0].tolist() == [[3, 2], [2, 2]]
    assert moments.sums[0].tolist() == [[6000, 3000], [6000, 6000]]
    assert moments.products[0].tolist() == [[14_000_000, 10_000_000], [10_000_000, 20_000_000]]
    assert moments.n_complete.tolist() == [2]
    assert moments.complete_sums[0].tolist() == [3000, 6000]
    assert moments.covariance(0).tolist() == [[1, 1], [1, 2]]
    assert moments.complete_covariance(0).tolist() == [[0.5, 1], [1, 2]]


def test_fisher_s_interval_by_hand() -> None:
    # z = atanh .5 = .549306; 1.959964 / sqrt(28 - 3) = .391993; tanh of .157313 and .941299.
    assert fisher_interval(0.5, 28) == pytest.approx((0.156028, 0.735818), abs=1e-5)
    assert fisher_interval(0.5, 3) is None
    assert fisher_interval(1.0, 100) is None


def test_clients_and_not_forms_make_the_intervals() -> None:
    many, few = _reliability(ATTITUDE, 30), _reliability(ATTITUDE, 10)
    assert many.alpha_complete == few.alpha_complete
    for wide, narrow in (
        (few.alpha_interval, many.alpha_interval),
        (few.omega_interval, many.omega_interval),
        (few.items[0].item_rest_interval, many.items[0].item_rest_interval),
    ):
        assert wide is not None
        assert narrow is not None
        assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_omega_s_information_is_the_slope_of_the_likelihood_s_slope() -> None:
    factor = OneFactor(np.array([0.9, 1.4, 0.5, 2.0]), np.array([1.0, 0.6, 0.8, 2.5]))
    truth = np.outer(factor.loadings, factor.loadings) + np.diag(factor.uniquenesses)

    def misfit(both: Floats) -> float:
        model = np.outer(both[:4], both[:4]) + np.diag(both[4:])
        return float(np.linalg.slogdet(model)[1] + np.trace(np.linalg.solve(model, truth))) / 2

    at = np.concatenate([factor.loadings, factor.uniquenesses])

    def slope(both: Floats) -> Floats:
        return np.asarray(approx_fprime(both, misfit, 1e-5))

    steps = np.eye(8) * 1e-3
    hessian = np.array([(slope(at + s) - slope(at - s)) / 2e-3 for s in steps])
    assert factor._information() == pytest.approx(hessian, abs=2e-3)


def test_omega_s_interval_covers_the_truth_at_its_level() -> None:
    rng = np.random.default_rng(11)
    loadings, unique = np.array([0.8, 0.6, 0.7, 0.5, 0.9]), np.array([0.5, 0.7, 0.4, 0.8, 0.6])
    truth = OneFactor(loadings, unique).omega
    n_within, n_tables = 0, 400
    for _ in range(n_tables):
        common = rng.normal(size=(150, 1)) * loadings
        answers = common + rng.normal(size=(150, 5)) * np.sqrt(unique)
        lower, upper = one_factor(np.cov(answers, rowvar=False)).omega_interval(150)
        n_within += lower <= truth <= upper
    # 95 % of 400 is 380, give or take 3 x sqrt(400 x .95 x .05) = 13.
    assert abs(n_within - 380) <= 13


def test_a_wrongly_reversed_item_points_away() -> None:
    turned = ATTITUDE.copy()
    turned[:, 4] = 100 - turned[:, 4]
    found = _reliability(turned)
    assert [item.is_pointing_away for item in found.items] == [n == 4 for n in range(7)]


@pytest.mark.parametrize(
    ("answers", "minimum", "n_clients", "reason"),
    [
        (ATTITUDE, 31, 30, TOO_FEW_FORMS),
        (ATTITUDE, 30, 10, TOO_FEW_CLIENTS),
        (ATTITUDE[:, :1], 30, 30, TOO_FEW_ITEMS),
        (np.full((30, 4), 3.0), 30, 30, TOO_FEW_ITEMS),
        (np.column_stack([ATTITUDE[:, 0], 100 - ATTITUDE[:, 0]]), 30, 30, DOES_NOT_VARY),
        (np.repeat(ATTITUDE[:, :1], 4, axis=1), 30, 30, NO_FACTOR),
    ],
)
def test_what_is_null_has_a_reason(
    answers: Floats, minimum: int, n_clients: int, reason: str
) -> None:
    found = site_reliability(
        _moments(answers), 0, n_clients, minimum_forms=minimum, minimum_clients=11
    )
    assert found.null_reason == reason
    assert found.omega is None
    assert found.omega_interval is None
    if reason in (TOO_FEW_FORMS, TOO_FEW_CLIENTS):
        assert found.alpha_pairwise is None
        assert found.alpha_complete is None
    for item in found.items:
        assert (item.item_rest is None) == (item.null_reason is not None)


def test_an_item_without_variance_is_left_out_of_the_others() -> None:
    constant = np.column_stack([ATTITUDE[:, :3], np.full(30, 4.0), ATTITUDE[:, 3:]])
    found, plain = _reliability(constant), _reliability(ATTITUDE)
    assert found.alpha_complete == plain.alpha_complete
    assert found.omega == plain.omega
    assert found.items[3].null_reason == DOES_NOT_VARY
    assert found.items[3].loading is None
    assert [*found.items[:3], *found.items[4:]] == list(plain.items)


def test_congruence_by_hand() -> None:
    # (3 x 4 + 4 x 3) / (5 x 5) = 24 / 25; the sign of a factor stays.
    assert congruence(np.array([3.0, 4.0]), np.array([4.0, 3.0])) == pytest.approx(0.96)
    assert congruence(np.array([3.0, 4.0]), np.array([-6.0, -8.0])) == pytest.approx(-1)


def test_a_site_is_held_against_the_others_and_not_against_itself() -> None:
    """Two sites of one structure with means far apart, and a large third one of another."""
    rng = np.random.default_rng(3)
    alike, other = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.2, 0.9, 0.3, 0.9])
    parts = []
    for loadings, n, mean in ((alike, 4000, 0), (alike, 4000, 50), (other, 4000, 0)):
        common = rng.normal(size=(n, 1)) * loadings
        parts.append(mean + common + rng.normal(size=(n, 4)) * np.sqrt(1 - loadings**2))
    answers = np.round(np.vstack(parts), 3)
    cell = np.repeat(np.arange(3), 4000)
    moments = ItemMoments.of(np.rint(answers * THOUSANDTHS), cell, 3)
    first, second, third = congruences_with_the_others(moments, [0, 1, 2])
    # Against each other alone the two are equal, whatever their means; so is the third to neither.
    alone = congruences_with_the_others(moments, [0, 1])
    assert alone == pytest.approx([1, 1], abs=0.002)
    expected = float(alike @ other / np.sqrt(alike @ alike * (other @ other)))
    assert third == pytest.approx(expected, abs=0.02)
    assert first is not None
    assert second is not None
    assert expected < first < 0.995


def _tables() -> st.SearchStrategy[Floats]:
    answer = st.one_of(st.integers(1, 5).map(float), st.just(NAN))
    row = st.lists(answer, min_size=4, max_size=4)
    return st.lists(row, min_size=1, max_size=30).map(lambda rows: np.array(rows))


@settings(max_examples=60, deadline=None)
@given(_tables(), st.randoms(use_true_random=False), st.integers(1, 7))
def test_order_and_slices_change_nothing_to_the_bit(
    answers: Floats, shuffler: object, n_a_slice: int
) -> None:
    cell: Ints = np.arange(len(answers)) % 3
    thousandths = answers * THOUSANDTHS
    whole = ItemMoments.of(thousandths, cell, 3)
    order = np.arange(len(answers))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    moved = ItemMoments.of(thousandths[order], cell[order], 3)
    sliced = ItemMoments.none(3, 4)
    for start in range(0, len(answers), n_a_slice):
        part = order[start : start + n_a_slice]
        sliced += ItemMoments.of(thousandths[part], cell[part], 3)
    for name in ItemMoments.__dataclass_fields__:
        assert np.array_equal(getattr(whole, name), getattr(moved, name))
        assert np.array_equal(getattr(whole, name), getattr(sliced, name))
        together = getattr(ItemMoments.of(thousandths, np.zeros_like(cell), 1), name)
        assert np.array_equal(getattr(whole.summed([0, 1, 2]), name), together)
    assert whole.summed([0, 1, 2]).covariance(0) == pytest.approx(
        pairwise_covariance(answers), nan_ok=True
    )
