"""The truth of couples and groups: what the process expects of a couple's lower total, of the gap
between its partners, and of a group's mean, with no form missing.

As with a site's truth it is an expectation, over therapists, couples and courses of the site's own
process, not the mean of those who happened to come. A minimum and a gap have no closed form on a
scale that is cut off at its ends, so they are averaged over drawn forms; both have an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from expectations.schedule import Schedule
from orchestration.simulation.arrays import Floats, Ints, mean_by
from orchestration.simulation.block import Block, draw_block
from orchestration.simulation.due import Forms
from orchestration.simulation.instruments import ScoreModel
from orchestration.simulation.network import (
    TRUTH,
    PracticeModel,
    day_number,
    draw_therapists,
    stream,
)
from orchestration.simulation.population import COUPLE, GROUP
from orchestration.simulation.schedules import FormIdentity
from orchestration.simulation.settings import SimulationSettings
from orchestration.simulation.truth import mirrored_mean

_WHOLE = 24
"""Clients drawn are a multiple: halves then hold whole couples and whole groups of six."""


@dataclass(frozen=True)
class JointTruth:
    """A site's truth for one questionnaire, on its total's own scale, each with its standard
    error; nan where no couple or group is asked."""

    site: int
    identity: FormIdentity
    couple_minimum: tuple[float, float]
    couple_gap: tuple[float, float]
    group_mean: tuple[float, float]


def joint_truths(
    model: PracticeModel,
    schedules: Sequence[Schedule],
    scores: Mapping[FormIdentity, ScoreModel],
    settings: SimulationSettings,
) -> list[JointTruth]:
    """Truths of a practice's sites for every questionnaire that clients are asked for."""
    found: list[JointTruth] = []
    for site in range(len(model.practice.sites)):
        couples, groups = (
            _block(model, site, service, schedules, scores, settings) for service in (COUPLE, GROUP)
        )
        for identity, score in scores.items():
            if identity[2] != "client":
                continue
            least, gap = _partners(couples, couples.forms[identity], score)
            mean = _members(groups, groups.forms[identity], score)
            found.append(
                JointTruth(
                    site, identity, mirrored_mean(least), mirrored_mean(gap), mirrored_mean(mean)
                )
            )
    return found


def _block(
    model: PracticeModel,
    site: int,
    service: int,
    schedules: Sequence[Schedule],
    scores: Mapping[FormIdentity, ScoreModel],
    settings: SimulationSettings,
) -> Block:
    n = _WHOLE * -(-settings.truth_clients // _WHOLE)
    rng = stream(settings, TRUTH)
    therapists = draw_therapists(np.full(n, site), model.traits, settings, rng, antithetic=True)
    last = day_number(settings.exported[1])
    days = (day_number(settings.from_on), max(day_number(settings.through_on), last))
    return draw_block(
        model,
        therapists,
        n,
        days,
        schedules,
        scores,
        settings,
        rng,
        only_site=site,
        only_service=service,
    )


def _sessions(block: Block, forms: Forms) -> tuple[Ints, Ints, Ints]:
    """(order of the forms that brings those of one appointment together, where each appointment
    begins in it, the appointment's case)."""
    appointment = block.appointment[forms.session]
    order = np.argsort(appointment, kind="stable")
    begins = np.flatnonzero(np.diff(appointment[order], prepend=-1))
    course = block.appointments.course[appointment[order][begins]]
    return order, begins, block.courses.case[course]


def _partners(block: Block, forms: Forms, score: ScoreModel) -> tuple[Floats, Floats]:
    """Each couple's mean lower total and mean gap, over sessions that both heard."""
    order, begins, case = _sessions(block, forms)
    totals = score.expected(forms.eta)[order]
    if not len(totals):
        return np.zeros(0), np.zeros(0)
    least = np.minimum.reduceat(totals, begins)
    most = np.maximum.reduceat(totals, begins)
    is_both = np.diff(begins, append=len(totals)) == 2
    n = len(block.cases.site)
    return (
        mean_by(least[is_both], case[is_both], n),
        mean_by((most - least)[is_both], case[is_both], n),
    )


def _members(block: Block, forms: Forms, score: ScoreModel) -> Floats:
    """Each group's mean over sessions of the mean over members."""
    order, begins, case = _sessions(block, forms)
    totals = score.expected(forms.eta)[order]
    if not len(totals):
        return np.zeros(0)
    sizes = np.diff(begins, append=len(totals))
    return mean_by(np.add.reduceat(totals, begins) / sizes, case, len(block.cases.site))
