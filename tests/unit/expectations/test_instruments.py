"""What the shipped instruments say of themselves: ranges, sources, marks, and what must be refused.

That each example notices a slip in its key is proved through the warehouse's own SQL elsewhere.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from expectations.instrument import Instrument
from expectations.instrument_checks import instrument_findings
from expectations.instrument_facts import CutOff, ReliableChange
from expectations.published_norm import PublishedNorm
from expectations.registry import SHIPPED, RegistryError, load_registry
from tests.unit.expectations.homes import home

INSTRUMENTS = load_registry().instruments
BY_CODE = {code: one for (code, _), one in INSTRUMENTS.items()}
CODES = sorted(BY_CODE)

# n items, lowest and highest total, reversed items: as the reference on instruments lists them.
FACTS: dict[str, tuple[int, float, float, int]] = {
    "wai": (36, 36, 252, 14),
    "wai_s": (12, 12, 84, 2),
    "wai_sr": (12, 12, 60, 0),
    "wai_srt": (10, 10, 50, 0),
    "sai": (6, 0, 30, 0),
    "calpas_p": (24, 1, 7, 0),
    "haq_ii": (19, 19, 114, 5),
    "vtas_sf": (5, 0, 25, 0),
    "arm": (28, 1, 7, 0),
    "arm_5": (5, 1, 7, 1),
    "srs": (4, 0, 40, 0),
    "csrs": (4, 0, 40, 0),
    "gsrs": (4, 0, 40, 0),
    "tasc_r": (12, 12, 48, 5),
    "tasc_p": (12, 12, 48, 5),
    "taqs": (5, 1, 5, 0),
    "taqr": (4, 1, 5, 0),
    "star_p": (12, 0, 48, 0),
    "star_c": (12, 0, 48, 0),
    "kas": (28, 28, 112, 0),
    "ors": (4, 0, 40, 0),
    "cors": (4, 0, 40, 0),
    "phq_9": (9, 0, 27, 0),
    "gad_7": (7, 0, 21, 0),
    "core_10": (10, 0, 40, 2),
    "core_om": (34, 0, 40, 8),
    "oq_45": (45, 0, 180, 9),
    "sdq": (25, 0, 40, 5),
    "csq_8": (8, 8, 32, 0),
    "wai_co": (0, 63, 441, 0),
    "ctas_r": (0, 40, 280, 0),
    "softa_s": (0, 16, 80, 0),
    "ham_d": (0, 0, 52, 0),
    "bdi": (0, 0, 63, 0),
}


def problems(content: dict[str, Any]) -> list[str]:
    """What the types and the checks say of a declaration."""
    try:
        instrument = Instrument.model_validate(content)
    except ValidationError as error:
        return [str(found["msg"]) for found in error.errors()]
    return [text for _, text in instrument_findings(instrument)]


def changes_of_range(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "n_items +1", {**content, "n_items": content["n_items"] + 1}
    if content["n_items"]:
        for bound in ("item_minimum", "item_maximum"):
            for step in (-1, 1):
                yield f"{bound} {step:+}", {**content, bound: content[bound] + step}
        yield "item_step", {**content, "item_step": 0.5 if content["item_step"] else 1}
    for position, scale in enumerate(content["scales"]):
        for bound in ("minimum", "maximum"):
            for step in (-1, 1):
                yield f"{bound} {step:+}", _scale(content, position, bound, scale[bound] + step)


def _scale(content: dict[str, Any], position: int, key: str, value: Any) -> dict[str, Any]:
    scales = [*content["scales"]]
    scales[position] = {**scales[position], key: value}
    return {**content, "scales": scales}


def test_every_instrument_of_the_reference_is_declared() -> None:
    assert sorted(FACTS) == CODES
    found = {
        code: (one.n_items, one.total.minimum, one.total.maximum, len(one.reversed_items))
        for code, one in BY_CODE.items()
    }
    assert found == FACTS


def test_scales_have_as_many_items_as_their_sources_say() -> None:
    sizes = {
        code: {scale.scale: len(scale.items) for scale in BY_CODE[code].scales}
        for code in ("wai", "wai_s", "wai_sr", "wai_srt", "core_om", "oq_45", "sdq")
    }
    assert sizes == {
        "wai": {"total": 36, "task": 12, "goal": 12, "bond": 12},
        "wai_s": {"total": 12, "task": 4, "goal": 4, "bond": 4},
        "wai_sr": {"total": 12, "task": 4, "goal": 4, "bond": 4},
        "wai_srt": {"total": 10, "task": 3, "goal": 3, "bond": 4},
        "core_om": {"total": 34, "wellbeing": 4, "problems": 12, "functioning": 12, "risk": 6},
        "oq_45": {"total": 45, "distress": 25, "relations": 11, "role": 9},
        "sdq": {"total": 20, "prosocial": 5}
        | dict.fromkeys(("emotional", "conduct", "hyperactivity", "peer"), 5),
    }


@pytest.mark.parametrize("code", CODES)
def test_any_change_of_a_range_is_told(code: str) -> None:
    content = BY_CODE[code].model_dump()
    assert problems(content) == []
    assert [what for what, changed in changes_of_range(content) if not problems(changed)] == []


@pytest.mark.parametrize("code", [code for code in CODES if BY_CODE[code].is_scored])
def test_no_two_items_count_alike_over_the_complete_examples(code: str) -> None:
    """Else one could stand for the other in a scale, and no score would change."""
    one = BY_CODE[code]
    both = (one.item_minimum or 0) + (one.item_maximum or 0)
    complete = [
        example.items
        for example in one.examples
        if not example.refused_items and len(example.items) == one.n_items
    ]
    counted = {
        number: tuple(
            None if answer is None else both - answer if number in one.reversed_items else answer
            for answer in (items[number] for items in complete)
        )
        for number in range(1, one.n_items + 1)
    }
    assert len(set(counted.values())) == one.n_items


def test_an_item_of_an_unknown_key_cannot_be_left_out() -> None:
    content = BY_CODE["arm"].model_dump()
    items = content["scales"][0]["items"]
    assert problems(_scale(content, 0, "items", items[1:])) == ["items 1 belong to no scale"]


def test_a_scale_of_scales_has_the_items_and_the_range_of_its_parts() -> None:
    content = BY_CODE["sdq"].model_dump()
    fewer = _scale(content, 0, "parts", content["scales"][0]["parts"][1:])
    assert any("items of the parts" in text for text in problems(fewer))
    assert any("is no scale" in text for text in problems(_scale(content, 0, "parts", ["total"])))
    assert problems(_scale(content, 0, "method", "sum"))
    assert problems(_scale(content, 1, "factor", 2))


def test_key_status_follows_from_the_marks() -> None:
    verified = {code for code, one in BY_CODE.items() if one.key_status == "verified"}
    assert verified == {"srs", "gsrs", "ors", "cors", "core_10", "sdq"}
    assert all(len(one.key_note) > 60 and one.sources for one in BY_CODE.values())
    content = BY_CODE["sdq"].model_dump()
    recalled = _scale(content, 1, "mark", "R")
    assert problems(recalled) == [
        "is verified, but the key of emotional has no source marked V; say unverified"
    ]
    assert problems({**recalled, "key_status": "unverified"}) == []
    assert problems({**content, "key_status": "unverified"}) == [
        "is unverified, but all it rests on is marked V; say verified"
    ]


@pytest.mark.parametrize(
    ("code", "changed", "said"),
    [
        ("arm", {"reversed_items": [3]}, "contradicts reversed_items"),
        ("phq_9", {"excluded_items": [9]}, "is an item"),
        ("sdq", {"informant_words": {"sitter": "observer"}}, "words for its informants"),
        ("sdq", {"rater_for": ["observer"]}, "among its informants"),
        ("wai", {"sources": [{"fact": "range", "mark": "R", "source": "x"}] * 2}, "already"),
    ],
)
def test_contradictions_are_told(code: str, changed: dict[str, Any], said: str) -> None:
    assert any(said in text for text in problems(BY_CODE[code].model_dump() | changed))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("scale", "nowhere", "is no scale"),
        ("value", 41, "lies outside"),
        ("informants", ["teacher"], "among the instrument's"),
        ("languages", ["xx"], "among the instrument's"),
    ],
)
def test_a_cut_off_belongs_to_its_instrument(key: str, value: Any, said: str) -> None:
    content = BY_CODE["srs"].model_dump()
    content["cut_offs"] = [{**content["cut_offs"][0], key: value}]
    assert any(said in text for text in problems(content))


NORM = {"population": "students", "language": "en", "informant": "client", "n": 150}
NORM |= {"mean": 34.0, "sd": 5.0, "p10": 27.0, "mark": "V", "source": "made up"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mean": 41}, "lies outside the total's 0 to 40"),
        ({"p10": -1}, "lies outside"),
        ({"informant": "teacher"}, "among the instrument's informants"),
        ({"language": "xx"}, "among the instrument's languages"),
    ],
)
def test_a_norm_belongs_to_its_instrument(changed: dict[str, Any], said: str) -> None:
    content = BY_CODE["srs"].model_dump()
    assert problems(content | {"norms": [NORM, NORM | {"population": "outpatients"}]}) == []
    assert any(said in text for text in problems(content | {"norms": [NORM | changed]}))
    assert any("is there twice" in text for text in problems(content | {"norms": [NORM, NORM]}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": None},
        {"n": 99},
        {"source": ""},
        {"population": ""},
        {"mean": None},
        {"mean": None, "sd": None, "p10": None},
        {"p25": 26.0},
    ],
)
def test_a_norm_without_source_or_n_cannot_be_declared(wrong: dict[str, Any]) -> None:
    assert PublishedNorm.model_validate(NORM | {"n": 100}).n == 100
    with pytest.raises(ValidationError):
        PublishedNorm.model_validate(NORM | wrong)
    for needed in ("n", "source"):
        with pytest.raises(ValidationError):
            PublishedNorm.model_validate({k: v for k, v in NORM.items() if k != needed})


def test_both_cut_offs_of_the_session_rating_scale_stand_and_differ_at_36() -> None:
    at_most, under = BY_CODE["srs"].cut_offs
    assert {one.use for one in (at_most, under)} == {"prompt_for_discussion"}
    assert (at_most.includes(36), under.includes(36)) == (True, False)
    assert at_most.includes(35.9)
    assert under.includes(35.9)
    assert not at_most.includes(36.1)
    assert BY_CODE["srs"].reliable_change == ()
    above = CutOff.model_validate(at_most.model_dump() | {"side": "above"})
    assert [above.includes(score) for score in (35.9, 36, 36.1)] == [False, True, True]


def test_clinical_ranges_begin_where_their_sources_say() -> None:
    """Lower is better on the first five: the value itself is in the range. Higher is better on the
    last two: it is not. A language or an informant of its own goes before none."""
    found = {
        (code, " ".join(c.languages), " ".join(c.informants), " ".join(c.age_bands)): (
            c.value,
            c.includes(c.value),
            c.includes(c.value - 0.5),
        )
        for code, one in BY_CODE.items()
        for c in one.cut_offs
        if c.use == "clinical_range"
    }
    assert found == {
        ("phq_9", "", "", ""): (10, True, False),  # Kroenke et al. 2001
        ("phq_9", "en", "", ""): (10, True, False),  # NHS Talking Therapies
        ("gad_7", "", "", ""): (10, True, False),
        ("gad_7", "en", "", ""): (8, True, False),  # NHS Talking Therapies
        ("core_10", "", "", ""): (11, True, False),
        ("core_om", "", "", ""): (10, True, False),
        ("oq_45", "", "", ""): (63, True, False),
        ("sdq", "en", "caregiver", ""): (17, True, False),
        ("sdq", "en", "teacher", ""): (16, True, False),
        ("sdq", "en", "child", ""): (20, True, False),
        ("ors", "", "", ""): (25, False, True),
        ("ors", "", "", "13_17"): (28, False, True),
        ("cors", "", "child", ""): (32, False, True),
    }


def test_reliable_change_is_published_or_computed_from_a_named_sample() -> None:
    named = {"sd": 7.5, "reliability": 0.8, "sample": "made up", "mark": "V", "source": "made up"}
    # 1.96 x 7.5 x sqrt(2 x 0.2) = 1.96 x 7.5 x 0.632456 = 9.297.
    assert ReliableChange.model_validate(named).points == pytest.approx(9.297, abs=5e-4)
    for wrong in ({"published": 5}, {"sd": None}, {"sample": None}):
        with pytest.raises(ValidationError):
            ReliableChange.model_validate(named | wrong)
    published = {code: [c.points for c in one.reliable_change] for code, one in BY_CODE.items()}
    assert {code: points for code, points in published.items() if points} == {
        "ors": [5],
        "cors": [5],
        "phq_9": [6],
        "gad_7": [4],
        "core_10": [6],
        "core_om": [5],
        "oq_45": [14],
    }


def test_answers_that_cannot_be_scored_are_known() -> None:
    unscored = {code for code, one in BY_CODE.items() if one.n_items and not one.is_scored}
    assert unscored == {"calpas_p", "arm", "star_p", "star_c", "kas", "csq_8"}


def test_what_is_no_alliance_is_not_called_so() -> None:
    kinds = {code: one.kind for code, one in BY_CODE.items()}
    assert kinds["taqr"] == "process"
    assert kinds["csq_8"] == "satisfaction"
    for one in BY_CODE.values():
        claims = [*one.constructs, *(s.alliance_construct for s in one.scales)]
        assert (one.kind == "alliance") == any(claims)


def test_an_unknown_field_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    folder = home(tmp_path)
    (folder / "instruments").mkdir(exist_ok=True)
    text = (SHIPPED / "instruments" / "sai.yml").read_text(encoding="utf-8")
    text = text.replace('version: "1"', 'version: "9"').replace(
        "direction:", "revers: []\ndirection:"
    )
    (folder / "instruments" / "own.yml").write_text(text, encoding="utf-8")
    line = text[: text.index("revers:")].count("\n") + 1
    with pytest.raises(RegistryError) as raised:
        load_registry([folder])
    assert f"own.yml:{line}: revers" in str(raised.value)


def test_one_file_in_a_home_is_a_new_instrument(tmp_path: Path) -> None:
    folder = home(tmp_path)
    (folder / "instruments").mkdir(exist_ok=True)
    content = yaml.safe_load((SHIPPED / "instruments" / "sai.yml").read_text(encoding="utf-8"))
    (folder / "instruments" / "own.yml").write_text(yaml.safe_dump(content | {"version": "9"}))
    assert set(load_registry([folder]).instruments) - set(INSTRUMENTS) == {("sai", "9")}


def test_answers_between_points_are_admissible_on_a_line_only() -> None:
    assert BY_CODE["srs"].is_admissible(7.25)
    assert BY_CODE["srs"].response_values is None
    assert not BY_CODE["wai_sr"].is_admissible(2.5)
    assert BY_CODE["phq_9"].response_values == (0, 1, 2, 3)


def test_response_points_are_exact_to_the_stored_decimals() -> None:
    tenths = BY_CODE["srs"].model_copy(update={"item_step": 0.1})
    assert tenths.is_admissible(0.3)
    assert tenths.is_admissible(0.7)
