"""What became of deliveries, read from the release in force: never from the warehouse.

So an analyst may ask at any moment, also while a night is being loaded; and what comes back is
what everyone else sees. Row numbers and rules come out, cell values are not even in the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.release.reader import Pointer

DELIVERY_COLUMNS = (
    "practice_id",
    "feed",
    "delivery_id",
    "file_name",
    "state",
    "received_at",
    "expected_by_at",
    "n_file_rows",
    "n_rows_read",
    "n_accepted",
    "n_quarantined",
    "n_excluded",
    "reason",
    "message",
)
CALENDAR_COLUMNS = (
    "practice_id",
    "due_on",
    "file",
    "state",
    "expected_by_at",
    "received_at",
    "is_late",
    "file_name",
    "n_superseded",
    "n_duplicates",
    "n_file_rows",
    "n_accepted",
    "n_quarantined",
    "n_excluded",
    "is_over_tolerance",
    "reason",
    "pause_note",
)
CALENDAR_STATES = (
    "on_time",
    "late",
    "missing",
    "due",
    "paused",
    "duplicate",
    "quarantined",
    "held",
    "refused",
    "dead",
)
_STATE_NOW = """
    coalesce(state, case
        when expected_by_at is null then 'paused'
        when $now > missing_after_at then 'missing'
        when $now > expected_by_at then 'late'
        else 'due'
    end)
"""
"""What a row of the calendar is at a moment; where nothing came only the clock tells."""

QUARANTINE_COLUMNS = (
    "practice_id",
    "delivery_id",
    "feed",
    "instrument_code",
    "check_id",
    "column_name",
    "is_open",
)


@dataclass(frozen=True)
class Wanted:
    """Which part of a report: a practice, a state or a delivery; None for all of them."""

    practice_id: str | None = None
    state: str | None = None
    delivery_id: str | None = None
    is_open: bool | None = None
    """Of quarantine: whether somebody still has to mend it."""

    def where(self) -> tuple[str, list[str | bool]]:
        """An SQL condition and its values."""
        named: dict[str, str | bool | None] = {
            "practice_id": self.practice_id,
            "state": self.state,
            "delivery_id": self.delivery_id,
            "is_open": self.is_open,
        }
        given = {name: value for name, value in named.items() if value is not None}
        return " and ".join(f"{name} = ?" for name in given) or "true", list(given.values())


def deliveries(release: Pointer, wanted: Wanted) -> list[dict[str, Any]]:
    """Deliveries, newest first, and each practice's next deadline (state `expected`)."""
    condition, values = wanted.where()
    return _rows(
        release.release,
        f"select {', '.join(DELIVERY_COLUMNS)} from deliveries where {condition} "
        "order by load_seq desc nulls first, practice_id, feed",
        values,
    )


def calendar(release: Pointer, wanted: Wanted, now: datetime, n_days: int) -> list[dict[str, Any]]:
    """What was to come on the last `n_days` local days and what came of it, newest first.

    `now` is aware; days yet to come are left out, but for each file's next one.
    """
    names = ", ".join(f"{_STATE_NOW} as state" if c == "state" else c for c in CALENDAR_COLUMNS)
    at = now.astimezone(UTC).replace(tzinfo=None)
    found = _rows(
        release.release,
        f"""
        with today as (
            select
                cast(timezone(time_zone, $now::timestamp at time zone 'UTC') as date) as today_on
            from release
        ),
        shown as (
            select {names} from expected_deliveries, today
            where due_on > today_on - $n_days::integer and due_on <= coalesce(
                (
                    select min(later.due_on) from expected_deliveries as later
                    where later.practice_id = expected_deliveries.practice_id
                    and later.file = expected_deliveries.file and later.due_on > today_on
                    and later.expected_by_at is not null
                ),
                today_on
            )
        )
        select * from shown order by due_on desc, practice_id, file
        """,
        {"now": at, "n_days": n_days},
    )
    given = {"practice_id": wanted.practice_id, "state": wanted.state}
    return [row for row in found if all(v is None or row[name] == v for name, v in given.items())]


def quarantine_counts(release: Pointer, wanted: Wanted) -> list[dict[str, Any]]:
    """Rows in quarantine by practice, delivery, rule and column."""
    condition, values = wanted.where()
    names = ", ".join(QUARANTINE_COLUMNS)
    return _rows(
        release.quality,
        f"select {names}, count(*) as n_rows from quarantine where {condition} "
        f"group by {names} order by practice_id, max(load_seq) desc, n_rows desc, check_id",
        values,
    )


def quarantine_rows(release: Pointer, wanted: Wanted) -> list[dict[str, Any]]:
    """Each row in quarantine with the rule it fails, for the practice to mend."""
    condition, values = wanted.where()
    return _rows(
        release.quality,
        f"select row_no, {', '.join(QUARANTINE_COLUMNS)} from quarantine where {condition} "
        "order by practice_id, load_seq, row_no, check_id",
        values,
    )


def _rows(
    path: Path, sql: str, values: Sequence[object] | Mapping[str, object]
) -> list[dict[str, Any]]:
    with duckdb.connect(str(path), read_only=True) as con:
        found = con.execute(sql, values)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
