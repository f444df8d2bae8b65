"""A system cut into parts that no row ties together: each is a small program of its own.

An unknown that a shown row says exactly ties nothing: it stands in every part that it has a row in,
with the rows that say its value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, vstack

from orchestration.benchmarking.disclosure_system import Places, System, tied_parts
from orchestration.measures.arrays import Bools, Floats


@dataclass(frozen=True)
class Entries:
    """A sparse matrix row by row: `starts` by row, `column` and `value` by entry."""

    starts: Places
    column: Places
    value: Floats

    def times(self, x: Floats) -> Floats:
        """The matrix times a vector."""
        n_rows = self.starts.size - 1
        row = np.repeat(np.arange(n_rows), np.diff(self.starts))
        return np.bincount(row, weights=self.value * x[self.column], minlength=n_rows)


@dataclass(frozen=True)
class Part:
    """Unknowns (`columns`), the rows known of them and the needs asked of them, by their places in
    the system; `matrix` and `wanted` hold rows' and needs' coefficients over `columns`."""

    system: System
    columns: Places
    rows: Places
    matrix: Entries
    needs: Places
    wanted: Entries

    @property
    def row_lower(self) -> Floats:
        """Lower ends of the rows."""
        return self.system.rows.lower[self.rows]

    @property
    def row_upper(self) -> Floats:
        """Upper ends of the rows."""
        return self.system.rows.upper[self.rows]

    @property
    def items(self) -> Places:
        """The item each row is known through."""
        return self.system.rows.item[self.rows]

    @property
    def value(self) -> Floats:
        """What each need must reach."""
        return self.system.needs.value[self.needs]

    def lower(self, *, is_told: bool) -> Floats:
        """Lower ends of the unknowns."""
        system, at = self.system, self.columns
        return np.maximum(system.lower[at], system.told_lower[at]) if is_told else system.lower[at]

    def upper(self, *, is_told: bool) -> Floats:
        """Upper ends of the unknowns."""
        system, at = self.system, self.columns
        return np.minimum(system.upper[at], system.told_upper[at]) if is_told else system.upper[at]

    def is_whole(self, values: Floats, tolerance: float) -> bool:
        """Whether all unknowns are whole that must be."""
        counts = values[self.system.is_whole[self.columns]]
        return bool((np.abs(counts - np.rint(counts)) < tolerance).all())


@dataclass(frozen=True)
class Program:
    """What is known while some items are hidden; `asked` are unknowns to find a part of, exactly
    known or not."""

    system: System
    hidden: Bools
    asked: Places | None = None

    @cached_property
    def _active(self) -> Places:
        """Rows that are known."""
        shown = np.append(~self.hidden, True)  # ALWAYS, -1, is the last place
        return np.flatnonzero(shown[self.system.rows.item])

    @cached_property
    def _matrix(self) -> csr_array:
        return csr_array(self.system.rows.matrix[self._active])

    @cached_property
    def _fixed(self) -> Bools:
        """Unknowns of which a single known row says the exact value, and no need asks."""
        rows, matrix = self.system.rows, self._matrix
        single = np.flatnonzero(np.diff(matrix.indptr) == 1)
        exact = single[rows.lower[self._active[single]] == rows.upper[self._active[single]]]
        found = self.system.lower == self.system.upper
        found[matrix.indices[matrix.indptr[exact]]] = True
        found[self.system.needs.matrix.indices] = False
        if self.asked is not None:
            found[self.asked] = False
        return np.asarray(found, dtype=np.bool_)

    @cached_property
    def _part_of(self) -> Places:
        """The part of each unknown; -1 of one that is known exactly."""
        free = np.flatnonzero(~self._fixed)
        tied = vstack([self._matrix[:, free], self.system.needs.matrix[:, free]])
        _, labels = tied_parts(csr_array(tied))
        parts = np.full(self.system.n_unknowns, -1, dtype=np.intp)
        parts[free] = labels
        return parts

    def parts(self, needs: Places) -> Iterator[Part]:
        """The parts that these needs are about, each with its needs."""
        matrix = self.system.needs.matrix
        part = self._part_of[matrix.indices[matrix.indptr[needs]]]
        yield from self._cut(np.unique(part), needs, part)

    def around(self, unknown: int) -> Part:
        """The part one of `asked` lies in."""
        none = np.zeros(0, dtype=np.intp)
        (part,) = self._cut(self._part_of[[unknown]], none, none)
        return part

    def _cut(self, chosen: Places, needs: Places, part_of_need: Places) -> Iterator[Part]:
        """The parts of these numbers (in order)."""
        n_unknowns = self.system.n_unknowns
        row, of_row = self._rows_of(chosen)
        starts, at, entry = _gathered(self._matrix, row)
        key = np.repeat(of_row, np.diff(starts)) * n_unknowns + at
        own = np.flatnonzero(np.isin(self._part_of, chosen))
        keys = np.union1d(key, self._part_of[own] * n_unknowns + own)
        column_ends = np.searchsorted(keys, np.append(chosen, chosen[-1] + 1) * n_unknowns)
        # Where a part's columns begin, by its number.
        first = np.zeros(int(chosen[-1]) + 1, dtype=np.intp)
        first[chosen] = column_ends[:-1]
        local = np.searchsorted(keys, key) - np.repeat(first[of_row], np.diff(starts))
        row_ends = np.searchsorted(of_row, np.append(chosen, chosen[-1] + 1))
        order = np.argsort(part_of_need, kind="stable")
        asked, of_need = needs[order], part_of_need[order]
        need_ends = np.searchsorted(of_need, np.append(chosen, chosen[-1] + 1))
        need_starts, need_at, need_entry = _gathered(self.system.needs.matrix, asked)
        of_entry = np.repeat(of_need, np.diff(need_starts))
        need_local = np.searchsorted(keys, of_entry * n_unknowns + need_at) - first[of_entry]
        for number in range(chosen.size):
            rows = slice(row_ends[number], row_ends[number + 1])
            wanted = slice(need_ends[number], need_ends[number + 1])
            columns = slice(column_ends[number], column_ends[number + 1])
            yield Part(
                self.system,
                keys[columns] - chosen[number] * n_unknowns,
                self._active[row[rows]],
                _slice(starts, local, entry, rows),
                asked[wanted],
                _slice(need_starts, need_local, need_entry, wanted),
            )

    def _rows_of(self, chosen: Places) -> tuple[Places, Places]:
        """Known rows of these parts and the part of each, part by part; those that say the value of
        an exactly known unknown once for every part that it has a row in."""
        matrix, part_of = self._matrix, self._part_of
        lengths = np.diff(matrix.indptr)
        of_row = np.full(lengths.size, -1, dtype=np.intp)
        row = np.repeat(np.arange(lengths.size), lengths)
        np.maximum.at(of_row, row, part_of[matrix.indices])
        rows = np.flatnonzero(np.isin(of_row, chosen))
        starts, at, _ = _gathered(matrix, rows)
        known = part_of[at] < 0
        beside = np.unique(
            np.column_stack([np.repeat(of_row[rows], np.diff(starts))[known], at[known]]), axis=0
        )
        single = np.flatnonzero((lengths == 1) & (of_row < 0))
        column = matrix.indices[matrix.indptr[single]]
        order = np.argsort(column, kind="stable")
        single, column = single[order], column[order]
        low = np.searchsorted(column, beside[:, 1])
        count = np.searchsorted(column, beside[:, 1], side="right") - low
        places = np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())
        all_rows = np.concatenate([rows, single[places]])
        parts = np.concatenate([of_row[rows], np.repeat(beside[:, 0], count)])
        order = np.lexsort((all_rows, parts))
        return all_rows[order].astype(np.intp), parts[order].astype(np.intp)


def _gathered(matrix: csr_array, rows: Places) -> tuple[Places, Places, Floats]:
    """Starts, columns and values of these rows, one after the other."""
    chosen = csr_array(matrix[rows])
    return chosen.indptr.astype(np.intp), chosen.indices.astype(np.intp), chosen.data


def _slice(starts: Places, column: Places, value: Floats, rows: slice) -> Entries:
    own = starts[rows.start : rows.stop + 1]
    ends = slice(own[0], own[-1])
    return Entries(own - own[0], column[ends], value[ends])
