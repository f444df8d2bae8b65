"""Files read before they are asked for: the worker reads on while the run loads what it has read.

Small files, of whatever practice and feed, share a batch, so that their checks are pooled. At most
two batches wait, which bounds the disk they take.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.ingest.file_job import FileJob
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.reading import ReadingWorker

BATCH_BYTES = 128 * 2**20
BATCHES_AHEAD = 2


@dataclass
class ReadAhead:
    """Hands the worker batch after batch. One thread speaks to the worker, whoever asks."""

    worker: ReadingWorker
    scratch: Path
    _batches: deque[list[FileJob]] = field(default_factory=deque, init=False)
    _reading: deque[Future[list[Outcome]]] = field(default_factory=deque, init=False)
    _found: dict[str, Outcome] = field(default_factory=dict, init=False)
    _unloaded: Counter[str] = field(default_factory=Counter, init=False)
    _thread: ThreadPoolExecutor | None = field(default=None, init=False)

    def begin(self, jobs: Iterable[FileJob]) -> None:
        """Start reading files in the order in which they will be asked for."""
        self._batches.extend(batches(jobs))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read_ahead")
        self._keep_reading()

    def outcomes(self, jobs: Sequence[FileJob]) -> list[Outcome]:
        """Outcomes of files in their order; a file that no batch held is read now."""
        wanted = {job.delivery_id for job in jobs}
        while self._reading and not wanted <= self._found.keys():
            self._take(self._reading.popleft().result())
            self._keep_reading()
        missing = [job for job in jobs if job.delivery_id not in self._found]
        if missing:
            self._take(self.worker.take_in(missing, self.scratch))
        return [self._found.pop(job.delivery_id) for job in jobs]

    def loaded(self, outcome: Outcome) -> None:
        """Note that an outcome's tables are no longer needed; a file nobody needs is removed."""
        if not outcome.is_loadable:
            return
        self._unloaded[outcome.scratch] -= 1
        if self._unloaded[outcome.scratch] <= 0:
            Path(outcome.scratch).unlink(missing_ok=True)

    def close(self) -> None:
        """End the worker, whatever it is reading."""
        self._batches.clear()
        self.worker.close()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _keep_reading(self) -> None:
        while self._thread and self._batches and len(self._reading) < BATCHES_AHEAD:
            batch = self._batches.popleft()
            self._reading.append(self._thread.submit(self.worker.take_in, batch, self.scratch))

    def _take(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self._found[outcome.delivery_id] = outcome
            if outcome.is_loadable:
                self._unloaded[outcome.scratch] += 1


def batches(jobs: Iterable[FileJob]) -> list[list[FileJob]]:
    """Files in order, cut into batches of at most BATCH_BYTES; a larger file is one by itself."""
    found: list[list[FileJob]] = []
    n_bytes = BATCH_BYTES
    for job in jobs:
        path = Path(job.path)
        size = path.stat().st_size if path.exists() else 0
        if n_bytes + size > BATCH_BYTES:
            found.append([])
            n_bytes = 0
        found[-1].append(job)
        n_bytes += size
    return found
