"""Whole nights through the real job: twice, late, killed, and beside a poisonous practice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest

from expectations.registry import load_registry
from orchestration.cli.home import FOLDERS
from orchestration.dbt_runner import ensure_manifest
from orchestration.definitions import build
from orchestration.ingest.pseudonyms import create_key, key_path
from orchestration.instance import end_dead_runs, open_instance
from orchestration.nightly import NightReport, run_nightly
from orchestration.settings import Settings, from_environment
from orchestration.simulation import SimulationSettings, simulate

# Without spoilt forms: in a small file two of them are more than a practice tolerates.
FIRST = SimulationSettings(n_clients=420, dirt=0, window=(date(2024, 10, 1), date(2026, 6, 30)))
SECOND = replace(FIRST, window=(date(2026, 7, 1), date(2026, 9, 30)))
VOLATILE = {"load_seq", "delivery_id", "administration_row", "received_at", "row_no", "n_attempts"}
PIPELINE = ("raw", "staging", "intermediate", "marts")

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's reading of the project, which every home would otherwise do for itself."""
    target = tmp_path_factory.mktemp("parsed") / "dbt"
    ensure_manifest(target)
    return target


def _home(path: Path, parsed: Path) -> Settings:
    """A home with the sample practices and keys that are the same in every test."""
    settings = Settings(path)
    for folder in FOLDERS:
        (path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, practice_id in enumerate(load_registry().practices):
        (settings.landing / practice_id).mkdir(exist_ok=True)
        create_key(settings.keys, practice_id)
        key_path(settings.keys, practice_id).write_text(f"{number:02x}" * 32)
    shutil.copytree(parsed, settings.dbt_target)
    return settings


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("ALLIANCE_HOME", "DAGSTER_HOME")}
    from_environment(settings.home)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _send(settings: Settings, world: SimulationSettings) -> None:
    simulate(load_registry([settings.home]), settings.landing, world)


def _night(settings: Settings) -> NightReport:
    with _environment(settings):
        return run_nightly(settings, load_registry([settings.home]))


def _rows(settings: Settings, without: str | None = None) -> Rows:
    """Rows by table, of every practice but one, without what depends on the order of loading."""
    found: Rows = {}
    with duckdb.connect(str(settings.warehouse), read_only=True) as con:
        tables = con.execute(
            "select table_schema, table_name, list(column_name order by ordinal_position) "
            "from information_schema.columns where table_schema in ? group by all",
            [list(PIPELINE)],
        ).fetchall()
        for schema, table, columns in tables:
            if "practice_id" not in columns or table in ("deliveries", "touched_clients"):
                continue
            chosen = ", ".join(f'"{name}"' for name in columns if name not in VOLATILE)
            found[f"{schema}.{table}"] = con.execute(
                f'select {chosen} from {schema}."{table}" '
                "where practice_id is distinct from ? order by all",
                [without],
            ).fetchall()
    return found


def _query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> tuple[Settings, NightReport]:
    settings = _home(tmp_path_factory.mktemp("nights") / "home", parsed)
    _send(settings, FIRST)
    return settings, _night(settings)


def _copy(settings: Settings, target: Path) -> Settings:
    shutil.copytree(settings.home, target)
    return Settings(target)


def test_the_first_night(first: tuple[Settings, NightReport]) -> None:
    settings, report = first
    assert report.did_anything
    assert report.is_new_release
    assert not report.problems
    assert [line.practice_id for line in report.practices] == list(load_registry().practices)
    for line in report.practices:
        assert line.n_files >= 3
        assert line.n_rows_read == line.n_accepted + line.n_quarantined + line.n_excluded
        assert line.n_checks_passed > 0
    assert not [path for path in settings.landing.rglob("*") if path.is_file()]
    release = settings.releases / f"{report.release_id}.duckdb"
    flags = _query(release, "select count(*), count(raw), count(flag) from site_benchmarks")[0]
    assert flags[0] > flags[1] > 0
    assert _query(release, "select is_internal_only from release") == [(True,)]


def test_nothing_that_was_sent_lies_about_readable(first: tuple[Settings, NightReport]) -> None:
    """Sender ids of the simulation carry digits after a known stem; none is in any byte written."""
    settings, _ = first
    landing = settings.home.parent / "again"
    simulate(load_registry([settings.home]), landing, FIRST)
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
    again = _night(settings)
    assert not again.did_anything
    assert not again.needs_a_person
    assert again.release_id == report.release_id
    assert settings.warehouse.read_bytes() == before


def test_two_nights_equal_one(
    first: tuple[Settings, NightReport], parsed: Path, tmp_path: Path
) -> None:
    """Incremental by clients touched, against everything built at once, out of order."""
    two_nights = _copy(first[0], tmp_path / "two")
    _send(two_nights, SECOND)
    report = _night(two_nights)
    assert report.is_new_release
    one_night = _home(tmp_path / "one", parsed)
    _send(one_night, SECOND)
    _send(one_night, FIRST)
    _night(one_night)
    incremental, whole = _rows(two_nights), _rows(one_night)
    assert incremental.keys() == whole.keys()
    for table in whole:
        assert incremental[table] == whole[table], table


@pytest.fixture(scope="module")
def poisoned(
    parsed: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, NightReport]:
    """The first night again, with every file of one practice spoilt in another way."""
    settings = _home(tmp_path_factory.mktemp("poisoned") / "home", parsed)
    _send(settings, FIRST)
    folder = settings.landing / "harbor_counseling"
    sessions, episodes, *forms = sorted(folder.iterdir(), key=lambda path: "form" in path.name)
    sessions.write_bytes(sessions.read_bytes()[:-40])
    episodes.write_bytes(b"\x00" + episodes.read_bytes())
    for path in forms:
        path.write_bytes(path.read_bytes().replace(b"client", b"klient", 1))
    (settings.home / "practices" / "new_practice.yml").write_text(
        "practice_id: new_practice\nname: ["
    )
    return settings, _night(settings)


def test_a_poisonous_practice_moves_nobody_else(
    first: tuple[Settings, NightReport], poisoned: tuple[Settings, NightReport]
) -> None:
    settings, report = poisoned
    assert report.needs_a_person
    assert report.is_new_release
    assert any("harbor_counseling" in problem for problem in report.problems)
    assert any("new_practice.yml:" in problem for problem in report.problems)
    clean, other = _rows(first[0], "harbor_counseling"), _rows(settings, "harbor_counseling")
    assert clean.keys() == other.keys()
    for table in clean:
        assert clean[table] == other[table], table
    assert _query(
        settings.warehouse,
        "select count(*) from raw.sessions where practice_id = 'harbor_counseling'",
    ) == [(0,)]
    states = _query(
        settings.releases / f"{report.release_id}.duckdb",
        "select distinct state from deliveries where practice_id = 'harbor_counseling'",
    )
    assert ("refused",) in states
    assert _query(
        settings.releases / f"{report.release_id}.duckdb",
        "select state from deliveries where practice_id = 'new_practice'",
    ) == [("declaration_broken",)]


def test_the_orchestrator_shows_the_run_and_its_checks(
    poisoned: tuple[Settings, NightReport],
) -> None:
    settings, _ = poisoned
    with _environment(settings), open_instance(settings) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        checks = {
            (event.asset_key.path[1], event.check_name): event.passed
            for record in instance.all_logs(run.run_id)
            if (event := _evaluation(record)) is not None
        }
    assert checks[("harbor_counseling", "taken_in")] is False
    assert checks[("two_oaks", "taken_in")] is True


def _evaluation(record: Any) -> Any:
    event = record.dagster_event
    if event is None or event.event_type_value != "ASSET_CHECK_EVALUATION":
        return None
    return event.event_specific_data


def test_the_schedule_asks_for_what_is_new(
    first: tuple[Settings, NightReport], tmp_path: Path
) -> None:
    settings = _copy(first[0], tmp_path / "home")
    four = datetime(2026, 10, 1, 4, tzinfo=ZoneInfo("America/New_York"))
    with _environment(settings), open_instance(settings) as instance:
        schedule = build(settings, load_registry([settings.home])).resolve_schedule_def("nightly")
        context = dg.build_schedule_context(instance, scheduled_execution_time=four)
        idle = schedule.evaluate_tick(context)
        assert idle.skip_message == "nothing new in landing"
        simulate(load_registry([settings.home]), tmp_path / "more", SECOND)
        more = next((tmp_path / "more" / "two_oaks").glob("appointments*"))
        shutil.copy(more, settings.landing / "two_oaks")
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.run_key == "2026-10-01"
    practices = {key.path[1] for key in request.asset_selection or [] if len(key.path) == 3}
    assert practices == {"two_oaks"}


def test_the_chain_of_verdicts_holds(first: tuple[Settings, NightReport]) -> None:
    rows = _query(
        first[0].warehouse,
        "select prev_hash, row_hash from quality.check_results order by check_seq",
    )
    assert len(rows) > 100
    assert rows[0][0] == "0" * 64
    assert [row[0] for row in rows[1:]] == [row[1] for row in rows[:-1]]


def test_a_killed_run_does_not_stop_the_next(
    first: tuple[Settings, NightReport], tmp_path: Path
) -> None:
    settings = _copy(first[0], tmp_path / "home")
    _send(settings, SECOND)
    command = [sys.executable, "-m", "orchestration.cli.main", "nightly", "--home"]
    night = subprocess.Popen(
        [*command, str(settings.home)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    running = settings.dagster_home / "running"
    deadline = time.monotonic() + 120
    while not (running.is_dir() and list(running.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)
    night.send_signal(signal.SIGKILL)
    night.wait()
    report = _night(settings)
    assert len(report.ended_dead_runs) == 1
    assert report.is_new_release
    assert not report.problems
    with _environment(settings), open_instance(settings) as instance:
        assert end_dead_runs(settings, instance) == []


def test_the_command_line(first: tuple[Settings, NightReport]) -> None:
    settings, report = first
    command = [sys.executable, "-m", "orchestration.cli.main", "nightly", "--json", "--home"]
    done = subprocess.run(
        [*command, str(settings.home)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["release_id"] == report.release_id
