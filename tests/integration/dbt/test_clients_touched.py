"""A night computes the rows of the clients it touched and nobody else's, in incremental models.

Everybody else's rows are taken away between the nights: what comes back was computed again, and
what the touched client's rows need of others' would be missing.
"""

from collections.abc import Callable
from datetime import date, timedelta

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
OF_OTHERS = """
{key} not in (
    select {key} from raw.administrations full join raw.sessions using (client_key)
    where client_key = key('ada') and {key} is not null
)
"""
NEVER_FILLED = {"int_episodes_derived"}
"""Models that no row of this practice reaches: it states its episodes."""


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


def _incremental(warehouse: RawWarehouse) -> dict[str, str]:
    """Incremental models by table, each with the key that leads to its client."""
    keys = dict(
        warehouse.rows(
            "select table_schema || '.' || table_name, "
            "max(case when column_name = 'client_key' then 'client_key' end) "
            "from information_schema.columns group by 1"
        )
    )
    nodes = dbt_runner.load_manifest(warehouse.target_dir).nodes.values()
    tables = [
        f"{node.schema}.{node.name}"
        for node in nodes
        if str(node.resource_type) == "model" and node.config.materialized == "incremental"
    ]
    return {table: keys[table] or "administration_row" for table in tables}


def test_a_night_computes_the_touched_clients_rows_alone(warehouse: RawWarehouse) -> None:
    models = _incremental(warehouse)
    with warehouse.connect() as con:
        for table, key in models.items():
            con.execute(f"delete from {table} where {OF_OTHERS.format(key=key)}")
    _build(warehouse, full_refresh=False)
    computed = warehouse.tables("intermediate", "marts")
    _build(warehouse, full_refresh=True)
    with warehouse.connect() as con:
        for table, key in models.items():
            con.execute(f"delete from {table} where {OF_OTHERS.format(key=key)}")
    wanted = warehouse.tables("intermediate", "marts")
    assert len(models) > 15
    for table in models:
        assert computed[table] == wanted[table], table
    assert {table.partition(".")[2] for table in models if not wanted[table]} == NEVER_FILLED


def _build(warehouse: RawWarehouse, *, full_refresh: bool) -> None:
    """Without data tests: they miss the rows taken away."""
    with BUILDS.in_place():
        dbt_runner.build(
            warehouse.path, warehouse.target_dir, full_refresh=full_refresh, is_tested=False
        )
