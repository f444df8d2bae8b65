"""Archived files taken through reading to checking again: what a rebuild and a replay share.

A file is decrypted into a folder of the owner's that is gone afterwards, under the name it came
with, since a contract reads the name; it goes through the same bounded worker as on its first
night.
"""

import fnmatch
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from expectations.registry import Registry
from orchestration.archive import Archive, ArchiveDamaged
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.privacy import is_showable
from orchestration.ingest.pseudonyms import PracticeKey, load_key
from orchestration.ingest.read_ahead import BATCH_BYTES
from orchestration.ingest.reading import ReadingWorker
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.ingest.stated import stated_of
from orchestration.kept_rules import RulesUnreadable, registry_of
from orchestration.landing import Arrival, exported_on
from orchestration.load_notes import LedgerRow, LoadNotes, NoteDamaged
from orchestration.settings import Settings

COUNTS = ("n_file_rows", "n_rows_read", "n_accepted", "n_quarantined", "n_excluded")
"""What a load is compared by: columns of the ledger, and of an outcome."""


class CannotBeRead(Exception):
    """An archived load that cannot be gone through again, and why."""


@dataclass(frozen=True)
class Rules:
    """Declarations to read under. `path`: their document for the worker; None for the home's."""

    registry: Registry
    path: Path | None = None


@dataclass(frozen=True)
class Again:
    """One load of the ledger, ready to be read again."""

    row: LedgerRow
    arrival: Arrival
    rules: Rules
    rules_on: date | None
    withdrawn: Sequence[str] = ()

    @property
    def job(self) -> FileJob:
        """For the reading worker."""
        spec = self.arrival.spec
        return FileJob(
            delivery_id=self.arrival.delivery_id,
            practice_id=self.arrival.practice_id,
            feed=self.arrival.feed,
            file=spec.file if spec else None,
            path=str(self.arrival.path),
            sha256=self.arrival.sha256,
            received_on=self.row["received_on"].isoformat(),
            stated=stated_of(self.arrival),
            rules_on=self.rules_on.isoformat() if self.rules_on else None,
            withdrawn=self.withdrawn,
            rules=str(self.rules.path) if self.rules.path else None,
        )


@dataclass
class ArchivedFiles:
    """The archive of a home, opened into `folder`."""

    settings: Settings
    registry: Registry
    folder: Path
    withdrawn: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Pseudonyms of clients who withdrew, by practice: their rows are left out."""
    remarks: list[str] = field(default_factory=list)
    """What a person should know of rules that are not those of then."""
    _rules: dict[tuple[str, str], Rules] = field(default_factory=dict, init=False)

    @contextmanager
    def reading(self, worker: ReadingWorker | None = None) -> Iterator[ReadingWorker]:
        """The worker that reads them; ended, and what was decrypted taken away, with the block."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with worker or ReadingWorker(self.settings) as its:
                yield its
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def today(self) -> Rules:
        """The home's declarations."""
        return Rules(self.registry)

    def rules_of(self, row: LedgerRow) -> Rules:
        """The declarations a load was taken in under, as far as they are known."""
        practice_id, digest = str(row["practice_id"]), str(row["contract_digest"])
        known = practice_id in self.registry.practices
        if known and self.registry.practice_digest(practice_id) == digest:
            return self.today()
        if (practice_id, digest) not in self._rules:
            self._rules[practice_id, digest] = self._kept(practice_id, digest, known=known)
        return self._rules[practice_id, digest]

    def _kept(self, practice_id: str, digest: str, *, known: bool) -> Rules:
        notes = LoadNotes(self.settings.archive)
        try:
            document = notes.rules(self.key(practice_id), digest)
            if document is not None:
                registry = registry_of(document, self.registry.group, digest)
                path = self.folder / f"{practice_id}.{digest}.json"
                path.write_text(document, encoding="utf-8")
                return Rules(registry, path)
            why = "are not kept"
        except (NoteDamaged, RulesUnreadable) as error:
            why = f"cannot be read ({error})"
        if not known:
            raise CannotBeRead(
                f"practice {practice_id} is not declared (any more), and its declarations of then "
                f"{why}; put its file back into practices/"
            )
        self.remarks.append(
            f"practice {practice_id}: the declarations {digest[:12]} of then {why}; the version of "
            "today's contract that is valid on the day of the delivery was used in their place"
        )
        return self.today()

    def key(self, practice_id: str) -> PracticeKey:
        """A practice's key. Raises CannotBeRead."""
        try:
            return load_key(self.settings.keys, practice_id)
        except DeliveryRefused as refusal:
            raise CannotBeRead(refusal.message) from refusal

    def opened(self, row: LedgerRow, rules: Rules, rules_on: date | None = None) -> Again:
        """Decrypt the file of one load, unless it lies there already. Raises CannotBeRead."""
        practice_id, sha256 = str(row["practice_id"]), str(row["file_sha256"])
        contract = rules.registry.practices[practice_id].contract_on(
            rules_on or row.get("rules_on") or row["received_on"]
        )
        path = self._decrypted(practice_id, sha256, row["file_name"])
        specs = contract.files if contract else ()
        # Today's contract may know the kind of file by another name: the pattern decides, as ever.
        is_of_then = rules_on is None
        spec = next((s for s in specs if is_of_then and s.file == row["file"]), None) or next(
            (s for s in specs if fnmatch.fnmatchcase(path.name, s.pattern)), None
        )
        stated = None if is_of_then else exported_on(spec, path.name)
        arrival = Arrival(
            practice_id=practice_id,
            feed=row["feed"],
            path=path,
            sha256=sha256,
            spec=spec,
            contract=contract,
            exported_on=stated or row["exported_on"],
            modified_at=row.get("file_modified_at"),
            period=_period(row),
        )
        withdrawn = self.withdrawn.get(practice_id, ())
        return Again(row, arrival, rules, rules_on or row.get("rules_on"), withdrawn)

    def _decrypted(self, practice_id: str, sha256: str, name: str | None) -> Path:
        # A file is loaded only under a name that may be shown, and that is one name in a folder.
        if name is None or not is_showable(name) or Path(name).name != name:
            raise CannotBeRead("its file name is not known, and the contract reads it")
        path = self.folder / practice_id / sha256 / name
        if path.exists():
            return path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive, key = Archive(self.settings.archive), self.key(practice_id)
        try:
            with path.open("wb") as stream:
                for chunk in archive.open(key, sha256):
                    stream.write(chunk)
        except FileNotFoundError as error:
            path.unlink(missing_ok=True)
            raise CannotBeRead("its file is not in the archive") from error
        except ArchiveDamaged as error:
            path.unlink(missing_ok=True)
            raise CannotBeRead(str(error)) from error
        return path

    def outcomes(self, worker: ReadingWorker, batch: Sequence[Again]) -> list[Outcome]:
        """Read and check a batch; its tables lie in `tables` until the next call."""
        tables = self.folder / "tables"
        shutil.rmtree(tables, ignore_errors=True)
        tables.mkdir(mode=0o700)
        return worker.take_in([again.job for again in batch], tables)

    def forget(self, batch: Iterable[Again]) -> None:
        """Take the decrypted files of a batch away."""
        for again in batch:
            again.arrival.path.unlink(missing_ok=True)


def _period(row: LedgerRow) -> tuple[date, date] | None:
    """The days a delivery speaks for: what its name or a list said then is in the ledger."""
    first, last = row.get("period_from_on"), row.get("period_to_on")
    return (first, last) if first is not None and last is not None else None


def batched(
    rows: Iterable[LedgerRow], rules_of: Callable[[LedgerRow], object]
) -> Iterator[list[LedgerRow]]:
    """Loads in order, cut where day or rules change, a delivery comes again, or enough is read.

    The checks of one batch are made as of one day, under one set of declarations.
    """

    def terms(row: LedgerRow) -> tuple[object, ...]:
        return (row["received_on"], row.get("rules_on"), rules_of(row))

    batch: list[LedgerRow] = []
    n_bytes = 0
    for row in rows:
        size = int(row["file_bytes"] or 0)
        if batch and (
            terms(row) != terms(batch[0])
            or n_bytes + size > BATCH_BYTES
            or any(row["delivery_id"] == other["delivery_id"] for other in batch)
        ):
            yield batch
            batch, n_bytes = [], 0
        batch.append(row)
        n_bytes += size
    if batch:
        yield batch
