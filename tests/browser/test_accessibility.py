"""Every page against the rules of axe-core, in both themes: opened up, narrow, without a release.

axe's own script comes with its package; what the pages ask for meanwhile is recorded as elsewhere.
Text inside the charts is beyond axe: its contrast is in tests/unit/dashboards/test_theme.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Record
from tests.browser.fixture_deliveries import delivered_around
from tests.browser.fixture_release import build_release
from tests.browser.served import served_dashboard
from tests.browser.shown import chart_of, read_for

pytestmark = pytest.mark.browser

STREAMLITS = {
    # rule: (elements of Streamlit's own that break it, why it cannot be mended from our side)
    "region": (
        "#stFloatingOverlayPortal, [data-testid=stSelectboxVirtualDropdown]",
        "help texts and open choosers are drawn at the end of the document, beside all landmarks; "
        "no setting of Streamlit's moves them",
    ),
}
OURS = "[data-testid=stMainBlockContainer]"
"""Whatever our code draws is within it."""
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


_ALL_FADED_IN = """() => Promise.allSettled(document.getAnimations()
    .filter(each => Number.isFinite(each.effect.getComputedTiming().endTime))
    .map(each => each.finished))"""
"""Text on its way in is pale."""


@dataclass(frozen=True)
class Broken:
    """A rule that an element of the page breaks."""

    rule: str
    impact: str
    element: str
    why: str


def _broken(page: Page) -> list[Broken]:
    """Whatever breaks a rule, of any impact, but for STREAMLITS where they are, and only there."""
    page.evaluate(_ALL_FADED_IN)
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        Broken(one["id"], one["impact"], node["html"][:120], node["failureSummary"])
        for one in found
        for node in one["nodes"]
        if not _is_streamlits(page, one["id"], node["target"])
    ]


def _is_streamlits(page: Page, rule: str, target: list[str]) -> bool:
    if rule not in STREAMLITS:
        return False
    element = page.locator(target[0]).first
    within = "(node, place) => node.closest(place) !== null"
    return bool(element.evaluate(within, STREAMLITS[rule][0])) and not element.evaluate(
        within, OURS
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, guarded: dict[str, str]) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    build_release(home, delivered=delivered_around(datetime.now(UTC)))
    with served_dashboard(home, home / "dashboard.log", guarded) as url:
        yield url
    assert not Path(guarded["NETWORK_ATTEMPTS"]).exists(), "the server wanted to leave loopback"


@pytest.fixture(autouse=True)
def _nobody_else_is_asked(record: Record) -> Iterator[None]:
    yield
    assert {urlsplit(url).hostname for url in record.requested} <= {None, "127.0.0.1"}


@pytest.fixture(params=THEMES)
def themed(request: pytest.FixtureRequest, page: Page) -> Page:
    """The page of a reader whose device asks for this theme."""
    page.emulate_media(color_scheme=request.param)
    return page


def _compare_sites(page: Page, url: str) -> None:
    page.goto(url)
    expect(chart_of(page, "caterpillar")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("How to read this page")).to_be_visible(timeout=30_000)


def _deliveries(page: Page, url: str) -> None:
    page.goto(f"{url}/deliveries")
    expect(page.locator("[data-testid=calendar]")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("The ledger behind it")).to_be_visible(timeout=30_000)


def _open_all(page: Page) -> None:
    """Everything that is folded away; a part that is drawn anew meanwhile closes others again."""
    closed = page.locator("details:not([open]) > summary")
    for _ in range(40):
        if closed.count() == 0:
            break
        closed.first.click()
        page.wait_for_timeout(250)
    expect(closed).to_have_count(0)


def test_compare_sites_breaks_no_rule(themed: Page, served: str) -> None:
    _compare_sites(themed, served)
    assert _broken(themed) == []
    read_for(themed, "Elm Court")
    expect(themed.locator("[data-testid=trend-table]")).to_have_count(1, timeout=30_000)
    _open_all(themed)
    expect(chart_of(themed, "calibration")).to_be_visible(timeout=30_000)
    assert _broken(themed) == []


def test_deliveries_breaks_no_rule(themed: Page, served: str) -> None:
    _deliveries(themed, served)
    _open_all(themed)
    assert _broken(themed) == []


def test_a_narrow_page_breaks_no_rule(page: Page, served: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    _compare_sites(page, served)
    assert _broken(page) == []
    _deliveries(page, served)
    assert _broken(page) == []


def test_an_open_chooser_and_a_help_text_break_no_rule_of_ours(page: Page, served: str) -> None:
    _compare_sites(page, served)
    page.get_by_role("combobox", name="Read it for").click()
    expect(page.get_by_role("option").first).to_be_visible()
    assert _broken(page) == []
    assert page.get_by_role("option").count() > 1, "axe has closed it"
    page.keyboard.press("Escape")
    page.get_by_test_id("stTooltipHoverTarget").first.hover()
    expect(page.get_by_role("tooltip")).to_be_visible()
    assert _broken(page) == []


def test_a_home_without_a_release_breaks_no_rule(
    page: Page, tmp_path: Path, guarded: dict[str, str]
) -> None:
    with served_dashboard(tmp_path, tmp_path / "dashboard.log", guarded) as url:
        for address in (url, f"{url}/deliveries"):
            page.goto(address)
            expect(page.get_by_text("There is no release yet")).to_be_visible(timeout=30_000)
            assert _broken(page) == []


def test_what_breaks_a_rule_is_found(page: Page, served: str) -> None:
    """Pale text, a picture without words, a skipped heading, a word outside all landmarks."""
    _deliveries(page, served)
    assert _broken(page) == []
    page.evaluate(
        """() => {
            document.querySelector('.masthead .lead').style.color = '#888';
            document.querySelector('.masthead').insertAdjacentHTML('beforeend',
                '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><h5>Deep</h5>');
            document.querySelector('.masthead').style.background = '#999';
            document.body.insertAdjacentHTML('beforeend', '<p>Beside all landmarks</p>');
        }"""
    )
    assert {one.rule for one in _broken(page)} == {
        "color-contrast",
        "heading-order",
        "image-alt",
        "region",
    }
