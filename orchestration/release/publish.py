"""Writes a release: candidate files, checks on them, rename, pointer.

Readers open what the pointer names and never the warehouse, so they meet the old release or the
new one. Until the pointer moves nothing that a reader can see has changed; after it has moved,
both files lie finished and synced under names that were never used before.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import duckdb
import pyarrow as pa

from expectations.registry import Registry
from orchestration.disclosure_ledger import note
from orchestration.durable import fsync_directory, write_whole
from orchestration.release.checks import candidate_problems
from orchestration.release.contents import (
    ReleaseMeta,
    declared_rows,
    leave_measures_out,
    prepare_measures,
    query,
)
from orchestration.release.disclosure_gate import RUNBOOK, disclosure_problems
from orchestration.release.measures_gate import measure_leaks, withhold_leaks
from orchestration.release.reader import POINTER, Releases
from orchestration.release.refresh_gate import refresh_problems
from orchestration.release.standing_rows import let_stand
from orchestration.release.tables import ReleaseFile, ReleaseTable, tables_of
from orchestration.sql import identifier
from orchestration.warehouse import transaction

CANDIDATE = ".candidate"
_BATCH_ROWS = 50_000
_MEMORY = "250MB"


class ReleaseRefused(Exception):
    """The candidate must not be published; the last release stays in force."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "the release was not published and the last one stays in force: "
            + "; ".join(self.problems)
        )


class MeasuresLeak(ReleaseRefused):
    """All that stands against the candidate is what follows from its measures."""


@dataclass(frozen=True)
class Published:
    """The release now in force, whether this call made it, and in words what had to be withheld
    from it because something could be worked out."""

    release_id: str
    is_new: bool
    withheld: tuple[str, ...] = ()


def write_release(
    source: duckdb.DuckDBPyConnection,
    home_releases: Path,
    meta: ReleaseMeta,
    registry: Registry,
    *,
    is_other_code: bool = True,
) -> Published:
    """Publish what the warehouse holds, unless the release in force says the same already.

    `source` is a connection on the warehouse; of it the ledger of disclosure control alone is
    written, with what measures say and the id the release is about to have. The caller holds the
    writer's lock (two publishers at once would share the candidate's name), and puts the ledger out
    after a new one.
    `is_other_code`: the last release was made by another version of what makes releases.
    Where measures alone give something away they are withheld, site by site and family by family,
    and the release is made once more. Raises ReleaseRefused when a check on the candidate fails;
    nothing has changed then.
    """
    home_releases.mkdir(parents=True, exist_ok=True)
    releases = Releases(home_releases)
    _remove_candidates(home_releases)
    withheld: tuple[str, ...] = ()
    try:
        release_id, is_new = _write_candidates(source, releases, meta, registry)
        if not is_new:
            return Published(release_id, is_new=False)
        try:
            _approve_candidates(source, home_releases, meta, every_block=is_other_code)
        except MeasuresLeak:
            with _opened(_candidate(home_releases, "release"), read_only=True) as candidate:
                withheld = withhold_leaks(candidate, source, meta.thresholds)
            _remove_candidates(home_releases)
            release_id, is_new = _write_candidates(source, releases, meta, registry)
            if not is_new:
                return Published(release_id, is_new=False, withheld=withheld)
            _approve_candidates(source, home_releases, meta, every_block=is_other_code)
        note(source, release_id)
        _candidate(home_releases, "quality").rename(releases.quality_path(release_id))
        _candidate(home_releases, "release").rename(releases.path(release_id))
        fsync_directory(home_releases)
        move_pointer(releases, release_id)
    finally:
        _remove_candidates(home_releases)
    return Published(release_id, is_new=True, withheld=withheld)


def move_pointer(releases: Releases, release_id: str) -> None:
    """Make a release that lies in the folder the one in force."""
    content = {
        "release_id": release_id,
        "release": releases.path(release_id).name,
        "quality": releases.quality_path(release_id).name,
    }
    write_whole(releases.folder / POINTER, json.dumps(content, indent=2) + "\n")


def _candidate(folder: Path, file: ReleaseFile) -> Path:
    return folder / f"{CANDIDATE}.{file}.duckdb"


def _remove_candidates(folder: Path) -> None:
    """Also what a killed publisher left, write-ahead logs and spilt blocks included."""
    for path in folder.glob(f"{CANDIDATE}.*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _opened(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection that spills to disk, beside the file, before it takes the night's memory."""
    return duckdb.connect(
        str(path), read_only=read_only, config={"memory_limit": _MEMORY, "threads": 1}
    )


_FILES: tuple[ReleaseFile, ...] = ("release", "quality")


def _write_candidates(
    source: duckdb.DuckDBPyConnection, releases: Releases, meta: ReleaseMeta, registry: Registry
) -> tuple[str, bool]:
    """Both files, filled and signed; the release's id, and whether its content is new.

    With the content of the release in force nothing is signed, and the id is that release's.
    """
    with ExitStack() as files:
        candidates = {
            file: files.enter_context(_opened(_candidate(releases.folder, file))) for file in _FILES
        }
        digest = _fill(source, candidates, meta, registry)
        current = _current(releases)
        if current is not None and current[1] == digest:
            return current[0], False
        release_id = f"r{meta.created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}_{digest[:8]}"
        for file, candidate in candidates.items():
            signature = next(table for table in tables_of(file) if table.table == "release")
            _insert(candidate, signature, [meta.row(release_id, digest)])
            candidate.execute("checkpoint")
    return release_id, True


def _fill(
    source: duckdb.DuckDBPyConnection,
    candidates: Mapping[ReleaseFile, duckdb.DuckDBPyConnection],
    meta: ReleaseMeta,
    registry: Registry,
) -> str:
    """All tables made, all but `release` filled; the digest of the content."""
    digests: dict[str, str] = {}
    if meta.with_measures:
        prepare_measures(source, meta.thresholds)
        let_stand(source, meta.thresholds, meta.local_day)
    else:
        leave_measures_out(source)
    for file, candidate in candidates.items():
        # One transaction: each of its own would cost a trip to the disk.
        with transaction(candidate):
            for table in tables_of(file):
                candidate.execute(table.create_statement)
                # What stands in the warehouse of nights that built measures is old by now.
                is_left_empty = table.is_measure and not meta.with_measures
                if table.file == "both" or is_left_empty:
                    continue
                _copy(source, candidate, table)
                _insert(candidate, table, declared_rows(table.table, source, registry, meta))
                if not table.follows_clock:
                    digests[table.table] = _digest(candidate, table)
    digests["release"] = json.dumps(dict(meta.content()), sort_keys=True, default=str)
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _copy(
    source: duckdb.DuckDBPyConnection, candidate: duckdb.DuckDBPyConnection, table: ReleaseTable
) -> None:
    """Carry a query's rows over in batches: memory stays bounded however long the history."""
    sql = f"from released_{table.table}" if table.is_measure else query(table.table)
    if sql is None:
        return
    rows = source.sql(table.select(sql)).to_arrow_reader(_BATCH_ROWS)
    candidate.register("incoming", rows)
    candidate.execute(f"insert into {identifier(table.table)} select * from incoming")
    candidate.unregister("incoming")


def _insert(
    candidate: duckdb.DuckDBPyConnection,
    table: ReleaseTable,
    rows: Sequence[Mapping[str, object]],
) -> None:
    if not rows:
        return
    # As one Arrow table: bound as parameters, a long calendar takes seconds.
    columns = {name: [row.get(name) for row in rows] for name in table.names}
    candidate.register("declared", pa.table(columns))
    candidate.execute(f"insert into {identifier(table.table)} select * from declared")
    candidate.unregister("declared")


def _digest(candidate: duckdb.DuckDBPyConnection, table: ReleaseTable) -> str:
    """A fingerprint of a table's rows, whatever their order.

    Doubles count to 12 digits: sums taken in another order differ in the last ones, and that is
    no news to anyone.
    """
    cells = []
    for column in table.columns:
        name = identifier(column.name)
        text = f"format('{{:.12g}}', {name})" if column.type == "double" else f"{name}::varchar"
        cells.append(f"coalesce('=' || {text}, '-')")
    lines = f"select concat_ws(chr(31), {', '.join(cells)}) as line from {identifier(table.table)}"
    # Sums take no memory and forget the order; a row that occurs twice counts twice.
    (sums,) = candidate.execute(
        "select count(*), sum(md5_number_lower(line)::hugeint), "
        f"sum(md5_number_upper(line)::hugeint) from ({lines})"
    ).fetchall()
    return json.dumps([str(number) for number in sums])


def _current(releases: Releases) -> tuple[str, str] | None:
    """Id and digest of the release in force, or None when there is none that can be read."""
    try:
        pointer = releases.current()
        if pointer is None or not pointer.quality.exists():
            return None
        with duckdb.connect(str(pointer.release), read_only=True) as con:
            rows = con.execute("select release_id, source_digest from release").fetchall()
    except (ValueError, duckdb.Error):
        return None
    return (str(rows[0][0]), str(rows[0][1])) if rows else None


def _approve_candidates(
    source: duckdb.DuckDBPyConnection, folder: Path, meta: ReleaseMeta, *, every_block: bool
) -> None:
    """Check both finished files, attack the release, and bring them to disk. Raises
    ReleaseRefused, MeasuresLeak where all else is well."""
    problems: list[str] = []
    leaks: list[str] = []
    for file in _FILES:
        path = _candidate(folder, file)
        with _opened(path, read_only=True) as candidate:
            problems += candidate_problems(candidate, file, meta.thresholds)
            if file == "release" and not problems:
                problems += disclosure_problems(
                    candidate, source, meta.thresholds, every_block=every_block
                )
                if meta.with_measures:
                    problems += refresh_problems(candidate, source, meta.thresholds)
                    leaks += measure_leaks(candidate, source, meta.thresholds)
        _fsync(path)
    if problems:
        raise ReleaseRefused([*problems, *leaks])
    if leaks:
        raise MeasuresLeak([*leaks, f"see {RUNBOOK}"])


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
