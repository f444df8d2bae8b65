"""Careless responding: each index by hand and against the package's rules, and the flag."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.measures.careless import (
    CarelessForm,
    careless_forms,
    even_odd,
    irv,
    longstring,
    mahalanobis,
)
from tests.unit.measures.published import ATTITUDE, Floats

NAN = np.nan
NONE_REVERSED = np.zeros(8, dtype=np.bool_)
TWO_REVERSED = np.array([False, False, True, False, False, False, True, False])


def _forms(
    answers: Floats, is_reversed: np.ndarray[tuple[int], np.dtype[np.bool_]] = NONE_REVERSED
) -> list[CarelessForm]:
    return careless_forms(answers, is_reversed=is_reversed, minimum=1, maximum=7)[0]


def test_longstring_of_the_package_s_own_test() -> None:
    # careless, test-longstring.R: the first 10, 20 ... 90 of 100 answers are equal; ten at the end.
    rows = [[0] * 10 * tens + [1 + i % 9 for i in range(100 - 10 * tens)] for tens in range(1, 10)]
    assert longstring(np.array(rows, dtype=np.float64)).tolist() == [*range(10, 100, 10)]


def test_a_missing_answer_ends_a_string() -> None:
    answers = np.array(
        [[3, 3, NAN, 3, 3, 3], [1, 2, 3, 4, 5, 6], [NAN] * 6, [NAN, NAN, 2, 2, NAN, 2]]
    )
    # R's rle: a missing value equals nothing, not even a missing value.
    assert longstring(answers).tolist() == [3, 1, 0, 2]


def test_irv_is_the_sample_sd_of_what_was_answered() -> None:
    answers = np.array([[1.0, 2, 3, 4], [5, 5, 5, 5], [2, NAN, 4, NAN], [NAN, 1, NAN, NAN]])
    # 1, 2, 3, 4: squares 5 over 3; 2, 4: squares 2 over 1.
    expected = [np.sqrt(5 / 3), 0, np.sqrt(2), NAN]
    assert irv(answers) == pytest.approx(expected, nan_ok=True)


def test_even_odd_by_hand() -> None:
    # Three scales of four. Odd means 1, 3, 5; even means 2, 3, 7: r = 5 / sqrt(4 x 7) x 2 ...
    answers = np.array([[1, 2, 1, 2, 3, 3, 3, 3, 5, 7, 5, 7]], dtype=np.float64)
    scales = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    r = np.corrcoef([1, 3, 5], [2, 3, 7])[0, 1]
    assert even_odd(answers, scales) == pytest.approx([-2 * r / (1 + r)])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1, 1, 4, 4, 7, 7], -1),  # consistent
        ([1, 7, 4, 4, 7, 1], 1),  # the opposite: held at 1, as the package does
        ([4, 1, 4, 5, 4, 7], NAN),  # one half does not vary
        ([1, 1, NAN, 4, NAN, 7], NAN),  # one scale has both halves
        ([1, 2, 3, 5, NAN, 7], -1),  # two are enough
    ],
)
def test_even_odd_at_its_ends(row: list[float], expected: float) -> None:
    found = even_odd(np.array([row], dtype=np.float64), [[0, 1], [2, 3], [4, 5]])
    assert found == pytest.approx([expected], nan_ok=True)


def test_even_odd_turns_reversed_items_round_first() -> None:
    straight = np.array([[1, 2, 1, 3, 4, 4, 7, 6]], dtype=np.float64)
    given_on_paper = straight.copy()
    given_on_paper[:, TWO_REVERSED] = 8 - straight[:, TWO_REVERSED]
    scales = [[0, 1, 2, 3], [4, 5, 6, 7]]
    found, _ = careless_forms(
        given_on_paper, is_reversed=TWO_REVERSED, minimum=1, maximum=7, scales=scales
    )
    assert found[0].even_odd == pytest.approx(even_odd(straight, scales)[0])


def test_mahalanobis_is_the_textbook_distance_where_nothing_is_missing() -> None:
    off = ATTITUDE - ATTITUDE.mean(axis=0)
    inverse = np.linalg.inv(np.cov(ATTITUDE, rowvar=False))
    found = mahalanobis(ATTITUDE)
    assert found == pytest.approx(np.einsum("ij,jk,ik->i", off, inverse, off))
    # They add up to (n - 1) k: R's mahalanobis has the same sum.
    assert found is not None
    assert found.sum() == pytest.approx(29 * 7)


def test_a_missing_answer_adds_no_distance() -> None:
    gap = ATTITUDE.copy()
    gap[4, 2] = NAN
    found, off = mahalanobis(gap), gap - np.nanmean(gap, axis=0)
    assert found is not None
    off[4, 2] = 0
    pair = np.array(
        [
            [
                np.cov(gap[~np.isnan(gap[:, [i, j]]).any(axis=1)][:, [i, j]].T)[0, 1]
                for j in range(7)
            ]
            for i in range(7)
        ]
    )
    assert found[4] == pytest.approx(off[4] @ np.linalg.inv(pair) @ off[4])


def test_no_distance_without_an_inverse() -> None:
    constant, copied = ATTITUDE.copy(), ATTITUDE.copy()
    constant[:, 3] = 5
    copied[:, 3] = copied[:, 2] * 2
    assert mahalanobis(constant) is None
    assert mahalanobis(copied) is None
    assert mahalanobis(ATTITUDE[:7]) is None


@pytest.mark.parametrize(
    ("row", "without", "with_reversed"),
    [
        ([7] * 8, False, True),  # the ceiling; a contradiction where items are reversed
        ([4] * 8, True, True),
        ([1] * 8, True, True),
        ([7] * 7 + [6], False, False),
        ([1, 7, 2, 6, 3, 5, 4, 4], False, False),
    ],
)
def test_equal_answers_are_flagged_off_the_ceiling_or_against_reversed_items(
    row: list[float], without: bool, with_reversed: bool
) -> None:
    answers = np.array([row], dtype=np.float64)
    assert _forms(answers)[0].is_flagged is without
    assert _forms(answers, TWO_REVERSED)[0].is_flagged is with_reversed


def test_fewer_than_eight_items_or_answers_say_nothing() -> None:
    short, reasons = careless_forms(
        np.full((3, 7), 4.0), is_reversed=NONE_REVERSED[:7], minimum=1, maximum=7
    )
    assert short == [CarelessForm(None, None, None, None, None)] * 3
    assert [(reason.place, reason.text) for reason in reasons] == [(None, "needs 8 items, found 7")]
    gap = np.full((2, 8), 4.0)
    gap[1, 0] = NAN
    found, reasons = careless_forms(gap, is_reversed=NONE_REVERSED, minimum=1, maximum=7)
    assert found[0].longstring == 8
    assert found[1] == CarelessForm(None, None, None, None, None)
    assert {(reason.figure, reason.place) for reason in reasons} == {
        *(("all", 1), ("even_odd", None), ("mahalanobis", None)),
    }


def _tables() -> st.SearchStrategy[Floats]:
    answer = st.one_of(st.integers(1, 7).map(float), st.just(NAN))
    row = st.lists(answer, min_size=9, max_size=9)
    return st.lists(row, min_size=1, max_size=20).map(lambda rows: np.array(rows))


@settings(max_examples=50, deadline=None)
@given(_tables(), st.randoms(use_true_random=False))
def test_shuffled_rows_keep_their_indices(answers: Floats, shuffler: Random) -> None:
    order = list(range(len(answers)))
    shuffler.shuffle(order)
    keys = np.array([False, True, False] * 3)
    scales = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    found, _ = careless_forms(answers, is_reversed=keys, minimum=1, maximum=7, scales=scales)
    moved, _ = careless_forms(answers[order], is_reversed=keys, minimum=1, maximum=7, scales=scales)
    for place, at in enumerate(order):
        one, other = moved[place], found[at]
        assert (one.longstring, one.is_flagged) == (other.longstring, other.is_flagged)
        assert one.irv == pytest.approx(other.irv)
        assert one.even_odd == pytest.approx(other.even_odd)
        if one.even_odd is not None:
            assert -1 <= one.even_odd <= 1
