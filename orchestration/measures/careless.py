"""Signs of careless responding within one form, after the R package careless.

Yentes RD, Wilhelm F (2023). careless: procedures for computing indices of careless responding. R
package 1.2.2. Longstring and even-odd: Johnson JA (2005). J Res Pers 39:103-129. IRV: Dunn AM,
Heggestad ED, Shanock LR, Theilgard N (2018). J Bus Psychol 33:105-121. Mahalanobis distance: Meade
AW, Craig SB (2012). Psychol Methods 17:437-455; missing answers as psych's `outlier` treats them.

The flag is ours. On alliance questionnaires one and the same top answer is usual and no sign of
carelessness, so a form of equal answers is flagged only where these are not the top answer or where
they contradict items that are keyed the other way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import (
    Bools,
    Floats,
    Reason,
    pairwise_covariance,
    reversed_items,
)

FEWEST_ITEMS = 8
"""Answers a form needs: equal answers to a handful of items say nothing."""


@dataclass(frozen=True)
class CarelessForm:
    """Indices of one form; None has a Reason (for the form, or for all of them) beside it.

    `longstring`: most equal answers in a row, as given, counted in items; a missing answer ends a
    row. `irv`: SD of the answers as given (n - 1), in points. `even_odd`: minus the correlation of
    the means of even and odd items over the scales, Spearman-Brown corrected, -1 to 1: higher is
    more careless. `mahalanobis`: squared distance from the mean form, no unit. `is_flagged`: see
    the module.
    """

    longstring: int | None
    irv: float | None
    even_odd: float | None
    mahalanobis: float | None
    is_flagged: bool | None


def careless_forms(
    answers: Floats,
    *,
    is_reversed: Bools,
    minimum: float,
    maximum: float,
    scales: Sequence[Sequence[int]] = (),
) -> tuple[list[CarelessForm], list[Reason]]:
    """One entry per row of `answers` (forms by items in printed order, as given, NaN unanswered).

    `scales` lists the items of each scale by place. Reversed items are turned round for even-odd
    only. A Reason's `place` is the row, or None for every row.
    """
    n_forms, n_items = answers.shape
    reasons: list[Reason] = []
    if n_items < FEWEST_ITEMS:
        text = f"needs {FEWEST_ITEMS} items, found {n_items}"
        return [CarelessForm(None, None, None, None, None)] * n_forms, [Reason("all", text)]
    n_answers = (~np.isnan(answers)).sum(axis=1)
    has_enough = n_answers >= FEWEST_ITEMS
    for row in np.flatnonzero(~has_enough).tolist():
        text = f"needs {FEWEST_ITEMS} answers, found {int(n_answers[row])}"
        reasons.append(Reason("all", text, row))

    longest = longstring(answers)
    spread = irv(answers)
    turned = reversed_items(answers, is_reversed, minimum, maximum)
    consistency = even_odd(turned, scales)
    if len(scales) < 2:
        reasons.append(Reason("even_odd", "needs 2 scales with 2 items each or more: --scales"))
    else:
        for row in np.flatnonzero(has_enough & np.isnan(consistency)).tolist():
            text = "fewer than 2 scales answered on both halves, or the halves do not vary"
            reasons.append(Reason("even_odd", text, row))
    distance = mahalanobis(answers)
    if distance is None:
        text = "an item does not vary or follows from others, or there are too few forms"
        reasons.append(Reason("mahalanobis", text))
    flags = is_flagged(answers, is_reversed, maximum)
    forms = [
        CarelessForm(
            longstring=int(longest[row]),
            irv=float(spread[row]),
            even_odd=None if np.isnan(consistency[row]) else float(consistency[row]),
            mahalanobis=None if distance is None else float(distance[row]),
            is_flagged=bool(flags[row]),
        )
        if has_enough[row]
        else CarelessForm(None, None, None, None, None)
        for row in range(n_forms)
    ]
    return forms, reasons


def longstring(answers: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of every row the most equal answers side by side; 1 where none are, 0 where none is given."""
    run = (~np.isnan(answers[:, 0])).astype(np.int64)
    longest = run.copy()
    for item in range(1, answers.shape[1]):
        here = answers[:, item]
        run = np.where(here == answers[:, item - 1], run + 1, (~np.isnan(here)).astype(np.int64))
        longest = np.maximum(longest, run)
    return longest


def irv(answers: Floats) -> Floats:
    """SD (n - 1) of every row's answers, in points; NaN for fewer than two."""
    has = ~np.isnan(answers)
    n_answers = has.sum(axis=1)
    mean = np.where(has, answers, 0.0).sum(axis=1) / np.maximum(n_answers, 1)
    squares = np.where(has, (answers - mean[:, np.newaxis]) ** 2, 0.0).sum(axis=1)
    return np.where(n_answers >= 2, np.sqrt(squares / np.maximum(n_answers - 1, 1)), np.nan)


def even_odd(answers: Floats, scales: Sequence[Sequence[int]]) -> Floats:
    """Minus the corrected correlation of even with odd item means over `scales`; NaN without one.

    `answers` all point the same way. Even and odd are places within the scale. With r the
    correlation over the scales that have both means, the corrected one is 2 r / (1 + r), at
    least -1. NaN where fewer than two scales have both means or one half does not vary.
    """
    if not scales:
        return np.full(answers.shape[0], np.nan)
    even = np.column_stack([_row_means(answers[:, list(items[1::2])]) for items in scales])
    odd = np.column_stack([_row_means(answers[:, list(items[0::2])]) for items in scales])
    both = ~np.isnan(even) & ~np.isnan(odd)
    n_both = both.sum(axis=1)
    even_off, odd_off = _centred(even, both), _centred(odd, both)
    even_squares, odd_squares = (even_off**2).sum(axis=1), (odd_off**2).sum(axis=1)
    is_defined = (n_both >= 2) & (even_squares > 1e-12) & (odd_squares > 1e-12)
    lengths = np.sqrt(np.where(is_defined, even_squares * odd_squares, 1.0))
    r = np.clip((even_off * odd_off).sum(axis=1) / lengths, -1.0, 1.0)
    # 2 r / (1 + r) falls below -1 from r = -1/3 on, where the package stops.
    corrected = np.where(r <= -1 / 3, -1.0, 2 * r / np.maximum(1 + r, 2 / 3))
    # Not -corrected: a correlation of 0 would print as -0.0.
    return np.where(is_defined, 0.0 - corrected, np.nan)


def mahalanobis(answers: Floats) -> Floats | None:
    """Squared distance of every row from the mean row; None where the covariances have no inverse.

    Covariances are pairwise; a missing answer counts as the item's mean, which adds nothing.
    """
    covariance = pairwise_covariance(answers)
    if np.isnan(covariance).any() or answers.shape[0] <= answers.shape[1]:
        return None
    scale = np.sqrt(np.diag(covariance))
    if scale.min() <= 0:
        return None
    correlation = covariance / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        return None
    has = ~np.isnan(answers)
    mean = np.where(has, answers, 0.0).sum(axis=0) / has.sum(axis=0)
    off = np.where(has, answers - mean, 0.0) / scale
    return np.asarray((off * np.linalg.solve(correlation, off.T).T).sum(axis=1))


def has_same_answers(answers: Floats) -> Bools:
    """Rows whose answers are all equal, as given: at the ceiling usual and no sign of anything."""
    has = ~np.isnan(answers)
    highest = np.where(has, answers, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(has, answers, np.inf).min(axis=1, initial=np.inf)
    return np.asarray(highest == lowest)


def is_flagged(answers: Floats, is_reversed: Bools, maximum: float) -> Bools:
    """Equal answers throughout that are not the top one, or contradict reversed items."""
    has = ~np.isnan(answers)
    highest = np.where(has, answers, -np.inf).max(axis=1, initial=-np.inf)
    has_both_keys = (has & is_reversed).any(axis=1) & (has & ~is_reversed).any(axis=1)
    return np.asarray(has_same_answers(answers) & (has_both_keys | (highest < maximum)))


def _row_means(answers: Floats) -> Floats:
    has = ~np.isnan(answers)
    n_answers = has.sum(axis=1)
    sums = np.where(has, answers, 0.0).sum(axis=1)
    return np.where(n_answers > 0, sums / np.maximum(n_answers, 1), np.nan)


def _centred(means: Floats, both: Bools) -> Floats:
    """Deviations from the row's mean over the scales in `both`; 0 elsewhere."""
    n_both = np.maximum(both.sum(axis=1, keepdims=True), 1)
    mean = np.where(both, means, 0.0).sum(axis=1, keepdims=True) / n_both
    return np.where(both, means - mean, 0.0)
