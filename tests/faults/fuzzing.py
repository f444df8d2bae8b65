"""Mutated deliveries through the real reading worker and into tables, and what must hold of each.

The worker is the one a night uses, with its pipe and its limits. What it lets through is loaded, as
a night would, into a warehouse in memory: what survives reading must survive storing too.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import psutil

from expectations.registry import Registry, load_registry
from orchestration.ingest.conform import mapped_parts
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.ledger_rows import Stamp
from orchestration.ingest.load import load
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import create_key
from orchestration.ingest.reading import ReadingWorker
from orchestration.landing import Arrival, arrivals_of
from orchestration.settings import Limits, Settings
from orchestration.sql import identifier, literal
from orchestration.warehouse import schema_sql
from tests.faults.deliveries import PLANTED, PRACTICE, Delivery, write_home
from tests.faults.mutations import Mutated

TODAY = date(2026, 10, 1)
SECONDS, MEMORY_BYTES = 10.0, 10**9
"""What one file may take of the worker, whatever is in it."""
BATCH = 48
_FEEDS = ("episodes", "sessions", "administrations")

Tables = dict[str, list[tuple[Any, ...]]]


@dataclass
class Findings:
    """What a campaign saw. `bugs` is what must stay empty."""

    n_files: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    bugs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    longest_seconds: float = 0.0
    most_bytes: int = 0


@dataclass
class Fuzzed:
    """A home, its worker and a warehouse in memory. Use as a context manager."""

    home: Path
    deliveries: Sequence[Delivery]
    findings: Findings = field(default_factory=Findings)
    _said: list[tuple[float, str]] = field(default_factory=list, init=False)
    _sound: dict[str, Tables] = field(default_factory=dict, init=False)
    _load_seq: int = field(default=0, init=False)
    _number: int = field(default=0, init=False)

    def __enter__(self) -> "Fuzzed":
        self.by_shape = {each.shape: each for each in self.deliveries}
        self.settings = Settings(self.home, Limits(worker_seconds=90.0))
        write_home(self.home, self.deliveries)
        create_key(self.settings.keys, PRACTICE)
        self.registry: Registry = load_registry([self.home])
        assert not self.registry.broken, self.registry.broken
        self.worker = ReadingWorker(self.settings, self._hear)
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute(schema_sql())
        sound = [Mutated(each.shape, "sound", 0, each.content, True) for each in self.deliveries]
        for mutation, outcome in self._taken_in(sound):
            assert outcome.is_loadable, (mutation.shape, outcome.reason, outcome.message)
            self._sound[mutation.shape] = self._tables(outcome)
            assert any(self._sound[mutation.shape].values())
        self.findings = Findings()
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close()
        self.con.close()

    def _hear(self, text: str) -> None:
        self._said.append((self._worked(), text))

    def _worked(self) -> float:
        """Seconds the worker has computed, whatever else this machine is busy with. One that sleeps
        instead meets the worker's limit of wall time, and is dead."""
        process = self.worker._process
        if process is None or not psutil.pid_exists(process.pid):
            return 0.0
        times = psutil.Process(process.pid).cpu_times()
        return float(times.user + times.system)

    def run(self, mutations: Iterable[Mutated]) -> Findings:
        """Take in every mutation and judge what became of it."""
        coming, began = iter(mutations), time.monotonic()
        while some := list(islice(coming, BATCH)):
            for mutation, outcome in self._taken_in(some):
                self.findings.n_files += 1
                self.findings.states[outcome.state] += 1
                self.findings.reasons[outcome.reason or "loaded"] += 1
                for problem in self._problems(mutation, outcome):
                    self._report(mutation, problem)
            self.findings.seconds = time.monotonic() - began
        return self.findings

    def _report(self, mutation: Mutated, problem: str) -> None:
        self.findings.bugs.append(f"{mutation.shape} {mutation.how} {mutation.seed}: {problem}")

    def _taken_in(self, mutations: Sequence[Mutated]) -> Iterator[tuple[Mutated, Outcome]]:
        """Each with its outcome, loaded where it may be. Bytes met in this batch count once."""
        found: dict[str, tuple[Mutated, Arrival, FileJob]] = {}
        for mutation in mutations:
            self._number += 1
            arrival, job = self._arrival(mutation)
            found.setdefault(job.delivery_id, (mutation, arrival, job))
        self._said.clear()
        scratch = self.home / "scratch" / "intake"
        pid = self._watched()
        outcomes = self.worker.take_in([job for *_, job in found.values()], scratch)
        done = self._worked()
        judged = list(zip(found.values(), outcomes, strict=True))
        self._note_cost(pid, done, [mutation for mutation, *_ in found.values()])
        for (mutation, arrival, job), outcome in judged:
            self._load(mutation, arrival, outcome)
            yield mutation, outcome
            Path(job.path).unlink()
        for path in scratch.iterdir():
            path.unlink()

    def _arrival(self, mutation: Mutated) -> tuple[Arrival, FileJob]:
        delivery = self.by_shape[mutation.shape]
        path = self.settings.landing / PRACTICE / delivery.file_name(self._number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutation.content)
        contract = self.registry.practices[PRACTICE].contract_on(TODAY)
        (arrival,) = (a for a in arrivals_of(PRACTICE, path, contract) if a.feed == delivery.feed)
        assert arrival.spec is not None
        assert arrival.spec.file == delivery.declared["file"]
        job = FileJob(
            delivery_id=arrival.delivery_id,
            practice_id=PRACTICE,
            feed=arrival.feed,
            file=arrival.spec.file,
            path=str(path),
            sha256=arrival.sha256,
            received_on=TODAY.isoformat(),
        )
        return arrival, job

    def _watched(self) -> int:
        """The worker's process id, its peak of memory set back."""
        self.worker.start()
        process = self.worker._process
        assert process is not None
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        return process.pid

    def _note_cost(self, pid: int, done: float, mutations: Sequence[Mutated]) -> None:
        """What it computed between its words is what each file took; the rest is the checks."""
        moments = [at for at, text in self._said if "reading file" in text]
        ends = [at for at, text in self._said if "checking" in text] or [done]
        for mutation, seconds in zip(
            mutations,
            (b - a for a, b in zip(moments, [*moments[1:], ends[0]], strict=True)),
            strict=False,
        ):
            self.findings.longest_seconds = max(self.findings.longest_seconds, seconds)
            if seconds > SECONDS:
                self._report(mutation, f"took {seconds:.1f} s")
        status = Path(f"/proc/{pid}/status")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        if peak:
            n_bytes = int(peak[1]) * 1024
            self.findings.most_bytes = max(self.findings.most_bytes, n_bytes)
            if n_bytes > MEMORY_BYTES:
                names = [f"{m.shape} {m.how} {m.seed}" for m in mutations]
                self.findings.bugs.append(f"{n_bytes / 1e6:.0f} MB while reading one of {names}")

    def _load(self, mutation: Mutated, arrival: Arrival, outcome: Outcome) -> None:
        self._load_seq += 1
        stamp = Stamp(self._load_seq, datetime(2026, 10, 1), TODAY, "1", "r", "c", 1)
        assert arrival.spec is not None
        parts = mapped_parts(self.registry, PRACTICE, arrival.feed, arrival.spec).parts
        if outcome.is_loadable:
            self.con.execute(f"attach {literal(outcome.scratch)} as scratch (read_only)")
        try:
            load(self.con, self.registry.feeds[arrival.feed], arrival, outcome, parts, stamp)
        except Exception as error:  # whatever it is, it would have ended the night
            self._report(mutation, f"loading raised {type(error).__name__}: {str(error)[:200]}")
        finally:
            if outcome.is_loadable:
                self.con.execute("detach scratch")

    def _problems(self, mutation: Mutated, outcome: Outcome) -> Iterator[str]:
        if outcome.state not in ("loaded", "refused"):
            yield f"{outcome.state}: {outcome.message}"
        kept = outcome.n_accepted + outcome.n_quarantined + outcome.n_excluded
        if outcome.n_rows_read != kept:
            yield f"{outcome.n_rows_read} read, {kept} accounted for"
        if outcome.state == "refused" and not (outcome.reason and outcome.message):
            yield "refused without a reason or a message"
        if outcome.reason == "rows_lost" and "fault of the software" in (outcome.message or ""):
            yield f"{outcome.message}"
        if outcome.state == "refused" and outcome.n_accepted:
            yield "refused, and rows accepted"
        said = json.dumps([outcome.to_json(), [text for _, text in self._said]]).lower()
        if PLANTED in said:
            at = max(said.index(PLANTED) - 200, 0)
            yield f"a cell's text is shown: {outcome.message or said[at : at + 400]}"
        yield from self._ledger_problems(outcome)
        if mutation.is_harmless:
            if not outcome.is_loadable:
                yield f"harmless, and refused: {outcome.reason}: {outcome.message}"
            elif self._tables(outcome) != self._sound[mutation.shape]:
                yield "harmless, and its rows are not those of the sound delivery"

    def _ledger_problems(self, outcome: Outcome) -> Iterator[str]:
        """The ledger's row is there, and raw rows are there if and only if it accepted some."""
        rows = self.con.execute(
            "select load_seq, n_rows_read - n_accepted - n_quarantined - n_excluded, n_accepted "
            "from raw.deliveries where delivery_id = ? order by load_seq desc limit 1",
            [outcome.delivery_id],
        ).fetchall()
        if not rows:
            yield "no entry in the ledger"
            return
        ((load_seq, unaccounted, accepted),) = rows
        stored = " + ".join(
            f"(select count(*) from raw.{name} where load_seq = {load_seq})" for name in _FEEDS
        )
        ((n_stored,),) = self.con.execute(f"select {stored}").fetchall()
        if unaccounted or bool(n_stored) != bool(accepted) or n_stored > accepted:
            yield f"{accepted} accepted and {n_stored} stored, {unaccounted} unaccounted for"

    def _tables(self, outcome: Outcome) -> Tables:
        """What the worker made of a file, whatever the order of its lines."""
        with duckdb.connect(outcome.scratch, read_only=True) as con:
            names = con.execute(
                "select table_name from information_schema.tables where table_schema = ? "
                "order by 1",
                [outcome.schema],
            ).fetchall()
            return {
                name: con.execute(
                    f"select * exclude (row_no) from {identifier(outcome.schema)}."
                    f"{identifier(name)} order by all"
                ).fetchall()
                for (name,) in names
            }
