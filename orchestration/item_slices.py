"""Answers out of the warehouse as matrices of bounded size, and what the psychometrics sum of them.

SQL is the wrong tool for products of items: every pair of items of every form is a row of a
self-join (65 million for 840,000 forms of 12 items), or a column of a pivot whose width depends on
the instrument. Here the answers are read once, in slices by form, and the engine of matrix products
does the rest; a slice's size does not depend on how much is stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from orchestration.benchmarking.psychometrics import CellSums
from orchestration.measures.arrays import Ints
from orchestration.measures.instrument_sums import InstrumentKey, InstrumentSums
from orchestration.measures.item_moments import THOUSANDTHS

FORMS_A_SLICE = 40_000
_ITEM_NUMBERS = 256
"""Item numbers are stored in one byte."""
_CELLS = """
    create or replace temp table cells_numbered as
    select
        cast(
            row_number() over (
                order by instrument_code, version, language, informant, practice_id, site_id
            ) - 1 as integer
        ) as cell_no,
        *
    from intermediate.int_item_cells_counted
    """
_ITEMS = """
    select
        instrument_code,
        version,
        item_no,
        any_value(is_reversed) as is_reversed,
        any_value(item_minimum) as item_minimum,
        any_value(item_maximum) as item_maximum,
        list(scale order by scale) as scales
    from intermediate.int_scale_items_listed
    group by instrument_code, version, item_no
    order by instrument_code, version, item_no
    """
_FORMS = """
    create or replace temp table forms_summed as
    select forms.administration_row, cells.cell_no, forms.client_key
    from intermediate.int_forms_answered as forms
    inner join cells_numbered as cells
        using (practice_id, site_id, instrument_code, version, language, informant)
    where forms.has_items
    """
_NUMBERED = """
    with clients as (
        select
            cell_no,
            client_key,
            row_number() over (order by cell_no, client_key) - 1 as client_no
        from (select distinct cell_no, client_key from forms_summed)
    )
    select forms.administration_row, clients.cell_no, clients.client_no
    from forms_summed as forms
    inner join clients using (cell_no, client_key)
    order by forms.administration_row
    """
_ANSWERS = """
    select
        administration_row,
        cast(item_no as integer) as item_no,
        cast(value * 1000 as integer) as thousandths
    from staging.stg_answers
    where administration_row between ? and ?
    """


@dataclass(frozen=True)
class _Forms:
    """Forms with answers in the order of their rows; cells and clients counted from 0."""

    rows: Ints
    cells: Ints
    clients: Ints


@dataclass(frozen=True)
class _Target:
    """Where an instrument's forms go: its sums, and the first of its cells and clients."""

    one: CellSums
    first_cell: int
    first_client: int


@dataclass(frozen=True)
class _Targets:
    """`of_cell`: each cell's instrument by place, -1 where its key is not known. `column_of`:
    instruments by item numbers, the item's column or -1. `n_items` of each instrument."""

    targets: list[_Target]
    of_cell: Ints
    column_of: Ints
    n_items: Ints


def summed_answers(
    con: duckdb.DuckDBPyConnection, forms_a_slice: int = FORMS_A_SLICE
) -> list[CellSums]:
    """The sums of every instrument whose key is known, by version, in order.

    Reads what dbt built, and the answers once.
    """
    con.execute(_CELLS)
    cells = con.execute("select * from cells_numbered order by cell_no").df()
    keys = _keys(con.execute(_ITEMS).df())
    con.execute(_FORMS)
    numbered = con.execute(_NUMBERED).fetchnumpy()
    con.execute("drop table forms_summed")
    con.execute("drop table cells_numbered")
    forms = _Forms(
        *(
            np.asarray(numbered[name], dtype=np.int64)
            for name in ("administration_row", "cell_no", "client_no")
        )
    )
    targets = _targets(cells, keys, forms)
    if targets.targets:
        for some, answers in _slices(con, forms, forms_a_slice):
            _add(targets, some, answers)
    return [target.one for target in targets.targets]


def _keys(items: pd.DataFrame) -> list[InstrumentKey]:
    keys = []
    for (code, version), of_one in items.groupby(["instrument_code", "version"], sort=True):
        lowest, highest = (
            round(float(of_one[name].iloc[0]) * THOUSANDTHS)
            for name in ("item_minimum", "item_maximum")
        )
        scales: dict[str, list[int]] = {}
        for place, names in enumerate(of_one["scales"]):
            for name in names:
                scales.setdefault(str(name), []).append(place)
        keys.append(
            InstrumentKey(
                instrument_code=str(code),
                version=str(version),
                item_nos=tuple(int(number) for number in of_one["item_no"]),
                is_reversed=of_one["is_reversed"].to_numpy(dtype=np.bool_),
                lowest=lowest,
                width=highest - lowest,
                scales={name: tuple(scales[name]) for name in sorted(scales)},
            )
        )
    return keys


def _targets(cells: pd.DataFrame, keys: list[InstrumentKey], forms: _Forms) -> _Targets:
    """Cells are numbered by instrument and version, and clients by cell: those of one instrument
    lie side by side."""
    cell_of_client = np.zeros(int(forms.clients.max(initial=-1)) + 1, dtype=np.int64)
    cell_of_client[forms.clients] = forms.cells
    of_cell = np.full(len(cells), -1, dtype=np.int64)
    targets: list[_Target] = []
    for key in keys:
        is_mine = cells["instrument_code"] == key.instrument_code
        mine = np.flatnonzero(is_mine & (cells["version"] == key.version))
        if not mine.size:
            continue
        of_cell[mine] = len(targets)
        first, end = int(mine[0]), int(mine[-1]) + 1
        clients = slice(*np.searchsorted(cell_of_client, [first, end]).tolist())
        sums = InstrumentSums(key, mine.size, cell_of_client[clients] - first)
        one = CellSums(cells.iloc[mine].reset_index(drop=True), sums)
        targets.append(_Target(one, first, clients.start))
    numbers = [target.one.sums.key.item_nos for target in targets]
    column_of = np.full((len(targets), _ITEM_NUMBERS), -1, dtype=np.int64)
    for place, item_nos in enumerate(numbers):
        column_of[place, list(item_nos)] = np.arange(len(item_nos))
    return _Targets(
        targets, of_cell, column_of, np.array([len(each) for each in numbers], np.int64)
    )


def _slices(
    con: duckdb.DuckDBPyConnection, forms: _Forms, forms_a_slice: int
) -> Iterator[tuple[_Forms, dict[str, Any]]]:
    for start in range(0, forms.rows.size, forms_a_slice):
        part = slice(start, start + forms_a_slice)
        some = _Forms(forms.rows[part], forms.cells[part], forms.clients[part])
        bounds = [int(some.rows[0]), int(some.rows[-1])]
        yield some, con.execute(_ANSWERS, bounds).fetchnumpy()


def _add(targets: _Targets, forms: _Forms, answers: dict[str, Any]) -> None:
    """Add a slice's forms to the sums of their instruments: one scatter of the answers for all of
    them, into matrices that lie one behind the other."""
    instrument = targets.of_cell[forms.cells]
    is_keyed = instrument >= 0
    width = np.where(is_keyed, targets.n_items[instrument], 0)
    order = np.argsort(instrument, kind="stable")
    start = np.empty(forms.rows.size, dtype=np.int64)
    start[order] = np.cumsum(width[order]) - width[order]
    matrices = np.full(int(width.sum()), np.nan)

    place = np.searchsorted(forms.rows, answers["administration_row"])
    # Forms that enter no cell lie between those that do.
    found = forms.rows[np.minimum(place, forms.rows.size - 1)] == answers["administration_row"]
    place, item_no = place[found], answers["item_no"][found]
    column = targets.column_of[instrument[place], item_no]
    is_used = (column >= 0) & is_keyed[place]
    matrices[(start[place] + column)[is_used]] = answers["thousandths"][found][is_used]

    for number in np.unique(instrument[is_keyed]).tolist():
        target, mine = targets.targets[number], np.flatnonzero(instrument == number)
        first, n_items = int(start[mine[0]]), int(targets.n_items[number])
        matrix = matrices[first : first + mine.size * n_items].reshape(mine.size, n_items)
        target.one.sums.add(
            matrix - target.one.sums.key.lowest,
            forms.cells[mine] - target.first_cell,
            forms.clients[mine] - target.first_client,
        )
