"""Internal consistency of a scale from the answers to its items.

Alpha, alpha without an item and the item-rest correlation follow the R package psych (`alpha`:
raw_alpha, r.drop; Revelle): covariances from the persons who answered both items, an item that does
not vary is left out and named. Cronbach LJ (1951). Psychometrika 16:297-334.

Interval of alpha: Feldt LS, Woodruff DJ, Salih FA (1987). Statistical inference for coefficient
alpha. Appl Psychol Meas 11:93-103, formula 6; it holds for complete answers, so it stands around
`alpha_complete`.

Omega is McDonald's omega total of one factor by maximum likelihood on the covariances of the
complete answers, hence of the plain sum (orchestration/measures/one_factor.py).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as fisher

from orchestration.measures.arrays import Floats, MeasureUndefined, Reason, pairwise_covariance
from orchestration.measures.one_factor import one_factor

FEWEST_ITEMS = 2


@dataclass(frozen=True)
class ItemReliability:
    """`item_rest`: correlation with the sum of the other items. None has a Reason beside it."""

    item_rest: float | None
    alpha_if_dropped: float | None


@dataclass(frozen=True)
class Reliability:
    """Coefficients without a unit; None has a Reason in `reasons`, never 0 in its stead.

    `alpha_interval`: 95 %, lower and upper. `n` persons answered an item at least, `n_complete`
    every item that varies. `items` in the order of the answers' columns.
    """

    alpha_pairwise: float | None
    alpha_complete: float | None
    alpha_interval: tuple[float, float] | None
    omega: float | None
    items: tuple[ItemReliability, ...]
    n: int
    n_complete: int
    reasons: tuple[Reason, ...]


def scale_reliability(answers: Floats) -> Reliability:
    """Reliability of the sum of `answers`: persons by items, reversals done, NaN unanswered."""
    reasons: list[Reason] = []
    answered = ~np.isnan(answers)
    varies = _varies(answers)
    for place in np.flatnonzero(~varies).tolist():
        text = "all answers are equal, or there are fewer than two; left out of every figure"
        reasons.append(Reason("item", text, place))
    kept = answers[:, varies]
    covariance = pairwise_covariance(kept)
    complete = kept[~np.isnan(kept).any(axis=1)]

    alpha_pairwise = _or_reason("alpha_pairwise", covariance, reasons)
    alpha_complete = None
    if complete.shape[0] < 2:
        text = f"needs 2 persons who answered every item, found {complete.shape[0]}"
        reasons.extend(Reason(name, text) for name in ("alpha_complete", "alpha_interval", "omega"))
        omega, interval = None, None
    else:
        full = pairwise_covariance(complete)
        alpha_complete = _or_reason("alpha_complete", full, reasons)
        interval = None
        if alpha_complete is None:
            reasons.append(Reason("alpha_interval", "there is no alpha_complete"))
        else:
            interval = feldt_interval(alpha_complete, complete.shape[0], complete.shape[1])
        omega = _omega(full, reasons)
    return Reliability(
        alpha_pairwise=alpha_pairwise,
        alpha_complete=alpha_complete,
        alpha_interval=interval,
        omega=omega,
        items=item_reliabilities(covariance, varies, reasons),
        n=int(answered.any(axis=1).sum()),
        n_complete=complete.shape[0],
        reasons=tuple(reasons),
    )


def cronbach_alpha(covariance: Floats) -> float:
    """k / (k - 1) (1 - trace / sum) of the items' covariances.

    Raises MeasureUndefined for fewer than two items, a covariance missing (too few persons answered
    both items) or a sum that does not vary.
    """
    k = covariance.shape[0]
    if k < FEWEST_ITEMS:
        raise MeasureUndefined(f"needs {FEWEST_ITEMS} items that vary, found {k}")
    if np.isnan(covariance).any():
        raise MeasureUndefined("two items were answered together by fewer than 2 persons")
    total, own = float(covariance.sum()), float(np.trace(covariance))
    if total <= 1e-12 * own:
        raise MeasureUndefined("the sum of the items does not vary: items may need reversing")
    # Items that say the same give 1, and with the last digit's rounding a little more.
    return min(float(k / (k - 1) * (1 - own / total)), 1.0)


def feldt_interval(
    alpha: float, n_persons: int, n_items: int, level: float = 0.95
) -> tuple[float, float]:
    """Limits of alpha: 1 - (1 - alpha) F with n - 1 and (n - 1)(k - 1) degrees of freedom."""
    tail = (1 - level) / 2
    freedom = (n_persons - 1, (n_persons - 1) * (n_items - 1))
    lower = 1 - (1 - alpha) * float(fisher.ppf(1 - tail, *freedom))
    upper = 1 - (1 - alpha) * float(fisher.ppf(tail, *freedom))
    return lower, upper


def _varies(answers: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    has = ~np.isnan(answers)
    highest = np.where(has, answers, -np.inf).max(axis=0, initial=-np.inf)
    lowest = np.where(has, answers, np.inf).min(axis=0, initial=np.inf)
    return np.asarray(highest > lowest)


def _or_reason(figure: str, covariance: Floats, reasons: list[Reason]) -> float | None:
    try:
        return cronbach_alpha(covariance)
    except MeasureUndefined as undefined:
        reasons.append(Reason(figure, str(undefined)))
        return None


def _omega(covariance: Floats, reasons: list[Reason]) -> float | None:
    try:
        # An item may vary among all persons and not among those who answered everything.
        if np.diag(covariance).min(initial=np.inf) <= 0:
            raise MeasureUndefined("an item does not vary among the complete answers")
        return one_factor(covariance).omega
    except MeasureUndefined as undefined:
        reasons.append(Reason("omega", str(undefined)))
        return None


def item_reliabilities(
    covariance: Floats,
    varies: np.ndarray[tuple[int], np.dtype[np.bool_]],
    reasons: list[Reason],
) -> tuple[ItemReliability, ...]:
    """Of every item in `varies`, from the covariances of those that do; `reasons` is added to."""
    found: list[ItemReliability] = []
    places = np.flatnonzero(varies).tolist()
    for place in range(varies.size):
        if place not in places:
            found.append(ItemReliability(None, None))
            continue
        here = places.index(place)
        others = np.delete(np.delete(covariance, here, axis=0), here, axis=1)
        item_rest = None
        if np.isnan(covariance).any():
            text = "two items were answered together by fewer than 2 persons"
            reasons.append(Reason("item_rest", text, place))
        elif not others.size or others.sum() <= 1e-12 * np.trace(others):
            reasons.append(Reason("item_rest", "the sum of the other items does not vary", place))
        else:
            together = float(covariance[here].sum() - covariance[here, here])
            item_rest = together / float(np.sqrt(covariance[here, here] * others.sum()))
            item_rest = min(max(item_rest, -1.0), 1.0)
            if item_rest < 0:
                text = "below zero: the item may need reversing (reverse-key alarm)"
                reasons.append(Reason("item_rest", text, place))
        try:
            dropped = cronbach_alpha(others)
        except MeasureUndefined as undefined:
            dropped = None
            reasons.append(Reason("alpha_if_dropped", str(undefined), place))
        found.append(ItemReliability(item_rest, dropped))
    return tuple(found)
