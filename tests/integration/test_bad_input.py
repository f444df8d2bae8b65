"""Bad files: refused or in quarantine with a clear word, and nothing of another practice moves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.ingest import load
from orchestration.ingest.outcome import Outcome
from orchestration.night import Night, selection
from tests.integration import small_group as group

Change = Callable[[str], str | bytes]
FILE = "forms_20260930.csv"


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


@dataclass(frozen=True)
class Taken:
    """A night on which every fault came from a practice of its own, and creek sent good files."""

    night: Night
    outcomes: dict[str, Outcome]
    clean: dict[str, list[tuple[object, ...]]]
    """Creek's rows from a night without the others."""


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    alone = group.night_in(
        tmp_path_factory.mktemp("clean"), group.registry(group.practice("creek"))
    )
    _fix_key(alone)
    _creek_sends(alone)
    group.run(alone)
    faults = {_sender(name): fault[0] for name, fault in (REFUSED | QUARANTINED).items()}
    practices = [group.practice(name) for name in (*faults, "creek")]
    night = group.night_in(tmp_path_factory.mktemp("beside"), group.registry(*practices))
    _fix_key(night)
    for name, change in faults.items():
        group.send(night, name, FILE, change(group.FORMS))
    _creek_sends(night)
    # Read together: the checks of one batch are pooled.
    night.read_ahead(selection(night.landing()))
    outcomes = {
        practice_id: outcome
        for (practice_id, _), found in group.run(night).items()
        for outcome in found
        if practice_id in faults
    }
    return Taken(night, outcomes, group.rows(alone, "creek"))


def _sender(fault: str) -> str:
    return fault.replace(" ", "_").replace("-", "_")


def _fix_key(night: Night) -> None:
    (night.settings.keys / "creek.key").write_text("ab" * 32)


def _creek_sends(night: Night) -> None:
    group.send(night, "creek", FILE, group.FORMS)
    group.send(night, "creek", "episodes_1.csv", group.EPISODES)


def _night_with(tmp_path: Path, content: str | bytes) -> Night:
    night = group.night_in(
        tmp_path, group.registry(group.practice("brook"), group.practice("creek"))
    )
    group.send(night, "brook", FILE, content)
    _creek_sends(night)
    return night


def test_a_practice_beside_bad_files_has_the_same_rows(taken: Taken) -> None:
    assert taken.clean["administrations"]
    assert group.rows(taken.night, "creek") == taken.clean
    # Refused files wait for a person, and are not read again under the same rules.
    assert group.run(taken.night) == {}
    waiting = {arrival.practice_id for arrival, _ in taken.night.landing().waiting}
    assert waiting == {_sender(fault) for fault in REFUSED}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused(taken: Taken, fault: str) -> None:
    _, reason, words = REFUSED[fault]
    sender, settings = _sender(fault), taken.night.settings
    outcome = taken.outcomes[sender]
    assert (outcome.state, outcome.reason) == ("refused", reason)
    assert words in (outcome.message or "")
    assert "canary" not in str(outcome)
    assert not any(group.rows(taken.night, sender).values())
    with taken.night.warehouse.connect() as con:
        assert con.execute(
            "select check_id, status from quality.check_results where practice_id = ?", [sender]
        ).fetchall() == [("delivery.file.taken_in", "failed")]
    assert (settings.landing / sender / FILE).exists()
    assert not list((settings.archive / sender).rglob("*"))


@pytest.mark.parametrize("fault", QUARANTINED)
def test_quarantined(taken: Taken, fault: str) -> None:
    _, check_id, n_rows = QUARANTINED[fault]
    sender, settings = _sender(fault), taken.night.settings
    outcome = taken.outcomes[sender]
    assert outcome.state == "loaded"
    assert outcome.is_over_tolerance
    assert outcome.n_rows_read == 5
    assert outcome.n_quarantined == n_rows
    assert outcome.n_accepted == 5 - n_rows
    with taken.night.warehouse.connect() as con:
        assert con.execute(
            "select distinct check_id from quality.quarantine where practice_id = ?", [sender]
        ).fetchall() == [(check_id,)]
    assert len(group.rows(taken.night, sender)["administrations"]) == 5 - n_rows
    assert b"canary" not in settings.warehouse.read_bytes()
    assert not (settings.landing / sender / FILE).exists()


def test_the_same_file_again_or_renamed_is_loaded_once(tmp_path: Path) -> None:
    night = _night_with(tmp_path, group.FORMS)
    group.run(night)
    before = group.rows(night, "brook")
    group.send(night, "brook", FILE, group.FORMS)
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
    group.send(night, "brook", FILE, group.FORMS)
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
