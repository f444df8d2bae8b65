"""The gate refuses, names columns and rows, and never repeats what it found."""

from pathlib import Path

import duckdb
import pytest

from expectations.practice import Dialect, FileSpec
from orchestration.ingest import privacy
from orchestration.ingest.readers.delimited import read_header, text_relation
from orchestration.ingest.readers.opened import OtherText
from orchestration.ingest.refusal import DeliveryRefused
from tests.unit.ingest import declarations

SPEC = FileSpec.model_validate(declarations.WIDE_FILE)
HEADER = ["client", "visit", "day", "state", "a", "b", "c", "batch"]

PLANTED = {
    "e-mail address": "who@example.org",
    "web address": "https://example.org/x",
    "social security number": "123-45-6789",
    "telephone number": "(212) 555-0142",
    "network address": "10.20.30.40",
    "bank account": "DE89 3704 0044 0532 0130 00",
    "payment card": "4111 1111 1111 1111",
    "street address": "12 Elm Street",
}


def test_every_pattern_has_a_planted_identifier() -> None:
    assert set(PLANTED) == set(privacy.PATTERNS)


@pytest.mark.parametrize("kind", PLANTED)
def test_an_identifier_in_any_cell_refuses_the_file(tmp_path: Path, kind: str) -> None:
    secret = PLANTED[kind]
    path = tmp_path / "f.csv"
    path.write_text(f'a,b\n1,2\n3,"x {secret} y"\n')
    source = text_relation(path, read_header(path, Dialect()), Dialect())
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.scan(duckdb.connect(), source)
    assert refusal.value.reason == "identifier_found"
    assert f"column b looks like a {kind} in rows 2" in refusal.value.message
    assert secret not in str(refusal.value)


def test_ordinary_cells_pass(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a,b\nS-2026-000123,2026-09-30\nC_10293,31.12.2025\n100.5,completed\n")
    source = text_relation(path, read_header(path, Dialect()), Dialect())
    assert privacy.scan(duckdb.connect(), source).n_rows == 3


def test_unknown_and_missing_columns_are_both_listed() -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([*HEADER[:-2], "batch", "colour"], SPEC)
    assert refusal.value.reason == "wrong_columns"
    assert "unknown columns: colour" in refusal.value.message
    assert "missing columns: c;" in refusal.value.message


def test_a_file_without_a_header_shows_nothing_of_its_first_line() -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns(["P1", "secret-visit", "3"], SPEC)
    assert refusal.value.reason == "wrong_header"
    assert "secret" not in refusal.value.message


def test_a_wrong_delimiter_is_recognised() -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([",".join(HEADER)], SPEC)
    assert "looks comma-separated" in refusal.value.message


def test_no_contract_excuses_a_direct_identifier() -> None:
    spec = FileSpec.model_validate({**declarations.WIDE_FILE, "discard": ["batch", "PatientName"]})
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([*HEADER, "PatientName"], spec)
    assert refusal.value.reason == "direct_identifier"
    assert "PatientName" in refusal.value.message


def test_an_identifier_in_a_header_is_not_repeated() -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([*HEADER, "who@example.org"], SPEC)
    assert "example.org" not in refusal.value.message


def test_an_identifier_in_the_file_name() -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_file_name("forms_123-45-6789.csv")
    assert refusal.value.reason == "identifier_in_file_name"
    privacy.check_file_name("forms_20260930.csv")


def test_a_text_outside_the_cells_is_searched_and_its_place_named() -> None:
    texts = [
        OtherText("the sheet's name", "Wave 2"),
        OtherText("the property `creator`", "jo@example.org"),
    ]
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_other_texts(texts)
    assert refusal.value.reason == "identifier_found"
    assert "the property `creator` looks like it holds a e-mail address" in refusal.value.message
    assert "example.org" not in refusal.value.message
    privacy.check_other_texts(texts[:1])


@pytest.mark.parametrize("name", ["IPAddress", "ZIPCode", "PatientDOBText", "GPSLongitude"])
def test_a_forbidden_word_is_found_beside_capitals(name: str) -> None:
    spec = FileSpec.model_validate({**declarations.WIDE_FILE, "discard": ["batch", name]})
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([*HEADER, name], spec)
    assert refusal.value.reason == "direct_identifier"


def test_direct_identifiers_come_before_other_differences_and_both_are_told() -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([*HEADER[:-1], "first_name", "colour"], SPEC)
    assert refusal.value.reason == "direct_identifier"
    assert "identifiers: first_name;" in refusal.value.message
    assert "unknown columns: colour; missing columns: batch" in refusal.value.message


@pytest.mark.parametrize(
    "header",
    [
        # After a gap in the file: the header's first names, then cells of some line.
        [*HEADER[:2], "13.02.2026", "secret", "0", "-99", "1", "batch"],
        ["client", "secret-visit", "secret-word", "secret"],
    ],
)
def test_a_header_that_may_hold_cells_is_told_by_position(header: list[str]) -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns(header, SPEC)
    assert refusal.value.reason == "wrong_columns"
    assert "unknown columns: at positions " in refusal.value.message
    assert "missing columns: " in refusal.value.message
    for shown in ("secret", "13.02.2026", "-99"):
        assert shown not in refusal.value.message
