"""Rows of the ledger: an attempt on a file, and bytes that came once more."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from orchestration.ingest import snapshots
from orchestration.ingest.days_read import days_read
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.privacy import is_showable
from orchestration.ingest.pseudonymised import WITHDRAWN
from orchestration.ingest.standing import DAY_OF
from orchestration.landing import Arrival
from orchestration.sql import identifier


@dataclass(frozen=True)
class Stamp:
    """What is written beside every row of one delivery."""

    load_seq: int
    received_at: datetime
    """UTC, without its zone."""
    received_on: date
    """The group's local date at that time."""
    code_version: str
    registry_digest: str
    contract_digest: str
    n_attempts: int
    rules_on: date | None = None
    """Day whose contract was used, when it is not `received_on`: a replay under later rules."""
    replayed_at: datetime | None = None
    """UTC; of a replay."""


def exported_on(arrival: Arrival, outcome: Outcome) -> date | None:
    """The day of the export, by the file's name or list, or as its rows say."""
    if arrival.exported_on is None and outcome.exported_on is not None:
        return date.fromisoformat(outcome.exported_on)
    return arrival.exported_on


def insert_attempt(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome, stamp: Stamp
) -> None:
    """Write what became of a file. Its rows are stored already, if there are any."""
    days: tuple[object, object] = (None, None)
    if outcome.is_loadable and snapshots.is_snapshot(arrival):
        days = snapshots.first_and_last_day(con)
    elif outcome.is_loadable:
        days = _first_and_last(con, arrival, DAY_OF[arrival.feed], stamp.load_seq)
    row = {
        **_arrived(arrival, stamp),
        "file_bytes": outcome.n_bytes,
        "state": outcome.state,
        "reason": outcome.reason,
        "message": outcome.message,
        "n_rows_read": outcome.n_rows_read,
        "n_accepted": outcome.n_accepted,
        "n_quarantined": outcome.n_quarantined,
        "n_excluded": outcome.n_excluded,
        "exclusions": json.dumps(outcome.exclusions, sort_keys=True),
        "is_over_tolerance": outcome.is_over_tolerance,
        "exported_on": exported_on(arrival, outcome),
        "data_from_on": days[0],
        "data_through_on": days[1],
        "n_attempts": stamp.n_attempts,
        "n_file_rows": outcome.n_file_rows,
    }
    if outcome.is_loadable:
        row |= _period(con, arrival, outcome)
        ((row["n_rows_stored"],),) = con.execute(
            f"select count(*) from raw.{identifier(arrival.feed)} where load_seq = ?",
            [stamp.load_seq],
        ).fetchall()
    _insert(con, row)


def insert_duplicate(con: duckdb.DuckDBPyConnection, arrival: Arrival, stamp: Stamp) -> None:
    """Write that bytes which are loaded came again, perhaps under a newer export's date."""
    _insert(
        con,
        {
            **_arrived(arrival, stamp),
            "state": "duplicate",
            "n_rows_read": 0,
            "n_accepted": 0,
            "n_quarantined": 0,
            "n_excluded": 0,
            "exclusions": "{}",
            "is_over_tolerance": False,
            "exported_on": arrival.exported_on,
            "n_attempts": 1,
        },
    )


def _arrived(arrival: Arrival, stamp: Stamp) -> dict[str, Any]:
    return {
        "load_seq": stamp.load_seq,
        "delivery_id": arrival.delivery_id,
        "practice_id": arrival.practice_id,
        "feed": arrival.feed,
        "file": arrival.spec.file if arrival.spec else None,
        "file_name": arrival.path.name if is_showable(arrival.path.name) else None,
        "file_sha256": arrival.sha256,
        "file_modified_at": arrival.modified_at,
        "received_at": stamp.received_at,
        "received_on": stamp.received_on,
        "rules_on": stamp.rules_on,
        "replayed_at": stamp.replayed_at,
        "delivery_scope": arrival.spec.delivery_scope if arrival.spec else None,
        "contract_valid_from": arrival.contract.valid_from if arrival.contract else None,
        "contract_digest": stamp.contract_digest,
        "registry_digest": stamp.registry_digest,
        "code_version": stamp.code_version,
    }


def _period(con: duckdb.DuckDBPyConnection, arrival: Arrival, outcome: Outcome) -> dict[str, Any]:
    if arrival.spec is None or arrival.spec.delivery_scope != "period":
        return {}
    on = arrival.spec.period.on or DAY_OF[arrival.feed]
    # A file speaks for its days whoever has withdrawn by the time it is read.
    days = arrival.period or days_read(con, outcome, on, counted=(WITHDRAWN,))
    return {"period_on": on, "period_from_on": days[0], "period_to_on": days[1]}


def _first_and_last(
    con: duckdb.DuckDBPyConnection, arrival: Arrival, day: str, load_seq: int
) -> tuple[object, object]:
    name = identifier(day)
    ((first, last),) = con.execute(
        f"select min({name}), max({name}) from raw.{identifier(arrival.feed)} where load_seq = ?",
        [load_seq],
    ).fetchall()
    return first, last


def _insert(con: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> None:
    marks = ", ".join(["?"] * len(row))
    con.execute(
        f"insert into raw.deliveries ({', '.join(row)}) values ({marks})", list(row.values())
    )
