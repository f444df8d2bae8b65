"""Cohort flow and early alliance of treatments worked out by hand (histories.py)."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from expectations.registry import Registry
from tests.integration.dbt import histories
from tests.integration.dbt.raw_rows import RawWarehouse

VIEWS = ("int_episodes_measured", "int_attendance_measured", "int_responses_measured")
TABLES = (
    "int_episodes_started",
    "int_episodes_followed",
    "int_episodes_answered",
    "int_appointments_kept",
    "int_forms_due",
    "int_forms_timed",
    *VIEWS,
)
JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))
SHAPE = (
    "practice_id, site_id, therapist_key, client_key, episode_key, instrument_code, version, "
    "language, informant, metric, month_on, stage, delivery_mode, age_band, has_interpreter, "
    "numerator, denominator, value, null_reason"
)


@pytest.fixture(scope="module")
def warehouse(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    warehouse = open_warehouse(histories.declared())
    histories.deliver(warehouse, histories.ALL)
    histories.deliver_frame(warehouse)
    warehouse.build_with_measures()
    return warehouse


def _measured(warehouse: RawWarehouse, view: str, columns: str, where: str) -> list[Any]:
    query = f"select {columns} from intermediate.{view} where {where} order by all"
    return warehouse.rows(query)


def test_the_flow_is_over_all_started_episodes(warehouse: RawWarehouse) -> None:
    steps = ("flow_reached_3", "flow_any_form", "flow_forms_3_to_5", "flow_planned_ending")
    found: dict[str, list[object]] = {}
    for step in steps:
        rows = _measured(
            warehouse,
            "int_episodes_measured",
            "client_key, coalesce(null_reason, numerator::integer::varchar), denominator",
            f"metric = '{step}' and practice_id <> 'frame'",
        )
        for client, word, denominator in rows:
            found.setdefault(client, []).append(word)
            assert denominator == (1 if word in ("0", "1") else None)
    assert found == {
        "ada": ["1", "1", "1", "1"],
        "ben": ["0", "1", "0", "0"],
        "cleo": ["1", "0", "0", "ending_not_recorded"],
        "dina": ["1", "1", "1", "open_episode"],
        "evan": ["0", "1", "0", "1"],
        "fay": ["1", "1", "1", "0"],
        "lea": ["1", "1", "1", "0"],
        "moe": ["1", "1", "0", "0"],
        "sam": ["0", "0", "0", "0"],
        "tom": ["1", "1", "1", "open_episode"],
        "uma": ["1", "1", "1", "open_episode"],
        "max": ["1", "1", "1", "open_episode"],
        "nan": ["1", "1", "0", "open_episode"],
        "ole": ["0", "1", "0", "open_episode"],
        "pia": ["0", "1", "0", "open_episode"],
        "rob": ["0", "0", "0", "open_episode"],
        "quin": ["1", "1", "0", "ending_not_recorded"],
        "ruth": ["0", "0", "0", "open_episode"],
    }
    assert _measured(
        warehouse,
        "int_episodes_measured",
        "distinct month_on, instrument_code",
        "metric like 'flow%' and practice_id <> 'frame' and client_key <> key('ruth')",
    ) == [(JANUARY, None)]


def test_who_is_left_out_is_counted_with_the_reason(warehouse: RawWarehouse) -> None:
    assert warehouse.rows(
        "select client_key, exclusion_reason, n_sessions from intermediate.int_episodes_started "
        "where exclusion_reason is not null order by all"
    ) == [
        ("gus", "unit_of_treatment", 3),
        ("hal", "no_permission", 3),
        ("ida", "service_type", 3),
        ("joe", "site_unknown", 3),
        ("kim", "unit_of_treatment", 3),
    ]
    for view in VIEWS:
        clients = {client for (client,) in _measured(warehouse, view, "client_key", "true")}
        assert not clients & {"gus", "hal", "ida", "joe", "kim", "liv"}, view


def test_early_alliance_is_a_mean_where_forms_are_due_each_session(
    warehouse: RawWarehouse,
) -> None:
    # Ada (24 + 30 + 36) / 3; Fay's two forms of session 3 are one measurement; Lea's forms at
    # sessions 1 and 2 are English and none of her early ones is, while of the German there is one.
    assert _measured(
        warehouse,
        "int_episodes_measured",
        "client_key, language, month_on, value, numerator, denominator, null_reason",
        "metric = 'early_alliance'",
    ) == [
        ("ada", "en", FEBRUARY, 30, 30, 1, None),
        ("ben", "en", JANUARY, None, None, None, "fewer_than_3_sessions"),
        ("cleo", None, JANUARY, None, None, None, "no_form"),
        ("dina", "en", FEBRUARY, None, None, None, "too_few_forms"),
        ("evan", "en", JANUARY, None, None, None, "fewer_than_3_sessions"),
        ("fay", "en", JANUARY, None, None, None, "too_few_forms"),
        ("lea", "de", JANUARY, None, None, None, "too_few_forms"),
        ("lea", "en", JANUARY, None, None, None, "no_form"),
        ("moe", "en", JANUARY, None, None, None, "no_form"),
        ("sam", None, JANUARY, None, None, None, "fewer_than_3_sessions"),
    ]


def test_elsewhere_it_is_the_one_form_nearest_to_session_4(warehouse: RawWarehouse) -> None:
    # Max has forms at 3 and 5, both one session off: the earlier. Nan's are at 1 and 7. Tom's only
    # session of the early window had a form due, as those of the north with three sessions had: his
    # is a milestone's.
    assert _measured(
        warehouse,
        "int_episodes_measured",
        "client_key, month_on, value, null_reason",
        "metric = 'early_alliance_single_form'",
    ) == [
        ("max", FEBRUARY, 22, None),
        ("nan", FEBRUARY, None, "no_form"),
        ("ole", JANUARY, None, "fewer_than_3_sessions"),
        ("pia", JANUARY, 33, None),
        ("quin", JANUARY, 31, None),
        ("rob", JANUARY, None, "fewer_than_3_sessions"),
        ("tom", JANUARY, 26, None),
        ("uma", JANUARY, 27, None),
    ]


def test_the_last_form_before_an_exit_stands_beside_it(warehouse: RawWarehouse) -> None:
    # Ada and Evan ended as planned, Dina and the south have not ended. Fay's last form has no
    # session.
    assert _measured(
        warehouse,
        "int_episodes_measured",
        "client_key, language, month_on, value, null_reason",
        "metric = 'last_alliance_before_exit'",
    ) == [
        ("ben", "en", JANUARY, 28, None),
        ("cleo", None, JANUARY, None, "ending_not_recorded"),
        ("fay", "en", MARCH, 12, None),
        ("lea", "de", JANUARY, 38, None),
        ("lea", "en", JANUARY, 34, None),
        ("moe", "en", JANUARY, 20, None),
        ("quin", "en", JANUARY, None, "ending_not_recorded"),
        ("sam", None, JANUARY, None, "no_form"),
    ]
    assert warehouse.rows(
        "select client_key, n_forms, n_forms_early, n_sessions_early_measured, "
        "n_sessions_after_last_form from intermediate.int_episodes_followed "
        "where client_key in (key('fay'), key('moe'), key('ada')) order by all"
    ) == [("ada", 5, 3, 3, 0), ("fay", 3, 2, 1, None), ("moe", 1, 0, 0, 2)]


def test_every_unit_has_a_number_or_a_reason(warehouse: RawWarehouse) -> None:
    for view in VIEWS:
        (row,) = warehouse.rows(
            "select count(*) > 0, bool_and((numerator is null) = (null_reason is not null)), "
            "bool_and((denominator is null) = (null_reason is not null)), "
            "bool_and(value is not distinct from numerator or value is null) "
            f"from intermediate.{view}"
        )
        assert row == (True, True, True, True), view
        columns = warehouse.rows(
            "select string_agg(column_name, ', ' order by ordinal_position) "
            f"from information_schema.columns where table_name = '{view}'"
        )
        assert columns == [(SHAPE,)]


def test_the_order_of_rows_changes_nothing(
    warehouse: RawWarehouse, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    backwards = open_warehouse(histories.declared())
    histories.deliver(backwards, histories.ALL[::-1], is_reversed=True)
    histories.deliver_frame(backwards, is_reversed=True)
    backwards.build_with_measures()
    for view in VIEWS:
        assert _measured(backwards, view, "*", "true") == _measured(warehouse, view, "*", "true")


def test_two_nights_end_where_one_build_does(
    open_warehouse: Callable[[Registry], RawWarehouse],
) -> None:
    twice, once = (open_warehouse(histories.declared()) for _ in range(2))
    early = [one for one in histories.ALL if one.client not in ("nan", "ruth")]
    late = [one for one in histories.ALL if one.client in ("nan", "ruth")]
    # Ada's third session was not kept after all: she has five, and her early window another form.
    (ada,) = (one for one in histories.NORTH if one.client == "ada")
    correction = {
        **ada.session(3, site_id="north_site", therapist_key="t1", attendance="no_show"),
        "client_key": "ada",
        "episode_key": "e_ada",
    }
    for warehouse in (twice, once):
        histories.deliver(warehouse, early)
        histories.deliver_frame(warehouse)
        if warehouse is twice:
            warehouse.build_with_measures()
            assert _quins_ending(warehouse) == [("open_episode",)]
            _mark(warehouse)
        histories.deliver(warehouse, late)
        warehouse.deliver("sessions", "north", [correction])
        warehouse.build_with_measures()
    assert _marked(twice) == set(MARKED) - {"ada"}
    assert _marked(once) == set()
    # Nothing of Quin came that night: it is Ruth's session that shows the silence.
    assert _quins_ending(twice) == [("ending_not_recorded",)]
    # Sessions 4, 5 and 6 are now the third, fourth and fifth: (30 + 36 + 40) / 3.
    assert _measured(
        twice, "int_episodes_measured", "value", "client_key = key('ada') and value is not null"
    ) == [(pytest.approx(106 / 3, abs=1e-9),)]
    _unmark(twice)
    for table in TABLES:
        assert _measured(twice, table, "*", "true") == _measured(once, table, "*", "true"), table


def _quins_ending(warehouse: RawWarehouse) -> list[Any]:
    where = "metric = 'flow_planned_ending' and client_key = key('quin')"
    return _measured(warehouse, "int_episodes_measured", "null_reason", where)


MARKED = ("ben", "max", "amy", "cleo", "ada")


def _mark(warehouse: RawWarehouse) -> None:
    """A word that only making the row anew takes away."""
    with warehouse.connect() as con:
        for client in MARKED:
            con.execute(
                "update intermediate.int_episodes_started set service_type = 'marked' "
                "where client_key = key(?)",
                [client],
            )


def _marked(warehouse: RawWarehouse) -> set[str]:
    return {
        client
        for (client,) in warehouse.rows(
            "select client_key from intermediate.int_episodes_started where service_type = 'marked'"
        )
    }


def _unmark(warehouse: RawWarehouse) -> None:
    with warehouse.connect() as con:
        con.execute(
            "update intermediate.int_episodes_started set service_type = 'individual' "
            "where service_type = 'marked'"
        )
