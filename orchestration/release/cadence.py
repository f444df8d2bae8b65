"""When a practice's next delivery is due. PURE.

The warehouse knows only what came; that something did not come has to be told from the calendar.
A reader compares this deadline with its own clock, so lateness shows without a new release.
"""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from expectations.practice import Cadence


def next_expected_by(last_received_on: date, cadence: Cadence, time_zone: str) -> datetime:
    """The instant (UTC) after which the delivery that follows `last_received_on` is late.

    `last_received_on` is a local date in `time_zone`. One day, week or month later (the last day
    of a shorter month), plus the grace days, at the deadline's local time. Where daylight saving
    makes that local time happen twice or not at all, the later instant counts: nobody is late
    while a clock in the practice still says that there is time.
    """
    due_on = _one_later(last_received_on, cadence) + timedelta(days=cadence.grace_days)
    return _later_instant(due_on, cadence, time_zone)


def first_expected_by(contract_from: date, cadence: Cadence, time_zone: str) -> datetime:
    """The same for a feed of which nothing has ever come: due on the contract's first day."""
    due_on = contract_from + timedelta(days=cadence.grace_days)
    return _later_instant(due_on, cadence, time_zone)


def _one_later(day: date, cadence: Cadence) -> date:
    if cadence.every == "day":
        return day + timedelta(days=1)
    if cadence.every == "week":
        return day + timedelta(weeks=1)
    if cadence.every == "year":
        return date(day.year + 1, day.month, min(day.day, 28) if day.month == 2 else day.day)
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _later_instant(day: date, cadence: Cadence, time_zone: str) -> datetime:
    local = datetime.combine(day, time.fromisoformat(cadence.deadline), ZoneInfo(time_zone))
    # Of a repeated time fold 1 is the later; of a skipped one fold 0 is.
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
