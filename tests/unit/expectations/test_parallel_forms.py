"""Which totals may be set against each other; what a reliable change and an age declare."""

from typing import Any

import pytest
from pydantic import ValidationError

from expectations.instrument import Instrument
from expectations.instrument_facts import CutOff, ParallelForm, ReliableChange
from expectations.parallel_checks import parallel_findings
from expectations.registry import load_registry

INSTRUMENTS = load_registry().instruments
CHILD, PARENT = INSTRUMENTS["tasc_r", "1"], INSTRUMENTS["tasc_p", "1"]


def told(**changed: Any) -> list[str]:
    (declared,) = PARENT.parallel_to
    parallel = ParallelForm.model_validate({**declared.model_dump(), **changed})
    instrument = PARENT.model_copy(update={"parallel_to": (parallel,)})
    return [text for _, text in parallel_findings(instrument, INSTRUMENTS)]


def test_the_shipped_parallel_forms_are_the_parents_and_the_childs() -> None:
    assert {
        (one.instrument_code, other.instrument_code)
        for one in INSTRUMENTS.values()
        for other in one.parallel_to
    } == {("tasc_p", "tasc_r")}
    assert PARENT.reversed_items == CHILD.reversed_items
    assert told() == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"instrument_code": "tasc_q"}, "tasc_q version 1 is not declared"),
        ({"instrument_code": "tasc_p"}, "is the instrument itself"),
        ({"items": {1: 1}}, "must name every item of both totals"),
        ({"items": dict.fromkeys(range(1, 13), 1)}, "must name every item of both totals"),
        ({"instrument_code": "star_c"}, "have another range"),
        ({"instrument_code": "wai_sr"}, "have another range"),
    ],
)
def test_totals_that_are_not_alike_are_told(changed: dict[str, Any], said: str) -> None:
    assert any(said in text for text in told(**changed))


def test_another_kind_or_direction_is_told() -> None:
    other = CHILD.model_copy(update={"kind": "process"})
    (text,) = [
        text for _, text in parallel_findings(PARENT, {**INSTRUMENTS, ("tasc_r", "1"): other})
    ]
    assert text == "is of another kind or direction"


def test_a_published_change_counts_when_reached_and_a_computed_one_when_exceeded() -> None:
    published = ReliableChange(published=6, mark="V", source="x")
    assert (published.is_reliable(-6), published.is_reliable(5.99)) == (True, False)
    computed = ReliableChange(sd=5, reliability=0.5, sample="x", mark="V", source="x")
    assert computed.points == pytest.approx(9.8)
    assert (computed.is_reliable(computed.points), computed.is_reliable(-9.81)) == (False, True)


def test_a_cut_off_may_be_for_some_ages() -> None:
    ors: Instrument = INSTRUMENTS["ors", "1"]
    assert {one.name: one.age_bands for one in ors.cut_offs} == {
        "clinical_range_adult": (),
        "clinical_range_teen": ("13_17",),
    }
    with pytest.raises(ValidationError):
        CutOff.model_validate({**ors.cut_offs[0].model_dump(), "age_bands": ["13"]})
