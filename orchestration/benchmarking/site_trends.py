"""Shown cells through time: each site's own line, and how the network's sites spread around it.

Worked out of nothing but the values that a release shows, so it tells nothing that they do not. A
line has one value a month, or a quarter where the group publishes no months; both kinds would
tell every move twice. A period that is hidden or that has no forms is a gap (process_chart.py).

An intervention of `group.yml` begins a new stretch of the lines it applies to. A period belongs to
the stretch in which at least half of its days lie.
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.model import Intervention
from orchestration.benchmarking.cells import CELL_COLUMNS, NETWORK_COLUMNS
from orchestration.benchmarking.process_chart import RULES, ProcessCharts, process_charts
from orchestration.benchmarking.scales import Floats
from orchestration.measures.arrays import Bools

LINE_COLUMNS: tuple[str, ...] = tuple(name for name in CELL_COLUMNS if name != "period")
TREND_COLUMNS: tuple[str, ...] = (
    *CELL_COLUMNS,
    *("period_on", "value", "phase", "mean", "lower_limit", "upper_limit"),
    *("signals", "null_reason"),
)
FEWEST_SITES = 10
"""Sites that a period's deciles need: with fewer there are fewer values than parts."""
DECILES = tuple(f"p{tenth}0" for tenth in range(1, 10))
DECILE_COLUMNS: tuple[str, ...] = (*NETWORK_COLUMNS, "period_on", "n_sites", *DECILES)

_PERIODS = {"month": re.compile(r"(\d{4})-(\d{2})"), "quarter": re.compile(r"(\d{4})-Q([1-4])")}
_MONTHS = {"month": 1, "quarter": 3}
_DAY = "datetime64[D]"


@dataclass(frozen=True)
class SiteTrends:
    """`lines`: one row a shown cell, columns TREND_COLUMNS. `deciles`: one row a network x period
    with FEWEST_SITES sites or more, columns DECILE_COLUMNS."""

    lines: pd.DataFrame
    deciles: pd.DataFrame


def site_trends(
    cells: pd.DataFrame, periods: Sequence[str], interventions: Sequence[Intervention] = ()
) -> SiteTrends:
    """Lines and deciles of benchmark.site_benchmarks, by the kinds of period the group publishes.

    Hidden cells, cells without a value and other periods are left out. Values keep their unit.

    Raises ValueError when a shown cell occurs twice.
    """
    kind = next((kind for kind in _PERIODS if kind in periods), None)
    calendar_of = {} if kind is None else _calendar(cells["period"].unique().tolist(), kind)
    is_shown = ~cells["is_suppressed"].astype(bool) & cells["raw"].notna()
    shown = cells.loc[is_shown & cells["period"].isin(list(calendar_of)), [*CELL_COLUMNS, "raw"]]
    shown = shown.sort_values(list(CELL_COLUMNS), ignore_index=True)
    if bool(shown.duplicated(list(CELL_COLUMNS)).any()):
        raise ValueError("site_benchmarks has a shown cell twice; build the marts again")
    of_cell, named = pd.factorize(shown["period"])
    found = [calendar_of[period] for period in named]
    place = np.array([each.place for each in found], dtype=np.intp)[of_cell]
    first_on = np.array([each.first_on for each in found], dtype=_DAY)[of_cell]
    middle_on = np.array([each.middle_on for each in found], dtype=_DAY)[of_cell]
    lines = _lines(shown, place, _n_begun(shown, middle_on, interventions))
    lines.insert(len(CELL_COLUMNS), "period_on", first_on.astype("datetime64[s]"))
    return SiteTrends(lines, _deciles(lines))


@dataclass(frozen=True)
class _Period:
    place: int
    """Among the periods of its kind, one after the other."""
    first_on: date
    middle_on: date
    """At least half of its days are not before it, and no later day has so many."""


def _calendar(periods: Sequence[str], kind: str) -> dict[str, _Period]:
    """Those of one kind, by their names."""
    months = _MONTHS[kind]
    found = {period: _PERIODS[kind].fullmatch(period) for period in periods}
    return {
        period: _period(int(match[1]) * (12 // months) + int(match[2]) - 1, months)
        for period, match in found.items()
        if match is not None
    }


def _period(place: int, months: int) -> _Period:
    year, number = divmod(place, 12 // months)
    first_on = date(year, number * months + 1, 1)
    last_month = (number + 1) * months
    last_on = date(year, last_month, calendar.monthrange(year, last_month)[1])
    n_days = (last_on - first_on).days + 1
    return _Period(place, first_on, date.fromordinal(first_on.toordinal() + n_days // 2))


def _n_begun(
    shown: pd.DataFrame, middle_on: NDArray[Any], interventions: Sequence[Intervention]
) -> NDArray[np.intp]:
    """Interventions at each cell's site that had begun by the middle of its period."""
    n_begun = np.zeros(len(shown), dtype=np.intp)
    for each in interventions:
        has_begun: Bools = middle_on >= np.datetime64(each.starts_on)
        for name, of in (("practice_id", each.practice_id), ("site_id", each.site_id)):
            if of is not None:
                has_begun &= (shown[name] == of).to_numpy(dtype=bool)
        n_begun += has_begun
    return n_begun


def _lines(shown: pd.DataFrame, place: NDArray[np.intp], n_begun: NDArray[np.intp]) -> pd.DataFrame:
    """Every shown cell with its stretch's mean and limits. A stretch is a row of its own to the
    charts, so that no range or run reaches over an intervention."""
    line = shown.groupby(list(LINE_COLUMNS), dropna=False).ngroup().to_numpy(dtype=np.intp)
    n_stretches_at_most = int(n_begun.max(initial=0)) + 1
    stretches, stretch = np.unique(line * n_stretches_at_most + n_begun, return_inverse=True)
    line_of = stretches // n_stretches_at_most
    phase = np.arange(stretches.size) - np.searchsorted(line_of, line_of) + 1
    column = place - int(place.min(initial=place[0] if place.size else 0))
    values = np.full((stretches.size, int(column.max(initial=-1)) + 1), np.nan)
    values[stretch, column] = shown["raw"].to_numpy(dtype=np.float64)
    charts = process_charts(values)
    return shown[list(CELL_COLUMNS)].assign(
        value=shown["raw"].astype("float64"),
        phase=phase[stretch].astype(np.int32),
        mean=charts.mean[stretch],
        lower_limit=charts.lower[stretch],
        upper_limit=charts.upper[stretch],
        signals=pd.array(_signals(charts, stretch, column), dtype="str"),
        null_reason=pd.array(charts.null_reason[stretch], dtype="str"),
    )


def _signals(
    charts: ProcessCharts, stretch: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.object_]:
    """Rules that mark each point, comma-separated in the order of RULES; None where none does."""
    text = np.full(stretch.size, "", dtype=object)
    for rule in RULES:
        separator = np.where(text == "", "", ",").astype(object)
        text = np.where(charts.rules[rule][stretch, column], text + separator + rule, text)
    text[text == ""] = None
    return text


def _deciles(lines: pd.DataFrame) -> pd.DataFrame:
    """Deciles of the sites' values in each network and period (type 7 of Hyndman & Fan 1996, Am
    Stat 50:361: position (n - 1) p from the lowest, straight lines between)."""
    keys = [*NETWORK_COLUMNS, "period_on"]
    network = lines.groupby(keys, dropna=False).ngroup().to_numpy(dtype=np.intp)
    order = np.lexsort((lines["value"].to_numpy(), network))
    values = lines["value"].to_numpy(dtype=np.float64)[order]
    first = np.flatnonzero(np.diff(network[order], prepend=-1))
    n_sites = np.diff(first, append=network.size)
    is_enough = n_sites >= FEWEST_SITES
    first, n_sites = first[is_enough], n_sites[is_enough]
    found = lines.iloc[order[first]][keys].reset_index(drop=True)
    found = found.assign(n_sites=n_sites.astype(np.int32))
    return found.assign(
        **{
            name: _quantile(values, first, n_sites, tenth / 10)
            for tenth, name in enumerate(DECILES, start=1)
        }
    )


def _quantile(
    values: Floats, first: NDArray[np.intp], n_values: NDArray[np.intp], share: float
) -> Floats:
    """One quantile of each run of values that rises from `first` on."""
    position = (n_values - 1) * share
    below = np.floor(position).astype(np.intp)
    above = np.minimum(below + 1, n_values - 1)
    low, high = values[first + below], values[first + above]
    return np.asarray(low + (position - below) * (high - low))
