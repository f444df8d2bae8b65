"""A permission that changes works backwards: earlier forms leave every figure, or return."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

DAYS = [date(2026, 4, 6 + 7 * week) for week in range(3)]
FIGURES = ("rpt_site_statistics", "rpt_therapist_statistics", "rpt_response_rates")
CLIENTS = ("ada", "ben", "cleo")


def _episode(client: str, permission: str = "all") -> Row:
    return {
        "client_key": client,
        "episode_key": f"e_{client}",
        "site_id": "east",
        "therapist_key": "t1",
        "opened_on": date(2026, 4, 1),
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
    never, changed = open_warehouse(declared), open_warehouse(declared)
    _deliver(never, {**dict.fromkeys(CLIENTS, "all"), "ada": "none"})
    never.build()
    _deliver(changed, dict.fromkeys(CLIENTS, "all"))
    changed.build()
    with_ada = _figures(changed)
    assert with_ada != _figures(never)

    for permission in ("care_only", "none"):
        day = date(2026, 5, 2) if permission == "care_only" else date(2026, 5, 4)
        changed.deliver("episodes", "north", [_episode("ada", permission)], day)
        changed.build()
        assert _figures(changed) == _figures(never), permission
        # An export from before, come late, does not give the permission back.
        changed.deliver("episodes", "north", [_episode("ada", "all")], date(2026, 4, 30))
        changed.build()
        assert _figures(changed) == _figures(never), permission
    excluded = changed.rows(
        "select distinct exclusion_reason from marts.fct_administrations "
        "where use_permission <> 'all'"
    )
    assert excluded == [("no_permission",)]
    changed.deliver("episodes", "north", [_episode("ada", "all")], date(2026, 5, 6))
    changed.build()
    assert _figures(changed) == with_ada
