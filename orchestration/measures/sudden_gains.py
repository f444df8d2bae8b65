"""Sudden gains and losses between two sessions, after Tang & DeRubeis.

Tang TZ, DeRubeis RJ (1999). Sudden gains and critical sessions in cognitive-behavioral therapy for
depression. J Consult Clin Psychol 67:894-904, doi 10.1037/0022-006X.67.6.894.
Followed as the R package suddengains does it (Wiedemann M, Thew GR, Stott R, Ehlers A 2020, PLOS
ONE, doi 10.1371/journal.pone.0230276), missing sessions after Lutz et al. 2013.

Two differences, both where that package has no direction of its own. Its second criterion is
always true for a loss; here a step has to be that share of the score before it either way. And
where higher is better everything is mirrored, not only the first criterion.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import t as student

from orchestration.measures.arrays import Better, Floats

Kind = Literal["gain", "loss"]
Critical = Literal["adjusted", "fixed"]

FIXED_CRITICAL = 2.776
"""t(.975) with 4 degrees of freedom, used whatever is missing."""
WINDOW = 3
"""Sessions looked at before the step, and after it."""
FEWEST = 2
"""Scores needed on either side."""
_ROUNDING = 1e-9
"""A difference of decimals may miss the cut-off by this share though it equals it on paper."""


@dataclass(frozen=True)
class Step:
    """A sudden step of one person.

    `person` and `session` are places in the array, from 0; `session` is the one before the step,
    called n (`sg_session_n` in suddengains). `magnitude` is in points of the scale, above 0 for a
    gain and below 0 for a loss, whichever way is better. `is_reversed`: at some later session more
    than half of the step was undone.
    """

    person: int
    session: int
    kind: Kind
    magnitude: float
    is_reversed: bool


def sudden_steps(
    scores: Floats,
    *,
    cutoff: float,
    better: Better,
    share: float = 0.25,
    critical: Critical = "adjusted",
) -> list[Step]:
    """Every sudden gain and loss, by person and session.

    `scores` is persons by sessions in order, NaN where missing; sessions n and n + 1 must be there.
    1. The step is at least `cutoff` points. 2. It is at least `share` of the score at n. 3. The
    means of sessions n-2..n and n+1..n+3 differ by more than t times the pooled SD, with at least
    two scores either side; t is t(.975, scores - 2) when `critical` is "adjusted", else 2.776.
    """
    towards_better = 1 if better == "higher" else -1
    found: list[Step] = []
    for before in range(scores.shape[1] - 1):
        step = towards_better * (scores[:, before + 1] - scores[:, before])
        size = np.abs(step)
        shift = towards_better * _shift_beyond_chance(scores, before, critical)
        with np.errstate(invalid="ignore"):
            is_step = (
                _reaches(size, np.full_like(size, cutoff))
                & _reaches(size, share * np.abs(scores[:, before]))
                & (shift * np.sign(step) > 0)
            )
        found.extend(
            Step(
                person,
                before,
                "gain" if step[person] > 0 else "loss",
                float(step[person]),
                _is_undone(scores[person], before),
            )
            for person in np.flatnonzero(is_step).tolist()
        )
    return sorted(found, key=lambda one: (one.person, one.session))


def _reaches(size: Floats, wanted: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(size >= wanted - _ROUNDING * np.maximum(1.0, np.abs(wanted)))


def _shift_beyond_chance(scores: Floats, before: int, critical: Critical) -> Floats:
    """Mean after minus mean before where criterion 3 holds; 0 elsewhere."""
    n_before, mean_before, squares_before = _moments(scores[:, max(0, before - 2) : before + 1])
    n_after, mean_after, squares_after = _moments(scores[:, before + 1 : before + 1 + WINDOW])
    has_enough = (n_before >= FEWEST) & (n_after >= FEWEST)
    freedom = np.where(has_enough, n_before + n_after - 2, 1)
    wanted = student.ppf(0.975, freedom) if critical == "adjusted" else FIXED_CRITICAL
    shift = mean_after - mean_before
    is_beyond = np.abs(shift) > wanted * np.sqrt((squares_before + squares_after) / freedom)
    return np.where(has_enough & is_beyond, shift, 0.0)


def _moments(scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Of every person: how many scores, their mean, their squared deviations summed."""
    has = ~np.isnan(scores)
    n_scores = has.sum(axis=1).astype(np.float64)
    mean = np.where(has, scores, 0.0).sum(axis=1) / np.maximum(n_scores, 1)
    squares = np.where(has, (scores - mean[:, np.newaxis]) ** 2, 0.0).sum(axis=1)
    return n_scores, mean, squares


def _is_undone(scores: Floats, before: int) -> bool:
    """Whether a session after n + 1 lies beyond the middle of the step, towards the score at n."""
    start, end = scores[before], scores[before + 1]
    middle = end + (start - end) / 2
    later = scores[before + 2 :]
    later = later[~np.isnan(later)]
    return bool(np.any((later - middle) * np.sign(start - end) > _ROUNDING * max(1, abs(middle))))
