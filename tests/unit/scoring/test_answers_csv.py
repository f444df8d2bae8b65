"""What an analyst's CSV may look like, and what is said of one that does not."""

import json
from pathlib import Path

import pytest

from expectations.instrument import Instrument
from expectations.registry import Registry
from orchestration.answers_csv import AnswersRefused, RefusedAnswer, score_csv
from orchestration.scoring import ScoringEngine

LOINC_ITEMS = (
    *("44250-9", "44255-8", "44259-0", "44254-1", "44251-7"),
    *("44258-2", "44252-5", "44253-3", "44260-8"),
)
"""PHQ-9 items 1 to 9, as the reference on instruments lists them."""


@pytest.fixture
def srs(registry: Registry) -> Instrument:
    return registry.instruments["srs", "3"]


def _file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "answers.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "header",
    ["item_1,item_2,item_3,item_4", "ITEM_01,Item_02,item 3,4", "4,3,2,1", "\ufeff1,2,3,4"],
)
def test_items_are_found_by_their_number(
    header: str, srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    found = score_csv(_file(tmp_path, f"{header}\n1,2,3,4\n"), srs, engine)
    first = 4 if header.startswith("4") else 1
    assert found.scores.set_index("scale")["score"].to_dict() == {
        "total": 10,
        "relationship": first,
        "goals": 3 if first == 4 else 2,
        "approach": 2 if first == 4 else 3,
        "overall": 5 - first,
    }


def test_a_column_may_name_the_forms_and_blanks_are_unanswered(
    srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    path = _file(tmp_path, "form;1;2;3;4\r\na1;9,5;9;9;9\r\n\r\na2;; 1 ;1;1\r\n")
    totals = score_csv(path, srs, engine).scores.query("scale == 'total'")
    assert totals[["row", "id", "n_missing"]].to_numpy().tolist() == [[1, "a1", 0], [2, "a2", 1]]
    assert totals["score"].fillna(-1).tolist() == [36.5, -1]
    assert totals["null_reason"].tolist()[1] == "too_many_missing"


def test_a_form_with_an_answer_out_of_range_is_refused_by_row_and_item(
    srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    path = _file(tmp_path, "id,1,2,3,4\na,1,2,3,4\nb,10.5,2,x,4\nc,0,10,0,10\nd,nan,1,1,1\n")
    found = score_csv(path, srs, engine)
    assert found.refused == (RefusedAnswer(2, 1), RefusedAnswer(2, 3), RefusedAnswer(4, 1))
    assert found.n_forms == 4
    assert found.scores["row"].unique().tolist() == [1, 3]
    assert found.scores["id"].unique().tolist() == ["a", "c"]


def test_nothing_left_to_score_gives_no_rows(
    srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    found = score_csv(_file(tmp_path, "1,2,3,4\n11,1,1,1\n"), srs, engine)
    assert found.scores.empty
    assert found.refused == (RefusedAnswer(1, 1),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("item_1,item_2,item_3\n5,5,5\n", "missing: item_4;"),
        ("item_1,2,3,4,item_04\n", "again in column: 5;"),
        ("item_1,2,3,4,a7654,b\n", "no item in column: 5, 6"),
        ("1,2,3,4,5,6\n", "of its 6 cells 4 are item numbers, 0 repeat one and 2 are"),
        ("1,2,3,4\n7654,1\n", "row 1 has 2 cells where the header has 4"),
        ('1,2,3,4\n"7654,1,1,1\n', "quotes"),
    ],
)
def test_a_file_of_another_shape_is_refused_without_a_cells_value(
    text: str, said: str, srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    with pytest.raises(AnswersRefused) as raised:
        score_csv(_file(tmp_path, text), srs, engine)
    assert said in str(raised.value)
    assert "7654" not in str(raised.value)


@pytest.mark.parametrize("line", ["c7654;Quill;4;4;2", "4;4;2;2", "Quill;c7654;x", "4;2;3"])
def test_a_file_without_a_header_is_refused_without_a_word_of_its_first_form(
    line: str, srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    """Bare numbers name items, so the numbers a form leaves out would tell its answers."""
    with pytest.raises(AnswersRefused, match="line 1") as raised:
        score_csv(_file(tmp_path, f"{line}\n{line}\n"), srs, engine)
    said = str(raised.value).removeprefix("expected item_1 to item_4")
    assert not [word for word in ("7654", "Quill", "item_") if word in said]


def test_other_encodings_and_missing_files_are_said(
    srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    with pytest.raises(AnswersRefused, match="not UTF-8"):
        score_csv(_file(tmp_path, "1,2,3,4\n", "utf-16"), srs, engine)
    with pytest.raises(AnswersRefused, match="no such file"):
        score_csv(tmp_path / "absent.csv", srs, engine)


def test_the_reference_phq_9_response_has_a_total_of_12(
    shared: Path, registry: Registry, engine: ScoringEngine, tmp_path: Path
) -> None:
    (path,) = (shared / "exports" / "fhir").glob("*phq-9-example.json")
    response = json.loads(path.read_text(encoding="utf-8"))
    answers = {item["linkId"].strip("/"): item for item in response["item"]}
    ordinals = [_ordinal(answers[code]) for code in LOINC_ITEMS]
    header = ",".join(f"item_{number}" for number in range(1, 10))
    path = _file(tmp_path, f"{header}\n{','.join(ordinals)}\n")
    scores = score_csv(path, registry.instruments["phq_9", "1"], engine).scores
    assert scores[["scale", "score"]].to_numpy().tolist() == [["total", 12]]


def _ordinal(item: dict[str, list[dict[str, dict[str, str]]]]) -> str:
    """LOINC's answer codes of the panel stand for 0 to 3."""
    codes = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"]
    return str(codes.index(item["answer"][0]["valueCoding"]["code"]))
