"""Jacobson & Truax: published tables, the bounds, both directions."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analyst_csv import read_analyst_csv
from orchestration.analyst_series import long_series
from orchestration.measures.arrays import MeasureUndefined
from orchestration.measures.clinical_change import (
    CATEGORIES,
    CutOff,
    clinical_change,
    clinical_cutoff,
)
from tests.unit.measures.published import GLOBAL_DISTRESS, Floats

# Jacobson & Truax 1991, p. 13: clinical mean 40, functional mean 60, both SD 7.5, higher is better.
CLINICAL, FUNCTIONAL = (40.0, 7.5), (60.0, 7.5)


@pytest.mark.parametrize(("kind", "cutoff"), [("a", 55), ("b", 45), ("c", 50)])
def test_the_cut_offs_of_the_paper_s_example(kind: CutOff, cutoff: float) -> None:
    assert clinical_cutoff(kind, "higher", CLINICAL, FUNCTIONAL) == cutoff


def test_cut_offs_where_lower_is_better_lie_on_the_other_side() -> None:
    # 25 - 2 x 6 = 13; 8 + 2 x 8 = 24; (8 x 25 + 6 x 8) / 14 = 248 / 14.
    kinds: tuple[CutOff, ...] = ("a", "b", "c")
    found = [clinical_cutoff(kind, "lower", (25, 6), (8, 8)) for kind in kinds]
    assert found == pytest.approx([13, 24, 248 / 14])


@pytest.mark.parametrize("kind", ["b", "c"])
def test_b_and_c_need_the_functional_population(kind: CutOff) -> None:
    with pytest.raises(MeasureUndefined, match="functional mean and SD"):
        clinical_cutoff(kind, "lower", CLINICAL)


def test_thirty_couples_as_the_package_counts_them() -> None:
    # Tests of clinicalsignificance: gds, r .80, cut-off a, JT: 10, 4, 12, 0, 0 of 26.
    pairs = GLOBAL_DISTRESS[~np.isnan(GLOBAL_DISTRESS).any(axis=1)]
    found = clinical_change(pairs[:, 0], pairs[:, 1], reliability=0.8, kind="a", better="lower")
    assert list(found.counts.values()) == [10, 4, 12, 0, 0]


@pytest.mark.parametrize(
    ("value", "kind", "cutoff", "counts"),
    [
        # clinicalsignificance, tests/testthat/_snaps/cs_combined.md and clinical_significance.md.
        ("hamd", "c", 19.887, [26, 3, 10, 1, 0]),
        ("bdi", "a", 19.16, [10, 8, 22, 0, 0]),
        ("bdi", "c", 21.6, [10, 8, 22, 0, 0]),
    ],
)
def test_forty_inpatients_as_the_package_counts_them(
    value: str, kind: CutOff, cutoff: float, counts: list[int], shared: Path
) -> None:
    file = read_analyst_csv(shared / "real" / "claus_2020.csv")
    series = long_series(file, "id", "time", value, ["1", "4"])
    assert len(series.ids) == 43
    pairs = series.scores[~np.isnan(series.scores).any(axis=1)]
    assert len(pairs) == 40
    found = clinical_change(
        *(pairs[:, 0], pairs[:, 1]),
        reliability=0.8,
        kind=kind,
        better="lower",
        functional=(8, 8),
    )
    assert found.cutoff == pytest.approx(cutoff, abs=0.005)
    assert list(found.counts.values()) == counts


def test_each_category_by_hand() -> None:
    # SD of 20, 20, 20, 10, 10, 26 (mean 17.667) is 6.377; r .75: s_diff = 6.377 sqrt(2 x .25)
    # = 4.509, reliable beyond 8.838 points. Cut-off b from 8 and 4: 8 + 8 = 16.
    pre = np.array([20.0, 20.0, 20.0, 10.0, 10.0, 26.0])
    post = np.array([10.0, 12.0, 29.0, 19.0, 14.0, 17.0])
    found = clinical_change(
        *(pre, post), reliability=0.75, kind="b", better="lower", functional=(8, 4)
    )
    assert found.cutoff == 16
    assert found.rci[0] == pytest.approx(-10 / 4.5092, abs=1e-4)
    assert found.category == (
        *("recovered", "unchanged", "deteriorated", "harmed"),
        *("unchanged", "improved"),
    )


def test_a_score_at_the_cut_off_is_on_neither_side() -> None:
    # clinicalsignificance: clinical before and functional after are both strict.
    pre = np.array([30.0, 16.0, 16.0, 30.0])
    post = np.array([16.0, 2.0, 30.0, 15.9])
    found = clinical_change(
        *(pre, post), reliability=0.9, kind="b", better="lower", functional=(8, 4)
    )
    # To the cut-off: not recovered. From the cut-off down: not recovered either, and up: harmed.
    assert found.category == ("improved", "improved", "harmed", "recovered")


def test_reliably_worse_but_still_functional_is_deteriorated_and_not_harmed() -> None:
    # SD of 30, 3, 20 is 13.65: reliable beyond 1.96 x 13.65 x sqrt(2 x .1) = 11.97 points.
    pre, post = np.array([30.0, 3.0, 20.0]), np.array([30.0, 15.9, 20.0])
    found = clinical_change(
        *(pre, post), reliability=0.9, kind="b", better="lower", functional=(8, 4)
    )
    assert found.category == ("unchanged", "deteriorated", "unchanged")


@pytest.mark.parametrize(
    ("pre", "reliability", "says"),
    [([20.0], 0.8, "2 persons"), ([20.0, 20.0], 0.8, "equal"), ([20.0, 21.0], 1.0, "below 1")],
)
def test_no_index_from_too_little(pre: list[float], reliability: float, says: str) -> None:
    scores = np.array(pre)
    with pytest.raises(MeasureUndefined, match=says):
        clinical_change(scores, scores - 5, reliability=reliability, kind="a", better="lower")


def _samples() -> st.SearchStrategy[Floats]:
    score = st.integers(0, 60)
    pairs = st.lists(st.tuples(score, score), min_size=2, max_size=30)
    return pairs.filter(lambda p: len({a for a, _ in p}) > 1).map(
        lambda p: np.array(p, dtype=np.float64)
    )


@settings(max_examples=50, deadline=None)
@given(_samples(), st.sampled_from(["a", "b", "c"]), st.randoms(use_true_random=False))
def test_mirrored_scores_and_shuffled_rows_change_no_category(
    pairs: Floats, kind: CutOff, shuffler: Random
) -> None:
    low = clinical_change(
        *(pairs[:, 0], pairs[:, 1]), reliability=0.8, kind=kind, better="lower", functional=(9, 5)
    )
    # Around 60: the mean of the functional population moves along, its SD does not.
    high = clinical_change(
        *(60 - pairs[:, 0], 60 - pairs[:, 1]),
        reliability=0.8,
        kind=kind,
        better="higher",
        functional=(51, 5),
    )
    assert high.cutoff == pytest.approx(60 - low.cutoff)
    near = np.abs(pairs - low.cutoff).min() < 1e-9
    if not near:  # rounding decides there
        assert high.category == low.category
    order = list(range(len(pairs)))
    shuffler.shuffle(order)
    moved = clinical_change(
        *(pairs[order, 0], pairs[order, 1]),
        reliability=0.8,
        kind=kind,
        better="lower",
        functional=(9, 5),
    )
    assert moved.counts == low.counts or near
    assert sum(low.counts.values()) == len(pairs)
    assert set(low.category) <= set(CATEGORIES)
