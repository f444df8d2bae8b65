"""XLSX: cells as stable text, everything else searched, what cannot be searched refused."""

import zipfile
from datetime import date, datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.practice import FileSpec
from orchestration.ingest import cell_scan, privacy
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.readers.opened import Opened
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from tests.unit.ingest import declarations
from tests.unit.ingest.workbooks import replaced, tampered, workbook

PLANTED = "jo@example.org"
ROWS: list[list[Any]] = [["client", "visit", "answer"], ["P1", "V1", 3], ["P2", "V2", 4]]
SHEET, BOOK, APP, STRINGS = "sheet1.xml", "xl/workbook.xml", "docProps/app.xml", "sharedStrings.xml"


def opened(
    tmp_path: Path, content: bytes, con: duckdb.DuckDBPyConnection | None = None, **options: Any
) -> tuple[duckdb.DuckDBPyConnection, Opened]:
    path = tmp_path / "answers_1.xlsx"
    path.write_bytes(content)
    con = duckdb.connect() if con is None else con
    spec = FileSpec.model_validate({**declarations.LONG_FILE, "format": "xlsx", **options})
    return con, open_file(con, path, spec, Limits())


def read(tmp_path: Path, content: bytes, **options: Any) -> list[tuple[str, ...]]:
    con, found = opened(tmp_path, content, **options)
    rows = con.execute(f"select * from {found.relation.sql}").fetchall()
    assert con.execute(f"select * from {found.relation.sql}").fetchall() == rows
    assert len(rows) == found.n_rows
    privacy.check_other_texts(found.other_texts)
    cell_scan.scan(con, found.relation)
    return rows


def refusal(tmp_path: Path, content: bytes, **options: Any) -> DeliveryRefused:
    with pytest.raises(DeliveryRefused) as caught:
        read(tmp_path, content, **options)
    return caught.value


def test_cells_become_text_in_one_form(tmp_path: Path) -> None:
    cells: dict[Any, str] = {
        1: "1",
        -2.0: "-2",
        2.5: "2.5",
        0.1 + 0.2: "0.3",
        0: "0",
        999999999999999: "999999999999999",
        "007": "007",
        " two\nlines ": " two\nlines ",
        date(2026, 2, 3): "2026-02-03",
        datetime(2026, 2, 3, 10, 5, 1): "2026-02-03 10:05:01",
        datetime(2024, 2, 29): "2024-02-29",
    }
    rows: list[list[Any]] = [["a"], *([cell] for cell in cells), [True]]
    content = workbook(rows)
    stamps = replaced('formatCode="yyyy-mm-dd"', 'formatCode="yyyy-mm-dd hh:mm"')
    expected = [(text,) for text in (*cells.values(), "true")]
    assert read(tmp_path, content) == expected
    assert read(tmp_path, tampered(content, {"styles.xml": stamps})) == expected
    assert read(tmp_path, workbook([["a"], [2.5], ["1,5"]]), dialect={"decimal_mark": ","}) == [
        ("2,5",),
        ("1,5",),
    ]


def test_times_of_day_and_durations(tmp_path: Path) -> None:
    def touch(book: Any, page: Any) -> None:
        page.write(1, 0, time(9, 30), book.add_format({"num_format": "hh:mm"}))
        page.write(2, 0, 1.5, book.add_format({"num_format": "[h]:mm"}))

    assert read(tmp_path, workbook([["a"]], touch)) == [("09:30:00",), ("36:00:00",)]


def test_blank_rows_and_ragged_rows(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["a", "b", "c"], ["1"], [], ["", " "], [None, "2"], ["3", "", "4"]]

    def touch(book: Any, page: Any) -> None:
        page.write_blank(50, 40, None, book.add_format({"bold": True}))

    assert read(tmp_path, workbook(rows, touch)) == [("1", "", ""), ("", "2", ""), ("3", "", "4")]


def test_formulas_are_their_saved_values(tmp_path: Path) -> None:
    content = workbook([["a"]], lambda _, page: page.write_formula(1, 0, "=1+1", None, 2))
    assert refusal(tmp_path, content).reason == "formula_without_value"
    saved = {BOOK: replaced(' fullCalcOnLoad="1"', "")}
    assert read(tmp_path, tampered(content, saved)) == [("2",)]
    for empty in ("", "<v></v>", "<v/>"):
        found = refusal(tmp_path, tampered(content, saved | {SHEET: replaced("<v>2</v>", empty)}))
        assert found.reason == "formula_without_value"
        assert "sheet row 2" in found.message
    text = replaced('"><f>1+1</f><v>2</v>', '" t="str"><f>1+1</f><v></v>')
    assert read(tmp_path, tampered(content, saved | {SHEET: text})) == []


def test_the_sheet_is_the_only_visible_one_or_the_contracts(tmp_path: Path) -> None:
    def touch(book: Any, _: Any) -> None:
        book.add_worksheet("Legend").write(0, 0, "words")

    content = workbook(ROWS, touch)
    assert "2 visible sheets" in refusal(tmp_path, content).message
    assert len(read(tmp_path, content, sheet="Export")) == 2
    missing = refusal(tmp_path, content, sheet="Other")
    assert missing.reason == "wrong_sheet"
    assert "Legend" not in missing.message


def test_an_empty_hidden_sheet_is_no_matter(tmp_path: Path) -> None:
    content = workbook(ROWS, lambda book, _: book.add_worksheet("Spare").hide())
    assert len(read(tmp_path, content)) == 2


def _hidden(book: Any, _: Any) -> None:
    page = book.add_worksheet("Spare")
    page.write(3, 3, PLANTED)
    page.very_hidden()


def _title(book: Any, page: Any) -> None:
    page.merge_range(5, 0, 5, 1, "x")


CELL = '<c r="C2"><v>3</v></c>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (workbook(ROWS, _hidden), "hidden_sheet"),
        (workbook(ROWS, _title), "merged_cells"),
        (workbook([["", "b"], ["1", "2"]]), "no_header"),
        (workbook([[], ["a", "b"], ["1", "2"]]), "no_header"),
        (workbook([["a"], ["1", "2"]]), "no_header"),
        (workbook([["a", "A"], ["1", "2"]]), "repeated_column"),
        (workbook([["a"], [10**15]]), "inexact_number"),
        (
            tampered(workbook(ROWS), {SHEET: replaced(CELL, CELL.replace("3", "nan"))}),
            "inexact_number",
        ),
        (
            tampered(workbook(ROWS), {SHEET: replaced(CELL, '<c r="C2" t="e"><v>#N/A</v></c>')}),
            "cell_error",
        ),
        (workbook(ROWS, lambda _, page: page.write(1_048_575, 16_383, 1)), "too_large"),
        (
            tampered(workbook(ROWS), {SHEET: replaced(CELL, CELL.replace("C2", "C3"))}),
            "damaged_file",
        ),
        (tampered(workbook(ROWS), {SHEET: replaced(CELL, CELL + CELL)}), "damaged_file"),
        (
            tampered(workbook(ROWS), {SHEET: replaced('r="C2"', 'r="ZZZZZ99999999999"')}),
            "damaged_file",
        ),
        (tampered(workbook(ROWS), {SHEET: replaced('row r="3"', 'row r="2"')}), "damaged_file"),
        (
            tampered(
                workbook(ROWS),
                {SHEET: replaced("<worksheet", '<!DOCTYPE a [<!ENTITY b "c">]><worksheet')},
            ),
            "damaged_file",
        ),
        (
            tampered(workbook(ROWS), {SHEET: replaced('encoding="UTF-8"', 'encoding="latin-1"')}),
            "damaged_file",
        ),
        (tampered(workbook(ROWS), add={"xl/vbaProject.bin": b"x"}), "unsearchable_part"),
        (tampered(workbook(ROWS), add={"xl/media/a.png": b"x"}), "unsearchable_part"),
        (b"\xd0\xcf\x11\xe0 old", "damaged_file"),
        (b"", "empty_file"),
        (b"client,visit\n", "damaged_file"),
        (tampered(workbook(ROWS), add={"xl/a.xml": workbook(ROWS)}), "unsafe_archive"),
        (tampered(workbook(ROWS), add={"../a.xml": b"<a/>"}), "unsafe_archive"),
        (tampered(workbook(ROWS), add={"/a.xml": b"<a/>"}), "unsafe_archive"),
        (tampered(workbook(ROWS), add={"xl/Workbook.xml": b"<a/>"}), "unsafe_archive"),
        (tampered(workbook(ROWS), add={"xl/a.xml": b" " * 2**23}), "unsafe_archive"),
        (
            tampered(workbook(ROWS), add={f"xl/{n}.xml": b"<a/>" for n in range(200)}),
            "unsafe_archive",
        ),
    ],
)
def test_what_is_not_plainly_a_sheet_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    found = refusal(tmp_path, content)
    assert found.reason == reason
    assert PLANTED not in str(found)


def test_sizes_are_summed_before_anything_is_unpacked(tmp_path: Path) -> None:
    stream = BytesIO(workbook(ROWS))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/a.xml", b"<a/>")
        archive.getinfo("xl/a.xml").file_size = 201 * 2**20
    found = refusal(tmp_path, stream.getvalue())
    assert found.reason == "unsafe_archive"
    assert "once unpacked" in found.message


def test_what_programs_write_of_themselves_is_no_finding(tmp_path: Path) -> None:
    program = "LibreOffice/7.4.7.2$Linux_X86_64 LibreOffice_project/40$Build-2"
    content = tampered(
        workbook(ROWS),
        {
            APP: replaced("Microsoft Excel", program),
            SHEET: replaced(
                "<worksheet ",
                '<worksheet xmlns:g="http://www.example.com/2006/x" '
                'uid="{00001234-5678-9012-3456-000000000000}" ',
            ),
        },
    )
    assert len(read(tmp_path, content)) == 2


def test_a_prefix_before_every_name_changes_nothing(tmp_path: Path) -> None:
    names = ("worksheet", "sheetData", "row", "c", "v")

    def prefixed(content: bytes) -> bytes:
        text = content.decode().replace("xmlns=", "xmlns:x=")
        for name in names:
            for mark in ("<", "</"):
                for end in (" ", ">"):
                    text = text.replace(f"{mark}{name}{end}", f"{mark}x:{name}{end}")
        return text.encode()

    expected = read(tmp_path, workbook(ROWS))
    assert read(tmp_path, tampered(workbook(ROWS), {SHEET: prefixed})) == expected
