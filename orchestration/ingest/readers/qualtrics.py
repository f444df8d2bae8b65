"""Qualtrics' CSV export: a header of names, a row of wording, mostly a row of import ids, answers.

The rows between the names and the answers hold the questions' wording: they are looked at for
identifiers and for what each column is, and are neither named in a message nor stored.
"""

import contextlib
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import duckdb

from expectations.practice import FileSpec
from orchestration.ingest.readers import delimited
from orchestration.ingest.readers.coding import Coding, check_coding
from orchestration.ingest.readers.header import checked_header
from orchestration.ingest.readers.opened import Opened, OtherText, TextRelation
from orchestration.ingest.receive import receive
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits

IDENTIFYING = frozenset(
    (
        "ipaddress",
        "locationlatitude",
        "locationlongitude",
        "recipientname",
        "recipientfirstname",
        "recipientlastname",
        "recipientemail",
        "name",
        "firstname",
        "lastname",
        "email",
        "emailaddress",
    )
)
"""What Qualtrics calls its columns about a person, whatever the export's first row calls them."""
FINISHED = "finished"
FINISHED_WORDS: dict[Coding, tuple[str, ...]] = {"raw": ("0", "1"), "label": ("false", "true")}
IMPORT_ID = re.compile(r"^\s*\{\s*[\"']ImportId[\"']\s*:\s*[\"']([^\"']*)[\"']")
_ANSWERED = re.compile(r"^\s*(?:R_[A-Za-z0-9]{8,}|\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}.*)\s*$")
"""A response's id or a point in time: what a row of answers holds, and one of wording does not."""


def open_file(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    """An export of a Qualtrics survey.

    Raises DeliveryRefused: no_header, repeated_column, wrong_header, wrong_coding, and all of
    `receive`.
    """
    received = receive(path, spec.dialect, limits.file_bytes)
    records = _records(path, spec)
    header = checked_header(records[0] if records else [])
    rows = _rows_below(header, records, spec.header_rows)
    n_extra = spec.header_rows - 1
    plain = delimited.text_relation(path, header, spec.dialect)
    relation = TextRelation(header, f"(select * from {plain.sql} offset {n_extra})")
    means = _meanings(header, rows)
    finished = [name for name in header if FINISHED in means[name]]
    check_coding(con, relation, finished, FINISHED_WORDS, spec.coding)
    return Opened(
        relation=relation,
        sha256=received.sha256,
        n_bytes=received.n_bytes,
        n_rows=received.n_rows - n_extra,
        other_texts=_texts(rows),
        identifying=tuple(name for name in header if means[name] & IDENTIFYING),
    )


def _records(path: Path, spec: FileSpec) -> list[list[str]]:
    """The header's rows and, where it can be read, the row after them; blank lines left out."""
    filled = (cells for cells in delimited.first_records(path, spec.dialect) if cells)
    records = list(islice(filled, spec.header_rows))
    # The next is no row of the header; what is wrong with it is said when all rows are read.
    with contextlib.suppress(DeliveryRefused):
        records += islice(filled, 1)
    return records


def _rows_below(
    header: tuple[str, ...], records: Sequence[list[str]], n_rows: int
) -> list[list[str]]:
    """The rows between the names and the answers, once they are what the contract says."""
    rows = list(records[1:n_rows])
    if len(rows) < n_rows - 1:
        raise DeliveryRefused(
            "no_header",
            f"a Qualtrics export begins with {n_rows} rows of header; this file has "
            f"{len(records)}; send it again",
        )
    for number, cells in enumerate(rows, start=2):
        if len(cells) != len(header):
            raise DeliveryRefused(
                "no_header",
                f"row {number} of the header does not have the columns of row 1; "
                "check delimiter and quote character, or export it again",
            )
    last_is_ids = all(map(IMPORT_ID.match, rows[-1]))
    if n_rows == 3 and not last_is_ids:
        raise DeliveryRefused(
            "wrong_header",
            "row 3 should hold Qualtrics' import ids and does not; set `header_rows: 2` if this "
            "is the older export, or export as CSV again",
        )
    after = records[n_rows:]
    if n_rows == 2 and (last_is_ids or (after and all(map(IMPORT_ID.match, after[0])))):
        raise DeliveryRefused(
            "wrong_header",
            "the header has a row of import ids; set `header_rows: 3` in the contract",
        )
    if any(map(looks_answered, rows[0])):
        raise DeliveryRefused(
            "wrong_header",
            "row 2 should hold the questions' wording and looks like an answer; "
            "export as Qualtrics writes it, or use `format: csv`",
        )
    return rows


def _meanings(header: tuple[str, ...], rows: Sequence[Sequence[str]]) -> dict[str, set[str]]:
    """By column: what its name, wording and import id say it is, letters and digits only."""
    return {
        name: {_plain(name), *(_plain(_import_id(cells[place])) for cells in rows)}
        for place, name in enumerate(header)
    }


def looks_answered(cell: str) -> bool:
    """Whether a cell holds what a row of answers does and a row of wording does not."""
    return _ANSWERED.match(cell) is not None


def _import_id(cell: str) -> str:
    found = IMPORT_ID.match(cell)
    return found.group(1) if found else cell


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _texts(rows: Sequence[Sequence[str]]) -> tuple[OtherText, ...]:
    return tuple(
        OtherText(f"column {column} of header row {row}", cell)
        for row, cells in enumerate(rows, start=2)
        for column, cell in enumerate(cells, start=1)
        if cell
    )
