"""Intervals of a site's mean and share against tables worked out by hand, and their limits."""

from math import asin, sin, sqrt

import numpy as np
import pytest

from orchestration.benchmarking.site_intervals import mean_intervals, share_intervals

# Two sites, two therapists each with two clients: therapist means 1, 5 | 3, 7, each 1 off its
# clients. Within therapists 8 squares of 1 over 8 - 4 = 4: variance 2. Between therapists within
# sites: 2 * ((1-3)² + (5-3)² + (3-5)² + (7-5)²) = 32 over 4 - 2 = 2: 16 = 2 + 2 σ²_therapist, so 7
# (balanced: restricted likelihood gives the analysis of variance's). s² = 7 / 2 + 2 / 4 = 4.
SITE = np.array([0, 0, 0, 0, 1, 1, 1, 1])
THERAPIST = np.array([1, 1, 2, 2, 1, 1, 2, 2])
VALUES = np.array([0.0, 2, 4, 6, 2, 4, 6, 8])


def test_a_mean_s_interval_by_hand() -> None:
    found = mean_intervals(SITE, THERAPIST, VALUES, 2)
    assert found.components is not None
    assert found.components.variance_therapist == pytest.approx(7, abs=1e-4)
    assert found.components.variance_client == pytest.approx(2, abs=1e-4)
    assert found.value == pytest.approx([3, 5])
    assert found.standard_error == pytest.approx([2, 2], abs=1e-4)
    assert found.lower95 == pytest.approx([3 - 2 * 1.959964, 5 - 2 * 1.959964], abs=1e-4)
    assert found.upper95 == pytest.approx([3 + 2 * 1.959964, 5 + 2 * 1.959964], abs=1e-4)


def test_a_share_s_interval_by_hand() -> None:
    # Of four units each: 0, 2 | 2, 4 of therapists 1 and 2, at both sites. Share 1/2, residuals
    # -2, 0, 0, 2 over 4 · 1/2: -1, 0, 0, 1. Within therapists 8 squares of 1/2: 2 over 4 = .5.
    # Between: 2 * 4 * (1/2)² = 2 over 2 = 1 = .5 + 2 σ², σ² = .25. s² = .25 / 2 + .5 / 4 = .25.
    # On the share's own scale s = .5 · .5 = .25; on the arcsine's, .25 as well (.5 / 2).
    numerators = np.array([0.0, 2, 2, 4, 0, 2, 2, 4])
    found = share_intervals(SITE, THERAPIST, numerators, np.full(8, 4.0), 2)
    assert found.value == pytest.approx([0.5, 0.5])
    assert found.standard_error == pytest.approx([0.25, 0.25], abs=1e-5)
    angle = asin(sqrt(0.5))
    reach = 1.959964 * 0.25
    assert found.lower95 == pytest.approx([sin(angle - reach) ** 2] * 2, abs=1e-5)
    assert found.upper95 == pytest.approx([sin(angle + reach) ** 2] * 2, abs=1e-5)


def test_a_share_weighs_clients_by_their_units() -> None:
    # 1 of 1 and 3 of 9 are 4 of 10, and not the mean of 1 and 1/3.
    sites, numerators = np.array([0, 0, 1, 1]), np.array([1.0, 3, 1, 3])
    found = share_intervals(sites, np.array([1, 2, 1, 2]), numerators, np.array([1.0, 9, 1, 9]), 2)
    assert found.value == pytest.approx([0.4, 0.4])
    assert np.all((found.lower95 >= 0) & (found.upper95 <= 1))


def test_the_order_of_clients_and_the_therapists_codes_change_nothing() -> None:
    turned = mean_intervals(SITE[::-1], 100 - THERAPIST[::-1], VALUES[::-1], 2)
    assert turned.standard_error == pytest.approx(
        mean_intervals(SITE, THERAPIST, VALUES, 2).standard_error
    )


def test_independent_clients_have_their_plain_error() -> None:
    # A therapist each: nothing is known of therapists, and s is the pooled SD/sqrt(n).
    found = mean_intervals(SITE, np.arange(8), VALUES, 2)
    variance = 2 * 20 / 6  # deviations -3, -1, 1, 3 at both sites
    assert found.standard_error == pytest.approx([sqrt(variance / 4)] * 2)


def test_what_cannot_be_given_is_no_number() -> None:
    empty = mean_intervals(SITE, THERAPIST, VALUES, 3)
    assert np.isnan([empty.value[2], empty.standard_error[2], empty.lower95[2]]).all()
    assert empty.standard_error[:2] == pytest.approx([2, 2], abs=1e-4)
    single = mean_intervals(np.array([0, 1]), np.array([1, 2]), np.array([1.0, 2]), 2)
    assert single.value == pytest.approx([1, 2])
    assert np.isnan(single.standard_error).all()
    assert single.components is None
    # Everyone answers at the first site: the others' variation is not thinned by it.
    numerators = np.array([4.0, 4, 4, 4, 0, 2, 2, 4])
    full = share_intervals(SITE, THERAPIST, numerators, np.full(8, 4.0), 2)
    assert full.value == pytest.approx([1, 0.5])
    assert full.standard_error[0] == 0
    assert np.isnan([full.lower95[0], full.upper95[0]]).all()
    assert full.standard_error[1] == pytest.approx(0.25, abs=1e-5)


def test_arrays_that_do_not_fit_say_why() -> None:
    with pytest.raises(ValueError, match="per client"):
        mean_intervals(SITE, THERAPIST[:3], VALUES, 2)
    with pytest.raises(ValueError, match="missing"):
        mean_intervals(SITE, THERAPIST, np.where(VALUES > 7, np.nan, VALUES), 2)
    with pytest.raises(ValueError, match="0 to 0"):
        mean_intervals(SITE, THERAPIST, VALUES, 1)
    with pytest.raises(ValueError, match="denominator above 0"):
        share_intervals(SITE, THERAPIST, VALUES, np.zeros(8), 2)
    with pytest.raises(ValueError, match="outside"):
        share_intervals(SITE, THERAPIST, VALUES, np.full(8, 4.0), 2)
