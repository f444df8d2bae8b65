"""What is stored: warehouse, archive, releases, and how old the backup is."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from expectations.registry import Registry
from orchestration.archive import Archive, ArchiveDamaged
from orchestration.audit_chain import broken_links
from orchestration.backup import LAST_BACKUP
from orchestration.examination.finding import Finding
from orchestration.examination.locks import is_writing
from orchestration.former_warehouse import read_whole
from orchestration.ingest.pseudonyms import destroyed_path, load_key
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.load_notes import LoadNotes, NoteDamaged, known_names, said_briefly
from orchestration.release.reader import Releases
from orchestration.settings import Settings
from orchestration.warehouse import schema_sql, trouble

BACKUP_AGE = timedelta(days=2)
_COLUMNS = (
    "select schema_name, table_name, column_name, data_type from duckdb_columns() "
    "where database_name = current_database() and not internal order by all"
)
_SHOWN = 3

Columns = set[tuple[str, str, str, str]]


def examine_stored(
    settings: Settings, registry: Registry, now: datetime, *, deep: bool
) -> Iterator[Finding]:
    """Findings on what a home holds; `deep` reads every byte of warehouse and archive."""
    yield from _warehouse(settings, registry, now, deep=deep)
    yield from _releases(settings)
    yield _backup(settings, registry, now)


def _warehouse(
    settings: Settings, registry: Registry, now: datetime, *, deep: bool
) -> Iterator[Finding]:
    noted = LoadNotes(settings.archive).names()
    if not settings.warehouse.exists():
        if noted:
            said = f"gone, and {len(noted)} loads are in the archive; run `alliance rebuild`"
            yield Finding("warehouse", "look", said)
        else:
            yield Finding("warehouse", "good", "nothing was loaded yet")
        return
    if is_writing(settings):
        yield Finding("warehouse", "unknown", "a run is writing; ask again when it is over")
        return
    try:
        with duckdb.connect(str(settings.warehouse), read_only=True) as con:
            yield structure(set(con.execute(_COLUMNS).fetchall()))
            known = known_names(con)
            if deep:
                read_whole(con)
                yield _chain(con)
            rows = con.execute(
                "select practice_id, file_sha256, max(received_on) from raw.deliveries "
                "where state = 'loaded' group by all order by all"
            ).fetchall()
    except duckdb.Error as error:
        # The engine's own words may quote a row.
        said = str(trouble(error) or f"it cannot be read ({type(error).__name__})")
        yield Finding("warehouse", "look", f"{said}; `alliance rebuild` makes it anew")
        return
    lost = noted - known
    yield Finding(
        "warehouse",
        "look" if lost else "good",
        f"its ledger lacks {len(lost)} archived loads ({said_briefly(lost)}): a commit was lost; "
        "run `alliance rebuild`"
        if lost
        else f"{len(known)} loads, {'every block read' if deep else 'ledger read'}",
    )
    loads = [row[:2] for row in rows if _is_kept(settings, registry, row[0], row[2], now.date())]
    yield _archive(settings, loads, deep=deep)
    unnoted = {
        name
        for name in known - noted
        if not destroyed_path(settings.keys, name.practice_id).exists()
    }
    if unnoted:
        yield Finding(
            "archive's notes",
            "look",
            f"{len(unnoted)} loads have no note ({said_briefly(unnoted)}): if the ledger is lost, "
            "so are they; the next night writes the notes of practices whose key can be used",
        )


def _is_kept(
    settings: Settings, registry: Registry, practice_id: str, received_on: date, today: date
) -> bool:
    """Whether a file is to be in the archive: its key was not destroyed, its term is not over."""
    if destroyed_path(settings.keys, practice_id).exists():
        return False
    practice = registry.practices.get(practice_id)
    if practice is None:
        return True
    term = (practice.contract_on(today) or practice.contracts[-1]).retention.archive_days
    return received_on >= today - timedelta(days=term)


def structure(found: Columns) -> Finding:
    """The tables our own code writes, held against those this version makes."""
    with duckdb.connect() as con:
        con.execute(schema_sql())
        wanted: Columns = set(con.execute(_COLUMNS).fetchall())
    digest = hashlib.sha256(json.dumps(sorted(found)).encode()).hexdigest()[:12]
    tables = {column[:2] for column in wanted}
    other = sorted(c for c in found - wanted if c[:2] in tables)
    missing = sorted(wanted - found - {c for c in wanted if c[:3] in {o[:3] for o in other}})
    if other:
        names = ", ".join(".".join(column[:3]) for column in other[:_SHOWN])
        return Finding(
            "structure",
            "look",
            f"{digest}: {len(other)} columns this version does not know ({names}): the file was "
            "written by another version; install that one, or run `alliance rebuild`",
        )
    if missing:
        return Finding("structure", "good", f"{digest}: the next night adds {len(missing)} columns")
    return Finding("structure", "good", digest)


def _chain(con: duckdb.DuckDBPyConnection) -> Finding:
    problems = broken_links(con)
    if not problems:
        ((n_rows,),) = con.execute("select count(*) from quality.check_results").fetchall()
        return Finding("verdicts", "good", f"{n_rows} in an unbroken chain")
    return Finding(
        "verdicts",
        "look",
        f"the chain is broken ({problems[0]}): compare with the quality file of an earlier release "
        "or a backup",
    )


def _archive(settings: Settings, loads: list[tuple[str, str]], *, deep: bool) -> Finding:
    """Every loaded file is there; deep: and decrypts to what was received."""
    archive, notes = Archive(settings.archive), LoadNotes(settings.archive)
    bad = [
        f"{practice_id}/{sha256[:12]} is missing"
        for practice_id, sha256 in loads
        if not archive.path(practice_id, sha256).exists()
    ]
    if deep:
        for practice_id, sha256 in loads:
            why = _fault(settings, archive, practice_id, sha256)
            bad += [f"{practice_id}/{sha256[:12]} {why}"] if why else []
        for name in sorted(notes.names()):
            try:
                notes.read(load_key(settings.keys, name.practice_id), name)
            except NoteDamaged as error:
                bad.append(str(error))
            except DeliveryRefused:
                pass  # said of its key
    if bad:
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        return Finding(
            "archive",
            "look",
            f"{'; '.join(bad[:_SHOWN])}{more}: these cannot be rebuilt; take the files from a "
            "backup, or have the practice send them again",
        )
    return Finding(
        "archive", "good", f"{len(loads)} files, {'all decrypted' if deep else 'all there'}"
    )


def _fault(settings: Settings, archive: Archive, practice_id: str, sha256: str) -> str | None:
    if not archive.path(practice_id, sha256).exists():
        return None  # said already
    digest = hashlib.sha256()
    try:
        for chunk in archive.open(load_key(settings.keys, practice_id), sha256):
            digest.update(chunk)
    except ArchiveDamaged:
        return "does not decrypt"
    except DeliveryRefused:
        return None  # said of its key
    return None if digest.hexdigest() == sha256 else "is not what was received"


def _releases(settings: Settings) -> Iterator[Finding]:
    subject = "release in force"
    try:
        pointer = Releases(settings.releases).current()
        if pointer is None:
            yield Finding(subject, "good", "none yet")
            return
        for path in (pointer.release, pointer.quality):
            with duckdb.connect(str(path), read_only=True) as con:
                rows = con.execute("select release_id from release").fetchall()
                read_whole(con)
            if rows != [(pointer.release_id,)]:
                raise ValueError(f"{path.name} is not of release {pointer.release_id}")
    except ValueError as error:
        yield Finding(subject, "look", str(error))
    except duckdb.Error:
        yield Finding(
            subject,
            "look",
            "its files cannot be read; take them from a backup, or take the pointer away "
            "(releases/current.json) and run `alliance nightly`, which publishes anew",
        )
    else:
        yield Finding(subject, "good", pointer.release_id)


def _backup(settings: Settings, registry: Registry, now: datetime) -> Finding:
    path: Path = settings.home / LAST_BACKUP
    if not path.exists():
        if registry.group.sample_practices:
            return Finding("backup", "good", "none; the sample practices are made up")
        return Finding(
            "backup",
            "look",
            "none was made; declare `backup` in group.yml, or run `alliance backup FOLDER` each "
            "night",
        )
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        age = now - datetime.fromisoformat(facts["made_at"]).astimezone(UTC)
        folder = str(facts["folder"])
    except (ValueError, KeyError, TypeError):
        return Finding("backup", "unknown", f"{LAST_BACKUP} cannot be read; make a backup")
    said = f"{age.total_seconds() / 86400:.1f} days old, in {folder}"
    if age > BACKUP_AGE:
        return Finding("backup", "look", f"{said}; run `alliance backup {folder}`")
    return Finding("backup", "good", said)
