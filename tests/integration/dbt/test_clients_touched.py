"""A night computes the rows of the clients it touched and nobody else's, in incremental models.

They take the touched clients' rows out and append what they compute: a row of anybody else that was
computed again would be there twice.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.registry import Registry
from orchestration import dbt_runner
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry
from tests.recorded_builds import BUILDS

CLIENTS = ("ada", "ben", "cyd")
FORMS = (
    ("wai_s", "client", [5, 6, 4, 2, 6, 5, 7, 6, 5, 2, 6, 5]),
    ("wai_s", "therapist", [5, 5, 4, 3, 6, 5, 6, 6, 5, 3, 6, 5]),
    ("phq_9", "client", [1, 2, 0, 1, 2, 3, 0, 1, 1]),
)
NEVER_FILLED = {"intermediate.int_episodes_derived", "intermediate.int_ratings_resolved"}
"""Models that no row of this practice reaches: it states its episodes and sends no ratings."""


@pytest.fixture(scope="module")
def warehouse(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    schedules = [every_session("wai_s", "1"), every_session("phq_9", "1")]
    opened = open_warehouse(registry(practice("north", ["east"], schedules)))
    for number in range(2):
        sessions: list[Row] = []
        forms: list[Row] = []
        for client in CLIENTS if number == 0 else CLIENTS[:1]:
            common = {"client_key": client, "episode_key": f"e{client}"}
            place = {"site_id": "east", "therapist_key": "t1"}
            if number == 0:
                opened.deliver(
                    "episodes",
                    "north",
                    [
                        {
                            **common,
                            **place,
                            "opened_on": date(2026, 1, 5),
                            "closed_on": date(2026, 4, 1),
                            "state": "closed",
                            "ending_code": "planned",
                        }
                    ],
                )
            for visit in range(5 * number, 5 * number + 5):
                day, session = date(2026, 1, 5) + timedelta(days=7 * visit), f"{client}_{visit}"
                occasion = {**common, "session_key": session}
                sessions.append({**occasion, **place, "scheduled_on": day})
                forms += [
                    {
                        **occasion,
                        "form_key": f"{session}{place_no}",
                        "completed_on": day,
                        "instrument_code": code,
                        "version": "1",
                        "informant": informant,
                        "answers": answers,
                    }
                    for place_no, (code, informant, answers) in enumerate(FORMS)
                ]
        opened.deliver("sessions", "north", sessions)
        opened.deliver("administrations", "north", forms)
        if number == 0:
            opened.build_with_measures()
    return opened


def test_incremental_models_take_out_the_touched_clients_alone(target_dir: Path) -> None:
    for node in _incremental(target_dir):
        assert node.config.incremental_strategy == "append", node.name
        hooks = [str(hook.sql) for hook in node.config.pre_hook]
        assert hooks in (
            ["{{ delete_touched_clients() }}"],
            ["{{ delete_touched_forms() }}"],
        ), node.name


def test_a_night_computes_the_touched_clients_rows_alone(warehouse: RawWarehouse) -> None:
    models = [f"{node.schema}.{node.name}" for node in _incremental(warehouse.target_dir)]
    assert len(models) > 15
    before = warehouse.tables("intermediate")
    warehouse.build_with_measures()
    computed = warehouse.tables("intermediate")
    with BUILDS.in_place():
        dbt_runner.build(warehouse.path, warehouse.target_dir, full_refresh=True)
    wanted = warehouse.tables("intermediate")
    for table in models:
        assert computed[table] == wanted[table], table
    assert {name for name in models if not wanted[name]} == NEVER_FILLED
    unchanged = {name for name in models if wanted[name] == before[name]}
    # Further sessions of the same kind change nothing about an episode.
    same = {"intermediate.int_episodes_resolved", "intermediate.int_episodes_classified"}
    assert unchanged == NEVER_FILLED | same


def test_a_night_leaves_dead_rows_where_they_are_unless_told_to_compact(
    target_dir: Path, tmp_path: Path
) -> None:
    asked = ("show", "--inline", "select current_setting('max_vacuum_tasks') as n", "--limit", "1")
    found = {}
    for tasks in (None, 0):
        done = dbt_runner.run(asked, target_dir, tmp_path / "warehouse.duckdb", vacuum_tasks=tasks)
        ((found[tasks],),) = done.results[0].agate_table.rows
    assert found == {None: 100, 0: 0}


def _incremental(target_dir: Path) -> list[Any]:
    nodes = dbt_runner.load_manifest(target_dir).nodes.values()
    return [
        node
        for node in nodes
        if str(node.resource_type) == "model" and node.config.materialized == "incremental"
    ]
