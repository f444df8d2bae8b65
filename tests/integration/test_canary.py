"""Planted ids and identifiers, through two whole nights and a withdrawal: in no byte written."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from orchestration.cli.main import app
from orchestration.ingest.pseudonyms import load_key
from orchestration.settings import Settings
from tests.parsed_project import give
from tests.unit.expectations.homes import PRACTICE, home

ACCEPTED = [f"Zqaccept{number}" for number in range(71, 83)]
QUARANTINED, REFUSED, WITHDRAWN = "Zqquaran72", "Zqrefuse73", "Zqwithdr74"
IDENTIFIER = "zq.canary@example.org"
HEADER = "SessionNo,ClientNo,Day,Kept,room\n"
NOT_OURS = ("landing", "keys")
"""What was sent lies in landing until it is taken in; a refused file stays there."""


@dataclass
class Nights:
    """The home after two nights, and what the commands answered."""

    settings: Settings
    first: Result
    withdrawn: Result
    second: Result


def _sessions(clients: list[str], day: str) -> str:
    rows = [f"S{client}{day[:2]},{client},{day},came,1\n" for client in clients]
    return HEADER + "".join(rows)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("canary")
    settings = Settings(home(folder, lakeside=PRACTICE))
    landing = settings.landing / "lakeside"
    landing.mkdir(parents=True)
    give(parsed, settings.dbt_target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLIANCE_HOME", str(folder))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        assert _run("keys", "create", "lakeside").exit_code == 0
        bad_day = f"S{QUARANTINED},{QUARANTINED},no day,came,1\n"
        text = _sessions([*ACCEPTED, WITHDRAWN], "02.09.2026") + bad_day
        (landing / "sessions_20260930.csv").write_text(text)
        refused = f"ClientNo,SessionNo,A,B,C,D\n{REFUSED},S{REFUSED},{IDENTIFIER},1,1,1\n"
        (landing / "forms_1.csv").write_text(refused)
        first = _run("nightly", "--json")
        withdrawn = _run("withdraw", "lakeside", "--json", typed=f"{WITHDRAWN}\n")
        text = _sessions([*ACCEPTED, WITHDRAWN], "09.09.2026")
        (landing / "sessions_20261001.csv").write_text(text)
        second = _run("nightly", "--json")
        yield Nights(settings, first, withdrawn, second)


def _run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed)


def _document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_nights_went_as_planted(nights: Nights) -> None:
    (line,) = _document(nights.first)["practices"]
    assert (line["n_accepted"], line["n_quarantined"]) == (len(ACCEPTED) + 1, 1)
    assert "identifier_found" in " ".join(_document(nights.first)["problems"])
    assert nights.withdrawn.exit_code == 0, nights.withdrawn.output
    assert _document(nights.withdrawn)["removed"] == {"raw.sessions": 1}
    (line,) = _document(nights.second)["practices"]
    assert (line["n_accepted"], line["n_excluded"]) == (len(ACCEPTED), 1)
    assert line["n_rows_read"] == line["n_accepted"] + line["n_excluded"]


def test_a_withdrawn_client_is_in_no_table_of_the_second_night(nights: Nights) -> None:
    client = load_key(nights.settings.keys, "lakeside").pseudonym(WITHDRAWN)
    with duckdb.connect(str(nights.settings.warehouse)) as con:
        tables = con.execute(
            "select table_schema || '.' || table_name from information_schema.columns "
            "where column_name = 'client_key'"
        ).fetchall()
        names = {name for (name,) in tables}
        assert {"raw.sessions", "marts.fct_sessions", "quality.withdrawals"} <= names
        for name in names - {"quality.withdrawals"}:
            ((n_rows,),) = con.execute(
                f"select count(*) from {name} where client_key = ?", [client]
            ).fetchall()
            assert n_rows == 0, name
        ((n_others,),) = con.execute("select count(*) from marts.fct_sessions").fetchall()
    assert n_others == 2 * len(ACCEPTED)


def test_no_planted_word_is_in_any_byte_written(nights: Nights) -> None:
    planted = [*ACCEPTED, QUARANTINED, REFUSED, WITHDRAWN, IDENTIFIER]
    searched = set()
    for path in nights.settings.home.rglob("*"):
        top = path.relative_to(nights.settings.home).parts[0]
        if path.is_file() and top not in NOT_OURS:
            content = path.read_bytes()
            searched.add(top)
            for word in planted:
                for form in (word.encode(), word.encode("utf-16-le"), word.lower().encode()):
                    assert form not in content, path
    assert {"warehouse.duckdb", "releases", "dagster", "dbt", "archive"} <= searched
    for result in (nights.first, nights.withdrawn, nights.second):
        assert not [word for word in planted if word in result.output]


def test_the_keys_folder_is_for_its_owner_only(nights: Nights) -> None:
    modes = {path.stat().st_mode & 0o777 for path in nights.settings.keys.rglob("*")}
    assert modes == {0o600}
    assert nights.settings.keys.stat().st_mode & 0o777 == 0o700


def test_a_destroyed_key_is_listed_and_not_made_again(nights: Nights) -> None:
    assert _run("keys", "destroy", "lakeside").exit_code == 1  # asked, and nobody answered
    assert _document_list(_run("keys", "list", "--json"))[0]["state"] == "good"
    assert _run("keys", "destroy", "nobody", "--yes").exit_code == 2
    assert _run("keys", "destroy", "lakeside", "--yes").exit_code == 0
    (state,) = _document_list(_run("keys", "list", "--json"))
    assert (state["state"], state["key_version"]) == ("destroyed", 1)
    assert _run("keys", "create", "lakeside").exit_code == 1
    assert not list(nights.settings.landing.rglob("*.csv"))


def _document_list(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found
