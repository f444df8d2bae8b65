"""Which cells of a table of measures are parts of which: strata of all strata, and periods of one
length of longer ones. Of releases in sequence that holds within each.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure_system import Places
from orchestration.measures.arrays import Bools, Floats


def of_release(block: pd.DataFrame) -> list[str]:
    """What else tells cells apart, where there is more than one release."""
    return ["release_no"] if "release_no" in block else []


def numbers(block: pd.DataFrame, column: str) -> Floats:
    """A column, NaN where it is empty."""
    return block[column].to_numpy(dtype=np.float64, na_value=np.nan)


@dataclass(frozen=True)
class Parts:
    """Totals with their parts: `total` by relation; `relation` and `part` by part."""

    total: Places
    relation: Places
    part: Places
    is_whole: Bools
    is_split: Bools


def relations(block: pd.DataFrame) -> Parts:
    """Strata of all strata, and periods of one length within longer ones."""
    found = [*_strata(block), *_periods(block)]
    units, clients = numbers(block, "n_units"), numbers(block, "n_clients")
    total = np.array([total for total, _ in found], dtype=np.intp)
    sizes = [part.size for _, part in found]
    part = np.concatenate([part for _, part in found]) if found else np.zeros(0, dtype=np.intp)
    relation = np.repeat(np.arange(total.size), sizes)
    inside = np.bincount(relation, units[part], minlength=total.size)
    people = np.bincount(relation, clients[part], minlength=total.size)
    is_whole = inside == units[total]
    return Parts(total, relation, part, is_whole, is_whole & (people == clients[total]))


def _strata(block: pd.DataFrame) -> Iterator[tuple[int, Places]]:
    keys = ["metric_no", "period_kind_no", "first_month", "last_month", *of_release(block)]
    rows = block.assign(place=np.arange(len(block)))
    totals = rows.loc[rows["kind_no"] == 0, [*keys, "place"]].rename(columns={"place": "total"})
    parts = rows[rows["kind_no"] != 0].merge(totals, on=keys)
    for _, same in parts.groupby(["total", "kind_no"]):
        yield int(same["total"].iloc[0]), same["place"].to_numpy(dtype=np.intp)


def _periods(block: pd.DataFrame) -> Iterator[tuple[int, Places]]:
    rows = block.assign(place=np.arange(len(block)))
    for _, same in rows.groupby(["metric_no", "kind_no", "stratum_no", *of_release(block)]):
        first, last, period_kind, place = (
            same[name].to_numpy(dtype=np.float64)
            for name in ("first_month", "last_month", "period_kind_no", "place")
        )
        for number in range(len(same)):
            inside = (first >= first[number]) & (last <= last[number])
            inside[number] = False
            for each in np.unique(period_kind[inside]).tolist():
                parts = place[inside & (period_kind == each)].astype(np.intp)
                yield int(place[number]), parts
