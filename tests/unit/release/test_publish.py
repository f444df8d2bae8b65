"""What a release holds, when a new one is published, and what a failing one leaves behind."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.metric import shipped_metrics
from expectations.registry import Registry
from orchestration.reference import write_reference
from orchestration.release.publish import Published, ReleaseRefused, write_release
from orchestration.release.reader import Releases
from orchestration.release.tables import tables_of
from tests.unit.release.small_warehouse import (
    NIGHT,
    add_delivery,
    small_meta,
    small_registry,
    small_warehouse,
)


def _publish(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    registry: Registry | None = None,
    at: datetime = NIGHT,
) -> Published:
    registry = registry or small_registry()
    return write_release(con, folder, small_meta(registry, at), registry)


def _read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_a_release_is_two_files_and_a_pointer(tmp_path: Path) -> None:
    published = _publish(small_warehouse(), tmp_path)
    assert published.is_new
    assert published.release_id.startswith("r20261123T090000Z_")
    name = published.release_id
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "current.json",
        f"{name}.duckdb",
        f"{name}.quality.duckdb",
    ]
    assert json.loads((tmp_path / "current.json").read_text()) == {
        "release_id": name,
        "release": f"{name}.duckdb",
        "quality": f"{name}.quality.duckdb",
    }
    assert Releases(tmp_path).current_id() == name
    digest = _read(tmp_path / f"{name}.duckdb", "select source_digest from release")[0][0]
    assert name.endswith(f"_{digest[:8]}")


def test_both_files_are_signed_and_complete(tmp_path: Path) -> None:
    _publish(small_warehouse(), tmp_path)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    for path in (pointer.release, pointer.quality):
        rows = _read(
            path, "select release_id, created_at, code_version, group_name, settings from release"
        )
        assert rows[0][:4] == (pointer.release_id, datetime(2026, 11, 23, 9), "1.2.3", "The group")
        assert json.loads(rows[0][4])["thresholds"]["minimum_clients"] == 11
    counts = {
        table.table: _read(pointer.release, f"select count(*) from {table.table}")[0][0]
        for table in tables_of("release")
        if not table.is_measure
    }
    assert counts == {
        "release": 1,
        "site_benchmarks": 4,
        "response_rates": 4,
        "deliveries": 5,
        # From 22 November, the day of the first delivery, to 92 days after the 23rd.
        "expected_deliveries": 94,
        "instruments": 1,
        "metrics": len(shipped_metrics()),
        "sites": 4,
        "site_trends": 0,
        "network_deciles": 0,
        "interventions": 0,
        "reference_bands": 0,
        "suppression_report": 2,
    }
    assert _read(pointer.quality, "select count(*) from check_results") == [(4,)]
    assert _read(pointer.quality, "select row_no, column_name from quarantine limit 1") == [
        (4, "site_id")
    ]


def test_a_hidden_site_is_listed_without_numbers_everywhere(tmp_path: Path) -> None:
    _publish(small_warehouse(), tmp_path)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    hidden = "where site_id = 'site_03'"
    assert _read(
        pointer.release,
        f"select is_suppressed, suppression_reason, n_clients, raw from site_benchmarks {hidden}",
    ) == [(True, "too_few", None, None)]
    assert _read(
        pointer.release, f"select is_suppressed, response_rate from response_rates {hidden}"
    ) == [(True, None)]


@pytest.mark.parametrize("table", ["site_benchmarks", "response_rates"])
def test_no_count_of_a_hidden_cell_follows_from_a_rate(tmp_path: Path, table: str) -> None:
    """The rate is of all languages, a cell of one: its counts less a cell's are a hidden cell's."""
    con = small_warehouse()
    _publish(con, tmp_path)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    shown = f"select distinct response_rate from {table} where not is_suppressed"
    # 168 of 240.
    assert _read(pointer.release, shown) == [(0.7,)]
    columns = "select column_name from information_schema.columns where table_name = ?"
    with duckdb.connect(str(pointer.release), read_only=True) as reader:
        names = {name for (name,) in reader.execute(columns, ["response_rates"]).fetchall()}
    assert not {name for name in names if name.startswith("n_")}


def test_the_response_rate_says_what_counts_as_returned(tmp_path: Path) -> None:
    _publish(small_warehouse(), tmp_path)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    query = "select definition from metrics where metric = 'response_rate'"
    ((definition,),) = _read(pointer.release, query)
    assert "partly filled in counts as returned" in definition
    assert "without what the schedule exempts" in definition


def test_deliveries_carry_their_checks_and_what_is_owed(tmp_path: Path) -> None:
    _publish(small_warehouse(), tmp_path)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    assert _read(
        pointer.release,
        "select state, n_file_rows, n_rows_read, n_checks_passed, n_checks_warned, "
        "n_checks_failed from deliveries where load_seq is not null order by load_seq",
    ) == [("loaded", 5, 10, 1, 0, 1), ("refused", 5, 10, 1, 0, 1)]
    # Loaded on 22 November in New York: the next is due on the 23rd, a day of grace later at
    # 03:00 local, 08:00 UTC. The refused file of the 23rd does not count as delivered.
    assert _read(
        pointer.release,
        "select feed, expected_by_at from deliveries where state = 'expected' order by feed",
    ) == [
        ("administrations", datetime(2025, 1, 2, 8)),
        ("episodes", datetime(2025, 1, 2, 8)),
        ("sessions", datetime(2026, 11, 24, 8)),
    ]


def test_a_broken_practice_keeps_its_sites_and_is_said_to_be_broken(tmp_path: Path) -> None:
    con, known = small_warehouse(), small_registry()
    broken: dict[str, tuple[str, ...]] = {
        "practice": ("practices/practice.yml:3: sites: is missing",)
    }
    registry = replace(known, practices={}, broken=broken)
    write_reference(con, registry)
    _publish(con, tmp_path, registry)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    assert _read(
        pointer.release, "select practice_name, site_name from sites order by site_id"
    ) == [("The practice", f"Site {number}") for number in range(4)]
    states = "select state, feed, message from deliveries where load_seq is null"
    ((state, feed, message),) = _read(pointer.release, states)
    assert (state, feed) == ("declaration_broken", None)
    assert "alliance doctor" in message
    assert "yml" not in message


def test_equal_content_is_not_published_twice(tmp_path: Path) -> None:
    con = small_warehouse()
    first = _publish(con, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    con.execute(
        "create or replace table benchmark.site_benchmarks as "
        "select * from benchmark.site_benchmarks order by random()"
    )
    again = _publish(con, tmp_path, at=NIGHT + timedelta(days=1))
    assert again == Published(first.release_id, is_new=False)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "change",
    [
        "update benchmark.site_benchmarks set phi = phi + 1e-6",
        "update benchmark.site_benchmarks set flag = null where site_id = 'site_00'",
        "update quality.quarantine set row_no = row_no + 1",
        "update raw.deliveries set message = 'late'",
    ],
)
def test_any_change_is_a_new_release(tmp_path: Path, change: str) -> None:
    con = small_warehouse()
    first = _publish(con, tmp_path)
    con.execute(change)
    second = _publish(con, tmp_path, at=NIGHT + timedelta(days=1))
    assert second.is_new
    assert second.release_id > first.release_id
    assert Releases(tmp_path).path(first.release_id).exists()


def test_the_last_digit_of_a_sum_is_no_news(tmp_path: Path) -> None:
    con = small_warehouse()
    _publish(con, tmp_path)
    con.execute("update benchmark.site_benchmarks set raw = raw * (1 + 1e-15)")
    assert not _publish(con, tmp_path, at=NIGHT + timedelta(days=1)).is_new


def test_a_new_declaration_is_a_new_release(tmp_path: Path) -> None:
    con = small_warehouse()
    _publish(con, tmp_path)
    assert _publish(con, tmp_path, small_registry(owners=["other"])).is_new


def test_a_refused_candidate_leaves_the_old_release_and_nothing_else(tmp_path: Path) -> None:
    con = small_warehouse()
    first = _publish(con, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    con.execute("update benchmark.site_benchmarks set n_clients = 10 where not is_suppressed")
    with pytest.raises(ReleaseRefused, match="too small") as refused:
        _publish(con, tmp_path, at=NIGHT + timedelta(days=1))
    assert len(refused.value.problems) == 1
    assert {path.name for path in tmp_path.iterdir()} == names
    assert Releases(tmp_path).current_id() == first.release_id


def test_columns_outside_the_allow_list_stay_behind(tmp_path: Path) -> None:
    con = small_warehouse()
    con.execute("alter table benchmark.site_benchmarks add column client_key varchar")
    _publish(con, tmp_path)
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    columns = _read(pointer.release, "select column_name from information_schema.columns")
    assert ("client_key",) not in columns


def test_a_lost_file_of_the_current_release_is_published_again(tmp_path: Path) -> None:
    con = small_warehouse()
    first = _publish(con, tmp_path)
    Releases(tmp_path).quality_path(first.release_id).unlink()
    assert _publish(con, tmp_path, at=NIGHT + timedelta(days=1)).is_new


def test_what_a_killed_publisher_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".candidate.release.duckdb").write_bytes(b"half")
    (tmp_path / ".candidate.release.duckdb.wal").write_bytes(b"half")
    _publish(small_warehouse(), tmp_path)
    assert not list(tmp_path.glob(".candidate*"))


def test_a_new_delivery_moves_the_deadline(tmp_path: Path) -> None:
    con = small_warehouse()
    _publish(con, tmp_path)
    add_delivery(con, 3, "loaded", datetime(2026, 11, 24, 9))
    _publish(con, tmp_path, at=NIGHT + timedelta(days=1))
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    due = "select expected_by_at from deliveries where state = 'expected' and feed = 'sessions'"
    assert _read(pointer.release, due) == [(datetime(2026, 11, 26, 8),)]


def test_a_broken_pointer_is_replaced_by_the_next_release(tmp_path: Path) -> None:
    (tmp_path / "current.json").write_text("{")
    assert _publish(small_warehouse(), tmp_path).is_new


def test_created_at_is_written_in_utc(tmp_path: Path) -> None:
    local = NIGHT.astimezone().astimezone(UTC)
    published = _publish(small_warehouse(), tmp_path, at=local)
    assert published.release_id.startswith("r20261123T090000Z_")
