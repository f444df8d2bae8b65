"""Deliveries as wholes: held when they shrink, held against a list, dated, sent again, mended."""

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from expectations.model import FeedName
from orchestration.cli.main import app
from orchestration.ingest.held import Size, comparable, is_shrunken
from orchestration.ingest.outcome import Outcome
from orchestration.night import Night
from orchestration.release.contents import query
from orchestration.retention import keep_terms
from tests.integration import small_group
from tests.unit.ingest import declarations

HEADER = small_group.HEADER
FORMS: dict[str, Any] = declarations.WIDE_FILE
SNAPSHOT = {**FORMS, "delivery_scope": "snapshot"}
FEED: tuple[str, FeedName] = ("brook", "administrations")


def forms(n_rows: int, answer: int = 1) -> str:
    """A form a client, all on one day."""
    lines = [f"P{n};V{n};03.02.2026;done;{answer};2;3;x" for n in range(1, n_rows + 1)]
    return "\n".join([HEADER, *lines, ""])


def opened(home: Path, spec: dict[str, Any] = FORMS, **contract: Any) -> Night:
    practice = declarations.practice(spec, declarations.EPISODES_FILE, **contract)
    return small_group.night_in(home, small_group.registry(practice))


def one(night: Night, name: str, content: str) -> Outcome:
    small_group.send(night, "brook", name, content)
    outcomes = small_group.run(night).get(FEED, [])
    night.clear_landing()
    assert len(outcomes) == 1, "one file was new"
    return outcomes[0]


def rows(night: Night, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    with night.warehouse.connect() as con:
        return con.execute(sql, list(values)).fetchall()


LEDGER = "select state, reason, exported_on::varchar from raw.deliveries order by load_seq"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, Outcome]:
    night = opened(tmp_path_factory.mktemp("held") / "home", SNAPSHOT)
    for day in ("01", "02", "03"):
        assert one(night, f"forms_202609{day}.csv", forms(10, int(day))).is_loadable
    outcome = one(night, "forms_20260904.csv", forms(6))
    night.close()
    return night, outcome


@pytest.fixture
def shrunken(held: tuple[Night, Outcome], tmp_path: Path) -> tuple[Night, Outcome]:
    """That home once more, for one test."""
    return small_group.copied(held[0], tmp_path / "home"), held[1]


def test_a_shrunken_delivery_is_held_and_nothing_of_it_is_loaded(
    shrunken: tuple[Night, Outcome],
) -> None:
    night, outcome = shrunken
    assert (outcome.state, outcome.reason) == ("held", "shrunken")
    assert "6 rows, 40 % fewer than the 10" in str(outcome.message)
    assert rows(night, LEDGER)[-1] == ("held", "shrunken", "2026-09-04")
    assert [path.name for path in night.settings.landing.rglob("*.csv")] == ["forms_20260904.csv"]
    assert rows(night, "select count(*) from raw.administrations where load_seq = 4") == [(0,)]
    # Held files hold nobody else up, and are named every night.
    landing = night.landing()
    assert [entry.state for _, entry in landing.waiting] == ["held"]
    small_group.send(night, "brook", "episodes_1.csv", small_group.EPISODES)
    assert small_group.run(night)[("brook", "episodes")][0].is_loadable


def _command(night: Night, *arguments: str) -> tuple[int, str]:
    home = ["--home", str(night.settings.home)]
    done = CliRunner().invoke(app, ["deliveries", *arguments, *home])
    return done.exit_code, done.output


def test_a_person_lets_a_held_delivery_in(shrunken: tuple[Night, Outcome]) -> None:
    night, outcome = shrunken
    assert _command(night, "release", "nobody.sessions")[0] == 2
    code, said = _command(night, "release", outcome.delivery_id[:-4], "--by", "Ann", "--json")
    assert code == 0, said
    assert rows(night, "select delivery_id, decision, decided_by from raw.decisions") == [
        (outcome.delivery_id, "release", "Ann")
    ]
    (loaded,) = small_group.run(night)[FEED]
    assert loaded.is_loadable
    assert [row[0] for row in rows(night, LEDGER)] == [*["loaded"] * 3, "held", "loaded"]
    assert _command(night, "release", outcome.delivery_id)[0] == 2, "it is held no more"


def test_a_delivery_let_in_can_still_be_turned_away(shrunken: tuple[Night, Outcome]) -> None:
    night, outcome = shrunken
    assert _command(night, "release", outcome.delivery_id)[0] == 0
    assert _command(night, "refuse", outcome.delivery_id)[0] == 0
    assert not small_group.run(night), "the newest word counts"
    assert _command(night, "release", outcome.delivery_id)[0] == 2


def test_a_person_turns_a_held_delivery_away_for_good(shrunken: tuple[Night, Outcome]) -> None:
    night, outcome = shrunken
    assert _command(night, "refuse", outcome.delivery_id, "--by", "Ann")[0] == 0
    night.clear_landing()
    assert not list(night.settings.landing.rglob("*.csv"))
    assert rows(night, LEDGER)[-1] == ("refused", "refused_by_a_person", "2026-09-04")
    small_group.send(night, "brook", "forms_20260905.csv", forms(6))
    assert not small_group.run(night), "the same bytes are turned away again"
    night.clear_landing()
    assert not list(night.settings.landing.rglob("*.csv"))


def test_rows_that_the_newest_snapshot_holds_are_not_past_their_term(tmp_path: Path) -> None:
    night = opened(tmp_path / "home", SNAPSHOT)
    assert one(night, "forms_20260901.csv", forms(4)).is_loadable
    first_on, night.now = night.today, night.now + timedelta(days=40)
    assert one(night, "forms_20261101.csv", forms(3)).is_loadable
    terms = {"retention": {"archive_days": 9000, "raw_days": 30}}
    declared = opened(tmp_path / "other", SNAPSHOT, **terms).registry
    stored = (
        "select (select count(*) from raw.administrations), (select count(*) from raw.answers), "
        "(select count(*) from raw.snapshot_rows_standing)"
    )
    ((_, n_answers, _),) = rows(night, stored)
    (line,) = keep_terms(night.settings, declared, first_on + timedelta(days=40))
    assert "1 deliveries" in line
    assert rows(night, stored) == [(3, n_answers * 3 // 4, 3)]
    assert keep_terms(night.settings, declared, first_on + timedelta(days=40)) == ()
    (line,) = keep_terms(night.settings, declared, night.today + timedelta(days=31))
    assert rows(night, stored) == [(0, 0, 3)]


def test_what_a_delivery_is_held_against() -> None:
    terms = declarations.practice(FORMS).contracts[0].files[0].shrinkage
    assert is_shrunken(70, 100, "snapshot", terms)
    assert not is_shrunken(71, 100, "snapshot", terms)
    assert is_shrunken(6, 10, "snapshot", terms)
    # Ten events a day vary by three: six are no news, three are.
    assert not is_shrunken(6, 10, "append", terms)
    assert is_shrunken(3, 10, "append", terms)
    friday, saturday = date(2026, 9, 4), date(2026, 9, 5)

    def days(last: date, n_days: int, n_rows: int = 9) -> Size:
        return Size(n_rows, last - timedelta(days=n_days - 1), last)

    history = days(friday, 400, 9000)
    week = [days(friday - timedelta(days=back), 1) for back in range(4)]
    # Years at once are no measure for a day; a weekday is one until there is a Saturday.
    assert comparable(days(saturday, 1), [*week, history], "append") == week
    before = days(saturday - timedelta(weeks=1), 1, 2)
    assert comparable(days(saturday, 1), [*week, before, history], "append") == [before]
    assert comparable(days(saturday, 1), [history], "append") == []
    assert comparable(days(saturday, 1), [history], "snapshot") == [history]


def test_a_file_of_events_is_held_against_three_forerunners_not_against_one(tmp_path: Path) -> None:
    night = opened(tmp_path / "home")
    states = [
        one(night, f"forms_202609{day:02d}.csv", forms(n_rows, answer)).state
        for day, (n_rows, answer) in enumerate([(40, 1), (6, 1), (40, 2), (40, 3), (6, 2)], start=1)
    ]
    assert states == ["loaded", "loaded", "loaded", "loaded", "held"]


def test_an_export_date_to_come_is_refused_until_then(tmp_path: Path) -> None:
    night = opened(tmp_path / "home")
    assert night.today == date(2026, 10, 1)
    assert one(night, "forms_20261003.csv", forms(3)).reason == "export_date_ahead"
    night.now += timedelta(days=1)
    (outcome,) = small_group.run(night)[FEED]
    assert outcome.is_loadable, "a clock may be a day ahead"


COLUMN = {**FORMS, "exported_at": {"column": "batch", "date_format": "%Y%m%d"}, "discard": []}


def test_the_exports_date_stands_in_a_column(tmp_path: Path) -> None:
    night = opened(tmp_path / "home", COLUMN)
    whole = forms(3).replace(";x\n", ";20260903\n")
    assert one(night, "forms_1.csv", whole).is_loadable
    assert rows(night, LEDGER) == [("loaded", None, "2026-09-03")]
    stored = rows(night, "select distinct exported_on::varchar from raw.administrations")
    assert stored == [("2026-09-03",)]
    two_days = whole.replace("20260903", "20260904", 1)
    refused = one(night, "forms_2.csv", two_days)
    assert refused.reason == "no_export_date"
    assert "2026090" not in str(refused.message)
    ahead = one(night, "forms_3.csv", whole.replace("20260903", "20261103"))
    assert ahead.reason == "export_date_ahead"
    waiting = {arrival.path.name for arrival, _ in night.landing().waiting}
    assert waiting == {"forms_2.csv", "forms_3.csv"}


def _listed(*files: tuple[str, str, int]) -> str:
    lines = [
        f"{name},{hashlib.sha256(content.encode()).hexdigest()},{n},2026-09-0{place}"
        for place, (name, content, n) in enumerate(files, start=1)
    ]
    return "\n".join(["file,sha256,rows,exported_at", *lines, ""])


LIST = {"pattern": "list_*.csv", "required": True}
BY_LIST = {**FORMS, "exported_at": {"manifest": True}}


def test_files_are_held_against_their_list(tmp_path: Path) -> None:
    night = opened(tmp_path / "home", BY_LIST, manifest=LIST)
    first, changed, short = forms(3), forms(4), forms(5)
    assert one(night, "forms_a.csv", first).reason == "not_in_manifest"
    text = _listed(
        ("forms_a.csv", first, 3),
        ("forms_b.csv", "other bytes", 4),
        ("forms_c.csv", short, 6),
        ("forms_d.csv", "not sent", 1),
    )
    small_group.send(night, "brook", "list_1.csv", text)
    small_group.send(night, "brook", "forms_b.csv", changed)
    small_group.send(night, "brook", "forms_c.csv", short)
    outcomes = {outcome.reason for outcome in small_group.run(night)[FEED]}
    assert outcomes == {None, "manifest_hash", "manifest_rows"}
    assert ("loaded", None, "2026-09-01") in rows(night, LEDGER)
    (problem,) = night.lists()
    assert problem == (
        "practice brook: list_1.csv names forms_d.csv, which did not come; have it sent, or "
        "remove the list"
    )
    # A list of the same files as they are, and the missing one: all is well, and the lists go.
    last = forms(2)
    files = (("forms_a.csv", first, 3), ("forms_b.csv", changed, 4), ("forms_c.csv", short, 5))
    text = _listed(*files, ("forms_d.csv", last, 2))
    small_group.send(night, "brook", "list_1.csv", text)
    small_group.send(night, "brook", "forms_d.csv", last)
    assert [outcome.reason for outcome in small_group.run(night)[FEED]] == [None] * 3
    night.clear_landing()
    assert night.lists() == []
    assert not list(night.settings.landing.rglob("*.csv"))


@pytest.mark.parametrize(
    "text",
    [
        "file,sha256\nforms_a.csv,123\n",
        "file,hash\nforms_a.csv,123\n",
        "file,sha256,rows\n../forms_a.csv," + "0" * 64 + ",1\n",
        "file,sha256,rows\nforms_a.csv," + "0" * 64 + ",a\n",
        "file,sha256,exported_at\nforms_a.csv," + "0" * 64 + ",yesterday\n",
    ],
)
def test_a_list_that_cannot_be_read_keeps_its_files_out(tmp_path: Path, text: str) -> None:
    night = opened(tmp_path / "home", manifest=LIST)
    small_group.send(night, "brook", "list_1.csv", text)
    assert one(night, "forms_20260901.csv", forms(3)).reason == "manifest_unreadable"
    (problem,) = night.lists()
    assert problem.startswith("practice brook: list_1.csv: ")
    assert "yesterday" not in problem


def test_a_yaml_list(tmp_path: Path) -> None:
    night = opened(tmp_path / "home", BY_LIST, manifest={"pattern": "*.yml", "format": "yaml"})
    sha256 = hashlib.sha256(forms(3).encode()).hexdigest()
    entry = f"{{file: forms_a.csv, sha256: {sha256}, rows: 3, exported_at: 2026-09-05}}"
    small_group.send(night, "brook", "list.yml", f"files:\n  - {entry}\n")
    assert one(night, "forms_a.csv", forms(3)).is_loadable
    assert rows(night, LEDGER) == [("loaded", None, "2026-09-05")]
    assert not list(night.settings.landing.rglob("*.yml"))


def test_a_file_sent_again_is_known_and_one_left_behind_is_no_new_arrival(tmp_path: Path) -> None:
    night = opened(tmp_path / "home")
    path = small_group.send(night, "brook", "forms_20260901.csv", forms(3))
    facts = path.stat()
    small_group.run(night)
    # As a killed run leaves it: the same name, last written at the same time.
    path.write_text(forms(3))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    night.clear_landing()
    assert rows(night, LEDGER) == [("loaded", None, "2026-09-01")]
    touched = rows(night, "select count(*) from raw.touched_clients")
    small_group.send(night, "brook", "forms_20260901.csv", forms(3))
    night.clear_landing()
    assert rows(night, LEDGER)[1:] == [("duplicate", None, "2026-09-01")]
    assert rows(night, "select count(*) from raw.touched_clients") == touched, "nothing moves"
    small_group.send(night, "brook", "forms_20260902.csv", forms(3))
    night.clear_landing()
    assert rows(night, LEDGER)[2:] == [("duplicate", None, "2026-09-02")]
    assert rows(night, "select count(*) from raw.touched_clients") == [(2 * touched[0][0],)]


OPEN = "select row_no, check_id, is_open from ({}) order by load_seq, row_no"


def test_a_corrected_file_clears_quarantine(tmp_path: Path) -> None:
    night = opened(tmp_path / "home")
    spoilt = forms(30).replace("P2;V2;03.02.2026;done;1;", "P2;V2;03.02.2026;done;77;")
    spoilt = spoilt.replace("P3;V3;03.02.2026;done;1;", "P3;V3;03.02.2026;done;88;")
    assert one(night, "forms_20260901.csv", spoilt).n_quarantined == 2
    sql = OPEN.format(query("quarantine"))
    assert {(row[0], row[2]) for row in rows(night, sql)} == {(2, True), (3, True)}
    mended = forms(30).replace("P3;V3;03.02.2026;done;1;2;3;x\n", "")
    assert one(night, "forms_20260902.csv", mended).is_loadable
    assert {(row[0], row[2]) for row in rows(night, sql)} == {(2, False), (3, True)}


def test_a_row_without_readable_ids_is_closed_by_a_person(tmp_path: Path) -> None:
    night = opened(tmp_path / "home")
    spoilt = forms(30).replace("P2;V2;03.02.2026;done;1;", ";V2;03.02.2026;done;1;")
    spoilt = spoilt.replace("P3;V3;03.02.2026;done;1;", "P3;V3;03.02.2026;done;88;")
    assert one(night, "forms_20260901.csv", spoilt).n_quarantined == 2
    sql = OPEN.format(query("quarantine"))
    # The corrected file brings both; which of its rows was the one without an id nobody can tell.
    assert one(night, "forms_20260902.csv", forms(30)).is_loadable
    assert {(row[0], row[2]) for row in rows(night, sql)} == {(2, True), (3, False)}
    night.close()
    home = ["--home", str(night.settings.home)]
    for wrong in (["brook", "--because", "mended"], ["creek", "--because", "sent_again"]):
        assert CliRunner().invoke(app, ["quarantine", "close", *wrong, *home]).exit_code == 2
    asked = ["quarantine", "close", "brook.adm", "--because", "sent_again", "--by", "desk", *home]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    (said,) = json.loads(done.stdout)["closings"]
    assert (said["n_rows"], said["closed_by"]) == (1, "desk")
    assert {(row[0], row[2]) for row in rows(night, sql)} == {(2, False), (3, False)}
    assert CliRunner().invoke(app, asked).exit_code == 2, "there is nothing left to close"
    # Rows that name their unit are not a person's to close.
    spoilt = forms(31).replace("P9;V9;03.02.2026;done;1;", "P9;V9;03.02.2026;done;88;")
    one(night, "forms_20260903.csv", spoilt)
    night.close()
    assert CliRunner().invoke(app, asked).exit_code == 2
    assert [row[2] for row in rows(night, sql)][-1] is True


def test_a_newer_snapshot_closes_the_older_ones_quarantine(tmp_path: Path) -> None:
    night = opened(tmp_path / "home", SNAPSHOT)
    spoilt = forms(30).replace("P2;V2;03.02.2026;done;1;", ";V2;03.02.2026;done;1;")
    assert one(night, "forms_20260901.csv", spoilt).n_quarantined == 1
    one(night, "forms_20260902.csv", forms(29))
    assert [row[2] for row in rows(night, OPEN.format(query("quarantine")))] == [False]
    states = rows(night, f"select state from ({query('deliveries')}) order by load_seq")
    assert states == [("superseded",), ("loaded",)]


def test_only_changed_rows_of_a_snapshot_are_stored(tmp_path: Path) -> None:
    night = opened(tmp_path / "home", SNAPSHOT)
    one(night, "forms_20260901.csv", forms(10))
    changed = forms(10).replace("P2;V2;03.02.2026;done;1;", "P2;V2;03.02.2026;done;4;")
    one(night, "forms_20260902.csv", changed)
    stored = "select n_rows_stored, n_accepted, data_through_on::varchar from raw.deliveries"
    assert rows(night, stored) == [(10, 10, "2026-02-03"), (1, 10, "2026-02-03")]
    assert rows(night, "select count(*) from raw.answers") == [(33,)]
    touched = "select load_seq, count(*) from raw.touched_clients group by 1 order by 1"
    assert rows(night, touched) == [(1, 10), (2, 1)]
