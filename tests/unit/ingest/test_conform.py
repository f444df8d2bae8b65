"""Contract -> canonical rows, through the engine: what each layout makes of a small file."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.practice import Practice
from expectations.registry import load_registry
from orchestration.ingest.cells import INVALID_ID
from orchestration.ingest.conform import conform
from orchestration.ingest.conformed import Conformed, Terms
from orchestration.ingest.pseudonyms import PracticeKey, install
from orchestration.ingest.readers.delimited import read_header, text_relation
from tests.unit.ingest import declarations

KEY = PracticeKey("brook", bytes(range(32)))
FEEDS = load_registry().feeds


def _conformed(
    tmp_path: Path, practice: Practice, text: str
) -> tuple[duckdb.DuckDBPyConnection, Conformed]:
    spec = practice.contracts[0].files[0]
    mapping = spec.mappings[0]
    path = tmp_path / "export.csv"
    path.write_text(text)
    source = text_relation(path, read_header(path, spec.dialect), spec.dialect)
    terms = Terms(
        practice_id=practice.practice_id,
        sites=tuple(site.site_id for site in practice.sites),
        feed=FEEDS[mapping.feed],
        instruments={("short_form", "1"): declarations.INSTRUMENT},
        source=source.sql,
    )
    conformed = conform(spec, mapping, terms)
    con = duckdb.connect()
    install(con, KEY)
    for statement in (*conformed.before, *(part.sql for part in conformed.parts)):
        con.execute(statement)
    return con, conformed


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def test_wide_forms(tmp_path: Path) -> None:
    con, conformed = _conformed(
        tmp_path,
        declarations.practice(declarations.WIDE_FILE),
        "client;visit;day;state;c;b;a;batch\n"
        "P1;V1;03.02.2026;done;2;1;0;x\n"  # columns reordered, 0-based: shifted by one
        "P1;V2;04.02.2026;done;;-99;1,5;x\n"
        "P2;V3;31.02.2026;odd;word;9;1;x\n"  # unreadable date, unknown status, word for number
        "P2;V4;05.02.2026;preview;1;1;1;x\n"
        "P3;V5;06.02.2026;no;;;;x\n",  # declined: a blank form of its own stays
    )
    rows = _rows(
        con,
        "select row_no, excluded, status, completed_on::varchar, item_01, item_02, item_03 "
        "from forms_01 order by row_no",
    )
    inf = float("inf")
    assert rows == [
        (1, None, "completed", "2026-02-03", 1.0, 2.0, 3.0),
        (2, None, "completed", "2026-02-04", 2.5, None, None),
        (3, None, "\x01invalid", "infinity", 2.0, 10.0, inf),
        (5, None, "declined", "2026-02-06", None, None, None),
    ]
    assert _rows(con, "select row_no, excluded from rows_excluded") == [(4, "preview_row")]
    assert conformed.readings == 1
    ((key,),) = _rows(con, "select client_id from forms_01 where row_no = 1")
    assert key == KEY.pseudonym("P1")


def test_a_blank_questionnaire_in_a_shared_row_is_no_form(tmp_path: Path) -> None:
    wide = declarations.WIDE_FILE
    mapping = dict(wide["mappings"][0])
    block = mapping["forms"][0]
    mapping["forms"] = [
        {**block, "items": {1: "a"}},
        {**block, "informant": "therapist", "items": {1: "b"}},
    ]
    con, conformed = _conformed(
        tmp_path,
        declarations.practice({**wide, "mappings": [mapping]}),
        "client;visit;day;state;a;b;batch\nP1;V1;03.02.2026;done;1;;x\n",
    )
    assert conformed.readings == 2
    assert _rows(con, "select count(*) from forms_01") == [(1,)]
    assert _rows(con, "select count(*) from forms_02") == [(0,)]
    assert _rows(con, "select excluded from rows_excluded") == [("blank_form",)]


def test_long_forms(tmp_path: Path) -> None:
    con, conformed = _conformed(
        tmp_path,
        declarations.practice(declarations.LONG_FILE),
        "client,visit,day,measure,item,answer\n"
        "P1,V1,2026-02-03,SF,Q1,4\n"
        "P2,V2,2026-02-04,SF,Q2,5\n"
        "P1,V1,2026-02-03,SF,Q3,2\n"
        "P1,V1,2026-02-03,SF,Q02,3\n"  # zero-padded number, rows of a form apart
        "P3,V3,2026-02-05,XX,Q1,1\n"  # an unknown questionnaire
        "P4,V4,2026-02-05,SF,Q9,1\n"  # an unknown item
        "P5,V5,2026-02-05,SF,Q1,1\n"
        "P5,V5,2026-02-05,SF,Q1,2\n"  # an item twice
        "P6,V6,2026-02-05,SF,Q1,1\n"
        "P6,V6,2026-02-06,SF,Q2,2\n",  # rows of one form that contradict each other
    )
    rows = _rows(
        con,
        "select row_no, n_source_rows, status, n_stray_items, item_01, item_02, item_03 "
        "from forms_01 order by row_no",
    )
    assert rows[:2] == [
        (1, 3, "completed", 0.0, 4.0, 3.0, 2.0),
        (2, 1, "partial", 0.0, None, 5.0, None),
    ]
    assert [row[3] for row in rows[2:]] == [1.0, 1.0, 1.0]
    assert _rows(con, "select row_no, n_source_rows from forms_unknown") == [(5, 1)]
    total = 0
    for part in conformed.parts:
        ((rows_in,),) = _rows(con, f"select coalesce(sum(n_source_rows), 0) from {part.table}")
        total += rows_in
    assert total == 10


@pytest.mark.parametrize(
    ("age", "band"),
    [
        ("0.5", "0_5"),
        ("5.5", "0_5"),
        ("6", "6_10"),
        ("17.9", "13_17"),
        ("18.0", "18_29"),
        ("89.9", "80_89"),
        ("90", "90_plus"),
        ("", None),
        ("-0.1", "\x01invalid"),
        ("131", "\x01invalid"),
        ("old", "\x01invalid"),
    ],
)
def test_an_age_band_holds_completed_years(tmp_path: Path, age: str, band: str | None) -> None:
    con, _ = _conformed(
        tmp_path,
        declarations.practice(declarations.EPISODES_FILE),
        f"episode,client,place,start,state,age\nE1,P1,N,2026-01-05,open,{age}\n",
    )
    assert _rows(con, "select age_band_at_intake from episodes") == [(band,)]


def test_distinct_tables(tmp_path: Path) -> None:
    con, _ = _conformed(
        tmp_path,
        declarations.practice(declarations.EPISODES_FILE),
        "episode,client,place,start,state,age\n"
        "E1,P1,N,2026-01-05,open,17\n"
        "E1,P1,N,2026-01-05,open,17\n"
        "E2,P2,W,2026-01-06,open,90\n"
        "E3,name,S,2026-01-06,open,-1\n",
    )
    rows = _rows(
        con,
        f"select row_no, excluded, site_id, age_band_at_intake, client_id = {INVALID_ID} "
        "from episodes order by row_no",
    )
    assert rows == [
        (1, None, "north", "13_17", False),
        (2, "repeated_row", "north", "13_17", False),
        (3, None, "\x01invalid", "90_plus", False),
        (4, None, "south", "\x01invalid", True),  # an id without a digit may be a name
    ]


@pytest.mark.parametrize("word", ["1_0", "nan", "inf", "1.5.2", "1 2", "0x1", "3.5"])
def test_what_is_no_number_is_not_read_as_one(tmp_path: Path, word: str) -> None:
    con, _ = _conformed(
        tmp_path,
        declarations.practice(declarations.WIDE_FILE),
        f"client;visit;day;state;a;b;c;batch\nP1;V1;03.02.2026;done;{word};1;1;x\n",
    )
    assert _rows(con, "select item_01 from forms_01") == [(float("inf"),)]


def test_the_engines_pseudonym_is_the_reference_implementations(tmp_path: Path) -> None:
    con = duckdb.connect()
    install(con, KEY)
    assert _rows(con, "select pseudonym('P-1é')") == [(KEY.pseudonym("P-1é"),)]


def test_a_form_has_rows_and_columns_of_its_own_and_every_row_is_counted(tmp_path: Path) -> None:
    wide = declarations.WIDE_FILE
    mapping = wide["mappings"][0]
    columns = {name: source for name, source in mapping["columns"].items() if name == "client_id"}
    (form,) = mapping["forms"]
    first = {
        **form,
        "only": [{"column": "batch", "words": ["x"], "reason": "other_batch"}],
        "columns": {
            "status": {"from": "state", "recode": {"done": "completed", "begun": "partial"}},
            "completed_on": {"from": "day"},
        },
    }
    second = {**form, "informant": "therapist", "columns": {"status": {"constant": "completed"}}}
    only = [{"column": "batch", "words": ["x", "y", ""], "reason": "other_wave"}]
    mapping = {**mapping, "columns": columns, "only": only, "forms": [first, second]}
    con, conformed = _conformed(
        tmp_path,
        declarations.practice({**wide, "mappings": [mapping], "discard": ["visit"]}),
        "client;visit;day;state;a;b;c;batch\n"
        "P1;V1;03.02.2026;done;1;2;3;x\n"
        "P1;V2;04.02.2026;begun;;;;x\n"  # `partial` without an answer: nobody began it
        "P1;V3;05.02.2026;no;;;;x\n"  # a word that is not ours: kept, for its check to see
        "P1;V4;06.02.2026;done;1;1;1;y\n"
        "P1;V5;07.02.2026;preview;1;1;1;x\n"
        "P1;V6;08.02.2026;done;1;1;1;z\n"
        "P1;V7;09.02.2026;done;1;1;1;\n",
    )
    said = "select row_no, status, completed_on::varchar from"
    assert _rows(con, f"{said} forms_01 order by 1") == [
        (1, "completed", "2026-02-03"),
        (3, "\x01invalid", "2026-02-05"),
    ]
    assert _rows(con, f"{said} forms_02 order by 1") == [
        (1, "completed", None),
        (4, "completed", None),
        (7, "completed", None),
    ]
    assert _rows(con, "select excluded, count(*) from rows_excluded group by 1 order by 1") == [
        ("blank_form", 3),
        ("other_batch", 2),
        ("other_wave", 2),
        ("preview_row", 2),
    ]
    n_forms = sum(
        _rows(con, f"select count(*) from {part.table}")[0][0] for part in conformed.parts
    )
    assert n_forms == 7 * conformed.readings


SHARED_FILE: dict[str, Any] = {
    "file": "visits",
    "pattern": "visits_*.csv",
    "id_namespaces": {"couple": "couple"},
    "mappings": [
        {
            "feed": "sessions",
            "layout": "table",
            "columns": {
                "session_id": {"from": "visit"},
                "client_id": {"from": "client"},
                "unit_id": {"from": "couple"},
                "site_id": {"constant": "north"},
                "scheduled_on": {"from": "day"},
                "attendance": {"constant": "attended"},
            },
        }
    ],
}
VISITS = (
    "visit,client,couple,day\n"
    "V1,7,,2026-01-05\n"
    "V2,7,7,2026-01-06\n"
    "V3,,7,2026-01-07\n"  # a couple counts like a client and is another
    "V4,,,2026-01-08\n"
)


def test_a_unit_stands_in_where_a_row_names_no_client(tmp_path: Path) -> None:
    con, conformed = _conformed(tmp_path, declarations.practice(SHARED_FILE), VISITS)
    client, couple = KEY.pseudonym("7"), KEY.pseudonym("couple:7")
    assert _rows(con, "select client_id, unit_id from sessions order by row_no") == [
        (client, None),
        (client, couple),
        (couple, couple),
        (None, None),
    ]
    # Nobody at all is still for the check to find.
    assert "client_id" in conformed.parts[0].mapped


@pytest.mark.parametrize("namespaces", [{}, {"client": "couple", "couple": "couple"}])
def test_ids_that_may_be_a_clients_stand_in_for_none(
    tmp_path: Path, namespaces: dict[str, str]
) -> None:
    file = {**SHARED_FILE, "id_namespaces": namespaces}
    con, _ = _conformed(tmp_path, declarations.practice(file), VISITS)
    rows = _rows(con, "select client_id is null, unit_id is null from sessions order by row_no")
    assert rows == [(False, True), (False, False), (True, False), (True, True)]
