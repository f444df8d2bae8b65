"""The XML of one sheet: what its cells are, checked before the reader of cells sees them.

That reader shows neither formulas nor errors, and it lays out the whole rectangle that the cells
span: one stray cell far off makes it ask for more memory than there is, which ends the process.
So positions are checked here, errors and formulas without a value are found here, and the cells
that hold something are counted here, so that one that gets lost is missed.
"""

import re
from dataclasses import dataclass, field
from xml.sax.xmlreader import AttributesImpl

from orchestration.ingest.readers.workbook_xml import Texts
from orchestration.ingest.refusal import DeliveryRefused

_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ROW = re.compile(r"[1-9][0-9]{0,6}")
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384


@dataclass
class _Cell:
    kind: str = "n"
    value: str | None = None
    has_formula: bool = False


@dataclass
class SheetFacts:
    """What a sheet's cells are, without what they say."""

    n_rows: int = 0
    """Rows with at least one cell that is not blank."""
    n_cells: int = 0
    last_row: int = 0
    last_column: int = 0
    n_formulas: int = 0
    rows_without_value: list[int] = field(default_factory=list)
    rows_with_error: list[int] = field(default_factory=list)
    has_merged_cells: bool = False


class SheetPart(Texts):
    """One sheet. With `keeps_cells` its cells' texts are kept for the search too."""

    def __init__(self, shared: list[str], *, keeps_cells: bool) -> None:
        super().__init__()
        self.facts = SheetFacts()
        self._shared = shared
        self._keeps_cells = keeps_cells
        self._row = self._column = 0
        self._row_is_blank = True
        self._cell: _Cell | None = None
        self._in_guide = False

    def opened(self, name: str, attrs: AttributesImpl) -> None:
        """See Texts."""
        if name == "row":
            stated = attrs.get("r")
            if stated is not None and not _ROW.fullmatch(stated):
                raise ValueError("a row without a number")
            row = self._row + 1 if stated is None else int(stated)
            if not self._row < row <= _MAX_ROW:
                raise ValueError("rows out of order")
            self._row, self._column, self._row_is_blank = row, 0, True
        elif name == "c":
            self._place(attrs.get("r"))
            self._cell = _Cell(attrs.get("t", "n"))
        else:
            self.keep(attrs)
            self.facts.has_merged_cells |= name == "mergeCell"
            self._in_guide |= name == "rPh"
            if name == "f" and self._cell:
                self._cell.has_formula = True

    def _place(self, reference: str | None) -> None:
        column = self._column + 1
        if reference is not None:
            found = _REFERENCE.fullmatch(reference)
            if found is None or int(found.group(2)) != self._row:
                raise ValueError("a cell outside its row")
            column = 0
            for letter in found.group(1):
                column = column * 26 + ord(letter) - 64
        if not self._column < column <= _MAX_COLUMN:
            raise ValueError("cells out of order")
        self._column = column

    def closed(self, name: str) -> None:
        """See Texts."""
        cell = self._cell
        if cell is None:
            return
        if name == "v" or (name == "t" and not self._in_guide):
            cell.value = (cell.value or "") + self.taken()
        elif name == "rPh":
            self.flush()
            self._in_guide = False
        elif name == "c":
            self._finish(cell)
            self._cell = None

    def _finish(self, cell: _Cell) -> None:
        facts = self.facts
        if cell.has_formula:
            facts.n_formulas += 1
            if cell.value is None or (not cell.value and cell.kind != "str"):
                facts.rows_without_value.append(self._row)
        if cell.kind == "e":
            facts.rows_with_error.append(self._row)
        if cell.value is None:
            return
        facts.last_row = self._row
        facts.last_column = max(facts.last_column, self._column)
        text = self._shared[int(cell.value)] if cell.kind == "s" and cell.value else cell.value
        if self._keeps_cells:
            self.texts.add(text)
        if text.strip():
            facts.n_cells += 1
            facts.n_rows += self._row_is_blank
            self._row_is_blank = False


def refuse_oversized(facts: SheetFacts, max_columns: int, max_cells: int) -> None:
    """Refuse a sheet whose cells span more than can be laid out. Raises DeliveryRefused."""
    if facts.last_column > max_columns or facts.last_row * facts.last_column > max_cells:
        raise DeliveryRefused(
            "too_large",
            f"the sheet spans {facts.last_row} rows by {facts.last_column} columns; at most "
            f"{max_columns} columns and {max_cells} cells are taken; delete stray cells, or send "
            "CSV or Parquet",
        )
