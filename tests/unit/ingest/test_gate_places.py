"""Identifiers of every class, planted in every place of every format: each one is caught.

A sample of the classes by default, rotating over the places so that each comes up; all of them
with --campaign full.
"""

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.practice import FileSpec
from expectations.registry import load_registry
from orchestration.ingest import privacy
from orchestration.ingest.cell_scan import cell_rules, scan
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from tests.unit.ingest import declarations
from tests.unit.ingest.fhir_declarations import FHIR_FILE, response
from tests.unit.ingest.planted import PLANTED
from tests.unit.ingest.workbooks import replaced, tampered, workbook

HEADER = ["client", "visit", "day", "state", "a", "b", "c", "batch"]
ROW = ["P1", "V1", "03.02.2026", "done", "1", "2", "3", "x"]
EVERY = [(kind, text) for kind, texts in PLANTED.items() for text in texts]
FEEDS = load_registry().feeds

Rows = list[list[str]]
Write = Callable[[Rows], bytes]


def _csv(rows: Rows) -> bytes:
    return "".join(";".join(f'"{cell}"' for cell in row) + "\n" for row in rows).encode()


def _gzip(rows: Rows) -> bytes:
    return gzip.compress(_csv(rows))


def _qualtrics(rows: Rows, wording: str = "wording") -> bytes:
    ids = [json.dumps({"ImportId": f"QID{n}"}).replace('"', '""') for n in range(len(rows[0]))]
    return _csv([rows[0], [wording] * len(rows[0]), ids, *rows[1:]])


def _parquet(rows: Rows, metadata: dict[str, str] | None = None) -> bytes:
    columns = dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))
    table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink)
    return bytes(sink.getvalue())


TABLES: dict[str, tuple[Write, dict[str, Any]]] = {
    "csv": (_csv, {"dialect": {"delimiter": ";"}}),
    "gzip": (_gzip, {"dialect": {"delimiter": ";", "compression": "gzip"}}),
    "redcap": (_csv, {"format": "redcap", "dialect": {"delimiter": ";"}}),
    "qualtrics": (_qualtrics, {"format": "qualtrics", "dialect": {"delimiter": ";"}}),
    "xlsx": (workbook, {"format": "xlsx", "dialect": {}}),
    "parquet": (_parquet, {"format": "parquet", "dialect": {}}),
}


def _texts(place: int, is_full: bool) -> list[tuple[str, str]]:
    """All planted texts, or a fifth of them that is another for each place."""
    return EVERY if is_full else EVERY[place % 5 :: 5]


def _refusal(folder: Path, name: str, content: bytes, **spec: Any) -> DeliveryRefused | None:
    """What the gate says of a file, in the order of the night; None when it passes."""
    path = folder / name
    path.write_bytes(content)
    chosen = FileSpec.model_validate({**copy.deepcopy(declarations.WIDE_FILE), **spec})
    with duckdb.connect() as con:
        try:
            privacy.check_file_name(path.name)
            opened = open_file(con, path, chosen, Limits())
            privacy.check_columns(opened.relation.columns, chosen, opened.identifying)
            privacy.check_other_texts(opened.other_texts)
            scan(con, opened.relation, cell_rules(chosen, FEEDS, "limited_data_set"))
        except DeliveryRefused as refusal:
            return refusal
    return None


def _assert_caught(refusal: DeliveryRefused | None, kind: str, text: str) -> None:
    assert refusal is not None, f"{kind} passed: {text}"
    assert text not in str(refusal)
    assert kind in refusal.message, (kind, refusal.message)


@pytest.mark.parametrize("kind_of_file", TABLES)
def test_cells_of_every_column(tmp_path: Path, kind_of_file: str, is_full_campaign: bool) -> None:
    """Ids, dates, words that the enumeration rejects, numbers, and columns that are discarded."""
    write, spec = TABLES[kind_of_file]
    assert _refusal(tmp_path, "forms_20260930.x", write([HEADER, ROW]), **spec) is None
    start = list(TABLES).index(kind_of_file)
    for number, (kind, text) in enumerate(_texts(start, is_full_campaign)):
        places = range(len(HEADER)) if is_full_campaign else [(start + number) % len(HEADER)]
        for place in places:
            row = [text if at == place else cell for at, cell in enumerate(ROW)]
            refusal = _refusal(tmp_path, "forms_20260930.x", write([HEADER, ROW, row]), **spec)
            _assert_caught(refusal, kind, text)
            assert refusal is not None
            assert f"column {HEADER[place]} looks like a {kind} in rows 2" in refusal.message


@pytest.mark.parametrize("kind_of_file", TABLES)
def test_names_of_columns_and_of_files(
    tmp_path: Path, kind_of_file: str, is_full_campaign: bool
) -> None:
    write, spec = TABLES[kind_of_file]
    start = list(TABLES).index(kind_of_file)
    for kind, text in _texts(start, is_full_campaign):
        spec["discard"] = ["batch", text]
        content = write([[*HEADER, text], [*ROW, "x"]])
        refusal = _refusal(tmp_path, "forms_20260930.x", content, **spec)
        # REDCap's names of variables cannot be identifiers; that is said before.
        _assert_caught(refusal, "" if kind_of_file == "redcap" else kind, text)
        if "/" not in text:
            name = f"forms {text} 20260930.x"
            _assert_caught(_refusal(tmp_path, name, write([HEADER, ROW]), **spec), "", text)
    spec.pop("discard")


def test_everything_else_in_a_workbook(tmp_path: Path, is_full_campaign: bool) -> None:
    rows: list[list[str]] = [HEADER, ROW]
    plain = workbook(rows, lambda book, page: page.write_comment("B2", "SECRET"))

    def named(text: str) -> bytes:
        return workbook(rows, sheet=text)

    def property_(text: str) -> bytes:
        return workbook(rows, lambda book, page: book.set_properties({"author": text}))

    def hidden(text: str) -> bytes:
        def touch(book: Any, page: Any) -> None:
            sheet = book.add_worksheet("More")
            sheet.write(0, 0, text)
            sheet.hide()

        return workbook(rows, touch)

    def comment(text: str) -> bytes:
        return tampered(plain, {"comments1.xml": replaced("SECRET", text)})

    spec: dict[str, Any] = TABLES["xlsx"][1]
    for number, make in enumerate((named, property_, comment, hidden)):
        for kind, text in _texts(number, is_full_campaign):
            if make is named and (set(text) & set("[]:*?/\\") or len(text) > 31):
                continue
            refusal = _refusal(tmp_path, "forms_20260930.xlsx", make(text), **spec)
            # A hidden sheet is refused whatever is on it.
            _assert_caught(refusal, "hidden sheet" if make is hidden else kind, text)


def test_wording_and_metadata(tmp_path: Path, is_full_campaign: bool) -> None:
    for kind, text in _texts(0, is_full_campaign):
        content = _qualtrics([HEADER, ROW], wording=f"ask {text} for more")
        spec = TABLES["qualtrics"][1]
        _assert_caught(_refusal(tmp_path, "forms_20260930.x", content, **spec), kind, text)
        content = _parquet([HEADER, ROW], {"exported by": text})
        spec = TABLES["parquet"][1]
        _assert_caught(_refusal(tmp_path, "forms_20260930.x", content, **spec), kind, text)


def _in_fhir(place: str, text: str) -> bytes:
    form = response("r1", [1] * 9)
    item = form["item"][0]
    coding = item["answer"][0]["valueCoding"]
    if place in ("text", "linkId"):
        item[place] = text
    elif place in ("display", "code"):
        coding[place] = text
    elif place == "id":
        form["id"] = text
    elif place == "subject":
        form["subject"] = {"reference": f"Patient/{text}"}
    elif place == "identifier":
        form["identifier"] = {"system": "http://example.org/x", "value": text}
    elif place == "dropped":
        form["meta"] = {"extension": [{"url": "http://example.org/y", "valueCode": text}]}
    else:
        form["item"].append({"linkId": "69722-7", "answer": [{"valueString": text}]})
    return json.dumps(form).encode()


FHIR_PLACES = (
    "text",
    "linkId",
    "display",
    "code",
    "id",
    "subject",
    "identifier",
    "dropped",
    "said",
)


@pytest.mark.parametrize("place", FHIR_PLACES)
def test_texts_of_fhir(tmp_path: Path, place: str, is_full_campaign: bool) -> None:
    for kind, text in _texts(FHIR_PLACES.index(place), is_full_campaign):
        if place == "subject" and kind == "web address":
            continue  # A reference may be an address; of it the last part alone is kept.
        refusal = _refusal(tmp_path, "responses_1.json", _in_fhir(place, text), **FHIR_FILE)
        _assert_caught(refusal, kind, text)


NAME = "Zebulon Quick"


def test_a_name_is_stored_nowhere_but_where_an_id_is_expected() -> None:
    """No pattern finds it: every column has a type, which a name does not fit."""
    from orchestration.ingest.conform import conform
    from orchestration.ingest.conformed import Terms
    from orchestration.ingest.pseudonyms import PracticeKey, install

    spec = FileSpec.model_validate(declarations.WIDE_FILE)
    con = duckdb.connect()
    install(con, PracticeKey("brook", b"k" * 32))
    rows = [[NAME if at == place else cell for at, cell in enumerate(ROW)] for place in range(8)]
    con.register("file", pa.table(dict(zip(HEADER, zip(*rows, strict=True), strict=True))))
    terms = Terms(
        practice_id="brook",
        sites=("north", "south"),
        feed=FEEDS["administrations"],
        instruments={("short_form", "1"): declarations.INSTRUMENT},
        source="(select * from file)",
    )
    conformed = conform(spec, spec.mappings[0], terms)
    for statement in (*conformed.before, *(part.sql for part in conformed.parts)):
        con.execute(statement)
    stored = [
        row
        for table in ("wide_rows", *(part.table for part in conformed.parts))
        for row in con.execute(f"select * from {table}").fetchall()
    ]
    assert len(stored) == 2 * len(rows)
    assert NAME not in str(stored)
