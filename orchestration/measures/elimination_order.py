"""In which order groups leave a mixed model's equations, and which of them must stay together.

A group whose labels never meet is a diagonal and goes label by label. Two labels of a group meet
when a label that went before was linked to both: two therapists meet in a client who saw both.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from orchestration.measures.arrays import Ints, MeasureUndefined

MOST_CROSSED = 8_000
"""Labels that may meet crosswise, the largest group apart: their square must fit into memory."""


def elimination_order(codes: Sequence[Ints], sizes: Sequence[int]) -> tuple[list[int], int]:
    """Groups in the order they are dealt with, and how many of them are eliminated alone.

    The one with most labels first; then again the one with most labels of those that are still a
    diagonal. Raises MeasureUndefined when more than MOST_CROSSED labels are left together.
    """
    left = sorted(range(len(codes)), key=lambda group: -sizes[group])
    order: list[int] = [left.pop(0)]
    links = {
        group: _links(codes[order[0]], codes[group], sizes[order[0]], sizes[group])
        for group in left
    }
    meets = {group: meeting(links[group], links[group]) for group in left}
    while left:
        alone = [group for group in left if meets[group].nnz == sizes[group]]
        if not alone:
            break
        chosen = alone[0]
        left.remove(chosen)
        order.append(chosen)
        # Rows say it all: whatever went before had one label of the chosen in all its rows.
        own = {
            group: _links(codes[chosen], codes[group], sizes[chosen], sizes[group])
            for group in left
        }
        meets = {
            group: sparse.csr_array(meets[group] + meeting(own[group], own[group]))
            for group in left
        }
    n_alone = len(order)
    order += left
    n_joint = sum(sizes[group] for group in left)
    if n_joint > MOST_CROSSED:
        raise MeasureUndefined(
            f"{n_joint} labels of crossed groups meet; {MOST_CROSSED} at most can be told apart "
            "together: leave a group out, or take fewer sites"
        )
    return order, n_alone


def _links(one: Ints, other: Ints, n_one: int, n_other: int) -> sparse.csr_array:
    pairs = np.unique(one.astype(np.int64) * n_other + other)
    return sparse.csr_array(
        (np.ones(pairs.size), (pairs // n_other, pairs % n_other)), shape=(n_one, n_other)
    )


def meeting(one: sparse.csr_array, other: sparse.csr_array) -> sparse.csr_array:
    """Sums over the rows of both of what their columns share."""
    return sparse.csr_array(one.T @ other)
