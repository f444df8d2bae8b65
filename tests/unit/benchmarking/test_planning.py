"""The planning table by hand."""

import pytest

from orchestration.benchmarking.planning import plan, site_mean_reliability


def test_ten_therapists_with_thirty_clients_give_58() -> None:
    # .01/(.01 + .04/10 + .95/300) = .01/.0171667 = .5825 (metrics reference: .58).
    assert site_mean_reliability(10, 30) == pytest.approx(0.58252, abs=5e-6)


def test_plan_for_80_by_hand() -> None:
    # Noise allowed: .01 * .2/.8 = .0025. 16 therapists use it up: .04/16 = .0025.
    # 20 therapists: .95/(20 * .0025 - .04) = .95/.01 = 95 clients each.
    # 30: .95/.035 = 27.14, so 28. 40: .95/.06 = 15.83, so 16.
    found = plan([10, 16, 20, 30, 40])
    assert [row.n_clients_each for row in found] == [None, None, 95, 28, 16]
    assert [row.reliability for row in found[:2]] == [None, None]
    assert found[2].reliability == pytest.approx(0.8)
    assert site_mean_reliability(30, 27) < 0.8 < site_mean_reliability(30, 28)


def test_what_is_no_plan_is_an_error() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        plan([10], reliability=1.0)
    with pytest.raises(ValueError, match="shares"):
        plan([10], site_share=0.0)
    with pytest.raises(ValueError, match="at least one"):
        site_mean_reliability(0, 30)
