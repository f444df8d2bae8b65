"""REDCap and Qualtrics exports: what is skipped, what is counted, and what is refused in words."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.practice import FileSpec
from orchestration.ingest import cell_scan, privacy
from orchestration.ingest.readers import formats
from orchestration.ingest.readers.opened import Opened
from orchestration.ingest.refusal import DeliveryRefused
from orchestration.settings import Limits
from tests.unit.ingest import survey_exports as exports

CANARY = "Canary wording"


def _open(
    tmp_path: Path, content: bytes, declared: dict[str, Any], con: duckdb.DuckDBPyConnection
) -> Opened:
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    return formats.open_file(con, path, FileSpec.model_validate(declared), Limits())


def _refusal(tmp_path: Path, content: bytes, declared: dict[str, Any]) -> DeliveryRefused:
    with pytest.raises(DeliveryRefused) as refusal:
        _open(tmp_path, content, declared, duckdb.connect())
    assert CANARY not in str(refusal.value)
    return refusal.value


@pytest.mark.parametrize("ids", [exports.IDS, None])
def test_qualtrics_answers_begin_below_the_header(
    tmp_path: Path, ids: Sequence[str] | None
) -> None:
    con = duckdb.connect()
    declared = exports.QUALTRICS if ids else exports.LEGACY
    opened = _open(tmp_path, exports.qualtrics(ids=ids), declared, con)
    assert opened.relation.columns == exports.NAMES
    assert con.execute(f"select * from {opened.relation.sql}").fetchall() == [
        tuple(cell or None for cell in row) for row in exports.ANSWERS
    ]
    assert opened.n_rows == len(exports.ANSWERS)
    assert opened.identifying == ()
    privacy.check_other_texts(opened.other_texts)


@pytest.mark.parametrize("n_rows", [0, 1])
def test_a_qualtrics_export_may_be_short(tmp_path: Path, n_rows: int) -> None:
    con = duckdb.connect()
    content = exports.qualtrics(answers=exports.ANSWERS[:n_rows])
    opened = _open(tmp_path, content, exports.QUALTRICS, con)
    assert opened.n_rows == n_rows == cell_scan.scan(con, opened.relation).n_rows


def test_a_file_cut_off_is_found_out(tmp_path: Path) -> None:
    whole = exports.qualtrics()
    ends = {place + 1 for place, byte in enumerate(whole[:-1]) if byte == ord("\n")}
    for cut in sorted(ends | set(range(5, len(whole), 23))):
        if whole[:cut].endswith(b"\n"):
            con = duckdb.connect()
            with contextlib.suppress(DeliveryRefused):
                opened = _open(tmp_path, whole[:cut], exports.QUALTRICS, con)
                # Whole lines are missing: what is left is counted for what it is.
                assert cell_scan.scan(con, opened.relation).n_rows == opened.n_rows
        else:
            refusal = _refusal(tmp_path, whole[:cut], exports.QUALTRICS)
            assert refusal.reason in ("truncated_file", "wrong_encoding")


QUALTRICS_REFUSED: dict[str, tuple[bytes, dict[str, Any], str, str]] = {
    "legacy sent, new declared": (
        exports.qualtrics(ids=None), exports.QUALTRICS, "wrong_header", "header_rows: 2",
    ),
    "new sent, legacy declared": (
        exports.qualtrics(), exports.LEGACY, "wrong_header", "header_rows: 3",
    ),
    "two header rows, the second of ids": (
        exports.qualtrics(texts=['{"ImportId":"QID1"}'] * len(exports.NAMES), ids=None),
        exports.LEGACY, "wrong_header", "header_rows: 3",
    ),
    "no row of wording": (
        exports.qualtrics(texts=exports.ANSWERS[0], ids=None, answers=exports.ANSWERS[1:]),
        exports.LEGACY, "wrong_header", "looks like an answer",
    ),
    "header only": (b"a,b\n", exports.QUALTRICS, "no_header", "3 rows of header; this file has 1"),
    "ragged wording": (
        exports.qualtrics(texts=(*exports.TEXTS, CANARY)), exports.QUALTRICS, "no_header", "row 2",
    ),
    "labels sent, codes declared": (
        exports.qualtrics(answers=[[*exports.ANSWERS[0][:2], "True", *exports.ANSWERS[0][3:]]]),
        exports.QUALTRICS, "wrong_coding", "`coding: label`",
    ),
    "codes sent, labels declared": (
        exports.qualtrics(), {**exports.QUALTRICS, "coding": "label"},
        "wrong_coding", "`coding: raw`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", QUALTRICS_REFUSED)
def test_a_qualtrics_export_of_another_form_is_refused(tmp_path: Path, fault: str) -> None:
    content, declared, reason, words = QUALTRICS_REFUSED[fault]
    refusal = _refusal(tmp_path, content, declared)
    assert (refusal.reason, words in refusal.message) == (reason, True), refusal


SYSTEM_COLUMNS = [
    ("IPAddress", "IP Address", "ipAddress"),
    ("LocationLatitude", "Location Latitude", "locationLatitude"),
    ("RecipientEmail", "Recipient Email", "recipientEmail"),
    ("RecipientLastName", "Recipient Last Name", "recipientLastName"),
    ("V6", "IPAddress", None),
    ("Q9", "Where from", "locationLongitude"),
    ("Q9", "E-mail", "QID9"),
]


@pytest.mark.parametrize(("name", "text", "import_id"), SYSTEM_COLUMNS)
def test_qualtrics_columns_about_a_person_are_refused_even_when_discarded(
    tmp_path: Path, name: str, text: str, import_id: str | None
) -> None:
    content = exports.qualtrics(
        (*exports.NAMES, name),
        (*exports.TEXTS, text),
        (*exports.IDS, import_id) if import_id else None,
        [(*row, "") for row in exports.ANSWERS],
    )
    declared = exports.QUALTRICS if import_id else exports.LEGACY
    declared = {**declared, "discard": [*declared["discard"], name]}
    opened = _open(tmp_path, content, declared, duckdb.connect())
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns(
            opened.relation.columns, FileSpec.model_validate(declared), opened.identifying
        )
    assert refusal.value.reason == "direct_identifier"
    assert f"identifiers: {name};" in refusal.value.message


def test_an_identifier_in_the_wording_is_found_and_only_its_place_told(tmp_path: Path) -> None:
    texts = (*exports.TEXTS[:-1], f"{CANARY}: write to jo@canary.org")
    content = exports.qualtrics(texts=texts)
    opened = _open(tmp_path, content, exports.QUALTRICS, duckdb.connect())
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_other_texts(opened.other_texts)
    assert "column 8 of header row 2 looks like it holds a e-mail" in refusal.value.message
    assert "anary" not in refusal.value.message


def test_a_redcap_export_is_read_as_it_stands(tmp_path: Path) -> None:
    con = duckdb.connect()
    opened = _open(tmp_path, exports.redcap(), exports.REDCAP, con)
    assert opened.n_rows == len(exports.REDCAP_ROWS) == cell_scan.scan(con, opened.relation).n_rows
    privacy.check_columns(opened.relation.columns, FileSpec.model_validate(exports.REDCAP))


def test_redcap_labels_for_codes_are_refused_unless_declared(tmp_path: Path) -> None:
    words = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
    labelled = [
        {k: words.get(v, v) if k.endswith("_complete") else v for k, v in row.items()}
        for row in exports.REDCAP_ROWS
    ]
    refusal = _refusal(tmp_path, exports.redcap(labelled), exports.REDCAP)
    assert refusal.reason == "wrong_coding"
    assert "`coding: label`" in refusal.message
    declared = {**exports.REDCAP, "coding": "label"}
    _open(tmp_path, exports.redcap(labelled), declared, duckdb.connect())
    refusal = _refusal(tmp_path, exports.redcap(), declared)
    assert "`coding: raw`" in refusal.message


def test_a_redcap_header_of_labels_is_refused_and_not_shown(tmp_path: Path) -> None:
    content = f"record_id,{CANARY},weight\n1,2,3\n".encode()
    refusal = _refusal(tmp_path, content, exports.REDCAP)
    assert refusal.reason == "wrong_header"
    assert "at positions 2 it does not" in refusal.message


def test_whom_a_redcap_survey_was_sent_to_is_an_identifier(tmp_path: Path) -> None:
    content = b"record_id,redcap_survey_identifier\n1,\n"
    opened = _open(tmp_path, content, exports.REDCAP, duckdb.connect())
    assert opened.identifying == ("redcap_survey_identifier",)


def test_columns_named_and_columns_found_are_told_at_once(tmp_path: Path) -> None:
    content = b"record_id,first_name,reach\n1,canary,jo@canary.org\n"
    con = duckdb.connect()
    declared = {**exports.REDCAP, "discard": ["first_name", "reach"]}
    opened = _open(tmp_path, content, declared, con)
    with pytest.raises(DeliveryRefused) as refusal:
        privacy.check_columns(opened.relation.columns, FileSpec.model_validate(declared))
    both = cell_scan.with_findings(con, opened.relation, refusal.value)
    assert both.reason == "direct_identifier"
    assert "first_name" in both.message
    assert "column reach looks like a e-mail address in rows 1" in both.message
    assert "canary" not in both.message
