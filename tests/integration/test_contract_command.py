"""`alliance contract`: what a person is told before a contract goes live, and what is not told."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

import orchestration.cli.contract as command
from expectations.registry import SHIPPED, Registry
from orchestration.cli.main import app
from orchestration.contract_check import check_files
from orchestration.ingest.pseudonyms import create_key
from orchestration.ingest.reading import ReadingWorker
from orchestration.last_seen import LastSeen
from orchestration.settings import Settings
from tests.integration import small_group as group
from tests.unit.ingest import declarations

runner = CliRunner()


@dataclass
class Home:
    """A home with the practice `brook`, and a folder of exports beside it."""

    path: Path
    exports: Path

    def send(self, name: str, content: str) -> str:
        file = self.exports / name
        file.write_text(content, encoding="utf-8")
        return str(file)

    def check(self, *files: str, practice: str = "brook") -> tuple[int, str]:
        result = runner.invoke(
            app, ["contract", "check", practice, *files, "--home", str(self.path)]
        )
        return result.exit_code, result.output

    def document(self, *files: str) -> tuple[int, dict[str, object]]:
        arguments = ["contract", "check", "brook", *files, "--home", str(self.path), "--json"]
        result = runner.invoke(app, arguments)
        return result.exit_code, json.loads(result.stdout)


def _bytes_of(folder: Path) -> dict[str, tuple[float, bytes]]:
    """Every file of a folder, with the time of its last change."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mtime,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    settings = Settings(tmp_path / "home")
    registry = group.registry(group.practice("brook"))
    create_key(settings.keys, "brook")
    exports = tmp_path / "exports"
    exports.mkdir()

    def here(_: Settings, **__: object) -> ReadingWorker:
        return group.HereWorker(settings, registry=registry)

    def opened(_: Settings) -> Registry:
        return registry

    monkeypatch.setattr(command, "open_registry", opened)
    monkeypatch.setattr(command, "ReadingWorker", here)
    before = _bytes_of(settings.home)
    yield Home(settings.home, exports)
    assert _bytes_of(settings.home) == before, "a dry run writes nothing"


def test_a_file_the_night_would_load_is_fine(home: Home) -> None:
    code, said = home.document(
        home.send("forms_20260930.csv", group.FORMS), home.send("episodes_1.csv", group.EPISODES)
    )
    assert code == 0
    assert said["is_fine"] is True
    forms, episodes = said["files"]  # type: ignore[misc]
    assert (forms["feed"], forms["pattern"], forms["exported_on"]) == (  # type: ignore[has-type]
        "administrations",
        "forms_*.csv",
        "2026-09-30",
    )
    assert (forms["n_rows_read"], forms["n_accepted"], forms["n_quarantined"]) == (5, 5, 0)  # type: ignore[has-type]
    assert forms["column_map"]["a"] == ["short_form item 1"]  # type: ignore[has-type]
    assert forms["column_map"]["batch"] == ["discarded"]  # type: ignore[has-type]
    assert forms["drift"] == {"unknown": [], "missing": [], "renamed": {}}  # type: ignore[has-type]
    assert {check["status"] for check in forms["checks"]} >= {"passed"}  # type: ignore[has-type]
    assert episodes["n_accepted"] == 1  # type: ignore[has-type]


def test_a_renamed_column_is_guessed_at(home: Home) -> None:
    file = home.send("forms_20260930.csv", group.FORMS.replace("visit", "visit_no"))
    code, output = home.check(file)
    assert code == 1
    assert "wrong_columns" in output
    assert "missing column visit; renamed to visit_no?" in output
    assert "unknown column visit_no" in output


def test_quarantine_beyond_tolerance_needs_a_person(home: Home) -> None:
    file = home.send("forms_20260930.csv", group.FORMS.replace("P1;V2", "canary;V2"))
    code, output = home.check(file)
    assert code == 1
    assert "administrations.client_id.valid" in output
    assert "1 quarantined" in output
    assert "canary" not in output


def test_an_identifier_is_a_finding_by_class_column_and_row(home: Home) -> None:
    content = group.FORMS.replace("P2;V4;12.02.2026;no", "P2;V4;12.02.2026;who@canary.org")
    code, said = home.document(home.send("forms_20260930.csv", content))
    assert code == 1
    (finding,) = said["files"][0]["privacy_findings"]  # type: ignore[index]
    assert "column state looks like a e-mail address in rows 4" in finding
    assert "canary" not in json.dumps(said)


def test_a_first_line_of_data_is_not_shown(home: Home) -> None:
    body = group.FORMS.partition("\n")[2]
    code, output = home.check(home.send("forms_20260930.csv", body))
    assert code == 1
    assert "wrong_header" in output
    assert "V1" not in output


def test_a_file_no_pattern_fits(home: Home) -> None:
    code, output = home.check(home.send("other.csv", group.FORMS))
    assert code == 1
    assert "unexpected_file" in output


def test_it_says_what_was_last_seen_and_writes_nothing(tmp_path: Path) -> None:
    """A home with a release, a ledger and an archive: not one byte of it changes."""
    old = declarations.practice(declarations.WIDE_FILE, valid_to="2026-09-30")
    new_file = {**declarations.WIDE_FILE, "discard": ["batch", "ward"]}
    new = declarations.practice(new_file, valid_from="2026-10-01")
    brook = old.model_copy(update={"contracts": (*old.contracts, *new.contracts)})
    registry = group.registry(brook)
    settings = Settings(tmp_path / "home")
    create_key(settings.keys, "brook")
    settings.releases.mkdir()
    con = duckdb.connect(str(settings.releases / "r1.duckdb"))
    con.execute(
        "create table deliveries as select 'brook' as practice_id, 'administrations' as feed, "
        "'forms' as file, 'loaded' as state, unnest([1, 2]) as load_seq, "
        "unnest([timestamp '2026-09-01 04:00', timestamp '2026-09-02 04:00']) as received_at, "
        "unnest([70, 80]) as n_file_rows, unnest([69, 79]) as n_accepted"
    )
    con.close()
    (settings.releases / "current.json").write_text(
        json.dumps({"release_id": "r1", "release": "r1.duckdb", "quality": "r1.quality.duckdb"})
    )
    (settings.home / "landing" / "brook").mkdir(parents=True)
    file = tmp_path / "forms_20261001.csv"
    header, body = group.FORMS.split("\n", 1)
    file.write_text(header + ";ward\n" + body.replace(";x\n", ";x;w\n"), encoding="utf-8")
    before = _bytes_of(settings.home)

    def here(_: Settings) -> ReadingWorker:
        return group.HereWorker(settings, registry=registry)

    (check,) = check_files(settings, registry, "brook", [file], date(2026, 10, 1), here)
    assert check.outcome.is_loadable, check.outcome.message
    assert check.last_seen == LastSeen(date(2026, 9, 2), 80, 79, ("ward",), ())
    assert check.to_json()["last_seen"]["received_on"] == "2026-09-02"
    assert check.outcome.n_file_rows == 5
    assert _bytes_of(settings.home) == before


def test_wrong_use(home: Home) -> None:
    assert home.check(home.send("forms_1.csv", group.FORMS), practice="creek")[0] == 2
    assert home.check(str(home.exports / "absent.csv"))[0] == 2


def test_the_check_goes_through_the_bounded_worker(tmp_path: Path) -> None:
    """No stand-in: the practice's file is read from the home and the worker is a process."""
    folder = tmp_path / "practices"
    folder.mkdir()
    practice = group.practice("brook").model_dump(mode="json", by_alias=True, exclude_defaults=True)
    (contract,) = practice["contracts"]
    contract["files"] = [f for f in contract["files"] if f["file"] == "episodes"]
    (folder / "brook.yml").write_text(yaml.safe_dump(practice), encoding="utf-8")
    shutil.copy(SHIPPED / "group.yml", tmp_path / "group.yml")
    file = tmp_path / "episodes_1.csv"
    file.write_text(group.EPISODES, encoding="utf-8")
    arguments = ["contract", "check", "brook", str(file), "--home", str(tmp_path), "--json"]
    keyless = runner.invoke(app, arguments)
    assert keyless.exit_code == 1
    assert json.loads(keyless.stdout)["files"][0]["reason"] == "key_missing"
    create_key(tmp_path / "keys", "brook")
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["files"][0]["n_accepted"] == 1


def test_schemas_are_written_with_their_editor_line(tmp_path: Path) -> None:
    result = runner.invoke(app, ["contract", "schema", "--out", str(tmp_path / "schemas")])
    assert result.exit_code == 0
    assert sorted(p.name for p in (tmp_path / "schemas").iterdir()) == [
        "group.schema.json",
        "instrument.schema.json",
        "practice.schema.json",
    ]
    assert "# yaml-language-server: $schema=file://" in result.output
    assert set(json.loads(runner.invoke(app, ["contract", "schema"]).stdout)) == {
        "group",
        "practice",
        "instrument",
    }


def test_every_command_shows_an_example() -> None:
    for name in ("check", "schema"):
        assert (
            "Example: alliance contract" in runner.invoke(app, ["contract", name, "--help"]).output
        )
