"""Which forms are due at which session: the contract's schedules, read as the warehouse reads them.

Only attended treatment sessions make forms due; they are numbered within the episode.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np

from expectations.mapping import FormBlock, LongIdentity
from expectations.practice import Practice
from expectations.schedule import Schedule
from orchestration.simulation.arrays import NEVER, Flags, Ints
from orchestration.simulation.network import day_number
from orchestration.simulation.population import SERVICE_TYPES

FormIdentity = tuple[str, str, str]
"""instrument_code, version, informant."""


def schedules_on(practice: Practice, day: date) -> tuple[Schedule, ...]:
    """The schedules of the contract version valid that day, else of the last one."""
    contract = practice.contract_on(day) or practice.contracts[-1]
    return contract.schedules


def identity_of(named: Schedule | FormBlock | LongIdentity) -> FormIdentity:
    """The questionnaire that a schedule asks for, or that a file carries."""
    return named.instrument_code, named.version, named.informant


def is_due(
    schedules: Sequence[Schedule],
    site_ids: Sequence[str],
    *,
    site: Ints,
    service: Ints,
    day: Ints,
    course: Ints,
    number: Ints,
    is_last_of_closed: Flags,
) -> Flags:
    """Whether any of the schedules makes its form due, for each session of the arrays.

    Sessions are attended treatment sessions, ordered by course and number.
    """
    due = np.zeros(len(number), dtype=bool)
    for schedule in schedules:
        due |= _in_scope(schedule, site_ids, site, service, day) & _by_rule(
            schedule, day, course, number, is_last_of_closed
        )
    return due


def _in_scope(
    schedule: Schedule, site_ids: Sequence[str], site: Ints, service: Ints, day: Ints
) -> Flags:
    sites = [name in (schedule.scope.sites or site_ids) for name in site_ids]
    services = [name in schedule.scope.service_types for name in SERVICE_TYPES]
    last = day_number(schedule.valid_to) if schedule.valid_to else NEVER
    in_time = (day >= day_number(schedule.valid_from)) & (day <= last)
    scope: Flags = np.array(sites)[site] & np.array(services)[service] & in_time
    return scope


def _by_rule(
    schedule: Schedule, day: Ints, course: Ints, number: Ints, is_last_of_closed: Flags
) -> Flags:
    if schedule.rule == "every_session":
        return np.ones(len(number), dtype=bool)
    if schedule.rule == "session_list":
        return np.isin(number, np.array(schedule.sessions))
    if schedule.rule == "intake":
        return np.equal(number, 1)
    if schedule.rule == "ending":
        return is_last_of_closed
    assert schedule.every is not None
    if schedule.rule == "every_n":
        return np.equal((number - 1) % schedule.every, 0)
    # every_days: the first session of each stretch of that many days since the first one.
    is_first = np.r_[True, course[1:] != course[:-1]][: len(course)]
    start = day[is_first][np.cumsum(is_first) - 1]
    stretch = (day - start) // schedule.every
    begins = np.r_[False, stretch[1:] != stretch[:-1]][: len(course)]
    due: Flags = np.logical_or(is_first, begins)
    return due
