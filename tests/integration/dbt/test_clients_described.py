"""Clients as case mix has them, by hand; and in every cell the same clients, values and therapists
as the cells' own statistics."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from expectations.registry import Registry
from orchestration.case_mix_arrays import case_mix_clients
from tests.integration.dbt import measured_crowd
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

FIRST = date(2025, 1, 6)
SRS, PHQ, ORS = ("srs", "3"), ("phq_9", "1"), ("ors", "1")


def _day(week: int) -> date:
    return FIRST + timedelta(weeks=week - 1)


def _episode(client: str, name: str = "", **row: object) -> Row:
    key = {"client_key": client, "episode_key": f"e_{client}{name}", "therapist_key": "t1"}
    return {**key, "site_id": "east", "opened_on": FIRST, "age_band_at_intake": "30-39", **row}


def _session(client: str, week: int, mode: str | None, **row: object) -> Row:
    key = {"client_key": client, "session_key": f"s_{client}_{week}", "episode_key": f"e_{client}"}
    placed = {"site_id": "east", "therapist_key": "t1", "scheduled_on": _day(week)}
    return {**key, **placed, "delivery_mode": mode, **row}


def _form(
    client: str, week: int, total: float, instrument: tuple[str, str] = SRS, **row: object
) -> Row:
    key = {"client_key": client, "form_key": f"{instrument[0][:1]}_{client}_{week}"}
    form = {"session_key": f"s_{client}_{week}", "completed_on": _day(week)}
    code = {"instrument_code": instrument[0], "version": instrument[1], "stated_total": total}
    return {**key, **form, **code, **row}


EPISODES = [
    _episode("ada"),
    _episode("ben", age_band_at_intake=None, service_type="not_recorded"),
    _episode("cleo"),
    _episode("dina", opened_on=FIRST + timedelta(1)),
    _episode("dina", "2", opened_on=_day(20), age_band_at_intake="40-49"),
    _episode("fay"),
]
SESSIONS = [
    *(_session("ada", week, ("video", "video", None, "phone")[week - 1]) for week in range(1, 5)),
    _session("ben", 1, "video"),
    *(_session("ben", week, "in_person", therapist_key="t2") for week in (2, 3)),
    _session("cleo", 1, None),
    _session("dina", 2, "video"),
    _session("dina", 20, "in_person", episode_key="e_dina2"),
    _session("fay", 1, "video"),
    _session("fay", 60, "video"),
]  # fmt: skip
FORMS = [
    *(_form("ada", week, 28 + 2 * week) for week in (1, 2, 3, 4)),
    _form("ada", 1, 18, PHQ),
    _form("ada", 4, 2, PHQ),
    *(_form("ben", week, total) for week, total in ((1, 20), (2, 30), (3, 40))),
    # The first one comes at session 3: not how treatment began.
    _form("ben", 3, 5, PHQ),
    _form("cleo", 1, 36),
    # Another instrument than most have.
    _form("cleo", 1, 10, ORS),
    _form("dina", 2, 30),
    _form("dina", 20, 10),
    # Before the first session, with no session of its own; then another treatment's.
    _form("dina", 1, 9, PHQ, session_key=None, episode_key="e_dina"),
    _form("dina", 20, 27, PHQ),
    # The Dutch form's clients have the ORS: 10 of 40 points, higher is better.
    _form("fay", 1, 32, language="nl"),
    _form("fay", 1, 10, ORS),
]


@pytest.fixture(scope="module")
def warehouse(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    declared = registry(practice("north", ["east"], [every_session(*SRS)]))
    found = open_warehouse(declared)
    for feed, rows in (("episodes", EPISODES), ("sessions", SESSIONS), ("administrations", FORMS)):
        found.deliver(feed, "north", rows)  # type: ignore[arg-type]
    found.build_with_measures()
    return found


def _described(warehouse: RawWarehouse, columns: str, where: str) -> list[Any]:
    return warehouse.rows(
        f"select client_key, {columns} from intermediate.int_clients_described "
        f"where {where} order by all"
    )


def test_a_client_with_the_covariates_of_the_cell(warehouse: RawWarehouse) -> None:
    columns = (
        "therapist_key, n_forms, value, round(baseline_severity, 3), age_band, service_type, "
        "delivery_mode, mean_session_no"
    )
    where = "stage = 'all' and period = 'all' and language = 'en'"
    assert _described(warehouse, columns, where) == [
        ("ada", "t1", 4, 33, 66.667, "30-39", "individual", "video", 2.5),
        ("ben", "t2", 3, 30, None, None, None, "in_person", 2),
        ("cleo", "t1", 1, 36, None, "30-39", "individual", None, 1),
        # 9 of 27; two modes with a form each: the first by name. Session 1 of either treatment.
        ("dina", "t1", 2, 20, 33.333, "30-39", "individual", "in_person", 1),
    ]  # fmt: skip
    assert _described(warehouse, columns, "stage = 'developing' and period = 'all'") == [
        ("ada", "t1", 2, 35, 66.667, "30-39", "individual", "phone", 3.5),
        ("ben", "t2", 1, 40, None, None, None, "in_person", 3),
    ]


def test_severity_is_by_the_instrument_most_clients_have(warehouse: RawWarehouse) -> None:
    columns = "language, baseline_instrument_code, baseline_language, baseline_severity"
    found = _described(warehouse, columns, "stage = 'all' and period = 'all'")
    assert {row[1:4] for row in found} == {("en", "phq_9", "en"), ("nl", "ors", "en")}
    assert [row[4] for row in found if row[0] == "fay"] == [75]


def test_only_closed_periods_of_a_year_or_longer(warehouse: RawWarehouse) -> None:
    periods = warehouse.rows("select distinct period from intermediate.int_periods_closed")
    assert ("2025-Q1",) in periods
    found = warehouse.rows("select distinct period from intermediate.int_clients_described")
    assert sorted(found) == [("2025",), ("all",)]


def test_who_was_asked(warehouse: RawWarehouse) -> None:
    assert warehouse.rows(
        "select client_key, therapist_key, n_due, n_completed, age_band, service_type, "
        "delivery_mode, n_sessions from intermediate.int_clients_asked order by all"
    ) == [
        ("ada", "t1", 4, 4, "30-39", "individual", None, 4),
        ("cleo", "t1", 1, 1, "30-39", "individual", None, 1),
        ("dina", "t1", 2, 2, "30-39", "individual", "video", 1),
        ("fay", "t1", 2, 1, "30-39", "individual", "video", 2),
    ]


def test_arrays_carry_numbers_and_the_error_of_the_baseline(warehouse: RawWarehouse) -> None:
    with warehouse.connect() as con:
        read = case_mix_clients(con)
    found = read.described
    assert read.names == {
        "age_band": ["30-39"],
        "service_type": ["individual"],
        "delivery_mode": ["in_person", "phone", "video"],
    }
    cells = found.cells
    whole = cells.index[(cells["stage"] == "all") & (cells["period"] == "all")]
    rows = found.rows.loc[found.rows["cell_no"].isin(whole)].sort_values("client_no")
    assert rows["value"].tolist() == [33, 30, 36, 20, 32]
    assert rows["age_band"].tolist() == [0, -1, 0, 0, 0]
    assert rows["delivery_mode"].tolist() == [2, 0, -1, 0, 2]
    assert rows["therapist_no"].nunique() == 2
    asked = read.asked.rows.sort_values("client_no")
    assert asked["client_no"].tolist() == rows["client_no"].iloc[[0, 2, 3, 4]].tolist()
    assert asked["is_answered"].all()
    assert asked["n_sessions"].tolist() == [4, 1, 1, 2]
    # Reliable changes: PHQ-9 6 of 27 points, ORS 5 of 40; over 1.96 times the root of 2.
    by_language = cells.groupby("language")["baseline_error_sd"].unique()
    assert by_language["en"].tolist() == pytest.approx([100 * 6 / 27 / 2.771808], rel=1e-5)
    assert by_language["nl"].tolist() == pytest.approx([100 * 5 / 40 / 2.771808], rel=1e-5)


CELL = (
    "practice_id, site_id, instrument_code, version, language, informant, collection_mode, stage, "
    "period"
)


def _against_the_cells(warehouse: RawWarehouse) -> tuple[list[Any], list[Any]]:
    described = warehouse.rows(
        f"select {CELL}, therapist_key, count(*), sum(n_forms), round(avg(value), 6) "
        "from intermediate.int_clients_described group by all order by all"
    )
    cells = warehouse.rows(
        f"select {CELL}, therapist_key, n_clients, n_forms, round(mean_of_client_means, 6) "
        "from marts.rpt_therapist_statistics inner join intermediate.int_instruments_listed "
        "using (instrument_code, version) where kind = 'alliance' and "
        "not contains(period, 'Q') order by all"
    )
    return described, cells


def test_clients_values_and_therapists_are_those_of_the_cells(
    warehouse: RawWarehouse, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    described, cells = _against_the_cells(warehouse)
    assert described == cells
    assert len(cells) > 5
    sites = [*measured_crowd.SITES, "north_hand"]
    crowd = open_warehouse(registry(practice("north", sites, [every_session(*SRS)])))
    measured_crowd.deliver(crowd)
    crowd.build_with_measures()
    described, cells = _against_the_cells(crowd)
    assert described == cells
    assert len(cells) > 50


def test_a_second_night_leaves_what_one_build_gives(
    warehouse: RawWarehouse, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    declared = registry(practice("north", ["east"], [every_session(*SRS)]))
    nights = open_warehouse(declared)
    nights.deliver("episodes", "north", EPISODES)
    nights.deliver("sessions", "north", SESSIONS[::-1])
    nights.deliver("administrations", "north", FORMS[::2])
    nights.build_with_measures()
    nights.deliver("administrations", "north", FORMS[1::2][::-1])
    nights.build_with_measures()
    query = "select * from intermediate.int_clients_described order by all"
    assert nights.rows(query) == warehouse.rows(query)
