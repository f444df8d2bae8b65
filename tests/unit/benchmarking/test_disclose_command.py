"""`alliance disclose`: the document, the exit statuses, the one line when refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app

run = CliRunner()
TABLE = """site;age;n
a;young;20
a;old;50
a;all;70
b;young;8
b;old;40
b;all;48
all;young;28
all;old;90
all;all;118
"""
OPTIONS = ["--count", "n", "--by", "site,age", "--total", "all"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def _document(path: Path, *options: str) -> Any:
    result = run.invoke(app, ["disclose", str(path), *OPTIONS, *options, "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_small_cell_and_the_rectangle_around_it(table: Path) -> None:
    found = _document(table)
    cells = {(cell["site"], cell["age"]): cell for cell in found["cells"]}
    hidden = {name for name, cell in cells.items() if cell["hidden"]}
    assert hidden == {("a", "young"), ("a", "old"), ("b", "young"), ("b", "old")}
    # b young = 8 - t, and its three neighbours move with it: t from -20 (a young) to 8.
    assert (cells["b", "young"]["lower"], cells["b", "young"]["upper"]) == (0, 28)
    assert (cells["b", "young"]["n"], cells["b", "all"]["n"]) == (None, 48)
    assert (cells["b", "all"]["lower"], cells["b", "all"]["upper"]) == (48, 48)
    assert (found["n_small"], found["n_hidden"], found["n_cells"]) == (1, 4, 9)


def test_rounded_counts_are_bounded_as_far_as_rounding_goes(table: Path) -> None:
    found = _document(table, "--round", "5")
    cells = {(cell["site"], cell["age"]): cell for cell in found["cells"]}
    total = cells["all", "all"]
    assert (total["n"], total["lower"], total["upper"]) == (120, 118, 122)
    assert cells["b", "young"]["hidden"]
    assert cells["b", "young"]["lower"] == 0
    assert cells["b", "young"]["upper"] >= 11


def test_a_lower_minimum_hides_nothing(table: Path) -> None:
    found = _document(table, "--minimum", "5")
    assert (found["n_hidden"], found["information_lost"]) == (0, 0)


def test_the_table_names_what_is_hidden(table: Path) -> None:
    result = run.invoke(app, ["disclose", str(table), *OPTIONS])
    assert "4 of 9 cells hidden: 1 below 11, 3 to protect them" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("all;all;118", "all;all;119", "line 10: the margin of site is not the sum"),
        ("a;young;20", "a;young;20.5", "line 2, column n: expected a count"),
        ("a;young;20", "a;young;", "line 2, column n: expected a count"),
        ("a;young;20", "a;young;-20", "line 2, column n: expected a count"),
        ("a;young;20", "a;young;1e300", "line 2, column n: expected a count"),
        ("a;young;20", "a;old;20", "line 3: this cell is there twice"),
    ],
)
def test_what_is_no_table_of_counts_is_refused(table: Path, old: str, new: str, said: str) -> None:
    table.write_text(TABLE.replace(old, new), encoding="utf-8")
    result = run.invoke(app, ["disclose", str(table), *OPTIONS])
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_column_named_like_a_result_is_refused(table: Path) -> None:
    table.write_text(TABLE.replace("age", "lower"), encoding="utf-8")
    result = run.invoke(app, ["disclose", str(table), "--count", "n", "--by", "site,lower"])
    assert result.exit_code == 2
    assert "--by cannot hold 'lower'" in result.stderr
    table.write_text(TABLE.replace(";n", ";hidden"), encoding="utf-8")
    result = run.invoke(app, ["disclose", str(table), "--count", "hidden"])
    assert result.exit_code == 2
    assert "--count cannot be 'hidden'" in result.stderr


def _cells(path: Path, *options: str) -> list[dict[str, Any]]:
    result = run.invoke(app, ["disclose", str(path), *options, "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(result.stdout)["cells"]
    return found


def test_a_file_alone_is_enough(table: Path) -> None:
    assert _cells(table) == _document(table)["cells"]
    table.write_text(TABLE.replace(";n\n", ";rows\n"), encoding="utf-8")
    assert _cells(table)[1]["rows"] is None


@pytest.mark.parametrize("word", ["Total", "TOTAL", "Sum", "All", "overall"])
def test_a_margin_is_known_by_any_of_its_words(table: Path, word: str) -> None:
    expected = [cell["hidden"] for cell in _document(table)["cells"]]
    table.write_text(TABLE.replace("all;", f"{word};"), encoding="utf-8")
    found = _cells(table)
    assert [cell["hidden"] for cell in found] == expected
    assert found[-1]["site"] == word


def test_rows_by_columns_are_cells_too(table: Path) -> None:
    expected = [cell["hidden"] for cell in _document(table)["cells"]]
    table.write_text(
        '"","young","old","Sum"\n"a",20,50,70\n"b",8,40,48\n"Sum",28,90,118\n', encoding="utf-8"
    )
    found = _cells(table)
    assert [cell["hidden"] for cell in found] == expected
    assert found[3] == {
        "row": "b",
        "column": "young",
        "count": None,
        "hidden": True,
        "lower": 0,
        "upper": 28,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("site,n,n_therapists\na,20,3\nb,5,1\ntotal,25,4\n", "column n_therapists may name a cell"),
        ("site,young,old\na,20,5\nb,30,40\n", "2 columns hold counts"),
        ("site,age\na,young\n", "no column holds counts"),
        ("n\n3\n", "no column names a cell"),
        ("site,young,Total\na,*,5\n", "line 2, column young: not a number"),
        ("site,young,Total\na,,5\n", "line 2, column young: expected a count"),
    ],
)
def test_what_reads_in_several_ways_is_asked_for(table: Path, text: str, says: str) -> None:
    table.write_text(text, encoding="utf-8")
    result = run.invoke(app, ["disclose", str(table)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_table_without_a_margin_is_said_to_have_none(table: Path) -> None:
    result = run.invoke(app, ["disclose", str(table), *OPTIONS[:4], "--total", "no such"])
    assert result.exit_code == 0
    assert "no margin was found" in result.stderr
