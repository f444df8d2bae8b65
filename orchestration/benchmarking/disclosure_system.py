"""What is published, as linear inequalities: the one form that attack and suppression share.

Unknowns are counts (clients, forms, therapists) and sums of scores. Some rows hold whatever is
hidden (parts add up to their total, a client has at least one form); others hold only where an item
is shown (its count, rounded; its mean). An item is what can be shown or hidden as one: a cell of a
published table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array
from scipy.sparse.csgraph import connected_components

from orchestration.measures.arrays import Bools, Floats

Places = NDArray[np.intp]
ALWAYS = -1
"""In place of an item: the row is known whatever is hidden."""
FREE = np.inf


@dataclass(frozen=True)
class Rows:
    """Rows over the unknowns, `lower <= matrix @ x <= upper`, each known through one item."""

    matrix: csr_array
    lower: Floats
    upper: Floats
    item: Places


@dataclass(frozen=True)
class Needs:
    """What must stay possible: some x allowed by all that is known has `matrix @ x >= value`.

    `item` is the one that the need protects. `is_told` marks those that must hold even before an
    attacker who is told which counts are small and which are not.
    """

    matrix: csr_array
    value: Floats
    item: Places
    is_told: Bools


@dataclass(frozen=True)
class System:
    """An attacker's knowledge and what he must not be able to work out.

    `lower` to `upper` hold for each unknown in any case; `told_lower` to `told_upper` are what he
    is told besides in the second setting. `weight` is the information an item holds.
    `must_hide` are items that the primary rule hides; `is_standing` items stay as they are shown,
    having been published before.
    """

    lower: Floats
    upper: Floats
    told_lower: Floats
    told_upper: Floats
    is_whole: Bools
    rows: Rows
    needs: Needs
    weight: Floats
    must_hide: Bools
    is_standing: Bools

    @property
    def n_unknowns(self) -> int:
        """Counts and sums together."""
        return int(self.lower.size)

    @property
    def n_items(self) -> int:
        """What can be shown or hidden."""
        return int(self.weight.size)


@dataclass
class RowSet:
    """Collects rows given as arrays; `add` takes many at once. `same` has an unknown's number in
    the matrix in the place of its number in `add`."""

    same: Places | None = None
    _row: list[Places] = field(default_factory=list)
    _column: list[Places] = field(default_factory=list)
    _value: list[Floats] = field(default_factory=list)
    _lower: list[Floats] = field(default_factory=list)
    _upper: list[Floats] = field(default_factory=list)
    _item: list[Places] = field(default_factory=list)
    n_rows: int = 0

    def add(
        self,
        terms: Iterable[tuple[Places, Places, Floats | float]],
        lower: Floats,
        upper: Floats,
        item: Places | int = ALWAYS,
    ) -> None:
        """Add `lower.size` rows; a term says row (from 0 here), unknown and coefficient."""
        n_new = int(lower.size)
        for row, column, value in terms:
            self._row.append(np.asarray(row, dtype=np.intp) + self.n_rows)
            own = np.asarray(column, dtype=np.intp)
            self._column.append(own if self.same is None else self.same[own])
            self._value.append(np.broadcast_to(np.asarray(value, dtype=np.float64), row.shape))
        self._lower.append(np.asarray(lower, dtype=np.float64))
        self._upper.append(np.asarray(upper, dtype=np.float64))
        self._item.append(np.broadcast_to(np.asarray(item, dtype=np.intp), (n_new,)))
        self.n_rows += n_new

    def matrix(self, n_unknowns: int) -> csr_array:
        """Coefficients, rows by unknowns."""
        found = csr_array(
            (_joined(self._value), (_whole(self._row), _whole(self._column))),
            shape=(self.n_rows, n_unknowns),
        )
        found.eliminate_zeros()
        return found

    def rows(self, n_unknowns: int) -> Rows:
        """All rows so far."""
        return Rows(
            self.matrix(n_unknowns),
            _joined(self._lower),
            _joined(self._upper),
            _whole(self._item),
        )

    def lower(self) -> Floats:
        """Lower ends of all rows so far."""
        return _joined(self._lower)

    def items(self) -> Places:
        """Items of all rows so far."""
        return _whole(self._item)


def blocks(parts: Sequence[Sequence[Any]]) -> csr_array:
    """A matrix of matrices, None standing for zeros."""
    return csr_array(block_array(parts))


def tied_parts(matrix: csr_array) -> tuple[Places, Places]:
    """The independent part of each row and of each column, numbered from 0."""
    _, labels = connected_components(blocks([[None, abs(matrix)], [abs(matrix).T, None]]), False)
    whole: Places = labels.astype(np.intp)
    return whole[: matrix.shape[0]], whole[matrix.shape[0] :]


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)


def _whole(parts: Sequence[Places]) -> Places:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp)
