"""`make test` prints how many tests were skipped, and why: published results may hide there."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("body", "n_skipped"), [("pytest.skip('no inputs')", 1), ("pass", 0)])
def test_the_number_of_skipped_tests_is_printed(
    repository: Path, tmp_path: Path, body: str, n_skipped: int
) -> None:
    (tmp_path / "test_one.py").write_text(f"import pytest\ndef test_one():\n    {body}\n")
    # In processes of its own, as `make test` runs it, and in this one alone.
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.conftest"]
    options = [
        "-c",
        str(repository / "pyproject.toml"),
        "--numprocesses",
        str(n_skipped),
        str(tmp_path),
    ]
    done = subprocess.run(
        [*command, *options], cwd=repository, capture_output=True, text=True, check=False
    )
    assert f"\nskipped: {n_skipped}\n" in done.stdout, done.stdout + done.stderr
    assert ("no inputs" in done.stdout) == bool(n_skipped)
