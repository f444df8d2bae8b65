"""The hazard of an unplanned ending: life tables by hand, odds ratios by hand, a known truth."""

import numpy as np
import pytest
from numpy.typing import NDArray

from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.dropout_hazard import (
    FEWEST_ENDINGS,
    STATES,
    DropoutHazard,
    dropout_hazard,
    life_table,
)

Integers = NDArray[np.int64]


def periods(*groups: tuple[int, str, int, int]) -> DropoutHazard:
    """(session number, state, sessions at risk, unplanned endings among them)."""
    number = np.repeat([g[0] for g in groups], [g[2] for g in groups])
    state = np.repeat([g[1] for g in groups], [g[2] for g in groups])
    ended = np.concatenate([np.arange(g[2]) < g[3] for g in groups])
    return dropout_hazard(number.astype(np.int64), state, ended)


def test_a_life_table_worked_by_hand() -> None:
    # 20 treatments reach session 1 and 4 end unplanned: h = 4/20 = .2, se = sqrt(.2 x .8 / 20) =
    # sqrt(.008) = .0894427; S = .8, se = .8 sqrt(4/(20 x 16)) = .8 sqrt(.0125) = .0894427.
    # 3 end as planned, 13 reach session 2 (1 of them is lost sight of, 12 are at risk), 3 end
    # unplanned: h = 3/12 = .25, se = sqrt(.25 x .75 / 12) = sqrt(.015625) = .125; S = .8 x .75 =
    # .6, se = .6 sqrt(.0125 + 3/(12 x 9)) = .6 sqrt(.0402778) = .1204159.
    # 5 at risk at session 3 and nobody ends: h = 0, se 0; S and its se stay.
    number = np.array([1] * 20 + [2] * 12 + [3] * 5)
    ended = np.array([True] * 4 + [False] * 16 + [True] * 3 + [False] * 9 + [False] * 5)
    table = life_table(number, ended, 4)
    assert [(row.session_no, row.n_at_risk, row.n_ended) for row in table] == [
        *((1, 20, 4), (2, 12, 3), (3, 5, 0), (4, 0, 0))
    ]
    assert [row.hazard for row in table[:3]] == pytest.approx([0.2, 0.25, 0])
    assert [row.standard_error for row in table[:3]] == pytest.approx([0.0894427, 0.125, 0])
    assert [row.survivor for row in table[:3]] == pytest.approx([0.8, 0.6, 0.6])
    errors = [row.survivor_standard_error for row in table[:3]]
    assert errors == pytest.approx([0.0894427, 0.1204159, 0.1204159])
    # Nobody at risk is no hazard of 0.
    assert (table[3].hazard, table[3].standard_error, table[3].survivor) == (None, None, None)


def test_everyone_ending_leaves_nobody() -> None:
    (row,) = life_table(np.array([1, 1]), np.array([True, True]), 1)
    assert (row.hazard, row.survivor, row.survivor_standard_error) == (1, 0, 0)


def test_of_one_session_number_the_ratio_is_that_of_the_fourfold_table() -> None:
    # low: 12 of 40 ended; middle: 10 of 100. OR = (12 x 90) / (28 x 10) = 27/7 = 3.857143, its
    # logarithm's se = sqrt(1/12 + 1/28 + 1/10 + 1/90) = sqrt(.2301587) = .4797486 (Woolf 1955).
    found = periods((3, "low", 40, 12), (3, "middle", 100, 10))
    (ratio,) = found.odds_ratios
    assert ratio.state == "low"
    assert ratio.ratio == pytest.approx(27 / 7)
    assert ratio.log_standard_error == pytest.approx(0.4797486, abs=1e-7)
    assert ratio.lower95 == pytest.approx(27 / 7 * np.exp(-1.959964 * 0.4797486), rel=1e-6)
    assert ratio.upper95 == pytest.approx(27 / 7 * np.exp(1.959964 * 0.4797486), rel=1e-6)
    assert {reason.figure for reason in found.reasons} == {"maximum", "no_form"}


def test_the_session_number_is_adjusted_for() -> None:
    # At each number the odds of low are twice those of middle (1/4 and 1/8; 1 and 1/2); low is
    # common where endings are. Thrown together the ratio is
    # ((2 + 40) / (8 + 40)) / ((20 + 5) / (160 + 10)) = .875 / .147059 = 5.95, not 2.
    found = periods(
        *((1, "low", 10, 2), (1, "middle", 180, 20), (2, "low", 80, 40), (2, "middle", 15, 5))
    )
    (ratio,) = found.odds_ratios
    assert ratio.ratio == pytest.approx(2)


def test_a_number_without_an_ending_changes_no_ratio() -> None:
    groups = ((1, "low", 40, 12), (1, "middle", 100, 10))
    found, more = periods(*groups), periods(*groups, (2, "low", 7, 0), (2, "middle", 9, 0))
    assert more.odds_ratios == found.odds_ratios
    assert more.n_periods == found.n_periods + 16


def test_few_endings_have_tables_and_no_ratio() -> None:
    found = periods((1, "low", 20, 5), (1, "middle", 40, FEWEST_ENDINGS - 6))
    assert found.odds_ratios == ()
    (reason,) = found.reasons
    assert reason.text == "needs 10 unplanned endings, found 9"
    assert found.life_tables["low"][0].hazard == 0.25


def test_a_state_without_an_ending_has_a_reason_and_no_ratio_of_zero() -> None:
    found = periods((1, "low", 40, 12), (1, "middle", 100, 10), (1, "maximum", 30, 0))
    assert [ratio.state for ratio in found.odds_ratios] == ["low"]
    assert any(r.figure == "maximum" and "of 30 sessions" in r.text for r in found.reasons)
    nothing = periods((1, "low", 40, 12), (1, "middle", 30, 0))
    assert nothing.odds_ratios == ()
    assert nothing.reasons[-1].figure == "odds_ratios"


def test_states_that_never_share_a_session_number_cannot_be_compared() -> None:
    found = periods((1, "low", 40, 12), (2, "middle", 100, 10))
    assert found.odds_ratios == ()
    assert "cannot be told apart" in found.reasons[-1].text


@pytest.mark.parametrize(
    ("number", "state", "said"),
    [([1], ["high"], "high"), ([0], ["low"], "from 1"), ([1, 2], ["low"], "one session number")],
)
def test_what_is_no_person_period_is_refused(
    number: list[int], state: list[str], said: str
) -> None:
    with pytest.raises(MeasureUndefined, match=said):
        dropout_hazard(np.array(number), np.array(state), np.array([False] * len(state)))


def simulated(seed: int) -> DropoutHazard:
    """1,500 treatments of up to 12 sessions; the log odds of an ending are known for each state."""
    random = np.random.default_rng(seed)
    effects = {"low": np.log(2.5), "middle": 0.0, "maximum": np.log(0.6), "no_form": np.log(1.5)}
    numbers, states, endings = [], [], []
    at_risk = 1500
    for session_no in range(1, 13):
        state = random.choice(STATES, size=at_risk, p=[0.15, 0.45, 0.25, 0.15])
        log_odds = -2.6 - 0.1 * session_no + np.array([effects[name] for name in state])
        ended = random.random(at_risk) < 1 / (1 + np.exp(-log_odds))
        numbers.append(np.full(at_risk, session_no))
        states.append(state)
        endings.append(ended)
        # Besides, a tenth of those who go on end as planned.
        at_risk = int((~ended & (random.random(at_risk) > 0.1)).sum())
    return dropout_hazard(np.concatenate(numbers), np.concatenate(states), np.concatenate(endings))


def test_planted_odds_ratios_are_found() -> None:
    truth = {"low": 2.5, "maximum": 0.6, "no_form": 1.5}
    covered = dict.fromkeys(truth, 0)
    logs: dict[str, list[float]] = {name: [] for name in truth}
    for seed in range(20):
        for ratio in simulated(seed).odds_ratios:
            covered[ratio.state] += ratio.lower95 <= truth[ratio.state] <= ratio.upper95
            logs[ratio.state].append(np.log(ratio.ratio))
    for name, value in truth.items():
        # 95 % of 20: fewer than 16 has a probability of 3 in 1,000.
        assert covered[name] >= 16, (name, covered)
        # Means within three standard errors.
        error = np.std(logs[name], ddof=1) / np.sqrt(20)
        assert np.mean(logs[name]) == pytest.approx(np.log(value), abs=3 * error), name


def test_order_changes_nothing() -> None:
    random = np.random.default_rng(7)
    number = random.integers(1, 8, 600)
    state = random.choice(STATES, 600)
    ended = random.random(600) < 0.1
    mixed = random.permutation(600)
    one = dropout_hazard(number, state, ended)
    other = dropout_hazard(number[mixed], state[mixed], ended[mixed])
    assert one.life_tables == other.life_tables
    assert [r.ratio for r in one.odds_ratios] == pytest.approx([r.ratio for r in other.odds_ratios])
