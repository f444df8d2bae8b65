"""Pairs of two informants' forms: which make one, how far apart they are, and two nights."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, practice, registry

MONDAY = date(2026, 4, 6)
SAME = (3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3)


def episode(client: str, **row: object) -> Row:
    usual = {"client_key": client, "episode_key": f"e_{client}", "site_id": "east"}
    return {**usual, "therapist_key": "t1", "opened_on": MONDAY, **row}


def session(client: str, number: int, **row: object) -> Row:
    return {
        "client_key": client,
        "session_key": f"s_{client}_{number}",
        "episode_key": f"e_{client}",
        "site_id": "east",
        "therapist_key": "t1",
        "scheduled_on": MONDAY + timedelta(weeks=number - 1),
        "delivery_mode": "video",
        **row,
    }


def form(client: str, informant: str, number: int | None, *answers: float, **row: object) -> Row:
    """A form of session `number`; without one, of the day that `row` gives."""
    of_session = {
        "session_key": f"s_{client}_{number}",
        "completed_on": MONDAY + timedelta(weeks=(number or 1) - 1),
    }
    return {
        "form_key": f"{client}{informant[:5]}{number}{len(row)}",
        "client_key": client,
        "informant": informant,
        "instrument_code": "tasc_r",
        "version": "1",
        "answers": answers or SAME,
        **(of_session if number else {"episode_key": f"e_{client}"}),
        **row,
    }


def arm(client: str, informant: str, number: int | None, answer: float, **row: object) -> Row:
    """ARM-5: items of 1 to 7, the third reversed; all but it answered alike."""
    answers = (answer, answer, 8 - answer, answer, answer)
    return form(client, informant, number, *answers, **{"instrument_code": "arm_5", **row})


def first_night(warehouse: RawWarehouse) -> None:
    clients = ("three", "two", "triad", "days", "moved", "tongues", "other", "stars")
    warehouse.deliver("episodes", "north", [episode(client) for client in clients])
    sessions = [session(client, number) for client in clients for number in (1, 2, 3, 4)]
    warehouse.deliver("sessions", "north", sessions)
    forms = [
        arm("three", who, number, answer)
        for number, client_says, therapist_says in ((1, 7, 4), (2, 4, 4), (3, 1, 4))
        for who, answer in (("client", client_says), ("therapist", therapist_says))
    ]
    # The fourth client form has the third's neighbour taken from it: every therapist form is used.
    forms.append(arm("three", "client", 4, 4))
    for number in (1, 2):
        forms += [arm("two", "client", number, 7), arm("two", "therapist", number, 4)]
    # A third pair a week apart, of two sessions, does not make the dyad one of three.
    forms += [arm("two", "client", 3, 7), arm("two", "therapist", 4, 4)]
    # The child 3 of 4 throughout; both parents and the therapist on their own forms.
    low, high = (1, 4, 1, 1, 4, 1, 4, 4, 1, 1, 4, 1), (4, 1, 4, 4, 1, 4, 1, 1, 4, 4, 1, 4)
    parent = {"instrument_code": "tasc_p"}
    forms += [
        form("triad", "child", 1, *low),
        form("triad", "therapist", 1, *high),
        form("triad", "caregiver", 1, *high, respondent="mother", form_key="mum", **parent),
        form("triad", "caregiver", 1, *low, respondent="father", form_key="dad", **parent),
    ]
    # In days: seven are enough, eight are not, and the nearest goes first.
    later = {"days": 0, "near": 2, "seven": 9, "eight": 20}
    for name, offset in later.items():
        who = "client" if name in ("days", "eight") else "therapist"
        on = MONDAY + timedelta(days=40 + offset)
        forms.append(arm("days", who, None, 4, completed_on=on, form_key=f"days{name}"))
    # Another therapist's form, another language, another instrument, another kind of total: none.
    forms += [
        arm("moved", "client", 1, 7, rated_therapist_key="t1"),
        arm("moved", "therapist", 1, 4, rated_therapist_key="t2"),
        arm("tongues", "client", 1, 7),
        arm("tongues", "therapist", 1, 4, language="fr"),
        arm("other", "client", 1, 7),
        form("other", "therapist", 1, *[4] * 12, instrument_code="wai_s"),
    ]
    for who, code in (("client", "star_p"), ("therapist", "star_c")):
        stated = {"instrument_code": code, "answers": (), "stated_total": 30}
        forms.append(form("stars", who, 1, **stated))
    warehouse.deliver("administrations", "north", forms)


@pytest.fixture(scope="module")
def declared() -> Registry:
    return registry(practice("north", ["east"]))


@pytest.fixture(scope="module")
def built(declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]) -> RawWarehouse:
    warehouse = open_warehouse(declared)
    first_night(warehouse)
    warehouse.build_with_measures()
    return warehouse


def pairs_of(warehouse: RawWarehouse, client: str) -> list[tuple[object, ...]]:
    return warehouse.rows(
        "select dyad, match_method, n_days_apart, first_pomp, second_pomp, gap_pomp "
        f"from intermediate.int_pairs_matched where client_key = key('{client}') "
        "order by counted_on, dyad, gap_pomp"
    )


def measured(warehouse: RawWarehouse, client: str) -> list[tuple[object, ...]]:
    return warehouse.rows(
        "select metric, numerator, denominator, value, null_reason, stage, delivery_mode "
        f"from intermediate.int_pairs_measured where client_key = key('{client}') "
        "order by metric, value, null_reason"
    )


def test_a_dyad_of_three_sessions_has_its_gaps(built: RawWarehouse) -> None:
    # ARM-5 means 7, 4 and 1 are 100, 50 and 0 percent of 1 to 7.
    assert pairs_of(built, "three") == [
        ("client_therapist", "session", 0, 100, 50, 50),
        ("client_therapist", "session", 0, 50, 50, 0),
        ("client_therapist", "session", 0, 0, 50, -50),
    ]
    assert measured(built, "three") == [
        ("pair_gap", -50, 1, -50, None, "developing", "video"),
        ("pair_gap", 0, 1, 0, None, "opening", "video"),
        ("pair_gap", 50, 1, 50, None, "opening", "video"),
    ]


def test_two_pairs_of_a_session_are_too_few_whatever_lies_near(built: RawWarehouse) -> None:
    assert [row[:2] for row in pairs_of(built, "two")] == [
        ("client_therapist", "session"),
        ("client_therapist", "session"),
        ("client_therapist", "days"),
    ]
    assert [row[:5] for row in measured(built, "two")] == [
        ("pair_gap", None, None, None, "not_same_session"),
        ("pair_gap", None, None, None, "too_few_pairs"),
        ("pair_gap", None, None, None, "too_few_pairs"),
    ]


def test_a_triads_gaps_are_each_pairs_and_parents_are_never_averaged(built: RawWarehouse) -> None:
    # Reversals done, low is 12 of 12 to 48 (0 %) and high 48 (100 %).
    assert [row[:4] for row in measured(built, "triad")] == [
        ("triad_gap_caregiver_therapist", -100, 1, -100),
        ("triad_gap_caregiver_therapist", 0, 1, 0),
        ("triad_gap_child_caregiver", -100, 1, -100),
        ("triad_gap_child_caregiver", 0, 1, 0),
        ("triad_gap_child_therapist", -100, 1, -100),
    ]
    assert {row[4] for row in measured(built, "triad")} == {None}


def test_forms_without_a_session_pair_within_seven_days(built: RawWarehouse) -> None:
    # Two days apart; the therapist's of day 9 is eleven days from the client's of day 20.
    assert [row[:3] for row in pairs_of(built, "days")] == [("client_therapist", "days", 2)]


@pytest.mark.parametrize("client", ["moved", "tongues", "other", "stars"])
def test_what_is_not_alike_makes_no_pair(built: RawWarehouse, client: str) -> None:
    assert pairs_of(built, client) == []


def test_two_nights_end_where_one_build_does(
    declared: Registry, open_warehouse: Callable[[Registry], RawWarehouse]
) -> None:
    twice, once = open_warehouse(declared), open_warehouse(declared)
    first_night(twice)
    twice.build_with_measures()
    with twice.connect() as con:
        con.execute("update intermediate.int_pairs_matched set delivery_mode = 'marked'")
    for warehouse in (twice, once):
        if warehouse is once:
            first_night(once)
        warehouse.deliver("sessions", "north", [session("three", 2, attendance="no_show")])
        corrected = [arm("two", "therapist", 3, 1), arm("two", "client", 1, 1)]
        warehouse.deliver("administrations", "north", corrected)
        closed = episode("triad", state="closed", closed_on=MONDAY + timedelta(weeks=2))
        warehouse.deliver("episodes", "north", [closed])
        warehouse.build_with_measures()
    kept = "select distinct client_key from intermediate.int_pairs_matched where delivery_mode = "
    assert twice.rows(kept + "'marked'") == [("days",)]
    with twice.connect() as con:
        con.execute("update intermediate.int_pairs_matched set delivery_mode = null where "
                    "delivery_mode = 'marked'")  # fmt: skip
    for family in ("pairs_matched", "pairs_measured", "changes_computed", "changes_measured"):
        rows = f"select * from intermediate.int_{family} order by all"
        assert twice.rows(rows) == once.rows(rows), family
    # The third same-session pair has come.
    assert [row[4] for row in measured(once, "two")] == [None] * 3
