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

    Several tables about the same people are protected as one: their rows in one frame, with names
    of their own in `measure`. Cells alike but for it that have the same counts count the same
    people. `partition` is a column that says what `stage` splits by (stages, languages, age bands);
    of those in `client_partitions` each client is in one part only, and parts that are hidden are
    not listed either: nobody sees whether there is one. `site` is a block column of
    which the value `site_total` stands for all sites together.
    """

    block: tuple[str, ...]
    stage: str = "stage"
    period: str = "period"
    stage_total: str = "all"
    measure: str | None = None
    partition: str | None = None
    client_partitions: tuple[str, ...] = ()
    site: str | None = None
    site_total: str = "all"

    @property
    def cell(self) -> tuple[str, ...]:
        """The columns that name a cell."""
        return (*self.block, *self._partition, self.stage, self.period)

    @property
    def people(self) -> list[str]:
        """The columns that name whom a cell counts."""
        return [name for name in self.cell if name != self.measure]

    @property
    def family(self) -> list[str]:
        """The columns that blocks of all sites have in common."""
        return [name for name in self.block if name != self.site]

    @property
    def _partition(self) -> tuple[str, ...]:
        return () if self.partition is None else (self.partition,)


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


def relations(cells: pd.DataFrame, layout: Layout, contents: pd.DataFrame) -> Relations:
    """All totals among cells of one release; `content` is the place of each cell's content.

    Parts whose true counts do not make up their total's leave a rest that is not listed.
    """
    own = cells[[*layout.cell, "content", "block", "family"]]
    own = own.assign(kind=own[layout.partition] if layout.partition else "")
    tied = [_by_stage(own, layout), _by_period(own, layout)]
    if layout.site is not None:
        tied.append(_by_site(own, layout))
    found = pd.concat(tied, ignore_index=True)
    number, _ = pd.factorize(found["relation"], sort=True)
    order = np.lexsort((found["content_y"], number))
    relation = number[order].astype(np.intp)
    n = int(relation.max(initial=-1)) + 1
    part = found["content_y"].to_numpy(dtype=np.intp)[order]
    total = np.zeros(n, dtype=np.intp)
    total[relation] = found["content_x"].to_numpy(dtype=np.intp)[order]
    shares_none = np.zeros(n, dtype=np.bool_)
    shares_none[relation] = found["shares_none"].to_numpy(dtype=np.bool_)[order]
    whole, split = (
        np.bincount(relation, weights=count[part], minlength=n) == count[total]
        for count in (
            contents[name].to_numpy(dtype=np.float64) for name in ("n_forms", "n_clients")
        )
    )
    return Relations(total, relation, part, whole, whole & split & shares_none)


def _by_stage(own: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    is_total = (own[layout.stage] == layout.stage_total).to_numpy()
    on = ["block", layout.period]
    tied = own.loc[is_total, [*on, "content"]].merge(
        own.loc[~is_total, [*on, "content", "kind"]], on=on
    )
    return tied.assign(
        relation="s" + tied["content_x"].astype("str") + " " + tied["kind"],
        shares_none=tied["kind"].isin(layout.client_partitions),
    )[_TIED]


def _by_period(own: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    spans = within(sorted(own[layout.period].unique()))
    on = ["block", "kind", layout.stage]
    named = own[[*on, layout.period, "content"]]
    tied = (
        named.merge(spans.rename(columns={"kind": "span"}), left_on=layout.period, right_on="total")
        .drop(columns=layout.period)
        .merge(named, left_on=[*on, "part"], right_on=[*on, layout.period])
    )
    return tied.assign(
        relation=tied["content_x"].astype("str") + " " + tied["span"].astype("str"),
        shares_none=False,
    )[_TIED]


def _by_site(own: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Forms of one client are of one site: no client is in two."""
    is_total = (own[layout.site] == layout.site_total).to_numpy()
    on = ["family", "kind", layout.stage, layout.period]
    named = own[[*on, "content"]]
    tied = named[is_total].merge(named[~is_total], on=on)
    return tied.assign(relation="n" + tied["content_x"].astype("str"), shares_none=True)[_TIED]


_TIED = ["relation", "content_x", "content_y", "shares_none"]


def joined(found: Sequence[Relations], same: Places | None = None) -> Relations:
    """Relations of several releases; one that holds in several is kept once.

    `same` gives contents another number before: relations of several metrics about the same people
    become one."""
    seen: set[tuple[int, bytes, bool, bool]] = set()
    for one in found:
        ends = np.searchsorted(one.relation, np.arange(one.total.size + 1))
        all_parts = one.part if same is None else same[one.part]
        totals = (one.total if same is None else same[one.total]).tolist()
        flags = zip(one.is_whole.tolist(), one.is_split.tolist(), strict=True)
        for number, (total, flag) in enumerate(zip(totals, flags, strict=True)):
            own = np.sort(all_parts[ends[number] : ends[number + 1]])
            seen.add((total, own.tobytes(), *flag))
    kept = sorted(seen)
    own_parts = [np.frombuffer(key[1], dtype=np.intp) for key in kept]
    lengths = [part.size for part in own_parts]
    return Relations(
        np.array([key[0] for key in kept], dtype=np.intp),
        np.repeat(np.arange(len(kept)), lengths).astype(np.intp),
        np.concatenate(own_parts) if own_parts else np.zeros(0, dtype=np.intp),
        np.array([key[2] for key in kept], dtype=np.bool_),
        np.array([key[3] for key in kept], dtype=np.bool_),
    )
