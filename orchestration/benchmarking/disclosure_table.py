"""Disclosure control over one table of counts with its margins.

Zeros stay shown, so a hidden count is known to be above 0. Totals that are in the table tie its
cells; totals that are not are not known to an attacker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
) -> ProtectedTable:
    """Hide counts from 1 to below the minimum, and what would give them away.

    `by` holds one sequence a dimension, `total` marking margins. An attacker who is told which
    counts are small must find 1 to `minimum` - 1 possible for each; one who is not must not be
    able to tell them from larger ones. Raises MeasureUndefined where a margin is not the sum of
    its parts; the place of the row in the message counts from 1.
    """
    frame = pd.DataFrame(dict(by)).assign(**{_COUNT: counts, _PLACE: np.arange(counts.size)})
    system = table_system(frame, list(by), total, rounding)
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


def table_system(
    cells: pd.DataFrame, by: Sequence[str], total: str, rounding: CountRounding
) -> System:
    """The system of a table: one unknown and one item a cell, `count` and `place` its columns."""
    counts = cells[_COUNT].to_numpy(dtype=np.float64)
    places = np.arange(counts.size, dtype=np.intp)
    zero = counts == 0
    small = ~zero & (counts < rounding.minimum)
    rows = RowSet()
    for dimension in by:
        _add_sums(rows, cells, dimension, [name for name in by if name != dimension], total)
    seen = places[~zero]
    shown = rounding.shown(counts[seen])
    rows.add(
        [(np.arange(seen.size), seen, 1.0)], rounding.least(shown), rounding.most(shown), seen
    )
    floor = np.where(zero, 0.0, 1.0)
    ceiling = np.where(zero, 0.0, FREE)
    return System(
        lower=floor,
        upper=ceiling,
        told_lower=np.where(small | zero, floor, float(rounding.minimum)),
        told_upper=np.where(small, rounding.minimum - 1.0, ceiling),
        is_whole=np.ones(counts.size, dtype=np.bool_),
        rows=rows.rows(counts.size),
        needs=count_needs(places[small], places[small], rounding.minimum, counts.size),
        weight=np.log1p(counts),
        must_hide=small,
        is_standing=zero,
    )


def count_needs(unknown: Places, item: Places, minimum: int, n_unknowns: int) -> Needs:
    """What small counts need: 1 to minimum - 1 when told, and 1 to at least the minimum when not."""
    n = unknown.size
    ends = ((-1.0, -1.0, False), (1.0, float(minimum), False))
    ends_told = ((-1.0, -1.0, True), (1.0, minimum - 1.0, True))
    rows = RowSet()
    for sign, value, _ in (*ends, *ends_told):
        rows.add([(np.arange(n), unknown, sign)], np.full(n, value), np.full(n, FREE), item)
    is_told = np.repeat([told for _, _, told in (*ends, *ends_told)], n)
    return Needs(rows.matrix(n_unknowns), rows.lower(), rows.items(), is_told)


def _add_sums(
    rows: RowSet, cells: pd.DataFrame, dimension: str, others: Sequence[str], total: str
) -> None:
    """Rows saying that a margin of one dimension is the sum of its parts."""
    key = cells.groupby(list(others), sort=False).ngroup() if others else pd.Series(0, cells.index)
    is_total = (cells[dimension] == total).to_numpy()
    margins = pd.DataFrame({"key": key[is_total], "margin": cells[_PLACE][is_total]})
    parts = pd.DataFrame({"key": key[~is_total], "part": cells[_PLACE][~is_total]})
    tied = margins.merge(parts, on="key").sort_values(["margin", "part"])
    margin, row = np.unique(tied["margin"].to_numpy(dtype=np.intp), return_inverse=True)
    if not margin.size:
        return
    part = tied["part"].to_numpy(dtype=np.intp)
    counts = cells[_COUNT].to_numpy(dtype=np.float64)
    sums = np.bincount(row, weights=counts[part])
    wrong = np.flatnonzero(sums != counts[margin])
    if wrong.size:
        raise MeasureUndefined(
            f"row {int(margin[wrong[0]]) + 1}: the margin of {dimension} is not the sum of its "
            f"parts ({wrong.size} such margins); give exact counts, and every part"
        )
    rows.add(
        [(np.arange(margin.size), margin, 1.0), (row, part, -1.0)],
        np.zeros(margin.size),
        np.zeros(margin.size),
    )
