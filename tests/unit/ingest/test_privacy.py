"""The gate refuses, names columns and rows, and never repeats what it found."""

import pytest

from expectations.practice import FileSpec
from orchestration.ingest import privacy
from orchestration.ingest.patterns import PATTERNS
from orchestration.ingest.readers.opened import OtherText
from orchestration.ingest.refusal import DeliveryRefused
from tests.unit.ingest import declarations
from tests.unit.ingest.planted import CLEAN, PLANTED

SPEC = FileSpec.model_validate(declarations.WIDE_FILE)
HEADER = ["client", "visit", "day", "state", "a", "b", "c", "batch"]

KINDS = [(kind, text) for kind, texts in PLANTED.items() for text in texts]


def test_every_class_has_a_planted_identifier() -> None:
    assert set(PLANTED) == {pattern.kind for pattern in PATTERNS}


@pytest.mark.parametrize(("kind", "secret"), KINDS)
def test_an_identifier_as_a_columns_name(kind: str, secret: str) -> None:
    """Not even where the contract names the column."""
    spec = FileSpec.model_validate({**declarations.WIDE_FILE, "discard": ["batch", secret]})
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([*HEADER, secret], spec)
    assert f"the name of column 9 looks like a {kind}" in refusal.value.message
    assert secret not in str(refusal.value)


@pytest.mark.parametrize(("kind", "secret"), KINDS)
def test_an_identifier_in_a_files_name_or_in_another_text(kind: str, secret: str) -> None:
    with pytest.raises(DeliveryRefused):
        privacy.check_file_name(f"forms_ {secret} .csv")
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_other_texts([OtherText("a comment", f"see: {secret}, please")])
    assert f"a comment looks like it holds a {kind}" in refusal.value.message
    assert secret not in str(refusal.value)


def test_ordinary_texts_pass() -> None:
    privacy.check_other_texts([OtherText("a comment", text) for text in CLEAN])
    assert not [text for text in CLEAN if privacy.kinds_in(text)]


def test_without_places_and_days_where_the_class_allows_years_only() -> None:
    spec = FileSpec.model_validate({**declarations.WIDE_FILE, "discard": ["batch", "home_city"]})
    privacy.check_columns([*HEADER, "home_city"], spec)
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns([*HEADER, "home_city"], spec, year_only=True)
    assert "direct identifiers: home_city" in refusal.value.message
    made = OtherText("the workbook's properties", "2026-01-31T10:00:00Z")
    privacy.check_other_texts([made], year_only=True)
    with pytest.raises(DeliveryRefused, match="full date"):
        privacy.check_other_texts([OtherText("a comment", "since 31.01.2026")], year_only=True)


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
