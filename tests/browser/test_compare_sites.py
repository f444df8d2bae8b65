"""The served page in a real browser: it draws, it is quiet, and its numbers are the release's."""

import csv
import re
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import psutil
import pytest
from playwright.sync_api import Page, expect

from dashboards import serve
from tests.browser.conftest import Record
from tests.browser.fixture_release import PHQ_9, FixtureRelease, build_release
from tests.browser.screenshot import CHART
from tests.browser.served import served_dashboard
from tests.browser.shown import coded, coded_words

pytestmark = pytest.mark.browser

TABLE = "[data-testid=comparison-table]"
READING = "[data-testid=reading]"
SUPPRESSED = "Not shown: could give someone away"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> FixtureRelease:
    return build_release(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def served(
    release: FixtureRelease, tmp_path_factory: pytest.TempPathFactory, guarded: dict[str, str]
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("served") / "dashboard.log"
    with served_dashboard(release.home, log, guarded) as url:
        yield url
    assert not Path(guarded["NETWORK_ATTEMPTS"]).exists(), "the server wanted to leave loopback"
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def opened(page: Page, served: str) -> Page:
    """The page once its chart is drawn, and what comes after it."""
    page.goto(served)
    expect(page.locator(CHART)).to_be_visible(timeout=30_000)
    expect(page.get_by_text("How to read this page")).to_be_visible(timeout=30_000)
    return page


def _released(release: FixtureRelease, where: str) -> dict[str, dict[str, object]]:
    """Rows of a view by the site's label, straight from the file."""
    with duckdb.connect(str(release.path), read_only=True) as connection:
        cursor = connection.execute(
            "select site_name, practice_name, site_benchmarks.* from site_benchmarks "
            f"join sites using (practice_id, site_id) where {where}"
        )
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    twice = {"Main House"}
    return {
        f"{row['site_name']} ({row['practice_name']})"
        if row["site_name"] in twice
        else str(row["site_name"]): row
        for row in rows
    }


OPENING_VIEW = (
    "instrument_code = 'srs' and collection_mode = 'tablet' and stage = 'all' "
    "and period = '12m-2026-10'"
)


def _shown_table(page: Page) -> dict[str, list[str]]:
    """Cells of the table by the site's label."""
    rows = page.locator(f"{TABLE} tbody tr").all()
    return {
        str(row.locator("th").evaluate("cell => cell.firstChild.textContent")): [
            cell.inner_text().strip() for cell in row.locator("td").all()
        ]
        for row in rows
    }


def _number(value: object, decimals: int = 0) -> str:
    assert isinstance(value, int | float)
    return f"{value:,.{decimals}f}"


def test_the_table_shows_the_releases_numbers(
    opened: Page, release: FixtureRelease, quiet: Record, tmp_path: Path
) -> None:
    shown = _shown_table(opened)
    released = _released(release, OPENING_VIEW)
    assert sorted(shown) == sorted(released)
    assert list(shown) == sorted(shown, key=str.lower)
    n_numbers = 0
    for label, row in released.items():
        cells = shown[label]
        if row["is_suppressed"]:
            assert cells == [SUPPRESSED]
            continue
        margin = 1.959964 * float(str(row["standard_error"]))
        assert cells[0] == _number(row["n_clients"])
        assert cells[1] == ("–" if row["n_therapists"] is None else _number(row["n_therapists"]))
        assert cells[2] == _number(row["n_forms"])
        mean = coded(_number(row["raw"], 1), row["raw_bound"])
        assert cells[3] == f"{mean} ± {coded(f'{margin:.1f}', row['standard_error_bound'])}"
        if row["lower95"] is None:
            assert cells[5] == "–"
        else:
            assert cells[5] == f"{_number(row['lower95'], 1)} to {_number(row['upper95'], 1)}"
        assert cells[6] == f"{100 * float(str(row['response_rate'])):.0f} %"
        share = f"{100 * float(str(row['ceiling_share'])):.0f} %"
        assert cells[7] == coded(share, row["ceiling_share_bound"])
        n_numbers += 1
    assert n_numbers == 12
    opened.screenshot(path=tmp_path / "compare_sites.png", full_page=True)
    assert (tmp_path / "compare_sites.png").stat().st_size > 50_000


def test_the_chart_draws_every_site_where_the_release_puts_it(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    marks = opened.locator(f"{CHART} path[aria-roledescription=point][aria-label*='Site:']")
    described = [str(mark.get_attribute("aria-label")) for mark in marks.all()]
    released = _released(release, f"{OPENING_VIEW} and not is_suppressed")
    drawn = {}
    for text in described:
        parts = dict(part.split(": ", 1) for part in re.split(r"; (?=[^;:]+: )", text))
        drawn[parts["Site"]] = parts
    assert sorted(drawn) == sorted(released)
    for label, row in released.items():
        assert drawn[label]["Mean score"] == coded_words(_number(row["raw"], 1), row["raw_bound"])
        assert drawn[label]["Clients"] == _number(row["n_clients"])
        if row["lower95"] is not None:
            assert drawn[label]["Expected range from"] == _number(row["lower95"], 1)
    written = opened.locator(f"{CHART} text").all_text_contents()
    assert written.count("Elm Court") == 1
    assert "Group mean 35.4" in written
    assert written.count("↑") == 1, "one mean is shown that stands for itself or more"
    assert "↓" not in written
    alternative = opened.locator(".st-key-funnel").evaluate("node => node.outerHTML")
    assert "Funnel chart of the mean" in alternative
    assert "Near an end of the scale: Garden Wing: " in alternative


def test_marks_stand_higher_the_higher_the_mean(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    released = _released(release, f"{OPENING_VIEW} and not is_suppressed")
    heights = []
    for label, row in released.items():
        mark = opened.locator(f"{CHART} path[aria-label*='Site: {label};']")
        box = mark.bounding_box()
        assert box is not None
        heights.append((float(str(row["raw"])), box["y"] + box["height"] / 2))
    by_mean = [height for _, height in sorted(heights)]
    assert by_mean == sorted(by_mean, reverse=True)


def test_a_site_and_another_questionnaire_can_be_chosen(opened: Page, quiet: Record) -> None:
    reading = opened.locator(READING)
    expect(reading).to_contain_text("Of the 9 sites we can compare, 5 lie within")
    _pick(opened, "Read it for", "Quay Street")
    expect(reading).to_contain_text("At Quay Street, the raw mean score for 118 clients is 37.3")
    _pick(opened, "Questionnaire", PHQ_9)
    expect(reading).to_contain_text("We can compare one site only: Abbey Lane lies just above")
    expect(opened.locator(CHART)).to_be_visible()


def _pick(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_it_says_what_a_reader_must_know(opened: Page, quiet: Record) -> None:
    page = opened.locator("[data-testid=stMainBlockContainer]")
    for text in (
        "31 October 2026",
        "2026-11-02-030405",
        "Northgate Practice is late",
        "Not shown: Station Square and West End.",
        "no verdict on a site or on a therapist",
        "≥ means this or more, ≤ this or less",
        "not an alerting system",
    ):
        expect(page).to_contain_text(text)


def test_the_download_holds_the_same_rows(
    opened: Page, release: FixtureRelease, record: Record, tmp_path: Path
) -> None:
    with opened.expect_download() as waiting:
        opened.get_by_role("button", name="Download this table").click()
    target = tmp_path / "table.csv"
    waiting.value.save_as(target)
    with target.open(encoding="utf-8", newline="") as file:
        rows = {row["site_label"]: row for row in csv.DictReader(file)}
    released = _released(release, OPENING_VIEW)
    assert sorted(rows) == sorted(released)
    for label, row in released.items():
        assert rows[label]["release_id"] == release.release_id
        assert rows[label]["key_status"] == "verified"
        assert rows[label]["raw"] == ("" if row["raw"] is None else _number(row["raw"], 1))
        for name in ("raw_bound", "ceiling_share_bound"):
            assert rows[label][name] == (row[name] or "")
        assert rows[label]["margin_bound"] == (row["standard_error_bound"] or "")
    assert {urlsplit(url).hostname for url in record.requested} <= {"127.0.0.1", None}


def test_every_response_carries_the_security_headers(served: str) -> None:
    for path in ("/", "/_stcore/health", "/no/such/page"):
        with urllib.request.urlopen(f"{served}{path}") as response:
            for name, value in serve.security_headers().items():
                assert response.headers[name] == value, (path, name)


def test_it_listens_on_loopback_only(served: str) -> None:
    port, addresses = urlsplit(served).port, set()
    for process in psutil.Process().children(recursive=True):
        # The browser's helpers come and go while this looks at them.
        with suppress(psutil.Error):
            addresses |= {
                connection.laddr.ip
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            }
    assert addresses == {"127.0.0.1"}
