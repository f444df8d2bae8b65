"""Every sentence the page can say: right in every state, plain, and never a ranking."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboards import sentences
from dashboards.release import ExpectedDelivery, Site, SiteResult
from orchestration.benchmarking.comparability import REASONS
from tests.unit.dashboards.reading_grade import reading_grade
from tests.unit.dashboards.rows import (
    ALLIANCE,
    NO_LIMITS,
    NO_NUMBERS,
    SYMPTOMS,
    named,
    row,
    suppressed,
)

HIGHEST_GRADE = 9.0
RANKING = re.compile(
    r"\b(best|worst|top|bottom|rank\w*|first|last|league|\d+(st|nd|rd|th))\b", re.I
)

STATES: dict[str, tuple[SiteResult, Sequence[str]]] = {
    "within": (
        row(),
        ["212 clients is 35.2 points, give or take 1.0", "within the range", "(34.3 to 36.5)"],
    ),
    "above_95": (
        row(flag="above_95", raw=36.9),
        ["above the range", "(34.3 to 36.5)", "1 site in 20", "a hint only"],
    ),
    "below_95": (row(flag="below_95", raw=34.0), ["below the range", "1 site in 20"]),
    "above_998": (
        row(flag="above_998", raw=37.9),
        ["above even the wide range", "(33.6 to 37.2)", "2 sites in 1,000"],
    ),
    "below_998": (row(flag="below_998", raw=33.0), ["below even the wide range", "worth asking"]),
    "flag with a reason for care": (
        row(flag="above_95", comparability="response_rates_differ"),
        ["above the range", "Read this with care, because its share of forms"],
    ),
    "too few clients": (
        row(flag=None, comparability="too_few_clients", n_clients=22),
        ["22 clients", "do not flag it, because it has too few clients"],
    ),
    "one client": (row(n_clients=1), ["for 1 client is"]),
    "therapist unknown": (
        row(**NO_LIMITS, comparability="therapist_unknown", n_therapists=None),
        ["because we do not know which therapist saw which client", "its margin is too small"],
    ),
    "several reasons": (
        row(flag=None, comparability="data_incomplete, response_rate_low,too_few_sites"),
        ["not complete, too few of the forms due came back and there are too few sites"],
    ),
    "a reason of a later release": (
        row(flag=None, comparability="moon_phase"),
        ["because of “moon phase”"],
    ),
    "no flag and no reason": (row(**NO_LIMITS), ["no flag: there is no range"]),
    "no margin": (row(**NO_LIMITS, standard_error=None), ["is 35.2 points. It has no flag"]),
    "suppressed": (suppressed(), ["no numbers for West End", "Too few people"]),
    "no forms": (row(**NO_NUMBERS), ["no mean score for Mill Road"]),
    "nothing beside it": (row(response_rate=None, ceiling_share=None), ["group's mean of 35.4."]),
}
HEADLINES: dict[str, tuple[Sequence[SiteResult], Sequence[str]]] = {
    "all within": (
        [named("Abbey Lane"), named("Elm Court"), named("Mill Road")],
        [
            "All 3 sites we can compare lie within",
            "cannot tell any of them apart from the group's mean",
            "That does not mean they are alike.",
            "group's mean is 35.4",
        ],
    ),
    "two within": (
        [named("Abbey Lane"), named("Elm Court")],
        ["Both sites we can compare lie", "cannot tell either of them apart"],
    ),
    "one within": ([named("Abbey Lane")], ["one site only: Abbey Lane lies within the range"]),
    "one outside": (
        [named("Abbey Lane", flag="below_95")],
        ["one site only: Abbey Lane lies just below the range"],
    ),
    "on every side": (
        [
            named("Abbey Lane"),
            named("Castle Hill", flag="above_998"),
            named("Dockside", flag="above_95"),
            named("Elm Court", flag="below_95"),
            named("Lighthouse", flag="below_998"),
            named("Mill Road", flag="above_95"),
            suppressed(),
        ],
        [
            "Of the 6 sites we can compare, 1 lies within the range we expect.",
            "Castle Hill lies far above it.",
            "Dockside and Mill Road lie just above it.",
            "Elm Court lies just below it.",
            "Lighthouse lies far below it.",
        ],
    ),
    "none within": (
        [named("Abbey Lane", flag="above_95"), named("Elm Court", flag="below_95")],
        ["Of the 2 sites we can compare, none lies within"],
    ),
    "none flagged": (
        [named("Abbey Lane", **NO_LIMITS, comparability="too_few_sites"), suppressed()],
        ["We show 1 site but can compare none of them fairly", "The table gives the reasons"],
    ),
    "outside for other reasons": (
        [
            named("Abbey Lane"),
            named("Elm Court"),
            named("Mill Road", flag="below_998", comparability="response_rates_differ"),
        ],
        ["Both sites we can compare lie within", "Mill Road lies outside the range too"],
    ),
    "all suppressed": ([suppressed("Abbey Lane"), suppressed()], ["No site can be shown"]),
    "no row": ([], ["No site can be shown"]),
    "no spread beyond chance": (
        [named("Abbey Lane", tau2=0.0), named("Elm Court", tau2=0.0, flag="above_95")],
        ["chance alone could spread", "differences may be there that these numbers cannot show"],
    ),
}


def _check_words(text: str, parts: Sequence[str]) -> None:
    for part in parts:
        assert part in text
    # "the best score there is" is about the scale, not about a site.
    assert not RANKING.search(text.replace("the best score there is", ""))
    assert reading_grade(text) <= HIGHEST_GRADE, f"{reading_grade(text):.1f}: {text}"
    assert "None" not in text
    assert "nan" not in text.lower().split()
    assert "  " not in text


@pytest.mark.parametrize("state", STATES)
def test_the_sentence_of_a_site_is_right_in_every_state(state: str) -> None:
    result, parts = STATES[state]
    _check_words(sentences.site_sentence(result, ALLIANCE), parts)


def test_a_suppressed_site_is_given_no_number() -> None:
    text = sentences.site_sentence(suppressed(), ALLIANCE)
    assert not re.search(r"\d", text)


@pytest.mark.parametrize("state", HEADLINES)
def test_the_headline_is_right_in_every_state(state: str) -> None:
    rows, parts = HEADLINES[state]
    _check_words(sentences.headline(rows, ALLIANCE), parts)


@pytest.mark.parametrize("tau2", [0.0, 0.09])
def test_no_difference_found_is_never_said_to_be_no_difference(tau2: float) -> None:
    text = sentences.headline([named(f"Site {n}", tau2=tau2) for n in range(3)], ALLIANCE)
    assert not re.search(r"no (real )?difference|no more than|the same", text)
    assert "cannot tell" in text


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_the_benchmark_gives_has_words(code: str) -> None:
    result = row(flag=None, comparability=code)
    assert "“" not in sentences.reasons(result), "no words of its own"
    _check_words(sentences.site_sentence(result, ALLIANCE), [sentences.reasons(result)])
    assert sentences.short_reasons(result) != code


def test_it_says_which_way_is_good() -> None:
    assert "higher score means that the two work together" in sentences.meaning(ALLIANCE)
    assert "lower score is better" in sentences.meaning(SYMPTOMS)


def test_what_stands_on_every_page_is_plain() -> None:
    for text in (sentences.INTERNAL_ONLY, sentences.RAW_MEANS, sentences.meaning(ALLIANCE)):
        assert reading_grade(text) <= HIGHEST_GRADE, f"{reading_grade(text):.1f}: {text}"
    assert "no verdict on a site or on a therapist" in sentences.RAW_MEANS


def test_sites_that_are_missing_are_named() -> None:
    rows = [named("Abbey Lane"), suppressed("Elm Court"), suppressed()]
    text = sentences.suppressed_sites(rows)
    assert "Not shown: Elm Court and West End." in text
    assert reading_grade(text) <= HIGHEST_GRADE
    assert sentences.suppressed_sites(rows[:1]) == ""


def test_sites_without_a_row_are_named_with_the_reason() -> None:
    orchard = Site("northgate", "Northgate", "orchard", "Orchard")
    by_year = Site("harbour", "Harbour", "dockside", "Dockside", is_dated_by_year=True)
    assert "Not in this view: Orchard." in sentences.absent_sites([orchard], "2026-Q3")
    assert sentences.absent_sites([], "2026-Q3") == ""
    for period in ("2026-09", "2026-Q3", "12m-2026-09"):
        text = sentences.absent_sites([by_year, orchard], period)
        assert "Not in this view: Orchard." in text
        assert "Only in views of a whole year: Dockside." in text
        assert reading_grade(text) <= HIGHEST_GRADE
    for period in ("2026", "all"):
        assert "Not in this view: Dockside." in sentences.absent_sites([by_year], period)


def test_sites_without_a_margin_are_named_as_missing_from_the_chart() -> None:
    rows = [named("Abbey Lane"), named("Orchard", standard_error=None), suppressed()]
    assert "not on the chart: Orchard." in sentences.unplaced_sites(rows)
    assert sentences.unplaced_sites(rows[:1]) == ""


def test_only_an_unverified_key_carries_a_note() -> None:
    assert sentences.key_note(ALLIANCE) == ""
    note = sentences.key_note(replace(ALLIANCE, key_status="unverified"))
    assert "Session Rating Scale" in note
    assert "not been checked" in note


def test_an_instrument_s_own_notes_stand_beside_its_numbers() -> None:
    assert sentences.instrument_notes(ALLIANCE) == []
    noted = replace(ALLIANCE, risk_notice="Risk.", cautions="Care.")
    assert sentences.instrument_notes(noted) == ["Risk.", "Care."]


def test_a_practice_is_late_once_a_deadline_has_passed_and_not_before() -> None:
    deadline = datetime(2026, 11, 3, 5, 0, tzinfo=UTC)
    owed = [
        ExpectedDelivery("harbour", "Harbour", feed, deadline + timedelta(hours=hours))
        for feed, hours in (("administrations", 1), ("sessions", 0), ("episodes", 9))
    ]

    def said(now: datetime) -> list[str]:
        return sentences.late_deliveries(owed, now, "Europe/Berlin")

    assert said(deadline) == []
    [text] = said(deadline + timedelta(seconds=1))
    assert "Harbour is late: its sessions were due by 3 November 2026, 06:00" in text
    [text] = said(deadline + timedelta(hours=2))
    assert "its questionnaires and sessions were due" in text
    assert reading_grade(text) <= HIGHEST_GRADE


def test_a_broken_declaration_is_said_of_each_practice() -> None:
    assert sentences.broken_declarations([]) == []
    first, second = sentences.broken_declarations(["Harbour", "Birchwood"])
    assert "The declaration of Harbour is broken" in first
    assert "may miss newer forms" in second
    assert reading_grade(first) <= HIGHEST_GRADE


def test_the_grade_itself_tells_plain_from_learned() -> None:
    assert reading_grade("The cat sat on the mat.") < 2
    learned = "Heterogeneity notwithstanding, precision-weighted estimates necessitate caution."
    assert reading_grade(learned) > 15
