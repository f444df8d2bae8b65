"""The process that reads practices' files: bounded, killable, and preloaded once a night.

Run as `python -m orchestration.ingest.worker HOME`. Jobs come as JSON lines on standard input, and
each is answered by progress lines and one result line. Its standard error goes nowhere: a library's
traceback may quote a cell. An unexpected fault is reported by its type and place only.
"""

import json
import os
import resource
import sys
import traceback
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

from expectations.registry import Registry, load_registry
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.intake import take_in
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import load_key
from orchestration.kept_rules import read_rules
from orchestration.settings import Settings, from_environment


def bound_memory(n_bytes: int) -> None:
    """Limit this process's own data segment; where the system has no such limit, say nothing.

    macOS knows the limit and ignores it; the run's wall-clock limit holds there all the same.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
    if soft == resource.RLIM_INFINITY or soft > wanted:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def place_of(error: BaseException) -> str:
    """Type and innermost place of ours of an error, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "orchestration" in f.filename or "expectations" in f.filename]
    where = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{where}"


def answer(job: dict[str, Any], registry: Registry, settings: Settings, out: TextIO) -> None:
    """Do one job and write its result line."""

    def progress(message: str) -> None:
        print(json.dumps({"progress": message}), file=out, flush=True)

    files = [FileJob.from_json(file) for file in job["files"]]
    outcomes: list[Outcome]
    try:
        if files and files[0].rules is not None:
            registry = read_rules(Path(files[0].rules), registry.group)
        key_of = partial(load_key, settings.keys)
        outcomes = take_in(files, registry, key_of, Path(job["scratch"]), settings.limits, progress)
    except Exception as error:  # the one place where a fault of ours must not end the night
        print(json.dumps({"fault": place_of(error)}), file=out, flush=True)
        return
    print(json.dumps({"outcomes": [o.to_json() for o in outcomes]}), file=out, flush=True)


def main(home: str) -> None:
    """Serve jobs until standard input closes."""
    # Libraries print; the pipe to the run must carry our lines only.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    settings = from_environment(Path(home))
    bound_memory(settings.limits.worker_memory_bytes)
    registry = load_registry([settings.home])
    # Seconds of importing beside the engine's reading of the first files.
    Thread(target=import_module, args=("great_expectations",), daemon=True).start()
    for line in sys.stdin:
        answer(json.loads(line), registry, settings, out)


if __name__ == "__main__":
    main(sys.argv[1])
