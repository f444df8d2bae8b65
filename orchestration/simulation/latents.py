"""The alliance and the severity behind the forms, session by session, in SDs of a form.

Each view is a mean that a client's course explains plus noise of one session; keeping them apart
lets the truth be computed without the noise.
"""

from dataclasses import dataclass

import numpy as np

from orchestration.simulation.arrays import Floats, Ints
from orchestration.simulation.courses import Appointments, Courses
from orchestration.simulation.network import PracticeModel, Therapists
from orchestration.simulation.population import Cases, Clients
from orchestration.simulation.settings import SimulationSettings

_SEVERITY_SHARE = 0.55
_OUTCOME_NOISE_SHARE = 0.30
_IMPROVEMENT = 0.9
_IMPROVEMENT_SD = 0.5
_USUAL_GROWTH = 0.45
"""Mean of the growth curve over forms: what centres the severity of all forms at 0."""
_GROWTH_SESSIONS = 6.0
_SHORTEST_WITH_RUPTURE = 6
_TREND_CENTRE = 2
"""Where the trend is 0: with the ruptures, all forms together then have mean 0."""


@dataclass(frozen=True)
class View:
    """`mean` and `noise` of one view of every session; the noise is normal with `noise_sd`."""

    mean: Floats
    noise: Floats
    noise_sd: float


@dataclass(frozen=True)
class Latents:
    """Arrays with one entry an attended treatment session of a client."""

    client_base: Floats
    """The client's view without the client's own part."""
    client_own: Floats
    """The client's own part, standard normal over clients."""
    client_noise: Floats
    therapist: View
    outcome: View


def draw_latents(
    model: PracticeModel,
    therapists: Therapists,
    cases: Cases,
    clients: Clients,
    courses: Courses,
    appointments: Appointments,
    row: Ints,
    client: Ints,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Latents:
    """Latents of the sessions given by `row` (appointment) and `client`."""
    n = len(row)
    course = appointments.course[row]
    number = appointments.number[row]
    therapist = appointments.therapist[row]
    site = cases.site[courses.case[course]]
    own = clients.alliance[client]
    within = np.sqrt(settings.alliance_session_share)
    growth = 1 - np.exp(-(number - 1) / _GROWTH_SESSIONS)
    link = np.where(clients.is_child[client], settings.outcome_link_youth, settings.outcome_link)
    unlinked = np.sqrt(1 - link**2) * clients.improvement[client]
    steps = np.minimum(number, settings.trend_until_session) - _TREND_CENTRE
    trend = settings.trend_per_session * steps
    video = (appointments.mode[row] == 1) - settings.video_share
    rupture = within * _ruptures(courses, course, number, settings, rng)
    base = (
        model.traits.alliance[site]
        + therapists.alliance[therapist]
        + clients.mix[client]
        + settings.video_on_alliance * video
        + trend
        + rupture
        + settings.outcome_reverse * growth * unlinked
    )
    noise = within * rng.standard_normal(n)
    r = settings.dyad_r
    seen = r * own + np.sqrt(1 - r**2) * clients.as_seen[client]
    as_rated = (
        model.traits.alliance[site]
        + therapists.rater[therapist]
        + np.sqrt(settings.alliance_client_share) * seen
        + trend / 2
    )
    rated_noise = r * noise + np.sqrt(1 - r**2) * within * rng.standard_normal(n)
    improvement = _IMPROVEMENT + _IMPROVEMENT_SD * (link * own + unlinked)
    severity = (
        model.traits.outcome[site]
        + therapists.outcome[therapist]
        + np.sqrt(_SEVERITY_SHARE) * clients.severity[client]
        - growth * improvement
        + _USUAL_GROWTH * _IMPROVEMENT
    )
    outcome_sd = float(np.sqrt(_OUTCOME_NOISE_SHARE))
    return Latents(
        client_base=base,
        client_own=own,
        client_noise=noise,
        therapist=View(as_rated, rated_noise, float(within)),
        outcome=View(severity, outcome_sd * rng.standard_normal(n), outcome_sd),
    )


def _ruptures(
    courses: Courses,
    course: Ints,
    number: Ints,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Floats:
    """A fall of 1-2.5 within-person SDs in some longer courses, repaired within 5 sessions or not
    at all; 0 elsewhere."""
    n = len(courses.case)
    happens = (rng.random(n) < settings.rupture_share) & (
        courses.n_sessions >= _SHORTEST_WITH_RUPTURE
    )
    begins = 3 + np.floor(rng.random(n) * np.maximum(courses.n_sessions - 3, 1))
    lasts = np.where(rng.random(n) < settings.rupture_repaired_share, rng.integers(1, 6, n), 10_000)
    size = rng.uniform(*settings.rupture_size, n)
    during = (number >= begins[course]) & (number < (begins + lasts)[course])
    return np.where(during & happens[course], -size[course], 0.0)
