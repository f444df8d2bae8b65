"""Array types and the one idiom of unequal runs that every step here shares."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EPOCH_DAY = np.datetime64("1970-01-01", "D")
NEVER = np.iinfo(np.int64).max
"""A day that does not come: later than any window."""


def positions(lengths: Ints) -> Ints:
    """0, 1, ... within each run: lengths [2, 3] give 0 1 0 1 2."""
    total = int(lengths.sum())
    starts = np.cumsum(lengths) - lengths
    return np.arange(total, dtype=np.int64) - np.repeat(starts, lengths)


def running(values: Ints, run: Ints) -> Ints:
    """Cumulative sums that begin anew with each run; `run` numbers the runs and is sorted."""
    if not len(values):
        return values
    total = np.cumsum(values)
    is_first = np.r_[True, run[1:] != run[:-1]]
    before = (total - values)[is_first]
    return np.asarray(total - before[np.cumsum(is_first) - 1], dtype=np.int64)


def chance(logits: Floats) -> Floats:
    """Logits as probabilities."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -40, 40)))


def mean_by(values: Floats, groups: Ints, n_groups: int) -> Floats:
    """Mean of the values of each group; nan for a group without any."""
    counts = np.bincount(groups, minlength=n_groups).astype(np.float64)
    sums = np.bincount(groups, weights=values, minlength=n_groups)
    means = np.full(n_groups, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
