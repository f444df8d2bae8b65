"""REDCap projects by YAML alone: as exported they are refused, without identifiers they load.

The declarations fit the real exports kept beside the repository; where those are absent, made-up
exports of the same shape still run.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from expectations.registry import Registry, load_registry
from orchestration.ingest.outcome import Outcome
from orchestration.night import Night
from tests.integration import small_group as group

DECLARATIONS = Path(__file__).parents[1] / "fixtures" / "redcap_projects"
ACCESS_GROUPS = (
    "record_id,redcap_data_access_group,first_name,last_name,address,telephone,email,dob,age,"
    "ethnicity,race,sex,height,weight,bmi,comments,demographics_complete\n"
    '331-1,daga,ab,AB,"1 Elm Street\nSomewhere",,ab@canary.org,1990-01-02,31,1,4,0,170,60,20.8,,2\n'
    "331-2,daga,,,,,,,,,,1,,,,,0\n"
    "332-3,dagb,cd,CD,,,,,44,1,4,1,,,,,2\n"
)
REPEATED_READINGS = (
    "record_id,redcap_repeat_instrument,redcap_repeat_instance,date_enrolled,first_name,dob,age,"
    "ethnicity,race,sex,demographics_complete,date_bp,bp_systolic,bp_diastolic,bp_complete\n"
    "1,,,2019-10-14,canary,2010-10-14,8.9,1,4,0,2,,,,\n"
    "1,bp,1,,,,,,,,,2019-10-14,110,100,2\n"
    "1,bp,2,,,,,,,,,2019-10-15,111,101,1\n"
    "1,pulse,1,,,,,,,,,,,,\n"
    "2,,,2019-02-02,canary,2010-02-02,9.6,0,6,1,2,,,,\n"
    "2,bp,1,,,,,,,,,2019-04-04,114,104,2\n"
    "2,bp,2,,,,,,,,,,,,0\n"
)
IDENTIFYING = {
    "access_groups": {
        "first_name", "last_name", "address", "telephone", "email", "dob", "comments",
    },
    "repeated_readings": {"first_name", "dob"},
}  # fmt: skip
REAL = {"access_groups": "dag", "repeated_readings": "repeating-instruments"}


@pytest.fixture(params=["made up", "real"])
def exports(request: pytest.FixtureRequest) -> dict[str, str]:
    """Each practice's export as its system wrote it."""
    if request.param == "made up":
        return {"access_groups": ACCESS_GROUPS, "repeated_readings": REPEATED_READINGS}
    folder = request.getfixturevalue("shared") / "exports" / "redcap"
    if not folder.is_dir():
        pytest.skip("the real exports are not on this machine")
    return {
        practice: (folder / name / "data.csv").read_text(encoding="utf-8")
        for practice, name in REAL.items()
    }


@pytest.fixture(scope="module")
def declared() -> Registry:
    registry = load_registry([DECLARATIONS])
    assert registry.broken == {}
    return registry


def _without(text: str, columns: set[str]) -> str:
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    out = io.StringIO(newline="")
    kept = [name for name in rows[0] if name not in columns]
    writer = csv.DictWriter(out, kept, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _outcomes(night: Night) -> Iterator[tuple[str, str, Outcome]]:
    for (practice, feed), found in group.run(night).items():
        for outcome in found:
            yield practice, feed, outcome


def test_as_exported_they_are_refused_with_every_identifying_column_named(
    tmp_path: Path, exports: dict[str, str], declared: Registry
) -> None:
    night = group.night_in(tmp_path, declared)
    for practice, text in exports.items():
        group.send(night, practice, "records.csv", text)
    seen = set()
    for practice, _, outcome in _outcomes(night):
        seen.add(practice)
        message = outcome.message or ""
        assert (outcome.state, outcome.reason) == ("refused", "direct_identifier")
        named = message.partition("identifiers: ")[2].partition(";")[0].split(", ")
        assert set(named) == IDENTIFYING[practice]
        assert "canary" not in str(outcome)
    assert seen == set(exports)


def test_without_identifiers_they_load(
    tmp_path: Path, exports: dict[str, str], declared: Registry
) -> None:
    night = group.night_in(tmp_path, declared)
    for practice, text in exports.items():
        group.send(night, practice, "records.csv", _without(text, IDENTIFYING[practice]))
    outcomes = {(practice, feed): outcome for practice, feed, outcome in _outcomes(night)}
    expected = {practice: list(csv.DictReader(io.StringIO(exports[practice]))) for practice in REAL}
    records = expected["repeated_readings"]
    parents = [row for row in records if not row["redcap_repeat_instrument"]]
    readings = [row for row in records if row["bp_systolic"]]
    sent = {
        ("access_groups", "episodes"): len(expected["access_groups"]),
        ("repeated_readings", "episodes"): len(parents),
        ("repeated_readings", "administrations"): len(readings),
    }
    assert set(outcomes) == set(sent)
    for key, outcome in outcomes.items():
        assert (outcome.state, outcome.message) == ("loaded", None)
        assert outcome.n_accepted == sent[key]
        assert outcome.n_quarantined == 0
        assert outcome.n_rows_read == len(expected[key[0]])
        assert outcome.n_rows_read == outcome.n_accepted + outcome.n_excluded
    forms = outcomes[("repeated_readings", "administrations")].exclusions
    assert forms["blank_parent_row"] == len(parents)
    with night.warehouse.connect() as con:
        sites = con.execute(
            "select site_id, count(*) from raw.episodes where practice_id = 'access_groups' "
            "group by 1 order by 1"
        ).fetchall()
        totals = con.execute(
            "select occasion::integer, status, completed_on::varchar, stated_total "
            "from raw.administrations order by stated_total"
        ).fetchall()
    assert sites == [("group_a", 2), ("group_b", 1)]
    assert totals == [
        (int(row["redcap_repeat_instance"]), "completed", row["date_bp"], float(row["bp_systolic"]))
        for row in sorted(readings, key=lambda row: float(row["bp_systolic"]))
    ]


def test_a_made_up_export_counts_what_belongs_elsewhere_under_its_reason(
    tmp_path: Path, declared: Registry
) -> None:
    night = group.night_in(tmp_path, declared)
    text = _without(REPEATED_READINGS, IDENTIFYING["repeated_readings"])
    group.send(night, "repeated_readings", "records.csv", text)
    found = {feed: outcome.exclusions for _, feed, outcome in _outcomes(night)}
    assert found == {
        "episodes": {"repeating_row": 5},
        "administrations": {"blank_parent_row": 2, "other_instrument": 1, "blank_form": 1},
    }
