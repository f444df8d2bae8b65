"""What the ledger's last word means for a file that lies in landing."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from expectations.practice import Contract
from orchestration.ingest.ledger import (
    CURED_ELSEWHERE,
    Circumstances,
    Disposition,
    Entry,
    attempt_number,
    disposition,
    sort_arrivals,
)
from orchestration.landing import Arrival, exported_on
from orchestration.manifest import Listed
from tests.unit.ingest import declarations

IN_THE_BYTES = {
    *("empty_file", "too_large", "wrong_encoding", "damaged_file", "truncated_file"),
    *("no_header", "repeated_column", "wrong_header", "wrong_columns", "direct_identifier"),
    *("identifier_found", "unreadable_row", "rows_lost", "no_rows"),
    *("cell_error", "formula_without_value", "hidden_sheet", "inexact_number", "merged_cells"),
    *("unsafe_archive", "unsearchable_part", "unsupported_type", "wrong_sheet", "wrong_coding"),
    *("ambiguous_answer", "free_text", "no_number", "not_a_response", "not_json", "repeated_key"),
    *("too_deep", "unexpected_element", "unknown_status", "different_columns", "unknown_format"),
}
"""Reasons that only other bytes, a mended contract or other software take away."""


def _entry(
    state: str, digest: str = "rules", attempts: int = 1, reason: str | None = None
) -> Entry:
    in_force = None if reason == "no_contract" else date(2020, 1, 1)
    return Entry(state, reason, None, digest, in_force, "1.0", attempts)


def _now(today: date = date(2026, 10, 1), key_refusal: str | None = None) -> Circumstances:
    return Circumstances(today, "rules", "1.0", 3, lambda: key_refusal)


def _contract(**terms: Any) -> Contract:
    return declarations.practice(declarations.WIDE_FILE, **terms).contracts[0]


def _arrival(name: str = "forms_20260930.csv", contract: Contract | None = None) -> Arrival:
    contract = contract or _contract()
    spec = contract.files[0] if name.startswith("forms_") else None
    day = exported_on(spec, name)
    return Arrival("brook", "administrations", Path(name), "0" * 64, spec, contract, day)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (None, "new"),
        (_entry("loaded"), "already_loaded"),
        (_entry("loaded", "older rules"), "already_loaded"),
        (_entry("refused"), "waiting"),
        (_entry("refused", "older rules"), "new"),
        (_entry("dead"), "new"),
        (_entry("dead", attempts=2), "new"),
        (_entry("dead", attempts=3), "waiting"),
        (_entry("dead", "older rules", 3), "new"),
    ],
)
def test_disposition(entry: Entry | None, expected: Disposition) -> None:
    assert disposition(entry, _arrival(), _now()) == expected


@pytest.mark.parametrize("reason", sorted(IN_THE_BYTES))
def test_a_reason_in_the_bytes_waits_for_a_person(reason: str) -> None:
    entry = _entry("refused", reason=reason)
    assert disposition(entry, _arrival(), _now()) == "waiting"
    assert disposition(entry, _arrival("forms_20261001.csv"), _now(date(2027, 1, 1))) == "waiting"


@pytest.mark.parametrize(
    "entry",
    [_entry("refused", reason=reason) for reason in sorted(IN_THE_BYTES)]
    + [_entry("dead", attempts=3, reason="reading_died")],
)
def test_other_software_tries_everything_again(entry: Entry) -> None:
    upgraded = replace(_now(), code_version="1.1")
    assert disposition(entry, _arrival(), upgraded) == "new"
    assert attempt_number(entry, _arrival(), upgraded) == 1


def test_a_version_of_the_contract_that_came_into_force_tries_again() -> None:
    """A layout sent a day before its contract version begins: no rule changed, the day did."""
    entry = _entry("refused", reason="wrong_columns")
    second = _arrival(contract=_contract(valid_from="2026-10-01"))
    assert disposition(entry, _arrival(), _now()) == "waiting"
    assert disposition(entry, second, _now()) == "new"
    assert attempt_number(_entry("dead", attempts=2), second, _now()) == 1


LATER = {
    "signed_on": "2026-10-02",
    "expires_on": "2099-12-31",
    "kind": "data use agreement",
    "purpose": "test",
}
BAD_NAME = _arrival("forms_a@b.co_20260930.csv")
OUT_OF_FORCE = _arrival(contract=_contract(agreements=[LATER]))
_PERIOD = {"delivery_scope": "period", "period": {"stated_in": "manifest"}}
WITHOUT_PERIOD = replace(
    _arrival(),
    spec=declarations.practice({**declarations.WIDE_FILE, **_PERIOD}).contracts[0].files[0],
)
AHEAD = _arrival("forms_20261101.csv")
LISTED = replace(_arrival(), listed=Listed("0" * 64, n_rows=4))
WITHOUT_CONTRACT = replace(_arrival(), spec=None, contract=None)
CURES: dict[str, tuple[tuple[Arrival, Circumstances], tuple[Arrival, Circumstances]]] = {
    "identifier_in_file_name": (
        (_arrival("forms_a@b.co_20260930.csv"), _now()),
        (_arrival(), _now()),
    ),
    "unexpected_file": ((_arrival("form_20260930.csv"), _now()), (_arrival(), _now())),
    "no_export_date": ((_arrival("forms_20260931.csv"), _now()), (_arrival(), _now())),
    "export_date_ahead": ((AHEAD, _now()), (AHEAD, _now(date(2026, 10, 31)))),
    "no_period": ((WITHOUT_PERIOD, _now()), (_arrival(), _now())),
    "manifest_unreadable": (
        (replace(LISTED, list_problem="manifest_unreadable"), _now()),
        (LISTED, _now()),
    ),
    "not_in_manifest": (
        (replace(_arrival(), list_problem="not_in_manifest"), _now()),
        (LISTED, _now()),
    ),
    "manifest_hash": (
        (replace(LISTED, listed=Listed("1" * 64)), _now()),
        (LISTED, _now()),
    ),
    "manifest_rows": ((LISTED, _now()), (replace(LISTED, listed=Listed("0" * 64, 5)), _now())),
    "no_contract": ((WITHOUT_CONTRACT, _now()), (_arrival(), _now())),
    "agreement_expired": ((OUT_OF_FORCE, _now()), (OUT_OF_FORCE, _now(date(2026, 10, 2)))),
    **{
        reason: ((_arrival(), _now(key_refusal=reason)), (_arrival(), _now()))
        for reason in (
            *("key_missing", "key_readable", "key_unusable", "key_given_twice"),
            *("key_changed", "key_destroyed"),
        )
    },
}
"""Reason -> arrival and circumstances while the cause is there, and when it is gone."""


@pytest.mark.parametrize("reason", CURES)
def test_a_cause_elsewhere_waits_until_it_is_gone(reason: str) -> None:
    entry, (still, gone) = _entry("refused", reason=reason), CURES[reason]
    entry = replace(entry, message="the list says 4 rows, the file has 5; send both again")
    assert disposition(entry, *still) == "waiting"
    assert disposition(entry, *gone) == "new"


def test_a_file_that_changed_while_it_was_read_is_tried_again() -> None:
    assert disposition(_entry("refused", reason="file_changed"), _arrival(), _now()) == "new"


def test_a_key_that_is_bad_in_another_way_is_reported_anew() -> None:
    entry = _entry("refused", reason="key_missing")
    assert disposition(entry, _arrival(), _now(key_refusal="key_readable")) == "new"


def test_every_reason_is_known_to_sit_in_the_bytes_or_elsewhere(repository: Path) -> None:
    """A new reason must say where its cause is, or its file would wait after the cure."""
    assert set(CURED_ELSEWHERE) == {*CURES, "file_changed"}
    given = {
        reason
        for path in (repository / "orchestration").rglob("*.py")
        for reason in re.findall(
            r'(?:DeliveryRefused|refused)\(\s*(?:[\w.]+,\s*)?"(\w+)"', path.read_text()
        )
    }
    assert given >= IN_THE_BYTES
    assert given == IN_THE_BYTES | set(CURED_ELSEWHERE) | {"reading_died", "shrunken"}


def test_a_held_file_waits_for_a_persons_word() -> None:
    held = _entry("held", reason="shrunken")
    assert disposition(held, _arrival(), _now()) == "waiting"
    assert disposition(replace(held, is_released=True), _arrival(), _now()) == "new"
    refused = _entry("refused", "older rules", reason="refused_by_a_person")
    assert disposition(refused, _arrival(), _now()) == "turned_away"
    found = sort_arrivals([_arrival()], {_arrival().delivery_id: refused}, {"brook": _now()})
    assert (found.turned_away, found.new, found.waiting) == ((_arrival(),), (), ())


def test_a_date_in_a_column_that_is_ahead_waits_for_its_day() -> None:
    spec = {**declarations.WIDE_FILE, "exported_at": {"column": "batch"}, "discard": []}
    contract = declarations.practice(spec).contracts[0]
    entry = replace(_entry("refused", reason="export_date_ahead"), exported_on=date(2026, 11, 1))
    arrival = _arrival(contract=contract)
    assert arrival.exported_on is None
    assert not arrival.lacks_export_date
    assert disposition(entry, arrival, _now()) == "waiting"
    assert disposition(entry, arrival, _now(date(2026, 11, 1))) == "new"


def test_loaded_bytes_under_a_date_to_come_wait() -> None:
    loaded = {AHEAD.delivery_id: _entry("loaded")}
    found = sort_arrivals([AHEAD], loaded, {"brook": _now()})
    assert found.already_loaded == ()
    ((_, entry),) = found.waiting
    assert entry.reason == "export_date_ahead"
    tomorrow = _arrival("forms_20261002.csv")
    assert sort_arrivals([tomorrow], loaded, {"brook": _now()}).already_loaded == (tomorrow,)


def test_attempts_are_counted_under_the_same_rules() -> None:
    assert attempt_number(None, _arrival(), _now()) == 1
    assert attempt_number(_entry("refused", attempts=2), _arrival(), _now()) == 1
    assert attempt_number(_entry("dead", attempts=2), _arrival(), _now()) == 3
    assert attempt_number(_entry("dead", "older rules", 2), _arrival(), _now()) == 1


def test_a_copy_of_a_new_file_is_no_loaded_file() -> None:
    """It would be cleared away as one, before the first of the two is taken in."""
    one, other = _arrival(), _arrival("forms_20261001.csv")
    found = sort_arrivals([one, other], {}, {"brook": _now()})
    assert (found.new, found.copies, found.already_loaded) == ((one,), (other,), ())
    known = {one.delivery_id: _entry("loaded")}
    assert sort_arrivals([one, other], known, {"brook": _now()}).already_loaded == (one, other)
    known = {one.delivery_id: _entry("refused", reason="identifier_in_file_name")}
    found = sort_arrivals([BAD_NAME, one], known, {"brook": _now()})
    assert found.new == (one,)
    assert [arrival for arrival, _ in found.waiting] == [BAD_NAME]
