"""What a rebuild starts from: the old file as far as it can be read, else the archive's notes.

The old file is only read. A block that was damaged shows when it is read, so everything that is to
be carried over is read once before anything is decided.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from orchestration.audit_chain import broken_links
from orchestration.ingest.pseudonyms import load_key
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.load_notes import LedgerRow, LoadName, LoadNotes, NoteDamaged, said_briefly
from orchestration.release.reader import Releases
from orchestration.removal import COUNTED
from orchestration.retention import RETENTION
from orchestration.settings import Settings
from orchestration.sql import identifier, path_literal

MADE_ANEW = ("raw.builds", "quality.check_results", "quality.quarantine")
"""Tables with a way of their own. Of the others in `raw` those that number loads come again by
loading; what is left there and in `quality` is what people decided, and is carried over."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Verdicts:
    """Where the chain of verdicts lies, and which loads it judges."""

    path: Path
    table: str
    judged: frozenset[int]


@dataclass(frozen=True)
class Former:
    """The state before a rebuild."""

    loads: Sequence[LedgerRow]
    """Rows of the ledger of what was loaded, in order."""
    others: Sequence[LedgerRow]
    """Of what else came: refused, dead, held, sent again."""
    verdicts: "Verdicts | None"
    """The chain of verdicts; None when it is lost."""
    kept_tables: Mapping[str, tuple[Sequence[str], Sequence[Row]]]
    published: tuple[Sequence[str], Sequence[Row]]
    is_comparable: bool
    """Whether the old marts can be held against the new ones."""
    ledger_from: str
    verdicts_from: str
    remarks: tuple[str, ...] = ()

    old_file: Path | None = None
    """Where rows can be copied from that the archive no longer has; None when it is unreadable."""
    in_old_ledger: frozenset[LoadName] = frozenset()
    still_stored: frozenset[int] = frozenset()
    """Loads with rows in the old file."""

    @property
    def withdrawn(self) -> dict[str, list[str]]:
        """Pseudonyms of clients who withdrew, by practice."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in self._kept("quality.withdrawals"):
            found[str(row["practice_id"])].append(str(row["client_key"]))
        return dict(found)

    @property
    def expired(self) -> set[int]:
        """Loads whose rows are past their term and were taken out, all of them."""
        removed = self._kept("quality.removed_rows")
        gone = {int(row["load_seq"]) for row in removed if row["reason"] == RETENTION}
        return gone - self.still_stored

    def _kept(self, table: str) -> list[dict[str, Any]]:
        columns, rows = self.kept_tables.get(table, ((), ()))
        return [dict(zip(columns, row, strict=True)) for row in rows]

    @property
    def judged(self) -> frozenset[int]:
        """Loads whose verdicts are in the chain."""
        return self.verdicts.judged if self.verdicts else frozenset()

    def copy_history(self, con: duckdb.DuckDBPyConnection) -> None:
        """The chain as it was, and the ledger's rows of what was turned away."""
        if self.verdicts is not None:
            with _attached(con, self.verdicts.path):
                con.execute(
                    "insert into quality.check_results by name "
                    f"select * from former.{self.verdicts.table} order by check_seq"
                )
        for row in self.others:
            _insert(con, "raw.deliveries", tuple(row), [tuple(row.values())])

    def copy_the_rest(self, con: duckdb.DuckDBPyConnection) -> None:
        """Tables of people's decisions, which no delivery brings back."""
        for table, (columns, rows) in self.kept_tables.items():
            _insert(con, table, columns, rows)

    def carry_over(self, con: duckdb.DuckDBPyConnection, load_seqs: Sequence[int]) -> None:
        """Copy the rows of loads out of the old file."""
        if self.old_file is None or not load_seqs:
            return
        with _attached(con, self.old_file):
            for (table,) in con.execute(_OF_LOADS).fetchall():
                con.execute(
                    f"insert into {table} by name select * from former.{table} "
                    "where list_contains(?, load_seq)",
                    [list(load_seqs)],
                )

    def copy_shown(self, con: duckdb.DuckDBPyConnection) -> None:
        """What earlier releases showed, whatever the rebuild came to: readers have them."""
        if self.old_file is None:
            return
        with _attached(con, self.old_file):
            there = con.execute(
                "select table_name from duckdb_tables() where database_name = 'former' "
                "and schema_name = 'benchmark' and starts_with(table_name, 'disclosure_')"
            ).fetchall()
            for (name,) in there:
                table = f"benchmark.{identifier(name)}"
                con.execute(f"delete from {table}")
                con.execute(f"insert into {table} by name select * from former.{table}")

    def copy_published(self, con: duckdb.DuckDBPyConnection) -> None:
        """What the releases were made from: with equal content nothing is published again."""
        _insert(con, "benchmark.published", *self.published)


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """A file as the catalog `former`, for reading."""
    con.execute(f"attach {path_literal(path)} as former (read_only)")
    try:
        yield
    finally:
        con.execute("detach former")


def find_former(settings: Settings, folder: Path) -> Former:
    """Read what there is of the old file and of the archive's notes; `folder` is for a copy."""
    read = _OldFile(settings.warehouse) if settings.warehouse.exists() else None
    notes = LoadNotes(settings.archive)
    noted = notes.names()
    remarks: list[str] = []
    is_whole = True
    if read is not None and read.fault is not None and wal_of(settings.warehouse).exists():
        # The log may be what is broken; without it the file is what it was some commits ago.
        alone = folder / "without_log.duckdb"
        shutil.copyfile(settings.warehouse, alone)
        before = _OldFile(alone)
        if before.fault is None:
            remarks.append("the old file's log is broken; what it held comes out of the archive")
            read, is_whole = before, False
    if read is None or read.fault is not None:
        gone = "is gone" if read is None else f"cannot be read ({read.fault})"
        remarks.append(
            f"the old warehouse {gone}; what was refused, held or died was in its ledger only and "
            "is gone too: files that still lie in landing are tried again tonight"
        )
        rows = _noted_rows(settings, notes, noted, remarks)
        loads, others = _apart(rows)
        remarks += [
            f"the key of {path.stem} was destroyed: what was stored of it was in the warehouse only"
            for path in sorted(settings.keys.glob("*.destroyed"))
        ]
        verdicts, verdicts_from = _released_verdicts(settings, remarks)
        return Former(
            loads=loads,
            others=others,
            verdicts=verdicts,
            kept_tables={"quality.withdrawals": _noted_withdrawals(settings, notes, remarks)},
            published=((), ()),
            is_comparable=False,
            ledger_from="archive",
            verdicts_from=verdicts_from,
            remarks=tuple(remarks),
        )
    lost = noted - {LoadName.of(row) for row in (*read.loads, *read.others)}
    if lost:
        remarks.append(
            f"the old ledger lacks {len(lost)} loads of the archive: {said_briefly(lost)}"
        )
    loads, others = _apart(_noted_rows(settings, notes, lost, remarks))
    others = [*read.others, *others]
    return Former(
        loads=_numbered([*read.loads, *loads], others),
        others=others,
        verdicts=read.verdicts,
        kept_tables=read.kept_tables,
        published=read.published,
        is_comparable=is_whole and not lost and read.has_marts,
        ledger_from="ledger and archive" if lost else "ledger",
        verdicts_from="ledger",
        remarks=tuple(remarks),
        old_file=read.path,
        in_old_ledger=frozenset(LoadName.of(row) for row in read.loads),
        still_stored=read.still_stored,
    )


def wal_of(path: Path) -> Path:
    """The engine's write-ahead log of a file."""
    return path.with_name(path.name + ".wal")


@dataclass
class _OldFile:
    """Everything of the old file that is carried over, or the fault that showed on the way."""

    path: Path
    loads: list[LedgerRow] = field(default_factory=list)
    others: list[LedgerRow] = field(default_factory=list)
    verdicts: Verdicts | None = None
    still_stored: frozenset[int] = frozenset()
    kept_tables: dict[str, tuple[Sequence[str], Sequence[Row]]] = field(default_factory=dict)
    published: tuple[Sequence[str], Sequence[Row]] = ((), ())
    has_marts: bool = False
    fault: str | None = None

    def __post_init__(self) -> None:
        try:
            with duckdb.connect(str(self.path), read_only=True) as con:
                self._read(con)
        except duckdb.Error as error:
            # Of its text only the kind: it may quote a row.
            self.fault = type(error).__name__

    def _read(self, con: duckdb.DuckDBPyConnection) -> None:
        columns, rows = _rows(con, "raw.deliveries", "order by load_seq")
        ledger = [dict(zip(columns, row, strict=True)) for row in rows]
        self.loads, self.others = _apart(ledger)
        self.has_marts = read_whole(con)
        judged = _numbers(con, "quality.check_results")
        self.verdicts = Verdicts(self.path, "quality.check_results", judged)
        self.still_stored = _numbers(con, *COUNTED)
        for (table,) in con.execute(_DECIDED, [list(MADE_ANEW)]).fetchall():
            self.kept_tables[table] = _rows(con, table)
        self.published = _rows(con, "benchmark.published")


_OF_LOADS = """
    select schema_name || '.' || table_name from duckdb_columns()
    where
        database_name = 'former'
        and column_name = 'load_seq'
        and (schema_name = 'raw' or table_name = 'quarantine')
        and table_name not in ('deliveries', 'deliveries_ordered')
        and table_oid in (select table_oid from duckdb_tables() where database_name = 'former')
    order by 1
    """
_DECIDED = """
    select schema_name || '.' || table_name from duckdb_columns()
    where
        database_name = current_database()
        and not list_contains(?, schema_name || '.' || table_name)
        and table_oid in (select table_oid from duckdb_tables())
    group by schema_name, table_name
    having schema_name = 'quality'
        or (schema_name = 'raw' and count(*) filter (column_name = 'load_seq') = 0)
    """


def read_whole(con: duckdb.DuckDBPyConnection) -> bool:
    """Read every block of every table, so that a flipped bit shows now; whether there are marts."""
    tables = con.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = current_database() order by all"
    ).fetchall()
    for schema, table in tables:
        name = f"{identifier(schema)}.{identifier(table)}"
        con.execute(f"select max(hash(t)) from {name} as t").fetchall()
    return any(schema == "marts" for schema, _ in tables)


def _numbers(con: duckdb.DuckDBPyConnection, *tables: str) -> frozenset[int]:
    """Loads that have rows in some tables; an old file may be from before one of them. A release
    has no schemas but `main`, which its tables' names leave out."""
    there = {
        table if schema == "main" else f"{schema}.{table}"
        for schema, table in con.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = current_database()"
        ).fetchall()
    }
    asked = [f"select load_seq from {table}" for table in tables if table in there]
    found = con.execute(" union ".join(["select 0::bigint as load_seq where false", *asked]))
    return frozenset(int(number) for (number,) in found.fetchall())


def _rows(
    con: duckdb.DuckDBPyConnection, table: str, order: str = ""
) -> tuple[list[str], list[Row]]:
    found = con.execute(f"select * from {table} {order}")
    return [column[0] for column in found.description or ()], found.fetchall()


def _insert(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Sequence[Row]
) -> None:
    if not rows:
        return
    named = f"({', '.join(map(identifier, columns))})" if columns else ""
    marks = "(" + ", ".join(["?"] * len(rows[0])) + ")"
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        con.execute(
            f"insert into {table} {named} values {', '.join([marks] * len(some))}",
            [cell for row in some for cell in row],
        )


_AT_ONCE = 500


def _noted_rows(
    settings: Settings, notes: LoadNotes, names: set[LoadName], remarks: list[str]
) -> list[LedgerRow]:
    found = []
    for name in sorted(names):
        try:
            found.append(notes.read(load_key(settings.keys, name.practice_id), name))
        except (DeliveryRefused, NoteDamaged) as error:
            said = error.message if isinstance(error, DeliveryRefused) else str(error)
            remarks.append(f"{name.delivery_id} is lost: {said}")
    return found


def _noted_withdrawals(
    settings: Settings, notes: LoadNotes, remarks: list[str]
) -> tuple[Sequence[str], Sequence[Row]]:
    found: list[Row] = []
    for practice_id in notes.practices():
        try:
            key = load_key(settings.keys, practice_id)
            found += [(practice_id, *row) for row in notes.withdrawals(key)]
        except (DeliveryRefused, NoteDamaged) as error:
            said = error.message if isinstance(error, DeliveryRefused) else str(error)
            remarks.append(f"who withdrew of {practice_id} is not known: {said}")
    return ("practice_id", "client_key", "withdrawn_on", "reason_code"), found


def _apart(rows: Sequence[LedgerRow]) -> tuple[list[LedgerRow], list[LedgerRow]]:
    """Loads, and what else the ledger holds."""
    loads = [row for row in rows if row["state"] == "loaded"]
    return loads, [row for row in rows if row["state"] != "loaded"]


def _numbered(loads: Sequence[LedgerRow], others: Sequence[LedgerRow]) -> list[LedgerRow]:
    """Loads in order of their numbers; one whose number was given away again gets a new one."""
    taken = {row["load_seq"] for row in others}
    free = max((row["load_seq"] for row in (*loads, *others)), default=0)
    found = []
    for row in loads:
        number = row["load_seq"]
        if number in taken:
            free += 1
            number = free
        taken.add(number)
        found.append({**row, "load_seq": number})
    return sorted(found, key=lambda row: int(row["load_seq"]))


def _released_verdicts(settings: Settings, remarks: list[str]) -> tuple[Verdicts | None, str]:
    """The chain as the release in force holds it, if it is whole."""
    try:
        pointer = Releases(settings.releases).current()
        if pointer is not None:
            with duckdb.connect(str(pointer.quality), read_only=True) as con:
                judged = _numbers(con, "check_results")
                is_whole = not broken_links(con, "check_results", gaps=None)
            if judged and is_whole:
                remarks.append(
                    f"the history of verdicts comes from release {pointer.release_id}; verdicts of "
                    "loads after it are made anew"
                )
                return Verdicts(pointer.quality, "check_results", judged), "release"
    except (ValueError, duckdb.Error):
        pass
    remarks.append("the history of verdicts is lost: its chain starts anew with this rebuild")
    return None, "begun anew"
