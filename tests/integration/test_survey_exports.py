"""REDCap and Qualtrics exports through intake: rows have their places, damage ends in outcomes."""

import hashlib
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.model import FeedName
from expectations.practice import Practice
from expectations.registry import Registry
from orchestration.ingest.file_job import FileJob
from orchestration.ingest.intake import take_in
from orchestration.ingest.outcome import Outcome
from orchestration.ingest.pseudonyms import create_key, load_key
from orchestration.settings import Limits, Settings
from tests.integration import small_group as group
from tests.unit.ingest import declarations
from tests.unit.ingest import survey_exports as exports

N_MUTATED = 150


def _registry(declared: dict[str, Any]) -> Registry:
    practice: Practice = declarations.practice(declared, declarations.EPISODES_FILE)
    return group.registry(practice)


def _take_in(
    tmp_path: Path, declared: dict[str, Any], feed: FeedName, contents: Sequence[bytes]
) -> list[Outcome]:
    settings = Settings(tmp_path)
    create_key(settings.keys, "brook")
    jobs = []
    for number, content in enumerate(contents):
        path = tmp_path / f"export_{number}.csv"
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        jobs.append(
            FileJob(f"d{number}", "brook", feed, declared["file"], str(path), sha256, "2026-10-01")
        )
    key_of = partial(load_key, settings.keys)
    scratch = tmp_path / "scratch.duckdb"
    return take_in(jobs, _registry(declared), key_of, scratch, Limits(), lambda _: None)


def _rows(outcome: Outcome, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(outcome.scratch, read_only=True) as con:
        con.execute(f"use {outcome.schema}")
        return con.execute(sql).fetchall()


@pytest.mark.parametrize("declared", [exports.QUALTRICS, exports.LEGACY])
def test_a_qualtrics_survey(tmp_path: Path, declared: dict[str, Any]) -> None:
    content = exports.qualtrics(ids=exports.IDS if declared is exports.QUALTRICS else None)
    (outcome,) = _take_in(tmp_path, declared, "administrations", [content])
    assert (outcome.state, outcome.message) == ("loaded", None)
    assert (outcome.n_file_rows, outcome.n_rows_read, outcome.n_accepted) == (4, 4, 2)
    assert outcome.exclusions == {"preview_row": 1, "unfinished_row": 1}
    forms = "select row_no, completed_on::varchar, item_01, item_02, item_03 from forms_01"
    assert _rows(outcome, forms) == [
        (1, "2026-02-03", 1.0, 2.0, 3.0),
        (4, "2026-02-06", 4.0, 3.0, 2.0),
    ]


def test_a_qualtrics_survey_of_labels(tmp_path: Path) -> None:
    words = {"1": "One", "2": "Two", "3": "Three", "4": "Four", "5": "Five"}
    answers = [
        (
            day,
            {"0": "IP Address", "1": "Survey Preview"}[status],
            {"0": "False", "1": "True"}[finished],
            response,
            client,
            *(words.get(cell, cell) for cell in cells),
        )
        for day, status, finished, response, client, *cells in exports.ANSWERS
    ]
    (mapping,) = exports.QUALTRICS["mappings"]
    (form,) = mapping["forms"]
    form = {**form, "recode": {word: code for code, word in words.items()}}
    declared = {
        **exports.QUALTRICS, "coding": "label", "mappings": [{**mapping, "forms": [form]}],
    }  # fmt: skip
    content = exports.qualtrics(answers=answers)
    (outcome,) = _take_in(tmp_path, declared, "administrations", [content])
    assert outcome.exclusions == {"preview_row": 1, "unfinished_row": 1}
    assert _rows(outcome, "select item_01, item_02, item_03 from forms_01") == [
        (1.0, 2.0, 3.0),
        (4.0, 3.0, 2.0),
    ]


def test_a_redcap_projects_forms(tmp_path: Path) -> None:
    (outcome,) = _take_in(tmp_path, exports.REDCAP, "administrations", [exports.redcap()])
    assert (outcome.state, outcome.message) == ("loaded", None)
    # Each of the six rows is looked at for both forms; the second form of the client is blank.
    assert (outcome.n_file_rows, outcome.n_rows_read, outcome.n_accepted) == (6, 12, 2)
    assert outcome.exclusions == {"blank_parent_row": 6, "other_instrument": 3, "blank_form": 1}
    said = "row_no, occasion::integer, status, completed_on::varchar, seen_by_therapist"
    items = "item_01, item_02, item_03"
    assert _rows(outcome, f"select {said}, {items} from forms_01") == [
        (3, 1, "completed", "2026-02-03", 1.0, 1.0, 2.0, None)
    ]
    assert _rows(outcome, f"select {said}, {items} from forms_02") == [
        (4, 1, "partial", None, None, 4.0, None, None)
    ]


def test_a_redcap_projects_episodes(tmp_path: Path) -> None:
    (outcome,) = _take_in(tmp_path, exports.REDCAP, "episodes", [exports.redcap()])
    assert (outcome.n_rows_read, outcome.n_accepted) == (6, 2)
    assert outcome.exclusions == {"other_event": 4}
    assert _rows(
        outcome, "select site_id from episodes where excluded is null order by row_no"
    ) == [("north",), ("south",)]


def test_words_of_a_column_of_numbers_may_be_recoded(tmp_path: Path) -> None:
    forms = exports.REDCAP["mappings"][1]
    occasion = {"from": "redcap_event_name", "recode": {"care_arm_1": "4"}}
    forms = {**forms, "columns": {**forms["columns"], "occasion": occasion}}
    declared = {
        **exports.REDCAP,
        "mappings": [exports.REDCAP["mappings"][0], forms],
        "discard": [*exports.REDCAP["discard"], "redcap_repeat_instance"],
    }
    (outcome,) = _take_in(tmp_path, declared, "administrations", [exports.redcap()])
    assert (outcome.state, outcome.n_quarantined) == ("loaded", 0), outcome.message
    assert _rows(outcome, "select distinct occasion from forms_01") == [(4.0,)]


def _mutated(whole: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    content = bytearray(whole)
    if seed % 3 == 0:
        return bytes(content[: chance.randrange(len(content))])
    for _ in range(chance.choice((1, 2, 8))):
        content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)


@pytest.mark.parametrize(
    ("declared", "whole"),
    [
        (exports.QUALTRICS, exports.qualtrics()),
        (exports.LEGACY, exports.qualtrics(ids=None)),
        (exports.REDCAP, exports.redcap()),
    ],
    ids=["qualtrics", "legacy", "redcap"],
)
def test_any_damage_ends_in_an_outcome(
    tmp_path: Path, declared: dict[str, Any], whole: bytes
) -> None:
    contents = [_mutated(whole, seed) for seed in range(N_MUTATED)]
    outcomes = _take_in(tmp_path, declared, "administrations", contents)
    assert {outcome.state for outcome in outcomes} == {"loaded", "refused"}
    for outcome in outcomes:
        if outcome.state == "refused":
            assert outcome.reason != "rows_lost" or "fault" not in (outcome.message or "")
        else:
            assert outcome.n_rows_read == (
                outcome.n_accepted + outcome.n_quarantined + outcome.n_excluded
            )


def test_a_refusal_names_what_the_header_and_what_the_cells_give_away(tmp_path: Path) -> None:
    content = exports.redcap([exports.REDCAP_ROWS[-1]]).replace(b"\n", b",first_name,reach\n", 1)
    content = content[:-1] + b",canary,jo@canary.org\n"
    (outcome,) = _take_in(tmp_path, exports.REDCAP, "episodes", [content])
    assert (outcome.state, outcome.reason) == ("refused", "direct_identifier")
    assert "identifiers: first_name;" in (outcome.message or "")
    assert "column reach looks like a e-mail address in rows 1" in (outcome.message or "")
    assert "canary" not in str(outcome)
