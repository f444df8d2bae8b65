"""Time and memory of a command and everything it starts.

Memory is the sum of PSS over the process tree (each shared page counted once, in shares), because
RSS counts a page again for every process that maps it. Where the system has no PSS (macOS) the
unique set size stands in, which is never more.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Run:
    """One run of a command: wall time in seconds, highest sampled memory in bytes."""

    seconds: float
    peak_bytes: int
    output: str


class CommandFailed(Exception):
    """The command measured did not end as it should: its time means nothing."""


def run(command: Sequence[str], folder: Path, exit_codes: Sequence[int] = (0,)) -> Run:
    """Run `command` in `folder` and wait for it. CommandFailed on any other exit status.

    Python keeps what it compiles, as it does on an ordinary machine: else each night would be
    measured with the compiling of the whole project.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        sampler = _Sampler(child.pid)
        output, errors = child.communicate()
        seconds = time.perf_counter() - started
        peak_bytes = sampler.stop()
    if child.returncode not in exit_codes:
        raise CommandFailed(f"{' '.join(command)}: exit {child.returncode}\n{errors[-4000:]}")
    return Run(seconds, peak_bytes, output)


def bare_import(*modules: str) -> Run:
    """A fresh interpreter that imports the modules and ends."""
    return run([sys.executable, "-c", f"import {', '.join(modules)}"], Path.cwd())


def middle(runs: Sequence[Run]) -> float:
    """Median time of the runs, in seconds."""
    return median(r.seconds for r in runs)


class _Sampler:
    """Sums the memory of a process tree again and again until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peak_bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self._peak_bytes

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                return
            self._peak_bytes = max(self._peak_bytes, sum(map(_memory, tree)))


def _memory(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0  # ended since it was listed
    return int(getattr(memory, "pss", memory.uss))
