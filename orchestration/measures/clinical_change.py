"""Reliable and clinically significant change of single persons, after Jacobson & Truax.

Jacobson NS, Truax P (1991). Clinical significance: a statistical approach to defining meaningful
change in psychotherapy research. J Consult Clin Psychol 59:12-19, doi 10.1037/0022-006X.59.1.12.

Categories and strictness of the bounds are those of the R package clinicalsignificance
(`cs_combined`, method JT; Claus 2023), so that both give the same table.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from orchestration.measures.arrays import Better, Floats, MeasureUndefined

CATEGORIES = ("recovered", "improved", "unchanged", "deteriorated", "harmed")
CRITICAL = 1.96
"""Beyond this, 95 % of persons who did not change are left out (Jacobson & Truax 1991, p. 14)."""

CutOff = Literal["a", "b", "c"]


@dataclass(frozen=True)
class ClinicalChange:
    """One entry per person in `change`, `rci` and `category`.

    `cutoff` and `change` (post - pre) are in points of the scale; `rci` has no unit and the sign of
    `change`, whichever way is better.
    """

    cutoff: float
    change: Floats
    rci: Floats
    category: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Persons in each category, the empty ones too."""
        return {name: self.category.count(name) for name in CATEGORIES}


def clinical_cutoff(
    kind: CutOff,
    better: Better,
    clinical: tuple[float, float],
    functional: tuple[float, float] | None = None,
) -> float:
    """The score between the clinical and the functional population, in points of the scale.

    `clinical` and `functional` are (mean, SD). a: two clinical SD from the clinical mean towards
    the functional. b: two functional SD from the functional mean towards the clinical. c: as many
    SD of each from both means (Jacobson & Truax 1991, p. 13). b and c need `functional`: without it
    MeasureUndefined.
    """
    towards_better = 1 if better == "higher" else -1
    mean, sd = clinical
    if kind == "a":
        return mean + towards_better * 2 * sd
    if functional is None:
        raise MeasureUndefined(f"cut-off {kind} needs the functional mean and SD")
    other_mean, other_sd = functional
    if kind == "b":
        return other_mean - towards_better * 2 * other_sd
    return (other_sd * mean + sd * other_mean) / (other_sd + sd)


def clinical_change(
    pre: Floats,
    post: Floats,
    *,
    reliability: float,
    kind: CutOff,
    better: Better,
    functional: tuple[float, float] | None = None,
) -> ClinicalChange:
    """Category of every person; `pre` and `post` are complete pairs, in points of the scale.

    RCI = (post - pre) / sqrt(2 (SD_pre sqrt(1 - r))^2), SD_pre with n - 1 over these pairs; beyond
    +-1.96 a change is reliable. `recovered`: reliably better, from the clinical side of the cut-off
    to the functional. `harmed`: reliably worse, not on the clinical side before and not on the
    functional side after. A score at the cut-off is on neither side.

    Raises MeasureUndefined for fewer than two pairs, equal pre scores, or a reliability outside
    0 <= r < 1.
    """
    if not 0 <= reliability < 1:
        raise MeasureUndefined("the reliability must be at least 0 and below 1")
    if pre.size < 2:
        raise MeasureUndefined(
            f"the SD before treatment needs at least 2 persons with both scores, found {pre.size}"
        )
    sd_pre = float(np.std(pre, ddof=1))
    if np.ptp(pre) == 0:
        raise MeasureUndefined("all scores before treatment are equal: no change index from SD 0")
    cutoff = clinical_cutoff(kind, better, (float(np.mean(pre)), sd_pre), functional)
    change = post - pre
    rci = change / np.sqrt(2 * (sd_pre * np.sqrt(1 - reliability)) ** 2)

    towards_better = 1 if better == "higher" else -1
    is_better = towards_better * rci > CRITICAL
    is_worse = towards_better * rci < -CRITICAL
    was_clinical = towards_better * pre < towards_better * cutoff
    is_functional = towards_better * post > towards_better * cutoff
    category = np.select(
        [
            is_better & was_clinical & is_functional,
            is_better,
            is_worse & ~was_clinical & ~is_functional,
            is_worse,
        ],
        ["recovered", "improved", "harmed", "deteriorated"],
        default="unchanged",
    )
    return ClinicalChange(cutoff, change, rci, tuple(str(name) for name in category))
