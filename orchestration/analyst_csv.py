"""An analyst's own CSV: columns chosen by name, numbers read, and refusals that name a place.

What `alliance change`, `gains`, `reliability` and `careless` read, outside any practice and its
contract. A refusal says line, column and what was expected, never what a cell holds.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orchestration.measures.arrays import Floats

MISSING = frozenset({"", ".", "na", "n/a", "nan", "null"})
"""A cell that holds no number, small letters; the others are how programs write one."""
_DELIMITERS = (",", ";", "\t")
_QUOTED = re.compile(r'"[^"]*"')
"""A name in quotes: its commas part no columns."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class FileRefused(Exception):
    """The file or the columns chosen cannot be used; says where and what was expected."""


@dataclass(frozen=True)
class AnalystFile:
    """A file's header and its rows as text; `lines` are the lines the rows begin on, from 1."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    has_decimal_comma: bool

    def place(self, name: str) -> int:
        """Where the column `name` stands, from 0. Raises FileRefused when it is not there once."""
        n_found = self.header.count(name)
        if n_found != 1:
            what = "no column" if n_found == 0 else f"{n_found} columns"
            raise FileRefused(
                f"line 1 has {what} named {name!r}; it names {len(self.header)} columns"
            )
        return self.header.index(name)

    def chosen(self, columns: str) -> list[str]:
        """Names out of a list as the options take it, in the list's order.

        Commas between names; `first:last` is every column from one to the other as the file has
        them, `item_*` every column that begins so. Raises FileRefused for a column that is not
        there, or is chosen twice.
        """
        names: list[str] = []
        for part in (part.strip() for part in columns.split(",")):
            names.extend(self._part(part))
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise FileRefused(f"chosen twice: {', '.join(twice)}")
        return names

    def _part(self, part: str) -> Sequence[str]:
        if part in self.header:
            return [part]
        first, colon, last = part.partition(":")
        if colon:
            start, end = self.place(first.strip()), self.place(last.strip())
            if start > end:
                raise FileRefused(f"{last.strip()!r} stands before {first.strip()!r} in line 1")
            return self.header[start : end + 1]
        if part.endswith("*") and len(part) > 1:
            begun = [name for name in self.header if name.startswith(part[:-1])]
            if begun:
                return begun
        self.place(part)
        return [part]

    def words(self, name: str) -> list[str]:
        """The column's cells, blanks around them off. Raises FileRefused when one is missing."""
        place = self.place(name)
        cells = [row[place].strip() for row in self.rows]
        for line, cell in zip(self.lines, cells, strict=True):
            if cell.lower() in MISSING:
                raise FileRefused(f"line {line}, column {name}: empty, and every row needs one")
        return cells

    def numbers(self, names: Sequence[str], rows: Sequence[int] | None = None) -> Floats:
        """Cells as numbers, rows by columns, NaN where missing; all rows, or those at `rows`.

        Raises FileRefused for the first cell that is neither a number nor missing.
        """
        places = [self.place(name) for name in names]
        wanted = range(len(self.rows)) if rows is None else rows
        found = np.full((len(wanted), len(places)), np.nan)
        for into, at in enumerate(wanted):
            for column, place in enumerate(places):
                cell = self.rows[at][place].strip()
                if cell.lower() in MISSING:
                    continue
                number = self.number(cell)
                if number is None:
                    where = f"line {self.lines[at]}, column {names[column]}"
                    mark = "1,5 or 1.5" if self.has_decimal_comma else "1.5"
                    raise FileRefused(f"{where}: not a number; expected one such as {mark}")
                found[into, column] = number
        return found

    def number(self, text: str) -> float | None:
        """The number a cell spells; None when it spells none."""
        plain = text.replace(",", ".") if self.has_decimal_comma else text
        if not _NUMBER.fullmatch(plain):
            return None
        value = float(plain)
        return value if np.isfinite(value) else None

    def sort_key(self, text: str) -> tuple[int, float, str]:
        """Numbers in their order, then words in theirs."""
        number = self.number(text)
        return (1, 0.0, text) if number is None else (0, number, text)


def read_analyst_csv(path: Path, *, needs_rows: bool = True) -> AnalystFile:
    """Read a file: first line names the columns; comma, semicolon or tab; UTF-8.

    Between semicolons or tabs a number may have a decimal comma. Raises FileRefused for an empty
    file, one without rows where it `needs_rows`, another encoding, broken quotes, or a row of
    another length.
    """
    header: list[str] | None = None
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = _QUOTED.sub("", file.readline())
            delimiter = max(_DELIMITERS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            begins = 1
            for cells in reader:
                line, begins = begins, reader.line_num + 1
                if not cells:
                    continue
                if header is None:
                    header = [cell.strip() for cell in cells]
                    continue
                if len(cells) != len(header):
                    expected = f"{len(cells)} cells where line 1 names {len(header)} columns"
                    raise FileRefused(f"line {line} has {expected}")
                rows.append(tuple(cells))
                lines.append(line)
    except UnicodeDecodeError:
        raise FileRefused("the file is not UTF-8; save it as CSV UTF-8") from None
    except csv.Error:
        where = f"after line {lines[-1]}" if lines else "near its beginning"
        raise FileRefused(f"not readable as CSV {where}; look at the quotes") from None
    except OSError as error:
        raise FileRefused(f"cannot be opened: {error.strerror}") from None
    if header is None:
        raise FileRefused("the file is empty; its first line names the columns")
    if needs_rows and not rows:
        raise FileRefused("the file has a first line and no rows")
    return AnalystFile(tuple(header), tuple(rows), tuple(lines), delimiter != ",")
