"""What the release in force shows of case mix, as it was before rounding: the rows a cell keeps
for as long as it stands as an earlier release showed it.

Not simply last night's tables: those of a night whose release was refused were never shown.
"""

import duckdb
import pandas as pd

_TABLES = ("site_adjustments", "site_gaps")


def note_shown(con: duckdb.DuckDBPyConnection) -> None:
    """Remember both tables as those that are out now. The caller holds the transaction."""
    for name in _TABLES:
        con.execute(
            f"create or replace table benchmark.{name}_shown as select * from benchmark.{name}"
        )


def last_shown(con: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """Both tables by name as the last release with measures has them; none before the first."""
    standing = con.execute(
        "select table_name from information_schema.tables where table_schema = 'benchmark'"
    ).fetchall()
    return {
        name: con.execute(f"select * from benchmark.{name}_shown").df()
        for name in _TABLES
        if (f"{name}_shown",) in standing
    }
