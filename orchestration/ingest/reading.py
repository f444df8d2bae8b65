"""The run's side of the reading worker: start it, hand it jobs, end it when it hangs or dies."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestration.ingest.file_job import FileJob, dead
from orchestration.ingest.outcome import Outcome
from orchestration.settings import Settings


class _Fault(Exception):
    """The child met an error of ours; its text is the error's type and place."""


@dataclass
class ReadingWorker:
    """One child process at a time; a new one after a death. Use as a context manager."""

    settings: Settings
    progress: Callable[[str], None] = lambda _: None
    command: Sequence[str] = (sys.executable, "-m", "orchestration.ingest.worker")
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _buffer: bytes = field(default=b"", init=False)
    _is_closed: bool = field(default=False, init=False)

    def __enter__(self) -> "ReadingWorker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the child now, so that its imports run beside the caller's."""
        if self._process is None or self._process.poll() is not None:
            self._buffer = b""
            self._process = subprocess.Popen(
                [*self.command, str(self.settings.home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """End the child for good, in the middle of a file if need be."""
        self._is_closed = True
        self.stop()

    def stop(self) -> None:
        """End the child and whatever it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def take_in(self, jobs: Sequence[FileJob], scratch: Path) -> list[Outcome]:
        """Outcomes of the jobs, in their order; tables go to DuckDB files in the folder `scratch`.

        When the child hangs, dies or fails, the files are tried one by one, so that only the one
        that does it is `dead`.
        """
        if not jobs:
            return []
        try:
            return self._outcomes(jobs, scratch / f"{jobs[0].delivery_id}_{len(jobs)}.duckdb")
        except TimeoutError:
            why = f"reading took longer than {self.settings.limits.worker_seconds:.0f} s"
        except (BrokenPipeError, EOFError):
            why = "the reading process died, perhaps at its memory limit"
        except _Fault as fault:
            why = f"reading failed ({fault})"
        self.stop()
        if len(jobs) == 1 or self._is_closed:
            return [dead(job, why) for job in jobs]
        return [outcome for job in jobs for outcome in self.take_in([job], scratch)]

    def _outcomes(self, jobs: Sequence[FileJob], scratch: Path) -> list[Outcome]:
        self.start()
        scratch.parent.mkdir(parents=True, exist_ok=True)
        reply = self._ask(
            {
                "scratch": str(scratch),
                "files": [asdict(job) for job in jobs],
            }
        )
        if "fault" in reply:
            raise _Fault(reply["fault"])
        return [Outcome.from_json(document) for document in reply["outcomes"]]

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        deadline = time.monotonic() + self.settings.limits.worker_seconds
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()
        while True:
            reply: dict[str, Any] = json.loads(self._line(deadline))
            if "progress" not in reply:
                return reply
            self.progress(reply["progress"])

    def _line(self, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([handle], [], [], left)[0]:
                raise TimeoutError
            chunk = os.read(handle, 2**16)
            if not chunk:
                raise EOFError
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
