"""Delimited text: the header is read first, then every column as text, mapped by its name.

DuckDB's reader given explicit columns ignores the header, so the header's own order is what it is
given; its error messages quote the offending line, so they are replaced by ours.
"""

import contextlib
import csv
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

from expectations.practice import Dialect, FileSpec
from orchestration.ingest.readers.gzipped import Gunzipped
from orchestration.ingest.readers.header import checked_header
from orchestration.ingest.readers.opened import Opened, TextRelation
from orchestration.ingest.receive import receive
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from orchestration.sql import identifier, literal, path_literal

HEADER_BYTES = 2**20
_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")


def open_file(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    """A delimited file.

    Raises DeliveryRefused: unreadable_row, and all of `receive` and `read_header`.
    """
    received = receive(path, spec.dialect, limits.file_bytes)
    header = read_header(path, spec.dialect)
    _refuse_run_together(path, header, spec.dialect)
    relation = text_relation(path, header, spec.dialect)
    return Opened(
        relation, received.sha256, received.n_bytes, received.n_rows, received.other_texts
    )


def read_header(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """Column names of a delimited file, trimmed.

    Raises DeliveryRefused: no_header, repeated_column.
    """
    return checked_header(next(first_records(path, dialect), []))


def _refuse_run_together(path: Path, header: tuple[str, ...], dialect: Dialect) -> None:
    """Refuse a file whose second line has not the header's columns, before the gate names any.

    Where the header's line end was lost, cells of the first row stand among the names.
    """
    with contextlib.suppress(DeliveryRefused):  # what cannot be read here is said with its line
        records = (cells for cells in first_records(path, dialect) if cells)
        next(records, None)
        following = next(records, None)
        if following is None or len(following) == len(header):
            return
    raise DeliveryRefused(
        "unreadable_row",
        f"line 1 names {len(header)} columns, the next line has another number of cells: a line "
        "end was lost, or cells were; export the file again",
    )


def first_records(path: Path, dialect: Dialect) -> Iterator[list[str]]:
    """The records at the beginning of a file as far as HEADER_BYTES reach, cells as they stand.

    The last may be cut. Raises DeliveryRefused (no_header) where one cannot be read.
    """
    with path.open("rb") as stream:
        if dialect.compression == "gzip":
            unpacked = Gunzipped(stream, sys.maxsize)
            start = b""
            while len(start) < HEADER_BYTES and (piece := unpacked.read()):
                start += piece
        else:
            start = stream.read(HEADER_BYTES)
    encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    text = start.decode(encoding, errors="ignore")
    rows = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        strict=True,
    )
    try:
        yield from rows
    except csv.Error as error:
        raise DeliveryRefused(
            "no_header",
            f"line {max(rows.line_num, 1)} cannot be read as a header; "
            "check delimiter and quote character",
        ) from error


def text_relation(path: Path, header: tuple[str, ...], dialect: Dialect) -> TextRelation:
    """The file as a relation of text columns, in file order."""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    sql = (
        f"read_csv({path_literal(path)}, columns = {{{columns}}}, header = true, "
        f"delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, "
        f"escape = {literal(dialect.quote)}, encoding = {literal(dialect.encoding)}, "
        f"compression = {literal(dialect.compression)}, "
        "auto_detect = false, strict_mode = true, null_padding = false, ignore_errors = false)"
    )
    return TextRelation(columns=header, sql=f"(select {_columns(header)} from {sql})")


def _columns(header: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in header)


def unreadable(error: duckdb.Error) -> DeliveryRefused:
    """DuckDB's complaint about a file as ours: the line number, never the line."""
    found = _CSV_LINE.search(str(error))
    where = f"line {found.group(1)}" if found else "some line"
    return DeliveryRefused(
        "unreadable_row",
        f"{where} does not have the header's columns, or its quotes do not match; "
        "mend that line, or the delimiter and quote of the contract",
    )
