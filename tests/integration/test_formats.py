"""One practice's rows in every tabular format: the same tables, and the same gate before them."""

import gzip
import shutil
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from orchestration.ingest.content_hash import sha256_of
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.intake import take_in
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import create_key, load_key
from orchestration.settings import Settings
from tests.integration import small_group as group
from tests.unit.ingest import declarations
from tests.unit.ingest.workbooks import workbook

PLANTED = "jo@example.org"
COLUMNS = group.HEADER.split(";")
ROWS = [line.split(";") for line in group.FORMS.splitlines()[1:]]

Written = Callable[[list[list[str]]], bytes]


def _day(text: str) -> date:
    return datetime.strptime(text, "%d.%m.%Y").date()


def _text(delimiter: str, rows: list[list[str]]) -> bytes:
    return "".join(delimiter.join(row) + "\n" for row in [COLUMNS, *rows]).encode()


def _typed(row: list[str]) -> list[Any]:
    """As a spreadsheet holds it: days as days, answers as numbers, nothing where nothing was."""
    client, visit, day, state, *answers, batch = row
    return [client, visit, _day(day), state, *(int(a) if a else None for a in answers), batch]


def _xlsx(rows: list[list[str]]) -> bytes:
    return workbook([COLUMNS, *map(_typed, rows)])


def _parquet(rows: list[list[str]]) -> bytes:
    frame = pd.DataFrame(list(map(_typed, rows)), columns=COLUMNS)
    frame["day"] = pd.to_datetime(frame["day"])
    assert frame["a"].dtype == "float64"
    content = frame.to_parquet()
    assert isinstance(content, bytes)
    return content


def _file(**options: Any) -> dict[str, Any]:
    """The shared declaration of forms, in another format and with days as that format has them."""
    declared = {**declarations.WIDE_FILE, **options}
    if "format" in options:
        mapping = {**declared["mappings"][0], "date_format": "%Y-%m-%d"}
        declared["mappings"] = [mapping]
    return declared


FORMATS: dict[str, tuple[Written, dict[str, Any]]] = {
    "csv": (partial(_text, ";"), _file()),
    "tsv": (
        partial(_text, "\t"),
        _file(pattern="forms_*.tsv", dialect={"delimiter": "\t", "decimal_mark": ","}),
    ),
    "csv.gz": (
        lambda rows: gzip.compress(_text(";", rows), mtime=0),
        _file(
            pattern="forms_*.csv.gz",
            dialect={"delimiter": ";", "decimal_mark": ",", "compression": "gzip"},
        ),
    ),
    "xlsx": (
        _xlsx,
        _file(format="xlsx", pattern="forms_*.xlsx", dialect={"decimal_mark": ","}),
    ),
    "parquet": (
        _parquet,
        _file(format="parquet", pattern="forms_*.parquet", dialect={"decimal_mark": ","}),
    ),
}


def _taken_in(home: Path, ending: str, content: bytes) -> Outcome:
    home.mkdir(exist_ok=True)
    settings = Settings(home)
    practice = declarations.practice(FORMATS[ending][1])
    if not settings.keys.exists():
        create_key(settings.keys, "brook")
    path = home / f"forms_20260930.{ending}"
    path.write_bytes(content)
    job = FileJob(
        ending, "brook", "administrations", "forms", str(path), sha256_of(path), "2026-10-01"
    )
    scratch = home / "scratch.duckdb"
    (outcome,) = take_in(
        [job],
        group.registry(practice),
        partial(load_key, settings.keys),
        scratch,
        settings.limits,
        lambda _: None,
    )
    return outcome


def _tables(outcome: Outcome) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(outcome.scratch) as con:
        names = [
            row[0]
            for row in con.execute(
                "select table_name from information_schema.tables where table_schema = ? "
                "order by 1",
                [outcome.schema],
            ).fetchall()
        ]
        return {
            name: con.execute(f'select * from "{outcome.schema}"."{name}" order by all').fetchall()
            for name in names
        }


def test_the_same_rows_give_the_same_tables(tmp_path: Path) -> None:
    found: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for ending, (written, _) in FORMATS.items():
        # One key for all: pseudonyms are part of what must be equal.
        home = tmp_path / ending
        home.mkdir()
        if found:
            shutil.copytree(tmp_path / "csv" / "keys", home / "keys")
        outcome = _taken_in(home, ending, written(ROWS))
        assert (outcome.state, outcome.reason) == ("loaded", None), outcome.message
        assert outcome.n_rows_read == len(ROWS)
        found[ending] = _tables(outcome)
    assert len(found["csv"]["forms_01"]) == len(ROWS)
    for ending, tables in found.items():
        assert tables == found["csv"], ending


@pytest.mark.parametrize("ending", FORMATS)
def test_an_identifier_in_a_cell_refuses_the_file(tmp_path: Path, ending: str) -> None:
    written, _ = FORMATS[ending]
    row = [*ROWS[1][:3], PLANTED, *ROWS[1][4:]]
    outcome = _taken_in(tmp_path, ending, written([ROWS[0], row, *ROWS[2:]]))
    assert (outcome.state, outcome.reason) == ("refused", "identifier_found")
    assert "column state looks like a e-mail address in rows 2" in (outcome.message or "")
    assert PLANTED not in str(outcome)
    assert not any(
        PLANTED.encode() in path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.name.startswith("forms_")
    )


def _marked(book: Any, page: Any) -> None:
    page.write_comment(1, 1, PLANTED)


def _described(book: Any, page: Any) -> None:
    book.set_custom_property("sent by", PLANTED)


def _hidden(book: Any, page: Any) -> None:
    spare = book.add_worksheet("Spare")
    spare.write(0, 0, PLANTED)
    spare.hide()


@pytest.mark.parametrize(
    ("touch", "sheet", "reason"),
    [
        (_marked, "Export", "identifier_found"),
        (_described, "Export", "identifier_found"),
        (_hidden, "Export", "hidden_sheet"),
        (None, PLANTED, "identifier_found"),
    ],
)
def test_an_identifier_beside_the_cells_refuses_the_workbook(
    tmp_path: Path, touch: Any, sheet: str, reason: str
) -> None:
    content = workbook([COLUMNS, *map(_typed, ROWS)], touch, sheet)
    outcome = _taken_in(tmp_path, "xlsx", content)
    assert (outcome.state, outcome.reason) == ("refused", reason)
    assert PLANTED not in str(outcome)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_header_without_rows_is_refused(tmp_path: Path, ending: str) -> None:
    written, _ = FORMATS[ending]
    if ending == "parquet":
        empty = pd.DataFrame({name: pd.Series([], dtype="str") for name in COLUMNS})
        content = empty.to_parquet()
        assert isinstance(content, bytes)
    else:
        content = written([])
    assert _taken_in(tmp_path, ending, content).reason == "no_rows"
