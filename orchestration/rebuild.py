"""A new warehouse out of the archive, put in force only when it says what the old one said.

Every load the ledger knows is read again in the ledger's order, under its own day's rules and with
its own number and times, into a file aside. A ledger that is lost is replaced by the notes that lie
in the archive. Until the last step, a rename, nothing of the home has changed.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from expectations.registry import Registry
from orchestration.archived_files import COUNTS, Again, ArchivedFiles, CannotBeRead, batched
from orchestration.content_digest import digest_of, table_digests
from orchestration.durable import fsync_directory
from orchestration.former_warehouse import Former, find_former, wal_of
from orchestration.ingest.ledger_rows import Stamp
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonymised import WITHDRAWN
from orchestration.ingest.reading import ReadingWorker
from orchestration.load_notes import LedgerRow, LoadName
from orchestration.night import Night, write_load
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse, trouble


@dataclass(frozen=True)
class Aside(Settings):
    """A home's settings with the warehouse, and what lies about while it is built, elsewhere."""

    folder: Path = field(kw_only=True)

    @property
    def warehouse(self) -> Path:
        """The file that is built; of the name that dbt's statements hold."""
        return self.folder / "warehouse.duckdb"

    @property
    def scratch(self) -> Path:
        """Spill of this file alone."""
        return self.folder / "scratch"

    @property
    def landing(self) -> Path:
        """Empty: a rebuild takes nothing new in."""
        return self.folder / "landing"


@dataclass(frozen=True)
class RebuildReport:
    """What came of a rebuild. Names and counts only."""

    is_in_force: bool
    n_loads: int
    not_rebuilt: tuple[str, ...]
    """Loads that could not be read again, with the reason."""
    carried_over: tuple[str, ...]
    """Loads the archive no longer has (a destroyed key, a term that is over, damage): their rows
    were copied out of the old file."""
    differing_loads: tuple[str, ...]
    """Loads that count otherwise than the ledger says."""
    differing_tables: tuple[str, ...]
    """Marts whose content differs; empty too where there was nothing to compare with."""
    is_compared: bool
    content_digest: str
    ledger_from: str
    verdicts_from: str
    remarks: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether everything is as it was, as far as that can be known."""
        return not (self.not_rebuilt or self.differing_loads or self.differing_tables)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "is_equal": self.is_equal}


def rebuild(
    settings: Settings,
    registry: Registry,
    *,
    progress: Callable[[str], None] = lambda _: None,
    accept_difference: bool = False,
    now: datetime | None = None,
    worker: ReadingWorker | None = None,
) -> RebuildReport:
    """Build the warehouse anew and put it in force when it is whole.

    With `accept_difference` also when something differs: a person has read what.
    Raises WarehouseBusy, DiskFull, and CannotBeRead when there is nothing to rebuild from or a
    declaration is broken; the home is then as it was.
    """
    began = now or datetime.now(UTC)
    if registry.broken:
        raise CannotBeRead(
            f"the declarations of {', '.join(registry.broken)} are broken; mend them first "
            "(`alliance doctor` names file and line)"
        )
    folder = settings.scratch / "rebuild"
    with Warehouse(settings).writer(waiting=progress):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        try:
            aside = Aside(settings.home, settings.limits, folder=folder)
            run = _Rebuild(settings, aside, registry, began, progress)
            return run.carried_out(worker, accept_difference=accept_difference)
        except (duckdb.Error, OSError) as error:
            raise (trouble(error) or error) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class _Rebuild:
    settings: Settings
    aside: Aside
    registry: Registry
    now: datetime
    progress: Callable[[str], None]
    not_rebuilt: list[str] = field(default_factory=list, init=False)
    carried_over: list[str] = field(default_factory=list, init=False)
    differing: list[str] = field(default_factory=list, init=False)

    def carried_out(
        self, worker: ReadingWorker | None, *, accept_difference: bool
    ) -> RebuildReport:
        self.progress("looking at what there is")
        former = find_former(self.settings, self.aside.folder)
        if not former.loads:
            raise CannotBeRead(
                "neither ledger nor archive knows a load; there is nothing to rebuild from"
            )
        files = ArchivedFiles(
            self.settings, self.registry, self.aside.folder / "files", former.withdrawn
        )
        night = Night(self.aside, self.registry, self.now, self.progress)
        with closing(night):
            night.warehouse.prepare()
            night.write_reference()
            with night.warehouse.connect() as con:
                former.copy_history(con)
                former.copy_the_rest(con)
                with files.reading(worker) as reading:
                    self._load_all(con, former, files, reading)
        self.progress("building the marts")
        tables = built_digests(night)
        before = self._digests_before(former)
        differing = [
            name
            for name in sorted({*tables, *(before or ())})
            if before is not None and before.get(name) != tables.get(name)
        ]
        report = RebuildReport(
            is_in_force=False,
            n_loads=len(former.loads),
            not_rebuilt=tuple(self.not_rebuilt),
            carried_over=tuple(self.carried_over),
            differing_loads=tuple(self.differing),
            differing_tables=tuple(differing),
            is_compared=before is not None,
            content_digest=digest_of(tables),
            ledger_from=former.ledger_from,
            verdicts_from=former.verdicts_from,
            remarks=(*former.remarks, *files.remarks),
        )
        if not (report.is_equal or accept_difference):
            return report
        self._sign(report, former)
        put_in_force(self.aside.warehouse, self.settings.warehouse)
        return RebuildReport(**{**report.__dict__, "is_in_force": True})

    def _load_all(
        self,
        con: duckdb.DuckDBPyConnection,
        former: Former,
        files: ArchivedFiles,
        reading: ReadingWorker,
    ) -> None:
        kept: list[int] = []
        for row in (row for row in former.loads if row["load_seq"] in former.expired):
            self._write_ledger_row(con, row)
        wanted = [row for row in former.loads if row["load_seq"] not in former.expired]
        n_done = 0
        for batch in batched(wanted, lambda row: self._rules(files, row)):
            self.progress(f"load {n_done + 1} of {len(wanted)}")
            opened = []
            for row in batch:
                try:
                    opened.append(files.opened(row, files.rules_of(row)))
                except CannotBeRead as error:
                    said = f"{row['delivery_id']}: {error}"
                    if former.old_file is None or not _is_known_to(former, row):
                        self.not_rebuilt.append(said)
                        continue
                    self.carried_over.append(said)
                    kept.append(row["load_seq"])
                    self._write_ledger_row(con, row)
            for again, outcome in zip(opened, files.outcomes(reading, opened), strict=True):
                self._load(con, former, again, outcome)
            files.forget(opened)
            n_done += len(batch)
        former.carry_over(con, kept)

    def _rules(self, files: ArchivedFiles, row: LedgerRow) -> object:
        """What the rows of a batch have in common; one without rules says so when it is opened."""
        try:
            return files.rules_of(row)
        except CannotBeRead:
            return row["load_seq"]

    def _load(
        self, con: duckdb.DuckDBPyConnection, former: Former, again: Again, outcome: Outcome
    ) -> None:
        row = again.row
        if not outcome.is_loadable:
            said = f"{outcome.reason}: {outcome.message}"
            self.not_rebuilt.append(f"{row['delivery_id']}: {said}")
            return
        write_load(
            con,
            again.rules.registry,
            again.arrival,
            outcome,
            _stamp(row),
            with_verdicts=row["load_seq"] not in former.judged,
        )
        found = {name: getattr(outcome, name) for name in COUNTS}
        # A home may be older than the count of a file's rows.
        changed = [name for name in COUNTS if row.get(name) not in (None, found[name])]
        if changed and WITHDRAWN in outcome.exclusions and "n_rows_read" not in changed:
            # Who withdrew later was counted as accepted then; what was removed is counted apart.
            changed, found = [], found if former.old_file is None else {}
        if changed:
            said = ", ".join(f"{name} {row[name]}, now {found[name]}" for name in changed)
            self.differing.append(f"{row['delivery_id']}: {said}")
        self._write_ledger_row(con, {**row, **found})

    def _write_ledger_row(self, con: duckdb.DuckDBPyConnection, row: LedgerRow) -> None:
        """The ledger goes on saying of a load what it said, but for counts that came out anew."""
        con.execute("delete from raw.deliveries where load_seq = ?", [row["load_seq"]])
        con.execute(
            f"insert into raw.deliveries ({', '.join(row)}) values ({', '.join('?' for _ in row)})",
            list(row.values()),
        )

    def _digests_before(self, former: Former) -> dict[str, str] | None:
        """Digests of the old file's marts, built by today's models if they are behind."""
        if not former.is_comparable:
            return None
        self.progress("comparing with the warehouse in force")
        folder = self.aside.folder / "before"
        folder.mkdir(mode=0o700)
        before = Aside(self.settings.home, self.settings.limits, folder=folder)
        shutil.copyfile(self.settings.warehouse, before.warehouse)
        wal = wal_of(self.settings.warehouse)
        if wal.exists():
            shutil.copyfile(wal, wal_of(before.warehouse))
        night = Night(before, self.registry, self.now, self.progress)
        with closing(night):
            night.warehouse.prepare()
            night.write_reference()
        return built_digests(night)

    def _sign(self, report: RebuildReport, former: Former) -> None:
        with Warehouse(self.aside).connect() as con:
            former.copy_shown(con)
            if report.is_equal and report.is_compared:
                former.copy_published(con)
            con.execute(
                "insert into quality.rebuilds values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    self.now.astimezone(UTC).replace(tzinfo=None),
                    self.settings.code_version,
                    self.registry.digest,
                    report.ledger_from,
                    report.verdicts_from,
                    report.n_loads,
                    len(report.not_rebuilt) + len(report.differing_loads),
                    report.content_digest,
                    report.is_equal if report.is_compared else None,
                ],
            )


def built_digests(night: Night) -> dict[str, str]:
    """Bring a file's marts to its ledger's state; the content of each."""
    from orchestration.assets.dbt import build_models

    build_models(night)
    with night.warehouse.connect() as con:
        return table_digests(con)


def put_in_force(new: Path, warehouse: Path) -> None:
    """Replace a home's warehouse by a finished file, in one step.

    The old file's write-ahead log goes first: beside another file it would be taken for its own.
    Without it the old file is short of a commit, which every later start finds out.
    """
    with duckdb.connect(str(new)) as con:
        con.execute("checkpoint")
    handle = os.open(new, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    if wal_of(new).exists():
        raise OSError(f"{new.name} was not written to its end")
    wal_of(warehouse).unlink(missing_ok=True)
    new.replace(warehouse)
    fsync_directory(warehouse.parent)


def _is_known_to(former: Former, row: LedgerRow) -> bool:
    """Whether the old ledger has a load, under this number: its rows are in the old file then."""
    return LoadName.of(row) in former.in_old_ledger


def _stamp(row: LedgerRow) -> Stamp:
    return Stamp(
        load_seq=row["load_seq"],
        received_at=row["received_at"],
        received_on=row["received_on"],
        code_version=row["code_version"],
        registry_digest=row["registry_digest"],
        contract_digest=row["contract_digest"],
        n_attempts=row["n_attempts"],
        rules_on=row.get("rules_on"),
        replayed_at=row.get("replayed_at"),
    )
