"""Ratings of sessions on their way: from a file to the marts, corrected, withdrawn, built again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.registry import Registry, load_registry
from orchestration.as_of import as_of
from orchestration.assets.dbt import build_models
from orchestration.assets.raw import feeds_with_assets
from orchestration.content_digest import content_digest
from orchestration.former_warehouse import find_former
from orchestration.ingest.outcome import Outcome
from orchestration.key_rotation import rotate
from orchestration.night import Night
from orchestration.rebuild import rebuild
from orchestration.release.contents import query
from orchestration.release.expected import next_deadlines
from orchestration.retention import keep_terms
from orchestration.settings import Settings
from orchestration.withdrawal import withdraw
from tests.integration import small_group as group
from tests.parsed_project import give
from tests.recorded_builds import BUILDS

GROUP = """
group_id: test
name: Test
time_zone: Europe/Berlin
periods: [all]
"""
SESSIONS_ONLY = """
practice_id: PRACTICE
name: Made up
sites:
  - {site_id: SITE, name: Hill, service_setting: outpatient, open_from: 2020-01-01}
contracts:
  - valid_from: 2024-01-01
    privacy_class: limited_data_set
    agreements:
      - {kind: data_use_agreement, signed_on: 2024-01-01, expires_on: 2099-12-31, purpose: test}
    owners: [office]
    retention: {raw_days: 900}
    episodes: {derive: {gap_days: 60, service_type: individual}}
    files:
      - file: visits
        pattern: visits_*.csv
        mappings:
          - feed: sessions
            layout: table
            columns:
              session_id: {from: visit}
              client_id: {from: client}
              site_id: {constant: SITE}
              scheduled_on: {from: day}
              attendance: {constant: attended}
"""
RATINGS = """
      - file: ratings
        pattern: ratings_*.csv
        dialect: {delimiter: ";"}
        missing: ["-"]
        exported_at: 'ratings_(\\d{8})'
        discard: [room]
        mappings:
          - feed: process_ratings
            layout: table
            date_format: "%d.%m.%Y"
            exclude: [{column: part, words: [try], reason: preview_row}]
            columns:
              client_id: {from: client}
              session_id: {from: visit}
              informant: {from: who, recode: {C: client, T: therapist}}
              rating_kind: {from: part, recode: {seg: segment, end: rupture}}
              segment_start_seconds: {from: start}
              helpfulness: {from: help, recode: {best: "5"}}
              rupture_reported: {from: rupt, recode: {j: "true", n: "false"}}
              rated_on: {from: day}
"""
VISITS = "visit,client,day\nV1,P1,2026-02-03\nV2,P1,2026-02-10\nV3,P2,2026-02-11\n"
HEADER = "client;visit;who;part;start;help;rupt;day;room\n"
FIRST = HEADER + (
    "P1;V1;C;seg;0;2;-;03.02.2026;x\n"
    "P1;V1;C;seg;120;best;-;03.02.2026;x\n"
    "P1;V1;T;seg;120;3;-;04.02.2026;x\n"
    "P1;V1;C;end;-;-;n;03.02.2026;x\n"
    "P1;V2;T;end;-;-;j;-;x\n"
    "P2;V3;C;end;-;-;-;11.02.2026;x\n"
    # Twice the same; out of range; no beginning; a word for a number; nobody we know; a test.
    "P1;V1;C;seg;0;2;-;03.02.2026;x\n"
    "P2;V3;C;seg;60;6;-;11.02.2026;x\n"
    "P2;V3;C;seg;-;4;-;11.02.2026;x\n"
    "P2;V3;T;seg;60;much;-;11.02.2026;x\n"
    "P2;V3;S;seg;60;4;-;11.02.2026;x\n"
    "P9;V9;C;try;-;-;j;11.02.2026;x\n"
)
SECOND = HEADER + (
    # The one that was out of range, and a rupture that was not there at first.
    "P2;V3;C;seg;60;1;-;11.02.2026;x\nP1;V1;C;end;-;-;j;03.02.2026;x\n"
)
STANDING = (
    "select rating_kind, informant, segment_start_seconds, helpfulness, rupture_reported, "
    "site_id from marts.fct_process_ratings order by all"
)


def _declared(folder: Path, ratings: str = RATINGS) -> Registry:
    (folder / "practices").mkdir(exist_ok=True)
    (folder / "group.yml").write_text(GROUP)
    for name, more in (("alder", ratings), ("birch", "")):
        text = SESSIONS_ONLY.replace("PRACTICE", name).replace("SITE", f"{name}_hill") + more
        (folder / "practices" / f"{name}.yml").write_text(text)
    registry = load_registry([folder])
    assert not registry.broken
    return registry


def _night(home: Path, declared: Registry, files: Mapping[str, str]) -> list[Outcome]:
    """Take in some files of the practice alder."""
    night = group.night_in(home, declared)
    night.prepare()
    for name, content in files.items():
        group.send(night, "alder", name, content)
    outcomes = [outcome for found in group.run(night).values() for outcome in found]
    night.clear_landing()
    night.close()
    return outcomes


def _built(home: Path, declared: Registry) -> set[str]:
    with BUILDS.in_place():
        return set(build_models(Night(Settings(home), declared, group.NOW)))


def _ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def _digest(home: Path) -> str:
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        return content_digest(con)


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return _declared(tmp_path_factory.mktemp("declared"))


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, declared: Registry, parsed: Path
) -> tuple[Path, Outcome]:
    """A home after a first night, and what became of its ratings."""
    home = tmp_path_factory.mktemp("first") / "home"
    give(parsed, Settings(home).dbt_target)
    files = {"visits_1.csv": VISITS, "ratings_20260301.csv": FIRST}
    ratings, _ = sorted(
        _night(home, declared, files), key=lambda each: "sessions" in each.delivery_id
    )
    return home, ratings


@pytest.fixture
def home(first: tuple[Path, Outcome], declared: Registry, tmp_path: Path) -> Path:
    """That home once more, for one test."""
    source, _ = first
    return group.copied(
        Night(Settings(source), declared, group.NOW), tmp_path / "home"
    ).settings.home


def test_every_row_is_accepted_set_aside_or_excluded(first: tuple[Path, Outcome]) -> None:
    home, outcome = first
    assert (outcome.n_rows_read, outcome.n_accepted, outcome.n_quarantined) == (12, 6, 5)
    assert outcome.exclusions == {"preview_row": 1}
    assert _ask(
        home,
        "select row_no, check_id from quality.quarantine "
        "where feed = 'process_ratings' order by all",
    ) == [
        (7, "process_ratings.key.unique"),
        (8, "process_ratings.helpfulness.between"),
        (9, "process_ratings.segment_start_seconds.required_when"),
        (10, "process_ratings.helpfulness.between"),
        (11, "process_ratings.informant.one_of"),
    ]
    # An unanswered question is kept, counted and shown.
    judged = {v.check_id: (v.n_evaluated, v.n_failed, v.status) for v in outcome.verdicts}
    unanswered = judged["process_ratings.rupture_reported.required_when"]
    assert unanswered == (3, 1, "passed_with_failures")
    assert judged["process_ratings.helpfulness.required_when"] == (8, 0, "passed")


def test_it_comes_to_the_marts_and_a_correction_stands(home: Path, declared: Registry) -> None:
    assert {"stg_process_ratings", "int_ratings_resolved", "fct_process_ratings"} <= _built(
        home, declared
    )
    before = [
        ("rupture", "client", None, None, False, "alder_hill"),
        ("rupture", "client", None, None, None, "alder_hill"),
        ("rupture", "therapist", None, None, True, "alder_hill"),
        ("segment", "client", 0, 2, None, "alder_hill"),
        ("segment", "client", 120, 5, None, "alder_hill"),
        ("segment", "therapist", 120, 3, None, "alder_hill"),
    ]
    assert _ask(home, STANDING) == before
    open_rows = f"select row_no from ({query('quarantine')}) where is_open order by 1"
    assert _ask(home, open_rows) == [(7,), (8,), (9,), (10,), (11,)]
    _night(home, declared, {"ratings_20260401.csv": SECOND})
    _built(home, declared)
    assert _ask(home, STANDING) == [
        ("rupture", "client", None, None, True, "alder_hill"),
        *before[1:4],
        ("segment", "client", 60, 1, None, "alder_hill"),
        *before[4:],
    ]
    # Row 8 came again and was good. (Row 7 was a copy of one that was let in.)
    assert _ask(home, open_rows) == [(7,), (9,), (10,), (11,)]
    settings = Settings(home)
    with BUILDS.in_place():
        found = as_of(settings, declared, 2)
    counts = {(each.practice_id, each.feed): each.n_rows for each in found.standing}
    assert counts == {
        ("alder", "episodes"): 2,
        ("alder", "sessions"): 3,
        ("alder", "process_ratings"): 6,
    }


def test_a_rebuild_and_an_older_export_that_comes_late_say_the_same(
    home: Path, declared: Registry, parsed: Path, tmp_path: Path
) -> None:
    _night(home, declared, {"ratings_20260401.csv": SECOND})
    _built(home, declared)
    with BUILDS.in_place():
        report = rebuild(
            Settings(home),
            declared,
            worker=group.HereWorker(Settings(home), registry=declared),
            now=group.NOW,
        )
    assert report.is_in_force
    assert report.is_equal, report
    assert report.is_compared
    assert report.content_digest == _digest(home)
    late = tmp_path / "late"
    give(parsed, Settings(late).dbt_target)
    _night(late, declared, {"ratings_20260401.csv": SECOND})
    _built(late, declared)
    _night(late, declared, {"visits_1.csv": VISITS, "ratings_20260301.csv": FIRST})
    _built(late, declared)
    assert _ask(late, STANDING) == _ask(home, STANDING)
    assert _digest(late) == _digest(home)
    # The digest looks at the ratings.
    with duckdb.connect(str(late / "warehouse.duckdb")) as con:
        con.execute("update intermediate.int_ratings_resolved set helpfulness = 4")
    assert _digest(late) != _digest(home)


def test_a_client_who_withdrew_is_gone_and_stays_away(home: Path, declared: Registry) -> None:
    settings = Settings(home)
    found = withdraw(settings, "alder", "P2", group.NOW.date())
    # Set aside: rows 8 to 11.
    assert found.removed == {
        "raw.sessions": 1,
        "raw.process_ratings": 1,
        "quality.quarantine": 4,
    }
    clients = "select count(distinct client_key) from raw.process_ratings"
    assert _ask(home, clients) == [(1,)]
    assert _ask(
        home,
        "select n_rows, reason from quality.removed_rows where table_name = 'raw.process_ratings'",
    ) == [(1, "withdrawn")]
    night = group.night_in(home, declared)
    night.prepare()
    group.send(night, "alder", "ratings_20260401.csv", SECOND)
    ((outcome,),) = group.run(night).values()
    night.close()
    assert outcome.exclusions == {"withdrawn": 1}
    assert _ask(home, clients) == [(1,)]
    _built(home, declared)
    assert _ask(home, "select count(distinct client_key) from marts.fct_process_ratings") == [(1,)]


def test_the_last_rating_gone_takes_its_tables_with_it(home: Path, declared: Registry) -> None:
    _built(home, declared)
    for client in ("P1", "P2"):
        withdraw(Settings(home), "alder", client, group.NOW.date())
    assert not _night(home, declared, {})
    assert not {name for name in _built(home, declared) if "rating" in name}
    assert _ask(
        home, "select count(*) from duckdb_tables() where table_name ~ 'ratings_resolved'"
    ) == [(0,)]


def test_rows_past_their_term_go(home: Path, declared: Registry) -> None:
    assert keep_terms(Settings(home), declared, group.NOW.date()) == ()
    (line,) = keep_terms(Settings(home), declared, group.NOW.date() + timedelta(days=901))
    assert "alder" in line
    assert _ask(home, "select count(*) from raw.process_ratings") == [(0,)]


def test_a_rating_is_known_again_under_another_key(home: Path, declared: Registry) -> None:
    before = _ask(home, "select rating_key::varchar, client_key::varchar from raw.process_ratings")
    settings = Settings(home)
    rotate(settings, "alder", datetime(2026, 10, 2, 8))
    after = _ask(home, "select rating_key::varchar, client_key::varchar from raw.process_ratings")
    assert not {key for row in before for key in row} & {key for row in after for key in row}
    _night(home, declared, {"ratings_20260401.csv": SECOND})
    assert _ask(
        home,
        "select n_versions, count(*) from (select count(*) as n_versions "
        "from raw.process_ratings group by rating_key) group by all order by all",
    ) == [(1, 6), (2, 1)]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        # In a column that is mapped, in one that is thrown away, and one nobody knows of.
        ("P1;V1;C;seg;0;anna@example.org;-;03.02.2026;x", "identifier_found"),
        ("P1;V1;C;seg;0;2;-;03.02.2026;call +1 212 555 0187", "identifier_found"),
        ("P1;V1;C;seg;0;2;123-45-6789;03.02.2026;x", "identifier_found"),
    ],
)
def test_the_gate_looks_at_every_column(
    home: Path, declared: Registry, cells: str, reason: str
) -> None:
    (outcome,) = _night(home, declared, {"ratings_20260501.csv": f"{HEADER}{cells}\n"})
    assert (outcome.state, outcome.reason) == ("refused", reason)
    assert _ask(home, "select count(*) from raw.process_ratings") == [(6,)]


def test_what_was_said_has_no_place(home: Path, declared: Registry) -> None:
    text = HEADER.replace("room", "transcript") + "P1;V1;C;seg;0;2;-;03.02.2026;he sighs\n"
    (outcome,) = _night(home, declared, {"ratings_20260501.csv": text})
    assert (outcome.state, outcome.reason) == ("refused", "wrong_columns")


@pytest.mark.parametrize("scope", ["snapshot", "period"])
def test_a_newer_whole_list_takes_out_what_it_does_not_hold(
    scope: str, tmp_path: Path, parsed: Path
) -> None:
    more = f"delivery_scope: {scope}\n        shrinkage: {{tolerated_share: 1}}"
    terms = RATINGS.replace("discard: [room]", f"discard: [room]\n        {more}")
    declared = _declared(tmp_path, terms)
    home = tmp_path / "home"
    give(parsed, Settings(home).dbt_target)
    _night(home, declared, {"visits_1.csv": VISITS, "ratings_20260301.csv": FIRST})
    # Of 3 and 4 February: one of the four ratings is left, another is new.
    kept = "P1;V1;C;seg;0;2;-;03.02.2026;x\nP1;V1;T;seg;0;1;-;04.02.2026;x\n"
    _night(home, declared, {"ratings_20260401.csv": HEADER + kept})
    _built(home, declared)
    newer = [
        ("segment", "client", 0, 2, None, "alder_hill"),
        ("segment", "therapist", 0, 1, None, "alder_hill"),
    ]
    others = [
        ("rupture", "client", None, None, None, "alder_hill"),
        # Without a day, so on the first day of its file.
    ]
    assert _ask(home, STANDING) == ([] if scope == "snapshot" else others) + newer


def test_it_is_owed_only_by_who_declares_it(home: Path, declared: Registry) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        rows = next_deadlines(con, declared, datetime(2026, 10, 1, 8, tzinfo=UTC))
    assert [(row["practice_id"], row["feed"]) for row in rows] == [
        ("alder", "sessions"),
        ("alder", "process_ratings"),
        ("birch", "sessions"),
    ]
    assert feeds_with_assets(declared)[-1] == "process_ratings"


def test_no_sample_practice_sends_it_and_nothing_is_made_for_it() -> None:
    shipped = load_registry()
    assert shipped.practices
    assert feeds_with_assets(shipped) == ("episodes", "sessions", "administrations")


def test_a_home_from_before_the_feed_is_read_and_brought_up(home: Path, declared: Registry) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        con.execute("drop table raw.process_ratings")
    former = find_former(Settings(home), home)
    assert former.ledger_from == "ledger"
    assert former.old_file is not None
    _night(home, declared, {"ratings_20260401.csv": SECOND})
    assert _ask(home, "select count(*) from raw.process_ratings") == [(2,)]
