"""From the marts into a release: periods close by the sessions of practices that send no form."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from expectations.registry import Registry
from orchestration.assets.benchmarks import write_benchmarks
from orchestration.assets.release import publish
from orchestration.night import Night
from orchestration.settings import Settings
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

IN_MARCH, IN_APRIL = date(2026, 3, 20), date(2026, 4, 1)


@pytest.fixture(scope="module")
def declared() -> Registry:
    due = [every_session("srs", "3")]
    return registry(practice("north", ["north_site"], due), practice("south", ["south_site"], due))


def _sends(warehouse: RawWarehouse, practice_id: str, day: date, *, forms: bool) -> None:
    """One client with one session on that day, and the form that is due then or none."""
    client = {"client_key": f"c_{practice_id}"}
    session = {**client, "session_key": f"s_{practice_id}"}
    episode = {"episode_key": f"e_{practice_id}", "site_id": f"{practice_id}_site"}
    therapist = {"therapist_key": f"t_{practice_id}"}
    warehouse.deliver("episodes", practice_id, [{**client, **episode, "opened_on": day}])
    held: Row = {**session, **episode, **therapist, "scheduled_on": day}
    warehouse.deliver("sessions", practice_id, [held])
    if forms:
        form = {"form_key": f"f_{practice_id}", "completed_on": day, "answers": [9, 9, 9, 9]}
        warehouse.deliver("administrations", practice_id, [{**session, **form}])


def _released(warehouse: RawWarehouse, declared: Registry, *queries: str) -> list[Sequence[Any]]:
    """Build, benchmark and publish; the answers of the release that went out."""
    warehouse.build()
    night = Night(Settings(warehouse.path.parent), declared, datetime(2026, 7, 3, tzinfo=UTC))
    with night.warehouse.connect() as con:
        write_benchmarks(con, declared.group.thresholds)
    published = publish(night)
    path = night.settings.releases / f"{published.release_id}.duckdb"
    with duckdb.connect(str(path), read_only=True) as release:
        return [release.execute(query).fetchall() for query in queries]


def test_a_practice_that_sends_sessions_alone_closes_the_groups_quarter(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    warehouse = open_warehouse(declared)
    _sends(warehouse, "north", IN_MARCH, forms=True)
    _sends(warehouse, "south", IN_APRIL, forms=False)
    assert _released(
        warehouse,
        declared,
        "select data_through_on from release",
        "select practice_id, period from site_benchmarks where stage = 'all' order by all",
        "select practice_id, period from response_rates where stage = 'all' order by all",
    ) == [
        [(IN_APRIL,)],
        [("north", "2026-Q1"), ("north", "all")],
        [("north", "2026-Q1"), ("north", "all")],
    ]


def test_a_group_without_any_cell_gets_its_release(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    warehouse = open_warehouse(declared)
    _sends(warehouse, "north", IN_MARCH, forms=False)
    _sends(warehouse, "south", IN_APRIL, forms=False)
    assert _released(
        warehouse,
        declared,
        "select data_through_on from release",
        "select count(*) from site_benchmarks",
        "select distinct period, is_suppressed from response_rates order by all",
    ) == [[(IN_APRIL,)], [(0,)], [("2026-Q1", True), ("all", True)]]
