"""`alliance deliveries` and `alliance quarantine` say what the release says, by row and rule."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli.main import app
from orchestration.release.publish import write_release
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
    (count,) = json.loads(done.stdout)["quarantine"]
    assert (count["check_id"], count["column_name"]) == ("sessions.site_id.required", "site_id")
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == count["n_rows"]
    assert {row["row_no"] for row in rows} == {"4"}
    other = RUN.invoke(app, ["quarantine", "--home", str(home), "--practice", "another", "--json"])
    assert json.loads(other.stdout) == {"quarantine": []}


def test_without_a_release_a_person_is_told_what_to_do(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["quarantine", "--home", str(tmp_path)])
    assert done.exit_code == 1
    assert "alliance nightly" in done.stderr
