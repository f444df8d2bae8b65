from pathlib import Path

import pytest

from expectations.pattern_checks import date_regex_problem, globs_overlap
from expectations.registry import load_registry
from tests.unit.expectations.homes import PRACTICE, home, line_of

# What is written instead of what, the text on the line to be named, and part of the message.
BROKEN = [
    ("practice_id: lakeside\n", "practice_id: seaside\n", "practice_id", "must equal the file's"),
    (
        "open_from: 2020-01-01",
        "open_from: 2020-01-01\n    open_to: 2019-01-01",
        "open_to",
        "before",
    ),
    (
        "valid_from: 2024-01-01\n    priv",
        "valid_from: 2024-01-01\n    valid_to: 2023-01-01\n    priv",
        "valid_to: 2023",
        "is before valid_from",
    ),
    ("expires_on: 2030-12-31", "expires_on: 2020-12-31", "expires_on", "is before signed_on"),
    ("instrument_code: wai_sr", "instrument_code: wai_x", "wai_x", "is no declared instrument"),
    (
        'version: "1"\n        informant',
        'version: "9"\n        informant',
        "instrument_code: wai_sr",
        "has no version 9; declared: 1",
    ),
    (
        "informant: client\n        rule",
        "informant: observer\n        rule",
        "informant: observer",
        "must be one of client",
    ),
    (
        "every: 3\n        valid_from: 2024-01-01",
        "every: 3\n        valid_from: 2024-01-01\n        valid_to: 2023-01-01",
        "valid_to: 2023",
        "is before valid_from",
    ),
    (
        "owners: [data desk]",
        "owners: [data desk]\n    episodes: {derive: {gap_days: 3}}",
        "gap_days: 3",
        "greater than or equal to 7",
    ),
    (
        "client_id: {from: ClientNo}\n              site_id",
        "unit_id: {from: Family}\n              site_id",
        "unit_id",
        "ids need a namespace that no client's have",
    ),
    (
        "owners: [data desk]",
        "owners: [data desk]\n    cadence: {time_zone: Mars/Olympus}",
        "Mars/Olympus",
        "is no time zone",
    ),
    (
        "discard: [room]",
        "discard: [room]\n        cadence: {time_zone: ''}",
        "time_zone: ''",
        "is no time zone",
    ),
    (
        "owners: [data desk]",
        "owners: [data desk]\n    cadence: {every: month, weekdays: [monday]}",
        "cadence",
        "goes with `every: day`",
    ),
    ("sites: [lakeside_main]", "sites: [seaside]", "sites: [seaside]", "no site of this practice"),
    ("discard: [room]", "discard: [room, Kept]", "discard", "`Kept` is also mapped"),
    ("pattern: forms_*.csv", "pattern: s*.csv", "s*.csv", "the pattern of `sessions`"),
    ("pattern: forms_*.csv", "pattern: ../forms.csv", "../forms", "bare file name"),
    ("pattern: forms_*.csv", "pattern: forms_[0-9].csv", "forms_[0", "`*` and `?` only"),
    (
        "exported_at: sessions_(\\d{8})",
        "exported_at: sessions_(",
        "exported_at",
        "no valid regular",
    ),
    ("exported_at: sessions_(\\d{8})", "exported_at: sessions_", "exported_at", "needs a group"),
    (
        "exported_at: sessions_(\\d{8})",
        "exported_at: sessions_(\\d{6})",
        "exported_at",
        "fits no date",
    ),
    ("discard: [room]", "sheet: Export", "sheet: Export", "goes with format xlsx, not csv"),
    (
        "discard: [room]",
        "format: xlsx\n        dialect: {decimal_mark: '.', delimiter: ';'}",
        "delimiter: ';'",
        "goes with format csv, not xlsx",
    ),
    (
        "discard: [room]",
        "format: parquet\n        dialect: {compression: gzip}",
        "compression: gzip",
        "goes with format csv, not parquet",
    ),
    ("discard: [room]", "format: ods", "format: ods", "'csv', 'xlsx', 'parquet'"),
    ("discard: [room]", "id_pattern: '^(?=x)x$'", "id_pattern", "look-around"),
    (
        "scheduled_on: {from: Day}",
        "note_text: {from: Day}",
        "note_text",
        "is no column of sessions",
    ),
    (
        "              scheduled_on: {from: Day}\n",
        "",
        "columns:\n              session_id",
        "sessions needs scheduled_on",
    ),
    ("{constant: lakeside_main}", "{constant: seaside}", "constant: seaside", "a declared site"),
    ("missed: no_show", "missed: absent", "missed: absent", "must be one of attended"),
    (
        "status: {constant: completed}",
        "status: {constant: done}",
        "constant: done",
        "must be one of",
    ),
    ('date_format: "%d.%m.%Y"', 'date_format: "%m.%Y"', "date_format", "day, month and year"),
    ("{from: Day}", '{from: Day, date_format: "%Y"}', "{from: Day", "day, month and year"),
    (
        "{from: SessionNo}",
        '{from: SessionNo, date_format: "%Y-%m-%d"}',
        "{from: Sess",
        "goes with dates",
    ),
    (
        "{from: SessionNo}",
        "{from: SessionNo, age_bands: true}",
        "{from: Sess",
        "age_band_at_intake",
    ),
    ("4: D}", "4: D, 5: E}", "items: {1", "has no such item; its items are 1 to 4"),
    ("4: D}", "4: C}", "items: {1", "`C` is mapped to several items"),
    (", 4: D}", "}", "items: {1", "items 4 are not mapped; no form could ever be scored"),
    (
        "language: en\n                informant",
        "language: xx\n                informant",
        "language: xx",
        "must be one of en",
    ),
    (
        "4: D}",
        "4: D}\n                recode: {always: often}",
        "recode: {always",
        "must be a number",
    ),
    ("instrument_code: phq_9", "instrument_code: phq", "phq\n", "is no declared instrument"),
    (
        "            columns:\n              session_id: {from: SessionNo}",
        "            only:\n              - {column: Day, words: [], reason: other_day}\n"
        "            columns:\n              session_id: {from: SessionNo}",
        "words: []",
        "at least 1 item",
    ),
    (
        "pattern: forms_*.csv\n        mappings:\n          - feed: administrations\n",
        "pattern: forms_*.csv\n        missing: [none]\n        mappings:\n"
        "          - feed: administrations\n"
        "            only:\n              - {column: Wave, words: [none], reason: other_wave}\n",
        "words: [none]",
        "`none` is one of the file's `missing` words",
    ),
    (
        "4: D}",
        '4: D}\n                only: [{column: Wave, words: ["x "], reason: other_wave}]',
        "only: [",
        "begins or ends with a space",
    ),
    (
        "4: D}",
        "4: D}\n                columns: {note_text: {from: Remark}}",
        "columns: {note",
        "is no column of administrations",
    ),
    (
        "4: D}",
        "4: D}\n                columns: {occasion: {from: Wave, recode: {first: one}}}",
        "recode: {first",
        "must be a number, in quotes",
    ),
    (
        "4: D}",
        "4: D}\n                columns: {seen_by_therapist: {from: Seen, recode: {S: maybe}}}",
        "recode: {S",
        "must be one of true, false, yes, no, 1, 0, in quotes",
    ),
    (
        "4: D}",
        "4: D}\n                columns: {seen_by_therapist: {constant: maybe}}",
        "columns: {seen",
        "must be one of true, false, yes, no, 1, 0, in quotes",
    ),
    (
        "discard: [room]",
        "format: qualtrics\n        discard: [room, Status]",
        "discard: [room",
        "tells a survey's previews from its answers",
    ),
    (
        "discard: [room]",
        "coding: label",
        "file: sessions",
        "`coding` goes with format redcap or qualtrics",
    ),
    (
        "discard: [room]",
        "format: redcap\n        header_rows: 2",
        "file: sessions",
        "`header_rows` goes with format qualtrics",
    ),
    (
        "                  informant: client\n",
        "                  informant: teacher\n",
        "informant: teacher",
        "must be one of client",
    ),
]


@pytest.mark.parametrize(("old", "new", "at", "message"), BROKEN)
def test_a_slip_in_a_contract_is_named_by_line(
    tmp_path: Path, old: str, new: str, at: str, message: str
) -> None:
    assert old in PRACTICE
    text = PRACTICE.replace(old, new, 1)
    registry = load_registry([home(tmp_path, lakeside=text)])
    told = registry.broken["lakeside"]
    place = f"{tmp_path / 'practices' / 'lakeside.yml'}:{line_of(text, at)}: "
    assert [one for one in told if one.startswith(place) and message in one], told


def test_the_unbroken_contract_has_nothing_to_tell(tmp_path: Path) -> None:
    registry = load_registry([home(tmp_path, lakeside=PRACTICE)])
    assert registry.broken == {}


def test_episodes_are_derived_of_sessions_only(tmp_path: Path) -> None:
    derives = PRACTICE.replace(
        "owners: [data desk]", "owners: [data desk]\n    episodes: {derive: {gap_days: 90}}"
    )
    assert not load_registry([home(tmp_path, lakeside=derives)]).broken
    start = derives.index("      - file: sessions")
    alone = derives[:start] + derives[derives.index("      - file: forms") :]
    told = " ".join(load_registry([home(tmp_path, lakeside=alone)]).broken["lakeside"])
    assert f"lakeside.yml:{line_of(alone, 'episodes: {derive')}" in told
    assert "no file holds any" in told


def test_forms_without_sessions_or_episodes_have_no_site(tmp_path: Path) -> None:
    start = PRACTICE.index("      - file: sessions")
    text = PRACTICE[:start] + PRACTICE[PRACTICE.index("      - file: forms") :]
    (told,) = load_registry([home(tmp_path, lakeside=text)]).broken["lakeside"]
    assert "map episodes or sessions too" in told


def test_a_form_may_lack_as_many_items_as_its_missing_rule_admits(tmp_path: Path) -> None:
    items = ", ".join(f"{number}: P{number}" for number in range(1, 8))
    text = PRACTICE.replace("instrument_code: srs", "instrument_code: phq_9")
    text = text.replace('version: "3"', 'version: "1"').replace("1: A, 2: B, 3: C, 4: D", items)
    assert load_registry([home(tmp_path, lakeside=text)]).broken == {}


@pytest.mark.parametrize(
    ("left", "right", "overlap"),
    [
        ("a*.csv", "b*.csv", False),
        ("a*.csv", "*b.csv", True),
        ("a?.csv", "ab.csv", True),
        ("a?.csv", "a.csv", False),
        ("*", "x", True),
        ("", "*", True),
        ("*.csv", "*.txt", False),
        ("*a*b*", "*b*a*", True),
        ("forms_*.csv", "forms_*_old.csv", True),
        ("abc", "abc", True),
        ("*?", "", False),
    ],
)
def test_globs_overlap_when_one_name_fits_both(left: str, right: str, overlap: bool) -> None:
    assert globs_overlap(left, right) is overlap
    assert globs_overlap(right, left) is overlap


@pytest.mark.parametrize(
    ("pattern", "is_readable"),
    [
        (r"_(\d{8})\.csv$", True),
        (r"-(\d{4}-\d{2}-\d{2})\.txt$", True),
        (r"\(x\)[(]_(?P<day>20\d{2}_[01]\d_[0-3]\d)", True),
        (r"(?i)a(?:b|c)_([0-9]{4}[.]?(?:[0-9]{2})[.]?[0-9]{2})", True),
        (r"[]()]_(\d+)", True),
        (r"_(\d{6})\.csv$", False),
        (r"_(\d{14})\.csv$", False),
        (r"_(\d{2}-\d{2}-\d{4})\.csv$", False),
        (r"(export)_(\d{8})\.csv$", False),
        (r"_(\d{4})(\d{2})(\d{2})\.csv$", False),
        (r"_(?:\d{8})\.csv$", False),
        (r"_\(\d{8}\)[(]\.csv$", False),
    ],
)
def test_the_group_of_an_export_date_must_fit_a_date(pattern: str, is_readable: bool) -> None:
    assert (date_regex_problem(pattern) is None) == is_readable


RATINGS = """\
      - file: ratings
        pattern: ratings_*.csv
        mappings:
          - feed: process_ratings
            layout: table
            columns:
              client_id: {from: ClientNo}
              session_id: {from: SessionNo}
              informant: {constant: client}
              rating_kind: {constant: rupture}
              rupture_reported: {from: Rupture}
"""


def test_reported_ruptures_need_no_columns_of_segments(tmp_path: Path) -> None:
    registry = load_registry([home(tmp_path, lakeside=PRACTICE + RATINGS)])
    assert not registry.broken
    (contract,) = registry.practices["lakeside"].contracts
    assert contract.feeds == ("sessions", "administrations", "process_ratings")


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        # Rows of either kind may come, and the columns of one of them are not mapped.
        ("{constant: rupture}", "{from: Kind}", ["segment_start_seconds", "helpfulness"]),
        ("{constant: rupture}", "{constant: segment}", ["segment_start_seconds", "helpfulness"]),
        ("              rupture_reported: {from: Rupture}\n", "", ["rupture_reported"]),
    ],
)
def test_what_a_kind_of_rating_must_have_is_mapped(
    tmp_path: Path, old: str, new: str, missing: list[str]
) -> None:
    assert RATINGS.count(old) == 1
    told = load_registry([home(tmp_path, lakeside=PRACTICE + RATINGS.replace(old, new))]).broken
    assert len(told["lakeside"]) == len(missing)
    for line, name in zip(told["lakeside"], missing, strict=True):
        assert f"process_ratings needs {name} where rating_kind is" in line


def test_process_ratings_without_sessions_are_of_nothing(tmp_path: Path) -> None:
    start, end = (PRACTICE.index(f"      - file: {name}") for name in ("sessions", "forms"))
    text = PRACTICE[:start] + PRACTICE[end:] + RATINGS
    told = " ".join(load_registry([home(tmp_path, lakeside=text)]).broken["lakeside"])
    assert f"lakeside.yml:{line_of(text, 'files:')}" in told
    assert "map sessions" in told
