"""Sums over the answers to items that can be added up: slices of forms, sites, whole practices.

Covariances follow from counts, sums and sums of products alone, so ten million answers are read in
slices and nothing of a form is kept. Answers are whole thousandths above the item's lowest answer:
sums of whole numbers below 2^53 are exact in floating point, so neither the order of the forms nor
where the slices are cut changes a figure by a bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Floats, Ints

THOUSANDTHS = 1000
"""Stored answers have three decimals."""


@dataclass(frozen=True)
class ItemMoments:
    """Of k items over the forms of each cell; the first axis is the cell.

    Over the forms that have both items: `n_both`, `sums` (of the first item), `products`, each
    cells x k x k. Over the forms that have all k: `n_complete` (cells), `complete_sums`
    (cells x k), `complete_products` (cells x k x k). Sums are thousandths of a point, products
    millionths.
    """

    n_both: Ints
    sums: Ints
    products: Ints
    n_complete: Ints
    complete_sums: Ints
    complete_products: Ints

    @classmethod
    def none(cls, n_cells: int, n_items: int) -> "ItemMoments":
        """The moments of no form."""
        square, line = (n_cells, n_items, n_items), (n_cells, n_items)
        shapes: Sequence[tuple[int, ...]] = (square, square, square, (n_cells,), line, square)
        return cls(*(np.zeros(shape, dtype=np.int64) for shape in shapes))

    @classmethod
    def of(cls, answers: Floats, cell: Ints, n_cells: int) -> "ItemMoments":
        """Of `answers`, forms by items, NaN unanswered; `cell` is each form's, from 0."""
        found = cls.none(n_cells, answers.shape[1])
        order = np.argsort(cell, kind="stable")
        has = ~np.isnan(answers[order])
        values = np.where(has, answers[order], 0.0)
        weights = has.astype(np.float64)
        is_complete = np.asarray(has.all(axis=1))
        first = np.searchsorted(cell[order], np.arange(n_cells + 1))
        for number in np.flatnonzero(np.diff(first)).tolist():
            rows = slice(first[number], first[number + 1])
            some, given, complete = values[rows], weights[rows], is_complete[rows]
            found.n_both[number] = given.T @ given
            found.sums[number] = some.T @ given
            found.products[number] = some.T @ some
            found.n_complete[number] = complete.sum()
            whole = some if complete.all() else some[complete]
            found.complete_sums[number] = whole.sum(axis=0)
            found.complete_products[number] = (
                found.products[number] if complete.all() else whole.T @ whole
            )
        return found

    def __add__(self, other: "ItemMoments") -> "ItemMoments":
        return ItemMoments(
            self.n_both + other.n_both,
            self.sums + other.sums,
            self.products + other.products,
            self.n_complete + other.n_complete,
            self.complete_sums + other.complete_sums,
            self.complete_products + other.complete_products,
        )

    def summed(self, cells: Sequence[int] | Ints) -> "ItemMoments":
        """Of these cells together, as one."""
        chosen = np.asarray(cells, dtype=np.int64)
        return ItemMoments(
            *(
                moment[chosen].sum(axis=0, keepdims=True)
                for moment in (
                    self.n_both,
                    self.sums,
                    self.products,
                    self.n_complete,
                    self.complete_sums,
                    self.complete_products,
                )
            )
        )

    def covariance(self, cell: int) -> Floats:
        """Pairwise covariances, points squared, n - 1 below; NaN where fewer than two forms have
        both items. Zero variance is exactly zero."""
        sums = self.sums[cell]
        return _covariance(self.n_both[cell], sums, sums.T, self.products[cell])

    def complete_covariance(self, cell: int) -> Floats:
        """Covariances of the complete forms, points squared; NaN for fewer than two."""
        sums = self.complete_sums[cell][:, np.newaxis]
        n = np.full(self.n_both[cell].shape, self.n_complete[cell])
        return _covariance(n, sums, sums.T, self.complete_products[cell])


def _covariance(n: Ints, left: Ints, right: Ints, products: Ints) -> Floats:
    at_least_one = np.maximum(n, 1)
    # Moved to whole numbers near the means: what is subtracted below is then no longer large.
    one, other = left // at_least_one, right // at_least_one
    rest = products - one * right - other * left + n * one * other
    off_left, off_right = left - n * one, right - n * other
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (rest - off_left.astype(np.float64) * off_right / n) / (n - 1)
    return np.where(n >= 2, found / THOUSANDTHS**2, np.nan)
