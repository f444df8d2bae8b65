"""The choosers of a release that holds years of months, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Record
from tests.browser.fixture_release import SRS, WAI_SR, Cell, build_release, default_cells
from tests.browser.screenshot import CHART
from tests.browser.served import served_dashboard

pytestmark = pytest.mark.browser

MONTHS = [f"{year}-{month:02d}" for year in (2025, 2026) for month in range(1, 11)]
TABLE = "[data-testid=comparison-table]"
READING = "[data-testid=reading]"


def _cells() -> list[Cell]:
    """Twenty months, four quarters, two years and all dates; the inventory has fewer of them."""
    srs = [
        cell for cell in default_cells() if cell.period.startswith("12m") and cell.stage == "all"
    ]
    first = [cell for cell in srs if cell.collection_mode == "tablet"]
    one = next(cell for cell in first if cell.instrument_code == "srs")
    other = next(cell for cell in first if cell.instrument_code == "wai_sr")
    periods = [*MONTHS, "2025-Q1", "2025-Q2", "2026-Q1", "2026-Q2", "2024", "2025", "all"]
    more = [replace(one, period=period, n_clients=40 + n) for n, period in enumerate(periods)]
    few = [replace(other, period=period) for period in (*MONTHS[5:9], "2025", "all")]
    return [*first, *more, *few]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, guarded: dict[str, str]) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    build_release(home, _cells())
    log = tmp_path_factory.mktemp("served") / "dashboard.log"
    with served_dashboard(home, log, guarded) as url:
        yield url
    assert not Path(guarded["NETWORK_ATTEMPTS"]).exists(), "the server wanted to leave loopback"
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def opened(page: Page, served: str) -> Page:
    page.goto(served)
    expect(page.locator(CHART)).to_be_visible(timeout=30_000)
    return page


def _options(page: Page, label: str) -> list[str]:
    """All that a chooser offers; closed again."""
    page.get_by_role("combobox", name=label, exact=True).click()
    found = page.get_by_role("option").all_text_contents()
    page.keyboard.press("Escape")
    return found


def _pick(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(page.get_by_role("combobox", name=label, exact=True)).to_have_value(option)


def _shows(page: Page, label: str, value: str) -> None:
    expect(page.get_by_role("combobox", name=label, exact=True)).to_have_value(value)


def test_a_period_is_chosen_by_its_kind_and_then_newest_first(opened: Page, quiet: Record) -> None:
    _shows(opened, "Kind of period", "12 months")
    assert _options(opened, "Kind of period") == [
        "12 months",
        "Year",
        "Quarter",
        "Month",
        "All dates",
    ]
    assert _options(opened, "Period") == ["12 months to October 2026"]
    _pick(opened, "Kind of period", "Quarter")
    _shows(opened, "Period", "April to June 2026")
    assert _options(opened, "Period") == [
        "April to June 2026",
        "January to March 2026",
        "April to June 2025",
        "January to March 2025",
    ]
    _pick(opened, "Kind of period", "All dates")
    _shows(opened, "Period", "All dates")
    _pick(opened, "Kind of period", "Month")
    _shows(opened, "Period", "October 2026")
    expect(opened.locator(READING)).to_contain_text("We can compare one site only: Abbey Lane")
    # Of 40 clients in the first month and one more in each after it.
    expect(opened.locator(f"{TABLE} td").first).to_have_text("59")
    _pick(opened, "Period", "March 2025")
    expect(opened.locator(f"{TABLE} td").first).to_have_text("42")


def test_a_period_stays_when_the_questionnaire_changes(opened: Page, quiet: Record) -> None:
    _pick(opened, "Kind of period", "Month")
    _shows(opened, "Period", "October 2026")
    _pick(opened, "Period", "July 2025")
    expect(opened.locator(f"{TABLE} td").first).to_have_text("46")
    _pick(opened, "Questionnaire", WAI_SR)
    expect(opened.locator(READING)).to_contain_text("raw mean is 49.2")
    _shows(opened, "Kind of period", "Month")
    _shows(opened, "Period", "July 2025")
    assert _options(opened, "Kind of period") == ["12 months", "Year", "Month", "All dates"]
    assert len(_options(opened, "Period")) == 4
    # The inventory has no quarter: the newest 12 months stand in, and the other one has it again.
    _pick(opened, "Questionnaire", SRS)
    expect(opened.locator(READING)).to_contain_text("raw mean is 35.4")
    _shows(opened, "Period", "July 2025")
    _pick(opened, "Kind of period", "Quarter")
    _shows(opened, "Period", "April to June 2026")
    _pick(opened, "Questionnaire", WAI_SR)
    expect(opened.locator(READING)).to_contain_text("raw mean is 49.2")
    _shows(opened, "Kind of period", "12 months")
    _shows(opened, "Period", "12 months to October 2026")
