"""Bad files: refused or in quarantine with a clear word, and nothing of another practice moves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.ingest import load
from orchestration.night import Night
from tests.integration import small_group as group

Change = Callable[[str], str | bytes]


def _line(number: int, text: str) -> Change:
    def change(content: str) -> str:
        lines = content.split("\n")
        lines[number] = text
        return "\n".join(lines)

    return change


REFUSED: dict[str, tuple[Change, str, str]] = {
    "renamed column": (_line(0, group.HEADER.replace("visit", "vist")), "wrong_columns", "vist"),
    "missing column": (
        lambda content: "\n".join(line.rpartition(";")[0] for line in content.split("\n")),
        "wrong_columns",
        "batch",
    ),
    "extra column": (
        lambda content: content.replace("batch", "batch;extra").replace(";x", ";x;y"),
        "wrong_columns",
        "extra",
    ),
    "wrong delimiter": (lambda content: content.replace(";", ","), "wrong_header", "comma"),
    "no header": (lambda content: content.partition("\n")[2], "wrong_header", "line 1"),
    "wrong encoding": (
        lambda content: content.replace("x", "ü").encode("latin-1"),
        "wrong_encoding",
        "utf-8",
    ),
    "utf-16": (lambda content: content.encode("utf-16"), "wrong_encoding", "UTF-16"),
    "empty": (lambda content: "", "empty_file", "empty"),
    "header only": (lambda content: content.split("\n")[0] + "\n", "no_rows", "no rows"),
    "cut off": (lambda content: content[:-6], "truncated_file", "line end"),
    "ragged line": (_line(2, "P1;V2;10.02.2026;done"), "unreadable_row", "line 3"),
    "identifier": (
        _line(2, "P1;V2;10.02.2026;who@canary.org;1;1;1;x"),
        "identifier_found",
        "state",
    ),
}
QUARANTINED: dict[str, tuple[Change, str, int]] = {
    "item out of range": (
        _line(2, "P1;V2;10.02.2026;done;7;0;2;x"),
        "administrations.item_01.in_range",
        1,
    ),
    "word for a number": (
        _line(2, "P1;V2;10.02.2026;done;canary;0;2;x"),
        "administrations.item_01.in_range",
        1,
    ),
    "unknown status": (
        _line(2, "P1;V2;10.02.2026;canary;1;0;2;x"),
        "administrations.status.one_of",
        1,
    ),
    "duplicate": (
        _line(2, "P1;V1;03.02.2026;done;1;2;3;x"),
        "administrations.key.unique",
        1,
    ),
    "contradicting duplicate": (
        _line(2, "P1;V1;03.02.2026;done;4;4;4;x"),
        "administrations.key.unique",
        2,
    ),
    "a name for an id": (
        _line(2, "canary;V2;10.02.2026;done;1;0;2;x"),
        "administrations.client_id.valid",
        1,
    ),
    "a date that is none": (
        _line(2, "P1;V2;30.02.2026;done;1;0;2;x"),
        "administrations.completed_on.between",
        1,
    ),
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    """Creek's rows from a night without brook. Both homes must share creek's key."""
    night = group.night_in(
        tmp_path_factory.mktemp("clean"), group.registry(group.practice("creek"))
    )
    _fix_key(night)
    _creek_sends(night)
    group.run(night)
    return group.rows(night, "creek")


def _fix_key(night: Night) -> None:
    (night.settings.keys / "creek.key").write_text("ab" * 32)


def _creek_sends(night: Night) -> None:
    group.send(night, "creek", "forms_20260930.csv", group.FORMS)
    group.send(night, "creek", "episodes_1.csv", group.EPISODES)


def _night_with(tmp_path: Path, content: str | bytes) -> Night:
    night = group.night_in(
        tmp_path, group.registry(group.practice("brook"), group.practice("creek"))
    )
    _fix_key(night)
    group.send(night, "brook", "forms_20260930.csv", content)
    _creek_sends(night)
    return night


@pytest.mark.parametrize("fault", REFUSED)
def test_refused(tmp_path: Path, clean: dict[str, list[tuple[object, ...]]], fault: str) -> None:
    change, reason, words = REFUSED[fault]
    night = _night_with(tmp_path, change(group.FORMS))
    (outcome,) = group.run(night)[("brook", "administrations")]
    assert (outcome.state, outcome.reason) == ("refused", reason)
    assert words in (outcome.message or "")
    assert "canary" not in str(outcome)
    assert not any(group.rows(night, "brook").values())
    assert group.rows(night, "creek") == clean
    with night.warehouse.connect() as con:
        assert con.execute(
            "select check_id, status from quality.check_results where practice_id = 'brook'"
        ).fetchall() == [("delivery.file.taken_in", "failed")]
    # It stays where it is, waits for a person, and is not read again under the same rules.
    assert (night.settings.landing / "brook" / "forms_20260930.csv").exists()
    assert not list((night.settings.archive / "brook").rglob("*"))
    assert group.run(night) == {}
    assert [arrival.practice_id for arrival, _ in night.landing().waiting] == ["brook"]


@pytest.mark.parametrize("fault", QUARANTINED)
def test_quarantined(
    tmp_path: Path, clean: dict[str, list[tuple[object, ...]]], fault: str
) -> None:
    change, check_id, n_rows = QUARANTINED[fault]
    night = _night_with(tmp_path, change(group.FORMS))
    (outcome,) = group.run(night)[("brook", "administrations")]
    assert outcome.state == "loaded"
    assert outcome.is_over_tolerance
    assert outcome.n_rows_read == 5
    assert outcome.n_quarantined == n_rows
    assert outcome.n_accepted == 5 - n_rows
    with night.warehouse.connect() as con:
        assert {
            row[0] for row in con.execute("select check_id from quality.quarantine").fetchall()
        } == {check_id}
    assert len(group.rows(night, "brook")["administrations"]) == 5 - n_rows
    assert group.rows(night, "creek") == clean
    assert b"canary" not in night.settings.warehouse.read_bytes()
    assert not (night.settings.landing / "brook" / "forms_20260930.csv").exists()


def test_the_same_file_again_or_renamed_is_loaded_once(tmp_path: Path) -> None:
    night = _night_with(tmp_path, group.FORMS)
    group.run(night)
    before = group.rows(night, "brook")
    group.send(night, "brook", "forms_20260930.csv", group.FORMS)
    group.send(night, "brook", "forms_20261001.csv", group.FORMS)
    assert group.run(night) == {}
    night.clear_landing("brook")
    assert group.rows(night, "brook") == before
    assert not list((night.settings.landing / "brook").iterdir())


def test_a_mended_contract_takes_a_refused_file(tmp_path: Path) -> None:
    renamed = group.FORMS.replace("visit", "encounter")
    night = _night_with(tmp_path, renamed)
    group.run(night)
    mended = group.practice("brook").model_dump(mode="json", by_alias=True, exclude_unset=True)
    forms = mended["contracts"][0]["files"][0]["mappings"][0]
    forms["columns"]["session_id"]["from"] = "encounter"
    brook = type(group.practice("brook")).model_validate(mended)
    again = group.night_in(tmp_path, group.registry(brook, group.practice("creek")))
    (outcome,) = group.run(again)[("brook", "administrations")]
    assert outcome.state == "loaded"


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        ({"agreements": []}, "agreement_expired"),
        ({"valid_to": "2021-01-01"}, "no_contract"),
    ],
)
def test_terms_that_ended_stop_one_practice(
    tmp_path: Path, contract: dict[str, object], reason: str
) -> None:
    night = group.night_in(
        tmp_path, group.registry(group.practice("brook", **contract), group.practice("creek"))
    )
    group.send(night, "brook", "forms_20260930.csv", group.FORMS)
    _creek_sends(night)
    outcomes = group.run(night)
    refused = [outcome for key, found in outcomes.items() if key[0] == "brook" for outcome in found]
    assert [outcome.reason for outcome in refused] == [reason]
    assert all(o.state == "loaded" for o in outcomes[("creek", "administrations")])


def test_a_load_that_fails_lets_go_of_what_it_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = _night_with(tmp_path, group.FORMS)
    night.write_reference()  # the file stays open over deliveries, as in a whole night
    whole = load.load

    def broken(con: duckdb.DuckDBPyConnection, *told: Any, **more: Any) -> None:
        raise duckdb.IOException("the disk went")

    monkeypatch.setattr(load, "load", broken)
    with pytest.raises(duckdb.IOException):
        night.take_in("brook", "administrations")
    monkeypatch.setattr(load, "load", whole)
    ((_, outcome),) = night.take_in("creek", "administrations")
    assert outcome.state == "loaded"
    night.close()
