"""A delivery gone through again, under today's rules or those of its own day.

A dry run says how counts and verdicts would differ. Loaded, it is a new load of the same delivery:
the earlier load keeps its rows in `raw` and loses its place to the new one, which keeps the
delivery's place among the others, so a late replay outdoes no newer export.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import duckdb

from expectations.registry import Registry
from orchestration.archived_files import COUNTS, Again, ArchivedFiles, CannotBeRead, batched
from orchestration.ingest import load
from orchestration.ingest.ledger_rows import Stamp
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.reading import ReadingWorker
from orchestration.key_alarm import RULE as STANDING_RULE
from orchestration.load_notes import LedgerRow
from orchestration.night import Night, write_load
from orchestration.settings import Settings
from orchestration.warehouse import Warehouse
from orchestration.withdrawal import withdrawn_keys

RulesOf = Literal["today", "then"]
_CheckKey = tuple[str, str | None]


@dataclass(frozen=True)
class Wanted:
    """Which deliveries: one by its id, or those of a practice received on some days, ends in."""

    delivery_id: str | None = None
    practice_id: str | None = None
    from_on: date | None = None
    to_on: date | None = None


@dataclass(frozen=True)
class CheckChange:
    """One rule whose verdict comes out otherwise; a side without it is null."""

    check_id: str
    instrument_code: str | None
    status_before: str | None
    status_after: str | None
    n_failed_before: int | None
    n_failed_after: int | None


@dataclass(frozen=True)
class Replayed:
    """One delivery before and after. Names and counts only."""

    delivery_id: str
    practice_id: str
    feed: str
    file_name: str | None
    state: str
    """loaded when it could be taken in; else refused, dead, or `unread` when the archive has not
    what it takes."""
    reason: str | None = None
    message: str | None = None
    before: Mapping[str, int | None] = field(default_factory=dict)
    after: Mapping[str, int | None] = field(default_factory=dict)
    checks: tuple[CheckChange, ...] = ()
    is_over_tolerance: bool = False
    load_seq: int | None = None
    """Number of the new load; null in a dry run."""

    @property
    def is_changed(self) -> bool:
        """Whether anything would be otherwise."""
        return self.state != "loaded" or self.before != self.after or bool(self.checks)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "is_changed": self.is_changed}


def replay(
    settings: Settings,
    registry: Registry,
    wanted: Wanted,
    rules_of: RulesOf,
    *,
    is_loading: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    now: datetime | None = None,
    worker: ReadingWorker | None = None,
) -> tuple[list[Replayed], tuple[str, ...]]:
    """Go through the wanted deliveries again, in the ledger's order; and what is to be remarked.

    Only the load of a delivery that counts is replayed. Raises WarehouseBusy and WarehouseDamaged.
    """
    with Warehouse(settings).writer(waiting=progress):
        night = Night(settings, registry, now or datetime.now(UTC), progress)
        night.begin()
        folder = settings.scratch / "replay"
        with night.warehouse.connect() as con:
            files = ArchivedFiles(settings, registry, folder, withdrawn_keys(con))
        with night.warehouse.connect() as con, files.reading(worker) as reading:
            run = _Replay(night, con, files, rules_of, is_loading=is_loading)
            found: list[Replayed] = []
            for batch in batched(_chosen(con, wanted), run.terms):
                progress(f"{batch[0]['practice_id']}: delivery {len(found) + 1}")
                found += run.replayed(reading, batch)
        return found, tuple(files.remarks)


def _chosen(con: duckdb.DuckDBPyConnection, wanted: Wanted) -> list[LedgerRow]:
    found = con.execute(
        """
        select * from raw.deliveries
        where
            state = 'loaded'
            and ($delivery_id is null or delivery_id = $delivery_id)
            and ($practice_id is null or practice_id = $practice_id)
            and ($from_on is null or received_on >= $from_on)
            and ($to_on is null or received_on <= $to_on)
        qualify row_number() over (partition by delivery_id order by load_seq desc) = 1
        order by load_seq
        """,
        asdict(wanted),
    )
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


@dataclass
class _Replay:
    night: Night
    con: duckdb.DuckDBPyConnection
    files: ArchivedFiles
    rules_of: RulesOf
    is_loading: bool = field(kw_only=True)

    def terms(self, row: LedgerRow) -> object:
        """What a batch has in common; a row that cannot be read says so when it is opened."""
        if self.rules_of == "today":
            return None
        try:
            return self.files.rules_of(row)
        except CannotBeRead:
            return row["load_seq"]

    def replayed(self, reading: ReadingWorker, batch: Sequence[LedgerRow]) -> list[Replayed]:
        """Each of a batch, in its order."""
        found: dict[int, Replayed] = {}
        opened: list[Again] = []
        for row in batch:
            try:
                opened.append(self._opened(row))
            except CannotBeRead as error:
                found[row["load_seq"]] = _replayed(row, "unread", "cannot_be_read", str(error))
        for again, outcome in zip(opened, self.files.outcomes(reading, opened), strict=True):
            found[again.row["load_seq"]] = self._compared(again, outcome)
        self.files.forget(opened)
        return [found[row["load_seq"]] for row in batch]

    def _opened(self, row: LedgerRow) -> Again:
        if self.rules_of == "then":
            return self.files.opened(row, self.files.rules_of(row))
        if row["practice_id"] not in self.night.registry.practices:
            raise CannotBeRead(f"practice {row['practice_id']} is not declared (any more)")
        return self.files.opened(row, self.files.today(), self.night.today)

    def _compared(self, again: Again, outcome: Outcome) -> Replayed:
        row = again.row
        if not outcome.is_loadable:
            return _replayed(row, outcome.state, outcome.reason, outcome.message)
        checks = self._changes(row["load_seq"], outcome)
        load_seq = self._load(again, outcome) if self.is_loading else None
        return Replayed(
            delivery_id=row["delivery_id"],
            practice_id=row["practice_id"],
            feed=row["feed"],
            file_name=row["file_name"],
            state=outcome.state,
            before={name: row[name] for name in COUNTS},
            after={name: getattr(outcome, name) for name in COUNTS},
            checks=checks,
            is_over_tolerance=outcome.is_over_tolerance,
            load_seq=load_seq,
        )

    def _changes(self, load_seq: int, outcome: Outcome) -> tuple[CheckChange, ...]:
        rows = self.con.execute(
            "select check_id, instrument_code, status, n_failed from quality.check_results "
            "where load_seq = ? and rule <> ?",
            [load_seq, STANDING_RULE],  # given on all that was sent, not on the file
        ).fetchall()
        before: dict[_CheckKey, tuple[str, int]] = {row[:2]: row[2:] for row in rows}
        after: dict[_CheckKey, tuple[str, int]] = {
            (v.check_id, v.instrument_code): (v.status, v.n_failed) for v in outcome.verdicts
        }
        nothing = (None, None)
        return tuple(
            CheckChange(
                check_id=key[0],
                instrument_code=key[1],
                status_before=before.get(key, nothing)[0],
                status_after=after.get(key, nothing)[0],
                n_failed_before=before.get(key, nothing)[1],
                n_failed_after=after.get(key, nothing)[1],
            )
            for key in sorted({*before, *after}, key=str)
            if before.get(key) != after.get(key)
        )

    def _load(self, again: Again, outcome: Outcome) -> int:
        """Load it once more. Times of receipt stay: a replay makes nothing late."""
        row, registry = again.row, again.rules.registry
        stamp = Stamp(
            load_seq=load.next_load_seq(self.con),
            received_at=row["received_at"],
            received_on=row["received_on"],
            code_version=self.night.settings.code_version,
            registry_digest=self.night.registry.digest,
            contract_digest=registry.practice_digest(row["practice_id"]),
            n_attempts=1,
            rules_on=again.rules_on,
            replayed_at=self.night.now.astimezone(UTC).replace(tzinfo=None),
        )
        write_load(self.con, registry, again.arrival, outcome, stamp)
        self.night.note(self.con, stamp.load_seq)
        return stamp.load_seq


def _replayed(row: LedgerRow, state: str, reason: str | None, message: str | None) -> Replayed:
    return Replayed(
        delivery_id=row["delivery_id"],
        practice_id=row["practice_id"],
        feed=row["feed"],
        file_name=row["file_name"],
        state=state,
        reason=reason,
        message=message,
        before={name: row[name] for name in COUNTS},
    )
