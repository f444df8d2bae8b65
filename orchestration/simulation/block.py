"""One block of clients of one practice: everything that happens to them, whatever is exported.

A block is the unit of streaming and has a random stream of its own; nothing in it depends on the
window, so later windows show the same world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from expectations.schedule import Schedule
from orchestration.simulation.arrays import Flags, Ints
from orchestration.simulation.courses import Appointments, Courses, draw_courses
from orchestration.simulation.due import Forms, Heard, draw_forms
from orchestration.simulation.instruments import ScoreModel
from orchestration.simulation.latents import draw_latents
from orchestration.simulation.network import PracticeModel, Therapists
from orchestration.simulation.population import (
    INDIVIDUAL,
    Cases,
    Clients,
    draw_cases,
    draw_clients,
    members,
)
from orchestration.simulation.schedules import FormIdentity
from orchestration.simulation.settings import SimulationSettings


@dataclass(frozen=True)
class Block:
    """Cases, clients, courses and appointments of a block. A session is an appointment of one
    client: `appointment` and `client` name its parts."""

    cases: Cases
    clients: Clients
    courses: Courses
    appointments: Appointments
    appointment: Ints
    client: Ints
    forms: Mapping[FormIdentity, Forms]

    @property
    def is_alone(self) -> Flags:
        """Of each client, whether they are seen alone: cells compare no others."""
        alone: Flags = self.cases.service[self.clients.case] == INDIVIDUAL
        return alone


def draw_block(
    model: PracticeModel,
    therapists: Therapists,
    n_clients: int,
    days: tuple[int, int],
    schedules: Sequence[Schedule],
    scores: Mapping[FormIdentity, ScoreModel],
    settings: SimulationSettings,
    rng: np.random.Generator,
    *,
    only_site: int | None = None,
    only_service: int | None = None,
) -> Block:
    """The block of `n_clients` clients who first come between two days.

    With `only_site` all of them come to that site, each to a therapist of their own, with effects
    mirrored between the two halves of the block: that is how a truth is averaged. With
    `only_service` they come as couples, or in groups, alone.
    """
    is_truth = only_site is not None
    cases = draw_cases(
        model,
        therapists,
        n_clients,
        days,
        settings,
        rng,
        only_site=only_site,
        only_service=only_service,
    )
    clients = draw_clients(model, cases, settings, rng, antithetic=is_truth)
    courses, appointments = draw_courses(model, therapists, cases, clients, settings, rng)
    appointment, client = members(cases, courses.case[appointments.course])
    heard = np.flatnonzero(appointments.number[appointment] > 0)
    latents = draw_latents(
        model,
        therapists,
        cases,
        clients,
        courses,
        appointments,
        appointment[heard],
        client[heard],
        settings,
        rng,
    )
    parts = Heard(model, therapists, cases, courses, appointments, appointment, client, heard)
    forms = draw_forms(parts, n_clients, latents, schedules, scores, settings, rng)
    return Block(cases, clients, courses, appointments, appointment, client, forms)
