"""A practice that sends no episodes, brought in by YAML alone: they are derived of its sessions.

Two homes get the same files: one in two nights, with sessions of before coming late, the other all
at once. Both must say the same, and what they say is worked out by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.registry import Registry, load_registry
from orchestration import dbt_runner
from orchestration.content_digest import table_digests
from orchestration.ingest.pseudonyms import key_path
from orchestration.night import Night
from orchestration.reference import write_reference
from tests.integration import small_group
from tests.recorded_builds import BUILDS

GROUP = """
group_id: test
name: Test
time_zone: Europe/Berlin
periods: [all]
"""
PRACTICE = """
practice_id: alder
name: Alder
sites:
  - {site_id: hill, name: Hill, service_setting: outpatient, open_from: 2020-01-01}
  - {site_id: lake, name: Lake, service_setting: outpatient, open_from: 2020-01-01}
contracts:
  - valid_from: 2024-01-01
    privacy_class: limited_data_set
    agreements:
      - {kind: data_use_agreement, signed_on: 2024-01-01, expires_on: 2099-12-31, purpose: test}
    owners: [office]
    episodes: {derive: {gap_days: 60, service_type: individual}}
    schedules:
      - schedule_id: each_session
        instrument_code: srs
        version: "3"
        informant: client
        rule: every_session
        valid_from: 2024-01-01
        scope: {service_types: [individual, couple]}
    files:
      - file: visits
        pattern: visits_*.csv
        id_namespaces: {couple: couple}
        mappings:
          - feed: sessions
            layout: table
            columns:
              session_id: {from: visit}
              client_id: {from: client}
              unit_id: {from: couple}
              site_id: {from: place}
              therapist_id: {from: therapist}
              scheduled_on: {from: day}
              attendance: {from: kept}
      - file: forms
        pattern: forms_*.csv
        mappings:
          - feed: administrations
            layout: wide
            columns:
              client_id: {from: client}
              session_id: {from: visit}
              completed_on: {from: day}
              status: {constant: completed}
              collection_mode: {constant: paper}
            forms:
              - instrument_code: srs
                version: "3"
                language: en
                informant: client
                items: {1: a, 2: b, 3: c, 4: d}
"""
_VISITS = "visit,client,couple,place,therapist,day,kept\n"
FIRST_VISITS = _VISITS + (
    # Two runs of c1, 105 days apart; the second at the other site, with another therapist at first.
    "v1,c1,,hill,t1,2026-01-05,attended\n"
    "v2,c1,,hill,t1,2026-01-19,attended\n"
    "v3,c1,,lake,t2,2026-05-04,attended\n"
    "v4,c1,,lake,t1,2026-05-11,attended\n"
    # c2: 84 days apart, until a session comes late that lies between.
    "v5,c2,,hill,t1,2026-01-05,attended\n"
    "v6,c2,,hill,t1,2026-03-30,attended\n"
    # c3: a no-show within the gap, one past it, and a session that keeps the data going.
    "v7,c3,,hill,t1,2026-06-01,attended\n"
    "v8,c3,,hill,t1,2026-07-20,no_show\n"
    "v9,c3,,hill,t1,2026-09-01,no_show\n"
)
LATE_VISITS = _VISITS + (
    # Before all else of c1; between the two of c2; and a couple, seen and named as one.
    "v10,c1,,hill,t1,2025-12-22,attended\n"
    "v11,c2,,hill,t1,2026-02-16,attended\n"
    "v12,,p1,hill,t1,2026-06-02,attended\n"
)
_FORMS = "client,visit,day,a,b,c,d\n"
FIRST_FORMS = _FORMS + (
    "c1,v1,2026-01-05,9,9,9,9\n"
    "c1,v3,2026-05-04,5,5,5,5\n"
    "c1,,2026-05-12,7,7,7,7\n"
    "c2,v6,2026-03-30,8,8,8,8\n"
    # Partners' forms come before the session they name.
    "c4,v12,2026-06-02,6,6,6,6\n"
    "c5,v12,2026-06-02,4,4,4,4\n"
    # Nobody knows a session of c6.
    "c6,,2026-06-02,1,1,1,1\n"
)
LATE_FORMS = _FORMS + "c1,v10,2025-12-22,10,10,10,10\nc3,v7,2026-06-01,3,3,3,3\n"


@dataclass
class Home:
    night: Night
    target: Path

    def load(self, files: Sequence[tuple[str, str]]) -> None:
        for name, content in files:
            small_group.send(self.night, "alder", name, content)
        outcomes = [each for found in small_group.run(self.night).values() for each in found]
        assert all(each.is_loadable and each.n_quarantined == 0 for each in outcomes)
        self.night.clear_landing()

    def build(self, *, full_refresh: bool = False) -> None:
        self.night.close()
        with BUILDS.in_place():
            dbt_runner.build(self.night.settings.warehouse, self.target, full_refresh)
        with self.night.warehouse.connect() as con:
            con.execute(
                "insert into raw.builds select max(load_seq), '', '', now()::timestamp "
                "from raw.deliveries"
            )

    def digests(self) -> dict[str, str]:
        with self.night.warehouse.connect() as con:
            return table_digests(con)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        self.night.close()
        with duckdb.connect(str(self.night.settings.warehouse), read_only=True) as con:
            return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("declared")
    (folder / "practices").mkdir()
    (folder / "group.yml").write_text(GROUP)
    (folder / "practices" / "alder.yml").write_text(PRACTICE)
    registry = load_registry([folder])
    assert not registry.broken
    return registry


def _home(folder: Path, declared: Registry, target: Path, key: str) -> Home:
    """`key`: two hexadecimal digits. Under 1a and 2b pseudonyms sort in another order."""
    night = small_group.night_in(folder, declared)
    for practice_id in declared.practices:
        key_path(night.settings.keys, practice_id).write_text(key * 32)
    with night.warehouse.connect() as con:
        write_reference(con, declared)
    return Home(night, target)


@pytest.fixture(scope="module")
def two_nights(declared: Registry, tmp_path_factory: pytest.TempPathFactory) -> Home:
    target = tmp_path_factory.mktemp("target")
    home = _home(tmp_path_factory.mktemp("two_nights"), declared, target, "1a")
    home.load([("visits_1.csv", FIRST_VISITS), ("forms_1.csv", FIRST_FORMS)])
    home.build()
    assert home.rows(
        "select exclusion_reason, count(*) from marts.fct_administrations "
        "where episode_source is null group by 1"
    ) == [("episode_unknown", 3)]
    home.load([("visits_2.csv", LATE_VISITS), ("forms_2.csv", LATE_FORMS)])
    home.build()
    return home


def test_a_gap_longer_than_the_contracts_begins_an_episode(two_nights: Home) -> None:
    rows = two_nights.rows(
        "select opened_on::varchar, closed_on::varchar, state, ending_code, site_id, "
        "service_type, use_permission, unit_key is not null, n_therapists, n_sites "
        "from marts.fct_episodes where episode_source = 'derived' order by 1, 2 nulls last"
    )
    alone = ("individual", "all", False)
    assert rows == [
        ("2025-12-22", "2026-01-19", "closed", "not_recorded", "hill", *alone, 1, 1),
        ("2026-01-05", "2026-03-30", "closed", "not_recorded", "hill", *alone, 1, 1),
        # The newest data are of 2 June: 22 days after, so nobody knows whether this one goes on.
        ("2026-05-04", None, "open", "not_recorded", "lake", *alone, 2, 1),
        ("2026-06-01", None, "open", "not_recorded", "hill", *alone, 1, 1),
        ("2026-06-02", None, "open", "not_recorded", "hill", "not_recorded", "all", True, 1, 1),
    ]
    assert two_nights.rows("select count(*) from marts.fct_episodes") == [(5,)]


def test_appointments_within_the_gap_belong_to_the_episode(two_nights: Home) -> None:
    rows = two_nights.rows(
        "select scheduled_on::varchar, episode_key is not null, session_no "
        "from marts.fct_sessions where scheduled_on >= '2026-06-01' and unit_key is null order by 1"
    )
    later = [("2026-07-20", True, None), ("2026-09-01", False, None)]
    assert rows == [("2026-06-01", True, 1), *later]


def test_forms_find_the_episodes_and_are_counted(two_nights: Home) -> None:
    rows = two_nights.rows(
        "select completed_on::varchar, total, session_no, site_id, link_method, episode_source, "
        "exclusion_reason from marts.fct_administrations order by 1, 2"
    )
    assert rows == [
        ("2025-12-22", 40, 1, "hill", "session", "derived", None),
        ("2026-01-05", 36, 2, "hill", "session", "derived", None),
        ("2026-03-30", 32, 3, "hill", "session", "derived", None),
        ("2026-05-04", 20, 1, "lake", "session", "derived", None),
        ("2026-05-12", 28, 2, "lake", "date", "derived", None),
        ("2026-06-01", 12, 1, "hill", "session", "derived", None),
        ("2026-06-02", 4, None, None, "none", None, "episode_unknown"),
        ("2026-06-02", 16, 1, "hill", "session", "derived", "unit_of_treatment"),
        ("2026-06-02", 24, 1, "hill", "session", "derived", "unit_of_treatment"),
    ]
    counted = two_nights.rows(
        "select coalesce(exclusion_reason, ''), sum(n_forms), sum(n_units) "
        "from marts.rpt_forms_counted group by 1 order by 1"
    )
    assert counted == [("", 6, 0), ("episode_unknown", 1, 0), ("unit_of_treatment", 2, 1)]


def test_a_client_counts_once_at_each_of_two_sites(two_nights: Home) -> None:
    rows = two_nights.rows(
        "select site_id, n_clients, n_forms, mean_of_client_means from marts.rpt_site_statistics "
        "where period = 'all' and stage = 'all' order by 1"
    )
    # Hill: c1 (40 + 36) / 2, c2 32; c3's form is of June, which is not over. Lake: c1's others.
    assert rows == [("hill", 2, 3, 35.0), ("lake", 1, 2, 24.0)]
    ((distinct,),) = two_nights.rows(
        "select count(distinct client_key) from marts.fct_administrations "
        "where exclusion_reason is null and completed_on < '2026-06-01'"
    )
    assert distinct == 2


def test_forms_are_due_by_the_service_the_contract_names(two_nights: Home) -> None:
    rows = two_nights.rows(
        "select site_id, n_due, n_completed from marts.rpt_response_rates "
        "where period = 'all' and stage = 'all' order by 1"
    )
    # Three of c1's and three of c2's at hill, the two of c1's at lake; no couple's session.
    assert rows == [("hill", 6, 3), ("lake", 2, 2)]


def test_any_order_and_any_number_of_nights_say_the_same(
    two_nights: Home, declared: Registry, tmp_path: Path
) -> None:
    by_nights = two_nights.digests()
    at_once = _home(tmp_path / "at_once", declared, two_nights.target, "2b")
    at_once.load([("visits_2.csv", LATE_VISITS), ("forms_2.csv", LATE_FORMS)])
    at_once.load([("forms_1.csv", FIRST_FORMS), ("visits_1.csv", FIRST_VISITS)])
    at_once.build()
    assert at_once.digests() == by_nights
    # A member of whom nothing was known, after the couple's session was built.
    two_nights.load([("forms_3.csv", _FORMS + "c7,v12,2026-06-03,2,2,2,2\n")])
    two_nights.build()
    assert two_nights.rows(
        "select total, session_no, exclusion_reason from marts.fct_administrations "
        "where completed_on = '2026-06-03'"
    ) == [(8, 1, "unit_of_treatment")]
    by_nights = two_nights.digests()
    two_nights.build(full_refresh=True)
    assert two_nights.digests() == by_nights
