"""Rows of a file beside its readings: a night is held against what the sender counts."""

import re
from pathlib import Path
from typing import Any

import pytest

from expectations.practice import Practice
from orchestration.cli import night as night_command
from orchestration.nightly import NightReport, PracticeLine, practice_lines
from tests.integration import small_group as group
from tests.unit.ingest import declarations

WIDE = declarations.WIDE_FILE
FORMS: dict[str, Any] = WIDE["mappings"][0]
TWO_FORMS = {
    **FORMS,
    "forms": [
        form | who
        for form in FORMS["forms"]
        for who in ({"informant": "client"}, {"informant": "therapist"})
    ],
}
SESSIONS = {
    "feed": "sessions",
    "layout": "table",
    "date_format": "%d.%m.%Y",
    "columns": {
        "session_id": {"from": "visit"},
        "client_id": {"from": "client"},
        "site_id": {"constant": "north"},
        "scheduled_on": {"from": "day"},
        "attendance": {"constant": "attended"},
    },
}


def _practice(*mappings: dict[str, Any]) -> Practice:
    sent = declarations.practice({**WIDE, "mappings": list(mappings)})
    return sent.model_copy(update={"practice_id": "brook"})


def _line(tmp_path: Path, practice: Practice) -> PracticeLine:
    night = group.night_in(tmp_path, group.registry(practice))
    group.send(night, "brook", "forms_20260930.csv", group.FORMS)
    group.run(night)
    with night.warehouse.connect() as con:
        (line,) = practice_lines(con, 0, ["brook"])
    assert line.n_rows_read == line.n_accepted + line.n_quarantined + line.n_excluded
    return line


def test_a_row_with_two_questionnaires_is_one_row_and_two_readings(tmp_path: Path) -> None:
    line = _line(tmp_path, _practice(TWO_FORMS))
    assert (line.n_files, line.n_file_rows, line.n_rows_read) == (1, 5, 10)


def test_a_file_for_two_feeds_is_one_file_with_its_rows_once(tmp_path: Path) -> None:
    line = _line(tmp_path, _practice(FORMS, SESSIONS))
    assert (line.n_files, line.n_file_rows, line.n_rows_read) == (1, 5, 10)
    assert line.n_checks_passed > 0


def test_a_file_that_was_refused_has_no_count_of_rows(tmp_path: Path) -> None:
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    group.send(night, "brook", "forms_20260930.csv", group.FORMS[:-6])
    group.run(night)
    with night.warehouse.connect() as con:
        rows = con.execute("select state, n_file_rows from raw.deliveries").fetchall()
        (line,) = practice_lines(con, 0, ["brook"])
    assert rows == [("refused", None)]
    assert (line.n_files, line.n_file_rows, line.n_checks_failed) == (1, 0, 1)


def test_the_nights_table_shows_both(capsys: pytest.CaptureFixture[str]) -> None:
    line = PracticeLine("brook", n_files=1, n_file_rows=5, n_rows_read=10, n_accepted=9)
    night_command._say(NightReport(did_anything=True, practices=(line,)))
    header, shown = (
        [cell.strip() for cell in re.split("[│┃]", text)[1:-1]]
        for text in capsys.readouterr().out.splitlines()
        if "practice" in text or "brook" in text
    )
    found = dict(zip(header, shown, strict=True))
    assert (found["rows"], found["readings"], found["accepted"]) == ("5", "10", "9")


def test_a_home_from_before_the_count_of_rows_goes_on(tmp_path: Path) -> None:
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    with night.warehouse.connect() as con:
        fresh = con.execute("describe raw.deliveries").fetchall()
    group.send(night, "brook", "forms_20260930.csv", group.FORMS)
    group.run(night)
    with night.warehouse.connect() as con:
        con.execute("alter table raw.deliveries drop column n_file_rows")
    night.warehouse.prepare()
    group.send(night, "brook", "episodes_1.csv", group.EPISODES)
    group.run(night)
    with night.warehouse.connect() as con:
        assert con.execute("describe raw.deliveries").fetchall() == fresh
        assert con.execute(
            "select feed, n_file_rows, n_rows_read from raw.deliveries order by load_seq"
        ).fetchall() == [("administrations", None, 5), ("episodes", 1, 1)]
        (line,) = practice_lines(con, 0, ["brook"])
    assert (line.n_files, line.n_file_rows, line.n_rows_read) == (2, 1, 6)


def test_a_warehouse_that_is_up_to_date_is_not_written_to(tmp_path: Path) -> None:
    night = group.night_in(tmp_path, group.registry(group.practice("brook")))
    before = night.settings.warehouse.read_bytes()
    night.warehouse.prepare()
    assert night.settings.warehouse.read_bytes() == before
