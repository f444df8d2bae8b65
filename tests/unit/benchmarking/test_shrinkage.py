"""Shrinkage against published figures, against sums done another way, and by its properties."""

import numpy as np
import pytest
from scipy.stats import norm

from orchestration.benchmarking.scales import (
    Floats,
    scaled_means,
    scaled_proportions,
    scaled_ratios,
)
from orchestration.benchmarking.shrinkage import MINIMUM_UNITS, shrink, shrink_values

# Rubin 1981 (J Educ Stat 6:377): coaching in eight schools, effect and standard error.
SCHOOLS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SCHOOLS_ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def _brute(values: Floats, errors: Floats) -> tuple[Floats, Floats, Floats]:
    """The same posterior by a plain sum over 20,001 equal steps of tau, to 20 times the range."""
    tau = np.linspace(0.0, 20.0 * np.ptp(values), 20_001)[:, None]
    weights = 1.0 / (errors**2 + tau**2)
    total = weights.sum(axis=1, keepdims=True)
    theta = (weights * values).sum(axis=1, keepdims=True) / total
    density = np.prod(np.sqrt(weights), axis=1) / np.sqrt(total[:, 0])
    density *= np.exp(-0.5 * (weights * (values - theta) ** 2).sum(axis=1))
    density *= tau[:, 0]  # uniform on tau2
    density /= density.sum()
    share = tau**2 * weights
    mean = share * values + (1.0 - share) * theta
    deviation = np.sqrt(share * errors**2 + (1.0 - share) ** 2 / total)

    def below(point: Floats) -> Floats:
        return np.asarray(density @ norm.cdf(point, mean, deviation), dtype=np.float64)

    found = shrink_values(values, errors)
    return density @ mean, below(found.lower95), below(found.upper95)


def test_eight_schools_as_published() -> None:
    # The same model by Stan, uniform on tau: the summary printed in rstan's article "Accessing the
    # contents of a stanfit object", 4,000 draws; means with their Monte Carlo errors, quantiles.
    mean = [11.3228, 8.0041, 6.2998, 7.7672, 5.2473, 6.3369, 10.6090, 8.4222]
    error = [0.1551, 0.0963, 0.1156, 0.0854, 0.0914, 0.0962, 0.1133, 0.1228]
    lower = [-1.92, -4.26, -10.66, -5.03, -8.95, -8.20, -1.95, -6.70]
    upper = [30.92, 21.07, 19.80, 20.46, 16.43, 18.40, 26.21, 25.18]
    found = shrink_values(SCHOOLS, SCHOOLS_ERRORS, prior="tau")
    np.testing.assert_array_less(np.abs(found.values - mean), 3 * np.array(error))
    np.testing.assert_allclose(found.lower95, lower, atol=0.9)
    np.testing.assert_allclose(found.upper95, upper, atol=0.9)
    assert found.target == pytest.approx(8.0959, abs=3 * 0.1064)
    assert found.tau2**0.5 == pytest.approx(5.0859, abs=3 * 0.1451)  # medians


@pytest.mark.parametrize("spread", [0.0, 0.5, 3.0])
def test_the_posterior_is_that_of_a_plain_sum(spread: float) -> None:
    rng = np.random.default_rng(3)
    errors = rng.uniform(0.3, 2.0, size=9)
    values = 10.0 + spread * rng.normal(size=9) + errors * rng.normal(size=9)
    mean, below_lower, below_upper = _brute(values, errors)
    np.testing.assert_allclose(shrink_values(values, errors).values, mean, atol=2e-4)
    np.testing.assert_allclose(below_lower, 0.025, atol=1e-4)
    np.testing.assert_allclose(below_upper, 0.975, atol=1e-4)


def test_the_unit_of_the_value_makes_no_difference() -> None:
    first = shrink_values(SCHOOLS, SCHOOLS_ERRORS)
    scaled = shrink_values(1e6 + 1e3 * SCHOOLS, 1e3 * SCHOOLS_ERRORS)
    np.testing.assert_allclose(scaled.values, 1e6 + 1e3 * first.values, atol=1e-2)
    np.testing.assert_allclose(scaled.upper95, 1e6 + 1e3 * first.upper95, atol=1e-1)
    np.testing.assert_allclose(scaled.reliability, first.reliability, atol=1e-6)
    assert scaled.tau2 == pytest.approx(1e6 * first.tau2, rel=1e-6)


def test_many_units_know_tau_and_few_do_not() -> None:
    rng = np.random.default_rng(8)
    errors = rng.uniform(0.5, 1.5, size=20_000)
    values = 2.0 * rng.normal(size=20_000) + errors * rng.normal(size=20_000)
    many = shrink_values(values, errors)
    # With tau known to be 2, lambda = 4/(4 + s2), and the interval is 1.96 s sqrt(lambda).
    assert many.tau2 == pytest.approx(4.0, rel=0.03)
    share = 4.0 / (4.0 + errors**2)
    np.testing.assert_allclose(many.reliability, share, atol=0.01)
    width = 2 * 1.959964 * errors * np.sqrt(share)
    np.testing.assert_allclose(many.upper95 - many.lower95, width, rtol=0.02)
    few = shrink_values(values[:4], errors[:4])
    assert bool(np.all(few.upper95 - few.lower95 > width[:4]))


def test_a_noisy_unit_is_pulled_in_further() -> None:
    found = shrink_values(np.array([0.0, 1.0, 2.0, 4.0, 4.0]), np.array([1.0, 1.0, 1.0, 0.1, 2.0]))
    assert found.values[3] > found.values[4] > found.target
    assert found.reliability[3] > found.reliability[4]


def test_proportions_and_ratios_come_back_in_their_unit() -> None:
    proportions = shrink(
        scaled_proportions(np.array([0.0, 5.0, 60.0, 9.0]), np.array([2.0, 10.0, 100.0, 9.0]))
    )
    for part in (proportions.values, proportions.lower95, proportions.upper95):
        assert bool(np.all((part >= 0.0) & (part <= 1.0)))
    observed = np.array([0.0, 12.0, 30.0, 8.0, 7.0])
    expected = np.array([4.0, 10.0, 28.0, 9.0, 6.0])
    logarithm = shrink(scaled_ratios(observed, expected, "log"))
    assert np.isnan([part[0] for part in (logarithm.values, logarithm.reliability)]).all()
    assert bool(np.all(logarithm.lower95[1:] < logarithm.values[1:]))
    root = shrink(scaled_ratios(observed, expected, "sqrt"))
    assert 0.0 <= root.lower95[0] < root.values[0] < root.target


def test_three_units_are_too_few() -> None:
    with pytest.raises(ValueError, match=f"at least {MINIMUM_UNITS}"):
        shrink(scaled_means(np.array([1.0, 2.0, 3.0]), np.ones(3)))
