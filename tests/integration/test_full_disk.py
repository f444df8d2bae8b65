"""A full disk at each step: nothing half done is in force, one clear error, the rerun converges.

The disk is made full by the system's limit on a file's size, which fails the same calls.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import archive, backup
from orchestration import night as nights
from orchestration.backup import back_up
from orchestration.backup_folder import manifests
from orchestration.load_notes import LoadNotes
from orchestration.night import Night
from orchestration.release.publish import write_release
from orchestration.release.reader import Releases
from orchestration.warehouse import DiskFull, trouble
from tests.integration import small_group as group
from tests.unit.release.small_warehouse import (
    NIGHT,
    small_meta,
    small_registry,
    small_warehouse,
)

BROOK = "brook"


@contextmanager
def _full() -> Iterator[None]:
    """No file may grow beyond some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _when_full(of: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step of the night meet a full disk."""
    step: Callable[..., Any] = getattr(of, name)

    def met(*args: Any, **named: Any) -> Any:
        with _full():
            return step(*args, **named)

    monkeypatch.setattr(of, name, met)


def _night(home: Path) -> Night:
    found = group.night_in(home, group.registry(group.practice(BROOK)))
    group.send(found, BROOK, "forms_20260930.csv", group.FORMS)
    group.send(found, BROOK, "episodes_20260930.csv", group.EPISODES)
    return found


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = _night(tmp_path_factory.mktemp("clean") / "home")
    group.run(found)
    return _rows(found)


def _rows(night: Night) -> Any:
    """Rows without what a key of its own makes different in each home."""
    with night.warehouse.connect() as con:
        return [
            con.execute(sql).fetchall()
            for sql in (
                "select row_no, status, completed_on from raw.administrations order by all",
                "select row_no, opened_on, state from raw.episodes order by all",
                "select row_no, check_id from quality.quarantine order by all",
                "select file_name, state, n_accepted from raw.deliveries "
                "where state = 'loaded' order by all",
            )
        ]


@pytest.mark.parametrize(
    ("of", "name"),
    [(archive, "encrypt"), (nights, "write_load"), (nights, "note_loads")],
    ids=["archive", "warehouse", "note"],
)
def test_a_full_disk_while_loading(
    of: Any, name: str, tmp_path: Path, clean: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = _night(tmp_path / "home")
    with monkeypatch.context() as patched:
        _when_full(of, name, patched)
        with pytest.raises(DiskFull, match="the disk is full"):
            group.run(night)
    # A delivery is there whole with its rows, or not at all.
    again = group.night_in(tmp_path / "home", night.registry)
    again.begin()
    with again.warehouse.connect() as con:
        ((n_loads, n_rows, n_counted),) = con.execute(
            "select (select count(*) from raw.deliveries), "
            "(select count(*) from raw.administrations) + (select count(*) from raw.episodes), "
            "(select coalesce(sum(n_accepted), 0) from raw.deliveries)"
        ).fetchall()
    assert n_rows == n_counted
    assert n_loads <= 2
    group.run(again)
    again.begin()
    assert _rows(again) == clean
    assert len(LoadNotes(again.settings.archive).names()) == 2
    assert not list((again.settings.landing / BROOK).iterdir())


def test_a_full_disk_while_backing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    night = _night(tmp_path / "home")
    group.run(night)
    folder = tmp_path / "backups"
    with monkeypatch.context() as patched:
        _when_full(backup, "copy_durably", patched)
        with pytest.raises(DiskFull):
            back_up(night.settings, folder)
    assert not manifests(folder)
    assert back_up(night.settings, folder).n_manifests_kept == 1


def test_a_full_disk_while_publishing(tmp_path: Path) -> None:
    registry, con = small_registry(), small_warehouse()
    first = write_release(con, tmp_path, small_meta(registry), registry)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = small_warehouse(seed=2)
    later = small_meta(registry, NIGHT + timedelta(days=1))
    with _full(), pytest.raises((duckdb.Error, OSError)) as error:
        write_release(other, tmp_path, later, registry)
    assert isinstance(trouble(error.value), DiskFull)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert Releases(tmp_path).current_id() == first.release_id
    assert write_release(other, tmp_path, later, registry).is_new
