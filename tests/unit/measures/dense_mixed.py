"""A mixed model with its whole covariance matrix written out: shares no code with the real one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Dense:
    """At given relative covariances: REML criterion, sigma2, coefficients, their covariance."""

    criterion: float
    residual: float
    fixed: Floats
    fixed_covariance: Floats
    effects: list[Floats]
    variances: list[Floats]


def dense_fit(y: Floats, x: Floats, designs: list[Floats], relative: list[Floats]) -> Dense:
    """`designs` are Z of each group, `relative` the covariance of its effects over sigma2.

    V = I + sum Z G Z'; beta by generalised least squares; effects G Z' V^-1 (y - X beta); their
    variance given beta sigma2 (G - G Z' V^-1 Z G); criterion log|V| + log|X'V^-1 X| +
    (n - p)(1 + log(2 pi sigma2)) (Searle, Casella & McCulloch 1992, Variance components, ch. 6-7).
    """
    n, p = x.shape
    v = np.eye(n)
    for z, g in zip(designs, relative, strict=True):
        v = v + z @ g @ z.T
    inverse = np.linalg.inv(v)
    information = x.T @ inverse @ x
    beta = np.linalg.solve(information, x.T @ inverse @ y)
    left = y - x @ beta
    residual = float(left @ inverse @ left) / (n - p)
    return Dense(
        float(
            np.linalg.slogdet(v)[1]
            + np.linalg.slogdet(information)[1]
            + (n - p) * (1 + np.log(2 * np.pi * residual))
        ),
        residual,
        np.asarray(beta, dtype=np.float64),
        np.asarray(residual * np.linalg.inv(information), dtype=np.float64),
        [g @ z.T @ inverse @ left for z, g in zip(designs, relative, strict=True)],
        [
            residual * np.diag(g - g @ z.T @ inverse @ z @ g)
            for z, g in zip(designs, relative, strict=True)
        ],
    )


def indicators(codes: Ints) -> Floats:
    """One column for each code from 0."""
    return np.asarray(codes[:, None] == np.arange(codes.max() + 1), dtype=np.float64)
