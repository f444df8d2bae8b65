"""Hazard of an unplanned ending after a session, by how the alliance stood at it.

Discrete time: the unit is a session at risk (person-period), and the hazard of session t is the
share of the treatments that reached t and ended unplanned before t + 1. A treatment that ended
otherwise, or of which nothing further is known, is at risk as long as something is known of it.

Singer JD, Willett JB (1993). It's about time: using discrete-time survival analysis to study
duration and the timing of events. J Educ Stat 18:155-195, doi 10.3102/10769986018002155: the life
table (hazard and survivor function, section 2) and the logistic model of the hazard with one
parameter a period (section 3). Allison PD (1982). Discrete-time methods for the analysis of event
histories. Sociol Methodol 13:61-98: one person's periods enter its likelihood as if independent.
Greenwood M (1926). The natural duration of cancer. Rep Public Health Med Subj 33: the survivor
function's variance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.measures.arrays import Bools, Floats, Ints, MeasureUndefined, Reason

Words = NDArray[np.str_]

STATES = ("low", "middle", "maximum", "no_form")
REFERENCE_STATE = "middle"
FEWEST_ENDINGS = 10
"""Unplanned endings a ratio needs on the whole. Ours: fewer give a wide guess, not a ratio."""

_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Period:
    """One session number of one state.

    `n_at_risk` treatments, `n_ended` of them unplanned before the next session. `hazard` is a
    probability with its binomial standard error; None where nobody is at risk. `survivor`: share
    not ended unplanned by then, had only this state's hazards worked, with Greenwood's standard
    error; None from the first period without anyone at risk.
    """

    session_no: int
    n_at_risk: int
    n_ended: int
    hazard: float | None
    standard_error: float | None
    survivor: float | None
    survivor_standard_error: float | None


@dataclass(frozen=True)
class OddsRatio:
    """Odds of an unplanned ending against the state `middle`, at the same session number.

    `log_standard_error` is that of its logarithm; the interval is Wald's, 95 %.
    """

    state: str
    ratio: float
    log_standard_error: float
    lower95: float
    upper95: float


@dataclass(frozen=True)
class DropoutHazard:
    """`life_tables`: one a state and one for `all`, periods in order from the first session.

    `odds_ratios` lack the states of which `reasons` says why (`place` is None; `figure` is the
    state, or `odds_ratios` where it is all of them).
    """

    life_tables: dict[str, tuple[Period, ...]]
    odds_ratios: tuple[OddsRatio, ...]
    n_periods: int
    n_ended: int
    reasons: tuple[Reason, ...]


def dropout_hazard(
    session_no: Ints, state: Words, is_ended: Bools, *, fewest_endings: int = FEWEST_ENDINGS
) -> DropoutHazard:
    """Life tables and odds ratios of `session_no`, `state` and `is_ended`: one entry per period.

    `state` is one of STATES: the alliance at that session. `is_ended`: the treatment ended
    unplanned before the next session. Sessions of which that is not known are left out by the
    caller; a session without a further appointment is not an unplanned ending.

    Raises MeasureUndefined for arrays of different length, an unknown state, a session number
    below 1, or no period at all.
    """
    if not session_no.shape == state.shape == is_ended.shape or session_no.ndim != 1:
        raise MeasureUndefined("one session number, state and ending per period are needed")
    if not session_no.size:
        raise MeasureUndefined("there is no session at risk")
    unknown = sorted(set(np.unique(state).tolist()) - set(STATES))
    if unknown:
        raise MeasureUndefined(f"no state of the alliance: {', '.join(unknown)}")
    if session_no.min() < 1:
        raise MeasureUndefined("sessions are numbered from 1")
    last = int(session_no.max())
    tables = {"all": life_table(session_no, is_ended, last)}
    for name in STATES:
        tables[name] = life_table(session_no[state == name], is_ended[state == name], last)
    reasons: list[Reason] = []
    n_ended = int(is_ended.sum())
    ratios: tuple[OddsRatio, ...] = ()
    if n_ended < fewest_endings:
        text = f"needs {fewest_endings} unplanned endings, found {n_ended}"
        reasons.append(Reason("odds_ratios", text))
    else:
        ratios = _odds_ratios(session_no, state, is_ended, reasons)
    return DropoutHazard(tables, ratios, int(session_no.size), n_ended, tuple(reasons))


def life_table(session_no: Ints, is_ended: Bools, last: int) -> tuple[Period, ...]:
    """Hazard and survivor function of sessions 1 to `last`.

    hazard h = ended / at risk, standard error sqrt(h (1 - h) / n); survivor S = product of (1 - h),
    standard error S sqrt(sum of h / (n (1 - h))) (Singer & Willett 1993; Greenwood 1926).
    """
    at_risk = np.bincount(session_no, minlength=last + 1)[1 : last + 1].astype(np.float64)
    ended = np.bincount(session_no, weights=is_ended, minlength=last + 1)[1 : last + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        hazard = ended / at_risk
        error = np.sqrt(hazard * (1 - hazard) / at_risk)
        survivor = np.cumprod(1 - hazard)
        # Where everyone has ended the survivor function is 0 for certain, and 0 x infinity is not.
        added = np.cumsum(hazard / (at_risk * (1 - hazard)))
        survivor_error = np.where(survivor == 0, 0.0, survivor * np.sqrt(added))
    columns = zip(
        range(1, last + 1),
        at_risk.astype(np.int64).tolist(),
        np.rint(ended).astype(np.int64).tolist(),
        *(_with_none(np.asarray(each)) for each in (hazard, error, survivor, survivor_error)),
        strict=True,
    )
    return tuple(Period(*row) for row in columns)


def _with_none(figures: Floats) -> list[float | None]:
    return [None if np.isnan(figure) else figure for figure in figures.tolist()]


def _odds_ratios(
    session_no: Ints, state: Words, is_ended: Bools, reasons: list[Reason]
) -> tuple[OddsRatio, ...]:
    """Logistic regression of the ending on the state, with a parameter for each session number.

    A session number at which nobody, or everybody, ended has its parameter at infinity and adds
    nothing to the others' likelihood: it is left out. So is a state of which nobody or everybody
    ended at the numbers that are left.
    """
    kept = _varies_within(session_no, is_ended)
    compared: list[str] = []
    for name in STATES:
        of_state = is_ended[kept & (state == name)]
        if of_state.size and 0 < of_state.sum() < of_state.size:
            compared.append(name)
        elif name != REFERENCE_STATE:
            text = (
                f"of {of_state.size} sessions comparable by their number {int(of_state.sum())} "
                "were the last before an unplanned ending: no ratio"
            )
            reasons.append(Reason(name, text))
    if REFERENCE_STATE not in compared:
        text = f"nothing to compare with: the state {REFERENCE_STATE} has no ending, or only those"
        reasons.append(Reason("odds_ratios", text))
        return ()
    kept &= np.isin(state, compared)
    kept &= _varies_within(np.where(kept, session_no, 0), is_ended)
    others = [name for name in compared if name != REFERENCE_STATE]
    # Periods alike in number and state are counted together: the likelihood needs no more of them.
    numbers, number = np.unique(session_no[kept], return_inverse=True)
    of_compared = np.argmax([state[kept] == name for name in compared], axis=0)
    cell = number * len(compared) + of_compared
    n_at_risk = np.bincount(cell, minlength=numbers.size * len(compared)).astype(np.float64)
    n_ended = np.bincount(cell, is_ended[kept], n_at_risk.size).astype(np.float64)
    of_number, of_state = np.divmod(np.arange(n_at_risk.size), len(compared))
    design = np.column_stack(
        [
            *(of_number == place for place in range(numbers.size)),
            *(of_state == compared.index(name) for name in others),
        ]
    ).astype(np.float64)
    try:
        estimate, covariance = _logistic(design, n_ended, n_at_risk)
    except MeasureUndefined as undefined:
        reasons.append(Reason("odds_ratios", str(undefined)))
        return ()
    found: list[OddsRatio] = []
    for place, name in enumerate(others, start=numbers.size):
        log_ratio, error = float(estimate[place]), float(np.sqrt(covariance[place, place]))
        found.append(
            OddsRatio(
                name,
                float(np.exp(log_ratio)),
                error,
                float(np.exp(log_ratio - _NORMAL_95 * error)),
                float(np.exp(log_ratio + _NORMAL_95 * error)),
            )
        )
    return tuple(found)


def _varies_within(session_no: Ints, is_ended: Bools) -> Bools:
    """Periods at whose session number some ended and some did not."""
    n = np.bincount(session_no)
    ended = np.bincount(session_no, weights=is_ended)
    return ((ended > 0) & (ended < n))[session_no]


def _logistic(design: Floats, n_ended: Floats, n_at_risk: Floats) -> tuple[Floats, Floats]:
    """Maximum likelihood by Newton's method; estimates and their covariance. Rows are groups.

    McCullagh P, Nelder JA (1989). Generalized linear models, 2nd ed., section 4.4. Raises
    MeasureUndefined where the likelihood has no maximum or the columns are not independent.
    """
    estimate = np.zeros(design.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(design @ estimate, -30, 30)))
        weight = n_at_risk * probability * (1 - probability)
        information = design.T @ (design * weight[:, np.newaxis])
        if np.linalg.cond(information) > 1e12:
            break
        step = np.linalg.solve(information, design.T @ (n_ended - n_at_risk * probability))
        estimate += step
        if np.abs(step).max() < 1e-10:
            return estimate, np.asarray(np.linalg.inv(information), dtype=np.float64)
    raise MeasureUndefined("states and session numbers cannot be told apart: no estimate")
