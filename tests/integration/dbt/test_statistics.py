"""Site statistics worked out by hand, and practices that do not see each other."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

SITES = "practice_id, site_id, instrument_code, stage, period"


def _client(
    warehouse: RawWarehouse,
    practice_id: str,
    client: str,
    therapist: str | Sequence[str] | None,
    totals: Sequence[float],
    first: date = date(2026, 1, 5),
    **episode: object,
) -> None:
    """A client with a weekly session for each total (NaN: no form), in a closed episode.

    Several therapists are one for each session; the first is the episode's.
    """
    of_session = therapist if isinstance(therapist, list) else [therapist] * len(totals)
    days = [first + timedelta(days=7 * week) for week in range(len(totals))]
    key = f"e_{client}"
    warehouse.deliver(
        "episodes",
        practice_id,
        [
            {
                "client_key": client,
                "episode_key": key,
                "site_id": f"{practice_id}_site",
                "therapist_key": of_session[0],
                "opened_on": first,
                "closed_on": days[-1],
                "state": "closed",
                **episode,
            }
        ],
    )
    sessions: list[Row] = []
    forms: list[Row] = []
    for number, (day, total) in enumerate(zip(days, totals, strict=True)):
        session = f"s_{client}_{number}"
        sessions.append(
            {
                "client_key": client,
                "session_key": session,
                "episode_key": key,
                "site_id": f"{practice_id}_site",
                "therapist_key": of_session[number],
                "scheduled_on": day,
            }
        )
        if total == total:
            forms.append(
                {
                    "form_key": f"f_{client}_{number}",
                    "client_key": client,
                    "session_key": session,
                    "completed_on": day,
                    "answers": [total / 4] * 4,
                }
            )
    warehouse.deliver("sessions", practice_id, sessions)
    warehouse.deliver("administrations", practice_id, forms)


NO_FORM = float("nan")


def _north(warehouse: RawWarehouse) -> None:
    _client(warehouse, "north", "ada", ["t1", "t1", "t1", "t2"], [20, 30, 40, 40])  # 32.5
    _client(warehouse, "north", "ben", "t1", [36, NO_FORM, NO_FORM])  # 36
    _client(warehouse, "north", "cleo", "t2", [28, 32])  # 30
    _client(warehouse, "north", "dina", None, [24])  # 24, therapist unknown
    _client(warehouse, "north", "evan", "t2", [40], use_permission="care_only")
    _client(warehouse, "north", "fay", "t2", [40], service_type="crisis")
    # A session in April, so that the data go past the quarter; it closes no month of its own.
    _client(warehouse, "north", "gus", "t2", [10], first=date(2026, 4, 2))


def _south(warehouse: RawWarehouse) -> None:
    for number, total in enumerate((40, 39, 38, 37)):
        _client(warehouse, "south", f"s{number}", f"u{number}", [total])


@pytest.fixture(scope="module")
def declared() -> Registry:
    due = [every_session("srs", "3")]
    return registry(practice("north", ["north_site"], due), practice("south", ["south_site"], due))


@pytest.fixture(scope="module")
def both(declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    warehouse = open_warehouse(declared)
    _north(warehouse)
    _south(warehouse)
    warehouse.build()
    return warehouse


def _one(warehouse: RawWarehouse, columns: str, table: str, where: str) -> tuple[Any, ...]:
    (row,) = warehouse.rows(f"select {columns} from marts.{table} where {where}")
    return row


NORTH = "practice_id = 'north' and stage = 'all' and period = '2026-Q1'"


def test_forms_are_averaged_to_one_value_a_client_first(both: RawWarehouse) -> None:
    means = [32.5, 36, 30, 24]
    mean = sum(means) / 4
    squares = sum((value - mean) ** 2 for value in means)
    row = _one(
        both,
        "n_clients, n_therapists, n_forms, mean_of_client_means, sum_of_squares, ceiling_share, "
        "top_therapist_form_share, n_clients_therapist_unknown",
        "rpt_site_statistics",
        NORTH,
    )
    assert row == pytest.approx((4, 2, 8, mean, squares, 2 / 8, 4 / 7, 1), abs=1e-9)


def test_therapists_carry_their_clients(both: RawWarehouse) -> None:
    rows = both.rows(
        "select therapist_key, n_clients, n_forms, mean_of_client_means, sum_of_squares "
        f"from marts.rpt_therapist_statistics where {NORTH} order by therapist_key nulls last"
    )
    assert rows == [
        ("t1", 2, 5, 34.25, pytest.approx(2 * 1.75**2)),
        ("t2", 1, 2, 30.0, 0.0),
        (None, 1, 1, 24.0, 0.0),
    ]


def test_periods_are_closed_ones_and_say_whether_data_are_complete(both: RawWarehouse) -> None:
    assert both.rows(
        "select practice_id, period, n_forms, period_end_on, practice_data_through_on, "
        "is_data_complete from marts.rpt_site_statistics where stage = 'all' order by all"
    ) == [
        ("north", "2026-Q1", 8, date(2026, 3, 31), date(2026, 4, 2), True),
        ("north", "all", 8, date(2026, 3, 31), date(2026, 4, 2), True),
        ("south", "2026-Q1", 4, date(2026, 3, 31), date(2026, 1, 5), False),
        ("south", "all", 4, date(2026, 3, 31), date(2026, 1, 5), False),
    ]


def test_stages_follow_session_numbers_and_closings(both: RawWarehouse) -> None:
    # Ada's sessions are 1, 2 opening and 3, 4 ending; Ben's form is his first.
    assert both.rows(
        "select stage, n_forms, mean_of_client_means from marts.rpt_site_statistics "
        "where practice_id = 'north' and period = 'all' order by stage"
    ) == [
        ("all", 8, pytest.approx(30.625)),
        ("ending", 2, 40.0),
        ("opening", 6, pytest.approx((25 + 36 + 30 + 24) / 4)),
    ]


def test_due_without_a_form_is_missed(both: RawWarehouse) -> None:
    # Due: Ada 4, Ben 3, Cleo 2, Dina 1; Evan may not be used, Fay's episode is a crisis.
    assert _one(
        both,
        "n_due, n_completed, response_rate, n_therapists_due, n_therapists_taking_part",
        "rpt_response_rates",
        NORTH,
    ) == (10, 8, 0.8, 2, 2)


def test_excluded_forms_are_counted_with_their_reason(both: RawWarehouse) -> None:
    assert both.rows(
        "select exclusion_reason, count(*) from marts.fct_administrations "
        "where practice_id = 'north' group by all order by all"
    ) == [("no_permission", 1), ("service_type", 1), (None, 9)]


def test_another_practices_rows_change_nothing(
    both: RawWarehouse,
    declared: Registry,
    open_warehouse: Callable[[Registry], RawWarehouse],
) -> None:
    alone = open_warehouse(declared)
    _north(alone)
    alone.build()
    for table in (
        "intermediate.int_sessions_numbered",
        "intermediate.int_administrations_linked",
        "intermediate.int_forms_due",
        "intermediate.int_client_months_summed",
        "intermediate.int_therapist_cells_summed",
        "marts.fct_episodes",
        "marts.rpt_therapist_statistics",
        "marts.rpt_site_statistics",
        "marts.rpt_response_rates",
    ):
        query = f"select * from {table} where practice_id = 'north' order by all"
        assert both.rows(query) == alone.rows(query), table
