"""Couples, groups, crisis and assessment: each by itself, and never with clients seen alone.

Sessions are a week apart from 5 January 2026; the instrument is the shipped SRS, 0 to 40.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from expectations.metric import shipped_metrics
from expectations.model import FeedName
from expectations.registry import Registry
from tests.integration.dbt.raw_rows import RawWarehouse, Row, every_session, practice, registry

OpenWarehouse = Callable[[Registry], RawWarehouse]
Feeds = dict[FeedName, list[Row]]
FEEDS: tuple[FeedName, ...] = ("episodes", "sessions", "administrations")
PRACTICES = ("north", "alone", "others", "twice")
FIRST = date(2026, 1, 5)
MEANS = ("couple_minimum", "couple_gap", "group_mean")
KINDS = {"individual": 3, "couple": 6, "family": 0, "group": 2, "crisis": 1}
KINDS |= {"assessment": 2, "not_recorded": 2}
TABLES = (
    "int_episodes_classified",
    "int_unit_kinds_measured",
    "int_joint_sessions_answered",
    "int_joint_sessions_measured",
)
_SITE = {"site_id": "east", "therapist_key": "t1"}


def _day(number: int) -> date:
    return FIRST + timedelta(days=7 * (number - 1))


def _episode(client: str, service_type: str, **differs: Any) -> tuple[FeedName, Row]:
    key = {"client_key": client, "episode_key": f"e{client}", "opened_on": FIRST}
    return "episodes", {**key, **_SITE, "service_type": service_type, **differs}


def _session(client: str, number: int, **differs: Any) -> tuple[FeedName, Row]:
    key = {"client_key": client, "episode_key": f"e{client}", "session_key": f"s{client}{number}"}
    return "sessions", {**key, **_SITE, "scheduled_on": _day(number), **differs}


def _form(client: str, number: int, total: float, **differs: Any) -> tuple[FeedName, Row]:
    key = {"form_key": f"f{client}{number}{differs.get('respondent') or ''}", "client_key": client}
    of = {"session_key": f"s{client}{number}", "completed_on": _day(number)}
    return "administrations", {**key, **of, "answers": [total / 4] * 4, **differs}


def _alone() -> Iterator[tuple[FeedName, Row]]:
    """Seen alone: two clients, and a partner of couple A in a treatment of his own before."""
    for client, total in (("i1", 30), ("i2", 20)):
        yield _episode(client, "individual")
        for number in (1, 2, 3):
            yield _session(client, number)
            yield _form(client, number, total)
    own = {"episode_key": "own"}
    yield _episode("a1", "individual", **own, opened_on=_day(-2), closed_on=_day(-1))
    yield _session("a1", -2, **own)
    yield _form("a1", -2, 40)
    # Later than all else, so that the months above are closed.
    yield _session("i1", 25)


def _couples() -> Iterator[tuple[FeedName, Row]]:
    # A: a row for each partner. Both on day 1 (30 and 20), one on day 2, both on day 3, where one
    # filled in two forms (38 and 40 are 39, beside 33). The second partner is two days late.
    for client in ("a1", "a2"):
        yield _episode(client, "couple", unit_key="ua", age_band_at_intake="30_39")
        for number in (1, 2, 3):
            yield _session(client, number, unit_key="ua", delivery_mode="video")
    yield _form("a1", 1, 30)
    yield _form("a2", 1, 20, completed_on=_day(1) + timedelta(2))
    yield _form("a1", 2, 36)
    yield _form("a1", 3, 38)
    yield _form("a1", 3, 40, form_key="again")
    yield _form("a2", 3, 33)
    # B: the practice names the couple alone; forms name its session.
    yield _episode("ub", "couple", unit_key="ub")
    yield _session("ub", 1, unit_key="ub", delivery_mode="video")
    yield _form("b1", 1, 24, session_key="sub1")
    yield _form("b2", 1, 28, session_key="sub1")
    # C: the forms, too, name the couple; a third respondent on day 2.
    yield _episode("uc", "couple", unit_key="uc")
    for number in (1, 2):
        yield _session("uc", number, unit_key="uc", delivery_mode="phone")
        for respondent, total in (("one", 12), ("two", 40), ("three", 25))[: number + 1]:
            yield _form("uc", number, total, respondent=respondent)
    # D: no couple is named.
    yield _episode("d1", "couple")
    yield _session("d1", 1)
    yield _form("d1", 1, 10)
    # E: two languages are never set beside each other.
    for client, language, total in (("m1", "en", 30), ("m2", "de", 20)):
        yield _episode(client, "couple", unit_key="um")
        yield _session(client, 1, unit_key="um")
        yield _form(client, 1, total, language=language)
    # F: one partner allows care alone.
    for client, permission in (("w1", "all"), ("w2", "care_only")):
        yield _episode(client, "couple", unit_key="uw", use_permission=permission)
        yield _session(client, 1, unit_key="uw")
        yield _form(client, 1, 22)


def _others() -> Iterator[tuple[FeedName, Row]]:
    # A group of three: 30, 36 and 24 on day 1, one form of 20 on day 2.
    for client, total in (("g1", 30), ("g2", 36), ("g3", 24)):
        yield _episode(client, "group", unit_key="ug")
        for number in (1, 2):
            yield _session(client, number, unit_key="ug", group_session_key=f"group{number}")
        yield _form(client, 1, total)
    yield _form("g1", 2, 20)
    # Group sessions of a group that nobody names.
    yield _episode("h1", "individual")
    yield _session("h1", 1, group_session_key="other")
    yield _form("h1", 1, 10)
    # No treatment: by the episode, and by its sessions.
    yield _episode("k1", "crisis")
    yield _session("k1", 1)
    yield _form("k1", 1, 8)
    yield _episode("l1", "assessment")
    yield _session("l1", 1, session_type="assessment")
    yield _form("l1", 1, 8)
    yield _episode("l2", "individual")
    yield _session("l2", 1, session_type="assessment")
    yield _form("l2", 1, 8)
    yield _episode("n1", "individual")
    yield _session("n1", 1, session_type="intake")
    # Nobody says what: alone, and a unit of two.
    yield _episode("p1", "not_recorded")
    yield _session("p1", 1)
    for client in ("q1", "q2"):
        yield _episode(client, "not_recorded", unit_key="uq")
        yield _session(client, 1, unit_key="uq")
        yield _form(client, 1, 8)
    yield _episode("r1", "couple", site_id="nowhere")
    yield _session("r1", 1, site_id="nowhere")


def _deliver(
    warehouse: RawWarehouse, practice_id: str, rows: Iterable[tuple[FeedName, Row]]
) -> None:
    """Keys begin with the practice's letter, so that they never meet another practice's."""
    letter = practice_id[0]
    lettered = [
        (
            feed,
            {
                name: f"{letter}{cell}" if name.endswith("_key") and cell else cell
                for name, cell in row.items()
            },
        )
        for feed, row in rows
    ]
    # Loading touches a couple with its members, and members with their couple (standing.py).
    touched = [f"{letter}{client}" for client in ("b1", "b2", "ub")]
    for feed in FEEDS:
        of_feed = [row for name, row in lettered if name == feed]
        if of_feed:
            warehouse.deliver(feed, practice_id, of_feed, also_touched=touched)


def _is_late(row: tuple[FeedName, Row]) -> bool:
    return row[1]["client_key"] in ("a2", "b2", "g3", "l2")


@pytest.fixture(scope="module")
def everything(open_warehouse: OpenWarehouse) -> RawWarehouse:
    """`north` has all; `alone` and `others` one part each; `twice` has all, but in two nights."""
    each = every_session("srs", "3")
    practices = (practice(name, ["east"], [each]) for name in PRACTICES)
    warehouse = open_warehouse(registry(*practices))
    rows = [*_alone(), *_couples(), *_others()]
    _deliver(warehouse, "north", rows)
    # Who is alone, though nobody says so, has no form here and counts with those seen alone.
    _deliver(warehouse, "alone", [*_alone(), *(r for r in rows if r[1]["client_key"] == "p1")])
    bare = (row for row in _alone() if row[0] != "administrations")
    _deliver(warehouse, "others", [*bare, *_couples(), *_others()])
    _deliver(warehouse, "twice", (row for row in rows if not _is_late(row)))
    warehouse.build_with_measures()
    _deliver(warehouse, "twice", filter(_is_late, rows))
    warehouse.build_with_measures()
    return warehouse


def _measured(warehouse: RawWarehouse, metric: str) -> list[Any]:
    return warehouse.rows(
        "select client_key, month_on, language, coalesce(null_reason, value::varchar) "
        "from intermediate.int_units_measured "
        f"where practice_id = 'north' and metric = '{metric}' order by all"
    )


def test_the_lower_total_and_the_gap_of_two_partners(everything: RawWarehouse) -> None:
    january = date(2026, 1, 1)
    found = {}
    for metric in ("couple_minimum", "couple_gap"):
        rows = _measured(everything, metric)
        assert {month for _, month, _, _ in rows} == {january}
        found[metric] = [(unit, language, word) for unit, _, language, word in rows]
    nulls = [
        ("nd1", "en", "unit_unknown"),
        ("nua", "en", "one_respondent"),
        ("nuc", "en", "more_than_two_respondents"),
        ("num", "de", "one_respondent"),
        ("num", "en", "one_respondent"),
        ("nuw", "en", "one_respondent"),
    ]
    minimum = [("nua", "20.0"), ("nua", "33.0"), ("nub", "24.0"), ("nuc", "12.0")]
    gap = [("nua", "10.0"), ("nua", "6.0"), ("nub", "4.0"), ("nuc", "28.0")]
    for metric, values in (("couple_minimum", minimum), ("couple_gap", gap)):
        expected = [*nulls, *((unit, "en", value) for unit, value in values)]
        assert found[metric] == sorted(expected), metric


def test_a_group_counts_by_its_days(everything: RawWarehouse) -> None:
    # (30 + 36 + 24) / 3, then 20.
    rows = [(unit, word) for unit, _, _, word in _measured(everything, "group_mean")]
    assert rows == [("nh1", "unit_unknown"), ("nug", "20.0"), ("nug", "30.0")]


def test_sites_are_clustered_by_couple_and_by_group(everything: RawWarehouse) -> None:
    # Minimum: A (20 + 33) / 2, B 24, C 12. Gap: A (10 + 6) / 2, B 4, C 28. Group (30 + 20) / 2.
    cells = everything.rows(
        "select metric, stratum, n_clients, n_units, n_valued, value from marts.rpt_site_metrics "
        f"where practice_id = 'north' and metric in {MEANS} and period = 'all' and language = 'en' "
        "and stratum_kind in ('all', 'delivery_mode') order by all"
    )
    assert cells == [
        ("couple_gap", "all", 3, 9, 4, pytest.approx((8 + 4 + 28) / 3)),
        ("couple_gap", "phone", 1, 2, 1, 28),
        ("couple_gap", "video", 2, 4, 3, pytest.approx((8 + 4) / 2)),
        ("couple_minimum", "all", 3, 9, 4, pytest.approx((26.5 + 24 + 12) / 3)),
        ("couple_minimum", "phone", 1, 2, 1, 12),
        ("couple_minimum", "video", 2, 4, 3, pytest.approx((26.5 + 24) / 2)),
        ("group_mean", "all", 1, 3, 2, 25),
    ]
    ((value, reason),) = everything.rows(
        "select value, null_reason from marts.rpt_site_metrics where practice_id = 'north' "
        "and metric = 'couple_gap' and language = 'de' and period = 'all' and stratum_kind = 'all'"
    )
    assert (value, reason) == (None, "one_respondent")


def test_every_kind_of_unit_is_counted_once(everything: RawWarehouse) -> None:
    total = sum(KINDS.values())
    cells = everything.rows(
        "select metric, n_clients, numerator, denominator, value, null_reason "
        "from marts.rpt_site_metrics where practice_id = 'north' and metric like 'flow_kind_%' "
        "and period = 'all' and stratum_kind = 'all' order by all"
    )
    # a1 is treated alone and as one of A; the fifteen others have one treatment each.
    assert cells == sorted(
        (f"flow_kind_{kind}", total, n, total, pytest.approx(n / total), None)
        for kind, n in KINDS.items()
    )
    excluded = everything.rows(
        "select client_key, exclusion_reason from intermediate.int_episodes_classified "
        "where practice_id = 'north' and exclusion_reason is not null order by all"
    )
    assert excluded == [("nr1", "site_unknown"), ("nw2", "no_permission")]


def _cells(warehouse: RawWarehouse, practice_id: str, which: str) -> list[Any]:
    return warehouse.rows(
        "select * exclude (practice_id) from marts.rpt_site_metrics "
        f"where practice_id = '{practice_id}' and {which} and metric not like 'flow_kind_%' "
        "order by all"
    )


def test_nothing_of_them_enters_a_cell_of_clients_seen_alone(everything: RawWarehouse) -> None:
    among = f"metric not in {MEANS}"
    found = _cells(everything, "north", among)
    assert len(found) > 100
    assert found == _cells(everything, "alone", among)
    assert _cells(everything, "alone", f"metric in {MEANS}") == []


def test_nothing_of_clients_seen_alone_enters_theirs(everything: RawWarehouse) -> None:
    among = f"metric in {MEANS}"
    assert _cells(everything, "north", among) == _cells(everything, "others", among) != []


@pytest.mark.parametrize("table", TABLES)
def test_two_nights_end_where_one_build_does(everything: RawWarehouse, table: str) -> None:
    columns = [
        (name, name.endswith("_key"))
        for (name,) in everything.rows(
            "select column_name from information_schema.columns "
            f"where table_name = '{table}' order by ordinal_position"
        )
    ]

    def of(practice_id: str) -> list[Any]:
        rows = everything.rows(
            f"select * from intermediate.{table} where practice_id = '{practice_id}' order by all"
        )
        return [
            [
                cell[1:] if is_key and cell else cell
                for cell, (name, is_key) in zip(row, columns, strict=True)
                if name != "practice_id"
            ]
            for row in rows
        ]

    assert of("twice") == of("north") != []


def test_the_metrics_say_whom_they_count() -> None:
    declared = {metric.metric: metric for metric in shipped_metrics()}
    for metric in MEANS:
        assert declared[metric].unit_measured == "joint_session"
        assert declared[metric].aggregation == "mean_of_clients"
        assert "n_clients_at_least counts" in declared[metric].pitfall
