"""What should have become of everything a practice sent: the model of the state machine.

Pure, and written from what the contract promises, not from how the warehouse does it: which bytes
are loaded, held or turned away, on which day each was last exported, and which rows stand.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Any, Literal

from tests.faults.sent_files import KINDS, File, Kind, client_of, visit_day

State = Literal["loaded", "held", "refused"]
Rows = list[tuple[str, ...]]
TOLERATED, COMPARED, FEWEST_OF_EVENTS = 0.7, 5, 3
"""Of the usual size; deliveries it is the median of; and how many of those there must be."""


@dataclass
class Delivery:
    """Distinct bytes. `file.day` is the newest day under which they came."""

    file: File
    state: State | None = None
    names: dict[str, int] = field(default_factory=dict)
    """Those it lies in landing under, with their days."""
    is_released: bool = False
    days: tuple[int, int] | None = None
    """First and last day of its rows when it was read, without clients who had withdrawn."""


@dataclass
class History:
    """Everything sent so far. A night is `night`, or `ended_early` when it was killed."""

    deliveries: dict[tuple[Kind, str], Delivery] = field(default_factory=dict)
    withdrawn: set[int] = field(default_factory=set)

    def send(self, file: File, name: str) -> None:
        """Put a file into landing under a name of its day."""
        delivery = self.deliveries.setdefault((file.kind, file.content), Delivery(file))
        delivery.names[name] = file.day

    def of(self, *states: State | None) -> list[Delivery]:
        """Deliveries in these states, by kind and day."""
        found = [each for each in self.deliveries.values() if each.state in states]
        return sorted(found, key=lambda each: (each.file.kind, each.file.day))

    def night(self) -> None:
        """Everything in landing is gone through, oldest export first."""
        self.ended_early(len(list(self._coming())))
        self.tidy()

    def tidy(self) -> None:
        """Names of what is decided go; the newest day of what is loaded counts."""
        for each in self.of("loaded", "refused"):
            if each.state == "loaded":
                self._date(each, max([each.file.day, *each.names.values()]))
            each.names.clear()

    def ended_early(self, n_decided: int) -> None:
        """A night that decided of so many files, and no more."""
        self.tidy()
        for each in list(self._coming())[:n_decided]:
            self._date(each, min(each.names.values()))
            each.days = self._days(each.file)
            is_small = not each.is_released and self._is_shrunken(each)
            each.state = "held" if is_small else "loaded"

    def _coming(self) -> Iterator[Delivery]:
        def order(each: Delivery) -> tuple[int, str]:
            name = min(each.names)
            return each.names[name], name

        for kind in KINDS:
            open_ones = [
                each
                for (its, _), each in self.deliveries.items()
                if its == kind
                and each.names
                and (each.state is None or (each.state == "held" and each.is_released))
            ]
            yield from sorted(open_ones, key=order)

    def _date(self, each: Delivery, day: int) -> None:
        each.file = File(each.file.kind, day, each.file.rows)

    def loaded(self, kind: Kind) -> list[File]:
        """By the day of their export."""
        return [each.file for each in self.of("loaded") if each.file.kind == kind]

    def replayed(self, delivery: Delivery) -> None:
        """Read again as of now: what stands is the same."""
        self.tidy()
        delivery.days = self._days(delivery.file)

    def _is_shrunken(self, delivery: Delivery) -> bool:
        file = delivery.file
        earlier = [
            each
            for each in reversed(self.of("loaded"))
            if each.file.kind == file.kind and each.file.day <= file.day
        ]
        is_snapshot = file.kind == "episodes"
        if not is_snapshot:
            earlier = list(_alike(delivery, earlier))
        sizes = [len(each.file.rows) for each in earlier[:COMPARED]]
        if len(sizes) < (1 if is_snapshot else FEWEST_OF_EVENTS):
            return False
        n_rows, usual = len(file.rows), median(sizes)
        by_chance = 0 if is_snapshot else 2 * math.sqrt(usual)
        return n_rows <= TOLERATED * usual and usual - n_rows > by_chance

    def _days(self, file: File) -> tuple[int, int] | None:
        if file.kind == "episodes":
            return None
        days = [
            visit_day(visit) if file.kind == "forms" else row.day
            for visit, row in file.rows.items()
            if client_of(visit) not in self.withdrawn
        ]
        return (min(days), max(days)) if days else None

    def standing_forms(self) -> Rows:
        """Day, status and answers (as printed, from 1) of every form that should stand."""
        newest: dict[int, Any] = {}
        for file in self.loaded("forms"):
            newest |= file.rows
        return sorted(
            (
                f"2026-02-{visit_day(visit):02d}",
                "declined" if answers is None else "completed",
                "" if answers is None else " ".join(str(answer + 1) for answer in answers),
            )
            for visit, answers in newest.items()
            if client_of(visit) not in self.withdrawn
        )

    def standing_episodes(self) -> Rows:
        """Site and age band of what the newest list holds."""
        *_, newest = [File("episodes", 0, {}), *self.loaded("episodes")]
        sites = {"N": "north", "S": "south"}
        return sorted(
            (sites[row.site], "13_17" if row.age < 18 else "18_29")
            for row in newest.rows.values()
            if row.client not in self.withdrawn
        )

    def standing_sessions(self) -> Rows:
        """Day and attendance: of each session the newest version whose day no newer file holds."""
        newest: dict[int, Any] = {}
        files = self.loaded("sessions")
        for number, file in enumerate(files):
            taken = [_period(newer) for newer in files[number + 1 :]]
            newest |= {
                visit: row
                for visit, row in file.rows.items()
                if not any(first <= row.day <= last for first, last in taken)
            }
        return sorted(
            (f"2026-02-{row.day:02d}", "attended" if row.is_kept else "no_show")
            for visit, row in newest.items()
            if client_of(visit) not in self.withdrawn
        )


def _period(file: File) -> tuple[int, int]:
    """The days a file of sessions speaks for, whoever's they are."""
    days = [row.day for row in file.rows.values()]
    return min(days), max(days)


def _alike(delivery: Delivery, earlier: Iterable[Delivery]) -> Iterator[Delivery]:
    """Files over about as many days; those that end on the same weekday alone, if there are any."""
    length = _length(delivery.days)
    found = [
        each
        for each in earlier
        if (length is None) == (_length(each.days) is None)
        and (
            length is None
            or max(length, _length(each.days) or 0) <= 2 * min(length, _length(each.days) or 0)
        )
    ]
    if delivery.days is not None and length is not None and length < 7:
        weekday = _weekday(delivery.days)
        same = [each for each in found if each.days and _weekday(each.days) == weekday]
        found = same or found
    yield from found


def _length(days: tuple[int, int] | None) -> int | None:
    return None if days is None else days[1] - days[0] + 1


def _weekday(days: tuple[int, int]) -> int:
    return date(2026, 2, days[1]).weekday()
