"""All of "Compare sites" in a real browser: its charts and tables hold the release's numbers."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import NormalDist

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Record
from tests.browser.fixture_comparison import CHANGE
from tests.browser.fixture_release import FixtureRelease, build_release
from tests.browser.served import served_dashboard
from tests.browser.shown import (
    OPENING,
    Z95,
    by_site,
    cells_of,
    chart_of,
    coded,
    coded_words,
    described,
    interval_of,
    marks_of,
    number_in,
    paths_of,
    read_for,
    rows_in,
    score,
    signed,
    with_margin,
)

pytestmark = pytest.mark.browser

ELM_COURT = "practice_id = 'birchwood' and site_id = 'elm_court'"


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
    """The page once its second chart is drawn, and what comes after it."""
    page.goto(served)
    expect(chart_of(page, "caterpillar")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("How to read this page")).to_be_visible(timeout=30_000)
    return page


@pytest.fixture
def elm_court(opened: Page) -> Page:
    """The page read for a site that has everything."""
    read_for(opened, "Elm Court")
    expect(chart_of(opened, "trend")).to_be_visible(timeout=30_000)
    # What stood there before is faded until the run is over.
    expect(opened.locator("[data-testid=trend-table]")).to_have_count(1)
    return opened


def test_the_caterpillar_draws_raw_and_adjusted_as_they_are_and_pulled(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    raw, adjusted = by_site(release, "site_benchmarks"), by_site(release, "site_adjustments")
    expected: dict[tuple[str, str], tuple[str, str]] = {}
    for site, row in raw.items():
        if row["is_suppressed"]:
            continue
        mean = coded_words(score(row["raw"]), row["raw_bound"])
        expected[site, "Raw mean"] = (mean, with_margin(row, "raw"))
        if row["shrunken"] is not None:
            ends = interval_of(row, "shrunken_lower95", "shrunken_upper95")
            expected[site, "Raw, pulled to the group"] = (score(row["shrunken"]), ends)
        own = adjusted[site]
        if own["adjusted"] is not None:
            expected[site, "Adjusted mean"] = (
                score(own["adjusted"]),
                with_margin(own, "adjusted"),
            )
            ends = interval_of(own, "shrunken_lower95", "shrunken_upper95")
            expected[site, "Adjusted, pulled to the group"] = (score(own["shrunken"]), ends)
    drawn = {
        (mark["Site"], mark["What"]): (mark["Value"], mark["95 % interval"])
        for mark in marks_of(chart_of(opened, "caterpillar"))
        if "What" in mark
    }
    assert drawn == expected
    assert len(drawn) == 12 + 11 + 11 + 11
    written = chart_of(opened, "caterpillar").locator("text").all_text_contents()
    assert "Group mean 35.4" in written
    assert "Adjusted 35.6" in written
    assert "74 %" in written, "forms returned stand beside"


def test_marks_stand_further_right_the_higher_their_value(opened: Page, quiet: Record) -> None:
    chart = chart_of(opened, "caterpillar")
    places = []
    for mark in chart.locator("path[aria-label*='What: Raw mean']").all():
        box = mark.bounding_box()
        assert box is not None
        label = str(mark.get_attribute("aria-label"))
        value = re.search(r"Value: ([\d.]+)", label)
        assert value is not None
        places.append((float(value[1]), box["x"]))
    by_value = [x for _, x in sorted(places)]
    assert len(places) == 12
    assert by_value == sorted(by_value)


def test_the_table_of_the_caterpillar_holds_every_number(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    raw, adjusted = by_site(release, "site_benchmarks"), by_site(release, "site_adjustments")
    shown = {cells[0]: cells[1:] for cells in cells_of(opened, "caterpillar-table")}
    assert list(shown) == sorted(raw, key=str.lower)
    for site, row in raw.items():
        if row["is_suppressed"]:
            assert shown[site] == ["Not shown: could give someone away"]
            continue
        own = adjusted[site]
        pulled = row["shrunken"] is not None
        is_adjusted = own["adjusted"] is not None
        ends = ("shrunken_lower95", "shrunken_upper95")
        assert shown[site][:4] == [
            coded(score(row["raw"]), row["raw_bound"]),
            with_margin(row, "raw"),
            score(row["shrunken"]),
            interval_of(row, *ends) if pulled else "–",
        ]
        assert shown[site][4:9] == [
            score(own["adjusted"]),
            with_margin(own, "adjusted") if is_adjusted else "–",
            score(own["shrunken"]),
            interval_of(own, *ends) if is_adjusted else "–",
            interval_of(own, "lower95", "upper95") if is_adjusted else "–",
        ]
        assert shown[site][10] == (f"{row['reliability']:.2f}" if pulled else "–")
    assert shown["Lighthouse"][9].startswith("Not adjusted: clients all alike in")


def test_a_range_of_places_is_told_to_who_asks(
    elm_court: Page, release: FixtureRelease, quiet: Record
) -> None:
    told = elm_court.get_by_text("Suppose we count the", exact=False)
    expect(told).to_have_count(0)
    elm_court.locator("summary", has_text="Between which places").click()
    expect(told).to_be_visible()
    raw, adjusted = by_site(release, "site_benchmarks"), by_site(release, "site_adjustments")
    fair = {
        site: (number_in(row, "adjusted"), number_in(row, "standard_error"))
        for site, row in adjusted.items()
        if row["adjusted"] is not None and raw[site]["comparability"] is None
    }
    n = len(fair)
    z = NormalDist().inv_cdf(1 - 0.05 / (n * (n - 1)))
    own, error = fair["Elm Court"]
    apart = [(own - other) / math.hypot(error, its) for other, its in fair.values()]
    least, greatest = 1 + sum(one > z for one in apart), n - sum(one < -z for one in apart)
    assert 1 < least < greatest == n == 8
    expect(told).to_contain_text(f"the {n} sites we can compare from the lowest adjusted mean up")
    expect(told).to_contain_text(f"lies somewhere from {least} to {greatest}.")


def test_raw_and_adjusted_stand_side_by_side_in_the_first_table(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    adjusted = by_site(release, "site_adjustments")
    shown = {cells[0]: cells for cells in cells_of(opened, "comparison-table")}
    n_numbers = 0
    for site, row in adjusted.items():
        [cells] = [cells for name, cells in shown.items() if name.startswith(site)]
        if row["adjusted"] is None:
            assert cells[5] == "–"
            continue
        margin = Z95 * number_in(row, "standard_error")
        assert cells[5] == f"{score(row['adjusted'])} ± {margin:.1f}"
        n_numbers += 1
    assert n_numbers == 11


def test_the_waterfall_and_its_table_hold_the_parts_of_the_gap(
    elm_court: Page, release: FixtureRelease, quiet: Record
) -> None:
    [row] = rows_in(release, f"select * from site_gaps where {ELM_COURT}")
    named = {
        "Case mix": row["gap_case_mix"],
        "Who answered": row["gap_response"],
        "A few therapists": row["gap_therapists"],
        "The rest": row["gap_rest"],
        "Whole gap": row["gap"],
    }
    drawn = {mark["Part"]: mark["Points"] for mark in marks_of(chart_of(elm_court, "gap"), "bar")}
    assert {part: text.split(" ")[0] for part, text in drawn.items()} == {
        part: signed(value) for part, value in named.items()
    }
    assert cells_of(elm_court, "gap-table") == [[part, signed(v)] for part, v in named.items()]
    [[_, value, ends]] = cells_of(elm_court, "outcome-table")
    assert value == f"{row['outcome_of_gap']:.2f}"
    assert ends == f"{row['outcome_lower95']:.2f} to {row['outcome_upper95']:.2f}"
    widths = {}
    for bar in paths_of(chart_of(elm_court, "gap"), "bar"):
        box = bar.bounding_box()
        assert box is not None
        widths[described(bar)["Part"]] = (box["x"], box["width"])
    whole, first = widths["Whole gap"], widths["Case mix"]
    assert whole[0] == pytest.approx(first[0], abs=1), "both begin at the group's mean"
    # All parts point the same way here, so that their bars side by side are as long as the whole.
    parts = sum(width for part, (_, width) in widths.items() if part != "Whole gap")
    assert parts == pytest.approx(whole[1], abs=3)


def test_the_line_through_time_and_its_table_hold_the_releases_points(
    elm_court: Page, release: FixtureRelease, quiet: Record
) -> None:
    points = rows_in(release, f"select * from site_trends where {ELM_COURT} order by period_on")
    drawn = [mark for mark in marks_of(chart_of(elm_court, "trend")) if "Period" in mark]
    assert len(drawn) == len(points) == 33
    for mark, row in zip(drawn, points, strict=True):
        assert mark["Mean score"] == score(row["value"])
        assert mark["Mean of the stretch"] == score(row["mean"])
        assert mark["Lower limit"] == score(row["lower_limit"])
        assert mark["Upper limit"] == score(row["upper_limit"])
        assert (mark["Reading"] == "No rule marks it") == (row["signals"] is None)
    written = chart_of(elm_court, "trend").locator("text").all_text_contents()
    assert CHANGE in written
    assert "Outside its limits" in written
    deciles = {row["period"]: row for row in rows_in(release, "select * from network_deciles")}
    tenths = [f"p{tenth}0" for tenth in range(1, 10)]
    table = cells_of(elm_court, "trend-table")[::-1]
    assert len(table) == 33
    for cells, row in zip(table, points, strict=True):
        assert cells[1:4] == [
            score(row["value"]),
            score(row["mean"]),
            interval_of(row, "lower_limit", "upper_limit"),
        ]
        group = deciles.get(row["period"])
        assert cells[8:] == [score(group[name]) if group else "–" for name in tenths]


def test_the_model_is_drawn_when_it_is_opened_and_holds_the_releases_numbers(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    expect(chart_of(opened, "coefficients")).to_have_count(0)
    opened.locator("summary", has_text="How good the model").click()
    expect(chart_of(opened, "coefficients")).to_be_visible(timeout=30_000)
    expect(chart_of(opened, "calibration")).to_be_visible(timeout=30_000)
    estimates = rows_in(
        release,
        "select * from case_mix_coefficients where estimate is not null "
        "order by covariate, category nulls first",
    )
    drawn = marks_of(chart_of(opened, "coefficients"))
    assert [mark["Estimate"] for mark in drawn] == [signed(row["estimate"], 2) for row in estimates]
    table = cells_of(opened, "coefficients-table")
    assert [cells[1:3] for cells in table[:4]] == [
        [
            signed(row["estimate"], 2),
            f"{signed(row['lower95'], 2)} to {signed(row['upper95'], 2)}",
        ]
        for row in estimates
    ]
    assert table[4][-1] == "the same for all clients"
    tenths = rows_in(release, "select * from case_mix_calibration order by tenth")
    expected = [[score(row["expected"]), score(row["observed"])] for row in tenths]
    marks = marks_of(chart_of(opened, "calibration"))
    assert [[mark["Expected"], mark["Observed"]] for mark in marks] == expected
    assert [cells[1:] for cells in cells_of(opened, "calibration-table")] == expected


def test_references_near_by_are_drawn_and_all_are_in_their_table(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    for key in ("funnel", "caterpillar"):
        written = chart_of(opened, key).locator("text").all_text_contents()
        assert "Our own reference 36.2" in written
        assert "A publication 2019 34.1" in written
        assert not any("Far away" in text for text in written)
    rows = rows_in(
        release, "select * from reference_bands order by source <> 'this network', source"
    )
    shown = cells_of(opened, "reference-table")
    numbers = ("mean", "sd", "p10", "p25", "p50", "p75", "p90")
    assert [cells[4:] for cells in shown] == [
        [score(row[name]) for name in numbers] for row in rows
    ]


def _hidden_numbers(release: FixtureRelease) -> Sequence[str]:
    rows = rows_in(
        release,
        "select site_id from site_benchmarks where is_suppressed "
        f"and {OPENING} and collection_mode = 'tablet'",
    )
    return [str(row["site_id"]) for row in rows]


def test_a_hidden_site_leaves_no_number_in_the_whole_page(
    opened: Page, release: FixtureRelease, quiet: Record
) -> None:
    assert sorted(_hidden_numbers(release)) == ["station_square", "west_end"]
    read_for(opened, "West End")
    reading = opened.locator("[data-testid=reading]")
    expect(reading).to_contain_text("We show no numbers for West End.")
    expect(opened.get_by_text("West End: its gap and its line through time")).to_be_visible()
    expect(opened.locator(".st-key-gap")).to_have_count(0)
    expect(opened.locator(".st-key-trend")).to_have_count(0)
    page = opened.locator("[data-testid=stMainBlockContainer]")
    for site in ("West End", "Station Square"):
        for mark in page.locator(f"[aria-label*='{site}']").all():
            label = str(mark.get_attribute("aria-label"))
            assert not re.search(r"\d", label), label
        for table in ("comparison-table", "caterpillar-table"):
            row = opened.locator(f"[data-testid={table}] tr", has_text=site)
            assert not re.search(r"\d", str(row.text_content()))
        mentions = re.findall(rf"[^.\n]*{site}[^.\n]*", page.inner_text())
        assert mentions
        assert not any(re.search(r"\d", text) for text in mentions), mentions


def test_each_table_comes_as_a_file_that_names_its_release(
    elm_court: Page, release: FixtureRelease, tmp_path: Path
) -> None:
    elm_court.locator("summary", has_text="The numbers of this chart as a table").nth(1).click()
    button = elm_court.get_by_role("button", name="Download these numbers (gap, CSV)")
    # A run that is still going takes the file of the button before it away.
    elm_court.locator("[data-test-script-state=notRunning]").wait_for()
    with elm_court.expect_download() as waiting:
        button.click()
    assert release.release_id in waiting.value.suggested_filename
    target = tmp_path / "gap.csv"
    waiting.value.save_as(target)
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["release_id"] for row in rows} == {release.release_id}
    assert {row["site_label"] for row in rows} == {"Elm Court"}
    [gap] = rows_in(release, f"select gap from site_gaps where {ELM_COURT}")
    assert float(rows[-1]["points"]) == round(number_in(gap, "gap"), 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_small_screen_in_both_themes_and_is_reached_by_key(
    page: Page, served: str, scheme: str, quiet: Record
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(served)
    expect(chart_of(page, "caterpillar")).to_be_visible(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    paper = page.locator(".stApp").evaluate("node => getComputedStyle(node).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 24, 29)"}[scheme]
    ink = chart_of(page, "caterpillar").locator("text", has_text="Abbey Lane")
    colour = ink.evaluate("node => getComputedStyle(node).fill")
    assert colour == {"light": "rgb(31, 42, 51)", "dark": "rgb(230, 235, 238)"}[scheme]
    written = chart_of(page, "caterpillar").locator("text").all_text_contents()
    assert "74 %" not in written, "no room for it; the table has it"
    region = page.get_by_role("region", name="Sites as a table")
    region.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    for _ in range(50):
        if page.evaluate("document.activeElement.scrollLeft") > 50:
            break
        page.wait_for_timeout(100)
    assert page.evaluate("document.activeElement.scrollLeft") > 50


def test_every_chart_has_words_in_its_place(elm_court: Page, quiet: Record) -> None:
    for key, words in (
        ("funnel", "Funnel chart of the mean"),
        ("caterpillar", "sites in alphabetical order"),
        ("gap", "Bar chart of where the distance of Elm Court"),
        ("trend", "Line chart of Elm Court over 33 periods"),
    ):
        assert words in elm_court.locator(f".st-key-{key}").evaluate("node => node.outerHTML")
