"""Readers during publishing, and a publisher killed where it hurts most."""

import multiprocessing
import os
import signal
import time
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb
import pytest

from orchestration.release import publish
from orchestration.release.publish import write_release
from orchestration.release.reader import Releases
from tests.unit.release.small_warehouse import NIGHT, small_meta, small_registry, small_warehouse

SAMPLE, CAMPAIGN = (2, 20), (8, 200)
"""Readers and publishes of `make test`, and with --campaign full."""

_SPAWN = multiprocessing.get_context("spawn")


def _marked(con: duckdb.DuckDBPyConnection, number: int) -> None:
    """Write the publish's number into both files of the release to come."""
    con.execute(f"update benchmark.site_benchmarks set phi = {number} where not is_suppressed")
    con.execute(f"update quality.quarantine set row_no = {number}")


def _read_until_told(folder: Path, stop: Event, answers: "multiprocessing.Queue[object]") -> None:
    releases, seen, mixed = Releases(folder), set[str](), 0
    publisher = multiprocessing.parent_process()
    # A publisher that was stopped from outside must not leave its readers reading.
    while not stop.is_set() and publisher is not None and publisher.is_alive():
        pointer = releases.current()
        assert pointer is not None
        found = set()
        for path, column in (
            (pointer.release, "(select max(phi) from site_benchmarks)"),
            (pointer.quality, "(select max(row_no) from quarantine)"),
        ):
            with duckdb.connect(str(path), read_only=True) as con:
                found |= set(con.execute(f"select release_id, {column} from release").fetchall())
        mixed += len(found) != 1 or next(iter(found))[0] != pointer.release_id
        seen.add(pointer.release_id)
        time.sleep(0.02)
    answers.put((len(seen), mixed))


@pytest.mark.slow
def test_readers_meet_the_old_release_or_the_new_one(
    tmp_path: Path, is_full_campaign: bool
) -> None:
    n_readers, n_publishes = CAMPAIGN if is_full_campaign else SAMPLE
    con, registry = small_warehouse(), small_registry()

    def publish_number(number: int) -> None:
        _marked(con, number)
        at = NIGHT + timedelta(days=number)
        write_release(con, tmp_path, small_meta(registry, at), registry)

    publish_number(0)
    stop, answers = _SPAWN.Event(), _SPAWN.Queue()
    readers = [
        _SPAWN.Process(target=_read_until_told, args=(tmp_path, stop, answers))
        for _ in range(n_readers)
    ]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, n_publishes + 1):
            publish_number(number)
    finally:
        stop.set()
    results = [answers.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join(timeout=60)
        assert reader.exitcode == 0
    assert all(mixed == 0 for _, mixed in results)
    assert max(n_seen for n_seen, _ in results) > 3


def _publish_and_die(folder: Path) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(publish, "move_pointer", die)  # noqa: B010  assignment would fail the type check
    con, registry = small_warehouse(), small_registry()
    _marked(con, 1)
    write_release(con, folder, small_meta(registry, NIGHT + timedelta(days=1)), registry)


def test_killed_between_rename_and_pointer_the_old_release_is_served(tmp_path: Path) -> None:
    con, registry = small_warehouse(), small_registry()
    _marked(con, 0)
    first = write_release(con, tmp_path, small_meta(registry), registry)
    child = _SPAWN.Process(target=_publish_and_die, args=(tmp_path,))
    child.start()
    child.join(timeout=60)
    assert child.exitcode == -signal.SIGKILL
    # Both files of both releases: the pointer is the last thing to move.
    assert len(list(tmp_path.glob("r*.duckdb"))) == 4
    assert Releases(tmp_path).current_id() == first.release_id
    # The next night finds its way: the same content is published for good.
    _marked(con, 1)
    again = write_release(con, tmp_path, small_meta(registry, NIGHT + timedelta(days=1)), registry)
    assert again.is_new
    pointer = Releases(tmp_path).current()
    assert pointer is not None
    assert pointer.release_id == again.release_id
    with duckdb.connect(str(pointer.release), read_only=True) as reader:
        assert reader.execute("select max(phi) from site_benchmarks").fetchall() == [(1,)]
