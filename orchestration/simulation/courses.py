"""Courses of treatment: how many sessions, when, kept or not, and how it ended.

A course is one episode of a case; its appointments, the missed ones included, follow the weeks the
therapist works.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestration.simulation.arrays import Flags, Floats, Ints, chance, positions, running
from orchestration.simulation.network import PracticeModel, Therapists
from orchestration.simulation.plans import Plan, draw_plan
from orchestration.simulation.population import (
    ASSESSMENT,
    COUPLE,
    CRISIS,
    FAMILY,
    GROUP,
    INDIVIDUAL,
    Cases,
    Clients,
)
from orchestration.simulation.settings import SimulationSettings

ATTENDANCE = (
    "attended",
    "no_show",
    "cancelled_client_late",
    "cancelled_client_early",
    "cancelled_therapist",
    "rescheduled",
)
ENDINGS = (
    "planned",
    "client_unplanned",
    "mutual_early",
    "referred",
    "therapist_left",
    "service_ended",
    "moved",
    "lost_contact",
    "died",
    "not_recorded",
)
SESSION_TYPES = ("treatment", "intake", "assessment", "crisis")
MODES = ("in_person", "video", "phone")
_MISSED_ON_TOP = 0.25
_OTHER_ENDINGS = (0.62, 0.0, 0.16, 0.06, 0.03, 0.02, 0.06, 0.04, 0.01, 0.0)


@dataclass(frozen=True)
class Courses:
    """One entry an episode of a case. Days count from 1970."""

    case: Ints
    is_return: Flags
    n_sessions: Ints
    """Attended sessions to come, the intake left out; 0 for a treatment that never starts."""
    dropped_out: Flags
    has_intake: Flags
    ending: Ints
    opened_day: Ints
    closed_day: Ints
    therapist: Ints
    next_therapist: Ints
    switch_number: Ints
    """The session number from which `next_therapist` treats."""
    switch_day: Ints


@dataclass(frozen=True)
class Appointments:
    """One entry a case x appointment, ordered by course and day."""

    course: Ints
    day: Ints
    attendance: Ints
    number: Ints
    """Number of an attended treatment session in its course; 0 for every other appointment."""
    session_type: Ints
    mode: Ints
    therapist: Ints
    planned_minutes: Ints
    actual_minutes: Ints


def draw_courses(
    model: PracticeModel,
    therapists: Therapists,
    cases: Cases,
    clients: Clients,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> tuple[Courses, Appointments]:
    """Every course of every case, first ones before returns, with its appointments."""
    everyone = np.arange(len(cases.site))
    first = draw_plan(
        model.traits, therapists, cases, clients, everyone, cases.start_week, settings, rng
    )
    opening, kept = _unfold(model, therapists, cases, first, settings, rng)
    may_return = (cases.service[first.case] == INDIVIDUAL) & (first.n_sessions > 0)
    share = settings.return_share * len(clients.case) / max(int(may_return.sum()), 1)
    comes_back = may_return & (rng.random(len(first.case)) < share)
    pause = rng.integers(9, 35, len(first.case))
    again = np.flatnonzero(comes_back)
    week = (opening.closed_day[again] - model.calendar.monday) // 7 + pause[again]
    in_time = week < model.calendar.n_weeks
    second = draw_plan(
        model.traits, therapists, cases, clients, again[in_time], week[in_time], settings, rng
    )
    returning, kept_again = _unfold(model, therapists, cases, second, settings, rng, is_return=True)
    n_first = len(opening.case)
    courses = Courses(**_joined(opening, returning))
    together = _joined(kept, kept_again)
    together["course"] = np.concatenate([kept.course, kept_again.course + n_first])
    return courses, Appointments(**together)


def _joined(one: object, other: object) -> dict[str, Any]:
    return {name: np.concatenate([left, vars(other)[name]]) for name, left in vars(one).items()}


def _unfold(
    model: PracticeModel,
    therapists: Therapists,
    cases: Cases,
    plan: Plan,
    settings: SimulationSettings,
    rng: np.random.Generator,
    *,
    is_return: bool = False,
) -> tuple[Courses, Appointments]:
    """The appointments of planned courses, and the courses dated by them."""
    n = len(plan.case)
    service = cases.service[plan.case]
    attended = plan.n_sessions + plan.has_intake
    course, is_kept = _slots(plan, attended, therapists.missed_logit, cases, settings, rng)
    n_kept = running(is_kept.astype(np.int64), course)
    intake = plan.has_intake[course]
    number = np.where(is_kept, n_kept - intake, 0)
    upcoming = n_kept - intake + ~is_kept
    day = _days(model, therapists, cases, plan, course, settings, rng)
    horizon = model.calendar.monday + 7 * (model.calendar.n_weeks - 1)
    stays = (day < horizon) & (day <= model.traits.closes_day[cases.site[plan.case]][course])
    switched = upcoming >= plan.switch_number[course]
    first_therapist = cases.therapist[plan.case]
    therapist = np.where(switched, plan.next_therapist[course], first_therapist[course])
    kind = np.where(service == CRISIS, 3, np.where(service == ASSESSMENT, 2, 0))[course]
    session_type = np.where((kind == 0) & intake & (upcoming < 1), 1, kind)
    is_treatment = is_kept & (session_type == 0)
    kinds = np.array([settings.no_show, settings.cancelled_late, settings.cancelled_early])
    kinds = np.r_[kinds, settings.cancelled_therapist, settings.rescheduled]
    missed = 1 + rng.choice(len(kinds), len(course), p=kinds / kinds.sum())
    minutes = np.full(n, 50)
    minutes[service == COUPLE] = 80
    minutes[service == FAMILY] = 60
    minutes[service == GROUP] = 90
    planned = minutes[course]
    actual = planned + 5 * np.rint(rng.normal(0, 1.1, len(course))).astype(np.int64)
    appointments = Appointments(
        course=course,
        day=day,
        attendance=np.where(is_kept, 0, missed),
        number=np.where(is_treatment, number, 0),
        session_type=session_type,
        mode=_modes(cases.prefers_video[plan.case][course], rng),
        therapist=therapist,
        planned_minutes=planned,
        actual_minutes=np.where(is_kept, np.maximum(actual, 10), -1),
    )
    kept = Appointments(**{name: values[stays] for name, values in vars(appointments).items()})
    return _dated(model, cases, plan, kept, len(course) > 0, settings, rng, is_return), kept


def _slots(
    plan: Plan,
    attended: Ints,
    missed_logit: Floats,
    cases: Cases,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> tuple[Ints, Flags]:
    """(course, kept?) of each appointment: some missed ones before every kept one, and after the
    last one of a course that breaks off."""
    n = len(attended)
    segment_course = np.repeat(np.arange(n), attended + 1)
    place = positions(attended + 1)
    is_last = place == attended[segment_course]
    base = settings.no_show + settings.cancelled_late + settings.cancelled_early
    base += settings.cancelled_therapist + settings.rescheduled
    # The shares are of all appointments; those of early sessions, of courses that break off and of
    # treatments that never start come on top of this base.
    logit = (
        np.log(base / (1 - base))
        - _MISSED_ON_TOP
        + missed_logit[cases.therapist[plan.case]][segment_course]
    )
    p = chance(logit + settings.early_missed_logit * (place < 2))
    missed = np.floor(np.log1p(-rng.random(len(p))) / np.log(p)).astype(np.int64)
    missed = np.minimum(missed, 6)
    trailing = rng.binomial(2, 0.5, n) * plan.dropped_out
    trailing = np.where(plan.n_sessions == 0, 1 + rng.binomial(1, 0.4, n), trailing)
    missed[is_last] = trailing
    lengths = missed + ~is_last
    course = np.repeat(segment_course, lengths)
    is_kept = positions(lengths) == np.repeat(missed, lengths)
    return course, is_kept


def _days(
    model: PracticeModel,
    therapists: Therapists,
    cases: Cases,
    plan: Plan,
    course: Ints,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Ints:
    """Days of the appointments: steps of 1, 2, 3+ working weeks from the first one."""
    weekly, fortnightly = settings.gap_shares
    drawn = rng.random(len(course))
    longer = 2 + rng.geometric(0.6, len(course))
    gaps = np.where(drawn < weekly, 1, np.where(drawn < weekly + fortnightly, 2, longer))
    gaps[np.r_[True, course[1:] != course[:-1]][: len(course)]] = 0
    calendar = model.calendar
    table = therapists.calendar[cases.therapist[plan.case]]
    start = calendar.rank[table, plan.start_week]
    step = np.minimum(start[course] + running(gaps, course), calendar.n_weeks - 1)
    week = calendar.week[table[course], step]
    day = calendar.monday + 7 * week + cases.weekday[plan.case][course]
    return np.asarray(day, dtype=np.int64)


def _modes(prefers_video: Flags, rng: np.random.Generator) -> Ints:
    drawn = rng.random(len(prefers_video))
    usual = prefers_video.astype(np.int64)
    return np.where(drawn < 0.03, 2, np.where(drawn < 0.12, 1 - usual, usual))


def _dated(
    model: PracticeModel,
    cases: Cases,
    plan: Plan,
    kept: Appointments,
    has_rows: bool,
    settings: SimulationSettings,
    rng: np.random.Generator,
    is_return: bool,
) -> Courses:
    n = len(plan.case)
    site = cases.site[plan.case]
    beyond = model.calendar.monday + 7 * model.calendar.n_weeks
    opened, last, switched = np.full(n, beyond), np.full(n, beyond), np.full(n, beyond)
    if has_rows:
        np.minimum.at(opened, kept.course, kept.day)
        is_end = np.r_[kept.course[1:] != kept.course[:-1], True][: len(kept.course)]
        last[kept.course[is_end]] = kept.day[is_end]
        new = kept.therapist != cases.therapist[plan.case][kept.course]
        np.minimum.at(switched, kept.course[new], kept.day[new])
    drops = plan.dropped_out
    ending = rng.choice(len(ENDINGS), n, p=_OTHER_ENDINGS)
    ending[drops] = np.where(rng.random(int(drops.sum())) < 0.8, 1, 7)
    never = plan.n_sessions == 0
    ending[never] = np.where(rng.random(int(never.sum())) < 0.6, 1, 7)
    unrecorded = rng.random(n) < model.traits.ending_unrecorded[site]
    lag = np.where(drops | never, rng.integers(21, 61, n), rng.integers(0, 4, n))
    closed = last + lag
    cut = closed > model.traits.closes_day[site]
    ending[cut] = ENDINGS.index("service_ended")
    closed = np.minimum(closed, np.maximum(model.traits.closes_day[site], opened))
    return Courses(
        case=plan.case,
        is_return=np.full(n, is_return),
        n_sessions=plan.n_sessions,
        dropped_out=drops,
        has_intake=plan.has_intake,
        ending=np.where(unrecorded, ENDINGS.index("not_recorded"), ending),
        opened_day=opened,
        closed_day=closed,
        therapist=cases.therapist[plan.case],
        next_therapist=plan.next_therapist,
        switch_number=plan.switch_number,
        switch_day=switched,
    )
