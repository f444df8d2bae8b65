"""XLSX: one visible sheet whose row 1 names the columns, every cell as text.

A workbook carries more than its cells, so every other part of it is searched for identifiers, and
what cannot be searched (pictures, macros, embedded files) or would be sent unseen (hidden sheets)
is refused. The library for cells is given only the parts that were read here.
"""

import posixpath
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow as pa

from expectations.practice import FileSpec
from orchestration.ingest.content_hash import sha256_of
from orchestration.ingest.readers.damage import refused_when_damaged
from orchestration.ingest.readers.header import MAX_COLUMNS
from orchestration.ingest.readers.opened import Opened, OtherText, TextRelation
from orchestration.ingest.readers.sheet_rows import read_rows
from orchestration.ingest.readers.sheet_xml import SheetFacts, SheetPart, refuse_oversized
from orchestration.ingest.readers.workbook_xml import (
    Relations,
    SharedStrings,
    SheetEntry,
    Texts,
    WorkbookPart,
)
from orchestration.ingest.readers.zip_members import read_members
from orchestration.ingest.receive import sized
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from orchestration.sql import identifier

MAX_CELLS = 20_000_000
_TABLE = "sheet_rows"
_ROWS_NAMED = 20
_WORKBOOK, _WORKBOOK_RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_STRINGS = "xl/sharedStrings.xml"
_FOR_CELLS = (
    "[Content_Types].xml",
    "_rels/.rels",
    _WORKBOOK,
    _WORKBOOK_RELATIONS,
    _STRINGS,
    "xl/styles.xml",
)
_BINARY_TEXTS = ("latin-1", "utf-16-le")
_OLD_OR_ENCRYPTED = b"\xd0\xcf\x11\xe0"
_PLACES = (
    ("docProps/", "the workbook's properties"),
    ("xl/comments", "a comment"),
    ("xl/threadedComments", "a comment"),
    ("xl/persons", "the list of people"),
    ("xl/drawings/", "a drawing or a comment's frame"),
    ("xl/worksheets/", "a part of a sheet outside its cells"),
    ("xl/charts/", "a chart"),
    ("xl/pivot", "a pivot table"),
    ("xl/externalLinks/", "a link to another file"),
    ("xl/printerSettings/", "the printer's settings"),
    (_STRINGS, "a text that is in no cell"),
)


@dataclass(frozen=True)
class _Sheet:
    entry: SheetEntry
    member: str
    part: SheetPart


def open_file(con: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec, limits: Limits) -> Opened:
    """A workbook's sheet, as a table of the connection's memory.

    Raises DeliveryRefused: empty_file, too_large, damaged_file, unsafe_archive,
    unsearchable_part, hidden_sheet, wrong_sheet, formula_without_value, cell_error, merged_cells,
    inexact_number, no_header, repeated_column.
    """
    n_bytes = sized(path, limits.file_bytes)
    sha256 = sha256_of(path)
    with path.open("rb") as stream:
        if stream.read(4) == _OLD_OR_ENCRYPTED:
            raise DeliveryRefused(
                "damaged_file",
                "the workbook has a password or is of the old .xls format; save it as .xlsx "
                "without a password",
            )
    members = read_members(path, "XLSX")
    _refuse_unsearchable(members)
    workbook, strings = WorkbookPart(), SharedStrings()
    with refused_when_damaged("XLSX"):
        workbook.parse(members[_WORKBOOK])
        if _STRINGS in members:
            strings.parse(members[_STRINGS])
    sheets = _sheets(members, workbook, strings, spec)
    chosen = _chosen(sheets, spec)
    _refuse_unreadable(chosen.part.facts, workbook)
    table = read_rows(
        _archive(members, chosen),
        chosen.entry.name,
        chosen.part.facts.n_cells,
        spec.dialect.decimal_mark,
    )
    header = tuple(table.column_names)
    others = _other_texts(members, workbook, strings, sheets, chosen, table)
    con.register(_TABLE, table)
    columns = ", ".join(map(identifier, header))
    return Opened(
        TextRelation(header, f"(select {columns} from {_TABLE})"),
        sha256,
        n_bytes,
        max(chosen.part.facts.n_rows - 1, 0),
        others,
    )


def visible_sheets(path: Path) -> list[str]:
    """Names of a workbook's visible sheets, in its order. Raises DeliveryRefused."""
    workbook = WorkbookPart()
    members = read_members(path, "XLSX")
    with refused_when_damaged("XLSX"):
        workbook.parse(members[_WORKBOOK])
    return [entry.name for entry in workbook.sheets if not entry.is_hidden]


def _refuse_unsearchable(members: dict[str, bytes]) -> None:
    for name in members:
        printer = name.startswith("xl/printerSettings/") and name.endswith(".bin")
        if not printer and not name.lower().endswith((".xml", ".rels", ".vml")):
            raise DeliveryRefused(
                "unsearchable_part",
                "the workbook carries pictures, macros or embedded files, which cannot be "
                "searched for identifiers; copy the cells into a new workbook and send that",
            )


def _sheets(
    members: dict[str, bytes], workbook: WorkbookPart, strings: SharedStrings, spec: FileSpec
) -> list[_Sheet]:
    """The workbook's sheets of cells, each read once."""
    relations = Relations()
    with refused_when_damaged("XLSX"):
        relations.parse(members[_WORKBOOK_RELATIONS])
    found = []
    for entry in workbook.sheets:
        with refused_when_damaged("XLSX"):
            target, kind = relations.targets[entry.relation_id]
            member = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
            content = members[member]
        if kind != "worksheet":
            continue
        is_read = not entry.is_hidden if spec.sheet is None else entry.name == spec.sheet
        part = SheetPart(strings.strings, keeps_cells=not is_read)
        part.parse(content)
        found.append(_Sheet(entry, member, part))
    if any(sheet.entry.is_hidden and sheet.part.facts.n_cells for sheet in found):
        raise DeliveryRefused(
            "hidden_sheet",
            "the workbook has a hidden sheet with something on it; delete the sheet, or show it "
            "and make sure that it may be sent",
        )
    return found


def _chosen(sheets: Sequence[_Sheet], spec: FileSpec) -> _Sheet:
    visible = [sheet for sheet in sheets if not sheet.entry.is_hidden]
    wanted = [sheet for sheet in visible if spec.sheet in (None, sheet.entry.name)]
    if len(wanted) == 1:
        return wanted[0]
    if spec.sheet is None:
        raise DeliveryRefused(
            "wrong_sheet",
            f"the workbook has {len(visible)} visible sheets; send one with a single sheet, or "
            "name the one to read as `sheet` in the contract",
        )
    raise DeliveryRefused(
        "wrong_sheet",
        f"none of the workbook's {len(visible)} visible sheets is called `{spec.sheet}`; name it "
        "so, or mend `sheet` in the contract",
    )


def _refuse_unreadable(facts: SheetFacts, workbook: WorkbookPart) -> None:
    refuse_oversized(facts, MAX_COLUMNS, MAX_CELLS)
    if facts.rows_without_value or (facts.n_formulas and workbook.is_computed_on_load):
        raise DeliveryRefused(
            "formula_without_value",
            "the sheet has formulas whose values were never computed"
            f"{_in_rows(facts.rows_without_value)}; open it in the spreadsheet program, save it "
            "and send that, or send values",
        )
    if facts.rows_with_error:
        raise DeliveryRefused(
            "cell_error",
            f"the sheet has cells that show an error (such as #N/A)"
            f"{_in_rows(facts.rows_with_error)}; mend them, or leave the cells empty",
        )
    if facts.has_merged_cells:
        raise DeliveryRefused(
            "merged_cells",
            "the sheet has merged cells, of which only the first holds the value; unmerge them so "
            "that each row says everything itself",
        )


def _in_rows(rows: Sequence[int]) -> str:
    if not rows:
        return ""
    named = list(dict.fromkeys(rows))[:_ROWS_NAMED]
    return f" (sheet row {', '.join(map(str, named))})"


def _archive(members: dict[str, bytes], chosen: _Sheet) -> BytesIO:
    """A workbook of the one sheet, made of the parts that were checked."""
    clean = BytesIO()
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as archive:
        for name in (*_FOR_CELLS, chosen.member):
            if name in members:
                archive.writestr(name, members[name])
    clean.seek(0)
    return clean


def _other_texts(
    members: dict[str, bytes],
    workbook: WorkbookPart,
    strings: SharedStrings,
    sheets: Sequence[_Sheet],
    chosen: _Sheet,
    table: pa.Table,
) -> tuple[OtherText, ...]:
    """Every text of the workbook that is not in the table."""
    in_cells = set(table.column_names)
    for column in table.columns:
        in_cells |= {text.strip() for text in column.unique().to_pylist()}
    found = {("the workbook's list of sheets and names", text) for text in workbook.texts}
    found |= {(_place(_STRINGS), text) for text in strings.texts}
    found |= {(_place(_STRINGS), text) for text in strings.strings if text.strip() not in in_cells}
    for sheet in sheets:
        place = _place(sheet.member) if sheet == chosen else "another sheet of the workbook"
        found |= {(place, text) for text in sheet.part.texts}
    read = {_WORKBOOK, _STRINGS, *(sheet.member for sheet in sheets)}
    for name, content in members.items():
        found.add(("the name of a part", name))
        if name.endswith(".bin"):
            found |= {(_place(name), content.decode(code, "replace")) for code in _BINARY_TEXTS}
        elif name not in read:
            part = Texts()
            part.parse(content)
            found |= {(_place(name), text) for text in part.texts}
    return tuple(OtherText(place, text) for place, text in sorted(found))


def _place(member: str) -> str:
    found = (place for prefix, place in _PLACES if member.startswith(prefix))
    return next(found, "a part of the workbook outside its cells")
