"""REML against lme4's published figures and against a dense likelihood that shares no code."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from orchestration.benchmarking.variance import (
    VarianceComponents,
    clustered_standard_error,
    design_effects,
    effective_therapists,
    estimate_variances,
    independent_standard_error,
)

Floats = NDArray[np.float64]

# Davies & Goldsmith 1972, Statistical Methods in Research and Production: yield of dyestuff,
# 6 batches of 5; as lme4::Dyestuff and lme4::Dyestuff2 (the latter from Box & Tiao 1973).
DYESTUFF: list[list[float]] = [
    [1545, 1440, 1440, 1520, 1580],
    [1540, 1555, 1490, 1560, 1495],
    [1595, 1550, 1605, 1510, 1560],
    [1445, 1440, 1595, 1465, 1545],
    [1595, 1630, 1515, 1635, 1625],
    [1520, 1455, 1450, 1480, 1445],
]
DYESTUFF_2: list[list[float]] = [
    [7.298, 3.846, 2.434, 9.566, 7.990],
    [5.220, 6.556, 0.608, 11.788, -0.892],
    [0.110, 10.386, 13.434, 5.510, 8.166],
    [2.212, 4.852, 7.092, 9.288, 4.980],
    [0.282, 9.014, 4.458, 9.446, 7.198],
    [1.722, 4.782, 8.106, 0.758, 3.758],
]


def _fit(groups: list[list[float]], site: list[int] | None = None) -> VarianceComponents:
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    return estimate_variances(
        np.asarray(site if site is not None else [0] * len(groups), dtype=np.intp),
        np.array([group.size for group in arrays], dtype=np.float64),
        np.array([group.mean() for group in arrays]),
        np.array([((group - group.mean()) ** 2).sum() for group in arrays]),
    )


def _dense_criterion(log_variances: Floats, groups: list[list[float]], site: list[int]) -> float:
    """Minus twice the restricted log likelihood with the full covariance matrix written out."""
    therapist, client = np.exp(log_variances)
    sizes = [len(group) for group in groups]
    label = np.repeat(np.arange(len(groups)), sizes)
    values = np.concatenate([np.asarray(group, dtype=np.float64) for group in groups])
    design = (np.repeat(site, sizes)[:, None] == np.unique(site)).astype(np.float64)
    covariance = client * np.eye(values.size) + therapist * (label[:, None] == label)
    inverse = np.linalg.inv(covariance)
    information = design.T @ inverse @ design
    residual = values - design @ np.linalg.solve(information, design.T @ inverse @ values)
    freedom = values.size - design.shape[1]
    return float(
        freedom * np.log(2 * np.pi)
        + np.linalg.slogdet(covariance)[1]
        + np.linalg.slogdet(information)[1]
        + residual @ inverse @ residual
    )


def _unbalanced(seed: int, icc: float) -> tuple[list[list[float]], list[int]]:
    rng = np.random.default_rng(seed)
    groups: list[list[float]] = []
    site: list[int] = []
    for number in range(4):
        for _ in range(int(rng.integers(1, 6))):
            effect = 3.0 * number + np.sqrt(icc) * rng.normal()
            size = int(rng.integers(1, 15))
            groups.append(list(effect + np.sqrt(1 - icc) * rng.normal(size=size)))
            site.append(number)
    return groups, site


def test_dyestuff_agrees_with_lme4() -> None:
    # Bates, lme4: Mixed-effects modeling with R, 2010, section 1.3: REML variance of Batch
    # 1764.05, residual 2451.25, REML criterion at convergence 319.6543.
    fit = _fit(DYESTUFF)
    assert fit.variance_therapist == pytest.approx(1764.05, rel=1e-6)
    assert fit.variance_client == pytest.approx(2451.25, rel=1e-6)
    assert fit.reml_criterion == pytest.approx(319.6543, abs=5e-5)
    assert fit.separation == "estimated"
    assert (fit.n_sites, fit.n_therapists, fit.n_clients) == (1, 6, 30)


def test_dyestuff_2_has_no_variance_between_groups_and_says_so() -> None:
    # Bates 2010, section 1.3: REML variance of Batch 0, residual 13.806, criterion 161.8283.
    fit = _fit(DYESTUFF_2)
    assert fit.variance_therapist == 0.0
    assert fit.reml_criterion == pytest.approx(161.8283, abs=5e-5)
    assert fit.variance_client == pytest.approx(13.806, abs=5e-4)
    assert fit.separation == "zero"
    assert "set to zero" in fit.sentence


@pytest.mark.parametrize("seed", range(8))
def test_unbalanced_nested_data_agree_with_the_dense_likelihood(seed: int) -> None:
    groups, site = _unbalanced(seed, icc=0.3)
    fit = _fit(groups, site)
    best = min(
        (
            minimize(
                _dense_criterion,
                np.log([start, 0.7]),
                args=(groups, site),
                method="Nelder-Mead",
                options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000},
            )
            for start in (1e-3, 0.3)
        ),
        key=lambda result: float(result.fun),
    )
    therapist, client = np.exp(best.x)
    assert fit.variance_client == pytest.approx(client, rel=1e-4)
    assert fit.variance_therapist == pytest.approx(therapist, rel=1e-3, abs=1e-6)
    assert fit.reml_criterion == pytest.approx(best.fun, abs=1e-6)


def test_a_site_effect_of_any_size_leaves_the_variances_alone() -> None:
    groups, site = _unbalanced(3, icc=0.3)
    moved = [
        [value + 1e6 * number for value in group]
        for group, number in zip(groups, site, strict=True)
    ]
    assert _fit(moved, site).variance_therapist == pytest.approx(
        _fit(groups, site).variance_therapist, rel=1e-5
    )


def test_one_therapist_at_every_site_cannot_be_separated() -> None:
    fit = _fit([[1.0, 2.0, 4.0], [3.0, 5.0]], [0, 1])
    assert fit.separation == "not_separable"
    assert fit.variance_therapist == 0.0
    assert fit.variance_client == pytest.approx((14 / 3 + 2) / 3)


def test_one_client_for_every_therapist_cannot_be_separated() -> None:
    fit = _fit([[1.0], [2.0], [6.0]])
    assert fit.separation == "not_separable"
    assert fit.variance_client == pytest.approx(7.0)


def test_clients_alike_within_therapists_leave_only_therapist_variance() -> None:
    fit = _fit([[1.0, 1.0], [2.0, 2.0, 2.0], [6.0, 6.0]])
    assert fit.variance_client == 0.0
    assert fit.variance_therapist == pytest.approx(7.0)
    assert fit.separation == "estimated"


def test_everyone_at_the_ceiling_is_zero_and_zero() -> None:
    fit = _fit([[40.0, 40.0], [40.0, 40.0, 40.0]])
    assert (fit.variance_therapist, fit.variance_client) == (0.0, 0.0)


def test_as_many_sites_as_clients_is_an_error() -> None:
    with pytest.raises(ValueError, match="more clients than sites"):
        _fit([[1.0], [2.0]], [0, 1])


def test_effective_therapists_of_equal_and_unequal_caseloads() -> None:
    site = np.array([0, 0, 0, 1, 1], dtype=np.intp)
    found = effective_therapists(site, np.array([10.0, 10.0, 10.0, 30.0, 10.0]), 3)
    # 30^2/300 = 3; 40^2/1000 = 1.6; nobody: not a number.
    np.testing.assert_allclose(found, [3.0, 1.6, np.nan])


def test_standard_errors_by_hand() -> None:
    fit = VarianceComponents(4.0, 90.0, 1, 1, 1, "estimated", 0.0)
    found = clustered_standard_error(fit, np.array([1.6]), np.array([40.0]))
    # 4/1.6 + 90/40 = 2.5 + 2.25 = 4.75.
    np.testing.assert_allclose(found, [np.sqrt(4.75)])
    # SS 90 over 10 clients: variance 10, SE 1. One client: none.
    np.testing.assert_allclose(
        independent_standard_error(np.array([10.0, 1.0]), np.array([90.0, 0.0])), [1.0, np.nan]
    )


def test_design_effects_by_hand() -> None:
    # icc = 1/(1 + 19) = .05. Site 0: 10 and 30 clients, 1000/40 = 25, 1 + .05*24 = 2.2. Site 1: 5
    # therapists with one client each, no effect.
    components = VarianceComponents(1.0, 19.0, 2, 7, 45, "estimated", 0.0)
    site = np.array([0, 0, 1, 1, 1, 1, 1])
    n = np.array([10.0, 30.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    found = design_effects(components, site, n, 2)
    np.testing.assert_allclose(found, [2.2, 1.0])
    # It is the clustered variance over that of independent clients.
    clustered = clustered_standard_error(
        components, effective_therapists(site, n, 2), np.array([40.0, 5.0])
    )
    np.testing.assert_allclose(clustered**2, found * 20.0 / np.array([40.0, 5.0]))
    nothing = VarianceComponents(0.0, 0.0, 2, 7, 45, "zero", 0.0)
    np.testing.assert_array_equal(design_effects(nothing, site, n, 2), [1.0, 1.0])
