"""What is expected of a client with a gap or a noisy score, by hand and against planted truth."""

import numpy as np
import pytest

from orchestration.benchmarking.within_sites import WithinSites, estimate_within, expected_of

NO_ERROR = np.zeros(2)


def test_without_gaps_the_covariance_is_the_one_within_sites() -> None:
    matrix = np.array([[1.0, 2], [3, 4], [5, 0], [11, 10], [13, 14]])
    site = np.array([0, 0, 0, 1, 1])
    found = estimate_within(matrix, site, 2, NO_ERROR)
    # Site 0: x -2, 0, 2 and y 0, 2, -2; site 1: -1, 1 and -2, 2. Over 5 - 2 degrees of freedom.
    assert found.covariance == pytest.approx(np.array([[10, 0], [0, 16]]) / 3)


def test_a_gap_is_filled_by_the_line_within_its_site() -> None:
    # Within both sites y goes up 2 for each x; site 1 lies 100 above. One y is missing.
    x = np.array([0.0, 1, 2, 3, 0, 1, 2, 4])
    y = 2 * x + np.repeat([0.0, 100], 4)
    y[7] = np.nan
    matrix = np.column_stack([x, y])
    site = np.repeat([0, 1], 4)
    within = estimate_within(matrix, site, 2, NO_ERROR)
    found = expected_of(within, matrix, site, 2, is_error_removed=False)
    assert found.values[7, 1] == pytest.approx(108, abs=1e-3)
    # The site's mean is that of the filled values: (100 + 102 + 104 + 108) / 4.
    assert found.site_means[1, 1] == pytest.approx(103.5, abs=1e-3)
    assert found.values[:7] == pytest.approx(matrix[:7], abs=1e-5)


def test_a_noisy_score_is_drawn_towards_its_site_and_no_further() -> None:
    # Variance 4 of which 1 is error: three quarters of the distance from the site's mean stay.
    within = WithinSites(np.array([[4.0]]), np.array([1.0]))
    scores, site = np.array([[8.0], [12], [50]]), np.array([0, 0, 1])
    behind = expected_of(within, scores, site, 2, is_error_removed=True)
    assert behind.values.ravel() == pytest.approx([8.5, 11.5, 50])
    as_seen = expected_of(within, scores, site, 2, is_error_removed=False)
    assert as_seen.values.ravel() == pytest.approx([8, 12, 50])
    assert as_seen.site_means == pytest.approx(behind.site_means)
    assert within.reliability == pytest.approx([0.75])


def test_what_goes_along_with_a_noisy_score_says_something_of_it() -> None:
    # Score and z: covariance 1.5, variances 4 and 1, error 1. Given score d and z e from the mean:
    # inverse of [[4, 1.5], [1.5, 1]] is [[1, -1.5], [-1.5, 4]] / 1.75, times (3, 1.5) gives
    # (.75, 1.5) / 1.75.
    within = WithinSites(np.array([[4.0, 1.5], [1.5, 1.0]]), np.array([1.0, 0.0]))
    matrix = np.array([[1.0, 1.0], [-1.0, -1.0]])
    site = np.zeros(2, dtype=np.intp)
    found = expected_of(within, matrix, site, 1, is_error_removed=True)
    assert found.values[0] == pytest.approx([2.25 / 1.75, 1.0])


def test_covariance_and_means_with_gaps_in_two_covariates() -> None:
    rng = np.random.default_rng(4)
    n_sites, n = 40, 20_000
    truth = np.array([[1.0, 0.6, 0.3], [0.6, 2.0, -0.4], [0.3, -0.4, 1.5]])
    site = rng.integers(0, n_sites, n)
    level = 3 * rng.standard_normal((n_sites, 3))
    whole = level[site] + rng.multivariate_normal(np.zeros(3), truth, n)
    matrix = whole.copy()
    # The second is missing where the first is large, the third anywhere.
    matrix[(whole[:, 0] - level[site, 0] > 0.5) & (rng.random(n) < 0.7), 1] = np.nan
    matrix[rng.random(n) < 0.2, 2] = np.nan
    within = estimate_within(matrix, site, n_sites, np.zeros(3))
    assert within.covariance == pytest.approx(truth, abs=0.06)
    found = expected_of(within, matrix, site, n_sites, is_error_removed=False)
    n_of_site = np.bincount(site)
    for column in range(3):
        real = np.bincount(site, weights=whole[:, column]) / n_of_site
        assert np.abs(found.site_means[:, column] - real).mean() < 0.05
    # What is left out depends on the first: the plain mean of the second is off.
    has = np.isfinite(matrix[:, 1])
    plain = np.bincount(site[has], weights=matrix[has, 1]) / np.bincount(site[has])
    assert np.mean(plain - np.bincount(site, weights=whole[:, 1]) / n_of_site) < -0.05
