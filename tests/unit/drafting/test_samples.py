"""What a sample of each format is taken for, and that a draft says nothing of its cells."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter  # type: ignore[import-untyped]
import yaml

from expectations.practice import Practice
from expectations.registry import Registry, load_registry
from orchestration.drafting.contract import draft_contract
from orchestration.drafting.data_dictionary import read_labels
from orchestration.drafting.formats import read_sample
from orchestration.drafting.sample import Sample
from orchestration.ingest.refusal import DeliveryRefused
from tests.unit.ingest import fhir_declarations as fhir
from tests.unit.ingest import survey_exports as surveys

ROWS = [("client_id", "visit_id", "visit_date"), ("c001", "v001", "2026-02-03")]
PROJECT = (
    *("record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"),
    *("redcap_data_access_group", "opened", "ep_state", "service", "gender", "intake_complete"),
    *("visit_no", "visit_date", "attendance", "visit_complete"),
    *("srs_timestamp", "srs_1", "srs_2", "srs_3", "srs_4", "srs_visit", "srs_complete"),
)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def _drafted(registry: Registry, *samples: Sample) -> tuple[str, Practice]:
    text = draft_contract(samples, "brook", registry.feeds, registry.instruments, date(2026, 10, 1))
    return text, Practice.model_validate(yaml.safe_load(text))


def _text(rows: Sequence[tuple[str, ...]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def test_text_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "visits_20260930.tsv.gz"
    path.write_bytes(gzip.compress(_text(ROWS, "\t"), mtime=0))
    sample = read_sample(path)
    assert sample.dialect == {"compression": "gzip", "delimiter": "\t"}
    assert list(sample.columns) == list(ROWS[0])
    other = tmp_path / "responses.ndjson.gz"
    other.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(DeliveryRefused) as refusal:
        read_sample(other)
    assert refusal.value.reason == "unknown_format"


def test_parquet_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "visits_20260930.data.txt"
    days = pa.array([date(2026, 2, 3), None], pa.date32())
    pq.write_table(pa.table({"client_id": ["c001", "c002"], "visit_date": days}), path)
    sample = read_sample(path)
    assert sample.format == "parquet"
    assert sample.columns == {"client_id": ["c001", "c002"], "visit_date": ["2026-02-03", ""]}


def test_of_several_sheets_the_first_is_named(tmp_path: Path) -> None:
    path = tmp_path / "visits 2026-09-30.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("Visits", "Legend"):
            sheet = book.add_worksheet(name)
            for number, row in enumerate(ROWS):
                sheet.write_row(number, 0, row)
    sample = read_sample(path)
    assert (sample.format, sample.options) == ("xlsx", {"sheet": "Visits"})
    assert sample.n_rows == 1


def _survey_rows(n: int) -> list[tuple[str, ...]]:
    return [
        (
            f"2026-02-{k % 28 + 1:02} 10:15:00", "0", "1", f"R_{k:03}AbCdEfGhIjKl", f"P{k:04}",
            *(str((k + item) % 5 + 1) for item in range(12)),
        )
        for k in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_survey_is_known_by_its_rows_of_header(
    registry: Registry, tmp_path: Path, is_legacy: bool
) -> None:
    items = [f"Q2_{item}" for item in range(1, 13)]
    names = ("RecordedDate", "Status", "Finished", "ResponseId", "ExternalReference", *items)
    path = tmp_path / "survey_20260930.csv"
    ids = None if is_legacy else [f"QID{n}" for n in range(len(names))]
    path.write_bytes(
        surveys.qualtrics(names, [f"{n} canary" for n in names], ids, _survey_rows(40))
    )
    sample = read_sample(path)
    assert (sample.format, sample.n_rows) == ("qualtrics", 40)
    assert sample.options == ({"header_rows": "2"} if is_legacy else {})
    text, practice = _drafted(registry, sample)
    assert "canary" not in text
    assert "2026-02" not in text
    (spec,) = practice.contracts[0].files
    assert spec.header_rows == (2 if is_legacy else 3)
    (mapping,) = spec.mappings
    assert mapping.columns["client_id"].column == "ExternalReference"
    assert {rule.reason for rule in mapping.exclude} == {"preview_row", "unfinished_row"}
    assert mapping.forms[0].instrument_code == "wai_sr"


def _project(tmp_path: Path) -> Path:
    rows: list[dict[str, str]] = []
    for n in range(1, 31):
        about = {"record_id": str(n), "redcap_data_access_group": "north" if n % 2 else "south"}
        rows.append(
            about
            | {
                "redcap_event_name": "intake_arm_1",
                "opened": f"2026-01-{n % 28 + 1:02}",
                "ep_state": str(n % 2 + 1),
                "service": "1",
                "gender": str(n % 3),
                "intake_complete": "2",
            }
        )
        for k in (1, 2):
            care = {"redcap_event_name": "care_arm_1", "redcap_repeat_instance": str(k)}
            rows.append(
                about
                | care
                | {
                    "redcap_repeat_instrument": "visit",
                    "visit_no": f"V{n:03}{k}",
                    "visit_date": f"2026-02-{n % 28 + 1:02}",
                    "attendance": "1",
                    "visit_complete": "2",
                }
            )
            rows.append(
                about
                | care
                | {
                    "redcap_repeat_instrument": "srs",
                    "srs_visit": f"V{n:03}{k}",
                    "srs_timestamp": "[not completed]" if k == 2 else "2026-02-03 10:00:00",
                    "srs_1": "9.1",
                    "srs_2": "10",
                    "srs_3": "8",
                    "srs_4": "9",
                    "srs_complete": "2",
                }
            )
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, PROJECT, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "project_20260930.csv"
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def test_a_project_is_taken_apart_by_its_rows(registry: Registry, tmp_path: Path) -> None:
    text, practice = _drafted(registry, read_sample(_project(tmp_path)))
    (spec,) = practice.contracts[0].files
    assert spec.format == "redcap"
    found = {mapping.feed: mapping for mapping in spec.mappings}
    assert set(found) == {"episodes", "sessions", "administrations"}
    assert {(rule.column, rule.words) for rule in found["sessions"].only} == {
        ("redcap_repeat_instrument", ("visit",)),
        ("redcap_event_name", ("care_arm_1",)),
    }
    (block,) = found["administrations"].forms
    assert block.instrument_code == "srs"
    assert block.columns["session_id"].column == "srs_visit"
    assert block.columns["completed_on"].missing == ("[not completed]",)
    assert block.columns["status"].recode["2"] == "completed"
    assert found["episodes"].columns["site_id"].recode == {
        "north": "brook_north",
        "south": "brook_south",
    }
    # Codes are nobody's to guess: a required one is asked for, an optional one is left out.
    assert found["episodes"].columns["state"].recode == {}
    assert "gender" in spec.discard
    assert "gender may be gender" in text


def test_a_data_dictionary_says_what_codes_mean(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "dictionary.csv"
    path.write_text(
        'Variable / Field Name,Form Name,"Choices, Calculations, OR Slider Labels"\n'
        'ep_state,intake,"1, Open | 2, Closed"\n'
        'service,intake,"1, Individual"\n'
        'gender,intake,"0, Female | 1, Male | 2, canary"\n'
        'attendance,visit,"1, Kept"\n',
        encoding="utf-8",
    )
    labels = read_labels(path)
    assert labels is not None
    sample = read_sample(_project(tmp_path))
    assert read_labels(_project(tmp_path)) is None
    sample = Sample(**{**vars(sample), "labels": labels})
    text, practice = _drafted(registry, sample)
    found = {m.feed: m for m in practice.contracts[0].files[0].mappings}
    assert found["episodes"].columns["state"].recode == {"1": "open", "2": "closed"}
    assert found["episodes"].columns["gender"].recode == {"0": "woman", "1": "man"}
    assert found["sessions"].columns["attendance"].recode == {"1": "attended"}
    assert "canary" not in text


def _responses(shape: str) -> tuple[str, str]:
    forms = [fhir.response(f"r{n:02}", [(n + item) % 4 for item in range(9)]) for n in range(30)]
    if shape == "bundle":
        return "bundle_20260930.json", fhir.bundle(*forms)
    if shape == "single":
        return "one_20260930.json", json.dumps(forms[0], indent=1)
    return "responses_20260930.ndjson", fhir.ndjson(*forms)


@pytest.mark.parametrize("shape", ["ndjson", "bundle", "single"])
def test_loinc_names_the_questionnaire(registry: Registry, tmp_path: Path, shape: str) -> None:
    name, content = _responses(shape)
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    text, practice = _drafted(registry, read_sample(path))
    (spec,) = practice.contracts[0].files
    assert spec.fhir is not None
    assert spec.fhir.questionnaires == {"phq_9": (fhir.CANONICAL,)}
    (mapping,) = spec.mappings
    assert mapping.long is not None
    identity = mapping.long.identity["phq_9"]
    assert identity.items == {no: (link,) for no, link in enumerate(fhir.LINKS, start=1)}
    if shape != "single":
        assert identity.recode == {code: str(value) for value, code in fhir.CODES.items()}
    assert "made-up" not in text
    assert not any(f"r{n:02}" in text for n in range(30))
    assert "time_zone" in text


def test_other_link_ids_are_known_by_count_and_weights(registry: Registry, tmp_path: Path) -> None:
    def item(form: int, number: int) -> dict[str, Any]:
        value = (form + number) % 5
        weight = {"url": fhir.ORDINAL, "valueDecimal": value + 1}
        coding = {"system": "http://example.org/x", "code": f"w{value}", "extension": [weight]}
        return {"linkId": f"wai-{number}", "answer": [{"valueCoding": coding}]}

    remark = {"linkId": "remark", "answer": [{"valueString": "canary said so"}]}
    forms = [
        fhir.response(
            f"r{n:02}",
            [0] * 9,
            questionnaire="http://example.org/fhir/Questionnaire/wai-sr",
            item=[*(item(n, number) for number in range(1, 13)), remark],
            meta={"extension": [{"url": "http://example.org/y", "valueCode": "z"}]},
        )
        for n in range(20)
    ]
    path = tmp_path / "responses_20260930.ndjson"
    path.write_text(fhir.ndjson(*forms), encoding="utf-8")
    text, practice = _drafted(registry, read_sample(path))
    assert "canary" not in text
    assert "must not be sent: 1 questions are answered in free text" in text
    spec = practice.contracts[0].files[0]
    assert spec.fhir is not None
    assert spec.fhir.drop == ("meta.extension",)
    identity = spec.mappings[0].long.identity["wai_sr"]  # type: ignore[union-attr]
    assert identity.recode == {f"w{value}": str(value + 1) for value in range(5)}
    assert identity.items[12] == ("wai-12",)


def test_totals_alone_are_known_by_their_names(registry: Registry, tmp_path: Path) -> None:
    rows = [("client_no", "visit_no", "filled_on", "phq9_total", "srs_total")]
    rows += [
        (f"c{n:04}", f"v{n:04}", f"2026-02-{n % 28 + 1:02}", str(n % 28), f"{n % 41}")
        for n in range(60)
    ]
    path = tmp_path / "scores_20260930.csv"
    path.write_bytes(_text(rows))
    _, practice = _drafted(registry, read_sample(path))
    forms = practice.contracts[0].files[0].mappings[0].forms
    assert {(form.instrument_code, form.total) for form in forms} == {
        ("phq_9", "phq9_total"),
        ("srs", "srs_total"),
    }
    assert all(not form.items for form in forms)


def test_a_total_a_row_is_told_by_the_word_beside_it(registry: Registry, tmp_path: Path) -> None:
    rows = [("client_no", "visit_no", "filled_on", "scale", "score")]
    rows += [
        (
            f"c{n:04}",
            f"v{n:04}",
            f"2026-02-{n % 28 + 1:02}",
            "PHQ-9" if n % 2 else "SRS",
            str(n % 28),
        )
        for n in range(60)
    ]
    path = tmp_path / "scores_20260930.csv"
    path.write_bytes(_text(rows))
    _, practice = _drafted(registry, read_sample(path))
    forms = practice.contracts[0].files[0].mappings[0].forms
    assert {(form.instrument_code, form.only[0].words) for form in forms} == {
        ("phq_9", ("PHQ-9",)),
        ("srs", ("SRS",)),
    }
