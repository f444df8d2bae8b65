"""XLSX and Parquet as a sample, by the night's own readers: what they refuse, they refuse here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from expectations.mapping import Mapping, Source
from expectations.practice import FileSpec
from orchestration.drafting.sample import MAX_ROWS, Sample, check_header
from orchestration.ingest.privacy import check_other_texts, is_showable
from orchestration.ingest.readers import parquet, workbook
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from orchestration.sql import identifier

_UNMAPPED = Mapping(feed="sessions", layout="table", columns={"session_id": Source(constant="1")})


def read_parquet(path: Path) -> Sample:
    """A Parquet file. Raises DeliveryRefused: what its reader raises, no_header, no_rows."""
    spec = FileSpec(file="sample", pattern="*", format="parquet", mappings=(_UNMAPPED,))
    with _connection() as con:
        opened = parquet.open_file(con, path, spec, Limits())
        check_other_texts(opened.other_texts)
        columns = _columns(con, opened.relation.sql, opened.relation.columns)
    return Sample(path.name, "parquet", {}, columns)


def read_workbook(path: Path) -> Sample:
    """The only visible sheet of a workbook, or else the first of them.

    Raises DeliveryRefused: what the reader raises, no_header, no_rows, identifier_found.
    """
    spec = FileSpec(file="sample", pattern="*", format="xlsx", mappings=(_UNMAPPED,))
    options: dict[str, str] = {}
    with _connection() as con:
        try:
            opened = workbook.open_file(con, path, spec, Limits())
        except DeliveryRefused as refusal:
            names = workbook.visible_sheets(path) if refusal.reason == "wrong_sheet" else []
            if not names or not is_showable(names[0]):
                raise
            spec = spec.model_copy(update={"sheet": names[0]})
            options["sheet"] = names[0]
            opened = workbook.open_file(con, path, spec, Limits())
        check_other_texts(opened.other_texts)
        columns = _columns(con, opened.relation.sql, opened.relation.columns)
    return Sample(path.name, "xlsx", {}, columns, options)


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect(
        config={
            "memory_limit": Limits().worker_duckdb_memory,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        yield con
    finally:
        con.close()


def _columns(
    con: duckdb.DuckDBPyConnection, relation: str, header: tuple[str, ...]
) -> dict[str, list[str]]:
    check_header(header)
    cells = ", ".join(f"coalesce(trim({identifier(name)}), '')" for name in header)
    rows = con.execute(f"select {cells} from {relation} limit {MAX_ROWS}").fetchall()
    if not rows:
        raise DeliveryRefused("no_rows", "the file has a header and no rows; give a fuller sample")
    return {
        name: list(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)
    }
