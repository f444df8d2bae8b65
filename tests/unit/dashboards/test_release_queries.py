"""The dashboard's only door to data: the current release, read only and locked down."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dashboards import queries, queries_comparison
from dashboards.release import Choice, Form
from tests.browser.fixture_deliveries import ZONE, delivered_around
from tests.browser.fixture_release import (
    CREATED_AT,
    DATA_THROUGH_ON,
    FAR_FUTURE,
    LONG_PAST,
    PRACTICES,
    SITES,
    Cell,
    FixtureRelease,
    build_release,
)

OPENING_VIEW = Choice(Form("srs", "3", "en", "client", "tablet"), "all", "12m-2026-10")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> FixtureRelease:
    return build_release(tmp_path_factory.mktemp("home"))


@pytest.fixture
def cursor(release: FixtureRelease) -> duckdb.DuckDBPyConnection:
    return queries.open_release(queries.current_pointer(release.home))


def test_it_says_which_release_it_is(cursor: duckdb.DuckDBPyConnection) -> None:
    found = queries.release(cursor)
    assert found.created_at == CREATED_AT
    assert found.data_through_on == DATA_THROUGH_ON


def test_a_views_rows_are_the_releases_rows_in_alphabetical_order(
    release: FixtureRelease, cursor: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = queries_comparison.site_results(cursor, OPENING_VIEW)
    labels = [row.site_label for row in rows]
    assert labels == sorted(labels, key=str.lower)
    assert len(rows) == len(SITES)
    names = ("practice_id", "site_id", "n_clients", "raw", "standard_error", "upper998", "flag")
    # A copy: one process cannot hold the same file open under two configurations.
    copy = shutil.copy(release.path, tmp_path)
    with duckdb.connect(str(copy), read_only=True) as direct:
        expected = direct.execute(
            f"select {', '.join(names)} from site_benchmarks "
            "where instrument_code = 'srs' and collection_mode = 'tablet' "
            "and stage = 'all' and period = '12m-2026-10'"
        ).fetchall()
    assert {tuple(getattr(row, name) for name in names) for row in rows} == set(expected)


def test_a_site_name_that_two_practices_use_gets_its_practice(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    labels = {site.site_label for site in queries.sites(cursor)}
    assert {"Main House (Harbour Counselling)", "Main House (Northgate Practice)"} <= labels
    assert "Abbey Lane" in labels
    assert len(labels) == len(SITES)


def test_every_view_is_offered_with_how_many_sites_it_shows(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    offered = {choice: choice.n_sites_published for choice in queries_comparison.choices(cursor)}
    assert offered[OPENING_VIEW] == 12
    symptoms = Choice(Form("phq_9", "1", "en", "client", "tablet"), "all", "12m-2026-10")
    assert offered[symptoms] == 1


def test_a_way_of_collecting_that_was_not_sent_is_a_view_of_its_own(tmp_path: Path) -> None:
    cells = [
        Cell("birchwood", "abbey_lane", collection_mode=None),
        Cell("birchwood", "elm_court", collection_mode="paper"),
    ]
    fixture = build_release(tmp_path, cells)
    cursor = queries.open_release(queries.current_pointer(fixture.home))
    [unsent] = [
        view for view in queries_comparison.choices(cursor) if view.form.collection_mode is None
    ]
    assert [row.site_id for row in queries_comparison.site_results(cursor, unsent)] == [
        "abbey_lane"
    ]


def test_expected_deliveries_carry_their_deadline_in_utc(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    owed = queries.expected_deliveries(cursor)
    deadlines = {delivery.practice_id: delivery.expected_by_at for delivery in owed}
    assert deadlines == {
        "birchwood": FAR_FUTURE,
        "harbour": FAR_FUTURE,
        "northgate": LONG_PAST,
    }
    assert {delivery.practice_name for delivery in owed} == set(PRACTICES.values())


@pytest.mark.parametrize(
    "statement",
    [
        "delete from site_benchmarks",
        "create table anything (a integer)",
        "attach '{other}' as other",
        "copy sites to '{other}'",
        "select * from read_csv('{other}')",
        "set enable_external_access = true",
        "install httpfs",
        "set threads = 64",
    ],
)
def test_the_connection_can_neither_write_nor_reach_another_file(
    cursor: duckdb.DuckDBPyConnection, tmp_path: Path, statement: str
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    with pytest.raises(duckdb.Error):
        cursor.execute(statement.format(other=other))
    assert other.read_text() == "a\n1\n"


def test_the_next_look_at_the_pointer_finds_the_new_release(tmp_path: Path) -> None:
    build_release(tmp_path, release_id="one")
    first = queries.open_release(queries.current_pointer(tmp_path))
    build_release(tmp_path, release_id="two")
    second = queries.open_release(queries.current_pointer(tmp_path))
    assert queries.release(first).release_id == "one", "a run keeps the release it opened"
    assert queries.release(second).release_id == "two"


def test_no_pointer_means_no_release_yet(tmp_path: Path) -> None:
    with pytest.raises(queries.NoReleaseError):
        queries.current_pointer(tmp_path)


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        ("not json", "not a release pointer"),
        ("[]", "not a release pointer"),
        (json.dumps({"release_id": "r"}), "not a release pointer"),
        (json.dumps({"release_id": "r", "release": "../warehouse.duckdb"}), "names a path"),
        (json.dumps({"release_id": "r", "release": "gone.duckdb"}), "not there"),
    ],
)
def test_a_broken_pointer_is_said_to_be_one(tmp_path: Path, pointer: str, message: str) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "current.json").write_text(pointer)
    (tmp_path / "warehouse.duckdb").touch()
    with pytest.raises(queries.BrokenReleaseError, match=message):
        queries.current_pointer(tmp_path)


def test_a_file_that_is_no_release_is_refused_in_words(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.duckdb"
    garbage.write_bytes(b"not a database" * 100)
    with pytest.raises(queries.BrokenReleaseError, match="not a release this page can open"):
        queries.open_release(queries.Pointer("garbage", garbage))


def test_a_release_without_the_tables_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    cursor = queries.open_release(queries.Pointer("empty", path))
    with pytest.raises(queries.BrokenReleaseError, match="lacks a table"):
        queries.release(cursor)


@pytest.mark.parametrize(
    ("table", "column", "query"),
    [
        ("release", "time_zone", queries.release),
        (
            "site_benchmarks",
            "tau2",
            lambda cursor: queries_comparison.site_results(cursor, OPENING_VIEW),
        ),
        ("deliveries", "expected_by_at", queries.expected_deliveries),
        ("deliveries", "reason", queries.attempts),
        (
            "expected_deliveries",
            "pause_note",
            lambda cursor: queries.calendar(cursor, LONG_PAST, date.min, date.max),
        ),
    ],
)
def test_a_release_without_a_column_is_refused_in_words(
    tmp_path: Path,
    table: str,
    column: str,
    query: Callable[[duckdb.DuckDBPyConnection], object],
) -> None:
    fixture = build_release(tmp_path)
    with duckdb.connect(str(fixture.path)) as connection:
        connection.execute(f"alter table {table} drop column {column}")
    cursor = queries.open_release(queries.current_pointer(tmp_path))
    with pytest.raises(queries.BrokenReleaseError, match=r"lacks a .* column.* publish again"):
        query(cursor)


def test_bytes_that_came_again_settle_nothing(tmp_path: Path) -> None:
    fixture = build_release(tmp_path, delivered=delivered_around(datetime.now(UTC)))
    with duckdb.connect(str(fixture.path)) as connection:
        connection.execute(
            "insert into deliveries select * replace ('duplicate' as state, 9999 as load_seq) "
            "from deliveries where state = 'loaded' and is_over_tolerance order by load_seq limit 1"
        )
    found = queries.attempts(queries.open_release(queries.current_pointer(tmp_path)))
    again = found[0]
    assert (again.state, again.is_last) == ("duplicate", False)
    (loaded,) = [a for a in found[1:] if a.delivery_id == again.delivery_id]
    assert loaded.is_last
    assert loaded.is_over_tolerance


@pytest.mark.parametrize("hour", [0, 2, 3, 4, 12, 23])
def test_the_calendar_has_every_state_whatever_hour_it_is(tmp_path: Path, hour: int) -> None:
    """The browser test looks for each state at the hour it happens to run."""
    now = datetime(2026, 11, 4, hour, 30, tzinfo=ZONE)
    build_release(tmp_path, delivered=delivered_around(now))
    cursor = queries.open_release(queries.current_pointer(tmp_path))
    states = {
        day.state
        for day in queries.calendar(cursor, now, now.date() - timedelta(days=13), now.date())
    }
    assert states == {
        *("dead", "due", "duplicate", "held", "late", "missing", "on_time", "paused"),
        *("quarantined", "refused"),
    }


def test_a_time_without_a_zone_is_utc() -> None:
    naive = datetime(2026, 1, 2, 3)
    assert queries._utc(naive) == naive.replace(tzinfo=UTC)
