"""Slopes within and between clients: by hand, with planted slopes of opposite sign, and reasons."""

import numpy as np
import pytest

from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.within_between import WithinBetween, within_between


def test_worked_by_hand() -> None:
    # Client 1: x 1 2 3, y 5 6 10: means 2, 7; centred x -1 0 1, y -2 -1 3; xy 5, xx 2.
    # Client 2: x 4 4 4 8, y 1 1 1 5: means 5, 2; centred x -1 -1 -1 3, y alike; xy 12, xx 12.
    # Client 3: x 8 8 8, y 0 0 3: means 8, 1; xy 0, xx 0. Client 4 has two forms.
    # Within: 17/14 = 1.2142857. Pulls: 5 - 17/7 = 2.5714286 and 12 - 14.571429 = -2.5714286; se =
    # sqrt(2/1 x 2 x 6.6122449) / 14 = .3673469.
    # Between: x 2 5 8, y 7 2 1: away -3 0 3, slope (-21 + 3)/18 = -1; mean y 3.3333; left
    # 7 - 3.3333 - 3 = .6667, -1.3333, .6667; leverage 1/3 + 9/18 = .8333, .3333, .8333;
    # -3 x .6667/.1667 = -12, 0, 12; se = sqrt(288)/18 = .942809.
    x = np.array([1, 2, 3, 4, 4, 4, 8, 8, 8, 8, 1, 9], dtype=float)
    y = np.array([5, 6, 10, 1, 1, 1, 5, 0, 0, 3, 7, 7], dtype=float)
    client = np.array([1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4])
    found = within_between(x, y, client, fewest_clients=3)
    assert found.within is not None
    assert found.between is not None
    assert found.within.value == pytest.approx(17 / 14)
    assert found.within.standard_error == pytest.approx(0.3673469, abs=1e-7)
    assert found.between.value == pytest.approx(-1)
    assert found.between.standard_error == pytest.approx(0.942809, abs=1e-6)
    # Student's t of one degree of freedom for both: two clients move, three means less two.
    assert found.between.upper95 == pytest.approx(-1 + 12.7062 * 0.942809, abs=1e-3)
    assert (found.n_clients, found.n_forms, found.n_clients_short) == (3, 10, 1)
    assert found.reasons == ()


def simulated(seed: int) -> WithinBetween:
    """150 clients of 3 to 10 forms: half a point better within, a point worse between."""
    random = np.random.default_rng(seed)
    client = np.repeat(np.arange(150), random.integers(3, 11, 150))
    level = random.normal(80, 10, 150)[client]
    inside = random.normal(0, 5, client.size)
    # The clients' means are then their levels: no error draws the slope between.
    n = np.bincount(client)
    inside -= (np.bincount(client, inside) / n)[client]
    y = 0.5 * inside - 1.0 * level + random.normal(0, 8, 150)[client]
    return within_between(level + inside, y + random.normal(0, 6, client.size), client)


def test_planted_slopes_of_opposite_sign_are_covered() -> None:
    results = [simulated(seed) for seed in range(40)]
    for name, truth in (("within", 0.5), ("between", -1.0)):
        slopes = [getattr(result, name) for result in results]
        # 95 % of 40: fewer than 34 has a probability below 1 in 100.
        assert sum(each.lower95 <= truth <= each.upper95 for each in slopes) >= 34, name
        assert np.mean([each.value for each in slopes]) == pytest.approx(truth, abs=0.05), name


def test_below_the_minimum_there_is_a_reason_and_no_figure() -> None:
    client = np.repeat(np.arange(30), 3)
    x = np.random.default_rng(1).normal(size=90)
    y = x.copy()
    y[0] = np.nan
    found = within_between(x, y, client)
    assert (found.within, found.between, found.n_clients, found.n_clients_short) == (
        *(None, None, 29, 1),
    )
    assert [reason.figure for reason in found.reasons] == ["within", "between"]
    assert found.reasons[0].text == "needs 30 clients with 3 forms, found 29"


def test_forms_that_never_differ_have_no_slope_of_zero() -> None:
    client = np.repeat(np.arange(30), 3)
    found = within_between(np.full(90, 40.0), np.arange(90.0), client)
    assert (found.within, found.between) == (None, None)
    assert [reason.text for reason in found.reasons] == [
        "0 clients have forms that differ",
        "the clients' means do not differ, or only one does",
    ]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(MeasureUndefined, match="per form"):
        within_between(np.ones(3), np.ones(2), np.ones(3, dtype=np.int64))
