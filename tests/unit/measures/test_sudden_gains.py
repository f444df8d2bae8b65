"""Tang & DeRubeis: the package's example to the last event, each criterion by itself."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.measures.sudden_gains import Critical, Step, sudden_steps
from tests.unit.measures.published import SUDDEN, SUDDEN_GAINS, SUDDEN_LOSSES, Floats

NAN = np.nan


def _events(steps: list[Step], kind: str) -> list[tuple[int, int, float, bool]]:
    return [
        (step.person + 1, step.session + 1, step.magnitude, step.is_reversed)
        for step in steps
        if step.kind == kind
    ]


def test_the_package_s_example_event_by_event() -> None:
    steps = sudden_steps(SUDDEN, cutoff=7, better="lower")
    assert _events(steps, "gain") == list(SUDDEN_GAINS)
    assert _events(steps, "loss") == list(SUDDEN_LOSSES)
    # describe_sg in the tutorial: 24 gains of 15 persons, 4 reversed, mean 11, SD 3.43.
    gains = [step for step in steps if step.kind == "gain"]
    assert len({step.person for step in gains}) == 15
    assert sum(step.is_reversed for step in gains) == 4
    sizes = [step.magnitude for step in gains]
    assert (np.mean(sizes), np.std(sizes, ddof=1)) == pytest.approx((11, 3.43), abs=0.005)


def test_a_fixed_critical_value_finds_two_more_where_sessions_are_missing() -> None:
    # Persons 2 (n 5) and 15 (n 3) have two scores on a side, where t is 3.182 or 4.303.
    fixed = sudden_steps(SUDDEN, cutoff=7, better="lower", critical="fixed")
    adjusted = sudden_steps(SUDDEN, cutoff=7, better="lower")
    more = set(_events(fixed, "gain")) - set(_events(adjusted, "gain"))
    assert {(person, session) for person, session, _, _ in more} == {(2, 5), (15, 3)}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        # The tutorial's calls of check_interval.
        ([32, 31, 33], [5, 6, 7], "gain"),
        ([NAN, 31, 33], [5, NAN, 7], "gain"),
        ([5, NAN, 7], [16, 12, 14], "loss"),
    ],
)
def test_single_intervals_of_the_tutorial(
    before: list[float], after: list[float], kind: str
) -> None:
    (step,) = sudden_steps(np.array([before + after]), cutoff=7, better="lower")
    assert (step.session, step.kind) == (2, kind)


@pytest.mark.parametrize(
    ("scores", "n_found"),
    [
        ([26, 26, 26, 19, 19, 19], 1),  # 7 points exactly: reaches the cut-off
        ([26, 26, 26, 19.5, 19, 19], 0),  # 25 %, but 6.5 points
        ([28, 28, 28, 21, 21, 21], 1),  # 25 % exactly
        ([29, 29, 29, 22, 22, 22], 0),  # 7 of 29 are 24 %
        ([28, NAN, 28, 20, NAN, 20], 1),  # two either side are enough
        ([NAN, NAN, 28, 20, 20, 20], 0),
        ([28, 28, 28, 20, NAN, NAN], 0),
        ([28, 28, NAN, 20, 20, 20], 0),  # n must be there
        ([28, 28, 28, NAN, 20, 20], 0),  # and n + 1
        # Means 28 and 19.667, variances 9 and 14.333: pooled SD 3.416 x 2.776 = 9.48 > 8.33.
        ([31, 25, 28, 21, 15.4, 22.6], 0),
    ],
)
def test_criteria_at_their_bounds(scores: list[float], n_found: int) -> None:
    found = sudden_steps(np.array([scores], dtype=np.float64), cutoff=7, better="lower")
    assert len([step for step in found if step.session == 2]) == n_found


def test_a_loss_too_is_a_quarter_of_the_score_before_it() -> None:
    # 8 points up are 29 % of 28 and 20 % of 40. (suddengains lets every loss pass here.)
    small = np.array([[40.0, 40.0, 40.0, 48.0, 48.0, 48.0]])
    large = np.array([[28.0, 28.0, 28.0, 36.0, 36.0, 36.0]])
    assert sudden_steps(small, cutoff=7, better="lower") == []
    assert [step.kind for step in sudden_steps(large, cutoff=7, better="lower")] == ["loss"]
    assert len(sudden_steps(small, cutoff=7, better="lower", share=0.2)) == 1


@pytest.mark.parametrize(
    ("later", "is_reversed"),
    [([20, 20, 24], False), ([20, 20, 24.5], True), ([20, 25, 20], True), ([20, 23, NAN], False)],
)
def test_a_gain_is_reversed_when_more_than_half_is_lost_later(
    later: list[float], is_reversed: bool
) -> None:
    # From 28 to 20: the middle is 24.
    scores = np.array([[28, 28, 28, 20, 20, 20, *later]], dtype=np.float64)
    first = next(s for s in sudden_steps(scores, cutoff=7, better="lower") if s.session == 2)
    assert first.is_reversed == is_reversed


def test_decimals_that_meet_the_cut_off_on_paper_meet_it_here() -> None:
    # 4.3 - 3.3 is 0.9999999999999996 in binary.
    scores = np.array([[4.3, 4.3, 4.3, 3.3, 3.3, 3.3]])
    assert len(sudden_steps(scores, cutoff=1.0, better="lower", share=0.2)) == 1


def test_where_higher_is_better_a_rise_is_the_gain() -> None:
    scores = np.array([[10.0, 11.0, 10.0, 20.0, 21.0, 20.0, 12.0]])
    gain, loss = sudden_steps(scores, cutoff=5, better="higher"), None
    assert [(step.kind, step.magnitude, step.is_reversed) for step in gain] == [("gain", 10, True)]
    (loss,) = sudden_steps(scores, cutoff=5, better="lower")
    assert (loss.kind, loss.magnitude, loss.is_reversed) == ("loss", -10, True)


@pytest.mark.parametrize("n_sessions", [0, 1, 2, 3])
def test_too_few_sessions_have_no_steps(n_sessions: int) -> None:
    assert sudden_steps(np.zeros((4, n_sessions)), cutoff=1, better="lower") == []


def _tables() -> st.SearchStrategy[Floats]:
    score = st.one_of(st.integers(0, 40).map(float), st.just(NAN))
    row = st.lists(score, min_size=8, max_size=8)
    return st.lists(row, min_size=1, max_size=8).map(lambda rows: np.array(rows))


@settings(max_examples=50, deadline=None)
@given(_tables(), st.sampled_from(["adjusted", "fixed"]), st.randoms(use_true_random=False))
def test_shuffled_and_mirrored_tables_have_the_same_steps(
    scores: Floats, critical: Critical, shuffler: Random
) -> None:
    steps = sudden_steps(scores, cutoff=6, better="lower", share=0, critical=critical)
    # Mirrored at 40; without the second criterion, which starts from the score itself.
    mirrored = sudden_steps(40 - scores, cutoff=6, better="higher", share=0, critical=critical)
    assert mirrored == steps
    order = list(range(len(scores)))
    shuffler.shuffle(order)
    moved = sudden_steps(scores[order], cutoff=6, better="lower", share=0, critical=critical)
    back = [Step(order[s.person], s.session, s.kind, s.magnitude, s.is_reversed) for s in moved]
    assert sorted(back, key=lambda s: (s.person, s.session)) == steps
    # A person without scores adds nothing.
    padded = np.vstack([scores, np.full((1, scores.shape[1]), NAN)])
    assert sudden_steps(padded, cutoff=6, better="lower", share=0, critical=critical) == steps
