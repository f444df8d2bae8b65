"""A permission that changes works backwards: earlier forms leave every figure, or return."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

DAYS = [date(2026, 1, 5 + 7 * week) for week in range(3)]
FIGURES = ("rpt_site_statistics", "rpt_therapist_statistics", "rpt_response_rates")
CLIENTS = ("ada", "ben", "cleo")


def _episode(client: str, permission: str = "all") -> Row:
    return {
        "client_key": client,
        "episode_key": f"e_{client}",
        "site_id": "east",
        "therapist_key": "t1",
        "opened_on": date(2026, 1, 1),
        "use_permission": permission,
    }


def _rows(client: str) -> tuple[list[Row], list[Row]]:
    common = {"client_key": client, "episode_key": f"e_{client}"}
    sessions: list[Row] = [
        {
            **common,
            "session_key": f"s_{client}_{number}",
            "site_id": "east",
            "therapist_key": "t1",
            "scheduled_on": day,
        }
        for number, day in enumerate(DAYS)
    ]
    forms: list[Row] = [
        {
            "client_key": client,
            "form_key": f"f_{client}_{number}",
            "session_key": f"s_{client}_{number}",
            "completed_on": day,
            "answers": [number + len(client)] * 4,
        }
        for number, day in enumerate(DAYS)
    ]
    return sessions, forms


def _deliver(warehouse: RawWarehouse, permissions: dict[str, str]) -> None:
    for client, permission in permissions.items():
        warehouse.deliver("episodes", "north", [_episode(client, permission)], date(2026, 5, 1))
        sessions, forms = _rows(client)
        warehouse.deliver("sessions", "north", sessions, date(2026, 5, 1))
        warehouse.deliver("administrations", "north", forms, date(2026, 5, 1))


def _figures(warehouse: RawWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {name: warehouse.rows(f"select * from marts.{name} order by all") for name in FIGURES}


@pytest.fixture(scope="module")
def declared() -> Registry:
    return registry(practice("north", ["east"], [every_session("srs", "3")]))


def test_the_newest_permission_counts_for_every_form_of_the_episode(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    warehouse = open_warehouse(declared)
    _deliver(warehouse, dict.fromkeys(CLIENTS, "all"))
    # A day in April closes the first quarter.
    late = {"client_key": "ben", "session_key": "s_late", "scheduled_on": date(2026, 4, 2)}
    warehouse.deliver("sessions", "north", [{**late, "episode_key": "e_ben", "site_id": "east"}])
    warehouse.build()
    with_ada = _figures(warehouse)
    assert _n_clients(warehouse) == (3, 3)
    n_due = _n_due(warehouse)

    # An export from before, come late, does not give the permission back.
    warehouse.deliver("episodes", "north", [_episode("ada", "care_only")], date(2026, 5, 4))
    warehouse.deliver("episodes", "north", [_episode("ada", "all")], date(2026, 4, 30))
    warehouse.build()
    assert _n_clients(warehouse) == (2, 2)
    assert _n_due(warehouse) == n_due - len(DAYS)
    forms = warehouse.rows(
        "select exclusion_reason, count(*) from marts.fct_administrations "
        "where use_permission <> 'all' group by 1"
    )
    assert forms == [("no_permission", len(DAYS))]

    warehouse.deliver("episodes", "north", [_episode("ada", "all")], date(2026, 5, 6))
    warehouse.build()
    assert _figures(warehouse) == with_ada


def _n_clients(warehouse: RawWarehouse) -> tuple[int, int]:
    """Most clients that any site's and any therapist's figure is made of."""
    sites, therapists = (
        warehouse.rows(f"select max(n_clients) from marts.{name}") for name in FIGURES[:2]
    )
    return sites[0][0], therapists[0][0]


def _n_due(warehouse: RawWarehouse) -> int:
    """Forms due by schedule, over the whole quarter."""
    ((n_due,),) = warehouse.rows("select max(n_due) from marts.rpt_response_rates")
    return int(n_due)
