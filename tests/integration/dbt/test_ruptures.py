"""Reported ruptures against sessions counted by hand, and ratings that come, change and go."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, practice, registry

SITES = {"ada": "a", "ben": "a", "cleo": "b", "dan": "b", "eve": "b"}
UNITS = "intermediate.int_ruptures_measured"
MADE_FOR_RATINGS = (
    "select table_name from information_schema.tables where table_schema in "
    "('staging', 'intermediate', 'marts') and regexp_matches(table_name, 'rating|rupture')"
)


def _day(number: int) -> date:
    return date(2026, 1, 4) + timedelta(days=number)


def _session(client: str, number: int, **differs: Any) -> Row:
    return {
        "session_key": f"{client}_{number}",
        "client_key": client,
        "episode_key": f"e_{client}",
        "site_id": SITES[client],
        "therapist_key": f"t_{SITES[client]}",
        "scheduled_on": _day(number),
        **differs,
    }


def _episode(client: str, **differs: Any) -> Row:
    return {
        "episode_key": f"e_{client}",
        "client_key": client,
        "site_id": SITES[client],
        "opened_on": _day(1),
        **differs,
    }


def _report(
    client: str, number: int, is_rupture: bool | None, by: str = "client", **more: Any
) -> Row:
    return {
        "rating_key": f"r{by[0]}_{client}_{number}{more.get('respondent', '')[-2:]}",
        "client_key": client,
        "session_key": f"{client}_{number}",
        "informant": by,
        "rupture_reported": is_rupture,
        "rated_on": _day(number),
        **more,
    }


def _segment(client: str, number: int, start: int, helpfulness: int, by: str = "client") -> Row:
    return {
        "rating_key": f"s{by[0]}_{client}_{start}",
        "client_key": client,
        "session_key": f"{client}_{number}",
        "informant": by,
        "rating_kind": "segment",
        "segment_start_seconds": start,
        "helpfulness": helpfulness,
    }


EPISODES = [
    _episode("ada"),
    _episode("ben"),
    _episode("cleo"),
    # A couple's and one without permission: in no cell.
    _episode("dan", service_type="couple"),
    _episode("eve", use_permission="care_only"),
]
SESSIONS = [
    *(_session("ada", number) for number in (1, 2, 3, 4)),
    _session("ben", 1),
    _session("ben", 2, attendance="no_show"),
    _session("cleo", 1),
    _session("cleo", 2),
    _session("cleo", 3, session_type="assessment"),
    # On 13 February, so that January is over.
    _session("cleo", 40),
    _session("dan", 1),
    _session("eve", 1),
]
RATINGS = [
    # Ada, by the client: sessions 1, 2 and 3 of four, one with a rupture.
    _report("ada", 1, False),
    _report("ada", 2, True),
    _report("ada", 3, False),
    # By her therapist: sessions 2 and 3, and a rupture in the one where she saw none.
    _report("ada", 2, False, "therapist"),
    _report("ada", 3, True, "therapist"),
    # Ben: one of two; a report on a session that was not kept says nothing.
    _report("ben", 1, True),
    _report("ben", 2, True),
    # Two answers on one session (by two people in the room) are one session; one of them is enough.
    _report("cleo", 1, False, respondent="mother"),
    _report("cleo", 1, True, respondent="father"),
    # Nobody knows who said so, an assessment is no treatment session, an item was left out.
    _report("cleo", 2, True, "not known", informant=None),
    _report("cleo", 3, True),
    _report("ada", 4, None),
    _report("dan", 1, True),
    _report("eve", 1, True),
    # Segments are no reports, whatever they say; of a session that never came, too.
    _segment("ada", 4, 0, 1),
    _segment("ada", 4, 120, 5),
    _segment("ada", 4, 120, 4, "therapist"),
    _segment("ben", 9, 60, 3),
]


def _filled(warehouse: RawWarehouse, ratings: Sequence[Row]) -> RawWarehouse:
    warehouse.deliver("episodes", "north", EPISODES)
    warehouse.deliver("sessions", "north", SESSIONS)
    warehouse.deliver("process_ratings", "north", ratings)
    warehouse.build_with_measures()
    return warehouse


@pytest.fixture(scope="module")
def opened(open_warehouse: Callable[[Registry], RawWarehouse]) -> Callable[[], RawWarehouse]:
    return lambda: open_warehouse(registry(practice("north", ["a", "b"])))


@pytest.fixture(scope="module")
def warehouse(opened: Callable[[], RawWarehouse]) -> RawWarehouse:
    return _filled(opened(), RATINGS)


def test_each_session_with_a_report_counts_once_by_informant(warehouse: RawWarehouse) -> None:
    rows = warehouse.rows(
        "select client_key, informant, null_reason, sum(numerator), sum(denominator), count(*) "
        f"from {UNITS} group by all order by client_key, informant, null_reason nulls first"
    )
    assert rows == [
        ("ada", "client", None, 1, 3, 3),
        ("ada", "therapist", None, 1, 2, 2),
        ("ben", "client", None, 1, 1, 1),
        ("ben", "client", "session_not_attended", None, None, 1),
        ("cleo", "client", None, 1, 1, 1),
        ("cleo", "not_recorded", "informant_not_recorded", None, None, 1),
    ]


def test_a_sites_share_is_of_its_sessions_with_a_report(warehouse: RawWarehouse) -> None:
    # Site a by clients: Ada 1 of 3, Ben 1 of 1, so 2 of 4 sessions; by therapists 1 of 2.
    # Site b by clients: Cleo's one session.
    rows = warehouse.rows(
        "select site_id, informant, instrument_code, n_clients, n_units, n_valued, numerator, "
        "denominator, value, null_reason from marts.rpt_site_metrics "
        "where metric = 'reported_rupture' and stratum = 'all' and period = 'all' order by all"
    )
    assert rows == [
        ("a", "client", None, 2, 5, 4, 2, 4, 0.5, None),
        ("a", "therapist", None, 1, 2, 2, 1, 2, 0.5, None),
        ("b", "client", None, 1, 1, 1, 1, 1, 1.0, None),
        ("b", "not_recorded", None, 0, 1, 0, None, None, None, "informant_not_recorded"),
    ]


def test_grain_is_a_session_and_an_informant(warehouse: RawWarehouse) -> None:
    # Two answers on Cleo's session, two informants on Ada's: never two rows of one nor one of two.
    assert warehouse.rows(
        "select client_key, month_on, count(*), count(distinct informant) "
        f"from {UNITS} where null_reason is null and client_key in (key('cleo'), key('ada')) "
        "and stage = 'opening' group by all order by all"
    ) == [
        # Ada's first two sessions: the client on both, the therapist on the second.
        ("ada", date(2026, 1, 1), 3, 2),
        ("cleo", date(2026, 1, 1), 1, 1),
    ]


def test_segments_show_as_they_are(warehouse: RawWarehouse) -> None:
    rows = warehouse.rows(
        "select client_key, session_key, informant, segment_start_seconds, helpfulness, site_id, "
        "is_session_known from marts.fct_process_ratings where rating_kind = 'segment' order by all"
    )
    assert rows == [
        ("ada", "ada_4", "client", 0, 1, "a", True),
        ("ada", "ada_4", "client", 120, 5, "a", True),
        ("ada", "ada_4", "therapist", 120, 4, "a", True),
        ("ben", "ben_9", "client", 60, 3, None, False),
    ]


def test_a_member_finds_the_session_that_names_the_couple_alone(
    opened: Callable[[], RawWarehouse],
) -> None:
    couple = opened()
    of_two = {"client_key": "pair", "unit_key": "pair"}
    couple.deliver("sessions", "north", [{**_session("dan", 1), **of_two}])
    couple.deliver("process_ratings", "north", [_report("dan", 1, True)])
    couple.build_with_measures()
    assert couple.rows("select client_key, site_id from marts.fct_process_ratings") == [
        ("dan", "b")
    ]
    assert couple.rows(f"select count(*) from {UNITS}") == [(0,)]


LATER = datetime(2026, 8, 1, 8)


def _content(warehouse: RawWarehouse) -> Any:
    names = (
        "intermediate.int_ratings_resolved",
        "marts.fct_process_ratings",
        UNITS,
        "marts.rpt_site_metrics",
    )
    return {name: warehouse.rows(f"select * from {name} order by all") for name in names}


def test_two_nights_end_as_one_and_the_newer_export_stands(
    opened: Callable[[], RawWarehouse], warehouse: RawWarehouse
) -> None:
    # No more a rupture in session 2, and a report on session 4 that had none.
    correction = [_report("ada", 2, False), _report("ada", 4, True)]
    before, after = date(2026, 2, 1), date(2026, 3, 1)
    at_once, nights = opened(), opened()
    for world in (at_once, nights):
        world.deliver("episodes", "north", EPISODES)
        world.deliver("sessions", "north", SESSIONS)
    at_once.deliver("process_ratings", "north", RATINGS, before)
    at_once.deliver("process_ratings", "north", correction, after)
    at_once.build_with_measures()
    # On a night before any came the feed has no tables, and the other metrics are there; then the
    # newer export comes first.
    nights.build_with_measures(with_ratings=False)
    assert nights.rows(MADE_FOR_RATINGS) == []
    assert nights.rows("select count(*) from intermediate.int_units_measured") != [(0,)]
    nights.deliver("process_ratings", "north", correction, after)
    nights.build_with_measures()
    nights.deliver("process_ratings", "north", RATINGS, before, received_at=LATER)
    nights.build_with_measures()
    assert _content(nights) == _content(at_once) != _content(warehouse)
    assert nights.rows(
        f"select sum(numerator), sum(denominator) from {UNITS} "
        "where client_key = key('ada') and informant = 'client'"
    ) == [(1, 4)]


def test_nothing_of_it_is_built_where_nobody_sends_it(
    opened: Callable[[], RawWarehouse],
) -> None:
    quiet = opened()
    quiet.deliver("sessions", "north", SESSIONS)
    quiet.build()
    assert quiet.rows(MADE_FOR_RATINGS) == []
