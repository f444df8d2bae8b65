"""On which local dates a cadence expects a delivery, and by which instant. PURE.

The warehouse knows only what came; that something did not come has to be told from the calendar.
A reader compares these instants with its own clock, so lateness shows without a new release.
"""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from expectations.cadence import WEEKDAYS, Cadence


def due_days(cadence: Cadence, anchor: date, first: date, last: date) -> Iterator[date]:
    """Local dates from `first` to `last` (both inclusive) on which a delivery is due, in order.

    `anchor` is the contract's first day: it gives the weekday or the day of the month where the
    cadence names none. Days in a pause are among them: what came on one is still a delivery.
    """
    day = first
    while day <= last:
        if _is_due(cadence, anchor, day):
            yield day
        day += timedelta(days=1)


def expected_by(due_on: date, cadence: Cadence, group_zone: str) -> datetime:
    """The instant (UTC) after which the delivery due on `due_on` is late.

    The deadline's local time in the cadence's zone (else `group_zone`), the grace days later. Where
    daylight saving makes that local time happen twice or not at all, the later instant counts:
    nobody is late while a clock in the practice still says that there is time.
    """
    day = due_on + timedelta(days=cadence.grace_days)
    zone = ZoneInfo(cadence.time_zone or group_zone)
    local = datetime.combine(day, time.fromisoformat(cadence.deadline), zone)
    # Of a repeated time fold 1 is the later; of a skipped one fold 0 is.
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def _is_due(cadence: Cadence, anchor: date, day: date) -> bool:
    if cadence.every == "month":
        wanted = cadence.day_of_month or anchor.day
        return day.day == min(wanted, calendar.monthrange(day.year, day.month)[1])
    if cadence.every == "year":
        last = calendar.monthrange(day.year, anchor.month)[1]
        return (day.month, day.day) == (anchor.month, min(anchor.day, last))
    if cadence.weekdays:
        return WEEKDAYS[day.weekday()] in cadence.weekdays
    return cadence.every == "day" or day.weekday() == anchor.weekday()
