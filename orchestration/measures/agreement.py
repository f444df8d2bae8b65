"""Intraclass correlations of judges who rate the same subjects, after Shrout & Fleiss.

Shrout PE, Fleiss JL (1979). Intraclass correlations: uses in assessing rater reliability. Psychol
Bull 86:420-428, doi 10.1037/0033-2909.86.2.420.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Floats, MeasureUndefined


@dataclass(frozen=True)
class IntraclassCorrelations:
    """The six forms; no unit. `single` is one judge's rating, `mean` that of all k judges.

    one_way: other judges for every subject, ICC(1,1) and ICC(1,k). two_way_random: the judges are a
    sample, absolute agreement, ICC(2,1) and ICC(2,k). two_way_fixed: these judges only,
    consistency, ICC(3,1) and ICC(3,k). None where nothing varies. `n_subjects` have every rating.
    """

    one_way_single: float | None
    two_way_random_single: float | None
    two_way_fixed_single: float | None
    one_way_mean: float | None
    two_way_random_mean: float | None
    two_way_fixed_mean: float | None
    n_subjects: int
    n_judges: int


def intraclass_correlations(ratings: Floats) -> IntraclassCorrelations:
    """All six of `ratings`, subjects by judges; a subject with a rating missing (NaN) is left out.

    Raises MeasureUndefined for fewer than two complete subjects or two judges.
    """
    complete = ratings[~np.isnan(ratings).any(axis=1)]
    n, k = complete.shape
    if n < 2 or k < 2:
        raise MeasureUndefined(f"needs 2 subjects rated by 2 judges, found {n} rated by all {k}")
    mean = complete.mean()
    by_subject = k * float(((complete.mean(axis=1) - mean) ** 2).sum())
    by_judge = n * float(((complete.mean(axis=0) - mean) ** 2).sum())
    total = float(((complete - mean) ** 2).sum())
    between = by_subject / (n - 1)
    within = (total - by_subject) / (n * (k - 1))
    judges = by_judge / (k - 1)
    error = (total - by_subject - by_judge) / ((n - 1) * (k - 1))
    # What is left of equal ratings after rounding is no variance.
    nothing = 1e-12 * max(total, float(np.abs(complete).max()) ** 2 * 1e-3)

    def share(part: float, whole: float) -> float | None:
        return part / whole if whole > nothing else None

    return IntraclassCorrelations(
        one_way_single=share(between - within, between + (k - 1) * within),
        two_way_random_single=share(
            between - error, between + (k - 1) * error + k * (judges - error) / n
        ),
        two_way_fixed_single=share(between - error, between + (k - 1) * error),
        one_way_mean=share(between - within, between),
        two_way_random_mean=share(between - error, between + (judges - error) / n),
        two_way_fixed_mean=share(between - error, between),
        n_subjects=n,
        n_judges=k,
    )
