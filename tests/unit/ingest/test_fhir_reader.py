"""FHIR: every form of file gives the same rows; what is not on the list is named by path only."""

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.practice import FileSpec
from orchestration.ingest.readers import fhir_source
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.readers.opened import Opened
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from tests.unit.ingest.fhir_declarations import (
    FHIR_FILE,
    LINKS,
    NESTED_STU3,
    bundle,
    coded,
    ndjson,
    response,
)

VALUES = [2, 2, 2, 2, 1, 1, 2, 0, 0]
SECRET = "Zebulon"
ALL = (
    "form_no, response_id, version_state, status, authored, subject, encounter, questionnaire, "
    "item_code, answer, ordinal"
)


def _opened(
    tmp_path: Path,
    content: str | bytes,
    con: duckdb.DuckDBPyConnection | None = None,
    **fhir: Any,
) -> tuple[duckdb.DuckDBPyConnection, Opened]:
    spec = copy.deepcopy(FHIR_FILE)
    spec["fhir"] |= fhir
    path = tmp_path / "responses_1.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    con = con or duckdb.connect()
    return con, open_file(con, path, FileSpec.model_validate(spec), Limits())


def _rows(tmp_path: Path, content: str, columns: str = ALL) -> list[tuple[Any, ...]]:
    con, opened = _opened(tmp_path, content)
    rows = con.execute(f"select {columns} from {opened.relation.sql}").fetchall()
    assert len(rows) == opened.n_rows
    return rows


def _refusal(tmp_path: Path, content: str | bytes) -> DeliveryRefused:
    with pytest.raises(DeliveryRefused) as caught:
        _opened(tmp_path, content)
    assert SECRET not in str(caught.value)
    return caught.value


def test_lines_bundle_list_and_single_resource_give_the_same_rows(tmp_path: Path) -> None:
    one, two = response("r1", VALUES), response("r2", VALUES[::-1])
    rows = _rows(tmp_path, ndjson(one, two))
    assert rows == _rows(tmp_path, bundle(one, two))
    assert rows == _rows(tmp_path, json.dumps([one, two]))
    assert rows == _rows(tmp_path, "\ufeff" + json.dumps(one) + "\r\n\r\n" + json.dumps(two))
    assert rows[:9] == _rows(tmp_path, json.dumps(one, indent=2))
    assert rows[:9] == _rows(tmp_path, json.dumps(one))
    assert rows[0] == (
        *("1", "r1", "current", "completed", "2026-02-03", "c1", "v-r1", "phq_9"),
        *("44250-9", "LA6570-1", None),
    )


def test_stu3_with_items_in_a_group_and_under_an_answer(tmp_path: Path) -> None:
    rows = _rows(tmp_path, json.dumps(NESTED_STU3))
    assert [row[8] for row in rows] == [*LINKS, "69722-7", "44261-6"]
    assert rows[0][4:] == ("2026-02-04", "c2", "v9", "phq_9", "44250-9", "LA6569-3", "1")
    assert rows[-1][-2:] == ("9", None)


def test_a_panel_names_the_questionnaire_where_nothing_else_does(tmp_path: Path) -> None:
    plain = {name: value for name, value in NESTED_STU3.items() if name != "questionnaire"}
    assert {row[7] for row in _rows(tmp_path, json.dumps(plain))} == {"phq_9"}
    other = response("r1", VALUES, questionnaire="http://example.org/other")
    assert {row[7] for row in _rows(tmp_path, json.dumps(other))} == {"undeclared"}


def test_a_response_without_answers_keeps_a_row(tmp_path: Path) -> None:
    (row,) = _rows(tmp_path, json.dumps(response("r1", VALUES, item=[])))
    assert row[:2] == ("1", "r1")
    assert row[8:] == (None, None, None)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"lastUpdated": "2026-02-03T23:00:00-05:00"}, {"lastUpdated": "2026-02-04T05:00:00Z"}),
        ({"versionId": "9"}, {"versionId": "10"}),
        ({}, {}),  # then the amended one
    ],
)
def test_the_newest_version_wins_wherever_it_stands(
    tmp_path: Path, older: dict[str, str], newer: dict[str, str]
) -> None:
    first = response("r1", VALUES, meta=older)
    second = response("r1", VALUES, meta=newer, status="amended")
    for content in (ndjson(first, second), ndjson(second, first)):
        found = set(_rows(tmp_path, content, "status, version_state, form_no"))
        assert found == {("completed", "superseded", "1"), ("amended", "current", "1")}


def test_a_copy_is_told_from_versions_that_contradict_each_other(tmp_path: Path) -> None:
    one, other = response("r1", VALUES), response("r1", VALUES[::-1])
    state = "distinct response_id, version_state"
    assert set(_rows_of(tmp_path, ndjson(one, one), state)) == {("r1", "current"), ("r1", "copy")}
    assert _rows_of(tmp_path, ndjson(one, other), state) == [("r1", "current")]


def _rows_of(tmp_path: Path, content: str, columns: str) -> list[tuple[Any, ...]]:
    con, opened = _opened(tmp_path, content)
    inner = f"select response_id, version_state from {opened.relation.sql}"
    return con.execute(f"select {columns} from ({inner})").fetchall()


def _nested(depth: int) -> dict[str, Any]:
    item: dict[str, Any] = {"linkId": "x"}
    for _ in range(depth):
        item = {"linkId": "x", "item": [item]}
    return response("r1", VALUES, item=[item])


UNEXPECTED: list[tuple[str, dict[str, Any]]] = [
    ("text in", {"text": {"status": "generated", "div": f"<div>{SECRET}</div>"}}),
    ("contained in", {"contained": [{"resourceType": "Patient", "id": SECRET}]}),
    ("subject.display in", {"subject": {"reference": "Patient/c1", "display": SECRET}}),
    ("subject.identifier in", {"subject": {"identifier": {"value": SECRET}}}),
    ("an element FHIR does not name here", {SECRET: 1}),
    ("extension in", {"extension": [{"url": "http://x.org/y", "valueString": SECRET}]}),
    ("_status in", {"_status": {"id": SECRET}}),
    ("item.answer.valueDate in", {"item": [{"linkId": "a", "answer": [{"valueDate": SECRET}]}]}),
    ("item.answer (a list is expected)", {"item": [{"linkId": "a", "answer": SECRET}]}),
    ("authored (a text is expected)", {"authored": None}),
    ("language (a text is expected)", {"language": 3}),
    ("meta.extension.valueHumanName", {"meta": {"extension": [{"valueHumanName": SECRET}]}}),
    (
        "item.answer.valueString (a text is expected)",
        {"item": [{"linkId": "a", "item": [{"linkId": "b", "answer": [{"valueString": {}}]}]}]},
    ),
]


@pytest.mark.parametrize(("named", "more"), UNEXPECTED)
def test_what_is_not_on_the_list_is_named_by_its_path(
    tmp_path: Path, named: str, more: dict[str, Any]
) -> None:
    told = _refusal(tmp_path, ndjson(response("r0", VALUES), response("r1", VALUES, **more)))
    assert told.reason == "unexpected_element"
    assert named in told.message
    assert "line 2" in told.message


REFUSED: list[tuple[str, str | bytes]] = [
    ("free_text", ndjson(response("r", VALUES, item=[{"answer": [{"valueString": SECRET}]}]))),
    (
        "free_text",
        ndjson(response("r", VALUES, item=[{"answer": [{"valueCoding": {"display": SECRET}}]}])),
    ),
    (
        "ambiguous_answer",
        ndjson(response("r", VALUES, item=[{"answer": [{"valueInteger": 1, "valueDecimal": 1}]}])),
    ),
    (
        "unexpected_element",
        ndjson(
            response("r", VALUES, item=[{"answer": [{"extension": [{"url": SECRET}]}]}])
        ).replace('"extension"', '"valueInteger": 1, "extension"'),
    ),
    ("unknown_status", ndjson(response("r", VALUES, status=SECRET))),
    ("not_a_response", json.dumps({"resourceType": "Patient", "name": SECRET})),
    ("not_a_response", bundle(response("r", VALUES)).replace("QuestionnaireR", "R")),
    ("not_a_response", json.dumps([SECRET])),
    ("repeated_key", '{"status": "completed", "status": "amended"}'),
    ("no_number", '{"total": NaN}'),
    ("no_number", '{"total": -Infinity}'),
    ("no_number", '{"total": 1' + "0" * 5000 + "}"),
    ("too_deep", ndjson(_nested(20))),
    ("too_deep", "[" * 100_000),
    ("not_json", ndjson(response("r", VALUES))[:-40]),
    ("not_json", ndjson(response("r", VALUES), response("s", VALUES))[:-40]),
    ("truncated_file", bundle(response("r", VALUES), total=2)),
    ("damaged_file", ndjson(response("r\ud800", VALUES))),
    ("damaged_file", ndjson(response("r\0", VALUES))),
    ("empty_file", b""),
    ("no_rows", b"\n \n"),
    ("wrong_encoding", ndjson(response("r", VALUES)).encode("utf-16")),
    (
        "wrong_encoding",
        ndjson(response("r", VALUES, language="fr")).replace("fr", "\xe9").encode("latin-1"),
    ),
]


@pytest.mark.parametrize(("reason", "content"), REFUSED)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, reason: str, content: str | bytes
) -> None:
    assert _refusal(tmp_path, content).reason == reason


def test_a_line_may_be_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhir_source, "MAX_LINE_BYTES", 4000)
    monkeypatch.setattr(fhir_source, "MAX_DOCUMENT_BYTES", 6000)
    short, long = response("r", VALUES), response("s", VALUES, language="x" * 6000)
    assert _refusal(tmp_path, ndjson(short, long)).reason == "too_large"
    assert _refusal(tmp_path, ndjson(long)).reason == "too_large"


def _with(path: str, text: str) -> str:
    """A response that holds a text where it is dropped or kept."""
    item = {"linkId": "44250-9", "text": "q", "answer": [coded(1)]}
    answer: dict[str, Any] = {"item": [item]}
    if path == "item.text":
        item["text"] = text
    elif path == "item.answer.valueCoding.display":
        item["answer"][0]["valueCoding"]["display"] = text  # type: ignore[index]
    elif path == "meta.extension.valueString":
        answer["meta"] = {"extension": [{"url": "http://x.org/y", "valueString": text}]}
    else:
        answer["meta"] = {"profile": [f"http://example.org/{text}"]}
    return json.dumps(response("r1", VALUES, **answer))


@pytest.mark.parametrize(
    "path",
    [
        "item.text",
        "item.answer.valueCoding.display",
        "meta.extension.valueString",
        "meta.profile",
    ],
)
def test_what_is_dropped_is_searched_for_identifiers(tmp_path: Path, path: str) -> None:
    assert _opened(tmp_path, _with(path, "nothing"))
    told = _refusal(tmp_path, _with(path, f"x{SECRET}@example.org"))
    assert told.reason == "identifier_found"
    assert f"{path} in resource 1 looks like it holds a e-mail address" in told.message


def test_the_day_is_the_practices_own(tmp_path: Path) -> None:
    content = json.dumps(response("r1", VALUES, authored="2026-02-03T03:30:00Z"))
    con, opened = _opened(tmp_path, content, time_zone="America/Chicago")
    days = con.execute(f"select distinct authored from {opened.relation.sql}").fetchall()
    assert days == [("2026-02-02",)]


def test_files_larger_than_a_batch_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.ingest.readers.fhir.BATCH_ROWS", 20)
    content = ndjson(*(response(f"r{number}", VALUES) for number in range(10)))
    names = _rows(tmp_path, content, "response_id")
    assert names == [(f"r{number}",) for number in range(10) for _ in range(9)]


Mutation = Callable[[random.Random, bytes], bytes]


def _flip(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _splice(rng: random.Random, content: bytes) -> bytes:
    at, other = sorted(rng.sample(range(len(content)), 2))
    return content[:at] + content[other:] + content[at:other]


def _replace(rng: random.Random, content: bytes) -> bytes:
    huge = [b"9" * 30, b"1e999999", b"-0", b"null", b"[[[]]]", b'{"a": {}}', b'""', b"true"]
    marks = [at for at, byte in enumerate(content) if byte in b'":,']
    at = rng.choice(marks) + 1
    return content[:at] + rng.choice(huge) + content[at:]


def _value(rng: random.Random, content: bytes) -> bytes:
    """A valid document in which one value has become another."""
    document = json.loads(content.splitlines()[0])
    holder: Any = document
    while True:
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if not holder[key] or not isinstance(holder[key], dict | list) or rng.random() < 0.2:
            break
        holder = holder[key]
    holder[key] = rng.choice([None, 10**30, -1, 1e300, "x" * 5000, [], {}, [[]], True, "/"])
    return json.dumps(document).encode()


@pytest.mark.parametrize("mutate", [_flip, _cut, _splice, _replace, _value])
def test_a_mutated_file_is_read_or_refused(tmp_path: Path, mutate: Mutation) -> None:
    files = (
        ndjson(response("r1", VALUES), NESTED_STU3).encode(),
        ndjson(NESTED_STU3).encode(),
        bundle(response("r1", VALUES)).replace("\n", "").encode(),
    )
    outcomes = set()
    con = duckdb.connect()
    for seed in range(60):
        rng = random.Random(f"{mutate.__name__} {seed}")
        content = mutate(rng, files[seed % 3])
        try:
            _, opened = _opened(tmp_path, content, con)
            ((n_rows,),) = con.execute(f"select count(*) from {opened.relation.sql}").fetchall()
            assert n_rows == opened.n_rows
            outcomes.add("read")
        except DeliveryRefused:
            outcomes.add("refused")
    assert "refused" in outcomes
