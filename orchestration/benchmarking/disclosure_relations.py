"""Which cells of a release are totals of which others: all of the stages, longer periods."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.benchmarking.disclosure_knowledge import Relations
from orchestration.benchmarking.disclosure_system import Places

_PERIOD = re.compile(r"(?P<window>12m-)?(?P<year>\d{4})(?:-(?:(?P<month>\d{2})|Q(?P<quarter>\d)))?")
_ALL = "all"


@dataclass(frozen=True)
class Layout:
    """How a table of cells is built: `block` columns never add up, `stage` and `period` do.

    Cells that share their block columns are protected together.
    """

    block: tuple[str, ...]
    stage: str = "stage"
    period: str = "period"
    stage_total: str = "all"

    @property
    def cell(self) -> tuple[str, ...]:
        """The columns that name a cell."""
        return (*self.block, self.stage, self.period)


def months_of(period: str) -> tuple[int, int] | None:
    """First month and the one after the last, counted from year 0; None for `all`.

    Raises ValueError for what is no period of a release.
    """
    if period == _ALL:
        return None
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise ValueError("not a period")
    year = int(found["year"]) * 12
    if found["quarter"]:
        start = year + 3 * (int(found["quarter"]) - 1)
        return start, start + 3
    if found["month"]:
        end = year + int(found["month"])
        return (end - 12, end) if found["window"] else (end - 1, end)
    return year, year + 12


def within(periods: Sequence[str]) -> pd.DataFrame:
    """Every period (`total`) with the longest ones inside it (`part`), apart by `kind`.

    Months, quarters and years nest, so that the longest of them do not overlap; a window of twelve
    months is a kind of its own. What lies deeper follows from the parts' own parts.
    """
    spans = {period: months_of(period) for period in periods}
    nesting = {name: span for name, span in spans.items() if span and not name.startswith("12m-")}
    rows = []
    for total, outer in spans.items():
        inside = {name: span for name, span in nesting.items() if _holds(outer, span, name, total)}
        for part, inner in inside.items():
            if not any(_is_longer(span, inner) for span in inside.values()):
                rows.append((total, part, "nesting"))
        rows += [
            (total, part, part)
            for part, inner in spans.items()
            if part not in nesting and inner and _holds(outer, inner, part, total)
        ]
    return pd.DataFrame(rows, columns=["total", "part", "kind"])


_Span = tuple[int, int]


def _holds(outer: _Span | None, inner: _Span, part: str, total: str) -> bool:
    return part != total and (outer is None or (outer[0] <= inner[0] and inner[1] <= outer[1]))


def _is_longer(one: _Span, other: _Span) -> bool:
    return one != other and one[0] <= other[0] and other[1] <= one[1]


def relations(cells: pd.DataFrame, layout: Layout, forms: "np.ndarray") -> Relations:
    """All totals among cells of one release; `content` is the place of each cell's content.

    `forms` are the contents' true counts of forms: parts that do not make up their total leave a
    rest that is not listed.
    """
    own = cells[[*layout.cell, "content", "block"]]
    parts = own[own[layout.stage] != layout.stage_total]
    totals = own[own[layout.stage] == layout.stage_total]
    on = ["block", layout.period]
    by_stage = totals[[*on, "content"]].merge(parts[[*on, "content"]], on=on)
    by_stage = by_stage.assign(relation=by_stage["content_x"].astype("str"))
    spans = within(sorted(own[layout.period].unique()))
    on = ["block", layout.stage]
    named = own[[*on, layout.period, "content"]]
    by_period = (
        named.merge(spans, left_on=layout.period, right_on="total")
        .drop(columns=layout.period)
        .merge(named, left_on=[*on, "part"], right_on=[*on, layout.period])
    )
    by_period = by_period.assign(
        relation=by_period["content_x"].astype("str") + " " + by_period["kind"].astype("str")
    )
    columns = ["relation", "content_x", "content_y"]
    tied = pd.concat(
        [by_stage.assign(relation="s" + by_stage["relation"])[columns], by_period[columns]]
    )
    number, _ = pd.factorize(tied["relation"], sort=True)
    order = np.lexsort((tied["content_y"], number))
    relation = number[order].astype(np.intp)
    part = tied["content_y"].to_numpy(dtype=np.intp)[order]
    total = np.zeros(int(relation.max(initial=-1)) + 1, dtype=np.intp)
    total[relation] = tied["content_x"].to_numpy(dtype=np.intp)[order]
    sums = np.bincount(relation, weights=forms[part], minlength=total.size)
    return Relations(total, relation, part, np.asarray(sums == forms[total], dtype=np.bool_))


def joined(found: Sequence[Relations]) -> Relations:
    """Relations of several releases; one that holds in several is kept once."""
    seen: set[tuple[int, bytes]] = set()
    totals: list[int] = []
    wholes: list[bool] = []
    parts: list[Places] = []
    for one in found:
        ends = np.searchsorted(one.relation, np.arange(one.total.size + 1))
        for number, total in enumerate(one.total.tolist()):
            own = one.part[ends[number] : ends[number + 1]]
            key = (total, own.tobytes())
            if key not in seen:
                seen.add(key)
                totals.append(total)
                wholes.append(bool(one.is_whole[number]))
                parts.append(own)
    lengths = [part.size for part in parts]
    return Relations(
        np.array(totals, dtype=np.intp),
        np.repeat(np.arange(len(parts)), lengths).astype(np.intp),
        np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp),
        np.array(wholes, dtype=np.bool_),
    )
