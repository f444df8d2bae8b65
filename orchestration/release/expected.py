"""The calendar of expected deliveries as rows of a release: contracts and ledger in one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from expectations.practice import Contract, Practice
from expectations.registry import Registry
from orchestration.release.delivery_calendar import (
    Delivered,
    Entry,
    entries,
    expected,
    next_due,
    one_a_file,
)

DAYS_BACK, DAYS_AHEAD = 100, 92
"""How far a release's calendar reaches: a quarter to look back on, and a quarter in which lateness
shows although no new release comes."""

_FIRST_DUE_WITHIN = 62
"""Days: a month's delivery and a pause of a month are seen in it."""

_LEDGER = """
    select
        practice_id, feed, file, file_sha256, file_name, load_seq, state, reason, exported_on,
        n_file_rows, n_rows_read, n_accepted, n_quarantined, n_excluded, is_over_tolerance,
        min(received_at) over (partition by delivery_id) as first_received_at,
        min(received_on) over (partition by delivery_id) as first_received_on
    from raw.deliveries
    where file is not null and state <> 'duplicate'
    qualify row_number() over (partition by delivery_id order by load_seq desc) = 1 and (
        first_received_on >= $first
        or load_seq = max(load_seq) filter (where state = 'loaded') over (
            partition by practice_id, feed, file
        )
    )
    order by load_seq
"""
"""The last attempt on each delivery of late, and the last loaded one however old."""
_RESENT = """
    select practice_id, file, received_on, count(distinct file_sha256)
    from raw.deliveries
    where state = 'duplicate' and file is not null
    group by practice_id, file, received_on
"""
_FIRST_OF_ALL = "select practice_id, min(received_on) from raw.deliveries group by practice_id"

Row = Mapping[str, object]


def next_deadlines(
    source: duckdb.DuckDBPyConnection, registry: Registry, created_at: datetime
) -> list[Row]:
    """One row in state `expected` for each practice x feed of the contract valid today.

    A practice without a contract owes nothing; what is refused, held or dead is still owed.
    """
    zone = registry.group.time_zone
    today = created_at.astimezone(ZoneInfo(zone)).date()
    ledger = _Ledger(source, today)
    rows: list[Row] = []
    for practice in registry.practices.values():
        contract = practice.contract_on(today)
        found = ledger.calendar(practice, today, zone) if contract else []
        for feed in contract.feeds if contract else ():
            assert contract is not None
            if (practice.practice_id, feed) in ledger.loaded:
                due = next_due(found, feed)
            else:
                due = _first_due(practice, contract, feed, zone)
            if due is not None:
                rows.append(
                    {
                        "practice_id": practice.practice_id,
                        "feed": feed,
                        "state": "expected",
                        "expected_by_at": due.replace(tzinfo=None),
                    }
                )
    return rows


def _first_due(practice: Practice, contract: Contract, feed: str, zone: str) -> datetime | None:
    """Of a feed that has never been loaded: due from the contract's first day on."""
    first = contract.valid_from
    dues = expected(practice, first, first + timedelta(days=_FIRST_DUE_WITHIN), zone)
    owed = [d.expected_by_at for d in dues if feed in d.feeds and d.expected_by_at is not None]
    return min(owed, default=None)


def calendar_rows(
    source: duckdb.DuckDBPyConnection, registry: Registry, created_at: datetime
) -> list[Row]:
    """The table `expected_deliveries`.

    A practice's days begin with its first delivery, or with its contract while nothing has come:
    what came first brings the history along.
    """
    zone = registry.group.time_zone
    today = created_at.astimezone(ZoneInfo(zone)).date()
    ledger = _Ledger(source, today)
    first = today - timedelta(days=DAYS_BACK)
    rows: list[Row] = []
    for practice_id, practice in registry.practices.items():
        begins = max(first, ledger.begins.get(practice_id, first))
        rows += [
            _row(entry)
            for entry in ledger.calendar(practice, today, zone)
            if entry.due.due_on >= begins or (entry.delivered and entry.due.due_on >= first)
        ]
    return rows


class _Ledger:
    """What came, read once."""

    def __init__(self, source: duckdb.DuckDBPyConnection, today: date) -> None:
        # A delivery may stand for a day before it came.
        self._first = today - timedelta(days=DAYS_BACK + _FIRST_DUE_WITHIN)
        found = source.execute(_LEDGER, {"first": self._first})
        names = [column[0] for column in found.description or ()]
        attempts = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        self.begins: dict[str, date] = dict(source.execute(_FIRST_OF_ALL).fetchall())
        self.loaded = {
            (row["practice_id"], row["feed"]) for row in attempts if row["state"] == "loaded"
        }
        self._files: dict[str, list[Delivered]] = {}
        for file in one_a_file(_delivered(row) for row in attempts):
            self._files.setdefault(file.practice_id, []).append(file)
        self._resent = {
            (practice_id, file, day): int(n)
            for practice_id, file, day, n in source.execute(_RESENT).fetchall()
        }

    def calendar(self, practice: Practice, today: date, zone: str) -> list[Entry]:
        """Every day of a practice from the last loaded delivery of each file, at the latest
        `DAYS_BACK` days ago, to `DAYS_AHEAD` days from `today`."""
        files = self._files.get(practice.practice_id, [])
        newest: dict[str, date] = {}
        for file in files:
            if file.state == "loaded":
                newest[file.file] = file.received_on
        first = min([self._first, *newest.values()])
        dues = expected(practice, first, today + timedelta(days=DAYS_AHEAD), zone)
        resent = {key: n for key, n in self._resent.items() if key[0] == practice.practice_id}
        return entries(dues, files, resent)


def _delivered(row: dict[str, Any]) -> Delivered:
    facts = dict(row)
    feed = facts.pop("feed")
    return Delivered(
        received_at=facts.pop("first_received_at").replace(tzinfo=UTC),
        received_on=facts.pop("first_received_on"),
        loaded_feeds=frozenset([feed] if facts["state"] == "loaded" else []),
        **facts,
    )


_COUNTS: Sequence[str] = (
    "n_file_rows",
    "n_rows_read",
    "n_accepted",
    "n_quarantined",
    "n_excluded",
    "is_over_tolerance",
    "reason",
    "load_seq",
    "file_name",
)


def _row(entry: Entry) -> Row:
    due, file = entry.due, entry.delivered
    return {
        "practice_id": due.practice_id,
        "file": due.file,
        "feeds": ",".join(due.feeds),
        "due_on": due.due_on,
        "expected_by_at": _naive(due.expected_by_at),
        "missing_after_at": _naive(due.missing_after_at),
        "pause_note": due.pause_note,
        "state": entry.state,
        "is_late": entry.is_late,
        "received_at": _naive(file.received_at) if file else None,
        "n_superseded": entry.n_superseded,
        "n_duplicates": entry.n_duplicates,
        **{name: getattr(file, name) if file else None for name in _COUNTS},
    }


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
