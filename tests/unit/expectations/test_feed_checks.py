from pathlib import Path

import pytest

from expectations.feed_checks import feed_problems
from expectations.model import FEED_NAMES, Feed
from expectations.registry import SHIPPED
from expectations.yaml_source import read_yaml

FEED = """\
feed: sessions
description: d
key: [session_id]
columns:
  - name: session_id
    type: id
    required: true
    description: d
    rules:
      - {rule: required, severity: critical, category: completeness, note: n}
      - {rule: valid, severity: critical, category: conformance, note: n}
  - name: scheduled_on
    type: date
    description: d
    rules:
      - {rule: between, minimum: "2000-01-01", severity: critical, category: conformance, note: n}
  - name: ended_on
    type: date
    description: d
    rules:
      - {rule: valid, severity: critical, category: conformance, note: n}
      - {rule: ordered, after_column: scheduled_on, severity: info, category: plausibility, note: n}
  - name: minutes
    type: integer
    description: d
    rules:
      - {rule: between, minimum: 1, maximum: 9, severity: warning, category: plausibility, note: n}
  - name: rating
    type: integer
    description: d
    rules:
      - rule: required_when
        when_column: kind
        when_word: a
        severity: critical
        category: completeness
        note: n
      - {rule: valid, severity: critical, category: conformance, note: n}
  - name: kind
    type: enumeration
    values: [a, b]
    description: d
    rules:
      - {rule: one_of, severity: warning, category: conformance, note: n}
rules:
  - {rule: unique, severity: critical, category: conformance, note: n}
"""


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "sessions.yml"
    path.write_text(text)
    source = read_yaml(path)
    return [told.removeprefix(f"{path}:") for told in feed_problems(source, source.parse(Feed))]


def test_the_unbroken_feed_has_nothing_to_tell(tmp_path: Path) -> None:
    assert problems(tmp_path, FEED) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("feed: sessions", "feed: episodes", "1: feed: must equal the file's name"),
        ("rule: unique", "rule: valid", "46: rules[0].rule: belongs to a column"),
        ("required: true", "required: false", "7: columns[0].required: goes with a critical"),
        ("{rule: required, severity: critical", "{rule: required, severity: info", "7: columns[0]"),
        (
            'minimum: "2000-01-01"',
            "minimum: 2000",
            "16: columns[1].rules[0].minimum: must be",
        ),
        ('minimum: "2000-01-01", ', "", "16: columns[1].rules[0].rule: `between` needs"),
        (
            "after_column: scheduled_on",
            "after_column: kind",
            "22: columns[2].rules[1].after",
        ),
        ("after_column: scheduled_on, ", "", "22: columns[2].rules[1]"),
        ("minimum: 1,", "minimum: one,", "27: columns[3].rules[0].minimum: must be a number"),
        ("minimum: 1,", "after_column: kind, minimum: 1,", "27: columns[3].rules[0].after_column"),
        (
            "rule: between, minimum: 1, maximum: 9",
            "rule: not_future",
            "27: columns[3].rules[0]",
        ),
        ("when_word: a", "when_word: c", "34: columns[4].rules[0].when_word: must be a word of"),
        ("when_column: kind", "when_column: minutes", "34: columns[4].rules[0].when_word"),
        ("        when_column: kind\n", "", "33: columns[4].rules[0].when_word: must be a word of"),
        (
            "rule: required_when",
            "rule: required",
            "33: columns[4].rules[0].when_column: goes with the rule `required_when`",
        ),
        ("[a, b]", "[a, a]", "41: columns[5].values: are distinct"),
        ("[a, b]", "[a, not_recorded]", "41: columns[5].values: are distinct"),
        ("{rule: one_of,", "{rule: one_of, maximum: 3,", "44: columns[5].rules[0].maximum"),
        ("{rule: one_of,", "{rule: required,", "43: columns[5].rules: needs one of"),
        (
            "{rule: ordered, after_column: scheduled_on,",
            "{rule: valid,",
            "20: columns[2].rules: has a",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_named_by_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert FEED.count(old) == 1
    found = problems(tmp_path, FEED.replace(old, new))
    assert [told for told in found if told.startswith(expected)], found


def test_every_shipped_rule_says_why() -> None:
    for name in FEED_NAMES:
        feed = read_yaml(SHIPPED / "feeds" / f"{name}.yml").parse(Feed)
        for rule in (*feed.rules, *(rule for column in feed.columns for rule in column.rules)):
            assert len(rule.note) > 30
