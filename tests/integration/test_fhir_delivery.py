"""FHIR questionnaire responses through the gate, the contract and the checks, by YAML alone."""

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.registry import Registry, load_registry
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.intake import take_in
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import PracticeKey
from orchestration.settings import Limits
from tests.unit.ingest import declarations
from tests.unit.ingest.fhir_declarations import (
    FHIR_FILE,
    LINKS,
    NESTED_STU3,
    bundle,
    coded,
    items,
    ndjson,
    response,
)

VALUES = [2, 2, 2, 2, 1, 1, 2, 0, 0]
SHIPPED = load_registry()
REGISTRY = Registry(
    SHIPPED.group,
    {"brook": declarations.practice(FHIR_FILE)},
    SHIPPED.feeds,
    SHIPPED.instruments,
    {},
)


def _take_in(tmp_path: Path, *contents: str) -> list[Outcome]:
    jobs = []
    for number, content in enumerate(contents):
        path = tmp_path / f"responses_{number}.json"
        path.write_text(content)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        jobs.append(
            FileJob(
                delivery_id=f"d{number}",
                practice_id="brook",
                feed="administrations",
                file="responses",
                path=str(path),
                sha256=sha256,
                received_on="2026-10-01",
            )
        )
    key = PracticeKey("brook", bytes(range(32)))
    scratch = tmp_path / "scratch.duckdb"
    outcomes = take_in(jobs, REGISTRY, lambda _: key, scratch, Limits(), lambda _: None)
    for outcome in outcomes:
        assert outcome.state == "loaded", outcome.message
        kept = outcome.n_accepted + outcome.n_quarantined + outcome.n_excluded
        assert outcome.n_rows_read == kept
    return outcomes


def _forms(outcome: Outcome) -> list[tuple[Any, ...]]:
    """Status, sum of the answers, stated total and the rules each form fails."""
    total = " + ".join(f"item_{number:02d}" for number in range(1, 10))
    with duckdb.connect(outcome.scratch, read_only=True) as con:
        return con.execute(
            f"""
            select status, completed_on::varchar, {total}, stated_total, (
                select list(check_id order by check_id) from {outcome.schema}.quarantine as failed
                where failed.part = 'forms_01' and failed.row_no = forms.row_no
            )
            from {outcome.schema}.forms_01 as forms where excluded is null order by row_no
            """
        ).fetchall()


def test_forms_of_r4_and_stu3(tmp_path: Path) -> None:
    sound = response("r1", VALUES)
    superseded = response("r2", VALUES, meta={"versionId": "1"})
    newest = response("r2", VALUES[::-1], meta={"versionId": "2"}, status="amended")
    contents = (
        ndjson(
            sound,
            sound,
            superseded,
            newest,
            response("r3", VALUES, status="entered-in-error"),
            response("r4", VALUES, status="in-progress", item=[]),
            NESTED_STU3,
        ),
        bundle(
            sound,
            response("r5", VALUES, item=[*items(VALUES[:9], "")[:8]]),
        ),
    )
    lines, whole = _take_in(tmp_path, *contents)
    assert _forms(lines) == [
        ("completed", "2026-02-03", 12.0, None, None),
        ("completed", "2026-02-03", 12.0, None, None),
        ("partial", "2026-02-03", None, None, None),
        ("completed", "2026-02-04", 9.0, 9.0, None),
    ]
    assert lines.exclusions == {
        "repeated_row": 9,
        "superseded_version": 9,
        "entered_in_error": 9,
    }
    assert [form[2] for form in _forms(whole)] == [12.0, None]


def _broken(change: dict[int, dict[str, Any]], more: list[dict[str, Any]]) -> dict[str, Any]:
    found = items(VALUES)
    for number, answer in change.items():
        found[number - 1]["answer"] = [answer]
    return response("r1", VALUES, item=[*found, *more])


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("administrations.answers.agree", _broken({3: coded(2, 1)}, [])),
    ("administrations.items.belong", _broken({}, [{"linkId": "x", "answer": [coded(1)]}])),
    ("administrations.items.belong", _broken({}, [{"linkId": LINKS[0], "answer": [coded(1)]}])),
    ("administrations.item_02.in_range", _broken({2: {"valueCoding": {"code": "LA9-9"}}}, [])),
    (
        "administrations.stated_total.between",
        _broken({}, [{"linkId": "44261-6", "answer": [{"valueDecimal": 99}]}]),
    ),
]


def test_a_form_that_contradicts_itself_is_set_aside(tmp_path: Path) -> None:
    sound = _broken({3: coded(2, 2)}, [])
    outcomes = _take_in(tmp_path, *(ndjson(each) for _, each in BROKEN), ndjson(sound))
    for (rule, _), outcome in zip(BROKEN, outcomes, strict=False):
        ((*_, failed),) = _forms(outcome)
        assert failed == [rule]
        assert outcome.n_accepted == 0
    assert [form[-1] for form in _forms(outcomes[-1])] == [None]
    told = {verdict.check_id: verdict.status for verdict in outcomes[-1].verdicts}
    assert told["administrations.answers.agree"] == "passed"


def test_versions_that_nothing_tells_apart_are_not_chosen_from(tmp_path: Path) -> None:
    one, other = response("r1", VALUES), response("r1", VALUES[::-1])
    (outcome,) = _take_in(tmp_path, ndjson(one, other))
    assert (outcome.n_accepted, outcome.n_quarantined) == (0, 18)


def test_an_undeclared_questionnaire_is_set_aside(tmp_path: Path) -> None:
    content = ndjson(response("r1", VALUES, questionnaire="http://example.org/other"))
    (outcome,) = _take_in(tmp_path, content)
    assert (outcome.n_accepted, outcome.n_quarantined) == (0, 9)


@pytest.mark.parametrize("as_line", [False, True])
def test_a_published_example_scores_its_total(tmp_path: Path, shared: Path, as_line: bool) -> None:
    path = shared / "exports" / "fhir" / "uscore_QuestionnaireResponse-phq-9-example.json"
    text = path.read_text()
    # Its subject's id has no digit, which the gate asks of an id.
    assert _forms(_take_in(tmp_path, text)[0])[0][-1] == ["administrations.client_id.valid"]
    text = text.replace("Patient/example", "Patient/example-1")
    (tmp_path / "scratch.duckdb").unlink()
    (outcome,) = _take_in(tmp_path, json.dumps(json.loads(text)) + "\n" if as_line else text)
    assert _forms(outcome) == [("completed", "2022-11-29", 12.0, 12.0, None)]
