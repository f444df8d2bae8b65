"""One file for one feed, as the run hands it to the process that reads.

Apart from the reading itself: a run that finds nothing to read pays for no reader.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from expectations.model import FeedName
from orchestration.ingest.outcome import Outcome, refused
from orchestration.ingest.stated import NOTHING_STATED, Stated


@dataclass(frozen=True)
class FileJob:
    """One file for one feed, as the run hands it to the worker."""

    delivery_id: str
    practice_id: str
    feed: FeedName
    file: str | None
    path: str
    sha256: str
    received_on: str
    rules_on: str | None = None
    """Day whose contract reads the file, when it is not the day it came: a replay."""
    rules: str | None = None
    """File with declarations kept from then, in place of the home's; the same for a whole batch."""
    stated: Stated = NOTHING_STATED
    withdrawn: Sequence[str] = ()
    """Pseudonyms of the practice's withdrawn clients: their rows are left out."""

    @property
    def day(self) -> date:
        """The group's local date on which the file came."""
        return date.fromisoformat(self.received_on)

    @property
    def rules_day(self) -> date:
        """The day whose contract and agreement are asked for."""
        return date.fromisoformat(self.rules_on or self.received_on)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "FileJob":
        """The job a run sent."""
        return cls(**{**document, "stated": Stated(**document["stated"])})


def dead(job: FileJob, why: str) -> Outcome:
    """The outcome of a file whose reading did not come to an end."""
    return refused(
        job.delivery_id,
        "reading_died",
        f"{why}; the file was not taken in and is tried again next night; if it stays so, send it "
        "in parts, by period, and report it when that does not help",
        state="dead",
    )
