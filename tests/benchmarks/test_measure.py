"""The instrument is tested before what it measures is believed."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks import measure

HOLD = "import time; block = bytearray(b'x') * (60 * 2**20); time.sleep(0.6)"
HOLD_IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"


@pytest.mark.parametrize("code", [HOLD, HOLD_IN_A_CHILD], ids=["itself", "its child"])
def test_memory_of_the_whole_tree_is_seen(code: str, tmp_path: Path) -> None:
    run = measure.run([sys.executable, "-c", code], tmp_path)
    assert 60 * 2**20 < run.peak_bytes < 120 * 2**20
    assert 0.6 < run.seconds < 10


def test_a_command_that_fails_gives_no_time(tmp_path: Path) -> None:
    with pytest.raises(measure.CommandFailed, match="exit 3"):
        measure.run([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
