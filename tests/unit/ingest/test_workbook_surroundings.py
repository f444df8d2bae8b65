"""What a workbook carries beside its cells is found; what damage does to it is survived."""

import random
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.ingest.refusal import DeliveryRefused
from tests.unit.ingest.test_workbook import BOOK, PLANTED, ROWS, SHEET, STRINGS, read, refusal
from tests.unit.ingest.workbooks import replaced, tampered, workbook


def _comment(_: Any, page: Any) -> None:
    page.write_comment(1, 1, f"ask {PLANTED}")


PLACES: dict[str, tuple[bytes, str]] = {
    "cell": (workbook([*ROWS, ["P3", PLANTED, 1]]), "column visit looks like"),
    "comment": (workbook(ROWS, _comment), "a comment looks like"),
    "author": (
        workbook(ROWS, lambda b, _: b.set_properties({"author": PLANTED})),
        "the workbook's properties",
    ),
    "company": (
        workbook(ROWS, lambda b, _: b.set_properties({"company": PLANTED})),
        "the workbook's properties",
    ),
    "custom property": (
        workbook(ROWS, lambda b, _: b.set_custom_property("Sent by", PLANTED)),
        "the workbook's properties",
    ),
    "sheet name": (workbook(ROWS, sheet=PLANTED), "list of sheets"),
    "defined name": (
        workbook(ROWS, lambda b, _: b.define_name("who", f'="{PLANTED}"')),
        "list of sheets",
    ),
    "header line": (
        workbook(ROWS, lambda _, page: page.set_header(f"&L{PLANTED}")),
        "a part of a sheet outside its cells",
    ),
    "prompt": (
        workbook(
            ROWS,
            lambda _, page: page.data_validation(
                "A2", {"validate": "any", "input_title": "who", "input_message": PLANTED}
            ),
        ),
        "a part of a sheet outside its cells",
    ),
    "link": (
        workbook(ROWS, lambda _, page: page.write_url(1, 0, f"mailto:{PLANTED}", None, "P1")),
        "a part of a sheet outside its cells",
    ),
    "text box": (workbook(ROWS, lambda _, page: page.insert_textbox(5, 5, PLANTED)), "a drawing"),
    "text of no cell": (
        tampered(workbook(ROWS), {STRINGS: replaced("</sst>", f"<si><t>{PLANTED}</t></si></sst>")}),
        "a text that is in no cell",
    ),
    "phonetic guide": (
        tampered(
            workbook(ROWS),
            {STRINGS: replaced("<t>P1</t>", f"<t>P1</t><rPh><t>{PLANTED}</t></rPh>")},
        ),
        "a text that is in no cell",
    ),
    "note in the XML": (
        tampered(workbook(ROWS), {SHEET: replaced("<sheetData>", f"<!--{PLANTED}--><sheetData>")}),
        "a part of a sheet outside its cells",
    ),
    "part of no use": (
        tampered(workbook(ROWS), add={"customXml/item1.xml": f"<a>{PLANTED}</a>".encode()}),
        "a part of the workbook",
    ),
    "printer": (
        tampered(
            workbook(ROWS),
            add={"xl/printerSettings/printerSettings1.bin": PLANTED.encode("utf-16-le")},
        ),
        "the printer's settings",
    ),
    "name of a part": (
        tampered(workbook(ROWS), add={f"xl/{PLANTED}.xml": b"<a/>"}),
        "the name of a part",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_identifier_in_any_place_is_found_and_not_repeated(tmp_path: Path, place: str) -> None:
    content, words = PLACES[place]
    found = refusal(tmp_path, content)
    assert found.reason == "identifier_found"
    assert words in found.message
    assert "example" not in found.message


def test_another_visible_sheet_is_searched(tmp_path: Path) -> None:
    def touch(book: Any, _: Any) -> None:
        book.add_worksheet("Legend").write_row(0, 0, ["words", PLANTED])

    found = refusal(tmp_path, workbook(ROWS, touch), sheet="Export")
    assert "looks like it holds a e-mail address" in found.message


Damage = Callable[[random.Random, bytes], bytes]


def _in_the_archive(chance: random.Random, whole: bytes) -> bytes:
    damaged = bytearray(whole)
    if chance.random() < 0.3:
        return bytes(damaged[: chance.randrange(len(damaged))])
    damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _in_a_part(chance: random.Random, whole: bytes) -> bytes:
    """Behind the archive's check sums, which otherwise find nearly every flip."""
    ending = chance.choice([SHEET, BOOK, STRINGS, "styles.xml", "workbook.xml.rels"])

    def flip(content: bytes) -> bytes:
        return _in_the_archive(chance, content)

    return tampered(whole, {ending: flip})


@pytest.mark.parametrize("damage", [_in_the_archive, _in_a_part])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, damage: Damage) -> None:
    rows: Sequence[Sequence[Any]] = [*ROWS, *([f"P{n}", date(2026, 1, 5), n] for n in range(20))]
    whole = workbook(rows)
    chance = random.Random(20260930)
    con = duckdb.connect()
    n_refused = 0
    for _ in range(150):
        try:
            read(tmp_path, damage(chance, whole), con=con)
        except DeliveryRefused:
            n_refused += 1
    assert n_refused > 30
