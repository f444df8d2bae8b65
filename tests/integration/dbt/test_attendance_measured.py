"""Appointments and answers of treatments worked out by hand (histories.py)."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from expectations.registry import Registry
from tests.integration.dbt import histories
from tests.integration.dbt.raw_rows import RawWarehouse

ATTENDANCE, RESPONSES = "int_attendance_measured", "int_responses_measured"


@pytest.fixture(scope="module")
def warehouse(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    warehouse = open_warehouse(histories.declared())
    histories.deliver(warehouse, histories.ALL)
    histories.deliver_frame(warehouse)
    warehouse.build_with_measures()
    return warehouse


def _rows(warehouse: RawWarehouse, columns: str, view: str, where: str) -> list[Any]:
    query = f"select {columns} from intermediate.{view} where {where} order by all"
    return warehouse.rows(query)


def _counts(warehouse: RawWarehouse, view: str, metric: str, where: str) -> list[Any]:
    """Numerator, denominator and units without a number, by client and reason."""
    return warehouse.rows(
        "select client_key, null_reason, sum(numerator), sum(denominator), count(*) "
        f"from intermediate.{view} where metric = '{metric}' and {where} "
        "group by all order by client_key, null_reason nulls first"
    )


def test_statuses_are_shares_of_what_was_scheduled(warehouse: RawWarehouse) -> None:
    # Amy, of 12 rows: not the intake session, the one put off, the one still to come; of the nine
    # left one has no status and one was attended on a day after the report.
    unknown = [
        ("amy", "attendance_not_recorded", None, None, 1),
        ("amy", "day_misread", None, None, 1),
    ]
    for metric, kept in (
        ("attended", 3),
        ("no_show", 1),
        ("cancelled_client_late", 1),
        ("cancelled_therapist", 1),
    ):
        counts = _counts(warehouse, ATTENDANCE, metric, "client_key = key('amy')")
        assert counts == [("amy", None, kept, 7, 7), *unknown], metric
    assert _counts(warehouse, ATTENDANCE, "attended", "client_key in (key('bob'), key('cat'))") == [
        ("bob", None, 2, 2, 2),
        ("cat", None, 2, 2, 2),
    ]


def test_a_practice_without_either_word_has_no_late_cancellations_told_apart(
    warehouse: RawWarehouse,
) -> None:
    # South's sessions, all attended: 6 + 7 + 2 + 2 + 1.
    assert warehouse.rows(
        "select metric, null_reason, sum(numerator), sum(denominator), count(*) "
        f"from intermediate.{ATTENDANCE} where practice_id = 'south' "
        "and metric in ('attended', 'no_show', 'cancelled_client_late', 'cancelled_therapist') "
        "group by all order by all"
    ) == [
        ("attended", None, 18, 18, 18),
        ("cancelled_client_late", "not_told_apart", None, None, 18),
        ("cancelled_therapist", None, 0, 18, 18),
        ("no_show", None, 0, 18, 18),
    ]


def test_minutes_are_kept_within_ten(warehouse: RawWarehouse) -> None:
    # Amy: 60 against 50 is kept, 61 is not; the third says no actual length.
    assert _counts(warehouse, ATTENDANCE, "minutes_kept", "practice_id = 'frame'") == [
        ("amy", None, 1, 2, 2),
        ("amy", "minutes_not_recorded", None, None, 1),
        ("bob", "minutes_not_recorded", None, None, 2),
        ("cat", "minutes_not_recorded", None, None, 2),
    ]


def test_gaps_are_between_attended_sessions(warehouse: RawWarehouse) -> None:
    # Amy: 5, 14 and 26 January, 9 and 12 days apart, 7 agreed: within two days, and not.
    rows = _rows(
        warehouse,
        "client_key, metric, month_on, value, numerator, null_reason, stage",
        ATTENDANCE,
        "metric in ('gap_kept', 'gap_days') and practice_id = 'frame'",
    )
    january, march, august = (date(2026, month, 1) for month in (1, 3, 8))
    assert rows == [
        ("amy", "gap_days", january, 9, 9, None, "opening"),
        ("amy", "gap_days", january, 12, 12, None, "developing"),
        ("amy", "gap_kept", january, None, 0, None, "developing"),
        ("amy", "gap_kept", january, None, 1, None, "opening"),
        ("bob", "gap_days", august, 7, 7, None, "opening"),
        ("bob", "gap_kept", august, None, None, "interval_not_agreed", "opening"),
        ("cat", "gap_days", march, None, None, "days_not_comparable", "opening"),
        ("cat", "gap_kept", march, None, None, "days_not_comparable", "opening"),
    ]


def test_each_form_due_came_or_did_not(warehouse: RawWarehouse) -> None:
    assert _counts(warehouse, RESPONSES, "response_rate", "true") == [
        ("ada", None, 5, 6, 6),
        ("ben", None, 1, 2, 2),
        ("cleo", None, 0, 4, 4),
        ("dina", None, 2, 5, 5),
        ("evan", None, 1, 1, 1),
        ("fay", None, 1, 3, 3),
        ("lea", None, 3, 3, 3),
        ("max", None, 0, 1, 1),
        ("moe", None, 1, 3, 3),
        ("nan", None, 1, 1, 1),
        ("ole", None, 1, 1, 1),
        ("pia", None, 0, 1, 1),
        ("rob", None, 0, 1, 1),
        ("sam", None, 0, 1, 1),
        ("tom", None, 1, 1, 1),
        ("uma", None, 1, 1, 1),
    ]
    # Strata and stages of Ada's six sessions: two opening, the last two ending.
    assert _rows(
        warehouse,
        "month_on, stage, numerator, delivery_mode, age_band, has_interpreter, language",
        RESPONSES,
        "metric = 'response_rate' and client_key = key('ada')",
    ) == [
        (date(2026, 1, 1), "developing", 1, "video", "30_39", False, None),
        (date(2026, 1, 1), "developing", 1, "video", "30_39", False, None),
        (date(2026, 1, 1), "opening", 0, "video", "30_39", False, None),
        (date(2026, 1, 1), "opening", 1, "video", "30_39", False, None),
        (date(2026, 2, 1), "ending", 1, "video", "30_39", False, None),
        (date(2026, 2, 1), "ending", 1, "video", "30_39", False, None),
    ]


def test_an_ended_episode_answered_in_one_of_four_ways(warehouse: RawWarehouse) -> None:
    assert _rows(
        warehouse,
        "client_key, metric, month_on",
        RESPONSES,
        "metric like 'responded%' and numerator = 1",
    ) == [
        ("ada", "responded_first_and_last", date(2026, 2, 1)),
        ("ben", "responded_last_only", date(2026, 1, 1)),
        ("cleo", "responded_none", date(2026, 1, 1)),
        ("fay", "responded_last_only", date(2026, 3, 1)),
        ("lea", "responded_first_and_last", date(2026, 1, 1)),
        ("moe", "responded_first_only", date(2026, 1, 1)),
    ]
    # Each of them has a row for each way; Evan's and Sam's first form is their last, Dina goes on.
    assert warehouse.rows(
        f"select client_key, null_reason, count(*) from intermediate.{RESPONSES} "
        "where metric like 'responded%' and numerator is distinct from 1 group by all order by all"
    ) == [
        ("ada", None, 3),
        ("ben", None, 3),
        ("cleo", None, 3),
        ("evan", "one_form_due", 4),
        ("fay", None, 3),
        ("lea", None, 3),
        ("moe", None, 3),
        ("sam", "one_form_due", 4),
    ]


def test_a_therapist_takes_part_with_one_form(warehouse: RawWarehouse) -> None:
    assert _rows(
        warehouse,
        "practice_id, therapist_key, client_key, month_on, numerator, denominator",
        RESPONSES,
        "metric = 'therapist_response'",
    ) == [
        ("miles", "t1", None, date(2026, 1, 1), 1, 1),
        ("north", "t1", None, date(2026, 1, 1), 1, 1),
        ("north", "t1", None, date(2026, 2, 1), 1, 1),
        ("north", "t2", None, date(2026, 1, 1), 0, 1),
        ("south", "t1", None, date(2026, 1, 1), 1, 1),
    ]


def test_forms_are_timed_by_the_session_they_name(warehouse: RawWarehouse) -> None:
    # Three days are allowed. Dina's first form has no day but a year, her second nothing; Ole's was
    # given the nearest session. No schedule of Quin's practice asks for any.
    columns = "client_key, metric, month_on, numerator, null_reason"
    january, february = date(2026, 1, 1), date(2026, 2, 1)
    where = "metric in ('lag_days', 'within_window') and "
    assert _rows(warehouse, columns, RESPONSES, where + "client_key = key('ada')") == [
        ("ada", "lag_days", january, -4, None),
        ("ada", "lag_days", january, 0, None),
        ("ada", "lag_days", january, 3, None),
        ("ada", "lag_days", february, 0, None),
        ("ada", "lag_days", february, 0, None),
        ("ada", "within_window", january, 0, None),
        ("ada", "within_window", january, 1, None),
        ("ada", "within_window", january, 1, None),
        ("ada", "within_window", february, 1, None),
        ("ada", "within_window", february, 1, None),
    ]
    assert _rows(warehouse, columns, RESPONSES, where + "null_reason is not null") == [
        ("dina", "lag_days", january, None, "days_not_comparable"),
        ("dina", "lag_days", january, None, "form_undated"),
        ("dina", "within_window", january, None, "days_not_comparable"),
        ("dina", "within_window", january, None, "form_undated"),
        ("ole", "lag_days", january, None, "linked_by_date"),
        ("ole", "within_window", january, None, "linked_by_date"),
    ]
    # The others', all of their session's day: Ben 1, Evan 1, Fay 2, Lea 3, Moe 1; in the south
    # Max 3, Nan 2, Pia 1.
    assert warehouse.rows(
        f"select count(*), sum(numerator) from intermediate.{RESPONSES} "
        "where metric = 'within_window' and client_key <> key('ada') and null_reason is null"
    ) == [(16, 16)]
