"""Bias and tracking: pairs worked by hand, a planted truth, and where nothing can be said."""

import numpy as np
import pytest
from numpy.typing import NDArray

from orchestration.measures.arrays import Floats, MeasureUndefined
from orchestration.measures.congruence import Congruence, congruence

Integers = NDArray[np.int64]


def dyads(*rows: tuple[list[float], list[float]]) -> tuple[Floats, Floats, Integers]:
    """(the client's forms, the therapist's) of each dyad."""
    return (
        np.concatenate([client for client, _ in rows]),
        np.concatenate([therapist for _, therapist in rows]),
        np.repeat(np.arange(len(rows)), [len(client) for client, _ in rows]),
    )


def test_worked_by_hand() -> None:
    # Dyad 1: client 60 70 80, therapist 50 60 70: gap -10; centred -10 0 10 on both.
    # Dyad 2: client 90 90 90, therapist 80 90 70: gap -10; the client does not move.
    # Dyad 3: client 40 60, too few pairs. Dyad 4: client 50 70 90, therapist 80 80 80: gap 10;
    # centred client -20 0 20, therapist 0 0 0.
    # Bias (-10 - 10 + 10)/3 = -3.3333; se = SD/sqrt(3), SD = sqrt((2 x 44.444 + 177.778)/2) =
    # 11.547005, so 6.6666667; t(.975, 2) = 4.302653: -32.018 to 25.351.
    # Tracking: sum xy = 200 + 0 + 0 = 200; sum xx = 200 + 0 + 800 = 1000; slope .2.
    # Pulls: dyad 1 200 - .2 x 200 = 160; dyad 4 0 - .2 x 800 = -160; se = sqrt(2/1 x 2 x 160^2) /
    # 1000 = .32; t(.975, 1) = 12.7062: -3.866 to 4.266.
    client, therapist, dyad = dyads(
        ([60, 70, 80], [50, 60, 70]),
        ([90, 90, 90], [80, 90, 70]),
        ([40, 60], [0, 100]),
        ([50, 70, 90], [80, 80, 80]),
    )
    found = congruence(client, therapist, dyad, fewest_clusters=2)
    assert found.bias is not None
    assert found.bias.value == pytest.approx(-10 / 3)
    assert found.bias.standard_error == pytest.approx(20 / 3)
    assert found.bias.lower95 == pytest.approx(-32.018, abs=1e-3)
    assert found.bias.upper95 == pytest.approx(25.351, abs=1e-3)
    assert found.tracking is not None
    assert found.tracking.value == pytest.approx(0.2)
    assert found.tracking.standard_error == pytest.approx(0.32)
    assert found.tracking.lower95 == pytest.approx(-3.866, abs=1e-3)
    assert (found.n_dyads, found.n_pairs, found.n_dyads_short) == (3, 9, 1)
    assert (found.n_dyads_moving, found.n_clusters, found.reasons) == (2, 3, ())


def test_a_therapist_with_many_dyads_is_one_cluster() -> None:
    # Gaps 2 and 4 of one therapist, -2 and 0 of another: mean 1; influence (1 + 3)/4 = 1 and -1;
    # se = sqrt(2/1 x 2) = 2. As four dyads it would be SD/2 = 1.2910.
    rows = [([50.0, 60.0, 70.0], [50.0 + g, 60.0 + g, 70.0 + g]) for g in (2, 4, -2, 0)]
    client, therapist, dyad = dyads(*rows)
    cluster = np.repeat([0, 0, 1, 1], 3)
    found = congruence(client, therapist, dyad, cluster, fewest_clusters=2)
    assert found.bias is not None
    assert (found.bias.value, found.bias.standard_error) == pytest.approx((1, 2))
    apart = congruence(client, therapist, dyad, fewest_clusters=2)
    assert apart.bias is not None
    assert apart.bias.standard_error == pytest.approx(1.2909944)


def simulated(seed: int, bias: float, tracking: float) -> Congruence:
    """60 dyads of 15 therapists, 3 to 12 pairs each; bias and tracking differ about the truth."""
    random = np.random.default_rng(seed)
    rows: list[tuple[list[float], list[float]]] = []
    of_therapist = random.normal(0, 3, 15)
    slopes = tracking + random.normal(0, 0.15, 15)
    for place in range(60):
        n = int(random.integers(3, 13))
        level = random.normal(80, 10)
        inside = random.normal(0, 6, n)
        inside -= inside.mean()
        gap = bias + of_therapist[place % 15] + random.normal(0, 4)
        judged = level + gap + slopes[place % 15] * inside + random.normal(0, 5, n)
        rows.append(((level + inside).tolist(), judged.tolist()))
    client, therapist, dyad = dyads(*rows)
    return congruence(client, therapist, dyad, dyad % 15)


@pytest.mark.parametrize(("bias", "tracking"), [(-8.0, 0.3), (0.0, 0.0)])
def test_planted_bias_and_tracking_are_covered(bias: float, tracking: float) -> None:
    results = [simulated(seed, bias, tracking) for seed in range(40)]
    for name, truth in (("bias", bias), ("tracking", tracking)):
        estimates = [getattr(result, name) for result in results]
        covered = sum(each.lower95 <= truth <= each.upper95 for each in estimates)
        # 95 % of 40: fewer than 34 has a probability below 1 in 100.
        assert covered >= 34, name
        values = [each.value for each in estimates]
        error = np.std(values, ddof=1) / np.sqrt(40)
        assert np.mean(values) == pytest.approx(truth, abs=3 * error), name


def test_levels_that_differ_between_dyads_do_not_look_like_tracking() -> None:
    # Clients who rate high have therapists who rate high; within a dyad nothing moves together.
    random = np.random.default_rng(5)
    level = np.repeat(random.normal(70, 15, 200), 6)
    dyad = np.repeat(np.arange(200), 6)
    client, therapist = level + random.normal(0, 5, 1200), level + random.normal(0, 5, 1200)
    found = congruence(client, therapist, dyad)
    assert np.corrcoef(client, therapist)[0, 1] > 0.8
    assert found.tracking is not None
    assert found.tracking.lower95 < 0 < found.tracking.upper95


def test_below_the_minimum_there_is_a_reason_and_no_figure() -> None:
    found = congruence(*dyads(*[([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])] * 9))
    assert (found.bias, found.tracking, found.n_dyads) == (None, None, 9)
    assert [(reason.figure, reason.text) for reason in found.reasons] == [
        ("bias", "needs 10 clusters of dyads, found 9"),
        ("tracking", "needs 10 clusters of dyads, found 9"),
    ]
    nothing = congruence(np.array([]), np.array([]), np.array([], dtype=np.int64))
    assert (nothing.bias, nothing.n_dyads, nothing.n_clusters) == (None, 0, 0)


def test_clients_at_the_ceiling_have_a_bias_and_no_tracking_of_zero() -> None:
    found = congruence(*dyads(*[([100.0] * 3, [70.0 + k, 80.0, 90.0]) for k in range(12)]))
    assert found.bias is not None
    assert found.tracking is None
    assert found.n_dyads_moving == 0
    assert "differ in 0 clusters" in found.reasons[0].text


def test_what_are_no_pairs_is_refused() -> None:
    one = np.array([1.0, 2.0])
    with pytest.raises(MeasureUndefined, match="two scores"):
        congruence(one, one[:1], np.array([1, 1]))
    with pytest.raises(MeasureUndefined, match="leave out"):
        congruence(one, np.array([1, np.nan]), np.array([1, 1]))
    with pytest.raises(MeasureUndefined, match="two clusters"):
        congruence(one, one, np.array([1, 1]), np.array([1, 2]))
