"""Due days and deadlines by the calendar, in local time, through daylight saving and leap days."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from expectations.cadence import Cadence
from orchestration.release.cadence import due_days, expected_by

NEW_YORK = "America/New_York"
ANCHOR = date(2026, 1, 5)
"""A Monday."""


def _cadence(**declared: object) -> Cadence:
    return Cadence.model_validate({"grace_days": 0, **declared})


@pytest.mark.parametrize(
    ("declared", "first", "last", "due"),
    [
        ({"every": "day"}, "2028-02-28", "2028-03-01", ["02-28", "02-29", "03-01"]),
        ({"every": "day"}, "2026-02-28", "2026-03-01", ["02-28", "03-01"]),
        (
            {"every": "day", "weekdays": ["friday", "monday"]},
            "2026-11-20",
            "2026-11-27",
            ["11-20", "11-23", "11-27"],
        ),
        ({"every": "week"}, "2026-12-22", "2027-01-05", ["12-28", "01-04"]),
        ({"every": "week", "weekdays": ["sunday"]}, "2026-12-22", "2027-01-05", ["12-27", "01-03"]),
        ({"every": "year"}, "2026-01-01", "2027-12-31", ["01-05", "01-05"]),
        ({"every": "month"}, "2026-01-01", "2026-03-31", ["01-05", "02-05", "03-05"]),
        (
            {"every": "month", "day_of_month": 31},
            "2028-01-01",
            "2028-04-30",
            ["01-31", "02-29", "03-31", "04-30"],
        ),
        ({"every": "month", "day_of_month": 30}, "2026-02-01", "2026-03-31", ["02-28", "03-30"]),
    ],
)
def test_days_a_delivery_is_due(
    declared: dict[str, object], first: str, last: str, due: list[str]
) -> None:
    between = date.fromisoformat(first), date.fromisoformat(last)
    found = list(due_days(_cadence(**declared), ANCHOR, *between))
    assert [f"{day:%m-%d}" for day in found] == due


def test_one_delivery_a_local_date_through_both_changes_of_the_clock() -> None:
    # Clocks go forward on 8 March 2026 and back on 1 November 2026.
    daily = _cadence(every="day")
    for change, days_utc in ((date(2026, 3, 8), 23), (date(2026, 11, 1), 25)):
        first, last = change - timedelta(days=1), change + timedelta(days=1)
        days = list(due_days(daily, ANCHOR, first, last))
        assert days == [first, change, last]
        instants = [expected_by(day, daily, NEW_YORK) for day in days]
        hours = [(b - a) / timedelta(hours=1) for a, b in pairwise(instants)]
        assert hours == [days_utc, 24]


def test_grace_days_are_added() -> None:
    found = expected_by(date(2026, 6, 2), _cadence(grace_days=2), "UTC")
    assert found == datetime(2026, 6, 4, 3, tzinfo=UTC)


def test_the_deadline_is_in_the_practices_zone_where_it_names_one() -> None:
    assert expected_by(date(2026, 6, 2), _cadence(), NEW_YORK).hour == 7
    assert expected_by(date(2026, 6, 2), _cadence(time_zone="Europe/Berlin"), NEW_YORK).hour == 1


def test_a_skipped_deadline_is_the_instant_after_the_gap() -> None:
    # 02:30 does not exist on 8 March; half an hour after the jump is 03:30 EDT.
    found = expected_by(date(2026, 3, 8), _cadence(deadline="02:30"), NEW_YORK)
    assert found == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


def test_of_a_repeated_deadline_the_later_counts() -> None:
    # 01:30 happens twice on 1 November: 05:30 and 06:30 UTC.
    found = expected_by(date(2026, 11, 1), _cadence(deadline="01:30"), NEW_YORK)
    assert found == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


PAUSE = {"first_on": "2026-12-24", "last_on": "2026-12-26", "note": "n", "noted_on": "2026-11-01"}


def test_a_pause_holds_on_both_its_ends() -> None:
    cadence = _cadence(pauses=[PAUSE])
    days = [date(2026, 12, day) for day in (23, 24, 26, 27)]
    assert [cadence.pause_on(day) is not None for day in days] == [False, True, True, False]


@pytest.mark.parametrize(
    "declared",
    [
        {"every": "month", "weekdays": ["monday"]},
        {"every": "week", "day_of_month": 3},
        {"every": "day", "weekdays": ["monday", "monday"]},
        {"deadline": "24:00"},
        {"deadline": "03:60"},
        {"every": "month", "day_of_month": 32},
        {"pauses": [{**PAUSE, "last_on": "2026-12-23"}]},
        {"pauses": [{**PAUSE, "note": ""}]},
        {"pauses": [{key: PAUSE[key] for key in ("first_on", "last_on", "note")}]},
    ],
)
def test_a_cadence_that_means_nothing_is_refused(declared: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _cadence(**declared)
