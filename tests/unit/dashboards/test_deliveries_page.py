"""The page Deliveries run without a browser, on a release with a night in every state."""

from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from dashboards import clock
from tests.browser.fixture_deliveries import HELD_MESSAGE, REFUSED_MESSAGE, delivered_around
from tests.browser.fixture_release import build_release

PAGE = Path(__file__).parents[3] / "dashboards" / "pages" / "deliveries.py"
NOW = datetime(2026, 11, 4, 9, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALLIANCE_HOME", str(tmp_path))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return tmp_path


def _run() -> AppTest:
    app = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not app.exception
    return app


def _html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def _row(page: str, night: str) -> str:
    return page[page.index(f'<th scope="row">{night}') :].split("</tr>")[0]


def _choose(app: AppTest, label: str, option: str) -> AppTest:
    [box] = [box for box in app.selectbox if box.label == label]
    box.select(option).run()
    assert not app.exception
    return app


def test_it_shows_every_night_who_is_late_and_what_to_do(home: Path) -> None:
    build_release(home, delivered=delivered_around(NOW))
    app = _run()
    page = _html(app)
    assert "<h1>Deliveries</h1>" in page
    assert "Held" in _row(page, "Wed 4 Nov")
    # Due on the 3rd with a day of grace: until 03:00 on the 4th.
    assert "not here yet" in _row(page, "Tue 3 Nov")
    assert "Missing" in _row(page, "Mon 2 Nov")
    assert "Duplicate" in _row(page, "Mon 2 Nov")
    assert "Dead" in _row(page, "Sat 31 Oct")
    assert "Refused" in _row(page, "Fri 30 Oct")
    assert "Bank holiday" in _row(page, "Wed 28 Oct")
    assert page.count("Due</span>") == 4
    assert "Wed 21 Oct" not in page
    to_do = unescape(page.split('data-testid="to-do"')[1].split("</ul>")[0])
    assert to_do.count("<li>") == 6
    for message in (HELD_MESSAGE, REFUSED_MESSAGE):
        assert message[1:] in to_do
    assert "alliance quarantine --practice birchwood" in to_do
    assert "1 November, 2 November and 3 November" in to_do
    [warning] = app.warning
    assert "Northgate Practice is late" in warning.value
    assert [expander.label for expander in app.expander] == [
        "Birchwood Psychology (28)",
        "Harbour Counselling (12)",
        "Northgate Practice (10)",
    ]


def test_lateness_moves_with_the_clock_and_no_new_release(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_release(home, delivered=delivered_around(NOW))
    monkeypatch.setattr(clock, "now", lambda: NOW - timedelta(hours=8))
    assert "Due" in _row(_html(_run()), "Tue 3 Nov")
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=1))
    assert "Missing" in _row(_html(_run()), "Tue 3 Nov")


def test_one_practice_is_shown_file_by_file(home: Path) -> None:
    build_release(home, delivered=delivered_around(NOW))
    app = _choose(_run(), "Practice", "Birchwood Psychology")
    page = _html(app)
    assert '<th scope="col">forms</th><th scope="col">sessions</th>' in page
    refused = _row(page, "Fri 30 Oct")
    assert "Refused" in refused
    assert "On time" in refused
    assert "Harbour" not in page.split('data-testid="to-do"')[1]
    longer = _html(_choose(app, "Go back", "4 weeks"))
    assert longer.count("<tr") > page.count("<tr")


def test_when_the_calendar_has_run_out_it_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_release(home, delivered=delivered_around(NOW), late=())
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=9))
    [warning] = _run().warning
    assert "calendar ends on 7 November 2026" in warning.value


def test_a_group_to_which_nothing_is_owed_has_a_page(home: Path) -> None:
    build_release(home, late=())
    app = _run()
    assert "Nothing waits for a person." in _html(app)
    assert "Nothing was due" in _html(app)


def test_without_a_release_it_says_what_to_do(home: Path) -> None:
    [info] = _run().info
    assert "There is no release yet, so there is nothing to show" in info.value


def test_a_release_from_before_the_calendar_is_an_error_with_a_way_out(home: Path) -> None:
    release = build_release(home)
    with duckdb.connect(str(release.path)) as connection:
        connection.execute("drop table expected_deliveries")
    [error] = _run().error
    assert "lacks a table or column" in error.value
