"""What is read ahead is what is asked for: in order, once, and left behind when it is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestration.ingest import read_ahead
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.read_ahead import ReadAhead, batches
from orchestration.ingest.reading import ReadingWorker
from orchestration.settings import Settings


@dataclass
class Remembering(ReadingWorker):
    """Notes the batches it is handed and leaves an empty file where tables would be."""

    asked: list[list[str]] = field(default_factory=list)

    def take_in(self, jobs: Sequence[FileJob], scratch: Path) -> list[Outcome]:
        names = [job.delivery_id for job in jobs]
        self.asked.append(names)
        path = scratch / f"{names[0]}.duckdb"
        path.touch()
        return [
            Outcome(name, "refused") if name == "bad" else Outcome(name, "loaded", str(path))
            for name in names
        ]


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReadAhead:
    monkeypatch.setattr(read_ahead, "BATCH_BYTES", 100)
    return ReadAhead(Remembering(Settings(tmp_path)), tmp_path)


def _job(folder: Path, name: str, n_bytes: int) -> FileJob:
    path = folder / f"{name}.csv"
    path.write_bytes(b"x" * n_bytes)
    return FileJob(name, "brook", "sessions", "sessions", str(path), "0" * 64, "2026-01-01")


def test_small_files_share_a_batch_and_a_large_one_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "BATCH_BYTES", 100)
    sizes = {"a": 60, "b": 40, "c": 1, "d": 500, "e": 30}
    found = batches(_job(tmp_path, name, size) for name, size in sizes.items())
    assert [[job.delivery_id for job in batch] for batch in found] == [
        ["a", "b"],
        ["c"],
        ["d"],
        ["e"],
    ]


def test_each_file_is_read_once_and_given_to_whoever_asks(
    reading: ReadAhead, tmp_path: Path
) -> None:
    worker = reading.worker
    assert isinstance(worker, Remembering)
    jobs = [_job(tmp_path, name, 60) for name in ("a", "b", "bad", "c")]
    late = _job(tmp_path, "late", 60)
    reading.begin(jobs)
    found = [reading.outcomes([job])[0] for job in (jobs[1], jobs[0], late, *jobs[2:])]
    reading.close()
    assert [outcome.delivery_id for outcome in found] == ["b", "a", "late", "bad", "c"]
    assert [outcome.state for outcome in found] == [
        "loaded",
        "loaded",
        "loaded",
        "refused",
        "loaded",
    ]
    assert sorted(name for asked in worker.asked for name in asked) == [
        "a",
        "b",
        "bad",
        "c",
        "late",
    ]


def test_tables_are_removed_when_the_last_delivery_in_them_is_loaded(
    reading: ReadAhead, tmp_path: Path
) -> None:
    jobs = [_job(tmp_path, name, 10) for name in ("a", "bad", "b")]
    reading.begin(jobs)
    first, bad, second = reading.outcomes(jobs)
    for outcome in (first, bad):
        reading.loaded(outcome)
        assert Path(second.scratch).exists()
    reading.loaded(second)
    assert not Path(second.scratch).exists()
    reading.close()
