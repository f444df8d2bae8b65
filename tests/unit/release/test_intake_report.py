"""`alliance deliveries` and `alliance quarantine` say what the release says, by row and rule."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from orchestration.release.intake_report import Wanted, calendar
from orchestration.release.publish import write_release
from orchestration.release.reader import Releases
from tests.unit.release.small_warehouse import NIGHT, small_meta, small_registry, small_warehouse

RUN = CliRunner()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    registry = small_registry()
    write_release(small_warehouse(), folder / "releases", small_meta(registry, NIGHT), registry)
    return folder


def test_deliveries_come_newest_first_after_what_is_expected(home: Path) -> None:
    done = RUN.invoke(app, ["deliveries", "--home", str(home), "--json"])
    assert done.exit_code == 0
    states = [row["state"] for row in json.loads(done.stdout)["deliveries"]]
    assert states[-2:] == ["refused", "loaded"]
    assert set(states[:-2]) == {"expected"}


def test_deliveries_of_one_state(home: Path) -> None:
    done = RUN.invoke(app, ["deliveries", "--home", str(home), "--state", "refused", "--json"])
    (row,) = json.loads(done.stdout)["deliveries"]
    assert (row["practice_id"], row["n_file_rows"], row["n_quarantined"]) == ("practice", 5, 1)


def test_a_state_that_there_is_not_is_wrong_use(home: Path) -> None:
    done = RUN.invoke(app, ["deliveries", "--home", str(home), "--state", "lost"])
    assert done.exit_code == 2


def test_quarantine_is_counted_by_rule_and_its_rows_are_written_for_the_practice(
    home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mend.csv"
    command = ["quarantine", "--home", str(home), "--practice", "practice"]
    done = RUN.invoke(app, [*command, "--csv", str(path), "--json"])
    assert done.exit_code == 0
    counts = json.loads(done.stdout)["quarantine"]
    assert [(count["check_id"], count["column_name"]) for count in counts] == [
        ("sessions.site_id.required", "site_id")
    ] * 2
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sum(count["n_rows"] for count in counts)
    assert {row["row_no"] for row in rows} == {"4"}
    other = RUN.invoke(app, ["quarantine", "--home", str(home), "--practice", "another", "--json"])
    assert json.loads(other.stdout) == {"quarantine": []}


def test_without_a_release_a_person_is_told_what_to_do(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["quarantine", "--home", str(tmp_path)])
    assert done.exit_code == 1
    assert "alliance nightly" in done.stderr


def test_the_calendar_is_told_by_the_clock_alone(home: Path) -> None:
    """Loaded on the 22nd, refused on the 23rd; nothing came after, and no release either."""
    release = Releases(home / "releases").current()
    assert release is not None

    def states(day: int, hour: int) -> dict[int, str]:
        now = datetime(2026, 11, day, hour, tzinfo=UTC)
        found = calendar(release, Wanted(practice_id="practice"), now, 10)
        return {row["due_on"].day: row["state"] for row in found}

    # A day of grace: due on the 24th, late after 08:00 UTC on the 25th, missing a day later.
    assert states(23, 9) == {22: "quarantined", 23: "refused", 24: "due"}
    assert states(25, 8) == {22: "quarantined", 23: "refused", 24: "due", 25: "due", 26: "due"}
    assert states(25, 9)[24] == "late"
    assert states(26, 8)[24] == "late"
    assert states(26, 9) | {27: "due"} == {
        22: "quarantined",
        23: "refused",
        24: "missing",
        25: "late",
        26: "due",
        27: "due",
    }
    # 04:00 UTC is still the day before in New York.
    assert max(states(24, 4)) == 24
    assert max(states(24, 6)) == 25
    assert calendar(release, Wanted(practice_id="other"), NIGHT, 10) == []


def test_the_command_shows_the_calendar(home: Path) -> None:
    command = ["deliveries", "--home", str(home), "--calendar", "--days", "100", "--json"]
    done = RUN.invoke(app, command)
    assert done.exit_code == 0
    rows = json.loads(done.stdout)["calendar"]
    assert {"practice_id", "due_on", "file", "state", "expected_by_at"} <= set(rows[0])
    assert RUN.invoke(app, [*command, "--state", "loaded"]).exit_code == 2
    only = json.loads(RUN.invoke(app, [*command, "--state", "refused"]).stdout)["calendar"]
    assert {row["state"] for row in only} <= {"refused"}
