"""Words, tables and sentences of the page Deliveries, state by state."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from dashboards import delivery_words, nights
from dashboards.release import Attempt, CalendarDay
from dashboards.to_do import to_do
from tests.unit.dashboards.reading_grade import reading_grade

TODAY = date(2026, 11, 4)
DAY = CalendarDay(
    practice_id="harbour",
    practice_name="Harbour",
    file="sessions",
    due_on=TODAY,
    state="on_time",
    expected_by_at=datetime(2026, 11, 5, 2, tzinfo=UTC),
    received_at=datetime(2026, 11, 4, 4, tzinfo=UTC),
    is_late=False,
    pause_note=None,
    file_name="sessions.csv",
    n_superseded=0,
    n_duplicates=0,
    n_quarantined=0,
    is_over_tolerance=False,
)
ATTEMPT = Attempt(
    practice_id="harbour",
    practice_name="Harbour",
    feed="sessions",
    delivery_id="harbour.sessions.0123",
    file="sessions",
    file_name="sessions.csv",
    state="loaded",
    reason=None,
    message=None,
    received_at=datetime(2026, 11, 4, 4, tzinfo=UTC),
    n_file_rows=12,
    n_accepted=10,
    n_quarantined=2,
    n_excluded=0,
    is_over_tolerance=False,
    is_last=True,
    is_settled=False,
)


def _not_here(state: str, before: int = 0, **changes: object) -> CalendarDay:
    day = replace(DAY, state=state, received_at=None, due_on=TODAY - timedelta(days=before))
    return replace(day, **changes)  # type: ignore[arg-type]


def test_every_state_has_a_glyph_a_word_and_a_meaning_of_its_own() -> None:
    words = [delivery_words.word(state) for state in delivery_words.LEGEND]
    for part in ("glyph", "word", "meaning"):
        assert len({getattr(word, part) for word in words}) == len(words)
    page = nights.legend()
    assert all(f"</span>{word.word}</dt>" in page for word in words)
    assert delivery_words.word("put_off").word == "Put off"


def test_what_needs_a_person_is_shown_before_what_does_not() -> None:
    days = [DAY, replace(DAY, file="forms", state="refused")]
    page = nights.calendar_table(days, TODAY, by_file=False)
    assert page.count("<td") == 1
    assert "Refused" in page
    assert "1 of 2 files" in page
    assert "On time" not in page
    by_file = nights.calendar_table(days, TODAY, by_file=True)
    assert by_file.count("<td") == 2
    assert "On time" in by_file
    unknown = nights.calendar_table([*days, replace(DAY, state="put_off")], TODAY, by_file=False)
    assert "Put off" in unknown


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (_not_here("late"), ("Late", "not here yet")),
        (replace(DAY, state="late", is_late=True), ("Late", "came late")),
        (_not_here("missing"), ("Missing",)),
        (_not_here("due"), ("Due",)),
        (_not_here("paused", pause_note="Bank <holiday>"), ("Pause", "Bank &lt;holiday&gt;")),
        (replace(DAY, state="quarantined", n_quarantined=1), ("Quarantined", "1 row set aside")),
        (replace(DAY, n_superseded=1, n_duplicates=2), ("On time", "1 superseded, 2 sent twice")),
        (_not_here("duplicate", n_duplicates=1), ("Duplicate",)),
    ],
)
def test_a_cell_says_its_state_in_words(day: CalendarDay, words: tuple[str, ...]) -> None:
    page = nights.calendar_table([day], TODAY, by_file=False)
    assert all(f"{word}</span>" in page for word in words)


def test_nights_come_newest_first_and_an_empty_one_is_said_to_be() -> None:
    other = replace(DAY, practice_id="north", practice_name="North", due_on=date(2026, 11, 1))
    page = nights.calendar_table([other, DAY], TODAY, by_file=False)
    assert page.index("Wed 4 Nov") < page.index("Sun 1 Nov")
    assert page.count("none due") == 2
    assert 'role="region" tabindex="0"' in page


def test_the_ledger_shows_counts_and_reasons() -> None:
    refused = replace(ATTEMPT, state="refused", message="the header <x> is wrong", file_name=None)
    settled = replace(refused, is_settled=True)
    page = nights.ledger_table([ATTEMPT, refused, settled], "Harbour", "Europe/Berlin")
    assert "4 Nov 2026, 05:00" in page
    assert "Quarantined" in page
    assert "the header &lt;x&gt; is wrong" in page
    assert page.count("Settled: a later file brought it.") == 1
    assert "a file whose name cannot be shown" in page
    assert '<td class="number">12</td><td class="number">10</td>' in page


def test_when_all_is_well_nobody_has_to_do_anything() -> None:
    paused = _not_here("paused", pause_note="Holiday")
    assert to_do([DAY, _not_here("due"), paused], [ATTEMPT], []) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "refused", "reason": "wrong_columns"}, ("The data analyst sees to", "refused")),
        ({"state": "refused", "reason": "identifier_found"}, ("The privacy officer sees to",)),
        ({"state": "refused", "reason": "key_missing"}, ("Whoever keeps the keys sees to",)),
        ({"state": "refused", "reason": "agreement_expired"}, ("The group's leadership sees to",)),
        ({"state": "dead"}, ("reading it broke off", "ask for it again")),
        (
            {"state": "held", "is_settled": True},
            ("asks Harbour whether", "“alliance deliveries release harbour.sessions.0123”"),
        ),
        ({"is_over_tolerance": True}, ("“alliance quarantine --practice harbour",)),
    ],
)
def test_each_file_that_waits_names_who_and_what(
    changes: dict[str, object], words: tuple[str, ...]
) -> None:
    attempt = replace(ATTEMPT, message="send it again", **changes)  # type: ignore[arg-type]
    [sentence] = to_do([], [attempt], [])
    assert all(word in sentence for word in words)
    if attempt.state != "loaded":
        assert sentence.endswith("Send it again.")
        assert "sessions.csv" in sentence
    assert to_do([], [replace(attempt, is_last=False)], []) == []
    if attempt.state != "held":
        assert to_do([], [replace(attempt, is_settled=True)], []) == []


def test_files_that_wait_for_the_same_reason_are_one_sentence() -> None:
    refused = replace(ATTEMPT, state="refused", message="the header is wrong")
    older = [replace(refused, file_name=f"sessions_{n}.csv") for n in range(29)]
    [sentence] = to_do([], [refused, *older], [])
    assert "“sessions.csv” and 29 more like it" in sentence
    held = [replace(ATTEMPT, state="held", delivery_id=f"id{n}") for n in range(2)]
    assert len(to_do([], held, [])) == 2


def test_what_has_not_come_is_asked_for_once_a_practice() -> None:
    days = [_not_here("missing", before) for before in range(1, 6)] + [_not_here("late")]
    [sentence] = to_do([*days, replace(_not_here("late"), file="client_forms")], [], [])
    assert "asks Harbour for its client forms and sessions due on 2 November, " in sentence
    assert "3 November and 4 November, and on 3 days before." in sentence
    assert to_do([replace(DAY, state="late")], [], []) == [], "it has come, if late"


def test_a_stuck_export_and_a_broken_declaration_are_said() -> None:
    found = to_do([_not_here("duplicate")], [], ["North"])
    assert "mends the declaration of North" in found[0]
    assert "asks Harbour whether its export is stuck" in found[1]


def test_the_sentences_are_plain() -> None:
    states = ("held", "refused", "dead")
    attempts = [replace(ATTEMPT, state=state) for state in states]
    over = replace(ATTEMPT, is_over_tolerance=True)
    days = [_not_here("missing"), _not_here("duplicate")]
    found = to_do(days, [*attempts, over], ["North"])
    assert len(found) == 7
    assert reading_grade(" ".join(found)) <= 9
