"""A practice whose dates are years: in periods of whole years, and in none that needs a day.

The trick: its made-up days lie in January and February, beside a practice that does have days
there; whatever shows up in a quarter of the first is made up.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, every_session, practice, registry

BY_YEAR = {"date_precision": "year"}


def _client(
    warehouse: RawWarehouse, practice_id: str, client: str, days: list[date], **precision: str
) -> None:
    """A client with a session and a form on each day, received on 2027-01-15."""
    received = datetime(2027, 1, 15, 8)
    common = {"client_key": client, **precision}
    site = {"site_id": f"{practice_id}_site", "therapist_key": "t", "episode_key": f"e_{client}"}
    opened = {**common, **site, "opened_on": days[0]}
    warehouse.deliver("episodes", practice_id, [opened], received_at=received)
    sessions = [
        {**common, **site, "session_key": f"s_{client}_{no}", "scheduled_on": day}
        for no, day in enumerate(days)
    ]
    warehouse.deliver("sessions", practice_id, sessions, received_at=received)
    forms = [
        {
            **common,
            "form_key": f"f_{client}_{no}",
            # The first form names its session, the others are found by their distance.
            "session_key": f"s_{client}_0" if no == 0 else None,
            "completed_on": day,
            "answers": [8.0] * 4,
        }
        for no, day in enumerate(days)
    ]
    warehouse.deliver("administrations", practice_id, forms, received_at=received)


@pytest.fixture(scope="module")
def warehouse(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    schedule = every_session("srs", "3").model_copy(update={"valid_from": date(2025, 7, 1)})
    declared = registry(
        practice("north", ["north_site"], [schedule]), practice("years", ["years_site"], [schedule])
    )
    group = declared.group.model_copy(
        update={"periods": ("month", "quarter", "year", "last_12_months", "all")}
    )
    warehouse = open_warehouse(replace(declared, group=group))
    _client(warehouse, "north", "ada", [date(2026, 1, 5), date(2026, 12, 31)])
    # Two in 2025, whose schedule began in the middle of it; two in 2026; one in 2027, still open.
    _client(warehouse, "years", "ben", [date(2025, 9, 3), date(2025, 9, 10)], **BY_YEAR)
    _client(warehouse, "years", "cleo", [date(2026, 1, 1), date(2026, 1, 8)], **BY_YEAR)
    _client(warehouse, "years", "dina", [date(2027, 2, 20)], **BY_YEAR)
    warehouse.build()
    return warehouse


def test_they_count_in_whole_years_alone(warehouse: RawWarehouse) -> None:
    rows = warehouse.rows(
        "select period, n_forms, period_end_on, is_data_complete, is_dated_by_year "
        "from marts.rpt_site_statistics where practice_id = 'years' and stage = 'all' order by all"
    )
    assert rows == [
        ("2025", 2, date(2025, 12, 31), True, True),
        ("2026", 2, date(2026, 12, 31), True, True),
        ("all", 4, date(2026, 12, 31), True, True),
    ]
    days = warehouse.rows(
        "select period, n_forms, is_dated_by_year from marts.rpt_site_statistics "
        "where practice_id = 'north' and stage = 'all' order by all"
    )
    assert days == [
        ("12m-2026-12", 2, False),
        ("2026", 2, False),
        ("2026-01", 1, False),
        ("2026-12", 1, False),
        ("2026-Q1", 1, False),
        ("2026-Q4", 1, False),
        ("all", 2, False),
    ]


def test_forms_of_a_year_that_a_schedule_began_in_are_not_missed(warehouse: RawWarehouse) -> None:
    assert warehouse.rows(
        "select period, n_due, n_completed from marts.rpt_response_rates "
        "where practice_id = 'years' and stage = 'all' order by all"
    ) == [("2026", 2, 2), ("all", 2, 2)]


def test_distances_within_a_client_still_link_forms(warehouse: RawWarehouse) -> None:
    assert warehouse.rows(
        "select link_method, is_year_only, count(*) from marts.fct_administrations "
        "where practice_id = 'years' group by all order by all"
    ) == [("date", True, 2), ("session", True, 3)]


def test_data_reach_the_last_year_that_had_ended(warehouse: RawWarehouse) -> None:
    assert warehouse.rows(
        "select practice_id, is_dated_by_year, data_through_on from marts.dim_practices order by 1"
    ) == [("north", False, date(2026, 12, 31)), ("years", True, date(2026, 12, 31))]
