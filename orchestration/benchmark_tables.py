"""Frames into benchmark.*: the one way what Python works out comes back into the warehouse."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pandas as pd

Rows = Sequence[tuple[Any, ...]]


def replace_tables(con: duckdb.DuckDBPyConnection, tables: Mapping[str, pd.DataFrame]) -> None:
    """Each frame as the whole of benchmark.<name>. The caller holds the transaction."""
    for name, frame in tables.items():
        con.register("frame", frame)
        con.execute(f"create or replace table benchmark.{name} as select * from frame")
        con.unregister("frame")


def is_made_from(con: duckdb.DuckDBPyConnection, name: str, made_from: Rows) -> bool:
    """Whether benchmark.<name>_made says so: a night that builds nothing makes nothing twice."""
    return con.execute(f"select * from benchmark.{name}_made").fetchall() == list(made_from)


def note_made_from(con: duckdb.DuckDBPyConnection, name: str, made_from: Rows) -> None:
    """What the tables are made of now. The caller holds the transaction."""
    con.execute(f"delete from benchmark.{name}_made")
    for row in made_from:  # one at most
        marks = ", ".join("?" for _ in row)
        con.execute(f"insert into benchmark.{name}_made values ({marks})", row)
