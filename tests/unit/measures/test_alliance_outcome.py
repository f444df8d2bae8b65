"""Alliance and the change after it: a published meta-analysis, arithmetic by hand, known truths."""

import numpy as np
import pytest

from orchestration.measures.alliance_outcome import (
    SiteCorrelation,
    pooled_correlation,
    site_correlation,
)
from orchestration.measures.arrays import Floats, MeasureUndefined

MOLLOY = (
    *((109, 0.187), (749, 0.162), (55, 0.34), (107, 0.32), (72, 0.27), (65, 0.0), (174, 0.175)),
    *((326, 0.05), (58, 0.26), (771, 0.01), (56, -0.09), (91, 0.37), (116, 0.0), (537, 0.15)),
    *((158, 0.24), (65, 0.04)),
)
"""Sample size and correlation of 16 studies of conscientiousness and adherence: Molloy GJ,
O'Carroll RE, Ferguson E (2014). Conscientiousness and medication adherence: a meta-analysis. Ann
Behav Med 47:92-101 (`dat.molloy2014` of the R package metadat)."""


def given(z: float, error: float, n: int = 100) -> SiteCorrelation:
    return SiteCorrelation(n, float(np.tanh(z)), z, error, None, None, None)


def test_a_published_meta_analysis_is_reproduced() -> None:
    # Plain correlations: the variance of z is 1 / (n - 3). Q(15) = 38.1595, p = .0009 (R package
    # metafor, vignette on these data); r = .15, 95 % interval .09 to .21 (the paper's abstract).
    found = pooled_correlation([given(np.arctanh(r), 1 / np.sqrt(n - 3), n) for n, r in MOLLOY])
    assert found.q == pytest.approx(38.1595, abs=5e-5)
    assert found.p == pytest.approx(0.0009, abs=5e-5)
    # I2 = (38.1595 - 15) / 38.1595.
    assert found.i2 == pytest.approx(0.6069, abs=5e-5)
    assert found.random is not None
    assert found.random.correlation == pytest.approx(0.15, abs=0.005)
    assert found.random.lower95 == pytest.approx(0.09, abs=0.005)
    assert found.random.upper95 == pytest.approx(0.21, abs=0.005)
    assert (found.n_sites, found.n, found.reasons) == (16, 3509, ())


def test_pooling_worked_by_hand() -> None:
    # z .1, .3, .5 with variances .01, .01, .02: w = 100, 100, 50.
    # fixed = (10 + 30 + 25) / 250 = .26, se = 1/sqrt(250) = .0632456.
    # Q = 100 x .0256 + 100 x .0016 + 50 x .0576 = 5.6; df 2; I2 = 3.6/5.6 = .6428571.
    # sum(w) - sum(w2)/sum(w) = 250 - 22500/250 = 160; tau2 = 3.6/160 = .0225.
    # Random: variances .0325, .0325, .0425, w = 30.76923, 30.76923, 23.52941, sum 85.06787;
    # mean = (3.076923 + 9.230769 + 11.764706) / 85.06787 = .2829787; se = 1/sqrt(85.06787) =
    # .1084220. p = exp(-5.6/2) = .0608101, the chi-square tail of two degrees of freedom.
    found = pooled_correlation([given(0.1, 0.1), given(0.3, 0.1), given(0.5, np.sqrt(0.02))])
    assert found.fixed is not None
    assert found.random is not None
    assert found.fixed.z == pytest.approx(0.26)
    assert found.fixed.z_standard_error == pytest.approx(0.0632456, abs=1e-7)
    assert found.q == pytest.approx(5.6)
    assert found.i2 == pytest.approx(0.6428571, abs=1e-7)
    assert found.p == pytest.approx(0.0608101, abs=1e-7)
    assert found.tau2 == pytest.approx(0.0225)
    assert found.random.z == pytest.approx(0.2829787, abs=1e-7)
    assert found.random.z_standard_error == pytest.approx(0.1084220, abs=1e-7)
    assert found.random.upper95 == pytest.approx(
        np.tanh(0.2829787 + 1.959964 * 0.1084220), abs=1e-6
    )


def test_sites_that_agree_have_no_heterogeneity() -> None:
    found = pooled_correlation([given(0.2, 0.1), given(0.2, 0.2)])
    assert found.q == pytest.approx(0, abs=1e-20)
    assert (found.i2, found.tau2) == (0, 0)
    assert found.random == found.fixed


def site(seed: int, n: int, effect: float) -> tuple[Floats, Floats, Floats]:
    """Alliance made by the change before it; `effect` of it on the outcome after."""
    random = np.random.default_rng(seed)
    at_form = random.normal(50, 10, n)
    alliance = 30 - 0.3 * at_form + random.normal(0, 3, n)
    last = 20 + 0.5 * at_form - effect * alliance + random.normal(0, 6, n)
    return alliance, at_form, last


def test_it_is_the_correlation_of_what_the_outcome_at_the_form_leaves() -> None:
    alliance, at_form, last = site(1, 80, 0.5)
    design = np.column_stack([np.ones(80), at_form])
    left = [y - design @ np.linalg.lstsq(design, y, rcond=None)[0] for y in (alliance, last)]
    expected = -float(np.corrcoef(left[0], left[1])[0, 1])
    found = site_correlation(alliance, at_form, last, better="lower")
    assert found.correlation == pytest.approx(expected)
    assert found.z_standard_error == pytest.approx(1 / np.sqrt(76))
    turned = site_correlation(alliance, -at_form, 7 - 2 * last, better="higher")
    assert turned.correlation == pytest.approx(expected)


def test_change_before_the_form_is_not_counted() -> None:
    # The alliance follows what happened before it and does nothing afterwards.
    truth_in, plain = 0, []
    for seed in range(40):
        alliance, at_form, last = site(seed, 120, 0.0)
        found = site_correlation(alliance, at_form, last, better="lower")
        assert found.lower95 is not None
        assert found.upper95 is not None
        truth_in += found.lower95 <= 0 <= found.upper95
        plain.append(-np.corrcoef(alliance, last)[0, 1])
    # 95 % of 40: fewer than 34 has a probability below 1 in 100.
    assert truth_in >= 34
    assert np.mean(plain) > 0.3


def test_a_planted_correlation_is_covered_by_the_pooled_interval() -> None:
    # Left of the outcome at the form: alliance SD 3, outcome SD sqrt(36 + (.5 x 3)^2).
    truth = 0.5 * 3 / np.sqrt(36 + 1.5**2)
    covered = 0
    for seed in range(30):
        sites = [
            site_correlation(*site(100 * seed + place, 40 + 20 * place, 0.5), better="lower")
            for place in range(6)
        ]
        fixed = pooled_correlation(sites).fixed
        assert fixed is not None
        covered += fixed.lower95 <= truth <= fixed.upper95
    assert covered >= 25


def test_below_the_minimum_there_is_a_reason_and_no_figure() -> None:
    alliance, at_form, last = site(3, 31, 0.5)
    alliance[:2] = np.nan
    found = site_correlation(alliance, at_form, last, better="lower")
    assert (found.n, found.correlation, found.z, found.upper95) == (29, None, None, None)
    assert found.reason == "needs 30 episodes, found 29"
    pooled = pooled_correlation([found, given(0.2, 0.1)])
    assert (pooled.fixed, pooled.random, pooled.q, pooled.i2) == (None, None, None, None)
    assert [reason.figure for reason in pooled.reasons] == ["site", "pooled"]
    assert (pooled.n_sites, pooled.n) == (1, 100)


@pytest.mark.parametrize(
    ("change", "said"),
    [("same", "is the same in all"), ("copied", "nothing to explain"), ("line", "in one line")],
)
def test_what_has_no_correlation_says_so(change: str, said: str) -> None:
    alliance, at_form, last = site(4, 40, 0.5)
    if change == "same":
        alliance = np.full(40, 36.0)
    elif change == "copied":
        last = 2 * at_form
    else:
        last = at_form + alliance
    found = site_correlation(alliance, at_form, last, better="lower")
    assert found.correlation is None
    assert found.reason is not None
    assert said in found.reason


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(MeasureUndefined, match="one alliance and two outcomes"):
        site_correlation(np.ones(3), np.ones(3), np.ones(4), better="lower")
