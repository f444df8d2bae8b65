"""What an attacker knows of one site and family of metrics in the tables of measures.

Unknowns are of every cell its clients, of means the sum of clients' means, of shares units and
counted units. Known are, whatever is shown: strata and shorter periods are parts of their totals,
clients of a total are at least those of each part and at most all parts' together (exactly as many
where the true numbers say that nobody is in two parts: the attacker may know as much), a client's
mean lies between his means in the parts, the shares of a family leave each unit to one of them at
most. And what is shown: classes and rounded values.

Of releases in sequence all that holds of one holds of each. A cell of the same content in several
of them is one cell: he is told in which nights nothing changed, which no release says. He is not
told which rows stand: one that does reads like one that says tonight what it said before.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from orchestration.benchmarking.disclosure_cells import Code
from orchestration.benchmarking.disclosure_system import (
    ALWAYS,
    FREE,
    Needs,
    Places,
    RowSet,
    System,
)
from orchestration.benchmarking.measures_related import Parts, numbers, of_release, relations
from orchestration.measures.arrays import Bools, Floats

CLIENTS, UNITS, SUM = range(3)
_N = 3
CELLS: tuple[str, ...] = (
    *("block_no", "metric_no", "kind_no", "stratum_no"),
    *("period_kind_no", "first_month", "last_month"),
    *("n_clients", "n_units", "n_counted", "mean", "width", "is_share", "is_once"),
    *("is_shown", "shown_at_least", "shown_value", "step", "known_least", "known_most"),
)
"""A row a cell. `block_no`: one site, form and family of metrics; `kind_no` 0 is all strata.
Periods of one `period_kind_no` do not overlap; months are numbers, the ends of the period, infinite
of all periods. `n_clients`, `n_units` and `n_counted` (units a share counts) are the
true ones, `mean` the true mean or share above the scale's lowest point, `width` the scale's (NaN:
without end; 1 of shares). `is_once`: a client has hardly ever two units. `shown_at_least`,
`shown_value` (above the lowest point) and `step` are what is shown; `known_least` and `known_most`
what other tables say of the clients, NaN where nothing."""
SEQUENCE: tuple[str, ...] = ("release_no", "content", "row_no", "written_row", "n_changed")
"""Besides, of releases in sequence, a row a cell and release: `content` is equal where the same
clients give a cell the same. `written_row` is the `row_no` that a row stands from (NaN: it is
tonight's, or hidden), `n_changed` at least the clients that changed since. Without these the cells
are of one release."""
_PLACE = ("kind_no", "stratum_no", "period_kind_no", "first_month", "last_month")
"""What names a cell of a metric: a year, and the twelve months to its end, are two."""


@dataclass(frozen=True)
class Believed:
    """How the attacker reads what is shown."""

    minimum_clients: int
    has_classes: bool = True
    has_ends: bool = True


def is_beside_shown(block: pd.DataFrame) -> Bools:
    """Cells of a kind of strata of a period of which something is shown."""
    kind = ["metric_no", "kind_no", "first_month", "last_month"]
    of_kind = block.groupby([*kind, *of_release(block)])
    return of_kind["is_shown"].transform("any").to_numpy(dtype=np.bool_)


def _is_among_shown_periods(block: pd.DataFrame) -> Bools:
    """Cells of all strata, of a kind of periods of which something is shown."""
    of_all = block["kind_no"] == 0
    kind = ["metric_no", "period_kind_no", *of_release(block)]
    shown = (block["is_shown"] & of_all).groupby([block[name] for name in kind]).transform("any")
    return np.asarray(of_all & shown, dtype=np.bool_)


def _at(cell: Places, unknown: int) -> Places:
    return np.asarray(cell * _N + unknown, dtype=np.intp)


def known_of(block: pd.DataFrame, believed: Believed) -> System:
    """Rows for all that is known of a block of CELLS, and what must stay possible of its cells."""
    n = len(block)
    n_unknowns = n * _N
    minimum = float(believed.minimum_clients)
    clients, units = numbers(block, "n_clients"), numbers(block, "n_units")
    is_share = block["is_share"].to_numpy(dtype=np.bool_)
    width = numbers(block, "width")
    own, leader = _unknowns(block)
    rows = RowSet(own.ravel())
    is_once = block["is_once"].to_numpy(dtype=np.bool_) & (units == clients)
    _add_contents(rows, is_once, width, is_share)
    _add_parts(rows, relations(block), width, is_share)
    if is_share.all():
        _add_family(rows, block, leader)
    _add_shown(rows, block, believed)
    if "written_row" in block:
        _add_standing(rows, block, believed)
    lower, upper = np.zeros((n, _N)), np.full((n, _N), FREE)
    lower[:, CLIENTS] = clients > 0
    told_lower, told_upper = lower.copy(), upper.copy()
    small = (clients > 0) & (clients < minimum)
    is_told = is_beside_shown(block) | _is_among_shown_periods(block)
    head = own[:, CLIENTS]
    told_lower.ravel()[head[is_told & (clients >= minimum)]] = minimum
    told_upper.ravel()[head[is_told & small]] = minimum - 1
    is_whole = np.zeros((n, _N), dtype=np.bool_)
    none = np.zeros(n, dtype=np.bool_)
    return System(
        lower=lower.ravel(),
        upper=upper.ravel(),
        told_lower=told_lower.ravel(),
        told_upper=told_upper.ravel(),
        is_whole=is_whole.ravel(),
        rows=rows.rows(n_unknowns),
        needs=_needs(block, own, small, minimum),
        weight=np.ones(n),
        must_hide=none,
        is_standing=none,
    )


def _unknowns(block: pd.DataFrame) -> tuple[Places, Places]:
    """The number of each unknown of each cell, and the first cell with the same people.

    Metrics of a family with as many units share their people, cells of the same content all.
    """
    n = len(block)
    own = np.arange(n * _N, dtype=np.intp).reshape(n, _N)
    place = pd.Series(np.arange(n))

    def first(names: list[str]) -> Places:
        number = block.groupby(names).ngroup().to_numpy()
        return place.groupby(number).transform("min").to_numpy(dtype=np.intp)

    leader = first([*_PLACE, "n_clients", "n_units", *of_release(block)])
    if "content" not in block:
        own[:, CLIENTS], own[:, UNITS] = own[leader, CLIENTS], own[leader, UNITS]
        return own, leader
    same = first(["metric_no", *_PLACE, "content"])
    ties = csr_array(
        (np.ones(2 * n), (np.tile(np.arange(n), 2), np.concatenate([leader, same]))), shape=(n, n)
    )
    _, people = connected_components(ties, directed=False)
    head = place.groupby(people).transform("min").to_numpy(dtype=np.intp)
    own[:, CLIENTS], own[:, UNITS] = own[head, CLIENTS], own[head, UNITS]
    own[:, SUM] = own[same, SUM]
    return own, leader


def _add_standing(rows: RowSet, block: pd.DataFrame, believed: Believed) -> None:
    """Of a row that stands: tonight's cell may be shown, and either says the same or is of few
    other clients than the one that was written. Which of both nobody is told, so what is known is
    what both have in common. Of a share of one unit a client few changed on one side of it alone,
    which bounds nothing."""
    rows_numbered = block[["row_no"]].assign(then=np.arange(len(block)))
    stands = block[["written_row"]].assign(now=np.arange(len(block)))
    stands = stands.merge(rows_numbered, left_on="written_row", right_on="row_no")
    now, then = (stands[name].to_numpy(dtype=np.intp) for name in ("now", "then"))
    share = block["is_share"].to_numpy(dtype=np.bool_)
    free, minimum = np.full(now.size, FREE), np.full(now.size, float(believed.minimum_clients))
    rows.add([(np.arange(now.size), _at(now, CLIENTS), 1.0)], minimum, free, now)
    at = now[share[now]]
    row, free, enough = np.arange(at.size), free[: at.size], minimum[: at.size]
    rows.add([(row, _at(at, SUM), 1.0)], enough, free, at)
    rows.add([(row, _at(at, UNITS), 1.0), (row, _at(at, SUM), -1.0)], enough, free, at)
    said, width, few = _said(block, believed), numbers(block, "width"), believed.minimum_clients - 1
    is_near = ~(share & block["is_once"].to_numpy(dtype=np.bool_))[now]
    now, then = now[is_near], then[is_near]
    least = np.nan_to_num(said.least[then] - few, nan=-FREE)
    most = np.nan_to_num(said.most[then] + few, nan=FREE)
    rows.add([(np.arange(now.size), _at(now, CLIENTS), 1.0)], least, most, now)
    known = ~share[now] & ~np.isnan(width[now]) & ~np.isnan(said.low[then])
    now, then = now[known], then[known]
    # As far as a sum can have moved.
    moved = numbers(block, "n_changed")[now] * width[now]
    row, free = np.arange(now.size), np.full(now.size, FREE)
    low, high = said.low[then], said.high[then]
    total, people = (row, _at(now, SUM), 1.0), _at(now, CLIENTS)
    rows.add([total, (row, people, -low)], -few * low - moved, free, now)
    rows.add([total, (row, people, -high)], -free, few * high + moved, now)


def _add_contents(rows: RowSet, is_once: Bools, width: Floats, is_share: Bools) -> None:
    """A client has a unit, or exactly one; sums keep to the scale."""
    every = np.arange(width.size, dtype=np.intp)
    row, zero = np.arange(every.size), np.zeros(every.size)
    one_each = np.where(is_once, 0.0, FREE)
    rows.add([(row, _at(every, UNITS), 1.0), (row, _at(every, CLIENTS), -1.0)], zero, one_each)
    for which, base in ((is_share, UNITS), (~is_share & ~np.isnan(width), CLIENTS)):
        at = every[which]
        row = np.arange(at.size)
        rows.add(
            [(row, _at(at, base), width[at]), (row, _at(at, SUM), -1.0)],
            np.zeros(at.size),
            np.full(at.size, FREE),
        )


def _add_parts(rows: RowSet, found: Parts, width: Floats, is_share: Bools) -> None:
    n, of_part = found.total.size, found.relation
    each, pair = np.arange(n), np.arange(found.part.size)
    total, part = found.total, found.part
    rows.add(
        [(pair, _at(total[of_part], CLIENTS), 1.0), (pair, _at(part, CLIENTS), -1.0)],
        np.zeros(pair.size),
        np.full(pair.size, FREE),
    )
    rows.add(
        [(each, _at(total, CLIENTS), -1.0), (of_part, _at(part, CLIENTS), 1.0)],
        np.where(found.is_whole, 0.0, -FREE),
        np.where(found.is_split, 0.0, FREE),
    )
    whole = np.where(found.is_whole, 0.0, FREE)
    rows.add(
        [(each, _at(total, UNITS), 1.0), (of_part, _at(part, UNITS), -1.0)], np.zeros(n), whole
    )
    share = is_share[total]
    # Of shares the counted and the others add up like units; of means what a client's mean allows.
    low = np.where(share | found.is_split, 0.0, -FREE)
    high = np.where(found.is_whole, 0.0, FREE)
    rows.add(
        [(each, _at(total, SUM), 1.0), (of_part, _at(part, SUM), -1.0)],
        np.where(found.is_whole | share, low, -FREE),
        high,
    )
    known = np.nan_to_num(width)
    base = np.where(is_share, UNITS, CLIENTS)
    rest_high = np.where(found.is_whole & ~np.isnan(width[total]), 0.0, FREE)
    rows.add(
        [
            (each, np.asarray(total * _N + base[total], dtype=np.intp), known[total]),
            (each, _at(total, SUM), -1.0),
            (of_part, np.asarray(part * _N + base[part], dtype=np.intp), -known[part]),
            (of_part, _at(part, SUM), 1.0),
        ],
        np.where((found.is_whole | share) & ~np.isnan(width[total]), low, -FREE),
        rest_high,
    )


def _add_family(rows: RowSet, block: pd.DataFrame, leader: Places) -> None:
    """Each unit counts in one metric of a family at most, in one exactly where they add up to 1."""
    heads, at = np.unique(leader, return_inverse=True)
    several = np.bincount(at) > 1
    counted = np.bincount(at, numbers(block, "n_counted"))
    number = np.cumsum(several) - 1
    cells = np.flatnonzero(several[at])
    heads = heads[several]
    each = np.arange(heads.size)
    rest = numbers(block, "n_units")[heads] - counted[several]
    rows.add(
        [(each, _at(heads, UNITS), 1.0), (number[at[cells]], _at(cells, SUM), -1.0)],
        np.zeros(heads.size),
        np.where(np.abs(rest) < 0.5, 0.0, FREE),
    )


@dataclass(frozen=True)
class _Said:
    """What shown cells say: clients from `least` to `most`, mean or share from `low` to `high`; NaN
    where they say nothing."""

    least: Floats
    most: Floats
    low: Floats
    high: Floats


def _said(block: pd.DataFrame, believed: Believed) -> _Said:
    least = numbers(block, "shown_at_least")
    most = (least - 1) * 10 if believed.has_classes else least
    width = numbers(block, "width")
    bounded = np.where(np.isnan(width), 1e9, width)
    step, value = numbers(block, "step"), numbers(block, "shown_value")
    is_share = block["is_share"].to_numpy(dtype=np.bool_)
    ended = believed.has_ends & ~is_share & ~np.isnan(width)
    # Ends are as wide as the class says, whatever is said of the count.
    steps = believed.minimum_clients - 1.0
    power = np.floor(np.log10(np.maximum(np.nan_to_num(least) - 1, steps) / steps) + 1e-9)
    coded = Code(step, steps * 10**power + 1, True).range(value, bounded)
    # Rounded alone, nothing is "this or beyond".
    low = np.where(ended, coded.least, np.maximum(value - step / 2, 0.0))
    high = np.where(ended, coded.most, np.minimum(value + step / 2, bounded))
    nothing = np.isnan(value)
    return _Said(least, most, np.where(nothing, np.nan, low), np.where(nothing, np.nan, high))


def _add_shown(rows: RowSet, block: pd.DataFrame, believed: Believed) -> None:
    """What shown cells say, and of shares the rule that they are of enough and leave out enough."""
    every = np.arange(len(block), dtype=np.intp)
    said = _said(block, believed)
    least, most = np.nan_to_num(said.least, nan=-FREE), np.nan_to_num(said.most, nan=FREE)
    rows.add([(every, _at(every, CLIENTS), 1.0)], least, most, every)
    known = np.flatnonzero(block["known_least"].notna().to_numpy())
    rows.add(
        [(np.arange(known.size), _at(known, CLIENTS), 1.0)],
        numbers(block, "known_least")[known],
        numbers(block, "known_most")[known],
        np.where(block["is_shown"].to_numpy(dtype=np.bool_)[known], known, ALWAYS),
    )
    is_share = block["is_share"].to_numpy(dtype=np.bool_)
    base = np.where(is_share, UNITS, CLIENTS)
    at = np.flatnonzero(~np.isnan(said.low))
    row, zero, free = np.arange(at.size), np.zeros(at.size), np.full(at.size, FREE)
    per = np.asarray(at * _N + base[at], dtype=np.intp)
    rows.add([(row, _at(at, SUM), 1.0), (row, per, -said.low[at])], zero, free, at)
    rows.add([(row, _at(at, SUM), -1.0), (row, per, said.high[at])], zero, free, at)
    shares = at[is_share[at]]
    row = np.arange(shares.size)
    enough = np.full(shares.size, float(believed.minimum_clients))
    free = np.full(shares.size, FREE)
    rows.add([(row, _at(shares, SUM), 1.0)], enough, free, shares)
    rows.add([(row, _at(shares, UNITS), 1.0), (row, _at(shares, SUM), -1.0)], enough, free, shares)


def _needs(block: pd.DataFrame, own: Places, small: Bools, minimum: float) -> Needs:
    rows = RowSet(own.ravel())
    # Of cells of the same content one is asked.
    is_asked = own[:, SUM] == np.arange(len(block)) * _N + SUM
    told: list[Bools] = []
    clients, units = numbers(block, "n_clients"), numbers(block, "n_units")
    width = numbers(block, "width")
    is_share = block["is_share"].to_numpy(dtype=np.bool_)
    counted = numbers(block, "n_counted")
    is_once = block["is_once"].to_numpy(dtype=np.bool_) & (units == clients)
    shown = block["is_shown"].to_numpy(dtype=np.bool_)

    def need(at: Places, terms: list[tuple[int, float | Floats]], value: Floats | float, *,
             is_told: bool) -> None:  # fmt: skip
        row = np.arange(at.size)
        rows.add(
            [(row, _at(at, unknown), factor) for unknown, factor in terms],
            np.broadcast_to(np.asarray(value, dtype=np.float64), (at.size,)),
            np.full(at.size, FREE),
            at,
        )
        told.append(np.full(at.size, is_told))

    few = np.flatnonzero(is_asked & small & ~shown)
    for most, is_told in ((minimum, False), (minimum - 1, True)):
        need(few, [(CLIENTS, -1.0)], -1.0, is_told=is_told)
        need(few, [(CLIENTS, 1.0)], most, is_told=is_told)
    # Counted clients of a hidden share: where each has one unit, they are its counted units.
    for is_rest in (False, True):
        number = units - counted if is_rest else counted
        hidden = (
            is_asked & is_share & ~shown & (number > 0) & (number < minimum) & (clients >= minimum)
        )
        at = np.flatnonzero(hidden & is_once)
        low: list[tuple[int, float | Floats]] = [(SUM, -1.0)]
        high: list[tuple[int, float | Floats]] = [(SUM, 1.0)]
        if is_rest:
            low, high = [(UNITS, -1.0), (SUM, 1.0)], [(UNITS, 1.0), (SUM, -1.0)]
        need(at, low, -1.0, is_told=False)
        need(at, high, minimum - 1, is_told=False)
    # Where the true numbers leave a client either end there is nothing to ask.
    total = numbers(block, "mean") * clients
    has_mean = is_asked & ~is_share & (clients > 0) & ~np.isnan(width) & ~np.isnan(total)
    at = np.flatnonzero(has_mean & (width * clients - total < width))
    need(at, [(CLIENTS, width[at]), (SUM, -1.0)], width[at], is_told=True)
    at = np.flatnonzero(has_mean & (total < width))
    need(at, [(SUM, 1.0)], width[at], is_told=True)
    has_share = is_asked & is_share & (clients > 0)
    at = np.flatnonzero(has_share & (units - counted < 1))
    need(at, [(UNITS, 1.0), (SUM, -1.0)], 1.0, is_told=True)
    need(np.flatnonzero(has_share & (counted < 1)), [(SUM, 1.0)], 1.0, is_told=True)
    return Needs(rows.matrix(own.size), rows.lower(), rows.items(), np.concatenate(told))
