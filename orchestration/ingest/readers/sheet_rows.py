"""The cells of a sheet as rows of text under the names in row 1.

Numbers are written with up to 15 significant digits, whole ones without decimals; days as
YYYY-MM-DD, with the time of day behind where it is not midnight; truth as `true` or `false`. Rows
without a filled cell are left out, as blank lines of a text export are.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO

import pyarrow as pa
from python_calamine import CalamineWorkbook

from orchestration.ingest.readers.damage import refused_when_damaged
from orchestration.ingest.readers.header import checked_header
from orchestration.ingest.refusal import DeliveryRefused

EXACT_BELOW = 10**15
"""A spreadsheet keeps 15 digits of a number: a longer id has become another one."""
_BATCH_ROWS = 20_000
_LAST_SECOND = datetime.fromisoformat("9999-12-31T23:59:59")

Cell = int | float | str | bool | time | date | datetime | timedelta


def read_rows(workbook: BytesIO, sheet: str, n_cells: int, decimal_mark: str) -> pa.Table:
    """A table of text columns; `n_cells` is how many filled cells the sheet was found to have.

    Raises DeliveryRefused: no_header, repeated_column, inexact_number, rows_lost, damaged_file.
    """
    rows = _cells(workbook, sheet)
    header = _header(next(rows, []), decimal_mark)
    schema = pa.schema([(name, pa.string()) for name in header])
    batches: list[pa.RecordBatch] = []
    columns: list[list[str]] = [[] for _ in header]

    def finish_batch() -> None:
        batches.append(pa.record_batch([pa.array(c, pa.string()) for c in columns], schema))
        for column in columns:
            column.clear()

    n_read = len(header)
    for number, row in enumerate(rows, start=2):
        texts = _row(row, len(header), number, decimal_mark)
        n_filled = sum(1 for text in texts if text.strip())
        if not n_filled:
            continue
        n_read += n_filled
        for column, text in zip(columns, texts, strict=True):
            column.append(text)
        if len(columns[0]) >= _BATCH_ROWS:
            finish_batch()
    finish_batch()
    if n_read != n_cells:
        raise DeliveryRefused(
            "rows_lost",
            f"the sheet has {n_cells} filled cells but reads as {n_read}; save it as a new "
            "workbook, or send CSV",
        )
    return pa.Table.from_batches(batches, schema)


def _cells(workbook: BytesIO, sheet: str) -> Iterator[Sequence[Cell]]:
    """The sheet's rows from row 1 on, blank ones included, all of one length."""
    with refused_when_damaged("XLSX"):
        rows = CalamineWorkbook.from_filelike(workbook).get_sheet_by_name(sheet).iter_rows()
    while True:
        with refused_when_damaged("XLSX"):
            row = next(rows, None)
        if row is None:
            return
        yield row


def _header(row: Sequence[Cell], decimal_mark: str) -> tuple[str, ...]:
    names = [(_text(cell, decimal_mark) or "").strip() for cell in row]
    while names and not names[-1]:
        names.pop()
    # A table that begins further down or to the right has no names here.
    if not all(names):
        raise DeliveryRefused(
            "no_header",
            "row 1 of the sheet must name the columns, from column A without a gap; it does not",
        )
    return checked_header(names)


def _row(row: Sequence[Cell], width: int, number: int, decimal_mark: str) -> list[str]:
    """A row's cells as text, as many as the header has."""
    texts: list[str] = []
    for cell in row:
        text = _text(cell, decimal_mark)
        if text is None:
            raise DeliveryRefused(
                "inexact_number",
                f"sheet row {number} holds a number of more than 15 digits, which a spreadsheet "
                "does not keep exactly; format the column as text before it is filled",
            )
        texts.append(text)
    if any(text.strip() for text in texts[width:]):
        raise DeliveryRefused(
            "no_header",
            f"sheet row {number} holds something to the right of the last column that row 1 "
            "names; name the column or clear it",
        )
    return texts[:width] + [""] * (width - len(texts))


def _text(cell: Cell, decimal_mark: str) -> str | None:
    """A cell as text; None for a number that cannot be exact."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        if not abs(cell) < EXACT_BELOW:
            return None
        return f"{cell:.15g}".replace(".", decimal_mark) if cell else "0"
    if isinstance(cell, datetime):
        # A time of day is a fraction of a day, off by less than a millisecond.
        nearest = min(cell, _LAST_SECOND) + timedelta(milliseconds=500)
        second = nearest.replace(microsecond=0)
        return str(second.date() if second.time() == time() else second)
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return cell.isoformat() if isinstance(cell, date) else cell.isoformat(timespec="seconds")
