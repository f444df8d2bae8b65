"""Deadlines by the calendar, in local time, through daylight saving."""

from datetime import UTC, date, datetime

import pytest

from expectations.practice import Cadence
from orchestration.release.cadence import first_expected_by, next_expected_by

NEW_YORK = "America/New_York"


def _cadence(every: str, deadline: str = "03:00", grace_days: int = 0) -> Cadence:
    return Cadence.model_validate({"every": every, "deadline": deadline, "grace_days": grace_days})


@pytest.mark.parametrize(
    ("every", "last", "due"),
    [
        ("day", date(2026, 2, 28), date(2026, 3, 1)),
        ("day", date(2028, 2, 28), date(2028, 2, 29)),
        ("week", date(2026, 12, 28), date(2027, 1, 4)),
        ("month", date(2026, 1, 15), date(2026, 2, 15)),
        ("month", date(2026, 1, 31), date(2026, 2, 28)),
        ("month", date(2028, 1, 31), date(2028, 2, 29)),
        ("month", date(2026, 12, 31), date(2027, 1, 31)),
    ],
)
def test_the_next_delivery_is_one_cadence_later(every: str, last: date, due: date) -> None:
    found = next_expected_by(last, _cadence(every), "UTC")
    assert found == datetime(due.year, due.month, due.day, 3, tzinfo=UTC)


def test_grace_days_are_added() -> None:
    found = next_expected_by(date(2026, 6, 1), _cadence("day", grace_days=2), "UTC")
    assert found == datetime(2026, 6, 4, 3, tzinfo=UTC)


def test_the_deadline_is_local_on_both_sides_of_daylight_saving() -> None:
    # Clocks go forward on 8 March 2026 and back on 1 November 2026.
    assert next_expected_by(date(2026, 3, 6), _cadence("day"), NEW_YORK).hour == 8
    assert next_expected_by(date(2026, 3, 8), _cadence("day"), NEW_YORK).hour == 7
    assert next_expected_by(date(2026, 11, 1), _cadence("day"), NEW_YORK).hour == 8


def test_a_skipped_deadline_is_the_instant_after_the_gap() -> None:
    # 02:30 does not exist on 8 March; half an hour after the jump is 03:30 EDT.
    found = next_expected_by(date(2026, 3, 7), _cadence("day", "02:30"), NEW_YORK)
    assert found == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


def test_of_a_repeated_deadline_the_later_counts() -> None:
    # 01:30 happens twice on 1 November: 05:30 and 06:30 UTC.
    found = next_expected_by(date(2026, 10, 31), _cadence("day", "01:30"), NEW_YORK)
    assert found == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_what_never_came_is_due_from_the_contracts_first_day() -> None:
    found = first_expected_by(date(2026, 6, 1), _cadence("month", grace_days=1), "UTC")
    assert found == datetime(2026, 6, 2, 3, tzinfo=UTC)
