"""What the gate warns of: a count, and neither a group nor a row; and dates that are years."""

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from expectations.practice import FileSpec
from expectations.registry import load_registry
from orchestration.ingest.conform import conform
from orchestration.ingest.conformed import Terms
from orchestration.ingest.pseudonyms import PracticeKey, install
from orchestration.ingest.small_groups import row_number_verdicts, small_groups
from tests.unit.ingest import declarations

FEEDS = load_registry().feeds
SPEC = FileSpec.model_validate(declarations.EPISODES_FILE)


def _conformed(spec: FileSpec, **columns: list[str]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    install(con, PracticeKey("brook", b"k" * 32))
    con.register("file", pa.table(columns))
    source = "(select * from file)"
    terms = Terms("brook", ("north", "south"), FEEDS["episodes"], {}, source)
    conformed = conform(spec, spec.mappings[0], terms)
    for statement in (*conformed.before, *(part.sql for part in conformed.parts)):
        con.execute(statement)
    return con


def _episodes(ages: list[str], starts: list[str], places: list[str]) -> dict[str, list[str]]:
    n = range(len(ages))
    return {
        "episode": [f"E{i}" for i in n],
        "client": [f"P{i}" for i in n],
        "place": places,
        "start": starts,
        "state": ["open" for _ in n],
        "age": ages,
    }


def test_groups_below_five_are_counted_and_not_named() -> None:
    mapped = set(SPEC.mappings[0].columns)
    ages = ["45"] * 5 + ["46"] * 4 + ["17"] * 4
    starts = ["2026-01-05"] * 9 + ["2026-02-01"] * 3 + ["2025-02-01"]
    con = _conformed(SPEC, **_episodes(ages, starts, ["N"] * 13))
    verdict = small_groups(con, "episodes", mapped)
    # Nine of 40_49 are one group; of 13_17 three came in one year and one in another.
    assert (verdict.n_evaluated, verdict.n_failed) == (3, 2)
    assert (verdict.status, verdict.severity) == ("failed", "warning")
    assert "2 groups" in str(verdict.message)
    assert "13_17" not in str(verdict)
    con = _conformed(SPEC, **_episodes(["45"] * 6, ["2026-01-05"] * 6, ["N"] * 6))
    assert small_groups(con, "episodes", mapped).status == "passed"
    con = _conformed(SPEC, **_episodes(["45"] * 6, ["2026-01-05"] * 6, ["N"] * 3 + ["S"] * 3))
    assert small_groups(con, "episodes", mapped).n_failed == 2


def test_one_client_with_many_episodes_is_a_small_group() -> None:
    columns = _episodes(["45"] * 6, ["2026-01-05"] * 6, ["N"] * 6)
    con = _conformed(SPEC, **{**columns, "client": ["P1"] * 6})
    assert small_groups(con, "episodes", set(SPEC.mappings[0].columns)).n_failed == 1


def test_ids_that_count_rows_are_a_warning_for_each_column() -> None:
    found = {"episode": (100, 100), "client": (100, 3)}
    verdicts = {v.column: v for v in row_number_verdicts(SPEC.mappings[0], found)}
    assert verdicts["episode_id"].status == "failed"
    assert verdicts["episode_id"].severity == "warning"
    assert verdicts["client_id"].status == "passed_with_failures"
    assert set(verdicts) == {"episode_id", "client_id"}


def _year_only() -> FileSpec:
    file: dict[str, Any] = declarations.EPISODES_FILE
    mapping = file["mappings"][0]
    opened = {"from": "start", "date_format": "%Y", "day_offset": "day_no"}
    columns = {**mapping["columns"], "opened_on": opened}
    return FileSpec.model_validate({**file, "mappings": [{**mapping, "columns": columns}]})


def test_years_with_day_offsets_become_days_that_keep_their_distance() -> None:
    columns = _episodes(["90+", "89", "17.9", "x"], ["2025", "2025", "2025", "x"], ["N"] * 4)
    con = _conformed(_year_only(), **columns, day_no=["0", "400", "", "1"])
    rows = con.execute(
        "select opened_on::varchar, age_band_at_intake from episodes order by row_no"
    ).fetchall()
    assert rows[0] == ("2025-01-01", "90_plus")
    assert rows[1] == ("2026-02-05", "80_89")
    assert rows[2] == ("infinity", "13_17")
    assert rows[3][0] == "infinity"
    assert "day_no" in _year_only().wanted_columns


@pytest.mark.parametrize("days", ["40000", "-2000", "1.5", "soon"])
def test_what_is_no_offset_is_no_date(days: str) -> None:
    con = _conformed(_year_only(), **_episodes(["40"], ["2025"], ["N"]), day_no=[days])
    ((opened,),) = con.execute("select opened_on::varchar from episodes").fetchall()
    assert opened == "infinity"
