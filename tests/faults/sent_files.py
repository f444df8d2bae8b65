"""What a practice has sent so far, and what should stand of it: the model of the state machine.

Of each form and episode the version of the newest export stands, whatever came when. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from tests.integration import small_group as group

FIRST_DAY = date(2026, 3, 1)
LAST_VISIT = 6
CLIENTS = 3

Answers = tuple[int, int, int] | None
"""Of the file, 0-4; None for a form that was declined."""
Place = tuple[str, int]
"""Site and age."""


@dataclass(frozen=True)
class File:
    """An export of one day, and what it says: answers by visit, or places by client."""

    kind: Literal["forms", "episodes"]
    day: int
    forms: Mapping[int, Answers] = field(default_factory=dict)
    episodes: Mapping[int, Place] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the practice calls it; the day is read from it."""
        return f"{self.kind}_{FIRST_DAY + timedelta(days=self.day):%Y%m%d}.csv"

    def renamed(self, number: int) -> str:
        """Another name with the same day."""
        return self.name.replace(".csv", f"_copy_{number}.csv")

    @property
    def content(self) -> str:
        """The file as text."""
        if self.kind == "episodes":
            rows = [
                f"E{client},P{client},{site},2026-01-05,open,{age}"
                for client, (site, age) in self.episodes.items()
            ]
            return "\n".join([group.EPISODES.splitlines()[0], *rows, ""])
        # The discarded column makes exports that say the same different bytes.
        rows = [
            f"P{client_of(visit)};V{visit};{visit:02d}.02.2026;{_said(answers)};{self.day}"
            for visit, answers in self.forms.items()
        ]
        return "\n".join([group.HEADER, *rows, ""])


def client_of(visit: int) -> int:
    """Whose visit it is."""
    return visit % CLIENTS + 1


def _said(answers: Answers) -> str:
    return "no;;;" if answers is None else f"done;{';'.join(map(str, answers))}"


def standing_forms(files: Iterable[File]) -> list[tuple[str, str, list[float]]]:
    """Day, status and answers (as printed, from 1) of every form that should stand."""
    newest: dict[int, Answers] = {}
    for file in sorted(files, key=lambda file: file.day):
        newest |= file.forms
    return sorted(
        (
            f"2026-02-{visit:02d}",
            "declined" if answers is None else "completed",
            [] if answers is None else [float(answer + 1) for answer in answers],
        )
        for visit, answers in newest.items()
    )


def standing_episodes(files: Iterable[File]) -> list[tuple[str, str]]:
    """Site and age band of every episode that should stand."""
    newest: dict[int, Place] = {}
    for file in sorted(files, key=lambda file: file.day):
        newest |= file.episodes
    sites = {"N": "north", "S": "south"}
    return sorted((sites[site], _band(age)) for site, age in newest.values())


def _band(age: int) -> str:
    """Of the ages the machine uses."""
    return "13_17" if age < 18 else "18_29"
