"""The only way the dashboard reaches data: a published release, read only. SQL of every page.

That of "Compare sites" alone is in queries_comparison.py and queries_behind.py.

The release is the file named by `$ALLIANCE_HOME/releases/current.json`; `ALLIANCE_HOME` is the one
environment variable the dashboard reads (default `./warehouse`), because Streamlit offers a page no
other way of being told. The pointer is read on every run, so a page moves to a new release on its
next rerun; the connection is shared and kept per release.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import streamlit as st

from dashboards.release import (
    Attempt,
    CalendarDay,
    ExpectedDelivery,
    Instrument,
    Metric,
    Release,
    Site,
)

_LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "memory_limit": "512MB",
    "threads": 2,
}

# A label names a site on its own, except where two practices use the same name.
SITE_LABELS = """
    select
        practice_id,
        practice_name,
        site_id,
        case
            when count(*) over (partition by site_name) = 1 then site_name
            else site_name || ' (' || practice_name || ')'
        end as site_label,
        coalesce(is_dated_by_year, false) as is_dated_by_year
    from sites
"""


class NoReleaseError(Exception):
    """Nothing has been published yet."""


class BrokenReleaseError(Exception):
    """The pointer or the file it names cannot be used."""


@dataclass(frozen=True)
class Pointer:
    """Which release is current and where its file is."""

    release_id: str
    path: Path


def home() -> Path:
    """`$ALLIANCE_HOME`, or `./warehouse` when it is not set."""
    return Path(os.environ.get("ALLIANCE_HOME") or "warehouse")


def current_pointer(home_dir: Path) -> Pointer:
    """Read `releases/current.json`.

    Raises NoReleaseError when there is none, BrokenReleaseError when it names no usable file.
    """
    pointer_path = home_dir / "releases" / "current.json"
    try:
        text = pointer_path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NoReleaseError(str(home_dir)) from None
    except OSError as error:
        raise BrokenReleaseError(f"{pointer_path} cannot be read: {error.strerror}") from None
    try:
        content = json.loads(text)
        release_id, file_name = str(content["release_id"]), str(content["release"])
    except (ValueError, KeyError, TypeError):
        raise BrokenReleaseError(f"{pointer_path} is not a release pointer") from None
    # The pointer names a file of its own folder; a path in it would lead out of the home.
    if file_name != Path(file_name).name:
        raise BrokenReleaseError(f"{pointer_path} names a path instead of a file")
    path = pointer_path.parent / file_name
    if not path.is_file():
        raise BrokenReleaseError(f"{pointer_path} names a release file that is not there")
    return Pointer(release_id, path)


@st.cache_resource(max_entries=3, show_spinner=False)
def _database(release_id: str, path: str) -> duckdb.DuckDBPyConnection:
    """One locked-down connection a release, shared by every session of the server."""
    connection = duckdb.connect(path, read_only=True, config=_LOCKED_DOWN)
    connection.execute("set lock_configuration = true")
    return connection


def open_release(pointer: Pointer) -> duckdb.DuckDBPyConnection:
    """A cursor of the run's own on the release. Raises BrokenReleaseError when it cannot open."""
    try:
        return _database(pointer.release_id, str(pointer.path)).cursor()
    except duckdb.Error:
        raise BrokenReleaseError(f"{pointer.path} is not a release this page can open") from None


def rows(
    cursor: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[object] | Mapping[str, object] = (),
) -> list[dict[str, Any]]:
    """Rows of a statement by their columns' names.

    Raises BrokenReleaseError where the release lacks a table or column of it.
    """
    try:
        cursor.execute(sql, parameters)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except (duckdb.CatalogException, duckdb.BinderException):
        # A missing table is the one, a missing column the other.
        raise BrokenReleaseError(
            "this release lacks a table or column that the page needs, so another version of "
            "Alliance Warehouse made it; publish again with this one"
        ) from None


def _utc(moment: datetime) -> datetime:
    """Releases store UTC without saying so in the type."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def release(cursor: duckdb.DuckDBPyConnection) -> Release:
    """Which release this is and how far its data reach."""
    sql = """
        select
            release_id, created_at, data_through_on, group_name, time_zone,
            coalesce(cast(settings ->> 'with_measures' as boolean), false) as has_measures
        from release
    """
    found = rows(cursor, sql)
    if len(found) != 1:
        raise BrokenReleaseError("this release does not say which release it is")
    return Release(**{**found[0], "created_at": _utc(found[0]["created_at"])})


def sites(cursor: duckdb.DuckDBPyConnection) -> list[Site]:
    """Every site of the group, in alphabetical order of its label."""
    sql = f"{SITE_LABELS} order by lower(site_label), practice_id, site_id"
    return [Site(**row) for row in rows(cursor, sql)]


def instruments(cursor: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Instrument]:
    """Instruments by (instrument_code, version)."""
    sql = """
        select
            instrument_code, version, name, kind, direction, total_minimum, total_maximum,
            key_status, key_note, licence, citations, risk_notice, cautions
        from instruments
    """
    found = [Instrument(**row) for row in rows(cursor, sql)]
    return {(item.instrument_code, item.version): item for item in found}


def metrics(cursor: duckdb.DuckDBPyConnection) -> dict[str, Metric]:
    """Metrics by their code."""
    sql = "select metric, name, definition, unit, minimum, pitfall, citation from metrics"
    return {row["metric"]: Metric(**row) for row in rows(cursor, sql)}


def expected_deliveries(cursor: duckdb.DuckDBPyConnection) -> list[ExpectedDelivery]:
    """The next export each practice owes for each feed; lateness is the reader's clock's word."""
    sql = """
        with practices as (select distinct practice_id, practice_name from sites)
        select
            deliveries.practice_id,
            coalesce(practices.practice_name, deliveries.practice_id) as practice_name,
            deliveries.feed,
            deliveries.expected_by_at
        from deliveries
        left join practices using (practice_id)
        where deliveries.state = 'expected' and deliveries.expected_by_at is not null
        order by lower(practice_name), deliveries.practice_id, deliveries.feed
    """
    return [
        ExpectedDelivery(**{**row, "expected_by_at": _utc(row["expected_by_at"])})
        for row in rows(cursor, sql)
    ]


def broken_declarations(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """Names of the practices whose declaration is broken: nothing they send is taken in."""
    sql = """
        with practices as (select distinct practice_id, practice_name from sites)
        select coalesce(practices.practice_name, deliveries.practice_id) as practice_name
        from deliveries
        left join practices using (practice_id)
        where deliveries.state = 'declaration_broken'
        order by lower(practice_name), deliveries.practice_id
    """
    return [str(row["practice_name"]) for row in rows(cursor, sql)]


_PRACTICES = "select distinct practice_id, practice_name from sites"


def calendar(
    cursor: duckdb.DuckDBPyConnection, now: datetime, first: date, last: date
) -> list[CalendarDay]:
    """What was owed from `first` to `last` (local dates, both included), newest first.

    Where nothing came, `now` tells whether it is due, late or missing.
    """
    sql = f"""
        with practices as ({_PRACTICES})
        select
            calendar.practice_id,
            coalesce(practices.practice_name, calendar.practice_id) as practice_name,
            calendar.file,
            calendar.due_on,
            coalesce(calendar.state, case
                when calendar.expected_by_at is null then 'paused'
                when $now > calendar.missing_after_at then 'missing'
                when $now > calendar.expected_by_at then 'late'
                else 'due'
            end) as state,
            calendar.expected_by_at, calendar.received_at, calendar.is_late, calendar.pause_note,
            calendar.file_name, calendar.n_superseded, calendar.n_duplicates,
            calendar.n_quarantined, calendar.is_over_tolerance
        from expected_deliveries as calendar
        left join practices using (practice_id)
        where calendar.due_on between $first and $last
        order by calendar.due_on desc, lower(practice_name), calendar.practice_id, calendar.file
    """
    at = now.astimezone(UTC).replace(tzinfo=None)
    return [
        CalendarDay(**_with_utc(row, "expected_by_at", "received_at"))
        for row in rows(cursor, sql, {"now": at, "first": first, "last": last})
    ]


def calendar_ends_on(cursor: duckdb.DuckDBPyConnection) -> date | None:
    """The last day the release's calendar knows of; None when it is empty."""
    [row] = rows(cursor, "select max(due_on) as last_on from expected_deliveries")
    last: date | None = row["last_on"]
    return last


def attempts(cursor: duckdb.DuckDBPyConnection) -> list[Attempt]:
    """The ledger: every attempt on every file, newest first."""
    sql = f"""
        with practices as ({_PRACTICES})
        select
            deliveries.practice_id,
            coalesce(practices.practice_name, deliveries.practice_id) as practice_name,
            feed, delivery_id, file, file_name, state, reason, message, received_at,
            n_file_rows, n_accepted, n_quarantined, n_excluded, is_over_tolerance,
            -- Bytes that came once more settle nothing that was wrong with them.
            coalesce(load_seq = max(load_seq) filter (where state <> 'duplicate') over (
                partition by delivery_id
            ), false) as is_last,
            -- By a newer snapshot, or by a mended file of the same day.
            coalesce(load_seq < max(load_seq) filter (
                where state = 'loaded' and delivery_scope = 'snapshot'
            ) over (partition by deliveries.practice_id, feed, file), false)
            or coalesce(load_seq < max(load_seq) filter (where state = 'loaded') over (
                partition by deliveries.practice_id, feed, file, exported_on
            ), false) as is_settled
        from deliveries
        left join practices using (practice_id)
        where load_seq is not null
        order by load_seq desc
    """
    return [Attempt(**_with_utc(row, "received_at")) for row in rows(cursor, sql)]


def _with_utc(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**row, **{name: _utc(row[name]) for name in names if row[name] is not None}}
