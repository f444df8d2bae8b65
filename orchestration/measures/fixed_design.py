"""The fixed part of a model: a mean, numbers as they are, words against their first one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Bools, Floats, Ints

_ALIASED = 1e-7
"""Of a column's length: what is left of it beside the columns before it (as R's lm)."""


@dataclass(frozen=True)
class Words:
    """A covariate of categories: a code per row from 0, below 0 where missing, and their names."""

    codes: Ints
    names: Sequence[str]


@dataclass(frozen=True)
class FixedDesign:
    """`matrix` is rows by columns, NaN where a covariate is missing; `names` of the columns."""

    matrix: Floats
    names: tuple[str, ...]


def fixed_design(n_rows: int, covariates: Mapping[str, Floats | Words]) -> FixedDesign:
    """Columns for a mean and the covariates.

    Categories are treatment coded: a column for each but the first that occurs, named `covariate:
    category`, its coefficient the difference from that first one.
    """
    columns: list[Floats] = [np.ones(n_rows)]
    names = ["intercept"]
    for name, covariate in covariates.items():
        if not isinstance(covariate, Words):
            columns.append(np.asarray(covariate, dtype=np.float64))
            names.append(name)
            continue
        is_missing = covariate.codes < 0
        for code in np.unique(covariate.codes[~is_missing])[1:].tolist():
            columns.append(
                np.where(is_missing, np.nan, (covariate.codes == code).astype(np.float64))
            )
            names.append(f"{name}: {covariate.names[code]}")
    return FixedDesign(np.column_stack(columns), tuple(names))


def independent_columns(matrix: Floats) -> Bools:
    """Which columns of a matrix without gaps are not determined by those before them."""
    length = np.sqrt((matrix**2).sum(axis=0))
    scaled = matrix / np.where(length > 0, length, 1.0)
    triangle = np.asarray(np.linalg.qr(scaled, mode="r"))
    # More columns than rows: the last ones have no place of their own in the triangle.
    own = np.zeros(matrix.shape[1])
    own[: min(triangle.shape)] = np.abs(np.diagonal(triangle))
    return np.asarray(own > _ALIASED, dtype=np.bool_)
