"""A block as the three canonical feeds, in the state of the last day of the window.

Every row has a day on which it becomes visible (an episode several: opened, therapist changed,
closed); a window shows the rows whose day lies in it, and a snapshot all that came before its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestration.simulation.arrays import Flags, Ints
from orchestration.simulation.block import Block
from orchestration.simulation.courses import ATTENDANCE, ENDINGS, MODES, SESSION_TYPES
from orchestration.simulation.filled import Filled
from orchestration.simulation.frames import (
    NO_DAY,
    NOTHING,
    Column,
    Days,
    Frame,
    Numbers,
    Words,
    booleans,
    constant,
    ids,
)
from orchestration.simulation.network import PracticeModel
from orchestration.simulation.population import (
    AGE_BANDS,
    COUPLE,
    GENDERS,
    GROUP,
    LANGUAGES,
    MODALITIES,
    PERMISSIONS,
    PROBLEMS,
    SERVICE_TYPES,
    members,
)
from orchestration.simulation.response import STATUSES
from orchestration.simulation.schedules import FormIdentity
from orchestration.simulation.settings import SimulationSettings

STATES = ("open", "closed", "never_started")
MOST_COURSES = 2
RESPONDENTS = {"client": "client", "child": "child", "caregiver": "other_caregiver"}
"""Respondent of an informant, where the words differ or need not be equal."""


@dataclass(frozen=True)
class Numbering:
    """First free numbers of a practice when a block begins."""

    client: int = 0
    session: int = 0
    form: int = 0


@dataclass(frozen=True)
class Window:
    """First and last day of an export, both included (days since 1970)."""

    first: int
    last: int

    def holds(self, day: Ints) -> Flags:
        """Whether each day lies in the window."""
        return (day >= self.first) & (day <= self.last)


def episodes(
    block: Block,
    model: PracticeModel,
    numbering: Numbering,
    window: Window,
    *,
    is_snapshot: bool,
) -> Frame:
    """One row an episode of a client."""
    courses, cases, clients = block.courses, block.cases, block.clients
    course, client = members(cases, courses.case)
    opened = courses.opened_day[course]
    events = (opened, courses.switch_day[course], courses.closed_day[course])
    shown = opened <= window.last
    if not is_snapshot:
        shown &= np.logical_or.reduce([window.holds(day) for day in events])
    course, client = course[shown], client[shown]
    case = courses.case[course]
    service = cases.service[case]
    is_closed = courses.closed_day[course] <= window.last
    never = courses.n_sessions[course] == 0
    switched = courses.switch_day[course] <= window.last
    therapist = np.where(switched, courses.next_therapist[course], courses.therapist[course])
    return {
        "episode_id": ids("episode", episode_numbers(block, numbering, course, client)),
        "client_id": ids("client", numbering.client + client),
        "unit_id": ids("unit", unit_numbers(block, numbering, case)),
        "site_id": Words(cases.site[case], _sites(model)),
        "therapist_id": ids("therapist", therapist),
        "opened_on": Days(courses.opened_day[course]),
        "closed_on": Days(np.where(is_closed, courses.closed_day[course], NO_DAY)),
        "state": Words(np.where(is_closed, np.where(never, 2, 1), 0), STATES),
        "ending_code": Words(np.where(is_closed, courses.ending[course], NOTHING), ENDINGS),
        "service_type": Words(service, SERVICE_TYPES),
        "modality": Words(cases.modality[case], MODALITIES),
        "planned_sessions": Numbers(cases.planned_sessions[case]),
        "agreed_interval_days": Numbers(cases.interval_days[case]),
        "age_band_at_intake": Words(clients.age_band[client], AGE_BANDS),
        "gender": Words(clients.gender[client], GENDERS),
        "language": Words(clients.language[client], LANGUAGES),
        "problem_group": Words(clients.problem[client], PROBLEMS),
        "use_permission": Words(clients.permission[client], PERMISSIONS),
        "prior_episodes": Numbers(courses.is_return[course].astype(np.int64)),
    }


def sessions(block: Block, model: PracticeModel, numbering: Numbering, window: Window) -> Frame:
    """One row an appointment of a client."""
    appointments, cases, clients = block.appointments, block.cases, block.clients
    shown = np.flatnonzero(window.holds(appointments.day[block.appointment]))
    row, client = block.appointment[shown], block.client[shown]
    course = appointments.course[row]
    case = block.courses.case[course]
    number = appointments.number[row]
    shared = np.isin(cases.service[case], (COUPLE, GROUP))
    # The first member's appointment number stands for what all members attend together.
    first = np.maximum.accumulate(np.where(np.r_[True, row[1:] != row[:-1]][: len(row)], shown, 0))
    return {
        "session_id": ids("session", numbering.session + shown),
        "client_id": ids("client", numbering.client + client),
        "unit_id": ids("unit", unit_numbers(block, numbering, case)),
        "episode_id": ids("episode", episode_numbers(block, numbering, course, client)),
        "therapist_id": ids("therapist", appointments.therapist[row]),
        "site_id": Words(cases.site[case], _sites(model)),
        "scheduled_on": Days(appointments.day[row]),
        "attendance": Words(appointments.attendance[row], ATTENDANCE),
        "session_type": Words(appointments.session_type[row], SESSION_TYPES),
        "delivery_mode": Words(appointments.mode[row], MODES),
        "stated_number": Numbers(np.where(number > 0, number, NOTHING)),
        "planned_minutes": Numbers(appointments.planned_minutes[row]),
        "actual_minutes": Numbers(appointments.actual_minutes[row]),
        "group_session_id": ids(
            "group_session", np.where(shared, numbering.session + first, NOTHING)
        ),
        "interpreter": booleans(clients.has_interpreter[client]),
    }


def administrations(
    block: Block,
    filled: Mapping[FormIdentity, Filled],
    numbering: Numbering,
    settings: SimulationSettings,
) -> dict[FormIdentity, Frame]:
    """One row a recorded form, one frame a questionnaire; the answers stay in `filled`."""
    return {
        identity: _attributes(block, identity, forms, numbering, settings)
        for identity, forms in filled.items()
    }


def _attributes(
    block: Block,
    identity: FormIdentity,
    forms: Filled,
    numbering: Numbering,
    settings: SimulationSettings,
) -> dict[str, Column]:
    informant = identity[2]
    n = len(forms.number)
    row = block.appointment[forms.session]
    course = block.appointments.course[row]
    respondents = ("client", "child", "other_caregiver", "teacher", "therapist", "observer")
    respondent = respondents.index(RESPONDENTS.get(informant, informant))
    timings = ("pre", "post", "between")
    timing = 0 if forms.score.instrument.kind == "outcome" else 1
    return {
        "administration_id": ids("administration", forms.number),
        "client_id": ids("client", numbering.client + forms.client),
        "respondent": Words(np.full(n, respondent), respondents),
        "episode_id": ids("episode", episode_numbers(block, numbering, course, forms.client)),
        "session_id": ids("session", numbering.session + forms.session),
        "occasion": Numbers(block.appointments.number[row]),
        "rated_therapist_id": ids("therapist", block.appointments.therapist[row]),
        "rater_id": ids("therapist", np.full(n, NOTHING)),
        "status": Words(forms.status, STATUSES),
        "completed_on": Days(forms.day),
        "timing": Words(np.full(n, timing), timings),
        "collection_mode": constant(settings.collection_mode, n),
        "seen_by_therapist": booleans(forms.is_seen, forms.is_answered),
    }


def episode_numbers(block: Block, numbering: Numbering, course: Ints, client: Ints) -> Ints:
    """Number of a client's episode: two are kept for each client."""
    again = block.courses.is_return[course].astype(np.int64)
    return (numbering.client + client) * MOST_COURSES + again


def unit_numbers(block: Block, numbering: Numbering, case: Ints) -> Ints:
    """Number of the couple or group, that of its first client; NOTHING for others."""
    shared = np.isin(block.cases.service[case], (COUPLE, GROUP))
    return np.where(shared, numbering.client + block.cases.first_client[case], NOTHING)


def _sites(model: PracticeModel) -> tuple[str, ...]:
    return tuple(site.site_id for site in model.practice.sites)
