"""Whole nights through the real job: twice, and beside a poisonous practice.

Late files and other orders are in test_arrival_orders, killed nights in tests/faults.
"""

import json
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest

from expectations.registry import load_registry
from orchestration.definitions import build
from orchestration.instance import open_instance
from orchestration.nightly import NightReport
from orchestration.settings import Settings
from orchestration.simulation import simulate
from tests.integration import sample_nights as nights


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> tuple[Settings, NightReport]:
    settings = nights.home(tmp_path_factory.mktemp("nights") / "home", parsed)
    nights.send(settings, nights.FIRST)
    return settings, nights.night(settings, by_worker=True)


@pytest.fixture(scope="module")
def first_of_few(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Settings:
    settings = nights.home(tmp_path_factory.mktemp("few") / "home", parsed)
    nights.send_few(settings, nights.FEW_FIRST)
    assert nights.night(settings).is_new_release
    return settings


def test_the_first_night(first: tuple[Settings, NightReport]) -> None:
    settings, report = first
    assert report.did_anything
    assert report.is_new_release
    assert not report.problems
    practices = load_registry().practices
    assert [line.practice_id for line in report.practices] == list(practices)
    for line in report.practices:
        assert line.n_files == len(practices[line.practice_id].contracts[-1].files)
        assert line.n_rows_read == line.n_accepted + line.n_quarantined + line.n_excluded
        assert line.n_checks_passed > 0
    assert not [path for path in settings.landing.rglob("*") if path.is_file()]
    release = settings.releases / f"{report.release_id}.duckdb"
    (counts,) = nights.query(
        release, "select count(*), count(raw), count(flag) from site_benchmarks"
    )
    assert counts[0] > counts[1] > 0
    of_rates, of_sites = nights.query(
        release, "select n_cells, n_hidden from suppression_report order by table_name"
    )
    assert abs(of_sites[0] - counts[0]) <= 2
    for n_cells, n_hidden in (of_rates, of_sites):
        assert 0 < n_hidden < n_cells


def test_nothing_that_was_sent_lies_about_readable(first: tuple[Settings, NightReport]) -> None:
    """Sender ids of the simulation carry digits after a known stem; none is in any byte written."""
    settings, _ = first
    landing = settings.home.parent / "again"
    simulate(load_registry([settings.home]), landing, nights.FIRST)
    sent = (landing / "riverside_collective").glob("*sessions*.csv")
    lines = next(iter(sent)).read_text(encoding="utf-8", errors="replace").splitlines()[1:20]
    ids = {cell for line in lines for cell in line.replace(";", ",").split(",") if len(cell) > 6}
    ids = {
        cell for cell in ids if any(c.isdigit() for c in cell) and any(c.isalpha() for c in cell)
    }
    assert ids
    for path in settings.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [cell for cell in ids if cell.encode() in content], path


def test_a_second_night_finds_nothing(first: tuple[Settings, NightReport]) -> None:
    settings, report = first
    before = settings.warehouse.read_bytes()
    again = nights.night(settings)
    assert not again.did_anything
    assert not again.needs_a_person
    assert again.release_id == report.release_id
    assert settings.warehouse.read_bytes() == before


@pytest.fixture(scope="module")
def in_order(first_of_few: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The first night, then the second."""
    settings = nights.copy(first_of_few, tmp_path_factory.mktemp("in_order") / "home")
    nights.send_few(settings, nights.FEW_SECOND)
    assert nights.night(settings).is_new_release
    return settings


def test_two_nights_equal_one(in_order: Settings, parsed: Path, tmp_path: Path) -> None:
    """Incremental by clients touched, against everything built at once."""
    one_night = nights.home(tmp_path / "one", parsed)
    nights.send_few(one_night, nights.FEW_FIRST)
    nights.send_few(one_night, nights.FEW_SECOND)
    nights.night(one_night)
    nights.assert_same_rows(in_order, one_night)


@pytest.fixture(scope="module")
def poisoned(
    parsed: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, NightReport]:
    """The first night of few again, with every file of one practice spoilt in another way, so that
    it is refused, and forms of a second one spoilt so that they are set aside."""
    settings = nights.home(tmp_path_factory.mktemp("poisoned") / "home", parsed)
    nights.send_few(settings, nights.FEW_FIRST)
    nights.spoil(settings.landing)
    (settings.home / "practices" / "new_practice.yml").write_text(
        "practice_id: new_practice\nname: ["
    )
    return settings, nights.night(settings)


def test_poisonous_practices_move_nobody_else(
    first_of_few: Settings, poisoned: tuple[Settings, NightReport]
) -> None:
    settings, report = poisoned
    assert report.needs_a_person
    assert report.is_new_release
    assert any("harbor_counseling" in problem for problem in report.problems)
    assert any("new_practice.yml:" in problem for problem in report.problems)
    poisonous, of_the_group = (nights.REFUSED, nights.SPOILT), ("group_data_through_on",)
    clean, other = (
        nights.rows(home, poisonous, apart_from=of_the_group) for home in (first_of_few, settings)
    )
    assert clean.keys() == other.keys()
    assert {"raw.sessions", "marts.fct_scores", "marts.rpt_site_statistics"} <= clean.keys()
    assert {table for table in clean if not clean[table]} == {
        "intermediate.int_episodes_derived",
        "raw.process_ratings",
        "staging.stg_schedule_exemptions",
    }
    for table in clean:
        assert clean[table] == other[table], table
    assert nights.query(
        settings.warehouse,
        "select count(*) from raw.sessions where practice_id = 'harbor_counseling'",
    ) == [(0,)]
    states = nights.query(
        settings.releases / f"{report.release_id}.duckdb",
        "select distinct state from deliveries where practice_id = 'harbor_counseling'",
    )
    assert ("refused",) in states
    assert nights.query(
        settings.releases / f"{report.release_id}.duckdb",
        "select state from deliveries where practice_id = 'new_practice'",
    ) == [("declaration_broken",)]


def test_spoilt_forms_are_set_aside_and_the_practice_keeps_its_others(
    first_of_few: Settings, poisoned: tuple[Settings, NightReport]
) -> None:
    settings, _ = poisoned
    failed = nights.query(
        settings.warehouse,
        "select check_id, practice_id, count(*) from quality.quarantine group by all order by all",
    )
    assert failed == [
        ("administrations.instrument_code.known", "riverside_collective", 1),
        *(
            (f"administrations.item_{number:02d}.in_range", "riverside_collective", 1)
            for number in range(1, 5)
        ),
        ("administrations.key.unique", "riverside_collective", 2),
    ]
    keys = "select form_key from raw.administrations where practice_id = 'riverside_collective'"
    sent, kept = (set(nights.query(home.warehouse, keys)) for home in (first_of_few, settings))
    assert kept < sent
    assert len(sent - kept) == 3


def test_the_orchestrator_shows_the_run_and_its_checks(
    poisoned: tuple[Settings, NightReport],
) -> None:
    settings, _ = poisoned
    with nights.environment(settings), open_instance(settings) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        checks = {
            (event.asset_key.path[1], event.check_name): event.passed
            for record in instance.all_logs(run.run_id)
            if (event := _evaluation(record)) is not None
        }
    assert checks[("harbor_counseling", "taken_in")] is False
    assert checks[("riverside_collective", "taken_in")] is True
    assert checks[("two_oaks", "taken_in")] is True


def _evaluation(record: Any) -> Any:
    event = record.dagster_event
    if event is None or event.event_type_value != "ASSET_CHECK_EVALUATION":
        return None
    return event.event_specific_data


def test_the_schedule_asks_for_what_is_new(
    first: tuple[Settings, NightReport], tmp_path: Path
) -> None:
    settings = nights.copy(first[0], tmp_path / "home")
    four = datetime(2026, 10, 1, 4, tzinfo=ZoneInfo("America/New_York"))
    with nights.environment(settings), open_instance(settings) as instance:
        schedule = build(settings, load_registry([settings.home])).resolve_schedule_def("nightly")
        context = dg.build_schedule_context(instance, scheduled_execution_time=four)
        idle = schedule.evaluate_tick(context)
        assert idle.skip_message == "nothing new in landing"
        simulate(load_registry([settings.home]), tmp_path / "more", nights.SECOND)
        more = next((tmp_path / "more" / "two_oaks").glob("appointments*"))
        shutil.copy(more, settings.landing / "two_oaks")
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.run_key == "2026-10-01"
    practices = {key.path[1] for key in request.asset_selection or [] if len(key.path) == 3}
    assert practices == {"two_oaks"}


def test_the_chain_of_verdicts_holds(
    first: tuple[Settings, NightReport], poisoned: tuple[Settings, NightReport]
) -> None:
    """As read back: every time, share and null must give the hash it had when it was written."""
    (facts,) = nights.query(
        poisoned[0].warehouse,
        "select count(*), count(instrument_code), count(message), count(distinct threshold), "
        "count(*) filter (failed_share not in (0, 1)) from quality.check_results",
    )
    n_rows, *n_filled, n_thresholds, n_fractions = facts
    assert all(n_rows > n > 0 for n in n_filled), "some cells are null"
    assert min(n_thresholds, n_fractions) > 1, "some numbers are fractions"
    for settings, _ in (first, poisoned):
        assert nights.broken_links(settings.warehouse) == []


@pytest.mark.parametrize(
    "edit",
    ["n_failed = n_failed + 1", "threshold = 0.5", "checked_at = checked_at + interval 1 second"],
)
def test_an_edited_verdict_is_found(
    first: tuple[Settings, NightReport], tmp_path: Path, edit: str
) -> None:
    copy = Path(shutil.copy(first[0].warehouse, tmp_path))
    with duckdb.connect(str(copy)) as con:
        con.execute(f"update quality.check_results set {edit} where check_seq = 40")
    assert nights.broken_links(copy) == [40]
    with duckdb.connect(str(copy)) as con:
        con.execute("delete from quality.check_results where check_seq = 40")
    assert nights.broken_links(copy) == [41]


def test_the_command_line(first: tuple[Settings, NightReport]) -> None:
    settings, report = first
    command = [sys.executable, "-m", "orchestration.cli.main", "nightly", "--json", "--home"]
    done = subprocess.run(
        [*command, str(settings.home)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["release_id"] == report.release_id
