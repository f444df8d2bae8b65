"""Exports of one practice as the state machine sends them: forms, episodes and sessions by day.

Forms are appended and corrected by key, episodes are the whole list each time (a snapshot), and
sessions speak for the days they hold (a period).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from expectations.practice import Practice
from expectations.registry import Registry
from tests.integration import small_group as group
from tests.unit.ingest import declarations

PRACTICE = "brook"
FIRST_DAY = date(2026, 3, 1)
"""Day 0 of the exports."""
CLIENTS = 3
VISIT_DAYS = 6
"""Visits lie on the first days of February, again and again when there are more of them."""
CROWD = 24
"""Visits of a file that is large enough for another to be called shrunken beside it."""

Kind = Literal["forms", "episodes", "sessions"]
KINDS: tuple[Kind, ...] = ("forms", "episodes", "sessions")
"""In the order in which a night takes them: by the feed's name (forms are administrations)."""
FEEDS = {"forms": "administrations", "episodes": "episodes", "sessions": "sessions"}

Answers = tuple[int, int, int] | None
"""Of the file, 0-4; None for a form that was declined."""


class Episode(NamedTuple):
    """Whose it is, at which site (N or S), and how old they are."""

    client: int
    site: str
    age: int


class Session(NamedTuple):
    """The day of February, and whether it was kept."""

    day: int
    is_kept: bool


@dataclass(frozen=True)
class File:
    """An export of one day: answers by visit, episodes or sessions by number."""

    kind: Kind
    day: int
    rows: Mapping[int, Any]

    @property
    def name(self) -> str:
        """As the practice calls it; the day is read from it."""
        return f"{self.kind}_{FIRST_DAY + timedelta(days=self.day):%Y%m%d}.csv"

    def renamed(self, number: int) -> str:
        """Another name with the same day."""
        return self.name.replace(".csv", f"_copy_{number}.csv")

    @property
    def content(self) -> str:
        """The file as text. Two days' exports that say the same are the same bytes."""
        header = {"forms": group.HEADER, "episodes": _EPISODES, "sessions": _SESSIONS}[self.kind]
        lines = [_LINES[self.kind](number, row) for number, row in self.rows.items()]
        return "\n".join([header, *lines, ""])


_EPISODES = "episode,client,place,start,state,age"
_SESSIONS = "session,client,day,kept"
_LINES: dict[str, Any] = {
    "forms": lambda visit, answers: (
        f"P{client_of(visit)};V{visit};{visit_day(visit):02d}.02.2026;{_said(answers)};x"
    ),
    "episodes": lambda number, row: f"E{number},P{row.client},{row.site},2026-01-05,open,{row.age}",
    "sessions": lambda number, row: (
        f"V{number},P{client_of(number)},2026-02-{row.day:02d},{_attendance(row)}"
    ),
}


def client_of(visit: int) -> int:
    """Whose visit it is."""
    return visit % CLIENTS + 1


def visit_day(visit: int) -> int:
    """The day of February on which its form was filled in."""
    return (visit - 1) % VISIT_DAYS + 1


def _said(answers: Answers) -> str:
    return "no;;;" if answers is None else f"done;{';'.join(map(str, answers))}"


def _attendance(row: Session) -> str:
    return "attended" if row.is_kept else "no_show"


def _declared(**terms: Any) -> Practice:
    shapes = (
        declarations.WIDE_FILE,
        declarations.SNAPSHOT_OF_EPISODES,
        declarations.PERIOD_OF_SESSIONS,
    )
    files = [{**each, **terms} for each in shapes]
    return declarations.practice(*files).model_copy(update={"practice_id": PRACTICE})


def declared(*, is_holding: bool) -> Registry:
    """The practice's declarations; without `is_holding` no file is too small to be loaded."""
    tolerant = {"shrinkage": {"tolerated_share": 1, "note": "whatever comes is meant"}}
    return group.registry(_declared() if is_holding else _declared(**tolerant))
