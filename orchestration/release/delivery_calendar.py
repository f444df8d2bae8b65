"""What each practice was to send, night by night, and what came of it. PURE.

Expectations come from the contracts as they were dated; deliveries from the ledger. Where something
came its state is settled here. Where nothing came only a clock can tell whether it is still due,
late or missing, so a row carries the two instants that decide and the reader compares.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from expectations.cadence import Cadence
from expectations.practice import Practice
from orchestration.release.cadence import due_days, expected_by

LEAD_SHARE = 1 / 3
"""A delivery that comes in the last third of the time between two due days comes early for the
later of them; before that it comes late for the earlier. Without the first a practice that always
sends a day ahead would stay one delivery behind for good after a missed one."""

_WORST_FIRST = ("dead", "held", "refused")
"""Of the feeds of one file: the state that a person has to see first."""


@dataclass(frozen=True)
class Due:
    """One kind of file that a practice owes on one local date. Instants are aware, UTC.

    `missing_after_at`: when the next one is late too, this one is not only late but missing.
    `pause_note`: why nothing is expected on that day after all; both instants are None then.
    """

    practice_id: str
    file: str
    feeds: tuple[str, ...]
    due_on: date
    expected_by_at: datetime | None
    missing_after_at: datetime | None
    pause_note: str | None = None


@dataclass(frozen=True)
class Delivered:
    """One file that came, with the state of its last attempt; `received_at` (aware) is its first.

    `received_on` is the group's local date of that moment. A file that carries several feeds is one
    delivery of a file: counts are added up, and its state is its worst feed's. `loaded_feeds` are
    those of its feeds that were taken in.
    """

    practice_id: str
    file: str
    file_sha256: str
    file_name: str | None
    load_seq: int
    state: str
    reason: str | None
    received_at: datetime
    received_on: date
    exported_on: date | None
    n_file_rows: int | None
    n_rows_read: int
    n_accepted: int
    n_quarantined: int
    n_excluded: int
    is_over_tolerance: bool
    loaded_feeds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """One line of the calendar. `delivered` is the file that stands for it, None when none came.

    `state` is None when nothing came: the reader's clock tells `due`, `late` or `missing`.
    """

    due: Due
    state: str | None
    delivered: Delivered | None
    is_late: bool = False
    n_superseded: int = 0
    n_duplicates: int = 0
    loaded_feeds: frozenset[str] = frozenset()


def expected(practice: Practice, first: date, last: date, group_zone: str) -> list[Due]:
    """Everything a practice owes from `first` to `last`, both local dates included, in order.

    Each day goes by the contract valid on it; a day without a contract owes nothing.
    """
    owed: list[_Owed] = []
    for number, contract in enumerate(practice.contracts):
        begins = max(first, contract.valid_from)
        ends = min(day for day in (last, contract.valid_to) if day is not None)
        if number + 1 < len(practice.contracts):
            ends = min(ends, practice.contracts[number + 1].valid_from - timedelta(days=1))
        # Files mostly share the contract's cadence: its days are worked out once.
        rhythms: dict[int, list[_Rhythm]] = {}
        for spec in contract.files:
            cadence = contract.cadence_of(spec)
            if id(cadence) not in rhythms:
                days = due_days(cadence, contract.valid_from, begins, ends)
                rhythms[id(cadence)] = [_rhythm(day, cadence, group_zone) for day in days]
            feeds = tuple(mapping.feed for mapping in spec.mappings)
            owed += [(spec.file, day, by, note, feeds) for day, by, note in rhythms[id(cadence)]]
    owed.sort(key=lambda each: each[:2])
    return _dues(practice.practice_id, owed)


_Rhythm = tuple[date, datetime | None, str | None]
_Owed = tuple[str, date, datetime | None, str | None, tuple[str, ...]]


def _rhythm(day: date, cadence: Cadence, group_zone: str) -> _Rhythm:
    """A due day, its deadline, and the note of a pause: one of the two is None."""
    pause = cadence.pause_on(day)
    return (day, None, pause.note) if pause else (day, expected_by(day, cadence, group_zone), None)


def _dues(practice_id: str, ordered: Sequence[_Owed]) -> list[Due]:
    """Each with the deadline of the next of its file that is no pause; the last one has none."""
    result: list[Due] = []
    following: tuple[str, datetime] | None = None
    for file, day, by, note, feeds in reversed(ordered):
        after = following[1] if by and following and following[0] == file else None
        result.append(Due(practice_id, file, feeds, day, by, after, note))
        if by:
            following = (file, by)
    return result[::-1]


def one_a_file(attempts: Iterable[Delivered]) -> list[Delivered]:
    """The last attempt of each feed of each file made one delivery of the file.

    `attempts` holds one row a feed and file content, with the first `received_at` of its attempts.
    """
    files: dict[tuple[str, str, str], Delivered] = {}
    for attempt in attempts:
        key = (attempt.practice_id, attempt.file, attempt.file_sha256)
        known = files.get(key)
        files[key] = attempt if known is None else _together(known, attempt)
    return sorted(files.values(), key=lambda file: (file.received_at, file.load_seq))


def _together(one: Delivered, other: Delivered) -> Delivered:
    worst = min((one, other), key=lambda file: _severity(file.state))
    rows = [n for n in (one.n_file_rows, other.n_file_rows) if n is not None]
    return replace(
        worst,
        load_seq=max(one.load_seq, other.load_seq),
        received_at=min(one.received_at, other.received_at),
        received_on=min(one.received_on, other.received_on),
        n_file_rows=max(rows, default=None),
        n_rows_read=one.n_rows_read + other.n_rows_read,
        n_accepted=one.n_accepted + other.n_accepted,
        n_quarantined=one.n_quarantined + other.n_quarantined,
        n_excluded=one.n_excluded + other.n_excluded,
        is_over_tolerance=one.is_over_tolerance or other.is_over_tolerance,
        loaded_feeds=one.loaded_feeds | other.loaded_feeds,
    )


def _severity(state: str) -> int:
    return _WORST_FIRST.index(state) if state in _WORST_FIRST else len(_WORST_FIRST)


def entries(
    dues: Sequence[Due], delivered: Sequence[Delivered], resent: Mapping[tuple[str, str, date], int]
) -> list[Entry]:
    """The calendar of one practice: each of `dues` with what came for it.

    `dues` are those of `expected`; `delivered` those of `one_a_file`. `resent` counts, by
    (practice, file, local date), files with bytes that were already loaded. A file belongs to the
    due day that it came on or after, or to the next one when it comes in the last third before it.
    Where one day gets several exports, the older ones go back to days that got none: a practice
    that catches up sends what it owes.
    """
    places = _Places(dues)
    for file in delivered:
        places.put(file)
    places.catch_up()
    again: Counter[int | None] = Counter()
    for (practice_id, name, day), count in resent.items():
        again[places.index_of(practice_id, name, day)] += count
    return [_entry(due, places.files[index], again[index]) for index, due in enumerate(dues)]


class _Places:
    """Which deliveries stand on which due day."""

    def __init__(self, dues: Sequence[Due]) -> None:
        self.files: list[list[Delivered]] = [[] for _ in dues]
        self._days: dict[tuple[str, str], list[tuple[date, int]]] = {}
        for index, due in enumerate(dues):
            key = (due.practice_id, due.file)
            self._days.setdefault(key, []).append((due.due_on, index))

    def index_of(self, practice_id: str, file: str, day: date) -> int | None:
        """Place of the due day that something received on `day` belongs to, or None."""
        days = self._days.get((practice_id, file), [])
        place = bisect_right(days, day, key=lambda each: each[0]) - 1
        if place < 0:
            return None
        before, index = days[place]
        if place + 1 == len(days):
            return index
        after, following = days[place + 1]
        is_early = (after - day).days <= LEAD_SHARE * (after - before).days
        return following if is_early else index

    def put(self, file: Delivered) -> None:
        index = self.index_of(file.practice_id, file.file, file.received_on)
        if index is not None:
            self.files[index].append(file)

    def catch_up(self) -> None:
        """Give exports of earlier days, sent together with a newer one, to days with none loaded.

        A day whose file was refused is among them: that is how a mended file comes.
        """
        for days in self._days.values():
            open_days: list[int] = []
            for _, index in days:
                older = _older_exports(self.files[index])
                while older and open_days:
                    file = older.pop()
                    self.files[index].remove(file)
                    self.files[self._best(open_days, file)].append(file)
                if not _loaded(self.files[index]):
                    open_days.append(index)

    def _best(self, open_days: list[int], file: Delivered) -> int:
        """The open day whose file had the same export day, else the last; open no longer."""
        for index in open_days:
            if any(other.exported_on == file.exported_on for other in self.files[index]):
                open_days.remove(index)
                return index
        return open_days.pop()


def _loaded(files: Sequence[Delivered]) -> list[Delivered]:
    return [file for file in files if _severity(file.state) == len(_WORST_FIRST)]


def _older_exports(files: Sequence[Delivered]) -> list[Delivered]:
    """One loaded file for each export day before the newest, oldest first."""
    by_day = {f.exported_on: f for f in _loaded(files) if f.exported_on is not None}
    if not by_day:
        return []
    newest = max(by_day)
    return [by_day[day] for day in sorted(by_day) if day < newest]


def _entry(due: Due, files: Sequence[Delivered], n_duplicates: int) -> Entry:
    if not files:
        state = "duplicate" if n_duplicates else None
        return Entry(due, state, None, n_duplicates=n_duplicates)
    ordered = sorted(files, key=lambda file: (file.exported_on or date.min, file.load_seq))
    loaded = _loaded(ordered)
    shown = (loaded or ordered)[-1]
    came_at = min(file.received_at for file in (loaded or ordered))
    is_late = due.expected_by_at is not None and came_at > due.expected_by_at
    return Entry(
        due,
        _state(shown, is_late=is_late),
        replace(shown, received_at=came_at),
        is_late,
        ordered.index(shown),
        n_duplicates,
        frozenset[str]().union(*(file.loaded_feeds for file in files)),
    )


def _state(file: Delivered, *, is_late: bool) -> str:
    if file.state != "loaded":
        return file.state
    if is_late:
        return "late"
    return "quarantined" if file.n_quarantined else "on_time"


def next_due(found: Sequence[Entry], feed: str) -> datetime | None:
    """The deadline after which a practice is late with a feed, over all its kinds of file.

    The first after the last day for which a file was loaded: one that was refused is still owed.
    None when nothing is.
    """
    owed: list[datetime] = []
    for file in sorted({entry.due.file for entry in found if feed in entry.due.feeds}):
        mine = [entry for entry in found if entry.due.file == file]
        done = [place for place, entry in enumerate(mine) if feed in entry.loaded_feeds]
        rest = mine[done[-1] + 1 :] if done else mine
        owed += [e.due.expected_by_at for e in rest if e.due.expected_by_at is not None][:1]
    return min(owed, default=None)
