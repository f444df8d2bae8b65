"""What was owed and what came: every state a night can be in, worked by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from expectations.practice import Practice
from orchestration.release.delivery_calendar import (
    Delivered,
    Entry,
    entries,
    expected,
    next_due,
    one_a_file,
)
from tests.unit.release.small_warehouse import small_registry

FIRST = date(2026, 11, 2)
"""A Monday. New York is five hours behind UTC."""


def _practice(*versions: dict[str, Any], **cadence: Any) -> Practice:
    practice = small_registry().practices["practice"]
    content = practice.model_dump(by_alias=True, exclude_unset=True)
    [contract] = content["contracts"]
    changes = versions or ({"cadence": {"every": "day", "grace_days": 0, **cadence}},)
    content["contracts"] = [{**contract, **change} for change in changes]
    return Practice.model_validate(content)


def _file(day: int, hour: int = 9, **changes: Any) -> Delivered:
    """Received on a day of November 2026 at an hour UTC, 04:00 in New York unless told."""
    ordinary = Delivered(
        practice_id="practice",
        file="export",
        file_sha256=f"sha{day}",
        file_name="export.csv",
        load_seq=day,
        state="loaded",
        reason=None,
        received_at=datetime(2026, 11, day, hour, tzinfo=UTC),
        received_on=date(2026, 11, day),
        exported_on=None,
        n_file_rows=5,
        n_rows_read=10,
        n_accepted=10,
        n_quarantined=0,
        n_excluded=0,
        is_over_tolerance=False,
        loaded_feeds=frozenset(["sessions"]),
    )
    return replace(ordinary, **changes)


def _calendar(practice: Practice, files: Sequence[Delivered], n_days: int = 5) -> list[Entry]:
    dues = expected(practice, FIRST, FIRST + timedelta(days=n_days - 1), "America/New_York")
    return entries(dues, files, {})


def _states(found: Sequence[Entry]) -> list[str | None]:
    return [entry.state for entry in found]


def test_each_day_goes_by_the_contract_valid_on_it() -> None:
    practice = _practice(
        {"valid_to": "2026-11-03"},
        {"valid_from": "2026-11-05", "cadence": {"every": "week", "weekdays": ["friday"]}},
    )
    dues = expected(practice, date(2026, 11, 1), date(2026, 11, 30), "UTC")
    assert [due.due_on.day for due in dues] == [1, 2, 3, 6, 13, 20, 27]
    assert expected(practice, date(2024, 1, 1), date(2024, 12, 31), "UTC") == []


def test_a_kind_of_file_may_come_at_times_of_its_own() -> None:
    [spec] = _practice().contracts[0].files
    second = replace_file(spec, "monthly", {"every": "month", "day_of_month": 3})
    practice = _practice({"files": [spec.model_dump(by_alias=True, exclude_unset=True), second]})
    dues = expected(practice, FIRST, FIRST + timedelta(days=2), "UTC")
    assert [(due.file, due.due_on.day) for due in dues] == [
        ("export", 2),
        ("export", 3),
        ("export", 4),
        ("monthly", 3),
    ]


def replace_file(spec: Any, name: str, cadence: dict[str, Any]) -> dict[str, Any]:
    return {**spec.model_dump(by_alias=True, exclude_unset=True), "file": name, "cadence": cadence}


def test_a_day_is_missing_once_the_next_one_is_late_too() -> None:
    first, second, last = expected(_practice(), FIRST, FIRST + timedelta(days=2), "UTC")
    assert first.expected_by_at == datetime(2026, 11, 2, 3, tzinfo=UTC)
    assert first.missing_after_at == second.expected_by_at
    assert second.missing_after_at == last.expected_by_at
    assert last.missing_after_at is None


def test_every_state_of_what_came() -> None:
    # Due by 03:00 in New York with no grace, 08:00 UTC.
    found = _calendar(
        _practice(),
        [
            _file(2, 7),
            _file(3, 9),
            _file(4, 7, n_quarantined=1),
            _file(5, 7, state="held", loaded_feeds=frozenset()),
            _file(6, 9, state="refused", loaded_feeds=frozenset()),
        ],
        n_days=6,
    )
    assert _states(found) == ["on_time", "late", "quarantined", "held", "refused", None]
    assert [entry.is_late for entry in found] == [False, True, False, False, True, False]


def test_at_the_deadline_itself_nobody_is_late() -> None:
    practice = _practice(deadline="04:00")
    assert _states(_calendar(practice, [_file(2, 9)], 1)) == ["on_time"]
    later = _file(2, 9, received_at=datetime(2026, 11, 2, 9, 0, 1, tzinfo=UTC))
    assert _states(_calendar(practice, [later], 1)) == ["late"]


def test_a_missed_night_does_not_shift_the_nights_after_it() -> None:
    found = _calendar(_practice(grace_days=1), [_file(2), _file(4), _file(5), _file(6)])
    assert _states(found) == ["on_time", None, "on_time", "on_time", "on_time"]


def test_a_practice_that_catches_up_fills_the_nights_it_missed() -> None:
    caught_up = [
        _file(5, file_sha256=f"sha{day}", load_seq=day, exported_on=date(2026, 11, day))
        for day in (3, 4, 5)
    ]
    found = _calendar(_practice(grace_days=1), [_file(2), *caught_up])
    assert _states(found) == ["on_time", "late", "late", "on_time", None]
    assert [entry.delivered.load_seq for entry in found if entry.delivered] == [2, 3, 4, 5]
    # Without export days two files of a night are an export and its correction.
    undated = [replace(file, exported_on=None) for file in caught_up]
    found = _calendar(_practice(grace_days=1), [_file(2), *undated])
    assert _states(found) == ["on_time", None, None, "on_time", None]
    assert [entry.n_superseded for entry in found] == [0, 0, 0, 2, 0]


def test_a_correction_stands_in_for_the_first_export_which_was_on_time() -> None:
    first = _file(2, 7, exported_on=FIRST)
    correction = _file(2, 20, file_sha256="new", load_seq=7, exported_on=FIRST)
    [entry] = _calendar(_practice(), [first, correction], 1)
    assert (entry.state, entry.n_superseded) == ("on_time", 1)
    assert entry.delivered is not None
    assert (entry.delivered.load_seq, entry.delivered.received_at.hour) == (7, 7)


def test_a_mended_file_settles_a_refused_one_and_a_refused_one_unsettles_nothing() -> None:
    bad = _file(2, 7, state="refused", loaded_feeds=frozenset())
    mended = _file(2, 20, file_sha256="mended", load_seq=9)
    assert _states(_calendar(_practice(grace_days=1), [bad, mended], 1)) == ["on_time"]
    later = replace(bad, load_seq=10, received_at=datetime(2026, 11, 2, 22, tzinfo=UTC))
    [entry] = _calendar(_practice(grace_days=1), [mended, later], 1)
    assert (entry.state, entry.n_superseded) == ("on_time", 0)


def test_a_mended_file_goes_to_the_day_whose_file_was_refused() -> None:
    days = [_file(day, exported_on=date(2026, 11, day)) for day in (2, 3, 4, 5)]
    days[1] = replace(days[1], state="refused", loaded_feeds=frozenset())
    mended = _file(5, file_sha256="mended", load_seq=9, exported_on=date(2026, 11, 3))
    practice = _practice(grace_days=1)
    assert _states(_calendar(practice, days)) == ["on_time", "refused", "on_time", "on_time", None]
    found = _calendar(practice, [*days, mended])
    assert _states(found) == ["on_time", "late", "on_time", "on_time", None]
    assert found[1].n_superseded == 1


def test_weekly_early_counts_for_the_next_day_and_late_for_the_one_before() -> None:
    practice = _practice(every="week", weekdays=["friday"])
    # Due on 6 and 13 November: the 11th is early for the 13th, the 10th late for the 6th.
    assert _states(_calendar(practice, [_file(11)], 14)) == [None, "on_time"]
    assert _states(_calendar(practice, [_file(10)], 14)) == ["late", None]
    assert _states(_calendar(practice, [_file(6, 7), _file(12)], 14)) == ["on_time", "on_time"]


def test_in_a_pause_nothing_is_owed_but_what_comes_is_shown() -> None:
    pause = {"first_on": FIRST, "last_on": FIRST + timedelta(days=1), "note": "Holiday"}
    practice = _practice(pauses=[{**pause, "noted_on": FIRST}])
    found = _calendar(practice, [_file(3)], 3)
    assert [entry.due.pause_note for entry in found] == ["Holiday", "Holiday", None]
    assert [entry.due.expected_by_at is None for entry in found] == [True, True, False]
    assert _states(found) == [None, "on_time", None]


def test_a_file_with_several_feeds_is_as_bad_as_its_worst() -> None:
    sessions = _file(2, 7)
    refused = {"state": "refused", "loaded_feeds": frozenset[str]()}
    forms = _file(2, 8, load_seq=3, n_rows_read=4, n_accepted=0, n_file_rows=None, **refused)
    [both] = one_a_file([sessions, forms])
    assert (both.state, both.n_rows_read, both.n_accepted, both.n_file_rows) == (
        "refused",
        14,
        10,
        5,
    )
    assert both.received_at == sessions.received_at
    found = _calendar(_practice(), [both], 2)
    by = {feed: next_due(found, feed) for feed in ("sessions", "administrations", "other")}
    assert by == {
        "sessions": found[1].due.expected_by_at,
        "administrations": found[0].due.expected_by_at,
        "other": None,
    }


def test_bytes_sent_again_are_no_delivery() -> None:
    dues = expected(_practice(), FIRST, FIRST + timedelta(days=2), "America/New_York")
    resent = {("practice", "export", FIRST + timedelta(days=1)): 2, ("other", "export", FIRST): 1}
    found = entries(dues, [_file(2, 7)], resent)
    assert _states(found) == ["on_time", "duplicate", None]
    assert [entry.n_duplicates for entry in found] == [0, 2, 0]


def test_what_is_refused_is_still_owed() -> None:
    refused = _file(3, state="refused", loaded_feeds=frozenset())
    found = _calendar(_practice(), [_file(2), refused], 3)
    assert next_due(found, "sessions") == found[1].due.expected_by_at
