"""The shared core against published figures, the mean wrapper against a hand-worked table."""

import csv
from pathlib import Path

import numpy as np
import pytest

from orchestration.benchmarking.dispersion import dispersion, is_kept_by_truncation, winsorise
from orchestration.benchmarking.funnel import (
    flag_beyond,
    mean_funnel,
    proportion_funnel,
    ratio_funnel,
)
from orchestration.benchmarking.scales import pooled_mean

# Thirteen BCG vaccine trials (Colditz et al. 1994, JAMA 271:698; metafor's dat.bcg): tuberculosis
# yes and no among the vaccinated, yes and no among the others.
BCG = np.array(
    [
        [4, 119, 11, 128],
        [6, 300, 29, 274],
        [3, 228, 11, 209],
        [62, 13536, 248, 12619],
        [33, 5036, 47, 5761],
        [180, 1361, 372, 1079],
        [8, 2537, 10, 619],
        [505, 87886, 499, 87892],
        [29, 7470, 45, 7232],
        [17, 1699, 65, 1600],
        [186, 50448, 141, 27197],
        [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    dtype=np.float64,
)


def test_target_phi_and_tau2_agree_with_the_published_bcg_meta_analysis() -> None:
    # metafor's test against Stata's metan (log risk ratio): pooled -0.4303, Q 152.2330; with the
    # DerSimonian-Laird tau2 (0.3088) the random-effects mean is -0.7141 (-1.0644 to -0.3638).
    yes, no, other_yes, other_no = BCG.T
    y = np.log(yes / (yes + no)) - np.log(other_yes / (other_yes + other_no))
    s = np.sqrt(1 / yes - 1 / (yes + no) + 1 / other_yes - 1 / (other_yes + other_no))
    target = pooled_mean(y, s)
    assert target == pytest.approx(-0.4303, abs=5e-5)
    found = dispersion((y - target) / s, s, share=0.0)
    assert found.phi * 13 == pytest.approx(152.2330, abs=5e-5)
    assert found.tau2 == pytest.approx(0.3088, abs=5e-5)
    weights = 1 / (s**2 + found.tau2)
    mean = float((weights * y).sum() / weights.sum())
    assert mean == pytest.approx(-0.7141, abs=5e-5)
    assert mean - 1.959964 * weights.sum() ** -0.5 == pytest.approx(-1.0644, abs=5e-5)


# Length of stay and what a Poisson model expects of it, in 54 hospitals of Arizona, 1991: data set
# medpar of the R package COUNT (Hilbe 2014, Modeling Count Data), los summed by provnum; expected
# from los ~ hmo + died + age80 + factor(type), as in FunnelPlotR's README, whose coefficients
# (2.26875 -0.07637 -0.24574 -0.02141 0.24921 0.74869) and residual deviance (7977.7) it has.
MEDPAR_OBSERVED = np.array(
    [
        *(406, 642, 46, 764, 82, 201, 193, 569, 404, 134, 614, 491, 501, 131, 274, 124, 456, 48),
        *(429, 14, 369, 8, 37, 128, 145, 493, 104, 6, 308, 34, 7, 935, 134, 339, 458, 22, 2, 160),
        *(87, 55, 252, 174, 43, 228, 210, 321, 631, 543, 105, 389, 92, 1012, 283, 95),
    ],
    dtype=np.float64,
)
MEDPAR_EXPECTED = np.array(
    [
        *(523.6963, 612.9786, 53.7914, 763.7179, 120.9374, 250.186, 155.4921, 484.7149, 362.2221),
        *(188.9266, 554.3848, 616.738, 360.1473, 245.6126, 263.5646, 154.6624, 475.0159, 38.9339),
        *(445.0966, 28.7971, 347.5364, 7.5611, 73.2056, 118.1138, 273.3377, 449.7932, 172.3786),
        *(19.1963, 321.858, 36.563, 19.9643, 851.7164, 198.9406, 302.3934, 410.1635, 45.8653),
        *(9.6673, 212.345, 38.9222, 31.7379, 285.6359, 186.6561, 33.9818, 255.6547, 242.0259),
        *(279.4762, 619.2636, 626.1302, 145.6749, 413.8621, 111.2628, 685.5857, 181.1079, 24.8065),
    ],
    dtype=np.float64,
)
BEYOND = ("above_998", "below_998")


def test_length_of_stay_ratios_as_published_by_funnelplotr() -> None:
    # FunnelPlotR's README: "54 points of which 25 are outliers" by the exact Poisson limits at
    # 99.8 %, and "9 are outliers" with over-dispersion (SHMI: log scale, 10 % truncated).
    assert MEDPAR_OBSERVED.sum() == 14732
    assert MEDPAR_EXPECTED.sum() == pytest.approx(14732, abs=0.01)
    found = ratio_funnel(MEDPAR_OBSERVED, MEDPAR_EXPECTED, 0.1)
    assert found.z.size == 54
    assert int(np.isin(found.plain.flag, BEYOND).sum()) == 25
    assert int(np.isin(found.overdispersed.flag, BEYOND).sum()) == 9


def test_a_ratio_by_hand_on_both_scales() -> None:
    # E 4 16 64, O 4 32 32. Log scale: s = 1/2 1/4 1/8, y = 0 log2 -log2, z = 0 4log2 -8log2.
    # phi = 80 log2^2/3; w = 4 16 64, sum 84, sum of squares 16 + 256 + 4096 = 4368.
    # tau2 = (80 log2^2 - 2)/(84 - 4368/84) = (38.4362 - 2)/32 = 1.138632.
    observed, expected = np.array([4.0, 32.0, 32.0]), np.array([4.0, 16.0, 64.0])
    logs = ratio_funnel(observed, expected, 0.0)
    two = np.log(2.0)
    np.testing.assert_allclose(logs.z, [0, 4 * two, -8 * two])
    assert logs.target == 1.0
    assert logs.dispersion.phi == pytest.approx(80 * two**2 / 3)
    tau2 = (80 * two**2 - 2) / 32
    assert logs.dispersion.tau2 == pytest.approx(tau2)
    assert logs.overdispersed.upper95[0] == pytest.approx(np.exp(1.959964 * (0.25 + tau2) ** 0.5))
    # Root scale: s = 1/4 1/8 1/16, y - 1 = 0 .41421 -.29289, z = 0 3.31371 -4.68629.
    roots = ratio_funnel(observed, expected, 0.0, scale="sqrt", trim="winsorise")
    np.testing.assert_allclose(roots.z, [0, 3.31371, -4.68629], atol=5e-6)
    # phi = (10.98068 + 21.96133)/3; w is four times as large: tau2 = (32.94201 - 2)/128 = .241734.
    assert roots.dispersion.tau2 == pytest.approx(0.241734, abs=5e-7)
    wide = (1 / 256 + 0.241734) ** 0.5
    assert roots.overdispersed.upper95[2] == pytest.approx((1 + 1.959964 * wide) ** 2, abs=1e-5)
    # 3.090232 * .4956 is beyond 1: the limit is 0, and does not come back up.
    assert roots.overdispersed.lower998[2] == 0.0


def test_unadjusted_ratio_limits_are_the_exact_interval_of_the_expected_count() -> None:
    # Exact 95 % Poisson interval of a count of 10: 4.795 to 18.390; of 100: 81.364 to 121.627
    # (Ulm 1990, Am J Epidemiol 131:373; the tables of Dobson 1991).
    found = ratio_funnel(np.array([10.0, 100.0]), np.array([10.0, 100.0]), 0.0).plain
    np.testing.assert_allclose(found.lower95, [0.4795, 0.81364], atol=5e-5)
    np.testing.assert_allclose(found.upper95, [1.8390, 1.21627], atol=5e-5)
    assert found.lower998[0] < found.lower95[0] < 1.0 < found.upper95[0] < found.upper998[0]


def test_truncation_leaves_the_outer_deciles_out_by_rank() -> None:
    # 19 units: floor(rank * 10/20) is 0 for rank 1 and 9 for ranks 18 and 19: 16 stay. With ties
    # both get the average rank: two lowest share 1.5, floor(.75) = 0, so both go.
    z = np.arange(19.0)
    assert is_kept_by_truncation(z, 0.1).nonzero()[0].tolist() == list(range(1, 17))
    z[1] = z[0]
    assert is_kept_by_truncation(z, 0.1).nonzero()[0].tolist() == list(range(2, 17))
    assert is_kept_by_truncation(z[::-1], 0.1).nonzero()[0].tolist() == list(range(2, 17))
    assert bool(is_kept_by_truncation(z, 0.0).all())
    # phi and tau2 are those of the units that stay.
    s = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0])
    kept = dispersion(np.array([-9.0, -1.0, 0.0, 1.0, 2.0, 3.0, 50.0]), s, 0.2, trim="truncate")
    # k = 5: groups floor(rank * 5/8) = 0 1 1 2 3 3 4; 0 and 4 go. phi = (1+0+1+4+9)/5 = 3 and
    # tau2 = (15 - 4)/(5 - 1) = 2.75.
    assert kept.phi == pytest.approx(3.0)
    assert kept.tau2 == pytest.approx(2.75)


def test_a_logarithm_of_none_observed_needs_truncation() -> None:
    observed, expected = np.arange(12.0), np.full(12, 6.0)
    found = ratio_funnel(observed, expected, 0.1)
    assert found.z[0] == -np.inf
    assert np.isfinite([found.dispersion.phi, found.overdispersed.lower95[0]]).all()
    # chi2(.001; 12)/12 is above 0 whatever was expected: none observed lies below every limit.
    assert found.plain.flag[0] == "below_998"
    with pytest.raises(ValueError, match="no logarithm"):
        ratio_funnel(observed, expected, 0.1, trim="winsorise")
    assert np.isfinite(ratio_funnel(observed, expected, 0.1, scale="sqrt").z).all()


def test_multiplicative_limits_grow_with_the_root_of_phi_and_never_shrink() -> None:
    # As in the table without winsorising: phi = 16/3 and s = 1 1 2.
    means, s = np.array([10.0, 14.0, 18.0]), np.array([1.0, 1.0, 2.0])
    found = mean_funnel(means, s, 0.0, overdispersion="multiplicative")
    assert found.dispersion.phi == pytest.approx(16 / 3)
    assert found.dispersion.tau2 == 0.0
    upper = 38 / 3 + 1.959964 * np.sqrt(16 / 3) * s
    np.testing.assert_allclose(found.overdispersed.upper95, upper)
    calm = mean_funnel(np.array([1.0, 1.1, 0.9]), np.ones(3), 0.0, overdispersion="multiplicative")
    assert calm.dispersion.phi < 1.0
    assert not calm.dispersion.widens
    np.testing.assert_array_equal(calm.dispersion.spread(s), s)
    np.testing.assert_array_equal(calm.overdispersed.upper998, calm.plain.upper998)
    none = mean_funnel(means, s, 0.0, overdispersion="none")
    assert none.dispersion.phi == pytest.approx(16 / 3)
    assert none.overdispersed.flag.tolist() == none.plain.flag.tolist()


def test_a_design_effect_widens_a_proportion_s_limits() -> None:
    numerators, denominators = np.array([30.0, 55.0, 40.0]), np.array([100.0, 100.0, 80.0])
    plain = proportion_funnel(numerators, denominators, 0.1)
    clustered = proportion_funnel(numerators, denominators, 0.1, design_effects=np.full(3, 4.0))
    np.testing.assert_allclose(clustered.z, plain.z / 2)
    # Four times the variance is a quarter of the clients: asin sqrt p of 25, of 100 of them.
    quarter = proportion_funnel(numerators / 4, denominators / 4, 0.1)
    np.testing.assert_allclose(clustered.plain.lower95, quarter.plain.lower95)


@pytest.mark.parametrize("share", [-0.1, 0.5, float("nan")])
def test_a_share_to_trim_is_below_one_half(share: float) -> None:
    with pytest.raises(ValueError, match=r"below 0\.5"):
        mean_funnel(np.array([1.0, 2.0]), np.ones(2), share)


def test_a_ratio_without_expectation_is_an_error() -> None:
    with pytest.raises(ValueError, match="positive standard error"):
        ratio_funnel(np.array([1.0, 2.0]), np.array([0.0, 2.0]), 0.1)
    with pytest.raises(ValueError, match="0 or more"):
        ratio_funnel(np.array([-1.0, 2.0]), np.array([1.0, 2.0]), 0.1)


def test_arcsine_funnel_agrees_with_funnelplotr_on_nhs_talking_therapies(shared: Path) -> None:
    # FunnelPlotR 0.6 on NHS England's 2024-25 annual report, as given with the data.
    path = shared / "real" / "nhs_talking_therapies_recovery_2024_25.csv"
    with path.open(newline="") as stream:
        rows = [
            row
            for row in csv.DictReader(stream)
            if row["recovery_count"].isdigit() and row["at_caseness_count"].isdigit()
        ]
    found = proportion_funnel(
        np.array([float(row["recovery_count"]) for row in rows]),
        np.array([float(row["at_caseness_count"]) for row in rows]),
        trim_share=0.1,
    )
    assert found.z.size == 145
    assert found.target == pytest.approx(0.50620038, abs=5e-9)
    assert found.dispersion.phi == pytest.approx(10.1209931, abs=5e-8)
    assert found.dispersion.tau2 == pytest.approx(0.000528768293, abs=5e-13)
    assert int(np.isin(found.plain.flag, BEYOND).sum()) == 58
    assert int(np.isin(found.overdispersed.flag, BEYOND).sum()) == 14
    provider = [row["org_code"] for row in rows].index("8HX13")
    assert found.overdispersed.lower998[provider] == pytest.approx(0.34224957, abs=5e-9)
    assert found.overdispersed.upper998[provider] == pytest.approx(0.66946841, abs=5e-9)


def test_means_by_hand_without_winsorising() -> None:
    # Means 10 14 18 with s 1 1 2, so w = 1 1 1/4 and sum w = 2.25.
    # Target (10 + 14 + 4.5)/2.25 = 28.5/2.25 = 38/3 = 12.667.
    # z = -8/3, 4/3, (16/3)/2 = 8/3; phi = (64 + 16 + 64)/9/3 = 16/3.
    # tau2 = (16 - 2)/(2.25 - 2.0625/2.25) = 14/(4/3) = 10.5.
    found = mean_funnel(np.array([10.0, 14.0, 18.0]), np.array([1.0, 1.0, 2.0]), 0.0)
    assert found.target == pytest.approx(38 / 3)
    np.testing.assert_allclose(found.z, [-8 / 3, 4 / 3, 8 / 3])
    assert found.dispersion.phi == pytest.approx(16 / 3)
    assert found.dispersion.tau2 == pytest.approx(10.5)
    np.testing.assert_allclose(found.plain.upper95[:1], [38 / 3 + 1.959964])
    np.testing.assert_allclose(found.plain.lower998[2:], [38 / 3 - 2 * 3.090232])
    # With tau2 the spreads are sqrt 11.5, sqrt 11.5, sqrt 14.5.
    np.testing.assert_allclose(found.overdispersed.lower95[:1], [38 / 3 - 1.959964 * 11.5**0.5])
    np.testing.assert_allclose(found.overdispersed.upper998[2:], [38 / 3 + 3.090232 * 14.5**0.5])
    assert found.plain.flag.tolist() == ["below_95", "within", "above_95"]
    assert found.overdispersed.flag.tolist() == ["within", "within", "within"]


def test_means_by_hand_with_winsorising() -> None:
    # Equal s 1: target 0, z = -10 -1 0 1 10. Type 7 at .1: position 0.4 between -10 and -1 is
    # -10 + .4*9 = -6.4, and 6.4 above. phi = (2*6.4^2 + 2)/5 = 16.784.
    # tau2 = (5*16.784 - 4)/(5 - 1) = 79.92/4 = 19.98.
    found = mean_funnel(np.array([-10.0, -1.0, 0.0, 1.0, 10.0]), np.ones(5), 0.1)
    assert found.target == 0.0
    assert found.dispersion.phi == pytest.approx(16.784)
    assert found.dispersion.tau2 == pytest.approx(19.98)
    # 1.959964*sqrt(20.98) = 8.977 and 3.090232*sqrt(20.98) = 14.154.
    assert found.overdispersed.flag.tolist() == [
        "below_95",
        "within",
        "within",
        "within",
        "above_95",
    ]
    assert found.plain.flag.tolist()[0] == "below_998"


def test_no_over_dispersion_gives_the_plain_limits() -> None:
    found = mean_funnel(np.array([1.0, 1.1, 0.9]), np.ones(3), 0.1)
    assert found.dispersion.tau2 == 0.0
    np.testing.assert_array_equal(found.plain.upper95, found.overdispersed.upper95)


def test_winsorise_keeps_the_number_of_scores_and_their_order() -> None:
    z = np.linspace(-5, 5, 11)
    found = winsorise(z, 0.1)
    assert found.tolist() == [-4.0, *z[1:-1].tolist(), 4.0]


def test_a_value_on_a_limit_is_within_it() -> None:
    value = np.array([-3.1, -3.0, -2.0, 2.0, 3.0, 3.1])
    limits = [np.full(6, bound) for bound in (-2.0, 2.0, -3.0, 3.0)]
    assert flag_beyond(value, (limits[0], limits[1], limits[2], limits[3])).tolist() == [
        "below_998",
        "below_95",
        "within",
        "within",
        "above_95",
        "above_998",
    ]


def test_proportion_limits_stay_between_0_and_1() -> None:
    found = proportion_funnel(np.array([0.0, 1.0, 60.0]), np.array([2.0, 1.0, 100.0]), 0.1)
    for bound in (found.plain.lower998, found.plain.upper998):
        assert bool(np.all((bound >= 0) & (bound <= 1)))
    assert found.plain.lower998[1] == 0.0
    assert found.plain.upper998[1] == 1.0


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_a_standard_error_that_is_not_positive_is_an_error(wrong: float) -> None:
    with pytest.raises(ValueError, match="positive standard error"):
        mean_funnel(np.array([1.0, 2.0]), np.array([1.0, wrong]), 0.1)


def test_a_numerator_above_its_denominator_is_an_error() -> None:
    with pytest.raises(ValueError, match="numerator"):
        proportion_funnel(np.array([3.0]), np.array([2.0]), 0.1)


def test_no_unit_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        mean_funnel(np.array([]), np.array([]), 0.1)
