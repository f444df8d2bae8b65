"""What is true of the sites of a simulated network: early alliance and response rates.

As orchestration/simulation/truth.py does it for the mean score: an expectation over therapists,
clients and courses of the site's own process, from a block of clients with a therapist each.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from expectations.registry import Registry
from orchestration.simulation.arrays import Flags, Floats, Ints
from orchestration.simulation.block import Block, draw_block
from orchestration.simulation.due import Forms
from orchestration.simulation.instruments import ScoreModel, score_model
from orchestration.simulation.network import (
    TRUTH,
    PracticeModel,
    build_network,
    day_number,
    draw_therapists,
    stream,
)
from orchestration.simulation.schedules import identity_of, schedules_on
from orchestration.simulation.settings import SimulationSettings

EARLY, SINGLE, RESPONSE = "early_alliance", "early_alliance_single_form", "response_rate"


def metric_truths(registry: Registry, settings: SimulationSettings) -> pd.DataFrame:
    """Columns practice_id, site_id, metric, instrument_code, version, informant, truth."""
    rows = [
        row
        for model in build_network(registry, settings)
        for site in range(len(model.practice.sites))
        for row in _of_site(registry, model, site, settings)
    ]
    return pd.DataFrame(rows).dropna(subset="truth")


def _of_site(
    registry: Registry, model: PracticeModel, site: int, settings: SimulationSettings
) -> Sequence[dict[str, object]]:
    schedules = schedules_on(model.practice, settings.exported[1])
    scores = {
        identity: score_model(registry.instruments[identity[:2]], settings)
        for identity in {identity_of(schedule) for schedule in schedules}
    }
    each_session = {identity_of(one) for one in schedules if one.rule == "every_session"}
    n = settings.truth_clients
    rng = stream(settings, TRUTH)
    therapists = draw_therapists(np.full(n, site), model.traits, settings, rng, antithetic=True)
    days = (day_number(settings.from_on), day_number(settings.through_on))
    block = draw_block(model, therapists, n, days, schedules, scores, settings, rng, only_site=site)
    rows = []
    for identity, forms in block.forms.items():
        seen = (forms.day <= days[1]) & block.is_alone[forms.client]
        truths = {RESPONSE: float(forms.is_returned[seen].mean())}
        if scores[identity].instrument.kind == "alliance" and identity[2] == "client":
            seen &= forms.is_returned
            if identity in each_session:
                truths[EARLY] = _early(block, forms, scores[identity], seen)
            else:
                truths[SINGLE] = _single(block, forms, scores[identity], seen)
        rows += [
            {
                "practice_id": model.practice.practice_id,
                "site_id": model.practice.sites[site].site_id,
                "metric": metric,
                "instrument_code": identity[0],
                "version": identity[1],
                "informant": identity[2],
                "truth": truth,
            }
            for metric, truth in truths.items()
        ]
    return rows


def _early(block: Block, forms: Forms, score: ScoreModel, seen: Flags) -> float:
    """Expected mean over sessions 3 to 5 of the courses with two of their forms."""
    course, number, total = _placed(block, forms, score)
    taken = seen & (number >= 3) & (number <= 5)
    n = np.bincount(course[taken])
    sums = np.bincount(course[taken], weights=total[taken])
    return float(np.mean(sums[n >= 2] / n[n >= 2]))


def _single(block: Block, forms: Forms, score: ScoreModel, seen: Flags) -> float:
    """Expected total of the form at sessions 2 to 6 that is nearest to 4, the earlier of two."""
    course, number, total = _placed(block, forms, score)
    taken = np.flatnonzero(seen & (number >= 2) & (number <= 6))
    order = taken[np.lexsort((number[taken], np.abs(number[taken] - 4), course[taken]))]
    is_first = np.r_[True, course[order][1:] != course[order][:-1]][: order.size]
    return float(np.mean(total[order[is_first]]))


def _placed(block: Block, forms: Forms, score: ScoreModel) -> tuple[Ints, Ints, Floats]:
    """(course, session number, expected total) of each form."""
    row = block.appointment[forms.session]
    total = score.expected(forms.expected_eta, forms.noise_sd)
    return block.appointments.course[row], block.appointments.number[row], total
