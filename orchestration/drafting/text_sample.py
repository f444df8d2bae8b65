"""Delimited text of whatever dialect as a sample; REDCap and Qualtrics know themselves in it."""

import codecs
import csv
import io
import itertools
import re
from pathlib import Path

from orchestration.drafting.sample import MAX_BYTES, MAX_ROWS, Sample, check_header
from orchestration.ingest.readers.gzipped import MAGIC, Gunzipped
from orchestration.ingest.readers.qualtrics import IDENTIFYING, IMPORT_ID, looks_answered
from orchestration.ingest.readers.redcap import STATUS_SUFFIX, STATUS_WORDS, SURVEY_IDENTIFIER
from orchestration.ingest.refusal import DeliveryRefused

_DELIMITERS = (",", ";", "\t", "|")
_LINES_SEEN = 200
REDCAP_COLUMNS = frozenset(
    (
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_data_access_group",
    )
)
QUALTRICS_COLUMNS = frozenset(
    (
        *("startdate", "enddate", "status", "progress", "finished", "recordeddate", "responseid"),
        *("responseset", "distributionchannel", "userlanguage", "externaldatareference"),
        *("externalreference", "durationinseconds"),
    )
)
"""What Qualtrics calls its own columns, letters and digits only; three of them tell a survey."""
_VARIABLE = re.compile(r"[a-z][a-z0-9_]*")


def read_text(path: Path) -> Sample:
    """A delimited file of whatever dialect, gzip-compressed or not.

    Raises DeliveryRefused: empty_file, no_header, no_rows, repeated_column, unreadable_row,
    damaged_file.
    """
    start, is_whole, dialect = _start(path)
    text, encoding = _decoded(start, is_whole)
    if not text.strip():
        raise DeliveryRefused("empty_file", "the file is empty; give a sample with some rows")
    quote, delimiter = _quoting(text)
    if delimiter != ",":
        dialect["delimiter"] = delimiter
    if quote != '"':
        dialect["quote"] = quote
    if encoding != "utf-8":
        dialect["encoding"] = encoding
    if is_whole and not text.endswith("\n"):
        dialect["final_newline"] = "optional"
    rows = _rows(text, delimiter, quote)
    header = [cell.strip() for cell in rows[0]]
    check_header(header)
    kind, options, n_extra = _survey(header, rows)
    body = rows[1 + n_extra :] if is_whole else rows[1 + n_extra : -1]
    ragged = next(
        (n for n, row in enumerate(body, start=2 + n_extra) if len(row) != len(header)), None
    )
    if ragged:
        raise DeliveryRefused(
            "unreadable_row", f"row {ragged} does not have the header's columns; mend that row"
        )
    if not body:
        raise DeliveryRefused("no_rows", "the file has a header and no rows; give a fuller sample")
    cells = zip(*body, strict=True)
    columns = dict(zip(header, ([c.strip() for c in column] for column in cells), strict=True))
    if coding := _coding(kind, columns):
        options["coding"] = coding
    identifying = frozenset(name for name in header if _is_identifying(kind, name))
    return Sample(path.name, kind, dialect, columns, options, identifying)


def _start(path: Path) -> tuple[bytes, bool, dict[str, str]]:
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            stream.seek(0)
            start = stream.read(MAX_BYTES)
            return start, len(start) < MAX_BYTES, {}
        stream.seek(0)
        unpacked = Gunzipped(stream, 100 * MAX_BYTES)
        start = b""
        while len(start) < MAX_BYTES and (piece := unpacked.read()):
            start += piece
        return start, len(start) < MAX_BYTES, {"compression": "gzip"}


def _decoded(start: bytes, is_whole: bool) -> tuple[str, str]:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return start.decode("utf-16", errors="ignore"), "utf-16"
    if b"\0" in start:
        raise DeliveryRefused("damaged_file", "the file holds NUL bytes; export it as text")
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        return decoder.decode(start, final=is_whole), "utf-8"
    except UnicodeError:
        return start.decode("latin-1"), "latin-1"


def _quoting(text: str) -> tuple[str, str]:
    """Quote and delimiter under which the first lines have the most, and equally many, cells."""
    lines = text[: 2**18].splitlines(keepends=True)[:_LINES_SEEN]
    best = (1, '"', ",")
    for quote in ('"', "'"):
        for delimiter in _DELIMITERS:
            try:
                rows = [r for r in csv.reader(lines, delimiter=delimiter, quotechar=quote) if r]
            except csv.Error:
                continue
            width = len(rows[0])
            if sum(len(row) == width for row in rows) >= 0.9 * len(rows) and width > best[0]:
                best = (width, quote, delimiter)
    return best[1], best[2]


def _rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        return [row for row in itertools.islice(reader, MAX_ROWS + 3) if row]
    except csv.Error as error:
        raise DeliveryRefused(
            "unreadable_row", f"line {reader.line_num} cannot be read as delimited text"
        ) from error


def _survey(header: list[str], rows: list[list[str]]) -> tuple[str, dict[str, str], int]:
    """The format, its options so far, and how many rows of the header follow the first."""
    statuses = [name for name in header if name.endswith(STATUS_SUFFIX)]
    is_project = set(header) & REDCAP_COLUMNS or (statuses and header[0] == "record_id")
    if is_project and all(map(_VARIABLE.fullmatch, header)):
        return "redcap", {}, 0
    if len(rows) > 2 and all(map(IMPORT_ID.match, rows[2])):
        return "qualtrics", {}, 2
    own = sum(_plain(name) in QUALTRICS_COLUMNS for name in header)
    # Wording is the same kind of text in every row of it; an answer has a time or an id.
    if own >= 3 and len(rows) > 2 and not any(map(looks_answered, rows[1])):
        return "qualtrics", {"header_rows": "2"}, 1
    return "csv", {}, 0


def _coding(kind: str, columns: dict[str, list[str]]) -> str | None:
    """`label` where the system's own columns hold labels; None where they hold codes."""
    if kind == "redcap":
        own = [cells for name, cells in columns.items() if name.endswith(STATUS_SUFFIX)]
        words = set(STATUS_WORDS["label"])
    elif kind == "qualtrics":
        own = [cells for name, cells in columns.items() if _plain(name) == "finished"]
        words = {"true", "false"}
    else:
        return None
    return "label" if any(cell.lower() in words for cells in own for cell in cells) else None


def _is_identifying(kind: str, name: str) -> bool:
    if kind == "redcap":
        return name == SURVEY_IDENTIFIER
    return kind == "qualtrics" and _plain(name) in IDENTIFYING


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
