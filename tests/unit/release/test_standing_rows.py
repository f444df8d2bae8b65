"""Rows of measures from night to night: which stand, which are written anew, which are hidden; and
what refuses a file in which one was written too early."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.model import Thresholds
from orchestration import disclosure_ledger as ledger
from orchestration.release.contents import MeasureProtections, prepare_measures
from orchestration.release.refresh_gate import refresh_problems
from orchestration.release.standing_rows import let_stand
from orchestration.release.tables import ReleaseTable, tables_of, tables_of_measures
from orchestration.sql import identifier
from tests.unit.release.measured_warehouse import (
    CELL,
    NETWORK,
    PEOPLE,
    add_cell,
    add_rows,
    measured_warehouse,
)
from tests.unit.release.small_warehouse import NIGHT

SITE = {**NETWORK, "practice_id": "practice", "site_id": "site_00", "period": "all"}
SHOWN = "value, valued_share, null_reason, is_data_complete, is_suppressed"
ANEW = (0.8, 1.0, None, True, False)
STANDS = (0.5, 1.0, None, True, False)
HIDDEN = (None, None, None, None, True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of a night with nothing in the measures; that night's number is open."""
    path = tmp_path_factory.mktemp("measured") / "warehouse.duckdb"
    with measured_warehouse() as con:
        con.execute(f"attach '{path}' as stored")
        con.execute("copy from database memory to stored")
    return path


@pytest.fixture
def con(built: Path, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """That night again."""
    with duckdb.connect(str(shutil.copy(built, tmp_path / "warehouse.duckdb"))) as opened:
        yield opened


def decide(con: duckdb.DuckDBPyConnection, thresholds: Thresholds | None = None) -> None:
    """What goes out tonight."""
    prepare_measures(con, Thresholds())
    let_stand(con, thresholds or Thresholds(), NIGHT.date())


def night(con: duckdb.DuckDBPyConnection) -> None:
    """The same, and it goes out, with nothing in it against the rule."""
    decide(con)
    assert problems(con) == []
    ledger.put_out(con)


def problems(con: duckdb.DuckDBPyConnection, change: str = "") -> list[str]:
    """What the gate says of tonight's file, after a `change` to it."""
    with duckdb.connect() as candidate:
        for table in tables_of_measures():
            candidate.execute(table.create_statement)
            rows = con.sql(f"from released_{table.table}").to_arrow_table()
            candidate.register("incoming", rows)
            candidate.execute(f"insert into {identifier(table.table)} from incoming")
        if change:
            candidate.execute(change)
        return refresh_problems(candidate, con, Thresholds())


def set_cell(con: duckdb.DuckDBPyConnection, sketch: list[int] | None, **changed: Any) -> None:
    """The one cell of the marts, with how its people are spread."""
    con.execute("delete from marts.rpt_site_metrics")
    con.execute("delete from intermediate.int_cells_sketched")
    add_cell(con, **changed)
    name = {each: CELL[each] for each in list(CELL)[:10]}
    marks = ", ".join("?" for _ in name)
    con.execute(
        f"insert into intermediate.int_cells_sketched values ({marks}, ?, ?)",
        [*name.values(), sum(sketch or []), sketch],
    )


def shown(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(f"select {SHOWN} from released_site_metrics").fetchall()


@pytest.mark.parametrize(
    ("sketch", "expected"),
    [
        ([10, 30], STANDS),  # none changed, as far as can be told
        ([20, 30], STANDS),  # ten came
        ([21, 30], ANEW),  # eleven came
        ([0, 30], STANDS),  # ten left
        ([10, 19], ANEW),  # eleven left
        ([20, 20], STANDS),  # ten changed
        ([21, 19], ANEW),
        ([0, 41], ANEW),  # ten changed and one came
        (None, STANDS),
    ],
)
def test_a_row_stands_until_eleven_of_its_clients_changed(
    con: duckdb.DuckDBPyConnection, sketch: list[int] | None, expected: tuple[Any, ...]
) -> None:
    set_cell(con, [10, 30])
    night(con)
    assert shown(con) == [STANDS]
    set_cell(con, sketch, value=0.8)
    night(con)
    assert shown(con) == [expected]
    kept = con.execute("select n_kept from suppressed_measures").fetchall()
    assert kept == [(int(expected == STANDS),)]


def test_changes_count_from_the_release_that_wrote_the_row(con: duckdb.DuckDBPyConnection) -> None:
    for sketch, expected in (([10, 30], STANDS), ([16, 30], STANDS), ([21, 30], ANEW)):
        set_cell(con, sketch, value=0.5 if sketch == [10, 30] else 0.8)
        night(con)
        assert shown(con) == [expected]
    set_cell(con, [10, 30], value=0.5)
    # Back again: eleven left since.
    night(con)
    assert shown(con) == [STANDS]
    rows = con.execute("select sketch, release_no from benchmark.disclosure_measures").fetchall()
    assert rows == [([10, 30], 1), ([21, 30], 3), ([10, 30], 4)]


def test_what_is_hidden_tonight_does_not_stand(con: duckdb.DuckDBPyConnection) -> None:
    set_cell(con, [10, 30])
    night(con)
    set_cell(con, [0, 9], n_clients=9)
    night(con)
    assert shown(con) == [HIDDEN]
    # What readers had of it says nothing new; then eleven changed since it was shown.
    set_cell(con, [10, 31], value=0.8)
    night(con)
    assert shown(con) == [STANDS]
    set_cell(con, [10, 41], value=0.8)
    night(con)
    assert shown(con) == [ANEW]


def test_a_cell_hidden_in_site_benchmarks_does_not_stand_elsewhere(
    con: duckdb.DuckDBPyConnection,
) -> None:
    set_cell(con, [10, 30])
    night(con)
    set_cell(con, [10, 31])
    con.execute(
        "update benchmark.site_benchmarks set is_suppressed = true, period = 'all', stage = 'all' "
        "where site_id = 'site_00'"
    )
    night(con)
    assert shown(con) == [HIDDEN]


def test_a_row_whose_key_is_gone_falls_away_and_is_held_against_when_it_comes_again(
    con: duckdb.DuckDBPyConnection,
) -> None:
    set_cell(con, [10, 30])
    night(con)
    con.execute("delete from marts.rpt_site_metrics")
    night(con)
    assert shown(con) == []
    set_cell(con, [10, 31], value=0.8)
    night(con)
    assert shown(con) == [STANDS]


def test_a_number_hidden_tonight_is_hidden_in_a_row_that_stands(
    con: duckdb.DuckDBPyConnection,
) -> None:
    set_cell(con, [10, 30])
    night(con)
    set_cell(
        con, [10, 31], value=None, null_reason="too_few_units", is_data_complete=False,
        n_clients_without_value=1,
    )  # fmt: skip
    night(con)
    # How far data reach is no client's; who has no value is one.
    assert shown(con) == [(None, None, "too_few_units", False, False)]


def test_rows_under_other_rules_or_of_other_columns_do_not_stand(
    con: duckdb.DuckDBPyConnection,
) -> None:
    set_cell(con, [10, 30])
    night(con)
    set_cell(con, [10, 31], value=0.8)
    decide(con, Thresholds(minimum_clients=12))
    assert shown(con) == [ANEW]
    ledger.take_back(con)
    decide(con)
    assert shown(con) == [STANDS]
    con.execute("update benchmark.disclosure_measures set shape = 'another'")
    decide(con)
    assert shown(con) == [ANEW]


def test_what_does_not_go_out_is_taken_back(con: duckdb.DuckDBPyConnection) -> None:
    set_cell(con, [10, 30])
    night(con)
    rows = "select said, sketch, release_no from benchmark.disclosure_measures"
    before = con.execute(rows).fetchall()
    set_cell(con, [10, 41], value=0.8)
    for _ in range(2):
        decide(con)
        assert len(con.execute(rows).fetchall()) == 2
    ledger.take_back(con)
    assert con.execute(rows).fetchall() == before


def members(con: duckdb.DuckDBPyConnection, n: int, since: int, **changed: Any) -> None:
    """So many clients with a form each, from a release on."""
    row = {
        "practice_id": "practice",
        "site_id": "site_00",
        **NETWORK,
        "collection_mode": "app",
        "stage": "opening",
        "month_on": "2026-03-01",
        "n_forms": 1,
        "n_at_best": 0,
        "summed_billionths": 30,
        "from_release": since,
    } | changed
    columns = ", ".join(f"? as {name}" for name in row)
    con.execute(
        "insert into benchmark.disclosure_members by name "
        f"select {columns}, uuid() as client_key from range({n})",
        list(row.values()),
    )


COURSE = {**SITE, **PEOPLE, "figure": "level", "n_clients_short": 0}


@pytest.mark.parametrize(
    ("n", "changed", "of_site", "of_network"),
    [
        (10, {}, 30.0, 30.0),
        (11, {}, 31.0, 31.0),
        # At another site, in another language, of another informant; who left, and who came back.
        (11, {"site_id": "site_01"}, 30.0, 31.0),
        (11, {"language": "fr"}, 30.0, 30.0),
        (11, {"informant": "therapist"}, 30.0, 30.0),
        (11, {"from_release": 1, "until_release": 2}, 31.0, 31.0),
        (11, {"from_release": 2, "until_release": 2}, 30.0, 30.0),
        (11, {"from_release": 0, "until_release": 1}, 30.0, 30.0),
    ],
)
def test_rows_of_models_count_clients_with_other_forms(
    con: duckdb.DuckDBPyConnection,
    n: int,
    changed: dict[str, Any],
    of_site: float,
    of_network: float,
) -> None:
    members(con, 50, since=1)
    everywhere = {**COURSE, "practice_id": None, "site_id": None}
    add_rows(con, "trajectories", {**COURSE, "value": 30.0}, {**everywhere, "value": 30.0})
    night(con)
    members(con, n, **{"since": 2, **changed})
    con.execute("update benchmark.trajectories set value = 31.0")
    night(con)
    values = "select value from released_trajectories order by site_id nulls last"
    assert con.execute(values).fetchall() == [(of_site,), (of_network,)]


def test_forms_sent_again_as_they_were_are_no_change(con: duckdb.DuckDBPyConnection) -> None:
    members(con, 50, since=1)
    add_rows(con, "trajectories", {**COURSE, "value": 30.0})
    night(con)
    con.execute("update benchmark.disclosure_members set until_release = 2")
    con.execute(
        "insert into benchmark.disclosure_members by name "
        "select * replace (2 as from_release, null as until_release) "
        "from benchmark.disclosure_members"
    )
    con.execute("update benchmark.trajectories set value = 31.0")
    night(con)
    assert con.execute("select value from released_trajectories").fetchall() == [(30.0,)]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 0.3),
        ({"stage": "ending"}, 0.2),
        ({"collection_mode": "paper"}, 0.2),
        ({"month_on": "2025-03-01"}, 0.2),
    ],
)
def test_case_mix_counts_clients_of_its_network_and_period(
    con: duckdb.DuckDBPyConnection, changed: dict[str, Any], expected: float
) -> None:
    con.execute("insert into intermediate.months_of_periods values ('2026', date '2026-03-01')")
    network = {**NETWORK, "collection_mode": "app", "stage": "opening"}
    figures = {"n_sites": 4, "n_clients": 50, "r2_within": 0.2, "period": "2026"}
    figures |= {"n_clients_therapist_unknown": 0}
    add_rows(con, "case_mix_models", network | figures)
    severity = {"covariate": "baseline_severity", "value": 0.2}
    add_rows(con, "case_mix_coefficients", network | severity)
    night(con)
    members(con, 11, **{"since": 2, **changed})
    con.execute("update benchmark.case_mix_models set r2_within = 0.3")
    con.execute("update benchmark.case_mix_coefficients set value = 0.3")
    night(con)
    assert con.execute("select r2_within from released_case_mix_models").fetchall() == [(expected,)]
    estimate = con.execute("select estimate from released_case_mix_coefficients").fetchall()
    assert estimate == [(expected,)]


def _gaps(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("select gap, gap_rest from released_site_gaps").fetchall()


def test_rows_beside_site_benchmarks_are_written_with_their_cell(
    con: duckdb.DuckDBPyConnection,
) -> None:
    names = "practice_id, site_id, instrument_code, version, language, informant, "
    names += "collection_mode, metric, stage, period"
    (cell,) = con.execute(
        f"select {names} from benchmark.site_benchmarks where site_id = 'site_00'"
    ).fetchall()
    named = dict(zip(names.split(", "), cell, strict=True))
    parts = {"gap": 1.0, "gap_case_mix": 0.4, "gap_therapists": 0.2, "n_clients": 40}
    add_rows(con, "site_gaps", named | parts)
    night(con)
    con.execute("update benchmark.site_gaps set gap = 2.0")
    night(con)
    assert _gaps(con) == [(1.0, 0.4)]
    # One of its parts is hidden tonight: what is left would not add up.
    con.execute("update benchmark.site_gaps set gap_therapists = null")
    night(con)
    assert _gaps(con) == []
    con.execute("update benchmark.site_gaps set gap_therapists = 0.2")
    night(con)
    assert _gaps(con) == [(1.0, 0.4)]
    number = ledger.last_number(con) + 1
    con.execute(
        "insert into benchmark.disclosure_ledger select * replace (? as release_no, "
        "? as written_release) from benchmark.disclosure_ledger where site_id = 'site_00'",
        [number, number],
    )
    night(con)
    assert _gaps(con) == [(2.0, 1.4)]


@pytest.mark.parametrize("table", ["site_metrics", "trajectories"])
def test_the_gate_finds_rows_written_too_early(con: duckdb.DuckDBPyConnection, table: str) -> None:
    set_cell(con, [10, 30])
    add_rows(con, "trajectories", {**COURSE, "value": 30.0})
    members(con, 50, since=1)
    night(con)
    set_cell(con, [20, 30], value=0.8 if table == "site_metrics" else 0.5)
    members(con, 10, since=2)
    if table == "trajectories":
        con.execute("update benchmark.trajectories set value = 31.0")
    prepare_measures(con, Thresholds())
    let_stand(con, Thresholds(), NIGHT.date(), MeasureProtections(refresh=False))
    assert problems(con) == [
        f"{table}: a row was written anew though too few of its clients changed since a release "
        "that wrote it: practice/site_00, srs"
    ]


def test_the_gate_finds_what_the_ledger_does_not_have(con: duckdb.DuckDBPyConnection) -> None:
    set_cell(con, [10, 30])
    decide(con)
    assert problems(con, "update site_metrics set value = null, null_reason = 'x'") == []
    (said,) = problems(con, "update site_metrics set value = 0.9")
    assert said.startswith("site_metrics: a row is not what the ledger")
    assert said.endswith("practice/site_00, srs")


def test_every_table_of_measures_says_how_its_changes_are_counted() -> None:
    table = next(each for each in tables_of("release") if each.table == "site_metrics")
    with pytest.raises(ValueError, match="changes_counted"):
        ReleaseTable.model_validate(table.model_dump() | {"changes_counted": None})
    assert {each.table for each in tables_of("release") if each.changes_counted} == {
        each.table for each in tables_of_measures()
    }
