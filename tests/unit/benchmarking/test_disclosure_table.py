"""A table of counts: the published example, and enumeration where tables are tiny."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.benchmarking.disclosure_attack import attack, is_possible, limits
from orchestration.benchmarking.disclosure_rounding import CountRounding
from orchestration.benchmarking.disclosure_suppression import suppress
from orchestration.benchmarking.disclosure_system import ALWAYS, Needs, RowSet, System
from orchestration.benchmarking.disclosure_table import ProtectedTable, protect_table, table_system
from orchestration.measures.arrays import Floats, MeasureUndefined

EXACT = CountRounding(1, 11)
EVERY = CountRounding(1, 1)
"""No count is too small to be shown."""

# Fischetti & Salazar 2001, Management Science 47:1008-1026: investment of enterprises by activity
# and region. The cell of activity II in region C is confidential.
INVESTMENT = np.array([[20, 50, 10], [8, 19, 22], [17, 32, 12]])
II_C = 6
THEIR_PATTERN = {(1, 0), (1, 2), (2, 0), (2, 2)}


def with_margins(inner: np.ndarray) -> np.ndarray:
    """The table with its sums along every dimension, as the last place of each."""
    for axis in range(inner.ndim):
        inner = np.concatenate([inner, inner.sum(axis=axis, keepdims=True)], axis=axis)
    return inner


def keys(shape: tuple[int, ...]) -> dict[str, list[str]]:
    """Names of the cells of a table with margins, dimension by dimension."""
    places = np.indices(shape).reshape(len(shape), -1)
    return {
        f"d{axis}": ["total" if place == size - 1 else str(place) for place in places[axis]]
        for axis, size in enumerate(shape)
    }


def system_of(table: np.ndarray, rounding: CountRounding = EXACT) -> System:
    counts = table.ravel().astype(np.float64)
    cells = pd.DataFrame(keys(table.shape)).assign(count=counts, place=np.arange(counts.size))
    return table_system(cells, list(keys(table.shape)), "total", rounding, range(counts.size))


def protected(table: np.ndarray, rounding: CountRounding = EXACT) -> ProtectedTable:
    counts = table.ravel().astype(np.float64)
    lines = range(2, counts.size + 2)
    return protect_table(keys(table.shape), counts, total="total", rounding=rounding, lines=lines)


def test_the_published_example_is_attacked_as_published() -> None:
    # Hidden II,A = 8 + t; II,C = 22 - t; III,A = 17 - t; III,C = 12 + t, none below 0: t from -8 to
    # 17, so II,C lies from 5 to 30.
    table = with_margins(INVESTMENT)
    system = system_of(table, EVERY)
    hidden = np.zeros(table.shape, dtype=np.bool_)
    for place in THEIR_PATTERN:
        hidden[place] = True
    found = limits(system, hidden.ravel(), np.array([II_C]))
    assert (found.lower[0], found.upper[0]) == (5, 30)


def test_the_published_pattern_is_the_least_loss() -> None:
    # Values hidden besides II,C = 22, by the rectangle that closes: with I and A 8 + 10 + 20 = 38;
    # with III and A 8 + 12 + 17 = 37; with I and B 19 + 10 + 50; with III and B 19 + 12 + 32; with
    # a margin more than 44. Protected from 17 to 27.
    table = with_margins(INVESTMENT)
    system = system_of(table, EVERY)
    rows = RowSet()
    for sign, value in ((-1.0, -17.0), (1.0, 27.0)):
        rows.add(
            [(np.array([0]), np.array([II_C]), sign)], np.array([value]), np.array([np.inf]), II_C
        )
    wanted = np.zeros(table.size, dtype=np.bool_)
    wanted[II_C] = True
    needs = Needs(rows.matrix(table.size), rows.lower(), rows.items(), np.zeros(2, dtype=np.bool_))
    system = replace(system, needs=needs, must_hide=wanted, weight=table.ravel().astype(np.float64))
    found = suppress(system)
    hidden = {
        (int(i), int(j)) for i, j in zip(*np.nonzero(found.hidden.reshape(4, 4)), strict=True)
    }
    assert hidden == THEIR_PATTERN
    assert found.loss == found.least_loss == 37


def _agreeing(system: System, hidden: np.ndarray, most: int) -> np.ndarray:
    """Every table of whole counts up to `most` that agrees with all that is shown."""
    free = np.flatnonzero(hidden)
    base = np.zeros(system.n_unknowns)
    rows = system.rows
    single = (rows.item >= 0) & ~hidden[rows.item]
    base[rows.item[single]] = rows.lower[single]
    found = []
    for values in itertools.product(range(most + 1), repeat=free.size):
        base[free] = values
        inside = rows.matrix @ base
        held = (rows.item == ALWAYS) | ~hidden[rows.item]
        if ((inside >= rows.lower - 1e-9) & (inside <= rows.upper + 1e-9))[held].all():
            found.append(base.copy())
    return np.array(found)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=9, max_size=9),
)
def test_the_attacker_agrees_with_enumeration(inner: list[int], pattern: list[bool]) -> None:
    table = with_margins(np.array(inner).reshape(2, 2))
    system = system_of(table, EVERY)
    hidden = np.array(pattern)
    if hidden.sum() > 4 or hidden[8]:
        hidden = np.array([True] * 2 + [False] + [True] * 2 + [False] * 4)
    tables = _agreeing(system, hidden, int(table.max()))
    free = np.flatnonzero(hidden)
    found = limits(system, hidden, free)
    assert np.array_equal(found.lower, tables[:, free].min(axis=0))
    assert np.array_equal(found.upper, tables[:, free].max(axis=0))
    for unknown in free.tolist():
        for value in range(14):
            assert is_possible(system, hidden, unknown, value) == (value in tables[:, unknown])


def assert_safe(table: np.ndarray, rounding: CountRounding) -> None:
    """What must stay possible of every small count, value by value, in whole numbers."""
    found = protected(table, rounding)
    system = system_of(table, rounding)
    small = (table.ravel() > 0) & (table.ravel() < 11)
    inner = np.zeros(table.shape, dtype=np.bool_)
    inner[tuple(slice(0, -1) for _ in table.shape)] = True
    assert np.all(found.hidden[small])
    assert found.least_loss <= found.loss + 1e-6
    for unknown in np.flatnonzero(small).tolist():
        for value in range(12):
            assert is_possible(system, found.hidden, unknown, value)
            if inner.ravel()[unknown] and 1 <= value <= 10:
                assert is_possible(system, found.hidden, unknown, value, is_told=True)
        assert found.lower[unknown] == 0
        assert not found.upper[unknown] < 11


counts = st.one_of(st.integers(0, 12), st.integers(0, 60))


@settings(max_examples=12, deadline=None)
@given(st.lists(counts, min_size=9, max_size=9), st.sampled_from([1, 5]))
def test_every_small_value_stays_possible(inner: list[int], base: int) -> None:
    assert_safe(with_margins(np.array(inner).reshape(3, 3)), CountRounding(base, 11))


@settings(max_examples=4, deadline=None)
@given(st.lists(counts, min_size=8, max_size=8), st.sampled_from([1, 5]))
def test_in_three_dimensions_too(inner: list[int], base: int) -> None:
    assert_safe(with_margins(np.array(inner).reshape(2, 2, 2)), CountRounding(base, 11))


@pytest.mark.parametrize("seed", range(3))
def test_no_safe_choice_loses_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inner = rng.integers(11, 40, 4)
    inner[0] = rng.integers(1, 10)
    table = with_margins(inner.reshape(2, 2))
    system = system_of(table)
    found = suppress(system)
    free = np.flatnonzero(~system.must_hide)
    least = np.inf
    for chosen in itertools.product((False, True), repeat=free.size):
        hidden = system.must_hide.copy()
        hidden[free] = chosen
        loss = system.weight[hidden & ~system.must_hide].sum()
        if loss < least - 1e-9 and attack(system, hidden).needs.size == 0:
            least = loss
    assert found.loss == pytest.approx(least)


def test_what_is_no_table_is_refused() -> None:
    def refused(names: list[str], counts: Floats) -> str:
        with pytest.raises(MeasureUndefined) as refusal:
            protect_table({"site": names}, counts, total="all", rounding=EXACT, lines=[2, 3, 4])
        return str(refusal.value)

    assert refused(["a", "b", "all"], np.array([20.0, 30, 49])).startswith("line 4: the margin")
    assert refused(["a", "b", "all"], np.array([20.0, 29.5, 49.5])).startswith("line 3: expected")
    assert refused(["a", "a", "all"], np.array([20.0, 30, 50])).startswith("line 3: this cell")


def test_a_grand_total_alone_ties_the_cells_it_is_the_sum_of() -> None:
    names = {"site": ["a", "a", "b", "b", "all"], "age": ["young", "old", "young", "old", "all"]}
    found = protect_table(
        names,
        np.array([20.0, 5, 30, 40, 95]),
        total="all",
        rounding=EXACT,
        lines=range(2, 7),
    )
    # 20 + 5 is what is left of 95: one hidden alone would be 5.
    assert found.hidden.tolist() == [True, True, False, False, False]
    assert (found.lower[1], found.upper[1]) == (0, 25)


def test_counts_round_and_say_what_they_may_have_been() -> None:
    rounding = CountRounding(5, 11)
    true = np.array([11.0, 12, 13, 17, 18, 22, 23])
    shown = rounding.shown(true)
    assert shown.tolist() == [15, 15, 15, 15, 20, 20, 25]
    assert rounding.least(shown).tolist() == [11, 11, 11, 11, 18, 18, 23]
    assert rounding.most(shown).tolist() == [17, 17, 17, 17, 22, 22, 27]
