"""What earlier releases showed, kept in the warehouse: written with the night, and taken back when
the release does not go out.

A night writes its rows under the next number, provisional. Before the pointer moves the release's
id is noted beside that number; after it has moved the number is out. A kill between the two is told
by the pointer: where it names the noted release, that release is out (`settle`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb
import pandas as pd

from expectations.model import Thresholds
from orchestration.benchmarking.cells import RESPONSE_COLUMNS
from orchestration.benchmarking.disclosure import CHANGES, STATE, empty_ledger
from orchestration.benchmarking.disclosure_cells import Rules
from orchestration.benchmarking.protected_sites import CELL, LAYOUT
from orchestration.benchmarking.shown_rates import STATEMENT
from orchestration.sql import identifier

_ROWS = ("ledger", "changes", "errors", "networks", "rates", "measures")
"""Tables `benchmark.disclosure_…` with a release's own rows."""


@dataclass(frozen=True)
class Epoch:
    """Releases under the same rules: what was written under others is not held against these.

    `release_no` is tonight's, `first` the first one of them.
    """

    release_no: int
    first: int


def rules_of(thresholds: Thresholds) -> Rules:
    """The rules of disclosure control under a group's thresholds."""
    return Rules.of(thresholds)


def settle(con: duckdb.DuckDBPyConnection, released: str | None) -> None:
    """Count a release as out that a killed night had put in force; `released` is the pointer's."""
    noted = con.execute(
        "select release_no from benchmark.disclosure_releases where not is_out and release_id = ?",
        [released],
    ).fetchall()
    if noted:
        put_out(con)


def begin(con: duckdb.DuckDBPyConnection, thresholds: Thresholds, on: date) -> Epoch:
    """Take back what did not go out, and begin the next release. In the caller's transaction."""
    take_back(con)
    number = last_number(con) + 1
    con.execute(
        "insert into benchmark.disclosure_releases values (?, null, ?, ?, false)",
        [number, _said(thresholds), on],
    )
    return epoch(con, number)


def take_back(con: duckdb.DuckDBPyConnection) -> None:
    """Forget what was written for a release that did not go out. In the caller's transaction."""
    number = provisional(con)
    if number is None:
        return
    for name in _ROWS:
        con.execute(f"delete from benchmark.disclosure_{name} where release_no = ?", [number])
    con.execute("delete from benchmark.disclosure_members where from_release = ?", [number])
    con.execute(
        "update benchmark.disclosure_members set until_release = null where until_release = ?",
        [number],
    )
    con.execute("delete from benchmark.disclosure_releases where not is_out")


def epoch(con: duckdb.DuckDBPyConnection, release_no: int) -> Epoch:
    """The releases up to this one that were written under its rules, without a break."""
    ((first,),) = con.execute(
        "select coalesce(max(release_no), 0) + 1 from benchmark.disclosure_releases "
        "where rules <> (select rules from benchmark.disclosure_releases where release_no = ?)",
        [release_no],
    ).fetchall()
    return Epoch(release_no, int(first))


def number_of(con: duckdb.DuckDBPyConnection, release_id: str) -> int | None:
    """The number of a release; None of one that the ledger does not have."""
    rows = con.execute(
        "select release_no from benchmark.disclosure_releases where release_id = ?", [release_id]
    ).fetchall()
    return int(rows[0][0]) if rows else None


def last_number(con: duckdb.DuckDBPyConnection) -> int:
    """The number of the release that is being made, else of the last one; 0 before the first."""
    ((last,),) = con.execute(
        "select coalesce(max(release_no), 0) from benchmark.disclosure_releases"
    ).fetchall()
    return int(last)


def provisional(con: duckdb.DuckDBPyConnection) -> int | None:
    """The number of the release that is being made; None between nights."""
    rows = con.execute(
        "select release_no from benchmark.disclosure_releases where not is_out"
    ).fetchall()
    return int(rows[0][0]) if rows else None


def note(con: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Say which release the provisional rows are of: from here on the pointer decides."""
    con.execute(
        "update benchmark.disclosure_releases set release_id = ? where not is_out", [release_id]
    )


def put_out(con: duckdb.DuckDBPyConnection) -> None:
    """The provisional rows are those of a release that readers have.

    Rows between two releases in which nothing of their block was written say nothing to anyone: the
    newer one takes the older one's place, or the ledger would grow each night. Rows of measures
    stay, as later ones are held against each of them.
    """
    number = provisional(con)
    if number is None:
        return
    block = ", ".join(LAYOUT.block)
    cell = ", ".join(CELL)
    con.execute(
        f"""
        delete from benchmark.disclosure_ledger where rowid in (
            with anew as (
                select distinct {cell}
                from benchmark.disclosure_ledger where release_no = $number
            ),

            written as (
                select {block}, max(written_release) as last_written
                from benchmark.disclosure_ledger
                where release_no = written_release and release_no < $number
                group by all
            )

            select ledger.rowid
            from benchmark.disclosure_ledger as ledger
            semi join anew using ({cell})
            inner join written using ({block})
            where
                ledger.release_no < $number
                and ledger.release_no <> ledger.written_release
                and ledger.release_no > written.last_written
        )
        """,
        {"number": number},
    )
    con.execute("update benchmark.disclosure_releases set is_out = true where not is_out")


def read_ledger(con: duckdb.DuckDBPyConnection, since: int, until: int) -> pd.DataFrame:
    """The ledger's rows of releases from one number to another."""
    columns = ", ".join((*CELL, *STATE))
    found = con.execute(
        f"select {columns} from benchmark.disclosure_ledger where release_no between ? and ? "
        f"order by release_no, {', '.join(CELL)}",
        [since, until],
    ).df()
    return found.astype(empty_ledger(LAYOUT).dtypes.to_dict())


def read_changes(con: duckdb.DuckDBPyConnection, since: int, until: int) -> pd.DataFrame:
    """Counts of changed clients of releases from one number to another."""
    columns = ", ".join((*CELL, *CHANGES))
    found = con.execute(
        f"select {columns} from benchmark.disclosure_changes where release_no between ? and ?",
        [since, until],
    ).df()
    return found.astype(dict.fromkeys(CELL, "str"))


def read_errors(con: duckdb.DuckDBPyConnection, since: int) -> pd.DataFrame:
    """What the standard error of each cell was last made of."""
    return con.execute(
        "select * exclude (release_no) from benchmark.disclosure_errors where release_no >= ? "
        f"qualify row_number() over (partition by {', '.join(CELL)} order by release_no desc) = 1",
        [since],
    ).df()


def read_networks(con: duckdb.DuckDBPyConnection, since: int) -> pd.DataFrame:
    """What was last estimated of each network."""
    name = ", ".join(CELL[2:])
    return con.execute(
        "select * exclude (release_no) from benchmark.disclosure_networks where release_no >= ? "
        f"qualify row_number() over (partition by {name} order by release_no desc) = 1",
        [since],
    ).df()


def read_rates(con: duckdb.DuckDBPyConnection, since: int) -> pd.DataFrame:
    """Response rates as they were written, release by release."""
    columns = ", ".join(STATEMENT)
    found = con.execute(
        f"select {columns} from benchmark.disclosure_rates where release_no >= ? order by all",
        [since],
    ).df()
    return found.astype(dict.fromkeys(RESPONSE_COLUMNS, "str"))


def add(
    con: duckdb.DuckDBPyConnection, release_no: int, tables: Mapping[str, pd.DataFrame]
) -> None:
    """A release's rows, by the ending of their table's name."""
    for name, frame in tables.items():
        named = [each for each in CELL if each in frame.columns]
        filled = frame.assign(
            release_no=release_no, **{each: frame[each].fillna("") for each in named}
        )
        table = f"benchmark.{identifier('disclosure_' + name)}"
        columns = [row[0] for row in con.execute(f"describe {table}").fetchall()]
        con.register("disclosure_frame", filled[columns])
        con.execute(f"insert into {table} by name select * from disclosure_frame")
        con.unregister("disclosure_frame")


def _said(thresholds: Thresholds) -> str:
    rules = rules_of(thresholds)
    return json.dumps(
        {
            "minimum_clients": rules.minimum_clients,
            "minimum_therapists": rules.minimum_therapists,
            "base": rules.base,
        },
        sort_keys=True,
    )
