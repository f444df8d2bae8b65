"""A contract on FHIR responses that forgets a status or a version is sent back by file and line."""

import re
import textwrap
from pathlib import Path

import pytest

from expectations.registry import load_registry
from tests.unit.expectations.homes import PRACTICE, home, line_of

FHIR = """\
      - file: responses
        pattern: responses_*.ndjson
        format: fhir
        fhir:
          questionnaires: {srs: ["http://example.org/Questionnaire/srs", srs-panel]}
          drop: [meta.extension]
          time_zone: Europe/Zurich
        mappings:
          - feed: administrations
            layout: long
            columns:
              client_id: {from: subject}
              completed_on: {from: authored}
              status:
                from: status
                recode: {amended: completed, in-progress: partial, stopped: partial}
            exclude:
              - {column: version_state, words: [superseded], reason: superseded_version}
              - {column: version_state, words: [copy], reason: repeated_row}
              - {column: status, words: [entered-in-error], reason: entered_in_error}
            long:
              instrument_column: questionnaire
              item_column: link_id
              value_column: answer
              ordinal_column: ordinal
              form_columns: [form_no]
              identity:
                srs:
                  instrument_code: srs
                  version: "3"
                  language: en
                  informant: client
                  items: {1: [a], 2: [b], 3: [c], 4: [d]}
"""
BROKEN = [
    ("format: fhir", "format: csv", "fhir:\n", "goes with format fhir"),
    ("form_columns: [form_no]", "form_columns: [subject]", "form_columns: [subj", "[form_no]"),
    ("{from: authored}", "{from: written}", "mappings:\n          - feed: administrations\n"
     "            layout: long\n            columns:\n              client_id: {from: subject}",
     "`written` is no column of a FHIR file"),
    ("drop: [meta.extension]", "drop: [subject.display]", "drop: [", "direct identifiers"),
    ("drop: [meta.extension]", "drop: [text]", "drop: [", "direct identifiers"),
    ("drop: [meta.extension]", "drop: ['a b']", "drop: [", "path of element names"),
    ("Europe/Zurich", "Mars/Base", "time_zone: Mars", "must be a zone"),
    ("srs-panel]}", "srs-panel], x: [srs-panel]}", "questionnaires", "already stands for srs"),
    ("items: {1: [a], ", "items: {1: [/a], ", "srs:\n                  inst", "leading slash"),
    ("items: {1: [a], ", "items: {", "items: {2", "items 1 are not named"),
    ("4: [d]}", "4: [d], 5: [e]}", "items: {1: [a]", "has no such item"),
    ("                  items: {1: [a], 2: [b], 3: [c], 4: [d]}\n", "",
     "srs:\n                  inst", "needs `items`"),
    ("srs: [\"http", "other: [\"http", "srs:\n                  inst", "no word under"),
]  # fmt: skip
FORGOTTEN = [
    ("              ordinal_column: ordinal\n", "", "`ordinal_column: ordinal`"),
    ("item_column: link_id", "item_column: answer", "items from link_id or item_code"),
    ("              - {column: version_state, words: [copy], reason: repeated_row}\n", "", "copy"),
    ("words: [superseded]", "words: [x]", "[superseded], reason: superseded_version"),
    ("in-progress: partial, ", "", "status in-progress"),
    (", stopped: partial", "", "status stopped"),
    ("words: [entered-in-error]", "words: [x]", "status entered-in-error"),
]


def _told(tmp_path: Path, text: str) -> tuple[str, ...]:
    broken = load_registry([home(tmp_path, lakeside=text)]).broken
    return tuple(broken.get("lakeside", ()))


def test_the_unbroken_contract_has_nothing_to_tell(tmp_path: Path) -> None:
    assert _told(tmp_path, PRACTICE + FHIR) == ()


def test_the_example_of_the_runbook_holds_together(tmp_path: Path, repository: Path) -> None:
    text = (repository / "docs/runbooks/a_new_practice.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```\n(- file: responses\n.*?)```", text, re.DOTALL)
    assert _told(tmp_path, PRACTICE + textwrap.indent(example, " " * 6)) == ()


@pytest.mark.parametrize(("old", "new", "at", "message"), BROKEN)
def test_a_slip_is_named_by_line(tmp_path: Path, old: str, new: str, at: str, message: str) -> None:
    assert old in FHIR
    text = PRACTICE + FHIR.replace(old, new, 1)
    told = _told(tmp_path, text)
    assert [one for one in told if message in one], told
    if "mappings" not in at:
        place = f"lakeside.yml:{line_of(text, at)}: "
        assert [one for one in told if place in one and message in one], told


@pytest.mark.parametrize(("old", "new", "message"), FORGOTTEN)
def test_a_status_or_version_without_a_place_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in FHIR
    told = _told(tmp_path, PRACTICE + FHIR.replace(old, new, 1))
    assert [one for one in told if message in one], told
