"""What one night does with files, apart from who asks for it (command line, schedule, a test).

Knows no orchestrator: the Dagster assets and the commands call it.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from zoneinfo import ZoneInfo

import duckdb

from expectations.model import FeedName
from expectations.registry import Registry
from orchestration.archive import Archive, ArchiveDamaged
from orchestration.ingest import ledger, load
from orchestration.ingest.conformed import Part
from orchestration.ingest.intake import FileJob, mapped_parts
from orchestration.ingest.outcome import Outcome, refused
from orchestration.ingest.pseudonyms import key_refusal, load_key
from orchestration.ingest.read_ahead import ReadAhead
from orchestration.ingest.reading import ReadingWorker
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.landing import Arrival, arrivals
from orchestration.reference import REFERENCE_TABLES, write_reference
from orchestration.settings import Settings
from orchestration.sql import literal
from orchestration.warehouse import Warehouse, transaction


@dataclass
class Night:
    """One run over one home. `now` is injected so that a test can choose the night."""

    settings: Settings
    registry: Registry
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    progress: Callable[[str], None] = lambda _: None
    reading: ReadAhead = field(init=False)
    warehouse: Warehouse = field(init=False)
    _held_open: duckdb.DuckDBPyConnection | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        worker = ReadingWorker(self.settings, self.progress)
        self.reading = ReadAhead(worker, self.settings.scratch / "intake")
        self.warehouse = Warehouse(self.settings)

    @property
    def today(self) -> date:
        """The group's local date: contracts and agreements are valid by it."""
        return self.now.astimezone(ZoneInfo(self.registry.group.time_zone)).date()

    def prepare(self) -> None:
        """Make the tables, tidy up, and bring the reference tables to the registry's state.

        The file stays open until `close`: opening and closing it for each delivery costs more than
        a small one takes to load.
        """
        self.warehouse.prepare()
        self.tidy()
        self._held_open = self._held_open or self.warehouse.open()
        with self.warehouse.connect() as con:
            if self._reference_digest(con) != self.registry.digest:
                with transaction(con):
                    write_reference(con, self.registry)

    def _reference_digest(self, con: duckdb.DuckDBPyConnection) -> str | None:
        tables = con.execute(
            "select table_name from information_schema.tables where table_schema = 'reference'"
        ).fetchall()
        # A table that came with a newer version has to be made, whatever the digest.
        if not {"registry", *REFERENCE_TABLES} <= {name for (name,) in tables}:
            return None
        rows = con.execute("select digest from reference.registry").fetchall()
        return str(rows[0][0]) if rows else None

    def landing(self, practice_id: str | None = None) -> ledger.Sorted:
        """What lies in landing (of one practice), sorted by what is to be done with it."""
        circumstances = {name: self._circumstances(name) for name in self.registry.practices}
        known: dict[str, ledger.Entry] = {}
        if self.warehouse.exists():
            with self.warehouse.connect() as con:
                known = ledger.entries(con)
        chosen = None if practice_id is None else [practice_id]
        found = arrivals(self.settings.landing, self.registry, self.today, chosen)
        return ledger.sort_arrivals(found, known, circumstances)

    def _circumstances(self, practice_id: str) -> ledger.Circumstances:
        return ledger.Circumstances(
            today=self.today,
            contract_digest=self.registry.practice_digest(practice_id),
            code_version=self.settings.code_version,
            attempts=self.settings.limits.attempts,
            key_refusal=partial(key_refusal, self.settings.keys, practice_id),
        )

    def read_ahead(self, chosen: Iterable[tuple[str, FeedName]]) -> None:
        """Begin to read the new files of practices and feeds that will be taken in, in order."""
        shutil.rmtree(self.reading.scratch, ignore_errors=True)
        new = self.landing().new
        self.reading.begin(self._job(a) for each in chosen for a in _of(new, *each))

    def take_in(self, practice_id: str, feed: FeedName) -> list[tuple[Arrival, Outcome]]:
        """Take in the new files of one practice and feed; every fault becomes an outcome."""
        new = _of(self.landing(practice_id).new, practice_id, feed)
        outcomes = self.reading.outcomes([self._job(arrival) for arrival in new])
        results = [self._load(a, o) for a, o in zip(new, outcomes, strict=True)]
        self.clear_landing(practice_id)
        return list(zip(new, results, strict=True))

    def _job(self, arrival: Arrival) -> FileJob:
        return FileJob(
            delivery_id=arrival.delivery_id,
            practice_id=arrival.practice_id,
            feed=arrival.feed,
            file=arrival.spec.file if arrival.spec else None,
            path=str(arrival.path),
            sha256=arrival.sha256,
            received_on=self.today.isoformat(),
        )

    def _load(self, arrival: Arrival, read: Outcome) -> Outcome:
        outcome = read
        if outcome.is_loadable:
            try:
                key = load_key(self.settings.keys, arrival.practice_id)
                # Before the commit: a loaded delivery can always be rebuilt from the archive.
                Archive(self.settings.archive).store(arrival.path, key, arrival.sha256)
            except ArchiveDamaged as error:
                outcome = refused(arrival.delivery_id, "file_changed", str(error))
            except DeliveryRefused as refusal:
                outcome = refused(arrival.delivery_id, refusal.reason, refusal.message)
        with self.warehouse.connect() as con:
            parts: tuple[Part, ...] = ()
            if outcome.is_loadable:
                assert arrival.spec is not None
                con.execute(f"attach {literal(outcome.scratch)} as scratch (read_only)")
                parts = mapped_parts(
                    self.registry, arrival.practice_id, arrival.feed, arrival.spec
                ).parts
            now = self._circumstances(arrival.practice_id)
            entry = ledger.entries(con).get(arrival.delivery_id)
            stamp = load.Stamp(
                load_seq=load.next_load_seq(con),
                received_at=self.now.astimezone(UTC).replace(tzinfo=None),
                received_on=self.today,
                code_version=self.settings.code_version,
                registry_digest=self.registry.digest,
                contract_digest=now.contract_digest,
                n_attempts=ledger.attempt_number(entry, arrival, now),
            )
            load.load(con, self.registry.feeds[arrival.feed], arrival, outcome, parts, stamp)
            if outcome.is_loadable:
                con.execute("detach scratch")
        self.reading.loaded(read)
        return outcome

    def tidy(self) -> None:
        """Take away what need not lie about: exports that are loaded (a copy sent again, or one a
        killed run left behind) and the scratch of such a run. The caller holds the writer's lock.
        """
        shutil.rmtree(self.settings.scratch, ignore_errors=True)
        self.clear_landing()

    def clear_landing(self, practice_id: str | None = None) -> None:
        """Take away files (of one practice) whose every feed is loaded and that are archived."""
        landing = self.landing(practice_id)
        archive = Archive(self.settings.archive)
        pending = {a.path for a in (*landing.new, *landing.copies)}
        pending |= {a.path for a, _ in landing.waiting}
        for arrival in landing.already_loaded:
            is_kept = archive.path(arrival.practice_id, arrival.sha256).exists()
            if is_kept and arrival.path not in pending:
                arrival.path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the reading worker and let go of the warehouse file: dbt is next to open it.

        What the worker spilled goes with it: sender ids may be among it.
        """
        self.reading.close()
        shutil.rmtree(self.reading.scratch, ignore_errors=True)
        if self._held_open is not None:
            self._held_open.close()
            self._held_open = None


def _of(arrivals: Iterable[Arrival], practice_id: str, feed: FeedName) -> list[Arrival]:
    """Oldest export first, so that equal dates resolve to the order of arrival."""
    mine = [a for a in arrivals if a.practice_id == practice_id and a.feed == feed]
    return sorted(mine, key=lambda arrival: (arrival.exported_on or date.min, arrival.path.name))


def selection(landing: ledger.Sorted) -> Sequence[tuple[str, FeedName]]:
    """Practices and feeds with new files, in order: only their assets are run."""
    return sorted({(arrival.practice_id, arrival.feed) for arrival in landing.new})
