"""A file against a practice's contract, up to loading and no further.

It goes the way of the night: the same worker, the same reading, the same rules, into a scratch
that is removed. What is added is the comparison of columns a person needs to mend a contract.
Never a cell's value: a header that may be data is not shown either.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from expectations.practice import FileSpec
from expectations.registry import Registry
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.outcome import Outcome, RuleOutcome
from orchestration.ingest.privacy import shown_header
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.reading import ReadingWorker
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.ingest.stated import stated_of
from orchestration.landing import Arrival, arrivals_of
from orchestration.last_seen import LastSeen, last_seen
from orchestration.settings import Limits, Settings

PRIVACY_REASONS = ("direct_identifier", "identifier_found", "identifier_in_file_name")
UNOPENED = ("reading_died", "wrong_header", "no_contract", "agreement_expired")
"""Refusals after which the file's own header is not looked at: it was not read, or may be data."""
_ALIKE = 0.6
"""Similarity (0-1) of two headers from which one may be the other's new name."""

Worker = Callable[[Settings], ReadingWorker]


@dataclass(frozen=True)
class Drift:
    """How a file's header differs from the contract's columns. `renamed`: missing -> unknown."""

    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileCheck:
    """What would become of one file for one feed."""

    file: str
    pattern: str | None
    kind: str | None
    feed: str
    exported_on: date | None
    column_map: dict[str, tuple[str, ...]]
    drift: Drift | None
    """None where the file's header could not be read, or may be data."""
    outcome: Outcome
    last_seen: LastSeen | None = None
    """What the group last took in of this kind; None before the first release."""

    @property
    def is_fine(self) -> bool:
        """Whether the night would load the file and call nobody."""
        return self.outcome.is_loadable and not self.outcome.is_over_tolerance

    @property
    def privacy_findings(self) -> tuple[str, ...]:
        """Why the gate turned the file away: classes, columns, row numbers."""
        if self.outcome.reason in PRIVACY_REASONS and self.outcome.message:
            return (self.outcome.message,)
        return ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, named like the release's columns."""
        outcome = self.outcome
        return {
            "file": self.file,
            "pattern": self.pattern,
            "file_kind": self.kind,
            "feed": self.feed,
            "exported_on": self.exported_on and self.exported_on.isoformat(),
            "state": "accepted" if outcome.is_loadable else outcome.state,
            "is_fine": self.is_fine,
            "reason": outcome.reason,
            "message": outcome.message,
            "column_map": {name: list(uses) for name, uses in self.column_map.items()},
            "drift": self.drift and asdict(self.drift),
            "last_seen": self.last_seen
            and {
                **asdict(self.last_seen),
                "received_on": self.last_seen.received_on.isoformat(),
            },
            "privacy_findings": list(self.privacy_findings),
            "n_file_rows": outcome.n_file_rows,
            "n_rows_read": outcome.n_rows_read,
            "n_accepted": outcome.n_accepted,
            "n_quarantined": outcome.n_quarantined,
            "n_excluded": outcome.n_excluded,
            "exclusions": outcome.exclusions,
            "is_over_tolerance": outcome.is_over_tolerance,
            "checks": [
                {
                    "check_id": verdict.check_id,
                    "instrument_code": verdict.instrument_code,
                    "severity": verdict.severity,
                    "status": verdict.status,
                    "in_words": in_words(verdict),
                    "n_evaluated": verdict.n_evaluated,
                    "n_failed": verdict.n_failed,
                }
                for verdict in outcome.verdicts
            ],
        }


def in_words(verdict: RuleOutcome) -> str:
    """A rule's status as the night counts it: passed (failures within what it tolerates included),
    warned, failed, or not applicable.
    """
    if verdict.status in ("failed", "error"):
        return "failed" if verdict.severity == "critical" else "warned"
    if verdict.status in ("passed", "passed_with_failures"):
        return "passed"
    return verdict.status.replace("_", " ")


def check_files(
    settings: Settings,
    registry: Registry,
    practice_id: str,
    files: Sequence[Path],
    today: date,
    worker: Worker = ReadingWorker,
) -> list[FileCheck]:
    """What the night of `today` would make of each file, once for each feed it carries.

    Nothing is written but a private scratch folder, which is gone afterwards. KeyError when the
    registry has no such practice.
    """
    practice = registry.practices[practice_id]
    contract = practice.contract_on(today)
    found = [arrival for file in files for arrival in arrivals_of(practice_id, file, contract)]
    jobs = [_job(arrival, number, today) for number, arrival in enumerate(found)]
    with TemporaryDirectory(prefix="contract_check_") as folder, worker(settings) as reading:
        outcomes = reading.take_in(jobs, Path(folder))
    return [
        replace(
            _checked(arrival, outcome, settings.limits),
            last_seen=last_seen(settings, practice, arrival.spec, arrival.feed)
            if arrival.spec
            else None,
        )
        for arrival, outcome in zip(found, outcomes, strict=True)
    ]


def _job(arrival: Arrival, number: int, today: date) -> FileJob:
    return FileJob(
        # The same content twice is two files here: each gets its own answer.
        delivery_id=f"{arrival.delivery_id}.{number}",
        practice_id=arrival.practice_id,
        feed=arrival.feed,
        file=arrival.spec.file if arrival.spec else None,
        path=str(arrival.path),
        sha256=arrival.sha256,
        received_on=today.isoformat(),
        stated=stated_of(arrival),
    )


def _checked(arrival: Arrival, outcome: Outcome, limits: Limits) -> FileCheck:
    spec = arrival.spec
    header = None
    if spec is not None and outcome.reason not in UNOPENED:
        header = header_of(arrival.path, spec, limits)
    return FileCheck(
        file=arrival.shown_name,
        pattern=spec.pattern if spec else None,
        kind=spec.file if spec else None,
        feed=arrival.feed,
        exported_on=arrival.exported_on,
        column_map=column_map(spec, arrival.feed) if spec else {},
        drift=drift(header, spec) if spec and header is not None else None,
        outcome=outcome,
    )


def header_of(path: Path, spec: FileSpec, limits: Limits) -> tuple[str, ...] | None:
    """The file's column names; None when it cannot be opened.

    Only asked after the bounded worker has opened the very same bytes.
    """
    con = duckdb.connect()
    try:
        with contextlib.suppress(DeliveryRefused):
            return open_file(con, path, spec, limits).relation.columns
    finally:
        con.close()
    return None


def column_map(spec: FileSpec, feed: str) -> dict[str, tuple[str, ...]]:
    """Column of the file -> what it becomes, in the contract's order."""
    uses: dict[str, list[str]] = {}
    for mapping in (mapping for mapping in spec.mappings if mapping.feed == feed):
        for name, source in mapping.columns.items():
            for column in source.read_columns:
                uses.setdefault(column, []).append(name)
        for block in mapping.forms:
            for number, column in block.items.items():
                uses.setdefault(column, []).append(f"{block.instrument_code} item {number}")
            if block.total is not None:
                uses.setdefault(block.total, []).append(f"{block.instrument_code} stated_total")
            for name, source in block.columns.items():
                if source.column is not None:
                    use = f"{block.instrument_code} {name}"
                    uses.setdefault(source.column, []).append(use)
        if mapping.long is not None:
            for column, use in (
                (mapping.long.instrument_column, "instrument"),
                (mapping.long.item_column, "item number"),
                (mapping.long.value_column, "answer"),
                *([(mapping.long.ordinal_column, "weight")] if mapping.long.ordinal_column else []),
            ):
                uses.setdefault(column, []).append(use)
            for column in mapping.long.form_columns:
                uses.setdefault(column, []).append("names the form")
        for rule in mapping.row_rules:
            uses.setdefault(rule.column, []).append(f"excludes rows: {rule.reason}")
    for column in spec.discard:
        uses.setdefault(column, []).append("discarded")
    return {column: tuple(dict.fromkeys(found)) for column, found in uses.items()}


def drift(header: Sequence[str], spec: FileSpec) -> Drift:
    """Unknown and missing columns, and which missing one may now be called otherwise.

    When not one expected column is there the first line may be data, and nothing of it is shown.
    """
    expected = [*spec.wanted_columns, *spec.discard]
    missing = tuple(name for name in expected if name not in header)
    if len(missing) == len(expected):
        return Drift(missing=missing)
    unknown = [name for name in header if name not in expected]
    pairs = sorted(
        ((_likeness(old, new), old, new) for old in missing for new in unknown), reverse=True
    )
    renamed: dict[str, str] = {}
    for likeness, old, new in pairs:
        if likeness >= _ALIKE and old not in renamed and new not in renamed.values():
            renamed[old] = new
    return Drift(
        unknown=tuple(map(shown_header, unknown)),
        missing=missing,
        renamed={old: shown_header(new) for old, new in renamed.items()},
    )


def _likeness(old: str, new: str) -> float:
    return SequenceMatcher(None, old.casefold(), new.casefold()).ratio()
