"""What a practice's files may miss: a share, a reason, and the day it was agreed on."""

from datetime import date

from pydantic import Field

from expectations.base import Declaration

QUARANTINE = "quarantine"
"""In place of a check: the share of a delivery's forms that may be set aside by any of them."""


class Tolerance(Declaration):
    """A threshold of one check for one kind of file, with why and since when.

    The rows that fail a critical check are set aside all the same; what is tolerated is that the
    check counts as passed. `until` is the last day on which it does.
    """

    check: str
    """A check's id (`administrations.completed_on.not_future`), or `quarantine`."""
    share: float = Field(ge=0, le=1)
    note: str = Field(min_length=1)
    noted_on: date
    until: date | None = None
