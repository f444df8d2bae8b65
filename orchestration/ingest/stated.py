"""What a file's name, its list and one of its columns say of the whole file, and whether it is so.

Runs inside the reading worker. A message says where something was looked for, never what was found.
"""

from dataclasses import dataclass
from datetime import date

import duckdb

from expectations.practice import FileSpec
from orchestration.ingest.readers.opened import TextRelation
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.landing import Arrival, is_ahead
from orchestration.sql import identifier, literal


@dataclass(frozen=True)
class Stated:
    """What is said of a file beside its bytes, fit to cross a process boundary. Days are ISO."""

    exported_on: str | None = None
    lacks_export_date: bool = False
    lacks_period: bool = False
    list_problem: str | None = None
    listed_sha256: str | None = None
    listed_rows: int | None = None


NOTHING_STATED = Stated()


def stated_of(arrival: Arrival) -> Stated:
    """What is known of a file in landing before it is read."""
    return Stated(
        exported_on=arrival.exported_on.isoformat() if arrival.exported_on else None,
        lacks_export_date=arrival.lacks_export_date,
        lacks_period=arrival.lacks_period,
        list_problem=arrival.list_problem,
        listed_sha256=arrival.listed.sha256 if arrival.listed else None,
        listed_rows=arrival.listed.n_rows if arrival.listed else None,
    )


def check_before_reading(stated: Stated, spec: FileSpec, sha256: str, today: date) -> None:
    """Whether the file is the listed one and says when it was exported.

    Raises DeliveryRefused: manifest_unreadable, not_in_manifest, manifest_hash, no_export_date,
    no_period, export_date_ahead.
    """
    if stated.list_problem == "manifest_unreadable":
        raise DeliveryRefused(
            "manifest_unreadable",
            "the list of files in landing cannot be read, so nothing is known of this one; send "
            "the list again",
        )
    if stated.list_problem is not None:
        raise DeliveryRefused(
            "not_in_manifest",
            "no list in landing names this file, and the contract says that one must; send the "
            "list, or set `manifest.required: false`",
        )
    if stated.listed_sha256 is not None and stated.listed_sha256 != sha256:
        raise DeliveryRefused(
            "manifest_hash",
            "the file does not have the sha256 that the list gives for it: it was changed or cut "
            "on the way, or the list is another export's; send both again",
        )
    if stated.lacks_export_date and spec.export_date_pattern is not None:
        raise DeliveryRefused(
            "no_export_date",
            "the file's name gives no valid date (such as 20260131) where the contract looks for "
            f"one (`exported_at: {spec.export_date_pattern}`); rename the file, or mend the "
            "contract",
        )
    if stated.lacks_export_date:
        raise DeliveryRefused(
            "no_export_date",
            "the contract says that the export's date stands in the list of files, and no list in "
            "landing gives it for this one; send the list",
        )
    if stated.lacks_period:
        raise DeliveryRefused(
            "no_period",
            "the contract says that the first and last day of this delivery stand in its "
            f"{'list' if spec.period.pattern is None else 'name'}, and they do not; rename the "
            "file, send the list, or mend `period` in the contract",
        )
    _check_not_ahead(stated.exported_on, today)


def check_rows(stated: Stated, n_rows: int) -> None:
    """Whether the file has the rows that the list says. Raises DeliveryRefused: manifest_rows."""
    if stated.listed_rows is not None and stated.listed_rows != n_rows:
        raise DeliveryRefused(
            "manifest_rows",
            f"the list says {stated.listed_rows} rows, the file has {n_rows}; send both again",
        )


def exported_in_rows(
    con: duckdb.DuckDBPyConnection, source: TextRelation, spec: FileSpec, today: date
) -> str | None:
    """The export's day by its column, ISO; None where the contract names no column.

    Raises DeliveryRefused (no_export_date, export_date_ahead) unless every row says the same day.
    """
    where = spec.export_date
    if where is None or where.column is None:
        return None
    text = f"nullif(trim({identifier(where.column)}), '')"
    ((n_days, day, n_bad),) = con.execute(
        f"""
        select count(distinct day), min(day)::varchar, count(*) filter (day is null)
        from (
            select try_strptime({text}, {literal(where.date_format)})::date as day
            from {source.sql}
        )
        """
    ).fetchall()
    if n_bad or n_days != 1:
        raise DeliveryRefused(
            "no_export_date",
            f"column {where.column} must hold the day of the export, the same in every row: "
            f"{n_bad} rows hold none that reads as {where.date_format}, and the others hold "
            f"{n_days} different ones; export again, or mend `exported_at` in the contract",
        )
    _check_not_ahead(str(day), today)
    return str(day)


def _check_not_ahead(exported_on: str | None, today: date) -> None:
    if exported_on is not None and is_ahead(date.fromisoformat(exported_on), today):
        raise DeliveryRefused(
            "export_date_ahead",
            f"the export's date is {exported_on}, and today is {today}: until that day it would "
            "outdo every newer export; send it with its true date (it is tried again by itself "
            "once that day has come)",
            exported_on,
        )
