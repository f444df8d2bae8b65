"""A backup onto an empty home says the same; a damaged one, or a home in use, is left alone."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.backup import LAST_BACKUP, back_up
from orchestration.backup_folder import BackupRefused, manifests, read_manifest
from orchestration.cli.main import app
from orchestration.load_notes import LoadNotes
from orchestration.night import Night
from orchestration.release.reader import Releases
from orchestration.restore import restore
from orchestration.settings import Settings
from orchestration.warehouse import WarehouseDamaged
from tests.integration import small_group as group

BROOK = "brook"
NOW = datetime(2026, 10, 2, 3, tzinfo=UTC)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A home with one loaded delivery, declarations, and a release in force."""
    found = group.night_in(tmp_path / "home", group.registry(group.practice(BROOK)))
    group.send(found, BROOK, "episodes_20260930.csv", group.EPISODES)
    group.run(found)
    _release(found.settings, "r1")
    (found.settings.home / "practices").mkdir()
    (found.settings.home / "practices" / "brook.yml").write_text("practice_id: brook\n")
    found.settings.group_file.write_text("name: a group\n")
    return found


def _release(settings: Settings, name: str) -> None:
    settings.releases.mkdir(exist_ok=True)
    releases = Releases(settings.releases)
    for path in (releases.path(name), releases.quality_path(name)):
        with duckdb.connect(str(path)) as con:
            con.execute(f"create table release as select '{name}' as release_id")
    pointer = {
        "release_id": name,
        "release": releases.path(name).name,
        "quality": releases.quality_path(name).name,
    }
    (settings.releases / "current.json").write_text(json.dumps(pointer))


def _contents(home: Path) -> dict[str, bytes]:
    kept = ("archive", "releases", "practices", "instruments")
    files = [p for name in kept for p in (home / name).rglob("*") if p.is_file()]
    files += [home / "warehouse.duckdb", home / "group.yml"]
    return {p.relative_to(home).as_posix(): p.read_bytes() for p in files}


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_a_restored_home_is_the_same_byte_by_byte(night: Night, tmp_path: Path) -> None:
    folder, home = tmp_path / "backups", night.settings.home
    report = back_up(night.settings, folder, now=NOW)
    assert report.n_files == report.n_copied == len(_contents(home))
    key = (night.settings.keys / f"{BROOK}.key").read_text().strip()
    assert not any(key.encode() in path.read_bytes() for path in _files(folder))
    assert not any(path.name.endswith(".key") for path in _files(folder))
    other = Settings(tmp_path / "other")
    back = restore(other, folder)
    assert (back.release_id, back.practices_without_key) == ("r1", (BROOK,))
    assert _contents(other.home) == _contents(home)
    pointer = Releases(other.releases).current()
    assert pointer is not None
    with duckdb.connect(str(pointer.release), read_only=True) as con:
        assert con.execute("select release_id from release").fetchall() == [("r1",)]
    # With its key put back the home works on: the ledger knows what was loaded.
    shutil.copytree(night.settings.keys, other.keys)
    again = group.night_in(other.home, night.registry)
    again.begin()
    group.send(again, BROOK, "episodes_20260930.csv", group.EPISODES)
    assert not again.landing().new


def test_a_second_backup_adds_what_is_new(night: Night, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    back_up(night.settings, folder, now=NOW)
    same = back_up(night.settings, folder, now=NOW + timedelta(days=1))
    assert (same.n_copied, same.n_manifests_kept) == (0, 2)
    _release(night.settings, "r2")
    more = back_up(night.settings, folder, now=NOW + timedelta(days=2))
    assert more.n_copied == 3  # two files of the release, and the pointer
    first = restore(Settings(tmp_path / "first"), folder, manifest=manifests(folder)[0])
    assert first.release_id == "r1"
    assert restore(Settings(tmp_path / "last"), folder).release_id == "r2"
    facts = json.loads((night.settings.home / LAST_BACKUP).read_text())
    assert facts["made_at"] == "2026-10-04T03:00:00+00:00"


def test_what_was_erased_goes_with_the_last_backup_that_has_it(
    night: Night, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    back_up(night.settings, folder, now=NOW)
    (erased,) = (p for p in (night.settings.archive / BROOK).iterdir() if p.is_file())
    content = erased.read_bytes()
    erased.unlink()
    back_up(night.settings, folder, now=NOW + timedelta(days=1))
    assert any(path.read_bytes() == content for path in _files(folder))
    report = back_up(night.settings, folder, now=NOW + timedelta(days=2), kept=2)
    assert report.n_manifests_kept == 2
    assert not any(path.read_bytes() == content for path in _files(folder))


def test_a_home_that_is_not_empty_is_left_alone(night: Night, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    back_up(night.settings, folder, now=NOW)
    before = _contents(night.settings.home)
    with pytest.raises(BackupRefused, match="not empty"):
        restore(night.settings, folder)
    assert _contents(night.settings.home) == before
    waiting = Settings(tmp_path / "waiting")
    group.night_in(waiting.home, night.registry).settings.warehouse.unlink()
    (waiting.landing / BROOK / "sent.csv").write_text("x")
    with pytest.raises(BackupRefused, match="landing"):
        restore(waiting, folder)


@pytest.mark.parametrize("fault", ["flipped", "missing", "manifest", "path"])
def test_a_damaged_backup_puts_nothing_in_place(fault: str, night: Night, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    name = back_up(night.settings, folder, now=NOW).manifest
    path = folder / "manifests" / f"{name}.json"
    if fault == "manifest":
        path.write_text(path.read_text().replace("r1", "r9", 1))
    elif fault == "path":
        path.write_text(path.read_text().replace("group.yml", "../group.yml"))
    else:
        sha256 = read_manifest(folder, name)["files"]["warehouse.duckdb"]["sha256"]
        content = folder / "pool" / sha256[:2] / sha256
        whole = content.read_bytes()
        content.unlink()
        if fault == "flipped":
            content.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    other = Settings(tmp_path / "other")
    with pytest.raises(BackupRefused, match="another one"):
        restore(other, folder)
    assert not [p for p in _files(other.home) if p.name != "warehouse.lock"]


def test_damage_is_not_carried_into_a_backup(night: Night, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    back_up(night.settings, folder, now=NOW)
    (name,) = LoadNotes(night.settings.archive).names()
    with duckdb.connect(str(night.settings.warehouse)) as con:
        con.execute("delete from raw.deliveries")
    with pytest.raises(WarehouseDamaged, match=name.delivery_id):
        back_up(night.settings, folder, now=NOW + timedelta(days=1))
    assert len(manifests(folder)) == 1
    with pytest.raises(BackupRefused, match="home itself"):
        back_up(night.settings, night.settings.home / "backups")


def test_the_commands(night: Night, tmp_path: Path) -> None:
    folder, other = tmp_path / "backups", tmp_path / "other"
    run = CliRunner()
    home = str(night.settings.home)
    done = run.invoke(app, ["backup", str(folder), "--home", home, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["n_manifests_kept"] == 1
    back = run.invoke(app, ["restore", str(folder), "--home", str(other), "--json"])
    assert back.exit_code == 1  # its key is still to be put back
    assert json.loads(back.stdout)["practices_without_key"] == [BROOK]
    assert run.invoke(app, ["restore", str(folder), "--home", home]).exit_code == 1
    assert run.invoke(app, ["restore", str(tmp_path / "none"), "--home", home]).exit_code == 2
