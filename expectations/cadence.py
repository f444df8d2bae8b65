"""When a practice's files are due: the declared rhythm, its deadline, and days off it."""

from collections.abc import Iterator
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from expectations.base import Declaration
from expectations.yaml_source import Finding

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
"""In the order of `date.weekday()`."""

Path = tuple[str | int, ...]


class Pause(Declaration):
    """Days on which nothing is expected, both ends inclusive: a holiday, a closure, a move."""

    first_on: date
    last_on: date
    note: str = Field(min_length=1)
    """Why, and who said so."""
    noted_on: date
    """The day it was agreed on: one declared after the fact can be told from one before."""

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> "Pause":
        if self.last_on < self.first_on:
            raise ValueError("a pause's `last_on` is before its `first_on`")
        return self


class Cadence(Declaration):
    """When deliveries are expected: on which local dates, and by what time of those days."""

    every: Literal["day", "week", "month", "year"] = "day"
    """A year's delivery is due on the day of the year of the contract's `valid_from`."""
    weekdays: tuple[Weekday, ...] = ()
    """Of `day` and `week`: the days with a delivery. Without it every day, or once a week on the
    weekday of the contract's `valid_from`."""
    day_of_month: int | None = Field(default=None, ge=1, le=31)
    """Of `month`; a shorter month's last day stands in for it. Without it the day of the
    contract's `valid_from`."""
    deadline: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    time_zone: str | None = None
    """The practice's zone (`America/Chicago`), for the deadline; without it the group's."""
    grace_days: int = Field(default=1, ge=0)
    """Days after the deadline that still count as in time."""
    pauses: tuple[Pause, ...] = ()

    @model_validator(mode="after")
    def _days_fit_the_rhythm(self) -> "Cadence":
        if self.weekdays and self.every in ("month", "year"):
            raise ValueError("`weekdays` goes with `every: day` or `every: week`")
        if self.day_of_month is not None and self.every != "month":
            raise ValueError("`day_of_month` goes with `every: month`")
        if len(set(self.weekdays)) != len(self.weekdays):
            raise ValueError("a weekday is named twice")
        return self

    def pause_on(self, day: date) -> Pause | None:
        """The pause that `day` falls into, or None."""
        return next((p for p in self.pauses if p.first_on <= day <= p.last_on), None)


def cadence_problems(at: Path, cadence: Cadence | None) -> Iterator[Finding]:
    """What is wrong with a cadence, with its place in the practice's file."""
    if cadence is None or cadence.time_zone is None:
        return
    try:
        ZoneInfo(cadence.time_zone)
    except (KeyError, ValueError, OSError):
        yield (*at, "time_zone"), "is no time zone; write one such as America/Chicago"
