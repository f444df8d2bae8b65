"""Forms that are due: for whom, when, with which latent value, and whether they come back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from expectations.schedule import Schedule
from orchestration.simulation.arrays import Flags, Floats, Ints
from orchestration.simulation.courses import Appointments, Courses
from orchestration.simulation.instruments import ScoreModel
from orchestration.simulation.latents import Latents
from orchestration.simulation.network import PracticeModel, Therapists
from orchestration.simulation.population import Cases
from orchestration.simulation.response import draw_participation, draw_returned
from orchestration.simulation.schedules import FormIdentity, identity_of, is_due
from orchestration.simulation.settings import SimulationSettings

_LAG_SHARES = (0.90, 0.05, 0.03, 0.02)
"""Days between a session and its forms: 0, 1, 2, 3."""


@dataclass(frozen=True)
class Forms:
    """The due forms of one questionnaire, one entry a form, in the order of the sessions."""

    session: Ints
    """Index into the block's sessions."""
    client: Ints
    day: Ints
    expected_eta: Floats
    eta: Floats
    """The latent value, without and with the noise of the session."""
    noise_sd: float
    is_returned: Flags


@dataclass(frozen=True)
class Heard:
    """The sessions at which a form can be due: `heard` indexes the block's sessions."""

    model: PracticeModel
    therapists: Therapists
    cases: Cases
    courses: Courses
    appointments: Appointments
    appointment: Ints
    client_of_session: Ints
    heard: Ints

    @property
    def row(self) -> Ints:
        """Their appointments."""
        return self.appointment[self.heard]

    @property
    def client(self) -> Ints:
        """Their clients."""
        return self.client_of_session[self.heard]


def draw_forms(
    parts: Heard,
    n_clients: int,
    latents: Latents,
    schedules: Sequence[Schedule],
    scores: Mapping[FormIdentity, ScoreModel],
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> dict[FormIdentity, Forms]:
    """The due forms of every questionnaire the schedules ask for, and which of them come back."""
    row, client = parts.row, parts.client
    course = parts.appointments.course[row]
    case = parts.courses.case[course]
    site = parts.cases.site[case]
    lag = rng.choice(len(_LAG_SHARES), len(row), p=_LAG_SHARES)
    is_last = parts.appointments.number[row] == parts.courses.n_sessions[course]
    # One answer to "do you take part" for all a client fills in, one for what is filled in about
    # them.
    own_case = np.repeat(np.arange(len(parts.cases.site)), parts.cases.n_members)
    takes_part = parts.therapists.takes_part[parts.cases.therapist[own_case]]
    own = np.zeros(n_clients)
    own[client] = np.sqrt(settings.alliance_client_share) * latents.client_own
    participates = {
        False: draw_participation(takes_part, own, settings, rng),
        True: draw_participation(takes_part, np.zeros(n_clients), settings, rng),
    }
    share = parts.model.traits.response / (1 - settings.never_respond_share)
    rate = np.sqrt(np.clip(share, 0, 1))[site]
    forms: dict[FormIdentity, Forms] = {}
    for identity in sorted({identity_of(schedule) for schedule in schedules}):
        asked = [schedule for schedule in schedules if identity_of(schedule) == identity]
        due = np.flatnonzero(
            is_due(
                asked,
                [s.site_id for s in parts.model.practice.sites],
                site=site,
                service=parts.cases.service[case],
                day=parts.appointments.day[row],
                course=course,
                number=parts.appointments.number[row],
                is_last_of_closed=is_last,
            )
        )
        # Forms of one client are brought together: couples' sessions interleave them.
        due = due[np.argsort(client[due], kind="stable")]
        mean, noise, noise_sd = _view(identity, latents, client, due, scores, settings, rng)
        mean = mean + _planted(parts.model, scores[identity])[site[due]]
        by_therapist = identity[2] == "therapist"
        forms[identity] = Forms(
            session=parts.heard[due],
            client=client[due],
            day=parts.appointments.day[row[due]] + lag[due],
            expected_eta=mean,
            eta=mean + noise,
            noise_sd=noise_sd,
            is_returned=draw_returned(
                client[due],
                participates[by_therapist],
                rate[due],
                np.zeros(len(due)) if by_therapist else latents.client_noise[due],
                (is_last & parts.courses.dropped_out[course])[due] & (not by_therapist),
                n_clients,
                settings,
                rng,
            ),
        )
    return forms


def _view(
    identity: FormIdentity,
    latents: Latents,
    client: Ints,
    due: Ints,
    scores: Mapping[FormIdentity, ScoreModel],
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, float]:
    """(mean, noise, SD of the noise) of the due forms as this questionnaire's informant sees it."""
    informant = identity[2]
    specific = rng.standard_normal(int(client.max(initial=-1)) + 1)[client[due]]
    offset = settings.informant_offsets.get(informant, 0.0)
    if scores[identity].instrument.kind == "outcome":
        view = latents.outcome
        return view.mean[due], view.noise[due], view.noise_sd
    if informant == "therapist":
        view = latents.therapist
        return view.mean[due] + offset, view.noise[due], view.noise_sd
    h, g = settings.instrument_client_share, settings.instrument_session_share
    own = np.sqrt(1 - h) * latents.client_own[due] + np.sqrt(h) * specific
    mean = latents.client_base[due] + np.sqrt(settings.alliance_client_share) * own + offset
    within = float(np.sqrt(settings.alliance_session_share))
    passing = within * rng.standard_normal(len(due))
    return mean, np.sqrt(1 - g) * latents.client_noise[due] + np.sqrt(g) * passing, within


def _planted(model: PracticeModel, score: ScoreModel) -> Floats:
    """Latent shifts of the planted sites; outcomes are not planted."""
    if score.instrument.kind == "outcome":
        return np.zeros(len(model.practice.sites))
    return np.array([score.shift_for(float(sd)) for sd in model.traits.planted_sd])
