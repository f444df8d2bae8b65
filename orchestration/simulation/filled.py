"""Due forms as they are recorded: answers, statuses, gaps, and the few spoilt ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestration.simulation.arrays import Flags, Floats, Ints
from orchestration.simulation.due import Forms
from orchestration.simulation.instruments import UNANSWERED, ScoreModel
from orchestration.simulation.response import draw_statuses
from orchestration.simulation.schedules import FormIdentity
from orchestration.simulation.settings import SimulationSettings


@dataclass(frozen=True)
class Filled:
    """One entry a recorded form of one questionnaire; copies that contradict stand at the end.

    `points` count steps of the raw answer from the lowest one (one row a form, one column an item);
    UNANSWERED is no answer, and `n_points + 1` of the score model an answer out of range.
    """

    score: ScoreModel
    form: Ints
    """Index into the block's due forms of this questionnaire."""
    number: Ints
    """Names the form in the practice."""
    session: Ints
    client: Ints
    day: Ints
    status: Ints
    is_answered: Flags
    is_copy: Flags
    is_seen: Flags
    points: Ints
    total: Floats
    """Stated total; nan where an item is unanswered."""


def fill(
    forms: Mapping[FormIdentity, Forms],
    scores: Mapping[FormIdentity, ScoreModel],
    first_number: int,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> tuple[dict[FormIdentity, Filled], dict[FormIdentity, Floats], int]:
    """Recorded forms of a block, the totals of all due forms had none been missed, and the next
    free form number."""
    filled: dict[FormIdentity, Filled] = {}
    complete: dict[FormIdentity, Floats] = {}
    number = first_number
    for identity, due in forms.items():
        score = scores[identity]
        keyed = score.draw(due.eta, rng)
        complete[identity] = score.totals(keyed)
        filled[identity] = _recorded(due, score, keyed, complete[identity], number, settings, rng)
        number += len(filled[identity].number)
    return filled, complete, number


def _recorded(
    due: Forms,
    score: ScoreModel,
    keyed: Ints,
    totals: Floats,
    first_number: int,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Filled:
    n = len(due.session)
    points = keyed.copy()
    for item in score.instrument.reversed_items:
        points[:, item - 1] = score.n_points - points[:, item - 1]
    total = totals.copy()
    is_partial = due.is_returned & (rng.random(n) < settings.partial_share)
    if score.n_items > 1:
        gaps = np.flatnonzero(is_partial)
        points[gaps, rng.integers(0, score.n_items, len(gaps))] = UNANSWERED
        total[gaps] = np.nan
    else:
        is_partial[:] = False
    status = draw_statuses(due.is_returned, is_partial, rng)
    points[~due.is_returned] = UNANSWERED
    total[~due.is_returned] = np.nan
    drawn = rng.random(n)
    is_whole = due.is_returned & ~is_partial
    spoilt = np.flatnonzero(is_whole & (drawn < settings.dirt / 2))
    points[spoilt, rng.integers(0, score.n_items, len(spoilt))] = score.n_points + 1
    copied = np.flatnonzero(is_whole & (drawn >= settings.dirt / 2) & (drawn < settings.dirt))
    copies = points[copied].copy()
    copies[:, 0] = np.where(copies[:, 0] > 0, copies[:, 0] - 1, 1)
    form = np.concatenate([np.arange(n), copied])
    return Filled(
        score=score,
        form=form,
        number=first_number + np.arange(len(form), dtype=np.int64),
        session=due.session[form],
        client=due.client[form],
        day=due.day[form],
        status=status[form],
        is_answered=due.is_returned[form],
        is_copy=np.arange(len(form)) >= n,
        is_seen=(rng.random(n) < 0.5)[form],
        points=np.concatenate([points, copies]),
        total=total[form],
    )
