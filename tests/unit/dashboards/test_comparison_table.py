"""The table twin and its download: the same numbers, safe to show and safe to open."""

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dashboards import table
from dashboards.release import Instrument, SiteResult
from tests.unit.dashboards.rows import ALLIANCE, NO_LIMITS, adjusted, named, row, suppressed

CAPTION = "A caption."


class _Cells(HTMLParser):
    """The text of every cell, row by row, and the tags that occurred."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell = []

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.rows[-1].append("|".join(self._cell))
            self._cell = None


def _parsed(html: str) -> _Cells:
    parser = _Cells()
    parser.feed(html)
    return parser


def test_it_holds_the_rows_numbers_in_the_order_given() -> None:
    rows = [named("Abbey Lane"), suppressed("Elm Court"), named("Mill Road", raw=36.9)]
    head, first, hidden, last = _parsed(table.html_table(rows, ALLIANCE, CAPTION)).rows
    assert head[0] == "Site"
    assert len(head) == len(first) == 10
    assert first[:9] == [
        "Abbey Lane|Harbour",
        "212",
        "8",
        "1,272",
        "35.2 ± 1.0",
        "–",
        "34.3 to 36.5",
        "72 %",
        "24 %",
    ]
    assert first[9].endswith("Within the expected range")
    assert hidden == ["Elm Court|Harbour", "Not shown: could give someone away"]
    assert last[4] == "36.9 ± 1.0"


def test_a_missing_number_is_a_dash_and_its_reason_is_in_words() -> None:
    result = row(**NO_LIMITS, n_therapists=None, comparability="therapist_unknown")
    cells = _parsed(table.html_table([result], ALLIANCE, CAPTION)).rows[1]
    assert cells[2] == "–"
    assert cells[6] == "–"
    assert cells[9].endswith("No flag|Therapists not known")


ALIKE = dict.fromkeys(("adjusted", "standard_error", "flag")) | {
    "null_reason": "covariate_not_identifiable",
    "not_identifiable": "age_band",
}


def test_raw_and_adjusted_stand_together_or_it_says_why_not() -> None:
    """35.0 ± 1.959964 x 0.52."""
    rows = [named("Abbey Lane"), named("Elm Court"), named("Mill Road"), suppressed()]
    found = (
        adjusted("Abbey Lane", flag="above_95"),
        adjusted("Elm Court", **ALIKE),
        adjusted("West End"),
    )
    adjustments = {(item.practice_id, item.site_id): item for item in found}
    html = table.html_table(rows, ALLIANCE, CAPTION, None, adjustments)
    _, first, alike, absent, hidden = _parsed(html).rows
    assert first[4:6] == ["35.2 ± 1.0", "35.0 ± 1.0"]
    assert first[9].endswith("Within the expected range|Adjusted: above the 95 % limit")
    assert alike[5] == "–"
    assert alike[9].endswith("Not adjusted: clients all alike in age group")
    assert absent[5] == "–"
    assert hidden == ["West End|Harbour", "Not shown: could give someone away"]
    text = table.csv_text(rows, ALLIANCE, {"release_id": "r1"}, adjustments)
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["adjusted"] for line in lines] == ["35.0", "", "", ""]
    assert lines[0]["adjusted_margin"] == "1.0"
    assert lines[1]["not_adjusted"].startswith("Not adjusted")
    assert lines[3]["not_adjusted"] == ""


def test_it_scrolls_within_itself_by_keyboard() -> None:
    html = table.html_table([row()], ALLIANCE, CAPTION)
    assert html.startswith('<div class="table-scroll" role="region" tabindex="0" aria-label=')


def test_flags_differ_by_mark_and_words_not_by_colour_alone() -> None:
    flags = ("above_998", "above_95", "within", "below_95", "below_998", None)
    rows = [row(flag=flag) for flag in flags]
    parsed = _parsed(table.html_table(rows, ALLIANCE, CAPTION)).rows[1:]
    assert len({cells[9] for cells in parsed}) == len(flags)
    assert len({cells[9][0] for cells in parsed}) == len(flags)


def test_a_name_cannot_bring_markup_in() -> None:
    result = row(site_label="<img src=x onerror=alert(1)>", practice_name="A & B")
    html = table.html_table([result], ALLIANCE, "<script>")
    assert {"img", "script"}.isdisjoint(_parsed(html).tags)
    assert "A &amp; B" in html


def test_no_column_is_a_rank() -> None:
    html = table.html_table([row()], ALLIANCE, CAPTION).lower()
    assert "rank" not in html


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_quoted(start: str) -> None:
    assert table.safe_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("value", [-1.5, 0, None, True, "plain", " =late"])
def test_other_cells_are_left_alone(value: object) -> None:
    assert table.safe_cell(value) == value


def _downloaded(*rows: SiteResult, instrument: Instrument = ALLIANCE) -> list[dict[str, str]]:
    identity = {"release_id": "r1", "language": None}
    return list(csv.DictReader(io.StringIO(table.csv_text(rows, instrument, identity))))


def test_the_download_says_what_it_is_and_hides_what_the_page_hides() -> None:
    first, hidden = _downloaded(named("=HYPERLINK(0)", target=-1.5), suppressed())
    assert first["release_id"] == "r1"
    assert first["language"] == ""
    assert first["site_label"] == "'=HYPERLINK(0)"
    assert first["target"] == "-1.5"
    assert first["flag"] == "within"
    for name in table.DOWNLOAD_COLUMNS[2:14]:
        assert hidden[name] == ""
    assert hidden["is_suppressed"] == "True"
    assert hidden["suppression_reason"] == "too_few"


@pytest.mark.parametrize("total_maximum", [40, 7])
def test_the_download_has_the_pages_numbers_and_no_more_digits(total_maximum: float) -> None:
    instrument = replace(ALLIANCE, total_maximum=total_maximum)
    third = 1 / 3
    exact = {"raw": 5 + third, "standard_error": third, "lower95": 4 + third, "upper95": 6 + third}
    result = row(**exact, response_rate=0.72 + third / 1000, ceiling_share=2 * third)
    (found,) = _downloaded(result, instrument=instrument)
    shown = _parsed(table.html_table([result], instrument, CAPTION)).rows[1]
    assert shown[4] == f"{found['raw']} ± {found['margin']}"
    assert shown[6] == f"{found['lower95']} to {found['upper95']}"
    assert shown[7] == f"{100 * float(found['response_rate']):.0f} %"
    assert shown[8] == f"{100 * float(found['ceiling_share']):.0f} %"
    most = instrument.decimals
    numbers = [cell for cell in found.values() if re.fullmatch(r"-?\d+\.\d+", cell)]
    assert len(numbers) == 9
    assert max(len(cell.partition(".")[2]) for cell in numbers) <= max(most, 2)
    assert len(found["raw"].partition(".")[2]) == most
