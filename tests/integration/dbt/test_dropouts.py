"""Person-periods of the hazard: which ending is unplanned, which is not, and what nobody knows."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, practice, registry

MONDAY = date(2026, 4, 6)
ENDED = date(2026, 5, 4)


def episode(client: str, ending_code: str | None = None, **row: object) -> Row:
    state = "open" if ending_code is None else "closed"
    closing = {"state": state, "ending_code": ending_code, "closed_on": ENDED}
    usual = {"client_key": client, "episode_key": f"e_{client}", "site_id": "east"}
    whole = {**usual, "therapist_key": "t1", "opened_on": MONDAY}
    return {**whole, **(closing if ending_code else {}), **row}


def session(client: str, number: int, **row: object) -> Row:
    return {
        "client_key": client,
        "session_key": f"s_{client}_{number}",
        "episode_key": f"e_{client}",
        "site_id": "east",
        "therapist_key": "t1",
        "scheduled_on": MONDAY + timedelta(weeks=number - 1),
        **row,
    }


def form(client: str, number: int, each: float, **row: object) -> Row:
    return {
        "form_key": f"{client}{number}{len(row)}",
        "client_key": client,
        "session_key": f"s_{client}_{number}",
        "completed_on": MONDAY + timedelta(weeks=number - 1),
        "answers": (each, each, each, each),
        **row,
    }


@pytest.fixture(scope="module")
def built(open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    warehouse = open_warehouse(registry(practice("north", ["east"])))
    endings = {
        "left": "client_unplanned",
        "lost": "lost_contact",
        "planned": "planned",
        "early": "mutual_early",
        "unsaid": "not_recorded",
        "open": None,
        "blank": "client_unplanned",
    }
    episodes = [episode(client, code) for client, code in endings.items()]
    episodes += [
        episode("undated", "client_unplanned", closed_on=None),
        episode("ahead", "client_unplanned", closed_on=date(2026, 12, 1)),
        episode("pair", "client_unplanned", service_type="couple"),
        episode("care", "client_unplanned", use_permission="care_only"),
    ]
    clients = [str(each["client_key"]) for each in episodes]
    warehouse.deliver("episodes", "north", episodes)
    sessions = [session(client, number) for client in clients for number in (1, 2)]
    # Appointments that were not kept are no sessions, and none follows.
    sessions += [session("left", 3, attendance="no_show"), session("open", 6)]
    warehouse.deliver("sessions", "north", sessions)
    # Totals 4 (one of ten), 20 (eight) and 40 (one): the share .1 is reached at 4, so 4 is not
    # below it; with the two of 2 the share is reached at 2.
    forms = [form(client, 1, 5) for client in clients if client != "blank"]
    forms += [form("left", 2, 0.5), form("lost", 2, 10), form("planned", 2, 1)]
    forms += [form("open", 2, 0.25), form("open", 6, 0.25)]
    # A single form of another instrument does not change what the episode is followed by.
    other = {"instrument_code": "arm_5", "version": "1", "answers": (7, 7, 1, 7, 7)}
    forms.append(form("unsaid", 2, 0, **other))
    forms.append(form("unsaid", 2, 5, language="en", occasion=2))
    warehouse.deliver("administrations", "north", forms)
    warehouse.build_with_measures()
    return warehouse


def test_the_lowest_forms_are_found_by_counting(built: RawWarehouse) -> None:
    # SRS totals of clients seen alone: 1, 1, 2, 4, nine of 20 and 40, fourteen in all. The first
    # total at which 10 % (1.4 forms) lie is 1 with two of them: nothing lies below it.
    assert built.rows(
        "select instrument_code, n_forms, low_below_upwards "
        "from intermediate.int_alliance_levels_derived"
    ) == [("srs", 14, 1)]


def test_each_session_says_how_it_went_on(built: RawWarehouse) -> None:
    rows = built.rows(
        "select client_key, session_no, instrument_code, total, alliance_state, "
        "is_ended_unplanned, null_reason from intermediate.int_sessions_at_risk"
    )
    said = {(row[0], row[1]): row[2:] for row in rows}
    assert len(said) == len(rows)
    assert {client for client, _ in said} == {
        *("left", "lost", "planned", "early", "unsaid", "open", "blank", "undated", "ahead")
    }
    assert said["left", 1] == ("srs", 20, "middle", False, None)
    assert said["left", 2] == ("srs", 2, "middle", True, None)
    assert said["lost", 2] == ("srs", 40, "maximum", True, None)
    assert said["planned", 2] == ("srs", 4, "middle", False, None)
    assert said["early", 2] == ("srs", None, "no_form", False, None)
    assert said["unsaid", 2] == ("srs", 20, "middle", None, "ending_unknown")
    assert said["open", 2] == ("srs", 1, "middle", False, None)
    assert said["open", 3] == ("srs", 1, "middle", None, "still_open")
    assert said["undated", 2] == ("srs", None, "no_form", None, "ending_undated")
    assert said["ahead", 2] == ("srs", None, "no_form", None, "still_open")
    # Of a client who never filled in a form nothing is known but that.
    assert said["blank", 1] == (None, None, "no_form", False, None)
    assert said["blank", 2] == (None, None, "no_form", True, None)


def test_below_the_cut_is_low(built: RawWarehouse) -> None:
    more = [session("left", number) for number in range(5, 12)]
    built.deliver("sessions", "north", more)
    built.deliver("administrations", "north", [form("left", n, 5) for n in range(5, 12)])
    built.build_with_measures()
    # Twenty-one forms, 2.1 of them 10 %: 1, 1, then 2. What is below 2 is low.
    assert built.rows(
        "select n_forms, low_below_upwards from intermediate.int_alliance_levels_derived"
    ) == [(21, 2)]
    assert built.rows(
        "select client_key, session_no, null_reason from intermediate.int_sessions_at_risk "
        "where alliance_state = 'low' order by all"
    ) == [("open", 2, None), ("open", 3, "still_open")]
    assert built.rows(
        "select metric, sum(numerator)::integer, sum(denominator)::integer, count(*) "
        "from intermediate.int_dropouts_measured group by metric order by metric"
    ) == [
        ("unplanned_ending_after_low", 0, 1, 2),
        ("unplanned_ending_after_maximum", 1, 1, 1),
        ("unplanned_ending_after_middle", 1, 17, 18),
        ("unplanned_ending_after_no_form", 1, 3, 5),
    ]
