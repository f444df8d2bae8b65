"""What of the measures goes into a release, how it is rounded, and what refuses a bad file."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.model import Thresholds
from orchestration.release.checks import candidate_problems
from orchestration.release.contents import prepare_measures
from orchestration.release.publish import ReleaseRefused, write_release
from orchestration.release.reader import Releases
from orchestration.release.tables import tables_of
from tests.unit.release.measured_warehouse import (
    NETWORK,
    PEOPLE,
    add_cell,
    add_rows,
    measured_warehouse,
    measuring_registry,
    released_rows,
)
from tests.unit.release.small_warehouse import small_meta, small_registry

MEASURES = [table.table for table in tables_of("release") if table.is_measure]


def _released(con: duckdb.DuckDBPyConnection, folder: Path, sql: str) -> list[tuple[Any, ...]]:
    registry = measuring_registry()
    write_release(con, folder, small_meta(registry), registry)
    pointer = Releases(folder).current()
    assert pointer is not None
    with duckdb.connect(str(pointer.release), read_only=True) as release:
        return release.execute(sql).fetchall()


@pytest.fixture(scope="module")
def one_warehouse() -> duckdb.DuckDBPyConnection:
    con = measured_warehouse()
    prepare_measures(con, Thresholds())
    return con


@pytest.fixture
def warehouse(one_warehouse: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Without any row of measures; what is in it may be asked for by `released_rows`."""
    for schema, table in one_warehouse.execute(
        "select table_schema, table_name from information_schema.tables where table_schema = "
        "'benchmark' and table_name <> 'site_benchmarks' or starts_with(table_name, 'rpt_site_')"
    ).fetchall():
        one_warehouse.execute(f"delete from {schema}.{table}")
    return one_warehouse


def _shown(con: duckdb.DuckDBPyConnection, **changed: Any) -> tuple[Any, ...]:
    """n_clients_at_least, value, valued_share, null_reason, is_suppressed of the one cell."""
    con.execute("delete from marts.rpt_site_metrics")
    add_cell(con, **changed)
    columns = "n_clients_at_least, value, valued_share, null_reason, is_suppressed"
    (row,) = released_rows(con, "site_metrics", columns)
    return row


HIDDEN = (None, None, None, None, True)


def test_measures_of_nothing_are_a_release(tmp_path: Path) -> None:
    counts = " union all ".join(f"select count(*) from {table}" for table in MEASURES)
    assert len(MEASURES) == 18
    assert set(_released(measured_warehouse(), tmp_path, counts)) == {(0,)}


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({}, (11, 0.5, 1.0, None, False)),
        # 11 to 100 clients are one class, so are 101 to 1,000.
        ({"n_clients": 11, "n_clients_counted": 11, "n_clients_not_counted": 11},
         (11, 0.5, 1.0, None, False)),
        ({"n_clients": 1000}, (101, 0.5, 1.0, None, False)),
        ({"n_clients": 1001}, (1001, 0.5, 1.0, None, False)),
        ({"n_clients": 10, "n_clients_counted": 10, "n_clients_not_counted": 0}, HIDDEN),
        ({"n_therapists": 2}, HIDDEN),
        ({"n_therapists": 3}, (11, 0.5, 1.0, None, False)),
        ({"n_therapists": None, "top_therapist_share": None}, (11, 0.5, 1.0, None, False)),
        ({"top_therapist_share": 0.8}, (11, 0.5, 1.0, None, False)),
        ({"top_therapist_share": 0.81}, HIDDEN),
        # A share of 1 to 10 clients, and one that leaves 1 to 10 over.
        ({"n_clients_counted": 10}, HIDDEN),
        ({"n_clients_counted": 1}, HIDDEN),
        ({"n_clients_not_counted": 10}, HIDDEN),
        # Of nobody at all too: else "hidden" would say that there is somebody.
        ({"n_clients_counted": 0, "value": 0.0}, HIDDEN),
        ({"n_clients_not_counted": 0, "value": 1.0}, HIDDEN),
        ({"n_clients_counted": 11, "value": 0.287}, (11, 0.3, 1.0, None, False)),
        ({"n_clients": 100, "value": 0.287}, (11, 0.3, 1.0, None, False)),
        ({"n_clients": 101, "value": 0.287}, (101, 0.29, 1.0, None, False)),
        # Whose units have no value are people too: of few of them no share of the valued.
        ({"n_clients_without_value": 10, "n_valued": 60}, (11, 0.5, None, None, False)),
        ({"n_clients_without_value": 11, "n_valued": 60}, (11, 0.5, 0.75, None, False)),
        # A mean is about all of its clients: no numerator to count.
        ({"metric": "mean_score", "value": 31.2345, "n_clients_counted": 3},
         (11, 31.2, 1.0, None, False)),
        # Of 11 clients one is 40 / 11 points: so near an end none could be at the other.
        ({"metric": "mean_score", "value": 36.31, "n_clients": 80}, (11, 36.3, 1.0, None, False)),
        ({"metric": "mean_score", "value": 38.9, "n_clients": 80}, (11, 36.3, 1.0, None, False)),
        ({"metric": "mean_score", "value": 1.0}, (11, 3.7, 1.0, None, False)),
        ({"metric": "mean_score", "value": 38.9, "n_clients": 101}, (101, 38.9, 1.0, None, False)),
        ({"metric": "change", "value": -39.0, "n_clients_counted": None},
         (11, -32.7, 1.0, None, False)),
        ({"metric": "lag_days", "value": 0.04}, (11, 0.0, 1.0, None, False)),
        # Nobody has a value, and enough people have none: the reason may be said.
        ({"n_clients": 0, "n_valued": 0, "n_clients_without_value": 11, "value": None,
          "null_reason": "no_reliable_change", "n_clients_counted": 0, "n_clients_not_counted": 0},
         (None, None, None, "no_reliable_change", False)),
        ({"n_clients": 0, "n_valued": 0, "n_clients_without_value": 10, "value": None,
          "null_reason": "no_reliable_change"}, HIDDEN),
        ({"value": None, "null_reason": "too_few_units", "n_clients_counted": 12},
         (11, None, 1.0, "too_few_units", False)),
    ],
)  # fmt: skip
def test_a_cell_is_shown_rounded_or_hidden(
    warehouse: duckdb.DuckDBPyConnection, changed: dict[str, Any], shown: tuple[Any, ...]
) -> None:
    assert _shown(warehouse, **changed) == shown


def test_what_site_benchmarks_hides_no_other_table_shows(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """site_03's forms of 2026 are hidden there, site_00's are not; of how many clients these cells
    are does not matter then."""
    there = {"site_id": "site_03", "metric": "mean_score", "value": 31.2345, "period": "2026"}
    assert _shown(warehouse, **there) == HIDDEN
    assert _shown(warehouse, **{**there, "site_id": "site_00"})[-1] is False
    assert _shown(warehouse, **{**there, "period": "2025"})[-1] is False
    # What is due is of other people than what came back.
    assert _shown(warehouse, **{**there, "metric": "response_rate"})[-1] is False
    # Ages and stages part the clients of all stages.
    warehouse.execute("delete from marts.rpt_site_metrics")
    add_cell(warehouse, **there, stratum_kind="age_band", stratum="26-35")
    add_cell(warehouse, **there, stratum_kind="stage", stratum="opening")
    assert released_rows(warehouse, "site_metrics", "stratum") == []
    assert released_rows(warehouse, "stage_profiles", "stratum") == []
    report = "table_name, n_cells, n_hidden, information_lost_share"
    # ln 41 of each cell: all that one table holds is lost, and nothing of the other.
    assert set(warehouse.execute(f"select {report} from suppressed_measures").fetchall()) == {
        ("site_metrics", 1, 1, 1.0),
        ("stage_profiles", 1, 1, 1.0),
    }


def test_couples_and_groups_are_the_people_of_their_cells(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    for metric in ("couple_minimum", "couple_gap", "group_mean"):
        means = {"metric": metric, "value": 31.26, "n_clients_counted": None}
        means |= {"n_clients_not_counted": None, "n_valued": 60, "n_clients_without_value": 12}
        assert _shown(warehouse, **means, n_clients=11) == (11, 31.3, 0.75, None, False)
        assert _shown(warehouse, **means, n_clients=10) == HIDDEN


def test_a_metric_of_therapists_needs_as_many_of_them(warehouse: duckdb.DuckDBPyConnection) -> None:
    therapists = {"metric": "therapist_response", "n_clients": 0, "n_clients_counted": 0}
    shown = (None, 0.5, None, None, False)
    assert _shown(warehouse, **therapists, n_therapists=24) == shown
    # 10 of 20, and 11 of 22 take part: 10 are too few, on either side.
    assert _shown(warehouse, **therapists, n_therapists=20) == HIDDEN
    assert _shown(warehouse, **therapists, n_therapists=22) == shown


def test_metrics_go_to_their_tables(warehouse: duckdb.DuckDBPyConnection) -> None:
    homes = {
        "flow_reached_3": "cohort_flow",
        "early_alliance": "cohort_flow",
        "flow_kind_crisis": "cohort_flow",
        "couple_minimum": "site_metrics",
        "couple_gap": "site_metrics",
        "group_mean": "site_metrics",
        "marked_drop_sd1": "alliance_events",
        "unrepaired_sd1": "alliance_events",
        "sudden_gain": "alliance_events",
        "pair_gap": "informant_gaps",
        "attended": "frame_adherence",
        "gap_days": "frame_adherence",
        "recovered": "site_metrics",
        "responded_none": "site_metrics",
        "low_alliance": "site_metrics",
    }
    for metric in homes:
        add_cell(warehouse, metric=metric)
    add_cell(warehouse, metric="low_alliance", stratum_kind="stage", stratum="opening")
    tables = sorted({*homes.values(), "stage_profiles"})
    found = [
        (metric, table)
        for table in tables
        for (metric,) in released_rows(warehouse, table, "metric")
    ]
    assert sorted(found) == sorted([*homes.items(), ("low_alliance", "stage_profiles")])


def test_expected_and_open_stand_beside_what_was_observed(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    site = {"practice_id": "practice", "site_id": "site_00", "instrument_code": "srs"}
    form = {"version": "3.0", "language": "en", "informant": "client", "period": "all"}
    add_rows(
        warehouse,
        "marked_drops",
        *({**site, **form, "rule": rule, "expected_share": 0.517} for rule in ("sd1", "chart")),
    )
    add_cell(warehouse, metric="marked_drop_sd1", n_valued=60, n_clients_without_value=15)
    add_cell(warehouse, metric="marked_drop_sd1", period="2026", n_valued=60, n_units=60)
    add_cell(warehouse, metric="marked_drop_chart", n_clients=9)
    add_cell(warehouse, metric="unrepaired_sd1", n_valued=60, n_clients_without_value=15)
    found = released_rows(
        warehouse,
        "alliance_events",
        "metric, period, value, eligible_share, expected_share, open_share",
    )
    assert found == [
        ("marked_drop_chart", "all", None, None, None, None),
        ("marked_drop_sd1", "2026", 0.5, 1.0, None, None),
        ("marked_drop_sd1", "all", 0.5, 0.75, 0.52, None),
        ("unrepaired_sd1", "all", 0.5, None, None, 0.25),
    ]


def test_hazards_of_few_who_ended_are_hidden(warehouse: duckdb.DuckDBPyConnection) -> None:
    hazard = {**NETWORK, "period": "all", "figure": "hazard", **PEOPLE, "value": 0.123}
    ended = {"n_clients_ended": 11, "n_clients_not_ended": 40}
    add_rows(
        warehouse,
        "dropout_hazards",
        {**hazard, **ended, "alliance_state": "low"},
        {**hazard, **ended, "alliance_state": "middle", "n_clients_ended": 10},
        {**hazard, **ended, "alliance_state": "low", "session_no": 3},
        {**hazard, **ended, "alliance_state": "low", "session_no": 4, "n_clients_not_ended": 2},
    )
    found = released_rows(
        warehouse,
        "dropout_hazard",
        "metric, stratum, session_no, n_sites, n_clients_at_least, value, is_suppressed",
    )
    assert found == [
        ("dropout_hazard", "low", 3, 4, 11, 0.1, False),
        ("dropout_hazard", "low", None, 4, 11, 0.1, False),
        ("dropout_hazard", "middle", None, None, None, None, True),
    ]


def test_only_the_pooled_correlation_goes_out(warehouse: duckdb.DuckDBPyConnection) -> None:
    outcome = {"outcome_instrument_code": "phq_9", "outcome_version": "1"}
    pooled = {**NETWORK, **outcome, "period": "all", **PEOPLE, "value": 0.2345, "q": 3.333}
    add_rows(
        warehouse,
        "alliance_outcomes",
        {**pooled, "pooling": "random"},
        {**pooled, "pooling": "none", "practice_id": "practice", "site_id": "site_00"},
        {
            **NETWORK,
            **outcome,
            "period": "all",
            "pooling": "fixed",
            "n_sites": 0,
            "n_clients": 0,
            "null_reason": "too_few_sites",
        },
    )
    slope = {**NETWORK, **outcome, "period": "all", **PEOPLE}
    add_rows(warehouse, "alliance_slopes", {**slope, "figure": "within", "value": 1.239})
    found = released_rows(
        warehouse,
        "alliance_outcome",
        "site_id, metric, stratum, n_sites, n_clients_at_least, value, q, null_reason",
    )
    assert found == [
        (None, "alliance_outcome", "fixed", None, None, None, None, "too_few_sites"),
        (None, "alliance_outcome", "random", 4, 11, 0.23, 3.3, None),
        (None, "alliance_within_clients", "all", 4, 11, 1.24, None, None),
    ]


def test_percentiles_need_enough_clients_on_their_far_side(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    for period, n_clients in (("2023", 100), ("2024", 101), ("2025", 1000), ("2026", 1001)):
        add_cell(warehouse, metric="mean_score", period=period, n_clients=n_clients, value=30.0)
        warehouse.execute(
            "insert into marts.rpt_site_distributions values ('practice', 'site_00', 'srs', "
            "'3.0', 'en', 'client', 'mean_score', ?, ?, 200, 10.04, 20.04, 30.04, 40.0, -1.23, "
            "null)",
            [period, n_clients],
        )
    found = released_rows(
        warehouse,
        "site_distributions",
        "period, n_clients_at_least, p10, p25, value, p75, skew, null_reason",
    )
    assert found == [
        ("2023", 11, None, None, None, None, None, "too_few_clients"),
        ("2024", 101, None, 20.0, 30.0, 40.0, -1.2, None),
        ("2025", 101, None, 20.0, 30.0, 40.0, -1.2, None),
        ("2026", 1001, 10.0, 20.0, 30.0, 40.0, -1.2, None),
    ]


def test_without_the_switch_old_tables_stay_in_the_warehouse(tmp_path: Path) -> None:
    con = measured_warehouse()
    add_cell(con)
    registry = small_registry()
    before = write_release(con, tmp_path, small_meta(registry), registry)
    path = tmp_path / f"{before.release_id}.duckdb"
    with duckdb.connect(str(path), read_only=True) as release:
        assert release.execute("select count(*) from site_metrics").fetchall() == [(0,)]
        assert candidate_problems(release, "release", Thresholds()) == []
        settings = release.execute("select settings->>'with_measures' from release").fetchall()
        assert settings == [("false",)]
    measuring = measuring_registry()
    after = write_release(con, tmp_path, small_meta(measuring), measuring)
    assert after.is_new
    assert after.release_id != before.release_id


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    con = measured_warehouse()
    add_cell(con, n_clients=103, value=0.287)
    add_cell(con, metric="recovered", n_clients=9)
    add_cell(con, metric="marked_drop_sd1")
    assert _released(con, folder, "select count(*) from site_metrics") == [(2,)]
    pointer = Releases(folder).current()
    assert pointer is not None
    return pointer.release


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table site_metrics add column numerator double", "not in the allow-list"),
        ("alter table cohort_flow drop column value", "is missing"),
        (
            "update site_metrics set n_clients_at_least = 103 where value = 0.29",
            "no class's",
        ),
        (
            "update site_metrics set n_clients_at_least = 10 where value = 0.29",
            "no class's",
        ),
        ("update site_metrics set value = 0.287 where n_clients_at_least = 101", "finer than"),
        ("update alliance_events set value = 0.51", "finer than"),
        ("update alliance_events set eligible_share = 0.51", "finer than"),
        ("update site_metrics set value = 0.5 where is_suppressed", "still hold a value"),
        ("update site_metrics set null_reason = 'x' where is_suppressed", "still hold a value"),
        ("update site_metrics set suppression_reason = null", "whether or why"),
        ("update alliance_events set value = null", "neither a value nor a reason"),
        ("update alliance_events set n_clients_at_least = null", "without their clients"),
        ("update site_metrics set period = '2027'", "2027 is not closed"),
        ("update site_metrics set period = 'lately'", "not written as agreed"),
        ("insert into site_metrics select * from site_metrics", "more than once"),
        (
            "update site_metrics set metric = 'change', value = 30.123 where value = 0.29",
            "means are",
        ),
        ("update alliance_events set stratum_kind = 'age_band', stratum = '18'", "as a whole"),
        (
            "insert into site_metrics select * replace ('site_03' as site_id, "
            "'lag_days' as metric, '2026' as period) from site_metrics where value = 0.29",
            "that site_benchmarks hides",
        ),
        (
            "insert into site_metrics select * replace ('improved' as metric) from site_metrics "
            "where value = 0.29",
            "one metric alone is hidden",
        ),
    ],
)
def test_a_bad_file_is_told_what_is_wrong(
    good: Path, tmp_path: Path, change: str, said: str
) -> None:
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(good.read_bytes())
    with duckdb.connect(str(copy)) as con:
        assert candidate_problems(con, "release", Thresholds()) == []
        con.execute(change)
        found = candidate_problems(con, "release", Thresholds())
    assert any(said in problem for problem in found), found


def test_a_cell_twice_refuses_the_release_and_the_old_one_stays(tmp_path: Path) -> None:
    con = measured_warehouse()
    add_cell(con)
    assert _released(con, tmp_path, "select count(*) from site_metrics") == [(1,)]
    before = Releases(tmp_path).current_id()
    add_cell(con)
    with pytest.raises(ReleaseRefused, match="site_metrics: 1 keys occur more than once"):
        _released(con, tmp_path, "select 1")
    assert Releases(tmp_path).current_id() == before
