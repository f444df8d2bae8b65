"""The largest group's part of a mixed model, summed up once for all its evaluations.

A label's weight depends on its number of rows alone, and of those there are few different ones:
what the labels with as many rows are linked to is added up beforehand, and then no label is touched
again.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from orchestration.measures.arrays import Floats, Ints
from orchestration.measures.elimination_order import meeting

_MOST_SUMMED = 60_000_000
"""Numbers kept (half a gigabyte); beyond, no sums are kept."""


@dataclass(frozen=True)
class SummedByCount:
    """What the first group's labels are linked to, summed over the labels with as many rows.

    `n_rows` is each different number of rows, `n_labels` how many labels have it; `products` has
    the entries of `pattern` for each.
    """

    n_rows: Floats
    n_labels: Floats
    pattern: sparse.csr_array
    products: Floats
    cross: Floats
    fixed: Floats

    @classmethod
    def of(cls, gram: sparse.csr_array, cross: Floats, size: int) -> "SummedByCount | None":
        """The sums, or None where they would need more than _MOST_SUMMED numbers."""
        counts = gram.diagonal()[:size]
        n_rows, which, n_labels = np.unique(counts, return_inverse=True, return_counts=True)
        links = gram[:size, size:]
        rest = links.shape[1]
        pattern = meeting(links, links)
        pattern.sort_indices()
        if n_rows.size * pattern.nnz > _MOST_SUMMED:
            return None
        places = _keys(pattern)
        products = np.zeros((n_rows.size, pattern.nnz))
        of_links = np.zeros((n_rows.size, rest, cross.shape[1]))
        of_fixed = np.zeros((n_rows.size, cross.shape[1], cross.shape[1]))
        for count in range(n_rows.size):
            labels = np.flatnonzero(which == count)
            some, own = sparse.csr_array(links[labels]), cross[labels]
            met = meeting(some, some)
            products[count, np.searchsorted(places, _keys(met))] = met.data
            of_links[count] = some.T @ own
            of_fixed[count] = own.T @ own
        whole = np.zeros(pattern.nnz)
        base = sparse.csr_array(gram[size:, size:])
        whole[np.searchsorted(places, _keys(base))] = base.data
        pattern.data = whole
        return cls(n_rows, n_labels.astype(np.float64), pattern, products, of_links, of_fixed)

    def gram(self, weight: Floats) -> sparse.csr_array:
        """What is left of the cross products at a weight for each number of rows."""
        data = self.pattern.data - weight @ self.products
        return sparse.csr_array(
            (data, self.pattern.indices, self.pattern.indptr), shape=self.pattern.shape
        )


def _keys(array: sparse.csr_array) -> Ints:
    """One number for the row and column of every stored entry."""
    rows = np.repeat(np.arange(array.shape[0]), np.diff(array.indptr))
    return np.asarray(rows * array.shape[1] + array.indices, dtype=np.int64)
