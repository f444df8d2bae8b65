"""XLSX exports: one sheet, days as days and numbers as numbers, written row by row.

The library keeps one row in memory and the rest in a file of its own until the workbook is closed.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from expectations.practice import FileSpec
from orchestration.simulation.native_files import NativeFile
from orchestration.simulation.native_rows import Cells
from orchestration.simulation.native_types import Feeds, Kind, kinds_of, typed

SHEET = "Export"
MOST_ROWS = 1_048_576
"""Of a sheet, the header included."""
_CREATED = datetime(2026, 1, 1, tzinfo=UTC)
"""The same rows are the same bytes: no clock goes into the workbook's properties."""
_OPTIONS = {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}


class WorkbookFile(NativeFile):
    """A workbook of one visible sheet, named as the contract says."""

    def __init__(self, path: Path, spec: FileSpec, feeds: Feeds) -> None:
        super().__init__(path, spec)
        self._kinds = kinds_of(spec, feeds)
        self._nothing = (*spec.missing, "")[0]

    def open(self, part: Path, header: Sequence[str]) -> None:
        """See NativeFile."""
        self._book = xlsxwriter.Workbook(str(part), _OPTIONS)
        self._book.set_properties({"created": _CREATED})
        self._page = self._book.add_worksheet(self.spec.sheet or SHEET)
        bold = self._book.add_format({"bold": True})
        for column, name in enumerate(header):
            self._page.write_string(0, column, name, bold)
        self._next = 1

    def write(self, cells: Cells) -> None:
        """See NativeFile. ValueError when a sheet has no room for the rows."""
        columns = [
            (position, _writer(self._page, self._kinds.get(name, Kind.TEXT)), values.to_pylist())
            for position, (name, values) in enumerate(typed(self.spec, cells, self._kinds).items())
        ]
        n_rows = len(columns[0][2])
        if self._next + n_rows > MOST_ROWS:
            raise ValueError(
                f"file {self.spec.file}: a sheet holds {MOST_ROWS - 1} rows; simulate fewer "
                "clients or let this practice send another format"
            )
        for offset in range(n_rows):
            row = self._next + offset
            for position, write, values in columns:
                value = values[offset]
                if value is not None:
                    write(row, position, value)
                elif self._nothing:
                    self._page.write_string(row, position, self._nothing)
        self._next += n_rows

    def close(self) -> None:
        """See NativeFile."""
        self._book.close()


def _writer(page: Any, kind: Kind) -> Callable[[int, int, Any], object]:
    """How the sheet writes a cell of that kind."""
    found: Callable[[int, int, Any], object] = {
        Kind.TEXT: page.write_string,
        Kind.WHOLE: page.write_number,
        Kind.NUMBER: page.write_number,
        Kind.TRUTH: page.write_boolean,
        Kind.DAY: page.write_datetime,
    }[kind]
    return found
