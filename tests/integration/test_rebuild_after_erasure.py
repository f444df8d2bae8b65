"""A rebuild brings nobody back who withdrew, and loses nothing that a destroyed key left."""

import csv
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from expectations.registry import load_registry
from orchestration.content_digest import content_digest
from orchestration.erasure import destroy
from orchestration.ingest.pseudonyms import load_key
from orchestration.key_rotation import rotate
from orchestration.load_notes import LoadNotes
from orchestration.rebuild import RebuildReport, rebuild
from orchestration.settings import Settings
from orchestration.simulation import SimulationSettings
from orchestration.withdrawal import withdraw
from tests.integration import sample_nights as nights
from tests.integration.small_group import HereWorker
from tests.recorded_builds import BUILDS

WORLD = SimulationSettings(n_clients=30, dirt=0, window=nights.FIRST.window)
ROTATED, DESTROYED = "two_oaks", "harbor_counseling"


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> tuple[Settings, str]:
    """A home after a withdrawal, a replaced key and a destroyed one; the client's pseudonym."""
    folder = tmp_path_factory.mktemp("erasure")
    settings = nights.home(folder / "home", parsed)
    nights.send_few(settings, WORLD, (ROTATED, DESTROYED))
    client = _somebody(settings.landing / ROTATED)
    nights.night(settings)
    withdraw(settings, ROTATED, client, date(2026, 10, 1))
    nights.night(settings)  # notes who withdrew
    rotate(settings, ROTATED, datetime(2026, 10, 2))
    destroy(settings, DESTROYED)
    nights.night(settings)
    return settings, str(load_key(settings.keys, ROTATED).pseudonym(client))


def _somebody(folder: Path) -> str:
    """An id as the practice sends it."""
    (path,) = folder.glob("appointments_*.csv")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return next(csv.DictReader(stream, delimiter=";"))["person"]


def _rows_of(settings: Settings, client_key: str) -> int:
    total = 0
    for table in ("episodes", "sessions", "administrations"):
        ((n_rows,),) = nights.query(
            settings.warehouse,
            f"select count(*) from raw.{table} where client_key = '{client_key}'",
        )
        total += n_rows
    return total


def _rebuilt(settings: Settings) -> RebuildReport:
    registry = load_registry([settings.home])
    with BUILDS.in_place():
        return rebuild(settings, registry, worker=HereWorker(settings, registry=registry))


def _digest(settings: Settings) -> str:
    with duckdb.connect(str(settings.warehouse)) as con:
        return content_digest(con)


def test_with_its_ledger(changed: tuple[Settings, str], tmp_path: Path) -> None:
    settings, client = changed
    home = nights.copy(settings, tmp_path / "home")
    with nights.environment(home):
        report = _rebuilt(home)
    assert report.is_in_force, report
    assert report.is_equal
    assert report.content_digest == _digest(home) == _digest(settings)
    assert report.carried_over
    assert all(each.startswith(DESTROYED) for each in report.carried_over)
    assert _rows_of(home, client) == 0
    # After a rotation the digests of snapshots' rows are of other pseudonyms than when they came.
    nights.assert_same_rows(settings, home, apart_from=("row_hash",))
    for table in ("withdrawals", "removed_rows"):
        sql = f"select * from quality.{table} order by all"
        assert nights.query(home.warehouse, sql) == nights.query(settings.warehouse, sql)


def test_without_its_ledger(changed: tuple[Settings, str], tmp_path: Path) -> None:
    settings, client = changed
    home = nights.copy(settings, tmp_path / "home")
    home.warehouse.unlink()
    with nights.environment(home):
        report = _rebuilt(home)
    assert report.is_in_force, report
    assert any(DESTROYED in remark for remark in report.remarks)
    assert _rows_of(home, client) == 0
    ((kept,),) = nights.query(home.warehouse, "select client_key::varchar from quality.withdrawals")
    assert kept == client
    # The notes went with the key.
    names = LoadNotes(home.archive).names()
    assert not any(name.practice_id == DESTROYED for name in names)
    before, after = (
        nights.query(
            each.warehouse,
            f"select practice_id, count(*) from raw.sessions where practice_id <> '{DESTROYED}' "
            "group by all order by all",
        )
        for each in (settings, home)
    )
    assert before == after
