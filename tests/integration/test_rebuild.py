"""A warehouse that is gone, cut, flipped or short of a commit is found out and comes again."""

import shutil
from pathlib import Path

import duckdb
import pytest

from expectations.registry import load_registry
from orchestration.content_digest import content_digest
from orchestration.load_notes import LoadNotes
from orchestration.nightly import current_release
from orchestration.rebuild import RebuildReport, rebuild
from orchestration.settings import Settings
from orchestration.simulation import SimulationSettings
from orchestration.warehouse import WarehouseDamaged
from tests.integration import sample_nights as nights
from tests.integration.small_group import HereWorker
from tests.recorded_builds import BUILDS

WORLD = SimulationSettings(n_clients=60, dirt=0, window=nights.FIRST.window)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Settings:
    """A home after one night on which a practice was refused and forms were set aside."""
    settings = nights.home(tmp_path_factory.mktemp("rebuild") / "home", parsed)
    nights.send_few(settings, WORLD, (nights.REFUSED, nights.SPOILT, "two_oaks"))
    nights.spoil(settings.landing)
    nights.night(settings)
    with duckdb.connect(str(settings.warehouse)) as con:
        con.execute(f"insert into benchmark.disclosure_measures values {MEASURES}")
    return settings


def _rebuilt(settings: Settings, *, accept_difference: bool = False) -> RebuildReport:
    registry = load_registry([settings.home])
    with nights.environment(settings), BUILDS.in_place():
        return rebuild(
            settings,
            registry,
            worker=HereWorker(settings, registry=registry),
            accept_difference=accept_difference,
        )


def _digest(settings: Settings) -> str:
    with duckdb.connect(str(settings.warehouse)) as con:
        return content_digest(con)


MEASURES = ("site_metrics", 7, "shape", "{}", [40, 0], 1)
"""A row of measures as a release showed it; no delivery brings it again."""
LEDGER = "select * from raw.deliveries order by load_seq"
CHAIN = "select * from quality.check_results order by check_seq"


def test_a_rebuild_is_the_same_in_every_row(loaded: Settings, tmp_path: Path) -> None:
    home = nights.copy(loaded, tmp_path / "home")
    before = [nights.query(home.warehouse, sql) for sql in (LEDGER, CHAIN)]
    with nights.environment(home):
        report = rebuild(home, load_registry([home.home]))
    assert report.is_in_force
    assert report.is_equal, report
    assert report.is_compared
    assert report.ledger_from == report.verdicts_from == "ledger"
    assert report.content_digest == _digest(loaded) == _digest(home)
    assert [nights.query(home.warehouse, sql) for sql in (LEDGER, CHAIN)] == before
    nights.assert_same_rows(loaded, home)
    shown = nights.query(home.warehouse, "select * from benchmark.disclosure_measures")
    assert shown == [MEASURES]
    assert nights.query(home.warehouse, "select was_equal from quality.rebuilds") == [(True,)]
    # Nothing of what was decrypted lies about, and the night finds nothing to do.
    assert not list(home.scratch.rglob("*"))
    assert not nights.night(home).did_anything


def _break(path: Path, fault: str) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("checkpoint")
    whole = path.read_bytes()
    if fault == "gone":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        # One bit in every block: whichever is read first tells.
        broken = bytearray(whole)
        for at in range(12288 + 5000, len(broken), 262144):
            broken[at] ^= 1
        path.write_bytes(broken)


@pytest.mark.parametrize("fault", ["gone", "cut", "flipped"])
def test_a_broken_warehouse_is_never_served(fault: str, loaded: Settings, tmp_path: Path) -> None:
    home = nights.copy(loaded, tmp_path / "home")
    pointer = (home.releases / "current.json").read_bytes()
    _break(home.warehouse, fault)
    with pytest.raises(WarehouseDamaged, match="alliance rebuild"):
        nights.night(home)
    assert (home.releases / "current.json").read_bytes() == pointer


def test_a_broken_warehouse_comes_again(loaded: Settings, tmp_path: Path) -> None:
    home = nights.copy(loaded, tmp_path / "home")
    _break(home.warehouse, "flipped")
    report = _rebuilt(home)
    assert report.is_in_force, report
    assert report.ledger_from == "archive"
    assert report.verdicts_from == "release"
    assert any("refused" in remark for remark in report.remarks)
    assert report.content_digest == _digest(home) == _digest(loaded)
    assert not nights.broken_links(home.warehouse)
    # The refused files still lie in landing: the next night turns them away again.
    in_force = current_release(home)
    report_of_night = nights.night(home)
    assert report_of_night.needs_a_person
    assert current_release(home) is not None
    assert in_force is not None
    assert _digest(home) == _digest(loaded)


def test_a_difference_leaves_the_old_file_in_force(loaded: Settings, tmp_path: Path) -> None:
    home = nights.copy(loaded, tmp_path / "home")
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("update intermediate.int_sessions_numbered set session_no = session_no + 1")
        con.execute("update raw.deliveries set n_accepted = n_accepted + 1 where load_seq = 1")
    before = home.warehouse.read_bytes()
    name = min(LoadNotes(home.archive).names())
    shutil.move(
        next((home.archive / name.practice_id).glob(name.delivery_id.split(".")[-1] + "*")),
        tmp_path / "elsewhere",
    )
    report = _rebuilt(home)
    assert not report.is_in_force
    assert "fct_sessions" in report.differing_tables
    assert any("not in the archive" in each for each in report.carried_over)
    assert home.warehouse.read_bytes() == before
    assert _rebuilt(home, accept_difference=True).is_in_force
