"""The shared core against published figures, the mean wrapper against a hand-worked table."""

import csv
from pathlib import Path

import numpy as np
import pytest

from orchestration.benchmarking.dispersion import dispersion, winsorise
from orchestration.benchmarking.funnel import flag_beyond, mean_funnel, proportion_funnel
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
    beyond = ("above_998", "below_998")
    assert int(np.isin(found.plain.flag, beyond).sum()) == 58
    assert int(np.isin(found.overdispersed.flag, beyond).sum()) == 14
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
