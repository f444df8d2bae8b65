"""What one night does with files, apart from who asks for it (command line, schedule, a test).

Knows no orchestrator: the Dagster assets and the commands call it.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property, partial
from zoneinfo import ZoneInfo

import duckdb

from expectations.model import FeedName
from expectations.registry import Registry
from orchestration.archive import Archive, ArchiveDamaged
from orchestration.ingest import ledger, load, sent_again
from orchestration.ingest.conform import mapped_parts
from orchestration.ingest.conformed import Part
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.held import held
from orchestration.ingest.ledger_rows import Stamp, exported_on
from orchestration.ingest.outcome import Outcome, refused
from orchestration.ingest.pseudonyms import load_key
from orchestration.ingest.read_ahead import ReadAhead
from orchestration.ingest.reading import ReadingWorker
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.ingest.stated import stated_of
from orchestration.key_changes import finish_key_changes
from orchestration.key_versions import KeyVersion, register, registered, usable_key
from orchestration.landing import Arrival, arrivals
from orchestration.manifest import listing_state
from orchestration.note_taking import note_loads, refuse_lost_file, settle_notes
from orchestration.reference import REFERENCE_TABLES, write_reference
from orchestration.retention import keep_terms
from orchestration.settings import Settings
from orchestration.sql import literal
from orchestration.warehouse import Warehouse, transaction, trouble
from orchestration.withdrawal import withdrawn_keys


@dataclass
class Night:
    """One run over one home. `now` is injected so that a test can choose the night."""

    settings: Settings
    registry: Registry
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    progress: Callable[[str], None] = lambda _: None
    reading: ReadAhead = field(init=False)
    warehouse: Warehouse = field(init=False)
    removed: tuple[str, ...] = field(default=(), init=False)
    """What went tonight because its term was over, in words."""
    backup_problem: str | None = field(default=None, init=False)
    """Why the night's backup was not made, in words."""
    withheld: tuple[str, ...] = field(default=(), init=False)
    """What the release had to leave out because something could be worked out of it, in words."""
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
        self.begin()
        self.write_reference()

    def begin(self) -> None:
        """Make the tables that are not there yet, hold ledger and archive together, tidy up.

        Raises WarehouseDamaged when the ledger lacks a load that the archive has.
        """
        refuse_lost_file(self.settings)
        self.warehouse.prepare()
        finish_key_changes(self.settings)
        with self.warehouse.connect() as con:
            settle_notes(self.settings, self.registry, con)
            self._register_keys(con)
        self.tidy()

    def write_reference(self) -> None:
        """Bring the reference tables to the registry's state, and keep the file open."""
        self._held_open = self._held_open or self.warehouse.open()
        with self.warehouse.connect() as con:
            if self._reference_digest(con) != self.registry.digest:
                with transaction(con):
                    write_reference(con, self.registry)

    def note(self, con: duckdb.DuckDBPyConnection, load_seq: int) -> None:
        """Note a committed load, or bytes that came again, beside the archived file."""
        note_loads(self.settings, self.registry, con, load_seq)

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
            key_refusal=partial(self._key_refusal, practice_id),
        )

    def _register_keys(self, con: duckdb.DuckDBPyConnection) -> None:
        """Note the keys of practices that have none in the warehouse yet."""
        at = self.now.astimezone(UTC).replace(tzinfo=None)
        for practice_id in sorted(self.registry.practices.keys() - registered(con).keys()):
            with contextlib.suppress(DeliveryRefused):  # said of its files, if any come
                register(con, load_key(self.settings.keys, practice_id), at)

    def _known_key(self, practice_id: str) -> KeyVersion | None:
        with self.warehouse.connect() as con:
            return registered(con).get(practice_id)

    def _key_refusal(self, practice_id: str) -> str | None:
        """Why the practice's key cannot be used, as a reason; None when it can."""
        try:
            usable_key(self.settings.keys, practice_id, self._known_key(practice_id))
        except DeliveryRefused as refusal:
            return refusal.reason
        return None

    @cached_property
    def _withdrawn(self) -> dict[str, list[str]]:
        with self.warehouse.connect() as con:
            return withdrawn_keys(con)

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
            stated=stated_of(arrival),
            withdrawn=self._withdrawn.get(arrival.practice_id, ()),
        )

    def _load(self, arrival: Arrival, read: Outcome) -> Outcome:
        outcome = self._held_for_a_person(arrival, read) or read
        if outcome.is_loadable:
            try:
                known = self._known_key(arrival.practice_id)
                key = usable_key(self.settings.keys, arrival.practice_id, known)
                # Before the commit: a loaded delivery can always be rebuilt from the archive.
                Archive(self.settings.archive).store(arrival.path, key, arrival.sha256)
            except ArchiveDamaged as error:
                outcome = refused(arrival.delivery_id, "file_changed", str(error))
            except OSError as error:
                raise (trouble(error) or error) from error
            except DeliveryRefused as refusal:
                outcome = refused(arrival.delivery_id, refusal.reason, refusal.message)
        with self.warehouse.connect() as con:
            entry = ledger.entries(con).get(arrival.delivery_id)
            stamp = self._stamp(con, arrival, entry)
            write_load(con, self.registry, arrival, outcome, stamp)
            self.note(con, stamp.load_seq)
        self.reading.loaded(read)
        return outcome

    def _held_for_a_person(self, arrival: Arrival, read: Outcome) -> Outcome | None:
        if not read.is_loadable:
            return None
        with self.warehouse.connect() as con:
            entry = ledger.entries(con).get(arrival.delivery_id)
            if entry is not None and (entry.is_released or entry.state == "loaded"):
                return None
            with _scratch_of(con, read):
                return held(con, arrival, read, exported_on(arrival, read))

    def _stamp(
        self, con: duckdb.DuckDBPyConnection, arrival: Arrival, entry: ledger.Entry | None = None
    ) -> Stamp:
        now = self._circumstances(arrival.practice_id)
        return Stamp(
            load_seq=load.next_load_seq(con),
            received_at=self.now.astimezone(UTC).replace(tzinfo=None),
            received_on=self.today,
            code_version=self.settings.code_version,
            registry_digest=self.registry.digest,
            contract_digest=now.contract_digest,
            n_attempts=ledger.attempt_number(entry, arrival, now),
        )

    def tidy(self) -> None:
        """Take away what need not lie about: exports that are loaded (a copy sent again, or one a
        killed run left behind) and the scratch of such a run. The caller holds the writer's lock.
        """
        shutil.rmtree(self.settings.scratch, ignore_errors=True)
        self.removed += keep_terms(self.settings, self.registry, self.today)
        with self.warehouse.connect():  # opened once for all that follows
            self.clear_landing()

    def clear_landing(self, practice_id: str | None = None) -> None:
        """Take away files (of one practice) whose every feed is loaded and that are archived, those
        a person refused, and lists all of whose files are loaded.

        Bytes that came again are written into the ledger before they go.
        """
        landing = self.landing(practice_id)
        archive = Archive(self.settings.archive)
        pending = {a.path for a in (*landing.new, *landing.copies)}
        pending |= {a.path for a, _ in landing.waiting}
        done = [
            arrival
            for arrival in landing.already_loaded
            if archive.path(arrival.practice_id, arrival.sha256).exists()
            and arrival.path not in pending
        ]
        if done:
            with self.warehouse.connect() as con:
                for arrival in sent_again.not_noted(con, done):
                    stamp = self._stamp(con, arrival)
                    sent_again.note(con, arrival, stamp)
                    self.note(con, stamp.load_seq)
        for arrival in (*done, *(a for a in landing.turned_away if a.path not in pending)):
            arrival.path.unlink(missing_ok=True)
        self.lists(practice_id, is_clearing=True)

    def lists(self, practice_id: str | None = None, *, is_clearing: bool = False) -> list[str]:
        """What is wrong with the lists of files in landing; lists that are done with are removed
        when `is_clearing`."""
        problems: list[str] = []
        chosen = self.registry.practices if practice_id is None else [practice_id]
        loaded: set[tuple[str, str]] | None = None
        for name in chosen:
            contract = self.registry.practices[name].contract_on(self.today)
            folder = self.settings.landing / name
            if contract is None or contract.manifest is None or not folder.is_dir():
                continue
            if loaded is None:
                with self.warehouse.connect() as con:
                    loaded = ledger.loaded_hashes(con)
            state = listing_state(folder, contract, {h for each, h in loaded if each == name})
            problems += [f"practice {name}: {problem}" for problem in state.problems]
            if is_clearing:
                for path in state.done:
                    path.unlink(missing_ok=True)
        return problems

    def close(self) -> None:
        """End the reading worker and let go of the warehouse file: dbt is next to open it.

        What the worker spilled goes with it: sender ids may be among it.
        """
        self.reading.close()
        shutil.rmtree(self.reading.scratch, ignore_errors=True)
        if self._held_open is not None:
            self._held_open.close()
            self._held_open = None


def write_load(
    con: duckdb.DuckDBPyConnection,
    registry: Registry,
    arrival: Arrival,
    outcome: Outcome,
    stamp: Stamp,
    *,
    with_verdicts: bool = True,
) -> None:
    """Load one delivery as its contract maps it; its checked rows lie in the outcome's scratch."""
    parts: tuple[Part, ...] = ()
    if outcome.is_loadable:
        assert arrival.spec is not None
        mapped = mapped_parts(registry, arrival.practice_id, arrival.feed, arrival.spec)
        parts = mapped.parts
    feed = registry.feeds[arrival.feed]
    with _scratch_of(con, outcome):
        load.load(con, feed, arrival, outcome, parts, stamp, with_verdicts=with_verdicts)


@contextlib.contextmanager
def _scratch_of(con: duckdb.DuckDBPyConnection, outcome: Outcome) -> Iterator[None]:
    """The checked rows of an outcome, if it has any, as the catalog `scratch`.

    Let go of whatever happens: left behind, it would fail every practice that comes after.
    """
    if not outcome.is_loadable:
        yield
        return
    con.execute(f"attach {literal(outcome.scratch)} as scratch (read_only)")
    try:
        yield
    finally:
        con.execute("detach scratch")


def _of(arrivals: Iterable[Arrival], practice_id: str, feed: FeedName) -> list[Arrival]:
    """Oldest export first, so that equal dates resolve to the order of arrival."""
    mine = [a for a in arrivals if a.practice_id == practice_id and a.feed == feed]
    return sorted(mine, key=lambda arrival: (arrival.exported_on or date.min, arrival.path.name))


def selection(landing: ledger.Sorted) -> Sequence[tuple[str, FeedName]]:
    """Practices and feeds with new files, in order: only their assets are run."""
    return sorted({(arrival.practice_id, arrival.feed) for arrival in landing.new})
