"""Reliability of a scale at one site, from sums over its answers, with intervals.

The figures are those of orchestration/measures/reliability.py (Cronbach's alpha, item-rest
correlation, McDonald's omega); here they come from moments, so that no form has to be held.

Intervals count clients, not forms: a client's forms are alike, and taken as independent they would
give limits that are too narrow. Alpha: Feldt. Omega: delta method on the logit (one_factor.py).
Item-rest correlation: Fisher's z, z +- 1.96 / sqrt(n - 3). Fisher RA (1915). Biometrika 10:507-521.

Loadings of two samples are held against each other by Tucker's coefficient of congruence. Tucker LR
(1951). A method for synthesis of factor analysis studies. Personnel Research Section Report 984;
from .95 on two factors can be taken as equal: Lorenzo-Seva U, ten Berge JMF (2006). Methodology
2:57-64. It describes; invariance is not tested by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from orchestration.measures.arrays import Bools, Floats, MeasureUndefined, Reason
from orchestration.measures.item_moments import ItemMoments
from orchestration.measures.one_factor import FEWEST_ITEMS, one_factor
from orchestration.measures.reliability import cronbach_alpha, feldt_interval, item_reliabilities

Interval = tuple[float, float]

TOO_FEW_FORMS = "too_few_forms"
TOO_FEW_CLIENTS = "too_few_clients"
TOO_FEW_ITEMS = "too_few_items"
DOES_NOT_VARY = "does_not_vary"
NO_FACTOR = "no_factor"
REASONS: tuple[str, ...] = (
    TOO_FEW_FORMS,
    TOO_FEW_CLIENTS,
    TOO_FEW_ITEMS,
    DOES_NOT_VARY,
    NO_FACTOR,
)
"""Why a figure is null: complete forms or clients under the minimum; fewer items that vary than two
(omega: three); the item, the rest or the sum does not vary; one factor could not be fitted."""
_FEWEST_FOR_A_Z = 4


@dataclass(frozen=True)
class SiteItem:
    """One item among the others of its scale. `loading` is standardised, -1 to 1. None has the
    code in `null_reason` beside it."""

    item_rest: float | None
    item_rest_interval: Interval | None
    alpha_if_dropped: float | None
    loading: float | None
    null_reason: str | None

    @property
    def is_pointing_away(self) -> bool:
        """The reverse-key alarm: the item falls where the others rise."""
        return self.item_rest is not None and self.item_rest < 0


@dataclass(frozen=True)
class SiteReliability:
    """Coefficients without a unit, intervals of 95 %, items in the order of the moments.

    `null_reason` is the reason of the first figure of alpha_pairwise, alpha_complete and omega that
    is missing; None where all three stand.
    """

    alpha_pairwise: float | None
    alpha_complete: float | None
    alpha_interval: Interval | None
    omega: float | None
    omega_interval: Interval | None
    items: tuple[SiteItem, ...]
    null_reason: str | None


def site_reliability(
    moments: ItemMoments,
    cell: int,
    n_clients: int,
    *,
    minimum_forms: int,
    minimum_clients: int = 0,
    with_omega: bool = True,
) -> SiteReliability:
    """Reliability of one cell of `moments`; `n_clients` have complete forms in it.

    Items that do not vary are left out of every figure of the others, as in scale_reliability.
    `with_omega=False` fits no factor, for a caller that asks for the items alone.
    """
    n_items = moments.n_both.shape[1]
    n_complete = int(moments.n_complete[cell])
    if n_complete < minimum_forms or n_clients < max(minimum_clients, 2):
        reason = TOO_FEW_FORMS if n_complete < minimum_forms else TOO_FEW_CLIENTS
        nothing = SiteItem(None, None, None, None, reason)
        return SiteReliability(None, None, None, None, None, (nothing,) * n_items, reason)
    pairwise, whole = moments.covariance(cell), moments.complete_covariance(cell)
    varies = np.diag(whole) > 0
    pairwise, whole = (matrix[np.ix_(varies, varies)] for matrix in (pairwise, whole))
    reasons: list[str] = []
    alpha_pairwise = _alpha(pairwise, reasons)
    alpha_complete = _alpha(whole, reasons)
    interval = None
    if alpha_complete is not None:
        interval = feldt_interval(alpha_complete, n_clients, int(varies.sum()))
    omega, omega_interval, loadings = None, None, None
    if with_omega:
        omega, omega_interval, loadings = _factor(whole, n_clients, reasons)
    return SiteReliability(
        alpha_pairwise=alpha_pairwise,
        alpha_complete=alpha_complete,
        alpha_interval=interval,
        omega=omega,
        omega_interval=omega_interval,
        items=_items(pairwise, varies, loadings, n_clients),
        null_reason=reasons[0] if reasons else None,
    )


def fisher_interval(r: float, n: int, level: float = 0.95) -> Interval | None:
    """Limits of a correlation of `n` persons; None for fewer than four or a correlation of 1."""
    if n < _FEWEST_FOR_A_Z or abs(r) >= 1:
        return None
    margin = float(norm.ppf((1 + level) / 2)) / (n - 3) ** 0.5
    z = float(np.arctanh(r))
    return float(np.tanh(z - margin)), float(np.tanh(z + margin))


def congruence(one: Floats, other: Floats) -> float:
    """Tucker's coefficient of two columns of loadings on the same items, -1 to 1.

    Raises MeasureUndefined where one of them is all zero.
    """
    lengths = float(np.sqrt((one @ one) * (other @ other)))
    if lengths <= 0:
        raise MeasureUndefined("no item loads")
    return float(one @ other) / lengths


def congruences_with_the_others(moments: ItemMoments, cells: Sequence[int]) -> list[float | None]:
    """Of each cell the congruence of its loadings with those of all the other cells together.

    The others' covariance is pooled within cells, so that differences between their means are no
    part of it; a cell is no part of what it is held against. Loadings are standardised. None where
    a factor cannot be fitted on either side, or an item does not vary there.
    """
    whole = np.array([moments.complete_covariance(cell) for cell in cells])
    freedom = np.array([int(moments.n_complete[cell]) - 1 for cell in cells], dtype=np.float64)
    weighted = whole * freedom[:, np.newaxis, np.newaxis]
    found: list[float | None] = []
    for place in range(len(cells)):
        others = np.delete(weighted, place, axis=0).sum(axis=0)
        try:
            pooled = others / np.delete(freedom, place).sum()
            found.append(congruence(_loadings(whole[place]), _loadings(pooled)))
        except MeasureUndefined:
            found.append(None)
    return found


def _loadings(covariance: Floats) -> Floats:
    variances = np.diag(covariance)
    if not (variances > 0).all():
        raise MeasureUndefined("an item does not vary")
    return np.asarray(one_factor(covariance).loadings / np.sqrt(variances))


def _alpha(covariance: Floats, reasons: list[str]) -> float | None:
    try:
        return cronbach_alpha(covariance)
    except MeasureUndefined:
        reasons.append(TOO_FEW_ITEMS if covariance.shape[0] < 2 else DOES_NOT_VARY)
        return None


def _factor(
    covariance: Floats, n_clients: int, reasons: list[str]
) -> tuple[float | None, Interval | None, Floats | None]:
    """Omega, its interval and the standardised loadings: all three or none."""
    try:
        factor = one_factor(covariance)
        interval = factor.omega_interval(n_clients)
    except MeasureUndefined:
        reasons.append(TOO_FEW_ITEMS if covariance.shape[0] < FEWEST_ITEMS else NO_FACTOR)
        return None, None, None
    return factor.omega, interval, factor.loadings / np.sqrt(np.diag(covariance))


def _items(
    pairwise: Floats, varies: Bools, loadings: Floats | None, n_clients: int
) -> tuple[SiteItem, ...]:
    said: list[Reason] = []
    places = np.cumsum(varies) - 1
    found: list[SiteItem] = []
    for number, item in enumerate(item_reliabilities(pairwise, varies, said)):
        r = item.item_rest
        found.append(
            SiteItem(
                item_rest=r,
                item_rest_interval=None if r is None else fisher_interval(r, n_clients),
                alpha_if_dropped=item.alpha_if_dropped,
                loading=float(loadings[places[number]])
                if loadings is not None and varies[number]
                else None,
                null_reason=None
                if r is not None
                else (TOO_FEW_ITEMS if varies[number] and varies.sum() < 2 else DOES_NOT_VARY),
            )
        )
    return tuple(found)
