"""Whole nights in processes of their own, without their seconds of importing, to be killed.

A fork server has imported everything a night and its reading worker need, and has run one night
itself, after which none of the libraries has anything left to prepare. The night is the real one
(`run_nightly`: the job, dbt, the release) and its worker a process of its own, as ever.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from tests.faults.commit_points import CommitPoint, arm

LONGEST_SECONDS = 240.0
"""A night that takes longer hangs, however busy the machine is."""
REPORT = "night.json"
_PRELOADED = [
    "tests.faults.forked_nights",
    "orchestration.definitions",
    "orchestration.nightly",
    "orchestration.ingest.worker",
    "great_expectations",
    "dbt.cli.main",
    "dbt.adapters.duckdb",
    "tests.faults.first_night",
]
FIRST_HOME = "ALLIANCE_FIRST_NIGHT_OVER"
"""Tells the fork server whose first night it is to run before it is asked for others."""


def fork_server(home: Path) -> multiprocessing.context.ForkServerContext:
    """The context whose processes begin with everything imported and used once, on `home`.

    There is one fork server a process; its night is over when the first other one begins.
    """
    os.environ[FIRST_HOME] = str(home)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


class _ForkedWorker:
    """What `subprocess.Popen` gives the night for its reading worker, forked instead of started."""

    def __init__(self, home: str) -> None:
        taken, given = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.dup2(taken[0], 0)
            os.dup2(given[1], 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            from orchestration.ingest import worker

            sys.stdin = os.fdopen(0, encoding="utf-8")
            worker.main(home)
            os._exit(0)
        os.close(taken[0])
        os.close(given[1])
        self.stdin, self.stdout = os.fdopen(taken[1], "wb"), os.fdopen(given[0], "rb")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def _night(home: str, point: CommitPoint | None) -> None:
    """A night in a process of its own."""
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    night(home, point)


def night(home: str, point: CommitPoint | None = None) -> None:
    """One night in this process, killed with its worker at `point` if it comes there."""
    from expectations.registry import load_registry
    from orchestration.ingest import reading
    from orchestration.nightly import run_nightly
    from orchestration.settings import from_environment

    prepared = [_ForkedWorker(home)]

    def popen(command: Any, **options: Any) -> Any:
        return prepared.pop() if prepared else subprocess.Popen(command, **options)

    setattr(  # noqa: B010  the type check would not have it assigned
        reading,
        "subprocess",
        SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL),
    )
    worker = prepared[0].pid
    settings = from_environment(Path(home))
    if point is not None:

        def die() -> None:
            with contextlib.suppress(ProcessLookupError):  # the night has ended it already
                os.kill(worker, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

        arm(point, die)
    report = run_nightly(settings, load_registry([settings.home])).to_json()
    report["cpu_seconds"] = time.process_time()
    (settings.home / REPORT).write_text(json.dumps(report))


def start(
    context: multiprocessing.context.ForkServerContext, home: Path, point: CommitPoint | None = None
) -> ForkServerProcess:
    """A night that has begun."""
    (home / REPORT).unlink(missing_ok=True)
    process = context.Process(target=_night, args=(str(home), point))
    process.start()
    return process


def wait_for(context: multiprocessing.context.ForkServerContext, home: Path) -> None:
    """Until the fork server has run its own night, the one over `home`."""
    process = context.Process(target=os.getpid)
    process.start()
    process.join(LONGEST_SECONDS)
    assert process.exitcode == 0
    assert (home / REPORT).exists(), "the fork server runs the first home of its life only"


def finished(process: ForkServerProcess, home: Path) -> dict[str, Any]:
    """The night's report once it has ended by itself."""
    process.join(LONGEST_SECONDS)
    if process.is_alive():
        end(process, with_children=True)
        raise AssertionError("the night hangs")
    assert process.exitcode == 0, f"the night ended with {process.exitcode}"
    report: dict[str, Any] = json.loads((home / REPORT).read_text())
    return report


def end(process: ForkServerProcess, *, with_children: bool) -> None:
    """kill -9, of the night alone or of everything it started."""
    assert process.pid is not None
    doomed: list[psutil.Process] = []
    if with_children and psutil.pid_exists(process.pid):
        doomed = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in doomed:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    process.join()
