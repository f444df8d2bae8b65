"""Rows of Python values into a reference table."""

from collections.abc import Iterable, Sequence

import duckdb

Row = Sequence[object]

_AT_ONCE = 5000
"""Parameters a statement: beyond some thousands a parser slows faster than they grow."""


def insert_rows(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    """Append rows to a table of the schema `reference`, its columns in their order."""
    found = list(rows)
    if not found:
        return
    marks = ", ".join("?" for _ in found[0])
    step = max(1, _AT_ONCE // len(found[0]))
    for start in range(0, len(found), step):
        some = found[start : start + step]
        values = ", ".join([f"({marks})"] * len(some))
        con.execute(
            f"insert into reference.{table} values {values}",
            [cell for row in some for cell in row],
        )
