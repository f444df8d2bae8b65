"""Deliveries in a real browser: reached from the navigation, quiet, within reach of the keys."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Record
from tests.browser.fixture_deliveries import REFUSED_MESSAGE, delivered_around
from tests.browser.fixture_release import build_release
from tests.browser.screenshot import CHART
from tests.browser.served import served_dashboard

pytestmark = pytest.mark.browser

CALENDAR = "[data-testid=calendar]"
TO_DO = "[data-testid=to-do]"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, guarded: dict[str, str]) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    build_release(home, delivered=delivered_around(datetime.now(UTC)))
    log = tmp_path_factory.mktemp("served") / "dashboard.log"
    with served_dashboard(home, log, guarded) as url:
        yield url
    assert not Path(guarded["NETWORK_ATTEMPTS"]).exists(), "the server wanted to leave loopback"
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


def test_a_link_to_it_shows_our_navigation_even_on_a_fresh_server(page: Page, served: str) -> None:
    """First in this module: only a server that has shown nothing yet could show the page bare."""
    page.goto(f"{served}/deliveries")
    expect(page.locator(CALENDAR)).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name="Compare sites")).to_be_visible()
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)


def test_it_is_reached_from_the_first_page_and_is_quiet(
    page: Page, served: str, quiet: Record, tmp_path: Path
) -> None:
    page.goto(served)
    expect(page.locator(CHART)).to_be_visible(timeout=90_000)
    page.get_by_role("link", name="Deliveries").click()
    calendar = page.locator(CALENDAR)
    expect(calendar).to_be_visible(timeout=90_000)
    for word in ("On time", "Late", "Missing", "Held", "Quarantined", "Dead", "Refused", "Due"):
        expect(calendar.locator(".state", has_text=word).first).to_be_visible()
    heading = page.locator(".masthead h1").bounding_box()
    header = page.get_by_test_id("stHeader").bounding_box()
    assert heading is not None
    assert header is not None
    assert heading["y"] >= header["height"], "the navigation covers the heading"
    expect(page.locator(TO_DO)).to_contain_text("alliance deliveries release")
    expect(page.get_by_text("Northgate Practice is late")).to_be_visible()
    page.get_by_text("Birchwood Psychology (", exact=False).click()
    ledger = page.locator("[data-testid=ledger]").first
    expect(ledger).to_be_visible()
    expect(ledger).to_contain_text(REFUSED_MESSAGE)
    page.screenshot(path=tmp_path / "deliveries.png")


def test_the_calendar_scrolls_by_keyboard_on_a_small_screen(page: Page, served: str) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(served)
    page.goto(f"{served}/deliveries")
    region = page.get_by_role("region", name="Calendar of expected deliveries")
    expect(region).to_be_visible(timeout=30_000)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 380, "the page itself must not scroll sideways"
    region.focus()
    before = page.locator(f"{CALENDAR} thead th").last.bounding_box()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    for _ in range(50):  # the page forbids the evaluation that waiting for a function needs
        if page.evaluate("document.activeElement.scrollLeft") > 50:
            break
        page.wait_for_timeout(100)
    after = page.locator(f"{CALENDAR} thead th").last.bounding_box()
    assert before is not None
    assert after is not None
    assert after["x"] < before["x"]
    night = page.locator(f"{CALENDAR} tbody th").first.bounding_box()
    assert night is not None
    assert night["x"] >= 0, "the night stays in sight"
