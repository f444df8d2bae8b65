"""Frames into benchmark.*: the one way what Python works out comes back into the warehouse."""

from collections.abc import Mapping

import duckdb
import pandas as pd


def replace_tables(con: duckdb.DuckDBPyConnection, tables: Mapping[str, pd.DataFrame]) -> None:
    """Each frame as the whole of benchmark.<name>. The caller holds the transaction."""
    for name, frame in tables.items():
        con.register("frame", frame)
        con.execute(f"create or replace table benchmark.{name} as select * from frame")
        con.unregister("frame")
