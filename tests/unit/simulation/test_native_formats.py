"""The formats beside plain text: each sample file through the reader of its format."""

import csv
import io
import json
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from expectations.practice import FileSpec
from expectations.registry import Registry
from orchestration.ingest.readers.formats import open_file
from orchestration.ingest.readers.gzipped import MAGIC
from orchestration.settings import Limits
from orchestration.simulation import SimulationSettings, simulate
from orchestration.simulation.native_files import file_name
from tests.unit.simulation.conftest import only

WORLD = SimulationSettings(n_clients=60, n_therapists=8, preview_share=0.05)
SPLIT = WORLD.through_on - timedelta(days=42)
BY_FORMAT = {
    "xlsx": "lakeside_psychology",
    "parquet": "meridian_telehealth",
    "redcap": "northgate_university_clinic",
    "qualtrics": "bayview_counseling",
    "fhir": "cedar_valley_health",
}
OF_EVERY_EXPORT = ("form_no",)
"""Columns that count within one file."""


def _specs(registry: Registry, form: str) -> list[FileSpec]:
    practice = registry.practices[BY_FORMAT[form]]
    specs = [spec for spec in practice.contracts[-1].files if spec.format == form]
    assert specs
    return specs


def _path(folder: Path, form: str, spec: FileSpec, settings: SimulationSettings = WORLD) -> Path:
    return folder / BY_FORMAT[form] / file_name(spec, settings.exported[1])


def _rows(path: Path, spec: FileSpec) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    with duckdb.connect() as con:
        opened = open_file(con, path, spec, Limits())
        names = [n for n in opened.relation.columns if n not in OF_EVERY_EXPORT]
        listed = ", ".join(f'"{name}"' for name in names)
        rows = con.execute(f"select {listed} from {opened.relation.sql}").fetchall()
    assert opened.n_rows in (None, len(rows))
    return tuple(names), rows


@pytest.fixture
def whole(samples: Registry, tmp_path: Path, form: str) -> Path:
    simulate(only(samples, BY_FORMAT[form]), tmp_path / "whole", WORLD)
    return tmp_path / "whole"


@pytest.mark.parametrize("form", BY_FORMAT)
def test_a_file_has_the_contracts_columns(samples: Registry, whole: Path, form: str) -> None:
    for spec in _specs(samples, form):
        names, rows = _rows(_path(whole, form, spec), spec)
        wanted = {*spec.wanted_columns, *spec.discard} - {*OF_EVERY_EXPORT}
        assert set(names) == wanted
        assert len(rows) > 20


@pytest.mark.parametrize("form", BY_FORMAT)
def test_windows_deliver_each_row_once(
    samples: Registry, tmp_path: Path, whole: Path, form: str
) -> None:
    alone = only(samples, BY_FORMAT[form])
    early = replace(WORLD, window=(date.min, SPLIT))
    late = replace(WORLD, window=(SPLIT + timedelta(days=1), WORLD.through_on))
    simulate(alone, tmp_path / "early", early)
    simulate(alone, tmp_path / "late", late)
    for spec in _specs(samples, form):
        if {mapping.feed for mapping in spec.mappings} == {"episodes"}:
            continue
        names, found = _rows(_path(whole, form, spec), spec)
        parts: Counter[tuple[Any, ...]] = Counter()
        for folder, settings in (("early", early), ("late", late)):
            parts.update(_rows(_path(tmp_path / folder, form, spec, settings), spec)[1])
        expected = Counter(found)
        if form == "redcap":
            # A record's parent row comes with every window, and an episode when it changes.
            at = names.index("redcap_repeat_instrument")
            parts, expected = (
                Counter({row: n for row, n in rows.items() if row[at] not in (None, "", "episode")})
                for rows in (parts, expected)
            )
        assert parts == expected
        assert expected.total() > 20


@pytest.mark.parametrize("form", BY_FORMAT)
def test_the_same_seed_gives_the_same_bytes(
    samples: Registry, tmp_path: Path, whole: Path, form: str
) -> None:
    simulate(only(samples, BY_FORMAT[form]), tmp_path / "again", WORLD)
    for spec in _specs(samples, form):
        assert (
            _path(whole, form, spec).read_bytes()
            == _path(tmp_path / "again", form, spec).read_bytes()
        )


@pytest.mark.parametrize("form", ["parquet"])
def test_parquet_has_types(samples: Registry, whole: Path, form: str) -> None:
    types: dict[str, str] = {}
    for spec in _specs(samples, form):
        for field in pq.read_schema(_path(whole, form, spec)):
            types[field.name] = str(field.type)
    assert types["scheduled_on"] == "date32[day]"
    assert types["answer"] == "double"
    assert types["age_years"] == "int64"
    assert types["has_interpreter"] == "bool"
    assert types["client_id"] == "string"


@pytest.mark.parametrize("form", ["xlsx"])
def test_a_workbook_has_numbers_and_days(samples: Registry, whole: Path, form: str) -> None:
    (spec,) = [spec for spec in _specs(samples, form) if spec.file == "sessions"]
    with zipfile.ZipFile(_path(whole, form, spec)) as archive:
        assert 'name="Sessions"' in archive.read("xl/workbook.xml").decode()
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    row = sheet.partition('<row r="2"')[2].partition("</row>")[0]
    kinds = [cell.partition(">")[0] for cell in row.split("<c ")[1:]]
    at = list(spec.wanted_columns)
    assert 't="' not in kinds[at.index("Day")]
    assert 't="' not in kinds[at.index("Minutes planned")]
    assert 't="' in kinds[at.index("Client")]


@pytest.mark.parametrize("form", ["redcap"])
def test_a_redcap_project(samples: Registry, whole: Path, form: str) -> None:
    (spec,) = _specs(samples, form)
    rows = list(csv.DictReader(io.StringIO(_path(whole, form, spec).read_text(), newline="")))
    assert list(rows[0])[:5] == [
        "record_id",
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_data_access_group",
    ]
    seen: Counter[tuple[str, str]] = Counter()
    records: list[str] = []
    for row in rows:
        record, instrument = row["record_id"], row["redcap_repeat_instrument"]
        assert row["redcap_data_access_group"] == "campus"
        own = {name for name in row if name.startswith(f"{instrument}_")} if instrument else set()
        if not instrument:
            records.append(record)
            assert not any(list(row.values())[5:])
            assert row["redcap_repeat_instance"] == ""
            continue
        # Rows of a record follow its parent; instances count from 1.
        assert record == records[-1]
        seen[record, instrument] += 1
        assert row["redcap_repeat_instance"] == str(seen[record, instrument])
        assert any(row[name] for name in own), instrument
        if instrument in ("srs", "wai", "wait", "phq"):
            assert (row[f"{instrument}_complete"] == "2") == (
                row[f"{instrument}_timestamp"] != "[not completed]"
            )
    assert len(set(records)) == len(records)
    assert max(seen.values()) > 5
    assert {"[not completed]"} <= {row["srs_timestamp"] for row in rows}


@pytest.mark.parametrize("form", ["qualtrics"])
def test_a_qualtrics_survey(samples: Registry, whole: Path, form: str) -> None:
    spec = _specs(samples, form)[0]
    content = _path(whole, form, spec).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    names, texts, import_ids, *answers = csv.reader(
        io.StringIO(content.decode("utf-8-sig"), newline="")
    )
    ids = [json.loads(cell)["ImportId"] for cell in import_ids]
    assert len(names) == len(texts) == len(ids)
    assert ids[names.index("RecordedDate")] == "recordedDate"
    assert ids[names.index("Q1_1")] == "QID1"
    rows = [dict(zip(names, row, strict=True)) for row in answers]
    states = Counter((row["Status"], row["Finished"]) for row in rows)
    assert set(states) == {("0", "1"), ("1", "1"), ("0", "0")}
    assert states["0", "1"] > 20
    assert len({row["ResponseId"] for row in rows}) == len(rows)


@pytest.mark.parametrize("form", ["fhir"])
def test_fhir_responses(samples: Registry, whole: Path, form: str) -> None:
    (spec,) = _specs(samples, form)
    lines = _path(whole, form, spec).read_text().splitlines()
    responses = [json.loads(line) for line in lines]
    states = Counter(each["status"] for each in responses)
    assert set(states) == {"completed", "in-progress", "amended", "entered-in-error"}
    versions = Counter(each["id"] for each in responses)
    assert set(versions.values()) == {1, 2}
    authors = {
        (each["questionnaire"].rpartition("/")[2], each["author"]["reference"].partition("/")[0])
        for each in responses
    }
    assert authors == {
        ("srs-3", "Patient"),
        ("wai-sr", "Patient"),
        ("wai-srt", "Practitioner"),
        ("phq-9", "Patient"),
    }
    phq = next(each for each in responses if each["questionnaire"].endswith("phq-9"))
    answer = phq["item"][0]["answer"][0]["valueCoding"]
    assert phq["item"][0]["linkId"] == "/44250-9"
    assert answer["system"] == "http://loinc.org"
    assert {"LA6568-5": 0, "LA6569-3": 1, "LA6570-1": 2, "LA6571-9": 3}[answer["code"]] == (
        answer["extension"][0]["valueDecimal"]
    )


def test_gzip_is_the_same_text_packed(samples: Registry, tmp_path: Path) -> None:
    alone = only(samples, "two_oaks")
    practice = alone.practices["two_oaks"]
    contract = practice.contracts[0]
    packed = tuple(
        spec.model_copy(update={"dialect": spec.dialect.model_copy(update={"compression": "gzip"})})
        for spec in contract.files
    )
    other = practice.model_copy(
        update={"contracts": (contract.model_copy(update={"files": packed}),)}
    )
    simulate(alone, tmp_path / "plain", WORLD)
    simulate(replace(alone, practices={"two_oaks": other}), tmp_path / "packed", WORLD)
    for plain, zipped in zip(contract.files, packed, strict=True):
        paths = [
            tmp_path / folder / "two_oaks" / file_name(spec, WORLD.exported[1])
            for folder, spec in (("plain", plain), ("packed", zipped))
        ]
        assert paths[1].read_bytes().startswith(MAGIC)
        assert _rows(paths[0], plain) == _rows(paths[1], zipped)


def test_a_project_whose_instruments_do_not_repeat_is_beyond_the_simulation(
    samples: Registry, tmp_path: Path
) -> None:
    alone = only(samples, BY_FORMAT["redcap"])
    practice = alone.practices[BY_FORMAT["redcap"]]
    contract = practice.contracts[0]
    (spec,) = contract.files
    mappings = (spec.mappings[0].model_copy(update={"only": ()}), *spec.mappings[1:])
    broken = contract.model_copy(
        update={"files": (spec.model_copy(update={"mappings": mappings}),)}
    )
    changed = practice.model_copy(update={"contracts": (broken,)})
    with pytest.raises(ValueError, match="writes repeating instruments"):
        simulate(replace(alone, practices={practice.practice_id: changed}), tmp_path, WORLD)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
