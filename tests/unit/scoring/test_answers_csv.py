"""What an analyst's CSV may look like, and what is said of one that does not."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from expectations.instrument import Instrument
from expectations.registry import Registry
from orchestration.answers_csv import AnswersRefused, RefusedAnswer, score_csv
from orchestration.cli.main import app
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


@pytest.mark.parametrize("missing", ["NA", "NaN", "n/a", "null", "."])
def test_what_programs_write_for_no_answer_is_unanswered(
    missing: str, srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    found = score_csv(_file(tmp_path, f"id,1,2,3,4\na,9,{missing},9,9\n"), srs, engine)
    assert found.refused == ()
    assert found.scores.query("scale == 'total'")["n_missing"].tolist() == [1]


def test_a_form_with_an_answer_out_of_range_is_refused_by_row_and_item(
    srs: Instrument, engine: ScoringEngine, tmp_path: Path
) -> None:
    path = _file(tmp_path, "id,1,2,3,4\na,1,2,3,4\nb,10.5,2,x,4\nc,0,10,0,10\nd,inf,1,1,1\n")
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
        ("1,2,3,4\n7654,1\n", "line 2 has 2 cells where line 1 names 4 columns"),
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
    with pytest.raises(AnswersRefused, match="No such file"):
        score_csv(tmp_path / "absent.csv", srs, engine)


def test_the_command_ends_with_2_on_wrong_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Columns are read before anything is scored, so no SQL has to be compiled for it.
    monkeypatch.setattr("orchestration.scoring.ScoringEngine", lambda _: nullcontext())
    path = _file(tmp_path, "1,2\n3,4\n")
    result = CliRunner().invoke(app, ["score", "srs", str(path), "--home", str(tmp_path)])
    assert result.exit_code == 2, result.output
    assert path.name in result.stderr


def _scored(
    code: str, answers: Sequence[object], registry: Registry, engine: ScoringEngine, folder: Path
) -> dict[str, float | None]:
    (instrument,) = (one for (c, _), one in registry.instruments.items() if c == code)
    header = ",".join(f"item_{number}" for number in range(1, len(answers) + 1))
    path = _file(folder, f"{header}\n{','.join(map(str, answers))}\n")
    scores = score_csv(path, instrument, engine).scores
    found = dict(zip(scores["scale"], scores["score"], strict=True))
    return {scale: None if score != score else float(score) for scale, score in found.items()}


def test_the_difficulties_add_scales_that_are_scaled_up_and_rounded(
    registry: Registry, engine: ScoringEngine, tmp_path: Path
) -> None:
    # All 1, reversed or not, but items 3 and 8 (2 each) and no item 24: emotional is 2+2+1+1 = 6 of
    # four, 6/4 x 5 = 7.5, rounded 8; the other scales 5 each; difficulties 8+5+5+5.
    answers: list[object] = [1] * 25
    answers[2] = answers[7] = 2
    answers[23] = ""
    assert _scored("sdq", answers, registry, engine, tmp_path) == {
        "total": 23,
        "emotional": 8,
        "conduct": 5,
        "hyperactivity": 5,
        "peer": 5,
        "prosocial": 5,
    }
    # Item 8 and 13 missing too: two of five is too few, and difficulties lack a scale.
    answers[7] = answers[12] = ""
    short = _scored("sdq", answers, registry, engine, tmp_path)
    assert (short["emotional"], short["total"], short["prosocial"]) == (None, None, 5)


def test_core_om_is_ten_times_the_mean_by_each_scales_own_rule(
    registry: Registry, engine: ScoringEngine, tmp_path: Path
) -> None:
    # All 1; the eight reversed items count 3, which makes 26 + 8 x 3 = 50 over 34 items.
    answers: list[object] = [1] * 34
    complete = _scored("core_om", answers, registry, engine, tmp_path)
    assert complete["total"] == pytest.approx(500 / 34, abs=1e-12)
    assert complete["wellbeing"] == 20  # items 4 and 31 reversed: (3 + 1 + 1 + 3)/4 x 10
    assert complete["risk"] == 10
    # Item 9 (risk) and item 1 (functioning) missing: risk has no score, functioning is prorated.
    answers[8] = answers[0] = ""
    short = _scored("core_om", answers, registry, engine, tmp_path)
    assert short["risk"] is None
    assert short["functioning"] == pytest.approx((6 * 3 + 5 * 1) / 11 * 10, abs=1e-12)
    assert short["total"] == pytest.approx(480 / 32, abs=1e-12)


def test_an_unanswered_item_of_the_oq_45_counts_as_its_scales_mean_rounded(
    registry: Registry, engine: ScoringEngine, tmp_path: Path
) -> None:
    # All 2 is the middle, reversed or not: role 9 x 2 = 18. Items 4, 14 and 28 answered 3, item 32
    # not: (3 x 3 + 5 x 2)/8 = 2.375, so item 32 counts 2: role 21, total 21 + 22 + 50.
    answers: list[object] = [2] * 45
    for item in (4, 14, 28):
        answers[item - 1] = 3
    answers[31] = ""
    assert _scored("oq_45", answers, registry, engine, tmp_path) == {
        "total": 93,
        "distress": 50,
        "relations": 22,
        "role": 21,
    }


def test_a_question_left_out_of_the_score_may_stand_in_the_file(
    registry: Registry, engine: ScoringEngine, tmp_path: Path
) -> None:
    assert _scored("phq_9", [1] * 9 + [3], registry, engine, tmp_path) == {"total": 9}


def test_answers_whose_key_is_unknown_have_no_score_and_say_so(
    registry: Registry, engine: ScoringEngine, tmp_path: Path
) -> None:
    header = ",".join(f"item_{number}" for number in range(1, 9))
    path = _file(tmp_path, f"{header}\n{','.join('3' * 8)}\n")
    scores = score_csv(path, registry.instruments["csq_8", "1"], engine).scores
    assert scores[["n_answered", "null_reason"]].to_numpy().tolist() == [[8, "key_unknown"]]
    assert scores["score"].isna().all()


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
