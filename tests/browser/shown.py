"""Reads what a page shows: charts by what they tell a screen reader, tables cell by cell.

And what a release holds, in the words and digits that the page has for it.
"""

import re
from collections.abc import Mapping

import duckdb
from playwright.sync_api import Locator, Page

from tests.browser.fixture_release import FixtureRelease

Z95 = 1.959964
Row = Mapping[str, object]
OPENING = "stage = 'all' and period = '12m-2026-10' and instrument_code = 'srs'"


def chart_of(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key} svg.marks")


def read_for(page: Page, site: str) -> None:
    page.get_by_role("combobox", name="Read it for").click()
    page.get_by_role("option", name=site, exact=True).click()


def rows_in(release: FixtureRelease, sql: str) -> list[Row]:
    with duckdb.connect(str(release.path), read_only=True) as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def by_site(release: FixtureRelease, table: str) -> dict[str, Row]:
    """Rows of the opening view by the site's label."""
    rows = rows_in(
        release,
        f"select site_name, practice_name, t.* from {table} as t "
        f"join sites using (practice_id, site_id) where {OPENING} and collection_mode = 'tablet'",
    )
    return {
        f"{row['site_name']} ({row['practice_name']})"
        if row["site_name"] == "Main House"
        else str(row["site_name"]): row
        for row in rows
    }


def number_in(row: Row, name: str) -> float:
    value = row[name]
    assert isinstance(value, int | float)
    return float(value)


def score(value: object) -> str:
    if value is None:
        return "–"
    assert isinstance(value, int | float)
    return f"{value:.1f}".replace("-", "−")


def coded(text: str, bound: object) -> str:
    """A number of a table that may stand for itself or beyond."""
    return {None: "", "at_least": "≥ ", "at_most": "≤ "}[bound] + text  # type: ignore[index]


def coded_words(text: str, bound: object) -> str:
    """The same where a chart tells it."""
    return text + {None: "", "at_least": " or more", "at_most": " or less"}[bound]  # type: ignore[index]


def signed(value: object, digits: int = 1) -> str:
    if value is None:
        return "–"
    assert isinstance(value, int | float)
    return f"{value:+.{digits}f}".replace("-", "−")


def described(mark: Locator) -> dict[str, str]:
    """What a mark is to a reader who cannot see it."""
    text = str(mark.get_attribute("aria-label"))
    return dict(part.split(": ", 1) for part in re.split(r"; (?=[^;:]+: )", text))


def paths_of(chart: Locator, kind: str = "point") -> list[Locator]:
    return chart.locator(f"path[aria-roledescription={kind}][aria-label]").all()


def marks_of(chart: Locator, kind: str = "point") -> list[dict[str, str]]:
    return [described(mark) for mark in paths_of(chart, kind)]


def cells_of(page: Page, table: str) -> list[list[str]]:
    """A table's body, cell by cell, whether it is folded away or not."""
    return [
        [str(cell.text_content()).strip() for cell in row.locator("th, td").all()]
        for row in page.locator(f"[data-testid={table}] tbody tr").all()
    ]


def interval_of(row: Row, lower: str, upper: str) -> str:
    return f"{score(row[lower])} to {score(row[upper])}"


def with_margin(row: Row, value: str) -> str:
    reach = Z95 * number_in(row, "standard_error")
    return f"{score(number_in(row, value) - reach)} to {score(number_in(row, value) + reach)}"
