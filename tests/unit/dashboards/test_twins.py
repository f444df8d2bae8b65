"""Table twins: the page and the download have the same numbers, and no more digits."""

import csv
import io
import re

import pytest

from dashboards import twins
from dashboards.twins import INSTEAD, Column, Twin

COLUMNS = (
    Column("Site", ("site",), "text"),
    Column("Clients", ("n_clients",), "count"),
    Column("Mean", ("raw",), "score"),
    Column("95 % interval", ("lower95", "upper95"), "score"),
    Column("Part", ("part",), "signed"),
    Column("Coefficient", ("estimate",), "finer"),
    Column("Returned", ("response_rate",), "share"),
    Column("Reliability", ("reliability",), "plain"),
    Column("Note", ("note",), "text"),
)
FULL = {
    "site": "=Abbey & Lane",
    "n_clients": 1212,
    "raw": 35.24,
    "lower95": -0.26,
    "upper95": 36.16,
    "part": 0.449,
    "estimate": -0.0521,
    "response_rate": 0.724,
    "reliability": 0.5825,
    "note": "",
}


def _twin(*rows: twins.Row, decimals: int = 1) -> Twin:
    return Twin("example-table", "An <example>", COLUMNS, rows, decimals)


def _cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr.*?</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_each_kind_of_number_has_its_own_digits() -> None:
    _, cells = _cells(twins.html(_twin(FULL)))
    assert cells == [
        "=Abbey &amp; Lane",
        "1,212",
        "35.2",
        "−0.3 to 36.2",
        "+0.4",
        "−0.05",
        "72 %",
        "0.58",
        "–",
    ]


def test_what_is_not_there_is_a_dash() -> None:
    _, cells = _cells(twins.html(_twin({"site": "Abbey Lane"})))
    assert cells == ["Abbey Lane", *["–"] * 8]


def test_a_hidden_row_has_words_and_no_numbers_anywhere() -> None:
    hidden = {"site": "West End", INSTEAD: "Not shown: could give someone away"}
    html = twins.html(_twin(hidden))
    assert _cells(html)[1] == ["West End", "Not shown: could give someone away"]
    assert 'colspan="8"' in html
    [line] = csv.DictReader(io.StringIO(twins.csv_text(_twin(hidden), {"release_id": "r1"})))
    assert {name for name, value in line.items() if value} == {"release_id", "site"}


def test_the_first_column_is_a_heading_and_the_table_can_be_reached_by_key() -> None:
    html = twins.html(_twin(FULL))
    assert html.count('<th scope="row">') == 1
    assert html.count('<th scope="col"') == len(COLUMNS)
    assert 'role="region" tabindex="0" aria-label="An &lt;example&gt;"' in html
    assert "<example>" not in html


@pytest.mark.parametrize("decimals", [1, 2])
def test_the_download_has_the_pages_digits_and_both_ends_of_an_interval(decimals: int) -> None:
    twin = _twin(FULL, decimals=decimals)
    [line] = csv.DictReader(io.StringIO(twins.csv_text(twin, {"release_id": "r1"})))
    assert list(line) == ["release_id", *(name for column in COLUMNS for name in column.names)]
    assert line["release_id"] == "r1"
    assert line["site"] == "'=Abbey & Lane"
    shown = _cells(twins.html(twin))[1]
    assert line["raw"] == shown[2]
    assert [line["lower95"], line["upper95"]] == shown[3].replace("−", "-").split(" to ")
    assert line["estimate"] == shown[5].replace("−", "-")
    assert f"{100 * float(line['response_rate']):.0f} %" == shown[6]
    assert line["reliability"] == shown[7]
