"""What the measures share: which way is better, and why a figure could not be given."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Better = Literal["lower", "higher"]


class MeasureUndefined(ValueError):
    """These data do not carry the measure at all; the message says what is missing."""


@dataclass(frozen=True)
class Reason:
    """Why `figure` is null, or is to be read with care.

    `place` is the item (reliability) or row (careless responding) it is about, counted from 0, or
    None when it is about all of them.
    """

    figure: str
    text: str
    place: int | None = None


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error and 95 % interval."""

    value: float
    standard_error: float
    lower95: float
    upper95: float

    @classmethod
    def of(cls, value: float, standard_error: float, freedom: int) -> "Estimate":
        """The interval is Student's with `freedom` degrees of freedom."""
        # Not by scipy.stats: every night imports this, and that alone takes half a second.
        reach = float(stdtrit(freedom, 0.975)) * standard_error
        return cls(value, standard_error, value - reach, value + reach)


def reversed_items(answers: Floats, is_reversed: Bools, minimum: float, maximum: float) -> Floats:
    """Answers with the reversed items turned round: minimum + maximum - answer.

    `answers` is persons by items, NaN where unanswered; `is_reversed` has one entry per item.
    Doing it twice gives the answers back.
    """
    return np.where(is_reversed[np.newaxis, :], minimum + maximum - answers, answers)


def pairwise_covariance(answers: Floats) -> Floats:
    """Covariances of the items (columns), each from the rows that have both; n - 1 below.

    NaN where fewer than two rows have both. The same as R's cov(x, use = "pairwise").
    """
    has = ~np.isnan(answers)
    n_answers = has.sum(axis=0)
    centre = np.where(has, answers, 0.0).sum(axis=0) / np.maximum(n_answers, 1)
    # Moving the origin changes no covariance, and keeps the sums below small.
    moved = np.where(has, answers - centre, 0.0)
    weight = has.astype(np.float64)
    n_both = weight.T @ weight
    sums = moved.T @ weight
    products = moved.T @ moved
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (products - sums * sums.T / n_both) / (n_both - 1)
    return np.where(n_both >= 2, found, np.nan)
