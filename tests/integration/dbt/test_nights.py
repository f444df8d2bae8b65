"""A second night on a built warehouse: what was touched is made anew, the rest is left, and the
result is the one a build from scratch gives."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from expectations.registry import Registry
from orchestration.assets.dbt import standing_views
from orchestration.dbt_runner import DbtBuildFailed, build
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

LAYERS = ("staging", "intermediate", "marts")
MONDAYS = [date(2026, 4, 6 + 7 * week) for week in range(4)] + [date(2026, 5, 4)]


def _episode(client: str, **row: object) -> Row:
    usual = {"client_key": client, "episode_key": f"e_{client}", "site_id": "east"}
    return {**usual, "therapist_key": "t1", "opened_on": date(2026, 4, 1), **row}


def _session(client: str, number: int, **row: object) -> Row:
    return {
        "client_key": client,
        "session_key": f"s_{client}_{number}",
        "episode_key": f"e_{client}",
        "site_id": "east",
        "therapist_key": "t1",
        "scheduled_on": MONDAYS[number - 1],
        **row,
    }


def _form(client: str, number: int, *answers: float, **row: object) -> Row:
    return {
        "form_key": f"f_{client}_{number}",
        "client_key": client,
        "session_key": f"s_{client}_{number}",
        "completed_on": MONDAYS[number - 1],
        "answers": answers,
        **row,
    }


def _first_night(warehouse: RawWarehouse) -> None:
    clients = ("ada", "ben", "cleo", "dina", "evan")
    warehouse.deliver("episodes", "north", [_episode(client) for client in clients])
    # Gail's episode was Hugo's for a while.
    warehouse.deliver("episodes", "north", [_episode("hugo", episode_key="e_gail")])
    warehouse.deliver("episodes", "north", [_episode("gail")], also_touched=["hugo"])
    sessions = [_session(client, number) for client in clients for number in (1, 2, 3, 4)]
    warehouse.deliver("sessions", "north", sessions, date(2026, 5, 1))
    forms = [_form(client, number, 9, 8, 7, 6) for client in clients for number in (1, 2, 3)]
    warehouse.deliver("administrations", "north", forms, date(2026, 5, 1))


def _second_night(warehouse: RawWarehouse) -> None:
    # Ada's second session turns out not to have been kept: all her numbers move.
    correction = _session("ada", 2, attendance="no_show")
    # Ben goes on; Cleo's correction was exported before what is here already and must lose.
    warehouse.deliver("sessions", "north", [correction, _session("ben", 5)], date(2026, 5, 8))
    stale = _session("cleo", 3, attendance="no_show")
    warehouse.deliver("sessions", "north", [stale], date(2026, 4, 20))
    corrected = [_form("ada", 1, 10, 10, 10, 10), _form("ben", 5, 5, 5, 5, 5)]
    warehouse.deliver("administrations", "north", corrected, date(2026, 5, 8))
    # Hugo gets an episode of his own; the one that used to be his stays Gail's, who sends nothing.
    warehouse.deliver("episodes", "north", [_episode("hugo")])
    # Dina's only episode turns out to have been another client's: nothing of it is left to her.
    moved = _episode("fay", episode_key="e_dina", state="closed", closed_on=date(2026, 4, 28))
    warehouse.deliver("episodes", "north", [moved], date(2026, 5, 8), also_touched=["dina"])


@dataclass
class Nights:
    """One warehouse built on two nights, and one built once over the same deliveries."""

    twice: RawWarehouse
    once: RawWarehouse


@pytest.fixture(scope="module")
def declared() -> Registry:
    return registry(practice("north", ["east"], [every_session("srs", "3")]))


@pytest.fixture(scope="module")
def nights(declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]) -> Nights:
    twice, once = open_warehouse(declared), open_warehouse(declared)
    _first_night(twice)
    twice.build()
    # A mark that only making the row anew takes away.
    with twice.connect() as con:
        con.execute("update intermediate.int_sessions_numbered set stated_number = 999")
        con.execute("update intermediate.int_administrations_linked set timing = 'marked'")
    _second_night(twice)
    # A night that ended after the models but before it was noted is repeated.
    twice.build(is_noted=False)
    twice.build()
    _first_night(once)
    _second_night(once)
    once.build()
    return Nights(twice, once)


def _unmarked(warehouse: RawWarehouse) -> None:
    with warehouse.connect() as con:
        con.execute("update intermediate.int_sessions_numbered set stated_number = null")
        con.execute("update intermediate.int_administrations_linked set timing = 'not_recorded'")


def test_only_touched_clients_are_made_anew(nights: Nights) -> None:
    for table, is_marked in (
        ("int_sessions_numbered", "stated_number = 999"),
        ("int_administrations_linked", "timing = 'marked'"),
    ):
        left = nights.twice.rows(
            f"select distinct client_key from intermediate.{table} where {is_marked}"
        )
        assert left == [("evan",)], table


def test_two_nights_end_where_one_build_does(nights: Nights) -> None:
    _unmarked(nights.twice)
    with nights.once.connect() as con:
        # What the first builds have noted; the touched clients follow from it.
        con.execute("delete from raw.builds")
    with nights.twice.connect() as con:
        con.execute("delete from raw.builds")
    twice, once = nights.twice.tables(*LAYERS), nights.once.tables(*LAYERS)
    assert list(twice) == list(once)
    for name in once:
        assert twice[name] == once[name], name
    assert once["intermediate.int_forms_due"]


def test_a_correction_moves_numbers_backwards(nights: Nights) -> None:
    assert nights.twice.rows(
        "select session_key, session_no from marts.fct_sessions where client_key = key('ada') "
        "order by session_key"
    ) == [("s_ada_1", 1), ("s_ada_2", None), ("s_ada_3", 2), ("s_ada_4", 3)]
    # The form of the session that was not kept is there, without a number.
    assert nights.twice.rows(
        "select administration_row // 10000000000, session_no, total from "
        "marts.fct_administrations where client_key = key('ada') order by completed_on"
    ) == [(8, 1, 40), (5, None, 30), (5, 2, 30)]


def test_an_older_export_that_comes_late_changes_nothing(nights: Nights) -> None:
    assert nights.twice.rows(
        "select distinct attendance from marts.fct_sessions where client_key = key('cleo')"
    ) == [("attended",)]


def test_a_client_whose_episode_went_to_another_has_none(nights: Nights) -> None:
    assert nights.twice.rows(
        "select client_key, state from marts.fct_episodes where episode_key = key('e_dina')"
    ) == [("fay", "closed")]
    assert nights.twice.rows(
        "select distinct exclusion_reason from marts.fct_administrations "
        "where client_key = key('dina')"
    ) == [("episode_unknown",)]


def test_views_stand_and_every_test_runs_all_the_same(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    warehouse = open_warehouse(declared)
    _first_night(warehouse)
    first = warehouse.build()
    _second_night(warehouse)
    second = warehouse.build()
    made = {result.name for result in first} - {result.name for result in second}
    with warehouse.connect() as con:
        views = {name.partition(".")[2] for name in standing_views(con)}
    assert made <= views
    assert {"stg_sessions", "fct_sessions"} <= made
    assert [r.name for r in second if r.kind == "test"] != []
    assert {r.name for r in second if r.kind == "test"} == {
        r.name for r in first if r.kind == "test"
    }
    with warehouse.connect() as con:
        con.execute("drop view marts.fct_sessions")
    assert {result.name for result in warehouse.build()} == {result.name for result in first}


def test_a_model_that_fails_leaves_last_nights_rows(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse], target_dir: Path
) -> None:
    warehouse = open_warehouse(declared)
    _first_night(warehouse)
    warehouse.build()
    before = warehouse.tables("intermediate")["intermediate.int_sessions_numbered"]
    _second_night(warehouse)
    with warehouse.connect() as con:
        con.execute("alter table reference.settings rename to hidden")
    with pytest.raises(DbtBuildFailed, match=r"int_sessions_numbered: .*settings"):
        build(warehouse.path, target_dir, full_refresh=False, select=["int_sessions_numbered"])
    after = warehouse.tables("intermediate")["intermediate.int_sessions_numbered"]
    assert after == before


def test_an_errors_text_never_quotes_a_row(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse], target_dir: Path
) -> None:
    warehouse = open_warehouse(declared)
    _first_night(warehouse)  # without a session nobody reads the settings
    with warehouse.connect() as con:
        con.execute(
            "create or replace view raw.spoilt as select 'name.of@a.person' as word;"
            "drop table reference.settings;"
            "create view reference.settings as select word::integer as opening_sessions, "
            "8 as developing_until_session, 2 as ending_sessions, 7 as link_days, "
            "14 as data_complete_within_days, 11 as minimum_clients from raw.spoilt"
        )
    with pytest.raises(DbtBuildFailed) as raised:
        build(warehouse.path, target_dir, full_refresh=False)
    assert "person" not in str(raised.value)
    assert "Conversion Error (its text is withheld" in str(raised.value)
    written = [path for path in target_dir.rglob("*") if path.is_file()]
    assert not [path for path in written if b"a.person" in path.read_bytes()]
