"""A file that came again is on record; one that a killed run left behind is not."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from orchestration.ingest.ledger import note_resent
from orchestration.landing import Arrival
from orchestration.warehouse import read_sql
from tests.unit.ingest import declarations

TODAY = date(2026, 10, 1)


def _arrival(path: Path) -> Arrival:
    contract = declarations.practice(declarations.WIDE_FILE).contracts[0]
    path.write_text("id\n1\n")
    return Arrival("brook", "administrations", path, "0" * 64, contract.files[0], contract, None)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(read_sql("schema.sql"))
    return con


def _load(con: duckdb.DuckDBPyConnection, arrival: Arrival, at: datetime) -> None:
    con.execute(
        "insert into raw.deliveries by name select 1 as load_seq, ? as delivery_id, "
        "'brook' as practice_id, 'administrations' as feed, ? as file_name, ? as file_sha256, "
        "'loaded' as state, ? as received_at, 1 as n_rows_read, 1 as n_accepted, "
        "0 as n_quarantined, 0 as n_excluded, '{}' as exclusions, false as is_over_tolerance, "
        "'r' as registry_digest, 'c' as code_version, 1 as n_attempts",
        [arrival.delivery_id, arrival.path.name, arrival.sha256, at.replace(tzinfo=None)],
    )


def _noted(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, date]]:
    return con.execute("select practice_id, file, received_on from raw.resent_files").fetchall()


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_ctime, UTC)


def test_what_a_killed_run_left_behind_did_not_come_again(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    arrival = _arrival(tmp_path / "forms_20260930.csv")
    _load(con, arrival, _written_at(arrival.path) + timedelta(seconds=1))
    note_resent(con, [arrival], datetime.now(UTC), TODAY)
    assert _noted(con) == []


def test_a_file_written_after_it_was_loaded_came_again(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    arrival = _arrival(tmp_path / "forms_20260930.csv")
    _load(con, arrival, _written_at(arrival.path) - timedelta(seconds=1))
    note_resent(con, [arrival, arrival], datetime.now(UTC), TODAY)
    assert _noted(con) == [("brook", "forms", TODAY)]


def test_the_same_bytes_under_another_name_came_again(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = _arrival(tmp_path / "forms_20260930.csv")
    _load(con, first, _written_at(first.path) + timedelta(days=1))
    note_resent(con, [_arrival(tmp_path / "forms_20261001.csv")], datetime.now(UTC), TODAY)
    assert _noted(con) == [("brook", "forms", TODAY)]
