"""A sample export -> columns of text. What a format needs in order to be drafted is settled here.

A sample is read to `MAX_BYTES` and `MAX_ROWS`: enough to infer from, whatever was handed over.
"""

import codecs
import csv
import io
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.ingest.privacy import check_file_name, is_showable
from orchestration.ingest.refusal import DeliveryRefused

MAX_BYTES = 64 * 2**20
MAX_ROWS = 100_000
_DELIMITERS = (",", ";", "\t", "|")
_LINES_SEEN = 200


@dataclass(frozen=True)
class Sample:
    """One export: its name, how it is written, and its cells by column, trimmed."""

    file_name: str
    format: str
    dialect: dict[str, str]
    """What differs from the contract's defaults; without the decimal mark, which cells show."""
    columns: dict[str, list[str]]

    @property
    def n_rows(self) -> int:
        """Rows read."""
        return len(next(iter(self.columns.values()), []))


def read_delimited(path: Path) -> Sample:
    """A delimited file of whatever dialect.

    Raises DeliveryRefused: empty_file, no_header, no_rows, repeated_column, unreadable_row.
    """
    with path.open("rb") as stream:
        start = stream.read(MAX_BYTES)
    is_whole = len(start) < MAX_BYTES
    text, encoding = _decoded(start)
    if not text.strip():
        raise DeliveryRefused("empty_file", "the file is empty; give a sample with some rows")
    dialect: dict[str, str] = {}
    quote, delimiter = _quoting(text)
    if delimiter != ",":
        dialect["delimiter"] = delimiter
    if quote != '"':
        dialect["quote"] = quote
    if encoding != "utf-8":
        dialect["encoding"] = encoding
    if is_whole and not text.endswith("\n"):
        dialect["final_newline"] = "optional"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        rows = [row for row in itertools.islice(reader, MAX_ROWS + 1) if row]
    except csv.Error as error:
        raise DeliveryRefused(
            "unreadable_row", f"line {reader.line_num} cannot be read as delimited text"
        ) from error
    header = [cell.strip() for cell in rows[0]]
    _check_header(header)
    body = rows[1:] if is_whole else rows[1:-1]
    ragged = next((n for n, row in enumerate(body, start=2) if len(row) != len(header)), None)
    if ragged:
        raise DeliveryRefused(
            "unreadable_row", f"line {ragged} does not have the header's columns; mend that line"
        )
    if not body:
        raise DeliveryRefused("no_rows", "the file has a header and no rows; give a fuller sample")
    cells = zip(*body, strict=True)
    columns = dict(zip(header, ([c.strip() for c in column] for column in cells), strict=True))
    return Sample(path.name, "csv", dialect, columns)


SAMPLERS: Mapping[str, Callable[[Path], Sample]] = dict.fromkeys(
    (".csv", ".tsv", ".txt", ".psv", ".tab", ".dat"), read_delimited
)
"""Which reader takes a sample by the file's ending. A format more is a line here."""


def read_sample(path: Path) -> Sample:
    """A sample export. Raises DeliveryRefused: unknown_format, identifier_in_file_name, and what
    the format's reader raises.
    """
    check_file_name(path.name)
    reader = SAMPLERS.get(path.suffix.lower())
    if reader is None:
        raise DeliveryRefused(
            "unknown_format", f"a draft can be made of {', '.join(sorted(SAMPLERS))} files"
        )
    return reader(path)


def _decoded(start: bytes) -> tuple[str, str]:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return start.decode("utf-16", errors="ignore"), "utf-16"
    if b"\0" in start:
        raise DeliveryRefused("damaged_file", "the file holds NUL bytes; export it as text")
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        return decoder.decode(start, final=len(start) < MAX_BYTES), "utf-8"
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


def _check_header(header: list[str]) -> None:
    """A first line of data must not be taken for names: it would be repeated in the draft."""
    if not all(header) or not any(cell.isascii() for cell in header):
        raise DeliveryRefused("no_header", "line 1 must name every column; it does not")
    if any(not is_showable(cell) or not any(c.isalpha() for c in cell) for cell in header):
        raise DeliveryRefused(
            "no_header", "line 1 looks like data, not like column names; export it with a header"
        )
    if len(set(header)) != len(header):
        raise DeliveryRefused("repeated_column", "line 1 names a column more than once")
