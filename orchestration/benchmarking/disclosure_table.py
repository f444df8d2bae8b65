"""Disclosure control over one table of counts with its margins.

A zero is no client and may be shown, but may also be hidden for another cell's sake, so that a
hidden count is not known to be above 0. Totals that are in the table tie its cells; totals that are
not are not known to an attacker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure_attack import limits
from orchestration.benchmarking.disclosure_rounding import CountRounding
from orchestration.benchmarking.disclosure_suppression import suppress
from orchestration.benchmarking.disclosure_system import FREE, Needs, Places, RowSet, System
from orchestration.measures.arrays import Bools, Floats, MeasureUndefined

_COUNT = "count"
_PLACE = "place"


@dataclass(frozen=True)
class ProtectedTable:
    """Cells in the order given.

    `shown`: the counts to publish, NaN where hidden. `lower` and `upper`: what can still be worked
    out of each, `upper` NaN where there is no end. `loss` and `least_loss` as in Suppression.
    """

    hidden: Bools
    is_small: Bools
    shown: Floats
    lower: Floats
    upper: Floats
    loss: float
    least_loss: float


def protect_table(
    by: Mapping[str, Sequence[str]],
    counts: Floats,
    *,
    total: str,
    rounding: CountRounding,
    lines: Sequence[int],
) -> ProtectedTable:
    """Hide counts from 1 to below the minimum, and what would give them away.

    `by` holds one sequence a dimension, `total` marking margins. For each such count an attacker
    must find all of 0 to `minimum` possible, and one who is told which counts inside the table are
    small and that the others are not, all of 1 to `minimum` - 1. (Told that a margin is small,
    too, he would know its parts to be smaller, whatever is hidden.) `lines` are the cells' lines
    in their file, for messages. Raises MeasureUndefined for what is no count, a cell that is there
    twice, and a margin that is not the sum of its parts.
    """
    frame = pd.DataFrame(dict(by)).assign(**{_COUNT: counts, _PLACE: np.arange(counts.size)})
    _refuse_unusable(frame, list(by), counts, lines)
    system = table_system(frame, list(by), total, rounding, lines)
    found = suppress(system)
    hidden = found.hidden
    ends = limits(system, hidden, np.flatnonzero(hidden))
    zero = counts == 0
    shown = np.where(zero, 0.0, rounding.shown(counts))
    lower = np.where(zero, 0.0, rounding.least(shown))
    upper = np.where(zero, 0.0, rounding.most(shown))
    lower[hidden], upper[hidden] = ends.lower, ends.upper
    return ProtectedTable(
        hidden,
        system.must_hide,
        np.where(hidden, np.nan, shown),
        lower,
        upper,
        found.loss,
        found.least_loss,
    )


def _refuse_unusable(
    frame: pd.DataFrame, by: Sequence[str], counts: Floats, lines: Sequence[int]
) -> None:
    wrong = np.flatnonzero(~(np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))))
    if wrong.size:
        raise MeasureUndefined(f"line {lines[int(wrong[0])]}: expected a count, 0 or more")
    twice = np.flatnonzero(frame.duplicated(list(by)))
    if twice.size:
        raise MeasureUndefined(f"line {lines[int(twice[0])]}: this cell is there twice; keep one")


def table_system(
    cells: pd.DataFrame,
    by: Sequence[str],
    total: str,
    rounding: CountRounding,
    lines: Sequence[int],
) -> System:
    """The system of a table: one unknown and one item a cell, `count` and `place` its columns."""
    counts = cells[_COUNT].to_numpy(dtype=np.float64)
    places = np.arange(counts.size, dtype=np.intp)
    zero = counts == 0
    small = ~zero & (counts < rounding.minimum)
    is_inner = np.ones(counts.size, dtype=np.bool_)
    rows = RowSet()
    # A margin of several dimensions is the sum of smaller margins or, without them, of the cells.
    for size in range(1, len(by) + 1):
        is_untied = is_inner.copy() if size > 1 else np.ones_like(is_inner)
        for dimensions in combinations(by, size):
            others = [name for name in by if name not in dimensions]
            is_inner[_add_sums(rows, cells, dimensions, others, is_untied, total, lines)] = False
    shown = rounding.shown(counts)
    least = np.where(zero, 0.0, rounding.least(shown))
    rows.add([(places, places, 1.0)], least, np.where(zero, 0.0, rounding.most(shown)), places)
    told_small = small & is_inner
    told_lower = np.where(small | zero, 0.0, float(rounding.minimum))
    told_lower[told_small] = 1.0
    return System(
        lower=np.zeros(counts.size),
        upper=np.full(counts.size, FREE),
        told_lower=told_lower,
        told_upper=np.where(told_small, rounding.minimum - 1.0, FREE),
        is_whole=np.ones(counts.size, dtype=np.bool_),
        rows=rows.rows(counts.size),
        needs=_needs(places[small], places[told_small], rounding.minimum, counts.size),
        weight=np.log1p(np.maximum(counts, 1.0)),
        must_hide=small,
        is_standing=np.zeros(counts.size, dtype=np.bool_),
    )


def _needs(small: Places, told: Places, minimum: int, n_unknowns: int) -> Needs:
    """0 to at least `minimum` for small counts, and 1 to `minimum` - 1 for those told of."""
    rows = RowSet()
    for places, ends in ((small, (0, minimum)), (told, (1, minimum - 1))):
        each = np.arange(places.size)
        for sign, end in zip((-1.0, 1.0), ends, strict=True):
            value = np.full(places.size, sign * end)
            rows.add([(each, places, sign)], value, np.full(places.size, FREE), places)
    is_told = np.repeat([False, True], [2 * small.size, 2 * told.size])
    return Needs(rows.matrix(n_unknowns), rows.lower(), rows.items(), is_told)


def _add_sums(
    rows: RowSet,
    cells: pd.DataFrame,
    dimensions: Sequence[str],
    others: Sequence[str],
    is_untied: Bools,
    total: str,
    lines: Sequence[int],
) -> Places:
    """Rows saying that a margin of `dimensions` is the sum of its parts, none of them a margin of
    these; of the cells in `is_untied` alone. The margins' places."""
    key = cells.groupby(list(others), sort=False).ngroup() if others else pd.Series(0, cells.index)
    marks = np.asarray(cells[list(dimensions)] == total)
    is_total = np.asarray(marks.all(axis=1) & is_untied)
    is_part = np.asarray(~marks.any(axis=1))
    margins = pd.DataFrame({"key": key[is_total], "margin": cells[_PLACE][is_total]})
    parts = pd.DataFrame({"key": key[is_part], "part": cells[_PLACE][is_part]})
    tied = margins.merge(parts, on="key").sort_values(["margin", "part"])
    margin, row = np.unique(tied["margin"].to_numpy(dtype=np.intp), return_inverse=True)
    if not margin.size:
        return margin
    part = tied["part"].to_numpy(dtype=np.intp)
    counts = cells[_COUNT].to_numpy(dtype=np.float64)
    sums = np.bincount(row, weights=counts[part])
    wrong = np.flatnonzero(sums != counts[margin])
    if wrong.size:
        raise MeasureUndefined(
            f"line {lines[int(margin[wrong[0]])]}: the margin of {' and '.join(dimensions)} is not "
            f"the sum of its parts ({wrong.size} such margins); give exact counts, and every part"
        )
    rows.add(
        [(np.arange(margin.size), margin, 1.0), (row, part, -1.0)],
        np.zeros(margin.size),
        np.zeros(margin.size),
    )
    return margin
