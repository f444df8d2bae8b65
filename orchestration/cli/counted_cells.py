"""A table of counts in an analyst's CSV: what counts, what names a cell, what marks a margin.

What the options do not say is taken from the file only where it can be read in one way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.analyst_csv import AnalystFile, FileRefused
from orchestration.measures.arrays import Floats

MARGINS = frozenset({"total", "totals", "all", "overall", "sum", "grand total"})
"""Words of a margin, small letters; Sum is R's, Total and All are those of spreadsheets."""
MOST = 1e9
"""No table counts more clients, and the search for bounds is no longer exact."""
_COUNTS = frozenset({"n", "count", "counts", "freq", "frequency", "clients", "n_clients"})
_RESULTS = ("hidden", "lower", "upper")
_MARK = "\n"
"""What a margin is called for the search; no cell of a file reads like it."""


@dataclass(frozen=True)
class CountedCells:
    """One entry a cell in `counts` and `lines`; `keys` names it as the file does, dimension by
    dimension, `marked` the same with `mark` in place of the words of a margin."""

    keys: dict[str, list[str]]
    marked: dict[str, list[str]]
    mark: str
    count: str
    counts: Floats
    lines: tuple[int, ...]

    @property
    def has_margin(self) -> bool:
        """Whether any cell is the sum of others."""
        return any(self.mark in names for names in self.marked.values())


def counted_cells(
    file: AnalystFile, count: str | None, by: Sequence[str], total: str | None
) -> CountedCells:
    """The cells of `file`: one a row, or (nothing said) rows by columns with a column of totals.

    Without `count` and `by` the one column of numbers counts, and all others name a cell. Without
    `total` the words of MARGINS mark a margin, in any letters. Raises FileRefused where that can be
    read in several ways, for a column named as the result's are, and for what is no count.
    """
    if count is None and not by and _is_crossed(file):
        cells = _crossed(file)
    else:
        count, columns = _columns(file, count, by)
        keys = {name: file.words(name) for name in columns}
        cells = keys, count, file.numbers([count])[:, 0], file.lines, [count] * len(file.lines)
    keys, count, counts, lines, places = cells
    _refuse_names(list(keys), count)
    wrong = np.flatnonzero(
        ~((counts >= 0) & (counts <= MOST) & (counts == np.floor(counts)))  # a blank is none of it
    )
    if wrong.size:
        at = int(wrong[0])
        raise FileRefused(
            f"line {lines[at]}, column {places[at]}: expected a count, from 0 to {MOST:,.0f}"
        )
    marked = {
        name: [_MARK if _is_margin(word, total) else word for word in words]
        for name, words in keys.items()
    }
    return CountedCells(keys, marked, _MARK, count, counts, tuple(lines))


def _is_margin(word: str, total: str | None) -> bool:
    return word.strip().casefold() in MARGINS if total is None else word == total


def _is_count_column(file: AnalystFile, name: str) -> bool:
    place = file.place(name)
    return all(file.number(row[place].strip()) is not None for row in file.rows)


def _is_crossed(file: AnalystFile) -> bool:
    """Whether line 1 names the values of one dimension, a margin among them."""
    first = [row[0].strip() for row in file.rows]
    return (
        len(file.header) > 2
        and len(set(first)) == len(first)
        and any(_is_margin(name, None) for name in file.header[1:])
        and not any(name.casefold() in _COUNTS for name in file.header)
    )


_Cells = tuple[dict[str, list[str]], str, Floats, Sequence[int], list[str]]


def _crossed(file: AnalystFile) -> _Cells:
    """Every row's cells one after the other; a corner without a name is called row."""
    across = list(file.header[1:])
    numbers = file.numbers(across)
    down = file.words(file.header[0])
    keys = {
        file.header[0] or "row": [word for word in down for _ in across],
        "column": across * len(down),
    }
    lines = [line for line in file.lines for _ in across]
    return keys, "count", numbers.ravel(), lines, across * len(down)


def _columns(file: AnalystFile, count: str | None, by: Sequence[str]) -> tuple[str, list[str]]:
    """The column that counts and those that name a cell."""
    columns = file.chosen(",".join(by)) if by else None
    if count is None:
        count = _count_column(file, columns or ())
    if columns is None:
        columns = [name for name in file.header if name != count]
        numbers = [name for name in columns if _is_count_column(file, name)]
        if numbers:
            raise FileRefused(
                f"column {numbers[0]} may name a cell or count something else: say with --by which "
                "columns name a cell"
            )
        if not columns:
            raise FileRefused("no column names a cell")
    return count, columns


def _count_column(file: AnalystFile, taken: Sequence[str]) -> str:
    free = [name for name in file.header if name not in taken]
    named = [name for name in free if name.casefold() in _COUNTS]
    found = named or [name for name in free if _is_count_column(file, name)]
    if len(found) != 1:
        many = f"{len(found)} columns hold" if found else "no column holds"
        raise FileRefused(f"{many} counts: say which with --count")
    return found[0]


def _refuse_names(columns: Sequence[str], count: str) -> None:
    taken = [name for name in columns if name in (*_RESULTS, count)]
    if taken:
        raise FileRefused(f"--by cannot hold {taken[0]!r}: the result has a column of that name")
    if count in _RESULTS:
        raise FileRefused(f"--count cannot be {count!r}: the result has a column of that name")
