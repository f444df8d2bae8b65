"""What a draft infers: how a file is written, what its columns hold, which questionnaire it is."""

from pathlib import Path

import pytest

from expectations.registry import Registry, load_registry
from orchestration.drafting.columns import id_pattern, missing_words, profile
from orchestration.drafting.form_lines import form_lines
from orchestration.drafting.formats import read_sample
from orchestration.drafting.forms import Block, Forms
from orchestration.drafting.instruments import candidates, is_instrument_word, item_blocks
from orchestration.drafting.kinds import kinds
from orchestration.drafting.matching import match_columns
from orchestration.drafting.sample import Sample
from orchestration.drafting.words import meaning, named, plain
from orchestration.ingest.refusal import DeliveryRefused


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        (b"day,who\n2026-01-02,a1\n", {}),
        (b"day;who\n2026-01-02;a,1\n", {"delimiter": ";"}),
        ("début|who\n2026-01-02|a1\n".encode("latin-1"), {"delimiter": "|", "encoding": "latin-1"}),
        ("day\twho\n2026-01-02\ta1\n".encode("utf-16"), {"delimiter": "\t", "encoding": "utf-16"}),
        (b"\xef\xbb\xbfday,who\n'2026,01',a1", {"quote": "'", "final_newline": "optional"}),
    ],
)
def test_how_a_file_is_written(tmp_path: Path, content: bytes, dialect: dict[str, str]) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    sample = read_sample(path)
    assert sample.dialect == dialect
    assert len(sample.columns) == 2
    assert sample.n_rows == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv", "", "empty_file"),
        ("x.csv", "a,b\n", "no_rows"),
        ("x.csv", "a,a\n1,2\n", "repeated_column"),
        ("x.csv", "2026-01-01,17\n2026-01-02,18\n", "no_header"),
        ("x.csv", "a,b\n1,2\n1\n", "unreadable_row"),
        ("x.xyz", "a,b\n1,2\n", "unknown_format"),
        ("who@canary.org.csv", "a,b\n1,2\n", "identifier_in_file_name"),
    ],
)
def test_what_no_draft_can_be_made_of(tmp_path: Path, name: str, content: str, reason: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DeliveryRefused) as refusal:
        read_sample(path)
    assert refusal.value.reason == reason


def test_header_words_are_whole_words() -> None:
    assert plain("VisitDate") == "visit_date"
    assert plain("no_thérapeute") == "no_therapeute"
    assert named("clinic", ["clinic"]) > named("clinic_no", ["clinic"]) > 0
    assert named("clinical", ["clinic"]) == 0


def test_only_known_words_have_a_meaning() -> None:
    allowed = ("attended", "no_show")
    assert meaning("attendance", "No Show", allowed) == "no_show"
    assert meaning("attendance", "kept", allowed) == "attended"
    assert meaning("attendance", "canary", allowed) is None
    assert meaning("attendance", "1", allowed) is None
    assert meaning("age_band_at_intake", "90+", ("90_plus",)) == "90_plus"


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["03/04/2026", "13/04/2026"], "date"),
        (["1", "2,5"], "number"),
        (["a17", "b18"], "words"),
        (["", "NA"], "empty"),
        ([f"free text {n}" for n in range(50)], "text"),
    ],
)
def test_what_a_column_holds(cells: list[str], kind: str) -> None:
    assert profile("x", cells, ["NA"]).kind == kind


def test_days_above_twelve_decide_which_comes_first() -> None:
    assert profile("x", ["03/04/2026", "13/04/2026"], []).date_formats == ("%d/%m/%Y",)
    assert set(profile("x", ["03/04/2026"], []).date_formats) == {"%d/%m/%Y", "%m/%d/%Y"}


def test_ids_are_told_from_numbers_by_their_name() -> None:
    assert profile("client_no", ["100001", "100002"], []).kind == "id"
    assert profile("minutes", ["100001", "100002"], []).kind == "number"


def test_a_shape_of_ids_keeps_none_of_their_letters() -> None:
    assert id_pattern(["PF.00001.0001", "PF.00002.0017"]) == r"^[A-Z]{2}\.[0-9]{5}\.[0-9]{4}$"
    assert id_pattern(["a1", "a12"]) == "^[a-z]{1}[0-9]{1,4}$"
    assert id_pattern(["a1", "1a"]) == "^(?:[0-9]{1,3}[a-z]{1}|[a-z]{1}[0-9]{1,3})$"
    mixed = ["R_1AbCd", "R_AbC1d", "R_12345", "R_aBcD9", "R_1a2b3"]
    assert id_pattern(mixed) == "^[0-9A-Za-z_]{7}$"
    assert id_pattern(["a 1"]) is None
    assert id_pattern([]) is None


def test_a_word_for_nothing_stands_in_several_columns() -> None:
    assert missing_words([["NA", "x"], ["NA"], ["99"], ["99"]]) == ("NA",)


def test_items_count_up_from_one() -> None:
    assert item_blocks(["w1", "w2", "w3", "x1", "day"]) == {"w": {1: "w1", 2: "w2", 3: "w3"}}
    assert item_blocks(["w2", "w3", "w4"]) == {}


@pytest.mark.parametrize(
    ("n_items", "answers", "around", "code", "shift", "scale_by", "is_doubtful"),
    [
        (12, ["1", "5", "3"], "", "wai_sr", 0, 1, False),
        (12, ["0", "4", "3"], "", "wai_sr", 1, 1, False),
        (12, ["2", "4", "3"], "wai_sr", "wai_sr", 1, 1, True),
        (10, ["1", "5", "3"], "", "wai_srt", 0, 1, False),
        (4, ["9,7", "10"], "", "srs", 0, 1, True),
        (4, ["97", "100"], "", "srs", 0, 0.1, False),
        (9, ["0", "3"], "", "phq_9", 0, 1, False),
        # 1 to 4 may be 0 to 4 without the worst answer, or 1 to 7 without the three best.
        (12, ["1", "4", "3"], "wai", "wai_sr", 1, 1, True),
        (12, ["1", "4", "3"], "wai_s", "wai_s", 0, 1, True),
    ],
)
def test_an_instrument_is_known_by_count_and_range(
    registry: Registry,
    n_items: int,
    answers: list[str],
    around: str,
    code: str,
    shift: float,
    scale_by: float,
    is_doubtful: bool,
) -> None:
    first = candidates(n_items, answers, (around,), registry.instruments)[0]
    assert first.instrument.instrument_code == code
    assert (first.shift, first.scale_by, first.is_doubtful) == (shift, scale_by, is_doubtful)


def test_where_several_instruments_fit_the_draft_asks_and_names_each_with_its_coding(
    registry: Registry,
) -> None:
    items = {number: f"wai_{number}" for number in range(1, 13)}
    found = candidates(12, ["1", "4", "3"], ("wai",), registry.instruments)
    text = _form_lines(Block("wai_", items, found, ("wai",)))
    assert "instrument_code: wai_sr\n" in text
    assert "shift: 1 " in text
    assert "; open: or wai_s, tasc_p, tasc_r, star_p, star_c?" in text
    turned = [found[1], found[0]]
    text = _form_lines(Block("wai_", items, turned, ("wai",)))
    assert "open: or wai_sr with shift: 1?" in text


def _form_lines(block: Block) -> str:
    return "\n".join(form_lines(Forms("wide", [block], block.columns), [], str))


def test_answers_no_instrument_has_are_of_none(registry: Registry) -> None:
    assert candidates(12, ["70", "80"], (), registry.instruments) == []
    assert candidates(11, ["1", "2"], (), registry.instruments) == []


@pytest.mark.parametrize(
    ("n_items", "answers", "around", "code", "informant"),
    [
        (12, ["1", "5", "7"], ("q",), "wai_s", "client"),
        (12, ["1", "4", "2"], ("child",), "tasc_r", "child"),
        (12, ["1", "4", "2"], ("parent_form",), "tasc_p", "caregiver"),
        (12, ["0", "4", "2"], ("star_p",), "star_p", "client"),
        (4, ["9,7", "10", "0"], ("ors_",), "ors", "client"),
        (4, ["9,7", "10", "0"], ("csrs",), "csrs", "child"),
        (25, ["0", "2", "1"], ("sdq", "youth"), "sdq", "child"),
        (10, ["0", "4", "1"], ("q",), "core_10", "client"),
    ],
)
def test_of_instruments_alike_names_informants_and_the_range_used_decide(
    registry: Registry,
    n_items: int,
    answers: list[str],
    around: tuple[str, ...],
    code: str,
    informant: str,
) -> None:
    first = candidates(n_items, answers, around, registry.instruments)[0]
    assert first.instrument.instrument_code == code
    assert first.informant(around) == informant


def test_words_for_questionnaires_are_repeated_only_when_made_of_their_names(
    registry: Registry,
) -> None:
    assert is_instrument_word("WAI-C", registry.instruments)
    assert is_instrument_word("wai_therapist", registry.instruments)
    assert not is_instrument_word("WAI of canary", registry.instruments)
    assert not is_instrument_word("canary", registry.instruments)


def test_clinical_words_are_never_taken_for_sites(registry: Registry) -> None:
    feed = registry.feeds["sessions"]
    clinic = profile("clinic", ["kept", "missed", "kept"], [])
    place = profile("clinic_outcome", ["xx", "yy"], [])
    site = profile("location", ["A", "B"], [])
    found = {m.source.header for m in match_columns(feed, [clinic]) if m.column.name == "site_id"}
    assert not found
    matched = {m.column.name: m.source.header for m in match_columns(feed, [place, site])}
    assert matched["site_id"] == "location"


def test_kinds_of_files_by_name() -> None:
    def sample(name: str) -> Sample:
        return Sample(name, "csv", {}, {"a": ["1"]})

    one, other = kinds(
        [sample("forms_20260930.csv"), sample("forms_20261001.csv"), sample("Cases-2026-09-30.txt")]
    )
    assert (one.file, one.pattern, one.exported_at) == ("forms", "forms_*.csv", r"_(\d{8})\.csv$")
    assert one.sample.columns == {"a": ["1", "1"]}
    assert (other.pattern, other.exported_at) == ("Cases-*.txt", r"-(\d{4}-\d{2}-\d{2})\.txt$")
    patterns = {k.pattern for k in kinds([sample("a_20260930.csv"), sample("a_b_20260930.csv")])}
    assert patterns == {"a_????????.csv", "a_b_????????.csv"}
