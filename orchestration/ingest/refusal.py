"""Why a delivery is turned away: one typed error, worded for the person who must mend the file."""

from dataclasses import dataclass


@dataclass
class DeliveryRefused(Exception):
    """A file that cannot be taken in. `reason` is a stable word, `message` says what to do.

    A message names columns, line numbers and what was expected; it never holds a cell's value.
    """

    reason: str
    message: str
    exported_on: str | None = None
    """The export's day where the file's own rows say it and that is what is wrong with it."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
