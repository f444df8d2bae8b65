"""A value, its groups and covariates out of an analyst's CSV; unusable rows are named."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.analyst_csv import MISSING, AnalystFile, FileRefused
from orchestration.measures.arrays import Bools, Floats, Ints
from orchestration.measures.fixed_design import FixedDesign, Words, fixed_design

MOST_CATEGORIES = 50
"""Of one covariate. A column with more is a group."""


@dataclass(frozen=True)
class Excluded:
    """Rows that cannot be used for the same reason; `lines` as the file counts them, from 1."""

    column: str
    reason: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class GroupedRows:
    """One entry per row of the file: NaN and -1 where `excluded` says so.

    `labels` are each group's, in the order of its codes: numbers first, then words.
    """

    value: Floats
    groups: dict[str, Ints]
    labels: dict[str, tuple[str, ...]]
    design: FixedDesign
    excluded: tuple[Excluded, ...]


@dataclass(frozen=True)
class _Column:
    """A column by its different cells: `places` says which one a row has."""

    name: str
    cells: tuple[str, ...]
    places: Ints

    @property
    def is_missing(self) -> Bools:
        """Of the different cells."""
        return np.array([cell.lower() in MISSING for cell in self.cells], dtype=np.bool_)


def read_groups(
    file: AnalystFile,
    value: str,
    groups: Sequence[str],
    covariates: Sequence[str] = (),
    categorical: Sequence[str] = (),
) -> GroupedRows:
    """The columns of a mixed model.

    A covariate is numbers, unless it is among `categorical` or none of its cells is a number.
    Raises FileRefused for a column that is not there or is chosen twice, a value without any
    number, and a covariate with more than MOST_CATEGORIES categories.
    """
    chosen = [value, *groups, *covariates]
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    if twice:
        raise FileRefused(f"chosen twice: {', '.join(twice)}")
    stray = [name for name in categorical if name not in covariates]
    if stray:
        raise FileRefused(f"--categorical: {', '.join(stray)} is none of --covariates")
    excluded: list[Excluded] = []
    scores = _numbers(file, _column(file, value), excluded)
    if np.isnan(scores).all():
        raise FileRefused(f"column {value}: no cell is a number")
    codes: dict[str, Ints] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for name in groups:
        words = _words(file, _column(file, name), excluded)
        codes[name], labels[name] = words.codes, tuple(words.names)
    parts: dict[str, Floats | Words] = {}
    for name in covariates:
        column = _column(file, name)
        has_number = any(file.number(cell) is not None for cell in column.cells)
        if name not in categorical and has_number:
            parts[name] = _numbers(file, column, excluded)
            continue
        found = _words(file, column, excluded)
        if len(found.names) > MOST_CATEGORIES:
            raise FileRefused(
                f"column {name}: {len(found.names)} categories, and a covariate has at most "
                f"{MOST_CATEGORIES}; give it to --groups"
            )
        parts[name] = found
    design = fixed_design(len(file.rows), parts)
    return GroupedRows(scores, codes, labels, design, tuple(excluded))


def _column(file: AnalystFile, name: str) -> _Column:
    place = file.place(name)
    cells = np.array([row[place] for row in file.rows], dtype=object)
    places, found = pd.factorize(cells)
    return _Column(name, tuple(str(cell).strip() for cell in found), places.astype(np.int64))


def _numbers(file: AnalystFile, column: _Column, excluded: list[Excluded]) -> Floats:
    found = [file.number(cell) for cell in column.cells]
    numbers = np.array([np.nan if one is None else one for one in found], dtype=np.float64)
    is_missing = column.is_missing
    _exclude(file, column, is_missing, "empty", excluded)
    _exclude(file, column, np.isnan(numbers) & ~is_missing, "not a number", excluded)
    return np.asarray(numbers[column.places], dtype=np.float64)


def _words(file: AnalystFile, column: _Column, excluded: list[Excluded]) -> Words:
    is_missing = column.is_missing
    _exclude(file, column, is_missing, "empty", excluded)
    # Two cells may differ in the blanks around them alone.
    names = sorted(
        {cell for cell, gone in zip(column.cells, is_missing, strict=True) if not gone},
        key=file.sort_key,
    )
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([code_of.get(cell, -1) for cell in column.cells], dtype=np.int64)
    return Words(codes[column.places], names)


def _exclude(
    file: AnalystFile, column: _Column, which: Bools, reason: str, excluded: list[Excluded]
) -> None:
    """Note the rows whose cell is one of `which`, if there are any."""
    rows = np.flatnonzero(which[column.places])
    if rows.size:
        lines = tuple(file.lines[row] for row in rows.tolist())
        excluded.append(Excluded(column.name, reason, lines))
