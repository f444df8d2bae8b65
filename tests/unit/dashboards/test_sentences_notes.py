"""What stands beside the comparison: who is missing, whose key is unchecked, who is late."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dashboards import sentences_notes
from dashboards.release import ExpectedDelivery, Site
from tests.unit.dashboards.plain_words import check_plain
from tests.unit.dashboards.rows import ALLIANCE, named, suppressed


def test_sites_that_are_missing_are_named() -> None:
    rows = [named("Abbey Lane"), suppressed("Elm Court"), suppressed()]
    text = sentences_notes.suppressed_sites(rows)
    assert "Not shown: Elm Court and West End." in text
    assert not re.search(r"\d|few", text), "a hint which rule hides them"
    check_plain(text)
    assert sentences_notes.suppressed_sites(rows[:1]) == ""


def test_sites_without_a_row_are_named_with_the_reason() -> None:
    orchard = Site("northgate", "Northgate", "orchard", "Orchard")
    by_year = Site("harbour", "Harbour", "dockside", "Dockside", is_dated_by_year=True)
    assert "Not in this view: Orchard." in sentences_notes.absent_sites([orchard], "2026-Q3")
    assert sentences_notes.absent_sites([], "2026-Q3") == ""
    for period in ("2026-09", "2026-Q3", "12m-2026-09"):
        text = sentences_notes.absent_sites([by_year, orchard], period)
        assert "Not in this view: Orchard." in text
        assert "Only in views of a whole year: Dockside." in text
        check_plain(text)
    for period in ("2026", "all"):
        text = sentences_notes.absent_sites([by_year], period)
        assert "Not in this view: Dockside." in text
        assert "Only in views" not in text


def test_sites_without_a_margin_are_named_as_missing_from_the_chart() -> None:
    rows = [named("Abbey Lane"), named("Orchard", standard_error=None), suppressed()]
    assert "not on the chart: Orchard." in sentences_notes.unplaced_sites(rows)
    assert sentences_notes.unplaced_sites(rows[:1]) == ""


def test_only_an_unverified_key_carries_a_note() -> None:
    assert sentences_notes.key_note(ALLIANCE) == ""
    note = sentences_notes.key_note(replace(ALLIANCE, key_status="unverified"))
    assert "Session Rating Scale" in note
    assert "not been checked" in note


def test_an_instrument_s_own_notes_stand_beside_its_numbers() -> None:
    assert sentences_notes.instrument_notes(ALLIANCE) == []
    noted = replace(ALLIANCE, risk_notice="Risk.", cautions="Care.")
    assert sentences_notes.instrument_notes(noted) == ["Risk.", "Care."]


def test_a_practice_is_late_once_a_deadline_has_passed_and_not_before() -> None:
    deadline = datetime(2026, 11, 3, 5, 0, tzinfo=UTC)
    owed = [
        ExpectedDelivery("harbour", "Harbour", feed, deadline + timedelta(hours=hours))
        for feed, hours in (("administrations", 1), ("sessions", 0), ("episodes", 9))
    ]

    def said(now: datetime) -> list[str]:
        return sentences_notes.late_deliveries(owed, now, "Europe/Berlin")

    assert said(deadline) == []
    [text] = said(deadline + timedelta(seconds=1))
    assert "Harbour is late. Its sessions were due by 3 November 2026, 06:00" in text
    [text] = said(deadline + timedelta(hours=2))
    assert "Its questionnaires and sessions were due" in text
    check_plain(text)


def test_a_broken_declaration_is_said_of_each_practice() -> None:
    assert sentences_notes.broken_declarations([]) == []
    first, second = sentences_notes.broken_declarations(["Harbour", "Birchwood"])
    assert "The declaration of Harbour is broken" in first
    assert "may miss newer forms" in second
    check_plain(first)
