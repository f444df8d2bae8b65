"""Which days a file holds, asked of its checked rows before anything of it is stored."""

from datetime import date

import duckdb

from orchestration.ingest.outcome import Outcome
from orchestration.sql import identifier, literals


def days_read(
    con: duckdb.DuckDBPyConnection, outcome: Outcome, column: str, counted: tuple[str, ...] = ()
) -> tuple[date | None, date | None]:
    """First and last day in a date column of the accepted rows; None where they have none.

    `scratch` is attached on `con`. Rows excluded for a reason in `counted` count as well.
    """
    schema = f"scratch.{identifier(outcome.schema)}"
    day = identifier(column)
    kept = "excluded is null"
    if counted:
        kept = f"(excluded is null or excluded in ({literals(counted)}))"
    tables = con.execute(
        "select table_name from duckdb_columns() where database_name = 'scratch' "
        "and schema_name = ? and column_name in (?, 'excluded', 'unit_key') "
        "group by table_name having count(*) = 3",
        [outcome.schema, column],
    ).fetchall()
    days: list[date] = []
    for (table,) in tables:
        # Of accepted rows, as the ledger keeps it: a misread year would stretch the file.
        ((first, last),) = con.execute(
            f"""
            select min({day}), max({day}) from {schema}.{identifier(table)}
            where {kept} and not isinf({day}) and row_no not in (
                select row_no from {schema}.quarantine where part = ?
            )
            """,
            [table],
        ).fetchall()
        days += [found for found in (first, last) if found is not None]
    return min(days, default=None), max(days, default=None)
