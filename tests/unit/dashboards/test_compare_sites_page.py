"""The page's logic, run without a browser: choosers, and every state a release can be in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from dashboards import clock, sentences, sentences_captions, sentences_reasons
from tests.browser.fixture_release import (
    LONG_PAST,
    PHQ_9,
    SRS,
    WAI_SR,
    Cell,
    build_release,
)

APP = Path(__file__).parents[3] / "dashboards" / "app.py"
NOW = LONG_PAST + timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALLIANCE_HOME", str(tmp_path))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return tmp_path


def _run(home: Path) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=30).run()
    assert not app.exception
    return app


def _html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def _choose(app: AppTest, label: str, option: str) -> AppTest:
    [box] = [box for box in app.selectbox if box.label == label]
    box.select(option).run()
    assert not app.exception
    return app


def _value(app: AppTest, label: str) -> str:
    [box] = [box for box in app.selectbox if box.label == label]
    return str(box.value)


def test_it_opens_on_the_alliance_over_the_newest_12_months(home: Path) -> None:
    build_release(home)
    app = _run(home)
    assert _value(app, "Questionnaire") == SRS
    assert _value(app, "Filled in by") == "Clients"
    assert _value(app, "Language and way") == "English, on a tablet"
    assert _value(app, "Kind of period") == "12 months"
    assert _value(app, "Period") == "12 months to October 2026"
    assert _value(app, "Stage of treatment") == "All stages"
    assert _value(app, "Read it for") == "The whole group"
    page = _html(app)
    assert "Data through</dt><dd>31 October 2026" in page
    assert "2 November 2026, 04:04 (Europe/Berlin)" in page
    assert "2026-11-02-030405" in page
    assert "Of the 9 sites we can compare, 5 lie within" in page
    assert sentences.MEANS_NOTE in page
    assert "no verdict on a site or on a therapist" in page
    assert "Not shown: Station Square and West End." in page
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 2


def test_a_questionnaire_chosen_changes_the_choosers_after_it(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Stage of treatment", "Opening")
    assert _value(app, "Stage of treatment") == "Opening"
    app = _choose(app, "Questionnaire", PHQ_9)
    [stage] = [box for box in app.selectbox if box.label == "Stage of treatment"]
    assert stage.options == ["All stages"]
    page = _html(app)
    assert "We can compare one site only: Abbey Lane lies just above the range" in page
    assert "a lower score is better" in page
    assert "Not in this view: Castle Hill" in page


def test_the_way_of_collecting_is_a_choice_and_never_mixed(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Language and way", "English, on paper")
    page = _html(app)
    assert "We show 2 sites but can compare none of them fairly" in page
    assert "Too few sites" in page


def test_a_site_chosen_is_read_aloud(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Read it for", "Quay Street")
    page = _html(app)
    assert "At Quay Street, the raw mean score for 118 clients is 37.3 points" in page
    assert '<tr class="chosen"><th scope="row">Quay Street' in page
    app = _choose(app, "Read it for", "West End")
    assert "We show no numbers for West End." in _html(app)


def test_sites_stand_in_alphabetical_order(home: Path) -> None:
    build_release(home)
    [box] = [box for box in _run(home).selectbox if box.label == "Read it for"]
    assert box.options[1:] == sorted(box.options[1:], key=str.lower)
    assert len(box.options) == 15


def test_an_unverified_key_is_said_wherever_its_numbers_show(home: Path) -> None:
    build_release(home)
    app = _run(home)
    assert not any("scoring key" in warning.value for warning in app.warning)
    app = _choose(app, "Questionnaire", WAI_SR)
    assert any("scoring key" in warning.value for warning in app.warning)


def test_risk_items_and_cautions_are_said_wherever_their_numbers_show(home: Path) -> None:
    build_release(home, late=())
    app = _run(home)
    assert not app.warning
    app = _choose(app, "Questionnaire", PHQ_9)
    risk, caution = app.warning
    assert "This is not an alerting system" in risk.value
    assert caution.value == "Read it with care."


def test_a_practice_is_late_by_the_clock_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_release(home)
    [warning] = _run(home).warning
    assert "Northgate Practice is late" in warning.value
    assert "Harbour" not in warning.value
    monkeypatch.setattr(clock, "now", lambda: LONG_PAST)
    assert not _run(home).warning, "at the deadline itself nobody is late"
    monkeypatch.setattr(clock, "now", lambda: datetime(3000, 1, 1, tzinfo=UTC))
    [warning] = _run(home).warning
    assert "Harbour Counselling is late" in warning.value


def test_a_practice_with_a_broken_declaration_is_named(home: Path) -> None:
    build_release(home, late=(), broken=("harbour", "not_in_sites"))
    [warning] = _run(home).warning
    assert "The declaration of Harbour Counselling is broken" in warning.value
    assert "The declaration of not\\_in\\_sites is broken" in warning.value


def test_without_a_release_it_says_what_to_do(home: Path) -> None:
    app = _run(home)
    [info] = app.info
    assert "There is no release yet" in info.value
    assert "make nightly" in info.value
    assert not app.selectbox


def test_a_broken_pointer_is_an_error_with_a_way_out(home: Path) -> None:
    (home / "releases").mkdir()
    (home / "releases" / "current.json").write_text("{}")
    [error] = _run(home).error
    assert "not a release pointer" in error.value
    assert "alliance doctor" in error.value


def test_a_release_that_lacks_a_column_is_an_error_with_a_way_out(home: Path) -> None:
    release = build_release(home)
    with duckdb.connect(str(release.path)) as connection:
        connection.execute("alter table site_benchmarks drop column ceiling_share")
    [error] = _run(home).error
    assert "lacks a table or column" in error.value
    assert "publish again" in error.value


def test_a_release_without_a_closed_period_says_so(home: Path) -> None:
    build_release(home, cells=[])
    [info] = _run(home).info
    assert "no period has closed" in info.value


def test_a_view_with_suppressed_sites_only_has_words_and_no_chart(home: Path) -> None:
    build_release(home, cells=[Cell("birchwood", "abbey_lane", is_suppressed=True)])
    app = _run(home)
    assert "No site can be shown in this view" in _html(app)
    assert "Not shown: could give someone away" in _html(app)
    assert not app.get("vega_lite_chart")
    assert not app.get("arrow_vega_lite_chart")


def test_the_next_run_shows_the_new_release(home: Path) -> None:
    build_release(home)
    app = _run(home)
    build_release(home, release_id="2026-12-01-000000", late=())
    app.run()
    page = _html(app)
    assert "2026-12-01-000000" in page
    assert not app.warning


def test_names_from_yaml_are_shown_as_written(home: Path) -> None:
    name = "<b>*Bold* [link](http://elsewhere.invalid)</b>"
    build_release(home, site_names={("birchwood", "abbey_lane"): name})
    page = _html(_run(home))
    assert "<b>" not in page
    assert "&lt;b&gt;*Bold*" in page


def _charts(app: AppTest) -> int:
    return len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart"))


def test_a_site_has_its_gap_and_its_line_through_time(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Read it for", "Elm Court")
    assert _charts(app) == 4
    titles = [element.value for element in app.header]
    assert "Elm Court: where its gap to the group comes from" in titles
    assert "Elm Court: its own line through time" in titles
    page = _html(app)
    assert "New welcome call" in page
    assert 'data-testid="gap-table"' in page
    assert "Harbour moves house" not in page, "a change of another practice"
    assert "Patient Health Questionnaire" in page, "the outcome that such a gap is told in"


def test_a_site_without_parts_or_line_says_why(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Read it for", "Lighthouse")
    assert _charts(app) == 2
    page = _html(app)
    assert "At Lighthouse, we cannot say what the gap to the group is made of" in page
    assert "Not adjusted: clients all alike in" in page
    assert "There is no line through time here" in page


def test_too_few_months_are_a_line_without_limits(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Read it for", "Quay Street")
    assert _charts(app) == 4
    assert "There is no line through time" not in _html(app)


def test_a_hidden_site_has_words_only(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Read it for", "West End")
    assert _charts(app) == 2
    page = _html(app)
    assert "We show no numbers for West End." in page
    assert 'data-testid="gap-table"' not in page
    assert 'data-testid="trend-table"' not in page


def test_for_the_whole_group_it_says_how_to_see_one_site(home: Path) -> None:
    build_release(home)
    assert "Choose a site at “Read it for” above" in _html(_run(home))


def test_without_measures_the_page_says_that_nothing_is_adjusted(home: Path) -> None:
    build_release(home, has_measures=False)
    app = _choose(_run(home), "Read it for", "Elm Court")
    page = _html(app)
    assert f"No mean is adjusted here. {sentences_captions.NO_MEASURES}" in page
    assert page.count(sentences_captions.NO_MEASURES) == 2, "of means, and of the gap"
    assert 'data-testid="gap-table"' not in page
    # Lines through time are no measure: they stay.
    assert 'data-testid="trend-table"' in page
    assert _charts(app) == 3


def test_a_short_period_says_that_nothing_is_adjusted_in_it(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Kind of period", "Quarter")
    assert _value(app, "Period") == "July to September 2026"
    why = sentences_reasons.why_nothing_adjusted(None, None, "2026-Q3")
    assert f"No mean is adjusted here. {why}" in _html(app)
    app = _choose(app, "Read it for", "Abbey Lane")
    assert sentences_captions.NO_GAPS in _html(app)


def test_without_months_or_references_it_says_so(home: Path) -> None:
    build_release(home, without=("site_trends", "network_deciles", "reference_bands"))
    app = _choose(_run(home), "Read it for", "Elm Court")
    page = _html(app)
    assert "There is no line through time here" in page
    assert sentences_captions.NO_BANDS in page
    assert 'data-testid="reference-table"' not in page
    assert _charts(app) == 3


def test_every_table_has_a_download_that_names_its_release(home: Path) -> None:
    build_release(home)
    app = _choose(_run(home), "Read it for", "Elm Court")
    buttons = app.get("download_button")
    n_tables = _html(app).count('<table class="comparison"')
    assert len(buttons) == n_tables == 6


def test_a_release_without_a_table_of_the_comparison_is_an_error_with_a_way_out(
    home: Path,
) -> None:
    release = build_release(home)
    with duckdb.connect(str(release.path)) as connection:
        connection.execute("drop table site_adjustments")
    [error] = _run(home).error
    assert "lacks a table or column" in error.value
