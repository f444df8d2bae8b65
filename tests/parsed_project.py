"""dbt's reading of the project, made once for a whole run of the tests.

Reading takes several seconds. Every home would do it for itself, in every process of the tests.
"""

import fcntl
import os
import shutil
from pathlib import Path

from orchestration.dbt_runner import ensure_manifest


def read_once(basetemp: Path) -> Path:
    """A folder with the manifest, shared by all processes of this run; `basetemp` is pytest's."""
    shared = basetemp.parent if "PYTEST_XDIST_WORKER" in os.environ else basetemp
    target = shared / "parsed_project"
    with (shared / "parsed_project.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_manifest(target)
    return target


def give(parsed: Path, target: Path) -> None:
    """Put a copy where a home looks for its own; that home then reads the project no more."""
    shutil.copytree(parsed, target, dirs_exist_ok=True)
