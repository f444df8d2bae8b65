"""One writer: another process waits or is told so; a killed one gives the lock back."""

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.registry import load_registry
from orchestration.ingest.intake import take_in
from orchestration.ingest.pseudonyms import PracticeKey
from orchestration.settings import Limits, Settings
from orchestration.warehouse import (
    Warehouse,
    WarehouseBusy,
    is_worth_compacting,
    transaction,
)

HOLDER = """
import sys, time
from pathlib import Path
from typing import Any
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


LARGE = (
    "select count(*), max(n) from (select id, count(*) as n from "
    "(select 'client ' || (i * 7919 % 1500000) as id from range(1500000) t(i)) group by id)"
)
"""Needs several times the memory it gets here."""


def test_the_warehouse_spills_what_does_not_fit_into_memory(tmp_path: Path) -> None:
    """An option that the installed engine takes and then cannot keep would show only here."""
    warehouse = Warehouse(Settings(tmp_path, Limits(warehouse_duckdb_memory="50MB")))
    with warehouse.connect() as con:
        assert con.execute(LARGE).fetchall() == [(1_500_000, 1)]
        with pytest.raises(duckdb.OutOfMemoryException):
            con.execute("set max_temp_directory_size = '0KiB'; " + LARGE)


def test_the_reading_worker_spills_what_does_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[dict[str, Any]] = []
    connect = duckdb.connect

    def noted(config: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        opened.append(config)
        return connect(config=config)

    monkeypatch.setattr(duckdb, "connect", noted)
    scratch, limits = tmp_path / "x.duckdb", Limits(worker_duckdb_memory="50MB")
    take_in([], load_registry(), _no_key, scratch, limits, lambda _: None)
    (config,) = opened
    with connect(config=config) as con:
        assert con.execute(LARGE).fetchall() == [(1_500_000, 1)]


def _no_key(practice_id: str) -> PracticeKey:
    raise AssertionError(practice_id)


def test_a_home_made_before_the_local_date_gets_it_once(tmp_path: Path) -> None:
    """Its older deliveries keep the date they were counted with, and the column its place."""
    warehouse = Warehouse(Settings(tmp_path))
    warehouse.prepare()
    with warehouse.connect() as con:
        made_now = con.execute("select * from raw.deliveries").description
        con.execute("alter table raw.deliveries drop column received_on")
        con.execute(
            "insert into raw.deliveries by name select 1 as load_seq, 'd' as delivery_id, "
            "'brook' as practice_id, 'sessions' as feed, 'sha' as file_sha256, 'loaded' as state, "
            "0 as n_rows_read, 0 as n_accepted, 0 as n_quarantined, 0 as n_excluded, "
            "'{}' as exclusions, false as is_over_tolerance, "
            "timestamp '2026-10-01 02:00:00' as received_at, 'r' as registry_digest, "
            "'0' as code_version, 1 as n_attempts"
        )
    warehouse.prepare()
    with warehouse.connect() as con:
        found = con.execute("select * from raw.deliveries")
        assert sorted(found.description or ()) == sorted(made_now or ())
        columns = [column[0] for column in found.description or ()]
        assert found.fetchall()[0][columns.index("received_on")] == date(2026, 10, 1)
        con.execute("update raw.deliveries set received_on = date '2026-09-30'")
    before = warehouse.settings.warehouse.read_bytes()
    warehouse.prepare()
    assert warehouse.settings.warehouse.read_bytes() == before


def test_dead_rows_stay_until_they_are_a_quarter_of_a_table(tmp_path: Path) -> None:
    warehouse = Warehouse(Settings(tmp_path))
    with warehouse.connect() as con:
        con.execute("create schema marts")
        con.execute("create table marts.rows_of_nights as select range as n from range(1_000_000)")
        con.execute("delete from marts.rows_of_nights where n % 5 = 0")
    with warehouse.connect() as con:
        assert _stored(con) == 1_000_000
        assert not is_worth_compacting(con)
        con.execute("delete from marts.rows_of_nights where n % 5 = 1")
    with warehouse.connect() as con:
        assert is_worth_compacting(con)
    # What a build that compacts does: it deletes rows under DuckDB's own settings.
    with duckdb.connect(str(warehouse.settings.warehouse)) as con:
        con.execute("delete from marts.rows_of_nights where n = 2")
    with warehouse.connect() as con:
        assert 599_999 <= _stored(con) < 799_999
        assert not is_worth_compacting(con)


def _stored(con: duckdb.DuckDBPyConnection) -> int:
    ((n_rows,),) = con.execute(
        "select estimated_size from duckdb_tables() where table_name = 'rows_of_nights'"
    ).fetchall()
    return int(n_rows)
