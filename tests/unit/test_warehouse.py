"""One writer: another process waits or is told so; a killed one gives the lock back."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, WarehouseBusy, transaction

HOLDER = """
import sys, time
from pathlib import Path
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
with Warehouse(Settings(Path(sys.argv[1]))).writer():
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_shuts_out_and_dies_with_its_holder(tmp_path: Path) -> None:
    warehouse = Warehouse(Settings(tmp_path))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []
        with pytest.raises(WarehouseBusy), warehouse.writer(said.append, patience_seconds=0.1):
            pass
        assert said
    finally:
        holder.kill()
        holder.communicate()
    with warehouse.writer(patience_seconds=0), warehouse.writer(patience_seconds=0):
        pass


def _insert_then_fail(con: duckdb.DuckDBPyConnection) -> None:
    with transaction(con):
        con.execute("insert into t values (1)")
        con.execute("insert into no_such_table values (1)")


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse(Settings(tmp_path))
    warehouse.prepare()
    with warehouse.connect() as con:
        con.execute("create table t (x integer)")
        with pytest.raises(duckdb.CatalogException):
            _insert_then_fail(con)
        assert con.execute("select count(*) from t").fetchall() == [(0,)]
