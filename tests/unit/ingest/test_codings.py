"""What a contract says of answers, times and ids beside their columns, through the engine."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.instrument import Instrument
from expectations.registry import load_registry
from orchestration.ingest.conform import conform
from orchestration.ingest.conformed import Terms
from orchestration.ingest.pseudonyms import PracticeKey, install
from orchestration.ingest.readers.delimited import read_header, text_relation
from tests.unit.ingest import declarations

KEY = PracticeKey("brook", bytes(range(32)))
FEEDS = load_registry().feeds
WIDE = "client;visit;day;state;a;b;c;batch\n"
LONG = "client,visit,day,measure,item,answer\n"


def _forms(
    tmp_path: Path,
    file: dict[str, Any],
    text: str,
    instrument: Instrument = declarations.INSTRUMENT,
    columns: str = "item_01, item_02, item_03",
) -> list[tuple[Any, ...]]:
    practice = declarations.practice(file)
    spec = practice.contracts[0].files[0]
    path = tmp_path / "export.csv"
    path.write_text(text, encoding="utf-8")
    source = text_relation(path, read_header(path, spec.dialect), spec.dialect)
    terms = Terms(
        practice_id=practice.practice_id,
        sites=("north", "south"),
        feed=FEEDS["administrations"],
        instruments={("short_form", "1"): instrument},
        source=source.sql,
    )
    conformed = conform(spec, spec.mappings[0], terms)
    con = duckdb.connect()
    install(con, KEY)
    for statement in (*conformed.before, *(part.sql for part in conformed.parts)):
        con.execute(statement)
    return con.execute(f"select {columns} from forms_01 order by row_no").fetchall()


def _wide(
    mapping: dict[str, Any] | None = None, block: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    base = declarations.WIDE_FILE["mappings"][0]
    form = {**base["forms"][0], "shift": 0, **(block or {})}
    return {
        **declarations.WIDE_FILE,
        "mappings": [{**base, **(mapping or {}), "forms": [form]}],
        **more,
    }


def _long(**identity: Any) -> dict[str, Any]:
    base = declarations.LONG_FILE["mappings"][0]
    of = {**base["long"]["identity"]["SF"], **identity}
    return {
        **declarations.LONG_FILE,
        "mappings": [{**base, "long": {**base["long"], "identity": {"SF": of}}}],
    }


def test_a_position_becomes_the_value_printed_there(tmp_path: Path) -> None:
    """Response points 0, 2, 4, 6, 8: the third is 4, and the tenth is none of them."""
    printed = declarations.INSTRUMENT.model_copy(
        update={"item_minimum": 0, "item_maximum": 8, "item_step": 2}
    )
    text = WIDE + "P1;V1;03.02.2026;done;1;3;5;x\nP1;V2;03.02.2026;done;10;2,5;;x\n"
    rows = _forms(tmp_path, _wide(block={"item_coding": "position"}), text, printed)
    assert rows == [(0.0, 4.0, 8.0), (18.0, 3.0, None)]
    assert not printed.is_admissible(18.0)
    assert not printed.is_admissible(3.0)
    from_nought = _wide(block={"item_coding": "position", "shift": 1})
    assert _forms(tmp_path, from_nought, text, printed)[0] == (2.0, 6.0, 10.0)


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_what_was_turned_round_is_turned_back(tmp_path: Path, layout: str) -> None:
    """Item 2 of 1 to 5 is reversed: an exported 5 was answered 1. Out of range stays out of it."""
    if layout == "wide":
        text = WIDE + "P1;V1;03.02.2026;done;5;5;5;x\nP1;V2;03.02.2026;done;1;9;word;x\n"
        rows = _forms(tmp_path, _wide(block={"already_reversed": True}), text)
    else:
        one = "".join(f"P1,V1,2026-02-03,SF,Q{n},5\n" for n in (1, 2, 3))
        two = "P1,V2,2026-02-03,SF,Q1,1\nP1,V2,2026-02-03,SF,Q2,9\nP1,V2,2026-02-03,SF,Q3,word\n"
        rows = _forms(tmp_path, _long(already_reversed=True), LONG + one + two)
    assert rows == [(5.0, 1.0, 5.0), (1.0, -3.0, float("inf"))]


@pytest.mark.parametrize(
    ("cell", "pattern", "times", "day"),
    [
        ("2026-02-04 03:30:00", "%Y-%m-%d %H:%M:%S", {"days_in": "America/Chicago"}, "2026-02-03"),
        ("2026-02-04 03:30:00", "%Y-%m-%d %H:%M:%S", None, "2026-02-04"),
        (
            "2026-02-03 23:30:00",
            "%Y-%m-%d %H:%M:%S",
            {"written_in": "America/Chicago", "days_in": "Europe/Berlin"},
            "2026-02-04",
        ),
        (
            "2026-02-04T01:30:00+02:00",
            "%Y-%m-%dT%H:%M:%S%z",
            {"days_in": "Europe/London"},
            "2026-02-03",
        ),
        ("2026-02-04T23:30:00Z", "%Y-%m-%dT%H:%M:%S%z", {"days_in": "Europe/Berlin"}, "2026-02-05"),
        ("2026-02-30 03:30:00", "%Y-%m-%d %H:%M:%S", {"days_in": "Europe/Berlin"}, "infinity"),
        ("2026-02-04", "%Y-%m-%d", {"days_in": "America/Chicago"}, "2026-02-04"),
    ],
)
def test_the_day_of_a_time_is_the_practices(
    tmp_path: Path, cell: str, pattern: str, times: dict[str, str] | None, day: str
) -> None:
    file = _wide({"date_format": pattern}, **({"times": times} if times else {}))
    text = WIDE + f"P1;V1;{cell};done;1;2;3;x\n"
    assert _forms(tmp_path, file, text, columns="completed_on::varchar") == [(day,)]


def test_a_namespace_keeps_the_same_number_of_two_systems_apart(tmp_path: Path) -> None:
    text = WIDE + "P17;P17;03.02.2026;done;1;2;3;x\nname;V2;03.02.2026;done;1;2;3;x\n"
    file = _wide(id_namespaces={"client": "survey"})
    ((client, session), (unfit, _)) = _forms(tmp_path, file, text, columns="client_id, session_id")
    assert client == KEY.pseudonym("survey:P17")
    assert session == KEY.pseudonym("P17")
    assert str(unfit) == "ffffffff-ffff-ffff-ffff-ffffffffffff"  # a name has no digit
