"""A file on its way from bytes to checked tables; runs inside the killable worker.

Nothing of the file is written before it has passed the gate. What is kept afterwards, the tables in
scratch, holds pseudonyms in place of ids. Between the two, the engine may spill trimmed cells and
sender ids to a folder beside scratch: see `Settings.scratch`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from expectations.practice import DEFAULT_QUARANTINE_SHARE, Contract, FileSpec
from expectations.registry import Registry
from expectations.tolerance import QUARANTINE
from orchestration.ingest import privacy
from orchestration.ingest.cell_scan import cell_rules, row_number_ids, scan, with_findings
from orchestration.ingest.conform import mapped_parts
from orchestration.ingest.conformed import Conformed, Part
from orchestration.ingest.file_job import FileJob, dead
from orchestration.ingest.frames import CheckedTable
from orchestration.ingest.outcome import Outcome, RuleOutcome, refused
from orchestration.ingest.pseudonymised import exclude_withdrawn, follow_rotations
from orchestration.ingest.pseudonyms import PracticeKey, install
from orchestration.ingest.readers.delimited import unreadable
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.ingest.small_groups import row_number_verdicts, small_groups
from orchestration.ingest.stated import (
    check_before_reading,
    check_rows,
    exported_in_rows,
)
from orchestration.settings import Limits
from orchestration.sql import identifier


@dataclass
class _Taken:
    job: FileJob
    spec: FileSpec
    conformed: Conformed
    schema: str
    n_rows: int
    n_bytes: int
    exported_on: str | None
    warnings: tuple[RuleOutcome, ...] = ()


def take_in(
    jobs: Sequence[FileJob],
    registry: Registry,
    key_of: Callable[[str], PracticeKey],
    scratch: Path,
    limits: Limits,
    progress: Callable[[str], None],
) -> list[Outcome]:
    """Read, gate, conform and check files, of one practice after the other.

    Tables are left in the DuckDB file `scratch`, one schema a file. A file's own faults come back
    as a refused Outcome; the other files go on. `key_of` gives a practice's key or raises
    DeliveryRefused.
    """
    outcomes: dict[str, Outcome] = {}
    taken: list[_Taken] = []
    con = duckdb.connect(
        config={
            "memory_limit": limits.worker_duckdb_memory,
            "temp_directory": str(scratch.with_suffix(".spill")),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        con.execute(f"attach {_quoted(scratch)} as scratch")
        for number, job in enumerate(jobs):
            progress(f"{job.practice_id}/{job.feed}: reading file {number + 1} of {len(jobs)}")
            try:
                key = key_of(job.practice_id)
                install(con, key)
                file = _conform_file(con, job, registry, f"file_{number}", limits)
                if key.version > 1:
                    follow_rotations(con, registry.feeds[job.feed], file.conformed.parts)
                exclude_withdrawn(con, file.conformed.parts, job.withdrawn)
                taken.append(file)
            except DeliveryRefused as refusal:
                outcomes[job.delivery_id] = refused(
                    job.delivery_id,
                    refusal.reason,
                    refusal.message,
                    n_bytes=Path(job.path).stat().st_size,
                    exported_on=refusal.exported_on,
                )
        if taken:
            progress(f"checking {len(taken)} files")
            outcomes.update(_checked(con, taken, registry, limits, scratch))
        con.execute("checkpoint scratch")
    finally:
        con.close()
    return [outcomes[job.delivery_id] for job in jobs]


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _contract(registry: Registry, job: FileJob) -> Contract:
    contract = registry.practices[job.practice_id].contract_on(job.rules_day)
    if contract is None:
        raise DeliveryRefused(
            "no_contract",
            f"practice {job.practice_id} has no contract version valid on {job.rules_day}; add one",
        )
    if not contract.has_agreement_on(job.rules_day):
        raise DeliveryRefused(
            "agreement_expired",
            f"practice {job.practice_id} has no agreement in force on {job.rules_day}; "
            "renew it and write the new dates into the contract",
        )
    return contract


def _conform_file(
    con: duckdb.DuckDBPyConnection, job: FileJob, registry: Registry, schema: str, limits: Limits
) -> _Taken:
    path = Path(job.path)
    contract = _contract(registry, job)
    privacy.check_file_name(path.name)
    spec = next((s for s in contract.files if s.file == job.file), None)
    if spec is None:
        raise DeliveryRefused(
            "unexpected_file",
            f"no file pattern of practice {job.practice_id}'s contract fits this file's name; "
            f"expected {', '.join(s.pattern for s in contract.files)}",
        )
    check_before_reading(job.stated, spec, job.sha256, job.day)
    con.execute("use memory")
    opened = open_file(con, path, spec, limits)
    rules = cell_rules(spec, registry.feeds, contract.privacy_class)
    if opened.sha256 != job.sha256:
        raise DeliveryRefused("file_changed", "the file changed while it was read; send it again")
    source = opened.relation
    try:
        privacy.check_columns(source.columns, spec, opened.identifying, rules.year_only)
    except DeliveryRefused as refusal:
        raise with_findings(con, source, refusal, rules) from None
    privacy.check_other_texts(opened.other_texts, rules.year_only)
    try:
        gated = scan(con, source, rules)
        if opened.n_rows is not None and gated.n_rows != opened.n_rows:
            raise DeliveryRefused(
                "rows_lost",
                f"the file has {opened.n_rows} lines after the header but reads as "
                f"{gated.n_rows} rows; check quotes and line ends",
            )
        if gated.n_rows == 0:
            raise DeliveryRefused("no_rows", "the file has a header and no rows; send it again")
        check_rows(job.stated, gated.n_rows)
        exported_on = exported_in_rows(con, source, spec, job.day)
        counted = row_number_ids(con, source, rules.ids, gated.n_rows)
        conformed = mapped_parts(registry, job.practice_id, job.feed, spec, source.sql)
        con.execute(f"create schema scratch.{identifier(schema)}")
        con.execute(f"use scratch.{identifier(schema)}")
        done = (*conformed.temporary, *opened.temporary)
        drops = (f"drop table if exists {name}" for name in done)
        for statement in (*conformed.before, *(part.sql for part in conformed.parts), *drops):
            con.execute(statement)
    except duckdb.OutOfMemoryException as error:
        raise DeliveryRefused(
            "too_large", "the file needs more memory than the reader may use; split it"
        ) from error
    except duckdb.InvalidInputException as error:
        raise unreadable(error) from error
    warnings = _gate_warnings(con, job, spec, conformed, schema, counted)
    return _Taken(job, spec, conformed, schema, gated.n_rows, opened.n_bytes, exported_on, warnings)


def _gate_warnings(
    con: duckdb.DuckDBPyConnection,
    job: FileJob,
    spec: FileSpec,
    conformed: Conformed,
    schema: str,
    counted: dict[str, tuple[int, int]],
) -> tuple[RuleOutcome, ...]:
    mapping = next(m for m in spec.mappings if m.feed == job.feed)
    warnings = row_number_verdicts(mapping, counted)
    if job.feed == "episodes":
        for part in conformed.parts:
            table = f"scratch.{identifier(schema)}.{identifier(part.table)}"
            warnings.append(small_groups(con, table, set(part.mapped)))
    return tuple(warnings)


def _checked(
    con: duckdb.DuckDBPyConnection,
    taken: Sequence[_Taken],
    registry: Registry,
    limits: Limits,
    scratch: Path,
) -> dict[str, Outcome]:
    sites = sorted(
        {site.site_id for practice in registry.practices.values() for site in practice.sites}
    )
    tables = [
        CheckedTable(
            file.job.delivery_id,
            file.schema,
            part,
            registry.feeds[file.job.feed],
            file.spec.tolerated_shares(file.job.day),
        )
        for file in taken
        for part in file.conformed.parts
    ]
    # Great Expectations and pandas: only who reads files needs them, not the night around it.
    from orchestration.ingest.checking import check_tables

    checked = check_tables(con, tables, sites, taken[0].job.day, limits.slice_rows)
    return {
        file.job.delivery_id: _outcome(
            con, file, (*checked[file.job.delivery_id], *file.warnings), scratch
        )
        for file in taken
    }


def _outcome(
    con: duckdb.DuckDBPyConnection,
    file: _Taken,
    verdicts: tuple[RuleOutcome, ...],
    scratch: Path,
) -> Outcome:
    counts = [_counts(con, file.schema, part) for part in file.conformed.parts]
    accepted, quarantined = (sum(count[i] for count in counts) for i in (0, 1))
    exclusions: dict[str, int] = {}
    for part in file.conformed.parts:
        table = f"scratch.{identifier(file.schema)}.{identifier(part.table)}"
        for reason, rows in con.execute(
            f"select excluded, sum(n_source_rows) from {table} "
            "where excluded is not null group by 1"
        ).fetchall():
            exclusions[reason] = exclusions.get(reason, 0) + int(rows)
    excluded = sum(exclusions.values())
    n_read = file.n_rows * file.conformed.readings
    if n_read != accepted + quarantined + excluded:
        return refused(
            file.job.delivery_id,
            "rows_lost",
            f"{n_read} rows read, but {accepted} accepted, {quarantined} quarantined and "
            f"{excluded} excluded; nothing was loaded; this is a fault of the software, report it",
            n_bytes=file.n_bytes,
        )
    if any(verdict.status == "error" for verdict in verdicts):
        return replace(
            dead(file.job, "a check could not run, so nothing is known of the rows"),
            verdicts=verdicts,
            n_bytes=file.n_bytes,
        )
    judged = accepted + quarantined
    return Outcome(
        delivery_id=file.job.delivery_id,
        state="loaded",
        scratch=str(scratch),
        schema=file.schema,
        n_bytes=file.n_bytes,
        n_file_rows=file.n_rows,
        n_rows_read=n_read,
        n_accepted=accepted,
        n_quarantined=quarantined,
        n_excluded=excluded,
        exclusions=exclusions,
        is_over_tolerance=bool(judged)
        and quarantined / judged
        > file.spec.tolerated_shares(file.job.day).get(QUARANTINE, DEFAULT_QUARANTINE_SHARE),
        verdicts=verdicts,
        exported_on=file.exported_on,
    )


def _counts(con: duckdb.DuckDBPyConnection, schema: str, part: Part) -> tuple[int, int]:
    table = f"scratch.{identifier(schema)}.{identifier(part.table)}"
    ((kept, set_aside),) = con.execute(
        f"""
        select
            coalesce(sum(n_source_rows) filter (not is_set_aside), 0),
            coalesce(sum(n_source_rows) filter (is_set_aside), 0)
        from (
            select n_source_rows, row_no in (
                select row_no from scratch.{identifier(schema)}.quarantine where part = ?
            ) as is_set_aside
            from {table} where excluded is null
        )
        """,
        [part.table],
    ).fetchall()
    return int(kept), int(set_aside)
