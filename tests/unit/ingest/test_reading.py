"""A child that hangs, dies or fails makes one file dead, never the night."""

import sys
from pathlib import Path

import pytest

from orchestration.ingest.file_job import FileJob
from orchestration.ingest.reading import ReadingWorker
from orchestration.settings import Limits, Settings

CHILD = """
import json, sys, time, os
for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps({"progress": "reading"}), flush=True)
    names = [f["delivery_id"] for f in job["files"]]
    if "hang" in names: time.sleep(60)
    if "die" in names: os._exit(9)
    if "fault" in names:
        print(json.dumps({"fault": "KeyError at conform.py:1"}), flush=True); continue
    print(json.dumps({"outcomes": [{"delivery_id": n, "state": "loaded", "n_rows_read": 3,
        "n_accepted": 3, "verdicts": []} for n in names]}), flush=True)
"""


def _job(name: str) -> FileJob:
    return FileJob(name, "brook", "sessions", "sessions", "x.csv", "0" * 64, "2026-01-01")


@pytest.mark.parametrize(
    ("fate", "words"), [("hang", "longer than"), ("die", "process died"), ("fault", "KeyError at")]
)
def test_only_the_file_that_does_it_is_dead(tmp_path: Path, fate: str, words: str) -> None:
    limits = Limits(worker_seconds=1.5)
    said: list[str] = []
    command = (sys.executable, "-c", CHILD)
    with ReadingWorker(Settings(tmp_path, limits), said.append, command) as worker:
        outcomes = worker.take_in([_job("a"), _job(fate), _job("b")], tmp_path)
        again = worker.take_in([_job("c")], tmp_path)
    assert [outcome.state for outcome in outcomes] == ["loaded", "dead", "loaded"]
    assert words in (outcomes[1].message or "")
    assert outcomes[1].verdicts[0].status == "error"
    assert [outcome.state for outcome in again] == ["loaded"]
    assert "reading" in said
