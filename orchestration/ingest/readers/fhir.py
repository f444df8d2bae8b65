"""FHIR questionnaire responses, R4 and STU3: read in batches into a table of the connection.

All texts of the file, kept or not, are searched for identifiers here, because what is dropped never
becomes a cell. Versions of one response are told apart once all have been seen.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from expectations.fhir import COPY, CURRENT, FHIR_COLUMNS, SUPERSEDED
from expectations.practice import FileSpec
from orchestration.ingest.patterns import PATTERNS, SHORTEST_FINDING
from orchestration.ingest.readers.fhir_elements import RESPONSE_SHAPE, Walked
from orchestration.ingest.readers.fhir_rows import ResponseReader, Row, Version, version_of
from orchestration.ingest.readers.fhir_source import FhirFile, response_at
from orchestration.ingest.readers.opened import Opened, TextRelation
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from orchestration.sql import identifier, literal

BATCH_ROWS = 20_000
BATCH_CHARACTERS = 16 * 2**20
WEB_ADDRESS = "web address"
_MOST_NAMED = 20
_OWN = [name for name in FHIR_COLUMNS if name not in ("form_no", "version_state")]
_ANSWERS, _VERSIONS, _TABLE = "temp.fhir_answers", "temp.fhir_versions", "temp.fhir_rows"
_ANSWER_SCHEMA = pa.schema([("place", pa.int64()), *((name, pa.string()) for name in _OWN)])
_VERSION_SCHEMA = pa.schema(
    [
        ("place", pa.int64()),
        ("response_id", pa.string()),
        ("updated", pa.float64()),
        ("version_no", pa.int64()),
        ("is_amended", pa.bool_()),
        ("content", pa.string()),
    ]
)


def open_file(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    """A file of questionnaire responses.

    Raises DeliveryRefused: what `FhirFile`, `Walked` and `ResponseReader` raise, and
    unexpected_element, identifier_found, too_large.
    """
    try:
        return _opened(con, path, spec, limits)
    except duckdb.OutOfMemoryException as error:
        raise DeliveryRefused(
            "too_large", "the file needs more memory than the reader may use; split it"
        ) from error


def _opened(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    assert spec.fhir is not None
    walked = Walked()
    file = FhirFile(path, limits.file_bytes, walked, frozenset(spec.fhir.drop))
    for table, schema in ((_ANSWERS, _ANSWER_SCHEMA), (_VERSIONS, _VERSION_SCHEMA)):
        empty = schema.empty_table()
        _with_batch(con, empty, f"create or replace temp table {table} as select * from fhir_batch")
    n_rows = sum(_load(con, batch) for batch in _batches(con, file, spec, walked))
    wanted = [name for name in spec.wanted_columns if name in FHIR_COLUMNS]
    con.execute(f"create or replace temp table {_TABLE} as {_in_versions(wanted)}")
    for table in (_ANSWERS, _VERSIONS):
        con.execute(f"drop table {table}")
    relation = TextRelation(tuple(wanted), f"(select * from {_TABLE})")
    return Opened(relation, file.sha256, file.n_bytes, n_rows, temporary=(_TABLE,))


Batch = tuple[list[tuple[int, Row]], list[tuple[int, Version]]]


def _batches(
    con: duckdb.DuckDBPyConnection, file: FhirFile, spec: FileSpec, walked: Walked
) -> Iterator[Batch]:
    assert spec.fhir is not None
    reader = ResponseReader(spec.fhir)
    drop = frozenset(spec.fhir.drop)
    rows: list[tuple[int, Row]] = []
    versions: list[tuple[int, Version]] = []
    for number, (resource, place) in enumerate(file.resources(), start=1):
        response = response_at(resource, place)
        walked.walk(response, RESPONSE_SHAPE, "", place, drop)
        if walked.refused:
            # No row of this file will be used; what else may not be there is still listed.
            walked.texts.clear()
            if len(walked.refused) >= _MOST_NAMED:
                break
            continue
        rows += [(number, row) for row in reader.rows(response, place)]
        versions.append((number, version_of(response)))
        if len(rows) >= BATCH_ROWS or walked.n_characters >= BATCH_CHARACTERS:
            _search(con, walked)
            yield rows, versions
            rows, versions = [], []
    if walked.refused:
        raise _unexpected(walked)
    _search(con, walked)
    yield rows, versions


def _load(con: duckdb.DuckDBPyConnection, batch: Batch) -> int:
    rows, versions = batch
    answers = [
        pa.array([place for place, _ in rows], pa.int64()),
        *(pa.array([row.get(name) for _, row in rows], pa.string()) for name in _OWN),
    ]
    answered = pa.Table.from_arrays(answers, schema=_ANSWER_SCHEMA)
    versioned = pa.Table.from_pylist(
        [{"place": place, **vars(version)} for place, version in versions], schema=_VERSION_SCHEMA
    )
    _with_batch(con, answered, f"insert into {_ANSWERS} select * from fhir_batch")
    _with_batch(con, versioned, f"insert into {_VERSIONS} select * from fhir_batch")
    return len(rows)


def _with_batch(con: duckdb.DuckDBPyConnection, batch: pa.Table, statement: str) -> None:
    con.register("fhir_batch", batch)
    try:
        con.execute(statement)
    finally:
        con.unregister("fhir_batch")


def _in_versions(wanted: list[str]) -> str:
    """The rows in the file's order with what the other versions of a response say of each.

    The newest is the one updated last; then, or where not all say when, the one of the highest
    number; then the amended one. Versions that nothing tells apart are all current and share their
    form, whose answers then contradict each other: none is chosen.
    """
    columns = ", ".join(identifier(name) for name in wanted) or "form_no"
    return f"""
        with dated as (
            select
                *,
                count(updated) over versions = count(*) over versions as are_dated,
                count(version_no) over versions = count(*) over versions as are_numbered
            from {_VERSIONS}
            window versions as (partition by response_id)
        ),
        ranked as (
            select
                *,
                rank() over (
                    partition by response_id
                    order by
                        case when are_dated then updated end desc nulls last,
                        case when are_numbered then version_no end desc nulls last,
                        is_amended desc
                ) as age,
                min(place) over (partition by response_id) as first_place
            from dated
        ),
        judged as (
            select
                place,
                (case when response_id is null then place else first_place end)::varchar as form_no,
                case
                    when response_id is null then {literal(CURRENT)}
                    when age > 1 then {literal(SUPERSEDED)}
                    when row_number() over (
                        partition by response_id, age, content order by place
                    ) > 1 then {literal(COPY)}
                    else {literal(CURRENT)}
                end as version_state
            from ranked
        ),
        numbered as (select rowid as answer_no, * from {_ANSWERS})
        select {columns} from numbered join judged using (place) order by answer_no
        """


def _unexpected(walked: Walked) -> DeliveryRefused:
    named = "; ".join(f"{path} in {place}" for path, place in walked.refused.items())
    return DeliveryRefused(
        "unexpected_element",
        f"elements that are not read: {named}; send the file without them, or, where an element "
        "holds nothing about a person, name its path under `fhir.drop`",
    )


def _search(con: duckdb.DuckDBPyConnection, walked: Walked) -> None:
    """Search all texts met so far for identifiers, and forget them. Raises DeliveryRefused."""
    met = [
        (text, is_address, path, place)
        for (text, is_address), (path, place) in walked.texts.items()
        if len(text) >= SHORTEST_FINDING
    ]
    walked.texts.clear()
    walked.n_characters = 0
    if not met:
        return
    batch = pa.table(
        {
            "number": pa.array(range(len(met)), pa.int64()),
            "text": pa.array([text for text, *_ in met], pa.string()),
            "is_address": pa.array([is_address for _, is_address, *_ in met], pa.bool_()),
        }
    )
    con.register("fhir_batch", batch)
    try:
        found = [
            f"{met[number][2]} in {met[number][3]} looks like it holds a {pattern.kind}"
            for pattern in PATTERNS
            for (number,) in con.execute(
                f"select number from fhir_batch where {pattern.sql('text')}"
                + (" and not is_address" if pattern.kind == WEB_ADDRESS else "")
                + f" order by number limit {_MOST_NAMED}"
            ).fetchall()
        ]
    finally:
        con.unregister("fhir_batch")
    if found:
        raise DeliveryRefused("identifier_found", "; ".join(found) + "; send the file without them")
