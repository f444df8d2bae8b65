"""Each group's share of all variance (the intraclass correlation), with an interval.

Share of group k: theta_k2 / (1 + sum theta2). Its interval is symmetric on the logit: with eta =
log theta2, the covariance of eta is twice the inverse of the criterion's second derivatives, the
residual variance being profiled out (Pawitan Y 2001, In all likelihood, section 3.4), and the logit
of a share is a function of eta (delta method). It never leaves 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Floats, Ints, Reason
from orchestration.measures.variance_search import Criterion

_NORMAL_95 = 1.959964
_STEP = 0.05
"""Of eta: 5 % of a variance. Wide enough for a criterion of millions to lose no digits."""


@dataclass(frozen=True)
class Share:
    """0 to 1; the limits are None where the data give none, and a Reason stands with it."""

    value: float
    lower95: float | None
    upper95: float | None


def variance_shares(
    criterion: Criterion, theta: Floats, names: Sequence[str]
) -> tuple[tuple[Share, ...], Share, tuple[Reason, ...]]:
    """Shares of the groups, of the residual, and why an interval is missing.

    `theta` is the best point of `criterion`, `names` the groups'.
    """
    squared = theta**2
    whole = 1.0 + float(squared.sum())
    reasons = [
        Reason(name, "no variance was found: its share has no interval")
        for name, one in zip(names, squared, strict=True)
        if one == 0
    ]
    free = np.flatnonzero(squared)
    spread = _spread(criterion, theta, free)
    if spread is None:
        reasons.append(Reason("shares", "the likelihood is too flat for intervals of the shares"))

    def share(value: float, slope: Floats) -> Share:
        if spread is None or not free.size or not 0 < value < 1:
            return Share(value, None, None)
        reach = _NORMAL_95 * float(np.sqrt(slope @ spread @ slope))
        middle = np.log(value / (1 - value))
        low, high = 1 / (1 + np.exp(reach - middle)), 1 / (1 + np.exp(-reach - middle))
        return Share(value, float(low), float(high))

    found: list[Share] = []
    for place, own in enumerate(squared.tolist()):
        slope = -squared[free] / (whole - own)
        slope[free == place] = 1.0
        found.append(share(own / whole, slope))
    total = max(float(squared.sum()), 1e-300)
    residual = share(1.0 / whole, -squared[free] / total)
    return tuple(found), residual, tuple(reasons)


def _spread(criterion: Criterion, theta: Floats, free: Ints) -> Floats | None:
    """Covariance of log theta2 of the groups that have a variance; None where it is none."""
    n = free.size

    def height(*steps: tuple[int, int]) -> float:
        moved = theta.copy()
        for place, sign in steps:
            moved[free[place]] *= np.exp(sign * _STEP / 2)
        return criterion(moved)

    curve = np.zeros((n, n))
    middle = criterion(theta)
    for one in range(n):
        curve[one, one] = height((one, 1)) + height((one, -1)) - 2 * middle
        for other in range(one):
            corners = [a * b * height((one, a), (other, b)) for a in (-1, 1) for b in (-1, 1)]
            curve[one, other] = curve[other, one] = sum(corners) / 4
    curve /= _STEP**2
    if n and np.linalg.eigvalsh(curve).min() <= 1e-9 * np.abs(curve).max():
        return None
    return np.asarray(2 * np.linalg.inv(curve)) if n else np.zeros((0, 0))
